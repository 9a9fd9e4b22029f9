/* families: a small model of each family of networks through the whole engine (training/golden.py makes them). Alone,
 * in a batch, streamed, at one thread and two: the same bytes. Pauses and marks to the sample, work memory as it is
 * told.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "synth/synth.h"

enum { TEXTS = 5, SAMPLES_MAX = 48000 * 60 };

static const char *const texts[TEXTS] = {
    "Yes.", "The kettle is on, and the rain has stopped. It ends here, and there is no more of it.",
    "\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd\xe3\x80\x82\xe6\x88\x91\xe4\xbb\xac"
    "\xe6\x98\x8e\xe5\xa4\xa9\xe5\x86\x8d\xe8\xaf\xb4\xe3\x80\x82",
    "One [pause:700ms] two [pause:60ms] three.",
    "Nobody had seen the bus which was to take us over the mountains, and so "
    "we went down to the river on foot, as we had done every summer since we were children."};

typedef struct family {
    ev_model *model;
    ev_synth *synth;
    int rate, hop;
} family;

static void family_open(family *f, const char *name, int threads) {
    char path[512];
    ev_error err = {0};
    ev_model_options options;
    ev_synth_options limits;
    ev_model_options_init(&options);
    ev_synth_options_init(&limits);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    limits.threads = threads;
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", EV_TEST_DIR, name);
    if (ev_model_open(&f->model, path, &options, &err) != EV_OK) fail_msg("%s", err.message);
    if (ev_synth_create(&f->synth, f->model, &limits, &err) != EV_OK) fail_msg("%s", err.message);
    f->rate = f->model->config.vocoder.sample_rate;
    f->hop = f->model->config.vocoder.hop;
}

static void family_close(family *f) {
    ev_synth_free(&f->synth);
    ev_model_free(&f->model);
}

/* Each text with numbers of its own. */
static ev_request request_of(size_t i) {
    static const char *const emotions[TEXTS] = {NULL, "happy", "sad:0.5", NULL, "angry:0.3,surprised:0.4"};
    ev_request r;
    ev_request_init(&r);
    r.text = texts[i];
    r.text_bytes = strlen(texts[i]);
    r.emotion = emotions[i];
    r.speed = 1 + 0.15f * (float)i;
    r.pitch_scale = 1 - 0.05f * (float)i;
    r.seed = i;
    return r;
}

static ev_audio say(const family *f, const ev_request *r) {
    ev_audio a;
    ev_error err = {0};
    if (ev_say(f->synth, r, &a, &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(a.sample_rate, f->rate);
    assert_true(a.count > 0 && a.count < SAMPLES_MAX);
    return a;
}

static double power(const ev_audio *a) {
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) sum += (double)a->samples[i] * (double)a->samples[i];
    return sum / (double)a->count;
}

typedef struct heard {
    float *samples;
    size_t count, pieces, first;
} heard;

static int on_chunk(void *user, const float *samples, size_t count, int last) {
    heard *h = user;
    assert_true(h->count + count <= SAMPLES_MAX);
    if (count) memcpy(h->samples + h->count, samples, count * sizeof *samples);
    if (!h->pieces) h->first = count;
    h->count += count;
    h->pieces += !last;
    return 0;
}

static void same_bytes(const char *name) {
    family one, two;
    ev_audio alone[TEXTS];
    ev_request requests[TEXTS];
    const ev_request *batch[TEXTS];
    ev_result results[TEXTS];
    ev_error err = {0};
    family_open(&one, name, 1);
    family_open(&two, name, 2);
    for (size_t i = 0; i < TEXTS; i++) {
        requests[i] = request_of(i);
        batch[i] = &requests[i];
        alone[i] = say(&one, batch[i]);
        assert_true(power(&alone[i]) > 1e-6);
    }
    assert_int_equal(ev_say_batch(two.synth, batch, TEXTS, results, &err), EV_OK);
    heard h = {.samples = malloc(SAMPLES_MAX * sizeof(float))};
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(results[i].status, EV_OK);
        assert_int_equal(results[i].audio.count, alone[i].count);
        assert_memory_equal(results[i].audio.samples, alone[i].samples, alone[i].count * sizeof(float));
        h.count = h.pieces = 0;
        assert_int_equal(ev_say_stream(two.synth, batch[i], &err, on_chunk, &h), EV_OK);
        assert_int_equal(h.count, alone[i].count);
        assert_memory_equal(h.samples, alone[i].samples, h.count * sizeof(float));
        if (i == 4) assert_true(h.pieces > 3 && h.first * 1000 / (size_t)one.rate <= 384);
        ev_audio_free(&results[i].audio);
        ev_audio_free(&alone[i]);
    }
    free(h.samples);
    family_close(&one);
    family_close(&two);
}

