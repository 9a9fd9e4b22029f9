/* http: libmicrohttpd's callbacks <-> requests. A request is read whole (bodies are small), then answered by its
 * route.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/http/access.h"
#include "server/http/connections.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

enum {
    PATIENCE = 2,       /* times what a body may have that is read of it before its connection is cut */
    BODY_SMALL = 65536, /* bytes that are read in a few milliseconds */
    STRAY_BODY = 4096,  /* bytes that a route passes over which takes none: some clients send "{}" with everything */
};

/* ---- a request's life ---- */

static void free_body(sv_request *req) {
    ev_buf_free(&req->body.bytes);
    sv_claim_release(&req->body.claim);
}

static void name_request(sv_request *req) {
    const char *given = sv_header(req, "X-Request-Id");
    if (given && sv_log_id_valid(given))
        snprintf(req->request_id, sizeof req->request_id, "%s", given);
    else
        sv_request_id(req->request_id);
}

/* Who sends two has sent none. */
static enum MHD_Result find_trace(void *request, enum MHD_ValueKind kind, const char *name, const char *value) {
    sv_request *req = request;
    (void)kind;
    if (strcasecmp(name, "traceparent") != 0) return MHD_YES;
    if (req->span.traced)
        req->span.trace = (sv_trace){0};
    else
        sv_trace_parse(&req->span.trace, value);
    req->span.traced = true;
    return MHD_YES;
}

static sv_request *begin(sv_server *s, struct MHD_Connection *connection) {
    sv_request *req = calloc(1, sizeof *req);
    if (!req || !sv_connection_serves(connection, req)) {
        free(req);
        return NULL;
    }
    *req = (sv_request){.server = s,
                        .connection = connection,
                        .start = ev_clock_s(),
                        .turn.audio_lane = SV_LANE_AUDIO_FIRST,
                        .amount.chars = -1,
                        .amount.audio_s = -1,
                        .amount.queue_s = -1};
    req->settings = sv_settings_ref(s);
    name_request(req);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, find_trace, req);
    sv_connection_set_part(req, SV_PART_BODY);
    atomic_fetch_add(&s->in_flight, 1);
    sv_metric_add(s->metrics, SV_METRIC_REQUESTS_IN_FLIGHT, 0, 1);
    return req;
}

static int refuse(sv_request *req, int result) {
    req->body.refused = true;
    return result;
}

static int64_t body_most(const sv_request *req) {
    return req->route && req->route->body == SV_BODY_NONE ? STRAY_BODY : req->settings->config.body_max;
}

static int refuse_body(sv_request *req) {
    if (req->route->body == SV_BODY_NONE) return sv_reply_error(req, 413, NULL, "this path takes no body: send none");
    return sv_reply_error(req, 413, NULL, "the body is too large: send at most %lld bytes",
                          (long long)req->settings->config.body_max);
}

/* What can be said before the body is read. */
static int open_request(sv_request *req, const char *method, const char *path, bool admin) {
    int result = MHD_YES;
    req->head.path = path;
    req->route =
        req->server->find_route(method, path, admin, req->settings->config.simple, req->head.id, req->head.allow);
    if (!sv_browser_check(req, method, admin, &result)) return refuse(req, result);
    if (!sv_access_check(req, &result)) return refuse(req, result);
    if (!req->route && req->head.allow[0]) {
        return refuse(req,
                      sv_reply_error(req, 405, NULL, "%s is not for this path: use %s", method, req->head.allow));
    }
    if (!req->route) return refuse(req, sv_reply_error(req, 404, NULL, "there is no such path: see /openapi.json"));
    if (!sv_browser_check_type(req, &result)) return refuse(req, result);
    const char *length = sv_header(req, "Content-Length");
    const bool far_too_large = length && strtoll(length, NULL, 10) > PATIENCE * body_most(req);
    return far_too_large ? refuse(req, refuse_body(req)) : MHD_YES;
}

enum { BODY_STEP = 64 << 10, BODY_PART = 2 }; /* half of a client's memory is for its bodies: the rest of it speaks */

/* Memory for what has come of it. Where there is none, what was kept is let go, and the rest passed over. */
static bool claim_body(sv_request *req) {
    const int64_t bytes = (req->body.received + BODY_STEP) / BODY_STEP * BODY_STEP;
    if (bytes <= req->body.claim.bytes) return true;
    req->body.no_memory =
        sv_claim_set(req->server->ledger, &req->body.claim, req->client.account, bytes, BODY_PART) != SV_CLAIM_OK;
    if (req->body.no_memory) free_body(req);
    return !req->body.no_memory;
}

/* A body somewhat too large is read to its end and thrown away: most clients look for the answer only then. */
static int take_body(sv_request *req, const char *bytes, size_t *size) {
    const int64_t most = body_most(req);
    req->body.received += (int64_t)*size;
    const bool wanted = req->route && req->route->body != SV_BODY_NONE && !req->body.refused &&
                        !req->body.no_memory && req->body.received <= most;
    if (wanted && claim_body(req)) ev_buf_append(&req->body.bytes, bytes, *size);
    if (req->body.received > most) req->body.too_large = true;
    *size = 0;
    return req->body.received > PATIENCE * most ? MHD_NO : MHD_YES;
}

