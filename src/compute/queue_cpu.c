/* queue_cpu: the maker that runs an operation when it is enqueued. The queue's memory is the arena's block, and a
 * place in it an address; scratch lies behind the mark. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "compute/queue.h"

typedef struct cpu_queue {
    ev_queue queue;
    ev_compute compute;
} cpu_queue;

static const ev_compute *compute_of(const ev_queue *q) { return &((const cpu_queue *)q)->compute; }

static float *at(const ev_queue *q, ev_at place) {
    assert(!place || (place >= EV_AT_FIRST && (place - EV_AT_FIRST) * sizeof(float) <= q->arena.capacity));
    return place ? (float *)(void *)q->arena.block + (place - EV_AT_FIRST) : NULL;
}

static int threads_of(const ev_queue *q) {
    const ev_pool *pool = compute_of(q)->pool;
    return pool ? ev_pool_threads(pool) : 1;
}

/* ---- convolutions ---- */

static void conv(ev_queue *q, const ev_conv_op *op) {
    const size_t mark = ev_queue_mark(q), scratch = ev_conv_scratch(op->conv, op->dilation, threads_of(q));
    const ev_conv_args args = {.conv = op->conv,
                               .x = at(q, op->x.at),
                               .ldx = op->x.ld,
                               .tap_offset = op->tap_offset,
                               .dilation = op->dilation,
                               .y = at(q, op->y.at),
                               .ldy = op->y.ld,
                               .y2 = at(q, op->y2.at),
                               .ldy2 = op->y2.ld,
                               .residual = at(q, op->residual.at),
                               .ldr = op->residual.ld,
                               .residual2 = at(q, op->residual2.at),
                               .ldr2 = op->residual2.ld,
                               .span_bias = op->span_bias,
                               .act = op->act,
                               .act2 = op->act2,
                               .slope = op->slope,
                               .slope2 = op->slope2,
                               .scale = op->scale,
                               .spans = op->spans,
                               .span_count = op->span_count,
                               .first = op->first,
                               .scratch = scratch ? ev_queue_host(q, scratch * sizeof(float)) : NULL};
    ev_conv_run(compute_of(q), &args);
    ev_queue_release(q, mark);
}

static void upconv(ev_queue *q, const ev_upconv_op *op) {
    ev_upconv_run(compute_of(q), op->conv, at(q, op->x.at), op->x.ld, at(q, op->y), at(q, op->y2), NULL, op->slope2,
                  op->spans, op->span_count);
}

static void conv_single_output(ev_queue *q, const ev_conv_single_output_op *op) {
    ev_conv_single_output_run(compute_of(q), op->conv, at(q, op->x.at), op->x.ld, op->tap_offset, at(q, op->y),
                              op->act, op->spans, op->span_count);
}

static void depthwise(ev_queue *q, const ev_depthwise_op *op) {
    ev_depthwise_run(compute_of(q), op->conv, at(q, op->x.at), op->x.ld, op->tap_offset, op->dilation,
                     at(q, op->y.at), op->y.ld, op->spans, op->span_count);
}

/* ---- rows ---- */

static void layer_norm(ev_queue *q, const ev_layer_norm_op *op) {
    const float *x = at(q, op->x.at), *affine = at(q, op->affine.at);
    float *y = at(q, op->y.at);
    if (op->gamma) {
        ev_layer_norm_run(compute_of(q), x, op->x.ld, y, op->y.ld, op->channels, op->gamma, op->beta, op->eps,
                          op->spans, op->span_count);
    } else {
        ev_layer_norm_spans_run(compute_of(q), x, op->x.ld, y, op->y.ld, op->channels, affine,
                                affine + op->affine.ld / 2, op->affine.ld, op->eps, op->spans, op->span_count);
    }
}

/* Scratch as for one span of all rows: that is what callers leave room for. */
static void attention(ev_queue *q, const ev_attention_op *op) {
    if (!op->span_count) return;
    const size_t mark = ev_queue_mark(q), rows = ev_spans_end(op->spans, op->span_count);
    const size_t floats = ev_attention_scratch(rows, op->heads, op->head_dim, threads_of(q));
    float *scratch = ev_queue_host(q, floats * sizeof *scratch);
    ev_attention_run(compute_of(q), at(q, op->q), at(q, op->k), at(q, op->v), op->ld, at(q, op->y.at), op->y.ld,
                     op->heads, op->head_dim, scratch, op->spans, op->span_count);
    ev_queue_release(q, mark);
}

static void upsample(ev_queue *q, const ev_upsample_op *op) {
    ev_upsample_run(compute_of(q), at(q, op->x.at), op->x.ld, op->centre, op->delta, at(q, op->y.at), op->y.ld,
                    op->channels, op->in_spans, op->spans, op->span_count);
}

static void gather(ev_queue *q, const ev_gather_op *op) {
    const float *from = op->table ? op->table : at(q, op->x.at);
    const size_t ld = op->table ? op->width : op->x.ld;
    float *y = at(q, op->y.at);
    for (size_t s = 0; s < op->span_count; s++) {
        for (size_t t = op->spans[s].begin; t < op->spans[s].begin + op->spans[s].count; t++) {
            memcpy(y + t * op->y.ld, from + (size_t)op->index[t] * ld, op->width * sizeof *y);
        }
    }
}

