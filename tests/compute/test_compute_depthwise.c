/* The depthwise convolution: every instruction set gives ref's bytes, ref agrees with the formula in double
 * precision, a span in a batch gives the bytes it gives alone, threads change nothing, and nothing outside the spans
 * is written.
 */
#include "compute_test.h"

enum { SPANS_MAX = 4 };

typedef struct layer_case {
    ev_depthwise conv;
    int channels, taps, dilation, tap_offset;
    float *weight, *bias;
    grid x;
    ev_span spans[SPANS_MAX];
    size_t span_count, rows, ld;
} layer_case;

static void case_make(layer_case *k, int channels, int taps, int dilation, bool edges) {
    const int reach = (taps - 1) * dilation;
    *k = (layer_case){.channels = channels, .taps = taps, .dilation = dilation, .tap_offset = -rng_int(0, reach)};
    k->span_count = random_spans(k->spans, SPANS_MAX, 40, reach, &k->rows);
    k->ld = ev_round16((size_t)channels) + 16 * (size_t)rng_int(0, 1);
    k->x = grid_make(k->rows, (size_t)reach, (size_t)channels, (size_t)(channels + rng_int(0, 5)), k->spans,
                     k->span_count, edges);
    k->weight = alloc_floats((size_t)channels * (size_t)taps);
    k->bias = rng_chance(4) ? NULL : alloc_floats((size_t)channels);
    fill(k->weight, (size_t)channels * (size_t)taps, edges);
    if (k->bias) fill(k->bias, (size_t)channels, edges);
    assert_int_equal(ev_depthwise_pack(&k->conv, k->weight, k->bias, channels, taps, NULL), EV_OK);
}

static void case_free(layer_case *k) {
    ev_depthwise_free(&k->conv);
    free(k->weight), free(k->bias), free(k->x.memory);
}

static void case_run(const layer_case *k, const ev_compute *c, float *y, const ev_span *spans, size_t n) {
    ev_depthwise_run(c, &k->conv, k->x.x, k->x.ld, k->tap_offset, k->dilation, y, k->ld, spans, n);
}

static void check_formula(const layer_case *k, const float *y) {
    for (size_t s = 0; s < k->span_count; s++)
        for (size_t t = k->spans[s].begin; t < k->spans[s].begin + k->spans[s].count; t++)
            for (int c = 0; c < k->channels; c++) {
                double v = k->bias ? k->bias[c] : 0, magnitude = 1;
                for (int tap = 0; tap < k->taps; tap++) {
                    const ptrdiff_t row = (ptrdiff_t)t + k->tap_offset + tap * k->dilation;
                    const double p = (double)k->x.x[row * (ptrdiff_t)k->x.ld + c] * k->weight[c * k->taps + tap];
                    v += p;
                    magnitude += fabs(p);
                }
                assert_near(v, y[t * k->ld + (size_t)c], 1e-6 * magnitude, "against the formula");
            }
}

/* ref's result, after comparing with it every other ISA, with 1 and 3 threads, and each span alone. */
static float *check_same(const layer_case *k) {
    const size_t floats = k->rows * k->ld;
    float *expected = NULL;
    for (int threads = 1; threads <= 3; threads += 2) {
        ev_pool *pool;
        assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            ev_compute c;
            if (!use_isa(&c, pool, isa)) continue;
            float *y = alloc_output(k->rows, k->ld);
            case_run(k, &c, y, k->spans, k->span_count);
            if (expected) assert_same(expected, y, floats, isa_names[isa]);
            if (expected) free(y);
            if (!expected) expected = y;
        }
        ev_pool_free(&pool);
    }
    const ev_compute best = best_isa(NULL);
    float *alone = alloc_output(k->rows, k->ld);
    for (size_t s = 0; s < k->span_count; s++) case_run(k, &best, alone, &k->spans[s], 1);
    assert_same(expected, alone, floats, "alone");
    free(alone);
    assert_guarded(expected, k->rows, k->ld, (size_t)k->channels, k->spans, k->span_count);
    return expected;
}

static void test_depthwise(void **state) {
    (void)state;
    rng_state = 41;
    for (int i = 0; i < 120; i++) {
        layer_case k;
        case_make(&k, i < 40 ? i + 1 : rng_int(41, 300), rng_int(1, 9), rng_int(1, 4), i % 2);
        float *y = check_same(&k);
        if (i % 2 == 0) check_formula(&k, y);
        free(y);
        case_free(&k);
    }
}

static void test_impossible_sizes(void **state) {
    (void)state;
    const float weight = 0;
    ev_depthwise conv;
    ev_error err;
    static const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 3}, {3, -1}, {1 << 30, 1}, {1, 1 << 30}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(sizes); i++) {
        assert_int_equal(ev_depthwise_pack(&conv, &weight, NULL, sizes[i][0], sizes[i][1], &err), EV_E_FORMAT);
        assert_null(conv.w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_depthwise), cmocka_unit_test(test_impossible_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
