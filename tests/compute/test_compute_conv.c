/* The convolutions: every instruction set gives ref's bytes, ref agrees with the formula in double precision, a span
 * in a batch gives the bytes it gives alone, threads change nothing, and nothing outside the spans is written. */
#include "base/half.h"
#include "compute_test.h"

enum { SPANS_MAX = 4 };

/* One random layer with its inputs; `args` lacks y and y2. */
typedef struct conv_case {
    ev_conv conv;
    int co, ci, taps, dilation;
    float *weight, *bias, *gain, *shift, *residual, *residual2, *span_bias[SPANS_MAX];
    grid x;
    ev_span spans[SPANS_MAX];
    size_t span_count, rows, width, ld;
    bool quantized, halved;
    bool residual_in_y; /* y starts as a copy of the residual, which aliases it */
    ev_conv_args args;
} conv_case;

static float *random_floats(size_t n, bool edges) {
    float *p = alloc_floats(n);
    fill(p, n, edges);
    return p;
}

static void case_options(conv_case *k, bool edges) {
    ev_conv_args *a = &k->args;
    a->act = (ev_act)rng_int(0, 5);
    a->act2 = (ev_act)rng_int(0, 5);
    a->slope = 0.1f;
    a->slope2 = 0.01f;
    a->scale = rng_chance(2) ? 1.0f : 1.0f / 3.0f;
    if (rng_chance(3)) {
        a->gain = k->gain = random_floats(k->width, edges);
        a->shift = k->shift = random_floats(k->width, edges);
    }
    a->ldr = k->ld;
    a->ldr2 = k->width;
    if (rng_chance(2)) a->residual = k->residual = random_floats(k->rows * k->ld, edges);
    if (rng_chance(4)) a->residual2 = k->residual2 = random_floats(k->rows * k->width, edges);
    k->residual_in_y = k->residual && rng_chance(2);
    if (rng_chance(4)) {
        for (size_t s = 0; s < k->span_count; s++) k->span_bias[s] = random_floats(k->width, edges);
        a->span_bias = (const float *const *)k->span_bias;
    }
}

/* rows_max rows a span; co, ci, taps, dilation are set. */
static void case_make(conv_case *k, int rows_max, bool edges) {
    int reach = (k->taps - 1) * k->dilation;
    k->span_count = random_spans(k->spans, SPANS_MAX, rows_max, reach, &k->rows);
    k->width = ev_round16((size_t)k->co);
    k->ld = k->width + 16 * (size_t)rng_int(0, 2);
    k->x = grid_make(k->rows, (size_t)reach, (size_t)k->ci, (size_t)k->ci + (size_t)rng_int(0, 5), k->spans,
                     k->span_count, edges);
    k->weight = random_floats((size_t)k->co * (size_t)k->ci * (size_t)k->taps, edges);
    for (size_t i = 0; k->halved && i < (size_t)k->co * (size_t)k->ci * (size_t)k->taps; i++) {
        k->weight[i] = ev_float_of_half(ev_half_of_float(k->weight[i]));
    }
    k->bias = rng_chance(8) ? NULL : random_floats((size_t)k->co, edges);
    assert_int_equal(ev_conv_pack(&k->conv, k->weight, k->bias, k->co, k->ci, k->taps, NULL), EV_OK);
    if (k->quantized) assert_int_equal(ev_conv_quantize(&k->conv, NULL), EV_OK);
    if (k->halved) assert_int_equal(ev_conv_halve(&k->conv, NULL), EV_OK);
    k->args = (ev_conv_args){.conv = &k->conv,
                             .x = k->x.x,
                             .ldx = k->x.ld,
                             .dilation = k->dilation,
                             .tap_offset = -rng_int(0, reach),
                             .ldy = k->ld,
                             .ldy2 = k->ld,
                             .spans = k->spans,
                             .span_count = k->span_count};
    case_options(k, edges);
}

static void case_free(conv_case *k) {
    ev_conv_free(&k->conv);
    free(k->weight);
    free(k->bias);
    free(k->gain);
    free(k->shift);
    free(k->residual);
    free(k->residual2);
    for (int s = 0; s < SPANS_MAX; s++) free(k->span_bias[s]);
    free(k->x.memory);
    memset(k, 0, sizeof(*k));
}

