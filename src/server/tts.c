/* tts: /tts, speech that is accepted at once and asked for later. */
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

static double since(double then, double now) { return then > 0 ? (now - then) * 1000 : 0; }

static json_t *describe(sv_exchange *x, sv_job *job) {
    sv_times t;
    size_t count;
    ev_error error;
    const sv_job_state state = sv_job_look(job, &t, &count, &error);
    const double now = ev_clock_s(), rate = ev_model_sample_rate(x->server->model);
    json_t *body = json_pack("{s:s, s:s, s:I, s:f}", "request_id", job->id, "status", sv_job_state_names[state],
                             "created", (json_int_t)t.created, "audio_s", (double)count / rate);
    json_t *timings = json_pack("{s:f, s:f, s:f}", "queued_ms", since(t.arrived, t.started > 0 ? t.started : now),
                                "first_audio_ms", t.first > 0 ? since(t.arrived, t.first) : 0.0, "total_ms",
                                since(t.arrived, t.done > 0 ? t.done : now));
    json_object_set_new(body, "timings", timings);
    if (state == SV_JOB_COMPLETED) {
        json_object_set_new(body, "audio_url", json_sprintf("/tts/%s/audio", job->id));
    } else if (sv_job_over(state)) {
        json_object_set_new(body, "error", json_pack("{s:s}", "message", error.message));
    }
    return body;
}

/* An Idempotency-Key makes the same request the same job: the id is derived by the table from account and key. */
int sv_answer_tts(sv_exchange *x) {
    sv_wish wish;
    int result = MHD_YES;
    if (!sv_fields_read(x, &wish, true, &result)) return result;
    wish.stream = false;
    const bool begun = sv_speech_begin(x, &wish, true, &result);
    sv_wish_free(&wish);
    if (!begun) return result;
    char place[SV_JOB_ID + 8];
    snprintf(place, sizeof place, "/tts/%s", x->job->id);
    json_t *body = json_pack("{s:s, s:s}", "status", "queued", "request_id", x->job->id);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    struct MHD_Response *r = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (r) {
        MHD_add_response_header(r, "Content-Type", "application/json");
        MHD_add_response_header(r, "Location", place);
    }
    return sv_reply_response(x, 202, r);
}

/* The job of the path, held in x as if listened to; or answers. */
static bool find_job(sv_exchange *x, int *result) {
    x->job = sv_jobs_find(x->server->jobs, x->id, x->client.account);
    if (x->job) {
        atomic_fetch_add(&x->job->listeners, 1);
        return true;
    }
    *result =
        sv_reply_error(x, 404, NULL, "there is no request %s: it was never made here, or is too long ago", x->id);
    return false;
}

int sv_answer_job(sv_exchange *x) {
    int result = MHD_YES;
    return find_job(x, &result) ? sv_reply_json(x, 200, describe(x, x->job)) : result;
}

static int answer_audio(sv_exchange *x) {
    ev_error error;
    const sv_job_state state = sv_job_look(x->job, NULL, NULL, &error);
    if (state != SV_JOB_COMPLETED) return sv_reply_job_error(x, state, &error);
    return sv_listen(x, x->wish_format, false, true);
}

int sv_answer_job_audio(sv_exchange *x) {
    int result = MHD_YES;
    const char *format = sv_query(x, "format");
    ev_error err;
    if (!find_job(x, &result)) return result;
    x->wish_format = EV_FORMAT_WAV;
    if (format && ev_format_parse(format, &x->wish_format, &err) != EV_OK) {
        return sv_reply_error(x, 400, "format", "%s", err.message);
    }
    if (!sv_job_over(sv_job_look(x->job, NULL, NULL, NULL))) {
        return sv_reply_error(x, 409, NULL, "the audio is not ready: ask /tts/%s until its status is completed",
                              x->id);
    }
    return answer_audio(x);
}

int sv_answer_job_cancel(sv_exchange *x) {
    int result = MHD_YES;
    if (!find_job(x, &result)) return result;
    atomic_store(&x->job->kept, false); /* nobody may ask any more; who listens now is the last */
    if (sv_job_over(sv_job_look(x->job, NULL, NULL, NULL))) sv_jobs_forget(x->server->jobs, x->job);
    return sv_reply_json(x, 200, json_pack("{s:s, s:s}", "request_id", x->id, "status", "canceled"));
}
