/* voices: /v1/voices. An upload is a multipart form (name, audio, consent_id), read from the body that http.c
 * has gathered: its size is bounded already.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/http/wait.h"

static json_t *card_json(const sv_voice_card *card) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id", card->id, "voice_id", card->id, "name",
                     card->name, "object", "voice", "kind", "uploaded", "category", "cloned", "note", "", "created",
                     (json_int_t)card->created);
}

/* ---- the list ---- */

enum { PAGE_MAX = 10000 };

typedef struct listing { /* a page of the list, as it is written */
    sv_voice_query wanted;
    bool names; /* the ids alone */
    bool no_named, no_uploaded;
    const sv_model *model; /* whose; NULL: any */
    size_t offset, limit, found, listed;
    ev_buf text;
} listing;

/* false: it is not on this page. */
static bool begin_entry(listing *l) {
    const size_t place = l->found++;
    if (place < l->offset || l->listed >= l->limit) return false;
    if (l->listed++) ev_buf_append(&l->text, ",", 1);
    return true;
}

static void add_named(listing *l, const sv_model_list *models, size_t m, size_t i) {
    const sv_catalogue *c = models->items[m]->catalogue;
    char place[SV_VOICE_REFERENCE_SIZE];
    if (!sv_catalogue_matches(c, i, &l->wanted) || !begin_entry(l)) return;
    const char *id = sv_model_voice(models, m, i, place);
    if (l->names)
        ev_buf_json_string(&l->text, id, strlen(id));
    else
        sv_catalogue_write(c, i, id, &l->text);
}

/* Of one model, or of all. */
static void add_all_named(listing *l, const sv_model_list *models) {
    for (size_t m = 0; m < models->count && !l->no_named; m++) {
        if (l->model && l->model != models->items[m]) continue;
        for (size_t i = 0; i < sv_catalogue_count(models->items[m]->catalogue); i++) add_named(l, models, m, i);
    }
}

/* Of uploads; NULL: none keeps them. */
static const sv_model *keeper(const sv_model_list *models) {
    for (size_t i = 0; i < models->count; i++)
        if (models->items[i]->keeps_uploads) return models->items[i];
    return NULL;
}

