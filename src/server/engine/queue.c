#include <assert.h>

#include "server/engine/queue.h"

void sv_queue_add(sv_queue *queue, sv_active *a) {
    assert(a->client >= 0 && a->client < SV_CLIENTS_MAX);
    ev_list_append(&queue->waiting, &a->node);
}

sv_active *sv_queue_take(sv_queue *queue) {
    sv_active *first = sv_active_of(queue->waiting.first);
    if (!first) return NULL;
    for (const ev_list_node *at = first->node.next; at; at = at->next) {
        sv_active *other = sv_active_of(at);
        if (queue->last_turn[other->client] < queue->last_turn[first->client]) first = other;
    }
    queue->last_turn[first->client] = ++queue->turns;
    ev_list_remove(&first->node);
    return first;
}

/* Its own, and of each other client one more than these at most. */
size_t sv_queue_ahead(const sv_queue *queue, int32_t client) {
    size_t others[SV_CLIENTS_MAX] = {0}, own = 0, ahead = 0;
    assert(client >= 0 && client < SV_CLIENTS_MAX);
    for (const ev_list_node *at = queue->waiting.first; at; at = at->next) own += sv_active_of(at)->client == client;
    for (const ev_list_node *at = queue->waiting.first; at; at = at->next) {
        const int32_t other = sv_active_of(at)->client;
        ahead += other != client && others[other]++ <= own;
    }
    return own + ahead;
}

void sv_queue_client_reset(sv_queue *queue, int32_t client) {
    assert(client >= 0 && client < SV_CLIENTS_MAX);
    queue->last_turn[client] = 0;
}
