/* bench serve: how much speech a service carries. It checks the options, asks once to see that the service answers
 * with audio at all, holds each load for some seconds, and reports. load.h says what does what. */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT(field)       offsetof(load_values, field)
#define CONCURRENCY_MAX 100000

_Static_assert(sizeof(load_values) <= CLI_VALUES_MAX, "cli_values is too small");

/* ---- options that depend on each other ---- */

static bool has_control(const char *text) { /* a line feed in a header would begin another header */
    for (; text != NULL && *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return true;
    }
    return false;
}

static int check_values(const load_values *v) {
    if (v->concurrency != NULL && (v->rate != NULL || v->ramp)) {
        return cli_fail(CLI_USAGE,
                        "--concurrency is a closed loop, --rate and --ramp are open ones: give one of them");
    }
    if (v->stream && strcmp(v->api, "tts") == 0) {
        return cli_fail(CLI_USAGE, "--stream is for --api speech: jobs are fetched when they are complete");
    }
    if (v->reference_repeat > 0 && v->references == NULL) {
        return cli_fail(CLI_USAGE, "--reference-repeat says how often references are reused: give --references too");
    }
    if (has_control(v->key) || has_control(v->header)) {
        return cli_fail(CLI_USAGE, "--key or --header has a control character: give it on one line");
    }
    if (v->header != NULL && (strchr(v->header, ':') == NULL || v->header[0] == ':')) {
        return cli_fail(CLI_USAGE, "--header '%.60s' is no header: give NAME:VALUE", v->header);
    }
    if (v->metrics != NULL) {
        char url[512];
        return load_url_parse(url, sizeof url, v->metrics);
    }
    return CLI_OK;
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
    int code = CLI_OK;
    load_client_listen(run->client, (load_listener){.user = &p, .done = on_probe});
    load_client_begin(run->client, run->next_number++, ev_clock_s());
    while (code == CLI_OK && load_client_pending(run->client) > 0) {
        code = load_client_turn(run->client, ev_clock_s() + 1);
    }
    if (code != CLI_OK || p.sample.outcome == LOAD_OK || p.sample.outcome == LOAD_REJECTED) return code;
    return cli_fail(CLI_REMOTE, "%.200s does not give speech (%s): %s", run->url, p.fault, advice(&p.sample));
}

/* ---- steps ---- */

static int run_loads(load_run *run) {
    const load_values *v = run->values;
    double loads[LOAD_STEPS_MAX] = {1};
    size_t count = 1;
    int code = CLI_OK;
    if (v->concurrency != NULL) {
        code = load_numbers_parse(loads, LOAD_STEPS_MAX, &count, "concurrency", v->concurrency, 1, CONCURRENCY_MAX);
    } else if (v->rate != NULL) {
        code = load_numbers_parse(loads, v->ramp ? 1 : LOAD_STEPS_MAX, &count, "rate", v->rate, 0.01, 100000);
    }
    for (size_t i = 0; i < count && code == CLI_OK && v->concurrency != NULL; i++) {
        if (loads[i] != floor(loads[i]))
            code = cli_fail(CLI_USAGE, "--concurrency counts clients: give whole numbers");
        if (loads[i] > v->connections) {
            code = cli_fail(CLI_USAGE, "--concurrency %g needs as many connections: raise --connections", loads[i]);
        }
    }
    if (code == CLI_OK) code = first_request(run);
    if (code == CLI_OK && v->ramp) return load_ramp(run, loads[0]);
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        bool closed = v->concurrency != NULL;
        code = load_step_run(run, closed ? 0 : loads[i], closed ? (size_t)loads[i] : 0);
    }
    return code;
}

/* ---- reports ---- */

static int write_report(const char *path, const load_run *run, void (*print)(FILE *out, const load_run *run)) {
    char *bytes = NULL;
    size_t size = 0;
    if (path == NULL) return CLI_OK;
    FILE *out = open_memstream(&bytes, &size);
    if (out == NULL) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    print(out, run);
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    int code = failed ? cli_fail(CLI_FAILURE, "out of memory: free some and try again")
                      : cli_output_write(path, bytes, size);
    free(bytes);
    return code;
}

