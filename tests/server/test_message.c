/* What gateways and workers tell each other: there and back; a corpus of messages as released versions wrote them,
 * which every later one must read; and everything that no version writes. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/jobs/record.h"
#include "server/redis/message.h"

static const char ID[] = "0123456789abcdef0123456789abcdef";

static sv_job *job_of(const char *text) {
    sv_speech s;
    sv_speech_init(&s);
    s.text = strdup(text);
    s.text_bytes = strlen(text);
    sv_job *job = sv_job_create(&s, "ann");
    assert_non_null(job);
    memcpy(job->id, ID, sizeof ID);
    return job;
}

/* A file of the corpus, whole. */
static char *read_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, EV_TEST_DIR "/server/messages/%s", name);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s is missing", path);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

static sv_job *job_of_file(const char *name) {
    sv_record r;
    sv_job *job = NULL;
    ev_error err = {0};
    char *text = read_file(name);
    if (sv_message_job(&r, text, strlen(text), &err) != EV_OK) fail_msg("%s: %s", name, err.message);
    r.reference = malloc(4);
    memcpy(r.reference, "RIFF", 4);
    r.reference_bytes = 4;
    if (sv_record_job(&job, &r, &err) != EV_OK) fail_msg("%s: %s", name, err.message);
    sv_record_free(&r);
    free(text);
    return job;
}

static void test_a_job_as_version_1_wrote_it(void **state) {
    (void)state;
    sv_job *job = job_of_file("v1-job.json");
    const sv_speech *s = &job->speech;
    assert_string_equal(job->id, ID);
    assert_string_equal(job->owner, "ann");
    assert_string_equal(s->text, "\xe4\xbd\xa0\xe5\xa5\xbd, world \xf0\x9f\x98\x80.");
    assert_string_equal(s->voice, "ray");
    assert_string_equal(s->emotion, "happy");
    assert_int_equal(s->format, EV_FORMAT_MP3);
    assert_float_equal(s->speed, 1.25, 1e-6);
    assert_float_equal(s->pitch_scale, 0.75, 1e-6);
    assert_int_equal(s->seed, 7);
    assert_int_equal(s->priority, 2);
    assert_int_equal(s->reference_bytes, 4);
    assert_string_equal(job->webhook, "https://example.org/done");
    assert_true(job->show_words);
    assert_float_equal(job->weight, 2, 1e-6);
    sv_job_unref(&job);
}

/* The next version may say more; what it says as before is understood. */
static void test_one_version_newer_is_read_and_two_are_told(void **state) {
    (void)state;
    sv_record r;
    sv_event e;
    ev_error err = {0};
    sv_job *job = job_of_file("v2-job.json");
    assert_string_equal(job->speech.text, "Hello from tomorrow.");
    sv_job_unref(&job);
    char *text = read_file("v2-audio.json");
    assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_OK);
    assert_int_equal(e.at, 4800);
    sv_event_free(&e);
    free(text);
    text = read_file("v3-job.json");
    assert_int_equal(sv_message_job(&r, text, strlen(text), &err), EV_E_LIMIT);
    assert_non_null(strstr(err.message, "update"));
    assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_E_LIMIT);
    free(text);
}

static void test_events_as_version_1_wrote_them(void **state) {
    (void)state;
    sv_event e;
    ev_error err = {0};
    sv_word_time word;
    sv_job *job = job_of("Hello \xf0\x9f\x98\x80 there.");
    char *text = read_file("v1-audio.json");
    assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_OK);
    assert_false(e.end);
    assert_string_equal(e.id, ID);
    assert_int_equal(e.rate, 24000);
    assert_int_equal(e.at, 0);
    assert_true(sv_event_apply(&e, job));
    assert_int_equal(job->word_count, 2);
    assert_true(sv_job_word(job, 0, &word));
    assert_int_equal(word.byte_end, 5);
    assert_int_equal(word.sample_end, 9600);
    assert_true(sv_job_word(job, 1, &word));
    assert_int_equal(word.sample_end, 0);
    assert_int_equal(job->omitted_count, 1);
    assert_string_equal(job->omitted[0].reason, "emoji");
    sv_event_free(&e);
    free(text);
    text = read_file("v1-end.json");
    assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_OK);
    assert_true(e.end);
    assert_int_equal(e.state, SV_JOB_FAILED);
    assert_int_equal(e.samples, 24000);
    assert_non_null(strstr(e.outcome, "the device broke"));
    sv_event_free(&e);
    free(text);
    sv_job_unref(&job);
}

static void test_a_job_there_and_back(void **state) {
    (void)state;
    sv_record r = {0}, back;
    sv_job *job = job_of("There, and back."), *again = NULL;
    ev_error err = {0};
    job->speech.seed = UINT64_MAX;
    job->speech.own_lexicon = strdup("word = h ɜː d\n");
    assert_true(sv_record_request(&r, job));
    char *text = sv_message_of_job(&r);
    assert_non_null(text);
    assert_int_equal(sv_message_job(&back, text, strlen(text), &err), EV_OK);
    assert_int_equal(sv_record_job(&again, &back, &err), EV_OK);
    assert_string_equal(again->speech.text, job->speech.text);
    assert_string_equal(again->speech.own_lexicon, job->speech.own_lexicon);
    assert_true(again->speech.seed == UINT64_MAX);
    sv_record_free(&back);
    sv_record_free(&r);
    sv_job_unref(&job);
    sv_job_unref(&again);
    free(text);
}

