/* kernels_avx512: the kernels for AVX-512. 32 registers: up to 28 sums, 2 rows of weights, 1 input. */
#include "compute/cpu/vec_avx512.h"

/* Two blocks by 14 rows is the work horse; one block by 28 for what is left over; four where only a few rows are to
 * be had, so that enough sums are in flight. More heights of one block would gain little and take long to compile. */
#define EV_TILES_1A(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1)
#define EV_TILES_1B(X) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1) X(28, 1)
#define EV_TILES_2A(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2)
#define EV_TILES_2B(X) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define EV_TILES_4(X)  X(1, 4) X(2, 4) X(3, 4)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(EV_FEW_TILES)
/* Instrumented, the tiles take a minute to compile: some heights less, of the same code. */
#define EV_TILES(X) X(1, 1) X(2, 1) X(3, 1) X(28, 1) X(1, 2) X(2, 2) X(3, 2) EV_TILES_4(X)
#define TILE_ROWS_MAX                                                                                                \
    { [1] = 3, [2] = 3, [4] = 3 }
#else
#define EV_TILES(X) EV_TILES_1A(X) EV_TILES_1B(X) EV_TILES_2A(X) EV_TILES_2B(X) EV_TILES_4(X)
#define TILE_ROWS_MAX                                                                                                \
    { [1] = 14, [2] = 14, [4] = 3 }
#endif
#define TILE_TALL     28
#define TILE_CHANNELS 1
#define TILE_BLOCKS   2
#define TILE_PREFETCH 1024

/* Quantised, without VNNI: 24 sums, 2 of weights, 1 input, products. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(EV_FEW_TILES)
#define EV_TILES8(X) X(1, 1) X(2, 1) X(3, 1) X(1, 2) X(2, 2) X(3, 2)
#define TILE8_ROWS   3
#else
#define EV_TILES8_1(X)                                                                                               \
    X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1)
#define EV_TILES8_2(X)                                                                                               \
    X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2)
#define EV_TILES8(X) EV_TILES8_1(X) EV_TILES8_2(X)
#define TILE8_ROWS   12
#endif
#define TILE8_BLOCKS 2

#include "compute/cpu/conv.inc.h"
#include "compute/cpu/conv8.inc.h"
#include "compute/cpu/rows.inc.h"
#include "compute/fft.inc.h"
#include "compute/cpu/spectrum.inc.h"

const ev_kernels ev_kernels_avx512 = EV_KERNELS("avx512", conv8);
const ev_kernels ev_kernels_avx512_vnni = EV_KERNELS("avx512", ev_conv8_avx512vnni);
