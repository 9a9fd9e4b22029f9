/* active: jobs that came in and are not over: how they end, and what of them waits, as the schedule sees it. */
#include "server/engine/engine_inner.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- ends ---- */

static void count_end(sv_engine *e, const sv_job *job, sv_job_state state, double compute_s) {
    static const sv_outcome outcomes[] = {[SV_JOB_COMPLETED] = SV_OUTCOME_COMPLETED,
                                          [SV_JOB_FAILED] = SV_OUTCOME_FAILED,
                                          [SV_JOB_EXPIRED] = SV_OUTCOME_EXPIRED,
                                          [SV_JOB_CANCELED] = SV_OUTCOME_CANCELED};
    assert(sv_job_over(state) && (size_t)state < EV_ARRAY_COUNT(outcomes));
    sv_metrics *m = e->parts.metrics;
    sv_metric_add(m, SV_METRIC_JOBS, outcomes[state], 1);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, (double)job->count / e->rate);
    if (state == SV_JOB_CANCELED) sv_metric_add(m, SV_METRIC_CANCELED_COMPUTE, 0, compute_s);
}

/* From the first of a word's phones to the last, of the sentences that are decoded. Without memory for them, speech
 * without its times is better than none. */
void sv_engine_publish_words(sv_active *a) {
    sv_job *job = a->job;
    size_t count;
    const ev_mark *marks = ev_task_marks(a->task, &count);
    const ev_phones *phones = ev_task_phones(a->task);
    if (count == a->marks_read) return;
    a->marks_read = count;
    sv_word_time *words = calloc(phones->word_count + 1, sizeof *words), *old;
    if (!words) return;
    for (size_t i = 0; i < count; i++) {
        if (marks[i].word < 0 || (size_t)marks[i].word >= phones->word_count) continue;
        sv_word_time *word = &words[marks[i].word];
        if (!word->sample_end) word->sample_begin = marks[i].sample_begin;
        word->sample_end = marks[i].sample_end;
    }
    for (size_t i = 0; i < phones->word_count; i++) {
        words[i].byte_begin = phones->words[i].byte_begin;
        words[i].byte_end = phones->words[i].byte_end;
    }
    ev_mutex_lock(&job->lock);
    old = job->words;
    job->words = words;
    job->word_count = phones->word_count;
    ev_mutex_unlock(&job->lock);
    free(old);
}

/* Equal requests are known by the content's hash: the recording itself has done its work, and would take the place of
 * other results. A dead letter may need it again. One that is still to be written down keeps it, too: the thread of
 * its request is about to copy it into the journal (sv_durable_accept). */
static void drop_recording(sv_job *job) {
    if (job->dead || atomic_load(&job->durable) == SV_DURABLE_WANTED) return;
    free(job->speech.reference);
    job->speech.reference = NULL;
    job->speech.reference_bytes = 0;
}

/* Now everybody hears of it. */
static void end_for_all(void *engine, sv_job *job, sv_job_state state, const ev_error *err) {
    sv_engine *e = engine;
    sv_job_finish(job, state, err);
    sv_engine_settle(e, job);
    if (e->parts.ended) e->parts.ended(e->parts.ended_user, job);
    sv_jobs_finish(e->parts.jobs, job);
    sv_job_unref(&job);
    ev_mutex_lock(&e->lock);
    assert(e->ending > 0);
    e->ending--; /* the engine may be gone as soon as the lock is */
    ev_mutex_unlock(&e->lock);
}

void sv_engine_unlist(sv_engine *e, sv_active *a) {
    assert(a->node.list && a->client >= 0 && a->client < SV_CLIENTS_MAX);
    ev_list_remove(&a->node);
    assert(e->accounts[a->client].users > 0);
    e->accounts[a->client].users--;
    e->ending++;
}

/* Counted in `ending` already. */
static void end_job(sv_engine *e, sv_job *job, sv_job_state state, double compute_s, const ev_error *err) {
    drop_recording(job);
    count_end(e, job, state, compute_s);
    ev_mutex_lock(&job->lock);
    job->times.done = ev_clock_s();
    ev_mutex_unlock(&job->lock);
    if (e->parts.durable && sv_durable_end(e->parts.durable, job, state, err, end_for_all, e)) return;
    end_for_all(e, job, state, err);
}

