/* half: numbers of 16 bits (IEEE 754 binary16), to and from float. */
#ifndef EV_HALF_H
#define EV_HALF_H

#include <stdint.h>
#include <string.h>

static inline float ev_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Exact. Without branches, so that loops over it become vectors. */
static inline float ev_float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7FFF) << 13;
    const uint32_t special = (half & 0x7C00) == 0x7C00 ? 0x7F800000u : 0; /* infinity, no number */
    float scaled = ev_float_of_bits(rest) * 0x1p112f;                     /* subnormals become normal by this */
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    return ev_float_of_bits(bits | special | sign);
}

/* The nearest, ties to even; larger than 65504 becomes infinity. */
static inline uint16_t ev_half_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return sign | 0x7E00;
    if (bits >= 0x477FF000) return sign | 0x7C00; /* 65520 and more */
    if (bits < 0x38800000) {                      /* below 2^-14: steps of 2^-24, rounded by the addition */
        const float rounded = ev_float_of_bits(bits) + 0.5f;
        uint32_t steps;
        memcpy(&steps, &rounded, sizeof steps);
        return sign | (uint16_t)(steps - 0x3F000000);
    }
    const uint32_t odd = bits >> 13 & 1;
    return sign | (uint16_t)((bits + 0xFFF + odd - 0x38000000) >> 13);
}

#endif
