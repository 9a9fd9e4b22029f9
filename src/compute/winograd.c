/* winograd: convolutions of three taps and more by F(2, 3) of Winograd 1980 (Lavin and Gray 2016, arXiv 1509.09308):
 * of two rows at a time, `dilation` apart, from 4 products where the sums as they are written take 6.
 *
 *   A = x0 - x2, S = x1 + x2, D = x2 - x1, A' = x1 - x3
 *   y0 = (S (w0 + w1 + w2) / 2 + D (w0 - w1 + w2) / 2) + A w0
 *   y1 = (S (w0 + w1 + w2) / 2 - D (w0 - w1 + w2) / 2) - A' w2
 *
 * Taps are taken three at a time, and the products of all of them summed before they are combined. One or two that
 * are left are summed as they are written.
 *
 * A block is 2 * dilation rows; its first half are the y0 of pairs, the other the y1. Blocks are counted from the
 * utterance's first row, so that whether a row is a y0 or a y1 (which differ in how they round) does not depend on
 * where a chunk of the utterance begins.
 *
 * An item is some blocks of a span. Its products are the conv kernel's, on differences and sums of its rows that lie
 * in scratch memory: one task per thread fetches items from a counter and has a slot of its own. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compute/kernels.h"

enum { PRODUCT_S, PRODUCT_D, PRODUCT_A, PRODUCT_A2, PRODUCTS };

/* An item's inputs, or outputs, are so many floats at most, so that what it has in scratch memory stays in a part of
 * a second-level cache of 1 MB. Few rows read the weights too often. Rows of scratch memory are no power of two
 * apart, whose lines would share a set of the first-level cache. */
enum { ITEM_FLOATS = 48 * 1024, ITEM_ROWS_MIN = 192, ROWS_MIN = 48, ITEMS_PER_THREAD = 4, PAD = 16 };

/* ---- weights ---- */

static size_t product_floats(const ev_conv *conv) {
    return (size_t)conv->co_blocks * (size_t)(conv->taps / 3) * (size_t)conv->ci * 16;
}

static size_t tail_floats(const ev_conv *conv) {
    return (size_t)conv->co_blocks * (size_t)(conv->taps % 3) * (size_t)conv->ci * 16;
}

/* w: three taps of [ci][16] behind each other; to: their first product's. */
static void transform(const float *w, size_t channels, size_t step, float *to) {
    for (size_t i = 0; i < channels; i++) {
        const double w0 = w[i], w1 = w[channels + i], w2 = w[2 * channels + i];
        to[PRODUCT_S * step + i] = (float)((w0 + w1 + w2) / 2);
        to[PRODUCT_D * step + i] = (float)((w0 - w1 + w2) / 2);
        to[PRODUCT_A * step + i] = w[i];
        to[PRODUCT_A2 * step + i] = -w[2 * channels + i];
    }
}

ev_status ev_conv_winograd(ev_conv *conv, ev_error *err) {
    assert(conv->w && conv->taps >= 3);
    const size_t channels = (size_t)conv->ci * 16, groups = (size_t)conv->taps / 3, tail = (size_t)conv->taps % 3;
    const size_t step = product_floats(conv), floats = PRODUCTS * step + tail_floats(conv);
    float *to = ev_aligned_alloc(floats * sizeof *to);
    if (!to) return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %zu weights", floats);
    for (size_t b = 0; b < (size_t)conv->co_blocks; b++) {
        const float *w = conv->w + b * (size_t)conv->taps * channels;
        for (size_t g = 0; g < groups; g++) {
            transform(w + 3 * g * channels, channels, step, to + (b * groups + g) * channels);
        }
        if (!tail) continue;
        memcpy(to + PRODUCTS * step + b * tail * channels, w + 3 * groups * channels, tail * channels * sizeof *to);
    }
    free(conv->w);
    conv->w = NULL;
    conv->winograd = to;
    return EV_OK;
}

/* ---- memory ---- */

typedef struct winograd {
    const ev_kernels *kernels;
    const ev_conv_args *args;
    size_t dilation, groups, tail, width;
    size_t blocks; /* of an item, at most */
    float *scratch;
    size_t slot_floats, item_count;
    atomic_size_t next;
} winograd;

