/* scan: bytes to characters, each with its place in the caller's text; what nobody can say is left out and reported.
 *
 * Folding is per character and only where Unicode's NFKC gives one character for one (full-width letters, CJK
 * compatibility forms), so that places stay exact; superscripts, fractions and squared units keep their meaning and
 * are left to the languages. What is left out leaves a space behind where it stood between words (emoji, foreign
 * scripts) and nothing where it stood inside one (zero-width characters).
 */
#include <assert.h>
#include <string.h>
#include <utf8proc.h>

#include "text/dictionary.h"
#include "text/scan.h"
#include "text/scan_control.h"
#include "text/sink.h"
#include "text/transliterate.h"

typedef struct scanner {
    ev_scan *scan;
    ev_sink *sink;
    const char *text; /* marked text */
    size_t bytes;
    const ev_origin *origins;                 /* of its bytes; NULL: each is its own */
    const ev_origin *fixed;                   /* all of it stands for this: what a dictionary says */
    const ev_dictionary *const *dictionaries; /* NULL: none */
    size_t last_end;                          /* behind the last character */
    size_t line_begin, line_length;           /* the line's first character; characters of the line before it */
    bool line_han;                            /* Chinese ones among these */
    size_t link_at, link_end;                 /* "](/path/)" of a link that is being read */
    uint32_t omit_begin, omit_end;            /* a stretch that is left out and may still grow */
    const char *omit_reason;                  /* NULL: none */
} scanner;

enum { CHARS_MAX = 4 * EV_TEXT_BYTES_MAX }; /* dictionaries make more of a text than it has */

static const char emoji[] = "emoji", unknown_script[] = "unknown script", zero_width[] = "zero-width character";
static const char combining[] = "combining mark", control[] = "control character";

static int32_t peek(const scanner *s, size_t at) { return ev_utf8_next(s->text, s->bytes, &at); } /* -1: the end */

/* Markup that is not read may stand anywhere, also inside of a word in brackets or of a dictionary: it is passed
 * over, forwards where something begins, backwards where it ends. */
static uint32_t begin_of(const scanner *s, size_t at) {
    assert(s->fixed || at <= s->bytes);
    if (s->fixed) return s->fixed->begin;
    if (!s->origins) return (uint32_t)at;
    size_t i = at;
    while (i < s->bytes && s->origins[i].begin == EV_VOID) i++;
    if (i < s->bytes) return s->origins[i].begin;
    for (i = at; i > 0 && s->origins[i - 1].begin == EV_VOID;) i--;
    return i > 0 ? s->origins[i - 1].end : 0;
}

static uint32_t end_of(const scanner *s, size_t end) {
    assert(s->fixed || (end > 0 && end <= s->bytes));
    if (s->fixed) return s->fixed->end;
    if (!s->origins) return (uint32_t)end;
    size_t i = end;
    while (i > 0 && s->origins[i - 1].begin == EV_VOID) i--;
    return i > 0 ? s->origins[i - 1].end : 0;
}

static void flush(scanner *s) {
    if (s->omit_reason) ev_sink_omit(s->sink, s->omit_begin, s->omit_end, s->omit_reason);
    s->omit_reason = NULL;
}

static ev_char *last_char(const scanner *s) {
    size_t count = ev_array_count(&s->scan->chars, ev_char);
    return count ? (ev_char *)(void *)s->scan->chars.data + count - 1 : NULL;
}

static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }
static bool is_letter_or_digit(int32_t c) { return is_digit(c) || (c < 0x80 && ev_is_latin(c)); }

/* "2. An item": a list goes on, and no sentence. */
static bool is_item(const scanner *s, size_t at) {
    while (at < s->bytes && is_digit((unsigned char)s->text[at])) at++;
    if (at + 1 >= s->bytes || !s->text[at]) return false;
    if (strchr(":/", s->text[at])) return true; /* "10:30 Opening" */
    return strchr(".)", s->text[at]) && (s->text[at + 1] == ' ' || s->text[at + 1] == '\n');
}

/* "Paragraphs of lines that were\nwrapped": a long line, no Chinese one, that goes on in the next with a small letter
 * or a number. before, next: the characters around its end. */
static bool is_wrapped(const scanner *s, int32_t before, int32_t next, size_t at) {
    enum { LONG_LINE = 50 };
    const bool goes_on = (next >= 'a' && next <= 'z') || (is_digit(next) && !is_item(s, at));
    return s->line_length >= LONG_LINE && !s->line_han && goes_on &&
           (before == ',' || (before < 0x80 && ev_is_latin(before)));
}