/* Marks follow each other without a gap from the first sample to the last; pauses last what was asked, and what the
 * model does not make of them is silence. */
static void marks_at(const char *name) {
    family f;
    family_open(&f, name, 2);
    const ev_request r = request_of(3);
    ev_audio a = say(&f, &r);
    ev_phones *p = NULL;
    assert_int_equal(ev_phones_create(&p, f.model, r.text, r.text_bytes, NULL, NULL), EV_OK);
    assert_int_equal(p->phone_count, a.mark_count);
    size_t at = 0, pauses = 0;
    for (size_t i = 0; i < a.mark_count; i++) {
        assert_int_equal(a.marks[i].sample_begin, at);
        at = a.marks[i].sample_end;
        if (!p->phones[i].pause_ms) continue;
        const size_t wanted = (size_t)(p->phones[i].pause_ms * f.rate / 1000), got = at - a.marks[i].sample_begin;
        assert_int_equal(got, wanted);
        pauses++;
        if (p->phones[i].pause_ms < 160) continue;
        for (size_t s = at - wanted + (size_t)f.rate * 170 / 1000; s < at; s++) assert_true(a.samples[s] == 0);
    }
    assert_int_equal(pauses, 2);
    assert_int_equal(at, a.count);
    ev_phones_free(&p);
    ev_audio_free(&a);
    family_close(&f);
}

/* Told is never less than taken, at usual speed and where tokens outnumber frames, and not much more. */
static void work_at(const char *name) {
    static const float speeds[] = {0.5f, 1, 4};
    family f;
    ev_work w;
    ev_error err = {0};
    family_open(&f, name, 2);
    ev_synth_work(f.synth, &w);
    assert_true(fabs(w.frames_per_second - (double)f.rate / f.hop) < 1e-9);
    for (size_t k = 0; k < EV_ARRAY_COUNT(speeds); k++) {
        ev_task *tasks[TEXTS];
        ev_progress p;
        size_t tokens = 0, frames = 0;
        for (size_t i = 0; i < TEXTS; i++) {
            ev_request r = request_of(i);
            r.speed = speeds[k];
            assert_int_equal(ev_task_create(&tasks[i], f.model, &r, 0, &err), EV_OK);
            ev_task_progress(tasks[i], &p);
            tokens += p.next_tokens;
        }
        f.synth->queue->arena.peak = 0;
        assert_int_equal(ev_synth_decode(f.synth, tasks, TEXTS, &err), EV_OK);
        for (size_t i = 0; i < TEXTS; i++) {
            ev_task_progress(tasks[i], &p);
            frames += p.ready_frames;
        }
        const size_t encoder = tokens * w.encode_bytes, decoder = frames * w.frame_bytes;
        const size_t told = w.decode_bytes + TEXTS * w.sentence_bytes + tokens * w.token_bytes +
                            (encoder > decoder ? encoder : decoder);
        if (f.synth->queue->arena.peak > told || told > 1.5 * (double)f.synth->queue->arena.peak)
            fail_msg("%s at speed %g: told %zu bytes, took %zu", name, (double)speeds[k], told,
                     f.synth->queue->arena.peak);
        for (size_t i = 0; i < TEXTS; i++) ev_task_free(&tasks[i]);
    }
    family_close(&f);
}

