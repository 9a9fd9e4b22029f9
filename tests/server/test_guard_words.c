/* words: listed words are found in every disguise made here, and in no clean text that looks like them. Recall and
 * false positives are counted and printed. */
#include <unistd.h>

#include "guard_test.h"
#include "server/guard/words.h"
#include "text/scan_control.h"

static const char LIST[] = "# what a service might list\n"
                           "rude: ass\n"
                           "sex\n"
                           "shit\n"
                           "slur-1:fuck*\n"
                           "penis\n"
                           "cunt\n"
                           "dick\n"
                           "kill\n"
                           "hell\n"
                           "anal\n"
                           "rapist\n"
                           "*merde*\n"
                           "white power\n"
                           "hitler\n"
                           "3p\n"
                           "敏感词\n"
                           "法轮功\n"
                           "赌博\n"
                           "毒品\n"
                           "性爱\n"
                           "台独\n"
                           "хуй\n"
                           "ηλίθιος\n";

static sv_words *open_list(const char *text) {
    sv_words *words = NULL;
    ev_error err;
    if (sv_words_parse(&words, text, strlen(text), "words.txt", &err) != EV_OK) fail_msg("%s", err.message);
    return words;
}

static size_t find(const sv_words *words, const char *text, sv_word_hit *hit) {
    size_t count = 0;
    ev_error err;
    if (sv_words_find(words, text, strlen(text), hit, 1, &count, &err) != EV_OK) fail_msg("%s", err.message);
    return count;
}

static void check_range(const sv_words *words, const char *text, const char *rule, const char *range) {
    sv_word_hit hit;
    if (find(words, text, &hit) == 0) fail_msg("nothing in '%s'", text);
    assert_string_equal(hit.rule, rule);
    const size_t bytes = hit.byte_end - hit.byte_begin;
    if (bytes != strlen(range) || memcmp(text + hit.byte_begin, range, bytes) != 0)
        fail_msg("'%.*s', not '%s' in '%s'", (int)bytes, text + hit.byte_begin, range, text);
}

static void hits_name_rule_and_place(void **state) {
    (void)state;
    sv_words *words = open_list(LIST);
    assert_int_equal(sv_words_count(words), 23);
    check_range(words, "you ass!", "rude", "ass");
    check_range(words, "ｓｅｘ", "line-3", "ｓｅｘ");
    check_range(words, "你 s.e.x 吗", "line-3", "s.e.x");
    check_range(words, "motherfucker? no: fucker", "slur-1", "fuck");
    check_range(words, "一个敏*感*词在此", "line-17", "敏*感*词");
    check_range(words, "他們賭博", "line-19", "賭博");
    check_range(words,
                "say \xe2\x80\xab"
                "s\xe2\x80\x8bh\xc2\xad"
                "it\xe2\x80\xac now",
                "line-4", "s\xe2\x80\x8bh\xc2\xadit");
    sv_word_hit hits[4];
    size_t count = 0;
    static const char many[] = "ass, s3x and s.h.i.t and 毒品 and 1";
    assert_int_equal(sv_words_find(words, many, strlen(many), hits, 4, &count, NULL), EV_OK);
    assert_int_equal(count, 4);
    assert_int_equal(sv_words_find(words, many, strlen(many), NULL, 0, &count, NULL), EV_OK);
    assert_true(count >= 4);
    sv_words_free(&words);
    assert_null(words);
    sv_words_free(&words);
}

/* The engine drops a pause from between letters, and its phones say what is not written. */
static void controls_hide_nothing(void **state) {
    (void)state;
    sv_words *words = open_list("rude: forbidden\nhan: 敏感词\nsex\n");
    sv_word_hit hit;
    size_t begin, end;
    check_range(words, "so for[pause:1ms]bidden it is", "rude", "for[pause:1ms]bidden");
    check_range(words, "so[pause:1s]for[pause:1.5s]bidden[pause:1ms]it", "rude", "for[pause:1.5s]bidden");
    check_range(words, "f[pause:1ms]0r[pause:1ms]b[pause:1ms]1dden", "rude",
                "f[pause:1ms]0r[pause:1ms]b[pause:1ms]1dden");
    check_range(words, "说敏[pause:1ms]感[pause:1ms][pause:1ms]词吧", "han",
                "敏[pause:1ms]感[pause:1ms][pause:1ms]词");
    check_range(words, "[pause:1s]for-bidden[pause:1s]", "rude", "for-bidden");
    check_range(words, "[notacontrol] forbidden", "rude", "forbidden");
    static const char *const clean[] = {"for[notacontrol]bidden", "[pause:1s]for bid[pause:1s]den",
                                        "mid[pause:1s]dlesex", "[1] [a](b) [", "for[pause:1ms bidden"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(clean); i++) {
        if (find(words, clean[i], &hit)) fail_msg("%s: '%s'", hit.rule, clean[i]);
        assert_false(sv_words_phones(clean[i], strlen(clean[i]), &begin, &end));
    }
    static const char given[] = "say [pause:1s][x](y) [x](/F AH1 K/) now";
    assert_true(sv_words_phones(given, sizeof(given) - 1, &begin, &end));
    assert_int_equal(end - begin, strlen("[x](/F AH1 K/)"));
    assert_memory_equal(given + begin, "[x](/F AH1 K/)", end - begin);
    sv_words_free(&words);
}

