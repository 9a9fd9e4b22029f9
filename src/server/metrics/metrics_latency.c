/* metrics_latency: a finer histogram of latencies than Prometheus is given: eight buckets to each doubling. */
#include "server/metrics/metrics_state.h"

#include <assert.h>
#include <math.h>

enum { PER_DOUBLING = 8, EXPONENT_LOW = -10 }; /* the lowest bound is 2^-10 s, about a millisecond */

static size_t latency_bucket(double seconds) {
    int exponent = 0;
    double fraction = frexp(seconds, &exponent); /* 0.5..1; seconds = fraction * 2^exponent */
    if (!(seconds >= ldexp(1, EXPONENT_LOW))) return 0;
    size_t within = (size_t)((fraction - 0.5) * 2 * PER_DOUBLING);
    assert(exponent > EXPONENT_LOW && within < PER_DOUBLING);
    size_t bucket = 1 + (size_t)(exponent - 1 - EXPONENT_LOW) * PER_DOUBLING + within;
    return bucket < SV_LATENCY_BUCKETS ? bucket : SV_LATENCY_BUCKETS - 1;
}

double sv_latency_bound(size_t bucket) {
    assert(bucket < SV_LATENCY_BUCKETS);
    if (bucket == 0) return 0;
    size_t doubling = (bucket - 1) / PER_DOUBLING, within = (bucket - 1) % PER_DOUBLING;
    return ldexp(1 + (double)within / PER_DOUBLING, EXPONENT_LOW + (int)doubling);
}

void sv_window_latency(sv_metrics *m, double seconds) {
    atomic_fetch_add_explicit(&m->latency[latency_bucket(seconds)], 1, memory_order_relaxed);
}
