/* zh_date: dates (2026-11-23, 2026/11/23, 11/23 after 在), times of day (19:30:05) and scores (3:2).
 *
 * A colon between numbers is a time when it can be one and nothing speaks of a match; else it is 比.
 */
#include <stdio.h>

#include "text/zh.h"

/* ---- dates ---- */

static bool is_year(uint64_t y) { return y >= 1000 && y <= 2999; }
static bool is_month(uint64_t m) { return m >= 1 && m <= 12; }
static bool is_day(uint64_t d) { return d >= 1 && d <= 31; }

static void put_part(zh_out *out, uint64_t value, const char *unit) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, unit, 0);
}

static void put_year(zh_out *out, uint64_t year) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)year);
    zh_put_digits(out, digits, 4, false);
    zh_put(out, "年", 0);
}

typedef struct part {
    size_t at, digits;
    uint64_t value;
} part;

/* Numbers of at most 4 digits with the same separator between; how many (at most 3), and where they end. */
static size_t take_parts(const zh_view *v, size_t i, int32_t *separator, part out[3], size_t *end) {
    size_t count = 0;
    *separator = 0;
    while (count < 3) {
        size_t digits = zh_count_digits(v, i);
        if (digits == 0 || digits > 4) return 0;
        out[count++] = (part){i, digits, zh_value(v, i, digits)};
        *end = i += digits;
        int32_t next = zh_at(v, i);
        if (count == 3 || !zh_in(next, "-/.–") || (*separator && next != *separator) || !zh_digit(v, i + 1)) break;
        *separator = next;
        i++;
    }
    return zh_digit(v, *end) ? 0 : count;
}

static bool names_a_day(const zh_view *v, size_t i, size_t end) {
    static const char *const before[] = {"在", "于", "至", "到", "从", "自", "截止", "日期", "时间"};
    if (zh_in(zh_at(v, end), "前后起晚")) return true;
    if (i > 0 && zh_at(v, i - 1) == ':') i--;
    for (size_t k = 0; k < EV_ARRAY_COUNT(before); k++)
        if (zh_precedes(v, i, before[k])) return true;
    return false;
}

size_t zh_date(const zh_view *v, size_t i, zh_out *out) {
    part p[3];
    size_t end = i, count;
    int32_t separator;
    count = take_parts(v, i, &separator, p, &end);
    if (count < 2) return 0;
    bool full = count == 3 && p[0].digits == 4 && is_year(p[0].value) && is_month(p[1].value) && is_day(p[2].value) &&
                p[1].digits < 3 && p[2].digits < 3;
    bool american = count == 3 && separator == '/' && p[2].digits == 4 && is_month(p[0].value) && is_day(p[1].value);
    bool month = count == 2 && p[0].digits == 4 && p[0].value >= 1900 && p[0].value < 2100 && p[1].digits == 2 &&
                 is_month(p[1].value) && separator != '.' && separator != '/' && !zh_in(zh_at(v, end), "年人个元");
    bool day = count == 2 && separator == '/' && is_month(p[0].value) && is_day(p[1].value) && p[0].digits < 3 &&
               p[1].digits < 3 && names_a_day(v, i, end);
    if (!full && !american && !month && !day) return 0;
    uint64_t y = american ? p[2].value : p[0].value, m = american || day ? p[0].value : p[1].value;
    if (!day) {
        zh_range(out, v, american ? p[2].at : p[0].at, american ? end : p[1].at);
        put_year(out, y);
    }
    zh_range(out, v, american || day ? p[0].at : p[1].at, american || day ? p[1].at : end);
    put_part(out, m, "月");
    if (month) return end - i;
    if (zh_in(zh_at(v, end), "日号")) end++;
    zh_range(out, v, full ? p[2].at : p[1].at, american ? p[2].at : end);
    put_part(out, full ? p[2].value : p[1].value, "日");
    return end - i;
}

/* ---- times ---- */

static bool speaks_of_a_match(const zh_view *v, size_t i, size_t end) {
    static const char *const words[] = {"比", "胜",   "败",   "负", "赢", "输", "战", "平",
                                        "击", "领先", "落后", "球", "盘", "局", "例"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++) {
        if (zh_mentioned(v, i, words[k])) return true;
        if (k < 9 && (zh_follows(v, end, words[k]) || zh_follows(v, end + 1, words[k]))) return true;
    }
    return false;
}

typedef struct clock {
    uint64_t hour, minute, second;
    bool seconds;
    size_t end;
} clock;

static bool take_clock(const zh_view *v, size_t i, clock *out) {
    size_t digits = zh_count_digits(v, i);
    *out = (clock){.hour = zh_value(v, i, digits)};
    if (digits < 1 || digits > 2 || out->hour > 24 || zh_at(v, i + digits) != ':') return false;
    i += digits + 1;
    if (zh_count_digits(v, i) != 2 || (out->minute = zh_value(v, i, 2)) > 59) return false;
    out->end = i + 2;
    if (zh_at(v, i + 2) == ':' && zh_count_digits(v, i + 3) == 2 && zh_value(v, i + 3, 2) <= 59) {
        out->seconds = true;
        out->second = zh_value(v, i + 3, 2);
        out->end = i + 5;
    }
    return !(zh_at(v, out->end) == ':' && zh_digit(v, out->end + 1));
}

static void put_two(zh_out *out, uint64_t value, const char *unit) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    if (value > 0 && value < 10) zh_put(out, "零", ZH_START | ZH_FIXED);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, unit, 0);
}

static void put_clock(zh_out *out, const clock *c) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)c->hour);
    zh_put_cardinal(out, digits, true, 0);
    zh_put(out, "点", 0);
    if (c->minute || c->seconds) put_two(out, c->minute, "分");
    if (c->seconds) put_two(out, c->second, "秒");
}

size_t zh_clock(const zh_view *v, size_t i, zh_out *out) {
    clock first, second;
    if (!take_clock(v, i, &first)) return 0;
    if (!first.seconds && speaks_of_a_match(v, i, first.end)) return 0;
    zh_range(out, v, i, first.end);
    put_clock(out, &first);
    if (!zh_is_range_mark(zh_at(v, first.end)) || !take_clock(v, first.end + 1, &second)) return first.end - i;
    zh_range(out, v, first.end, first.end + 1);
    zh_put(out, "到", ZH_START);
    zh_range(out, v, first.end + 1, second.end);
    put_clock(out, &second);
    return second.end - i;
}

/* ---- scores and proportions ---- */

size_t zh_score(const zh_view *v, size_t i, zh_out *out) {
    zh_number n;
    size_t at = i;
    if (!zh_number_parse(v, i, &n) || !zh_in(zh_at(v, n.end), ":∶") || !zh_digit(v, n.end + 1)) return 0;
    while (at - i < ZH_DIGITS_MAX && zh_number_parse(v, at, &n)) {
        zh_range(out, v, at, n.end);
        zh_put_number(out, &n, false, 0);
        if (!zh_in(zh_at(v, n.end), ":∶") || !zh_digit(v, n.end + 1)) break;
        zh_range(out, v, n.end, n.end + 1);
        zh_put(out, "比", ZH_START);
        at = n.end + 1;
    }
    return n.end - i;
}
