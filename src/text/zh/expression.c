/* expression: which kind of expression stands here. The narrow kinds come first (a date is also a chain of
 * numbers, a time also a proportion); what none of them wants is a quantity, then a sign, then nothing.
 *
 * Every parser looks a bounded way around (zh.h), and either takes at least one character or takes none and writes
 * nothing; so a text costs time in proportion to its length whatever stands in it.
 */
#include "text/zh/zh.h"

/* + and - belong to the number after them where no operand stands before. */
static bool signs_number(const zh_view *v, size_t i) {
    int32_t c = zh_at(v, i), before = i > 0 ? zh_at(v, i - 1) : 0;
    const char *name;
    if (c != '-' && c != '+' && c != 0x2212) return false;
    if (!zh_digit(v, i + 1) && !zh_currency_before(v, i + 1, &name)) return false;
    if (c == '+' && ev_zh_is_han(before)) return false;
    if (c == '-' && ev_zh_is_han(before) &&
        zh_precedes_any(v, i,
                        "歼|轰|运|东风|直|武|苏|米格|图|巨浪|红旗|鹰击|长征|神舟|嫦娥|天宫|快舟|阿波罗|款|型|版"))
        return false; /* 歼-20 */
    bool operand = (before >= '0' && before <= '9') || zh_letter(before) || zh_in(before, ")%℃°ΩωαβγμΔ¹²³⁴⁵⁶⁷⁸⁹ⁿ");
    return !operand && !zh_dash(v, i);
}

static size_t at_digit(const zh_view *v, size_t i, zh_out *out) {
    static size_t (*const kinds[])(const zh_view *, size_t, zh_out *) = {zh_standard, zh_date,         zh_clock,
                                                                         zh_score,    zh_digit_string, zh_quantity};
    for (size_t k = 0; k < EV_ARRAY_COUNT(kinds); k++) {
        size_t length = kinds[k](v, i, out);
        if (length) return length;
    }
    return 0;
}

/* "HK$20", "PM 3:00", roman numerals. */
static size_t at_letter(const zh_view *v, size_t i, zh_out *out) {
    const char *name;
    if (i > 0 && (zh_letter(zh_at(v, i - 1)) || zh_digit(v, i - 1))) return 0;
    if (zh_follows_any(v, i, "AM|PM|am|pm") && zh_digit(v, i + 2 + (zh_at(v, i + 2) == ' '))) {
        size_t length = zh_clock(v, i, out);
        if (length) return length;
    }
    if (zh_currency_before(v, i, &name)) return zh_quantity(v, i, out);
    return zh_roman(v, i, out);
}

/* .22 where no digit and no word stands before: 口径.22, 约.5. */
static bool is_decimal(const zh_view *v, size_t i) {
    size_t digits = zh_count_digits(v, i + 1);
    int32_t before = i > 0 ? zh_at(v, i - 1) : 0;
    if (!digits || (before >= '0' && before <= '9') || zh_letter(before) || before == '.') return false;
    if (zh_at(v, i + 1 + digits) == '.' && zh_digit(v, i + 2 + digits)) return false;
    return !ev_zh_is_han(before) || zh_in(before, "支把约为是达仅径") || zh_follows(v, i + 1 + digits, "口径");
}

size_t zh_expression(const zh_view *v, size_t i, zh_out *out) {
    int32_t c = zh_at(v, i);
    if (c >= '0' && c <= '9') return at_digit(v, i, out);
    if (zh_letter(c)) return at_letter(v, i, out);
    if (c == '(') return zh_digit_string(v, i, out);
    if (c == '.' && i > 0 && zh_digit(v, i - 1) && zh_follows_any(v, i + 1, "SH|SZ|BJ|HK")) { /* 600519.SH */
        zh_range(out, v, i, i + 1);
        zh_put(out, "点", ZH_START);
        return 1;
    }
    if (c == '.') return is_decimal(v, i) ? zh_quantity(v, i, out) : 0;
    if (c < 0x80 && c != '+' && c != '-' && c != '$' && !zh_in(c, "<=>!&*^/@#%~")) return 0;
    if (ev_zh_is_han(c)) return 0;
    if (c == '+') {
        size_t length = zh_digit_string(v, i, out);
        if (length) return length;
    }
    if (signs_number(v, i)) return zh_quantity(v, i, out);
    const char *name;
    if (zh_currency_before(v, i, &name)) return zh_quantity(v, i, out);
    return zh_sign(v, i, out);
}
