/* metrics: the rows made from the table, and adding. Values are whole numbers (reals in millionths), so one relaxed
 * addition is exact whatever the threads do, and a sum of microseconds lasts 290,000 years. */
#include "server/metrics/metrics_state.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table's names as values ---- */

#define TEXT_OF_ROUTE(id, text, speaks) text,
#define TEXT_OF(id, text)               text,
#define TEXT_OF_CODE(code)              #code,
#define NUMBER_OF_CODE(code)            code,
#define SPEAKS(id, text, speaks)        speaks,
const char *const sv_route_names[SV_ROUTE_COUNT] = {SV_ROUTE_MAP(TEXT_OF_ROUTE)};
static const char *const stage_names[] = {SV_STAGE_MAP(TEXT_OF)};
static const char *const result_names[] = {SV_LOOKUP_MAP(TEXT_OF)};
static const char *const outcome_names[] = {SV_OUTCOME_MAP(TEXT_OF)};
static const char *const operation_names[] = {SV_STORE_OPERATION_MAP(TEXT_OF)};
static const char *const code_names[] = {SV_CODE_MAP(TEXT_OF_CODE) "other"};
static const int codes[] = {SV_CODE_MAP(NUMBER_OF_CODE)};
static const bool route_speaks[] = {SV_ROUTE_MAP(SPEAKS)};
_Static_assert(EV_ARRAY_COUNT(code_names) == SV_CODE_COUNT, "SV_CODE_COUNT counts the codes and other");
static_assert(EV_ARRAY_COUNT(stage_names) == SV_TIMED_COUNT, "a name for each stage");
static_assert(EV_ARRAY_COUNT(result_names) == SV_LOOKUP_COUNT, "a name for each result");
static_assert(EV_ARRAY_COUNT(outcome_names) == SV_OUTCOME_COUNT, "a name for each outcome");
static_assert(EV_ARRAY_COUNT(operation_names) == SV_STORE_OPERATION_COUNT, "a name for each operation");

static const sv_labels labels_NONE = {.count = {1, 1}};
static const sv_labels labels_ROUTE = {{"route"}, {sv_route_names}, {SV_ROUTE_COUNT, 1}};
static const sv_labels labels_ROUTE_CODE = {
    {"route", "code"}, {sv_route_names, code_names}, {SV_ROUTE_COUNT, SV_CODE_COUNT}};
static const sv_labels labels_STAGE = {{"stage"}, {stage_names}, {SV_TIMED_COUNT, 1}};
static const sv_labels labels_RESULT = {{"result"}, {result_names}, {SV_LOOKUP_COUNT, 1}};
static const sv_labels labels_OUTCOME = {{"outcome"}, {outcome_names}, {SV_OUTCOME_COUNT, 1}};
static const sv_labels labels_OPERATION = {{"operation"}, {operation_names}, {SV_STORE_OPERATION_COUNT, 1}};

