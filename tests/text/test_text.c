/* The text room's promises: errors, byte ranges, sentences and splitting, controls, what is left out, hostile text in
 * bounded time, threads. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "text/files.h"
#include "text/text.h"

enum { EDGE = 1, SP0 = 292, SP1 = 293, ENGSP1 = 148, SP3 = 295, ENGSP4 = 150, EN_ZH = 144 };

static ev_text *text;
static ev_error err;

static int open_text(void **state) {
    (void)state;
    return ev_text_open(&text, MODELS, &err) == EV_OK ? 0 : -1;
}

static int close_text(void **state) {
    (void)state;
    ev_text_free(&text);
    assert_null(text);
    ev_text_free(&text);
    ev_text_free(NULL);
    return 0;
}

static bool is_boundary(const ev_phone *p) {
    return p->token == SP0 || p->token == SP1 || p->token == ENGSP1 || p->token == SP3 || p->token == ENGSP4 ||
           p->token == EN_ZH;
}

static void check_phone(const ev_phones *r, size_t i, size_t bytes) {
    const ev_phone *p = &r->phones[i];
    assert_string_equal(p->name, ev_token_name(p->token));
    assert_true(p->byte_begin <= p->byte_end && p->byte_end <= bytes);
    if (p->word < 0) return;
    assert_true((size_t)p->word < r->word_count);
    const ev_word *word = &r->words[p->word];
    assert_true(word->phone_begin <= i && i < word->phone_end);
}

static void check_sentence(const ev_phones *r, const ev_sentence *s, size_t phones_max) {
    assert_true(s->byte_begin <= s->byte_end);
    assert_true(s->phone_end - s->phone_begin >= 4);
    assert_true(s->phone_end - s->phone_begin <= phones_max);
    assert_int_equal(r->phones[s->phone_begin].token, EDGE);
    assert_int_equal(r->phones[s->phone_end - 1].token, EDGE);
    const ev_phone *first = &r->phones[s->phone_begin + 1];
    assert_true(!is_boundary(first) || first->pause_ms > 0);
    for (size_t i = s->phone_begin + 1; i + 1 < s->phone_end; i++) {
        assert_int_not_equal(r->phones[i].token, EDGE);
        bool two = is_boundary(&r->phones[i - 1]) && is_boundary(&r->phones[i]);
        assert_true(!two || r->phones[i - 1].pause_ms > 0 || r->phones[i].pause_ms > 0);
    }
}

/* What must hold of every result. */
static void check_result(const ev_phones *r, size_t bytes, size_t phones_max) {
    assert_true(r->sentence_count > 0 && r->word_count > 0);
    size_t at = 0;
    for (size_t i = 0; i < r->sentence_count; i++) {
        assert_int_equal(r->sentences[i].phone_begin, at);
        at = r->sentences[i].phone_end;
        check_sentence(r, &r->sentences[i], phones_max);
    }
    assert_int_equal(at, r->phone_count);
    for (size_t i = 0; i < r->phone_count; i++) check_phone(r, i, bytes);
    for (size_t i = 0; i < r->word_count; i++) {
        const ev_word *word = &r->words[i];
        assert_true(word->byte_begin < word->byte_end && word->byte_end <= bytes);
        assert_true(word->phone_begin < word->phone_end && word->phone_end <= r->phone_count);
        assert_true(strcmp(word->language, "en") == 0 || strcmp(word->language, "zh") == 0);
        assert_non_null(word->spoken);
    }
    for (size_t i = 0; i < r->omission_count; i++) {
        assert_true(r->omissions[i].byte_begin < r->omissions[i].byte_end && r->omissions[i].byte_end <= bytes);
        assert_true(i == 0 || r->omissions[i - 1].byte_begin <= r->omissions[i].byte_begin);
    }
}

static ev_phones *speak_split(const char *input, size_t phones_max) {
    ev_phones *r = NULL;
    ev_status status = ev_text_phones(&r, text, input, strlen(input), NULL, phones_max, &err);
    if (status != EV_OK) fail_msg("%s: %s", input, err.message);
    check_result(r, strlen(input), phones_max ? phones_max : 400);
    return r;
}

