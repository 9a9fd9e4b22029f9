/* en: one run of English to words and phones.
 *
 * Three passes over the run: every character gets an ASCII class of its own (accents dropped, typographic marks made
 * plain) so that the matchers read a simple string; the matchers, in order, turn it into words with breaks; words
 * whose sound depends on their neighbours are decided; then each word is looked up and goes to the sink.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/en/en.h"
#include "text/scan.h"

/* ---- characters ---- */

/* Letters that Unicode does not take apart. */
static char plain_letter(int32_t c) {
    static const struct {
        uint16_t from;
        char to;
    } special[] = {{0xC6, 'E'},  {0xE6, 'e'},  {0xD8, 'O'},  {0xF8, 'o'},  {0xDF, 's'},  {0xD0, 'D'},
                   {0xF0, 'd'},  {0xDE, 'T'},  {0xFE, 't'},  {0x110, 'D'}, {0x111, 'd'}, {0x131, 'i'},
                   {0x141, 'L'}, {0x142, 'l'}, {0x152, 'E'}, {0x153, 'e'}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(special); i++)
        if (special[i].from == c) return special[i].to;
    utf8proc_int32_t parts[32];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    return (char)(n > 0 && n <= 32 && parts[0] < 0x80 && en_is_alpha((char)parts[0]) ? parts[0] : EN_SYMBOL);
}

static char class_of(int32_t c) {
    if (c == '\n' || (c >= ' ' && c < 0x7F)) return (char)c;
    if (ev_is_latin(c)) return plain_letter(c);
    switch (c) {
    case 0x2018:
    case 0x2019:
    case 0x2BC:
    case 0x2032: return '\'';
    case 0x201C:
    case 0x201D:
    case 0x201E:
    case 0x2033:
    case 0xAB:
    case 0xBB:
    case 0x300C:
    case 0x300D: return '"';
    case 0xB7: return ' '; /* 京A·12345 */
    case 0x2010:
    case 0x2011:
    case 0x2212: return '-';
    case 0x2012:
    case 0x2013: return EN_EN_DASH;
    case 0x2014:
    case 0x2015: return EN_EM_DASH;
    case 0x2026: return EN_ELLIPSIS;
    case 0x3002: return EN_STOP;
    case 0x3001: return ',';
    case 0x300A:
    case 0x3010: return '(';
    case 0x300B:
    case 0x3011: return ')';
    case 0x2044: return '/';
    case 0x2022:
    case 0x25CF:
    case 0x25AA:
    case 0x25E6: return EN_LEAD; /* bullets */
    default: return EN_SYMBOL;
    }
}

/* "1980S", "4X4", and in sentences of capitals "THE 80S", "3X FASTER": what is an ending of a number in small letters
 * is one in capitals. But a "70S ribosome". */
static void small_endings(en_work *w) {
    for (size_t i = 1; i < w->n; i++) {
        const char c = w->s[i], after = w->s[i + 1];
        const bool shouting = en_is_alpha(c) && en_shouting(w, i); /* asked at the head of each sentence */
        if (c != 'X' && c != 'S') continue;
        const bool apostrophe = w->s[i - 1] == '\'';
        size_t end = i - apostrophe, begin = end;
        while (begin > 0 && end - begin < 5 && en_is_digit(w->s[begin - 1])) begin--;
        if (begin == end || (begin > 0 && en_is_alnum(w->s[begin - 1]))) continue;
        const bool certain = c == 'X' ? en_is_digit(after) : end - begin == 4 || apostrophe;
        const bool decade = (end - begin == 2 || end - begin == 4) && w->s[end - 1] == '0' && !en_is_alnum(after);
        const bool ending = c == 'X' ? !apostrophe && !en_is_alpha(after) : decade;
        if (ending && (certain || shouting)) w->s[i] = en_lower(c);
    }
    w->shout_until = 0; /* that was asked out of turn */
}

/* ---- punctuation ---- */

/* A line of at most four words and 30 characters: no line of prose that was wrapped, but perhaps its last. */
static bool brief_line(const en_work *w, size_t begin) {
    size_t words = 0, end = begin;
    for (; w->s[end] && w->s[end] != '\n' && end - begin <= 30; end++)
        words += !en_is_space(w->s[end]) && (end == begin || en_is_space(w->s[end - 1]));
    return words > 0 && words <= 4 && end - begin <= 30;
}

