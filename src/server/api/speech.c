/* speech: POST /v1/audio/speech. What was asked for becomes a job, the job is admitted, and its audio goes out as it
 * is made; or as one file, where that was asked for. The status is sent when the first samples are there, so that a
 * text or voice that cannot be spoken is a 4xx and not a broken stream.
 */
#include <string.h>

#include "server/http/access.h"
#include "server/api/answers.h"
#include "server/api/fields.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

/* Where the text stood: /tts has its own name for it. */
static const char *text_field(const sv_request *req) {
    return req->wants.dialect == SV_DIALECT_ELEVENLABS || req->wants.dialect == SV_DIALECT_SIMPLE ||
                   req->route->counted != SV_ROUTE_SPEECH
               ? "text"
               : "input";
}

/* Phones say what no list of words can read. */
static bool check_phones(sv_request *req, const sv_speech *speech, int *result) {
    size_t begin, end;
    if (!sv_words_phones(speech->text, speech->text_bytes, &begin, &end)) return true;
    sv_metric_add(req->server->metrics, SV_METRIC_JOBS, SV_OUTCOME_REJECTED_WORDS, 1);
    *result = sv_reply_error(req, 422, text_field(req),
                             "phones may not be given where a list of words is in force: write the word alone "
                             "(bytes %zu to %zu)",
                             begin, end);
    return false;
}

/* In what is written, and then in what will be heard. */
static ev_status find_word(const sv_settings *a, const sv_speech *speech, sv_word_hit *hit, bool *found,
                           ev_error *err) {
    size_t count = 0;
    ev_status status = sv_words_find(a->words, speech->text, speech->text_bytes, hit, 1, &count, err);
    *found = count > 0;
    ev_request request;
    ev_dictionary *own = NULL;
    ev_request_init(&request);
    if (status == EV_OK && !*found) status = sv_speech_to_request(speech, &request, &own, err);
    if (status == EV_OK && !*found) status = sv_sounds_find(a->sounds, &request, hit, found, err);
    ev_dictionary_free(&own);
    return status;
}

/* Listed words are looked for in what will be spoken; the answer names the rule, never the word. */
static bool check_words(sv_request *req, const sv_speech *speech, int *result) {
    sv_word_hit hit;
    bool found = false;
    ev_error err = {0};
    if (!req->settings->words) return true;
    if (!check_phones(req, speech, result)) return false;
    const ev_status status = find_word(req->settings, speech, &hit, &found, &err);
    if (status == EV_OK && !found) return true;
    if (status != EV_OK) {
        *result = sv_reply_error(req, status == EV_E_TEXT ? 400 : 503, text_field(req), "%s", err.message);
        return false;
    }
    sv_metric_add(req->server->metrics, SV_METRIC_JOBS, SV_OUTCOME_REJECTED_WORDS, 1);
    *result = sv_reply_error(req, 422, text_field(req),
                             "the text holds a word that is not spoken here (rule %s, bytes %zu to %zu)", hit.rule,
                             hit.byte_begin, hit.byte_end);
    return false;
}

static bool check_consent(sv_request *req, const sv_speech *speech, int *result) {
    const bool clones = speech->reference || speech->reference_url;
    if (!clones || req->settings->config.consent == SV_CONSENT_OFF) return true;
    *result = sv_reply_error(req, 403, "reference_audio",
                             "cloning needs a statement of consent here: upload the voice to "
                             "/v1/voices with consent_id, then name it as voice");
    return false;
}

/* Among untrusted clients everybody would be in a hurry. */
static bool check_priority(sv_request *req, const sv_speech *speech, int *result) {
    if (speech->priority > 0 || req->client.has_key) return true;
    *result = sv_reply_error(req, 403, "priority",
                             "priority high needs an API key: send Authorization: Bearer KEY, or leave priority out");
    return false;
}

/* What was made in a voice is for those who may speak with it: not for others, nor for anybody once it is deleted.
 * What is accepted for later is asked for in a voice that there is now. */
static bool check_voice(sv_request *req, const sv_speech *speech, int *result) {
    ev_error err = {0};
    if (!speech->voice) return true;
    const sv_model *m = sv_model_find(req->settings->models, speech->model, strlen(speech->model));
    if (sv_voices_check(m->voices, m->catalogue, speech->voice, req->client.account, &err) != EV_OK) {
        *result = err.status == EV_E_ARGUMENT ? sv_reply_error(req, 400, "voice", "%s", err.message)
                                              : sv_reply_job_error(req, SV_JOB_FAILED, &err);
        return false;
    }
    return true;
}

