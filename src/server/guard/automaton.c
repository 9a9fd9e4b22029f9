#include "server/guard/automaton.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct node { /* a prefix of patterns */
    int32_t letter;
    uint32_t parent, child, sibling;
    uint32_t fail;   /* its longest proper suffix that is a prefix too */
    uint32_t ending; /* the longest suffix, itself included, that is a whole pattern */
    uint32_t value;  /* 0: no pattern */
} node;

static node *nodes(const sv_automaton *a) { return (node *)(void *)a->nodes.data; }

bool sv_automaton_open(sv_automaton *a, size_t letters_max) {
    size_t slots = 64;
    while (slots < 2 * (letters_max + 2)) slots *= 2;
    a->mask = (uint32_t)(slots - 1);
    a->edges = calloc(slots, sizeof(*a->edges));
    ev_buf_append(&a->nodes, NULL, 2 * sizeof(node));
    return a->edges && !a->nodes.failed;
}

void sv_automaton_close(sv_automaton *a) {
    ev_buf_free(&a->nodes);
    free(a->edges);
    *a = (sv_automaton){0};
}

static uint32_t slot_of(const sv_automaton *a, uint32_t parent, int32_t letter) {
    const uint64_t h = ((uint64_t)parent << 21 ^ (uint64_t)letter) * 0x9e3779b97f4a7c15u;
    uint32_t slot = (uint32_t)(h >> 32) & a->mask;
    for (uint32_t n; (n = a->edges[slot]) != SV_STATE_NONE; slot = (slot + 1) & a->mask)
        if (nodes(a)[n].parent == parent && nodes(a)[n].letter == letter) break;
    return slot;
}

/* The child, made if it is missing. The index has room: it was sized by the letters of all patterns. */
static uint32_t grow_child(sv_automaton *a, uint32_t parent, int32_t letter) {
    const uint32_t slot = slot_of(a, parent, letter);
    if (a->edges[slot] != SV_STATE_NONE) return a->edges[slot];
    const uint32_t n = (uint32_t)ev_array_count(&a->nodes, node);
    node *made = ev_array_push(&a->nodes, node);
    if (!made) return SV_STATE_NONE;
    assert(n > SV_STATE_START && 2 * (size_t)n <= a->mask); /* the index is at most half full */
    *made = (node){.letter = letter, .parent = parent, .sibling = nodes(a)[parent].child};
    nodes(a)[parent].child = n;
    a->edges[slot] = n;
    return n;
}

uint32_t *sv_automaton_plant(sv_automaton *a, const void *letters, size_t stride, size_t count) {
    uint32_t n = SV_STATE_START;
    for (size_t i = 0; i < count && n != SV_STATE_NONE; i++) {
        int32_t letter;
        memcpy(&letter, (const char *)letters + i * stride, sizeof(letter));
        n = grow_child(a, n, letter);
    }
    return n == SV_STATE_NONE ? NULL : &nodes(a)[n].value;
}

uint32_t sv_automaton_step(const sv_automaton *a, uint32_t state, int32_t letter) {
    assert(state != SV_STATE_NONE && state < ev_array_count(&a->nodes, node));
    for (;; state = nodes(a)[state].fail) {
        const uint32_t child = a->edges[slot_of(a, state, letter)];
        if (child != SV_STATE_NONE) return child;
        if (state == SV_STATE_START) return SV_STATE_START;
    }
}

/* Breadth first, so that every shorter prefix has its links already. */
bool sv_automaton_link(sv_automaton *a) {
    uint32_t *queue = malloc(ev_array_count(&a->nodes, node) * sizeof(*queue));
    if (!queue) return false;
    size_t head = 0, tail = 0;
    queue[tail++] = SV_STATE_START;
    while (head < tail) {
        const uint32_t n = queue[head++];
        node *at = &nodes(a)[n];
        if (n != SV_STATE_START) {
            const bool first = at->parent == SV_STATE_START;
            at->fail = first ? SV_STATE_START : sv_automaton_step(a, nodes(a)[at->parent].fail, at->letter);
            at->ending = at->value ? n : nodes(a)[at->fail].ending;
        }
        for (uint32_t c = at->child; c != SV_STATE_NONE; c = nodes(a)[c].sibling) queue[tail++] = c;
    }
    assert(tail + 1 == ev_array_count(&a->nodes, node)); /* every node was met once */
    free(queue);
    return true;
}

uint32_t sv_automaton_ending(const sv_automaton *a, uint32_t state) {
    assert(state < ev_array_count(&a->nodes, node));
    return nodes(a)[state].ending;
}
uint32_t sv_automaton_shorter(const sv_automaton *a, uint32_t ending) {
    assert(ending != SV_STATE_NONE && ending < ev_array_count(&a->nodes, node));
    return nodes(a)[nodes(a)[ending].fail].ending;
}
uint32_t sv_automaton_value(const sv_automaton *a, uint32_t ending) {
    assert(ending != SV_STATE_NONE && ending < ev_array_count(&a->nodes, node));
    return nodes(a)[ending].value;
}
