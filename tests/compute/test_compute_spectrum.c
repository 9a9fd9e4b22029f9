/* Transforms, pulses, spectra to frames, overlap-add: every instruction set gives ref's bytes, ref agrees with the
 * formula in double precision, company and threads change nothing, nothing outside the spans is written. */
#include "compute_test.h"

#include "compute/kernels.h"
#include "compute/spectrum.h"

enum { LANES = EV_FFT_LANES, SPANS_MAX = 3 };
static const double turn = 6.283185307179586;

/* ---- transforms ---- */

static bool smooth(int n) {
    static const int primes[] = {2, 3, 5};
    for (int i = 0; i < 3; i++)
        while (n % primes[i] == 0) n /= primes[i];
    return n == 1;
}

typedef struct transformed {
    float *x, *bins, *back;
} transformed;

/* Bins of given samples, and the samples of these bins (which are kept: the inverse overwrites its input). */
static transformed transform(const ev_compute *c, const ev_fft *fft, const float *samples) {
    const size_t n = (size_t)fft->size, floats = n * LANES;
    transformed t = {alloc_floats(floats), alloc_output(n + 2, LANES), alloc_output(n, LANES)};
    float *work = alloc_floats(floats), *copy = alloc_floats((n + 2) * LANES);
    memcpy(t.x, samples, floats * sizeof(float));
    c->kernels->fft_forward(fft, t.x, t.bins, work);
    memcpy(copy, t.bins, (n + 2) * LANES * sizeof(float));
    c->kernels->fft_inverse(fft, copy, t.back, work);
    free(work), free(copy);
    return t;
}

static void transformed_free(transformed *t) { free(t->x), free(t->bins), free(t->back); }

static void check_bin(const transformed *t, const float *samples, int n, int lane, int bin) {
    double re = 0, im = 0;
    for (int i = 0; i < n; i++) {
        const double angle = turn * (double)((long)bin * i % n) / n, x = samples[i * LANES + lane];
        re += x * cos(angle);
        im -= x * sin(angle);
    }
    assert_near(re, t->bins[(size_t)(2 * bin) * LANES + (size_t)lane], 1e-6 * n, "real part");
    assert_near(im, t->bins[(size_t)(2 * bin + 1) * LANES + (size_t)lane], 1e-6 * n, "imaginary part");
}

static void check_size(int n, bool edges) {
    ev_fft fft;
    ev_error err;
    if (ev_fft_plan(&fft, n, &err) != EV_OK) fail_msg("%d: %s", n, err.message);
    float *samples = alloc_floats((size_t)n * LANES);
    fill(samples, (size_t)n * LANES, edges);
    transformed expected = {0};
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        ev_compute c;
        if (!use_isa(&c, NULL, isa)) continue;
        transformed t = transform(&c, &fft, samples);
        if (isa == 0) {
            expected = t;
            continue;
        }
        assert_same(expected.bins, t.bins, (size_t)(n + 2) * LANES, isa_names[isa]);
        assert_same(expected.back, t.back, (size_t)n * LANES, isa_names[isa]);
        transformed_free(&t);
    }
    for (int k = 0; k < 24 && !edges; k++) {
        check_bin(&expected, samples, n, rng_int(0, LANES - 1), k < 2 ? k * n / 2 : rng_int(0, n / 2));
    }
    for (size_t i = 0; i < (size_t)n * LANES && !edges; i++) {
        assert_near(samples[i], expected.back[i] / n, 1e-6, "there and back");
    }
    transformed_free(&expected);
    free(samples);
    ev_fft_free(&fft);
}

static void test_fft(void **state) {
    (void)state;
    rng_state = 51;
    for (int n = 4; n <= EV_FFT_SIZE_MAX; n += 2) {
        if (smooth(n / 2) && (n <= 300 || n % 600 == 0 || n == 1024 || n == 4096 || n == 4050)) check_size(n, false);
    }
    check_size(1200, true);
    check_size(90, true);
}

static void test_refused_sizes(void **state) {
    (void)state;
    static const int sizes[] = {-4, 0, 1, 2, 3, 5, 9, 14, 22, 25, 1201, 1204, 4098, 8192, 1 << 30};
    ev_error err;
    for (size_t i = 0; i < EV_ARRAY_COUNT(sizes); i++) {
        ev_fft fft;
        ev_istft stft;
        assert_int_equal(ev_fft_plan(&fft, sizes[i], &err), EV_E_FORMAT);
        assert_int_equal(ev_istft_make(&stft, sizes[i], 5, &err), EV_E_FORMAT);
        assert_null(fft.twiddles);
    }
    ev_istft stft;
    assert_int_equal(ev_istft_make(&stft, 8, 4, &err), EV_E_FORMAT);
    assert_int_equal(ev_istft_make(&stft, 90, 4, &err), EV_E_FORMAT);
}

