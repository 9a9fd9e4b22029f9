/* log: one JSON object a line on standard error, one line a request.
 *
 * A line is built on the stack and written with one write(2) of at most PIPE_BUF bytes, so that lines of several
 * threads, and of several processes on one pipe, never mix. What does not fit is cut, last of all fields the text.
 * Whatever came from outside is escaped: every control character, line separators and marks that turn the reading
 * direction, so that no client can forge a line or move a terminal's cursor. The text of requests, and what may quote
 * it, is written only when it was switched on. Threads: any thread at any time. A reader that went away costs lines,
 * never the service (which ignores SIGPIPE).
 */
#ifndef SV_LOG_H
#define SV_LOG_H

#include <stdatomic.h>

#include "base/base.h"

/* In the order of the setting log_level. */
typedef enum sv_level { SV_LEVEL_ERROR, SV_LEVEL_WARN, SV_LEVEL_INFO, SV_LEVEL_DEBUG } sv_level;

typedef struct sv_log {
    int fd;
    atomic_int level; /* less urgent lines are not written; may change at any time */
    atomic_bool text; /* whether the text of requests is written */
    atomic_uint lost; /* lines that could not be written since the last that could */
} sv_log;

void sv_log_init(sv_log *log, int fd, sv_level level, bool text);
/* {"time":...,"level":...,"msg":...}. request_id NULL: none. */
void sv_log_line(sv_log *log, sv_level level, const char *request_id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A request that was answered. What is NULL, or negative where it is a number, is left out. */
typedef struct sv_log_request {
    const char *request_id; /* left out unless sv_log_id_valid */
    const char *trace_id;   /* of the trace it belongs to, as the next one likewise */
    const char *parent_id;  /* the span that asked */
    const char *route;      /* the template, e.g. "/v1/audio/speech" */
    int code;
    double duration_s, queue_s, audio_s;
    int64_t chars;
    const char *account;    /* whose key it was */
    const char *key_prefix; /* the key's public part; left out unless sv_log_id_valid */
    const char *param;      /* the field that was wrong */
    const char *error;      /* what the client was told; of its own mistakes only if the log has text switched on */
    const char *text;       /* written only if the log has it switched on */
    size_t text_bytes;
} sv_log_request;
/* Level: error for 5xx, but warn for 503 and 429, which say that the service defends itself; else info. */
void sv_log_request_done(sv_log *log, const sv_log_request *request);

/* Whether a client's id may be logged and echoed: [A-Za-z0-9._-]{1,64}. NULL: no. */
#define SV_ID_MAX 64
bool sv_log_id_valid(const char *id);

#endif
