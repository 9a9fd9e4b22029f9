/* en_measure: a number in running text: signs, ordinals, decades, ranges, percent and units, years, codes. */
#include <string.h>

#include "text/en.h"

static bool previous_in(const en_work *w, const char *list) {
    const char *previous = en_previous(w);
    return en_in_list(list, previous, strlen(previous));
}

static bool plain_integer(const en_number *n) { return n->digit_count > 0 && !n->fraction_n && !n->grouped; }

/* ---- years ---- */

/* A plain four-digit number is a year unless what follows is counted: "1999", but "1200 meters". */
static bool is_year(const en_work *w, const en_number *n, size_t end) {
    static const char context[] =
        " in since by from until till during before after of year years circa around between early late mid summer "
        "spring fall autumn winter january february march april may june july august september october november "
        "december copyright class the ";
    static const char counted[] = " people men women children dead percent feet more other different new ";
    if (!plain_integer(n) || n->digit_count != 4) return false;
    long value = en_number_value(n);
    if (value < 1100 || value > 2099) return false;
    size_t next = en_skip_spaces(w, end), stop = en_letters_end(w, next);
    size_t letters = stop - next;
    static const char verbs[] = " was is has its this as ";
    bool plural = letters > 3 && w->s[stop - 1] == 's' && w->s[stop - 2] != 's' && next > end &&
                  !en_in_list(verbs, w->s + next, letters) && en_is_lower(w->s[next]);
    if (plural || (next > end && en_in_list(counted, w->s + next, letters))) return false;
    return value >= 1900 || previous_in(w, context);
}

static void say_maybe_year(en_work *w, const en_number *n, size_t end) {
    if (is_year(w, n, end))
        en_say_year(w, en_number_value(n));
    else
        en_say_number(w, n);
}

/* "1980s", "1980's", "80s", "1900s": "nineteen eighties", "nineteen hundreds". */
static size_t decade(en_work *w, const en_number *n, size_t begin) {
    size_t at = n->end;
    if (w->s[at] == '\'') at++;
    if (w->s[at] != 's' || en_is_alnum(w->s[at + 1]) || !plain_integer(n)) return 0;
    long value = en_number_value(n), low = value % 100;
    bool year = n->digit_count == 4 && value >= 1100 && value <= 2099 && low % 10 == 0;
    bool short_form = n->digit_count == 2 && low >= 20 && low % 10 == 0;
    if (!year && !short_form) return 0;
    static const char *const decades[10] = {"",        "",        "twenties",  "thirties", "forties",
                                            "fifties", "sixties", "seventies", "eighties", "nineties"};
    en_span(w, begin, at + 1);
    w->span_number = true;
    if (low == 10) {
        en_say_integer(w, value / 100);
        en_put(w, "tens");
    } else if (low == 0 && value == 2000) {
        en_put(w, "two thousands");
    } else {
        if (year) en_say_integer(w, value / 100);
        en_put(w, low ? decades[low / 10] : "hundreds");
    }
    return at + 1;
}

/* ---- endings ---- */

static size_t ordinal(en_work *w, const en_number *n, size_t begin) {
    if (n->fraction_n || n->digit_count == 0) return 0;
    bool suffix = en_starts(w, n->end, "st") || en_starts(w, n->end, "nd") || en_starts(w, n->end, "rd") ||
                  en_starts(w, n->end, "th");
    if (!suffix || en_is_alnum(w->s[n->end + 2])) return 0;
    en_span(w, begin, n->end + 2);
    en_say_ordinal(w, n->digits, n->digit_count, "");
    return n->end + 2;
}

/* 6'2": feet and inches. */
static size_t feet(en_work *w, const en_number *n, size_t begin) {
    en_number inches;
    if (!plain_integer(n) || n->digit_count > 2 || w->s[n->end] != '\'' || !en_is_digit(w->s[n->end + 1])) return 0;
    if (!en_parse_number(w, n->end + 1, &inches) || inches.digit_count > 2 || en_is_alpha(w->s[inches.end])) return 0;
    en_span(w, begin, inches.end + (w->s[inches.end] == '"'));
    en_say_number(w, n);
    en_put(w, en_is_one(n) ? "foot" : "feet");
    en_say_number(w, &inches);
    en_put(w, en_is_one(&inches) ? "inch" : "inches");
    return inches.end + (w->s[inches.end] == '"');
}

/* Large numbers written short: "5M users", "1.2bn". "4K" and "10K" are said as they are written. */
static size_t short_scale(en_work *w, const en_number *n, size_t begin) {
    const char *said = NULL;
    size_t end = n->end + 1;
    if (w->s[n->end] == 'M') said = "million";
    if (en_word_is(w, n->end, "bn")) {
        said = "billion";
        end++;
    }
    if (!said || en_is_alnum(w->s[end]) || w->s[end] == '-' || w->s[end] == '/') return 0;
    en_span(w, begin, end);
    en_say_number(w, n);
    en_put(w, said);
    return end;
}

/* "5 kg", "16GB", "30 km/h", "50%", "a 5-kg bag". */
static size_t measured(en_work *w, const en_number *n, size_t begin) {
    en_unit unit = en_unit_at(w, n->end);
    if (!unit.singular) return 0;
    bool hyphen = w->s[n->end] == '-';
    if (hyphen && !en_is_alpha(w->s[n->end + 1])) return 0;
    en_unit below = unit.per ? en_unit_at(w, unit.end + 1) : (en_unit){0};
    size_t end = unit.per ? (below.singular ? below.end : unit.end + 1) : unit.end;
    en_span(w, begin, end);
    en_say_number(w, n);
    en_say_unit(w, &unit, hyphen || en_is_one(n));
    return end;
}

