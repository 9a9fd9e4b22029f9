/* step: one load, held for some seconds. Open loop: arrivals are a Poisson process whose times are drawn before
 * anything is answered, given their number: what is offered is what was asked for, also in a short step. Closed loop:
 * so many clients, each asking again when it was answered. A warm-up at the same load comes first and is not counted;
 * at the end all that was asked is waited for, so that steps do not mix. */
#include "loadtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_EVERY_S 0.25
#define CLOSED_PAUSE_S   0.1 /* a client that was turned away waits, so that it does not just hammer */
#define CHOOSE_ARRIVAL   0x61727269u

typedef struct stepping {
    load_run *run;
    load_step *step;
    double start_s;   /* clock: begin of the window */
    double *arrivals; /* owned; open loop: since the begin of the window, warm-up first */
    size_t arrival_count, next_arrival;
    size_t idle;    /* clients that may ask at once; closed loop */
    double *paused; /* [concurrency], a ring: when clients that were turned away may ask again */
    size_t paused_first, paused_count;
    double next_progress_s, next_scrape_s;
    size_t ok, rejected, errors; /* so far, for the progress line */
} stepping;

/* ---- what comes back ---- */

static void *grow(void *items, size_t *room, size_t count, size_t size) {
    if (count < *room) return items;
    size_t wanted = *room == 0 ? 256 : 2 * *room;
    void *grown = realloc(items, wanted * size);
    if (grown != NULL) *room = wanted;
    return grown;
}

static void on_done(void *user, const load_sample *sample, const char *fault) {
    stepping *s = user;
    load_step *step = s->step;
    load_sample *grown = grow(step->samples, &step->sample_room, step->sample_count, sizeof *grown);
    if (grown == NULL) {
        step->failed = true;
        return;
    }
    step->samples = grown;
    load_sample *kept = &step->samples[step->sample_count++];
    *kept = *sample;
    kept->at_s -= s->start_s;
    kept->end_s -= s->start_s;
    s->ok += sample->outcome == LOAD_OK;
    s->rejected += sample->outcome == LOAD_REJECTED;
    s->errors += sample->outcome != LOAD_OK && sample->outcome != LOAD_REJECTED;
    char *first = step->faults[sample->outcome];
    if (first[0] == '\0') snprintf(first, sizeof step->faults[0], "%s", fault);
    if (step->concurrency == 0) return;
    if (sample->outcome == LOAD_OK) {
        s->idle++;
    } else {
        s->paused[(s->paused_first + s->paused_count++) % step->concurrency] = ev_clock_s() + CLOSED_PAUSE_S;
    }
}

static void on_metrics(void *user, const char *text) {
    stepping *s = user;
    load_step *step = s->step;
    load_snapshot *grown = grow(step->series, &step->series_room, step->series_count, sizeof *grown);
    if (text == NULL || grown == NULL) {
        if (grown != NULL) step->series = grown;
        return;
    }
    step->series = grown;
    load_snapshot *snapshot = &step->series[step->series_count++];
    snapshot->at_s = ev_clock_s() - s->start_s;
    load_snapshot_parse(snapshot, text);
}

/* Asks for the metrics and waits for them, at the edges of a step. */
static int scrape(stepping *s) {
    load_client *client = s->run->client;
    int code = LOAD_EXIT_OK;
    if (s->run->values->metrics == NULL) return LOAD_EXIT_OK;
    for (int turn = 0; turn < 2; turn++) { /* the first only waits for one that is under way */
        if (turn == 1) load_client_scrape(client);
        while (code == LOAD_EXIT_OK && load_client_scraping(client))
            code = load_client_turn(client, ev_clock_s() + 1);
    }
    if (code == LOAD_EXIT_OK && s->step->series_count == 0) {
        return load_fail(LOAD_EXIT_REMOTE, "the metrics at %.100s cannot be read: check --metrics and --key",
                         s->run->values->metrics);
    }
    return code;
}

/* ---- when to ask ---- */

/* Draws `count` arrivals that fall into `length_s` from `from_s` on. Exponential gaps, scaled to fit, are the times
 * of a Poisson process given that it had so many. */
static void draw_arrivals(stepping *s, size_t count, double from_s, double length_s) {
    double *times = s->arrivals + s->arrival_count, sum = 0;
    for (size_t i = 0; i <= count; i++) { /* one gap more: behind the last */
        uint64_t hash = load_hash(s->run->seed ^ CHOOSE_ARRIVAL, s->run->step_count, s->arrival_count + i);
        sum += -log1p(-load_share(hash));
        times[i] = sum;
    }
    for (size_t i = 0; i < count; i++) times[i] = from_s + length_s * times[i] / sum;
    s->arrival_count += count;
}

