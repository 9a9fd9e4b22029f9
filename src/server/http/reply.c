/* reply: what a request asked with, and what it is answered. The bottom of this module: all others answer through it.
 */
#include "server/http/reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

const char *sv_header(const sv_request *req, const char *name) {
    return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

const char *sv_query(const sv_request *req, const char *name) {
    return MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, name);
}

enum { REQUEST_ID = 16 };
static_assert(REQUEST_ID <= SV_ID_MAX, "a request has room for it");

void sv_request_id(char id[SV_ID_MAX + 1]) { (void)ev_random_hex(id, REQUEST_ID); }

/* Who may read it, for browsers (browser.c). */
static void add_browser_headers(const sv_request *req, struct MHD_Response *r) {
    static const char exposed[] = "X-Request-Id, X-Ignored-Fields, X-Sample-Rate, X-Omitted, X-Omitted-Ranges, "
                                  "X-Reference-Warnings, X-Audio-Provenance, Retry-After, "
                                  "Retry-After-Ms, Location, ETag";
    MHD_add_response_header(r, "Cross-Origin-Resource-Policy", req->head.cors ? "cross-origin" : "same-origin");
    if (*req->settings->config.cors_origins) MHD_add_response_header(r, "Vary", "Origin");
    if (!req->head.cors) return;
    if (!MHD_get_response_header(r, "Access-Control-Allow-Origin"))
        MHD_add_response_header(r, "Access-Control-Allow-Origin", sv_header(req, "Origin"));
    MHD_add_response_header(r, "Access-Control-Expose-Headers", exposed);
}

static void add_headers(sv_request *req, struct MHD_Response *r) {
    MHD_add_response_header(r, "X-Request-Id", req->request_id);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (req->answer.warnings[0]) MHD_add_response_header(r, "X-Reference-Warnings", req->answer.warnings);
    if (req->answer.ignored[0]) MHD_add_response_header(r, "X-Ignored-Fields", req->answer.ignored);
    if (atomic_load(&req->server->leaving)) MHD_add_response_header(r, "Connection", "close");
    add_browser_headers(req, r);
}

int sv_reply_send(sv_request *req, struct MHD_Response *response) {
    const int result = (int)MHD_queue_response(req->connection, (unsigned)req->answer.code, response);
    MHD_destroy_response(response);
    return result;
}

int sv_reply_response(sv_request *req, int code, struct MHD_Response *response) {
    assert(code >= 100 && code < 600);
    if (!response) return MHD_NO;
    add_headers(req, response);
    req->answer.code = code;
    if (code == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (code == 405) MHD_add_response_header(response, "Allow", req->head.allow);
    if (req->turn.executing) {
        req->answer.response = response;
        return MHD_YES;
    }
    return sv_reply_send(req, response);
}

int sv_reply_bytes(sv_request *req, int code, const char *media, const void *bytes, size_t size) {
    struct MHD_Response *r = MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    if (r) MHD_add_response_header(r, "Content-Type", media);
    return sv_reply_response(req, code, r);
}

int sv_reply_json(sv_request *req, int code, json_t *body) { return sv_reply_json_at(req, code, body, NULL); }

int sv_reply_json_at(sv_request *req, int code, json_t *body, const char *location) {
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    if (!text) return MHD_NO;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!r) free(text);
    if (r) MHD_add_response_header(r, "Content-Type", "application/json");
    if (r && location) MHD_add_response_header(r, "Location", location);
    return sv_reply_response(req, code, r);
}

const char *sv_error_type(int code) {
    switch (code) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    default: return code >= 500 ? "server_error" : "invalid_request_error";
    }
}

static json_t *error_body(sv_request *req, int code, const char *param, const char *message) {
    snprintf(req->answer.error, sizeof req->answer.error, "%s", message);
    req->answer.param = param;
    return json_pack("{s:{s:s, s:s, s:s?, s:n}}", "error", "message", message, "type", sv_error_type(code), "param",
                     param, "code");
}

int sv_reply_error(sv_request *req, int code, const char *param, const char *format, ...) {
    ev_error line = {0};
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ev_fail(&line, EV_E_ARGUMENT, "%s", message); /* a line that is UTF-8 and holds no control characters */
    return sv_reply_json(req, code, error_body(req, code, param, line.message));
}

int sv_reply_busy(sv_request *req, int code, int64_t retry_after_ms, const char *message) {
    char seconds[24], milliseconds[24];
    char *text = NULL;
    unsigned char jitter = 0; /* up to a quarter, so that those refused together do not come back together */
    if (getrandom(&jitter, 1, 0) == 1) retry_after_ms += retry_after_ms * jitter / 1024;
    json_t *body = error_body(req, code, NULL, message);
    if (body) text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text) return MHD_NO;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!r) free(text);
    snprintf(seconds, sizeof seconds, "%lld", (long long)(retry_after_ms + 999) / 1000);
    snprintf(milliseconds, sizeof milliseconds, "%lld", (long long)retry_after_ms);
    if (r) {
        MHD_add_response_header(r, "Content-Type", "application/json");
        MHD_add_response_header(r, "Retry-After", seconds);
        MHD_add_response_header(r, "Retry-After-Ms", milliseconds);
    }
    return sv_reply_response(req, code, r);
}