void sv_engine_end(sv_engine *e, sv_active *a, sv_job_state state, const ev_error *err) {
    sv_job *job = a->job;
    const double compute_s = a->compute_s;
    assert(!a->node.list);
    if (state == SV_JOB_COMPLETED) sv_engine_publish_words(a);
    ev_task_free(&a->task);
    sv_voice_release(e->parts.voices, &a->voice);
    free(a);
    end_job(e, job, state, compute_s, err);
}

void sv_engine_end_job(sv_engine *e, sv_job *job, sv_job_state state, double compute_s, const ev_error *err) {
    ev_mutex_lock(&e->lock);
    e->ending++;
    ev_mutex_unlock(&e->lock);
    end_job(e, job, state, compute_s, err);
}

void sv_dead_letters_show(sv_engine *e) {
    sv_metric_add(e->parts.metrics, SV_METRIC_DEAD_JOBS, 0, (double)((int64_t)e->dead_count - e->shown_dead));
    e->shown_dead = (int64_t)e->dead_count;
}

void sv_dead_letter_add(sv_engine *e, sv_job *job) {
    job->dead = true;
    if (e->parts.durable || e->parts.dead_elsewhere) return; /* it is written down when it ends */
    if (e->dead_count == SV_DEAD_MAX) {
        sv_job_unref(&e->dead[0]);
        memmove(e->dead, e->dead + 1, --e->dead_count * sizeof(sv_job *));
    }
    assert(e->dead_count < SV_DEAD_MAX);
    e->dead[e->dead_count++] = sv_job_ref(job);
    sv_dead_letters_show(e);
}

/* ---- what waits, as the schedule sees it ---- */

sv_work_item sv_engine_item(const sv_engine *e, const sv_active *a) {
    const sv_job *job = a->job;
    const sv_speech *s = &job->speech;
    sv_work_item u = {.id = a->number,
                      .stage = SV_ACOUSTIC,
                      .size = a->tokens,
                      .sentences_left = a->tokens / 40 + 1,
                      .tokens_left = a->tokens,
                      .client = a->client,
                      .weight = job->weight,
                      .priority = s->priority,
                      .tries = job->tries,
                      .streaming = s->stream,
                      .arrived_us = sv_us(job->times.arrived),
                      .waiting_us = a->waiting_us,
                      .deadline_us = s->deadline_us,
                      .frames_done = a->frames_done};
    if (!a->task) return u;
    ev_progress p;
    ev_task_progress(a->task, &p);
    assert(p.decoded <= p.sentences && s->speed > 0);
    u.stage = p.ready_frames ? SV_VOCODE : SV_ACOUSTIC;
    u.size = (int32_t)(p.ready_frames ? p.ready_frames : p.next_tokens);
    u.sentences_left = (int32_t)(p.sentences - p.decoded);
    u.tokens_left = (int32_t)fmin((double)p.tokens_left / (double)s->speed, 1e9);
    u.playback_us = sv_us(job->times.first + (double)job->count / e->rate);
    return u;
}

static bool make_room(sv_engine *e, size_t more) EV_REQUIRES(e->lock) {
    if (e->count + more <= e->room) return true;
    const size_t room = 2 * (e->count + more);
    sv_work_item *items = realloc(e->items, room * sizeof *items);
    if (items) e->items = items;
    sv_active **order = realloc(e->order, room * sizeof(sv_active *));
    if (order) e->order = order;
    if (!items || !order) return false;
    e->room = room;
    return true;
}

/* What runs is one thread's alone, the device's or a pool's, and others ask too: it is shown as it was. */
static void add_item(sv_engine *e, sv_active *a) EV_REQUIRES(e->lock) {
    if (!make_room(e, 1)) return; /* it waits for the next look */
    assert(e->count < e->room);
    if (!a->running) a->item = sv_engine_item(e, a);
    e->items[e->count] = a->item;
    e->order[e->count++] = a;
}

static void add_all(sv_engine *e, const ev_list *list) EV_REQUIRES(e->lock) {
    for (const ev_list_node *at = list->first; at; at = at->next) add_item(e, sv_active_of(at));
}

/* Waits for its listener, not for the device: what it waits there is not held against anybody. */
static bool is_held(sv_active *a) {
    if (!sv_job_window_full(a->job)) return false;
    a->waiting_us = sv_us(ev_clock_s());
    return true;
}