/* Puts the residual where y is if the case wants that. Rows and columns outside stay canaries. */
static const float *place_residual(const conv_case *k, float *y) {
    if (!k->residual_in_y) return k->residual;
    for (size_t s = 0; s < k->span_count; s++)
        for (size_t t = k->spans[s].begin; t < k->spans[s].begin + k->spans[s].count; t++)
            memcpy(y + t * k->ld, k->residual + t * k->ld, k->width * sizeof(float));
    return y;
}

static void case_run(const conv_case *k, const ev_compute *c, float *y, float *y2) {
    ev_conv_args args = k->args;
    args.y = y;
    args.y2 = y2;
    if (y) args.residual = place_residual(k, y);
    ev_conv_run(c, &args);
}

static float input_of(const conv_case *k, size_t t, int tap, int i) {
    ptrdiff_t row = (ptrdiff_t)t + k->args.tap_offset + tap * k->dilation;
    return k->x.x[row * (ptrdiff_t)k->x.ld + i];
}

static float weight_of(const conv_case *k, int o, int tap, int i) {
    return k->weight[(o * k->ci + i) * k->taps + tap];
}

/* What a quantised layer makes of inputs and weights: multiples of the largest magnitude / 127, among weights that of
 * two neighbours' sum as well. */
typedef struct int8_scales {
    float input, weight;
} int8_scales;

static int8_scales scales_of(const conv_case *k, size_t t, int o) {
    int8_scales s = {0, 0};
    float before = 0;
    for (int n = 0; n < k->taps * k->ci; n++) {
        const int tap = n / k->ci, i = n % k->ci;
        const float w = weight_of(k, o, tap, i);
        s.input = fmaxf(s.input, fabsf(input_of(k, t, tap, i)));
        s.weight = fmaxf(s.weight, fabsf(w));
        if (n % 2) s.weight = fmaxf(s.weight, fabsf(before + w));
        before = w;
    }
    return s;
}

static double product(const conv_case *k, const int8_scales *s, size_t t, int o, int tap, int i) {
    const float x = input_of(k, t, tap, i), w = weight_of(k, o, tap, i);
    if (!k->quantized) return (double)x * w;
    if (s->input == 0 || s->weight == 0) return 0;
    const double in = nearbyintf(x * (127.0f / s->input)), weight = nearbyintf(w / (s->weight / 127.0f));
    return in * weight * (double)(s->input / 127.0f) * (double)(s->weight / 127.0f);
}

/* The formula, in double, from the weights as PyTorch has them. *magnitude: what the error is relative to. */
static double naive_conv(const conv_case *k, size_t span, size_t t, int o, double *magnitude) {
    const float *span_bias = k->span_bias[span];
    double v = span_bias ? span_bias[o] : k->bias ? k->bias[o] : 0;
    *magnitude = fabs(v);
    const int8_scales scales = scales_of(k, t, o);
    for (int tap = 0; tap < k->taps; tap++)
        for (int i = 0; i < k->ci; i++) {
            double p = product(k, &scales, t, o, tap, i);
            v += p;
            *magnitude += fabs(p);
        }
    v = act_double(v, k->args.act, k->args.slope);
    if (k->gain) v = v * k->gain[o] + k->shift[o];
    if (k->residual) v += k->residual[t * k->ld + (size_t)o];
    if (k->residual2) v += k->residual2[t * k->width + (size_t)o];
    *magnitude += 2;
    return v * k->args.scale;
}

static void check_formula(const conv_case *k, const float *y, const float *y2) {
    for (size_t s = 0; s < k->span_count; s++)
        for (size_t t = k->spans[s].begin; t < k->spans[s].begin + k->spans[s].count; t++)
            for (int o = 0; o < k->co; o++) {
                double magnitude, v = naive_conv(k, s, t, o, &magnitude);
                if (y) assert_near(v, y[t * k->ld + (size_t)o], 1e-6 * magnitude, "y against the formula");
                if (y2)
                    assert_near(act_double(v, k->args.act2, k->args.slope2), y2[t * k->ld + (size_t)o],
                                2e-6 * magnitude, "y2 against the formula");
            }
}

