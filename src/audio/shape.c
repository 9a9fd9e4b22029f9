/* shape: cut, gain, rate, in this order. See shape.h.
 *
 * Silence is what stays under -50 dBFS, 30 dB under speech of -20 LUFS; 20 ms are left on either side of the sound.
 * What follows the last sound so far is held, for it is a pause if more comes and the end if not.
 *
 * Louder speech is bent, not cut off: above 0.7 of full scale samples approach 1 along a tanh, which has the same
 * slope where it begins. A sample's value decides, so where pieces end changes nothing. */
#include "audio/shape.h"

#include <assert.h>
#include <math.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_LEAST = 1000, RATE_MOST = 384000, MARGIN_PER_S = 50, BLOCK = 4096 };
static const float SILENCE = 0.00316F, KNEE = 0.7F, VOLUME_MOST = 40;

struct ev_shape {
    ev_shape_options options;
    float gain;
    soxr_t converter; /* NULL: the rate stays */
    ev_buf held;      /* floats that may be the silence behind the sound; before it, the last of them */
    ev_buf cut;       /* floats that are in, of this call */
    bool sounded;
    uint64_t skipped; /* samples before the first that went on */
    uint64_t kept;    /* that went on */
};

uint64_t ev_shape_count(uint64_t count, int32_t rate_in, int32_t rate_out) {
    assert(rate_in > 0 && rate_out > 0);
    if (rate_in == rate_out) return count;
    return (uint64_t)((double)count * rate_out / rate_in + 0.5);
}

uint64_t ev_shape_skipped(const ev_shape *s) { return s->skipped; }
uint64_t ev_shape_kept(const ev_shape *s) { return s->kept; }

/* ---- silence ---- */

static size_t floats_of(const ev_buf *b) { return b->size / sizeof(float); }
static void add(ev_buf *b, const float *samples, size_t count) { ev_buf_append(b, samples, count * sizeof(float)); }

/* Lets go of the first of what is held. */
static void skip(ev_shape *s, size_t count) {
    assert(count <= floats_of(&s->held) && !s->sounded);
    ev_buf *held = &s->held;
    memmove(held->data, held->data + count * sizeof(float), held->size - count * sizeof(float));
    held->size -= count * sizeof(float);
    s->skipped += count;
}

/* Held until it is known what it is; before the first sound, the last margin of it is enough. */
static void take_silence(ev_shape *s, const float *samples, size_t count) {
    const size_t margin = (size_t)(s->options.rate_in / MARGIN_PER_S);
    add(&s->held, samples, count);
    if (!s->sounded && !s->held.failed && floats_of(&s->held) > margin) skip(s, floats_of(&s->held) - margin);
}

static void take_sound(ev_shape *s, const float *samples, size_t count) {
    ev_buf_append(&s->cut, s->held.data, s->held.size);
    s->held.size = 0;
    s->sounded = true;
    add(&s->cut, samples, count);
}

static void cut_silence(ev_shape *s, const float *samples, size_t count) {
    for (size_t at = 0, end; at < count; at = end) {
        const bool loud = fabsf(samples[at]) > SILENCE;
        for (end = at + 1; end < count && (fabsf(samples[end]) > SILENCE) == loud;) end++;
        if (loud)
            take_sound(s, samples + at, end - at);
        else
            take_silence(s, samples + at, end - at);
    }
}

/* The margin behind the last sound; of silence alone, what is held. */
static void end_silence(ev_shape *s) {
    const size_t margin = (size_t)(s->options.rate_in / MARGIN_PER_S), held = floats_of(&s->held);
    ev_buf_append(&s->cut, s->held.data, (held < margin ? held : margin) * sizeof(float));
    s->held.size = 0;
}

/* ---- gain ---- */

static float louder(float value, float gain) {
    const float scaled = value * gain, size = fabsf(scaled);
    if (gain <= 1 || !(size > KNEE)) return scaled;
    return copysignf(KNEE + (1 - KNEE) * tanhf((size - KNEE) / (1 - KNEE)), scaled);
}

/* ---- rate ---- */

/* in NULL: all of it was given, and what the converter holds comes out. */
static ev_status convert(ev_shape *s, const float *in, size_t count, ev_buf *out, ev_error *err) {
    assert(s->converter);
    float block[BLOCK];
    size_t used, made = BLOCK;
    for (size_t at = 0; at < count || made == BLOCK; at += used) {
        used = made = 0;
        soxr_error_t fault =
            soxr_process(s->converter, in ? in + at : NULL, in ? count - at : 0, &used, block, BLOCK, &made);
        if (fault) return ev_fail(err, EV_E_MEMORY, "cannot convert the rate: %s", fault);
        add(out, block, made);
    }
    return EV_OK;
}

