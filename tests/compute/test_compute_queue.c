/* The queue: every operation on places gives the bytes of the function on pointers, at odd sizes, on the CPU's maker
 * and on one whose memory lies elsewhere and which runs nothing before the wait (queue_check.h); gaps stay zero. Here
 * memory, failures, sources and spectra. */
#include "queue_bench.h"

/* ---- sources and spectra ---- */

enum { FFT = 40, HOP = FFT / 4, FRAMES_MAX = 40 };

static float track_f0[FRAMES_MAX];
static double track_phase[FRAMES_MAX + 1];

static void make_tracks(const bench *b, ev_track *tracks) {
    for (size_t i = 0; i < FRAMES_MAX; i++) track_f0[i] = rng_chance(4) ? 0 : 100 + 50 * rng_float();
    for (size_t i = 0; i <= FRAMES_MAX; i++) track_phase[i] = (double)(rng_float() + 1) / 2;
    for (size_t s = 0; s < b->n; s++) tracks[s] = (ev_track){track_f0, track_phase, FRAMES_MAX, s, 7 + s};
}

static void test_source(void **state) {
    static const float weights[] = {0.5f, 0.3f, -0.2f};
    bench *b = *state;
    rng_state = 60;
    upload(b, EV_WEIGHTS_FLOATS, weights, 3);
    for (int i = 0; i < ROUNDS; i++) {
        ev_track tracks[SPANS_MAX];
        const bool mix = i % 2, noisy = i % 4 == 0;
        const size_t ld = mix ? 2 * HOP : HOP;
        ev_source source = {.hop = HOP, .rate = 4000, .highest_hz = 1500};
        if (mix) source = (ev_source){.hop = HOP, .rate = 4000, .harmonics = 3, .weights = weights, .bias = 0.1f};
        bench_spans(b, FRAMES_MAX - SPANS_MAX);
        make_tracks(b, tracks);
        float *y = zeros(b, ld), *bursts = zeros(b, ld);
        ev_source_run(&b->c, &source, tracks, y, noisy ? bursts : NULL, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows out = take(b, q, NULL, ld), more = take(b, q, NULL, ld);
            const ev_source_op op = {source, out.at, noisy ? more.at : 0, tracks, b->spans, b->n};
            ev_enqueue_source(q, &op);
            check(b, q, out, y, ld, ld, "source");
            if (noisy) check(b, q, more, bursts, ld, ld, "bursts");
            ev_queue_release(q, mark);
        }
        zeros_free(y, ld), zeros_free(bursts, ld);
    }
}

/* Spectra to frames to samples, which the host gets without asking for rows. */
static void spectra_case(bench *b, const ev_istft *stft) {
    const size_t ld = ev_istft_width(stft), count = b->rows * HOP;
    uint64_t seeds[SPANS_MAX];
    size_t first[SPANS_MAX];
    float *out[SPANS_MAX], *samples = alloc_floats(count), *got = alloc_floats(count);
    grid parts = make(b, ld), pulses = make(b, HOP);
    float *aligned = zeros(b, ld), *dense = zeros(b, HOP), *y = zeros(b, FFT);
    float *scratch = alloc_floats(ev_istft_scratch(stft, 2));
    const bool bursts = stft->parts == EV_ISTFT_PARTS_BURSTS;
    for (size_t s = 0; s < b->n; s++) {
        seeds[s] = 3 + s;
        first[s] = 5 * s;
        for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++) {
            memcpy(aligned + t * ld, parts.x + t * parts.ld, ld * sizeof *aligned);
            memcpy(dense + t * HOP, pulses.x + t * pulses.ld, HOP * sizeof *dense);
        }
        out[s] = samples + b->spans[s].begin * HOP;
    }
    const ev_istft_args args = {.stft = stft,
                                .parts = aligned,
                                .ld = ld,
                                .pulses = dense,
                                .bursts = bursts ? dense : NULL,
                                .y = y,
                                .seeds = seeds,
                                .first = first,
                                .scratch = scratch,
                                .spans = b->spans,
                                .span_count = b->n};
    ev_istft_run(&b->c, &args);
    ev_overlap_add_run(&b->c, stft, y, out, b->spans, b->n);
    for (int k = 0; k < 2; k++) {
        ev_queue *q = b->queues[k];
        const size_t mark = ev_queue_mark(q);
        const ev_rows spectra = take(b, q, &parts, ld), source = take(b, q, &pulses, HOP),
                      frames = take(b, q, NULL, FFT);
        const ev_istft_op istft = {stft,  spectra,  source.at, bursts ? source.at : 0, frames.at, seeds,
                                   first, b->spans, b->n};
        for (size_t s = 0; s < b->n; s++) out[s] = got + b->spans[s].begin * HOP;
        const ev_overlap_add_op overlap = {stft, frames.at, out, b->spans, b->n};
        ev_enqueue_istft(q, &istft);
        ev_enqueue_overlap_add(q, &overlap);
        check(b, q, frames, y, FFT, FFT, "istft");
        for (size_t s = 0; s < b->n; s++)
            assert_same(samples + b->spans[s].begin * HOP, out[s], b->spans[s].count * HOP, "overlap-add");
        ev_queue_release(q, mark);
    }
    zeros_free(aligned, ld), zeros_free(dense, HOP), zeros_free(y, FFT);
    free(scratch), free(samples), free(got), free(parts.memory), free(pulses.memory);
}

