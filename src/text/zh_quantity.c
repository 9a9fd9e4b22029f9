/* zh_quantity: a number and what it counts: percent, units, money, fractions, products, ranges ("3-5个", "-5~3℃").
 *
 * An amount is parsed whole before anything is written, since Mandarin turns the order around: 50% is 百分之五十,
 * 3/4 is 四分之三, ¥3.5万 is 三点五万元.
 */
#include <string.h>

#include "text/zh.h"

typedef struct amount {
    zh_number number;
    bool negative, plus;
    const char *prefix;   /* 百分之 or 千分之 */
    const char *unit;     /* name, or NULL */
    const char *currency; /* sign stood before the number */
    size_t scale;         /* characters of 万, 亿 ... after the number, when the currency stood before it */
    size_t begin, end;
} amount;

static bool is_minus(int32_t cp) { return cp == '-' || cp == 0x2212 || cp == 0xFF0D; }

/* ---- parsing ---- */

/* Nobody says the noughts of 4,999.00 and 12.50 when it is money. */
static void drop_noughts(zh_number *n) {
    for (size_t k = strlen(n->decimals); k-- > 0 && n->decimals[k] == '0';) n->decimals[k] = '\0';
}

static bool take_amount(const zh_view *v, size_t i, amount *a) {
    *a = (amount){.begin = i};
    if (is_minus(zh_at(v, i)) || zh_at(v, i) == '+') {
        a->plus = zh_at(v, i) == '+';
        a->negative = !a->plus;
        i++;
    }
    if ((a->currency = zh_currency(zh_at(v, i)))) i += zh_at(v, i + 1) == ' ' ? 2 : 1;
    if (!zh_number_parse(v, i, &a->number)) return false;
    a->end = a->number.end;
    int32_t next = zh_at(v, a->end);
    if (a->currency || zh_in(next, "元块")) drop_noughts(&a->number);
    if (next == '%' || next == 0x2030) {
        a->prefix = next == '%' ? "百分之" : "千分之";
        a->end++;
    } else if (a->currency) {
        while (a->scale < 3 && zh_in(zh_at(v, a->end + a->scale), "百千万亿")) a->scale++;
        a->end += a->scale;
    } else
        a->end += zh_unit(v, a->end, &a->unit);
    return true;
}

/* ---- 两 or 二, years ---- */

/* What a lone 2 counts is 两; what it numbers (月, 日, 号, 楼, 级) is 二. */
static bool counts_two(const zh_view *v, size_t end) {
    if (zh_follows(v, end, "年级") || zh_follows(v, end, "分之") || zh_follows(v, end, "星级") ||
        zh_follows(v, end, "季度"))
        return false;
    if (zh_in(zh_at(v, end), "到至") && zh_digit(v, end + 1)) end += 1 + zh_count_digits(v, end + 1); /* 2到3个 */
    if (zh_at(v, end) == ' ') end++;
    return zh_in(zh_at(v, end), "个只本张件台把条辆份位名次天年周岁分秒元块斤公千百万亿米里升吨克毫小度瓶杯碗盘包盒箱"
                                "袋双对套间层座家所棵株朵根支枝枚颗粒片滴股门"
                                "种样类项场部篇首句段页册幅封笔批排群国者侧端边头匹口艘架栋幢扇面道届点角毛倍成平厘寸"
                                "尺丈亩顷美欧英港人礼星刻集拨节圈趟遍顿番回"
                                "下声步桌顶户辈");
}

static bool calls_a_year(const zh_view *v, const zh_number *n) {
    size_t digits = strlen(n->digits);
    bool year = zh_at(v, n->end) == 0x5E74, plain = !n->commas && !n->decimals[0]; /* 年 */
    if (!plain) return false;
    if (digits == 2 && zh_at(v, n->end) == 0x540E && n->digits[1] == '0')
        return strchr("056789", n->digits[0]); /* 80后 */
    if (digits == 4 &&
        (zh_follows(v, n->end, "赛季") || zh_follows(v, n->end, "学年") || zh_follows(v, n->end, "财年")))
        return true;
    if (!year) return false;
    int32_t after = zh_at(v, n->end + 1);
    bool span =
        zh_in(after, "前后来间多以历") || zh_follows(v, n->end + 1, "的历史") || zh_follows(v, n->end + 1, "时间");
    if (digits == 4)
        return !(span && strcmp(n->digits + 2, "00") == 0) && strcmp(n->digits, "1000") != 0 &&
               strcmp(n->digits, "3000") && n->digits[0] != '0';
    if (digits != 2 || span || zh_at(v, n->end + 1) == 0x4EE3) return false; /* 90年代: 九十 */
    return n->digits[0] == '0' || n->digits[0] >= '7';
}

