/* job_json: a job as JSON, for those who ask and for webhooks. */
#include <string.h>
#include <time.h>

#include "server/api/answers.h"

json_t *sv_omitted_json(const sv_job *job) {
    json_t *list = json_array();
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX; i++) {
        const sv_omitted *o = &job->omitted[i];
        json_t *one = json_pack("{s:s, s:I, s:I, s:s%}", "reason", o->reason, "byte_begin", (json_int_t)o->byte_begin,
                                "byte_end", (json_int_t)o->byte_end, "text", job->speech.text + o->byte_begin,
                                o->byte_end - o->byte_begin);
        if (one && o->spoken) json_object_set_new(one, "spoken", json_string(o->spoken));
        if (one) json_array_append_new(list, one);
    }
    return list;
}

json_t *sv_words_json(sv_job *job, int32_t sample_rate, const ev_encoder *encoder) {
    sv_timing t = {.rate = sample_rate};
    return json_pack("{s:o}", "words", sv_timed_words(job, &t, encoder, true));
}

json_t *sv_warnings_json(const char *warnings) {
    json_t *list = json_array();
    for (const char *at = warnings; *at;) {
        const char *end = strstr(at, "; ");
        const size_t size = end ? (size_t)(end - at) : strlen(at);
        json_array_append_new(list, json_stringn(at, size));
        at += size + (end ? 2 : 0);
    }
    return list;
}

static double since(double then, double now) { return then > 0 ? (now - then) * 1000 : 0; }

/* Where its file can be had without us, and until when (seconds since 1970). */
static void add_url(const sv_server *s, const sv_job *job, json_t *body) {
    ev_buf url = {0};
    const sv_results *results = s->backend->results;
    if (sv_result_url(results, job, &url)) {
        json_object_set_new(body, "download_url", json_string((const char *)url.data));
        json_object_set_new(body, "download_expires",
                            json_integer((json_int_t)(time(NULL) + (time_t)results->url_s)));
    }
    ev_buf_free(&url);
}

json_t *sv_job_json(const sv_server *s, sv_job *job) {
    sv_times t;
    size_t count;
    ev_error error;
    const sv_job_state state = sv_job_snapshot(job, &t, &count, &error);
    const double now = t.done > 0 ? t.done : ev_clock_s(), rate = sv_job_rate(s, job);
    json_t *body = json_pack("{s:s, s:s, s:I, s:f}", "request_id", job->id, "status", sv_job_state_names[state],
                             "created", (json_int_t)(t.created_ms / 1000), "audio_s", (double)count / rate);
    json_t *timings = json_pack("{s:f, s:f, s:f}", "queued_ms", since(t.arrived, t.started > 0 ? t.started : now),
                                "first_audio_ms", t.first > 0 ? since(t.arrived, t.first) : 0.0, "total_ms",
                                since(t.arrived, t.done > 0 ? t.done : now));
    json_object_set_new(body, "timings", timings);
    if (state == SV_JOB_COMPLETED) {
        json_object_set_new(body, "audio_url", json_sprintf("/tts/%s/audio", job->id));
        add_url(s, job, body);
        if (job->warnings[0]) json_object_set_new(body, "warnings", sv_warnings_json(job->warnings));
        if (job->omitted_count) json_object_set_new(body, "omitted", sv_omitted_json(job));
        if (job->show_words) {
            json_object_set_new(body, "timestamps", sv_words_json(job, sv_job_rate(s, job), NULL));
        }
    } else if (sv_job_over(state)) {
        json_object_set_new(body, "error", json_pack("{s:s}", "message", error.message));
    }
    return body;
}

void sv_webhook_send(sv_server *s, const char *id, const char *account, const char *url, json_t *state) {
    sv_settings *settings = sv_settings_ref(s);
    char *body = state ? json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(state);
    const sv_webhook call = {.id = id,
                             .account = account,
                             .url = url,
                             .body = body,
                             .secret = settings->config.webhook_secret,
                             .hosts = settings->config.fetch_allow,
                             .http = settings->config.webhook == SV_REACH_ANY};
    if (body) sv_webhooks_call(s->webhooks, &call);
    free(body);
    sv_settings_unref(&settings);
}
