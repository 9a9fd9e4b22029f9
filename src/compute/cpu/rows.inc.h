/* rows.inc: the operations that go over each row once or twice, compiled once per instruction set by cpu/kernels_*.c.
 * Every sum has 16 lanes and is folded as ref/ref.c does it; the last, incomplete 16 of a row are masked. */
#ifndef EV_COMPUTE_ROWS_INC_H
#define EV_COMPUTE_ROWS_INC_H

#include <math.h>

#include "compute/kernels.h"
#include "compute/math.h"

static inline size_t lanes_left(size_t n, size_t at) { return n - at < 16 ? n - at : 16; }
static inline vf load_upto(const float *p, size_t n) { return n == 16 ? v_load(p) : v_load_n(p, n); }
static inline void store_upto(float *p, vf x, size_t n) {
    if (n == 16)
        v_store(p, x);
    else
        v_store_n(p, x, n);
}

/* `rows` results at once, a constant: as many sums in flight. */
EV_INLINE void conv_single_output_sums(const ev_conv_single_output *conv, const float *x, size_t ldx, float *sums,
                                       const int rows) {
    size_t ci = (size_t)conv->ci;
    const float *w = conv->w;
    vf acc[8];
    EV_UNROLL for (int r = 0; r < rows; r++) acc[r] = v_set(0.0f);
    for (int tap = 0; tap < conv->taps; tap++, x += ldx)
        for (size_t c = 0; c < ci; c += 16, w += 16) {
            vf weight = v_load(w);
            size_t n = lanes_left(ci, c);
            EV_UNROLL for (int r = 0; r < rows; r++) {
                acc[r] = v_fma(load_upto(x + (size_t)r * ldx + c, n), weight, acc[r]);
            }
        }
    EV_UNROLL for (int r = 0; r < rows; r++) sums[r] = v_reduce_add(acc[r]);
}

static void conv_single_output(const ev_conv_single_output *conv, const float *x, size_t ldx, float *y, ev_act act,
                               size_t rows) {
    for (size_t row = 0; row < rows; row += 16) {
        _Alignas(64) float sums[16] = {0};
        size_t n = lanes_left(rows, row), i = 0;
        for (; i + 4 <= n; i += 4) conv_single_output_sums(conv, x + (row + i) * ldx, ldx, sums + i, 4);
        for (; i < n; i++) conv_single_output_sums(conv, x + (row + i) * ldx, ldx, sums + i, 1);
        vf v = v_add(v_load(sums), v_set(conv->bias));
        store_upto(y + row, m_act(v, act, 0.0f), n);
    }
}

/* `rows` rows of 16 channels, a constant: as many sums in flight; n < 16 of them at the end of a row. */
EV_INLINE void depthwise_rows(const ev_depthwise *conv, size_t c, const float *x, size_t ldx, size_t tap_step,
                              float *y, size_t ldy, size_t n, const int rows) {
    size_t padded = ev_round16((size_t)conv->channels);
    const float *w = conv->w + c;
    vf acc[8];
    EV_UNROLL for (int r = 0; r < rows; r++) acc[r] = v_load(conv->bias + c);
    for (int tap = 0; tap < conv->taps; tap++, w += padded, x += tap_step) {
        vf weight = v_load(w);
        EV_UNROLL for (int r = 0; r < rows; r++) {
            acc[r] = v_fma(load_upto(x + (size_t)r * ldx, n), weight, acc[r]);
        }
    }
    EV_UNROLL for (int r = 0; r < rows; r++) store_upto(y + (size_t)r * ldy, acc[r], n);
}

static void depthwise(const ev_depthwise *conv, const float *x, size_t ldx, size_t tap_step, float *y, size_t ldy,
                      size_t rows) {
    size_t channels = (size_t)conv->channels;
    for (size_t row = 0; row < rows;) {
        size_t step = rows - row >= 4 ? 4 : 1;
        for (size_t c = 0; c < channels; c += 16) {
            size_t n = lanes_left(channels, c);
            const float *from = x + row * ldx + c;
            float *to = y + row * ldy + c;
            if (step == 4 && n == 16)
                depthwise_rows(conv, c, from, ldx, tap_step, to, ldy, 16, 4);
            else if (step == 4)
                depthwise_rows(conv, c, from, ldx, tap_step, to, ldy, n, 4);
            else
                depthwise_rows(conv, c, from, ldx, tap_step, to, ldy, n, 1);
        }
        row += step;
    }
}

