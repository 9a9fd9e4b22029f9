/* metrics_state: what the files of metrics share: the rows of the table and the memory behind them. */
#ifndef SV_METRICS_STATE_H
#define SV_METRICS_STATE_H

#include <stdatomic.h>

#include "base/lock.h"
#include "server/metrics/metrics.h"

typedef enum sv_metric_kind { SV_COUNTER, SV_GAUGE, SV_HISTOGRAM } sv_metric_kind;

typedef struct sv_labels { /* at most two dimensions; the cell of values a, b is a * count[1] + b */
    const char *names[2];
    const char *const *values[2];
    size_t count[2];
} sv_labels;

typedef struct sv_buckets {
    const double *bounds; /* rising; above the last is +Inf */
    size_t count;
} sv_buckets;

typedef struct sv_metric_row {
    const char *name, *help; /* name without its prefix */
    sv_metric_kind kind;
    const sv_labels *labels;
    const sv_buckets *buckets;
    double scale;     /* stored = real * scale */
    bool hides_zeros; /* series that were never used are not exposed */
} sv_metric_row;
extern const sv_metric_row sv_metric_rows[SV_METRIC_COUNT];

enum { SV_CODE_COUNT = 34 };       /* of the table, and "other" */
enum { SV_LATENCY_BUCKETS = 138 }; /* 8 to each doubling from 2^-10 s to 2^7 s, and one at either end */
enum { SV_WINDOW_S = 60 };

typedef struct sv_snapshot {
    double time_s;
    int64_t requests, errors, audio, batches, batched, frames_useful, frames_processed;
    int64_t voice[SV_LOOKUP_COUNT], result[SV_LOOKUP_COUNT];
    int64_t latency[SV_LATENCY_BUCKETS];
} sv_snapshot;

struct sv_metrics {
    size_t offset[SV_METRIC_COUNT]; /* first cell of a metric in values */
    _Atomic int64_t *values;
    _Atomic int64_t latency[SV_LATENCY_BUCKETS]; /* of answers that are speech */
    ev_mutex window_lock;
    sv_snapshot window[SV_WINDOW_S + 1] EV_GUARDED_BY(window_lock); /* a ring */
    size_t window_count EV_GUARDED_BY(window_lock), window_next EV_GUARDED_BY(window_lock);
};

size_t sv_metric_cells(const sv_metric_row *row);
/* A metric's value at `place` of its cell. */
int64_t sv_metric_read(const sv_metrics *m, sv_metric metric, size_t cell, size_t place);
size_t sv_metric_code(int code);  /* its place among the label's values */
bool sv_code_fails(size_t place); /* 5xx */
bool sv_route_speaks(size_t route);
/* metrics_latency.c */
void sv_window_latency(sv_metrics *m, double seconds);
double sv_latency_bound(size_t bucket); /* where it begins, which is where the one below it ends */

/* ---- metrics_process.c ---- */
void sv_process_text(ev_buf *out);

/* The two lines that stand before a metric's series. */
void sv_metric_head(ev_buf *out, const char *name, const char *type, const char *help);

#endif
