/* en.lexicon and en.homographs: what is damaged is refused or harmless, what they hold is whole, and what is in
 * neither is said by its parts or its letters. */
#include "text/files.h"
#include "text/en/homograph.h"
#include "text/en/lexicon.h"

/* ---- damage ---- */

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

static ev_status open_lexicon(const char *path) {
    en_lexicon *lexicon = NULL;
    ev_error err = {0};
    const ev_status status = en_lexicon_open(&lexicon, path, &err);
    if (status != EV_OK) assert_true(err.message[0] != '\0');
    if (lexicon) use(lexicon);
    en_lexicon_free(&lexicon);
    return status;
}

static ev_status open_homographs(const char *path) {
    en_homographs *list = NULL;
    ev_error err = {0};
    const ev_status status = en_homographs_open(&list, path, &err);
    if (status != EV_OK) assert_true(err.message[0] != '\0');
    en_homographs_free(&list);
    return status;
}

/* How often random damage is refused; what is cut short always is. */
static int refused(const char *name, open_file open) {
    size_t bytes;
    unsigned char *data = read_model_file(name, &bytes);
    const int times = damage(open, data, bytes, 48);
    assert_int_equal(open_bytes(open, data, bytes - 1), EV_E_FORMAT);
    assert_int_equal(open_bytes(open, data, 31), EV_E_FORMAT);
    free(data);
    return times;
}

static void damaged_lexicon_is_harmless(void **state) {
    (void)state;
    assert_true(refused("en.lexicon", open_lexicon) > 15);
}

static void damaged_homographs_are_harmless(void **state) {
    (void)state;
    assert_true(refused("en.homographs", open_homographs) >= 10);
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
