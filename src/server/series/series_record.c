/* series_record: a series as it is written down, and back. On the disk it is a value of one line, what is known of
 * it, and behind it the body that it came with, as long as that is not all made. The line is what gateways of one
 * queue know of each other's, too.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "server/series/series.h"

enum { BYTES_MAX = 256 << 20 }; /* of a value */
static_assert((int)SV_STORE_KEY == (int)SV_JOB_ID, "what is kept is found by its id");

static json_t *hexadecimal(const unsigned char *bytes, size_t size) {
    assert(size <= SV_JOB_KEY);
    char text[2 * SV_JOB_KEY + 1];
    ev_hex(bytes, size, text);
    return json_string(text);
}

static bool read_hexadecimal(const json_t *json, unsigned char *bytes, size_t size) {
    const char *text = json_string_value(json);
    return text && ev_hex_read(text, strlen(text), bytes, size);
}

static json_t *client_json(const sv_client *c) {
    return json_pack("{s:s, s:s, s:b, s:i, s:f, s:f, s:f}", "account", c->account, "key_prefix", c->key_prefix,
                     "has_key", c->has_key, "scopes", (int)c->scopes, "rate", c->rate, "audio_s", c->audio_s,
                     "weight", (double)c->weight);
}

static bool read_client(sv_client *c, json_t *json) {
    const char *account = "", *prefix = "";
    int has_key = 0, scopes = 0;
    double weight = 1;
    if (json_unpack(json, "{s:s, s:s, s:b, s:i, s:F, s:F, s:F}", "account", &account, "key_prefix", &prefix,
                    "has_key", &has_key, "scopes", &scopes, "rate", &c->rate, "audio_s", &c->audio_s, "weight",
                    &weight) != 0)
        return false;
    snprintf(c->account, sizeof c->account, "%s", account);
    snprintf(c->key_prefix, sizeof c->key_prefix, "%s", prefix);
    c->has_key = has_key;
    c->scopes = (unsigned)scopes;
    if (!(weight > 0)) return false;
    c->weight = (float)weight;
    return true;
}

static json_t *sound_json(ev_format format, const sv_sound *s) {
    return json_pack("[i, i, i, f, b, b]", (int)format, (int)s->rate, (int)s->bitrate_kbps, (double)s->volume_db,
                     s->normalize, s->trim_silence);
}

static bool read_sound(json_t *json, ev_format *format, sv_sound *s) {
    int kind, normalize, trim;
    double volume;
    if (json_unpack(json, "[i, i, i, F, b, b]", &kind, &s->rate, &s->bitrate_kbps, &volume, &normalize, &trim) != 0 ||
        kind < 0 || kind >= EV_FORMAT_COUNT)
        return false;
    *format = (ev_format)kind;
    s->volume_db = (float)volume;
    s->normalize = normalize;
    s->trim_silence = trim;
    return true;
}

/* What came of an item. */
static json_t *kept_item(const sv_item *item) {
    const sv_item_fault *f = &item->fault;
    return json_pack("{s:i, s:s, s:s*, s:I, s:i, s:I, s:[I, I], s:o, s:i, s:s*, s:s*}", "state", (int)item->state,
                     "id", item->id, "name", item->name, "samples", (json_int_t)item->samples, "rate",
                     (int)item->rate, "chars", (json_int_t)item->chars, "place", (json_int_t)item->begin,
                     (json_int_t)item->end, "sound", sound_json(item->format, &item->sound), "code", f->code, "param",
                     f->param, "message", f->message);
}

