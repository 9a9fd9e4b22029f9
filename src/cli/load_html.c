/* load_html: the report as one page that needs nothing else: style, tables and plots are inside, there is no script.
 * Colours are those of Okabe and Ito, which colour-blind readers tell apart; each has a light and a dark form. */
#include "load.h"
#include "load_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c1c1c;--soft:#5a5a5a;--line:#dcdcdc;--paper:#fff;--c0:#0072b2;--c1:#d55e00;"
    "--c2:#00795a;--c3:#7a3d74}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#a8a8a8;--line:#3a3a3a;--paper:#161616;--c0:#"
    "56b4e9;"
    "--c1:#e69f00;--c2:#2fc59b;--c3:#dd9ccb}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:76rem;margin:2rem "
    "auto;"
    "padding:0 1rem}\n"
    "h1{font-size:1.5rem}.scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.875rem}\n"
    "th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\n"
    "th small{display:block;color:var(--soft);font-weight:400}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:1.5rem}\n"
    "figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto}.legend svg{width:36px;height:14px}\n"
    ".legend span{margin-right:1rem;white-space:nowrap}\n"
    "svg text{font-size:12px;fill:var(--soft)}svg .label{fill:var(--ink)}.grid{stroke:var(--line)}\n"
    ".s{fill:none;stroke-width:2}.m{stroke:var(--paper)}.heat{fill:var(--c0)}\n"
    ".s0{stroke:var(--c0)}.m0{fill:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:8 4}.m1{fill:var(--c1)}\n"
    ".s2{stroke:var(--c2);stroke-dasharray:2 3}.m2{fill:var(--c2)}.s3{stroke:var(--c3);stroke-dasharray:9 3 2 3}"
    ".m3{fill:var(--c3)}\n";

/* ---- tables ---- */

