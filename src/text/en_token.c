/* en_token: written words to spoken ones.
 *
 * Small words pass through. Capitals need a decision: letters ("FBI"), a word ("NASA"), or loudness ("STOP that
 * NOW"). camelCase is taken apart, elongation ("sooooo") is brought back to a word, and what is longer than any word
 * is cut.
 */
#include <string.h>

#include "text/en.h"

/* ---- elongation ---- */

static bool has_triple(const char *word, size_t n) {
    for (size_t i = 2; i < n; i++)
        if (word[i] == word[i - 1] && word[i] == word[i - 2]) return true;
    return false;
}

/* Runs of three and more become `keep` letters (1 or 2). */
static size_t shorten(const char *word, size_t n, size_t keep, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t run = 1;
        while (i + run < n && word[i + run] == word[i]) run++;
        size_t count = run >= 3 ? keep : run;
        for (size_t k = 0; k < count; k++) out[used++] = word[i];
        i += run;
    }
    return used;
}

/* "goooood" to "good", "sooo" to "so": whichever is a word. Not for "www" or "mmm", which have no vowel or are ours.
 */
static size_t unstretch(const en_work *w, const char *lower, size_t n, char *out) {
    if (has_triple(lower, n) && strspn(lower, "ivxlcdmw") < n && !en_list_phones(lower, n)) {
        size_t one = shorten(lower, n, 1, out);
        if (en_list_is_common(out, one)) return one;
        size_t two = shorten(lower, n, 2, out);
        if (en_list_is_common(out, two) || en_known(w->en, out, two)) return two;
        return shorten(lower, n, 1, out);
    }
    memcpy(out, lower, n);
    return n;
}

/* ---- capitals ---- */

static bool pronounceable(const char *lower, size_t n) {
    size_t consonants = 0, vowels = 0;
    for (size_t i = 0; i < n; i++) {
        bool vowel = en_vowel_letter(lower[i]);
        vowels += vowel;
        consonants = vowel ? 0 : consonants + 1;
        if (consonants > 3) return false;
    }
    const bool cluster = lower[0] == 's' && strchr("ckmnpqt", lower[1]);
    return vowels > 0 &&
           (en_vowel_letter(lower[0]) || en_vowel_letter(lower[1]) || strchr("hlrw", lower[1]) || cluster);
}

/* "A4", "AT&T's A", "vitamin A": the letter. "A cat", "Is A Test", "a": the article. */
static bool is_letter_a(const en_work *w, size_t i) {
    static const char labels[] = " plan grade vitamin option group team type class section part hepatitis appendix ";
    size_t next = en_skip_spaces(w, i + 1);
    bool touches = en_is_digit(w->s[i + 1]) || w->s[i + 1] == '-' || w->s[i + 1] == '&' || w->s[i + 1] == '/';
    bool behind = i > 0 && (en_is_digit(w->s[i - 1]) || w->s[i - 1] == '-' || w->s[i - 1] == '&');
    bool alone = w->s[i] == 'A' && *en_previous(w) && !en_is_alnum(w->s[next]) && w->s[next] != '"';
    const char *previous = en_previous(w);
    bool labelled = w->s[i] == 'A' && en_in_list(labels, previous, strlen(previous));
    return touches || behind || alone || labelled;
}

/* Every letter of the line is a capital, and it has two words of three letters and more at least: a sign or a
 * headline, however short. */
static bool in_capitals(const en_work *w, size_t i) {
    size_t begin = i, end = i, words = 0;
    while (begin > 0 && i - begin < 60 && w->s[begin - 1] != '\n') begin--;
    while (w->s[end] && w->s[end] != '\n' && end - i < 60) end++;
    for (size_t k = begin; k < end;) {
        const size_t stop = en_letters_end(w, k);
        for (size_t c = k; c < stop; c++)
            if (en_is_lower(w->s[c])) return false;
        words += stop - k >= 2;
        k = stop > k ? stop : k + 1;
    }
    return words >= 2;
}

