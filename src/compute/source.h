/* source: what a vocoder hears of F0: a mix of harmonics, or a train of pulses, sample by sample between the centres
 * of frames. Any stretch can be made without what came before it.
 */
#ifndef EV_COMPUTE_SOURCE_H
#define EV_COMPUTE_SOURCE_H

#include "compute/compute.h"

/* An utterance's F0, and where in it a span begins. F0 is linear between the centres of voiced neighbours and
 * constant beside an unvoiced one; phase[i] is the fundamental's, in turns, at the start of interval i, which ends at
 * the centre of frame i. */
typedef struct ev_track {
    const float *f0;      /* [frames] Hz, 0 unvoiced */
    const double *phase;  /* [frames + 1] */
    size_t frames, first; /* of the utterance; the frame of the span's first row */
    uint64_t seed;        /* of the noise, with the sample's number */
} ev_track;

/* The F0 at the two ends of the interval between the centres of frames i-1 and i. */
void ev_f0_interval(const float *f0, size_t frames, size_t i, double *left, double *right);

typedef struct ev_source {
    int hop, rate;
    /* a mix: tanh(bias + sum of the harmonics below Nyquist, each with its weight) beside uniform noise in -1..1 */
    int harmonics; /* 0: a train of pulses instead */
    const float *weights;
    float bias;
    /* pulses (spectrum.h) of the harmonics below this, and bursts */
    double highest_hz;
} ev_source;

/* For rows of spans y: mix [rows * hop][2], voiced part and noise, or pulses [rows * hop] and, unless NULL, bursts.
 */
void ev_source_run(const ev_compute *c, const ev_source *source, const ev_track *tracks, float *y, float *bursts,
                   const ev_span *spans, size_t span_count);

#endif
