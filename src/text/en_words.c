/* en_words: one word to phones. In this order: our own list; the lexicon; endings on our own words, prefixes and
 * compounds of known ones; the letter-to-sound rules; letter names where there is no vowel to say.
 *
 * The lexicon is flite's (a pruned CMU dictionary: words that the rules get right are not in it, so "not in the
 * lexicon" does not mean unknown). Its tables are constant and its lookups allocate only what they return, so one
 * lexicon serves all threads after the first open.
 */
#include <flite/cst_lexicon.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "text/en.h"
#include "text/sink.h"

extern cst_lexicon *cmu_lex_init(void); /* in libflite_cmulex; the distribution's headers leave it out */

static pthread_once_t lexicon_once = PTHREAD_ONCE_INIT;
static cst_lexicon *shared_lexicon;

/* Fills static structures of flite's: once per process, whoever comes first. */
static void open_lexicon(void) { shared_lexicon = cmu_lex_init(); }

ev_status ev_en_open(ev_en **out, const char *lexicon_dir, ev_error *err) {
    (void)lexicon_dir; /* the English lexicon is linked in */
    pthread_once(&lexicon_once, open_lexicon);
    if (!shared_lexicon) return ev_fail(err, EV_E_IO, "the English lexicon cannot be opened");
    ev_en *en = calloc(1, sizeof(*en));
    if (!en) return ev_fail(err, EV_E_MEMORY, "out of memory while opening the English lexicon");
    en->lexicon = shared_lexicon;
    *out = en;
    return EV_OK;
}

void ev_en_free(ev_en **en) {
    if (!en) return;
    free(*en);
    *en = NULL;
}

/* ---- phones ---- */

static void add_token(en_phones *out, int token) {
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

/* flite's names are lower case, its schwa is "ax", and unstressed function words carry no digit. */
static void add_flite_phone(en_phones *out, const char *name) {
    char upper[8];
    size_t n = 0;
    for (; name[n] && n < 4; n++) upper[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 32) : name[n];
    if (n >= 2 && upper[0] == 'A' && upper[1] == 'X') upper[1] = 'H';
    bool digit = n && en_is_digit(upper[n - 1]);
    bool vowel = n && strchr("AEIOU", upper[0]);
    if (vowel && !digit && n < 4) upper[n++] = '0';
    add_phone(out, upper, n);
}

static const char *phone_name(const en_phones *p, size_t from_end) {
    return p->count > from_end ? ev_token_name(p->tokens[p->count - 1 - from_end]) : "";
}

static bool last_is(const en_phones *p, const char *list) {
    const char *name = phone_name(p, 0);
    return *name && strstr(list, name);
}

/* The plural, possessive or third person: hisses need a vowel, voiceless consonants keep it voiceless. */
void en_add_s(en_phones *p) {
    if (last_is(p, "[S][Z][SH][ZH][CH][JH]"))
        en_parse_phones("IH0 Z", p);
    else if (last_is(p, "[P][T][K][F][TH]"))
        en_parse_phones("S", p);
    else
        en_parse_phones("Z", p);
}

static void add_ed(en_phones *p) {
    if (last_is(p, "[T][D]"))
        en_parse_phones("IH0 D", p);
    else if (last_is(p, "[P][K][F][TH][S][SH][CH]"))
        en_parse_phones("T", p);
    else
        en_parse_phones("D", p);
}

/* ---- the lexicon ---- */

static bool to_key(char key[EN_WORD_LETTERS + 1], const char *word, size_t n) {
    if (n == 0 || n > EN_WORD_LETTERS) return false;
    for (size_t i = 0; i < n; i++) {
        if (!en_is_lower(word[i])) return false;
        key[i] = word[i];
    }
    key[n] = '\0';
    return true;
}

static bool ends_in_one_of(const char *key, size_t n, const char *list) {
    for (size_t length = 2; length <= 5 && length < n; length++)
        if (en_in_list(list, key + n - length, length)) return true;
    return false;
}

static char stress_of(int token) {
    const char *name = ev_token_name(token);
    return name[3] == '0' || name[3] == '1' || name[3] == '2' ? name[3] : '\0';
}

/* The lexicon gives secondary stress as a second primary one. Which is the primary one follows from how many vowels
 * come after the last and from the ending: measured on the 23,000 such words of the CMU dictionary, right in 88 %. */
static void restress(const char *key, size_t n, en_phones *out, size_t from) {
    static const char ends_late[] = " ette ettes eer eers eered ese self ";
    static const char ends_early[] = " ng er ed rs es ry sm or ly ny hy le re ms ";
    size_t first = 0, last = 0, count = 0, vowels_after = 0;
    for (size_t i = from; i < out->count; i++) {
        char stress = stress_of(out->tokens[i]);
        if (!stress) continue;
        vowels_after++;
        if (stress != '1') continue;
        if (count++ == 0) first = i;
        last = i;
        vowels_after = 0;
    }
    if (count < 2) return;
    bool late = vowels_after >= 2;
    if (vowels_after == 1) late = !ends_in_one_of(key, n, ends_early);
    if (vowels_after == 0) late = ends_in_one_of(key, n, ends_late) || strncmp(key, "disa", 4) == 0;
    for (size_t i = from; i < out->count; i++) /* [AA0] [AA1] [AA2] are neighbours in the inventory */
        if (stress_of(out->tokens[i]) == '1' && i != (late ? last : first)) out->tokens[i]++;
}

static void lexicon_phones(const ev_en *en, const char *key, en_phones *out) {
    size_t from = out->count;
    cst_val *phones = lex_lookup(en->lexicon, key, NULL, NULL);
    for (const cst_val *v = phones; v; v = val_cdr(v)) add_flite_phone(out, val_string(val_car(v)));
    delete_val(phones);
    restress(key, strlen(key), out, from);
}

bool en_known(const ev_en *en, const char *word, size_t n) {
    char key[EN_WORD_LETTERS + 1];
    if (en_list_phones(word, n)) return true;
    return to_key(key, word, n) && in_lex(en->lexicon, key, NULL, NULL);
}

/* Our list or the lexicon; false: in neither. */
static bool known_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    char key[EN_WORD_LETTERS + 1];
    const char *own = en_list_phones(word, n);
    if (own) {
        en_parse_phones(own, out);
        return true;
    }
    if (!to_key(key, word, n) || !in_lex(en->lexicon, key, NULL, NULL)) return false;
    lexicon_phones(en, key, out);
    return true;
}

