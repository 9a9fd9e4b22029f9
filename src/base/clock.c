/* clock: seconds that never run backwards, for measuring and for deadlines, their zero arbitrary; and the wall's. */
#include <math.h>
#include <time.h>

#include "base/base.h"
#include "base/lock.h"

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ev_clock_s(void) { return read_clock(CLOCK_MONOTONIC); }
double ev_clock_thread_s(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int64_t ev_clock_wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec ev_clock_after(double seconds) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const double whole = floor(seconds);
    at.tv_sec += (time_t)whole;
    at.tv_nsec += (long)((seconds - whole) * 1e9);
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}
