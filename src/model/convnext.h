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

#include "model/acoustic.h"
#include "model/convblock.h"

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

extern const ev_acoustic_family ev_convnext_family;

/* Of the family's table, in convnext_load.c. */
ev_status ev_convnext_config_read(ev_acoustic_config *config, const json_t *json, ev_error *err);
ev_status ev_convnext_load(void **out, const ev_container *c, const ev_acoustic_config *config, size_t positions_max,
                           ev_error *err);
void ev_convnext_free(void *model);
void ev_convnext_upload(const void *model, ev_queue *q);

#endif