static void put_table(FILE *out, const load_run *run) {
    char cell[64];
    fputs("<div class=\"scroll\"><table>\n<thead><tr>", out);
    for (const load_column *column = load_columns; column->title != NULL; column++) {
        if (column->shown != NULL && !column->shown(run)) continue;
        fprintf(out, "<th scope=\"col\">%s<small>%s</small></th>", column->title, column->unit);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < run->step_count; i++) {
        fputs("<tr>", out);
        for (const load_column *column = load_columns; column->title != NULL; column++) {
            if (column->shown != NULL && !column->shown(run)) continue;
            column->cell(cell, sizeof cell, run, &run->steps[i]);
            fprintf(out, "<td>%s</td>", cell);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_remarks(FILE *out, const load_run *run) {
    char text[2048];
    fputs("<ul>\n", out);
    for (size_t i = 0; i < run->step_count; i++) {
        load_remarks(text, sizeof text, run, &run->steps[i]);
        if (text[0] == '\0') continue;
        fprintf(out, "<li>%.4g: ", load_step_load(&run->steps[i]));
        load_put_html(out, text);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* ---- plots against load ---- */

enum { X, P50, P95, P99, AUDIO50, AUDIO95, AUDIO99, OFFERED, ACHIEVED, REJECTED, ERRORS, FIGURES };

static int by_load(const void *a, const void *b) {
    const load_step *const *x = a, *const *y = b;
    return (load_step_load(*x) > load_step_load(*y)) - (load_step_load(*x) < load_step_load(*y));
}

/* figures[FIGURES][points], steps in the order of their load: a ramp tries them in another. */
static bool collect(const load_run *run, double *figures) {
    size_t n = run->step_count;
    const load_step **steps = malloc((n + 1) * sizeof *steps);
    if (steps == NULL) return false;
    for (size_t i = 0; i < n; i++) steps[i] = &run->steps[i];
    qsort(steps, n, sizeof *steps, by_load);
    for (size_t i = 0; i < n; i++) {
        const load_summary *sum = &steps[i]->summary;
        figures[X * n + i] = load_step_load(steps[i]);
        figures[P50 * n + i] = 1e3 * sum->latency.p50;
        figures[P95 * n + i] = 1e3 * sum->latency.p95;
        figures[P99 * n + i] = 1e3 * sum->latency.p99;
        figures[AUDIO50 * n + i] = 1e3 * sum->first_audio.p50;
        figures[AUDIO95 * n + i] = 1e3 * sum->first_audio.p95;
        figures[AUDIO99 * n + i] = 1e3 * sum->first_audio.p99;
        figures[OFFERED * n + i] = sum->offered_rate;
        figures[ACHIEVED * n + i] = sum->achieved_rate;
        figures[REJECTED * n + i] = (double)sum->counts[LOAD_REJECTED] / steps[i]->seconds;
        figures[ERRORS * n + i] = (double)sum->errors / steps[i]->seconds;
    }
    free(steps);
    return true;
}

static void put_load_plots(FILE *out, const load_run *run) {
    size_t n = run->step_count;
    double *figures = malloc(FIGURES * n * sizeof *figures);
    if (figures == NULL || !collect(run, figures)) {
        free(figures);
        return;
    }
    const char *x_label = run->steps[0].concurrency > 0 ? "clients" : "requests offered a second";
    load_chart chart = {.x_label = x_label, .x = figures + X * n, .points = n, .markers = true};
    chart.title = "Latency, from the scheduled time to the last byte";
    chart.y_label = "ms";
    chart.series_count = 3;
    const char *const names[] = {"P50", "P95", "P99"};
    for (size_t i = 0; i < 3; i++) {
        chart.series[i].name = names[i];
        chart.series[i].y = figures + (P50 + i) * n;
    }
    load_plot_lines(out, &chart);
    chart.title = "First audio";
    for (size_t i = 0; i < 3; i++) chart.series[i].y = figures + (AUDIO50 + i) * n;
    load_plot_lines(out, &chart);
    chart.title = "Throughput";
    chart.y_label = "requests a second";
    chart.series_count = 4;
    const char *const rates[] = {"answered", "offered", "rejected", "errors"};
    const size_t which[] = {ACHIEVED, OFFERED, REJECTED, ERRORS};
    for (size_t i = 0; i < 4; i++) {
        chart.series[i].name = rates[i];
        chart.series[i].y = figures + which[i] * n;
    }
    load_plot_lines(out, &chart);
    free(figures);
}

/* ---- plots over time ---- */

static size_t snapshots_of(const load_run *run) {
    size_t count = 0;
    for (size_t i = 0; i < run->step_count; i++) count += run->steps[i].series_count;
    return count;
}

static void put_queue_plot(FILE *out, const load_run *run, double *room, size_t count) {
    double *x = room, *queue = room + count, *batch = room + 2 * count;
    size_t at = 0;
    for (size_t i = 0; i < run->step_count; i++) {
        const load_step *step = &run->steps[i];
        for (size_t j = 0; j < step->series_count; j++, at++) {
            const load_snapshot *s = &step->series[j];
            double batches = j > 0 ? s->batch_count - s[-1].batch_count : 0;
            x[at] = step->begin_s + s->at_s;
            queue[at] = s->has_queue ? s->queue_jobs : NAN;
            batch[at] = batches > 0 ? (s->batch_sum - s[-1].batch_sum) / batches : NAN;
        }
    }
    load_chart chart = {.title = "Queue and batches, all steps one after the other",
                        .x_label = "seconds since the start",
                        .y_label = "jobs",
                        .x = x,
                        .points = count,
                        .series_count = 2};
    chart.series[0].name = "jobs that wait";
    chart.series[0].y = queue;
    chart.series[1].name = "mean batch of that second";
    chart.series[1].y = batch;
    load_plot_lines(out, &chart);
}

/* Batches of one second that are not larger than bucket b, and larger than the one below. */
static double batches_in(const load_snapshot *s, size_t b) {
    double now = s->cumulative[b] - s[-1].cumulative[b];
    return b == 0 ? now : now - (s->cumulative[b - 1] - s[-1].cumulative[b - 1]);
}

static const load_snapshot *first_with_batches(const load_run *run) {
    for (size_t i = 0; i < run->step_count; i++) {
        const load_step *step = &run->steps[i];
        for (size_t j = 0; j < step->series_count; j++) {
            if (step->series[j].buckets > 0) return &step->series[j];
        }
    }
    return NULL;
}

static void put_batch_plot(FILE *out, const load_run *run, size_t count) {
    const load_snapshot *model = first_with_batches(run);
    if (model == NULL) return;
    char text[LOAD_BUCKETS_MAX][32];
    const char *labels[LOAD_BUCKETS_MAX];
    size_t rows = model->buckets, columns = 0;
    double *x = malloc((count + 1) * sizeof *x), *value = calloc(count * rows, sizeof *value);
    for (size_t b = 0; b < rows; b++) {
        snprintf(text[b], sizeof text[b], isfinite(model->bounds[b]) ? "\xe2\x89\xa4 %g" : "more", model->bounds[b]);
        labels[b] = text[b];
    }
    for (size_t i = 0; i < run->step_count && x != NULL && value != NULL; i++) {
        const load_step *step = &run->steps[i];
        for (size_t j = 1; j < step->series_count; j++) {
            const load_snapshot *s = &step->series[j];
            if (columns == 0) x[0] = step->begin_s + s[-1].at_s;
            x[columns + 1] = step->begin_s + s->at_s;
            bool same = s->buckets == rows && s[-1].buckets == rows;
            for (size_t b = 0; b < rows && same; b++) value[columns * rows + b] = fmax(batches_in(s, b), 0);
            columns++;
        }
    }
    load_heat heat = {.title = "Batch sizes, batches a second",
                      .x_label = "seconds since the start",
                      .y_label = "requests in a batch",
                      .x = x,
                      .labels = labels,
                      .value = value,
                      .columns = columns,
                      .rows = rows};
    if (columns > 0) load_plot_heat(out, &heat);
    free(x);
    free(value);
}

static void put_time_plots(FILE *out, const load_run *run) {
    size_t count = snapshots_of(run);
    double *room = malloc(3 * (count + 1) * sizeof *room);
    if (room != NULL && count > 1) {
        put_queue_plot(out, run, room, count);
        put_batch_plot(out, run, count);
    }
    free(room);
}

void load_print_html(FILE *out, const load_run *run) {
    const load_values *v = run->values;
    char verdict[256];
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Load "
          "test</title>\n<style>\n",
          out);
    fprintf(out, "%s</style>\n</head>\n<body>\n<h1>Load test of ", style);
    load_put_html(out, run->url);
    fprintf(out, "</h1>\n<p>%s, %g s a step after %g s of warm-up; %s texts, %s; seed %llu; emotivoice %s.</p>\n",
            run->steps[0].concurrency > 0 ? "Closed loop" : "Open loop with Poisson arrivals", (double)v->seconds,
            (double)v->warmup, v->lengths,
            strcmp(v->api, "tts") == 0 ? "as jobs"
            : v->stream                ? "streamed"
                                       : "whole answers",
            (unsigned long long)run->seed, ev_version());
    load_verdict(verdict, sizeof verdict, run);
    if (verdict[0] != '\0') fprintf(out, "<p><strong>%s</strong></p>\n", verdict);
    put_table(out, run);
    put_remarks(out, run);
    fputs("<div class=\"plots\">\n", out);
    put_load_plots(out, run);
    put_time_plots(out, run);
    fputs("</div>\n</body>\n</html>\n", out);
}
