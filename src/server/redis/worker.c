/* worker: the threads that make a process a worker of a queue in Redis (fetch.c, forward.c, sweep.c), and the leases
 * of what it has in hand.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/redis/vectors.h"
#include "server/redis/worker_inner.h"

#define HEARTBEAT_S 0.5
static_assert((int)SV_GATEWAY_NAME > (int)SV_JOB_ID, "a gateway's name is made as an id is");

/* ---- leases ---- */

static void lose_lease(sv_worker *w, const char *id) {
    ev_mutex_lock(&w->lock);
    for (sv_leased_job *t = w->all; t; t = t->next) {
        if (strcmp(t->id, id) != 0 || atomic_exchange(&t->lost, true)) continue;
        if (atomic_load(&t->begun)) atomic_store(&t->job->listeners, 0);
    }
    ev_mutex_unlock(&w->lock);
    sv_engine_nudge(w->engine);
}

enum { HEARTBEAT_JOBS_MAX = 200 };
static_assert(3 + 3 * HEARTBEAT_JOBS_MAX + 4 <= SV_ARGS_MAX, "a script gets all of them");

/* Audio that this worker makes in a second when it has something to make; 0: it had nothing yet. */
static double speed_of(const sv_worker *w) EV_REQUIRES(w->lock) { return w->busy_s > 1 ? w->made_s / w->busy_s : 0; }

static bool send_heartbeat(sv_worker *w, sv_link *link) {
    char entries[HEARTBEAT_JOBS_MAX][SV_ENTRY_ID], ids[HEARTBEAT_JOBS_MAX][SV_JOB_ID + 1];
    ev_error err = {0};
    sv_args a = {0};
    int count = 0;
    ev_mutex_lock(&w->lock);
    sv_args_text(&a, w->name);
    sv_args_int(&a, atomic_load(&w->paused) ? 0 : w->slots);
    sv_args_real(&a, speed_of(w));
    for (const sv_leased_job *t = w->all; t && count < HEARTBEAT_JOBS_MAX; t = t->next, count++) {
        memcpy(entries[count], t->entry, sizeof t->entry);
        memcpy(ids[count], t->id, sizeof t->id);
        sv_args_int(&a, t->class);
        sv_args_text(&a, entries[count]);
        sv_args_text(&a, ids[count]);
    }
    if (count) w->busy_s += HEARTBEAT_S;
    ev_mutex_unlock(&w->lock);
    redisReply *reply = sv_link_script(link, SV_SCRIPT_WORKER_HEARTBEAT, &a, &err);
    if (!reply) return false;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        lose_lease(w, sv_reply_text(reply, i));
    freeReplyObject(reply);
    return true;
}

static void *heartbeat_main(void *worker) {
    sv_worker *w = worker;
    sv_link link = {.redis = &w->redis, .retries_while_down = true};
    while (!atomic_load(&w->stopped)) {
        const bool up = sv_redis_await(&w->redis, &link);
        sv_metric_set(w->parts.metrics, SV_METRIC_REDIS_UP, up);
        if (up) (void)send_heartbeat(w, &link);
        usleep(up ? (useconds_t)(HEARTBEAT_S * 1e6) : SV_AWAY_MS * 1000);
    }
    sv_link_close(&link);
    return NULL;
}

/* ---- life ---- */

ev_status sv_worker_create(sv_worker **out, const sv_redis_parts *parts, ev_error *err) EV_NOT_SHARED {
    char host[48] = "worker", nonce[SV_JOB_ID + 1];
    const sv_config *c = parts->config;
    sv_worker *w = *out = calloc(1, sizeof *w);
    if (!w) return ev_fail(err, EV_E_MEMORY, "out of memory");
    w->parts = *parts;
    w->redis.log = parts->log;
    w->slots = (int)(c->worker_jobs ? c->worker_jobs : c->batch_max);
    if (w->slots > HEARTBEAT_JOBS_MAX) w->slots = HEARTBEAT_JOBS_MAX;
    assert(w->slots >= 1);
    w->end = &w->first;
    ev_mutex_init(&w->lock);
    ev_cond_init(&w->changed);
    gethostname(host, sizeof host - 1);
    ev_status status = sv_redis_url_parse(&w->redis.url, c->redis, err);
    if (status == EV_OK && !sv_job_make_id(nonce)) status = ev_fail(err, EV_E_MEMORY, "no random numbers");
    if (status == EV_OK) status = sv_redis_start(&w->redis, err);
    if (status == EV_OK) status = sv_vectors_open(&w->vectors, &w->redis, parts->voices, c->store_ttl, err);
    if (status != EV_OK)
        sv_worker_free(out);
    else
        snprintf(w->name, sizeof w->name, "%s-%d-%.8s", host, (int)getpid(), nonce);
    return status;
}

ev_status sv_worker_start(sv_worker *w, sv_engine *engine, void (*prepare)(void *user, sv_job *job), void *user,
                          ev_error *err) {
    assert(!w->fetching && !w->sending_heartbeats && !w->forwarding); /* once */
    w->engine = engine;
    w->prepare = prepare;
    w->user = user;
    w->sending_heartbeats = pthread_create(&w->heartbeats, NULL, heartbeat_main, w) == 0;
    while (w->sending_heartbeats && w->forwarding < SV_FORWARDERS &&
           pthread_create(&w->forwarders[w->forwarding], NULL, sv_forward_main, w) == 0)
        w->forwarding++;
    w->sweeping = pthread_create(&w->sweeper, NULL, sv_sweep_main, w) == 0;
    w->fetching =
        w->sweeping && w->forwarding == SV_FORWARDERS && pthread_create(&w->fetcher, NULL, sv_fetch_main, w) == 0;
    return w->fetching ? EV_OK
                       : ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_worker_pause(sv_worker *w) { atomic_store(&w->paused, true); }

bool sv_worker_idle(sv_worker *w) {
    ev_mutex_lock(&w->lock);
    const bool idle = !w->count;
    ev_mutex_unlock(&w->lock);
    return idle;
}

bool sv_worker_available(sv_worker *w) { return atomic_load(&w->redis.up); }

void sv_worker_stop(sv_worker *w) {
    atomic_store(&w->paused, true);
    if (atomic_exchange(&w->stopping, true)) return;
    ev_mutex_lock(&w->lock);
    ev_cond_broadcast(&w->changed);
    ev_mutex_unlock(&w->lock);
    if (w->fetching) pthread_join(w->fetcher, NULL);
    if (w->sweeping) pthread_join(w->sweeper, NULL);
    ev_mutex_lock(&w->lock);
    ev_cond_broadcast(&w->changed);
    ev_mutex_unlock(&w->lock);
    for (int i = 0; i < w->forwarding; i++) pthread_join(w->forwarders[i], NULL);
    atomic_store(&w->stopped, true);
    if (w->sending_heartbeats) pthread_join(w->heartbeats, NULL);
}

void sv_worker_free(sv_worker **worker) {
    sv_worker *w = *worker;
    *worker = NULL;
    if (!w) return;
    sv_worker_stop(w);
    sv_vectors_close(&w->vectors);
    ev_cond_destroy(&w->changed);
    ev_mutex_destroy(&w->lock);
    free(w);
}
