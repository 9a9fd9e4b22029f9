/* roman: roman numerals. Small ones behind a label ("section iii"); else only capitals, and only where one is
 * expected: "Henry VIII", "Chapter IV", "World War II", or a clear one (II, III, IV ...) behind a capitalised word.
 * Everything else in those letters is an acronym. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text/en/en.h"

static int digit_value(char c) {
    switch (c) {
    case 'I': return 1;
    case 'V': return 5;
    case 'X': return 10;
    case 'L': return 50;
    case 'C': return 100;
    case 'D': return 500;
    case 'M': return 1000;
    default: return 0;
    }
}

/* The canonical numeral of a value, to refuse "IIX" and "VX". */
static bool is_canonical(const char *s, size_t n, int value) {
    static const struct {
        int value;
        const char *letters;
    } parts[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
                 {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"}};
    size_t at = 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(parts); k++)
        while (value >= parts[k].value) {
            size_t length = strlen(parts[k].letters);
            if (at + length > n || memcmp(s + at, parts[k].letters, length) != 0) return false;
            at += length;
            value -= parts[k].value;
        }
    return at == n;
}

static int parse_roman(const char *s, size_t n) {
    int value = 0;
    if (n > 8) return 0;
    for (size_t i = 0; i < n; i++) {
        int digit = digit_value(s[i]);
        if (!digit) return 0;
        value += i + 1 < n && digit < digit_value(s[i + 1]) ? -digit : digit;
    }
    return value > 0 && is_canonical(s, n, value) ? value : 0;
}

static void say_ordinal(en_work *w, int value, const char *suffix) {
    assert(value > 0);
    char digits[8];
    const int n = snprintf(digits, sizeof digits, "%d", value);
    w->span_number = false;
    en_put(w, "the");
    en_say_ordinal(w, digits, (size_t)n, suffix);
}

static void put_ordinal(en_work *w, int value) {
    assert(value > 0);
    char digits[8];
    const int n = snprintf(digits, sizeof digits, "%d", value);
    w->span_number = false;
    en_say_ordinal(w, digits, (size_t)n, "");
}

/* "the XXI century", "XVIII-XIX centuries" */
static bool century_follows(const en_work *w, size_t end) {
    size_t next = end + (w->s[end] == ' ' || w->s[end] == '-');
    return next > end &&
           (en_word_is(w, next, "century") || en_word_is(w, next, "centuries") || en_word_is(w, next, "c"));
}

/* "section iii", "scene i", "chapter xiv": in small letters behind a label alone. */
static size_t small_roman(en_work *w, size_t i, size_t end, const char *labels) {
    char letters[9];
    size_t n = end - i;
    if (n > 8 || !en_previous_in(w, labels) || w->pending != EV_BREAK_WORD || i == 0 || w->s[i - 1] != ' ') return 0;
    for (size_t k = 0; k < n; k++) {
        if (!strchr("ivx", w->s[i + k])) return 0;
        letters[k] = (char)(w->s[i + k] - 'a' + 'A');
    }
    int value = parse_roman(letters, n);
    if (!value || en_is_alnum(w->s[end]) || w->s[end] == '\'') return 0;
    if (n == 1 && en_is_lower(w->s[en_skip_spaces(w, end)])) return 0; /* "the part i like" */
    en_span(w, i, end);
    en_say_integer(w, value);
    return n;
}

/* A first name of everyday use and a family name stand right in front. */
static bool follows_names(const en_work *w) {
    static const char first[] = " john james robert michael william david richard joseph thomas charles christopher "
                                "daniel matthew anthony mark donald steven paul andrew "
                                "joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob "
                                "gary nicholas eric jonathan stephen larry justin scott "
                                "brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry "
                                "henry harry walter albert arthur fred martin louis "
                                "thurston robert winston davis theodore franklin ";
    const size_t count = en_word_count(w);
    if (count < w->sentence_from + 2) return false;
    const en_word *family = en_word_at(w, count - 1), *given = en_word_at(w, count - 2);
    return family->capital && given->capital && family->before == EV_BREAK_WORD &&
           en_in_list(first, en_word_text(w, given), given->bytes);
}

size_t en_match_roman(en_work *w, size_t i) {
    static const char rulers[] =
        " henry louis elizabeth george edward richard james charles william paul pius benedict napoleon catherine "
        "philip "
        "ferdinand nicholas alexander peter ivan leo gregory innocent urban clement francis frederick wilhelm otto "
        "mary "
        "ramses xerxes darius ptolemy john robert david stephen baldwin alfonso charlemagne gustav haakon olaf "
        "boniface "
        "julius sixtus adrian harald christian margrethe umberto victor leopold franz joseph maximilian ";
    static const char labels[] =
        " war chapter part volume act scene book section article phase type class title appendix rocky fantasy bowl "
        "grade level stage episode mark canto psalm figure table tier category vatican apollo amendment ii division "
        "unit lesson series page pages ";
    size_t end = en_letters_end(w, i), n = end - i;
    if (w->s[i] == 'i' || w->s[i] == 'v' || w->s[i] == 'x') return small_roman(w, i, end, labels);
    if (!digit_value(w->s[i])) return 0;
    int value = parse_roman(w->s + i, n);
    bool possessive = w->s[end] == '\'' && en_word_is(w, end + 1, "s");
    if (!value || (w->s[end] == '\'' && !possessive) || w->s[end] == '&' || en_is_digit(w->s[end])) return 0;
    size_t count = en_word_count(w);
    if (i == 0 && count == 0 && n >= 2 && !w->s[end] && value < 40) { /* nothing else: "IV" */
        en_span(w, i, end);
        en_say_integer(w, value);
        return n;
    }
    if (n >= 2 && value <= 30 && century_follows(w, end)) {
        en_span(w, i, end);
        put_ordinal(w, value);
        return n;
    }
    static const char games[] = " gta civ fifa dota quake skyrim starcraft diablo witcher rambo iphone ";
    if (n == 1 && w->s[i] == 'X' &&
        (en_previous_in(w, " series model type ") &&
         (count > 1 &&
          en_in_list(" xbox tesla ", en_word_text(w, en_word_at(w, count - 2)), en_word_at(w, count - 2)->bytes))))
        return 0; /* "Xbox Series X", "Tesla Model X" */
    const bool game = (en_previous_in(w, games) && en_word_at(w, count - 1)->capital) ||
                      (count > w->sentence_from && strcmp(en_previous(w), "G T A") == 0);
    if (game && value < 20 && i > 0 && w->s[i - 1] == ' ' && w->pending == EV_BREAK_WORD &&
        !(n == 1 && w->s[i] == 'I')) {
        en_span(w, i, end);
        en_say_integer(w, value);
        return n;
    }
    const en_word *before = count > w->sentence_from ? en_word_at(w, count - 1) : NULL;
    bool labelled = en_previous_in(w, labels) && !(n == 1 && value >= 50); /* "type C" */
    if (!before || before->spell || before->end >= i || !(before->capital || labelled)) return 0;
    if (w->pending != EV_BREAK_WORD || w->s[i - 1] != ' ') return 0;
    bool clear = n >= 2 && value <= 39;
    en_span(w, i, end);
    if (en_previous_in(w, rulers) && (clear || (value <= 10 && n == 1 && w->s[i] != 'I') ||
                                      (n == 1 && !en_is_lower(w->s[en_skip_spaces(w, end)])))) {
        say_ordinal(w, value, possessive ? "'s" : "");
        return possessive ? n + 2 : n;
    }
    if (clear && value <= 5 && !labelled && !en_shouting(w, i) && follows_names(w)) { /* "John Smith III" */
        say_ordinal(w, value, possessive ? "'s" : "");
        return possessive ? n + 2 : n;
    }
    if (possessive || (!labelled && (!clear || en_shouting(w, i)))) return 0;
    if (n == 1 && w->s[i] == 'I' && !before->capital) return 0; /* "the part I like" */
    en_say_integer(w, value);
    return n;
}
