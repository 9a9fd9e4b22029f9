/* The queue: every operation on places gives the bytes of the function on pointers, at odd sizes, on the CPU's maker
 * and on one whose memory lies elsewhere and which runs nothing before the wait (queue_check.h); gaps stay zero. */
#include "compute/queue_check.h"
#include "compute_test.h"

enum { SPANS_MAX = 4, MARGIN = 8, QUEUE_BYTES = 4 << 20, ROUNDS = 25 };

/* Some spans of an axis, and the makers' queues. */
typedef struct bench {
    ev_pool *pool;
    ev_compute c;
    ev_queue *queues[2];
    ev_span spans[SPANS_MAX];
    size_t n, rows;
} bench;

static void bench_open(bench *b) {
    assert_int_equal(ev_pool_create(&b->pool, 2, NULL), EV_OK);
    b->c = best_isa(b->pool);
    assert_int_equal(ev_queue_cpu(&b->queues[0], &b->c, QUEUE_BYTES, NULL), EV_OK);
    b->queues[1] = &queue_check_make(&b->c, QUEUE_BYTES)->queue;
}

static void bench_close(bench *b) {
    for (int i = 0; i < 2; i++) ev_queue_free(&b->queues[i]);
    ev_pool_free(&b->pool);
}

static void bench_spans(bench *b, int rows_max) {
    b->n = random_spans(b->spans, SPANS_MAX, rows_max, MARGIN, &b->rows);
}

/* A fresh matrix; with x's rows of spans, unless it is NULL. */
static ev_rows take(const bench *b, ev_queue *q, const grid *x, size_t ld) {
    const ev_at base = ev_queue_take(q, (b->rows + 2 * MARGIN) * ld);
    const ev_fresh_op fresh = {{base + MARGIN * ld, ld}, MARGIN, b->rows, b->spans, b->n};
    ev_enqueue_fresh(q, &fresh);
    if (x) {
        const ev_put_op put = {x->x, x->ld, fresh.x, x->width, b->spans, b->n};
        ev_enqueue_put(q, &put);
    }
    return fresh.x;
}

/* A direct function's output: zeros, margins included. */
static float *zeros(const bench *b, size_t ld) {
    float *y = alloc_floats((b->rows + 2 * MARGIN) * ld);
    memset(y, 0, (b->rows + 2 * MARGIN) * ld * sizeof *y);
    return y + MARGIN * ld;
}

static void zeros_free(float *y, size_t ld) { free(y - MARGIN * ld); }

/* `width` floats of each row of spans are the expected ones, all others of the axis' gaps still zero. */
static void check(const bench *b, ev_queue *q, ev_rows y, const float *expected, size_t ld, size_t width,
                  const char *what) {
    const ev_span all = {0, b->rows};
    float *got = alloc_output(b->rows, width);
    const ev_get_op get = {.from = y, .to = got, .ld = width, .width = width, .spans = &all, .span_count = 1};
    ev_enqueue_get(q, &get);
    assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
    for (size_t t = 0, s = 0; t < b->rows; t++) {
        while (s < b->n && t >= b->spans[s].begin + b->spans[s].count) s++;
        const bool inside = s < b->n && t >= b->spans[s].begin;
        if (inside) assert_same(expected + t * ld, got + t * width, width, what);
        for (size_t c = 0; c < width && !inside; c++)
            if (bits_of(got[t * width + c])) fail_msg("%s: row %zu of a gap was written", what, t);
    }
    free(got);
}

static grid make(const bench *b, size_t width) {
    return grid_make(b->rows, MARGIN, width, width + 1, b->spans, b->n, false);
}

/* ---- convolutions ---- */

static ev_conv random_conv(int co, int ci, int taps) {
    float *w = alloc_floats((size_t)(co * ci * taps)), *bias = alloc_floats((size_t)co);
    ev_conv conv;
    fill(w, (size_t)(co * ci * taps), false);
    fill(bias, (size_t)co, false);
    assert_int_equal(ev_conv_pack(&conv, w, bias, co, ci, taps, NULL), EV_OK);
    free(w), free(bias);
    return conv;
}

