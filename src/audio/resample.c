/* resample: any rate to any rate, by soxr at its "high quality" setting (20 bits, linear phase, pass band to 0.91 of
 * the lower rate's half): better than anything that is measured on the result. */
#include <assert.h>
#include <math.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

enum { RATE_LEAST = 1000, RATE_MOST = 768000 };

ev_status ev_resample(const float *in, size_t count, int rate_in, int rate_out, float **out, size_t *out_count,
                      ev_error *err) {
    if (rate_in < RATE_LEAST || rate_in > RATE_MOST || rate_out < RATE_LEAST || rate_out > RATE_MOST)
        return ev_fail(err, EV_E_ARGUMENT, "cannot convert %d Hz to %d Hz", rate_in, rate_out);
    double wanted = ceil((double)count * rate_out / rate_in);
    size_t capacity = wanted < (double)(SIZE_MAX / sizeof(float) / 2) ? (size_t)wanted : SIZE_MAX / sizeof(float);
    float *samples = malloc(capacity ? capacity * sizeof(float) : 1);
    if (!samples) return ev_fail(err, EV_E_MEMORY, "out of memory: %zu samples to convert to %d Hz", count, rate_out);
    size_t made = count;
    if (rate_in == rate_out) {
        if (count) memcpy(samples, in, count * sizeof(float));
    } else if (count == 0) {
        made = 0;
    } else {
        soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
        soxr_error_t fault =
            soxr_oneshot(rate_in, rate_out, 1, in, count, NULL, samples, capacity, &made, &io, &quality, &one_thread);
        if (fault) {
            free(samples);
            return ev_fail(err, EV_E_MEMORY, "cannot convert %d Hz to %d Hz: %s", rate_in, rate_out, fault);
        }
    }
    assert(made <= capacity);
    *out = samples;
    *out_count = made;
    return EV_OK;
}
