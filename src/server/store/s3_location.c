/* s3_location: s3://bucket/prefix?region=...&endpoint=...: where the objects are. What the URL leaves out is taken
 * from the environment as other programs of S3 take it, and from Amazon's defaults.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/s3_inner.h"

static const char USUAL[] = "give s3://bucket/prefix?region=eu-central-1, or of another than Amazon "
                            "s3://bucket?endpoint=http://127.0.0.1:9000";

static bool is_of(const char *text, const char *characters) { return text[strspn(text, characters)] == '\0'; }

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_bucket(const char *name) {
    const size_t n = strlen(name);
    return n >= 3 && n < SV_S3_BUCKET && is_of(name, LOWER DIGITS ".-") && strspn(name, ".-") == 0 &&
           name[n - 1] != '-' && name[n - 1] != '.' && !strstr(name, "..");
}

static bool is_prefix(const char *text) {
    return is_of(text, LOWER UPPER DIGITS "._-/") && text[0] != '/' && !strstr(text, "//") && !strstr(text, "..");
}

static const char *environment(const char *first, const char *second) {
    const char *value = getenv(first);
    if (!value || !*value) value = getenv(second);
    return value && *value ? value : NULL;
}

/* ---- endpoints ---- */

/* scheme://host[:port][/path] without a / at its end, and without the port that goes without saying: who asks leaves
 * it out of the Host header, which is signed. */
static bool read_endpoint(char out[SV_S3_URL], const char *text) {
    const bool tls = strncmp(text, "https://", 8) == 0;
    const char *host = tls ? text + 8 : strncmp(text, "http://", 7) == 0 ? text + 7 : "";
    const size_t length = strcspn(host, "/");
    size_t name = length, port = 0;
    while (name > port && host[length - 1 - port] >= '0' && host[length - 1 - port] <= '9') port++;
    const bool has_port = port && port + 1 < length && host[length - 1 - port] == ':' && host[0] != '[';
    const bool has_port6 =
        port && port + 2 < length && host[length - 1 - port] == ':' && host[length - 2 - port] == ']';
    if (!length || strlen(text) >= SV_S3_URL || !is_of(host + length, LOWER UPPER DIGITS "/._~-") ||
        strspn(host, LOWER UPPER DIGITS ".-_:[]") != length || strchr(host + length, '.'))
        return false;
    if (has_port || has_port6) {
        name = length - 1 - port;
        const long number = strtol(host + name + 1, NULL, 10);
        if (port > 5 || number < 1 || number > 65535) return false;
        if (number != (tls ? 443 : 80)) name = length;
    }
    snprintf(out, SV_S3_URL, "%s://%.*s%s", tls ? "https" : "http", (int)name, host, host + length);
    for (size_t n = strlen(out); out[n - 1] == '/'; n--) out[n - 1] = '\0';
    return true;
}

static void default_endpoint(sv_s3_location *p) {
    const bool china = strncmp(p->region, "cn-", 3) == 0;
    snprintf(p->endpoint, sizeof p->endpoint, "https://s3.%s.amazonaws.com%s", p->region, china ? ".cn" : "");
}

/* ---- the query ---- */

typedef struct parts {
    char region[SV_S3_REGION], endpoint[SV_S3_URL], public[SV_S3_URL], style[16];
} parts;

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* false: it is too long, or not escaped as it should be. */
static bool unescape(char *out, size_t room, const char *text, size_t size) {
    size_t at = 0;
    for (size_t i = 0; i < size; i++, at++) {
        int value = (unsigned char)text[i];
        if (value == '%') {
            const int high = i + 2 < size ? digit_of(text[i + 1]) : -1, low = high >= 0 ? digit_of(text[i + 2]) : -1;
            if (low < 0) return false;
            value = high << 4 | low;
            i += 2;
        }
        if (value <= ' ' || value == 0x7f || at + 1 >= room) return false;
        out[at] = (char)value;
    }
    out[at] = '\0';
    return true;
}

static ev_status read_pair(parts *p, const char *pair, size_t size, ev_error *err) {
    const struct {
        const char *name;
        char *out;
        size_t room;
    } known[] = {{"region", p->region, sizeof p->region},
                 {"endpoint", p->endpoint, sizeof p->endpoint},
                 {"public", p->public, sizeof p->public},
                 {"style", p->style, sizeof p->style}};
    const char *equals = memchr(pair, '=', size);
    const size_t name = equals ? (size_t)(equals - pair) : size;
    for (size_t i = 0; equals && i < EV_ARRAY_COUNT(known); i++) {
        if (strlen(known[i].name) != name || strncmp(known[i].name, pair, name) != 0) continue;
        if (unescape(known[i].out, known[i].room, equals + 1, size - name - 1)) return EV_OK;
        return ev_fail(err, EV_E_ARGUMENT, "the store's %s is too long or badly escaped", known[i].name);
    }
    return ev_fail(err, EV_E_ARGUMENT,
                   "the store has no option '%.*s': there are region=, endpoint=, public= and style=path or virtual",
                   (int)(name < 40 ? name : 40), pair);
}

