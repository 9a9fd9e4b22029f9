/* fraction: powers ("10⁶", "1e-5"); "3/4", "2 1/3", "2½", "½", and what only looks like one ("24/7", "120/80"). */
#include <string.h>

#include "text/en/en.h"

static const struct {
    int32_t cp;
    int top, bottom;
} glyphs[] = {{0xBD, 1, 2},   {0x2153, 1, 3}, {0x2154, 2, 3}, {0xBC, 1, 4},   {0xBE, 3, 4},
              {0x2155, 1, 5}, {0x2156, 2, 5}, {0x2157, 3, 5}, {0x2158, 4, 5}, {0x2159, 1, 6},
              {0x215A, 5, 6}, {0x215B, 1, 8}, {0x215C, 3, 8}, {0x215D, 5, 8}, {0x215E, 7, 8}};

static void say_denominator(en_work *w, long bottom, bool plural) {
    char digits[24];
    size_t n = 0, k = sizeof(digits);
    if (bottom == 2) {
        en_put(w, plural ? "halves" : "half");
        return;
    }
    if (bottom == 4) {
        en_put(w, plural ? "quarters" : "quarter");
        return;
    }
    for (; bottom > 0; bottom /= 10, n++) digits[--k] = (char)('0' + bottom % 10);
    en_say_ordinal(w, digits + k, n, plural ? "s" : "");
}

static void say_fraction(en_work *w, long top, long bottom, bool after_whole) {
    w->span_number = false;
    if (after_whole) en_put(w, "and");
    if (after_whole && top == 1 && (bottom == 2 || bottom == 4))
        en_put(w, "a");
    else
        en_say_integer(w, top);
    say_denominator(w, bottom, top != 1);
}

static bool ordinary_denominator(long bottom) {
    return (bottom >= 2 && bottom <= 10) || bottom == 12 || bottom == 16 || bottom == 20 || bottom == 32 ||
           bottom == 64 || bottom == 100 || bottom == 1000;
}

static bool small_integer(const en_number *n, size_t digits) {
    return n->digit_count >= 1 && n->digit_count <= digits && !n->fraction_n && !n->grouped;
}

/* d/d at i, nothing numeric behind it. */
static bool slashed(const en_work *w, size_t i, en_number *top, en_number *bottom) {
    if (!en_parse_number(w, i, top) || !small_integer(top, 4) || w->s[top->end] != '/') return false;
    if (!en_parse_number(w, top->end + 1, bottom) || !small_integer(bottom, 4)) return false;
    bool ordinal = en_word_is(w, bottom->end, "th") || en_word_is(w, bottom->end, "rds") ||
                   en_word_is(w, bottom->end, "ths") || en_word_is(w, bottom->end, "rd") ||
                   en_word_is(w, bottom->end, "nds");
    if (ordinal && en_number_value(bottom) > 2) { /* "2/3rds", "1/4th" */
        while (en_is_alpha(w->s[bottom->end])) bottom->end++;
        return true;
    }
    char after = w->s[bottom->end];
    return !en_is_alnum(after) && !(after == '/' && en_is_digit(w->s[bottom->end + 1]));
}

/* A unit after a fraction: "1/2 kg" is one, "2 1/2 kg" several. */
static size_t with_unit(en_work *w, size_t end, bool singular) {
    en_unit unit = en_unit_at(w, end);
    if (!unit.singular) return end;
    en_say_unit(w, &unit, singular);
    return unit.end;
}

static size_t glyph_fraction(en_work *w, const en_number *whole, size_t begin, size_t at) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(glyphs) && at < w->n; k++) {
        if (glyphs[k].cp != w->chars[at].cp) continue;
        en_span(w, begin, at + 1);
        if (whole) en_say_number(w, whole);
        say_fraction(w, glyphs[k].top, glyphs[k].bottom, whole != NULL);
        return with_unit(w, at + 1, !whole);
    }
    return 0;
}

/* Two numbers with a slash that are no fraction of a whole. */
static void say_pair(en_work *w, long top, long bottom) {
    bool date = (top == 9 && bottom == 11) || (top + bottom == 100 && top >= 50) || (top == 24 && bottom == 7) ||
                (top == 50 && bottom == 50) || (top == 20 && bottom == 20);
    en_say_integer(w, top);
    if (!date) en_put(w, top == bottom ? "out of" : "over");
    en_say_integer(w, bottom);
}

