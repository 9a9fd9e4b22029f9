/* hifigan: HiFi-GAN's generator (Kong et al. 2020, arXiv 2010.05646), with an optional harmonic source: log-mel and
 * F0 in, samples out. The PyTorch twin and reference is training/vocoder.py. A family of vocoder.h.
 */
#ifndef EV_HIFIGAN_H
#define EV_HIFIGAN_H

#include "model/axis.h"
#include "model/config.h"
#include "model/weights.h"

typedef struct ev_resblock {
    ev_conv convs1[EV_DILATIONS_MAX], convs2[EV_DILATIONS_MAX]; /* kind 2 has no convs2 */
} ev_resblock;

typedef struct ev_stage {
    int channels, left; /* left: samples per row of this stage */
    ev_upconv up;
    ev_conv noise; /* the source seen as rows of `left` samples x 2 channels */
    ev_resblock blocks[EV_KINDS_MAX];
} ev_stage;

typedef struct ev_hifigan {
    ev_conv pre;
    ev_stage stages[EV_STAGES_MAX];
    ev_conv_single_output post;
    float source_weight[EV_HARMONICS_MAX], source_bias;
} ev_hifigan;

#endif
