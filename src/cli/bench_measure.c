/* bench_measure: the measuring half of `emotivoice bench engine`. Every case is warmed up once, so page faults and
 * first-touch costs stay out of the figures. */
#include "bench.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the texts ---- */

/* "The North Wind and the Sun", in the public domain, as phoneticians use it. */
static const char *const passage[] = {
    "the",   "north", "wind",      "and",   "the",        "sun",      "were",     "disputing", "which",
    "was",   "the",   "stronger",  "when",  "a",          "traveler", "came",     "along",     "wrapped",
    "in",    "a",     "warm",      "cloak", "they",       "agreed",   "that",     "the",       "one",
    "who",   "first", "succeeded", "in",    "making",     "the",      "traveler", "take",      "his",
    "cloak", "off",   "should",    "be",    "considered", "stronger", "than",     "the",       "other"};

/* `words` words from place `start` on: a different text for each utterance. */
static void compose(char *text, size_t start, size_t words) {
    size_t used = 0;
    for (size_t i = 0; i < words; i++) {
        const char *word = passage[(start + i) % CLI_COUNT(passage)];
        if (used + strlen(word) + 3 > BENCH_TEXT_ROOM) break;
        used += (size_t)snprintf(text + used, BENCH_TEXT_ROOM - used, "%s%s", i == 0 ? "" : " ", word);
    }
    snprintf(text + used, BENCH_TEXT_ROOM - used, ".");
}

static void set_request(bench *b, size_t i, size_t words) {
    assert(i < BENCH_UTTERANCES_MAX);
    compose(b->texts[i], 7 * i, words);
    ev_request_init(&b->requests[i]);
    b->requests[i].text = b->texts[i];
    b->requests[i].text_bytes = strlen(b->texts[i]);
}

/* Asks the voice how fast it speaks, then gives every utterance about --seconds, from 3/4 to 5/4 of it by turns. */
int bench_make_texts(bench *b) {
    const size_t probe_words = 16;
    ev_audio audio = {0};
    ev_error err = {0};
    set_request(b, 0, probe_words);
    ev_status status = ev_say(b->engine.synth, &b->requests[0], &audio, &err);
    if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
    double words_per_s = (double)probe_words * audio.sample_rate / (double)audio.count;
    ev_audio_free(&audio);
    for (size_t i = 0; i < BENCH_UTTERANCES_MAX; i++) {
        static const double shares[] = {1.0, 0.75, 1.25, 1.0};
        double words = (double)b->values->seconds * words_per_s * shares[i % CLI_COUNT(shares)];
        set_request(b, i, words < 1 ? 1 : (size_t)(words + 0.5));
    }
    return CLI_OK;
}

/* ---- measuring ---- */

enum { WALL, LATENCY, TEXT, ACOUSTIC, VOCODER };
static_assert(VOCODER + 1 == BENCH_SERIES, "each has its place");

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(double *values, size_t count) {
    assert(count > 0);
    qsort(values, count, sizeof *values, by_value);
    double median = count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    size_t p95 = (95 * count + 99) / 100; /* nearest rank, from 1 */
    return (spread){.median = median, .least = values[0], .p95 = values[p95 - 1]};
}

static void add_stats(const bench *b, ev_stats *sum) {
    ev_stats one = {0};
    ev_synth_stats(b->engine.synth, &one);
    sum->text_s += one.text_s;
    sum->acoustic_s += one.acoustic_s;
    sum->vocoder_s += one.vocoder_s;
    sum->frames_useful += one.frames_useful;
    sum->frames_processed += one.frames_processed;
}