/* Nobody told of an uploaded one in which language it speaks, nor of which sex it is. */
static void add_card(void *list, const sv_voice_card *card) {
    listing *l = list;
    const sv_voice_query *q = &l->wanted;
    if (l->no_uploaded || q->language[0] || q->sex[0] || (q->text && !strcasestr(card->name, q->text)) ||
        !begin_entry(l))
        return;
    json_t *json = card_json(card);
    char *text =
        json ? json_dumps(l->names ? json_object_get(json, "id") : json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    if (text) ev_buf_append(&l->text, text, strlen(text));
    l->text.failed |= !text;
    free(text);
}

/* Under any of its names, since others' clients have theirs; NULL: not given, or empty. */
static const char *query_of(const sv_request *req, const char *ours, const char *theirs) {
    const char *text = sv_query(req, ours);
    if (!text && theirs) text = sv_query(req, theirs);
    return text && *text ? text : NULL;
}

static bool read_count(sv_request *req, const char *ours, const char *theirs, size_t low, size_t *out, int *result) {
    const char *text = sv_query(req, ours);
    char *end = NULL;
    if (!text && theirs) text = sv_query(req, theirs);
    if (!text) return true;
    const unsigned long number = strtoul(text, &end, 10);
    *out = number;
    if (*text >= '0' && *text <= '9' && !*end && number >= low && number <= PAGE_MAX) return true;
    *result = sv_reply_error(req, 400, ours, "%s must be a whole number from %zu to %d", ours, low, PAGE_MAX);
    return false;
}

/* The place of the word among those that mean something here; -1: nothing was given. */
static bool read_word(sv_request *req, const char *ours, const char *theirs, const char *const *words, size_t count,
                      const char *hint, size_t *place, int *result) {
    const char *text = query_of(req, ours, theirs);
    *place = SIZE_MAX;
    for (size_t i = 0; text && i < count && *place == SIZE_MAX; i++)
        if (strcasecmp(words[i], text) == 0) *place = i;
    if (!text || *place != SIZE_MAX) return true;
    *result = sv_reply_error(req, 400, ours, "%s must be %s", ours, hint);
    return false;
}

static bool read_query(sv_request *req, listing *l, int *result) {
    static const char *const languages[] = {"en", "en-US", "en-GB", "english", "zh", "zh-CN", "zh-TW", "chinese"},
                             *const sexes[] = {"female", "f", "woman", "male", "m", "man"},
                             *const kinds[] = {"named", "uploaded"};
    const char *format = sv_query(req, "format");
    size_t language, sex, kind;
    l->names = format && strcmp(format, "names") == 0;
    l->limit = SIZE_MAX;
    l->wanted.text = query_of(req, "q", "search");
    if (!read_count(req, "limit", "page_size", 1, &l->limit, result) ||
        !read_count(req, "offset", NULL, 0, &l->offset, result) ||
        !read_word(req, "language", NULL, languages, EV_ARRAY_COUNT(languages), "en or zh", &language, result) ||
        !read_word(req, "kind", NULL, kinds, EV_ARRAY_COUNT(kinds), "named or uploaded", &kind, result) ||
        !read_word(req, "sex", "gender", sexes, EV_ARRAY_COUNT(sexes), "female or male", &sex, result))
        return false;
    const char *model = query_of(req, "model", NULL);
    if (model && !(l->model = sv_model_find(req->settings->models, model, strlen(model)))) {
        *result = sv_reply_error(req, 400, "model", "there is no model '%.64s' here: /v1/models lists them", model);
        return false;
    }
    l->no_named = kind == 1;
    l->no_uploaded = kind == 0;
    if (language != SIZE_MAX) memcpy(l->wanted.language, language < 4 ? "en" : "zh", 3);
    if (sex != SIZE_MAX) snprintf(l->wanted.sex, sizeof l->wanted.sex, "%s", sexes[sex < 3 ? 0 : 3]);
    return true;
}

/* Twice: we say data, Open WebUI and Kokoro's clients read voices. */
static int reply_list(sv_request *req, const listing *l) {
    const bool uploads = (req->client.scopes & SV_SCOPE_VOICES) && keeper(req->settings->models);
    const size_t next = l->offset + l->listed;
    const char *list = l->text.data ? (const char *)l->text.data : "";
    ev_buf body = {.failed = l->text.failed};
    ev_buf_printf(&body, "{\"object\":\"list\",\"data\":[");
    ev_buf_append(&body, list, l->text.size);
    ev_buf_printf(&body, "],\"voices\":[");
    ev_buf_append(&body, list, l->text.size);
    ev_buf_printf(&body, "],\"uploads\":%s,\"total\":%zu,\"has_more\":%s", uploads ? "true" : "false", l->found,
                  next < l->found ? "true" : "false");
    if (next < l->found) ev_buf_printf(&body, ",\"next_offset\":%zu", next);
    ev_buf_printf(&body, "}");
    const int result = body.failed ? sv_reply_busy(req, 503, 1000, "out of memory: try again later")
                                   : sv_reply_bytes(req, 200, "application/json", body.data, body.size);
    ev_buf_free(&body);
    return result;
}

int sv_answer_voices(sv_request *req) {
    const sv_model_list *models = req->settings->models;
    const sv_model *keeps = keeper(models);
    listing l = {0};
    int result = MHD_YES;
    if (!read_query(req, &l, &result)) return result;
    add_all_named(&l, models);
    if (keeps && (!l.model || l.model == keeps)) sv_voices_each(keeps->voices, req->client.account, add_card, &l);
    result = reply_list(req, &l);
    ev_buf_free(&l.text);
    return result;
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
    ev_error err;
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
        *result = sv_reply_error(req, 400, "audio",
                                 "audio is missing: send a recording as a file (.wav, .mp3, .flac, .ogg, .opus)");
    else if ((int64_t)f->audio.size > c->reference_bytes_max)
        *result = sv_reply_error(req, 413, "audio", "audio is larger than %lld bytes: send a shorter recording",
                                 (long long)c->reference_bytes_max);
    else if (sv_formats_check(c->reference_formats, f->audio.data, f->audio.size, &err) != EV_OK)
        *result = sv_reply_error(req, 400, "audio", "audio: %s", err.message);
    else if (c->consent == SV_CONSENT_REQUIRED && !f->consent[0])
        *result =
            sv_reply_error(req, 403, "consent_id", "cloning needs a statement of consent here: send consent_id");
    else
        return true;
    return false;
}

/* With what could be better, also in a header as speech has it. */
static int reply_kept(sv_request *req, const sv_voice_card *card) {
    json_t *body = card_json(card);
    json_object_set_new(body, "warnings", sv_warnings_json(card->warnings));
    snprintf(req->answer.warnings, sizeof req->answer.warnings, "%s", card->warnings);
    return sv_reply_json(req, 201, body);
}

static int answer_upload(sv_request *req) {
    const sv_upload *u = req->upload;
    switch (u->state) {
    case SV_UPLOAD_FULL: return sv_reply_busy(req, 503, 2000, "too many voices are being made: try again later");
    case SV_UPLOAD_STOPS: return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    default: break;
    }
    if (u->status == EV_OK) return reply_kept(req, &u->card);
    const bool ours = u->status == EV_E_IO || u->status == EV_E_MEMORY;
    return sv_reply_error(req, u->status == EV_E_ARGUMENT ? 501 : ours ? 503 : 422, "audio", "%s", u->error.message);
}

static bool any_clones(const sv_model_list *models) {
    bool any = false;
    for (size_t i = 0; i < models->count; i++) any |= sv_catalogue_clones(models->items[i]->catalogue);
    return any;
}

/* Takes the form's recording over. */
static int keep(sv_request *req, sv_form *f) {
    const sv_model *keeps = keeper(req->settings->models);
    if (!keeps)
        return sv_reply_error(
            req, 501, "audio",
            "this service keeps no voices: start it with voices_dir, or send the reference with each "
            "request");
    sv_upload *u = req->upload = calloc(1, sizeof *u);
    if (!u) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    u->voices = keeps->voices;
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
        !sv_form_read(req->connection, req->body.bytes.data, req->body.bytes.size, &f)) {
        ev_buf_free(&f.audio);
        return sv_reply_error(req, 400, NULL,
                              "send a multipart form with the fields name and audio (a recording as a file)");
    }
    if (!any_clones(req->settings->models))
        result =
            sv_reply_error(req, 400, "audio", "the model %s %s; serve one that has it, such as emotivoice-default",
                           req->settings->models->items[0]->name, SV_NO_SPEAKER_ENCODER);
    else if (check_form(req, &f, &result))
        result = keep(req, &f);
    ev_buf_free(&f.audio);
    return result;
}

int sv_answer_voice_delete(sv_request *req) {
    ev_error err = {0};
    const sv_model *keeps = keeper(req->settings->models);
    const ev_status status = keeps ? sv_voices_delete(keeps->voices, req->head.id, req->client.account, &err)
                                   : ev_fail(&err, EV_E_NOT_FOUND, "there is no such voice");
    if (status != EV_OK) return sv_reply_error(req, status == EV_E_NOT_FOUND ? 404 : 503, "id", "%s", err.message);
    return sv_reply_json(req, 200, json_pack("{s:s, s:s, s:b}", "id", req->head.id, "object", "voice", "deleted", 1));
}
