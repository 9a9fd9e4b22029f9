/* log: lines are valid JSON whatever goes in, ids and text are held back, levels filter, threads do not mix lines. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>

#include "server/metrics/log.h"

static int ends[2]; /* a pipe: what the log writes is read from ends[0] */

static int set_up(void **state) {
    static sv_log log;
    *state = &log;
    sv_log_init(&log, -1, SV_LEVEL_INFO, false);
    if (pipe2(ends, O_NONBLOCK) != 0) return -1;
    log.fd = ends[1];
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close(ends[0]);
    return close(ends[1]);
}

/* One write is one packet of at most PIPE_BUF here: exactly one line must be there. NULL: nothing was written. */
static json_t *read_line(char bytes[PIPE_BUF + 1]) {
    ssize_t n = read(ends[0], bytes, PIPE_BUF + 1);
    if (n <= 0) return NULL;
    assert_true(n <= PIPE_BUF);
    assert_int_equal(bytes[n - 1], '\n');
    assert_null(memchr(bytes, '\n', (size_t)n - 1));
    bytes[n - 1] = '\0';
    for (ssize_t i = 0; i < n - 1; i++) assert_true((unsigned char)bytes[i] >= 0x20 && bytes[i] != 0x7F);
    json_error_t error;
    json_t *object = json_loads(bytes, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) fail_msg("%s: %s", error.text, bytes);
    return object;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void line_has_time_level_message(void **state) {
    char bytes[PIPE_BUF + 1];
    struct tm utc = {0};
    int ms = -1, used = 0;
    sv_log_line(*state, SV_LEVEL_WARN, "req-1", "%d voices loaded", 3);
    json_t *line = read_line(bytes);
    assert_int_equal(json_object_size(line), 4);
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "msg"), "3 voices loaded");
    assert_string_equal(text_of(line, "request_id"), "req-1");
    const char *rest = strptime(text_of(line, "time"), "%Y-%m-%dT%H:%M:%S", &utc);
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, ".%3dZ%n", &ms, &used), 1);
    assert_int_equal(used, 5);
    assert_int_equal(rest[5], '\0');
    assert_true(llabs((long long)timegm(&utc) - (long long)time(NULL)) <= 2);
    json_decref(line);
}

static void level_filters_and_may_change(void **state) {
    sv_log *log = *state;
    char bytes[PIPE_BUF + 1];
    sv_log_line(log, SV_LEVEL_DEBUG, NULL, "no");
    assert_null(read_line(bytes));
    atomic_store(&log->level, SV_LEVEL_DEBUG);
    sv_log_line(log, SV_LEVEL_DEBUG, NULL, "yes");
    json_t *line = read_line(bytes);
    assert_string_equal(text_of(line, "level"), "debug");
    json_decref(line);
    atomic_store(&log->level, SV_LEVEL_ERROR);
    sv_log_line(log, SV_LEVEL_WARN, NULL, "no");
    assert_null(read_line(bytes));
    sv_log_line(log, SV_LEVEL_ERROR, NULL, "the most urgent");
    line = read_line(bytes);
    assert_string_equal(text_of(line, "level"), "error");
    json_decref(line);
}

static sv_log_request full_request(void) {
    return (sv_log_request){.request_id = "a.b_c-9",
                            .route = "/v1/audio/speech",
                            .code = 200,
                            .duration_s = 0.12345,
                            .queue_s = 0.0101,
                            .audio_s = 3.5,
                            .chars = 42,
                            .account = "alice \"&\" bob",
                            .key_prefix = "ev_a1b2",
                            .text = "secret plans",
                            .text_bytes = 12};
}

