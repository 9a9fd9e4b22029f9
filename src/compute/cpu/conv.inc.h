/* conv.inc: the convolution kernel, compiled once per instruction set by cpu/kernels_*.c, which first includes a
 * vector layer and defines
 *
 * - EV_TILES(X): X(rows, blocks) for every register tile it wants;
 * - TILE_ROWS_MAX: {[blocks] = most rows of its tiles}, of all heights from 1 up; 1 and 2 blocks must exist;
 * - TILE_TALL: the height of one taller tile of one block, or 0;
 * - TILE_CHANNELS: input channels in one turn of the innermost loop;
 * - TILE_BLOCKS: how many blocks, 1 or 2, the tile for many rows has;
 * - TILE_PREFETCH: how many bytes ahead weights are prefetched, or 0.
 *
 * A register tile is `rows` time steps by `blocks` blocks of 16 output channels, all its sums in registers from the
 * bias to the stored result. For each (tap, input channel) it loads one row of weights, which is contiguous, and for
 * each time step broadcasts one input from memory: rows * blocks fused multiply-adds for rows + blocks loads.
 * Weights of 16 bits are widened as they are loaded.
 * The loops over rows and blocks below have constant bounds and are unrolled whole; nothing may keep the compiler
 * from holding `acc` in registers, so check the generated code after a change (docs/speed-log.md says what to look
 * for). */
#ifndef EV_COMPUTE_CONV_INC_H
#define EV_COMPUTE_CONV_INC_H

#include "compute/cpu/conv_epilogue.inc.h"

enum { ROW_GROUP = 5, ROW_GROUPS_MAX = 6, COLUMNS_MAX = 4 };

/* Five rows per pointer, by what x86 can address from it: + 0, ld, 2 ld, 3 ld (a register of its own), 4 ld bytes. */
EV_INLINE hf broadcast_row(const char *const *group, size_t ld, size_t ld3, int r, int ahead) {
    const char *p = group[r / ROW_GROUP] + (size_t)ahead * sizeof(float);
    switch (r % ROW_GROUP) {
    case 0: return h_set(*(const float *)p);
    case 1: return h_set(*(const float *)(p + ld));
    case 2: return h_set(*(const float *)(p + 2 * ld));
    case 3: return h_set(*(const float *)(p + ld3));
    default: return h_set(*(const float *)(p + 4 * ld));
    }
}

/* A register's width of weights of 4 or 2 bytes. */
EV_INLINE hf load_weights(const char *w, const int bytes) {
    return bytes == 2 ? h_load_half((const uint16_t *)(const void *)w) : h_load((const float *)(const void *)w);
}

/* acc[row][column] += x[row] w[column] for the input channel that `group` stands `ahead` channels before. */
EV_INLINE void sum_channel(hf *acc, const char *const *group, size_t ld, size_t ld3, const char *w, size_t w_step,
                           const int bytes, const int ahead, const int rows, const int columns) {
    hf weights[COLUMNS_MAX];
    EV_UNROLL for (int j = 0; j < columns; j++) {
        const int lane = ahead * 16 + j % H_PER_BLOCK * H_LANES;
        weights[j] = load_weights(w + (size_t)(j / H_PER_BLOCK) * w_step + lane * bytes, bytes);
        if (TILE_PREFETCH) __builtin_prefetch(w + (size_t)(j / H_PER_BLOCK) * w_step + lane * bytes + TILE_PREFETCH);
    }
    EV_UNROLL for (int r = 0; r < rows; r++) {
        hf b = broadcast_row(group, ld, ld3, r, ahead);
        EV_UNROLL for (int j = 0; j < columns; j++) {
            acc[r * columns + j] = h_fma(b, weights[j], acc[r * columns + j]);
        }
    }
}

EV_INLINE void advance(const char **group, const int channels, const int rows) {
    EV_UNROLL for (int i = 0; i * ROW_GROUP < rows; i++) {
        group[i] += (size_t)channels * sizeof(float);
        EV_OPAQUE(group[i]);
    }
}

