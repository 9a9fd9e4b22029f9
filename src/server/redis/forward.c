/* forward: what a worker's engine makes, on its way to the listeners. Samples go to the gateway as they are made;
 * at the end, the result goes into the store (or with the end itself, where it is small), and then the end into the
 * queue. What cannot be sent now is tried again; while it is, the lease is kept. A listener who comes late gets what
 * was sent before, in one go, before anything else is sent.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/lock.h"
#include "base/try.h"
#include "server/jobs/record.h"
#include "server/jobs/result.h"
#include "server/redis/message.h"
#include "server/redis/worker_inner.h"

enum { PIECE = 30000 };     /* samples in one event: 60 kB */
enum { EVENTS_MAX = 1024 }; /* that wait for a gateway */
#define RETRY_S 0.2         /* until what could not be sent is tried again */
#define STORE_S 60.0        /* for so long a result is tried to be kept */

/* ---- the queue of those that have something to send ---- */

/* Under the worker's lock. */
static void enqueue_at(sv_leased_job *t, double due) EV_REQUIRES(t->worker->lock) {
    sv_worker *w = t->worker;
    assert(w->end != &t->queue_next); /* it is not in it yet */
    t->due = due;
    t->queue_next = NULL;
    *w->end = t;
    w->end = &t->queue_next;
    ev_cond_broadcast(&w->changed);
}

static void wake_forwarder(void *leased_job) { /* with the job's lock */
    sv_leased_job *t = leased_job;
    ev_mutex_lock(&t->worker->lock);
    enqueue_at(t, 0);
    ev_mutex_unlock(&t->worker->lock);
}

void sv_forward_watch(sv_leased_job *t) {
    const bool has_listener = *t->gateway && !atomic_load(&t->lost);
    t->waiter =
        (sv_waiter){.wake = wake_forwarder, .user = t, .at = has_listener ? t->progress.samples : (size_t)SV_AT_END};
    if (!sv_job_wait(t->job, &t->waiter)) wake_forwarder(t);
}

static void retry_after(sv_leased_job *t, double delay_s) {
    assert(delay_s >= 0);
    ev_mutex_lock(&t->worker->lock);
    enqueue_at(t, ev_clock_s() + delay_s);
    ev_mutex_unlock(&t->worker->lock);
}

/* The first that is due; taken off. NULL: none; *wait_s: how long until one may be. */
static sv_leased_job *take_due(sv_worker *w, double now, double *wait_s) EV_REQUIRES(w->lock) {
    *wait_s = 1;
    for (sv_leased_job **at = &w->first; *at; at = &(*at)->queue_next) {
        sv_leased_job *t = *at;
        if (t->due > now) {
            if (t->due - now < *wait_s) *wait_s = t->due - now;
            continue;
        }
        *at = t->queue_next;
        if (!*at) w->end = at;
        t->queue_next = NULL;
        return t;
    }
    return NULL;
}

void sv_leased_job_free(sv_leased_job *t) {
    sv_worker *w = t->worker;
    ev_mutex_lock(&w->lock);
    for (sv_leased_job **at = &w->all; *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        w->count--;
        assert(w->count >= 0);
        break;
    }
    ev_cond_broadcast(&w->changed);
    ev_mutex_unlock(&w->lock);
    if (t->job) atomic_fetch_sub(&t->job->listeners, 1);
    sv_job_unref(&t->job);
    free(t);
}

/* ---- samples ---- */

typedef enum send_result { SEND_OK, SEND_RETRY, SEND_NO_LISTENER, SEND_LATE_LISTENER } send_result;

/* A script goes on when no listener lacks what was sent before it came; else it answers with that one's id. */
static bool remember_late_listener(sv_leased_job *t, const redisReply *reply) {
    if (!reply || reply->type != REDIS_REPLY_STRING || reply->len != SV_JOB_ID) return false;
    if (strcmp(t->late_listener, reply->str) == 0) return true; /* it has some of it already */
    memcpy(t->late_listener, reply->str, sizeof t->late_listener);
    t->late_progress = (sv_progress){0};
    return true;
}

static send_result send_result_of(sv_leased_job *t, const redisReply *reply) {
    if (remember_late_listener(t, reply)) return SEND_LATE_LISTENER;
    if (!reply || reply->type != REDIS_REPLY_INTEGER || !reply->integer) return SEND_RETRY;
    return reply->integer == 1 ? SEND_OK : SEND_NO_LISTENER;
}

