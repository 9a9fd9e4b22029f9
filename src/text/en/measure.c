/* measure: a number in running text: signs, ordinals, decades, ranges, percent and units, years, codes. */
#include <string.h>

#include "text/en/en.h"

static bool plain_integer(const en_number *n) { return n->digit_count > 0 && !n->fraction_n && !n->grouped; }

/* ---- years ---- */

static bool year_like(const en_number *n) {
    long value = en_number_value(n);
    return plain_integer(n) && n->digit_count == 4 && value >= 1100 && value <= 2099;
}

/* "the year was", "the year is": what follows is one. */
static bool of_a_year(const en_work *w) {
    size_t count = en_word_count(w);
    return count >= w->sentence_from + 2 && en_previous_in(w, " was is ") &&
           strcmp(en_word_text(w, en_word_at(w, count - 2)), "year") == 0;
}

/* "340 A.D.", "1200 BCE": the era behind a number. */
static bool era_follows(const en_work *w, size_t end) {
    size_t at = en_skip_spaces(w, end), stop = en_letters_end(w, at);
    if (at == end || !en_is_upper(w->s[at])) return false;
    bool dotted = en_starts(w, at, "a.d") || en_starts(w, at, "b.c") || en_starts(w, at, "c.e");
    return dotted || (en_is_upper(w->s[stop - 1]) && en_in_list(" ad bc bce ce ", w->s + at, stop - at));
}

bool en_join_eras(en_work *w, size_t i) {
    size_t digits = i;
    if (!en_is_dash(w->s[i])) return false;
    while (digits > 0 && !en_is_digit(w->s[digits - 1]) && i - digits < 7) digits--;
    const size_t next = en_skip_spaces(w, i + 1), end = en_digits_end(w, next);
    if (digits == 0 || !en_is_digit(w->s[digits - 1]) || !era_follows(w, digits)) return false;
    if (end == next || end > next + 4 || !era_follows(w, end)) return false;
    en_span(w, i, i + 1);
    en_put(w, "to");
    return true;
}

/* A plain four-digit number is a year unless what follows is counted: "1999", but "1200 meters". */
static bool is_year(const en_work *w, const en_number *n, size_t end) {
    static const char context[] =
        " in since by from until till during before after of year years circa around between early late mid summer "
        "spring born died fall autumn winter january february march april may june july august september october "
        "november december copyright class the established built founded erected constructed opened dating vintage ";
    static const char counted[] = " people men women children dead percent feet more other different new ";
    if (!plain_integer(n) || n->digit_count != 4) return false;
    long value = en_number_value(n);
    if (value <= 1000 || value > 2999 || value % 1000 == 0) return value == 2000 && en_previous_in(w, context);
    bool alone = n->begin == 0 && !w->s[end]; /* nothing else is said */
    if (alone) return value >= 1100;
    if (value > 2099 || (n->begin > 1 && w->s[n->begin - 1] == ' ' && w->s[en_before_spaces(w, n->begin)] == '/'))
        return false;
    size_t next = en_skip_spaces(w, end), stop = en_letters_end(w, next);
    bool bracketed = n->begin > 0 && w->s[n->begin - 1] == '(' && w->s[end] == ')' && value >= 1100; /* "(1803)" */
    if (bracketed || of_a_year(w) || en_word_is(w, next, "when") || strcmp(en_previous(w), "A D") == 0) return true;
    if (value < 1100 && !en_previous_in(w, " in since until before after circa around year of ")) return false;
    size_t letters = stop - next;
    static const char verbs[] = " was is has its this as ";
    bool plural = letters > 3 && w->s[stop - 1] == 's' && w->s[stop - 2] != 's' && next > end &&
                  !en_in_list(verbs, w->s + next, letters) && en_is_lower(w->s[next]);
    if (plural || (next > end && en_in_list(counted, w->s + next, letters))) return false;
    return value >= 1900 || en_previous_in(w, context);
}

static void say_maybe_year(en_work *w, const en_number *n, size_t end) {
    bool dated = plain_integer(n) && n->digits[0] != '0' && era_follows(w, end);
    if (dated && n->digit_count == 3)
        en_say_pairs(w, n->begin, n->whole_end);
    else if ((dated && n->digit_count == 4) || is_year(w, n, end))
        en_say_year(w, en_number_value(n));
    else
        en_say_number(w, n);
}

