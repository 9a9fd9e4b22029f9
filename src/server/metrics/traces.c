/* traces: spans to a collector, by a thread of its own. */
#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/metrics/traces.h"

enum { ROOM = 2048, BATCH = 256, EVERY_S = 1, TIMEOUT_MS = 5000, LAST_TIMEOUT_MS = 2000 };
#define LOG_EVERY_S 60.0

struct sv_tracer {
    char url[1024], service[64], instance[SV_SPAN_ID + 1], host[64];
    sv_log *log;
    ev_mutex lock;
    ev_cond changed;
    sv_span *spans; /* [ROOM], a ring */
    size_t first EV_GUARDED_BY(lock), count EV_GUARDED_BY(lock);
    int64_t lost EV_GUARDED_BY(lock); /* since the log was told */
    bool stopping EV_GUARDED_BY(lock);
    pthread_t thread;
    double logged_at; /* the thread's alone */
};

/* ---- spans ---- */

static sv_fact *add_fact(sv_span *span, const char *name) {
    assert(span->fact_count >= 0 && span->fact_count <= SV_SPAN_FACTS);
    if (span->fact_count == SV_SPAN_FACTS) return NULL;
    sv_fact *fact = &span->facts[span->fact_count++];
    *fact = (sv_fact){.name = name};
    return fact;
}

void sv_span_text(sv_span *span, const char *name, const char *text) {
    sv_fact *fact = text && *text ? add_fact(span, name) : NULL;
    if (fact) snprintf(fact->text, sizeof fact->text, "%s", text);
}

void sv_span_number(sv_span *span, const char *name, double number) {
    sv_fact *fact = isfinite(number) ? add_fact(span, name) : NULL;
    if (fact) fact->number = number;
}

void sv_tracer_add(sv_tracer *t, const sv_span *span) {
    if (!t || !span->at.trace[0] || !span->at.sampled) return;
    ev_mutex_lock(&t->lock);
    assert(t->first < ROOM && t->count <= ROOM);
    if (t->count < ROOM) {
        sv_span *at = &t->spans[(t->first + t->count++) % ROOM];
        *at = *span;
        if (!at->id[0]) sv_trace_random(at->id, SV_SPAN_ID);
        if (t->count == BATCH) ev_cond_signal(&t->changed);
    } else {
        t->lost++;
    }
    ev_mutex_unlock(&t->lock);
}

/* ---- as OTLP has them ---- */

static json_t *fact_json(const char *name, const char *text, double number) {
    char digits[32];
    json_t *value;
    if (text && *text) {
        value = json_pack("{s:s}", "stringValue", text);
    } else if (number == floor(number) && fabs(number) < 1e15) {
        snprintf(digits, sizeof digits, "%.0f", number); /* 64-bit numbers are texts there */
        value = json_pack("{s:s}", "intValue", digits);
    } else {
        value = json_pack("{s:f}", "doubleValue", number);
    }
    return json_pack("{s:s, s:o}", "key", name, "value", value);
}

/* Nanoseconds since 1970 of a monotonic time, as a text. */
static void unix_nanoseconds(double at, double now, const struct timespec *wall, char out[32]) {
    const double before = now - at;
    const int64_t ns = (int64_t)wall->tv_sec * 1000000000 + wall->tv_nsec - (int64_t)(before * 1e9);
    snprintf(out, 32, "%lld", (long long)ns);
}

static json_t *span_json(const sv_span *s, double now, const struct timespec *wall) {
    enum { INTERNAL = 1, SERVER = 2, FAILED = 2 };
    char begun[32], ended[32];
    json_t *facts = json_array();
    unix_nanoseconds(s->begun, now, wall, begun);
    unix_nanoseconds(s->ended > s->begun ? s->ended : s->begun, now, wall, ended);
    for (int i = 0; i < s->fact_count; i++)
        json_array_append_new(facts, fact_json(s->facts[i].name, s->facts[i].text, s->facts[i].number));
    json_t *json = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "traceId", s->at.trace, "spanId", s->id, "name",
                             s->name, "kind", s->server ? SERVER : INTERNAL, "startTimeUnixNano", begun,
                             "endTimeUnixNano", ended, "attributes", facts);
    if (json && s->at.parent[0]) json_object_set_new(json, "parentSpanId", json_string(s->at.parent));
    if (json && s->error[0])
        json_object_set_new(json, "status", json_pack("{s:i, s:s}", "code", FAILED, "message", s->error));
    return json;
}

static char *batch_text(const sv_tracer *t, const sv_span *spans, size_t count) {
    struct timespec wall;
    const double now = ev_clock_s();
    clock_gettime(CLOCK_REALTIME, &wall);
    json_t *list = json_array(), *resource = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, span_json(&spans[i], now, &wall));
    json_array_append_new(resource, fact_json("service.name", t->service, 0));
    json_array_append_new(resource, fact_json("service.version", ev_version(), 0));
    json_array_append_new(resource, fact_json("service.instance.id", t->instance, 0));
    json_array_append_new(resource, fact_json("host.name", t->host, 0));
    json_t *json = json_pack("{s:[{s:{s:o}, s:[{s:{s:s}, s:o}]}]}", "resourceSpans", "resource", "attributes",
                             resource, "scopeSpans", "scope", "name", "emotivoice", "spans", list);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* ---- sending ---- */

