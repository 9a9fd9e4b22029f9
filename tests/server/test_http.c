/* The service over its sockets, on a device that does as a test says: what log and metrics say of answers that were
 * broken off, how long one may be read, and how many connections a client may have. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/metrics/metrics_state.h"
#include "server/http/request.h"
#include "server/server.h"

/* ---- device: its first stretch of sound is made; what becomes of the second, a test says ---- */

static enum { GOES_ON, BREAKS, IS_LATE, IS_HELD } second;
static atomic_int vocoded;
static atomic_bool released;

static ev_status vocode(ev_synth *synth, const ev_slice *slices, size_t n, ev_error *err) {
    const bool first = atomic_fetch_add(&vocoded, 1) == 0;
    if (!first && second == BREAKS) return ev_fail(err, EV_E_DEVICE, "the device broke");
    if (!first && second == IS_LATE) usleep(2100000); /* behind the deadline of late_answers_are_504 */
    while (!first && second == IS_HELD && !atomic_load(&released)) usleep(1000);
    return ev_synth_vocode(synth, slices, n, err);
}

static const sv_device_calls calls = {ev_synth_decode, vocode};

/* ---- service ---- */

static sv_server *s;
static sv_config config;
static FILE *log_file;

static void set(const char *key, const char *value) {
    ev_error err = {0};
    if (sv_config_set(&config, key, value, (sv_origin){.from = SV_FROM_FLAG}, &err) != EV_OK)
        fail_msg("%s", err.message);
}

static int start(void **state) {
    (void)state;
    ev_error err = {0};
    log_file = tmpfile();
    assert_non_null(log_file);
    assert_int_equal(sv_config_init(&config, &err), EV_OK);
    set("listen", "127.0.0.1:0");
    set("admin_listen", "off");
    set("threads", "2");
    set("connections_per_ip", "2");
    set("trusted_proxies", "2001:db8:99::/48");
    second = GOES_ON;
    atomic_store(&vocoded, 0);
    atomic_store(&released, false);
    if (sv_server_start(&s, &config, SV_ROLE_SERVICE, &calls, &err) != EV_OK) fail_msg("%s", err.message);
    s->log.fd = fileno(log_file); /* nobody has asked yet */
    return 0;
}

static int stop(void **state) {
    (void)state;
    atomic_store(&released, true);
    sv_server_stop(&s);
    sv_config_free(&config);
    fclose(log_file);
    return 0;
}

static void wait_answered(void) {
    for (int i = 0; i < 60000 && atomic_load(&s->in_flight); i++) usleep(1000);
    assert_int_equal(atomic_load(&s->in_flight), 0);
}

static void assert_logged(int code, const char *error) {
    char line[8192], wanted[64];
    const size_t place = SV_ROUTE_SPEECH * (size_t)SV_CODE_COUNT + sv_metric_code(code);
    assert_int_equal(sv_metric_read(s->metrics, SV_METRIC_HTTP_REQUESTS, place, 0), 1);
    snprintf(wanted, sizeof wanted, "\"code\":%d,", code);
    rewind(log_file);
    while (fgets(line, sizeof line, log_file)) {
        if (strstr(line, wanted) && strstr(line, error)) return;
    }
    fail_msg("no line has %s and '%s'", wanted, error);
}

/* ---- client ---- */

static int64_t open_ones(void) { return sv_metric_read(s->metrics, SV_METRIC_OPEN_CONNECTIONS, 0, 0); }

static void wait_open(int64_t count) {
    for (int i = 0; i < 60000 && open_ones() != count; i++) usleep(1000);
    assert_int_equal(open_ones(), count);
}

/* As if somebody had come from there; -1: it was sent away. */
static int come_from(const char *address) {
    int ends[2];
    const int64_t before = open_ones();
    struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    assert_int_equal(inet_pton(AF_INET6, address, &from.sin6_addr), 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (MHD_add_connection(s->public_daemon, ends[1], (const struct sockaddr *)&from, sizeof from) == MHD_YES) {
        wait_open(before + 1);
        return ends[0];
    }
    close(ends[0]);
    return -1;
}

/* A speech of many stretches is asked for, more than a socket holds; more: fields of the request. */
static int ask(const char *more) {
    char request[2048], body[1024];
    const char *text = "The river runs through the valley, and the wind goes over the hills. ";
    const int fd = come_from("2001:db8::1");
    assert_true(fd >= 0);
    const int length = snprintf(body, sizeof body, "{\"input\":\"%s%s%s%s%s%s\",\"response_format\":\"pcm\"%s}", text,
                                text, text, text, text, text, more);
    const int size = snprintf(request, sizeof request,
                              "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                              "Content-Length: %d\r\n\r\n%s",
                              length, body);
    assert_int_equal(write(fd, request, (size_t)size), size);
    return fd;
}

static void take_head(int fd) {
    char head[13];
    assert_int_equal(recv(fd, head, sizeof head, MSG_WAITALL), sizeof head);
    assert_memory_equal(head, "HTTP/1.1 200 ", sizeof head);
}

/* The whole answer, as it came. */
static ev_buf read_all(int fd) {
    char block[4096];
    ev_buf all = {0};
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;) ev_buf_append(&all, block, (size_t)n);
    close(fd);
    ev_buf_append(&all, "", 1);
    assert_false(all.failed);
    return all;
}

