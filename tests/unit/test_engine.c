/* engine: the public API on the shipped model. What is promised in emotivoice.h is tried here: a batch gives the same
 * bytes as each request alone, a stream the same as a whole, a bad request harms nobody, pauses last what they ask.
 */
#include <math.h>
#include <pthread.h>

#include "unit/engine_fixture.h"

static ev_audio say(const ev_request *r) {
    ev_audio audio;
    ev_error err = {0};
    if (ev_say(synth, r, &audio, &err) != EV_OK) fail_msg("%s", err.message);
    return audio;
}

static double seconds(const ev_audio *a) { return (double)a->count / a->sample_rate; }

static double level(const ev_audio *a) {
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) sum += (double)a->samples[i] * a->samples[i];
    return sqrt(sum / (double)a->count);
}

/* ---- one request ---- */

static void test_says(void **state) {
    (void)state;
    static const char *const texts[] = {"Good morning.", "今天天气很好。", "我用 Python 写了 three 个程序。"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(texts); i++) {
        const ev_request r = request_of(texts[i]);
        ev_audio a = say(&r);
        assert_true(seconds(&a) > 0.4 && seconds(&a) < 8);
        assert_true(level(&a) > 0.005);
        for (size_t j = 0; j < a.count; j++) assert_true(fabsf(a.samples[j]) <= 1);
        assert_true(a.mark_count > 5);
        assert_int_equal(a.marks[0].sample_begin, 0);
        for (size_t j = 1; j < a.mark_count; j++) assert_true(a.marks[j].sample_begin >= a.marks[j - 1].sample_end);
        assert_int_equal(a.marks[a.mark_count - 1].sample_end, a.count);
        ev_audio_free(&a);
    }
}

static void test_repeats_exactly(void **state) {
    (void)state;
    ev_request r = request_of("The same request gives the same samples.");
    ev_audio a = say(&r), b = say(&r);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.samples, b.samples, a.count * sizeof(float));
    r.seed = 1;
    ev_audio c = say(&r);
    assert_int_equal(a.count, c.count);
    assert_memory_not_equal(a.samples, c.samples, a.count * sizeof(float));
    ev_audio_free(&a);
    ev_audio_free(&b);
    ev_audio_free(&c);
}

static void test_speed_and_pause(void **state) {
    (void)state;
    ev_request r = request_of("One sentence to be measured at several speeds.");
    ev_audio normal = say(&r);
    r.speed = 2;
    ev_audio fast = say(&r);
    r.speed = 0.5f;
    ev_audio slow = say(&r);
    assert_true(fabs(seconds(&fast) * 2 / seconds(&normal) - 1) < 0.03);
    assert_true(fabs(seconds(&slow) / 2 / seconds(&normal) - 1) < 0.03);
    ev_audio_free(&fast);
    ev_audio_free(&slow);
    ev_audio_free(&normal);
    r = request_of("Wait [pause:2s] here.");
    ev_audio paused = say(&r);
    size_t longest = 0;
    for (size_t i = 0; i < paused.mark_count; i++) {
        const size_t length = paused.marks[i].sample_end - paused.marks[i].sample_begin;
        if (length > longest) longest = length;
    }
    assert_int_equal(longest, 2 * (size_t)paused.sample_rate);
    ev_audio_free(&paused);
}

/* ---- batch ---- */

enum { BATCH = 16 };

static void test_batch_equals_alone(void **state) {
    (void)state;
    static const char *const texts[] = {"One.",
                                        "Twenty five people came.",
                                        "你好。",
                                        "今天我们去公园散步，好不好？",
                                        "A longer sentence, with a comma, that goes on for a while. And one more.",
                                        "Hello 世界。",
                                        "What time is it?",
                                        "第3名是谁？"};
    ev_request requests[BATCH];
    const ev_request *pointers[BATCH];
    ev_result results[BATCH];
    ev_error err = {0};
    for (size_t i = 0; i < BATCH; i++) {
        requests[i] = request_of(texts[i % EV_ARRAY_COUNT(texts)]);
        requests[i].emotion = ev_model_emotion_name(model, i % ev_model_emotion_count(model));
        requests[i].speed = 0.8f + 0.05f * (float)i;
        requests[i].seed = i;
        pointers[i] = &requests[i];
    }
    for (size_t n = 1; n <= BATCH; n += 5) {
        if (ev_say_batch(synth, pointers, n, results, &err) != EV_OK) fail_msg("%s", err.message);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(results[i].status, EV_OK);
            ev_audio alone = say(&requests[i]);
            assert_int_equal(alone.count, results[i].audio.count);
            assert_memory_equal(alone.samples, results[i].audio.samples, alone.count * sizeof(float));
            ev_audio_free(&alone);
            ev_audio_free(&results[i].audio);
        }
    }
}

