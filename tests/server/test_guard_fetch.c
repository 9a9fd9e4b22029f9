/* fetch: a small HTTP server on loopback plays honest, slow, endless and treacherous hosts. It counts connections, so
 * that "blocked" means that nothing was even opened. */
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "guard_spellings.h"
#include "guard_test.h"

typedef struct server {
    int listener, listener_six; /* -1 where the machine has no IPv6 */
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int connections;
    pthread_mutex_t lock;    /* of the next */
    char last_request[2048]; /* written before the answer, read after it */
} server;

static server host = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the server ---- */

static void reply(int fd, const char *text) {
    size_t at = 0, bytes = strlen(text);
    while (at < bytes) {
        const ssize_t n = send(fd, text + at, bytes - at, MSG_NOSIGNAL);
        if (n <= 0) return;
        at += (size_t)n;
    }
}

static void redirect(int fd, const char *target) {
    char text[1024];
    snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 5\r\n\r\nthere", target);
    reply(fd, text);
}

/* Until the client goes away or the test ends. */
static void drip(int fd, const char *piece, int pause_ms) {
    while (!atomic_load(&host.stop) && send(fd, piece, strlen(piece), MSG_NOSIGNAL) > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, pause_ms) > 0) return;
    }
}

static void answer(int fd, const char *path) {
    static char block[65537];
    if (block[0] == '\0') memset(block, 'x', sizeof(block) - 1);
    if (strcmp(path, "/ok") == 0)
        reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nsound");
    else if (strcmp(path, "/empty") == 0)
        reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/missing") == 0)
        reply(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret");
    else if (strcmp(path, "/large") == 0)
        reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
    else if (strcmp(path, "/endless") == 0) {
        reply(fd, "HTTP/1.1 200 OK\r\n\r\n");
        drip(fd, block, 0);
    } else if (strcmp(path, "/slow") == 0) {
        reply(fd, "HTTP/1.1 200 OK\r\n\r\n");
        drip(fd, "x", 50);
    } else if (strcmp(path, "/silent") == 0)
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000); /* till it goes away */
    else if (strcmp(path, "/headers") == 0) {
        reply(fd, "HTTP/1.1 200 OK\r\n");
        drip(fd, "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
             0);
    } else if (strcmp(path, "/short") == 0)
        reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nsound");
    else if (strcmp(path, "/zipped") == 0)
        reply(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nsound");
    else if (strncmp(path, "/to?", 4) == 0)
        redirect(fd, path + 4);
    else if (strcmp(path, "/loop") == 0)
        redirect(fd, "/loop");
    else if (path[0] == '/' && path[1] >= '1' && path[1] <= '9') { /* /3 -> /2 -> /1 -> /ok */
        char next[8];
        snprintf(next, sizeof(next), "/%c", path[1] - 1);
        redirect(fd, path[1] == '1' ? "/ok" : next);
    } else
        reply(fd, "what?");
}

static void serve(int listener) {
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    atomic_fetch_add(&host.connections, 1);
    char path[1024] = "", request[sizeof(host.last_request)] = "";
    size_t bytes = 0;
    while (bytes < sizeof(request) - 1 && !strstr(request, "\r\n\r\n")) {
        const ssize_t n = recv(fd, request + bytes, sizeof(request) - 1 - bytes, 0);
        if (n <= 0) break;
        request[bytes += (size_t)n] = '\0';
    }
    pthread_mutex_lock(&host.lock);
    memcpy(host.last_request, request, sizeof(request));
    pthread_mutex_unlock(&host.lock);
    if (sscanf(request, "GET %1023s", path) == 1) answer(fd, path);
    shutdown(fd, SHUT_WR);
    close(fd);
}

static void *serve_all(void *user) {
    (void)user;
    while (!atomic_load(&host.stop)) {
        struct pollfd p[2] = {{.fd = host.listener, .events = POLLIN}, {.fd = host.listener_six, .events = POLLIN}};
        if (poll(p, 2, 20) <= 0) continue;
        for (int i = 0; i < 2; i++)
            if (p[i].revents & POLLIN) serve(p[i].fd);
    }
    return NULL;
}

/* 0.0.0.0 and ::, so that every spelling of this machine would reach it. */
static int listen_on(const char *address, uint16_t port) {
    struct sockaddr_storage s = sockaddr_of(address);
    const bool six = s.ss_family == AF_INET6;
    const socklen_t size = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (six)
        ((struct sockaddr_in6 *)&s)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&s)->sin_port = htons(port);
    const int fd = socket(s.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return -1;
    if (six) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&s, size) == 0 && listen(fd, 64) == 0) return fd;
    close(fd);
    return -1;
}

