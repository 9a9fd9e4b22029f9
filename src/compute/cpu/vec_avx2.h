/* vec_avx2: the vector layer, 16 floats in a pair of ymm registers. v_*: 16 lanes, for row operations and
 * compute/math.h. h_*: one hardware register of 8 floats, for the conv micro-kernel. */
#ifndef EV_COMPUTE_VEC_H
#define EV_COMPUTE_VEC_H

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "compile this file with -mavx2 -mfma -mf16c"
#endif
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/kernels.h"

#define EV_EACH(n) EV_UNROLL for (int i = 0; i < (n); i++)

typedef struct vf {
    __m256 l, h;
} vf;
typedef struct vu {
    __m256i l, h;
} vu;
typedef vf vm; /* all bits of a lane set: true */

#define EV_PAIR(type, f, a)     ((type){f((a).l), f((a).h)})
#define EV_PAIR2(type, f, a, b) ((type){f((a).l, (b).l), f((a).h, (b).h)})

static inline vf v_set(float x) { return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline vf v_load(const float *p) { return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void v_store(float *p, vf x) {
    _mm256_storeu_ps(p, x.l);
    _mm256_storeu_ps(p + 8, x.h);
}
static inline vu v_first(size_t n) { /* lanes 0 .. n-1, n <= 16 */
    static const int32_t ones[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    const int32_t *p = ones + 16 - n;
    return (vu){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))};
}
static inline vf v_maskz(vf x, size_t n) { /* other lanes to zero */
    vu m = v_first(n);
    return (vf){_mm256_and_ps(x.l, _mm256_castsi256_ps(m.l)), _mm256_and_ps(x.h, _mm256_castsi256_ps(m.h))};
}
/* Masked accesses leave the other addresses alone, but p + 8 must not be formed beyond the array's end. */
static inline vf v_load_n(const float *p, size_t n) { /* others zero */
    vu m = v_first(n);
    return (vf){_mm256_maskload_ps(p, m.l), n > 8 ? _mm256_maskload_ps(p + 8, m.h) : _mm256_setzero_ps()};
}
static inline vf v_load_n_or(const float *p, size_t n, vf others) {
    vu m = v_first(n);
    vf x = v_load_n(p, n);
    return (vf){_mm256_blendv_ps(others.l, x.l, _mm256_castsi256_ps(m.l)),
                _mm256_blendv_ps(others.h, x.h, _mm256_castsi256_ps(m.h))};
}
static inline void v_store_n(float *p, vf x, size_t n) {
    vu m = v_first(n);
    _mm256_maskstore_ps(p, m.l, x.l);
    if (n > 8) _mm256_maskstore_ps(p + 8, m.h, x.h);
}

static inline vf v_add(vf a, vf b) { return EV_PAIR2(vf, _mm256_add_ps, a, b); }
static inline vf v_sub(vf a, vf b) { return EV_PAIR2(vf, _mm256_sub_ps, a, b); }
static inline vf v_mul(vf a, vf b) { return EV_PAIR2(vf, _mm256_mul_ps, a, b); }
static inline vf v_div(vf a, vf b) { return EV_PAIR2(vf, _mm256_div_ps, a, b); }
static inline vf v_fma(vf a, vf b, vf c) {
    return (vf){_mm256_fmadd_ps(a.l, b.l, c.l), _mm256_fmadd_ps(a.h, b.h, c.h)};
}
static inline vf v_min(vf a, vf b) { return EV_PAIR2(vf, _mm256_min_ps, a, b); }
static inline vf v_max(vf a, vf b) { return EV_PAIR2(vf, _mm256_max_ps, a, b); }
static inline vf v_abs(vf x) {
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (vf){_mm256_andnot_ps(sign, x.l), _mm256_andnot_ps(sign, x.h)};
}
static inline vf v_copysign(vf magnitude, vf x) {
    __m256 sign = _mm256_set1_ps(-0.0f);
    magnitude = v_abs(magnitude);
    return (vf){_mm256_or_ps(magnitude.l, _mm256_and_ps(sign, x.l)),
                _mm256_or_ps(magnitude.h, _mm256_and_ps(sign, x.h))};
}
static inline vm v_lt(vf a, vf b) {
    return (vm){_mm256_cmp_ps(a.l, b.l, _CMP_LT_OQ), _mm256_cmp_ps(a.h, b.h, _CMP_LT_OQ)};
}
static inline vf v_select(vm m, vf yes, vf no) {
    return (vf){_mm256_blendv_ps(no.l, yes.l, m.l), _mm256_blendv_ps(no.h, yes.h, m.h)};
}

static inline vu v_bits(vf x) { return EV_PAIR(vu, _mm256_castps_si256, x); }
static inline vf v_float(vu u) { return EV_PAIR(vf, _mm256_castsi256_ps, u); }
static inline vu v_uset(uint32_t x) { return (vu){_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)}; }
static inline vu v_uadd(vu a, vu b) { return EV_PAIR2(vu, _mm256_add_epi32, a, b); }
static inline vu v_usub(vu a, vu b) { return EV_PAIR2(vu, _mm256_sub_epi32, a, b); }
static inline vu v_ushl23(vu a) { return (vu){_mm256_slli_epi32(a.l, 23), _mm256_slli_epi32(a.h, 23)}; }

