/* phone: numbers that are not quantities: telephone numbers, versions, IP addresses. Groups of a telephone number
 * are parted by short breaks, as people read them out. */
#include <string.h>

#include "text/en/en.h"

enum { GROUPS_MAX = 8 };

typedef struct group {
    size_t begin, end;
} group;

static bool is_separator(char c) { return c == '-' || c == ' ' || c == '.' || c == EN_EN_DASH; }

/* Digit groups from i on, with single separators or brackets between. *end: past the last group. */
static size_t parse_groups(const en_work *w, size_t i, group *groups, size_t *end) {
    size_t count = 0;
    while (count < GROUPS_MAX) {
        bool bracket = w->s[i] == '(';
        size_t at = i + bracket, stop = en_digits_end(w, at);
        if (stop == at || stop - at > 6) break;
        if (bracket && w->s[stop] != ')') break;
        groups[count++] = (group){at, stop};
        *end = stop + bracket;
        i = *end;
        if (w->s[i] == ' ' && w->s[i + 1] == '(')
            i++;
        else if (is_separator(w->s[i]) || (bracket && w->s[i] == ' '))
            i++;
        else if (!bracket && w->s[i] != '(')
            break;
    }
    return count;
}

static size_t width(const group *g) { return g->end - g->begin; }

/* "800" in 1-800-555-1234 is "eight hundred". */
static void say_group(en_work *w, const group *g, bool hundred) {
    const char *s = w->s + g->begin;
    if (hundred && width(g) == 3 && s[0] != '0' && s[1] == '0' && s[2] == '0') {
        en_say_integer(w, (s[0] - '0') * 100);
        return;
    }
    en_say_digits(w, g->begin, g->end);
}

static bool is_phone(const en_work *w, const group *g, size_t count, bool plus, bool bracket, char separator) {
    size_t total = 0;
    for (size_t k = 0; k < count; k++) total += width(&g[k]);
    if (bracket && w->s[g[0].begin] == '0' && width(&g[0]) >= 2 && total >= 8 && total <= 12)
        return true; /* "(02) 9374 4000" */
    if (plus) return count >= 2 && width(&g[0]) <= 3 && total >= 8 && total <= 15;
    if (count == 2) return width(&g[0]) == 3 && width(&g[1]) == 4 && separator == '-' && !bracket;
    bool long_distance = count == 4 && width(&g[0]) == 1 && w->s[g[0].begin] == '1';
    const group *area = long_distance ? g + 1 : g;
    if (count != 3 && !long_distance) return false;
    if (separator == ' ' && !bracket && !long_distance) return false; /* "100 200 3000" are three numbers */
    return width(&area[0]) == 3 && width(&area[1]) == 3 && width(&area[2]) == 4;
}

size_t en_match_phone(en_work *w, size_t i) {
    char c = w->s[i];
    const bool bracketed = c == '(' && w->s[i + 1] == '+'; /* "(+44) 7700 900123" */
    bool plus = c == '+' || bracketed;
    if (!plus && c != '(' && !en_is_digit(c)) return 0;
    group groups[GROUPS_MAX];
    size_t end = 0, count = 0, code = bracketed ? en_digits_end(w, i + 2) : 0;
    if (bracketed && code > i + 2 && code < i + 6 && w->s[code] == ')' && w->s[code + 1] == ' ') {
        groups[0] = (group){i + 2, code};
        group rest[GROUPS_MAX];
        const size_t more = parse_groups(w, code + 2, rest, &end);
        for (; count < more && count + 1 < GROUPS_MAX; count++) groups[count + 1] = rest[count];
        count += more > 0;
    } else if (!bracketed) {
        count = parse_groups(w, i + plus, groups, &end);
    }
    if (count < 2 || en_is_alnum(w->s[end])) return 0;
    bool bracket = c == '(' || w->s[groups[1].begin - 1] == '(';
    if (!is_phone(w, groups, count, plus, bracket, w->s[groups[0].end])) return 0;
    en_span(w, i, end);
    if (plus) en_put(w, "plus");
    for (size_t k = 0; k < count; k++) {
        if (k) en_break(w, EV_BREAK_COMMA);
        say_group(w, &groups[k], k == 1 && count == 4);
    }
    size_t next = en_skip_spaces(w, end); /* "x89", "ext. 12" */
    if (w->s[next] != 'x' || !en_is_digit(w->s[next + 1])) return end - i;
    size_t stop = en_digits_end(w, next + 1);
    if (en_is_alnum(w->s[stop])) return end - i;
    en_break(w, EV_BREAK_COMMA);
    en_span(w, next, stop);
    en_put(w, "extension");
    en_say_digits(w, next + 1, stop);
    return stop - i;
}

/* "1.234.567": millions as they are written in most of Europe; no version has parts like these. */
static bool is_grouped(const en_work *w, size_t i, size_t end) {
    size_t first = en_digits_end(w, i) - i;
    return w->s[i] != '0' && first <= 3 && end - i == first + 8 && w->s[i + first + 4] == '.';
}

static void say_grouped(en_work *w, size_t i, size_t end) {
    char digits[12];
    size_t n = 0;
    for (size_t at = i; at < end; at++)
        if (en_is_digit(w->s[at])) digits[n++] = w->s[at];
    en_span(w, i, end);
    en_say_cardinal(w, digits, n);
}

/* "1.2.3", "192.168.0.1", "v2.0.1": numbers and points. Digits one by one where there are three, as in addresses. */
size_t en_match_dotted_number(en_work *w, size_t i) {
    if (!en_is_digit(w->s[i])) return 0;
    size_t dots = 0, end = en_digits_end(w, i);
    while (w->s[end] == '.' && en_is_digit(w->s[end + 1])) {
        end = en_digits_end(w, end + 1);
        dots++;
    }
    if (dots < 2) return 0;
    if (dots == 2 && is_grouped(w, i, end)) {
        say_grouped(w, i, end);
        return end - i;
    }
    en_span(w, i, end);
    for (size_t at = i; at < end;) {
        size_t stop = en_digits_end(w, at), n = stop - at;
        if (at > i) en_put(w, dots == 3 ? "dot" : "point");
        if (n <= 2 && (n == 1 || (w->s[at] != '0' && dots != 3)))
            en_say_cardinal(w, w->s + at, n);
        else
            en_say_digits(w, at, stop);
        at = stop + 1;
    }
    size_t port = end + 1, port_end = en_digits_end(w, port);
    bool mask = dots == 3 && w->s[end] == '/' && port_end > port && port_end - port < 3; /* "10.0.0.0/8" */
    if (mask && !en_is_alnum(w->s[port_end])) {
        en_span(w, end, port_end);
        en_put(w, "slash");
        en_say_cardinal(w, w->s + port, port_end - port);
        return port_end - i;
    }
    if (dots != 3 || w->s[end] != ':' || port_end - port < 2 || en_is_alnum(w->s[port_end])) return end - i;
    en_span(w, end, port_end);
    en_put(w, "colon");
    en_say_digits(w, port, port_end);
    return port_end - i;
}
