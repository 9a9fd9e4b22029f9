/* acoustic: tokens, a speaker vector and emotion weights in; per frame the channels that the vocoder takes and F0
 * out.
 *
 * Two families, each a file with its PyTorch twin: fastspeech2.h (log-mels; older voices) and convnext.h (features of
 * symbols and energy, 24 kHz). A batch is ragged: utterances lie end to end on one time axis, first of tokens, then
 * of frames, and never see each other.
 *
 *   ev_acoustic_encode   tokens -> durations and what decode needs; after it every utterance knows its frames
 *   ev_acoustic_decode   a run of encoded utterances -> channels and F0
 */
#ifndef EV_ACOUSTIC_H
#define EV_ACOUSTIC_H

#include "model/convnext.h"
#include "model/fastspeech2.h"

typedef struct ev_acoustic {
    ev_acoustic_config config;
    union {
        ev_fastspeech2 fastspeech2;
        ev_convnext convnext;
    };
} ev_acoustic;

/* positions_max: the longest token or frame sequence that will be asked for. config may be freed after it. */
ev_status ev_acoustic_load(ev_acoustic *out, const ev_container *c, const ev_acoustic_config *config,
                           size_t positions_max, ev_error *err);
void ev_acoustic_free(ev_acoustic *m);

/* What encode leaves for decode, in the arena. */
typedef struct ev_encoded {
    union {
        ev_fastspeech2_encoded fastspeech2;
        ev_convnext_encoded convnext;
    };
} ev_encoded;

/* Rows that n tokens take on the encoder's axis: n, or the symbols that they are spelt with. forced as in
 * ev_utterance. And the most that any n tokens take. */
size_t ev_acoustic_rows(const ev_acoustic *m, const int32_t *tokens, const int32_t *forced, size_t n);
size_t ev_acoustic_rows_max(const ev_acoustic *m, size_t n);

/* Bytes of arena that encode needs for `rows` rows in `utterances` utterances, what of them it keeps for decode,
 * and what decode needs for `frames` frames on top of what was kept. */
size_t ev_acoustic_encode_bytes(const ev_acoustic *m, size_t rows, size_t utterances, int threads);
size_t ev_acoustic_encoded_bytes(const ev_acoustic *m, size_t rows, size_t utterances);
size_t ev_acoustic_decode_bytes(const ev_acoustic *m, size_t frames, size_t utterances, int threads);

/* Arena must hold the bytes above (asserted). An utterance whose frames come out 0 has frames = 0. */
void ev_acoustic_encode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u,
                        size_t n, ev_encoded *out);
void ev_acoustic_decode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, const ev_encoded *encoded,
                        ev_utterance *const *u, size_t n);

#endif
