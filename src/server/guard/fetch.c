/* fetch: an untrusted client's URL is fetched by us, from inside our network; so nothing of ours may be reached by
 * it. The one check that decides is made on the socket address, after name resolution and before the connection, for
 * every connection: spellings, names that change their address and redirects all end there. The URL itself is only
 * parsed by the library that will use it, since two parsers that disagree are a way around. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/guard/guard.h"

enum { URL_BYTES_MAX = 2048, HOST_BYTES_MAX = 256, OVERHEAD_BYTES_MAX = 65536 };

typedef struct fetch {
    const sv_fetch_options *options;
    ev_buf *body;
    CURL *curl;
    struct curl_slist *headers;
    bool host_listed;      /* the host of the hop at work may have private addresses */
    long port_listed;      /* the port it was listed with; 0: none */
    size_t overhead_bytes; /* headers, and bodies of redirects and errors */
    double deadline_s;
    sv_fetch_end fault; /* set by the callback that stopped the transfer */
} fetch;

void sv_fetch_options_init(sv_fetch_options *o) {
    *o = (sv_fetch_options){.bytes_max = 10 << 20,
                            .redirects_max = 3,
                            .connect_ms = 3000,
                            .total_ms = 10000,
                            .slow_bytes_s = 4096,
                            .slow_s = 3};
}

/* ---- what may be asked ---- */

/* Is the host the one that an item names? "*.b.example" is every name under b.example, not that one itself. */
static bool is_host_of(const char *item, size_t bytes, const char *host) {
    size_t length = strlen(host);
    if (host[0] == '[' && item[0] != '[') host++, length -= 2; /* an IPv6 address */
    if (bytes > 2 && item[0] == '*' && item[1] == '.') {
        const size_t tail = bytes - 1;
        return length > tail && strncasecmp(item + 1, host + length - tail, tail) == 0;
    }
    return bytes == length && strncasecmp(item, host, bytes) == 0;
}

static void find_host(fetch *f, const char *host, long port) {
    static const char SPLIT[] = ", \t";
    f->host_listed = false;
    f->port_listed = 0;
    for (const char *at = f->options->hosts ? f->options->hosts : ""; *(at += strspn(at, SPLIT)) != '\0';) {
        const size_t bytes = strcspn(at, SPLIT);
        size_t digits = 0; /* at the end, behind a colon: a port */
        while (digits < bytes && at[bytes - 1 - digits] >= '0' && at[bytes - 1 - digits] <= '9') digits++;
        const bool bare_v6 = at[0] != '[' && memchr(at, ':', bytes) != memrchr(at, ':', bytes);
        const bool with_port = digits && digits + 1 < bytes && at[bytes - 1 - digits] == ':' && !bare_v6;
        const size_t name = with_port ? bytes - 1 - digits : bytes;
        if (is_host_of(at, name, host) && (!with_port || strtol(at + name + 1, NULL, 10) == port)) {
            f->host_listed = true;
            if (with_port) f->port_listed = port;
        }
        at += bytes;
    }
}

static bool may_connect(const fetch *f, const struct sockaddr *to) {
    sv_address address;
    if (!sv_address_of(&address, to)) return false;
    if (f->host_listed || sv_networks_contain(&f->options->networks, &address)) return true;
    return !f->options->listed_only && sv_address_public(to) && !sv_address_own(to);
}

static bool is_port_open(const fetch *f, long port) {
    const sv_fetch_options *o = f->options;
    if (port == 443 || (port == 80 && o->http) || (port && port == f->port_listed)) return true;
    for (size_t i = 0; i < o->port_count; i++)
        if (o->ports[i] == port) return true;
    return false;
}

/* NULL, or why a URL is not asked, whatever is behind it. The port is always filled in by the parser. */
static const char *refuse_parts(const char *scheme, const char *host, const char *port, const fetch *f) {
    const sv_fetch_options *o = f->options;
    const bool http = strcmp(scheme, "http") == 0;
    if (strcmp(scheme, "https") != 0 && !(http && o->http))
        return o->http ? "begins neither with https:// nor with http://" : "does not begin with https://";
    if (host[0] == '\0' || strlen(host) >= HOST_BYTES_MAX) return "has no host name, or one that is too long";
    return is_port_open(f, strtol(port, NULL, 10))
               ? NULL
               : "names a port that is not asked: leave the port out, or list host:port in fetch_allow";
}

