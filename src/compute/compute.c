/* compute: picks the kernels, checks what callers give, and hands rows of spans to the kernels by way of split.c.
 * Attention has a file of its own. START HERE: ev_compute_init, then ev_conv_run, which carries almost all work. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "compute/kernels.h"

void ev_compute_init(ev_compute *c, ev_pool *pool) {
    *c = (ev_compute){.kernels = &ev_kernels_ref, .pool = pool};
#if defined(__x86_64__)
    unsigned flags = ev_cpu_flags();
    if (!(flags & EV_CPU_AVX2)) return;
    c->kernels = &ev_kernels_avx2;
    if (!(flags & EV_CPU_AVX512)) return;
    c->kernels = flags & EV_CPU_AVX512_VNNI ? &ev_kernels_avx512_vnni : &ev_kernels_avx512;
#endif
}

const char *ev_compute_name(const ev_compute *c) { return c->kernels->name; }

static const float *row_at(const float *x, size_t ld, size_t row, int offset) {
    return x + ((ptrdiff_t)row + offset) * (ptrdiff_t)ld;
}

/* An output: 64-byte aligned, rows of a multiple of 16 floats that hold `width`. */
static bool is_output(const float *y, size_t ld, size_t width) {
    return (uintptr_t)y % 64 == 0 && ld % 16 == 0 && ld >= width;
}

/* ---- conv ---- */
/* Output blocks [begin, end) of part p: in pairs, the width that the kernels like best. */
static int part_begin(int blocks, int part, int parts) {
    assert(blocks >= 1 && part >= 0 && part <= parts);
    int pairs = (blocks + 1) / 2, begin = 2 * (int)((long)pairs * part / parts);
    return begin < blocks ? begin : blocks;
}

static void conv_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const ev_conv_args *a = args;
    const ev_conv *conv = a->conv;
    int begin = part_begin(conv->co_blocks, piece->part, piece->parts);
    int end = part_begin(conv->co_blocks, piece->part + 1, piece->parts);
    assert(begin <= end && end <= conv->co_blocks && piece->rows > 0);
    size_t row = a->spans[piece->span].begin + piece->first, channel = (size_t)begin * 16;
    size_t w_step = (size_t)conv->taps * (size_t)conv->ci * 16;
    const float *bias = a->span_bias ? a->span_bias[piece->span] : conv->bias;
    ev_tile tile = {
        .x = row_at(a->x, a->ldx, row, a->tap_offset),
        .ldx = a->ldx,
        .tap_step = (size_t)a->dilation * a->ldx,
        .w = conv->w ? conv->w + (size_t)begin * w_step : NULL,
        .w16 = conv->w16 ? conv->w16 + (size_t)begin * w_step : NULL,
        .w_step = w_step,
        .taps = conv->taps,
        .ci = conv->ci,
        .w8 = conv->w8 ? conv->w8 + channel * (size_t)conv->inputs8 : NULL,
        .scale8 = conv->w8 ? conv->scale8 + channel : NULL,
        .offset8 = conv->w8 ? conv->offset8 + channel : NULL,
        .inputs8 = conv->inputs8,
        .bias = bias + channel,
        .gain = a->gain ? a->gain + channel : NULL,
        .shift = a->gain ? a->shift + channel : NULL,
        .residual = a->residual ? a->residual + row * a->ldr + channel : NULL,
        .residual2 = a->residual2 ? a->residual2 + row * a->ldr2 + channel : NULL,
        .y = a->y ? a->y + row * a->ldy + channel : NULL,
        .y2 = a->y2 ? a->y2 + row * a->ldy2 + channel : NULL,
        .ldy = a->ldy,
        .ldy2 = a->ldy2,
        .ldr = a->ldr,
        .ldr2 = a->ldr2,
        .act = a->act,
        .act2 = a->act2,
        .slope = a->slope,
        .slope2 = a->slope2,
        .scale = a->scale,
    };
    if (end > begin) (conv->w8 ? kernels->conv8 : kernels->conv)(&tile, piece->rows, end - begin);
}

