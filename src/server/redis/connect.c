/* connect: a connection to where a URL says that Redis is. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "server/redis/connect.h"

static struct timeval milliseconds(int ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static redisContext *refuse(redisContext *context, const sv_redis_host *host, const char *why, ev_error *err) {
    ev_fail(err, EV_E_IO, "redis at %s does not answer: %s", host->name, why);
    if (context) redisFree(context);
    return NULL;
}

static redisContext *connect_host(const sv_redis_host *host, int timeout_ms, ev_error *err) {
    redisContext *context = host->port ? redisConnectWithTimeout(host->name, host->port, milliseconds(timeout_ms))
                                       : redisConnectUnixWithTimeout(host->name, milliseconds(timeout_ms));
    if (!context) {
        ev_fail(err, EV_E_MEMORY, "out of memory");
        return NULL;
    }
    if (context->err) return refuse(context, host, context->errstr, err);
    /* a handshake and a sentinel's answer have this time too */
    if (redisSetTimeout(context, milliseconds(timeout_ms)) != REDIS_OK)
        return refuse(context, host, context->errstr, err);
    return context;
}

/* ---- TLS ---- */

#ifdef EMOTIVOICE_REDIS_TLS
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* hiredis' own context compares no names. */
static SSL *make_ssl(const char *name) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_CTX_set_default_verify_paths(ctx) == 1 ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx); /* the SSL holds it */
    const bool address = ssl && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    if (ssl && !address && (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

static redisContext *secure(redisContext *context, const sv_redis_host *host, ev_error *err) {
    SSL *ssl = make_ssl(host->name);
    if (!ssl) return refuse(context, host, "out of memory for TLS", err);
    if (redisInitiateSSL(context, ssl) == REDIS_OK) return context; /* which has the SSL now */
    SSL_free(ssl);
    return refuse(context, host, context->errstr, err);
}
#else
/* sv_redis_url_parse refuses it before. */
static redisContext *secure(redisContext *context, const sv_redis_host *host, ev_error *err) {
    return refuse(context, host, "this build has no TLS", err);
}
#endif

/* ---- Sentinel ---- */

static bool text_is(const redisReply *reply, size_t i) {
    return i < reply->elements && reply->element[i]->type == REDIS_REPLY_STRING;
}

/* Where the master is, as this sentinel says. */
static bool ask_sentinel(const sv_redis_host *sentinel, const sv_redis_url *url, int timeout_ms, sv_redis_host *out,
                         ev_error *err) {
    redisContext *context = connect_host(sentinel, timeout_ms, err);
    if (!context) return false;
    redisReply *reply = redisCommand(context, "SENTINEL get-master-addr-by-name %s", url->master);
    bool found = false;
    if (!reply) {
        ev_fail(err, EV_E_IO, "the sentinel at %s does not answer: %s", sentinel->name, context->errstr);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        ev_fail(err, EV_E_IO, "the sentinel at %s: %s", sentinel->name, reply->str);
    } else if (reply->type == REDIS_REPLY_ARRAY && text_is(reply, 0) && text_is(reply, 1)) {
        snprintf(out->name, sizeof out->name, "%s", reply->element[0]->str);
        out->port = atoi(reply->element[1]->str);
        found = out->port > 0;
    } else {
        ev_fail(err, EV_E_IO, "the sentinel at %s knows no master '%s'", sentinel->name, url->master);
    }
    if (reply) freeReplyObject(reply);
    redisFree(context);
    return found;
}

static redisContext *connect_master(const sv_redis_url *url, int timeout_ms, ev_error *err) {
    assert(url->sentinel_count > 0 && url->sentinel_count <= SV_REDIS_SENTINELS);
    for (int i = 0; i < url->sentinel_count; i++) {
        sv_redis_host master = {0};
        if (!ask_sentinel(&url->sentinels[i], url, timeout_ms, &master, err)) continue;
        redisContext *context = connect_host(&master, timeout_ms, err);
        if (context) return context;
    }
    return NULL;
}

bool sv_redis_is_master(redisContext *context) {
    redisReply *reply = redisCommand(context, "ROLE");
    const bool master = reply && reply->type == REDIS_REPLY_ARRAY && text_is(reply, 0) &&
                        strcmp(reply->element[0]->str, "master") == 0;
    const bool denied = reply && reply->type == REDIS_REPLY_ERROR; /* an ACL user need not be allowed to ask */
    if (reply) freeReplyObject(reply);
    return master || denied;
}

redisContext *sv_redis_connect(const sv_redis_url *url, int timeout_ms, ev_error *err) {
    if (url->sentinel_count) return connect_master(url, timeout_ms, err);
    redisContext *context = connect_host(&url->host, timeout_ms, err);
    return context && url->tls ? secure(context, &url->host, err) : context;
}
