/* http: the module's face, for who starts the service. Inside, from the bottom to the top:
 *
 *   request.h      a request and its answer
 *   framing.h      where a request ends, before the library reads it
 *   settings.c     what a reload replaces
 *   reply.h        headers in, answers out
 *   executor.h     threads for what would hold up the one that serves everybody
 *   connections.h  those that are open: how many of one client, and which are too slow
 *   wait.h         waiting without a thread
 *   access.h       what stands before each route: is it for us, may a page of that origin do that (browser.c); who
 *                  asks, and how often (access.c)
 *   http.c         bytes <-> requests (libmicrohttpd); shutdown in leave.c
 */
#ifndef SV_HTTP_HTTP_H
#define SV_HTTP_HTTP_H

#include <jansson.h>
#include <microhttpd.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/wheel.h"
#include "server/metrics/traces.h"
#include "server/http/executor.h"
#include "server/models/models.h"
#include "server/jobs/backend.h"
#include "server/redis/redis.h"
#include "server/store/stores.h"
#include "server/voices/uploads.h"
#include "server/jobs/webhook.h"

struct sv_route_row;

typedef struct sv_settings { /* what a reload may replace, all at once; counted */
    atomic_int refs;
    sv_config config;
    sv_networks proxies;
    sv_model_list *models;
    sv_words *words;   /* NULL: no list */
    sv_sounds *sounds; /* the same list as it is heard; NULL likewise */
} sv_settings;

enum { SV_ALLOW_SIZE = 32 /* "GET, HEAD, POST, DELETE", with its NUL */ };

typedef struct sv_server sv_server;
/* What HTTP answers from, borrowed of serve.c, and its own state. */
struct sv_server {
    sv_config config; /* as started */
    sv_log log;
    sv_metrics *metrics;
    sv_tracer *tracer; /* NULL: no spans are sent */
    sv_device *device;
    sv_models *models;
    sv_decoder *decoder;
    sv_jobs *jobs;
    sv_stores stores;
    sv_results results;  /* in those */
    sv_durable *durable; /* NULL: jobs end with the process */
    sv_uploads *uploads;
    sv_backend *backend; /* what jobs are submitted to */
    sv_worker *worker;   /* NULL: this process is none */
    sv_model *sharing;   /* whose vectors are shared with other processes, held; NULL: none */
    sv_executor *executor;
    sv_webhooks *webhooks;
    sv_ledger *ledger;                 /* of memory */
    sv_limiter *limiter, *key_limiter; /* of untrusted clients, and of keys */
    sv_keyring *keys;
    sv_lexicon *lexicon EV_GUARDED_BY(lock); /* of pronunciations; NULL: none */
    struct sv_lexicon_seen lexicon_seen;
    ev_mutex lock;
    sv_settings *settings EV_GUARDED_BY(lock);
    int hangups;                             /* epoll: sockets of those that wait; 0: none yet */
    ev_list waiting EV_GUARDED_BY(lock);     /* suspended requests */
    ev_list connections EV_GUARDED_BY(lock); /* that are open */
    ev_wheel deadlines EV_GUARDED_BY(lock);  /* of those that owe something */
    ev_map callers EV_GUARDED_BY(lock);      /* those of one account */
    const struct sv_route_row *(*find_route)(const char *method, const char *path, bool admin, bool simple,
                                             char id[SV_ID_MAX + 1], char allow[SV_ALLOW_SIZE]);
    struct sv_series_table *series; /* what was asked for as many at once */
    struct sv_wyoming *wyoming;     /* NULL: none */
    struct sv_websocket *websockets EV_GUARDED_BY(lock);
    struct MHD_Daemon *public_daemon, *admin_daemon;
    atomic_bool leaving, draining, stopping; /* not ready; admits nothing more; ends */
    _Atomic double probed;                   /* when /readyz was asked last */
    _Atomic double ticked;                   /* when the thread that ticks came round last */
    atomic_int in_flight;
    pthread_t ticker;
    bool ticking;
};

void sv_http_stop(sv_server *s);
/* That listens: the one the process was started with for that setting, or a new one. -1: err says why. */
int sv_http_open_socket(sv_config_key key, const char *address, ev_error *err);
void sv_http_detect_disconnects(sv_server *s);         /* clients that left while they were waiting; now and then */
void sv_connections_sweep(sv_server *s, double now_s); /* ends those that take too long; now and then */
void sv_http_hand_over(
    sv_server *s); /* the sockets that it was started with: what comes now waits for the next process */
void sv_http_leave(sv_server *s); /* lets nobody in any more, and those inside go with their answers */

sv_settings *sv_settings_ref(sv_server *s);
void sv_settings_unref(sv_settings **settings);
sv_lexicon *sv_lexicon_in_force(sv_server *s);                                           /* held; NULL: none */
ev_status sv_settings_create(sv_settings **out, const sv_config *config, ev_error *err); /* reads lists and words */
/* With these models from now on, whose hold it takes over; lets the default's front-end read the listed words, before
 * anybody is judged by them. */
ev_status sv_settings_load_models(sv_settings *settings, sv_model_list **models, ev_error *err);

/* A job is over, and so much was made: its key pays for that, whatever was taken when it came in. */
void sv_access_settle(sv_server *s, const sv_job *job, double made_s);
/* Hz of its samples. */
int32_t sv_job_rate(const sv_server *s, const sv_job *job);
json_t *sv_job_json(const sv_server *s, sv_job *job); /* its state, for those who ask and for webhooks */
/* Calls the URL with a job's state, or a batch's, which is taken over; NULL: nobody is called. */
void sv_webhook_send(sv_server *s, const char *id, const char *account, const char *url, json_t *state);

#endif
