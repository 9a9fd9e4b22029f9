/* words: one word to phones. In this order: our own list; the lexicon; endings, prefixes and compounds of known
 * words (derive.c); the model of letters (letters.c); letter names where there is no vowel to say. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/en/en.h"
#include "text/en/homograph.h"
#include "text/en/lexicon.h"

static ev_status open_files(ev_en *en, const char *directory, ev_error *err) {
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/en.homographs", directory) >= sizeof path)
        return ev_fail(err, EV_E_IO, "the path of the lexicons is too long");
    ev_status status = en_homographs_open(&en->homographs, path, err);
    if (status != EV_OK) return status;
    snprintf(path, sizeof path, "%s/en.lexicon", directory);
    return en_lexicon_open(&en->lexicon, path, err);
}

ev_status ev_en_open(ev_en **out, const char *lexicon_dir, ev_error *err) {
    ev_en *en = calloc(1, sizeof(*en));
    if (!en) return ev_fail(err, EV_E_MEMORY, "out of memory while opening the English lexicon");
    ev_status status = open_files(en, lexicon_dir, err);
    if (status != EV_OK)
        ev_en_free(&en);
    else
        *out = en;
    return status;
}

void ev_en_free(ev_en **en) {
    if (!en || !*en) return;
    en_lexicon_free(&(*en)->lexicon);
    en_homographs_free(&(*en)->homographs);
    free(*en);
    *en = NULL;
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

/* ---- what follows an apostrophe ---- */

static void plain_phones(const ev_en *en, const char *word, size_t n, en_phones *out);

/* "john's", "dogs'", "who'd": the word, then its tail. */
static void apostrophe_phones(const ev_en *en, const char *word, size_t n, size_t mark, en_phones *out) {
    assert(mark > 0 && mark < n && word[mark] == '\'');
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
        en_parse_phones(en_last_phone_is(out, "[T][D]") ? "AH0 D" : "D", out);
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

static void spell_lower(const char *word, size_t n, en_phones *out) {
    for (size_t i = 0; i < n; i++)
        if (en_is_lower(word[i])) en_parse_phones(en_letter_names[word[i] - 'a'], out);
}

/* Could a short word of these letters be English? By the consonants that it begins and ends with. */
static bool is_sayable(const char *word, size_t n) {
    static const char onsets[] = " bl br ch chr cl cr dr dw fl fr gh gl gn gr kh kl kn kr ll ph phl phr pl pr ps pt "
                                 "qu rh sc sch scr sh shr sk sl sm "
                                 "sn sp sph spl spr squ st str sv sw th thr tr ts tw vl wh wr zh ";
    static const char codas[] = " bb bs ch ck cks cs ct cts dd ds dge ff ffs ffe ft fts gg gh ghs ght gs ks lb ld "
                                "lds lf lk lks ll lls lm lms lp lps "
                                "ls lt lts mb mbs mm mp mps ms nc nch nd nds ng ngs nk nks nn ns nt nth nts ph pp ps "
                                "pt pts rb rbs rc rch rd rds "
                                "rf rg rk rks rl rls rm rms rn rns rp rps rr rs rt rth rts rv sc sh sk sks sm sms sp "
                                "sps ss st sts tch th ths ts tt "
                                "ws wn wns wd wl wls xt xts yd yn zz ys hn ";
    size_t head = 0, tail = n;
    while (head < n && !en_vowel_letter(word[head])) head++;
    while (tail > head && !en_vowel_letter(word[tail - 1])) tail--;
    return head < n && (head < 2 || en_in_list(onsets, word, head)) &&
           (n - tail < 2 || en_in_list(codas, word + tail, n - tail));
}

/* Letters only. */
static void plain_phones(const ev_en *en, const char *word, size_t n, en_phones *out) {
    char key[EN_WORD_LETTERS + 1];
    if (en_known_phones(en, word, n, out)) return;
    if (n > 2 && word[n - 1] == 's' && en_list_is_letters(word, n - 1) && !en_list_is_letters(word, n)) { /* "suvs" */
        spell_lower(word, n - 1, out);
        en_add_s(out);
        return;
    }
    if (n == 1 || !has_vowel(word, n) || (n <= 5 && en_list_is_letters(word, n))) {
        spell_lower(word, n, out);
        return;
    }
    if (!to_key(key, word, n) || en_derive(en, key, n, out)) return;
    if (n <= 4 && !is_sayable(word, n))
        spell_lower(word, n, out);
    else
        en_letters_phones(en->lexicon, key, n, out);
}

void en_pronounce(const ev_en *en, const char *word, size_t n, en_phones *out) {
    if (en_known_phones(en, word, n, out)) return; /* whole contractions too */
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
