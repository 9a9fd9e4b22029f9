/* speaker: log-mel of reference speech in, one vector per speaker out. ECAPA-TDNN (Desplanques et al. 2020, arXiv
 * 2005.07143) in the layout of SpeechBrain's published checkpoint; the PyTorch twin is training/speaker.py.
 */
#ifndef EV_SPEAKER_H
#define EV_SPEAKER_H

#include "compute/compute.h"
#include "model/config.h"
#include "model/weights.h"

enum { EV_RES2NET_MAX = 16 };

typedef struct ev_tdnn { /* convolution (reflected at the ends), ReLU, batch norm */
    ev_conv conv;
    ev_norm norm;
    int dilation;
} ev_tdnn;

typedef struct ev_se_block {
    ev_tdnn tdnn1, tdnn2, res2net[EV_RES2NET_MAX - 1];
    float *squeeze_weight, *squeeze_bias; /* [squeeze][channels] */
    float *excite_weight, *excite_bias;   /* [channels][squeeze] */
} ev_se_block;

typedef struct ev_speaker {
    ev_speaker_config config;
    ev_tdnn first, mfa, attention; /* attention: the columns that see x; the others become a bias */
    ev_se_block blocks[EV_ECAPA_BLOCKS_MAX];
    float *attention_context, *attention_bias; /* [attention][2 * mfa channels], [attention] */
    ev_conv attention_out;
    ev_norm pool_norm;          /* [2 * mfa channels] */
    float *fc_weight, *fc_bias; /* [embedding][2 * mfa channels] */
} ev_speaker;

ev_status ev_speaker_load(ev_speaker *out, const ev_container *c, const ev_speaker_config *config, ev_error *err);
void ev_speaker_free(ev_speaker *s);

/* Bytes of arena for an utterance of `frames` frames. */
size_t ev_speaker_bytes(const ev_speaker *s, size_t frames);
/* fbank [frames][80] (audio/fbank.c), frames >= 50; out [embedding], scaled to unit length. */
void ev_speaker_run(const ev_speaker *s, const ev_compute *compute, ev_arena *arena, const float *fbank,
                    size_t frames, float *out);

#endif
