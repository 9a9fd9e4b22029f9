/* The operations on rows: layer norm, attention, upsampling, scaled sums. Every instruction set gives ref's bytes,
 * ref agrees with the formula in double precision, batches and threads change nothing, gaps are left alone. */
#include "compute_test.h"

enum { SPANS_MAX = 4 };

/* One operation on random rows, written to y; cases differ in what `run` reads from this. */
typedef struct row_case {
    grid x, z;
    ev_span spans[SPANS_MAX], in_spans[SPANS_MAX];
    size_t n, rows, ld;
    int channels, heads, head_dim;
    float *gamma, *beta, *centre, a, b;
    void (*run)(const struct row_case *k, const ev_compute *c, float *y, const ev_span *in, const ev_span *out,
                size_t n);
} row_case;

static void case_free(row_case *k) {
    free(k->x.memory), free(k->z.memory), free(k->gamma), free(k->beta), free(k->centre);
    memset(k, 0, sizeof(*k));
}

/* ref's result, after comparing every other ISA, threads 1, 2, 3, 5, and each span alone with it. */
static float *check_same(const row_case *k) {
    float *expected = NULL;
    size_t floats = k->rows * k->ld;
    for (int isa = 0; isa < ISA_COUNT; isa++)
        for (int threads = 1; threads <= 5; threads += threads == 3 ? 2 : 1) {
            ev_pool *pool;
            assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
            ev_compute c;
            if (use_isa(&c, pool, isa)) {
                float *y = alloc_output(k->rows, k->ld);
                k->run(k, &c, y, k->in_spans, k->spans, k->n);
                if (expected) assert_same(expected, y, floats, isa_names[isa]);
                if (expected) free(y);
                if (!expected) expected = y;
            }
            ev_pool_free(&pool);
        }
    ev_compute best = best_isa(NULL);
    float *alone = alloc_output(k->rows, k->ld);
    for (size_t s = 0; s < k->n; s++) k->run(k, &best, alone, &k->in_spans[s], &k->spans[s], 1);
    assert_same(expected, alone, floats, "alone");
    free(alone);
    assert_guarded(expected, k->rows, k->ld, (size_t)k->channels, k->spans, k->n);
    return expected;
}

static void case_make(row_case *k, int rows_max, bool edges) {
    k->n = random_spans(k->spans, SPANS_MAX, rows_max, 1, &k->rows);
    k->ld = ev_round16((size_t)k->channels) + 16 * (size_t)rng_int(0, 1);
    size_t width = (size_t)k->channels;
    k->x = grid_make(k->rows, 0, width, width + (size_t)rng_int(0, 3), k->spans, k->n, edges);
    k->z = grid_make(k->rows, 0, width, width + (size_t)rng_int(0, 3), k->spans, k->n, edges);
    k->gamma = malloc(width * sizeof(float));
    k->beta = malloc(width * sizeof(float));
    fill(k->gamma, width, edges);
    fill(k->beta, width, edges);
}

/* ---- layer norm ---- */
static void run_layer_norm(const row_case *k, const ev_compute *c, float *y, const ev_span *in, const ev_span *out,
                           size_t n) {
    (void)in;
    ev_layer_norm_run(c, k->x.x, k->x.ld, y, k->ld, k->channels, k->gamma, k->beta, 1e-5f, out, n);
}

static void check_layer_norm_formula(const row_case *k, const float *y) {
    for (size_t s = 0; s < k->n; s++)
        for (size_t t = k->spans[s].begin; t < k->spans[s].begin + k->spans[s].count; t++) {
            double mean = 0, var = 0;
            const float *x = k->x.x + t * k->x.ld;
            for (int c = 0; c < k->channels; c++) mean += x[c] / (double)k->channels;
            for (int c = 0; c < k->channels; c++) var += (x[c] - mean) * (x[c] - mean) / k->channels;
            for (int c = 0; c < k->channels; c++)
                assert_near((x[c] - mean) / sqrt(var + 1e-5f) * k->gamma[c] + k->beta[c], y[t * k->ld + (size_t)c],
                            1e-5, "layer norm against the formula");
        }
}

static void test_layer_norm(void **state) {
    (void)state;
    rng_state = 21;
    for (int i = 0; i < 60; i++) {
        row_case k = {.run = run_layer_norm, .channels = i < 40 ? i + 1 : rng_int(41, 400)};
        case_make(&k, 40, i % 2);
        float *y = check_same(&k);
        if (i % 2 == 0) check_layer_norm_formula(&k, y);
        free(y);
        case_free(&k);
    }
}

