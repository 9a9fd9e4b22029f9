/* spectral_load: binds the generator's weights by PyTorch's names (prefix "generator."), folds what can be folded,
 * and derives how far the network reaches. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/vocoder.h"

enum { NAME_MAX_BYTES = 96 };

static ev_status load_depthwise(ev_depthwise *out, const ev_container *c, const char *name, int width, int taps,
                                ev_error *err) {
    float *weight = NULL, *bias = NULL;
    TRY(ev_weights_dense(&weight, &bias, c, name, width, 1, taps, width, err));
    const ev_status s = ev_depthwise_pack(out, weight, bias, width, taps, err);
    free(weight);
    free(bias);
    return s;
}

/* The second layer with the block's scale of its result. */
static ev_status load_down(ev_conv *out, const ev_container *c, int index, int width, int hidden, ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL, *gamma = NULL;
    snprintf(name, sizeof name, "generator.dec.%d.gamma", index);
    TRY(ev_weights_array(&gamma, c, name, 1, (int64_t[]){width}, err));
    snprintf(name, sizeof name, "generator.dec.%d.pw2", index);
    ev_status s = ev_weights_dense(&weight, &bias, c, name, width, hidden, 1, width, err);
    for (int o = 0; o < width && s == EV_OK; o++) {
        for (int i = 0; i < hidden; i++) weight[(size_t)o * (size_t)hidden + (size_t)i] *= gamma[o];
        bias[o] *= gamma[o];
    }
    if (s == EV_OK) s = ev_conv_pack(out, weight, bias, width, hidden, 1, err);
    free(weight);
    free(bias);
    free(gamma);
    return s;
}

/* A block's norm gives n gamma + beta, and the condition x makes of it (n gamma + beta)(1 + scale) + shift with
 * scale = A x + a, shift = B x + b: so n is scaled by gamma A x + gamma (1 + a) and shifted by
 * (beta A + B) x + beta (1 + a) + b. film, film_bias: A and B, a and b, which become the layer that makes both. */
static void fold_affine(const ev_norm *norm, float *film, float *film_bias, size_t width, size_t n) {
    assert(width > 0 && n > 0);
    for (size_t o = 0; o < width; o++) {
        const float gamma = norm->gamma[o], beta = norm->beta[o];
        float *scale = film + o * n, *shift = film + (width + o) * n;
        for (size_t i = 0; i < n; i++) {
            shift[i] += beta * scale[i];
            scale[i] *= gamma;
        }
        film_bias[width + o] += beta * (1 + film_bias[o]);
        film_bias[o] = gamma * (1 + film_bias[o]);
    }
}

static ev_status load_affine(ev_conv *out, const ev_container *c, const ev_vocoder_config *k, int index,
                             ev_error *err) {
    const int width = k->spectral.width, n = k->speaker + k->emotions;
    char name[NAME_MAX_BYTES];
    ev_norm norm = {0};
    float *film = NULL, *bias = NULL;
    snprintf(name, sizeof name, "generator.dec.%d.norm", index);
    TRY(ev_weights_norm(&norm, c, name, width, err));
    snprintf(name, sizeof name, "generator.dec.%d.film", index);
    ev_status s = ev_weights_dense(&film, &bias, c, name, 2 * width, n, 1, 2 * width, err);
    if (s == EV_OK) fold_affine(&norm, film, bias, (size_t)width, (size_t)n);
    if (s == EV_OK) s = ev_conv_pack(out, film, bias, 2 * width, n, 1, err);
    free(film);
    free(bias);
    ev_norm_free(&norm);
    return s;
}

static ev_status load_block(ev_frame_block *b, const ev_container *c, const ev_vocoder_config *config, int index,
                            ev_error *err) {
    const ev_spectral_config *k = &config->spectral;
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "generator.dec.%d.dw", index);
    TRY(load_depthwise(&b->depthwise, c, name, k->width, k->kernel, err));
    TRY(load_affine(&b->affine, c, config, index, err));
    snprintf(name, sizeof name, "generator.dec.%d.pw1", index);
    TRY(ev_weights_conv(&b->up, c, name, k->hidden, k->width, 1, err));
    return load_down(&b->down, c, index, k->width, k->hidden, err);
}