/* What the engine takes for a control, the filter does; what it refuses may be either. */
static void compare_controls(const char *text) {
    const size_t bytes = strlen(text);
    for (const char *at = text; (at = strchr(at, '[')); at++) {
        const size_t place = (size_t)(at - text), pause = sv_pause_bytes(text, bytes, place);
        const size_t ours = pause ? pause : sv_phones_bytes(text, bytes, place);
        ev_scan scan = {0};
        ev_scan_found found;
        const bool read = ev_scan_control(&scan, text, bytes, place, &found, NULL) == EV_OK;
        const bool link = found.end && !found.pause_ms && found.token_begin == found.token_end; /* its word is read */
        if (read && !link) {
            const size_t used = found.end ? found.end - place : 0;
            if (ours != used) fail_msg("%zu bytes, not %zu, at %zu of '%s'", ours, used, place, text);
            if (used) assert_int_equal(pause != 0, found.pause_ms != 0);
        }
        ev_scan_clear(&scan);
    }
}

static void controls_are_the_engines(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "[", "]",   "[pause:", "[pause:1ms]", "](/",           "/)",       "/",       "(",   ")", "HH", "你", "\n",
        " ", "1ms", "1.5s]",   "word",        "[a](/HH AH0/)", "[你](/HH", "[PAUSE:", "1 S]"};
    char text[2048];
    uint32_t random = 11;
    for (int round = 0; round < 20000; round++) {
        strcpy(text, "[");
        for (int i = 0, n = (int)(random >> 16) % 20; i < n; i++) {
            random = random * 1664525u + 1013904223u;
            strcat(text, pieces[(random >> 16) % EV_ARRAY_COUNT(pieces)]);
        }
        random = random * 1664525u + 1013904223u;
        compare_controls(text);
    }
    for (int n = 0; n < 1010; n++) { /* the longest that is one */
        snprintf(text, sizeof(text), "[%0*d](/HH/)", n, 1);
        compare_controls(text);
        snprintf(text, sizeof(text), "[a](/HH%*s/)", n, "");
        compare_controls(text);
        snprintf(text, sizeof(text), "[pause:%0*dms]", n, 1);
        compare_controls(text);
    }
}

static void stars_open_the_ends(void **state) {
    (void)state;
    sv_words *words = open_list("abc\ndef*\n*ghi\n*jkl*\nmno\n");
    sv_word_hit hit;
    static const struct {
        const char *text;
        bool hit;
    } rows[] = {{"abc", true},   {"xabc", false}, {"abcx", false},   {"x-abc-x", true}, {"defx", true},
                {"xdef", false}, {"xghi", true},  {"ghix", false},   {"xjklx", true},   {"abc我", true},
                {"我abc", true}, {"abc9", true},  {"abcабв", false}, {"mno's", true},   {"mnop", false}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++)
        if ((find(words, rows[i].text, &hit) > 0) != rows[i].hit) fail_msg("'%s'", rows[i].text);
    sv_words_free(&words);
}

