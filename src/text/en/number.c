/* number: digits to number words, American style ("one hundred twenty three"). Cardinals go to 10^15, with
 * commas to 10^18; what is larger, or starts with a zero, is said digit by digit, as people do with codes. */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/en/en.h"

enum { CARDINAL_DIGITS = 18, READ_DIGITS = 16, PHRASE_MAX = 512, GROUPS = 8 };

static const char *const ones[20] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                     "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                     "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[10] = {"",      "",      "twenty",  "thirty", "forty",
                                     "fifty", "sixty", "seventy", "eighty", "ninety"};

/* ---- reading digits ---- */

static void add_digit(en_number *n, char c) {
    if (n->digit_count + 1 < sizeof(n->digits)) n->digits[n->digit_count] = c;
    n->digit_count++;
}

/* Groups of three after commas: "1,234,567" but not "1,2" or "2020,2021", nor after a wide comma, of three bytes. */
static size_t grouped_end(const en_work *w, size_t i, en_number *n) {
    while (w->s[i] == ',' && w->chars[i].bytes != 3 && en_is_digit(w->s[i + 1]) && en_is_digit(w->s[i + 2]) &&
           en_is_digit(w->s[i + 3]) && !en_is_digit(w->s[i + 4])) {
        for (size_t k = 1; k <= 3; k++) add_digit(n, w->s[i + k]);
        n->grouped = true;
        i += 4;
    }
    return i;
}

/* "1 000 000", "10 000": groups of three after spaces, one of which is 000: else they are several numbers. */
static size_t spaced_end(const en_work *w, size_t i, en_number *n) {
    bool zeros = false;
    size_t end = i;
    while (w->s[end] == ' ' && en_digits_end(w, end + 1) == end + 4 && end - i < 28) {
        zeros |= strncmp(w->s + end + 1, "000", 3) == 0;
        end += 4;
    }
    if (!zeros || en_is_alpha(w->s[end]) || w->s[end] == '-') return i;
    for (; i < end; i += 4) {
        for (size_t k = 1; k <= 3; k++) add_digit(n, w->s[i + k]);
        n->grouped = true;
    }
    return end;
}

bool en_parse_number(const en_work *w, size_t i, en_number *out) {
    *out = (en_number){.begin = i};
    while (en_is_digit(w->s[i])) add_digit(out, w->s[i++]);
    if (out->digit_count >= 1 && out->digit_count <= 3 && out->digits[0] != '0') {
        i = grouped_end(w, i, out);
        if (!out->grouped) i = spaced_end(w, i, out);
    }
    out->whole_end = out->end = i;
    if (w->s[i] == '.' && en_is_digit(w->s[i + 1])) {
        out->fraction = i + 1;
        out->end = en_digits_end(w, i + 1);
        out->fraction_n = out->end - out->fraction;
    }
    assert(out->begin <= out->whole_end && out->whole_end <= out->end && out->end <= w->n);
    return out->end > out->begin;
}

long en_number_value(const en_number *number) {
    return number->digit_count > 17 ? LONG_MAX : strtol(number->digits, NULL, 10);
}

bool en_is_one(const en_number *number) { return number->fraction_n == 0 && strcmp(number->digits, "1") == 0; }

/* ---- building phrases ---- */

static void join(char *phrase, const char *word) {
    size_t used = strlen(phrase), n = strlen(word);
    if (used + n + 2 > PHRASE_MAX) return;
    if (used) phrase[used++] = ' ';
    memcpy(phrase + used, word, n + 1);
}

static void below_hundred(char *phrase, int value) {
    assert(value >= 0 && value < 100);
    if (value < 20) {
        join(phrase, ones[value]);
        return;
    }
    join(phrase, tens[value / 10]);
    if (value % 10) join(phrase, ones[value % 10]);
}

static void below_thousand(char *phrase, int value) {
    assert(value >= 0 && value < 1000);
    if (value >= 100) {
        join(phrase, ones[value / 100]);
        join(phrase, "hundred");
    }
    if (value % 100 || value == 0) below_hundred(phrase, value % 100);
}

static void cardinal(char *phrase, long long value) {
    assert(value >= 0);
    static const struct {
        long long scale;
        const char *name;
    } scales[] = {{1000000000000000LL, "quadrillion"},
                  {1000000000000LL, "trillion"},
                  {1000000000LL, "billion"},
                  {1000000LL, "million"},
                  {1000LL, "thousand"}};
    bool any = false;
    for (size_t i = 0; i < EV_ARRAY_COUNT(scales); i++) {
        int part = (int)(value / scales[i].scale);
        if (!part) continue;
        below_thousand(phrase, part);
        join(phrase, scales[i].name);
        value %= scales[i].scale;
        any = true;
    }
    if (value || !any) below_thousand(phrase, (int)value);
}

