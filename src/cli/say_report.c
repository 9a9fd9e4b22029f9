/* say_report: what was spoken, for a program (--json) or for a person (one line, only on a terminal). */
#include "say.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void say_progress(const say_job *job, const char *format, ...) {
    if (job->values->quiet || !isatty(STDERR_FILENO)) return;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
}

/* When word `index` is heard: from the first of its marks to the last. */
static bool word_time(const ev_audio *audio, size_t index, size_t *begin, size_t *end) {
    bool found = false;
    for (size_t i = 0; i < audio->mark_count; i++) {
        const ev_mark *mark = &audio->marks[i];
        if (mark->word < 0 || (size_t)mark->word != index) continue;
        if (!found) *begin = mark->sample_begin;
        *end = mark->sample_end;
        found = true;
    }
    return found;
}

static void put_range(ev_json *json, size_t begin, size_t end) {
    ev_json_integer(json, "byte_begin", (int64_t)begin);
    ev_json_integer(json, "byte_end", (int64_t)end);
}

/* Of the recording whose voice it is. */
static void put_warnings(ev_json *json, const say_job *job) {
    const unsigned faults = job->voice ? ev_voice_faults(job->voice) : 0;
    if (!faults) return;
    ev_json_open(json, "warnings", '[');
    for (unsigned one = 1; one <= EV_VOICE_FAULTS; one <<= 1)
        if (faults & one) ev_json_string(json, NULL, ev_voice_fault_hint((ev_voice_fault)one));
    ev_json_close(json, ']');
}

/* Marks know words by number only; the words themselves come from the same front-end, asked once more. */
static void put_words(ev_json *json, const say_job *job, const say_outcome *outcome) {
    ev_phones *phones = NULL;
    const char *text = outcome->text;
    ev_request request = job->request;
    request.text = text;
    request.text_bytes = outcome->text_bytes;
    if (ev_phones_of(&phones, job->engine.model, &request, NULL) != EV_OK) return;
    ev_json_open(json, "words", '[');
    for (size_t i = 0; i < phones->word_count; i++) {
        const ev_word *word = &phones->words[i];
        size_t begin = 0, end = 0;
        bool timed = outcome->audio != NULL && word_time(outcome->audio, i, &begin, &end);
        ev_json_open(json, NULL, '{');
        ev_json_text(json, "text", text + word->byte_begin, word->byte_end - word->byte_begin);
        ev_json_string(json, "spoken", word->spoken);
        if (timed) ev_json_number(json, "begin_s", (double)begin / outcome->audio->sample_rate);
        if (timed) ev_json_number(json, "end_s", (double)end / outcome->audio->sample_rate);
        put_range(json, word->byte_begin, word->byte_end);
        ev_json_close(json, '}');
    }
    ev_json_close(json, ']');
    ev_json_open(json, "omissions", '[');
    for (size_t i = 0; i < phones->omission_count; i++) {
        ev_json_open(json, NULL, '{');
        ev_json_string(json, "reason", phones->omissions[i].reason);
        if (phones->omissions[i].spoken) ev_json_string(json, "spoken", phones->omissions[i].spoken);
        put_range(json, phones->omissions[i].byte_begin, phones->omissions[i].byte_end);
        ev_json_close(json, '}');
    }
    ev_json_close(json, ']');
    ev_phones_free(&phones);
}

static void put_timings(ev_json *json, const say_job *job, const say_outcome *outcome) {
    ev_stats stats = {0};
    ev_synth_stats(job->engine.synth, &stats);
    ev_json_open(json, "timings", '{');
    ev_json_number(json, "load_s", job->engine.load_s);
    ev_json_number(json, "text_s", stats.text_s);
    ev_json_number(json, "acoustic_s", stats.acoustic_s);
    ev_json_number(json, "vocoder_s", stats.vocoder_s);
    ev_json_number(json, "total_s", stats.total_s);
    if (outcome->first_audio_s >= 0) ev_json_number(json, "first_audio_s", outcome->first_audio_s);
    ev_json_close(json, '}');
}

static void report_json(const say_job *job, const say_outcome *outcome, int32_t sample_rate, double seconds) {
    assert((size_t)job->format < EV_FORMAT_COUNT);
    bool audio_on_stdout = strcmp(outcome->output, "-") == 0;
    FILE *out = audio_on_stdout ? stderr : stdout;
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "output", outcome->output);
    if (outcome->line > 0) ev_json_integer(&json, "line", (int64_t)outcome->line);
    ev_json_string(&json, "format", cli_format_names[job->format]);
    ev_json_integer(&json, "sample_rate", sample_rate);
    ev_json_integer(&json, "samples", (int64_t)outcome->samples);
    ev_json_number(&json, "seconds", seconds);
    ev_json_number(&json, "elapsed_s", outcome->elapsed_s);
    ev_json_number(&json, "rtf", outcome->elapsed_s / outcome->batch_audio_s);
    put_timings(&json, job, outcome);
    put_warnings(&json, job);
    put_words(&json, job, outcome);
    ev_json_close(&json, '}');
    cli_output_text(out, &text);
    fflush(out);
}

void say_report(const say_job *job, const say_outcome *outcome) {
    int32_t sample_rate = ev_model_sample_rate(job->engine.model);
    double seconds = (double)outcome->samples / sample_rate;
    if (job->values->json) {
        report_json(job, outcome, sample_rate, seconds);
    } else if (!job->values->quiet && isatty(STDERR_FILENO)) {
        cli_note("%s: %.2f s of speech, made in %.0f ms (%.0f times real time)",
                 strcmp(outcome->output, "-") == 0 ? "standard output" : outcome->output, seconds,
                 1e3 * outcome->elapsed_s, outcome->batch_audio_s / outcome->elapsed_s);
    }
}