/* "JOIN US", but "US TROOPS LEAVE"; "LA LAKERS", "IN LA", "IT SUPPORT": letters that a sentence in capitals hides. */
static bool hides_letters(const en_work *w, size_t begin, const char *lower, size_t n) {
    static const char givers[] =
        " join contact follow let tell give show call email visit like help find bring take teach make send text ask "
        "about with for of to from by behind between against among around before after on than both all remind owe "
        "cost join trust support see meet hear watch catch reach love hate leave ";
    const size_t next = en_skip_spaces(w, begin + n), end = en_letters_end(w, next);
    const char *previous = en_previous(w);
    if (n != 2 || w->s[begin + n] == '\'') return false;
    if (en_is_digit(w->s[begin + 2])) return true; /* BA117 */
    if (en_in_list(" la ev er ", lower, n)) return !en_in_list(" la ", w->s + next, end - next);
    if (en_in_list(" us ", lower, n))
        return next > begin + n && en_is_upper(w->s[next]) && !en_in_list(givers, previous, strlen(previous)) &&
               !en_in_list(" all now today on at for and to a the in with your out up know what if how why ",
                           w->s + next, end - next);
    return en_in_list(" it ", lower, n) && en_in_list(" support department dept desk helpdesk staff team manager "
                                                      "services security services infrastructure jobs director ",
                                                      w->s + next, end - next);
}

/* Are these capitals said letter by letter? n letters without a plural or possessive ending. */
static bool is_initialism(en_work *w, size_t begin, const char *lower, size_t n) {
    if (n == 1 && lower[0] == 'a') return is_letter_a(w, begin);
    if (n == 1) return lower[0] != 'i';
    if (en_list_is_acronym_word(lower, n)) return false;
    const bool known = en_list_is_word(w->en, lower, n);
    if (en_shouting(w, begin)) {
        if (hides_letters(w, begin, lower, n)) return true;
        if (en_list_is_common(lower, n)) return false;
        if (en_list_is_letters(lower, n) && n > 2) return true;
        return !(known && n > 2) && !pronounceable(lower, n);
    }
    if (n == 2 && en_in_list(" us ", lower, n) && in_capitals(w, begin) && !hides_letters(w, begin, lower, n))
        return false; /* "CONTACT US" */
    if (en_list_is_letters(lower, n)) return true;
    if (en_list_is_common(lower, n)) return false;
    const char *own = en_list_phones(lower, n);
    if (own) return false;
    if (n <= 3) return !(known && n == 3 && in_capitals(w, begin)); /* "NO DOGS", "GAS LEAK" */
    if (n > 4 && known) return false;
    if (n == 4 && known && in_capitals(w, begin)) return false;
    return !pronounceable(lower, n) || (n == 4 && !known);
}

/* "FBI", "CPUs", "FBI's", "CPU's": letters with an ending. False: no initialism. */
static bool say_initialism(en_work *w, size_t begin, size_t end) {
    const char *s = w->s + begin;
    char lower[EN_WORD_LETTERS + 1];
    size_t n = 0, length = end - begin;
    while (n < length && en_is_upper(s[n]) && n < EN_WORD_LETTERS) {
        lower[n] = en_lower(s[n]);
        n++;
    }
    const char *suffix = NULL;
    if (n == length)
        suffix = "";
    else if (length == n + 1 && s[n] == 's' && n >= 2)
        suffix = "s";
    else if (length == n + 2 && s[n] == '\'' && en_lower(s[n + 1]) == 's')
        suffix = "'s";
    bool joined = n && w->s[end] == '&' && en_is_upper(w->s[end + 1]); /* AT&T */
    if (n == 0 || !suffix || !(joined || is_initialism(w, begin, lower, n))) return false;
    en_put_letters(w, s, n, suffix);
    return true;
}

/* ---- words ---- */

static void say_plain(en_work *w, size_t begin, size_t end) {
    char lower[EN_WORD_LETTERS + 1], word[EN_WORD_LETTERS + 1];
    size_t n = end - begin;
    if (n > EN_WORD_LETTERS) n = EN_WORD_LETTERS;
    for (size_t i = 0; i < n; i++) lower[i] = en_lower(w->s[begin + i]);
    n = unstretch(w, lower, n, word);
    en_span(w, begin, end);
    en_put_n(w, word, n);
    const size_t count = en_word_count(w);
    const bool accented =
        n == 6 && end - begin == 6 && w->chars[end - 1].cp == 0xE9 && memcmp(word, "resume", 6) == 0;
    if (accented && count) en_word_at(w, count - 1)->phones = "R EH1 Z AH0 M EY2"; /* "résumé": never the verb */
}

