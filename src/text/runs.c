/*-
 * runs: which language says which stretch.
 *
 * Letters decide for themselves. What is neither (numbers, signs, punctuation) is decided a sentence at a time:
 *
 *   no Chinese in it   English, if it has a letter; a bare number goes with the hint, else with the sentence before,
 *                      else with the one after, else English
 *   some Chinese       its clauses' language owns figures, units and single letters: in Chinese ones "PM2.5",
 *                      "US$1万", "A股" have Chinese numbers and letters by name; clauses of more English words than
 *                      Chinese characters are English ("The word 山 means 3 things")
 *
 * Punctuation stays with what it follows; opening brackets go with what they open.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/scan.h"
#include "text/sink.h"

enum { WORD_MAX = 512 }; /* characters of an address in Chinese: looked at again at each of its letters */
enum { LANG_NONE = 0, LANG_EN = 'e', LANG_ZH = 'z', LANG_LETTERS = 'l' }; /* letters: by their English names */

typedef struct runs {
    const ev_char *chars;
    size_t n;
    char *language;  /* [n] */
    char *next_kind; /* [n]: kind of the next character from here that is no space */
    const ev_zh *zh;
    const ev_en *en;
} runs;

static char kind_of(int32_t c) {
    if (ev_is_latin(c)) return LANG_EN;
    return ev_zh_is_han(c) || c == 0x3007 ? LANG_ZH : LANG_NONE;
}

static bool is_space(int32_t c) { return c == ' ' || c == '\n'; }
static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }
static bool is_one_of(int32_t c, const char *set) { return c > 0 && c < 0x80 && strchr(set, c); }

static bool is_opening(int32_t c) {
    return is_one_of(c, "([{") || c == 0x201C || c == 0x2018 || c == 0x300C || c == 0x300E || c == 0x300A ||
           c == 0x3008 || c == 0x3010;
}

/* End of the sentence that starts at `begin`: for deciding about numbers only, the languages find the real ends. */
static size_t segment_end(const runs *r, size_t begin) {
    assert(begin < r->n);
    for (size_t i = begin; i < r->n; i++) {
        int32_t c = r->chars[i].cp;
        bool last = i + 1 == r->n;
        if (c == '\n' || c == '!' || c == '?' || c == 0x3002) return i + 1;
        if (c == '.' && (last || is_space(r->chars[i + 1].cp))) return i + 1;
    }
    return r->n;
}

/* A Latin word with all that hangs on it: digits, apostrophes, an address. Closing punctuation is not part of it. */
static size_t latin_word_end(const runs *r, size_t begin, size_t end) {
    assert(begin <= end && end <= r->n);
    size_t i = begin, last = begin;
    for (; i < end; i++) {
        int32_t c = r->chars[i].cp;
        bool inside = kind_of(c) == LANG_EN || (c > ' ' && c < 0x7F) || c == 0x2019 || c == 0x2010 || c == 0x2011;
        bool wide = c < 0x7F && r->chars[i].bytes == 3; /* full-width punctuation is Chinese */
        if (!inside || is_opening(c) || (wide && kind_of(c) == LANG_NONE && !is_digit(c))) break;
        if (is_one_of(c, ",;!") && !(i + 1 < end && is_digit(r->chars[i - 1].cp))) break;
        if (!is_one_of(c, ".,!?:;'\")]}>") && c != 0x2019) last = i + 1;
    }
    return last;
}

/* A number in Chinese company is English all the same where it follows an English word ("iPhone 15 Pro", "it costs
 * $5.50,") and no Chinese follows, or where it opens an English phrase ("3 apples"). before: kind of what stands in
 * front, spaces aside. */
static bool is_english_number(const runs *r, size_t begin, size_t end, char before) {
    for (size_t i = begin; i < end; i++)
        if (kind_of(r->chars[i].cp) == LANG_ZH) return false;
    char after = end < r->n ? r->next_kind[end] : LANG_NONE;
    if (before == LANG_EN) return after != LANG_ZH;
    return before == LANG_NONE && after == LANG_EN && r->chars[end].cp == ' ';
}

/* ---- a clause that Mandarin owns ---- */

