/* metrics_text: the cells in Prometheus' text format 0.0.4. A histogram's count is the sum of the buckets that were
 * read, so that +Inf and _count agree while other threads add. */
#include "server/metrics/metrics_state.h"

#include <stdio.h>

#define PREFIX "emotivoice_"

/* {route="/tts",code="200",le="0.5"}; nothing where there is nothing to say. The values are the table's: no escapes.
 */
static void put_labels(ev_buf *out, const sv_labels *labels, size_t cell, const char *bound) {
    const size_t at[2] = {cell / labels->count[1], cell % labels->count[1]};
    const char *between = "{";
    for (size_t i = 0; i < 2; i++) {
        if (!labels->names[i]) continue;
        ev_buf_printf(out, "%s%s=\"%s\"", between, labels->names[i], labels->values[i][at[i]]);
        between = ",";
    }
    if (bound) ev_buf_printf(out, "%sle=\"%s\"", between, bound);
    if (bound || labels->names[0]) ev_buf_printf(out, "}");
}

static void put_value(ev_buf *out, const sv_metric_row *row, size_t cell, int64_t stored) {
    ev_buf_printf(out, PREFIX "%s", row->name);
    put_labels(out, row->labels, cell, NULL);
    ev_buf_printf(out, " %.15g\n", (double)stored / row->scale);
}

static void put_histogram(ev_buf *out, const sv_metrics *m, sv_metric metric, size_t cell) {
    const sv_metric_row *row = &sv_metric_rows[metric];
    const size_t n = row->buckets->count;
    int64_t counts[32], below = 0, all = 0;
    for (size_t i = 0; i <= n; i++) all += counts[i] = sv_metric_read(m, metric, cell, i);
    if (all == 0 && row->hides_zeros) return;
    for (size_t i = 0; i <= n; i++) {
        char bound[32] = "+Inf";
        below += counts[i];
        if (i < n) snprintf(bound, sizeof bound, "%g", row->buckets->bounds[i]);
        ev_buf_printf(out, PREFIX "%s_bucket", row->name);
        put_labels(out, row->labels, cell, bound);
        ev_buf_printf(out, " %lld\n", (long long)below);
    }
    ev_buf_printf(out, PREFIX "%s_sum", row->name);
    put_labels(out, row->labels, cell, NULL);
    ev_buf_printf(out, " %.15g\n", (double)sv_metric_read(m, metric, cell, n + 1) / row->scale);
    ev_buf_printf(out, PREFIX "%s_count", row->name);
    put_labels(out, row->labels, cell, NULL);
    ev_buf_printf(out, " %lld\n", (long long)all);
}

static void put_metric(ev_buf *out, const sv_metrics *m, sv_metric metric) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const sv_metric_row *row = &sv_metric_rows[metric];
    char name[96];
    snprintf(name, sizeof name, PREFIX "%s", row->name);
    sv_metric_head(out, name, types[row->kind], row->help);
    for (size_t cell = 0; cell < sv_metric_cells(row); cell++) {
        if (row->kind == SV_HISTOGRAM) {
            put_histogram(out, m, metric, cell);
            continue;
        }
        int64_t stored = sv_metric_read(m, metric, cell, 0);
        if (stored != 0 || !row->hides_zeros) put_value(out, row, cell, stored);
    }
}

void sv_metrics_text(const sv_metrics *m, sv_device *device, ev_buf *out) {
    for (size_t i = 0; i < SV_METRIC_COUNT; i++) put_metric(out, m, (sv_metric)i);
    sv_metric_head(out, PREFIX "build_info", "gauge", "What runs; the value is always 1.");
    ev_buf_printf(out, PREFIX "build_info{version=\"%s\",isa=\"%s\"} 1\n", EV_VERSION_STRING,
                  ev_cpu_name(ev_cpu_flags()));
    sv_process_text(out);
    if (device) sv_device_text(device, out);
}
