/* hifigan: see hifigan.h. */
#include "model/vocoder.h"

#include <assert.h>

static const float slope = 0.1f; /* of the leaky ReLUs, as published */

/* ---- one stage ---- */

/* Without an output yet. */
static ev_conv_op stage_conv(const ev_conv *conv, const ev_axis *a, ev_rows x, int dilation) {
    assert(dilation >= 1);
    ev_conv_op op = ev_axis_conv(conv, a, x, (ev_rows){0});
    op.tap_offset *= dilation;
    op.dilation = dilation;
    return op;
}

typedef struct stage_work { /* x: raw and activated; b: a residual block's running value, raw and activated twice */
    ev_rows x, xa, b, ba[2], sum;
    const size_t *first; /* per span: its first row's number in its utterance */
} stage_work;

/* The last convolution of a residual block adds its result to the sum over blocks; the last block scales it to the
 * mean and leaves only its activation, which is all that the next stage reads. */
static void finish_block(const ev_hifigan_config *k, const stage_work *w, int block, bool last_stage,
                         ev_conv_op *op) {
    assert(block >= 0 && block < k->kinds);
    op->residual2 = block ? w->sum : (ev_rows){0};
    op->y = w->sum;
    op->y2 = (ev_rows){0};
    if (block == k->kinds - 1) {
        op->scale = 1.0f / (float)k->kinds;
        op->y = (ev_rows){0};
        op->y2 = w->sum;
        op->act2 = EV_ACT_LRELU;
        op->slope2 = last_stage ? (float)k->post_slope : slope;
    }
}

static void run_block(const ev_hifigan_config *k, ev_queue *q, const ev_stage *stage, int block, const ev_axis *a,
                      const stage_work *w, bool last_stage) {
    assert(block >= 0 && block < k->kinds && k->dilation_count >= 1);
    const ev_resblock *r = &stage->blocks[block];
    const int count = k->dilation_count;
    ev_rows raw = w->x, activated = w->xa;
    for (int i = 0; i < count; i++) {
        const ev_conv *conv = &r->convs1[i];
        int dilation = k->res_dilations[block][i];
        if (k->resblock == 1) { /* two convolutions, the first with the dilation */
            ev_conv_op dilated = stage_conv(conv, a, activated, dilation);
            dilated.first = w->first;
            dilated.y2 = w->ba[1];
            dilated.act2 = EV_ACT_LRELU;
            dilated.slope2 = slope;
            ev_enqueue_conv(q, &dilated);
            conv = &r->convs2[i];
            activated = w->ba[1];
            dilation = 1;
        }
        const ev_rows next = activated.at == w->ba[0].at ? w->ba[1] : w->ba[0];
        ev_conv_op op = stage_conv(conv, a, activated, dilation);
        op.first = w->first;
        op.residual = raw;
        op.y = w->b;
        op.y2 = next;
        op.act2 = EV_ACT_LRELU;
        op.slope2 = slope;
        if (i == count - 1) finish_block(k, w, block, last_stage, &op);
        ev_enqueue_conv(q, &op);
        raw = w->b;
        activated = next;
    }
}

/* x (activated, [rows of the stage before]) -> the stage's activated output, in w->sum. source 0: none. */
static void run_stage(const ev_hifigan_config *k, ev_queue *q, const ev_stage *stage, ev_rows x, ev_at source,
                      const ev_axis *before, const ev_axis *a, const stage_work *w, bool last) {
    const ev_upconv_op up = {.conv = &stage->up,
                             .x = x,
                             .y = w->x.at,
                             .y2 = source ? 0 : w->xa.at,
                             .slope2 = slope,
                             .spans = before->spans,
                             .span_count = before->count};
    ev_enqueue_upconv(q, &up);
    if (source) { /* x += noise(source); the source's rows here are `left` samples of 2 channels, half a row early */
        const size_t row = (size_t)stage->left * 2;
        ev_conv_op op = stage_conv(&stage->noise, a, (ev_rows){source - (size_t)stage->left / 2 * 2, row}, 1);
        op.tap_offset = 0;
        op.residual = w->x;
        op.y = w->x;
        op.y2 = w->xa;
        op.act2 = EV_ACT_LRELU;
        op.slope2 = slope;
        ev_enqueue_conv(q, &op);
    }
    for (int j = 0; j < k->kinds; j++) run_block(k, q, stage, j, a, w, last);
}

