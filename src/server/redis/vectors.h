/* vectors: the vectors of recordings that voices were made from, for all processes: what one machine has heard no
 * other needs to. Each is kept for store_ttl, by the SHA-256 of its recording, in two keys behind SV_REDIS_PREFIX:
 *
 *   vector:<recording>   the packed vector
 *   recording:<vector>   set of the recordings of a vector (by the SHA-256 of its bytes), so that a voice that is
 * deleted is forgotten here too
 */
#ifndef SV_REDIS_VECTORS_H
#define SV_REDIS_VECTORS_H

#include "server/redis/link.h"
#include "server/voices/voices.h"

typedef struct sv_vectors sv_vectors;
/* From now on the voices of this process are those of all. Borrows all of it. EV_E_MEMORY. */
ev_status sv_vectors_open(sv_vectors **out, sv_redis *redis, sv_voices *voices, double ttl_s, ev_error *err);
void sv_vectors_close(sv_vectors **vectors);

#endif
