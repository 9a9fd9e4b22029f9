/* server: the service. One process: HTTP in front, a bounded queue, one device behind.
 *
 *   serve.c      START HERE: start, reload, drain, stop
 *   http.c       bytes <-> requests (libmicrohttpd): bodies, replies, waiting without a thread
 *   framing.h    where a request ends, before the library reads it
 *   leave.c      the end, without a connection that breaks
 *   connections.c  those that are open: how many of one client, and which are too slow
 *   routes.c     which path means what, and what stands before each: key, scope, rate
 *   browser.c    is it for us, and may a page of that origin do that; access.c: who asks
 *   fields.c     JSON -> sv_speech, every mistake named by its field; instructions.c reads OpenAI's free text
 *   speech.c     POST /v1/audio/speech; listen.c: samples -> the listener's format, as they are made
 *   tts.c        /tts: accepted at once, asked for later; webhook.h tells who wants to be told
 *   voices_http.c  /v1/voices; uploads.h makes what is to be kept
 *   pages.c      health, models, emotions, status, metrics, the page, openapi.json
 *   executor.h       threads for what would hold up the one that serves everybody
 *   engine.h     jobs -> samples; schedule.h decides; jobs.h holds; voices.h knows whom it can speak as
 *   guard/       what stands between untrusted clients and all this
 *   config/ metrics/ (with the log)
 *
 * bytes -> request -> access -> fields -> words -> job -> admission -> engine -> samples -> listener -> bytes
 *
 * Threads: libmicrohttpd's (requests), the executor's (requests, lists, encoding), the front's (text, voices), the
 * device's, one for uploaded voices, and one that ticks (metrics, clients that left, free memory). A request is
 * touched by one thread at a time; while it waits, or is at the executor, it is suspended and owned by whoever will
 * wake it.
 */
#ifndef SV_SERVER_H
#define SV_SERVER_H

#include <jansson.h>
#include <microhttpd.h>

#include "server/http/executor.h"
#include "server/engine/engine.h"
#include "server/http/framing.h"
#include "server/voices/uploads.h"
#include "server/jobs/webhook.h"

typedef struct sv_settings { /* what a reload may replace, all at once; counted */
    atomic_int refs;
    sv_config config;
    sv_networks proxies;
    sv_words *words;   /* NULL: no list */
    sv_sounds *sounds; /* the same list as it is heard; NULL likewise */
} sv_settings;

enum { SV_CALLER_BUCKETS = 1024 };

typedef struct sv_server {
    sv_config config; /* as started */
    sv_log log;
    sv_metrics *metrics;
    sv_device *device;
    ev_model *model;
    sv_decoder *decoder;
    sv_jobs *jobs;
    sv_voices *voices;
    sv_uploads *uploads;
    sv_engine *engine;
    sv_executor *executor;
    sv_webhooks *webhooks;
    sv_ledger *ledger;                 /* of memory */
    sv_limiter *limiter, *key_limiter; /* of untrusted clients, and of keys */
    sv_keyring *keys;
    pthread_mutex_t lock; /* of settings and waiting */
    sv_settings *settings;
    struct sv_request *waiting;                                     /* suspended requests */
    struct sv_connection *connections, *callers[SV_CALLER_BUCKETS]; /* all, and those of one account in chains */
    struct MHD_Daemon *public_daemon, *admin_daemon;
    atomic_bool leaving, draining, stopping; /* not ready; admits nothing more; ends */
    _Atomic double probed;                   /* when /readyz was asked last */
    atomic_int in_flight;
    pthread_t ticker;
    bool ticking;
} sv_server;

/* ---- a request and its answer ---- */

typedef struct sv_client { /* who asks */
    sv_address address;
    char account[SV_ACCOUNT_SIZE]; /* what limits and shares count by: a key's name, or the address */
    char key_prefix[SV_KEY_PREFIX + 1];
    unsigned scopes;
    bool has_key;
    double rate;    /* requests per second; 0: as configured */
    double audio_s; /* of speech per hour; 0: any */
    float weight;   /* of its share */
} sv_client;

enum { SV_ALLOW_SIZE = 32 }; /* "GET, HEAD, POST, DELETE", with its NUL */

