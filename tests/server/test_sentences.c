/* Where a text that comes in pieces is cut into sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/api/sentences.h"

/* `|` stands where a sentence is closed. */
static void expect(const char *marked) {
    char text[512];
    size_t cuts[16], count = 0, size = 0, at = 0;
    for (const char *c = marked; *c; c++) {
        if (*c == '|')
            cuts[count++] = size;
        else
            text[size++] = *c;
    }
    for (size_t i = 0; i < count; i++) {
        at += sv_sentence_first(text + at, size - at);
        if (at != cuts[i]) fail_msg("%s: cut %zu is at %zu, not %zu", marked, i, at, cuts[i]);
    }
    if (at < size && sv_sentence_first(text + at, size - at)) fail_msg("%s: one cut more", marked);
}

static void sentences_close(void **state) {
    (void)state;
    static const char *const texts[] = {
        "One.| Two!| Three?| Four",
        "No end yet.",
        "Wait...| What?!| Yes",
        "Dr. Smith met J. S. Bach.| Then",
        "It costs $3.50 a kg.| x",
        "See v1.2.3 of a.png.| x",
        "e.g. this, i.e. that.| x",
        "1. First\n|2. Second\n|",
        "In 1999.| Then",
        "\"Stop.\"| he said.| x",
        "(Why?)| x",
        "**Bold.**| x",
        "你好。|今天！|“好。”|还有",
        "他说：「走吧。」|然后",
        "等……|好",
        "Is it I?| It is I.| x",
        "A line\n|another",
        "",
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(texts); i++) expect(texts[i]);
}

static void endless_ones_are_cut_where_they_may_be(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'a', sizeof text);
    assert_int_equal(sv_sentence_first(text, 1200), 0);
    assert_int_equal(sv_sentence_first(text, sizeof text), 1199);
    text[700] = ' ';
    assert_int_equal(sv_sentence_first(text, sizeof text), 701);
    memcpy(text + 300, ", ", 2);
    assert_int_equal(sv_sentence_first(text, sizeof text), 302);
    for (size_t i = 0; i + 3 <= sizeof text; i += 3) memcpy(text + i, "好", 3);
    assert_int_equal(sv_sentence_first(text, sizeof text) % 3, 0);
}

static void what_says_nothing(void **state) {
    (void)state;
    static const char *const silent[] = {"", " \n", "...", "---", "**", "……”", "！？", "\"\""};
    for (size_t i = 0; i < EV_ARRAY_COUNT(silent); i++)
        assert_false(sv_sentence_speaks(silent[i], strlen(silent[i])));
    assert_true(sv_sentence_speaks("- 1", 3));
    assert_true(sv_sentence_speaks("“好”", 9));
    assert_true(sv_sentence_speaks("... a", 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentences_close),
                                       cmocka_unit_test(endless_ones_are_cut_where_they_may_be),
                                       cmocka_unit_test(what_says_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
