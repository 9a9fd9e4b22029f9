/* clock: seconds that never run backwards, for measuring and for deadlines. The zero is arbitrary. */
#include <time.h>

#include "base/base.h"

double ev_clock_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
