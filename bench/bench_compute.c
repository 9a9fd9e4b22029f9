/* bench_compute: how fast the compute core's operations are, next to what the CPU could do.
 *
 *   bench_compute [-t threads] [-i ref|avx2|avx512] [-r runs] [-c] [name]     only cases whose name contains `name`
 *
 * Peak is measured first: fused multiply-adds on registers alone, all threads at once. Each case is a layer as the
 * models have it; its time is the median of the runs, "best" the fastest of them (on a machine that does other work
 * too, the better witness of what the code can do). -c counts CPU time, not wall time: for cases too long to go
 * undisturbed on such a machine; one thread only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/compute.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct options {
    int threads, runs;
    bool cpu_time;
    const char *isa, *filter;
} options;

/* ---- peak ---- */
enum { PEAK_LOOPS = 100000, PEAK_SUMS = 10, PEAK_TRIES = 100 };

#if defined(__x86_64__)
/* Starting sums are hidden from the compiler, or it leaves out those that it can foresee. */
#define PEAK_TASK(name, isa, vec, set1, fmadd)                                                                       \
    __attribute__((target(isa))) static void name(void *arg, size_t i) {                                             \
        vec s[PEAK_SUMS], x = set1(0.999f);                                                                          \
        for (int k = 0; k < PEAK_SUMS; k++) {                                                                        \
            s[k] = set1((float)k);                                                                                   \
            __asm__("" : "+x"(s[k]));                                                                                \
        }                                                                                                            \
        for (int n = 0; n < PEAK_LOOPS; n++) {                                                                       \
            PEAK_UNROLL for (int k = 0; k < PEAK_SUMS; k++) s[k] = fmadd(s[k], x, x);                                \
        }                                                                                                            \
        for (int k = 0; k < PEAK_SUMS; k++) __asm__ volatile("" : : "x"(s[k]));                                      \
        (void)arg, (void)i;                                                                                          \
    }
#if defined(__clang__)
#define PEAK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PEAK_UNROLL _Pragma("GCC unroll 16")
#endif
PEAK_TASK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
PEAK_TASK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
#endif

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure_peak(const ev_compute *c) {
    double lanes = 0;
    void (*task)(void *, size_t) = NULL;
#if defined(__x86_64__)
    if (strcmp(ev_compute_name(c), "avx512") == 0) task = peak_avx512, lanes = 16;
    if (strcmp(ev_compute_name(c), "avx2") == 0) task = peak_avx2, lanes = 8;
#endif
    if (!task) return ev_compute_peak_flops(c);
    int threads = ev_pool_threads(c->pool);
    double rates[PEAK_TRIES];
    for (int i = 0; i < PEAK_TRIES; i++) {
        double start = ev_clock_s();
        ev_pool_run(c->pool, (size_t)threads, task, NULL);
        rates[i] = 2 * lanes * PEAK_SUMS * PEAK_LOOPS * threads / (ev_clock_s() - start);
    }
    qsort(rates, PEAK_TRIES, sizeof(double), compare_doubles);
    return rates[PEAK_TRIES - 1 - PEAK_TRIES / 10]; /* not the very best: a clock may leap for a moment */
}

/* ---- timing ---- */
typedef struct bench {
    const char *name;
    double flops; /* of one call of run */
    void (*run)(const ev_compute *c, void *arg);
    void *arg;
} bench;