/* ---- the whole ---- */

static size_t stage_matrix_bytes(const ev_vocoder *v, int i, size_t rows) {
    assert(i >= 0 && i < v->config.hifigan.stages && v->config.hop % v->hifigan.stages[i].left == 0);
    const size_t per_row = (size_t)v->config.hop / (size_t)v->hifigan.stages[i].left;
    return ev_matrix_bytes(rows * per_row, v->gap * per_row, ev_round16((size_t)v->hifigan.stages[i].channels));
}

/* What the convolutions of a stage need at most beside their rows. */
static size_t stage_scratch_bytes(const ev_vocoder *v, int i, int threads) {
    const ev_hifigan_config *k = &v->config.hifigan;
    size_t most = 0;
    for (int j = 0; j < k->kinds; j++) {
        const ev_resblock *r = &v->hifigan.stages[i].blocks[j];
        for (int d = 0; d < k->dilation_count; d++) {
            const size_t one = ev_conv_scratch(&r->convs1[d], k->res_dilations[j][d], threads);
            const size_t two = ev_conv_scratch(&r->convs2[d], 1, threads);
            if (one > most) most = one;
            if (two > most) most = two;
        }
    }
    return most * sizeof(float);
}

size_t ev_hifigan_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads) {
    const ev_hifigan_config *k = &v->config.hifigan;
    rows -= rows < v->gap ? rows : v->gap; /* behind the last chunk there is only the margin that all matrices have */
    size_t bytes = chunks * ((size_t)(k->stages + 1) * (sizeof(ev_span) + sizeof(size_t))) + 2048;
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)v->config.inputs));
    bytes += ev_matrix_bytes(rows, v->gap, ev_round16((size_t)k->channels));
    if (k->harmonics) bytes += ev_matrix_bytes(rows, v->gap, (size_t)v->config.hop * 2);
    size_t most = 0;
    for (int i = 0; i < k->stages; i++) { /* each stage's result stays, its work goes */
        const size_t one = stage_matrix_bytes(v, i, rows);
        bytes += one;
        const size_t work = 5 * one + stage_scratch_bytes(v, i, threads);
        if (bytes + work > most) most = bytes + work;
    }
    bytes += ev_matrix_bytes(rows, 0, (size_t)v->config.hop);
    return bytes > most ? bytes : most;
}

static ev_axis scaled_axis(ev_queue *q, const ev_axis *base, size_t factor) {
    assert(factor >= 1);
    ev_span *spans = ev_queue_host(q, base->count * sizeof *spans);
    for (size_t i = 0; i < base->count; i++) {
        spans[i] = (ev_span){base->spans[i].begin * factor, base->spans[i].count * factor};
    }
    return (ev_axis){spans, base->count, base->rows * factor, base->gap * factor};
}

static ev_rows put_mels(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks,
                        const size_t *first) {
    const size_t mels = ev_round16((size_t)v->config.inputs);
    const ev_rows mel = ev_rows_take(q, a, mels);
    for (size_t i = 0; i < a->count; i++) {
        const ev_put_op op = {.from = chunks[i].input + first[i] * mels,
                              .ld = mels,
                              .to = ev_rows_from(mel, a->spans[i].begin * mels),
                              .width = mels,
                              .spans = &(ev_span){0, a->spans[i].count},
                              .span_count = 1};
        ev_enqueue_put(q, &op);
    }
    return mel;
}

