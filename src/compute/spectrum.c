/* spectrum: plans and windows, made once at load; the operations of spectrum.h spread over the pool. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compute/spectrum.h"

#include "compute/kernels.h"

/* ---- plans ---- */

/* Large radices first: their factors are loaded once for each group, and early stages have many groups. */
static bool factor(ev_fft *fft, int n) {
    static const int radices[] = {4, 5, 3, 2};
    for (size_t i = 0; i < EV_ARRAY_COUNT(radices); i++)
        for (; n % radices[i] == 0; n /= radices[i]) fft->radices[fft->stages++] = radices[i];
    assert(fft->stages <= EV_FFT_STAGES_MAX);
    return n == 1;
}

static void set_turn(float *w, int numerator, int denominator) {
    const double angle = 2 * acos(-1.0) * numerator / denominator;
    w[0] = (float)cos(angle);
    w[1] = (float)-sin(angle);
}

static void fill_twiddles(ev_fft *fft) {
    float *w = fft->twiddles;
    int n = fft->size / 2;
    for (int i = 0; i < fft->stages; i++) {
        const int radix = fft->radices[i];
        for (int k = 0; k < n / radix; k++)
            for (int r = 1; r < radix; r++, w += 2) set_turn(w, k * r % n, n);
        n /= radix;
    }
    fft->mirror = w;
    for (int k = 0; k <= fft->size / 4; k++, w += 2) set_turn(w, k, fft->size);
}

ev_status ev_fft_plan(ev_fft *out, int size, ev_error *err) {
    *out = (ev_fft){.size = size};
    if (size < 4 || size > EV_FFT_SIZE_MAX || size % 2 || !factor(out, size / 2)) {
        return ev_fail(err, EV_E_FORMAT, "no transform of size %d: wanted an even 2^a 3^b 5^c, 4..%d", size,
                       EV_FFT_SIZE_MAX);
    }
    size_t floats = 2 * ((size_t)size / 4 + 1), n = (size_t)size / 2;
    for (int i = 0; i < out->stages; i++) {
        n /= (size_t)out->radices[i];
        floats += n * 2 * (size_t)(out->radices[i] - 1);
    }
    out->twiddles = ev_aligned_alloc(floats * sizeof(float));
    if (!out->twiddles) return ev_fail(err, EV_E_MEMORY, "no memory for a transform of size %d", size);
    fill_twiddles(out);
    return EV_OK;
}

void ev_fft_free(ev_fft *fft) {
    free(fft->twiddles);
    *fft = (ev_fft){0};
}

ev_status ev_istft_make(ev_istft *out, int fft, int parts, ev_error *err) {
    assert(parts == EV_ISTFT_PARTS_BURSTS || parts == EV_ISTFT_PARTS_MAX);
    *out = (ev_istft){.fft = fft, .hop = fft / 4, .bins = fft / 2 + 1, .parts = parts};
    if (fft % 4 || fft < 16) return ev_fail(err, EV_E_FORMAT, "a frame of %d samples: wanted a multiple of 4", fft);
    ev_status s = ev_fft_plan(&out->plan, fft, err);
    if (s != EV_OK) return s;
    out->before = ev_aligned_alloc((size_t)fft * sizeof(float));
    out->after = ev_aligned_alloc((size_t)fft * sizeof(float));
    if (!out->before || !out->after) {
        ev_istft_free(out);
        return ev_fail(err, EV_E_MEMORY, "no memory for windows of %d", fft);
    }
    for (int i = 0; i < fft; i++) {
        const double hann = 0.5 - 0.5 * cos(2 * acos(-1.0) * i / fft);
        out->before[i] = (float)(hann * 4 / fft);
        out->after[i] = (float)(hann / 1.5 / fft); /* 1 / fft: the inverse is that much too large */
    }
    return EV_OK;
}

void ev_istft_free(ev_istft *stft) {
    ev_fft_free(&stft->plan);
    free(stft->before);
    free(stft->after);
    *stft = (ev_istft){0};
}

/* ---- spectra to frames ---- */

static bool aligned(const void *p) { return (uintptr_t)p % 64 == 0; }

/* x, bins, work, bins of bursts */
static size_t slot_floats(const ev_istft *stft) {
    const size_t fft = (size_t)stft->fft;
    return (3 * fft + 2 + (stft->parts == EV_ISTFT_PARTS_BURSTS ? fft + 2 : 0)) * EV_FFT_LANES;
}

size_t ev_istft_scratch(const ev_istft *stft, int threads) {
    assert(threads >= 1);
    return slot_floats(stft) * (size_t)threads;
}

typedef struct istft_job {
    const ev_istft_args *args;
    const ev_kernels *kernels;
    size_t item_count;
    atomic_size_t next;
} istft_job;

