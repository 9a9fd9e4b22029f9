/* sign: signs that are spoken where both neighbours give them a sense (1+1=2, 5元/斤, 周一-周五), and characters
 * that are numbers in themselves (½, ⑫, Ⅲ).
 */
#include <stdio.h>
#include <string.h>

#include "text/zh/zh.h"

typedef struct sign {
    int32_t cp;
    const char *name;
} sign;

/* Spoken between two operands. */
static const sign operators[] = {{'+', "加"},          {0x2212, "减"},     {0xD7, "乘"},       {0xF7, "除以"},
                                 {'=', "等于"},        {'<', "小于"},      {'>', "大于"},      {0x2264, "小于等于"},
                                 {0x2265, "大于等于"}, {0x2260, "不等于"}, {0x2248, "约等于"}, {0x2192, "到"},
                                 {'&', "和"},          {'*', "乘"},        {'^', "的"},        {0x2266, "小于等于"},
                                 {0x2267, "大于等于"}};
/* The same, of two characters. */
static const struct {
    char text[3];
    const char *name;
} pairs[] = {{"<=", "小于等于"}, {">=", "大于等于"}, {"!=", "不等于"}, {"==", "等于"},
             {"=<", "小于等于"}, {"=>", "推出"},     {"->", "到"}};
/* Spoken wherever they stand. */
static const sign names[] = {
    {0xB1, "正负"},     {0x221A, "根号"},   {0x221E, "无穷大"}, {0x2103, "摄氏度"},  {0x2109, "华氏度"},
    {0x224C, "全等于"}, {0x221D, "正比于"}, {0x222B, "积分"},   {0x266D, "降号"},    {0x266F, "升号"},
    {0x2030, "千分号"}, {0x2116, "号"},     {0x3C0, "派"},      {0x2220, "角"},      {0x25B3, "三角形"},
    {0x2208, "属于"},   {0x222A, "并"},     {0x2229, "交"},     {0x2211, "西格玛"},  {0x2234, "所以"},
    {0x2235, "因为"},   {0x22A5, "垂直于"}, {0x2225, "平行于"}, {0x3B1, "阿尔法"},   {0x3B2, "贝塔"},
    {0x3B3, "伽马"},    {0x3B4, "德尔塔"},  {0x394, "德尔塔"},  {0x3B5, "伊普西龙"}, {0x3B7, "伊塔"},
    {0x3B8, "西塔"},    {0x3BB, "拉姆达"},  {0x3BC, "缪"},      {0x3C1, "柔"},       {0x3C3, "西格玛"},
    {0x3A3, "西格玛"},  {0x3C4, "陶"},      {0x3C6, "斐"},      {0x3A6, "斐"},       {0x3C8, "普西"},
    {0x3C9, "欧米伽"},  {0x3A9, "欧米伽"},  {0x3C7, "西"},      {0x3BA, "卡帕"}};
static const sign fractions[] = {
    {0xBD, "二分之一"},   {0x2153, "三分之一"}, {0x2154, "三分之二"}, {0xBC, "四分之一"},   {0xBE, "四分之三"},
    {0x2155, "五分之一"}, {0x2156, "五分之二"}, {0x2157, "五分之三"}, {0x2158, "五分之四"}, {0x215B, "八分之一"}};

static const char *find_sign(const sign *signs, size_t n, int32_t cp) {
    for (size_t k = 0; k < n; k++)
        if (signs[k].cp == cp) return signs[k].name;
    return NULL;
}

/* The neighbour on a side, past one space. */
static int32_t beside(const zh_view *v, size_t i, int step) {
    size_t at = i + (size_t)step; /* wraps below 0: then outside */
    if (zh_at(v, at) == ' ') at += (size_t)step;
    return zh_at(v, at);
}

static bool is_operand(int32_t cp) {
    const bool greek = cp >= 0x391 && cp <= 0x3C9, small = cp >= 0x2070 && cp <= 0x2089; /* α, x⁴, H₂ */
    return (cp >= '0' && cp <= '9') || zh_letter(cp) || ev_zh_is_han(cp) || greek || small ||
           zh_in(cp, "()%℃°π√±.¹²³½-−¥￥$|‰′″");
}

static bool is_number(int32_t cp) {
    return (cp >= '0' && cp <= '9') || zh_is_numeral(cp) || (cp >= 0x391 && cp <= 0x3C9) ||
           zh_in(cp, "()%-−¥￥$.|²³");
}

