/* derive: words made of known ones. An inflection or derivation is its stem and its ending; a British spelling is
 * its American one; a prefixed word and a compound are their parts. The dictionary leaves out what is right this way.
 */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"

enum { STEM_MIN = 3, PART_MIN = 4, COMPOUND_MIN = 8, DEPTH_MAX = 2 };

static bool derive(const ev_en *en, const char *word, size_t n, int depth, en_phones *out);

static char stress_of(int token) {
    assert(token >= 0 && token < EV_TOKEN_COUNT);
    const char *name = ev_token_name(token);
    return (char)(name[3] == '0' || name[3] == '1' || name[3] == '2' ? name[3] : 0);
}

static bool ends(const char *word, size_t n, const char *ending, size_t *stem) {
    size_t length = strlen(ending);
    if (n < length + STEM_MIN || memcmp(word + n - length, ending, length) != 0) return false;
    *stem = n - length;
    return true;
}

static void append(en_phones *out, const en_phones *more) {
    assert(out->count <= EN_PHONES_MAX && more->count <= EN_PHONES_MAX);
    for (size_t k = 0; k < more->count && out->count < EN_PHONES_MAX; k++)
        out->tokens[out->count++] = more->tokens[k];
}

/* ---- stems ---- */

static bool stem_phones(const ev_en *en, const char *stem, size_t n, int depth, en_phones *out) {
    assert(depth >= 0 && depth <= DEPTH_MAX);
    return n >= STEM_MIN &&
           (en_known_phones(en, stem, n, out) || (depth < DEPTH_MAX && derive(en, stem, n, depth + 1, out)));
}

/* The stem before an ending that begins with a vowel: with the doubled consonant undone, with its e back, as it
 * stands, with i back to y. */
static bool changed_stem(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    assert(n >= STEM_MIN && n <= EN_WORD_LETTERS);
    char form[EN_WORD_LETTERS + 2];
    char last = word[n - 1];
    bool doubled = n > STEM_MIN && last == word[n - 2];
    memcpy(form, word, n);
    if (doubled && !strchr("slfz", last) && stem_phones(en, word, n - 1, depth, out)) return true;
    if (last == 'i') {
        form[n - 1] = 'y';
        return stem_phones(en, form, n, depth, out);
    }
    /* "hoping" is hope's, "helping" help's: a single consonant after a single vowel had an e */
    bool had_e = n > 2 && !en_vowel_letter(last) && last != 'w' && last != 'x' && en_vowel_letter(word[n - 2]) &&
                 !en_vowel_letter(word[n - 3]);
    form[n] = 'e';
    if (had_e && n >= STEM_MIN && en_known_phones(en, form, n + 1, out)) return true;
    if (stem_phones(en, word, n, depth, out)) return true;
    if (en_known_phones(en, form, n + 1, out)) return true;
    return doubled && stem_phones(en, word, n - 1, depth, out);
}

/* ---- endings ---- */

static void add_ed(en_phones *p) {
    if (en_last_phone_is(p, "[T][D]"))
        en_parse_phones("IH0 D", p);
    else if (en_last_phone_is(p, "[P][K][F][TH][S][SH][CH]"))
        en_parse_phones("T", p);
    else
        en_parse_phones("D", p);
}

static bool plural(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    assert(n <= EN_WORD_LETTERS);
    size_t stem = 0;
    char form[EN_WORD_LETTERS + 2];
    bool found = false;
    if (ends(word, n, "ies", &stem)) {
        memcpy(form, word, stem);
        form[stem] = 'y';
        found = stem_phones(en, form, stem + 1, depth, out);
    }
    if (!found && ends(word, n, "s", &stem) && !strchr("su", word[stem - 1]))
        found = stem_phones(en, word, stem, depth, out);
    if (!found && ends(word, n, "es", &stem) && strchr("sxzho", word[stem - 1]))
        found = stem_phones(en, word, stem, depth, out);
    if (found) en_add_s(out);
    return found;
}

