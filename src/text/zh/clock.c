/* clock: times of day (19:30:05, 8:00 a.m., 9pm).
 *
 * A colon between numbers is a time when it can be one and nothing speaks of a match; else it is 比.
 */
#include <stdio.h>

#include "text/zh/zh.h"

/* ---- times ---- */

/* What a result is followed by: 2:1战胜, 赢了; but 赢大奖, 负责, 平安, 击剑. */
static const char results[] =
    "胜|败|负于|负给|赢了|赢下|赢球|输了|输给|输球|战平|战胜|战成|击败|平了|平局|平手|领先|落后|惜败|惜胜|"
    "险胜|大胜|完胜|逆转|力克|横扫|不敌|取胜|获胜";

static bool speaks_of_a_match(const zh_view *v, size_t i, size_t end) {
    static const char *const words[] = {"比",   "胜", "败", "负", "赢", "输",   "战",   "平",   "击",  "领先",
                                        "落后", "球", "盘", "局", "例", "赔率", "稀释", "杠杆", "浓度"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++)
        if (zh_mentioned(v, i, words[k])) return true;
    const zh_results list = zh_results_around(v, i, ':');
    if (list.count > 1 && (list.no_times || zh_follows_any(v, list.end, results))) return true;
    return zh_follows(v, end, "比") || zh_follows_any(v, end, results) || zh_follows_any(v, end + 1, results);
}

typedef struct clock {
    uint64_t hour, minute, second;
    bool minutes, seconds;
    char half; /* 'a' or 'p' behind it, 0: neither */
    size_t end;
} clock;

/* "am", " p.m.": its length; 0: none. */
static size_t half_at(const zh_view *v, size_t i, char *half) {
    size_t at = i + (zh_at(v, i) == ' ');
    int32_t c = zh_at(v, at) | 0x20;
    bool dots = zh_at(v, at + 1) == '.';
    if ((c != 'a' && c != 'p') || !zh_letter(zh_at(v, at))) return 0;
    at += 1 + dots;
    if ((zh_at(v, at) | 0x20) != 'm' || zh_letter(zh_at(v, at + 1)) || zh_digit(v, at + 1)) return 0;
    at += 1 + (dots && zh_at(v, at + 1) == '.');
    *half = (char)c;
    return at - i;
}

static bool take_clock(const zh_view *v, size_t i, clock *out) {
    size_t digits = zh_count_digits(v, i);
    *out = (clock){.hour = zh_value(v, i, digits), .end = i + digits};
    if (digits < 1 || digits > 2 || out->hour > 24) return false;
    if (zh_at(v, i + digits) != ':') return out->hour <= 12 && out->hour > 0; /* 9pm */
    i += digits + 1;
    if (zh_count_digits(v, i) != 2 || (out->minute = zh_value(v, i, 2)) > 59) return false;
    out->minutes = true;
    out->end = i + 2;
    if (zh_at(v, i + 2) == ':' && zh_count_digits(v, i + 3) == 2 && zh_value(v, i + 3, 2) <= 59) {
        out->seconds = true;
        out->second = zh_value(v, i + 3, 2);
        out->end = i + 5;
    }
    return !(zh_at(v, out->end) == ':' && zh_digit(v, out->end + 1));
}

/* With a.m. and p.m.; without minutes only with them. */
static bool take_time(const zh_view *v, size_t i, clock *out) {
    if (!take_clock(v, i, out)) return false;
    size_t half = out->hour <= 12 ? half_at(v, out->end, &out->half) : 0;
    out->end += half;
    return out->minutes || half;
}

static void put_two(zh_out *out, uint64_t value, const char *unit) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    if (value > 0 && value < 10) zh_put(out, "零", ZH_START | ZH_FIXED);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, unit, 0);
}

static void put_clock(const zh_view *v, size_t i, zh_out *out, const clock *c) {
    char digits[24];
    bool said = zh_precedes_any(v, i, "上午|下午|晚上|早上|早晨|凌晨|中午|傍晚|深夜|清晨");
    zh_range(out, v, i, c->end);
    if (c->half && !said)
        zh_put(out, c->hour == 12 ? (c->half == 'a' ? "凌晨" : "中午") : c->half == 'a' ? "上午" : "下午", ZH_START);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)c->hour);
    zh_put_cardinal(out, digits, true, 0);
    zh_put(out, "点", 0);
    if (c->minute || c->seconds) put_two(out, c->minute, "分");
    if (c->seconds) put_two(out, c->second, "秒");
}