/* The next character is the first of a line. */
static void end_line(scanner *s) {
    const ev_char *chars = (const ev_char *)(const void *)s->scan->chars.data;
    const size_t count = ev_array_count(&s->scan->chars, ev_char);
    s->line_length = count - s->line_begin;
    s->line_han = false;
    for (size_t i = s->line_begin; i < count; i++) s->line_han |= ev_zh_is_han(chars[i].cp);
    s->line_begin = count + 1;
}

enum { TOKEN_LETTERS = 4, TOKEN_MAX = 7 }; /* of letters alone; with figures */

/* "III", "24H", "id": what Chinese text says as its own, and no English sentence. */
static bool is_token(size_t length, bool digits) { return length && length <= (digits ? TOKEN_MAX : TOKEN_LETTERS); }

/* The figure or the letters before the space at chars[end - 1] belong to the Chinese behind it: "III 期", "24H 营业",
 * "led 屏幕"; but not "I like it 吗". -> characters that are left. */
static size_t join_token(ev_char *chars, size_t end, size_t fixed) {
    assert(end > 0 && chars[end - 1].cp == ' ');
    size_t begin = end - 1;
    bool digits = false;
    for (; begin > 0 && end - begin <= TOKEN_MAX + 1 && is_letter_or_digit(chars[begin - 1].cp); begin--)
        digits |= is_digit(chars[begin - 1].cp);
    if (end - 1 < fixed || !is_token(end - 1 - begin, digits)) return end;
    const int32_t before = begin ? chars[begin - 1].cp : 0;
    return before && before < 0x80 && !strchr("\n,(:;", before) ? end : end - 1;
}

/* Whether the letters at `at`, behind Chinese, are the Chinese sentence's: Chinese or nothing follows. */
static bool is_own_token(const scanner *s, size_t at) {
    size_t length = 0;
    bool digits = false;
    for (; at < s->bytes && length <= TOKEN_MAX && is_letter_or_digit((unsigned char)s->text[at]); at++, length++)
        digits |= is_digit((unsigned char)s->text[at]);
    while (at < s->bytes && s->text[at] == ' ') at++;
    const int32_t behind = at < s->bytes ? peek(s, at) : '\n';
    return is_token(length, digits) && (behind == '\n' || ev_zh_is_han(behind) || behind >= 0x2000 || behind == 0xB7);
}

/* What stands before `next` without spaces that mean nothing: two in a row, but for columns of numbers; one between
 * Chinese characters and their figures ("第 2 个", "2024 年", "我的 id"); the end of a line that was wrapped. */
static void tidy_space(scanner *s, int32_t next, size_t at) {
    ev_char *chars = (ev_char *)(void *)s->scan->chars.data;
    const ev_control *controls = (const ev_control *)(const void *)s->scan->controls.data;
    const size_t count = ev_array_count(&s->scan->chars, ev_char),
                 control_count = ev_array_count(&s->scan->controls, ev_control);
    const size_t fixed = control_count ? controls[control_count - 1].char_at : 0; /* these stay where they are */
    size_t kept = count;
    assert(fixed <= count); /* controls stand between characters that stay */
    if (!count) return;
    if (count > 1 && chars[count - 1].cp == '\n' && is_wrapped(s, chars[count - 2].cp, next, at))
        chars[count - 1].cp = ' ';
    while (kept > 0 && chars[kept - 1].cp == ' ') kept--;
    if (kept == count) return;
    const int32_t before = kept ? chars[kept - 1].cp : 0;
    const bool beside =
        (ev_zh_is_han(before) && (is_digit(next) || is_own_token(s, at))) || (is_digit(before) && ev_zh_is_han(next));
    const bool columns = is_digit(before) && is_digit(next);
    size_t wanted = kept + (beside ? 0 : columns ? count - kept : 1);
    if (wanted == kept + 1 && ev_zh_is_han(next)) wanted = join_token(chars, wanted, fixed);
    if (wanted < count && wanted >= fixed) s->scan->chars.size = wanted * sizeof *chars;
}

/* at, end: in the marked text, as everywhere here. */
static void emit(scanner *s, int32_t cp, size_t at, size_t end) {
    assert(at < end && end <= s->bytes);
    if (cp != ' ') flush(s);
    if (cp == '\n')
        end_line(s);
    else if (cp != ' ')
        tidy_space(s, cp, at);
    ev_char c = {cp, begin_of(s, at), end_of(s, end) - begin_of(s, at)};
    ev_buf_append(&s->scan->chars, &c, sizeof(c));
    s->last_end = end;
}

