/* kernels: the table that each instruction set fills; internal to compute/.
 *
 * The entries work on rows that lie in one span, on one thread; compute.c validates, splits spans into such pieces
 * and runs them on the pool. ref/ref.c defines each entry; cpu/ has the same, vectorised, with the same bytes out. */
#ifndef EV_COMPUTE_KERNELS_H
#define EV_COMPUTE_KERNELS_H

#include "compute/spectrum.h"

/* For the sources that are compiled once per instruction set. */
#define EV_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define EV_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EV_UNROLL _Pragma("GCC unroll 32")
#endif

/* A piece of a convolution: some rows of one span times some blocks of 16 output channels. All pointers are at the
 * piece's first row and first block. Absent: NULL. */
typedef struct ev_tile {
    const float *x;       /* what the first tap reads for the first row */
    size_t ldx, tap_step; /* floats to the next row; to what the next tap reads for the same row */
    const float *w;       /* [blocks][taps][ci][16] */
    const uint16_t *w16;  /* or the same in 16 bits; the other is NULL */
    size_t w_step;        /* weights to the next block: taps * ci * 16 */
    int taps, ci;
    const int8_t *w8; /* of a quantised layer: [blocks][inputs8 / 4][16][4], scale8 and offset8 [blocks * 16] */
    const float *scale8;
    const int32_t *offset8;
    int inputs8;
    const float *bias, *gain, *shift; /* [blocks * 16]; no bias is zeros */
    const float *residual, *residual2;
    float *y, *y2;
    size_t ldy, ldy2, ldr, ldr2;
    ev_act act, act2;
    float slope, slope2, scale;
} ev_tile;

typedef struct ev_upsample_tile {
    const float *x, *centre; /* the span's first token */
    size_t ldx, ldo, tokens; /* tokens > 0 */
    float *out;              /* row `first` of the span */
    size_t first;
    float delta;
    int channels;
} ev_upsample_tile;

/* Up to 16 frames of one span, for ev_istft_run. */
typedef struct ev_istft_tile {
    const ev_istft *stft;
    const float *parts; /* of the first frame */
    size_t ld;
    const float *pulses, *bursts; /* where its window begins; bursts: NULL if there are none */
    float *y;
    uint64_t seed;
    size_t first;   /* its number */
    float *scratch; /* x, bins, work, bins of bursts */
} ev_istft_tile;

struct ev_kernels {
    const char *name;
    void (*conv)(const ev_tile *tile, size_t rows, int blocks);
    void (*conv8)(const ev_tile *tile, size_t rows, int blocks); /* of a quantised layer */
    /* x: what tap 0 reads for the first row. act: not LRELU */
    void (*conv_single_output)(const ev_conv_single_output *conv, const float *x, size_t ldx, float *y, ev_act act,
                               size_t rows);
    /* x: what tap 0 reads for the first row; tap_step: floats to what the next tap reads for the same row */
    void (*depthwise)(const ev_depthwise *conv, const float *x, size_t ldx, size_t tap_step, float *y, size_t ldy,
                      size_t rows);
    void (*layer_norm)(const float *x, size_t ldx, float *y, size_t ldy, int channels, const float *gamma,
                       const float *beta, float eps, size_t rows);
    void (*softmax)(float *x, size_t ldx, size_t n, size_t rows); /* each row, in place */
    void (*upsample)(const ev_upsample_tile *tile, size_t rows);
    /* 64-byte aligned, nothing overlaps, the input is overwritten; work: size x 16 floats.
     * forward: x [size][16] -> bins [size / 2 + 1][re, im][16].
     * inverse: bins -> x, `size` times the inverse; the imaginary parts of the first bin and the last do not count.
     */
    void (*fft_forward)(const ev_fft *fft, float *x, float *bins, float *work);
    void (*fft_inverse)(const ev_fft *fft, float *bins, float *x, float *work);
    void (*istft)(const ev_istft_tile *tile, size_t rows);
    void (*pulses)(const ev_pulses *pulses, float *out, float *bursts, size_t n);
    void (*axpby)(const float *x, size_t ldx, float a, const float *z, size_t ldz, float b, float *y, size_t ldy,
                  int channels, size_t rows);
};

