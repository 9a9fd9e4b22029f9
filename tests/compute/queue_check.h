/* queue_check: a second maker of queue.h, as far from the CPU's as a device is: its memory lies elsewhere, nothing
 * runs before the wait, what nobody wrote is NaN, and operations fail when told to. What a caller hands over is
 * copied when it enqueues, as the contract says; what it reads too early is NaN. Operations themselves are the CPU's,
 * on a queue inside. */
#ifndef EV_QUEUE_CHECK_H
#define EV_QUEUE_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/queue.h"

typedef struct checked_op { /* an operation that waits, with copies of its lists */
    struct checked_op *next;
    void (*run)(ev_queue *inner, const void *op);
    size_t mark; /* the caller's, behind which scratch may lie */
    void *copies[12];
    size_t copy_count;
    union {
        ev_conv_op conv;
        ev_upconv_op upconv;
        ev_conv_single_output_op conv_single_output;
        ev_depthwise_op depthwise;
        ev_layer_norm_op layer_norm;
        ev_attention_op attention;
        ev_upsample_op upsample;
        ev_gather_op gather;
        ev_positions_op positions;
        ev_film_op film;
        ev_source_op source;
        ev_istft_op istft;
        ev_overlap_add_op overlap_add;
        ev_put_op put;
        ev_get_op get;
        ev_fresh_op fresh;
    } op;
} checked_op;

typedef struct queue_check {
    ev_queue queue;
    ev_queue *inner; /* the device: memory of its own */
    checked_op *head, *tail;
    size_t enqueued, waits; /* in all */
    const void **uploaded;  /* weights */
    size_t upload_count;
    size_t fails_at;  /* the number of the operation that fails, from 1; 0: none */
    ev_status status; /* until the next wait */
} queue_check;

/* ---- copies ---- */

static inline void *check_copy(checked_op *o, const void *p, size_t bytes) {
    if (!p) return NULL;
    if (o->copy_count == EV_ARRAY_COUNT(o->copies)) abort();
    void *copy = malloc(bytes ? bytes : 1);
    if (!copy) abort();
    memcpy(copy, p, bytes);
    return o->copies[o->copy_count++] = copy;
}

static inline const ev_span *check_spans(checked_op *o, const ev_span *spans, size_t n) {
    return check_copy(o, spans, n * sizeof *spans);
}

static const uint32_t check_poison = 0x7fc0beef; /* a NaN */

static inline void check_fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) memcpy(&x[i], &check_poison, sizeof *x);
}

static inline checked_op *check_add(ev_queue *q, void (*run)(ev_queue *inner, const void *op)) {
    queue_check *c = (queue_check *)q;
    checked_op *o = calloc(1, sizeof *o);
    if (!o) abort();
    o->run = run;
    o->mark = ev_queue_mark(q);
    *(c->tail ? &c->tail->next : &c->head) = o;
    c->tail = o;
    c->enqueued++;
    return o;
}

/* ---- weights: an operation may use what was uploaded, nothing else ---- */

static inline void check_upload(ev_queue *q, const ev_upload_op *op) {
    queue_check *c = (queue_check *)q;
    c->uploaded = realloc(c->uploaded, (c->upload_count + 1) * sizeof *c->uploaded);
    if (!c->uploaded) abort();
    c->uploaded[c->upload_count++] = op->weights;
}

static inline void check_weights(const ev_queue *q, const void *weights) {
    const queue_check *c = (const queue_check *)q;
    if (!weights) return;
    for (size_t i = 0; i < c->upload_count; i++)
        if (c->uploaded[i] == weights) return;
    fputs("queue_check: an operation uses weights that were not uploaded\n", stderr);
    abort();
}

/* ---- operations: those that have no list but spans ---- */

#define CHECKED_OP(name)                                                                                             \
    static inline void check_run_##name(ev_queue *inner, const void *op) { inner->ops->name(inner, op); }
#define CHECKED_SPANS_OP(name, weights, more)                                                                        \
    CHECKED_OP(name)                                                                                                 \
    static inline void check_##name(ev_queue *q, const ev_##name##_op *op) {                                         \
        check_weights(q, weights);                                                                                   \
        check_weights(q, more);                                                                                      \
        checked_op *o = check_add(q, check_run_##name);                                                              \
        o->op.name = *op;                                                                                            \
        o->op.name.spans = check_spans(o, op->spans, op->span_count);                                                \
    }