/* A space where the last character is none: `at` is where something was left out. */
static void emit_gap(scanner *s, size_t at) {
    const ev_char *last = last_char(s);
    if (last && last->cp != ' ' && last->cp != '\n') {
        ev_char c = {' ', begin_of(s, at), 0};
        ev_buf_append(&s->scan->chars, &c, sizeof(c));
    }
}

/* Neighbours left out for the same reason are one record; only spaces may stand between (emit flushes otherwise). */
static void omit(scanner *s, size_t begin, size_t end, const char *reason) {
    assert(begin < end && end <= s->bytes);
    bool merge = s->omit_reason == reason && reason != emoji;
    bool adjacent = s->omit_end == begin_of(s, begin) || reason == unknown_script;
    if (!merge || !adjacent) {
        flush(s);
        s->omit_begin = begin_of(s, begin);
        s->omit_reason = reason;
    }
    s->omit_end = end_of(s, end);
    if (s->omit_end < s->omit_begin) s->omit_end = s->omit_begin; /* all of it is markup */
}

/* ---- emoji ---- */

static size_t skip(const scanner *s, size_t at) {
    ev_utf8_next(s->text, s->bytes, &at);
    return at;
}

static bool is_pictograph(int32_t c) {
    int boundary = utf8proc_get_property(c)->boundclass;
    return boundary == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC || boundary == UTF8PROC_BOUNDCLASS_E_ZWG ||
           (c >= 0x1F3FB && c <= 0x1F3FF);
}

static bool is_flag_letter(int32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }

static bool is_emoji_tail(int32_t c) {
    return c == 0xFE0F || c == 0xFE0E || c == 0x20E3 || (c >= 0x1F3FB && c <= 0x1F3FF) ||
           (c >= 0xE0020 && c <= 0xE007F);
}

/* End of the emoji that starts at `at` with c, or `at`. One emoji: a flag, a keycap, or pictographs glued by
 * joiners with their skin tones, variation selectors and tags. */
static size_t emoji_end(const scanner *s, int32_t c, size_t at) {
    if (c >= 0x4E00 && c <= 0x9FFF) return at; /* most of Mandarin: not even looked past */
    size_t next = skip(s, at);
    int32_t after = peek(s, next);
    if (is_flag_letter(c)) return is_flag_letter(after) ? skip(s, next) : next;
    if (c < 0x80) { /* keycap: 1, FE0F, 20E3 */
        if (!((c >= '0' && c <= '9') || c == '#' || c == '*')) return at;
        if (after == 0xFE0F) after = peek(s, next = skip(s, next));
        if (after != 0x20E3) return at;
        next = skip(s, next);
        return peek(s, next) == 0xFE0F ? skip(s, next) : next; /* in either order */
    }
    if (!is_pictograph(c) || (c < 0x2300 && after != 0xFE0F)) return at; /* a bare (c) or arrow is a symbol */
    if (c >= 0x266D && c <= 0x266F) return at;                           /* flat, natural, sharp */
    for (;;) {
        while (is_emoji_tail(peek(s, next))) next = skip(s, next);
        if (peek(s, next) != 0x200D || !is_pictograph(peek(s, skip(s, next)))) return next;
        next = skip(s, skip(s, next));
    }
}

/* ---- characters ---- */

bool ev_is_latin(int32_t c) {
    if (c < 0x80) return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (c == 0xAA || c == 0xBA) return false; /* read as degree-like signs */
    bool block = (c >= 0xC0 && c <= 0x24F) || (c >= 0x1E00 && c <= 0x1EFF) || (c >= 0x2C60 && c <= 0x2C7F) ||
                 (c >= 0xA720 && c <= 0xA7FF);
    return block && c != 0xD7 && c != 0xF7;
}

static bool is_greek(int32_t c) { return (c >= 0x370 && c <= 0x3FF) || (c >= 0x1F00 && c <= 0x1FFF); }

/* One character for one, else c itself. */
static int32_t fold(int32_t c) {
    if (c < 0xA0 || (c >= 0x4E00 && c <= 0x9FFF)) return c;
    if (c == 0xBA) return 0xB0; /* "45º": it is meant as degrees */
    int kind = utf8proc_get_property(c)->decomp_type;
    if (kind == UTF8PROC_DECOMP_TYPE_SUPER || kind == UTF8PROC_DECOMP_TYPE_SUB ||
        kind == UTF8PROC_DECOMP_TYPE_FRACTION)
        return c;
    utf8proc_int32_t parts[32];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    return n == 1 ? parts[0] : c;
}

