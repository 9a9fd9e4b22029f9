/* hifigan: see hifigan.h. */
#include "model/vocoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float slope = 0.1f; /* of the leaky ReLUs, as published */

/* ---- the harmonic source ---- */

/* sum over the harmonics below Nyquist of weight * sin(2 pi n turns), by the Chebyshev recurrence. */
static float harmonic_mix(const ev_hifigan *g, double turns, int harmonics) {
    const float angle = (float)(turns - floor(turns)), twice = 2 * ev_sin_turns(angle + 0.25f);
    float before = 0, now = ev_sin_turns(angle), sum = g->source_bias;
    for (int n = 0; n < harmonics; n++) {
        sum += g->source_weight[n] * now;
        const float next = twice * now - before;
        before = now;
        now = next;
    }
    return ev_tanhf(sum);
}

/* How many harmonics of f0 lie below Nyquist, at most those that there are weights for. */
static int harmonics_of(const ev_vocoder *v, double f0) {
    const int below = (int)ceil(v->config.sample_rate / (2 * f0)) - 1;
    return below < v->config.hifigan.harmonics ? below : v->config.hifigan.harmonics;
}

typedef struct source_job {
    const ev_vocoder *v;
    const ev_chunk *chunks;
    const ev_axis *a;    /* in mel frames */
    const size_t *first; /* utterance frame of each span's first row */
    float *source;       /* [rows * hop][2] */
} source_job;

static void source_frame(const ev_vocoder *v, const ev_chunk *c, size_t frame, float *out) {
    const size_t hop = (size_t)v->config.hop, half = hop / 2;
    const double rate = v->config.sample_rate;
    for (size_t i = 0; i < hop; i++) {
        out[2 * i] = 0;
        out[2 * i + 1] = ev_vocoder_noise(c->seed, (uint64_t)frame * hop + i);
    }
    if (!(c->f0[frame] > 0)) return;
    const int harmonics = harmonics_of(v, c->f0[frame]);
    for (size_t side = 0; side < 2; side++) { /* the interval that ends at this frame's centre, then the next */
        double left, right;
        ev_vocoder_interval(c->f0, c->frames, frame + side, &left, &right);
        const double start = c->phase[frame + side], bend = (right - left) / (2.0 * (double)hop);
        for (size_t i = 0; i < half; i++) {
            const double k = (double)(side ? i : i + hop - half);
            out[2 * (side * half + i)] = harmonic_mix(&v->hifigan, start + (left + bend * k) * k / rate, harmonics);
        }
    }
}

enum { SOURCE_ROWS = 8 }; /* frames a task makes */

static void source_task(void *arg, size_t index) {
    const source_job *job = arg;
    const size_t hop = (size_t)job->v->config.hop, begin = index * SOURCE_ROWS, end = begin + SOURCE_ROWS;
    for (size_t s = 0; s < job->a->count; s++) {
        const ev_span span = job->a->spans[s];
        size_t t = begin > span.begin ? begin : span.begin;
        const size_t stop = end < span.begin + span.count ? end : span.begin + span.count;
        for (; t < stop; t++) {
            source_frame(job->v, &job->chunks[s], job->first[s] + t - span.begin, job->source + t * hop * 2);
        }
    }
}

/* ---- one stage ---- */

/* Rows of one width in and out. */
static ev_conv_args stage_conv(const ev_conv *conv, const ev_axis *a, const float *x, size_t ld, int dilation) {
    ev_conv_args args = ev_axis_conv(conv, a, x, ld, NULL, ld);
    args.tap_offset *= dilation;
    args.dilation = dilation;
    return args;
}

typedef struct stage_work { /* x: raw and activated; b: a residual block's running value, raw and activated twice */
    float *x, *xa, *b, *ba[2], *sum;
} stage_work;

/* The last convolution of a residual block adds its result to the sum over blocks; the last block scales it to the
 * mean and leaves only its activation, which is all that the next stage reads. */
