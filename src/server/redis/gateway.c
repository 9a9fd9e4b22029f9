/* gateway: jobs that workers elsewhere make, as a backend. What is promised lives in Redis alone; of what somebody
 * listens to, one thread reads the events and fills the jobs of this process, as an engine would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/jobs/record.h"
#include "server/jobs/result.h"
#include "server/redis/link.h"
#include "server/redis/message.h"
#include "server/redis/rates.h"
#include "server/redis/redis.h"
#include "server/redis/shared.h"
#include "server/redis/vectors.h"

enum { LINKS = 4, BUCKETS = 1024, ORPHANS = 256, LOOKED_AT = 400, GATEWAY_NAME = 33 };
#define LOOK_EVERY_S 1.0
#define QUIET_S      2.0 /* without an event: is the job still there? */

typedef struct listened { /* a job of this process that somebody listens to */
    struct listened *next;
    sv_job *job;  /* held */
    double heard; /* of it, last */
    bool missing; /* it was not there at the last look */
    size_t words_told;
} listened;

typedef struct gateway {
    sv_backend backend; /* first */
    sv_redis_parts parts;
    sv_redis redis;
    sv_rates *rates;
    sv_vectors *vectors;
    char name[GATEWAY_NAME];
    struct {
        ev_mutex lock;
        sv_link link;
    } links[LINKS]; /* of requests */
    ev_mutex lock;  /* of all below */
    listened *listened[BUCKETS];
    int count;
    sv_load load;
    char orphans[ORPHANS][SV_JOB_ID + 1]; /* nobody listens any more, and the queue is to be told */
    int orphan_count;
    /* the thread's alone */
    sv_link link;
    char last[48]; /* id of the last event */
    double looked;
    pthread_t thread;
    bool running;
    atomic_bool stopping, ended; /* the thread is to end, and has */
} gateway;

static gateway *of(sv_backend *backend) { return (gateway *)backend; }

/* ---- asking ---- */

static redisReply *run(gateway *g, sv_script script, const sv_args *args, ev_error *err) {
    int i = 0;
    while (i < LINKS - 1 && !ev_mutex_try_lock(&g->links[i].lock)) i++;
    if (i == LINKS - 1) ev_mutex_lock(&g->links[i].lock);
    redisReply *reply = sv_link_script(&g->links[i].link, script, args, err);
    ev_mutex_unlock(&g->links[i].lock);
    return reply;
}

/* What a client is told. */
static ev_status not_now(ev_error *err) {
    return ev_fail(err, EV_E_LIMIT, "the queue cannot be asked now: try again after the time in Retry-After");
}

/* ---- jobs that somebody listens to ---- */

static size_t bucket_of(const char *id) {
    unsigned value = 0;
    return sscanf(id, "%4x", &value) == 1 ? value % BUCKETS : 0;
}

static bool listen_to(gateway *g, sv_job *job) {
    listened *l = calloc(1, sizeof *l);
    if (!l) return false;
    *l = (listened){.job = sv_job_ref(job), .heard = ev_clock_s()};
    ev_mutex_lock(&g->lock);
    l->next = g->listened[bucket_of(job->id)];
    g->listened[bucket_of(job->id)] = l;
    g->count++;
    ev_mutex_unlock(&g->lock);
    return true;
}

/* Takes it off the list; its hold is the caller's. NULL: it is not on it. */
static sv_job *unlisten(gateway *g, const char *id) {
    sv_job *job = NULL;
    ev_mutex_lock(&g->lock);
    for (listened **at = &g->listened[bucket_of(id)]; *at; at = &(*at)->next) {
        listened *l = *at;
        if (strcmp(l->job->id, id) != 0) continue;
        *at = l->next;
        job = l->job;
        free(l);
        g->count--;
        break;
    }
    ev_mutex_unlock(&g->lock);
    return job;
}

/* A hold of its own. */
static sv_job *heard_of(gateway *g, const char *id) {
    sv_job *job = NULL;
    ev_mutex_lock(&g->lock);
    for (listened *l = g->listened[bucket_of(id)]; l; l = l->next) {
        if (strcmp(l->job->id, id) != 0) continue;
        l->heard = ev_clock_s();
        l->missing = false;
        job = sv_job_ref(l->job);
        break;
    }
    ev_mutex_unlock(&g->lock);
    return job;
}

static void add_orphan(gateway *g, const char *id) {
    ev_mutex_lock(&g->lock);
    if (g->orphan_count < ORPHANS) memcpy(g->orphans[g->orphan_count++], id, SV_JOB_ID + 1);
    ev_mutex_unlock(&g->lock);
}

