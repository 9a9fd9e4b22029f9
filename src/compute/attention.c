/* attention: softmax(q k^T / sqrt(head_dim)) v inside each span, by the conv kernel.
 *
 * Both products are convolutions of one tap: the scores of some rows are q times "weights" k^T (input channels: the
 * head's, output channels: the span's rows), the result is the softmaxed scores times "weights" v (input channels:
 * the span's rows). So k and v of one (span, head) are packed like weights, and the conv kernel does the rest.
 *
 * A work item is (span, head, up to ITEM_ROWS rows). Long spans pack k and v once for each of their items, which
 * costs a tenth of the item's products or less and keeps items independent. One task per thread fetches items from a
 * counter and has a slot of scratch memory of its own. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "compute/kernels.h"

enum { ITEM_ROWS = 256, TILE_ROWS = 12 };

typedef struct attention {
    const ev_kernels *kernels;
    const float *q, *k, *v;
    size_t ld, ldo;
    float *out, *scratch;
    size_t slot_floats;
    int heads, head_dim;
    const ev_span *spans;
    size_t span_count, item_count;
    atomic_size_t next;
} attention;

/* k^T, v, and the scores of TILE_ROWS rows, for spans of up to `rows` rows. */
static size_t slot_floats(size_t rows, int head_dim) { return ev_round16(rows) * (2 * (size_t)head_dim + TILE_ROWS); }

size_t ev_attention_scratch(size_t rows_max, int heads, int head_dim, int threads) {
    assert(head_dim > 0 && threads >= 1);
    (void)heads;
    return slot_floats(rows_max, head_dim) * (size_t)threads;
}

/* kt [blocks of 16 rows][head_dim][16]; rows beyond the span are zero. */
static void pack_k(float *kt, const float *k, size_t ld, size_t rows, int head_dim) {
    size_t dim = (size_t)head_dim;
    for (size_t t = 0; t < ev_round16(rows); t++) {
        float *to = kt + (t / 16 * dim) * 16 + t % 16;
        for (size_t d = 0; d < dim; d++) to[d * 16] = t < rows ? k[t * ld + d] : 0.0f;
    }
}

/* vp [blocks of 16 channels][rows][16] */
static void pack_v(float *vp, const float *v, size_t ld, size_t rows, int head_dim) {
    for (size_t b = 0; b < (size_t)head_dim / 16; b++)
        for (size_t t = 0; t < rows; t++, vp += 16) memcpy(vp, v + t * ld + b * 16, 16 * sizeof(float));
}

static void run_item(attention *a, ev_span span, size_t head, size_t first, float *slot) {
    assert(head < (size_t)a->heads && first < span.count);
    size_t dim = (size_t)a->head_dim, padded = ev_round16(span.count);
    size_t at = span.begin * a->ld + head * dim;
    float *kt = slot, *vp = kt + padded * dim, *scores = vp + padded * dim;
    pack_k(kt, a->k + at, a->ld, span.count, a->head_dim);
    pack_v(vp, a->v + at, a->ld, span.count, a->head_dim);
    size_t end = first + ITEM_ROWS < span.count ? first + ITEM_ROWS : span.count;
    for (size_t row = first; row < end; row += TILE_ROWS) {
        size_t rows = end - row < TILE_ROWS ? end - row : TILE_ROWS;
        ev_tile qk = {.x = a->q + at + row * a->ld,
                      .ldx = a->ld,
                      .w = kt,
                      .w_step = dim * 16,
                      .taps = 1,
                      .ci = a->head_dim,
                      .y = scores,
                      .ldy = padded,
                      .scale = 1.0f / sqrtf((float)a->head_dim)};
        a->kernels->conv(&qk, rows, (int)(padded / 16));
        a->kernels->softmax(scores, padded, span.count, rows);
        ev_tile pv = {.x = scores,
                      .ldx = padded,
                      .w = vp,
                      .w_step = span.count * 16,
                      .taps = 1,
                      .ci = (int)span.count,
                      .y = a->out + (span.begin + row) * a->ldo + head * dim,
                      .ldy = a->ldo,
                      .scale = 1.0f};
        a->kernels->conv(&pv, rows, a->head_dim / 16);
    }
}

static size_t span_items(const attention *a, ev_span span) {
    return (span.count + ITEM_ROWS - 1) / ITEM_ROWS * (size_t)a->heads;
}

/* One thread's share: items until the counter runs out. Slot number = task number. */
static void run_items(void *arg, size_t slot) {
    attention *a = arg;
    size_t item, span = 0, before = 0; /* items of the spans before `span` */
    while ((item = atomic_fetch_add_explicit(&a->next, 1, memory_order_relaxed)) < a->item_count) {
        while (item - before >= span_items(a, a->spans[span])) before += span_items(a, a->spans[span++]);
        assert(span < a->span_count);
        size_t heads = (size_t)a->heads;
        run_item(a, a->spans[span], (item - before) % heads, (item - before) / heads * ITEM_ROWS,
                 a->scratch + slot * a->slot_floats);
    }
}

void ev_attention_run(const ev_compute *c, const float *q, const float *k, const float *v, size_t ld, float *out,
                      size_t ldo, int heads, int head_dim, float *scratch, const ev_span *spans, size_t span_count) {
    assert(q && k && v && out && scratch && heads >= 1 && head_dim >= 16 && head_dim % 16 == 0);
    assert((uintptr_t)scratch % 64 == 0 && (uintptr_t)out % 64 == 0 && ldo % 16 == 0);
    assert(ld >= (size_t)heads * (size_t)head_dim && ldo >= (size_t)heads * (size_t)head_dim);
    attention a = {.kernels = c->kernels,
                   .q = q,
                   .k = k,
                   .v = v,
                   .ld = ld,
                   .ldo = ldo,
                   .out = out,
                   .scratch = scratch,
                   .heads = heads,
                   .head_dim = head_dim,
                   .spans = spans,
                   .span_count = span_count};
    size_t rows_max = 0;
    for (size_t s = 0; s < span_count; s++) {
        a.item_count += span_items(&a, spans[s]);
        if (spans[s].count > rows_max) rows_max = spans[s].count;
    }
    a.slot_floats = slot_floats(rows_max, head_dim);
    size_t threads = (size_t)ev_compute_threads(c);
    if (threads > a.item_count) threads = a.item_count;
    if (threads > 1)
        ev_pool_run(c->pool, threads, run_items, &a);
    else if (threads == 1)
        run_items(&a, 0);
}
