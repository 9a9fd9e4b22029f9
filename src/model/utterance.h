/* utterance: what every acoustic model is asked, and where its answer goes. */
#ifndef EV_UTTERANCE_H
#define EV_UTTERANCE_H

#include "compute/queue.h"

/* One utterance of a batch. */
typedef struct ev_utterance {
    const int32_t *tokens; /* [token_count] ids below config.tokens */
    size_t token_count;
    const int32_t *forced_frames; /* NULL, or per token: >= 0 a duration to keep as it is, -1 predict */
    const float *condition;       /* [config.condition], as the family's condition() made it */
    float median_hz;              /* the speaker's median F0 */
    float speed, pitch_scale;
    const float *token_speed; /* NULL: `speed` of all; or per token, in its place */
    float energy_scale; /* moves fastspeech2's energies; convnext's samples are multiplied by it instead (stage.c) */
    /* made by encode: */
    int32_t *durations; /* [token_count], the caller's array: frames */
    size_t frames;      /* their sum */
    ev_span token_span; /* rows on the axis of tokens, or of what the family spells them with */
    /* made by decode, in the caller's arrays: */
    float *channels; /* [frames][config.channels rounded up to 16]: what the vocoder takes; zero beyond */
    float *f0;       /* [frames] Hz, 0 unvoiced */
} ev_utterance;

#endif
