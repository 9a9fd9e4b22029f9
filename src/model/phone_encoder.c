/* phone_encoder: see phone_encoder.h. */
#include "model/phone_encoder.h"

#include <assert.h>
#include <stdlib.h>

#include "base/try.h"
#include "model/config_read.h"

ev_status ev_phone_encoder_load(ev_phone_encoder *out, const ev_container *c, const ev_acoustic_config *k, int inputs,
                                ev_error *err) {
    const int w = k->width;
    TRY(ev_weights_array(&out->token_embedding, c, "am.src_word_emb.weight", 2, (int64_t[]){k->tokens, w}, err));
    TRY(ev_stack_load(&out->stack, c, k, "encoder", k->encoder_layers, err));
    TRY(ev_conditioned_load(&out->project, c, w, inputs, err));
    TRY(ev_predictor_load(&out->duration, c, k, "duration", k->duration_layers, err));
    TRY(ev_predictor_load(&out->pitch, c, k, "pitch", k->pitch_layers, err));
    TRY(ev_predictor_load(&out->energy, c, k, "energy", k->energy_layers, err));
    TRY(ev_weights_conv(&out->pitch_embed, c, "am.pitch_embed.0", w, 1, k->variance_kernel, err));
    return ev_weights_conv(&out->energy_embed, c, "am.energy_embed.0", w, 1, k->variance_kernel, err);
}

void ev_phone_encoder_free(ev_phone_encoder *e) {
    ev_stack_free(&e->stack);
    ev_conditioned_free(&e->project);
    ev_predictor_free(&e->duration);
    ev_predictor_free(&e->pitch);
    ev_predictor_free(&e->energy);
    ev_conv_free(&e->pitch_embed);
    ev_conv_free(&e->energy_embed);
    free(e->token_embedding);
}

void ev_phone_encoder_upload(const ev_phone_encoder *e, const ev_acoustic_config *c, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, e->token_embedding, (size_t)c->tokens * (size_t)c->width);
    ev_stack_upload(&e->stack, c->width, q);
    ev_conv_upload(&e->project.conv, q);
    ev_predictor_upload(&e->duration, c->width, q);
    ev_predictor_upload(&e->pitch, c->width, q);
    ev_predictor_upload(&e->energy, c->width, q);
    ev_conv_upload(&e->pitch_embed, q);
    ev_conv_upload(&e->energy_embed, q);
}

/* Of each token on the host: its duration, pitch, energy and centre. */
enum { HOST_FLOATS = 4 };

size_t ev_phone_encoder_kept(const ev_acoustic_config *c, size_t tokens, size_t utterances) {
    const size_t gap = ev_transformer_gap(c), rows = tokens + utterances * gap, w = (size_t)c->width;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + sizeof(float *) + w * sizeof(float)) + 512 +
           4 * ev_matrix_bytes(rows, gap, w) + 3 * ev_matrix_bytes(rows, gap, 16) +
           HOST_FLOATS * rows * sizeof(float);
}

size_t ev_phone_encoder_bytes(const ev_acoustic_config *c, size_t tokens, size_t utterances, int threads) {
    const size_t rows = tokens + utterances * ev_transformer_gap(c);
    return ev_phone_encoder_kept(c, tokens, utterances) + ev_stack_bytes(c, rows, threads);
}

static ev_axis token_axis(const ev_acoustic_config *c, ev_queue *q, ev_utterance *const *u, size_t n) {
    assert(n > 0);
    ev_span *spans = ev_queue_host(q, n * sizeof *spans);
    size_t *lengths = ev_queue_host(q, n * sizeof *lengths);
    for (size_t i = 0; i < n; i++) lengths[i] = u[i]->token_count;
    const ev_axis a = ev_axis_place(spans, lengths, n, ev_transformer_gap(c));
    for (size_t i = 0; i < n; i++) u[i]->token_span = spans[i];
    return a;
}

