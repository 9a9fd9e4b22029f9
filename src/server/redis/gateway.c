/* gateway: jobs that workers elsewhere make, as a backend. What is promised lives in Redis alone. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "server/jobs/record.h"
#include "server/redis/documents.h"
#include "server/redis/gateway_inner.h"
#include "server/redis/message.h"

static_assert(offsetof(sv_gateway, backend) == 0, "the one is found by the other");
static_assert(SV_GATEWAY_ID == SV_JOB_ID + 1, "a gateway's name is made as an id is");

/* ---- coming in ---- */

static double seconds(sv_backend *b, const sv_speech *speech) {
    (void)b;
    return sv_estimate_seconds(speech);
}

/* All of it passes through here anyway. */
static bool windowed(sv_backend *b, const sv_speech *speech, double length_s) {
    (void)speech;
    (void)b;
    (void)length_s;
    return false;
}

static void refuse_job(sv_gateway *g, sv_job *job, sv_submission *out, sv_verdict verdict, int64_t retry_ms) {
    assert(verdict != SV_ACCEPT);
    out->admission = (sv_admission){.verdict = verdict, .retry_after_ms = (int32_t)retry_ms};
    sv_job *listened_to = sv_gateway_unsubscribe(g, job->id);
    sv_job_unref(&listened_to);
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "refused");
    if (!sv_job_comes_again(job))
        sv_metric_add(g->parts.metrics, SV_METRIC_JOBS,
                      verdict == SV_OVER_SHARE ? SV_OUTCOME_REJECTED_QUOTA : SV_OUTCOME_REJECTED_FULL, 1);
    sv_job_finish(job, SV_JOB_FAILED, &error);
    sv_jobs_forget(g->parts.jobs, job);
}

static void refuse_unavailable(sv_gateway *g, sv_job *job, sv_submission *out, int64_t retry_ms, const char *why) {
    out->unavailable = true;
    ev_fail(&out->error, EV_E_LIMIT, "%s", why);
    refuse_job(g, job, out, SV_FULL, retry_ms);
}

/* Its own bytes, and of what is listened to here the samples that will come. */
static sv_claim_result claim(sv_gateway *g, sv_job *job, const char *account, double length_s) {
    assert(length_s >= 0);
    const double rate = ev_model_sample_rate(g->parts.model), kept = atomic_load(&job->kept) ? 0 : 1.25;
    const double bytes = (double)sv_job_bytes(job) + kept * length_s * rate * (double)sizeof(int16_t);
    return sv_claim_set(g->parts.ledger, &job->claim, account, bytes < 1e15 ? (int64_t)bytes : INT64_MAX / 2, 1);
}

static void add_key(sv_args *a, const sv_job *job, char key[2 * SV_JOB_KEY + 1], char body[2 * SV_JOB_KEY + 1]) {
    static const unsigned char none[SV_JOB_KEY];
    key[0] = body[0] = '\0';
    if (memcmp(job->idempotency.key, none, sizeof none) != 0) {
        ev_hex(job->idempotency.key, SV_JOB_KEY, key);
        ev_hex(job->idempotency.body, SV_JOB_KEY, body);
    }
    sv_args_text(a, key);
    sv_args_text(a, body);
}

/* By which equal requests of other gateways are known: the same as within one, so whoever may not share there does
 * not here. What is promised is never shared. */
static void add_content(sv_args *a, const sv_job *job, char content[2 * SV_JOB_KEY + 1]) {
    static const unsigned char none[SV_JOB_KEY];
    content[0] = '\0';
    if (!atomic_load(&job->kept) && memcmp(job->key, none, sizeof none) != 0) ev_hex(job->key, SV_JOB_KEY, content);
    sv_args_text(a, content);
}

