/* load_table: the figures of the steps as rows. One table of columns makes the terminal's, Markdown's and the page's,
 * so that they say the same. */
#include "load.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define CELL(name) static void name(char *text, size_t size, const load_run *run, const load_step *step)

static void put_number(char *text, size_t size, const char *format, double value) {
    if (isfinite(value)) {
        snprintf(text, size, format, value);
    } else {
        snprintf(text, size, "-");
    }
}

static void put_ms(char *text, size_t size, double seconds) {
    put_number(text, size, seconds < 0.01 ? "%.2f" : seconds < 1 ? "%.1f" : "%.0f", 1e3 * seconds);
}

CELL(cell_load) {
    (void)run;
    put_number(text, size, step->concurrency > 0 ? "%.0f clients" : "%.4g/s", load_step_load(step));
}

/* clang-format off */
CELL(cell_offered)  { (void)run; put_number(text, size, "%.2f", step->summary.offered_rate); }
CELL(cell_achieved) { (void)run; put_number(text, size, "%.2f", step->summary.achieved_rate); }
CELL(cell_ok)       { (void)run; snprintf(text, size, "%zu", step->summary.counts[LOAD_OK]); }
CELL(cell_rejected) { (void)run; snprintf(text, size, "%zu", step->summary.counts[LOAD_REJECTED]); }
CELL(cell_errors)   { (void)run; snprintf(text, size, "%zu", step->summary.errors); }
CELL(cell_mean)     { (void)run; put_ms(text, size, step->summary.latency.mean); }
CELL(cell_p50)      { (void)run; put_ms(text, size, step->summary.latency.p50); }
CELL(cell_p90)      { (void)run; put_ms(text, size, step->summary.latency.p90); }
CELL(cell_p95)      { (void)run; put_ms(text, size, step->summary.latency.p95); }
CELL(cell_p99)      { (void)run; put_ms(text, size, step->summary.latency.p99); }
CELL(cell_max)      { (void)run; put_ms(text, size, step->summary.latency.max); }
CELL(cell_audio50)  { (void)run; put_ms(text, size, step->summary.first_audio.p50); }
CELL(cell_audio99)  { (void)run; put_ms(text, size, step->summary.first_audio.p99); }
CELL(cell_underrun) { (void)run; snprintf(text, size, "%zu", step->summary.underruns); }
CELL(cell_speech)   { (void)run; put_number(text, size, "%.1f", step->summary.audio_rate); }
CELL(cell_batch)    { (void)run; put_number(text, size, "%.2f", step->server.mean_batch); }
CELL(cell_hits)     { (void)run; put_number(text, size, "%.1f %%", 100 * step->server.hit_share); }
CELL(cell_stable)   { (void)run; snprintf(text, size, "%s", step->summary.stable ? "yes" : "no"); }
/* clang-format on */

static bool is_streamed(const load_run *run) { return run->values->stream; }
static bool has_metrics(const load_run *run) { return run->values->metrics != NULL; }
static bool has_references(const load_run *run) { return run->values->metrics != NULL && run->values->references; }

const load_column load_columns[] = {{"load", "", cell_load, NULL},
                                    {"offered", "/s", cell_offered, NULL},
                                    {"achieved", "/s", cell_achieved, NULL},
                                    {"ok", "", cell_ok, NULL},
                                    {"rejected", "", cell_rejected, NULL},
                                    {"errors", "", cell_errors, NULL},
                                    {"mean", "ms", cell_mean, NULL},
                                    {"P50", "ms", cell_p50, NULL},
                                    {"P90", "ms", cell_p90, NULL},
                                    {"P95", "ms", cell_p95, NULL},
                                    {"P99", "ms", cell_p99, NULL},
                                    {"max", "ms", cell_max, NULL},
                                    {"1st audio", "P50 ms", cell_audio50, NULL},
                                    {"1st audio", "P99 ms", cell_audio99, NULL},
                                    {"underruns", "", cell_underrun, is_streamed},
                                    {"speech", "s/s", cell_speech, NULL},
                                    {"batch", "mean", cell_batch, has_metrics},
                                    {"voice hits", "", cell_hits, has_references},
                                    {"stable", "", cell_stable, NULL},
                                    {NULL, NULL, NULL, NULL}};

/* ---- in words ---- */

