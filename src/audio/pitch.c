/* pitch: F0 of speech every 10 ms, after Boersma (1993), "Accurate short-term analysis of the fundamental frequency":
 * peaks of the autocorrelation, divided by that of the window, are the candidates of a frame; one more candidate says
 * "unvoiced"; the cheapest path through all frames decides, where leaps and changes of voicing cost. Octave errors,
 * the plague of pitch tracking, are thereby judged by the whole sentence.
 *
 * The power spectrum between the two FFTs is weighted: what lies under any voice (hum, offset) and the upper half,
 * mostly noise, do not count. */
#include <assert.h>
#include <kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

enum {
    RATE = 16000,
    HOP = 160,
    WINDOW = 800,  /* 50 ms: three periods of the deepest voice */
    LAG_MAX = 268, /* 60 Hz, and one more to see that it is a peak */
    LAG_MIN = 31,  /* 500 Hz, likewise */
    FFT = 1280,    /* >= WINDOW + LAG_MAX, so that lags do not wrap; of factors 2, 3, 5 */
    SPECTRUM = FFT / 2 + 1,
    CANDIDATES = 12, /* the first is "unvoiced" */
    VOICED_LEAST = 10
};
static_assert((int)FFT >= (int)WINDOW + (int)LAG_MAX, "lags do not wrap");
static_assert((int)HOP == (int)EV_FBANK_HOP, "frames are those of the speaker encoder's input");

static const float F0_LEAST = 60, F0_MOST = 500;
/* Costs, in units of correlation; the paper's, per 10 ms. */
static const float VOICING = 0.45F;      /* a peak below this is rather no voice */
static const float SILENCE = 0.03F;      /* nor is a frame below this part of the loudest */
static const float OCTAVE = 0.01F;       /* per octave down: of equal peaks the shortest period is the true one */
static const float OCTAVE_JUMP = 0.35F;  /* per octave between neighbouring frames */
static const float VOICING_JUMP = 0.14F; /* for starting or ending a voiced stretch */

typedef struct candidate {
    float f0;       /* Hz, 0 for unvoiced */
    float octave;   /* log2 of f0 */
    float strength; /* correlation less octave cost */
} candidate;

typedef struct frame {
    candidate list[CANDIDATES];
    int count;
    float level; /* square root of the weighted energy */
} frame;

typedef struct tracker {
    kiss_fftr_cfg forward, inverse; /* owned */
    float window[WINDOW];           /* Hann */
    float weight[SPECTRUM];         /* on the power spectrum */
    float correction[LAG_MAX + 5];  /* 1 / the window's own autocorrelation, 1 at lag 0 */
    float samples[FFT];
    kiss_fft_cpx spectrum[SPECTRUM];
    float correlation[FFT];
} tracker;

/* ---- one frame ---- */

/* correlation of samples, through the power spectrum; weight NULL: of all of it. */
static void correlate(tracker *p, const float *weight) {
    kiss_fftr(p->forward, p->samples, p->spectrum);
    for (int k = 0; k < SPECTRUM; k++) {
        float power = p->spectrum[k].r * p->spectrum[k].r + p->spectrum[k].i * p->spectrum[k].i;
        p->spectrum[k] = (kiss_fft_cpx){weight ? power * weight[k] : power, 0};
    }
    kiss_fftri(p->inverse, p->spectrum, p->correlation);
}

/* 0 below `from`, 1 above `to`, half a cosine between. */
static float ramp(float hz, float from, float to) {
    float x = fminf(fmaxf((hz - from) / (to - from), 0), 1);
    return 0.5F - 0.5F * cosf(3.14159265F * x);
}

static void tracker_free(tracker *p) {
    if (!p) return;
    kiss_fftr_free(p->forward);
    kiss_fftr_free(p->inverse);
    free(p);
}

