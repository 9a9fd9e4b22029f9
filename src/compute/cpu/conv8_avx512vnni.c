/* conv8_avx512vnni: the kernel of quantised layers for AVX-512 with VNNI, which sums four products of bytes a lane.
 * 28 sums, 2 of weights, 1 input. */
#if !defined(__AVX512VNNI__)
#error "compile this file with -mavx512vnni"
#endif
#include "compute/cpu/vec_avx512.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(EV_FEW_TILES)
#define EV_TILES8(X) X(1, 1) X(2, 1) X(3, 1) X(1, 2) X(2, 2) X(3, 2)
#define TILE8_ROWS   3
#else
#define EV_TILES8_1A(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1)
#define EV_TILES8_1B(X) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1)
#define EV_TILES8_2A(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2)
#define EV_TILES8_2B(X) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define EV_TILES8(X)    EV_TILES8_1A(X) EV_TILES8_1B(X) EV_TILES8_2A(X) EV_TILES8_2B(X)
#define TILE8_ROWS      14
#endif
#define TILE8_BLOCKS 2

#include "compute/cpu/conv8.inc.h"

void ev_conv8_avx512vnni(const ev_tile *tile, size_t rows, int blocks) { conv8(tile, rows, blocks); }
