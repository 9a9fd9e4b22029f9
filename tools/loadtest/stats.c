/* stats: from the samples of one step to its figures. Percentiles are exact: every sample is kept and sorted. */
#include "loadtest.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double nearest_rank(const double *sorted, size_t count, unsigned percent) {
    return sorted[(percent * count + 99) / 100 - 1];
}

/* Sorts them. */
static load_spread load_spread_of(double *values, size_t count) {
    load_spread spread = {.count = count, NAN, NAN, NAN, NAN, NAN, NAN};
    double sum = 0;
    if (count == 0) return spread;
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < count; i++) sum += values[i];
    spread.mean = sum / (double)count;
    spread.p50 = nearest_rank(values, count, 50);
    spread.p90 = nearest_rank(values, count, 90);
    spread.p95 = nearest_rank(values, count, 95);
    spread.p99 = nearest_rank(values, count, 99);
    spread.max = values[count - 1];
    return spread;
}

static double latency_of(const load_sample *s) { return s->end_s - s->at_s; }
static double first_byte_of(const load_sample *s) { return (double)s->first_byte_s; }
static double first_audio_of(const load_sample *s) { return (double)s->first_audio_s; }
static double lag_of(const load_sample *s) { return (double)s->lag_s; }

static bool in_window(const load_step *step, const load_sample *s) { return s->at_s >= 0 && s->at_s < step->seconds; }

/* Of the window's requests with this outcome; LOAD_OUTCOMES: of all that were sent. */
static load_spread spread_of(const load_step *step, load_outcome outcome, double (*figure)(const load_sample *),
                             double *room) {
    size_t count = 0;
    for (size_t i = 0; i < step->sample_count; i++) {
        const load_sample *s = &step->samples[i];
        bool wanted = outcome == LOAD_OUTCOMES ? s->sent : s->outcome == outcome;
        if (wanted && in_window(step, s)) room[count++] = figure(s);
    }
    return load_spread_of(room, count);
}

static void count_status(load_summary *sum, int status) {
    for (size_t i = 0; i < LOAD_STATUSES_MAX; i++) {
        if (sum->statuses[i].count > 0 && sum->statuses[i].status != status) continue;
        sum->statuses[i].status = status;
        sum->statuses[i].count++;
        return;
    }
}

static void count_sample(load_summary *sum, const load_sample *s) {
    sum->offered++;
    sum->sent += s->sent;
    sum->counts[s->outcome]++;
    sum->bytes += s->bytes;
    if (s->outcome == LOAD_REJECTED || s->outcome == LOAD_STATUS) count_status(sum, s->status);
    if (s->outcome == LOAD_REJECTED) sum->retry_after += s->retry_after;
    if (s->outcome != LOAD_OK) return;
    sum->underruns += s->underruns;
    sum->streams_with_underruns += s->underruns > 0;
    sum->longest_gap_s = fmax(sum->longest_gap_s, (double)s->gap_s);
}

/* The latencies of what was answered well among the requests scheduled in this part of the window. */
static load_spread latency_between(const load_step *step, double from_s, double to_s, double *room) {
    size_t count = 0;
    for (size_t i = 0; i < step->sample_count; i++) {
        const load_sample *s = &step->samples[i];
        if (s->outcome == LOAD_OK && s->at_s >= from_s && s->at_s < to_s) room[count++] = latency_of(s);
    }
    return load_spread_of(room, count);
}

/* How much later answers came at the end of the window than at its begin, by the medians of its first and last fifth.
 * Of n requests in T seconds, that many then are answered in T plus this: the share by which the service keeps up.
 * Counting answers inside the window would judge it by the chance in the arrivals at its edges. A queue that grows
 * drifts ten times as far as latencies spread within a fifth of the time; what is no more than that spread is a stall
 * or chance, and no trend. */
static double delay_grown_s(const load_step *step, double *room) {
    double fifth_s = step->seconds / 5;
    load_spread first = latency_between(step, 0, fifth_s, room);
    load_spread last = latency_between(step, step->seconds - fifth_s, step->seconds, room);
    if (first.count == 0 || last.count == 0) return 0;
    double grown_s = last.p50 - first.p50, chance_s = fmax(first.p90 - first.p50, last.p90 - last.p50);
    return grown_s > chance_s ? grown_s * 5 / 4 : 0;
}

/* Good answers during as long a time as requests were offered; at a rate, later by the usual latency, so that answers
 * are held against the arrivals they belong to. */
static void count_achieved(const load_step *step, load_summary *sum) {
    double later_s = step->concurrency == 0 && sum->latency.count > 0 ? sum->latency.p50 : 0;
    size_t achieved = 0;
    for (size_t i = 0; i < step->sample_count; i++) {
        const load_sample *s = &step->samples[i];
        if (s->outcome != LOAD_OK || s->end_s < later_s || s->end_s >= step->seconds + later_s) continue;
        achieved++;
        sum->audio_s += (double)s->audio_s;
    }
    sum->achieved_rate = (double)achieved / step->seconds;
    sum->audio_rate = sum->audio_s / step->seconds;
}

void load_summarise(load_step *step, double p95_limit_s) {
    load_summary *sum = &step->summary;
    double *room = malloc((step->sample_count + 1) * sizeof *room);
    *sum = (load_summary){0};
    if (room == NULL) {
        step->failed = true;
        return;
    }
    for (size_t i = 0; i < step->sample_count; i++) {
        if (in_window(step, &step->samples[i])) count_sample(sum, &step->samples[i]);
    }
    sum->errors = sum->offered - sum->counts[LOAD_OK] - sum->counts[LOAD_REJECTED];
    sum->offered_rate = (double)sum->offered / step->seconds;
    sum->latency = spread_of(step, LOAD_OK, latency_of, room);
    sum->first_byte = spread_of(step, LOAD_OK, first_byte_of, room);
    sum->first_audio = spread_of(step, LOAD_OK, first_audio_of, room);
    sum->rejected = spread_of(step, LOAD_REJECTED, latency_of, room);
    sum->lag = spread_of(step, LOAD_OUTCOMES, lag_of, room);
    count_achieved(step, sum);
    sum->kept_up = step->seconds / (step->seconds + delay_grown_s(step, room));
    free(room);
    double failed = (double)(sum->offered - sum->counts[LOAD_OK]);
    sum->stable = sum->latency.count > 0 && sum->latency.p95 <= p95_limit_s &&
                  failed < LOAD_ERRORS_MAX * (double)sum->offered && sum->kept_up >= LOAD_ACHIEVED_MIN;
}
