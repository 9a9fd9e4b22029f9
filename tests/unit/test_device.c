/* device: every family through the engine on a queue whose memory lies elsewhere and which runs nothing before the
 * wait (compute/queue_check.h): the same bytes, so no code of the host touches an activation behind the queue's back.
 * And a device that fails, operation by operation: who was on it is told, nobody else, and the next batch is right.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/queue_check.h"
#include "synth/synth.h"

static const char *const families[] = {"tiny", "tiny_mels", "tiny_prompts"};
enum { FAMILIES = EV_ARRAY_COUNT(families), TEXTS = 3 };

static const char *const texts[TEXTS] = {
    "Yes.", "The kettle is on, and the rain has stopped. It ends here.",
    "<speak>One <break time=\"300ms\"/> two <prosody rate=\"fast\" volume=\"soft\">and three</prosody>.</speak>"};

static ev_request request_of(size_t i) {
    ev_request r;
    ev_request_init(&r);
    r.text = texts[i];
    r.text_bytes = strlen(texts[i]);
    r.markup = i == 2 ? EV_MARKUP_SSML : EV_MARKUP_NONE;
    r.speed = 1 + 0.1f * (float)i;
    r.energy_scale = 1 + 0.2f * (float)i;
    r.seed = i;
    return r;
}

static ev_model *open_model(const char *name) {
    char path[512];
    ev_error err = {0};
    ev_model *model;
    ev_model_options options;
    ev_model_options_init(&options);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", EV_TEST_DIR, name);
    if (ev_model_open(&model, path, &options, &err) != EV_OK) fail_msg("%s", err.message);
    return model;
}

/* checked: on the other maker's queue, which is returned too. */
static ev_synth *make_synth(ev_model *model, queue_check **checked) {
    ev_error err = {0};
    ev_synth *s;
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = 2;
    if (ev_synth_create(&s, model, &options, &err) != EV_OK) fail_msg("%s", err.message);
    if (checked) {
        ev_queue_free(&s->queue);
        *checked = queue_check_make(&s->compute, ev_synth_work_bytes(s));
        s->queue = &(*checked)->queue;
        assert_int_equal(ev_model_upload(model, s->queue, &err), EV_OK);
    }
    return s;
}

static void say_all(ev_synth *s, ev_result *results) {
    ev_request requests[TEXTS];
    const ev_request *list[TEXTS];
    ev_error err = {0};
    for (size_t i = 0; i < TEXTS; i++) {
        requests[i] = request_of(i);
        list[i] = &requests[i];
    }
    assert_int_equal(ev_say_batch(s, list, TEXTS, results, &err), EV_OK);
    for (size_t i = 0; i < TEXTS; i++)
        if (results[i].status != EV_OK) fail_msg("%s", results[i].error.message);
}

static void assert_same_audio(const ev_audio *a, const ev_audio *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->samples, b->samples, a->count * sizeof *a->samples);
}

typedef struct stream {
    float samples[48000 * 20];
    size_t count;
} stream;

static int on_chunk(void *user, const float *samples, size_t count, int last) {
    stream *s = user;
    (void)last;
    assert_true(s->count + count <= EV_ARRAY_COUNT(s->samples));
    memcpy(s->samples + s->count, samples, count * sizeof *samples);
    s->count += count;
    return 0;
}

/* A batch, each alone, and a stream: those of the CPU's queue. */
static void test_same_bytes(void **state) {
    (void)state;
    static stream streamed;
    for (size_t f = 0; f < FAMILIES; f++) {
        queue_check *checked;
        ev_model *model = open_model(families[f]);
        ev_synth *cpu = make_synth(model, NULL), *device = make_synth(model, &checked);
        ev_result wanted[TEXTS], got[TEXTS];
        ev_audio alone;
        ev_error err = {0};
        say_all(cpu, wanted);
        say_all(device, got);
        assert_true(checked->enqueued > 100 && checked->waits >= 3 && !checked->head);
        assert_int_equal(checked->queue.arena.used, 0);
        for (size_t i = 0; i < TEXTS; i++) {
            const ev_request r = request_of(i);
            assert_same_audio(&wanted[i].audio, &got[i].audio);
            if (ev_say(device, &r, &alone, &err) != EV_OK) fail_msg("%s", err.message);
            assert_same_audio(&wanted[i].audio, &alone);
            streamed.count = 0;
            if (ev_say_stream(device, &r, &err, on_chunk, &streamed) != EV_OK) fail_msg("%s", err.message);
            assert_int_equal(streamed.count, alone.count);
            assert_memory_equal(streamed.samples, alone.samples, alone.count * sizeof(float));
            ev_audio_free(&alone);
            ev_audio_free(&wanted[i].audio);
            ev_audio_free(&got[i].audio);
        }
        ev_synth_free(&cpu);
        ev_synth_free(&device);
        ev_model_free(&model);
    }
}

