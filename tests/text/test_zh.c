/* Mandarin: the pairs of zh.txt through the public path, the lexicon against damage, every syllable against the
 * inventory, byte ranges, and hostile text in bounded time. */
#include <time.h>

#include "text/files.h"
#include "text/zh/zh.h"

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

static ev_phones *speak(const char *input, size_t bytes) {
    ev_phones *phones = NULL;
    ev_error err = {0};
    return ev_text_phones(&phones, text, input, bytes, &(ev_text_options){.language = "zh"}, 0, &err) == EV_OK
               ? phones
               : NULL;
}

/* ---- the pairs ---- */

static void append(ev_buf *b, const char *s) { ev_buf_append(b, s, strlen(s)); }

/* "=" and the spoken form, or the tokens. */
static char *render(const ev_phones *phones, bool spoken) {
    ev_buf b = {0};
    append(&b, spoken ? "=" : "");
    for (size_t i = 0; spoken && i < phones->word_count; i++) append(&b, phones->words[i].spoken);
    for (size_t i = 0; !spoken && i < phones->phone_count; i++) {
        if (strcmp(phones->phones[i].name, "<sos/eos>") == 0) continue;
        if (b.size) append(&b, " ");
        append(&b, phones->phones[i].name);
    }
    ev_buf_append(&b, "", 1);
    assert_false(b.failed);
    return (char *)b.data;
}

static bool agrees(const char *name, char *line, int number) {
    char *expected = strchr(line, '\t');
    *expected++ = '\0';
    ev_phones *phones = speak(line, strlen(line));
    char *actual = phones ? render(phones, expected[0] == '=') : NULL;
    bool same = actual && strcmp(actual, expected) == 0;
    if (!same)
        print_error("%s:%d: %s\n  expected %s\n  spoken   %s\n", name, number, line, expected,
                    actual ? actual : "(error)");
    free(actual);
    ev_phones_free(&phones);
    return same;
}

static void pairs_agree(void **state) {
    (void)state;
    check_lines("zh.txt", agrees, 300);
}

/* ---- polyphones.txt ---- */

/* The tokens of the character at byte `at`, joined by spaces. */
static void tokens_at(const ev_phones *phones, const char *input, size_t at, char out[64]) {
    out[0] = '\0';
    for (size_t w = 0; w < phones->word_count; w++) {
        const ev_word *word = &phones->words[w];
        if (at < word->byte_begin || at >= word->byte_end) continue;
        size_t place = 0, syllable = 0;
        for (size_t b = word->byte_begin; b < at; b++) place += ((unsigned char)input[b] & 0xC0) != 0x80;
        for (size_t k = 0; k < phones->phone_count; k++) {
            const ev_phone *phone = &phones->phones[k];
            if (phone->word != (int32_t)w) continue;
            if (strcmp(phone->name, "sp0") == 0)
                syllable++;
            else if (syllable == place && strncmp(phone->name, "sp", 2) != 0 &&
                     strlen(out) + strlen(phone->name) + 2 < 64)
                sprintf(out + strlen(out), "%s%s", out[0] ? " " : "", phone->name);
        }
    }
}

static bool reads(const char *name, char *line, int number) {
    static const char mark[] = "\xE2\x96\x81";
    char *expected = strchr(line, '\t'), input[256] = "", got[64], choices[256];
    *expected++ = '\0';
    char *first = strstr(line, mark), *second = first ? strstr(first + 3, mark) : NULL;
    assert_non_null(second);
    snprintf(input, sizeof input, "%.*s%.*s%s", (int)(first - line), line, (int)(second - first - 3), first + 3,
             second + 3);
    ev_phones *phones = speak(input, strlen(input));
    assert_non_null(phones);
    tokens_at(phones, input, (size_t)(first - line), got);
    ev_phones_free(&phones);
    snprintf(choices, sizeof choices, "| %s |", expected);
    char wanted[80];
    snprintf(wanted, sizeof wanted, "| %s |", got);
    if (strstr(choices, wanted)) return true;
    print_error("%s:%d: %s is read %s, not %s\n", name, number, input, got, expected);
    return false;
}

/* ---- what changes nothing ---- */