typedef struct sv_request {
    struct sv_request *next_waiting;
    sv_server *server;
    struct MHD_Connection *connection;
    const struct sv_route_row *route;
    sv_settings *settings; /* held: one view of the settings for the whole request */
    sv_client client;
    char request_id[SV_ID_MAX + 1];
    char id[SV_ID_MAX + 1];    /* {id} of the path */
    char allow[SV_ALLOW_SIZE]; /* methods of the path; where there is no route */
    ev_buf body;
    bool cors;                 /* a page of its origin may use this service */
    bool refused;              /* answered before the body was read */
    bool too_large, no_memory; /* the body: more than it may have, or more than there is memory for */
    int64_t received;          /* bytes of the body */
    sv_claim claim;            /* of memory, for the body */
    bool disconnected;         /* the client left while it waited; under the server's lock */
    bool interim;              /* it understands an answer before the answer: it speaks HTTP/1.1 */
    double half_closed_since;  /* since then it was seen to send no more, which may mean that it left; 0: not seen */
    double start;
    int code;    /* of the answer; 0: none yet */
    bool failed; /* the answer had begun, and was broken off here: code and error tell why */
    sv_job *job; /* held, and listened to */
    sv_upload *upload;
    sv_waiter waiter;
    bool suspended;
    int (*resumed)(struct sv_request *req); /* what goes on when there is what was waited for, at the executor */
    sv_exec_task task;
    bool executing;              /* a thread of the executor has it; changed under the server's lock */
    bool rejected;               /* ... had no room for it */
    struct MHD_Response *answer; /* that was made at the executor, with code: HTTP's thread sends it */
    enum { SV_NEXT_ANSWER, SV_NEXT_AGAIN, SV_NEXT_JOB, SV_NEXT_UPLOAD } next; /* behind the executor */
    struct sv_listener *listener;
    const char *path;                                 /* the library's, during a call */
    bool (*work)(struct sv_request *req, size_t *at); /* of sv_suspend_for */
    ev_format answer_format;
    bool answer_sse, answer_stream, answer_words;
    /* for the log */
    int64_t chars;
    double audio_s, queue_s;
    const char *param; /* the field that was wrong, in static memory; NULL: none */
    char error[252];
} sv_request;

typedef enum sv_body { SV_BODY_NONE, SV_BODY_JSON, SV_BODY_FORM } sv_body;

typedef struct sv_route_row {
    const char *method, *path; /* "{id}" stands for one segment */
    sv_route counted;
    unsigned scope; /* 0: anybody */
    double tokens;  /* what it takes of the client's bucket ... */
    bool reads;     /* ... of that for what makes nothing, which is larger */
    bool admin;     /* on the admin listener alone */
    sv_body body;
    sv_lane lane;                   /* where it is answered; with a large body, in the lane for these */
    int (*answer)(sv_request *req); /* an MHD_Result */
} sv_route_row;