/* What follows on what was sent. only: "", or the one who gets it; last: then it has what all have. */
static send_result send_piece(sv_link *link, sv_leased_job *t, const int16_t *samples, size_t count,
                              sv_progress *progress, const char *only, bool last) {
    assert(count <= PIECE);
    unsigned char bytes[2 * PIECE];
    ev_error err = {0};
    size_t words = progress->words;
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (unsigned char)((uint16_t)samples[i] & 0xff);
        bytes[2 * i + 1] = (unsigned char)((uint16_t)samples[i] >> 8);
    }
    const int32_t rate = ev_model_sample_rate(t->worker->parts.model);
    char *message = sv_message_of_audio(t->job, rate, progress->samples, &words, !progress->has_first);
    if (!message) return SEND_RETRY;
    assert(words >= progress->words);
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, t->worker->name);
    sv_args_int(&a, EVENTS_MAX);
    sv_args_text(&a, message);
    sv_args_bytes(&a, bytes, 2 * count);
    sv_args_text(&a, only);
    sv_args_text(&a, last ? "1" : "");
    redisReply *reply = sv_link_script(link, SV_SCRIPT_SEND, &a, &err);
    const send_result sent = send_result_of(t, reply);
    if (reply) freeReplyObject(reply);
    free(message);
    if (sent == SEND_OK) *progress = (sv_progress){progress->samples + count, words, true};
    return sent;
}

/* Who came late gets what all have. SEND_RETRY: the rest is for another time; else it has it, or has left. */
static send_result catch_up(sv_link *link, sv_leased_job *t) {
    int16_t samples[PIECE];
    bool over = false, last = false;
    send_result sent = SEND_OK;
    while (!last && sent == SEND_OK) {
        assert(t->late_progress.samples <= t->progress.samples);
        const size_t lacks = t->progress.samples - t->late_progress.samples;
        const size_t count =
            sv_job_read(t->job, t->late_progress.samples, samples, lacks < PIECE ? lacks : PIECE, &over);
        last = count == lacks;
        sent = send_piece(link, t, samples, count, &t->late_progress, t->late_listener, last);
    }
    if (sent != SEND_RETRY) *t->late_listener = '\0';
    return sent;
}

/* The engine is told to make no more of it. */
static void give_up(sv_leased_job *t) {
    atomic_store(&t->lost, true);
    atomic_store(&t->job->listeners, 0);
    sv_engine_nudge(t->worker->engine);
}

/* What was made so far. false: it is tried again. */
static bool send_samples(sv_link *link, sv_leased_job *t) {
    int16_t samples[PIECE];
    bool over = false;
    size_t count;
    while ((count = sv_job_read(t->job, t->progress.samples, samples, PIECE, &over)) > 0) {
        send_result sent = send_piece(link, t, samples, count, &t->progress, "", false);
        if (sent == SEND_LATE_LISTENER && (sent = catch_up(link, t)) != SEND_RETRY) continue;
        if (sent == SEND_OK) continue;
        if (sent == SEND_RETRY && !atomic_load(&t->worker->stopping)) {
            retry_after(t, RETRY_S / 4);
            return false;
        }
        give_up(t);
        return true;
    }
    return true;
}

/* ---- the end ---- */

static bool release_lease(sv_link *link, sv_leased_job *t) {
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, t->worker->name);
    redisReply *reply = sv_link_script(link, SV_SCRIPT_RELEASE, &a, &err);
    if (reply) freeReplyObject(reply);
    return reply != NULL;
}

/* Its samples are where they can be found by its record. EV_E_LIMIT, EV_E_IO: not now. */
static ev_status keep_result(sv_leased_job *t, sv_record *r, ev_error *err) {
    const bool small = t->job->count * sizeof(int16_t) <= SV_INLINE_MAX;
    const sv_results *results = t->worker->parts.results;
    t->job->filed = results->files != NULL;
    if (!small) return sv_result_write(results, r, t->job, err);
    TRY(sv_result_describe(r, t->job, err));
    return sv_result_write_file(results, t->job, err);
}

typedef enum finish_result { FINISH_COUNTS, FINISH_WAS_OVER, FINISH_RETRY, FINISH_LATE_LISTENER } finish_result;

static finish_result finish_result_of(sv_leased_job *t, const redisReply *reply) {
    if (remember_late_listener(t, reply)) return FINISH_LATE_LISTENER;
    if (!reply || reply->type != REDIS_REPLY_INTEGER) return FINISH_RETRY;
    return reply->integer == 1 ? FINISH_COUNTS : FINISH_WAS_OVER;
}

static finish_result send_end(sv_link *link, sv_leased_job *t, const sv_record *r) {
    const sv_job *job = t->job;
    const bool within = !*t->gateway && r->state == SV_RECORD_COMPLETED && r->result_bytes <= SV_INLINE_MAX;
    char digest[2 * SV_RECORD_DIGEST + 1];
    static const char *const states[] = {[SV_RECORD_COMPLETED] = "completed",
                                         [SV_RECORD_FAILED] = "failed",
                                         [SV_RECORD_EXPIRED] = "expired",
                                         [SV_RECORD_CANCELED] = "failed"};
    assert((size_t)r->state < EV_ARRAY_COUNT(states) && states[r->state]);
    ev_error err = {0};
    char *event = *t->gateway ? sv_message_of_end(job, r, ev_model_sample_rate(t->worker->parts.model)) : strdup("");
    if (!event) return FINISH_RETRY;
    ev_hex(r->digest, sizeof r->digest, digest);
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, t->worker->name);
    sv_args_text(&a, states[r->state]);
    sv_args_text(&a, r->outcome);
    sv_args_int(&a, r->result_bytes);
    sv_args_text(&a, digest);
    sv_args_bytes(&a, within ? job->samples : NULL, within ? (size_t)r->result_bytes : 0);
    sv_args_int(&a, (int64_t)t->worker->parts.config->store_ttl);
    sv_args_text(&a, r->dead ? "1" : "0");
    sv_args_text(&a, event);
    sv_args_real(&a, (double)job->count / ev_model_sample_rate(t->worker->parts.model));
    redisReply *reply = sv_link_script(link, SV_SCRIPT_FINISH, &a, &err);
    const finish_result result = finish_result_of(t, reply);
    if (reply) freeReplyObject(reply);
    free(event);
    return result;
}

