/* engine_inner: what the files of the engine share. */
#ifndef SV_ENGINE_INNER_H
#define SV_ENGINE_INNER_H

#include "base/lock.h"
#include "server/engine/active.h"
#include "server/engine/engine.h"
#include "server/engine/queue.h"

enum { SV_TEXT_THREADS_MAX = 16, SV_DEAD_MAX = 1000 };

typedef struct sv_account { /* a client of the schedule */
    char name[64];
    uint64_t hash;
    int users;     /* jobs not over */
    uint64_t last; /* number of its last job */
} sv_account;

/* Runs one batch at a time, on its part of the device. */
typedef struct sv_device_worker {
    sv_engine *engine;
    ev_synth *synth;
    pthread_t thread;
    bool busy;
    double share, since; /* of the device, and since when */
    double device_s;     /* seconds of the whole device that this batch took before that */
} sv_device_worker;

/* Makes jobs ready. What needs a recording made into a voice may wait for an untrusted client's server or a long
 * file: it has a pool of its own, and text never waits behind it. */
typedef struct sv_preprocess_pool {
    struct sv_engine *engine;
    sv_queue queue;
    ev_cond fresh; /* something is in it */
    pthread_t threads[SV_TEXT_THREADS_MAX];
    int count;     /* of threads */
    double mean_s; /* that one of them had a job lately; 0: it had none yet */
} sv_preprocess_pool;
enum { SV_POOL_TEXT = 0, SV_POOL_VOICE, SV_POOL_COUNT };

struct sv_engine {
    sv_engine_parts parts;
    sv_device_calls device;
    sv_device_worker workers[SV_PARALLEL_MAX]; /* the first has all of the device's threads when it is alone */
    int worker_count, started;                 /* with a synth; with a thread */
    int32_t threads;
    int32_t rate;                 /* Hz of the model's speech */
    ev_work synth_work;           /* what a synth takes */
    ev_mutex lock;                /* of all below, and of parts.model */
    ev_cond work;                 /* for the workers */
    int busy EV_GUARDED_BY(lock); /* workers */
    sv_schedule schedule EV_GUARDED_BY(lock);
    sv_account accounts[SV_CLIENTS_MAX] EV_GUARDED_BY(lock);
    uint64_t numbers EV_GUARDED_BY(lock);
    sv_preprocess_pool pools[SV_POOL_COUNT];
    ev_list making EV_GUARDED_BY(lock); /* with a pool thread */
    ev_list ready EV_GUARDED_BY(lock);  /* waiting for the device, or running */
    sv_active **order;                  /* of items; both have room for `room` */
    sv_work_item *items;
    size_t count EV_GUARDED_BY(lock), room;
    int64_t shown_jobs EV_GUARDED_BY(lock), shown_dead EV_GUARDED_BY(lock),
        shown_bytes EV_GUARDED_BY(lock); /* its part of the gauges */
    double shown_audio_s EV_GUARDED_BY(lock);
    sv_job *dead[SV_DEAD_MAX] EV_GUARDED_BY(lock); /* held, oldest first */
    size_t dead_count EV_GUARDED_BY(lock);
    int64_t ending EV_GUARDED_BY(lock); /* jobs on no list any more whose end is still being written down */
    bool stopping EV_GUARDED_BY(lock);
};

static inline int64_t sv_us(double seconds) { return (int64_t)(seconds * 1e6); }

/* estimate.c */
/* Rough, before the phones are known: tokens that a speech will have, at its speed. */
int32_t sv_estimate_tokens(const sv_speech *speech);

/* preprocess.c */
void *sv_preprocess_main(void *pool);
/* That its next job would queue. */
int64_t sv_preprocess_wait_us(const sv_engine *e, const sv_preprocess_pool *f, int32_t client) EV_REQUIRES(e->lock);
/* The job's phones (again); a failure is the job's own. */
ev_status sv_preprocess_task(sv_engine *e, sv_active *a, ev_error *err);

/* engine_limits.c; while the engine has no threads yet */
/* The schedule, from the settings and the synth. */
ev_status sv_engine_limits(sv_engine *e, ev_error *err);
/* One sentence that nobody hears: the first requests find warm caches, and admission knows what this machine takes.
 */
void sv_engine_warm_up(sv_engine *e);

/* active.c: a dead letter, over for its listeners, kept for whoever repairs. */
void sv_dead_letter_add(sv_engine *e, sv_job *job) EV_REQUIRES(e->lock);
void sv_dead_letters_show(sv_engine *e) EV_REQUIRES(e->lock); /* their number to the metrics */

/* memory.c: memory that jobs take, claimed before they do. */
/* By what is known of it: its text, or its phones. */
sv_claim_result sv_engine_claim(sv_engine *e, sv_active *a, const char *account) EV_EXCLUDES(e->lock);
void sv_engine_settle(sv_engine *e, sv_job *job) EV_EXCLUDES(e->lock); /* what it took, once it is over */

/* device_worker.c */
void *sv_device_worker_main(void *worker);

/* active.c */
/* A job as the schedule sees it. */
sv_work_item sv_engine_item(const sv_engine *e, const sv_active *a) EV_REQUIRES(e->lock);
/* Jobs that wait for the device into `items` and `order`; with all: those that run, are not ready or wait for their
 * listeners too. */
void sv_engine_gather(sv_engine *e, bool all) EV_REQUIRES(e->lock);
/* Ends what is expired or abandoned, then gathers. */
void sv_engine_collect_runnable(sv_engine *e, int64_t now_us) EV_REQUIRES(e->lock);
/* ... the first alone: jobs that nobody waits for any more, or that cannot be in time; lets go of the lock meanwhile
 */
void sv_engine_end_expired_or_abandoned(sv_engine *e, int64_t now_us) EV_REQUIRES(e->lock);
/* Its words as far as they are made, for listeners; without the engine's lock. */
void sv_engine_publish_words(sv_active *a);
/* Off its list: from here on it is ending, and sv_engine_end is to be called. */
void sv_engine_unlist(sv_engine *e, sv_active *a) EV_REQUIRES(e->lock);
/* Of one that sv_engine_unlist took off; it is gone then. */
void sv_engine_end(sv_engine *e, sv_active *a, sv_job_state state, const ev_error *err) EV_EXCLUDES(e->lock);
/* ... and of a job alone, which took so much of the device. */
void sv_engine_end_job(sv_engine *e, sv_job *job, sv_job_state state, double compute_s, const ev_error *err)
    EV_EXCLUDES(e->lock);

#endif
