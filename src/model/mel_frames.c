/* mel_frames: see mel_frames.h. */
#include "model/mel_frames.h"

#include <assert.h>

#include "model/transformer.h"

ev_axis ev_mel_frames_axis(const ev_acoustic_config *c, ev_queue *q, ev_utterance *const *u, size_t n) {
    assert(n > 0);
    ev_span *spans = ev_queue_host(q, n * sizeof *spans);
    size_t *lengths = ev_queue_host(q, n * sizeof *lengths);
    for (size_t i = 0; i < n; i++) lengths[i] = u[i]->frames;
    return ev_axis_place(spans, lengths, n, ev_transformer_gap(c));
}

void ev_mel_frames_upsample(const ev_acoustic_config *c, ev_queue *q, const ev_axis *a, const ev_encoded *encoded,
                            ev_utterance *const *u, ev_rows hidden, ev_rows pitch) {
    assert(a->count > 0 && encoded->centre && hidden.ld >= (size_t)c->width && pitch.ld >= 16);
    const size_t mark = ev_queue_mark(q);
    ev_span *tokens = ev_queue_host(q, a->count * sizeof *tokens);
    for (size_t i = 0; i < a->count; i++) tokens[i] = u[i]->token_span;
    ev_upsample_op op = {.x = encoded->hidden,
                         .y = hidden,
                         .centre = encoded->centre,
                         .delta = (float)c->delta,
                         .channels = c->width,
                         .in_spans = tokens,
                         .spans = a->spans,
                         .span_count = a->count};
    ev_enqueue_upsample(q, &op);
    op.x = encoded->pitch;
    op.y = pitch;
    op.channels = 16;
    ev_enqueue_upsample(q, &op);
    ev_queue_release(q, mark);
}

void ev_mel_frames_get(ev_queue *q, const ev_axis *a, ev_utterance *const *u, ev_rows mel, ev_rows pitch) {
    for (size_t i = 0; i < a->count; i++) {
        const ev_span span = {0, a->spans[i].count};
        ev_get_op op = {.from = ev_rows_from(mel, a->spans[i].begin * mel.ld),
                        .to = u[i]->channels,
                        .ld = mel.ld,
                        .width = mel.ld,
                        .spans = &span,
                        .span_count = 1};
        ev_enqueue_get(q, &op);
        op.from = ev_rows_from(pitch, a->spans[i].begin * pitch.ld);
        op.to = u[i]->f0;
        op.ld = op.width = 1;
        ev_enqueue_get(q, &op);
    }
}