static void test_bad_neighbours(void **state) {
    (void)state;
    ev_request good = request_of("I am fine."), empty = request_of(""), broken = request_of("a\xff"),
               sad = request_of("x"), fast = request_of("x");
    sad.emotion = "sadd";
    fast.speed = 9;
    const ev_request *all[] = {&empty, &good, &broken, &sad, &fast, &good};
    ev_result r[6];
    ev_error err = {0};
    assert_int_equal(ev_say_batch(synth, all, 6, r, &err), EV_OK);
    static const ev_status want[] = {EV_E_TEXT, EV_OK, EV_E_TEXT, EV_E_NOT_FOUND, EV_E_ARGUMENT, EV_OK};
    for (size_t i = 0; i < 6; i++) assert_int_equal(r[i].status, want[i]);
    assert_non_null(strstr(r[3].error.message, "did you mean \"sad\""));
    ev_audio alone = say(&good);
    assert_int_equal(alone.count, r[1].audio.count);
    assert_memory_equal(alone.samples, r[5].audio.samples, alone.count * sizeof(float));
    ev_audio_free(&alone);
    for (size_t i = 0; i < 6; i++) ev_audio_free(&r[i].audio);
    assert_int_equal(ev_say_batch(synth, all, 17, r, &err), EV_E_ARGUMENT);
}

static void test_long_text(void **state) {
    (void)state;
    enum { TIMES = 40 };
    static const char one[] = "This is sentence after sentence, and none of them is lost. ";
    char *text = malloc(sizeof one * TIMES);
    text[0] = 0;
    for (int i = 0; i < TIMES; i++) strcat(text, one);
    ev_request r = request_of(text), single = request_of(one);
    ev_audio whole = say(&r), part = say(&single);
    assert_true(seconds(&whole) > (TIMES - 1) * seconds(&part));
    ev_audio_free(&whole);
    ev_audio_free(&part);
    free(text);
}

/* ---- stream ---- */

typedef struct heard {
    float samples[16000 * 60];
    size_t count, chunks, first, last_flags, stop_after;
} heard;

static int hear(void *user, const float *samples, size_t count, int last) {
    heard *h = user;
    assert_true(h->count + count <= EV_ARRAY_COUNT(h->samples));
    if (count) memcpy(h->samples + h->count, samples, count * sizeof *samples);
    if (!h->chunks) h->first = count;
    h->count += count;
    h->last_flags += last != 0;
    h->chunks++;
    return h->stop_after && h->chunks >= h->stop_after;
}

static void test_stream_equals_whole(void **state) {
    (void)state;
    heard *h = calloc(1, sizeof *h);
    const ev_request r = request_of("Streaming is the same speech, sooner. It has [pause:700ms] two sentences.");
    ev_error err = {0};
    assert_int_equal(ev_say_stream(synth, &r, &err, hear, h), EV_OK);
    ev_audio whole = say(&r);
    assert_int_equal(h->count, whole.count);
    assert_memory_equal(h->samples, whole.samples, whole.count * sizeof(float));
    assert_int_equal(h->last_flags, 1);
    assert_true(h->first <= 24 * 256);
    ev_audio_free(&whole);
    *h = (heard){.stop_after = 2};
    assert_int_equal(ev_say_stream(synth, &r, &err, hear, h), EV_E_CANCELED);
    assert_int_equal(h->chunks, 2);
    assert_int_equal(h->last_flags, 0);
    free(h);
}

