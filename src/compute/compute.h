/* compute: the operations that models are made of, and their contract.
 *
 * Layout    Activations are time-major rows: element (t, c) of x lies at x[t * ldx + c], float32. Rows are steps of
 *           ONE time axis on which the utterances of a batch lie end to end, with gaps between them. An operation
 *           works on the rows of its spans only; it never writes a gap. Where a convolution reaches beyond a span
 *           it reads the gap, which must hold zeros (ev_zero_gaps) for at least its reach.
 *           Row strides and widths of outputs are multiples of 16 floats, outputs 64-byte aligned; inputs may be
 *           aligned to a float only. Channels beyond the model's own, up to the multiple of 16, are written as the
 *           zero-padded weights give them (zero) and must be zero in inputs only if the layer reads them (it reads
 *           exactly `ci`).
 * Order     Every output element of conv is acc = bias; for tap, for input channel: acc = fma(x, w, acc), in this
 *           order, whatever the tile, the thread, the batch or the ISA. So a batch gives the same bytes as each
 *           alone, and ref (fmaf), avx2 and avx512 give the same bytes as each other. The non-linear functions are
 *           one polynomial each (compute/math.h), compiled per ISA with explicit fma only, for the same reason.
 *           Reductions (layer norm, softmax, pooling) keep 16 partial sums, element i in sum i % 16, added pairwise
 *           at the end, at every ISA.
 *           A convolution may be transformed for Winograd's algorithm (ev_conv_winograd): its sums have an order of
 *           their own, with the same promises.
 *           One exception: which NaN comes out where several go in is not fixed.
 * Int8      A convolution may be quantised (ev_conv_quantize): its weights once, its inputs row by row as it runs,
 *           both to -127 .. 127. Products are summed as int32, exactly, so the order does not matter and the same
 *           promises hold.
 * Threads   An operation splits its spans into tiles and runs them on the pool; it returns when all are done.
 *           No operation allocates.
 * Devices   Models do not call what is declared here: they enqueue the same operations on places of a device's memory
 *           (queue.h), and the CPU's queue calls it. The speaker encoder runs on the CPU whatever the device, on
 *           pointers; so does the style encoder, on a CPU's queue.
 * Ref       compute/ref/ is the definition, in plain C. cpu/ holds one source per group of operations, compiled per
 *           ISA. Tests compare every ISA with ref for equal bytes at odd sizes.
 */
#ifndef EV_COMPUTE_H
#define EV_COMPUTE_H

#include "base/base.h"

typedef struct ev_kernels ev_kernels; /* one ISA's table of tile functions; internal */

typedef struct ev_compute {
    const ev_kernels *kernels;
    ev_pool *pool; /* borrowed; NULL: the calling thread only */
} ev_compute;

/* Picks the best kernels that ev_cpu_flags() allows. */
void ev_compute_init(ev_compute *c, ev_pool *pool);
const char *ev_compute_name(const ev_compute *c); /* "ref", "avx2", "avx512" */
/* Multiply-adds x 2 per second that the conv kernel reaches with all operands in the first-level cache, all threads
 * of the pool. Takes some 10 ms. */
double ev_compute_peak_flops(const ev_compute *c);

typedef struct ev_span {
    size_t begin, count;
} ev_span; /* rows [begin, begin + count) */
/* Behind the last row of ascending spans. */
static inline size_t ev_spans_end(const ev_span *spans, size_t n) {
    return n ? spans[n - 1].begin + spans[n - 1].count : 0;
}

typedef enum ev_act {
    EV_ACT_NONE,
    EV_ACT_RELU,
    EV_ACT_LRELU, /* x < 0 ? slope * x : x */
    EV_ACT_GELU,  /* exact: x/2 (1 + erf(x / sqrt 2)), to 1e-6 absolute */
    EV_ACT_TANH,
    EV_ACT_SIGMOID
} ev_act;

/* Weights packed once at load: w [co_blocks][taps][ci][16], bias [co_blocks * 16], zero beyond co. Halved, w16
 * takes the place of w, and is laid out alike. Quantised, w8 does: [co_blocks][inputs8 / 4][16][4], of the inputs
 * [taps][ci] as one row. For Winograd's algorithm, `winograd` does (winograd.c). */
typedef struct ev_conv {
    int taps, ci, co, co_blocks; /* co_blocks = ceil(co / 16) */
    float *w, *bias;             /* owned */
    uint16_t *w16;               /* owned; NULL: not halved */
    float *winograd;             /* owned; NULL: not so transformed */
    int8_t *w8;                  /* owned; NULL: not quantised */
    float *scale8;               /* owned, [co_blocks * 16]: a weight is its 8 bits times its output's scale */
    int32_t *offset8;            /* owned, [co_blocks * 16]: -128 times the sum of an output's 8 bits */
    int inputs8;                 /* taps * ci, rounded up to 16 */
} ev_conv;

