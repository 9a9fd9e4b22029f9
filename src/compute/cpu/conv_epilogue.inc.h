/* conv_epilogue.inc: what follows the sums of a register tile (compute.h, ev_conv_run), for the kernels of both
 * number types. */
#ifndef EV_COMPUTE_CONV_EPILOGUE_INC_H
#define EV_COMPUTE_CONV_EPILOGUE_INC_H

#include "compute/kernels.h"
#include "compute/math.h"

/* Hides where p comes from. Without it compilers make one pointer per row out of the few below, and spill them. */
#define EV_OPAQUE(p) __asm__("" : "+r"(p))

enum { ACC_MAX = 28 };

typedef struct tile_at {
    const ev_tile *t;
    size_t row;
    int block;
} tile_at;

/* The costly functions, out of line, on sums put aside in memory. */
static __attribute__((noinline)) void act_in_memory(float *v, int n, ev_act act, float slope) {
    for (int i = 0; i < n; i += 16) v_store(v + i, m_act(v_load(v + i), act, slope));
}

EV_INLINE void act_in_registers(hf *acc, const int n, ev_act act, float slope) {
    if (act == EV_ACT_NONE) return;
    if (act == EV_ACT_LRELU) {
        hf s = h_set(slope);
        EV_UNROLL for (int i = 0; i < n; i++) acc[i] = h_lrelu(acc[i], s);
    } else if (act == EV_ACT_RELU) {
        EV_UNROLL for (int i = 0; i < n; i++) acc[i] = h_relu(acc[i]);
    } else {
        _Alignas(64) float memory[ACC_MAX * H_LANES];
        EV_UNROLL for (int i = 0; i < n; i++) h_store(memory + i * H_LANES, acc[i]);
        act_in_memory(memory, n * H_LANES, act, slope);
        EV_UNROLL for (int i = 0; i < n; i++) acc[i] = h_load(memory + i * H_LANES);
    }
}

EV_INLINE void add_rows(hf *acc, const float *p, size_t ld, const int rows, const int columns) {
    if (!p) return;
    EV_UNROLL for (int r = 0; r < rows; r++) {
        EV_UNROLL for (int j = 0; j < columns; j++) {
            acc[r * columns + j] = h_add(acc[r * columns + j], h_load(p + (size_t)r * ld + j * H_LANES));
        }
    }
}

EV_INLINE void store_rows(float *p, size_t ld, const hf *acc, const int rows, const int columns) {
    EV_UNROLL for (int r = 0; r < rows; r++) {
        EV_UNROLL for (int j = 0; j < columns; j++) h_store(p + (size_t)r * ld + j * H_LANES, acc[r * columns + j]);
    }
}

/* NULL stays NULL. */
EV_INLINE const float *at_channel(const float *p, const tile_at *at, size_t ld) {
    return p ? p + at->row * ld + (size_t)at->block * 16 : NULL;
}

/* acc: the sums of `rows` rows, bias included. */
EV_INLINE void finish_tile(hf *acc, const tile_at *at, const int rows, const int columns) {
    const ev_tile *t = at->t;
    const int n = rows * columns;
    act_in_registers(acc, n, t->act, t->slope);
    if (t->gain) {
        const float *gain = at_channel(t->gain, at, 0);
        const float *shift = at_channel(t->shift, at, 0);
        EV_UNROLL for (int i = 0; i < n; i++) {
            acc[i] = h_fma(acc[i], h_load(gain + i % columns * H_LANES), h_load(shift + i % columns * H_LANES));
        }
    }
    add_rows(acc, at_channel(t->residual, at, t->ldr), t->ldr, rows, columns);
    add_rows(acc, at_channel(t->residual2, at, t->ldr2), t->ldr2, rows, columns);
    if (t->scale != 1.0f) {
        hf scale = h_set(t->scale);
        EV_UNROLL for (int i = 0; i < n; i++) acc[i] = h_mul(acc[i], scale);
    }
    if (t->y) store_rows(t->y + at->row * t->ldy + (size_t)at->block * 16, t->ldy, acc, rows, columns);
    if (!t->y2) return;
    act_in_registers(acc, n, t->act2, t->slope2);
    store_rows(t->y2 + at->row * t->ldy2 + (size_t)at->block * 16, t->ldy2, acc, rows, columns);
}

#endif