static void finish_block(const ev_hifigan_config *k, const stage_work *w, int block, bool last_stage,
                         ev_conv_args *args) {
    args->residual2 = block ? w->sum : NULL;
    args->y = w->sum;
    args->y2 = NULL;
    if (block == k->kinds - 1) {
        args->scale = 1.0f / (float)k->kinds;
        args->y = NULL;
        args->y2 = w->sum;
        args->act2 = EV_ACT_LRELU;
        args->slope2 = last_stage ? (float)k->post_slope : slope;
    }
}

static void run_block(const ev_hifigan_config *k, const ev_compute *compute, const ev_stage *stage, int block,
                      const ev_axis *a, const stage_work *w, bool last_stage) {
    const ev_resblock *r = &stage->blocks[block];
    const size_t ld = ev_round16((size_t)stage->channels);
    const int count = k->dilation_count;
    const float *raw = w->x, *activated = w->xa;
    for (int i = 0; i < count; i++) {
        const ev_conv *conv = &r->convs1[i];
        int dilation = k->res_dilations[block][i];
        if (k->resblock == 1) { /* two convolutions, the first with the dilation */
            ev_conv_args first = stage_conv(conv, a, activated, ld, dilation);
            first.y2 = w->ba[1];
            first.act2 = EV_ACT_LRELU;
            first.slope2 = slope;
            ev_conv_run(compute, &first);
            conv = &r->convs2[i];
            activated = w->ba[1];
            dilation = 1;
        }
        float *next = activated == w->ba[0] ? w->ba[1] : w->ba[0];
        ev_conv_args args = stage_conv(conv, a, activated, ld, dilation);
        args.residual = raw;
        args.y = w->b;
        args.y2 = next;
        args.act2 = EV_ACT_LRELU;
        args.slope2 = slope;
        if (i == count - 1) finish_block(k, w, block, last_stage, &args);
        ev_conv_run(compute, &args);
        raw = w->b;
        activated = next;
    }
}

/* x (activated, [rows of the stage before]) -> the stage's activated output, in w->sum. */
static void run_stage(const ev_hifigan_config *k, const ev_compute *compute, const ev_stage *stage, const float *x,
                      size_t ldx, const float *source, const ev_axis *before, const ev_axis *a, const stage_work *w,
                      bool last) {
    const size_t ld = ev_round16((size_t)stage->channels);
    ev_upconv_run(compute, &stage->up, x, ldx, w->x, source ? NULL : w->xa, NULL, slope, before->spans,
                  before->count);
    if (source) { /* x += noise(source); the source's rows here are `left` samples of 2 channels, half a row early */
        const size_t row = (size_t)stage->left * 2;
        ev_conv_args args = stage_conv(&stage->noise, a, source - (size_t)stage->left / 2 * 2, row, 1);
        args.tap_offset = 0;
        args.residual = w->x;
        args.y = w->x;
        args.y2 = w->xa;
        args.ldy = args.ldy2 = args.ldr = ld;
        args.act2 = EV_ACT_LRELU;
        args.slope2 = slope;
        ev_conv_run(compute, &args);
    }
    for (int j = 0; j < k->kinds; j++) run_block(k, compute, stage, j, a, w, last);
}

/* ---- the whole ---- */

static size_t stage_matrix_bytes(const ev_vocoder *v, int i, size_t rows) {
    const size_t per_row = (size_t)v->config.hop / (size_t)v->hifigan.stages[i].left;
    return ev_matrix_bytes(rows * per_row, v->gap * per_row, ev_round16((size_t)v->hifigan.stages[i].channels));
}

size_t ev_hifigan_bytes(const ev_vocoder *v, size_t rows, size_t chunks) {
    const ev_hifigan_config *k = &v->config.hifigan;
    rows -= rows < v->gap ? rows : v->gap; /* behind the last chunk there is only the margin that all matrices have */
    size_t bytes = chunks * ((size_t)(k->stages + 1) * sizeof(ev_span) + sizeof(size_t)) + 1024;
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)v->config.inputs));
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)k->channels));
    if (k->harmonics) bytes += ev_matrix_bytes(rows, v->gap, (size_t)v->config.hop * 2);
    size_t most = 0;
    for (int i = 0; i < k->stages; i++) { /* each stage's result stays, its work goes */
        const size_t one = stage_matrix_bytes(v, i, rows);
        bytes += one;
        if (bytes + 5 * one > most) most = bytes + 5 * one;
    }
    bytes += ev_matrix_bytes(rows, 0, (size_t)v->config.hop);
    return bytes > most ? bytes : most;
}

