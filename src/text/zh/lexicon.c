/* lexicon: the reader of the Mandarin dictionary. Format: training/lexicons.py. Host is little endian, as the file
 * is.
 *
 * Opening costs one pass over the file (a check sum and the structure), a millisecond per few megabytes; lookups are
 * binary searches. The file is copied, not mapped: it may be replaced in place while it is in use.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/zh/lexicon.h"
#include "text/lexicon_file.h"

#define LEXICON_CHARS 0x110000u
#define LOW24         0xFFFFFFu

typedef struct node {
    uint16_t character, cost;
    uint32_t child_class; /* first child | class << 24 */
} node;

typedef struct pair { /* RKEY, FKEY: node, start | length << 24; CHAR: character, syllable; FOLD: from, to */
    uint32_t key, value;
} pair;

typedef struct tree {
    const node *nodes;
    const pair *keys;
    const uint16_t *values;
    size_t node_count, key_count, value_count;
} tree;

struct ev_lexicon {
    ev_lexicon_file file;
    tree trees[EV_LEXICON_TREES];
    const pair *characters, *folds;
    size_t character_count, fold_count;
};

_Static_assert(sizeof(node) == 8 && sizeof(pair) == 8, "file layout");

/* ---- checking ---- */

/* Children follow their parents, in runs that tile the array, each run in rising order: so no walk can loop. */
static bool nodes_valid(const tree *t) {
    if (t->node_count == 0 || t->node_count > LOW24) return false;
    size_t next = 1;
    for (size_t i = 0; i < t->node_count; i++) {
        size_t first = t->nodes[i].child_class & LOW24;
        size_t end = i + 1 < t->node_count ? t->nodes[i + 1].child_class & LOW24 : t->node_count;
        if (first != next || end < first || end > t->node_count || (end > first && first <= i)) return false;
        for (size_t c = first + 1; c < end; c++)
            if (t->nodes[c].character <= t->nodes[c - 1].character) return false;
        next = end;
    }
    return next == t->node_count;
}

static bool keys_valid(const tree *t) {
    for (size_t i = 0; i < t->key_count; i++) {
        const pair *k = &t->keys[i];
        size_t length = k->value >> 24, start = k->value & LOW24;
        if (k->key >= t->node_count || (i > 0 && k->key <= t->keys[i - 1].key)) return false;
        if (length == 0 || start > t->value_count || length > t->value_count - start) return false;
    }
    return true;
}

static bool pairs_valid(const pair *p, size_t count, uint32_t value_max) {
    for (size_t i = 0; i < count; i++)
        if (p[i].key >= LEXICON_CHARS || p[i].value > value_max || (i > 0 && p[i].key <= p[i - 1].key)) return false;
    return true;
}

static bool take_tree(ev_lexicon *l, tree *t, const char *nodes, const char *keys, const char *values) {
    t->nodes = ev_lexicon_file_section(&l->file, nodes, sizeof(node), &t->node_count);
    t->keys = ev_lexicon_file_section(&l->file, keys, sizeof(pair), &t->key_count);
    t->values = ev_lexicon_file_section(&l->file, values, sizeof(uint16_t), &t->value_count);
    return t->nodes && t->keys && t->values && nodes_valid(t) && keys_valid(t);
}

static const char *structure_fault(ev_lexicon *l, const char *names) {
    size_t named = 0;
    const char *text = ev_lexicon_file_section(&l->file, "NAME", 1, &named);
    if (!text || named != strlen(names) || memcmp(text, names, named) != 0) return "made for other syllables";
    if (!take_tree(l, &l->trees[EV_LEXICON_WORDS], "NODE", "RKEY", "RVAL")) return "damaged (words)";
    if (!take_tree(l, &l->trees[EV_LEXICON_TRADITIONAL], "FNOD", "FKEY", "FVAL")) return "damaged (phrases)";
    l->characters = ev_lexicon_file_section(&l->file, "CHAR", sizeof(pair), &l->character_count);
    l->folds = ev_lexicon_file_section(&l->file, "FOLD", sizeof(pair), &l->fold_count);
    if (!l->characters || !pairs_valid(l->characters, l->character_count, 0xFFFF)) return "damaged (characters)";
    if (!l->folds || !pairs_valid(l->folds, l->fold_count, LEXICON_CHARS - 1)) return "damaged (folding)";
    return NULL;
}