/* Where the second time of a span begins: "8:00-9:00", "8:00 - 9:00"; 0: none. */
static size_t span_at(const zh_view *v, size_t end) {
    size_t at = end + (zh_at(v, end) == ' ');
    if (!zh_is_range_mark(zh_at(v, at)) && !zh_in(zh_at(v, at), "至到")) return 0;
    at += 1 + (zh_at(v, at) == 0x2014 && zh_at(v, at + 1) == 0x2014);
    at += zh_at(v, at) == ' ';
    return zh_digit(v, at) ? at : 0;
}

/* PM 3:00 */
static size_t half_first(const zh_view *v, size_t i, zh_out *out) {
    clock c;
    size_t at = i + 2 + (zh_at(v, i + 2) == ' ');
    if (!take_clock(v, at, &c) || !c.minutes || c.hour > 12) return 0;
    c.half = (char)(zh_at(v, i) | 0x20);
    put_clock(v, i, out, &c);
    return c.end - i;
}

/* 约翰福音3:16: chapter and verse; "3:16-18". */
static size_t verse(const zh_view *v, size_t i, zh_out *out) {
    static const char books[] = "创世记|出埃及记|利未记|民数记|申命记|约书亚记|士师记|路得记|撒母耳记上|撒母耳记下|"
                                "列王纪上|列王纪下|历代志上|历代志下|"
                                "以斯拉记|尼希米记|以斯帖记|约伯记|诗篇|箴言|传道书|雅歌|以赛亚书|耶利米书|但以理书|"
                                "福音|使徒行传|罗马书|前书|后书|"
                                "加拉太书|以弗所书|腓立比书|歌罗西书|提多书|希伯来书|雅各书|犹大书|启示录|圣经";
    size_t chapter = zh_count_digits(v, i), at = i + chapter + 1, number = zh_count_digits(v, at);
    if (!chapter || chapter > 3 || zh_at(v, i + chapter) != ':' || !number || number > 3) return 0;
    if (!zh_precedes_any(v, i - (i > 0 && zh_at(v, i - 1) == ' '), books)) return 0;
    const size_t places[][3] = {{i, chapter, 0}, {at, number, 1}};
    for (size_t k = 0; k < 2; k++) {
        char digits[4] = {0};
        for (size_t d = 0; d < places[k][1]; d++) digits[d] = (char)zh_at(v, places[k][0] + d);
        zh_range(out, v, k ? places[k][0] - 1 : places[k][0], places[k][0] + places[k][1]);
        zh_put_cardinal(out, digits, false, ZH_FIXED);
        zh_put(out, k ? "节" : "章", 0);
    }
    return at + number - i;
}

/* 1'23"45, 5'30": minutes, seconds and their hundredths, of races. */
static size_t lap(const zh_view *v, size_t i, zh_out *out) {
    size_t minutes = zh_count_digits(v, i), at = i + minutes + 1, seconds = zh_count_digits(v, at);
    if (!minutes || minutes > 2 || !zh_in(zh_at(v, i + minutes), "'′’") || seconds != 2 || zh_value(v, at, 2) > 59)
        return 0;
    size_t end = at + 2;
    if (!zh_in(zh_at(v, end), "\"″”") || (i > 0 && zh_in(zh_at(v, i - 1), "°度"))) return 0;
    char digits[4] = {(char)zh_at(v, i), minutes > 1 ? (char)zh_at(v, i + 1) : 0, 0};
    zh_range(out, v, i, at - 1);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, "分", 0);
    zh_range(out, v, at - 1, end + 1);
    put_two(out, zh_value(v, at, 2), "秒");
    size_t rest = zh_count_digits(v, end + 1);
    if (!rest || rest > 3) return end + 1 - i;
    char tail[4] = {0};
    for (size_t k = 0; k < rest; k++) tail[k] = (char)zh_at(v, end + 1 + k);
    zh_range(out, v, end + 1, end + 1 + rest);
    zh_put_digits(out, tail, 4, false);
    return end + 1 + rest - i;
}

/* 9秒58: hundredths, figure by figure. */
static size_t hundredths(const zh_view *v, size_t i, zh_out *out) {
    size_t seconds = zh_count_digits(v, i), at = i + seconds + 1, rest = zh_count_digits(v, at);
    if (!seconds || seconds > 3 || zh_at(v, i + seconds) != 0x79D2 || rest != 2 || zh_in(zh_at(v, at + 2), "."))
        return 0;
    if (ev_zh_is_han(zh_at(v, at + 2)) && !zh_in(zh_at(v, at + 2), "的夺获打完跑游成破创排位"))
        return 0; /* 3秒10下 */
    char digits[4] = {0}, tail[3] = {(char)zh_at(v, at), (char)zh_at(v, at + 1), 0};
    for (size_t k = 0; k < seconds; k++) digits[k] = (char)zh_at(v, i + k);
    zh_range(out, v, i, at);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, "秒", 0);
    zh_range(out, v, at, at + 2);
    zh_put_digits(out, tail, 4, false);
    return at + 2 - i;
}

