/* equaliser: what a reference's spectrum is, what of it a clone gets, and that an equalised voice sounds by its
 * gains, alone or beside others.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "synth/synth.h"

enum { BANDS = 10, SPEAKER = 4, RATE = 16000, TERMS = 3 + SPEAKER };
static const int bands_hz[BANDS] = {125, 200, 315, 500, 800, 1250, 2000, 3150, 5000, 7000};

/* ---- the spectrum ---- */

static void tone(float *samples, size_t count, double hz, double amplitude) {
    for (size_t i = 0; i < count; i++) samples[i] += (float)(amplitude * sin(2 * acos(-1.0) * hz * (double)i / RATE));
}

static void a_tone_is_in_its_band(void **state) {
    (void)state;
    for (size_t b = 0; b < BANDS; b++) {
        float samples[RATE] = {0}, db[BANDS];
        tone(samples, RATE, bands_hz[b], 0.1);
        assert_int_equal(ev_ltas(samples, RATE, bands_hz, BANDS, db, NULL), EV_OK);
        for (size_t k = 0; k < BANDS; k++)
            if (k != b && db[k] > db[b] - 15)
                fail_msg("%d Hz is %g dB at %d Hz", bands_hz[b], (double)db[k], bands_hz[k]);
    }
}

/* Ten times the amplitude is 20 dB more; and pauses do not count. */
static void loud_frames_count(void **state) {
    (void)state;
    float *samples = calloc(3 * RATE, sizeof *samples), once[BANDS], more[BANDS];
    tone(samples, RATE, 800, 0.01);
    assert_int_equal(ev_ltas(samples, RATE, bands_hz, BANDS, once, NULL), EV_OK);
    tone(samples, RATE, 800, 0.09);
    assert_int_equal(ev_ltas(samples, 3 * RATE, bands_hz, BANDS, more, NULL), EV_OK);
    assert_true(fabsf(more[4] - once[4] - 20) < 0.5f);
    free(samples);
}

static void next_to_nothing_is_refused(void **state) {
    (void)state;
    float samples[1024] = {0}, db[BANDS];
    ev_error err = {0};
    assert_int_equal(ev_ltas(samples, 1023, bands_hz, BANDS, db, &err), EV_E_AUDIO);
    assert_int_equal(ev_ltas(samples, 1024, bands_hz, BANDS, db, &err), EV_OK);
    for (size_t b = 0; b < BANDS; b++) assert_true(db[b] == -120);
}

/* ---- what of it a clone gets ---- */

static float weight[BANDS * TERMS];
static const float vector[SPEAKER] = {0.5f, -0.5f, 0.5f, 0.5f};

/* A clone's own spectrum is -10 dB at each band for a pitch of 200 Hz. */
static ev_equaliser equaliser_of(double strength, double limit_db) {
    ev_equaliser e = {
        .config = {.bands = BANDS, .strength = strength, .limit_db = limit_db}, .speaker = SPEAKER, .weight = weight};
    memcpy(e.config.hz, bands_hz, sizeof bands_hz);
    memset(weight, 0, sizeof weight);
    for (size_t b = 0; b < BANDS; b++) weight[b * TERMS] = -10;
    return e;
}

/* As loud as before: a shift of all, which what stands still has too. */
static void fit(const ev_equaliser *e, float pitch, const float *lacks, float *gains) {
    float reference[BANDS];
    for (size_t b = 0; b < BANDS; b++) reference[b] = -40 + lacks[b];
    ev_equaliser_fit(e, vector, pitch, reference, gains);
}

static void assert_gain(float got, double wanted) {
    if (fabs((double)got - wanted) > 0.01) fail_msg("%g dB instead of %g", (double)got, wanted);
}

