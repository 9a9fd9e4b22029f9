/* metrics: the text against a strict reader of the format (and promtool where it is installed), exact sums under
 * threads, the last minute by a clock of our own, devices through a library with NVML's interface. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>

#include "server/metrics/metrics.h"

static int set_up(void **state) { return sv_metrics_create((sv_metrics **)state, NULL) == EV_OK ? 0 : -1; }

static int tear_down(void **state) {
    sv_metrics_free((sv_metrics **)state);
    return 0;
}

/* ---- a strict reader of the text format ---- */

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
enum { FAMILIES_MAX = 64 };

typedef struct series { /* of a histogram, while its lines go by */
    char labels[128];   /* without le */
    double bound;
    long long count;
    bool open, has_infinity, has_sum;
} series;

typedef struct reader {
    char names[FAMILIES_MAX][80], type[16];
    size_t families, samples;
    bool has_type;
    series s;
} reader;

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void check_family_name(const char *name, const char *type) {
    static const char *const units[] = {"_seconds",   "_bytes",  "_ratio",    "_celsius", "_joules", "_jobs",
                                        "_fds",       "_info",   "_requests", "_size",    "_frames", "_connections",
                                        "_in_flight", "_voices", "_workers",  "_up"};
    bool counter = strcmp(type, "counter") == 0, unit = false;
    assert_int_equal(strspn(name, LETTERS "_"), strlen(name));
    assert_true(strncmp(name, "emotivoice_", 11) == 0 || strncmp(name, "process_", 8) == 0);
    assert_int_equal(ends_with(name, "_total"), counter);
    for (size_t i = 0; i < EV_ARRAY_COUNT(units); i++) unit = unit || ends_with(name, units[i]);
    if (!counter && !unit) fail_msg("%s has no unit", name);
    assert_false(ends_with(name, "_count") || ends_with(name, "_sum") || ends_with(name, "_bucket"));
}

static void end_series(reader *r) {
    if (r->s.open) assert_true(r->s.has_infinity && r->s.has_sum);
    r->s = (series){0};
}

static void read_help(reader *r, const char *line) {
    char name[80], help[200];
    end_series(r);
    assert_int_equal(sscanf(line, "# HELP %79s %199[^\n]", name, help), 2);
    assert_true(ends_with(help, "."));
    for (size_t i = 0; i < r->families; i++) assert_string_not_equal(r->names[i], name); /* once, and in one piece */
    assert_true(r->families < FAMILIES_MAX);
    strcpy(r->names[r->families++], name);
    r->has_type = false;
}

static void read_type(reader *r, const char *line) {
    char name[80];
    assert_int_equal(sscanf(line, "# TYPE %79s %15s", name, r->type), 2);
    assert_true(r->families > 0 && !r->has_type);
    assert_string_equal(r->names[r->families - 1], name);
    assert_true(!strcmp(r->type, "counter") || !strcmp(r->type, "gauge") || !strcmp(r->type, "histogram"));
    check_family_name(name, r->type);
    r->has_type = true;
}

