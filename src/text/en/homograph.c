/* homograph: the model's features, word for word those of training/homographs.py. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/en/homograph.h"
#include "text/lexicon_file.h"

enum { NEAR_WORDS = 6, WEIGHTS = 1 << 17, WORDS_MAX = 4096, FEATURE_BYTES = 3 * EN_WORD_LETTERS + 80 };

typedef struct homograph {
    const char *word, *phones[2];
    bool verb; /* the second reading is the verb's: the shared weights count */
} homograph;

struct en_homographs {
    ev_lexicon_file file;
    const int8_t *weights;
    char *text;
    homograph *words;
    size_t count;
};

/* ---- opening ---- */

static bool known_phones(const char *arpabet) {
    en_phones parsed = {.count = 0};
    size_t names = 1;
    for (const char *c = arpabet; *c; c++) names += *c == ' ';
    en_parse_phones(arpabet, &parsed);
    return parsed.count == names;
}

/* Splits the line in place. */
static bool take_line(en_homographs *h, char *line) {
    char *field[4] = {line};
    for (size_t k = 1; k < 4; k++) {
        field[k] = strchr(field[k - 1], '\t');
        if (!field[k]) return false;
        *field[k]++ = '\0';
    }
    homograph *entry = &h->words[h->count];
    *entry = (homograph){.word = field[0], .phones = {field[2], field[3]}, .verb = field[1][0] == '1'};
    if (h->count > 0 && strcmp(h->words[h->count - 1].word, entry->word) >= 0) return false;
    h->count++;
    return strlen(entry->word) <= EN_WORD_LETTERS && known_phones(field[2]) && known_phones(field[3]);
}

static ev_status take(en_homographs *h, const char *path, ev_error *err) {
    size_t bytes = 0, weights = 0;
    const char *text = ev_lexicon_file_section(&h->file, "WORD", 1, &bytes);
    h->weights = ev_lexicon_file_section(&h->file, "WGHT", 1, &weights);
    if (!text || !h->weights || weights != WEIGHTS || memchr(text, 0, bytes))
        return ev_fail(err, EV_E_FORMAT, "%s: the list of homographs is damaged", path);
    h->text = malloc(bytes + 1);
    h->words = calloc(WORDS_MAX, sizeof *h->words);
    if (!h->text || !h->words) return ev_fail(err, EV_E_MEMORY, "out of memory for the list of homographs");
    memcpy(h->text, text, bytes);
    h->text[bytes] = '\0';
    for (char *line = h->text; *line;) {
        char *end = strchr(line, '\n');
        if (!end || h->count == WORDS_MAX) return ev_fail(err, EV_E_FORMAT, "%s: too many homographs", path);
        *end = '\0';
        if (!take_line(h, line)) return ev_fail(err, EV_E_FORMAT, "%s: a homograph is damaged: %.40s", path, line);
        line = end + 1;
    }
    return EV_OK;
}

ev_status en_homographs_open(en_homographs **out, const char *path, ev_error *err) {
    *out = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) return EV_OK;
    en_homographs *h = calloc(1, sizeof *h);
    if (!h) return ev_fail(err, EV_E_MEMORY, "out of memory for the list of homographs");
    ev_status status = ev_lexicon_file_open(&h->file, path, err);
    if (status == EV_OK) status = take(h, path, err);
    if (status != EV_OK)
        en_homographs_free(&h);
    else
        *out = h;
    return status;
}

void en_homographs_free(en_homographs **homographs) {
    en_homographs *h = homographs ? *homographs : NULL;
    if (!h) return;
    ev_lexicon_file_close(&h->file);
    free(h->text);
    free(h->words);
    free(h);
    *homographs = NULL;
}

/* ---- features ---- */

typedef struct scorer {
    const en_homographs *h;
    const homograph *target;
    int score;
} scorer;

static int weight(const scorer *s, const char *word, const char *feature) {
    uint32_t value = 0x811C9DC5u;
    for (; *word; word++) value = (value ^ (uint8_t)*word) * 0x01000193u;
    value = (value ^ ' ') * 0x01000193u;
    for (; *feature; feature++) value = (value ^ (uint8_t)*feature) * 0x01000193u;
    return s->h->weights[value & (WEIGHTS - 1)];
}

static void own(scorer *s, const char *feature) { s->score += weight(s, s->target->word, feature); }

static void shared(scorer *s, const char *feature) {
    own(s, feature);
    if (s->target->verb) s->score += weight(s, "*", feature);
}

/* As the model sees it. begin, end: the sentence. */
static const char *form(const en_work *w, size_t i, long offset, size_t begin, size_t end) {
    assert(begin <= i && i < end && end <= en_word_count(w));
    if (offset < 0 && i < begin + (size_t)-offset) return "<";
    size_t at = i + (size_t)offset; /* wraps below zero, and back */
    if (at >= end) return ">";
    const en_word *word = en_word_at(w, at);
    if (en_is_digit(w->s[word->begin])) return "#";
    return word->spell ? "^" : en_word_text(w, word);
}