/* Ligatures and roman numerals of one character stand for several letters. */
static bool expand(scanner *s, int32_t c, size_t at, size_t end) {
    if (!((c >= 0xFB00 && c <= 0xFB06) || (c >= 0x2160 && c <= 0x217F))) return false;
    utf8proc_int32_t parts[8];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 8; i++) emit(s, parts[i], at, end);
    return n > 0;
}

/* e + acute is the letter é; a mark that makes no letter is left out. */
static void combine(scanner *s, int32_t mark, size_t at, size_t end) {
    ev_char *last = last_char(s);
    if (last && s->last_end == at && last->cp > ' ') {
        utf8proc_int32_t pair[2] = {last->cp, mark};
        if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1) {
            last->cp = pair[0];
            last->bytes = end_of(s, end) - last->at;
            s->last_end = end;
            return;
        }
    }
    omit(s, at, end, combining);
}

static void control_character(scanner *s, int32_t c, size_t at, size_t end) {
    if (c == '\n' || c == '\v' || c == '\f' || c == 0x85)
        emit(s, '\n', at, end);
    else if (c == '\t' || c == '\r')
        emit(s, ' ', at, end);
    else
        omit(s, at, end, control);
}

/* ---- foreign letters ---- */

static bool is_mark(int32_t c) {
    const utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

/* Of a script that no language here reads; a Greek letter alone is a sign. */
static bool is_foreign(int32_t c) {
    const utf8proc_category_t k = utf8proc_category(c);
    if (c < 0x250 || c == 0x3007 || c == 0x3005 || ev_is_latin(c) || ev_zh_is_han(c)) return false;
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

/* Latin letters that do not come apart into one of a to z and its marks, and the sharp s, which is two. */
static bool is_odd_latin(int32_t c) {
    static const int32_t read[] = {0x110, 0x111, 0x131, 0x141, 0x142, 0x152, 0x153};
    utf8proc_int32_t parts[8];
    int boundary = 0;
    if (c == 0xDF || c == 0x1E9E) return true;
    if (c < 0x100 || !ev_is_latin(c)) return false;
    for (size_t i = 0; i < EV_ARRAY_COUNT(read); i++)
        if (read[i] == c) return false;
    return utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary) < 1 ||
           parts[0] >= 0x80;
}

/* Scripts that meet make two words. */
static void emit_gap_beside(scanner *s, size_t at, int32_t neighbour) {
    if (ev_is_latin(neighbour) || (neighbour >= '0' && neighbour <= '9')) emit_gap(s, at);
}

/* Past the foreign letters behind the first. */
static size_t foreign_end(const scanner *s, size_t at, size_t *letters) {
    for (*letters = 1; at < s->bytes;) {
        const int32_t c = peek(s, at);
        if (c < 0 || !(is_foreign(c) || is_mark(c))) break;
        *letters += is_foreign(c);
        at = skip(s, at);
    }
    return at;
}

/* A word of foreign letters is said by its Latin ones, and reported; letters of the alphabet of phoneticians, which
 * some languages write with, are not. Where it ends; `at`: nothing foreign stands there. */
static size_t foreign(scanner *s, int32_t c, size_t at, size_t end) {
    assert(at < end && end <= s->bytes);
    char latin[EV_TRANSLITERATED_MAX];
    size_t letters = 1;
    c = fold(c);
    const bool silent = is_odd_latin(c) || (c >= 0x250 && c <= 0x2AF);
    if ((!silent && !is_foreign(c)) || (c >= 0xFB00 && c <= 0xFB06)) return at; /* ligatures are letters */
    if (!silent) end = foreign_end(s, end, &letters);
    if (is_greek(c) && letters == 1) return at;
    const size_t n = ev_transliterate(s->text + at, end - at, latin);
    if (!n) {
        omit(s, at, end, unknown_script);
        emit_gap(s, at);
        return end;
    }
    if (!silent) emit_gap_beside(s, at, last_char(s) ? last_char(s)->cp : 0);
    for (size_t i = 0; i < n; i++) emit(s, latin[i], at, end);
    if (silent) return end;
    emit_gap_beside(s, end - 1, peek(s, end));
    ev_sink_substituted(s->sink, begin_of(s, at), end_of(s, end), "transliterated", latin, n);
    return end;
}

static void letter(scanner *s, int32_t c, size_t at, size_t end) {
    if (ev_is_latin(c) || ev_zh_is_han(c) || is_greek(c)) {
        emit(s, c, at, end);
    } else {
        omit(s, at, end, unknown_script);
        emit_gap(s, at);
    }
}

static void digit(scanner *s, int32_t c, size_t at, size_t end) {
    const int value = ev_digit_value(c);
    if (value >= 0)
        emit(s, '0' + value, at, end);
    else
        letter(s, c, at, end);
}

static void character(scanner *s, int32_t c, size_t at, size_t end) {
    if (c >= ' ' && c < 0x7F) {
        emit(s, c, at, end);
        return;
    }
    c = fold(c);
    if (c == 0x3007 || c == 0x3005) { /* the zero and the repetition mark of Chinese */
        emit(s, c, at, end);
        return;
    }
    if ((c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF)) {
        omit(s, at, end, "variation selector");
        return;
    }
    if (expand(s, c, at, end)) return;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC: control_character(s, c, at, end); break;
    case UTF8PROC_CATEGORY_CF: omit(s, at, end, zero_width); break;
    case UTF8PROC_CATEGORY_CO: omit(s, at, end, "private use character"); break;
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CS: omit(s, at, end, "unassigned character"); break;
    case UTF8PROC_CATEGORY_ZS: emit(s, ' ', at, end); break;
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: emit(s, '\n', at, end); break;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        if (s->omit_reason == unknown_script && s->omit_end == at)
            omit(s, at, end, unknown_script);
        else
            combine(s, c, at, end);
        break;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL: letter(s, c, at, end); break;
    case UTF8PROC_CATEGORY_ND: digit(s, c, at, end); break;
    default: emit(s, c, at, end); break; /* punctuation, symbols, other numbers: the languages know which they say */
    }
}

