/* notation_ipa: the International Phonetic Alphabet to the inventory's English phones.
 *
 * The longest symbol that is known is taken each time. What English does not have becomes the nearest that it has;
 * what only colours a sound (length, aspiration, ties) is passed over. A stress mark goes to the next vowel; where no
 * vowel has the main stress, the first that is no schwa gets it.
 */
#include <assert.h>
#include <string.h>

#include "text/notation.h"
#include "text/text.h"

enum { VOWELS_MAX = 64 };

typedef struct symbol {
    const char *ipa;
    const char *phones; /* vowels are those that begin with one of A E I O U */
} symbol;

static const symbol symbols[] = {
    /* diphthongs and long vowels; British centring ones have an r in American */
    {"aɪ", "AY"},
    {"ai", "AY"},
    {"ɑɪ", "AY"},
    {"aʊ", "AW"},
    {"au", "AW"},
    {"ɑʊ", "AW"},
    {"æʊ", "AW"},
    {"ɔɪ", "OY"},
    {"ɔi", "OY"},
    {"oɪ", "OY"},
    {"eɪ", "EY"},
    {"ei", "EY"},
    {"ɛɪ", "EY"},
    {"oʊ", "OW"},
    {"ou", "OW"},
    {"əʊ", "OW"},
    {"əu", "OW"},
    {"ɪə", "IH R"},
    {"eə", "EH R"},
    {"ɛə", "EH R"},
    {"ʊə", "UH R"},
    {"ɪəɹ", "IH R"},
    {"ɪər", "IH R"},
    {"eəɹ", "EH R"},
    {"eər", "EH R"},
    {"ɛəɹ", "EH R"},
    {"ɛər", "EH R"},
    {"ʊəɹ", "UH R"},
    {"ʊər", "UH R"},
    {"iː", "IY"},
    {"uː", "UW"},
    {"ɑː", "AA"},
    {"ɔː", "AO"},
    {"ɒː", "AO"},
    {"aː", "AA"},
    {"eː", "EY"},
    {"oː", "OW"},
    {"ɛː", "EH"},
    {"ɜː", "ER"},
    {"ɜːɹ", "ER"},
    {"ɜːr", "ER"},
    {"ɜɹ", "ER"},
    {"ɜr", "ER"},
    {"əːɹ", "ER"},
    {"əː", "ER"},
    {"ɝ", "ER"},
    {"ɝː", "ER"},
    {"ɚ", "ER"},
    {"ʌɹ", "ER"},
    /* vowels */
    {"i", "IY"},
    {"ɪ", "IH"},
    {"ᵻ", "IH"},
    {"ɨ", "IH"},
    {"e", "EH"},
    {"ɛ", "EH"},
    {"æ", "AE"},
    {"a", "AA"},
    {"ɑ", "AA"},
    {"ɒ", "AA"},
    {"ɔ", "AO"},
    {"o", "OW"},
    {"ʊ", "UH"},
    {"u", "UW"},
    {"ʉ", "UW"},
    {"ʌ", "AH"},
    {"ə", "AH"},
    {"ᵊ", "AH"},
    {"ɐ", "AH"},
    {"ɘ", "AH"},
    {"ɵ", "AH"},
    {"ɤ", "AH"},
    {"ɞ", "AH"},
    {"ɜ", "ER"},
    {"y", "UW"},
    {"ʏ", "UH"},
    {"ø", "ER"},
    {"œ", "ER"},
    {"ɶ", "AE"},
    {"ɯ", "UW"},
    {"A", "EY"},
    {"I", "AY"},
    {"O", "OW"},
    {"Q", "OW"},
    {"W", "AW"},
    {"Y", "OY"},
    /* consonants */
    {"tʃ", "CH"},
    {"ʧ", "CH"},
    {"t͡ʃ", "CH"},
    {"t͜ʃ", "CH"},
    {"dʒ", "JH"},
    {"ʤ", "JH"},
    {"d͡ʒ", "JH"},
    {"d͜ʒ", "JH"},
    {"tɕ", "CH"},
    {"t͡ɕ", "CH"},
    {"dʑ", "JH"},
    {"d͡ʑ", "JH"},
    {"ʈʂ", "CH"},
    {"ɖʐ", "JH"},
    {"ts", "T S"},
    {"t͡s", "T S"},
    {"p", "P"},
    {"b", "B"},
    {"t", "T"},
    {"d", "D"},
    {"k", "K"},
    {"g", "G"},
    {"ɡ", "G"},
    {"f", "F"},
    {"v", "V"},
    {"θ", "TH"},
    {"ð", "DH"},
    {"s", "S"},
    {"z", "Z"},
    {"ʃ", "SH"},
    {"ʒ", "ZH"},
    {"h", "HH"},
    {"ɦ", "HH"},
    {"m", "M"},
    {"n", "N"},
    {"ŋ", "NG"},
    {"l", "L"},
    {"ɫ", "L"},
    {"ɭ", "L"},
    {"r", "R"},
    {"ɹ", "R"},
    {"ɻ", "R"},
    {"ʁ", "R"},
    {"ʀ", "R"},
    {"ɾ", "D"},
    {"T", "D"},
    {"w", "W"},
    {"ʍ", "W"},
    {"ɥ", "W"},
    {"j", "Y"},
    {"ɲ", "N Y"},
    {"ʎ", "L Y"},
    {"x", "K"},
    {"χ", "K"},
    {"ç", "HH"},
    {"ɣ", "G"},
    {"q", "K"},
    {"c", "K"},
    {"ɟ", "G"},
    {"ʝ", "Y"},
    {"β", "V"},
    {"ɸ", "F"},
    {"ʋ", "V"},
    {"ɱ", "M"},
    {"ɳ", "N"},
    {"ʂ", "SH"},
    {"ʐ", "ZH"},
    {"ɕ", "SH"},
    {"ʑ", "ZH"},
    {"ʈ", "T"},
    {"ɖ", "D"},
    {"ɬ", "L"},
    {"ɮ", "L"},
    {"ħ", "HH"},
    {"ʔ", ""},
    {"ʕ", ""},
    /* what colours a sound, ties, marks between syllables */
    {"ː", ""},
    {"ˑ", ""},
    {"ʰ", ""},
    {"ʲ", ""},
    {"ʷ", ""},
    {"ʼ", ""},
    {"˞", ""},
    {"͡", ""},
    {"͜", ""},
    {"̯", ""},
    {"̃", ""},
    {"̪", ""},
    {"̥", ""},
    {"̬", ""},
    {"̚", ""},
    {"̞", ""},
    {"̝", ""},
    {"̠", ""},
    {"̟", ""},
    {"̈", ""},
    {".", ""},
    {"‿", ""},
    {" ", ""},
    {"-", ""},
    {"|", ""},
    {"‖", ""},
    {"(", ""},
    {")", ""}};