static void settle_claim(gateway *g, sv_job *job) {
    ev_mutex_lock(&job->lock);
    const int64_t bytes = sv_job_bytes(job);
    ev_mutex_unlock(&job->lock);
    if (bytes < job->claim.bytes) sv_claim_set(g->parts.ledger, &job->claim, NULL, bytes, 1);
}

/* Equal requests are known by the content's hash: the recording itself is with the queue. */
static void drop_recording(sv_job *job) {
    free(job->speech.reference);
    job->speech.reference = NULL;
    job->speech.reference_bytes = 0;
}

/* Over for everybody; takes the caller's hold. Of the thread alone, or behind its end. */
static void end_job(gateway *g, sv_job *job, sv_job_state state, const ev_error *error) {
    static const sv_outcome outcomes[] = {[SV_JOB_COMPLETED] = SV_OUTCOME_COMPLETED,
                                          [SV_JOB_FAILED] = SV_OUTCOME_FAILED,
                                          [SV_JOB_EXPIRED] = SV_OUTCOME_EXPIRED,
                                          [SV_JOB_CANCELED] = SV_OUTCOME_CANCELED};
    sv_metric_add(g->parts.metrics, SV_METRIC_JOBS, outcomes[state], 1);
    drop_recording(job);
    sv_job_finish(job, state, error);
    settle_claim(g, job);
    if (g->parts.ended) g->parts.ended(g->parts.ended_user, job);
    sv_jobs_over(g->parts.jobs, job);
    sv_job_unref(&job);
}

/* ... unless somebody else ended it meanwhile. */
static void end_listened(gateway *g, const char *id, sv_job_state state, ev_status status, const char *why) {
    ev_error error = {0};
    sv_job *job = unlisten(g, id);
    if (status != EV_OK) ev_fail(&error, status, "%s", why);
    if (job) end_job(g, job, state, &error);
}

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

static void refuse(gateway *g, sv_job *job, sv_submission *out, sv_verdict verdict, int64_t retry_ms) {
    out->admission = (sv_admission){.verdict = verdict, .retry_after_ms = (int32_t)retry_ms};
    sv_job *listened_to = unlisten(g, job->id);
    sv_job_unref(&listened_to);
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "refused");
    sv_metric_add(g->parts.metrics, SV_METRIC_JOBS,
                  verdict == SV_OVER_SHARE ? SV_OUTCOME_REJECTED_QUOTA : SV_OUTCOME_REJECTED_FULL, 1);
    sv_job_finish(job, SV_JOB_FAILED, &error);
    sv_jobs_forget(g->parts.jobs, job);
}

static void unavailable(gateway *g, sv_job *job, sv_submission *out, int64_t retry_ms, const char *why) {
    out->unavailable = true;
    ev_fail(&out->error, EV_E_LIMIT, "%s", why);
    refuse(g, job, out, SV_FULL, retry_ms);
}

/* Its own bytes, and of what is listened to here the samples that will come. */
static sv_claim_result claim(gateway *g, sv_job *job, const char *account, double length_s) {
    const double rate = ev_model_sample_rate(g->parts.model), kept = atomic_load(&job->kept) ? 0 : 1.25;
    const double bytes = (double)sv_job_bytes(job) + kept * length_s * rate * (double)sizeof(int16_t);
    return sv_claim_set(g->parts.ledger, &job->claim, account, bytes < 1e15 ? (int64_t)bytes : INT64_MAX / 2, 1);
}

static void add_key(sv_args *a, const sv_job *job, char key[2 * SV_JOB_KEY + 1], char body[2 * SV_JOB_KEY + 1]) {
    static const unsigned char none[SV_JOB_KEY];
    key[0] = body[0] = '\0';
    if (memcmp(job->idempotency.key, none, sizeof none) != 0) {
        sv_hex_of(job->idempotency.key, SV_JOB_KEY, key);
        sv_hex_of(job->idempotency.body, SV_JOB_KEY, body);
    }
    sv_args_text(a, key);
    sv_args_text(a, body);
}

/* The answer to ENQUEUE; NULL: err says why not. */
static redisReply *enqueue(gateway *g, const sv_job *job, const char *message, const sv_record *r, double length_s,
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
    return run(g, SV_SCRIPT_ENQUEUE, &a, err);
}

/* What is not in the queue needs no recording in the store. */
static void drop_recording_aside(gateway *g, const sv_job *job, const sv_record *r) {
    if (r->reference_bytes > SV_INLINE_MAX) (void)sv_store_remove(g->parts.recordings, job->id, NULL);
}

