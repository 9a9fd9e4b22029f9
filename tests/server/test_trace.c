/* traceparent as W3C's Trace Context defines it: what is one, what is none, and what of a later version is
 * understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "server/metrics/trace.h"

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void right(void **state) {
    (void)state;
    static const struct {
        const char *header;
        bool sampled;
    } cases[] = {{"00-" TRACE "-" PARENT "-01", true},
                 {"00-" TRACE "-" PARENT "-00", false},
                 {"00-" TRACE "-" PARENT "-ff", true}, /* the other flags mean nothing yet */
                 {"00-" TRACE "-" PARENT "-02", false},
                 {"01-" TRACE "-" PARENT "-01", true}, /* a later version, and one that says more */
                 {"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like", true}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_trace trace;
        assert_true(sv_trace_parse(&trace, cases[i].header));
        assert_string_equal(trace.trace, TRACE);
        assert_string_equal(trace.parent, PARENT);
        assert_int_equal(trace.sampled, cases[i].sampled);
    }
}

static void wrong(void **state) {
    (void)state;
    static const char *const cases[] = {NULL,
                                        "",
                                        "00",
                                        "00-" TRACE "-" PARENT "-0",
                                        "00-" TRACE "-" PARENT "-01-",
                                        "00-" TRACE "-" PARENT "-01-more",
                                        "00-" TRACE "-" PARENT "-01 ",
                                        " 00-" TRACE "-" PARENT "-01",
                                        "ff-" TRACE "-" PARENT "-01",
                                        "cc-" TRACE "-" PARENT "-01.more",
                                        "00-00000000000000000000000000000000-" PARENT "-01",
                                        "00-" TRACE "-0000000000000000-01",
                                        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
                                        "00-" TRACE "-B7AD6B7169203331-01",
                                        "0g-" TRACE "-" PARENT "-01",
                                        "00-" TRACE "-" PARENT "-0x",
                                        "00_" TRACE "-" PARENT "-01",
                                        "00-" TRACE "_" PARENT "-01",
                                        "00-" TRACE "-" PARENT "_01",
                                        "00-ghf7651916cd43dd8448eb211c80319c-" PARENT "-01",
                                        "00-" TRACE "a-" PARENT "-01",
                                        "00-" TRACE "-" PARENT "-01,00-" TRACE "-" PARENT "-01"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_trace trace;
        memset(&trace, 'x', sizeof trace);
        assert_false(sv_trace_parse(&trace, cases[i]));
        assert_string_equal(trace.trace, "");
    }
}

/* A header is hostile input: each of its beginnings, and each single byte changed, is read within its bounds. */
static void beginnings(void **state) {
    (void)state;
    const char whole[] = "00-" TRACE "-" PARENT "-01";
    sv_trace trace;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *part = strndup(whole, n); /* of its own, so that a sanitizer sees a step too far */
        assert_false(sv_trace_parse(&trace, part));
        free(part);
    }
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        char changed[sizeof whole];
        memcpy(changed, whole, sizeof whole);
        changed[at] = 'Z';
        assert_false(sv_trace_parse(&trace, changed));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(right), cmocka_unit_test(wrong),
                                       cmocka_unit_test(beginnings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
