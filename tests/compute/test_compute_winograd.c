/* Convolutions by Winograd's algorithm: every instruction set gives ref's bytes, which agree with the formula in
 * double precision; a part of an utterance gives the bytes of the whole, a span in a batch those that it gives alone,
 * threads change nothing, and nothing outside the spans is written. */
#include "compute_test.h"

enum { SPANS_MAX = 4, THREADS_MAX = 5 };

/* One random layer with its inputs; `args` lacks outputs. */
typedef struct winograd_case {
    int co, ci, taps, dilation;
    ev_conv conv;
    float *weight, *bias, *residual, *residual2, *scratch;
    grid x;
    ev_span spans[SPANS_MAX];
    size_t first[SPANS_MAX], span_count, rows, width;
    ev_conv_args args;
} winograd_case;

static float *random_floats(size_t n, bool edges) {
    float *p = alloc_floats(n);
    fill(p, n, edges);
    return p;
}

/* rows_max rows a span; co, ci, taps, dilation are set. */
static void case_make(winograd_case *k, int rows_max, bool edges) {
    const int reach = (k->taps - 1) * k->dilation;
    k->span_count = random_spans(k->spans, SPANS_MAX, rows_max, reach, &k->rows);
    k->width = ev_round16((size_t)k->co);
    k->x = grid_make(k->rows, (size_t)reach, (size_t)k->ci, (size_t)(k->ci + rng_int(0, 5)), k->spans, k->span_count,
                     edges);
    k->weight = random_floats((size_t)(k->co * k->ci * k->taps), edges);
    k->bias = random_floats((size_t)k->co, edges);
    assert_int_equal(ev_conv_pack(&k->conv, k->weight, k->bias, k->co, k->ci, k->taps, NULL), EV_OK);
    assert_int_equal(ev_conv_winograd(&k->conv, NULL), EV_OK);
    k->scratch = alloc_floats(ev_conv_scratch(&k->conv, k->dilation, THREADS_MAX));
    if (rng_chance(2)) k->residual = random_floats(k->rows * k->width, edges);
    if (rng_chance(2)) k->residual2 = random_floats(k->rows * k->width, edges);
    for (size_t s = 0; s < k->span_count; s++) k->first[s] = (size_t)rng_int(0, 1000);
    k->args = (ev_conv_args){.conv = &k->conv,
                             .x = k->x.x,
                             .ldx = k->x.ld,
                             .dilation = k->dilation,
                             .tap_offset = -rng_int(0, reach),
                             .ldy = k->width,
                             .ldy2 = k->width,
                             .residual = k->residual,
                             .ldr = k->width,
                             .residual2 = k->residual2,
                             .ldr2 = k->width,
                             .act2 = EV_ACT_LRELU,
                             .slope2 = 0.1f,
                             .scale = rng_chance(2) ? 1.0f : 1.0f / 3.0f,
                             .spans = k->spans,
                             .span_count = k->span_count,
                             .first = rng_chance(4) ? NULL : k->first,
                             .scratch = k->scratch};
}

static void case_free(winograd_case *k) {
    ev_conv_free(&k->conv);
    free(k->weight);
    free(k->bias);
    free(k->residual);
    free(k->residual2);
    free(k->scratch);
    free(k->x.memory);
}

static winograd_case random_layer(void) {
    return (winograd_case){
        .co = rng_int(1, 70), .ci = rng_int(1, 40), .taps = rng_int(3, 11), .dilation = rng_int(1, 5)};
}

static float *run(const winograd_case *k, const ev_compute *c, ev_conv_args args, bool second) {
    float *y = alloc_output(k->rows, k->width);
    if (second)
        args.y2 = y;
    else
        args.y = y;
    ev_conv_run(c, &args);
    return y;
}

/* The formula, in double, from the weights as PyTorch has them. *magnitude: what the error is relative to. */
static double naive(const winograd_case *k, size_t t, int o, double *magnitude) {
    double v = k->bias[o];
    *magnitude = 2 + fabs(v);
    for (int tap = 0; tap < k->taps; tap++)
        for (int i = 0; i < k->ci; i++) {
            const ptrdiff_t row = (ptrdiff_t)t + k->args.tap_offset + tap * k->dilation;
            const double p =
                (double)k->x.x[row * (ptrdiff_t)k->x.ld + i] * k->weight[(o * k->ci + i) * k->taps + tap];
            v += p;
            *magnitude += fabs(p);
        }
    if (k->residual) v += k->residual[t * k->width + (size_t)o];
    if (k->residual2) v += k->residual2[t * k->width + (size_t)o];
    return v * k->args.scale;
}

static void check_formula(const winograd_case *k, const float *y, bool second) {
    for (size_t s = 0; s < k->span_count; s++)
        for (size_t t = k->spans[s].begin; t < k->spans[s].begin + k->spans[s].count; t++)
            for (int o = 0; o < k->co; o++) {
                double magnitude, v = naive(k, t, o, &magnitude);
                if (second && v < 0) v *= 0.1f;
                assert_near(v, y[t * k->width + (size_t)o], 1e-6 * magnitude, "against the formula");
            }
}

