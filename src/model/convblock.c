/* convblock: see convblock.h. */
#include "model/convblock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/try.h"

enum { NAME_MAX_BYTES = 96 };
static const float eps = 1e-5f;

/* ---- load ---- */

static ev_status load_depthwise(ev_convblock *b, const ev_container *c, const char *prefix, int kernel,
                                ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL;
    snprintf(name, sizeof name, "%s.dw", prefix);
    ev_status s = ev_weights_dense(&weight, &bias, c, name, b->width, 1, kernel, b->width, err);
    if (s == EV_OK) s = ev_depthwise_pack(&b->dw, weight, bias, b->width, kernel, err);
    free(weight);
    free(bias);
    return s;
}

/* x + gamma * (w y + b) = x + (gamma w) y + gamma b */
static ev_status load_second(ev_convblock *b, const ev_container *c, const char *prefix, ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL, *gamma = NULL;
    const size_t width = (size_t)b->width, hidden = (size_t)b->hidden;
    snprintf(name, sizeof name, "%s.gamma", prefix);
    ev_status s = ev_weights_array(&gamma, c, name, 1, (int64_t[]){b->width}, err);
    snprintf(name, sizeof name, "%s.pw2", prefix);
    if (s == EV_OK) s = ev_weights_dense(&weight, &bias, c, name, b->width, b->hidden, 1, b->width, err);
    if (s == EV_OK) {
        for (size_t o = 0; o < width; o++) {
            for (size_t i = 0; i < hidden; i++) weight[o * hidden + i] *= gamma[o];
            bias[o] *= gamma[o];
        }
        s = ev_conv_pack(&b->pw2, weight, bias, b->width, b->hidden, 1, err);
    }
    free(gamma);
    free(weight);
    free(bias);
    return s;
}

static ev_status load_all(ev_convblock *b, const ev_container *c, const char *prefix, int kernel, int condition,
                          ev_error *err) {
    char name[NAME_MAX_BYTES];
    TRY(load_depthwise(b, c, prefix, kernel, err));
    snprintf(name, sizeof name, "%s.norm", prefix);
    TRY(ev_weights_norm(&b->norm, c, name, b->width, err));
    snprintf(name, sizeof name, "%s.pw1", prefix);
    TRY(ev_weights_conv(&b->pw1, c, name, b->hidden, b->width, 1, err));
    TRY(load_second(b, c, prefix, err));
    if (!condition) return EV_OK;
    snprintf(name, sizeof name, "%s.film", prefix);
    return ev_weights_conv(&b->film, c, name, 2 * b->width, condition, 1, err);
}

ev_status ev_convblock_load(ev_convblock *out, const ev_container *c, const char *prefix, int width, int hidden,
                            int kernel, int dilation, int condition, ev_error *err) {
    assert(width > 0 && width % 16 == 0 && hidden > 0 && hidden % 16 == 0 && dilation >= 1 && condition >= 0);
    *out = (ev_convblock){.width = width, .hidden = hidden, .dilation = dilation};
    const ev_status s = load_all(out, c, prefix, kernel, condition, err);
    if (s != EV_OK) ev_convblock_free(out);
    return s;
}

void ev_convblock_free(ev_convblock *b) {
    ev_depthwise_free(&b->dw);
    ev_norm_free(&b->norm);
    ev_conv_free(&b->pw1);
    ev_conv_free(&b->pw2);
    ev_conv_free(&b->film);
    *b = (ev_convblock){0};
}

void ev_convblock_upload(const ev_convblock *b, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_DEPTHWISE, &b->dw, 0);
    ev_norm_upload(&b->norm, b->width, q);
    ev_conv_upload(&b->pw1, q);
    ev_conv_upload(&b->pw2, q);
    if (b->film.taps) ev_conv_upload(&b->film, q);
}

/* ---- run ---- */

void ev_convblock_film(const ev_convblock *b, ev_queue *q, ev_rows condition, size_t n, ev_rows film) {
    assert(n > 0 && b->film.taps == 1 && film.ld / 2 >= (size_t)b->width);
    const ev_span rows = {0, n};
    const ev_axis a = {&rows, 1, n, 0};
    const ev_conv_op conv = ev_axis_conv(&b->film, &a, condition, film);
    ev_enqueue_conv(q, &conv);
    const ev_film_op op = {
        .gamma = b->norm.gamma, .beta = b->norm.beta, .x = film, .width = (size_t)b->width, .rows = n};
    ev_enqueue_film(q, &op);
}

static void norm_run(const ev_convblock *b, ev_queue *q, const ev_axis *a, ev_rows film, ev_rows x) {
    const ev_layer_norm_op op = {.x = x,
                                 .y = x,
                                 .channels = b->width,
                                 .gamma = film.at ? NULL : b->norm.gamma,
                                 .beta = film.at ? NULL : b->norm.beta,
                                 .affine = film,
                                 .eps = eps,
                                 .spans = a->spans,
                                 .span_count = a->count};
    ev_enqueue_layer_norm(q, &op);
}

void ev_convblock_run(const ev_convblock *b, ev_queue *q, const ev_axis *a, ev_rows film, ev_rows x, ev_rows norm,
                      ev_rows hidden) {
    assert(x.at != norm.at && norm.at != hidden.at && hidden.ld >= (size_t)b->hidden);
    const ev_depthwise_op depthwise = {.conv = &b->dw,
                                       .x = x,
                                       .y = norm,
                                       .tap_offset = -(b->dw.taps - 1) / 2 * b->dilation,
                                       .dilation = b->dilation,
                                       .spans = a->spans,
                                       .span_count = a->count};
    ev_enqueue_depthwise(q, &depthwise);
    norm_run(b, q, a, film, norm);
    ev_conv_op op = ev_axis_conv(&b->pw1, a, norm, hidden);
    op.act = EV_ACT_GELU;
    ev_enqueue_conv(q, &op);
    op = ev_axis_conv(&b->pw2, a, hidden, x);
    op.residual = x;
    ev_enqueue_conv(q, &op);
}