/* ---- ranges ---- */

static bool year_like(const en_number *n) {
    long value = en_number_value(n);
    return plain_integer(n) && n->digit_count == 4 && value >= 1100 && value <= 2099;
}

/* Where the second number of a range starts, or 0. *word: what is said between. */
static size_t range_sign(const en_work *w, size_t i, const char **word) {
    *word = "to";
    if ((w->s[i] == '-' || w->s[i] == EN_EN_DASH || w->s[i] == '~') && en_is_digit(w->s[i + 1])) return i + 1;
    bool spaced = w->s[i] == ' ' && (w->s[i + 1] == '-' || w->s[i + 1] == EN_EN_DASH) && w->s[i + 2] == ' ';
    if (!spaced || !en_is_digit(w->s[i + 3])) return 0;
    for (size_t k = i + 3; w->s[k] && k < i + 24; k++)
        if (w->s[k] == '=') *word = "minus";
    return i + 3;
}

static size_t range(en_work *w, const en_number *n, size_t begin) {
    const char *word;
    en_number second;
    size_t at = range_sign(w, n->end, &word);
    if (!at || !en_parse_number(w, at, &second)) return 0;
    const char *unused;
    if (range_sign(w, second.end, &unused) || w->s[second.end] == '/') return 0; /* "1-2-3" is no range */
    if (w->s[second.end] == '=') word = "minus";                                 /* "5-3=2" */
    en_span(w, begin, second.end);
    bool years = year_like(n) && (year_like(&second) || second.digit_count == 2);
    if (years)
        en_say_year(w, en_number_value(n));
    else
        en_say_number(w, n);
    w->span_number = false;
    en_put(w, word);
    size_t end = years ? 0 : measured(w, &second, at);
    if (end) return end;
    if (years && second.digit_count == 4)
        en_say_year(w, en_number_value(&second));
    else
        en_say_number(w, &second);
    return second.end;
}

/* ---- the way in ---- */

/* "your OTP is 482913" */
static bool code_is(const en_work *w, const char *codes) {
    size_t count = en_word_count(w);
    if (count < w->sentence_from + 2 || strcmp(en_previous(w), "is") != 0) return false;
    const en_word *subject = en_word_at(w, count - 2);
    const char *text = en_word_text(w, subject);
    return strcmp(text, "O T P") == 0 || strcmp(text, "P I N") == 0 || en_in_list(codes, text, subject->bytes);
}

static size_t unsigned_number(en_work *w, size_t begin, size_t i) {
    typedef size_t (*form)(en_work *, const en_number *, size_t);
    static const form forms[] = {ordinal, decade, feet, en_match_fraction, range, short_scale, measured};
    static const char codes[] = " code pin password passcode zip extension ext otp call dial dialed ";
    en_number n;
    if (!en_parse_number(w, i, &n)) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(forms); k++) {
        size_t end = forms[k](w, &n, begin);
        if (end) return end;
    }
    en_span(w, begin, n.end);
    bool lines = n.digit_count == 4 && w->s[n.end] == 'p'; /* 1080p */
    bool by = w->s[n.end] == 'x' && en_is_digit(w->s[n.end + 1]);
    bool port = begin >= 2 && w->s[begin - 1] == ':' && en_is_alpha(w->s[begin - 2]); /* localhost:8080 */
    bool code = port || previous_in(w, codes) || code_is(w, codes);
    if (plain_integer(&n) && n.digit_count >= 3 && code)
        en_say_digits(w, n.begin, n.end);
    else if (lines || (by && n.digit_count == 4))
        en_say_year(w, en_number_value(&n));
    else
        say_maybe_year(w, &n, n.end);
    if (!by) return n.end;
    w->span_number = false;
    en_span(w, n.end, n.end + 1);
    en_put(w, "by");
    return n.end + 1;
}

/* Digits behind letters: "MP3", "GPT-4o", "R2D2". */
static size_t attached_number(en_work *w, size_t i) {
    en_number n;
    if (!en_parse_number(w, i, &n)) return 0;
    en_span(w, i, n.end);
    if (n.digit_count == 4 && n.fraction_n == 0)
        en_say_year(w, en_number_value(&n));
    else
        en_say_number(w, &n);
    return n.end - i;
}

static bool sign_place(const en_work *w, size_t i) {
    return i == 0 || en_is_space(w->s[i - 1]) || strchr("(=:,<>\"/", w->s[i - 1]) || w->s[i - 1] == EN_EM_DASH;
}

size_t en_match_number(en_work *w, size_t i) {
    char c = w->s[i];
    if (i > 0 && en_is_alpha(w->s[i - 1]) && en_is_digit(c)) return attached_number(w, i);
    size_t at = i;
    bool signed_number = (c == '-' || c == '+') && sign_place(w, i) &&
                         (en_is_digit(w->s[i + 1]) || (w->s[i + 1] == '.' && en_is_digit(w->s[i + 2])));
    if (signed_number)
        at++;
    else if (c == '.' && !(sign_place(w, i) && en_is_digit(w->s[i + 1])))
        return 0;
    else if (c != '.' && !en_is_digit(c)) {
        size_t end = en_match_fraction(w, NULL, i);
        return end ? end - i : 0;
    }
    if (signed_number) {
        en_span(w, i, i + 1);
        en_put(w, c == '-' ? "minus" : "plus");
    }
    size_t end = unsigned_number(w, at, at);
    return end > i ? end - i : 0;
}
