/* map: a hash table of nodes that lie in what they name. The hash is keyed by the process's own random bits
 * (SipHash), so whoever chooses the keys cannot make one chain long. A node that is cleared is in no table; a key may
 * be there more than once. It grows with what it holds, and where there is no memory for that its chains become
 * longer.
 *
 *   typedef struct job { ev_map_node node; char id[33]; } job;
 *   ev_map_add(&m, &j->node, j->id, strlen(j->id));
 *   job *j = EV_CONTAINER_OF(ev_map_find(&m, id, strlen(id)), job, node);
 */
#ifndef EV_MAP_H
#define EV_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container_of.h"

typedef struct ev_map_node {
    struct ev_map_node *next;
    const void *key; /* in the owner, where it stays as it is; NULL: in no table */
    size_t bytes;
    uint64_t hash;
} ev_map_node;

typedef struct ev_map {
    ev_map_node **heads; /* [mask + 1] */
    size_t mask, count;
    uint64_t secret[2];
} ev_map;

/* room: nodes for which it need not grow. false: there is no memory, or there are no random bits. */
bool ev_map_init(ev_map *m, size_t room);
void ev_map_free(ev_map *m); /* its nodes are their owners' */
void ev_map_add(ev_map *m, ev_map_node *node, const void *key, size_t bytes);
bool ev_map_remove(ev_map *m, ev_map_node *node);                         /* false: it was in none */
ev_map_node *ev_map_find(const ev_map *m, const void *key, size_t bytes); /* the last that was added; NULL */
ev_map_node *ev_map_find_more(const ev_map_node *node);                   /* another of the same key; NULL */
ev_map_node *ev_map_next(const ev_map *m, const ev_map_node *node);       /* of all; NULL: the first, the end */

/* SipHash-2-4 (Aumasson and Bernstein). */
uint64_t ev_siphash(const uint64_t secret[2], const void *bytes, size_t n);

#endif