static char *spoken(const char *input) {
    ev_phones *phones = speak(input, strlen(input));
    char *out = phones ? render(phones, true) : NULL;
    ev_phones_free(&phones);
    return out;
}

static bool same_reading(const char *name, int number, const char *one, const char *other, size_t skip) {
    char *a = spoken(one), *b = spoken(other);
    const bool same = a && b && strlen(b) >= skip && strcmp(a + 1, b + 1 + skip) == 0;
    if (!same) print_error("%s:%d: %s\n  %s\n  %s\n", name, number, other, a ? a : "(error)", b ? b : "(error)");
    free(a);
    free(b);
    return same;
}

static bool is_han_byte(char c) { return (unsigned char)c >= 0x80; }
static bool is_figure_byte(char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'); }

/* Many put a space where Chinese meets figures or letters: "第 2 个", "2024 年". */
static bool same_when_spaced(const char *name, char *line, int number) {
    ev_buf b = {0};
    *strchr(line, '\t') = '\0';
    if (strpbrk(line, "[]<$") || line[0] == '#') return true; /* markup; and NT$99, which does not hold */
    for (const char *c = line; *c; c++) {
        const char before = c > line ? c[-1] : ' ';
        /* not beside wide punctuation, whose lead bytes are E3 and EF */
        const bool wide = (unsigned char)*c < 0xE4 || (unsigned char)*c > 0xE9;
        const bool behind = is_figure_byte(before) && is_han_byte(*c) && !wide;
        const bool ahead = is_figure_byte(*c) && c - line >= 3 && is_han_byte(before) &&
                           (unsigned char)c[-3] >= 0xE4 && (unsigned char)c[-3] <= 0xE9;
        if (behind || ahead) append(&b, " ");
        ev_buf_append(&b, c, 1);
    }
    ev_buf_append(&b, "", 1);
    const bool same = same_reading(name, number, line, (const char *)b.data, 0);
    ev_buf_free(&b);
    return same;
}

static bool same_behind_a_label(const char *name, char *line, int number) {
    static const char *const labels[] = {"备注：", "标签:", "（"};
    char labelled[1024];
    bool same = true;
    *strchr(line, '\t') = '\0';
    if (!(line[0] >= '0' && line[0] <= '9') || strlen(line) > 512) return true;
    for (size_t i = 0; i < EV_ARRAY_COUNT(labels); i++) {
        snprintf(labelled, sizeof labelled, "%s%s", labels[i], line);
        same &= same_reading(name, number, line, labelled, i < 2 ? strlen("备注") : 0);
    }
    return same;
}

static void spaces_beside_figures_change_nothing(void **state) {
    (void)state;
    check_lines("zh.txt", same_when_spaced, 1200);
}

static void labels_change_nothing(void **state) {
    (void)state;
    check_lines("zh.txt", same_behind_a_label, 1200);
}

static void polyphones_are_read_rightly(void **state) {
    (void)state;
    check_lines("polyphones.txt", reads, 100);
}

static ev_status open_polyphones(const char *path) {
    char names[512];
    zh_polyphones *polyphones = NULL;
    ev_error err = {0};
    zh_syllable_names(names, sizeof names);
    const ev_status status = zh_polyphones_open(&polyphones, path, names, &err);
    assert_true(!polyphones == (status != EV_OK));
    zh_polyphones_free(&polyphones);
    return status;
}

static void damaged_polyphones_are_refused(void **state) {
    (void)state;
    size_t bytes;
    unsigned char *data = read_model_file("zh.polyphones", &bytes);
    assert_int_equal(open_bytes(open_polyphones, data, bytes), EV_OK);
    for (size_t k = 0; k < 8; k++) { /* cut short, or one bit turned */
        const size_t at = bytes * (k + 1) / 9;
        const unsigned char bit = k % 2 ? 4 : 0;
        data[at] ^= bit;
        assert_int_equal(open_bytes(open_polyphones, data, bit ? bytes : at), EV_E_FORMAT);
        data[at] ^= bit;
    }
    free(data);
}

/* ---- the lexicon ---- */

static ev_status open_lexicon(const char *path) {
    char names[512];
    ev_lexicon *lexicon = NULL;
    ev_error err = {0};
    zh_syllable_names(names, sizeof names);
    const ev_status status = ev_lexicon_open(&lexicon, path, names, &err);
    if (status != EV_OK) assert_true(err.message[0] != '\0');
    ev_lexicon_free(&lexicon);
    return status;
}

static void truncated_lexicon_is_refused(void **state) {
    (void)state;
    size_t bytes;
    unsigned char *data = read_model_file("zh.lexicon", &bytes);
    assert_int_equal(open_bytes(open_lexicon, data, bytes), EV_OK);
    const size_t cuts[] = {0, 1, 8, 31, 32, 33, 64, 200, 1000, bytes / 2, bytes - 8, bytes - 1};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cuts); i++) {
        uint64_t size = cuts[i];
        assert_int_equal(open_bytes(open_lexicon, data, cuts[i]), EV_E_FORMAT);
        if (cuts[i] < 40 || cuts[i] % 8) continue;
        unsigned char *copy = malloc(cuts[i]);
        assert_non_null(copy);
        memcpy(copy, data, cuts[i]);
        memcpy(copy + 16, &size, 8);
        sign(copy, cuts[i]);
        assert_int_equal(open_bytes(open_lexicon, copy, cuts[i]), EV_E_FORMAT);
        free(copy);
    }
    free(data);
}