static void check_conv(const ev_conv_args *a) {
    assert(a->conv && (a->conv->w || a->conv->w16 || a->conv->w8 || a->conv->winograd) && a->x && (a->y || a->y2) &&
           a->dilation >= 1);
    size_t width = (size_t)a->conv->co_blocks * 16;
    assert(!a->y || is_output(a->y, a->ldy, width));
    assert(!a->y2 || is_output(a->y2, a->ldy2, width));
    assert(!a->gain == !a->shift);
    assert(!a->residual || a->ldr >= width);
    assert(!a->residual2 || a->ldr2 >= width);
    (void)width;
}

/* A task reads its input rows once per panel of weights: they should stay in a part of a second-level cache of 1 MB,
 * beside the panel. Weights that do not fit there are worth reading only for many rows at a time. */
void ev_conv_run(const ev_compute *c, const ev_conv_args *args) {
    check_conv(args);
    const ev_conv *conv = args->conv;
    if (conv->winograd) {
        ev_winograd_run(c, args);
        return;
    }
    size_t cache_floats = 384 * 1024 / sizeof(float), width = (size_t)conv->co_blocks * 16;
    double row_cost = (double)conv->taps * conv->ci * (double)width / (conv->w8 ? 4 : 1);
    size_t rows_max = cache_floats / (size_t)conv->ci;
    ev_rows_job job = {
        .fn = conv_rows,
        .args = args,
        .spans = args->spans,
        .span_count = args->span_count,
        .row_cost = row_cost,
        .parts_max = (conv->co_blocks + 1) / 2,
        .rows_min = row_cost > (double)cache_floats ? 96 : 24,
        .rows_max = rows_max < 96 ? 96 : rows_max,
    };
    ev_run_rows(c, &job);
}

void ev_upconv_run(const ev_compute *c, const ev_upconv *up, const float *x, size_t ldx, float *y, float *y2,
                   const float *residual, float slope2, const ev_span *spans, size_t span_count) {
    assert(up->co % 16 == 0 && up->stride >= 1 && up->part_count >= 1 && up->part_count <= 2);
    size_t ld = (size_t)up->co * (size_t)up->stride;
    for (int i = 0; i < up->part_count; i++) {
        size_t column = (size_t)up->part[i].phase * (size_t)up->co;
        ev_conv_args args = {
            .conv = &up->part[i].conv,
            .x = x,
            .ldx = ldx,
            .tap_offset = up->part[i].tap_offset,
            .dilation = 1,
            .y = y ? y + column : NULL,
            .ldy = ld,
            .y2 = y2 ? y2 + column : NULL,
            .ldy2 = ld,
            .residual = residual ? residual + column : NULL,
            .ldr = ld,
            .act2 = EV_ACT_LRELU,
            .slope2 = slope2,
            .scale = 1.0f,
            .spans = spans,
            .span_count = span_count,
        };
        ev_conv_run(c, &args);
    }
}

/* ---- conv to one channel ---- */
typedef struct conv_single_output_args {
    const ev_conv_single_output *conv;
    const float *x;
    size_t ldx;
    int tap_offset;
    float *y;
    ev_act act;
    const ev_span *spans;
} conv_single_output_args;

static void conv_single_output_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const conv_single_output_args *a = args;
    size_t row = a->spans[piece->span].begin + piece->first;
    kernels->conv_single_output(a->conv, row_at(a->x, a->ldx, row, a->tap_offset), a->ldx, a->y + row, a->act,
                                piece->rows);
}

void ev_conv_single_output_run(const ev_compute *c, const ev_conv_single_output *conv, const float *x, size_t ldx,
                               int tap_offset, float *y, ev_act act, const ev_span *spans, size_t span_count) {
    assert(conv->w && x && y && act != EV_ACT_LRELU);
    conv_single_output_args args = {conv, x, ldx, tap_offset, y, act, spans};
    double row_cost = 2.0 * conv->taps * (double)ev_round16((size_t)conv->ci) + 1000;
    ev_rows_job job = {.fn = conv_single_output_rows,
                       .args = &args,
                       .spans = spans,
                       .span_count = span_count,
                       .row_cost = row_cost,
                       .parts_max = 1,
                       .rows_min = 64};
    ev_run_rows(c, &job);
}

/* ---- depthwise convolution ---- */
typedef struct depthwise_args {
    const ev_depthwise *conv;
    const float *x;
    size_t ldx, ldy;
    int tap_offset, dilation;
    float *y;
    const ev_span *spans;
} depthwise_args;