/* Span s has the gamma and beta that lie s times `ld` on: the same as a call for each. */
static void test_layer_norm_spans(void **state) {
    (void)state;
    rng_state = 27;
    for (int i = 0; i < 40; i++) {
        row_case k = {.channels = rng_int(1, 100)};
        case_make(&k, 40, i % 2);
        size_t ld = (size_t)k.channels + (size_t)rng_int(0, 5);
        float *gamma = malloc(k.n * ld * sizeof(float)), *beta = malloc(k.n * ld * sizeof(float));
        fill(gamma, k.n * ld, i % 2);
        fill(beta, k.n * ld, i % 2);
        ev_pool *pool;
        assert_int_equal(ev_pool_create(&pool, 3, NULL), EV_OK);
        ev_compute ref, c;
        assert_true(use_isa(&ref, NULL, 0));
        float *expected = alloc_output(k.rows, k.ld);
        for (size_t s = 0; s < k.n; s++)
            ev_layer_norm_run(&ref, k.x.x, k.x.ld, expected, k.ld, k.channels, gamma + s * ld, beta + s * ld, 1e-5f,
                              &k.spans[s], 1);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            if (!use_isa(&c, pool, isa)) continue;
            float *y = alloc_output(k.rows, k.ld);
            ev_layer_norm_spans_run(&c, k.x.x, k.x.ld, y, k.ld, k.channels, gamma, beta, ld, 1e-5f, k.spans, k.n);
            assert_same(expected, y, k.rows * k.ld, isa_names[isa]);
            free(y);
        }
        ev_pool_free(&pool);
        free(expected), free(gamma), free(beta);
        case_free(&k);
    }
}

/* ---- scaled sums ---- */
static void run_axpby(const row_case *k, const ev_compute *c, float *y, const ev_span *in, const ev_span *out,
                      size_t n) {
    (void)in;
    ev_axpby_run(c, k->x.x, k->x.ld, k->a, k->b != 0 ? k->z.x : NULL, k->z.ld, k->b, y, k->ld, k->channels, out, n);
}

static void test_axpby(void **state) {
    (void)state;
    rng_state = 22;
    for (int i = 0; i < 60; i++) {
        row_case k = {.run = run_axpby, .channels = rng_int(1, 100), .a = rng_float(), .b = i % 3 ? rng_float() : 0};
        case_make(&k, 60, i % 2);
        float *y = check_same(&k);
        for (size_t s = 0; s < k.n && i % 2 == 0; s++)
            for (size_t t = k.spans[s].begin; t < k.spans[s].begin + k.spans[s].count; t++)
                for (size_t c = 0; c < (size_t)k.channels; c++) {
                    double v = (double)k.x.x[t * k.x.ld + c] * k.a + (double)k.z.x[t * k.z.ld + c] * k.b;
                    assert_near(v, y[t * k.ld + c], 3e-7, "scaled sum against the formula");
                }
        free(y);
        case_free(&k);
    }
}

static void test_axpby_in_place(void **state) {
    (void)state;
    rng_state = 23;
    ev_span span = {0, 50};
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        float *x = alloc_floats(50 * 48), *z = alloc_floats(50 * 48), *y = alloc_floats(50 * 48);
        fill(x, 50 * 48, false);
        fill(z, 50 * 48, false);
        ev_axpby_run(&c, x, 48, 0.5f, z, 48, 2.0f, y, 48, 48, &span, 1);
        ev_axpby_run(&c, x, 48, 0.5f, z, 48, 2.0f, z, 48, 48, &span, 1);
        assert_same(y, z, 50 * 48, "y is z");
        free(x), free(z), free(y);
    }
}

/* ---- upsampling ---- */
static void run_upsample(const row_case *k, const ev_compute *c, float *y, const ev_span *in, const ev_span *out,
                         size_t n) {
    ev_upsample_run(c, k->x.x, k->x.ld, k->centre, k->a, y, k->ld, k->channels, in, out, n);
}

/* Tokens of random lengths whose centres they are, and rows as many as their sum. With `wide`, all tokens count. */
static void upsample_make(row_case *k, bool wide, bool edges) {
    size_t token_rows, at = 2;
    k->n = random_spans(k->in_spans, SPANS_MAX, wide ? 150 : 12, 1, &token_rows);
    size_t width = (size_t)k->channels;
    k->x = grid_make(token_rows, 0, width, width + 1, k->in_spans, k->n, edges);
    k->centre = calloc(token_rows, sizeof(float));
    for (size_t s = 0; s < k->n; s++) {
        float end = 0;
        for (size_t i = 0; i < k->in_spans[s].count; i++) {
            float length = wide ? 0.25f : (float)rng_int(0, 9);
            k->centre[k->in_spans[s].begin + i] = end + length / 2 - 0.5f;
            end += length;
        }
        k->spans[s] = (ev_span){at, (size_t)end + 1};
        at += k->spans[s].count + 2;
    }
    k->rows = at;
    k->ld = ev_round16(width);
    k->a = wide ? 1e-4f : 0.1f;
}

static void check_upsample_formula(const row_case *k, const float *y) {
    for (size_t s = 0; s < k->n; s++)
        for (size_t t = 0; t < k->spans[s].count; t++)
            for (size_t c = 0; c < (size_t)k->channels; c++) {
                double sum = 0, total = 0, nearest = 1e30;
                ev_span in = k->in_spans[s];
                for (size_t i = in.begin; i < in.begin + in.count; i++)
                    nearest = fmin(nearest, pow((double)t - k->centre[i], 2));
                for (size_t i = in.begin; i < in.begin + in.count; i++) {
                    double w = exp(-(double)k->a * (pow((double)t - k->centre[i], 2) - nearest));
                    total += w;
                    sum += w * k->x.x[i * k->x.ld + c];
                }
                assert_near(sum / total, y[(k->spans[s].begin + t) * k->ld + c], 4e-6,
                            "upsampling against the formula");
            }
}

