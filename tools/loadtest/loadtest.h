/* loadtest: what the files of the load test share: a program that asks a speech service over HTTP, at chosen loads,
 * and writes what came of it as JSON. report.py makes a table or a page of that. Of the product it uses src/base
 * alone; of the service it knows what its clients know.
 *
 *   main.c                            START HERE: the order of things
 *   options.c values.c                the command line; options that are lists: rates, names, addresses
 *   sentences.c reference.c mix.c     what is asked: the body of request number N, from the seed alone
 *   client.c request.c               how it is asked: one thread, one curl multi handle, one epoll, one timer
 *   audio.c                           what is heard: the answer's audio checked and played, as it arrives
 *   step.c ramp.c                     when it is asked: one load for some seconds; the search for the highest load
 *   stats.c metrics.c                 what came of it, from the samples and from the service's own counters
 *   json.c files.c                    how it is told
 *   report.py plot.py                 the JSON as a table, as Markdown, as a page with plots
 *
 * arrivals -> load_client_begin -> slots (one transfer each) -> load_sample -> load_step.samples -> load_summary
 *
 * Open loop: a request has a scheduled time that no earlier answer can move, and its latency begins there, not when a
 * connection was free. So a service that stalls is charged for everyone who would have come meanwhile. */
#ifndef LOADTEST_H
#define LOADTEST_H

#include <stdio.h>

#include "base/base.h"

#define LOAD_STEPS_MAX    64
#define LOAD_UNDERRUN_S   0.1  /* a listener hears a gap that is longer */
#define LOAD_ERRORS_MAX   0.01 /* a stable rate fails less often ... */
#define LOAD_ACHIEVED_MIN 0.98 /* ... and keeps up this well */
#define LOAD_BUCKETS_MAX  24
#define LOAD_STATUSES_MAX 8

typedef struct load_values { /* the options, named like them */
    const char *url, *api, *key, *header, *rate, *concurrency, *text, *lengths, *voices, *emotions, *references;
    const char *model, *format, *source_addresses, *metrics, *json;
    uint64_t seed;
    float seconds, warmup, timeout, p95, repeat, reference_repeat, speed, pitch_scale, poll;
    int32_t connections, sample_rate;
    bool ramp, stream, quiet;
} load_values;

/* The command's own numbers. */
enum {
    LOAD_EXIT_OK = 0,
    LOAD_EXIT_FAILURE = 1,
    LOAD_EXIT_USAGE = 2,
    LOAD_EXIT_INPUT = 4,
    LOAD_EXIT_REMOTE = 6,
    LOAD_EXIT_PIPE = 141
};

/* ---- options.c: --help and what argp itself refuses end the program ---- */
int load_options_parse(load_values *values, int argc, char **argv);

/* ---- files.c ---- */
/* Prints "loadtest: LINE" on standard error, safe characters only, and returns `code`. The line names the fault and,
 * after a colon, what to change. */
int load_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void load_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* the same line, not an error */
int load_file_read(ev_buf *out, const char *path, size_t size_max);            /* at most so much of it */
int load_file_write(const char *path, const ev_buf *bytes);                    /* "-": standard output */

/* ---- values.c ---- */
typedef struct load_names {
    char *storage;      /* owned */
    const char **items; /* owned; point into storage */
    size_t count;
} load_names;
int load_names_parse(load_names *out, const char *option, const char *given); /* "a,b"; NULL: none */
void load_names_free(load_names *names);
int load_numbers_parse(double *out, size_t room, size_t *count, const char *option, const char *given, double low,
                       double high);
int load_addresses_parse(uint32_t *first, uint32_t *count, const char *given); /* "127.0.0.2-127.0.0.51" */
int load_url_parse(char *out, size_t room, const char *given);                 /* without a closing "/" or "/v1" */
void load_put_text(ev_buf *out, const char *text);

/* ---- sentences.c, reference.c, mix.c ---- */
uint64_t load_hash(uint64_t seed, uint64_t a, uint64_t b); /* the only source of chance: no state, so repeatable */
double load_share(uint64_t hash);                          /* 0 <= share < 1 */
extern const char *const load_sentences[];                 /* English and Mandarin by turns */
extern const size_t load_sentence_count;
void load_put_name(ev_buf *out, const char *sentence, uint64_t serial); /* the sentence, spoken to someone */

typedef struct load_reference {
    ev_buf wav;   /* owned */
    char *base64; /* owned */
    size_t base64_size, samples_at;
} load_reference;
int load_references_read(load_reference **out, size_t *count, const char *directory);
/* fresh: with the low bits of some samples set from `serial`, so that the service has not heard it before. */
void load_put_reference(ev_buf *out, const load_reference *reference, bool fresh, uint32_t serial);
void load_references_free(load_reference *references, size_t count);

typedef struct load_mix {
    const load_values *values;
    uint64_t seed;
    ev_buf storage;         /* the text file; owned */
    const char **sentences; /* owned; point into storage or to load_sentences */
    size_t sentence_count;
    load_names voices, emotions;
    load_reference *references;
    size_t reference_count;
} load_mix;
int load_mix_open(load_mix *mix, const load_values *values, uint64_t seed);
void load_mix_body(const load_mix *mix, uint64_t number, ev_buf *out);
void load_mix_close(load_mix *mix);

