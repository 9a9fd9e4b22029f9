/* Where the chapters of a long text begin, and how it is cut into parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/series/chapters.h"

/* "title:first word of the chapter|..." */
static void describe(char *out, size_t size, const char *text) {
    ev_buf found = {0};
    size_t used = 0;
    sv_chapters_find(&found, text, strlen(text));
    const sv_chapter *all = (const sv_chapter *)(const void *)found.data;
    out[0] = '\0';
    for (size_t i = 0; i < ev_array_count(&found, sv_chapter); i++) {
        size_t body = all[i].body;
        assert_true(all[i].begin <= body && body <= all[i].end);
        assert_true(i == 0 || all[i - 1].end == all[i].begin);
        while (body < all[i].end && strchr(" \r\n", text[body])) body++;
        used += (size_t)snprintf(out + used, size - used, "%s%.*s:%.*s", i ? "|" : "", (int)all[i].title_bytes,
                                 text + all[i].title, (int)strcspn(text + body, " .\r\n"), text + body);
    }
    ev_buf_free(&found);
}

static void chapters_begin_where_the_text_says_so(void **state) {
    static const char *const cases[][2] = {
        {"Only prose.\n\nMore of it.", ":Only"},
        {"# Book\n\n## One\nIt was.\n\n## Two\nThen.\n\n### Deeper\nNo.", "Book:##|One:It|Two:Then"},
        {"# One\nA.\n# Two ##\nB.", "One:A|Two:B"},
        {"# **One**\nA.\n# Two\n```\n# no heading\n```\nB.", "One:A|Two:```"},
        {"Title of it\n\nChapter 1. The House\n\nIt was.\r\nCHAPTER II\r\nThen.\nchapter three\nEnd.",
         ":Title|Chapter 1. The House:It|CHAPTER II:Then|chapter three:End"},
        {"Chapter and verse are words.\nChapters 3 and 4 too.", ":Chapter"},
        {"第一章 雨\n雨停了。\n第十二回\n天亮了。\n\xE3\x80\x80第3节\n完。",
         "第一章 雨:雨停了。|第十二回:天亮了。|第3节:完。"},
        {"第一次来这里。\n第一天。", ":第一次来这里。"},
        {"# A single heading\nProse.", "A single heading:Prose"},
        {"#hashtag\nProse.", ":#hashtag"},
        {"\n\n# One\n\n# Two\nB.", "One:#|Two:B"},
    };
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        char found[400];
        describe(found, sizeof found, cases[i][0]);
        if (strcmp(found, cases[i][1]) != 0) fail_msg("%s\n  %s, not %s", cases[i][0], found, cases[i][1]);
    }
}

/* Parts follow each other without a gap, none is long, and none ends inside a character. */
static size_t count_parts(const char *text, size_t bytes, size_t most) {
    size_t count = 0;
    for (size_t at = 0, end; at < bytes; at = end, count++) {
        end = sv_part_end(text, at, bytes);
        assert_true(end > at && end <= bytes);
        assert_true(end == bytes || ((unsigned char)text[end] & 0xc0) != 0x80);
        assert_true(end - at <= most);
    }
    return count;
}

static char *repeated(const char *piece, size_t times, size_t *bytes) {
    const size_t n = strlen(piece);
    char *text = malloc(n * times + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++) memcpy(text + i * n, piece, n);
    text[ *bytes = n * times] = '\0';
    return text;
}

static void parts_end_where_one_breathes(void **state) {
    static const struct {
        const char *piece;
        size_t times;
        const char *end; /* of each part but the last */
    } cases[] = {
        {"A paragraph of two lines,\nwhich is short. And a sentence.\n\n", 400, "\n\n"},
        {"A line that is one of many and ends.\n", 400, "\n"},
        {"A sentence in one long paragraph. ", 400, "."},
        {"雨停了一个小时，整条街都是树叶的味道。", 200, "。"},
        {"words without any end ", 400, " "},
    };
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        size_t bytes;
        char *text = repeated(cases[i].piece, cases[i].times, &bytes);
        assert_true(count_parts(text, bytes, 800) > 5);
        for (size_t at = sv_part_end(text, 0, bytes); at < bytes; at = sv_part_end(text, at, bytes)) {
            const size_t n = strlen(cases[i].end);
            if (memcmp(text + at - n, cases[i].end, n) != 0) fail_msg("case %zu ends '%.8s'", i, text + at - 8);
        }
        free(text);
    }
}

static void what_cannot_be_cut_well_is_cut(void **state) {
    size_t bytes;
    (void)state;
    char *text = repeated("x", 5000, &bytes);
    assert_int_equal(count_parts(text, bytes, 800), 7);
    free(text);
    text = repeated("字", 5000, &bytes);
    assert_int_equal(count_parts(text, bytes, 800), 20);
    free(text);
    assert_int_equal(count_parts("\xff\xfe", 2, 2), 1); /* no UTF-8: it is refused when it is read */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chapters_begin_where_the_text_says_so),
        cmocka_unit_test(parts_end_where_one_breathes),
        cmocka_unit_test(what_cannot_be_cut_well_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
