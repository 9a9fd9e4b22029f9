/* fastspeech2: phones, a speaker vector and an emotion vector in; log-mel and F0 per frame out.
 *
 * FastSpeech2 family (Ren et al. 2021, arXiv 2006.04558) with the published EmotiVoice generator's structure; the
 * PyTorch twin and reference is training/acoustic.py. Contracts as in acoustic.h.
 */
#ifndef EV_FASTSPEECH2_H
#define EV_FASTSPEECH2_H

#include "model/acoustic.h"
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

typedef struct ev_fastspeech2 {
    ev_acoustic_config config;
    float *token_embedding;   /* [tokens][width] */
    float *emotion_embedding; /* [emotion_count][emotion] */
    ev_stack encoder, decoder;
    ev_conv project;          /* the columns that see x; the rest is folded into a bias per utterance */
    float *project_condition; /* [width][speaker + emotion] */
    float *project_bias;      /* [width] */
    ev_predictor duration, pitch, energy;
    ev_conv pitch_embed, energy_embed, to_mel, to_f0;
    float *positions; /* [positions_max][width], the sinusoid table */
    size_t positions_max;
} ev_fastspeech2;

extern const ev_acoustic_family ev_fastspeech2_family;

/* Of the family's table, in fastspeech2_load.c. */
ev_status ev_fastspeech2_config_read(ev_acoustic_config *config, const json_t *json, ev_error *err);
ev_status ev_fastspeech2_load(void **out, const ev_container *c, const ev_acoustic_config *config,
                              size_t positions_max, ev_error *err);
void ev_fastspeech2_free(void *model);

#endif
