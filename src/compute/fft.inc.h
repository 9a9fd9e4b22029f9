/* fft.inc: the passes of a transform, over the h_* vector layer of whoever includes this (ref/vec_scalar.h: a float;
 * cpu/vec_*.h: a register). Every step is an IEEE operation or an explicit fma, so a lane of any of them gives the
 * bytes of the scalar. Complex number e of a buffer: re at x + 2 e * 16, im 16 floats on. */
#ifndef EV_COMPUTE_FFT_INC_H
#define EV_COMPUTE_FFT_INC_H

#include "compute/kernels.h"

enum { COMPLEX = 2 * EV_FFT_LANES };

typedef struct hc {
    hf re, im;
} hc;

EV_INLINE hc c_load(const float *p) { return (hc){h_load(p), h_load(p + EV_FFT_LANES)}; }
EV_INLINE void c_store(float *p, hc a) {
    h_store(p, a.re);
    h_store(p + EV_FFT_LANES, a.im);
}
EV_INLINE hc c_add(hc a, hc b) { return (hc){h_add(a.re, b.re), h_add(a.im, b.im)}; }
EV_INLINE hc c_sub(hc a, hc b) { return (hc){h_sub(a.re, b.re), h_sub(a.im, b.im)}; }
/* a + s b, s real */
EV_INLINE hc c_fma(hc b, float s, hc a) { return (hc){h_fma(b.re, h_set(s), a.re), h_fma(b.im, h_set(s), a.im)}; }
/* a - i s b, s real */
EV_INLINE hc c_fma_turned(hc b, float s, hc a) {
    return (hc){h_fma(b.im, h_set(s), a.re), h_fma(b.re, h_set(-s), a.im)};
}
/* a (w[0] + i w[1]) */
EV_INLINE hc c_twiddle(hc a, const float *w) {
    return (hc){h_fma(a.im, h_set(-w[1]), h_mul(a.re, h_set(w[0]))),
                h_fma(a.im, h_set(w[0]), h_mul(a.re, h_set(w[1])))};
}

/* b[r] = sum over j of a[j] e^(-2 pi i j r / radix), in place */
EV_INLINE void butterfly(hc *a, const int radix) {
    if (radix == 2) {
        const hc d = c_sub(a[0], a[1]);
        a[0] = c_add(a[0], a[1]);
        a[1] = d;
    } else if (radix == 3) {
        const hc t = c_add(a[1], a[2]), d = c_sub(a[1], a[2]), u = c_fma(t, -0.5f, a[0]);
        a[0] = c_add(a[0], t);
        a[1] = c_fma_turned(d, 0.866025404f, u);
        a[2] = c_fma_turned(d, -0.866025404f, u);
    } else if (radix == 4) {
        const hc s = c_add(a[0], a[2]), d = c_sub(a[0], a[2]), t = c_add(a[1], a[3]), u = c_sub(a[1], a[3]);
        a[0] = c_add(s, t);
        a[1] = (hc){h_add(d.re, u.im), h_sub(d.im, u.re)};
        a[2] = c_sub(s, t);
        a[3] = (hc){h_sub(d.re, u.im), h_add(d.im, u.re)};
    } else {
        const float c1 = 0.309016994f, c2 = -0.809016994f, s1 = 0.951056516f, s2 = 0.587785252f;
        const hc t1 = c_add(a[1], a[4]), t2 = c_add(a[2], a[3]), d1 = c_sub(a[1], a[4]), d2 = c_sub(a[2], a[3]);
        const hc u1 = c_fma(t2, c2, c_fma(t1, c1, a[0])), u2 = c_fma(t2, c1, c_fma(t1, c2, a[0]));
        a[0] = c_add(c_add(a[0], t1), t2);
        a[1] = c_fma_turned(d2, s2, c_fma_turned(d1, s1, u1));
        a[4] = c_fma_turned(d2, -s2, c_fma_turned(d1, -s1, u1));
        a[2] = c_fma_turned(d2, -s1, c_fma_turned(d1, s2, u2));
        a[3] = c_fma_turned(d2, s1, c_fma_turned(d1, -s2, u2));
    }
}

/* One of `radix` groups of numbers, m apart and s wide: from x to y, twiddled unless w is NULL. */
EV_INLINE void group(const float *x, float *y, const float *w, size_t m, size_t s, const int radix) {
    for (size_t q = 0; q < s; q++, x += COMPLEX, y += COMPLEX) {
        EV_UNROLL for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
            hc a[5];
            EV_UNROLL for (int j = 0; j < radix; j++) a[j] = c_load(x + part + (size_t)j * m * s * COMPLEX);
            butterfly(a, radix);
            EV_UNROLL for (int r = 0; r < radix; r++) {
                if (r && w) a[r] = c_twiddle(a[r], w + 2 * (r - 1));
                c_store(y + part + (size_t)r * s * COMPLEX, a[r]);
            }
        }
    }
}