static void damaged_lexicon_is_harmless(void **state) {
    (void)state;
    size_t bytes;
    unsigned char *data = read_model_file("zh.lexicon", &bytes);
    assert_true(damage(open_lexicon, data, bytes, 216) > 10);
    data[bytes / 2] ^= 1; /* one bit, check sum of the whole file */
    sign(data, 40);
    assert_int_equal(open_bytes(open_lexicon, data, bytes), EV_E_FORMAT);
    free(data);
}

static void missing_lexicon_is_an_io_error(void **state) {
    (void)state;
    ev_zh *zh = NULL;
    ev_error err = {0};
    assert_int_equal(ev_zh_open(&zh, "/nonexistent", &err), EV_E_IO);
    assert_null(zh);
    assert_int_equal(ev_zh_open(&zh, EV_TEST_DIR, &err), EV_E_IO);
}

/* ---- syllables ---- */

static void every_reading_has_tokens(void **state) {
    (void)state;
    ev_zh *zh = NULL;
    ev_error err = {0};
    assert_int_equal(ev_zh_open(&zh, MODELS, &err), EV_OK);
    int32_t character;
    uint16_t packed;
    size_t count = 0;
    for (; ev_lexicon_entry(zh->lexicon, count, &character, &packed); count++) {
        zh_syllable s;
        int tokens[3];
        assert_true(zh_syllable_unpack(&s, packed));
        for (int retroflex = 0; retroflex < 2; retroflex++) {
            s.retroflex = retroflex;
            size_t n = zh_syllable_tokens(zh, &s, tokens);
            assert_in_range(n, 1, 3);
            for (size_t k = 0; k < n; k++) assert_non_null(ev_token_name(tokens[k]));
        }
    }
    assert_true(count > 40000);
    ev_zh_free(&zh);
}

/* Each character of the table alone: spoken, with no token but initials, finals and marks. */
static void every_character_speaks(void **state) {
    (void)state;
    ev_zh *zh = NULL;
    ev_error err = {0};
    assert_int_equal(ev_zh_open(&zh, MODELS, &err), EV_OK);
    int32_t character;
    uint16_t packed;
    for (size_t i = 0; ev_lexicon_entry(zh->lexicon, i, &character, &packed); i++) {
        char utf8[4];
        if (!ev_zh_is_han(character) || character == 0x3005) continue;
        ev_phones *phones = speak(utf8, ev_utf8_put(character, utf8));
        if (!phones) fail_msg("U+%04X is not spoken", (unsigned)character);
        ev_phones_free(&phones);
    }
    ev_zh_free(&zh);
}

/* ---- byte ranges and omissions ---- */

