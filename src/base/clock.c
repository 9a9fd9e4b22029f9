/* clock: seconds that never run backwards, for measuring and for deadlines. The zero is arbitrary. */
#include <time.h>

#include "base/base.h"

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ev_clock_s(void) { return read_clock(CLOCK_MONOTONIC); }
double ev_clock_thread_s(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
