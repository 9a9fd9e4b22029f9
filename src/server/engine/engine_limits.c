/* engine_limits: what the schedule is told before and beside the work: limits from the settings, what batches take
 * and may take, and what they cost on this machine. */
#include "server/engine/engine_inner.h"

#include <assert.h>
#include <string.h>

/* Frames as the model has them. */
static void set_frames(const ev_work *work, sv_schedule_config *s) {
    s->frames_per_second = work->frames_per_second;
    s->slice_frames = (int32_t)work->chunk_frames;
    s->first_frames = (int32_t)work->first_frames;
}

/* What a batch takes and may take at most, as the engine's own sums have it. */
static void set_memory(const sv_config *c, const ev_work *work, sv_schedule_config *s) {
    s->margin_rows = (int32_t)work->slice_rows;
    s->vocode_rows = (int32_t)work->rows_max;
    s->acoustic_frames = (int32_t)work->frames_max;
    s->decode_bytes = (int64_t)work->decode_bytes;
    s->bytes_per_sentence = (int64_t)work->sentence_bytes;
    s->bytes_per_token = (int64_t)work->token_bytes;
    s->bytes_per_encoded = (int64_t)work->encode_bytes;
    s->bytes_per_frame = (int64_t)work->frame_bytes;
    s->vocode_bytes = (int64_t)work->vocode_bytes;
    s->bytes_per_row = (int64_t)work->row_bytes;
    s->memory_bytes = (int64_t)work->batch_bytes;
    if (c->memory_budget && c->memory_budget < s->memory_bytes) s->memory_bytes = c->memory_budget;
}

static void set_limits(const sv_config *c, sv_schedule_config *s) {
    static const sv_mode modes[] = {
        [SV_BATCH_ADAPTIVE] = SV_MODE_ADAPTIVE, [SV_BATCH_FIXED] = SV_MODE_FIXED, [SV_BATCH_OFF] = SV_MODE_OFF};
    sv_schedule_config_init(s);
    assert((size_t)c->batch_mode < EV_ARRAY_COUNT(modes));
    s->mode = modes[c->batch_mode];
    s->window_us = (int32_t)(c->batch_window * 1e6);
    s->batch_max = (int32_t)c->batch_max;
    s->turn_us = (int32_t)sv_us(c->batch_turn);
    s->queue_s = (double)c->queue_audio;
    s->wait_us = sv_us(c->queue_wait);
}

ev_status sv_engine_limits(sv_engine *e, ev_error *err) {
    sv_schedule_config limits;
    assert(e->worker_count >= 1 && e->worker_count <= SV_PARALLEL_MAX);
    set_limits(e->parts.config, &limits);
    ev_synth_work(e->workers[0].synth, &e->synth_work);
    set_frames(&e->synth_work, &limits);
    set_memory(e->parts.config, &e->synth_work, &limits);
    limits.parallel = e->worker_count;
    return sv_schedule_init(&e->schedule, &limits, err);
}

/* Part of the free memory that batches may take. The rest is for what comes with it, samples and caches, and for
 * whatever else the machine does until somebody looks again. */
enum { MEMORY_PART = 4 };

void sv_engine_memory(sv_engine *e, int64_t free_bytes) {
    if (e->parts.config->memory_budget) return; /* a number that somebody gave is kept */
    assert(e->worker_count >= 1);
    ev_mutex_lock(&e->lock);
    sv_schedule_memory(&e->schedule, free_bytes / MEMORY_PART / e->worker_count);
    ev_mutex_unlock(&e->lock);
}

/* The first worker has spoken already. Who makes voices has one too. */
int64_t sv_engine_reserve(const sv_engine *e) { return (int64_t)e->synth_work.bytes * (e->worker_count + 1); }

/* One sentence that nobody hears: the first requests find warm caches, and admission knows what this machine takes
 * before it has to promise anything. What fails here will fail, and be reported, where a request waits for it. */
void sv_engine_warm_up(sv_engine *e) EV_NOT_SHARED {
    ev_request request;
    ev_request_init(&request);
    request.text = "The kettle is on, and the rain has stopped.";
    request.text_bytes = strlen(request.text);
    ev_task *task = NULL;
    ev_synth *synth = e->workers[0].synth;
    ev_progress p;
    if (ev_task_create(&task, e->parts.model, &request, 0, NULL) != EV_OK) return;
    for (int i = 0; i < 16; i++) {
        ev_task_progress(task, &p);
        if (p.done) break;
        const bool vocodes = p.ready_frames > 0;
        const ev_slice slice = {task, p.ready_frames};
        const double start = ev_clock_s();
        const ev_status status =
            vocodes ? ev_synth_vocode(synth, &slice, 1, NULL) : ev_synth_decode(synth, &task, 1, NULL);
        if (status != EV_OK) break;
        const size_t size = vocodes ? p.ready_frames + (size_t)e->schedule.config.margin_rows : p.next_tokens;
        ev_task_progress(task, &p);
        if (!vocodes) sv_schedule_decoded(&e->schedule, (int32_t)size, (int64_t)p.ready_frames);
        sv_schedule_observe(&e->schedule, vocodes ? SV_VOCODE : SV_ACOUSTIC, (int32_t)size,
                            sv_us(ev_clock_s() - start));
        const float *samples;
        size_t count;
        ev_task_take(task, &samples, &count);
    }
    ev_task_free(&task);
}