static void ranges_point_at_the_source(void **state) {
    (void)state;
    const char *input = "乾坤，花了¥100。";
    ev_phones *phones = speak(input, strlen(input));
    assert_non_null(phones);
    assert_int_equal(phones->words[0].byte_begin, 0);
    assert_int_equal(phones->words[0].byte_end, 6);
    const ev_word *amount = &phones->words[phones->word_count - 2];
    assert_string_equal(amount->spoken, "一百");
    assert_int_equal(amount->byte_begin, 15);
    assert_int_equal(amount->byte_end, 20);
    for (size_t i = 0; i < phones->word_count; i++) assert_true(phones->words[i].byte_end <= strlen(input));
    ev_phones_free(&phones);
}

static void rare_character_is_reported(void **state) {
    (void)state;
    const char *input = "你好\xF0\xB0\x80\x8A"; /* U+3000A */
    ev_phones *phones = speak(input, strlen(input));
    assert_non_null(phones);
    assert_int_equal(phones->omission_count, 1);
    assert_int_equal(phones->omissions[0].byte_begin, 6);
    ev_phones_free(&phones);
}

static size_t claim(const char *input) {
    ev_zh *zh = NULL;
    ev_error err = {0};
    ev_char chars[64];
    size_t n = 0, bytes = strlen(input);
    assert_int_equal(ev_zh_open(&zh, MODELS, &err), EV_OK);
    for (size_t at = 0; at < bytes; n++) {
        size_t from = at;
        chars[n].cp = ev_utf8_next(input, bytes, &at);
        chars[n].at = (uint32_t)from;
        chars[n].bytes = (uint8_t)(at - from);
    }
    size_t claimed = ev_zh_claims(zh, chars, n, 0);
    ev_zh_free(&zh);
    return claimed;
}

static void claims_whole_expressions(void **state) {
    (void)state;
    assert_int_equal(claim("3.5kg"), 5);
    assert_int_equal(claim("50%的"), 3);
    assert_int_equal(claim("2026-11-23"), 10);
    assert_int_equal(claim("-3"), 2);
    assert_int_equal(claim("19:30"), 5);
    assert_int_equal(claim("¥100"), 4);
    assert_int_equal(claim("，"), 0);
    assert_int_equal(claim("A4"), 0);
    assert_int_equal(claim("好"), 0);
    assert_int_equal(claim("5G"), 1);
}

/* ---- hostile text ---- */

/* Processor seconds for so many bytes of one unit again and again. */
static double cost_of(const char *unit, size_t bytes) {
    size_t length = strlen(unit), used = 0;
    char *input = malloc(bytes + length);
    assert_non_null(input);
    for (; used + length <= bytes; used += length) memcpy(input + used, unit, length);
    clock_t start = clock();
    ev_phones *phones = speak(input, used);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    ev_phones_free(&phones);
    free(input);
    return seconds;
}

/* Eight times the text costs about eight times as much, not sixty-four times, whatever stands in it. */
static void hostile_text_costs_its_length(void **state) {
    (void)state;
    static const char *const units[] = {"一", "的",  "1",  "1.", "1:", "1-",    "1/",  "1,",
                                        "-",  "3%~", "¥",  "儿", "不", "2026-", "乾",  "々",
                                        "°",  "长",  "，", "1 ", "A1", "2k",    "x<=", "100发"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(units); i++) {
        double small = cost_of(units[i], 8000), large = cost_of(units[i], 64000);
        if (large > 30 * small + 0.2) fail_msg("'%s': %.3f s for 8 kB, %.3f s for 64 kB", units[i], small, large);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_agree),
        cmocka_unit_test(spaces_beside_figures_change_nothing),
        cmocka_unit_test(labels_change_nothing),
        cmocka_unit_test(polyphones_are_read_rightly),
        cmocka_unit_test(damaged_polyphones_are_refused),
        cmocka_unit_test(truncated_lexicon_is_refused),
        cmocka_unit_test(damaged_lexicon_is_harmless),
        cmocka_unit_test(missing_lexicon_is_an_io_error),
        cmocka_unit_test(every_reading_has_tokens),
        cmocka_unit_test(every_character_speaks),
        cmocka_unit_test(ranges_point_at_the_source),
        cmocka_unit_test(rare_character_is_reported),
        cmocka_unit_test(claims_whole_expressions),
        cmocka_unit_test(hostile_text_costs_its_length),
    };
    return cmocka_run_group_tests(tests, open_text, close_text);
}