void sv_engine_gather(sv_engine *e, bool all) {
    e->count = 0;
    for (const ev_list_node *at = e->ready.first; at; at = at->next) {
        sv_active *a = sv_active_of(at);
        if (all || (!a->running && !is_held(a))) add_item(e, a);
    }
    if (!all) return;
    add_all(e, &e->making);
    for (int i = 0; i < SV_POOL_COUNT; i++) add_all(e, &e->pools[i].queue.waiting);
}

/* Predicted seconds of audio of all that waits or runs, which is gathered. */
static double gather_seconds(sv_engine *e) EV_REQUIRES(e->lock) {
    sv_backlog backlog;
    const sv_admission_request nobody = {.tokens = 1, .sentences = 1, .client = 0, .weight = 1};
    sv_engine_gather(e, true);
    sv_schedule_backlog(&e->schedule, e->items, e->count, &nobody, &backlog);
    return backlog.seconds;
}

void sv_engine_load(sv_engine *e, int64_t *jobs, int64_t *dead, double *audio_s) {
    ev_mutex_lock(&e->lock);
    *audio_s = gather_seconds(e);
    *jobs = (int64_t)e->count;
    *dead = (int64_t)e->dead_count;
    ev_mutex_unlock(&e->lock);
}

static void show_queue(sv_engine *e) EV_REQUIRES(e->lock) {
    const double seconds = round(gather_seconds(e) * 1e6) / 1e6; /* as gauges keep it, so that differences add up */
    sv_metrics *m = e->parts.metrics;                            /* gauges are the sums of all engines */
    sv_metric_add(m, SV_METRIC_QUEUE_JOBS, 0, (double)((int64_t)e->count - e->shown_jobs));
    sv_metric_add(m, SV_METRIC_QUEUE_AUDIO, 0, seconds - e->shown_audio_s);
    sv_metric_add(m, SV_METRIC_BATCH_MEMORY, 0, (double)(e->schedule.memory_cap - e->shown_bytes));
    e->shown_jobs = (int64_t)e->count;
    e->shown_audio_s = seconds;
    e->shown_bytes = e->schedule.memory_cap;
}

/* ---- ends that the engine notices itself ---- */

/* The first on a list that nobody waits for any more, or that cannot be in time; taken off it. */
static sv_active *take_from(sv_engine *e, ev_list *list, int64_t now_us, sv_job_state *state) EV_REQUIRES(e->lock) {
    for (ev_list_node *at = list->first; at; at = at->next) {
        sv_active *a = sv_active_of(at);
        sv_job *job = a->job;
        if (a->running) continue;
        const bool left = atomic_load(&job->listeners) == 0 && !atomic_load(&job->kept);
        const sv_work_item item = job->speech.deadline_us ? sv_engine_item(e, a) : (sv_work_item){0};
        if (left && sv_jobs_abandoned(e->parts.jobs, job)) {
            *state = SV_JOB_CANCELED;
        } else if (job->speech.deadline_us && sv_schedule_expired(&e->schedule, &item, now_us)) {
            *state = SV_JOB_EXPIRED;
        } else {
            continue;
        }
        sv_engine_unlist(e, a);
        return a;
    }
    return NULL;
}

/* ... of all that wait. */
static sv_active *take_expired_or_abandoned(sv_engine *e, int64_t now_us, sv_job_state *state) EV_REQUIRES(e->lock) {
    sv_active *a = take_from(e, &e->ready, now_us, state);
    for (int i = 0; !a && i < SV_POOL_COUNT; i++) a = take_from(e, &e->pools[i].queue.waiting, now_us, state);
    return a;
}

void sv_engine_end_expired_or_abandoned(sv_engine *e, int64_t now_us) {
    sv_job_state state;
    sv_active *a;
    while ((a = take_expired_or_abandoned(e, now_us, &state)) != NULL) {
        ev_error error = {0};
        ev_fail(&error, EV_E_CANCELED, "%s", state == SV_JOB_EXPIRED ? "the deadline cannot be met" : "canceled");
        ev_mutex_unlock(&e->lock);
        sv_engine_end(e, a, state, &error);
        ev_mutex_lock(&e->lock);
    }
}

void sv_engine_collect_runnable(sv_engine *e, int64_t now_us) {
    sv_engine_end_expired_or_abandoned(e, now_us);
    show_queue(e);
    sv_engine_gather(e, false);
}