static void accepted(gateway *g, sv_job *job, sv_submission *out, const char *first) {
    out->admission = (sv_admission){.verdict = SV_ACCEPT};
    snprintf(out->first, sizeof out->first, "%s", first);
    if (atomic_load(&job->kept)) sv_jobs_forget(g->parts.jobs, job); /* any gateway answers for it */
}

static void answer(gateway *g, sv_job *job, const sv_record *r, const redisReply *reply, sv_submission *out) {
    const char *what = sv_reply_text(reply, 0);
    const int64_t retry_ms = sv_reply_int(reply, 1, 1000);
    if (strcmp(what, "OK") == 0) {
        accepted(g, job, out, "");
        return;
    }
    drop_recording_aside(g, job, r);
    if (strcmp(what, "SAME") == 0) {
        accepted(g, job, out, sv_reply_text(reply, 1));
    } else if (strcmp(what, "CONFLICT") == 0) {
        out->conflict = true;
        refuse(g, job, out, SV_FULL, 1000);
    } else if (strcmp(what, "QUOTA") == 0) {
        out->over_quota = true;
        refuse(g, job, out, SV_OVER_SHARE, retry_ms);
    } else if (strcmp(what, "NOBODY") == 0) {
        unavailable(g, job, out, 2000, "there is no worker now that could speak: try again later");
    } else {
        refuse(g, job, out, strcmp(what, "SHARE") == 0 ? SV_OVER_SHARE : SV_FULL, retry_ms);
    }
}

static void submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    gateway *g = of(b);
    sv_record r = {0};
    ev_error err = {0};
    const double length_s = sv_estimate_seconds(&job->speech);
    job->room = claim(g, job, account, length_s);
    if (job->room != SV_CLAIM_OK || atomic_load(&g->stopping)) {
        refuse(g, job, out, SV_FULL, 2000);
        return;
    }
    char *message = sv_record_request(&r, job) ? sv_message_of_job(&r) : NULL;
    const bool ready = message && (atomic_load(&job->kept) || listen_to(g, job));
    redisReply *reply = ready ? enqueue(g, job, message, &r, length_s, &err) : NULL;
    if (reply) {
        answer(g, job, &r, reply, out);
        freeReplyObject(reply);
    } else {
        /* It may be in the queue all the same. Nobody was promised it: of what was to be listened to, the queue is
         * told; what has an Idempotency-Key is found by it, and the rest is made for nobody. */
        if (ready && !atomic_load(&job->kept)) add_orphan(g, job->id);
        unavailable(g, job, out, 1000,
                    ready ? "the queue cannot be asked now: try again after the time in Retry-After"
                          : "out of memory");
    }
    free(message);
    sv_record_free(&r);
    if (!atomic_load(&g->stopping)) return;
    while (!atomic_load(&g->ended)) usleep(1000); /* it may have come in behind the last look */
    end_listened(g, job->id, SV_JOB_CANCELED, EV_E_CANCELED, "the service is stopping");
}

static void join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    (void)b, (void)job, (void)priority, (void)stream; /* it stands where it stands in the queue */
}

static void nudge(sv_backend *b) { (void)b; } /* the thread looks five times a second */

/* ---- who asks later ---- */

static const redisReply *field_of(const redisReply *hash, const char *name) {
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (strcmp(sv_reply_text(hash, i), name) == 0) return hash->element[i + 1];
    }
    return NULL;
}

static const char *text_of(const redisReply *hash, const char *name) {
    const redisReply *at = field_of(hash, name);
    return at && at->type == REDIS_REPLY_STRING ? at->str : "";
}

/* Its record, as a journal would have it; what waits is described as canceled for the moment, since it has no samples
 * and needs no recording. */
static ev_status read_record(const redisReply *hash, const char *id, sv_record *r, bool *waits, bool *running,
                             ev_error *err) {
    static const struct {
        const char *name;
        sv_record_state state;
    } states[] = {{"queued", SV_RECORD_CANCELED},
                  {"running", SV_RECORD_CANCELED},
                  {"completed", SV_RECORD_COMPLETED},
                  {"failed", SV_RECORD_FAILED},
                  {"expired", SV_RECORD_EXPIRED}};
    const redisReply *message = field_of(hash, "message");
    const char *state = text_of(hash, "state");
    if (!message || message->type != REDIS_REPLY_STRING)
        return ev_fail(err, EV_E_FORMAT, "a job in Redis has no message");
    const ev_status status = sv_message_job(r, message->str, message->len, err);
    if (status != EV_OK) return status;
    snprintf(r->id, sizeof r->id, "%s", id); /* a dead letter that is tried again has its old message */
    *running = strcmp(state, "running") == 0;
    *waits = *running || strcmp(state, "queued") == 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(states); i++) {
        if (strcmp(state, states[i].name) == 0) r->state = states[i].state;
    }
    if (r->state == SV_RECORD_ACCEPTED) return ev_fail(err, EV_E_FORMAT, "a job in Redis has the state '%s'", state);
    r->outcome = strdup(*waits ? "{}" : text_of(hash, "outcome"));
    r->result_bytes = strtoll(text_of(hash, "bytes"), NULL, 10);
    if (r->state == SV_RECORD_COMPLETED && !sv_hex_to(text_of(hash, "digest"), r->digest, sizeof r->digest))
        return ev_fail(err, EV_E_FORMAT, "a result in Redis has no digest");
    return r->outcome ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
}

