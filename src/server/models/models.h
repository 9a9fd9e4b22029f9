/* models: the model files that the service speaks with, each with its voices and an engine of its own.
 *
 *   models.c      START HERE: the list; a reload of it
 *   residency.c   what of them is in memory: loaded when it is needed, unloaded when memory is short
 *   local.c       their engines as one backend of jobs
 *
 * A list never changes; a reload makes another. Both are counted, so that a request keeps the models that it was read
 * with, and a model that no list has and whose jobs are over is closed by sv_models_tend.
 *
 * The first of a list is the default: it stays in memory, as does the one that keeps uploaded voices. Others are
 * unloaded, the one unused for longest first, where another is needed and memory_max has no room for both; their
 * catalogue stays, and the next job brings them back.
 *
 * Threads: any. A load takes a second; what waits for it is the preprocess thread of the model's own engine.
 */
#ifndef SV_MODELS_H
#define SV_MODELS_H

#include "server/engine/engine.h"
#include "server/voices/catalogue.h"

typedef struct sv_model {
    char name[SV_MODEL_NAME_MAX + 1]; /* letters, digits, '.', '_', '-' */
    uint32_t number; /* no other model of this process has it, nor the same file when it is read again */
    sv_catalogue *catalogue;
    sv_voices *voices;
    sv_engine *engine;              /* NULL: speech is made elsewhere */
    atomic_bool keeps_uploads;      /* set when its store is open, by a reload too while requests read it */
    struct sv_residency *residency; /* the rest, for this module alone */
} sv_model;

typedef struct sv_model_list {
    atomic_int refs;
    struct sv_models *models;
    size_t count;
    sv_model *items[]; /* the default first */
} sv_model_list;

typedef struct sv_models_parts { /* borrowed */
    sv_engine_parts engine;      /* without model, voices, needed */
    sv_decoder *decoder;
    int64_t fixed_least; /* bytes that must be left for requests */
    bool no_engines;     /* speech is made elsewhere */
} sv_models_parts;

typedef struct sv_models sv_models;
/* Opens all that the setting `model` names, or the default voice. EV_E_ARGUMENT: two of one name; memory_max is too
 * small for the default. Otherwise as ev_model_open, with the model's name. */
ev_status sv_models_create(sv_models **out, const sv_models_parts *parts, ev_error *err);
/* What sv_models_create would read. */
ev_status sv_models_check(const sv_config *config, ev_error *err);
void sv_models_stop(sv_models *models);  /* engines run nothing more */
void sv_models_free(sv_models **models); /* no list is held by others */

sv_model_list *sv_models_list(sv_models *models); /* the one in force; the caller's to unref */
void sv_model_list_unref(sv_model_list **list);
/* The model of that name, without regard to case; NULL: none. */
sv_model *sv_model_find(const sv_model_list *list, const char *name, size_t length);
/* "a, b, c": the names of those that can do it; what NULL: all. */
void sv_model_names(const sv_model_list *list, bool (*can)(const sv_catalogue *catalogue), char *text, size_t size);
/* What requests call a voice: its name, or in a model behind one that has the same, "model/name"; in `id` or the
 * catalogue's. */
enum { SV_VOICE_REFERENCE_SIZE = SV_MODEL_NAME_MAX + 128 };
const char *sv_model_voice(const sv_model_list *list, size_t model, size_t voice, char id[SV_VOICE_REFERENCE_SIZE]);
/* The weights of a list's default, which are there as long as the list. */
const ev_model *sv_model_default(const sv_model_list *list);
bool sv_model_loaded(const sv_model *model);

/* The list that a new `model` setting asks for: files that did not change are not read again. It is the caller's, and
 * in force after sv_models_use. EV_E_*: as create; nothing changes. */
ev_status sv_models_reload(sv_models *models, const sv_config *config, sv_model_list **out, ev_error *err);
void sv_models_use(sv_models *models, sv_model_list *list);

/* Now and then: closes what is no list's any more, and tells the engines what memory is free. */
void sv_models_tend(sv_models *models, int64_t free_bytes);

/* One for a job: of that number, or 0: the one in force under that name, NULL: the default. NULL: there is none any
 * more. */
sv_model *sv_model_ref(sv_models *models, const char *name, uint32_t number);
void sv_model_unref(sv_models *models, sv_model **model);
/* All that are not closed, in the order of their coming; each is held during its call. */
void sv_models_each(sv_models *models, void (*each)(void *user, sv_model *model), void *user);

#endif
