/* request: one request and its answer; and what a row of the routes says. */
#ifndef SV_HTTP_REQUEST_H
#define SV_HTTP_REQUEST_H

#include "server/http/http.h"
#include "server/metrics/trace.h"

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

/* Whose words an answer has, and what stands around its audio: nothing (or events), a line of JSON for each piece as
 * it is made, or one object. */
typedef enum sv_dialect { SV_DIALECT_OPENAI, SV_DIALECT_KOKORO, SV_DIALECT_ELEVENLABS, SV_DIALECT_SIMPLE } sv_dialect;
typedef enum sv_envelope { SV_ENVELOPE_NONE, SV_ENVELOPE_LINES, SV_ENVELOPE_OBJECT } sv_envelope;
typedef enum sv_subtitles { SV_SUBTITLES_SRT, SV_SUBTITLES_VTT, SV_SUBTITLES_JSON } sv_subtitles;

enum { SV_IGNORED_SIZE = 256 };

/* In the order of its life. It is HTTP's thread's; while it is suspended, it is the executor's in its turns there. */
typedef struct sv_request {
    sv_server *server;
    struct MHD_Connection *connection; /* NULL: none of its own, a sentence of a WebSocket or an item of a series */
    sv_settings *settings;             /* held: one view of the settings for the whole request */
    double start;
    char request_id[SV_ID_MAX + 1];
    sv_client client;
    const struct sv_route_row *route; /* NULL: there is none */

    struct {                       /* what was read of its head */
        const char *path;          /* the library's, during a call */
        char id[SV_ID_MAX + 1];    /* {id} of the path */
        char allow[SV_ALLOW_SIZE]; /* methods of the path; where there is no route */
        bool cors;                 /* a page of its origin may use this service */
    } head;

    struct { /* its body, until that was read */
        ev_buf bytes;
        int64_t received;          /* of them, and of what was thrown away */
        sv_claim claim;            /* of memory, for them */
        bool refused;              /* the request was, before it came */
        bool too_large, no_memory; /* more than it may have, or more than there is memory for */
    } body;

    struct { /* how it wants its audio */
        ev_format format;
        sv_sound sound;
        bool sse, stream, words;
        sv_dialect dialect;
        sv_envelope envelope;
        sv_subtitles subtitles;
    } wants;
    bool comes_again; /* nobody is refused: where there is no room now it is sent again, and counted then */

    /* what came of it */
    sv_job *job; /* held, and listened to */
    sv_upload *upload;
    sv_ticket *ticket; /* what is being written down for it */

    struct {               /* how it waits for those, without a thread (wait.c) */
        bool suspended;    /* the connection is */
        ev_list_node node; /* on the server's list, while it is suspended */
        sv_waiter waiter;
        bool disconnected; /* the client left while it waited; under the server's lock */
        /* since then it was seen to send no more, which may mean that it left; 0: not seen */
        double half_closed_since;
        bool interim; /* it understands an answer before the answer, and had none: it speaks HTTP/1.1 */
    } wait;

    struct { /* at the executor (wait.c) */
        sv_exec_task task;
        sv_lane audio_lane;                     /* where what is sent next is encoded */
        bool executing;                         /* a thread has it; changed under the server's lock */
        bool rejected;                          /* there was no room for it */
        int (*resumed)(struct sv_request *req); /* what goes on when there is what was waited for; NULL: the route */
        bool (*work)(struct sv_request *req, size_t *at); /* of sv_suspend_for */
        enum {
            SV_NEXT_ANSWER,
            SV_NEXT_YIELD,
            SV_NEXT_JOB,
            SV_NEXT_UPLOAD,
            SV_NEXT_TICKET
        } next; /* behind the turn */
    } turn;

    struct {                              /* its answer, and what went wrong */
        int code;                         /* 0: none yet */
        struct MHD_Response *response;    /* that was made at the executor, with code: HTTP's thread sends it */
        char warnings[SV_VOICE_WARNINGS]; /* of the recording that it brought, for a header; "" none */
        char ignored[SV_IGNORED_SIZE];    /* fields that mean nothing here, for a header; "" none */
        struct sv_listener *listener;     /* of a job */
        struct sv_result_stream *stream;  /* of a series' results */
        void (*cleanup)(struct sv_request *req); /* of what its answer made; NULL: nothing */
        bool failed;                             /* it had begun, and was broken off here: code and error tell why */
        const char *param;                       /* the field that was wrong, in static memory; NULL: none */
        char error[252];
    } answer;

    struct { /* for the log; < 0: not known */
        int64_t chars;
        double audio_s, queue_s;
    } amount;

    struct {                                         /* for a collector of traces (spans.c) */
        sv_trace trace;                              /* that it belongs to */
        bool traced;                                 /* a traceparent was seen */
        char id[SV_SPAN_ID + 1];                     /* its own span, where spans are sent; "": they are not */
        double encode_begun, encode_ended, encode_s; /* when audio was encoded, and how long it took */
    } span;
} sv_request;

typedef enum sv_body { SV_BODY_NONE, SV_BODY_JSON, SV_BODY_FORM, SV_BODY_TEXT } sv_body;

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

/* spans.c: the request is traced from here on, where a collector takes them: one that belongs to no trace begins
 * one. What is made for it belongs to the request's own span. */
void sv_spans_begin(sv_request *req);
sv_trace sv_spans_inside(const sv_request *req);
/* It is over. */
void sv_spans_end(sv_request *req, double now_s);

/* http.c: it listens no more to its job, if it has one. */
void sv_request_leave_job(sv_request *req);

/* http.c: opens the listeners; a request is answered by the row that find_route gives. */
typedef const sv_route_row *sv_route_finder(const char *method, const char *path, bool admin, bool simple,
                                            char id[SV_ID_MAX + 1], char allow[SV_ALLOW_SIZE]);
ev_status sv_http_listen(sv_server *s, sv_route_finder *find_route, ev_error *err);

#endif
