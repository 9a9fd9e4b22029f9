/* connect: a connection to where a URL says that Redis is: by name, by a socket, over TLS, or to the master that a
 * Sentinel knows.
 *
 * TLS, where hiredis has it: the server's certificate must be of its name and of an authority that this machine
 * trusts (or $SSL_CERT_FILE). Sentinels are asked in their order, each time: the first that knows the master is
 * believed if that says itself that it is one, so that nothing is written to one that was deposed.
 */
#ifndef SV_REDIS_CONNECT_H
#define SV_REDIS_CONNECT_H

#include <hiredis/hiredis.h>

#include "server/redis/url.h"

/* Not introduced yet (AUTH, SELECT). NULL: err says why not. */
redisContext *sv_redis_connect(const sv_redis_url *url, int timeout_ms, ev_error *err);
/* Of a connection that was introduced: it may be written to. false: it is no master (any more). */
bool sv_redis_is_master(redisContext *context);

#endif
