/* vocoder: a frame is a list of channels (a log-mel, or features of the text) and an F0; out come samples. Families:
 *
 *   hifigan.h   HiFi-GAN's generator (Kong et al. 2020, arXiv 2010.05646) of any configuration, with an optional
 *               harmonic source; mels in
 *   spectral.h  ConvNeXt blocks at frame rate, one inverse STFT a frame; features and energy in
 *
 * What the network computes for a sample depends on a fixed number of frames to each side, its halo. So any stretch
 * of an utterance, computed with that halo, is equal to the same stretch of the whole, byte for byte; and stretches
 * of different utterances can share a batch. Everything above this room works in such chunks.
 */
#ifndef EV_VOCODER_H
#define EV_VOCODER_H

#include "model/hifigan.h"
#include "model/spectral.h"

typedef struct ev_vocoder {
    ev_vocoder_config config;
    size_t gap;  /* frames of zeros between chunks */
    size_t halo; /* frames a chunk needs on each side */
    union {      /* by config.family */
        ev_hifigan hifigan;
        ev_spectral spectral; /* EV_VOCODER_ISTFT */
    };
} ev_vocoder;

ev_status ev_vocoder_load(ev_vocoder *out, const ev_container *c, const ev_vocoder_config *config, ev_error *err);
void ev_vocoder_free(ev_vocoder *v);
/* The weights that ev_vocoder_run borrows, to a queue that will run them. */
void ev_vocoder_upload(const ev_vocoder *v, ev_queue *q);

/* Phase of the fundamental at each frame's centre, in turns, for an utterance; needed whole before chunks of it run.
 * F0 is linear between the centres of voiced neighbours and constant beside an unvoiced one.
 * phase [frames + 1]: phase[i] is the start of interval i, which ends at the centre of frame i; interval 0 starts
 * half a hop before the first sample. */
void ev_vocoder_phase(const ev_vocoder *v, const float *f0, size_t frames, double *phase);

typedef struct ev_chunk {
    const float *input;     /* [frames][config.inputs rounded up to 16], the whole utterance */
    const float *f0;        /* [frames]; NULL when the vocoder has no source */
    const double *phase;    /* [frames + 1]; likewise */
    const float *condition; /* [config.speaker + config.emotions]: the unit speaker vector, then the emotions'
                             * weights; NULL where these are 0 */
    const float *log_gains; /* [ev_vocoder_bins], natural logarithms of an equaliser's gains; NULL: none */
    size_t frames;          /* of the utterance */
    size_t begin, end;      /* the frames wanted */
    uint64_t seed;          /* of the noise; sample i of the utterance always gets the same noise */
    float *out;             /* [(end - begin) * hop] */
} ev_chunk;

/* Bins of the spectra that it makes, evenly from 0 Hz to half of the sample rate; 0: it makes samples at once, and
 * takes no log_gains. */
size_t ev_vocoder_bins(const ev_vocoder *v);
/* Rows (frames) that a chunk occupies on the batch's time axis, gap included. */
size_t ev_vocoder_chunk_rows(const ev_vocoder *v, const ev_chunk *chunk);
/* Bytes of arena for chunks of `rows` rows in all (as counted above). */
size_t ev_vocoder_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads);
/* Enqueues the chunks and waits for their samples. */
ev_status ev_vocoder_run(const ev_vocoder *v, ev_queue *q, const ev_chunk *chunks, size_t n, ev_error *err);

/* ---- for the families ---- */

/* The chunks' F0s, in the queue's host memory. first: as below. */
ev_track *ev_vocoder_tracks(ev_queue *q, const ev_chunk *chunks, const size_t *first, size_t n);

ev_status ev_hifigan_load(ev_vocoder *v, const ev_container *c, ev_error *err);
void ev_hifigan_free(ev_hifigan *g);
void ev_hifigan_upload(const ev_vocoder *v, ev_queue *q);
size_t ev_hifigan_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads);
/* Enqueues all. a: the chunks' frames with their halos, in order; first: the utterance frame of each span's first
 * row. */
void ev_hifigan_run(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks, const size_t *first);

ev_status ev_spectral_load(ev_vocoder *v, const ev_container *c, ev_error *err);
void ev_spectral_free(ev_spectral *g);
void ev_spectral_upload(const ev_vocoder *v, ev_queue *q);
size_t ev_spectral_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads);
void ev_spectral_run(const ev_vocoder *v, ev_queue *q, const ev_axis *a, const ev_chunk *chunks, const size_t *first);

#endif