/* The head's rows, part by part in the file, in the order of ev_istft_column. */
static ev_status load_head(ev_spectral *g, const ev_container *c, int width, ev_error *err) {
    const int bins = g->stft.bins, given = g->stft.parts * bins;
    const size_t rows = ev_istft_width(&g->stft), n = (size_t)width;
    float *weight = NULL, *bias = NULL, *ordered = NULL, *ordered_bias = NULL;
    TRY(ev_weights_dense(&weight, &bias, c, "generator.head", given, width, 1, given, err));
    ordered = calloc(rows * n, sizeof *ordered);
    ordered_bias = calloc(rows, sizeof *ordered_bias);
    ev_status s = ordered && ordered_bias ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    for (int i = 0; i < given && s == EV_OK; i++) {
        const size_t to = ev_istft_column(&g->stft, i / bins, i % bins);
        assert(to < rows);
        memcpy(ordered + to * n, weight + (size_t)i * n, n * sizeof *ordered);
        ordered_bias[to] = bias[i];
    }
    if (s == EV_OK) s = ev_conv_pack(&g->head, ordered, ordered_bias, (int)rows, width, 1, err);
    free(weight);
    free(bias);
    free(ordered);
    free(ordered_bias);
    return s;
}

static ev_status quantize(ev_spectral *g, int blocks, ev_error *err) {
    TRY(ev_conv_quantize(&g->in, err));
    for (int i = 0; i < blocks; i++) {
        TRY(ev_conv_quantize(&g->blocks[i].up, err));
        TRY(ev_conv_quantize(&g->blocks[i].down, err));
    }
    return ev_conv_quantize(&g->head, err);
}

ev_status ev_spectral_load(ev_vocoder *v, const ev_container *c, ev_error *err) {
    const ev_spectral_config *k = &v->config.spectral;
    ev_spectral *g = &v->spectral;
    TRY(ev_istft_make(&g->stft, 4 * v->config.hop, k->parts, err));
    TRY(ev_weights_conv(&g->in, c, "generator.dec_in", k->width, v->config.inputs + 1, k->kernel, err));
    for (int i = 0; i < k->blocks; i++) TRY(load_block(&g->blocks[i], c, &v->config, i, err));
    TRY(ev_weights_norm(&g->norm, c, "generator.dec_norm", k->width, err));
    TRY(load_head(g, c, k->width, err));
    if (k->int8) TRY(quantize(g, k->blocks, err));
    const size_t half = (size_t)k->kernel / 2;
    v->halo = half * (size_t)(k->blocks + 1) + 2; /* the convolutions; then frames overlap with two of those behind */
    v->gap = half > 2 ? half : 2;
    return EV_OK;
}

void ev_spectral_free(ev_spectral *g) {
    ev_conv_free(&g->in);
    ev_conv_free(&g->head);
    ev_norm_free(&g->norm);
    ev_istft_free(&g->stft);
    for (int i = 0; i < EV_VOCODER_BLOCKS_MAX; i++) {
        ev_depthwise_free(&g->blocks[i].depthwise);
        ev_conv_free(&g->blocks[i].affine);
        ev_conv_free(&g->blocks[i].up);
        ev_conv_free(&g->blocks[i].down);
    }
}

void ev_spectral_upload(const ev_vocoder *v, ev_queue *q) {
    const ev_spectral *g = &v->spectral;
    ev_conv_upload(&g->in, q);
    ev_conv_upload(&g->head, q);
    ev_norm_upload(&g->norm, v->config.spectral.width, q);
    ev_enqueue_upload(q, EV_WEIGHTS_ISTFT, &g->stft, 0);
    for (int i = 0; i < v->config.spectral.blocks; i++) {
        const ev_frame_block *b = &g->blocks[i];
        ev_enqueue_upload(q, EV_WEIGHTS_DEPTHWISE, &b->depthwise, 0);
        ev_conv_upload(&b->affine, q);
        ev_conv_upload(&b->up, q);
        ev_conv_upload(&b->down, q);
    }
}