static ev_phones *speak(const char *input) { return speak_split(input, 0); }

static void expect_error(const char *input, size_t bytes, const char *language, ev_status expected,
                         const char *says) {
    ev_phones *r = NULL;
    err.message[0] = '\0';
    const ev_text_options options = {.language = language};
    ev_status status = ev_text_phones(&r, text, input, bytes, &options, 0, &err);
    if (status != expected) fail_msg("%s: %d instead of %d", input, status, expected);
    assert_null(r);
    if (!strstr(err.message, says)) fail_msg("'%s' does not say '%s'", err.message, says);
    assert_int_equal(ev_text_phones(&r, text, input, bytes, &options, 0, NULL), expected);
}

/* ---- errors ---- */

static void bad_text_is_an_error(void **state) {
    (void)state;
    expect_error("", 0, NULL, EV_E_TEXT, "empty");
    expect_error("   ", 3, NULL, EV_E_TEXT, "nothing");
    expect_error("...", 3, NULL, EV_E_TEXT, "nothing");
    expect_error("👋🎉", strlen("👋🎉"), NULL, EV_E_TEXT, "nothing");
    expect_error("[pause:1s]", 10, NULL, EV_E_TEXT, "nothing");
    expect_error("hello", 5, "fr", EV_E_NOT_FOUND, "fr");
    expect_error("𓀀", strlen("𓀀"), NULL, EV_E_TEXT, "nothing");
}

static void invalid_utf8_is_named_by_its_place(void **state) {
    (void)state;
    expect_error("abc\xFF", 4, NULL, EV_E_TEXT, "byte 3");
    expect_error("\x80", 1, NULL, EV_E_TEXT, "byte 0");
    expect_error("a\xC0\x80", 3, NULL, EV_E_TEXT, "byte 1");      /* overlong */
    expect_error("ab\xED\xA0\x80", 5, NULL, EV_E_TEXT, "byte 2"); /* surrogate */
    expect_error("abcd\xE4\xBD", 6, NULL, EV_E_TEXT, "byte 4");   /* cut */
    expect_error("[a\xFF](/K/)", 8, NULL, EV_E_TEXT, "byte 2");
}

static void too_much_text_is_a_limit(void **state) {
    (void)state;
    size_t bytes = EV_TEXT_BYTES_MAX + 1;
    char *much = malloc(bytes);
    assert_non_null(much);
    memset(much, 'a', bytes);
    expect_error(much, bytes, NULL, EV_E_LIMIT, "limit");
    free(much);
}

static void missing_arguments_are_errors(void **state) {
    (void)state;
    ev_phones *r = NULL;
    assert_int_equal(ev_text_phones(&r, NULL, "a", 1, NULL, 0, &err), EV_E_ARGUMENT);
    assert_int_equal(ev_text_phones(NULL, text, "a", 1, NULL, 0, &err), EV_E_ARGUMENT);
    assert_int_equal(ev_text_phones(&r, text, NULL, 1, NULL, 0, &err), EV_E_ARGUMENT);
    ev_phones_free(&r);
    ev_phones_free(NULL);
}

/* ---- places ---- */

static void words_know_where_they_stand(void **state) {
    (void)state;
    const char *input = "It costs $5.50, 你好 café!";
    ev_phones *r = speak(input);
    static const struct {
        const char *spoken;
        size_t begin, end;
    } expected[] = {{"it", 0, 2},     {"costs", 3, 8},  {"five", 9, 14},  {"dollars", 9, 14}, {"and", 9, 14},
                    {"fifty", 9, 14}, {"cents", 9, 14}, {"你好", 16, 22}, {"cafe", 23, 28}};
    assert_int_equal(r->word_count, EV_ARRAY_COUNT(expected));
    for (size_t i = 0; i < r->word_count; i++) {
        assert_string_equal(r->words[i].spoken, expected[i].spoken);
        assert_int_equal(r->words[i].byte_begin, expected[i].begin);
        assert_int_equal(r->words[i].byte_end, expected[i].end);
    }
    assert_int_equal(r->sentences[0].byte_end, strlen(input));
    ev_phones_free(&r);
}