/* Days, months, hours: between two of them a dash says 到. */
static bool is_time_word(const zh_view *v, size_t i) {
    return zh_in(zh_at(v, i), "月日号年点时分周天期岁级世楼层路期元章页万亿千百一二三四五六日");
}

/* How many characters from right before i back to a number, at most 3 of Han: 2 in 5万元. 0: none. */
static size_t number_before(const zh_view *v, size_t i) {
    for (size_t back = 1; back <= 4 && back <= i; back++) {
        if (zh_digit(v, i - back)) return back;
        if (!ev_zh_is_han(zh_at(v, i - back))) return 0;
    }
    return 0;
}

/* Where the number at i ends; i: there is none. */
static size_t number_end(const zh_view *v, size_t i) {
    zh_number number;
    return zh_number_parse(v, i, &number) ? number.end : i;
}

/* 3公里-5公里: what is counted before the dash is counted behind it. */
static bool counts_alike(const zh_view *v, size_t i) {
    const size_t back = number_before(v, i), end = number_end(v, i + 1);
    if (back < 2 || end == i + 1) return false;
    for (size_t k = 0; k < back - 1; k++)
        if (zh_at(v, end + k) != zh_at(v, i - back + 1 + k)) return false;
    return true;
}

/* A range of days does not end in degrees: 今天-23°C, 周一-5~3℃ are a day and a frost. */
static bool is_frost(const zh_view *v, size_t i) {
    const int32_t mark = zh_at(v, i), before = zh_at(v, i - 1);
    const bool weekday = i > 1 && zh_in(before, "一二三四五六") && zh_in(zh_at(v, i - 2), "周期");
    if ((mark != '-' && mark != 0x2212) || !(weekday || zh_in(before, "天日号月期时点"))) return false;
    size_t end = number_end(v, i + 1);
    if (end == i + 1) return false;
    if (zh_is_range_mark(zh_at(v, end)) || zh_in(zh_at(v, end), "到至")) {
        const size_t next = end + 1 + (zh_at(v, end + 1) == '-' || zh_at(v, end + 1) == 0x2212);
        if (number_end(v, next) > next) end = number_end(v, next);
    }
    end += zh_at(v, end) == ' ';
    return zh_follows_any(v, end, "℃|℉|°|摄氏度|华氏度") ||
           (zh_at(v, end) == 0x5EA6 && !zh_in(zh_at(v, end + 1), "假过数")); /* 度 */
}

const char *zh_dash(const zh_view *v, size_t i) {
    if (!zh_is_range_mark(zh_at(v, i)) || i == 0) return NULL;
    if (zh_at(v, i) == 0x2014)
        return is_time_word(v, i - 1) && number_before(v, i) && zh_digit(v, i + 1) ? "到" : NULL;
    if (counts_alike(v, i)) return "到";
    if (zh_digit(v, i - 1) && zh_follows_any(v, i + 1, "次日|翌日|第二天|凌晨")) return "到"; /* 18:00-次日2:00 */
    if (!is_time_word(v, i - 1) || is_frost(v, i)) return NULL;
    return zh_digit(v, i + 1) || zh_in(zh_at(v, i + 1), "周星礼一二三四五六七八九十零上下早晚") ? "到" : NULL;
}

static int raised(int32_t cp) {
    if (cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079)) return cp - 0x2070;
    return cp == 0xB9 ? 1 : cp == 0xB2 ? 2 : cp == 0xB3 ? 3 : -1;
}

/* 350千卡/100克, 12g/100g, 15元/100g: for so much of it. */
static bool is_for_so_much(const zh_view *v, size_t i) {
    zh_measure below, above;
    const size_t digits = zh_count_digits(v, i + 1), end = i + 1 + digits;
    if (!digits || i < 2) return false;
    const bool per =
        zh_unit(v, end, &below) ? zh_in(zh_at(v, end), "gkmMlL") : zh_in(zh_at(v, end), "克升斤份毫公千人天");
    if (!per) return false;
    if (zh_in(zh_at(v, i - 1), "卡克元角块升焦镑毫")) return number_before(v, i) > 0;
    size_t at = i - 1;
    while (at > 0 && i - at < 4 && zh_letter(zh_at(v, at - 1))) at--;
    if (!zh_letter(zh_at(v, i - 1)) || at == 0 || !zh_digit(v, at - 1) || !zh_unit(v, at, &above)) return false;
    return zh_letter(zh_at(v, end)) ? strcmp(above.name, below.name) != 0 || zh_value(v, i + 1, digits) == 100
                                    : true; /* 250ml/500ml is a choice */
}

