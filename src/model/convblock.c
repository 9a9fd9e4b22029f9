/* convblock: see convblock.h. */
#include "model/convblock.h"

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

/* ---- run ---- */

void ev_convblock_film(const ev_convblock *b, const ev_compute *compute, const float *condition, size_t ldc, size_t n,
                       float *film) {
    const size_t w = (size_t)b->width;
    const ev_span rows = {0, n};
    const ev_axis a = {&rows, 1, n, 0};
    const ev_conv_args args = ev_axis_conv(&b->film, &a, condition, ldc, film, 2 * w);
    ev_conv_run(compute, &args);
    for (size_t s = 0; s < n; s++, film += 2 * w) { /* gamma (1 + scale), beta (1 + scale) + shift */
        for (size_t i = 0; i < w; i++) {
            const float scale = 1.0f + film[i];
            film[w + i] += b->norm.beta[i] * scale;
            film[i] = b->norm.gamma[i] * scale;
        }
    }
}

void ev_convblock_run(const ev_convblock *b, const ev_compute *compute, const ev_axis *a, const float *film, float *x,
                      float *norm, float *hidden) {
    const size_t w = (size_t)b->width, h = (size_t)b->hidden;
    ev_depthwise_run(compute, &b->dw, x, w, -(b->dw.taps - 1) / 2 * b->dilation, b->dilation, norm, w, a->spans,
                     a->count);
    if (film) {
        ev_layer_norm_spans_run(compute, norm, w, norm, w, b->width, film, film + w, 2 * w, eps, a->spans, a->count);
    } else {
        ev_layer_norm_run(compute, norm, w, norm, w, b->width, b->norm.gamma, b->norm.beta, eps, a->spans, a->count);
    }
    ev_conv_args args = ev_axis_conv(&b->pw1, a, norm, w, hidden, h);
    args.act = EV_ACT_GELU;
    ev_conv_run(compute, &args);
    args = ev_axis_conv(&b->pw2, a, hidden, h, x, w);
    args.residual = x;
    ev_conv_run(compute, &args);
}
