/* notation: which of the ways to write phones it is. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "text/notation.h"
#include "text/sink.h"

ev_notation ev_notation_of(const char *alphabet) {
    static const struct {
        const char *name;
        ev_notation notation;
    } names[] = {{"ipa", EV_NOTATION_IPA},          {"arpabet", EV_NOTATION_TOKENS},
                 {"x-arpabet", EV_NOTATION_TOKENS}, {"cmu-arpabet", EV_NOTATION_TOKENS},
                 {"x-cmu", EV_NOTATION_TOKENS},     {"pinyin", EV_NOTATION_PINYIN},
                 {"x-pinyin", EV_NOTATION_PINYIN},  {"x-amazon-pinyin", EV_NOTATION_PINYIN},
                 {"sapi", EV_NOTATION_ANY},         {"x-microsoft-sapi", EV_NOTATION_ANY}};
    if (!alphabet || !*alphabet) return EV_NOTATION_ANY;
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++)
        if (strcasecmp(alphabet, names[i].name) == 0) return names[i].notation;
    return EV_NOTATION_NONE;
}

/* By the inventory's name, or an English phone without its square brackets; "-1": none that can be said. */
static int find_phone(const char *name, size_t n) {
    char bracketed[16] = "[";
    int token = ev_token_find(name, n);
    if (token < 0 && n + 3 < sizeof(bracketed)) {
        for (size_t i = 0; i < n; i++) bracketed[i + 1] = name[i];
        bracketed[n + 1] = ']';
        token = ev_token_find(bracketed, n + 2);
    }
    return token >= 0 && ev_token_classify(token) != EV_TOKEN_MARK ? token : -1;
}

/* "AH9": the shape of a vowel with its stress. */
static bool is_arpabet(const char *s, size_t n) {
    return n >= 3 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z' && s[2] >= '0' && s[2] <= '9' &&
           (n == 3 || s[3] == ' ');
}

/* *known: how many of its names the inventory has; *fault: where the first stands that it has not. */
static bool read_tokens(ev_buf *tokens, const char *s, size_t n, size_t *known, size_t *fault) {
    *known = 0;
    *fault = n;
    for (size_t i = 0; i < n;) {
        if (s[i] == ' ') {
            i++;
            continue;
        }
        const size_t from = i;
        while (i < n && s[i] != ' ') i++;
        if (i - from == 3 && memcmp(s + from, "sp0", 3) == 0) continue; /* put between syllables anyway */
        const int token = find_phone(s + from, i - from);
        const int16_t id = (int16_t)token;
        if (token >= 0) ev_buf_append(tokens, &id, sizeof(id));
        *known += token >= 0;
        if (token < 0 && *fault == n) *fault = from;
    }
    assert(*fault <= n);
    if (*fault < n && is_arpabet(s + *fault, n - *fault)) ++*known; /* meant as one, though there is none such */
    return *known && *fault == n;
}

bool ev_notation_read(ev_buf *tokens, const char *s, size_t n, ev_notation notation, size_t *fault) {
    assert(tokens->size % sizeof(int16_t) == 0);
    const size_t before = tokens->size;
    const bool any = notation == EV_NOTATION_ANY || notation == EV_NOTATION_CERTAIN;
    bool ascii = true;
    size_t known = 0, unknown = n;
    if (fault) *fault = n;
    for (size_t i = 0; i < n; i++) ascii &= (unsigned char)s[i] < 0x80;
    if ((any || notation == EV_NOTATION_TOKENS) && read_tokens(tokens, s, n, &known, &unknown)) return true;
    tokens->size = before;
    if (fault && known) *fault = unknown;
    if ((any || notation == EV_NOTATION_PINYIN) && ev_pinyin_read(tokens, s, n)) return true;
    tokens->size = before;
    if (notation == EV_NOTATION_CERTAIN && ascii) return false;
    if ((any || notation == EV_NOTATION_IPA) && ev_ipa_read(tokens, s, n)) return true;
    tokens->size = before;
    return false;
}
