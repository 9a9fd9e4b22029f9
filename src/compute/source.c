/* source: see source.h. Frames are made in small runs on the pool; none needs another. */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "compute/source.h"

#include "compute/spectrum.h"

void ev_f0_interval(const float *f0, size_t frames, size_t i, double *left, double *right) {
    assert(frames > 0 && i <= frames);
    *left = f0[i ? i - 1 : 0];
    *right = f0[i < frames ? i : frames - 1];
    const double l = *left, r = *right;
    if (!(l > 0)) *left = r;
    if (!(r > 0)) *right = l;
}

typedef struct source_job {
    const ev_compute *compute;
    const ev_source *source;
    const ev_track *tracks;
    float *y, *bursts;
    const ev_span *spans;
    size_t span_count, task_rows;
} source_job;

/* ---- a mix of harmonics ---- */

/* Uniform in -1..1 from (seed, index): a hash (splitmix64's finalizer, Steele et al. 2014). */
static float uniform_noise(uint64_t seed, uint64_t index) {
    uint64_t z = seed * 0xd1342543de82ef95u + index * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)(int32_t)((z ^ (z >> 31)) >> 32) * (1.0f / 2147483648.0f);
}

/* sum over the harmonics of weight * sin(2 pi n turns), by the Chebyshev recurrence. */
static float harmonic_mix(const ev_source *s, double turns, int harmonics) {
    const float angle = (float)(turns - floor(turns)), twice = 2 * ev_sin_turns(angle + 0.25f);
    float before = 0, now = ev_sin_turns(angle), sum = s->bias;
    for (int n = 0; n < harmonics; n++) {
        sum += s->weights[n] * now;
        const float next = twice * now - before;
        before = now;
        now = next;
    }
    return ev_tanhf(sum);
}

/* How many harmonics of f0 lie below Nyquist, at most those that there are weights for. */
static int harmonics_of(const ev_source *s, double f0) {
    assert(f0 > 0);
    const int below = (int)ceil(s->rate / (2 * f0)) - 1;
    return below < s->harmonics ? below : s->harmonics;
}

static void mix_frame(const ev_source *s, const ev_track *track, size_t frame, float *out) {
    assert(frame < track->frames);
    const size_t hop = (size_t)s->hop, half = hop / 2;
    const double rate = s->rate;
    for (size_t i = 0; i < hop; i++) {
        out[2 * i] = 0;
        out[2 * i + 1] = uniform_noise(track->seed, (uint64_t)frame * hop + i);
    }
    if (!(track->f0[frame] > 0)) return;
    const int harmonics = harmonics_of(s, track->f0[frame]);
    for (size_t side = 0; side < 2; side++) { /* the interval that ends at this frame's centre, then the next */
        double left, right;
        ev_f0_interval(track->f0, track->frames, frame + side, &left, &right);
        const double start = track->phase[frame + side], bend = (right - left) / (2.0 * (double)hop);
        for (size_t i = 0; i < half; i++) {
            const double k = (double)(side ? i : i + hop - half);
            out[2 * (side * half + i)] = harmonic_mix(s, start + (left + bend * k) * k / rate, harmonics);
        }
    }
}

/* ---- pulses and bursts ---- */

/* Halves of the two intervals between frames' centres that meet at this frame's own. */
static void pulse_frame(const source_job *job, const ev_track *track, size_t frame, float *out, float *bursts) {
    assert(frame < track->frames);
    const ev_source *s = job->source;
    const size_t hop = (size_t)s->hop, half = hop / 2;
    if (!(track->f0[frame] > 0)) {
        memset(out, 0, hop * sizeof *out);
        if (bursts) memset(bursts, 0, hop * sizeof *bursts);
        return;
    }
    for (size_t side = 0; side < 2; side++) { /* the interval that ends at this frame's centre, then the next */
        double left, right;
        ev_f0_interval(track->f0, track->frames, frame + side, &left, &right);
        const ev_pulses pulses = {.start = track->phase[frame + side],
                                  .left = left,
                                  .bend = (right - left) / (2.0 * (double)hop),
                                  .rate = s->rate,
                                  .first = side ? 0 : half,
                                  .count = floor(s->highest_hz / (double)track->f0[frame]) + 0.5,
                                  .seed = track->seed,
                                  .number = frame * hop + side * half};
        ev_pulses_make(job->compute, &pulses, out + side * half, bursts ? bursts + side * half : NULL, half);
    }
}

/* ---- the whole ---- */

enum { MIX_ROWS = 8, PULSE_ROWS = 16 }; /* frames a task makes */

static void source_row(const source_job *job, const ev_track *track, size_t frame, size_t row) {
    const size_t hop = (size_t)job->source->hop;
    if (job->source->harmonics)
        mix_frame(job->source, track, frame, job->y + row * hop * 2);
    else
        pulse_frame(job, track, frame, job->y + row * hop, job->bursts ? job->bursts + row * hop : NULL);
}

static void source_task(void *arg, size_t index) {
    const source_job *job = arg;
    const size_t begin = index * job->task_rows, end = begin + job->task_rows;
    for (size_t s = 0; s < job->span_count; s++) {
        const ev_span span = job->spans[s];
        size_t t = begin > span.begin ? begin : span.begin;
        const size_t stop = end < span.begin + span.count ? end : span.begin + span.count;
        for (; t < stop; t++) source_row(job, &job->tracks[s], job->tracks[s].first + t - span.begin, t);
    }
}

void ev_source_run(const ev_compute *c, const ev_source *source, const ev_track *tracks, float *y, float *bursts,
                   const ev_span *spans, size_t span_count) {
    assert(source->hop > 0 && source->rate > 0 && (tracks || !span_count));
    assert(y && (!source->harmonics || (source->weights && !bursts)));
    source_job job = {.compute = c,
                      .source = source,
                      .tracks = tracks,
                      .y = y,
                      .bursts = bursts,
                      .spans = spans,
                      .span_count = span_count,
                      .task_rows = source->harmonics ? MIX_ROWS : PULSE_ROWS};
    const size_t tasks = (ev_spans_end(spans, span_count) + job.task_rows - 1) / job.task_rows;
    if (c->pool)
        ev_pool_run(c->pool, tasks, source_task, &job);
    else
        for (size_t i = 0; i < tasks; i++) source_task(&job, i);
}