static bool read_item(sv_item *item, json_t *json, bool over) {
    const char *id = "", *name = NULL, *param = NULL, *message = NULL;
    int state, code;
    const int least = over ? SV_ITEM_COMPLETED : SV_ITEM_WAITING;
    json_int_t samples, chars, begin, end;
    json_t *sound;
    if (json_unpack(json, "{s:i, s:s, s?s, s:I, s:i, s:I, s:[I, I], s:o, s:i, s?s, s?s}", "state", &state, "id", &id,
                    "name", &name, "samples", &samples, "rate", &item->rate, "chars", &chars, "place", &begin, &end,
                    "sound", &sound, "code", &code, "param", &param, "message", &message) != 0 ||
        state < least || state > SV_ITEM_CANCELED || samples < 0 || !read_sound(sound, &item->format, &item->sound))
        return false;
    item->state = (sv_item_state)state;
    snprintf(item->id, sizeof item->id, "%s", id);
    if (name && strlen(name) > SV_ITEM_NAME_MAX) return false;
    item->name = name ? strdup(name) : NULL;
    item->samples = (size_t)samples;
    item->chars = chars;
    item->begin = (size_t)begin;
    item->end = (size_t)end;
    if (code) sv_item_fault_set(&item->fault, code, param, message);
    return true;
}

/* Of a long text. */
static json_t *kept_chapters(const sv_series *series) {
    json_t *all = json_array();
    for (size_t i = 0; i < series->chapter_count; i++) {
        const sv_part_list *c = &series->chapters[i];
        json_array_append_new(all, json_pack("[s, I, I, I]", c->title, (json_int_t)c->first, (json_int_t)c->count,
                                             (json_int_t)c->chars));
    }
    return json_pack("{s:i, s:o, s:o}", "pause_ms", (int)series->chapter_pause_ms, "sound",
                     sound_json(series->format, &series->sound), "chapters", all);
}

static bool read_chapters(sv_series *series, json_t *kept) {
    json_t *all = json_object_get(kept, "chapters");
    series->kind = SV_SERIES_LONG;
    series->chapter_pause_ms = (int32_t)json_integer_value(json_object_get(kept, "pause_ms"));
    if (!read_sound(json_object_get(kept, "sound"), &series->format, &series->sound)) return false;
    if (!sv_series_chapters(series, json_array_size(all))) return false;
    for (size_t i = 0; i < series->chapter_count; i++) {
        const char *title;
        json_int_t first, count, chars;
        sv_part_list *c = &series->chapters[i];
        if (json_unpack(json_array_get(all, i), "[s, I, I, I]", &title, &first, &count, &chars) != 0 || first < 0 ||
            count < 0 || (size_t)first > series->count || (size_t)count > series->count - (size_t)first ||
            !(c->title = strdup(title)))
            return false;
        if (count) series->items[first + count - 1].last = true;
        c->first = (size_t)first;
        c->count = (size_t)count;
        c->chars = chars;
    }
    return true;
}

static json_t *head_of(sv_series_table *table, const sv_series *series, bool with_items) {
    json_t *head =
        json_pack("{s:i, s:s, s:o, s:I, s:I}", "version", 1, "id", series->id, "client", client_json(&series->client),
                  "created_ms", (json_int_t)series->created_ms, "done_ms", (json_int_t)series->done_ms);
    if (series->keyed) {
        json_object_set_new(head, "key", hexadecimal(series->idempotency.key, sizeof series->idempotency.key));
        json_object_set_new(head, "body", hexadecimal(series->idempotency.body, sizeof series->idempotency.body));
    }
    json_t *items = with_items ? json_array() : NULL;
    json_object_set_new(head, "kind", json_string(series->kind == SV_SERIES_LONG ? "long" : "batch"));
    if (with_items && series->kind == SV_SERIES_LONG) json_object_set_new(head, "long", kept_chapters(series));
    ev_mutex_lock(&table->lock);
    for (size_t i = 0; items && i < series->count; i++) json_array_append_new(items, kept_item(&series->items[i]));
    ev_mutex_unlock(&table->lock);
    if (items) json_object_set_new(head, "items", items);
    return head;
}

