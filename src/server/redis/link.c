/* link: connections to Redis that were introduced, and what is said over them. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/redis/connect.h"
#include "server/redis/link.h"

enum { CONNECT_MS = 300, COMMAND_MS = 400, ERROR_LOG_EVERY_S = 10 };
static_assert((int)SV_SCRIPT_COUNT <= 32, "a link has a bit for each");

/* ---- arguments ---- */

void sv_args_bytes(sv_args *a, const void *bytes, size_t size) {
    assert(a->count < SV_ARGS_MAX);
    a->items[a->count] = bytes ? bytes : "";
    a->sizes[a->count++] = bytes ? size : 0;
}

void sv_args_text(sv_args *a, const char *text) { sv_args_bytes(a, text, text ? strlen(text) : 0); }

void sv_args_int(sv_args *a, int64_t value) {
    assert(a->count < SV_ARGS_MAX);
    char *at = a->numbers[a->count];
    snprintf(at, sizeof a->numbers[0], "%lld", (long long)value);
    sv_args_text(a, at);
}

void sv_args_real(sv_args *a, double value) {
    assert(a->count < SV_ARGS_MAX);
    char *at = a->numbers[a->count];
    snprintf(at, sizeof a->numbers[0], "%.6f", fmin(fmax(value, -1e12), 1e12));
    sv_args_text(a, at);
}

/* ---- up and down ---- */

static void set_up(sv_redis *r, bool up, const char *why) {
    if (atomic_exchange(&r->up, up) == up || !r->log) return;
    if (up)
        sv_log_line(r->log, SV_LEVEL_INFO, NULL, "redis answers");
    else
        sv_log_line(r->log, SV_LEVEL_ERROR, NULL, "redis does not answer (%s): it is tried again until it does", why);
}

/* An answer that should not be, now and then. */
static void log_error(sv_redis *r, const char *message) {
    const double now = ev_clock_s(), error_logged = atomic_load(&r->error_logged);
    if (!r->log || (error_logged > 0 && now - error_logged < ERROR_LOG_EVERY_S)) return;
    atomic_store(&r->error_logged, now);
    sv_log_line(r->log, SV_LEVEL_ERROR, NULL, "redis: %s", message);
}

void sv_link_close(sv_link *l) {
    if (l->context) redisFree(l->context);
    l->context = NULL;
}

static ev_status fail_io(sv_link *l, const char *why, ev_error *err) {
    const bool late = l->context && l->context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (late) why = "no answer in time";
    const ev_status status = ev_fail(err, EV_E_IO, "redis at %s does not answer: %s", l->redis->url.host.name, why);
    set_up(l->redis, false, why);
    sv_link_close(l);
    return status;
}