static void what_lacks_is_given(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(0.5, 3);
    const float none[BANDS] = {0}, some[BANDS] = {[4] = 4, [6] = -4, [8] = 10};
    float gains[BANDS];
    fit(&e, 150, none, gains);
    for (size_t b = 0; b < BANDS; b++) assert_gain(gains[b], 0);
    fit(&e, 150, some, gains);
    assert_gain(gains[4] - gains[5], 2);
    assert_gain(gains[6] - gains[5], -2);
    assert_gain(gains[8] - gains[5], 3); /* the limit */
    assert_gain(gains[1] - gains[5], 0);
}

static void it_stays_as_loud(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(1, 12);
    const float all[BANDS] = {[5] = 9, [6] = 9, [7] = 9, [8] = 9};
    float gains[BANDS];
    double before = 0, after = 0;
    fit(&e, 150, all, gains);
    assert_true(gains[0] < -2 && gains[6] > 2);
    for (size_t b = 0; b < BANDS; b++) { /* bands an octave's share wide, K-weighted: 4 dB more from 2 kHz on */
        const double power = bands_hz[b] * (bands_hz[b] < 1500 ? 1 : 2.5);
        before += power;
        after += power * pow(10, (double)gains[b] / 10);
    }
    assert_true(fabs(10 * log10(after / before)) < 0.5);
}

/* A telephone's edges are not the person's. */
static void what_a_device_cut_stays(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(1, 8);
    const float telephone[BANDS] = {-30, -15, -6, [5] = 2, [7] = -5, [8] = -13, [9] = -80};
    float gains[BANDS];
    fit(&e, 110, telephone, gains);
    for (size_t b = 0; b < BANDS; b++) assert_gain(gains[b] - gains[4], b == 5 ? 2 : 0);
    const float notches[BANDS] = {[2] = -14, [4] = -19, [6] = -24, [9] = -11};
    fit(&e, 110, notches, gains);
    assert_gain(gains[2] - gains[1], -8);
    assert_gain(gains[4] - gains[1], -4);
    assert_gain(gains[6] - gains[1], 0);
    assert_gain(gains[9] - gains[1], -8);
    const float silent[BANDS] = {[1] = -60, -60, -60, -60, -60, -60, -60, -60, -60};
    fit(&e, 110, silent, gains);
    for (size_t b = 0; b < BANDS; b++) assert_gain(gains[b], 0);
}

/* Where a voice has nothing, noise would be lifted. */
static void nothing_is_lifted_below_the_pitch(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(1, 8);
    const float hum[BANDS] = {6, 6}, clean[BANDS] = {-6, -6};
    float gains[BANDS];
    fit(&e, 300, hum, gains);
    assert_gain(gains[0] - gains[4], 0);
    assert_gain(gains[1] - gains[4], 0);
    fit(&e, 130, hum, gains);
    assert_gain(gains[1] - gains[4], 6);
    fit(&e, 300, clean, gains);
    assert_gain(gains[0] - gains[4], -6);
}

static void its_own_spectrum_is_of_vector_and_pitch(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(1, 20);
    const float none[BANDS] = {0};
    float gains[BANDS];
    weight[4 * TERMS + 3] = 4; /* 2 dB more of this vector */
    weight[7 * TERMS + 1] = 3; /* and 3 dB for each factor of e above 200 Hz */
    fit(&e, 200 * 2.718281828f, none, gains);
    assert_gain(gains[4] - gains[5], -2);
    assert_gain(gains[7] - gains[5], -3);
}

static void bins_lie_between_bands(void **state) {
    (void)state;
    const ev_equaliser e = equaliser_of(1, 20);
    const float gains[BANDS] = {-6, 0, 0, 0, 0, 0, 6, 0, 0, 12};
    float bins[481];
    const double unit = log(10) / 20;
    ev_equaliser_bins(&e, gains, 25, 481, bins);
    assert_gain(bins[0], -6 * unit);
    assert_gain(bins[125 / 25], -6 * unit);
    assert_gain(bins[200 / 25], 0);
    assert_gain(bins[2000 / 25], 6 * unit);
    assert_gain(bins[1575 / 25], 6 * unit * log(1575.0 / 1250) / log(2000.0 / 1250));
    assert_gain(bins[7000 / 25], 12 * unit);
    assert_gain(bins[480], 12 * unit);
}