/* 5元/斤, 5.2万/㎡, 80次/min: 每, and the unit behind it. Its characters. */
static size_t per(const zh_view *v, size_t i, zh_out *out) {
    const char *name = NULL;
    if (is_for_so_much(v, i)) {
        zh_range(out, v, i, i + 1);
        zh_put(out, "每", ZH_START);
        return 1;
    }
    size_t unit = zh_unit_below(v, i + 1, &name), back = number_before(v, i);
    if (!back && i > 0 && raised(zh_at(v, i - 1)) >= 0) back = 1;                 /* 5.2×10⁹/L */
    if (!back && i > 2 && zh_at(v, i - 2) == '/') back = number_before(v, i - 2); /* 100元/人/天 */
    if (!unit &&
        (!ev_zh_is_han(zh_at(v, i + 1)) || (!back && !zh_in(zh_at(v, i - 1), "元角分块镑米里斤克升吨字次转"))))
        return 0;
    if (i == 0 || (unit && !back)) return 0;
    zh_range(out, v, i, i + 1);
    zh_put(out, "每", ZH_START);
    if (unit) {
        zh_range(out, v, i + 1, i + 1 + unit);
        zh_put(out, name, 0);
    }
    return 1 + unit;
}

/* ---- powers ---- */

/* 3×10⁸m/s, 1.5×10^4 km: the unit behind ten's power. Its characters. */
static size_t put_unit(const zh_view *v, size_t i, size_t end, zh_out *out) {
    zh_measure unit;
    if (i < 2 || !zh_follows(v, i - 2, "10")) return 0;
    const size_t length = zh_unit(v, end, &unit);
    if (!length) return 0;
    zh_range(out, v, end, end + length);
    zh_put(out, unit.name, ZH_START);
    if (unit.per) zh_put(out, "每", ZH_START);
    if (unit.per) zh_put(out, unit.per, 0);
    return length;
}

static size_t put_power(const zh_view *v, size_t i, size_t end, bool negative, const char *digits, zh_out *out) {
    zh_range(out, v, i, end);
    if (!negative && digits[1] == '\0' && (digits[0] == '2' || digits[0] == '3')) {
        zh_put(out, digits[0] == '2' ? "的平方" : "的立方", ZH_START);
        return end - i;
    }
    zh_put(out, negative ? "的负" : "的", ZH_START);
    zh_put_cardinal(out, digits, false, 0);
    zh_put(out, "次方", ZH_START | ZH_JOIN);
    return end - i + put_unit(v, i, end, out);
}

/* Ca²⁺, OH⁻: how many and, at mark, of which sign. */
static size_t put_charge(const zh_view *v, size_t i, size_t mark, const char *digits, zh_out *out) {
    zh_range(out, v, i, mark + 1);
    if (*digits) zh_put_cardinal(out, digits, false, ZH_FIXED);
    zh_put(out, zh_in(zh_at(v, mark), "⁺") ? "正" : "负", ZH_START);
    return mark + 1 - i;
}

/* 10⁶, 10⁻³, x² */
static size_t superscript(const zh_view *v, size_t i, zh_out *out) {
    char digits[8] = {0};
    size_t n = 0, at = i + (zh_at(v, i) == 0x207B);
    if (i == 0 || !is_operand(zh_at(v, i - 1))) return 0;
    while (n < sizeof digits - 1 && raised(zh_at(v, at + n)) >= 0)
        digits[n] = (char)('0' + raised(zh_at(v, at + n))), n++;
    if (n && zh_in(zh_at(v, at + n), "⁺⁻")) return put_charge(v, i, at + n, digits, out);
    if (n) return put_power(v, i, at + n, at > i, digits, out);
    if (zh_in(zh_at(v, i), "⁺⁻") && (zh_letter(zh_at(v, i - 1)) || zh_at(v, i - 1) == ')' ||
                                     (zh_at(v, i - 1) >= 0x2080 && zh_at(v, i - 1) <= 0x2089)))
        return put_charge(v, i, i, "", out);
    if (zh_at(v, i) != 0x207F) return 0; /* ⁿ */
    zh_range(out, v, i, i + 1);
    zh_put(out, "的恩次方", ZH_START);
    return 1;
}

/* CO₂, C₆H₁₂O₆ */
static size_t subscript(const zh_view *v, size_t i, zh_out *out) {
    char digits[4] = {0};
    size_t n = 0;
    while (n < sizeof digits - 1 && zh_at(v, i + n) >= 0x2080 && zh_at(v, i + n) <= 0x2089)
        digits[n] = (char)('0' + (zh_at(v, i + n) - 0x2080)), n++;
    if (!n || i == 0 || !(zh_letter(zh_at(v, i - 1)) || zh_at(v, i - 1) == ')')) return 0;
    zh_range(out, v, i, i + n);
    zh_put_cardinal(out, digits, false, ZH_FIXED);
    return n;
}

