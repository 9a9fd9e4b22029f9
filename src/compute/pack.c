/* pack: weights from PyTorch's layout into the kernels', once, at load. */
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "compute/kernels.h"

/* Sizes come from model files: hostile. Bounds that no real layer reaches, and no product below overflows. */
enum { CHANNELS_MAX = 1 << 20, TAPS_MAX = 1 << 12 };
static const size_t FLOATS_MAX = (size_t)1 << 30;

static ev_status check_sizes(int co, int ci, int taps, ev_error *err) {
    if (co < 1 || ci < 1 || taps < 1 || co > CHANNELS_MAX || ci > CHANNELS_MAX || taps > TAPS_MAX ||
        ev_round16((size_t)co) * (size_t)ci > FLOATS_MAX / (size_t)taps)
        return ev_fail(err, EV_E_FORMAT, "layer of impossible size: %d outputs, %d inputs, %d taps", co, ci, taps);
    return EV_OK;
}

static float *alloc_zeroed(size_t floats) {
    float *p = ev_aligned_alloc(floats * sizeof(float));
    if (p) memset(p, 0, floats * sizeof(float));
    return p;
}

/* Zeroed weights and biases of the given sizes, to be filled. */
static ev_status conv_alloc(ev_conv *out, int co, int ci, int taps, ev_error *err) {
    memset(out, 0, sizeof(*out));
    ev_status status = check_sizes(co, ci, taps, err);
    if (status) return status;
    *out = (ev_conv){.taps = taps, .ci = ci, .co = co, .co_blocks = (co + 15) / 16};
    out->w = alloc_zeroed(ev_round16((size_t)co) * (size_t)taps * (size_t)ci);
    out->bias = alloc_zeroed(ev_round16((size_t)co));
    if (out->w && out->bias) return EV_OK;
    ev_conv_free(out);
    return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %d x %d x %d weights", co, ci, taps);
}

static float *conv_weight(const ev_conv *conv, int co, int ci, int tap) {
    size_t row = ((size_t)(co / 16) * (size_t)conv->taps + (size_t)tap) * (size_t)conv->ci + (size_t)ci;
    return conv->w + row * 16 + (size_t)(co % 16);
}

ev_status ev_conv_pack(ev_conv *out, const float *weight, const float *bias, int co, int ci, int taps,
                       ev_error *err) {
    ev_status status = conv_alloc(out, co, ci, taps, err);
    if (status) return status;
    for (int o = 0; o < co; o++)
        for (int i = 0; i < ci; i++)
            for (int k = 0; k < taps; k++) *conv_weight(out, o, i, k) = *weight++;
    if (bias) memcpy(out->bias, bias, (size_t)co * sizeof(float));
    return EV_OK;
}

ev_status ev_conv_halve(ev_conv *conv, ev_error *err) {
    assert(conv->w && !conv->w16 && !conv->w8 && !conv->winograd);
    const size_t n = (size_t)conv->co_blocks * 16 * (size_t)conv->taps * (size_t)conv->ci;
    uint16_t *half = ev_aligned_alloc(n * sizeof *half);
    if (!half) return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %zu weights", n);
    for (size_t i = 0; i < n; i++) half[i] = ev_half_of_float(conv->w[i]);
    free(conv->w);
    conv->w = NULL;
    conv->w16 = half;
    return EV_OK;
}

/* The weight of an output for input [tap][ci]. */
static float weight_of(const ev_conv *conv, int co, int input) {
    return *conv_weight(conv, co, input % conv->ci, input / conv->ci);
}

/* Two neighbours' sum, too, is within EV_INT8_MOST: rounded, it is 128 at most, and 128 * 255 fits 16 bits. */
static float largest_weight(const ev_conv *conv, int co) {
    const int inputs = conv->taps * conv->ci;
    float most = 0, before = 0;
    for (int i = 0; i < inputs; i++) {
        const float w = weight_of(conv, co, i);
        most = fmaxf(most, fabsf(w));
        if (i % 2) most = fmaxf(most, fabsf(before + w));
        before = w;
    }
    return most;
}

/* Returns the sum of what the weights became. */
static int32_t quantize_output(const ev_conv *conv, int co, int8_t *w8, float *scale) {
    const float most = largest_weight(conv, co);
    *scale = most > EV_INT8_LEAST ? most / EV_INT8_MOST : 0;
    int8_t *to = w8 + (size_t)(co / 16) * 16 * (size_t)conv->inputs8 + (size_t)(co % 16) * 4;
    int32_t sum = 0;
    for (int i = 0; i < conv->inputs8; i++) {
        const bool some = i<conv->taps * conv->ci && * scale> 0;
        const int w = some ? (int)nearbyintf(weight_of(conv, co, i) / *scale) : 0;
        to[i / 4 * 64 + i % 4] = (int8_t)w;
        sum += w;
    }
    return sum;
}

ev_status ev_conv_quantize(ev_conv *conv, ev_error *err) {
    assert(conv->w && !conv->w16 && !conv->w8 && !conv->winograd);
    if (conv->taps > EV_INT8_INPUTS_MAX / conv->ci) return EV_OK;
    const size_t outputs = (size_t)conv->co_blocks * 16;
    for (size_t i = 0; i < outputs * (size_t)conv->taps * (size_t)conv->ci; i++) {
        if (!isfinite(2 * conv->w[i])) return EV_OK; /* its outputs are found not to be finite, as in float */
    }
    conv->inputs8 = (int)ev_round16((size_t)(conv->taps * conv->ci));
    int8_t *w8 = ev_aligned_alloc(outputs * (size_t)conv->inputs8);
    float *scale8 = alloc_zeroed(outputs);
    int32_t *offset8 = ev_aligned_alloc(outputs * sizeof *offset8);
    if (!w8 || !scale8 || !offset8) {
        free(w8);
        free(scale8);
        free(offset8);
        return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %zu x %d weights", outputs, conv->inputs8);
    }
    for (size_t o = 0; o < outputs; o++) offset8[o] = -128 * quantize_output(conv, (int)o, w8, scale8 + o);
    free(conv->w);
    conv->w = NULL;
    conv->w8 = w8;
    conv->scale8 = scale8;
    conv->offset8 = offset8;
    return EV_OK;
}