static void check_case(conv_case *k, bool edges) {
    size_t floats = k->rows * k->ld;
    int outputs = rng_int(1, 3); /* y, y2, both */
    float *expected = NULL, *expected2 = NULL;
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        float *y = outputs & 1 ? alloc_output(k->rows, k->ld) : NULL;
        float *y2 = outputs & 2 ? alloc_output(k->rows, k->ld) : NULL;
        case_run(k, &c, y, y2);
        if (isa == 0) {
            if (y) assert_guarded(y, k->rows, k->ld, k->width, k->spans, k->span_count);
            if (y2) assert_guarded(y2, k->rows, k->ld, k->width, k->spans, k->span_count);
            if (!edges) check_formula(k, y, y2);
            expected = y;
            expected2 = y2;
            continue;
        }
        if (y) assert_same(expected, y, floats, isa_names[isa]);
        if (y2) assert_same(expected2, y2, floats, isa_names[isa]);
        free(y);
        free(y2);
    }
    free(expected);
    free(expected2);
}

static void test_random_layers(void **state) {
    (void)state;
    rng_state = 11;
    for (int i = 0; i < 450; i++) {
        conv_case k = {
            .co = rng_int(1, 100), .ci = rng_int(1, 100), .taps = rng_int(1, 11), .dilation = rng_int(1, 5)};
        k.quantized = i % 6 >= 4;
        k.halved = i % 6 / 2 == 1;
        double cost = (double)k.co * k.ci * k.taps;
        int rows_max = cost > 40000 ? 6 : cost > 10000 ? 15 : 40;
        bool edges = i % 2;
        case_make(&k, rows_max, edges);
        check_case(&k, edges);
        case_free(&k);
    }
}

/* Numbers that 16 bits hold: a layer gives the bytes that it gives in float, on every instruction set. */
static void test_halved(void **state) {
    (void)state;
    rng_state = 18;
    for (int i = 0; i < 100; i++) {
        conv_case k = {
            .co = rng_int(1, 80), .ci = rng_int(1, 40), .taps = rng_int(1, 7), .dilation = 1, .halved = true};
        case_make(&k, 40, i % 2);
        ev_conv wide;
        assert_int_equal(ev_conv_pack(&wide, k.weight, k.bias, k.co, k.ci, k.taps, NULL), EV_OK);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            ev_compute c;
            if (!use_isa(&c, NULL, isa)) continue;
            conv_case other = k;
            other.args.conv = &wide;
            float *y = alloc_output(k.rows, k.ld), *expected = alloc_output(k.rows, k.ld);
            case_run(&k, &c, y, NULL);
            case_run(&other, &c, expected, NULL);
            assert_same(expected, y, k.rows * k.ld, isa_names[isa]);
            free(y);
            free(expected);
        }
        ev_conv_free(&wide);
        case_free(&k);
    }
}

/* Every height of tile with every number of blocks to be tiled. */
static void test_every_tile(void **state) {
    (void)state;
    rng_state = 12;
    for (int rows = 1; rows <= 60; rows++)
        for (int blocks = 1; blocks <= 5; blocks++) {
            for (int kind = 0; kind < 3; kind++) {
                conv_case k = {.co = blocks * 16 - rng_int(0, 15), .ci = 3, .taps = 2, .dilation = 1};
                k.quantized = kind == 1;
                k.halved = kind == 2;
                case_make(&k, rows, false);
                check_case(&k, false);
                case_free(&k);
            }
        }
}

static void test_alone_and_batched(void **state) {
    (void)state;
    rng_state = 13;
    ev_compute c = best_isa(NULL);
    for (int i = 0; i < 60; i++) {
        conv_case k = {.co = rng_int(1, 80), .ci = rng_int(1, 40), .taps = rng_int(1, 7), .dilation = rng_int(1, 3)};
        k.quantized = i % 6 >= 4;
        k.halved = i % 6 / 2 == 1;
        case_make(&k, 50, i % 2);
        float *together = alloc_output(k.rows, k.ld), *alone = alloc_output(k.rows, k.ld);
        case_run(&k, &c, together, NULL);
        for (size_t s = 0; s < k.span_count; s++) {
            conv_case one = k;
            one.args.spans = &k.spans[s];
            one.args.span_count = 1;
            if (k.args.span_bias) one.args.span_bias = k.args.span_bias + s;
            one.spans[0] = k.spans[s];
            one.span_count = 1;
            case_run(&one, &c, alone, NULL);
        }
        assert_same(together, alone, k.rows * k.ld, "alone");
        free(together);
        free(alone);
        case_free(&k);
    }
}

