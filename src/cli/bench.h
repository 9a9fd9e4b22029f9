/* bench: what the files of `emotivoice bench` share. bench_measure.c measures, bench.c prints. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "options.h"

#define BENCH_UTTERANCES_MAX 16
#define BENCH_TEXT_ROOM      4096
#define BENCH_SERIES         5 /* kinds of figures kept for every run */

typedef struct bench_values {
    const char *model;
    float seconds;
    int32_t threads, runs;
    bool json, quiet;
} bench_values;

typedef struct spread {
    double median, least, p95;
} spread;

typedef struct bench_case {
    size_t utterances;
    bool batched;
    double audio_s;                       /* of all utterances of a run */
    spread wall_s;                        /* all utterances of a run */
    spread latency_s;                     /* one utterance, from call to return */
    double text_s, acoustic_s, vocoder_s; /* medians, all utterances of a run */
    double useful;                        /* share of the processed frames */
} bench_case;

typedef struct bench {
    const bench_values *values;
    cli_engine engine;
    char texts[BENCH_UTTERANCES_MAX][BENCH_TEXT_ROOM];
    ev_request requests[BENCH_UTTERANCES_MAX];
    double *samples; /* [BENCH_SERIES][runs * BENCH_UTTERANCES_MAX] */
} bench;

int bench_make_texts(bench *b);
int bench_case_measure(bench *b, bench_case *c);
int bench_first_audio(bench *b, spread *out); /* one utterance, streamed: until the first samples */

#endif
