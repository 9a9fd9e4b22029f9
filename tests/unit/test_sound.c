/* Tests of what is measured on sound: conversion of rates, the speaker encoder's filterbank, pitch, trimming. The
 * golden values are made by training/golden_audio.py, which shares no code with what they judge. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "audio/audio.h"
#include "model/container.h"

static const float PI = 3.14159265F;
static const double TAU = 6.283185307179586;

/* Uniform noise of standard deviation 1, the same in each run. */
static float noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return ((float)(*seed >> 8) / 8388608.0F - 1) * 1.7320508F;
}

static double energy_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

/* ---- resample ---- */

static void resampling_keeps_the_tone(void **state) {
    (void)state;
    static const int rates[][2] = {{8000, 16000},  {16000, 16000},  {22050, 16000}, {44100, 16000},
                                   {48000, 16000}, {192000, 16000}, {16000, 48000}, {16000, 22050}};
    for (size_t c = 0; c < EV_ARRAY_COUNT(rates); c++) {
        int from = rates[c][0], to = rates[c][1];
        size_t n = (size_t)from, made = 0;
        float *in = malloc(n * sizeof(float)), *out = NULL;
        for (size_t i = 0; i < n; i++) in[i] = 0.5F * (float)sin(TAU * 440 * (double)i / from);
        assert_int_equal(ev_resample(in, n, from, to, &out, &made, NULL), EV_OK);
        assert_int_equal(made, to); /* one second stays one second */
        double worst = 0;
        for (size_t i = made / 10; i < made * 9 / 10; i++)
            worst = fmax(worst, fabs(out[i] - 0.5 * sin(TAU * 440 * (double)i / to)));
        assert_true(worst < 2e-5);
        free(in);
        free(out);
    }
}

static void resampling_removes_what_would_fold(void **state) {
    (void)state;
    float *in = malloc(48000 * sizeof(float)), *out = NULL;
    size_t made = 0;
    for (int i = 0; i < 48000; i++) in[i] = (float)sin(TAU * 9500 * i / 48000);
    assert_int_equal(ev_resample(in, 48000, 48000, 16000, &out, &made, NULL), EV_OK);
    assert_true(energy_of(out + 1600, 12800) / 12800 < 1e-9);
    free(in);
    free(out);
}

static void resampling_refuses(void **state) {
    (void)state;
    float one = 1, *out = NULL;
    size_t made = 0;
    assert_int_equal(ev_resample(&one, 1, 0, 16000, &out, &made, NULL), EV_E_ARGUMENT);
    assert_int_equal(ev_resample(&one, 1, 16000, 1 << 30, &out, &made, NULL), EV_E_ARGUMENT);
    assert_null(out);
    for (size_t n = 0; n < 5; n++) {
        float few[5] = {0.1F, 0.2F, 0.3F, 0.4F, 0.5F};
        assert_int_equal(ev_resample(few, n, 44100, 16000, &out, &made, NULL), EV_OK);
        assert_in_range(made, 0, 2);
        free(out);
    }
}

/* ---- golden speech ---- */

static ev_audio golden_speech(void) {
    ev_audio a;
    ev_error err = {0};
    if (ev_audio_read(&a, EV_TEST_DIR "/golden/speech.wav", 10, &err)) fail_msg("%s", err.message);
    assert_int_equal(a.sample_rate, 16000);
    return a;
}

static float *golden(const char *name, int dims, int64_t *shape) {
    ev_container *c = NULL;
    ev_error err = {0};
    float *values = NULL;
    if (ev_container_open(&c, EV_TEST_DIR "/golden/audio.safetensors", &err)) fail_msg("%s", err.message);
    if (ev_container_floats(c, name, dims, shape, &values, &err)) fail_msg("%s", err.message);
    ev_container_free(&c);
    return values;
}

static void fbank_is_the_published_one(void **state) {
    (void)state;
    ev_audio a = golden_speech();
    int64_t shape[2] = {-1, EV_FBANK_BINS};
    float *want = golden("fbank", 2, shape), *got = NULL;
    size_t frames = 0;
    assert_int_equal(ev_fbank(a.samples, a.count, &got, &frames, NULL), EV_OK);
    assert_int_equal(frames, shape[0]);
    assert_int_equal(frames, a.count / EV_FBANK_HOP + 1);
    double worst = 0;
    for (size_t i = 0; i < frames * EV_FBANK_BINS; i++) worst = fmax(worst, fabs((double)got[i] - want[i]));
    if (worst > 1e-3) fail_msg("worst difference %g dB", worst);
    free(want);
    free(got);
    ev_audio_free(&a);
}

static void fbank_of_next_to_nothing(void **state) {
    (void)state;
    float samples[161] = {0}, *out = NULL;
    size_t frames = 0;
    for (size_t n = 0; n <= 161; n += n < 159 ? 53 : 1) {
        assert_int_equal(ev_fbank(samples, n, &out, &frames, NULL), EV_OK);
        assert_int_equal(frames, n < 160 ? 1 : 2);
        for (size_t i = 0; i < frames * EV_FBANK_BINS; i++) assert_true(out[i] == 0);
        free(out);
    }
    samples[160] = 1; /* one click: the mean of each bin over time is zero all the same */
    assert_int_equal(ev_fbank(samples, 161, &out, &frames, NULL), EV_OK);
    for (int b = 0; b < EV_FBANK_BINS; b++) assert_true(fabsf(out[b] + out[EV_FBANK_BINS + b]) < 1e-4F);
    free(out);
}

