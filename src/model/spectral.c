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
    ev_queue *q;
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
    assert(begin >= r->first[i] && begin < end && end - r->first[i] <= r->a->spans[i].count);
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

/* log(1 + F0) / 5 of a span's frames. */
static const float *pitch_features(const spectral_run *r, size_t i) {
    const size_t count = r->a->spans[i].count;
    const float *f0 = r->chunks[i].f0 + r->first[i];
    float *out = ev_queue_host(r->q, count * sizeof *out);
    for (size_t t = 0; t < count; t++) out[t] = (float)(log1p(f0[t] > 0 ? (double)f0[t] : 0) / 5);
    return out;
}

static void put_columns(const spectral_run *r, size_t i, const float *from, size_t ld, ev_rows x, size_t column,
                        size_t width) {
    assert(width <= ld && column + width <= x.ld);
    const ev_span span = r->a->spans[i];
    const ev_put_op op = {.from = from,
                          .ld = ld,
                          .to = ev_rows_from(x, span.begin * x.ld + column),
                          .width = width,
                          .spans = &(ev_span){0, span.count},
                          .span_count = 1};
    ev_enqueue_put(r->q, &op);
}

static ev_rows put_input(const spectral_run *r) {
    assert(r->v->config.inputs >= 1 && input_of(r->v) > (size_t)r->v->config.inputs);
    const size_t given = ev_round16((size_t)r->v->config.inputs), features = (size_t)r->v->config.inputs - 1;
    const ev_rows x = ev_rows_take(r->q, r->a, input_of(r->v));
    for (size_t i = 0; i < r->a->count; i++) {
        const float *from = r->chunks[i].input + r->first[i] * given;
        const size_t mark = ev_queue_mark(r->q);
        put_columns(r, i, from, given, x, 0, features);
        put_columns(r, i, pitch_features(r, i), 1, x, features, 1);
        put_columns(r, i, from + features, given, x, features + 1, 1);
        ev_queue_release(r->q, mark);
    }
    return x;
}

/* A row per chunk. */
static ev_axis condition_axis(const spectral_run *r, ev_span *all) {
    *all = (ev_span){0, r->a->count};
    return (ev_axis){all, 1, r->a->count, 0};
}

static ev_rows put_conditions(const spectral_run *r) {
    const size_t count = (size_t)(r->v->config.speaker + r->v->config.emotions), ld = condition_of(r->v);
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    const ev_rows x = ev_rows_take(r->q, &axis, ld);
    for (size_t i = 0; i < r->a->count; i++) {
        const ev_put_op op = {r->chunks[i].condition, count, ev_rows_from(x, i * ld), count, &(ev_span){0, 1}, 1};
        ev_enqueue_put(r->q, &op);
    }
    return x;
}

/* ---- pulses and bursts ---- */

/* Both for the frames that windows reach; bursts: 0 if there are none. */
static ev_at make_source(const spectral_run *r, ev_at *bursts) {
    const ev_vocoder_config *k = &r->v->config;
    const size_t hop = (size_t)k->hop;
    const ev_axis rows = narrowed(r, WINDOW);
    const ev_rows pulses = ev_rows_take(r->q, r->a, hop);
    *bursts = has_bursts(r->v) ? ev_rows_take(r->q, r->a, hop).at : 0;
    const size_t mark = ev_queue_mark(r->q);
    const ev_source_op op = {.source = {.hop = k->hop, .rate = k->sample_rate, .highest_hz = k->spectral.highest_hz},
                             .y = pulses.at,
                             .bursts = *bursts,
                             .tracks = ev_vocoder_tracks(r->q, r->chunks, r->numbers, r->a->count),
                             .spans = rows.spans,
                             .span_count = rows.count};
    ev_enqueue_source(r->q, &op);
    ev_queue_release(r->q, mark);
    return pulses.at;
}

/* ---- layers ---- */

typedef struct layer_work {
    ev_rows x, normed, hidden;
    ev_rows conditions, affine; /* a row per chunk: what it is conditioned on, a norm's scale and shift */
} layer_work;