/* Wrapped lines are one sentence; a blank line, a list or a short line before a capital end one. */
static size_t newline(en_work *w, size_t i) {
    assert(w->s[i] == '\n' && w->line_begin <= i + 1);
    size_t next = i + 1, lines = 1;
    for (; en_is_space(w->s[next]); next++) lines += w->s[next] == '\n';
    char c = w->s[next];
    bool bullet = c == EN_LEAD || ((c == '-' || c == '*') && w->s[next + 1] == ' ');
    bool heading = i - w->line_begin < 50 && (en_is_upper(c) || en_is_digit(c));
    if (lines > 1 || bullet || heading)
        en_break(w, EV_BREAK_FINAL);
    else if (brief_line(w, w->line_begin) && brief_line(w, next))
        en_break(w, EV_BREAK_COMMA); /* "apples", "oat milk": a list, however it is written */
    w->line_begin = next;
    return (bullet ? next + 1 : next) - i;
}

/* A variable of one small letter at i, figures before it or not ("3x"); *end: past it. */
static bool is_variable(const en_work *w, size_t i, size_t *end) {
    const size_t letter = en_digits_end(w, i);
    *end = letter + 1;
    return en_is_lower(w->s[letter]) && !en_is_alnum(w->s[letter + 1]) &&
           (letter > i || strchr("xyznmkbctpq", w->s[letter])) && w->s[letter + 1] != '\'' && w->s[letter + 1] != '.';
}

/* "3x - 4", "10 - x", "2x-1", "x - y": a variable on one side, a variable or a number on the other. */
static bool takes_away(const en_work *w, size_t i) {
    const bool spaced = i > 0 && w->s[i - 1] == ' ' && w->s[i + 1] == ' ';
    size_t left = spaced ? i - 1 : i, right = spaced ? i + 2 : i + 1, end;
    if (left == 0 || (!spaced && (en_is_space(w->s[i - 1]) || en_is_space(w->s[i + 1])))) return false;
    size_t begin = left;
    while (begin > 0 && left - begin < 8 && en_is_alnum(w->s[begin - 1])) begin--;
    if (begin == left || (begin > 0 && w->s[begin - 1] && strchr("-'._", w->s[begin - 1]))) return false;
    const bool figures = en_digits_end(w, begin) == left, variable = is_variable(w, begin, &end) && end == left;
    const bool single = left == begin + 1 && en_is_lower(w->s[begin]);
    const bool behind = is_variable(w, right, &end),
               number = en_digits_end(w, right) > right && !en_is_alnum(w->s[en_digits_end(w, right)]);
    const bool names = strchr("aiu", w->s[begin]) || strchr("aiu", w->s[right]); /* "plan b - a backup" */
    if (single && en_is_lower(w->s[right]) && !en_is_alnum(w->s[right + 1]) && spaced && !names)
        return true;                     /* "x - y" */
    if (!spaced && single) return false; /* as "n-1" is */
    if (!spaced && !(variable && en_is_digit(w->s[begin]))) return false;
    return variable ? behind || number : figures && behind;
}

/* "1- 2 = 5" */
static bool minus_follows(const en_work *w, size_t i) {
    size_t next = en_skip_spaces(w, i + 1), end = en_digits_end(w, next);
    bool variable = i > 0 && en_is_lower(w->s[i - 1]) &&
                    (i == 1 || en_is_space(w->s[i - 2]) || w->s[i - 2] == '(') && /* "n-1" */
                    next == i + 1 && end > next && !en_is_alnum(w->s[end]) && w->s[end] != '-';
    const bool zone =
        i > 2 && end > next && next == i + 1 && (en_word_is(w, i - 3, "gmt") || en_word_is(w, i - 3, "utc"));
    if (zone || takes_away(w, i)) return true;
    return variable || (i > 0 && en_is_digit(w->s[i - 1]) && end > next && w->s[en_skip_spaces(w, end)] == '=');
}