static void pitch_of_speech(void **state) {
    (void)state;
    ev_audio a = golden_speech();
    int64_t shape[1] = {-1};
    float *want = golden("pitch", 1, shape), *got = NULL;
    size_t frames = 0, differ = 0;
    assert_int_equal(ev_pitch_track(a.samples, a.count, &got, &frames, NULL), EV_OK);
    assert_int_equal(frames, shape[0]);
    float ours = ev_pitch_median(got, frames), theirs = ev_pitch_median(want, frames);
    if (fabsf(ours / theirs - 1) > 0.02F) fail_msg("median %g Hz, WORLD says %g Hz", (double)ours, (double)theirs);
    for (size_t t = 0; t < frames; t++) differ += fabsf(got[t] - want[t]) > 0.1F * want[t];
    assert_in_range(differ, 0, frames / 20); /* voicing or pitch */
    free(want);
    free(got);
    ev_audio_free(&a);
}

/* ---- pitch ---- */

typedef struct verdict {
    double voiced, worst, median; /* parts of the frames; relative errors */
} verdict;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Tracks the sound and judges all frames but the first and last five against f0. */
static verdict judge(const float *samples, size_t count, double f0) {
    float *got = NULL;
    size_t frames = 0, n = 0;
    assert_int_equal(ev_pitch_track(samples, count, &got, &frames, NULL), EV_OK);
    double *errors = malloc(frames * sizeof(double));
    for (size_t t = 5; t + 5 < frames; t++)
        if (got[t] > 0) errors[n++] = fabs(got[t] / f0 - 1);
    qsort(errors, n, sizeof(double), by_value);
    verdict v = {(double)n / (double)(frames - 10), n ? errors[n - 1] : 1, n ? errors[n / 2] : 1};
    free(errors);
    free(got);
    return v;
}

enum { SECOND = 16000 };

/* kind 0: a tone; 1: harmonics falling with 1/k; 2: the same without the fundamental; 3: all harmonics equal. Under
 * white noise at snr_db. */
static void fill_voice(float *out, float f0, int kind, float snr_db) {
    int last = kind == 0 ? 1 : (int)(7000 / f0);
    uint32_t seed = 1;
    for (int i = 0; i < SECOND; i++) {
        float value = 0;
        for (int k = kind == 2 ? 2 : 1; k <= last; k++)
            value += cosf(2 * PI * f0 * (float)k / SECOND * (float)i + (float)(k * k)) / (kind == 3 ? 1 : (float)k);
        out[i] = value;
    }
    float scale = 0.1F / sqrtf((float)(energy_of(out, SECOND) / SECOND));
    for (int i = 0; i < SECOND; i++) out[i] = out[i] * scale + 0.1F * powf(10, -snr_db / 20) * noise(&seed);
}

static void pitch_of_known_sounds(void **state) {
    (void)state;
    static const float pitches[] = {62, 70, 97, 131, 187, 262, 350, 450, 490}, snrs[] = {60, 10, 5};
    float *x = malloc(SECOND * sizeof(float));
    for (size_t p = 0; p < EV_ARRAY_COUNT(pitches); p++)
        for (int kind = 0; kind < 4; kind++)
            for (size_t s = 0; s < EV_ARRAY_COUNT(snrs); s++) {
                fill_voice(x, pitches[p], kind, snrs[s]);
                verdict v = judge(x, SECOND, (double)pitches[p]);
                /* In a noisy tone a single frame may err; the median may not. */
                double error = kind == 0 && s > 0 ? v.median : v.worst;
                if (v.voiced < 0.99 || error > 0.01)
                    fail_msg("%g Hz, kind %d, %g dB: voiced %.2f, error %.4f", (double)pitches[p], kind,
                             (double)snrs[s], v.voiced, error);
            }
    free(x);
}

static void pitch_follows_a_glide(void **state) {
    (void)state;
    float *x = malloc(SECOND * sizeof(float)), *got = NULL, phase = 0;
    size_t frames = 0;
    for (int i = 0; i < SECOND; i++) { /* an octave up in a second, faster than speech */
        phase += 2 * PI * 110 * exp2f((float)i / SECOND) / SECOND;
        x[i] = 0;
        for (int k = 1; k < 15; k++) x[i] += 0.1F * sinf((float)k * phase) / (float)k;
    }
    assert_int_equal(ev_pitch_track(x, SECOND, &got, &frames, NULL), EV_OK);
    for (size_t t = 5; t + 5 < frames; t++) assert_true(fabsf(got[t] / (110 * exp2f((float)t / 100)) - 1) < 0.01F);
    free(x);
    free(got);
}