/* ---- audio.c ---- */
#define LOAD_HEAD_BYTES 4096 /* a wav header, with room for chunks that some writers put first */
typedef struct load_audio {
    bool wav, in_data, sounding;
    unsigned char head[LOAD_HEAD_BYTES];
    size_t head_size;
    double bytes_per_s;
    uint64_t bytes, declared; /* of audio; declared UINT64_MAX: the header does not say */
    double first_s, played_s; /* clock: when the first audio came, when what came so far is played */
    double longest_gap_s;
    uint32_t underruns;
    const char *fault; /* NULL: good so far */
} load_audio;
void load_audio_start(load_audio *audio, bool wav, int32_t pcm_rate);
/* What a header says of the rate, if it is pcm, which says nothing itself; nonsense is passed over. */
void load_audio_rate(load_audio *audio, const char *text, size_t size);
void load_audio_take(load_audio *audio, const void *bytes, size_t size, double now_s);
const char *load_audio_end(load_audio *audio); /* NULL, or what is wrong with it */
double load_audio_seconds(const load_audio *audio);

/* ---- samples ---- */
#define LOAD_OUTCOME_MAP(X)                                                                                          \
    X(OK, "ok")             /* answered with audio */                                                                \
    X(REJECTED, "rejected") /* 429 or 503 */                                                                         \
    X(STATUS, "status")     /* another HTTP status than the one expected */                                          \
    X(CONNECT, "connect")   /* no connection */                                                                      \
    X(TIMEOUT, "timeout")   /* no whole answer in time */                                                            \
    X(BROKEN, "broken")     /* the connection broke */                                                               \
    X(AUDIO, "audio")       /* the body is not the audio asked for */                                                \
    X(JOB, "job")           /* the job failed, or its state is not understood */
typedef enum load_outcome {
#define LOAD_OUTCOME_ENUM(id, name) LOAD_##id,
    LOAD_OUTCOME_MAP(LOAD_OUTCOME_ENUM)
#undef LOAD_OUTCOME_ENUM
        LOAD_OUTCOMES
} load_outcome;
extern const char *const load_outcome_names[];

typedef struct load_sample { /* one request; times are the clock's until the step makes them its own */
    double at_s, end_s;      /* scheduled, finished */
    float lag_s, first_byte_s, first_audio_s, audio_s, gap_s; /* first ones from at_s; -1: never */
    uint64_t bytes;
    uint32_t underruns;
    int16_t status;
    uint8_t outcome;
    bool sent, retry_after;
} load_sample;

typedef struct load_spread { /* exact: nearest rank on the sorted samples */
    size_t count;
    double mean, p50, p90, p95, p99, max; /* NaN where there is no sample */
} load_spread;

typedef struct load_summary {
    size_t offered, sent, counts[LOAD_OUTCOMES], errors; /* errors: neither ok nor rejected */
    size_t retry_after, underruns, streams_with_underruns;
    struct {
        int status;
        size_t count;
    } statuses[LOAD_STATUSES_MAX]; /* that were not expected, rejections included; ends with count 0 */
    double offered_rate, achieved_rate, kept_up, audio_s, audio_rate, longest_gap_s;
    uint64_t bytes;
    load_spread latency, first_byte, first_audio, rejected, lag;
    bool stable;
} load_summary;

/* ---- metrics.c ---- */
typedef struct load_snapshot {
    double at_s; /* clock; the step makes it its own */
    bool has_batch, has_queue, has_cache;
    size_t buckets;
    double bounds[LOAD_BUCKETS_MAX], cumulative[LOAD_BUCKETS_MAX];
    double batch_sum, batch_count, queue_jobs, hits, lookups;
} load_snapshot;
void load_snapshot_parse(load_snapshot *out, const char *text); /* Prometheus text format */

typedef struct load_server { /* what the service counted during one step; NaN where it counts nothing */
    double mean_batch, hit_share, queue_max;
} load_server;
load_server load_server_between(const load_snapshot *series, size_t count);

/* ---- step.c, stats.c ---- */
typedef struct load_step {
    double rate;             /* open loop: arrivals a second */
    size_t concurrency;      /* closed loop: clients; 0: open loop */
    double seconds, begin_s; /* begin_s: since the start of the run */
    load_sample *samples;    /* owned; warm-up first, at negative times */
    size_t sample_count, sample_room;
    load_snapshot *series; /* owned; before, every second, after */
    size_t series_count, series_room;
    char faults[LOAD_OUTCOMES][160]; /* the first of each kind, in words */
    bool failed;                     /* out of memory */
    load_summary summary;
    load_server server;
} load_step;

typedef struct load_client load_client;
typedef struct load_run {
    const load_values *values;
    char url[512]; /* the service's, tidied */
    uint64_t seed, next_number;
    load_mix mix;
    load_client *client;
    double start_s;
    load_step steps[LOAD_STEPS_MAX];
    size_t step_count;
    double stable_rate; /* found by the ramp; 0: none */
} load_run;

int load_step_run(load_run *run, double rate, size_t concurrency);
int load_ramp(load_run *run, double first_rate);
void load_summarise(load_step *step, double p95_limit_s);

/* ---- client.c ---- */
typedef struct load_listener {
    void *user;
    void (*done)(void *user, const load_sample *sample, const char *fault);
    void (*metrics)(void *user, const char *text); /* NULL: they could not be read */
} load_listener;
int load_client_open(load_client **out, const load_run *run);
void load_client_listen(load_client *client, load_listener listener);
void load_client_begin(load_client *client, uint64_t number, double at_s);
void load_client_scrape(load_client *client); /* the metrics, unless they are being read already */
bool load_client_scraping(const load_client *client);
int load_client_turn(load_client *client, double until_s); /* one wait and what came of it */
size_t load_client_pending(const load_client *client);     /* begun and not finished */
void load_client_close(load_client *client);

/* ---- json.c ---- */
void load_put_report(ev_buf *out, const load_run *run);

#endif
