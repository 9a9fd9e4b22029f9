/* fetch: jobs on their way from the queue into the engine of this process, no more than it runs at once. What was
 * being made when another worker died is made alone, with nothing else in this process: so whatever ends the process
 * then is that job's doing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/jobs/record.h"
#include "server/redis/message.h"
#include "server/redis/worker_inner.h"

enum { BLOCK_MS = 250, IDLE_MS = 20 };

/* ---- what the process does ---- */

static void wait_changed(sv_worker *w, int ms) {
    const struct timespec at = ev_clock_after(1e-3 * ms);
    ev_mutex_lock(&w->lock);
    ev_cond_wait_until(&w->changed, &w->lock, &at);
    ev_mutex_unlock(&w->lock);
}

/* None beside what is made alone. */
static int free_slots(sv_worker *w) {
    ev_mutex_lock(&w->lock);
    assert(w->count >= 0);
    int slots = w->slots - w->count;
    for (const sv_leased_job *t = w->all; t && slots; t = t->next) slots = t->alone ? 0 : slots;
    ev_mutex_unlock(&w->lock);
    return slots;
}

static bool is_leased(sv_worker *w, const char *id) {
    bool found = false;
    ev_mutex_lock(&w->lock);
    for (const sv_leased_job *t = w->all; t && !found; t = t->next) found = strcmp(t->id, id) == 0;
    ev_mutex_unlock(&w->lock);
    return found;
}

/* On the list, so that its lease is kept. NULL: out of memory. */
static sv_leased_job *add_leased_job(sv_worker *w, int class, const char *entry, const char *id) {
    assert(strlen(id) == SV_JOB_ID && class >= 0 && class < SV_REDIS_CLASSES);
    sv_leased_job *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    *t = (sv_leased_job){.worker = w, .class = class};
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->entry, sizeof t->entry, "%s", entry);
    ev_mutex_lock(&w->lock);
    t->next = w->all;
    w->all = t;
    w->count++;
    ev_mutex_unlock(&w->lock);
    return t;
}

/* ---- a job for the engine ---- */

/* Its recording, from the message or the store. */
static ev_status read_recording(sv_leased_job *t, const redisReply *reply, sv_record *r, ev_error *err) {
    const redisReply *inside = sv_reply_at(reply, 2);
    const int64_t bytes = sv_reply_int(reply, 7, 0);
    if (bytes <= 0) return EV_OK;
    if (bytes > 64 << 20) return ev_fail(err, EV_E_FORMAT, "a job's recording has %lld bytes", (long long)bytes);
    r->reference = malloc((size_t)bytes);
    if (!r->reference) return ev_fail(err, EV_E_MEMORY, "out of memory");
    r->reference_bytes = (size_t)bytes;
    if (inside && inside->type == REDIS_REPLY_STRING && (int64_t)inside->len == bytes) {
        memcpy(r->reference, inside->str, (size_t)bytes);
        return EV_OK;
    }
    t->in_blob = true;
    snprintf(t->blob, sizeof t->blob, "%s", sv_reply_text(reply, 8));
    const ev_status status = sv_store_get(t->worker->parts.recordings, t->blob, (size_t)bytes, r->reference, err);
    return status == EV_E_NOT_FOUND ? ev_fail(err, EV_E_IO, "its recording is not in the store any more") : status;
}

/* As it was asked for, but that its times are this machine's. */
static void localise(sv_leased_job *t, const redisReply *reply, sv_job *job) {
    const int64_t left_ms = sv_reply_int(reply, 4, 0), attempts = sv_reply_int(reply, 5, 1);
    const double now = ev_clock_s();
    job->times.arrived = now - (double)sv_reply_int(reply, 3, 0) * 1e-3;
    if (job->times.arrived <= 0) job->times.arrived = 1e-6;
    job->speech.deadline_us = left_ms > 0 ? (int64_t)(now * 1e6) + left_ms * 1000 : 0;
    job->speech.stream = *t->gateway != '\0';
    job->tries = (int32_t)(attempts > 1 ? attempts - 1 : 0);
    job->promised = true; /* it was admitted when it came in */
    job->show_words |= *t->gateway != '\0';
    atomic_store(&job->kept, false);
    atomic_store(&job->listeners, 1);
}