static void combining_marks_stay_with_their_letter(void **state) {
    (void)state;
    ev_phones *r = speak("cafe\xCC\x81 now");
    assert_string_equal(r->words[0].spoken, "cafe");
    assert_int_equal(r->words[0].byte_end, 6);
    assert_int_equal(r->omission_count, 0);
    ev_phones_free(&r);
}

/* ---- what is left out ---- */

static void keycaps_are_figures(void **state) {
    (void)state;
    ev_phones *r = speak("1️⃣0️⃣ cats, 3⃣️");
    assert_string_equal(r->words[0].spoken, "ten");
    assert_int_equal(r->words[0].byte_begin, 0);
    assert_int_equal(r->words[0].byte_end, 14);
    assert_string_equal(r->words[2].spoken, "three");
    assert_int_equal(r->omission_count, 0);
    ev_phones_free(&r);
}

typedef struct left_out {
    const char *input, *reason;
    size_t begin, end, count;
} left_out;

static void omissions_are_reported(void **state) {
    (void)state;
    static const left_out cases[] = {
        {"Hi 👋🏽 you", "emoji", 3, 11, 1},
        {"Hi 👨‍👩‍👧 you", "emoji", 3, 21, 1},
        {"Hi 🇨🇳 you", "emoji", 3, 11, 1},
        {"Hi *️⃣ you", "emoji", 3, 10, 1},
        {"Hi ☺️ you", "emoji", 3, 9, 1},
        {"Hi 👍👍 you", "emoji", 3, 7, 2},
        {"Hi 𓀀𓀁 𓀂 you", "unknown script", 3, 16, 1},
        {"Hi\xE2\x80\x8B you", "zero-width character", 2, 5, 1},
        {"\xEF\xBB\xBFHi you", "zero-width character", 0, 3, 1},
        {"Hi \x01 you", "control character", 3, 4, 1},
        {"Hi ™ you", "symbol", 3, 6, 1},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_phones *r = speak(cases[i].input);
        assert_int_equal(r->word_count, 2);
        if (r->omission_count != cases[i].count) fail_msg("%s: %zu left out", cases[i].input, r->omission_count);
        assert_string_equal(r->omissions[0].reason, cases[i].reason);
        assert_int_equal(r->omissions[0].byte_begin, cases[i].begin);
        assert_int_equal(r->omissions[0].byte_end, cases[i].end);
        ev_phones_free(&r);
    }
}