/* Labels {a="b",c="d"} in order; cuts le off into `bound` and leaves the others in `labels`. */
static const char *read_labels(const char *at, char labels[128], char bound[64]) {
    size_t used = 0;
    labels[0] = bound[0] = '\0';
    if (*at != '{') return at;
    do {
        char name[32], value[64];
        int n = 0;
        at++;
        assert_int_equal(sscanf(at, "%31[" LETTERS "]=\"%63[^\"\n]\"%n", name, value, &n), 2);
        assert_true(n > 0);
        assert_null(strchr(value, '\\'));
        at += n;
        if (strcmp(name, "le") == 0)
            snprintf(bound, 64, "%s", value);
        else
            used += (size_t)snprintf(labels + used, 128 - used, "%s=%s,", name, value);
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

/* Buckets rise and accumulate; +Inf is the last and equals the count; then sum, then count. */
static void read_histogram(reader *r, const char *suffix, const char *labels, const char *bound, double value) {
    series *s = &r->s;
    if (strcmp(suffix, "_bucket") == 0) {
        double at = strcmp(bound, "+Inf") == 0 ? INFINITY : strtod(bound, NULL);
        if (!s->open) {
            *s = (series){.open = true, .bound = -INFINITY};
            snprintf(s->labels, sizeof s->labels, "%s", labels);
        }
        assert_string_equal(s->labels, labels);
        assert_true(at > s->bound && value >= (double)s->count && !s->has_infinity);
        s->bound = at;
        s->count = (long long)value;
        s->has_infinity = isinf(at);
        return;
    }
    assert_true(s->open && s->has_infinity && bound[0] == '\0');
    assert_string_equal(s->labels, labels);
    if (strcmp(suffix, "_sum") == 0) {
        assert_false(s->has_sum);
        s->has_sum = true;
    } else {
        assert_string_equal(suffix, "_count");
        assert_true(s->has_sum && value == (double)s->count);
        *s = (series){0};
    }
}

static void read_sample(reader *r, const char *line) {
    char labels[128], bound[64], *end = NULL;
    assert_true(r->families > 0 && r->has_type);
    const char *family = r->names[r->families - 1];
    size_t n = strspn(line, LETTERS "_");
    char suffix[80];
    assert_int_equal(strncmp(line, family, strlen(family)), 0);
    snprintf(suffix, sizeof suffix, "%.*s", (int)(n - strlen(family)), line + strlen(family));
    const char *at = read_labels(line + n, labels, bound);
    assert_int_equal(*at, ' ');
    double value = strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0' && isfinite(value));
    r->samples++;
    if (strcmp(r->type, "histogram") == 0) {
        read_histogram(r, suffix, labels, bound, value);
    } else {
        assert_string_equal(suffix, "");
        assert_string_equal(bound, "");
        if (strcmp(r->type, "counter") == 0) assert_true(value >= 0);
    }
}

static size_t check_text(const ev_buf *out) {
    reader r = {0};
    assert_false(out->failed);
    assert_int_equal(out->data[out->size - 1], '\n');
    char *copy = strdup((const char *)out->data), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, "# HELP ", 7) == 0)
            read_help(&r, line);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            read_type(&r, line);
        else if (*line)
            read_sample(&r, line);
        else
            assert_null(rest); /* no empty line but behind the last */
    }
    end_series(&r);
    free(copy);
    return r.samples;
}

static void assert_line(const ev_buf *out, const char *line) {
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr((const char *)out->data, whole)) fail_msg("'%s' is not there", line);
}

/* ---- the text ---- */

static void use_everything(sv_metrics *m) {
    sv_metrics_request(m, SV_ROUTE_SPEECH, 200, 0.05); /* on a bound: belongs below it */
    sv_metrics_request(m, SV_ROUTE_SPEECH, 200, 7);
    sv_metrics_request(m, SV_ROUTE_SPEECH, 418, 0.001);
    sv_metrics_request(m, SV_ROUTE_JOB, 404, 99);
    sv_metric_observe(m, SV_METRIC_FIRST_AUDIO, 0, 0.024);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, 3.25);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, 0.1);
    sv_metric_add(m, SV_METRIC_TEXT_CHARACTERS, 0, 42);
    sv_metric_add(m, SV_METRIC_REQUESTS_IN_FLIGHT, 0, 3);
    sv_metric_add(m, SV_METRIC_REQUESTS_IN_FLIGHT, 0, -1);
    sv_metric_set(m, SV_METRIC_QUEUE_AUDIO, 12.5);
    sv_metric_observe(m, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, 5);
    sv_metric_observe(m, SV_METRIC_COST_ERROR, 0, 0.12);
    sv_metric_observe(m, SV_METRIC_STAGE_DURATION, SV_TIMED_VOCODE, 0.0123);
    sv_metric_add(m, SV_METRIC_VOICE_CACHE, SV_LOOKUP_HIT, 2);
    sv_metric_add(m, SV_METRIC_JOBS, SV_OUTCOME_REJECTED_WORDS, 1);
}

static void fresh_text_is_valid(void **state) {
    ev_buf out = {0};
    sv_metrics_text(*state, NULL, &out);
    assert_true(check_text(&out) > 100);
    assert_line(&out, "emotivoice_jobs_total{outcome=\"expired\"} 0"); /* alerts need the zero */
    assert_null(strstr((const char *)out.data, "route="));             /* and hundreds of zeros help nobody */
    assert_null(strstr((const char *)out.data, "device"));
    ev_buf_free(&out);
}

