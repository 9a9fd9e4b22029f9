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

size_t ev_phone_encoder_kept(const ev_acoustic_config *c, size_t tokens, size_t utterances) {
    const size_t gap = ev_transformer_gap(c), rows = tokens + utterances * gap, w = (size_t)c->width;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + sizeof(float *) + w * sizeof(float)) + 256 +
           4 * ev_matrix_bytes(rows, gap, w) + 4 * ev_matrix_bytes(rows, gap, 16);
}

size_t ev_phone_encoder_bytes(const ev_acoustic_config *c, size_t tokens, size_t utterances, int threads) {
    const size_t rows = tokens + utterances * ev_transformer_gap(c);
    return ev_phone_encoder_kept(c, tokens, utterances) + ev_stack_bytes(c, rows, threads);
}

void ev_phone_encoder_run(const ev_phone_encoder *e, const ev_acoustic_config *c, const ev_positions *positions,
                          const ev_phone_decisions *decisions, const void *model, const ev_compute *compute,
                          ev_arena *arena, ev_utterance *const *u, size_t n, ev_encoded *out) {
    const size_t w = (size_t)c->width;
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans);
    size_t *lengths = ev_arena_take(arena, n * sizeof *lengths);
    const float **bias = ev_arena_take(arena, n * sizeof *bias);
    float *bias_rows = ev_arena_take(arena, n * w * sizeof *bias_rows);
    assert(spans && lengths && bias && bias_rows);
    for (size_t i = 0; i < n; i++) lengths[i] = u[i]->token_count;
    const ev_axis a = ev_axis_place(spans, lengths, n, ev_transformer_gap(c));
    for (size_t i = 0; i < n; i++) {
        u[i]->token_span = spans[i];
        bias[i] = bias_rows + i * w;
        decisions->condition(model, u[i], bias_rows + i * w);
    }
    float *x = ev_matrix_take(arena, &a, w), *hidden = ev_matrix_take(arena, &a, w);
    float *const work[2] = {ev_matrix_take(arena, &a, w), ev_matrix_take(arena, &a, w)};
    float *duration = ev_matrix_take(arena, &a, 16), *pitch = ev_matrix_take(arena, &a, 16);
    float *energy = ev_matrix_take(arena, &a, 16), *centre = ev_matrix_take(arena, &a, 16);

    ev_embed_tokens(c, e->token_embedding, &a, u, x);
    ev_stack_run(&e->stack, c, positions, compute, arena, &a, x);
    ev_conv_args project = ev_axis_conv(&e->project.conv, &a, x, w, hidden, w);
    project.span_bias = bias;
    ev_conv_run(compute, &project);
    ev_predictor_run(&e->duration, c, compute, &a, hidden, work, duration);
    ev_predictor_run(&e->pitch, c, compute, &a, hidden, work, pitch);
    ev_predictor_run(&e->energy, c, compute, &a, hidden, work, energy);
    for (size_t i = 0; i < n; i++) {
        const size_t at = spans[i].begin;
        decisions->durations(u[i], duration + at * 16, centre + at);
        decisions->pitch_energy(c, u[i], pitch + at * 16, energy + at * 16);
    }
    ev_conv_add_run(compute, &e->pitch_embed, &a, pitch, 16, hidden, w);
    ev_conv_add_run(compute, &e->energy_embed, &a, energy, 16, hidden, w);
    *out = (ev_encoded){.hidden = hidden, .pitch = pitch, .centre = centre};
}