static int close_body(sv_request *req) {
    sv_connection_set_part(req, SV_PART_ANSWER);
    if (req->body.too_large) return refuse_body(req);
    if (req->body.no_memory)
        return sv_reply_busy(req, 503, 2000,
                             "there is no memory left for your requests: send fewer at once, or try later");
    if (req->body.bytes.failed) return sv_reply_error(req, 503, NULL, "out of memory: try again later");
    assert(req->route); /* without one it was answered */
    const sv_lane lane = req->body.bytes.size > BODY_SMALL ? SV_LANE_BULK : req->route->lane;
    if (lane == SV_LANE_NONE) return req->route->answer(req);
    sv_execute_answer(req, lane);
    return MHD_YES;
}

/* A request that was suspended goes on. */
static int go_on(sv_request *req) {
    sv_request_resumed(req);
    if (req->wait.disconnected) return MHD_NO;
    if (req->turn.rejected) {
        req->turn.rejected = false;
        return sv_reply_busy(req, 503, 2000, "too much of this is being done: try again later");
    }
    if (req->answer.response) {
        struct MHD_Response *answer = req->answer.response;
        req->answer.response = NULL;
        return sv_reply_send(req, answer);
    }
    return req->turn.next == SV_NEXT_UPLOAD || req->turn.next == SV_NEXT_TICKET ? req->turn.resumed(req) : MHD_NO;
}

static int access_handler(sv_server *s, bool admin, struct MHD_Connection *connection, const char *path,
                          const char *method, const char *version, const char *bytes, size_t *size, void **state) {
    sv_request *req = *state;
    if (!req) {
        *state = req = begin(s, connection);
        if (req) req->wait.interim = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
        return req ? open_request(req, method, path, admin) : MHD_NO;
    }
    if (*size) return take_body(req, bytes, size);
    if (req->wait.suspended) return go_on(req);
    if (req->answer.code) return MHD_YES;
    req->head.path = path;
    return close_body(req);
}

static enum MHD_Result on_public(void *server, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes, size_t *size,
                                 void **state) {
    return (enum MHD_Result)access_handler(server, false, connection, path, method, version, bytes, size, state);
}

static enum MHD_Result on_admin(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                                const char *version, const char *bytes, size_t *size, void **state) {
    return (enum MHD_Result)access_handler(server, true, connection, path, method, version, bytes, size, state);
}

static void write_log(sv_request *req, double seconds) {
    const sv_route route = req->route ? req->route->counted : SV_ROUTE_OTHER;
    const sv_log_request line = {.request_id = req->request_id,
                                 .trace_id = req->span.trace.trace,
                                 .parent_id = req->span.trace.parent,
                                 .route = sv_route_names[route],
                                 .code = req->answer.code,
                                 .duration_s = seconds,
                                 .queue_s = req->amount.queue_s,
                                 .audio_s = req->amount.audio_s,
                                 .chars = req->amount.chars,
                                 .account = req->client.has_key ? req->client.account : NULL,
                                 .key_prefix = req->client.has_key ? req->client.key_prefix : NULL,
                                 .param = req->answer.param,
                                 .error = req->answer.error[0] ? req->answer.error : NULL,
                                 .text = req->job ? req->job->speech.text : NULL,
                                 .text_bytes = req->job ? req->job->speech.text_bytes : 0};
    sv_metrics_request(req->server->metrics, route, req->answer.code, seconds);
    sv_log_request_done(&req->server->log, &line);
}

void sv_request_leave_job(sv_request *req) {
    if (!req->job) return;
    sv_job_forget_waiter(req->job, &req->wait.waiter);
    if (!req->wait.disconnected) atomic_fetch_sub(&req->job->listeners, 1);
    if (!sv_job_over(sv_job_snapshot(req->job, NULL, NULL, NULL))) sv_backend_nudge(req->server->backend);
    sv_job_unref(&req->job);
}

/* 408: its body took too long; 499: the client left before it had its answer, or did not read it */
static void note_left(sv_request *req) {
    req->answer.code = sv_connection_was_cut(req, SV_PART_BODY) ? 408 : 499;
    snprintf(req->answer.error, sizeof req->answer.error, "%s",
             sv_connection_was_cut(req, SV_PART_ANSWER) ? "the answer was read too slowly" : "");
}