static int cancel_now(void *user, const float *samples, size_t count, int last) {
    (void)samples;
    (void)count;
    (void)last;
    ev_synth_cancel(user);
    return 0;
}

static void test_cancel(void **state) {
    (void)state;
    const ev_request r = request_of("Stop this. It is long. It has several sentences. It should not end.");
    ev_error err = {0};
    assert_int_equal(ev_say_stream(synth, &r, &err, cancel_now, synth), EV_E_CANCELED);
    ev_audio a = say(&r); /* and the synth goes on working */
    assert_true(a.count > 0);
    ev_audio_free(&a);
}

/* ---- emotions and voices ---- */

static void test_emotions(void **state) {
    (void)state;
    ev_request r = request_of("I have something to tell you.");
    ev_audio neutral = say(&r), other;
    r.emotion = "happy";
    r.emotion_degree = 0;
    other = say(&r); /* no degree left: neutral */
    assert_int_equal(neutral.count, other.count);
    assert_memory_equal(neutral.samples, other.samples, other.count * sizeof(float));
    ev_audio_free(&other);
    r.emotion_degree = 1;
    r.emotion = "happy:0.6,surprised:0.4";
    other = say(&r);
    assert_true(neutral.count != other.count || memcmp(neutral.samples, other.samples, other.count * 4) != 0);
    r.emotion = "Joyful:0.6,惊讶:0.4"; /* the same in other words */
    ev_audio again = say(&r);
    assert_int_equal(again.count, other.count);
    assert_memory_equal(again.samples, other.samples, other.count * sizeof(float));
    ev_audio_free(&again);
    ev_audio_free(&other);
    static const char *const bad[] = {"happy:0.8,sad:0.7", "happy:", "happy:x", ":1", "happy:2"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        ev_error err = {0};
        r.emotion = bad[i];
        assert_int_not_equal(ev_say(synth, &r, &other, &err), EV_OK);
        assert_null(other.samples);
        assert_true(strlen(err.message) > 10);
    }
    ev_audio_free(&neutral);
}

static void test_voices(void **state) {
    (void)state;
    ev_error err = {0};
    assert_true(ev_model_voice_count(model) >= 4);
    assert_null(ev_model_voice_name(model, 10000));
    for (size_t i = 0; i < ev_model_voice_count(model); i++) {
        ev_voice *v = NULL, *copy = NULL;
        size_t used = 0, n = 0;
        assert_int_equal(ev_voice_named(&v, model, ev_model_voice_name(model, i), &err), EV_OK);
        assert_int_equal(ev_voice_pack(v, NULL, 0, &used, &err), EV_OK);
        unsigned char *bytes = malloc(used);
        assert_int_equal(ev_voice_pack(v, bytes, used, &used, &err), EV_OK);
        assert_int_equal(ev_voice_unpack(&copy, model, bytes, used, &err), EV_OK);
        assert_memory_equal(ev_voice_vector(v, &n), ev_voice_vector(copy, &n), n * sizeof(float));
        assert_true(fabsf(ev_voice_similarity(v, copy) - 1) < 1e-5f);
        ev_voice_free(&copy);
        bytes[used / 2] ^= 1;
        assert_int_equal(ev_voice_unpack(&copy, model, bytes, used, &err), EV_E_FORMAT);
        assert_int_equal(ev_voice_unpack(&copy, model, bytes, used - 3, &err), EV_E_FORMAT);
        assert_null(copy);
        free(bytes);
        ev_voice_free(&v);
    }
    ev_voice *none = NULL;
    assert_int_equal(ev_voice_named(&none, model, "nobody", &err), EV_E_NOT_FOUND);
}

/* Whether the model's networks are the tiny ones of sanitized builds (tests/CMakeLists.txt), which say nothing. */
static bool is_tiny(void) {
    const char *path = getenv("EMOTIVOICE_MODEL");
    return path && strstr(path, "tiny.safetensors");
}

