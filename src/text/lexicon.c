/* lexicon: the reader of compiled dictionaries. Format: training/lexicons.py. Host is little endian, as the file is.
 *
 * Opening costs one pass over the file (a check sum and the structure), a millisecond per few megabytes; lookups are
 * binary searches. The file is copied, not mapped: it may be replaced in place while it is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/lexicon.h"

#define LEXICON_MAGIC   "EVLEXIC1"
#define LEXICON_VERSION 1
#define LEXICON_MAX     (64u << 20)
#define LEXICON_CHARS   0x110000u
#define LOW24           0xFFFFFFu

typedef struct header {
    char magic[8];
    uint32_t version, sections;
    uint64_t bytes, check;
} header;

typedef struct section {
    char name[4];
    uint32_t element;
    uint64_t offset, count;
} section;

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
    void *map;
    size_t map_bytes;
    tree trees[EV_LEXICON_TREES];
    const pair *characters, *folds;
    size_t character_count, fold_count;
};

_Static_assert(sizeof(header) == 32 && sizeof(section) == 24 && sizeof(node) == 8 && sizeof(pair) == 8,
               "file layout");

/* ---- checking ---- */

static bool sum_matches(const unsigned char *map, size_t bytes, uint64_t expected) {
    uint64_t total = 0, word;
    for (size_t i = sizeof(header); i + 8 <= bytes; i += 8) {
        memcpy(&word, map + i, 8);
        total = (total << 7 | total >> 57) ^ word;
    }
    return total == expected;
}

/* Finds a section whose elements all lie inside the file. */
static const void *find_section(const ev_lexicon *l, const char *name, size_t element, size_t *count) {
    const unsigned char *map = l->map;
    header h;
    memcpy(&h, map, sizeof h);
    for (uint32_t i = 0; i < h.sections; i++) {
        section s;
        memcpy(&s, map + sizeof h + i * sizeof s, sizeof s);
        if (memcmp(s.name, name, 4) != 0) continue;
        if (s.element != element || s.offset % 8 != 0 || s.offset > l->map_bytes ||
            s.count > (l->map_bytes - s.offset) / element)
            return NULL;
        *count = (size_t)s.count;
        return map + s.offset;
    }
    return NULL;
}

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
    t->nodes = find_section(l, nodes, sizeof(node), &t->node_count);
    t->keys = find_section(l, keys, sizeof(pair), &t->key_count);
    t->values = find_section(l, values, sizeof(uint16_t), &t->value_count);
    return t->nodes && t->keys && t->values && nodes_valid(t) && keys_valid(t);
}

static const char *structure_fault(ev_lexicon *l, const char *names) {
    header h;
    if (l->map_bytes < sizeof h) return "too short";
    memcpy(&h, l->map, sizeof h);
    if (memcmp(h.magic, LEXICON_MAGIC, 8) != 0) return "not a lexicon";
    if (h.version != LEXICON_VERSION) return "of another version";
    if (h.bytes != l->map_bytes) return "truncated";
    if (h.bytes % 8 != 0 || h.sections > 64 || sizeof h + h.sections * sizeof(section) > h.bytes) return "damaged";
    if (!sum_matches(l->map, l->map_bytes, h.check)) return "damaged (check sum)";
    size_t named = 0;
    const char *text = find_section(l, "NAME", 1, &named);
    if (!text || named != strlen(names) || memcmp(text, names, named) != 0) return "made for other syllables";
    if (!take_tree(l, &l->trees[EV_LEXICON_WORDS], "NODE", "RKEY", "RVAL")) return "damaged (words)";
    if (!take_tree(l, &l->trees[EV_LEXICON_TRADITIONAL], "FNOD", "FKEY", "FVAL")) return "damaged (phrases)";
    l->characters = find_section(l, "CHAR", sizeof(pair), &l->character_count);
    l->folds = find_section(l, "FOLD", sizeof(pair), &l->fold_count);
    if (!l->characters || !pairs_valid(l->characters, l->character_count, 0xFFFF)) return "damaged (characters)";
    if (!l->folds || !pairs_valid(l->folds, l->fold_count, LEXICON_CHARS - 1)) return "damaged (folding)";
    return NULL;
}

/* ---- opening ---- */

static ev_status read_file(ev_lexicon *l, const char *path, ev_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
    if (fd < 0) return ev_fail(err, EV_E_IO, "%s: cannot be opened: %m", path);
    struct stat st;
    ev_status status = EV_OK;
    if (fstat(fd, &st) != 0)
        status = ev_fail(err, EV_E_IO, "%s: %m", path);
    else if (!S_ISREG(st.st_mode))
        status = ev_fail(err, EV_E_IO, "%s: not a file", path);
    else if (st.st_size < (off_t)sizeof(header) || (uint64_t)st.st_size > LEXICON_MAX)
        status = ev_fail(err, EV_E_FORMAT, "%s: %lld bytes is no size for a lexicon", path, (long long)st.st_size);
    if (status == EV_OK) {
        l->map = ev_file_copy(fd, (size_t)st.st_size);
        if (l->map)
            l->map_bytes = (size_t)st.st_size;
        else
            status = ev_fail(err, errno == ENOMEM ? EV_E_MEMORY : EV_E_IO, "%s: cannot be read: %m", path);
    }
    close(fd);
    return status;
}

ev_status ev_lexicon_open(ev_lexicon **out, const char *path, const char *names, ev_error *err) {
    ev_lexicon *l = calloc(1, sizeof *l);
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory for a lexicon");
    ev_status status = read_file(l, path, err);
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
    if ((*lexicon)->map) munmap((*lexicon)->map, (*lexicon)->map_bytes);
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
    return lexicon->trees[which].nodes[at].cost;
}

char ev_lexicon_class(const ev_lexicon *lexicon, uint32_t at) {
    return (char)(lexicon->trees[EV_LEXICON_WORDS].nodes[at].child_class >> 24 & 0x7F);
}

const uint16_t *ev_lexicon_values(const ev_lexicon *lexicon, ev_lexicon_tree which, uint32_t at, size_t *count) {
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
