/* series_body: a body to its items. What is wrong with one is its own error, reported with the others' states. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/series/chapters.h"
#include "server/http/reply.h"
#include "server/api/sentences.h"
#include "server/series/series.h"

/* What an item asks for: its own fields over the shared ones. OpenAI's lines of a batch have theirs in "body". NULL:
 * out of memory. */
static json_t *merge(const json_t *shared, json_t *own, const char **text_as) {
    json_t *body = json_object_get(own, "body"), *all = json_copy((json_t *)(uintptr_t)shared);
    if (!all || json_object_update(all, json_is_object(body) ? body : own) != 0) {
        json_decref(all);
        return NULL;
    }
    json_object_del(all, "custom_id");
    json_t *input = json_object_get(all, "input");
    *text_as = input ? "input" : "text";
    if (input && !json_object_get(all, "text")) json_object_set(all, "text", input);
    if (input) json_object_del(all, "input");
    if (!json_object_get(all, "response_format")) json_object_set_new(all, "response_format", json_string("mp3"));
    json_object_del(all, "stream");
    json_object_del(all, "stream_format");
    return all;
}

static void fail(sv_item *item, int code, const char *param, const char *message) {
    assert(item->state == SV_ITEM_WAITING);
    item->state = SV_ITEM_FAILED;
    sv_item_fault_set(&item->fault, code, param, message);
}

/* The client's own name for it. */
static bool read_name(sv_item *item, json_t *own) {
    const json_t *name = json_object_get(own, "custom_id");
    if (!name || json_is_null(name)) return true;
    const char *text = json_string_value(name);
    if (text && *text && strlen(text) <= SV_ITEM_NAME_MAX && (item->name = strdup(text))) return true;
    fail(item, 400, "custom_id", "custom_id must be a string of 1 to 64 bytes");
    return false;
}

static void read_fields(sv_item *item, sv_server *server, const sv_client *client, const json_t *all) {
    sv_request req;
    int result;
    sv_series_request(&req, server, client);
    sv_speech_params *p = item->params = calloc(1, sizeof *p);
    if (p && sv_fields_take_job(&req, all, p, &result)) {
        sv_speech *s = &p->speech;
        p->stream = false;
        s->format = item->format = p->format;
        s->sound = item->sound = p->sound;
        item->chars = req.amount.chars;
        item->seconds = sv_backend_seconds(server->backend, s);
    } else {
        item->state = SV_ITEM_FAILED;
        sv_item_fault_of(&item->fault, &req, item->text_as);
        sv_item_forget_params(item);
    }
    sv_series_request_end(&req);
}

static void read_item(sv_item *item, sv_server *server, const sv_client *client, const json_t *shared, json_t *own) {
    item->text_as = "input";
    if (!json_is_object(own)) {
        fail(item, 400, NULL, "each of requests must be an object, as for /v1/audio/speech");
        return;
    }
    if (!read_name(item, own)) return;
    json_t *all = merge(shared, own, &item->text_as);
    if (all)
        read_fields(item, server, client, all);
    else
        fail(item, 503, NULL, "out of memory: try again later");
    json_decref(all);
}

static int64_t bytes_of(const sv_item *item) {
    const sv_speech *s = item->params ? &item->params->speech : NULL;
    const size_t own = s ? sizeof *item->params + s->text_bytes + s->reference_bytes : 0;
    return (int64_t)(sizeof *item + 256 + own + (s && s->own_lexicon ? strlen(s->own_lexicon) : 0));
}

/* Each claims its memory before the next one is read: a recording that all share is decoded for each. */
static bool read_items(sv_series *series, sv_server *server, sv_ledger *ledger, const json_t *shared,
                       json_t *requests, int *code) {
    int64_t bytes = sizeof *series;
    for (size_t i = 0; i < series->count; i++) {
        read_item(&series->items[i], server, &series->client, shared, json_array_get(requests, i));
        bytes += bytes_of(&series->items[i]);
        const sv_claim_result room = sv_claim_set(ledger, &series->claim, series->client.account, bytes, 1);
        *code = room == SV_CLAIM_NEVER ? 400 : 503;
        if (room != SV_CLAIM_OK) return false;
    }
    return true;
}