static void conv_case(bench *b, bool span_bias, bool int8) {
    const int co = rng_int(1, 70), ci = rng_int(1, 40), taps = 2 * rng_int(0, 3) + 1, dilation = rng_int(1, 2);
    const size_t ld = ev_round16((size_t)co);
    ev_conv conv = random_conv(co, ci, taps);
    if (int8) assert_int_equal(ev_conv_quantize(&conv, NULL), EV_OK);
    grid x = make(b, (size_t)ci), r = make(b, ld), r2 = make(b, ld);
    float *biases = alloc_floats(SPANS_MAX * ld), *y = zeros(b, ld), *y2 = zeros(b, ld);
    const float *bias[SPANS_MAX];
    fill(biases, SPANS_MAX * ld, false);
    for (size_t s = 0; s < SPANS_MAX; s++) bias[s] = biases + s * ld;
    const int offset = -(taps - 1) / 2 * dilation;
    const ev_conv_args args = {.conv = &conv,
                               .x = x.x,
                               .ldx = x.ld,
                               .tap_offset = offset,
                               .dilation = dilation,
                               .y = y,
                               .ldy = ld,
                               .y2 = y2,
                               .ldy2 = ld,
                               .residual = r.x,
                               .ldr = r.ld,
                               .residual2 = r2.x,
                               .ldr2 = r2.ld,
                               .span_bias = span_bias ? bias : NULL,
                               .act = EV_ACT_GELU,
                               .act2 = EV_ACT_LRELU,
                               .slope2 = 0.1f,
                               .scale = 0.5f,
                               .spans = b->spans,
                               .span_count = b->n};
    ev_conv_run(&b->c, &args);
    for (int i = 0; i < 2; i++) {
        ev_queue *q = b->queues[i];
        const size_t mark = ev_queue_mark(q);
        ev_conv_op op = {.conv = &conv,
                         .x = take(b, q, &x, (size_t)ci),
                         .tap_offset = offset,
                         .dilation = dilation,
                         .y = take(b, q, NULL, ld),
                         .y2 = take(b, q, NULL, ld),
                         .residual = take(b, q, &r, ld),
                         .residual2 = take(b, q, &r2, ld),
                         .span_bias = args.span_bias,
                         .act = args.act,
                         .act2 = args.act2,
                         .slope2 = args.slope2,
                         .scale = args.scale,
                         .spans = b->spans,
                         .span_count = b->n};
        ev_enqueue_conv(q, &op);
        check(b, q, op.y, y, ld, ld, "conv");
        check(b, q, op.y2, y2, ld, ld, "conv's second output");
        op.y2 = op.residual = op.residual2 = (ev_rows){0}; /* none */
        op.span_bias = NULL;
        op.act = EV_ACT_NONE;
        op.scale = 1;
        ev_enqueue_conv(q, &op);
        float *plain = zeros(b, ld);
        const ev_conv_args bare = {.conv = &conv,
                                   .x = x.x,
                                   .ldx = x.ld,
                                   .tap_offset = offset,
                                   .dilation = dilation,
                                   .y = plain,
                                   .ldy = ld,
                                   .scale = 1,
                                   .spans = b->spans,
                                   .span_count = b->n};
        ev_conv_run(&b->c, &bare);
        check(b, q, op.y, plain, ld, ld, "plain conv");
        zeros_free(plain, ld);
        ev_queue_release(q, mark);
    }
    zeros_free(y, ld), zeros_free(y2, ld), free(biases);
    free(x.memory), free(r.memory), free(r2.memory);
    ev_conv_free(&conv);
}

static void test_conv(void **state) {
    bench *b = *state;
    rng_state = 51;
    for (int i = 0; i < ROUNDS; i++) {
        bench_spans(b, 40);
        conv_case(b, i % 2, i % 3 == 0);
    }
}