/* ---- pulses and bursts ---- */

/* splitmix64's finalizer, of variance one. */
static double noise_of(uint64_t seed, uint64_t index) {
    uint64_t z = seed * 0xd1342543de82ef95u + index * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return sqrt(3.0) * (int32_t)((z ^ (z >> 31)) >> 32) / 2147483648.0;
}

static double pulses_double(const ev_pulses *p, size_t i) {
    const double k = (double)(p->first + i), turns = p->start + (p->left + p->bend * k) * k / p->rate;
    double sum = 0;
    for (int h = 1; h < p->count; h++) sum += cos(turn * h * (turns - floor(turns)));
    return sum;
}

static double bursts_double(const ev_pulses *p, size_t i) {
    const double k = (double)(p->first + i), turns = p->start + (p->left + p->bend * k) * k / p->rate;
    return (1 + cos(turn * turns)) * sqrt(2.0 / 3) * noise_of(p->seed, ~(uint64_t)(p->number + i));
}

static void test_pulses(void **state) {
    (void)state;
    enum { COUNT = 157 };
    rng_state = 52;
    for (int i = 0; i < 300; i++) {
        const double f0 = 40 + 500.0 * (rng_float() + 1) + (i % 40 == 0 ? 12000 : 0);
        const ev_pulses p = {.start = (rng_float() + 1) / 2,
                             .left = f0,
                             .bend = rng_float() / 4,
                             .rate = 24000,
                             .first = (size_t)rng_int(0, 300),
                             .count = floor(11000 / f0) + 0.5,
                             .seed = ((uint64_t)rng_next() << 32) | rng_next(),
                             .number = (size_t)rng_int(0, 1 << 30)};
        const size_t n = (size_t)rng_int(1, COUNT);
        float expected[COUNT], y[COUNT + 1], bursts[COUNT], z[COUNT + 1];
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            ev_compute c;
            if (!use_isa(&c, NULL, isa)) continue;
            y[n] = z[n] = 7;
            ev_pulses_make(&c, &p, isa ? y : expected, isa ? z : bursts, n);
            if (isa) assert_same(expected, y, n, isa_names[isa]);
            if (isa) assert_same(bursts, z, n, isa_names[isa]);
            assert_true(y[n] == 7 && z[n] == 7);
            ev_pulses_make(&c, &p, y, NULL, n);
            assert_same(expected, y, n, isa_names[isa]);
        }
        /* a cosine's phase is known to 2^-24 turns; near its top the sum is taken for flat, to 2 % where it is widest
         */
        for (size_t k = 0; k < n; k++) {
            const double want = pulses_double(&p, k);
            assert_near(want, expected[k], want > 0.9 * p.count - 1 ? 0.1 * p.count : 2e-4 * p.count, "pulse");
            assert_near(bursts_double(&p, k), bursts[k], 1e-5, "burst");
        }
    }
}

/* ---- spectra to frames ---- */

typedef struct frames_case {
    ev_istft stft;
    ev_span spans[SPANS_MAX];
    uint64_t seeds[SPANS_MAX];
    size_t first[SPANS_MAX];
    size_t n, rows, ld;
    float *parts, *source_memory, *pulses, *bursts_memory, *bursts;
} frames_case;

/* What the windows read of a case's rows, from an odd address: at source[0] row 0's. */
static float *make_source(float **memory, size_t rows, size_t hop) {
    *memory = malloc((rows + 4) * hop * sizeof(float) + 4);
    fill(*memory, (rows + 4) * hop + 1, false);
    return *memory + 1 + 2 * hop;
}

