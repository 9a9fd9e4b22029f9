/* melody: what is asked of a sentence's F0 as a whole, once it is made. */
#include <assert.h>
#include <math.h>

#include "synth/synth.h"

enum { VOICED_MIN = 4, ENDING_FRAMES_MAX = 256 };
static const double lift_max = 14; /* semitones: more is no speech */

static void insert(double *sorted, size_t n, double value) {
    for (; n > 0 && sorted[n - 1] > value; n--) sorted[n] = sorted[n - 1];
    sorted[n] = value;
}

/* Median of the voiced frames in semitones; false: too few are voiced. */
static bool median_of(const float *f0, size_t n, double *semitones) {
    double sorted[ENDING_FRAMES_MAX];
    size_t voiced = 0;
    for (size_t i = 0; i < n && voiced < ENDING_FRAMES_MAX; i++) {
        if (f0[i] > 0) insert(sorted, voiced++, 12 * log2((double)f0[i]));
    }
    if (voiced < VOICED_MIN) return false;
    *semitones = sorted[voiced / 2];
    return true;
}

void ev_melody_raise(float *f0, size_t frames, size_t ending, double semitones) {
    size_t end = frames;
    while (end > 0 && !(f0[end - 1] > 0)) end--;
    if (ending > ENDING_FRAMES_MAX) ending = ENDING_FRAMES_MAX;
    const size_t begin = end > ending ? end - ending : 0, n = end - begin, half = n / 2;
    assert(n <= ENDING_FRAMES_MAX && begin + n <= frames);
    double first, second;
    if (!median_of(f0 + begin, half, &first) || !median_of(f0 + begin + half, n - half, &second)) return;
    const double lift = fmin(2 * (semitones + first - second), lift_max); /* half of it lies between the medians */
    if (!(lift > 0)) return;
    for (size_t i = 0; i < n; i++) {
        f0[begin + i] = (float)((double)f0[begin + i] * exp2(lift / 12 * (double)(i + 1) / (double)n));
    }
}