static size_t ignore(char *bytes, size_t one, size_t n, void *user) {
    (void)bytes;
    (void)user;
    return one * n;
}

/* NULL: it was taken; else why not. */
static const char *post(const sv_tracer *t, CURL *curl, const char *text, long timeout_ms, char why[64]) {
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, t->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) return curl_easy_strerror(code);
    if (status / 100 == 2) return NULL;
    snprintf(why, 64, "it answered with %ld", status);
    return why;
}

/* Now and then, that some were lost. */
static void log_lost(sv_tracer *t, const char *why) {
    const double now = ev_clock_s();
    if (t->logged_at > 0 && now - t->logged_at < LOG_EVERY_S) return;
    ev_mutex_lock(&t->lock);
    const int64_t lost = t->lost;
    t->lost = 0;
    ev_mutex_unlock(&t->lock);
    if (!lost) return;
    t->logged_at = now;
    if (t->log)
        sv_log_line(t->log, SV_LEVEL_WARN, NULL, "traces: %lld spans were lost: %s", (long long)lost,
                    why ? why : "the collector is slower than they come");
}

static void send_batch(sv_tracer *t, CURL *curl, const sv_span *spans, size_t count, long timeout_ms) {
    char answer[64];
    char *text = batch_text(t, spans, count);
    const char *why = text && curl ? post(t, curl, text, timeout_ms, answer) : "out of memory";
    free(text);
    if (why) {
        ev_mutex_lock(&t->lock);
        t->lost += (int64_t)count;
        ev_mutex_unlock(&t->lock);
    }
    log_lost(t, why);
}

/* What is there, once there is a batch or a second is over; *stopping: no more will come. */
static size_t take(sv_tracer *t, sv_span spans[BATCH], bool *stopping) {
    const struct timespec until = ev_clock_after(EVERY_S);
    ev_mutex_lock(&t->lock);
    while (!t->stopping && t->count < BATCH && ev_cond_wait_until(&t->changed, &t->lock, &until)) continue;
    size_t count = 0;
    for (; t->count && count < BATCH; count++, t->count--) {
        spans[count] = t->spans[t->first];
        t->first = (t->first + 1) % ROOM;
    }
    *stopping = t->stopping;
    ev_mutex_unlock(&t->lock);
    return count;
}

static void *main_of_thread(void *tracer) {
    sv_tracer *t = tracer;
    CURL *curl = curl_easy_init();
    sv_span *spans = malloc(BATCH * sizeof *spans);
    bool stopping = false;
    double until = 0;
    while (spans && (!stopping || until > 0)) {
        const size_t count = take(t, spans, &stopping);
        if (stopping && until <= 0) until = ev_clock_s() + LAST_TIMEOUT_MS * 1e-3;
        const double left_s = until - ev_clock_s();
        if (stopping && (!count || left_s <= 0.05)) break;
        if (count) send_batch(t, curl, spans, count, stopping ? (long)(left_s * 1000) : TIMEOUT_MS);
    }
    free(spans);
    curl_easy_cleanup(curl);
    return NULL;
}

/* ---- life ---- */

static ev_status set_url(sv_tracer *t, const char *url, ev_error *err) {
    static const char path[] = "/v1/traces";
    const size_t length = strlen(url), slash = length && url[length - 1] == '/';
    const bool whole = length >= strlen(path) && strcmp(url + length - strlen(path), path) == 0;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return ev_fail(err, EV_E_ARGUMENT, "otlp: it is no URL of a collector: give http://host:4318");
    const int size = snprintf(t->url, sizeof t->url, "%.*s%s", (int)(length - slash), url, whole ? "" : path);
    return size < (int)sizeof t->url ? EV_OK : ev_fail(err, EV_E_ARGUMENT, "otlp: the URL is too long");
}

ev_status sv_tracer_create(sv_tracer **out, const char *url, const char *service, sv_log *log, ev_error *err) {
    sv_tracer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return ev_fail(err, EV_E_MEMORY, "out of memory");
    t->log = log;
    snprintf(t->service, sizeof t->service, "%s", service);
    sv_trace_random(t->instance, SV_SPAN_ID);
    gethostname(t->host, sizeof t->host - 1);
    ev_mutex_init(&t->lock);
    ev_cond_init(&t->changed);
    ev_status status = set_url(t, url, err);
    t->spans = status == EV_OK ? calloc(ROOM, sizeof *t->spans) : NULL;
    if (status == EV_OK && !t->spans) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    if (status == EV_OK && pthread_create(&t->thread, NULL, main_of_thread, t) != 0)
        status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    if (status == EV_OK) {
        *out = t;
        return EV_OK;
    }
    free(t->spans);
    free(t);
    return status;
}

void sv_tracer_free(sv_tracer **tracer) {
    sv_tracer *t = *tracer;
    *tracer = NULL;
    if (!t) return;
    ev_mutex_lock(&t->lock);
    t->stopping = true;
    ev_cond_signal(&t->changed);
    ev_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    ev_cond_destroy(&t->changed);
    ev_mutex_destroy(&t->lock);
    free(t->spans);
    free(t);
}
