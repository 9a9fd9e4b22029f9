/* engine: jobs from when they come in to their ends; in between they wait on a list, from which device_worker.c takes
 * them. Everything that decides is in schedule.c; everything that computes is behind emotivoice.h.
 */
#include "server/engine/engine_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUTO_PARALLEL_MAX = 8 };  /* each has work memory of its own */
enum { MEMORY_RETRY_MS = 2000 }; /* until somebody's answer was read, perhaps */

static void forget_client(sv_engine *e, sv_job *job) {
    if (job->client >= 0) e->accounts[job->client].users--;
    job->client = -1;
}

static void count_end(sv_engine *e, const sv_job *job, sv_job_state state) {
    static const sv_outcome outcomes[] = {[SV_JOB_COMPLETED] = SV_OUTCOME_COMPLETED,
                                          [SV_JOB_FAILED] = SV_OUTCOME_FAILED,
                                          [SV_JOB_EXPIRED] = SV_OUTCOME_EXPIRED,
                                          [SV_JOB_CANCELED] = SV_OUTCOME_CANCELED};
    sv_metrics *m = e->parts.metrics;
    sv_metric_add(m, SV_METRIC_JOBS, outcomes[state], 1);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, (double)job->count / ev_model_sample_rate(e->parts.model));
    if (state == SV_JOB_CANCELED) sv_metric_add(m, SV_METRIC_CANCELED_COMPUTE, 0, job->compute_s);
}

/* From the first of a word's phones to the last. */
static void keep_words(sv_job *job) {
    size_t count;
    const ev_mark *marks = ev_task_marks(job->task, &count);
    const ev_phones *phones = ev_task_phones(job->task);
    job->words = calloc(phones->word_count + 1, sizeof *job->words);
    if (!job->words) return; /* speech without its times is better than none */
    for (size_t i = 0; i < count; i++) {
        if (marks[i].word < 0 || (size_t)marks[i].word >= phones->word_count) continue;
        sv_word_time *word = &job->words[marks[i].word];
        if (!word->sample_end) word->sample_begin = marks[i].sample_begin;
        word->sample_end = marks[i].sample_end;
    }
    for (size_t i = 0; i < phones->word_count; i++) {
        job->words[i].byte_begin = phones->words[i].byte_begin;
        job->words[i].byte_end = phones->words[i].byte_end;
    }
    job->word_count = phones->word_count;
}

/* Equal requests are known by the content's hash: the recording itself has done its work, and would take the place of
 * other results. */
static void drop_recording(sv_job *job) {
    free(job->speech.reference);
    job->speech.reference = NULL;
    job->speech.reference_bytes = 0;
}

void sv_engine_end(sv_engine *e, sv_job *job, sv_job_state state, const ev_error *err) {
    pthread_mutex_lock(&e->lock);
    forget_client(e, job);
    pthread_mutex_unlock(&e->lock);
    if (state == SV_JOB_COMPLETED) keep_words(job);
    if (!job->dead) drop_recording(job);
    ev_task_free(&job->task);
    sv_voice_release(e->parts.voices, &job->voice);
    count_end(e, job, state);
    sv_job_finish(job, state, err);
    sv_engine_settle(e, job);
    if (e->parts.ended) e->parts.ended(e->parts.ended_user, job);
    sv_jobs_over(e->parts.jobs, job);
    sv_job_unref(&job);
}

/* ---- what waits, as the schedule sees it; under the lock ---- */

