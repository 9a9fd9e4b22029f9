/* weights: see weights.h. */
#include "model/weights.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

enum { NAME_MAX_BYTES = 200 };

ev_status ev_weights_array(float **out, const ev_container *c, const char *name, int dims, const int64_t *shape,
                           ev_error *err) {
    assert(dims >= 0 && dims <= EV_TENSOR_DIMS_MAX);
    int64_t wanted[EV_TENSOR_DIMS_MAX];
    memcpy(wanted, shape, (size_t)dims * sizeof *wanted);
    return ev_container_floats(c, name, dims, wanted, out, err);
}

/* weight = g * v / ||v||, the norm over all axes but the first (PyTorch weight_norm, dim 0). */
static ev_status fold_weight_norm(float **weight, const ev_container *c, const char *g_name, const char *v_name,
                                  int first, int second, int taps, ev_error *err) {
    assert(first > 0 && second > 0 && taps > 0);
    float *g = NULL;
    ev_status s = ev_weights_array(weight, c, v_name, 3, (int64_t[]){first, second, taps}, err);
    if (s == EV_OK) s = ev_weights_array(&g, c, g_name, 3, (int64_t[]){first, 1, 1}, err);
    if (s != EV_OK) {
        free(*weight);
        *weight = NULL;
        return s;
    }
    const size_t n = (size_t)second * (size_t)taps;
    for (int i = 0; i < first; i++) {
        float *row = *weight + (size_t)i * n;
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += (double)row[j] * row[j];
        const double factor = sum > 0 ? g[i] / sqrt(sum) : 0;
        for (size_t j = 0; j < n; j++) row[j] = (float)(row[j] * factor);
    }
    free(g);
    return EV_OK;
}

ev_status ev_weights_dense(float **weight, float **bias_out, const ev_container *c, const char *prefix, int first,
                           int second, int taps, int bias_count, ev_error *err) {
    char name[NAME_MAX_BYTES], other[NAME_MAX_BYTES];
    ev_status s;
    *weight = NULL;
    snprintf(name, sizeof name, "%s.weight", prefix);
    const ev_tensor *plain = ev_container_find(c, name);
    snprintf(other, sizeof other, "%s.weight_v", prefix);
    if (plain) {
        const bool flat = plain->dims == 2 && taps == 1;
        s = ev_weights_array(weight, c, name, flat ? 2 : 3, (int64_t[]){first, second, taps}, err);
    } else if (ev_container_find(c, other)) {
        snprintf(name, sizeof name, "%s.weight_g", prefix);
        s = fold_weight_norm(weight, c, name, other, first, second, taps, err);
    } else {
        snprintf(name, sizeof name, "%s.parametrizations.weight.original0", prefix);
        snprintf(other, sizeof other, "%s.parametrizations.weight.original1", prefix);
        if (!ev_container_find(c, other)) {
            return ev_fail(err, EV_E_FORMAT, "tensor \"%s.weight\" is missing", prefix);
        }
        s = fold_weight_norm(weight, c, name, other, first, second, taps, err);
    }
    if (s != EV_OK || !bias_out) return s;
    snprintf(name, sizeof name, "%s.bias", prefix);
    s = ev_weights_array(bias_out, c, name, 1, (int64_t[]){bias_count}, err);
    if (s != EV_OK) {
        free(*weight);
        *weight = NULL;
    }
    return s;
}

ev_status ev_weights_conv(ev_conv *out, const ev_container *c, const char *prefix, int co, int ci, int taps,
                          ev_error *err) {
    float *weight = NULL, *bias = NULL;
    ev_status s = ev_weights_dense(&weight, &bias, c, prefix, co, ci, taps, co, err);
    if (s == EV_OK) s = ev_conv_pack(out, weight, bias, co, ci, taps, err);
    free(weight);
    free(bias);
    return s;
}

ev_status ev_weights_conv_as_stored(ev_conv *out, const ev_container *c, const char *prefix, int co, int ci, int taps,
                                    ev_error *err) {
    char name[NAME_MAX_BYTES];
    TRY(ev_weights_conv(out, c, prefix, co, ci, taps, err));
    snprintf(name, sizeof name, "%s.weight", prefix);
    if (ev_container_is_half(c, name)) TRY(ev_conv_halve(out, err));
    ev_container_drop(c, name);
    return EV_OK;
}

static ev_status norm_alloc(ev_norm *out, int channels, ev_error *err) {
    assert(channels > 0);
    const size_t bytes = ev_round16((size_t)channels) * sizeof(float);
    out->gamma = ev_aligned_alloc(bytes);
    out->beta = ev_aligned_alloc(bytes);
    if (!out->gamma || !out->beta) {
        ev_norm_free(out);
        return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    }
    memset(out->gamma, 0, bytes);
    memset(out->beta, 0, bytes);
    return EV_OK;
}

ev_status ev_weights_norm(ev_norm *out, const ev_container *c, const char *prefix, int channels, ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *gamma = NULL, *beta = NULL;
    snprintf(name, sizeof name, "%s.weight", prefix);
    ev_status s = ev_weights_array(&gamma, c, name, 1, (int64_t[]){channels}, err);
    snprintf(name, sizeof name, "%s.bias", prefix);
    if (s == EV_OK) s = ev_weights_array(&beta, c, name, 1, (int64_t[]){channels}, err);
    if (s == EV_OK) s = norm_alloc(out, channels, err);
    if (s == EV_OK) {
        memcpy(out->gamma, gamma, (size_t)channels * sizeof(float));
        memcpy(out->beta, beta, (size_t)channels * sizeof(float));
    }
    free(gamma);
    free(beta);
    return s;
}

ev_status ev_weights_batch_norm(ev_norm *out, const ev_container *c, const char *prefix, int channels,
                                ev_error *err) {
    static const char *const parts[4] = {"weight", "bias", "running_mean", "running_var"};
    float *v[4] = {NULL, NULL, NULL, NULL};
    ev_status s = EV_OK;
    for (int i = 0; i < 4 && s == EV_OK; i++) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "%s.%s", prefix, parts[i]);
        s = ev_weights_array(&v[i], c, name, 1, (int64_t[]){channels}, err);
    }
    if (s == EV_OK) s = norm_alloc(out, channels, err);
    for (int i = 0; i < channels && s == EV_OK; i++) {
        const double gain = v[0][i] / sqrt((double)v[3][i] + 1e-5);
        out->gamma[i] = (float)gain;
        out->beta[i] = (float)(v[1][i] - gain * v[2][i]);
    }
    for (int i = 0; i < 4; i++) free(v[i]);
    return s;
}

void ev_norm_free(ev_norm *n) {
    free(n->gamma);
    free(n->beta);
    *n = (ev_norm){0};
}

void ev_norm_upload(const ev_norm *n, int channels, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, n->gamma, (size_t)channels);
    ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, n->beta, (size_t)channels);
}