static void run_norm(const spectral_run *r, const ev_frame_block *b, const layer_work *w, const ev_axis *a) {
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    const ev_conv_op affine = ev_axis_conv(&b->affine, &axis, w->conditions, w->affine);
    ev_enqueue_conv(r->q, &affine);
    const ev_layer_norm_op norm = {.x = w->normed,
                                   .y = w->normed,
                                   .channels = r->v->config.spectral.width,
                                   .affine = w->affine,
                                   .eps = EV_SPECTRAL_EPS,
                                   .spans = a->spans,
                                   .span_count = a->count};
    ev_enqueue_layer_norm(r->q, &norm);
}

static void run_block(const spectral_run *r, const ev_frame_block *b, const layer_work *w, const ev_axis *a) {
    const ev_depthwise_op depthwise = {.conv = &b->depthwise,
                                       .x = w->x,
                                       .y = w->normed,
                                       .tap_offset = -(b->depthwise.taps / 2),
                                       .dilation = 1,
                                       .spans = a->spans,
                                       .span_count = a->count};
    ev_enqueue_depthwise(r->q, &depthwise);
    run_norm(r, b, w, a);
    ev_conv_op up = ev_axis_conv(&b->up, a, w->normed, w->hidden);
    up.act = EV_ACT_GELU;
    ev_enqueue_conv(r->q, &up);
    ev_conv_op down = ev_axis_conv(&b->down, a, w->hidden, w->x);
    down.residual = w->x;
    ev_enqueue_conv(r->q, &down);
}

static void run_blocks(const spectral_run *r, layer_work *w, ev_rows input) {
    const ev_vocoder *v = r->v;
    const size_t blocks = (size_t)v->config.spectral.blocks, half = (size_t)v->config.spectral.kernel / 2;
    const size_t mark = ev_queue_mark(r->q);
    ev_span all;
    const ev_axis axis = condition_axis(r, &all);
    w->conditions = put_conditions(r);
    w->affine = ev_rows_take(r->q, &axis, affine_of(v));
    ev_axis rows = narrowed(r, half * blocks);
    const ev_conv_op in = ev_axis_conv(&v->spectral.in, &rows, input, w->x);
    ev_enqueue_conv(r->q, &in);
    for (size_t i = 0; i < blocks; i++) {
        rows = narrowed(r, half * (blocks - 1 - i));
        run_block(r, &v->spectral.blocks[i], w, &rows);
    }
    ev_queue_release(r->q, mark);
}

/* The parts of which a bin's number is the logarithm of a magnitude; of the others it turns. */
static bool is_magnitude(const ev_vocoder *v, int part) {
    assert(part >= 0 && part < v->spectral.stft.parts);
    return part != 1 && !(part == 4 && !has_bursts(v));
}

static const float *equalised_bias(const spectral_run *r, const float *log_gains) {
    const ev_spectral *g = &r->v->spectral;
    const size_t width = ev_istft_width(&g->stft);
    float *bias = ev_queue_host(r->q, width * sizeof *bias);
    memcpy(bias, g->head.bias, width * sizeof *bias);
    for (int part = 0; part < g->stft.parts; part++)
        for (int bin = 0; bin < g->stft.bins && is_magnitude(r->v, part); bin++)
            bias[ev_istft_column(&g->stft, part, bin)] += log_gains[bin];
    return bias;
}

/* An equaliser's gains add to the logarithms of magnitudes, so it costs nothing but the head's other biases. These
 * lie where the source and the frames will: a chunk's are fewer than its row and the gap behind it have there. */
static void run_head(const spectral_run *r, const ev_axis *rows, ev_rows x, ev_rows parts) {
    const ev_conv *head = &r->v->spectral.head;
    ev_conv_op op = ev_axis_conv(head, rows, x, parts);
    const size_t mark = ev_queue_mark(r->q);
    const float **biases = ev_queue_host(r->q, r->a->count * sizeof *biases);
    for (size_t i = 0; i < r->a->count; i++) {
        const float *log_gains = r->chunks[i].log_gains;
        biases[i] = log_gains ? equalised_bias(r, log_gains) : head->bias;
        if (log_gains) op.span_bias = biases;
    }
    ev_enqueue_conv(r->q, &op);
    ev_queue_release(r->q, mark);
}

