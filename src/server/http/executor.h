/* executor: what HTTP has to do that takes longer than a moment, away from the thread that serves everybody: reading
 * JSON and forms, judging words, lists, files, encoding audio. A task is done once, by a thread of its lane; lanes do
 * not wait for each other, and within one the clients take turns. Where a lane has several threads, one client has
 * all but one of them at most: its crowd delays another's task by nothing, and where there is one thread, by one
 * task.
 *
 * Owner:   a task is its maker's; it may be put again, or freed, from the moment that run was called.
 * Threads: put by any thread; it takes the executor's lock alone.
 */
#ifndef SV_EXECUTOR_H
#define SV_EXECUTOR_H

#include "base/base.h"

typedef enum sv_lane {
    SV_LANE_NONE,        /* the caller's own thread: done in a moment */
    SV_LANE_ASK,         /* small requests */
    SV_LANE_BULK,        /* large bodies, lists, files */
    SV_LANE_AUDIO_FIRST, /* encoding the first seconds of what is being made, some milliseconds of work at a time */
    SV_LANE_AUDIO_LONG,  /* ... the rest of a long answer */
    SV_LANE_AUDIO_MADE,  /* ... what was made before it was asked for */
    SV_LANE_COUNT
} sv_lane;

typedef struct sv_exec_task {
    struct sv_exec_task *next;
    void (*run)(void *user);
    void *user;
    const char *account; /* whose turn it takes */
    uint32_t bucket;     /* of the account; the executor's */
} sv_exec_task;

typedef struct sv_executor sv_executor;
ev_status sv_executor_create(sv_executor **out, ev_error *err);
/* false: not now, and run will not be called: the executor stops, or the lane, or this client's part of it, is full.
 */
bool sv_executor_put(sv_executor *executor, sv_lane lane, sv_exec_task *task);
void sv_executor_stop(sv_executor *executor); /* what is there is done; more is not taken */
void sv_executor_free(sv_executor **executor);

#endif