/* A clone of the engine's own speech in some voice is nearest to that voice. */
static void test_clone(void **state) {
    (void)state;
    if (is_tiny()) skip();
    ev_error err = {0};
    for (size_t i = 0; i < 2; i++) {
        ev_voice *v = NULL, *clone = NULL;
        assert_int_equal(ev_voice_named(&v, model, ev_model_voice_name(model, i), &err), EV_OK);
        ev_request r = request_of("This is a reference of a few seconds, spoken by one of the voices that we have.");
        r.voice = v;
        ev_audio a = say(&r);
        if (ev_voice_embed(&clone, synth, a.samples, a.count, a.sample_rate, &err) != EV_OK)
            fail_msg("%s", err.message);
        assert_true(fabsf(ev_voice_pitch(clone) / ev_voice_pitch(v) - 1) < 0.15f);
        const float own = ev_voice_similarity(clone, v);
        ev_voice *other = NULL;
        assert_int_equal(ev_voice_named(&other, model, ev_model_voice_name(model, 1 - i), &err), EV_OK);
        assert_true(own > ev_voice_similarity(clone, other));
        r.voice = clone;
        ev_audio b = say(&r);
        assert_true(b.count > 0);
        ev_audio_free(&a);
        ev_audio_free(&b);
        ev_voice_free(&v);
        ev_voice_free(&other);
        ev_voice_free(&clone);
    }
}

static unsigned faults_of(const float *samples, size_t count, int32_t rate) {
    ev_voice *v = NULL;
    ev_error err = {0};
    if (ev_voice_embed(&v, synth, samples, count, rate, &err) != EV_OK) fail_msg("%s", err.message);
    const unsigned faults = ev_voice_faults(v);
    ev_voice_free(&v);
    return faults;
}

/* From -1 to 1, the same in each run. */
static float noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1;
}

/* A good recording has none; each way to spoil it has its own. */
static void test_faults_of_references(void **state) {
    (void)state;
    if (is_tiny()) skip();
    ev_error err = {0};
    ev_audio one[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        ev_voice *v = NULL;
        assert_int_equal(ev_voice_named(&v, model, i ? "ava" : "ray", &err), EV_OK);
        ev_request r = request_of("The quick brown fox jumps over the lazy dog, and then it rests in the warm sun.");
        r.voice = v;
        one[i] = say(&r);
        ev_voice_free(&v);
        assert_int_equal(faults_of(one[i].samples, one[i].count, one[i].sample_rate), 0);
    }
    const int32_t rate = one[0].sample_rate;
    const size_t n = one[0].count, m = one[1].count;
    float *spoilt = malloc((n + m) * sizeof *spoilt), peak = 0;
    assert_int_equal(faults_of(one[0].samples, (size_t)rate * 2, rate), EV_VOICE_SHORT);
    for (size_t i = 0; i < n; i++) peak = fmaxf(peak, fabsf(one[0].samples[i]));
    for (size_t i = 0; i < n; i++) spoilt[i] = fminf(fmaxf(one[0].samples[i], -peak / 3), peak / 3);
    assert_int_equal(faults_of(spoilt, n, rate), EV_VOICE_CLIPPED);
    uint32_t seed = 1;
    double power = 0;
    for (size_t i = 0; i < n; i++) power += (double)one[0].samples[i] * (double)one[0].samples[i];
    const float loud = (float)sqrt(3 * power / (double)n / 10); /* 10 dB under the speech */
    for (size_t i = 0; i < n; i++) spoilt[i] = one[0].samples[i] + loud * noise(&seed);
    assert_int_equal(faults_of(spoilt, n, rate), EV_VOICE_NOISY);
    memcpy(spoilt, one[0].samples, n * sizeof *spoilt);
    memcpy(spoilt + n, one[1].samples, m * sizeof *spoilt);
    assert_int_equal(faults_of(spoilt, n + m, rate), EV_VOICE_SPEAKERS);
    for (unsigned fault = 1; fault < EV_VOICE_FAULTS; fault <<= 1)
        assert_non_null(strchr(ev_voice_fault_hint((ev_voice_fault)fault), ':'));
    free(spoilt);
    for (size_t i = 0; i < 2; i++) ev_audio_free(&one[i]);
}