static ev_status make_job(sv_leased_job *t, const redisReply *reply, ev_error *err) {
    const redisReply *message = sv_reply_at(reply, 1);
    sv_record r = {0};
    snprintf(t->gateway, sizeof t->gateway, "%s", sv_reply_text(reply, 6));
    ev_status status = message && message->type == REDIS_REPLY_STRING
                           ? sv_message_job(&r, message->str, message->len, err)
                           : ev_fail(err, EV_E_FORMAT, "a job in Redis has no message");
    if (status == EV_OK && strcmp(r.id, t->id) != 0) memcpy(r.id, t->id, sizeof r.id); /* a dead letter's, again */
    if (status == EV_OK) status = read_recording(t, reply, &r, err);
    if (status == EV_OK) status = sv_record_job(&t->job, &r, err);
    if (status == EV_OK) localise(t, reply, t->job);
    sv_record_free(&r);
    return status;
}

/* A job without anything but its end. */
static sv_job *job_of_id(const char *id) {
    sv_speech speech;
    sv_speech_init(&speech);
    speech.text = strdup("");
    sv_job *job = sv_job_create(&speech, "");
    if (job) memcpy(job->id, id, SV_JOB_ID + 1);
    if (job) atomic_store(&job->listeners, 1);
    return job;
}

/* It is over before it began. */
static void fail_job(sv_leased_job *t, const ev_error *error, bool dead) {
    if (!t->job) t->job = job_of_id(t->id);
    if (!t->job) { /* its lease ends, and it is tried again */
        sv_leased_job_free(t);
        return;
    }
    atomic_store(&t->begun, true);
    t->job->dead = dead;
    if (dead) t->job->tries = (int32_t)t->worker->parts.config->tries_max;
    sv_job_finish(t->job, SV_JOB_FAILED, error);
    sv_forward_watch(t);
}

/* Into the engine, as soon as there is memory for it. */
static void start_job(sv_leased_job *t) {
    sv_worker *w = t->worker;
    assert(t->job && !atomic_load(&t->begun));
    if (w->prepare) w->prepare(w->user, t->job);
    atomic_store(&t->begun, true);
    if (atomic_load(&t->lost)) atomic_store(&t->job->listeners, 0);
    sv_job *job = sv_job_ref(t->job); /* the engine's */
    bool taken = false;
    while (!atomic_load(&w->stopping) && !(taken = sv_engine_resume(w->engine, job))) usleep(IDLE_MS * 1000);
    if (!taken) { /* it is given back */
        sv_job_finish(t->job, SV_JOB_CANCELED, NULL);
        sv_job_unref(&job);
    }
    sv_forward_watch(t);
}

/* The answer to TAKE; NULL: Redis does not answer, and the entry waits for its lease to end. */
static redisReply *take_lease(sv_worker *w, sv_link *link, const sv_leased_job *t, bool alone) {
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, t->id);
    sv_args_text(&a, w->name);
    sv_args_text(&a, t->entry);
    sv_args_int(&a, t->class);
    sv_args_text(&a, alone ? "1" : "0");
    sv_args_int(&a, w->parts.config->tries_max);
    return sv_link_script(link, SV_SCRIPT_TAKE, &a, &err);
}

/* Takes over t. */
static void run_entry(sv_worker *w, sv_link *link, sv_leased_job *t, bool alone) {
    ev_error err = {0};
    redisReply *reply = take_lease(w, link, t, alone);
    const char *what = sv_reply_text(reply, 0);
    if (strcmp(what, "SUSPECT") == 0) {
        ev_mutex_lock(&w->lock);
        assert(!t->queue_next);
        t->queue_next = w->suspects;
        w->suspects = t;
        ev_mutex_unlock(&w->lock);
    } else if (strcmp(what, "RUN") == 0) {
        if (make_job(t, reply, &err) == EV_OK)
            start_job(t);
        else
            fail_job(t, &err, false);
    } else if (strcmp(what, "DEAD") == 0) {
        (void)make_job(t, reply, &err);
        err = (ev_error){0};
        ev_fail(&err, EV_E_DEVICE, "its worker ended while it was made, %lld times",
                (long long)sv_reply_int(reply, 5, 0));
        sv_log_line(w->parts.log, SV_LEVEL_ERROR, t->id, "%s: it is a dead letter now", err.message);
        fail_job(t, &err, true);
    } else {
        sv_leased_job_free(t);
    }
    if (reply) freeReplyObject(reply);
}

/* ---- suspects ---- */

