/* acoustic: tokens and a condition (who speaks, and how) in; per frame the channels that the vocoder takes and F0
 * out.
 *
 * Each kind of network is a family, a table of functions, and a file with its PyTorch twin: fastspeech2.h (log-mels;
 * older voices), prompttts.h (the published EmotiVoice checkpoints) and convnext.h (features of symbols and energy,
 * 24 kHz). What is above this header knows the table
 * alone. A batch is ragged: utterances lie end to end on one time axis, first of tokens, then of frames, and never
 * see each other.
 *
 *   condition   a voice, emotions -> the floats that an utterance is spoken with
 *   encode      tokens -> durations and what decode needs; after it every utterance knows its frames
 *   decode      a run of encoded utterances -> channels and F0
 */
#ifndef EV_ACOUSTIC_H
#define EV_ACOUSTIC_H

#include <assert.h>

#include "model/config.h"
#include "model/utterance.h"

/* Who speaks, and how: borrowed. */
typedef struct ev_conditioning {
    const float *speaker;         /* [config.speaker], the voice's vector */
    const float *emotion_weights; /* [config.emotion_count], sum 1 */
    /* for a family that takes prompts */
    const char *prompt; /* free text in place of the emotions, or NULL */
    float degree;       /* of the prompt; what it leaves of 1 is the neutral emotion's */
    const char *text;   /* what is said, as it is written */
    size_t text_bytes;
    ev_pool *pool; /* threads for a network that reads the texts; NULL: the calling one */
} ev_conditioning;

/* What encode leaves for decode, in the queue's memory; a family fills what it needs. */
typedef struct ev_encoded {
    ev_rows hidden;     /* [rows][width] */
    ev_rows features;   /* convnext: [rows][text_width] */
    int32_t *durations; /* convnext: [rows] frames of each symbol; host memory */
    ev_rows pitch;      /* fastspeech2, prompttts: [rows][16], column 0: absolute token pitch */
    float *centre;      /* likewise: [rows] Gaussian centres, relative to the utterance's first frame; host memory */
} ev_encoded;

/* The functions take the model that load made. Those on a batch fail with the device alone: the queue's memory holds
 * the bytes that the sizes say (asserted). Threads: a loaded model never changes. */
struct ev_acoustic_family {
    bool takes_prompts; /* a prompt may be any text, each sentence has a condition of its own, voices need no pitch */
    const char *name;   /* "family" in a model file */
    bool voice_rows;    /* voices are rows of a learned table, of any length; else vectors of unit length */
    bool
        energy_in_mels; /* it predicts loudness, and energy_scale moves that; else samples are multiplied (stage.c) */

    /* Its part of the configuration; what all have (speaker, emotions) is read. Sets config->condition. */
    ev_status (*config_read)(ev_acoustic_config *config, const json_t *json, ev_error *err);
    /* *out is freed by free. positions_max: the longest token or frame sequence that will be asked for. config may be
     * freed after it. */
    ev_status (*load)(void **out, const ev_container *c, const ev_acoustic_config *config, size_t positions_max,
                      ev_error *err);
    void (*free)(void *model); /* takes NULL */
    /* The weights that encode and decode borrow, to a queue that will run them. */
    void (*upload)(const void *model, ev_queue *q);

    ev_status (*condition)(const void *model, const ev_conditioning *conditioning, float *out, ev_error *err);

    /* Rows that n tokens take on the encoder's axis, the symbols that they are spelt with; forced as in ev_utterance.
     * And the most that any n tokens take. NULL: n. */
    size_t (*rows)(const void *model, const int32_t *tokens, const int32_t *forced, size_t n);
    size_t (*rows_max)(const void *model, size_t n);
    /* Bytes of memory that encode needs for `rows` rows in `utterances` utterances, what of them it keeps for decode,
     * and what decode needs for `frames` frames on top of what was kept. */
    size_t (*encode_bytes)(const void *model, size_t rows, size_t utterances, int threads);
    size_t (*encoded_bytes)(const void *model, size_t rows, size_t utterances);
    size_t (*decode_bytes)(const void *model, size_t frames, size_t utterances, int threads);
    /* An utterance whose frames come out 0 has frames = 0. What is made for it is there when they return EV_OK. */
    ev_status (*encode)(const void *model, ev_queue *q, ev_utterance *const *u, size_t n, ev_encoded *out,
                        ev_error *err);
    ev_status (*decode)(const void *model, ev_queue *q, const ev_encoded *encoded, ev_utterance *const *u, size_t n,
                        ev_error *err);
};

typedef struct ev_acoustic {
    const ev_acoustic_family *family;
    ev_acoustic_config config; /* without "table" and "prompts": the family has its own form */
    void *model;               /* the family's */
} ev_acoustic;

/* Contracts as above. */
ev_status ev_acoustic_load(ev_acoustic *out, const ev_container *c, const ev_acoustic_config *config,
                           size_t positions_max, ev_error *err);
void ev_acoustic_free(ev_acoustic *m);

static inline void ev_acoustic_upload(const ev_acoustic *m, ev_queue *q) { m->family->upload(m->model, q); }

static inline size_t ev_acoustic_rows(const ev_acoustic *m, const int32_t *tokens, const int32_t *forced, size_t n) {
    return m->family->rows ? m->family->rows(m->model, tokens, forced, n) : n;
}

static inline size_t ev_acoustic_rows_max(const ev_acoustic *m, size_t n) {
    return m->family->rows_max ? m->family->rows_max(m->model, n) : n;
}

static inline size_t ev_acoustic_encode_bytes(const ev_acoustic *m, size_t rows, size_t utterances, int threads) {
    return m->family->encode_bytes(m->model, rows, utterances, threads);
}

static inline size_t ev_acoustic_encoded_bytes(const ev_acoustic *m, size_t rows, size_t utterances) {
    return m->family->encoded_bytes(m->model, rows, utterances);
}

static inline size_t ev_acoustic_decode_bytes(const ev_acoustic *m, size_t frames, size_t utterances, int threads) {
    return m->family->decode_bytes(m->model, frames, utterances, threads);
}

static inline ev_status ev_acoustic_condition(const ev_acoustic *m, const ev_conditioning *conditioning, float *out,
                                              ev_error *err) {
    return m->family->condition(m->model, conditioning, out, err);
}

static inline ev_status ev_acoustic_encode(const ev_acoustic *m, ev_queue *q, ev_utterance *const *u, size_t n,
                                           ev_encoded *out, ev_error *err) {
    return m->family->encode(m->model, q, u, n, out, err);
}

static inline ev_status ev_acoustic_decode(const ev_acoustic *m, ev_queue *q, const ev_encoded *encoded,
                                           ev_utterance *const *u, size_t n, ev_error *err) {
    return m->family->decode(m->model, q, encoded, u, n, err);
}

/* ---- for the families ---- */

/* A condition that is the speaker's vector, then the emotions' weights, side by side. */
static inline void ev_condition_join(const ev_acoustic_config *config, const ev_conditioning *conditioning,
                                     float *out) {
    assert(config->condition == config->speaker + config->emotion_count);
    for (int i = 0; i < config->speaker; i++) out[i] = conditioning->speaker[i];
    for (int i = 0; i < config->emotion_count; i++) out[config->speaker + i] = conditioning->emotion_weights[i];
}

#endif
