/* fastspeech2: see fastspeech2.h. The forward pass reads top to bottom as training/acoustic.py does. */
#include "model/fastspeech2.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- encode ---- */

/* The speaker's vector and the emotions' mixed one, as the projection takes them. */
static void condition_bias(const ev_fastspeech2 *m, const ev_utterance *u, float *bias) {
    const ev_acoustic_config *c = &m->config;
    const float *weights = u->condition + c->speaker;
    float inputs[2 * 4096];
    memcpy(inputs, u->condition, (size_t)c->speaker * sizeof *inputs);
    for (int j = 0; j < c->emotion; j++) {
        double sum = 0;
        for (int e = 0; e < c->emotion_count; e++) {
            sum += (double)weights[e] * m->emotion_embedding[e * c->emotion + j];
        }
        inputs[c->speaker + j] = (float)sum;
    }
    ev_conditioned_bias(&m->project, inputs, bias);
}

/* Rounds the running sum of the target durations, so that the whole is within half a frame of what speed asks for. */
static void decide_durations(ev_utterance *u, const float *log_duration, float *centre) {
    double target_frames = 0, given = 0;
    size_t frames = 0;
    for (size_t t = 0; t < u->token_count; t++) {
        int32_t d;
        if (u->forced_frames && u->forced_frames[t] >= 0) {
            d = u->forced_frames[t];
            target_frames += d;
            given += d;
        } else {
            const double one = exp((double)log_duration[t * 16]) - 1.0;
            const double speed = (double)(u->token_speed ? u->token_speed[t] : u->speed);
            target_frames += fmin(fmax(one, 0.0) / speed, 1e4);
            const double end = nearbyint(target_frames);
            d = (int32_t)(end - given);
            if (d < 0) d = 0;
            given += d;
        }
        u->durations[t] = d;
        centre[t] = (float)frames + (float)d * 0.5f;
        frames += (size_t)d;
    }
    u->frames = frames;
}

static void scale_pitch_energy(const ev_fastspeech2 *m, const ev_utterance *u, float *pitch, float *energy) {
    const ev_acoustic_config *c = &m->config;
    const double median = (log((double)u->median_hz) - c->pitch_centre) / c->pitch_scale;
    const float shift = (float)(median + log((double)u->pitch_scale) / c->pitch_scale);
    const float louder = (float)(log((double)u->energy_scale) / c->energy_std);
    for (size_t t = 0; t < u->token_count; t++) {
        pitch[t * 16] += shift;
        energy[t * 16] += louder;
    }
}

static size_t encoded_bytes(const void *model, size_t tokens, size_t utterances) {
    const ev_fastspeech2 *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = ev_transformer_gap(c), rows = tokens + utterances * gap, w = (size_t)c->width;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + sizeof(float *) + w * sizeof(float)) + 256 +
           4 * ev_matrix_bytes(rows, gap, w) + 4 * ev_matrix_bytes(rows, gap, 16);
}

static size_t encode_bytes(const void *model, size_t tokens, size_t utterances, int threads) {
    const ev_fastspeech2 *m = model;
    const size_t rows = tokens + utterances * ev_transformer_gap(&m->config);
    return encoded_bytes(m, tokens, utterances) + ev_stack_bytes(&m->config, rows, threads);
}

static void encode(const void *model, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u, size_t n,
                   ev_encoded *out) {
    const ev_fastspeech2 *m = model;
    const size_t w = (size_t)m->config.width, gap = ev_transformer_gap(&m->config);
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans);
    size_t *lengths = ev_arena_take(arena, n * sizeof *lengths);
    const float **bias = ev_arena_take(arena, n * sizeof *bias);
    float *bias_rows = ev_arena_take(arena, n * w * sizeof *bias_rows);
    assert(spans && lengths && bias && bias_rows);
    for (size_t i = 0; i < n; i++) lengths[i] = u[i]->token_count;
    const ev_axis a = ev_axis_place(spans, lengths, n, gap);
    for (size_t i = 0; i < n; i++) {
        u[i]->token_span = spans[i];
        bias[i] = bias_rows + i * w;
        condition_bias(m, u[i], bias_rows + i * w);
    }
    float *x = ev_matrix_take(arena, &a, w), *hidden = ev_matrix_take(arena, &a, w);
    float *const work[2] = {ev_matrix_take(arena, &a, w), ev_matrix_take(arena, &a, w)};
    float *duration = ev_matrix_take(arena, &a, 16), *pitch = ev_matrix_take(arena, &a, 16);
    float *energy = ev_matrix_take(arena, &a, 16), *centre = ev_matrix_take(arena, &a, 16);

    ev_embed_tokens(&m->config, m->token_embedding, &a, u, x);
    ev_stack_run(&m->encoder, &m->config, &m->positions, compute, arena, &a, x);
    ev_conv_args project = ev_axis_conv(&m->project.conv, &a, x, w, hidden, w);
    project.span_bias = bias;
    ev_conv_run(compute, &project);
    ev_predictor_run(&m->duration, &m->config, compute, &a, hidden, work, duration);
    ev_predictor_run(&m->pitch, &m->config, compute, &a, hidden, work, pitch);
    ev_predictor_run(&m->energy, &m->config, compute, &a, hidden, work, energy);
    for (size_t i = 0; i < n; i++) {
        const size_t at = spans[i].begin;
        decide_durations(u[i], duration + at * 16, centre + at);
        scale_pitch_energy(m, u[i], pitch + at * 16, energy + at * 16);
    }
    ev_conv_add_run(compute, &m->pitch_embed, &a, pitch, 16, hidden, w);
    ev_conv_add_run(compute, &m->energy_embed, &a, energy, 16, hidden, w);
    *out = (ev_encoded){.hidden = hidden, .pitch = pitch, .centre = centre};
}

