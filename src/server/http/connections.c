/* connections: those that are open, how many of one client, and since when each owes us the rest of a request. The
 * library closes a connection on which nothing moves; one that sends or reads a byte now and then it would keep for
 * ever, and this does not.
 *
 * Who owes something has a timer on a wheel, so that a tick costs what became due, and those that wait or are idle
 * cost nothing. A connection that is too late is shut down, not closed: the library sees its end and closes it. It
 * gets no answer, since the library can send none before it has read the body; the log says 408.
 */
#include <assert.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http/connections.h"

/* How long an answer may be read, waits for the engine not counted: five minutes, and twice the audio that was read.
 * A player reads at the speed of playback, and an answer without audio is small. */
#define ANSWER_SLACK 300.0
#define ANSWER_PACE  2.0

/* How long a refused client may go on sending before it looks at the answer. */
#define REFUSED_SLACK 2.0

#define TICKS 4 /* of the wheel in a second */

/* While the service ends, an answer of which nobody reads, or a body that does not come, is waited for no longer. */
#define DRAIN_STALL 5.0

struct sv_connection {
    sv_gate gate;       /* first: the one is found by the other */
    ev_list_node open;  /* among all */
    ev_timer timer;     /* while it is late one day */
    ev_map_node caller; /* by account */
    char account[SV_ACCOUNT_SIZE];
    sv_part part;
    uint64_t taken; /* HEAD: bytes that came before the request that is awaited */
    double since;   /* HEAD: the first byte of it came, 0 not yet; BODY: its headers were complete;
                     * ANSWER: it began, later by what was waited */
    double waiting; /* ANSWER: since then it waits for the engine; 0: it does not */
    double audio_s; /* ANSWER: that was handed out */
    uint64_t acked; /* ANSWER, while the service ends: bytes that the other side has, ... */
    double moved;   /* ... when they last became more; 0: not looked at */
    bool cut;       /* it was too late */
};
static_assert(offsetof(struct sv_connection, gate) == 0, "the one is found by the other");

static uint64_t bytes_received(int fd) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

static bool bytes_acked(int fd, uint64_t *bytes) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    *bytes = info.tcpi_bytes_acked;
    return size > offsetof(struct tcp_info, tcpi_bytes_acked);
}

/* ---- of one account ---- */

static int64_t count_of(sv_server *s, const char *account) EV_REQUIRES(s->lock) {
    int64_t count = 0;
    const ev_map_node *node = ev_map_find(&s->callers, account, strlen(account));
    for (; node; node = ev_map_find_more(node)) count++;
    return count;
}

static bool is_proxy(sv_server *s, const sv_address *address) {
    sv_settings *settings = sv_settings_ref(s);
    const bool listed = sv_networks_contain(&settings->proxies, address);
    sv_settings_unref(&settings);
    return listed;
}

/* A trusted proxy is many clients. */
bool sv_connection_allowed(sv_server *s, const struct sockaddr *peer) {
    sv_address address;
    char account[SV_ACCOUNT_SIZE];
    const int64_t most = s->config.connections_per_ip;
    if (most == 0 || !sv_address_of(&address, peer) || is_proxy(s, &address)) return true;
    sv_address_account(&address, account);
    ev_mutex_lock(&s->lock);
    const int64_t count = count_of(s, account);
    ev_mutex_unlock(&s->lock);
    return count < most;
}

static void name_account(sv_connection *c, struct MHD_Connection *connection) {
    sv_address address;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && sv_address_of(&address, info->client_addr)) sv_address_account(&address, c->account);
}

/* ---- one by one ---- */

static void link_to(sv_connection *c, sv_server *s) EV_REQUIRES(s->lock) {
    ev_list_append(&s->connections, &c->open);
    if (c->account[0]) ev_map_add(&s->callers, &c->caller, c->account, strlen(c->account));
}