static void say(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(char *text, size_t size, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    if (used > 0 && used + 3 < size) {
        memcpy(text + used, "; ", 3);
        used += 2;
    }
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void say_rejects(char *text, size_t size, const load_summary *sum) {
    char p99[32];
    if (sum->counts[LOAD_REJECTED] == 0) return;
    put_ms(p99, sizeof p99, sum->rejected.p99);
    say(text, size, "rejected within %s ms (P99), with Retry-After %zu of %zu", p99, sum->retry_after,
        sum->counts[LOAD_REJECTED]);
}

/* A late generator makes the service look slow: it is said when it makes a difference. */
static bool is_late(const load_summary *sum) {
    return sum->lag.count > 0 && sum->lag.p99 > 0.02 && sum->lag.p99 > 0.1 * sum->latency.p99;
}

void load_remarks(char *text, size_t size, const load_run *run, const load_step *step) {
    const load_summary *sum = &step->summary;
    text[0] = '\0';
    say_rejects(text, size, sum);
    for (size_t i = LOAD_STATUS; i < LOAD_OUTCOMES; i++) {
        if (sum->counts[i] == 0) continue;
        say(text, size, "%zu %s: %s", sum->counts[i], load_outcome_names[i],
            step->faults[i][0] != '\0' ? step->faults[i] : load_outcome_meanings[i]);
    }
    if (run->values->stream && sum->streams_with_underruns > 0) {
        say(text, size, "%zu of %zu streams with gaps, the longest of %.2f s", sum->streams_with_underruns,
            sum->counts[LOAD_OK], sum->longest_gap_s);
    }
    if (isfinite(step->server.queue_max) && step->server.queue_max > 0) {
        say(text, size, "up to %.0f jobs in the service's queue", step->server.queue_max);
    }
    if (sum->sent < sum->offered) say(text, size, "%zu never sent: no connection was free", sum->offered - sum->sent);
    if (is_late(sum)) {
        say(text, size, "asked up to %.0f ms late (P99): connections or the generator's own time ran out",
            1e3 * sum->lag.p99);
    }
}

void load_verdict(char *text, size_t size, const load_run *run) {
    text[0] = '\0';
    if (!run->values->ramp || run->step_count == 0) return;
    if (run->stable_rate > 0) {
        snprintf(text, size,
                 "highest stable rate: %.4g requests a second (P95 within %g s, failures below %g %%, "
                 "achieved at least %g %% of offered)",
                 run->stable_rate, (double)run->values->p95, 100 * LOAD_ERRORS_MAX, 100 * LOAD_ACHIEVED_MIN);
    } else {
        snprintf(text, size, "no stable rate was found: the lowest tried was %.4g requests a second",
                 run->steps[run->step_count - 1].rate);
    }
}

/* ---- terminal ---- */

/* Columns a text takes: what is printed here is ASCII. */
static int width_of(const load_run *run, const load_column *column) {
    size_t width = strlen(column->title);
    char cell[64];
    if (strlen(column->unit) > width) width = strlen(column->unit);
    for (size_t i = 0; i < run->step_count; i++) {
        column->cell(cell, sizeof cell, run, &run->steps[i]);
        if (strlen(cell) > width) width = strlen(cell);
    }
    return (int)width;
}

static void print_row(FILE *out, const load_run *run, const load_step *step, bool units) {
    char cell[64];
    for (const load_column *column = load_columns; column->title != NULL; column++) {
        if (column->shown != NULL && !column->shown(run)) continue;
        const char *text = units ? column->unit : column->title;
        if (step != NULL) {
            column->cell(cell, sizeof cell, run, step);
            text = cell;
        }
        fprintf(out, "%s%*s", column == load_columns ? "" : "  ", width_of(run, column), text);
    }
    putc('\n', out);
}

static void print_remark(FILE *out, const char *text) { /* what a service says must not paint the terminal */
    for (; *text != '\0'; text++) putc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, out);
}

void load_print_table(FILE *out, const load_run *run) {
    const load_values *v = run->values;
    char text[2048], load[64];
    fprintf(out, "%s, %s, %g s each after %g s of warm-up, seed %llu\n\n", run->url,
            strcmp(v->api, "tts") == 0 ? "jobs"
            : v->stream                ? "streamed"
                                       : "whole answers",
            (double)v->seconds, (double)v->warmup, (unsigned long long)run->seed);
    print_row(out, run, NULL, false);
    print_row(out, run, NULL, true);
    for (size_t i = 0; i < run->step_count; i++) print_row(out, run, &run->steps[i], false);
    putc('\n', out);
    for (size_t i = 0; i < run->step_count; i++) {
        load_remarks(text, sizeof text, run, &run->steps[i]);
        if (text[0] == '\0') continue;
        cell_load(load, sizeof load, run, &run->steps[i]);
        fprintf(out, "%s: ", load);
        print_remark(out, text);
        putc('\n', out);
    }
    load_verdict(text, sizeof text, run);
    if (text[0] != '\0') fprintf(out, "%s\n", text);
}

/* ---- Markdown ---- */

static void put_markdown(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (strchr("\\`*_[]<>|#", *text) != NULL) putc('\\', out);
        putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

void load_print_markdown(FILE *out, const load_run *run) {
    const load_column *column;
    char text[2048];
    fputs("# Load test of ", out);
    put_markdown(out, run->url);
    fprintf(out, "\n\n%s, %g s a step after %g s of warm-up, seed %llu.\n\n|",
            run->steps[0].concurrency > 0 ? "Closed loop" : "Open loop, Poisson arrivals",
            (double)run->values->seconds, (double)run->values->warmup, (unsigned long long)run->seed);
    for (column = load_columns; column->title != NULL; column++) {
        if (column->shown != NULL && !column->shown(run)) continue;
        fprintf(out, " %s%s%s |", column->title, column->unit[0] != '\0' ? ", " : "", column->unit);
    }
    fputs("\n|", out);
    for (column = load_columns; column->title != NULL; column++) {
        if (column->shown == NULL || column->shown(run)) fputs(" ---: |", out);
    }
    for (size_t i = 0; i < run->step_count; i++) {
        fputs("\n|", out);
        for (column = load_columns; column->title != NULL; column++) {
            if (column->shown != NULL && !column->shown(run)) continue;
            column->cell(text, sizeof text, run, &run->steps[i]);
            fprintf(out, " %s |", text);
        }
    }
    fputs("\n\n", out);
    for (size_t i = 0; i < run->step_count; i++) {
        load_remarks(text, sizeof text, run, &run->steps[i]);
        if (text[0] == '\0') continue;
        fprintf(out, "- %.4g: ", load_step_load(&run->steps[i]));
        put_markdown(out, text);
        putc('\n', out);
    }
    load_verdict(text, sizeof text, run);
    if (text[0] != '\0') fprintf(out, "\n**%s**\n", text);
}