/* weight as PyTorch stores it: Conv1d [co][ci][taps], Linear [co][ci] (taps = 1). bias [co] or NULL (zeros). */
ev_status ev_conv_pack(ev_conv *out, const float *weight, const float *bias, int co, int ci, int taps, ev_error *err);
/* Weights to 16 bits (IEEE half), half of the memory: they are widened as they are read, so that results are those of
 * the rounded weights in float, and the same bytes where all were such numbers already. */
ev_status ev_conv_halve(ev_conv *conv, ev_error *err);
/* Weights to 8 bits, symmetric, a scale for each output (dynamic quantisation in PyTorch's and ONNX's words): a
 * quarter of the memory, nearly twice as fast with AVX2, up to four times where the processor sums products of bytes
 * (AVX-512 VNNI). A row's inputs, those of all taps together, are divided by their largest magnitude / 127 and
 * rounded to even; then acc = fma(float(sum) * row's scale, output's scale, bias), and on as in float. An output's
 * scale is the largest magnitude of its weights, and of the sums of the two of inputs 2n and 2n + 1, / 127: so their
 * products with inputs of 0 .. 255 have a sum of 16 bits, which AVX2 needs. A layer of more than EV_INT8_INPUTS_MAX
 * inputs stays as it is, and so does one with weights that are not finite, or half of the largest number and more. */
enum { EV_INT8_INPUTS_MAX = 2048 };
ev_status ev_conv_quantize(ev_conv *conv, ev_error *err);
/* Weights for Winograd's algorithm F(2, 3): a third of the products less for each three taps, a third more memory,
 * and sums in an order of their own (winograd.c): bytes depend on a row's number in its utterance, which is told, and
 * on nothing else. Not for a layer with `act`, gain, span_bias, nor of fewer than three taps. */
ev_status ev_conv_winograd(ev_conv *conv, ev_error *err);
/* Floats of ev_conv_args.scratch; threads: the pool's. 0 for a layer of another kind. */
size_t ev_conv_scratch(const ev_conv *conv, int dilation, int threads);
void ev_conv_free(ev_conv *conv); /* zeroes it */

typedef struct ev_conv_args {
    const ev_conv *conv;
    const float *x;
    size_t ldx;               /* input row 0; x[t * ldx + 0..ci) */
    int tap_offset, dilation; /* tap k reads row t + tap_offset + k * dilation; "same": -(taps-1)/2*dilation */
    float *y;
    size_t ldy; /* output row 0, width co_blocks * 16; may be NULL if y2 is given */
    float *y2;
    size_t ldy2; /* NULL, or a second output: act2(v) */
    const float *residual;
    size_t ldr; /* NULL, or added */
    const float *residual2;
    size_t ldr2;                   /* NULL, or added. residuals may alias y element for element */
    const float *gain, *shift;     /* NULL, or [co_blocks*16] each: v * gain + shift after act (a batch norm) */
    const float *const *span_bias; /* NULL, or one bias [co_blocks*16] per span, used INSTEAD of conv->bias */
    ev_act act, act2;
    float slope, slope2; /* for LRELU: of act and act2 */
    float scale;         /* applied last before storing; 1 for none */
    const ev_span *spans;
    size_t span_count;
    const size_t *first; /* Winograd: per span, the number of its first row in its utterance; NULL: 0 */
    float *scratch;      /* Winograd: ev_conv_scratch floats, 64-byte aligned */
} ev_conv_args;

/* v = act(acc); v = fma(v, gain, shift); v += residual; v += residual2; v *= scale; y = v; y2 = act2(v).
 * Strided convolution: x seen with another row width (stride s over c channels is ldx = s * c, ci = s * c).
 * Transposed convolution: see ev_upconv. */
void ev_conv_run(const ev_compute *c, const ev_conv_args *args);

/* Transposed convolution (PyTorch ConvTranspose1d, weight [ci][co][kernel], stride, padding (kernel-stride)/2 with
 * kernel - stride even, kernel a multiple of stride) as convolutions over the input rows, grouped by equal tap
 * offset: part p makes the output phases from `phase` on. co * stride must be laid out as rows of the input:
 * output row t * stride + r, channel j is y[(t * stride + r) * ldy + j], ldy = co exactly (co a multiple of 16). */
typedef struct ev_upconv {
    int stride, ci, co, part_count;
    struct {
        ev_conv conv;
        int phase, tap_offset;
    } part[2];
} ev_upconv;
ev_status ev_upconv_pack(ev_upconv *out, const float *weight, const float *bias, int ci, int co, int kernel,
                         int stride, ev_error *err);
void ev_upconv_free(ev_upconv *up);
/* x rows are spans; writes rows [begin * stride, (begin + count) * stride) of y (and y2 = LRELU of it if given).
 * residual (ld = co, output rows) is added if given. */
void ev_upconv_run(const ev_compute *c, const ev_upconv *up, const float *x, size_t ldx, float *y, float *y2,
                   const float *residual, float slope2, const ev_span *spans, size_t span_count);

