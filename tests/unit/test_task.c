/* task: requests in stages give what ev_say gives, whatever the order, the company and the cuts. */
#include "unit/engine_fixture.h"

enum { TASKS = 5, ROUNDS = 12 };

static const char mandarin[] = "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9"
                               "\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd\xe3\x80\x82";
static const char *const texts[TASKS] = {"Good morning. [pause:300ms] How are you today? I am fine, thank you.",
                                         mandarin, "Yes.",
                                         "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten. Eleven. Twelve.",
                                         "It ends with a pause. [pause:700ms]"};

static ev_task *task_of(const ev_request *r) {
    ev_task *task = NULL;
    ev_error err = {0};
    if (ev_task_create(&task, model, r, 0, &err) != EV_OK) fail_msg("%s", err.message);
    return task;
}

static void check(ev_status status, const ev_error *err) {
    if (status != EV_OK) fail_msg("%s", err->message);
}

static unsigned dice(unsigned *seed, unsigned sides) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

/* A random step: decodes sentences of some tasks, or vocodes some frames of some, or takes from one. */
static void random_step(ev_task **tasks, size_t n, ev_audio *got, unsigned *seed) {
    ev_task *some[TASKS * 2];
    ev_slice slices[TASKS];
    size_t count = 0;
    ev_error err = {0};
    switch (dice(seed, 3)) {
    case 0:
        for (size_t i = 0; i < n; i++) {
            for (unsigned k = dice(seed, 3); k > 0; k--) some[count++] = tasks[i];
        }
        check(ev_synth_decode(synth, some, count, &err), &err);
        break;
    case 1:
        for (size_t i = 0; i < n; i++) {
            if (dice(seed, 2)) slices[count++] = (ev_slice){tasks[i], 1 + dice(seed, 400)};
        }
        check(ev_synth_vocode(synth, slices, count, &err), &err);
        break;
    default: {
        const size_t i = dice(seed, (unsigned)n);
        const float *samples;
        ev_task_take(tasks[i], &samples, &count);
        assert_true(got[i].count + count <= 16000 * 60);
        if (count) memcpy(got[i].samples + got[i].count, samples, count * sizeof *samples);
        got[i].count += count;
    }
    }
}

static bool all_taken(ev_task **tasks, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ev_progress p;
        ev_task_progress(tasks[i], &p);
        if (!p.done || p.ready_samples) return false;
    }
    return true;
}

static void test_any_order(void **state) {
    (void)state;
    ev_audio whole[TASKS], got[TASKS];
    ev_request requests[TASKS];
    ev_error err = {0};
    for (size_t i = 0; i < TASKS; i++) {
        requests[i] = request_of(texts[i]);
        requests[i].seed = i;
        requests[i].emotion = i % 2 ? "happy" : NULL;
        check(ev_say(synth, &requests[i], &whole[i], &err), &err);
        got[i].samples = malloc(16000 * 60 * sizeof(float));
        assert_non_null(got[i].samples);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        ev_task *tasks[TASKS];
        unsigned seed = round;
        for (size_t i = 0; i < TASKS; i++) {
            tasks[i] = task_of(&requests[i]);
            got[i].count = 0;
        }
        while (!all_taken(tasks, TASKS)) random_step(tasks, TASKS, got, &seed);
        for (size_t i = 0; i < TASKS; i++) {
            ev_progress p;
            ev_task_progress(tasks[i], &p);
            size_t marks;
            const ev_mark *mark = ev_task_marks(tasks[i], &marks);
            assert_int_equal(p.samples, whole[i].count);
            assert_int_equal(got[i].count, whole[i].count);
            assert_memory_equal(got[i].samples, whole[i].samples, whole[i].count * sizeof(float));
            assert_int_equal(marks, whole[i].mark_count);
            for (size_t m = 0; m < marks; m++) {
                assert_int_equal(mark[m].sample_begin, whole[i].marks[m].sample_begin);
                assert_int_equal(mark[m].sample_end, whole[i].marks[m].sample_end);
            }
            ev_task_free(&tasks[i]);
            assert_null(tasks[i]);
        }
    }
    for (size_t i = 0; i < TASKS; i++) {
        ev_audio_free(&whole[i]);
        free(got[i].samples);
    }
}

/* The request's text, voice and labels may be gone once the task is made. */
static void test_borrows_nothing(void **state) {
    (void)state;
    char text[] = "Borrowed words.", emotion[] = "sad";
    ev_voice *voice = NULL;
    ev_error err = {0};
    check(ev_voice_named(&voice, model, ev_model_voice_name(model, 1), &err), &err);
    ev_request r = request_of(text);
    r.voice = voice;
    r.emotion = emotion;
    ev_audio whole;
    check(ev_say(synth, &r, &whole, &err), &err);
    ev_task *task = task_of(&r);
    memset(text, 'x', sizeof text - 1);
    memset(emotion, 'x', sizeof emotion - 1);
    ev_voice_free(&voice);
    const ev_slice all = {task, SIZE_MAX};
    check(ev_synth_decode(synth, &task, 1, &err), &err);
    check(ev_synth_vocode(synth, &all, 1, &err), &err);
    const float *samples;
    size_t count;
    ev_task_take(task, &samples, &count);
    assert_int_equal(count, whole.count);
    assert_memory_equal(samples, whole.samples, count * sizeof *samples);
    ev_audio_free(&whole);
    ev_task_free(&task);
}

