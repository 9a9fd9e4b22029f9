/* main: how much speech a service carries. It checks the options, asks once to see that the service answers with
 * audio at all, holds each load for some seconds, and reports. loadtest.h says what does what. */
#include "loadtest.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONCURRENCY_MAX 100000

/* ---- options that depend on each other ---- */

static bool has_control(const char *text) { /* a line feed in a header would begin another header */
    for (; text != NULL && *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return true;
    }
    return false;
}

static int check_values(const load_values *v) {
    if (v->concurrency != NULL && (v->rate != NULL || v->ramp)) {
        return load_fail(LOAD_EXIT_USAGE,
                         "--concurrency is a closed loop, --rate and --ramp are open ones: give one of them");
    }
    if (v->stream && strcmp(v->api, "tts") == 0) {
        return load_fail(LOAD_EXIT_USAGE, "--stream is for --api speech: jobs are fetched when they are complete");
    }
    if (v->reference_repeat > 0 && v->references == NULL) {
        return load_fail(LOAD_EXIT_USAGE,
                         "--reference-repeat says how often references are reused: give --references too");
    }
    if (has_control(v->key) || has_control(v->header)) {
        return load_fail(LOAD_EXIT_USAGE, "--key or --header has a control character: give it on one line");
    }
    if (v->header != NULL && (strchr(v->header, ':') == NULL || v->header[0] == ':')) {
        return load_fail(LOAD_EXIT_USAGE, "--header '%.60s' is no header: give NAME:VALUE", v->header);
    }
    if (v->metrics != NULL) {
        char url[512];
        return load_url_parse(url, sizeof url, v->metrics);
    }
    return LOAD_EXIT_OK;
}

/* ---- the first request ---- */

typedef struct probe {
    load_sample sample;
    char fault[160];
} probe;

static void on_probe(void *user, const load_sample *sample, const char *fault) {
    probe *p = user;
    p->sample = *sample;
    snprintf(p->fault, sizeof p->fault, "%s", fault);
}

static const char *advice(const load_sample *sample) {
    if (sample->outcome == LOAD_CONNECT) return "start it, or give its address with --url";
    if (sample->outcome == LOAD_TIMEOUT) return "see its log, or give it more time with --timeout";
    if (sample->outcome != LOAD_STATUS) return "check --url, --api and --format";
    switch (sample->status) {
    case 401:
    case 403: return "check --key";
    case 404: return "check --url and --api";
    case 400:
    case 422: return "check --model, --voices and --emotions";
    default: return "see its log";
    }
}

/* A service that refuses everything is not worth a load. One that says "too busy" is. */
static int first_request(load_run *run) {
    probe p = {0};
    int code = LOAD_EXIT_OK;
    load_client_listen(run->client, (load_listener){.user = &p, .done = on_probe});
    load_client_begin(run->client, run->next_number++, ev_clock_s());
    while (code == LOAD_EXIT_OK && load_client_pending(run->client) > 0) {
        code = load_client_turn(run->client, ev_clock_s() + 1);
    }
    if (code != LOAD_EXIT_OK || p.sample.outcome == LOAD_OK || p.sample.outcome == LOAD_REJECTED) return code;
    return load_fail(LOAD_EXIT_REMOTE, "%.60s does not give speech (%.100s): %s", run->url, p.fault,
                     advice(&p.sample));
}

/* ---- steps ---- */

static int run_loads(load_run *run) {
    const load_values *v = run->values;
    double loads[LOAD_STEPS_MAX] = {1};
    size_t count = 1;
    int code = LOAD_EXIT_OK;
    if (v->concurrency != NULL) {
        code = load_numbers_parse(loads, LOAD_STEPS_MAX, &count, "concurrency", v->concurrency, 1, CONCURRENCY_MAX);
    } else if (v->rate != NULL) {
        code = load_numbers_parse(loads, v->ramp ? 1 : LOAD_STEPS_MAX, &count, "rate", v->rate, 0.01, 100000);
    }
    for (size_t i = 0; i < count && code == LOAD_EXIT_OK && v->concurrency != NULL; i++) {
        if (loads[i] != floor(loads[i]))
            code = load_fail(LOAD_EXIT_USAGE, "--concurrency counts clients: give whole numbers");
        if (loads[i] > v->connections) {
            code = load_fail(LOAD_EXIT_USAGE, "--concurrency %g needs as many connections: raise --connections",
                             loads[i]);
        }
    }
    if (code == LOAD_EXIT_OK) code = first_request(run);
    if (code == LOAD_EXIT_OK && v->ramp) return load_ramp(run, loads[0]);
    for (size_t i = 0; i < count && code == LOAD_EXIT_OK; i++) {
        bool closed = v->concurrency != NULL;
        code = load_step_run(run, closed ? 0 : loads[i], closed ? (size_t)loads[i] : 0);
    }
    return code;
}

/* ---- the program ---- */

static int report(const load_run *run) {
    ev_buf text = {0};
    load_put_report(&text, run);
    const int code = load_file_write(run->values->json, &text);
    ev_buf_free(&text);
    return code;
}

static int run_all(load_run *run) {
    const load_values *v = run->values;
    int code = check_values(v);
    if (code == LOAD_EXIT_OK) code = load_url_parse(run->url, sizeof run->url, v->url);
    if (code == LOAD_EXIT_OK) code = load_mix_open(&run->mix, v, run->seed);
    if (code == LOAD_EXIT_OK) code = load_client_open(&run->client, run);
    if (code != LOAD_EXIT_OK) return code;
    run->start_s = ev_clock_s();
    code = run_loads(run);
    if (code == LOAD_EXIT_OK && run->steps[0].summary.offered == 0) { /* clients waited for an answer all the while */
        return load_fail(LOAD_EXIT_FAILURE,
                         "no request began within %g s, as answers take longer: give more --seconds",
                         (double)v->seconds);
    }
    if (run->step_count == 0 || run->steps[0].summary.offered == 0) return code;
    const int reported = report(run); /* also when a later step failed: what was measured is true */
    return code != LOAD_EXIT_OK ? code : reported;
}

int main(int argc, char **argv) {
    load_values v;
    struct timespec now;
    int code = load_options_parse(&v, argc, argv);
    if (code != LOAD_EXIT_OK) return code;
    load_run *r = calloc(1, sizeof *r);
    if (r == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: free some and try again");
    signal(SIGPIPE, SIG_IGN); /* a write then fails with EPIPE */
    if (v.rate == NULL && v.concurrency == NULL) v.ramp = true;
    clock_gettime(CLOCK_REALTIME, &now);
    r->seed = v.seed != 0 ? v.seed : load_hash((uint64_t)now.tv_nsec, (uint64_t)now.tv_sec, 0) >> 32;
    r->values = &v;
    code = run_all(r);
    load_client_close(r->client);
    load_mix_close(&r->mix);
    for (size_t i = 0; i < r->step_count; i++) {
        free(r->steps[i].samples);
        free(r->steps[i].series);
    }
    free(r);
    return code;
}