static const char *tail(const char *word, size_t n) {
    size_t length = strlen(word);
    return length > n ? word + length - n : word;
}

/* What bounds the sentence of words[i], as far as the features look. */
static void sentence_around(const en_work *w, size_t i, size_t *begin, size_t *end) {
    *begin = i;
    while (*begin > 0 && i - *begin < NEAR_WORDS + 1 && en_word_at(w, *begin)->before < EV_BREAK_FINAL) --*begin;
    *end = i + 1;
    while (*end < en_word_count(w) && *end - i < NEAR_WORDS + 1 && en_word_at(w, *end)->before < EV_BREAK_FINAL)
        ++*end;
}

static void add_shared(scorer *s, const en_work *w, size_t i, size_t begin, size_t end, int rule) {
    char f[FEATURE_BYTES];
    const char *p1 = form(w, i, -1, begin, end), *n1 = form(w, i, 1, begin, end);
    const char *p2 = form(w, i, -2, begin, end), *n2 = form(w, i, 2, begin, end);
    bool comma_before = i > begin && en_word_at(w, i)->before == EV_BREAK_COMMA;
    bool comma_after = i + 1 < end && en_word_at(w, i + 1)->before == EV_BREAK_COMMA;
    snprintf(f, sizeof f, "p1 %s", p1), shared(s, f);
    snprintf(f, sizeof f, "n1 %s", n1), shared(s, f);
    snprintf(f, sizeof f, "p2 %s %s", p2, p1), shared(s, f);
    snprintf(f, sizeof f, "n2 %s %s", n1, n2), shared(s, f);
    snprintf(f, sizeof f, "pn %s %s", p1, n1), shared(s, f);
    snprintf(f, sizeof f, "ps %s", tail(p1, 3)), shared(s, f);
    snprintf(f, sizeof f, "ns %s", tail(n1, 3)), shared(s, f);
    snprintf(f, sizeof f, "pz %s %s", tail(p1, 2), tail(n1, 2)), shared(s, f);
    snprintf(f, sizeof f, "c %d%d", comma_before, comma_after), shared(s, f);
    snprintf(f, sizeof f, "r %d", rule), shared(s, f);
}

static void add_own(scorer *s, const en_work *w, size_t i, size_t begin, size_t end) {
    char f[FEATURE_BYTES];
    bool first = i == 0 || en_word_at(w, i)->before >= EV_BREAK_FINAL;
    snprintf(f, sizeof f, "p2 %s", form(w, i, -2, begin, end)), own(s, f);
    snprintf(f, sizeof f, "n2 %s", form(w, i, 2, begin, end)), own(s, f);
    snprintf(f, sizeof f, "p3 %s", form(w, i, -3, begin, end)), own(s, f);
    snprintf(f, sizeof f, "n3 %s", form(w, i, 3, begin, end)), own(s, f);
    snprintf(f, sizeof f, "C %d%d", en_is_upper(w->s[en_word_at(w, i)->begin]), first), own(s, f);
    own(s, "b");
    for (long k = -NEAR_WORDS; k <= NEAR_WORDS; k++) {
        if (k == 0 || (k < 0 && i < begin + (size_t)-k) || (k > 0 && i + (size_t)k >= end)) continue;
        snprintf(f, sizeof f, "w %s", form(w, i, k, begin, end)), own(s, f);
    }
}

static int compare(const void *key, const void *element) { return strcmp(key, ((const homograph *)element)->word); }

/* "will read", "don't desert": there the verb is certain, whatever the rest is like. */
static bool after_modal(const homograph *target, const char *before, const en_work *w, size_t i) {
    static const char modals[] = " will would can could shall should may might must do does did don't doesn't didn't "
                                 "won't can't cannot couldn't "
                                 "wouldn't shouldn't i'll you'll we'll they'll he'll she'll it'll let's ";
    bool verb = target->verb || en_in_list(" read live lead ", target->word, strlen(target->word));
    return verb && en_word_at(w, i)->before == EV_BREAK_WORD && en_in_list(modals, before, strlen(before));
}

const char *en_homograph_reading(const en_homographs *h, const en_work *w, size_t i, int rule) {
    assert(i < en_word_count(w));
    if (!h) return NULL;
    const char *text = en_word_text(w, en_word_at(w, i));
    scorer s = {.h = h, .target = bsearch(text, h->words, h->count, sizeof h->words[0], compare)};
    if (!s.target) return NULL;
    size_t begin, end;
    sentence_around(w, i, &begin, &end);
    if (after_modal(s.target, form(w, i, -1, begin, end), w, i)) return s.target->phones[1];
    add_shared(&s, w, i, begin, end, rule);
    add_own(&s, w, i, begin, end);
    return s.target->phones[s.score > 0];
}

bool en_homograph_at(const en_homographs *h, size_t index, const char **word, const char *phones[2]) {
    if (!h || index >= h->count) return false;
    *word = h->words[index].word;
    phones[0] = h->words[index].phones[0];
    phones[1] = h->words[index].phones[1];
    return true;
}