/* acc[row][column] += the whole sum over taps and input channels; a column is a register's width of channels. */
EV_INLINE void sum_taps(hf *acc, const tile_at *at, const int bytes, const int rows, const int columns) {
    const ev_tile *t = at->t;
    size_t ld = t->ldx * sizeof(float), ld3 = 3 * ld, w_step = t->w_step * (size_t)bytes;
    EV_OPAQUE(ld3);
    const char *w = (bytes == 2 ? (const char *)t->w16 : (const char *)t->w) + (size_t)at->block * w_step;
    const char *x = (const char *)(t->x + at->row * t->ldx);
    for (int tap = 0; tap < t->taps; tap++, x += t->tap_step * sizeof(float)) {
        const char *group[ROW_GROUPS_MAX];
        EV_UNROLL for (int i = 0; i * ROW_GROUP < rows; i++) {
            group[i] = x + (size_t)(i * ROW_GROUP) * ld;
            EV_OPAQUE(group[i]);
        }
        int c = t->ci;
        for (; c >= TILE_CHANNELS; c -= TILE_CHANNELS, w += TILE_CHANNELS * 16 * bytes) {
            EV_UNROLL for (int i = 0; i < TILE_CHANNELS; i++) {
                sum_channel(acc, group, ld, ld3, w, w_step, bytes, i, rows, columns);
            }
            advance(group, TILE_CHANNELS, rows);
        }
        for (; c > 0; c--, w += 16 * bytes) {
            sum_channel(acc, group, ld, ld3, w, w_step, bytes, 0, rows, columns);
            advance(group, 1, rows);
        }
    }
}

EV_INLINE void run_tile(const tile_at *at, const int bytes, const int rows, const int blocks) {
    const int columns = blocks * H_PER_BLOCK, n = rows * columns;
    const float *bias = at_channel(at->t->bias, at, 0);
    hf acc[ACC_MAX];
    EV_UNROLL for (int i = 0; i < n; i++) acc[i] = bias ? h_load(bias + i % columns * H_LANES) : h_set(0.0f);
    sum_taps(acc, at, bytes, rows, columns);
    finish_tile(acc, at, rows, columns);
}

typedef void (*tile_fn)(const tile_at *at);
#define EV_TILE_BODY(rows, blocks)                                                                                   \
    static void tile_##rows##x##blocks(const tile_at *at) { run_tile(at, 4, rows, blocks); }                         \
    static void tile16_##rows##x##blocks(const tile_at *at) { run_tile(at, 2, rows, blocks); }
#define EV_TILE_ENTRY(rows, blocks)   [0][blocks][rows] = tile_##rows##x##blocks,
#define EV_TILE16_ENTRY(rows, blocks) [1][blocks][rows] = tile16_##rows##x##blocks,
EV_TILES(EV_TILE_BODY)
static const tile_fn tiles[2][5][ACC_MAX + 1] = {EV_TILES(EV_TILE_ENTRY) EV_TILES(EV_TILE16_ENTRY)};
static const size_t tile_rows_max[5] = TILE_ROWS_MAX;

/* For few rows the widest tile that they fill, so that enough sums are in flight. */
static int tile_blocks(size_t rows, int blocks) {
    if (blocks >= 4 && rows <= tile_rows_max[4]) return 4;
    if (blocks >= 2 && rows <= tile_rows_max[2]) return 2;
    return blocks >= TILE_BLOCKS ? TILE_BLOCKS : 1;
}

/* Rows in tall tiles where these exist, the rest in tiles of nearly equal height: a low tile has too few sums in
 * flight to hide the latency of the multiply-add. */
static void run_panel(tile_at *at, size_t rows, int blocks) {
    const size_t tall = blocks == 1 ? TILE_TALL : 0;
    const tile_fn(*const of)[ACC_MAX + 1] = tiles[at->t->w16 != NULL];
    at->row = 0;
    for (; tall > 0 && rows - at->row >= tall; at->row += tall) of[1][tall](at);
    rows -= at->row;
    size_t count = (rows + tile_rows_max[blocks] - 1) / tile_rows_max[blocks];
    for (size_t i = 0; i < count; i++) {
        size_t height = rows / count + (i < rows % count);
        of[blocks][height](at);
        at->row += height;
    }
}

/* A panel of blocks at a time, so that its weights stay in cache while the rows stream past. */
static void conv(const ev_tile *t, size_t rows, int blocks) {
    tile_at at = {.t = t};
    for (int width; at.block < blocks; at.block += width) {
        width = tile_blocks(rows, blocks - at.block);
        run_panel(&at, rows, width);
    }
}

#endif
