/* list: a doubly linked list of nodes that lie in what they link. Where what is used moves to the end
 * (ev_list_renew), the first is the one least recently used. A zeroed list is empty; a zeroed node is in none. A node
 * knows its list, so whoever has it can take it out, in constant time.
 *
 *   typedef struct voice { ev_list_node use; ... } voice;
 *   ev_list_append(&l, &v->use);
 *   voice *least_recently_used = EV_CONTAINER_OF(l.first, voice, use);
 */
#ifndef EV_LIST_H
#define EV_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/container_of.h"

typedef struct ev_list_node {
    struct ev_list *list; /* NULL: in none */
    struct ev_list_node *previous, *next;
} ev_list_node;

typedef struct ev_list {
    ev_list_node *first, *last;
    size_t count;
} ev_list;

static inline void ev_list_append(ev_list *l, ev_list_node *node) {
    assert(!node->list);
    assert(!l->first == !l->last && !l->first == !l->count);
    *node = (ev_list_node){.list = l, .previous = l->last};
    *(l->last ? &l->last->next : &l->first) = node;
    l->last = node;
    l->count++;
}

/* false: it was in none */
static inline bool ev_list_remove(ev_list_node *node) {
    ev_list *l = node->list;
    if (!l) return false;
    assert(l->count > 0 && l->first && l->last);
    *(node->previous ? &node->previous->next : &l->first) = node->next;
    *(node->next ? &node->next->previous : &l->last) = node->previous;
    *node = (ev_list_node){0};
    l->count--;
    return true;
}

/* To the end of its list. */
static inline void ev_list_renew(ev_list_node *node) {
    ev_list *l = node->list;
    ev_list_remove(node);
    ev_list_append(l, node);
}

/* NULL: it is empty */
static inline ev_list_node *ev_list_pop(ev_list *l) {
    ev_list_node *node = l->first;
    assert(!node || (node->list == l && !node->previous));
    if (node) ev_list_remove(node);
    return node;
}

#endif
