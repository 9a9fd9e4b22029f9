/* map: see map.h. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HEADS_MIN = 16 };

/* ---- hash ---- */

static uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t ev_siphash(const uint64_t secret[2], const void *bytes, size_t n) {
    const unsigned char *text = bytes;
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
                     secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
    for (size_t at = 0; at <= n; at += 8) {
        const size_t left = n - at;
        uint64_t word = left < 8 ? (uint64_t)n << 56 : 0;
        for (size_t i = 0; i < (left < 8 ? left : 8); i++) word |= (uint64_t)text[at + i] << 8 * i;
        v[3] ^= word;
        sip_round(v), sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- table ---- */

bool ev_map_init(ev_map *m, size_t room) {
    size_t heads = HEADS_MIN;
    while (heads < room) heads *= 2;
    assert((heads & (heads - 1)) == 0 && heads >= room);
    *m = (ev_map){.mask = heads - 1};
    if (getrandom(m->secret, sizeof m->secret, 0) != (ssize_t)sizeof m->secret) return false;
    m->heads = calloc(heads, sizeof *m->heads);
    return m->heads != NULL;
}

void ev_map_free(ev_map *m) {
    free(m->heads);
    *m = (ev_map){0};
}

static void grow(ev_map *m) {
    assert((m->mask & (m->mask + 1)) == 0 && m->count > m->mask);
    const size_t heads = 2 * (m->mask + 1);
    ev_map_node **larger = calloc(heads, sizeof *larger);
    if (!larger) return;
    for (size_t i = 0; i <= m->mask; i++) {
        ev_map_node *chain = NULL; /* turned round, so that of one key the last added stays the first */
        while (m->heads[i]) {
            ev_map_node *node = m->heads[i];
            m->heads[i] = node->next;
            node->next = chain;
            chain = node;
        }
        while (chain) {
            ev_map_node *node = chain, **head = &larger[node->hash & (heads - 1)];
            chain = node->next;
            node->next = *head;
            *head = node;
        }
    }
    free(m->heads);
    m->heads = larger;
    m->mask = heads - 1;
}

void ev_map_add(ev_map *m, ev_map_node *node, const void *key, size_t bytes) {
    assert(!node->key && key);
    if (m->count > m->mask) grow(m);
    *node = (ev_map_node){.key = key, .bytes = bytes, .hash = ev_siphash(m->secret, key, bytes)};
    ev_map_node **head = &m->heads[node->hash & m->mask];
    node->next = *head;
    *head = node;
    m->count++;
}

bool ev_map_remove(ev_map *m, ev_map_node *node) {
    if (!node->key) return false;
    assert(m->heads && m->count > 0);
    ev_map_node **at = &m->heads[node->hash & m->mask];
    while (*at != node) at = &(*at)->next;
    *at = node->next;
    *node = (ev_map_node){0};
    m->count--;
    return true;
}

static ev_map_node *first_of(ev_map_node *node, uint64_t hash, const void *key, size_t bytes) {
    while (node && (node->hash != hash || node->bytes != bytes || memcmp(node->key, key, bytes) != 0))
        node = node->next;
    return node;
}

ev_map_node *ev_map_find(const ev_map *m, const void *key, size_t bytes) {
    const uint64_t hash = ev_siphash(m->secret, key, bytes);
    return first_of(m->heads[hash & m->mask], hash, key, bytes);
}

ev_map_node *ev_map_find_more(const ev_map_node *node) {
    assert(node->key);
    return first_of(node->next, node->hash, node->key, node->bytes);
}

ev_map_node *ev_map_next(const ev_map *m, const ev_map_node *node) {
    assert(!node || (m->count > 0 && node->key));
    if (!m->heads || (node && node->next)) return m->heads ? node->next : NULL;
    for (size_t i = node ? (node->hash & m->mask) + 1 : 0; i <= m->mask; i++) {
        if (m->heads[i]) return m->heads[i];
    }
    return NULL;
}
