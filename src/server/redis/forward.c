/* forward: what a worker's engine makes, on its way to the listeners. Samples go to the gateway as they are made;
 * at the end, the result goes into the store (or with the end itself, where it is small), and then the end into the
 * queue. What cannot be sent now is tried again; while it is, the lease is kept. A listener who comes late gets what
 * was sent before, in one go, before anything else is sent.
 */
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
#define AGAIN_S 0.2         /* until what could not be sent is tried again */
#define STORE_S 60.0        /* for so long a result is tried to be kept */

/* ---- the queue of those that have something to send ---- */

/* Under the worker's lock. */
static void put(sv_taken *t, double due) EV_REQUIRES(t->worker->lock) {
    sv_worker *w = t->worker;
    t->due = due;
    t->behind = NULL;
    *w->end = t;
    w->end = &t->behind;
    ev_cond_broadcast(&w->changed);
}

static void wake(void *taken) { /* with the job's lock */
    sv_taken *t = taken;
    ev_mutex_lock(&t->worker->lock);
    put(t, 0);
    ev_mutex_unlock(&t->worker->lock);
}

void sv_forward_watch(sv_taken *t) {
    const bool heard = *t->gateway && !atomic_load(&t->lost);
    t->waiter = (sv_waiter){.wake = wake, .user = t, .at = heard ? t->told.samples : (size_t)SV_AT_END};
    if (!sv_job_wait(t->job, &t->waiter)) wake(t);
}

static void again(sv_taken *t, double delay_s) {
    ev_mutex_lock(&t->worker->lock);
    put(t, ev_clock_s() + delay_s);
    ev_mutex_unlock(&t->worker->lock);
}

/* The first that is due; taken off. NULL: none; *wait_s: how long until one may be. */
static sv_taken *take_due(sv_worker *w, double now, double *wait_s) EV_REQUIRES(w->lock) {
    *wait_s = 1;
    for (sv_taken **at = &w->first; *at; at = &(*at)->behind) {
        sv_taken *t = *at;
        if (t->due > now) {
            if (t->due - now < *wait_s) *wait_s = t->due - now;
            continue;
        }
        *at = t->behind;
        if (!*at) w->end = at;
        t->behind = NULL;
        return t;
    }
    return NULL;
}

void sv_taken_drop(sv_taken *t) {
    sv_worker *w = t->worker;
    ev_mutex_lock(&w->lock);
    for (sv_taken **at = &w->all; *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        w->count--;
        break;
    }
    ev_cond_broadcast(&w->changed);
    ev_mutex_unlock(&w->lock);
    if (t->job) atomic_fetch_sub(&t->job->listeners, 1);
    sv_job_unref(&t->job);
    free(t);
}

/* ---- samples ---- */

typedef enum sending { SENT, NOT_NOW, NOBODY, SOME_LACK } sending;

/* A script goes on when no listener lacks what was sent before it came; else it answers with that one's id. */
static bool note_late(sv_taken *t, const redisReply *reply) {
    if (!reply || reply->type != REDIS_REPLY_STRING || reply->len != SV_JOB_ID) return false;
    if (strcmp(t->late, reply->str) == 0) return true; /* it has some of it already */
    memcpy(t->late, reply->str, sizeof t->late);
    t->late_told = (sv_told){0};
    return true;
}

static sending sent_by(sv_taken *t, const redisReply *reply) {
    if (note_late(t, reply)) return SOME_LACK;
    if (!reply || reply->type != REDIS_REPLY_INTEGER || !reply->integer) return NOT_NOW;
    return reply->integer == 1 ? SENT : NOBODY;
}

