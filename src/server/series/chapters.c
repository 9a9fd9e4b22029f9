#include "server/series/chapters.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "server/api/sentences.h"

/* ---- lines that begin a chapter ---- */

enum { LEVELS = 6, HEADING_MAX = 200 /* bytes of a line that may be one */ };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* "#", "##" ... before a heading: how many; 0: it is none. */
static size_t hashes(const char *line, size_t n) {
    size_t level = 0;
    while (level < n && line[level] == '#') level++;
    return level <= LEVELS && level < n && (line[level] == ' ' || line[level] == '\t') ? level : 0;
}

/* Bytes of the character at s that is one of `set`'s; 0: none. */
static size_t one_of(const char *s, size_t n, const char *const *set) {
    for (; *set; set++)
        if (strlen(*set) <= n && memcmp(s, *set, strlen(*set)) == 0) return strlen(*set);
    return 0;
}

/* "第十二章", "第3回" */
static bool is_chinese_number(const char *s, size_t n) {
    static const char *const first[] = {"第", NULL}, *const units[] = {"章", "回", "节", "節",
                                                                       "卷", "篇", "部", NULL};
    static const char *const digits[] = {"0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",
                                         "9",  "零", "〇", "一", "二", "三", "四", "五", "六",
                                         "七", "八", "九", "十", "百", "千", "两", NULL};
    size_t at = one_of(s, n, first), count = 0, used;
    if (!at) return false;
    for (; (used = one_of(s + at, n - at, digits)); at += used) count++;
    return count && one_of(s + at, n - at, units);
}

/* "Chapter 12", "CHAPTER IV.", "Chapter One" */
static bool is_english_number(const char *s, size_t n) {
    static const char *const words[] = {"one",      "two",      "three",   "four",    "five",      "six",
                                        "seven",    "eight",    "nine",    "ten",     "eleven",    "twelve",
                                        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
                                        "nineteen", "twenty",   "thirty",  "forty",   "fifty"};
    if (n < 9 || strncasecmp(s, "chapter", 7) != 0 || !is_blank(s[7])) return false;
    const char *word = s + 8;
    size_t size = 0;
    while (8 + size < n && !is_blank(word[size]) && !strchr(".:-,", word[size])) size++;
    if (size && strspn(word, "0123456789") >= size) return true;
    if (size && strspn(word, "IVXLCDMivxlcdm") >= size) return true;
    for (size_t i = 0; i < EV_ARRAY_COUNT(words); i++)
        if (strlen(words[i]) == size && strncasecmp(words[i], word, size) == 0) return true;
    return false;
}

typedef struct line {
    size_t begin, end;         /* with its line's end */
    size_t title, title_bytes; /* without blanks and '#' around it */
    size_t level;              /* of Markdown; 0: none */
    bool numbered;
} line;

static line read_line(const char *text, size_t bytes, size_t at) {
    const char *end = memchr(text + at, '\n', bytes - at);
    line l = {.begin = at, .end = end ? (size_t)(end - text) + 1 : bytes};
    size_t from = at, to = l.end;
    while (from < to && is_blank(text[from])) from++;
    while (from + 2 < to && memcmp(text + from, "\xE3\x80\x80", 3) == 0) from += 3; /* a wide blank */
    while (to > from && is_blank(text[to - 1])) to--;
    l.level = from == at ? hashes(text + from, to - from) : 0;
    from += l.level;
    while (l.level && from < to && is_blank(text[from])) from++;
    while (l.level && to > from && text[to - 1] == '#') to--;
    while (to > from && (is_blank(text[to - 1]) || (l.level && text[to - 1] == '*'))) to--;
    while (from < to && l.level && text[from] == '*') from++;
    l.title = from;
    l.title_bytes = to - from;
    assert(l.end > at && l.title >= at && to >= from && to <= l.end);
    l.numbered = l.title_bytes && l.title_bytes <= HEADING_MAX &&
                 (is_chinese_number(text + from, l.title_bytes) || is_english_number(text + from, l.title_bytes));
    return l;
}

static bool is_fence(const char *text, const line *l) {
    return l->title_bytes >= 3 && (memcmp(text + l->title, "```", 3) == 0 || memcmp(text + l->title, "~~~", 3) == 0);
}

/* Calls each with every line that is not in a block of code. */
static void each_line(const char *text, size_t bytes, void (*each)(void *user, const line *l), void *user) {
    bool fenced = false;
    for (size_t at = 0; at < bytes;) {
        const line l = read_line(text, bytes, at);
        const bool fence = is_fence(text, &l);
        if (!fenced && !fence) each(user, &l);
        fenced ^= fence;
        at = l.end;
    }
}

