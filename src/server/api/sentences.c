#include "server/api/sentences.h"

#include <string.h>
#include <strings.h>

enum { SENTENCE_MAX = 1200 }; /* bytes: about a minute of speech is not waited for */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool starts(const char *at, const char *end, const char *mark) {
    const size_t size = strlen(mark);
    return (size_t)(end - at) >= size && memcmp(at, mark, size) == 0;
}

/* Bytes of whichever stands there; 0: none. */
static size_t one_of(const char *at, const char *end, const char *const *marks, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (starts(at, end, marks[i])) return strlen(marks[i]);
    return 0;
}

/* Quotes and brackets that close with the sentence. */
static const char *skip_closers(const char *at, const char *end) {
    static const char *const closers[] = {"\"", "'", ")", "]", "*", "_", "”", "’", "»", "」", "』", "）", "】", "》"};
    for (size_t size; (size = one_of(at, end, closers, EV_ARRAY_COUNT(closers)));) at += size;
    return at;
}

/* What a full stop belongs to, and does not end: "Dr. Smith", "J. S. Bach", "1. First". */
static bool is_abbreviation(const char *text, const char *dot) {
    static const char *const words[] = {"mr",  "mrs", "ms",   "dr",  "prof", "st",     "sr",   "jr",  "vs",  "etc",
                                        "fig", "no",  "vol",  "inc", "ltd",  "co",     "corp", "gen", "lt",  "sgt",
                                        "rev", "hon", "dept", "est", "e.g",  "i.e",    "a.m",  "p.m", "u.s", "u.k",
                                        "cf",  "al",  "pp",   "gov", "sen",  "approx", "capt", "col", "mt",  "ave"};
    const char *begin = dot;
    while (begin > text && !is_blank(begin[-1]) && !strchr("\"'([*_", begin[-1])) begin--;
    const size_t size = (size_t)(dot - begin);
    if (size == 1 && *begin >= 'A' && *begin <= 'Z' && *begin != 'I') return true;
    if (size > 0 && size <= 3 && strspn(begin, "0123456789") >= size) {
        while (begin > text && is_blank(begin[-1]) && begin[-1] != '\n') begin--;
        return begin == text || begin[-1] == '\n'; /* a list's number */
    }
    for (size_t i = 0; i < EV_ARRAY_COUNT(words); i++)
        if (strlen(words[i]) == size && strncasecmp(words[i], begin, size) == 0) return true;
    return false;
}

/* Where it may be cut: behind the last comma, or else blank, or else character. */
static size_t cut(const char *text) {
    static const char *const commas[] = {"，", "、", "；", "：", ", ", "; ", ": "};
    const char *end = text + SENTENCE_MAX;
    size_t comma = 0, blank = 0, character = 0;
    for (const char *at = text; at < end; at++) {
        const size_t size = one_of(at, end, commas, EV_ARRAY_COUNT(commas));
        if (size) comma = (size_t)(at - text) + size;
        if (is_blank(*at)) blank = (size_t)(at - text) + 1;
        if (((unsigned char)*at & 0xC0) != 0x80) character = (size_t)(at - text);
    }
    return comma ? comma : blank ? blank : character;
}

size_t sv_sentence_first(const char *text, size_t size) {
    static const char *const chinese[] = {"。", "！", "？", "……"};
    const char *end = text + size;
    for (const char *at = text; at < end && at - text < SENTENCE_MAX; at++) {
        const size_t mark = one_of(at, end, chinese, EV_ARRAY_COUNT(chinese));
        if (mark) return (size_t)(skip_closers(at + mark, end) - text);
        if (*at == '\n') return (size_t)(at - text) + 1;
        if (*at != '.' && *at != '!' && *at != '?') continue;
        const char *behind = skip_closers(at + 1, end);
        if (behind == end || !is_blank(*behind) || (*at == '.' && is_abbreviation(text, at))) continue;
        return (size_t)(behind - text);
    }
    return size > SENTENCE_MAX ? cut(text) : 0;
}

bool sv_sentence_speaks(const char *text, size_t size) {
    static const char silent[] = " \t\r\n.,;:!?\"'()[]*_-#>`~|";
    static const char *const marks[] = {"。", "！", "？", "…", "，", "、", "；", "：",
                                        "”",  "“",  "’",  "‘", "—",  "）", "（"};
    for (const char *at = text, *end = text + size; at < end;) {
        const size_t mark = one_of(at, end, marks, EV_ARRAY_COUNT(marks));
        if (!mark && !strchr(silent, *at)) return true;
        at += mark ? mark : 1;
    }
    return false;
}