/* The last word of a cardinal as an ordinal. */
static void ordinal_ending(char *phrase) {
    static const char *const irregular[][2] = {{"one", "first"},     {"two", "second"},   {"three", "third"},
                                               {"five", "fifth"},    {"eight", "eighth"}, {"nine", "ninth"},
                                               {"twelve", "twelfth"}};
    char *last = strrchr(phrase, ' ');
    last = last ? last + 1 : phrase;
    for (size_t i = 0; i < EV_ARRAY_COUNT(irregular); i++)
        if (strcmp(last, irregular[i][0]) == 0) {
            memcpy(last, irregular[i][1], strlen(irregular[i][1]) + 1);
            return;
        }
    size_t n = strlen(last);
    assert(n > 0);
    if (last[n - 1] == 'y')
        memcpy(last + n - 1, "ieth", 5);
    else
        memcpy(last + n, "th", 3);
}

/* ---- saying ---- */

static bool fits(const char *digits, size_t n) {
    if (n < READ_DIGITS) return true;
    return n == READ_DIGITS && memcmp(digits, "1000000000000000", READ_DIGITS) == 0;
}

void en_say_integer(en_work *w, long value) {
    char phrase[PHRASE_MAX] = "";
    cardinal(phrase, value < 0 ? 0 : value);
    w->span_number = true;
    en_put(w, phrase);
}

static void say_each(en_work *w, const char *digits, size_t n) {
    w->span_number = true;
    for (size_t i = 0; i < n; i++)
        if (en_is_digit(digits[i])) en_put(w, ones[digits[i] - '0']);
}

void en_say_digits(en_work *w, size_t begin, size_t end) { say_each(w, w->s + begin, end - begin); }

void en_say_cardinal(en_work *w, const char *digits, size_t n) {
    char number[CARDINAL_DIGITS + 1] = "";
    if (!fits(digits, n) || (n > 1 && digits[0] == '0')) {
        say_each(w, digits, n);
        return;
    }
    memcpy(number, digits, n); /* more digits may follow */
    en_say_integer(w, strtol(number, NULL, 10));
}

void en_say_ordinal(en_work *w, const char *digits, size_t n, const char *suffix) {
    char phrase[PHRASE_MAX + 8] = "";
    char number[20] = "";
    if (n >= sizeof(number) || !fits(digits, n)) {
        say_each(w, digits, n);
        return;
    }
    memcpy(number, digits, n);
    cardinal(phrase, strtoll(number, NULL, 10));
    ordinal_ending(phrase);
    const size_t used = strlen(phrase);
    snprintf(phrase + used, sizeof phrase - used, "%s", suffix);
    w->span_number = true;
    en_put(w, phrase);
}

/* Numbers of many groups: each is said with its scale. */
static void say_grouped(en_work *w, const en_number *number) {
    static const char *const scales[GROUPS] = {"",         "thousand",    "million",     "billion",
                                               "trillion", "quadrillion", "quintillion", "sextillion"};
    size_t groups = (number->digit_count + 2) / 3;
    for (size_t i = number->begin; i < number->whole_end;) {
        size_t end = en_digits_end(w, i);
        int value = 0;
        for (; i < end; i++) value = value * 10 + (w->s[i] - '0');
        char phrase[PHRASE_MAX] = "";
        groups--;
        assert(groups < GROUPS && value < 1000);
        if (value) {
            below_thousand(phrase, value);
            en_put(w, phrase);
            en_put(w, scales[groups]);
        }
        i = end + 1;
    }
}

void en_say_number(en_work *w, const en_number *number) {
    size_t n = number->digit_count;
    w->span_number = true;
    if (number->grouped && n > READ_DIGITS - 1 && n <= 3 * GROUPS)
        say_grouped(w, number);
    else if (n && n + 1 <= sizeof(number->digits) && fits(number->digits, n))
        en_say_cardinal(w, number->digits, n);
    else
        en_say_digits(w, number->begin, number->whole_end);
    if (!number->fraction_n) return;
    en_put(w, "point");
    en_say_digits(w, number->fraction, number->fraction + number->fraction_n);
}

/* "nineteen oh five", "two thousand nine", "twenty twenty six". */
void en_say_year(en_work *w, long year) {
    char phrase[PHRASE_MAX] = "";
    int high = (int)(year / 100), low = (int)(year % 100);
    w->span_number = true;
    if (year < 1000 || year > 9999 || (high % 10 == 0 && low < 10)) {
        cardinal(phrase, year);
    } else {
        below_hundred(phrase, high);
        if (low == 0)
            join(phrase, "hundred");
        else if (low < 10)
            join(phrase, "oh");
        if (low) below_hundred(phrase, low);
    }
    en_put(w, phrase);
}