static void test_upconv(void **state) {
    bench *b = *state;
    rng_state = 52;
    for (int i = 0; i < ROUNDS; i++) {
        const int ci = rng_int(1, 40), co = 16 * rng_int(1, 2), stride = rng_int(1, 4),
                  kernel = stride * (stride % 2 ? 3 : 2);
        const size_t ld = (size_t)(co * stride), weights = (size_t)(ci * co * kernel);
        float *w = alloc_floats(weights);
        ev_upconv up;
        bench_spans(b, 20);
        fill(w, weights, false);
        assert_int_equal(ev_upconv_pack(&up, w, NULL, ci, co, kernel, stride, NULL), EV_OK);
        grid x = make(b, (size_t)ci);
        float *y = zeros(b, ld), *y2 = zeros(b, ld);
        ev_upconv_run(&b->c, &up, x.x, x.ld, y, i % 2 ? y2 : NULL, NULL, 0.1f, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, (size_t)ci), out = take(b, q, NULL, ld), out2 = take(b, q, NULL, ld);
            ev_enqueue_upconv(q, &up, in, out.at, i % 2 ? out2.at : 0, 0.1f, b->spans, b->n);
            check(b, q, out, y, ld, ld, "upconv");
            if (i % 2) check(b, q, out2, y2, ld, ld, "upconv's second output");
            ev_queue_release(q, mark);
        }
        ev_upconv_free(&up);
        zeros_free(y, ld), zeros_free(y2, ld), free(x.memory), free(w);
    }
}

static void test_single_output(void **state) {
    bench *b = *state;
    rng_state = 53;
    for (int i = 0; i < ROUNDS; i++) {
        const int ci = rng_int(1, 40), taps = 2 * rng_int(0, 3) + 1;
        float *w = alloc_floats((size_t)(ci * taps));
        ev_conv_single_output conv;
        bench_spans(b, 200);
        fill(w, (size_t)(ci * taps), false);
        assert_int_equal(ev_conv_single_output_pack(&conv, w, 0.3f, ci, taps, NULL), EV_OK);
        grid x = make(b, (size_t)ci);
        float *y = zeros(b, 1);
        ev_conv_single_output_run(&b->c, &conv, x.x, x.ld, -(taps - 1) / 2, y, EV_ACT_TANH, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, (size_t)ci), out = take(b, q, NULL, 1);
            const ev_conv_single_output_op op = {&conv, in, -(taps - 1) / 2, out.at, EV_ACT_TANH, b->spans, b->n};
            ev_enqueue_conv_single_output(q, &op);
            check(b, q, out, y, 1, 1, "conv to one channel");
            ev_queue_release(q, mark);
        }
        ev_conv_single_output_free(&conv);
        zeros_free(y, 1), free(x.memory), free(w);
    }
}

static void test_depthwise(void **state) {
    bench *b = *state;
    rng_state = 54;
    for (int i = 0; i < ROUNDS; i++) {
        const int channels = rng_int(1, 50), taps = 2 * rng_int(0, 3) + 1, dilation = rng_int(1, 2);
        const size_t width = (size_t)channels, ld = ev_round16(width);
        const int offset = -(taps - 1) / 2 * dilation;
        float *w = alloc_floats((size_t)(channels * taps));
        ev_depthwise conv;
        bench_spans(b, 40);
        fill(w, (size_t)(channels * taps), false);
        assert_int_equal(ev_depthwise_pack(&conv, w, NULL, channels, taps, NULL), EV_OK);
        grid x = make(b, width);
        float *y = zeros(b, ld);
        ev_depthwise_run(&b->c, &conv, x.x, x.ld, offset, dilation, y, ld, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
            const ev_depthwise_op op = {&conv, in, out, offset, dilation, b->spans, b->n};
            ev_enqueue_depthwise(q, &op);
            check(b, q, out, y, ld, width, "depthwise");
            ev_queue_release(q, mark);
        }
        ev_depthwise_free(&conv);
        zeros_free(y, ld), free(x.memory), free(w);
    }
}

/* ---- rows ---- */

