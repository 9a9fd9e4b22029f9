/* say: what the files of `emotivoice say` share. One text becomes one file (say.c), pieces as they are made
 * (say_stream.c), or many files (say_lines.c); say_report.c tells what was done. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include "options.h"

typedef struct say_values {
    const char *output, *format, *voice, *reference, *emotion, *prompt, *language, *model, *file;
    const char *markup, *audio_tags, *lexicon;
    uint64_t seed;
    float emotion_degree, speed, pitch_scale, energy_scale, volume;
    int32_t threads, batch, sample_rate;
    bool lines, stream, json, quiet, normalize, trim_silence;
} say_values;

typedef struct say_job { /* everything that is the same for every text of this run */
    const say_values *values;
    const char *text_argument; /* TEXT or "-", NULL when --file was given */
    const char *output;        /* "-": standard output */
    ev_format format;
    cli_engine engine;
    ev_voice *voice;    /* NULL: the model's first */
    ev_request request; /* without its text */
} say_job;

typedef struct say_outcome {
    const char *output;
    const char *text;
    size_t text_bytes;
    size_t line; /* --lines: its number; else 0 */
    size_t samples;
    const ev_audio *audio; /* NULL when streamed: then there are no marks */
    double elapsed_s;      /* for speaking; of the whole batch with --lines */
    double batch_audio_s;  /* audio made in that time */
    double first_audio_s;  /* streamed: when the first samples came; else negative */
} say_outcome;

int say_prepare(say_job *job); /* opens the engine, finds the voice, fills the request */
int say_lines(say_job *job);
int say_stream(say_job *job, const cli_text *text);
/* Volume, silence and rate as asked for. */
int say_shape(const say_job *job, ev_audio *audio);
/* One JSON object, or on a terminal one line. */
void say_report(const say_job *job, const say_outcome *outcome);
/* A line on stderr that the next one replaces; "" wipes it. Only on a terminal, and not with --quiet. */
void say_progress(const say_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
