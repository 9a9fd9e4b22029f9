/* rates: what clients may ask for in a second, counted over all gateways. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/redis/rates.h"

enum { AT_ONCE = 150, EVERY_MS = 50 };
static_assert(4 * AT_ONCE + 4 <= SV_ARGS_MAX, "a script gets all of them");

struct sv_rates {
    sv_redis *redis;
    sv_limiter *limiters[2];
    sv_link link;
    pthread_t thread;
    atomic_bool stopping;
};

/* Seconds of speech are counted when jobs come in (SV_SCRIPT_ENQUEUE). */
static bool is_counted(const sv_limiter_change *change) { return strncmp(change->account, "audio/", 6) != 0; }

static size_t drop_others(sv_limiter_change *changes, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_counted(&changes[i])) changes[kept++] = changes[i];
    }
    return kept;
}

static void report_changes(sv_rates *r, sv_limiter *limiter, const sv_limiter_change *changes, size_t count) {
    assert(count > 0 && count <= AT_ONCE);
    sv_args a = {0};
    ev_error err = {0};
    for (size_t i = 0; i < count; i++) {
        sv_args_text(&a, changes[i].account);
        sv_args_real(&a, changes[i].rate.per_s);
        sv_args_real(&a, changes[i].rate.burst);
        sv_args_real(&a, changes[i].taken);
    }
    redisReply *reply = sv_link_script(&r->link, SV_SCRIPT_RATES, &a, &err);
    if (!reply) return; /* it was counted here */
    const uint64_t now_us = (uint64_t)(ev_clock_s() * 1e6);
    for (size_t i = 0; i < count && i < reply->elements; i++)
        sv_limiter_clamp(limiter, changes[i].account, changes[i].rate, sv_reply_real(reply, i), now_us);
    freeReplyObject(reply);
}

static void report_all(sv_rates *r, sv_limiter *limiter) {
    sv_limiter_change changes[AT_ONCE];
    size_t count;
    while ((count = sv_limiter_changes(limiter, changes, AT_ONCE)) > 0) {
        count = drop_others(changes, count);
        if (count && atomic_load(&r->redis->up)) report_changes(r, limiter, changes, count);
    }
}

static void *rates_main(void *rates) {
    sv_rates *r = rates;
    while (!atomic_load(&r->stopping)) {
        usleep(EVERY_MS * 1000);
        for (int i = 0; i < 2; i++) {
            if (r->limiters[i]) report_all(r, r->limiters[i]);
        }
    }
    return NULL;
}

ev_status sv_rates_start(sv_rates **out, sv_redis *redis, sv_limiter *const limiters[2], ev_error *err) {
    *out = NULL;
    ev_status status = EV_OK;
    for (int i = 0; i < 2 && status == EV_OK; i++) {
        if (limiters[i]) status = sv_limiter_share(limiters[i], err);
    }
    sv_rates *r = status == EV_OK ? calloc(1, sizeof *r) : NULL;
    if (!r) return status == EV_OK ? ev_fail(err, EV_E_MEMORY, "out of memory") : status;
    *r = (sv_rates){.redis = redis, .limiters = {limiters[0], limiters[1]}, .link = {.redis = redis}};
    if (pthread_create(&r->thread, NULL, rates_main, r) != 0) {
        free(r);
        return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    *out = r;
    return EV_OK;
}

void sv_rates_stop(sv_rates **rates) {
    sv_rates *r = *rates;
    *rates = NULL;
    if (!r) return;
    atomic_store(&r->stopping, true);
    pthread_join(r->thread, NULL);
    sv_link_close(&r->link);
    free(r);
}
