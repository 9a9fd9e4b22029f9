/* voices_http: /v1/voices. An upload is a multipart form (name, audio, consent_id), read from the body that http.c
 * has gathered: its size is bounded already.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/answers.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

static json_t *card_json(const sv_voice_card *card) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id", card->id, "voice_id", card->id, "name",
                     card->name, "object", "voice", "kind", "uploaded", "category", "cloned", "note", "", "created",
                     (json_int_t)card->created);
}

static void add_card(void *list, const sv_voice_card *card) { json_array_append_new(list, card_json(card)); }

int sv_answer_voices(sv_request *req) {
    const ev_model *model = req->server->model;
    json_t *list = json_array();
    for (size_t i = 0; i < ev_model_voice_count(model); i++) {
        const char *name = ev_model_voice_name(model, i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", name, "voice_id",
                                              name, "name", name, "category", "premade", "object", "voice", "kind",
                                              "named", "language", ev_model_voice_language(model, i), "note",
                                              ev_model_voice_note(model, i)));
    }
    sv_voices_each(req->server->voices, req->client.account, add_card, list);
    const char *format = sv_query(req, "format");
    if (format && strcmp(format, "names") == 0) {
        json_t *names = json_array();
        for (size_t i = 0; i < json_array_size(list); i++) {
            json_array_append(names, json_object_get(json_array_get(list, i), "id"));
        }
        json_decref(list);
        list = names;
    }
    const bool uploads = *req->server->config.voices_dir && (req->client.scopes & SV_SCOPE_VOICES);
    /* twice: we say data, Open WebUI and Kokoro's clients read voices */
    return sv_reply_json(
        req, 200,
        json_pack("{s:s, s:O, s:o, s:b}", "object", "list", "data", list, "voices", list, "uploads", uploads));
}

/* ---- upload ---- */

static enum MHD_Result take_field(void *user, enum MHD_ValueKind kind, const char *key, const char *file,
                                  const char *type, const char *encoding, const char *bytes, uint64_t at,
                                  size_t size) {
    sv_form *f = user;
    if (!key) return MHD_YES; /* a part without a name */
    char *text = strcmp(key, "name") == 0 ? f->name : strcmp(key, "consent_id") == 0 ? f->consent : NULL;
    const size_t room = text == f->name ? sizeof f->name : sizeof f->consent;
    (void)kind, (void)file, (void)type, (void)encoding;
    if (strcmp(key, "audio") == 0 || strcmp(key, "file") == 0 || strcmp(key, "audio_sample") == 0) {
        ev_buf_append(&f->audio, bytes, size);
    } else if (text && at + size < room) {
        memcpy(text + at, bytes, size);
        text[at + size] = '\0';
    } else if (text) {
        *(text == f->name ? &f->name_cut : &f->consent_cut) = true;
    }
    return MHD_YES;
}

bool sv_form_read(struct MHD_Connection *connection, const void *body, size_t size, sv_form *form) {
    struct MHD_PostProcessor *p = MHD_create_post_processor(connection, 4096, take_field, form);
    if (!p) return false;
    const bool ok = MHD_post_process(p, body, size) == MHD_YES;
    return MHD_destroy_post_processor(p) == MHD_YES && ok;
}

/* What can be said of a form without hearing the recording; or answers and returns false. */
static bool check_form(sv_request *req, const sv_form *f, int *result) {
    const sv_config *c = &req->settings->config;
    if (f->name_cut || !sv_name_shown(f->name))
        *result = sv_reply_error(req, 400, "name",
                                 "name must be 1 to %d bytes of text that can be seen, without control characters or "
                                 "marks of direction",
                                 SV_VOICE_NAME_MAX);
    else if (f->consent_cut || (f->consent[0] && !sv_name_shown(f->consent)))
        *result = sv_reply_error(req, 400, "consent_id", "consent_id must be at most %zu bytes of text",
                                 sizeof f->consent - 1);
    else if (f->audio.failed)
        *result = sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    else if (!f->audio.size)
        *result = sv_reply_error(req, 400, "audio", "audio is missing: send a .wav or .mp3 file");
    else if ((int64_t)f->audio.size > c->reference_bytes_max)
        *result = sv_reply_error(req, 413, "audio", "audio is larger than %lld bytes: send a shorter recording",
                                 (long long)c->reference_bytes_max);
    else if (c->consent == SV_CONSENT_REQUIRED && !f->consent[0])
        *result =
            sv_reply_error(req, 403, "consent_id", "cloning needs a statement of consent here: send consent_id");
    else
        return true;
    return false;
}

static int answer_upload(sv_request *req) {
    const sv_upload *u = req->upload;
    switch (u->state) {
    case SV_UPLOAD_FULL: return sv_reply_busy(req, 503, 2000, "too many voices are being made: try again later");
    case SV_UPLOAD_STOPS: return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    default: break;
    }
    if (u->status == EV_OK) return sv_reply_json(req, 201, card_json(&u->card));
    const bool ours = u->status == EV_E_IO || u->status == EV_E_MEMORY;
    return sv_reply_error(req, u->status == EV_E_ARGUMENT ? 501 : ours ? 503 : 422, "audio", "%s", u->error.message);
}

/* Takes the form's recording over. */
static int keep(sv_request *req, sv_form *f) {
    sv_upload *u = req->upload = calloc(1, sizeof *u);
    if (!u) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    u->audio = f->audio;
    f->audio = (ev_buf){0};
    snprintf(u->name, sizeof u->name, "%s", f->name);
    snprintf(u->consent, sizeof u->consent, "%s", f->consent);
    snprintf(u->owner, sizeof u->owner, "%s", req->client.account);
    return sv_wait_for_upload(req, answer_upload);
}

int sv_answer_voice_add(sv_request *req) {
    sv_form f = {0};
    int result = MHD_YES;
    const char *type = sv_header(req, "Content-Type");
    if (!type || strncasecmp(type, "multipart/form-data", 19) != 0 ||
        !sv_form_read(req->connection, req->body.data, req->body.size, &f)) {
        ev_buf_free(&f.audio);
        return sv_reply_error(req, 400, NULL,
                              "send a multipart form with the fields name and audio (a .wav or .mp3 file)");
    }
    if (check_form(req, &f, &result)) result = keep(req, &f);
    ev_buf_free(&f.audio);
    return result;
}

int sv_answer_voice_delete(sv_request *req) {
    ev_error err = {0};
    const ev_status status = sv_voices_delete(req->server->voices, req->id, req->client.account, &err);
    if (status != EV_OK) return sv_reply_error(req, status == EV_E_NOT_FOUND ? 404 : 503, "id", "%s", err.message);
    return sv_reply_json(req, 200, json_pack("{s:s, s:s, s:b}", "id", req->id, "object", "voice", "deleted", 1));
}
