/* device_worker: a thread that runs batches, on its part of the device. It shows what waits to schedule.h, runs the
 * plan that it is given, and hands the samples to their jobs.
 *
 * Workers that are busy share the device's threads; what a batch takes is counted in seconds of the whole device, so
 * that costs mean the same however many run. A job belongs to one worker while it is marked as running.
 */
#include "server/engine/engine_inner.h"

#include <assert.h>
#include <math.h>

/* ---- the device, among the workers ---- */

/* Of its threads, when other models' engines run at the same time. */
static int32_t threads_of(const sv_engine *e) {
    const int engines = e->parts.busy ? atomic_load(e->parts.busy) : 1;
    return engines > 1 ? (e->threads + engines - 1) / engines : e->threads;
}

/* Closes the account of each busy worker, and gives it its part from now on. */
static void share_device(sv_engine *e) EV_REQUIRES(e->lock) {
    const double now = ev_clock_s();
    int left = e->busy;
    int32_t threads = threads_of(e);
    assert(left >= 0 && left <= e->worker_count);
    for (int i = 0; i < e->worker_count; i++) {
        sv_device_worker *r = &e->workers[i];
        if (!r->busy) continue;
        assert(left > 0);
        const int32_t some = (threads + left - 1) / left, part = some > 0 ? some : 1;
        r->device_s += (now - r->since) * r->share;
        r->since = now;
        r->share = (double)part / e->threads;
        ev_synth_set_threads(r->synth, part);
        threads -= part;
        left--;
    }
    assert(left == 0); /* as many are marked busy as are counted */
}

static void start_running(sv_engine *e, sv_device_worker *r) EV_REQUIRES(e->lock) {
    assert(!r->busy && e->busy < e->worker_count);
    r->busy = true;
    if (e->busy++ == 0 && e->parts.busy) atomic_fetch_add(e->parts.busy, 1);
    r->share = r->since = r->device_s = 0;
    share_device(e);
}

/* Seconds of the whole device that the batch took. */
static double stop_running(sv_engine *e, sv_device_worker *r) EV_REQUIRES(e->lock) {
    assert(r->busy && e->busy > 0);
    share_device(e);
    r->busy = false;
    if (--e->busy == 0 && e->parts.busy) atomic_fetch_sub(e->parts.busy, 1);
    share_device(e);
    return r->device_s;
}

/* ---- one batch; without the lock, its jobs marked as running ---- */

static ev_status run_plan(sv_device_worker *r, const sv_plan *plan, sv_active *const *batch, ev_error *err) {
    ev_task *tasks[SV_BATCH_MAX];
    ev_slice slices[SV_BATCH_MAX];
    assert(plan->stage != SV_IDLE && plan->count > 0 && plan->count <= SV_BATCH_MAX);
    assert(r->synth); /* the model stays while there is a job */
    for (size_t i = 0; i < plan->count; i++) {
        tasks[i] = batch[i]->task;
        slices[i] = (ev_slice){batch[i]->task, (size_t)plan->items[i].amount};
    }
    const sv_device_calls *device = &r->engine->device;
    if (plan->stage == SV_ACOUSTIC) return device->decode(r->synth, tasks, plan->count, err);
    return device->vocode(r->synth, slices, plan->count, err);
}

static void count_batch(sv_device_worker *r, const sv_plan *plan, double elapsed_s, double device_s) {
    sv_metrics *m = r->engine->parts.metrics;
    const sv_timed stage = plan->stage == SV_ACOUSTIC ? SV_TIMED_ACOUSTIC : SV_TIMED_VOCODE;
    sv_metric_observe(m, SV_METRIC_STAGE_DURATION, stage, elapsed_s);
    sv_metric_observe(m, SV_METRIC_BATCH_SIZE, stage, (double)plan->count);
    sv_metric_observe(m, SV_METRIC_COST_ERROR, 0, fabs((double)plan->predicted_us * 1e-6 - device_s) / device_s);
    if (plan->stage != SV_VOCODE) return;
    ev_stats stats;
    ev_synth_stats(r->synth, &stats);
    sv_metric_observe(m, SV_METRIC_BATCH_FRAMES, 0, (double)plan->size);
    sv_metric_add(m, SV_METRIC_FRAMES_PROCESSED, 0, (double)stats.frames_processed);
    sv_metric_add(m, SV_METRIC_FRAMES_USEFUL, 0, (double)stats.frames_useful);
}