static void test_words_are_told_once_as_they_are_made(void **state) {
    (void)state;
    sv_event e;
    ev_error err = {0};
    size_t told = 0;
    sv_job *made = job_of("one two three"), *heard = job_of("one two three");
    made->words = calloc(3, sizeof *made->words);
    made->word_count = 3;
    for (size_t step = 0; step < 3; step++) {
        made->words[step] = (sv_word_time){4 * step, 4 * step + 3, 100 * step, 100 * step + 90};
        char *text = sv_message_of_audio(made, 24000, 100 * step, &told, !step);
        assert_int_equal(told, step + 1);
        assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_OK);
        assert_int_equal(json_array_size(e.words), 1);
        assert_true(sv_event_apply(&e, heard));
        sv_event_free(&e);
        free(text);
    }
    assert_memory_equal(made->words, heard->words, 3 * sizeof *made->words);
    char *text = sv_message_of_audio(made, 24000, 300, &told, false);
    assert_null(strstr(text, "words"));
    free(text);
    sv_job_unref(&made);
    sv_job_unref(&heard);
}

/* Each is refused, or harms no job. */
static void test_what_no_version_writes(void **state) {
    static const char *const messages[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"v\":1}",
        "{\"v\":\"1\"}",
        "{\"v\":0}",
        "{\"v\":-1}",
        "{\"v\":1.5}",
        "{\"v\":1,\"v\":1}",
        "{\"v\":1,\"type\":\"audio\"}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"../../etc/passwd\",\"rate\":24000,\"at\":0}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":-1}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":0,\"at\":0}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":"
        "9223372036854775807}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":0,\"words\":[["
        "0,1,0,1]]}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":0,\"words\":[["
        "0,1,0,1],"
        "[0,1,0,1]],\"word_count\":2,\"words_from\":1}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":0,\"words\":[]"
        ","
        "\"word_count\":1048577,\"words_from\":0}",
        "{\"v\":1,\"type\":\"audio\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"at\":0,\"omitted\":"
        "{}}",
        "{\"v\":1,\"type\":\"end\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"samples\":1,"
        "\"state\":\"running\","
        "\"outcome\":{}}",
        "{\"v\":1,\"type\":\"end\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000,\"samples\":1,"
        "\"state\":\"failed\"}",
        "{\"v\":1,\"type\":\"other\",\"id\":\"0123456789abcdef0123456789abcdef\",\"rate\":24000}",
        "{\"v\":1,\"id\":\"0123456789abcdef0123456789abcdef\",\"owner\":\"\",\"created_ms\":1,\"request\":{}}",
        "{\"v\":1,\"id\":\"0123456789abcdef0123456789abcdef\",\"owner\":\"ann\",\"created_ms\":-1,\"request\":{}}",
        "{\"v\":1,\"id\":\"0123456789abcdef0123456789abcdef\",\"owner\":\"ann\",\"created_ms\":1,\"request\":\"x\"}",
        "{\"v\":1,\"id\":\"0123456789ABCDEF0123456789ABCDEF\",\"owner\":\"ann\",\"created_ms\":1,\"request\":{}}",
        "{\"v\":1,\"id\":\"0123456789abcdef0123456789abcdef\",\"owner\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"created_ms\":1,\"request\":{}}"};
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(messages); i++) {
        sv_event e;
        sv_record r;
        ev_error err = {0};
        assert_int_equal(sv_message_event(&e, messages[i], strlen(messages[i]), &err), EV_E_FORMAT);
        assert_int_equal(sv_message_job(&r, messages[i], strlen(messages[i]), &err), EV_E_FORMAT);
        assert_true(err.message[0]);
    }
}

static void test_words_beyond_the_text_are_not_taken(void **state) {
    static const char *const words[] = {"[[0,6,0,1]]", "[[3,2,0,1]]",          "[[-1,2,0,1]]",
                                        "[[0,1,5,4]]", "[[0,1,0,9999999999]]", "[7]"};
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(words); i++) {
        char text[300];
        sv_event e;
        ev_error err = {0};
        sv_job *job = job_of("Hello");
        snprintf(text, sizeof text,
                 "{\"v\":1,\"type\":\"audio\",\"id\":\"%s\",\"rate\":24000,\"at\":0,\"words\":%s,\"word_count\":1,"
                 "\"words_from\":0}",
                 ID, words[i]);
        assert_int_equal(sv_message_event(&e, text, strlen(text), &err), EV_OK);
        const bool nothing = i == EV_ARRAY_COUNT(words) - 1; /* no array at all reads as zeros */
        assert_int_equal(sv_event_apply(&e, job), nothing);
        sv_event_free(&e);
        sv_job_unref(&job);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_as_version_1_wrote_it),
        cmocka_unit_test(test_one_version_newer_is_read_and_two_are_told),
        cmocka_unit_test(test_events_as_version_1_wrote_them),
        cmocka_unit_test(test_a_job_there_and_back),
        cmocka_unit_test(test_words_are_told_once_as_they_are_made),
        cmocka_unit_test(test_what_no_version_writes),
        cmocka_unit_test(test_words_beyond_the_text_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
