/* fastspeech2: phones, a speaker vector and an emotion vector in; log-mel and F0 per frame out.
 *
 * FastSpeech2 family (Ren et al. 2021, arXiv 2006.04558) with the published EmotiVoice generator's structure; the
 * PyTorch twin and reference is training/acoustic.py. Contracts as in acoustic.h.
 */
#ifndef EV_FASTSPEECH2_H
#define EV_FASTSPEECH2_H

#include "model/phone_encoder.h"

typedef struct ev_fastspeech2 {
    ev_acoustic_config config;
    float *emotion_embedding; /* [emotion_count][emotion] */
    ev_phone_encoder phones;  /* its projection takes the speaker and the mixed emotion */
    ev_stack decoder;
    ev_conv to_mel, to_f0;
    ev_positions positions;
} ev_fastspeech2;

extern const ev_acoustic_family ev_fastspeech2_family;

/* Of the family's table, in fastspeech2_load.c. */
ev_status ev_fastspeech2_config_read(ev_acoustic_config *config, const json_t *json, ev_error *err);
ev_status ev_fastspeech2_load(void **out, const ev_container *c, const ev_acoustic_config *config,
                              size_t positions_max, ev_error *err);
void ev_fastspeech2_free(void *model);
void ev_fastspeech2_upload(const void *model, ev_queue *q);

#endif