static void positions(ev_queue *q, const ev_positions_op *op) {
    for (size_t s = 0; s < op->span_count; s++) {
        float *row = at(q, op->x.at) + op->spans[s].begin * op->x.ld;
        const float *p = op->table;
        for (size_t t = 0; t < op->spans[s].count; t++, row += op->x.ld, p += op->width) {
            for (size_t i = 0; i < op->width; i++) row[i] += op->alpha * p[i];
        }
    }
}

static void film(ev_queue *q, const ev_film_op *op) {
    float *scale = at(q, op->x.at);
    for (size_t t = 0; t < op->rows; t++, scale += op->x.ld) {
        float *shift = scale + op->x.ld / 2;
        for (size_t i = 0; i < op->width; i++) {
            const float one = 1.0f + scale[i];
            shift[i] += op->beta[i] * one;
            scale[i] = op->gamma[i] * one;
        }
    }
}

static void fresh(ev_queue *q, const ev_fresh_op *op) {
    ev_zero_gaps(at(q, op->x.at), op->x.ld, op->margin, op->rows, op->spans, op->span_count);
}

/* ---- sources and spectra ---- */

static void source(ev_queue *q, const ev_source_op *op) {
    ev_source_run(compute_of(q), &op->source, op->tracks, at(q, op->y), at(q, op->bursts), op->spans, op->span_count);
}

static void istft(ev_queue *q, const ev_istft_op *op) {
    const size_t mark = ev_queue_mark(q);
    const ev_istft_args args = {.stft = op->stft,
                                .parts = at(q, op->parts.at),
                                .ld = op->parts.ld,
                                .pulses = at(q, op->pulses),
                                .bursts = at(q, op->bursts),
                                .y = at(q, op->y),
                                .seeds = op->seeds,
                                .first = op->first,
                                .scratch =
                                    ev_queue_host(q, ev_istft_scratch(op->stft, threads_of(q)) * sizeof(float)),
                                .spans = op->spans,
                                .span_count = op->span_count};
    ev_istft_run(compute_of(q), &args);
    ev_queue_release(q, mark);
}

static void overlap_add(ev_queue *q, const ev_overlap_add_op *op) {
    ev_overlap_add_run(compute_of(q), op->stft, at(q, op->y), op->out, op->spans, op->span_count);
}

/* ---- between host and device ---- */

/* n rows: in one piece where nothing lies between them. */
static void copy_rows(float *to, size_t ld_to, const float *from, size_t ld_from, size_t width, size_t n) {
    assert(n <= 1 || (ld_to >= width && ld_from >= width));
    if (ld_to == width && ld_from == width) {
        memcpy(to, from, n * width * sizeof *to);
        return;
    }
    for (size_t t = 0; t < n; t++) memcpy(to + t * ld_to, from + t * ld_from, width * sizeof *to);
}

static void put(ev_queue *q, const ev_put_op *op) {
    for (size_t s = 0; s < op->span_count; s++) {
        const ev_span span = op->spans[s];
        copy_rows(at(q, op->to.at) + span.begin * op->to.ld, op->to.ld, op->from + span.begin * op->ld, op->ld,
                  op->width, span.count);
    }
}

static void get(ev_queue *q, const ev_get_op *op) {
    const float *from = at(q, op->from.at);
    for (size_t s = 0; s < op->span_count; s++) {
        const ev_span span = op->spans[s];
        float *to = op->to + span.begin * op->ld;
        if (!op->index) {
            copy_rows(to, op->ld, from + span.begin * op->from.ld, op->from.ld, op->width, span.count);
            continue;
        }
        for (size_t t = 0; t < span.count; t++) {
            const size_t row = (size_t)op->index[span.begin + t];
            memcpy(to + t * op->ld, from + row * op->from.ld, op->width * sizeof *to);
        }
    }
}

static void upload(ev_queue *q, const ev_upload_op *op) { /* packed already */
    (void)q;
    (void)op;
}

/* ---- the queue ---- */

static ev_status wait(ev_queue *q, ev_error *err) { /* all has run */
    (void)q;
    (void)err;
    return EV_OK;
}

static void cpu_free(ev_queue *q) {
    ev_arena_destroy(&q->arena);
    free(q);
}

static const ev_queue_ops cpu_ops = {.name = "cpu",
                                     .conv = conv,
                                     .upconv = upconv,
                                     .conv_single_output = conv_single_output,
                                     .depthwise = depthwise,
                                     .layer_norm = layer_norm,
                                     .attention = attention,
                                     .upsample = upsample,
                                     .gather = gather,
                                     .positions = positions,
                                     .film = film,
                                     .source = source,
                                     .istft = istft,
                                     .overlap_add = overlap_add,
                                     .put = put,
                                     .get = get,
                                     .fresh = fresh,
                                     .upload = upload,
                                     .wait = wait,
                                     .free = cpu_free};

ev_status ev_queue_cpu(ev_queue **out, const ev_compute *compute, size_t bytes, ev_error *err) {
    *out = NULL;
    cpu_queue *q = calloc(1, sizeof *q);
    if (!q) return ev_fail(err, EV_E_MEMORY, "out of memory");
    q->compute = *compute;
    const ev_status s = ev_queue_begin(&q->queue, &cpu_ops, bytes, err);
    if (s == EV_OK)
        *out = &q->queue;
    else
        free(q);
    return s;
}
