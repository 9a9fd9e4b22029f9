/* vocoder: log-mel and F0 per frame in, samples out. HiFi-GAN generator (Kong et al. 2020, arXiv 2010.05646) of any
 * configuration, with an optional harmonic source; the PyTorch twin and reference is training/vocoder.py.
 *
 * What the network computes for a sample depends on a fixed number of mel frames to each side, its halo. So any
 * stretch of an utterance, computed with that halo, is equal to the same stretch of the whole, byte for byte; and
 * stretches of different utterances can share a batch. Everything above this room works in such chunks.
 */
#ifndef EV_VOCODER_H
#define EV_VOCODER_H

#include "compute/compute.h"
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

typedef struct ev_vocoder {
    ev_vocoder_config config;
    ev_conv pre;
    ev_stage stages[EV_STAGES_MAX];
    ev_conv1 post;
    float source_weight[32], source_bias;
    size_t gap;  /* mel frames of zeros between chunks */
    size_t halo; /* mel frames a chunk needs on each side */
} ev_vocoder;

ev_status ev_vocoder_load(ev_vocoder *out, const ev_container *c, const ev_vocoder_config *config, ev_error *err);
void ev_vocoder_free(ev_vocoder *v);

/* Phase of the fundamental at each frame's centre, in turns, for an utterance; needed whole before chunks of it run.
 * F0 is linear between the centres of voiced neighbours and constant beside an unvoiced one.
 * phase [frames + 1]: phase[i] is the start of interval i, which ends at the centre of frame i; interval 0 starts
 * half a hop before the first sample. */
void ev_vocoder_phase(const ev_vocoder *v, const float *f0, size_t frames, double *phase);

typedef struct ev_chunk {
    const float *mel;     /* [frames][ld 16-rounded mels], the whole utterance */
    const float *f0;      /* [frames]; NULL when the vocoder has no source */
    const double *phase;  /* [frames + 1]; likewise */
    size_t frames;        /* of the utterance */
    size_t begin, end;    /* the frames wanted */
    uint64_t seed;        /* of the noise; sample i of the utterance always gets the same noise */
    float *out;           /* [(end - begin) * hop] */
} ev_chunk;

/* Rows (mel frames) that a chunk occupies on the batch's time axis, gap included. */
size_t ev_vocoder_chunk_rows(const ev_vocoder *v, const ev_chunk *chunk);
/* Bytes of arena for chunks of `rows` rows in all (as counted above). */
size_t ev_vocoder_bytes(const ev_vocoder *v, size_t rows, size_t chunks);
void ev_vocoder_run(const ev_vocoder *v, const ev_compute *compute, ev_arena *arena, const ev_chunk *chunks, size_t n);

#endif
