/* vec_avx512: the vector layer, 16 floats in one zmm register. v_*: 16 lanes, for row operations and compute/math.h.
 * h_*: one hardware register, for the conv micro-kernel; here the same thing. */
#ifndef EV_COMPUTE_VEC_H
#define EV_COMPUTE_VEC_H

#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with -mavx512f -mavx512dq"
#endif
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/kernels.h"

#define EV_EACH(n) EV_UNROLL for (int i = 0; i < (n); i++)

typedef __m512 vf;
typedef __m512i vu;
typedef __mmask16 vm;

static inline vf v_set(float x) { return _mm512_set1_ps(x); }
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline vm v_first(size_t n) { return (vm)((1u << n) - 1); } /* lanes 0 .. n-1, n <= 16 */
static inline vf v_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(v_first(n), p); } /* others zero */
static inline vf v_load_n_or(const float *p, size_t n, vf others) {
    return _mm512_mask_loadu_ps(others, v_first(n), p);
}
static inline void v_store_n(float *p, vf x, size_t n) { _mm512_mask_storeu_ps(p, v_first(n), x); }
static inline vf v_maskz(vf x, size_t n) { return _mm512_maskz_mov_ps(v_first(n), x); } /* other lanes to zero */

static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_abs(vf x) { return _mm512_abs_ps(x); }
static inline vf v_copysign(vf magnitude, vf sign) {
    __m512i top = _mm512_set1_epi32((int)0x80000000u);
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(magnitude), _mm512_castps_si512(sign),
                                                         top, 0xD8)); /* bit by bit: top ? sign : magnitude */
}
static inline vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vf v_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }

static inline vu v_bits(vf x) { return _mm512_castps_si512(x); }
static inline vf v_float(vu u) { return _mm512_castsi512_ps(u); }
static inline vu v_uset(uint32_t x) { return _mm512_set1_epi32((int)x); }
static inline vu v_uadd(vu a, vu b) { return _mm512_add_epi32(a, b); }
static inline vu v_usub(vu a, vu b) { return _mm512_sub_epi32(a, b); }
static inline vu v_ushl23(vu a) { return _mm512_slli_epi32(a, 23); }

/* 16 lanes to 1: i with i + 8, then + 4, + 2, + 1. */
static inline float v_reduce_add(vf x) {
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static inline float v_reduce_max(vf x) { return _mm512_reduce_max_ps(x); } /* the largest lane; none is NaN */

/* The high half of splitmix64's finalizer of key + step, as -2^31 .. 2^31, for 16 keys. */
static inline __m256i v_hash8(const uint64_t *key, __m512i step) {
    __m512i z = _mm512_add_epi64(_mm512_loadu_si512(key), step);
    z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 30)),
                           _mm512_set1_epi64((long long)0xbf58476d1ce4e5b9u));
    z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 27)),
                           _mm512_set1_epi64((long long)0x94d049bb133111ebu));
    return _mm512_cvtepi64_epi32(_mm512_srli_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 31)), 32));
}
static inline vf v_hash(const uint64_t *key, uint64_t step) {
    __m512i s = _mm512_set1_epi64((long long)step);
    __m512i both = _mm512_castsi256_si512(v_hash8(key, s));
    return _mm512_cvtepi32_ps(_mm512_inserti64x4(both, v_hash8(key + 8, s), 1));
}

/* to[i][l] = from[l][i], 16 x 16. */
static inline void v_transpose(const float *const *from, float *const *to) {
    __m512 a[16], b[16];
    EV_EACH(16) a[i] = _mm512_loadu_ps(from[i]);
    EV_EACH(8) { /* pairs of rows, then of pairs: 4 x 4 inside each quarter of a register */
        b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    EV_EACH(4) {
        a[4 * i] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0x44);
        a[4 * i + 1] = _mm512_shuffle_ps(b[4 * i], b[4 * i + 2], 0xee);
        a[4 * i + 2] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0x44);
        a[4 * i + 3] = _mm512_shuffle_ps(b[4 * i + 1], b[4 * i + 3], 0xee);
    }
    EV_EACH(4) { /* then the quarters */
        b[i] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
        b[i + 4] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
        b[i + 8] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
        b[i + 12] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
    }
    EV_EACH(4) {
        _mm512_storeu_ps(to[i], _mm512_shuffle_f32x4(b[i], b[i + 8], 0x88));
        _mm512_storeu_ps(to[i + 4], _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0x88));
        _mm512_storeu_ps(to[i + 8], _mm512_shuffle_f32x4(b[i], b[i + 8], 0xdd));
        _mm512_storeu_ps(to[i + 12], _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0xdd));
    }
}

/* ---- one hardware register ---- */
enum { H_LANES = 16, H_PER_BLOCK = 1 };
typedef __m512 hf;
static inline hf h_set(float x) { return _mm512_set1_ps(x); }
static inline hf h_load(const float *p) { return _mm512_loadu_ps(p); }
static inline hf h_load_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void h_store(float *p, hf x) { _mm512_storeu_ps(p, x); }
static inline hf h_add(hf a, hf b) { return _mm512_add_ps(a, b); }
static inline hf h_sub(hf a, hf b) { return _mm512_sub_ps(a, b); }
static inline hf h_mul(hf a, hf b) { return _mm512_mul_ps(a, b); }
static inline hf h_fma(hf a, hf b, hf c) { return _mm512_fmadd_ps(a, b, c); }

/* integers: 16 of 32 bits in a register */
typedef int32_t hi __attribute__((vector_size(64))); /* not __m512i, which aliases all: sums would stay in memory */
static inline hi h_iset(uint32_t x) { return (hi)_mm512_set1_epi32((int32_t)x); }
static inline hi h_iload(const void *p) { return (hi)_mm512_loadu_si512(p); }
static inline hf h_ifloat(hi x) { return _mm512_cvtepi32_ps((__m512i)x); } /* to nearest, ties to even */
/* acc + the four products of x's bytes, unsigned, with w's, signed; two of them fit 16 bits (ev_conv_quantize) */
static inline hi h_idot4(hi acc, hi x, hi w) {
#if defined(__AVX512VNNI__)
    return (hi)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)x, (__m512i)w);
#else
    const __m512i pairs = _mm512_maddubs_epi16((__m512i)x, (__m512i)w);
    return (hi)_mm512_add_epi32((__m512i)acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}
/* 16 lanes to integers, to nearest, ties to even */
typedef __m512i vi;
static inline vi v_round(vf x) { return _mm512_cvtps_epi32(x); }
static inline void v_istore_bytes(uint32_t *p, vi x) { /* four in each of four words; -128 .. 127 */
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(x));
}

static inline hf h_relu(hf x) { return _mm512_max_ps(_mm512_setzero_ps(), x); }
static inline hf h_lrelu(hf x, hf slope) {
    return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), x, slope);
}

#endif