static sv_leased_job *take_suspect(sv_worker *w, bool alone) {
    ev_mutex_lock(&w->lock);
    sv_leased_job *t = w->suspects;
    if (t) w->suspects = t->queue_next;
    if (t) t->queue_next = NULL;
    if (t) t->alone = alone;
    ev_mutex_unlock(&w->lock);
    return t;
}

/* Something else is with the engine, or on its way from it. */
static bool is_busy(sv_worker *w) {
    bool busy = false;
    ev_mutex_lock(&w->lock);
    for (const sv_leased_job *t = w->all; t && !busy; t = t->next) busy = atomic_load(&t->begun);
    ev_mutex_unlock(&w->lock);
    return busy;
}

/* One of them, alone. false: there is none. */
static bool run_suspects(sv_worker *w, sv_link *link) {
    ev_mutex_lock(&w->lock);
    const bool some = w->suspects != NULL;
    ev_mutex_unlock(&w->lock);
    if (!some) return false;
    if (is_busy(w)) {
        wait_changed(w, IDLE_MS);
        return true;
    }
    sv_leased_job *t = take_suspect(w, true);
    if (t && atomic_load(&t->lost))
        sv_leased_job_free(t);
    else if (t)
        run_entry(w, link, t, true);
    return true;
}

/* Those that were not begun are others'. */
static void give_back_suspects(sv_worker *w, sv_link *link) {
    sv_leased_job *t;
    ev_error err = {0};
    while ((t = take_suspect(w, false)) != NULL) {
        sv_args a = {0};
        sv_args_text(&a, t->id);
        sv_args_text(&a, w->name);
        redisReply *reply = sv_link_script(link, SV_SCRIPT_RELEASE, &a, &err);
        if (reply) freeReplyObject(reply);
        sv_leased_job_free(t);
    }
}

/* ---- the queue ---- */

static void key_of_class(char key[64], int class) {
    assert(class >= 0 && class < SV_REDIS_CLASSES);
    snprintf(key, 64, SV_REDIS_PREFIX ":queue:%d", class);
}

/* From the beginning of the stream: what came before there was a group is not lost. */
static void make_groups(sv_link *link) {
    for (int class = 0; class < SV_REDIS_CLASSES; class ++) {
        char key[64];
        ev_error err = {0};
        sv_args a = {0};
        key_of_class(key, class);
        sv_args_text(&a, "XGROUP");
        sv_args_text(&a, "CREATE");
        sv_args_text(&a, key);
        sv_args_text(&a, SV_REDIS_GROUP);
        sv_args_text(&a, "0");
        sv_args_text(&a, "MKSTREAM");
        redisReply *reply = sv_link_quiet(link, &a, &err); /* there may be one */
        if (reply) freeReplyObject(reply);
    }
}

/* [id, [field, value ...]]: one that was deleted has no fields. */
static void take_entry(sv_worker *w, sv_link *link, int class, const redisReply *entry) {
    const char *at = sv_reply_text(entry, 0), *id = sv_reply_text(sv_reply_at(entry, 1), 1);
    if (!*at || strlen(id) != SV_JOB_ID || is_leased(w, id)) return;
    sv_leased_job *t = add_leased_job(w, class, at, id);
    if (t) run_entry(w, link, t, false);
}

static int class_of_key(const char *key) {
    const size_t length = strlen(key);
    return length && key[length - 1] >= '0' && key[length - 1] < '0' + SV_REDIS_CLASSES ? key[length - 1] - '0' : 1;
}

/* Of these classes. Entries that were taken; -1: it went wrong. */
static int read_new(sv_worker *w, sv_link *link, int from, int to, int most, int block_ms) {
    assert(from >= 0 && from <= to && to < SV_REDIS_CLASSES && most > 0);
    char keys[SV_REDIS_CLASSES][64];
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, "XREADGROUP");
    sv_args_text(&a, "GROUP");
    sv_args_text(&a, SV_REDIS_GROUP);
    sv_args_text(&a, w->name);
    sv_args_text(&a, "COUNT");
    sv_args_int(&a, most);
    if (block_ms) sv_args_text(&a, "BLOCK");
    if (block_ms) sv_args_int(&a, block_ms);
    sv_args_text(&a, "STREAMS");
    for (int class = from; class <= to; class ++) {
        key_of_class(keys[class], class);
        sv_args_text(&a, keys[class]);
    }
    for (int class = from; class <= to; class ++) sv_args_text(&a, ">");
    redisReply *reply = sv_link_call(link, &a, block_ms, &err);
    if (!reply) {
        if (err.status == EV_E_NOT_FOUND) make_groups(link);
        return -1;
    }
    int count = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *entries = sv_reply_at(reply->element[i], 1);
        const int class = class_of_key(sv_reply_text(reply->element[i], 0));
        for (size_t k = 0; entries && entries->type == REDIS_REPLY_ARRAY && k < entries->elements; k++, count++)
            take_entry(w, link, class, entries->element[k]);
    }
    freeReplyObject(reply);
    return count;
}

