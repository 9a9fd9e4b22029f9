#include "server/engine/queue.h"

void sv_queue_add(sv_queue *queue, sv_job *job) {
    job->next = NULL;
    *(queue->last ? &queue->last->next : &queue->first) = job;
    queue->last = job;
}

void sv_queue_remove(sv_queue *queue, sv_job *job) {
    sv_job *before = NULL;
    for (sv_job *at = queue->first; at != job; at = at->next) before = at;
    *(before ? &before->next : &queue->first) = job->next;
    if (queue->last == job) queue->last = before;
    job->next = NULL;
}

sv_job *sv_queue_take(sv_queue *queue) {
    sv_job *job = queue->first;
    if (!job) return NULL;
    for (sv_job *at = job->next; at; at = at->next) {
        if (queue->last_turn[at->client] < queue->last_turn[job->client]) job = at;
    }
    queue->last_turn[job->client] = ++queue->turns;
    sv_queue_remove(queue, job);
    return job;
}

/* Its own, and of each other client one more than these at most. */
size_t sv_queue_ahead(const sv_queue *queue, int32_t client) {
    size_t others[SV_CLIENTS_MAX] = {0}, own = 0, ahead = 0;
    for (const sv_job *at = queue->first; at; at = at->next) own += at->client == client;
    for (const sv_job *at = queue->first; at; at = at->next)
        ahead += at->client != client && others[at->client]++ <= own;
    return own + ahead;
}

void sv_queue_client_reset(sv_queue *queue, int32_t client) { queue->last_turn[client] = 0; }
