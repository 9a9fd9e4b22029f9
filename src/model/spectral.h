/* spectral: features, F0 and energy per frame in; the spectra of one inverse STFT a frame, and samples out. ConvNeXt
 * blocks (Liu et al. 2022, arXiv 2201.03545) at frame rate, scaled and shifted by speaker and emotion; the PyTorch
 * twin and reference is training/spectral.py. A family of vocoder.h.
 *
 *   [features, log(1 + F0) / 5, energy] -> convolution -> blocks -> norm -> head: its parts a bin -> spectrum.h
 *
 * Folded at load: a block's last scale into its second layer; its norm's scale and shift with what the condition does
 * to them into one layer from the condition to both.
 */
#ifndef EV_SPECTRAL_H
#define EV_SPECTRAL_H

#include "compute/spectrum.h"
#include "model/axis.h"
#include "model/config.h"
#include "model/weights.h"

#define EV_SPECTRAL_EPS 1e-5f /* of the norms */

typedef struct ev_frame_block {
    ev_depthwise depthwise;
    ev_conv affine; /* condition -> the norm's [scale, shift][width] */
    ev_conv up, down;
} ev_frame_block;

typedef struct ev_spectral {
    ev_conv in;
    ev_frame_block blocks[EV_VOCODER_BLOCKS_MAX];
    ev_norm norm;
    ev_conv head; /* in the order of ev_istft_column */
    ev_istft stft;
} ev_spectral;

#endif