/* The expected letters are those of the romanisations in use: BGN/PCGN, UNGEGN, Hepburn, Revised Romanization. */
static void foreign_names_are_said_and_reported(void **state) {
    (void)state;
    static const struct {
        const char *name, *spoken;
    } cases[] = {{"Иван", "Ivan"},       {"Щербаков", "Shcherbakov"}, {"Юрий", "Yuriy"},    {"Σωκράτης", "Sokratis"},
                 {"Αθήνα", "Athina"},    {"さくら", "sakura"},        {"トヨタ", "toyota"}, {"서울", "seoul"},
                 {"ქართული", "kartuli"}, {"नमस्ते", "namaste"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        char input[128];
        snprintf(input, sizeof(input), "Ask %s now.", cases[i].name);
        ev_phones *r = speak(input);
        assert_int_equal(r->omission_count, 1);
        assert_string_equal(r->omissions[0].reason, "transliterated");
        assert_string_equal(r->omissions[0].spoken, cases[i].spoken);
        assert_int_equal(r->omissions[0].byte_begin, 4);
        assert_int_equal(r->omissions[0].byte_end, 4 + strlen(cases[i].name));
        assert_int_equal(r->word_count, 3);
        assert_int_equal(r->words[1].byte_begin, 4);
        assert_int_equal(r->words[1].byte_end, 4 + strlen(cases[i].name));
        ev_phones_free(&r);
    }
    ev_phones *r =
        speak("Straße in Łódź, Əli and Nguyễn: 5 μm"); /* Latin letters are spoken, and a sign is no name */
    assert_int_equal(r->omission_count, 0);
    assert_string_equal(r->words[0].spoken, "strasse");
    assert_string_equal(r->words[2].spoken, "lodz");
    assert_string_equal(r->words[3].spoken, "ali");
    assert_string_equal(r->words[5].spoken, "nguyen");
    ev_phones_free(&r);
}

static void what_is_left_out_still_parts_words(void **state) {
    (void)state;
    ev_phones *r = speak("one👋two");
    assert_int_equal(r->word_count, 2);
    ev_phones_free(&r);
    r = speak("o\xE2\x80\x8Bne"); /* a zero-width space inside a word does not */
    assert_int_equal(r->word_count, 1);
    assert_string_equal(r->words[0].spoken, "one");
    ev_phones_free(&r);
}

/* ---- controls ---- */

static void questions_ask_for_a_word_or_for_yes_or_no(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool word;
    } cases[] = {{"What time is it?", true},
                 {"And where is she now?", true},
                 {"Who's there?", true},
                 {"Is it an apple?", false},
                 {"Do you know what time it is?", false}, /* wants a yes */
                 {"You like music?", false},
                 {"你住在哪里？", true},
                 {"现在几点了？", true},
                 {"这是为什么？", true},
                 {"你喜欢音乐吗？", false},
                 {"谁都知道吗？", false},
                 {"他几乎忘了？", false},
                 {"iPhone 多少钱？", true}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_phones *r = speak(cases[i].text);
        assert_int_equal(r->sentence_count, 1);
        assert_int_equal(ev_text_asks_for_a_word(r, 0), cases[i].word);
        ev_phones_free(&r);
    }
}

static void pauses_are_marks_with_a_length(void **state) {
    (void)state;
    ev_phones *r = speak("go[pause:500ms]on");
    size_t pauses = 0;
    for (size_t i = 0; i < r->phone_count; i++) {
        if (!r->phones[i].pause_ms) continue;
        pauses++;
        assert_int_equal(r->phones[i].pause_ms, 500);
        assert_int_equal(r->phones[i].token, ENGSP4);
        assert_int_equal(r->phones[i].byte_begin, 2);
        assert_int_equal(r->phones[i].byte_end, 15);
    }
    assert_int_equal(pauses, 1);
    ev_phones_free(&r);
    r = speak("你[pause:1.5s]");
    assert_int_equal(r->phones[r->phone_count - 3].pause_ms, 1500);
    assert_int_equal(r->phones[r->phone_count - 3].token, SP3);
    ev_phones_free(&r);
    r = speak("Go. [pause:10s]");
    assert_int_equal(r->sentence_count, 1);
    ev_phones_free(&r);
    r = speak("Go. [pause:1ms][pause:2ms] Stop.");
    assert_int_equal(r->sentence_count, 2);
    assert_int_equal(r->phones[r->sentences[1].phone_begin + 2].pause_ms, 2);
    ev_phones_free(&r);
}

static void bad_controls_are_errors(void **state) {
    (void)state;
    static const char *const pauses[] = {"ok [pause:]",      "ok [pause:0ms]",
                                         "ok [pause:11s]",   "ok [pause:5]",
                                         "ok [pause:-1s]",   "ok [pause:1 m]",
                                         "ok [pause:1.s]",   "ok [pause:5ms",
                                         "ok [pause:1.5ms]", "ok [pause:99999999999999999999ms]"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pauses); i++)
        expect_error(pauses[i], strlen(pauses[i]), NULL, EV_E_TEXT, "byte 3");
    expect_error("a [x](/AH9/)", 12, NULL, EV_E_TEXT, "'AH9'");
    expect_error("a [x](/K AH9/)", 14, NULL, EV_E_TEXT, "byte 9");
    expect_error("a [x](/K sp3/)", 14, NULL, EV_E_TEXT, "'sp3'");
    expect_error("a [x](/ /)", 10, NULL, EV_E_TEXT, "no phones");
}