/* -ly: "really" has one L, "simply" no vowel before it, "happily" a weak one, "basically" none. */
static bool adverb(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    size_t stem = 0;
    char form[EN_WORD_LETTERS + 2];
    if (ends(word, n, "ically", &stem) && stem_phones(en, word, stem + 2, depth, out)) {
        en_parse_phones("L IY0", out);
        return true;
    }
    if (!ends(word, n, "ly", &stem)) return false;
    memcpy(form, word, n);
    if (word[stem - 1] == 'i') {
        form[stem - 1] = 'y';
        if (!stem_phones(en, form, stem, depth, out)) return false;
        if (out->count && en_last_phone_is(out, "[IY0]")) out->count--;
        en_parse_phones("AH0 L IY0", out);
        return true;
    }
    if (stem_phones(en, word, stem, depth, out)) {
        en_parse_phones(en_last_phone_is(out, "[L]") ? "IY0" : "L IY0", out);
        return true;
    }
    form[n - 1] = 'e'; /* "simply" */
    if (en_vowel_letter(word[stem - 1]) || !en_known_phones(en, form, n, out)) return false;
    bool syllabic = out->count > 2 && strcmp(ev_token_name(out->tokens[out->count - 2]), "[AH0]") == 0;
    out->count -= syllabic ? 2 : 0;
    en_parse_phones(syllabic ? "L IY0" : "IY0", out);
    return true;
}

static bool ending(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    static const struct {
        const char *ending, *phones; /* phones NULL: -ed */
        bool vowel;
    } endings[] = {{"ing", "IH0 NG", true},       {"ings", "IH0 NG Z", true},   {"ed", NULL, true},
                   {"er", "ER0", true},           {"ers", "ER0 Z", true},       {"est", "AH0 S T", true},
                   {"able", "AH0 B AH0 L", true}, {"ness", "N AH0 S", false},   {"less", "L AH0 S", false},
                   {"ful", "F AH0 L", false},     {"ment", "M AH0 N T", false}, {"ish", "IH0 SH", true},
                   {"ship", "SH IH2 P", false},   {"like", "L AY2 K", false},   {"wise", "W AY2 Z", false},
                   {"hood", "HH UH2 D", false},   {"ism", "IH2 Z AH0 M", true}, {"ist", "IH0 S T", true}};
    size_t stem = 0;
    if (plural(en, word, n, depth, out) || adverb(en, word, n, depth, out)) return true;
    for (size_t k = 0; k < EV_ARRAY_COUNT(endings); k++) {
        if (!ends(word, n, endings[k].ending, &stem)) continue;
        bool found =
            endings[k].vowel ? changed_stem(en, word, stem, depth, out) : stem_phones(en, word, stem, depth, out);
        char form[EN_WORD_LETTERS + 2];
        if (!found && !endings[k].vowel && word[stem - 1] == 'i') { /* "happiness" */
            memcpy(form, word, stem);
            form[stem - 1] = 'y';
            found = stem_phones(en, form, stem, depth, out);
        }
        if (!found) continue;
        if (endings[k].phones)
            en_parse_phones(endings[k].phones, out);
        else
            add_ed(out);
        return true;
    }
    return false;
}

/* ---- British spellings ---- */

static bool respelled(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    assert(n <= EN_WORD_LETTERS);
    static const struct {
        const char *british, *american;
        bool final; /* only at the end */
    } pairs[] = {{"isation", "ization", false}, {"ise", "ize", false},    {"ising", "izing", true},
                 {"yse", "yze", false},         {"ysing", "yzing", true}, {"our", "or", false},
                 {"tre", "ter", true},          {"tres", "ters", true},   {"ogue", "og", false},
                 {"lled", "led", true},         {"lling", "ling", true},  {"ller", "ler", true},
                 {"ence", "ense", true},        {"aem", "em", false},     {"oed", "ed", false},
                 {"paed", "ped", false},        {"oestr", "estr", false}, {"aes", "es", false}};
    char form[EN_WORD_LETTERS + 8];
    for (size_t k = 0; k < EV_ARRAY_COUNT(pairs); k++) {
        size_t from = strlen(pairs[k].british), to = strlen(pairs[k].american);
        for (size_t at = n >= from ? n - from : 0; at >= 2; at--) {
            if (n >= from && memcmp(word + at, pairs[k].british, from) == 0) {
                memcpy(form, word, at);
                memcpy(form + at, pairs[k].american, to);
                memcpy(form + at + to, word + at + from, n - at - from);
                size_t length = n + to - from;
                if (length <= EN_WORD_LETTERS && en_known_phones(en, form, length, out)) return true;
                if (depth == 0 && length <= EN_WORD_LETTERS && ending(en, form, length, 1, out)) return true;
            }
            if (pairs[k].final) break;
        }
    }
    return false;
}