static void used_text_is_valid_and_right(void **state) {
    ev_buf out = {0};
    use_everything(*state);
    sv_metrics_text(*state, NULL, &out);
    check_text(&out);
    assert_line(&out, "emotivoice_http_requests_total{route=\"/v1/audio/speech\",code=\"200\"} 2");
    assert_line(&out, "emotivoice_http_requests_total{route=\"/v1/audio/speech\",code=\"other\"} 1");
    assert_line(&out, "emotivoice_http_requests_total{route=\"/tts/{id}\",code=\"404\"} 1");
    assert_line(&out, "emotivoice_request_duration_seconds_bucket{route=\"/v1/audio/speech\",le=\"0.025\"} 1");
    assert_line(&out, "emotivoice_request_duration_seconds_bucket{route=\"/v1/audio/speech\",le=\"0.05\"} 2");
    assert_line(&out, "emotivoice_request_duration_seconds_sum{route=\"/v1/audio/speech\"} 7.051");
    assert_line(&out, "emotivoice_request_duration_seconds_bucket{route=\"/tts/{id}\",le=\"60\"} 0");
    assert_line(&out, "emotivoice_request_duration_seconds_bucket{route=\"/tts/{id}\",le=\"+Inf\"} 1");
    assert_line(&out, "emotivoice_first_audio_seconds_bucket{le=\"0.025\"} 1");
    assert_line(&out, "emotivoice_first_audio_seconds_sum 0.024");
    assert_line(&out, "emotivoice_audio_seconds_total 3.35");
    assert_line(&out, "emotivoice_requests_in_flight 2");
    assert_line(&out, "emotivoice_queue_audio_seconds 12.5");
    assert_line(&out, "emotivoice_batch_size_bucket{stage=\"decode\",le=\"4\"} 0");
    assert_line(&out, "emotivoice_batch_size_bucket{stage=\"decode\",le=\"8\"} 1");
    assert_line(&out, "emotivoice_stage_duration_seconds_sum{stage=\"vocode\"} 0.0123");
    assert_line(&out, "emotivoice_stage_duration_seconds_count{stage=\"text\"} 0");
    assert_line(&out, "emotivoice_voice_cache_requests_total{result=\"hit\"} 2");
    assert_line(&out, "emotivoice_jobs_total{outcome=\"rejected_words\"} 1");
    assert_line(&out, "emotivoice_cost_prediction_error_ratio_bucket{le=\"0.15\"} 1");
    ev_buf_free(&out);
}

static void what_is_no_number_is_not_counted(void **state) {
    sv_metrics *m = *state;
    ev_buf out = {0};
    sv_metric_observe(m, SV_METRIC_COST_ERROR, 0, NAN);
    sv_metric_observe(m, SV_METRIC_COST_ERROR, 0, INFINITY);
    sv_metric_observe(m, SV_METRIC_COST_ERROR, 0, -1);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, NAN);
    sv_metric_set(m, SV_METRIC_QUEUE_AUDIO, INFINITY);
    sv_metrics_text(m, NULL, &out);
    check_text(&out);
    assert_line(&out, "emotivoice_cost_prediction_error_ratio_count 0");
    assert_line(&out, "emotivoice_audio_seconds_total 0");
    assert_line(&out, "emotivoice_queue_audio_seconds 0");
    ev_buf_free(&out);
}

static double value_of(const ev_buf *out, const char *name) {
    char start[80];
    snprintf(start, sizeof start, "\n%s ", name);
    const char *at = strstr((const char *)out->data, start);
    if (!at) fail_msg("%s is not there", name);
    return strtod(at + strlen(start), NULL);
}

static void process_facts_are_of_this_process(void **state) {
    ev_buf before = {0}, after = {0};
    sv_metrics_text(*state, NULL, &before);
    FILE *file = fopen("/dev/null", "r");
    size_t bytes = 64 << 20;
    char *memory = malloc(bytes);
    memset(memory, 1, bytes);
    double begin = ev_clock_s();
    volatile unsigned spin = 0;
    while (ev_clock_s() - begin < 0.05) spin = spin + (unsigned char)memory[spin % bytes];
    sv_metrics_text(*state, NULL, &after);
    assert_true(value_of(&after, "process_open_fds") == value_of(&before, "process_open_fds") + 1);
    assert_true(value_of(&after, "process_resident_memory_bytes") >
                value_of(&before, "process_resident_memory_bytes") + 32e6);
    assert_true(value_of(&after, "process_cpu_seconds_total") > value_of(&before, "process_cpu_seconds_total"));
    double age = (double)time(NULL) - value_of(&after, "process_start_time_seconds");
    assert_true(age > -2 && age < 3600);
    assert_true(value_of(&after, "process_max_fds") >= value_of(&after, "process_open_fds"));
    char build[128];
    snprintf(build, sizeof build, "emotivoice_build_info{version=\"%s\",isa=\"%s\"} 1", EV_VERSION_STRING,
             ev_cpu_name(ev_cpu_flags()));
    assert_line(&after, build);
    free(memory);
    fclose(file);
    ev_buf_free(&before);
    ev_buf_free(&after);
}

