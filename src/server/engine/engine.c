/* engine: jobs come in, and the engine's life. What waits and how it ends is in active.c, from which device_worker.c
 * takes it. Everything that decides is in schedule.c; everything that computes is behind emotivoice.h.
 */
#include "server/engine/engine_inner.h"

#include <stdio.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { AUTO_PARALLEL_MAX = 8 };  /* each has work memory of its own */
enum { MEMORY_RETRY_MS = 2000 }; /* until somebody's answer was read, perhaps */
static_assert((int)SV_VOICE_THREADS <= (int)SV_TEXT_THREADS_MAX, "a pool has room for them");
static_assert(SV_ACCOUNT_SIZE <= sizeof((sv_account *)0)->name, "an account's name is never cut");

/* ---- coming in ---- */

/* The schedule's number for an account: its own, or that of the one which has been quiet longest. Untrusted clients
 * have places of their own, so that however many come, no key shares its part with one. */
static int32_t client_of(sv_engine *e, const char *account) EV_REQUIRES(e->lock) {
    enum { KEYS = SV_CLIENTS_MAX / 2 };
    const uint64_t hash = ev_hash(EV_HASH_START, account, strlen(account));
    char site[SV_ACCOUNT_SIZE];
    const int32_t begin = sv_account_site(account, site) ? KEYS : 0;
    int32_t quiet = -1;
    for (int32_t i = begin; i < begin + KEYS; i++) {
        const sv_account *a = &e->accounts[i];
        if (a->hash == hash && strcmp(a->name, account) == 0) return i;
        if (!a->users && (quiet < 0 || a->last < e->accounts[quiet].last)) quiet = i;
    }
    if (quiet < 0) return begin + (int32_t)(hash % KEYS); /* all are busy: two share one's part */
    sv_account *a = &e->accounts[quiet];
    snprintf(a->name, sizeof a->name, "%s", account);
    a->hash = hash;
    sv_schedule_client_reset(&e->schedule, quiet);
    for (int i = 0; i < SV_POOL_COUNT; i++) sv_queue_client_reset(&e->pools[i].queue, quiet);
    return quiet;
}

static sv_preprocess_pool *pool_of(sv_engine *e, const sv_job *job) {
    const bool recorded = job->speech.reference || job->speech.reference_url;
    return &e->pools[recorded ? SV_POOL_VOICE : SV_POOL_TEXT];
}

static void enqueue(sv_engine *e, sv_preprocess_pool *f, sv_active *a) EV_REQUIRES(e->lock) {
    assert(a->client >= 0 && a->client < SV_CLIENTS_MAX && !a->running);
    sv_job *job = sv_job_ref(a->job);
    e->accounts[a->client].users++;
    e->accounts[a->client].last = a->number = ++e->numbers;
    a->waiting_us = sv_us(job->times.arrived);
    a->item = sv_engine_item(e, a);
    if (!job->rate) job->rate = e->rate; /* one of before, or of elsewhere */
    sv_queue_add(&f->queue, a);
    ev_cond_signal(&f->fresh);
}

/* Whether it comes in: then it is queued. */
static sv_admission admit(sv_engine *e, sv_active *a, const char *account) EV_EXCLUDES(e->lock) {
    const sv_job *job = a->job;
    sv_backlog backlog;
    ev_mutex_lock(&e->lock);
    sv_preprocess_pool *pool = pool_of(e, job);
    a->client = client_of(e, account);
    const sv_admission_request request = {.tokens = a->tokens,
                                          .sentences = a->tokens / 40 + 1,
                                          .client = a->client,
                                          .weight = job->weight,
                                          .ready_us = sv_preprocess_wait_us(e, pool, a->client),
                                          .deadline_us = job->speech.deadline_us};
    sv_engine_gather(e, true);
    sv_schedule_backlog(&e->schedule, e->items, e->count, &request, &backlog);
    sv_admission admission = sv_schedule_admit(&e->schedule, &backlog, &request, sv_us(ev_clock_s()));
    if (job->promised) admission.verdict = SV_ACCEPT; /* the question was answered when it came */
    if (job->claim_result != SV_CLAIM_OK)
        admission = (sv_admission){.verdict = SV_FULL, .retry_after_ms = MEMORY_RETRY_MS};
    if (e->stopping) admission = (sv_admission){.verdict = SV_FULL, .retry_after_ms = 1000};
    if (admission.verdict == SV_ACCEPT) enqueue(e, pool, a);
    ev_mutex_unlock(&e->lock);
    return admission;
}