static int32_t char_at(const runs *r, size_t i) { return i < r->n ? r->chars[i].cp : 0; }
static bool is_small(int32_t c) { return c >= 'a' && c <= 'z'; }
static bool is_letter(int32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

static bool ends_clause(const runs *r, size_t i) {
    int32_t c = r->chars[i].cp;
    if (c == ',') return !(i > 0 && is_digit(r->chars[i - 1].cp) && is_digit(char_at(r, i + 1)));
    return c == ';' || c == 0x3001 || c == 0x3002 || c == '(' || c == ')';
}

/* Who reads the figures of a clause? English where its words are more than the Chinese characters, or where there are
 * English words only ("It costs $5.50, 很便宜") and not just names ("华为、HDR10"). */
static bool english_owns(const runs *r, size_t begin, size_t end, size_t *clause_end) {
    size_t han = 0, words = 0, units = 0, small = 0, i = begin;
    for (; i < end && !(i > begin && ends_clause(r, i)); i++) {
        char kind = kind_of(r->chars[i].cp);
        han += kind == LANG_ZH;
        if (kind != LANG_EN || (i > begin && kind_of(r->chars[i - 1].cp) == LANG_EN)) continue;
        if (i > begin && is_digit(r->chars[i - 1].cp)) { /* "BP 128/82mmHg" */
            units++;
            continue;
        }
        words++;
        small += is_small(r->chars[i].cp) && is_small(char_at(r, i + 1));
    }
    *clause_end = i;
    if (small > 0) words += units; /* "I ran 5km" */
    return words >= 2 && small > 0 && words > han;
}

/* An address or a name with dots is read whole by English: "a@b.com", "notes.txt", "No.5". */
static bool is_whole(const runs *r, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        int32_t c = r->chars[i].cp, next = i + 1 < end ? r->chars[i + 1].cp : 0;
        if (c == '@' || c == '_' || (c == ':' && next == '/')) return true;
        if (c == '.' && i > begin + 1 && (is_letter(next) || is_digit(next)) && is_letter(r->chars[i - 1].cp))
            return true;
    }
    return false;
}

/* Letters with the signs that hold a word together ("Wi-Fi", "AT&T", "don't"), and C++, C#. */
static size_t letters_end(const runs *r, size_t begin, size_t end) {
    size_t i = begin;
    while (i < end &&
           (kind_of(r->chars[i].cp) == LANG_EN || ((is_one_of(r->chars[i].cp, "'&-/.") || r->chars[i].cp == 0x2019) &&
                                                   i + 1 < end && kind_of(r->chars[i + 1].cp) == LANG_EN)))
        i++;
    if (i - begin == 1 && char_at(r, i) == '+' && char_at(r, i + 1) != '+') return i; /* A+ */
    while (i < end && i - begin < 4 && is_one_of(r->chars[i].cp, "+#") && !is_digit(char_at(r, i + 1))) i++;
    return i;
}

/* B2B, O2O: letter, 2, letter. */
static bool is_to(const runs *r, size_t i, size_t end) {
    return end - i == 3 && r->chars[i + 1].cp == '2' && is_one_of(r->chars[i].cp, "BCGOPF") &&
           is_one_of(r->chars[i + 2].cp, "BCGOPF");
}

/* The letters at i are of a chemical formula: "NaCl", the OH of "C2H5OH". */
static bool in_formula(const runs *r, size_t i) {
    size_t begin = i;
    while (begin > 0 && i - begin < 24) {
        int32_t c = r->chars[begin - 1].cp;
        if (!is_letter(c) && !is_digit(c) && !(c >= 0x2080 && c <= 0x2089) && !is_one_of(c, "()")) break;
        begin--;
    }
    while (begin < i && !is_letter(r->chars[begin].cp)) begin++; /* the 2 of 2H2O */
    return ev_en_formula(r->chars, r->n, begin) > i;
}

