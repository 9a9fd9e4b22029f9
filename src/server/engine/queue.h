/* queue: jobs that wait for a pool thread. Clients take turns, so that a crowd of one client's jobs delays another's
 * by one: the next is of the client whose last turn is longest ago; jobs of a client stay in order.
 *
 * Threads: none of its own; the engine's lock guards it.
 */
#ifndef SV_QUEUE_H
#define SV_QUEUE_H

#include "server/engine/active.h"

typedef struct sv_queue {
    ev_list waiting; /* as they came; one that leaves before its turn takes itself out */
    uint64_t turns;  /* so far */
    uint64_t last_turn[SV_CLIENTS_MAX];
} sv_queue;

void sv_queue_add(sv_queue *queue, sv_active *active);
sv_active *sv_queue_take(sv_queue *queue); /* NULL: none waits */
/* Jobs that have their turn before one that this client would add now. */
size_t sv_queue_ahead(const sv_queue *queue, int32_t client);
void sv_queue_client_reset(sv_queue *queue, int32_t client); /* the account goes to another client */

#endif
