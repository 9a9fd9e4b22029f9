/* phone_encoder: what the FastSpeech2 families do with phones. Embeddings through a stack, a projection by what the
 * utterance is spoken with, then duration, pitch and energy of each phone predicted, decided on by the family, and
 * pitch and energy added again (Ren et al. 2020, arXiv 2006.04558).
 */
#ifndef EV_PHONE_ENCODER_H
#define EV_PHONE_ENCODER_H

#include "model/acoustic.h"
#include "model/transformer.h"

typedef struct ev_phone_encoder {
    float *token_embedding; /* [tokens][width] */
    ev_stack stack;
    ev_conditioned project;
    ev_predictor duration, pitch, energy;
    ev_conv pitch_embed, energy_embed;
} ev_phone_encoder;

/* What a family decides, on the host. bias [width]: the projection of the utterance's condition. Of each token: log
 * durations become frames and centres, pitch and energy what was asked for. */
typedef struct ev_phone_decisions {
    void (*condition)(const void *model, const ev_utterance *u, float *bias);
    void (*durations)(ev_utterance *u, const float *log_duration, float *centre);
    void (*pitch_energy)(const ev_acoustic_config *c, const ev_utterance *u, float *pitch, float *energy);
} ev_phone_decisions;

/* inputs: of the projection, beside the stack's rows */
ev_status ev_phone_encoder_load(ev_phone_encoder *out, const ev_container *c, const ev_acoustic_config *k, int inputs,
                                ev_error *err);
void ev_phone_encoder_free(ev_phone_encoder *e);
void ev_phone_encoder_upload(const ev_phone_encoder *e, const ev_acoustic_config *c, ev_queue *q);

/* Bytes of memory: what is kept for decode, and that with what encode needs beside it. */
size_t ev_phone_encoder_kept(const ev_acoustic_config *c, size_t tokens, size_t utterances);
size_t ev_phone_encoder_bytes(const ev_acoustic_config *c, size_t tokens, size_t utterances, int threads);

/* A family's encode. model: the family's, for decisions->condition. */
ev_status ev_phone_encoder_run(const ev_phone_encoder *e, const ev_acoustic_config *c, const ev_positions *positions,
                               const ev_phone_decisions *decisions, const void *model, ev_queue *q,
                               ev_utterance *const *u, size_t n, ev_encoded *out, ev_error *err);

#endif
