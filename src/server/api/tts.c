/* tts: /tts, speech that is accepted at once and asked for later. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/access.h"
#include "server/api/answers.h"
#include "server/api/fields.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

bool sv_read_idempotency(sv_request *req, const char *key, sv_idempotency *idempotency, int *result) {
    const size_t length = strlen(key);
    char text[SV_ACCOUNT_SIZE + 256];
    bool printable = length >= 1 && length <= 255;
    for (size_t i = 0; i < length && printable; i++) printable = key[i] > ' ' && key[i] < 0x7f;
    if (!printable) {
        *result = sv_reply_error(req, 400, "Idempotency-Key",
                                 "Idempotency-Key must be 1 to 255 printable characters without blanks");
        return false;
    }
    const int bytes = snprintf(text, sizeof text, "%s %s", req->client.account, key);
    *idempotency = (sv_idempotency){0};
    if (EVP_Digest(text, (size_t)bytes, idempotency->key, NULL, EVP_sha256(), NULL) &&
        EVP_Digest(req->body.bytes.data, req->body.bytes.size, idempotency->body, NULL, EVP_sha256(), NULL)) {
        return true;
    }
    *result = sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return false;
}

static int reply_accepted(sv_request *req, const char *id) {
    char place[SV_PREFIX_MAX + SV_JOB_ID + 8];
    snprintf(place, sizeof place, "%s/tts/%s", sv_prefix(req), id);
    return sv_reply_json_at(req, 202, json_pack("{s:s, s:s}", "status", "queued", "request_id", id), place);
}

/* It is written down, or could not be. */
static int answer_ticket(sv_request *req) {
    const sv_entry *e = &req->ticket->entry;
    if (e->status != EV_OK) return sv_reply_not_durable(req, e->status, &e->error);
    if (e->kind != SV_ENTRY_ACCEPT || !e->other[0]) return reply_accepted(req, req->job->id);
    if (e->same_body) return reply_accepted(req, e->other);
    return sv_reply_error(req, 422, "Idempotency-Key",
                          "this Idempotency-Key was used with another body: take a new one");
}

/* The job is promised when that is durable, and not before. */
static int answer_when_durable(sv_request *req, bool fresh) {
    if (!req->server->durable || atomic_load(&req->job->durable) == SV_DURABLE_ACCEPTED)
        return reply_accepted(req, req->job->id);
    req->ticket = sv_durable_accept(req->server->durable, req->job, fresh, NULL);
    if (!req->ticket) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return sv_wait_for_ticket(req, answer_ticket);
}

/* The job that an earlier request with the same key made, when the table has it no more. true: answered. */
static bool answer_again(sv_request *req, const sv_idempotency *idempotency, int *result) {
    char id[SV_JOB_ID + 1];
    ev_error err = {0};
    if (!req->server->durable) return false;
    const ev_status status = sv_durable_find_idempotency(req->server->durable, idempotency, id, &err);
    if (status == EV_E_NOT_FOUND) return false;
    if (status == EV_OK)
        *result = reply_accepted(req, id);
    else if (status == EV_E_ARGUMENT)
        *result = sv_reply_error(req, 422, "Idempotency-Key", "%s", err.message);
    else
        *result = sv_reply_not_durable(req, status, &err);
    return true;
}

int sv_answer_tts(sv_request *req) {
    sv_speech_params params;
    sv_idempotency idempotency;
    bool fresh;
    int result = MHD_YES;
    const char *key = sv_header(req, "Idempotency-Key");
    if (key && !sv_read_idempotency(req, key, &idempotency, &result)) return result;
    if (key && answer_again(req, &idempotency, &result)) return result;
    if (!sv_fields_read(req, &params, true, &result)) return result;
    params.stream = false;
    params.speech.format = params.format;
    params.speech.sound = params.sound;
    const bool begun = sv_speech_begin(req, &params, true, key ? &idempotency : NULL, &fresh, &result);
    sv_speech_params_free(&params);
    return begun ? answer_when_durable(req, fresh) : result;
}

/* The job of the path, held in req as if listened to; with its samples, if those are to be heard; or answers. */
static bool find_job(sv_request *req, bool samples, int *result) {
    sv_server *s = req->server;
    ev_error err = {0};
    const ev_status status =
        sv_backend_snapshot(s->backend, req->head.id, req->client.account, samples, &req->job, &err);
    if (req->job) {
        atomic_fetch_add(&req->job->listeners, 1);
        return true;
    }
    if (status == EV_E_NOT_FOUND)
        *result = sv_reply_error(req, 404, NULL, "there is no request %s: it was never made here, or is too long ago",
                                 req->head.id);
    else if (status == EV_E_LIMIT)
        *result = sv_reply_busy(req, 503, 2000, err.message);
    else
        *result = sv_reply_error(req, 500, NULL, "%s", err.message);
    return false;
}

int sv_answer_job(sv_request *req) {
    int result = MHD_YES;
    return find_job(req, false, &result) ? sv_reply_json(req, 200, sv_job_json(req->server, req->job)) : result;
}

static int answer_audio(sv_request *req) {
    ev_error error;
    const sv_job_state state = sv_job_snapshot(req->job, NULL, NULL, &error);
    if (state != SV_JOB_COMPLETED) return sv_reply_job_error(req, state, &error);
    return sv_listen(req, req->wants.format, false, true);
}

int sv_answer_job_audio(sv_request *req) {
    int result = MHD_YES;
    const char *format = sv_query(req, "format");
    ev_error err;
    if (!find_job(req, true, &result)) return result;
    req->wants.format = req->job->speech.format;
    req->wants.sound = req->job->speech.sound;
    if (format && ev_format_parse(format, &req->wants.format, &err) != EV_OK) {
        return sv_reply_error(req, 400, "format", "%s", err.message);
    }
    if (!sv_job_over(sv_job_snapshot(req->job, NULL, NULL, NULL))) {
        return sv_reply_error(req, 409, NULL, "the audio is not ready: ask /tts/%s until its status is completed",
                              req->head.id);
    }
    return answer_audio(req);
}

static int reply_canceled(sv_request *req) {
    return sv_reply_json(req, 200, json_pack("{s:s, s:s}", "request_id", req->head.id, "status", "canceled"));
}

/* It is gone from the disk; an earlier process's may have come into the table meanwhile. */
static int answer_forgotten(sv_request *req) {
    const sv_entry *e = &req->ticket->entry;
    if (e->status != EV_OK) return sv_reply_not_durable(req, e->status, &e->error);
    sv_job *job = sv_jobs_find(req->server->jobs, req->head.id, req->client.account);
    if (job) sv_jobs_cancel(req->server->jobs, job);
    sv_job_unref(&job);
    return reply_canceled(req);
}

int sv_answer_job_cancel(sv_request *req) {
    int result = MHD_YES;
    ev_error err = {0};
    if (!find_job(req, false, &result)) return result;
    if (sv_backend_cancel(req->server->backend, req->job, &err) != EV_OK)
        return sv_reply_busy(req, 503, 2000, err.message);
    if (!req->server->durable) return reply_canceled(req);
    req->ticket = sv_durable_forget(req->server->durable, req->head.id);
    if (!req->ticket) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return sv_wait_for_ticket(req, answer_forgotten);
}
