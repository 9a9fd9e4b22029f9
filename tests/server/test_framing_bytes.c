/* Framing without sockets: however the bytes are cut, what is handed on and what is refused is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/framing.h"

typedef struct result {
    ev_buf out;
    int code;
    uint64_t heads;
} result;

/* Fed in pieces of so many bytes, read in pieces of so many others. */
static result feed(const char *bytes, size_t size, size_t in, size_t out) {
    sv_framing f = {0};
    result r = {0};
    char block[64];
    for (size_t at = 0; at < size; at += in) {
        assert_true(sv_framing_write(&f, bytes + at, size - at < in ? size - at : in));
        for (size_t n; (n = sv_framing_read(&f, block, out)) > 0;) ev_buf_append(&r.out, block, n);
    }
    r.code = f.fault.code;
    r.heads = f.heads;
    ev_buf_append(&r.out, "", 1);
    sv_framing_free(&f);
    return r;
}

static void assert_framed(const char *bytes, size_t size, int code, uint64_t head_count, const char *given) {
    for (size_t in = 1; in <= size; in = in < 8 ? in + 1 : 2 * in + 3) {
        for (size_t out = 1; out <= 64; out += 21) {
            result r = feed(bytes, size, in, out);
            assert_int_equal(r.code, code);
            assert_int_equal(r.heads, head_count);
            assert_string_equal((const char *)r.out.data, given);
            ev_buf_free(&r.out);
        }
    }
}

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"

static void good_ones_pass_as_they_are(void **state) {
    (void)state;
    static const char *const all[] = {
        HEAD "\r\n",
        HEAD "Content-Length: 5\r\n\r\nhello" HEAD "\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n" HEAD "\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    };
    static const uint64_t head_counts[] = {1, 2, 2, 1};
    for (size_t i = 0; i < EV_ARRAY_COUNT(all); i++) assert_framed(all[i], strlen(all[i]), 0, head_counts[i], all[i]);
}

static void whole_uris_become_paths(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"GET http://b:81/x?y HTTP/1.1\r\nX: 1\r\nHost: a\r\n\r\n",
         "GET /x?y HTTP/1.1\r\nHost: b:81\r\nX: 1\r\n\r\n"},
        {"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: b\r\n\r\n"},
        {"GET http://b?q HTTP/1.0\r\n\r\n", "GET /?q HTTP/1.0\r\nHost: b\r\n\r\n"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++)
        assert_framed(pairs[i][0], strlen(pairs[i][0]), 0, 1, pairs[i][1]);
}

static void bad_ones_end_it(void **state) {
    (void)state;
    static const char good[] = HEAD "\r\n";
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {HEAD "Transfer-Encoding: gzip\r\n\r\n", 501},
        {HEAD "Content-Length : 1\r\n\r\n", 400},
        {HEAD " folded\r\n\r\n", 400},
        {HEAD ": x\r\n\r\n", 400},
        {HEAD "Host: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {HEAD "X: 1\n\r\n", 400},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s%s", good, bad[i].text, good);
        result r = feed(text, strlen(text), 7, 64);
        assert_int_equal(r.code, bad[i].code);
        assert_int_equal(r.heads, 1); /* the good one before it, and none behind */
        assert_string_equal((const char *)r.out.data, good);
        ev_buf_free(&r.out);
    }
}

static void a_bad_chunk_ends_it(void **state) {
    (void)state;
    static const char *const ends[] = {"5;x\r\nhello", "5\nhello", "g\r\n",
                                       "5\r\nhello!",  "\r\n",     "0\r\nX: 1\r\n\r\n"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(ends); i++) {
        char text[256];
        snprintf(text, sizeof text, HEAD "Transfer-Encoding: chunked\r\n\r\n%s", ends[i]);
        result r = feed(text, strlen(text), 1, 64);
        assert_int_equal(r.code, 400);
        ev_buf_free(&r.out);
    }
}

static void bounds_are_kept(void **state) {
    (void)state;
    char *large = malloc(SV_HEAD_MAX + 100);
    memset(large, 'a', SV_HEAD_MAX + 100);
    memcpy(large, HEAD "X: ", sizeof HEAD "X: " - 1);
    result r = feed(large, SV_HEAD_MAX + 100, 64, 64);
    assert_int_equal(r.code, 431);
    assert_int_equal(r.out.size, 1); /* nothing of it is handed on */
    ev_buf_free(&r.out);
    free(large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_pass_as_they_are),
        cmocka_unit_test(whole_uris_become_paths),
        cmocka_unit_test(bad_ones_end_it),
        cmocka_unit_test(a_bad_chunk_ends_it),
        cmocka_unit_test(bounds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
