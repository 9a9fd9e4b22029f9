/* trim: speech without its silence, so that a reference of five seconds is five seconds of speaker. What counts as
 * silence is relative: a line between the recording's own noise floor and its own loudest part. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

enum {
    FRAME = 160,       /* 10 ms at 16 kHz */
    PAUSE_FRAMES = 30, /* longer pauses are shortened to this, half at each end, where breath and release are */
    MARGIN_FRAMES = 5  /* kept before and after: soft onsets lie under the line */
};
static const float SILENT_DB = -60;             /* nothing above: a silent recording */
static const float OVER_NOISE_DB = 6;           /* the line: this much over the noise ... */
static const float LOW_DB = -45, HIGH_DB = -15; /* ... but in this band under the loudest part */

/* Energy of frame t about its own mean, so that an offset of the recording is no sound. */
static float frame_energy(const float *samples, size_t count, size_t t) {
    assert(t * FRAME < count);
    size_t begin = t * FRAME, n = count - begin < FRAME ? count - begin : FRAME;
    float sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += samples[begin + i];
    for (size_t i = 0; i < n; i++) {
        float v = samples[begin + i] - sum / (float)n;
        squares += v * v;
    }
    return squares / (float)n;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* level [frames]: dB over 30 ms, longer than the period of the deepest voice. sorted [frames]: the same in order. */
static void measure(float *level, float *sorted, const float *samples, size_t count, size_t frames) {
    for (size_t t = 0; t < frames; t++) sorted[t] = frame_energy(samples, count, t);
    for (size_t t = 0; t < frames; t++) {
        float before = sorted[t > 0 ? t - 1 : 0], after = sorted[t + 1 < frames ? t + 1 : t];
        level[t] = 10 * log10f((before + sorted[t] + after) / 3 + 1e-12F);
    }
    memcpy(sorted, level, frames * sizeof(float));
    qsort(sorted, frames, sizeof(float), by_value);
}

/* The loudest part is what 100 ms reach (5 % of a short sound), so that one click does not set it; noise is what the
 * quietest tenth stays under. */
static bool threshold(float *line, const float *sorted, size_t frames) {
    assert(frames > 0);
    size_t top = frames / 20 < 10 ? frames / 20 : 10;
    float loud = sorted[frames - 1 - top], noise = sorted[frames / 10];
    if (loud < SILENT_DB) return false;
    *line = fminf(fmaxf(noise + OVER_NOISE_DB, loud + LOW_DB), loud + HIGH_DB);
    return true;
}

/* Moves frames [begin, end) to out, which lies before or at them. */
static size_t keep(float *out, size_t used, const float *samples, size_t count, size_t begin, size_t end) {
    assert(begin <= end);
    size_t first = begin * FRAME, last = end * FRAME < count ? end * FRAME : count;
    if (first >= last) return used;
    memmove(out + used, samples + first, (last - first) * sizeof(float));
    return used + (last - first);
}

static size_t copy_speech(float *out, const float *samples, size_t count, const float *level, size_t frames,
                          float line) {
    size_t used = 0, quiet = 0; /* quiet: the first frame not yet decided on */
    bool heard = false;
    for (size_t t = 0; t < frames; t++) {
        if (level[t] < line) continue;
        size_t half = heard ? PAUSE_FRAMES / 2 : MARGIN_FRAMES;
        if (heard && t - quiet > PAUSE_FRAMES) used = keep(out, used, samples, count, quiet, quiet + half);
        bool cut = heard ? t - quiet > PAUSE_FRAMES : t > half;
        used = keep(out, used, samples, count, cut ? t - half : quiet, t + 1);
        quiet = t + 1;
        heard = true;
    }
    size_t end = quiet + MARGIN_FRAMES < frames ? quiet + MARGIN_FRAMES : frames;
    return heard ? keep(out, used, samples, count, quiet, end) : 0;
}

size_t ev_trim_silence(const float *samples_16k, size_t count, float *out) {
    size_t frames = count / FRAME + (count % FRAME > 0);
    if (frames == 0) return 0;
    float *level = calloc(frames, 2 * sizeof(float)), line;
    if (!level) return SIZE_MAX; /* with its silence it would be another voice */
    measure(level, level + frames, samples_16k, count, frames);
    size_t used = 0;
    if (threshold(&line, level + frames, frames)) used = copy_speech(out, samples_16k, count, level, frames, line);
    assert(used <= count);
    free(level);
    return used;
}