static double now(const options *o) {
    if (!o->cpu_time) return ev_clock_s();
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A run is as many calls as take a fifth of a millisecond: short, so that some runs go undisturbed. */
static void time_bench(const bench *b, const ev_compute *c, const options *o, double peak) {
    if (o->filter && !strstr(b->name, o->filter)) return;
    double *times = malloc((size_t)o->runs * sizeof(double));
    if (!times) abort();
    double start = now(o);
    b->run(c, b->arg);
    int calls = 1 + (int)(2e-4 / (now(o) - start));
    for (int i = 0; i < o->runs; i++) {
        start = now(o);
        for (int k = 0; k < calls; k++) b->run(c, b->arg);
        times[i] = (now(o) - start) / calls;
    }
    qsort(times, (size_t)o->runs, sizeof(double), compare_doubles);
    double median = times[o->runs / 2], best = times[0];
    printf("%-34s %10.1f us %8.1f GFLOP/s %5.1f %%   best %8.1f GFLOP/s %5.1f %%\n", b->name, median * 1e6,
           b->flops / median * 1e-9, 100 * b->flops / median / peak, b->flops / best * 1e-9,
           100 * b->flops / best / peak);
    fflush(stdout);
    free(times);
}

static float *numbers(size_t n) {
    float *p = ev_aligned_alloc(n * sizeof(float));
    if (!p) abort();
    for (size_t i = 0; i < n; i++) p[i] = (float)((i * 7919) % 1009) / 1009.0f - 0.5f;
    return p;
}

/* ---- convolutions ---- */
typedef struct layer {
    int ci, co, taps, dilation;
    size_t rows;
    ev_act act;
    bool residual;
    const char *note;
} layer;

typedef enum weights { FLOATS, INT8, WINOGRAD } weights;

static void run_conv(const ev_compute *c, void *arg) { ev_conv_run(c, arg); }

static void bench_layer(const layer *l, weights as, const ev_compute *c, const options *o, double peak) {
    size_t margin = (size_t)(l->taps * l->dilation), ld = (size_t)l->ci;
    ev_conv conv;
    float *w = numbers((size_t)(l->co * l->ci * l->taps)), *memory = numbers((l->rows + 2 * margin) * ld);
    if (ev_conv_pack(&conv, w, NULL, l->co, l->ci, l->taps, NULL)) abort();
    if (as == INT8 && ev_conv_quantize(&conv, NULL)) abort();
    if (as == WINOGRAD && ev_conv_winograd(&conv, NULL)) abort();
    size_t width = (size_t)conv.co_blocks * 16;
    float *y = numbers(l->rows * width), *residual = numbers(l->rows * width);
    float *scratch = numbers(ev_conv_scratch(&conv, l->dilation, ev_pool_threads(c->pool)));
    ev_span span = {0, l->rows};
    ev_conv_args args = {.conv = &conv,
                         .x = memory + margin * ld,
                         .ldx = ld,
                         .tap_offset = -(l->taps - 1) / 2 * l->dilation,
                         .dilation = l->dilation,
                         .y = y,
                         .ldy = width,
                         .residual = l->residual ? residual : NULL,
                         .ldr = width,
                         .act = l->act,
                         .slope = 0.1f,
                         .scale = 1,
                         .spans = &span,
                         .span_count = 1,
                         .scratch = scratch};
    char name[128];
    snprintf(name, sizeof(name), "conv %dx%d k%d d%d T%zu%s%s", l->ci, l->co, l->taps, l->dilation, l->rows,
             l->note ? " " : "", l->note ? l->note : "");
    bench b = {name, 2.0 * l->co * l->ci * l->taps * (double)l->rows, run_conv, &args};
    time_bench(&b, c, o, peak);
    ev_conv_free(&conv);
    free(w), free(memory), free(y), free(residual), free(scratch);
}

static void bench_layers(const ev_compute *c, const options *o, double peak) {
    static const int channels[] = {256, 128, 64, 32, 16}, taps[] = {3, 7, 11};
    for (size_t i = 0; i < EV_ARRAY_COUNT(channels); i++)
        for (size_t k = 0; k < EV_ARRAY_COUNT(taps); k++) {
            int ch = channels[i];
            layer l = {ch, ch, taps[k], 1, 96000 / (size_t)ch, EV_ACT_LRELU, true, NULL}; /* 3 x 375 KiB */
            bench_layer(&l, FLOATS, c, o, peak);
        }
    static const layer others[] = {
        {64, 64, 11, 5, 1500, EV_ACT_LRELU, true, "dilated"},
        {32, 32, 3, 1, 176400, EV_ACT_LRELU, true, "8 s, not in cache"},
        {16, 16, 3, 1, 16000, EV_ACT_LRELU, true, "1 s, 3 MB"},
        {192, 768, 9, 1, 30, EV_ACT_RELU, false, "FFN, 30 phones"},
        {192, 768, 9, 1, 60, EV_ACT_RELU, false, "FFN, 60 phones"},
        {192, 768, 9, 1, 256, EV_ACT_RELU, false, "FFN, 4 s"},
        {768, 192, 1, 1, 256, EV_ACT_NONE, true, "FFN out"},
        {192, 576, 1, 1, 256, EV_ACT_NONE, false, "q k v"},
        {192, 80, 1, 1, 256, EV_ACT_NONE, false, "to mel"},
        {80, 512, 7, 1, 256, EV_ACT_LRELU, false, "vocoder in"},
        {192, 192, 1, 1, 1, EV_ACT_NONE, false, "one row"},
        {64, 64, 3, 1, 1500, EV_ACT_GELU, false, "gelu"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(others); i++) bench_layer(&others[i], FLOATS, c, o, peak);
    static const layer both[] = {
        /* of the default voice, in float and quantised */
        {256, 384, 1, 1, 240, EV_ACT_GELU, false, "vocoder up"},
        {384, 256, 1, 1, 240, EV_ACT_NONE, true, "vocoder down"},
        {256, 2416, 1, 1, 240, EV_ACT_NONE, false, "vocoder head"},
        {130, 256, 7, 1, 240, EV_ACT_NONE, false, "vocoder in"},
        {192, 576, 1, 1, 60, EV_ACT_NONE, false, "q k v"},
        {192, 384, 1, 1, 60, EV_ACT_GELU, false, "text up"},
    };
    for (size_t i = 0; i < 2 * EV_ARRAY_COUNT(both); i++) {
        layer l = both[i / 2];
        char note[64];
        snprintf(note, sizeof note, "%s, %s", l.note, i % 2 ? "int8" : "float");
        l.note = note;
        bench_layer(&l, i % 2 ? INT8 : FLOATS, c, o, peak);
    }
    static const int sizes[][4] = {{256, 3, 1, 1000}, {256, 7, 3, 1000},  {256, 11, 5, 1000}, {128, 3, 1, 8000},
                                   {128, 7, 1, 8000}, {128, 11, 1, 8000}, {64, 7, 1, 16000},  {64, 11, 1, 16000}};
    for (size_t i = 0; i < 2 * EV_ARRAY_COUNT(sizes); i++) { /* of HiFi-GAN V1, two seconds */
        const int *k = sizes[i / 2];
        layer l = {k[0], k[0], k[1], k[2], (size_t)k[3], EV_ACT_NONE, true, i % 2 ? "Winograd" : "as written"};
        bench_layer(&l, i % 2 ? WINOGRAD : FLOATS, c, o, peak);
    }
}

/* ---- the rest; the operations counted are the products, or one per element where there are none ---- */
enum { CHANNELS = 192, ROWS = 400, TOKENS = 50, HEADS = 2 };

typedef struct rest {
    ev_upconv up;
    ev_conv_single_output conv_single_output;
    float *x, *y, *z, *scratch, *centre;
    ev_span rows, tokens, steps;
} rest;

static void run_upconv(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_upconv_run(c, &r->up, r->x + 2000, 128, r->y, r->z, NULL, 0.1f, &r->rows, 1);
}
static void run_conv_single_output(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_conv_single_output_run(c, &r->conv_single_output, r->x + 2000, 32, -3, r->y, EV_ACT_TANH, &r->steps, 1);
}
static void run_norm(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_layer_norm_run(c, r->x, CHANNELS, r->y, CHANNELS, CHANNELS, r->z, r->z, 1e-5f, &r->rows, 1);
}
static void run_attention(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_attention_run(c, r->x, r->x + CHANNELS, r->x + 2 * CHANNELS, 3 * CHANNELS, r->y, CHANNELS, HEADS,
                     CHANNELS / HEADS, r->scratch, &r->rows, 1);
}
static void run_upsample(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_upsample_run(c, r->x, CHANNELS, r->centre, 0.1f, r->y, CHANNELS, CHANNELS, &r->tokens, &r->rows, 1);
}
static void run_axpby(const ev_compute *c, void *arg) {
    rest *r = arg;
    ev_axpby_run(c, r->x, CHANNELS, 0.5f, r->z, CHANNELS, 0.5f, r->y, CHANNELS, CHANNELS, &r->rows, 1);
}

static void bench_rest(const ev_compute *c, const options *o, double peak) {
    size_t floats = 16000 * 64;
    rest r = {.rows = {0, ROWS}, .tokens = {0, TOKENS}, .steps = {0, 16000}};
    r.x = numbers(floats), r.y = numbers(floats), r.z = numbers(floats), r.centre = numbers(TOKENS);
    r.scratch = numbers(ev_attention_scratch(ROWS, HEADS, CHANNELS / HEADS, o->threads));
    for (int i = 0; i < TOKENS; i++) r.centre[i] = 8.0f * (float)i + 4;
    if (ev_upconv_pack(&r.up, r.x, NULL, 128, 64, 16, 8, NULL)) abort();
    if (ev_conv_single_output_pack(&r.conv_single_output, r.x, 0, 32, 7, NULL)) abort();
    double element = (double)CHANNELS * ROWS;
    const bench benches[] = {
        {"upconv 128x64 k16 s8 T400", 2.0 * 128 * 64 * 16 * ROWS, run_upconv, &r},
        {"conv_single_output 32 k7 T16000 tanh", 2.0 * 32 * 7 * 16000, run_conv_single_output, &r},
        {"layer norm 192 T400", 8 * element, run_norm, &r},
        {"attention 2 heads of 96 T400", 4 * element * ROWS, run_attention, &r},
        {"upsample 192, 50 to 400", 2 * element * 5, run_upsample, &r},
        {"axpby 192 T400", 3 * element, run_axpby, &r},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(benches); i++) time_bench(&benches[i], c, o, peak);
    ev_upconv_free(&r.up);
    ev_conv_single_output_free(&r.conv_single_output);
    free(r.x), free(r.y), free(r.z), free(r.scratch), free(r.centre);
}

static bool parse(options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "-t") == 0 && more)
            o->threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "-r") == 0 && more)
            o->runs = atoi(argv[++i]);
        else if (strcmp(argv[i], "-i") == 0 && more)
            o->isa = argv[++i];
        else if (strcmp(argv[i], "-c") == 0)
            o->cpu_time = true;
        else if (argv[i][0] != '-' && !o->filter)
            o->filter = argv[i];
        else
            return false;
    }
    return o->threads >= 1 && o->runs >= 1 && (!o->cpu_time || o->threads == 1);
}

int main(int argc, char **argv) {
    options o = {.threads = ev_cores_available(), .runs = 101};
    if (!parse(&o, argc, argv)) {
        fprintf(stderr, "usage: bench_compute [-t threads] [-i ref|avx2|avx512] [-r runs] [-c] [name]\n");
        return 2;
    }
    if (o.isa && strcmp(o.isa, "ref") == 0) ev_cpu_mask(0);
    if (o.isa && strcmp(o.isa, "avx2") == 0) ev_cpu_mask(EV_CPU_AVX2);
    ev_pool *pool;
    if (ev_pool_create(&pool, o.threads, NULL)) return 1;
    ev_compute c;
    ev_compute_init(&c, pool);
    double peak = measure_peak(&c);
    printf("%s, %d threads, peak %.1f GFLOP/s, conv kernel on first-level cache %.1f\n", ev_compute_name(&c),
           o.threads, peak * 1e-9, ev_compute_peak_flops(&c) * 1e-9);
    bench_layers(&c, &o, peak);
    bench_rest(&c, &o, peak);
    ev_pool_free(&pool);
    return 0;
}