/* Layers large enough to be split by rows, by channels, and by both; many short spans. */
static void test_threads(void **state) {
    (void)state;
    rng_state = 14;
    static const int sizes[][4] = {
        {64, 64, 3, 300}, {200, 48, 9, 30}, {16, 16, 7, 2000}, {500, 100, 5, 110}, {33, 7, 1, 9}};
    for (size_t i = 0; i < 2 * EV_ARRAY_COUNT(sizes); i++) {
        const int *size = sizes[i / 2];
        conv_case k = {.co = size[0], .ci = size[1], .taps = size[2], .dilation = 2, .quantized = i % 2};
        case_make(&k, size[3], false);
        float *expected = NULL;
        for (int threads = 1; threads <= 5; threads += threads == 3 ? 2 : 1) {
            ev_pool *pool;
            assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
            ev_compute c = best_isa(pool);
            float *y = alloc_output(k.rows, k.ld);
            case_run(&k, &c, y, NULL);
            if (expected)
                assert_same(expected, y, k.rows * k.ld, "threads");
            else
                assert_guarded(y, k.rows, k.ld, k.width, k.spans, k.span_count);
            if (expected) free(y);
            if (!expected) expected = y;
            ev_pool_free(&pool);
        }
        free(expected);
        case_free(&k);
    }
}

/* Quantised, the largest sums that two products can have: no instruction set cuts them off. */
static void test_largest_products(void **state) {
    (void)state;
    enum { ROWS = 9, CI = 32, CO = 48 };
    const ev_span span = {0, ROWS};
    float w[CO * CI], x[ROWS * CI], *expected = NULL;
    for (int o = 0; o < CO; o++) { /* all 1, all -1, and by turns 1, -1 and 1, 0 */
        for (int i = 0; i < CI; i++) w[o * CI + i] = i % 2 && o % 4 > 1 ? (o % 4 == 2 ? -1 : 0) : o % 4 == 1 ? -1 : 1;
    }
    for (int t = 0; t < ROWS; t++) {
        for (int i = 0; i < CI; i++) x[t * CI + i] = t % 3 == 0 || (t % 3 == 1 && i % 2) ? 1 : -1;
    }
    ev_conv conv;
    assert_int_equal(ev_conv_pack(&conv, w, NULL, CO, CI, 1, NULL), EV_OK);
    assert_int_equal(ev_conv_quantize(&conv, NULL), EV_OK);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        float *y = alloc_output(ROWS, CO);
        const ev_conv_args a = {.conv = &conv,
                                .x = x,
                                .ldx = CI,
                                .dilation = 1,
                                .y = y,
                                .ldy = CO,
                                .scale = 1,
                                .spans = &span,
                                .span_count = 1};
        ev_conv_run(&c, &a);
        if (expected) assert_same(expected, y, ROWS * CO, isa_names[isa]);
        if (expected) free(y);
        if (!expected) expected = y;
    }
    assert_near(CI * 64 / 63.5, expected[0], 1e-4, "1 times 1, halves rounded up");
    assert_near(-CI * 64 / 63.5, expected[1], 1e-4, "1 times -1");
    assert_near(0, expected[2], 0, "1 times 1 and -1 by turns");
    assert_near(CI / 2, expected[3], 1e-4, "1 times 1 and 0 by turns");
    ev_conv_free(&conv);
    free(expected);
}

