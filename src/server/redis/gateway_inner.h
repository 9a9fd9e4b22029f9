/* gateway_inner: what the files of a gateway share.
 *
 *   gateway.c                a backend's face: jobs come in; its life
 *   gateway_find.c           ... and clients that ask later: what was promised, dead letters
 *   gateway_subscriptions.c  the jobs of this process that somebody listens to
 *   gateway_events.c         the thread that fills them, as an engine would
 */
#ifndef SV_GATEWAY_INNER_H
#define SV_GATEWAY_INNER_H

#include "base/lock.h"
#include "base/map.h"
#include "server/redis/link.h"
#include "server/redis/rates.h"
#include "server/redis/redis.h"
#include "server/redis/vectors.h"

enum { SV_GATEWAY_CANCELS_MAX = 256, SV_GATEWAY_ID = 33 };

typedef struct sv_subscription { /* a job of this process that somebody listens to */
    ev_map_node node;            /* by the job's id */
    sv_job *job;                 /* held */
    double last_event_s;         /* when its last event came */
    bool missing;                /* it was not in the queue at the last heartbeat */
} sv_subscription;

typedef struct sv_gateway {
    sv_backend backend; /* first */
    sv_redis_parts parts;
    sv_redis redis;
    sv_rates *rates;
    sv_vectors *vectors;
    char name[SV_GATEWAY_ID];
    sv_links links; /* of requests */
    ev_mutex lock;
    ev_map subscriptions EV_GUARDED_BY(lock);
    sv_load load EV_GUARDED_BY(lock);
    char cancels[SV_GATEWAY_CANCELS_MAX][SV_JOB_ID + 1] EV_GUARDED_BY(
        lock); /* of jobs without a listener, to be sent to the queue */
    int cancel_count EV_GUARDED_BY(lock);
    /* the thread's alone */
    sv_link link;
    char last_event_id[48];
    int untrimmed_events; /* events that were read and are there still */
    double last_heartbeat_s;
    pthread_t thread;
    bool running;
    atomic_bool stopping, ended; /* the thread is to end, and has */
} sv_gateway;

static inline sv_gateway *sv_gateway_of(sv_backend *backend) { return (sv_gateway *)backend; }

/* ---- gateway_subscriptions.c ---- */
sv_subscription *sv_gateway_subscription(const sv_gateway *g, const char *id)
    EV_REQUIRES(g->lock); /* NULL: there is none */
bool sv_gateway_subscribe(sv_gateway *g, sv_job *job) EV_EXCLUDES(g->lock);
/* Takes it off the list; its hold is the caller's. NULL: it is not on it. */
sv_job *sv_gateway_unsubscribe(sv_gateway *g, const char *id) EV_EXCLUDES(g->lock);
sv_job *sv_gateway_touch(sv_gateway *g, const char *id) EV_EXCLUDES(g->lock); /* an event of it came; held */
/* Nobody listens any more: the queue is asked to cancel it, by the thread. */
void sv_gateway_queue_cancel(sv_gateway *g, const char *id) EV_EXCLUDES(g->lock);
/* Over for everybody; takes the caller's hold. Of the thread alone, or behind its end. */
void sv_gateway_end_job(sv_gateway *g, sv_job *job, sv_job_state state, const ev_error *error);
/* ... unless somebody else ended it meanwhile. */
void sv_gateway_end(sv_gateway *g, const char *id, sv_job_state state, ev_status status, const char *why);
void sv_gateway_end_all(sv_gateway *g);

/* ---- gateway_events.c ---- */
void *sv_gateway_main(void *gateway);
/* That this gateway lives; how much waits; whether what is listened to is still there. false: Redis does not answer.
 */
bool sv_gateway_heartbeat(sv_gateway *g);
void sv_gateway_send_cancels(sv_gateway *g);

/* ---- gateway_find.c: calls of a backend ---- */
ev_status sv_gateway_snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                              ev_error *err);
ev_status sv_gateway_cancel(sv_backend *b, sv_job *job, ev_error *err);
ev_status sv_gateway_retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                           int32_t *retry_after_ms, ev_error *err);
ev_status sv_gateway_dead_letters(sv_backend *b, ev_buf *out, ev_error *err);
ev_status sv_gateway_dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err);
ev_status sv_gateway_drop(sv_backend *b, const char *id, ev_error *err);

#endif
