/* queue: the operations of compute.h on a device that has memory of its own, one behind the other. Whoever runs
 * them is a maker: a table of functions (ev_queue_ops) around a struct that begins with ev_queue. Today's is
 * ev_queue_cpu, which runs each operation as it is enqueued.
 *
 * Places    An activation is a place, not an address: an ev_at counts the floats from the beginning of the
 *           queue's memory, and the host cannot look behind it. Places are added to as pointers are; place 0 is
 *           never taken and means "none". Where an element lies, and in how many bits, is the maker's affair.
 * Memory    The queue's memory is taken and given back by a mark, as an arena's is, by the host alone. What an
 *           operation still to run reads may be given back and taken again, since operations keep their order.
 *           Host memory for lists (ev_queue_host) comes from the same mark, so that one sum sizes both. A queue
 *           belongs to one thread at a time. Scratch is the maker's: on the CPU it is taken behind the mark, so
 *           callers leave room for it (ev_attention_scratch, ev_conv_scratch, ev_istft_scratch).
 * Host      What an operation is told in host memory (spans, lists, rows to put) it has read when the call returns.
 *           What it writes there (get, overlap_add) is whole when ev_queue_wait has returned EV_OK, and must live
 *           until then.
 * Weights   are borrowed for as long as the queue lives, and uploaded before an operation uses them: a device packs
 *           its own copy once and finds it by its address. The CPU's are packed when a model is loaded.
 * Errors    Enqueueing does not fail. A device that fails skips what follows, and the wait that comes next says
 *           what went wrong; what was to be written is then undefined.
 * Bytes     Same order of sums, same promises as compute.h: one maker gives the same bytes in any batch.
 */
#ifndef EV_COMPUTE_QUEUE_H
#define EV_COMPUTE_QUEUE_H

#include "compute/source.h"
#include "compute/spectrum.h"

typedef size_t ev_at; /* a float's number; 0: none */
enum { EV_AT_FIRST = 16 };

typedef struct ev_rows { /* a matrix: row 0's first element; from one row to the next */
    ev_at at;
    size_t ld;
} ev_rows;
/* The same rows from another column on. */
static inline ev_rows ev_rows_from(ev_rows x, size_t column) { return (ev_rows){x.at + column, x.ld}; }

/* ---- operations: each as the function of its name in compute.h or spectrum.h, on places ---- */

typedef struct ev_conv_op {
    const ev_conv *conv;
    ev_rows x;
    int tap_offset, dilation;
    ev_rows y, y2, residual, residual2; /* .at 0: none */
    const float *const *span_bias;      /* NULL, or one bias per span, read when the call returns */
    ev_act act, act2;
    float slope, slope2, scale;
    const ev_span *spans;
    size_t span_count;
    const size_t *first; /* as in ev_conv_args; host memory */
} ev_conv_op;

typedef struct ev_upconv_op {
    const ev_upconv *conv;
    ev_rows x;
    ev_at y, y2; /* rows of `co`, y2 their LRELU; either may be none */
    float slope2;
    const ev_span *spans; /* of x */
    size_t span_count;
} ev_upconv_op;

typedef struct ev_conv_single_output_op {
    const ev_conv_single_output *conv;
    ev_rows x;
    int tap_offset;
    ev_at y;
    ev_act act;
    const ev_span *spans;
    size_t span_count;
} ev_conv_single_output_op;

typedef struct ev_depthwise_op {
    const ev_depthwise *conv;
    ev_rows x, y;
    int tap_offset, dilation;
    const ev_span *spans;
    size_t span_count;
} ev_depthwise_op;

typedef struct ev_layer_norm_op {
    ev_rows x, y;
    int channels;
    const float *gamma, *beta; /* or NULL, and */
    ev_rows affine;            /* a row per span: gamma, and beta behind half a row */
    float eps;
    const ev_span *spans;
    size_t span_count;
} ev_layer_norm_op;

typedef struct ev_attention_op {
    ev_at q, k, v;
    size_t ld;
    ev_rows y;
    int heads, head_dim;
    const ev_span *spans;
    size_t span_count;
} ev_attention_op;