static const char *const families[] = {"tiny", "tiny_mels", "tiny_prompts"};

static void same_bytes_alone_batched_streamed(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) same_bytes(families[i]);
}

static void pauses_and_marks_are_exact(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) marks_at(families[i]);
}

static void work_is_as_told(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) work_at(families[i]);
}

static void rates_are_the_models(void **state) {
    (void)state;
    static const int rates[][2] = {{24000, 300}, {16000, 256}, {16000, 256}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) {
        family f;
        family_open(&f, families[i], 1);
        assert_int_equal(f.rate, rates[i][0]);
        assert_int_equal(f.hop, rates[i][1]);
        family_close(&f);
    }
}

/* Half the energy is half of every sample; a great deal of it stays within full scale. */
static void energy_multiplies_samples(void **state) {
    (void)state;
    family f;
    family_open(&f, "tiny", 2);
    ev_request r = request_of(1);
    ev_audio plain = say(&f, &r);
    r.energy_scale = 0.5f;
    ev_audio half = say(&f, &r);
    r.energy_scale = 4;
    ev_audio loud = say(&f, &r);
    assert_int_equal(plain.count, half.count);
    float most = 0;
    for (size_t i = 0; i < plain.count; i++) {
        if (fabsf(plain.samples[i]) < 1) assert_true(half.samples[i] == plain.samples[i] * 0.5f);
        if (fabsf(plain.samples[i]) < 0.25f) assert_true(loud.samples[i] == plain.samples[i] * 4);
        most = fmaxf(most, fabsf(loud.samples[i]));
    }
    assert_true(most <= 1 && power(&loud) > 4 * power(&plain));
    ev_audio_free(&plain);
    ev_audio_free(&half);
    ev_audio_free(&loud);
    family_close(&f);
}

/* An emotion's gain counts by its weight, whatever the model's conditions look like. */
static void emotions_have_gains(void **state) {
    (void)state;
    family f;
    family_open(&f, "tiny", 2);
    ev_acoustic_config *c = &f.model->config.acoustic;
    ev_request r = request_of(1);
    r.emotion = "angry";
    r.emotion_degree = 0.5f;
    ev_audio plain = say(&f, &r);
    for (int i = 0; i < c->emotion_count; i++)
        if (strcmp(ev_model_emotion_name(f.model, (size_t)i), "angry") == 0) c->emotion_gains_db[i] = -12;
    ev_audio quieter = say(&f, &r);
    assert_int_equal(plain.count, quieter.count);
    for (size_t i = 0; i < plain.count; i++)
        assert_true(fabs((double)quieter.samples[i] - (double)plain.samples[i] * pow(10, -6.0 / 20)) < 1e-6);
    ev_audio_free(&plain);
    ev_audio_free(&quieter);
    family_close(&f);
}

/* The voice and the emotion are heard; the same request again is the same. */
static void conditions_are_heard(void **state) {
    (void)state;
    family f;
    ev_voice *other = NULL;
    family_open(&f, "tiny", 2);
    ev_request r = request_of(0);
    ev_audio first = say(&f, &r), again = say(&f, &r);
    assert_int_equal(first.count, again.count);
    assert_memory_equal(first.samples, again.samples, first.count * sizeof(float));
    assert_int_equal(ev_voice_named(&other, f.model, ev_model_voice_name(f.model, 1), NULL), EV_OK);
    r.voice = other;
    ev_audio second = say(&f, &r);
    r.voice = NULL;
    r.emotion = "angry";
    ev_audio third = say(&f, &r);
    assert_true(second.count != first.count ||
                memcmp(first.samples, second.samples, first.count * sizeof(float)) != 0);
    assert_true(third.count != first.count || memcmp(first.samples, third.samples, first.count * sizeof(float)) != 0);
    ev_audio *const all[] = {&first, &again, &second, &third};
    for (size_t i = 0; i < EV_ARRAY_COUNT(all); i++) ev_audio_free(all[i]);
    ev_voice_free(&other);
    family_close(&f);
}

