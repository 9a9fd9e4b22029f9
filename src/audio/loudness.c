/* loudness: how loud a sound is heard, by EBU R128 (libebur128). Of any length in constant memory: blocks are counted
 * in a histogram of 0.1 LU. */
#include <ebur128.h>
#include <math.h>
#include <stdlib.h>

#include "base/base.h"

struct ev_loudness {
    ebur128_state *state;
};

ev_status ev_loudness_create(ev_loudness **out, int32_t sample_rate, ev_error *err) {
    if (sample_rate < 8000 || sample_rate > 192000)
        return ev_fail(err, EV_E_ARGUMENT, "loudness is measured at 8000 to 192000 Hz, not at %d", (int)sample_rate);
    ev_loudness *l = calloc(1, sizeof(*l));
    if (l)
        l->state = ebur128_init(1, (unsigned long)sample_rate,
                                EBUR128_MODE_I | EBUR128_MODE_HISTOGRAM | EBUR128_MODE_SAMPLE_PEAK);
    if (!l || !l->state) {
        ev_loudness_free(&l);
        return ev_fail(err, EV_E_MEMORY, "out of memory: loudness");
    }
    *out = l;
    return EV_OK;
}

ev_status ev_loudness_add(ev_loudness *l, const float *samples, size_t count, ev_error *err) {
    if (ebur128_add_frames_float(l->state, samples, count) == EBUR128_SUCCESS) return EV_OK;
    return ev_fail(err, EV_E_MEMORY, "out of memory: loudness");
}

double ev_loudness_lufs(const ev_loudness *l) {
    double lufs = -INFINITY;
    return ebur128_loudness_global(l->state, &lufs) == EBUR128_SUCCESS ? lufs : -INFINITY;
}

double ev_loudness_gain_db(const ev_loudness *l) {
    const double gain = -20 - ev_loudness_lufs(l);
    return isfinite(gain) ? fmin(fmax(gain, -20), 20) : 0;
}

double ev_loudness_peak_db(const ev_loudness *l) {
    double peak = 0;
    return ebur128_sample_peak(l->state, 0, &peak) == EBUR128_SUCCESS && peak > 0 ? 20 * log10(peak) : -INFINITY;
}

void ev_loudness_free(ev_loudness **loudness) {
    if (!*loudness) return;
    if ((*loudness)->state) ebur128_destroy(&(*loudness)->state);
    free(*loudness);
    *loudness = NULL;
}