static size_t span_items(ev_span span) { return (span.count + EV_FFT_LANES - 1) / EV_FFT_LANES; }

static void run_item(const istft_job *job, size_t span, size_t begin, float *scratch) {
    const ev_istft_args *a = job->args;
    const ev_istft *k = a->stft;
    assert(span < a->span_count && begin < a->spans[span].count);
    const size_t left = a->spans[span].count - begin, row = a->spans[span].begin + begin;
    const size_t window = row * (size_t)k->hop - 2 * (size_t)k->hop; /* where the first one begins; wraps at row 0 */
    const ev_istft_tile tile = {.stft = k,
                                .parts = a->parts + row * a->ld,
                                .ld = a->ld,
                                .pulses = a->pulses + (ptrdiff_t)window,
                                .bursts = a->bursts ? a->bursts + (ptrdiff_t)window : NULL,
                                .y = a->y + row * (size_t)k->fft,
                                .seed = a->seeds[span],
                                .first = a->first[span] + begin,
                                .scratch = scratch};
    job->kernels->istft(&tile, left < EV_FFT_LANES ? left : EV_FFT_LANES);
}

/* One thread's share: groups of up to 16 rows until the counter runs out. Slot number = task number. */
static void run_items(void *arg, size_t slot) {
    istft_job *job = arg;
    const ev_span *spans = job->args->spans;
    float *scratch = job->args->scratch + slot * slot_floats(job->args->stft);
    size_t item, span = 0, before = 0; /* items of the spans before `span` */
    while ((item = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed)) < job->item_count) {
        while (item - before >= span_items(spans[span])) before += span_items(spans[span++]);
        run_item(job, span, (item - before) * EV_FFT_LANES, scratch);
    }
}

void ev_istft_run(const ev_compute *c, const ev_istft_args *args) {
    assert(args->parts && args->pulses && args->y && args->scratch && aligned(args->parts) && aligned(args->scratch));
    assert(args->ld % 16 == 0 && args->ld >= ev_istft_width(args->stft));
    assert((args->seeds && args->first) || !args->span_count);
    assert(!args->bursts == (args->stft->parts != EV_ISTFT_PARTS_BURSTS));
    istft_job job = {.args = args, .kernels = c->kernels};
    for (size_t s = 0; s < args->span_count; s++) job.item_count += span_items(args->spans[s]);
    size_t threads = (size_t)ev_compute_threads(c);
    if (threads > job.item_count) threads = job.item_count;
    if (threads > 1)
        ev_pool_run(c->pool, threads, run_items, &job);
    else if (threads == 1)
        run_items(&job, 0);
}

/* ---- frames to samples ---- */

typedef struct overlap_args {
    const ev_istft *stft;
    const float *y;
    float *const *out;
    const ev_span *spans;
} overlap_args;

/* Plain operations, one order: whatever vectors the compiler makes of them gives these bytes. */
static float soft_clipped(float x) {
    const float room = EV_CLIP_CEILING - EV_CLIP_KNEE, over = fabsf(x) - EV_CLIP_KNEE;
    return over > 0 ? copysignf(EV_CLIP_KNEE + over * room / (over + room), x)
                    : x; /* what is not a number stays so */
}

static void overlap_rows(const ev_kernels *kernels, const void *args, const ev_piece *piece) {
    (void)kernels;
    const overlap_args *a = args;
    const size_t hop = (size_t)a->stft->hop, fft = (size_t)a->stft->fft;
    for (size_t t = piece->first; t < piece->first + piece->rows; t++) {
        const float *now = a->y + (a->spans[piece->span].begin + t) * fft, *before = now - fft + 3 * hop;
        const float *next = now + fft + hop, *last = now + 2 * fft;
        float *out = a->out[piece->span] + t * hop;
        now += 2 * hop;
        for (size_t i = 0; i < hop; i++) out[i] = soft_clipped(((before[i] + now[i]) + next[i]) + last[i]);
    }
}

void ev_overlap_add_run(const ev_compute *c, const ev_istft *stft, const float *y, float *const *out,
                        const ev_span *spans, size_t span_count) {
    assert(stft->hop > 0 && y && (out || !span_count));
    const overlap_args args = {stft, y, out, spans};
    const ev_rows_job job = {.fn = overlap_rows,
                             .args = &args,
                             .spans = spans,
                             .span_count = span_count,
                             .row_cost = 8.0 * stft->hop,
                             .parts_max = 1,
                             .rows_min = 24};
    ev_run_rows(c, &job);
}

void ev_pulses_make(const ev_compute *c, const ev_pulses *pulses, float *out, float *bursts, size_t n) {
    assert(pulses->rate > 0 && out);
    c->kernels->pulses(pulses, out, bursts, n);
}
