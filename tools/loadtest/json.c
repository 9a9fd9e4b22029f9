/* json: everything about a run, for report.py and other programs. Times are in seconds, shares from 0 to 1, unknown
 * values null. */
#include "loadtest.h"

#include <math.h>

#include "base/json.h"

static void put_spread(ev_json *json, const char *name, load_spread s) {
    ev_json_open(json, name, '{');
    ev_json_integer(json, "count", (int64_t)s.count);
    ev_json_number(json, "mean", s.mean);
    ev_json_number(json, "p50", s.p50);
    ev_json_number(json, "p90", s.p90);
    ev_json_number(json, "p95", s.p95);
    ev_json_number(json, "p99", s.p99);
    ev_json_number(json, "max", s.max);
    ev_json_close(json, '}');
}

static void put_errors(ev_json *json, const load_step *step) {
    const load_summary *sum = &step->summary;
    ev_json_integer(json, "errors", (int64_t)sum->errors);
    ev_json_open(json, "errors_by_kind", '{');
    for (size_t i = LOAD_STATUS; i < LOAD_OUTCOMES; i++) {
        if (sum->counts[i] > 0) ev_json_integer(json, load_outcome_names[i], (int64_t)sum->counts[i]);
    }
    ev_json_close(json, '}');
    ev_json_open(json, "statuses", '{');
    for (size_t i = 0; i < LOAD_STATUSES_MAX && sum->statuses[i].count > 0; i++) {
        char status[16];
        snprintf(status, sizeof status, "%d", sum->statuses[i].status);
        ev_json_integer(json, status, (int64_t)sum->statuses[i].count);
    }
    ev_json_close(json, '}');
    ev_json_open(json, "first_of_kind", '{');
    for (size_t i = LOAD_REJECTED; i < LOAD_OUTCOMES; i++) {
        if (step->faults[i][0] != '\0') ev_json_string(json, load_outcome_names[i], step->faults[i]);
    }
    ev_json_close(json, '}');
}

static void put_snapshot(ev_json *json, const load_snapshot *s) {
    ev_json_open(json, NULL, '{');
    ev_json_number(json, "at_s", s->at_s);
    if (s->has_queue) ev_json_number(json, "queue_jobs", s->queue_jobs);
    if (s->has_batch) {
        ev_json_number(json, "batches", s->batch_count);
        ev_json_number(json, "batched", s->batch_sum);
        ev_json_open(json, "batches_up_to", '[');
        for (size_t i = 0; i < s->buckets; i++) {
            ev_json_open(json, NULL, '{');
            ev_json_number(json, "size", s->bounds[i]); /* null: any */
            ev_json_number(json, "batches", s->cumulative[i]);
            ev_json_close(json, '}');
        }
        ev_json_close(json, ']');
    }
    if (s->has_cache) {
        ev_json_number(json, "voice_cache_hits", s->hits);
        ev_json_number(json, "voice_cache_lookups", s->lookups);
    }
    ev_json_close(json, '}');
}

static void put_server(ev_json *json, const load_step *step) {
    ev_json_open(json, "server", '{');
    ev_json_number(json, "mean_batch", step->server.mean_batch);
    ev_json_number(json, "voice_cache_hit_share", step->server.hit_share);
    ev_json_number(json, "queue_jobs_max", step->server.queue_max);
    ev_json_open(json, "series", '[');
    for (size_t i = 0; i < step->series_count; i++) put_snapshot(json, &step->series[i]);
    ev_json_close(json, ']');
    ev_json_close(json, '}');
}

static void put_step(ev_json *json, const load_run *run, const load_step *step) {
    const load_summary *sum = &step->summary;
    ev_json_open(json, NULL, '{');
    if (step->concurrency > 0) {
        ev_json_integer(json, "concurrency", (int64_t)step->concurrency);
    } else {
        ev_json_number(json, "rate", step->rate);
    }
    ev_json_number(json, "begin_s", step->begin_s);
    ev_json_integer(json, "offered", (int64_t)sum->offered);
    ev_json_integer(json, "sent", (int64_t)sum->sent);
    ev_json_integer(json, "ok", (int64_t)sum->counts[LOAD_OK]);
    ev_json_integer(json, "rejected", (int64_t)sum->counts[LOAD_REJECTED]);
    ev_json_integer(json, "rejected_with_retry_after", (int64_t)sum->retry_after);
    put_errors(json, step);
    ev_json_bool(json, "stable", sum->stable);
    ev_json_number(json, "offered_rate", sum->offered_rate);
    ev_json_number(json, "achieved_rate", sum->achieved_rate);
    ev_json_number(json, "kept_up", sum->kept_up);
    ev_json_number(json, "audio_s", sum->audio_s);
    ev_json_number(json, "audio_seconds_per_second", sum->audio_rate);
    ev_json_integer(json, "bytes", (int64_t)sum->bytes);
    put_spread(json, "latency_s", sum->latency);
    put_spread(json, "first_byte_s", sum->first_byte);
    put_spread(json, "first_audio_s", sum->first_audio);
    put_spread(json, "rejected_latency_s", sum->rejected);
    put_spread(json, "generator_lag_s", sum->lag);
    if (run->values->stream) {
        ev_json_integer(json, "underruns", (int64_t)sum->underruns);
        ev_json_integer(json, "streams_with_underruns", (int64_t)sum->streams_with_underruns);
        ev_json_number(json, "longest_gap_s", sum->longest_gap_s);
    }
    if (run->values->metrics != NULL) put_server(json, step);
    ev_json_close(json, '}');
}

static void put_setting(ev_json *json, const char *name, float value) { /* 1.2, not what a float makes of it */
    ev_json_number(json, name, round(1e6 * (double)value) / 1e6);
}

static void put_settings(ev_json *json, const load_run *run) { /* no key and no header: they are secrets */
    const load_values *v = run->values;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed); /* text: more than a double holds */
    ev_json_string(json, "url", run->url);
    ev_json_string(json, "api", v->api);
    ev_json_string(json, "loop", run->steps[0].concurrency > 0 ? "closed" : "open");
    ev_json_string(json, "seed", seed);
    put_setting(json, "seconds", v->seconds);
    put_setting(json, "warmup_s", v->warmup);
    put_setting(json, "timeout_s", v->timeout);
    put_setting(json, "p95_limit_s", v->p95);
    ev_json_number(json, "failures_limit", LOAD_ERRORS_MAX);
    ev_json_number(json, "kept_up_limit", LOAD_ACHIEVED_MIN);
    ev_json_string(json, "lengths", v->lengths);
    ev_json_bool(json, "stream", v->stream);
    put_setting(json, "repeat", v->repeat);
    ev_json_integer(json, "references", (int64_t)run->mix.reference_count);
    if (v->ramp) ev_json_number(json, "stable_rate", run->stable_rate);
}

void load_put_report(ev_buf *out, const load_run *run) {
    ev_json json = {.out = out};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "version", EV_VERSION_STRING);
    put_settings(&json, run);
    ev_json_open(&json, "steps", '[');
    for (size_t i = 0; i < run->step_count; i++) put_step(&json, run, &run->steps[i]);
    ev_json_close(&json, ']');
    ev_json_close(&json, '}');
}