sv_admission sv_engine_submit(sv_engine *e, sv_job *job, const char *account) {
    static const sv_outcome outcome[] = {[SV_FULL] = SV_OUTCOME_REJECTED_FULL,
                                         [SV_OVER_SHARE] = SV_OUTCOME_REJECTED_QUOTA,
                                         [SV_LATE] = SV_OUTCOME_EXPIRED};
    sv_admission admission = {.verdict = SV_FULL, .retry_after_ms = MEMORY_RETRY_MS};
    sv_active *a = calloc(1, sizeof *a);
    if (a) {
        a->job = job;
        a->tokens = sv_estimate_tokens(&job->speech);
        job->claim_result = sv_engine_claim(e, a, account);
        admission = admit(e, a, account);
    }
    if (admission.verdict == SV_ACCEPT) return admission;
    free(a);
    if (job->promised) return admission;
    assert((size_t)admission.verdict < EV_ARRAY_COUNT(outcome));
    if (admission.verdict == SV_LATE || !sv_job_comes_again(job))
        sv_metric_add(e->parts.metrics, SV_METRIC_JOBS, outcome[admission.verdict], 1);
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "refused");
    sv_job_finish(job, SV_JOB_FAILED, &error);
    sv_jobs_forget(e->parts.jobs, job);
    return admission;
}

bool sv_engine_resume(void *engine, sv_job *job) {
    sv_engine *e = engine;
    const sv_admission admission = sv_engine_submit(e, job, job->owner);
    if (admission.verdict != SV_ACCEPT && job->claim_result != SV_CLAIM_NEVER) return false;
    if (admission.verdict == SV_ACCEPT) {
        sv_job_unref(&job); /* the engine has a hold of its own */
        return true;
    }
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "the answer would need more memory than one client may have: split the text");
    sv_engine_fail(e, job, &error);
    return true;
}

void sv_engine_fail(sv_engine *e, sv_job *job, const ev_error *error) {
    sv_engine_end_job(e, job, SV_JOB_FAILED, 0, error);
}

void sv_engine_join(sv_engine *e, sv_job *job, int32_t priority, bool stream) {
    ev_mutex_lock(&e->lock);
    if (priority < job->speech.priority) job->speech.priority = priority;
    job->speech.stream |= stream;
    ev_mutex_unlock(&e->lock);
}

void sv_engine_nudge(sv_engine *e) {
    ev_mutex_lock(&e->lock);
    ev_cond_signal(&e->work);
    ev_mutex_unlock(&e->lock);
}

bool sv_engine_idle(sv_engine *e) {
    ev_mutex_lock(&e->lock);
    bool idle = !e->ready.count && !e->making.count && !e->ending;
    for (int i = 0; i < SV_POOL_COUNT; i++) idle &= !e->pools[i].queue.waiting.count;
    ev_mutex_unlock(&e->lock);
    return idle;
}

/* ---- life ---- */

static ev_status start_threads(sv_engine *e, ev_error *err) {
    static const char problem[] = "a thread cannot be started: raise the limit on processes";
    const int text_threads = (int)e->parts.config->text_threads;
    assert(text_threads >= 1 && text_threads <= SV_TEXT_THREADS_MAX);
    for (; e->started < e->worker_count; e->started++) {
        sv_device_worker *r = &e->workers[e->started];
        if (pthread_create(&r->thread, NULL, sv_device_worker_main, r) != 0)
            return ev_fail(err, EV_E_DEVICE, problem);
    }
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        sv_preprocess_pool *f = &e->pools[i];
        for (const int count = i == SV_POOL_TEXT ? text_threads : SV_VOICE_THREADS; f->count < count; f->count++) {
            if (pthread_create(&f->threads[f->count], NULL, sv_preprocess_main, f) != 0)
                return ev_fail(err, EV_E_DEVICE, problem);
        }
    }
    return EV_OK;
}

/* One for each batch that may run at the same time. All have all threads, and use their part of them. */
static ev_status make_workers(sv_engine *e, ev_error *err) {
    const sv_config *c = e->parts.config;
    ev_synth_options options;
    ev_synth_options_init(&options);
    e->threads = options.threads = c->threads ? (int32_t)c->threads : ev_cores_available();
    int wanted = c->parallel ? (int)c->parallel : e->threads < AUTO_PARALLEL_MAX ? e->threads : AUTO_PARALLEL_MAX;
    if (wanted > e->threads) wanted = e->threads;
    if (c->batch_mode != SV_BATCH_ADAPTIVE) wanted = 1;
    assert(wanted >= 1 && wanted <= SV_PARALLEL_MAX);
    for (; e->worker_count < wanted; e->worker_count++) {
        sv_device_worker *r = &e->workers[e->worker_count];
        r->engine = e;
        const ev_status status = ev_synth_create(&r->synth, e->parts.model, &options, err);
        if (status != EV_OK) return status;
    }
    return EV_OK;
}