static void brackets_may_be_text(void **state) {
    (void)state;
    static const char *const inputs[] = {"see [1] there", "[",     "a [",    "[]",           "[a",          "[a]",
                                         "[a](",          "[a](/", "[a](b)", "[docs](/a/b)", "x [[a](b)] y"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(inputs); i++) {
        ev_phones *r = NULL;
        ev_status status = ev_text_phones(&r, text, inputs[i], strlen(inputs[i]), NULL, 0, &err);
        assert_true(status == EV_OK || strstr(err.message, "nothing"));
        ev_phones_free(&r);
    }
}

static void phones_may_be_given(void **state) {
    (void)state;
    ev_phones *r = speak("[重庆](/ch ong2 q ing4/) [emo](/[IY1] M OW0/)");
    assert_int_equal(r->word_count, 2);
    assert_string_equal(r->words[0].spoken, "重庆");
    assert_string_equal(r->words[0].language, "zh");
    assert_int_equal(r->words[0].byte_begin, 1);
    assert_int_equal(r->words[0].byte_end, 7);
    assert_int_equal(r->phones[3].token, SP0);
    assert_string_equal(r->words[1].language, "en");
    ev_phones_free(&r);
}

/* ---- sentences ---- */

static void long_sentences_are_split(void **state) {
    (void)state;
    char input[8192] = "";
    for (int i = 0; i < 120; i++) strcat(input, i % 7 == 6 ? "together, " : "together ");
    for (size_t max = 16; max <= 64; max += 3) {
        ev_phones *r = speak_split(input, max);
        assert_int_equal(r->word_count, 120);
        assert_true(r->sentence_count > 10);
        ev_phones_free(&r);
    }
    ev_phones *r = speak_split(input, 100); /* commas first: each piece but the last ends after one */
    for (size_t i = 0; i + 1 < r->sentence_count; i++)
        assert_int_equal(input[r->sentences[i + 1].byte_begin - 2], ',');
    for (size_t i = 0; i + 1 < r->sentence_count; i++)
        assert_int_equal(r->phones[r->sentences[i].phone_end - 2].token, ENGSP4);
    ev_phones_free(&r);
}

static void a_word_longer_than_a_sentence_is_split(void **state) {
    (void)state;
    char input[600] = "[x](/";
    for (int i = 0; i < 80; i++) strcat(input, "m a1 ");
    strcat(input, "/)");
    ev_phones *r = speak_split(input, 16);
    assert_true(r->sentence_count > 10);
    ev_phones_free(&r);
}

/* ---- hostile text ---- */

/* `unit` over and over, `most` bytes of it: answered, and in time. */
static void speak_much(const char *unit, size_t most) {
    size_t n = strlen(unit), bytes = most / n * n;
    char *much = malloc(bytes);
    assert_non_null(much);
    for (size_t i = 0; i < bytes; i += n) memcpy(much + i, unit, n);
    ev_phones *r = NULL;
    clock_t begin = clock(); /* the CPU's time: the machine may be busy with other things */
    ev_status status = ev_text_phones(&r, text, much, bytes, NULL, 0, &err);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > 10) fail_msg("%zu bytes of '%.20s' took %.1f s", bytes, unit, seconds);
    if (status == EV_OK)
        check_result(r, bytes, 400);
    else
        assert_int_equal(status, EV_E_TEXT);
    ev_phones_free(&r);
    free(much);
}