/* 16 lanes to 1: i with i + 8, then + 4, + 2, + 1. */
static inline float v_reduce_add(vf x) {
    __m256 h = _mm256_add_ps(x.l, x.h);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static inline float v_reduce_max(vf x) { /* the largest lane; none is NaN */
    __m256 h = _mm256_max_ps(x.l, x.h);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

static inline __m256i v_mul64(__m256i a, __m256i b) { /* the low halves of the products */
    __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b),
                                     _mm256_mul_epu32(a, _mm256_srli_epi64(b, 32)));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
}
/* The high half of splitmix64's finalizer of key + step, as -2^31 .. 2^31, for 16 keys. */
static inline __m256 v_hash4(const uint64_t *key, __m256i step) { /* in the odd lanes */
    __m256i z = _mm256_add_epi64(_mm256_loadu_si256((const __m256i *)(const void *)key), step);
    z = v_mul64(_mm256_xor_si256(z, _mm256_srli_epi64(z, 30)), _mm256_set1_epi64x((long long)0xbf58476d1ce4e5b9u));
    z = v_mul64(_mm256_xor_si256(z, _mm256_srli_epi64(z, 27)), _mm256_set1_epi64x((long long)0x94d049bb133111ebu));
    return _mm256_castsi256_ps(_mm256_xor_si256(z, _mm256_srli_epi64(z, 31)));
}
static inline __m256 v_hash8(const uint64_t *key, __m256i step) {
    __m256 odd = _mm256_shuffle_ps(v_hash4(key, step), v_hash4(key + 4, step), 0xdd); /* 0 1 4 5 2 3 6 7 */
    __m256i in_order = _mm256_permute4x64_epi64(_mm256_castps_si256(odd), 0xd8);
    return _mm256_cvtepi32_ps(in_order);
}
static inline vf v_hash(const uint64_t *key, uint64_t step) {
    __m256i s = _mm256_set1_epi64x((long long)step);
    return (vf){v_hash8(key, s), v_hash8(key + 8, s)};
}

/* to[i][l] = from[l][column + i], 8 x 8. */
static inline void v_transpose8(const float *const *from, float *const *to, int column) {
    __m256 a[8], b[8];
    EV_EACH(8) a[i] = _mm256_loadu_ps(from[i] + column);
    EV_EACH(4) {
        b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    EV_EACH(2) {
        a[4 * i] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        a[4 * i + 1] = _mm256_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        a[4 * i + 2] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        a[4 * i + 3] = _mm256_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    EV_EACH(4) {
        b[i] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
        b[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
    }
    EV_EACH(8) _mm256_storeu_ps(to[i], b[i]);
}
/* to[i][l] = from[l][i], 16 x 16. */
static inline void v_transpose(const float *const *from, float *const *to) {
    float *right[16];
    EV_EACH(16) right[i] = to[i] + 8;
    v_transpose8(from, to, 0);
    v_transpose8(from, to + 8, 8);
    v_transpose8(from + 8, right, 0);
    v_transpose8(from + 8, right + 8, 8);
}

/* ---- one hardware register ---- */
enum { H_LANES = 8, H_PER_BLOCK = 2 };
typedef __m256 hf;
static inline hf h_set(float x) { return _mm256_set1_ps(x); }
static inline hf h_load(const float *p) { return _mm256_loadu_ps(p); }
static inline hf h_load_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline void h_store(float *p, hf x) { _mm256_storeu_ps(p, x); }
static inline hf h_add(hf a, hf b) { return _mm256_add_ps(a, b); }
static inline hf h_sub(hf a, hf b) { return _mm256_sub_ps(a, b); }
static inline hf h_mul(hf a, hf b) { return _mm256_mul_ps(a, b); }
static inline hf h_fma(hf a, hf b, hf c) { return _mm256_fmadd_ps(a, b, c); }

/* integers: 8 of 32 bits in a register */
typedef int32_t hi __attribute__((vector_size(32))); /* not __m256i, which aliases all: sums would stay in memory */
static inline hi h_iset(uint32_t x) { return (hi)_mm256_set1_epi32((int32_t)x); }
static inline hi h_iload(const void *p) { return (hi)_mm256_loadu_si256((const __m256i *)p); }
static inline hf h_ifloat(hi x) { return _mm256_cvtepi32_ps((__m256i)x); } /* to nearest, ties to even */
/* acc + the four products of x's bytes, unsigned, with w's, signed; two of them fit 16 bits (ev_conv_quantize) */
static inline hi h_idot4(hi acc, hi x, hi w) {
    const __m256i pairs = _mm256_maddubs_epi16((__m256i)x, (__m256i)w);
    return (hi)_mm256_add_epi32((__m256i)acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
/* 16 lanes to integers, to nearest, ties to even */
typedef vu vi;
static inline vi v_round(vf x) { return (vi){_mm256_cvtps_epi32(x.l), _mm256_cvtps_epi32(x.h)}; }
static inline void v_istore_bytes(uint32_t *p, vi x) { /* four in each of four words; -128 .. 127 */
    const __m128i l = _mm_packs_epi32(_mm256_castsi256_si128(x.l), _mm256_extracti128_si256(x.l, 1));
    const __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(x.h), _mm256_extracti128_si256(x.h, 1));
    _mm_storeu_si128((__m128i *)(void *)p, _mm_packs_epi16(l, h));
}

static inline hf h_relu(hf x) { return _mm256_max_ps(_mm256_setzero_ps(), x); }
static inline hf h_lrelu(hf x, hf slope) {
    return _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}

#endif