/* ---- http.c ---- */
ev_status sv_http_start(sv_server *s, ev_error *err);
void sv_http_stop(sv_server *s);
/* Replies; each at most once, and its result is the handler's. */
int sv_reply_json(sv_request *req, int code, json_t *body); /* takes over body */
int sv_reply_bytes(sv_request *req, int code, const char *media, const void *bytes, size_t size); /* copied */
/* {"error": {message, type, param, code}}; the type follows from the code. param is static, or NULL: none. */
int sv_reply_error(sv_request *req, int code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int sv_reply_busy(sv_request *req, int code, int64_t retry_after_ms, const char *message); /* 429, 503 */
int sv_reply_response(sv_request *req, int code, struct MHD_Response *response);           /* takes over response */
/* At the executor: the request waits until its job has sample `at`, or is over, then resumed is called, at the
 * executor. */
int sv_wait(sv_request *req, size_t at, int (*resumed)(sv_request *req));
/* The same for its upload, which is handed in; resumed is called by HTTP's thread. */
int sv_wait_for_upload(sv_request *req, int (*resumed)(sv_request *req));
/* At the executor: others have their turn there, then resumed is called. */
int sv_again(sv_request *req, int (*resumed)(sv_request *req));
/* From a content reader, which is called again and says so first: waits for sample `at` of the job; or has `work`
 * done at the executor, until it returns true, and between two times waits for samples from *at on. */
void sv_suspend(sv_request *req, size_t at);
void sv_suspend_for(sv_request *req, bool (*work)(sv_request *req, size_t *at));
void sv_request_resumed(sv_request *req);
const char *sv_header(const sv_request *req, const char *name); /* NULL: none */
const char *sv_query(const sv_request *req, const char *name);
void sv_http_detect_disconnects(sv_server *s); /* clients that left while they were waiting */

/* {"error": {...}}'s type, of an HTTP code. */
const char *sv_error_type(int code);
void sv_request_id(char id[SV_ID_MAX + 1]); /* a new one */

/* ---- framing_socket.c ---- */
typedef struct sv_gate { /* what stands between a connection's socket and the library */
    sv_framing framing;
    sv_server *server;
    sv_request *request; /* that has begun and is not over; NULL: none */
    int fd;
    bool refused;   /* it was told so; the rest is thrown away */
    size_t drained; /* bytes of the rest */
} sv_gate;
bool sv_gate_open(sv_gate *gate, sv_server *s, int fd); /* false: there cannot be so many */
void sv_gate_close(sv_gate *gate);
ev_status sv_gate_check(ev_error *err); /* whether the library reads through gates at all */

/* ---- connections.c ---- */
typedef struct sv_connection sv_connection;
void sv_gate_refused(sv_gate *gate); /* its connection ends in a moment */
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
void sv_connection_note(sv_request *req, sv_part part);
void sv_connection_set_waiting(sv_request *req, bool waiting);  /* waits for the engine, or goes on; under the lock */
void sv_connection_audio_sent(sv_request *req, double audio_s); /* so much audio is out, in all */
bool sv_connections_busy(sv_server *s, bool idle_too); /* whether a request comes or is answered; or any is open */
void sv_connections_end_idle(sv_server *s);            /* those on which nothing is asked */
bool sv_connection_was_cut(const sv_request *req, sv_part at); /* by the sweep */
void sv_connections_sweep(sv_server *s, double now_s);         /* ends those that take too long; now and then */

/* ---- leave.c ---- */
void sv_http_leave(sv_server *s); /* lets nobody in any more, and those inside go with their answers */

/* ---- routes.c ---- */
/* The row for a method and path, and the path's {id}. NULL: none; then allow holds the methods that would do, as the
 * header Allow does, and is empty where there is no such path. */
const sv_route_row *sv_route_find(const char *method, const char *path, bool admin, char id[SV_ID_MAX + 1],
                                  char allow[SV_ALLOW_SIZE]);

/* ---- browser.c ---- */
/* Host and Origin; false: answered, as is an OPTIONS of a page that may come. */
bool sv_browser_check(sv_request *req, const char *method, bool admin, int *result);
bool sv_browser_check_type(sv_request *req, int *result); /* Content-Type, once it is clear who asks */
void sv_browser_headers(const sv_request *req, struct MHD_Response *response); /* who may read it */

/* ---- access.c ---- */
/* Fills req->client, or answers (then *result) and returns false: key, scope, rate. Also where there is no route. */
bool sv_access_check(sv_request *req, int *result);
typedef struct sv_charge { /* what a request takes besides itself */
    double audio_s;        /* speech, of what its key may have in an hour */
    bool fetch;            /* one of the fetches that a client may cause in a minute */
} sv_charge;
/* Takes all of it, or answers and returns false. */
bool sv_access_charge(sv_request *req, sv_charge charge, int *result);
void sv_access_refund(sv_request *req, sv_charge charge); /* nothing was made for it */
/* A job is over, and so much was made: its key pays for that, whatever was taken when it came in. */
void sv_access_settle(sv_server *s, const sv_job *job, double made_s);
sv_settings *sv_settings_ref(sv_server *s);
void sv_settings_unref(sv_settings **settings);
ev_status sv_settings_create(sv_settings **out, const sv_config *config, ev_error *err); /* reads lists and words */
/* Lets the model's front-end read the listed words, before anybody is judged by them. */
ev_status sv_settings_load_sounds(sv_settings *settings, const ev_model *model, ev_error *err);

/* ---- fields.c ---- */
typedef struct sv_speech_params { /* a request's JSON, checked */
    sv_speech speech;
    ev_format format;
    bool sse, stream, words;
    char *webhook;
} sv_speech_params;
void sv_speech_params_free(sv_speech_params *params);
typedef struct sv_fields { /* how a body is read, and what is wrong with it */
    const sv_config *config;
    const ev_model *model;
    double start; /* deadlines count from here */
    bool native;
    int64_t chars;     /* of the text; -1: it was not reached */
    const char *field; /* of the first mistake; NULL: the whole body. Static */
    char message[300];
} sv_fields;
/* Bytes to speech_params; false: f says why, and params is empty. */
bool sv_fields_parse(sv_fields *f, const void *body, size_t size, sv_speech_params *params);
/* The request's body. native: /tts's names (text) instead of OpenAI's (input). Or answers and returns false. */
bool sv_fields_read(sv_request *req, sv_speech_params *params, bool native, int *result);

/* instructions.c: the label of the emotion that the text asks for; NULL: of none. */
const char *sv_instructions_emotion(const ev_model *model, const char *instructions);

/* ---- speech.c, listen.c, tts.c, voices_http.c, pages.c: the routes ---- */
int sv_answer_speech(sv_request *req);
int sv_answer_tts(sv_request *req);
int sv_answer_job(sv_request *req);
int sv_answer_job_audio(sv_request *req);
int sv_answer_job_cancel(sv_request *req);
int sv_answer_voices(sv_request *req);
int sv_answer_voice_add(sv_request *req);
int sv_answer_voice_delete(sv_request *req);
int sv_answer_health(sv_request *req);
int sv_answer_ready(sv_request *req);
int sv_answer_models(sv_request *req);
int sv_answer_emotions(sv_request *req);
int sv_answer_status(sv_request *req);
int sv_answer_metrics(sv_request *req);
int sv_answer_page(sv_request *req);
int sv_answer_openapi(sv_request *req);
int sv_answer_dead(sv_request *req);
int sv_answer_dead_retry(sv_request *req);

/* voices_http.c: an upload's form, from a body of the connection's Content-Type. The form starts as {0} and is the
 * caller's to free, also where it cannot be read (false). */
typedef struct sv_form {
    char name[SV_VOICE_NAME_MAX + 1], consent[65];
    ev_buf audio;
    bool name_cut, consent_cut; /* it was too long */
} sv_form;
bool sv_form_read(struct MHD_Connection *connection, const void *body, size_t size, sv_form *form);

/* speech.c: the job for these params, admitted; or answers and returns false. */
bool sv_speech_begin(sv_request *req, sv_speech_params *params, bool kept, sv_idempotency *idempotency, int *result);
/* {"words": [{"word", "start", "end"}]} of a completed job, seconds. */
json_t *sv_words_json(const sv_job *job, int32_t sample_rate);
/* A job that ended badly, as an answer. */
int sv_reply_job_error(sv_request *req, sv_job_state state, const ev_error *error);

/* listen.c: answers with the job's audio. whole: it is over, so its head can tell its length; else as it is made. */
int sv_listen(sv_request *req, ev_format format, bool sse, bool whole);
void sv_listener_free(struct sv_listener **listener);

/* ---- serve.c ---- */
/* Runs until SIGTERM or SIGINT; SIGHUP calls reload (which reads flags, environment and file again). Status lines go
 * to standard error. Signals must be blocked in all threads. */
typedef ev_status (*sv_reload)(void *user, sv_config *fresh, ev_error *err);
ev_status sv_serve(const sv_config *config, sv_reload reload, void *user, ev_error *err);
/* Whether it would start with these settings: lists, keys and model are read. */
ev_status sv_check(const sv_config *config, ev_error *err);
json_t *sv_job_json(const sv_server *s, sv_job *job); /* tts.c: its state, for those who ask and for webhooks */
/* The same in parts, for tests. */
ev_status sv_server_start(sv_server **out, const sv_config *config, const sv_device_calls *device, ev_error *err);
/* Is not ready any more; after drain_delay, unless at once, admits nothing more; returns when all is over, or
 * drain_timeout is. */
void sv_server_drain(sv_server *s, bool at_once);
void sv_server_stop(sv_server **server);
int sv_server_port(const sv_server *s, bool admin); /* as bound; 0: none */

#endif
