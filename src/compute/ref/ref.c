/* ref: every operation in plain C. This file is the definition: what it computes, in which order, to the last bit.
 * It is compiled without any instruction set option; fmaf makes the fused multiply-add explicit. Read it beside
 * cpu/conv.inc.h and cpu/rows.inc.h, which do the same 16 lanes at a time. */
#include <math.h>
#include <stddef.h>

#include "base/half.h"
#include "compute/ref/vec_scalar.h"
#include "compute/kernels.h"
#include "compute/math.h"
#include "compute/fft.inc.h"
#include "compute/ref/spectrum.inc.h"

enum { LANES = 16 };

/* 16 partial sums to one: i with i + 8, then + 4, + 2, + 1. */
static float sum_pairwise(float s[LANES]) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) s[i] += s[i + half];
    return s[0];
}

static float epilogue(const ev_tile *t, float acc, size_t row, size_t channel) {
    float v = m_act(acc, t->act, t->slope);
    if (t->gain) v = fmaf(v, t->gain[channel], t->shift[channel]);
    if (t->residual) v += t->residual[row * t->ldr + channel];
    if (t->residual2) v += t->residual2[row * t->ldr2 + channel];
    return v * t->scale;
}

static float weight(const ev_tile *t, size_t i) { return t->w ? t->w[i] : ev_float_of_half(t->w16[i]); }

static void conv_row_block(const ev_tile *t, size_t row, int block) {
    float acc[LANES];
    size_t w = (size_t)block * t->w_step;
    for (int i = 0; i < LANES; i++) acc[i] = t->bias ? t->bias[block * LANES + i] : 0.0f;
    for (int tap = 0; tap < t->taps; tap++) {
        const float *x = t->x + row * t->ldx + (size_t)tap * t->tap_step;
        for (int c = 0; c < t->ci; c++, w += LANES)
            for (int i = 0; i < LANES; i++) acc[i] = fmaf(x[c], weight(t, w + (size_t)i), acc[i]);
    }
    for (int i = 0; i < LANES; i++) {
        size_t channel = (size_t)block * LANES + (size_t)i;
        float v = epilogue(t, acc[i], row, channel);
        if (t->y) t->y[row * t->ldy + channel] = v;
        if (t->y2) t->y2[row * t->ldy2 + channel] = m_act(v, t->act2, t->slope2);
    }
}

static void conv(const ev_tile *t, size_t rows, int blocks) {
    for (int block = 0; block < blocks; block++)
        for (size_t row = 0; row < rows; row++) conv_row_block(t, row, block);
}

/* One row's inputs, those of all taps; returns their scale. NaN and infinity make the scale NaN. */
static float quantize_row(const ev_tile *t, size_t row, int *q) {
    float most = 0, finite = 0;
    const int inputs = t->taps * t->ci;
    for (int i = 0; i < t->inputs8; i++) {
        const size_t tap = (size_t)(i / t->ci), c = (size_t)(i % t->ci);
        const float x = i < inputs ? t->x[row * t->ldx + tap * t->tap_step + c] : 0.0f;
        most = v_max(fabsf(x), most);
        finite += x * 0.0f;
    }
    const float turns = most > EV_INT8_LEAST ? EV_INT8_MOST / most : 0.0f;
    for (int i = 0; i < t->inputs8; i++) {
        const size_t tap = (size_t)(i / t->ci), c = (size_t)(i % t->ci);
        const float x = i < inputs && finite == 0 ? t->x[row * t->ldx + tap * t->tap_step + c] : 0.0f;
        q[i] = (int)nearbyintf(x * turns);
    }
    return (most > EV_INT8_LEAST ? most / EV_INT8_MOST : 0.0f) + finite;
}

static void conv8(const ev_tile *t, size_t rows, int blocks) {
    int q[EV_INT8_INPUTS_MAX];
    for (size_t row = 0; row < rows; row++) {
        const float scale = quantize_row(t, row, q);
        for (size_t channel = 0; channel < (size_t)blocks * LANES; channel++) {
            const int8_t *w = t->w8 + channel / LANES * LANES * (size_t)t->inputs8 + channel % LANES * 4;
            int sum = 0;
            for (int i = 0; i < t->inputs8; i++) sum += q[i] * w[i / 4 * 64 + i % 4];
            const float bias = t->bias ? t->bias[channel] : 0.0f;
            const float v = epilogue(t, fmaf((float)sum * scale, t->scale8[channel], bias), row, channel);
            if (t->y) t->y[row * t->ldy + channel] = v;
            if (t->y2) t->y2[row * t->ldy2 + channel] = m_act(v, t->act2, t->slope2);
        }
    }
}