typedef struct ev_upsample_op {
    ev_rows x, y;
    const float *centre; /* host memory, indexed like x's rows */
    float delta;
    int channels;
    const ev_span *in_spans, *spans;
    size_t span_count;
} ev_upsample_op;

/* Rows of a table, or of x: row t of y is row index[t]. Writes exactly `width` floats of a row. */
typedef struct ev_gather_op {
    const float *table; /* weights [][width]; NULL: x */
    ev_rows x;
    const int32_t *index; /* host memory, indexed like y's rows; read for rows of spans alone */
    ev_rows y;
    size_t width;
    const ev_span *spans;
    size_t span_count;
} ev_gather_op;

/* x += alpha * table, whose first row is for the first row of each span. */
typedef struct ev_positions_op {
    const float *table; /* weights [][width] */
    float alpha;
    ev_rows x;
    size_t width;
    const ev_span *spans;
    size_t span_count;
} ev_positions_op;

/* What a condition makes of a norm's gamma and beta: rows of [scale, shift] become [gamma (1 + scale),
 * beta (1 + scale) + shift]; each half a row. */
typedef struct ev_film_op {
    const float *gamma, *beta; /* weights [width] */
    ev_rows x;
    size_t width, rows;
} ev_film_op;

typedef struct ev_source_op {
    ev_source source;
    ev_at y, bursts;        /* per row `hop` pairs (harmonics and noise), or `hop` samples of pulses and of bursts */
    const ev_track *tracks; /* per span; they and what they point to: host memory */
    const ev_span *spans;
    size_t span_count;
} ev_source_op;

typedef struct ev_istft_op {
    const ev_istft *stft;
    ev_rows parts;
    ev_at pulses, bursts, y; /* bursts 0 with five parts */
    const uint64_t *seeds;   /* per span; host memory, as `first` */
    const size_t *first;
    const ev_span *spans;
    size_t span_count;
} ev_istft_op;

typedef struct ev_overlap_add_op {
    const ev_istft *stft;
    ev_at y;
    float *const *out; /* per span: host memory, whole at the wait */
    const ev_span *spans;
    size_t span_count;
} ev_overlap_add_op;

/* Rows of spans between host and device, `width` floats of each; ld: of the host's. */
typedef struct ev_put_op {
    const float *from;
    size_t ld;
    ev_rows to;
    size_t width;
    const ev_span *spans;
    size_t span_count;
} ev_put_op;

typedef struct ev_get_op {
    ev_rows from;
    const int32_t *index; /* NULL, or row t of `to` is row index[t]; host memory */
    float *to;
    size_t ld;
    size_t width;
    const ev_span *spans; /* of `to` */
    size_t span_count;
} ev_get_op;

/* What operations borrow. */
typedef enum ev_weights_kind {
    EV_WEIGHTS_CONV,          /* an ev_conv */
    EV_WEIGHTS_UPCONV,        /* an ev_upconv */
    EV_WEIGHTS_SINGLE_OUTPUT, /* an ev_conv_single_output */
    EV_WEIGHTS_DEPTHWISE,     /* an ev_depthwise */
    EV_WEIGHTS_ISTFT,         /* an ev_istft: windows, twiddles */
    EV_WEIGHTS_FLOATS         /* `count` of them: a table, a norm's gamma or beta */
} ev_weights_kind;

typedef struct ev_upload_op {
    ev_weights_kind kind;
    const void *weights;
    size_t count;
} ev_upload_op;

/* A matrix that begins: rows [-margin, rows + margin) which lie in no span are zeros, the others hold nothing yet. */
typedef struct ev_fresh_op {
    ev_rows x;
    size_t margin, rows;
    const ev_span *spans; /* ascending, not touching */
    size_t span_count;
} ev_fresh_op;

/* ---- the queue ---- */

typedef struct ev_queue ev_queue;