static const double times[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60};
static const double sizes[] = {1, 2, 4, 8, 12, 16, 24, 32, 48, 64};
static const double frames[] = {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
static const double ratios[] = {0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2};
static const sv_buckets buckets_NONE = {NULL, 0};
static const sv_buckets buckets_TIME = {times, EV_ARRAY_COUNT(times)};
static const sv_buckets buckets_SIZE = {sizes, EV_ARRAY_COUNT(sizes)};
static const sv_buckets buckets_FRAMES = {frames, EV_ARRAY_COUNT(frames)};
static const sv_buckets buckets_RATIO = {ratios, EV_ARRAY_COUNT(ratios)};

enum { WHOLE = 1, MICRO = 1000000 };
enum { SHOWN = false, HIDDEN = true };
const sv_metric_row sv_metric_rows[SV_METRIC_COUNT] = {
#define METRIC_ROW(id, kind_, name_, label_set, unit_, bucket_set, zeros_, help_)                                    \
    {.name = name_,                                                                                                  \
     .help = help_,                                                                                                  \
     .kind = SV_##kind_,                                                                                             \
     .labels = &labels_##label_set,                                                                                  \
     .buckets = &buckets_##bucket_set,                                                                               \
     .scale = unit_,                                                                                                 \
     .hides_zeros = zeros_},
    SV_METRIC_MAP(METRIC_ROW)
#undef METRIC_ROW
};

bool sv_route_speaks(size_t route) {
    assert(route < SV_ROUTE_COUNT);
    return route_speaks[route];
}

bool sv_code_fails(size_t place) { return place < EV_ARRAY_COUNT(codes) && codes[place] >= 500; }

size_t sv_metric_code(int code) {
    size_t i = 0;
    while (i < EV_ARRAY_COUNT(codes) && codes[i] != code) i++;
    return i; /* behind the last: "other" */
}

/* ---- cells ---- */

size_t sv_metric_cells(const sv_metric_row *row) { return row->labels->count[0] * row->labels->count[1]; }

/* A histogram's cell is its buckets, the one above them, and the sum; any other's is one value. */
static size_t cell_size(const sv_metric_row *row) { return row->kind == SV_HISTOGRAM ? row->buckets->count + 2 : 1; }

static _Atomic int64_t *cell_at(const sv_metrics *m, sv_metric metric, size_t cell) {
    const sv_metric_row *row = &sv_metric_rows[metric];
    assert((unsigned)metric < SV_METRIC_COUNT && cell < sv_metric_cells(row));
    return m->values + m->offset[metric] + cell * cell_size(row);
}

int64_t sv_metric_read(const sv_metrics *m, sv_metric metric, size_t cell, size_t place) {
    assert(place < cell_size(&sv_metric_rows[metric]));
    return atomic_load_explicit(cell_at(m, metric, cell) + place, memory_order_relaxed);
}

static void add(_Atomic int64_t *value, int64_t amount) {
    atomic_fetch_add_explicit(value, amount, memory_order_relaxed);
}

/* What no clock and no count gives is cut, so that a wild value cannot wrap a sum. */
static int64_t stored(const sv_metric_row *row, double real) {
    const double limit = 1e15;
    return (int64_t)llround(fmin(fmax(real * row->scale, -limit), limit));
}

ev_status sv_metrics_create(sv_metrics **out, ev_error *err) {
    sv_metrics *m = calloc(1, sizeof *m);
    size_t count = 0;
    if (!m) return ev_fail(err, EV_E_MEMORY, "metrics: out of memory");
    for (size_t i = 0; i < SV_METRIC_COUNT; i++) {
        m->offset[i] = count;
        count += sv_metric_cells(&sv_metric_rows[i]) * cell_size(&sv_metric_rows[i]);
    }
    m->values = calloc(count, sizeof *m->values);
    if (!m->values) {
        free(m);
        return ev_fail(err, EV_E_MEMORY, "metrics: out of memory");
    }
    ev_mutex_init(&m->window_lock);
    *out = m;
    return EV_OK;
}

void sv_metrics_free(sv_metrics **metrics) {
    sv_metrics *m = *metrics;
    if (!m) return;
    ev_mutex_destroy(&m->window_lock);
    free(m->values);
    free(m);
    *metrics = NULL;
}

/* ---- adding ---- */

void sv_metric_add(sv_metrics *m, sv_metric metric, unsigned label, double amount) {
    const sv_metric_row *row = &sv_metric_rows[metric];
    assert(row->kind != SV_HISTOGRAM);
    if (!isfinite(amount)) return;
    assert(amount >= 0 || row->kind == SV_GAUGE);
    add(cell_at(m, metric, label), stored(row, amount));
}

void sv_metric_set(sv_metrics *m, sv_metric gauge, double value) {
    const sv_metric_row *row = &sv_metric_rows[gauge];
    assert(row->kind == SV_GAUGE);
    if (isfinite(value)) atomic_store_explicit(cell_at(m, gauge, 0), stored(row, value), memory_order_relaxed);
}

void sv_metric_observe(sv_metrics *m, sv_metric histogram, unsigned label, double value) {
    const sv_metric_row *row = &sv_metric_rows[histogram];
    assert(row->kind == SV_HISTOGRAM);
    if (!isfinite(value) || value < 0) return;
    _Atomic int64_t *cell = cell_at(m, histogram, label);
    size_t i = 0;
    while (i < row->buckets->count && value > row->buckets->bounds[i]) i++;
    add(cell + i, 1);
    add(cell + row->buckets->count + 1, stored(row, value));
}

void sv_metrics_request(sv_metrics *m, sv_route route, int code, double seconds) {
    assert(route < SV_ROUTE_COUNT);
    add(cell_at(m, SV_METRIC_HTTP_REQUESTS, (size_t)route * SV_CODE_COUNT + sv_metric_code(code)), 1);
    sv_metric_observe(m, SV_METRIC_REQUEST_DURATION, route, seconds);
    /* Refusals are quick: among the latencies they would make an overloaded service look fast. */
    if (route_speaks[route] && code < 400 && isfinite(seconds)) sv_window_latency(m, seconds);
}
