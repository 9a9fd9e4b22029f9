/* metrics: what the service counts, as Prometheus reads it (text format 0.0.4) and as the page's live strip shows it.
 *
 *   metrics_table.h    every metric and label value, once
 *   metrics.c          the cells, and adding to them: one or two relaxed atomic additions, no lock, no allocation
 *   metrics_text.c     the cells as text
 *   metrics_process.c  process_* from /proc
 *   metrics_window.c   the last minute: snapshots of the cells once a second, so that adding pays nothing for it
 *   device.h           accelerators, where there are any
 *
 * Threads: every function but create and free may be called by any thread at any time.
 */
#ifndef SV_METRICS_H
#define SV_METRICS_H

#include "base/base.h"
#include "server/metrics/device.h"
#include "server/metrics/metrics_table.h"

#define SV_ENUM_ROUTE(id, text, speaks)                                    SV_ROUTE_##id,
#define SV_ENUM_STAGE(id, text)                                            SV_TIMED_##id,
#define SV_ENUM_LOOKUP(id, text)                                           SV_LOOKUP_##id,
#define SV_ENUM_OUTCOME(id, text)                                          SV_OUTCOME_##id,
#define SV_ENUM_OPERATION(id, text)                                        SV_STORE_##id,
#define SV_ENUM_METRIC(id, kind, name, labels, unit, buckets, zeros, help) SV_METRIC_##id,
typedef enum sv_route { SV_ROUTE_MAP(SV_ENUM_ROUTE) SV_ROUTE_COUNT } sv_route;
typedef enum sv_timed { SV_STAGE_MAP(SV_ENUM_STAGE) SV_TIMED_COUNT } sv_timed; /* stages as the metrics time them */
typedef enum sv_lookup { SV_LOOKUP_MAP(SV_ENUM_LOOKUP) SV_LOOKUP_COUNT } sv_lookup;
typedef enum sv_outcome { SV_OUTCOME_MAP(SV_ENUM_OUTCOME) SV_OUTCOME_COUNT } sv_outcome;
typedef enum sv_store_operation {
    SV_STORE_OPERATION_MAP(SV_ENUM_OPERATION) SV_STORE_OPERATION_COUNT
} sv_store_operation;
typedef enum sv_metric { SV_METRIC_MAP(SV_ENUM_METRIC) SV_METRIC_COUNT } sv_metric;

extern const char *const sv_route_names[SV_ROUTE_COUNT];

typedef struct sv_metrics sv_metrics;
ev_status sv_metrics_create(sv_metrics **out, ev_error *err);
void sv_metrics_free(sv_metrics **metrics);

/* label: an sv_timed, sv_lookup (hit or miss), sv_outcome or sv_store_operation as the table says; 0 where there is
 * none. What is not finite is not counted. A negative amount is for gauges alone. */
void sv_metric_add(sv_metrics *m, sv_metric metric, unsigned label, double amount); /* counters and gauges */
void sv_metric_set(sv_metrics *m, sv_metric gauge, double value);
void sv_metric_observe(sv_metrics *m, sv_metric histogram, unsigned label, double value);
/* One HTTP request is over: http_requests_total, request_duration_seconds and the last minute. */
void sv_metrics_request(sv_metrics *m, sv_route route, int code, double seconds);

/* Everything as text, process_*, build_info and devices (NULL: none) included. out->failed says out of memory. */
void sv_metrics_text(const sv_metrics *m, sv_device *device, ev_buf *out);
#define SV_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The server calls tick about once a second; now_s is ev_clock_s(). status_json writes the last minute (less, while
 * the service is younger) and the gauges as one JSON object; what has no value yet is null. */
void sv_metrics_tick(sv_metrics *m, double now_s);
void sv_metrics_status_json(sv_metrics *m, double now_s, ev_buf *out);

#endif
