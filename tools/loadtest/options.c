/* options: the command line, by one table. argp parses it and prints --help; what a value may be stands in its row.
 */
#include "loadtest.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"

#define CONNECTIONS_MAX 500000

const char *argp_program_version = "loadtest " EV_VERSION_STRING;

typedef enum option_kind {
    KIND_FLAG,   /* bool */
    KIND_TEXT,   /* const char *, not empty */
    KIND_CHOICE, /* const char *, one of `choices` */
    KIND_INT,    /* int32_t, low..high */
    KIND_REAL,   /* float, low..high */
    KIND_SEED    /* uint64_t, any */
} option_kind;

typedef struct option_row {
    const char *name, *value; /* value: the placeholder in --help; NULL: it takes none */
    option_kind kind;
    size_t offset; /* in load_values */
    double low, high;
    const char *const *choices; /* NULL-terminated */
    const char *help;
    char letter; /* 0: no short form */
} option_row;

static const char *const apis[] = {"speech", "tts", NULL};
static const char *const formats[] = {"wav", "pcm", NULL};
static const char *const lengths[] = {"short", "mixed", "long", NULL};

#define AT(field) offsetof(load_values, field)
#define TEXT(field, name, value, help)                                                                               \
    { name, value, KIND_TEXT, AT(field), 0, 0, NULL, help, 0 }
#define REAL(field, name, value, low, high, help)                                                                    \
    { name, value, KIND_REAL, AT(field), low, high, NULL, help, 0 }
#define INT(field, name, value, low, high, help)                                                                     \
    { name, value, KIND_INT, AT(field), low, high, NULL, help, 0 }
#define CHOICE(field, name, value, choices, help)                                                                    \
    { name, value, KIND_CHOICE, AT(field), 0, 0, choices, help, 0 }
#define FLAG(field, name, letter, help)                                                                              \
    { name, NULL, KIND_FLAG, AT(field), 0, 0, NULL, help, letter }

static const option_row rows[] = {
    TEXT(url, "url", "URL", "address of the service"),
    CHOICE(api, "api", "speech|tts", apis, "POST /v1/audio/speech, or jobs: POST /tts and fetch what comes of it"),
    TEXT(key, "key", "KEY", "sent as a bearer token"),
    TEXT(header, "header", "NAME:VALUE", "one more header of every request"),
    TEXT(rate, "rate", "LIST", "open loop: requests a second, a step for each, e.g. 5,10,20"),
    FLAG(ramp, "ramp", 0,
         "search for the highest stable rate, from --rate or 1 a second on; what is done if no load is given"),
    TEXT(concurrency, "concurrency", "LIST", "closed loop: clients that wait for their answer, e.g. 1,4,16"),
    REAL(seconds, "seconds", "X", 0.1, 86400, "how long each load is held"),
    REAL(warmup, "warmup", "X", 0, 3600, "seconds of the same load before, not counted"),
    REAL(p95, "p95", "X", 0.001, 3600, "a stable rate has 95 % of its answers within so many seconds"),
    REAL(timeout, "timeout", "X", 0.01, 3600, "seconds after which a request has failed"),
    TEXT(text, "text", "FILE", "what to speak, one sentence a line, in place of English and Mandarin ones"),
    CHOICE(lengths, "lengths", "short|mixed|long", lengths, "one sentence, one to four, or four"),
    REAL(repeat, "repeat", "SHARE", 0, 1, "share of requests that were made before; else none is"),
    TEXT(voices, "voices", "LIST", "voices to speak with, by chance"),
    TEXT(emotions, "emotions", "LIST", "emotions to speak with, by chance"),
    TEXT(references, "references", "DIR", "directory of .wav files to send as reference_audio"),
    REAL(reference_repeat, "reference-repeat", "SHARE", 0, 1,
         "share of requests that send a file as it is; else it is changed, inaudibly, and so new"),
    REAL(speed, "speed", "X", 0.25, 4, "rate of speech to ask for"),
    REAL(pitch_scale, "pitch-scale", "X", 0.5, 2, "factor on the pitch to ask for"),
    TEXT(model, "model", "NAME", "model to ask for; --api speech"),
    CHOICE(format, "format", "wav|pcm", formats, "audio format to ask for"),
    INT(sample_rate, "sample-rate", "HZ", 4000, 384000, "of pcm, where the answer has no X-Sample-Rate that says it"),
    FLAG(stream, "stream", 0, "ask for a stream, and play it: counts the gaps of more than 100 ms"),
    REAL(poll, "poll", "X", 0.001, 60, "seconds between questions about a job; --api tts"),
    INT(connections, "connections", "N", 1, CONNECTIONS_MAX,
        "requests under way at most; what comes on top waits, and its latency runs"),
    TEXT(source_addresses, "source-addresses", "A-B",
         "connect from these addresses of this machine in turn, e.g. 127.0.0.2-127.0.0.51"),
    TEXT(metrics, "metrics", "URL", "the service's Prometheus metrics, read every second with the same --key"),
    {"seed", "N", KIND_SEED, AT(seed), 0, 0, NULL,
     "of all chance: the same seed asks the same at the same times; 0: another one each time", 0},
    TEXT(json, "json", "FILE", "where to write the figures, times in seconds; -: to standard output"),
    FLAG(quiet, "quiet", 'q', "no progress and no notes, only errors"),
};