/* 2^10, 10^-3, 10^(-3) */
static size_t caret(const zh_view *v, size_t i, zh_out *out) {
    size_t bracket = zh_at(v, i + 1) == '(', at = i + 1 + bracket, minus = zh_in(zh_at(v, at), "-−");
    size_t n = zh_count_digits(v, at + minus), end = at + minus + n + bracket;
    char digits[8] = {0};
    if (i == 0 || !is_operand(zh_at(v, i - 1)) || !n || n >= sizeof digits || (bracket && zh_at(v, end - 1) != ')'))
        return 0;
    for (size_t k = 0; k < n; k++) digits[k] = (char)zh_at(v, at + minus + k);
    zh_range(out, v, i, end);
    zh_put(out, minus ? "的负" : "的", ZH_START);
    zh_put_cardinal(out, digits, false, 0);
    zh_put(out, "次方", ZH_START | ZH_JOIN);
    return end - i + put_unit(v, i, end, out);
}

/* ---- operators ---- */

/* "≥18岁", "，<5%", "（>=3": a bound at the head of a clause. */
static bool is_bound(const zh_view *v, size_t i, size_t length) {
    int32_t left = i > 0 ? zh_at(v, i - 1) : 0, c = zh_at(v, i);
    if (c != '<' && c != '>' && c != 0x2264 && c != 0x2265 && c != 0x2266 && c != 0x2267 && c != 0x2248 &&
        c != 0x2260)
        return false;
    return (left == 0 || zh_in(left, " \n,;:.(、。!?[\"“”‘")) && zh_digit(v, i + length);
}

static size_t pair(const zh_view *v, size_t i, const char **name) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(pairs); k++) {
        if (zh_at(v, i) != pairs[k].text[0] || zh_at(v, i + 1) != pairs[k].text[1]) continue;
        int32_t left = beside(v, i, -1), right = beside(v, i + 1, 1);
        if (!is_bound(v, i, 2) && (!is_operand(left) || !is_operand(right))) return 0;
        *name = pairs[k].name;
        return 2;
    }
    return 0;
}

/* 10万+, 100+, 18+: more than that. */
static bool is_and_more(const zh_view *v, size_t i) {
    if (zh_at(v, i) != '+' || i == 0 || zh_at(v, i + 1) == '+') return false;
    int32_t left = zh_at(v, i - 1);
    if (left == '%') return true;
    bool scaled = (left | 0x20) == 'w' || (left | 0x20) == 'k';
    if (left >= 'A' && left <= 'Z' && !(i > 1 && (zh_letter(zh_at(v, i - 2)) || zh_digit(v, i - 2))))
        return true; /* A+ */
    return (left >= '0' && left <= '9') || ((zh_in(left, "万亿千百岁年人元块") || scaled) &&
                                            (scaled ? i > 1 && zh_digit(v, i - 2) : number_before(v, i) > 0));
}

/* ~100人, 温度~30度: about. A tilde behind a particle is a drawl. */
static bool is_about(const zh_view *v, size_t i) {
    int32_t left = i > 0 ? zh_at(v, i - 1) : 0;
    if (!zh_in(zh_at(v, i), "~～∼") || !zh_digit(v, i + 1)) return false;
    return left == 0 || left == ' ' || left == '(' ||
           (ev_zh_is_han(left) && !zh_in(left, "约概啊呀哦呢吧嘛哈好啦的了嘿哟喔"));
}

/* One letter for a number: x, n, not a word's. */
static bool is_variable(const zh_view *v, size_t i) {
    return zh_in(zh_at(v, i), "xyzabnmtpqXYZABNM") && !zh_letter(zh_at(v, i + 1)) &&
           !(i > 0 && zh_letter(zh_at(v, i - 1)));
}

/* 3x-2, x²-4, a - b, n-1个: taken away, where a variable or a power stands beside. Capitals alone name things: A-10.
 */
