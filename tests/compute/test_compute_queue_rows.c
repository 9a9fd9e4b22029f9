/* The queue: every operation on places gives the bytes of the function on pointers, at odd sizes, on the CPU's maker
 * and on one whose memory lies elsewhere and which runs nothing before the wait (queue_check.h); gaps stay zero. Here
 * the operations on rows. */
#include "queue_bench.h"

/* ---- rows ---- */

static void test_layer_norm(void **state) {
    bench *b = *state;
    rng_state = 55;
    for (int i = 0; i < ROUNDS; i++) {
        const int channels = rng_int(1, 70);
        const size_t width = (size_t)channels, ld = ev_round16(width);
        float *affine = alloc_floats(SPANS_MAX * 2 * ld), *y = NULL;
        bench_spans(b, 40);
        fill(affine, SPANS_MAX * 2 * ld, false);
        upload(b, EV_WEIGHTS_FLOATS, affine, width);
        upload(b, EV_WEIGHTS_FLOATS, affine + ld, width);
        grid x = make(b, width);
        for (int own = 0; own < 2; own++) { /* one norm for all, each span's own */
            y = zeros(b, ld);
            ev_layer_norm_spans_run(&b->c, x.x, x.ld, y, ld, channels, affine, affine + ld, own ? 2 * ld : 0, 1e-5f,
                                    b->spans, b->n);
            for (int k = 0; k < 2; k++) {
                ev_queue *q = b->queues[k];
                const size_t mark = ev_queue_mark(q);
                const ev_span each = {0, b->n};
                const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
                const ev_rows rows = {ev_queue_take(q, b->n * 2 * ld), 2 * ld};
                const ev_put_op put = {affine, 2 * ld, rows, 2 * ld, &each, 1};
                ev_enqueue_put(q, &put);
                const ev_layer_norm_op op = {.x = in,
                                             .y = out,
                                             .channels = channels,
                                             .gamma = own ? NULL : affine,
                                             .beta = own ? NULL : affine + ld,
                                             .affine = own ? rows : (ev_rows){0},
                                             .eps = 1e-5f,
                                             .spans = b->spans,
                                             .span_count = b->n};
                ev_enqueue_layer_norm(q, &op);
                check(b, q, out, y, ld, width, "layer norm");
                ev_queue_release(q, mark);
            }
            zeros_free(y, ld);
        }
        free(affine), free(x.memory);
    }
}

static void test_attention(void **state) {
    bench *b = *state;
    rng_state = 56;
    for (int i = 0; i < ROUNDS; i++) {
        const int heads = rng_int(1, 3), head_dim = 16 * rng_int(1, 2);
        const size_t w = (size_t)(heads * head_dim);
        bench_spans(b, 60);
        grid x = make(b, 3 * w);
        float *y = zeros(b, w), *scratch = alloc_floats(ev_attention_scratch(60, heads, head_dim, 2));
        ev_attention_run(&b->c, x.x, x.x + w, x.x + 2 * w, x.ld, y, w, heads, head_dim, scratch, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, 3 * w), out = take(b, q, NULL, w);
            const ev_attention_op op = {in.at, in.at + w, in.at + 2 * w, 3 * w, out, heads, head_dim, b->spans, b->n};
            ev_enqueue_attention(q, &op);
            check(b, q, out, y, w, w, "attention");
            ev_queue_release(q, mark);
        }
        zeros_free(y, w), free(scratch), free(x.memory);
    }
}

static void test_upsample(void **state) {
    bench *b = *state;
    rng_state = 57;
    for (int i = 0; i < ROUNDS; i++) {
        const int channels = rng_int(1, 40);
        const size_t width = (size_t)channels, ld = ev_round16(width);
        bench_spans(b, 40);
        grid x = make(b, width);
        float *centre = alloc_floats(b->rows), *y = zeros(b, ld);
        for (size_t t = 0; t < b->rows; t++) centre[t] = (float)t * 1.3f;
        ev_span few[SPANS_MAX]; /* the last half of each span's rows are tokens */
        for (size_t s = 0; s < b->n; s++) {
            const size_t half = b->spans[s].count / 2;
            few[s] = (ev_span){b->spans[s].begin + half, b->spans[s].count - half};
        }
        ev_upsample_run(&b->c, x.x, x.ld, centre, 0.1f, y, ld, channels, few, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
            const ev_upsample_op op = {in, out, centre, 0.1f, channels, few, b->spans, b->n};
            ev_enqueue_upsample(q, &op);
            check(b, q, out, y, ld, width, "upsample");
            ev_queue_release(q, mark);
        }
        zeros_free(y, ld), free(centre), free(x.memory);
    }
}