void ev_conv_free(ev_conv *conv) {
    free(conv->w);
    free(conv->w16);
    free(conv->winograd);
    free(conv->w8);
    free(conv->scale8);
    free(conv->offset8);
    free(conv->bias);
    memset(conv, 0, sizeof(*conv));
}

/* Output step t * stride + r gets input step t + d through the kernel's element r + padding - d * stride. With
 * r + padding = q * stride + rest, that element exists for d in [q - m + 1, q], m = kernel / stride: so all r of one
 * q read the same input steps, through elements (q - d) * stride + rest, and are one convolution of m taps. */
static ev_status upconv_part(ev_upconv *up, const float *weight, const float *bias, int kernel, int phase, int phases,
                             ev_error *err) {
    assert(phases >= 1 && phase >= 0 && phase + phases <= up->stride);
    assert(up->part_count < 2 && kernel % up->stride == 0);
    int taps = kernel / up->stride, padding = (kernel - up->stride) / 2;
    int q = (phase + padding) / up->stride, part = up->part_count;
    ev_conv *conv = &up->part[part].conv;
    ev_status status = conv_alloc(conv, phases * up->co, up->ci, taps, err);
    if (status) return status;
    up->part_count++;
    up->part[part].phase = phase;
    up->part[part].tap_offset = q - taps + 1;
    for (int r = 0; r < phases; r++)
        for (int o = 0; o < up->co; o++) {
            int rest = (phase + r + padding) % up->stride;
            for (int i = 0; i < up->ci; i++)
                for (int k = 0; k < taps; k++)
                    *conv_weight(conv, r * up->co + o, i, k) =
                        weight[((size_t)i * (size_t)up->co + (size_t)o) * (size_t)kernel +
                               (size_t)((taps - 1 - k) * up->stride + rest)];
            if (bias) conv->bias[r * up->co + o] = bias[o];
        }
    return EV_OK;
}

ev_status ev_upconv_pack(ev_upconv *out, const float *weight, const float *bias, int ci, int co, int kernel,
                         int stride, ev_error *err) {
    memset(out, 0, sizeof(*out));
    if (stride < 1 || kernel < stride || kernel % stride || (kernel - stride) % 2 || kernel > TAPS_MAX || co < 16 ||
        co % 16 || co > CHANNELS_MAX / stride)
        return ev_fail(err, EV_E_FORMAT, "transposed convolution not supported: kernel %d, stride %d, %d outputs",
                       kernel, stride, co);
    *out = (ev_upconv){.stride = stride, .ci = ci, .co = co};
    int padding = (kernel - stride) / 2, first = stride - padding % stride; /* phases of the first q */
    ev_status status = upconv_part(out, weight, bias, kernel, 0, first, err);
    if (!status && first < stride) status = upconv_part(out, weight, bias, kernel, first, stride - first, err);
    if (status) ev_upconv_free(out);
    return status;
}

void ev_upconv_free(ev_upconv *up) {
    for (int i = 0; i < up->part_count; i++) ev_conv_free(&up->part[i].conv);
    memset(up, 0, sizeof(*up));
}

ev_status ev_depthwise_pack(ev_depthwise *out, const float *weight, const float *bias, int channels, int taps,
                            ev_error *err) {
    memset(out, 0, sizeof(*out));
    ev_status status = check_sizes(channels, 1, taps, err);
    if (status) return status;
    size_t padded = ev_round16((size_t)channels);
    *out = (ev_depthwise){
        .taps = taps, .channels = channels, .w = alloc_zeroed(padded * (size_t)taps), .bias = alloc_zeroed(padded)};
    if (!out->w || !out->bias) {
        ev_depthwise_free(out);
        return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %d x %d weights", channels, taps);
    }
    for (size_t c = 0; c < (size_t)channels; c++)
        for (size_t k = 0; k < (size_t)taps; k++) out->w[k * padded + c] = *weight++;
    if (bias) memcpy(out->bias, bias, (size_t)channels * sizeof(float));
    return EV_OK;
}

void ev_depthwise_free(ev_depthwise *conv) {
    free(conv->w);
    free(conv->bias);
    memset(conv, 0, sizeof(*conv));
}

ev_status ev_conv_single_output_pack(ev_conv_single_output *out, const float *weight, float bias, int ci, int taps,
                                     ev_error *err) {
    memset(out, 0, sizeof(*out));
    ev_status status = check_sizes(1, ci, taps, err);
    if (status) return status;
    size_t padded = ev_round16((size_t)ci);
    float *w = alloc_zeroed(padded * (size_t)taps);
    if (!w) return ev_fail(err, EV_E_MEMORY, "no memory for a layer of %d x %d weights", ci, taps);
    for (int i = 0; i < ci; i++)
        for (int k = 0; k < taps; k++)
            w[(size_t)k * padded + (size_t)i] = weight[(size_t)i * (size_t)taps + (size_t)k];
    *out = (ev_conv_single_output){.taps = taps, .ci = ci, .w = w, .bias = bias};
    return EV_OK;
}

void ev_conv_single_output_free(ev_conv_single_output *conv) {
    free(conv->w);
    memset(conv, 0, sizeof(*conv));
}