/* A container of its weights alone, one of which is `odd`. */
static ev_status load_with(float odd, ev_equaliser *out) {
    static const char header[] =
        "{\"equaliser.weight\":{\"dtype\":\"F32\",\"shape\":[3,7],\"data_offsets\":[0,84]}}  ";
    const uint64_t length = sizeof header - 1;
    float weights[21] = {[8] = odd};
    unsigned char bytes[8 + sizeof header - 1 + sizeof weights];
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    memcpy(bytes + 8 + length, weights, sizeof weights);
    const ev_config config = {.equaliser = {.bands = 3, .hz = {100, 1000, 7000}, .strength = 1, .limit_db = 8},
                              .speaker = {.embedding = SPEAKER}};
    ev_container *c = NULL;
    ev_error err = {0};
    if (ev_container_parse(&c, bytes, sizeof bytes, &err) != EV_OK) fail_msg("%s", err.message);
    const ev_status s = ev_equaliser_load(out, c, &config, &err);
    ev_container_free(&c);
    return s;
}

static void weights_are_numbers(void **state) {
    (void)state;
    ev_equaliser one, other;
    assert_int_equal(load_with(1, &one), EV_OK);
    assert_int_equal(load_with(2, &other), EV_OK);
    assert_true(one.id && other.id && one.id != other.id);
    ev_equaliser_free(&one);
    ev_equaliser_free(&other);
    assert_int_equal(load_with(NAN, &one), EV_E_FORMAT);
    assert_int_equal(load_with(-INFINITY, &one), EV_E_FORMAT);
    assert_int_equal(load_with(1e6f, &one), EV_E_FORMAT);
    assert_null(one.weight);
}

/* ---- how it sounds ---- */

typedef struct subject {
    ev_model *model;
    ev_synth *synth;
    ev_voice *plain, *equalised;
} subject;

static const char said[] = "The kettle is on, and the rain has stopped.";

static void subject_open(subject *s, float low_db, float high_db) {
    ev_error err = {0};
    ev_model_options options;
    ev_synth_options limits;
    ev_model_options_init(&options);
    ev_synth_options_init(&limits);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    limits.threads = 2;
    if (ev_model_open(&s->model, EV_TEST_DIR "/golden/tiny.safetensors", &options, &err) ||
        ev_synth_create(&s->synth, s->model, &limits, &err) ||
        ev_voice_named(&s->plain, s->model, ev_model_voice_name(s->model, 0), &err))
        fail_msg("%s", err.message);
    s->model->equaliser.config = equaliser_of(1, 8).config;
    s->model->equaliser.id = 77;
    s->equalised = ev_voice_copy(s->plain);
    s->equalised->equaliser_id = 77;
    s->equalised->bands = BANDS;
    for (size_t b = 0; b < BANDS; b++) s->equalised->eq_db[b] = bands_hz[b] < 1000 ? low_db : high_db;
}

static void subject_close(subject *s) {
    ev_voice_free(&s->plain);
    ev_voice_free(&s->equalised);
    ev_synth_free(&s->synth);
    ev_model_free(&s->model);
}

static ev_request request_of(const ev_voice *voice, const char *text) {
    ev_request r;
    ev_request_init(&r);
    r.text = text;
    r.text_bytes = strlen(text);
    r.voice = voice;
    return r;
}

static ev_audio say(const subject *s, const ev_request *r) {
    ev_audio a;
    ev_error err = {0};
    if (ev_say(s->synth, r, &a, &err) != EV_OK) fail_msg("%s", err.message);
    return a;
}

static ev_audio say_as(const subject *s, const ev_voice *voice) {
    const ev_request r = request_of(voice, said);
    return say(s, &r);
}