static int report(const load_run *run) {
    const load_values *v = run->values;
    bool taken = (v->json != NULL && strcmp(v->json, "-") == 0) || (v->html != NULL && strcmp(v->html, "-") == 0) ||
                 (v->markdown != NULL && strcmp(v->markdown, "-") == 0);
    if (!taken) load_print_table(stdout, run);
    int json = write_report(v->json, run, load_print_json);
    int markdown = write_report(v->markdown, run, load_print_markdown);
    int html = write_report(v->html, run, load_print_html);
    return json != CLI_OK ? json : markdown != CLI_OK ? markdown : html;
}

/* ---- the command ---- */

static int run_all(load_run *run) {
    const load_values *v = run->values;
    int code = check_values(v);
    if (code == CLI_OK) code = load_url_parse(run->url, sizeof run->url, v->url);
    if (code == CLI_OK) code = load_mix_open(&run->mix, v, run->seed);
    if (code == CLI_OK) code = load_client_open(&run->client, run);
    if (code != CLI_OK) return code;
    run->start_s = ev_clock_s();
    code = run_loads(run);
    if (code == CLI_OK && run->steps[0].summary.offered == 0) { /* clients that waited for an answer all the while */
        return cli_fail(CLI_FAILURE, "no request began within %g s, as answers take longer: give more --seconds",
                        (double)v->seconds);
    }
    if (run->step_count == 0 || run->steps[0].summary.offered == 0) return code;
    int reported = report(run); /* also when a later step failed: what was measured is true */
    return code != CLI_OK ? code : reported;
}

static int run_bench_serve(const void *values, const cli_operands *operands) {
    load_values v = *(const load_values *)values;
    load_run *r = calloc(1, sizeof *r);
    struct timespec now;
    (void)operands;
    if (r == NULL) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    if (v.rate == NULL && v.concurrency == NULL) v.ramp = true;
    clock_gettime(CLOCK_REALTIME, &now);
    r->seed = v.seed != 0 ? v.seed : load_hash((uint64_t)now.tv_nsec, (uint64_t)now.tv_sec, 0) >> 32;
    r->values = &v;
    int code = run_all(r);
    load_client_close(r->client);
    load_mix_close(&r->mix);
    for (size_t i = 0; i < r->step_count; i++) {
        free(r->steps[i].samples);
        free(r->steps[i].series);
    }
    free(r);
    return code;
}

static void init(void *values) {
    load_values *v = values;
    v->url = "http://127.0.0.1:8080";
    v->api = "speech";
    v->model = "tts-1";
    v->format = "wav";
    v->lengths = "short";
    v->seconds = 20;
    v->warmup = 2;
    v->timeout = 30;
    v->p95 = 1.2f;
    v->speed = v->pitch_scale = 1;
    v->poll = 0.02f;
    v->connections = 4096;
    v->sample_rate = 24000;
}

static const char *const apis[] = {"speech", "tts", NULL};
static const char *const formats[] = {"wav", "pcm", NULL};
static const char *const lengths[] = {"short", "mixed", "long", NULL};

#define TEXT_OPTION(field, flag, what, meaning)                                                                      \
    { .name = flag, .kind = CLI_STRING, .offset = AT(field), .value = what, .help = meaning }
#define REAL_OPTION(field, flag, what, least, most, meaning)                                                         \
    {                                                                                                                \
        .name = flag, .kind = CLI_REAL, .offset = AT(field), .value = what, .low = least, .high = most,              \
        .help = meaning                                                                                              \
    }
#define CHOICE_OPTION(field, flag, list, meaning)                                                                    \
    { .name = flag, .kind = CLI_CHOICE, .offset = AT(field), .choices = list, .help = meaning }