/* One NaN input makes the outputs that it reaches NaN, and no other. */
static void test_nan(void **state) {
    (void)state;
    rng_state = 15;
    enum { ROWS = 30, CI = 5, CO = 20, AT = 13 };
    ev_span span = {0, ROWS};
    for (int act = 0; act <= 5; act++)
        for (int isa = 0; isa < 3 * ISA_COUNT;
             isa++) { /* three times: in float, and quantised with infinity as well */
            ev_compute c;
            if (!use_isa(&c, NULL, isa % ISA_COUNT)) continue;
            grid x = grid_make(ROWS, 1, CI, CI, &span, 1, false);
            x.x[AT * CI + 3] = isa < 2 * ISA_COUNT ? NAN : INFINITY;
            float *w = random_floats(CO * CI * 3, false), *y = alloc_output(ROWS, 32);
            ev_conv conv;
            assert_int_equal(ev_conv_pack(&conv, w, NULL, CO, CI, 3, NULL), EV_OK);
            if (isa >= ISA_COUNT) assert_int_equal(ev_conv_quantize(&conv, NULL), EV_OK);
            ev_conv_args a = {.conv = &conv,
                              .x = x.x,
                              .ldx = CI,
                              .tap_offset = -1,
                              .dilation = 1,
                              .y = y,
                              .ldy = 32,
                              .act = (ev_act)act,
                              .slope = 0.1f,
                              .scale = 1,
                              .spans = &span,
                              .span_count = 1};
            ev_conv_run(&c, &a);
            for (int t = 0; t < ROWS; t++)
                for (int o = 0; o < CO; o++) assert_int_equal(isnan(y[t * 32 + o]) != 0, t >= AT - 1 && t <= AT + 1);
            ev_conv_free(&conv);
            free(w);
            free(y);
            free(x.memory);
        }
}

/* ---- transposed ---- */
static void check_upconv(int stride, int kernel, int ci, int co, bool edges) {
    ev_span spans[SPANS_MAX];
    size_t rows, n = random_spans(spans, SPANS_MAX, 12, kernel / stride + 1, &rows), ld = (size_t)(co * stride);
    grid x = grid_make(rows, (size_t)(kernel / stride + 1), (size_t)ci, (size_t)ci + 1, spans, n, edges);
    float *w = random_floats((size_t)(ci * co * kernel), edges), *bias = random_floats((size_t)co, edges);
    float *residual = random_floats(rows * ld, edges), *expected = NULL, *expected2 = NULL;
    ev_upconv up;
    assert_int_equal(ev_upconv_pack(&up, w, bias, ci, co, kernel, stride, NULL), EV_OK);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        float *y = alloc_output(rows, ld), *y2 = alloc_output(rows, ld);
        ev_upconv_run(&c, &up, x.x, x.ld, y, y2, residual, 0.1f, spans, n);
        assert_guarded(y, rows, ld, ld, spans, n);
        if (expected) assert_same(expected, y, rows * ld, isa_names[isa]);
        if (expected) assert_same(expected2, y2, rows * ld, isa_names[isa]);
        if (expected) free(y), free(y2);
        if (!expected) expected = y, expected2 = y2;
    }
    for (size_t s = 0; s < n && !edges; s++) /* scatter, as PyTorch defines it */
        for (size_t o = spans[s].begin * (size_t)stride; o < (spans[s].begin + spans[s].count) * (size_t)stride; o++)
            for (int j = 0; j < co; j++) {
                double v = bias[j] + residual[o * (size_t)co + (size_t)j];
                for (size_t t = spans[s].begin; t < spans[s].begin + spans[s].count; t++) {
                    ptrdiff_t tap = (ptrdiff_t)o + (kernel - stride) / 2 - (ptrdiff_t)t * stride;
                    for (int i = 0; i < ci && tap >= 0 && tap < kernel; i++)
                        v += (double)x.x[t * x.ld + (size_t)i] * w[(i * co + j) * kernel + tap];
                }
                assert_near(v, expected[o * (size_t)co + (size_t)j], 2e-5, "transposed against the formula");
                assert_near(v < 0 ? v * 0.1 : v, expected2[o * (size_t)co + (size_t)j], 2e-5,
                            "and its second output");
            }
    ev_upconv_free(&up);
    free(w), free(bias), free(residual), free(expected), free(expected2), free(x.memory);
}

