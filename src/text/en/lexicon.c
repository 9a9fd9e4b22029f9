/* lexicon: reading en.lexicon. Words lie in blocks of up to 16 in byte order, each but a block's first by what it
 * does not share with the one before; phones are codes, of which the higher stand for pairs of others. A lookup is a
 * binary search over the blocks' first words and a walk through one block. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/en/lexicon.h"
#include "text/lexicon_file.h"

enum { PHONE_CODES_MAX = 100, CODE_PHONES_MAX = 16, BLOCK_WORDS_MAX = 16, GRAPHONES_MAX = 8000 };

struct en_lexicon {
    ev_lexicon_file file;
    const uint8_t *words;
    const uint32_t *blocks; /* where each begins, and at last where the words end */
    size_t word_bytes, block_count;
    const en_graphone *graphones;
    const en_ngram *ngrams;
    size_t graphone_count, ngram_count, phone_count, code_count;
    struct {
        int16_t tokens[CODE_PHONES_MAX];
        uint8_t count;
    } codes[EN_CODES];
};

_Static_assert(sizeof(en_graphone) == 4 && sizeof(en_ngram) == 8, "file layout");

/* ---- checking ---- */

static bool take_codes(en_lexicon *l) {
    size_t bytes = 0, pairs = 0;
    const char *names = ev_lexicon_file_section(&l->file, "PHON", 1, &bytes);
    const uint8_t *pair = ev_lexicon_file_section(&l->file, "PAIR", 2, &pairs);
    if (!names || !pair) return false;
    for (size_t i = 0; i < bytes;) {
        const char *space = memchr(names + i, ' ', bytes - i);
        size_t n = space ? (size_t)(space - names) - i : bytes - i;
        int token = ev_token_find(names + i, n);
        if (token < 0 || l->phone_count == PHONE_CODES_MAX) return false;
        l->codes[l->phone_count].tokens[0] = (int16_t)token;
        l->codes[l->phone_count++].count = 1;
        i += n + 1;
    }
    if (l->phone_count + pairs > EN_CODES - 1) return false; /* the last is EN_NO_PHONE */
    l->code_count = l->phone_count + pairs;
    for (size_t k = l->phone_count; k < l->code_count; k++, pair += 2) {
        if (pair[0] >= k || pair[1] >= k) return false;
        size_t a = l->codes[pair[0]].count, b = l->codes[pair[1]].count;
        if (a + b > CODE_PHONES_MAX) return false;
        memcpy(l->codes[k].tokens, l->codes[pair[0]].tokens, a * sizeof(int16_t));
        memcpy(l->codes[k].tokens + a, l->codes[pair[1]].tokens, b * sizeof(int16_t));
        l->codes[k].count = (uint8_t)(a + b);
    }
    return true;
}

/* One entry while a block is walked. */
typedef struct cursor {
    const uint8_t *at, *end;
    char word[EN_WORD_LETTERS + 1];
    size_t length;
    const uint8_t *codes;
    size_t code_count;
} cursor;

/* The block's first word and its codes; false: outside the file's bounds. */
static bool first_entry(cursor *c) {
    if (c->at >= c->end) return false;
    c->length = *c->at++;
    if (c->length == 0 || c->length > EN_WORD_LETTERS || c->length >= (size_t)(c->end - c->at)) return false;
    memcpy(c->word, c->at, c->length);
    c->at += c->length;
    c->code_count = *c->at++;
    c->codes = c->at;
    if (c->code_count > (size_t)(c->end - c->at)) return false;
    c->at += c->code_count;
    return true;
}

static bool next_entry(cursor *c) {
    if (c->end - c->at < 2) return false;
    size_t shared = *c->at >> 4, rest = *c->at & 15;
    c->at++;
    if (shared > c->length || shared + rest > EN_WORD_LETTERS || rest >= (size_t)(c->end - c->at)) return false;
    memcpy(c->word + shared, c->at, rest);
    c->length = shared + rest;
    c->at += rest;
    c->code_count = *c->at++;
    c->codes = c->at;
    if (c->code_count > (size_t)(c->end - c->at)) return false;
    c->at += c->code_count;
    return true;
}

static cursor block_at(const en_lexicon *l, size_t block) {
    assert(block < l->block_count && l->blocks[block] < l->blocks[block + 1]);
    return (cursor){.at = l->words + l->blocks[block], .end = l->words + l->blocks[block + 1]};
}

static int compare(const cursor *c, const char *word, size_t n) {
    int order = memcmp(c->word, word, c->length < n ? c->length : n);
    return order ? order : (c->length > n) - (c->length < n);
}

static bool words_valid(const en_lexicon *l) {
    char last[EN_WORD_LETTERS];
    size_t last_n = 0;
    for (size_t b = 0; b < l->block_count; b++) {
        if (l->blocks[b] >= l->blocks[b + 1] || l->blocks[b + 1] > l->word_bytes) return false;
        cursor c = block_at(l, b);
        if (!first_entry(&c)) return false;
        for (size_t k = 1;; k++) {
            if (k > BLOCK_WORDS_MAX || compare(&c, last, last_n) <= 0 || c.code_count == 0) return false;
            for (size_t i = 0; i < c.code_count; i++)
                if (c.codes[i] >= l->code_count) return false;
            memcpy(last, c.word, last_n = c.length);
            if (c.at == c.end) break;
            if (!next_entry(&c)) return false;
        }
    }
    return l->blocks[l->block_count] == l->word_bytes;
}