/* A job of this moment; its samples where they are wanted. */
static ev_status job_of_hash(gateway *g, const redisReply *hash, const char *id, bool samples, sv_job **out,
                             ev_error *err) {
    sv_record r = {0};
    bool waits = false, running = false;
    ev_status status = read_record(hash, id, &r, &waits, &running, err);
    if (status == EV_OK) status = sv_record_job(out, &r, err);
    if (status == EV_OK && waits) {
        const double age_s = (strtod(text_of(hash, "now"), NULL) - strtod(text_of(hash, "created"), NULL)) / 1000;
        (*out)->state = running ? SV_JOB_RUNNING : SV_JOB_QUEUED;
        (*out)->times = (sv_times){.arrived = ev_clock_s() - age_s, .created = r.created_ms / 1000};
    }
    const redisReply *audio = field_of(hash, "audio");
    const bool within =
        audio && audio->type == REDIS_REPLY_STRING && audio->len && (int64_t)audio->len == r.result_bytes;
    if (status == EV_OK && samples && r.state == SV_RECORD_COMPLETED)
        status = within ? sv_result_take(audio->str, g->parts.ledger, &r, *out, err)
                        : sv_result_read(g->parts.results, g->parts.ledger, &r, *out, err);
    sv_record_free(&r);
    if (status != EV_OK) sv_job_unref(out);
    return status;
}

static ev_status snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err) {
    gateway *g = of(b);
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *hash = run(g, SV_SCRIPT_FIND, &a, &why);
    if (!hash) return not_now(err);
    ev_status status = EV_E_NOT_FOUND;
    const bool there = hash->type == REDIS_REPLY_ARRAY && hash->elements;
    /* what somebody listens to is nobody's to ask for */
    if (there && !*text_of(hash, "gateway") && (!owner || strcmp(text_of(hash, "owner"), owner) == 0))
        status = job_of_hash(g, hash, id, samples, out, err);
    else
        ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    freeReplyObject(hash);
    return status;
}

static ev_status cancel_id(gateway *g, const char *id, const char *owner, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    sv_args_text(&a, owner);
    redisReply *reply = run(g, SV_SCRIPT_CANCEL, &a, &why);
    if (!reply) return not_now(err);
    freeReplyObject(reply);
    (void)sv_result_remove(g->parts.results, id, NULL);
    (void)sv_store_remove(g->parts.recordings, id, NULL);
    return EV_OK;
}

static ev_status cancel(sv_backend *b, sv_job *job, ev_error *err) {
    return cancel_id(of(b), job->id, job->owner, err);
}

static ev_status no_dead_letter(const char *id, ev_error *err) {
    return ev_fail(err, EV_E_NOT_FOUND, "there is no dead letter %s", id);
}

static ev_status retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                       int32_t *retry_after_ms, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    (void)job;
    *retry_after_ms = 2000;
    if (!sv_job_make_id(again)) return ev_fail(err, EV_E_MEMORY, "no random numbers");
    sv_args_text(&a, id);
    sv_args_text(&a, again);
    redisReply *reply = run(of(b), SV_SCRIPT_RETRY, &a, &why);
    if (!reply) return not_now(err);
    const bool found = strcmp(sv_reply_text(reply, 0), "OK") == 0;
    freeReplyObject(reply);
    return found ? EV_OK : no_dead_letter(id, err);
}

/* request: with what was asked for. */
static json_t *describe_dead(const redisReply *one, bool request) {
    json_t *message = json_loads(sv_reply_text(one, 1), 0, NULL),
           *outcome = json_loads(sv_reply_text(one, 2), 0, NULL);
    json_t *asked = json_object_get(message, "request");
    const json_t *text = json_object_get(asked, "text");
    const char *why = json_string_value(json_object_get(json_object_get(outcome, "error"), "message"));
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "id", sv_reply_text(one, 0), "error", why ? why : "",
                             "created", (json_int_t)(sv_reply_int(one, 3, 0) / 1000), "tries",
                             (json_int_t)sv_reply_int(one, 4, 0), "text_bytes", (json_int_t)json_string_length(text));
    if (request && asked) json_object_set(json, "request", asked);
    json_decref(message);
    json_decref(outcome);
    return json;
}