/* A stage of n x s numbers: n / radix groups. The first group's factors are one. */
EV_INLINE void stage(const float *x, float *y, const float *w, size_t n, size_t s, const int radix) {
    const size_t m = n / (size_t)radix;
    group(x, y, NULL, m, s, radix);
    for (size_t k = 1; k < m; k++) {
        w += 2 * (radix - 1);
        group(x + k * s * COMPLEX, y + k * (size_t)radix * s * COMPLEX, w, m, s, radix);
    }
}

/* size / 2 complex numbers, forward; back and forth between x and y. Returns the one that holds the result. */
static float *transform(const ev_fft *fft, float *x, float *y) {
    size_t n = (size_t)fft->size / 2, s = 1;
    const float *w = fft->twiddles;
    for (int i = 0; i < fft->stages; i++) {
        const int radix = fft->radices[i];
        switch (radix) {
        case 2: stage(x, y, w, n, s, 2); break;
        case 3: stage(x, y, w, n, s, 3); break;
        case 4: stage(x, y, w, n, s, 4); break;
        default: stage(x, y, w, n, s, 5); break;
        }
        n /= (size_t)radix;
        w += n * 2 * (size_t)(radix - 1);
        s *= (size_t)radix;
        float *other = x;
        x = y;
        y = other;
    }
    return x;
}

/* The even samples' transform and the odd ones', which z holds as one, to the bins of them all: with e, o these two
 * transforms, bin k is e + w o, its mirror the conjugate of e - w o. */
static void fft_forward(const ev_fft *fft, float *x, float *bins, float *work) {
    const size_t half = (size_t)fft->size / 2;
    const float *z = transform(fft, x, work);
    for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
        const hc first = c_load(z + part);
        c_store(bins + part, (hc){h_add(first.re, first.im), h_set(0)});
        c_store(bins + half * COMPLEX + part, (hc){h_sub(first.re, first.im), h_set(0)});
    }
    for (size_t k = 1; k <= half / 2; k++) {
        const float *w = fft->mirror + 2 * k;
        EV_UNROLL for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
            const hc a = c_load(z + k * COMPLEX + part), b = c_load(z + (half - k) * COMPLEX + part);
            const hc e = {h_mul(h_add(a.re, b.re), h_set(0.5f)), h_mul(h_sub(a.im, b.im), h_set(0.5f))};
            const hc o = {h_mul(h_add(a.im, b.im), h_set(0.5f)), h_mul(h_sub(b.re, a.re), h_set(0.5f))};
            const hc t = c_twiddle(o, w), high = c_sub(e, t);
            c_store(bins + (half - k) * COMPLEX + part, (hc){high.re, h_sub(h_set(0), high.im)});
            c_store(bins + k * COMPLEX + part, c_add(e, t));
        }
    }
}

/* The same backwards, twice as large. The inverse transform is the forward one of numbers whose re and im are
 * swapped; they come out swapped too. */
static float *fft_inverse_swapped(const ev_fft *fft, const float *bins, float *x, float *work) {
    const size_t half = (size_t)fft->size / 2;
    for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
        const hf first = h_load(bins + part), last = h_load(bins + half * COMPLEX + part);
        c_store(x + part, (hc){h_sub(first, last), h_add(first, last)});
    }
    for (size_t k = 1; k <= half / 2; k++) {
        const float *w = fft->mirror + 2 * k, back[2] = {w[0], -w[1]};
        EV_UNROLL for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
            const hc a = c_load(bins + k * COMPLEX + part), b = c_load(bins + (half - k) * COMPLEX + part);
            const hc e = {h_add(a.re, b.re), h_sub(a.im, b.im)};
            const hc o = c_twiddle((hc){h_sub(a.re, b.re), h_add(a.im, b.im)}, back);
            c_store(x + (half - k) * COMPLEX + part, (hc){h_sub(o.re, e.im), h_add(e.re, o.im)});
            c_store(x + k * COMPLEX + part, (hc){h_add(e.im, o.re), h_sub(e.re, o.im)});
        }
    }
    return transform(fft, x, work);
}

/* In order: sample 2 e is the second of pair e. */
static void fft_inverse(const ev_fft *fft, float *bins, float *x, float *work) {
    const float *z = fft_inverse_swapped(fft, bins, work, x);
    for (size_t e = 0; e < (size_t)fft->size / 2; e++) {
        for (int part = 0; part < EV_FFT_LANES; part += H_LANES) {
            const hc a = c_load(z + e * COMPLEX + part);
            c_store(x + e * COMPLEX + part, (hc){a.im, a.re});
        }
    }
}

#endif
