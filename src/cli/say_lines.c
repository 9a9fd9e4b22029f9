/* say --lines: each line into a file of its own. Lines are read and spoken --batch at a time, so a file of any length
 * takes little memory. A line that cannot be spoken is reported and passed over; its neighbours are still made. */
#include "say.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIGITS_MAX 9

typedef struct pattern { /* prefix, the number with at least `digits` digits, suffix */
    const char *prefix, *suffix;
    int prefix_length, digits;
    const char *slash; /* between a directory and the number */
} pattern;

typedef struct line {
    cli_text text;
    size_t number; /* from 1 */
} line;

typedef struct group { /* the lines of one batch call */
    line *lines;
    ev_request *requests;
    const ev_request **pointers;
    ev_result *results;
    size_t count;
} group;

/* ---- where the files go ---- */

static const char *const extensions[EV_FORMAT_COUNT] = {".wav", ".wav", ".pcm",  ".flac", ".opus",
                                                        ".mp3", ".aac", ".ulaw", ".alaw"};

static int pattern_wrong(void) {
    return cli_fail(CLI_USAGE,
                    "--lines writes many files: give -o DIRECTORY/, or a pattern with one %%d like line-%%03d.wav");
}

static int parse_pattern(pattern *p, const char *output) {
    const char *percent = strchr(output, '%'), *at = percent + 1;
    while (isdigit((unsigned char)*at)) at++;
    size_t digits = (size_t)(at - percent - 1);
    if (*at != 'd' || strchr(at, '%') != NULL || digits > 2) return pattern_wrong();
    int width = digits > 0 ? atoi(percent + 1) : 0;
    if (width > DIGITS_MAX)
        return cli_fail(CLI_USAGE, "%%%dd in -o is too wide: use at most %%0%dd", width, DIGITS_MAX);
    *p = (pattern){
        .prefix = output, .prefix_length = (int)(percent - output), .digits = width, .suffix = at + 1, .slash = ""};
    return CLI_OK;
}

static int parse_directory(pattern *p, const char *output, ev_format format) {
    assert((size_t)format < CLI_COUNT(extensions));
    struct stat facts;
    size_t length = strlen(output);
    bool slash = output[length - 1] == '/';
    bool exists = stat(output, &facts) == 0;
    if ((exists && !S_ISDIR(facts.st_mode)) || (!exists && !slash)) return pattern_wrong();
    if (!exists && mkdir(output, 0777) != 0) return cli_write_failed(output, errno);
    *p = (pattern){.prefix = output,
                   .prefix_length = (int)length,
                   .digits = 4,
                   .suffix = extensions[format],
                   .slash = slash ? "" : "/"};
    return CLI_OK;
}

static int choose_files(say_job *job, pattern *p) {
    if (job->output == NULL || strcmp(job->output, "-") == 0) return pattern_wrong();
    bool numbered = strchr(job->output, '%') != NULL;
    int code = cli_output_format(&job->format, job->values->format, numbered ? job->output : "");
    if (code != CLI_OK) return code;
    return numbered ? parse_pattern(p, job->output) : parse_directory(p, job->output, job->format);
}

/* ---- one batch ---- */

static void group_clear(group *g) {
    for (size_t i = 0; i < g->count; i++) {
        cli_text_free(&g->lines[i].text);
        ev_audio_free(&g->results[i].audio);
    }
    g->count = 0;
}

static void group_free(group *g) {
    group_clear(g);
    free(g->lines);
    free(g->requests);
    free(g->pointers);
    free(g->results);
}

static int group_make(group *g, size_t size) {
    *g = (group){.lines = calloc(size, sizeof *g->lines),
                 .requests = calloc(size, sizeof *g->requests),
                 .pointers = calloc(size, sizeof *g->pointers),
                 .results = calloc(size, sizeof *g->results)};
    if (g->lines != NULL && g->requests != NULL && g->pointers != NULL && g->results != NULL) return CLI_OK;
    return cli_fail(CLI_FAILURE, "out of memory: give a smaller --batch");
}

static bool blank(const cli_text *text) {
    for (size_t i = 0; i < text->size; i++) {
        if (!isspace((unsigned char)text->bytes[i])) return false;
    }
    return true;
}

static int group_read(group *g, FILE *in, size_t size, size_t *number) {
    bool more = true;
    while (g->count < size) {
        line *next = &g->lines[g->count];
        int code = cli_line_read(&next->text, in, &more);
        if (code != CLI_OK) return code;
        if (!more) break;
        next->number = ++*number;
        if (blank(&next->text)) {
            cli_text_free(&next->text);
        } else {
            g->count++;
        }
    }
    return CLI_OK;
}