static ev_status dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    const sv_args none = {0};
    ev_error why = {0};
    redisReply *reply = run(of(b), SV_SCRIPT_DEAD, &none, &why);
    if (!reply) return not_now(err);
    json_t *list = json_array();
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        json_array_append_new(list, describe_dead(reply->element[i], false));
    freeReplyObject(reply);
    sv_record_append(out, list);
    return EV_OK;
}

static ev_status dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *reply = run(of(b), SV_SCRIPT_DEAD, &a, &why);
    if (!reply) return not_now(err);
    const redisReply *one = sv_reply_at(reply, 0);
    if (one) sv_record_append(out, describe_dead(one, true));
    const ev_status status = one ? EV_OK : no_dead_letter(id, err);
    freeReplyObject(reply);
    return status;
}

static ev_status drop(sv_backend *b, const char *id, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *reply = run(of(b), SV_SCRIPT_DROP, &a, &why);
    if (!reply) return not_now(err);
    const char *blob = sv_reply_text(reply, 0);
    const bool found = *blob != '\0';
    if (found) (void)sv_store_remove(of(b)->parts.recordings, blob, NULL);
    freeReplyObject(reply);
    return found ? EV_OK : no_dead_letter(id, err);
}

static void backlog(sv_backend *b, sv_load *out) {
    gateway *g = of(b);
    ev_mutex_lock(&g->lock);
    *out = g->load;
    ev_mutex_unlock(&g->lock);
    out->available = atomic_load(&g->redis.up);
}

static bool idle(sv_backend *b) {
    ev_mutex_lock(&of(b)->lock);
    const bool none = !of(b)->count;
    ev_mutex_unlock(&of(b)->lock);
    return none;
}

/* ---- the thread: events ---- */

/* The samples that are new: an earlier try may have sent some of them. */
static ev_status append_samples(gateway *g, sv_job *job, const sv_event *e, const redisReply *bytes, ev_error *err) {
    size_t have;
    const size_t count = bytes->len / sizeof(int16_t);
    sv_job_snapshot(job, NULL, &have, NULL);
    if (e->rate != ev_model_sample_rate(g->parts.model))
        return ev_fail(err, EV_E_FORMAT,
                       "a worker speaks at %d Hz and this gateway's model at %d: give all the same model", e->rate,
                       ev_model_sample_rate(g->parts.model));
    if (e->at > have) return ev_fail(err, EV_E_IO, "the queue lost a part of it: send it again");
    if (e->at + count <= have) return EV_OK;
    const size_t skip = have - e->at;
    int16_t *samples = malloc((count - skip) * sizeof *samples);
    if (!samples) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const unsigned char *at = (const unsigned char *)bytes->str + skip * 2;
    for (size_t i = 0; i < count - skip; i++)
        samples[i] = (int16_t)(uint16_t)(at[2 * i] | (unsigned)at[2 * i + 1] << 8);
    const ev_status status = sv_job_append_made(job, samples, count - skip, err);
    free(samples);
    if (status == EV_OK && !have)
        sv_metric_observe(g->parts.metrics, SV_METRIC_FIRST_AUDIO, 0, job->times.first - job->times.arrived);
    return status;
}

static void mark_running(sv_job *job) {
    ev_mutex_lock(&job->lock);
    if (job->state == SV_JOB_QUEUED) {
        job->state = SV_JOB_RUNNING;
        job->times.started = ev_clock_s();
    }
    ev_mutex_unlock(&job->lock);
}

static void on_audio(gateway *g, sv_job *job, const sv_event *e, const redisReply *bytes) {
    ev_error err = {0};
    mark_running(job);
    ev_status status = EV_OK;
    if (!sv_event_apply(e, job)) status = ev_fail(&err, EV_E_FORMAT, "a worker's answer is damaged");
    if (status == EV_OK && bytes && bytes->type == REDIS_REPLY_STRING)
        status = append_samples(g, job, e, bytes, &err);
    if (status == EV_OK) return;
    add_orphan(g, job->id);
    end_listened(g, job->id, SV_JOB_FAILED, status, err.message);
}

