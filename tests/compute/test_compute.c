/* The compute core's frame: choosing kernels, the functions against libm, the same functions inside kernels, gaps. */
#include "compute_test.h"

static void test_choice(void **state) {
    (void)state;
    ev_compute c;
    ev_cpu_mask(0);
    ev_compute_init(&c, NULL);
    assert_string_equal(ev_compute_name(&c), "ref");
    ev_cpu_mask(~0u);
    ev_compute_init(&c, NULL);
    assert_string_equal(ev_compute_name(&c), ev_cpu_name(ev_cpu_flags()));
    assert_true(ev_compute_peak_flops(&c) > 1e6);
}

/* ---- against libm: largest error over a dense range, in the unit that is stated ---- */
typedef double (*reference_fn)(double);

static double sigmoid_double(double x) { return 1 / (1 + exp(-x)); }
static double sin_turns_double(double x) { return sin(2 * acos(-1.0) * remainder(x, 1)); }

static void check_absolute(float (*f)(float), reference_fn g, float low, float high, double most, const char *what) {
    for (int i = 0; i <= 400000; i++) {
        float x = low + (high - low) * ((float)i / 400000);
        assert_near(g(x), f(x), most, what);
    }
}

static void check_relative(float (*f)(float), reference_fn g, float low, float high, double most, const char *what) {
    for (int i = 0; i <= 400000; i++) {
        float x = low + (high - low) * ((float)i / 400000);
        assert_near(g(x), f(x), most * fabs(g(x)) + 1e-44, what);
    }
}

static void test_functions(void **state) {
    (void)state;
    check_relative(ev_expf, exp, -87.0f, 88.7f, 1.2e-7, "exp");
    check_relative(ev_expf, exp, -0.4f, 0.4f, 1.2e-7, "exp near 0");
    check_absolute(ev_tanhf, tanh, -12, 12, 1.2e-7, "tanh");
    check_relative(ev_tanhf, tanh, -0.7f, 0.7f, 2.4e-7, "tanh near 0");
    check_absolute(ev_sigmoidf, sigmoid_double, -30, 30, 1.2e-7, "sigmoid");
    check_absolute(ev_sin_turns, sin_turns_double, -3, 3, 2e-7, "sin of turns");
    check_absolute(ev_sin_turns, sin_turns_double, -9999, 9999, 2e-7, "sin of many turns");
    for (float x = -104; x < -87; x += 0.01f) assert_near(exp(x), ev_expf(x), 3e-45 + 1e-7 * exp(x), "denormal exp");
}

static void test_limits(void **state) {
    (void)state;
    assert_true(ev_expf(-INFINITY) == 0 && ev_expf(-1e30f) == 0 && ev_expf(0) == 1);
    assert_true(isinf(ev_expf(INFINITY)) && isinf(ev_expf(89)) && isinf(ev_expf(1e30f)));
    assert_true(ev_tanhf(INFINITY) == 1 && ev_tanhf(-INFINITY) == -1 && ev_tanhf(0) == 0 && ev_tanhf(-0.0f) == 0);
    assert_true(ev_sigmoidf(INFINITY) == 1 && ev_sigmoidf(-INFINITY) == 0 && ev_sigmoidf(0) == 0.5f);
    assert_true(ev_sin_turns(0.25f) == 1 && ev_sin_turns(-0.25f) == -1 && ev_sin_turns(0.5f) == 0 &&
                ev_sin_turns(7) == 0);
    assert_true(isnan(ev_expf(NAN)) && isnan(ev_tanhf(NAN)) && isnan(ev_sigmoidf(NAN)) && isnan(ev_sin_turns(NAN)));
}

/* ---- activations inside the kernels: a layer of one weight, 1, and any input ---- */
enum { VALUES = 40000 };

static void make_values(float *x) {
    static const float special[] = {0.0f,    -0.0f, INFINITY, -INFINITY, NAN,    1e-45f, -1e-45f, 1e-38f,  0.625f,
                                    -0.625f, 1.0f,  -1.0f,    88.72284f, 88.73f, -87.4f, -103.9f, -104.1f, 3.4e38f};
    rng_state = 31;
    for (int i = 0; i < VALUES; i++) x[i] = ((float)i / VALUES * 2 - 1) * (i % 2 ? 110.0f : 6.0f);
    for (size_t i = 0; i < EV_ARRAY_COUNT(special); i++) x[rng_next() % VALUES] = special[i];
}

static void apply_act(int isa, const float *x, float *y, ev_act act) {
    ev_compute c;
    if (!use_isa(&c, NULL, isa)) return;
    float one = 1;
    ev_conv conv;
    ev_span span = {0, VALUES};
    assert_int_equal(ev_conv_pack(&conv, &one, NULL, 1, 1, 1, NULL), EV_OK);
    ev_conv_args a = {.conv = &conv,
                      .x = x,
                      .ldx = 1,
                      .dilation = 1,
                      .y = y,
                      .ldy = 16,
                      .act = act,
                      .slope = 0.1f,
                      .scale = 1,
                      .spans = &span,
                      .span_count = 1};
    ev_conv_run(&c, &a);
    ev_conv_free(&conv);
}

static void check_act_values(const float *x, const float *y, ev_act act) {
    for (int i = 0; i < VALUES; i++) {
        float v = y[i * 16];
        if (act == EV_ACT_TANH) assert_true(same_float(ev_tanhf(x[i]), v));
        if (act == EV_ACT_SIGMOID) assert_true(same_float(ev_sigmoidf(x[i]), v));
        if (isnan(x[i])) assert_true(isnan(v));
        if (isfinite(x[i]))
            assert_near(act_double(x[i], act, 0.1f), v, 1e-6 * fmax(1, fabs((double)x[i]) / 8), "act");
    }
}

static void test_activations(void **state) {
    (void)state;
    float *x = alloc_floats(VALUES), *expected = alloc_floats(VALUES * 16), *y = alloc_floats(VALUES * 16);
    make_values(x);
    for (int act = EV_ACT_NONE; act <= EV_ACT_SIGMOID; act++) {
        apply_act(0, x, expected, (ev_act)act);
        check_act_values(x, expected, (ev_act)act);
        for (int isa = 1; isa < ISA_COUNT; isa++) {
            memcpy(y, expected, VALUES * 16 * sizeof(float));
            apply_act(isa, x, y, (ev_act)act);
            assert_same(expected, y, VALUES * 16, isa_names[isa]);
        }
    }
    free(x), free(expected), free(y);
}

/* ---- gaps ---- */
static void test_zero_gaps(void **state) {
    (void)state;
    rng_state = 32;
    for (int i = 0; i < 200; i++) {
        ev_span spans[5];
        size_t rows, n = random_spans(spans, 5, 6, 1, &rows), margin = (size_t)rng_int(0, 4), ld = 16;
        float *y = alloc_output(rows + 2 * margin + 2, ld), *x = y + (margin + 1) * ld;
        ev_zero_gaps(x, ld, margin, rows, spans, n);
        for (size_t t = 0; t < rows + 2 * margin + 2; t++) {
            bool outside = t < 1 || t >= rows + 2 * margin + 1, in_span = false;
            for (size_t s = 0; s < n; s++) {
                size_t begin = spans[s].begin + margin + 1;
                in_span |= t >= begin && t < begin + spans[s].count;
            }
            for (size_t c = 0; c < ld; c++) assert_int_equal(bits_of(y[t * ld + c]), outside || in_span ? CANARY : 0);
        }
        free(y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),      cmocka_unit_test(test_functions), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_zero_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