/* What follows on what was told. only: "", or the one who gets it; last: then it has what all have. */
static sending send_piece(sv_link *link, sv_taken *t, const int16_t *samples, size_t count, sv_told *told,
                          const char *only, bool last) {
    unsigned char bytes[2 * PIECE];
    ev_error err = {0};
    size_t words = told->words;
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (unsigned char)((uint16_t)samples[i] & 0xff);
        bytes[2 * i + 1] = (unsigned char)((uint16_t)samples[i] >> 8);
    }
    const int32_t rate = ev_model_sample_rate(t->worker->parts.model);
    char *message = sv_message_of_audio(t->job, rate, told->samples, &words, !told->some);
    if (!message) return NOT_NOW;
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, t->worker->name);
    sv_args_int(&a, EVENTS_MAX);
    sv_args_text(&a, message);
    sv_args_bytes(&a, bytes, 2 * count);
    sv_args_text(&a, only);
    sv_args_text(&a, last ? "1" : "");
    redisReply *reply = sv_link_script(link, SV_SCRIPT_SEND, &a, &err);
    const sending sent = sent_by(t, reply);
    if (reply) freeReplyObject(reply);
    free(message);
    if (sent == SENT) *told = (sv_told){told->samples + count, words, true};
    return sent;
}

/* Who came late gets what all have. NOT_NOW: the rest is for another time; else it has it, or has left. */
static sending catch_up(sv_link *link, sv_taken *t) {
    int16_t samples[PIECE];
    bool over = false, last = false;
    sending sent = SENT;
    while (!last && sent == SENT) {
        const size_t lacks = t->told.samples - t->late_told.samples;
        const size_t count = sv_job_read(t->job, t->late_told.samples, samples, lacks < PIECE ? lacks : PIECE, &over);
        last = count == lacks;
        sent = send_piece(link, t, samples, count, &t->late_told, t->late, last);
    }
    if (sent != NOT_NOW) *t->late = '\0';
    return sent;
}

/* The engine is told to make no more of it. */
static void give_up(sv_taken *t) {
    atomic_store(&t->lost, true);
    atomic_store(&t->job->listeners, 0);
    sv_engine_nudge(t->worker->engine);
}

/* What was made so far. false: it is tried again. */
static bool send_samples(sv_link *link, sv_taken *t) {
    int16_t samples[PIECE];
    bool over = false;
    size_t count;
    while ((count = sv_job_read(t->job, t->told.samples, samples, PIECE, &over)) > 0) {
        sending sent = send_piece(link, t, samples, count, &t->told, "", false);
        if (sent == SOME_LACK && (sent = catch_up(link, t)) != NOT_NOW) continue;
        if (sent == SENT) continue;
        if (sent == NOT_NOW && !atomic_load(&t->worker->stopping)) {
            again(t, AGAIN_S / 4);
            return false;
        }
        give_up(t);
        return true;
    }
    return true;
}

/* ---- the end ---- */

static bool release(sv_link *link, sv_taken *t) {
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, t->worker->name);
    redisReply *reply = sv_link_script(link, SV_SCRIPT_RELEASE, &a, &err);
    if (reply) freeReplyObject(reply);
    return reply != NULL;
}

/* Its samples are where they can be found by its record. EV_E_LIMIT, EV_E_IO: not now. */
static ev_status keep_result(sv_taken *t, sv_record *r, ev_error *err) {
    const bool small = t->job->count * sizeof(int16_t) <= SV_INLINE_MAX;
    const sv_results *results = t->worker->parts.results;
    t->job->filed = results->files != NULL;
    if (!small) return sv_result_write(results, r, t->job, err);
    TRY(sv_result_describe(r, t->job, err));
    return sv_result_write_file(results, t->job, err);
}

typedef enum ending { COUNTS, WAS_OVER, LATER, LACKED } ending;

static ending ended_by(sv_taken *t, const redisReply *reply) {
    if (note_late(t, reply)) return LACKED;
    if (!reply || reply->type != REDIS_REPLY_INTEGER) return LATER;
    return reply->integer == 1 ? COUNTS : WAS_OVER;
}

