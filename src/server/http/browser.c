/*-
 * browser: what a browser may do here on behalf of pages that are not ours. A service on one's own machine is reached
 * by every page that its user looks at, so a request tells who it is for and where it comes from:
 *
 *   Host                     one of our names, else 421: a page whose own name was made to point here (DNS rebinding)
 *                            has its own
 *   Origin, Sec-Fetch-Site   of what does something: our own page, or one of cors_origins, else 403
 *   Content-Type             of a body that does something: what no page can send elsewhere without asking first,
 *                            else 415
 *
 * Pages of cors_origins are told so in the answers, and in those to their browser's question before (OPTIONS).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "server/http/access.h"
#include "server/http/reply.h"

typedef struct authority { /* "example.org:8080", taken apart */
    char host[SV_LIST_ITEM_MAX];
    int port; /* 0: none was given */
} authority;

/* Of a header, a list or an origin; a name is in small letters and without the dot behind it. */
static bool read_authority(authority *a, const char *text) {
    const size_t length = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");
    const char *host = text[0] == '[' ? text + 1 : text, *rest = text + length;
    size_t size = text[0] == '[' ? length - 2 : length;
    if (strlen(text) < length || size == 0 || size >= sizeof a->host || strchr(host, '/')) return false;
    if (size > 1 && host[size - 1] == '.') size--;
    for (size_t i = 0; i < size; i++) a->host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] | 32 : host[i]);
    a->host[size] = '\0';
    a->port = 0;
    if (*rest == '\0') return true;
    const size_t digits = strspn(rest + 1, "0123456789");
    if (*rest != ':' || digits > 5 || rest[1 + digits] != '\0') return false;
    for (size_t i = 1; i <= digits; i++) a->port = 10 * a->port + (rest[i] - '0');
    return a->port <= 65535;
}

/* ---- is it for us? ---- */

static bool is_loopback_name(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    const size_t size = strlen(host);
    return strcmp(host, "localhost") == 0 || (size > 10 && strcmp(host + size - 10, ".localhost") == 0);
}

/* The address by which the client came. A name that only points to it is not it. */
static bool is_local_address(const sv_request *req, const char *host) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    sv_address ours, asked;
    return info && sv_address_parse(&asked, host, strlen(host)) &&
           getsockname(info->connect_fd, (struct sockaddr *)&local, &size) == 0 &&
           sv_address_of(&ours, (const struct sockaddr *)&local) && memcmp(&ours, &asked, sizeof ours) == 0;
}

/* "example.org", "*.example.org", an address; with a port, of that port alone. */
static bool matches(const authority *a, const char *item) {
    authority listed;
    const bool under = strncmp(item, "*.", 2) == 0;
    struct in6_addr v6;
    char bracketed[SV_LIST_ITEM_MAX + 2];
    if (inet_pton(AF_INET6, item, &v6) == 1) {
        snprintf(bracketed, sizeof bracketed, "[%s]", item);
        item = bracketed;
    }
    if (!read_authority(&listed, under ? item + 2 : item) || (listed.port && listed.port != a->port)) return false;
    const size_t all = strlen(a->host), end = strlen(listed.host);
    if (!under) return strcmp(a->host, listed.host) == 0;
    return all > end + 1 && a->host[all - end - 1] == '.' && strcmp(a->host + all - end, listed.host) == 0;
}

static bool is_ours(const sv_request *req, const authority *a, bool admin) {
    const sv_config *c = &req->settings->config;
    const char *listen = admin ? req->server->config.admin_listen : req->server->config.listen, *list = c->hosts;
    char item[SV_LIST_ITEM_MAX];
    authority own;
    if (is_loopback_name(a->host) || is_local_address(req, a->host)) return true;
    if (read_authority(&own, listen) && strcmp(own.host, a->host) == 0) return true;
    while (sv_list_next(&list, item)) {
        if (matches(a, item)) return true;
    }
    return false;
}

/* An old client may send none; a browser always does. */
static bool check_host(sv_request *req, bool admin, authority *a, int *result) {
    const char *host = sv_header(req, "Host");
    *a = (authority){0};
    if (!host) return true;
    const bool read = read_authority(a, host);
    if (read && is_ours(req, a, admin)) return true;
    *result =
        sv_reply_error(req, 421, "Host", "this service does not go by the name '%.80s': start it with --hosts %.80s",
                       host, read ? a->host : "NAME");
    return false;
}

/* ---- where does it come from? ---- */

static bool is_listed(const char *list, const char *origin) {
    char item[SV_LIST_ITEM_MAX];
    while (sv_list_next(&list, item)) {
        if (strcmp(item, "*") == 0 ? strcmp(origin, "null") != 0 : strcasecmp(item, origin) == 0) return true;
    }
    return false;
}

/* "http://example.org:8080" is where a page lies that we gave out under the name of Host; behind a proxy that speaks
 * TLS for us, also https. */
