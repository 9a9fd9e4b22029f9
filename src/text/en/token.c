/* token: written words to spoken ones.
 *
 * Small words pass through. Capitals need a decision: letters ("FBI"), a word ("NASA"), or loudness ("STOP that
 * NOW"). camelCase is taken apart, elongation ("sooooo") is brought back to a word, and what is longer than any word
 * is cut.
 */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"

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

/* "viii", "www" */
static bool is_of_numerals(const char *word, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr("ivxlcdmw", word[i])) return false;
    return true;
}

/* "goooood" to "good", "sooo" to "so": whichever is a word. Not for "www" or "mmm", which have no vowel or are ours.
 */
static size_t unstretch(const en_work *w, const char *lower, size_t n, char *out) {
    if (has_triple(lower, n) && !is_of_numerals(lower, n) && !en_list_phones(lower, n)) {
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

/* A word of more than two letters that is no acronym, however it is written. The lexicon lists what is written in
 * capitals, too: of two and three letters only what is a word to everybody. */
static bool is_plain_word(const ev_en *en, const char *lower, size_t n) {
    static const char three[] =
        " dog pet tax gas gym egg tea cop fan gap gum ham hop hug jam jar jet jog jug kit lab lid lip log lot mad "
        "map "
        "mat mob mop mud mug nap net nut oak oat odd pad pan pat paw pea pen pie pig pin pit pop pot pub rag ram rap "
        "rat "
        "ray rib rid rip rob rod rot rub rug rum rye sap sew shy sin ski sob soy spa spy sub sue tab tag tan tap tar "
        "tea "
        "tin toe ton tow tub tug van vet wax web wed wet wig wit yen zip zoo cab cam can cap cow cry cup den dig dim "
        "dip "
        "dot dug ear elf elm era fed fee fig fin fog fox fry fur gem god ink inn ivy jaw kid ate axe bat bay bee beg "
        "bet "
        "bid bin bow bud bug bun bus cod hen hid hip hog hut mix raw row sip tom war win wins ";
    if (n == 3) return en_in_list(three, lower, n);
    en_phones phones = {.count = 0};
    return n > 3 && !en_list_is_letters(lower, n) && (en_known(en, lower, n) || en_derive(en, lower, n, &phones));
}

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

/* What a sentence in capitals hides: "US TROOPS LEAVE", "IN LA", "IT SUPPORT", "BA117" are letters; "JOIN US", "LA LA
 * LAND" are words. */
static bool hides_letters(const en_work *w, size_t begin, const char *lower, size_t n) {
    static const char of_state[] =
        " troops senate president congress house army navy marines military dollar dollars economy election "
        "elections "
        "citizen citizens government court stocks markets officials gdp treasury trade ambassador embassy open women "
        "men soccer team forces strikes sanctions tariffs border supreme attorney postal airways inflation ";
    static const char of_office[] =
        " support department dept desk helpdesk staff team manager services security infrastructure jobs director ";
    const size_t next = en_skip_spaces(w, begin + n), end = en_letters_end(w, next);
    const char *previous = en_previous(w);
    const size_t said = strlen(previous);
    if (n != 2 || w->s[begin + n] == '\'') return false;
    if (en_is_digit(w->s[begin + 2])) return true;
    if (en_in_list(" ev er ", lower, n)) return true;
    if (en_in_list(" la ", lower, n))
        return !en_in_list(" la ", w->s + next, end - next) && !en_in_list(" la viva de a ooh ", previous, said);
    if (en_in_list(" us ", lower, n))
        return en_in_list(of_state, w->s + next, end - next) ||
               en_in_list(" the former top breaking ", previous, said);
    return en_in_list(" it ", lower, n) && en_in_list(of_office, w->s + next, end - next);
}

/* Are these capitals said letter by letter? n letters without a plural or possessive ending. */
static bool is_initialism(en_work *w, size_t begin, const char *lower, size_t n) {
    if (n == 1 && lower[0] == 'a') return is_letter_a(w, begin);
    if (n == 1) return lower[0] != 'i';
    if (en_list_is_acronym_word(lower, n)) return false;
    if (en_shouting(w, begin)) {
        if (hides_letters(w, begin, lower, n)) return true;
        if (en_list_is_common(lower, n)) return false;
        if (en_list_is_letters(lower, n) && n > 2) return true;
        return !pronounceable(lower, n) && !(n > 2 && is_plain_word(w->en, lower, n));
    }
    if (n == 2 && en_in_list(" us ", lower, n) && in_capitals(w, begin) && !hides_letters(w, begin, lower, n))
        return false; /* "CONTACT US" */
    if (en_list_is_letters(lower, n)) return true;
    if (en_list_is_common(lower, n)) return false;
    const char *own = en_list_phones(lower, n);
    if (own) return false;
    const bool known = is_plain_word(w->en, lower, n);
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
    assert(begin < end && end <= w->n);
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
    assert(begin <= end && end <= w->n);
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
        assert(part > begin && part <= end);
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
        if (k != 2 && (w->s[i + n] == '/' || (i > 0 && w->s[i - 1] == '/'))) continue; /* "A/B/C" */
        if (k == 2 && en_is_alpha(w->s[i + 2]) && !en_is_lower(w->s[i])) continue;     /* "W/X" is letters */
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

size_t en_match_word(en_work *w, size_t i) {
    size_t used = slash_word(w, i);
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