static void unlink_from(sv_connection *c, sv_server *s) EV_REQUIRES(s->lock) {
    assert(c->open.list == &s->connections);
    ev_list_remove(&c->open);
    ev_wheel_clear(&c->timer);
    ev_map_remove(&s->callers, &c->caller);
}

static sv_connection *connection_at(const ev_list_node *open) { return EV_CONTAINER_OF(open, sv_connection, open); }

static double deadline_of(const sv_server *s, const sv_connection *c) {
    switch (c->part) {
    case SV_PART_HEAD: return c->since + s->config.header_timeout;
    case SV_PART_BODY: return c->since + s->config.body_timeout;
    case SV_PART_REFUSED: return c->since + REFUSED_SLACK;
    default: return c->since + ANSWER_SLACK + ANSWER_PACE * c->audio_s;
    }
}

/* After its part, or since when, changed. A deadline that audio puts off is looked at again when the timer fires. */
static void set_timer(sv_server *s, sv_connection *c) EV_REQUIRES(s->lock) {
    const bool idle = c->part == SV_PART_HEAD && c->since == 0;
    if (idle || c->waiting > 0 || c->cut)
        ev_wheel_clear(&c->timer);
    else
        ev_wheel_set(&s->deadlines, &c->timer, (int64_t)(deadline_of(s, c) * TICKS) + 1);
}

/* Its connection ends in a moment. */
static void on_gate_refused(sv_gate *gate) {
    sv_connection *c = (sv_connection *)gate;
    ev_mutex_lock(&gate->server->lock);
    c->part = SV_PART_REFUSED;
    c->since = ev_clock_s();
    c->waiting = 0;
    set_timer(gate->server, c);
    ev_mutex_unlock(&gate->server->lock);
}

/* From the first of them on the rest is owed. */
static void on_gate_head(sv_gate *gate) {
    sv_connection *c = (sv_connection *)gate;
    ev_mutex_lock(&gate->server->lock);
    if (c->part == SV_PART_HEAD && c->since == 0) {
        c->since = ev_clock_s();
        set_timer(gate->server, c);
    }
    ev_mutex_unlock(&gate->server->lock);
}

void sv_connection_opened(sv_server *s, struct MHD_Connection *connection, bool counted, void **state) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    sv_connection *c = info ? calloc(1, sizeof *c) : NULL;
    sv_metric_add(s->metrics, SV_METRIC_OPEN_CONNECTIONS, 0, 1);
    *state = c;
    if (!c || !sv_gate_open(&c->gate, s, info->connect_fd, on_gate_head, on_gate_refused)) {
        if (info) shutdown(info->connect_fd, SHUT_RDWR);
        *state = NULL;
        free(c);
        return;
    }
    if (counted) name_account(c, connection);
    ev_mutex_lock(&s->lock);
    link_to(c, s);
    ev_mutex_unlock(&s->lock);
}

/* The library closes the socket after this, so that none is shut down that belongs to another by now. */
void sv_connection_closed(sv_server *s, void **state) {
    sv_connection *c = *state;
    *state = NULL;
    sv_metric_add(s->metrics, SV_METRIC_OPEN_CONNECTIONS, 0, -1);
    if (!c) return;
    ev_mutex_lock(&s->lock);
    unlink_from(c, s);
    ev_mutex_unlock(&s->lock);
    sv_gate_close(&c->gate);
    free(c);
}

static sv_connection *state_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static sv_connection *connection_of(const sv_request *req) { return state_of(req->connection); }

bool sv_connection_serves(struct MHD_Connection *connection, sv_request *req) {
    sv_connection *c = state_of(connection);
    if (!c || c->gate.framing.heads == 0) return false;
    c->gate.request = req;
    return true;
}

