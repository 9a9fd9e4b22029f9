/* sweep: what is left in the store by processes that died between two steps, and by jobs whose time is over. */
#include <stdio.h>
#include <unistd.h>

#include "server/redis/worker_inner.h"

#define SWEEP_EVERY_S 600.0
#define SWEEP_AGE_S   3600.0

typedef struct sweeping {
    sv_worker *worker;
    sv_link *link;
} sweeping;

/* Where it is not known whether it is wanted, it is. */
static sv_sweep_decision sweep_decision(void *user, const char *id) {
    const sweeping *s = user;
    char job[80], blob[80];
    ev_error err = {0};
    sv_args a = {0};
    snprintf(job, sizeof job, SV_REDIS_PREFIX ":job:%s", id);
    snprintf(blob, sizeof blob, SV_REDIS_PREFIX ":blob:%s", id);
    sv_args_text(&a, "EXISTS");
    sv_args_text(&a, job);
    sv_args_text(&a, blob);
    if (atomic_load(&s->worker->stopping)) return SV_SWEEP_END;
    redisReply *reply = sv_link_call(s->link, &a, 0, &err);
    const bool wanted = !reply || reply->type != REDIS_REPLY_INTEGER || reply->integer > 0;
    if (reply) freeReplyObject(reply);
    return wanted ? SV_SWEEP_KEEP : SV_SWEEP_REMOVE;
}

void *sv_sweep_main(void *worker) {
    sv_worker *w = worker;
    sv_link link = {.redis = &w->redis};
    sweeping sweep = {w, &link};
    double due = ev_clock_s() + SWEEP_EVERY_S;
    while (!atomic_load(&w->stopping)) {
        usleep(SV_AWAY_MS * 1000);
        if (ev_clock_s() < due || !atomic_load(&w->redis.up)) continue;
        sv_store_sweep(w->parts.results->samples, SWEEP_AGE_S, sweep_decision, &sweep);
        if (w->parts.results->files) sv_store_sweep(w->parts.results->files, SWEEP_AGE_S, sweep_decision, &sweep);
        sv_store_sweep(w->parts.recordings, SWEEP_AGE_S, sweep_decision, &sweep);
        due = ev_clock_s() + SWEEP_EVERY_S;
    }
    sv_link_close(&link);
    return NULL;
}
