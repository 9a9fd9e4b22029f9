/* websocket: the handshake, one thread for each connection, frames in and out. */
#include "server/sockets/websocket.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "server/http/connections.h"
#include "server/http/reply.h"
#include "server/sockets/websocket_session.h"

enum {
    MESSAGE_MAX = 64 << 10, /* bytes of a client's message; longer ones end the connection (1009) */
    QUEUE_MAX = 64 << 10,   /* bytes that wait for a client to read them; then it is spoken no further */
    MESSAGES_PER_S = 500,   /* that are heard of one client; the others wait in its socket */
    TICK_MS = 250,
    SHARE = 4, /* one client has a quarter of the connections at most */
};
#define PING_S  20.0 /* what is silent for so long is asked whether it is there ... */
#define STALL_S 30.0 /* ... and given up, as is a client that reads nothing */

struct sv_websocket {
    struct sv_websocket *next; /* on the server's list, under its lock */
    sv_server *server;
    sv_request *request; /* that opened it: until the library has its socket back */
    char account[SV_ACCOUNT_SIZE];
    pthread_t thread;
    bool ended; /* under the lock: the thread is at its end */
    int fd, wake;
    struct MHD_UpgradeResponseHandle *handle;
    wslay_event_context_ptr frames;
    sv_ws_session *talk;
    double received_at, seen_at, pinged, sent; /* the last message; anything; ping; byte that could be sent */
    double second;                             /* that is counted */
    int messages;                              /* in it */
    bool closing, closed;                      /* it ends when all is out; our close frame is queued */
    uint16_t code;                             /* of that */
    const char *why;                           /* static */
};
typedef struct sv_websocket websocket;

/* ---- frames ---- */