/* ---- which of them do ---- */

typedef struct finder {
    ev_buf *chapters;
    size_t numbered, of_level[LEVELS + 1];
    size_t level; /* headings up to this one begin chapters; 0: numbered lines do */
} finder;

static void count_line(void *user, const line *l) {
    finder *f = user;
    assert(l->level <= LEVELS);
    f->numbered += l->numbered;
    f->of_level[l->level]++;
}

static void take_line(void *user, const line *l) {
    finder *f = user;
    const bool begins = f->level ? l->level && l->level <= f->level && l->title_bytes : l->numbered;
    sv_chapter *last = (sv_chapter *)(void *)f->chapters->data;
    if (!begins || f->chapters->failed) return;
    assert(ev_array_count(f->chapters, sv_chapter) > 0);
    last += ev_array_count(f->chapters, sv_chapter) - 1;
    last->end = l->begin;
    const sv_chapter next = {.title = l->title,
                             .title_bytes =
                                 l->title_bytes < SV_CHAPTER_TITLE_MAX ? l->title_bytes : SV_CHAPTER_TITLE_MAX,
                             .begin = l->begin,
                             .body = l->end};
    ev_buf_append(f->chapters, &next, sizeof next);
}

/* The highest level that has several headings; else all. */
static size_t choose_level(const finder *f) {
    if (f->numbered) return 0;
    for (size_t level = 1; level <= LEVELS; level++)
        if (f->of_level[level] > 1) return level;
    return LEVELS;
}

static bool is_all_blank(const char *text, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++)
        if (!is_blank(text[i])) return false;
    return true;
}

void sv_chapters_find(ev_buf *chapters, const char *text, size_t bytes) {
    finder f = {.chapters = chapters};
    const sv_chapter front = {.end = bytes};
    each_line(text, bytes, count_line, &f);
    f.level = choose_level(&f);
    ev_buf_append(chapters, &front, sizeof front);
    each_line(text, bytes, take_line, &f);
    if (chapters->failed) return;
    sv_chapter *all = (sv_chapter *)(void *)chapters->data;
    all[ev_array_count(chapters, sv_chapter) - 1].end = bytes;
    if (!is_all_blank(text, all[0].begin, all[0].end)) return;
    memmove(all, all + 1, chapters->size - sizeof *all);
    chapters->size -= sizeof *all;
}

/* ---- parts ---- */

/* What 50 seconds hold: letters of English; a character of Chinese is three of them. */
enum { WEIGHT_MAX = 750, WEIGHT_WIDE = 3 };

/* Where a text that goes on may not be cut but must. */
static size_t last_blank(const char *text, size_t at, size_t limit) {
    for (size_t i = limit; i > at + (limit - at) / 3; i--)
        if (is_blank(text[i - 1])) return i;
    return limit;
}

/* Behind the last sentence that closes before the limit; 0: none does. */
static size_t last_sentence(const char *text, size_t at, size_t limit) {
    size_t found = 0;
    for (size_t next = at, used; next < limit && (used = sv_sentence_first(text + next, limit - next)); found = next)
        next += used;
    return found > at + (limit - at) / 3 ? found : 0;
}

/* Behind the last blank line, or the last line, before the limit; 0: none. */
static size_t last_break(const char *text, size_t at, size_t limit, bool blank_line) {
    for (size_t i = limit; i > at + (limit - at) / 3; i--) {
        if (text[i - 1] != '\n') continue;
        size_t before = i - 1;
        while (before > at && (text[before - 1] == ' ' || text[before - 1] == '\t' || text[before - 1] == '\r'))
            before--;
        if (!blank_line || (before > at && text[before - 1] == '\n')) return i;
    }
    return 0;
}

size_t sv_part_end(const char *text, size_t at, size_t end) {
    size_t limit = at, weight = 0;
    while (limit < end && weight < WEIGHT_MAX) {
        size_t next = limit;
        const int32_t c = ev_utf8_next(text, end, &next);
        weight += c >= 0x2E80 ? WEIGHT_WIDE : 1;
        limit = c < 0 ? limit + 1 : next;
    }
    if (limit >= end) return end;
    size_t cut = last_break(text, at, limit, true);
    if (!cut) cut = last_break(text, at, limit, false);
    if (!cut) cut = last_sentence(text, at, limit);
    assert(limit > at && (!cut || (cut > at && cut <= limit))); /* a part is never empty */
    return cut ? cut : last_blank(text, at, limit);
}