static sv_work_item item_of(const sv_engine *e, const sv_job *job) {
    const sv_speech *s = &job->speech;
    sv_work_item u = {.id = job->number,
                      .stage = SV_ACOUSTIC,
                      .size = job->tokens,
                      .sentences_left = job->tokens / 40 + 1,
                      .tokens_left = job->tokens,
                      .client = job->client,
                      .weight = job->weight,
                      .priority = s->priority,
                      .tries = job->tries,
                      .streaming = s->stream,
                      .arrived_us = sv_us(job->times.arrived),
                      .waiting_us = job->waiting_us,
                      .deadline_us = s->deadline_us,
                      .frames_done = job->frames_done};
    if (!job->task) return u;
    ev_progress p;
    ev_task_progress(job->task, &p);
    u.stage = p.ready_frames ? SV_VOCODE : SV_ACOUSTIC;
    u.size = (int32_t)(p.ready_frames ? p.ready_frames : p.next_tokens);
    u.sentences_left = (int32_t)(p.sentences - p.decoded);
    u.tokens_left = (int32_t)fmin((double)p.tokens_left / (double)s->speed, 1e9);
    u.playback_us = sv_us(job->times.first + (double)job->count / ev_model_sample_rate(e->parts.model));
    return u;
}

static bool make_room(sv_engine *e, size_t more) {
    if (e->count + more <= e->room) return true;
    const size_t room = 2 * (e->count + more);
    sv_work_item *items = realloc(e->items, room * sizeof *items);
    if (items) e->items = items;
    sv_job **order = realloc(e->order, room * sizeof(sv_job *));
    if (order) e->order = order;
    if (!items || !order) return false;
    e->room = room;
    return true;
}

/* What runs is one thread's alone, the device's or a pool's, and others ask too: it is shown as it was. */
static void add_item(sv_engine *e, sv_job *job) {
    if (!make_room(e, 1)) return; /* it waits for the next look */
    if (!job->running) job->item = item_of(e, job);
    e->items[e->count] = job->item;
    e->order[e->count++] = job;
}

/* Waits for its listener, not for the device: what it waits there is not held against anybody. */
static bool is_held(sv_job *job) {
    if (job->running || !sv_job_held(job)) return false;
    job->waiting_us = sv_us(ev_clock_s());
    return true;
}

/* Jobs that wait for the device; with all: those that run, are not ready or wait for their listeners too. */
static void gather(sv_engine *e, bool all) {
    e->count = 0;
    for (sv_job *job = e->list; job; job = job->next) {
        if (all || (!job->running && !is_held(job))) add_item(e, job);
    }
    for (sv_job *job = e->making; all && job; job = job->next) add_item(e, job);
    for (int i = 0; all && i < SV_POOL_COUNT; i++) {
        for (sv_job *job = e->pools[i].queue.first; job; job = job->next) add_item(e, job);
    }
}

static void show_queue(sv_engine *e) {
    sv_backlog backlog;
    const sv_admission_request nobody = {.tokens = 1, .sentences = 1, .client = 0, .weight = 1};
    gather(e, true);
    sv_schedule_backlog(&e->schedule, e->items, e->count, &nobody, &backlog);
    sv_metric_set(e->parts.metrics, SV_METRIC_QUEUE_JOBS, (double)e->count);
    sv_metric_set(e->parts.metrics, SV_METRIC_QUEUE_AUDIO, backlog.seconds);
    sv_metric_set(e->parts.metrics, SV_METRIC_BATCH_MEMORY, (double)e->schedule.memory_cap);
}

/* ---- ends that the engine notices itself ---- */

void sv_engine_unlist(sv_job **list, sv_job *job) {
    for (sv_job **at = list; *at; at = &(*at)->next) {
        if (*at != job) continue;
        *at = job->next;
        job->next = NULL;
        return;
    }
}

/* The first on a list that nobody waits for any more, or that cannot be in time. */
static sv_job *find_expired_or_abandoned(sv_engine *e, sv_job *list, int64_t now_us, sv_job_state *state) {
    for (sv_job *job = list; job; job = job->next) {
        if (job->running) continue;
        const bool left = atomic_load(&job->listeners) == 0 && !atomic_load(&job->kept);
        const sv_work_item item = job->speech.deadline_us ? item_of(e, job) : (sv_work_item){0};
        if (left && sv_jobs_abandoned(e->parts.jobs, job)) {
            *state = SV_JOB_CANCELED;
        } else if (job->speech.deadline_us && sv_schedule_expired(&e->schedule, &item, now_us)) {
            *state = SV_JOB_EXPIRED;
        } else {
            continue;
        }
        return job;
    }
    return NULL;
}