static void hostile_text_ends_in_bounded_time(void **state) {
    (void)state;
    static const char *const units[] = {"a",
                                        "a ",
                                        "A",
                                        "1",
                                        "1,",
                                        "1-",
                                        "1/",
                                        "1.",
                                        "1:",
                                        "$1",
                                        "$1-",
                                        "(1)",
                                        "-",
                                        ".",
                                        "a.",
                                        "A.",
                                        "a-",
                                        "a/",
                                        "a@",
                                        "@a",
                                        "#a",
                                        "a.b",
                                        "http://",
                                        "www.",
                                        "[",
                                        "[a](/",
                                        "[a](/ ",
                                        "[a",
                                        "'",
                                        "a'",
                                        "\"",
                                        "!?",
                                        "\n",
                                        "a\n",
                                        "I",
                                        "IV ",
                                        "é",
                                        "½",
                                        "1½",
                                        "1 1/2 ",
                                        "µ",
                                        "°",
                                        "α",
                                        "👋",
                                        "👨‍👩‍👧",
                                        "🇨🇳",
                                        "e\xCC\x81",
                                        "\xCC\x81",
                                        "你",
                                        "你a",
                                        "你1",
                                        "你,",
                                        "1你",
                                        "a你",
                                        "й",
                                        "й ",
                                        " ",
                                        "\xE2\x80\x8B",
                                        "Mr. ",
                                        "U.S. ",
                                        "7:30",
                                        "1 ",
                                        "10 - ",
                                        "9am-",
                                        "US$",
                                        "sooooo",
                                        "aB",
                                        "a_b",
                                        "a&b",
                                        "%",
                                        "5kg/",
                                        "\xEF\xBF\xBD"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(units); i++) speak_much(units[i], EV_TEXT_BYTES_MAX / 16);
    static const char *const full[] = {"a", "1", "a b. ", "你"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(full); i++) speak_much(full[i], EV_TEXT_BYTES_MAX);
}

static void every_character_speaks_or_is_left_out(void **state) {
    (void)state;
    for (int32_t c = 1; c <= 0x10FFFF; c += c < 0x3100 ? 1 : 23) {
        char input[16] = "go ";
        size_t n = 3 + ev_utf8_put(c, input + 3);
        if (n == 3) continue;
        ev_phones *r = NULL;
        ev_status status = ev_text_phones(&r, text, input, n, NULL, 0, &err);
        if (status != EV_OK) fail_msg("U+%04X: %s", (unsigned)c, err.message);
        check_result(r, n, 400);
        ev_phones_free(&r);
    }
}

/* ---- threads ---- */

static void *read_often(void *arg) {
    const char *input = arg;
    size_t phones = 0;
    for (int i = 0; i < 50; i++) {
        ev_phones *r = NULL;
        if (ev_text_phones(&r, text, input, strlen(input), NULL, 0, NULL) == EV_OK) phones += r->phone_count;
        ev_phones_free(&r);
    }
    return (void *)(uintptr_t)phones;
}

static void threads_share_one_text(void **state) {
    (void)state;
    static char input[] = "Zebras googled 3 unusual restaurants on Nov 23, 2026; 重庆的银行 closed.";
    pthread_t threads[4];
    void *results[4];
    for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_often, input), 0);
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], &results[i]);
    for (size_t i = 1; i < 4; i++) assert_ptr_equal(results[i], results[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_text_is_an_error),
        cmocka_unit_test(invalid_utf8_is_named_by_its_place),
        cmocka_unit_test(too_much_text_is_a_limit),
        cmocka_unit_test(missing_arguments_are_errors),
        cmocka_unit_test(words_know_where_they_stand),
        cmocka_unit_test(combining_marks_stay_with_their_letter),
        cmocka_unit_test(keycaps_are_figures),
        cmocka_unit_test(omissions_are_reported),
        cmocka_unit_test(foreign_names_are_said_and_reported),
        cmocka_unit_test(what_is_left_out_still_parts_words),
        cmocka_unit_test(questions_ask_for_a_word_or_for_yes_or_no),
        cmocka_unit_test(pauses_are_marks_with_a_length),
        cmocka_unit_test(bad_controls_are_errors),
        cmocka_unit_test(brackets_may_be_text),
        cmocka_unit_test(phones_may_be_given),
        cmocka_unit_test(long_sentences_are_split),
        cmocka_unit_test(a_word_longer_than_a_sentence_is_split),
        cmocka_unit_test(hostile_text_ends_in_bounded_time),
        cmocka_unit_test(every_character_speaks_or_is_left_out),
        cmocka_unit_test(threads_share_one_text),
    };
    return cmocka_run_group_tests(tests, open_text, close_text);
}