/* How it ended, as its record says: words, what was left out, the error. */
static ev_status take_outcome(sv_job *job, const sv_event *e, ev_error *error) {
    static const sv_record_state states[] = {[SV_JOB_COMPLETED] = SV_RECORD_COMPLETED,
                                             [SV_JOB_FAILED] = SV_RECORD_FAILED,
                                             [SV_JOB_EXPIRED] = SV_RECORD_EXPIRED,
                                             [SV_JOB_CANCELED] = SV_RECORD_CANCELED};
    sv_record r = {0};
    sv_job *told = NULL;
    ev_status status = sv_record_request(&r, job) ? EV_OK : EV_E_MEMORY;
    r.state = states[e->state];
    r.outcome = strdup(e->outcome);
    r.result_bytes = (int64_t)(e->samples * sizeof(int16_t));
    if (status == EV_OK) status = r.outcome ? sv_record_job(&told, &r, error) : EV_E_MEMORY;
    if (status == EV_OK) {
        *error = told->error;
        ev_mutex_lock(&job->lock);
        if (told->words) {
            free(job->words);
            job->words = told->words;
            job->word_count = told->word_count;
            told->words = NULL;
            told->word_count = 0;
        }
        ev_mutex_unlock(&job->lock);
    }
    sv_job_unref(&told);
    sv_record_free(&r);
    return status;
}

static void on_end(gateway *g, sv_job *job, const sv_event *e) {
    size_t have;
    ev_error error = {0};
    sv_job_state state = e->state;
    mark_running(job);
    ev_status status = take_outcome(job, e, &error);
    sv_job_snapshot(job, NULL, &have, NULL);
    if (status != EV_OK) {
        state = SV_JOB_FAILED;
        if (!error.status) ev_fail(&error, status, "out of memory");
    } else if (state == SV_JOB_COMPLETED && have != e->samples) {
        state = SV_JOB_FAILED;
        ev_fail(&error, EV_E_IO, "the queue lost a part of it: send it again");
    }
    sv_job *mine = unlisten(g, job->id);
    if (mine) end_job(g, mine, state, &error);
}

/* {"m": JSON, "s": samples} */
static void on_event(gateway *g, const redisReply *fields) {
    const redisReply *message = fields->type == REDIS_REPLY_ARRAY ? field_of(fields, "m") : NULL;
    sv_event e;
    ev_error err = {0};
    if (!message || message->type != REDIS_REPLY_STRING) return;
    if (sv_message_event(&e, message->str, message->len, &err) != EV_OK) {
        sv_log_line(g->parts.log, SV_LEVEL_ERROR, NULL, "%s", err.message);
        return;
    }
    sv_job *job = heard_of(g, e.id);
    if (job && e.end)
        on_end(g, job, &e);
    else if (job)
        on_audio(g, job, &e, field_of(fields, "s"));
    else if (!e.end)
        add_orphan(g, e.id); /* nobody is there any more who listens */
    sv_job_unref(&job);
    sv_event_free(&e);
}

/* What was read is not needed any more: it would only take Redis's memory. */
static void trim_events(gateway *g) {
    char key[80], *dash;
    char next[64];
    ev_error err = {0};
    sv_args a = {0};
    const unsigned long long ms = strtoull(g->last, &dash, 10), sequence = *dash ? strtoull(dash + 1, NULL, 10) : 0;
    snprintf(key, sizeof key, SV_REDIS_PREFIX ":events:%s", g->name);
    snprintf(next, sizeof next, "%llu-%llu", ms, sequence + 1);
    sv_args_text(&a, "XTRIM");
    sv_args_text(&a, key);
    sv_args_text(&a, "MINID");
    sv_args_text(&a, next);
    redisReply *reply = sv_link_call(&g->link, &a, 0, &err);
    if (reply) freeReplyObject(reply);
}

enum { EVENTS_AT_ONCE = 64, EVENTS_BLOCK_MS = 200 };

/* Waits a moment for events. *some: there were. false: Redis does not answer. */
static bool read_events(gateway *g, bool *some) {
    char key[80];
    ev_error err = {0};
    sv_args a = {0};
    *some = false;
    snprintf(key, sizeof key, SV_REDIS_PREFIX ":events:%s", g->name);
    sv_args_text(&a, "XREAD");
    sv_args_text(&a, "COUNT");
    sv_args_int(&a, EVENTS_AT_ONCE);
    sv_args_text(&a, "BLOCK");
    sv_args_int(&a, EVENTS_BLOCK_MS);
    sv_args_text(&a, "STREAMS");
    sv_args_text(&a, key);
    sv_args_text(&a, g->last);
    redisReply *reply = sv_link_call(&g->link, &a, EVENTS_BLOCK_MS, &err);
    if (!reply) return false;
    const redisReply *entries = sv_reply_at(sv_reply_at(reply, 0), 1);
    for (size_t i = 0; entries && entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++) {
        const redisReply *fields = sv_reply_at(entries->element[i], 1);
        snprintf(g->last, sizeof g->last, "%s", sv_reply_text(entries->element[i], 0));
        *some = true;
        if (fields) on_event(g, fields);
    }
    freeReplyObject(reply);
    if (*some) trim_events(g);
    return true;
}

