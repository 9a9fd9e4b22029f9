/* queue: how much waits in Redis, for a process that is neither gateway nor worker. One thread's. */
#ifndef SV_REDIS_QUEUE_H
#define SV_REDIS_QUEUE_H

#include "server/redis/link.h"

typedef struct sv_redis_queue { /* starts as {0} */
    sv_redis redis;
    sv_link link;
} sv_redis_queue;

/* It need not answer yet. EV_E_ARGUMENT: the URL is none, or Redis is not to be trusted with jobs. */
ev_status sv_redis_queue_open(sv_redis_queue *queue, const char *url, sv_log *log, ev_error *err);
/* Seconds of speech that were accepted and are not over. false: it cannot be asked now. */
bool sv_redis_queue_seconds(sv_redis_queue *queue, double *seconds);
void sv_redis_queue_close(sv_redis_queue *queue);

#endif