/* A convolution to one channel: y[t] = act(bias + sum over taps and ci), time contiguous; w [taps][ci_padded 16].
 * y needs no alignment; act is not LRELU (it has no slope here).
 * Partial sums by lane (element c in sum c % 16, taps in order), added pairwise. */
typedef struct ev_conv_single_output {
    int taps, ci;
    float *w;
    float bias;
} ev_conv_single_output;
/* weight [1][ci][taps] */
ev_status ev_conv_single_output_pack(ev_conv_single_output *out, const float *weight, float bias, int ci, int taps,
                                     ev_error *err);
void ev_conv_single_output_free(ev_conv_single_output *conv);
void ev_conv_single_output_run(const ev_compute *c, const ev_conv_single_output *conv, const float *x, size_t ldx,
                               int tap_offset, float *y, ev_act act, const ev_span *spans, size_t span_count);

/* Depthwise convolution: y[t][c] = bias[c] + sum over taps of x[t + tap_offset + k * dilation][c] * w[k][c], fma by
 * fma in the order of taps. Writes exactly `channels` floats of a row, not its padding; y is not x. */
typedef struct ev_depthwise {
    int taps, channels;
    float *w, *bias; /* owned: [taps][channels rounded up to 16], [the same] */
} ev_depthwise;
/* weight as PyTorch stores it, Conv1d with groups = channels: [channels][1][taps]. bias [channels] or NULL (zeros).
 */
ev_status ev_depthwise_pack(ev_depthwise *out, const float *weight, const float *bias, int channels, int taps,
                            ev_error *err);
void ev_depthwise_free(ev_depthwise *conv);
void ev_depthwise_run(const ev_compute *c, const ev_depthwise *conv, const float *x, size_t ldx, int tap_offset,
                      int dilation, float *y, size_t ldy, const ev_span *spans, size_t span_count);

/* y = (x - mean) / sqrt(var + eps) * gamma + beta per row over `channels` (biased variance, two passes). y may be x.
 * This, ev_upsample_run and ev_axpby_run write exactly `channels` floats of a row, not its padding. */
void ev_layer_norm_run(const ev_compute *c, const float *x, size_t ldx, float *y, size_t ldy, int channels,
                       const float *gamma, const float *beta, float eps, const ev_span *spans, size_t span_count);
/* The same with a gamma and a beta for each span: span s reads them from gamma + s * ld, beta + s * ld. */
void ev_layer_norm_spans_run(const ev_compute *c, const float *x, size_t ldx, float *y, size_t ldy, int channels,
                             const float *gamma, const float *beta, size_t ld, float eps, const ev_span *spans,
                             size_t span_count);

/* Multi-head self-attention inside each span: out = softmax(q k^T / sqrt(head_dim)) v, heads side by side in the
 * channels [heads * head_dim], head_dim a multiple of 16. q, k, v, out share rows; each has its own base, one ld.
 * scratch: ev_attention_scratch() floats, 64-byte aligned; rows_max: rows of the longest span; threads: the pool's */
size_t ev_attention_scratch(size_t rows_max, int heads, int head_dim, int threads);
void ev_attention_run(const ev_compute *c, const float *q, const float *k, const float *v, size_t ld, float *out,
                      size_t ldo, int heads, int head_dim, float *scratch, const ev_span *spans, size_t span_count);

/* Gaussian upsampling: for span s, out row t = sum_n softmax_n(-delta (t - centre[n])^2) x[n], n over the token rows
 * in_spans[s], t = 0 .. out_spans[s].count - 1 relative to the span. centre is indexed like token rows, ascending
 * within a span; every in_span has a token. Tokens whose exponent lies 30 below the row's largest are left out
 * (weight < 1e-13). */
void ev_upsample_run(const ev_compute *c, const float *x, size_t ldx, const float *centre, float delta, float *out,
                     size_t ldo, int channels, const ev_span *in_spans, const ev_span *out_spans, size_t span_count);

/* y = fma(x, a, z * b) per element over the spans (z NULL: y = x * a). y may be x or z. */
void ev_axpby_run(const ev_compute *c, const float *x, size_t ldx, float a, const float *z, size_t ldz, float b,
                  float *y, size_t ldy, int channels, const ev_span *spans, size_t span_count);

/* Zeroes every row of [-margin, rows + margin) that lies in no span. spans ascending, not touching. */
void ev_zero_gaps(float *x, size_t ld, size_t margin, size_t rows, const ev_span *spans, size_t span_count);

/* exp, tanh, sigmoid, erf, sin(2 pi x) as the kernels compute them, for scalar code that must agree with them. */
float ev_expf(float x);
float ev_tanhf(float x);
float ev_sigmoidf(float x);
float ev_sin_turns(float x); /* sin(2 pi x), |x| < 1e4 */

static inline size_t ev_round16(size_t n) { return (n + 15) & ~(size_t)15; }

#endif