/* Operation `at` of a request fails: it says so; the same request is right afterwards. */
static void fail_at(ev_synth *device, queue_check *checked, size_t at, const ev_audio *wanted) {
    const ev_request r = request_of(0);
    ev_audio audio = {0};
    ev_error err = {0};
    checked->fails_at = checked->enqueued + at;
    assert_int_equal(ev_say(device, &r, &audio, &err), EV_E_MEMORY);
    assert_non_null(strstr(err.message, "device"));
    assert_null(audio.samples);
    checked->fails_at = 0;
    assert_int_equal(checked->queue.arena.used, 0);
    assert_int_equal(ev_say(device, &r, &audio, &err), EV_OK);
    assert_same_audio(wanted, &audio);
    ev_audio_free(&audio);
}

static void test_failures(void **state) {
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        queue_check *checked;
        ev_model *model = open_model(families[f]);
        ev_synth *device = make_synth(model, &checked);
        const ev_request r = request_of(0);
        ev_audio wanted;
        ev_error err = {0};
        assert_int_equal(ev_say(device, &r, &wanted, &err), EV_OK);
        const size_t operations = checked->enqueued, step = operations / 9;
        assert_true(step > 1);
        for (size_t at = 1; at <= operations; at += step) fail_at(device, checked, at, &wanted);
        fail_at(device, checked, operations, &wanted);
        ev_audio_free(&wanted);
        ev_synth_free(&device);
        ev_model_free(&model);
    }
}

static size_t taken(ev_task *task, float *into) {
    const float *samples;
    size_t count;
    ev_task_take(task, &samples, &count);
    memcpy(into, samples, count * sizeof *samples);
    return count;
}

/* Of two tasks the one that was on the device when it failed has failed, and has no samples beyond what was made; the
 * other goes on. */
static void test_failure_of_one(void **state) {
    (void)state;
    static float samples[2][48000];
    queue_check *checked;
    ev_model *model = open_model("tiny");
    ev_synth *device = make_synth(model, &checked);
    const ev_request requests[2] = {request_of(0), request_of(1)};
    const size_t hop = (size_t)model->config.vocoder.hop;
    ev_task *tasks[2];
    ev_error err = {0};
    for (size_t i = 0; i < 2; i++) assert_int_equal(ev_task_create(&tasks[i], model, &requests[i], 0, &err), EV_OK);
    assert_int_equal(ev_synth_decode(device, tasks, 2, &err), EV_OK);
    const ev_slice slices[2] = {{tasks[0], 10}, {tasks[1], 10}};
    assert_int_equal(ev_synth_vocode(device, slices, 2, &err), EV_OK);
    checked->fails_at = checked->enqueued + 1;
    assert_int_equal(ev_synth_vocode(device, &slices[0], 1, &err), EV_OK);
    assert_int_equal(ev_synth_vocode(device, &slices[1], 1, &err), EV_OK);
    assert_int_equal(ev_task_status(tasks[0], &err), EV_E_MEMORY);
    assert_int_equal(ev_task_status(tasks[1], &err), EV_OK);
    assert_int_equal(taken(tasks[0], samples[0]), 10 * hop);
    assert_int_equal(taken(tasks[1], samples[1]), 20 * hop);
    for (size_t i = 0; i < 2; i++) {
        ev_audio audio;
        assert_int_equal(ev_say(device, &requests[i], &audio, &err), EV_OK);
        assert_memory_equal(audio.samples, samples[i], (i + 1) * 10 * hop * sizeof(float));
        ev_audio_free(&audio);
        ev_task_free(&tasks[i]);
    }
    ev_synth_free(&device);
    ev_model_free(&model);
}

/* A stream ends with the last piece that was made. */
static void test_failure_in_stream(void **state) {
    (void)state;
    static stream whole, streamed;
    queue_check *checked;
    ev_model *model = open_model("tiny_mels");
    ev_synth *device = make_synth(model, &checked);
    const ev_request r = request_of(1);
    ev_error err = {0};
    const size_t before = checked->enqueued;
    assert_int_equal(ev_say_stream(device, &r, &err, on_chunk, &whole), EV_OK);
    const size_t operations = checked->enqueued - before;
    checked->fails_at = checked->enqueued + operations - 1;
    assert_int_equal(ev_say_stream(device, &r, &err, on_chunk, &streamed), EV_E_MEMORY);
    assert_true(streamed.count > 0 && streamed.count < whole.count);
    assert_memory_equal(whole.samples, streamed.samples, streamed.count * sizeof(float));
    ev_synth_free(&device);
    ev_model_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_failures),
                                       cmocka_unit_test(test_failure_of_one),
                                       cmocka_unit_test(test_failure_in_stream)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
