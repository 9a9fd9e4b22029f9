/* pages: what the service says of itself, the description of its API, and the page it shows. */
#include <string.h>

#include "server/api/page.h"
#include "server/api/answers.h"
#include "server/api/fields.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

int sv_answer_health(sv_request *req) { return sv_reply_json(req, 200, json_pack("{s:s}", "status", "ok")); }

/* What whoever operates it should know of the jobs: whether they outlive the process, and what keeps them from it. */
static json_t *jobs_json(const sv_server *s) {
    sv_journal_state state;
    sv_load load;
    if (*s->config.redis && !s->worker) {
        sv_backend_backlog(s->backend, &load);
        return json_pack("{s:b, s:s, s:I, s:I, s:f, s:I}", "durable", !load.here, "queue",
                         load.here ? "local" : "redis", "workers", (json_int_t)load.workers, "pending",
                         (json_int_t)load.jobs, "pending_audio_s", load.audio_s, "dead", (json_int_t)load.dead);
    }
    if (s->worker) return json_pack("{s:b, s:s}", "durable", 1, "queue", "redis");
    if (!s->durable)
        return json_pack("{s:b, s:s}", "durable", 0, "note",
                         "jobs and results are in memory and do not outlive this process: start it with data_dir");
    sv_durable_stats(s->durable, &state);
    json_t *json = json_pack("{s:b, s:I, s:I, s:I, s:I}", "durable", 1, "pending", (json_int_t)state.pending, "dead",
                             (json_int_t)state.dead, "results", (json_int_t)state.results, "result_bytes",
                             (json_int_t)state.result_bytes);
    if (state.problem[0]) json_object_set_new(json, "problem", json_string(state.problem));
    if (state.set_aside[0])
        json_object_set_new(
            json, "damaged",
            json_pack("{s:s, s:I}", "moved_to", state.set_aside, "jobs_kept", (json_int_t)state.recovered));
    return json;
}

static bool is_available(const sv_server *s) {
    sv_load load;
    if (s->worker) return sv_worker_available(s->worker);
    sv_backend_backlog(s->backend, &load);
    return load.available;
}

int sv_answer_ready(sv_request *req) {
    atomic_store(&req->server->probed, ev_clock_s());
    if (atomic_load(&req->server->leaving)) return sv_reply_busy(req, 503, 1000, "stopping");
    if (!is_available(req->server)) return sv_reply_busy(req, 503, 1000, "redis does not answer");
    return sv_reply_json(req, 200, json_pack("{s:s, s:o?}", "status", "ready", "jobs", jobs_json(req->server)));
}

static json_t *model_json(const sv_model_list *models, const sv_model *m) {
    const sv_catalogue *c = m->catalogue;
    return json_pack("{s:s, s:s, s:I, s:s, s:b, s:b, s:I, s:i, s:b, s:b}", "id", m->name, "object", "model",
                     "created", (json_int_t)1767225600, "owned_by", "emotivoice", "default", m == models->items[0],
                     "loaded", sv_model_loaded(m), "voices", (json_int_t)sv_catalogue_count(c), "sample_rate",
                     (int)sv_catalogue_rate(c), "prompts", sv_catalogue_takes_prompts(c), "clones",
                     sv_catalogue_clones(c));
}

int sv_answer_models(sv_request *req) {
    const sv_model_list *models = req->settings->models;
    bool mixed;
    if (req->head.id[0]) { /* clients send the names they know, which mean the default */
        const sv_model *m = sv_names_model(models, req->head.id, NULL, &mixed);
        if (m) return sv_reply_json(req, 200, model_json(models, m));
        return sv_reply_error(req, 404, "id", "there is no model %s here: /v1/models lists them", req->head.id);
    }
    json_t *list = json_array(); /* twice: OpenAI's clients read data, Open WebUI models */
    for (size_t i = 0; i < models->count; i++) json_array_append_new(list, model_json(models, models->items[i]));
    return sv_reply_json(req, 200, json_pack("{s:s, s:O, s:o}", "object", "list", "data", list, "models", list));
}

int sv_answer_emotions(sv_request *req) {
    const char *name = sv_query(req, "model");
    bool mixed;
    const sv_model *m = sv_names_model(req->settings->models, name, NULL, &mixed);
    if (!m) return sv_reply_error(req, 400, "model", "there is no model '%.64s' here: /v1/models lists them", name);
    json_t *list = json_array();
    for (size_t i = 0; i < sv_catalogue_emotion_count(m->catalogue); i++) {
        json_array_append_new(list, json_string(sv_catalogue_emotion(m->catalogue, i)));
    }
    return sv_reply_json(req, 200, json_pack("{s:s, s:o}", "object", "list", "data", list));
}

static int reply_buffer(sv_request *req, const char *media, ev_buf *text) {
    const int result = text->failed ? sv_reply_error(req, 503, NULL, "out of memory: try again later")
                                    : sv_reply_bytes(req, 200, media, text->data, text->size);
    ev_buf_free(text);
    return result;
}

int sv_answer_status(sv_request *req) {
    ev_buf text = {0};
    sv_metrics_status_json(req->server->metrics, ev_clock_s(), &text);
    return reply_buffer(req, "application/json", &text);
}