/* 0 where the vocoder has none. */
static ev_at make_source(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks,
                         const size_t *first) {
    if (!v->config.hifigan.harmonics) return 0;
    const ev_rows y = ev_rows_take(q, a, (size_t)v->config.hop * 2);
    const size_t mark = ev_queue_mark(q);
    const ev_source_op op = {.source = {.hop = v->config.hop,
                                        .rate = v->config.sample_rate,
                                        .harmonics = v->config.hifigan.harmonics,
                                        .weights = v->hifigan.source_weight,
                                        .bias = v->hifigan.source_bias},
                             .y = y.at,
                             .tracks = ev_vocoder_tracks(q, chunks, first, a->count),
                             .spans = a->spans,
                             .span_count = a->count};
    ev_enqueue_source(q, &op);
    ev_queue_release(q, mark);
    return y.at;
}

static const size_t *scaled_first(ev_queue *q, const ev_axis *a, const size_t *first, size_t factor) {
    size_t *rows = ev_queue_host(q, a->count * sizeof *rows);
    for (size_t i = 0; i < a->count; i++) rows[i] = first[i] * factor;
    return rows;
}

static ev_axis run_stages(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const size_t *first, ev_at source,
                          ev_rows *x) {
    const ev_hifigan_config *k = &v->config.hifigan;
    ev_axis before = *a;
    for (int i = 0; i < k->stages; i++) {
        const ev_stage *stage = &v->hifigan.stages[i];
        const size_t per_frame = (size_t)v->config.hop / (size_t)stage->left;
        const ev_axis now = scaled_axis(q, a, per_frame);
        const size_t width = ev_round16((size_t)stage->channels);
        const ev_rows sum = ev_rows_take(q, &now, width);
        const size_t stage_mark = ev_queue_mark(q);
        const stage_work w = {.x = ev_rows_take(q, &now, width),
                              .xa = ev_rows_take(q, &now, width),
                              .b = ev_rows_take(q, &now, width),
                              .ba = {ev_rows_take(q, &now, width), ev_rows_take(q, &now, width)},
                              .sum = sum,
                              .first = scaled_first(q, a, first, per_frame)};
        run_stage(k, q, stage, *x, source, &before, &now, &w, i == k->stages - 1);
        ev_queue_release(q, stage_mark);
        *x = sum;
        before = now;
    }
    return before;
}

void ev_hifigan_run(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks, const size_t *first) {
    const size_t hop = (size_t)v->config.hop;
    const ev_rows mel = put_mels(v, q, a, chunks, first);
    const ev_at source = make_source(v, q, a, chunks, first);
    ev_rows x = ev_rows_take(q, a, ev_round16((size_t)v->config.hifigan.channels));
    ev_conv_op pre = stage_conv(&v->hifigan.pre, a, mel, 1);
    pre.y2 = x;
    pre.act2 = EV_ACT_LRELU;
    pre.slope2 = slope;
    ev_enqueue_conv(q, &pre);

    const ev_axis now = run_stages(v, q, a, first, source, &x);
    const ev_conv_single_output *conv = &v->hifigan.post;
    const ev_rows samples = ev_rows_take(q, &(ev_axis){NULL, 0, now.rows, 0}, 1);
    const ev_conv_single_output_op post = {.conv = conv,
                                           .x = x,
                                           .tap_offset = -(conv->taps - 1) / 2,
                                           .y = samples.at,
                                           .act = EV_ACT_TANH,
                                           .spans = now.spans,
                                           .span_count = now.count};
    ev_enqueue_conv_single_output(q, &post);
    for (size_t i = 0; i < a->count; i++) {
        assert(chunks[i].begin >= first[i] && chunks[i].end - first[i] <= a->spans[i].count);
        const size_t from = (a->spans[i].begin + chunks[i].begin - first[i]) * hop;
        const ev_get_op op = {.from = {samples.at + from, 1},
                              .to = chunks[i].out,
                              .ld = 1,
                              .width = 1,
                              .spans = &(ev_span){0, (chunks[i].end - chunks[i].begin) * hop},
                              .span_count = 1};
        ev_enqueue_get(q, &op);
    }
}