static void test_layer_norm(void **state) {
    bench *b = *state;
    rng_state = 55;
    for (int i = 0; i < ROUNDS; i++) {
        const int channels = rng_int(1, 70);
        const size_t width = (size_t)channels, ld = ev_round16(width);
        float *affine = alloc_floats(SPANS_MAX * 2 * ld), *y = NULL;
        bench_spans(b, 40);
        fill(affine, SPANS_MAX * 2 * ld, false);
        grid x = make(b, width);
        for (int own = 0; own < 2; own++) { /* one norm for all, each span's own */
            y = zeros(b, ld);
            ev_layer_norm_spans_run(&b->c, x.x, x.ld, y, ld, channels, affine, affine + ld, own ? 2 * ld : 0, 1e-5f,
                                    b->spans, b->n);
            for (int k = 0; k < 2; k++) {
                ev_queue *q = b->queues[k];
                const size_t mark = ev_queue_mark(q);
                const ev_span each = {0, b->n};
                const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
                const ev_rows rows = {ev_queue_take(q, b->n * 2 * ld), 2 * ld};
                const ev_put_op put = {affine, 2 * ld, rows, 2 * ld, &each, 1};
                ev_enqueue_put(q, &put);
                const ev_layer_norm_op op = {.x = in,
                                             .y = out,
                                             .channels = channels,
                                             .gamma = own ? NULL : affine,
                                             .beta = own ? NULL : affine + ld,
                                             .affine = own ? rows : (ev_rows){0},
                                             .eps = 1e-5f,
                                             .spans = b->spans,
                                             .span_count = b->n};
                ev_enqueue_layer_norm(q, &op);
                check(b, q, out, y, ld, width, "layer norm");
                ev_queue_release(q, mark);
            }
            zeros_free(y, ld);
        }
        free(affine), free(x.memory);
    }
}

static void test_attention(void **state) {
    bench *b = *state;
    rng_state = 56;
    for (int i = 0; i < ROUNDS; i++) {
        const int heads = rng_int(1, 3), head_dim = 16 * rng_int(1, 2);
        const size_t w = (size_t)(heads * head_dim);
        bench_spans(b, 60);
        grid x = make(b, 3 * w);
        float *y = zeros(b, w), *scratch = alloc_floats(ev_attention_scratch(60, heads, head_dim, 2));
        ev_attention_run(&b->c, x.x, x.x + w, x.x + 2 * w, x.ld, y, w, heads, head_dim, scratch, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, 3 * w), out = take(b, q, NULL, w);
            const ev_attention_op op = {in.at, in.at + w, in.at + 2 * w, 3 * w, out, heads, head_dim, b->spans, b->n};
            ev_enqueue_attention(q, &op);
            check(b, q, out, y, w, w, "attention");
            ev_queue_release(q, mark);
        }
        zeros_free(y, w), free(scratch), free(x.memory);
    }
}

static void test_upsample(void **state) {
    bench *b = *state;
    rng_state = 57;
    for (int i = 0; i < ROUNDS; i++) {
        const int channels = rng_int(1, 40);
        const size_t width = (size_t)channels, ld = ev_round16(width);
        bench_spans(b, 40);
        grid x = make(b, width);
        float *centre = alloc_floats(b->rows), *y = zeros(b, ld);
        for (size_t t = 0; t < b->rows; t++) centre[t] = (float)t * 1.3f;
        ev_span few[SPANS_MAX]; /* the last half of each span's rows are tokens */
        for (size_t s = 0; s < b->n; s++) {
            const size_t half = b->spans[s].count / 2;
            few[s] = (ev_span){b->spans[s].begin + half, b->spans[s].count - half};
        }
        ev_upsample_run(&b->c, x.x, x.ld, centre, 0.1f, y, ld, channels, few, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
            const ev_upsample_op op = {in, out, centre, 0.1f, channels, few, b->spans, b->n};
            ev_enqueue_upsample(q, &op);
            check(b, q, out, y, ld, width, "upsample");
            ev_queue_release(q, mark);
        }
        zeros_free(y, ld), free(centre), free(x.memory);
    }
}

