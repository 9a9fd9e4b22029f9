/* en.lexicon and en.homographs: what is damaged is refused or harmless, what they hold is whole, and what is in
 * neither is said by its parts or its letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/en_homograph.h"
#include "text/en_lexicon.h"

#define MODELS EV_TEST_DIR "/../models"

/* ---- damage ---- */

static unsigned char *read_file(const char *name, size_t *bytes) {
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

static void use(const en_lexicon *lexicon) {
    static const char *const words[] = {"a",           "zebra", "quixotic",
                                        "blorptangle", "xqzw",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(words); i++) {
        en_phones phones = {.count = 0};
        en_lexicon_find(lexicon, words[i], strlen(words[i]), &phones);
        en_letters_phones(lexicon, words[i], strlen(words[i]), &phones);
        for (size_t k = 0; k < phones.count; k++) assert_non_null(ev_token_name(phones.tokens[k]));
    }
}

/* Writes the bytes as a file of its own, opens it and, if that goes, uses it. */
static ev_status open_bytes(const unsigned char *data, size_t bytes, bool homographs) {
    char path[] = "/tmp/en-lexicon-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
    en_lexicon *lexicon = NULL;
    en_homographs *list = NULL;
    ev_error err = {0};
    ev_status status = homographs ? en_homographs_open(&list, path, &err) : en_lexicon_open(&lexicon, path, &err);
    if (status != EV_OK) assert_true(err.message[0] != '\0');
    if (lexicon) use(lexicon);
    en_lexicon_free(&lexicon);
    en_homographs_free(&list);
    unlink(path);
    return status;
}

static void sign(unsigned char *data, size_t bytes) {
    uint64_t total = 0, word;
    for (size_t i = 32; i + 8 <= bytes; i += 8) {
        memcpy(&word, data + i, 8);
        total = (total << 7 | total >> 57) ^ word;
    }
    memcpy(data + 24, &total, 8);
}

/* Four random bytes at a time, in the table of sections and everywhere, with the check sum made right again. */
static int damage(const char *name, bool homographs) {
    size_t bytes;
    unsigned char *data = read_file(name, &bytes);
    uint64_t seed = 88172645463325252u;
    int refused = 0;
    assert_int_equal(open_bytes(data, bytes, homographs), EV_OK);
    for (int round = 0; round < 30; round++) {
        unsigned char saved[4];
        size_t places[4];
        for (int k = 0; k < 4; k++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            places[k] = round % 2 ? 32 + seed % (bytes - 32) : 32 + seed % 48;
            saved[k] = data[places[k]];
            data[places[k]] = (unsigned char)(seed >> 32);
        }
        sign(data, bytes);
        ev_status status = open_bytes(data, bytes, homographs);
        assert_true(status == EV_OK || status == EV_E_FORMAT);
        refused += status != EV_OK;
        for (int k = 3; k >= 0; k--) data[places[k]] = saved[k];
    }
    assert_int_equal(open_bytes(data, bytes - 1, homographs), EV_E_FORMAT);
    assert_int_equal(open_bytes(data, 31, homographs), EV_E_FORMAT);
    free(data);
    return refused;
}

static void damaged_lexicon_is_harmless(void **state) {
    (void)state;
    assert_true(damage("en.lexicon", false) > 15);
}

static void damaged_homographs_are_harmless(void **state) {
    (void)state;
    assert_true(damage("en.homographs", true) >= 10);
}

static void missing_lexicon_is_an_io_error(void **state) {
    (void)state;
    ev_en *en = NULL;
    ev_error err = {0};
    assert_int_equal(ev_en_open(&en, "/nonexistent", &err), EV_E_IO);
    assert_null(en);
    assert_non_null(strstr(err.message, "en.lexicon"));
}

/* ---- words ---- */

static ev_en *en;

static int open_en(void **state) {
    (void)state;
    ev_error err = {0};
    return ev_en_open(&en, MODELS, &err) == EV_OK ? 0 : -1;
}

static int close_en(void **state) {
    (void)state;
    ev_en_free(&en);
    return 0;
}

static const char *said(const char *word) {
    static char text[512];
    en_phones phones = {.count = 0};
    text[0] = '\0';
    en_pronounce(en, word, strlen(word), &phones);
    for (size_t i = 0; i < phones.count; i++) {
        const char *name = ev_token_name(phones.tokens[i]);
        if (*text) strcat(text, " ");
        strncat(text, name + 1, strlen(name) - 2);
    }
    return text;
}

/* In no dictionary of ours: so the parts must tell. */
static void words_are_made_of_known_ones(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"googlings", "G UW1 G AH0 L IH0 NG Z"},
                                           {"vlogging", "V L AA1 G IH0 NG"},
                                           {"emailer", "IY1 M EY2 L ER0"},
                                           {"unfriendlier", "AH2 N F R EH1 N D L IY0 ER0"},
                                           {"dockerised", "D AA1 K ER0 AY2 Z D"},
                                           {"startupless", "S T AA1 R T AH2 P L AH0 S"},
                                           {"podcasters", "P AA1 D K AE2 S T ER0 Z"},
                                           {"pixelful", "P IH1 K S AH0 L F AH0 L"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++) assert_string_equal(said(pairs[i][0]), pairs[i][1]);
}

