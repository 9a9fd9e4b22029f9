/* fastspeech2: see fastspeech2.h. The forward pass reads top to bottom as training/acoustic.py does. */
#include "model/fastspeech2.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/axis.h"

/* Rows of zeros between utterances and at both ends: the widest convolution's reach. */
static size_t gap_of(const ev_acoustic_config *c) {
    int widest = c->variance_kernel;
    if (c->predictor_kernel > widest) widest = c->predictor_kernel;
    if (c->ffn_kernels[0] > widest) widest = c->ffn_kernels[0];
    if (c->ffn_kernels[1] > widest) widest = c->ffn_kernels[1];
    return (size_t)widest / 2;
}

/* ---- layers ---- */

static void linear(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                   float *y, size_t ldy) {
    const ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    ev_conv_run(compute, &args);
}

static void conv_add(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                     float *y, size_t ldy) { /* y += conv(x) */
    ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    args.residual = y;
    ev_conv_run(compute, &args);
}

static void conv_act(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                     float *y, size_t ldy, ev_act act) {
    ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    args.act = act;
    ev_conv_run(compute, &args);
}

typedef struct stack_work { /* buffers that every block of a stack uses in turn */
    float *norm, *q, *k, *v, *hidden, *scratch;
} stack_work;

static stack_work stack_work_take(ev_arena *arena, const ev_axis *a, const ev_acoustic_config *c, int threads) {
    const size_t w = (size_t)c->width, longest = a->rows;
    stack_work s;
    s.norm = ev_matrix_take(arena, a, w);
    s.q = ev_matrix_take(arena, a, w);
    s.k = ev_matrix_take(arena, a, w);
    s.v = ev_matrix_take(arena, a, w);
    s.hidden = ev_matrix_take(arena, a, ev_round16((size_t)c->ffn));
    s.scratch =
        ev_arena_take(arena, ev_attention_scratch(longest, c->heads, c->width / c->heads, threads) * sizeof(float));
    assert(s.scratch);
    return s;
}

static size_t stack_work_bytes(const ev_acoustic_config *c, size_t rows, int threads) {
    const size_t w = (size_t)c->width, gap = gap_of(c);
    return 4 * ev_matrix_bytes(rows, gap, w) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->ffn)) +
           ev_attention_scratch(rows, c->heads, c->width / c->heads, threads) * sizeof(float) + 64;
}

static void block_run(const ev_fastspeech2 *m, const ev_block *b, const ev_compute *compute, const ev_axis *a,
                      const stack_work *s, float *x) {
    const ev_acoustic_config *c = &m->config;
    const size_t w = (size_t)c->width, f = ev_round16((size_t)c->ffn);
    const float eps = (float)c->eps;
    ev_layer_norm_run(compute, x, w, s->norm, w, c->width, b->norm1.gamma, b->norm1.beta, eps, a->spans, a->count);
    linear(compute, &b->q, a, s->norm, w, s->q, w);
    linear(compute, &b->k, a, s->norm, w, s->k, w);
    linear(compute, &b->v, a, s->norm, w, s->v, w);
    ev_attention_run(compute, s->q, s->k, s->v, w, s->norm, w, c->heads, c->width / c->heads, s->scratch, a->spans,
                     a->count);
    conv_add(compute, &b->out, a, s->norm, w, x, w);
    ev_layer_norm_run(compute, x, w, s->norm, w, c->width, b->norm2.gamma, b->norm2.beta, eps, a->spans, a->count);
    conv_act(compute, &b->w1, a, s->norm, w, s->hidden, f, EV_ACT_GELU);
    conv_add(compute, &b->w2, a, s->hidden, f, x, w);
}

/* x[t] += alpha * position[t], t from 0 in each span. */
static void add_positions(const ev_fastspeech2 *m, float alpha, const ev_axis *a, float *x) {
    const size_t w = (size_t)m->config.width;
    for (size_t s = 0; s < a->count; s++) {
        assert(a->spans[s].count <= m->positions_max);
        float *row = x + a->spans[s].begin * w;
        const float *p = m->positions;
        for (size_t i = 0; i < a->spans[s].count * w; i++) row[i] += alpha * p[i];
    }
}

static void stack_run(const ev_fastspeech2 *m, const ev_stack *stack, const ev_compute *compute, ev_arena *arena,
                      const ev_axis *a, float *x) {
    const size_t mark = ev_arena_mark(arena), w = (size_t)m->config.width;
    const stack_work s = stack_work_take(arena, a, &m->config, ev_pool_threads(compute->pool));
    add_positions(m, stack->alpha, a, x);
    for (int i = 0; i < stack->layers; i++) block_run(m, &stack->blocks[i], compute, a, &s, x);
    ev_layer_norm_run(compute, x, w, x, w, m->config.width, stack->after.gamma, stack->after.beta,
                      (float)m->config.eps, a->spans, a->count);
    ev_arena_release(arena, mark);
}