/* ---- controls, dictionaries ---- */

static void put_control(scanner *s, ev_control c, const int16_t *tokens, size_t count) {
    assert(c.byte_begin <= c.byte_end && (c.pause_ms > 0 || count > 0 || c.token_begin < c.token_end));
    c.char_at = ev_array_count(&s->scan->chars, ev_char);
    if (count) {
        c.token_begin = ev_array_count(&s->scan->tokens, int16_t);
        c.token_end = c.token_begin + count;
        ev_buf_append(&s->scan->tokens, tokens, count * sizeof(*tokens));
    }
    flush(s);
    ev_buf_append(&s->scan->controls, &c, sizeof(c));
}

/* What markup put before text[at]. */
static size_t put_inserts(scanner *s, const ev_marked *marked, size_t next, size_t at) {
    const ev_insert *inserts = (const ev_insert *)(const void *)marked->inserts.data;
    const int16_t *tokens = (const int16_t *)(const void *)marked->tokens.data;
    const size_t count = ev_array_count(&marked->inserts, ev_insert);
    for (; next < count && inserts[next].at <= at; next++) {
        const ev_insert *insert = &inserts[next];
        assert(insert->token_begin <= insert->token_end && insert->pause_ms >= 0);
        const ev_control c = {
            .byte_begin = insert->byte_begin, .byte_end = insert->byte_end, .pause_ms = insert->pause_ms};
        put_control(s, c, insert->pause_ms ? NULL : tokens + insert->token_begin,
                    insert->token_end - insert->token_begin);
    }
    return next;
}

static ev_status control_at(scanner *s, size_t *at, ev_error *err) {
    ev_scan_found found;
    ev_error fault = {0};
    const ev_status status = ev_scan_control(s->scan, s->text, s->bytes, *at, &found, &fault);
    if (status != EV_OK) return ev_fail(err, status, "byte %u: %s", begin_of(s, found.fault), fault.message);
    if (!found.end) return EV_OK;
    if (!found.pause_ms && found.token_begin == found.token_end) { /* the word is read */
        s->link_at = found.word_end;
        s->link_end = found.end;
        *at += 1;
        return EV_OK;
    }
    ev_control c = {.pause_ms = found.pause_ms, .token_begin = found.token_begin, .token_end = found.token_end};
    c.byte_begin = begin_of(s, found.pause_ms ? *at : found.word_begin);
    c.byte_end = end_of(s, found.pause_ms ? found.end : found.word_end);
    if (c.byte_end <= c.byte_begin) { /* the word is all markup: what stands for it are the brackets */
        c.byte_begin = begin_of(s, *at);
        c.byte_end = end_of(s, found.end);
    }
    put_control(s, c, NULL, 0);
    *at = found.end;
    return EV_OK;
}

