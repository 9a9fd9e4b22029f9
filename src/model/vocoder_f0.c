/* vocoder_f0: what the families share: F0 between frames, and its phase. */
#include "model/vocoder.h"

#include <math.h>

void ev_vocoder_interval(const float *f0, size_t frames, size_t i, double *left, double *right) {
    *left = f0[i ? i - 1 : 0];
    *right = f0[i < frames ? i : frames - 1];
    const double l = *left, r = *right;
    if (!(l > 0)) *left = r;
    if (!(r > 0)) *right = l;
}

void ev_vocoder_phase(const ev_vocoder *v, const float *f0, size_t frames, double *phase) {
    double at = 0;
    for (size_t i = 0; i <= frames; i++) {
        double left, right;
        ev_vocoder_interval(f0, frames, i, &left, &right);
        phase[i] = at;
        at += v->config.hop * (left + right) / 2 / v->config.sample_rate;
        at -= floor(at);
    }
}
