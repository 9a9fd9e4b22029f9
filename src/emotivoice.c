/* emotivoice: START HERE. The API's entry points in calling order.
 *
 *   ev_model_open      src/model/model.c     weights, lexicons, named voices
 *   ev_synth_create    here                  threads and work memory
 *   ev_synth_work      src/synth/work.c      what batches take of that memory
 *   ev_voice_*         src/synth/voice.c     a speaker from a name, a recording, or bytes
 *   ev_say*            here                  request -> src/text -> src/model -> samples, by src/synth/run.c
 *   ev_task_*          src/synth/task.c      the same in stages, for a caller that decides what runs next
 *   ev_audio_*         src/audio             to and from files
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

const char *ev_version(void) {
    static const char *const text[] = {EV_VERSION_STRING " (ref)", EV_VERSION_STRING " (avx2)",
                                       EV_VERSION_STRING " (avx512)"};
    const unsigned flags = ev_cpu_flags();
    return text[flags & EV_CPU_AVX512 ? 2 : flags & EV_CPU_AVX2 ? 1 : 0];
}

/* ---- synth ---- */

static ev_status check_options(ev_synth_options *o, ev_error *err) {
    if (o->threads == 0) o->threads = ev_cores_available() < 64 ? ev_cores_available() : 64;
    if (o->threads < 1 || o->threads > 64) {
        return ev_fail(err, EV_E_ARGUMENT, "threads is %d; wanted 1..64, or 0 for one per core", o->threads);
    }
    if (o->batch_max < 1 || o->batch_max > 256) {
        return ev_fail(err, EV_E_ARGUMENT, "batch_max is %d; wanted 1..256", o->batch_max);
    }
    if (o->sentence_ms_max < 1000 || o->sentence_ms_max > EV_SENTENCE_MS_MAX) {
        return ev_fail(err, EV_E_ARGUMENT, "sentence_ms_max is %d; wanted 1000..%d", o->sentence_ms_max,
                       EV_SENTENCE_MS_MAX);
    }
    return EV_OK;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

ev_status ev_synth_create(ev_synth **out, ev_model *model, const ev_synth_options *options, ev_error *err) {
    *out = NULL;
    ev_synth *s = calloc(1, sizeof *s);
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_synth_options_init(&s->options);
    if (options) s->options = *options;
    s->model = ev_model_retain(model);
    atomic_init(&s->canceled, false);
    ev_status status = check_options(&s->options, err);
    if (status == EV_OK) {
        const ev_vocoder_config *v = &model->config.vocoder;
        const size_t sentence = (size_t)s->options.sentence_ms_max * (size_t)v->sample_rate / 1000 / (size_t)v->hop;
        s->round_frames = larger(sentence, ev_frames_of_ms(model, EV_DECODE_MS));
        s->chunk_frames = ev_frames_of_ms(model, EV_CHUNK_MS);
        s->round_rows = larger(ev_frames_of_ms(model, EV_ROUND_MS),
                               s->chunk_frames + 2 * model->vocoder.halo + model->vocoder.gap);
        status = ev_pool_create(&s->pool, s->options.threads, err);
    }
    if (status == EV_OK) {
        ev_compute_init(&s->compute, s->pool);
        status = ev_queue_cpu(&s->queue, &s->compute, ev_synth_work_bytes(s), err);
        if (status == EV_OK) status = ev_model_upload(model, s->queue, err);
    }
    if (status != EV_OK) {
        ev_synth_free(&s);
        return status;
    }
    *out = s;
    return EV_OK;
}

void ev_synth_free(ev_synth **synth) {
    ev_synth *s = *synth;
    *synth = NULL;
    if (!s) return;
    ev_queue_free(&s->queue);
    ev_pool_free(&s->pool);
    ev_model_free(&s->model);
    free(s);
}

void ev_synth_cancel(ev_synth *synth) { atomic_store_explicit(&synth->canceled, true, memory_order_relaxed); }

void ev_synth_set_threads(ev_synth *synth, int32_t threads) { ev_pool_set_working(synth->pool, threads); }

void ev_synth_stats(const ev_synth *synth, ev_stats *stats) { *stats = synth->stats; }

double ev_synth_peak_flops(ev_synth *synth) { return ev_compute_peak_flops(&synth->compute); }

/* ---- text ---- */

ev_status ev_phones_create(ev_phones **out, const ev_model *model, const char *text, size_t text_bytes,
                           const char *language, ev_error *err) {
    const ev_text_options options = {.language = language};
    return ev_text_phones(out, model->text, text, text_bytes, &options, EV_SENTENCE_TOKENS_MAX, err);
}

ev_status ev_phones_of(ev_phones **out, const ev_model *model, const ev_request *r, ev_error *err) {
    ev_text_voices voices = {model, r};
    const ev_text_options options = ev_request_text(r, &voices);
    return ev_text_phones(out, model->text, r->text, r->text_bytes, &options, EV_SENTENCE_TOKENS_MAX, err);
}

/* ---- speaking ---- */

static void give_audio(ev_item *item, const ev_synth *s, ev_audio *out) {
    *out = (ev_audio){.samples = item->samples,
                      .count = item->count,
                      .sample_rate = s->model->config.vocoder.sample_rate,
                      .marks = item->marks,
                      .mark_count = item->mark_count};
    item->samples = NULL;
    item->marks = NULL;
}

static ev_status run_items(ev_synth *s, ev_item *items, const ev_request *const *requests, size_t n,
                           ev_chunk_fn on_chunk, void *user, ev_error *err) {
    const double start = ev_clock_s();
    atomic_store_explicit(&s->canceled, false, memory_order_relaxed);
    s->stats = (ev_stats){0};
    for (size_t i = 0; i < n; i++)
        ev_item_prepare(&items[i], s->model, s->pool, s->options.sentence_ms_max, requests[i]);
    s->stats.text_s = ev_clock_s() - start;
    const ev_status status = ev_synth_run(s, items, n, on_chunk, user, err);
    for (size_t i = 0; i < n; i++) s->stats.audio_s += (double)items[i].count / ev_model_sample_rate(s->model);
    s->stats.total_s = ev_clock_s() - start;
    return status;
}

static ev_status report(const ev_item *item, ev_error *err) {
    return item->status == EV_OK ? EV_OK : ev_fail(err, item->status, "%s", item->error.message);
}

ev_status ev_say(ev_synth *synth, const ev_request *request, ev_audio *out, ev_error *err) {
    ev_item item;
    *out = (ev_audio){0};
    ev_status s = run_items(synth, &item, &request, 1, NULL, NULL, err);
    if (s == EV_OK) s = report(&item, err);
    if (s == EV_OK) give_audio(&item, synth, out);
    ev_item_free(&item);
    return s;
}

ev_status ev_say_batch(ev_synth *synth, const ev_request *const *requests, size_t n, ev_result *results,
                       ev_error *err) {
    if (n > (size_t)synth->options.batch_max) {
        return ev_fail(err, EV_E_ARGUMENT, "%zu requests in a batch; this synth takes %d (batch_max)", n,
                       synth->options.batch_max);
    }
    if (n) memset(results, 0, n * sizeof *results);
    ev_item *items = calloc(n + 1, sizeof *items);
    if (!items) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const ev_status s = run_items(synth, items, requests, n, NULL, NULL, err);
    for (size_t i = 0; i < n; i++) {
        if (s == EV_OK && items[i].status == EV_OK) give_audio(&items[i], synth, &results[i].audio);
        results[i].status = s == EV_OK ? items[i].status : s;
        results[i].error =
            s == EV_OK || *items[i].error.message || !err ? items[i].error : *err; /* of the whole call */
        ev_item_free(&items[i]);
    }
    free(items);
    return s;
}

ev_status ev_say_stream(ev_synth *synth, const ev_request *request, ev_error *err, ev_chunk_fn on_chunk, void *user) {
    ev_item item;
    ev_status s = run_items(synth, &item, &request, 1, on_chunk, user, err);
    if (s == EV_OK) s = report(&item, err);
    ev_item_free(&item);
    return s;
}