/* ---- endings and prefixes ---- */

/* The stem of an inflected word whose ending is off: as it stands, with its e back, with the doubled consonant
 * undone, with i back to y. Only words of our own list are stems ("googled", "vlogging"): the lexicon is full of
 * surnames that look like stems ("mas", "clos"), and its rules know the endings of its own words better (measured:
 * 851 words wrong that were right, 446 the other way). */
static bool stem_phones(const char *word, size_t stem, bool vowel_ending, en_phones *out) {
    char form[EN_WORD_LETTERS + 2];
    if (stem < 3 || stem > EN_WORD_LETTERS) return false;
    memcpy(form, word, stem);
    const char *own = en_list_phones(form, stem);
    if (!own && vowel_ending) {
        char last = form[stem - 1];
        bool doubled = stem > 3 && last == form[stem - 2];
        form[stem] = 'e';
        own = en_list_phones(form, stem + 1);
        if (!own && doubled) own = en_list_phones(form, stem - 1);
        form[stem - 1] = 'y';
        if (!own && last == 'i') own = en_list_phones(form, stem);
    }
    if (own) en_parse_phones(own, out);
    return own != NULL;
}

static bool ends(const char *word, size_t n, const char *ending, size_t *stem) {
    size_t length = strlen(ending);
    if (n <= length || memcmp(word + n - length, ending, length) != 0) return false;
    *stem = n - length;
    return true;
}

static bool suffix_phones(const char *word, size_t n, en_phones *out) {
    size_t stem = 0;
    if (ends(word, n, "ing", &stem) && stem_phones(word, stem, true, out)) {
        en_parse_phones("IH0 NG", out);
        return true;
    }
    if (ends(word, n, "ed", &stem) && stem_phones(word, stem, true, out)) {
        add_ed(out);
        return true;
    }
    bool plural =
        (ends(word, n, "es", &stem) && strchr("sxzhi", word[stem - 1]) && stem_phones(word, stem, true, out)) ||
        (ends(word, n, "s", &stem) && word[stem - 1] != 's' && stem_phones(word, stem, false, out));
    if (plural) en_add_s(out);
    return plural;
}

static bool prefix_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    static const struct {
        const char *prefix, *phones;
    } prefixes[] = {
        {"un", "AH0 N"},          {"non", "N AA0 N"},       {"over", "OW1 V ER0"},      {"under", "AH1 N D ER0"},
        {"super", "S UW1 P ER0"}, {"inter", "IH2 N T ER0"}, {"micro", "M AY1 K R OW0"}, {"multi", "M AH1 L T IY0"},
        {"anti", "AE1 N T IY0"},  {"cyber", "S AY1 B ER0"}, {"mega", "M EH1 G AH0"},    {"hyper", "HH AY1 P ER0"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(prefixes); i++) {
        size_t length = strlen(prefixes[i].prefix);
        if (n < length + 4 || memcmp(word, prefixes[i].prefix, length) != 0) continue;
        en_phones rest = {.count = 0};
        if (!known_phones(en, word + length, n - length, &rest)) continue;
        en_parse_phones(prefixes[i].phones, out);
        for (size_t k = 0; k < rest.count; k++) add_token(out, rest.tokens[k]);
        return true;
    }
    return false;
}