static int refuse(sv_request *req, const sv_submission *submission) {
    const sv_admission *a = &submission->admission;
    if (submission->conflict)
        return sv_reply_error(req, 422, "Idempotency-Key",
                              "this Idempotency-Key was used with another body: take a new one");
    if (submission->over_quota)
        return sv_reply_busy(req, 429, a->retry_after_ms,
                             "this key has had its seconds of speech for now: wait for the time in Retry-After");
    if (submission->unavailable) return sv_reply_busy(req, 503, a->retry_after_ms, submission->error.message);
    if (req->job->claim_result == SV_CLAIM_NEVER)
        return sv_reply_error(req, 400, text_field(req),
                              "the answer would need more memory than one client may have: split the text, or send a "
                              "smaller recording");
    if (req->job->claim_result == SV_CLAIM_LATER)
        return sv_reply_busy(req, 503, a->retry_after_ms,
                             "there is no memory left for you: read the answers you have, or try again later");
    if (a->verdict == SV_LATE)
        return sv_reply_error(req, 504, "deadline_ms",
                              "the deadline cannot be met: this text and what waits before it take longer");
    return sv_reply_busy(req, 503, a->retry_after_ms,
                         a->verdict == SV_FULL ? "the service is full: try again after the time in Retry-After"
                                               : "the service is nearly full and most of it is yours: wait for "
                                                 "your other requests");
}

/* The job for these params: a new one, or one that is there already. */
static bool take_job(sv_request *req, sv_speech_params *params, double seconds, bool kept,
                     sv_idempotency *idempotency, bool *fresh, int *result) {
    sv_server *s = req->server;
    req->job = sv_jobs_take(s->jobs, &params->speech, req->client.account, kept,
                            s->backend->decides_keys ? NULL : idempotency, fresh);
    if (req->job && idempotency && s->backend->decides_keys) req->job->idempotency = *idempotency;
    sv_spans_begin(req);
    if (req->job && *fresh) {
        req->job->trace = sv_spans_inside(req);
        req->job->webhook = params->webhook;
        req->job->show_words = params->words;
        req->job->comes_again = req->comes_again;
        req->job->weight = req->client.weight;
        req->job->quota_s = req->client.audio_s;
        req->job->charged_s = seconds;
        if (kept && s->durable) atomic_store(&req->job->durable, SV_DURABLE_WANTED);
        params->webhook = NULL;
    }
    if (req->job) return true;
    *result = idempotency && idempotency->conflict
                  ? sv_reply_error(req, 422, "Idempotency-Key",
                                   "this Idempotency-Key was used with another body: take a new one")
                  : sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return false;
}

/* Speech that is there already, or is being made. */
static void count_joined(sv_request *req) {
    const bool over = sv_job_over(sv_job_snapshot(req->job, NULL, NULL, NULL));
    sv_metric_add(req->server->metrics, over ? SV_METRIC_RESULT_CACHE : SV_METRIC_COALESCED, over ? SV_LOOKUP_HIT : 0,
                  1);
}

/* *made: something new is. */
static bool take_and_submit(sv_request *req, sv_speech_params *params, double seconds, bool kept,
                            sv_idempotency *idempotency, bool *made, int *result) {
    sv_server *s = req->server;
    const int32_t priority = params->speech.priority;
    bool fresh;
    *made = false;
    if (!take_job(req, params, seconds, kept, idempotency, &fresh, result)) return false;
    if (!fresh) {
        sv_backend_join(s->backend, req->job, priority, params->stream && !kept);
        if (!kept) count_joined(req); /* kept: the same request again */
        return true;
    }
    sv_metric_add(s->metrics, SV_METRIC_RESULT_CACHE, SV_LOOKUP_MISS, 1);
    sv_submission submission;
    sv_backend_submit(s->backend, req->job, req->client.account, &submission);
    *made = submission.admission.verdict == SV_ACCEPT && !submission.first[0];
    if (submission.first[0]) { /* the same request again */
        memcpy(req->job->id, submission.first, sizeof submission.first);
        return true;
    }
    if (*made)
        sv_metric_add(s->metrics, SV_METRIC_TEXT_CHARACTERS, 0, (double)req->amount.chars);
    else
        *result = refuse(req, &submission);
    return *made;
}

/* What a key may have in an hour is not there for one request that is longer. */
static bool check_quota(sv_request *req, double seconds, int *result) {
    const double quota = req->client.audio_s;
    if (quota <= 0 || seconds <= quota) return true;
    *result = sv_reply_error(
        req, 400, text_field(req),
        "this makes about %.0f s of speech, and the key may have %.0f s an hour: send less at once", seconds, quota);
    return false;
}