typedef struct reader {
    ev_buf *tokens;
    size_t vowels[VOWELS_MAX], count; /* places in tokens */
    char codes[VOWELS_MAX][3];
    bool schwa[VOWELS_MAX];
    int stress;   /* of the next vowel */
    bool primary; /* some vowel has it */
} reader;

static const symbol *longest(const char *s, size_t n) {
    const symbol *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(symbols); i++) {
        const size_t length = strlen(symbols[i].ipa);
        if (length <= most || length > n || memcmp(s, symbols[i].ipa, length) != 0) continue;
        best = &symbols[i];
        most = length;
    }
    return best;
}

static int token_of(const char *code, int stress) {
    char name[8] = "[";
    const size_t n = strlen(code);
    assert(n >= 1 && n <= 2 && stress <= 2);
    memcpy(name + 1, code, n);
    if (stress >= 0) name[n + 1] = (char)('0' + stress);
    name[n + 1 + (stress >= 0)] = ']';
    return ev_token_find(name, n + 2 + (stress >= 0));
}

static bool put(reader *r, const char *code, int stress) {
    const int token = token_of(code, stress);
    const int16_t id = (int16_t)token;
    return token >= 0 && ev_buf_append(r->tokens, &id, sizeof(id)) != NULL;
}

static bool is_vowel(const char *phone) { return strchr("AEIOU", phone[0]) != NULL; }

