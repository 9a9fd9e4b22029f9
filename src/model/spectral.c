/* spectral: see spectral.h. Each layer works on the rows that the next ones will read and no more: towards a
 * neighbouring stretch of the same utterance a chunk's halo grows narrower from layer to layer. */
#include "model/vocoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Frames beyond a chunk that its samples overlap with. */
enum { BEFORE = 1, BEHIND = 2 };
/* Frames to each side that one frame of pulses' window reaches into. */
enum { WINDOW = 2 };

typedef struct spectral_run {
    const ev_vocoder *v;
    const ev_compute *compute;
    ev_arena *arena;
    const ev_axis *a;
    const ev_chunk *chunks;
    const size_t *first; /* utterance frame of each span's first row */
    ev_span *spans;      /* work, one per chunk */
    size_t *numbers;     /* the utterance frame of each of these */
} spectral_run;

static size_t width_of(const ev_vocoder *v) { return ev_round16((size_t)v->config.spectral.width); }
static size_t hidden_of(const ev_vocoder *v) { return ev_round16((size_t)v->config.spectral.hidden); }
static size_t parts_of(const ev_vocoder *v) { return ev_istft_width(&v->spectral.stft); }
static bool has_bursts(const ev_vocoder *v) { return v->spectral.stft.parts == EV_ISTFT_PARTS_BURSTS; }
static size_t input_of(const ev_vocoder *v) { return ev_round16((size_t)v->config.inputs + 1); }
static size_t affine_of(const ev_vocoder *v) { return 2 * width_of(v); }
static size_t condition_of(const ev_vocoder *v) {
    return ev_round16((size_t)(v->config.speaker + v->config.emotions));
}

/* The rows of a chunk's wanted frames, `before` more and `behind` more, as far as the utterance goes. */
static ev_span rows_of(const spectral_run *r, size_t i, size_t before, size_t behind, size_t *number) {
    const ev_chunk *c = &r->chunks[i];
    const size_t begin = c->begin > before ? c->begin - before : 0;
    const size_t end = c->end + behind < c->frames ? c->end + behind : c->frames;
    assert(begin >= r->first[i]);
    *number = begin;
    return (ev_span){r->a->spans[i].begin + begin - r->first[i], end - begin};
}

/* Those of all chunks: what `reach` frames of layers still to come read for the frames that overlap. */
static ev_axis narrowed(const spectral_run *r, size_t reach) {
    for (size_t i = 0; i < r->a->count; i++) {
        r->spans[i] = rows_of(r, i, reach + BEFORE, reach + BEHIND, &r->numbers[i]);
    }
    return (ev_axis){r->spans, r->a->count, r->a->rows, r->a->gap};
}

/* ---- frames in ---- */

static float *make_input(const spectral_run *r) {
    const ev_vocoder *v = r->v;
    const size_t given = ev_round16((size_t)v->config.inputs), ld = input_of(v);
    const size_t features = (size_t)v->config.inputs - 1;
    float *x = ev_matrix_take(r->arena, r->a, ld);
    for (size_t i = 0; i < r->a->count; i++) {
        const ev_span span = r->a->spans[i];
        for (size_t t = 0; t < span.count; t++) {
            const float *from = r->chunks[i].input + (r->first[i] + t) * given;
            const float f0 = r->chunks[i].f0[r->first[i] + t];
            float *to = x + (span.begin + t) * ld;
            memcpy(to, from, features * sizeof *to);
            to[features] = (float)(log1p(f0 > 0 ? (double)f0 : 0) / 5);
            to[features + 1] = from[features];
        }
    }
    return x;
}

/* A row per chunk. */
static ev_axis condition_axis(const spectral_run *r, ev_span *all) {
    *all = (ev_span){0, r->a->count};
    return (ev_axis){all, 1, r->a->count, 0};
}

static float *gather_conditions(const spectral_run *r) {
    const size_t count = (size_t)(r->v->config.speaker + r->v->config.emotions), ld = condition_of(r->v);
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    float *x = ev_matrix_take(r->arena, &axis, ld);
    for (size_t i = 0; i < r->a->count; i++) memcpy(x + i * ld, r->chunks[i].condition, count * sizeof *x);
    return x;
}

/* ---- pulses and bursts ---- */

typedef struct source_job {
    const spectral_run *r;
    const ev_axis *rows;
    float *pulses, *bursts; /* [rows * hop]; bursts: NULL if there are none */
} source_job;

