/* websocket: /v1/audio/speech/ws: text in as it comes from a language model, audio out as sentences close.
 *
 *   websocket.c       the handshake over libmicrohttpd's upgrade, the threads, frames in and out (wslay)
 *   websocket_session.c  what is said in them: messages of JSON, sentences, their audio
 *
 * A connection is a client's like any other: Host, Origin, key and rate are judged when it is opened, and each of its
 * sentences is a request of that client, with the same checks, share and limits as one to /v1/audio/speech. Where the
 * rate or the queue has no room, the sentence waits and the client is told; so a talk is slowed, and not broken.
 *
 * Threads: one for each of websockets_max connections, which waits for its socket, its client and its job; HTTP's
 * thread hands the socket over and takes it back. A session belongs to its thread.
 */
#ifndef SV_SOCKETS_WEBSOCKET_H
#define SV_SOCKETS_WEBSOCKET_H

#include "server/http/request.h"

int sv_answer_websocket(sv_request *req);
void sv_websockets_stop(sv_server *s); /* ends all, and waits; before the library stops */

#endif
