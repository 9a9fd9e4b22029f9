/* polyphone: which of its readings a character has here, by a log-linear model for each such character.
 *
 * training/polyphones.py learns the weights and describes the file; features_of() must make the features that it
 * makes. A feature is a kind and what stands there (the neighbours, the word, what the lexicon says), hashed with the
 * character to 32 bits; the file has those with a weight, in rising order, and a weight for each of at most four
 * readings. The reading with the greatest sum is said. Costs some twenty lookups a character that has several
 * readings, whatever its surroundings.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/lexicon_file.h"
#include "text/zh/zh.h"

enum { READINGS_MAX = 4, FEATURES_MAX = 24, BUCKET_BITS = 15, OUTSIDE = '#' };

/* How much better (in weights times 32) another reading must be than that of the lexicon's word: a word that is often
 * read (its cost, lexicon.h) was looked at by its makers. */
enum { OFTEN_COST = 28000, MARGIN_OFTEN = 120, MARGIN_SELDOM = 15 };

typedef struct entry { /* POLY */
    uint32_t character;
    uint16_t readings[READINGS_MAX]; /* packed; 0: no more */
} entry;

typedef struct weights { /* FVAL */
    int8_t of[READINGS_MAX];
} weights;

struct zh_polyphones {
    ev_lexicon_file file;
    const entry *entries;
    const uint32_t *keys;
    const weights *values;
    size_t entry_count, key_count;
    uint32_t starts[(1u << BUCKET_BITS) + 1]; /* of the keys with these leading bits */
};

_Static_assert(sizeof(entry) == 12 && sizeof(weights) == 4, "file layout");

/* ---- opening ---- */

static bool entries_valid(const zh_polyphones *m) {
    for (size_t i = 0; i < m->entry_count; i++) {
        if (i > 0 && m->entries[i].character <= m->entries[i - 1].character) return false;
        for (size_t k = 0; k < READINGS_MAX; k++) {
            zh_syllable s;
            uint16_t packed = m->entries[i].readings[k];
            if (packed ? !zh_syllable_unpack(&s, packed) : k == 0) return false;
        }
    }
    return true;
}

static bool keys_rise(const zh_polyphones *m) {
    for (size_t i = 1; i < m->key_count; i++)
        if (m->keys[i] <= m->keys[i - 1]) return false;
    return m->key_count <= UINT32_MAX;
}

static void fill_starts(zh_polyphones *m) {
    size_t at = 0;
    for (uint32_t b = 0; b <= 1u << BUCKET_BITS; b++) {
        while (at < m->key_count && m->keys[at] >> (32 - BUCKET_BITS) < b) at++;
        m->starts[b] = (uint32_t)at;
    }
}

ev_status zh_polyphones_open(zh_polyphones **out, const char *path, const char *names, ev_error *err) {
    zh_polyphones *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory for the readings of Mandarin");
    ev_status status = ev_lexicon_file_open(&m->file, path, err);
    size_t value_count = 0, named = 0;
    if (status == EV_OK) {
        m->entries = ev_lexicon_file_section(&m->file, "POLY", sizeof(entry), &m->entry_count);
        m->keys = ev_lexicon_file_section(&m->file, "FKEY", sizeof(uint32_t), &m->key_count);
        m->values = ev_lexicon_file_section(&m->file, "FVAL", sizeof(weights), &value_count);
        const char *text = ev_lexicon_file_section(&m->file, "NAME", 1, &named);
        bool ours = text && named == strlen(names) && memcmp(text, names, named) == 0;
        bool whole = ours && m->entries && m->keys && m->values && value_count == m->key_count;
        if (!whole || !entries_valid(m) || !keys_rise(m))
            status = ev_fail(err, EV_E_FORMAT, "%s: the readings are damaged", path);
    }
    if (status != EV_OK) {
        zh_polyphones_free(&m);
        return status;
    }
    fill_starts(m);
    *out = m;
    return EV_OK;
}

void zh_polyphones_free(zh_polyphones **polyphones) {
    if (!polyphones || !*polyphones) return;
    ev_lexicon_file_close(&(*polyphones)->file);
    free(*polyphones);
    *polyphones = NULL;
}

/* ---- features ---- */

static uint32_t mix(uint32_t h, uint32_t value) {
    h = (h ^ value) * 0x85EBCA6Bu;
    return h ^ h >> 13;
}

typedef struct features {
    uint32_t of_character, keys[FEATURES_MAX];
    size_t count;
    const zh_phrase *p;
    size_t at;
} features;

static void add(features *f, uint32_t key) {
    if (f->count < FEATURES_MAX) f->keys[f->count++] = key;
}

static uint32_t around(const features *f, int offset) {
    int32_t c = zh_cp(f->p, f->at + (size_t)offset); /* wraps before the first: then outside */
    return c ? (uint32_t)c : OUTSIDE;
}