/* Halves of the two intervals between frames' centres that meet at this frame's own. */
static void source_frame(const spectral_run *r, const ev_chunk *c, size_t frame, float *out, float *bursts) {
    const ev_vocoder_config *k = &r->v->config;
    const size_t hop = (size_t)k->hop, half = hop / 2;
    if (!(c->f0[frame] > 0)) {
        memset(out, 0, hop * sizeof *out);
        if (bursts) memset(bursts, 0, hop * sizeof *bursts);
        return;
    }
    for (size_t side = 0; side < 2; side++) { /* the interval that ends at this frame's centre, then the next */
        double left, right;
        ev_vocoder_interval(c->f0, c->frames, frame + side, &left, &right);
        const ev_pulses pulses = {.start = c->phase[frame + side],
                                  .left = left,
                                  .bend = (right - left) / (2.0 * (double)hop),
                                  .rate = k->sample_rate,
                                  .first = side ? 0 : half,
                                  .count = floor(k->spectral.highest_hz / (double)c->f0[frame]) + 0.5,
                                  .seed = c->seed,
                                  .number = frame * hop + side * half};
        ev_pulses_make(r->compute, &pulses, out + side * half, bursts ? bursts + side * half : NULL, half);
    }
}

enum { SOURCE_ROWS = 16 }; /* frames a task makes */

static void source_task(void *arg, size_t index) {
    const source_job *job = arg;
    const size_t hop = (size_t)job->r->v->config.hop, begin = index * SOURCE_ROWS, end = begin + SOURCE_ROWS;
    for (size_t s = 0; s < job->rows->count; s++) {
        const ev_span span = job->rows->spans[s];
        size_t t = begin > span.begin ? begin : span.begin;
        const size_t stop = end < span.begin + span.count ? end : span.begin + span.count;
        for (; t < stop; t++) {
            const size_t frame = job->r->numbers[s] + t - span.begin;
            source_frame(job->r, &job->r->chunks[s], frame, job->pulses + t * hop,
                         job->bursts ? job->bursts + t * hop : NULL);
        }
    }
}

static source_job make_source(const spectral_run *r) {
    const ev_axis rows = narrowed(r, WINDOW);
    const size_t hop = (size_t)r->v->config.hop;
    source_job job = {.r = r, .rows = &rows, .pulses = ev_matrix_take(r->arena, r->a, hop)};
    if (has_bursts(r->v)) job.bursts = ev_matrix_take(r->arena, r->a, hop);
    ev_pool_run(r->compute->pool, (r->a->rows + SOURCE_ROWS - 1) / SOURCE_ROWS, source_task, &job);
    job.rows = NULL; /* its life ends here */
    return job;
}

/* ---- layers ---- */

typedef struct layer_work {
    float *x, *normed, *hidden;
    float *conditions, *affine; /* a row per chunk: what it is conditioned on, a norm's scale and shift */
} layer_work;

static void run_norm(const spectral_run *r, const ev_frame_block *b, const layer_work *w, const ev_axis *a) {
    const size_t width = width_of(r->v), ld = affine_of(r->v);
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    const ev_conv_args affine = ev_axis_conv(&b->affine, &axis, w->conditions, condition_of(r->v), w->affine, ld);
    ev_conv_run(r->compute, &affine);
    ev_layer_norm_spans_run(r->compute, w->normed, width, w->normed, width, r->v->config.spectral.width, w->affine,
                            w->affine + width, ld, EV_SPECTRAL_EPS, a->spans, a->count);
}

static void run_block(const spectral_run *r, const ev_frame_block *b, const layer_work *w, const ev_axis *a) {
    const size_t width = width_of(r->v), hidden = hidden_of(r->v);
    ev_depthwise_run(r->compute, &b->depthwise, w->x, width, -(b->depthwise.taps / 2), 1, w->normed, width, a->spans,
                     a->count);
    run_norm(r, b, w, a);
    ev_conv_args up = ev_axis_conv(&b->up, a, w->normed, width, w->hidden, hidden);
    up.act = EV_ACT_GELU;
    ev_conv_run(r->compute, &up);
    ev_conv_args down = ev_axis_conv(&b->down, a, w->hidden, hidden, w->x, width);
    down.residual = w->x;
    ev_conv_run(r->compute, &down);
}

static void run_blocks(const spectral_run *r, layer_work *w, const float *input) {
    const ev_vocoder *v = r->v;
    const size_t blocks = (size_t)v->config.spectral.blocks, half = (size_t)v->config.spectral.kernel / 2;
    const size_t mark = ev_arena_mark(r->arena);
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    w->conditions = gather_conditions(r);
    w->affine = ev_matrix_take(r->arena, &axis, affine_of(v));
    ev_axis rows = narrowed(r, half * blocks);
    const ev_conv_args in = ev_axis_conv(&v->spectral.in, &rows, input, input_of(v), w->x, width_of(v));
    ev_conv_run(r->compute, &in);
    for (size_t i = 0; i < blocks; i++) {
        rows = narrowed(r, half * (blocks - 1 - i));
        run_block(r, &v->spectral.blocks[i], w, &rows);
    }
    ev_arena_release(r->arena, mark);
}