/* "camelCase": where a part ends, or `end`. "McDonald", "MacBook" and plain "Word" stay whole. */
static size_t camel_part(const en_work *w, size_t begin, size_t end) {
    bool mac = en_starts(w, begin, "mc") || en_starts(w, begin, "mac") || en_starts(w, begin, "o'");
    for (size_t i = begin + 1; i < end && !mac; i++) {
        bool up = en_is_upper(w->s[i]), before_low = en_is_lower(w->s[i - 1]);
        if (up && before_low) return i;
        bool two_follow = i + 2 < end && en_is_lower(w->s[i + 1]) && en_is_lower(w->s[i + 2]);
        if (up && en_is_upper(w->s[i - 1]) && two_follow) return i; /* "HTTPServer" */
    }
    return end;
}

void en_say_token(en_work *w, size_t begin, size_t end) {
    char lower[EN_WORD_LETTERS + 1];
    size_t n = end - begin < EN_WORD_LETTERS ? end - begin : EN_WORD_LETTERS;
    for (size_t i = 0; i < n; i++) lower[i] = en_lower(w->s[begin + i]);
    en_span(w, begin, end);
    if (say_initialism(w, begin, end)) return;
    if (en_list_phones(lower, n) && !en_list_is_letters(lower, n)) {
        say_plain(w, begin, end);
        return;
    }
    for (size_t first = begin; begin < end;) {
        size_t part = camel_part(w, begin, end);
        bool whole = begin == first && part == end; /* asked above */
        en_span(w, begin, part);
        if (whole || !say_initialism(w, begin, part)) say_plain(w, begin, part);
        begin = part;
    }
}

/* Letters with apostrophes between them or, for clipped words, in front ('em, 'til) and behind (dogs'). */
static size_t token_end(const en_work *w, size_t i) {
    size_t end = i, limit = i + EN_WORD_LETTERS;
    while (end < limit && (en_is_alpha(w->s[end]) || (w->s[end] == '\'' && en_is_alpha(w->s[end + 1])))) end++;
    return end;
}

/* Words written with signs: "and/or" is two words, "w/o" one. */
static size_t slash_word(en_work *w, size_t i) {
    static const struct {
        const char *written, *said;
    } forms[] = {{"w/o", "without"}, {"w/e", "week ending"}, {"w/", "with"},     {"n/a", ""},
                 {"c/o", "care of"}, {"b/c", "because"},     {"y/o", "year old"}};
    for (size_t k = 0; k < EV_ARRAY_COUNT(forms); k++) {
        size_t n = strlen(forms[k].written);
        if (!en_starts(w, i, forms[k].written) || (k != 2 && en_is_alnum(w->s[i + n]))) continue;
        if (k == 2 && en_is_alpha(w->s[i + 2]) && !en_is_lower(w->s[i])) continue; /* "W/X" is letters */
        en_span(w, i, i + n);
        if (*forms[k].said)
            en_put(w, forms[k].said);
        else
            en_put_letters(w, "NA", 2, "");
        return n;
    }
    return 0;
}

/* Digits for their sound: "gr8", "l8r", "b4". */
size_t en_match_chat(en_work *w, size_t i) {
    static const struct {
        const char *written, *said;
    } forms[] = {{"gr8", "great"},     {"l8r", "later"},       {"b4", "before"},     {"w8", "wait"},
                 {"m8", "mate"},       {"h8", "hate"},         {"str8", "straight"}, {"2day", "today"},
                 {"2nite", "tonight"}, {"2moro", "tomorrow"},  {"4ever", "forever"}, {"some1", "someone"},
                 {"any1", "anyone"},   {"every1", "everyone"}, {"n1", "nice one"},   {"l8", "late"},
                 {"sk8", "skate"},     {"h8r", "hater"},       {"sk8r", "skater"},   {"4u", "for you"},
                 {"2u", "to you"},     {"2b", "to be"}};
    size_t letters = en_is_digit(w->s[i]) ? i : en_letters_end(w, i);
    if (letters - i > 5 || !en_is_digit(w->s[letters])) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(forms); k++) {
        size_t n = strlen(forms[k].written);
        if (!en_starts(w, i, forms[k].written) || en_is_alnum(w->s[i + n])) continue;
        if (en_is_upper(w->s[i]) && n == 2 && w->s[i + n] != ' ') continue;
        if (en_is_upper(w->s[i]) && n == 2 && !en_shouting(w, i)) return 0; /* "B4" is a place */
        en_span(w, i, i + n);
        en_put(w, forms[k].said);
        return n;
    }
    return 0;
}

