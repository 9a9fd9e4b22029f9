/* connections: those that are open, and since when each owes us a request. The library closes a connection on which
 * nothing moves; one that sends a byte now and then it would keep for ever, and this does not.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "server/server.h"

struct sv_connection {
    sv_connection *next, **place;
    int fd;
    double since;   /* it opened, its last answer ended, or its headers were complete */
    bool answering; /* its request is whole: now it waits for us */
};

void sv_connection_opened(sv_server *s, struct MHD_Connection *connection, void **state) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    sv_connection *c = info ? calloc(1, sizeof *c) : NULL;
    sv_metric_add(s->metrics, SV_METRIC_OPEN_CONNECTIONS, 0, 1);
    *state = c;
    if (!c) return; /* it is served, and the library's own limit holds */
    c->fd = info->connect_fd;
    c->since = ev_clock_s();
    pthread_mutex_lock(&s->lock);
    c->next = s->connections;
    c->place = &s->connections;
    if (c->next) c->next->place = &c->next;
    s->connections = c;
    pthread_mutex_unlock(&s->lock);
}

/* The library closes the socket after this, so that none is shut down that belongs to another by now. */
void sv_connection_closed(sv_server *s, void **state) {
    sv_connection *c = *state;
    *state = NULL;
    sv_metric_add(s->metrics, SV_METRIC_OPEN_CONNECTIONS, 0, -1);
    if (!c) return;
    pthread_mutex_lock(&s->lock);
    *c->place = c->next;
    if (c->next) c->next->place = c->place;
    pthread_mutex_unlock(&s->lock);
    free(c);
}

void sv_connection_note(sv_exchange *x, bool answering) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    sv_connection *c = info ? info->socket_context : NULL;
    if (!c) return;
    pthread_mutex_lock(&x->server->lock);
    c->answering = answering;
    c->since = ev_clock_s();
    pthread_mutex_unlock(&x->server->lock);
}

void sv_connections_sweep(sv_server *s, double now_s) {
    const double patience = s->config.idle_timeout + s->config.header_timeout;
    pthread_mutex_lock(&s->lock);
    for (const sv_connection *c = s->connections; c; c = c->next) {
        if (!c->answering && now_s - c->since > patience) shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->lock);
}
