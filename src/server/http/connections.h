/* connections: those that are open, and the gate in each through which the library reads (framing_socket.c). */
#ifndef SV_HTTP_CONNECTIONS_H
#define SV_HTTP_CONNECTIONS_H

#include "server/http/framing.h"
#include "server/http/request.h"

typedef struct sv_gate { /* what stands between a connection's socket and the library */
    sv_framing framing;
    sv_server *server;
    sv_request *request; /* that has begun and is not over; NULL: none */
    int fd;
    bool refused;                             /* it has its refusal; the rest is thrown away */
    size_t drained;                           /* bytes of the rest */
    void (*on_head)(struct sv_gate *gate);    /* bytes came, and there is no request that they could belong to */
    void (*on_refused)(struct sv_gate *gate); /* its connection ends in a moment */
} sv_gate;
/* false: there cannot be so many */
bool sv_gate_open(sv_gate *gate, sv_server *s, int fd, void (*head)(sv_gate *gate), void (*refused)(sv_gate *gate));
void sv_gate_close(sv_gate *gate);
ev_status sv_gate_check(ev_error *err); /* whether the library reads through gates at all */

/* ---- connections.c ---- */
typedef struct sv_connection sv_connection;
/* The request that has begun on its connection, NULL when it is over; false: its head was not judged. */
bool sv_connection_serves(struct MHD_Connection *connection, sv_request *req);
/* Whether one more may come from there: connections_per_ip, by the account that rates count by. */
bool sv_connection_allowed(sv_server *s, const struct sockaddr *peer);
typedef enum sv_part {
    SV_PART_HEAD = 0,
    SV_PART_BODY,
    SV_PART_ANSWER,
    SV_PART_REFUSED
} sv_part; /* what a connection is at */
/* counted: against that limit. */
void sv_connection_opened(sv_server *s, struct MHD_Connection *connection, bool counted, void **state);
void sv_connection_closed(sv_server *s, void **state);
void sv_connection_set_part(sv_request *req, sv_part part);
/* Waits for the engine, or goes on. */
void sv_connection_set_waiting(sv_server *s, const sv_request *req, bool waiting) EV_REQUIRES(s->lock);
void sv_connection_audio_sent(sv_request *req, double audio_s); /* so much audio is out, in all */
bool sv_connections_busy(sv_server *s, bool idle_too); /* whether a request comes or is answered; or any is open */
void sv_connections_end_idle(sv_server *s);            /* those on which nothing is asked */
bool sv_connection_was_cut(const sv_request *req, sv_part at); /* by the sweep */

#endif