static void no_pitch_where_no_voice_is(void **state) {
    (void)state;
    float *x = calloc(SECOND, sizeof(float));
    uint32_t seed = 3;
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < SECOND; i++)
            x[i] = kind == 0   ? 0
                   : kind == 1 ? 0.1F * noise(&seed)
                   : kind == 2 ? 0.5F
                               : 0.1F * sinf(2 * PI * 30 * (float)i / SECOND) + 0.01F * noise(&seed); /* rumble */
        assert_true(judge(x, SECOND, 100).voiced <= 0.02);
    }
    for (size_t n = 0; n < 1000; n += 37) assert_true(judge(x, n + 1600, 100).voiced <= 0.5);
    float *got = NULL;
    size_t frames = 0;
    assert_int_equal(ev_pitch_track(x, 0, &got, &frames, NULL), EV_OK);
    assert_int_equal(frames, 1);
    assert_true(got[0] == 0);
    free(got);
    free(x);
}

static void pitch_median_needs_ten(void **state) {
    (void)state;
    float f0[24] = {0};
    for (int i = 0; i < 9; i++) f0[2 * i] = (float)(100 + i);
    assert_true(ev_pitch_median(f0, 24) == 0);
    f0[20] = 109;
    assert_true(ev_pitch_median(f0, 24) == 104.5F);
    f0[22] = 110;
    assert_true(ev_pitch_median(f0, 24) == 105);
    assert_true(ev_pitch_median(NULL, 0) == 0);
}

/* ---- trim ---- */

/* "Speech" from..to: a buzz; elsewhere noise 50 dB below, or nothing. Times in ms. */
static void add_speech(float *x, int from_ms, int to_ms) {
    for (int i = from_ms * 16; i < to_ms * 16; i++)
        for (int k = 1; k < 6; k++) x[i] += 0.1F * sinf(2 * PI * 120 * (float)k * (float)i / SECOND);
}

static void trim_cuts_ends_and_pauses(void **state) {
    (void)state;
    float *x = malloc(5 * SECOND * sizeof(float)), *y = malloc(5 * SECOND * sizeof(float));
    for (int quiet = 0; quiet < 2; quiet++) {
        uint32_t seed = 5;
        for (int i = 0; i < 5 * SECOND; i++) x[i] = quiet ? 0 : 0.0005F * noise(&seed);
        add_speech(x, 700, 1700);
        add_speech(x, 1900, 2400); /* after a pause of 200 ms, which stays */
        add_speech(x, 3600, 4000); /* after one of 1.2 s, which becomes 300 ms */
        size_t n = ev_trim_silence(x, 5 * SECOND, y);
        assert_in_range(n, 2400 * 16, 2560 * 16);                                 /* 2.4 s and a margin at each end */
        assert_true(fabs(energy_of(y, n) / energy_of(x, 5 * SECOND) - 1) < 1e-3); /* no speech is lost */
        size_t in_place = ev_trim_silence(x, 5 * SECOND, x);
        assert_int_equal(in_place, n);
        assert_memory_equal(x, y, n * sizeof(float));
        assert_in_range(ev_trim_silence(x, n, x), n - 800, n); /* again: hardly a change */
    }
    free(x);
    free(y);
}

static void trim_of_silence_and_speech(void **state) {
    (void)state;
    float *x = calloc(SECOND, sizeof(float)), *y = malloc(SECOND * sizeof(float));
    uint32_t seed = 7;
    assert_int_equal(ev_trim_silence(x, SECOND, y), 0);
    assert_int_equal(ev_trim_silence(x, 0, y), 0);
    for (int i = 0; i < SECOND; i++) x[i] = 0.3F; /* an offset is no sound */
    assert_int_equal(ev_trim_silence(x, SECOND, y), 0);
    for (int i = 0; i < SECOND; i++) x[i] = 0.0003F * noise(&seed);
    assert_int_equal(ev_trim_silence(x, SECOND, y), 0);
    memset(x, 0, SECOND * sizeof(float));
    add_speech(x, 0, 1000);
    for (size_t n = SECOND - 170; n < SECOND; n += 17) { /* speech to the last sample stays whole, odd lengths too */
        assert_int_equal(ev_trim_silence(x, n, y), n);
        assert_memory_equal(x, y, n * sizeof(float));
    }
    x[8000] = 30; /* a click is not the measure of loudness */
    assert_int_equal(ev_trim_silence(x, SECOND, y), SECOND);
    free(x);
    free(y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resampling_keeps_the_tone),  cmocka_unit_test(resampling_removes_what_would_fold),
        cmocka_unit_test(resampling_refuses),         cmocka_unit_test(fbank_is_the_published_one),
        cmocka_unit_test(fbank_of_next_to_nothing),   cmocka_unit_test(pitch_of_speech),
        cmocka_unit_test(pitch_of_known_sounds),      cmocka_unit_test(pitch_follows_a_glide),
        cmocka_unit_test(no_pitch_where_no_voice_is), cmocka_unit_test(pitch_median_needs_ten),
        cmocka_unit_test(trim_cuts_ends_and_pauses),  cmocka_unit_test(trim_of_silence_and_speech),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
