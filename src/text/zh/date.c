/* date: dates in figures: 2026-11-23, 2026/11, 85/02/27, 08/16, 5.1 before 放假; spans of them; seasons (2023/24);
 * days that are names (3.15 before 晚会).
 *
 * Two small numbers are also a fraction, a decimal, a room. So they are a date only where one is padded with a
 * nought, or where a word before or after speaks of a day.
 */
#include <stdio.h>

#include "text/zh/zh.h"

static bool is_year(uint64_t y) { return y >= 1000 && y <= 2999; }
static bool is_modern(uint64_t y) { return y >= 1900 && y < 2100; }
static bool is_month(uint64_t m) { return m >= 1 && m <= 12; }
static bool is_day(uint64_t d) { return d >= 1 && d <= 31; }

/* ---- what is written ---- */

typedef struct part {
    size_t at, digits;
    uint64_t value;
    bool padded;
} part;

typedef struct chain {
    part p[3];
    size_t count, begin, end;
    int32_t separator;
} chain;

/* Which part is the year, the month, the day; -1: none. */
typedef struct shape {
    int year, month, day;
} shape;

/* At most 3 numbers of at most 4 digits with the same separator between. */
static bool take_chain(const zh_view *v, size_t i, chain *out) {
    *out = (chain){.begin = i};
    while (out->count < 3) {
        size_t digits = zh_count_digits(v, i);
        if (digits == 0 || digits > 4) return false;
        out->p[out->count++] = (part){i, digits, zh_value(v, i, digits), digits == 2 && zh_at(v, i) == '0'};
        out->end = i += digits;
        int32_t next = zh_at(v, i);
        if (out->count == 3 || !zh_in(next, "-/.–·") || (out->separator && next != out->separator)) break;
        if (!zh_digit(v, i + 1)) break;
        out->separator = next;
        i++;
    }
    return !zh_digit(v, out->end);
}

/* ---- what stands around ---- */

static bool day_after(const zh_view *v, size_t begin, size_t end) {
    if (zh_at(v, end) == 0x662F) /* 12/25是圣诞节 */
        return zh_follows_any(
            v, end + 1,
            "圣诞|元旦|国庆|中秋|春节|端午|清明|劳动|儿童|情人|母亲|父亲|教师|妇女|植树|平安夜|除夕|万圣|"
            "感恩|周|星期|生日|我生日|我的生日|他的生日|她的生日|结婚|纪念日|截止|最后|节|假期|冬至|夏至|立春");
    if (zh_at(v, end) == 0x7684) end++; /* 的 */
    if (zh_at(v, end) == ' ') end++;
    const size_t hour = zh_count_digits(v, end); /* 11.11 00:00 */
    if (hour && hour < 3 && zh_at(v, end - 1) == ' ' && zh_at(v, end + hour) == ':' && zh_digit(v, end + hour + 1) &&
        !zh_in(zh_at(v, begin - (begin > 0)), "价率于到报至是本为"))
        return true;
    return zh_follows_any(
        v, end,
        "放假|假期|小长假|黄金周|开业|出生|生日|会议|例会|开会|上映|上线|发布|举行|举办|开幕|闭幕|截止|"
        "截至|当天|当日|那天|国庆|元旦|圣诞|儿童节|劳动节|妇女节|情人节|青年节|教师节|建军节|建党|护士节|"
        "植树节|愚人节|光棍节|购物节|大促|活动|报名|考试|开学|到期|出发|抵达|更新|期间|之前|之后|以前|"
        "以后|上午|下午|晚上|早上|凌晨|中午|首发|首映|开售|发售|开播|直播|周一|周二|周三|周四|周五|周六|"
        "周日|星期|(周|(星期|开始|结束|交付|入职|离职|签约|预约|演唱会|演出|比赛|营业|发货|送达|到货|生效|"
        "执行|航班|车票|机票|展览|促销|特惠|狂欢|年会|婚礼|聚会|晚会|面试|体检|公告|通知|日报|早报|新闻");
}

static bool day_before(const zh_view *v, size_t i) {
    for (int k = 0; k < 2 && i > 0 && zh_in(zh_at(v, i - 1), ": 是为在于("); k++) i--;
    return zh_precedes_any(
        v, i,
        "日期|时间|截止|截至|截止到|定|将|生日|出生|生|成立|始|今天|明天|昨天|后天|前天|有效期至|有效期|"
        "保质期|保质期至|发布|农历|阴历|下周|本周|周一|周二|周三|周四|周五|周六|周日");
}

