/* wyoming: the port that Home Assistant speaks to. Its protocol (rhasspy/wyoming): a line of JSON that names an event
 * and counts what follows, more JSON, then bytes.
 *
 *   describe -> info; synthesize -> audio-start, audio-chunk ..., audio-stop;
 *   synthesize-start, synthesize-chunk ..., synthesize-stop -> the same sentence by sentence, then synthesize-stopped
 *
 * It is a client of the service beside it: every sentence is a request to /v1/audio/speech, and has its limits, fair
 * share and log line there. So nothing of the service's inside is touched, and what this port may take is bounded: a
 * thread for each of a few connections, which waits for its reader.
 */
#ifndef SV_SOCKETS_WYOMING_H
#define SV_SOCKETS_WYOMING_H

#include "server/models/models.h"

typedef struct sv_wyoming sv_wyoming;

/* fd: a socket that listens, taken over. speech_url: of the service. EV_E_MEMORY, EV_E_DEVICE. */
ev_status sv_wyoming_create(sv_wyoming **out, int fd, const char *speech_url, sv_models *models, ev_error *err);
void sv_wyoming_free(sv_wyoming **wyoming); /* ends its connections */

#endif