static bool all_finite(const float *samples, size_t count) {
    float sum = 0; /* inf - inf and nan stay nan through the sum */
    for (size_t i = 0; i < count; i++) sum += samples[i] * 0.0f;
    return sum == 0.0f;
}

/* The job's new samples to its listeners. */
static ev_status deliver(sv_engine *e, sv_active *a, ev_error *err) {
    sv_job *job = a->job;
    const float *samples;
    size_t count;
    ev_task_take(a->task, &samples, &count);
    if (!count) return EV_OK;
    if (!all_finite(samples, count)) return ev_fail(err, EV_E_DEVICE, "the model output is not finite for this text");
    const double now = ev_clock_s(), dry = job->times.first + (double)job->count / e->rate;
    const bool heard_before = count <= a->skip; /* by an earlier try: the listener does not wait for it */
    if (a->item.streaming && job->count && !heard_before && now > dry)
        sv_metric_add(e->parts.metrics, SV_METRIC_PLAYBACK_UNDERRUNS, 0, 1);
    const bool first = job->count == 0;
    sv_engine_publish_words(a); /* before the samples that they are about */
    const size_t drop = count < a->skip ? count : a->skip;
    a->skip -= drop;
    const ev_status status = sv_job_append(job, samples + drop, count - drop, err);
    if (first && job->count) {
        sv_metric_observe(e->parts.metrics, SV_METRIC_FIRST_AUDIO, 0, job->times.first - job->times.arrived);
    }
    return status;
}

/* After a batch that failed: alone next time, from the beginning; what was handed out is dropped when it comes again.
 */
static bool try_again(sv_engine *e, sv_active *a, const ev_error *cause) {
    sv_job *job = a->job;
    assert(a->running);
    ev_error error = {0};
    job->tries++;
    if (sv_schedule_retry(job->tries) == SV_RETRY_DEAD || job->tries >= e->parts.config->tries_max) {
        sv_log_line(e->parts.log, SV_LEVEL_ERROR, job->id, "job failed %d times: %s", job->tries, cause->message);
        ev_mutex_lock(&e->lock);
        sv_dead_letter_add(e, job);
        ev_mutex_unlock(&e->lock);
        return false;
    }
    sv_metric_add(e->parts.metrics, SV_METRIC_RETRIES, 0, 1);
    a->skip = job->count;
    a->frames_done = 0;
    a->marks_read = 0;
    return sv_preprocess_task(e, a, &error) == EV_OK;
}

typedef enum { GOES_ON, COMPLETED, FAILED } step;

/* *short_of_memory: set where this member had none. */
static step settle_one(sv_engine *e, sv_active *a, const sv_plan_item *item, sv_stage stage, ev_status batch,
                       bool *short_of_memory, ev_error *err) {
    ev_status status = batch;
    assert(a->task && a->running);
    if (batch == EV_OK) {
        if (stage == SV_VOCODE) a->frames_done += item->amount;
        status = deliver(e, a, err);
        if (status == EV_OK) status = ev_task_status(a->task, err);
    }
    /* Memory that one member did not get, or an output that is no number, is no more the text's fault than a batch
     * that failed. */
    *short_of_memory |= status == EV_E_MEMORY;
    if (batch != EV_OK || status == EV_E_MEMORY || status == EV_E_DEVICE)
        return try_again(e, a, err) ? GOES_ON : FAILED;
    if (status != EV_OK) return FAILED;
    ev_progress p;
    ev_task_progress(a->task, &p);
    return p.done ? COMPLETED : GOES_ON;
}

/* True: memory was short, for the batch or for one of its members. */
static bool settle(sv_engine *e, const sv_plan *plan, sv_active *const *batch, ev_status outcome,
                   const ev_error *cause) {
    bool short_of_memory = false;
    for (size_t i = 0; i < plan->count; i++) {
        ev_error error = *cause;
        sv_active *a = batch[i];
        const step end = settle_one(e, a, &plan->items[i], plan->stage, outcome, &short_of_memory, &error);
        ev_mutex_lock(&e->lock);
        a->running = false;
        a->waiting_us = sv_us(ev_clock_s());
        if (end != GOES_ON) sv_engine_unlist(e, a);
        ev_mutex_unlock(&e->lock);
        if (end != GOES_ON) sv_engine_end(e, a, end == COMPLETED ? SV_JOB_COMPLETED : SV_JOB_FAILED, &error);
    }
    return short_of_memory;
}