/* A maker. Operations get checked arguments; wait and free as below. */
typedef struct ev_queue_ops {
    const char *name;
    void (*conv)(ev_queue *q, const ev_conv_op *op);
    void (*upconv)(ev_queue *q, const ev_upconv_op *op);
    void (*conv_single_output)(ev_queue *q, const ev_conv_single_output_op *op);
    void (*depthwise)(ev_queue *q, const ev_depthwise_op *op);
    void (*layer_norm)(ev_queue *q, const ev_layer_norm_op *op);
    void (*attention)(ev_queue *q, const ev_attention_op *op);
    void (*upsample)(ev_queue *q, const ev_upsample_op *op);
    void (*gather)(ev_queue *q, const ev_gather_op *op);
    void (*positions)(ev_queue *q, const ev_positions_op *op);
    void (*film)(ev_queue *q, const ev_film_op *op);
    void (*source)(ev_queue *q, const ev_source_op *op);
    void (*istft)(ev_queue *q, const ev_istft_op *op);
    void (*overlap_add)(ev_queue *q, const ev_overlap_add_op *op);
    void (*put)(ev_queue *q, const ev_put_op *op);
    void (*get)(ev_queue *q, const ev_get_op *op);
    void (*fresh)(ev_queue *q, const ev_fresh_op *op);
    void (*upload)(ev_queue *q, const ev_upload_op *op);
    ev_status (*wait)(ev_queue *q, ev_error *err);
    void (*free)(ev_queue *q);
} ev_queue_ops;

struct ev_queue {
    const ev_queue_ops *ops;
    ev_arena arena; /* what is taken; its block is the host's memory, on the CPU the device's too */
};

/* The maker that runs operations on the pool as they come; *out is freed by ev_queue_free. bytes: as much memory for
 * activations and lists. compute is copied, its pool borrowed. */
ev_status ev_queue_cpu(ev_queue **out, const ev_compute *compute, size_t bytes, ev_error *err);
void ev_queue_free(ev_queue **queue); /* takes NULL inside; waits for nothing */

/* For makers: the memory and the mark. Place EV_AT_FIRST is the beginning of the arena's block. */
ev_status ev_queue_begin(ev_queue *q, const ev_queue_ops *ops, size_t bytes, ev_error *err);

static inline size_t ev_queue_mark(const ev_queue *q) { return ev_arena_mark(&q->arena); }
static inline void ev_queue_release(ev_queue *q, size_t mark) { ev_arena_release(&q->arena, mark); }
/* A place of `floats` elements, at a multiple of 16; host memory, 64-byte aligned. Not cleared. The memory was sized
 * for them (asserted). */
ev_at ev_queue_take(ev_queue *q, size_t floats);
void *ev_queue_host(ev_queue *q, size_t bytes);

void ev_enqueue_conv(ev_queue *q, const ev_conv_op *op);
void ev_enqueue_upconv(ev_queue *q, const ev_upconv_op *op);
void ev_enqueue_conv_single_output(ev_queue *q, const ev_conv_single_output_op *op);
void ev_enqueue_depthwise(ev_queue *q, const ev_depthwise_op *op);
void ev_enqueue_layer_norm(ev_queue *q, const ev_layer_norm_op *op);
void ev_enqueue_attention(ev_queue *q, const ev_attention_op *op);
void ev_enqueue_upsample(ev_queue *q, const ev_upsample_op *op);
void ev_enqueue_gather(ev_queue *q, const ev_gather_op *op);
void ev_enqueue_positions(ev_queue *q, const ev_positions_op *op);
void ev_enqueue_film(ev_queue *q, const ev_film_op *op);
void ev_enqueue_source(ev_queue *q, const ev_source_op *op);
void ev_enqueue_istft(ev_queue *q, const ev_istft_op *op);
void ev_enqueue_overlap_add(ev_queue *q, const ev_overlap_add_op *op);
void ev_enqueue_put(ev_queue *q, const ev_put_op *op);
void ev_enqueue_get(ev_queue *q, const ev_get_op *op);
void ev_enqueue_fresh(ev_queue *q, const ev_fresh_op *op);
void ev_enqueue_upload(ev_queue *q, ev_weights_kind kind, const void *weights, size_t count);
/* Until all that was enqueued has run. */
ev_status ev_queue_wait(ev_queue *q, ev_error *err);

#endif