static void test_random_layers(void **state) {
    (void)state;
    rng_state = 61;
    for (int i = 0; i < 200; i++) {
        winograd_case k = random_layer();
        const bool edges = i % 2, second = i % 4 / 2;
        case_make(&k, 40, edges);
        float *expected = NULL;
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            ev_compute c;
            if (!use_isa(&c, NULL, isa)) continue;
            float *y = run(&k, &c, k.args, second);
            if (expected) assert_same(expected, y, k.rows * k.width, isa_names[isa]);
            if (expected) free(y);
            if (!expected) expected = y;
        }
        assert_guarded(expected, k.rows, k.width, k.width, k.spans, k.span_count);
        if (!edges) check_formula(&k, expected, second);
        free(expected);
        case_free(&k);
    }
}

/* A residual that is the output: a block's running value. */
static void test_in_place(void **state) {
    (void)state;
    rng_state = 62;
    const ev_compute c = best_isa(NULL);
    for (int i = 0; i < 40; i++) {
        winograd_case k = random_layer();
        case_make(&k, 40, false);
        if (k.residual) {
            float *expected = run(&k, &c, k.args, false);
            ev_conv_args args = k.args;
            args.y = k.residual;
            ev_conv_run(&c, &args);
            for (size_t s = 0; s < k.span_count; s++)
                assert_same(expected + k.spans[s].begin * k.width, k.residual + k.spans[s].begin * k.width,
                            k.spans[s].count * k.width, "in place");
            free(expected);
        }
        case_free(&k);
    }
}

/* Any rows of an utterance, told where they stand in it; told wrong, some of them round otherwise. */
static void test_parts(void **state) {
    (void)state;
    rng_state = 63;
    const ev_compute c = best_isa(NULL);
    int others = 0;
    for (int i = 0; i < 120; i++) {
        winograd_case k = random_layer();
        case_make(&k, 90, false);
        k.args.first = k.first;
        float *whole = run(&k, &c, k.args, false);
        for (size_t s = 0; s < k.span_count; s++) {
            const size_t from = (size_t)rng_int(0, (int)k.spans[s].count - 1);
            const ev_span part = {k.spans[s].begin + from, (size_t)rng_int(1, (int)(k.spans[s].count - from))};
            const size_t right = k.first[s] + from, wrong = right + (size_t)k.dilation;
            ev_conv_args args = k.args;
            args.spans = &part;
            args.span_count = 1;
            args.first = &right;
            float *y = run(&k, &c, args, false);
            assert_same(whole + part.begin * k.width, y + part.begin * k.width, part.count * k.width, "a part");
            assert_guarded(y, k.rows, k.width, k.width, &part, 1);
            free(y);
            args.first = &wrong;
            y = run(&k, &c, args, false);
            others +=
                memcmp(whole + part.begin * k.width, y + part.begin * k.width, part.count * k.width * sizeof *y) != 0;
            free(y);
        }
        free(whole);
        case_free(&k);
    }
    assert_true(others > 100);
}

/* Layers of several items, over one span and over some. */
static void test_threads(void **state) {
    (void)state;
    rng_state = 64;
    static const int sizes[][4] = {{64, 64, 3, 900}, {40, 300, 7, 500}, {16, 16, 11, 3000}, {33, 7, 5, 9}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(sizes); i++) {
        winograd_case k = {.co = sizes[i][0], .ci = sizes[i][1], .taps = sizes[i][2], .dilation = 1 + (int)i};
        case_make(&k, sizes[i][3], false);
        float *expected = NULL;
        for (int threads = 1; threads <= THREADS_MAX; threads += threads == 3 ? 2 : 1) {
            ev_pool *pool;
            assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
            const ev_compute c = best_isa(pool);
            float *y = run(&k, &c, k.args, false);
            if (expected) assert_same(expected, y, k.rows * k.width, "threads");
            if (expected) free(y);
            if (!expected) expected = y;
            ev_pool_free(&pool);
        }
        check_formula(&k, expected, false);
        free(expected);
        case_free(&k);
    }
}

/* One NaN input makes the outputs that it reaches NaN, and no other. */
static void test_nan(void **state) {
    (void)state;
    rng_state = 65;
    const ev_compute c = best_isa(NULL);
    for (int i = 0; i < 40; i++) {
        winograd_case k = random_layer();
        case_make(&k, 60, false);
        const ev_span span = k.spans[0];
        const size_t at = span.begin + (size_t)rng_int(0, (int)span.count - 1);
        k.x.x[at * k.x.ld] = NAN;
        float *y = run(&k, &c, k.args, false);
        for (size_t t = span.begin; t < span.begin + span.count; t++) {
            const ptrdiff_t back = (ptrdiff_t)at - (ptrdiff_t)t - k.args.tap_offset;
            const bool reached = back % k.dilation == 0 && back >= 0 && back / k.dilation < k.taps;
            assert_int_equal(isnan(y[t * k.width]) != 0, reached);
        }
        free(y);
        case_free(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_layers), cmocka_unit_test(test_in_place), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