void sv_connection_set_part(sv_request *req, sv_part part) {
    sv_connection *c = connection_of(req);
    if (!c) return;
    ev_mutex_lock(&req->server->lock);
    c->part = part;
    c->since = part == SV_PART_HEAD ? 0 : ev_clock_s();
    c->waiting = c->audio_s = c->moved = 0;
    if (part == SV_PART_HEAD) c->taken = bytes_received(c->gate.fd);
    set_timer(req->server, c);
    ev_mutex_unlock(&req->server->lock);
}

void sv_connection_set_waiting(sv_server *s, const sv_request *req, bool waiting) {
    sv_connection *c = connection_of(req);
    const double now = ev_clock_s();
    if (!c) return;
    if (c->waiting > 0) c->since += now - c->waiting;
    c->waiting = waiting ? now : 0;
    set_timer(s, c);
}

void sv_connection_audio_sent(sv_request *req, double audio_s) {
    sv_connection *c = connection_of(req);
    if (!c) return;
    ev_mutex_lock(&req->server->lock);
    c->audio_s = audio_s;
    ev_mutex_unlock(&req->server->lock);
}

bool sv_connection_was_cut(const sv_request *req, sv_part at) {
    const sv_connection *c = connection_of(req);
    if (!c) return false;
    ev_mutex_lock(&req->server->lock);
    const bool cut = c->cut && c->part == at;
    ev_mutex_unlock(&req->server->lock);
    return cut;
}

/* Is it one that the service's end need not wait for? Who reads slowly has until drain_timeout. */
static bool is_stalled(sv_connection *c, double now_s) {
    uint64_t acked = 0;
    if (c->part == SV_PART_BODY) return now_s - c->since > DRAIN_STALL;
    if (c->part != SV_PART_ANSWER || !bytes_acked(c->gate.fd, &acked)) return false;
    if (c->moved == 0 || acked != c->acked) c->moved = now_s;
    c->acked = acked;
    return now_s - c->moved > DRAIN_STALL;
}

static bool is_idle(const sv_connection *c) {
    return c->part == SV_PART_HEAD && c->since == 0 && bytes_received(c->gate.fd) <= c->taken;
}

bool sv_connections_busy(sv_server *s, bool idle_too) {
    bool busy = false;
    ev_mutex_lock(&s->lock);
    for (const ev_list_node *at = s->connections.first; at && !busy; at = at->next)
        busy = idle_too || !is_idle(connection_at(at));
    ev_mutex_unlock(&s->lock);
    return busy;
}

void sv_connections_end_idle(sv_server *s) {
    ev_mutex_lock(&s->lock);
    for (const ev_list_node *at = s->connections.first; at; at = at->next) {
        const sv_connection *c = connection_at(at);
        if (is_idle(c)) shutdown(c->gate.fd, SHUT_RDWR);
    }
    ev_mutex_unlock(&s->lock);
}

static void cut(sv_server *s, sv_connection *c) EV_REQUIRES(s->lock) {
    c->cut = true;
    set_timer(s, c);
    shutdown(c->gate.fd, SHUT_RDWR);
}

/* While the service ends all are looked at. */
static void cut_stalled(sv_server *s, double now_s) EV_REQUIRES(s->lock) {
    for (const ev_list_node *at = s->connections.first; at; at = at->next) {
        sv_connection *c = connection_at(at);
        if (c->waiting == 0 && !c->cut && is_stalled(c, now_s)) cut(s, c);
    }
}

void sv_connections_sweep(sv_server *s, double now_s) {
    ev_list expired = {0};
    ev_mutex_lock(&s->lock);
    ev_wheel_advance(&s->deadlines, (int64_t)(now_s * TICKS), &expired);
    for (ev_list_node *at; (at = ev_list_pop(&expired)) != NULL;) {
        sv_connection *c = EV_CONTAINER_OF(at, sv_connection, timer.node);
        if (now_s > deadline_of(s, c))
            cut(s, c);
        else
            set_timer(s, c);
    }
    if (atomic_load(&s->draining)) cut_stalled(s, now_s);
    ev_mutex_unlock(&s->lock);
}