/* Weaker words, which only make a date of a slash. */
static bool near_slash(const zh_view *v, const chain *c, size_t end) {
    size_t i = c->begin;
    if (zh_in(zh_at(v, end), "前后起晚早")) return true;
    if (c->count == 2 && c->p[1].value <= 10 && !c->p[1].padded) return false; /* 在1/2处 */
    if (i > 0 && zh_at(v, i - 1) == ':') i--;
    return zh_precedes_any(v, i, "在|于|至|到|从|自");
}

static bool names_a_day(const zh_view *v, const chain *c, size_t end) {
    if (day_after(v, c->begin, end) || day_before(v, c->begin)) return true;
    return c->separator == '/' && near_slash(v, c, end);
}

/* ---- which shape ---- */

static bool three_parts(const chain *c, bool named, shape *out) {
    const part *a = &c->p[0], *b = &c->p[1], *d = &c->p[2];
    bool tail = is_month(b->value) && is_day(d->value) && b->digits < 3 && d->digits < 3;
    *out = (shape){0, 1, 2};
    if (a->digits == 4) return is_year(a->value) && tail;
    if (d->digits == 4 && is_modern(d->value) && a->digits < 3 && b->digits < 3) {
        *out = is_month(a->value) ? (shape){2, 0, 1} : (shape){2, 1, 0};
        return c->separator != '.' && is_month(c->p[out->month].value) && is_day(c->p[out->day].value);
    }
    if (a->digits != 2 || d->digits > 2 || b->digits > 2) return false;
    bool padded = b->digits == 2 && d->digits == 2;
    bool clear = named || c->separator == '/' || (c->separator == '-' && padded);
    if (tail) return clear;
    *out = (shape){2, 0, 1};
    return clear && c->separator == '/' && d->digits == 2 && is_month(a->value) && is_day(b->value);
}

static bool two_parts(const zh_view *v, const chain *c, bool named, shape *out) {
    const part *a = &c->p[0], *b = &c->p[1];
    if (a->digits == 4 && b->digits == 2 && is_modern(a->value) && is_month(b->value)) {
        *out = (shape){0, 1, -1};
        if (zh_in(zh_at(v, c->end), "年人个元") || zh_follows_any(v, c->end, "赛季|学年|财年|年度")) return false;
        return c->separator != '.' || b->padded || named;
    }
    if (a->digits == 4 && b->digits == 1 && c->separator == '/' && named && is_modern(a->value)) {
        *out = (shape){0, 1, -1};
        return is_month(b->value);
    }
    if (b->digits == 4 && a->digits < 3 && is_modern(b->value) && is_month(a->value)) {
        *out = (shape){1, 0, -1};
        return c->separator == '/' ? !zh_in(zh_at(v, c->end), "年人个元") : a->padded;
    }
    *out = (shape){-1, 0, 1};
    if (a->digits > 2 || b->digits > 2 || !is_month(a->value) || !is_day(b->value)) return false;
    if (zh_in(zh_at(v, c->end), "%元折块万亿室") && !zh_follows(v, c->end, "元旦")) return false;
    if (named) return true;
    return c->separator == '/' ? a->padded || b->padded : a->padded && b->digits == 2;
}

static bool shape_of(const zh_view *v, const chain *c, bool named, shape *out) {
    if (c->count == 3) return three_parts(c, named, out);
    return c->count == 2 && two_parts(v, c, named, out);
}

/* ---- saying it ---- */

static void put_part(zh_out *out, const zh_view *v, const part *p, const char *unit, size_t end) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)p->value);
    zh_range(out, v, p->at, end);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, unit, 0);
}

static void put_year(zh_out *out, const zh_view *v, const part *p) {
    char digits[8] = {0};
    for (size_t k = 0; k < p->digits; k++) digits[k] = (char)zh_at(v, p->at + k);
    zh_range(out, v, p->at, p->at + p->digits);
    zh_put_digits(out, digits, 4, false);
    zh_put(out, "年", 0);
}

static size_t put_date(const zh_view *v, const chain *c, const shape *s, zh_out *out) {
    size_t end = c->end + (s->day >= 0 && zh_in(zh_at(v, c->end), "日号"));
    size_t last = c->count - 1;
    if (s->year >= 0) put_year(out, v, &c->p[s->year]);
    put_part(out, v, &c->p[s->month], "月", c->p[s->month].at + c->p[s->month].digits);
    if (s->day >= 0)
        put_part(out, v, &c->p[s->day], "日", (size_t)s->day == last ? end : c->p[s->day].at + c->p[s->day].digits);
    return end;
}

/* ---- seasons, days that are names ---- */