/* "the speed in km/h", "up to 5 Gb/s", "mg/dL": a rate without its number. */
static size_t bare_rate(en_work *w, size_t i) {
    const size_t letters = en_letters_end(w, i);
    if (w->s[letters] != '/' || letters - i > 4 || (letters - i < 2 && !en_starts(w, i, "m/s"))) return 0;
    if (en_in_list(" in us mi min mos mo yr wk deg usd eur gbp jpy cny rmb cad aud inr ", w->s + i, letters - i) ||
        (i > 0 && en_is_digit(w->s[i - 1])))
        return 0;
    const en_unit unit = en_unit_at(w, i);
    if (!unit.singular || unit.end != letters || !unit.per) return 0;
    const en_unit below = en_unit_at(w, letters + 1);
    if (!below.singular || en_is_alnum(w->s[below.end])) return 0;
    en_span(w, i, below.end);
    en_say_unit(w, &unit, false);
    return below.end - i;
}

/* "q8h", "q4-6h": how often a medicine is taken. */
static size_t dose_interval(en_work *w, size_t i) {
    en_number n, more;
    if (en_lower(w->s[i]) != 'q' || !en_is_digit(w->s[i + 1]) || !en_parse_number(w, i + 1, &n) || n.digit_count > 2)
        return 0;
    const bool range = w->s[n.end] == '-' && en_is_digit(w->s[n.end + 1]) && en_parse_number(w, n.end + 1, &more);
    const size_t unit = range ? more.end : n.end;
    if (en_lower(w->s[unit]) != 'h' || en_is_alnum(w->s[unit + 1] == 'r' ? w->s[unit + 2] : w->s[unit + 1])) return 0;
    const size_t end = unit + 1 + (w->s[unit + 1] == 'r');
    en_span(w, i, end);
    en_put(w, "every");
    en_say_number(w, &n);
    w->span_number = false;
    if (range) en_put(w, "to");
    if (range) en_say_number(w, &more);
    w->span_number = false;
    en_put(w, "hours");
    return end - i;
}

size_t en_match_word(en_work *w, size_t i) {
    size_t used = slash_word(w, i);
    if (!used) used = bare_rate(w, i);
    if (!used) used = dose_interval(w, i);
    if (!used) used = en_match_chat(w, i);
    if (used) return used;
    size_t end = token_end(w, i);
    bool clipped = i > 0 && w->s[i - 1] == '\'' && (i == 1 || en_is_space(w->s[i - 2]));
    if (clipped) { /* 'em 'til 'cause 'tis: only where our list knows the form */
        char form[12] = "'";
        size_t n = end - i < 10 ? end - i : 10;
        for (size_t k = 0; k < n; k++) form[k + 1] = en_lower(w->s[i + k]);
        if (end - i < 10 && en_list_phones(form, n + 1)) {
            en_span(w, i - 1, end);
            en_put_n(w, form, n + 1);
            return end - i;
        }
    }
    en_say_token(w, i, end);
    return end - i;
}

/* ---- signs ---- */