/* ---- writing ---- */

static void put_plain(const zh_view *v, zh_out *out, const amount *a, size_t context) {
    const zh_number *n = &a->number;
    size_t digits = strlen(n->digits);
    bool ordinal = a->begin > 0 && zh_in(zh_at(v, a->begin - 1), "第初");
    bool whole = !n->decimals[0];
    int32_t next = zh_at(v, n->end);
    if (whole && digits > 1 && n->digits[0] == '0') {
        if (digits == 2 && zh_in(next, "月日号时点"))
            zh_put_cardinal(out, n->digits, true, ZH_FIXED);
        else
            zh_put_digits(out, n->digits, 4, false);
        return;
    }
    if (calls_a_year(v, n)) {
        zh_put_digits(out, n->digits, 4, false);
        return;
    }
    if (a->prefix && whole && strcmp(n->digits, "100") == 0) {
        zh_put(out, "百", ZH_START); /* 百分之百 */
        return;
    }
    bool names = ordinal || zh_in(next, "月日号楼");
    bool two = !names && (a->unit || a->currency || counts_two(v, context));
    zh_put_number(out, n, two && !a->prefix, names ? ZH_FIXED : 0);
}

static void put_amount(const zh_view *v, zh_out *out, const amount *a, size_t context) {
    bool degrees = a->unit && (strcmp(a->unit, "摄氏度") == 0 || strcmp(a->unit, "华氏度") == 0);
    zh_range(out, v, a->begin, a->end);
    if (a->negative) zh_put(out, degrees ? "零下" : "负", ZH_START | ZH_JOIN);
    if (a->plus) zh_put(out, "正", ZH_START);
    if (a->prefix) zh_put(out, a->prefix, ZH_START | ZH_JOIN);
    put_plain(v, out, a, context);
    for (size_t k = 0; k < a->scale; k++) {
        char scale[5] = {0};
        ev_utf8_put(zh_at(v, a->number.end + k), scale);
        zh_put(out, scale, 0);
    }
    if (a->currency) zh_put(out, a->currency, ZH_START);
    if (a->unit) zh_put(out, a->unit, ZH_START);
}

static void put_between(const zh_view *v, zh_out *out, size_t at, const char *word) {
    zh_range(out, v, at, at + 1);
    zh_put(out, word, ZH_START);
}

/* ---- the compounds ---- */

/* 3/4, but not 3/4/5. */
static size_t fraction(const zh_view *v, const amount *a, zh_out *out) {
    zh_number below;
    size_t slash = a->number.end;
    bool whole = !a->prefix && !a->unit && !a->number.decimals[0] && !a->currency;
    if (!whole || !zh_in(zh_at(v, slash), "/⁄") || !zh_number_parse(v, slash + 1, &below)) return 0;
    if (below.decimals[0] || (zh_at(v, below.end) == '/' && zh_digit(v, below.end + 1))) return 0;
    zh_range(out, v, a->begin, below.end);
    if (a->negative) zh_put(out, "负", ZH_START);
    zh_put_number(out, &below, false, 0);
    zh_put(out, "分之", ZH_START | ZH_JOIN);
    zh_put_number(out, &a->number, false, 0);
    return below.end - a->begin;
}

/* 1920x1080, 3×4×5 */
static size_t product(const zh_view *v, const amount *a, zh_out *out) {
    size_t end = a->end;
    amount next;
    for (int k = 0; k < 4 && zh_in(zh_at(v, end), "xX×*✕") && zh_digit(v, end + 1) && take_amount(v, end + 1, &next);
         k++) {
        if (k == 0) put_amount(v, out, a, a->end);
        put_between(v, out, end, "乘");
        put_amount(v, out, &next, next.end);
        end = next.end;
    }
    return end > a->end ? end - a->begin : 0;
}

static bool of_a_match(const zh_view *v, size_t i, size_t end) {
    static const char *const words[] = {"比分", "胜", "战平", "战胜", "击败", "负于",
                                        "赢",   "输", "领先", "落后", "大胜"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(words); k++)
        if (zh_mentioned(v, i, words[k]) || zh_follows(v, end, words[k])) return true;
    return false;
}