static void request_has_its_fields(void **state) {
    char bytes[PIPE_BUF + 1];
    sv_log_request r = full_request();
    sv_log_request_done(*state, &r);
    json_t *line = read_line(bytes);
    assert_string_equal(text_of(line, "msg"), "request");
    assert_string_equal(text_of(line, "level"), "info");
    assert_string_equal(text_of(line, "request_id"), "a.b_c-9");
    assert_string_equal(text_of(line, "route"), "/v1/audio/speech");
    assert_string_equal(text_of(line, "account"), "alice \"&\" bob");
    assert_string_equal(text_of(line, "key"), "ev_a1b2");
    assert_int_equal(json_integer_value(json_object_get(line, "code")), 200);
    assert_int_equal(json_integer_value(json_object_get(line, "chars")), 42);
    assert_true(json_real_value(json_object_get(line, "ms")) == 123.5 ||
                json_real_value(json_object_get(line, "ms")) == 123.4);
    assert_true(json_real_value(json_object_get(line, "queue_ms")) == 10.1);
    assert_true(json_real_value(json_object_get(line, "audio_s")) == 3.5);
    assert_null(json_object_get(line, "text"));
    assert_null(strstr(bytes, "plans"));
    json_decref(line);
}

static void unknown_facts_are_left_out(void **state) {
    char bytes[PIPE_BUF + 1];
    const sv_log_request r = {.code = 404, .duration_s = 0, .queue_s = -1, .audio_s = -1, .chars = -1};
    sv_log_request_done(*state, &r);
    json_t *line = read_line(bytes);
    assert_int_equal(json_object_size(line), 5); /* time, level, msg, code, ms */
    json_decref(line);
}