CHECKED_SPANS_OP(upconv, op->conv, NULL)
CHECKED_SPANS_OP(conv_single_output, op->conv, NULL)
CHECKED_SPANS_OP(depthwise, op->conv, NULL)
CHECKED_SPANS_OP(layer_norm, op->gamma, op->beta)
CHECKED_SPANS_OP(attention, NULL, NULL)
CHECKED_SPANS_OP(positions, op->table, NULL)

/* ---- the others ---- */

CHECKED_OP(conv)
static inline void check_conv(ev_queue *q, const ev_conv_op *op) {
    check_weights(q, op->conv);
    checked_op *o = check_add(q, check_run_conv);
    const size_t width = (size_t)op->conv->co_blocks * 16;
    o->op.conv = *op;
    o->op.conv.spans = check_spans(o, op->spans, op->span_count);
    o->op.conv.first = check_copy(o, op->first, op->span_count * sizeof *op->first);
    if (!op->span_bias) return;
    float *rows = malloc(op->span_count * width * sizeof *rows);
    const float **bias = check_copy(o, op->span_bias, op->span_count * sizeof *bias);
    for (size_t s = 0; s < op->span_count; s++) {
        memcpy(rows + s * width, op->span_bias[s], width * sizeof *rows);
        bias[s] = rows + s * width;
    }
    o->copies[o->copy_count++] = rows;
    o->op.conv.span_bias = bias;
}

CHECKED_OP(upsample)
static inline void check_upsample(ev_queue *q, const ev_upsample_op *op) {
    checked_op *o = check_add(q, check_run_upsample);
    o->op.upsample = *op;
    o->op.upsample.spans = check_spans(o, op->spans, op->span_count);
    o->op.upsample.in_spans = check_spans(o, op->in_spans, op->span_count);
    o->op.upsample.centre =
        check_copy(o, op->centre, ev_spans_end(op->in_spans, op->span_count) * sizeof *op->centre);
}

CHECKED_OP(gather)
static inline void check_gather(ev_queue *q, const ev_gather_op *op) {
    check_weights(q, op->table);
    checked_op *o = check_add(q, check_run_gather);
    o->op.gather = *op;
    o->op.gather.spans = check_spans(o, op->spans, op->span_count);
    o->op.gather.index = check_copy(o, op->index, ev_spans_end(op->spans, op->span_count) * sizeof *op->index);
}

CHECKED_OP(film)
static inline void check_film(ev_queue *q, const ev_film_op *op) {
    check_weights(q, op->gamma);
    check_weights(q, op->beta);
    check_add(q, check_run_film)->op.film = *op;
}

CHECKED_OP(source)
/* The tracks' numbers go into two blocks, one behind the other. */
static inline void check_source(ev_queue *q, const ev_source_op *op) {
    check_weights(q, op->source.harmonics ? op->source.weights : NULL);
    checked_op *o = check_add(q, check_run_source);
    size_t frames = 0;
    o->op.source = *op;
    o->op.source.spans = check_spans(o, op->spans, op->span_count);
    ev_track *tracks = check_copy(o, op->tracks, op->span_count * sizeof *tracks);
    for (size_t s = 0; s < op->span_count; s++) frames += tracks[s].frames + 1;
    float *f0 = malloc((frames + 1) * sizeof *f0);
    double *phase = malloc((frames + 1) * sizeof *phase);
    if (!f0 || !phase) abort();
    o->copies[o->copy_count++] = f0;
    o->copies[o->copy_count++] = phase;
    for (size_t s = 0; s < op->span_count; s++) {
        memcpy(f0, tracks[s].f0, tracks[s].frames * sizeof *f0);
        memcpy(phase, tracks[s].phase, (tracks[s].frames + 1) * sizeof *phase);
        tracks[s].f0 = f0;
        tracks[s].phase = phase;
        f0 += tracks[s].frames;
        phase += tracks[s].frames + 1;
    }
    o->op.source.tracks = tracks;
}

CHECKED_OP(istft)
static inline void check_istft(ev_queue *q, const ev_istft_op *op) {
    check_weights(q, op->stft);
    checked_op *o = check_add(q, check_run_istft);
    o->op.istft = *op;
    o->op.istft.spans = check_spans(o, op->spans, op->span_count);
    o->op.istft.seeds = check_copy(o, op->seeds, op->span_count * sizeof *op->seeds);
    o->op.istft.first = check_copy(o, op->first, op->span_count * sizeof *op->first);
}

CHECKED_OP(overlap_add)
static inline void check_overlap_add(ev_queue *q, const ev_overlap_add_op *op) {
    check_weights(q, op->stft);
    checked_op *o = check_add(q, check_run_overlap_add);
    o->op.overlap_add = *op;
    o->op.overlap_add.spans = check_spans(o, op->spans, op->span_count);
    o->op.overlap_add.out = check_copy(o, op->out, op->span_count * sizeof *op->out);
    for (size_t s = 0; s < op->span_count; s++) check_fill(op->out[s], op->spans[s].count * (size_t)op->stft->hop);
}