static const struct {
    int32_t cp;
    const char *said;
} signs[] = {{'&', "and"},
             {'+', "plus"},
             {'=', "equals"},
             {'%', "percent"},
             {'@', "at"},
             {'$', "dollar"},
             {0xA3, "pound"},
             {0x20AC, "euro"},
             {0xA5, "yen"},
             {0xA2, "cents"},
             {0xB0, "degrees"},
             {0xB1, "plus or minus"},
             {0xD7, "times"},
             {0xF7, "divided by"},
             {0xA9, "copyright"},
             {0xA7, "section"},
             {0xB2, "squared"},
             {0xB3, "cubed"},
             {0x2030, "per thousand"},
             {0x2103, "degrees celsius"},
             {0x2109, "degrees fahrenheit"},
             {0x2116, "number"},
             {0x2248, "is about"},
             {0x2260, "is not equal to"},
             {0x2264, "is at most"},
             {0x2265, "is at least"},
             {0x221E, "infinity"},
             {0x221A, "the square root of"},
             {0x2192, "to"},
             {0x2211, "sum"},
             {0xBD, "one half"},
             {0x2153, "one third"},
             {0x2154, "two thirds"},
             {0xBC, "one quarter"},
             {0xBE, "three quarters"},
             {0x3B1, "alpha"},
             {0x3B2, "beta"},
             {0x3B3, "gamma"},
             {0x3B4, "delta"},
             {0x394, "delta"},
             {0x3B5, "epsilon"},
             {0x3B8, "theta"},
             {0x3BB, "lambda"},
             {0x3BC, "mu"},
             {0x3C0, "pi"},
             {0x3C1, "rho"},
             {0x3C3, "sigma"},
             {0x3A3, "sigma"},
             {0x3C4, "tau"},
             {0x3C6, "phi"},
             {0x3C8, "psi"},
             {0x3C9, "omega"},
             {0x3A9, "ohms"},
             {0xB6, "paragraph"},
             {0xBA, "degrees"},
             {0x20A9, "won"},
             {0x20BF, "bitcoin"},
             {0x20B9, "rupees"},
             {0x222B, "the integral of"},
             {0x222A, "union"},
             {0x2229, "intersection"},
             {0x2220, "angle"},
             {0x25B3, "triangle"},
             {0x224C, "is congruent to"},
             {0x2245, "is congruent to"},
             {0x22A5, "is perpendicular to"},
             {0x2225, "is parallel to"},
             {0x2208, "is in"},
             {0x2234, "therefore"},
             {0x2235, "because"},
             {0x2200, "for all"},
             {0x21D2, "implies"},
             {0x221D, "is proportional to"},
             {0x266D, "flat"},
             {0x266F, "sharp"},
             {0x2713, "check"}};

static const char *sign_name(int32_t cp) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(signs); i++)
        if (signs[i].cp == cp) return signs[i].said;
    return NULL;
}

static bool is_greek(int32_t cp) { return cp >= 0x370 && cp <= 0x3FF; }

static size_t greek(en_work *w, size_t i) {
    size_t end = i;
    while (end < w->n && is_greek(w->chars[end].cp)) end++;
    const char *said = end - i == 1 ? sign_name(w->chars[i].cp) : NULL; /* a whole word is a foreign script */
    en_span(w, i, end);
    const ev_char *last = &w->chars[end - 1];
    if (said)
        en_put(w, said);
    else
        ev_sink_omit(w->sink, w->chars[i].at, last->at + last->bytes, "unknown script");
    return end - i;
}

/* "a/b", "x/2", "(a+b)/c": variables, each of one small letter. */
static bool divides(const en_work *w, size_t i) {
    if (i == 0 || en_is_alnum(w->s[i + 1] ? w->s[i + 2] : 0)) return false;
    const char left = w->s[i - 1], right = w->s[i + 1];
    const bool variable = en_is_lower(left) && !(i > 1 && (en_is_alnum(w->s[i - 2]) || strchr("'-.", w->s[i - 2])));
    if (!en_is_lower(right) && !en_is_digit(right)) return false;
    if (left == ')') return true;
    const char pair[] = {left, right, 0};
    return variable && !en_in_list(" na yn io qa wo we bc co ac ds ", pair, 2);
}

/* Does the sign at i stand between or before things that can be compared or added? */
static bool between_terms(const en_work *w, size_t i) {
    size_t before = i, after = en_skip_spaces(w, i + 1);
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    const bool decimal = w->s[after] == '.' && en_is_digit(w->s[after + 1]);
    return before > 0 && en_is_alnum(w->s[before - 1]) && (en_is_alnum(w->s[after]) || decimal);
}

/* Something that can be compared stands before the sign at i: a name of one letter, a number, a bracket. */
static bool ends_term(const en_work *w, size_t i) {
    size_t before = i;
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    if (before == 0 || !(en_is_alnum(w->s[before - 1]) || w->s[before - 1] == ')' || w->s[before - 1] == '%'))
        return false;
    if (before == i || en_is_digit(w->s[before - 1])) return true;
    size_t word = before; /* "takes < 5 min": a verb is no term */
    while (word > 0 && en_is_alpha(w->s[word - 1]) && before - word < 4) word--;
    return before - word <= 2;
}