/* ---- the thread: what nobody tells ---- */

/* Ids of jobs that were quiet for a while. */
static int quiet_ones(gateway *g, char (*ids)[SV_JOB_ID + 1]) {
    int count = 0;
    const double since = ev_clock_s() - QUIET_S;
    ev_mutex_lock(&g->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const listened *l = g->listened[i]; l && count < LOOKED_AT; l = l->next) {
            if (l->heard < since) memcpy(ids[count++], l->job->id, SV_JOB_ID + 1);
        }
    }
    ev_mutex_unlock(&g->lock);
    return count;
}

/* Twice, with all events read in between: its end would have come. */
static bool was_missing_before(gateway *g, const char *id) {
    bool before = false;
    ev_mutex_lock(&g->lock);
    for (listened *l = g->listened[bucket_of(id)]; l; l = l->next) {
        if (strcmp(l->job->id, id) != 0) continue;
        before = l->missing;
        l->missing = true;
    }
    ev_mutex_unlock(&g->lock);
    return before;
}

static void note_load(gateway *g, const redisReply *reply) {
    const sv_load load = {.jobs = sv_reply_int(reply, 0, 0),
                          .audio_s = sv_reply_real(reply, 1),
                          .workers = sv_reply_int(reply, 2, 0),
                          .dead = sv_reply_int(reply, 3, 0)};
    ev_mutex_lock(&g->lock);
    g->load = load;
    ev_mutex_unlock(&g->lock);
    sv_metric_set(g->parts.metrics, SV_METRIC_QUEUE_JOBS, (double)load.jobs);
    sv_metric_set(g->parts.metrics, SV_METRIC_QUEUE_AUDIO, load.audio_s);
    sv_metric_set(g->parts.metrics, SV_METRIC_DEAD_JOBS, (double)load.dead);
    sv_metric_set(g->parts.metrics, SV_METRIC_WORKERS, (double)load.workers);
}

/* That this gateway lives; how much waits; whether what is listened to is still there. */
static bool look(gateway *g) {
    char ids[LOOKED_AT][SV_JOB_ID + 1];
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, g->name);
    const int count = quiet_ones(g, ids);
    for (int i = 0; i < count; i++) sv_args_text(&a, ids[i]);
    redisReply *reply = sv_link_script(&g->link, SV_SCRIPT_LOOK, &a, &err);
    if (!reply) return false;
    note_load(g, reply);
    for (size_t i = 4; i < reply->elements; i++) {
        const char *id = sv_reply_text(reply, i);
        if (was_missing_before(g, id))
            end_listened(g, id, SV_JOB_FAILED, EV_E_IO, "the queue lost it: send it again");
    }
    freeReplyObject(reply);
    g->looked = ev_clock_s();
    return true;
}

/* The first that nobody listens to any more, or that is too late; a hold of its own. NULL: none. */
static sv_job *find_over(gateway *g, sv_job_state *state) {
    sv_job *found = NULL;
    const int64_t now_us = (int64_t)(ev_clock_s() * 1e6);
    ev_mutex_lock(&g->lock);
    for (size_t i = 0; i < BUCKETS && !found; i++) {
        for (listened *l = g->listened[i]; l && !found; l = l->next) {
            const bool late = l->job->speech.deadline_us && l->job->speech.deadline_us < now_us;
            const bool left = atomic_load(&l->job->listeners) == 0;
            if (!late && !(left && sv_jobs_abandoned(g->parts.jobs, l->job))) continue;
            *state = late ? SV_JOB_EXPIRED : SV_JOB_CANCELED;
            found = sv_job_ref(l->job);
        }
    }
    ev_mutex_unlock(&g->lock);
    return found;
}

static void sweep(gateway *g) {
    sv_job_state state;
    sv_job *job;
    while ((job = find_over(g, &state)) != NULL) {
        add_orphan(g, job->id);
        end_listened(g, job->id, state, EV_E_CANCELED,
                     state == SV_JOB_EXPIRED ? "the deadline cannot be met" : "canceled");
        sv_job_unref(&job);
    }
}