static size_t latin_in_chinese(const runs *r, size_t i, size_t end, char *kind) {
    size_t word = latin_word_end(r, i, end - i > WORD_MAX ? i + WORD_MAX : end), stop;
    *kind = LANG_EN;
    if (is_whole(r, i, word)) return word;
    if (is_to(r, i, word)) {
        *kind = LANG_LETTERS;
        return word;
    }
    if (in_formula(r, i)) {
        *kind = LANG_LETTERS;
        for (stop = i; stop < end && is_letter(r->chars[stop].cp);) stop++;
        return stop;
    }
    stop = letters_end(r, i, word > i ? word : i + 1);
    char letters[16] = {0};
    size_t n = 0;
    while (n < sizeof letters && i + n < stop && is_letter(r->chars[i + n].cp))
        letters[n] = (char)r->chars[i + n].cp, n++;
    bool pronoun =
        n == 1 && is_one_of(r->chars[i].cp, "Ia") && char_at(r, stop) == ' ' && is_small(char_at(r, stop + 1));
    int32_t below = char_at(r, stop);
    if (below >= 0x2080 && below <= 0x2089) below = '0' + (below - 0x2080); /* CO₂ */
    bool alone = (i > 0 && kind_of(r->chars[i - 1].cp) == LANG_ZH) || kind_of(char_at(r, stop)) == LANG_ZH;
    if (n == stop - i && n && !pronoun && en_letters_in_chinese(r->en, letters, n, is_digit(below), alone))
        *kind = LANG_LETTERS;
    return stop > i ? stop : i + 1;
}

/* "他说 I have 3 cats 就走了": small English words on both sides keep a number. */
static bool inside_english(const runs *r, size_t begin, size_t end) {
    if (begin < 2 || r->chars[begin - 1].cp != ' ' || char_at(r, end) != ' ' || !is_small(char_at(r, end + 1)))
        return false;
    size_t i = begin - 1;
    while (i > 0 && is_small(r->chars[i - 1].cp)) i--;
    return i < begin - 1 && (i == 0 || r->chars[i - 1].cp == ' ');
}

/* ---- a sentence that holds Chinese ---- */

static bool says_english(const runs *r, size_t begin, size_t end, char before, bool owned) {
    if (!owned) return is_english_number(r, begin, end, before);
    for (size_t i = begin; i < end; i++)
        if (kind_of(r->chars[i].cp) == LANG_ZH || is_letter(r->chars[i].cp)) return false;
    bool opens = before == LANG_NONE && char_at(r, end) == ' ' && is_small(char_at(r, end + 1)); /* 3 apples */
    return opens || inside_english(r, begin, end);
}

static size_t mark_next(runs *r, size_t i, size_t end, bool owned, char *before) {
    assert(i < end && end <= r->n);
    int32_t c = r->chars[i].cp;
    char kind = kind_of(c);
    size_t stop = i + 1;
    bool starts = i == 0 || kind_of(r->chars[i - 1].cp) != LANG_EN;
    const size_t named = ev_en_machine_name(r->chars, end, i, NULL);
    size_t claimed = named > i || is_space(c) || kind == LANG_ZH || (kind == LANG_EN && !(owned && starts))
                         ? 0
                         : ev_zh_claims(r->zh, r->chars, r->n, i);
    if (claimed > end - i) claimed = end - i;
    if (named > i) {
        stop = named;
        kind = LANG_EN;
    } else if (claimed) {
        stop = i + claimed;
        kind = says_english(r, i, stop, *before, owned) ? LANG_EN : LANG_ZH;
    } else if (kind == LANG_EN) {
        stop = owned ? latin_in_chinese(r, i, end, &kind) : latin_word_end(r, i, end);
    } else if (c == '.' && i > 0 && is_letter(r->chars[i - 1].cp) && is_digit(char_at(r, i + 1))) {
        kind = LANG_LETTERS;  /* H.265: of the name, and silent */
    } else if (is_digit(c)) { /* the whole number at once, in the language that runs */
        while (stop < end && is_digit(r->chars[stop].cp)) stop++;
    }
    if (!is_space(c)) *before = kind == LANG_LETTERS ? LANG_EN : kind;
    assert(stop > i && stop <= end);
    memset(r->language + i, kind, stop - i);
    return stop;
}

