/* gateway_find: jobs that were promised, for clients that ask later at any gateway: all that is known of them is in
 * Redis. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "server/jobs/record.h"
#include "server/redis/gateway_inner.h"
#include "server/redis/message.h"

/* What a client gets to know. */
static ev_status not_now(ev_error *err) {
    return ev_fail(err, EV_E_LIMIT, "the queue cannot be asked now: try again after the time in Retry-After");
}

static const char *text_of(const redisReply *hash, const char *name) {
    const redisReply *at = sv_reply_field(hash, name);
    return at && at->type == REDIS_REPLY_STRING ? at->str : "";
}

/* Its record, as a journal would have it; what waits is described as canceled for the moment, since it has no samples
 * and needs no recording. */
static ev_status read_record(const redisReply *hash, const char *id, sv_record *r, bool *waits, bool *running,
                             ev_error *err) {
    static const struct {
        const char *name;
        sv_record_state state;
    } states[] = {{"queued", SV_RECORD_CANCELED},
                  {"running", SV_RECORD_CANCELED},
                  {"completed", SV_RECORD_COMPLETED},
                  {"failed", SV_RECORD_FAILED},
                  {"expired", SV_RECORD_EXPIRED}};
    const redisReply *message = sv_reply_field(hash, "message");
    const char *state = text_of(hash, "state");
    if (!message || message->type != REDIS_REPLY_STRING)
        return ev_fail(err, EV_E_FORMAT, "a job in Redis has no message");
    const ev_status status = sv_message_job(r, message->str, message->len, err);
    if (status != EV_OK) return status;
    snprintf(r->id, sizeof r->id, "%s", id); /* a dead letter that is tried again has its old message */
    *running = strcmp(state, "running") == 0;
    *waits = *running || strcmp(state, "queued") == 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(states); i++) {
        if (strcmp(state, states[i].name) == 0) r->state = states[i].state;
    }
    if (r->state == SV_RECORD_ACCEPTED) return ev_fail(err, EV_E_FORMAT, "a job in Redis has the state '%s'", state);
    r->outcome = strdup(*waits ? "{}" : text_of(hash, "outcome"));
    r->result_bytes = strtoll(text_of(hash, "bytes"), NULL, 10);
    const char *digest = text_of(hash, "digest");
    if (r->state == SV_RECORD_COMPLETED && !ev_hex_read(digest, strlen(digest), r->digest, sizeof r->digest))
        return ev_fail(err, EV_E_FORMAT, "a result in Redis has no digest");
    return r->outcome ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
}

/* A job of this moment; its samples where they are wanted. */
static ev_status job_of_hash(sv_gateway *g, const redisReply *hash, const char *id, bool samples, sv_job **out,
                             ev_error *err) {
    sv_record r = {0};
    bool waits = false, running = false;
    ev_status status = read_record(hash, id, &r, &waits, &running, err);
    if (status == EV_OK) status = sv_record_job(out, &r, err);
    if (status == EV_OK && waits) {
        const double age_s = (strtod(text_of(hash, "now"), NULL) - strtod(text_of(hash, "created"), NULL)) / 1000;
        (*out)->state = running ? SV_JOB_RUNNING : SV_JOB_QUEUED;
        (*out)->times = (sv_times){.arrived = ev_clock_s() - age_s, .created_ms = r.created_ms};
    }
    const redisReply *audio = sv_reply_field(hash, "audio");
    const bool within =
        audio && audio->type == REDIS_REPLY_STRING && audio->len && (int64_t)audio->len == r.result_bytes;
    if (status == EV_OK && samples && r.state == SV_RECORD_COMPLETED)
        status = within ? sv_result_take(audio->str, g->parts.ledger, &r, *out, err)
                        : sv_result_read(g->parts.results, g->parts.ledger, &r, *out, err);
    sv_record_free(&r);
    if (status != EV_OK) sv_job_unref(out);
    return status;
}

ev_status sv_gateway_snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                              ev_error *err) {
    sv_gateway *g = sv_gateway_of(b);
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *hash = sv_links_script(&g->links, SV_SCRIPT_FIND, &a, &why);
    if (!hash) return not_now(err);
    ev_status status = EV_E_NOT_FOUND;
    const bool there = hash->type == REDIS_REPLY_ARRAY && hash->elements;
    /* what somebody listens to is nobody's to ask for */
    if (there && !*text_of(hash, "gateway") && (!owner || strcmp(text_of(hash, "owner"), owner) == 0))
        status = job_of_hash(g, hash, id, samples, out, err);
    else
        ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    freeReplyObject(hash);
    return status;
}