/* ---- answers that are broken off ---- */

static void streams_that_fail_are_500(void **state) {
    (void)state;
    static const char last_chunk[] = "\r\n0\r\n\r\n";
    second = BREAKS;
    ev_buf answer = read_all(ask(""));
    assert_memory_equal(answer.data, "HTTP/1.1 200 ", 13);
    assert_true(answer.size > 200);
    assert_memory_not_equal(answer.data + answer.size - sizeof last_chunk, last_chunk, sizeof last_chunk);
    ev_buf_free(&answer);
    wait_answered();
    assert_logged(500, "the device broke");
}

static void events_that_fail_are_500(void **state) {
    (void)state;
    second = BREAKS;
    ev_buf answer = read_all(ask(",\"stream_format\":\"sse\""));
    assert_non_null(strstr((const char *)answer.data, "event: speech.audio.error"));
    ev_buf_free(&answer);
    wait_answered();
    assert_logged(500, "the device broke");
}

static void late_answers_are_504(void **state) {
    (void)state;
    second = IS_LATE;
    ev_buf answer = read_all(ask(",\"deadline_ms\":2000"));
    ev_buf_free(&answer);
    wait_answered();
    assert_logged(504, "the deadline cannot be met");
}

static void wait_until(bool (*condition)(void), bool wanted) {
    for (int i = 0; i < 60000 && condition() != wanted; i++) usleep(1000);
    assert_int_equal(condition(), wanted);
}

/* With a reset: who only sends no more may still want the rest. */
static void leave(int fd) {
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

/* By a write that failed, or while it waited. */
static bool was_seen_to_leave(void) {
    ev_mutex_lock(&s->lock);
    const sv_request *req = EV_CONTAINER_OF(s->waiting.first, sv_request, wait.node);
    const bool gone = req && req->wait.disconnected;
    ev_mutex_unlock(&s->lock);
    return gone || !atomic_load(&s->in_flight);
}

static void clients_that_leave_are_499(void **state) {
    (void)state;
    second = IS_HELD;
    const int fd = ask("");
    take_head(fd);
    leave(fd);
    wait_until(was_seen_to_leave, true);
    atomic_store(&released, true);
    wait_answered();
    assert_logged(499, "");
}

static bool somebody_waits(void) {
    ev_mutex_lock(&s->lock);
    const bool waits = s->waiting.count > 0;
    ev_mutex_unlock(&s->lock);
    return waits;
}

static bool engine_rests(void) { return sv_backend_idle(s->backend); }

static bool is_cut(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) == 1;
}

static void turn_clock_back(void) {
    ev_mutex_lock(&s->lock);
    s->deadlines.now = 0;
    ev_mutex_unlock(&s->lock);
}

/* Nobody reads on behind the head. The clock is the test's. */
static void answers_must_be_read(void **state) {
    (void)state;
    second = IS_HELD;
    const int fd = ask(",\"speed\":0.25");
    take_head(fd);
    wait_until(somebody_waits, true);
    sv_connections_sweep(s, ev_clock_s() + 1e6); /* the service is what is late */
    assert_false(is_cut(fd));
    turn_clock_back();
    atomic_store(&released, true);
    wait_until(engine_rests, true);
    wait_until(somebody_waits, false);
    sv_connections_sweep(s, ev_clock_s() + 200);
    assert_false(is_cut(fd));
    sv_connections_sweep(s, ev_clock_s() + 1000);
    assert_true(is_cut(fd));
    wait_answered();
    close(fd);
    assert_logged(499, "the answer was read too slowly");
}

/* ---- connections of a client ---- */

static void a_network_counts_as_one_client(void **state) {
    (void)state;
    const int first = come_from("2001:db8:1:1::1"), other = come_from("2001:db8:1:1:ffff::2");
    assert_true(first >= 0 && other >= 0);
    assert_int_equal(come_from("2001:db8:1:1::3"), -1);
    const int neighbour = come_from("2001:db8:1:2::1"), old = come_from("::ffff:192.0.2.1");
    assert_true(neighbour >= 0 && old >= 0);
    close(first);
    wait_open(3);
    const int again = come_from("2001:db8:1:1::3");
    assert_true(again >= 0);
    int proxied[5];
    for (size_t i = 0; i < EV_ARRAY_COUNT(proxied); i++) assert_true((proxied[i] = come_from("2001:db8:99::1")) >= 0);
    for (size_t i = 0; i < EV_ARRAY_COUNT(proxied); i++) close(proxied[i]);
    close(other);
    close(neighbour);
    close(old);
    close(again);
    wait_open(0);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--decode-reference") == 0) return sv_decoder_child_main(false);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(streams_that_fail_are_500, start, stop),
        cmocka_unit_test_setup_teardown(events_that_fail_are_500, start, stop),
        cmocka_unit_test_setup_teardown(late_answers_are_504, start, stop),
        cmocka_unit_test_setup_teardown(clients_that_leave_are_499, start, stop),
        cmocka_unit_test_setup_teardown(answers_must_be_read, start, stop),
        cmocka_unit_test_setup_teardown(a_network_counts_as_one_client, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
