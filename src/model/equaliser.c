/* equaliser: see equaliser.h. */
#include "model/equaliser.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PITCH_TERMS = 3, BANDS = EV_EQUALISER_BANDS_MAX };
static const float WEIGHT_MAX = 400; /* dB; no band is so far off */
static const double BAND_MAX_DB = 400;
static const double PITCH_HZ = 200, CUT_DB = 12, PERSON_DB = 14, DEVICE_DB = 24, BELOW_PITCH = 0.9;
/* The shelf of ITU-R BS.1770-4's K-weighting: 4 dB more above 1682 Hz. */
static const double SHELF_HZ = 1682, SHELF_DB = 4;

ev_status ev_equaliser_load(ev_equaliser *out, const ev_container *c, const ev_config *config, ev_error *err) {
    *out = (ev_equaliser){.config = config->equaliser, .speaker = config->speaker.embedding};
    int64_t shape[2] = {config->equaliser.bands, PITCH_TERMS + out->speaker};
    if (!config->equaliser.bands) return EV_OK;
    const ev_status s = ev_container_floats(c, "equaliser.weight", 2, shape, &out->weight, err);
    if (s != EV_OK) return s;
    const size_t count = (size_t)shape[0] * (size_t)shape[1];
    for (size_t i = 0; i < count; i++) {
        if (fabsf(out->weight[i]) <= WEIGHT_MAX) continue;
        ev_equaliser_free(out);
        return ev_fail(err, EV_E_FORMAT, "\"equaliser.weight\" has numbers beyond +-%g dB", (double)WEIGHT_MAX);
    }
    out->id = ev_hash(ev_hash(EV_HASH_START, out->config.hz, (size_t)shape[0] * sizeof out->config.hz[0]),
                      out->weight, count * sizeof *out->weight);
    out->id += !out->id;
    return EV_OK;
}

void ev_equaliser_free(ev_equaliser *e) {
    free(e->weight);
    *e = (ev_equaliser){0};
}

static double own_db(const ev_equaliser *e, int band, const float *vector, double log_pitch) {
    assert(band >= 0 && band < e->config.bands);
    const float *w = e->weight + (size_t)band * (size_t)(PITCH_TERMS + e->speaker);
    double sum = (double)w[0] + (double)w[1] * log_pitch + (double)w[2] * log_pitch * log_pitch;
    for (int i = 0; i < e->speaker; i++) sum += (double)w[PITCH_TERMS + i] * (double)vector[i];
    return fmin(BAND_MAX_DB, fmax(-BAND_MAX_DB, sum)); /* so that no power overflows */
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n) {
    double sorted[BANDS];
    assert(n > 0 && n <= BANDS);
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void subtract(double *values, int n, double level) {
    for (int b = 0; b < n; b++) values[b] -= level;
}

/* The bands [*begin, *end) that a device let through whole. */
static void passband(const double *lacks, int n, int *begin, int *end) {
    *begin = 0;
    *end = n;
    while (*begin < n && lacks[*begin] < -CUT_DB) ++*begin;
    while (*end > *begin && lacks[*end - 1] < -CUT_DB) --*end;
    if (*begin > 0) ++*begin;
    if (*end < n) --*end;
}

/* dB by which the gains make speech of that spectrum louder, as it is heard. */
static double louder(const ev_equaliser_config *k, const double *own, const double *gains) {
    double before = 0, after = 0;
    for (int b = 0; b < k->bands; b++) {
        const double r = k->hz[b] / SHELF_HZ, shelf = 1 + (pow(10, SHELF_DB / 10) - 1) * r * r / (1 + r * r);
        const double power = shelf * k->hz[b] * pow(10, own[b] / 10); /* bands are as wide as they are high */
        before += power;
        after += power * pow(10, gains[b] / 10);
    }
    return 10 * log10(after / before);
}

static bool is_below(const ev_equaliser_config *k, int band, float pitch) {
    return k->hz[band] < BELOW_PITCH * (double)pitch;
}

void ev_equaliser_fit(const ev_equaliser *e, const float *vector, float pitch, const float *reference_db,
                      float *gains_db) {
    assert(e->weight && pitch > 0 && e->config.bands > 0 && e->config.bands <= BANDS);
    const ev_equaliser_config *k = &e->config;
    double own[BANDS], lacks[BANDS], gains[BANDS];
    for (int b = 0; b < k->bands; b++) {
        own[b] = own_db(e, b, vector, log((double)pitch / PITCH_HZ));
        lacks[b] = (double)reference_db[b] - own[b];
    }
    int begin = k->bands / 4, end = k->bands - begin; /* which any telephone has */
    subtract(lacks, k->bands, median(lacks + begin, end - begin));
    passband(lacks, k->bands, &begin, &end);
    assert(begin >= 0 && end <= k->bands);
    if (begin < end) subtract(lacks, k->bands, median(lacks + begin, end - begin));
    for (int b = 0; b < k->bands; b++) {
        const double share = fmin(1, fmax(0, (DEVICE_DB - fabs(lacks[b])) / (DEVICE_DB - PERSON_DB)));
        gains[b] = share * fmin(k->limit_db, fmax(-k->limit_db, k->strength * lacks[b]));
        if (b < begin || b >= end) gains[b] = 0;
        if (is_below(k, b, pitch)) gains[b] = fmin(gains[b], 0);
    }
    const double more = louder(k, own, gains);
    for (int b = 0; b < k->bands; b++) {
        const double gain = gains[b] - more;
        gains_db[b] = (float)(is_below(k, b, pitch) ? fmin(gain, 0) : gain);
    }
}

void ev_equaliser_bins(const ev_equaliser *e, const float *gains_db, double bin_hz, size_t bins, float *log_gains) {
    assert(e->config.bands > 0 && bin_hz > 0);
    const ev_equaliser_config *k = &e->config;
    int above = 0;
    for (size_t i = 0; i < bins; i++) {
        const double hz = (double)i * bin_hz;
        while (above < k->bands && k->hz[above] <= hz) above++;
        const int low = above ? above - 1 : 0, high = above < k->bands ? above : k->bands - 1;
        const double way = low < high ? log(hz / k->hz[low]) / log((double)k->hz[high] / k->hz[low]) : 0;
        const double db = (double)gains_db[low] + way * ((double)gains_db[high] - (double)gains_db[low]);
        log_gains[i] = (float)(db * log(10) / 20);
    }
}
