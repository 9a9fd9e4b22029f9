/* simple: speech for whoever has no JSON at hand: a text as the body of POST /, or as GET /say?text=. The rest of
 * what speech can be asked for stands in the query, by the names of /v1/audio/speech. */
#include <stdlib.h>
#include <string.h>

#include "server/api/answers.h"
#include "server/http/reply.h"

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(*names, name) != 0) names++;
    return *names != NULL;
}

/* A text as the kind of value that its field has; what is none of that kind stays a text, and is refused as one. */
static json_t *value_of(const char *field, const char *text) {
    static const char *const numbers[] = {"speed",       "emotion_degree", "pitch_scale", "energy_scale",      "seed",
                                          "sample_rate", "volume",         "deadline_ms", "volume_multiplier", NULL};
    static const char *const flags[] = {"stream", "normalize", "trim_silence", "ssml", "strict", "timestamps", NULL};
    char *end = NULL;
    if (is_one_of(field, numbers)) {
        const double number = strtod(text, &end);
        return *text && !*end ? json_real(number) : json_string(text);
    }
    if (!is_one_of(field, flags)) return json_string(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0) return json_true();
    return strcmp(text, "false") == 0 || strcmp(text, "0") == 0 ? json_false() : json_string(text);
}

static enum MHD_Result add_field(void *fields, enum MHD_ValueKind kind, const char *name, const char *text) {
    const char *field = strcmp(name, "text") == 0 ? "input" : strcmp(name, "format") == 0 ? "response_format" : name;
    json_t *value = value_of(field, text ? text : "");
    (void)kind;
    /* bytes that are no UTF-8 are no value, and an empty text is missing */
    if (json_object_set_new(fields, field, value ? value : json_string("")) != 0) return MHD_NO;
    return MHD_YES;
}

static json_t *read_query(sv_request *req) {
    json_t *fields = json_pack("{s:s}", "response_format", "wav");
    req->wants.dialect = SV_DIALECT_SIMPLE;
    if (fields) MHD_get_connection_values(req->connection, MHD_GET_ARGUMENT_KIND, add_field, fields);
    return fields;
}

int sv_answer_say(sv_request *req) {
    if (!req->settings->config.simple)
        return sv_reply_error(req, 404, NULL, "this path is off here: start the service with --simple on");
    json_t *fields = read_query(req);
    return fields ? sv_speak(req, fields) : sv_reply_busy(req, 503, 1000, "out of memory: try again later");
}

int sv_answer_plain(sv_request *req) {
    if (!req->settings->config.simple) {
        snprintf(req->head.allow, sizeof req->head.allow, "GET, HEAD");
        return sv_reply_error(req, 405, NULL,
                              "POST is not for this path: use GET, HEAD, or start it with --simple on");
    }
    json_t *text = json_stringn((const char *)req->body.bytes.data, req->body.bytes.size), *fields = read_query(req);
    if (!text && req->body.bytes.size) {
        json_decref(fields);
        return sv_reply_error(req, 400, "text", "the body is not UTF-8: send the text as such");
    }
    if (fields && text) json_object_set(fields, "input", text);
    json_decref(text);
    return fields ? sv_speak(req, fields) : sv_reply_busy(req, 503, 1000, "out of memory: try again later");
}