static bool graphones_valid(const en_lexicon *l) {
    for (size_t i = 0; i < l->graphone_count; i++) {
        const en_graphone *g = &l->graphones[i];
        if (!en_is_lower(g->letters[0]) || (g->letters[1] && !en_is_lower(g->letters[1]))) return false;
        if (i > 0 && memcmp(g->letters, g[-1].letters, 2) < 0) return false;
        for (size_t k = 0; k < 2; k++)
            if (g->phones[k] != EN_NO_PHONE && g->phones[k] >= l->phone_count) return false;
    }
    return true;
}

/* Children follow their parents in runs that tile the array, each in rising order; no path is longer than the order.
 */
static bool ngrams_valid(const en_lexicon *l) {
    size_t next = 1, level_end = 1, depth = 0;
    if (l->ngram_count == 0) return false;
    for (size_t i = 0; i < l->ngram_count; i++) {
        size_t first = l->ngrams[i].child;
        size_t end = i + 1 < l->ngram_count ? l->ngrams[i + 1].child : l->ngram_count;
        if (first != next || end < first || end > l->ngram_count || (end > first && first <= i)) return false;
        if (i == level_end) {
            level_end = first;
            depth++;
        }
        if (end > first && depth >= EN_NGRAM_ORDER) return false;
        for (size_t c = first; c < end; c++) {
            if (l->ngrams[c].symbol >= EN_FIRST_GRAPHONE + l->graphone_count) return false;
            if (c > first && l->ngrams[c].symbol <= l->ngrams[c - 1].symbol) return false;
        }
        next = end;
    }
    return next == l->ngram_count;
}

static const char *structure_fault(en_lexicon *l) {
    if (!take_codes(l)) return "damaged (phones)";
    l->words = ev_lexicon_file_section(&l->file, "WORD", 1, &l->word_bytes);
    l->blocks = ev_lexicon_file_section(&l->file, "BLOK", sizeof(uint32_t), &l->block_count);
    if (!l->words || !l->blocks || l->block_count < 2) return "damaged (words)";
    l->block_count--;
    if (!words_valid(l)) return "damaged (words)";
    l->graphones = ev_lexicon_file_section(&l->file, "GRAP", sizeof(en_graphone), &l->graphone_count);
    l->ngrams = ev_lexicon_file_section(&l->file, "GRAM", sizeof(en_ngram), &l->ngram_count);
    if (!l->graphones || l->graphone_count > GRAPHONES_MAX || !graphones_valid(l)) return "damaged (graphones)";
    return l->ngrams && ngrams_valid(l) ? NULL : "damaged (n-grams)";
}

/* ---- opening ---- */

ev_status en_lexicon_open(en_lexicon **out, const char *path, ev_error *err) {
    en_lexicon *l = calloc(1, sizeof *l);
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory for the English lexicon");
    ev_status status = ev_lexicon_file_open(&l->file, path, err);
    const char *fault = status == EV_OK ? structure_fault(l) : NULL;
    if (fault) status = ev_fail(err, EV_E_FORMAT, "%s: the lexicon is %s", path, fault);
    if (status != EV_OK)
        en_lexicon_free(&l);
    else
        *out = l;
    return status;
}

void en_lexicon_free(en_lexicon **lexicon) {
    if (!lexicon || !*lexicon) return;
    ev_lexicon_file_close(&(*lexicon)->file);
    free(*lexicon);
    *lexicon = NULL;
}

/* ---- lookups ---- */

static void add_code(const en_lexicon *l, uint8_t code, en_phones *out) {
    assert(code < l->code_count && out->count <= EN_PHONES_MAX);
    for (size_t i = 0; i < l->codes[code].count && out->count < EN_PHONES_MAX; i++)
        out->tokens[out->count++] = l->codes[code].tokens[i];
}

bool en_lexicon_find(const en_lexicon *l, const char *word, size_t n, en_phones *out) {
    size_t low = 0, high = l->block_count; /* the last block whose first word is not behind this one */
    if (n == 0 || n > EN_WORD_LETTERS) return false;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        cursor c = block_at(l, middle);
        first_entry(&c);
        if (compare(&c, word, n) <= 0)
            low = middle;
        else
            high = middle;
    }
    cursor c = block_at(l, low);
    int order = first_entry(&c) ? compare(&c, word, n) : 1;
    while (order < 0 && c.at < c.end && next_entry(&c)) order = compare(&c, word, n);
    if (order != 0) return false;
    for (size_t i = 0; i < c.code_count; i++) add_code(l, c.codes[i], out);
    return true;
}

const en_ngram *en_lexicon_ngrams(const en_lexicon *l, size_t *count) {
    *count = l->ngram_count;
    return l->ngrams;
}

const en_graphone *en_lexicon_graphones(const en_lexicon *l, size_t *count) {
    *count = l->graphone_count;
    return l->graphones;
}

int16_t en_lexicon_token(const en_lexicon *l, uint8_t code) {
    assert(code < l->phone_count);
    return l->codes[code].tokens[0];
}
