/* convnext: tokens, a speaker vector and emotion weights in; per frame the features of a symbol, energy and F0 out.
 *
 * Tokens are spelt with symbols, the teacher's phones, by the file's own table: none, one or a few each. Two text
 * networks (ConvNeXt blocks, one attention layer applied several times) read the symbols: one makes the features that
 * the vocoder hears, the other, which also knows speaker and emotion, durations; its rows, repeated for every second
 * frame, go through ConvNeXt blocks to F0, energy and voicing of two frames. The PyTorch twin and reference is
 * training/convnext.py. Contracts as in acoustic.h.
 *
 * Channels of a frame: the features of its symbol, then its energy in units of 5 of the teacher's.
 */
#ifndef EV_CONVNEXT_H
#define EV_CONVNEXT_H

#include "model/config.h"
#include "model/convblock.h"
#include "model/utterance.h"

typedef struct ev_symbol_net {
    int width, passes, heads, hidden;
    float *embedding; /* [symbols][width] */
    ev_convblock convs[2];
    ev_norm norm1, norm2, after;
    ev_conv qkv, out, w1, w2; /* of the one attention layer */
} ev_symbol_net;

typedef struct ev_convnext {
    ev_acoustic_config config;
    size_t *spelling; /* [tokens + 1]: token i is spelt symbols[spelling[i], spelling[i + 1]) */
    int32_t *symbols;
    int symbols_max; /* the most that one token is spelt with, at least 1 */
    ev_symbol_net text, prosody;
    ev_conv condition, duration1, duration2, frame_in, frame_out;
    ev_convblock frame_blocks[EV_FRAME_BLOCKS_MAX];
} ev_convnext;

ev_status ev_convnext_load(ev_convnext *out, const ev_container *c, const ev_acoustic_config *config, ev_error *err);
void ev_convnext_free(ev_convnext *m);

typedef struct ev_convnext_encoded {
    float *features;    /* [rows][text_width] */
    float *hidden;      /* [rows][width], as the frames' blocks take it */
    int32_t *durations; /* [rows] frames of each symbol */
} ev_convnext_encoded;

size_t ev_convnext_rows(const ev_convnext *m, const int32_t *tokens, const int32_t *forced, size_t n);
size_t ev_convnext_encode_bytes(const ev_convnext *m, size_t rows, size_t utterances, int threads);
size_t ev_convnext_encoded_bytes(const ev_convnext *m, size_t rows, size_t utterances);
size_t ev_convnext_decode_bytes(const ev_convnext *m, size_t frames, size_t utterances);
void ev_convnext_encode(const ev_convnext *m, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u,
                        size_t n, ev_convnext_encoded *out);
void ev_convnext_decode(const ev_convnext *m, const ev_compute *compute, ev_arena *arena,
                        const ev_convnext_encoded *encoded, ev_utterance *const *u, size_t n);

#endif
