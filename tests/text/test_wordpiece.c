/* WordPiece against transformers' BertTokenizer (training/golden_wordpiece.py): 2,000 texts, hexadecimal, and their
 * pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/wordpiece.h"

static char *whole_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = malloc(8 << 20);
    assert_non_null(text);
    *size = fread(text, 1, (8 << 20) - 1, f);
    text[*size] = '\0';
    fclose(f);
    return text;
}

static ev_wordpiece *open_vocabulary(void) {
    size_t size;
    ev_error err = {0};
    ev_wordpiece *w = NULL;
    char *text = whole_file(EV_TEST_DIR "/text/wordpiece_vocabulary.txt", &size);
    assert_int_equal(ev_wordpiece_open(&w, text, size, &err), EV_OK);
    free(text);
    return w;
}

static size_t from_hex(const char *hex, char *out) {
    size_t n = 0;
    for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1 && hex[2 * n] != ' '; n++) out[n] = (char)byte;
    return n;
}

static void test_as_transformers(void **state) {
    (void)state;
    enum { MOST = 512 };
    size_t size, lines = 0, wrong = 0;
    ev_wordpiece *w = open_vocabulary();
    char *file = whole_file(EV_TEST_DIR "/text/wordpiece.txt", &size), *rest = NULL;
    for (char *line = strtok_r(file, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
        char text[4096];
        int32_t ids[MOST];
        size_t count = 0, i = 0;
        ev_error err = {0};
        const size_t bytes = from_hex(line, text);
        assert_int_equal(ev_wordpiece_split(w, text, bytes, ids, MOST, &count, &err), EV_OK);
        char *at = strchr(line, ' ');
        for (; at && *at; i++) {
            const long want = strtol(at, &at, 10);
            if (i >= count || ids[i] != want) break;
        }
        if (!at || *at || i != count) {
            wrong++;
            print_error("line %zu, piece %zu of %zu: %s\n", lines + 1, i, count, line);
        }
    }
    assert_int_equal(lines, 2000);
    assert_int_equal(wrong, 0);
    free(file);
    ev_wordpiece_free(&w);
}

static void test_too_long_and_broken(void **state) {
    (void)state;
    ev_wordpiece *w = open_vocabulary();
    ev_error err = {0};
    int32_t ids[4], all[64];
    size_t count = 0, whole = 0;
    assert_int_equal(ev_wordpiece_split(w, "a b c d e", 9, all, 64, &whole, &err), EV_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(ev_wordpiece_split(w, "a b c d e", 9, ids, 4, &count, &err), EV_OK);
    assert_int_equal(count, 7); /* told, though not written */
    assert_memory_equal(ids, all, 3 * sizeof *ids);
    assert_int_equal(ids[3], all[6]); /* [SEP] closes what fits */
    assert_int_equal(ev_wordpiece_split(w, "\xff\xfe", 2, ids, 4, &count, &err), EV_OK);
    assert_int_equal(count, 2); /* bytes that are no UTF-8 say nothing */
    ev_wordpiece_free(&w);
    static const char *const bad[] = {"", "a\nb\n", "[UNK]\n[CLS]\n"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ev_wordpiece_open(&w, bad[i], strlen(bad[i]), &err), EV_E_FORMAT);
        assert_null(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_transformers),
                                       cmocka_unit_test(test_too_long_and_broken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
