/* files: lists of cases, a line each, and what damage does to a file of tables. For the tests of text. */
#ifndef EV_TESTS_TEXT_FILES_H
#define EV_TESTS_TEXT_FILES_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"

#define MODELS EV_TEST_DIR "/../models"

/* Every line of tests/text/<name> with a tab in it is a case, one that begins with '#' too; all hold, and there are
 * at least so many. holds: says what is wrong by itself, and may write into the line. */
static inline void check_lines(const char *name, bool (*holds)(const char *name, char *line, int number), int least) {
    char path[512], *line = NULL;
    snprintf(path, sizeof path, "%s/text/%s", EV_TEST_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t capacity = 0;
    int number = 0, cases = 0, wrong = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
        number++;
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        if (!strchr(line, '\t')) continue;
        cases++;
        wrong += !holds(name, line, number);
    }
    free(line);
    fclose(file);
    print_message("%s: %d of %d cases hold\n", name, cases - wrong, cases);
    assert_true(cases >= least);
    assert_int_equal(wrong, 0);
}

static inline unsigned char *read_model_file(const char *name, size_t *bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", MODELS, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

/* Opens a file, uses what opens, frees it. */
typedef ev_status (*open_file)(const char *path);

/* The bytes as a file of their own, opened. */
static inline ev_status open_bytes(open_file open, const unsigned char *data, size_t bytes) {
    char path[] = "/tmp/ev-text-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
    const ev_status status = open(path);
    unlink(path);
    return status;
}

/* As training/lexicons.py: so that damage behind a right check sum reaches the structure's own checks. */
static inline void sign(unsigned char *data, size_t bytes) {
    uint64_t total = 0, word;
    for (size_t i = 32; i + 8 <= bytes; i += 8) {
        memcpy(&word, data + i, 8);
        total = (total << 7 | total >> 57) ^ word;
    }
    memcpy(data + 24, &total, 8);
}

/* Four random bytes at a time, by turns in the table of sections (its bytes behind the head's 32) and anywhere, the
 * check sum made right again: refused, or harmless to use. Returns how often of thirty it is refused. */
static inline int damage(open_file open, unsigned char *data, size_t bytes, size_t table) {
    uint64_t seed = 88172645463325252u;
    int refused = 0;
    assert_int_equal(open_bytes(open, data, bytes), EV_OK);
    for (int round = 0; round < 30; round++) {
        unsigned char saved[4];
        size_t places[4];
        for (int k = 0; k < 4; k++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            places[k] = 32 + seed % (round % 2 ? bytes - 32 : table);
            saved[k] = data[places[k]];
            data[places[k]] = (unsigned char)(seed >> 32);
        }
        sign(data, bytes);
        const ev_status status = open_bytes(open, data, bytes);
        assert_true(status == EV_OK || status == EV_E_FORMAT);
        refused += status != EV_OK;
        for (int k = 3; k >= 0; k--) data[places[k]] = saved[k];
    }
    sign(data, bytes);
    return refused;
}

#endif
