/* fallback: a gateway that makes what is listened to itself while its queue cannot be asked. What is to be asked for
 * later is refused meanwhile, as without a fallback: this process alone could not keep such a promise.
 */
#ifndef SV_REDIS_FALLBACK_H
#define SV_REDIS_FALLBACK_H

#include "server/jobs/backend.h"

/* Takes over both, also where it fails. EV_E_MEMORY. */
ev_status sv_fallback_create(sv_backend **out, sv_backend *queue, sv_backend *here, ev_error *err);

#endif