/* -> the parts of each bin, in the rows that overlap with the wanted ones. */
static ev_rows run_layers(const spectral_run *r) {
    const ev_vocoder *v = r->v;
    const ev_spectral *g = &v->spectral;
    const size_t width = width_of(v);
    const ev_rows input = put_input(r);
    layer_work w = {.x = ev_rows_take(r->q, r->a, width),
                    .normed = ev_rows_take(r->q, r->a, width),
                    .hidden = ev_rows_take(r->q, r->a, hidden_of(v))};
    run_blocks(r, &w, input);
    const ev_axis rows = narrowed(r, 0);
    const ev_layer_norm_op norm = {.x = w.x,
                                   .y = w.normed,
                                   .channels = v->config.spectral.width,
                                   .gamma = g->norm.gamma,
                                   .beta = g->norm.beta,
                                   .eps = EV_SPECTRAL_EPS,
                                   .spans = rows.spans,
                                   .span_count = rows.count};
    ev_enqueue_layer_norm(r->q, &norm);
    const ev_rows parts = ev_rows_take(r->q, r->a, parts_of(v));
    run_head(r, &rows, w.normed, parts);
    return parts;
}

/* ---- samples out ---- */

static ev_at make_frames(const spectral_run *r, ev_rows parts) {
    const ev_istft *stft = &r->v->spectral.stft;
    ev_at bursts;
    const ev_at pulses = make_source(r, &bursts);
    uint64_t *seeds = ev_queue_host(r->q, r->a->count * sizeof *seeds);
    const ev_rows y = ev_rows_take(r->q, r->a, (size_t)stft->fft);
    for (size_t i = 0; i < r->a->count; i++) seeds[i] = r->chunks[i].seed;
    const ev_axis rows = narrowed(r, 0);
    const ev_istft_op op = {.stft = stft,
                            .parts = parts,
                            .pulses = pulses,
                            .bursts = bursts,
                            .y = y.at,
                            .seeds = seeds,
                            .first = r->numbers,
                            .spans = rows.spans,
                            .span_count = rows.count};
    ev_enqueue_istft(r->q, &op);
    return y.at;
}

static void give_samples(const spectral_run *r, ev_at y) {
    float **out = ev_queue_host(r->q, r->a->count * sizeof *out);
    for (size_t i = 0; i < r->a->count; i++) {
        out[i] = r->chunks[i].out;
        r->spans[i] = rows_of(r, i, 0, 0, &r->numbers[i]);
    }
    const ev_overlap_add_op op = {
        .stft = &r->v->spectral.stft, .y = y, .out = out, .spans = r->spans, .span_count = r->a->count};
    ev_enqueue_overlap_add(r->q, &op);
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
    size_t bytes =
        1024 + chunks * (2 * sizeof(ev_span) + 2 * sizeof(size_t) + sizeof(uint64_t) + 2 * sizeof(float *));
    for (size_t i = 0; i < EV_ARRAY_COUNT(widths); i++) bytes += ev_matrix_bytes(rows, v->gap, widths[i]);
    const size_t early = ev_matrix_bytes(chunks, 0, condition_of(v)) + ev_matrix_bytes(chunks, 0, affine_of(v));
    const size_t least = late_bytes(v, 0, threads);
    return bytes + late_bytes(v, rows, threads) + (early > least ? early - least : 0);
}

void ev_spectral_run(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks,
                     const size_t *first) {
    assert(a->count > 0 && a->gap == v->gap);
    spectral_run r = {.v = v, .q = q, .a = a, .chunks = chunks, .first = first};
    r.spans = ev_queue_host(q, a->count * sizeof *r.spans);
    r.numbers = ev_queue_host(q, a->count * sizeof *r.numbers);
    const ev_rows parts = run_layers(&r);
    give_samples(&r, make_frames(&r, parts));
}