static void a_gain_is_a_gain(void **state) {
    (void)state;
    subject s;
    subject_open(&s, -6.0206f, -6.0206f); /* a half */
    ev_audio a = say_as(&s, s.plain), b = say_as(&s, s.equalised);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++)
        if (fabsf(a.samples[i]) < 0.79f) assert_true(fabsf(b.samples[i] - a.samples[i] / 2) < 1e-4f);
    ev_audio_free(&a);
    ev_audio_free(&b);
    subject_close(&s);
}

static void band_levels(const ev_audio *a, float *db) {
    float *samples = NULL;
    size_t n = 0;
    assert_int_equal(ev_resample(a->samples, a->count, a->sample_rate, RATE, &samples, &n, NULL), EV_OK);
    assert_int_equal(ev_ltas(samples, n, bands_hz, BANDS, db, NULL), EV_OK);
    free(samples);
}

static void treble_is_heard(void **state) {
    (void)state;
    subject s;
    float before[BANDS], after[BANDS];
    subject_open(&s, 0, -6);
    ev_audio a = say_as(&s, s.plain), b = say_as(&s, s.equalised);
    band_levels(&a, before);
    band_levels(&b, after);
    for (size_t i = 1; i < 4; i++) assert_true(fabsf(after[i] - before[i]) < 1);
    for (size_t i = 6; i < BANDS; i++) assert_true(fabsf(after[i] - before[i] + 6) < 1);
    ev_audio_free(&a);
    ev_audio_free(&b);
    subject_close(&s);
}

static const ev_voice *find_equalised(void *user, const char *name) {
    return strcmp(name, "clone") == 0 ? ((const subject *)user)->equalised : NULL;
}

/* Of a plain voice, an equalised one, and one whose text changes between the two. */
static void same_bytes_in_company(void **state) {
    (void)state;
    enum { REQUESTS = 3 };
    subject s;
    subject_open(&s, 2, -4);
    ev_request requests[REQUESTS] = {
        request_of(s.plain, said), request_of(s.equalised, said),
        request_of(s.plain, "<speak>It is late. <voice name=\"clone\">So it is.</voice> Good night.</speak>")};
    requests[2].find_voice = find_equalised;
    requests[2].find_user = &s;
    const ev_request *batch[REQUESTS] = {&requests[0], &requests[1], &requests[2]};
    ev_result results[REQUESTS];
    ev_error err = {0};
    assert_int_equal(ev_say_batch(s.synth, batch, REQUESTS, results, &err), EV_OK);
    for (size_t i = 0; i < REQUESTS; i++) {
        ev_audio alone = say(&s, batch[i]);
        assert_int_equal(results[i].status, EV_OK);
        assert_int_equal(results[i].audio.count, alone.count);
        assert_memory_equal(results[i].audio.samples, alone.samples, alone.count * sizeof(float));
        ev_audio_free(&results[i].audio);
        ev_audio_free(&alone);
    }
    ev_task *task = NULL; /* keeps a copy of the voice */
    assert_int_equal(ev_task_create(&task, s.model, batch[1], 0, &err), EV_OK);
    ev_task_free(&task);
    subject_close(&s);
}

/* ---- as bytes ---- */

