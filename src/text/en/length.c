/* length: feet and inches by their marks: 6'2", 12", 10' x 12', 3/8"; minutes and seconds are written alike. */
#include <string.h>

#include "text/en/en.h"

/* "8.5\" x 11\"", "10' x 12'": the x between them. */
static size_t by_after(en_work *w, size_t end) {
    if (w->s[end] != ' ' || en_lower(w->s[end + 1]) != 'x' || w->s[end + 2] != ' ' || !en_is_digit(w->s[end + 3]))
        return end;
    en_span(w, end + 1, end + 2);
    w->span_number = false;
    en_put(w, "by");
    return end + 3;
}

/* A single quotation mark was opened before i, in the last 60 characters. */
static bool quoted(const en_work *w, size_t i) {
    for (size_t k = i; k > 0 && i - k < 60 && w->s[k - 1] != '\n'; k--)
        if (w->s[k - 1] == '\'' && (k == 1 || en_is_space(w->s[k - 2])) && en_is_alnum(w->s[k])) return true;
    return false;
}

/* "10' x 12'", "6' tall": feet, where a measure follows or stands in front. */
static size_t feet_alone(en_work *w, const en_number *n, size_t begin) {
    if (w->s[n->end] != '\'' || en_is_alnum(w->s[n->end + 1]) || n->grouped || n->digit_count > 3) return 0;
    size_t next = en_skip_spaces(w, n->end + 1);
    bool measure = en_word_in(w, next, " tall wide long high deep x by ");
    static const char things[] =
        " pole fence wall rope ladder board plank ceiling pipe cable cord drop boat trailer tree "
        "statue giant snake shark alligator cliff putt jump screen banner roof shed container table ";
    const bool describes = !measure && en_previous_in(w, " a an the this that ") && next == n->end + 2 &&
                           !n->fraction_n && en_word_in(w, next, things) && !quoted(w, begin); /* "a 10' pole" */
    if (!measure && !describes && !en_previous_in(w, " by ")) return 0;
    en_span(w, begin, n->end + 1);
    en_say_number(w, n);
    w->span_number = false;
    en_put(w, en_is_one(n) || describes ? "foot" : "feet");
    return by_after(w, n->end + 1);
}

/* The quotation mark behind a number that begins at `begin` closes a quotation. */
static bool in_quotes(const en_work *w, size_t begin) {
    size_t quotes = 0;
    for (size_t k = begin; k > 0 && begin - k < 400 && w->s[k - 1] != '\n'; k--)
        quotes += w->s[k - 1] == '"' && !(k > 1 && en_is_digit(w->s[k - 2]));
    return quotes % 2;
}

/* 12": inches, unless a quotation ends here. */
static size_t inches_alone(en_work *w, const en_number *n, size_t begin) {
    if (w->s[n->end] != '"' || en_is_alnum(w->s[n->end + 1]) || n->grouped || n->digit_count > 3) return 0;
    if (in_quotes(w, begin)) return 0;
    bool article = en_previous_in(w, " a an ");
    en_span(w, begin, n->end + 1);
    en_say_number(w, n);
    w->span_number = false;
    en_put(w, en_is_one(n) || article ? "inch" : "inches");
    return by_after(w, n->end + 1);
}

/* 6'2": feet and inches. */
static size_t feet(en_work *w, const en_number *n, size_t begin) {
    en_number inches;
    size_t sign = en_starts(w, n->end, "ft") ? 2 : w->s[n->end] == '\''; /* 5ft8 */
    if (!(n->digit_count > 0 && !n->fraction_n && !n->grouped) || n->digit_count > 2 || !sign ||
        !en_is_digit(w->s[n->end + sign]))
        return 0;
    if (sign == 2 && en_is_alnum(w->s[en_digits_end(w, n->end + 2)])) return 0; /* 5ft2 and more letters: "ft2" */
    if (!en_parse_number(w, n->end + sign, &inches) || inches.digit_count > 2 || en_is_alpha(w->s[inches.end]))
        return 0;
    bool time = en_number_value(&inches) >= 12; /* no inches: 1'30" are minutes */
    en_span(w, begin, inches.end + (w->s[inches.end] == '"'));
    en_say_number(w, n);
    w->span_number = false;
    en_put(w, time ? (en_is_one(n) ? "minute" : "minutes") : en_is_one(n) ? "foot" : "feet");
    en_say_number(w, &inches);
    w->span_number = false;
    en_put(w, time ? "seconds" : en_is_one(&inches) ? "inch" : "inches");
    return inches.end + (w->s[inches.end] == '"');
}

size_t en_match_length(en_work *w, const en_number *n, size_t begin) {
    size_t end = inches_alone(w, n, begin);
    if (!end) end = feet_alone(w, n, begin);
    return end ? end : feet(w, n, begin);
}

/* 3/8" bolt, 8 1/2 x 11 */
size_t en_behind_fraction(en_work *w, size_t begin, size_t end) {
    if (w->s[end] == '"' && !en_is_alnum(w->s[end + 1]) && !in_quotes(w, begin)) {
        en_span(w, end, end + 1);
        en_put(w, "inch");
        end++;
    }
    return by_after(w, end);
}