static double length_of(const float *vector, size_t n) {
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)vector[i] * (double)vector[i];
    return sqrt(squares);
}

/* The first voice, spoken half as strongly again. */
static ev_voice *stronger(const ev_voice *voice, const ev_model *model) {
    float vector[4096];
    size_t n;
    const float *given = ev_voice_vector(voice, &n);
    for (size_t k = 0; k < n; k++) vector[k] = 1.5f * given[k];
    return ev_voice_make(model, vector, ev_voice_pitch(voice));
}

/* By a family's kind of voices: vectors of a speaker encoder keep the direction of their mean, and the mean of their
 * lengths; of the rows of a table it is the mean itself, whatever their length. A voice mixed of itself is that
 * voice.
 */
static void mixtures_are_by_family(void **state) {
    (void)state;
    static const float weights[] = {1, 3};
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) {
        family f;
        ev_voice *parts[2], *mixed = NULL, *same = NULL;
        size_t n;
        family_open(&f, families[i], 1);
        const bool rows = f.model->acoustic.family->takes_prompts;
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(ev_voice_named(&parts[k], f.model, ev_model_voice_name(f.model, k), NULL), EV_OK);
        ev_voice *plain = parts[0];
        parts[0] = stronger(plain, f.model);
        ev_voice_free(&plain);
        const ev_voice *const both[] = {parts[0], parts[1]}, *const one[] = {parts[1]};
        assert_int_equal(ev_voice_mix(&mixed, both, weights, 2, NULL), EV_OK);
        assert_int_equal(ev_voice_mix(&same, one, weights, 1, NULL), EV_OK);
        const float *a = ev_voice_vector(parts[0], &n), *b = ev_voice_vector(parts[1], &n),
                    *m = ev_voice_vector(mixed, &n), *s = ev_voice_vector(same, &n);
        float mean[4096];
        for (size_t k = 0; k < n; k++) mean[k] = 0.25f * a[k] + 0.75f * b[k];
        const double length = rows ? 1 : length_of(mean, n) / (0.25 * length_of(a, n) + 0.75 * length_of(b, n));
        if (rows) assert_true(fabs(length_of(b, n) - 1) > 0.1); /* or there is nothing to see here */
        for (size_t k = 0; k < n; k++) {
            assert_true(fabs((double)m[k] - (double)mean[k] / length) < 1e-6);
            assert_true(fabs((double)s[k] - (double)b[k]) < 1e-6);
        }
        const double pitch =
            rows ? 0 : exp(0.25 * log(ev_voice_pitch(parts[0])) + 0.75 * log(ev_voice_pitch(parts[1])));
        assert_true(fabs((double)ev_voice_pitch(mixed) - pitch) < 1e-3);
        ev_request r = request_of(0);
        r.voice = mixed;
        ev_audio sound = say(&f, &r);
        assert_true(isfinite(power(&sound)));
        ev_audio_free(&sound);
        ev_voice_free(&mixed);
        ev_voice_free(&same);
        for (size_t k = 0; k < 2; k++) ev_voice_free(&parts[k]);
        family_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_the_models),       cmocka_unit_test(same_bytes_alone_batched_streamed),
        cmocka_unit_test(pauses_and_marks_are_exact), cmocka_unit_test(work_is_as_told),
        cmocka_unit_test(energy_multiplies_samples),  cmocka_unit_test(emotions_have_gains),
        cmocka_unit_test(conditions_are_heard),       cmocka_unit_test(mixtures_are_by_family)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
