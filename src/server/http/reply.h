/* reply: what a request asked with, and what it is answered. */
#ifndef SV_HTTP_REPLY_H
#define SV_HTTP_REPLY_H

#include "server/http/request.h"

const char *sv_header(const sv_request *req, const char *name); /* NULL: none */
const char *sv_query(const sv_request *req, const char *name);

/* {"error": {...}}'s type, of an HTTP code. */
const char *sv_error_type(int code);
void sv_request_id(char id[SV_ID_MAX + 1]); /* a new one */

/* Replies; each at most once, and its result is the handler's. */
int sv_reply_json(sv_request *req, int code, json_t *body);                          /* takes over body */
int sv_reply_json_at(sv_request *req, int code, json_t *body, const char *location); /* and says where it is */
int sv_reply_bytes(sv_request *req, int code, const char *media, const void *bytes, size_t size); /* copied */
/* {"error": {message, type, param, code}}; the type follows from the code. param is static, or NULL: none. */
int sv_reply_error(sv_request *req, int code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int sv_reply_busy(sv_request *req, int code, int64_t retry_after_ms, const char *message); /* 429, 503 */
int sv_reply_response(sv_request *req, int code, struct MHD_Response *response);           /* takes over response */
int sv_reply_send(sv_request *req,
                  struct MHD_Response *response); /* HTTP's thread: one that was made at the executor */

#endif
