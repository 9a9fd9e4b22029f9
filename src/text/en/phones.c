/* phones: phones by name, and the words whose phones are known. */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"
#include "text/en/lexicon.h"

static void add_token(en_phones *out, int token) {
    assert(token < EV_TOKEN_COUNT && out->count <= EN_PHONES_MAX);
    if (token >= 0 && out->count < EN_PHONES_MAX) out->tokens[out->count++] = (int16_t)token;
}

/* One phone by its bare name, "AH0" or "K". */
static void add_phone(en_phones *out, const char *name, size_t n) {
    char bracketed[8] = "[";
    if (n == 0 || n > 4) return;
    memcpy(bracketed + 1, name, n);
    bracketed[n + 1] = ']';
    add_token(out, ev_token_find(bracketed, n + 2));
}

void en_parse_phones(const char *arpabet, en_phones *out) {
    while (*arpabet) {
        size_t n = strcspn(arpabet, " ");
        add_phone(out, arpabet, n);
        arpabet += n + (arpabet[n] == ' ');
    }
}

static const char *phone_name(const en_phones *p, size_t from_end) {
    return p->count > from_end ? ev_token_name(p->tokens[p->count - 1 - from_end]) : "";
}

bool en_last_phone_is(const en_phones *p, const char *list) {
    const char *name = phone_name(p, 0);
    return *name && strstr(list, name);
}

/* The plural, possessive or third person: hisses need a vowel, voiceless consonants keep it voiceless. */
void en_add_s(en_phones *p) {
    if (en_last_phone_is(p, "[S][Z][SH][ZH][CH][JH]"))
        en_parse_phones("IH0 Z", p);
    else if (en_last_phone_is(p, "[P][T][K][F][TH]"))
        en_parse_phones("S", p);
    else
        en_parse_phones("Z", p);
}

bool en_known_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    const char *own = en_list_phones(word, n);
    if (!own) return en_lexicon_find(en->lexicon, word, n, out);
    en_parse_phones(own, out);
    return true;
}

bool en_known(const ev_en *en, const char *word, size_t n) {
    en_phones unused = {.count = 0};
    return en_known_phones(en, word, n, &unused);
}