static void put_names(const zh_view *v, const chain *c, zh_out *out) {
    for (size_t k = 0; k < c->count; k++) {
        const part *p = &c->p[k];
        char digits[8] = {0};
        for (size_t d = 0; d < p->digits; d++) digits[d] = (char)zh_at(v, p->at + d);
        zh_range(out, v, p->at, p->at + p->digits);
        if (p->value == 10)
            zh_put_cardinal(out, digits, false, ZH_FIXED);
        else
            zh_put_digits(out, digits, 4, false); /* 一二九, 九一八 */
    }
}

/* 2023/24赛季; 2023/24 alone: the next year. */
static bool is_season(const zh_view *v, const chain *c) {
    const part *a = &c->p[0], *b = &c->p[1];
    if (c->count != 2 || b->digits != 2 || !(a->digits == 2 || (a->digits == 4 && is_modern(a->value)))) return false;
    if (a->digits == 2 && !zh_follows_any(v, c->end, "赛季|学年|财年")) return false; /* 21/22赛季 */
    if ((a->value + 1) % 100 != b->value || !zh_in(c->separator, "/-–")) return false;
    return !is_month(b->value) || zh_follows_any(v, c->end, "赛季|学年|财年|年度");
}

/* 3.15晚会, 5·12地震, 9·11事件, 3·8妇女节: figure by figure. Between points in the middle they are seldom anything
 * else. */
static bool is_named_day(const zh_view *v, const chain *c) {
    const part *a = &c->p[0], *b = &c->p[1];
    if (c->count != 2 || a->digits > 2 || b->digits > 2 || !is_month(a->value) || !is_day(b->value)) return false;
    if (a->padded || b->padded) return false;
    size_t end = c->end + (zh_in(zh_at(v, c->end), "”’」》\"'") ? 1 : 0);
    if (c->separator == 0xB7 && !zh_in(zh_at(v, end), "个元米%"))
        return !day_after(v, c->begin, end) ||
               zh_follows_any(v, end, "晚会|妇女|儿童|劳动|青年|国庆|购物|大促|活动|建军|建党|教师|护士");
    return zh_follows_any(
               v, end,
               "事件|事变|地震|大地震|特大|运动|惨案|大案|专案|爆炸|空难|讲话|枪击|恐怖|恐袭|袭击|打假|汶川|"
               "消费者|国耻") ||
           (a->value == 3 && b->value == 15 && zh_follows(v, end, "晚会")) ||
           (a->value == 6 && b->value == 18 && zh_follows_any(v, end, "大促|购物|年中|狂欢|活动|促销"));
}

/* 1990s: 九十年代, of which century the figures tell. */
static size_t decade(const zh_view *v, size_t i, zh_out *out) {
    bool tens = zh_count_digits(v, i) == 4 && zh_follows_any(v, i, "18|19|20") && zh_at(v, i + 3) == '0';
    size_t end = i + 4;
    if (zh_at(v, end) == '\'') end++;
    if (!tens || zh_at(v, end) != 's' || zh_letter(zh_at(v, end + 1)) || zh_digit(v, end + 1)) return 0;
    char year[5] = {0};
    for (size_t k = 0; k < 4; k++) year[k] = (char)zh_at(v, i + k);
    zh_range(out, v, i, end + 1);
    zh_put_digits(out, year, 4, false);
    zh_put(out, "年代", 0);
    return end + 1 - i;
}

/* 2934ad, 221 b.c., 44BCE: 公元 and 公元前. */
static size_t era(const zh_view *v, size_t i, zh_out *out) {
    size_t digits = zh_count_digits(v, i), at = i + digits + (zh_at(v, i + digits) == ' ');
    size_t length = zh_follows_any(v, at, "a.d.|A.D.|AD|ad|b.c.|B.C.|BCE|bce|BC|bc");
    if (!digits || digits > 4 || !length || zh_letter(zh_at(v, at + length)) || zh_digit(v, at + length)) return 0;
    char year[8] = {0};
    for (size_t k = 0; k < digits; k++) year[k] = (char)zh_at(v, i + k);
    zh_range(out, v, i, at + length);
    zh_put(out, (zh_at(v, at) | 0x20) == 'a' ? "公元" : "公元前", ZH_START);
    if (digits == 4)
        zh_put_digits(out, year, 4, false);
    else
        zh_put_cardinal(out, year, false, ZH_FIXED);
    if (zh_at(v, at + length) == 0x5E74) length++; /* 年 */
    zh_put(out, "年", 0);
    return at + length - i;
}

/* iOS 17.5.1, 版本12.3.1 */
static bool names_a_version(const zh_view *v, size_t i) {
    size_t before = i - (i > 0 && zh_in(zh_at(v, i - 1), " :v"));
    return (before > 0 && zh_letter(zh_at(v, before - 1))) ||
           zh_precedes_any(v, before, "版本|版本号|系统|固件|版|驱动");
}

