/* worker_inner: what worker.c and forward.c share. */
#ifndef SV_WORKER_INNER_H
#define SV_WORKER_INNER_H

#include "base/lock.h"
#include "server/redis/link.h"
#include "server/redis/redis.h"

enum { SV_FORWARDERS = 2, SV_ENTRY_ID = 48, SV_WORKER_NAME = 128, SV_GATEWAY_NAME = 40 };

typedef struct sv_told { /* what a listener has */
    size_t samples, words;
    bool some; /* it has a first message */
} sv_told;

typedef struct sv_taken {    /* a job that this worker has the lease of */
    struct sv_taken *next;   /* of all */
    struct sv_taken *behind; /* in the forwarders' queue, or among the suspects */
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
    double due;               /* when the forwarders look at it again */
    double ending;            /* since when its end is being told; 0: not yet */
    sv_told told;             /* to all */
    char late[SV_JOB_ID + 1]; /* by which one listens who came late, and is told ... */
    sv_told late_told;        /* ... what all were before */
} sv_taken;

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
    sv_taken *all EV_GUARDED_BY(lock);
    int count EV_GUARDED_BY(lock);
    sv_taken *first EV_GUARDED_BY(lock), **end EV_GUARDED_BY(lock); /* to be forwarded */
    sv_taken *suspects EV_GUARDED_BY(lock);                         /* each is made alone */
    double made_s EV_GUARDED_BY(lock); /* seconds of audio since the start, of jobs that are over ... */
    double busy_s EV_GUARDED_BY(lock); /* ... and seconds in which there was something to make */
    atomic_bool paused, stopping, stopped;
    pthread_t fetcher, beater, sweeper, forwarders[SV_FORWARDERS];
    bool fetching, beating, sweeping;
    int forwarding;
};

/* forward.c */
void *sv_forward_main(void *worker);
/* Its job is in the engine: what comes of it is sent on. */
void sv_forward_watch(sv_taken *taken);
/* Takes it off all lists and frees it; the caller is the last that knows it. */
void sv_taken_drop(sv_taken *taken);

#endif