/* hidden = the projection of x and of each utterance's condition. */
static void project(const ev_phone_encoder *e, const ev_phone_decisions *decisions, const void *model, ev_queue *q,
                    const ev_axis *a, ev_utterance *const *u, ev_rows x, ev_rows hidden) {
    assert((size_t)e->project.width == x.ld && hidden.ld == x.ld);
    const size_t w = x.ld;
    const float **bias = ev_queue_host(q, a->count * sizeof *bias);
    float *rows = ev_queue_host(q, a->count * w * sizeof *rows);
    for (size_t i = 0; i < a->count; i++) {
        bias[i] = rows + i * w;
        decisions->condition(model, u[i], rows + i * w);
    }
    ev_conv_op op = ev_axis_conv(&e->project.conv, a, x, hidden);
    op.span_bias = bias;
    ev_enqueue_conv(q, &op);
}

static void get_column(ev_queue *q, const ev_axis *a, ev_rows x, float *to) {
    const ev_get_op op = {.from = x, .to = to, .ld = 1, .width = 1, .spans = a->spans, .span_count = a->count};
    ev_enqueue_get(q, &op);
}

static void put_column(ev_queue *q, const ev_axis *a, const float *from, ev_rows x) {
    const ev_put_op op = {.from = from, .ld = 1, .to = x, .width = 1, .spans = a->spans, .span_count = a->count};
    ev_enqueue_put(q, &op);
}

/* The one trip to the host and back: duration, pitch, energy [rows][16], column 0 of each. */
static ev_status decide(const ev_acoustic_config *c, const ev_phone_decisions *decisions, ev_queue *q,
                        const ev_axis *a, ev_utterance *const *u, const ev_rows heads[3], float *centre,
                        ev_error *err) {
    float *host[3];
    for (int i = 0; i < 3; i++) {
        host[i] = ev_queue_host(q, a->rows * sizeof **host);
        get_column(q, a, heads[i], host[i]);
    }
    const ev_status s = ev_queue_wait(q, err);
    if (s != EV_OK) return s;
    for (size_t i = 0; i < a->count; i++) {
        const size_t at = a->spans[i].begin;
        decisions->durations(u[i], host[0] + at, centre + at);
        decisions->pitch_energy(c, u[i], host[1] + at, host[2] + at);
    }
    for (int i = 1; i < 3; i++) put_column(q, a, host[i], heads[i]);
    return EV_OK;
}

ev_status ev_phone_encoder_run(const ev_phone_encoder *e, const ev_acoustic_config *c, const ev_positions *positions,
                               const ev_phone_decisions *decisions, const void *model, ev_queue *q,
                               ev_utterance *const *u, size_t n, ev_encoded *out, ev_error *err) {
    assert(n > 0 && positions->count > 0);
    const size_t w = (size_t)c->width;
    const ev_axis a = token_axis(c, q, u, n);
    const ev_rows x = ev_rows_take(q, &a, w), hidden = ev_rows_take(q, &a, w);
    const ev_rows work[2] = {ev_rows_take(q, &a, w), ev_rows_take(q, &a, w)};
    const ev_rows duration = ev_rows_take(q, &a, 16), pitch = ev_rows_take(q, &a, 16);
    const ev_rows energy = ev_rows_take(q, &a, 16);
    float *centre = ev_queue_host(q, a.rows * sizeof *centre);

    ev_embed_tokens(q, c, e->token_embedding, &a, u, x);
    ev_stack_run(&e->stack, c, positions, q, &a, x);
    project(e, decisions, model, q, &a, u, x, hidden);
    ev_predictor_run(&e->duration, c, q, &a, hidden, work, duration);
    ev_predictor_run(&e->pitch, c, q, &a, hidden, work, pitch);
    ev_predictor_run(&e->energy, c, q, &a, hidden, work, energy);
    const ev_status s = decide(c, decisions, q, &a, u, (ev_rows[]){duration, pitch, energy}, centre, err);
    if (s != EV_OK) return s;
    ev_conv_add_run(q, &e->pitch_embed, &a, pitch, hidden);
    ev_conv_add_run(q, &e->energy_embed, &a, energy, hidden);
    *out = (ev_encoded){.hidden = hidden, .pitch = pitch, .centre = centre};
    return EV_OK;
}