static void frames_make(frames_case *k, int fft, int parts, int rows_max) {
    ev_error err;
    if (ev_istft_make(&k->stft, fft, parts, &err) != EV_OK) fail_msg("%s", err.message);
    const size_t hop = (size_t)k->stft.hop;
    k->n = random_spans(k->spans, SPANS_MAX, rows_max, 2, &k->rows);
    k->ld = ev_istft_width(&k->stft) + 16 * (size_t)rng_int(0, 1);
    k->parts = alloc_floats(k->rows * k->ld);
    fill(k->parts, k->rows * k->ld, false);
    for (size_t i = 0; i < k->rows * k->ld; i++) k->parts[i] *= 9; /* some beyond the loudest */
    k->pulses = make_source(&k->source_memory, k->rows, hop);
    k->bursts_memory = k->bursts = NULL;
    if (parts == EV_ISTFT_PARTS_BURSTS) k->bursts = make_source(&k->bursts_memory, k->rows, hop);
    for (size_t i = 0; i < k->n; i++) {
        k->seeds[i] = ((uint64_t)rng_next() << 32) | rng_next();
        k->first[i] = (size_t)rng_int(0, 5000);
    }
}

static void frames_free(frames_case *k) {
    ev_istft_free(&k->stft);
    free(k->parts), free(k->source_memory), free(k->bursts_memory);
}

/* Span by span from `begin` rows in, or all in one. */
static void frames_run(const frames_case *k, const ev_compute *c, float *y, size_t skip) {
    const int threads = c->pool ? ev_pool_threads(c->pool) : 1;
    float *scratch = alloc_floats(ev_istft_scratch(&k->stft, threads));
    ev_istft_args args = {.stft = &k->stft,
                          .parts = k->parts,
                          .ld = k->ld,
                          .pulses = k->pulses,
                          .bursts = k->bursts,
                          .y = y,
                          .seeds = k->seeds,
                          .first = k->first,
                          .scratch = scratch,
                          .spans = k->spans,
                          .span_count = k->n};
    if (!skip) ev_istft_run(c, &args);
    for (size_t s = 0; s < k->n && skip; s++) {
        for (size_t at = 0; at < k->spans[s].count; at += skip) {
            const size_t left = k->spans[s].count - at, first = k->first[s] + at;
            const ev_span piece = {k->spans[s].begin + at, left < skip ? left : skip};
            args.spans = &piece;
            args.first = &first;
            args.seeds = &k->seeds[s];
            args.span_count = 1;
            ev_istft_run(c, &args);
        }
    }
    free(scratch);
}

static float *frames_same(const frames_case *k) {
    const size_t fft = (size_t)k->stft.fft, floats = k->rows * fft;
    float *expected = NULL;
    for (int threads = 1; threads <= 3; threads += 2) {
        ev_pool *pool;
        assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
        for (int isa = 0; isa < ISA_COUNT; isa++) {
            ev_compute c;
            if (!use_isa(&c, pool, isa)) continue;
            float *y = alloc_output(k->rows, fft);
            frames_run(k, &c, y, threads == 3 && isa ? 7 : 0);
            if (expected) assert_same(expected, y, floats, isa_names[isa]);
            if (expected) free(y);
            if (!expected) expected = y;
        }
        ev_pool_free(&pool);
    }
    assert_guarded(expected, k->rows, fft, fft, k->spans, k->n);
    return expected;
}

static double loud(double x) { return exp(x < 7 ? x : 7); }

/* One bin of a windowed frame's transform, as [re, im]. */
static void transform_double(const frames_case *k, const float *source, size_t row, int bin, double *out) {
    const int fft = k->stft.fft;
    source += row * (size_t)k->stft.hop - (size_t)fft / 2;
    out[0] = out[1] = 0;
    for (int i = 0; i < fft; i++) {
        const double x = source[i] * (0.5 - 0.5 * cos(turn * i / fft)) * 4 / fft;
        const double angle = turn * (double)((long)bin * i % fft) / fft;
        out[0] += x * cos(angle);
        out[1] -= x * sin(angle);
    }
}

/* S of one bin, as [re, im]. */
static void bin_double(const frames_case *k, size_t span, size_t t, int bin, double *s) {
    const size_t row = k->spans[span].begin + t;
    double part[EV_ISTFT_PARTS_MAX], p[2], other[2];
    for (int j = 0; j < k->stft.parts; j++) part[j] = k->parts[row * k->ld + ev_istft_column(&k->stft, j, bin)];
    transform_double(k, k->pulses, row, bin, p);
    const double re = p[0], im = p[1];
    const double angle = turn / 2 * tanh(part[1]), size = loud(part[0]), rough = loud(part[2]);
    const uint64_t index = 2 * ((k->first[span] + t) * (uint64_t)k->stft.bins + (uint64_t)bin);
    s[0] = size * (cos(angle) * re - sin(angle) * im) + rough * noise_of(k->seeds[span], index);
    s[1] = size * (cos(angle) * im + sin(angle) * re) + rough * noise_of(k->seeds[span], index + 1);
    if (k->bursts) {
        transform_double(k, k->bursts, row, bin, other);
    } else {
        other[0] = cos(part[4]);
        other[1] = sin(part[4]);
    }
    s[0] += loud(part[3]) * other[0];
    s[1] += loud(part[3]) * other[1];
}