static int start_server(void **state) {
    (void)state;
    struct sockaddr_in bound;
    socklen_t size = sizeof(bound);
    host.listener = listen_on("0.0.0.0", 0);
    if (host.listener < 0 || getsockname(host.listener, (struct sockaddr *)&bound, &size) != 0) return -1;
    host.port = ntohs(bound.sin_port);
    host.listener_six = listen_on("::", host.port);
    return pthread_create(&host.thread, NULL, serve_all, NULL);
}

static int stop_server(void **state) {
    (void)state;
    atomic_store(&host.stop, true);
    pthread_join(host.thread, NULL);
    close(host.listener);
    if (host.listener_six >= 0) close(host.listener_six);
    return 0;
}

/* ---- asking ---- */

/* Options under which only the address can be the reason for a refusal. */
static sv_fetch_options open_options(void) {
    sv_fetch_options o;
    sv_fetch_options_init(&o);
    o.http = true;
    o.ports = &host.port;
    o.port_count = 1;
    o.total_ms = 5000;
    return o;
}

static sv_fetch_options loopback_options(void) {
    sv_fetch_options o = open_options();
    assert_int_equal(sv_networks_parse(&o.networks, "127.0.0.0/8 ::1", NULL), EV_OK);
    return o;
}

static sv_fetch_end fetch(const sv_fetch_options *o, const char *url, ev_buf *body, ev_error *err) {
    sv_fetch_end end;
    *err = (ev_error){0};
    const ev_status status = sv_fetch(body, url, o, &end, err);
    assert_true((status == EV_OK) == (end == SV_FETCH_OK));
    if (status) assert_int_equal(err->status, status);
    if (status) assert_int_equal(body->size, 0);
    return end;
}

static sv_fetch_end fetch_path(const sv_fetch_options *o, const char *path, ev_buf *body, ev_error *err) {
    char url[1200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", host.port, path);
    return fetch(o, url, body, err);
}

static const char UNIFORM[] =
    "the URL could not be fetched: check that anyone can download it, or send the audio itself";

static void gets_the_body(void **state) {
    (void)state;
    sv_fetch_options o = loopback_options();
    ev_buf body = {0};
    ev_error err;
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_OK);
    assert_string_equal(body.data, "sound");
    ev_buf_free(&body);
    char request[sizeof(host.last_request)];
    pthread_mutex_lock(&host.lock);
    memcpy(request, host.last_request, sizeof(request));
    pthread_mutex_unlock(&host.lock);
    assert_null(strstr(request, "Cookie"));
    assert_null(strstr(request, "Authorization"));
    assert_null(strstr(request, "Accept-Encoding"));
    assert_has(request, "User-Agent: emotivoice/");
    assert_int_equal(fetch_path(&o, "/zipped", &body, &err), SV_FETCH_OK); /* as it is, never unpacked */
    assert_string_equal(body.data, "sound");
    ev_buf_free(&body);
    assert_int_equal(fetch_path(&o, "/empty", &body, &err), SV_FETCH_OK);
    assert_int_equal(body.size, 0);
    sv_networks_free(&o.networks);
}