/* Rows of weights and rows of activations by number, positions on top; and the same rows straight to the host. */
static void test_gather(void **state) {
    bench *b = *state;
    rng_state = 58;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t width = (size_t)rng_int(1, 40), ld = width + (size_t)rng_int(0, 5);
        bench_spans(b, 40);
        float *table = alloc_floats(b->rows * width), *y = zeros(b, ld), *got = alloc_output(b->rows, ld);
        int32_t *index = malloc(b->rows * sizeof *index);
        fill(table, b->rows * width, false);
        for (size_t s = 0; s < b->n; s++)
            for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                index[t] = (int32_t)(b->spans[s].begin + (size_t)rng_int(0, (int)b->spans[s].count - 1));
        grid x = make(b, width);
        for (int k = 0; k < 4; k++) {
            ev_queue *q = b->queues[k / 2];
            const size_t mark = ev_queue_mark(q);
            const bool weights = k % 2;
            const ev_rows in = take(b, q, &x, width), out = take(b, q, NULL, ld);
            for (size_t s = 0; s < b->n; s++)
                for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                    for (size_t c = 0; c < width; c++) {
                        const size_t row = (size_t)index[t];
                        y[t * ld + c] = weights ? table[row * width + c] : x.x[row * x.ld + c];
                    }
            const ev_gather_op op = {.table = weights ? table : NULL,
                                     .x = weights ? (ev_rows){0} : in,
                                     .index = index,
                                     .y = out,
                                     .width = width,
                                     .spans = b->spans,
                                     .span_count = b->n};
            ev_enqueue_gather(q, &op);
            check(b, q, out, y, ld, width, "gather");
            if (!weights) {
                const ev_get_op get = {in, index, got, ld, width, b->spans, b->n};
                ev_enqueue_get(q, &get);
                assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
                for (size_t s = 0; s < b->n; s++)
                    for (size_t t = b->spans[s].begin; t < b->spans[s].begin + b->spans[s].count; t++)
                        assert_same(y + t * ld, got + t * ld, width, "get by number");
            }
            const ev_positions_op positions = {table, 0.7f, out, width, b->spans, b->n};
            ev_enqueue_positions(q, &positions);
            for (size_t s = 0; s < b->n; s++)
                for (size_t t = 0; t < b->spans[s].count; t++)
                    for (size_t c = 0; c < width; c++)
                        y[(b->spans[s].begin + t) * ld + c] += 0.7f * table[t * width + c];
            check(b, q, out, y, ld, width, "positions");
            ev_queue_release(q, mark);
        }
        assert_guarded(got, b->rows, ld, width, b->spans, b->n);
        zeros_free(y, ld), free(table), free(index), free(got), free(x.memory);
    }
}

static void test_film(void **state) {
    bench *b = *state;
    rng_state = 59;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t width = (size_t)rng_int(1, 40), half = ev_round16(width), n = (size_t)rng_int(1, 5);
        float *x = alloc_floats(n * 2 * half), *got = alloc_floats(n * 2 * half), gamma[48], beta[48];
        const ev_span all = {0, n};
        fill(x, n * 2 * half, false);
        fill(gamma, 48, false);
        fill(beta, 48, false);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows rows = {ev_queue_take(q, n * 2 * half), 2 * half};
            const ev_put_op put = {x, 2 * half, rows, 2 * half, &all, 1};
            const ev_film_op op = {gamma, beta, rows, width, n};
            const ev_get_op get = {rows, NULL, got, 2 * half, 2 * half, &all, 1};
            ev_enqueue_put(q, &put);
            ev_enqueue_film(q, &op);
            ev_enqueue_get(q, &get);
            assert_int_equal(ev_queue_wait(q, NULL), EV_OK);
            for (size_t t = 0; t < n; t++)
                for (size_t c = 0; c < half; c++) {
                    const float scale = x[t * 2 * half + c], shift = x[t * 2 * half + half + c];
                    const bool in = c < width;
                    const float wanted[2] = {in ? gamma[c] * (1 + scale) : scale,
                                             in ? shift + beta[c] * (1 + scale) : shift};
                    assert_same(&wanted[0], &got[t * 2 * half + c], 1, "film's scale");
                    assert_same(&wanted[1], &got[t * 2 * half + half + c], 1, "film's shift");
                }
            ev_queue_release(q, mark);
        }
        free(x), free(got);
    }
}

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

static int setup(void **state) {
    static bench b;
    bench_open(&b);
    *state = &b;
    return 0;
}

static int teardown(void **state) {
    bench_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),      cmocka_unit_test(test_upconv),     cmocka_unit_test(test_single_output),
        cmocka_unit_test(test_depthwise), cmocka_unit_test(test_layer_norm), cmocka_unit_test(test_attention),
        cmocka_unit_test(test_upsample),  cmocka_unit_test(test_gather),     cmocka_unit_test(test_film),
        cmocka_unit_test(test_source),    cmocka_unit_test(test_spectra),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