static void depthwise_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const depthwise_args *a = args;
    size_t row = a->spans[piece->span].begin + piece->first;
    kernels->depthwise(a->conv, row_at(a->x, a->ldx, row, a->tap_offset), a->ldx, (size_t)a->dilation * a->ldx,
                       a->y + row * a->ldy, a->ldy, piece->rows);
}

void ev_depthwise_run(const ev_compute *c, const ev_depthwise *conv, const float *x, size_t ldx, int tap_offset,
                      int dilation, float *y, size_t ldy, const ev_span *spans, size_t span_count) {
    assert(conv->w && x && y && x != y && dilation >= 1 && is_output(y, ldy, (size_t)conv->channels));
    depthwise_args args = {conv, x, ldx, ldy, tap_offset, dilation, y, spans};
    ev_rows_job job = {.fn = depthwise_rows,
                       .args = &args,
                       .spans = spans,
                       .span_count = span_count,
                       .row_cost = 2.0 * conv->taps * conv->channels,
                       .parts_max = 1,
                       .rows_min = 24};
    ev_run_rows(c, &job);
}

/* ---- layer norm, axpby, upsample: a few passes over each row ---- */
typedef struct row_args {
    const float *x, *z, *gamma, *beta;
    float *y;
    size_t ldx, ldz, ldy, ld_affine; /* ld_affine: from one span's gamma and beta to the next's */
    int channels;
    float a, b, eps, delta;
    const ev_span *spans, *in_spans; /* in_spans, centre: upsample; spans are those of y */
    const float *centre;
} row_args;

static void run_row_op(const ev_compute *c, ev_rows_fn fn, const row_args *args, size_t span_count, double row_cost) {
    assert(args->x && args->y && args->channels >= 1);
    ev_rows_job job = {.fn = fn,
                       .args = args,
                       .spans = args->spans,
                       .span_count = span_count,
                       .row_cost = row_cost,
                       .parts_max = 1,
                       .rows_min = 24};
    ev_run_rows(c, &job);
}

static void layer_norm_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const row_args *a = args;
    size_t row = a->spans[piece->span].begin + piece->first;
    size_t affine = piece->span * a->ld_affine;
    kernels->layer_norm(a->x + row * a->ldx, a->ldx, a->y + row * a->ldy, a->ldy, a->channels, a->gamma + affine,
                        a->beta + affine, a->eps, piece->rows);
}

void ev_layer_norm_run(const ev_compute *c, const float *x, size_t ldx, float *y, size_t ldy, int channels,
                       const float *gamma, const float *beta, float eps, const ev_span *spans, size_t span_count) {
    ev_layer_norm_spans_run(c, x, ldx, y, ldy, channels, gamma, beta, 0, eps, spans, span_count);
}

void ev_layer_norm_spans_run(const ev_compute *c, const float *x, size_t ldx, float *y, size_t ldy, int channels,
                             const float *gamma, const float *beta, size_t ld, float eps, const ev_span *spans,
                             size_t span_count) {
    row_args args = {.x = x,
                     .ldx = ldx,
                     .y = y,
                     .ldy = ldy,
                     .ld_affine = ld,
                     .channels = channels,
                     .gamma = gamma,
                     .beta = beta,
                     .eps = eps,
                     .spans = spans};
    assert(is_output(y, ldy, (size_t)channels) && gamma && beta);
    assert(ld == 0 || ld >= (size_t)channels);
    run_row_op(c, layer_norm_rows, &args, span_count, 10.0 * channels + 1000);
}

static void axpby_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const row_args *a = args;
    size_t row = a->spans[piece->span].begin + piece->first;
    kernels->axpby(a->x + row * a->ldx, a->ldx, a->a, a->z ? a->z + row * a->ldz : NULL, a->ldz, a->b,
                   a->y + row * a->ldy, a->ldy, a->channels, piece->rows);
}

void ev_axpby_run(const ev_compute *c, const float *x, size_t ldx, float a, const float *z, size_t ldz, float b,
                  float *y, size_t ldy, int channels, const ev_span *spans, size_t span_count) {
    row_args args = {.x = x,
                     .ldx = ldx,
                     .a = a,
                     .z = z,
                     .ldz = ldz,
                     .b = b,
                     .y = y,
                     .ldy = ldy,
                     .channels = channels,
                     .spans = spans};
    run_row_op(c, axpby_rows, &args, span_count, 4.0 * channels);
}

