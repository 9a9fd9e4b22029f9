/* worker_inner: what worker.c and its threads (fetch.c, forward.c, sweep.c) share. */
#ifndef SV_WORKER_INNER_H
#define SV_WORKER_INNER_H

#include "base/lock.h"
#include "server/redis/link.h"
#include "server/redis/redis.h"

enum { SV_FORWARDERS = 2, SV_ENTRY_ID = 48, SV_WORKER_NAME = 128, SV_GATEWAY_NAME = 40 };
enum { SV_AWAY_MS = 200 }; /* between two looks at a Redis that does not answer */

typedef struct sv_progress { /* what a listener was sent */
    size_t samples, words;
    bool has_first; /* it has a first message */
} sv_progress;

typedef struct sv_leased_job {        /* a job that this worker has the lease of */
    struct sv_leased_job *next;       /* of all */
    struct sv_leased_job *queue_next; /* in the forwarders' queue, or among the suspects */
    struct sv_worker *worker;
    sv_job *job; /* held; NULL: a suspect that was not begun */
    char id[SV_JOB_ID + 1], entry[SV_ENTRY_ID], blob[SV_JOB_ID + 1];
    char gateway[SV_GATEWAY_NAME]; /* where somebody listens; "": it is kept */
    int class;
    atomic_bool begun; /* the engine has or had it, or it is over */
    atomic_bool lost;  /* it is another's now, or nobody's: whatever it comes to is dropped */
    bool in_blob;      /* its recording is in the store */
    bool alone;        /* a suspect's turn has come: nothing is taken beside it (the worker's lock) */
    sv_waiter waiter;
    double due;                        /* when the forwarders look at it again */
    double ending_since;               /* since when its end is being sent; 0: not yet */
    sv_progress progress;              /* of all listeners */
    char late_listener[SV_JOB_ID + 1]; /* id of one who came late, and is sent ... */
    sv_progress late_progress;         /* ... what all were sent before */
} sv_leased_job;

struct sv_worker {
    sv_redis_parts parts;
    sv_redis redis;
    struct sv_vectors *vectors;
    sv_engine *engine;
    void (*prepare)(void *user, sv_job *job);
    void *user;
    char name[SV_WORKER_NAME];
    int slots;
    ev_mutex lock;   /* of all below; taken with a job's lock held, never the other way round */
    ev_cond changed; /* something is over, or to be forwarded */
    sv_leased_job *all EV_GUARDED_BY(lock);
    int count EV_GUARDED_BY(lock);
    sv_leased_job *first EV_GUARDED_BY(lock), **end EV_GUARDED_BY(lock); /* to be forwarded */
    sv_leased_job *suspects EV_GUARDED_BY(lock);                         /* each is made alone */
    double made_s EV_GUARDED_BY(lock); /* seconds of audio since the start, of jobs that are over ... */
    double busy_s EV_GUARDED_BY(lock); /* ... and seconds in which there was something to make */
    atomic_bool paused, stopping, stopped;
    pthread_t fetcher, heartbeats, sweeper, forwarders[SV_FORWARDERS];
    bool fetching, sending_heartbeats, sweeping;
    int forwarding;
};

/* fetch.c */
void *sv_fetch_main(void *worker);
/* sweep.c */
void *sv_sweep_main(void *worker);

/* forward.c */
void *sv_forward_main(void *worker);
/* Its job is in the engine: what comes of it is sent on. */
void sv_forward_watch(sv_leased_job *leased_job);
/* Takes it off all lists and frees it; the caller is the last that knows it. */
void sv_leased_job_free(sv_leased_job *leased_job);

#endif