/* Of sentences that were just decoded: a job has one at a time between the stages. */
static int64_t frames_made(const sv_plan *plan, sv_active *const *batch) {
    int64_t frames = 0;
    for (size_t i = 0; plan->stage == SV_ACOUSTIC && i < plan->count; i++) {
        ev_progress p;
        ev_task_progress(batch[i]->task, &p);
        frames += (int64_t)((double)p.ready_frames * (double)batch[i]->job->speech.speed); /* as at the usual speed */
    }
    return frames;
}

static void mark_started(sv_engine *e, sv_active *a) {
    sv_job *job = a->job;
    assert(!a->running);
    a->running = true;
    if (job->times.started) return;
    ev_mutex_lock(&job->lock);
    job->times.started = ev_clock_s();
    job->state = SV_JOB_RUNNING;
    ev_mutex_unlock(&job->lock);
    sv_metric_observe(e->parts.metrics, SV_METRIC_QUEUE_WAIT, 0, job->times.started - job->times.arrived);
}

/* Lets go of the lock while it works. */
static void run_batch(sv_engine *e, sv_device_worker *r, const sv_plan *plan) EV_REQUIRES(e->lock) {
    sv_active *batch[SV_BATCH_MAX];
    ev_error error = {0};
    for (size_t i = 0; i < plan->count; i++) {
        assert(plan->items[i].index < e->count);
        mark_started(e, batch[i] = e->order[plan->items[i].index]);
        e->items[plan->items[i].index].size = 0; /* waits no more */
    }
    sv_schedule_started(&e->schedule, plan);
    start_running(e, r);
    const int64_t now_us = sv_us(ev_clock_s());
    if (sv_schedule_can_start_batch(&e->schedule, e->items, e->count, now_us, e->busy)) ev_cond_signal(&e->work);
    ev_mutex_unlock(&e->lock);
    const double start = ev_clock_s();
    const ev_status status = run_plan(r, plan, batch, &error);
    const double elapsed = ev_clock_s() - start;
    ev_mutex_lock(&e->lock);
    const double device_s = stop_running(e, r);
    ev_mutex_unlock(&e->lock);
    for (size_t i = 0; i < plan->count; i++) batch[i]->compute_s += device_s / (double)plan->count;
    if (status == EV_OK) count_batch(r, plan, elapsed, device_s);
    if (status != EV_OK) /* a log whose reader is slow must not hold the lock */
        sv_log_line(e->parts.log, SV_LEVEL_ERROR, NULL, "a batch of %zu failed: %s", plan->count, error.message);
    const int64_t frames = status == EV_OK ? frames_made(plan, batch) : 0;
    const bool short_of_memory = settle(e, plan, batch, status, &error);
    ev_mutex_lock(&e->lock);
    if (frames) sv_schedule_decoded(&e->schedule, plan->size, frames);
    if (status == EV_OK && !short_of_memory) {
        sv_schedule_done(&e->schedule, plan, sv_us(device_s));
    } else {
        sv_schedule_failed(&e->schedule, plan, short_of_memory);
    }
}

/* ---- the threads ---- */

enum { LOOK_US = 250000 }; /* deadlines and listeners are looked at anyway */

static void wait_until(sv_engine *e, int64_t wake_us) EV_REQUIRES(e->lock) {
    const int64_t wait_us = wake_us - sv_us(ev_clock_s());
    const struct timespec at = ev_clock_after(1e-6 * (double)(wait_us < LOOK_US ? wait_us : LOOK_US));
    ev_cond_wait_until(&e->work, &e->lock, &at);
}

void *sv_device_worker_main(void *arg) {
    sv_device_worker *r = arg;
    sv_engine *e = r->engine;
    sv_plan plan;
    ev_mutex_lock(&e->lock);
    while (!e->stopping) {
        const int64_t now_us = sv_us(ev_clock_s());
        sv_engine_collect_runnable(e, now_us);
        if (!sv_schedule_can_start_batch(&e->schedule, e->items, e->count, now_us, e->busy)) {
            wait_until(e, INT64_MAX);
            continue;
        }
        sv_schedule_pick(&e->schedule, e->items, e->count, now_us, &plan);
        if (plan.stage == SV_IDLE) {
            wait_until(e, plan.wake_us);
        } else {
            run_batch(e, r, &plan);
        }
    }
    ev_mutex_unlock(&e->lock);
    return NULL;
}
