/* window: which tokens a frame of an upsampling hears. Compiled once, so that all instruction sets cut alike. */
#include <assert.h>
#include <math.h>

#include "compute/kernels.h"

ev_window ev_upsample_window(const float *centre, size_t tokens, float t, float delta) {
    assert(tokens > 0);
    size_t nearest = 0;
    while (nearest + 1 < tokens && fabsf(t - centre[nearest + 1]) <= fabsf(t - centre[nearest])) nearest++;
    float d = t - centre[nearest];
    ev_window w = {.begin = nearest, .end = nearest + 1, .nearest = d * d};
    for (; w.begin > 0; w.begin--) {
        d = t - centre[w.begin - 1];
        if (!((w.nearest - d * d) * delta >= EV_UPSAMPLE_REACH)) break;
    }
    for (; w.end < tokens; w.end++) {
        d = t - centre[w.end];
        if (!((w.nearest - d * d) * delta >= EV_UPSAMPLE_REACH)) break;
    }
    return w;
}