static tracker *tracker_create(void) {
    tracker *p = calloc(1, sizeof(*p));
    if (!p) return NULL;
    p->forward = kiss_fftr_alloc(FFT, 0, NULL, NULL);
    p->inverse = kiss_fftr_alloc(FFT, 1, NULL, NULL);
    if (!p->forward || !p->inverse) {
        tracker_free(p);
        return NULL;
    }
    for (int i = 0; i < WINDOW; i++) {
        p->window[i] = 0.5F - 0.5F * cosf(2 * 3.14159265F * ((float)i + 0.5F) / WINDOW);
        p->samples[i] = p->window[i];
    }
    correlate(p, NULL);
    for (int k = 0; k <= LAG_MAX + 4; k++) p->correction[k] = p->correlation[0] / p->correlation[k];
    for (int k = 0; k < SPECTRUM; k++) {
        float hz = (float)k * RATE / FFT;
        p->weight[k] = ramp(hz, 15, 50) * (1 - ramp(hz, 2000, 4000));
    }
    return p;
}

/* Adds a candidate; of too many the weakest goes. */
static void add(frame *f, float f0, float correlation) {
    assert(f->count >= 1 && f->count <= CANDIDATES && f0 > 0);
    candidate c = {f0, log2f(f0), correlation + OCTAVE * log2f(f0 / F0_LEAST)};
    int place = f->count;
    if (f->count == CANDIDATES) {
        place = 1;
        for (int i = 2; i < CANDIDATES; i++)
            if (f->list[i].strength < f->list[place].strength) place = i;
        if (f->list[place].strength >= c.strength) return;
    } else {
        f->count++;
    }
    f->list[place] = c;
}

/* r at lag + x, 0 <= x < 1, by the polynomial through the six values around: the sound is band-limited to half of
 * what the rate can carry, so this is exact to far below the noise, where a parabola would favour the multiples of a
 * period that happen to lie near a whole lag. */
static float between(const float *r, float x) {
    static const float nodes[6] = {-2, -1, 0, 1, 2, 3}, scales[6] = {-120, 24, -12, 12, -24, 120};
    float sum = 0;
    for (int i = 0; i < 6; i++) {
        float product = 1 / scales[i];
        for (int k = 0; k < 6; k++)
            if (k != i) product *= x - nodes[k];
        sum += product * r[(int)nodes[i]];
    }
    return sum;
}

static float value_at(const float *r, float lag) { return between(r + (int)lag, lag - (float)(int)lag); }

/* Top of the parabola through three values at -1, 0, 1, the middle one the greatest. */
static float top_of(float left, float middle, float right) {
    float bend = 2 * middle - left - right;
    return bend > 0 ? 0.5F * (right - left) / bend : 0;
}

/* Adds the peak around lag k: a parabola on whole lags, then one on a finer step. */
static void add_peak(frame *f, const float *r, int k) {
    assert(k >= LAG_MIN && k < LAG_MAX);
    const float step = 0.25F;
    float lag = (float)k + top_of(r[k - 1], r[k], r[k + 1]);
    float left = value_at(r, lag - step), middle = value_at(r, lag), right = value_at(r, lag + step);
    float shift = fminf(fmaxf(top_of(left, middle, right), -1), 1);
    float f0 = RATE / (lag + step * shift), height = middle + 0.25F * shift * (right - left);
    if (f0 >= F0_LEAST && f0 <= F0_MOST) add(f, f0, height > 1 ? 1 / height : height);
}

/* Fills f with the peaks of the frame's correlation. */
static void analyse(frame *f, tracker *p, const float *samples, size_t count, size_t centre) {
    for (size_t i = 0; i < WINDOW; i++) {
        size_t at = centre + i - WINDOW / 2; /* wraps to a huge number before the first sample */
        p->samples[i] = at < count ? samples[at] * p->window[i] : 0;
    }
    memset(p->samples + WINDOW, 0, (FFT - WINDOW) * sizeof(float));
    correlate(p, p->weight);
    float *r = p->correlation, energy = r[0];
    *f = (frame){.count = 1, .level = energy > 0 ? sqrtf(energy) : 0};
    if (!(energy > 1e-12F)) return;
    for (int k = LAG_MIN - 4; k <= LAG_MAX + 4; k++) r[k] *= p->correction[k] / energy;
    for (int k = LAG_MIN; k < LAG_MAX; k++)
        if (r[k] > 0.15F && r[k] >= r[k - 1] && r[k] > r[k + 1]) add_peak(f, r, k);
}