/* "an A- in art": a grade, where the sentence goes on or ends behind it. */
static bool is_grade(const en_work *w, size_t i) {
    bool letter = i > 1 && w->s[i - 1] >= 'A' && w->s[i - 1] <= 'D' && en_is_space(w->s[i - 2]);
    char next = w->s[i + 1];
    bool alone = next == '\0' || next == '.' || next == ',' || next == ')' || next == '\n' || next == '!' ||
                 next == '?' || (next == ' ' && en_is_lower(w->s[i + 2]));
    return letter && alone && !en_in_list(" and or ", w->s + i + 2, en_letters_end(w, i + 2) - (i + 2));
}

/* ".NET": a name that begins with its dot. */
static bool dot_before_name(const en_work *w, size_t i) {
    size_t end = en_letters_end(w, i + 1);
    return w->s[i] == '.' && (i == 0 || en_is_space(w->s[i - 1]) || w->s[i - 1] == '(') && end - i > 2 &&
           !en_is_alnum(w->s[end]) && (i > 0 || !w->s[end] || w->s[end] == ' ');
}

/* "ourdailynews.abc", "node.js": no blank and no capital behind the dot, and no word that begins a sentence. */
static bool dot_in_name(const en_work *w, size_t i) {
    char lower[EN_WORD_LETTERS + 1];
    size_t end = en_letters_end(w, i + 1), n = end - i - 1;
    const bool one = i > 0 && en_is_lower(w->s[i - 1]) &&
                     (i < 2 || en_is_space(w->s[i - 2]) || strchr("/(\"'", w->s[i - 2])); /* "a.out", "t.co" */
    if (i < 1 || !en_is_lower(w->s[i - 1]) || !(one || (i > 1 && en_is_lower(w->s[i - 2]))) ||
        !en_is_lower(w->s[i + 1]) || n < 2 || n > EN_WORD_LETTERS)
        return false;
    for (size_t k = 0; k < n; k++) lower[k] = en_lower(w->s[i + 1 + k]);
    if (w->s[end] == '(' && w->s[end + 1] == ')') return true; /* "list.append()" */
    return (one || !en_list_is_common(lower, n)) && !en_ends_sentence(w, i + 1) && n <= 5;
}

/* "BRK.B": a class of shares. */
static bool dot_in_ticker(const en_work *w, size_t i) {
    return i > 1 && en_is_upper(w->s[i - 1]) && en_is_upper(w->s[i - 2]) && en_is_upper(w->s[i + 1]) &&
           !en_is_alnum(w->s[i + 2]) && w->s[i + 2] != '.' && w->s[i + 2] != '\'';
}

/* The point of a short word that nobody knows, before a small letter or a figure: "conf. # 12", "pt. of cream". */
static bool of_abbreviation(const en_work *w, size_t i) {
    size_t begin = i;
    char lower[8];
    while (begin > 0 && i - begin < 6 && en_is_alpha(w->s[begin - 1])) begin--;
    const size_t n = i - begin, next = en_skip_spaces(w, i + 1);
    if (n < 2 || n > 5 || next != i + 2 || !(en_is_lower(w->s[next]) || en_is_digit(w->s[next]) || w->s[next] == '#'))
        return false;
    if (begin > 0 && (en_is_alnum(w->s[begin - 1]) || w->s[begin - 1] == '.' || w->s[begin - 1] == '\''))
        return false;
    if (en_is_digit(w->s[next]) && en_is_upper(w->s[begin])) return false; /* "I met Anika. 3 days later" */
    if (en_starts_sentence(w, next)) return false;                         /* "i love bts. they are great" */
    for (size_t k = 0; k < n; k++) lower[k] = en_lower(w->s[begin + k]);
    return !en_known(w->en, lower, n) && !en_list_is_letters(lower, n) && !(n > 1 && en_is_upper(w->s[begin + 1]));
}

/* "1.0.0-rc.2", "2.1-beta.1": the point of a release before the release. */
static bool dot_in_release(const en_work *w, size_t i) {
    static const char stages[] = " alpha beta rc pre preview dev build post snapshot ";
    size_t begin = i;
    while (begin > 0 && i - begin < 9 && en_is_alpha(w->s[begin - 1])) begin--;
    const bool behind_number = begin > 1 && w->s[begin - 1] == '-' && en_is_digit(w->s[begin - 2]);
    return en_is_digit(w->s[i + 1]) && (behind_number || begin == 0) && en_in_list(stages, w->s + begin, i - begin);
}