static void test_spectra(void **state) {
    bench *b = *state;
    rng_state = 61;
    for (int i = 0; i < ROUNDS; i++) {
        ev_istft stft;
        assert_int_equal(ev_istft_make(&stft, FFT, i % 2 ? EV_ISTFT_PARTS_MAX : EV_ISTFT_PARTS_BURSTS, NULL), EV_OK);
        upload(b, EV_WEIGHTS_ISTFT, &stft, 0);
        bench_spans(b, 40);
        spectra_case(b, &stft);
        ev_istft_free(&stft);
    }
}

/* ---- the queue ---- */

/* What is taken lies one behind the other, aligned, and comes back by the mark; place 0 is never one. */
static void test_places(void **state) {
    bench *b = *state;
    for (int k = 0; k < 2; k++) {
        ev_queue *q = b->queues[k];
        const size_t mark = ev_queue_mark(q);
        const ev_at one = ev_queue_take(q, 1), two = ev_queue_take(q, 17);
        unsigned char *host = ev_queue_host(q, 100);
        assert_true(one >= EV_AT_FIRST && one % 16 == 0 && two == one + 16);
        assert_true((uintptr_t)host % 64 == 0);
        assert_true(ev_queue_take(q, 1) > two + 17);
        ev_queue_release(q, mark);
        assert_int_equal(ev_queue_take(q, 1), one);
        ev_queue_release(q, mark);
    }
}

/* Nothing runs behind an operation that failed, the wait tells once, and the queue goes on. */
static void test_failure(void **state) {
    bench *b = *state;
    queue_check *c = (queue_check *)b->queues[1];
    ev_queue *q = b->queues[1];
    ev_error err = {0};
    const size_t mark = ev_queue_mark(q);
    const ev_span all = {0, 4};
    const float rows[4] = {1, 2, 3, 4};
    float got[4] = {0};
    const ev_rows x = {ev_queue_take(q, 4), 1};
    const ev_put_op put = {rows, 1, x, 1, &all, 1};
    const ev_get_op get = {x, NULL, got, 1, 1, &all, 1};
    c->fails_at = c->enqueued + 1;
    ev_enqueue_put(q, &put);
    ev_enqueue_get(q, &get);
    assert_int_equal(ev_queue_wait(q, &err), EV_E_MEMORY);
    assert_non_null(strstr(err.message, "no memory"));
    assert_true(isnan(got[0]));
    ev_enqueue_put(q, &put);
    ev_enqueue_get(q, &get);
    assert_true(isnan(got[3])); /* not before the wait */
    assert_int_equal(ev_queue_wait(q, &err), EV_OK);
    assert_memory_equal(rows, got, sizeof got);
    c->fails_at = 0;
    ev_queue_release(q, mark);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_source), cmocka_unit_test(test_spectra),
                                       cmocka_unit_test(test_places), cmocka_unit_test(test_failure)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
