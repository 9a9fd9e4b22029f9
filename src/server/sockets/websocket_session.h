/* websocket_session, for websocket.c: what is said over one connection. */
#ifndef SV_SOCKETS_WEBSOCKET_SESSION_H
#define SV_SOCKETS_WEBSOCKET_SESSION_H

#include "server/http/request.h"

typedef struct sv_ws_session sv_ws_session;

typedef struct sv_ws_sink { /* where it speaks into; both copy */
    void (*text)(void *user, const char *json, size_t size);
    void (*audio)(void *user, const void *bytes, size_t size);
    void (*wake)(void *user); /* from any thread: there is more to speak */
    void *user;
} sv_ws_sink;

/* Of the request that opened it, which is copied from: server, route, client, key. NULL: out of memory. */
sv_ws_session *sv_ws_session_create(const sv_request *req, sv_ws_sink line);
void sv_ws_session_receive(sv_ws_session *talk, const char *message, size_t size); /* one message of text */
/* Speaks on, as far as there is audio now and `room` bytes may be put on the line. */
void sv_ws_session_speak(sv_ws_session *talk, size_t room);
bool sv_ws_session_idle(const sv_ws_session *talk);   /* there is nothing to speak */
bool sv_ws_session_closed(const sv_ws_session *talk); /* the client asked for the end, and all before it was spoken */
int sv_ws_session_wait_ms(
    const sv_ws_session *talk); /* until it is to go on, whatever comes; -1: nothing is waited for */
void sv_ws_session_totals(const sv_ws_session *talk, int64_t *chars, double *audio_s);
void sv_ws_session_error(sv_ws_session *talk, int code, const char *param, const char *message);
void sv_ws_session_free(sv_ws_session **talk);

#endif