extern const ev_kernels ev_kernels_ref, ev_kernels_avx2, ev_kernels_avx512, ev_kernels_avx512_vnni;

void ev_conv8_avx512vnni(const ev_tile *tile, size_t rows, int blocks);

/* A row whose largest magnitude is no larger counts as zeros: the quotients below stay finite. */
#define EV_INT8_LEAST 1e-30f
#define EV_INT8_MOST  127.0f

/* The tokens that count for row t of an upsampled span: z(n) = delta * (nearest - (t - centre[n])^2) with nearest the
 * row's smallest square; token n is in if z(n) >= EV_UPSAMPLE_REACH. Compiled once, so that all ISAs cut alike. */
#define EV_UPSAMPLE_REACH (-30.0f)
typedef struct ev_window {
    size_t begin, end;
    float nearest;
} ev_window;
ev_window ev_upsample_window(const float *centre, size_t tokens, float t, float delta);
/* Tokens are weighted in chunks of this many; a multiple of 16, and part of the order of sums. */
enum { EV_UPSAMPLE_CHUNK = 64 };

/* Of one instruction set's noise: uniform, of variance one, from a hash of a key and the number of the bin's part
 * (splitmix64's finalizer, Steele et al. 2014). A row's key; a part's step is added to it. Bursts are numbered down
 * from the last index, which no bin reaches. */
#define EV_NOISE_STEP  0x9e3779b97f4a7c15u
#define EV_NOISE_SCALE (1.732050808f / 2147483648.0f)
static inline uint64_t ev_noise_key(uint64_t seed, uint64_t index) {
    return seed * 0xd1342543de82ef95u + (index + 1) * EV_NOISE_STEP;
}
#define EV_LOUDEST 7.0f /* of a log magnitude */

/* Turns of sample i of a train of pulses, and `count` times as many, both less their nearest integer: in double, and
 * small where the pulses stand, so that as floats they are exact enough for the quotient of two sines. */
#define EV_ROUND_MAGIC_DOUBLE 6755399441055744.0 /* 1.5 * 2^52 */
static inline void ev_pulse_turns(const ev_pulses *p, size_t i, float *turns, float *many) {
    const double k = (double)(p->first + i);
    double at = p->start + (p->left + p->bend * k) * k / p->rate;
    at -= at + EV_ROUND_MAGIC_DOUBLE - EV_ROUND_MAGIC_DOUBLE;
    const double times = p->count * at;
    *turns = (float)at;
    *many = (float)(times - (times + EV_ROUND_MAGIC_DOUBLE - EV_ROUND_MAGIC_DOUBLE));
}
static inline uint64_t ev_burst_key(const ev_pulses *p, size_t i) { return ev_noise_key(p->seed, ~(p->number + i)); }
#define EV_SWELL_SCALE 0.816496581f /* sqrt(2 / 3) */
#define EV_PULSE_NEAR  2e-3f        /* of 2 sin(pi turns): so near to a pulse's top the sum is `count`, less a half */

/* ---- how an operation is spread over the pool (split.c) ---- */
/* `rows` rows of span number `span`, from its row `first` on; part `part` of `parts` of their channels. */
typedef struct ev_piece {
    size_t span, first, rows;
    int part, parts;
} ev_piece;
typedef void (*ev_rows_fn)(const ev_kernels *kernels, const void *args, const ev_piece *piece);
typedef struct ev_rows_job {
    ev_rows_fn fn;
    const void *args;
    const ev_span *spans;
    size_t span_count;
    double row_cost; /* of one row, in multiply-adds or what takes as long */
    int parts_max;   /* into how many parts each row can be split, at least 1 */
    size_t rows_min; /* fewer rows than this are not worth a task of their own */
    size_t rows_max; /* rows that one task should not exceed (cache), 0: no limit */
} ev_rows_job;
void ev_run_rows(const ev_compute *c, const ev_rows_job *job);
void ev_winograd_run(const ev_compute *c, const ev_conv_args *args); /* ev_conv_run of such a layer (winograd.c) */
int ev_compute_threads(const ev_compute *c);

#endif