/* 24年5月, 23年底, 24年高考: of this century, and no span of years. */
static size_t short_year(const zh_view *v, size_t i, zh_out *out) {
    if (zh_count_digits(v, i) != 2 || zh_at(v, i) > '4' || zh_at(v, i + 2) != 0x5E74) return 0;
    if (i > 0 && (zh_in(zh_at(v, i - 1), ".,-~至到第") || zh_digit(v, i - 1))) return 0;
    if (zh_precedes_any(v, i, "连续|近|了|过去|满|整整|长达|约|超过|共")) return 0; /* 连续10年春节 */
    const size_t month = zh_count_digits(v, i + 3);
    const bool dated = month && month < 3 && zh_value(v, i + 3, month) <= 12 && zh_at(v, i + 3 + month) == 0x6708;
    if (!dated &&
        !zh_follows_any(v, i + 3,
                        "底|初|末|高考|中考|考研|入职|毕业|春节|国庆|上半年|下半年|第一季|第二季|第三季|第四季"))
        return 0;
    const char digits[] = {(char)zh_at(v, i), (char)zh_at(v, i + 1), 0};
    zh_range(out, v, i, i + 3);
    zh_put_digits(out, digits, 4, false);
    zh_put(out, "年", 0);
    return 3;
}

/* 2007-09年, 07-09年, 98-02年: from one year to another that is cut short. */
static size_t year_span(const zh_view *v, size_t i, const chain *c, zh_out *out) {
    const part *a = &c->p[0], *b = &c->p[1];
    if (c->count != 2 || c->separator != '-' || zh_at(v, c->end) != 0x5E74 || b->digits != 2) return 0;
    const bool whole = a->digits == 4 && is_modern(a->value) && a->value % 100 < b->value;
    if (!whole && !(a->digits == 2 && (a->padded || b->padded))) return 0;
    for (int k = 0; k < 2; k++) {
        const part *p = &c->p[k];
        char digits[8] = {0};
        for (size_t d = 0; d < p->digits; d++) digits[d] = (char)zh_at(v, p->at + d);
        zh_range(out, v, p->at, p->at + p->digits);
        zh_put_digits(out, digits, 4, false);
        if (k) break;
        zh_range(out, v, b->at - 1, b->at);
        zh_put(out, "到", ZH_START);
    }
    return c->end - i;
}

/* ---- here ---- */

/* The second date of a span: "5.12-5.18", "2026/1/1~1/5". Where it begins; 0: none. */
static size_t span_at(const zh_view *v, const chain *first) {
    size_t at = first->end;
    bool word = zh_in(zh_at(v, at), "至到");
    if (!word && (!zh_is_range_mark(zh_at(v, at)) || zh_at(v, at) == first->separator)) return 0;
    return zh_digit(v, at + 1) ? at + 1 : 0;
}

size_t zh_date(const zh_view *v, size_t i, zh_out *out) {
    chain first, second = {0};
    shape one, two;
    size_t year = zh_count_digits(v, i) ? era(v, i, out) : 0;
    if (!year) year = decade(v, i, out);
    if (!year) year = short_year(v, i, out);
    if (year) return year;
    if (!take_chain(v, i, &first) || first.count < 2) return 0;
    if ((year = year_span(v, i, &first, out))) return year;
    if (first.separator == '.' && names_a_version(v, i)) return 0;
    if (first.separator == '-' && first.p[0].digits < 4 &&
        zh_precedes_any(v, i - (i > 0 && zh_in(zh_at(v, i - 1), ":是为 ")), "码|号|室"))
        return 0; /* 取件码8-3-2019 */
    if (i > 0 && zh_in(zh_at(v, i - 1), "./·")) return 0;
    if (is_season(v, &first) || is_named_day(v, &first)) {
        put_names(v, &first, out);
        return first.end - i;
    }
    size_t at = span_at(v, &first);
    bool span = at && take_chain(v, at, &second) && second.count >= 2 && second.separator == first.separator;
    bool named = names_a_day(v, &first, span ? second.end : first.end);
    if (span && shape_of(v, &first, named, &one) && shape_of(v, &second, named || first.count == 3, &two)) {
        put_date(v, &first, &one, out);
        zh_range(out, v, first.end, at);
        zh_put(out, "到", ZH_START);
        return put_date(v, &second, &two, out) - i;
    }
    if (span) named = names_a_day(v, &first, first.end);
    if (!shape_of(v, &first, named, &one)) return 0;
    return put_date(v, &first, &one, out) - i;
}