static ending tell_end(sv_link *link, sv_taken *t, const sv_record *r) {
    const sv_job *job = t->job;
    const bool within = !*t->gateway && r->state == SV_RECORD_COMPLETED && r->result_bytes <= SV_INLINE_MAX;
    char digest[2 * SV_RECORD_DIGEST + 1];
    static const char *const states[] = {[SV_RECORD_COMPLETED] = "completed",
                                         [SV_RECORD_FAILED] = "failed",
                                         [SV_RECORD_EXPIRED] = "expired",
                                         [SV_RECORD_CANCELED] = "failed"};
    ev_error err = {0};
    char *event = *t->gateway ? sv_message_of_end(job, r, ev_model_sample_rate(t->worker->parts.model)) : strdup("");
    if (!event) return LATER;
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
    const ending told = ended_by(t, reply);
    if (reply) freeReplyObject(reply);
    free(event);
    return told;
}

static void ended(sv_taken *t, const sv_record *r, bool counts) {
    sv_worker *w = t->worker;
    if (!counts) return;
    ev_mutex_lock(&w->lock);
    w->made_s += (double)t->job->count / ev_model_sample_rate(w->parts.model);
    ev_mutex_unlock(&w->lock);
    if (t->in_blob && !r->dead) (void)sv_store_remove(w->parts.recordings, t->blob, NULL);
    if (w->parts.ended) w->parts.ended(w->parts.ended_user, t->job);
}

/* The record of how it ended, its result kept. false: out of memory, or not now. */
static bool describe_end(sv_taken *t, sv_job_state state, ev_error *error, sv_record *r) {
    ev_error err = {0};
    const int32_t rate = ev_model_sample_rate(t->worker->parts.model);
    if (state == SV_JOB_COMPLETED && !*t->gateway) {
        const ev_status status = keep_result(t, r, &err);
        const bool patient = ev_clock_s() - t->ending < STORE_S && !atomic_load(&t->worker->stopping);
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
static bool finish(sv_link *link, sv_taken *t) {
    ev_error error = {0};
    sv_record r = {0};
    const sv_job_state state = sv_job_snapshot(t->job, NULL, NULL, &error);
    if (atomic_load(&t->lost)) return true;
    if (state == SV_JOB_CANCELED) return release(link, t) || atomic_load(&t->worker->stopping);
    if (t->ending <= 0) t->ending = ev_clock_s();
    ending told = LATER;
    if (describe_end(t, state, &error, &r)) told = tell_end(link, t, &r);
    while (told == LACKED && catch_up(link, t) != NOT_NOW) told = tell_end(link, t, &r);
    const bool over = told == COUNTS || told == WAS_OVER;
    if (told == LACKED && atomic_load(&t->worker->stopping)) (void)release(link, t); /* another tells all */
    if (over) ended(t, &r, told == COUNTS);
    sv_record_free(&r);
    return over || atomic_load(&t->worker->stopping);
}

/* ---- the threads ---- */

static void forward(sv_link *link, sv_taken *t) {
    const bool heard = *t->gateway && sv_job_snapshot(t->job, NULL, NULL, NULL) != SV_JOB_CANCELED;
    if (heard && !atomic_load(&t->lost) && !send_samples(link, t)) return;
    const sv_job_state state = sv_job_snapshot(t->job, NULL, NULL, NULL);
    if (!sv_job_over(state)) {
        sv_forward_watch(t);
        return;
    }
    size_t count;
    sv_job_snapshot(t->job, NULL, &count, NULL);
    if (*t->gateway && t->told.samples < count && state != SV_JOB_CANCELED && !atomic_load(&t->lost)) {
        again(t, 0); /* they came between the two looks */
    } else if (finish(link, t)) {
        sv_taken_drop(t);
    } else {
        again(t, AGAIN_S);
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
        sv_taken *t = take_due(w, ev_clock_s(), &wait_s);
        if (!t) {
            wait_for_work(w, wait_s);
            continue;
        }
        ev_mutex_unlock(&w->lock);
        forward(&link, t);
        ev_mutex_lock(&w->lock);
    }
    ev_mutex_unlock(&w->lock);
    sv_link_close(&link);
    return NULL;
}