static void bad_lists_are_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"c++", "sign"},         {"f*ck", "sign"},      {"a$$", "sign"},
                                         {"id: ", "no letter"},   {"*", "no letter"},    {"...", "no letter"},
                                         {"word # note", "sign"}, {"\xff\xfe", "UTF-8"}, {"id: x\xc0", "UTF-8"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        char text[64];
        ev_error err;
        sv_words *words = NULL;
        snprintf(text, sizeof(text), "good\n\n%s\n", bad[i][0]);
        assert_int_equal(sv_words_parse(&words, text, strlen(text), "words.txt", &err), EV_E_FORMAT);
        assert_null(words);
        assert_has(err.message, "words.txt, line 3: ");
        assert_has(err.message, bad[i][1]);
    }
    char large[1024];
    memset(large, 'a', sizeof(large));
    ev_error err;
    sv_words *words = NULL;
    assert_int_equal(sv_words_parse(&words, large, sizeof(large), "words.txt", &err), EV_E_FORMAT);
    assert_has(err.message, "128");
    assert_int_equal(sv_words_load(&words, "/nonexistent/words", &err), EV_E_IO);
    assert_has(err.message, "/nonexistent/words");
}

static void bad_text_is_refused(void **state) {
    (void)state;
    sv_words *words = open_list(LIST);
    size_t count = 9;
    ev_error err;
    assert_int_equal(sv_words_find(words, "ass \xff", 5, NULL, 0, &count, &err), EV_E_TEXT);
    assert_has(err.message, "byte 4");
    assert_null(strstr(err.message, "ass"));
    assert_int_equal(count, 0);
    assert_int_equal(sv_words_find(words, "", 0, NULL, 0, &count, &err), EV_OK);
    assert_int_equal(count, 0);
    sv_words_free(&words);
    words = open_list("# nothing\n");
    assert_int_equal(sv_words_find(words, "ass", 3, NULL, 0, &count, &err), EV_OK);
    assert_int_equal(count, 0);
    sv_words_free(&words);
}

static void lists_are_read_from_files(void **state) {
    (void)state;
    char path[] = "/tmp/ev_test_words_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\xef\xbb\xbfr1: bad\r\n", 12), 12);
    close(fd);
    sv_words *words = NULL;
    assert_int_equal(sv_words_load(&words, path, NULL), EV_OK);
    check_range(words, "so bad.", "r1", "bad");
    sv_words_free(&words);
    unlink(path);
}

/* Against a search that tries each word at each place: overlapping words, prefixes and suffixes of each other. */
static void automaton_equals_a_plain_search(void **state) {
    (void)state;
    static const char *const list[] = {"甲", "甲乙", "乙甲", "乙乙甲", "甲乙甲乙", "乙甲甲", "丙甲乙", "甲甲甲甲"};
    ev_buf file = {0};
    for (size_t i = 0; i < EV_ARRAY_COUNT(list); i++) ev_buf_printf(&file, "%zu: %s\n", i, list[i]);
    sv_words *words = open_list((const char *)file.data);
    ev_buf_free(&file);
    uint32_t random = 7;
    for (int round = 0; round < 300; round++) {
        static const char *const letters[] = {"甲", "乙", "甲", "乙", "丙"};
        char text[64] = "";
        for (int i = 0; i < 14; i++) {
            random = random * 1664525u + 1013904223u;
            strcat(text, letters[(random >> 16) % 5]);
        }
        size_t expected = 0, count = 0;
        sv_word_hit hits[128];
        for (size_t i = 0; i < EV_ARRAY_COUNT(list); i++)
            for (const char *at = text; (at = strstr(at, list[i])); at += 3) expected++;
        assert_int_equal(sv_words_find(words, text, strlen(text), hits, 128, &count, NULL), EV_OK);
        assert_int_equal(count, expected);
        for (size_t i = 0; i < count; i++) {
            const char *word = list[atoi(hits[i].rule)];
            assert_int_equal(hits[i].byte_end - hits[i].byte_begin, strlen(word));
            assert_memory_equal(text + hits[i].byte_begin, word, strlen(word));
        }
    }
    sv_words_free(&words);
}

/* ---- recall ---- */

enum { DISGUISES = 22 };

static const char *const LATIN[] = {"ass",  "sex",    "shit", "fucking", "penis",  "cunt",       "dick",
                                    "kill", "rapist", "hell", "anal",    "hitler", "white power"};
static const char *const HAN[] = {"敏感词", "法轮功", "赌博", "毒品", "性爱", "台独"};
static const char *const TRADITIONAL[] = {"敏感詞", "法輪功", "賭博", "毒品", "性愛", "臺獨"};

/* A letter from a row of 26 in a block that begins at `first`. */
static void put_from(ev_buf *b, char letter, int32_t first) {
    char bytes[4];
    const size_t n = ev_utf8_put(first + (letter - 'a'), bytes);
    ev_buf_append(b, bytes, n);
}