static void packed_and_unpacked(void **state) {
    (void)state;
    subject s;
    ev_error err = {0};
    unsigned char bytes[4096];
    size_t plain = 0, used = 0;
    subject_open(&s, 2, -4);
    assert_int_equal(ev_voice_pack(s.plain, bytes, sizeof bytes, &plain, &err), EV_OK);
    assert_memory_equal(bytes, "EVVOICE1", 8);
    assert_int_equal(ev_voice_pack(s.equalised, bytes, sizeof bytes, &used, &err), EV_OK);
    assert_memory_equal(bytes, "EVVOICE2", 8);
    assert_int_equal(used, plain + 12 + BANDS * sizeof(float));
    ev_voice *copy = NULL;
    assert_int_equal(ev_voice_unpack(&copy, s.model, bytes, used, &err), EV_OK);
    assert_int_equal(copy->bands, BANDS);
    assert_memory_equal(copy->eq_db, s.equalised->eq_db, sizeof copy->eq_db);
    ev_voice_free(&copy);
    s.model->equaliser.config.bands = BANDS - 1;
    assert_int_equal(ev_voice_unpack(&copy, s.model, bytes, used, &err), EV_E_FORMAT);
    s.model->equaliser.id = 78; /* another model's: the voice does without */
    assert_int_equal(ev_voice_unpack(&copy, s.model, bytes, used, &err), EV_OK);
    assert_int_equal(copy->bands, 0);
    assert_true(copy->equaliser_id == 0 && copy->eq_db[0] == 0);
    ev_voice_free(&copy);
    s.model->equaliser.config.bands = BANDS;
    s.model->equaliser.id = 77;
    for (size_t cut = 1; cut < used; cut += 7)
        assert_int_equal(ev_voice_unpack(&copy, s.model, bytes, used - cut, &err), EV_E_FORMAT);
    s.equalised->eq_db[3] = NAN;
    assert_int_equal(ev_voice_pack(s.equalised, bytes, sizeof bytes, &used, &err), EV_OK);
    assert_int_equal(ev_voice_unpack(&copy, s.model, bytes, used, &err), EV_E_FORMAT);
    assert_null(copy);
    subject_close(&s);
}

/* A voice whose gains are another model's sounds as it does without. */
static void of_another_model(void **state) {
    (void)state;
    subject s;
    subject_open(&s, 6, -6);
    s.equalised->equaliser_id = 78;
    ev_audio a = say_as(&s, s.plain), b = say_as(&s, s.equalised);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.samples, b.samples, a.count * sizeof(float));
    ev_audio_free(&a);
    ev_audio_free(&b);
    subject_close(&s);
}

static void mixed(void **state) {
    (void)state;
    subject s;
    ev_error err = {0};
    ev_voice *mix = NULL;
    subject_open(&s, 2, -4);
    const ev_voice *both[] = {s.plain, s.equalised};
    const float weights[] = {1, 3};
    assert_int_equal(ev_voice_mix(&mix, both, weights, 2, &err), EV_OK);
    assert_int_equal(mix->bands, BANDS);
    assert_gain(mix->eq_db[0], 1.5);
    assert_gain(mix->eq_db[BANDS - 1], -3);
    ev_voice_free(&mix);
    ev_voice *third = ev_voice_copy(s.equalised);
    third->equaliser_id = 78;
    both[0] = third; /* whose model is not known: the first one's count */
    assert_int_equal(ev_voice_mix(&mix, both, weights, 2, &err), EV_OK);
    assert_true(mix->equaliser_id == 78);
    assert_gain(mix->eq_db[0], 0.5);
    ev_voice_free(&third);
    ev_voice_free(&mix);
    subject_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_is_in_its_band),
        cmocka_unit_test(loud_frames_count),
        cmocka_unit_test(next_to_nothing_is_refused),
        cmocka_unit_test(what_lacks_is_given),
        cmocka_unit_test(it_stays_as_loud),
        cmocka_unit_test(what_a_device_cut_stays),
        cmocka_unit_test(nothing_is_lifted_below_the_pitch),
        cmocka_unit_test(its_own_spectrum_is_of_vector_and_pitch),
        cmocka_unit_test(bins_lie_between_bands),
        cmocka_unit_test(weights_are_numbers),
        cmocka_unit_test(a_gain_is_a_gain),
        cmocka_unit_test(treble_is_heard),
        cmocka_unit_test(same_bytes_in_company),
        cmocka_unit_test(packed_and_unpacked),
        cmocka_unit_test(of_another_model),
        cmocka_unit_test(mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
