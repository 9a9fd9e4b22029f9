/* series_json: a series as JSON, for those who ask. */
#include <assert.h>

#include "server/http/reply.h"
#include "server/series/series.h"

static const char *const state_names[] = {"queued", "queued", "completed", "failed", "expired", "canceled"};
static_assert(EV_ARRAY_COUNT(state_names) == SV_ITEM_CANCELED + 1, "a name for each state");

static const char *state_of(const sv_item *item) {
    const bool runs =
        item->state == SV_ITEM_SENT && item->job && sv_job_snapshot(item->job, NULL, NULL, NULL) == SV_JOB_RUNNING;
    return runs ? "running" : state_names[item->state];
}

static double seconds_of(const sv_item *item) { return item->rate ? (double)item->samples / item->rate : 0; }

static json_t *item_json(const sv_item *item, size_t index) {
    json_t *one = json_pack("{s:I, s:s}", "index", (json_int_t)index, "status", state_of(item));
    if (item->name) json_object_set_new(one, "custom_id", json_string(item->name));
    if (item->id[0]) json_object_set_new(one, "request_id", json_string(item->id));
    if (item->state == SV_ITEM_COMPLETED) {
        json_object_set_new(one, "audio_s", json_real(seconds_of(item)));
        json_object_set_new(one, "audio_url", json_sprintf("/tts/%s/audio", item->id));
    }
    const sv_item_fault *f = &item->fault;
    if (f->code)
        json_object_set_new(one, "error",
                            json_pack("{s:s, s:s, s:s?, s:n}", "message", f->message ? f->message : "", "type",
                                      sv_error_type(f->code), "param", f->param, "code"));
    return one;
}

static void count(const sv_series *series, size_t by_state[SV_ITEM_CANCELED + 1], double *audio_s) {
    *audio_s = 0;
    for (size_t i = 0; i < series->count; i++) {
        by_state[series->items[i].state]++;
        *audio_s += seconds_of(&series->items[i]);
    }
}

static json_t *batch_json(sv_series *series) {
    size_t by_state[SV_ITEM_CANCELED + 1] = {0};
    double audio_s;
    json_t *items = json_array();
    count(series, by_state, &audio_s);
    for (size_t i = 0; i < series->count; i++) json_array_append_new(items, item_json(&series->items[i], i));
    const bool over = series->done_ms != 0;
    const size_t made = by_state[SV_ITEM_COMPLETED];
    const size_t failed = by_state[SV_ITEM_FAILED] + by_state[SV_ITEM_EXPIRED] + by_state[SV_ITEM_CANCELED];
    const bool begun = made || failed || by_state[SV_ITEM_SENT];
    json_t *counts = json_pack("{s:I, s:I, s:I}", "total", (json_int_t)series->count, "completed", (json_int_t)made,
                               "failed", (json_int_t)failed);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:o, s:f}", "id", series->id, "object", "speech.batch", "status",
                  over    ? "completed"
                  : begun ? "running"
                          : "queued",
                  "created", (json_int_t)(series->created_ms / 1000), "request_counts", counts, "audio_s", audio_s);
    if (over && made)
        json_object_set_new(body, "audio_url", json_sprintf("/v1/audio/speech/batch/%s/audio", series->id));
    json_object_set_new(body, "items", items);
    return body;
}

typedef struct progress { /* of a stretch of parts */
    int64_t chars, made_chars;
    size_t open, sent; /* not made; of these on their way */
    double audio_s;    /* with the silence between parts, if all are made */
} progress;

static void add_item(progress *p, const sv_series *series, size_t i) {
    const sv_item *item = &series->items[i];
    const bool made = item->state == SV_ITEM_COMPLETED;
    p->chars += item->chars;
    p->made_chars += made ? item->chars : 0;
    p->open += !made;
    p->sent += item->state == SV_ITEM_SENT;
    p->audio_s += seconds_of(item);
}