/* A melody of notes that stand still, and noise. */
static void test_music_is_no_voice(void **state) {
    (void)state;
    static const float notes[] = {262, 330, 392, 330, 294, 349, 440, 349};
    float *sound = calloc(16000 * 4, sizeof *sound);
    ev_voice *v = NULL;
    ev_error err = {0};
    uint32_t seed = 7;
    for (size_t i = 0; i < 16000 * 4; i++) {
        const float t = (float)(i % 8000) / 16000, turns = notes[i / 8000] * t;
        sound[i] = 0.4f * expf(-3 * t) * (2 * (turns - floorf(turns)) - 1);
    }
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 4, 16000, &err), EV_E_AUDIO);
    assert_non_null(strstr(err.message, "only tones or music; give a recording"));
    for (size_t i = 0; i < 16000 * 4; i++) sound[i] = 0.2f * noise(&seed);
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 4, 16000, &err), EV_E_AUDIO);
    assert_non_null(strstr(err.message, "no speech in it"));
    assert_null(v);
    free(sound);
}

static void test_bad_references(void **state) {
    (void)state;
    ev_error err = {0};
    ev_voice *v = NULL;
    float *sound = calloc(16000 * 31, sizeof *sound);
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 5, 16000, &err), EV_E_AUDIO); /* silence */
    for (size_t i = 0; i < 16000 * 31; i++) sound[i] = 0.3f * sinf((float)i * 0.05f);
    assert_int_equal(ev_voice_embed(&v, synth, sound, 3200, 16000, &err), EV_E_AUDIO);       /* 0.2 s */
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 31, 16000, &err), EV_E_AUDIO); /* 31 s */
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 3, 500, &err), EV_E_AUDIO);    /* absurd rate */
    sound[100] = NAN;
    assert_int_equal(ev_voice_embed(&v, synth, sound, 16000 * 3, 16000, &err), EV_E_AUDIO);
    assert_null(v);
    free(sound);
}

/* ---- one model, many synths ---- */

static void *speak_alone(void *arg) {
    ev_synth *own = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = 1;
    if (ev_synth_create(&own, model, &options, NULL) != EV_OK) return NULL;
    const ev_request r = request_of("Several workers share one model.");
    ev_say(own, &r, arg, NULL);
    ev_synth_free(&own);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    ev_audio audio[N] = {{0}};
    for (int i = 0; i < N; i++) assert_int_equal(pthread_create(&threads[i], NULL, speak_alone, &audio[i]), 0);
    for (int i = 0; i < N; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) {
        assert_true(audio[i].count > 0);
        assert_int_equal(audio[i].count, audio[0].count);
        assert_memory_equal(audio[i].samples, audio[0].samples, audio[0].count * sizeof(float));
    }
    for (int i = 0; i < N; i++) ev_audio_free(&audio[i]);
}

static void test_options(void **state) {
    (void)state;
    ev_error err = {0};
    ev_synth *s = NULL;
    ev_synth_options o;
    ev_synth_options_init(&o);
    o.threads = 65;
    assert_int_equal(ev_synth_create(&s, model, &o, &err), EV_E_ARGUMENT);
    ev_synth_options_init(&o);
    o.batch_max = 0;
    assert_int_equal(ev_synth_create(&s, model, &o, &err), EV_E_ARGUMENT);
    ev_model *none = NULL;
    assert_int_equal(ev_model_open(&none, "/nowhere/model.safetensors", NULL, &err), EV_E_IO);
    assert_null(none);
    ev_model_free(&none);
    ev_synth_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says),
                                       cmocka_unit_test(test_repeats_exactly),
                                       cmocka_unit_test(test_speed_and_pause),
                                       cmocka_unit_test(test_batch_equals_alone),
                                       cmocka_unit_test(test_bad_neighbours),
                                       cmocka_unit_test(test_long_text),
                                       cmocka_unit_test(test_stream_equals_whole),
                                       cmocka_unit_test(test_cancel),
                                       cmocka_unit_test(test_emotions),
                                       cmocka_unit_test(test_voices),
                                       cmocka_unit_test(test_clone),
                                       cmocka_unit_test(test_bad_references),
                                       cmocka_unit_test(test_faults_of_references),
                                       cmocka_unit_test(test_music_is_no_voice),
                                       cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
