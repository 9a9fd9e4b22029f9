/* ltas: the long-term average spectrum of speech in bands. */
#include <assert.h>
#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>

#include "audio/audio.h"

enum { RATE = 16000, WINDOW = 1024, SPECTRUM = WINDOW / 2 + 1, HOP = 256 };
static const float LOUD = 0.3F;          /* of the mean power: frames that count */
static const double POWER_LEAST = 1e-12; /* of a band: what is digitally silent is -120 dB */
static const double PI = 3.14159265358979323846;

typedef struct ltas_work {
    kiss_fftr_cfg fft; /* owned */
    float window[WINDOW];
    int edges[EV_LTAS_BANDS_MAX + 1]; /* the first spectrum line of each band, and of none behind the last */
    size_t bands;
} ltas_work;

/* Bands meet half way between their centres, on a scale of octaves; each has a line at least. */
static void plan_bands(ltas_work *w, const int *hz, size_t bands) {
    assert(bands >= 3 && bands <= EV_LTAS_BANDS_MAX);
    w->bands = bands;
    for (size_t b = 0; b <= bands; b++) {
        const double below = b ? hz[b - 1] : (double)hz[0] * hz[0] / hz[1];
        const double above = b < bands ? hz[b] : (double)hz[b - 1] * hz[b - 1] / hz[b - 2];
        int line = (int)ceil(sqrt(below * above) * WINDOW / RATE);
        if (b && line <= w->edges[b - 1]) line = w->edges[b - 1] + 1;
        w->edges[b] = line < SPECTRUM ? line : SPECTRUM;
    }
}

/* out [bands]: mean power of the lines of each; returns the frame's power. */
static float frame_powers(const ltas_work *w, const float *samples, float *out) {
    float frame[WINDOW], sum = 0;
    kiss_fft_cpx spectrum[SPECTRUM];
    for (size_t i = 0; i < WINDOW; i++) frame[i] = samples[i] * w->window[i];
    kiss_fftr(w->fft, frame, spectrum);
    for (int k = 0; k < SPECTRUM; k++) sum += spectrum[k].r * spectrum[k].r + spectrum[k].i * spectrum[k].i;
    for (size_t b = 0; b < w->bands; b++) {
        float power = 0;
        for (int k = w->edges[b]; k < w->edges[b + 1]; k++)
            power += spectrum[k].r * spectrum[k].r + spectrum[k].i * spectrum[k].i;
        const int lines = w->edges[b + 1] - w->edges[b];
        out[b] = lines > 0 ? power / (float)lines : 0;
    }
    return sum;
}

/* powers [frames][bands + 1]: of each band, then of the frame. */
static void average(const float *powers, size_t frames, size_t bands, float *out_db) {
    assert(frames > 0 && bands <= EV_LTAS_BANDS_MAX);
    const size_t ld = bands + 1;
    double mean = 0, sums[EV_LTAS_BANDS_MAX] = {0};
    size_t loud = 0;
    for (size_t t = 0; t < frames; t++) mean += (double)powers[t * ld + bands] / (double)frames;
    for (size_t t = 0; t < frames; t++) {
        if ((double)powers[t * ld + bands] < (double)LOUD * mean) continue;
        for (size_t b = 0; b < bands; b++) sums[b] += (double)powers[t * ld + b];
        loud++;
    }
    for (size_t b = 0; b < bands; b++)
        out_db[b] = (float)(10 * log10(fmax(sums[b] / (double)(loud ? loud : 1), POWER_LEAST)));
}

ev_status ev_ltas(const float *samples_16k, size_t count, const int *hz, size_t bands, float *out_db, ev_error *err) {
    assert(bands >= 3 && bands <= EV_LTAS_BANDS_MAX);
    if (count < WINDOW) return ev_fail(err, EV_E_AUDIO, "a spectrum needs %d samples, there are %zu", WINDOW, count);
    const size_t frames = (count - WINDOW) / HOP + 1;
    ltas_work w;
    float *powers = malloc(frames * (bands + 1) * sizeof *powers);
    w.fft = powers ? kiss_fftr_alloc(WINDOW, 0, NULL, NULL) : NULL;
    if (!w.fft) {
        free(powers);
        return ev_fail(err, EV_E_MEMORY, "out of memory: spectrum of %zu samples", count);
    }
    for (int i = 0; i < WINDOW; i++) w.window[i] = (float)(0.5 - 0.5 * cos(2 * PI * i / WINDOW));
    plan_bands(&w, hz, bands);
    for (size_t t = 0; t < frames; t++) {
        float *frame = powers + t * (bands + 1);
        frame[bands] = frame_powers(&w, samples_16k + t * HOP, frame);
    }
    average(powers, frames, bands, out_db);
    kiss_fftr_free(w.fft);
    free(powers);
    return EV_OK;
}