/* "1,000s of people", "100s": by how many noughts. */
static size_t round_plural(en_work *w, const en_number *n, size_t begin) {
    static const char *const names[] = {
        "tens", "hundreds", "thousands", "tens of thousands", "hundreds of thousands", "millions"};
    size_t noughts = 0, at = n->end;
    if (w->s[at] != 's' || n->digit_count > EV_ARRAY_COUNT(names) + 1) return 0;
    while (noughts + 1 < n->digit_count && n->digits[n->digit_count - 1 - noughts] == '0') noughts++;
    bool round =
        n->digit_count == noughts + 1 && n->digits[0] == '1' && noughts >= 1 && noughts <= EV_ARRAY_COUNT(names);
    if (!round || n->fraction_n || en_is_alnum(w->s[at + 1])) return 0;
    if (!en_word_is(w, en_skip_spaces(w, at + 1), "of")) return 0;
    en_span(w, begin, at + 1);
    en_put(w, names[noughts - 1]);
    return at + 1;
}

/* "a 30s ad": what follows is counted in seconds, and no music of the thirties. */
static bool lasts_seconds(const en_work *w, size_t i) {
    static const char timed[] =
        " ad ads spot spots clip clips teaser trailer timer timeout delay sprint plank countdown interval cooldown ";
    const size_t at = en_skip_spaces(w, i), end = en_letters_end(w, at);
    return at > i && end > at && en_in_list(timed, w->s + at, end - at);
}

/* "1980s", "1980's", "80s", "1900s": "nineteen eighties", "nineteen hundreds". */
static size_t decade(en_work *w, const en_number *n, size_t begin) {
    size_t at = n->end;
    const bool jets = n->digit_count == 3 && n->digits[0] == '7' && n->digits[2] == '7'; /* "747s" */
    if (jets && w->s[at] == 's' && !en_is_alnum(w->s[at + 1])) {
        en_span(w, begin, at + 1);
        en_say_pairs(w, n->begin, n->whole_end);
        if (en_word_count(w)) en_word_at(w, en_word_count(w) - 1)->plural = true;
        return at + 1;
    }
    if (w->s[at] == '\'' || (w->s[at] == ' ' && year_like(n) && n->digits[3] == '0')) at++; /* "1980 s" */
    if (w->s[at] != 's' || en_is_alnum(w->s[at + 1]) || !plain_integer(n)) return 0;
    long value = en_number_value(n), low = value % 100;
    if (n->digit_count == 2 && lasts_seconds(w, at + 1)) {
        en_span(w, begin, at + 1);
        en_say_number(w, n);
        en_put(w, "second");
        return at + 1;
    }
    bool year = n->digit_count == 4 && value >= 1100 && value <= 2099 && low % 10 == 0;
    bool short_form = n->digit_count == 2 && low >= 20 && low % 10 == 0;
    if (!year && !short_form) return 0;
    static const char *const decades[10] = {"",        "",        "twenties",  "thirties", "forties",
                                            "fifties", "sixties", "seventies", "eighties", "nineties"};
    en_span(w, begin, at + 1);
    w->span_number = true;
    size_t dash = w->s[at + 1] == '-' || w->s[at + 1] == EN_EN_DASH ? at + 2 : 0;
    if (dash && w->s[dash] == '\'') dash++;
    bool ranged = dash && (en_digits_end(w, dash) == dash + 2 || en_digits_end(w, dash) == dash + 4) &&
                  w->s[en_digits_end(w, dash)] == 's';
    if (low == 10) {
        en_say_integer(w, value / 100);
        en_put(w, "tens");
    } else if (low == 0 && value == 2000) {
        en_put(w, "two thousands");
    } else {
        if (year) en_say_integer(w, value / 100);
        en_put(w, low ? decades[low / 10] : "hundreds");
    }
    if (!ranged) return at + 1;
    w->span_number = false;
    en_span(w, at + 1, at + 2);
    en_put(w, "to");
    return at + 2;
}

/* ---- endings ---- */

/* "49ers", "76ers": whose name is a number. */
static size_t niners(en_work *w, const en_number *n, size_t begin) {
    const long value = n->digit_count == 2 ? en_number_value(n) : 0;
    const size_t end = n->end + 3;
    if (!en_word_is(w, n->end, "ers") || !(value == 49 || value == 76) || n->fraction_n) return 0;
    en_span(w, begin, end);
    en_say_integer(w, value / 10 * 10);
    en_put(w, value == 49 ? "niners" : "sixers");
    return end;
}

