/* dead letters as an operator meets them: the whole service over HTTP, on a device that breaks while it is told to.
 * The program is its own helper for decoding, as the command is. */
#include <curl/curl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/guard/decode.h"
#include "server/http/http.h"
#include "server/server.h"

/* ---- device ---- */

static atomic_bool broken, held;

static ev_status decode(ev_synth *synth, ev_task *const *tasks, size_t n, ev_error *err) {
    while (atomic_load(&held)) usleep(1000);
    if (atomic_load(&broken)) return ev_fail(err, EV_E_DEVICE, "the device broke");
    return ev_synth_decode(synth, tasks, n, err);
}

static const sv_device_calls device = {decode, ev_synth_vocode};

/* ---- asking ---- */

static sv_server *server;

typedef struct answer {
    long code;
    curl_off_t retry_after;
    json_t *body;
} answer;

static size_t take(char *bytes, size_t one, size_t n, void *body) {
    return ev_buf_append(body, bytes, one * n) ? one * n : 0;
}

static answer ask_by(const char *method, bool admin, const char *path, const char *body) {
    answer a = {0};
    ev_buf text = {0};
    char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", sv_server_port(server, admin), path);
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    if (body) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (method) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a.code);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &a.retry_after);
    a.body = json_loadb((const char *)text.data, text.size, 0, NULL);
    assert_non_null(a.body);
    ev_buf_free(&text);
    curl_easy_cleanup(curl);
    return a;
}

/* POSTs `body`, or GETs where it is NULL. */
static answer ask(bool admin, const char *path, const char *body) { return ask_by(NULL, admin, path, body); }

static long code_of(bool admin, const char *path, const char *body) {
    const answer a = ask(admin, path, body);
    json_decref(a.body);
    return a.code;
}

static bool is_dead(const char *id) {
    bool found = false;
    const answer a = ask(true, "/admin/dead", NULL);
    for (size_t i = 0; i < json_array_size(a.body); i++) {
        found |= strcmp(json_string_value(json_object_get(json_array_get(a.body, i), "id")), id) == 0;
    }
    json_decref(a.body);
    return found;
}

static void wait_until_idle(void) {
    const double until = ev_clock_s() + 60;
    while (!sv_backend_idle(server->backend) && ev_clock_s() < until) usleep(5000);
    assert_true(sv_backend_idle(server->backend));
}

static void make_dead(char id[SV_JOB_ID + 1]) {
    atomic_store(&broken, true);
    static int number;
    char body[160];
    snprintf(body, sizeof body,
             "{\"text\": \"It was a good letter, longer than any other of them, and number %d was never read.\"}",
             ++number);
    const answer a = ask(false, "/tts", body);
    assert_int_equal(a.code, 202);
    snprintf(id, SV_JOB_ID + 1, "%s", json_string_value(json_object_get(a.body, "request_id")));
    json_decref(a.body);
    for (int i = 0; i < 1000 && !is_dead(id); i++) usleep(5000);
    atomic_store(&broken, false);
    assert_true(is_dead(id));
}

static void fill_queue(void) {
    char body[80];
    long code = 202;
    atomic_store(&held, true);
    for (int i = 0; i < 100 && code == 202; i++) {
        snprintf(body, sizeof body, "{\"text\": \"One more of them waits.\", \"seed\": %d}", i);
        code = code_of(false, "/tts", body);
    }
    assert_int_equal(code, 503);
}

/* ---- tests ---- */

static void a_full_queue_is_no_reason_to_forget(void **state) {
    (void)state;
    char id[SV_JOB_ID + 1], path[SV_JOB_ID + 32];
    make_dead(id);
    snprintf(path, sizeof path, "/admin/dead/%s/retry", id);
    fill_queue();
    const answer refused = ask(true, path, "");
    assert_int_equal(refused.code, 503);
    assert_true(refused.retry_after >= 1);
    const json_t *error = json_object_get(refused.body, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), "overloaded_error");
    json_decref(refused.body);
    assert_true(is_dead(id));
    assert_int_equal(code_of(true, "/admin/dead/0123456789abcdef0123456789abcdef/retry", ""), 404);
    atomic_store(&held, false);
    wait_until_idle();
    assert_int_equal(code_of(true, path, ""), 202);
    assert_false(is_dead(id));
    assert_int_equal(code_of(true, path, ""), 404);
    wait_until_idle();
}

static long drop(const char *path) {
    const answer a = ask_by("DELETE", true, path, NULL);
    json_decref(a.body);
    return a.code;
}

