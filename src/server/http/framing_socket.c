/* framing_socket: where the library reads. It calls recv(), and a program's own recv comes before the system's (as
 * any symbol's does that a program and a library have both): here, what arrives on HTTP's connections is judged
 * first, and for every other socket of the process it is the system's call. sv_gate_check tells at start whether that
 * is so, and http.c answers no request whose head was not judged, so that it cannot fail unseen.
 *
 * Epoll is edge-triggered: the library comes back when it got all it asked for, or when more arrives. So this gives
 * all there is, or keeps nothing but a head that is not whole.
 */
#undef _FORTIFY_SOURCE /* its inline recv would be a second definition */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http/connections.h"
#include "server/http/reply.h"

enum {
    GATES = 1 << 20, /* descriptors; their pages come as they are used */
    BLOCK = 4096,
    DRAIN_MAX = 1 << 20, /* bytes that are read behind a refusal: closing on unread ones takes the answer back */
};

static _Atomic(sv_gate *) gates[GATES];

bool sv_gate_open(sv_gate *g, sv_server *s, int fd, void (*head)(sv_gate *gate), void (*refused)(sv_gate *gate)) {
    *g = (sv_gate){.server = s, .fd = fd, .on_head = head, .on_refused = refused};
    if (fd < 0 || fd >= GATES) return false;
    atomic_store(&gates[fd], g);
    return true;
}

void sv_gate_close(sv_gate *g) {
    if (g->fd >= 0 && g->fd < GATES) atomic_store(&gates[g->fd], NULL);
    sv_framing_free(&g->framing);
}

/* ---- refusals ---- */

static void send_fault(const sv_gate *g, const char *id) {
    const sv_fault *fault = &g->framing.fault;
    ev_buf body = {0}, answer = {0};
    ev_buf_printf(&body, "{\"error\":{\"message\":");
    ev_buf_json_string(&body, fault->message, strlen(fault->message));
    ev_buf_printf(&body, ",\"type\":\"%s\",\"param\":null,\"code\":null}}", sv_error_type(fault->code));
    ev_buf_printf(&answer,
                  "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                  "X-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n\r\n%s",
                  fault->code, MHD_get_reason_phrase_for((unsigned)fault->code), body.size, id,
                  body.data ? (const char *)body.data : "");
    if (!body.failed && !answer.failed) (void)!send(g->fd, answer.data, answer.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    ev_buf_free(&body);
    ev_buf_free(&answer);
}

/* Before there was a request, which would have its own line. */
static void log_fault(const sv_gate *g, const char *id) {
    const sv_fault *fault = &g->framing.fault;
    const sv_log_request line = {.request_id = id,
                                 .route = sv_route_names[SV_ROUTE_OTHER],
                                 .code = fault->code,
                                 .duration_s = 0,
                                 .queue_s = -1,
                                 .audio_s = -1,
                                 .chars = -1,
                                 .error = fault->message};
    sv_metrics_request(g->server->metrics, SV_ROUTE_OTHER, fault->code, 0);
    sv_log_request_done(&g->server->log, &line);
}

/* Once; a request whose body is damaged ends with it, unless it is answered already. */
static void refuse(sv_gate *g) {
    sv_request *req = g->request;
    assert(!g->refused && g->framing.fault.code);
    char id[SV_ID_MAX + 1] = "";
    g->refused = true;
    sv_request_id(id);
    if (!req || !req->answer.code) send_fault(g, req ? req->request_id : id);
    if (!req) {
        log_fault(g, id);
    } else if (!req->answer.code) {
        req->answer.failed = true;
        req->answer.code = g->framing.fault.code;
        snprintf(req->answer.error, sizeof req->answer.error, "%s", g->framing.fault.message);
    }
    g->on_refused(g);
    shutdown(g->fd, SHUT_WR);
}

/* The client has its answer, and reads it when it has sent all it wanted to. */
static ssize_t drain(sv_gate *g, int flags) {
    char block[BLOCK];
    ssize_t got = 0;
    while (g->drained < DRAIN_MAX && (got = recvfrom(g->fd, block, sizeof block, flags, NULL, NULL)) > 0)
        g->drained += (size_t)got;
    return g->drained < DRAIN_MAX ? got : 0;
}

/* ---- reading ---- */

/* Some more bytes: a body's to where they are wanted, all others to be judged. */
static ssize_t read_some(sv_gate *g, char *out, size_t room, int flags, size_t *given) {
    const uint64_t plain = sv_framing_body_bytes(&g->framing);
    char block[BLOCK];
    if (!plain) {
        const ssize_t got = recvfrom(g->fd, block, sizeof block, flags, NULL, NULL);
        if (got > 0 && !g->request) g->on_head(g);
        if (got <= 0 || sv_framing_write(&g->framing, block, (size_t)got)) return got;
        errno = ECONNRESET;
        return -1;
    }
    const ssize_t got = recvfrom(g->fd, out, plain < room ? (size_t)plain : room, flags, NULL, NULL);
    if (got <= 0) return got;
    sv_framing_skip(&g->framing, (uint64_t)got);
    *given += (size_t)got;
    return got;
}

static ssize_t read_judged(sv_gate *g, char *out, size_t size, int flags) {
    size_t given = 0;
    ssize_t got = 1;
    while (!g->refused) {
        given += sv_framing_read(&g->framing, out + given, size - given);
        assert(given <= size);
        if (given == size && !g->framing.fault.code) return (ssize_t)given;
        if (g->framing.fault.code)
            refuse(g);
        else if ((got = read_some(g, out + given, size - given, flags, &given)) <= 0)
            return given ? (ssize_t)given : got;
    }
    return drain(g, flags);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *bytes, size_t size, int flags) {
    sv_gate *g = fd >= 0 && fd < GATES ? atomic_load(&gates[fd]) : NULL;
    return g ? read_judged(g, bytes, size, flags) : recvfrom(fd, bytes, size, flags, NULL, NULL);
}

ev_status sv_gate_check(ev_error *err) {
    void *found = dlsym(RTLD_DEFAULT, "recv");
    void *ours = NULL;
    ssize_t (*const own)(int, void *, size_t, int) = recv;
    memcpy(&ours, &own, sizeof ours);
    if (found == ours) return EV_OK;
    return ev_fail(err, EV_E_DEVICE,
                   "requests cannot be judged before libmicrohttpd reads them: link the program without "
                   "-Bsymbolic and without hiding recv");
}