static void conv_single_output(const ev_conv_single_output *conv, const float *x, size_t ldx, float *y, ev_act act,
                               size_t rows) {
    size_t padded = ev_round16((size_t)conv->ci);
    for (size_t row = 0; row < rows; row++) {
        float s[LANES] = {0};
        for (int tap = 0; tap < conv->taps; tap++) {
            const float *xr = x + (row + (size_t)tap) * ldx, *w = conv->w + (size_t)tap * padded;
            /* The padding is summed too (as zeros): it may turn a -0 of an underflow into +0. */
            for (size_t c = 0; c < padded; c++)
                s[c % LANES] = fmaf(c < (size_t)conv->ci ? xr[c] : 0.0f, w[c], s[c % LANES]);
        }
        y[row] = m_act(sum_pairwise(s) + conv->bias, act, 0.0f);
    }
}

static void depthwise(const ev_depthwise *conv, const float *x, size_t ldx, size_t tap_step, float *y, size_t ldy,
                      size_t rows) {
    size_t n = (size_t)conv->channels, padded = ev_round16(n);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < n; c++) {
            float acc = conv->bias[c];
            for (size_t tap = 0; tap < (size_t)conv->taps; tap++)
                acc = fmaf(x[row * ldx + tap * tap_step + c], conv->w[tap * padded + c], acc);
            y[row * ldy + c] = acc;
        }
}

static void layer_norm(const float *x, size_t ldx, float *y, size_t ldy, int channels, const float *gamma,
                       const float *beta, float eps, size_t rows) {
    float n = (float)channels;
    for (size_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        float s[LANES] = {0}, q[LANES] = {0};
        for (int c = 0; c < channels; c++) s[c % LANES] += x[c];
        float mean = sum_pairwise(s) / n;
        for (int c = 0; c < channels; c++) q[c % LANES] = fmaf(x[c] - mean, x[c] - mean, q[c % LANES]);
        float inverse = 1.0f / sqrtf(sum_pairwise(q) / n + eps);
        for (int c = 0; c < channels; c++) y[c] = fmaf((x[c] - mean) * inverse, gamma[c], beta[c]);
    }
}

static void softmax(float *x, size_t ldx, size_t n, size_t rows) {
    for (size_t row = 0; row < rows; row++, x += ldx) {
        float top = -INFINITY, s[LANES] = {0};
        for (size_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top; /* skips NaN: the sum below brings it back */
        for (size_t i = 0; i < n; i++) {
            x[i] = m_exp(x[i] - top);
            s[i % LANES] += x[i];
        }
        float inverse = 1.0f / sum_pairwise(s);
        for (size_t i = 0; i < n; i++) x[i] *= inverse;
    }
}

/* One row: tokens in chunks of EV_UPSAMPLE_CHUNK, their weights first, then every channel's sum over them. */
static void upsample_row(const ev_upsample_tile *tile, float t, float *out) {
    ev_window w = ev_upsample_window(tile->centre, tile->tokens, t, tile->delta);
    float e[EV_UPSAMPLE_CHUNK], s[LANES] = {0};
    for (int c = 0; c < tile->channels; c++) out[c] = 0.0f;
    for (size_t begin = w.begin; begin < w.end; begin += EV_UPSAMPLE_CHUNK) {
        size_t n = w.end - begin < EV_UPSAMPLE_CHUNK ? w.end - begin : EV_UPSAMPLE_CHUNK;
        for (size_t i = 0; i < n; i++) {
            float d = t - tile->centre[begin + i];
            e[i] = m_exp((w.nearest - d * d) * tile->delta);
            s[i % LANES] += e[i];
        }
        for (size_t i = 0; i < n; i++)
            for (int c = 0; c < tile->channels; c++)
                out[c] = fmaf(e[i], tile->x[(begin + i) * tile->ldx + (size_t)c], out[c]);
    }
    float inverse = 1.0f / sum_pairwise(s);
    for (int c = 0; c < tile->channels; c++) out[c] *= inverse;
}

static void upsample(const ev_upsample_tile *tile, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        upsample_row(tile, (float)(tile->first + row), tile->out + row * tile->ldo);
}

static void axpby(const float *x, size_t ldx, float a, const float *z, size_t ldz, float b, float *y, size_t ldy,
                  int channels, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < (size_t)channels; c++)
            y[row * ldy + c] = z ? fmaf(x[row * ldx + c], a, z[row * ldz + c] * b) : x[row * ldx + c] * a;
}

const ev_kernels ev_kernels_ref = {
    .name = "ref",
    .conv = conv,
    .conv8 = conv8,
    .conv_single_output = conv_single_output,
    .depthwise = depthwise,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .upsample = upsample,
    .axpby = axpby,
    .fft_forward = fft_forward,
    .fft_inverse = fft_inverse,
    .istft = istft,
    .pulses = pulses,
};