static int write_line(say_job *job, const pattern *p, const line *l, ev_result *result, say_outcome *outcome) {
    assert(l->number >= 1);
    char path[4096];
    int length = snprintf(path, sizeof path, "%.*s%s%0*zu%s", p->prefix_length, p->prefix, p->slash, p->digits,
                          l->number, p->suffix);
    if (length < 0 || (size_t)length >= sizeof path) return cli_write_failed(p->prefix, ENAMETOOLONG);
    int code = say_shape(job, &result->audio);
    if (code == CLI_OK) code = cli_output_audio(path, &result->audio, job->format);
    if (code != CLI_OK) return code;
    outcome->output = path;
    outcome->text = l->text.bytes;
    outcome->text_bytes = l->text.size;
    outcome->line = l->number;
    outcome->samples = result->audio.count;
    outcome->audio = &result->audio;
    say_report(job, outcome);
    outcome->output = NULL;
    return CLI_OK;
}

/* A fault of this line alone lets the others go on; any other would meet every line. */
static int line_failed(say_job *job, const line *l, const ev_result *result, bool *go_on) {
    char subject[32];
    snprintf(subject, sizeof subject, "line %zu", l->number);
    *go_on = result->status == EV_E_TEXT || result->status == EV_E_LIMIT;
    return cli_engine_say_failed(&job->engine, result->status, &result->error, job->values->emotion,
                                 *go_on ? subject : NULL);
}

static int group_write(say_job *job, const pattern *p, group *g, double elapsed_s, int *first_fault) {
    say_outcome outcome = {.elapsed_s = elapsed_s, .first_audio_s = -1};
    for (size_t i = 0; i < g->count; i++) {
        if (g->results[i].status != EV_OK) continue;
        outcome.batch_audio_s += (double)g->results[i].audio.count / g->results[i].audio.sample_rate;
    }
    for (size_t i = 0; i < g->count; i++) {
        bool go_on = false;
        int code = CLI_OK;
        if (g->results[i].status == EV_OK) {
            code = write_line(job, p, &g->lines[i], &g->results[i], &outcome);
        } else {
            code = line_failed(job, &g->lines[i], &g->results[i], &go_on);
            if (*first_fault == CLI_OK) *first_fault = code;
        }
        if (code != CLI_OK && !go_on) return code;
    }
    return CLI_OK;
}

static int group_speak(say_job *job, const pattern *p, group *g, int *first_fault) {
    assert(g->count > 0);
    ev_error err = {0};
    for (size_t i = 0; i < g->count; i++) {
        g->requests[i] = job->request;
        g->requests[i].text = g->lines[i].text.bytes;
        g->requests[i].text_bytes = g->lines[i].text.size;
        g->pointers[i] = &g->requests[i];
        g->results[i] = (ev_result){0};
    }
    double start_s = ev_clock_s();
    ev_status status = ev_say_batch(job->engine.synth, g->pointers, g->count, g->results, &err);
    double elapsed_s = ev_clock_s() - start_s;
    say_progress(job, "%s", "");
    if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
    return group_write(job, p, g, elapsed_s, first_fault);
}

static int speak_all(say_job *job, const pattern *p, FILE *in) {
    group g;
    size_t number = 0, spoken = 0, size = (size_t)job->values->batch;
    int first_fault = CLI_OK;
    int code = group_make(&g, size);
    while (code == CLI_OK) {
        code = group_read(&g, in, size, &number);
        if (code != CLI_OK || g.count == 0) break;
        say_progress(job, "line %zu ...", number);
        code = group_speak(job, p, &g, &first_fault);
        spoken += g.count;
        group_clear(&g);
    }
    group_free(&g);
    if (code != CLI_OK) return code;
    if (spoken == 0) return cli_fail(CLI_INPUT, "the text is empty: give some lines");
    return first_fault;
}

int say_lines(say_job *job) {
    pattern p;
    FILE *in = NULL;
    int code = choose_files(job, &p);
    if (code == CLI_OK) code = cli_text_open(&in, job->text_argument, job->values->file);
    if (code == CLI_OK) code = say_prepare(job);
    if (code == CLI_OK) code = speak_all(job, &p, in);
    if (in != NULL) fclose(in);
    return code;
}
