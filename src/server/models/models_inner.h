/* models_inner: what the files of the module share. */
#ifndef SV_MODELS_INNER_H
#define SV_MODELS_INNER_H

#include <sys/types.h>

#include "base/lock.h"
#include "server/models/models.h"

typedef struct sv_file_identity { /* zero: the default voice, wherever it lies */
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t changed_ns;
} sv_file_identity;

typedef struct sv_residency {
    sv_models *models;
    char *path; /* NULL: the default voice */
    sv_file_identity file;
    ev_model *model; /* NULL: unloaded; under `loading` */
    atomic_bool loaded;
    bool stays;            /* never unloaded; under `loading` */
    int64_t bytes;         /* that it takes when it is loaded, work memory included */
    _Atomic uint64_t used; /* turn of its last job */
    int holds;             /* lists and jobs; under `lock` */
} sv_residency;

struct sv_models {
    sv_models_parts parts;
    ev_mutex loading; /* what loads and unloads; before `lock` */
    ev_mutex lock;
    sv_model_list *list EV_GUARDED_BY(lock); /* in force */
    sv_model **all; /* and count: changed under both locks, so either is enough to read them */
    size_t count, room;
    uint32_t numbers EV_GUARDED_BY(loading);
    _Atomic uint64_t turns;
    atomic_int busy; /* engines that run batches */
    int64_t base;    /* bytes of the process without any model */
};

/* residency.c; under `loading` */
ev_status sv_residency_open(sv_models *models, const char *name, const char *path, const sv_file_identity *file,
                            bool stays, bool keeps_uploads, sv_model **out, ev_error *err)
    EV_REQUIRES(models->loading);
ev_status sv_residency_load(sv_models *models, sv_model *m, ev_error *err)
    EV_REQUIRES(models->loading); /* unless it is */
void sv_residency_close(sv_model *m);
/* Tells the ledger and the table of jobs what the loaded models leave. */
void sv_residency_budget(sv_models *models) EV_REQUIRES(models->loading);

#endif
