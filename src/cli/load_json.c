/* load_json: everything about a run, for programs. Times are in seconds, shares from 0 to 1, unknown values null. */
#include "load.h"
#include "json.h"

#include <math.h>

static void put_spread(cli_json *json, const char *name, load_spread s) {
    cli_json_open(json, name, '{');
    cli_json_integer(json, "count", (int64_t)s.count);
    cli_json_number(json, "mean", s.mean);
    cli_json_number(json, "p50", s.p50);
    cli_json_number(json, "p90", s.p90);
    cli_json_number(json, "p95", s.p95);
    cli_json_number(json, "p99", s.p99);
    cli_json_number(json, "max", s.max);
    cli_json_close(json, '}');
}

static void put_errors(cli_json *json, const load_step *step) {
    const load_summary *sum = &step->summary;
    cli_json_integer(json, "errors", (int64_t)sum->errors);
    cli_json_open(json, "errors_by_kind", '{');
    for (size_t i = LOAD_STATUS; i < LOAD_OUTCOMES; i++) {
        if (sum->counts[i] > 0) cli_json_integer(json, load_outcome_names[i], (int64_t)sum->counts[i]);
    }
    cli_json_close(json, '}');
    cli_json_open(json, "statuses", '{');
    for (size_t i = 0; i < LOAD_STATUSES_MAX && sum->statuses[i].count > 0; i++) {
        char status[16];
        snprintf(status, sizeof status, "%d", sum->statuses[i].status);
        cli_json_integer(json, status, (int64_t)sum->statuses[i].count);
    }
    cli_json_close(json, '}');
    cli_json_open(json, "first_of_kind", '{');
    for (size_t i = LOAD_REJECTED; i < LOAD_OUTCOMES; i++) {
        if (step->faults[i][0] != '\0') cli_json_string(json, load_outcome_names[i], step->faults[i]);
    }
    cli_json_close(json, '}');
}

static void put_snapshot(cli_json *json, const load_snapshot *s) {
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "at_s", s->at_s);
    if (s->has_queue) cli_json_number(json, "queue_jobs", s->queue_jobs);
    if (s->has_batch) {
        cli_json_number(json, "batches", s->batch_count);
        cli_json_number(json, "batched", s->batch_sum);
        cli_json_open(json, "batches_up_to", '[');
        for (size_t i = 0; i < s->buckets; i++) {
            cli_json_open(json, NULL, '{');
            cli_json_number(json, "size", s->bounds[i]); /* null: any */
            cli_json_number(json, "batches", s->cumulative[i]);
            cli_json_close(json, '}');
        }
        cli_json_close(json, ']');
    }
    if (s->has_cache) {
        cli_json_number(json, "voice_cache_hits", s->hits);
        cli_json_number(json, "voice_cache_lookups", s->lookups);
    }
    cli_json_close(json, '}');
}

static void put_server(cli_json *json, const load_step *step) {
    cli_json_open(json, "server", '{');
    cli_json_number(json, "mean_batch", step->server.mean_batch);
    cli_json_number(json, "voice_cache_hit_share", step->server.hit_share);
    cli_json_number(json, "queue_jobs_max", step->server.queue_max);
    cli_json_open(json, "series", '[');
    for (size_t i = 0; i < step->series_count; i++) put_snapshot(json, &step->series[i]);
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

static void put_step(cli_json *json, const load_run *run, const load_step *step) {
    const load_summary *sum = &step->summary;
    cli_json_open(json, NULL, '{');
    if (step->concurrency > 0) {
        cli_json_integer(json, "concurrency", (int64_t)step->concurrency);
    } else {
        cli_json_number(json, "rate", step->rate);
    }
    cli_json_integer(json, "offered", (int64_t)sum->offered);
    cli_json_integer(json, "sent", (int64_t)sum->sent);
    cli_json_integer(json, "ok", (int64_t)sum->counts[LOAD_OK]);
    cli_json_integer(json, "rejected", (int64_t)sum->counts[LOAD_REJECTED]);
    cli_json_integer(json, "rejected_with_retry_after", (int64_t)sum->retry_after);
    put_errors(json, step);
    cli_json_bool(json, "stable", sum->stable);
    cli_json_number(json, "offered_rate", sum->offered_rate);
    cli_json_number(json, "achieved_rate", sum->achieved_rate);
    cli_json_number(json, "kept_up", sum->kept_up);
    cli_json_number(json, "audio_s", sum->audio_s);
    cli_json_number(json, "audio_seconds_per_second", sum->audio_rate);
    cli_json_integer(json, "bytes", (int64_t)sum->bytes);
    put_spread(json, "latency_s", sum->latency);
    put_spread(json, "first_byte_s", sum->first_byte);
    put_spread(json, "first_audio_s", sum->first_audio);
    put_spread(json, "rejected_latency_s", sum->rejected);
    put_spread(json, "generator_lag_s", sum->lag);
    if (run->values->stream) {
        cli_json_integer(json, "underruns", (int64_t)sum->underruns);
        cli_json_integer(json, "streams_with_underruns", (int64_t)sum->streams_with_underruns);
        cli_json_number(json, "longest_gap_s", sum->longest_gap_s);
    }
    if (run->values->metrics != NULL) put_server(json, step);
    cli_json_close(json, '}');
}

static void put_setting(cli_json *json, const char *name, float value) { /* 1.2, not what a float makes of it */
    cli_json_number(json, name, round(1e6 * (double)value) / 1e6);
}

static void put_settings(cli_json *json, const load_run *run) { /* no key and no header: they are secrets */
    const load_values *v = run->values;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed); /* text: more than a double holds */
    cli_json_string(json, "url", run->url);
    cli_json_string(json, "api", v->api);
    cli_json_string(json, "loop", run->steps[0].concurrency > 0 ? "closed" : "open");
    cli_json_string(json, "seed", seed);
    put_setting(json, "seconds", v->seconds);
    put_setting(json, "warmup_s", v->warmup);
    put_setting(json, "timeout_s", v->timeout);
    put_setting(json, "p95_limit_s", v->p95);
    cli_json_string(json, "lengths", v->lengths);
    cli_json_bool(json, "stream", v->stream);
    put_setting(json, "repeat", v->repeat);
    cli_json_integer(json, "references", (int64_t)run->mix.reference_count);
    if (v->ramp) cli_json_number(json, "stable_rate", run->stable_rate);
}

void load_print_json(FILE *out, const load_run *run) {
    cli_json json = {.out = out};
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "version", ev_version());
    put_settings(&json, run);
    cli_json_open(&json, "steps", '[');
    for (size_t i = 0; i < run->step_count; i++) put_step(&json, run, &run->steps[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
}