/* A match is at that time, and not so many to so many: 20:00, 7:05, 19:30开球, 今晚19:30. */
static bool begins_or_ends(const zh_view *v, size_t i, const clock *c) {
    static const char words[] =
        "开始|开球|开赛|开打|开踢|开演|开幕|开播|开会|开门|举行|进行|准时|集合|直播|播出|转播|结束";
    const size_t at = i - (i > 0 && zh_at(v, i - 1) == ' ');
    const bool so =
        at > 0 && zh_at(v, at - 1) == 0x4EE5 && !(at > 1 && zh_in(zh_at(v, at - 2), "可所难加足")); /* 以21:15 */
    if (so || zh_follows_any(v, c->end, results)) return false;
    if (zh_follows_any(v, c->end, words)) return true;
    return (c->minutes && c->minute < 10) || zh_precedes_any(v, at, "晚上|今晚|明晚|下午|上午|早上|凌晨|中午|傍晚");
}

/* 用时3:45:20, 时长1:30分钟: how long, and not when. */
static bool is_duration(const zh_view *v, size_t i, const clock *c) {
    while (i > 0 && zh_in(zh_at(v, i - 1), ": 为是约")) i--;
    if (zh_precedes_any(v, i, "用时|耗时|时长|历时|片长|净成绩|配速|跑进|马拉松|半马|全马")) return true;
    return c->seconds && zh_precedes_any(v, i, "成绩"); /* 成绩9:00公布 */
}

/* The unit of the last figure may stand behind them. */
static size_t put_duration(const zh_view *v, size_t i, zh_out *out, const clock *c) {
    static const char *const units[] = {"小时", "分", "秒"};
    const uint64_t values[] = {c->hour, c->minute, c->second};
    size_t end = c->end;
    const bool hours = c->seconds || zh_follows(v, end, "小时") ||
                       zh_precedes_any(v, i - (i > 0 && zh_in(zh_at(v, i - 1), ": 为是约")), "片长");
    if (zh_follows(v, end, "小时") || zh_follows(v, end, "分钟"))
        end += 2;
    else
        end += zh_in(zh_at(v, end), "分秒");
    zh_range(out, v, i, end);
    for (size_t k = 0; k < (c->seconds ? 3 : 2); k++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)values[k]);
        if (k && !values[k]) continue;
        zh_put_cardinal(out, digits, true, k ? ZH_FIXED : 0);
        zh_put(out, units[k + !hours], 0);
    }
    return end - i;
}

size_t zh_clock(const zh_view *v, size_t i, zh_out *out) {
    clock first, second;
    size_t special = zh_digit(v, i) ? verse(v, i, out) : 0;
    if (!special && zh_digit(v, i)) special = lap(v, i, out);
    if (!special && zh_digit(v, i)) special = hundredths(v, i, out);
    if (special) return special;
    if (zh_letter(zh_at(v, i))) return half_first(v, i, out);
    /* the middle of 1:02:03 or 1.02; but "时间：10:00" */
    if (i > 1 && zh_in(zh_at(v, i - 1), ":.") && zh_digit(v, i - 2)) return 0;
    if (!take_time(v, i, &first)) {
        size_t at = take_clock(v, i, &first) ? span_at(v, first.end) : 0; /* 9-11am */
        if (!at || first.minutes || !take_time(v, at, &second) || !second.half || second.hour < first.hour) return 0;
        first.half = second.half;
    }
    if (first.minutes && !first.half && is_duration(v, i, &first)) return put_duration(v, i, out, &first);
    if (!first.seconds && !first.half && !begins_or_ends(v, i, &first) && speaks_of_a_match(v, i, first.end))
        return 0;
    put_clock(v, i, out, &first);
    size_t at = span_at(v, first.end);
    if (!at || !take_time(v, at, &second)) return first.end - i;
    zh_range(out, v, first.end, at);
    zh_put(out, "到", ZH_START);
    if (second.half == first.half) second.half = 0;
    put_clock(v, at, out, &second);
    return second.end - i;
}