static const char *look_of(char letter, int alphabet) {
    static const char *const cyrillic[26] = {"а", "ь", "с", "ԁ", "е", "ƒ", "ԍ", "һ", "і", "ј", "к", "ӏ", "м",
                                             "п", "о", "р", "ԛ", "г", "ѕ", "т", "ц", "ѵ", "ш", "х", "у", "ʐ"};
    static const char *const greek[26] = {"α", "Β", "ϲ", "ԁ", "ε", "ϝ", "ɡ", "Η", "ι", "ϳ", "κ", "ŀ", "Μ",
                                          "η", "ο", "ρ", "գ", "ᴦ", "ꜱ", "τ", "υ", "ν", "ω", "χ", "γ", "Ζ"};
    return (alphabet ? greek : cyrillic)[(size_t)(letter - 'a') % 26];
}

static const char *digit_of(char letter) {
    switch (letter) {
    case 'o': return "0";
    case 'i': return "1";
    case 'l': return "1";
    case 'e': return "3";
    case 'a': return "4";
    case 's': return "5";
    case 't': return "7";
    default: return NULL;
    }
}

/* One letter of the word in a disguise; `at` counts letters. */
static void put_disguised(ev_buf *b, char letter, size_t at, int disguise) {
    static const char *const accents[] = {"\u0301", "\u0308", "\u0327", "\u20e3"};
    const char upper = (char)(letter - 'a' + 'A');
    const char *digit = digit_of(letter);
    switch (disguise) {
    case 0: ev_buf_printf(b, "%c", upper); return;
    case 1: ev_buf_printf(b, "%c", at % 2 ? upper : letter); return;
    case 2: put_from(b, letter, 0xFF41); return;  /* full width */
    case 3: put_from(b, letter, 0x24D0); return;  /* circled */
    case 4: put_from(b, letter, 0x1D41A); return; /* mathematical bold */
    case 5: put_from(b, letter, 0x1D5EE); return; /* sans-serif bold */
    case 6: put_from(b, letter, 0x249C); return;  /* in parentheses: several characters each */
    case 7: put_from(b, letter, 0x1F150); return; /* white on black circles */
    case 8: put_from(b, letter, 0x1F170); return; /* white on black squares */
    case 9: ev_buf_printf(b, "%s%c", at ? "\u200b" : "", letter); return;
    case 10: ev_buf_printf(b, "%c\u200d\ufe0f", letter); return;
    case 11: ev_buf_printf(b, "%s%c", at ? "\u2066\u2069\u00ad" : "\u202e", letter); return;
    case 12: ev_buf_printf(b, "%s", look_of(letter, 0)); return;
    case 13: ev_buf_printf(b, "%s", at % 2 ? look_of(letter, 1) : (char[2]){letter, 0}); return;
    case 14: ev_buf_printf(b, "%c%s", letter, accents[at % 4]); return;
    case 15: ev_buf_printf(b, "%s%c", at ? "." : "", letter); return;
    case 16: ev_buf_printf(b, "%s%c", at ? " " : "", letter); return;
    case 17: ev_buf_printf(b, "%s%c", at ? "*_" : "", letter); return;
    case 18: ev_buf_printf(b, "%s%c", at ? "-" : "", at % 2 ? upper : letter); return;
    case 19: ev_buf_printf(b, "%s%c", at ? "🔥" : "", letter); return;
    case 20: ev_buf_printf(b, "%s", digit && at ? digit : (char[2]){letter, 0}); return;
    default: ev_buf_printf(b, "%s%s", at ? "\u2060" : "", digit && at == 1 ? digit : look_of(letter, 0)); return;
    }
}

static bool is_in_disguise(const sv_words *words, const char *word, int disguise) {
    ev_buf b = {0};
    ev_buf_printf(&b, "Well, ");
    size_t at = 0;
    for (const char *c = word; *c; c++) {
        if (*c == ' ')
            ev_buf_printf(&b, " ");
        else
            put_disguised(&b, *c, at++, disguise);
    }
    const size_t end = b.size;
    ev_buf_printf(&b, ", she said.");
    sv_word_hit hit;
    const bool found = find(words, (const char *)b.data, &hit) > 0 && hit.byte_begin >= 6 && hit.byte_end <= end;
    if (!found) print_message("missed (disguise %d): %s\n", disguise, (const char *)b.data);
    ev_buf_free(&b);
    return found;
}