static void frame_formula(const frames_case *k, size_t span, size_t t, const float *y) {
    const int fft = k->stft.fft, half = fft / 2;
    double *s = malloc((size_t)k->stft.bins * 2 * sizeof *s);
    for (int bin = 0; bin <= half; bin++) bin_double(k, span, t, bin, s + 2 * bin);
    for (int i = 0; i < fft; i++) {
        double sum = s[0] + s[2 * half] * (i % 2 ? -1 : 1);
        for (int bin = 1; bin < half; bin++) {
            const double angle = turn * (double)((long)bin * i % fft) / fft;
            sum += 2 * (s[2 * bin] * cos(angle) - s[2 * bin + 1] * sin(angle));
        }
        const double want = sum / fft * (0.5 - 0.5 * cos(turn * i / fft)) / 1.5;
        assert_near(want, y[(k->spans[span].begin + t) * (size_t)fft + (size_t)i], 1e-6 * 1100 * 3, "frame");
    }
    free(s);
}

static void test_frames(void **state) {
    (void)state;
    static const int sizes[] = {1200, 1200, 240, 96, 100, 16, 36, 64, 400, 60};
    rng_state = 53;
    for (size_t i = 0; i < EV_ARRAY_COUNT(sizes); i++) {
        frames_case k;
        frames_make(&k, sizes[i], i % 2 ? 4 : 5, i ? 40 : 20);
        float *y = frames_same(&k);
        for (int j = 0; j < 3; j++) {
            const size_t span = rng_next() % k.n;
            frame_formula(&k, span, rng_next() % k.spans[span].count, y);
        }
        free(y);
        frames_free(&k);
    }
}

/* ---- overlap-add ---- */

static void test_overlap_add(void **state) {
    (void)state;
    rng_state = 54;
    size_t clipped = 0;
    for (int i = 0; i < 20; i++) {
        ev_istft stft;
        ev_error err;
        const int fft = 4 * (i % 2 ? 300 : 15);
        assert_int_equal(ev_istft_make(&stft, fft, 4, &err), EV_OK);
        const size_t hop = (size_t)stft.hop, width = (size_t)fft;
        ev_span spans[SPANS_MAX];
        size_t rows;
        const size_t n = random_spans(spans, SPANS_MAX, 40, 3, &rows);
        float *y = alloc_floats((rows + 4) * width), *out[SPANS_MAX];
        fill(y, (rows + 4) * width, false);
        for (size_t s = 0; s < n; s++) out[s] = alloc_output(spans[s].count + 1, hop);
        ev_pool *pool;
        assert_int_equal(ev_pool_create(&pool, 1 + i % 3, NULL), EV_OK);
        const ev_compute c = best_isa(pool);
        ev_overlap_add_run(&c, &stft, y + width, out, spans, n);
        for (size_t s = 0; s < n; s++) {
            for (size_t k = 0; k < spans[s].count * hop; k++) {
                const float *at = y + (spans[s].begin + k / hop) * width + k % hop; /* of the row before */
                const float sum = ((at[3 * hop] + at[width + 2 * hop]) + at[2 * width + hop]) + at[3 * width];
                const double over = fabs((double)sum) - 0.8, bent = 0.8 + over * 0.091 / (over + 0.091);
                const double want = over > 0 ? copysign(bent, (double)sum) : (double)sum;
                clipped += over > 0;
                if (fabs(want - (double)out[s][k]) > (over > 0 ? 1e-6 : 0))
                    fail_msg("sample %zu: %.9g, expected %.9g", k, (double)out[s][k], want);
            }
            assert_true(bits_of(out[s][spans[s].count * hop]) == CANARY);
            free(out[s]);
        }
        ev_pool_free(&pool);
        ev_istft_free(&stft);
        free(y);
    }
    assert_true(clipped > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fft), cmocka_unit_test(test_refused_sizes),
                                       cmocka_unit_test(test_pulses), cmocka_unit_test(test_frames),
                                       cmocka_unit_test(test_overlap_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
