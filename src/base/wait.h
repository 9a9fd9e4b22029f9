/* wait: moments to wait for. */
#ifndef EV_WAIT_H
#define EV_WAIT_H

#include <time.h>

/* Monotonic, so many seconds from now: for pthread_cond_timedwait on a condition that has this clock. */
struct timespec ev_clock_after(double seconds);

#endif