static bool is_split(const sv_words *words, const char *word, const char *before, const char *splitter,
                     const char *after) {
    ev_buf b = {0};
    ev_buf_printf(&b, "%s", before);
    for (size_t at = 0; word[at]; at += 3) ev_buf_printf(&b, "%s%.3s", at ? splitter : "", word + at);
    ev_buf_printf(&b, "%s", after);
    sv_word_hit hit;
    const bool found = find(words, (const char *)b.data, &hit) > 0;
    if (!found) print_message("missed: %s\n", (const char *)b.data);
    ev_buf_free(&b);
    return found;
}

static void disguises_are_seen_through(void **state) {
    (void)state;
    static const char *const splitters[] = {"",  "*", " ", "-", "\u200b", "_", ".", "🔥", "\u00ad\u200d",
                                            "/", "|", "~", "  "};
    sv_words *words = open_list(LIST);
    size_t all = 0, found = 0;
    for (size_t w = 0; w < EV_ARRAY_COUNT(LATIN); w++)
        for (int d = 0; d < DISGUISES; d++, all++) found += is_in_disguise(words, LATIN[w], d);
    for (size_t w = 0; w < EV_ARRAY_COUNT(HAN); w++) {
        for (size_t s = 0; s < EV_ARRAY_COUNT(splitters); s++, all += 2) {
            found += is_split(words, HAN[w], "我们说", splitters[s], "很多次");
            found += is_split(words, TRADITIONAL[w], "sayx", splitters[s], "2024");
        }
    }
    static const char *const more[] = {"ХУЙ",
                                       "х.у.й",
                                       "x у й",
                                       "ΗΛΙΘΙΟΣ",
                                       "ηλίθιος",
                                       "kiIl him",
                                       "sh-it",
                                       "fu_ck",
                                       "WhItE  pOwEr",
                                       "whitepower",
                                       "white-power",
                                       "xmerdex",
                                       "m.e.r.d.e",
                                       "玩3P吗",
                                       "3-P",
                                       "$ex",
                                       "a$$",
                                       "@ss",
                                       "sh!t",
                                       "f.u.c.k.i.n.g",
                                       "pen.is",
                                       "法、轮、功",
                                       "敏，感，词",
                                       "台 獨",
                                       "敏感*词",
                                       "f**k... no: fuck",
                                       "ＳＥＸ",
                                       "ſex",
                                       "d1ck",
                                       "D!CK",
                                       "ℋitler",
                                       "hıtler",
                                       "ѕһіt",
                                       "shit123",
                                       "white******power",
                                       "法*****轮       功",
                                       "S\nE\nX",
                                       "法\n轮功",
                                       "ass2",
                                       "K1LL",
                                       "k1ll",
                                       "h3ll",
                                       "4n4l",
                                       "5h1t",
                                       "r4p157"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(more); i++, all++) {
        sv_word_hit hit;
        const bool hits = find(words, more[i], &hit) > 0;
        if (!hits) print_message("missed: %s\n", more[i]);
        found += hits;
    }
    print_message("recall: %zu of %zu disguised words found (%.1f %%)\n", found, all,
                  100.0 * (double)found / (double)all);
    assert_true(all >= 300);
    assert_true((double)found >= 0.98 * (double)all);
    sv_words_free(&words);
}

/* ---- false positives ---- */

#include "guard_clean.h"

static void clean_text_stays_clean(void **state) {
    (void)state;
    sv_words *words = open_list(LIST);
    size_t wrong = 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(CLEAN); i++) {
        sv_word_hit hit;
        if (find(words, CLEAN[i], &hit) == 0) continue;
        print_message("wrong (%s): %s\n", hit.rule, CLEAN[i]);
        wrong++;
    }
    print_message("false positives: %zu of %zu clean texts (%.1f %%)\n", wrong, EV_ARRAY_COUNT(CLEAN),
                  100.0 * (double)wrong / (double)EV_ARRAY_COUNT(CLEAN));
    assert_true(EV_ARRAY_COUNT(CLEAN) >= 300);
    assert_true((double)wrong <= 0.01 * (double)EV_ARRAY_COUNT(CLEAN));
    sv_words_free(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_name_rule_and_place),   cmocka_unit_test(controls_hide_nothing),
        cmocka_unit_test(controls_are_the_engines),   cmocka_unit_test(stars_open_the_ends),
        cmocka_unit_test(bad_lists_are_named),        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(lists_are_read_from_files),  cmocka_unit_test(automaton_equals_a_plain_search),
        cmocka_unit_test(disguises_are_seen_through), cmocka_unit_test(clean_text_stays_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
