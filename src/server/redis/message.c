/* message: what gateways and workers tell each other. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "server/redis/message.h"

/* ---- checked reading ---- */

/* NULL, with err: it is no message of a version that can be read. */
static json_t *open_message(const char *text, size_t size, ev_error *err) {
    json_t *json = size <= SV_MESSAGE_MAX ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *version = json_object_get(json, "v");
    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        ev_fail(err, EV_E_FORMAT, "a message in Redis is none of emotivoice's");
    } else if (json_integer_value(version) > SV_MESSAGE_VERSION + 1) {
        ev_fail(err, EV_E_LIMIT,
                "a message in Redis has version %lld, and this program reads up to %d: update it to within one "
                "version of the others",
                (long long)json_integer_value(version), SV_MESSAGE_VERSION + 1);
    } else {
        return json;
    }
    json_decref(json);
    return NULL;
}

static bool read_number(const json_t *json, const char *field, int64_t low, int64_t high, int64_t *out) {
    const json_t *value = json_object_get(json, field);
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= low && *out <= high;
}

static bool read_id(const json_t *json, char id[SV_JOB_ID + 1]) {
    const char *text = json_string_value(json_object_get(json, "id"));
    if (!text || !ev_is_hex(text, SV_JOB_ID)) return false;
    memcpy(id, text, SV_JOB_ID + 1);
    return true;
}

/* ---- jobs ---- */

char *sv_message_of_job(const sv_record *r) {
    json_t *request = json_loads(r->request, 0, NULL);
    json_t *json = request ? json_pack("{s:i, s:s, s:s, s:I, s:o}", "v", SV_MESSAGE_VERSION, "id", r->id, "owner",
                                       r->owner, "created_ms", (json_int_t)r->created_ms, "request", request)
                           : NULL;
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static bool read_job(const json_t *json, sv_record *out) {
    const char *owner = json_string_value(json_object_get(json, "owner"));
    const json_t *request = json_object_get(json, "request");
    if (!read_id(json, out->id) || !owner || !*owner || strlen(owner) >= sizeof out->owner) return false;
    if (!read_number(json, "created_ms", 0, INT64_C(1) << 52, &out->created_ms) || !json_is_object(request))
        return false;
    memcpy(out->owner, owner, strlen(owner) + 1);
    out->state = SV_RECORD_ACCEPTED;
    out->request = json_dumps(request, JSON_COMPACT);
    return out->request != NULL;
}

ev_status sv_message_job(sv_record *out, const char *text, size_t size, ev_error *err) {
    *out = (sv_record){0};
    json_t *json = open_message(text, size, err);
    if (!json) return err ? err->status : EV_E_FORMAT;
    const bool read = read_job(json, out);
    json_decref(json);
    if (read) return EV_OK;
    sv_record_free(out);
    return ev_fail(err, EV_E_FORMAT, "a job in Redis is damaged");
}

/* ---- events ---- */

static json_t *words_since(const sv_job *job, size_t from, size_t to) {
    assert(from <= to && to <= job->word_count);
    json_t *list = json_array();
    for (size_t i = from; i < to; i++) {
        const sv_word_time *w = &job->words[i];
        json_array_append_new(list, json_pack("[I, I, I, I]", (json_int_t)w->byte_begin, (json_int_t)w->byte_end,
                                              (json_int_t)w->sample_begin, (json_int_t)w->sample_end));
    }
    return list;
}

/* Under the job's lock. */
static void add_words(json_t *json, const sv_job *job, size_t *sent) {
    size_t made = job->word_count;
    while (made > *sent && !job->words[made - 1].sample_end) made--;
    if (made <= *sent) return;
    json_object_set_new(json, "words_from", json_integer((json_int_t)*sent));
    json_object_set_new(json, "word_count", json_integer((json_int_t)job->word_count));
    json_object_set_new(json, "words", words_since(job, *sent, made));
    *sent = made;
}

static void add_omitted(json_t *json, const sv_job *job) {
    json_t *list = json_array();
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX; i++) {
        const sv_omitted *o = &job->omitted[i];
        json_array_append_new(list, json_pack("[I, I, s, s?]", (json_int_t)o->byte_begin, (json_int_t)o->byte_end,
                                              o->reason, o->spoken));
    }
    json_object_set_new(json, "omitted", list);
    json_object_set_new(json, "omitted_count", json_integer((json_int_t)job->omitted_count));
}