static bool is_own_origin(const char *origin, const authority *host) {
    const bool tls = strncasecmp(origin, "https://", 8) == 0;
    authority from;
    if (!tls && strncasecmp(origin, "http://", 7) != 0) return false;
    if (!read_authority(&from, origin + (tls ? 8 : 7)) || strcmp(from.host, host->host) != 0) return false;
    const int usual = tls ? 443 : 80, port = from.port ? from.port : usual;
    return port == (host->port ? host->port : usual);
}

/* A browser that tells the site is believed before one that tells the origin alone, since a proxy may have changed
 * what Origin is compared with; no page can write either. */
static bool check_origin(sv_request *req, const authority *host, int *result) {
    const char *origin = sv_header(req, "Origin"), *site = sv_header(req, "Sec-Fetch-Site");
    const bool own =
        site ? strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0 : !origin || is_own_origin(origin, host);
    if (own || req->head.cors) return true;
    *result = sv_reply_error(req, 403, "Origin",
                             "a page of another site may not do that here: its origin must be one of cors_origins");
    return false;
}

/* ---- what does it bring? ---- */

static bool is_type(const char *type, size_t size, const char *wanted) {
    return strlen(wanted) == size && strncasecmp(type, wanted, size) == 0;
}

/* `curl -d` calls what it sends a form, and simple clients call it nothing. A page can do so, too, but its browser
 * says where it comes from. */
static bool is_json(const sv_request *req, const char *type, size_t size) {
    const bool browser = sv_header(req, "Origin") || sv_header(req, "Sec-Fetch-Site");
    if (is_type(type, size, "application/json")) return true;
    if (size > 17 && strncasecmp(type, "application/", 12) == 0 && strncasecmp(type + size - 5, "+json", 5) == 0)
        return true;
    return !browser && (size == 0 || is_type(type, size, "application/x-www-form-urlencoded"));
}

/* What `curl -d` calls a form is a text to this path, too. */
static bool is_text(const char *type, size_t size) {
    return size == 0 || is_type(type, size, "text/plain") || is_type(type, size, "application/x-www-form-urlencoded");
}

bool sv_browser_check_type(sv_request *req, int *result) {
    const char *type = sv_header(req, "Content-Type");
    const size_t size = type ? strcspn(type, "; \t") : 0;
    if (!req->route || req->route->body == SV_BODY_NONE) return true;
    const char *sent = type ? type : "";
    const bool fits = req->route->body == SV_BODY_FORM   ? is_type(sent, size, "multipart/form-data")
                      : req->route->body == SV_BODY_TEXT ? is_text(sent, size)
                                                         : is_json(req, sent, size);
    if (fits) return true;
    *result =
        sv_reply_error(req, 415, "Content-Type", "%s",
                       req->route->body == SV_BODY_FORM
                           ? "send a multipart form with the fields name and audio (a recording as a file)"
                       : req->route->body == SV_BODY_TEXT ? "send the text as such, with Content-Type: text/plain"
                                                          : "send JSON, with Content-Type: application/json");
    return false;
}

/* ---- where do its users see us? ---- */

/* It goes into what the same client is answered, so nobody need vouch for it; but it is a path, and not another host.
 */
const char *sv_prefix(const sv_request *req) {
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    const char *prefix = sv_header(req, "X-Forwarded-Prefix");
    const size_t size = prefix ? strlen(prefix) : 0;
    if (size < 2 || size > SV_PREFIX_MAX || prefix[0] != '/' || strstr(prefix, "//") || prefix[strspn(prefix, safe)])
        return "";
    return prefix[size - 1] == '/' ? "" : prefix;
}

/* ---- all of it ---- */

static bool acts(const char *method) {
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "OPTIONS") != 0;
}

/* What a browser asks before it lets a page of another origin do more than a form could. */
static bool answer_preflight(sv_request *req, const char *method, int *result) {
    if (strcmp(method, "OPTIONS") != 0 || !req->head.cors || !req->head.allow[0]) return false;
    if (!sv_header(req, "Access-Control-Request-Method")) return false;
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (r) {
        MHD_add_response_header(r, "Access-Control-Allow-Methods", req->head.allow);
        MHD_add_response_header(r, "Access-Control-Allow-Headers",
                                "Authorization, Content-Type, Idempotency-Key, X-Request-Id, xi-api-key");
        MHD_add_response_header(r, "Access-Control-Max-Age", "600");
        if (sv_header(req, "Access-Control-Request-Private-Network"))
            MHD_add_response_header(r, "Access-Control-Allow-Private-Network", "true");
    }
    *result = sv_reply_response(req, 204, r);
    return true;
}

bool sv_browser_check(sv_request *req, const char *method, bool admin, int *result) {
    const char *origin = sv_header(req, "Origin");
    authority host;
    if (!check_host(req, admin, &host, result)) return false;
    req->head.cors = !admin && origin && is_listed(req->settings->config.cors_origins, origin);
    if (answer_preflight(req, method, result)) return false;
    /* A page may open a WebSocket anywhere, and its browser shows it what comes; nor may it make something by a GET.
     */
    const bool makes = req->route && !req->route->reads && !admin;
    return (!acts(method) && !makes) || check_origin(req, &host, result);
}