static void test_progress(void **state) {
    (void)state;
    ev_error err = {0};
    const ev_request r = request_of(texts[3]);
    ev_task *task = task_of(&r);
    ev_progress p;
    ev_task_progress(task, &p);
    const size_t tokens = p.tokens_left;
    assert_int_equal(p.sentences, ev_task_phones(task)->sentence_count);
    assert_int_equal(p.decoded, 0);
    assert_true(p.next_tokens > 0 && p.next_tokens <= tokens);
    assert_int_equal(p.done, 0);
    check(ev_synth_decode(synth, &task, 1, &err), &err);
    const size_t first = p.next_tokens;
    ev_task_progress(task, &p);
    assert_int_equal(p.decoded, 1);
    assert_int_equal(p.tokens_left, tokens - first);
    const size_t ready = p.ready_frames;
    assert_true(ready > 10);
    const ev_slice slice = {task, 7};
    check(ev_synth_vocode(synth, &slice, 1, &err), &err);
    ev_task_progress(task, &p);
    assert_int_equal(p.ready_frames, ready - 7);
    assert_true(p.ready_samples >= 7 * 256 && p.ready_samples == p.samples);
    ev_stats stats;
    ev_synth_stats(synth, &stats);
    assert_int_equal(stats.frames_useful, 7);
    assert_true(stats.frames_processed >= 7);
    ev_task_free(&task);
}

static void test_refusals(void **state) {
    (void)state;
    ev_error err = {0};
    ev_task *task = NULL;
    ev_request r = request_of("");
    assert_int_equal(ev_task_create(&task, model, &r, 0, &err), EV_E_TEXT);
    assert_null(task);
    r = request_of("Fast.");
    r.speed = 9;
    assert_int_equal(ev_task_create(&task, model, &r, 0, &err), EV_E_ARGUMENT);
    r.speed = 1;
    assert_int_equal(ev_task_create(&task, model, &r, 5, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "1000"));
    task = task_of(&r);
    ev_task *many[EV_BATCH_SENTENCES_MAX + 1];
    for (size_t i = 0; i < EV_ARRAY_COUNT(many); i++) many[i] = task;
    assert_int_equal(ev_synth_decode(synth, many, EV_ARRAY_COUNT(many), &err), EV_E_LIMIT);
    check(ev_synth_decode(synth, many, EV_BATCH_SENTENCES_MAX, &err), &err); /* one sentence, the rest passed over */
    ev_progress p;
    ev_task_progress(task, &p);
    assert_int_equal(p.next_tokens, 0);
    ev_model *other = NULL;
    check(ev_model_open(&other, NULL, NULL, &err), &err);
    ev_task *foreign = NULL;
    check(ev_task_create(&foreign, other, &r, 0, &err), &err);
    assert_int_equal(ev_synth_decode(synth, &foreign, 1, &err), EV_E_ARGUMENT);
    ev_task_free(&foreign);
    ev_model_free(&other);
    ev_task_free(&task);
    ev_task_free(&task); /* takes NULL */
}

/* A sentence that is too long for the synth fails its own task and no other. */
static void test_own_failure(void **state) {
    (void)state;
    ev_error err = {0};
    ev_synth *small = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = 1;
    check(ev_synth_create(&small, model, &options, &err), &err);
    char slow[512] = "";
    for (int i = 0; i < 50; i++) strcat(slow, "strengths ");
    ev_request r = request_of(slow);
    r.speed = 0.25f;
    r.emotion = "sad"; /* slower still */
    ev_task *tasks[2] = {NULL, NULL};
    /* cut as for 60 s sentences, which this synth cannot hold */
    check(ev_task_create(&tasks[0], model, &r, 60000, &err), &err);
    const ev_request good = request_of("I am well.");
    tasks[1] = task_of(&good);
    check(ev_synth_decode(small, tasks, 2, &err), &err);
    const ev_slice slices[2] = {{tasks[0], SIZE_MAX}, {tasks[1], SIZE_MAX}};
    check(ev_synth_vocode(small, slices, 2, &err), &err);
    ev_progress p;
    ev_task_progress(tasks[1], &p);
    assert_true(p.done && p.ready_samples > 8000);
    assert_int_equal(ev_task_status(tasks[1], &err), EV_OK);
    ev_task_progress(tasks[0], &p);
    if (p.done) {
        assert_int_equal(ev_task_status(tasks[0], &err), EV_E_LIMIT);
        assert_int_equal(p.ready_frames, 0);
        assert_int_equal(p.next_tokens, 0);
    } else {
        fail_msg("a sentence of %zu samples was not refused", p.samples);
    }
    ev_task_free(&tasks[0]);
    ev_task_free(&tasks[1]);
    ev_synth_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_order), cmocka_unit_test(test_borrows_nothing),
                                       cmocka_unit_test(test_progress), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_own_failure)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