static void test_upsample(void **state) {
    (void)state;
    rng_state = 24;
    for (int i = 0; i < 40; i++) {
        row_case k = {.run = run_upsample, .channels = rng_int(1, 70)};
        upsample_make(&k, i % 4 >= 2, i % 2);
        float *y = check_same(&k);
        if (i % 2 == 0) check_upsample_formula(&k, y);
        free(y);
        case_free(&k);
    }
}

/* ---- attention ---- */
static void run_attention(const row_case *k, const ev_compute *c, float *y, const ev_span *in, const ev_span *out,
                          size_t n) {
    (void)in;
    size_t rows_max = 0, width = (size_t)k->channels;
    for (size_t s = 0; s < n; s++) rows_max = out[s].count > rows_max ? out[s].count : rows_max;
    int threads = c->pool ? ev_pool_threads(c->pool) : 1;
    size_t floats = ev_attention_scratch(rows_max, k->heads, k->head_dim, threads);
    float *scratch = alloc_output(floats + 16, 1);
    ev_attention_run(c, k->x.x, k->x.x + width, k->x.x + 2 * width, k->x.ld, y, k->ld, k->heads, k->head_dim, scratch,
                     out, n);
    for (size_t i = floats; i < floats + 16; i++) assert_int_equal(bits_of(scratch[i]), CANARY);
    free(scratch);
}

static void check_attention_row(const row_case *k, const float *y, ev_span span, size_t t, int head) {
    size_t width = (size_t)k->channels, dim = (size_t)k->head_dim, at = (size_t)head * dim;
    double *p = malloc(span.count * sizeof(double)), total = 0, top = -1e300;
    const float *x = k->x.x + span.begin * k->x.ld + at;
    for (size_t u = 0; u < span.count; u++) {
        p[u] = 0;
        for (size_t d = 0; d < dim; d++) p[u] += (double)x[t * k->x.ld + d] * x[u * k->x.ld + width + d];
        p[u] /= sqrt((double)dim);
        top = fmax(top, p[u]);
    }
    for (size_t u = 0; u < span.count; u++) total += p[u] = exp(p[u] - top);
    for (size_t d = 0; d < dim; d++) {
        double v = 0;
        for (size_t u = 0; u < span.count; u++) v += p[u] / total * x[u * k->x.ld + 2 * width + d];
        assert_near(v, y[(span.begin + t) * k->ld + at + d], 4e-6, "attention against the formula");
    }
    free(p);
}

static void check_attention(int heads, int head_dim, int rows_max, bool edges) {
    row_case k = {.run = run_attention, .heads = heads, .head_dim = head_dim, .channels = heads * head_dim};
    k.n = random_spans(k.spans, SPANS_MAX, rows_max, 0, &k.rows);
    k.ld = (size_t)k.channels + 16;
    size_t width = 3 * (size_t)k.channels;
    k.x = grid_make(k.rows, 0, width, width + (size_t)rng_int(0, 1), k.spans, k.n, edges);
    float *y = check_same(&k);
    for (size_t s = 0; s < k.n && !edges; s++)
        for (size_t t = 0; t < k.spans[s].count; t++)
            for (int head = 0; head < heads; head++) check_attention_row(&k, y, k.spans[s], t, head);
    free(y);
    case_free(&k);
}

static void test_attention(void **state) {
    (void)state;
    rng_state = 25;
    for (int i = 0; i < 24; i++) check_attention(rng_int(1, 3), 16 * rng_int(1, 4), 45, i % 2);
    check_attention(1, 16, 600, false); /* spans of more than one item */
}

/* A NaN in k or v reaches the rows of its own span and head only. */
static void test_attention_nan(void **state) {
    (void)state;
    rng_state = 26;
    ev_span spans[2] = {{0, 20}, {21, 17}};
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        row_case k = {.heads = 2, .head_dim = 16, .channels = 32, .ld = 32};
        k.x = grid_make(38, 0, 96, 96, spans, 2, false);
        k.x.x[25 * 96 + 32 + 3] = NAN; /* k, span 1, head 0 */
        float *y = alloc_output(38, 32);
        run_attention(&k, &c, y, NULL, spans, 2);
        for (size_t t = 0; t < 38; t++)
            for (size_t ch = 0; ch < 32 && t != 20; ch++)
                assert_int_equal(isnan(y[t * 32 + ch]) != 0, t > 20 && ch < 16);
        free(y);
        case_free(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_norm),    cmocka_unit_test(test_layer_norm_spans),
        cmocka_unit_test(test_axpby),         cmocka_unit_test(test_axpby_in_place),
        cmocka_unit_test(test_upsample),      cmocka_unit_test(test_attention),
        cmocka_unit_test(test_attention_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
