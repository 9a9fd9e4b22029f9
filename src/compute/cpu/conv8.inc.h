/* conv8.inc: the convolution kernel of quantised layers (compute.h, Int8), compiled once per instruction set by
 * cpu/kernels_*.c and cpu/conv8_*.c, which first include a vector layer and define
 *
 * - EV_TILES8(X): X(rows, blocks) for every register tile: 1 to TILE8_BLOCKS blocks, all heights from 1 up to
 * - TILE8_ROWS.
 *
 * A few tiles' rows are quantised first, four inputs of a row to a word of 32 bits, words of a tile's rows side by
 * side. Then all blocks of outputs go over them: for each four inputs one register of weights is loaded per column,
 * and for each row a word is broadcast: four multiply-adds a lane. Inputs are unsigned (128 too much), as the
 * instructions want one of the two to be: sums begin with what takes that off. */
#ifndef EV_COMPUTE_CONV8_INC_H
#define EV_COMPUTE_CONV8_INC_H

#include <string.h>

#include "compute/cpu/conv_epilogue.inc.h"

enum { GROUP8_TILES = 4, COLUMNS8_MAX = TILE8_BLOCKS * H_PER_BLOCK };

typedef struct tile8 { /* rows of a tile, quantised */
    float scale[TILE8_ROWS];
    uint32_t words[EV_INT8_INPUTS_MAX / 4 * TILE8_ROWS]; /* [inputs / 4][TILE8_ROWS] */
} tile8;

/* x [n], n a multiple of 16, to row `row` of the tile. */
static void quantize_row(tile8 *tile, int row, const float *x, int n) {
    vf most = v_set(0.0f), finite = v_set(0.0f);
    for (int i = 0; i < n; i += 16) {
        const vf v = v_load(x + i);
        most = v_max(v_abs(v), most); /* in this order NaN is left out */
        finite = v_fma(v, v_set(0.0f), finite);
    }
    const float largest = v_reduce_max(most);
    const vf turns = v_set(largest > EV_INT8_LEAST ? EV_INT8_MOST / largest : 0.0f);
    uint32_t *to = tile->words + row, words[4];
    for (int i = 0; i < n; i += 16) {
        v_istore_bytes(words, v_round(v_mul(v_load(x + i), turns)));
        EV_UNROLL for (int j = 0; j < 4; j++, to += TILE8_ROWS) *to = words[j] ^ 0x80808080u; /* + 128 each */
    }
    /* of what is not finite the bits mean nothing: the scale is NaN */
    tile->scale[row] = (largest > EV_INT8_LEAST ? largest / EV_INT8_MOST : 0.0f) + v_reduce_add(finite);
}

/* All taps' inputs of one row as one; x itself where that is what it is. */
static const float *gather_row(const ev_tile *t, size_t row, float *work) {
    const float *x = t->x + row * t->ldx;
    if (t->taps == 1 && t->ci == t->inputs8) return x;
    float *to = work;
    for (int tap = 0; tap < t->taps; tap++, x += t->tap_step, to += t->ci) memcpy(to, x, (size_t)t->ci * sizeof *to);
    memset(to, 0, (size_t)(work + t->inputs8 - to) * sizeof *to);
    return work;
}

EV_INLINE void sum_inputs(hi *acc, const tile_at *at, const tile8 *tile, const int rows, const int columns) {
    const ev_tile *t = at->t;
    const size_t step = 16 * (size_t)t->inputs8;
    const int8_t *w = t->w8 + (size_t)at->block * step;
    const uint32_t *x = tile->words;
    for (int i = t->inputs8; i > 0; i -= 4, w += 64, x += TILE8_ROWS) {
        hi weights[COLUMNS8_MAX];
        EV_UNROLL for (int j = 0; j < columns; j++) {
            weights[j] = h_iload(w + (size_t)(j / H_PER_BLOCK) * step + j % H_PER_BLOCK * H_LANES * 4);
        }
        EV_UNROLL for (int r = 0; r < rows; r++) {
            const hi b = h_iset(x[r]);
            EV_UNROLL for (int j = 0; j < columns; j++) {
                acc[r * columns + j] = h_idot4(acc[r * columns + j], b, weights[j]);
            }
        }
    }
}

EV_INLINE void run_tile8(const tile_at *at, const tile8 *tile, const int rows, const int blocks) {
    const int columns = blocks * H_PER_BLOCK, n = rows * columns;
    const float *bias = at_channel(at->t->bias, at, 0), *scale = at_channel(at->t->scale8, at, 0);
    const int32_t *offset = at->t->offset8 + (size_t)at->block * 16;
    hi sums[ACC_MAX];
    EV_UNROLL for (int i = 0; i < n; i++) sums[i] = h_iload(offset + i % columns * H_LANES);
    sum_inputs(sums, at, tile, rows, columns);
    hf acc[ACC_MAX];
    EV_UNROLL for (int r = 0; r < rows; r++) {
        const hf row_scale = h_set(tile->scale[r]);
        EV_UNROLL for (int j = 0; j < columns; j++) {
            const hf sum = h_mul(h_ifloat(sums[r * columns + j]), row_scale);
            acc[r * columns + j] =
                h_fma(sum, h_load(scale + j * H_LANES), bias ? h_load(bias + j * H_LANES) : h_set(0.0f));
        }
    }
    finish_tile(acc, at, rows, columns);
}

typedef void (*tile8_fn)(const tile_at *at, const tile8 *tile);
#define EV_TILE8_BODY(rows, blocks)                                                                                  \
    static void tile8_##rows##x##blocks(const tile_at *at, const tile8 *tile) { run_tile8(at, tile, rows, blocks); }
#define EV_TILE8_ENTRY(rows, blocks) [blocks][rows] = tile8_##rows##x##blocks,
EV_TILES8(EV_TILE8_BODY)
static const tile8_fn tiles8[TILE8_BLOCKS + 1][TILE8_ROWS + 1] = {EV_TILES8(EV_TILE8_ENTRY)};

/* Row `i` of `count` tiles of nearly equal height that share `rows`. */
static size_t tile8_begin(size_t rows, size_t count, size_t i) { return rows * i / count; }

static void run_group8(const ev_tile *t, size_t first, size_t rows, int blocks) {
    tile8 group[GROUP8_TILES];
    _Alignas(64) float work[EV_INT8_INPUTS_MAX];
    const size_t count = (rows + TILE8_ROWS - 1) / TILE8_ROWS;
    for (size_t i = 0; i < count; i++) {
        const size_t begin = tile8_begin(rows, count, i), end = tile8_begin(rows, count, i + 1);
        for (size_t r = begin; r < end; r++) {
            quantize_row(&group[i], (int)(r - begin), gather_row(t, first + r, work), t->inputs8);
        }
    }
    tile_at at = {.t = t};
    for (int width; at.block < blocks; at.block += width) {
        width = blocks - at.block >= TILE8_BLOCKS ? TILE8_BLOCKS : 1;
        for (size_t i = 0; i < count; i++) {
            const size_t begin = tile8_begin(rows, count, i);
            at.row = first + begin;
            tiles8[width][tile8_begin(rows, count, i + 1) - begin](&at, &group[i]);
        }
    }
}

static void conv8(const ev_tile *t, size_t rows, int blocks) {
    for (size_t row = 0, n; row < rows; row += n) {
        n = rows - row < GROUP8_TILES * TILE8_ROWS ? rows - row : GROUP8_TILES * TILE8_ROWS;
        run_group8(t, row, n, blocks);
    }
}

#endif