static const cli_option options[] = {
    TEXT_OPTION(url, "url", "URL", "address of the service"),
    CHOICE_OPTION(api, "api", apis, "POST /v1/audio/speech, or jobs: POST /tts and fetch what comes of it"),
    TEXT_OPTION(key, "key", "KEY", "sent as a bearer token"),
    TEXT_OPTION(header, "header", "NAME:VALUE", "one more header of every request"),
    TEXT_OPTION(rate, "rate", "LIST", "open loop: requests a second, a step for each, e.g. 5,10,20"),
    {.name = "ramp",
     .kind = CLI_FLAG,
     .offset = AT(ramp),
     .help = "search for the highest stable rate, from --rate or 1 a second on; what is done if no load is given"},
    TEXT_OPTION(concurrency, "concurrency", "LIST", "closed loop: clients that wait for their answer, e.g. 1,4,16"),
    REAL_OPTION(seconds, "seconds", "X", 0.1, 86400, "how long each load is held"),
    REAL_OPTION(warmup, "warmup", "X", 0, 3600, "seconds of the same load before, not counted"),
    REAL_OPTION(p95, "p95", "X", 0.001, 3600, "a stable rate has 95 % of its answers within so many seconds"),
    REAL_OPTION(timeout, "timeout", "X", 0.01, 3600, "seconds after which a request has failed"),
    TEXT_OPTION(text, "text", "FILE", "what to speak, one sentence a line, in place of English and Mandarin ones"),
    CHOICE_OPTION(lengths, "lengths", lengths, "one sentence, one to four, or four"),
    REAL_OPTION(repeat, "repeat", "SHARE", 0, 1, "share of requests that were made before; else none is"),
    TEXT_OPTION(voices, "voices", "LIST", "voices to speak with, by chance"),
    TEXT_OPTION(emotions, "emotions", "LIST", "emotions to speak with, by chance"),
    TEXT_OPTION(references, "references", "DIR", "directory of .wav files to send as reference_audio"),
    REAL_OPTION(reference_repeat, "reference-repeat", "SHARE", 0, 1,
                "share of requests that send a file as it is; else it is changed, inaudibly, and so new"),
    REAL_OPTION(speed, "speed", "X", 0.25, 4, "rate of speech to ask for"),
    REAL_OPTION(pitch_scale, "pitch-scale", "X", 0.5, 2, "factor on the pitch to ask for"),
    TEXT_OPTION(model, "model", "NAME", "model to ask for; --api speech"),
    CHOICE_OPTION(format, "format", formats, "audio format to ask for"),
    {.name = "sample-rate",
     .kind = CLI_INT,
     .offset = AT(sample_rate),
     .value = "HZ",
     .low = 4000,
     .high = 384000,
     .help = "of pcm, where the answer has no X-Sample-Rate that says it"},
    {.name = "stream",
     .kind = CLI_FLAG,
     .offset = AT(stream),
     .help = "ask for a stream, and play it: counts the gaps of more than 100 ms"},
    REAL_OPTION(poll, "poll", "X", 0.001, 60, "seconds between questions about a job; --api tts"),
    {.name = "connections",
     .kind = CLI_INT,
     .offset = AT(connections),
     .value = "N",
     .low = 1,
     .high = 500000,
     .help = "requests under way at most; what comes on top waits, and its latency runs"},
    TEXT_OPTION(source_addresses, "source-addresses", "A-B",
                "connect from these addresses of this machine in turn, e.g. 127.0.0.2-127.0.0.51"),
    TEXT_OPTION(metrics, "metrics", "URL", "the service's Prometheus metrics, read every second with the same --key"),
    {.name = "seed",
     .kind = CLI_SEED,
     .offset = AT(seed),
     .value = "N",
     .help = "of all chance: the same seed asks the same at the same times; 0: another one each time"},
    TEXT_OPTION(json, "json", "FILE", "write all figures as JSON, times in seconds; -: to standard output"),
    TEXT_OPTION(markdown, "markdown", "FILE", "write the table as Markdown"),
    TEXT_OPTION(html, "html", "FILE", "write a page with plots, all in one file"),
    CLI_OPTION_QUIET(load_values),
    {.name = NULL}};

static const cli_example examples[] = {
    {"emotivoice bench serve --html load.html", "how many requests a second does the service here carry?"},
    {"emotivoice bench serve --rate 10,20,40 --stream --json load.json", "first audio and gaps at three loads"},
    {"emotivoice bench serve --url http://10.0.0.7:8000/v1 --voices alloy --concurrency 1,4,16",
     "another service that speaks OpenAI's API"},
    {NULL, NULL}};

const cli_command cli_bench_serve = {
    .name = "bench serve",
    .synopsis = "",
    .summary = "measure how much speech a service carries",
    .description =
        "Asks a running service for speech, at chosen rates, from a number of clients, or in search of the highest "
        "rate it sustains, and prints latency percentiles, throughput, rejections and errors. At a rate, requests "
        "come at random times that do not wait for answers, and latency counts from the time a request was due. "
        "Every "
        "text differs, so that a cache of results does not help unless --repeat asks for it. Proxies of the "
        "environment are not used.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(load_values),
    .init = init,
    .run = run_bench_serve};