static void mark_mixed(runs *r, size_t begin, size_t end) {
    assert(begin < end && end <= r->n);
    char before = LANG_NONE; /* of what stands right in front, spaces aside; LANG_NONE: punctuation */
    size_t clause = begin;
    bool owned = true;
    for (size_t i = begin; i < end;) {
        if (i >= clause) owned = !english_owns(r, i, end, &clause);
        i = mark_next(r, i, end, owned, &before);
    }
}

/* "25kg", "10:04am" for a reader of Chinese: all letters belong to expressions of the Mandarin normaliser. */
static bool letters_are_units(const runs *r, size_t begin, size_t end) {
    for (size_t i = begin; i < end;) {
        bool latin = kind_of(r->chars[i].cp) == LANG_EN;
        size_t claimed = is_space(r->chars[i].cp) ? 0 : ev_zh_claims(r->zh, r->chars, r->n, i);
        if (latin && !claimed) return false;
        i += claimed ? claimed : 1;
    }
    return true;
}

/* "yyds", "u1s1": a word of the segment is Chinese although no character of it is. */
static bool is_slang(const runs *r, size_t begin, size_t end) {
    char word[8];
    for (size_t i = begin, n = 0; i <= end; i++) {
        int32_t c = i < end ? r->chars[i].cp : 0;
        if (is_letter(c) || (n && is_digit(c))) {
            if (n < sizeof word) word[n] = (char)(is_letter(c) ? c | 0x20 : c);
            n++;
            continue;
        }
        if (n && n <= sizeof word && en_is_chinese_slang(word, n)) return true;
        n = 0;
    }
    return false;
}

/* "3×4=12，10^2=100。": Chinese punctuation, and no words. */
static bool is_chinese_formula(const runs *r, size_t begin, size_t end) {
    bool wide = false;
    for (size_t i = begin, letters = 0; i < end; i++) {
        int32_t c = r->chars[i].cp;
        letters = kind_of(c) == LANG_EN ? letters + 1 : 0;
        wide |= c == 0x3002 || c == 0x3001 || (is_one_of(c, ",;:!?()") && r->chars[i].bytes == 3);
        if (letters > 2) return false;
    }
    return wide;
}

/* A segment without Chinese that is read in Mandarin all the same. */
static bool is_mandarin(const runs *r, size_t begin, size_t end, bool latin, char hint) {
    size_t clause;
    if (!latin) return false;
    if (hint == LANG_ZH) return !english_owns(r, begin, end, &clause) || letters_are_units(r, begin, end);
    return hint == LANG_NONE && is_slang(r, begin, end);
}

/* The language of each character; LANG_NONE where a neighbour decides. */
static void mark(runs *r, char hint) {
    for (size_t i = r->n, kind = LANG_NONE; i-- > 0;) {
        if (!is_space(r->chars[i].cp)) kind = (unsigned char)kind_of(r->chars[i].cp);
        r->next_kind[i] = (char)kind;
    }
    for (size_t begin = 0; begin < r->n;) {
        size_t end = segment_end(r, begin);
        assert(end > begin && end <= r->n);
        bool han = false, latin = false, number = false, yuan = false;
        for (size_t i = begin; i < end; i++) {
            char kind = kind_of(r->chars[i].cp);
            han |= kind == LANG_ZH;
            latin |= kind == LANG_EN;
            number |= is_digit(r->chars[i].cp);
            yuan |= r->chars[i].cp == 0xA5 && r->chars[i].bytes == 3; /* the wide sign of Chinese keyboards */
        }
        if (han || is_mandarin(r, begin, end, latin, hint) ||
            (number && hint == LANG_NONE && is_chinese_formula(r, begin, end)))
            mark_mixed(r, begin, end);
        else
            memset(r->language + begin, latin ? LANG_EN : yuan ? LANG_ZH : number ? hint : LANG_NONE, end - begin);
        begin = end;
    }
}

/* Gives what is undecided to the language before it, opening brackets and the head of the text to the one after. */
static void fill(runs *r, char fallback) {
    char before = LANG_NONE;
    for (size_t i = 0; i < r->n; i++) {
        if (r->language[i] != LANG_NONE)
            before = r->language[i] == LANG_LETTERS ? LANG_EN : r->language[i];
        else if (!is_opening(r->chars[i].cp))
            r->language[i] = before;
    }
    char after = LANG_NONE;
    for (size_t i = r->n; i-- > 0;) {
        if (r->language[i] != LANG_NONE)
            after = r->language[i] == LANG_LETTERS ? LANG_EN : r->language[i];
        else
            r->language[i] = after != LANG_NONE ? after : before != LANG_NONE ? before : fallback;
    }
}