static ev_status read_query(parts *p, const char *query, ev_error *err) {
    ev_status status = EV_OK;
    while (status == EV_OK && *query) {
        const size_t size = strcspn(query, "&");
        if (size) status = read_pair(p, query, size, err);
        query += size + (query[size] == '&');
    }
    return status;
}

/* ---- the whole ---- */

static ev_status read_names(sv_s3_location *p, const char *at, size_t size, ev_error *err) {
    char text[SV_S3_BUCKET + SV_S3_PREFIX + 2];
    if (memchr(at, '@', size))
        return ev_fail(err, EV_E_ARGUMENT,
                       "the store's URL holds no keys, which others would see: give store_access_key and "
                       "store_secret_key in the file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    if (size >= sizeof text) return ev_fail(err, EV_E_ARGUMENT, "the store's bucket and prefix are too long");
    snprintf(text, sizeof text, "%.*s", (int)size, at);
    char *prefix = strchr(text, '/');
    if (prefix) *prefix++ = '\0';
    if (!is_bucket(text))
        return ev_fail(err, EV_E_ARGUMENT, "'%.70s' is no name of a bucket: 3 to 63 of a-z, 0-9, - and .", text);
    snprintf(p->bucket, sizeof p->bucket, "%.63s", text);
    size_t length = prefix ? strlen(prefix) : 0;
    if (length && prefix[length - 1] == '/') prefix[--length] = '\0';
    if (!length) return EV_OK;
    if (!is_prefix(prefix) || length + 2 > sizeof p->prefix)
        return ev_fail(err, EV_E_ARGUMENT,
                       "'%.60s' is no prefix of keys: letters, digits, - _ . and single /, up to 250", prefix);
    snprintf(p->prefix, sizeof p->prefix, "%.254s/", prefix);
    return EV_OK;
}

static ev_status choose_endpoints(sv_s3_location *p, const parts *q, ev_error *err) {
    const char *given = environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
    const char *endpoint = *q->endpoint ? q->endpoint : given;
    if (!endpoint)
        default_endpoint(p);
    else if (!read_endpoint(p->endpoint, endpoint))
        return ev_fail(err, EV_E_ARGUMENT,
                       "the store's endpoint '%.80s' is none: give http:// or https://host[:port]", endpoint);
    if (!*q->public)
        snprintf(p->public, sizeof p->public, "%s", p->endpoint);
    else if (!read_endpoint(p->public, q->public))
        return ev_fail(err, EV_E_ARGUMENT, "the store's public '%.80s' is none: give http:// or https://host[:port]",
                       q->public);
    /* a name with dots has no certificate as a host, and others than Amazon seldom answer to such hosts */
    const bool plain = !endpoint && !strchr(p->bucket, '.');
    if (*q->style && strcmp(q->style, "path") != 0 && strcmp(q->style, "virtual") != 0)
        return ev_fail(err, EV_E_ARGUMENT, "the store's style '%s' is none: give path or virtual", q->style);
    p->path_style = *q->style ? strcmp(q->style, "path") == 0 : !plain;
    return EV_OK;
}

ev_status sv_s3_location_parse(sv_s3_location *out, const char *url, ev_error *err) {
    static const char SCHEME[] = "s3://";
    parts q = {{0}, {0}, {0}, {0}};
    *out = (sv_s3_location){0};
    if (strncmp(url, SCHEME, sizeof SCHEME - 1) != 0)
        return ev_fail(err, EV_E_ARGUMENT, "the store '%.60s' is none: %s", url, USUAL);
    const char *at = url + sizeof SCHEME - 1;
    const size_t size = strcspn(at, "?");
    ev_status status = read_names(out, at, size, err);
    if (status == EV_OK) status = read_query(&q, at[size] ? at + size + 1 : "", err);
    const char *region = *q.region ? q.region : environment("AWS_REGION", "AWS_DEFAULT_REGION");
    if (!region) region = "us-east-1";
    if (status == EV_OK && (!is_of(region, LOWER DIGITS "-_") || strlen(region) >= sizeof out->region))
        status = ev_fail(err, EV_E_ARGUMENT, "'%.60s' is no region: give one such as eu-central-1", region);
    if (status != EV_OK) return status;
    snprintf(out->region, sizeof out->region, "%.63s", region);
    return choose_endpoints(out, &q, err);
}

void sv_s3_target_of(sv_s3_target *out, const sv_s3_location *p, const char *endpoint, const char *key) {
    assert(strstr(endpoint, "://"));
    const size_t scheme = (size_t)(strstr(endpoint, "://") + 3 - endpoint), host = strcspn(endpoint + scheme, "/");
    const char *base = endpoint + scheme + host;
    if (p->path_style) {
        snprintf(out->origin, sizeof out->origin, "%.*s", (int)(scheme + host), endpoint);
        snprintf(out->path, sizeof out->path, "%s/%s%s%s%s", base, p->bucket, key ? "/" : "", key ? p->prefix : "",
                 key ? key : "");
    } else {
        snprintf(out->origin, sizeof out->origin, "%.*s%s.%.*s", (int)scheme, endpoint, p->bucket, (int)host,
                 endpoint + scheme);
        snprintf(out->path, sizeof out->path, "%s/%s%s", base, key ? p->prefix : "", key ? key : "");
    }
    out->host = out->origin + scheme;
}