static ev_axis scaled_axis(ev_arena *arena, const ev_axis *base, size_t factor) {
    ev_span *spans = ev_arena_take(arena, base->count * sizeof *spans);
    assert(spans);
    for (size_t i = 0; i < base->count; i++) {
        spans[i] = (ev_span){base->spans[i].begin * factor, base->spans[i].count * factor};
    }
    return (ev_axis){spans, base->count, base->rows * factor, base->gap * factor};
}

static const float *make_source(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                                const ev_chunk *chunks, const size_t *first) {
    if (!v->config.hifigan.harmonics) return NULL;
    float *source = ev_matrix_take(arena, a, (size_t)v->config.hop * 2);
    source_job job = {v, chunks, a, first, source};
    ev_pool_run(compute->pool, (a->rows + SOURCE_ROWS - 1) / SOURCE_ROWS, source_task, &job);
    return source;
}

static ev_axis run_stages(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                          const float *source, const float **x, size_t *ld) {
    const ev_hifigan_config *k = &v->config.hifigan;
    ev_axis before = *a;
    for (int i = 0; i < k->stages; i++) {
        const ev_stage *stage = &v->hifigan.stages[i];
        const ev_axis now = scaled_axis(arena, a, (size_t)v->config.hop / (size_t)stage->left);
        const size_t width = ev_round16((size_t)stage->channels);
        float *sum = ev_matrix_take(arena, &now, width);
        const size_t stage_mark = ev_arena_mark(arena);
        const stage_work w = {.x = ev_matrix_take(arena, &now, width),
                              .xa = ev_matrix_take(arena, &now, width),
                              .b = ev_matrix_take(arena, &now, width),
                              .ba = {ev_matrix_take(arena, &now, width), ev_matrix_take(arena, &now, width)},
                              .sum = sum};
        run_stage(k, compute, stage, *x, *ld, source, &before, &now, &w, i == k->stages - 1);
        ev_arena_release(arena, stage_mark);
        *x = sum;
        *ld = width;
        before = now;
    }
    return before;
}

void ev_hifigan_run(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                    const ev_chunk *chunks, const size_t *first) {
    const size_t mels = ev_round16((size_t)v->config.inputs), hop = (size_t)v->config.hop;
    float *mel = ev_matrix_take(arena, a, mels);
    for (size_t i = 0; i < a->count; i++) {
        memcpy(mel + a->spans[i].begin * mels, chunks[i].input + first[i] * mels,
               a->spans[i].count * mels * sizeof *mel);
    }
    const float *source = make_source(v, compute, arena, a, chunks, first);

    size_t ld = ev_round16((size_t)v->config.hifigan.channels);
    float *x = ev_matrix_take(arena, a, ld);
    ev_conv_args pre = stage_conv(&v->hifigan.pre, a, mel, mels, 1);
    pre.y2 = x;
    pre.ldy2 = ld;
    pre.act2 = EV_ACT_LRELU;
    pre.slope2 = slope;
    ev_conv_run(compute, &pre);

    const float *last = x;
    const ev_axis now = run_stages(v, compute, arena, a, source, &last, &ld);
    const ev_conv_single_output *post = &v->hifigan.post;
    float *samples = ev_matrix_take(arena, &(ev_axis){NULL, 0, now.rows, 0}, 1);
    ev_conv_single_output_run(compute, post, last, ld, -(post->taps - 1) / 2, samples, EV_ACT_TANH, now.spans,
                              now.count);
    for (size_t i = 0; i < a->count; i++) {
        const size_t from = (a->spans[i].begin + chunks[i].begin - first[i]) * hop;
        memcpy(chunks[i].out, samples + from, (chunks[i].end - chunks[i].begin) * hop * sizeof(float));
    }
}