static bool terms_around(const en_work *w, size_t i, size_t end) {
    size_t before = i, after = en_skip_spaces(w, end);
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    return before > 0 && (en_is_alnum(w->s[before - 1]) || w->s[before - 1] == ')') &&
           (en_is_alnum(w->s[after]) || w->s[after] == '-');
}

/* "upgrade/update": two words that are no pair like "he/she" or "and/or". */
static bool long_words(const en_work *w, size_t i) {
    size_t before = i, end = en_letters_end(w, i + 1);
    while (before > 0 && i - before < 5 && en_is_lower(w->s[before - 1])) before--;
    return i - before >= 5 && end - i > 5 && en_is_lower(w->s[i + 1]);
}

/* "CO₂": digits below the line are said; above it ("x⁴") they are a power. */
static size_t small_digits(en_work *w, size_t i) {
    char digits[8];
    size_t n = 0;
    bool below = w->chars[i].cp >= 0x2080 && w->chars[i].cp <= 0x2089;
    for (; i + n < w->n && n < sizeof digits; n++) {
        int32_t cp = w->chars[i + n].cp, first = below ? 0x2080 : 0x2070;
        bool digit = below ? cp >= 0x2080 && cp <= 0x2089 : cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079);
        if (!digit) break;
        digits[n] = (char)('0' + (cp - first));
    }
    if (!n) return 0;
    en_span(w, i, i + n);
    if (!below) en_put(w, "to the power of");
    en_say_cardinal(w, digits, n);
    return n;
}

static bool per_unit_behind_power(const en_work *w, size_t i) {
    size_t begin = i;
    while (begin > 0 && i - begin < 4 && en_is_digit(w->s[begin - 1])) begin--;
    int32_t before = i > 0 ? w->chars[i - 1].cp : 0;
    bool power = (begin < i && begin > 0 && w->s[begin - 1] == '^') || (before >= 0x2070 && before <= 0x2079);
    return power && en_in_list(" l ml dl m s h kg g mol ", w->s + i + 1, en_letters_end(w, i + 1) - i - 1);
}

static size_t per_unit(en_work *w, size_t i) {
    en_unit unit = en_unit_at(w, i + 1);
    en_put(w, "per");
    if (!unit.singular) return 1;
    unit.per = false;
    en_span(w, i + 1, unit.end);
    en_say_unit(w, &unit, true);
    return unit.end - i;
}

/* "3 times/day", "100 requests/s", "20 people/hr": things that were counted. */
static bool is_rate(const en_work *w, size_t i) {
    static const char counts[] = " two three four five six seven eight nine ten twelve twenty several many ";
    static const char times[] = " s sec second min minute h hr hour d day night wk week mo month y yr year person ";
    const size_t count = en_word_count(w), end = en_letters_end(w, i + 1);
    if (!en_in_list(times, w->s + i + 1, end - i - 1) || en_is_alnum(w->s[end]) || count < 2) return false;
    const char *thing = en_previous(w);
    const size_t n = strlen(thing);
    const bool plural = n > 2 && thing[n - 1] == 's';
    if (!(plural || en_in_list(" people children men women req ", thing, n))) return false;
    for (size_t back = 2; back <= 3 && back <= count; back++) {
        const en_word *word = en_word_at(w, count - back);
        const char *text = en_word_text(w, word);
        if (word->number || en_in_list(counts, text, strlen(text))) return true;
    }
    return false;
}

