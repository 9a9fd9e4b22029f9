/* hifigan_load: binds the generator's weights by their published names (prefix "generator.") and derives how far the
 * network reaches. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "model/vocoder.h"

enum { NAME_MAX_BYTES = 96 };

static ev_status load_up(ev_upconv *out, const ev_container *c, const ev_hifigan_config *k, int i, int ci, int co,
                         ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL;
    snprintf(name, sizeof name, "generator.ups.%d", i);
    TRY(ev_weights_dense(&weight, &bias, c, name, ci, co, k->kernels[i], co, err));
    /* Its output rows lie side by side, so their width must be a multiple of 16: V2's last stage of 8 is padded. */
    const size_t width = ev_round16((size_t)co), taps = (size_t)k->kernels[i];
    float *wide = calloc((size_t)ci * width * taps, sizeof *wide), *wide_bias = calloc(width, sizeof *wide_bias);
    ev_status s = EV_E_MEMORY;
    if (wide && wide_bias) {
        for (size_t j = 0; j < (size_t)ci; j++) {
            memcpy(wide + j * width * taps, weight + j * (size_t)co * taps, (size_t)co * taps * sizeof *wide);
        }
        memcpy(wide_bias, bias, (size_t)co * sizeof *bias);
        s = ev_upconv_pack(out, wide, wide_bias, ci, (int)width, k->kernels[i], k->rates[i], err);
    } else {
        ev_fail(err, s, "out of memory for weights");
    }
    free(wide);
    free(wide_bias);
    free(weight);
    free(bias);
    return s;
}

/* PyTorch's strided Conv1d [co][2][2 left], stride left, padding left/2, as a convolution of 2 taps over rows of
 * left samples x 2 channels (1 tap where left is 1). */
static ev_status load_noise(ev_conv *out, const ev_container *c, int i, int co, int left, ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL;
    const int taps = left > 1 ? 2 : 1, width = taps * left, ci = 2 * left;
    snprintf(name, sizeof name, "generator.noise_convs.%d", i);
    TRY(ev_weights_dense(&weight, &bias, c, name, co, 2, width, co, err));
    float *rows = malloc((size_t)co * (size_t)ci * (size_t)taps * sizeof *rows);
    ev_status s = rows ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    for (int o = 0; o < co && rows; o++) {
        for (int channel = 0; channel < 2; channel++) {
            for (int j = 0; j < width; j++) {
                const int tap = j / left, at = (j % left) * 2 + channel;
                rows[((size_t)o * (size_t)ci + (size_t)at) * (size_t)taps + (size_t)tap] =
                    weight[((size_t)o * 2 + (size_t)channel) * (size_t)width + (size_t)j];
            }
        }
    }
    if (s == EV_OK) s = ev_conv_pack(out, rows, bias, co, ci, taps, err);
    free(rows);
    free(weight);
    free(bias);
    return s;
}

/* Winograd's algorithm pays where a row's products outweigh the sums and differences that it takes beside them. */
enum { WINOGRAD_PRODUCTS_MIN = 32 * 11 };

static ev_status load_block_conv(ev_conv *out, const ev_container *c, const char *name, int channels, int taps,
                                 ev_error *err) {
    TRY(ev_weights_conv(out, c, name, channels, channels, taps, err));
    return taps >= 3 && channels * taps >= WINOGRAD_PRODUCTS_MIN ? ev_conv_winograd(out, err) : EV_OK;
}

static ev_status load_block(ev_resblock *r, const ev_container *c, const ev_hifigan_config *k, int index, int kind,
                            int channels, ev_error *err) {
    char name[NAME_MAX_BYTES];
    const int taps = k->res_kernels[kind];
    for (int d = 0; d < k->dilation_count; d++) {
        snprintf(name, sizeof name, "generator.resblocks.%d.convs%s.%d", index, k->resblock == 1 ? "1" : "", d);
        TRY(load_block_conv(&r->convs1[d], c, name, channels, taps, err));
        if (k->resblock != 1) continue;
        snprintf(name, sizeof name, "generator.resblocks.%d.convs2.%d", index, d);
        TRY(load_block_conv(&r->convs2[d], c, name, channels, taps, err));
    }
    return EV_OK;
}

static ev_status load_stage(ev_vocoder *v, const ev_container *c, int i, int ci, int left, ev_error *err) {
    assert(left >= 1 && v->config.hop % left == 0);
    const ev_hifigan_config *k = &v->config.hifigan;
    ev_stage *s = &v->hifigan.stages[i];
    s->channels = ci / 2;
    s->left = left;
    TRY(load_up(&s->up, c, k, i, ci, s->channels, err));
    if (k->harmonics) TRY(load_noise(&s->noise, c, i, s->channels, left, err));
    for (int j = 0; j < k->kinds; j++) TRY(load_block(&s->blocks[j], c, k, i * k->kinds + j, j, s->channels, err));
    return EV_OK;
}