static void test_transposed(void **state) {
    (void)state;
    rng_state = 16;
    for (int stride = 1; stride <= 8; stride++)
        for (int m = 1; m <= 3; m++)
            for (int edges = 0; edges < 2 && stride * (m - 1) % 2 == 0; edges++)
                check_upconv(stride, stride * m, rng_int(1, 40), 16 * rng_int(1, 3), edges);
}

/* ---- to one channel ---- */
static void check_conv_single_output(int ci, int taps, ev_act act, bool edges) {
    ev_span spans[SPANS_MAX];
    size_t rows, n = random_spans(spans, SPANS_MAX, 40, taps, &rows);
    grid x = grid_make(rows, (size_t)taps, (size_t)ci, (size_t)(ci + rng_int(0, 3)), spans, n, edges);
    float *w = random_floats((size_t)(ci * taps), edges), bias = rng_float(), *expected = NULL;
    ev_conv_single_output conv;
    assert_int_equal(ev_conv_single_output_pack(&conv, w, bias, ci, taps, NULL), EV_OK);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        float *y = alloc_output(rows, 1);
        ev_conv_single_output_run(&c, &conv, x.x, x.ld, -(taps / 2), y, act, spans, n);
        if (expected) assert_same(expected, y, rows, isa_names[isa]);
        if (expected) free(y);
        if (!expected) expected = y;
    }
    assert_guarded(expected, rows, 1, 1, spans, n);
    for (size_t s = 0; s < n && !edges; s++)
        for (size_t t = spans[s].begin; t < spans[s].begin + spans[s].count; t++) {
            double v = bias;
            for (int k = 0; k < taps; k++)
                for (int i = 0; i < ci; i++)
                    v += (double)x.x[((ptrdiff_t)t - taps / 2 + k) * (ptrdiff_t)x.ld + i] * w[i * taps + k];
            assert_near(act_double(v, act, 0), expected[t], 2e-5, "one channel against the formula");
        }
    ev_conv_single_output_free(&conv);
    free(w), free(expected), free(x.memory);
}

static void test_one_channel(void **state) {
    (void)state;
    static const ev_act acts[] = {EV_ACT_NONE, EV_ACT_RELU, EV_ACT_GELU, EV_ACT_TANH, EV_ACT_SIGMOID};
    rng_state = 17;
    for (int i = 0; i < 200; i++) check_conv_single_output(rng_int(1, 70), rng_int(1, 9), acts[i % 5], i % 2);
}

static void test_impossible_sizes(void **state) {
    (void)state;
    ev_error err;
    ev_conv conv;
    ev_upconv up;
    ev_conv_single_output conv_single_output;
    float w[16] = {0};
    assert_int_equal(ev_conv_pack(&conv, w, NULL, 0, 1, 1, &err), EV_E_FORMAT);
    assert_int_equal(ev_conv_pack(&conv, w, NULL, 1 << 20, 1 << 20, 4096, &err), EV_E_FORMAT);
    assert_int_equal(ev_conv_pack(&conv, w, NULL, 16, -1, 1, &err), EV_E_FORMAT);
    assert_int_equal(ev_upconv_pack(&up, w, NULL, 1, 16, 5, 2, &err), EV_E_FORMAT); /* not a multiple */
    assert_int_equal(ev_upconv_pack(&up, w, NULL, 1, 16, 6, 3, &err), EV_E_FORMAT); /* odd difference */
    assert_int_equal(ev_upconv_pack(&up, w, NULL, 1, 8, 4, 2, &err), EV_E_FORMAT);  /* not whole blocks */
    assert_int_equal(ev_upconv_pack(&up, w, NULL, 0, 16, 4, 2, &err), EV_E_FORMAT);
    assert_int_equal(ev_conv_single_output_pack(&conv_single_output, w, 0, 1, 0, &err), EV_E_FORMAT);
    assert_null(conv.w);
    assert_null(conv_single_output.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_layers),    cmocka_unit_test(test_halved),
        cmocka_unit_test(test_every_tile),       cmocka_unit_test(test_alone_and_batched),
        cmocka_unit_test(test_threads),          cmocka_unit_test(test_nan),
        cmocka_unit_test(test_transposed),       cmocka_unit_test(test_one_channel),
        cmocka_unit_test(test_impossible_sizes), cmocka_unit_test(test_largest_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
