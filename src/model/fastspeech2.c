/* fastspeech2: see fastspeech2.h. The forward pass reads top to bottom as training/acoustic.py does. */
#include "model/fastspeech2.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/mel_frames.h"

/* ---- encode ---- */

/* The speaker's vector and the emotions' mixed one, as the projection takes them. */
static void condition_bias(const void *model, const ev_utterance *u, float *bias) {
    const ev_fastspeech2 *m = model;
    const ev_acoustic_config *c = &m->config;
    const float *weights = u->condition + c->speaker;
    float inputs[2 * 4096];
    assert((size_t)c->speaker + (size_t)c->emotion <= EV_ARRAY_COUNT(inputs));
    memcpy(inputs, u->condition, (size_t)c->speaker * sizeof *inputs);
    for (int j = 0; j < c->emotion; j++) {
        double sum = 0;
        for (int e = 0; e < c->emotion_count; e++) {
            sum += (double)weights[e] * m->emotion_embedding[e * c->emotion + j];
        }
        inputs[c->speaker + j] = (float)sum;
    }
    ev_conditioned_bias(&m->phones.project, inputs, bias);
}

/* Rounds the running sum of the target durations, so that the whole is within half a frame of what speed asks for. */
static void decide_durations(ev_utterance *u, const float *log_duration, float *centre) {
    assert(u->token_count > 0);
    double target_frames = 0, given = 0;
    size_t frames = 0;
    for (size_t t = 0; t < u->token_count; t++) {
        int32_t d;
        if (u->forced_frames && u->forced_frames[t] >= 0) {
            d = u->forced_frames[t];
            target_frames += d;
            given += d;
        } else {
            const double one = exp((double)log_duration[t]) - 1.0;
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

static void scale_pitch_energy(const ev_acoustic_config *c, const ev_utterance *u, float *pitch, float *energy) {
    assert(u->pitch_scale > 0 && u->energy_scale > 0);
    const double median = (log((double)u->median_hz) - c->pitch_centre) / c->pitch_scale;
    const float shift = (float)(median + log((double)u->pitch_scale) / c->pitch_scale);
    const float louder = (float)(log((double)u->energy_scale) / c->energy_std);
    for (size_t t = 0; t < u->token_count; t++) {
        pitch[t] += shift;
        energy[t] += louder;
    }
}

static size_t encoded_bytes(const void *model, size_t tokens, size_t utterances) {
    return ev_phone_encoder_kept(&((const ev_fastspeech2 *)model)->config, tokens, utterances);
}

static size_t encode_bytes(const void *model, size_t tokens, size_t utterances, int threads) {
    return ev_phone_encoder_bytes(&((const ev_fastspeech2 *)model)->config, tokens, utterances, threads);
}

static ev_status encode(const void *model, ev_queue *q, ev_utterance *const *u, size_t n, ev_encoded *out,
                        ev_error *err) {
    static const ev_phone_decisions decisions = {condition_bias, decide_durations, scale_pitch_energy};
    const ev_fastspeech2 *m = model;
    return ev_phone_encoder_run(&m->phones, &m->config, &m->positions, &decisions, m, q, u, n, out, err);
}

/* ---- decode ---- */

enum { HEAD = 2 }; /* of a frame: log F0's correction, voicing */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    const ev_fastspeech2 *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = ev_transformer_gap(c), rows = frames + utterances * gap;
    return utterances * (2 * sizeof(ev_span) + sizeof(size_t)) + 320 + ev_matrix_bytes(rows, gap, (size_t)c->width) +
           2 * ev_matrix_bytes(rows, gap, 16) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->channels)) +
           rows * HEAD * sizeof(float) + ev_stack_bytes(c, rows, threads);
}

/* F0 of a frame: the upsampled token pitch, which f0 holds, plus the head's correction, where the head says voiced.
 */
static void finish_f0(const ev_fastspeech2 *m, const float *head, size_t frames, float *f0) {
    const ev_acoustic_config *c = &m->config;
    for (size_t t = 0; t < frames; t++) {
        const double log_f0 = ((double)head[t * HEAD] + (double)f0[t]) * c->pitch_scale + c->pitch_centre;
        f0[t] = head[t * HEAD + 1] > 0 ? (float)exp(log_f0) : 0.0f;
    }
}

static ev_status decode(const void *model, ev_queue *q, const ev_encoded *encoded, ev_utterance *const *u, size_t n,
                        ev_error *err) {
    const ev_fastspeech2 *m = model;
    const size_t mark = ev_queue_mark(q);
    const ev_axis a = ev_mel_frames_axis(&m->config, q, u, n);
    const ev_rows y = ev_rows_take(q, &a, (size_t)m->config.width), pitch = ev_rows_take(q, &a, 16);
    const ev_rows head = ev_rows_take(q, &a, 16);
    const ev_rows mel = ev_rows_take(q, &a, ev_round16((size_t)m->config.channels));
    float *heads = ev_queue_host(q, a.rows * HEAD * sizeof *heads);
    ev_mel_frames_upsample(&m->config, q, &a, encoded, u, y, pitch);
    ev_stack_run(&m->decoder, &m->config, &m->positions, q, &a, y);
    ev_linear_run(q, &m->to_mel, &a, y, mel);
    ev_linear_run(q, &m->to_f0, &a, y, head);
    ev_mel_frames_get(q, &a, u, mel, pitch);
    const ev_get_op op = {
        .from = head, .to = heads, .ld = HEAD, .width = HEAD, .spans = a.spans, .span_count = a.count};
    ev_enqueue_get(q, &op);
    const ev_status s = ev_queue_wait(q, err);
    for (size_t i = 0; i < n && s == EV_OK; i++) {
        finish_f0(m, heads + a.spans[i].begin * HEAD, a.spans[i].count, u[i]->f0);
    }
    ev_queue_release(q, mark);
    return s;
}

/* ---- the family ---- */

static ev_status join_condition(const void *model, const ev_conditioning *conditioning, float *out, ev_error *err) {
    (void)err;
    ev_condition_join(&((const ev_fastspeech2 *)model)->config, conditioning, out);
    return EV_OK;
}

const ev_acoustic_family ev_fastspeech2_family = {
    .name = "fastspeech2",
    .energy_in_mels = true,
    .config_read = ev_fastspeech2_config_read,
    .load = ev_fastspeech2_load,
    .free = ev_fastspeech2_free,
    .upload = ev_fastspeech2_upload,
    .condition = join_condition,
    .encode_bytes = encode_bytes,
    .encoded_bytes = encoded_bytes,
    .decode_bytes = decode_bytes,
    .encode = encode,
    .decode = decode,
};