bool sv_speech_begin(sv_request *req, sv_speech_params *params, bool kept, sv_idempotency *idempotency, bool *made,
                     int *result) {
    sv_server *s = req->server;
    *made = false;
    if (atomic_load(&s->draining)) {
        *result = sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
        return false;
    }
    if (!check_words(req, &params->speech, result) || !check_consent(req, &params->speech, result)) return false;
    if (!check_priority(req, &params->speech, result)) return false;
    if (!check_voice(req, &params->speech, result)) return false;
    const sv_charge charge = {.audio_s = sv_backend_seconds(s->backend, &params->speech),
                              .fetch = params->speech.reference_url != NULL};
    if (!check_quota(req, charge.audio_s, result) || !sv_access_charge(req, charge, result)) return false;
    params->speech.stream = params->stream;
    params->speech.windowed =
        params->stream && !kept && sv_backend_windowed(s->backend, &params->speech, charge.audio_s);
    const bool begun = take_and_submit(req, params, charge.audio_s, kept, idempotency, made, result);
    if (!*made) sv_access_refund(req, charge);
    return begun;
}

int sv_reply_not_durable(sv_request *req, ev_status status, const ev_error *error) {
    if (status == EV_E_LIMIT) return sv_reply_error(req, 507, NULL, "%s", error->message);
    if (status == EV_E_CANCELED) return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    if (status == EV_E_MEMORY) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return sv_reply_busy(req, 503, 5000, error->message);
}

/* Where the recording stood. */
static const char *recording_field(const sv_request *req) {
    return req->job && req->job->speech.reference_url ? "reference_audio_url" : "reference_audio";
}

int sv_reply_job_error(sv_request *req, sv_job_state state, const ev_error *error) {
    if (state == SV_JOB_EXPIRED) return sv_reply_error(req, 504, "deadline_ms", "%s", error->message);
    if (state == SV_JOB_CANCELED) return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    switch (error->status) {
    case EV_E_TEXT: return sv_reply_error(req, 400, text_field(req), "%s", error->message);
    case EV_E_LIMIT: return sv_reply_error(req, 400, text_field(req), "%s", error->message);
    case EV_E_AUDIO: return sv_reply_error(req, 422, recording_field(req), "%s", error->message);
    case EV_E_FORMAT: return sv_reply_error(req, 400, recording_field(req), "%s", error->message);
    case EV_E_NOT_FOUND: return sv_reply_error(req, 404, "voice", "%s", error->message);
    case EV_E_ARGUMENT: return sv_reply_error(req, 400, NULL, "%s", error->message);
    case EV_E_MEMORY: return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    case EV_E_IO:
        return sv_reply_error(req, 424, "reference_audio_url", "%s", error->message); /* of sv_fetch alone */
    default: return sv_reply_error(req, 500, NULL, "the speech could not be made: %s", error->message);
    }
}

static void note_times(sv_request *req) {
    sv_times times;
    sv_job_snapshot(req->job, &times, NULL, NULL);
    if (times.started > 0) req->amount.queue_s = times.started > req->start ? times.started - req->start : 0;
}

/* The first samples are there, or it is over. */
static int begin_answer(sv_request *req) {
    ev_error error;
    size_t count;
    const sv_job_state state = sv_job_snapshot(req->job, NULL, &count, &error);
    note_times(req);
    if (sv_job_over(state) && state != SV_JOB_COMPLETED && !count) return sv_reply_job_error(req, state, &error);
    if (!req->wants.stream && state != SV_JOB_COMPLETED) return sv_reply_job_error(req, state, &error);
    return sv_listen(req, req->wants.format, req->wants.sse, state == SV_JOB_COMPLETED);
}

int sv_speak_params(sv_request *req, sv_speech_params *params) {
    bool made;
    int result = MHD_YES;
    req->wants.format = params->format;
    req->wants.sound = params->sound;
    req->wants.sse = params->sse;
    req->wants.words = params->words;
    req->wants.stream = params->stream || (params->sse && !params->sound.normalize);
    if (!sv_speech_begin(req, params, false, NULL, &made, &result)) return result;
    return sv_wait_for_sample(req, req->wants.stream ? 0 : SV_AT_END, begin_answer);
}

int sv_speak(sv_request *req, json_t *body) {
    sv_speech_params params;
    int result = MHD_YES;
    const bool read = sv_fields_take(req, body, &params, &result);
    json_decref(body);
    if (!read) return result;
    result = sv_speak_params(req, &params);
    sv_speech_params_free(&params);
    return result;
}

int sv_answer_speech(sv_request *req) {
    int result = MHD_YES;
    json_t *body = sv_body_object(req, &result);
    return body ? sv_speak(req, body) : result;
}