/* ---- prefixes and compounds ---- */

static bool prefixed(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    static const struct {
        const char *prefix, *phones;
    } prefixes[] = {{"un", "AH0 N"},
                    {"non", "N AA0 N"},
                    {"over", "OW2 V ER0"},
                    {"under", "AH2 N D ER0"},
                    {"super", "S UW2 P ER0"},
                    {"inter", "IH2 N T ER0"},
                    {"micro", "M AY2 K R OW0"},
                    {"multi", "M AH2 L T IY0"},
                    {"anti", "AE2 N T IY0"},
                    {"cyber", "S AY2 B ER0"},
                    {"mega", "M EH2 G AH0"},
                    {"hyper", "HH AY2 P ER0"},
                    {"re", "R IY0"},
                    {"pre", "P R IY0"},
                    {"dis", "D IH0 S"},
                    {"mis", "M IH0 S"},
                    {"de", "D IY0"},
                    {"out", "AW2 T"},
                    {"post", "P OW2 S T"},
                    {"semi", "S EH2 M IY0"},
                    {"auto", "AO2 T OW0"},
                    {"bio", "B AY2 OW0"},
                    {"geo", "JH IY2 OW0"},
                    {"neuro", "N UH2 R OW0"},
                    {"nano", "N AE2 N OW0"},
                    {"photo", "F OW2 T OW0"},
                    {"pseudo", "S UW2 D OW0"},
                    {"trans", "T R AE2 N Z"},
                    {"ultra", "AH2 L T R AH0"},
                    {"counter", "K AW2 N T ER0"},
                    {"electro", "IH0 L EH2 K T R OW0"},
                    {"sub", "S AH2 B"},
                    {"up", "AH2 P"},
                    {"mid", "M IH2 D"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(prefixes); i++) {
        size_t length = strlen(prefixes[i].prefix);
        if (n < length + 4 || memcmp(word, prefixes[i].prefix, length) != 0) continue;
        en_phones rest = {.count = 0};
        if (!stem_phones(en, word + length, n - length, depth, &rest)) continue;
        en_parse_phones(prefixes[i].phones, out);
        append(out, &rest);
        return true;
    }
    return false;
}

/* "smartphone", "skyline": two known words, the longest first part wins. The second gives up its primary stress. */
static bool compound(const ev_en *en, const char *word, size_t n, en_phones *out) {
    if (n < COMPOUND_MIN) return false;
    for (size_t split = n - PART_MIN; split >= PART_MIN; split--) {
        en_phones first = {.count = 0}, second = {.count = 0};
        if (word[split] == word[split - 1]) continue;
        if (!en_known_phones(en, word + split, n - split, &second) || !en_known_phones(en, word, split, &first))
            continue;
        append(out, &first);
        for (size_t k = 0; k < second.count; k++)
            second.tokens[k] = (int16_t)(second.tokens[k] + (stress_of(second.tokens[k]) == '1'));
        append(out, &second);
        return true;
    }
    return false;
}

/* ---- the way in ---- */

static bool derive(const ev_en *en, const char *word, size_t n, int depth, en_phones *out) {
    if (n > EN_WORD_LETTERS) return false;
    return ending(en, word, n, depth, out) || respelled(en, word, n, depth, out) ||
           (depth == 0 && (prefixed(en, word, n, depth, out) || compound(en, word, n, out)));
}

bool en_derive(const ev_en *en, const char *word, size_t n, en_phones *out) { return derive(en, word, n, 0, out); }