/* What all items share is wrong for each of them: one answer tells it at once. */
static bool check_shared(sv_server *server, sv_series *series, json_t *shared, int *code, const char **field,
                         char message[300]) {
    static const char *const of_items[] = {"text", "input", "body", "custom_id", "method", "url"};
    json_t *all = json_copy(shared);
    sv_request req;
    sv_speech_params params;
    int result;
    for (size_t i = 0; i < EV_ARRAY_COUNT(of_items); i++) json_object_del(all, of_items[i]);
    json_object_set_new(all, "text", json_string("."));
    sv_series_request(&req, server, &series->client);
    const bool read = all && sv_fields_take_job(&req, all, &params, &result);
    memcpy(series->ignored, req.answer.ignored, sizeof req.answer.ignored);
    const bool wrong = !read && req.answer.code == 400;
    if (read) sv_speech_params_free(&params);
    if (wrong) {
        *code = 400;
        *field = req.answer.param;
        snprintf(message, 300, "%s", req.answer.error);
    }
    json_decref(all);
    sv_series_request_end(&req);
    return !wrong;
}

sv_series *sv_batch_read(sv_server *server, sv_ledger *ledger, const sv_client *client, json_t *body, int *code,
                         const char **field, char message[300]) {
    json_t *requests = json_object_get(body, "requests"), *shared;
    const size_t count = json_array_size(requests);
    *code = 400;
    if (!json_is_array(requests) || !count) {
        snprintf(
            message, 300,
            "requests is missing: give a list of objects, each with its input, as for /v1/audio/speech; what stands "
            "beside it is for all of them");
        return NULL;
    }
    if (count > SV_SERIES_ITEMS_MAX) {
        snprintf(message, 300, "requests has %zu items: send at most %d at once", count, SV_SERIES_ITEMS_MAX);
        return NULL;
    }
    *code = 503;
    snprintf(message, 300, "out of memory: try again later");
    sv_series *series = sv_series_create(client, count);
    shared = series ? json_copy(body) : NULL;
    if (!shared) sv_series_unref(&series);
    if (!shared) return NULL;
    json_object_del(shared, "requests");
    if (ledger && !check_shared(server, series, shared, code, field, message)) /* one of before was promised */
        sv_series_unref(&series);
    else if (!read_items(series, server, ledger, shared, requests, code)) {
        snprintf(
            message, 300,
            "the requests take more memory than there is for you: send fewer at once, and upload a recording that "
            "they share to /v1/voices, to name it as voice");
        sv_series_unref(&series);
    }
    json_decref(shared);
    return series;
}

/* ---- a long text ---- */

typedef struct book { /* as it is read */
    sv_series *series;
    ev_buf text, chapters; /* sv_chapter */
    bool speak_titles;
    int code;
    const char *field;
    char *message;
} book;

static bool __attribute__((format(printf, 4, 5)))
wrong(book *b, int code, const char *field, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(b->message, 300, format, arguments);
    va_end(arguments);
    b->code = code;
    b->field = field;
    return false;
}

