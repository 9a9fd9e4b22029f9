/* queue: see queue.h. What all makers have: memory by a mark, and the checks. */
#undef NDEBUG /* cheap asserts stay on in release */
#include "compute/queue.h"

#include <assert.h>

enum { LINE = 16 }; /* floats that rows and places are multiples of */

ev_status ev_queue_begin(ev_queue *q, const ev_queue_ops *ops, size_t bytes, ev_error *err) {
    assert(ops && ops->wait && ops->free);
    *q = (ev_queue){.ops = ops};
    return ev_arena_create(&q->arena, bytes, err);
}

void ev_queue_free(ev_queue **queue) {
    if (*queue) (*queue)->ops->free(*queue);
    *queue = NULL;
}

void *ev_queue_host(ev_queue *q, size_t bytes) {
    void *place = ev_arena_take(&q->arena, bytes);
    assert(place && "the queue's memory was sized for this round");
    return place;
}

ev_at ev_queue_take(ev_queue *q, size_t floats) {
    const unsigned char *place = ev_queue_host(q, floats * sizeof(float));
    assert((uintptr_t)place % (LINE * sizeof(float)) == 0);
    return EV_AT_FIRST + (size_t)(place - q->arena.block) / sizeof(float);
}

ev_status ev_queue_wait(ev_queue *q, ev_error *err) { return q->ops->wait(q, err); }

/* Rows that an operation writes whole: of a multiple of 16 floats that hold `width`. */
static bool holds(ev_rows y, size_t width) { return y.at % LINE == 0 && y.ld % LINE == 0 && y.ld >= width; }

static bool has_spans(const ev_span *spans, size_t span_count) { return spans || !span_count; }

void ev_enqueue_conv(ev_queue *q, const ev_conv_op *op) {
    const size_t width = (size_t)op->conv->co_blocks * LINE;
    assert(op->x.at && (op->y.at || op->y2.at) && op->dilation >= 1 && has_spans(op->spans, op->span_count));
    assert(!op->y.at || holds(op->y, width));
    assert(!op->y2.at || holds(op->y2, width));
    assert(!op->residual.at || op->residual.ld >= width);
    assert(!op->residual2.at || op->residual2.ld >= width);
    (void)width;
    q->ops->conv(q, op);
}

void ev_enqueue_upconv(ev_queue *q, const ev_upconv_op *op) {
    assert(op->conv->part_count >= 1 && op->x.at && (op->y || op->y2) && op->y % LINE == 0 && op->y2 % LINE == 0);
    assert(has_spans(op->spans, op->span_count));
    q->ops->upconv(q, op);
}

void ev_enqueue_conv_single_output(ev_queue *q, const ev_conv_single_output_op *op) {
    assert(op->conv->w && op->x.at && op->y && op->act != EV_ACT_LRELU && has_spans(op->spans, op->span_count));
    q->ops->conv_single_output(q, op);
}

void ev_enqueue_depthwise(ev_queue *q, const ev_depthwise_op *op) {
    assert(op->x.at && op->y.at && op->x.at != op->y.at && op->dilation >= 1);
    assert(holds(op->y, (size_t)op->conv->channels) && has_spans(op->spans, op->span_count));
    q->ops->depthwise(q, op);
}

void ev_enqueue_layer_norm(ev_queue *q, const ev_layer_norm_op *op) {
    assert(op->x.at && op->channels >= 1 && holds(op->y, (size_t)op->channels));
    assert(op->gamma ? op->beta && !op->affine.at : op->affine.at && op->affine.ld / 2 >= (size_t)op->channels);
    assert(has_spans(op->spans, op->span_count));
    q->ops->layer_norm(q, op);
}

void ev_enqueue_attention(ev_queue *q, const ev_attention_op *op) {
    assert(op->q && op->k && op->v && op->heads >= 1 && op->head_dim >= LINE && op->head_dim % LINE == 0);
    assert(op->y.at && op->y.at % LINE == 0 && op->y.ld % LINE == 0 && has_spans(op->spans, op->span_count));
    q->ops->attention(q, op);
}

void ev_enqueue_upsample(ev_queue *q, const ev_upsample_op *op) {
    assert(op->x.at && op->centre && op->channels >= 1 && holds(op->y, (size_t)op->channels));
    assert((op->in_spans || !op->span_count) && has_spans(op->spans, op->span_count));
    q->ops->upsample(q, op);
}

void ev_enqueue_gather(ev_queue *q, const ev_gather_op *op) {
    assert(!op->table != !op->x.at && op->index && op->y.at && op->y.ld >= op->width);
    assert(op->width > 0 && has_spans(op->spans, op->span_count));
    q->ops->gather(q, op);
}

void ev_enqueue_positions(ev_queue *q, const ev_positions_op *op) {
    assert(op->table && op->x.at && op->x.ld >= op->width);
    assert(op->width > 0 && has_spans(op->spans, op->span_count));
    q->ops->positions(q, op);
}

void ev_enqueue_film(ev_queue *q, const ev_film_op *op) {
    assert(op->gamma && op->beta && op->x.at && op->x.ld / 2 >= op->width);
    q->ops->film(q, op);
}

void ev_enqueue_source(ev_queue *q, const ev_source_op *op) {
    assert(op->y && op->tracks && (!op->source.harmonics || !op->bursts));
    assert(op->source.hop > 0 && op->source.rate > 0 && has_spans(op->spans, op->span_count));
    q->ops->source(q, op);
}

void ev_enqueue_istft(ev_queue *q, const ev_istft_op *op) {
    assert(holds(op->parts, ev_istft_width(op->stft)) && op->parts.at && op->pulses && op->y);
    assert(!op->bursts == (op->stft->parts != EV_ISTFT_PARTS_BURSTS));
    assert(op->seeds && op->first && has_spans(op->spans, op->span_count));
    q->ops->istft(q, op);
}

void ev_enqueue_overlap_add(ev_queue *q, const ev_overlap_add_op *op) {
    assert(op->y && op->out);
    assert(op->stft->hop > 0 && has_spans(op->spans, op->span_count));
    q->ops->overlap_add(q, op);
}

void ev_enqueue_put(ev_queue *q, const ev_put_op *op) {
    assert(op->from && op->to.at && op->ld >= op->width && op->to.ld >= op->width);
    assert(op->width > 0 && has_spans(op->spans, op->span_count));
    q->ops->put(q, op);
}

void ev_enqueue_get(ev_queue *q, const ev_get_op *op) {
    assert(op->to && op->from.at && op->ld >= op->width);
    assert(op->width > 0 && has_spans(op->spans, op->span_count));
    q->ops->get(q, op);
}

void ev_enqueue_fresh(ev_queue *q, const ev_fresh_op *op) {
    assert(op->x.at && op->x.at >= EV_AT_FIRST + op->margin * op->x.ld);
    assert(has_spans(op->spans, op->span_count) && ev_spans_end(op->spans, op->span_count) <= op->rows + op->margin);
    q->ops->fresh(q, op);
}

void ev_enqueue_upload(ev_queue *q, ev_weights_kind kind, const void *weights, size_t count) {
    assert(weights && kind <= EV_WEIGHTS_FLOATS && (kind != EV_WEIGHTS_FLOATS || count > 0));
    q->ops->upload(q, &(ev_upload_op){kind, weights, count});
}
