/* scan: bytes to characters, each with its place in the caller's text; what nobody can say is left out and reported.
 *
 * Folding is per character and only where Unicode's NFKC gives one character for one (full-width letters, CJK
 * compatibility forms), so that places stay exact; superscripts, fractions and squared units keep their meaning and
 * are left to the languages. What is left out leaves a space behind where it stood between words (emoji, foreign
 * scripts) and nothing where it stood inside one (zero-width characters).
 */
#include <string.h>
#include <utf8proc.h>

#include "text/scan.h"
#include "text/scan_control.h"

typedef struct scanner {
    ev_scan *scan;
    ev_sink *sink;
    const char *text;
    size_t bytes;
    uint32_t omit_begin, omit_end; /* a stretch that is left out and may still grow */
    const char *omit_reason;       /* NULL: none */
} scanner;

static const char emoji[] = "emoji", unknown_script[] = "unknown script", zero_width[] = "zero-width character";
static const char combining[] = "combining mark", control[] = "control character";

static void flush(scanner *s) {
    if (s->omit_reason) ev_sink_omit(s->sink, s->omit_begin, s->omit_end, s->omit_reason);
    s->omit_reason = NULL;
}

static ev_char *last_char(const scanner *s) {
    size_t count = ev_array_count(&s->scan->chars, ev_char);
    return count ? (ev_char *)(void *)s->scan->chars.data + count - 1 : NULL;
}

static void emit(scanner *s, int32_t cp, size_t at, size_t end) {
    if (cp != ' ') flush(s);
    ev_char c = {cp, (uint32_t)at, (uint8_t)(end - at)};
    ev_buf_append(&s->scan->chars, &c, sizeof(c));
}

/* A space where the last character is none: `at` is where something was left out. */
static void emit_gap(scanner *s, size_t at) {
    const ev_char *last = last_char(s);
    if (last && last->cp != ' ' && last->cp != '\n') {
        ev_char c = {' ', (uint32_t)at, 0};
        ev_buf_append(&s->scan->chars, &c, sizeof(c));
    }
}

/* Neighbours left out for the same reason are one record; only spaces may stand between (emit flushes otherwise). */
static void omit(scanner *s, size_t begin, size_t end, const char *reason) {
    bool merge = s->omit_reason == reason && reason != emoji;
    bool adjacent = s->omit_end == begin || reason == unknown_script;
    if (!merge || !adjacent) {
        flush(s);
        s->omit_begin = (uint32_t)begin;
        s->omit_reason = reason;
    }
    s->omit_end = (uint32_t)end;
}

/* ---- emoji ---- */

static int32_t peek(const scanner *s, size_t at) { return ev_utf8_next(s->text, s->bytes, &at); }

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
    size_t next = skip(s, at);
    int32_t after = peek(s, next);
    if (is_flag_letter(c)) return is_flag_letter(after) ? skip(s, next) : next;
    if (c < 0x80) { /* keycap: 1, FE0F, 20E3 */
        if (!((c >= '0' && c <= '9') || c == '#' || c == '*')) return at;
        if (after == 0xFE0F) after = peek(s, next = skip(s, next));
        return after == 0x20E3 ? skip(s, next) : at;
    }
    if (!is_pictograph(c) || (c < 0x2300 && after != 0xFE0F)) return at; /* a bare (c) or arrow is a symbol */
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

static bool is_greek(int32_t c) { return c >= 0x370 && c <= 0x3FF; }

/* One character for one, else c itself. */
static int32_t fold(int32_t c) {
    if (c < 0xA0 || (c >= 0x4E00 && c <= 0x9FFF)) return c;
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
    if (last && last->at + last->bytes == at && end - last->at < 250 && last->cp > ' ') {
        utf8proc_int32_t pair[2] = {last->cp, mark};
        if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1) {
            last->cp = pair[0];
            last->bytes = (uint8_t)(end - last->at);
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

static void letter(scanner *s, int32_t c, size_t at, size_t end) {
    if (ev_is_latin(c) || ev_zh_is_han(c) || is_greek(c)) {
        emit(s, c, at, end);
    } else {
        omit(s, at, end, unknown_script);
        emit_gap(s, at);
    }
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
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_ND:
        if (c >= '0' && c <= '9')
            emit(s, c, at, end);
        else
            letter(s, c, at, end);
        break;
    default: emit(s, c, at, end); break; /* punctuation, symbols, other numbers: the languages know which they say */
    }
}

ev_status ev_scan_text(ev_scan *scan, const char *text, size_t bytes, ev_sink *sink, ev_error *err) {
    scanner s = {.scan = scan, .sink = sink, .text = text, .bytes = bytes};
    for (size_t at = 0; at < bytes;) {
        size_t end = at;
        int32_t c = ev_utf8_next(text, bytes, &end);
        if (c < 0) return ev_fail(err, EV_E_TEXT, "text is not valid UTF-8 at byte %zu", at);
        if (c == '[') {
            size_t used = 0;
            ev_status status = ev_scan_control(scan, text, bytes, at, &used, err);
            if (status != EV_OK) return status;
            if (used) {
                flush(&s);
                at += used;
                continue;
            }
        }
        size_t emoji_stop = emoji_end(&s, c, at);
        if (emoji_stop > at) {
            omit(&s, at, emoji_stop, emoji);
            emit_gap(&s, at);
            end = emoji_stop;
        } else {
            character(&s, c, at, end);
        }
        at = end;
    }
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
