/* gateway_subscriptions: jobs of this process that somebody listens to, by id, each held until it is over. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/redis/gateway_inner.h"

sv_subscription *sv_gateway_subscription(const sv_gateway *g, const char *id) {
    return EV_CONTAINER_OF(ev_map_find(&g->subscriptions, id, strlen(id)), sv_subscription, node);
}

bool sv_gateway_subscribe(sv_gateway *g, sv_job *job) {
    sv_subscription *l = calloc(1, sizeof *l);
    if (!l) return false;
    *l = (sv_subscription){.job = sv_job_ref(job), .last_event_s = ev_clock_s()};
    ev_mutex_lock(&g->lock);
    assert(!sv_gateway_subscription(g, job->id));
    ev_map_add(&g->subscriptions, &l->node, job->id, strlen(job->id));
    ev_mutex_unlock(&g->lock);
    return true;
}

sv_job *sv_gateway_unsubscribe(sv_gateway *g, const char *id) {
    sv_job *job = NULL;
    ev_mutex_lock(&g->lock);
    sv_subscription *l = sv_gateway_subscription(g, id);
    if (l) {
        ev_map_remove(&g->subscriptions, &l->node);
        job = l->job;
        free(l);
    }
    ev_mutex_unlock(&g->lock);
    return job;
}

sv_job *sv_gateway_touch(sv_gateway *g, const char *id) {
    sv_job *job = NULL;
    ev_mutex_lock(&g->lock);
    sv_subscription *l = sv_gateway_subscription(g, id);
    if (l) {
        l->last_event_s = ev_clock_s();
        l->missing = false;
        job = sv_job_ref(l->job);
    }
    ev_mutex_unlock(&g->lock);
    return job;
}

void sv_gateway_queue_cancel(sv_gateway *g, const char *id) {
    ev_mutex_lock(&g->lock);
    if (g->cancel_count < SV_GATEWAY_CANCELS_MAX) memcpy(g->cancels[g->cancel_count++], id, SV_JOB_ID + 1);
    ev_mutex_unlock(&g->lock);
}

static void settle_claim(sv_gateway *g, sv_job *job) {
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

void sv_gateway_end_job(sv_gateway *g, sv_job *job, sv_job_state state, const ev_error *error) {
    static const sv_outcome outcomes[] = {[SV_JOB_COMPLETED] = SV_OUTCOME_COMPLETED,
                                          [SV_JOB_FAILED] = SV_OUTCOME_FAILED,
                                          [SV_JOB_EXPIRED] = SV_OUTCOME_EXPIRED,
                                          [SV_JOB_CANCELED] = SV_OUTCOME_CANCELED};
    assert(sv_job_over(state) && (size_t)state < EV_ARRAY_COUNT(outcomes));
    sv_metric_add(g->parts.metrics, SV_METRIC_JOBS, outcomes[state], 1);
    drop_recording(job);
    sv_job_finish(job, state, error);
    settle_claim(g, job);
    if (g->parts.ended) g->parts.ended(g->parts.ended_user, job);
    sv_jobs_finish(g->parts.jobs, job);
    sv_job_unref(&job);
}

void sv_gateway_end(sv_gateway *g, const char *id, sv_job_state state, ev_status status, const char *why) {
    ev_error error = {0};
    sv_job *job = sv_gateway_unsubscribe(g, id);
    if (status != EV_OK) ev_fail(&error, status, "%s", why);
    if (job) sv_gateway_end_job(g, job, state, &error);
}

void sv_gateway_end_all(sv_gateway *g) {
    for (;;) {
        char id[SV_JOB_ID + 1] = "";
        ev_mutex_lock(&g->lock);
        const sv_subscription *l = EV_CONTAINER_OF(ev_map_next(&g->subscriptions, NULL), sv_subscription, node);
        if (l) memcpy(id, l->job->id, sizeof id);
        ev_mutex_unlock(&g->lock);
        if (!*id) return;
        sv_gateway_queue_cancel(g, id);
        sv_gateway_end(g, id, SV_JOB_CANCELED, EV_E_CANCELED, "the service is stopping");
    }
}
