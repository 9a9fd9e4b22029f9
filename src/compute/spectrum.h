/* spectrum: real Fourier transforms, and what a vocoder makes with them: pulses, spectra, windows, overlap-add. The
 * contract of compute.h holds: one order of sums, the same bytes at every instruction set, no allocation in a run.
 *
 * Transforms run on 16 signals at once, one in each lane: element i of signal l lies at x[i * 16 + l]. A lane never
 * sees another, so what a signal becomes does not depend on its company.
 */
#ifndef EV_COMPUTE_SPECTRUM_H
#define EV_COMPUTE_SPECTRUM_H

#include "compute/compute.h"

enum { EV_FFT_SIZE_MAX = 4096, EV_FFT_STAGES_MAX = 12, EV_FFT_LANES = 16 };

/* Stockham's algorithm (no bit reversal) over size / 2 complex numbers, by radices 4, 5, 3 and 2; from there to the
 * size real ones and back by the usual sums of a bin and its mirror. */
typedef struct ev_fft {
    int size, stages, radices[EV_FFT_STAGES_MAX];
    float *twiddles; /* owned: for each stage, for each of its groups, (radix - 1) x (cos, -sin) */
    float *mirror;   /* inside twiddles: cos, -sin of 2 pi k / size, k = 0 .. size / 4 */
} ev_fft;
/* size: even, 2^a 3^b 5^c, 4 .. EV_FFT_SIZE_MAX; else EV_E_FORMAT */
ev_status ev_fft_plan(ev_fft *out, int size, ev_error *err);
void ev_fft_free(ev_fft *fft);

/* Four or five numbers a bin and frame to frames of samples. With P and B the spectra of the windowed pulses and
 * bursts, Z noise, the parts harmonic, turn, rough, burst; or harmonic, turn, rough, free, angle:
 *
 *   S = exp(harmonic) e^(i pi tanh(turn)) P + exp(rough) Z + exp(burst) B,               exponents cut at 7
 *   S = exp(harmonic) e^(i pi tanh(turn)) P + exp(rough) Z + exp(free) e^(i angle)
 *   y = window x inverse transform of S, ready to be overlapped
 *
 * A frame is fft = 4 hop samples, its window Hann's (periodic): 4 / fft of it before P's and B's transform, 1 / 1.5
 * of it after the inverse. */
typedef struct ev_istft {
    int fft, hop, bins, parts;
    ev_fft plan;
    float *before, *after; /* owned: [fft] the windows with their scales */
} ev_istft;
enum { EV_ISTFT_PARTS_BURSTS = 4, EV_ISTFT_PARTS_MAX = 5 };
ev_status ev_istft_make(ev_istft *out, int fft, int parts, ev_error *err); /* fft: a multiple of 4 besides */
void ev_istft_free(ev_istft *stft);
/* Where a bin's number stands in a row of parts: 16 bins of a part side by side, the other parts, the next 16 bins.
 */
static inline size_t ev_istft_column(const ev_istft *stft, int part, int bin) {
    return (size_t)(bin / 16 * stft->parts + part) * 16 + (size_t)(bin % 16);
}
static inline size_t ev_istft_width(const ev_istft *stft) {
    return ev_round16((size_t)stft->bins) * (size_t)stft->parts;
}

typedef struct ev_istft_args {
    const ev_istft *stft;
    const float *parts;
    size_t ld;             /* rows of ev_istft_width floats, 64-byte aligned */
    const float *pulses;   /* row t's samples are [t * hop, (t + 1) * hop), its frame is centred at the
                            * first: 2 hop before and behind a span are read, a gap's zeros or what is so */
    const float *bursts;   /* the same of bursts; NULL with five parts */
    float *y;              /* rows of fft samples, beginning 2 hop before the row's first */
    const uint64_t *seeds; /* per span */
    const size_t *first;   /* per span: the number of its first row, which with the bin numbers the noise */
    float *scratch;        /* ev_istft_scratch floats, 64-byte aligned */
    const ev_span *spans;
    size_t span_count;
} ev_istft_args;
size_t ev_istft_scratch(const ev_istft *stft, int threads);
void ev_istft_run(const ev_compute *c, const ev_istft_args *args);

/* Samples of the rows of spans out of frames: for span s, row t (from 0), sample i
 * out[s][t * hop + i] = clip(((y[t - 1][3 hop + i] + y[t][2 hop + i]) + y[t + 1][hop + i]) + y[t + 2][i]).
 * Frames that do not exist are rows of zeros, in the gap. clip() leaves what is within the knee as it is; beyond,
 * with room = ceiling - knee, knee + over becomes knee + over room / (over + room): the slope is one at the knee, and
 * no sample reaches the ceiling, -1 dBFS, so that a low voice's pulses do not clip where they are played. */
#define EV_CLIP_KNEE    0.8f
#define EV_CLIP_CEILING 0.891f
void ev_overlap_add_run(const ev_compute *c, const ev_istft *stft, const float *y, float *const *out,
                        const ev_span *spans, size_t span_count);

/* A train of pulses: the sum over h = 1 .. count - 1/2 of cos(2 pi h turns), in closed form:
 * sin(2 pi count turns) / (2 sin(pi turns)) - 1/2. Sample i's turns are start + (left + bend k) k / rate, where
 * k = first + i. Bursts: noise of variance one that swells with the pulses,
 * (1 + cos(2 pi turns)) sqrt(2 / 3) Z(number + i), Z a hash of the seed and the sample's number. */
typedef struct ev_pulses {
    double start, left, bend, rate;
    size_t first;
    double count; /* an integer and a half */
    uint64_t seed;
    size_t number; /* of the utterance's samples, the first one's */
} ev_pulses;
/* bursts: NULL if not wanted. On the calling thread. */
void ev_pulses_make(const ev_compute *c, const ev_pulses *pulses, float *out, float *bursts, size_t n);

#endif