static void promtool_agrees(void **state) {
    if (system("command -v promtool >/dev/null 2>&1") != 0) skip();
    ev_buf out = {0};
    use_everything(*state);
    sv_metrics_text(*state, NULL, &out);
    FILE *tool = popen("promtool check metrics", "w");
    assert_non_null(tool);
    assert_int_equal(fwrite(out.data, 1, out.size, tool), out.size);
    assert_int_equal(pclose(tool), 0);
    ev_buf_free(&out);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 2000 };

static void *count_things(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        sv_metrics_request(arg, SV_ROUTE_SPEECH, 200, 0.001 * (i % 100));
        sv_metric_add(arg, SV_METRIC_AUDIO_SECONDS, 0, 0.1);
        sv_metric_add(arg, SV_METRIC_OPEN_CONNECTIONS, 0, i % 2 ? -1 : 1);
        sv_metric_observe(arg, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, i % 16 + 1);
    }
    return NULL;
}

static void sums_are_exact_under_threads(void **state) {
    sv_metrics *m = *state;
    pthread_t threads[THREADS];
    ev_buf out = {0};
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_things, m), 0);
    for (int i = 0; i < 10; i++) { /* what is read in between is consistent, too */
        sv_metrics_tick(m, i);
        sv_metrics_status_json(m, i, &out);
        out.size = 0;
        sv_metrics_text(m, NULL, &out);
        check_text(&out);
        out.size = 0;
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    sv_metrics_text(m, NULL, &out);
    check_text(&out);
    assert_line(&out, "emotivoice_http_requests_total{route=\"/v1/audio/speech\",code=\"200\"} 8000");
    assert_line(&out, "emotivoice_request_duration_seconds_count{route=\"/v1/audio/speech\"} 8000");
    assert_line(&out, "emotivoice_request_duration_seconds_sum{route=\"/v1/audio/speech\"} 396");
    assert_line(&out, "emotivoice_audio_seconds_total 800");
    assert_line(&out, "emotivoice_open_connections 0");
    assert_line(&out, "emotivoice_batch_size_sum{stage=\"decode\"} 68000");
    ev_buf_free(&out);
}

/* ---- the last minute ---- */