static ssize_t on_receive(wslay_event_context_ptr frames, uint8_t *bytes, size_t size, int flags, void *user) {
    websocket *w = user;
    (void)flags;
    const ssize_t got = recvfrom(w->fd, bytes, size, MSG_DONTWAIT, NULL, NULL);
    if (got > 0) {
        w->seen_at = ev_clock_s();
        return got;
    }
    const bool later = got < 0 && (errno == EAGAIN || errno == EINTR);
    wslay_event_set_error(frames, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t size, int flags, void *user) {
    websocket *w = user;
    (void)flags;
    const ssize_t gone = send(w->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (gone >= 0) {
        w->sent = ev_clock_s();
        return gone;
    }
    const bool later = errno == EAGAIN || errno == EINTR;
    wslay_event_set_error(frames, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *m, void *user) {
    websocket *w = user;
    (void)frames;
    if (wslay_is_ctrl_frame(m->opcode)) return; /* wslay answers them */
    w->received_at = ev_clock_s();
    w->messages++;
    if (m->opcode == WSLAY_TEXT_FRAME)
        sv_ws_session_receive(w->talk, (const char *)m->msg, m->msg_length);
    else
        sv_ws_session_error(w->talk, 400, NULL, "send messages of text, with JSON in them");
}

static void queue(websocket *w, uint8_t opcode, const void *bytes, size_t size) {
    const struct wslay_event_msg m = {.opcode = opcode, .msg = bytes, .msg_length = size};
    if (!wslay_event_want_write(w->frames)) w->sent = ev_clock_s();
    wslay_event_queue_msg(w->frames, &m);
}

static void put_text(void *user, const char *json, size_t size) { queue(user, WSLAY_TEXT_FRAME, json, size); }
static void put_audio(void *user, const void *bytes, size_t size) { queue(user, WSLAY_BINARY_FRAME, bytes, size); }

static void wake(void *user) {
    const uint64_t one = 1;
    (void)!write(((websocket *)user)->wake, &one, sizeof one);
}

static void end(websocket *w, uint16_t code, const char *why) {
    assert(!w->closing);
    w->closing = true;
    w->code = code;
    w->why = why;
}

/* A close frame goes before all that is queued: it is queued when nothing else is. */
static void close_when_all_is_out(websocket *w) {
    if (!w->closing || w->closed || wslay_event_want_write(w->frames)) return;
    assert(w->why && strlen(w->why) <= 123); /* what a close frame has room for */
    w->closed = true;
    w->sent = ev_clock_s();
    wslay_event_queue_close(w->frames, w->code, (const uint8_t *)w->why, strlen(w->why));
}

/* ---- the thread ---- */

/* What has to end for another reason than its client's. */
static void look_at_time(websocket *w, double now) {
    const double idle_s = w->server->config.idle_timeout;
    if (w->closing) return;
    if (sv_ws_session_closed(w->talk)) {
        end(w, WSLAY_CODE_NORMAL_CLOSURE, "");
    } else if (atomic_load(&w->server->draining) && sv_ws_session_idle(w->talk)) {
        sv_ws_session_error(w->talk, 503, NULL, "the service is stopping: ask another one");
        end(w, WSLAY_CODE_GOING_AWAY, "the service is stopping");
    } else if (!sv_ws_session_idle(w->talk)) {
        w->received_at = now;
    } else if (now - w->received_at > idle_s) {
        sv_ws_session_error(w->talk, 408, NULL,
                            "nothing was said for a while (idle_timeout): open another connection");
        end(w, WSLAY_CODE_NORMAL_CLOSURE, "idle");
    }
    if (now - w->seen_at > PING_S && now - w->pinged > PING_S) {
        queue(w, WSLAY_PING, "", 0);
        w->pinged = now;
    }
}

static bool may_read(websocket *w, double now) {
    if (now - w->second >= 1) {
        w->second = now;
        w->messages = 0;
    }
    return w->messages < MESSAGES_PER_S && wslay_event_get_queued_msg_length(w->frames) < 2 * QUEUE_MAX;
}

static void wait_for(websocket *w, bool reads) {
    const int wanted = sv_ws_session_wait_ms(w->talk);
    uint64_t count;
    struct pollfd p[] = {{.fd = w->fd}, {.fd = w->wake, .events = POLLIN}};
    if (reads && wslay_event_want_read(w->frames)) p[0].events |= POLLIN;
    if (wslay_event_want_write(w->frames)) p[0].events |= POLLOUT;
    poll(p, 2, wanted >= 0 && wanted < TICK_MS ? wanted : TICK_MS);
    if (p[1].revents & POLLIN) (void)!read(w->wake, &count, sizeof count);
}

/* false: it is over. */
static bool turn(websocket *w) {
    const double now = ev_clock_s();
    const bool reads = may_read(w, now);
    wait_for(w, reads);
    if (atomic_load(&w->server->stopping)) return false;
    if (reads && wslay_event_want_read(w->frames) && wslay_event_recv(w->frames) != 0) return false;
    const size_t queued = wslay_event_get_queued_msg_length(w->frames);
    if (!w->closing && queued < QUEUE_MAX) sv_ws_session_speak(w->talk, QUEUE_MAX - queued);
    look_at_time(w, ev_clock_s());
    if (wslay_event_want_write(w->frames)) {
        if (wslay_event_send(w->frames) != 0 || ev_clock_s() - w->sent > STALL_S) return false;
    }
    close_when_all_is_out(w);
    if (ev_clock_s() - w->seen_at > PING_S + STALL_S) return false;
    return wslay_event_want_read(w->frames) || wslay_event_want_write(w->frames);
}

static void free_websocket(websocket **held) {
    websocket *w = *held;
    *held = NULL;
    sv_ws_session_free(&w->talk);
    if (w->frames) wslay_event_context_free(w->frames);
    if (w->wake >= 0) close(w->wake);
    free(w);
}

/* The library takes the socket back: from then on the request may be gone. */
static void give_back(websocket *w) {
    assert(w->talk && w->request && !w->ended);
    sv_ws_session_totals(w->talk, &w->request->amount.chars, &w->request->amount.audio_s);
    sv_ws_session_free(&w->talk);
    shutdown(w->fd, SHUT_WR);
    MHD_upgrade_action(w->handle, MHD_UPGRADE_ACTION_CLOSE);
}

static void *serve(void *user) {
    websocket *w = user;
    while (turn(w)) {
    }
    give_back(w);
    ev_mutex_lock(&w->server->lock);
    w->ended = true;
    ev_mutex_unlock(&w->server->lock);
    return NULL;
}

/* ---- all of them; under the server's lock, but for joining ---- */

static websocket *take_ended(sv_server *s, bool any) {
    for (websocket **at = &s->websockets; *at; at = &(*at)->next) {
        websocket *w = *at;
        if (!w->ended && !any) continue;
        *at = w->next;
        return w;
    }
    return NULL;
}

static void reap(sv_server *s, bool all) {
    for (;;) {
        ev_mutex_lock(&s->lock);
        websocket *w = take_ended(s, all);
        ev_mutex_unlock(&s->lock);
        if (!w) return;
        pthread_join(w->thread, NULL);
        assert(w->ended);
        free_websocket(&w);
    }
}

void sv_websockets_stop(sv_server *s) { reap(s, true); }

static bool has_room(sv_server *s, const char *account) {
    int64_t all = 0, own = 0;
    const int64_t most = s->config.websockets_max, each = (most + SHARE - 1) / SHARE;
    ev_mutex_lock(&s->lock);
    for (const websocket *w = s->websockets; w; w = w->next) {
        all += !w->ended;
        own += !w->ended && strcmp(w->account, account) == 0;
    }
    ev_mutex_unlock(&s->lock);
    return all < most && own < each;
}

/* ---- opening ---- */

static websocket *new_websocket(sv_request *req, int fd, struct MHD_UpgradeResponseHandle *handle) {
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive, .send_callback = on_send, .on_msg_recv_callback = on_message};
    const double now = ev_clock_s();
    websocket *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (websocket){.server = req->server,
                     .request = req,
                     .fd = fd,
                     .handle = handle,
                     .received_at = now,
                     .seen_at = now,
                     .pinged = now,
                     .sent = now,
                     .second = now};
    memcpy(w->account, req->client.account, sizeof w->account);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->talk = sv_ws_session_create(req, (sv_ws_sink){put_text, put_audio, wake, w});
    if (w->wake < 0 || !w->talk || wslay_event_context_server_init(&w->frames, &callbacks, w) != 0) {
        free_websocket(&w);
        return NULL;
    }
    wslay_event_config_set_max_recv_msg_length(w->frames, MESSAGE_MAX);
    return w;
}

/* HTTP's thread: the socket is ours until it is given back. Nothing may have been sent before our answer. */
static void on_upgrade(void *user, struct MHD_Connection *connection, void *state, const char *extra, size_t extras,
                       MHD_socket fd, struct MHD_UpgradeResponseHandle *handle) {
    sv_request *req = user;
    sv_server *s = req->server;
    (void)connection, (void)state, (void)extra;
    websocket *w = extras ? NULL : new_websocket(req, fd, handle);
    ev_mutex_lock(&s->lock);
    if (w) sv_connection_set_waiting(s, req, true); /* it has limits of its own */
    const bool started = w && pthread_create(&w->thread, NULL, serve, w) == 0;
    if (started) {
        w->next = s->websockets;
        s->websockets = w;
    }
    ev_mutex_unlock(&s->lock);
    if (started) return;
    if (w) free_websocket(&w);
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

/* Whether a list of words, such as Connection's, holds one. */
static bool lists(const char *list, const char *word) {
    const size_t size = strlen(word);
    for (const char *at = list ? list : ""; *at;) {
        at += strspn(at, ", \t");
        const size_t length = strcspn(at, ", \t");
        if (length == size && strncasecmp(at, word, size) == 0) return true;
        at += length;
    }
    return false;
}

/* RFC 6455, 4.2.2: what shows that the key was read. */
static bool accept_key(const char *key, char out[32]) {
    static const char salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char both[24 + sizeof salt];
    unsigned char hash[20];
    if (!key || strlen(key) != 24) return false;
    snprintf(both, sizeof both, "%s%s", key, salt);
    return EVP_Digest(both, strlen(both), hash, NULL, EVP_sha1(), NULL) == 1 &&
           EVP_EncodeBlock((unsigned char *)out, hash, sizeof hash) == 28;
}

int sv_answer_websocket(sv_request *req) {
    sv_server *s = req->server;
    const char *version = sv_header(req, "Sec-WebSocket-Version");
    char accepted[32];
    if (!lists(sv_header(req, "Upgrade"), "websocket") || !lists(sv_header(req, "Connection"), "Upgrade"))
        return sv_reply_error(req, 400, NULL, "this path is a WebSocket: open it with ws://, not http://");
    if (!version || strcmp(version, "13") != 0)
        return sv_reply_error(req, 400, "Sec-WebSocket-Version", "Sec-WebSocket-Version must be 13");
    if (!accept_key(sv_header(req, "Sec-WebSocket-Key"), accepted))
        return sv_reply_error(req, 400, "Sec-WebSocket-Key", "Sec-WebSocket-Key must be 16 bytes in base64");
    if (atomic_load(&s->leaving) || atomic_load(&s->draining))
        return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    if (s->config.websockets_max == 0)
        return sv_reply_error(req, 404, NULL,
                              "this service opens no WebSockets: start it with websockets_max above 0");
    reap(s, false);
    if (!has_room(s, req->client.account))
        return sv_reply_busy(req, 503, 2000, "too many WebSockets are open: close one, or try again later");
    struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgrade, req);
    if (r) MHD_add_response_header(r, "Upgrade", "websocket");
    if (r) MHD_add_response_header(r, "Sec-WebSocket-Accept", accepted);
    return sv_reply_response(req, 101, r);
}