static void layer_norm(const float *x, size_t ldx, float *y, size_t ldy, int channels, const float *gamma,
                       const float *beta, float eps, size_t rows) {
    size_t n = (size_t)channels;
    for (size_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        vf s = v_set(0.0f), q = v_set(0.0f);
        for (size_t c = 0; c < n; c += 16) s = v_add(s, load_upto(x + c, lanes_left(n, c)));
        vf mean = v_set(v_reduce_add(s) / (float)channels);
        for (size_t c = 0; c < n; c += 16) {
            vf d = v_maskz(v_sub(load_upto(x + c, lanes_left(n, c)), mean), lanes_left(n, c));
            q = v_fma(d, d, q);
        }
        vf inverse = v_set(1.0f / sqrtf(v_reduce_add(q) / (float)channels + eps));
        for (size_t c = 0; c < n; c += 16) {
            size_t left = lanes_left(n, c);
            vf d = v_mul(v_sub(load_upto(x + c, left), mean), inverse);
            store_upto(y + c, v_fma(d, load_upto(gamma + c, left), load_upto(beta + c, left)), left);
        }
    }
}

static void softmax_row(float *x, size_t n) {
    vf lowest = v_set(-INFINITY), top = lowest, s = v_set(0.0f);
    for (size_t i = 0; i < n; i += 16) top = v_max(v_load_n_or(x + i, lanes_left(n, i), lowest), top); /* skips NaN */
    top = v_set(v_reduce_max(top));
    for (size_t i = 0; i < n; i += 16) {
        size_t left = lanes_left(n, i);
        vf e = v_maskz(m_exp(v_sub(load_upto(x + i, left), top)), left);
        store_upto(x + i, e, left);
        s = v_add(s, e);
    }
    vf inverse = v_set(1.0f / v_reduce_add(s));
    for (size_t i = 0; i < n; i += 16) {
        size_t left = lanes_left(n, i);
        store_upto(x + i, v_mul(load_upto(x + i, left), inverse), left);
    }
}

static void softmax(float *x, size_t ldx, size_t n, size_t rows) {
    for (size_t row = 0; row < rows; row++) softmax_row(x + row * ldx, n);
}

/* out += sum of e[i] x[i] over n tokens; `fresh`: out = */
static void upsample_add(const ev_upsample_tile *tile, size_t begin, size_t n, const float *e, float *out,
                         bool fresh) {
    size_t channels = (size_t)tile->channels;
    for (size_t c = 0; c < channels; c += 16) {
        size_t left = lanes_left(channels, c);
        vf acc = fresh ? v_set(0.0f) : load_upto(out + c, left);
        const float *x = tile->x + begin * tile->ldx + c;
        for (size_t i = 0; i < n; i++) acc = v_fma(v_set(e[i]), load_upto(x + i * tile->ldx, left), acc);
        store_upto(out + c, acc, left);
    }
}

static void upsample_row(const ev_upsample_tile *tile, float t, float *out) {
    ev_window w = ev_upsample_window(tile->centre, tile->tokens, t, tile->delta);
    _Alignas(64) float e[EV_UPSAMPLE_CHUNK];
    vf s = v_set(0.0f);
    for (size_t begin = w.begin; begin < w.end; begin += EV_UPSAMPLE_CHUNK) {
        size_t n = w.end - begin < EV_UPSAMPLE_CHUNK ? w.end - begin : EV_UPSAMPLE_CHUNK;
        for (size_t i = 0; i < n; i += 16) {
            size_t left = lanes_left(n, i);
            vf d = v_sub(v_set(t), load_upto(tile->centre + begin + i, left));
            vf z = v_mul(v_sub(v_set(w.nearest), v_mul(d, d)), v_set(tile->delta));
            vf weight = v_maskz(m_exp(z), left);
            v_store(e + i, weight);
            s = v_add(s, weight);
        }
        upsample_add(tile, begin, n, e, out, begin == w.begin);
    }
    vf inverse = v_set(1.0f / v_reduce_add(s));
    size_t channels = (size_t)tile->channels;
    for (size_t c = 0; c < channels; c += 16) {
        size_t left = lanes_left(channels, c);
        store_upto(out + c, v_mul(load_upto(out + c, left), inverse), left);
    }
}

static void upsample(const ev_upsample_tile *tile, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        upsample_row(tile, (float)(tile->first + row), tile->out + row * tile->ldo);
}

static void axpby(const float *x, size_t ldx, float a, const float *z, size_t ldz, float b, float *y, size_t ldy,
                  int channels, size_t rows) {
    size_t n = (size_t)channels;
    vf va = v_set(a), vb = v_set(b);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < n; c += 16) {
            size_t left = lanes_left(n, c);
            vf v = load_upto(x + row * ldx + c, left);
            v = z ? v_fma(v, va, v_mul(load_upto(z + row * ldz + c, left), vb)) : v_mul(v, va);
            store_upto(y + row * ldy + c, v, left);
        }
}

#endif