/* Blocks of an item for a share of so many rows. */
static size_t item_blocks(const ev_conv *conv, size_t dilation, size_t share) {
    assert(dilation >= 1);
    const size_t in = ev_round16((size_t)conv->ci), out = (size_t)conv->co_blocks * 16;
    const size_t most = ITEM_FLOATS / (in > out ? in : out);
    size_t rows = share < most ? share : most;
    if (rows < ROWS_MIN) rows = ROWS_MIN;
    return (rows + 2 * dilation - 1) / (2 * dilation);
}

static size_t differences_ld(const ev_conv *conv) { return ev_round16((size_t)conv->ci) + PAD; }

static size_t difference_rows(const ev_conv *conv, size_t dilation, size_t blocks) {
    return dilation * (2 * blocks + 3 * (size_t)(conv->taps / 3 - 1));
}

/* Differences; two sums for each pair of rows; what is added to rows. */
static size_t slot_floats(const ev_conv *conv, size_t dilation, size_t blocks) {
    return difference_rows(conv, dilation, blocks) * differences_ld(conv) +
           4 * dilation * blocks * (size_t)conv->co_blocks * 16;
}

size_t ev_conv_scratch(const ev_conv *conv, int dilation, int threads) {
    assert(dilation >= 1 && threads >= 1);
    if (!conv->winograd) return 0;
    const size_t blocks = item_blocks(conv, (size_t)dilation, SIZE_MAX);
    return slot_floats(conv, (size_t)dilation, blocks) * (size_t)threads;
}

/* ---- an item ---- */

typedef struct item {
    const winograd *w;
    ev_span span;
    ptrdiff_t base; /* the first block's first row; may lie before the span */
    size_t blocks;
    ptrdiff_t begin, end; /* the rows of the span in it */
    float *differences;   /* rows from `base` on */
    float *sum, *pair;    /* for each residue, for each block: S + D; S, then S - D */
    float *added;         /* rows from `base` on, or NULL */
} item;

/* Row u of the differences: what tap 0 reads for row u and for row u + far, with signs. Only rows of the span and
 * what its taps reach are read: others are of use to no row of it. */
static void make_differences(const item *k, size_t far, float sign, float sign_far) {
    const ev_conv_args *a = k->w->args;
    const ev_conv *conv = a->conv;
    const size_t ld = differences_ld(conv), d = k->w->dilation;
    const ptrdiff_t rows = (ptrdiff_t)difference_rows(conv, d, k->blocks);
    const ptrdiff_t reach = (ptrdiff_t)(k->span.begin + k->span.count + (size_t)(conv->taps - 1) * d);
    ptrdiff_t begin = (ptrdiff_t)k->span.begin - k->base, end = reach - k->base - (ptrdiff_t)far;
    if (begin < 0) begin = 0;
    if (end > rows) end = rows;
    if (end < begin) end = begin;
    assert(k->differences);
    memset(k->differences, 0, (size_t)begin * ld * sizeof(float));
    memset(k->differences + (size_t)end * ld, 0, (size_t)(rows - end) * ld * sizeof(float));
    const float *x = a->x + (k->base + begin + a->tap_offset) * (ptrdiff_t)a->ldx;
    k->w->kernels->axpby(x, a->ldx, sign, x + far * a->ldx, a->ldx, sign_far, k->differences + (size_t)begin * ld, ld,
                         conv->ci, (size_t)(end - begin));
}

/* What the direct sums of the left-over taps and the residuals come to, where the last step cannot add them itself.
 */
static void make_added(const item *k) {
    const winograd *w = k->w;
    const ev_conv_args *a = w->args;
    const size_t begin = (size_t)k->begin, rows = (size_t)(k->end - k->begin);
    const float *residual = a->residual ? a->residual + begin * a->ldr : NULL;
    const float *residual2 = a->residual2 ? a->residual2 + begin * a->ldr2 : NULL;
    float *to = k->added + (size_t)(k->begin - k->base) * w->width;
    if (!w->tail) {
        w->kernels->axpby(residual, a->ldr, 1.0f, residual2, a->ldr2, 1.0f, to, w->width, (int)w->width, rows);
        return;
    }
    const ptrdiff_t from = k->begin + a->tap_offset + (ptrdiff_t)(3 * w->groups * w->dilation);
    const ev_tile tile = {.x = a->x + from * (ptrdiff_t)a->ldx,
                          .ldx = a->ldx,
                          .tap_step = w->dilation * a->ldx,
                          .w = a->conv->winograd + PRODUCTS * product_floats(a->conv),
                          .w_step = w->tail * (size_t)a->conv->ci * 16,
                          .taps = (int)w->tail,
                          .ci = a->conv->ci,
                          .bias = a->conv->bias,
                          .residual = residual,
                          .residual2 = residual2,
                          .y = to,
                          .ldy = w->width,
                          .ldr = a->ldr,
                          .ldr2 = a->ldr2,
                          .scale = 1.0f};
    w->kernels->conv(&tile, rows, a->conv->co_blocks);
}

