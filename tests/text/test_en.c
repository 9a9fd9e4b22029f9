/* English and mixed text: the pairs of en.txt and mixed.txt through the public path, the sorted lists that binary
 * searches stand on, and the inventory against models/tokens.txt. */
#include "text/files.h"
#include "text/en/en.h"

static ev_text *text;

static int open_text(void **state) {
    (void)state;
    ev_error err = {0};
    if (ev_text_open(&text, MODELS, &err) == EV_OK) return 0;
    print_error("%s\n", err.message);
    return -1;
}

static int close_text(void **state) {
    (void)state;
    ev_text_free(&text);
    return 0;
}

/* ---- the pairs ---- */

static bool is_english(const ev_word *word) { return word->language[0] == 'e'; }

/* "=" and the spoken words (a space on each side of English ones), or the tokens without <sos/eos>. */
static char *render(const ev_phones *phones, bool spoken) {
    ev_buf b = {0};
    if (spoken) ev_buf_printf(&b, "=");
    for (size_t i = 0; spoken && i < phones->word_count; i++) {
        const ev_word *word = &phones->words[i];
        bool space = i > 0 && (is_english(word) || is_english(word - 1));
        ev_buf_printf(&b, "%s%s", space ? " " : "", word->spoken);
    }
    for (size_t i = 0; !spoken && i < phones->phone_count; i++)
        if (strcmp(phones->phones[i].name, "<sos/eos>") != 0)
            ev_buf_printf(&b, "%s%s", b.size ? " " : "", phones->phones[i].name);
    ev_buf_append(&b, "", 1);
    assert_false(b.failed);
    return (char *)b.data;
}

static bool agrees(const char *name, char *line, int number) {
    char *expected = strchr(line, '\t');
    *expected++ = '\0';
    ev_phones *phones = NULL;
    ev_error err = {0};
    ev_status status = ev_text_phones(&phones, text, line, strlen(line), NULL, 0, &err);
    char *actual = status == EV_OK ? render(phones, expected[0] == '=') : NULL;
    bool same = actual && strcmp(actual, expected) == 0;
    if (!same)
        print_error("%s:%d: %s\n  expected %s\n  spoken   %s\n", name, number, line, expected,
                    actual ? actual : err.message);
    free(actual);
    ev_phones_free(&phones);
    return same;
}

static void english_pairs_agree(void **state) {
    (void)state;
    check_lines("en.txt", agrees, 300);
}

static void mixed_pairs_agree(void **state) {
    (void)state;
    check_lines("mixed.txt", agrees, 60);
}

/* ---- readings ---- */

static bool is_any(const char *name, const char *a, const char *b) {
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

/* Adds a phone as listeners hear it: no stress; AO is AA, IH and UH are AH, AH R is ER. */
static void add_plain(char *out, const char *name, size_t n) {
    char plain[8] = "";
    memcpy(plain, name, n < 7 ? n : 7);
    plain[strcspn(plain, "012")] = '\0';
    if (strcmp(plain, "AO") == 0) strcpy(plain, "AA");
    if (is_any(plain, "IH", "UH")) strcpy(plain, "AH");
    size_t used = strlen(out);
    const char *last = used >= 2 ? out + used - 2 : "";
    if (strcmp(plain, "R") == 0 && strcmp(last, "AH") == 0)
        memcpy(out + used - 2, "ER", 2);
    else if (!(strcmp(plain, "R") == 0 && strcmp(last, "ER") == 0))
        sprintf(out + used, "%s%s", used ? " " : "", plain);
}

static void plain_list(char *out, const char *names) {
    *out = '\0';
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, " ");
        add_plain(out, at, n);
        at += n + (at[n] == ' ');
    }
}

/* The phones of the words that touch text[begin, end). */
static void plain_phones(char *out, const ev_phones *phones, size_t begin, size_t end) {
    *out = '\0';
    for (size_t i = 0; i < phones->word_count; i++) {
        const ev_word *word = &phones->words[i];
        if (word->byte_begin >= end || word->byte_end <= begin) continue;
        for (size_t k = word->phone_begin; k < word->phone_end; k++) {
            const char *name = phones->phones[k].name;
            if (name[0] == '[') add_plain(out, name + 1, strlen(name) - 2);
        }
    }
}

static bool reads_as(const char *name, char *line, int number) {
    static const char mark[] = "\xe2\x96\x81"; /* U+2581 */
    char *expected = strchr(line, '\t'), *first = strstr(line, mark), sentence[512], got[512], want[512];
    *expected++ = '\0';
    char *second = first ? strstr(first + 3, mark) : NULL;
    assert_non_null(second);
    size_t begin = (size_t)(first - line), end = (size_t)(second - first) - 3 + begin;
    snprintf(sentence, sizeof sentence, "%.*s%.*s%s", (int)begin, line, (int)(end - begin), first + 3, second + 3);
    ev_phones *phones = NULL;
    ev_error err = {0};
    assert_int_equal(
        ev_text_phones(&phones, text, sentence, strlen(sentence), &(ev_text_options){.language = "en"}, 0, &err),
        EV_OK);
    plain_phones(got, phones, begin, end);
    ev_phones_free(&phones);
    bool same = false;
    for (char *option = expected; option && !same;) {
        char *next = strstr(option, " | ");
        if (next) *next = '\0';
        plain_list(want, option);
        same = strcmp(got, want) == 0;
        option = next ? next + 3 : NULL;
    }
    if (!same) print_error("%s:%d: %s\n  expected %s\n  spoken   %s\n", name, number, sentence, expected, got);
    return same;
}