/* The answer to ENQUEUE; NULL: err says why not. */
static redisReply *enqueue(sv_gateway *g, const sv_job *job, const char *message, const sv_record *r, double length_s,
                           ev_error *err) {
    const sv_speech *s = &job->speech;
    const bool aside = r->reference_bytes > SV_INLINE_MAX;
    char key[2 * SV_JOB_KEY + 1], body[2 * SV_JOB_KEY + 1];
    sv_args a = {0};
    sv_args_text(&a, job->id);
    sv_args_int(&a, s->priority);
    sv_args_text(&a, job->owner);
    sv_args_real(&a, length_s);
    sv_args_text(&a, atomic_load(&job->kept) ? "" : g->name);
    sv_args_text(&a, message);
    sv_args_bytes(&a, r->reference, aside ? 0 : r->reference_bytes);
    sv_args_int(&a, (int64_t)r->reference_bytes);
    add_key(&a, job, key, body);
    sv_args_real(&a, g->parts.config->queue_audio);
    const double left_s = (double)s->deadline_us * 1e-6 - ev_clock_s();
    sv_args_int(&a, !s->deadline_us ? 0 : left_s > 0.001 ? (int64_t)(left_s * 1000) : 1);
    if (aside && sv_store_put(g->parts.recordings, job->id, r->reference, r->reference_bytes, err) != EV_OK)
        return NULL;
    sv_args_real(&a, job->quota_s);
    char content[2 * SV_JOB_KEY + 1];
    add_content(&a, job, content);
    return sv_links_script(&g->links, SV_SCRIPT_ENQUEUE, &a, err);
}

/* What is not in the queue needs no recording in the store. */
static void drop_recording_aside(sv_gateway *g, const sv_job *job, const sv_record *r) {
    if (r->reference_bytes > SV_INLINE_MAX) (void)sv_store_remove(g->parts.recordings, job->id, NULL);
}

static void accept_job(sv_gateway *g, sv_job *job, sv_submission *out, const char *first) {
    out->admission = (sv_admission){.verdict = SV_ACCEPT};
    snprintf(out->first, sizeof out->first, "%s", first);
    if (atomic_load(&job->kept)) sv_jobs_forget(g->parts.jobs, job); /* any gateway answers for it */
}

static void handle_reply(sv_gateway *g, sv_job *job, const sv_record *r, const redisReply *reply,
                         sv_submission *out) {
    const char *what = sv_reply_text(reply, 0);
    const int64_t retry_ms = sv_reply_int(reply, 1, 1000);
    if (strcmp(what, "OK") == 0) {
        accept_job(g, job, out, "");
        return;
    }
    drop_recording_aside(g, job, r);
    if (strcmp(what, "JOINED") == 0) {
        accept_job(g, job, out, "");
    } else if (strcmp(what, "SAME") == 0) {
        accept_job(g, job, out, sv_reply_text(reply, 1));
    } else if (strcmp(what, "CONFLICT") == 0) {
        out->conflict = true;
        refuse_job(g, job, out, SV_FULL, 1000);
    } else if (strcmp(what, "QUOTA") == 0) {
        out->over_quota = true;
        refuse_job(g, job, out, SV_OVER_SHARE, retry_ms);
    } else if (strcmp(what, "NOBODY") == 0) {
        refuse_unavailable(g, job, out, 2000, "there is no worker now that could speak: try again later");
    } else {
        refuse_job(g, job, out, strcmp(what, "SHARE") == 0 ? SV_OVER_SHARE : SV_FULL, retry_ms);
    }
}

static void submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    sv_gateway *g = sv_gateway_of(b);
    sv_record r = {0};
    ev_error err = {0};
    const double length_s = sv_estimate_seconds(&job->speech);
    job->claim_result = claim(g, job, account, length_s);
    if (job->claim_result != SV_CLAIM_OK || atomic_load(&g->stopping)) {
        refuse_job(g, job, out, SV_FULL, 2000);
        return;
    }
    char *message = sv_record_request(&r, job) ? sv_message_of_job(&r) : NULL;
    const bool ready = message && (atomic_load(&job->kept) || sv_gateway_subscribe(g, job));
    redisReply *reply = ready ? enqueue(g, job, message, &r, length_s, &err) : NULL;
    if (reply) {
        handle_reply(g, job, &r, reply, out);
        freeReplyObject(reply);
    } else {
        /* It may be in the queue all the same. Nobody was promised it: of what was to be listened to, the queue is
         * told; what has an Idempotency-Key is found by it, and the rest is made for nobody. */
        if (ready && !atomic_load(&job->kept)) sv_gateway_queue_cancel(g, job->id);
        refuse_unavailable(g, job, out, 1000,
                           ready ? "the queue cannot be asked now: try again after the time in Retry-After"
                                 : "out of memory");
    }
    free(message);
    sv_record_free(&r);
    if (!atomic_load(&g->stopping)) return;
    while (!atomic_load(&g->ended)) usleep(1000); /* it may have come in behind the last round */
    sv_gateway_end(g, job->id, SV_JOB_CANCELED, EV_E_CANCELED, "the service is stopping");
}

