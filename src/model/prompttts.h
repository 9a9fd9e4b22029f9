/* prompttts: the acoustic model of the published EmotiVoice checkpoints: phones, a speaker's vector, and two vectors
 * of the style encoder (the prompt, the text itself) in; the mels that their own vocoder takes out.
 *
 * FastSpeech2's structure (fastspeech2.h) with pitch and energy in units of their own and without an F0 for the
 * vocoder. The reference is training/published.py. Contracts as in acoustic.h.
 */
#ifndef EV_PROMPTTTS_H
#define EV_PROMPTTTS_H

#include "model/style.h"
#include "model/phone_encoder.h"

typedef struct ev_prompttts {
    ev_acoustic_config config;
    ev_phone_encoder phones; /* its projection takes the condition: speaker, style, content */
    ev_stack decoder;
    ev_conv to_mel;
    ev_positions positions;
    ev_style *style;
    float *emotions; /* [emotion_count][style]: the vectors of their prompts */
} ev_prompttts;

extern const ev_acoustic_family ev_prompttts_family;

/* Of the family's table, in prompttts_load.c. */
ev_status ev_prompttts_config_read(ev_acoustic_config *config, const json_t *json, ev_error *err);
ev_status ev_prompttts_load(void **out, const ev_container *c, const ev_acoustic_config *config, size_t positions_max,
                            ev_error *err);
void ev_prompttts_free(void *model);
void ev_prompttts_upload(const void *model, ev_queue *q);

#endif
