/* compute_test: what the compute tests share. Numbers from a fixed generator; grids of rows with gaps, whose memory
 * beyond what an operation may touch is guarded; every instruction set that the CPU allows; comparison of bytes. */
#ifndef EV_COMPUTE_TEST_H
#define EV_COMPUTE_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/compute.h"

/* ---- numbers ---- */
static uint64_t rng_state = 1;

static inline uint32_t rng_next(void) {
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng_state >> 33);
}
static inline int rng_int(int low, int high) { return low + (int)(rng_next() % (uint32_t)(high - low + 1)); }
static inline float rng_float(void) { return (float)rng_next() / 1073741824.0f - 1.0f; } /* -1 .. 1 */
static inline bool rng_chance(int one_in) { return rng_next() % (uint32_t)one_in == 0; }

/* Mostly plain numbers; sometimes zeros of both signs, tiny, denormal, large ones. */
static inline float rng_edge(void) {
    static const float edges[] = {0.0f,   -0.0f,   1.0f,  -1.0f,  1e-30f, -1e-38f,
                                  1e-41f, -3e-45f, 1e15f, -1e18f, 88.0f,  -104.0f};
    return rng_chance(4) ? edges[rng_next() % EV_ARRAY_COUNT(edges)] : rng_float();
}
static inline void fill(float *x, size_t n, bool edges) {
    for (size_t i = 0; i < n; i++) x[i] = edges ? rng_edge() : rng_float();
}

/* ---- memory ---- */
static inline float *alloc_floats(size_t n) {
    float *p = ev_aligned_alloc((n ? n : 1) * sizeof(float));
    assert_non_null(p);
    return p;
}
static const uint32_t CANARY = 0x7fc0dead; /* a NaN that no computation makes */

static inline uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof(u));
    return u;
}

/* An output of `rows` rows of `ld` floats, all canaries. */
static inline float *alloc_output(size_t rows, size_t ld) {
    float *y = alloc_floats(rows * ld);
    for (size_t i = 0; i < rows * ld; i++) memcpy(&y[i], &CANARY, sizeof(CANARY));
    return y;
}

/* An input: rows [-margin, rows + margin) of exactly ld floats, starting one float off any alignment and ending with
 * the allocation, so that a sanitizer sees a read beyond it. Only the first `width` floats of rows of spans hold
 * numbers; the rest of these rows is NaN, gaps are zero. */
typedef struct grid {
    float *memory, *x; /* x: row 0 */
    size_t ld, width, margin, rows;
} grid;

static inline grid grid_make(size_t rows, size_t margin, size_t width, size_t ld, const ev_span *spans, size_t n,
                             bool edges) {
    size_t floats = (rows + 2 * margin) * ld;
    grid g = {
        .memory = malloc((floats + 1) * sizeof(float)), .ld = ld, .width = width, .margin = margin, .rows = rows};
    assert_non_null(g.memory);
    g.x = g.memory + 1 + margin * ld;
    memset(g.memory, 0, (floats + 1) * sizeof(float));
    for (size_t s = 0; s < n; s++)
        for (size_t t = spans[s].begin; t < spans[s].begin + spans[s].count; t++) {
            fill(g.x + t * ld, width, edges);
            for (size_t c = width; c < ld; c++) g.x[t * ld + c] = NAN;
        }
    return g;
}

/* Up to `most` spans of 1 .. rows_max rows with gaps of at least `gap`; returns how many, *rows the axis's length. */
static inline size_t random_spans(ev_span *spans, int most, int rows_max, int gap, size_t *rows) {
    size_t n = (size_t)rng_int(1, most), at = (size_t)rng_int(0, 3);
    for (size_t s = 0; s < n; s++) {
        spans[s] = (ev_span){at, (size_t)rng_int(1, rows_max)};
        at += spans[s].count + (size_t)rng_int(gap, gap + 2);
    }
    *rows = at;
    return n;
}

/* ---- instruction sets ---- */
static const unsigned isa_masks[] = {0, EV_CPU_AVX2, EV_CPU_AVX2 | EV_CPU_AVX512,
                                     EV_CPU_AVX2 | EV_CPU_AVX512 | EV_CPU_AVX512_VNNI};
static const char *const isa_names[] = {"ref", "avx2", "avx512", "avx512"};
enum { ISA_COUNT = 4 };

/* False if this CPU lacks it. */
static inline bool use_isa(ev_compute *c, ev_pool *pool, int isa) {
    ev_cpu_mask(isa_masks[isa]);
    ev_compute_init(c, pool);
    ev_cpu_mask(~0u);
    return strcmp(ev_compute_name(c), isa_names[isa]) == 0;
}
static inline ev_compute best_isa(ev_pool *pool) {
    ev_compute c;
    ev_cpu_mask(~0u);
    ev_compute_init(&c, pool);
    return c;
}

/* ---- comparison ---- */
/* Equal bytes, but any NaN equals any NaN unless one is a canary: which of two NaNs an instruction returns is its own
 * affair. */
static inline bool same_float(float a, float b) {
    uint32_t ua = bits_of(a), ub = bits_of(b);
    return ua == ub || (isnan(a) && isnan(b) && ua != CANARY && ub != CANARY);
}
static inline void assert_same(const float *a, const float *b, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!same_float(a[i], b[i]))
            fail_msg("%s: element %zu: %.9g, expected %.9g", what, i, (double)b[i], (double)a[i]);
}
/* Canaries everywhere but in the first `width` floats of the spans' rows, and none there. */
static inline void assert_guarded(const float *y, size_t rows, size_t ld, size_t width, const ev_span *spans,
                                  size_t n) {
    for (size_t t = 0, s = 0; t < rows; t++) {
        while (s < n && t >= spans[s].begin + spans[s].count) s++;
        bool inside = s < n && t >= spans[s].begin;
        for (size_t c = 0; c < ld; c++)
            if ((bits_of(y[t * ld + c]) != CANARY) != (inside && c < width))
                fail_msg("row %zu, channel %zu: %s", t, c,
                         inside && c < width ? "not written" : "must not be written");
    }
}
static inline void assert_near(double expected, double got, double tolerance, const char *what) {
    if (!(fabs(expected - got) <= tolerance))
        fail_msg("%s: %.9g, expected %.9g within %.3g", what, got, expected, tolerance);
}

/* In double, for the naive formulas. */
static inline double act_double(double x, ev_act act, double slope) {
    switch (act) {
    case EV_ACT_NONE: return x;
    case EV_ACT_RELU: return x < 0 ? 0 : x;
    case EV_ACT_LRELU: return x < 0 ? slope * x : x;
    case EV_ACT_GELU: return x / 2 * (1 + erf(x / sqrt(2.0)));
    case EV_ACT_TANH: return tanh(x);
    case EV_ACT_SIGMOID: return 1 / (1 + exp(-x));
    }
    return x;
}

#endif
