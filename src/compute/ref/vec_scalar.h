/* vec_scalar: the vector layer of compute/math.h with one lane, in plain C. fmaf is IEEE's fused multiply-add on
 * every platform, with or without an instruction for it. */
#ifndef EV_COMPUTE_VEC_SCALAR_H
#define EV_COMPUTE_VEC_SCALAR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef float vf;
typedef uint32_t vu;
typedef bool vm;

static inline vf v_set(float x) { return x; }
static inline vf v_add(vf a, vf b) { return a + b; }
static inline vf v_sub(vf a, vf b) { return a - b; }
static inline vf v_mul(vf a, vf b) { return a * b; }
static inline vf v_div(vf a, vf b) { return a / b; }
static inline vf v_fma(vf a, vf b, vf c) { return fmaf(a, b, c); }
static inline vf v_min(vf a, vf b) { return a < b ? a : b; } /* b if either is NaN, or both are zero */
static inline vf v_max(vf a, vf b) { return a > b ? a : b; }
static inline vf v_abs(vf x) { return fabsf(x); }
static inline vf v_copysign(vf magnitude, vf sign) { return copysignf(magnitude, sign); }
static inline vm v_lt(vf a, vf b) { return a < b; }
static inline vf v_select(vm m, vf yes, vf no) { return m ? yes : no; }

static inline vu v_bits(vf x) {
    vu u;
    memcpy(&u, &x, sizeof(u));
    return u;
}
static inline vf v_float(vu u) {
    vf x;
    memcpy(&x, &u, sizeof(x));
    return x;
}
static inline vu v_uset(uint32_t x) { return x; }
static inline vu v_uadd(vu a, vu b) { return a + b; }
static inline vu v_usub(vu a, vu b) { return a - b; }
static inline vu v_ushl23(vu a) { return a << 23; }

/* The high half of splitmix64's finalizer of key + step, as -2^31 .. 2^31. */
static inline vf v_hash(const uint64_t *key, uint64_t step) {
    uint64_t z = *key + step;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)(int32_t)((z ^ (z >> 31)) >> 32);
}

/* ---- one hardware register ---- */
enum { H_LANES = 1 };
typedef float hf;
static inline hf h_set(float x) { return x; }
static inline hf h_load(const float *p) { return *p; }
static inline void h_store(float *p, hf x) { *p = x; }
static inline hf h_add(hf a, hf b) { return a + b; }
static inline hf h_sub(hf a, hf b) { return a - b; }
static inline hf h_mul(hf a, hf b) { return a * b; }
static inline hf h_fma(hf a, hf b, hf c) { return fmaf(a, b, c); }

#endif
