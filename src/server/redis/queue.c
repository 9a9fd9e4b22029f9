/* queue: see queue.h. */
#include <math.h>
#include <stdlib.h>

#include "server/redis/queue.h"

ev_status sv_redis_queue_open(sv_redis_queue *q, const char *url, sv_log *log, ev_error *err) {
    q->redis.log = log;
    q->link = (sv_link){.redis = &q->redis, .retries_while_down = true};
    const ev_status status = sv_redis_url_parse(&q->redis.url, url, err);
    return status == EV_OK ? sv_redis_start(&q->redis, err) : status;
}

bool sv_redis_queue_seconds(sv_redis_queue *q, double *seconds) {
    ev_error err = {0};
    sv_args a = {0};
    *seconds = 0;
    if (!sv_redis_await(&q->redis, &q->link)) return false;
    sv_args_text(&a, "HGET");
    sv_args_text(&a, SV_REDIS_PREFIX ":sum");
    sv_args_text(&a, "seconds");
    redisReply *reply = sv_link_call(&q->link, &a, 0, &err);
    if (!reply) return false;
    const double value = reply->type == REDIS_REPLY_STRING ? strtod(reply->str, NULL) : 0;
    *seconds = isfinite(value) && value > 0 ? value : 0;
    freeReplyObject(reply);
    return true;
}

void sv_redis_queue_close(sv_redis_queue *q) { sv_link_close(&q->link); }