static struct timeval milliseconds(int ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Which of our statuses an error reply is. */
static ev_status status_of(const char *message) {
    static const char *const not_now[] = {"OOM ",       "MISCONF ", "READONLY ",   "LOADING ",
                                          "NOREPLICAS", "BUSY ",    "MASTERDOWN ", "CLUSTERDOWN"};
    if (strncmp(message, "NOGROUP", 7) == 0) return EV_E_NOT_FOUND;
    for (size_t i = 0; i < EV_ARRAY_COUNT(not_now); i++) {
        if (strncmp(message, not_now[i], strlen(not_now[i])) == 0 || strstr(message, not_now[i])) return EV_E_LIMIT;
    }
    return strstr(message, "NOGROUP") ? EV_E_NOT_FOUND : EV_E_FORMAT;
}

static redisReply *ask(sv_link *l, const sv_args *a, int block_ms, ev_error *err) {
    assert(l->context && a->count > 0 && block_ms >= 0);
    const int wait_ms = COMMAND_MS + block_ms;
    if (redisSetTimeout(l->context, milliseconds(wait_ms)) != REDIS_OK) {
        fail_io(l, l->context->errstr, err);
        return NULL;
    }
    redisReply *reply = redisCommandArgv(l->context, a->count, (const char **)(uintptr_t)a->items, a->sizes);
    if (!reply) fail_io(l, l->context->errstr, err);
    return reply;
}

/* One that is OK is dropped. */
static ev_status expect_ok(sv_link *l, const sv_args *a, ev_error *err) {
    redisReply *reply = ask(l, a, 0, err);
    if (!reply) return EV_E_IO;
    const bool ok = reply->type != REDIS_REPLY_ERROR;
    char message[160];
    snprintf(message, sizeof message, "%s", ok ? "" : reply->str);
    freeReplyObject(reply);
    return ok ? EV_OK : fail_io(l, message, err);
}

static ev_status introduce(sv_link *l, ev_error *err) {
    const sv_redis_url *u = &l->redis->url;
    sv_args auth = {0}, select = {0}, ping = {0};
    ev_status status = EV_OK;
    if (*u->password) {
        sv_args_text(&auth, "AUTH");
        if (*u->user) sv_args_text(&auth, u->user);
        sv_args_text(&auth, u->password);
        status = expect_ok(l, &auth, err);
    }
    if (status == EV_OK && u->database) {
        sv_args_text(&select, "SELECT");
        sv_args_int(&select, u->database);
        status = expect_ok(l, &select, err);
    }
    sv_args_text(&ping, "PING");
    return status == EV_OK ? expect_ok(l, &ping, err) : status;
}

static ev_status connect_link(sv_link *l, ev_error *err) {
    assert(!l->context);
    const sv_redis_url *u = &l->redis->url;
    if (!l->retries_while_down && !atomic_load(&l->redis->up))
        return ev_fail(err, EV_E_IO, "redis at %s does not answer", u->host.name);
    ev_error why = {0};
    l->context = sv_redis_connect(u, CONNECT_MS, &why);
    if (!l->context) {
        set_up(l->redis, false, why.message);
        return ev_fail(err, why.status, "%s", why.message);
    }
    redisEnableKeepAlive(l->context);
    l->loaded = 0;
    const ev_status status = introduce(l, err);
    if (status != EV_OK || !u->sentinel_count || sv_redis_is_master(l->context)) return status;
    return fail_io(l, "it is no master now, and the sentinels do not know yet", err);
}

/* Error replies become statuses. */
static redisReply *checked(sv_link *l, redisReply *reply, ev_error *err) {
    if (!reply || reply->type != REDIS_REPLY_ERROR) return reply;
    const ev_status status = status_of(reply->str);
    ev_fail(err, status, "redis: %s", reply->str);
    const bool deposed = l->redis->url.sentinel_count && strncmp(reply->str, "READONLY", 8) == 0;
    if (deposed) fail_io(l, "it is no master any more", err); /* the sentinels know who is */
    if (status != EV_E_NOT_FOUND) log_error(l->redis, reply->str);
    freeReplyObject(reply);
    return NULL;
}

/* A connection that Redis closed meanwhile (it was started again, or a limit on idle ones) is not its end: what is
 * asked next has a new one. */
static bool is_stale(const sv_link *l) {
    char byte;
    return l->context && recv(l->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool is_connected(sv_link *l, ev_error *err) {
    if (is_stale(l) || (!l->retries_while_down && !atomic_load(&l->redis->up))) sv_link_close(l);
    return l->context || connect_link(l, err) == EV_OK;
}

redisReply *sv_link_call(sv_link *l, const sv_args *args, int block_ms, ev_error *err) {
    if (!is_connected(l, err)) return NULL;
    return checked(l, ask(l, args, block_ms, err), err);
}

redisReply *sv_link_quiet(sv_link *l, const sv_args *args, ev_error *err) {
    return is_connected(l, err) ? ask(l, args, 0, err) : NULL;
}

/* ---- scripts ---- */

static bool load(sv_link *l, sv_script script, ev_error *err) {
    assert((unsigned)script < SV_SCRIPT_COUNT && sv_scripts[script]);
    sv_args a = {0};
    char *text = NULL;
    if (asprintf(&text, "%s%s", sv_script_common, sv_scripts[script]) < 0) {
        ev_fail(err, EV_E_MEMORY, "out of memory");
        return false;
    }
    sv_args_text(&a, "SCRIPT");
    sv_args_text(&a, "LOAD");
    sv_args_text(&a, text);
    redisReply *reply = checked(l, ask(l, &a, 0, err), err);
    free(text);
    const bool loaded = reply && reply->type == REDIS_REPLY_STRING && reply->len == 40;
    if (loaded) memcpy(l->hashes[script], reply->str, 41);
    if (loaded) l->loaded |= 1u << script;
    if (reply && !loaded) ev_fail(err, EV_E_FORMAT, "redis did not load a script");
    if (reply) freeReplyObject(reply);
    return loaded;
}

redisReply *sv_link_script(sv_link *l, sv_script script, const sv_args *args, ev_error *err) {
    assert(args->count <= SV_ARGS_MAX - 4); /* the call itself has four */
    if (!is_connected(l, err)) return NULL;
    for (int tries = 0; tries < 2; tries++) {
        if (!(l->loaded & 1u << script) && !load(l, script, err)) return NULL;
        sv_args a = {0};
        sv_args_text(&a, "EVALSHA");
        sv_args_text(&a, l->hashes[script]);
        sv_args_text(&a, "1");
        sv_args_text(&a, SV_REDIS_PREFIX);
        for (int i = 0; i < args->count; i++) sv_args_bytes(&a, args->items[i], args->sizes[i]);
        redisReply *reply = ask(l, &a, 0, err);
        if (!reply || reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOSCRIPT", 8) != 0)
            return checked(l, reply, err);
        freeReplyObject(reply); /* it was flushed, or another server took over: nothing was run */
        l->loaded = 0;
    }
    ev_fail(err, EV_E_FORMAT, "redis forgets its scripts");
    return NULL;
}

/* ---- several ---- */

void sv_links_open(sv_links *links, sv_redis *redis) {
    for (int i = 0; i < SV_LINKS; i++) {
        ev_mutex_init(&links->items[i].lock);
        links->items[i].link = (sv_link){.redis = redis};
    }
}

void sv_links_close(sv_links *links) {
    for (int i = 0; i < SV_LINKS; i++) {
        sv_link_close(&links->items[i].link);
        ev_mutex_destroy(&links->items[i].lock);
    }
}

redisReply *sv_links_script(sv_links *links, sv_script script, const sv_args *args, ev_error *err) {
    for (int i = 0; i < SV_LINKS - 1; i++) {
        if (!ev_mutex_try_lock(&links->items[i].lock)) continue;
        redisReply *reply = sv_link_script(&links->items[i].link, script, args, err);
        ev_mutex_unlock(&links->items[i].lock);
        return reply;
    }
    ev_mutex_lock(&links->items[SV_LINKS - 1].lock);
    redisReply *reply = sv_link_script(&links->items[SV_LINKS - 1].link, script, args, err);
    ev_mutex_unlock(&links->items[SV_LINKS - 1].lock);
    return reply;
}

/* ---- answers ---- */

const redisReply *sv_reply_at(const redisReply *r, size_t i) {
    return r && r->type == REDIS_REPLY_ARRAY && i < r->elements ? r->element[i] : NULL;
}

const char *sv_reply_text(const redisReply *r, size_t i) {
    const redisReply *at = sv_reply_at(r, i);
    return at && (at->type == REDIS_REPLY_STRING || at->type == REDIS_REPLY_STATUS) ? at->str : "";
}

int64_t sv_reply_int(const redisReply *r, size_t i, int64_t otherwise) {
    const redisReply *at = sv_reply_at(r, i);
    char *end;
    if (at && at->type == REDIS_REPLY_INTEGER) return at->integer;
    const char *text = sv_reply_text(r, i);
    const long long value = strtoll(text, &end, 10);
    return *text && !*end ? value : otherwise;
}

double sv_reply_real(const redisReply *r, size_t i) {
    const redisReply *at = sv_reply_at(r, i);
    if (at && at->type == REDIS_REPLY_INTEGER) return (double)at->integer;
    const double value = strtod(sv_reply_text(r, i), NULL);
    return isfinite(value) ? value : 0;
}

const redisReply *sv_reply_field(const redisReply *hash, const char *name) {
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (strcmp(sv_reply_text(hash, i), name) == 0) return hash->element[i + 1];
    }
    return NULL;
}

/* ---- may it be trusted with jobs ---- */

/* "name:value\r\n" in the answer to INFO. */
static bool info_value(const char *info, const char *name, char *out, size_t size) {
    const char *at = strstr(info, name);
    if (!at) return false;
    at += strlen(name);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    return true;
}

static ev_status check_info(const sv_redis *r, const char *info, ev_error *err) {
    char version[32] = "", policy[32] = "";
    int major = 0, minor = 0;
    if (info_value(info, "redis_version:", version, sizeof version) &&
        sscanf(version, "%d.%d", &major, &minor) == 2 && (major < 6 || (major == 6 && minor < 2)))
        return ev_fail(err, EV_E_ARGUMENT, "redis at %s is version %s: 6.2 or newer is needed", r->url.host.name,
                       version);
    if (info_value(info, "maxmemory_policy:", policy, sizeof policy) && strcmp(policy, "noeviction") != 0)
        return ev_fail(
            err, EV_E_ARGUMENT,
            "redis at %s has maxmemory-policy %s, which would lose accepted jobs: set it to noeviction (CONFIG "
            "SET maxmemory-policy noeviction, and in its configuration), or give a server of its own",
            r->url.host.name, policy);
    return EV_OK;
}

/* EV_E_IO: it does not answer (now). EV_E_ARGUMENT: it does, and cannot be used. */
static ev_status check_server(sv_redis *r, ev_error *err) {
    sv_link link = {.redis = r, .retries_while_down = true};
    sv_args a = {0};
    sv_args_text(&a, "INFO");
    redisReply *reply = sv_link_call(&link, &a, 0, err);
    ev_status status = reply ? EV_OK : EV_E_IO;
    if (reply) status = check_info(r, reply->type == REDIS_REPLY_STRING ? reply->str : "", err);
    if (reply) freeReplyObject(reply);
    sv_link_close(&link);
    return status;
}

ev_status sv_redis_start(sv_redis *r, ev_error *err) {
    ev_error why = {0};
    const ev_status status = check_server(r, &why);
    if (status == EV_E_ARGUMENT) return ev_fail(err, status, "%s", why.message);
    if (status == EV_OK)
        set_up(r, true, "");
    else if (r->log)
        sv_log_line(r->log, SV_LEVEL_ERROR, NULL, "%s: it is tried again until it does", why.message);
    return EV_OK;
}

bool sv_redis_await(sv_redis *r, sv_link *link) {
    ev_error err = {0};
    if (atomic_load(&r->up) && is_connected(link, &err)) return true;
    sv_link_close(link);
    const ev_status status = check_server(r, &err);
    if (status == EV_E_ARGUMENT) log_error(r, err.message);
    if (status == EV_OK) set_up(r, true, "");
    return status == EV_OK && is_connected(link, &err);
}
