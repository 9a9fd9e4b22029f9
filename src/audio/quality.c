/* quality: whether a recording is good to take a voice from. Each measure is one that recordings of people and of
 * synthetic voices kept well away from the line it is held against, in clean ones, and crossed when they were spoilt:
 *
 *   clipped   samples near the peak, of those of speech: 0.006 % at most; 0.9 % with 6 dB too much
 *   noisy     loud frames over quiet ones: 28 dB at least; 18 dB where noise lies 10 dB under the speech
 *   tones     frames whose pitch stands still: 14 % at most; 95 % and more in a melody of notes */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "audio/audio.h"

enum { FRAME = 160 }; /* 10 ms at 16 kHz */
static const float NEAR_PEAK = 0.98F, CLIPPED_PART = 0.001F;
static const float NOISY_DB = 22;
static const float STILL_SEMITONES = 0.03F, TONES_PART = 0.8F, MUSIC_PART = 0.3F;

static float clipped_part(const float *samples, size_t count) {
    float peak = 0;
    size_t near = 0, loud = 0;
    for (size_t i = 0; i < count; i++) peak = fmaxf(peak, fabsf(samples[i]));
    for (size_t i = 0; i < count; i++) {
        near += fabsf(samples[i]) > NEAR_PEAK * peak;
        loud += fabsf(samples[i]) > 0.001F * peak; /* silence around the speech does not count */
    }
    return loud ? (float)near / (float)loud : 0;
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* dB of a frame about its mean; what a file has of digital silence is under any recording's noise. */
static float level_db(const float *frame) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < FRAME; i++) sum += (double)frame[i];
    for (size_t i = 0; i < FRAME; i++) squares += pow((double)frame[i] - sum / FRAME, 2);
    return (float)(10 * log10(squares / FRAME + 1e-12));
}

static float level_range_db(const float *samples_16k, size_t count) {
    const size_t frames = count / FRAME;
    float *db = malloc((frames + 1) * sizeof *db);
    size_t n = 0;
    if (!db) return -1;
    for (size_t t = 0; t < frames; t++) {
        db[n] = level_db(samples_16k + t * FRAME);
        n += db[n] > -100;
    }
    assert(n <= frames);
    qsort(db, n, sizeof *db, by_value);
    const float range = n ? db[n * 9 / 10] - db[n / 20] : 0;
    free(db);
    return range;
}

static float steady_part(const float *f0, size_t frames) {
    size_t pairs = 0, still = 0;
    for (size_t t = 1; t < frames; t++) {
        if (f0[t] <= 0 || f0[t - 1] <= 0) continue;
        pairs++;
        still += fabsf(12 * log2f(f0[t] / f0[t - 1])) < STILL_SEMITONES;
    }
    return pairs ? (float)still / (float)pairs : 0;
}

ev_status ev_quality_measure(ev_quality *out, const float *samples, size_t count, const float *samples_16k,
                             size_t count_16k, ev_error *err) {
    const float range_db = level_range_db(samples_16k, count_16k);
    if (range_db < 0) return ev_fail(err, EV_E_MEMORY, "out of memory for the reference");
    *out = (ev_quality){.clipped = clipped_part(samples, count) > CLIPPED_PART, .noisy = range_db < NOISY_DB};
    return EV_OK;
}

void ev_quality_pitch(ev_quality *quality, const float *f0, size_t frames) {
    const float steady = steady_part(f0, frames);
    quality->tones = steady > TONES_PART;
    quality->music = steady > MUSIC_PART;
}
