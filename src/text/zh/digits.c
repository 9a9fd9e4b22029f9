/* digits: what is read digit by digit by its shape: telephone and card numbers (with 幺 for 1), addresses and
 * versions with several dots.
 */
#include "text/zh/zh.h"

enum { GROUPS_MAX = 6, YAO = 1 };

typedef struct group {
    size_t at, digits;
} group;

/* Digit groups with one hyphen or space between. */
static size_t take_groups(const zh_view *v, size_t i, group out[GROUPS_MAX], size_t *end, bool spaces) {
    size_t count = 0;
    while (count < GROUPS_MAX) {
        size_t digits = zh_count_digits(v, i);
        if (!digits) break;
        out[count++] = (group){i, digits};
        *end = i += digits;
        bool joined = zh_at(v, i) == '-' || (spaces && zh_at(v, i) == ' ');
        if (!joined || !zh_digit(v, i + 1)) break;
        i++;
    }
    return count;
}

static void put_group(const zh_view *v, group g, zh_out *out) { zh_put_name(v, g.at, g.digits, out, YAO); }

static bool is_mobile(const zh_view *v, const group *g, size_t count) {
    size_t total = 0;
    for (size_t k = 0; k < count; k++) total += g[k].digits;
    bool shape = count == 1 || (count == 3 && g[0].digits == 3 && g[1].digits == 4);
    return shape && total == 11 && zh_at(v, g[0].at) == '1' && zh_at(v, g[0].at + 1) >= '3';
}

static bool is_landline(const zh_view *v, const group *g, size_t count) {
    if (count < 2 || count > 4) return false;
    if (zh_at(v, g[0].at) == '0' && (g[0].digits == 3 || g[0].digits == 4))
        return g[1].digits == 7 || g[1].digits == 8 || (count == 3 && g[1].digits == 4 && g[2].digits == 4);
    bool service = g[0].digits == 3 && (zh_follows(v, g[0].at, "400") || zh_follows(v, g[0].at, "800"));
    return service && (g[1].digits == 7 || (count >= 3 && g[1].digits + g[2].digits == 7));
}

/* A-12-0387: figures in groups behind a letter. */
static bool is_code(const zh_view *v, size_t i, const group *g, size_t count) {
    if (count < 2 || i < 2 || zh_at(v, i - 1) != '-' || !zh_letter(zh_at(v, i - 2)) ||
        (i > 2 && zh_letter(zh_at(v, i - 3))))
        return false;
    return zh_at(v, g[0].at + g[0].digits) == '-';
}

/* 6222 0212 3456 7890, and 123 after it */
static bool is_card(const group *g, size_t count) {
    for (size_t k = 0; k < 4 && k < count; k++)
        if (g[k].digits != 4) return false;
    return count >= 4;
}

static size_t telephone(const zh_view *v, size_t i, zh_out *out) {
    group g[GROUPS_MAX];
    size_t end = i, count = take_groups(v, i, g, &end, true);
    bool found = is_mobile(v, g, count) || is_landline(v, g, count) || is_card(g, count) || is_code(v, i, g, count);
    if (!found) { /* without spaces: "138 0013 8000 2 个" */
        count = take_groups(v, i, g, &end, false);
        found = is_mobile(v, g, count) || is_landline(v, g, count) || count >= 3;
    }
    if (!found) return 0;
    for (size_t k = 0; k < count; k++) put_group(v, g[k], out);
    return end - i;
}

/* A number of a country: its code of so many figures at `at`, the rest from `start` on; i: where it is written from.
 * Its characters; 0: it is too short or too long. */
static size_t put_international(const zh_view *v, size_t i, size_t at, size_t code, size_t start, zh_out *out) {
    group g[GROUPS_MAX];
    size_t end = start, total = 0;
    const size_t count = take_groups(v, start, g, &end, true);
    for (size_t k = 0; k < count; k++) total += g[k].digits;
    if (total < 7 || total > 15) return 0;
    zh_range(out, v, i, at);
    zh_put(out, "加", ZH_START);
    put_group(v, (group){at, code}, out);
    for (size_t k = 0; k < count; k++) put_group(v, g[k], out);
    return end - i;
}

/* +86 138..., +86-10-...: the country code and the number. */
static size_t international(const zh_view *v, size_t i, zh_out *out) {
    const size_t code = zh_count_digits(v, i + 1), start = i + 1 + code;
    if (code < 1 || code > 3 || !zh_in(zh_at(v, start), " -")) return 0;
    return put_international(v, i, i + 1, code, start + 1, out);
}

