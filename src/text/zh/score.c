/* score: results of matches and proportions (3:2), and what a list of results tells that each of them alone would
 * not: of 25-21, 23-25 the second is no range, so neither is; of 11:9, 12:10 the first is no time.
 */
#include "text/zh/zh.h"

enum { LIST_MAX = 8 };

/* "25-21", with the points of a tie-break behind it: its characters; 0: none here. */
static size_t result_at(const zh_view *v, size_t i, int32_t mark, uint64_t value[2]) {
    const size_t first = zh_count_digits(v, i), second = zh_count_digits(v, i + first + 1);
    size_t end = i + first + 1 + second;
    if (!first || first > 3 || zh_at(v, i + first) != mark || !second || second > 3) return 0;
    value[0] = zh_value(v, i, first);
    value[1] = zh_value(v, i + first + 1, second);
    const size_t points = zh_at(v, end) == '(' ? zh_count_digits(v, end + 1) : 0;
    if (points && points < 3 && zh_at(v, end + 1 + points) == ')') end += points + 2;
    return end - i;
}

/* Behind the mark that divides the list at i; i: there is none. */
static size_t past_comma(const zh_view *v, size_t i) {
    if (!zh_in(zh_at(v, i), "、,;")) return i;
    return i + 1 + (zh_at(v, i + 1) == ' ');
}

/* Where the result before the one at i begins; i: there is none. */
static size_t one_before(const zh_view *v, size_t i, int32_t mark) {
    size_t at = i - (i > 0 && zh_at(v, i - 1) == ' ');
    uint64_t value[2];
    if (at == 0 || !zh_in(zh_at(v, at - 1), "、,;")) return i;
    const size_t comma = --at;
    if (at > 2 && zh_at(v, at - 1) == ')') /* points of a tie-break */
        for (at--; at > 0 && comma - at < 4 && zh_at(v, at) != '('; at--) {
        }
    for (int figures = 0; figures < 2; figures++) {
        for (int k = 0; k < 3 && at > 0 && zh_digit(v, at - 1); k++) at--;
        if (!figures && at > 0 && zh_at(v, at - 1) == mark) at--;
    }
    return at < comma && result_at(v, at, mark, value) == comma - at ? at : i;
}

zh_results zh_results_around(const zh_view *v, size_t i, int32_t mark) {
    zh_results list = {.begin = i, .end = i};
    size_t at = i, length;
    uint64_t value[2];
    for (int k = 0; k < LIST_MAX; k++) {
        const size_t before = one_before(v, at, mark);
        if (before == at) break;
        at = before;
    }
    list.begin = at;
    for (int k = 0; k < 2 * LIST_MAX && (length = result_at(v, at, mark, value)); k++) {
        list.count++;
        list.falls |= value[0] > value[1];
        list.no_times |=
            value[0] > 24 || value[1] > 59 || (value[1] < 10 && zh_at(v, at + zh_count_digits(v, at) + 1) != '0');
        list.end = at + length;
        at = past_comma(v, list.end);
        if (at == list.end) break;
    }
    return list;
}

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