static void failures_have_one_text(void **state) {
    (void)state;
    sv_fetch_options o = loopback_options();
    o.slow_s = 1;
    o.total_ms = 3000;
    ev_buf body = {0};
    ev_error err;
    static const struct {
        const char *path;
        sv_fetch_end end;
    } rows[] = {{"/missing", SV_FETCH_STATUS}, {"/other", SV_FETCH_FAILED},   {"/headers", SV_FETCH_FAILED},
                {"/short", SV_FETCH_FAILED},   {"/loop", SV_FETCH_REDIRECTS}, {"/4", SV_FETCH_REDIRECTS},
                {"/slow", SV_FETCH_TIMEOUT},   {"/silent", SV_FETCH_TIMEOUT}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        const double start = ev_clock_s();
        const sv_fetch_end end = fetch_path(&o, rows[i].path, &body, &err);
        if (end != rows[i].end) fail_msg("%s: %d", rows[i].path, end);
        assert_int_equal(err.status, EV_E_IO);
        assert_string_equal(err.message, UNIFORM);
        assert_true(ev_clock_s() - start < 10);
    }
    sv_networks_free(&o.networks);
    o.networks = (sv_networks){0};
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_BLOCKED);
    assert_string_equal(err.message, UNIFORM);
    assert_int_equal(fetch(&o, "http://no-such-host.invalid/", &body, &err), SV_FETCH_FAILED);
    assert_string_equal(err.message, UNIFORM);
}

static void time_is_limited_over_all_hops(void **state) {
    (void)state;
    sv_fetch_options o = loopback_options();
    o.total_ms = 600;
    ev_buf body = {0};
    ev_error err;
    const double start = ev_clock_s();
    assert_int_equal(fetch_path(&o, "/to?/silent", &body, &err), SV_FETCH_TIMEOUT);
    const double took = ev_clock_s() - start;
    assert_true(took > 0.5 && took < 3);
    sv_networks_free(&o.networks);
}

static void large_bodies_are_cut_off(void **state) {
    (void)state;
    sv_fetch_options o = loopback_options();
    o.bytes_max = 300000;
    ev_buf body = {0};
    ev_error err;
    assert_int_equal(fetch_path(&o, "/large", &body, &err), SV_FETCH_TOO_LARGE); /* by what it says */
    assert_int_equal(err.status, EV_E_AUDIO);
    assert_has(err.message, "300000 bytes");
    assert_int_equal(fetch_path(&o, "/endless", &body, &err), SV_FETCH_TOO_LARGE); /* by what it does */
    assert_int_equal(err.status, EV_E_AUDIO);
    o.bytes_max = 5;
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_OK);
    ev_buf_free(&body);
    o.bytes_max = 4;
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_TOO_LARGE);
    sv_networks_free(&o.networks);
}

static void redirects_are_followed_and_judged(void **state) {
    (void)state;
    sv_fetch_options o = open_options();
    assert_int_equal(sv_networks_parse(&o.networks, "127.0.0.1", NULL), EV_OK); /* this one and no other */
    ev_buf body = {0};
    ev_error err;
    assert_int_equal(fetch_path(&o, "/3", &body, &err), SV_FETCH_OK);
    assert_string_equal(body.data, "sound");
    ev_buf_free(&body);
    static const char *const targets[] = {"http://127.0.0.2:%u/ok",
                                          "http://0.0.0.0:%u/ok",
                                          "http://[::1]:%u/ok",
                                          "http://[::ffff:127.0.0.3]:%u/ok",
                                          "http://127.1.1:%u/ok",
                                          "http://0x7f000002:%u/ok",
                                          "//127.0.0.2:%u/ok",
                                          "http://10.0.0.1:%u/",
                                          "http://169.254.169.254:%u/latest/meta-data/",
                                          "http://192.168.0.1:%u/"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(targets); i++) {
        char target[200], path[220];
        snprintf(target, sizeof(target), targets[i], host.port);
        snprintf(path, sizeof(path), "/to?%s", target);
        const int before = atomic_load(&host.connections);
        if (fetch_path(&o, path, &body, &err) != SV_FETCH_BLOCKED) fail_msg("%s", target);
        assert_string_equal(err.message, UNIFORM);
        assert_int_equal(atomic_load(&host.connections), before + 1); /* the redirect itself */
    }
    static const char *const kinds[] = {"file:///etc/passwd", "ftp://127.0.0.1/",     "gopher://127.0.0.1/",
                                        "dict://127.0.0.1/",  "http://127.0.0.1:22/", "http://user:pass@127.0.0.1/",
                                        "javascript:0",       "smb://127.0.0.1/x"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(kinds); i++) {
        char path[220];
        snprintf(path, sizeof(path), "/to?%s", kinds[i]);
        const sv_fetch_end end = fetch_path(&o, path, &body, &err);
        if (end != SV_FETCH_BAD_URL && end != SV_FETCH_STATUS) fail_msg("%s: %d", kinds[i], end);
        assert_string_equal(err.message, UNIFORM); /* the target is not spoken of */
    }
    sv_networks_free(&o.networks);
}