static const char *range_word(const zh_view *v, const amount *a, const amount *b) {
    int32_t mark = zh_at(v, a->end), after = zh_at(v, b->end);
    if (after == '=' || (after == ' ' && zh_at(v, b->end + 1) == '=')) return "减";
    if (mark == '-' && !a->unit && !b->unit && of_a_match(v, a->begin, b->end)) return "比";
    bool names =
        mark == '-' && !a->unit && !b->unit && !a->prefix && !a->number.decimals[0] && !b->number.decimals[0];
    if (names && zh_value(v, a->number.begin, strlen(a->number.digits)) >
                     zh_value(v, b->number.begin, strlen(b->number.digits)))
        return "杠"; /* 8-2室: no range runs down */
    return "到";
}

static bool both_years(const amount *a, const amount *b) {
    const char *x = a->number.digits, *y = b->number.digits;
    bool plain = !a->unit && !b->unit && !a->prefix && !b->prefix && !a->number.decimals[0] && !b->number.decimals[0];
    return plain && strlen(x) == 4 && strlen(y) == 4 && strchr("12", x[0]) && strchr("12", y[0]);
}

static bool year_span(const zh_view *v, const amount *a, const amount *b) {
    if (!both_years(a, b)) return false;
    if (calls_a_year(v, &b->number)) return true;
    bool modern = strncmp(a->number.digits, "19", 2) == 0 || strncmp(a->number.digits, "20", 2) == 0;
    return modern && !zh_in(zh_at(v, b->end), "个元块人米") && strcmp(a->number.digits, b->number.digits) < 0;
}

static size_t range(const zh_view *v, amount *a, zh_out *out) {
    amount b;
    if (!zh_is_range_mark(zh_at(v, a->end))) return 0;
    size_t at = a->end + 1 + (zh_at(v, a->end + 1) == zh_at(v, a->end) && zh_at(v, a->end) == 0x2014); /* —— */
    bool digit = zh_digit(v, at) || zh_currency(zh_at(v, at)) ||
                 (is_minus(zh_at(v, at)) && zh_digit(v, at + 1) && zh_at(v, a->end) == '~');
    if (!digit || !take_amount(v, at, &b) || (zh_is_range_mark(zh_at(v, b.end)) && zh_digit(v, b.end + 1))) return 0;
    if (b.prefix && !a->prefix && !a->unit) a->prefix = b.prefix;
    const char *word = range_word(v, a, &b);
    bool years = year_span(v, a, &b), cold = a->negative && !a->unit && b.unit && strstr(b.unit, "氏度");
    zh_range(out, v, a->begin, a->end);
    if (years)
        zh_put_digits(out, a->number.digits, 4, false);
    else if (cold) {
        zh_put(out, "零下", ZH_START | ZH_JOIN);
        zh_put_number(out, &a->number, true, 0);
    } else
        put_amount(v, out, a, a->unit || a->prefix ? a->end : b.end);
    put_between(v, out, a->end, word);
    zh_range(out, v, at, b.end);
    if (years)
        zh_put_digits(out, b.number.digits, 4, false);
    else
        put_amount(v, out, &b, b.end);
    return b.end - a->begin;
}

/* 30°15′20″, and what money is for: ¥5/kg, $10/月. */
static size_t rest_of(const zh_view *v, const amount *a, zh_out *out) {
    size_t end = a->end;
    amount next;
    const char *name;
    for (int k = 0; k < 2 && a->unit && zh_in(zh_at(v, end - 1), "°′") && take_amount(v, end, &next) && next.unit;
         k++) {
        put_amount(v, out, &next, next.end);
        end = next.end;
    }
    bool per = a->currency && zh_at(v, end) == '/';
    size_t sign = per ? zh_unit(v, end + 1, &name) : 0;
    if (per && (sign || ev_zh_is_han(zh_at(v, end + 1)))) {
        zh_range(out, v, end, end + 1 + sign);
        zh_put(out, "每", ZH_START);
        if (sign) zh_put(out, name, 0);
        end += 1 + sign;
    }
    return end - a->end;
}

size_t zh_quantity(const zh_view *v, size_t i, zh_out *out) {
    amount a;
    if (!take_amount(v, i, &a)) return 0;
    size_t length = fraction(v, &a, out);
    if (!length) length = product(v, &a, out);
    if (!length) length = range(v, &a, out);
    if (length) return length;
    put_amount(v, out, &a, a.end);
    return a.end - i + rest_of(v, &a, out);
}