static json_t *status_at(sv_metrics *m, double now_s) {
    ev_buf out = {0};
    sv_metrics_status_json(m, now_s, &out);
    json_t *object = json_loads((const char *)out.data, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(object));
    ev_buf_free(&out);
    return object;
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_non_null(value);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void assert_near(double value, double want, double relative) {
    if (!(fabs(value - want) <= relative * fabs(want))) fail_msg("%g is not about %g", value, want);
}

static void window_without_work_is_null(void **state) {
    json_t *status = status_at(*state, 100);
    assert_true(number_of(status, "window_s") == 0);
    assert_true(isnan(number_of(status, "requests_per_s")) && isnan(number_of(status, "latency_p95_s")));
    json_decref(status);
    sv_metrics_tick(*state, 100);
    status = status_at(*state, 110);
    assert_true(number_of(status, "window_s") == 10);
    assert_true(number_of(status, "requests_per_s") == 0);
    assert_true(isnan(number_of(status, "batch_mean")) && isnan(number_of(status, "voice_cache_hit_share")));
    json_decref(status);
}

static void work_a_second(sv_metrics *m, double second) {
    for (int i = 1; i <= 100; i++) sv_metrics_request(m, SV_ROUTE_SPEECH, 200, 0.01 * i); /* 10 ms .. 1 s */
    for (int i = 0; i < 10; i++) sv_metrics_request(m, SV_ROUTE_HEALTH, 200, 0.0001);     /* is no speech */
    sv_metrics_request(m, SV_ROUTE_SPEECH, 503, 0.0001);
    sv_metric_add(m, SV_METRIC_AUDIO_SECONDS, 0, 300);
    sv_metric_observe(m, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, 4);
    sv_metric_observe(m, SV_METRIC_BATCH_SIZE, SV_TIMED_ACOUSTIC, 12);
    sv_metric_add(m, SV_METRIC_VOICE_CACHE, SV_LOOKUP_HIT, 3);
    sv_metric_add(m, SV_METRIC_VOICE_CACHE, SV_LOOKUP_MISS, 1);
    sv_metrics_tick(m, second);
}

static void window_is_the_last_minute(void **state) {
    sv_metrics *m = *state;
    sv_metrics_tick(m, 1000);
    for (int second = 1; second <= 90; second++) work_a_second(m, 1000 + second);
    json_t *status = status_at(m, 1090);
    assert_true(number_of(status, "window_s") == 60);
    assert_near(number_of(status, "requests_per_s"), 101, 1e-5);
    assert_near(number_of(status, "errors_per_s"), 1, 1e-5);
    assert_near(number_of(status, "audio_s_per_s"), 300, 1e-5);
    assert_near(number_of(status, "latency_p50_s"), 0.5, 0.03);
    assert_near(number_of(status, "latency_p95_s"), 0.95, 0.03);
    assert_near(number_of(status, "batch_mean"), 8, 1e-5);
    assert_near(number_of(status, "voice_cache_hit_share"), 0.75, 1e-5);
    assert_true(isnan(number_of(status, "result_cache_hit_share")));
    json_decref(status);
    for (int second = 91; second <= 151; second++) sv_metrics_tick(m, 1000 + second); /* a quiet minute */
    status = status_at(m, 1151);
    assert_true(number_of(status, "requests_per_s") == 0);
    assert_true(isnan(number_of(status, "latency_p50_s")));
    json_decref(status);
}

static void slow_ticks_do_not_stretch_the_window(void **state) {
    sv_metrics *m = *state;
    for (int second = 0; second <= 140; second += 7) sv_metrics_tick(m, second);
    json_t *status = status_at(m, 140);
    assert_true(number_of(status, "window_s") == 56);
    json_decref(status);
    status = status_at(m, 1000); /* nobody ticked for long: what is known, with its true length */
    assert_true(number_of(status, "window_s") == 860);
    json_decref(status);
}

static void latencies_of_any_size_have_a_place(void **state) {
    static const double latencies[] = {0, 1e-9, 0.0009, 0.001, 0.02, 1, 3.99999, 60, 127.9, 1e6};
    for (size_t i = 0; i < EV_ARRAY_COUNT(latencies); i++) {
        sv_metrics *m = NULL;
        assert_int_equal(sv_metrics_create(&m, NULL), EV_OK);
        sv_metrics_tick(m, 0);
        sv_metrics_request(m, SV_ROUTE_SPEECH, 200, latencies[i]);
        json_t *status = status_at(m, 1);
        double got = number_of(status, "latency_p95_s"), want = fmin(latencies[i], 128);
        if (want < 0.00098)
            assert_true(got < 0.00098);
        else
            assert_near(got, want, 0.13);
        json_decref(status);
        sv_metrics_free(&m);
    }
    (void)state;
}

/* ---- devices ---- */

static void devices_are_exposed(void **state) {
    char library[] = "/tmp/ev_test_metrics_XXXXXX", command[512];
    ev_buf out = {0};
    if (system("command -v cc >/dev/null 2>&1") != 0) skip();
    int fd = mkstemp(library);
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof command, "cc -shared -fPIC -o %s %s/server/fake_nvml.c", library, EV_TEST_DIR);
    assert_int_equal(system(command), 0);
    sv_device *device = sv_device_open(library);
    assert_non_null(device);
    sv_metrics_text(*state, device, &out);
    check_text(&out);
    assert_line(&out, "emotivoice_device_memory_used_bytes{device=\"1\"} 2000");
    assert_line(&out, "emotivoice_device_memory_size_bytes{device=\"0\"} 80000000000");
    assert_line(&out, "emotivoice_device_utilization_ratio{device=\"0\"} 0.75");
    assert_line(&out, "emotivoice_device_temperature_celsius{device=\"0\"} 41");
    assert_line(&out, "emotivoice_device_energy_joules_total{device=\"1\"} 3");
    assert_null(strstr((const char *)out.data, "celsius{device=\"1\"}"));
    assert_null(strstr((const char *)out.data, "device=\"2\""));
    sv_device_free(&device);
    assert_null(device);
    sv_device_free(&device);
    ev_buf_free(&out);
    unlink(library);
}

static void no_library_is_no_device(void **state) {
    (void)state;
    assert_null(sv_device_open("/nonexistent/libnvidia-ml.so.1"));
    assert_null(sv_device_open("libm.so.6")); /* a library, but not this one */
}

int main(void) {
#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_METRICS(fresh_text_is_valid),
        WITH_METRICS(used_text_is_valid_and_right),
        WITH_METRICS(what_is_no_number_is_not_counted),
        WITH_METRICS(process_facts_are_of_this_process),
        WITH_METRICS(promtool_agrees),
        WITH_METRICS(sums_are_exact_under_threads),
        WITH_METRICS(window_without_work_is_null),
        WITH_METRICS(window_is_the_last_minute),
        WITH_METRICS(slow_ticks_do_not_stretch_the_window),
        cmocka_unit_test(latencies_of_any_size_have_a_place),
        WITH_METRICS(devices_are_exposed),
        cmocka_unit_test(no_library_is_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