ev_status sv_engine_create(sv_engine **out, const sv_engine_parts *parts, ev_error *err) {
    static const sv_device_calls plain = {ev_synth_decode, ev_synth_vocode};
    sv_engine *e = *out = calloc(1, sizeof *e);
    if (!e) return ev_fail(err, EV_E_MEMORY, "out of memory");
    e->parts = *parts;
    e->device = parts->device ? *parts->device : plain;
    e->rate = ev_model_sample_rate(parts->model);
    ev_mutex_init(&e->lock);
    ev_cond_init(&e->work);
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        e->pools[i].engine = e;
        ev_cond_init(&e->pools[i].fresh);
    }
    ev_status status = make_workers(e, err);
    if (status == EV_OK) status = sv_engine_limits(e, err);
    if (status == EV_OK) {
        sv_engine_warm_up(e);
        status = start_threads(e, err);
    }
    if (status != EV_OK) sv_engine_free(out);
    return status;
}

/* ---- the model comes and goes ---- */

/* Nothing that would need the model. */
static bool is_empty(const sv_engine *e) EV_REQUIRES(e->lock) {
    bool empty = !e->ready.count && !e->making.count && !e->busy && !e->ending;
    for (int i = 0; i < SV_POOL_COUNT; i++) empty &= !e->pools[i].queue.waiting.count;
    return empty;
}

/* Workers and pools touch a synth and the model for a job alone, and there is none. */
bool sv_engine_detach(sv_engine *e) {
    ev_synth *synths[SV_PARALLEL_MAX] = {0};
    ev_mutex_lock(&e->lock);
    const bool empty = is_empty(e);
    for (int i = 0; empty && i < e->worker_count; i++) {
        synths[i] = e->workers[i].synth;
        e->workers[i].synth = NULL;
    }
    if (empty) e->parts.model = NULL;
    ev_mutex_unlock(&e->lock);
    for (int i = 0; i < SV_PARALLEL_MAX; i++) ev_synth_free(&synths[i]);
    return empty;
}

ev_status sv_engine_attach(sv_engine *e, ev_model *model, ev_error *err) {
    ev_synth *synths[SV_PARALLEL_MAX] = {0};
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = e->threads;
    ev_status status = EV_OK;
    for (int i = 0; i < e->worker_count && status == EV_OK; i++)
        status = ev_synth_create(&synths[i], model, &options, err);
    ev_mutex_lock(&e->lock);
    for (int i = 0; i < e->worker_count && status == EV_OK; i++) {
        assert(!e->workers[i].synth); /* it was detached */
        e->workers[i].synth = synths[i];
        synths[i] = NULL;
    }
    if (status == EV_OK) e->parts.model = model;
    ev_mutex_unlock(&e->lock);
    for (int i = 0; i < SV_PARALLEL_MAX; i++) ev_synth_free(&synths[i]);
    return status;
}

/* Nobody adds to the list any more; a submission that is under way is refused, but looks at it first. */
static void end_list(sv_engine *e, ev_list *list) EV_EXCLUDES(e->lock) {
    ev_error error = {0};
    sv_active *a;
    ev_fail(&error, EV_E_CANCELED, "the service is stopping");
    do {
        ev_mutex_lock(&e->lock);
        a = sv_active_of(list->first);
        if (a) sv_engine_unlist(e, a);
        ev_mutex_unlock(&e->lock);
        if (a) sv_engine_end(e, a, SV_JOB_CANCELED, &error);
    } while (a);
}

void sv_engine_stop(sv_engine *e) {
    ev_mutex_lock(&e->lock);
    const bool first = !e->stopping;
    e->stopping = true;
    ev_cond_broadcast(&e->work);
    for (int i = 0; i < SV_POOL_COUNT; i++) ev_cond_broadcast(&e->pools[i].fresh);
    ev_mutex_unlock(&e->lock);
    if (!first) return;
    for (int i = 0; i < e->started; i++) pthread_join(e->workers[i].thread, NULL);
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        for (int k = 0; k < e->pools[i].count; k++) pthread_join(e->pools[i].threads[k], NULL);
    }
    end_list(e, &e->ready);
    for (int i = 0; i < SV_POOL_COUNT; i++) end_list(e, &e->pools[i].queue.waiting);
}

void sv_engine_free(sv_engine **engine) EV_NOT_SHARED {
    sv_engine *e = *engine;
    *engine = NULL;
    if (!e) return;
    sv_engine_stop(e);
    assert(!e->busy && !e->ready.count && !e->making.count);
    for (size_t i = 0; i < e->dead_count; i++) sv_job_unref(&e->dead[i]);
    for (int i = 0; i < e->worker_count; i++) ev_synth_free(&e->workers[i].synth);
    ev_cond_destroy(&e->work);
    for (int i = 0; i < SV_POOL_COUNT; i++) ev_cond_destroy(&e->pools[i].fresh);
    ev_mutex_destroy(&e->lock);
    free(e->items);
    free(e->order);
    free(e);
}