/* -> the parts of each bin, in the rows that overlap with the wanted ones. */
static float *run_layers(const spectral_run *r) {
    const ev_vocoder *v = r->v;
    const ev_spectral *g = &v->spectral;
    const size_t width = width_of(v);
    const float *input = make_input(r);
    layer_work w = {.x = ev_matrix_take(r->arena, r->a, width),
                    .normed = ev_matrix_take(r->arena, r->a, width),
                    .hidden = ev_matrix_take(r->arena, r->a, hidden_of(v))};
    run_blocks(r, &w, input);
    const ev_axis rows = narrowed(r, 0);
    ev_layer_norm_run(r->compute, w.x, width, w.normed, width, v->config.spectral.width, g->norm.gamma, g->norm.beta,
                      EV_SPECTRAL_EPS, rows.spans, rows.count);
    float *parts = ev_matrix_take(r->arena, r->a, parts_of(v));
    const ev_conv_args head = ev_axis_conv(&g->head, &rows, w.normed, width, parts, parts_of(v));
    ev_conv_run(r->compute, &head);
    return parts;
}

/* ---- samples out ---- */

static const float *make_frames(const spectral_run *r, const float *parts) {
    const ev_istft *stft = &r->v->spectral.stft;
    const size_t scratch = ev_istft_scratch(stft, r->compute->pool ? ev_pool_threads(r->compute->pool) : 1);
    const source_job source = make_source(r);
    uint64_t *seeds = ev_arena_take(r->arena, r->a->count * sizeof *seeds);
    float *y = ev_matrix_take(r->arena, r->a, (size_t)stft->fft);
    float *work = ev_arena_take(r->arena, scratch * sizeof *work);
    assert(seeds && work);
    for (size_t i = 0; i < r->a->count; i++) seeds[i] = r->chunks[i].seed;
    const ev_axis rows = narrowed(r, 0);
    const ev_istft_args args = {.stft = stft,
                                .parts = parts,
                                .ld = parts_of(r->v),
                                .pulses = source.pulses,
                                .bursts = source.bursts,
                                .y = y,
                                .seeds = seeds,
                                .first = r->numbers,
                                .scratch = work,
                                .spans = rows.spans,
                                .span_count = rows.count};
    ev_istft_run(r->compute, &args);
    return y;
}

static void give_samples(const spectral_run *r, const float *y) {
    float **out = ev_arena_take(r->arena, r->a->count * sizeof *out);
    assert(out);
    for (size_t i = 0; i < r->a->count; i++) {
        out[i] = r->chunks[i].out;
        r->spans[i] = rows_of(r, i, 0, 0, &r->numbers[i]);
    }
    ev_overlap_add_run(r->compute, &r->v->spectral.stft, y, out, r->spans, r->a->count);
}

/* What follows the blocks: parts, source, frames, scratch. */
static size_t late_bytes(const ev_vocoder *v, size_t rows, int threads) {
    const size_t hop = (size_t)v->config.hop, fft = (size_t)v->spectral.stft.fft;
    return ev_matrix_bytes(rows, v->gap, parts_of(v)) + ev_matrix_bytes(rows, v->gap, hop) * (has_bursts(v) ? 2 : 1) +
           ev_matrix_bytes(rows, v->gap, fft) + ev_istft_scratch(&v->spectral.stft, threads) * sizeof(float);
}

/* A straight line in rows: what the conditions take beyond the least that takes their place afterwards counts whole.
 */
size_t ev_spectral_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads) {
    rows -= rows < v->gap ? rows : v->gap; /* behind the last chunk there is only the margin that all matrices have */
    const size_t widths[] = {input_of(v), width_of(v), width_of(v), hidden_of(v)};
    size_t bytes = 1024 + chunks * (2 * sizeof(ev_span) + 2 * sizeof(size_t) + sizeof(uint64_t) + sizeof(float *));
    for (size_t i = 0; i < EV_ARRAY_COUNT(widths); i++) bytes += ev_matrix_bytes(rows, v->gap, widths[i]);
    const size_t early = ev_matrix_bytes(chunks, 0, condition_of(v)) + ev_matrix_bytes(chunks, 0, affine_of(v));
    const size_t least = late_bytes(v, 0, threads);
    return bytes + late_bytes(v, rows, threads) + (early > least ? early - least : 0);
}

void ev_spectral_run(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                     const ev_chunk *chunks, const size_t *first) {
    spectral_run r = {.v = v, .compute = compute, .arena = arena, .a = a, .chunks = chunks, .first = first};
    r.spans = ev_arena_take(arena, a->count * sizeof *r.spans);
    r.numbers = ev_arena_take(arena, a->count * sizeof *r.numbers);
    assert(r.spans && r.numbers);
    const float *parts = run_layers(&r);
    give_samples(&r, make_frames(&r, parts));
}