static size_t dots(en_work *w, size_t i) {
    assert(w->s[i] == '.' || w->s[i] == EN_ELLIPSIS);
    size_t end = i;
    bool behind_letter = i > 0 && en_is_alpha(w->s[i - 1]) && (i < 2 || !en_is_alnum(w->s[i - 2]));
    if (behind_letter && w->s[i] == '.' && en_is_digit(w->s[i + 1])) return 1; /* "H.264" */
    if (dot_in_name(w, i) || dot_before_name(w, i) || dot_in_ticker(w, i)) {
        en_span(w, i, i + 1);
        en_put(w, "dot");
        return 1;
    }
    if (of_abbreviation(w, i) || dot_in_release(w, i)) return 1;
    while (w->s[end] == '.' || w->s[end] == EN_ELLIPSIS) end++;
    bool ellipsis = end - i > 1 || w->s[i] == EN_ELLIPSIS;
    size_t next = end;
    while (en_is_space(w->s[next]) || w->s[next] == '"') next++;
    if (ellipsis && w->s[next])
        en_break(w, EV_BREAK_COMMA);
    else
        en_break(w, EV_BREAK_FINAL);
    return end - i;
}

/* "?!" asks; "!!!" is one mark. */
static size_t question_or_exclaim(en_work *w, size_t i) {
    assert(w->s[i] == '?' || w->s[i] == '!');
    size_t end = i;
    bool asks = false;
    if (w->s[i] == '!' && w->s[i + 1] == '=') {
        en_span(w, i, i + 2);
        en_put(w, "is not equal to");
        return 2;
    }
    const size_t term = en_skip_spaces(w, i + 1);
    const char sign = w->s[term], behind = w->s[term ? en_skip_spaces(w, term + 1) : i];
    const bool compared = (sign == '<' || sign == '>') && w->s[term + 1] == ' ' && en_is_digit(behind),
               sum = compared || (sign == '=' && (en_is_alnum(behind) || behind == '(')) ||
                     (sign && strchr("+*/", sign) && (en_is_digit(behind) || (sign == '/' && behind == '(')));
    const bool called = en_is_lower(sign) && (en_word_is(w, term, "is") || en_word_is(w, term, "equals")) &&
                        en_is_digit(w->s[en_skip_spaces(w, en_letters_end(w, term))]);
    if (i > 0 && en_is_digit(w->s[i - 1]) && (sum || called)) { /* "5! = 120", "5! is 120" */
        en_span(w, i, i + 1);
        en_put(w, "factorial");
        return 1;
    }
    for (; w->s[end] == '?' || w->s[end] == '!'; end++) asks |= w->s[end] == '?';
    en_break(w, asks ? EV_BREAK_QUESTION : EV_BREAK_EXCLAIM);
    return end - i;
}

/* ":D", ":-P": a face and no letter; its characters, 0: none. */
static size_t emoticon(const en_work *w, size_t i) {
    const size_t nose = w->s[i + 1] == '-';
    char next = w->s[i + 1 + nose], behind = (char)(next ? w->s[i + 2 + nose] : 0);
    const bool face = w->s[i] == ':' && next && strchr("DPpOo", next) && (i == 0 || en_is_space(w->s[i - 1])) &&
                      (!behind || en_is_space(behind) || behind == '.' || behind == ',' || behind == '!');
    return face ? 2 + nose : 0;
}