static void upsample_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    const row_args *a = args;
    ev_span in = a->in_spans[piece->span];
    assert(in.count > 0);
    ev_upsample_tile tile = {
        .x = a->x + in.begin * a->ldx,
        .ldx = a->ldx,
        .centre = a->centre + in.begin,
        .tokens = in.count,
        .out = a->y + (a->spans[piece->span].begin + piece->first) * a->ldy,
        .ldo = a->ldy,
        .first = piece->first,
        .delta = a->delta,
        .channels = a->channels,
    };
    kernels->upsample(&tile, piece->rows);
}

void ev_upsample_run(const ev_compute *c, const float *x, size_t ldx, const float *centre, float delta, float *out,
                     size_t ldo, int channels, const ev_span *in_spans, const ev_span *out_spans, size_t span_count) {
    row_args args = {.x = x,
                     .ldx = ldx,
                     .centre = centre,
                     .delta = delta,
                     .y = out,
                     .ldy = ldo,
                     .channels = channels,
                     .spans = out_spans,
                     .in_spans = in_spans};
    assert(is_output(out, ldo, (size_t)channels) && centre);
    assert(in_spans || !span_count);
    run_row_op(c, upsample_rows, &args, span_count, 10.0 * channels + 4000);
}

/* ---- gaps ---- */
void ev_zero_gaps(float *x, size_t ld, size_t margin, size_t rows, const ev_span *spans, size_t span_count) {
    ptrdiff_t at = -(ptrdiff_t)margin, end = (ptrdiff_t)(rows + margin), step = (ptrdiff_t)ld;
    for (size_t s = 0; s <= span_count; s++) {
        ptrdiff_t next = s < span_count ? (ptrdiff_t)spans[s].begin : end;
        assert(next >= at); /* ascending, inside */
        memset(x + at * step, 0, (size_t)(next - at) * ld * sizeof(float));
        if (s < span_count) at = next + (ptrdiff_t)spans[s].count;
    }
}

/* ---- the peak that the conv kernel reaches ---- */
enum { PEAK_ROWS = 24, PEAK_CI = 64, PEAK_BLOCKS = 2, PEAK_REPEATS = 400, PEAK_TRIES = 10 };

typedef struct peak_args {
    const ev_kernels *kernels;
    const ev_tile *tile;
} peak_args;

/* Every task writes its own copy of the output, on its stack. */
static void peak_task(void *arg, size_t i) {
    (void)i;
    const peak_args *a = arg;
    _Alignas(64) float y[PEAK_ROWS * PEAK_BLOCKS * 16];
    ev_tile tile = *a->tile;
    tile.y = y;
    for (int repeat = 0; repeat < PEAK_REPEATS; repeat++) a->kernels->conv(&tile, PEAK_ROWS, PEAK_BLOCKS);
}

double ev_compute_peak_flops(const ev_compute *c) {
    static const float x[PEAK_ROWS * PEAK_CI], w[PEAK_BLOCKS * PEAK_CI * 16], bias[PEAK_BLOCKS * 16];
    ev_tile tile = {.x = x,
                    .ldx = PEAK_CI,
                    .tap_step = PEAK_CI,
                    .w = w,
                    .w_step = PEAK_CI * 16,
                    .taps = 1,
                    .ci = PEAK_CI,
                    .bias = bias,
                    .ldy = PEAK_BLOCKS * 16,
                    .scale = 1.0f};
    peak_args args = {c->kernels, &tile};
    int threads = ev_compute_threads(c);
    double best = 0, flops = 2.0 * PEAK_ROWS * PEAK_CI * PEAK_BLOCKS * 16 * PEAK_REPEATS * threads;
    for (int i = 0; i < PEAK_TRIES; i++) {
        double start = ev_clock_s();
        if (threads > 1)
            ev_pool_run(c->pool, (size_t)threads, peak_task, &args);
        else
            peak_task(&args, 0);
        double rate = flops / (ev_clock_s() - start);
        if (rate > best) best = rate;
    }
    return best;
}