static size_t ordinal(en_work *w, const en_number *n, size_t begin) {
    if (n->fraction_n || n->digit_count == 0) return 0;
    bool suffix = en_starts(w, n->end, "st") || en_starts(w, n->end, "nd") || en_starts(w, n->end, "rd") ||
                  en_starts(w, n->end, "th");
    if (!suffix || en_is_alnum(w->s[n->end + 2])) return 0;
    size_t end = n->end + 2;
    bool possessive = w->s[end] == '\'' && w->s[end + 1] == 's' && !en_is_alnum(w->s[end + 2]);
    en_span(w, begin, end);
    en_say_ordinal(w, n->digits, n->digit_count, possessive ? "'s" : "");
    size_t second = en_digits_end(w, end + 1);
    bool more = (w->s[end] == '-' || w->s[end] == EN_EN_DASH) && second > end + 1 &&
                (en_word_is(w, second, "st") || en_word_is(w, second, "nd") || en_word_is(w, second, "rd") ||
                 en_word_is(w, second, "th"));
    if (more) { /* "1st-3rd place" */
        w->span_number = false;
        en_span(w, end, end + 1);
        en_put(w, "to");
        return end + 1;
    }
    return possessive ? end + 2 : end;
}

/* Large numbers written short: "5M users", "1.2bn". "4K" and "10K" are said as they are written. */
static size_t short_scale(en_work *w, const en_number *n, size_t begin) {
    const char *said = NULL;
    size_t end = n->end + 1;
    static const char counted[] =
        " views users followers people subscribers downloads likes followers dollars jobs copies records rows "
        "parameters "
        "params tokens words times customers players fans members votes streams visitors requests lines images ";
    size_t next = en_skip_spaces(w, end);
    bool closes = w->s[end] == '\0' || (w->s[end] && strchr(".,;:!?)\n", w->s[end]) && !en_is_alnum(w->s[end + 1]));
    closes = closes && en_word_count(w) > w->sentence_from;                           /* "2x" alone may be anything */
    if (w->s[n->end] == 'x' && (closes || (next > end && en_is_lower(w->s[next])))) { /* "3x faster", "up 22x." */
        en_span(w, begin, n->end + 1);
        en_say_number(w, n);
        w->span_number = false;
        en_put(w, "times");
        return n->end + 1;
    }
    if (w->s[n->end] == 'x' && w->s[end] == '/' && en_is_alpha(w->s[end + 1])) { /* "3x/week" */
        en_span(w, begin, end + 1);
        en_say_number(w, n);
        w->span_number = false;
        en_put(w, "times per");
        return end + 1;
    }
    bool crowd = next > end && en_word_in(w, next, counted);
    if (w->s[n->end] == 'M' || (w->s[n->end] == 'm' && crowd)) said = "million";
    if (crowd && en_lower(w->s[n->end]) == 'k') said = "thousand";
    if (crowd && en_lower(w->s[n->end]) == 'b') said = "billion";
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

/* "3k-5k": each of the two ends with its letter. */
static size_t scale_range(en_work *w, const en_number *n, size_t begin) {
    char c = en_lower(w->s[n->end]);
    size_t dash = n->end + 1, next = dash + 1, stop = en_digits_end(w, next);
    if ((c != 'k' && c != 'm' && c != 'b') || !en_is_dash(w->s[dash]) || stop == next) return 0;
    if (en_lower(w->s[stop]) != c || en_is_alnum(w->s[stop + 1])) return 0;
    en_span(w, begin, dash);
    en_say_number(w, n);
    w->span_number = false;
    en_put_letters(w, w->s + n->end, 1, "");
    en_span(w, dash, next);
    en_put(w, "to");
    return next;
}

/* "1h30min", "2h30": hours and minutes in one word. */
static size_t hours_minutes(en_work *w, const en_number *n, size_t begin) {
    size_t at = n->end + 1, stop = en_digits_end(w, at), end = en_letters_end(w, stop);
    if (w->s[n->end] != 'h' || stop == at || stop - at > 2 || !plain_integer(n)) return 0;
    bool unit = en_in_list(" m min mins ", w->s + stop, end - stop);
    if (!(unit || (end == stop && stop - at == 2)) || en_is_digit(w->s[end])) return 0;
    en_number minutes;
    if (!en_parse_number(w, at, &minutes) || minutes.end != stop) return 0;
    en_span(w, begin, at);
    en_say_number(w, n);
    w->span_number = false;
    en_put(w, en_is_one(n) ? "hour" : "hours");
    en_span(w, at, end);
    en_say_number(w, &minutes);
    w->span_number = false;
    en_put(w, en_is_one(&minutes) ? "minute" : "minutes");
    return end;
}

/* ---- ranges ---- */

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

/* "20% - 30%", "5kg–10kg": both ends have their unit. */
static size_t unit_range(en_work *w, const en_number *n, size_t begin) {
    en_unit unit = en_unit_at(w, n->end);
    if (!unit.singular || unit.per) return 0;
    size_t at = unit.end, spaced = w->s[at] == ' ' && w->s[at + 1] && w->s[at + 2] == ' ';
    if (spaced) at++;
    if (!(w->s[at] == '-' || w->s[at] == EN_EN_DASH || w->s[at] == '~')) return 0;
    size_t next = spaced ? at + 2 : at + 1;
    en_number second;
    if (!en_is_digit(w->s[next]) || !en_parse_number(w, next, &second)) return 0;
    en_unit other = en_unit_at(w, second.end);
    if (!other.singular || strcmp(other.singular, unit.singular) != 0) return 0;
    en_span(w, begin, unit.end);
    en_say_number(w, n);
    en_say_unit(w, &unit, en_is_one(n));
    en_span(w, at, next);
    en_put(w, "to");
    return next;
}

static size_t range(en_work *w, const en_number *n, size_t begin) {
    const char *word;
    en_number second;
    size_t at = range_sign(w, n->end, &word);
    if (!at || !en_parse_number(w, at, &second)) return 0;
    const char *unused;
    if (range_sign(w, second.end, &unused) || w->s[second.end] == '/') return 0; /* "1-2-3" is no range */
    bool chain = w->s[n->end] == '-' && ((w->s[second.end] == '-' && en_is_alnum(w->s[second.end + 1])) ||
                                         (begin > 1 && w->s[begin - 1] == '-' && en_is_alnum(w->s[begin - 2])));
    if (chain) return 0; /* "1-413-te-b-1-5": a serial number */
    bool split = n->digit_count == 2 && second.digit_count == 2 && strcmp(n->digits, "50") == 0 &&
                 strcmp(second.digits, "50") == 0;
    if (w->s[second.end] == '=') word = "minus";                                                   /* "5-3=2" */
    bool docket = en_previous_in(w, " number ") && n->digit_count == 2 && second.digit_count >= 3; /* "No. 21-1234" */
    en_span(w, begin, second.end);
    bool years =
        year_like(n) && (year_like(&second) || second.digit_count == 2) && !en_unit_at(w, second.end).singular;
    if (years)
        en_say_year(w, en_number_value(n));
    else
        en_say_number(w, n);
    w->span_number = false;
    if (!split && !docket) en_put(w, word);
    size_t end = years ? 0 : short_scale(w, &second, at);
    if (!end && !years) end = en_match_measured(w, &second, at);
    if (end) return end;
    long value = en_number_value(&second), century = en_number_value(n) / 100 * 100;
    if (years && (second.digit_count == 4 || century == 2000))
        en_say_year(w, second.digit_count == 4 ? value : century + value); /* "2019-20" */
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
    static const form forms[] = {ordinal,         niners,
                                 en_match_length, round_plural,
                                 decade,          en_match_fraction,
                                 en_match_power,  en_match_scientific,
                                 unit_range,      scale_range,
                                 range,           short_scale,
                                 hours_minutes,   en_match_measured};
    static const char codes[] = " code pin password passcode zip extension ext otp call dial dialed ";
    en_number n;
    if (!en_parse_number(w, i, &n)) return 0;
    const size_t wireless = en_starts(w, i, "802.11") ? i + 6 : 0;
    if (wireless && !en_is_digit(w->s[wireless])) {
        en_span(w, begin, wireless);
        en_put(w, "eight oh two eleven");
        size_t stop = en_letters_end(w, wireless);
        if (stop > wireless && stop - wireless < 3) {
            en_span(w, wireless, stop);
            w->span_number = false;
            en_put_letters(w, w->s + wireless, stop - wireless, "");
            return stop;
        }
        return wireless;
    }
    for (size_t k = 0; k < EV_ARRAY_COUNT(forms); k++) {
        size_t end = forms[k](w, &n, begin);
        if (end) return forms[k] == en_match_fraction ? en_behind_fraction(w, begin, end) : end;
    }
    en_span(w, begin, n.end);
    bool lines = n.digit_count == 4 && w->s[n.end] == 'p'; /* 1080p */
    if (begin > 1 && w->s[begin - 1] == 'x' && en_is_digit(w->s[begin - 2]))
        lines = n.digit_count == 4; /* 1920x1080 */
    bool spaced_by = w->s[n.end] == ' ' && (w->s[n.end + 1] == 'x' || w->s[n.end + 1] == 'X') &&
                     w->s[n.end + 2] == ' ' && en_is_digit(w->s[n.end + 3]);
    bool by = spaced_by || (w->s[n.end] == 'x' && en_is_digit(w->s[n.end + 1]));
    bool port = begin >= 2 && w->s[begin - 1] == ':' && en_is_alpha(w->s[begin - 2]); /* localhost:8080 */
    bool handle = begin > 1 && w->s[begin - 1] == '_' && n.digit_count >= 3;          /* wx_12345 */
    bool code = port || handle || en_previous_in(w, codes) || code_is(w, codes);
    if (plain_integer(&n) && n.digit_count >= 3 && code)
        en_say_digits(w, n.begin, n.end);
    else if (lines || (by && n.digit_count == 4))
        en_say_year(w, en_number_value(&n));
    else
        say_maybe_year(w, &n, n.end);
    if (!by) return n.end;
    w->span_number = false;
    en_span(w, n.end + spaced_by, n.end + spaced_by + 1);
    size_t second = n.end + (spaced_by ? 3 : 1), second_end = en_digits_end(w, second);
    bool power = w->s[second_end] == '^' || (second_end < w->n && w->chars[second_end].cp >= 0x2070 &&
                                             w->chars[second_end].cp <= 0x207B); /* "4.5 x 10^9" */
    en_put(w, power ? "times" : "by");
    return second;
}

/* Digits behind letters: "MP3", "GPT-4o", "R2D2". */
static size_t attached_number(en_work *w, size_t i) {
    en_number n;
    if (!en_parse_number(w, i, &n)) return 0;
    en_span(w, i, n.end);
    bool plain = n.fraction_n == 0 && !n.grouped;
    if (n.fraction_n && w->s[n.end] == '.' && en_is_digit(w->s[n.end + 1]))
        return en_match_dotted_number(w, i); /* "v1.2.3" */
    bool name = plain && n.digit_count == 3 && en_is_upper(w->s[i - 1]) && (i < 2 || !en_is_alnum(w->s[i - 2]));
    if (name && w->s[n.end - 1] == '0' && w->s[n.end - 2] == '0') name = false; /* "A100" */
    if (name && n.digits[0] != '0')                                             /* "A320", "F150" */
        en_say_pairs(w, n.begin, n.whole_end);
    else if (plain && n.digit_count >= 4 && en_code_near(w))
        en_say_digits(w, n.begin, n.whole_end);
    else if (plain && n.digit_count >= 3 && n.digit_count <= 4 && en_is_upper(w->s[i - 1]) && en_flight_near(w))
        en_say_pairs(w, n.begin, n.whole_end);
    else if (n.digit_count == 4 && n.fraction_n == 0)
        en_say_year(w, en_number_value(&n));
    else
        en_say_number(w, &n);
    bool plural = i > 1 && en_is_upper(w->s[i - 2]) && w->s[n.end] == 's' && !en_is_alnum(w->s[n.end + 1]) &&
                  en_word_count(w) > 0; /* "MP3s" */
    if (plural) en_word_at(w, en_word_count(w) - 1)->plural = true;
    return n.end - i + plural;
}

static bool sign_place(const en_work *w, size_t i) {
    return i == 0 || en_is_space(w->s[i - 1]) || strchr("(=:,<>\"/", w->s[i - 1]) || w->s[i - 1] == EN_EM_DASH;
}

size_t en_match_number(en_work *w, size_t i) {
    char c = w->s[i];
    bool by = i > 1 && w->s[i - 1] == 'x' && en_is_digit(w->s[i - 2]); /* "2x8 m2" */
    if (i > 0 && en_is_alpha(w->s[i - 1]) && en_is_digit(c) && !by) return attached_number(w, i);
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