static void cancel_orphans(gateway *g) {
    char id[SV_JOB_ID + 1];
    ev_error err = {0};
    for (;;) {
        ev_mutex_lock(&g->lock);
        const bool some = g->orphan_count > 0;
        if (some) memcpy(id, g->orphans[--g->orphan_count], sizeof id);
        ev_mutex_unlock(&g->lock);
        if (!some) return;
        sv_args a = {0};
        sv_args_text(&a, id);
        sv_args_text(&a, "");
        redisReply *reply = sv_link_script(&g->link, SV_SCRIPT_CANCEL, &a, &err);
        if (!reply) {
            add_orphan(g, id);
            return;
        }
        freeReplyObject(reply);
        (void)sv_store_remove(g->parts.recordings, id, NULL);
    }
}

static void *main_of_thread(void *backend) {
    gateway *g = backend;
    while (!atomic_load(&g->stopping)) {
        bool some = true;
        sweep(g);
        if (!sv_redis_await(&g->redis, &g->link)) {
            sv_metric_set(g->parts.metrics, SV_METRIC_REDIS_UP, 0);
            usleep(200000);
            continue;
        }
        sv_metric_set(g->parts.metrics, SV_METRIC_REDIS_UP, 1);
        bool well = true;
        if (ev_clock_s() - g->looked > LOOK_EVERY_S) well = look(g);
        for (int i = 0; well && some && i < 16; i++) well = read_events(g, &some);
        if (well) cancel_orphans(g);
        if (!well) usleep(100000); /* whatever it was, it is not asked in a tight loop */
    }
    return NULL;
}

/* ---- life ---- */

static void end_all(gateway *g) {
    for (;;) {
        char id[SV_JOB_ID + 1] = "";
        ev_mutex_lock(&g->lock);
        for (size_t i = 0; i < BUCKETS && !*id; i++) {
            if (g->listened[i]) memcpy(id, g->listened[i]->job->id, sizeof id);
        }
        ev_mutex_unlock(&g->lock);
        if (!*id) return;
        add_orphan(g, id);
        end_listened(g, id, SV_JOB_CANCELED, EV_E_CANCELED, "the service is stopping");
    }
}

static void stop(sv_backend *b) {
    gateway *g = of(b);
    if (atomic_exchange(&g->stopping, true)) return;
    sv_rates_stop(&g->rates);
    if (g->running) pthread_join(g->thread, NULL);
    atomic_store(&g->ended, true);
    end_all(g);
    cancel_orphans(g);
}

static void close_gateway(sv_backend *b) {
    gateway *g = of(b);
    stop(b);
    sv_vectors_close(&g->vectors);
    for (int i = 0; i < LINKS; i++) {
        sv_link_close(&g->links[i].link);
        ev_mutex_destroy(&g->links[i].lock);
    }
    sv_link_close(&g->link);
    ev_mutex_destroy(&g->lock);
    free(g);
}

/* No two gateways have one, nor a gateway and the one that it was before. */
static gateway *make(const sv_redis_parts *parts) {
    static const sv_backend_calls calls = {seconds,  windowed, submit, join,         nudge,
                                           snapshot, cancel,   retry,  dead_letters, dead_letter,
                                           drop,     backlog,  idle,   stop,         close_gateway};
    gateway *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->backend = (sv_backend){.calls = &calls, .decides_keys = true};
    g->parts = *parts;
    g->redis.log = parts->log;
    snprintf(g->last, sizeof g->last, "0-0");
    ev_mutex_init(&g->lock);
    for (int i = 0; i < LINKS; i++) {
        ev_mutex_init(&g->links[i].lock);
        g->links[i].link.redis = &g->redis;
    }
    g->link = (sv_link){.redis = &g->redis, .caretaker = true};
    return g;
}

ev_status sv_redis_gateway(sv_backend **out, const sv_redis_parts *parts, ev_error *err) {
    gateway *g = make(parts);
    *out = NULL;
    if (!g) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_status status = sv_redis_url_parse(&g->redis.url, parts->config->redis, err);
    if (status == EV_OK && !sv_job_make_id(g->name)) status = ev_fail(err, EV_E_MEMORY, "no random numbers");
    if (status == EV_OK) status = sv_redis_start(&g->redis, err);
    if (status == EV_OK && atomic_load(&g->redis.up)) (void)look(g); /* before the first job names this gateway */
    if (status == EV_OK)
        status = sv_vectors_open(&g->vectors, &g->redis, parts->voices, parts->config->store_ttl, err);
    if (status == EV_OK) status = sv_rates_start(&g->rates, &g->redis, parts->limiters, err);
    if (status == EV_OK) {
        g->running = pthread_create(&g->thread, NULL, main_of_thread, g) == 0;
        if (!g->running)
            status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status == EV_OK)
        *out = &g->backend;
    else
        close_gateway(&g->backend);
    return status;
}