/* ---- the whole ---- */

/* "Unvoiced" is the better the quieter the frame is against the loudest. */
static void rate_unvoiced(frame *frames, size_t n) {
    float loudest = 0;
    for (size_t t = 0; t < n; t++) loudest = fmaxf(loudest, frames[t].level);
    for (size_t t = 0; t < n; t++) {
        float part = loudest > 0 ? frames[t].level / loudest : 0;
        float quiet = 2 - part / (SILENCE / (1 + VOICING));
        frames[t].list[0].strength = VOICING + OCTAVE * log2f(F0_MOST / F0_LEAST) / 2 + fmaxf(0, quiet);
    }
}

static float step_cost(const candidate *a, const candidate *b) {
    if ((a->f0 > 0) != (b->f0 > 0)) return VOICING_JUMP;
    return a->f0 > 0 ? OCTAVE_JUMP * fabsf(a->octave - b->octave) : 0;
}

/* The path of greatest strength less cost. from [n][CANDIDATES]: work memory for where each best path came from. */
static void best_path(float *f0, const frame *frames, size_t n, unsigned char (*from)[CANDIDATES]) {
    assert(n > 0);
    float score[2][CANDIDATES] = {{0}};
    for (int c = 0; c < frames[0].count; c++) score[0][c] = frames[0].list[c].strength;
    for (size_t t = 1; t < n; t++) {
        const frame *before = &frames[t - 1], *now = &frames[t];
        const float *old = score[(t - 1) & 1];
        float base = old[0]; /* kept near zero, so that an hour is summed as finely as a second */
        for (int c = 0; c < now->count; c++) {
            float best = -INFINITY;
            for (int b = 0; b < before->count; b++) {
                float value = old[b] - step_cost(&before->list[b], &now->list[c]);
                if (value <= best) continue;
                best = value;
                from[t][c] = (unsigned char)b;
            }
            score[t & 1][c] = best - base + now->list[c].strength;
        }
    }
    const float *last = score[(n - 1) & 1];
    int c = 0;
    for (int i = 1; i < frames[n - 1].count; i++)
        if (last[i] > last[c]) c = i;
    assert(c < frames[n - 1].count);
    for (size_t t = n; t-- > 0; c = from[t][c]) f0[t] = frames[t].list[c].f0;
}

ev_status ev_pitch_track(const float *samples_16k, size_t count, float **out, size_t *frames, ev_error *err) {
    size_t n = count / HOP + 1;
    float *f0 = calloc(n, sizeof(*f0));
    frame *all = calloc(n, sizeof(*all));
    unsigned char(*from)[CANDIDATES] = calloc(n, sizeof(*from));
    tracker *p = tracker_create();
    bool enough = f0 && all && from && p;
    if (enough) {
        for (size_t t = 0; t < n; t++) analyse(&all[t], p, samples_16k, count, t * HOP);
        rate_unvoiced(all, n);
        best_path(f0, all, n, from);
        *out = f0;
        *frames = n;
    } else {
        free(f0);
    }
    tracker_free(p);
    free(from);
    free(all);
    return enough ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory: pitch of %zu samples", count);
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float ev_pitch_median(const float *f0, size_t frames) {
    float *voiced = malloc(frames ? frames * sizeof(float) : 1);
    size_t n = 0;
    if (!voiced) return -1;
    for (size_t t = 0; t < frames; t++)
        if (f0[t] > 0) voiced[n++] = f0[t];
    qsort(voiced, n, sizeof(float), by_value);
    float median = 0;
    if (n >= VOICED_LEAST) median = n % 2 ? voiced[n / 2] : 0.5F * (voiced[n / 2 - 1] + voiced[n / 2]);
    free(voiced);
    return median;
}