static bool is_minus(const zh_view *v, size_t i) {
    const size_t left = i - 1 - (i > 1 && zh_at(v, i - 1) == ' '), right = i + 1 + (zh_at(v, i + 1) == ' ');
    if (!zh_in(zh_at(v, i), "-−") || i == 0 || (zh_at(v, i - 1) == ' ') != (zh_at(v, i + 1) == ' ')) return false;
    const bool power = raised(zh_at(v, left)) >= 0, before = is_variable(v, left),
               behind =
                   is_variable(v, right) || (zh_digit(v, right) && is_variable(v, right + zh_count_digits(v, right)));
    const bool capital = before && zh_at(v, left) <= 'Z' && !behind;
    if (before && behind && zh_at(v, left) <= 'Z' && zh_at(v, right) <= 'Z') return false; /* A-B两点, X-Y轴 */
    const bool operand = before || zh_digit(v, left) || zh_at(v, left) == ')';
    if (power) return zh_digit(v, right) || behind;
    if (before && !capital) return zh_digit(v, right) || behind || zh_at(v, right) == '(';
    return operand && behind && !(zh_digit(v, left) && zh_at(v, right) <= 'Z');
}

static const char *operator_name(const zh_view *v, size_t i) {
    int32_t c = zh_at(v, i), left = beside(v, i, -1), right = beside(v, i, 1);
    const char *name = find_sign(operators, EV_ARRAY_COUNT(operators), c);
    if (name && is_bound(v, i, 1)) return name;
    if (!name || !is_operand(left) || !is_operand(right)) return NULL;
    bool strict = c == '<' || c == '>' || c == '*' || c == '^' || c == 0x2212; /* may be mark-up */
    if ((left == '-' || left == '.') && c != '=') return NULL;
    return strict && !is_number(left) && !is_number(right) ? NULL : name;
}

/* Circled and bracketed numbers up to 20, roman numerals: scanner folds those that are one plain character. */
static int number_in_itself(int32_t cp) {
    if (cp >= 0x2460 && cp <= 0x2473) return cp - 0x2460 + 1;
    if (cp >= 0x2474 && cp <= 0x2487) return cp - 0x2474 + 1;
    if (cp >= 0x2488 && cp <= 0x249B) return cp - 0x2488 + 1;
    if (cp >= 0x3220 && cp <= 0x3229) return cp - 0x3220 + 1;
    if (cp >= 0x3280 && cp <= 0x3289) return cp - 0x3280 + 1;
    if (cp >= 0x2776 && cp <= 0x277F) return cp - 0x2776 + 1;
    if (cp >= 0x2160 && cp <= 0x216B) return cp - 0x2160 + 1;
    return cp >= 0x2170 && cp <= 0x217B ? cp - 0x2170 + 1 : 0;
}

size_t zh_sign(const zh_view *v, size_t i, zh_out *out) {
    int32_t c = zh_at(v, i);
    int own = number_in_itself(c);
    zh_range(out, v, i, i + 1);
    if (own) {
        char digits[16];
        snprintf(digits, sizeof digits, "%d", own);
        zh_put_cardinal(out, digits, false, ZH_FIXED);
        return 1;
    }
    size_t length = c == '/' ? per(v, i, out) : c == '^' ? caret(v, i, out) : superscript(v, i, out);
    if (!length) length = subscript(v, i, out);
    const char *name = NULL;
    if (length) return length;
    if ((length = pair(v, i, &name))) {
        zh_range(out, v, i, i + length);
        zh_put(out, name, ZH_START);
        return length;
    }
    name = zh_dash(v, i);
    if (!name && is_and_more(v, i)) name = "加";
    if (!name && is_about(v, i)) name = "约";
    if (!name && (c == '-' || c == 0x2212) && zh_follows_any(v, i + 1, "百分之|千分之|万分之")) name = "负";
    if (!name && is_minus(v, i)) name = "减";
    if (!name) name = operator_name(v, i);
    if (!name && c >= 0x80) name = find_sign(names, EV_ARRAY_COUNT(names), c);
    if (!name && c >= 0x80) name = find_sign(fractions, EV_ARRAY_COUNT(fractions), c);
    if (!name && c == '@' && (ev_zh_is_han(beside(v, i, -1)) || ev_zh_is_han(beside(v, i, 1)))) name = "艾特";
    bool number = i > 0 && zh_digit(v, i - 1) && ev_zh_is_han(zh_at(v, i + 1)); /* 92#汽油, 3#楼 */
    if (!name && c == '#' && number) name = "号";
    if (!name && c == '#' && zh_digit(v, i + 1)) name = "井号";
    if (!name && c == '%' && i > 0 && ev_zh_is_han(zh_at(v, i - 1))) name = "百分号";
    if (!name) return 0;
    zh_put(out, name, ZH_START);
    return 1;
}
