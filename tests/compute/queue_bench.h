/* queue_bench: what the tests of the queue share: both makers' queues side by side, an axis of spans with matrices on
 * it, and the comparison of what an operation left there with what its function on pointers gives. */
#ifndef EV_QUEUE_BENCH_H
#define EV_QUEUE_BENCH_H

#include "compute/queue_check.h"
#include "compute_test.h"

enum { SPANS_MAX = 4, MARGIN = 8, QUEUE_BYTES = 4 << 20, ROUNDS = 25 };

/* Some spans of an axis, and the makers' queues. */
typedef struct bench {
    ev_pool *pool;
    ev_compute c;
    ev_queue *queues[2];
    ev_span spans[SPANS_MAX];
    size_t n, rows;
} bench;

static inline void bench_open(bench *b) {
    assert_int_equal(ev_pool_create(&b->pool, 2, NULL), EV_OK);
    b->c = best_isa(b->pool);
    assert_int_equal(ev_queue_cpu(&b->queues[0], &b->c, QUEUE_BYTES, NULL), EV_OK);
    b->queues[1] = &queue_check_make(&b->c, QUEUE_BYTES)->queue;
}

static inline void bench_close(bench *b) {
    for (int i = 0; i < 2; i++) ev_queue_free(&b->queues[i]);
    ev_pool_free(&b->pool);
}

/* To both. */
static inline void upload(const bench *b, ev_weights_kind kind, const void *weights, size_t count) {
    for (int i = 0; i < 2; i++) ev_enqueue_upload(b->queues[i], kind, weights, count);
}

static inline void bench_spans(bench *b, int rows_max) {
    b->n = random_spans(b->spans, SPANS_MAX, rows_max, MARGIN, &b->rows);
}

/* A fresh matrix; with x's rows of spans, unless it is NULL. */
static inline ev_rows take(const bench *b, ev_queue *q, const grid *x, size_t ld) {
    const ev_at base = ev_queue_take(q, (b->rows + 2 * MARGIN) * ld);
    const ev_fresh_op fresh = {{base + MARGIN * ld, ld}, MARGIN, b->rows, b->spans, b->n};
    ev_enqueue_fresh(q, &fresh);
    if (x) {
        const ev_put_op put = {x->x, x->ld, fresh.x, x->width, b->spans, b->n};
        ev_enqueue_put(q, &put);
    }
    return fresh.x;
}

/* A direct function's output: zeros, margins included. */
static float *zeros(const bench *b, size_t ld) {
    float *y = alloc_floats((b->rows + 2 * MARGIN) * ld);
    memset(y, 0, (b->rows + 2 * MARGIN) * ld * sizeof *y);
    return y + MARGIN * ld;
}

static inline void zeros_free(float *y, size_t ld) { free(y - MARGIN * ld); }

/* `width` floats of each row of spans are the expected ones, all others of the axis' gaps still zero. */
static inline void check(const bench *b, ev_queue *q, ev_rows y, const float *expected, size_t ld, size_t width,
                         const char *what) {
    const ev_span all = {0, b->rows};
    float *got = alloc_output(b->rows, width);
    const ev_get_op get = {.from = y, .to = got, .ld = width, .width = width, .spans = &all, .span_count = 1};
    ev_enqueue_get(q, &get);
    assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
    for (size_t t = 0, s = 0; t < b->rows; t++) {
        while (s < b->n && t >= b->spans[s].begin + b->spans[s].count) s++;
        const bool inside = s < b->n && t >= b->spans[s].begin;
        if (inside) assert_same(expected + t * ld, got + t * width, width, what);
        for (size_t c = 0; c < width && !inside; c++)
            if (bits_of(got[t * width + c])) fail_msg("%s: row %zu of a gap was written", what, t);
    }
    free(got);
}

static inline grid make(const bench *b, size_t width) {
    return grid_make(b->rows, MARGIN, width, width + 1, b->spans, b->n, false);
}

static inline int setup(void **state) {
    static bench b;
    bench_open(&b);
    *state = &b;
    return 0;
}

static inline int teardown(void **state) {
    bench_close(*state);
    return 0;
}

#endif