/* The next of all that wait; taken off its list. */
static sv_job *take_expired_or_abandoned(sv_engine *e, int64_t now_us, sv_job_state *state) {
    sv_job *job = find_expired_or_abandoned(e, e->list, now_us, state);
    if (job) sv_engine_unlist(&e->list, job);
    for (int i = 0; !job && i < SV_POOL_COUNT; i++) {
        sv_queue *queue = &e->pools[i].queue;
        job = find_expired_or_abandoned(e, queue->first, now_us, state);
        if (job) sv_queue_remove(queue, job);
    }
    return job;
}

void sv_engine_end_expired_or_abandoned(sv_engine *e, int64_t now_us) {
    sv_job_state state;
    sv_job *job;
    while ((job = take_expired_or_abandoned(e, now_us, &state)) != NULL) {
        ev_error error = {0};
        ev_fail(&error, EV_E_CANCELED, "%s", state == SV_JOB_EXPIRED ? "the deadline cannot be met" : "canceled");
        pthread_mutex_unlock(&e->lock);
        sv_engine_end(e, job, state, &error);
        pthread_mutex_lock(&e->lock);
    }
}

void sv_engine_collect_runnable(sv_engine *e, int64_t now_us) {
    sv_engine_end_expired_or_abandoned(e, now_us);
    show_queue(e);
    gather(e, false);
}

/* ---- coming in ---- */

/* The schedule's number for an account: its own, or that of the one which has been quiet longest. Untrusted clients
 * have places of their own, so that however many come, no key shares its part with one. */
static int32_t client_of(sv_engine *e, const char *account) {
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

static void enqueue(sv_preprocess_pool *f, sv_job *job) {
    sv_queue_add(&f->queue, job);
    pthread_cond_signal(&f->fresh);
}

double sv_engine_seconds(sv_engine *e, const sv_speech *speech) {
    pthread_mutex_lock(&e->lock);
    const double per_token = sv_schedule_frames_per_token(&e->schedule) / e->schedule.config.frames_per_second;
    pthread_mutex_unlock(&e->lock);
    return sv_estimate_tokens(speech) * per_token + (double)sv_estimate_pauses(speech) / 1000;
}

sv_admission sv_engine_submit(sv_engine *e, sv_job *job, const char *account) {
    static const sv_outcome outcome[] = {[SV_FULL] = SV_OUTCOME_REJECTED_FULL,
                                         [SV_OVER_SHARE] = SV_OUTCOME_REJECTED_QUOTA,
                                         [SV_LATE] = SV_OUTCOME_EXPIRED};
    sv_backlog backlog;
    job->tokens = sv_estimate_tokens(&job->speech);
    job->room = sv_engine_claim(e, job, account);
    pthread_mutex_lock(&e->lock);
    sv_preprocess_pool *pool = pool_of(e, job);
    job->client = client_of(e, account);
    const sv_admission_request request = {.tokens = job->tokens,
                                          .sentences = job->tokens / 40 + 1,
                                          .client = job->client,
                                          .weight = job->weight,
                                          .ready_us = sv_preprocess_wait_us(pool, job->client),
                                          .deadline_us = job->speech.deadline_us};
    gather(e, true);
    sv_schedule_backlog(&e->schedule, e->items, e->count, &request, &backlog);
    sv_admission admission = sv_schedule_admit(&e->schedule, &backlog, &request, sv_us(ev_clock_s()));
    if (job->room != SV_CLAIM_OK) admission = (sv_admission){.verdict = SV_FULL, .retry_after_ms = MEMORY_RETRY_MS};
    if (e->stopping) admission = (sv_admission){.verdict = SV_FULL, .retry_after_ms = 1000};
    if (admission.verdict == SV_ACCEPT) {
        e->accounts[job->client].users++;
        e->accounts[job->client].last = job->number = ++e->numbers;
        job->waiting_us = sv_us(job->times.arrived);
        job->item = item_of(e, job);
        enqueue(pool, sv_job_ref(job));
    }
    pthread_mutex_unlock(&e->lock);
    if (admission.verdict == SV_ACCEPT) return admission;
    sv_metric_add(e->parts.metrics, SV_METRIC_JOBS, outcome[admission.verdict], 1);
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "refused");
    sv_job_finish(job, SV_JOB_FAILED, &error);
    sv_jobs_forget(e->parts.jobs, job);
    return admission;
}