static void codes_have_levels(void **state) {
    static const struct {
        int code;
        const char *level;
    } cases[] = {{200, "info"}, {404, "info"}, {429, "warn"}, {503, "warn"}, {500, "error"}, {504, "error"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        char bytes[PIPE_BUF + 1];
        sv_log_request_done(*state, &(sv_log_request){.code = cases[i].code});
        json_t *line = read_line(bytes);
        assert_string_equal(text_of(line, "level"), cases[i].level);
        json_decref(line);
    }
}

static void text_is_written_only_when_switched_on(void **state) {
    sv_log *log = *state;
    char bytes[PIPE_BUF + 1], *longest = malloc(20000);
    sv_log_request r = full_request();
    atomic_store(&log->text, true);
    sv_log_request_done(log, &r);
    json_t *line = read_line(bytes);
    assert_string_equal(text_of(line, "text"), "secret plans");
    json_decref(line);
    for (size_t i = 0; i < 20000; i += 4) memcpy(longest + i, "\xf0\x9f\x98\x80", 4);
    for (size_t lead = 0; lead < 4; lead++) { /* wherever the cut falls, no character is cut in half */
        r.text = longest;
        r.text_bytes = 20000;
        r.account = &"abc"[3 - lead];
        sv_log_request_done(log, &r);
        line = read_line(bytes);
        size_t n = strlen(text_of(line, "text"));
        assert_in_range(strlen(bytes), PIPE_BUF - 64, PIPE_BUF - 1);
        assert_int_equal(n % 4, 3);
        assert_string_equal(text_of(line, "text") + n - 3, "\xe2\x80\xa6");
        json_decref(line);
    }
    free(longest);
}

static void what_may_quote_a_text_is_held_back(void **state) {
    sv_log *log = *state;
    char bytes[PIPE_BUF + 1];
    static const struct {
        int code;
        bool told;
    } cases[] = {{200, false}, {400, false}, {408, false}, {424, false}, {499, true},
                 {422, false}, {429, true},  {500, true},  {503, true},  {504, true}};
    for (size_t i = 0; i < 2 * EV_ARRAY_COUNT(cases); i++) {
        const bool text = i >= EV_ARRAY_COUNT(cases), told = text || cases[i % EV_ARRAY_COUNT(cases)].told;
        const int code = cases[i % EV_ARRAY_COUNT(cases)].code;
        atomic_store(&log->text, text);
        sv_log_request_done(log, &(sv_log_request){.code = code, .param = "input", .error = "no phone '4711'"});
        json_t *line = read_line(bytes);
        assert_string_equal(text_of(line, "param"), "input");
        assert_int_equal(text_of(line, "error") != NULL, told);
        json_decref(line);
    }
}

static void hostile_bytes_cannot_forge(void **state) {
    sv_log *log = *state;
    char bytes[PIPE_BUF + 1];
    const char *evil = "x\",\"level\":\"info\"}\n{\"a\":\"\x1b[2J\x7f\xc2\x9b"
                       "31m\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa7\xff\\";
    sv_log_request r = full_request();
    atomic_store(&log->text, true);
    r.request_id = evil;
    r.key_prefix = "ev_\n";
    r.account = r.error = r.text = evil;
    r.text_bytes = strlen(evil);
    sv_log_request_done(log, &r);
    json_t *line = read_line(bytes);
    assert_null(json_object_get(line, "request_id"));
    assert_null(json_object_get(line, "key"));
    const char *raw[] = {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x81\xa7", "\xff"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(raw); i++) assert_null(strstr(bytes, raw[i]));
    assert_string_equal(text_of(line, "error"), "x\",\"level\":\"info\"}\n{\"a\":\"\x1b[2J\x7f\xc2\x9b"
                                                "31m\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa7\xef\xbf\xbd\\");
    json_decref(line);
    r.text = "a\0b"; /* NUL is a control character, not an end */
    r.text_bytes = 3;
    sv_log_request_done(log, &r);
    ssize_t n = read(ends[0], bytes, PIPE_BUF);
    assert_true(n > 0);
    bytes[n] = '\0';
    assert_non_null(strstr(bytes, "\"text\":\"a\\u0000b\""));
}

static void ids_are_checked(void **state) {
    (void)state;
    char longest[SV_ID_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[SV_ID_MAX] = '\0';
    assert_true(sv_log_id_valid(longest));
    longest[SV_ID_MAX] = 'a';
    longest[SV_ID_MAX + 1] = '\0';
    assert_false(sv_log_id_valid(longest));
    assert_true(sv_log_id_valid("A.z_0-9"));
    static const char *const bad[] = {NULL, "", "a b", "a\n", "\xc3\xa4", "a/b", "a\"b"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) assert_false(sv_log_id_valid(bad[i]));
}

static void lost_lines_are_counted(void **state) {
    sv_log *log = *state;
    char bytes[PIPE_BUF + 1];
    int lines = 0;
    atomic_store(&log->text, true);
    sv_log_request r = full_request();
    while (atomic_load(&log->lost) < 3) { /* nobody reads: the pipe fills up, and the log does not wait */
        sv_log_request_done(log, &r);
        lines++;
        assert_true(lines < 100000);
    }
    ssize_t n;
    do n = read(ends[0], bytes, sizeof bytes);
    while (n > 0);
    sv_log_line(log, SV_LEVEL_INFO, NULL, "again");
    json_t *line = read_line(bytes);
    assert_int_equal(json_integer_value(json_object_get(line, "lost")), 3);
    json_decref(line);
    sv_log_line(log, SV_LEVEL_INFO, NULL, "once");
    line = read_line(bytes);
    assert_null(json_object_get(line, "lost"));
    json_decref(line);
}

/* ---- threads ---- */

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *arg) {
    sv_log_request r = full_request();
    for (int i = 0; i < LINES; i++) {
        r.chars = i;
        sv_log_request_done(arg, &r);
        if (i % 100 == 0) atomic_store(&((sv_log *)arg)->level, SV_LEVEL_INFO + i / 100 % 2);
    }
    return NULL;
}

static void threads_do_not_mix_lines(void **state) {
    sv_log *log = *state;
    char line[PIPE_BUF + 1];
    pthread_t threads[THREADS];
    FILE *file = tmpfile();
    int seen[LINES] = {0}, lines = 0;
    log->fd = fileno(file);
    assert_int_equal(fcntl(log->fd, F_SETFL, O_APPEND), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    rewind(file);
    for (; fgets(line, sizeof line, file); lines++) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        seen[json_integer_value(json_object_get(object, "chars"))]++;
        json_decref(object);
    }
    assert_int_equal(lines, THREADS * LINES);
    for (int i = 0; i < LINES; i++) assert_int_equal(seen[i], THREADS);
    fclose(file);
}

int main(void) {
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_LOG(line_has_time_level_message),
        WITH_LOG(level_filters_and_may_change),
        WITH_LOG(request_has_its_fields),
        WITH_LOG(unknown_facts_are_left_out),
        WITH_LOG(codes_have_levels),
        WITH_LOG(text_is_written_only_when_switched_on),
        WITH_LOG(what_may_quote_a_text_is_held_back),
        WITH_LOG(hostile_bytes_cannot_forge),
        cmocka_unit_test(ids_are_checked),
        WITH_LOG(lost_lines_are_counted),
        WITH_LOG(threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