/* Invented words, as an English reader says them. */
static void letters_say_what_is_unknown(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"blick", "B L IH1 K"}, {"splenk", "S P L EH1 NG K"}, {"vode", "V OW1 D"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++) assert_string_equal(said(pairs[i][0]), pairs[i][1]);
    static const char *const letters[] = {"xqzw", "ufc", "lsu", "mvp"}; /* nobody can say these: by name */
    for (size_t i = 0; i < EV_ARRAY_COUNT(letters); i++) {
        char upper[16] = "";
        en_phones spelled = {.count = 0}, phones = {.count = 0};
        for (size_t k = 0; letters[i][k]; k++) upper[k] = (char)(letters[i][k] - 32);
        en_spell(upper, &spelled);
        en_pronounce(en, letters[i], strlen(letters[i]), &phones);
        assert_int_equal(phones.count, spelled.count);
        assert_memory_equal(phones.tokens, spelled.tokens, phones.count * sizeof phones.tokens[0]);
    }
}

/* One primary stress in every word by its letters, whatever the letters are. */
static void letters_always_give_one_stress(void **state) {
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 2000; round++) {
        char word[EN_WORD_LETTERS];
        size_t n = 1 + (size_t)round % (EN_WORD_LETTERS - 1), primary = 0, vowels = 0;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            word[i] = (char)('a' + (seed >> 40) % 26);
        }
        en_phones phones = {.count = 0};
        en_letters_phones(en->lexicon, word, n, &phones);
        for (size_t i = 0; i < phones.count; i++) {
            const char *name = ev_token_name(phones.tokens[i]);
            primary += strchr(name, '1') != NULL;
            vowels += strpbrk(name, "012") != NULL;
        }
        assert_int_equal(primary, vowels > 0);
    }
}

static void every_homograph_has_two_readings(void **state) {
    (void)state;
    const char *word, *phones[2];
    size_t count = 0;
    for (; en_homograph_at(en->homographs, count, &word, phones); count++)
        assert_string_not_equal(phones[0], phones[1]);
    assert_true(count >= 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_lexicon_is_harmless),      cmocka_unit_test(damaged_homographs_are_harmless),
        cmocka_unit_test(missing_lexicon_is_an_io_error),   cmocka_unit_test(words_are_made_of_known_ones),
        cmocka_unit_test(letters_say_what_is_unknown),      cmocka_unit_test(letters_always_give_one_stress),
        cmocka_unit_test(every_homograph_has_two_readings),
    };
    return cmocka_run_group_tests(tests, open_en, close_en);
}