static void urls_are_refused_aloud(void **state) {
    (void)state;
    sv_fetch_options o;
    sv_fetch_options_init(&o);
    char endless[3000] = "https://a.example/";
    memset(endless + strlen(endless), 'x', sizeof(endless) - strlen(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    const char *const rows[][2] = {{"http://a.example/", "https://"},
                                   {"ftp://a.example/", "https://"},
                                   {"file:///etc/passwd", "https://"},
                                   {"a.example/x", "https://"},
                                   {"", "https://"},
                                   {"https://", "https://"},
                                   {"https://a.example:22/", "port"},
                                   {"https://a.example:80/", "port"},
                                   {"https://a.example:99999/", "https://"},
                                   {"https://user@a.example/", "user name"},
                                   {"https://user:pw@a.example/", "user name"},
                                   {"https://a.example/a b", "blank"},
                                   {"https://a.example/\r\nHost: b", "blank"},
                                   {"javascript:alert(1)", "https://"},
                                   {endless, "2048"},
                                   {"https://[::1/", "https://"},
                                   {"https://[fe80::1%25eth0", "https://"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        ev_buf body = {0};
        ev_error err;
        if (fetch(&o, rows[i][0], &body, &err) != SV_FETCH_BAD_URL) fail_msg("'%s' is asked", rows[i][0]);
        assert_int_equal(err.status, EV_E_ARGUMENT);
        assert_has(err.message, rows[i][1]);
    }
}

/* ---- addresses that are nobody's business ---- */

static void private_addresses_are_never_reached(void **state) {
    (void)state;
    sv_fetch_options o = open_options();
    o.total_ms = 2000;
    setenv("http_proxy", "http://127.0.0.1:9/", 1); /* which would be asked instead, were it heeded */
    setenv("ALL_PROXY", "http://127.0.0.1:9/", 1);
    const int before = atomic_load(&host.connections);
    size_t blocked = 0, no_host = 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(SPELLINGS); i++) {
        char url[256];
        ev_buf body = {0};
        ev_error err;
        snprintf(url, sizeof(url), "http://%s:%u/ok", SPELLINGS[i], host.port);
        const sv_fetch_end end = fetch(&o, url, &body, &err);
        /* A spelling that is no address to the resolver is a host that does not exist, which is as good. */
        if (end != SV_FETCH_BLOCKED && end != SV_FETCH_FAILED && end != SV_FETCH_BAD_URL)
            fail_msg("%s: %d", SPELLINGS[i], end);
        if (end != SV_FETCH_BAD_URL) assert_string_equal(err.message, UNIFORM);
        blocked += end == SV_FETCH_BLOCKED;
        no_host += end != SV_FETCH_BLOCKED;
    }
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    print_message("%zu spellings: %zu blocked, %zu no host at all\n", EV_ARRAY_COUNT(SPELLINGS), blocked, no_host);
    assert_int_equal(atomic_load(&host.connections), before);
    assert_true(blocked >= 100);
    o = loopback_options(); /* and the listener would have heard them */
    ev_buf body = {0};
    ev_error err;
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_OK);
    assert_int_equal(atomic_load(&host.connections), before + 1);
    ev_buf_free(&body);
    sv_networks_free(&o.networks);
}

/* ---- this host's own addresses ---- */

/* In place of the system's: a host with a public address, and a link that has none. */
static bool interfaces_fail;

int getifaddrs(struct ifaddrs **list) {
    static struct sockaddr_storage loopback, four, six;
    static struct ifaddrs links[] = {{.ifa_next = &links[1]},
                                     {.ifa_next = &links[2], .ifa_addr = (struct sockaddr *)&loopback},
                                     {.ifa_next = &links[3], .ifa_addr = (struct sockaddr *)&four},
                                     {.ifa_addr = (struct sockaddr *)&six}};
    loopback = sockaddr_of("127.0.0.1");
    four = sockaddr_of("25.0.0.1");
    six = sockaddr_of("2a00::1:2");
    *list = links;
    return interfaces_fail ? -1 : 0;
}

void freeifaddrs(struct ifaddrs *list) { (void)list; }

static bool is_own(const char *text) {
    const struct sockaddr_storage s = sockaddr_of(text);
    return sv_address_own((const struct sockaddr *)&s);
}

static void our_own_addresses_are_not_asked(void **state) {
    (void)state;
    static const char *const own[] = {"127.0.0.1",         "25.0.0.1",       "::ffff:25.0.0.1",
                                      "64:ff9b::25.0.0.1", "2002:1900:1::9", "2a00::1:2"};
    static const char *const others[] = {"25.0.0.2", "::ffff:25.0.0.2", "64:ff9b::25.0.0.2", "2a00::1:3"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(own); i++) assert_true(is_own(own[i]));
    for (size_t i = 0; i < EV_ARRAY_COUNT(others); i++) assert_false(is_own(others[i]));
    interfaces_fail = true;
    assert_true(is_own("25.0.0.2")); /* nobody knows */
    interfaces_fail = false;
    sv_fetch_options o = open_options();
    o.total_ms = 300;
    ev_buf body = {0};
    ev_error err;
    char url[100];
    snprintf(url, sizeof(url), "http://25.0.0.1:%u/ok", host.port);
    assert_int_equal(fetch(&o, url, &body, &err), SV_FETCH_BLOCKED);
    assert_string_equal(err.message, UNIFORM);
    o = loopback_options(); /* the operator's word counts more */
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_OK);
    ev_buf_free(&body);
    sv_networks_free(&o.networks);
}

