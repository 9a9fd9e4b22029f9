/* routes: see routes.h. */
#include <string.h>

#include "server/routes.h"
#include "server/api/answers.h"
#include "server/api/page.h"
#include "server/series/series.h"
#include "server/sockets/websocket.h"

/* What makes nothing has a rate of its own (access.c), which a cheap answer takes one of, and a list or audio ten. */
#define MAKES 1, false
#define READS 1, true
#define LISTS 10, true

/* clang-format off */
static const sv_route_row rows[] = {
    {"POST", "/v1/audio/speech", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_speech},
    {"GET", "/v1/audio/speech/ws", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_websocket},
    {"GET", "/say", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_NONE, SV_LANE_ASK, sv_answer_say},
    {"POST", "/", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_TEXT, SV_LANE_ASK, sv_answer_plain},
    {"POST", "/dev/captioned_speech", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_captioned},
    {"POST", "/v1/audio/subtitles", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_subtitles},
    {"POST", "/v1/text-to-speech/{id}", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_elevenlabs},
    {"POST", "/v1/text-to-speech/{id}/stream", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_elevenlabs},
    {"POST", "/v1/text-to-speech/{id}/with-timestamps", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK,
     sv_answer_elevenlabs},
    {"POST", "/v1/text-to-speech/{id}/stream/with-timestamps", SV_ROUTE_SPEECH, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK,
     sv_answer_elevenlabs},
    {"GET", "/v1/user", SV_ROUTE_MODELS, SV_SCOPE_SPEAK, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_user},
    {"POST", "/tts", SV_ROUTE_TTS, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_ASK, sv_answer_tts},
    {"GET", "/tts/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, READS, false, SV_BODY_NONE, SV_LANE_ASK, sv_answer_job},
    {"GET", "/tts/{id}/audio", SV_ROUTE_JOB, SV_SCOPE_SPEAK, LISTS, false, SV_BODY_NONE, SV_LANE_AUDIO_MADE, sv_answer_job_audio},
    {"DELETE", "/tts/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, READS, false, SV_BODY_NONE, SV_LANE_ASK, sv_answer_job_cancel},
    {"POST", "/v1/audio/speech/batch", SV_ROUTE_TTS, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_BULK, sv_answer_batch},
    {"GET", "/v1/audio/speech/batch/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, LISTS, false, SV_BODY_NONE, SV_LANE_BULK, sv_answer_batch_state},
    {"GET", "/v1/audio/speech/batch/{id}/audio", SV_ROUTE_JOB, SV_SCOPE_SPEAK, LISTS, false, SV_BODY_NONE, SV_LANE_AUDIO_MADE,
     sv_answer_batch_audio},
    {"DELETE", "/v1/audio/speech/batch/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, READS, false, SV_BODY_NONE, SV_LANE_ASK, sv_answer_batch_cancel},
    {"POST", "/v1/audio/speech/long", SV_ROUTE_TTS, SV_SCOPE_SPEAK, MAKES, false, SV_BODY_JSON, SV_LANE_BULK, sv_answer_batch},
    {"GET", "/v1/audio/speech/long/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, LISTS, false, SV_BODY_NONE, SV_LANE_BULK, sv_answer_batch_state},
    {"GET", "/v1/audio/speech/long/{id}/audio", SV_ROUTE_JOB, SV_SCOPE_SPEAK, LISTS, false, SV_BODY_NONE, SV_LANE_AUDIO_MADE,
     sv_answer_long_audio},
    {"DELETE", "/v1/audio/speech/long/{id}", SV_ROUTE_JOB, SV_SCOPE_SPEAK, READS, false, SV_BODY_NONE, SV_LANE_ASK, sv_answer_batch_cancel},
    {"GET", "/v1/voices", SV_ROUTE_VOICES, 0, LISTS, false, SV_BODY_NONE, SV_LANE_BULK, sv_answer_voices},
    {"GET", "/v1/audio/voices", SV_ROUTE_VOICES, 0, LISTS, false, SV_BODY_NONE, SV_LANE_BULK, sv_answer_voices},
    {"POST", "/v1/voices", SV_ROUTE_VOICES, SV_SCOPE_VOICES, MAKES, false, SV_BODY_FORM, SV_LANE_BULK, sv_answer_voice_add},
    {"DELETE", "/v1/voices/{id}", SV_ROUTE_VOICES, SV_SCOPE_VOICES, LISTS, false, SV_BODY_NONE, SV_LANE_BULK,
     sv_answer_voice_delete},
    {"GET", "/v1/models", SV_ROUTE_MODELS, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_models},
    {"GET", "/v1/audio/models", SV_ROUTE_MODELS, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_models},
    {"GET", "/v1/models/{id}", SV_ROUTE_MODELS, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_models},
    {"GET", "/v1/emotions", SV_ROUTE_MODELS, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_emotions},
    {"GET", "/status.json", SV_ROUTE_PAGE, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_status},
    {"GET", "/docs", SV_ROUTE_PAGE, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_page},
    {"GET", "/openapi.json", SV_ROUTE_OPENAPI, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_openapi},
    {"GET", "/healthz", SV_ROUTE_HEALTH, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_health},
    {"GET", "/health", SV_ROUTE_HEALTH, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_health},
    {"GET", "/v2/health/live", SV_ROUTE_HEALTH, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_health},
    {"GET", "/readyz", SV_ROUTE_READY, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_ready},
    {"GET", "/v2/health/ready", SV_ROUTE_READY, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_ready},
    {"GET", "/healthz", SV_ROUTE_HEALTH, 0, READS, true, SV_BODY_NONE, SV_LANE_NONE, sv_answer_health},
    {"GET", "/readyz", SV_ROUTE_READY, 0, READS, true, SV_BODY_NONE, SV_LANE_NONE, sv_answer_ready},
    {"GET", "/metrics", SV_ROUTE_METRICS, 0, READS, true, SV_BODY_NONE, SV_LANE_NONE, sv_answer_metrics},
    {"GET", "/admin/dead", SV_ROUTE_ADMIN, 0, READS, true, SV_BODY_NONE, SV_LANE_BULK, sv_answer_dead},
    {"GET", "/admin/dead/{id}", SV_ROUTE_ADMIN, 0, READS, true, SV_BODY_NONE, SV_LANE_ASK, sv_answer_dead_show},
    {"DELETE", "/admin/dead/{id}", SV_ROUTE_ADMIN, 0, READS, true, SV_BODY_NONE, SV_LANE_ASK, sv_answer_dead_drop},
    {"POST", "/admin/dead/{id}/retry", SV_ROUTE_ADMIN, 0, READS, true, SV_BODY_NONE, SV_LANE_ASK, sv_answer_dead_retry},
};
static const sv_route_row page = {"GET", "/", SV_ROUTE_PAGE, 0, READS, false, SV_BODY_NONE, SV_LANE_NONE, sv_answer_page};
/* clang-format on */

/* "{id}" takes one segment of letters, digits, '.', '_' and '-'. */
static bool matches(const char *pattern, const char *path, char id[SV_ID_MAX + 1]) {
    for (; *pattern && *path; pattern++, path++) {
        if (*pattern != '{') {
            if (*pattern != *path) return false;
            continue;
        }
        const size_t length = strcspn(path, "/");
        if (length == 0 || length > SV_ID_MAX) return false;
        memcpy(id, path, length);
        id[length] = '\0';
        if (!sv_log_id_valid(id)) return false;
        pattern += strcspn(pattern, "}");
        path += length - 1;
    }
    return *pattern == *path;
}

/* What a GET answers, a HEAD may ask for; the library leaves the body out. */
static void add_method(char allow[SV_ALLOW_SIZE], const char *method) {
    const size_t used = strlen(allow);
    snprintf(allow + used, SV_ALLOW_SIZE - used, "%s%s", used ? ", " : "", method);
    if (strcmp(method, "GET") == 0) add_method(allow, "HEAD");
}

const sv_route_row *sv_route_find(const char *method, const char *path, bool admin, bool simple,
                                  char id[SV_ID_MAX + 1], char allow[SV_ALLOW_SIZE]) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    allow[0] = '\0';
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        if (rows[i].admin != admin || !matches(rows[i].path, path, id)) continue;
        if (strcmp(rows[i].method, wanted) == 0) return &rows[i];
        if (simple || strcmp(path, "/") != 0) add_method(allow, rows[i].method); /* there is POST / */
    }
    id[0] = '\0';
    if (admin || !sv_page_find(path)) return NULL;
    if (strcmp(page.method, wanted) == 0) return &page;
    add_method(allow, page.method);
    return NULL;
}