int sv_answer_metrics(sv_request *req) {
    ev_buf text = {0};
    sv_metrics_text(req->server->metrics, req->server->device, &text);
    return reply_buffer(req, SV_METRICS_CONTENT_TYPE, &text);
}

/* A compiled-in file, or 304 to a client that has it already; its type and tag. *code is the answer's. NULL: out of
 * memory. */
static struct MHD_Response *file_response(sv_request *req, const sv_page_file *file, int *code) {
    const char *known = sv_header(req, "If-None-Match");
    const bool same = known && strcmp(known, file->etag) == 0;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(same ? 0 : file->size, (void *)(uintptr_t)file->data, MHD_RESPMEM_PERSISTENT);
    *code = same ? 304 : 200;
    if (!r) return NULL;
    MHD_add_response_header(r, "Content-Type", file->content_type);
    MHD_add_response_header(r, "ETag", file->etag);
    MHD_add_response_header(r, "Cache-Control", "no-cache");
    return r;
}

int sv_answer_page(sv_request *req) {
    int code;
    struct MHD_Response *r = file_response(req, sv_page_find(req->head.path), &code);
    if (r) {
        MHD_add_response_header(r, "Content-Security-Policy", SV_PAGE_CSP);
        MHD_add_response_header(r, "Permissions-Policy", SV_PAGE_PERMISSIONS);
        MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    }
    return sv_reply_response(req, code, r);
}

int sv_answer_openapi(sv_request *req) {
    int code;
    struct MHD_Response *r = file_response(req, &sv_openapi_file, &code);
    /* tools that read it, such as editors in a browser, come from elsewhere; it tells nothing that is not public */
    if (r) MHD_add_response_header(r, "Access-Control-Allow-Origin", "*");
    return sv_reply_response(req, code, r);
}

int sv_answer_dead(sv_request *req) {
    ev_buf text = {0};
    ev_error err = {0};
    if (sv_backend_dead_letters(req->server->backend, &text, &err) != EV_OK)
        return sv_reply_busy(req, 503, 2000, err.message);
    return reply_buffer(req, "application/json", &text);
}

static int reply_again_as(sv_request *req, const char *id) {
    return sv_reply_json(req, 202, json_pack("{s:s, s:s}", "status", "queued", "request_id", id));
}
static int reply_again(sv_request *req) { return reply_again_as(req, req->job->id); }

static int answer_again(sv_request *req) {
    const sv_entry *e = &req->ticket->entry;
    if (e->status == EV_OK) return reply_again(req);
    if (e->status == EV_E_NOT_FOUND) return sv_reply_error(req, 404, NULL, "%s", e->error.message);
    return sv_reply_not_durable(req, e->status, &e->error);
}

static int refuse_dead(sv_request *req, ev_status status, int32_t retry_after_ms, const ev_error *error) {
    switch (status) {
    case EV_E_NOT_FOUND: return sv_reply_error(req, 404, NULL, "there is no dead letter %s", req->head.id);
    case EV_E_MEMORY: return sv_reply_busy(req, 503, retry_after_ms, "out of memory: try again later");
    case EV_E_LIMIT:
        return sv_reply_busy(req, 503, retry_after_ms,
                             "the queue is full, and the dead letter stays: try again after the time in Retry-After");
    default: return sv_reply_error(req, 500, NULL, "%s", error->message);
    }
}

int sv_answer_dead_retry(sv_request *req) {
    sv_server *s = req->server;
    int32_t retry_after_ms;
    char again[SV_JOB_ID + 1];
    ev_error err = {0};
    const ev_status status = sv_backend_retry(s->backend, req->head.id, again, &req->job, &retry_after_ms, &err);
    if (status != EV_OK) return refuse_dead(req, status, retry_after_ms, &err);
    if (!s->durable) return reply_again_as(req, again);
    req->ticket = sv_durable_accept(s->durable, req->job, true, req->head.id);
    if (!req->ticket) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return sv_wait_for_ticket(req, answer_again);
}

int sv_answer_dead_show(sv_request *req) {
    ev_buf text = {0};
    ev_error err = {0};
    const ev_status status = sv_backend_dead_letter(req->server->backend, req->head.id, &text, &err);
    if (status == EV_E_LIMIT) return sv_reply_busy(req, 503, 2000, err.message);
    if (status != EV_OK) return refuse_dead(req, status, 1000, &err);
    return reply_buffer(req, "application/json", &text);
}

static int reply_dropped(sv_request *req) {
    return sv_reply_json(req, 200, json_pack("{s:s, s:s}", "request_id", req->head.id, "status", "dropped"));
}

static int answer_dropped(sv_request *req) {
    const sv_entry *e = &req->ticket->entry;
    return e->status == EV_OK ? reply_dropped(req) : sv_reply_not_durable(req, e->status, &e->error);
}

int sv_answer_dead_drop(sv_request *req) {
    sv_server *s = req->server;
    ev_error err = {0};
    const ev_status status = sv_backend_drop(s->backend, req->head.id, &err);
    if (status == EV_E_LIMIT) return sv_reply_busy(req, 503, 2000, err.message);
    if (status != EV_OK) return refuse_dead(req, status, 1000, &err);
    if (!s->durable) return reply_dropped(req);
    req->ticket = sv_durable_forget(s->durable, req->head.id);
    if (!req->ticket) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return sv_wait_for_ticket(req, answer_dropped);
}