/* "smartphone", "skyline": two words, each of four letters or more in the lexicon, the longest first part wins. The
 * second one gives up its primary stress. */
static bool compound_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    enum { PART_MIN = 4, COMPOUND_MIN = 10 };
    if (n < COMPOUND_MIN) return false;
    for (size_t split = n; split-- > PART_MIN;) {
        if (n - split < PART_MIN || word[split] == word[split - 1]) continue;
        en_phones first = {.count = 0}, second = {.count = 0};
        if (!known_phones(en, word + split, n - split, &second) || !known_phones(en, word, split, &first)) continue;
        for (size_t k = 0; k < first.count; k++) add_token(out, first.tokens[k]);
        for (size_t k = 0; k < second.count; k++)
            add_token(out, second.tokens[k] + (stress_of(second.tokens[k]) == '1'));
        return true;
    }
    return false;
}

/* ---- what follows an apostrophe ---- */

static void plain_phones(const ev_en *en, const char *word, size_t n, en_phones *out);

/* "john's", "dogs'", "who'd": the word, then its tail. */
static void apostrophe_phones(const ev_en *en, const char *word, size_t n, size_t mark, en_phones *out) {
    const char *tail = word + mark + 1;
    size_t tail_n = n - mark - 1;
    size_t stem = mark;
    bool negated = tail_n == 1 && tail[0] == 't' && mark > 1 && word[mark - 1] == 'n';
    if (negated) stem = mark - 1;
    en_pronounce(en, word, stem, out); /* may hold another: "they'd've" */
    if (negated)
        en_parse_phones("AH0 N T", out);
    else if (tail_n == 1 && tail[0] == 's')
        en_add_s(out);
    else if (tail_n == 1 && tail[0] == 'd')
        en_parse_phones(last_is(out, "[T][D]") ? "AH0 D" : "D", out);
    else if (tail_n == 1 && tail[0] == 'n') /* rock'n'roll */
        en_parse_phones("AH0 N", out);
    else if (tail_n == 1 && tail[0] == 'm')
        en_parse_phones("M", out);
    else if (tail_n == 2 && memcmp(tail, "re", 2) == 0)
        en_parse_phones("ER0", out);
    else if (tail_n == 2 && memcmp(tail, "ve", 2) == 0)
        en_parse_phones("AH0 V", out);
    else if (tail_n == 2 && memcmp(tail, "ll", 2) == 0)
        en_parse_phones("AH0 L", out);
    else if (tail_n)
        plain_phones(en, tail, tail_n, out);
}

/* ---- the way in ---- */

static bool has_vowel(const char *word, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (en_vowel_letter(word[i])) return true;
    return false;
}

/* Letters only. */
static void plain_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    char key[EN_WORD_LETTERS + 1];
    if (known_phones(en, word, n, out)) return;
    if (n == 1 || !has_vowel(word, n)) {
        for (size_t i = 0; i < n; i++)
            if (en_is_lower(word[i])) en_parse_phones(en_letter_names[word[i] - 'a'], out);
        return;
    }
    if (suffix_phones(word, n, out) || prefix_phones(en, word, n, out) || compound_phones(en, word, n, out)) return;
    if (word[n - 1] == 's' && word[n - 2] != 's' && compound_phones(en, word, n - 1, out)) {
        en_add_s(out);
        return;
    }
    if (to_key(key, word, n)) lexicon_phones(en, key, out);
}

void en_pronounce(const ev_en *en, const char *word, size_t n, en_phones *out) {
    const char *own = en_list_phones(word, n); /* whole contractions */
    if (own) {
        en_parse_phones(own, out);
        return;
    }
    size_t mark = n;
    while (mark > 0 && word[mark - 1] != '\'') mark--;
    if (mark == 0)
        plain_phones(en, word, n, out);
    else if (mark == 1)
        plain_phones(en, word + 1, n - 1, out);
    else
        apostrophe_phones(en, word, n, mark - 1, out);
}

void en_spell(const char *text, en_phones *out) {
    for (; *text; text++) {
        if (en_is_upper(*text)) en_parse_phones(en_letter_names[*text - 'A'], out);
        if (*text == 's') en_add_s(out); /* "C P Us", "F B I's" */
    }
}