static int draw_all_arrivals(stepping *s) {
    double warmup_s = (double)s->run->values->warmup;
    size_t before = (size_t)round(s->step->rate * warmup_s),
           counted = (size_t)round(s->step->rate * s->step->seconds);
    if (counted == 0) counted = 1;
    s->arrivals = malloc((before + counted + 2) * sizeof *s->arrivals);
    if (s->arrivals == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --seconds");
    draw_arrivals(s, before, -warmup_s, warmup_s);
    draw_arrivals(s, counted, 0, s->step->seconds);
    return LOAD_EXIT_OK;
}

static void ask(stepping *s, double at_s) { load_client_begin(s->run->client, s->run->next_number++, at_s); }

/* Begins what is due; returns when there is more to begin. */
static double ask_due(stepping *s, double now_s) {
    if (s->step->concurrency == 0) {
        while (s->next_arrival < s->arrival_count) {
            double at_s = s->start_s + s->arrivals[s->next_arrival];
            if (at_s > now_s) return at_s;
            ask(s, at_s);
            s->next_arrival++;
        }
        return INFINITY;
    }
    while (s->paused_count > 0 && s->paused[s->paused_first] <= now_s) {
        s->paused_first = (s->paused_first + 1) % s->step->concurrency;
        s->paused_count--;
        s->idle++;
    }
    for (size_t idle = s->idle; idle > 0; idle--) { /* not those that fail at once: their pause comes first */
        s->idle--;
        ask(s, now_s);
    }
    return s->paused_count > 0 ? s->paused[s->paused_first] : INFINITY;
}

static void progress(stepping *s, double now_s) {
    const load_run *run = s->run;
    if (now_s < s->next_progress_s) return;
    s->next_progress_s = now_s + PROGRESS_EVERY_S;
    if (run->values->quiet || !isatty(STDERR_FILENO)) return;
    char load[48];
    if (s->step->concurrency > 0) {
        snprintf(load, sizeof load, "%zu clients", s->step->concurrency);
    } else {
        snprintf(load, sizeof load, "%.4g a second", s->step->rate);
    }
    fprintf(stderr, "\r\033[K%s: %.0f of %.0f s, %zu under way, %zu ok, %zu rejected, %zu errors", load,
            fmin(fmax(0, now_s - s->start_s), s->step->seconds), s->step->seconds, load_client_pending(run->client),
            s->ok, s->rejected, s->errors);
    fflush(stderr);
}

static int hold_load(stepping *s) {
    double end_s = s->start_s + s->step->seconds, last_s = nextafter(end_s, 0);
    int code = LOAD_EXIT_OK;
    for (double now_s = ev_clock_s(); code == LOAD_EXIT_OK; now_s = ev_clock_s()) {
        double next_s = end_s; /* what was scheduled before the end is asked, however late it is */
        if (now_s < end_s || s->step->concurrency == 0) next_s = ask_due(s, fmin(now_s, last_s));
        if (now_s >= end_s) break;
        if (now_s >= s->next_scrape_s) {
            load_client_scrape(s->run->client);
            s->next_scrape_s += 1;
        }
        progress(s, now_s);
        code =
            load_client_turn(s->run->client, fmin(fmin(next_s, end_s), fmin(s->next_progress_s, s->next_scrape_s)));
        if (s->step->failed) code = load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --seconds");
    }
    while (code == LOAD_EXIT_OK && load_client_pending(s->run->client) > 0) {
        progress(s, ev_clock_s());
        code = load_client_turn(s->run->client, s->next_progress_s);
    }
    return code;
}

/* ---- one step ---- */

static int run_step(stepping *s) {
    const load_values *v = s->run->values;
    load_client_listen(s->run->client, (load_listener){.user = s, .done = on_done, .metrics = on_metrics});
    int code = s->step->concurrency == 0 ? draw_all_arrivals(s) : LOAD_EXIT_OK;
    if (code == LOAD_EXIT_OK) code = scrape(s);
    if (code != LOAD_EXIT_OK) return code;
    double now_s = ev_clock_s();
    s->start_s = now_s + (double)v->warmup;
    s->step->begin_s = s->start_s - s->run->start_s;
    for (size_t i = 0; i < s->step->series_count; i++) s->step->series[i].at_s -= s->start_s;
    s->next_scrape_s = v->metrics != NULL ? now_s + 1 : INFINITY;
    s->idle = s->step->concurrency;
    code = hold_load(s);
    return code == LOAD_EXIT_OK ? scrape(s) : code;
}

int load_step_run(load_run *run, double rate, size_t concurrency) {
    if (run->step_count == LOAD_STEPS_MAX)
        return load_fail(LOAD_EXIT_USAGE, "more than %d steps: give fewer", LOAD_STEPS_MAX);
    load_step *step = &run->steps[run->step_count];
    *step = (load_step){.rate = rate, .concurrency = concurrency, .seconds = (double)run->values->seconds};
    stepping s = {.run = run, .step = step};
    s.paused = calloc(concurrency + 1, sizeof *s.paused);
    if (s.paused == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --concurrency");
    int code = run_step(&s);
    free(s.paused);
    free(s.arrivals);
    run->step_count++; /* also if it failed: its samples are to be freed */
    if (!run->values->quiet && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    if (code != LOAD_EXIT_OK) return code;
    load_summarise(step, (double)run->values->p95);
    step->server = load_server_between(step->series, step->series_count);
    if (step->failed) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --seconds");
    const load_summary *sum = &step->summary;
    if (sum->offered > 0 && sum->counts[LOAD_CONNECT] == sum->offered) {
        return load_fail(LOAD_EXIT_REMOTE, "%.100s went away (%s): see its log", run->url,
                         step->faults[LOAD_CONNECT]);
    }
    return LOAD_EXIT_OK;
}
