/* url: where Redis is, as an operator writes it. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/redis/url.h"

static ev_status bad_url(ev_error *err, const char *why) {
    return ev_fail(err, EV_E_ARGUMENT,
                   "redis: %s: give redis://[user:password@]host[:port][/database], or unix:/path, or "
                   "redis-sentinel://host[:port][,host...]/master",
                   why);
}

/* A part of the URL, decoded. false: it is too long. */
static bool url_part(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size) {
    char *text = NULL;
    out[0] = '\0';
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return true; /* it has none */
    const bool fits = strlen(text) < size;
    if (fits) memcpy(out, text, strlen(text) + 1);
    curl_free(text);
    return fits;
}

/* "6379", or what is usual; -1: none. */
static int number_of(const char *text, int usual, int most) {
    char *end;
    if (!*text) return usual;
    const long value = strtol(text, &end, 10);
    return *end || value < 0 || value > most ? -1 : (int)value;
}

static ev_status read_host(CURLU *url, int usual, sv_redis_host *out, ev_error *err) {
    char port[16], host[SV_REDIS_HOST];
    if (!url_part(url, CURLUPART_HOST, 0, host, sizeof host) || !*host) return bad_url(err, "there is no host");
    if (!url_part(url, CURLUPART_PORT, 0, port, sizeof port) || (out->port = number_of(port, usual, 65535)) < 1)
        return bad_url(err, "the port is no number from 1 to 65535");
    const size_t length = strlen(host); /* [::1] */
    const bool bracketed = *host == '[' && host[length - 1] == ']';
    snprintf(out->name, sizeof out->name, "%.*s", (int)(length - (bracketed ? 2 : 0)), host + bracketed);
    return EV_OK;
}

/* "/3", or of Sentinel "/mymaster/3". */
static ev_status read_path(const char *path, bool sentinel, sv_redis_url *out, ev_error *err) {
    if (*path == '/') path++;
    if (sentinel) {
        const size_t length = strcspn(path, "/");
        if (!length || length >= sizeof out->master)
            return bad_url(err, "behind the hosts stands no name of a master, such as /mymaster");
        snprintf(out->master, sizeof out->master, "%.*s", (int)length, path);
        path += length;
        if (*path == '/') path++;
    }
    out->database = number_of(path, 0, 1000000);
    return out->database < 0 ? bad_url(err, "behind the host stands no number of a database") : EV_OK;
}

static ev_status read_url(CURLU *url, bool sentinel, sv_redis_url *out, ev_error *err) {
    char path[SV_REDIS_MASTER + 32];
    ev_status status = read_host(url, sentinel ? SV_SENTINEL_PORT : SV_REDIS_PORT, &out->host, err);
    if (status != EV_OK) return status;
    if (!url_part(url, CURLUPART_USER, CURLU_URLDECODE, out->user, sizeof out->user) ||
        !url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, out->password, sizeof out->password))
        return bad_url(err, "the user or password is too long");
    if (!url_part(url, CURLUPART_PATH, CURLU_URLDECODE, path, sizeof path))
        return bad_url(err, "what stands behind the host is too long");
    if (*out->user && !*out->password) /* redis://password@host is not what anybody writes */
        return bad_url(err, "there is a user without a password (of the password alone, write :password@)");
    return read_path(path, sentinel, out, err);
}

static ev_status parse_one(sv_redis_url *out, const char *text, bool sentinel, ev_error *err) {
    CURLU *url = curl_url();
    if (!url) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const bool read = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    const ev_status status = read ? read_url(url, sentinel, out, err) : bad_url(err, "it is no URL");
    curl_url_cleanup(url);
    return status;
}

/* "redis-sentinel://user:password@one,two:26380/master/3" is as many URLs of one host: each is read as such. */
static ev_status parse_sentinels(sv_redis_url *out, const char *text, ev_error *err) {
    const char *hosts = strstr(text, "://") + 3, *tail = hosts + strcspn(hosts, "/");
    const char *at = hosts;
    for (const char *p = hosts; p < tail; p++) {
        if (*p == '@') at = p + 1;
    }
    ev_status status = EV_OK;
    while (status == EV_OK && at < tail) {
        char one[1024];
        const size_t length = strcspn(at, ",/");
        if (out->sentinel_count == SV_REDIS_SENTINELS) return bad_url(err, "there are more than eight sentinels");
        const int size = snprintf(one, sizeof one, "redis://%.*s%s", (int)length, at, tail);
        if (size >= (int)sizeof one) return bad_url(err, "it is too long");
        sv_redis_url this = {0};
        status = parse_one(&this, one, true, err);
        if (status == EV_OK) out->sentinels[out->sentinel_count++] = this.host;
        at += length;
        if (*at == ',') at++;
        if (at == tail && tail[-1] == ',') return bad_url(err, "there is no host");
    }
    if (status != EV_OK || !out->sentinel_count) return status == EV_OK ? bad_url(err, "there is no host") : status;
    char first[1024];
    snprintf(first, sizeof first, "redis://%.*s%s", (int)strcspn(hosts, ",/"), hosts, tail);
    return parse_one(out, first, true, err);
}

static ev_status parse_socket(sv_redis_url *out, const char *path, ev_error *err) {
    while (path[0] == '/' && path[1] == '/') path++;
    if (strlen(path) >= 100) return bad_url(err, "the path of the socket is too long");
    snprintf(out->host.name, sizeof out->host.name, "%s", path);
    return EV_OK;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

ev_status sv_redis_url_parse(sv_redis_url *out, const char *text, ev_error *err) {
    *out = (sv_redis_url){0};
    if (begins(text, "unix:/")) return parse_socket(out, text + 5, err);
    if (begins(text, "redis-sentinel://")) return parse_sentinels(out, text, err);
    out->tls = begins(text, "rediss://");
#ifndef EMOTIVOICE_REDIS_TLS
    if (out->tls)
        return ev_fail(err, EV_E_ARGUMENT,
                       "redis: this build's hiredis has no TLS, so rediss:// cannot be spoken: let stunnel stand "
                       "between (client = yes), and give redis:// with its address");
#endif
    if (!out->tls && !begins(text, "redis://") && !begins(text, "valkey://"))
        return bad_url(err, "it begins with none of redis://, rediss://, redis-sentinel:// and unix:/");
    return parse_one(out, text, false, err);
}
