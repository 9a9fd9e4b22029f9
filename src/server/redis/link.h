/* link: one connection to Redis, and what all connections of the process know of it: its address, and whether it
 * answers.
 *
 * A link is one thread's at a time and connects when it is used. Where Redis does not answer, the process's links
 * fail at once until the one that looks after it (a gateway's or a worker's own thread) has reached it again: who
 * waits for an answer is told within half a second, and nobody hammers a server that comes back.
 */
#ifndef SV_REDIS_LINK_H
#define SV_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <stdatomic.h>

#include "base/base.h"
#include "base/lock.h"
#include "server/metrics/log.h"
#include "server/redis/scripts.h"
#include "server/redis/url.h"

/* ---- what all links share ---- */

typedef struct sv_redis {
    sv_redis_url url;
    sv_log *log; /* NULL: none */
    atomic_bool up;
    _Atomic double error_logged; /* when an answer that was an error was last logged */
} sv_redis;
/* Whether it is a server that can be trusted with jobs: 6.2 or newer, maxmemory-policy noeviction. It need not answer
 * yet. EV_E_ARGUMENT: it does, and cannot be used: the message says what to change. */
ev_status sv_redis_start(sv_redis *redis, ev_error *err);

/* ---- a command ---- */

enum { SV_ARGS_MAX = 640 };
typedef struct sv_args { /* of one command; starts as {0}; texts and bytes are borrowed */
    const char *items[SV_ARGS_MAX];
    size_t sizes[SV_ARGS_MAX];
    int count;
    char numbers[SV_ARGS_MAX][24];
} sv_args;
void sv_args_text(sv_args *args, const char *text); /* NULL: "" */
void sv_args_bytes(sv_args *args, const void *bytes, size_t size);
void sv_args_int(sv_args *args, int64_t value);
void sv_args_real(sv_args *args, double value);

typedef struct sv_link {
    sv_redis *redis;
    redisContext *context;   /* NULL: not connected */
    bool retries_while_down; /* tries even while Redis does not answer */
    unsigned loaded;         /* scripts that this connection loaded: a bit for each */
    char hashes[SV_SCRIPT_COUNT][41];
} sv_link;

void sv_link_close(sv_link *link);
/* Of a link that retries while Redis is down, before each round: whether Redis answers and may be trusted; the other
 * links know then too. */
bool sv_redis_await(sv_redis *redis, sv_link *link);
/* The answer, to be freed by freeReplyObject(); block_ms: how long the command itself may wait. NULL, with
 * err->status EV_E_IO: Redis does not answer, and the command may have run; EV_E_LIMIT: it has no memory, or takes no
 * writes now; EV_E_NOT_FOUND: there is no such group (yet); EV_E_FORMAT: any other error. */
redisReply *sv_link_call(sv_link *link, const sv_args *args, int block_ms, ev_error *err);
/* The same where an error is nothing to be told of. */
redisReply *sv_link_quiet(sv_link *link, const sv_args *args, ev_error *err);
/* The same of a script, which gets SV_REDIS_PREFIX as its key. */
redisReply *sv_link_script(sv_link *link, sv_script script, const sv_args *args, ev_error *err);

/* ---- a few links for many threads ---- */

enum { SV_LINKS = 4 };
typedef struct sv_links {
    struct {
        ev_mutex lock;
        sv_link link;
    } items[SV_LINKS];
} sv_links;
void sv_links_open(sv_links *links, sv_redis *redis);
void sv_links_close(sv_links *links);
/* sv_link_script over one that nobody uses now, or over the last. */
redisReply *sv_links_script(sv_links *links, sv_script script, const sv_args *args, ev_error *err);

/* ---- answers, whatever they are ---- */

const redisReply *sv_reply_at(const redisReply *reply, size_t i);           /* NULL: it has none */
const char *sv_reply_text(const redisReply *reply, size_t i);               /* "" if that is no text */
int64_t sv_reply_int(const redisReply *reply, size_t i, int64_t otherwise); /* of a number, or of a text of digits */
double sv_reply_real(const redisReply *reply, size_t i);                    /* 0 if it is none */
/* Of names and values by turns; NULL: it has no such name. */
const redisReply *sv_reply_field(const redisReply *hash, const char *name);

#endif