char *sv_message_of_audio(sv_job *job, int32_t rate, size_t at, size_t *words_sent, bool first) {
    json_t *json = json_pack("{s:i, s:s, s:s, s:i, s:I}", "v", SV_MESSAGE_VERSION, "type", "audio", "id", job->id,
                             "rate", rate, "at", (json_int_t)at);
    ev_mutex_lock(&job->lock);
    if (json) add_words(json, job, words_sent);
    if (json && first && job->omitted_count) add_omitted(json, job);
    ev_mutex_unlock(&job->lock);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

char *sv_message_of_end(const sv_job *job, const sv_record *r, int32_t rate) {
    static const char *const states[] = {[SV_RECORD_COMPLETED] = "completed",
                                         [SV_RECORD_FAILED] = "failed",
                                         [SV_RECORD_EXPIRED] = "expired",
                                         [SV_RECORD_CANCELED] = "canceled"};
    assert((size_t)r->state < EV_ARRAY_COUNT(states) && states[r->state]);
    json_t *outcome = json_loads(r->outcome, 0, NULL);
    json_t *json = outcome ? json_pack("{s:i, s:s, s:s, s:i, s:I, s:s, s:o}", "v", SV_MESSAGE_VERSION, "type", "end",
                                       "id", job->id, "rate", rate, "samples", (json_int_t)job->count, "state",
                                       states[r->state], "outcome", outcome)
                           : NULL;
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

enum { SAMPLES_MAX = 1 << 30, WORDS_MAX = 1 << 20 };

static bool read_audio(const json_t *json, sv_event *out) {
    int64_t at, from, count;
    if (!read_number(json, "at", 0, SAMPLES_MAX, &at)) return false;
    out->at = (size_t)at;
    out->words = json_object_get(json, "words");
    out->omitted = json_object_get(json, "omitted");
    if (out->words) {
        if (!json_is_array(out->words) || !read_number(json, "word_count", 1, WORDS_MAX, &count) ||
            !read_number(json, "words_from", 0, count, &from) || json_array_size(out->words) > (size_t)(count - from))
            return false;
        out->words_from = (size_t)from;
        out->word_count = (size_t)count;
    }
    if (out->omitted) {
        if (!json_is_array(out->omitted) || json_array_size(out->omitted) > SV_OMITTED_MAX ||
            !read_number(json, "omitted_count", (int64_t)json_array_size(out->omitted), WORDS_MAX, &count))
            return false;
        out->omitted_count = (size_t)count;
    }
    return true;
}

static bool read_end(const json_t *json, sv_event *out) {
    static const sv_job_state ends[] = {SV_JOB_COMPLETED, SV_JOB_FAILED, SV_JOB_EXPIRED, SV_JOB_CANCELED};
    const char *state = json_string_value(json_object_get(json, "state"));
    const json_t *outcome = json_object_get(json, "outcome");
    int64_t samples;
    if (!state || !json_is_object(outcome) || !read_number(json, "samples", 0, SAMPLES_MAX, &samples)) return false;
    out->end = true;
    out->samples = (size_t)samples;
    for (size_t i = 0; i < EV_ARRAY_COUNT(ends); i++) {
        if (strcmp(state, sv_job_state_names[ends[i]]) != 0) continue;
        out->state = ends[i];
        out->outcome = json_dumps(outcome, JSON_COMPACT);
    }
    return out->outcome != NULL;
}

static bool read_event(const json_t *json, sv_event *out) {
    const char *type = json_string_value(json_object_get(json, "type"));
    int64_t rate;
    if (!read_id(json, out->id) || !type || !read_number(json, "rate", 1000, 1000000, &rate)) return false;
    out->rate = (int32_t)rate;
    if (strcmp(type, "audio") == 0) return read_audio(json, out);
    return strcmp(type, "end") == 0 && read_end(json, out);
}

ev_status sv_message_event(sv_event *out, const char *text, size_t size, ev_error *err) {
    *out = (sv_event){.json = open_message(text, size, err)};
    if (!out->json) return err ? err->status : EV_E_FORMAT;
    if (read_event(out->json, out)) return EV_OK;
    sv_event_free(out);
    return ev_fail(err, EV_E_FORMAT, "an event in Redis is damaged");
}

void sv_event_free(sv_event *e) {
    json_decref(e->json);
    free(e->outcome);
    *e = (sv_event){0};
}

/* ---- into a job ---- */

static bool read_range(const json_t *one, size_t text_bytes, size_t *begin, size_t *end) {
    const int64_t from = json_integer_value(json_array_get(one, 0)), to = json_integer_value(json_array_get(one, 1));
    if (from < 0 || to < from || to > (int64_t)text_bytes) return false;
    *begin = (size_t)from;
    *end = (size_t)to;
    return true;
}

static bool read_word(const json_t *one, size_t text_bytes, sv_word_time *out) {
    const int64_t begin = json_integer_value(json_array_get(one, 2)),
                  end = json_integer_value(json_array_get(one, 3));
    if (!read_range(one, text_bytes, &out->byte_begin, &out->byte_end)) return false;
    if (begin < 0 || end < begin || end > SAMPLES_MAX) return false;
    out->sample_begin = (size_t)begin;
    out->sample_end = (size_t)end;
    return true;
}

/* Under the job's lock. */
static bool apply_words(const sv_event *e, sv_job *job) {
    if (e->word_count > job->speech.text_bytes) return false;
    if (!job->words) {
        job->words = calloc(e->word_count, sizeof *job->words);
        if (!job->words) return true; /* speech without its times is better than none */
        job->word_count = e->word_count;
    }
    if (job->word_count != e->word_count) return false;
    assert(e->words_from + json_array_size(e->words) <= e->word_count);
    for (size_t i = 0; i < json_array_size(e->words); i++) {
        sv_word_time word;
        if (!read_word(json_array_get(e->words, i), job->speech.text_bytes, &word)) return false;
        job->words[e->words_from + i] = word;
    }
    return true;
}

static bool apply_omitted(const sv_event *e, sv_job *job) {
    const size_t count = json_array_size(e->omitted);
    if (job->omitted || !count) return true; /* told by an earlier try */
    sv_omitted *list = calloc(count, sizeof *list);
    bool good = true;
    for (size_t i = 0; list && i < count; i++) {
        const json_t *one = json_array_get(e->omitted, i);
        const char *reason = json_string_value(json_array_get(one, 2)),
                   *spoken = json_string_value(json_array_get(one, 3));
        good &= reason && read_range(one, job->speech.text_bytes, &list[i].byte_begin, &list[i].byte_end);
        list[i].reason = strdup(reason ? reason : "");
        list[i].spoken = spoken ? strdup(spoken) : NULL;
    }
    job->omitted = list;
    job->omitted_count = list ? (count < SV_OMITTED_MAX ? count : e->omitted_count) : 0;
    return good;
}

bool sv_event_apply(const sv_event *e, sv_job *job) {
    ev_mutex_lock(&job->lock);
    const bool good = (!e->words || apply_words(e, job)) && (!e->omitted || apply_omitted(e, job));
    ev_mutex_unlock(&job->lock);
    return good;
}