/* Neighbours: which offsets each kind looks at, 0 for no more. Kinds go on from 9. */
static void add_neighbours(features *f) {
    static const int8_t looks[][3] = {{-1, 0, 0}, {1, 0, 0},  {-2, 0, 0},   {2, 0, 0}, {-2, -1, 0},
                                      {-1, 1, 0}, {1, 2, 0},  {-3, -2, -1}, {1, 2, 3}, {-2, -1, 1},
                                      {-1, 1, 2}, {-3, 0, 0}, {3, 0, 0}};
    for (uint32_t kind = 0; kind < EV_ARRAY_COUNT(looks); kind++) {
        uint32_t h = mix(f->of_character, 9 + kind);
        for (size_t k = 0; k < 3 && looks[kind][k]; k++) h = mix(h, around(f, looks[kind][k]));
        add(f, h);
    }
}

static uint32_t mix_word(uint32_t h, const zh_phrase *p, const zh_word *w) {
    if (!w) return mix(h, OUTSIDE);
    for (size_t i = w->begin; i < w->end; i++) h = mix(h, (uint32_t)zh_cp(p, i));
    return h;
}

static void features_of(features *f, size_t word, uint16_t lexical) {
    const zh_phrase *p = f->p;
    const zh_word *w = &zh_words(p)[word], *before = word ? w - 1 : NULL;
    const zh_word *after = word + 1 < zh_word_count(p) ? w + 1 : NULL;
    uint32_t length = w->end - w->begin;
    f->of_character = mix(0x9E3779B9u, (uint32_t)zh_cp(p, f->at));
    add(f, mix(f->of_character, 0));
    if (length > 1) {
        add(f, mix(mix(f->of_character, 1), lexical));
        add(f, mix(mix(mix(f->of_character, 2), lexical), length < 4 ? length : 4));
        add(f, mix(mix_word(mix(f->of_character, 3), p, w), (uint32_t)(f->at - w->begin)));
    } else {
        add(f, mix(f->of_character, 4));
        add(f, mix_word(mix(f->of_character, 5), p, before));
        add(f, mix_word(mix(f->of_character, 6), p, after));
        add(f, mix(mix(f->of_character, 7), before ? (uint8_t)before->class : 0));
        add(f, mix(mix(f->of_character, 8), after ? (uint8_t)after->class : 0));
    }
    add_neighbours(f);
}

/* ---- deciding ---- */

static const entry *find_entry(const zh_polyphones *m, uint32_t character) {
    size_t low = 0, high = m->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->entries[middle].character < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->entry_count && m->entries[low].character == character ? &m->entries[low] : NULL;
}

static void weigh(const zh_polyphones *m, uint32_t key, int sums[READINGS_MAX]) {
    uint32_t bucket = key >> (32 - BUCKET_BITS), at = m->starts[bucket], end = m->starts[bucket + 1];
    assert(at <= end && end <= m->key_count);
    while (at < end && m->keys[at] < key) at++;
    if (at == end || m->keys[at] != key) return;
    for (size_t k = 0; k < READINGS_MAX; k++) sums[k] += m->values[at].of[k];
}

static uint16_t toneless(uint16_t packed) { return packed & 0x7FF; }

static int sum_of(const entry *e, const int sums[READINGS_MAX], uint16_t reading, bool *known) {
    for (size_t k = 0; k < READINGS_MAX && e->readings[k]; k++)
        if (e->readings[k] == reading) return *known = true, sums[k];
    return *known = false, 0;
}

/* The lexicon's word is right where it only takes the tone away, where it lists a reading (and is read often, or the
 * model does not know that reading), where it is a verb's 了 (吃不了), and where the other is not much better. */
static bool lexicon_knows(const ev_zh *zh, const entry *e, const zh_word *w, uint16_t lexical, bool listed,
                          const int sums[READINGS_MAX], size_t best) {
    if (lexical >> 11 == 5 && toneless(lexical) == toneless(e->readings[best])) return true;
    if (w->end - w->begin < 2) return false;
    bool known, often = ev_lexicon_cost(zh->lexicon, EV_LEXICON_WORDS, w->node) < OFTEN_COST;
    int own = sum_of(e, sums, lexical, &known);
    if (listed && (often || !known)) return true;
    if (e->character == 0x4E86) return true;
    return known && sums[best] - own < (often ? MARGIN_OFTEN : MARGIN_SELDOM);
}

uint16_t zh_polyphone(const ev_zh *zh, const zh_phrase *p, size_t word, size_t i, uint16_t lexical, bool listed) {
    const zh_polyphones *m = zh->polyphones;
    assert(word < zh_word_count(p) && i >= zh_words(p)[word].begin && i < zh_words(p)[word].end);
    const zh_word *w = &zh_words(p)[word];
    const entry *e = find_entry(m, (uint32_t)zh_cp(p, i));
    if (!e || (zh_chars(p)[i].flags & (ZH_START | ZH_JOIN)) || (w->end - w->begin > 1 && !w->node)) return lexical;
    features f = {.p = p, .at = i};
    int sums[READINGS_MAX] = {0};
    features_of(&f, word, lexical);
    for (size_t k = 0; k < f.count; k++) weigh(m, f.keys[k], sums);
    size_t best = 0;
    for (size_t k = 1; k < READINGS_MAX && e->readings[k]; k++)
        if (sums[k] > sums[best]) best = k;
    assert(e->readings[best] && f.count <= FEATURES_MAX);
    return lexicon_knows(zh, e, w, lexical, listed, sums, best) ? lexical : e->readings[best];
}
