/* math: the non-linear functions, one polynomial each, written over the vector layer of whoever includes this
 * (ref/vec_scalar.h: one float; cpu/vec_avx2.h, cpu/vec_avx512.h: 16). Every step is an IEEE operation or an explicit
 * fma, so a lane of any of them gives the bytes of the scalar. No table, no branch, NaN in gives NaN out; v_min and
 * v_max return their SECOND operand when either is NaN, which the clamps below rely on.
 * Coefficients: minimax fits (reweighted least squares on Chebyshev nodes) made for this file. */
#ifndef EV_COMPUTE_MATH_H
#define EV_COMPUTE_MATH_H

#include "compute/compute.h"

#define EV_ROUND_MAGIC 12582912.0f /* 1.5 * 2^23: t + magic leaves round(t) in the low mantissa bits, |t| < 2^22 */

/* c[0] + c[1] x + ... + c[n-1] x^(n-1), Horner. n is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) vf m_poly(vf x, const float *c, int n) {
    vf p = v_set(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) p = v_fma(p, x, v_set(c[i]));
    return p;
}

/* 2 ulp in the normal range. x = n ln 2 + r, e^x = 2^n e^r. 2^n is applied as two factors, so that results beyond the
 * normal range become denormal, 0 or infinity by themselves. */
static inline vf m_exp(vf x) {
    static const float c[] = {4.999999404e-01f, 1.666652113e-01f, 4.166838899e-02f, 8.368716575e-03f,
                              1.381459879e-03f};
    x = v_min(v_set(89.0f), v_max(v_set(-104.0f), x));
    vf magic = v_set(EV_ROUND_MAGIC);
    vf shifted = v_fma(x, v_set(1.44269504f), magic), n = v_sub(shifted, magic);
    vf r = v_fma(n, v_set(-0.693359375f), x); /* ln 2 in two pieces: n times the first is exact */
    r = v_fma(n, v_set(2.12194440e-4f), r);
    vf e = v_add(v_fma(m_poly(r, c, 5), v_mul(r, r), r), v_set(1.0f));
    vu zero = v_bits(magic), whole = v_usub(v_bits(shifted), zero);
    vu half = v_usub(v_bits(v_fma(n, v_set(0.5f), magic)), zero), bias = v_uset(127);
    vf scale = v_float(v_ushl23(v_uadd(half, bias)));
    vf scale2 = v_float(v_ushl23(v_uadd(v_usub(whole, half), bias)));
    return v_mul(v_mul(e, scale), scale2);
}

/* 3 ulp: odd polynomial near zero, 1 - 2 / (e^2|x| + 1) beyond. */
static inline vf m_tanh(vf x) {
    static const float c[] = {-3.333328366e-01f, 1.333149076e-01f, -5.374349654e-02f, 2.065058798e-02f,
                              -5.717045162e-03f};
    vf one = v_set(1.0f), a = v_abs(x), s = v_mul(x, x);
    vf near_zero = v_fma(v_mul(m_poly(s, c, 5), s), x, x);
    vf far = v_sub(one, v_div(v_set(2.0f), v_add(m_exp(v_add(a, a)), one)));
    return v_select(v_lt(a, v_set(0.625f)), near_zero, v_copysign(far, x));
}

static inline vf m_sigmoid(vf x) {
    vf one = v_set(1.0f);
    return v_div(one, v_add(one, m_exp(v_sub(v_set(0.0f), x))));
}

/* sin(2 pi x), 2e-7 absolute, exact zeros: the fraction of x in [-1/2, 1/2], folded to [-1/4, 1/4], odd polynomial.
 */
static inline vf m_sin_turns(vf x) {
    static const float c[] = {6.283185482e+00f,  -4.134170151e+01f, 8.160522461e+01f,
                              -7.670428467e+01f, 4.200983047e+01f,  -1.439430428e+01f};
    vf magic = v_set(EV_ROUND_MAGIC);
    vf r = v_sub(x, v_sub(v_add(x, magic), magic));
    vf folded = v_sub(v_copysign(v_set(0.5f), r), r);
    r = v_select(v_lt(v_set(0.25f), v_abs(r)), folded, r);
    return v_mul(r, m_poly(v_mul(r, r), c, 6));
}

/* 7e-7 absolute. x Phi(x) = max(x, 0) - r(|x|), where r(a) = a Phi(-a) is below 5e-7 from 2h = 5.25 on, and taken as
 * 0 there. With t = a - h it is (h^2 - t^2) (even(t^2) + t odd(t^2)). */
static inline vf m_gelu(vf x) {
    static const float even_c[] = {1.650513615e-03f, 4.753964487e-03f, 9.429505444e-04f, -1.211230046e-04f,
                                   1.369664460e-06f, 4.980209383e-07f, -2.577286651e-08f};
    static const float odd_c[] = {-4.218596499e-03f, -2.947281813e-03f, -1.151196193e-05f, 4.211478881e-05f,
                                  -4.053796147e-06f, 1.622507995e-07f,  -2.109920683e-09f};
    const vf h = v_set(2.625f), t = v_sub(v_min(v_add(h, h), v_abs(x)), h), s = v_mul(t, t);
    const vf p = v_fma(m_poly(s, odd_c, 7), t, m_poly(s, even_c, 7));
    return v_sub(v_max(v_set(0.0f), x), v_mul(p, v_sub(v_mul(h, h), s)));
}

static inline vf m_lrelu(vf x, vf slope) { return v_select(v_lt(x, v_set(0.0f)), v_mul(x, slope), x); }
static inline vf m_relu(vf x) {
    return v_max(v_set(0.0f), x);
} /* -0 stays -0: v_max returns its second of two zeros */

static inline vf m_act(vf x, ev_act act, float slope) {
    switch (act) {
    case EV_ACT_NONE: return x;
    case EV_ACT_RELU: return m_relu(x);
    case EV_ACT_LRELU: return m_lrelu(x, v_set(slope));
    case EV_ACT_GELU: return m_gelu(x);
    case EV_ACT_TANH: return m_tanh(x);
    case EV_ACT_SIGMOID: return m_sigmoid(x);
    }
    return x;
}

#endif