static ev_status pass_on(ev_shape *s, float *samples, size_t count, ev_buf *out, ev_error *err) {
    s->kept += count;
    if (s->gain != 1)
        for (size_t i = 0; i < count; i++) samples[i] = louder(samples[i], s->gain);
    ev_status status = EV_OK;
    if (!s->converter)
        add(out, samples, count);
    else if (count > 0)
        status = convert(s, samples, count, out, err);
    if (!status && (out->failed || s->held.failed || s->cut.failed))
        status = ev_fail(err, EV_E_MEMORY, "out of memory: sound");
    return status;
}

/* ---- the whole ---- */

ev_status ev_shape_create(ev_shape **out, const ev_shape_options *o, ev_error *err) {
    if (o->rate_in < RATE_LEAST || o->rate_in > RATE_MOST || o->rate_out < RATE_LEAST || o->rate_out > RATE_MOST)
        return ev_fail(err, EV_E_ARGUMENT, "cannot convert %d Hz to %d Hz", (int)o->rate_in, (int)o->rate_out);
    if (!(fabsf(o->volume_db) <= VOLUME_MOST))
        return ev_fail(err, EV_E_ARGUMENT, "volume_db %g is not in -40 to 40", (double)o->volume_db);
    ev_shape *s = calloc(1, sizeof(*s));
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory: sound");
    s->options = *o;
    s->gain = powf(10, o->volume_db / 20);
    if (o->rate_in != o->rate_out) {
        soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
        s->converter = soxr_create(o->rate_in, o->rate_out, 1, NULL, &io, &quality, &one_thread);
        if (!s->converter) ev_shape_free(&s);
    }
    *out = s;
    return s ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory: sound");
}

ev_status ev_shape_write(ev_shape *s, const float *samples, size_t count, ev_buf *out, ev_error *err) {
    s->cut.size = 0;
    if (s->options.trim)
        cut_silence(s, samples, count);
    else
        add(&s->cut, samples, count);
    if (s->cut.failed) return ev_fail(err, EV_E_MEMORY, "out of memory: sound");
    return pass_on(s, (float *)(void *)s->cut.data, floats_of(&s->cut), out, err);
}

ev_status ev_shape_finish(ev_shape *s, ev_buf *out, ev_error *err) {
    s->cut.size = 0;
    end_silence(s);
    ev_status status = pass_on(s, (float *)(void *)s->cut.data, floats_of(&s->cut), out, err);
    if (!status && s->converter) status = convert(s, NULL, 0, out, err);
    return !status && out->failed ? ev_fail(err, EV_E_MEMORY, "out of memory: sound") : status;
}

void ev_shape_free(ev_shape **shape) {
    if (!*shape) return;
    if ((*shape)->converter) soxr_delete((*shape)->converter);
    ev_buf_free(&(*shape)->held);
    ev_buf_free(&(*shape)->cut);
    free(*shape);
    *shape = NULL;
}

/* ---- a whole sound ---- */

static ev_status measure(const ev_audio *audio, double *gain_db, ev_error *err) {
    ev_loudness *l = NULL;
    ev_status status = ev_loudness_create(&l, audio->sample_rate, err);
    if (!status) status = ev_loudness_add(l, audio->samples, audio->count, err);
    if (!status) *gain_db = ev_loudness_gain_db(l);
    ev_loudness_free(&l);
    return status;
}

static size_t moved(const ev_shape *s, size_t at, size_t most) {
    const uint64_t left = at > s->skipped ? at - s->skipped : 0;
    const uint64_t there = ev_shape_count(left, s->options.rate_in, s->options.rate_out);
    assert(s->options.rate_in > 0 && left <= at);
    return there < most ? (size_t)there : most;
}

static void replace(ev_audio *audio, const ev_shape *s, ev_buf *out) {
    free(audio->samples);
    audio->samples = (float *)(void *)out->data;
    audio->count = floats_of(out);
    audio->sample_rate = s->options.rate_out;
    *out = (ev_buf){0};
    for (size_t i = 0; i < audio->mark_count; i++) {
        ev_mark *m = &audio->marks[i];
        m->sample_begin = moved(s, m->sample_begin, audio->count);
        m->sample_end = moved(s, m->sample_end, audio->count);
    }
}

ev_status ev_audio_shape(ev_audio *audio, const ev_shape_request *request, ev_error *err) {
    double gain_db = 0;
    ev_shape *s = NULL;
    ev_buf out = {0};
    ev_status status = request->normalize ? measure(audio, &gain_db, err) : EV_OK;
    const ev_shape_options o = {.rate_in = audio->sample_rate,
                                .rate_out = request->rate ? request->rate : audio->sample_rate,
                                .volume_db = request->volume_db + (float)gain_db,
                                .trim = request->trim_silence != 0};
    if (!status) status = ev_shape_create(&s, &o, err);
    if (!status) status = ev_shape_write(s, audio->samples, audio->count, &out, err);
    if (!status) status = ev_shape_finish(s, &out, err);
    if (!status) replace(audio, s, &out);
    ev_shape_free(&s);
    ev_buf_free(&out);
    return status;
}