static void lists_open_and_close(void **state) {
    (void)state;
    sv_fetch_options o = open_options();
    ev_buf body = {0};
    ev_error err;
    char url[100];
    snprintf(url, sizeof(url), "http://localhost:%u/ok", host.port);
    o.hosts = "a.example, LocalHost";
    assert_int_equal(fetch(&o, url, &body, &err), SV_FETCH_OK);
    ev_buf_free(&body);
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_BLOCKED); /* the host is listed, not its address */
    o = loopback_options();
    o.port_count = 0;
    assert_int_equal(fetch_path(&o, "/ok", &body, &err), SV_FETCH_BAD_URL);
    o.listed_only = true;
    const double start = ev_clock_s();
    assert_int_equal(fetch(&o, "http://1.1.1.1/", &body, &err), SV_FETCH_BLOCKED); /* public, but not listed */
    assert_true(ev_clock_s() - start < 1);
    sv_networks_free(&o.networks);
}

static void *fetch_some(void *user) {
    for (int i = 0; i < 10; i++) {
        ev_buf body = {0};
        sv_fetch_end end;
        char url[100];
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", host.port);
        *(int *)user += sv_fetch(&body, url, &(sv_fetch_options){0}, &end, NULL) == EV_E_ARGUMENT;
        ev_buf_free(&body);
        sv_fetch_options o = loopback_options();
        *(int *)user += sv_fetch(&body, url, &o, &end, NULL) == EV_OK;
        ev_buf_free(&body);
        sv_networks_free(&o.networks);
    }
    return NULL;
}

static void threads_fetch_at_once(void **state) {
    (void)state;
    pthread_t threads[4];
    int done[4] = {0};
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, fetch_some, &done[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(done[i], 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_the_body),
        cmocka_unit_test(failures_have_one_text),
        cmocka_unit_test(time_is_limited_over_all_hops),
        cmocka_unit_test(large_bodies_are_cut_off),
        cmocka_unit_test(redirects_are_followed_and_judged),
        cmocka_unit_test(urls_are_refused_aloud),
        cmocka_unit_test(private_addresses_are_never_reached),
        cmocka_unit_test(our_own_addresses_are_not_asked),
        cmocka_unit_test(lists_open_and_close),
        cmocka_unit_test(threads_fetch_at_once),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