static double pause_s(const sv_series *series, size_t i) {
    const int32_t rate = series->items[i].rate;
    return rate ? (double)sv_series_pause(series, i, rate) / rate : 0;
}

static const char *status_of(const progress *p, bool failed) {
    return !p->open ? "completed" : failed ? "failed" : p->sent || p->made_chars ? "running" : "queued";
}

static double share_of(const progress *p) {
    return !p->open ? 1 : p->chars ? (double)p->made_chars / (double)p->chars : 0;
}

/* *at: when it begins, < 0: that is not known yet; then when the next one does. */
static json_t *chapter_json(const sv_series *series, size_t index, bool failed, double *at) {
    const sv_part_list *c = &series->chapters[index];
    assert(c->first + c->count <= series->count);
    progress p = {0};
    for (size_t i = c->first; i < c->first + c->count; i++) {
        add_item(&p, series, i);
        if (i + 1 < c->first + c->count) p.audio_s += pause_s(series, i);
    }
    json_t *one = json_pack("{s:I, s:s, s:s, s:I, s:f, s:f}", "index", (json_int_t)index, "title", c->title, "status",
                            status_of(&p, failed), "characters", (json_int_t)c->chars, "progress", share_of(&p),
                            "audio_s", p.audio_s);
    if (*at >= 0) json_object_set_new(one, "start_s", json_real(*at));
    if (!p.open && p.audio_s > 0)
        json_object_set_new(one, "audio_url",
                            json_sprintf("/v1/audio/speech/long/%s/audio?chapter=%zu", series->id, index));
    *at = p.open || *at < 0 ? -1 : *at + p.audio_s + (c->count ? pause_s(series, c->first + c->count - 1) : 0);
    return one;
}

static json_t *fault_json(const sv_series *series, const sv_item *item) {
    size_t chapter = 0;
    const size_t i = (size_t)(item - series->items);
    assert(i < series->count);
    while (chapter + 1 < series->chapter_count && i >= series->chapters[chapter + 1].first) chapter++;
    json_t *error = json_pack("{s:o, s:s, s:s?, s:n}", "message",
                              json_sprintf("chapter %zu, bytes %zu to %zu of the text: %s", chapter, item->begin,
                                           item->end, item->fault.message ? item->fault.message : ""),
                              "type", sv_error_type(item->fault.code), "param", item->fault.param, "code");
    return error;
}

static json_t *long_json(sv_series *series) {
    const sv_item *fault = series->done_ms ? sv_series_fault(series) : NULL; /* what was begun is finished first */
    json_t *chapters = json_array();
    progress all = {0};
    double at = 0;
    for (size_t i = 0; i < series->count; i++) {
        add_item(&all, series, i);
        all.audio_s += pause_s(series, i);
    }
    for (size_t i = 0; i < series->chapter_count; i++)
        json_array_append_new(chapters, chapter_json(series, i, fault != NULL, &at));
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:s}", "id", series->id, "object", "speech.long", "status",
                  !series->done_ms && !fault && !all.open ? "running" : status_of(&all, fault != NULL), "created",
                  (json_int_t)(series->created_ms / 1000), "characters", (json_int_t)all.chars, "progress",
                  share_of(&all), "audio_s", all.audio_s, "response_format", ev_format_name(series->format));
    if (series->done_ms && !all.open)
        json_object_set_new(body, "audio_url", json_sprintf("/v1/audio/speech/long/%s/audio", series->id));
    if (fault) json_object_set_new(body, "error", fault_json(series, fault));
    json_object_set_new(body, "chapters", chapters);
    return body;
}

json_t *sv_series_json(sv_series_table *table, sv_series *series) {
    ev_mutex_lock(&table->lock);
    json_t *body = series->kind == SV_SERIES_LONG ? long_json(series) : batch_json(series);
    ev_mutex_unlock(&table->lock);
    return body;
}