CHECKED_OP(put)
static inline void check_put(ev_queue *q, const ev_put_op *op) {
    checked_op *o = check_add(q, check_run_put);
    const size_t end = ev_spans_end(op->spans, op->span_count);
    o->op.put = *op;
    o->op.put.spans = check_spans(o, op->spans, op->span_count);
    o->op.put.from = check_copy(o, op->from, end ? ((end - 1) * op->ld + op->width) * sizeof(float) : 0);
}

CHECKED_OP(get)
static inline void check_get(ev_queue *q, const ev_get_op *op) {
    checked_op *o = check_add(q, check_run_get);
    o->op.get = *op;
    o->op.get.spans = check_spans(o, op->spans, op->span_count);
    o->op.get.index = check_copy(o, op->index, ev_spans_end(op->spans, op->span_count) * sizeof *op->index);
    for (size_t s = 0; s < op->span_count; s++)
        for (size_t t = 0; t < op->spans[s].count; t++)
            check_fill(op->to + (op->spans[s].begin + t) * op->ld, op->width);
}

/* Rows that hold nothing yet hold NaN. */
static inline void check_run_fresh(ev_queue *inner, const void *op) {
    const ev_fresh_op *f = op;
    inner->ops->fresh(inner, f);
    float *x = (float *)(void *)inner->arena.block + (f->x.at - EV_AT_FIRST);
    for (size_t s = 0; s < f->span_count; s++)
        check_fill(x + f->spans[s].begin * f->x.ld, f->spans[s].count * f->x.ld);
}
static inline void check_fresh(ev_queue *q, const ev_fresh_op *op) {
    checked_op *o = check_add(q, check_run_fresh);
    o->op.fresh = *op;
    o->op.fresh.spans = check_spans(o, op->spans, op->span_count);
}

/* ---- the queue ---- */

static inline void check_drop(queue_check *c) {
    checked_op *o = c->head;
    c->head = o->next;
    if (!c->head) c->tail = NULL;
    for (size_t i = 0; i < o->copy_count; i++) free(o->copies[i]);
    free(o);
}

static inline ev_status check_wait(ev_queue *q, ev_error *err) {
    queue_check *c = (queue_check *)q;
    size_t left = 0;
    for (const checked_op *o = c->head; o; o = o->next) left++;
    for (size_t number = c->enqueued - left + 1; c->head; number++) {
        if (number == c->fails_at) c->status = EV_E_MEMORY;
        c->inner->arena.used = c->head->mark;
        if (c->status == EV_OK) c->head->run(c->inner, &c->head->op);
        check_drop(c);
    }
    const ev_status s = c->status;
    c->status = EV_OK;
    c->waits++;
    return s == EV_OK ? EV_OK : ev_fail(err, s, "the device has no memory left");
}

static inline void check_free(ev_queue *q) {
    queue_check *c = (queue_check *)q;
    while (c->head) check_drop(c);
    ev_queue_free(&c->inner);
    free(c->uploaded);
    ev_arena_destroy(&q->arena);
    free(c);
}

static const ev_queue_ops check_ops = {.name = "check",
                                       .conv = check_conv,
                                       .upconv = check_upconv,
                                       .conv_single_output = check_conv_single_output,
                                       .depthwise = check_depthwise,
                                       .layer_norm = check_layer_norm,
                                       .attention = check_attention,
                                       .upsample = check_upsample,
                                       .gather = check_gather,
                                       .positions = check_positions,
                                       .film = check_film,
                                       .source = check_source,
                                       .istft = check_istft,
                                       .overlap_add = check_overlap_add,
                                       .put = check_put,
                                       .get = check_get,
                                       .fresh = check_fresh,
                                       .upload = check_upload,
                                       .wait = check_wait,
                                       .free = check_free};

static inline queue_check *queue_check_make(const ev_compute *compute, size_t bytes) {
    queue_check *c = calloc(1, sizeof *c);
    if (!c || ev_queue_begin(&c->queue, &check_ops, bytes, NULL) != EV_OK ||
        ev_queue_cpu(&c->inner, compute, bytes, NULL) != EV_OK)
        abort();
    check_fill((float *)(void *)c->inner->arena.block, c->inner->arena.capacity / sizeof(float));
    check_fill((float *)(void *)c->queue.arena.block, c->queue.arena.capacity / sizeof(float));
    return c;
}

#endif