static void words_are_read_by_their_sentence(void **state) {
    (void)state;
    check_lines("en_readings.txt", reads_as, 60);
}

/* ---- lines ---- */

static size_t pauses(const char *written) {
    ev_phones *phones = NULL;
    ev_error err = {0};
    assert_int_equal(
        ev_text_phones(&phones, text, written, strlen(written), &(ev_text_options){.language = "en"}, 0, &err),
        EV_OK);
    size_t count = 0;
    for (size_t i = 0; i < phones->phone_count; i++) count += strcmp(phones->phones[i].name, "engsp4") == 0;
    ev_phones_free(&phones);
    return count;
}

static void brief_lines_are_a_list(void **state) {
    (void)state;
    assert_int_equal(pauses("oat milk\ntwo apples\nbread"), 2);
    assert_int_equal(pauses("we went to the market because there was\nno bread left"), 0); /* wrapped */
}

static void assert_spoken(const char *written, const char *expected) {
    ev_phones *phones = NULL;
    ev_error err = {0};
    assert_int_equal(
        ev_text_phones(&phones, text, written, strlen(written), &(ev_text_options){.language = "en"}, 0, &err),
        EV_OK);
    char *actual = render(phones, true);
    assert_string_equal(actual, expected);
    free(actual);
    ev_phones_free(&phones);
}

/* The end of a wrapped line is a space; of a short one, or before an item of a list, it is not. Two spaces are one,
 * but between columns of numbers. */
static void spaces_are_tidied(void **state) {
    (void)state;
    assert_spoken("we met again where the three old roads come together on May\n5 at noon",
                  "=we met again where the three old roads come together on may fifth at noon");
    assert_spoken("we met again where the three old roads come together on May\n- 5 at noon",
                  "=we met again where the three old roads come together on may five at noon");
    assert_spoken("roads, in May\n5 at noon", "=roads in may five at noon");
    assert_spoken("5  kg and 5 \t kg", "=five kilograms and five kilograms");
    assert_spoken("10 000", "=ten thousand");
    assert_spoken("10  200", "=ten two hundred");
}

/* ---- tables ---- */

static void inventory_is_the_published_one(void **state) {
    (void)state;
    FILE *file = fopen(MODELS "/tokens.txt", "r");
    assert_non_null(file);
    char line[64];
    int id = 0;
    for (; fgets(line, sizeof(line), file); id++) {
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(ev_token_name(id), line);
        assert_int_equal(ev_token_find(line, strlen(line)), id);
    }
    fclose(file);
    assert_int_equal(id, EV_TOKEN_COUNT);
    assert_null(ev_token_name(-1));
    assert_null(ev_token_name(EV_TOKEN_COUNT));
    assert_int_equal(ev_token_find("", 0), -1);
    assert_int_equal(ev_token_find("AH0", 3), -1);
    assert_int_equal(ev_token_find("[AH0", 4), -1);
    assert_int_equal(ev_token_find("[AH0]x", 6), -1);
}

static void every_phone_of_our_words_exists(void **state) {
    (void)state;
    size_t count = en_list_count();
    assert_true(count > 300);
    for (size_t i = 0; i < count; i++) {
        const char *word = en_list_word(i), *phones = en_list_phones(word, strlen(word));
        if (i > 0 && strcmp(en_list_word(i - 1), word) >= 0) fail_msg("en_lists.c: '%s' is out of order", word);
        assert_non_null(phones);
        en_phones parsed = {.count = 0};
        en_parse_phones(phones, &parsed);
        size_t names = 1;
        for (const char *c = phones; *c; c++) names += *c == ' ';
        if (parsed.count != names) fail_msg("en_lists.c: '%s' has an unknown phone: %s", word, phones);
    }
}

static void every_phone_of_heteronyms_exists(void **state) {
    (void)state;
    const char *word, *before = "", *phones[2];
    for (size_t i = 0; en_heteronym_at(i, &word, phones); i++) {
        if (strcmp(before, word) >= 0) fail_msg("en_heteronym.c: '%s' is out of order", word);
        before = word;
        for (size_t k = 0; k < 2; k++) {
            en_phones parsed = {.count = 0};
            en_parse_phones(phones[k], &parsed);
            size_t names = 1;
            for (const char *c = phones[k]; *c; c++) names += *c == ' ';
            if (parsed.count != names) fail_msg("en_heteronym.c: '%s' has an unknown phone", word);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_pairs_agree),
        cmocka_unit_test(mixed_pairs_agree),
        cmocka_unit_test(words_are_read_by_their_sentence),
        cmocka_unit_test(brief_lines_are_a_list),
        cmocka_unit_test(spaces_are_tidied),
        cmocka_unit_test(inventory_is_the_published_one),
        cmocka_unit_test(every_phone_of_our_words_exists),
        cmocka_unit_test(every_phone_of_heteronyms_exists),
    };
    return cmocka_run_group_tests(tests, open_text, close_text);
}
