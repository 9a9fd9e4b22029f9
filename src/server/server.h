/*-
 * server: the service. One process: HTTP in front, a bounded queue, one device behind; or, with Redis, the one in
 * gateways and the other in workers.
 *
 *   serve.c              START HERE: its life; start.c makes the parts, tick.c tends them, stop.c ends them
 *   config/config.h      settings
 *   http/http.h          requests: where one ends, whose it is, its answer's way
 *   api/answers.h        what they ask for, and what answers; routes.h: which path means what
 *   series/series.h      many speeches in one request, and long texts
 *   sockets/websocket.h  text in pieces, audio as sentences close; sockets/wyoming.h Home Assistant's port
 *   guard/guard.h        what stands between untrusted clients and all this
 *   models/models.h      the model files, each with its voices and an engine
 *   engine/engine.h      jobs -> samples; schedule/schedule.h decides, schedule/ledger.h counts memory
 *   jobs/jobs.h          jobs, and their results; jobs/webhook.h calls the URLs that asked for it
 *   voices/voices.h      the voices it speaks in; voices/uploads.h makes what is to be kept
 *   store/store.h        results and recordings, in a directory or a bucket
 *   redis/redis.h        jobs that are made elsewhere: gateways and workers
 *   scale/scale.h        as many workers as they need
 *   metrics/metrics.h    counters; metrics/log.h, metrics/traces.h
 *
 * bytes -> request -> access -> fields -> words -> job -> admission -> engine -> samples -> listener -> bytes
 *
 * Threads: libmicrohttpd's (requests), the executor's (requests, lists, encoding), the preprocess pools' (text,
 * voices), the device's workers, one for uploaded voices, and one that ticks (metrics, clients that left, free
 * memory); ARCHITECTURE.md lists those of parts that are not always there. A request is touched by one thread at a
 * time; while it waits, or is at the executor, it is suspended and owned by whoever will wake it.
 */
#ifndef SV_SERVER_H
#define SV_SERVER_H

#include "server/config/config.h"
#include "server/engine/engine.h"

typedef struct sv_server sv_server;
/* Everything in one process, or with config.redis a gateway; a worker alone. */
typedef enum sv_role { SV_ROLE_SERVICE, SV_ROLE_WORKER } sv_role;

/* Runs until SIGTERM or SIGINT; SIGHUP calls reload (which reads flags, environment and file again). Status lines go
 * to standard error. Signals must be blocked in all threads. */
typedef ev_status (*sv_reload)(void *user, sv_config *fresh, ev_error *err);
ev_status sv_serve(const sv_config *config, sv_role role, sv_reload reload, void *user, ev_error *err);
/* Whether it would start with these settings: lists, keys and model are read. */
ev_status sv_check(const sv_config *config, ev_error *err);
/* The same in parts, for tests. */
ev_status sv_server_start(sv_server **out, const sv_config *config, sv_role role, const sv_device_calls *device,
                          ev_error *err);
/* Is not ready any more; after drain_delay, unless at once, admits nothing more; returns when all is over, or
 * drain_timeout is. */
void sv_server_drain(sv_server *s, bool at_once);
void sv_server_stop(sv_server **server);
int sv_server_port(const sv_server *s, bool admin); /* as bound; 0: none */

#endif