/* "in 3/4 time" */
static bool is_meter(const en_work *w, size_t end, long bottom) {
    size_t next = en_skip_spaces(w, end), stop = en_letters_end(w, next);
    return (bottom == 2 || bottom == 4 || bottom == 8 || bottom == 16) && next > end &&
           en_in_list(" time meter metre signature beat rhythm groove ", w->s + next, stop - next);
}

/* "3/4 inch", "1/2 of the staff", "1/4 mile": a part of what stands behind. */
static bool is_part(const en_work *w, size_t end, long top, long bottom) {
    static const char things[] = " of day days price hour hours off full mile miles cup cups inch inches way ";
    const size_t next = en_skip_spaces(w, end);
    if (top >= bottom || !ordinary_denominator(bottom)) return false;
    const bool small = bottom <= 4; /* a half, two thirds; of 10/12 a date is left */
    return (small && en_word_in(w, next, things)) || en_unit_at(w, end).singular;
}

/* "Mon. 12/25", but "Friday 3/4 of the staff", "Monday 1/2 day". */
static bool is_dated(const en_work *w, size_t end, long top, long bottom) {
    static const char days[] = " monday tuesday wednesday thursday friday saturday sunday ";
    return en_previous_in(w, days) && !is_part(w, end, top, bottom);
}

/* "the week of 10/14" */
static bool is_of_week(const en_work *w) {
    const size_t count = en_word_count(w);
    return count > w->sentence_from + 1 && strcmp(en_previous(w), "of") == 0 &&
           en_in_list(" week weekend month night evening morning ", en_word_text(w, en_word_at(w, count - 2)),
                      en_word_at(w, count - 2)->bytes);
}

/* "scored 98/100", "I give it a 9/10", "10/10": of so many points. */
static bool is_mark(const en_work *w, size_t end, long top, long bottom) {
    static const char verbs[] = " scored score scores rating rated rates grade graded got gave ",
                      articles[] = " a an solid easy strong clear perfect full ",
                      behind[] = " from for would on but and in overall ";
    const char *previous = en_previous(w);
    const size_t next = en_skip_spaces(w, end), word = en_letters_end(w, next);
    if (!(bottom == 5 || bottom == 10 || bottom == 20 || bottom == 50 || bottom == 100) || top > bottom) return false;
    if (en_word_is(w, next, "of")) return false;
    if (en_in_list(verbs, previous, strlen(previous))) return true;
    const bool alone = word == next || en_in_list(behind, w->s + next, word - next);
    return alone && (top == bottom || (bottom <= 10 && en_in_list(articles, previous, strlen(previous))));
}