/* "Press * to repeat", "the # key", "*67", "*99#": the keys of a telephone; "#FF5733", "#include": a hash. */
size_t en_match_key(en_work *w, size_t i) {
    static const char verbs[] = " press dial enter hit push type a an the then by with or and followed double ";
    static const char directives[] = " include define pragma ifdef ifndef endif undef ";
    const char c = w->s[i], before = i > 0 ? w->s[i - 1] : ' ', after = w->s[i + 1];
    if (c != '*' && c != '#') return 0;
    const size_t digits = en_digits_end(w, i + 1), letters = en_letters_end(w, i + 1);
    size_t hidden = i;
    while (w->s[hidden] == '*') hidden++;
    const size_t shown = hidden + (w->s[hidden] == ' '), stop = en_digits_end(w, shown);
    if (hidden >= i + 3 && stop == shown + 4 && !en_is_alnum(w->s[stop]) && w->s[stop] != '*') { /* "**** 4417" */
        en_span(w, shown, stop);
        en_say_digits(w, shown, stop);
        return stop - i;
    }
    const bool free = en_is_space(before) || before == '"' || before == '(';
    const bool alone = free && (!after || en_is_space(after) || strchr(".,;!?)\"", after));
    const char *said = NULL;
    if (alone && en_in_list(verbs, en_previous(w), strlen(en_previous(w)))) said = c == '*' ? "star" : "pound";
    if (c == '*' && free && digits > i + 1 && digits < i + 5 && !en_is_alnum(w->s[digits]) && w->s[digits] != '*') {
        en_span(w, i, i + 1);
        en_put(w, "star");
        en_span(w, i + 1, digits);
        en_say_digits(w, i + 1, digits);
        if (w->s[digits] != '#') return digits - i;
        en_span(w, digits, digits + 1);
        w->span_number = false;
        en_put(w, "pound");
        return digits + 1 - i;
    }
    if (c == '#' && free && en_in_list(directives, w->s + i + 1, letters - i - 1)) said = "hash";
    size_t hex = 0, figures = 0;
    for (; hex < 7 && en_is_alnum(w->s[i + 1 + hex]) && strchr("0123456789abcdefABCDEF", w->s[i + 1 + hex]); hex++)
        figures += en_is_digit(w->s[i + 1 + hex]);
    if (c == '#' && free && (hex == 6 || hex == 3) && figures && figures < hex && !en_is_alnum(w->s[i + 1 + hex])) {
        en_span(w, i, i + 1);
        en_put(w, "hash");
        for (size_t k = i + 1; k <= i + hex; k++) {
            en_span(w, k, k + 1);
            if (en_is_digit(w->s[k]))
                en_say_digits(w, k, k + 1);
            else
                en_put_letters(w, w->s + k, 1, "");
        }
        return hex + 1;
    }
    if (!said) return 0;
    en_span(w, i, i + 1);
    en_put(w, said);
    return 1;
}

/* "List<String>", "std::vector<int>": '<' touches a word on both sides, and a '>' closes it. */
static bool type_parameter(const en_work *w, size_t i) {
    size_t end = i + 1;
    if (i == 0 || !en_is_alpha(w->s[i - 1]) || !en_is_alpha(w->s[i + 1])) return false;
    while (end - i < 40 && w->s[end] && (en_is_alnum(w->s[end]) || strchr(":_,* <", w->s[end]))) end++;
    return w->s[end] == '>';
}

/* "Settings > Privacy > Location": from one menu into the next. */
static bool menu_path(const en_work *w, size_t i) {
    const size_t before = en_before_spaces(w, i), after = en_skip_spaces(w, i + 1);
    size_t word = before;
    if (i == 0 || w->s[i - 1] != ' ' || after == i + 1 || !en_is_upper(w->s[after]) || !en_is_lower(w->s[after + 1]))
        return false;
    while (word > 0 && en_is_alpha(w->s[word - 1])) word--;
    return en_is_upper(w->s[word]) && before > word;
}

/* A number, or money: "<$5", "< .001". */
static bool amount_at(const en_work *w, size_t i) {
    if (w->s[i] == '.' && en_is_digit(w->s[i + 1])) return true;
    int32_t cp = i < w->n ? w->chars[i].cp : 0;
    bool currency = cp == '$' || cp == 0xA3 || cp == 0x20AC || cp == 0xA5;
    return en_is_digit(w->s[i]) || (currency && en_is_digit(w->s[i + 1]));
}

