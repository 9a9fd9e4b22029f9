/* axis: one time axis with the spans of a batch on it, and the matrices of activations that lie along it.
 * Shared by the networks that run ragged batches; see compute.h for the layout.
 */
#ifndef EV_AXIS_H
#define EV_AXIS_H

#include <assert.h>

#include "compute/queue.h"

typedef struct ev_axis {
    const ev_span *spans;
    size_t count, rows; /* rows from the first span's first to the last span's last */
    size_t gap;         /* rows of zeros between spans, and before and after all */
} ev_axis;

static inline size_t ev_matrix_bytes(size_t rows, size_t gap, size_t width) {
    assert(width > 0);
    return (rows + 2 * gap) * width * sizeof(float) + 64;
}

/* Fresh rows of `width` floats (a multiple of 16) whose gaps are zero; the queue's memory was sized for them. */
static inline ev_rows ev_rows_take(ev_queue *q, const ev_axis *a, size_t width) {
    const ev_at base = ev_queue_take(q, ev_matrix_bytes(a->rows, a->gap, width) / sizeof(float));
    const ev_fresh_op op = {{base + a->gap * width, width}, a->gap, a->rows, a->spans, a->count};
    ev_enqueue_fresh(q, &op);
    return op.x;
}

/* Lays n spans of the given lengths end to end with the gap between them. */
static inline ev_axis ev_axis_place(ev_span *spans, const size_t *lengths, size_t n, size_t gap) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        spans[i] = (ev_span){at, lengths[i]};
        at += lengths[i] + gap;
    }
    return (ev_axis){spans, n, n ? at - gap : 0, gap};
}

/* y = conv(x) with "same" padding over the axis; callers add what else they want. */
static inline ev_conv_op ev_axis_conv(const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y) {
    assert(conv->taps >= 1 && a->rows >= ev_spans_end(a->spans, a->count));
    return (ev_conv_op){.conv = conv,
                        .x = x,
                        .tap_offset = -(conv->taps - 1) / 2,
                        .dilation = 1,
                        .y = y,
                        .scale = 1.0f,
                        .spans = a->spans,
                        .span_count = a->count};
}

#endif
