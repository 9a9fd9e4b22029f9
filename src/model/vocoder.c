/* vocoder: see vocoder.h. */
#include "model/vocoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "model/axis.h"

static const float slope = 0.1f; /* of the leaky ReLUs, as published */

/* ---- the harmonic source ---- */

/* The F0 at the two ends of the interval between the centres of frames i-1 and i. */
static void interval_ends(const float *f0, size_t frames, size_t i, double *left, double *right) {
    *left = f0[i ? i - 1 : 0];
    *right = f0[i < frames ? i : frames - 1];
    const double l = *left, r = *right;
    if (!(l > 0)) *left = r;
    if (!(r > 0)) *right = l;
}

void ev_vocoder_phase(const ev_vocoder *v, const float *f0, size_t frames, double *phase) {
    double at = 0;
    for (size_t i = 0; i <= frames; i++) {
        double left, right;
        interval_ends(f0, frames, i, &left, &right);
        phase[i] = at;
        at += v->config.hop * (left + right) / 2 / v->config.sample_rate;
        at -= floor(at);
    }
}

/* Uniform in -1..1 from (seed, index): a hash, so that any stretch can be made without what came before it
 * (splitmix64's finalizer, Steele et al. 2014). */
static float noise_at(uint64_t seed, uint64_t index) {
    uint64_t z = seed * 0xd1342543de82ef95u + index * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)(int32_t)((z ^ (z >> 31)) >> 32) * (1.0f / 2147483648.0f);
}

/* sum over the harmonics below Nyquist of weight * sin(2 pi n turns), by the Chebyshev recurrence. */
static float harmonic_mix(const ev_vocoder *v, double turns, int harmonics) {
    const float angle = (float)(turns - floor(turns)), twice = 2 * ev_sin_turns(angle + 0.25f);
    float before = 0, now = ev_sin_turns(angle), sum = v->source_bias;
    for (int n = 0; n < harmonics; n++) {
        sum += v->source_weight[n] * now;
        const float next = twice * now - before;
        before = now;
        now = next;
    }
    return ev_tanhf(sum);
}

/* How many harmonics of f0 lie below Nyquist, at most those that there are weights for. */
static int harmonics_of(const ev_vocoder *v, double f0) {
    const int below = (int)ceil(v->config.sample_rate / (2 * f0)) - 1;
    return below < v->config.harmonics ? below : v->config.harmonics;
}

typedef struct source_job {
    const ev_vocoder *v;
    const ev_chunk *chunks;
    const ev_axis *a;       /* in mel frames */
    const size_t *first; /* utterance frame of each span's first row */
    float *source;       /* [rows * hop][2] */
} source_job;

static void source_frame(const ev_vocoder *v, const ev_chunk *c, size_t frame, float *out) {
    const size_t hop = (size_t)v->config.hop, half = hop / 2;
    const double rate = v->config.sample_rate;
    for (size_t i = 0; i < hop; i++) {
        out[2 * i] = 0;
        out[2 * i + 1] = noise_at(c->seed, (uint64_t)frame * hop + i);
    }
    if (!(c->f0[frame] > 0)) return;
    const int harmonics = harmonics_of(v, c->f0[frame]);
    for (size_t side = 0; side < 2; side++) { /* the interval that ends at this frame's centre, then the next */
        double left, right;
        interval_ends(c->f0, c->frames, frame + side, &left, &right);
        const double start = c->phase[frame + side], bend = (right - left) / (2.0 * (double)hop);
        for (size_t i = 0; i < half; i++) {
            const double k = (double)(side ? i : i + hop - half);
            out[2 * (side * half + i)] = harmonic_mix(v, start + (left + bend * k) * k / rate, harmonics);
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
static void finish_block(const ev_vocoder *v, const stage_work *w, int block, bool last_stage, ev_conv_args *args) {
    args->residual2 = block ? w->sum : NULL;
    args->y = w->sum;
    args->y2 = NULL;
    if (block == v->config.kinds - 1) {
        args->scale = 1.0f / (float)v->config.kinds;
        args->y = NULL;
        args->y2 = w->sum;
        args->act2 = EV_ACT_LRELU;
        args->slope2 = last_stage ? (float)v->config.post_slope : slope;
    }
}

static void run_block(const ev_vocoder *v, const ev_compute *compute, const ev_stage *stage, int block, const ev_axis *a,
                      const stage_work *w, bool last_stage) {
    const ev_resblock *r = &stage->blocks[block];
    const size_t ld = ev_round16((size_t)stage->channels);
    const int count = v->config.dilation_count;
    const float *raw = w->x, *activated = w->xa;
    for (int i = 0; i < count; i++) {
        const ev_conv *conv = &r->convs1[i];
        int dilation = v->config.res_dilations[block][i];
        if (v->config.resblock == 1) { /* two convolutions, the first with the dilation */
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
        if (i == count - 1) finish_block(v, w, block, last_stage, &args);
        ev_conv_run(compute, &args);
        raw = w->b;
        activated = next;
    }
}

/* x (activated, [rows of the stage before]) -> the stage's activated output, in w->sum. */
static void run_stage(const ev_vocoder *v, const ev_compute *compute, const ev_stage *stage, const float *x, size_t ldx,
                      const float *source, const ev_axis *before, const ev_axis *a, const stage_work *w, bool last) {
    const size_t ld = ev_round16((size_t)stage->channels);
    ev_upconv_run(compute, &stage->up, x, ldx, w->x, source ? NULL : w->xa, NULL, slope, before->spans, before->count);
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
    for (int j = 0; j < v->config.kinds; j++) run_block(v, compute, stage, j, a, w, last);
}

/* ---- the whole ---- */

typedef struct layout { /* where a chunk lies on the batch's ev_axis */
    size_t first, count;
} layout;

static layout chunk_layout(const ev_vocoder *v, const ev_chunk *c) {
    const size_t first = c->begin > v->halo ? c->begin - v->halo : 0;
    const size_t end = c->end + v->halo < c->frames ? c->end + v->halo : c->frames;
    return (layout){first, end - first};
}

size_t ev_vocoder_chunk_rows(const ev_vocoder *v, const ev_chunk *chunk) {
    return chunk_layout(v, chunk).count + v->gap;
}

static size_t stage_matrix_bytes(const ev_vocoder *v, int i, size_t rows) {
    const size_t per_row = (size_t)v->config.hop / (size_t)v->stages[i].left;
    return ev_matrix_bytes(rows * per_row, v->gap * per_row, ev_round16((size_t)v->stages[i].channels));
}

size_t ev_vocoder_bytes(const ev_vocoder *v, size_t rows, size_t chunks) {
    rows -= rows < v->gap ? rows : v->gap; /* behind the last chunk there is only the margin that all matrices have */
    size_t bytes = chunks * ((size_t)(v->config.stages + 1) * sizeof(ev_span) + sizeof(size_t)) + 1024;
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)v->config.mels));
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)v->config.channels));
    if (v->config.harmonics) bytes += ev_matrix_bytes(rows, v->gap, (size_t)v->config.hop * 2);
    size_t most = 0;
    for (int i = 0; i < v->config.stages; i++) { /* each stage's result stays, its work goes */
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

static ev_axis place_chunks(const ev_vocoder *v, ev_arena *arena, const ev_chunk *chunks, size_t n, size_t **first) {
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans);
    *first = ev_arena_take(arena, n * sizeof **first);
    assert(spans && *first);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const layout l = chunk_layout(v, &chunks[i]);
        spans[i] = (ev_span){at, l.count};
        (*first)[i] = l.first;
        at += l.count + v->gap;
    }
    return (ev_axis){spans, n, at - v->gap, v->gap};
}

