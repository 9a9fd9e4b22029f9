/* reference: HTML's character references, by name and by number. */
#include <assert.h>
#include <string.h>

#include "text/markup/marked.h"

static const struct {
    const char *name;
    int32_t c;
} references[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},     {"apos", '\''},     {"nbsp", 0xA0},
    {"ensp", ' '},     {"emsp", ' '},     {"thinsp", ' '},   {"shy", 0xAD},     {"hellip", 0x2026}, {"mdash", 0x2014},
    {"ndash", 0x2013}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D},  {"laquo", 0xAB},
    {"raquo", 0xBB},   {"bull", 0x2022},  {"middot", 0xB7},  {"copy", 0xA9},    {"reg", 0xAE},      {"trade", 0x2122},
    {"deg", 0xB0},     {"euro", 0x20AC},  {"pound", 0xA3},   {"yen", 0xA5},     {"cent", 0xA2},     {"sect", 0xA7},
    {"times", 0xD7},   {"divide", 0xF7},  {"plusmn", 0xB1},  {"minus", 0x2212}, {"le", 0x2264},     {"ge", 0x2265},
    {"ne", 0x2260},    {"frac12", 0xBD},  {"frac14", 0xBC},  {"frac34", 0xBE},  {"sup1", 0xB9},     {"sup2", 0xB2},
    {"sup3", 0xB3},    {"micro", 0xB5},   {"szlig", 0xDF},   {"aelig", 0xE6},   {"AElig", 0xC6},    {"oslash", 0xF8},
    {"Oslash", 0xD8},  {"larr", 0x2190},  {"rarr", 0x2192},  {"infin", 0x221E}, {"permil", 0x2030}, {"ordm", 0xBA},
    {"ordf", 0xAA},    {"iexcl", 0xA1},   {"iquest", 0xBF},  {"zwnj", 0x200C},  {"zwj", 0x200D},    {"oelig", 0x153}};
static const struct {
    const char *name;
    int32_t mark;
} accents[] = {{"acute", 0x301}, {"grave", 0x300}, {"circ", 0x302}, {"uml", 0x308},
               {"tilde", 0x303}, {"cedil", 0x327}, {"ring", 0x30A}, {"caron", 0x30C}};

/* "eacute" is an e and an accent, which the scanner puts together. */
static size_t named(const char *name, size_t n, char out[8]) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(references); i++)
        if (strlen(references[i].name) == n && memcmp(references[i].name, name, n) == 0)
            return ev_utf8_put(references[i].c, out);
    for (size_t i = 0; n > 1 && i < EV_ARRAY_COUNT(accents); i++)
        if (strlen(accents[i].name) == n - 1 && memcmp(accents[i].name, name + 1, n - 1) == 0) {
            out[0] = name[0];
            return 1 + ev_utf8_put(accents[i].mark, out + 1);
        }
    return 0;
}

static size_t numbered(const char *digits, size_t n, char out[8]) {
    const bool hex = n > 1 && (digits[0] | 0x20) == 'x';
    int32_t value = 0;
    for (size_t i = hex; i < n; i++) {
        const char c = (char)(digits[i] | 0x20);
        const int digit = markup_is_digit(digits[i])    ? digits[i] - '0'
                          : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                        : -1;
        if (digit < 0 || value > 0x110000) return 0;
        value = value * (hex ? 16 : 10) + digit;
    }
    return n > (size_t)hex && value ? ev_utf8_put(value, out) : 0;
}

size_t markup_reference(const char *text, size_t bytes, size_t at, char out[8], size_t *n) {
    assert(at < bytes && text[at] == '&');
    size_t end = at + 1;
    while (end < bytes && end - at < 12 &&
           (markup_is_alpha(text[end]) || markup_is_digit(text[end]) || text[end] == '#'))
        end++;
    if (end >= bytes || text[end] != ';' || end == at + 1) return 0;
    *n = text[at + 1] == '#' ? numbered(text + at + 2, end - at - 2, out) : named(text + at + 1, end - at - 1, out);
    assert(*n <= 8);
    return *n ? end + 1 - at : 0;
}
