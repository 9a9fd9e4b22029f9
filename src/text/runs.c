/* runs: which language says which stretch.
 *
 * Letters decide for themselves. What is neither (numbers, signs, punctuation) is decided a sentence at a time:
 *   no Chinese in it   English, if it has a letter; a bare number goes with the hint, else with the sentence before,
 *                      else with the one after, else English
 *   some Chinese       an expression that the Mandarin normaliser claims ("3.5kg", "50%") is Chinese, unless it is
 *                      part of an English phrase or word ("iPhone 15 Pro", "GPT-4")
 * Punctuation stays with what it follows; opening brackets go with what they open.
 */
#include <stdlib.h>
#include <string.h>

#include "text/scan.h"
#include "text/sink.h"

enum { LANG_NONE = 0, LANG_EN = 'e', LANG_ZH = 'z' };

typedef struct runs {
    const ev_char *chars;
    size_t n;
    char *language;  /* [n] */
    char *next_kind; /* [n]: kind of the next character from here that is no space */
    const ev_zh *zh;
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

/* A sentence that holds Chinese. */
static void mark_mixed(runs *r, size_t begin, size_t end) {
    char before = LANG_NONE; /* of what stands right in front, spaces aside; LANG_NONE: punctuation */
    for (size_t i = begin; i < end;) {
        int32_t c = r->chars[i].cp;
        char kind = kind_of(c);
        size_t stop = i + 1;
        if (kind == LANG_EN) {
            stop = latin_word_end(r, i, end);
        } else if (kind == LANG_NONE && !is_space(c)) {
            size_t claimed = ev_zh_claims(r->zh, r->chars, r->n, i);
            if (claimed > end - i) claimed = end - i;
            if (claimed) {
                stop = i + claimed;
                kind = is_english_number(r, i, stop, before) ? LANG_EN : LANG_ZH;
            } else if (is_digit(c)) { /* the whole number at once, in the language that runs */
                while (stop < end && is_digit(r->chars[stop].cp)) stop++;
            }
        }
        if (!is_space(c)) before = kind;
        memset(r->language + i, kind, stop - i);
        i = stop;
    }
}

/* The language of each character; LANG_NONE where a neighbour decides. */
static void mark(runs *r, char hint) {
    for (size_t i = r->n, kind = LANG_NONE; i-- > 0;) {
        if (!is_space(r->chars[i].cp)) kind = (unsigned char)kind_of(r->chars[i].cp);
        r->next_kind[i] = (char)kind;
    }
    for (size_t begin = 0; begin < r->n;) {
        size_t end = segment_end(r, begin);
        bool han = false, latin = false, number = false;
        for (size_t i = begin; i < end; i++) {
            char kind = kind_of(r->chars[i].cp);
            han |= kind == LANG_ZH;
            latin |= kind == LANG_EN;
            number |= is_digit(r->chars[i].cp);
        }
        if (han)
            mark_mixed(r, begin, end);
        else
            memset(r->language + begin, latin ? LANG_EN : number ? hint : LANG_NONE, end - begin);
        begin = end;
    }
}

/* Gives what is undecided to the language before it, opening brackets and the head of the text to the one after. */
static void fill(runs *r, char fallback) {
    char before = LANG_NONE;
    for (size_t i = 0; i < r->n; i++) {
        if (r->language[i] != LANG_NONE)
            before = r->language[i];
        else if (!is_opening(r->chars[i].cp))
            r->language[i] = before;
    }
    char after = LANG_NONE;
    for (size_t i = r->n; i-- > 0;) {
        if (r->language[i] != LANG_NONE)
            after = r->language[i];
        else
            r->language[i] = after != LANG_NONE ? after : before != LANG_NONE ? before : fallback;
    }
}

/* Where SSML names the language, numbers and signs are read in it. */
static void override(runs *r, const ev_marked *marked) {
    const ev_prosody *manners = (const ev_prosody *)(const void *)marked->manners.data;
    const size_t count = ev_array_count(&marked->manners, ev_prosody);
    char language = LANG_NONE;
    for (size_t i = 0, next = 0; i < r->n && count; i++) {
        for (; next < count && manners[next].byte_begin <= r->chars[i].at; next++) language = manners[next].language;
        if (language && kind_of(r->chars[i].cp) == LANG_NONE && !is_space(r->chars[i].cp)) r->language[i] = language;
    }
}

/* chars[begin, end) in stretches of one language. */
static ev_status speak(const runs *r, const ev_en *en, size_t begin, size_t end, ev_sink *sink, ev_error *err) {
    while (begin < end) {
        size_t stop = begin + 1;
        while (stop < end && r->language[stop] == r->language[begin]) stop++;
        ev_status status = r->language[begin] == LANG_ZH
                               ? ev_zh_speak(r->zh, r->chars + begin, stop - begin, sink, err)
                               : ev_en_speak(en, r->chars + begin, stop - begin, sink, err);
        if (status != EV_OK) return status;
        begin = stop;
    }
    return EV_OK;
}

static void speak_control(const ev_scan *scan, const ev_control *control, const char *text, ev_sink *sink) {
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

static ev_status speak_all(const runs *r, const ev_scan *scan, const ev_en *en, const char *text, ev_sink *sink,
                           ev_error *err) {
    const ev_control *controls = (const ev_control *)(const void *)scan->controls.data;
    size_t count = ev_array_count(&scan->controls, ev_control), at = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t stop = i < count ? controls[i].char_at : r->n;
        ev_status status = speak(r, en, at, stop, sink, err);
        if (status != EV_OK) return status;
        if (i < count) speak_control(scan, &controls[i], text, sink);
        at = stop;
    }
    return EV_OK;
}

ev_status ev_runs_speak(const ev_scan *scan, const ev_marked *marked, const ev_en *en, const ev_zh *zh, char hint,
                        const char *text, ev_sink *sink, ev_error *err) {
    runs r = {.chars = (const ev_char *)(const void *)scan->chars.data, .zh = zh};
    r.n = ev_array_count(&scan->chars, ev_char);
    r.language = calloc(2 * r.n + 1, 1);
    if (!r.language) return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    r.next_kind = r.language + r.n;
    mark(&r, hint);
    override(&r, marked);
    fill(&r, hint == LANG_ZH ? LANG_ZH : LANG_EN);
    ev_status status = speak_all(&r, scan, en, text, sink, err);
    free(r.language);
    return status;
}