/* A product of rows `row`, `row` + 2 dilation, ... of the differences, without what is added and outputs. */
static ev_tile product_tile(const item *k, int product, int block, size_t row) {
    const ev_conv *conv = k->w->args->conv;
    const size_t ld = differences_ld(conv), step = product_floats(conv), d = k->w->dilation;
    const size_t w_step = step / (size_t)conv->co_blocks;
    return (ev_tile){.x = k->differences + row * ld,
                     .ldx = 2 * d * ld,
                     .tap_step = 3 * d * ld,
                     .w = conv->winograd + (size_t)product * step + (size_t)block * w_step,
                     .w_step = w_step,
                     .taps = conv->taps / 3,
                     .ci = conv->ci,
                     .scale = 1.0f};
}

static int panel_blocks(const item *k, int block) { return k->w->args->conv->co_blocks - block > 1 ? 2 : 1; }

/* to = the products of all pairs, plus `before` if given. A panel of weights for all residues before the next. */
static void sum_pairs(const item *k, int product, const float *before, float *to) {
    const winograd *w = k->w;
    const ev_conv *conv = w->args->conv;
    for (int block = 0; block < conv->co_blocks; block += 2) {
        for (size_t r = 0; r < w->dilation; r++) {
            const size_t at = r * k->blocks * w->width + (size_t)block * 16;
            ev_tile tile = product_tile(k, product, block, w->dilation + r);
            tile.bias = before || w->tail ? NULL : conv->bias + block * 16;
            tile.residual = before ? before + at : NULL;
            tile.y = to + at;
            tile.ldr = tile.ldy = w->width;
            w->kernels->conv(&tile, k->blocks, panel_blocks(k, block));
        }
    }
}

/* Outputs and what is added to them, from row `row` and block `block` on. */
static void set_rows(const item *k, ev_tile *tile, ptrdiff_t row, int block) {
    const winograd *w = k->w;
    const ev_conv_args *a = w->args;
    const size_t at = (size_t)row, channel = (size_t)block * 16, step = 2 * w->dilation;
    const float *residual = a->residual ? a->residual : a->residual2;
    const size_t ldr = a->residual ? a->ldr : a->ldr2;
    if (k->added) {
        tile->residual2 = k->added + (size_t)(row - k->base) * w->width + channel;
        tile->ldr2 = step * w->width;
    } else if (residual) {
        tile->residual2 = residual + at * ldr + channel;
        tile->ldr2 = step * ldr;
    }
    tile->y = a->y ? a->y + at * a->ldy + channel : NULL;
    tile->y2 = a->y2 ? a->y2 + at * a->ldy2 + channel : NULL;
    tile->ldy = step * a->ldy;
    tile->ldy2 = step * a->ldy2;
    tile->act2 = a->act2;
    tile->slope2 = a->slope2;
    tile->scale = a->scale;
}

/* The rows of all pairs' first halves (half 0) or second ones, those of the span. */
static void finish_half(const item *k, int product, size_t half, const float *pairs) {
    const winograd *w = k->w;
    const ptrdiff_t step = (ptrdiff_t)(2 * w->dilation);
    for (int block = 0; block < w->args->conv->co_blocks; block += 2) {
        for (size_t r = 0; r < w->dilation; r++) {
            const size_t offset = half * w->dilation + r;
            const ptrdiff_t row = k->base + (ptrdiff_t)offset;
            const ptrdiff_t first = row < k->begin ? (k->begin - row + step - 1) / step : 0;
            const ptrdiff_t end = row < k->end ? (k->end - row + step - 1) / step : 0;
            if (end <= first) continue;
            ev_tile tile = product_tile(k, product, block, offset + (size_t)(first * step));
            tile.residual = pairs + (r * k->blocks + (size_t)first) * w->width + (size_t)block * 16;
            tile.ldr = w->width;
            set_rows(k, &tile, row + first * step, block);
            w->kernels->conv(&tile, (size_t)(end - first), panel_blocks(k, block));
        }
    }
}