/* Rows of weights and rows of activations by number, positions on top; and the same rows straight to the host. */
static void test_gather(void **state) {
    bench *b = *state;
    rng_state = 58;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t width = (size_t)rng_int(1, 40), ld = width + (size_t)rng_int(0, 5);
        bench_spans(b, 40);
        float *table = alloc_floats(b->rows * width), *y = zeros(b, ld), *got = alloc_output(b->rows, ld);
        int32_t *index = malloc(b->rows * sizeof *index);
        fill(table, b->rows * width, false);
        upload(b, EV_WEIGHTS_FLOATS, table, b->rows * width);
        for (size_t s = 0; s < b->n; s++)
            for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                index[t] = (int32_t)(b->spans[s].begin + (size_t)rng_int(0, (int)b->spans[s].count - 1));
        grid x = make(b, width);
        for (int k = 0; k < 4; k++) {
            ev_queue *q = b->queues[k / 2];
            const size_t mark = ev_queue_mark(q);
            const bool weights = k % 2;
            const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
            for (size_t s = 0; s < b->n; s++)
                for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                    for (size_t c = 0; c < width; c++) {
                        const size_t row = (size_t)index[t];
                        y[t * ld + c] = weights ? table[row * width + c] : x.x[row * x.ld + c];
                    }
            const ev_gather_op op = {.table = weights ? table : NULL,
                                     .x = weights ? (ev_rows){0} : in,
                                     .index = index,
                                     .y = out,
                                     .width = width,
                                     .spans = b->spans,
                                     .span_count = b->n};
            ev_enqueue_gather(q, &op);
            check(b, q, out, y, ld, width, "gather");
            if (!weights) {
                const ev_get_op get = {in, index, got, ld, width, b->spans, b->n};
                ev_enqueue_get(q, &get);
                assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
                for (size_t s = 0; s < b->n; s++)
                    for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                        assert_same(y + t * ld, got + t * ld, width, "get by number");
            }
            const ev_positions_op positions = {table, 0.7f, out, width, b->spans, b->n};
            ev_enqueue_positions(q, &positions);
            for (size_t s = 0; s < b->n; s++)
                for (size_t t = 0; t < b->spans[s].count; t++)
                    for (size_t c = 0; c < width; c++)
                        y[(b->spans[s].begin + t) * ld + c] += 0.7f * table[t * width + c];
            check(b, q, out, y, ld, width, "positions");
            ev_queue_release(q, mark);
        }
        assert_guarded(got, b->rows, ld, width, b->spans, b->n);
        zeros_free(y, ld), free(table), free(index), free(got), free(x.memory);
    }
}

static void test_film(void **state) {
    bench *b = *state;
    rng_state = 59;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t width = (size_t)rng_int(1, 40), half = ev_round16(width), n = (size_t)rng_int(1, 5);
        float *x = alloc_floats(n * 2 * half), *got = alloc_floats(n * 2 * half), gamma[48], beta[48];
        const ev_span all = {0, n};
        fill(x, n * 2 * half, false);
        fill(gamma, 48, false);
        fill(beta, 48, false);
        upload(b, EV_WEIGHTS_FLOATS, gamma, width);
        upload(b, EV_WEIGHTS_FLOATS, beta, width);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows rows = {ev_queue_take(q, n * 2 * half), 2 * half};
            const ev_put_op put = {x, 2 * half, rows, 2 * half, &all, 1};
            const ev_film_op op = {gamma, beta, rows, width, n};
            const ev_get_op get = {rows, NULL, got, 2 * half, 2 * half, &all, 1};
            ev_enqueue_put(q, &put);
            ev_enqueue_film(q, &op);
            ev_enqueue_get(q, &get);
            assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
            for (size_t t = 0; t < n; t++)
                for (size_t c = 0; c < half; c++) {
                    const float scale = x[t * 2 * half + c], shift = x[t * 2 * half + half + c];
                    const bool in = c < width;
                    const float wanted[2] = {in ? gamma[c] * (1 + scale) : scale,
                                             in ? shift + beta[c] * (1 + scale) : shift};
                    assert_same(&wanted[0], &got[t * 2 * half + c], 1, "film's scale");
                    assert_same(&wanted[1], &got[t * 2 * half + half + c], 1, "film's shift");
                }
            ev_queue_release(q, mark);
        }
        free(x), free(got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layer_norm), cmocka_unit_test(test_attention),
                                       cmocka_unit_test(test_upsample), cmocka_unit_test(test_gather),
                                       cmocka_unit_test(test_film)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
