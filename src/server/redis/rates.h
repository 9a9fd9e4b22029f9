/* rates: what clients may ask for in a second, counted over all gateways.
 *
 * A request takes from the table of its own gateway and waits for nobody. A thread tells Redis twenty times a second
 * what was taken since, in one round trip, and is told what all have left. So in that time, and where Redis does not
 * answer, each gateway counts for itself; what clients had too much of is owed.
 */
#ifndef SV_REDIS_RATES_H
#define SV_REDIS_RATES_H

#include "server/guard/guard.h"
#include "server/redis/link.h"

typedef struct sv_rates sv_rates;
/* Limiters that are NULL are none. Borrows all of it. EV_E_MEMORY, EV_E_DEVICE: no thread can be started. */
ev_status sv_rates_start(sv_rates **out, sv_redis *redis, sv_limiter *const limiters[2], ev_error *err);
void sv_rates_stop(sv_rates **rates);

#endif