static ev_status load_ends(ev_vocoder *v, const ev_container *c, int last_channels, ev_error *err) {
    const ev_hifigan_config *k = &v->config.hifigan;
    ev_hifigan *g = &v->hifigan;
    float *weight = NULL, *bias = NULL;
    TRY(ev_weights_conv(&g->pre, c, "generator.conv_pre", k->channels, v->config.inputs, k->pre_kernel, err));
    TRY(ev_weights_dense(&weight, &bias, c, "generator.conv_post", 1, last_channels, k->post_kernel, 1, err));
    const ev_status s = ev_conv_single_output_pack(&g->post, weight, bias[0], last_channels, k->post_kernel, err);
    free(weight);
    free(bias);
    TRY(s);
    if (!k->harmonics) return EV_OK;
    TRY(ev_weights_dense(&weight, &bias, c, "generator.source_mix", 1, k->harmonics, 1, 1, err));
    memcpy(g->source_weight, weight, (size_t)k->harmonics * sizeof(float));
    g->source_bias = bias[0];
    free(weight);
    free(bias);
    return EV_OK;
}

/* Rows that the residual blocks of one stage reach to each side, and the widest single convolution there. */
static int block_reach(const ev_hifigan_config *k, int *widest) {
    int reach = 0;
    for (int j = 0; j < k->kinds; j++) {
        int sum = 0;
        for (int d = 0; d < k->dilation_count; d++) {
            const int half = (k->res_kernels[j] - 1) / 2, one = half * k->res_dilations[j][d];
            sum += one + (k->resblock == 1 ? half : 0);
            if (one > *widest) *widest = one;
        }
        if (sum > reach) reach = sum;
    }
    return reach;
}

static void derive_reach(ev_vocoder *v) {
    const ev_hifigan_config *k = &v->config.hifigan;
    int reach = k->post_kernel / 2, gap = k->pre_kernel / 2, widest = 0;
    const int blocks = block_reach(k, &widest), post_rows = k->post_kernel / 2;
    for (int i = k->stages - 1; i >= 0; i--) {
        const int u = k->rates[i], per_frame = v->config.hop / v->hifigan.stages[i].left;
        const int rows = i == k->stages - 1 && post_rows > widest ? post_rows : widest;
        const int taps = (rows + per_frame - 1) / per_frame;
        if (taps > gap) gap = taps;
        reach = (reach + blocks + u - 1) / u + k->kernels[i] / u; /* a transposed convolution's taps */
    }
    if (gap < 2) gap = 2; /* the transposed convolutions' own reach, and the source's half row */
    v->gap = (size_t)gap;
    v->halo = (size_t)(reach + k->pre_kernel / 2);
}

ev_status ev_hifigan_load(ev_vocoder *v, const ev_container *c, ev_error *err) {
    const ev_hifigan_config *k = &v->config.hifigan;
    int channels = k->channels, left = v->config.hop;
    for (int i = 0; i < k->stages; i++) {
        left /= k->rates[i];
        TRY(load_stage(v, c, i, channels, left, err));
        channels /= 2;
    }
    assert(left == 1 && channels >= 1); /* the rates' product is the hop */
    TRY(load_ends(v, c, channels, err));
    derive_reach(v);
    return EV_OK;
}

void ev_hifigan_free(ev_hifigan *g) {
    ev_conv_free(&g->pre);
    ev_conv_single_output_free(&g->post);
    for (int i = 0; i < EV_STAGES_MAX; i++) {
        ev_stage *s = &g->stages[i];
        ev_upconv_free(&s->up);
        ev_conv_free(&s->noise);
        for (int j = 0; j < EV_KINDS_MAX; j++) {
            for (int d = 0; d < EV_DILATIONS_MAX; d++) {
                ev_conv_free(&s->blocks[j].convs1[d]);
                ev_conv_free(&s->blocks[j].convs2[d]);
            }
        }
    }
}

/* ---- to a device ---- */

static void stage_upload(const ev_stage *s, const ev_hifigan_config *k, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_UPCONV, &s->up, 0);
    if (k->harmonics) ev_conv_upload(&s->noise, q);
    for (int j = 0; j < k->kinds; j++) {
        for (int d = 0; d < k->dilation_count; d++) {
            ev_conv_upload(&s->blocks[j].convs1[d], q);
            if (k->resblock == 1) ev_conv_upload(&s->blocks[j].convs2[d], q);
        }
    }
}

void ev_hifigan_upload(const ev_vocoder *v, ev_queue *q) {
    const ev_hifigan *g = &v->hifigan;
    const ev_hifigan_config *k = &v->config.hifigan;
    ev_conv_upload(&g->pre, q);
    ev_enqueue_upload(q, EV_WEIGHTS_SINGLE_OUTPUT, &g->post, 0);
    if (k->harmonics) ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, g->source_weight, (size_t)k->harmonics);
    for (int i = 0; i < k->stages; i++) stage_upload(&g->stages[i], k, q);
}