/* Each of these speaks the case once; audio_s and sum are added to, latencies [utterances] are set. */
static int speak_batched(bench *b, size_t utterances, double *audio_s, double *latencies, ev_stats *sum) {
    const ev_request *requests[BENCH_UTTERANCES_MAX];
    ev_result results[BENCH_UTTERANCES_MAX] = {0};
    ev_error err = {0};
    int code = CLI_OK;
    for (size_t i = 0; i < utterances; i++) requests[i] = &b->requests[i];
    double start_s = ev_clock_s();
    ev_status status = ev_say_batch(b->engine.synth, requests, utterances, results, &err);
    double elapsed_s = ev_clock_s() - start_s;
    if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
    for (size_t i = 0; i < utterances; i++) {
        if (results[i].status != EV_OK && code == CLI_OK) {
            code = cli_engine_failed(results[i].status, &results[i].error, NULL);
        } else if (results[i].status == EV_OK) {
            *audio_s += (double)results[i].audio.count / results[i].audio.sample_rate;
        }
        ev_audio_free(&results[i].audio);
        latencies[i] = elapsed_s;
    }
    add_stats(b, sum);
    return code;
}

static int speak_alone(bench *b, size_t utterances, double *audio_s, double *latencies, ev_stats *sum) {
    for (size_t i = 0; i < utterances; i++) {
        ev_audio audio = {0};
        ev_error err = {0};
        double start_s = ev_clock_s();
        ev_status status = ev_say(b->engine.synth, &b->requests[i], &audio, &err);
        latencies[i] = ev_clock_s() - start_s;
        if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
        *audio_s += (double)audio.count / audio.sample_rate;
        ev_audio_free(&audio);
        add_stats(b, sum);
    }
    return CLI_OK;
}

static double *series(const bench *b, int kind) {
    assert(kind >= 0 && kind < BENCH_SERIES);
    return b->samples + (size_t)kind * (size_t)b->values->runs * BENCH_UTTERANCES_MAX;
}

int bench_case_measure(bench *b, bench_case *c) {
    assert(c->utterances >= 1 && c->utterances <= BENCH_UTTERANCES_MAX && b->values->runs >= 1);
    size_t runs = (size_t)b->values->runs, n = c->utterances;
    ev_stats sum = {0};
    for (size_t run = 0; run <= runs; run++) { /* the first warms up: its place is taken by the second */
        size_t at = run == 0 ? 0 : run - 1;
        double audio_s = 0, start_s = ev_clock_s();
        sum = (ev_stats){0};
        int code = c->batched ? speak_batched(b, n, &audio_s, series(b, LATENCY) + at * n, &sum)
                              : speak_alone(b, n, &audio_s, series(b, LATENCY) + at * n, &sum);
        if (code != CLI_OK) return code;
        series(b, WALL)[at] = ev_clock_s() - start_s;
        series(b, TEXT)[at] = sum.text_s;
        series(b, ACOUSTIC)[at] = sum.acoustic_s;
        series(b, VOCODER)[at] = sum.vocoder_s;
        c->audio_s = audio_s;
    }
    c->wall_s = spread_of(series(b, WALL), runs);
    c->latency_s = spread_of(series(b, LATENCY), runs * n);
    c->text_s = spread_of(series(b, TEXT), runs).median;
    c->acoustic_s = spread_of(series(b, ACOUSTIC), runs).median;
    c->vocoder_s = spread_of(series(b, VOCODER), runs).median;
    c->useful = sum.frames_processed > 0 ? (double)sum.frames_useful / (double)sum.frames_processed : 0;
    return CLI_OK;
}

typedef struct first_audio {
    double start_s, first_s;
} first_audio;

static int on_chunk(void *user, const float *samples, size_t count, int last) {
    first_audio *f = user;
    (void)samples;
    (void)last;
    if (count > 0 && f->first_s < 0) f->first_s = ev_clock_s() - f->start_s;
    return 0;
}

int bench_first_audio(bench *b, spread *out) {
    size_t runs = (size_t)b->values->runs;
    for (size_t run = 0; run <= runs; run++) {
        ev_error err = {0};
        first_audio f = {.start_s = ev_clock_s(), .first_s = -1};
        ev_status status = ev_say_stream(b->engine.synth, &b->requests[0], &err, on_chunk, &f);
        if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
        series(b, LATENCY)[run == 0 ? 0 : run - 1] = f.first_s;
    }
    *out = spread_of(series(b, LATENCY), runs);
    return CLI_OK;
}