/* ---- decode ---- */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    const ev_fastspeech2 *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = ev_transformer_gap(c), rows = frames + utterances * gap;
    return utterances * (2 * sizeof(ev_span) + sizeof(size_t)) + 256 + ev_matrix_bytes(rows, gap, (size_t)c->width) +
           2 * ev_matrix_bytes(rows, gap, 16) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->channels)) +
           ev_stack_bytes(c, rows, threads);
}

/* F0 of a frame: the upsampled token pitch plus the head's correction, where the head says voiced. */
static void write_f0(const ev_fastspeech2 *m, const float *head, const float *pitch_up, size_t frames, float *f0) {
    const ev_acoustic_config *c = &m->config;
    for (size_t t = 0; t < frames; t++) {
        const double log_f0 = ((double)head[t * 16] + (double)pitch_up[t * 16]) * c->pitch_scale + c->pitch_centre;
        f0[t] = head[t * 16 + 1] > 0 ? (float)exp(log_f0) : 0.0f;
    }
}

static void decode(const void *model, const ev_compute *compute, ev_arena *arena, const ev_encoded *encoded,
                   ev_utterance *const *u, size_t n) {
    const ev_fastspeech2 *m = model;
    const size_t mark = ev_arena_mark(arena), w = (size_t)m->config.width, gap = ev_transformer_gap(&m->config);
    const size_t mels = ev_round16((size_t)m->config.channels);
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans), *tokens = ev_arena_take(arena, n * sizeof *tokens);
    size_t *lengths = ev_arena_take(arena, n * sizeof *lengths);
    assert(spans && tokens && lengths);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = u[i]->frames;
        tokens[i] = u[i]->token_span;
    }
    const ev_axis a = ev_axis_place(spans, lengths, n, gap);
    float *y = ev_matrix_take(arena, &a, w), *pitch_up = ev_matrix_take(arena, &a, 16),
          *head = ev_matrix_take(arena, &a, 16);
    float *mel = ev_matrix_take(arena, &a, mels);
    const float delta = (float)m->config.delta;
    ev_upsample_run(compute, encoded->hidden, w, encoded->centre, delta, y, w, m->config.width, tokens, spans, n);
    ev_upsample_run(compute, encoded->pitch, 16, encoded->centre, delta, pitch_up, 16, 16, tokens, spans, n);
    ev_stack_run(&m->decoder, &m->config, &m->positions, compute, arena, &a, y);
    ev_linear_run(compute, &m->to_mel, &a, y, w, mel, mels);
    ev_linear_run(compute, &m->to_f0, &a, y, w, head, 16);
    for (size_t i = 0; i < n; i++) {
        memcpy(u[i]->channels, mel + spans[i].begin * mels, spans[i].count * mels * sizeof(float));
        write_f0(m, head + spans[i].begin * 16, pitch_up + spans[i].begin * 16, spans[i].count, u[i]->f0);
    }
    ev_arena_release(arena, mark);
}

/* ---- the family ---- */

static ev_status join_condition(const void *model, const ev_manner *manner, float *out, ev_error *err) {
    (void)err;
    ev_condition_join(&((const ev_fastspeech2 *)model)->config, manner, out);
    return EV_OK;
}

static size_t rows(const void *model, const int32_t *tokens, const int32_t *forced, size_t n) {
    (void)model, (void)tokens, (void)forced;
    return n;
}

static size_t rows_max(const void *model, size_t n) {
    (void)model;
    return n;
}

const ev_acoustic_family ev_fastspeech2_family = {
    .name = "fastspeech2",
    .energy_in_mels = true,
    .config_read = ev_fastspeech2_config_read,
    .load = ev_fastspeech2_load,
    .free = ev_fastspeech2_free,
    .condition = join_condition,
    .rows = rows,
    .rows_max = rows_max,
    .encode_bytes = encode_bytes,
    .encoded_bytes = encoded_bytes,
    .decode_bytes = decode_bytes,
    .encode = encode,
    .decode = decode,
};
