/* captions: speech with the times of its words. POST /dev/captioned_speech as Kokoro-FastAPI has it: lines of JSON as
 * the speech is made, or one object; POST /v1/audio/subtitles: the times alone, as srt, vtt or json.
 */
#include <string.h>

#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

int sv_answer_captioned(sv_request *req) {
    int result = MHD_YES;
    json_t *body = sv_body_object(req, &result);
    if (!body) return result;
    const json_t *stream = json_object_get(body, "stream");
    const bool lines = !stream || json_is_true(stream); /* Kokoro's default */
    json_object_del(body, "return_timestamps");
    req->wants.envelope = lines ? SV_ENVELOPE_LINES : SV_ENVELOPE_OBJECT;
    req->wants.dialect = SV_DIALECT_KOKORO;
    if (lines && !stream) json_object_set_new(body, "stream", json_true());
    return sv_speak(req, body);
}

static int answer_subtitles(sv_request *req) {
    ev_error error;
    ev_buf text = {0};
    const sv_job_state state = sv_job_snapshot(req->job, NULL, NULL, &error);
    if (state != SV_JOB_COMPLETED) return sv_reply_job_error(req, state, &error);
    sv_timing t = {.rate = sv_job_rate(req->server, req->job)};
    if (req->wants.subtitles == SV_SUBTITLES_JSON)
        return sv_reply_json(req, 200, json_pack("{s:o}", "words", sv_timed_words(req->job, &t, NULL, true)));
    const bool vtt = req->wants.subtitles == SV_SUBTITLES_VTT;
    sv_timed_subtitles(req->job, &t, vtt, &text);
    const int result =
        text.failed
            ? sv_reply_busy(req, 503, 1000, "out of memory: try again later")
            : sv_reply_bytes(req, 200, vtt ? "text/vtt; charset=utf-8" : "application/x-subrip; charset=utf-8",
                             text.data, text.size);
    ev_buf_free(&text);
    return result;
}

int sv_answer_subtitles(sv_request *req) {
    static const char *const names[] = {
        [SV_SUBTITLES_SRT] = "srt", [SV_SUBTITLES_VTT] = "vtt", [SV_SUBTITLES_JSON] = "json"};
    int result = MHD_YES;
    sv_speech_params params;
    bool made;
    json_t *body = sv_body_object(req, &result);
    if (!body) return result;
    const json_t *format = json_object_get(body, "response_format");
    const char *name = format && !json_is_null(format) ? json_string_value(format) : "srt";
    size_t kind = 0;
    while (kind < EV_ARRAY_COUNT(names) && (!name || strcmp(names[kind], name) != 0)) kind++;
    if (kind == EV_ARRAY_COUNT(names)) {
        json_decref(body);
        return sv_reply_error(req, 400, "response_format", "response_format must be srt, vtt or json");
    }
    json_object_del(body, "response_format");
    req->wants.subtitles = (sv_subtitles)kind;
    const bool read = sv_fields_take(req, body, &params, &result);
    json_decref(body);
    if (!read) return result;
    params.stream = false;
    const bool begun = sv_speech_begin(req, &params, false, NULL, &made, &result);
    sv_speech_params_free(&params);
    return begun ? sv_wait_for_sample(req, SV_AT_END, answer_subtitles) : result;
}