static void run_item(const item *k) {
    const winograd *w = k->w;
    const size_t d = w->dilation, width = w->width;
    if (k->added) make_added(k);
    make_differences(k, d, 1.0f, 1.0f);
    sum_pairs(k, PRODUCT_S, NULL, k->pair);
    make_differences(k, d, -1.0f, 1.0f);
    sum_pairs(k, PRODUCT_D, k->pair, k->sum);
    /* S - D = 2 S - (S + D) */
    w->kernels->axpby(k->pair, width, 2.0f, k->sum, width, -1.0f, k->pair, width, (int)width, d * k->blocks);
    make_differences(k, 2 * d, 1.0f, -1.0f);
    finish_half(k, PRODUCT_A, 0, k->sum);
    finish_half(k, PRODUCT_A2, 1, k->pair);
}

/* ---- all items ---- */

static size_t first_row(const winograd *w, size_t span) { return w->args->first ? w->args->first[span] : 0; }

static size_t span_blocks(const winograd *w, size_t span) {
    const size_t first = first_row(w, span), count = w->args->spans[span].count, step = 2 * w->dilation;
    return count ? (first + count - 1) / step - first / step + 1 : 0;
}

static size_t span_items(const winograd *w, size_t span) {
    return (span_blocks(w, span) + w->blocks - 1) / w->blocks;
}

static item place_item(const winograd *w, size_t span, size_t number, float *slot) {
    const ev_conv *conv = w->args->conv;
    const size_t step = 2 * w->dilation, blocks = span_blocks(w, span), items = span_items(w, span);
    const size_t from = blocks * number / items, to = blocks * (number + 1) / items;
    item k = {.w = w, .span = w->args->spans[span], .blocks = to - from};
    const ptrdiff_t begin = (ptrdiff_t)k.span.begin, end = begin + (ptrdiff_t)k.span.count;
    k.base = begin - (ptrdiff_t)(first_row(w, span) % step) + (ptrdiff_t)(from * step);
    k.begin = k.base > begin ? k.base : begin;
    k.end = k.base + (ptrdiff_t)(k.blocks * step);
    if (k.end > end) k.end = end;
    k.differences = slot;
    k.sum = slot + difference_rows(conv, w->dilation, w->blocks) * differences_ld(conv);
    k.pair = k.sum + w->dilation * w->blocks * w->width;
    if (w->tail || (w->args->residual && w->args->residual2)) k.added = k.pair + w->dilation * w->blocks * w->width;
    return k;
}

/* One thread's share: items until the counter runs out. Slot number = task number. */
static void run_items(void *arg, size_t slot) {
    winograd *w = arg;
    size_t number, span = 0, before = 0; /* items of the spans before `span` */
    while ((number = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < w->item_count) {
        while (number - before >= span_items(w, span)) before += span_items(w, span++);
        const item k = place_item(w, span, number - before, w->scratch + slot * w->slot_floats);
        run_item(&k);
    }
}

/* Rows of an item for so many threads: several items for each, so that one which lost its core does not hold up the
 * others. */
static size_t thread_share(const ev_conv_args *args, size_t threads) {
    assert(threads >= 1);
    size_t rows = 0;
    for (size_t s = 0; s < args->span_count; s++) rows += args->spans[s].count;
    if (threads == 1) return rows;
    const size_t share = rows / threads + 1, part = share / ITEMS_PER_THREAD;
    if (part >= ITEM_ROWS_MIN) return part;
    return share < ITEM_ROWS_MIN ? share : ITEM_ROWS_MIN;
}

void ev_winograd_run(const ev_compute *c, const ev_conv_args *args) {
    assert(args->scratch && (uintptr_t)args->scratch % 64 == 0 && !args->gain && !args->span_bias);
    assert(args->act == EV_ACT_NONE);
    const ev_conv *conv = args->conv;
    size_t threads = (size_t)ev_compute_threads(c);
    winograd w = {.kernels = c->kernels,
                  .args = args,
                  .dilation = (size_t)args->dilation,
                  .groups = (size_t)conv->taps / 3,
                  .tail = (size_t)conv->taps % 3,
                  .width = (size_t)conv->co_blocks * 16,
                  .blocks = item_blocks(conv, (size_t)args->dilation, thread_share(args, threads)),
                  .scratch = args->scratch};
    w.slot_floats = slot_floats(conv, w.dilation, w.blocks);
    for (size_t s = 0; s < args->span_count; s++) w.item_count += span_items(&w, s);
    if (threads > w.item_count) threads = w.item_count;
    if (threads > 1)
        ev_pool_run(c->pool, threads, run_items, &w);
    else if (threads == 1)
        run_items(&w, 0);
}