static void one_is_shown_and_dropped(void **state) {
    (void)state;
    char id[SV_JOB_ID + 1], kept[SV_JOB_ID + 1], path[SV_JOB_ID + 32], job[SV_JOB_ID + 8];
    make_dead(id);
    make_dead(kept);
    snprintf(path, sizeof path, "/admin/dead/%s", id);
    snprintf(job, sizeof job, "/tts/%s", id);
    const answer a = ask(true, path, NULL);
    assert_int_equal(a.code, 200);
    assert_string_equal(json_string_value(json_object_get(a.body, "id")), id);
    assert_non_null(strstr(json_string_value(json_object_get(a.body, "error")), "the device broke"));
    const char *text = json_string_value(json_object_get(json_object_get(a.body, "request"), "text"));
    assert_non_null(text);
    assert_int_equal(strlen(text), json_integer_value(json_object_get(a.body, "text_bytes")));
    json_decref(a.body);
    assert_int_equal(drop(path), 200);
    assert_false(is_dead(id));
    assert_true(is_dead(kept));
    assert_int_equal(drop(path), 404);
    assert_int_equal(code_of(true, path, NULL), 404);
    assert_int_equal(code_of(false, job, NULL), 404);
}

static int start(void **state);

/* A new process's service in the same directory. */
static void restart(void) {
    sv_server_stop(&server);
    assert_int_equal(start(NULL), 0);
}

static void a_dead_letter_outlives_the_process(void **state) {
    (void)state;
    char id[SV_JOB_ID + 1], path[SV_JOB_ID + 32], job[SV_JOB_ID + 8], again[SV_JOB_ID + 8];
    make_dead(id);
    restart();
    assert_true(is_dead(id));
    snprintf(job, sizeof job, "/tts/%s", id);
    answer a = ask(false, job, NULL);
    assert_string_equal(json_string_value(json_object_get(a.body, "status")), "failed");
    json_decref(a.body);
    snprintf(path, sizeof path, "/admin/dead/%s/retry", id);
    a = ask(true, path, "");
    assert_int_equal(a.code, 202);
    snprintf(again, sizeof again, "/tts/%s", json_string_value(json_object_get(a.body, "request_id")));
    json_decref(a.body);
    assert_false(is_dead(id));
    restart(); /* in the middle of it, perhaps */
    assert_false(is_dead(id));
    assert_int_equal(code_of(true, path, ""), 404);
    for (int i = 0; i < 1000; i++) {
        a = ask(false, again, NULL);
        const bool over = strcmp(json_string_value(json_object_get(a.body, "status")), "completed") == 0;
        json_decref(a.body);
        if (over) return;
        usleep(10000);
    }
    fail_msg("it is never made");
}

static char data_dir[64]; /* "": none */

static int start(void **state) {
    static const char *const settings[][2] = {{"listen", "127.0.0.1:0"}, {"admin_listen", "127.0.0.1:0"},
                                              {"rate_per_ip", "0"},      {"queue_audio", "12s"},
                                              {"log_level", "error"},    {"threads", "2"}};
    sv_config config;
    ev_error err = {0};
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    ev_status status = sv_config_init(&config, &err);
    for (size_t i = 0; status == EV_OK && i < EV_ARRAY_COUNT(settings); i++) {
        status = sv_config_set(&config, settings[i][0], settings[i][1], (sv_origin){.from = SV_FROM_FLAG}, &err);
    }
    if (status == EV_OK)
        status = sv_config_set(&config, "data_dir", data_dir, (sv_origin){.from = SV_FROM_FLAG}, &err);
    if (status == EV_OK) status = sv_server_start(&server, &config, SV_ROLE_SERVICE, &device, &err);
    if (status != EV_OK) print_error("%s\n", err.message);
    sv_config_free(&config);
    return status == EV_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    atomic_store(&held, false);
    sv_server_stop(&server);
    return 0;
}

static int start_durable(void **state) {
    snprintf(data_dir, sizeof data_dir, "/tmp/emotivoice-dead-XXXXXX");
    return mkdtemp(data_dir) ? start(state) : -1;
}

static int stop_durable(void **state) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", data_dir);
    return stop(state) || system(command);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--decode-reference") == 0) return sv_decoder_child_main(false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_full_queue_is_no_reason_to_forget),
                                       cmocka_unit_test(one_is_shown_and_dropped)};
    const struct CMUnitTest durable[] = {cmocka_unit_test(a_full_queue_is_no_reason_to_forget),
                                         cmocka_unit_test(one_is_shown_and_dropped),
                                         cmocka_unit_test(a_dead_letter_outlives_the_process)};
    const int failed = cmocka_run_group_tests(tests, start, stop);
    return cmocka_run_group_tests(durable, start_durable, stop_durable) + failed;
}