static ev_status cancel_id(sv_gateway *g, const char *id, const char *owner, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    sv_args_text(&a, owner);
    redisReply *reply = sv_links_script(&g->links, SV_SCRIPT_CANCEL, &a, &why);
    if (!reply) return not_now(err);
    freeReplyObject(reply);
    (void)sv_result_remove(g->parts.results, id, NULL);
    (void)sv_store_remove(g->parts.recordings, id, NULL);
    return EV_OK;
}

ev_status sv_gateway_cancel(sv_backend *b, sv_job *job, ev_error *err) {
    return cancel_id(sv_gateway_of(b), job->id, job->owner, err);
}

static ev_status no_dead_letter(const char *id, ev_error *err) {
    return ev_fail(err, EV_E_NOT_FOUND, "there is no dead letter %s", id);
}

ev_status sv_gateway_retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                           int32_t *retry_after_ms, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    (void)job;
    *retry_after_ms = 2000;
    if (!sv_job_make_id(again)) return ev_fail(err, EV_E_MEMORY, "no random numbers");
    sv_args_text(&a, id);
    sv_args_text(&a, again);
    redisReply *reply = sv_links_script(&sv_gateway_of(b)->links, SV_SCRIPT_RETRY, &a, &why);
    if (!reply) return not_now(err);
    const bool found = strcmp(sv_reply_text(reply, 0), "OK") == 0;
    freeReplyObject(reply);
    return found ? EV_OK : no_dead_letter(id, err);
}

/* ---- dead letters ---- */

/* request: with what was asked for. */
static json_t *describe_dead(const redisReply *one, bool request) {
    json_t *message = json_loads(sv_reply_text(one, 1), 0, NULL),
           *outcome = json_loads(sv_reply_text(one, 2), 0, NULL);
    json_t *asked = json_object_get(message, "request");
    const json_t *text = json_object_get(asked, "text");
    const char *why = json_string_value(json_object_get(json_object_get(outcome, "error"), "message"));
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "id", sv_reply_text(one, 0), "error", why ? why : "",
                             "created", (json_int_t)(sv_reply_int(one, 3, 0) / 1000), "tries",
                             (json_int_t)sv_reply_int(one, 4, 0), "text_bytes", (json_int_t)json_string_length(text));
    if (request && asked) json_object_set(json, "request", asked);
    json_decref(message);
    json_decref(outcome);
    return json;
}

ev_status sv_gateway_dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    const sv_args none = {0};
    ev_error why = {0};
    redisReply *reply = sv_links_script(&sv_gateway_of(b)->links, SV_SCRIPT_DEAD, &none, &why);
    if (!reply) return not_now(err);
    json_t *list = json_array();
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        json_array_append_new(list, describe_dead(reply->element[i], false));
    freeReplyObject(reply);
    sv_record_append(out, list);
    return EV_OK;
}

ev_status sv_gateway_dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *reply = sv_links_script(&sv_gateway_of(b)->links, SV_SCRIPT_DEAD, &a, &why);
    if (!reply) return not_now(err);
    const redisReply *one = sv_reply_at(reply, 0);
    if (one) sv_record_append(out, describe_dead(one, true));
    const ev_status status = one ? EV_OK : no_dead_letter(id, err);
    freeReplyObject(reply);
    return status;
}

ev_status sv_gateway_drop(sv_backend *b, const char *id, ev_error *err) {
    sv_args a = {0};
    ev_error why = {0};
    sv_args_text(&a, id);
    redisReply *reply = sv_links_script(&sv_gateway_of(b)->links, SV_SCRIPT_DROP, &a, &why);
    if (!reply) return not_now(err);
    const char *blob = sv_reply_text(reply, 0);
    const bool found = *blob != '\0';
    if (found) (void)sv_store_remove(sv_gateway_of(b)->parts.recordings, blob, NULL);
    freeReplyObject(reply);
    return found ? EV_OK : no_dead_letter(id, err);
}