static bool put_vowel(reader *r, const char *code, bool schwa) {
    if (r->count == VOWELS_MAX) return false;
    r->vowels[r->count] = r->tokens->size;
    r->schwa[r->count] = schwa && !r->stress;
    memcpy(r->codes[r->count++], code, 3);
    r->primary |= r->stress == 1;
    const bool good = put(r, code, r->stress);
    r->stress = 0;
    return good;
}

static bool put_phones(reader *r, const symbol *s) {
    const char *at = s->phones;
    const bool schwa = strcmp(s->ipa, "ə") == 0 || strcmp(s->ipa, "ᵊ") == 0 || strcmp(s->ipa, "ɚ") == 0;
    while (*at) {
        const size_t n = strcspn(at, " ");
        char code[3] = "";
        memcpy(code, at, n < 3 ? n : 2);
        if (!(is_vowel(code) ? put_vowel(r, code, schwa) : put(r, code, -1))) return false;
        at += n + (at[n] == ' ');
    }
    return true;
}

/* "əɹ" before no vowel is one sound. */
static size_t schwa_r(reader *r, const char *s, size_t n, bool *good) {
    static const char *const pairs[] = {"əɹ", "ər"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++) {
        const size_t length = strlen(pairs[i]);
        if (n < length || memcmp(s, pairs[i], length) != 0) continue;
        const symbol *next = longest(s + length, n - length);
        if (next && *next->phones && is_vowel(next->phones)) return 0;
        *good = put_vowel(r, "ER", true);
        return length;
    }
    return 0;
}

/* A syllabic consonant has a schwa before it. */
static bool is_syllabic(const char *s, size_t n) { return n >= 2 && (!memcmp(s, "̩", 2) || !memcmp(s, "̍", 2)); }

static bool syllabic(reader *r) {
    int16_t last;
    if (r->tokens->size < sizeof(last)) return false;
    memcpy(&last, r->tokens->data + r->tokens->size - sizeof(last), sizeof(last));
    r->tokens->size -= sizeof(last);
    return put_vowel(r, "AH", true) && ev_buf_append(r->tokens, &last, sizeof(last)) != NULL;
}

static size_t stress_mark(const char *s, size_t n, int *stress) {
    if (n >= 2 && memcmp(s, "ˈ", 2) == 0)
        *stress = 1;
    else if (n >= 2 && memcmp(s, "ˌ", 2) == 0)
        *stress = 2;
    else if (*s == '\'')
        *stress = 1;
    else if (*s == ',')
        *stress = 2;
    else
        return 0;
    return (unsigned char)*s < 0x80 ? 1 : 2;
}

/* The main stress, where it was not written. */
static bool complete(reader *r) {
    if (r->primary || !r->count) return true;
    size_t best = 0;
    while (best < r->count && r->schwa[best]) best++;
    if (best == r->count) best = 0;
    assert(r->tokens->failed || r->vowels[best] + sizeof(int16_t) <= r->tokens->size);
    const int token = token_of(r->codes[best], 1);
    const int16_t id = (int16_t)token;
    if (!r->tokens->failed) memcpy(r->tokens->data + r->vowels[best], &id, sizeof(id));
    return token >= 0;
}

bool ev_ipa_read(ev_buf *tokens, const char *s, size_t n) {
    reader r = {.tokens = tokens};
    const size_t before = tokens->size;
    for (size_t i = 0; i < n;) {
        size_t used = stress_mark(s + i, n - i, &r.stress);
        bool good = true;
        if (!used) used = schwa_r(&r, s + i, n - i, &good);
        if (!used && is_syllabic(s + i, n - i)) {
            good = syllabic(&r);
            used = 2;
        }
        if (!used) {
            const symbol *found = longest(s + i, n - i);
            good = found && put_phones(&r, found);
            used = found ? strlen(found->ipa) : 0;
        }
        if (!good) return false;
        assert(used > 0 && used <= n - i);
        i += used;
    }
    return tokens->size > before && complete(&r) && !tokens->failed;
}