/* What is urgent first; where there is nothing at all, waits a moment for anything. false: it went wrong. */
static bool fetch_entries(sv_worker *w, sv_link *link) {
    int all = 0;
    for (int class = 0; class < SV_REDIS_CLASSES; class ++) {
        const int slots = free_slots(w);
        if (slots <= 0) return true;
        const int count = read_new(w, link, class, class, slots, 0);
        if (count < 0) return false;
        all += count;
    }
    return all || free_slots(w) <= 0 || read_new(w, link, 0, SV_REDIS_CLASSES - 1, 1, BLOCK_MS) >= 0;
}

/* Entries whose worker was not heard of for a lease. The cursor is followed to its end, but for what there is no room
 * for. */
static bool reclaim_class(sv_worker *w, sv_link *link, int class) {
    char key[64], cursor[64] = "0-0";
    key_of_class(key, class);
    do {
        const int slots = free_slots(w);
        if (slots <= 0) return true;
        ev_error err = {0};
        sv_args a = {0};
        sv_args_text(&a, "XAUTOCLAIM");
        sv_args_text(&a, key);
        sv_args_text(&a, SV_REDIS_GROUP);
        sv_args_text(&a, w->name);
        sv_args_int(&a, (int64_t)(w->parts.config->redis_lease * 1000));
        sv_args_text(&a, cursor);
        sv_args_text(&a, "COUNT");
        sv_args_int(&a, slots);
        redisReply *reply = sv_link_call(link, &a, 0, &err);
        if (!reply) {
            if (err.status == EV_E_NOT_FOUND) make_groups(link);
            return false;
        }
        snprintf(cursor, sizeof cursor, "%s", sv_reply_text(reply, 0));
        const redisReply *entries = sv_reply_at(reply, 1);
        for (size_t i = 0; entries && entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++) {
            sv_metric_add(w->parts.metrics, SV_METRIC_CLAIMED, 0, 1);
            take_entry(w, link, class, entries->element[i]);
        }
        freeReplyObject(reply);
    } while (*cursor && strcmp(cursor, "0-0") != 0);
    return true;
}

static bool reclaim(sv_worker *w, sv_link *link) {
    for (int class = 0; class < SV_REDIS_CLASSES; class ++) {
        if (!reclaim_class(w, link, class)) return false;
    }
    return true;
}

/* A quarter of the lease, give or take, so that not all workers look at the same time. */
static double next_reclaim(const sv_worker *w, unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return ev_clock_s() + w->parts.config->redis_lease * (0.2 + 0.1 * (double)(*seed >> 16) / 65536.0);
}

void *sv_fetch_main(void *worker) {
    sv_worker *w = worker;
    sv_link link = {.redis = &w->redis};
    unsigned seed = (unsigned)getpid();
    double due = 0;
    while (!atomic_load(&w->stopping)) {
        if (!atomic_load(&w->redis.up)) {
            usleep(SV_AWAY_MS * 1000);
            continue;
        }
        if (atomic_load(&w->paused)) {
            give_back_suspects(w, &link);
            wait_changed(w, 10 * IDLE_MS);
            continue;
        }
        if (run_suspects(w, &link)) continue;
        if (free_slots(w) <= 0) {
            wait_changed(w, 5 * IDLE_MS);
            continue;
        }
        bool well = true;
        if (ev_clock_s() >= due) {
            well = reclaim(w, &link);
            due = next_reclaim(w, &seed);
        }
        if (well && !atomic_load(&w->paused)) well = fetch_entries(w, &link);
        if (!well) usleep(SV_AWAY_MS * 1000);
    }
    give_back_suspects(w, &link);
    sv_link_close(&link);
    return NULL;
}
