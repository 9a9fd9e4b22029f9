/* gateway_events: the gateway's thread. It reads the events of what is listened to and fills the jobs of this
 * process, as an engine would; sends a heartbeat once a second and asks whether they are still there; cancels in the
 * queue what nobody wants. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/jobs/record.h"
#include "server/redis/gateway_inner.h"
#include "server/redis/message.h"

enum { HEARTBEAT_JOBS_MAX = 400 };
#define HEARTBEAT_S 1.0
#define QUIET_S     2.0 /* without an event: is the job still there? */

/* ---- events ---- */

/* The samples that are new: an earlier try may have sent some of them. */
static ev_status append_samples(sv_gateway *g, sv_job *job, const sv_event *e, const redisReply *bytes,
                                ev_error *err) {
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
    assert(skip < count);
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

static void on_audio(sv_gateway *g, sv_job *job, const sv_event *e, const redisReply *bytes) {
    ev_error err = {0};
    mark_running(job);
    ev_status status = EV_OK;
    if (!sv_event_apply(e, job)) status = ev_fail(&err, EV_E_FORMAT, "a worker's answer is damaged");
    if (status == EV_OK && bytes && bytes->type == REDIS_REPLY_STRING)
        status = append_samples(g, job, e, bytes, &err);
    if (status == EV_OK) return;
    sv_gateway_queue_cancel(g, job->id);
    sv_gateway_end(g, job->id, SV_JOB_FAILED, status, err.message);
}

/* How it ended, as its record says: words, what was left out, the error. */
static ev_status take_outcome(sv_job *job, const sv_event *e, ev_error *error) {
    static const sv_record_state states[] = {[SV_JOB_COMPLETED] = SV_RECORD_COMPLETED,
                                             [SV_JOB_FAILED] = SV_RECORD_FAILED,
                                             [SV_JOB_EXPIRED] = SV_RECORD_EXPIRED,
                                             [SV_JOB_CANCELED] = SV_RECORD_CANCELED};
    sv_record r = {0};
    assert(sv_job_over(e->state) && (size_t)e->state < EV_ARRAY_COUNT(states));
    sv_job *recorded = NULL;
    ev_status status = sv_record_request(&r, job) ? EV_OK : EV_E_MEMORY;
    r.state = states[e->state];
    r.outcome = strdup(e->outcome);
    r.result_bytes = (int64_t)(e->samples * sizeof(int16_t));
    if (status == EV_OK) status = r.outcome ? sv_record_job(&recorded, &r, error) : EV_E_MEMORY;
    if (status == EV_OK) {
        *error = recorded->error;
        ev_mutex_lock(&job->lock);
        if (recorded->words) {
            free(job->words);
            job->words = recorded->words;
            job->word_count = recorded->word_count;
            recorded->words = NULL;
            recorded->word_count = 0;
        }
        ev_mutex_unlock(&job->lock);
    }
    sv_job_unref(&recorded);
    sv_record_free(&r);
    return status;
}

static void on_end(sv_gateway *g, sv_job *job, const sv_event *e) {
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
    sv_job *mine = sv_gateway_unsubscribe(g, job->id);
    if (mine) sv_gateway_end_job(g, mine, state, &error);
}

/* {"m": JSON, "s": samples, "as": id here of a job that is another's there} */
static void on_event(sv_gateway *g, const redisReply *fields) {
    const redisReply *message = fields->type == REDIS_REPLY_ARRAY ? sv_reply_field(fields, "m") : NULL;
    sv_event e;
    ev_error err = {0};
    if (!message || message->type != REDIS_REPLY_STRING) return;
    if (sv_message_event(&e, message->str, message->len, &err) != EV_OK) {
        sv_log_line(g->parts.log, SV_LEVEL_ERROR, NULL, "%s", err.message);
        return;
    }
    const redisReply *as = sv_reply_field(fields, "as");
    const char *id = as && as->type == REDIS_REPLY_STRING && as->len == SV_JOB_ID ? as->str : e.id;
    sv_job *job = sv_gateway_touch(g, id);
    if (job && e.end)
        on_end(g, job, &e);
    else if (job)
        on_audio(g, job, &e, sv_reply_field(fields, "s"));
    else if (!e.end)
        sv_gateway_queue_cancel(g, id); /* no listener is there any more */
    sv_job_unref(&job);
    sv_event_free(&e);
}

/* What was read is not needed any more: it would only take Redis's memory. Not behind each event, which the next one
 * would wait for. */
static void trim_events(sv_gateway *g) {
    assert(g->untrimmed_events > 0);
    char key[80], *dash;
    char next[64];
    ev_error err = {0};
    sv_args a = {0};
    const unsigned long long ms = strtoull(g->last_event_id, &dash, 10),
                             sequence = *dash ? strtoull(dash + 1, NULL, 10) : 0;
    snprintf(key, sizeof key, SV_REDIS_PREFIX ":events:%s", g->name);
    snprintf(next, sizeof next, "%llu-%llu", ms, sequence + 1);
    sv_args_text(&a, "XTRIM");
    sv_args_text(&a, key);
    sv_args_text(&a, "MINID");
    sv_args_text(&a, next);
    redisReply *reply = sv_link_call(&g->link, &a, 0, &err);
    if (reply) freeReplyObject(reply);
    g->untrimmed_events = 0;
}

enum { EVENTS_AT_ONCE = 64, EVENTS_BLOCK_MS = 200, TRIM_AT = 64 };

/* Waits a moment for events. *some: there were. false: Redis does not answer. */
static bool read_events(sv_gateway *g, bool *some) {
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
    sv_args_text(&a, g->last_event_id);
    redisReply *reply = sv_link_call(&g->link, &a, EVENTS_BLOCK_MS, &err);
    if (!reply) return false;
    const redisReply *entries = sv_reply_at(sv_reply_at(reply, 0), 1);
    for (size_t i = 0; entries && entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++) {
        const redisReply *fields = sv_reply_at(entries->element[i], 1);
        snprintf(g->last_event_id, sizeof g->last_event_id, "%s", sv_reply_text(entries->element[i], 0));
        *some = true;
        g->untrimmed_events++;
        if (fields) on_event(g, fields);
    }
    freeReplyObject(reply);
    if (g->untrimmed_events >= TRIM_AT || (g->untrimmed_events && !*some)) trim_events(g);
    return true;
}

/* ---- the heartbeat ---- */

/* Ids of jobs that were quiet for a while. */
static int quiet_jobs(sv_gateway *g, char (*ids)[SV_JOB_ID + 1]) {
    int count = 0;
    const double since = ev_clock_s() - QUIET_S;
    ev_mutex_lock(&g->lock);
    ev_map_node *node = ev_map_next(&g->subscriptions, NULL);
    for (; node && count < HEARTBEAT_JOBS_MAX; node = ev_map_next(&g->subscriptions, node)) {
        const sv_subscription *l = EV_CONTAINER_OF(node, sv_subscription, node);
        if (l->last_event_s < since) memcpy(ids[count++], l->job->id, SV_JOB_ID + 1);
    }
    ev_mutex_unlock(&g->lock);
    return count;
}

/* Twice, with all events read in between: its end would have come. */
static bool was_missing_before(sv_gateway *g, const char *id) {
    ev_mutex_lock(&g->lock);
    sv_subscription *l = sv_gateway_subscription(g, id);
    const bool before = l && l->missing;
    if (l) l->missing = true;
    ev_mutex_unlock(&g->lock);
    return before;
}

static void set_load(sv_gateway *g, const redisReply *reply) {
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

bool sv_gateway_heartbeat(sv_gateway *g) {
    char ids[HEARTBEAT_JOBS_MAX][SV_JOB_ID + 1];
    ev_error err = {0};
    sv_args a = {0};
    sv_args_text(&a, g->name);
    const int count = quiet_jobs(g, ids);
    for (int i = 0; i < count; i++) sv_args_text(&a, ids[i]);
    redisReply *reply = sv_link_script(&g->link, SV_SCRIPT_GATEWAY_HEARTBEAT, &a, &err);
    if (!reply) return false;
    set_load(g, reply);
    for (size_t i = 4; i < reply->elements; i++) {
        const char *id = sv_reply_text(reply, i);
        if (was_missing_before(g, id))
            sv_gateway_end(g, id, SV_JOB_FAILED, EV_E_IO, "the queue lost it: send it again");
    }
    freeReplyObject(reply);
    g->last_heartbeat_s = ev_clock_s();
    return true;
}

/* The first that nobody listens to any more, or that is too late; a hold of its own. NULL: none. */
static sv_job *find_expired_or_abandoned(sv_gateway *g, sv_job_state *state) {
    sv_job *found = NULL;
    const int64_t now_us = (int64_t)(ev_clock_s() * 1e6);
    ev_mutex_lock(&g->lock);
    ev_map_node *node = ev_map_next(&g->subscriptions, NULL);
    for (; node && !found; node = ev_map_next(&g->subscriptions, node)) {
        const sv_subscription *l = EV_CONTAINER_OF(node, sv_subscription, node);
        const bool late = l->job->speech.deadline_us && l->job->speech.deadline_us < now_us;
        const bool left = atomic_load(&l->job->listeners) == 0;
        if (!late && !(left && sv_jobs_abandoned(g->parts.jobs, l->job))) continue;
        *state = late ? SV_JOB_EXPIRED : SV_JOB_CANCELED;
        found = sv_job_ref(l->job);
    }
    ev_mutex_unlock(&g->lock);
    return found;
}

static void end_expired_or_abandoned(sv_gateway *g) {
    sv_job_state state;
    sv_job *job;
    while ((job = find_expired_or_abandoned(g, &state)) != NULL) {
        sv_gateway_queue_cancel(g, job->id);
        sv_gateway_end(g, job->id, state, EV_E_CANCELED,
                       state == SV_JOB_EXPIRED ? "the deadline cannot be met" : "canceled");
        sv_job_unref(&job);
    }
}

void sv_gateway_send_cancels(sv_gateway *g) {
    char id[SV_JOB_ID + 1];
    ev_error err = {0};
    for (;;) {
        ev_mutex_lock(&g->lock);
        const bool some = g->cancel_count > 0;
        assert(g->cancel_count >= 0 && g->cancel_count <= SV_GATEWAY_CANCELS_MAX);
        if (some) memcpy(id, g->cancels[--g->cancel_count], sizeof id);
        ev_mutex_unlock(&g->lock);
        if (!some) return;
        sv_args a = {0};
        sv_args_text(&a, id);
        sv_args_text(&a, "");
        redisReply *reply = sv_link_script(&g->link, SV_SCRIPT_CANCEL, &a, &err);
        if (!reply) {
            sv_gateway_queue_cancel(g, id);
            return;
        }
        const bool others = reply->type == REDIS_REPLY_INTEGER && reply->integer == 2;
        freeReplyObject(reply);
        if (!others) (void)sv_store_remove(g->parts.recordings, id, NULL);
    }
}

void *sv_gateway_main(void *backend) {
    sv_gateway *g = backend;
    while (!atomic_load(&g->stopping)) {
        bool some = true;
        end_expired_or_abandoned(g);
        if (!sv_redis_await(&g->redis, &g->link)) {
            sv_metric_set(g->parts.metrics, SV_METRIC_REDIS_UP, 0);
            usleep(200000);
            continue;
        }
        sv_metric_set(g->parts.metrics, SV_METRIC_REDIS_UP, 1);
        bool well = true;
        if (ev_clock_s() - g->last_heartbeat_s > HEARTBEAT_S) well = sv_gateway_heartbeat(g);
        for (int i = 0; well && some && i < 16; i++) well = read_events(g, &some);
        if (well) sv_gateway_send_cancels(g);
        if (!well) usleep(100000); /* whatever it was, it is not asked in a tight loop */
    }
    return NULL;
}
