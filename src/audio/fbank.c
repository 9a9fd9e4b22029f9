/* fbank: the input of the speaker encoder, 80 log-mel bins per 10 ms, number for number what SpeechBrain's Fbank and
 * sentence normalisation give, quirks included, because published weights were trained on exactly that. */
#include <assert.h>
#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

enum { RATE = 16000, WINDOW = 400, SPECTRUM = WINDOW / 2 + 1, BINS = EV_FBANK_BINS, HOP = EV_FBANK_HOP };
static const float POWER_LEAST = 1e-10F, RANGE_DB = 80;

typedef struct fbank_plan {
    kiss_fftr_cfg fft;             /* owned */
    float window[WINDOW];          /* Hamming, periodic */
    int first[BINS], last[BINS];   /* spectrum lines with weight, half-open */
    float weights[BINS][SPECTRUM]; /* triangles */
} fbank_plan;

static double mel_to_hz(double mel) { return 700.0 * (pow(10.0, mel / 2595.0) - 1.0); }

/* A triangle's rising width serves both its slopes, so that its foot falls short of the next centre: SpeechBrain's
 * construction. */
static void plan_triangles(fbank_plan *p) {
    double top = 2595.0 * log10(1.0 + RATE / 2.0 / 700.0);
    for (int b = 0; b < BINS; b++) {
        double below = mel_to_hz(top * b / (BINS + 1)), centre = mel_to_hz(top * (b + 1) / (BINS + 1));
        p->first[b] = SPECTRUM;
        p->last[b] = 0;
        for (int k = 0; k < SPECTRUM; k++) {
            double slope = ((double)k * RATE / WINDOW - centre) / (centre - below);
            double weight = 1.0 - fabs(slope);
            p->weights[b][k] = weight > 0 ? (float)weight : 0;
            if (weight <= 0) continue;
            if (k < p->first[b]) p->first[b] = k;
            p->last[b] = k + 1;
        }
    }
}

static fbank_plan *plan_create(void) {
    fbank_plan *p = malloc(sizeof(*p));
    if (!p) return NULL;
    p->fft = kiss_fftr_alloc(WINDOW, 0, NULL, NULL);
    if (!p->fft) {
        free(p);
        return NULL;
    }
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < WINDOW; i++) p->window[i] = (float)(0.54 - 0.46 * cos(2 * pi * i / WINDOW));
    plan_triangles(p);
    return p;
}

/* out [80]: decibels of the frame centred on sample `centre`; outside the sound there are zeros. */
static void frame_decibels(float *out, const fbank_plan *p, const float *samples, size_t count, size_t centre) {
    float frame[WINDOW];
    kiss_fft_cpx spectrum[SPECTRUM];
    float power[SPECTRUM];
    for (size_t i = 0; i < WINDOW; i++) {
        size_t at = centre + i - WINDOW / 2; /* wraps to a huge number before the first sample */
        frame[i] = at < count ? samples[at] * p->window[i] : 0;
    }
    kiss_fftr(p->fft, frame, spectrum);
    for (int k = 0; k < SPECTRUM; k++) power[k] = spectrum[k].r * spectrum[k].r + spectrum[k].i * spectrum[k].i;
    for (int b = 0; b < BINS; b++) {
        float sum = 0;
        for (int k = p->first[b]; k < p->last[b]; k++) sum += power[k] * p->weights[b][k];
        out[b] = 10 * log10f(sum > POWER_LEAST ? sum : POWER_LEAST);
    }
}

/* Floor at 80 dB under the loudest bin of all, then each bin's mean over time to zero. */
static void normalise(float *out, size_t frames) {
    assert(frames > 0);
    float loudest = out[0];
    double mean[BINS] = {0};
    for (size_t i = 1; i < frames * BINS; i++)
        if (out[i] > loudest) loudest = out[i];
    for (size_t i = 0; i < frames * BINS; i++) {
        if (out[i] < loudest - RANGE_DB) out[i] = loudest - RANGE_DB;
        mean[i % BINS] += out[i];
    }
    for (int b = 0; b < BINS; b++) mean[b] /= (double)frames;
    for (size_t i = 0; i < frames * BINS; i++) out[i] -= (float)mean[i % BINS];
}

ev_status ev_fbank(const float *samples_16k, size_t count, float **out, size_t *frames, ev_error *err) {
    size_t n = count / HOP + 1;
    float *values = n <= SIZE_MAX / (BINS * sizeof(float)) ? malloc(n * BINS * sizeof(float)) : NULL;
    fbank_plan *p = values ? plan_create() : NULL;
    if (!p) {
        free(values);
        return ev_fail(err, EV_E_MEMORY, "out of memory: spectrum of %zu samples", count);
    }
    for (size_t t = 0; t < n; t++) frame_decibels(values + t * BINS, p, samples_16k, count, t * HOP);
    normalise(values, n);
    kiss_fftr_free(p->fft);
    free(p);
    *out = values;
    *frames = n;
    return EV_OK;
}