static load_values defaults(void) {
    return (load_values){.url = "http://127.0.0.1:8080",
                         .api = "speech",
                         .model = "tts-1",
                         .format = "wav",
                         .lengths = "short",
                         .json = "-",
                         .seconds = 20,
                         .warmup = 2,
                         .timeout = 30,
                         .p95 = 1.2f,
                         .speed = 1,
                         .pitch_scale = 1,
                         .poll = 0.02f,
                         .connections = 4096,
                         .sample_rate = 24000};
}

/* ---- values ---- */

static int set_choice(const option_row *row, const char *given, const char **value) {
    ev_near near = ev_near_to(given);
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        ev_near_offer(&near, row->choices[i], strlen(row->choices[i]));
        if (strcmp(row->choices[i], given) == 0) {
            *value = row->choices[i];
            return LOAD_EXIT_OK;
        }
    }
    if (near.found[0] == '\0')
        return load_fail(LOAD_EXIT_USAGE, "--%s '%.40s' is unknown: give one of %s", row->name, given, row->value);
    return load_fail(LOAD_EXIT_USAGE, "--%s '%.40s' is unknown: did you mean '%s'? (one of %s)", row->name, given,
                     near.found, row->value);
}

static int set_number(const option_row *row, const char *given, double *value) {
    char *end = NULL;
    *value = strtod(given, &end);
    const bool whole = row->kind != KIND_INT || *value == floor(*value);
    if (end != given && *end == '\0' && isfinite(*value) && whole && *value >= row->low && *value <= row->high)
        return LOAD_EXIT_OK;
    return load_fail(LOAD_EXIT_USAGE, "--%s '%.40s': give a %snumber from %g to %g", row->name, given,
                     row->kind == KIND_INT ? "whole " : "", row->low, row->high);
}

static int set_seed(const option_row *row, const char *given, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(given, &end, 10);
    if (given[0] >= '0' && given[0] <= '9' && *end == '\0' && errno == 0) return LOAD_EXIT_OK;
    return load_fail(LOAD_EXIT_USAGE,
                     "--%s '%.40s' is not a seed: give a whole number from 0 to 18446744073709551615", row->name,
                     given);
}

