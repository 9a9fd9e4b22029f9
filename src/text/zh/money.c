/* money: currencies, by sign ("$", "¥") and by code ("HK$", "USD"), before an amount and after it.
 */
#include "text/zh/zh.h"

typedef struct currency {
    const char *code, *name;
} currency;

/* Longer codes first where one begins another. */
static const currency codes[] = {
    {"US$", "美元"},     {"HK$", "港元"},     {"NT$", "新台币"},   {"AU$", "澳元"},     {"CA$", "加元"},
    {"SG$", "新加坡元"}, {"NZ$", "新西兰元"}, {"MOP$", "澳门元"},  {"A$", "澳元"},      {"C$", "加元"},
    {"S$", "新加坡元"},  {"R$", "雷亚尔"},    {"USD", "美元"},     {"HKD", "港元"},     {"TWD", "新台币"},
    {"NTD", "新台币"},   {"AUD", "澳元"},     {"CAD", "加元"},     {"SGD", "新加坡元"}, {"NZD", "新西兰元"},
    {"MOP", "澳门元"},   {"BRL", "雷亚尔"},   {"CNY", "人民币"},   {"CNH", "人民币"},   {"RMB", "人民币"},
    {"JPY", "日元"},     {"EUR", "欧元"},     {"GBP", "英镑"},     {"KRW", "韩元"},     {"CHF", "瑞士法郎"},
    {"THB", "泰铢"},     {"MYR", "林吉特"},   {"RUB", "卢布"},     {"INR", "卢比"},     {"VND", "越南盾"},
    {"SEK", "瑞典克朗"}, {"NOK", "挪威克朗"}, {"DKK", "丹麦克朗"}, {"IDR", "印尼盾"},   {"MXN", "墨西哥比索"},
    {"ZAR", "兰特"},     {"AED", "迪拉姆"},   {"RM", "林吉特"},
};

/* Name of a currency sign, NULL: not one. */
static const char *currency_sign(int32_t cp) {
    switch (cp) {
    case 0xA5:
    case 0xFFE5: return "元";
    case '$': return "美元";
    case 0x20AC: return "欧元";
    case 0xA3: return "英镑";
    case 0x20A9: return "韩元";
    case 0x20B9: return "卢比";
    case 0x20BD: return "卢布";
    case 0xE3F: return "泰铢";
    case 0x20AB: return "越南盾";
    case 0x20BA: return "里拉";
    case 0x20B1: return "比索";
    default: return NULL;
    }
}

/* In capitals or in small letters, not in between. */
static size_t code_at(const zh_view *v, size_t i, const char **name) {
    if (!zh_letter(zh_at(v, i))) return 0;
    int32_t fold = zh_at(v, i) & 0x20;
    for (size_t k = 0; k < EV_ARRAY_COUNT(codes); k++) {
        size_t n = 0;
        const char *code = codes[k].code;
        if ((zh_at(v, i) | 0x20) != (code[0] | 0x20)) continue;
        while (code[n] && zh_at(v, i + n) == (zh_letter(code[n]) ? code[n] | fold : code[n])) n++;
        if (code[n]) continue;
        *name = codes[k].name;
        return n;
    }
    return 0;
}

size_t zh_currency_before(const zh_view *v, size_t i, const char **name) {
    size_t n = 0;
    if ((*name = currency_sign(zh_at(v, i))))
        n = 1;
    else if (!(i > 0 && (zh_letter(zh_at(v, i - 1)) || zh_digit(v, i - 1))))
        n = code_at(v, i, name);
    if (!n) return 0;
    if (n > 1 && currency_sign(zh_at(v, i + n))) n++; /* JPY¥ */
    if (zh_at(v, i + n) == ' ' && zh_digit(v, i + n + 1)) return n + 1;
    return zh_digit(v, i + n) ? n : 0;
}

size_t zh_currency_after(const zh_view *v, size_t i, const char **name) {
    size_t space = zh_at(v, i) == ' ';
    if ((*name = currency_sign(zh_at(v, i)))) return zh_digit(v, i + 1) ? 0 : 1;
    size_t n = code_at(v, i + space, name);
    if (n < 3 || zh_letter(zh_at(v, i + space + n)) || zh_digit(v, i + space + n)) return 0;
    return space + n;
}
