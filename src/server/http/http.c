/* http: libmicrohttpd's callbacks <-> exchanges. A request is read whole (bodies are small), then answered by its
 * route. An answer that has to wait suspends its connection, so that ten thousand listeners need no thread.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server.h"

enum {
    PATIENCE = 2,       /* times what a body may have that is read of it before its connection is cut */
    BODY_SMALL = 65536, /* bytes that are read in a few milliseconds */
    STRAY_BODY = 4096,  /* bytes that a route passes over which takes none: some clients send "{}" with everything */
};

/* ---- replies ---- */

static void add_headers(sv_exchange *x, struct MHD_Response *r) {
    MHD_add_response_header(r, "X-Request-Id", x->request_id);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (atomic_load(&x->server->leaving)) MHD_add_response_header(r, "Connection", "close");
    sv_browser_headers(x, r);
}

static int send_response(sv_exchange *x, struct MHD_Response *response) {
    const int result = (int)MHD_queue_response(x->connection, (unsigned)x->code, response);
    MHD_destroy_response(response);
    return result;
}

int sv_reply_response(sv_exchange *x, int code, struct MHD_Response *response) {
    if (!response) return MHD_NO;
    add_headers(x, response);
    x->code = code;
    if (code == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (code == 405) MHD_add_response_header(response, "Allow", x->allow);
    if (x->at_desk) {
        x->answer = response;
        return MHD_YES;
    }
    return send_response(x, response);
}

int sv_reply_bytes(sv_exchange *x, int code, const char *media, const void *bytes, size_t size) {
    struct MHD_Response *r = MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
    if (r) MHD_add_response_header(r, "Content-Type", media);
    return sv_reply_response(x, code, r);
}

int sv_reply_json(sv_exchange *x, int code, json_t *body) {
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    if (!text) return MHD_NO;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!r) free(text);
    if (r) MHD_add_response_header(r, "Content-Type", "application/json");
    return sv_reply_response(x, code, r);
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

static json_t *error_body(sv_exchange *x, int code, const char *param, const char *message) {
    snprintf(x->error, sizeof x->error, "%s", message);
    x->param = param;
    return json_pack("{s:{s:s, s:s, s:s?, s:n}}", "error", "message", message, "type", sv_error_type(code), "param",
                     param, "code");
}

int sv_reply_error(sv_exchange *x, int code, const char *param, const char *format, ...) {
    ev_error line = {0};
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ev_fail(&line, EV_E_ARGUMENT, "%s", message); /* a line that is UTF-8 and holds no control characters */
    return sv_reply_json(x, code, error_body(x, code, param, line.message));
}

int sv_reply_busy(sv_exchange *x, int code, int64_t retry_after_ms, const char *message) {
    char seconds[24], milliseconds[24];
    char *text = NULL;
    unsigned char jitter = 0; /* up to a quarter, so that those refused together do not come back together */
    if (getrandom(&jitter, 1, 0) == 1) retry_after_ms += retry_after_ms * jitter / 1024;
    json_t *body = error_body(x, code, NULL, message);
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
    return sv_reply_response(x, code, r);
}

const char *sv_header(const sv_exchange *x, const char *name) {
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

const char *sv_query(const sv_exchange *x, const char *name) {
    return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- waiting ---- */

static void wake(void *user) {
    sv_exchange *x = user;
    MHD_resume_connection(x->connection);
}

static void note_waiting(sv_exchange *x, bool waits) {
    sv_server *s = x->server;
    if (x->suspended == waits) return;
    pthread_mutex_lock(&s->lock);
    if (waits) {
        x->next_waiting = s->waiting;
        s->waiting = x;
    } else {
        for (sv_exchange **at = &s->waiting; *at; at = &(*at)->next_waiting) {
            if (*at != x) continue;
            *at = x->next_waiting;
            break;
        }
    }
    x->suspended = waits;
    sv_connection_rests(x, waits);
    pthread_mutex_unlock(&s->lock);
}

/* Before the waiter is listed anywhere: a wake that came between the two would be lost. */
static void suspend(sv_exchange *x) {
    MHD_suspend_connection(x->connection);
    note_waiting(x, true);
}

void sv_suspend(sv_exchange *x, size_t at) {
    x->waiter = (sv_waiter){.wake = wake, .user = x, .at = at};
    suspend(x);
    if (!sv_job_wait(x->job, &x->waiter)) MHD_resume_connection(x->connection);
}

int sv_wait(sv_exchange *x, size_t at, int (*resumed)(sv_exchange *x)) {
    x->resumed = resumed;
    x->waiter.at = at;
    x->next = SV_NEXT_JOB;
    return MHD_YES;
}

int sv_wait_for_upload(sv_exchange *x, int (*resumed)(sv_exchange *x)) {
    x->resumed = resumed;
    x->upload->wake = wake;
    x->upload->user = x;
    x->next = SV_NEXT_UPLOAD;
    return MHD_YES;
}

int sv_again(sv_exchange *x, int (*resumed)(sv_exchange *x)) {
    x->resumed = resumed;
    x->next = SV_NEXT_AGAIN;
    return MHD_YES;
}

/* ---- the desk ---- */

/* Of an exchange that is suspended. */
static void put_on_desk(sv_exchange *x, sv_lane lane, void (*run)(void *user)) {
    x->errand = (sv_errand){.run = run, .user = x, .account = x->client.account};
    if (sv_desk_put(x->server->desk, lane, &x->errand)) return;
    x->turned_away = true;
    MHD_resume_connection(x->connection);
}

/* Whether the client is still there; then nobody else looks at the exchange until it leaves the desk. */
static bool arrive(sv_exchange *x) {
    pthread_mutex_lock(&x->server->lock);
    const bool there = !x->gone;
    x->at_desk = there;
    pthread_mutex_unlock(&x->server->lock);
    if (!there) MHD_resume_connection(x->connection); /* and x may be gone with it */
    return there;
}

static void leave(sv_exchange *x) {
    pthread_mutex_lock(&x->server->lock);
    x->at_desk = false;
    pthread_mutex_unlock(&x->server->lock);
}

static void answer_at_desk(void *exchange);
static void wake_to_answer(void *exchange) { put_on_desk(exchange, SV_LANE_AUDIO, answer_at_desk); }

static void drop_body(sv_exchange *x) {
    ev_buf_free(&x->body);
    sv_claim_drop(&x->claim);
}

/* By its route, and when what that waits for is there, by what comes then. */
static void answer_at_desk(void *exchange) {
    sv_exchange *x = exchange;
    if (!arrive(x)) return;
    x->next = SV_NEXT_ANSWER;
    (void)(x->resumed ? x->resumed(x) : x->route->answer(x)); /* without an answer, the connection is closed */
    ev_buf_free(&x->body);                                    /* it was read, and the answer may take minutes */
    if (!x->upload) sv_claim_drop(&x->claim);                 /* an upload's recording is still there */
    leave(x);
    switch (x->next) {
    case SV_NEXT_AGAIN: wake_to_answer(x); return;
    case SV_NEXT_UPLOAD: sv_uploads_put(x->server->uploads, x->upload); return;
    case SV_NEXT_JOB:
        x->waiter = (sv_waiter){.wake = wake_to_answer, .user = x, .at = x->waiter.at};
        if (!sv_job_wait(x->job, &x->waiter)) wake_to_answer(x);
        return;
    default: MHD_resume_connection(x->connection);
    }
}

static void work_at_desk(void *exchange);
static void wake_to_work(void *exchange) { put_on_desk(exchange, SV_LANE_AUDIO, work_at_desk); }

static void work_at_desk(void *exchange) {
    sv_exchange *x = exchange;
    size_t at;
    if (!arrive(x)) return;
    const bool done = x->work(x, &at);
    leave(x);
    if (done) {
        MHD_resume_connection(x->connection);
        return;
    }
    x->waiter = (sv_waiter){.wake = wake_to_work, .user = x, .at = at};
    if (!sv_job_wait(x->job, &x->waiter)) wake_to_work(x);
}

void sv_suspend_for(sv_exchange *x, bool (*work)(sv_exchange *x, size_t *at)) {
    x->work = work;
    suspend(x);
    wake_to_work(x);
}

void sv_exchange_resumed(sv_exchange *x) { note_waiting(x, false); }

#define HALF_CLOSED_S 1.0 /* how long one that sends no more is waited for before it is asked whether it is there */

/* A client that closed its side may have left, or wait for its answer: both look the same until something is sent.
 * The one thing that may be sent before an answer is "100 Continue"; who left answers it with a reset. Under the
 * lock, so that the library does not write at the same time: the connection is suspended. */
static bool has_left(sv_exchange *x, const struct pollfd *seen, double now) {
    static const char there[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (seen->revents & (POLLHUP | POLLERR)) return true;
    if (x->half == 0) x->half = now;
    if (!x->interim || x->code || now - x->half < HALF_CLOSED_S) return false;
    x->interim = false;
    return send(seen->fd, there, sizeof there - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
}

/* A client that closed its side while it waits is seen by its socket alone: nobody reads a suspended connection. */
void sv_http_look_for_gone(sv_server *s) {
    bool left = false;
    const double now = ev_clock_s();
    pthread_mutex_lock(&s->lock);
    for (sv_exchange *x = s->waiting; x; x = x->next_waiting) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd look = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
        if (!info || poll(&look, 1, 0) != 1 || !(look.revents & (POLLRDHUP | POLLHUP | POLLERR))) continue;
        if (x->gone || x->at_desk || !has_left(x, &look, now)) continue;
        x->gone = left = true;
        if (x->job) atomic_fetch_sub(&x->job->listeners, 1);
        if (x->upload) atomic_store(&x->upload->left, true);
    }
    pthread_mutex_unlock(&s->lock);
    if (left) sv_engine_nudge(s->engine);
}

/* ---- an exchange's life ---- */

void sv_request_id(char id[SV_ID_MAX + 1]) {
    unsigned char bytes[8] = {0};
    id[0] = '\0';
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return;
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

static void name_request(sv_exchange *x) {
    const char *given = sv_header(x, "X-Request-Id");
    if (given && sv_log_id_valid(given))
        snprintf(x->request_id, sizeof x->request_id, "%s", given);
    else
        sv_request_id(x->request_id);
}

static sv_exchange *begin(sv_server *s, struct MHD_Connection *connection) {
    sv_exchange *x = calloc(1, sizeof *x);
    if (!x || !sv_connection_serves(connection, x)) {
        free(x);
        return NULL;
    }
    *x = (sv_exchange){
        .server = s, .connection = connection, .start = ev_clock_s(), .chars = -1, .audio_s = -1, .queue_s = -1};
    x->access = sv_access_hold(s);
    name_request(x);
    sv_connection_note(x, SV_PART_BODY);
    atomic_fetch_add(&s->in_flight, 1);
    sv_metric_add(s->metrics, SV_METRIC_REQUESTS_IN_FLIGHT, 0, 1);
    return x;
}

static int refuse(sv_exchange *x, int result) {
    x->refused = true;
    return result;
}

static int64_t body_most(const sv_exchange *x) {
    return x->route && x->route->body == SV_BODY_NONE ? STRAY_BODY : x->access->config.body_max;
}

static int refuse_body(sv_exchange *x) {
    if (x->route->body == SV_BODY_NONE) return sv_reply_error(x, 413, NULL, "this path takes no body: send none");
    return sv_reply_error(x, 413, NULL, "the body is too large: send at most %lld bytes",
                          (long long)x->access->config.body_max);
}

/* What can be said before the body is read. */
static int open_exchange(sv_exchange *x, const char *method, const char *path, bool admin) {
    int result = MHD_YES;
    x->path = path;
    x->route = sv_route_find(method, path, admin, x->id, x->allow);
    if (!sv_browser_check(x, method, admin, &result)) return refuse(x, result);
    if (!sv_access_check(x, &result)) return refuse(x, result);
    if (!x->route && x->allow[0]) {
        return refuse(x, sv_reply_error(x, 405, NULL, "%s is not for this path: use %s", method, x->allow));
    }
    if (!x->route) return refuse(x, sv_reply_error(x, 404, NULL, "there is no such path: see /openapi.json"));
    if (!sv_browser_check_type(x, &result)) return refuse(x, result);
    const char *length = sv_header(x, "Content-Length");
    const bool hopeless = length && strtoll(length, NULL, 10) > PATIENCE * body_most(x);
    return hopeless ? refuse(x, refuse_body(x)) : MHD_YES;
}

enum { BODY_STEP = 64 << 10, BODY_PART = 2 }; /* half of a client's memory is for its bodies: the rest of it speaks */

/* Memory for what has come of it. Where there is none, what was kept is let go, and the rest passed over. */
static bool claim_body(sv_exchange *x) {
    const int64_t bytes = (x->received + BODY_STEP) / BODY_STEP * BODY_STEP;
    if (bytes <= x->claim.bytes) return true;
    x->no_room = sv_claim_set(x->server->ledger, &x->claim, x->client.account, bytes, BODY_PART) != SV_ROOM;
    if (x->no_room) drop_body(x);
    return !x->no_room;
}

/* A body somewhat too large is read to its end and thrown away: most clients look for the answer only then. */
static int take_body(sv_exchange *x, const char *bytes, size_t *size) {
    const int64_t most = body_most(x);
    x->received += (int64_t)*size;
    const bool wanted =
        x->route && x->route->body != SV_BODY_NONE && !x->refused && !x->no_room && x->received <= most;
    if (wanted && claim_body(x)) ev_buf_append(&x->body, bytes, *size);
    if (x->received > most) x->too_large = true;
    *size = 0;
    return x->received > PATIENCE * most ? MHD_NO : MHD_YES;
}

static int close_body(sv_exchange *x) {
    sv_connection_note(x, SV_PART_ANSWER);
    if (x->too_large) return refuse_body(x);
    if (x->no_room)
        return sv_reply_busy(x, 503, 2000,
                             "there is no memory left for your requests: send fewer at once, or try later");
    if (x->body.failed) return sv_reply_error(x, 503, NULL, "out of memory: try again later");
    const sv_lane lane = x->body.size > BODY_SMALL ? SV_LANE_BULK : x->route->lane;
    if (lane == SV_LANE_NONE) return x->route->answer(x);
    suspend(x);
    put_on_desk(x, lane, answer_at_desk);
    return MHD_YES;
}

/* An exchange that was suspended goes on. */
static int go_on(sv_exchange *x) {
    note_waiting(x, false);
    if (x->gone) return MHD_NO;
    if (x->turned_away) {
        x->turned_away = false;
        return sv_reply_busy(x, 503, 2000, "too much of this is being done: try again later");
    }
    if (x->answer) {
        struct MHD_Response *answer = x->answer;
        x->answer = NULL;
        return send_response(x, answer);
    }
    return x->next == SV_NEXT_UPLOAD ? x->resumed(x) : MHD_NO;
}

static int access_handler(sv_server *s, bool admin, struct MHD_Connection *connection, const char *path,
                          const char *method, const char *version, const char *bytes, size_t *size, void **state) {
    sv_exchange *x = *state;
    if (!x) {
        *state = x = begin(s, connection);
        if (x) x->interim = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
        return x ? open_exchange(x, method, path, admin) : MHD_NO;
    }
    if (*size) return take_body(x, bytes, size);
    if (x->suspended) return go_on(x);
    if (x->code) return MHD_YES;
    x->path = path;
    return close_body(x);
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

static void write_log(sv_exchange *x, double seconds) {
    const sv_route route = x->route ? x->route->counted : SV_ROUTE_OTHER;
    const sv_log_request line = {.request_id = x->request_id,
                                 .route = sv_route_names[route],
                                 .code = x->code,
                                 .duration_s = seconds,
                                 .queue_s = x->queue_s,
                                 .audio_s = x->audio_s,
                                 .chars = x->chars,
                                 .account = x->client.has_key ? x->client.account : NULL,
                                 .key_prefix = x->client.has_key ? x->client.key_prefix : NULL,
                                 .param = x->param,
                                 .error = x->error[0] ? x->error : NULL,
                                 .text = x->job ? x->job->speech.text : NULL,
                                 .text_bytes = x->job ? x->job->speech.text_bytes : 0};
    sv_metrics_request(x->server->metrics, route, x->code, seconds);
    sv_log_request_done(&x->server->log, &line);
}

static void leave_job(sv_exchange *x) {
    if (!x->job) return;
    sv_job_forget_waiter(x->job, &x->waiter);
    if (!x->gone) atomic_fetch_sub(&x->job->listeners, 1);
    if (!sv_job_over(sv_job_look(x->job, NULL, NULL, NULL))) sv_engine_nudge(x->server->engine);
    sv_job_drop(&x->job);
}

/* 408: its body took too long; 499: the client left before it had its answer, or did not read it */
static void note_left(sv_exchange *x) {
    x->code = sv_connection_was_cut(x, SV_PART_BODY) ? 408 : 499;
    snprintf(x->error, sizeof x->error, "%s",
             sv_connection_was_cut(x, SV_PART_ANSWER) ? "the answer was read too slowly" : "");
}

static void on_completed(void *server, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode end) {
    (void)server;
    sv_exchange *x = *state;
    *state = NULL;
    if (!x) return;
    note_waiting(x, false);
    if (!x->failed && end != MHD_REQUEST_TERMINATED_COMPLETED_OK && end != MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN)
        note_left(x);
    sv_connection_note(x, SV_PART_HEAD);
    (void)sv_connection_serves(connection, NULL);
    write_log(x, ev_clock_s() - x->start);
    leave_job(x);
    sv_uploads_drop(x->server->uploads, &x->upload);
    sv_listener_free(&x->listener);
    sv_access_drop(&x->access);
    atomic_fetch_sub(&x->server->in_flight, 1);
    sv_metric_add(x->server->metrics, SV_METRIC_REQUESTS_IN_FLIGHT, 0, -1);
    drop_body(x);
    if (x->answer) MHD_destroy_response(x->answer);
    free(x);
}

/* The library's own limit counts addresses, and an IPv6 client has more of them than it can open connections; it is
 * good enough for the admin listener, which is not for strangers. */
static enum MHD_Result on_knock(void *server, const struct sockaddr *peer, socklen_t size) {
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
        ev_fail(err, EV_E_IO, "cannot listen on %s: %s; is another service running there?", address, strerror(errno));
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static ev_status start_daemon(sv_server *s, struct MHD_Daemon **out, const char *address, bool admin, ev_error *err) {
    const sv_config *c = &s->config;
    const int fd = open_socket(address, err);
    if (fd < 0) return EV_E_IO;
    *out = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC, 0,
        admin ? NULL : on_knock, s, admin ? on_admin : on_public, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        admin ? on_admin_connection : on_public_connection, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)c->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT, admin ? (unsigned)c->connections_per_ip : 0,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(c->idle_timeout + 0.5), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)32768, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (*out) return EV_OK;
    close(fd);
    return ev_fail(err, EV_E_IO, "the HTTP server cannot start on %s", address);
}

ev_status sv_http_start(sv_server *s, ev_error *err) {
    ev_status status = sv_gate_check(err);
    if (status == EV_OK) status = start_daemon(s, &s->public_daemon, s->config.listen, false, err);
    if (status == EV_OK && *s->config.admin_listen) {
        status = start_daemon(s, &s->admin_daemon, s->config.admin_listen, true, err);
    }
    return status;
}

/* All jobs and uploads are over: nothing is suspended any more. */
void sv_http_stop(sv_server *s) {
    if (s->public_daemon) MHD_stop_daemon(s->public_daemon);
    if (s->admin_daemon) MHD_stop_daemon(s->admin_daemon);
    s->public_daemon = s->admin_daemon = NULL;
}
