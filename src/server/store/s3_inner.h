/* s3_inner: what the files of s3.h share. */
#ifndef SV_S3_INNER_H
#define SV_S3_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/hex.h"
#include "base/lock.h"
#include "server/store/s3.h"

/* ---- s3_location.c: where it is ---- */

enum { SV_S3_BUCKET = 64, SV_S3_PREFIX = 256, SV_S3_REGION = 64, SV_S3_URL = 512, SV_S3_PATH = 1024 };

typedef struct sv_s3_location {
    char bucket[SV_S3_BUCKET], prefix[SV_S3_PREFIX]; /* "" or with a / at its end */
    char region[SV_S3_REGION];
    char endpoint[SV_S3_URL]; /* scheme://host[:port][/path], no / at its end */
    char public[SV_S3_URL];   /* likewise, as clients reach it */
    bool path_style;
} sv_s3_location;
ev_status sv_s3_location_parse(sv_s3_location *out, const char *url, ev_error *err);
/* An endpoint and a key within the bucket ("": the bucket itself) as scheme://host, Host header, and path. */
typedef struct sv_s3_target {
    char origin[SV_S3_URL + SV_S3_BUCKET], path[SV_S3_PATH];
    const char *host; /* in origin */
} sv_s3_target;
void sv_s3_target_of(sv_s3_target *out, const sv_s3_location *location, const char *endpoint, const char *key);

/* ---- s3_sign.c ---- */

typedef struct sv_s3_credentials {
    char *access_key, *secret_key, *session_token; /* owned; session_token "": none */
} sv_s3_credentials;
/* Appends text as a part of a query or of a credential: all but unreserved characters as %XX. */
void sv_s3_escape(ev_buf *out, const char *text);
typedef struct sv_s3_presign {
    time_t now;
    long seconds;
    const char *media_type, *file_name; /* NULL: as the object has it */
} sv_s3_presign;
/* Appends the URL of a GET that is good for so many seconds. EV_E_MEMORY. */
ev_status sv_s3_presign_url(ev_buf *out, const sv_s3_location *location, const sv_s3_credentials *credentials,
                            const char *key, const sv_s3_presign *what, ev_error *err);

/* ---- s3_answer.c ---- */

/* Calls `end` with each element's name and own text, innermost first. false: it is no XML. */
bool sv_s3_xml(const void *bytes, size_t size, void (*end)(void *user, const char *name, const char *text),
               void *user);

/* ---- s3_request.c ---- */

enum { SV_S3_HANDLES = 8, SV_S3_META = 64 };

typedef enum sv_s3_method { SV_S3_GET, SV_S3_PUT, SV_S3_POST, SV_S3_DELETE } sv_s3_method;
typedef struct sv_s3_request {
    sv_s3_method method;
    sv_store_operation operation; /* for the metrics */
    const char *key;              /* within the bucket, the prefix not counted; NULL: the bucket */
    const char *query;            /* sorted and escaped, each name with its =; libcurl signs it as it stands. NULL */
    const void *body;             /* PUT, POST */
    size_t size;
    const char *content_type;
    const char *digest; /* SHA-256 of the whole object, hexadecimal, to be kept with it; NULL: none */
    void *into;         /* GET of an object: exactly `room` bytes; NULL: the answer's text is kept */
    size_t room;
    double seconds; /* that all tries may take */
    bool impatient; /* fails at once when it failed a moment ago */
    int tries;      /* 0: as usual */
    bool may_answer_200_with_an_error;
} sv_s3_request;
typedef struct sv_s3_answer {
    long code; /* 0: none came */
    ev_buf text;
    size_t received;
    int64_t length; /* as announced; -1: not */
    char etag[SV_S3_META + 8], digest[SV_S3_META + 1];
    time_t date;
    double retry_after_s;
    /* of an error */
    char error[64], message[160], region[SV_S3_REGION];
} sv_s3_answer;
/* EV_OK: 2xx. EV_E_NOT_FOUND: no such key. EV_E_FORMAT: the object is not of that size. EV_E_LIMIT: it is full, or
 * cannot be asked now. EV_E_ARGUMENT: it will not serve us as we are set up. EV_E_IO. The answer is to be freed. */
ev_status sv_s3_ask(sv_s3 *s3, const sv_s3_request *request, sv_s3_answer *answer, ev_error *err);
static inline void sv_s3_answer_free(sv_s3_answer *answer) { ev_buf_free(&answer->text); }

/* ---- s3.c ---- */

enum { SV_S3_REMOVALS = 4096, SV_S3_NAME = 16 };
typedef struct sv_s3_removal {
    char key[SV_S3_NAME + 1 + SV_STORE_KEY + 1];
} sv_s3_removal;

struct sv_s3 {
    sv_s3_location location;
    sv_s3_credentials credentials;
    sv_metrics *metrics;
    sv_log *log;
    char name[SV_S3_BUCKET + SV_S3_URL + 32];
    ev_mutex lock;
    void *handles[SV_S3_HANDLES] EV_GUARDED_BY(lock); /* CURL, idle, with their connections */
    int idle EV_GUARDED_BY(lock);
    bool failing EV_GUARDED_BY(lock);      /* the last request that counts could not be answered ... */
    double away_until EV_GUARDED_BY(lock); /* ... and impatient requests fail until then */
    uint64_t random EV_GUARDED_BY(lock);
    ev_cond work;
    sv_s3_removal *removals; /* a ring */
    size_t first EV_GUARDED_BY(lock), count EV_GUARDED_BY(lock);
    bool closing EV_GUARDED_BY(lock), running;
    pthread_t remover;
};

#endif