/* Puts the URL into `into`. NULL, or what is wrong with it. */
static const char *parse_url(CURLU *into, const char *url, fetch *f) {
    if (strlen(url) > URL_BYTES_MAX) return "is longer than 2048 bytes";
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7F)
            return "holds a blank or a control character: write it as %20 ...";
    const CURLUcode code = curl_url_set(into, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    if (code == CURLUE_USER_NOT_ALLOWED) return "holds a user name or password: leave them out";
    char *scheme = NULL, *host = NULL, *port = NULL;
    const char *fault = "is not a URL: write https://host/path";
    if (!code && !curl_url_get(into, CURLUPART_SCHEME, &scheme, 0) && !curl_url_get(into, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(into, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) {
        find_host(f, host, strtol(port, NULL, 10));
        fault = refuse_parts(scheme, host, port, f);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return fault;
}

/* ---- callbacks ---- */

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
    fetch *f = user;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(f, &to->addr)) {
        f->fault = SV_FETCH_BLOCKED;
        return CURL_SOCKET_BAD;
    }
    f->fault = SV_FETCH_OK; /* of several addresses, another may be public */
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Again, on what the connection says of itself, before anything is sent. */
static int on_ready(void *user, char *remote, char *local, int remote_port, int local_port) {
    (void)local, (void)local_port;
    fetch *f = user;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    const bool is_six = inet_pton(AF_INET6, remote, &six.sin6_addr) == 1;
    const bool known = is_six || inet_pton(AF_INET, remote, &four.sin_addr) == 1;
    const struct sockaddr *to = is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    if (known && is_port_open(f, remote_port) && may_connect(f, to)) {
        f->fault = SV_FETCH_OK; /* whatever was refused of its other addresses */
        return CURL_PREREQFUNC_OK;
    }
    f->fault = SV_FETCH_BLOCKED;
    return CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *bytes, size_t one, size_t n, void *user) {
    (void)bytes, (void)one;
    fetch *f = user;
    f->overhead_bytes += n;
    if (f->overhead_bytes <= OVERHEAD_BYTES_MAX) return n;
    f->fault = SV_FETCH_FAILED;
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *user) {
    fetch *f = user;
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || f->options->post)
        return on_header(bytes, one, n, user); /* an error page, a redirect's note: counted, dropped */
    if (n > f->options->bytes_max - f->body->size) {
        f->fault = SV_FETCH_TOO_LARGE;
        return 0;
    }
    if (n && !ev_buf_append(f->body, bytes, n)) {
        f->fault = SV_FETCH_MEMORY;
        return 0;
    }
    return n;
}

/* ---- one hop ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void curl_start(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

/* First what is forbidden, then limits; all of a new handle's other settings are off. */
static bool set_up(CURL *c, fetch *f) {
    const sv_fetch_options *o = f->options;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(c, option, value)
    SET(CURLOPT_PROTOCOLS_STR, o->http ? "https,http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* not even the environment's: it would hide the address from on_open */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "emotivoice/" EV_VERSION_STRING);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, f);
    SET(CURLOPT_PREREQFUNCTION, on_ready);
    SET(CURLOPT_PREREQDATA, f);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, f);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, f);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)o->slow_bytes_s);
    SET(CURLOPT_LOW_SPEED_TIME, (long)o->slow_s);
    SET(CURLOPT_MAXFILESIZE_LARGE,
        (curl_off_t)o->bytes_max); /* where the size is announced; on_body counts the rest */
    if (o->post) {
        SET(CURLOPT_POSTFIELDS, o->post); /* as long as its terminating zero */
        SET(CURLOPT_HTTPHEADER, f->headers);
    }
#undef SET
    return bad == CURLE_OK;
}

static sv_fetch_end end_of(const fetch *f, CURLcode code) {
    if (f->fault) return f->fault;
    switch (code) {
    case CURLE_OK: return SV_FETCH_OK;
    case CURLE_OPERATION_TIMEDOUT: return SV_FETCH_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED: return SV_FETCH_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY: return SV_FETCH_MEMORY;
    default: return SV_FETCH_FAILED;
    }
}

