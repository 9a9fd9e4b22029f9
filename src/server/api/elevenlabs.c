/* elevenlabs: the routes that ElevenLabs' clients ask: /v1/text-to-speech/{voice}, as bytes, as a stream, with the
 * time of each character; /v1/user. Their fields become ours; what of theirs has no meaning here is listed in
 * X-Ignored-Fields. Beside them all of ours may be sent.
 */
#include <stdlib.h>
#include <string.h>

#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

/* ---- the body ---- */

static const char *const FOREIGN[] = {"pronunciation_dictionary_locators",
                                      "previous_text",
                                      "next_text",
                                      "previous_request_ids",
                                      "next_request_ids",
                                      "use_pvc_as_ivc",
                                      "apply_text_normalization",
                                      "apply_language_text_normalization",
                                      "audio_effects"};

/* A field of theirs under our name; one that is null, or there already, is none. */
static void rename_field(json_t *body, const char *theirs, const char *ours) {
    json_t *value = json_object_get(body, theirs);
    if (value && !json_is_null(value) && !json_object_get(body, ours)) json_object_set(body, ours, value);
    json_object_del(body, theirs);
}

/* One of ours; those that are theirs to say change nothing. */
static void take_model(json_t *body, const sv_model_list *models) {
    const json_t *id = json_object_get(body, "model_id");
    if (json_is_string(id) && sv_model_find(models, json_string_value(id), json_string_length(id)))
        rename_field(body, "model_id", "model");
    json_object_del(body, "model_id");
}

/* What has no meaning here stays where it would be missed, and so is reported. */
static void translate(json_t *body, const char *voice, const sv_model_list *models) {
    json_t *settings = json_object_get(body, "voice_settings");
    if (json_is_object(settings)) {
        json_t *speed = json_object_get(settings, "speed");
        if (speed && !json_is_null(speed)) json_object_set(body, "speed", speed);
        json_object_del(body, "voice_settings");
    }
    rename_field(body, "text", "input");
    rename_field(body, "language_code", "language");
    json_object_set_new(body, "voice", json_string(voice));
    take_model(body, models);
    for (size_t i = 0; i < EV_ARRAY_COUNT(FOREIGN); i++) {
        const json_t *value = json_object_get(body, FOREIGN[i]);
        if (value && (json_is_null(value) || json_is_false(value))) json_object_del(body, FOREIGN[i]);
    }
}

/* ---- output_format: "mp3_44100_128", "pcm_16000" ---- */

static bool is_whole_number(const char *text, size_t size, long low, long high, long *out) {
    char *end = NULL;
    *out = strtol(text, &end, 10);
    return size > 0 && size < 7 && end == text + size && *out >= low && *out <= high;
}

static bool read_output_format(sv_request *req, sv_speech_params *p, int *result) {
    const char *asked = sv_query(req, "output_format"), *format = asked ? asked : "mp3_44100_128";
    const size_t codec = strcspn(format, "_");
    const char *rate = format + codec + (format[codec] != 0);
    const size_t digits = strcspn(rate, "_");
    const char *kbps = rate + digits + (rate[digits] != 0);
    char name[8] = "";
    long hz = 0, kilobits = 0;
    ev_format parsed = EV_FORMAT_COUNT;
    if (codec < sizeof name) snprintf(name, sizeof name, "%.*s", (int)codec, format);
    bool good = ev_format_parse(name, &parsed, NULL) == EV_OK && parsed != EV_FORMAT_WAV_FLOAT && !strchr(name, '.');
    good = good && is_whole_number(rate, digits, 8000, 48000, &hz);
    if (good && *kbps) good = is_whole_number(kbps, strlen(kbps), 32, 192, &kilobits);
    if (!good) {
        *result =
            sv_reply_error(req, 400, "output_format",
                           "output_format '%.40s' is not made here: use mp3_44100_128, pcm_24000, opus_48000_32, "
                           "wav_24000, ulaw_8000, alaw_8000 or the like",
                           format);
        return false;
    }
    p->format = parsed;
    p->sound.rate = (int32_t)hz;
    if (parsed == EV_FORMAT_MP3 || parsed == EV_FORMAT_OPUS) p->sound.bitrate_kbps = (int32_t)kilobits;
    if (parsed == EV_FORMAT_MP3 && hz < 32000 && kilobits > 160) p->sound.bitrate_kbps = 160;
    return true;
}

/* ---- answers ---- */

static bool ends_with(const char *path, const char *end) {
    const size_t all = strlen(path), size = strlen(end);
    return all >= size && strcmp(path + all - size, end) == 0;
}

int sv_answer_elevenlabs(sv_request *req) {
    const char *path = req->route->path;
    int result = MHD_YES;
    sv_speech_params params;
    json_t *body = sv_body_object(req, &result);
    if (!body) return result;
    const bool timed = ends_with(path, "/with-timestamps"), stream = strstr(path, "/stream") != NULL;
    req->wants.dialect = SV_DIALECT_ELEVENLABS;
    req->wants.envelope = !timed ? SV_ENVELOPE_NONE : stream ? SV_ENVELOPE_LINES : SV_ENVELOPE_OBJECT;
    translate(body, req->head.id, req->settings->models);
    const bool read = sv_fields_take(req, body, &params, &result);
    json_decref(body);
    if (!read) return result;
    if (read_output_format(req, &params, &result)) {
        params.stream = !params.sound.normalize && (stream || (!timed && params.format != EV_FORMAT_WAV));
        params.sse = false;
        result = sv_speak_params(req, &params);
    }
    sv_speech_params_free(&params);
    return result;
}

/* Clients look whether the key is good, and how much of it is left: there is no such count here. */
int sv_answer_user(sv_request *req) {
    json_t *subscription = json_pack(
        "{s:s, s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:i, s:i, s:b, s:b, s:s, s:s, s:s, s:s}", "tier", "local",
        "character_count", 0, "character_limit", 2147483647, "max_credit_limit_extension", 0,
        "can_extend_character_limit", 0, "allowed_to_extend_character_limit", 0, "voice_slots_used", 0,
        "professional_voice_slots_used", 0, "voice_limit", 0, "professional_voice_limit", 0, "can_extend_voice_limit",
        0, "can_use_instant_voice_cloning", *req->server->config.voices_dir != 0, "currency", "usd", "status",
        "active", "billing_period", "monthly_period", "character_refresh_period", "monthly_period");
    return sv_reply_json(req, 200,
                         json_pack("{s:s, s:s, s:o, s:b, s:b, s:b, s:b}", "user_id", req->client.account,
                                   "workspace_id", "local", "subscription", subscription, "is_new_user", 0,
                                   "can_use_delayed_payment_methods", 0, "is_onboarding_completed", 1,
                                   "is_onboarding_checklist_completed", 1));
}
