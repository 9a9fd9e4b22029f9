/* The queue: every operation on places gives the bytes of the function on pointers, at odd sizes, on the CPU's maker
 * and on one whose memory lies elsewhere and which runs nothing before the wait (queue_check.h); gaps stay zero. Here
 * the convolutions. */
#include "queue_bench.h"

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
    upload(b, EV_WEIGHTS_CONV, &conv, 0);
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

/* By Winograd's algorithm, of parts of utterances. */
static void test_winograd(void **state) {
    bench *b = *state;
    rng_state = 55;
    for (int i = 0; i < ROUNDS; i++) {
        bench_spans(b, 40);
        const int co = rng_int(1, 40), ci = rng_int(1, 40), taps = i % 2 ? 3 : 5, dilation = rng_int(1, 2);
        const size_t ld = ev_round16((size_t)co), first[SPANS_MAX] = {(size_t)rng_int(0, 9), 5, 2, 3};
        ev_conv conv = random_conv(co, ci, taps);
        assert_int_equal(ev_conv_winograd(&conv, NULL), EV_OK);
        upload(b, EV_WEIGHTS_CONV, &conv, 0);
        grid x = make(b, (size_t)ci);
        float *y = zeros(b, ld);
        float *scratch = alloc_floats(ev_conv_scratch(&conv, dilation, ev_pool_threads(b->pool)));
        const ev_conv_args args = {.conv = &conv,
                                   .x = x.x,
                                   .ldx = x.ld,
                                   .tap_offset = -(taps - 1) / 2 * dilation,
                                   .dilation = dilation,
                                   .y = y,
                                   .ldy = ld,
                                   .scale = 0.5f,
                                   .spans = b->spans,
                                   .span_count = b->n,
                                   .first = first,
                                   .scratch = scratch};
        ev_conv_run(&b->c, &args);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_conv_op op = {.conv = &conv,
                                   .x = take(b, q, &x, (size_t)ci),
                                   .tap_offset = args.tap_offset,
                                   .dilation = dilation,
                                   .y = take(b, q, NULL, ld),
                                   .scale = args.scale,
                                   .spans = b->spans,
                                   .span_count = b->n,
                                   .first = first};
            ev_enqueue_conv(q, &op);
            check(b, q, op.y, y, ld, ld, "conv by Winograd's algorithm");
            ev_queue_release(q, mark);
        }
        zeros_free(y, ld), free(x.memory), free(scratch);
        ev_conv_free(&conv);
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
        upload(b, EV_WEIGHTS_UPCONV, &up, 0);
        grid x = make(b, (size_t)ci);
        float *y = zeros(b, ld), *y2 = zeros(b, ld);
        ev_upconv_run(&b->c, &up, x.x, x.ld, y, i % 2 ? y2 : NULL, NULL, 0.1f, b->spans, b->n);
        for (int k = 0; k < 2; k++) {
            ev_queue *q = b->queues[k];
            const size_t mark = ev_queue_mark(q);
            const ev_rows in = take(b, q, &x, (size_t)ci), out = take(b, q, NULL, ld), out2 = take(b, q, NULL, ld);
            const ev_upconv_op op = {&up, in, out.at, i % 2 ? out2.at : 0, 0.1f, b->spans, b->n};
            ev_enqueue_upconv(q, &op);
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
        upload(b, EV_WEIGHTS_SINGLE_OUTPUT, &conv, 0);
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
        upload(b, EV_WEIGHTS_DEPTHWISE, &conv, 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv), cmocka_unit_test(test_winograd),
                                       cmocka_unit_test(test_upconv), cmocka_unit_test(test_single_output),
                                       cmocka_unit_test(test_depthwise)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