/* Asks one URL. A redirect is SV_FETCH_STATUS with its target in *next (curl_free). */
static sv_fetch_end ask(fetch *f, CURLU *url, char **next) {
    const double left_ms = (f->deadline_s - ev_clock_s()) * 1e3;
    if (left_ms < 1) return SV_FETCH_TIMEOUT;
    f->curl = curl_easy_init();
    f->fault = SV_FETCH_OK;
    f->overhead_bytes = 0;
    sv_fetch_end end = SV_FETCH_MEMORY;
    if (f->curl && set_up(f->curl, f) && !curl_easy_setopt(f->curl, CURLOPT_CURLU, url) &&
        !curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS, (long)left_ms)) {
        const CURLcode code = curl_easy_perform(f->curl);
        long status = 0;
        char *target = NULL;
        curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(f->curl, CURLINFO_REDIRECT_URL, &target);
        end = end_of(f, code);
        const bool well = f->options->post ? status / 100 == 2 : status == 200;
        if (end == SV_FETCH_OK && !well) end = SV_FETCH_STATUS;
        if (end == SV_FETCH_STATUS && target && !f->options->post && !(*next = strdup(target))) end = SV_FETCH_MEMORY;
    }
    curl_easy_cleanup(f->curl);
    f->curl = NULL;
    return end;
}

/* ---- all hops ---- */

/* Only the untrusted client's own URL is judged aloud: what a redirect's target is like is the server's secret. */
static sv_fetch_end follow(fetch *f, const char *url, const char **fault) {
    char *at = NULL;
    sv_fetch_end end = SV_FETCH_REDIRECTS;
    for (int32_t hop = 0; hop <= f->options->redirects_max; hop++) {
        CURLU *parsed = curl_url();
        char *next = NULL;
        const char *why = parsed ? parse_url(parsed, at ? at : url, f) : NULL;
        end = !parsed ? SV_FETCH_MEMORY : why ? SV_FETCH_BAD_URL : ask(f, parsed, &next);
        curl_url_cleanup(parsed);
        if (hop == 0) *fault = why;
        free(at);
        at = next;
        if (!next) break;
        end = SV_FETCH_REDIRECTS;
    }
    free(at);
    return end;
}

static ev_status status_of(sv_fetch_end end, const char *fault, const sv_fetch_options *o, ev_error *err) {
    switch (end) {
    case SV_FETCH_OK: return EV_OK;
    case SV_FETCH_MEMORY: return ev_fail(err, EV_E_MEMORY, "out of memory: fetching audio");
    case SV_FETCH_TOO_LARGE:
        return ev_fail(err, EV_E_AUDIO, "the audio behind the URL is larger than %zu bytes: give a shorter one",
                       o->bytes_max);
    case SV_FETCH_BAD_URL:
        if (fault) return ev_fail(err, EV_E_ARGUMENT, "the URL %s", fault);
        break;
    default: break;
    }
    return ev_fail(err, EV_E_IO,
                   "the URL could not be fetched: check that anyone can download it, or send the audio "
                   "itself");
}

/* A POST's headers; without "Expect", which would cost a round trip. */
static bool make_headers(fetch *f) {
    const char *const own[] = {"Content-Type: application/json", "Expect:"};
    bool ok = true;
    for (size_t i = 0; ok && i < EV_ARRAY_COUNT(own) + EV_ARRAY_COUNT(f->options->headers); i++) {
        const char *line = i < EV_ARRAY_COUNT(own) ? own[i] : f->options->headers[i - EV_ARRAY_COUNT(own)];
        if (!line) break;
        struct curl_slist *grown = curl_slist_append(f->headers, line);
        ok = grown != NULL;
        if (ok) f->headers = grown;
    }
    return ok;
}

ev_status sv_fetch(ev_buf *body, const char *url, const sv_fetch_options *options, sv_fetch_end *end, ev_error *err) {
    pthread_once(&curl_once, curl_start);
    fetch f = {.options = options, .body = body, .deadline_s = ev_clock_s() + options->total_ms * 1e-3};
    const char *fault = NULL;
    const sv_fetch_end how = options->post && !make_headers(&f) ? SV_FETCH_MEMORY : follow(&f, url, &fault);
    curl_slist_free_all(f.headers);
    if (how != SV_FETCH_OK) ev_buf_free(body);
    if (end) *end = how;
    return status_of(how, fault, options, err);
}
