/* metrics_window: the last minute for people who watch. Once a second the running totals are copied into a ring; the
 * last minute is the difference of now and the copy that is a minute old. Latencies have a histogram of their own
 * (metrics_latency.c), read with interpolation inside a bucket. */
#include "server/metrics/metrics_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- snapshots ---- */

static int64_t batch_count(const sv_metrics *m) {
    int64_t count = 0;
    size_t buckets = sv_metric_rows[SV_METRIC_BATCH_SIZE].buckets->count;
    for (size_t i = 0; i <= buckets; i++) count += sv_metric_read(m, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, i);
    return count;
}

static void read_requests(const sv_metrics *m, sv_snapshot *s) {
    for (size_t route = 0; route < SV_ROUTE_COUNT; route++) {
        if (!sv_route_speaks(route)) continue;
        for (size_t code = 0; code < SV_CODE_COUNT; code++) {
            int64_t n = sv_metric_read(m, SV_METRIC_HTTP_REQUESTS, route * SV_CODE_COUNT + code, 0);
            s->requests += n;
            if (sv_code_fails(code)) s->errors += n;
        }
    }
}

static void take(const sv_metrics *m, double now_s, sv_snapshot *s) {
    size_t batch_sum = sv_metric_rows[SV_METRIC_BATCH_SIZE].buckets->count + 1;
    memset(s, 0, sizeof *s);
    s->time_s = now_s;
    read_requests(m, s);
    s->audio = sv_metric_read(m, SV_METRIC_AUDIO_SECONDS, 0, 0);
    s->frames_useful = sv_metric_read(m, SV_METRIC_FRAMES_USEFUL, 0, 0);
    s->frames_processed = sv_metric_read(m, SV_METRIC_FRAMES_PROCESSED, 0, 0);
    s->batches = batch_count(m);
    s->batched = sv_metric_read(m, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, batch_sum);
    for (size_t i = 0; i < SV_LOOKUP_COUNT; i++) {
        s->voice[i] = sv_metric_read(m, SV_METRIC_VOICE_CACHE, i, 0);
        s->result[i] = sv_metric_read(m, SV_METRIC_RESULT_CACHE, i, 0);
    }
    for (size_t i = 0; i < SV_LATENCY_BUCKETS; i++)
        s->latency[i] = atomic_load_explicit(&m->latency[i], memory_order_relaxed);
}

void sv_metrics_tick(sv_metrics *m, double now_s) {
    ev_mutex_lock(&m->window_lock);
    const size_t places = EV_ARRAY_COUNT(m->window);
    const sv_snapshot *last = &m->window[(m->window_next + places - 1) % places];
    if (m->window_count == 0 || now_s - last->time_s >= 0.9) { /* timers come a little early, too */
        take(m, now_s, &m->window[m->window_next]);
        m->window_next = (m->window_next + 1) % places;
        if (m->window_count < places) m->window_count++;
    }
    assert(m->window_next < places && m->window_count > 0 && m->window_count <= places);
    ev_mutex_unlock(&m->window_lock);
}

/* The oldest snapshot of the last minute; failing that (nobody ticked) the newest there is, or the one given. */
static void find_old(sv_metrics *m, const sv_snapshot *now, sv_snapshot *old) {
    const size_t places = EV_ARRAY_COUNT(m->window);
    *old = *now;
    ev_mutex_lock(&m->window_lock);
    for (size_t age = 1; age <= m->window_count; age++) {
        const sv_snapshot *s = &m->window[(m->window_next + places - age) % places];
        if (age > 1 && now->time_s - s->time_s > SV_WINDOW_S + 0.5) break;
        *old = *s;
    }
    ev_mutex_unlock(&m->window_lock);
}

/* ---- the last minute ---- */

/* The latency that `share` of the window's answers do not exceed; NAN without answers. */
static double quantile(const sv_snapshot *now, const sv_snapshot *old, double share) {
    int64_t all = 0;
    for (size_t i = 0; i < SV_LATENCY_BUCKETS; i++) all += now->latency[i] - old->latency[i];
    double wanted = share * (double)all, below = 0;
    for (size_t i = 0; i < SV_LATENCY_BUCKETS && all > 0; i++) {
        double n = (double)(now->latency[i] - old->latency[i]);
        double begin = sv_latency_bound(i);
        if (below + n < wanted || n == 0) {
            below += n;
            continue;
        }
        if (i == SV_LATENCY_BUCKETS - 1) return begin; /* it has no end */
        return begin + (sv_latency_bound(i + 1) - begin) * (wanted - below) / n;
    }
    return NAN;
}

static void put(ev_buf *out, const char *name, double value) {
    if (isfinite(value))
        ev_buf_printf(out, ",\"%s\":%.6g", name, value);
    else
        ev_buf_printf(out, ",\"%s\":null", name);
}

static double ratio(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : NAN; }

static double hit_share(const int64_t *now, const int64_t *old) {
    int64_t hits = now[SV_LOOKUP_HIT] - old[SV_LOOKUP_HIT], misses = now[SV_LOOKUP_MISS] - old[SV_LOOKUP_MISS];
    return ratio(hits, hits + misses);
}

static void put_gauge(ev_buf *out, const sv_metrics *m, const char *name, sv_metric gauge) {
    put(out, name, (double)sv_metric_read(m, gauge, 0, 0) / sv_metric_rows[gauge].scale);
}

void sv_metrics_status_json(sv_metrics *m, double now_s, ev_buf *out) {
    sv_snapshot now, old;
    take(m, now_s, &now);
    find_old(m, &now, &old);
    double window_s = now_s - old.time_s;
    double per_s = window_s > 0 ? 1 / window_s : NAN;
    ev_buf_printf(out, "{\"version\":");
    ev_buf_json_string(out, ev_version(), strcspn(ev_version(), " "));
    ev_buf_printf(out, ",\"window_s\":%.6g", window_s);
    put(out, "requests_per_s", (double)(now.requests - old.requests) * per_s);
    put(out, "errors_per_s", (double)(now.errors - old.errors) * per_s);
    put(out, "audio_s_per_s", (double)(now.audio - old.audio) * 1e-6 * per_s);
    put(out, "latency_p50_s", quantile(&now, &old, 0.50));
    put(out, "latency_p95_s", quantile(&now, &old, 0.95));
    put(out, "batch_mean", ratio(now.batched - old.batched, now.batches - old.batches));
    put(out, "frames_useful_share",
        ratio(now.frames_useful - old.frames_useful, now.frames_processed - old.frames_processed));
    put(out, "voice_cache_hit_share", hit_share(now.voice, old.voice));
    put(out, "result_cache_hit_share", hit_share(now.result, old.result));
    put_gauge(out, m, "requests_in_flight", SV_METRIC_REQUESTS_IN_FLIGHT);
    put_gauge(out, m, "open_connections", SV_METRIC_OPEN_CONNECTIONS);
    put_gauge(out, m, "queue_jobs", SV_METRIC_QUEUE_JOBS);
    put_gauge(out, m, "queue_audio_s", SV_METRIC_QUEUE_AUDIO);
    ev_buf_printf(out, "}");
}
