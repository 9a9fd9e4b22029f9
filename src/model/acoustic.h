/* acoustic: phones, a speaker vector and an emotion vector in; log-mel and F0 per frame out.
 *
 * FastSpeech2 family (Ren et al. 2021, arXiv 2006.04558) with the published EmotiVoice generator's structure; the
 * PyTorch twin and reference is training/acoustic.py. A batch is ragged: utterances lie end to end on one time axis,
 * first of tokens, then of frames, and never see each other.
 *
 *   ev_acoustic_encode   tokens -> durations, pitch, energy, hidden; after it every utterance knows its frames
 *   ev_acoustic_decode   a run of encoded utterances -> mel and F0
 */
#ifndef EV_ACOUSTIC_H
#define EV_ACOUSTIC_H

#include "compute/compute.h"
#include "model/config.h"
#include "model/weights.h"

enum { EV_LAYERS_MAX = 32, EV_PREDICTOR_LAYERS_MAX = 8 };

typedef struct ev_block {
    ev_norm norm1, norm2;
    ev_conv q, k, v, out, w1, w2;
} ev_block;

typedef struct ev_stack {
    float alpha;
    int layers;
    ev_block *blocks; /* owned, [layers] */
    ev_norm after;
} ev_stack;

typedef struct ev_predictor {
    int layers;
    ev_conv conv[EV_PREDICTOR_LAYERS_MAX], linear;
    ev_norm norm[EV_PREDICTOR_LAYERS_MAX];
} ev_predictor;

typedef struct ev_acoustic {
    ev_acoustic_config config;
    float *token_embedding;   /* [tokens][width] */
    float *emotion_embedding; /* [emotion_count][emotion] */
    ev_stack encoder, decoder;
    ev_conv project;          /* the columns that see x; the rest is folded into a bias per utterance */
    float *project_condition; /* [width][speaker + emotion] */
    float *project_bias;      /* [width] */
    ev_predictor duration, pitch, energy;
    ev_conv pitch_embed, energy_embed, to_mel, to_f0;
    float *positions;         /* [positions_max][width], the sinusoid table */
    size_t positions_max;
} ev_acoustic;

/* One utterance of a batch. */
typedef struct ev_utterance {
    const int32_t *tokens; /* [token_count] ids below config.tokens */
    size_t token_count;
    const int32_t *forced_frames; /* NULL, or per token: >= 0 a duration to keep as it is, -1 predict */
    const float *speaker;         /* [config.speaker], unit length */
    const float *emotion_weights; /* [emotion_count], sum 1 */
    float median_hz;              /* the speaker's median F0 */
    float speed, pitch_scale, energy_scale;
    /* made by encode: */
    int32_t *durations; /* [token_count], the caller's array: frames */
    size_t frames;      /* their sum */
    ev_span token_span; /* rows on the token axis */
    /* made by decode, in the caller's arrays: */
    float *mel; /* [frames][mels rounded up to 16] */
    float *f0;  /* [frames] Hz, 0 unvoiced */
} ev_utterance;

/* positions_max: the longest token or frame sequence that will be asked for. */
ev_status ev_acoustic_load(ev_acoustic *out, const ev_container *c, const ev_acoustic_config *config,
                           size_t positions_max, ev_error *err);
void ev_acoustic_free(ev_acoustic *m);

/* What encode leaves for decode, in the arena. */
typedef struct ev_encoded {
    float *hidden; /* [rows][width] with pitch and energy embedded */
    float *pitch;  /* [rows][16], column 0: absolute token pitch */
    float *centre; /* [rows] Gaussian centres, relative to the utterance's first frame */
    size_t rows;
} ev_encoded;

/* Bytes of arena that encode needs for `tokens` tokens in `utterances` utterances, what of them it keeps for decode,
 * and what decode needs for `frames` frames on top of what was kept. */
size_t ev_acoustic_encode_bytes(const ev_acoustic *m, size_t tokens, size_t utterances, int threads);
size_t ev_acoustic_encoded_bytes(const ev_acoustic *m, size_t tokens, size_t utterances);
size_t ev_acoustic_decode_bytes(const ev_acoustic *m, size_t frames, size_t utterances, int threads);

/* Arena must hold the bytes above (asserted). An utterance whose frames come out 0 has frames = 0. */
void ev_acoustic_encode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u,
                        size_t n, ev_encoded *out);
void ev_acoustic_decode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, const ev_encoded *encoded,
                        ev_utterance *const *u, size_t n);

#endif
