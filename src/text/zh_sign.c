/* zh_sign: signs that are spoken where both neighbours give them a sense (1+1=2, 5元/斤, 周一-周五), and characters
 * that are numbers in themselves (½, ⑫, Ⅲ).
 */
#include <stdio.h>

#include "text/zh.h"

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
/* Spoken wherever they stand. */
static const sign names[] = {{0xB1, "正负"},     {0x221A, "根号"},   {0x221E, "无穷大"},
                             {0x2103, "摄氏度"}, {0x2109, "华氏度"}, {0x2030, "千分号"},
                             {0x2116, "号"},     {0x3C0, "派"},      {0x2220, "角"}};
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
    return (cp >= '0' && cp <= '9') || zh_letter(cp) || ev_zh_is_han(cp) || zh_in(cp, "()%℃°π√±.)²³½");
}

static bool is_number(int32_t cp) { return (cp >= '0' && cp <= '9') || zh_is_numeral(cp) || zh_in(cp, "()π"); }

/* Days, months, hours: between two of them a dash says 到. */
static bool is_time_word(const zh_view *v, size_t i) {
    return zh_in(zh_at(v, i), "月日号年点时分周天期岁级世楼层路期元一二三四五六日");
}

static const char *dash(const zh_view *v, size_t i) {
    if (!zh_is_range_mark(zh_at(v, i)) || i == 0 || zh_at(v, i) == 0x2014) return NULL;
    if (!is_time_word(v, i - 1)) return NULL;
    return zh_digit(v, i + 1) || zh_in(zh_at(v, i + 1), "周星礼一二三四五六七八九十零上下早晚") ? "到" : NULL;
}

static const char *operator_name(const zh_view *v, size_t i) {
    int32_t c = zh_at(v, i), left = beside(v, i, -1), right = beside(v, i, 1);
    if (c == '/') {
        bool money = i > 0 && zh_in(zh_at(v, i - 1), "元角分块镑米里斤克升吨字次转");
        return money && ev_zh_is_han(zh_at(v, i + 1)) ? "每" : NULL;
    }
    const char *name = find_sign(operators, EV_ARRAY_COUNT(operators), c);
    if (!name || !is_operand(left) || !is_operand(right)) return NULL;
    bool strict = c == '<' || c == '>' || c == '*' || c == '^' || c == 0xD7 || c == 0x2212; /* may be mark-up */
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
    if (c == '^' && zh_digit(v, i + 1) && i > 0 && is_operand(zh_at(v, i - 1))) { /* 2^10 二的十次方 */
        zh_number n;
        zh_number_parse(v, i + 1, &n);
        zh_put(out, "的", ZH_START);
        zh_range(out, v, i + 1, n.end);
        zh_put_number(out, &n, false, 0);
        zh_put(out, "次方", ZH_START | ZH_JOIN);
        return n.end - i;
    }
    const char *name = dash(v, i);
    if (!name && i > 0 && is_operand(zh_at(v, i - 1))) name = c == 0xB2 ? "的平方" : c == 0xB3 ? "的立方" : NULL;
    if (!name) name = operator_name(v, i);
    if (!name) name = find_sign(names, EV_ARRAY_COUNT(names), c);
    if (!name) name = find_sign(fractions, EV_ARRAY_COUNT(fractions), c);
    if (!name && c == '@' && (ev_zh_is_han(beside(v, i, -1)) || ev_zh_is_han(beside(v, i, 1)))) name = "艾特";
    if (!name && c == '#' && zh_digit(v, i + 1)) name = "井号";
    if (!name && c == '%' && i > 0 && ev_zh_is_han(zh_at(v, i - 1))) name = "百分号";
    if (!name) return 0;
    zh_put(out, name, ZH_START);
    return 1;
}
