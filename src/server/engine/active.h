/* active: a job that came in and is not over, with what only the engine has of it. */
#ifndef SV_ACTIVE_H
#define SV_ACTIVE_H

#include "base/list.h"
#include "server/jobs/jobs.h"
#include "server/schedule/schedule.h"

typedef struct sv_active {
    ev_list_node node; /* in a pool's queue, among those with a pool's thread, or in the engine's list */
    sv_job *job;       /* held */
    uint64_t number;   /* in the order of coming */
    int32_t client;    /* fair-share account of the schedule */
    int32_t tokens;    /* estimate, until there is a task */
    ev_task *task;
    struct sv_voice *voice; /* NULL: the model's first */
    size_t marks_read;      /* of the task, for words */
    size_t skip;            /* samples to drop: they were handed out by an earlier try */
    int64_t waiting_us;     /* for the device, since then */
    int64_t frames_done;
    double compute_s;
    bool running;      /* with a pool thread, or in the batch at hand */
    sv_work_item item; /* as the schedule sees it; while it runs, as it was before */
} sv_active;

/* The job whose node this is; NULL of NULL. */
static inline sv_active *sv_active_of(const ev_list_node *node) { return EV_CONTAINER_OF(node, sv_active, node); }

#endif
