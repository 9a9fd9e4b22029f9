/* number: numerals written out, and the small looks around that all kinds of expressions share.
 *
 * Cardinals: 万 and 亿 group by four digits, up to 10^16. 零 stands once for any inner gap. 两 is said for a lone 2
 * before what is counted, and for 2000, 20000, 2 亿 at the head of a number; else 二.
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

static const char *const numerals[10] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};

enum { CARDINAL_DIGITS_MAX = 16 };

/* ---- looking around ---- */

bool zh_letter(int32_t cp) { return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z'; }

size_t zh_count_digits(const zh_view *v, size_t i) {
    size_t n = 0;
    while (n < ZH_DIGITS_MAX && zh_digit(v, i + n)) n++;
    return n;
}

uint64_t zh_value(const zh_view *v, size_t i, size_t digits) {
    uint64_t value = 0;
    for (size_t k = 0; k < digits && k < 18; k++) value = value * 10 + (uint64_t)(zh_at(v, i + k) - '0');
    return value;
}

size_t zh_follows(const zh_view *v, size_t i, const char *utf8) {
    size_t at = 0, bytes = strlen(utf8), count = 0;
    for (; at < bytes; count++)
        if (ev_utf8_next(utf8, bytes, &at) != zh_at(v, i + count)) return 0;
    return count;
}

static size_t length_of(const char *utf8) {
    size_t n = 0;
    for (; *utf8; utf8++) n += ((unsigned char)*utf8 & 0xC0) != 0x80;
    return n;
}

bool zh_precedes(const zh_view *v, size_t i, const char *utf8) {
    size_t length = length_of(utf8);
    return i >= length && zh_follows(v, i - length, utf8);
}

static size_t count_characters(const char *utf8, size_t bytes) {
    size_t count = 0;
    for (size_t k = 0; k < bytes; k++) count += ((unsigned char)utf8[k] & 0xC0) != 0x80;
    return count;
}

/* Asked at every figure of a text, with lists that seldom have any word that begins or ends like this place: so the
 * one character beside it is looked for first, in all of the list at once. */
static const char *find_beside(const zh_view *v, size_t i, const char *list, char out[5]) {
    const int32_t cp = zh_at(v, i);
    out[cp && cp != '|' ? ev_utf8_put(cp, out) : 0] = '\0';
    return *out ? strstr(list, out) : NULL;
}

size_t zh_follows_any(const zh_view *v, size_t i, const char *list) {
    char first[5];
    for (const char *at = find_beside(v, i, list, first); at; at = strstr(at + 1, first)) {
        if (at > list && at[-1] != '|') continue;
        const size_t bytes = strcspn(at, "|");
        size_t count = 0, k = 0;
        while (k < bytes && ev_utf8_next(at, bytes, &k) == zh_at(v, i + count)) count++;
        if (count == count_characters(at, bytes)) return count;
    }
    return 0;
}

bool zh_precedes_any(const zh_view *v, size_t i, const char *list) {
    char last[5];
    if (i == 0) return false;
    for (const char *at = find_beside(v, i - 1, list, last); at; at = strstr(at + 1, last)) {
        const char *end = at + strlen(last), *begin = at;
        if (*end && *end != '|') continue;
        while (begin > list && begin[-1] != '|') begin--;
        const size_t bytes = (size_t)(end - begin), length = count_characters(begin, bytes);
        size_t k = 0, count = 0;
        if (length > i) continue;
        while (k < bytes && ev_utf8_next(begin, bytes, &k) == zh_at(v, i - length + count)) count++;
        if (count == length) return true;
    }
    return false;
}

bool zh_mentioned(const zh_view *v, size_t i, const char *utf8) {
    for (size_t back = 1; back <= ZH_LOOK_BACK && back <= i; back++)
        if (zh_follows(v, i - back, utf8)) return true;
    return false;
}

bool zh_is_range_mark(int32_t cp) { return zh_in(cp, "-~–—−～〜‐‑"); }

void zh_range(zh_out *out, const zh_view *v, size_t begin, size_t end) {
    if (!out->phrase || begin >= end || end > v->n) return;
    out->begin = v->chars[begin].at;
    out->end = v->chars[end - 1].at + v->chars[end - 1].bytes;
}

/* ---- reading a number ---- */

/* 1 000 000: spaces between, two at least. */
static size_t spaced_end(const zh_view *v, size_t end) {
    size_t groups = 0;
    for (; zh_at(v, end) == ' ' && zh_count_digits(v, end + 1) == 3 && groups < 6; groups++) end += 4;
    return groups >= 2 ? end : 0;
}

/* 1,234,567: groups of three after plain commas. Returns the end, or the end of the first digits. */
static size_t thousands_end(const zh_view *v, size_t i, size_t first) {
    size_t end = i + first, spaced;
    if (first > 3) return end;
    if ((spaced = spaced_end(v, end))) return spaced;
    while (zh_at(v, end) == ',' && v->chars[end].bytes == 1 && zh_count_digits(v, end + 1) == 3 && end - i < 40)
        end += 4;
    return end;
}

bool zh_number_parse(const zh_view *v, size_t i, zh_number *out) {
    size_t first = zh_count_digits(v, i), used = 0;
    if (!first && !(zh_at(v, i) == '.' && zh_digit(v, i + 1))) return false; /* .22 */
    size_t end = thousands_end(v, i, first);
    *out = (zh_number){.begin = i, .commas = end > i + first};
    if (!first) out->digits[0] = '0';
    for (size_t k = i; k < end; k++)
        if (zh_digit(v, k)) out->digits[used++] = (char)zh_at(v, k);
    assert(used <= ZH_DIGITS_MAX);
    if (zh_at(v, end) == '.' && zh_digit(v, end + 1) && first < ZH_DIGITS_MAX) {
        size_t count = zh_count_digits(v, end + 1);
        for (size_t k = 0; k < count; k++) out->decimals[k] = (char)zh_at(v, end + 1 + k);
        end += 1 + count;
    }
    assert(end > i && end <= v->n);
    out->end = end;
    return true;
}

/* ---- writing it out ---- */

typedef struct words { /* the group being written: at most 9 numerals of 3 bytes */
    char text[64];
    size_t used;
} words;

static void add(words *w, const char *utf8) {
    size_t bytes = strlen(utf8);
    if (w->used + bytes >= sizeof w->text) return;
    memcpy(w->text + w->used, utf8, bytes + 1);
    w->used += bytes;
}

/* 1..9999; head: the number starts here (十五, not 一十五; 两千). ten: 10 is 十 all the same (一百亿零十万). */
static void add_group(words *w, unsigned value, bool head, bool ten) {
    assert(value >= 1 && value <= 9999);
    static const char *const units[4] = {"千", "百", "十", ""};
    bool gap = false, begun = false;
    for (unsigned place = 0, power = 1000; place < 4; place++, power /= 10) {
        unsigned digit = value / power % 10;
        if (digit == 0) {
            gap = begun;
            continue;
        }
        if (gap) add(w, "零");
        bool bare_ten = place == 2 && digit == 1 && (head || (ten && value == 10)) && !begun;
        if (!bare_ten) add(w, place == 0 && digit == 2 && head ? "两" : numerals[digit]);
        add(w, units[place]);
        gap = false;
        begun = true;
    }
}

static void put_groups(zh_out *out, uint64_t value, uint32_t flags) {
    static const char *const units[4] = {"", "万", "亿", "万"};
    static const uint64_t powers[4] = {1, 10000, 100000000, 1000000000000};
    bool begun = false, gap = false;
    for (int g = 3; g >= 0; g--) {
        unsigned group = (unsigned)(value / powers[g] % 10000);
        words w = {{0}, 0};
        if (begun && (gap || group < 1000) && group) add(&w, "零");
        if (group == 2 && !begun && g > 0)
            add(&w, "两");
        else if (group)
            add_group(&w, group, !begun, g > 0);
        if (group)
            add(&w, units[g]);
        else if (g == 2 && begun)
            add(&w, "亿"); /* 一万亿: nothing between 万 and 亿 */
        gap = begun && group == 0;
        begun |= group != 0;
        if (w.used) zh_put(out, w.text, flags | ZH_START | ZH_JOIN);
    }
}

void zh_put_cardinal(zh_out *out, const char *digits, bool two, uint32_t flags) {
    while (digits[0] == '0' && digits[1]) digits++;
    if (strlen(digits) > CARDINAL_DIGITS_MAX) {
        zh_put_digits(out, digits, 4, false);
        return;
    }
    uint64_t value = 0;
    for (const char *d = digits; *d; d++) value = value * 10 + (uint64_t)(*d - '0');
    if (value == 2 && two)
        zh_put(out, "两", flags | ZH_START);
    else if (value < 10)
        zh_put(out, numerals[value], flags | ZH_START);
    else
        put_groups(out, value, flags);
}

/* Joins what is put next to the word before. */
static void join_last(zh_out *out, size_t from) {
    if (out->phrase && from > 0 && from < zh_char_count(out->phrase)) {
        zh_chars(out->phrase)[from].flags |= ZH_JOIN;
        zh_chars(out->phrase)[from].flags &= ~(uint32_t)ZH_START;
    }
}

void zh_put_digits(zh_out *out, const char *digits, size_t group, bool yao) {
    size_t n = strlen(digits), in_group = 0;
    for (size_t i = 0; i < n && out->phrase; i++) {
        bool starts = i == 0 || (in_group >= group && n - i > 1); /* no digit is left alone at the end */
        size_t at = zh_char_count(out->phrase);
        assert(digits[i] >= '0' && digits[i] <= '9');
        zh_put(out, yao && digits[i] == '1' ? "幺" : numerals[digits[i] - '0'], ZH_FIXED | ZH_START);
        if (!starts) join_last(out, at);
        in_group = starts ? 1 : in_group + 1;
    }
}

void zh_put_name(const zh_view *v, size_t at, size_t count, zh_out *out, bool yao) {
    assert(count <= ZH_DIGITS_MAX && at + count <= v->n);
    char digits[ZH_DIGITS_MAX + 1] = {0};
    for (size_t k = 0; k < count; k++) digits[k] = (char)zh_at(v, at + k);
    zh_range(out, v, at, at + count);
    if (count == 11 || count == 7) { /* 138 0013 8000 */
        char head[4] = {digits[0], digits[1], digits[2], 0};
        zh_put_digits(out, head, 3, yao);
        zh_put_digits(out, digits + 3, 4, yao);
    } else
        zh_put_digits(out, digits, count == 5 || count == 6 || count == 10 ? 3 : 4, yao);
}

void zh_put_number(zh_out *out, const zh_number *n, bool two, uint32_t flags) {
    bool decimal = n->decimals[0] != 0;
    zh_put_cardinal(out, n->digits, two && !decimal, flags | (decimal ? (uint32_t)ZH_FIXED : 0u));
    if (!decimal || !out->phrase) return;
    size_t at = zh_char_count(out->phrase);
    zh_put(out, "点", ZH_START);
    join_last(out, at); /* 三点|一四 */
    zh_put_digits(out, n->decimals, 4, false);
}