static int set_value(const option_row *row, const char *given, load_values *values) {
    void *place = (char *)values + row->offset;
    double number = 0;
    int code = LOAD_EXIT_OK;
    switch (row->kind) {
    case KIND_FLAG: *(bool *)place = true; return LOAD_EXIT_OK;
    case KIND_TEXT:
        if (given[0] == '\0') return load_fail(LOAD_EXIT_USAGE, "--%s is empty: give %s", row->name, row->value);
        *(const char **)place = given;
        return LOAD_EXIT_OK;
    case KIND_CHOICE: return set_choice(row, given, place);
    case KIND_SEED: return set_seed(row, given, place);
    case KIND_INT:
        code = set_number(row, given, &number);
        if (code == LOAD_EXIT_OK) *(int32_t *)place = (int32_t)number;
        return code;
    case KIND_REAL:
        code = set_number(row, given, &number);
        if (code == LOAD_EXIT_OK) *(float *)place = (float)number;
        return code;
    }
    return code;
}

/* ---- argp ---- */

enum { FIRST_KEY = 256 }; /* of the rows without a letter: no character */

typedef struct parse {
    load_values *values;
    int code;
} parse;

static int key_of(size_t row) { return rows[row].letter != 0 ? rows[row].letter : FIRST_KEY + (int)row; }

static error_t on_option(int key, char *given, struct argp_state *state) {
    parse *p = state->input;
    if (key == ARGP_KEY_ARG) {
        p->code = load_fail(LOAD_EXIT_USAGE, "'%.40s' is one argument too many: see loadtest --help", given);
        return EINVAL;
    }
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        if (key != key_of(i)) continue;
        p->code = set_value(&rows[i], given, p->values);
        return p->code == LOAD_EXIT_OK ? 0 : EINVAL;
    }
    return ARGP_ERR_UNKNOWN;
}

/* What the row says about values: its range and its default. */
static void put_limits(ev_buf *out, const option_row *row, const load_values *values) {
    const void *place = (const char *)values + row->offset;
    if (row->kind == KIND_INT)
        ev_buf_printf(out, " (%g to %g, default %d)", row->low, row->high, *(const int32_t *)place);
    else if (row->kind == KIND_REAL)
        ev_buf_printf(out, " (%g to %g, default %g)", row->low, row->high, (double)*(const float *)place);
    else if ((row->kind == KIND_TEXT || row->kind == KIND_CHOICE) && *(const char *const *)place != NULL)
        ev_buf_printf(out, " (default %s)", *(const char *const *)place);
}

static const char about[] =
    "Asks a running service for speech, at chosen rates, from a number of clients, or in search of the highest rate "
    "it "
    "sustains, and writes latency percentiles, throughput, rejections and errors as JSON; tools/loadtest/report.py "
    "makes a table or a page of them.\v"
    "At a rate, requests come at random times that do not wait for answers, and latency counts from the time a "
    "request "
    "was due. Every text differs, so that a cache of results does not help unless --repeat asks for it. Proxies of "
    "the "
    "environment are not used.\n\n"
    "Exit status: 0 success, 1 failure, 2 the command line is wrong, 4 a file is not what it must be, 6 the service "
    "does not give speech.\n\n"
    "Examples:\n"
    "  loadtest | tools/loadtest/report.py --html load.html\n"
    "  loadtest --rate 10,20,40 --stream --json load.json\n"
    "  loadtest --url http://10.0.0.7:8000/v1 --voices alloy --concurrency 1,4,16";

int load_options_parse(load_values *values, int argc, char **argv) {
    struct argp_option options[EV_ARRAY_COUNT(rows) + 1] = {0};
    ev_buf helps[EV_ARRAY_COUNT(rows)] = {0};
    *values = defaults();
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        ev_buf_printf(&helps[i], "%s", rows[i].help);
        put_limits(&helps[i], &rows[i], values);
        options[i] = (struct argp_option){.name = rows[i].name,
                                          .key = key_of(i),
                                          .arg = rows[i].value,
                                          .doc = helps[i].failed ? rows[i].help : (const char *)helps[i].data};
    }
    const struct argp argp = {.options = options, .parser = on_option, .doc = about};
    parse p = {.values = values, .code = LOAD_EXIT_OK};
    argp_err_exit_status = LOAD_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &p) != 0 && p.code == LOAD_EXIT_OK) p.code = LOAD_EXIT_FAILURE;
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) ev_buf_free(&helps[i]);
    return p.code;
}
