/* prompttts: see prompttts.h. The forward pass reads top to bottom as training/published.py's acoustic() does. */
#include "model/prompttts.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "model/mel_frames.h"

/* ---- condition ---- */

/* The emotions' vectors by their weights; a free prompt's in their place, the neutral one's for what a degree leaves.
 */
static ev_status mix_style(const ev_prompttts *m, const ev_conditioning *conditioning, float *out, ev_error *err) {
    assert(m->config.style.width > 0);
    const ev_acoustic_config *c = &m->config;
    const size_t width = (size_t)c->style.width;
    if (conditioning->prompt) {
        const ev_status s = ev_style_vector(m->style, conditioning->pool, "the prompt", conditioning->prompt,
                                            strlen(conditioning->prompt), true, out, err);
        for (size_t j = 0; s == EV_OK && j < width; j++) {
            out[j] = conditioning->degree * out[j] + (1 - conditioning->degree) * m->emotions[j];
        }
        return s;
    }
    for (size_t j = 0; j < width; j++) {
        double sum = 0;
        for (size_t e = 0; e < (size_t)c->emotion_count; e++) {
            sum += (double)conditioning->emotion_weights[e] * m->emotions[e * width + j];
        }
        out[j] = (float)sum;
    }
    return EV_OK;
}

static ev_status condition(const void *model, const ev_conditioning *conditioning, float *out, ev_error *err) {
    assert(conditioning->text || !conditioning->text_bytes);
    const ev_prompttts *m = model;
    const size_t speaker = (size_t)m->config.speaker, width = (size_t)m->config.style.width;
    memcpy(out, conditioning->speaker, speaker * sizeof *out);
    const ev_status s = mix_style(m, conditioning, out + speaker, err);
    if (s != EV_OK) return s;
    return ev_style_vector(m->style, conditioning->pool, "a sentence", conditioning->text, conditioning->text_bytes,
                           false, out + speaker + width, err);
}

/* ---- encode ---- */

static void condition_bias(const void *model, const ev_utterance *u, float *bias) {
    ev_conditioned_bias(&((const ev_prompttts *)model)->phones.project, u->condition, bias);
}

/* Frames as the checkpoints round them, token by token and half to even; a speed is asked of their running sum. Where
 * nothing would be heard each token gets one. */
static void decide_durations(ev_utterance *u, const float *log_duration, float *centre) {
    assert(u->token_count > 0);
    double published = 0, target_frames = 0, given = 0;
    for (size_t t = 0; t < u->token_count; t++) {
        published += fmax(nearbyint(fmin(exp((double)log_duration[t]) - 1.0, 1e4)), 0.0);
        if (u->forced_frames && u->forced_frames[t] > 0) published += u->forced_frames[t];
    }
    for (size_t t = 0; t < u->token_count; t++) {
        const double own = fmax(nearbyint(fmin(exp((double)log_duration[t]) - 1.0, 1e4)), 0.0);
        double d = 0;
        if (u->forced_frames && u->forced_frames[t] >= 0) {
            d = u->forced_frames[t];
            target_frames += d;
        } else {
            const double speed = (double)(u->token_speed ? u->token_speed[t] : u->speed);
            target_frames += (published > 0 ? own : 1) / speed;
            d = fmax(nearbyint(target_frames) - given, 0.0);
        }
        u->durations[t] = (int32_t)d;
        centre[t] = (float)(given + d * 0.5);
        given += d;
    }
    u->frames = (size_t)given;
}

/* F0 is a multiple of what was predicted, and so is energy; both stand as multiples of a deviation from a mean. */
static void scale_pitch_energy(const ev_acoustic_config *c, const ev_utterance *u, float *pitch, float *energy) {
    const double p = (double)u->pitch_scale, e = (double)u->energy_scale;
    const float higher = (float)((p - 1) * c->pitch_mean / c->pitch_std);
    const float louder = (float)((e - 1) * c->energy_mean / c->energy_std);
    for (size_t t = 0; t < u->token_count; t++) {
        pitch[t] = pitch[t] * (float)p + higher;
        energy[t] = energy[t] * (float)e + louder;
    }
}

static size_t encoded_bytes(const void *model, size_t tokens, size_t utterances) {
    return ev_phone_encoder_kept(&((const ev_prompttts *)model)->config, tokens, utterances);
}

static size_t encode_bytes(const void *model, size_t tokens, size_t utterances, int threads) {
    return ev_phone_encoder_bytes(&((const ev_prompttts *)model)->config, tokens, utterances, threads);
}

static ev_status encode(const void *model, ev_queue *q, ev_utterance *const *u, size_t n, ev_encoded *out,
                        ev_error *err) {
    static const ev_phone_decisions decisions = {condition_bias, decide_durations, scale_pitch_energy};
    const ev_prompttts *m = model;
    return ev_phone_encoder_run(&m->phones, &m->config, &m->positions, &decisions, m, q, u, n, out, err);
}

/* ---- decode ---- */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    const ev_acoustic_config *c = &((const ev_prompttts *)model)->config;
    const size_t gap = ev_transformer_gap(c), rows = frames + utterances * gap;
    return utterances * (2 * sizeof(ev_span) + sizeof(size_t)) + 256 + ev_matrix_bytes(rows, gap, (size_t)c->width) +
           ev_matrix_bytes(rows, gap, 16) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->channels)) +
           ev_stack_bytes(c, rows, threads);
}

static ev_status decode(const void *model, ev_queue *q, const ev_encoded *encoded, ev_utterance *const *u, size_t n,
                        ev_error *err) {
    const ev_prompttts *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t mark = ev_queue_mark(q);
    const ev_axis a = ev_mel_frames_axis(c, q, u, n);
    const ev_rows y = ev_rows_take(q, &a, (size_t)c->width), pitch = ev_rows_take(q, &a, 16);
    const ev_rows mel = ev_rows_take(q, &a, ev_round16((size_t)c->channels));
    ev_mel_frames_upsample(c, q, &a, encoded, u, y, pitch);
    ev_stack_run(&m->decoder, c, &m->positions, q, &a, y);
    ev_linear_run(q, &m->to_mel, &a, y, mel);
    ev_mel_frames_get(q, &a, u, mel, pitch);
    const ev_status s = ev_queue_wait(q, err);
    for (size_t i = 0; i < n && s == EV_OK; i++) {
        for (size_t t = 0; t < u[i]->frames; t++) { /* of use to a listener alone: this vocoder takes none */
            u[i]->f0[t] = (float)fmax(c->pitch_mean + c->pitch_std * (double)u[i]->f0[t], 0.0);
        }
    }
    ev_queue_release(q, mark);
    return s;
}

/* ---- the family ---- */

const ev_acoustic_family ev_prompttts_family = {
    .name = "prompttts",
    .energy_in_mels = true,
    .takes_prompts = true,
    .voice_rows = true,
    .config_read = ev_prompttts_config_read,
    .load = ev_prompttts_load,
    .free = ev_prompttts_free,
    .upload = ev_prompttts_upload,
    .condition = condition,
    .encode_bytes = encode_bytes,
    .encoded_bytes = encoded_bytes,
    .decode_bytes = decode_bytes,
    .encode = encode,
    .decode = decode,
};