static size_t characters(const char *text, size_t begin, size_t end) {
    size_t count = 0;
    for (size_t i = begin; i < end; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* {"title", "text"}: the title is a paragraph before the text. */
static bool add_chapter(book *b, const json_t *one) {
    const json_t *title = json_object_get(one, "title"), *text = json_object_get(one, "text");
    sv_chapter c = {.begin = b->text.size};
    if (!json_is_string(text) || (title && !json_is_null(title) && !json_is_string(title)))
        return wrong(b, 400, "chapters",
                     "each of chapters must be an object with a text and, if it has one, a title");
    ev_buf_append(&b->text, json_is_string(title) ? json_string_value(title) : "", json_string_length(title));
    c.title = c.begin;
    c.title_bytes = b->text.size - c.begin;
    if (c.title_bytes) ev_buf_append(&b->text, "\n\n", 2);
    c.body = b->text.size;
    ev_buf_append(&b->text, json_string_value(text), json_string_length(text));
    ev_buf_append(&b->text, "\n\n", 2);
    c.end = b->text.size;
    ev_buf_append(&b->chapters, &c, sizeof c);
    return true;
}

static bool read_text(book *b, json_t *body) {
    json_t *list = json_object_get(body, "chapters"), *one;
    const json_t *text = json_object_get(body, "text");
    size_t i;
    if (!text) text = json_object_get(body, "input");
    const char *const field = json_object_get(body, "text") || !json_object_get(body, "input") ? "text" : "input";
    if (list && !json_is_null(list)) {
        if (text) return wrong(b, 400, "chapters", "give either a text or chapters, not both");
        if (!json_is_array(list) || !json_array_size(list))
            return wrong(b, 400, "chapters", "chapters must be a list of objects, each with a title and a text");
        json_array_foreach(list, i, one) if (!add_chapter(b, one)) return false;
    } else {
        if (!json_is_string(text) || !json_string_length(text))
            return wrong(b, 400, field, "%s is missing: give the text to speak, or chapters", field);
        ev_buf_append(&b->text, json_string_value(text), json_string_length(text));
        sv_chapters_find(&b->chapters, (const char *)b->text.data, b->text.size);
    }
    if (b->text.failed || b->chapters.failed) return wrong(b, 503, NULL, "out of memory: try again later");
    b->field = list && !json_is_null(list) ? "chapters" : field;
    return true;
}

static bool check_text(book *b, const sv_config *config) {
    const char *text = (const char *)b->text.data;
    assert(text); /* something was appended */
    const size_t chars = characters(text, 0, b->text.size), blank = strspn(text, " \t\r\n");
    if ((int64_t)chars > config->long_chars_max)
        return wrong(b, 400, b->field, "%s has %zu characters: send at most %lld, or split it", b->field, chars,
                     (long long)config->long_chars_max);
    if (strncasecmp(text + blank, "<speak", 6) == 0)
        return wrong(
            b, 400, b->field,
            "a long text is made in parts, and a document of SSML cannot be cut: send plain text or Markdown, with "
            "SSML's tags inside a paragraph");
    return true;
}

/* A book in a voice that nobody has would fail part by part. */
static bool check_voice(book *b, const sv_request *req) {
    const sv_speech *speech = &b->series->common.speech;
    const sv_model *m = sv_model_find(req->settings->models, speech->model, strlen(speech->model));
    ev_error err = {0};
    if (!speech->voice ||
        sv_voices_check(m->voices, m->catalogue, speech->voice, b->series->client.account, &err) == EV_OK)
        return true;
    return wrong(b, 400, "voice", "%s", err.message);
}

/* All but the text, which a placeholder stands for. first: it was not promised before. */
static bool read_common(book *b, sv_server *server, json_t *body, bool first) {
    static const char *const ours[] = {"text",   "input",        "chapters", "speak_titles", "chapter_pause_ms",
                                       "stream", "stream_format"};
    json_t *all = json_copy(body);
    sv_request req;
    int result;
    for (size_t i = 0; i < EV_ARRAY_COUNT(ours); i++) json_object_del(all, ours[i]);
    json_object_set_new(all, "text", json_string("."));
    if (!json_object_get(all, "response_format")) json_object_set_new(all, "response_format", json_string("mp3"));
    sv_series_request(&req, server, &b->series->client);
    sv_speech_params *p = &b->series->common;
    const bool read = all && sv_fields_take_job(&req, all, p, &result);
    json_decref(all);
    if (!read) {
        sv_item_fault fault = {0};
        sv_item_fault_of(&fault, &req, b->field);
        wrong(b, fault.code, "", "%s", fault.message ? fault.message : "out of memory: try again later");
        b->field = req.answer.param; /* static, as all names of fields are */
        sv_item_fault_set(&fault, 0, NULL, NULL);
    }
    const bool heard = read && (!first || check_voice(b, &req));
    memcpy(b->series->ignored, req.answer.ignored, sizeof req.answer.ignored);
    sv_series_request_end(&req);
    if (!heard) return false;
    if (p->speech.reference || p->speech.reference_url)
        return wrong(b, 400, p->speech.reference ? "reference_audio" : "reference_audio_url",
                     "a long text is made in many parts: upload the recording to /v1/voices, and name it as voice");
    if (p->sound.normalize)
        return wrong(b, 400, "normalize",
                     "normalize is not for long texts, whose whole is not heard first: give volume");
    if (p->words)
        return wrong(b, 400, "timestamps", "a long text has the times of its chapters: leave timestamps out");
    if (p->speech.markup == EV_MARKUP_SSML)
        return wrong(b, 400, "ssml", "a long text is made in parts, and a document of SSML cannot be cut");
    p->speech.priority = 2; /* nobody waits for it */
    p->stream = false;
    return true;
}

static bool read_options(book *b, json_t *body) {
    const json_t *speak = json_object_get(body, "speak_titles"), *pause = json_object_get(body, "chapter_pause_ms");
    const double ms = pause && !json_is_null(pause) ? json_number_value(pause) : 1000;
    if (speak && !json_is_null(speak) && !json_is_boolean(speak))
        return wrong(b, 400, "speak_titles", "speak_titles must be true or false");
    if ((pause && !json_is_null(pause) && !json_is_number(pause)) || !(ms >= 0 && ms <= 10000))
        return wrong(b, 400, "chapter_pause_ms", "chapter_pause_ms must be a number from 0 to 10000");
    b->speak_titles = !json_is_false(speak);
    b->series->chapter_pause_ms = (int32_t)ms;
    return true;
}

/* Parts of a chapter, from `items` on. */
static bool cut(book *b, ev_buf *items, const sv_chapter *c) {
    const char *text = b->series->text;
    for (size_t at = b->speak_titles ? c->begin : c->body, end; at < c->end; at = end) {
        end = sv_part_end(text, at, c->end);
        assert(end > at && end <= c->end);
        sv_item item = {.begin = at, .end = end, .chars = (int64_t)characters(text, at, end), .text_as = b->field};
        ev_buf_append(items, &item, sizeof item);
    }
    const size_t count = ev_array_count(items, sv_item);
    if (count && !items->failed) ((sv_item *)(void *)items->data)[count - 1].last = true;
    return !items->failed && count <= SV_LONG_ITEMS_MAX;
}

static void settle_items(sv_series *s, int32_t rate, double seconds) {
    const sv_speech_params *p = &s->common;
    int64_t chars = 1;
    for (size_t i = 0; i < s->count; i++) chars += s->items[i].chars;
    for (size_t i = 0; i < s->count; i++) {
        sv_item *item = &s->items[i];
        item->format = p->format;
        item->sound = p->sound;
        item->seconds = seconds * (double)item->chars / (double)chars;
        if (sv_sentence_speaks(s->text + item->begin, item->end - item->begin)) continue;
        item->state = SV_ITEM_COMPLETED; /* "* * *": a silence */
        item->rate = rate;
    }
}

static bool cut_all(book *b, sv_server *server, int32_t rate) {
    sv_series *s = b->series;
    const sv_chapter *found = (const sv_chapter *)(const void *)b->chapters.data;
    const size_t count = ev_array_count(&b->chapters, sv_chapter);
    ev_buf items = {0};
    assert(!s->text && !s->chapters);
    bool good = sv_series_chapters(s, count);
    s->text = (char *)b->text.data;
    const size_t bytes = b->text.size;
    b->text = (ev_buf){0};
    for (size_t i = 0; good && i < count; i++) {
        sv_part_list *c = &s->chapters[i];
        size_t title = found[i].title_bytes < SV_CHAPTER_TITLE_MAX ? found[i].title_bytes : SV_CHAPTER_TITLE_MAX;
        while (title && ((unsigned char)s->text[found[i].title + title] & 0xc0) == 0x80) title--;
        c->title = strndup(s->text + found[i].title, title);
        c->first = ev_array_count(&items, sv_item);
        good = c->title && cut(b, &items, &found[i]);
        c->count = ev_array_count(&items, sv_item) - c->first;
        c->chars = (int64_t)characters(s->text, found[i].begin, found[i].end);
    }
    free(s->items);
    s->items = (sv_item *)(void *)items.data;
    s->count = ev_array_count(&items, sv_item);
    if (s->count > SV_LONG_ITEMS_MAX)
        return wrong(b, 400, b->field, "%s makes more than %d parts: send fewer chapters", b->field,
                     SV_LONG_ITEMS_MAX);
    if (!good) return wrong(b, 503, NULL, "out of memory: try again later");
    sv_speech whole = s->common.speech;
    whole.text = s->text;
    whole.text_bytes = bytes;
    settle_items(s, rate, sv_backend_seconds(server->backend, &whole));
    return !sv_series_is_over(s) || wrong(b, 400, b->field, "%s holds nothing that can be spoken", b->field);
}

static bool read_book(book *b, sv_server *server, sv_ledger *ledger, json_t *body) {
    sv_series *s = b->series;
    sv_settings *settings = sv_settings_ref(server);
    const bool good = read_text(b, body) && check_text(b, &settings->config) && read_options(b, body) &&
                      read_common(b, server, body, ledger != NULL);
    const int32_t usual = sv_catalogue_rate(settings->models->items[0]->catalogue);
    const int32_t rate = s->common.speech.model_rate ? s->common.speech.model_rate : usual; /* of silences */
    sv_settings_unref(&settings);
    if (!good) return false;
    const int64_t bytes = (int64_t)b->text.size;
    const sv_claim_result room = sv_claim_set(ledger, &s->claim, s->client.account, bytes, 1);
    if (room != SV_CLAIM_OK)
        return wrong(b, room == SV_CLAIM_NEVER ? 400 : 503, b->field,
                     "the text takes more memory than there is for you");
    s->format = s->common.format;
    s->sound = s->common.sound;
    if (!cut_all(b, server, rate)) return false;
    const int64_t all = sv_series_kept_bytes(s) + (int64_t)strlen(s->text);
    return sv_claim_set(ledger, &s->claim, s->client.account, all, 1) == SV_CLAIM_OK ||
           wrong(b, 503, b->field, "the text takes more memory than there is for you");
}

sv_series *sv_long_read(sv_server *server, sv_ledger *ledger, const sv_client *client, json_t *body, int *code,
                        const char **field, char message[300]) {
    book b = {.series = sv_series_create(client, 0), .code = 503, .message = message};
    snprintf(message, 300, "out of memory: try again later");
    if (b.series) b.series->kind = SV_SERIES_LONG;
    const bool good = b.series && read_book(&b, server, ledger, body);
    ev_buf_free(&b.text);
    ev_buf_free(&b.chapters);
    if (!good) sv_series_unref(&b.series);
    *code = b.code;
    *field = b.field;
    return b.series;
}

double sv_series_seconds(const sv_series *series) {
    double seconds = 0;
    for (size_t i = 0; i < series->count; i++) seconds += series->items[i].seconds;
    return seconds;
}

/* ---- of an earlier process, or of another one ---- */

sv_series *sv_series_read_again(sv_server *s, const sv_series *found, const char *body, size_t size) {
    sv_series *series = NULL;
    char message[300];
    int code;
    json_t *json = json_loadb(body, size, 0, NULL);
    const char *field;
    if (json && found->kind == SV_SERIES_BATCH)
        series = sv_batch_read(s, NULL, &found->client, json, &code, &field, message);
    if (json && found->kind == SV_SERIES_LONG)
        series = sv_long_read(s, NULL, &found->client, json, &code, &field, message);
    if (series) {
        memcpy(series->id, found->id, sizeof series->id);
        series->created_ms = found->created_ms;
        series->keyed = found->keyed;
        series->idempotency = found->idempotency;
    }
    json_decref(json);
    return series;
}