size_t en_match_symbol(en_work *w, size_t i) {
    static const char silent[] = "\"'`*_|\\~^#/<>";
    char c = w->s[i];
    int32_t cp = w->chars[i].cp;
    if (is_greek(cp)) return greek(w, i);
    if (c == '$' && en_is_upper(w->s[i + 1])) return 1; /* "$AAPL" */
    size_t small = small_digits(w, i);
    if (small) return small;
    if (c == '^' && w->s[i + 1] == '-' && en_is_digit(w->s[i + 2])) { /* "10^-3" */
        en_span(w, i, i + 2);
        en_put(w, "to the power of minus");
        return 2;
    }
    if ((c == '&' && w->s[i + 1] == '&') || (c == '|' && w->s[i + 1] == '|')) {
        en_span(w, i, i + 2);
        en_put(w, c == '&' ? "and" : "or");
        return 2;
    }
    if (c == '<' && w->s[i + 1] == '3' && !en_is_alnum(w->s[i + 2]) &&
        !(i > 1 && en_is_digit(w->s[en_before_spaces(w, i)]))) {
        ev_sink_omit(w->sink, w->chars[i].at, w->chars[i + 1].at + w->chars[i + 1].bytes, "emoticon");
        return 2;
    }
    if (c == '<' && type_parameter(w, i)) return 1; /* the '>' is silent, too */
    if (c == '>' && menu_path(w, i)) {
        en_break(w, EV_BREAK_COMMA);
        return 1;
    }
    en_span(w, i, i + 1);
    bool terms = between_terms(w, i);
    bool digit_next = amount_at(w, en_skip_spaces(w, i + 1));
    bool arrow = w->s[i + 1] == '=';
    const char *said = sign_name(cp);
    bool terms_behind = arrow && terms_around(w, i, i + 2);
    bool bare = !ends_term(w, i) && digit_next; /* "<1%": nothing stands in front to be compared */
    bool at_bound = arrow && !terms_behind && en_is_digit(w->s[en_skip_spaces(w, i + 2)]); /* ">=18" */
    if ((c == '<' || c == '>') && at_bound)
        said = c == '<' ? "at most" : "at least";
    else if ((c == '<' || c == '>') && terms_behind)
        said = c == '<' ? "is at most" : "is at least";
    else if (c == '<' && (terms || bare))
        said = bare ? "less than" : "is less than";
    else if (c == '>' && (terms || bare) && i > 0 && en_is_space(w->s[i - 1] ? w->s[i - 1] : ' '))
        said = bare ? "more than" : "is greater than";
    else if (c == '>' && (terms || (bare && i == 0)))
        said = bare ? "more than" : "is greater than";
    else if (c == '-' && terms && w->s[i + 1] == ' ')
        said = "minus";
    else if (cp == 0x2248 && !ends_term(w, i))
        said = "about";
    else if ((cp == 0x2264 || cp == 0x2265) && !ends_term(w, i))
        said = cp == 0x2264 ? "at most" : "at least";
    else if (c == '#' && i > 0 && (w->s[i - 1] == 'C' || w->s[i - 1] == 'F' || w->s[i - 1] == 'G') &&
             !en_is_alnum(w->s[i + 1]) && (i < 2 || !en_is_alnum(w->s[i - 2])))
        said = "sharp";
    else if (c == '*' && terms && digit_next)
        said = "times";
    else if (c == '^' && terms && (w->s[i + 1] == '2' || w->s[i + 1] == '3') && !en_is_alnum(w->s[i + 2])) {
        en_span(w, i, i + 2); /* "x^2" */
        en_put(w, w->s[i + 1] == '2' ? "squared" : "cubed");
        return 2;
    } else if (c == '^' && terms)
        said = "to the power of";
    else if (c == '#' && digit_next)
        said = "number";
    else if (c == '#' && i > 0 && en_is_alpha(w->s[i - 1]) && en_is_alpha(w->s[i + 1]))
        said = "hash";
    else if (c == '~' && digit_next)
        said = "about";
    else if (c == '/' && terms && digit_next && i > 1 && w->s[i - 1] == ' ' && en_is_digit(w->s[i - 2]) &&
             w->s[i + 1] == ' ')
        said = "divided by"; /* "6 / 2" */
    else if (c == '/' && per_unit_behind_power(w, i))
        return per_unit(w, i); /* "10^9/L" */
    else if (c == '/' && is_rate(w, i))
        return en_say_per(w, i) - i;
    else if (c == '/' && i > 0 && en_is_digit(w->s[i - 1]) && en_is_lower(w->s[i + 1]) && !en_is_alnum(w->s[i + 2]))
        said = "over"; /* "1/f noise" */
    else if (c == '/' && divides(w, i))
        said = "over";
    else if (c == '/' && terms && (w->s[i + 1] == ' ' || long_words(w, i)))
        said = "slash";
    else if (c == '_' && terms)
        said = "underscore";
    if (said)
        en_put(w, said);
    else if (!c || !strchr(silent, c))
        ev_sink_omit(w->sink, w->chars[i].at, w->chars[i].at + w->chars[i].bytes, "symbol");
    return said && arrow && (c == '<' || c == '>' || c == '=') ? 2 : 1; /* "<=", "==" */
}