char *sv_series_head(sv_series_table *table, const sv_series *series, bool items) {
    json_t *head = head_of(table, series, items);
    char *line = head ? json_dumps(head, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(head);
    return line;
}

static bool read_items(sv_series *series, json_t *items) {
    for (size_t i = 0; i < series->count; i++)
        if (!read_item(&series->items[i], json_array_get(items, i), series->done_ms != 0)) return false;
    return true;
}

static sv_series *read_head(json_t *head, const char *id) {
    sv_client client = {0};
    json_t *items = json_object_get(head, "items");
    if (json_integer_value(json_object_get(head, "version")) != 1) return NULL;
    if (!read_client(&client, json_object_get(head, "client"))) return NULL;
    sv_series *s = sv_series_create(&client, json_array_size(items));
    if (!s) return NULL;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->created_ms = json_integer_value(json_object_get(head, "created_ms"));
    s->done_ms = json_integer_value(json_object_get(head, "done_ms"));
    s->keyed = read_hexadecimal(json_object_get(head, "key"), s->idempotency.key, sizeof s->idempotency.key) &&
               read_hexadecimal(json_object_get(head, "body"), s->idempotency.body, sizeof s->idempotency.body);
    const char *kind = json_string_value(json_object_get(head, "kind"));
    s->kind = kind && strcmp(kind, "long") == 0 ? SV_SERIES_LONG : SV_SERIES_BATCH;
    const bool whole = s->kind == SV_SERIES_BATCH || !items || read_chapters(s, json_object_get(head, "long"));
    if (whole && items && read_items(s, items)) return s;
    if (!items && !s->done_ms) return s;
    sv_series_unref(&s);
    return NULL;
}

sv_series *sv_series_of_head(const char *text, size_t size, const char *id) {
    json_t *head = json_loadb(text, size, 0, NULL);
    sv_series *series = head ? read_head(head, id) : NULL;
    json_decref(head);
    return series;
}

/* ---- on the disk ---- */

ev_status sv_series_write(sv_series_table *table, sv_series *series, const void *body, size_t size, ev_error *err) {
    ev_buf file = {0};
    if (!table->store) return EV_OK;
    char *line = sv_series_head(table, series, !body);
    ev_buf_printf(&file, "%s\n", line ? line : "");
    if (body) ev_buf_append(&file, body, size);
    ev_status status = EV_OK;
    if (!line || file.failed)
        status = ev_fail(err, EV_E_MEMORY, "out of memory");
    else
        status = sv_store_put(table->store, series->id, file.data, file.size, err);
    free(line);
    ev_buf_free(&file);
    return status;
}

void sv_series_erase(sv_series_table *table, const char *id) {
    if (table->store) (void)sv_store_remove(table->store, id, NULL);
}

typedef struct keys {
    ev_buf list; /* of char[SV_STORE_KEY + 1] */
} keys;

static sv_sweep_decision add_key(void *user, const char *key) {
    ev_buf_append(&((keys *)user)->list, key, SV_STORE_KEY + 1);
    return SV_SWEEP_KEEP;
}

/* NULL: it is gone, or too large. */
static char *read_value(sv_store *store, const char *id, size_t *size) {
    if (sv_store_directory_size(store, id, size, NULL) != EV_OK || *size == 0 || *size >= BYTES_MAX) return NULL;
    char *bytes = malloc(*size);
    if (bytes && sv_store_get(store, id, *size, bytes, NULL) == EV_OK) return bytes;
    free(bytes);
    return NULL;
}

void sv_series_read_all(sv_series_table *table,
                        void (*each)(void *user, sv_series *series, const char *body, size_t size), void *user) {
    keys found = {0};
    if (!table->store) return;
    sv_store_sweep(table->store, 0, add_key, &found);
    for (size_t at = 0; !found.list.failed && at < found.list.size; at += SV_STORE_KEY + 1) {
        const char *id = (const char *)found.list.data + at;
        size_t size;
        char *bytes = read_value(table->store, id, &size), *end = bytes ? memchr(bytes, '\n', size) : NULL;
        sv_series *series = end ? sv_series_of_head(bytes, (size_t)(end - bytes), id) : NULL;
        if (series) each(user, series, series->done_ms ? NULL : end + 1, size - (size_t)(end + 1 - bytes));
        sv_series_unref(&series);
        free(bytes);
    }
    ev_buf_free(&found.list);
}