static const float *make_source(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                                const ev_chunk *chunks, const size_t *first) {
    if (!v->config.harmonics) return NULL;
    float *source = ev_matrix_take(arena, a, (size_t)v->config.hop * 2);
    source_job job = {v, chunks, a, first, source};
    ev_pool_run(compute->pool, (a->rows + SOURCE_ROWS - 1) / SOURCE_ROWS, source_task, &job);
    return source;
}

void ev_vocoder_run(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_chunk *chunks, size_t n) {
    if (!n) return;
    const size_t mark = ev_arena_mark(arena), mels = ev_round16((size_t)v->config.mels);
    size_t *first;
    ev_axis a = place_chunks(v, arena, chunks, n, &first);
    float *mel = ev_matrix_take(arena, &a, mels);
    for (size_t i = 0; i < n; i++) {
        memcpy(mel + a.spans[i].begin * mels, chunks[i].mel + first[i] * mels, a.spans[i].count * mels * sizeof *mel);
    }
    const float *source = make_source(v, compute, arena, &a, chunks, first);

    size_t ld = (size_t)v->config.channels;
    float *x = ev_matrix_take(arena, &a, ev_round16(ld));
    ev_conv_args pre = stage_conv(&v->pre, &a, mel, mels, 1);
    pre.y2 = x;
    pre.ldy2 = ev_round16(ld);
    pre.act2 = EV_ACT_LRELU;
    pre.slope2 = slope;
    ev_conv_run(compute, &pre);

    ev_axis before = a;
    ld = ev_round16(ld);
    for (int i = 0; i < v->config.stages; i++) {
        const ev_stage *stage = &v->stages[i];
        const ev_axis now = scaled_axis(arena, &a, (size_t)v->config.hop / (size_t)stage->left);
        const size_t width = ev_round16((size_t)stage->channels);
        float *sum = ev_matrix_take(arena, &now, width);
        const size_t stage_mark = ev_arena_mark(arena);
        const stage_work w = {.x = ev_matrix_take(arena, &now, width),
                              .xa = ev_matrix_take(arena, &now, width),
                              .b = ev_matrix_take(arena, &now, width),
                              .ba = {ev_matrix_take(arena, &now, width), ev_matrix_take(arena, &now, width)},
                              .sum = sum};
        run_stage(v, compute, stage, x, ld, source, &before, &now, &w, i == v->config.stages - 1);
        ev_arena_release(arena, stage_mark);
        x = sum;
        ld = width;
        before = now;
    }
    const size_t hop = (size_t)v->config.hop;
    float *samples = ev_matrix_take(arena, &(ev_axis){NULL, 0, before.rows, 0}, 1);
    ev_conv1_run(compute, &v->post, x, ld, -(v->post.taps - 1) / 2, samples, EV_ACT_TANH, before.spans, before.count);
    for (size_t i = 0; i < n; i++) {
        const size_t from = (a.spans[i].begin + chunks[i].begin - first[i]) * hop;
        memcpy(chunks[i].out, samples + from, (chunks[i].end - chunks[i].begin) * hop * sizeof(float));
    }
    ev_arena_release(arena, mark);
}