static void step(scanner *s, size_t *at) {
    size_t end = *at;
    const int32_t c = ev_utf8_next(s->text, s->bytes, &end);
    assert(c >= 0); /* who read the bytes in saw to it */
    const size_t emoji_stop = emoji_end(s, c, *at);
    if (emoji_stop > *at && c >= '0' && c <= '9') { /* a keycap is its figure */
        emit(s, c, *at, emoji_stop);
        end = emoji_stop;
    } else if (emoji_stop > *at) {
        omit(s, *at, emoji_stop, emoji);
        emit_gap(s, *at);
        end = emoji_stop;
    } else {
        const size_t foreign_stop = foreign(s, c, *at, end);
        if (foreign_stop > *at)
            end = foreign_stop;
        else
            character(s, c, *at, end);
    }
    assert(end > *at && end <= s->bytes);
    *at = end;
}

/* A word of a dictionary: its phones, or the letters that it sounds like. Where reading goes on; 0: none. */
static size_t dictionary_word(scanner *s, size_t at) {
    ev_saying saying;
    bool found = false;
    for (size_t i = 0; s->dictionaries && i < 2 && !found; i++)
        found = s->dictionaries[i] && ev_dictionary_find(s->dictionaries[i], s->text, s->bytes, at, &saying);
    if (!found) return 0;
    assert(saying.end > at && saying.end <= s->bytes);
    const ev_origin place = {begin_of(s, at), end_of(s, saying.end)};
    if (saying.tokens) {
        const ev_control c = {.byte_begin = place.begin, .byte_end = place.end};
        put_control(s, c, saying.tokens, saying.token_count);
        return saying.end;
    }
    scanner inner = {.scan = s->scan, .sink = s->sink, .text = saying.text, .bytes = saying.bytes, .fixed = &place};
    inner.link_at = SIZE_MAX;
    flush(s);
    for (size_t i = 0; i < saying.bytes;) step(&inner, &i);
    flush(&inner);
    s->last_end = saying.end;
    return saying.end;
}

static ev_status scan_all(scanner *s, const ev_marked *marked, ev_error *err) {
    size_t inserts = 0;
    for (size_t at = 0; at < s->bytes;) {
        size_t before = at, end = at;
        inserts = put_inserts(s, marked, inserts, at);
        if (s->origins && s->origins[at].begin == EV_VOID) {
            if (s->last_end == at) s->last_end++;
            at++;
            continue;
        }
        if (ev_utf8_next(s->text, s->bytes, &end) < 0)
            return ev_fail(err, EV_E_TEXT, "text is not valid UTF-8 at byte %u", begin_of(s, at));
        if (at == s->link_at) {
            omit(s, at + 2, s->link_end - 1, "phones that are not understood");
            at = s->link_end;
            continue;
        }
        if (s->text[at] == '[') {
            const ev_status status = control_at(s, &at, err);
            if (status != EV_OK) return status;
            if (at > before) continue;
        }
        if (ev_array_count(&s->scan->chars, ev_char) > CHARS_MAX)
            return ev_fail(err, EV_E_LIMIT, "the pronunciations make more than %d characters of the text: split it",
                           CHARS_MAX);
        end = dictionary_word(s, at);
        if (end)
            at = end;
        else
            step(s, &at);
    }
    put_inserts(s, marked, inserts, s->bytes);
    return EV_OK;
}

ev_status ev_scan_text(ev_scan *scan, const ev_marked *marked, const char *text, size_t bytes,
                       const ev_dictionary *const dictionaries[2], ev_sink *sink, ev_error *err) {
    assert(marked->plain || marked->origins.size == marked->text.size * sizeof(ev_origin));
    scanner s = {.scan = scan, .sink = sink, .text = text, .bytes = bytes, .link_at = SIZE_MAX};
    if (!marked->plain) {
        s.text = marked->text.data ? (const char *)marked->text.data : "";
        s.bytes = marked->text.size;
        s.origins = (const ev_origin *)(const void *)marked->origins.data;
    }
    if (dictionaries[0] || dictionaries[1]) s.dictionaries = dictionaries;
    const ev_status status = scan_all(&s, marked, err);
    if (status != EV_OK) return status;
    flush(&s);
    if (scan->chars.failed || scan->controls.failed || scan->tokens.failed)
        return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    return EV_OK;
}

void ev_scan_clear(ev_scan *scan) {
    ev_buf_free(&scan->chars);
    ev_buf_free(&scan->controls);
    ev_buf_free(&scan->tokens);
}
