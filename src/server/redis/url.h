/* url: where Redis is, as an operator writes it. */
#ifndef SV_REDIS_URL_H
#define SV_REDIS_URL_H

#include "base/base.h"

enum {
    SV_REDIS_HOST = 256,
    SV_REDIS_USER = 128,
    SV_REDIS_PASSWORD = 256,
    SV_REDIS_MASTER = 64,
    SV_REDIS_SENTINELS = 8,
    SV_REDIS_PORT = 6379,
    SV_SENTINEL_PORT = 26379
};

typedef struct sv_redis_host {
    char name[SV_REDIS_HOST]; /* of unix:/path: the path */
    int port;                 /* 0: a Unix socket */
} sv_redis_host;

typedef struct sv_redis_url {
    sv_redis_host host; /* of Sentinel: the first that is asked */
    int database;
    bool tls;
    char user[SV_REDIS_USER], password[SV_REDIS_PASSWORD]; /* "": none */
    char master[SV_REDIS_MASTER];                          /* what Sentinel is asked for; "": it is not asked */
    sv_redis_host sentinels[SV_REDIS_SENTINELS];
    int sentinel_count;
} sv_redis_url;

/* redis://[user[:password]@]host[:port][/database], valkey:// likewise, rediss:// over TLS, or unix:/path; or
 * redis-sentinel://[user:password@]host[:port][,host[:port]...]/master[/database], where user and password are the
 * master's. EV_E_ARGUMENT says what is wrong, without the password. */
ev_status sv_redis_url_parse(sv_redis_url *out, const char *text, ev_error *err);

#endif
