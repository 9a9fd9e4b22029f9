/* letters: a word that is in no list, by its letters. A beam over rows of graphones under the n-gram model of
 * en.lexicon; each hypothesis carries the trie's nodes of its last symbols, so that a step is a few short searches.
 */
#include <assert.h>
#include <string.h>

#include "text/en/lexicon.h"

enum { BEAM = 8, MISSING = 0 }; /* the root is nobody's child */

typedef struct hypothesis {
    uint32_t cost;                     /* sixteenths of a bit */
    uint32_t context[EN_NGRAM_ORDER];  /* node of the last k symbols; [0] the root */
    uint16_t row[EN_WORD_LETTERS + 2]; /* graphones so far */
    size_t count;
} hypothesis;

typedef struct search {
    const en_ngram *ngrams;
    const en_graphone *graphones;
    size_t ngram_count, graphone_count;
    hypothesis beams[3][BEAM]; /* by position, modulo 3: a graphone takes one letter or two */
    size_t sizes[3];
} search;

static size_t children_end(const search *s, uint32_t node) {
    assert(node < s->ngram_count);
    return node + 1 < s->ngram_count ? s->ngrams[node + 1].child : s->ngram_count;
}

/* First child of the node whose symbol is not below. */
static size_t lower_bound(const search *s, uint32_t node, size_t symbol) {
    size_t low = s->ngrams[node].child, high = children_end(s, node);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->ngrams[middle].symbol < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t child(const search *s, uint32_t node, size_t symbol) {
    size_t at = lower_bound(s, node, symbol);
    return at < children_end(s, node) && s->ngrams[at].symbol == symbol ? (uint32_t)at : MISSING;
}

/* The hypothesis with one more symbol; false: the model has none such. */
static bool extend(const search *s, const hypothesis *from, size_t symbol, hypothesis *to) {
    uint32_t cost = from->cost;
    bool found = false;
    memset(to->context, 0, sizeof to->context);
    for (size_t k = EN_NGRAM_ORDER; k-- > 0;) {
        if (k > 0 && from->context[k] == MISSING) continue;
        uint32_t node = child(s, from->context[k], symbol);
        if (node && k + 1 < EN_NGRAM_ORDER) to->context[k + 1] = node;
        if (found) continue;
        if (node && s->ngrams[node].cost != 255) {
            cost += s->ngrams[node].cost;
            found = true;
        } else {
            int backoff = s->ngrams[from->context[k]].backoff - 128;
            cost += backoff > 0 ? (uint32_t)backoff : 0;
        }
    }
    to->cost = cost;
    return found;
}

static void keep(search *s, size_t slot, const hypothesis *from, const hypothesis *extended, size_t symbol) {
    assert(slot < EV_ARRAY_COUNT(s->beams) && s->sizes[slot] <= BEAM && from->count < EV_ARRAY_COUNT(from->row));
    hypothesis *beam = s->beams[slot], *place = NULL;
    if (s->sizes[slot] < BEAM) {
        place = &beam[s->sizes[slot]++];
    } else {
        for (size_t i = 0; i < BEAM; i++)
            if (!place || beam[i].cost > place->cost) place = &beam[i];
        if (place->cost <= extended->cost) return;
    }
    place->cost = extended->cost;
    memcpy(place->context, extended->context, sizeof place->context);
    memcpy(place->row, from->row, from->count * sizeof from->row[0]);
    place->row[from->count] = (uint16_t)symbol;
    place->count = from->count + 1;
}

static size_t first_graphone(const search *s, char letter) {
    size_t low = 0, high = s->graphone_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->graphones[middle].letters[0] < letter)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Every graphone for the next letters that has been seen after the last one; where none has, every one there is. */
static void step(search *s, const hypothesis *from, const char *word, size_t n, size_t at) {
    assert(at < n && n <= EN_WORD_LETTERS);
    size_t low = EN_FIRST_GRAPHONE + first_graphone(s, word[at]);
    size_t high = EN_FIRST_GRAPHONE + first_graphone(s, (char)(word[at] + 1));
    bool any = false;
    for (size_t k = 2; k-- > 0 && !any;) {
        uint32_t node = from->context[k];
        if (k > 0 && node == MISSING) continue;
        for (size_t c = lower_bound(s, node, low), end = children_end(s, node); c < end; c++) {
            size_t symbol = s->ngrams[c].symbol;
            if (symbol >= high) break;
            const en_graphone *g = &s->graphones[symbol - EN_FIRST_GRAPHONE];
            size_t letters = g->letters[1] ? 2 : 1;
            hypothesis extended;
            if (at + letters > n || (letters == 2 && word[at + 1] != g->letters[1])) continue;
            if (!extend(s, from, symbol, &extended)) continue;
            keep(s, (at + letters) % 3, from, &extended, symbol);
            any |= letters == 1;
        }
    }
}

static const hypothesis *best_end(search *s, size_t n) {
    const hypothesis *best = NULL;
    uint32_t best_cost = 0;
    for (size_t i = 0; i < s->sizes[n % 3]; i++) {
        hypothesis *h = &s->beams[n % 3][i], ended;
        uint32_t cost = extend(s, h, EN_END, &ended) ? ended.cost : h->cost + 400;
        if (best && cost >= best_cost) continue;
        best = h;
        best_cost = cost;
    }
    return best;
}

static bool is_vowel(int16_t token) { return strchr("AEIOU", ev_token_name(token)[1]) != NULL; }

/* One primary stress a word: the first of several stays, the first vowel gets it where none has it. The inventory has
 * the three stresses of a vowel in a row. */
static void settle_stress(en_phones *out, size_t from) {
    assert(from <= out->count && out->count <= EN_PHONES_MAX);
    size_t first = out->count, primary = 0;
    for (size_t i = from; i < out->count; i++) {
        if (!is_vowel(out->tokens[i])) continue;
        char stress = ev_token_name(out->tokens[i])[3];
        if (first == out->count || (ev_token_name(out->tokens[first])[3] == '0' && stress == '2')) first = i;
        if (stress == '1' && primary++) out->tokens[i]++;
    }
    if (primary || first == out->count) return;
    out->tokens[first] = (int16_t)(out->tokens[first] + (ev_token_name(out->tokens[first])[3] == '0' ? 1 : -1));
}

void en_letters_phones(const en_lexicon *lexicon, const char *word, size_t n, en_phones *out) {
    search s = {.ngrams = NULL};
    s.ngrams = en_lexicon_ngrams(lexicon, &s.ngram_count);
    s.graphones = en_lexicon_graphones(lexicon, &s.graphone_count);
    if (n == 0 || n > EN_WORD_LETTERS) return;
    hypothesis *start = &s.beams[0][0];
    start->context[1] = child(&s, 0, EN_START);
    s.sizes[0] = 1;
    for (size_t at = 0; at < n; at++) {
        size_t slot = at % 3;
        for (size_t i = 0; i < s.sizes[slot]; i++) step(&s, &s.beams[slot][i], word, n, at);
        s.sizes[slot] = 0;
    }
    const hypothesis *best = best_end(&s, n);
    size_t from = out->count;
    for (size_t i = 0; best && i < best->count; i++) {
        const en_graphone *g = &s.graphones[best->row[i] - EN_FIRST_GRAPHONE];
        for (size_t k = 0; k < 2; k++)
            if (g->phones[k] != EN_NO_PHONE && out->count < EN_PHONES_MAX)
                out->tokens[out->count++] = en_lexicon_token(lexicon, g->phones[k]);
    }
    settle_stress(out, from);
}