static void report_finished(sv_leased_job *t, const sv_record *r, bool counts) {
    sv_worker *w = t->worker;
    if (!counts) return;
    ev_mutex_lock(&w->lock);
    w->made_s += (double)t->job->count / ev_model_sample_rate(w->parts.model);
    ev_mutex_unlock(&w->lock);
    if (t->in_blob && !r->dead) (void)sv_store_remove(w->parts.recordings, t->blob, NULL);
    if (w->parts.ended) w->parts.ended(w->parts.ended_user, t->job);
}

/* The record of how it ended, its result kept. false: out of memory, or not now. */
static bool describe_end(sv_leased_job *t, sv_job_state state, ev_error *error, sv_record *r) {
    ev_error err = {0};
    const int32_t rate = ev_model_sample_rate(t->worker->parts.model);
    if (state == SV_JOB_COMPLETED && !*t->gateway) {
        const ev_status status = keep_result(t, r, &err);
        const bool patient = ev_clock_s() - t->ending_since < STORE_S && !atomic_load(&t->worker->stopping);
        if (status != EV_OK && patient) return false;
        if (status != EV_OK) {
            state = SV_JOB_FAILED;
            r->result_bytes = 0;
            ev_fail(error, EV_E_IO, "its result could not be kept: %s", err.message);
        }
    }
    return sv_record_outcome(r, t->job, state, error, rate);
}

/* false: it is tried again. */
static bool finish_job(sv_link *link, sv_leased_job *t) {
    ev_error error = {0};
    sv_record r = {0};
    const sv_job_state state = sv_job_snapshot(t->job, NULL, NULL, &error);
    assert(sv_job_over(state));
    if (atomic_load(&t->lost)) return true;
    if (state == SV_JOB_CANCELED) return release_lease(link, t) || atomic_load(&t->worker->stopping);
    if (t->ending_since <= 0) t->ending_since = ev_clock_s();
    finish_result result = FINISH_RETRY;
    if (describe_end(t, state, &error, &r)) result = send_end(link, t, &r);
    while (result == FINISH_LATE_LISTENER && catch_up(link, t) != SEND_RETRY) result = send_end(link, t, &r);
    const bool over = result == FINISH_COUNTS || result == FINISH_WAS_OVER;
    if (result == FINISH_LATE_LISTENER && atomic_load(&t->worker->stopping))
        (void)release_lease(link, t); /* another sends all */
    if (over) report_finished(t, &r, result == FINISH_COUNTS);
    sv_record_free(&r);
    return over || atomic_load(&t->worker->stopping);
}

/* ---- the threads ---- */

static void forward_job(sv_link *link, sv_leased_job *t) {
    const bool has_listener = *t->gateway && sv_job_snapshot(t->job, NULL, NULL, NULL) != SV_JOB_CANCELED;
    if (has_listener && !atomic_load(&t->lost) && !send_samples(link, t)) return;
    const sv_job_state state = sv_job_snapshot(t->job, NULL, NULL, NULL);
    if (!sv_job_over(state)) {
        sv_forward_watch(t);
        return;
    }
    size_t count;
    sv_job_snapshot(t->job, NULL, &count, NULL);
    if (*t->gateway && t->progress.samples < count && state != SV_JOB_CANCELED && !atomic_load(&t->lost)) {
        retry_after(t, 0); /* they came between the two looks */
    } else if (finish_job(link, t)) {
        sv_leased_job_free(t);
    } else {
        retry_after(t, RETRY_S);
    }
}

static void wait_for_work(sv_worker *w, double wait_s) EV_REQUIRES(w->lock) {
    const struct timespec at = ev_clock_after(wait_s);
    ev_cond_wait_until(&w->changed, &w->lock, &at);
}

void *sv_forward_main(void *worker) {
    sv_worker *w = worker;
    sv_link link = {.redis = &w->redis};
    double wait_s;
    ev_mutex_lock(&w->lock);
    while (!atomic_load(&w->stopping) || w->all) {
        sv_leased_job *t = take_due(w, ev_clock_s(), &wait_s);
        if (!t) {
            wait_for_work(w, wait_s);
            continue;
        }
        ev_mutex_unlock(&w->lock);
        forward_job(&link, t);
        ev_mutex_lock(&w->lock);
    }
    ev_mutex_unlock(&w->lock);
    sv_link_close(&link);
    return NULL;
}