/* (+86)21 6234 5678 */
static size_t bracketed_code(const zh_view *v, size_t i, zh_out *out) {
    const size_t code = zh_count_digits(v, i + 2), start = i + 3 + code;
    if (code > 3 || zh_at(v, start - 1) != ')') return 0;
    return put_international(v, i, i + 2, code, start + (zh_in(zh_at(v, start), " -") ? 1 : 0), out);
}

/* (010)12345678 */
static size_t bracketed(const zh_view *v, size_t i, zh_out *out) {
    size_t area = zh_count_digits(v, i + 1), start = i + 1 + area + 1;
    if (zh_at(v, i + 1) == '+' && zh_count_digits(v, i + 2)) return bracketed_code(v, i, out);
    if (area < 3 || area > 4 || zh_at(v, i + 1) != '0' || zh_at(v, start - 1) != ')') return 0;
    if (zh_in(zh_at(v, start), " -")) start++;
    size_t digits = zh_count_digits(v, start), rest = 0;
    if ((digits == 3 || digits == 4) && zh_in(zh_at(v, start + digits), " -")) /* 8888-6666 */
        rest = zh_count_digits(v, start + digits + 1);
    if (rest ? rest != 4 : digits != 7 && digits != 8) return 0;
    put_group(v, (group){i + 1, area}, out);
    put_group(v, (group){start, digits}, out);
    if (rest) put_group(v, (group){start + digits + 1, rest}, out);
    return start + digits + (rest ? 1 + rest : 0) - i;
}

/* The port of an address, or how many bits name its network. */
static size_t behind_address(const zh_view *v, size_t i, zh_out *out) {
    size_t digits = zh_count_digits(v, i + 1);
    bool port = zh_at(v, i) == ':';
    if ((!port && zh_at(v, i) != '/') || !digits || digits > 5) return 0;
    zh_range(out, v, i, i + 1);
    zh_put(out, port ? "冒号" : "斜杠", ZH_START);
    if (port)
        zh_put_name(v, i + 1, digits, out, false);
    else {
        char text[8] = {0};
        for (size_t k = 0; k < digits; k++) text[k] = (char)zh_at(v, i + 1 + k);
        zh_range(out, v, i + 1, i + 1 + digits);
        zh_put_cardinal(out, text, false, 0);
    }
    return 1 + digits;
}

/* 192.168.1.1 digit by digit; 1.10.2 by numbers. */
static size_t dotted(const zh_view *v, size_t i, zh_out *out) {
    group g[GROUPS_MAX];
    size_t count = 0, at = i, end = i;
    bool address = true;
    while (count < GROUPS_MAX && zh_digit(v, at)) {
        size_t digits = zh_count_digits(v, at);
        if (digits > 9) return 0;
        g[count++] = (group){at, digits};
        address &= digits <= 3 && zh_value(v, at, digits) <= 255;
        end = at + digits;
        if (zh_at(v, end) != '.' || !zh_digit(v, end + 1)) break;
        at = end + 1;
    }
    if (count < 3) return 0;
    for (size_t k = 0; k < count; k++) {
        char digits[16] = {0};
        for (size_t d = 0; d < g[k].digits; d++) digits[d] = (char)zh_at(v, g[k].at + d);
        zh_range(out, v, k ? g[k].at - 1 : g[k].at, g[k].at + g[k].digits);
        if (k) zh_put(out, "点", ZH_START);
        if (g[k].digits > 2 || (address && count == 4))
            zh_put_digits(out, digits, 4, false);
        else
            zh_put_cardinal(out, digits, false, ZH_FIXED);
    }
    return end - i + (address && count == 4 ? behind_address(v, end, out) : 0);
}

size_t zh_digit_string(const zh_view *v, size_t i, zh_out *out) {
    if (zh_at(v, i) == '+') return international(v, i, out);
    if (zh_at(v, i) == '(') return bracketed(v, i, out);
    if (!zh_digit(v, i)) return 0;
    size_t length = dotted(v, i, out);
    if (!length) length = telephone(v, i, out);
    const size_t before = i - (i > 0 && zh_at(v, i - 1) == ' ');
    if (!length && zh_at(v, i + zh_count_digits(v, i)) == '/' && zh_precedes_any(v, before, "BP"))
        return 0; /* 128/82 */
    return length ? length : zh_name(v, i, out);
}