/* Where SSML names the language, numbers and signs are read in it. */
static void override(runs *r, const ev_marked *marked) {
    const ev_prosody *prosodies = (const ev_prosody *)(const void *)marked->prosodies.data;
    const size_t count = ev_array_count(&marked->prosodies, ev_prosody);
    char language = LANG_NONE;
    for (size_t i = 0, next = 0; i < r->n && count; i++) {
        for (; next < count && prosodies[next].byte_begin <= r->chars[i].at; next++)
            language = prosodies[next].language;
        if (language && kind_of(r->chars[i].cp) == LANG_NONE && !is_space(r->chars[i].cp)) r->language[i] = language;
    }
}

/* chars[begin, end) in stretches of one language. */
static ev_status speak(const runs *r, size_t begin, size_t end, ev_sink *sink, ev_error *err) {
    assert(begin <= end && end <= r->n); /* controls come in order */
    while (begin < end) {
        size_t stop = begin + 1;
        while (stop < end && r->language[stop] == r->language[begin]) stop++;
        ev_status status = EV_OK;
        if (r->language[begin] == LANG_LETTERS)
            ev_en_letters(r->en, r->chars + begin, stop - begin, sink);
        else if (r->language[begin] == LANG_ZH)
            status = ev_zh_speak(r->zh, r->chars, r->n, begin, stop, sink, err);
        else
            status = ev_en_speak(r->en, r->chars + begin, stop - begin, sink, err);
        if (status != EV_OK) return status;
        begin = stop;
    }
    return EV_OK;
}

static void speak_control(const ev_scan *scan, const ev_control *control, const char *text, ev_sink *sink) {
    assert(control->pause_ms > 0 || control->token_begin < control->token_end);
    if (control->pause_ms) {
        ev_sink_pause(sink, control->pause_ms, control->byte_begin, control->byte_end);
        return;
    }
    const int16_t *tokens = (const int16_t *)(const void *)scan->tokens.data;
    bool english = ev_token_classify(tokens[control->token_begin]) == EV_TOKEN_ENGLISH;
    ev_sink_word(sink, english ? "en" : "zh", control->byte_begin, control->byte_end, text + control->byte_begin,
                 control->byte_end - control->byte_begin);
    ev_sink_given(sink);
    for (size_t i = control->token_begin; i < control->token_end; i++) ev_sink_phone(sink, tokens[i]);
}

static ev_status speak_all(const runs *r, const ev_scan *scan, const char *text, ev_sink *sink, ev_error *err) {
    const ev_control *controls = (const ev_control *)(const void *)scan->controls.data;
    size_t count = ev_array_count(&scan->controls, ev_control), at = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t stop = i < count ? controls[i].char_at : r->n;
        ev_status status = speak(r, at, stop, sink, err);
        if (status != EV_OK) return status;
        if (i < count) speak_control(scan, &controls[i], text, sink);
        at = stop;
    }
    return EV_OK;
}

ev_status ev_runs_speak(const ev_scan *scan, const ev_marked *marked, const ev_en *en, const ev_zh *zh, char hint,
                        const char *text, ev_sink *sink, ev_error *err) {
    assert(hint == LANG_NONE || hint == LANG_EN || hint == LANG_ZH);
    runs r = {.chars = (const ev_char *)(const void *)scan->chars.data, .zh = zh, .en = en};
    r.n = ev_array_count(&scan->chars, ev_char);
    r.language = calloc(2 * r.n + 1, 1);
    if (!r.language) return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    r.next_kind = r.language + r.n;
    mark(&r, hint);
    override(&r, marked);
    fill(&r, hint == LANG_ZH ? LANG_ZH : LANG_EN);
    ev_status status = speak_all(&r, scan, text, sink, err);
    free(r.language);
    return status;
}
