/* kernels_avx2: the kernels for AVX2 with FMA. 16 registers of half a block: 12 sums, 2 of weights, 1 input. */
#include "compute/cpu/vec_avx2.h"

/* One block by 6 rows; two blocks where only a few rows are to be had, so that enough sums are in flight. */
#define EV_TILES(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(1, 2) X(2, 2) X(3, 2)
#define TILE_ROWS_MAX                                                                                                \
    { [1] = 6, [2] = 3 }
#define TILE_TALL     0
#define TILE_CHANNELS 2
#define TILE_BLOCKS   1
#define TILE_PREFETCH 0 /* loads are short as it is */

/* 8 sums, 2 of weights, 1 input, products: the multiplications are what limits, and 4 rows keep them busy. */
#define EV_TILES8(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1)
#define TILE8_ROWS   4
#define TILE8_BLOCKS 1

#include "compute/cpu/conv.inc.h"
#include "compute/cpu/conv8.inc.h"
#include "compute/cpu/rows.inc.h"
#include "compute/fft.inc.h"
#include "compute/cpu/spectrum.inc.h"

const ev_kernels ev_kernels_avx2 = EV_KERNELS("avx2", conv8);