/* ---- opening ---- */

ev_status ev_lexicon_open(ev_lexicon **out, const char *path, const char *names, ev_error *err) {
    ev_lexicon *l = calloc(1, sizeof *l);
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory for a lexicon");
    ev_status status = ev_lexicon_file_open(&l->file, path, err);
    const char *fault = status == EV_OK ? structure_fault(l, names) : NULL;
    if (fault) status = ev_fail(err, EV_E_FORMAT, "%s: the lexicon is %s", path, fault);
    if (status != EV_OK)
        ev_lexicon_free(&l);
    else
        *out = l;
    return status;
}

void ev_lexicon_free(ev_lexicon **lexicon) {
    if (!lexicon || !*lexicon) return;
    ev_lexicon_file_close(&(*lexicon)->file);
    free(*lexicon);
    *lexicon = NULL;
}

/* ---- lookups ---- */

static const pair *find_pair(const pair *pairs, size_t count, uint32_t key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pairs[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && pairs[low].key == key ? &pairs[low] : NULL;
}

uint32_t ev_lexicon_child(const ev_lexicon *lexicon, ev_lexicon_tree which, uint32_t parent, int32_t character) {
    assert(which < EV_LEXICON_TREES && parent < lexicon->trees[which].node_count);
    const tree *t = &lexicon->trees[which];
    if (character <= 0 || character > 0xFFFF) return 0;
    size_t low = t->nodes[parent].child_class & LOW24;
    size_t end = parent + 1 < t->node_count ? t->nodes[parent + 1].child_class & LOW24 : t->node_count, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->nodes[middle].character < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && t->nodes[low].character == character ? (uint32_t)low : 0;
}

uint32_t ev_lexicon_cost(const ev_lexicon *lexicon, ev_lexicon_tree which, uint32_t at) {
    assert(which < EV_LEXICON_TREES && at < lexicon->trees[which].node_count);
    return lexicon->trees[which].nodes[at].cost;
}

char ev_lexicon_class(const ev_lexicon *lexicon, uint32_t at) {
    assert(at < lexicon->trees[EV_LEXICON_WORDS].node_count);
    return (char)(lexicon->trees[EV_LEXICON_WORDS].nodes[at].child_class >> 24 & 0x7F);
}

const uint16_t *ev_lexicon_values(const ev_lexicon *lexicon, ev_lexicon_tree which, uint32_t at, size_t *count) {
    assert(which < EV_LEXICON_TREES && at < lexicon->trees[which].node_count);
    const tree *t = &lexicon->trees[which];
    const pair *found = find_pair(t->keys, t->key_count, at);
    if (!found) return NULL;
    *count = found->value >> 24;
    return t->values + (found->value & LOW24);
}

uint16_t ev_lexicon_default(const ev_lexicon *lexicon, int32_t character) {
    const pair *found = find_pair(lexicon->characters, lexicon->character_count, (uint32_t)character);
    return found ? (uint16_t)found->value : 0;
}

int32_t ev_lexicon_simplified(const ev_lexicon *lexicon, int32_t character) {
    const pair *found = find_pair(lexicon->folds, lexicon->fold_count, (uint32_t)character);
    return found ? (int32_t)found->value : character;
}

bool ev_lexicon_entry(const ev_lexicon *lexicon, size_t place, int32_t *character, uint16_t *syllable) {
    if (place >= lexicon->character_count) return false;
    *character = (int32_t)lexicon->characters[place].key;
    *syllable = (uint16_t)lexicon->characters[place].value;
    return true;
}