size_t en_match_fraction(en_work *w, const en_number *first, size_t begin) {
    en_number top, bottom;
    if (!first) return glyph_fraction(w, NULL, begin, begin);
    size_t used = small_integer(first, 6) ? glyph_fraction(w, first, begin, first->end) : 0;
    if (!used && small_integer(first, 3) && w->s[first->end] == ' ')
        used = glyph_fraction(w, first, begin, first->end + 1);
    if (used) return used;
    size_t next = en_skip_spaces(w, first->end);
    if (w->s[first->end] == '-') next = first->end + 1; /* "1-1/2 cups" */
    bool mixed =
        small_integer(first, 4) && next == first->end + 1 && en_is_digit(w->s[next]) &&
        slashed(w, next, &top, &bottom) && top.digit_count <= 2 && ordinary_denominator(en_number_value(&bottom)) &&
        (en_number_value(&top) < en_number_value(&bottom) || (first->digit_count == 1 && top.digit_count == 1));
    if (mixed) {
        en_span(w, begin, bottom.end);
        en_say_number(w, first);
        say_fraction(w, en_number_value(&top), en_number_value(&bottom), true);
        return with_unit(w, bottom.end, false);
    }
    if (!slashed(w, first->begin, &top, &bottom)) return 0;
    long a = en_number_value(&top), b = en_number_value(&bottom);
    if (is_meter(w, bottom.end, b)) {
        en_span(w, begin, bottom.end);
        en_say_integer(w, a);
        en_say_integer(w, b);
        return bottom.end;
    }
    static const char date_words[] =
        " on by until since before after dated due thru eod expires exp deadline effective ",
                      weaker[] = " starts start starting begins through ends ending opens closes arriving arrives "
                                 "departs departing born closed ";
    en_span(w, begin, bottom.end);
    const bool hinted = (en_previous_in(w, weaker) || en_behind_date(w)) && !is_part(w, bottom.end, a, b);
    if ((hinted || en_previous_in(w, date_words) || is_dated(w, bottom.end, a, b) || is_of_week(w) ||
         en_word_is(w, en_skip_spaces(w, bottom.end), "deadline")) &&
        en_valid_day(a, b)) {
        en_say_date(w, 0, (int)a, (int)b);
        return bottom.end;
    }
    if (a == 50 && b == 50) {
        say_pair(w, a, b);
        return bottom.end;
    }
    if (is_mark(w, bottom.end, a, b)) {
        en_say_integer(w, a);
        en_put(w, "out of");
        en_say_integer(w, b);
        return bottom.end;
    }
    bool zero_first = top.digit_count == 2 && top.digits[0] == '0' && bottom.digit_count == 2;
    if (zero_first && en_valid_day(a, b)) { /* "08/16" */
        en_say_date(w, 0, (int)a, (int)b);
        return bottom.end;
    }
    bool years = top.digit_count == 4 && bottom.digit_count == 2 && a >= 1900 && a <= 2099 && b == (a + 1) % 100;
    if (years) { /* "2023/24" */
        en_say_year(w, a);
        en_say_cardinal(w, bottom.digits, 2);
        return bottom.end;
    }
    bool fraction = !(a + b == 100 && a >= 50) && (ordinary_denominator(b) || (a < b && b < 100 && b > 31)) &&
                    a != b && a >= 1 && a < 100 && !(a == 24 && b == 7);
    if (!fraction) {
        say_pair(w, a, b);
        return with_unit(w, bottom.end, false);
    }
    say_fraction(w, a, b, false);
    return with_unit(w, bottom.end, true);
}

/* ---- powers ---- */

/* "10⁶", "10⁻³": to the power. */
size_t en_match_power(en_work *w, const en_number *n, size_t begin) {
    size_t at = n->end, count = 0;
    char digits[8];
    bool minus = at < w->n && w->chars[at].cp == 0x207B;
    if (minus) at++;
    while (at < w->n && count < sizeof digits && (digits[count] = en_raised(w->chars[at].cp)) != 0) at++, count++;
    if (!count) return 0;
    en_span(w, begin, n->end);
    en_say_number(w, n);
    en_span(w, n->end, at);
    w->span_number = false;
    if (!minus && count == 1 && (digits[0] == '2' || digits[0] == '3')) {
        en_put(w, digits[0] == '2' ? "squared" : "cubed");
        return at;
    }
    en_put(w, minus ? "to the power of minus" : "to the power of");
    en_say_cardinal(w, digits, count);
    en_unit unit = w->s[at] == ' ' ? en_unit_at(w, at) : (en_unit){0}; /* "3 × 10⁸ m/s" */
    if (!unit.singular) return at;
    en_unit below = unit.per ? en_unit_at(w, unit.end + 1) : (en_unit){0};
    size_t end = unit.per ? (below.singular ? below.end : unit.end + 1) : unit.end;
    en_span(w, at + 1, end);
    en_say_unit(w, &unit, false);
    return end;
}

/* "1e-5" */
size_t en_match_scientific(en_work *w, const en_number *n, size_t begin) {
    size_t at = n->end;
    if (en_lower(w->s[at]) != 'e') return 0;
    bool minus = w->s[at + 1] == '-', plus = w->s[at + 1] == '+';
    size_t digits = at + 1 + (minus || plus), end = en_digits_end(w, digits);
    if (end == digits || end - digits > 3 || en_is_alnum(w->s[end]) ||
        !(minus || plus || n->fraction_n || n->digit_count == 1))
        return 0;
    while (digits + 1 < end && w->s[digits] == '0') digits++;
    en_span(w, begin, end);
    en_say_number(w, n);
    w->span_number = false;
    en_put(w, minus ? "times ten to the minus" : "times ten to the power of");
    en_say_cardinal(w, w->s + digits, end - digits);
    return end;
}