static void on_completed(void *server, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode end) {
    (void)server;
    sv_request *req = *state;
    *state = NULL;
    if (!req) return;
    sv_request_resumed(req);
    if (!req->answer.failed && end != MHD_REQUEST_TERMINATED_COMPLETED_OK &&
        end != MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN)
        note_left(req);
    sv_connection_set_part(req, SV_PART_HEAD);
    (void)sv_connection_serves(connection, NULL);
    const double now_s = ev_clock_s();
    write_log(req, now_s - req->start);
    sv_spans_end(req, now_s);
    sv_request_leave_job(req);
    sv_uploads_remove(req->server->uploads, &req->upload);
    sv_ticket_drop(&req->ticket);
    if (req->answer.cleanup) req->answer.cleanup(req);
    sv_settings_unref(&req->settings);
    assert(atomic_load(&req->server->in_flight) > 0);
    atomic_fetch_sub(&req->server->in_flight, 1);
    sv_metric_add(req->server->metrics, SV_METRIC_REQUESTS_IN_FLIGHT, 0, -1);
    free_body(req);
    if (req->answer.response) MHD_destroy_response(req->answer.response);
    free(req);
}

/* The library's own limit counts addresses, and an IPv6 client has more of them than it can open connections; it is
 * good enough for the admin listener, which is not for untrusted clients. */
static enum MHD_Result accept_policy(void *server, const struct sockaddr *peer, socklen_t size) {
    (void)size;
    return sv_connection_allowed(server, peer) ? MHD_YES : MHD_NO;
}

static void on_public_connection(void *server, struct MHD_Connection *connection, void **state,
                                 enum MHD_ConnectionNotificationCode what) {
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        sv_connection_opened(server, connection, true, state);
    else
        sv_connection_closed(server, state);
}

static void on_admin_connection(void *server, struct MHD_Connection *connection, void **state,
                                enum MHD_ConnectionNotificationCode what) {
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        sv_connection_opened(server, connection, false, state);
    else
        sv_connection_closed(server, state);
}

static void on_log(void *server, const char *format, va_list arguments) {
    sv_server *s = server;
    char line[300];
    vsnprintf(line, sizeof line, format, arguments);
    sv_log_line(&s->log, SV_LEVEL_DEBUG, NULL, "http: %s", line);
}

/* ---- listeners ---- */

static int open_socket(const char *address, ev_error *err) {
    char host[SV_LIST_ITEM_MAX], service[16];
    int port, fd = -1;
    const int on = 1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    if (!sv_address_split(address, host, &port)) {
        ev_fail(err, EV_E_ARGUMENT, "'%s' is no address: give host:port", address);
        return -1;
    }
    snprintf(service, sizeof service, "%d", port);
    const int failed = getaddrinfo(host, service, &hints, &found);
    if (failed) {
        ev_fail(err, EV_E_IO, "%s: %s", address, gai_strerror(failed));
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1024) != 0) {
        ev_fail(err, EV_E_IO,
                "cannot listen on %s: %s; is another service running there? End it, or listen elsewhere", address,
                strerror(errno));
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

int sv_http_open_socket(sv_config_key key, const char *address, ev_error *err) {
    const int given = sv_supervisor_socket(key);
    return given >= 0 ? given : open_socket(address, err);
}

static ev_status start_daemon(sv_server *s, struct MHD_Daemon **out, bool admin, ev_error *err) {
    const sv_config *c = &s->config;
    const char *address = admin ? c->admin_listen : c->listen;
    const int fd = sv_http_open_socket(admin ? SV_KEY_admin_listen : SV_KEY_listen, address, err);
    if (fd < 0) return EV_E_IO;
    *out = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC |
            (admin ? 0 : MHD_ALLOW_UPGRADE),
        0, admin ? NULL : accept_policy, s, admin ? on_admin : on_public, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        admin ? on_admin_connection : on_public_connection, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)c->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT, admin ? (unsigned)c->connections_per_ip : 0,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(c->idle_timeout + 0.5), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)32768, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (*out) return EV_OK;
    close(fd);
    return ev_fail(err, EV_E_IO, "the HTTP server cannot start on %s", address);
}

ev_status sv_http_listen(sv_server *s, sv_route_finder *find_route, ev_error *err) {
    s->find_route = find_route;
    s->hangups = epoll_create1(EPOLL_CLOEXEC);
    if (s->hangups < 0) return ev_fail(err, EV_E_IO, "no descriptor is left: raise the limit on open files");
    ev_status status = sv_gate_check(err);
    if (status == EV_OK && !s->worker) status = start_daemon(s, &s->public_daemon, false, err);
    if (status == EV_OK && *s->config.admin_listen) status = start_daemon(s, &s->admin_daemon, true, err);
    return status;
}

/* All jobs and uploads are over: nothing is suspended any more. */
void sv_http_stop(sv_server *s) {
    sv_http_hand_over(s); /* the library shuts down what it still listens on */
    if (s->public_daemon) MHD_stop_daemon(s->public_daemon);
    if (s->admin_daemon) MHD_stop_daemon(s->admin_daemon);
    s->public_daemon = s->admin_daemon = NULL;
    if (s->hangups > 0) close(s->hangups);
    s->hangups = 0;
}