static size_t punctuation(en_work *w, size_t i) {
    char c = w->s[i];
    size_t face;
    switch (c) {
    case ' ': return 1;
    case '\n': return newline(w, i);
    case '.':
    case EN_ELLIPSIS: return dots(w, i);
    case EN_STOP: en_break(w, EV_BREAK_FINAL); return 1;
    case '?':
    case '!': return question_or_exclaim(w, i);
    case ',':
    case ';':
    case ':':
        if ((face = emoticon(w, i))) {
            const ev_char *last = &w->chars[i + face - 1];
            ev_sink_omit(w->sink, w->chars[i].at, last->at + last->bytes, "emoticon");
            return face;
        }
        en_break(w, EV_BREAK_COMMA);
        return 1;
    case '(':
    case ')':
    case '[':
    case ']':
    case '{':
    case '}':
    case EN_EM_DASH:
    case EN_EN_DASH:
    case EN_LEAD:
        if (en_join_eras(w, i)) return 1;
        en_break(w, EV_BREAK_COMMA);
        return 1;
    case '-':
        if (en_join_eras(w, i)) return 1;
        if (minus_follows(w, i) || is_grade(w, i)) {
            en_span(w, i, i + 1);
            en_put(w, "minus");
            return 1;
        }
        if ((i == 0 || en_is_space(w->s[i - 1]) || w->s[i - 1] == '-') && !en_is_alnum(w->s[i + 1]))
            en_break(w, EV_BREAK_COMMA);
        return 1;
    default: return en_match_symbol(w, i);
    }
}

/* ---- the run ---- */

static size_t match(en_work *w, size_t i) {
    typedef size_t (*matcher)(en_work *, size_t);
    static const matcher at_start[] = {
        en_match_key,     en_match_chat,          en_match_machine,    en_match_net,   en_match_money,
        en_match_formula, en_match_citation,      en_match_phone,      en_match_date,  en_match_time,
        en_match_address, en_match_dotted_number, en_match_identifier, en_match_number};
    static const matcher words[] = {en_match_abbreviation, en_match_roman, en_match_rate, en_match_dose,
                                    en_match_word};
    bool start = i == 0 || !en_is_alnum(w->s[i - 1]);
    if (start)
        for (size_t m = 0; m < EV_ARRAY_COUNT(at_start); m++) {
            size_t used = at_start[m](w, i);
            if (used) return used;
        }
    else if (en_is_digit(w->s[i]))
        return en_match_number(w, i);
    if (!en_is_alpha(w->s[i])) return 0;
    for (size_t m = 0; m < EV_ARRAY_COUNT(words); m++) {
        size_t used = words[m](w, i);
        if (used) return used;
    }
    return 0;
}

/* The words to the sink, with their places in the caller's bytes. */
static void deliver(en_work *w) {
    size_t count = en_word_count(w);
    for (size_t i = 0; i < count; i++) {
        const en_word *word = en_word_at(w, i);
        assert(word->begin <= word->end && word->end >= 1 && word->end <= w->n);
        const char *text = en_word_text(w, word);
        en_phones phones = {.count = 0};
        if (word->phones)
            en_parse_phones(word->phones, &phones);
        else if (word->spell)
            en_spell(text, &phones);
        else
            en_pronounce(w->en, text, word->bytes, &phones);
        if (word->plural) en_add_s(&phones);
        uint32_t begin = w->chars[word->begin].at;
        const ev_char *last = &w->chars[word->end - 1];
        ev_sink_break(w->sink, (ev_break)word->before);
        if (!phones.count) {
            ev_sink_omit(w->sink, begin, last->at + last->bytes, "no pronunciation");
            continue;
        }
        ev_sink_word(w->sink, "en", begin, last->at + last->bytes, text, word->bytes);
        for (size_t k = 0; k < phones.count; k++) ev_sink_phone(w->sink, phones.tokens[k]);
    }
    ev_sink_break(w->sink, (ev_break)w->pending);
}

ev_status ev_en_speak(const ev_en *en, const ev_char *chars, size_t n, ev_sink *sink, ev_error *err) {
    en_work w = {.en = en, .chars = chars, .n = n, .sink = sink};
    w.s = calloc(n + EN_PAD, 1);
    if (!w.s) return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    for (size_t i = 0; i < n; i++) w.s[i] = class_of(chars[i].cp);
    small_endings(&w);
    for (size_t i = 0; i < n;) {
        size_t used = match(&w, i);
        if (!used) used = punctuation(&w, i);
        assert(used >= 1 && used <= n - i);
        i += used;
    }
    en_choose(&w);
    bool failed = w.words.failed || w.text.failed;
    if (!failed) deliver(&w);
    ev_buf_free(&w.words);
    ev_buf_free(&w.text);
    free(w.s);
    return failed ? ev_fail(err, EV_E_MEMORY, "out of memory while reading the text") : EV_OK;
}