static void join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    (void)b, (void)job, (void)priority, (void)stream; /* it stands where it stands in the queue */
}

static void nudge(sv_backend *b) { (void)b; } /* the thread looks five times a second */

static void backlog(sv_backend *b, sv_load *out) {
    sv_gateway *g = sv_gateway_of(b);
    ev_mutex_lock(&g->lock);
    *out = g->load;
    ev_mutex_unlock(&g->lock);
    out->available = atomic_load(&g->redis.up);
}

static bool idle(sv_backend *b) {
    ev_mutex_lock(&sv_gateway_of(b)->lock);
    const bool none = !sv_gateway_of(b)->subscriptions.count;
    ev_mutex_unlock(&sv_gateway_of(b)->lock);
    return none;
}

/* ---- life ---- */

static void stop(sv_backend *b) {
    sv_gateway *g = sv_gateway_of(b);
    if (atomic_exchange(&g->stopping, true)) return;
    sv_rates_stop(&g->rates);
    if (g->running) pthread_join(g->thread, NULL);
    atomic_store(&g->ended, true);
    sv_gateway_end_all(g);
    sv_gateway_send_cancels(g);
}

static void close_gateway(sv_backend *b) {
    sv_gateway *g = sv_gateway_of(b);
    stop(b);
    sv_vectors_close(&g->vectors);
    sv_redis_documents_close(&g->backend.documents);
    sv_links_close(&g->links);
    sv_link_close(&g->link);
    ev_map_free(&g->subscriptions);
    ev_mutex_destroy(&g->lock);
    free(g);
}

/* No two gateways have one, nor a gateway and the one that it was before. */
static sv_gateway *make_gateway(const sv_redis_parts *parts) EV_NOT_SHARED {
    static const sv_backend_calls calls = {seconds,
                                           windowed,
                                           submit,
                                           join,
                                           nudge,
                                           sv_gateway_snapshot,
                                           sv_gateway_cancel,
                                           sv_gateway_retry,
                                           sv_gateway_dead_letters,
                                           sv_gateway_dead_letter,
                                           sv_gateway_drop,
                                           backlog,
                                           idle,
                                           stop,
                                           close_gateway};
    sv_gateway *g = calloc(1, sizeof *g);
    if (!g || !ev_map_init(&g->subscriptions, 0)) {
        free(g);
        return NULL;
    }
    g->backend = (sv_backend){.calls = &calls, .decides_keys = true};
    g->parts = *parts;
    g->redis.log = parts->log;
    snprintf(g->last_event_id, sizeof g->last_event_id, "0-0");
    ev_mutex_init(&g->lock);
    sv_links_open(&g->links, &g->redis);
    g->link = (sv_link){.redis = &g->redis, .retries_while_down = true};
    return g;
}

ev_status sv_redis_gateway(sv_backend **out, const sv_redis_parts *parts, ev_error *err) {
    sv_gateway *g = make_gateway(parts);
    *out = NULL;
    if (!g) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_status status = sv_redis_url_parse(&g->redis.url, parts->config->redis, err);
    if (status == EV_OK && !sv_job_make_id(g->name)) status = ev_fail(err, EV_E_MEMORY, "no random numbers");
    if (status == EV_OK) status = sv_redis_start(&g->redis, err);
    if (status == EV_OK && atomic_load(&g->redis.up))
        (void)sv_gateway_heartbeat(g); /* before the first job names this sv_gateway */
    if (status == EV_OK)
        status = sv_vectors_open(&g->vectors, &g->redis, parts->voices, parts->config->store_ttl, err);
    if (status == EV_OK) status = sv_redis_documents(&g->backend.documents, &g->redis, g->name, parts->config, err);
    if (status == EV_OK) status = sv_rates_start(&g->rates, &g->redis, parts->limiters, err);
    if (status == EV_OK) {
        g->running = pthread_create(&g->thread, NULL, sv_gateway_main, g) == 0;
        if (!g->running)
            status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status == EV_OK)
        *out = &g->backend;
    else
        close_gateway(&g->backend);
    return status;
}