/* out [rows][16], column 0: one scalar per token. work: two matrices of width. */
static void predictor_run(const ev_fastspeech2 *m, const ev_predictor *p, const ev_compute *compute, const ev_axis *a,
                          const float *x, float *const work[2], float *out) {
    const size_t w = (size_t)m->config.width;
    for (int i = 0; i < p->layers; i++) {
        conv_act(compute, &p->conv[i], a, x, w, work[0], w, EV_ACT_RELU);
        ev_layer_norm_run(compute, work[0], w, work[1], w, m->config.width, p->norm[i].gamma, p->norm[i].beta,
                          (float)m->config.eps, a->spans, a->count);
        x = work[1];
        /* the next convolution reads work[1] and writes work[0]: never the same rows */
    }
    linear(compute, &p->linear, a, x, w, out, 16);
}

/* ---- encode ---- */

static void embed_tokens(const ev_fastspeech2 *m, const ev_axis *a, ev_utterance *const *u, float *x) {
    const size_t w = (size_t)m->config.width;
    for (size_t s = 0; s < a->count; s++) {
        for (size_t t = 0; t < u[s]->token_count; t++) {
            const int32_t id = u[s]->tokens[t];
            assert(id >= 0 && id < m->config.tokens);
            memcpy(x + (a->spans[s].begin + t) * w, m->token_embedding + (size_t)id * w, w * sizeof(float));
        }
    }
}

/* The projection's bias for one utterance: everything that doesn't vary with time. bias [width]. */
static void condition_bias(const ev_fastspeech2 *m, const ev_utterance *u, float *bias) {
    const ev_acoustic_config *c = &m->config;
    const size_t inputs = (size_t)(c->speaker + c->emotion);
    const float *speaker = u->condition, *weights = u->condition + c->speaker;
    float emotion[4096];
    for (int j = 0; j < c->emotion; j++) {
        double sum = 0;
        for (int e = 0; e < c->emotion_count; e++) {
            sum += (double)weights[e] * m->emotion_embedding[e * c->emotion + j];
        }
        emotion[j] = (float)sum;
    }
    for (int o = 0; o < c->width; o++) {
        const float *row = m->project_condition + (size_t)o * inputs;
        double sum = m->project_bias[o];
        for (int j = 0; j < c->speaker; j++) sum += (double)row[j] * speaker[j];
        for (int j = 0; j < c->emotion; j++) sum += (double)row[c->speaker + j] * emotion[j];
        bias[o] = (float)sum;
    }
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
            target_frames += fmin(fmax(one, 0.0) / (double)u->speed, 1e4);
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
    const size_t gap = gap_of(c), rows = tokens + utterances * gap, w = (size_t)c->width;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + sizeof(float *) + w * sizeof(float)) + 256 +
           4 * ev_matrix_bytes(rows, gap, w) + 4 * ev_matrix_bytes(rows, gap, 16);
}

static size_t encode_bytes(const void *model, size_t tokens, size_t utterances, int threads) {
    const ev_fastspeech2 *m = model;
    const size_t rows = tokens + utterances * gap_of(&m->config);
    return encoded_bytes(m, tokens, utterances) + stack_work_bytes(&m->config, rows, threads);
}

static void encode(const void *model, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u, size_t n,
                   ev_encoded *out) {
    const ev_fastspeech2 *m = model;
    const size_t w = (size_t)m->config.width, gap = gap_of(&m->config);
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

    embed_tokens(m, &a, u, x);
    stack_run(m, &m->encoder, compute, arena, &a, x);
    ev_conv_args project = ev_axis_conv(&m->project, &a, x, w, hidden, w);
    project.span_bias = bias;
    ev_conv_run(compute, &project);
    predictor_run(m, &m->duration, compute, &a, hidden, work, duration);
    predictor_run(m, &m->pitch, compute, &a, hidden, work, pitch);
    predictor_run(m, &m->energy, compute, &a, hidden, work, energy);
    for (size_t i = 0; i < n; i++) {
        const size_t at = spans[i].begin;
        decide_durations(u[i], duration + at * 16, centre + at);
        scale_pitch_energy(m, u[i], pitch + at * 16, energy + at * 16);
    }
    conv_add(compute, &m->pitch_embed, &a, pitch, 16, hidden, w);
    conv_add(compute, &m->energy_embed, &a, energy, 16, hidden, w);
    *out = (ev_encoded){.hidden = hidden, .pitch = pitch, .centre = centre};
}

/* ---- decode ---- */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    const ev_fastspeech2 *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = gap_of(c), rows = frames + utterances * gap;
    return utterances * (2 * sizeof(ev_span) + sizeof(size_t)) + 256 + ev_matrix_bytes(rows, gap, (size_t)c->width) +
           2 * ev_matrix_bytes(rows, gap, 16) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->channels)) +
           stack_work_bytes(c, rows, threads);
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
    const size_t mark = ev_arena_mark(arena), w = (size_t)m->config.width, gap = gap_of(&m->config);
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
    stack_run(m, &m->decoder, compute, arena, &a, y);
    linear(compute, &m->to_mel, &a, y, w, mel, mels);
    linear(compute, &m->to_f0, &a, y, w, head, 16);
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