void sv_engine_join(sv_engine *e, sv_job *job, int32_t priority, bool stream) {
    pthread_mutex_lock(&e->lock);
    if (priority < job->speech.priority) job->speech.priority = priority;
    job->speech.stream |= stream;
    pthread_mutex_unlock(&e->lock);
}

void sv_engine_nudge(sv_engine *e) {
    pthread_mutex_lock(&e->lock);
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
}

bool sv_engine_idle(sv_engine *e) {
    pthread_mutex_lock(&e->lock);
    bool idle = !e->list && !e->making;
    for (int i = 0; i < SV_POOL_COUNT; i++) idle &= !e->pools[i].queue.first;
    pthread_mutex_unlock(&e->lock);
    return idle;
}

/* ---- life ---- */

static ev_status start_threads(sv_engine *e, ev_error *err) {
    static const char problem[] = "a thread cannot be started: raise the limit on processes";
    const int64_t wanted = e->parts.config->text_threads;
    const int text_threads = wanted < SV_TEXT_THREADS_MAX ? (int)wanted : SV_TEXT_THREADS_MAX;
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
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, &monotonic);
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        e->pools[i].engine = e;
        pthread_cond_init(&e->pools[i].fresh, NULL);
    }
    pthread_condattr_destroy(&monotonic);
    ev_status status = make_workers(e, err);
    if (status == EV_OK) status = sv_engine_limits(e, err);
    if (status == EV_OK) {
        sv_engine_warm_up(e);
        status = start_threads(e, err);
    }
    if (status != EV_OK) sv_engine_free(out);
    return status;
}

static void end_list(sv_engine *e, sv_job *list) {
    ev_error error = {0};
    ev_fail(&error, EV_E_CANCELED, "the service is stopping");
    while (list) {
        sv_job *job = list;
        list = job->next;
        job->next = NULL;
        sv_engine_end(e, job, SV_JOB_CANCELED, &error);
    }
}

void sv_engine_stop(sv_engine *e) {
    pthread_mutex_lock(&e->lock);
    const bool first = !e->stopping;
    e->stopping = true;
    pthread_cond_broadcast(&e->work);
    for (int i = 0; i < SV_POOL_COUNT; i++) pthread_cond_broadcast(&e->pools[i].fresh);
    pthread_mutex_unlock(&e->lock);
    if (!first) return;
    for (int i = 0; i < e->started; i++) pthread_join(e->workers[i].thread, NULL);
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        for (int k = 0; k < e->pools[i].count; k++) pthread_join(e->pools[i].threads[k], NULL);
    }
    pthread_mutex_lock(&e->lock); /* who still submits is refused, but looks at the lists first */
    sv_job *list = e->list, *waiting[SV_POOL_COUNT];
    e->list = NULL;
    for (int i = 0; i < SV_POOL_COUNT; i++) {
        waiting[i] = e->pools[i].queue.first;
        e->pools[i].queue.first = e->pools[i].queue.last = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    end_list(e, list);
    for (int i = 0; i < SV_POOL_COUNT; i++) end_list(e, waiting[i]);
}

void sv_engine_free(sv_engine **engine) {
    sv_engine *e = *engine;
    *engine = NULL;
    if (!e) return;
    sv_engine_stop(e);
    for (size_t i = 0; i < e->dead_count; i++) sv_job_unref(&e->dead[i]);
    for (int i = 0; i < e->worker_count; i++) ev_synth_free(&e->workers[i].synth);
    pthread_cond_destroy(&e->work);
    for (int i = 0; i < SV_POOL_COUNT; i++) pthread_cond_destroy(&e->pools[i].fresh);
    pthread_mutex_destroy(&e->lock);
    free(e->items);
    free(e->order);
    free(e);
}
