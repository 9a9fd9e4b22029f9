/* zh_expression: which kind of expression stands here. The narrow kinds come first (a date is also a chain of
 * numbers, a time also a proportion); what none of them wants is a quantity, then a sign, then nothing.
 *
 * Every parser looks a bounded way around (zh.h), and either takes at least one character or takes none and writes
 * nothing; so a text costs time in proportion to its length whatever stands in it.
 */
#include "text/zh.h"

/* + and - belong to the number after them where no operand stands before. */
static bool signs_number(const zh_view *v, size_t i) {
    int32_t c = zh_at(v, i), before = i > 0 ? zh_at(v, i - 1) : 0;
    if (c != '-' && c != '+' && c != 0x2212) return false;
    if (!zh_digit(v, i + 1) && !zh_currency(zh_at(v, i + 1))) return false;
    if (c == '+' && ev_zh_is_han(before)) return false;
    bool operand = (before >= '0' && before <= '9') || zh_letter(before) || zh_in(before, ")%℃°");
    if (c != '+' && zh_in(before, "月日号年点时分周")) return false; /* 3日-8日 */
    return !operand;
}

static size_t at_digit(const zh_view *v, size_t i, zh_out *out) {
    static size_t (*const kinds[])(const zh_view *, size_t, zh_out *) = {zh_date, zh_clock, zh_score, zh_digit_string,
                                                                         zh_quantity};
    for (size_t k = 0; k < EV_ARRAY_COUNT(kinds); k++) {
        size_t length = kinds[k](v, i, out);
        if (length) return length;
    }
    return 0;
}

size_t zh_expression(const zh_view *v, size_t i, zh_out *out) {
    int32_t c = zh_at(v, i);
    if (c >= '0' && c <= '9') return at_digit(v, i, out);
    if (c == '(') return zh_digit_string(v, i, out);
    if (c < 0x80 && c != '+' && c != '-' && c != '$' && !zh_in(c, "<=>&*^/@#%~")) return 0;
    if (ev_zh_is_han(c)) return 0;
    if (signs_number(v, i)) {
        size_t length = c == '+' ? zh_digit_string(v, i, out) : 0;
        return length ? length : zh_quantity(v, i, out);
    }
    if (zh_currency(c) && (zh_digit(v, i + 1) || (zh_at(v, i + 1) == ' ' && zh_digit(v, i + 2))))
        return zh_quantity(v, i, out);
    return zh_sign(v, i, out);
}
