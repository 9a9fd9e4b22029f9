/* serve_inner: what the files of the service's life share.
 *
 *   serve.c   the command: greets, follows files, reloads, until it is told to end
 *   start.c   the parts, made in an order in which each finds what it needs
 *   tick.c    what needs a clock
 *   stop.c    the end: nothing is admitted, what is under way ends, the parts go
 */
#ifndef SV_SERVE_INNER_H
#define SV_SERVE_INNER_H

#include "server/http/http.h"
#include "server/server.h"

/* ---- start.c ---- */
/* What the settings name, NULL where they name none; nothing changes before it is put to use. */
ev_status sv_read_lexicon(sv_lexicon **out, const char *path, ev_error *err);
ev_status sv_read_keys(sv_keys **out, const sv_config *c, ev_error *err);
void sv_use_lexicon(sv_server *s, sv_lexicon **lexicon); /* for requests from now on; takes it over */

enum { SV_URL_MAX = SV_LIST_ITEM_MAX + 24 };
void sv_url_of(char url[SV_URL_MAX], const char *address,
               int bound); /* the address as configured, with the port that was bound */

/* ---- tick.c ---- */
void *sv_tick(void *server); /* a thread */

#endif
