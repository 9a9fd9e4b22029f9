/* record: a job as it is written down, and back. */
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/guard/guard.h"
#include "server/jobs/record.h"

static_assert(sizeof((sv_job *)0)->owner == SV_RECORD_NAME, "an owner is written down whole");
static_assert(SV_ACCOUNT_SIZE <= SV_RECORD_NAME, "and whoever holds the result");
static_assert((int)SV_RECORD_DIGEST == (int)SV_JOB_KEY, "both are SHA-256");

/* A monotonic moment as one of the wall clock's, and back. */
static int64_t wall_of(int64_t monotonic_us) {
    return ev_clock_wall_ms() + (monotonic_us - (int64_t)(ev_clock_s() * 1e6)) / 1000;
}
static int64_t monotonic_of(int64_t moment_ms) {
    const int64_t at = (int64_t)(ev_clock_s() * 1e6) + (moment_ms - ev_clock_wall_ms()) * 1000;
    return at > 0 ? at : 1; /* 0 would be no moment */
}

/* ---- to be written ---- */

static void set_text(json_t *json, const char *field, const char *text) {
    if (text) json_object_set_new(json, field, json_string(text));
}

static void set_sound(json_t *json, const sv_sound *s) {
    json_object_set_new(json, "sound",
                        json_pack("{s:i, s:i, s:f, s:b, s:b}", "rate", s->rate, "bitrate_kbps", s->bitrate_kbps,
                                  "volume_db", (double)s->volume_db, "normalize", s->normalize, "trim_silence",
                                  s->trim_silence));
}

static char *request_text(const sv_job *job) {
    const sv_speech *s = &job->speech;
    json_t *json =
        json_pack("{s:s%, s:f, s:f, s:f, s:f, s:I, s:i, s:s, s:f, s:f, s:f}", "text", s->text, s->text_bytes,
                  "emotion_degree", (double)s->emotion_degree, "speed", (double)s->speed, "pitch_scale",
                  (double)s->pitch_scale, "energy_scale", (double)s->energy_scale, "seed", (json_int_t)s->seed,
                  "priority", s->priority, "response_format", ev_format_name(s->format), "weight",
                  (double)job->weight, "quota_s", job->quota_s, "charged_s", job->charged_s);
    set_text(json, "model", s->model);
    set_text(json, "voice", s->voice);
    set_text(json, "reference_audio_url", s->reference_url);
    set_text(json, "emotion", s->emotion);
    set_text(json, "prompt", s->prompt);
    set_text(json, "language", s->language);
    set_text(json, "lexicon", s->own_lexicon);
    json_object_set_new(json, "markup", json_integer(s->markup));
    json_object_set_new(json, "audio_tags", json_integer(s->audio_tags));
    set_text(json, "webhook", job->webhook);
    if (job->trace.trace[0]) {
        char trace[SV_TRACE_TEXT];
        sv_trace_text(&job->trace, trace);
        set_text(json, "traceparent", trace);
    }
    if (s->reference) json_object_set_new(json, "recording", json_integer((json_int_t)s->reference_bytes));
    if (s->deadline_us) json_object_set_new(json, "deadline_ms", json_integer(wall_of(s->deadline_us)));
    if (job->show_words) json_object_set_new(json, "timestamps", json_true());
    set_sound(json, &s->sound);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

bool sv_record_request(sv_record *r, const sv_job *job) {
    const sv_speech *s = &job->speech;
    memcpy(r->id, job->id, sizeof r->id);
    snprintf(r->owner, sizeof r->owner, "%s", job->owner);
    r->untrusted = sv_account_site(job->owner, r->holder);
    r->keyed = job->listed_idempotency;
    memcpy(r->idempotency_key, job->idempotency.key, sizeof r->idempotency_key);
    memcpy(r->idempotency_body, job->idempotency.body, sizeof r->idempotency_body);
    r->created_ms = job->times.created_ms;
    r->request = request_text(job);
    if (!s->reference) return r->request != NULL;
    r->reference = malloc(s->reference_bytes);
    if (r->reference) memcpy(r->reference, s->reference, s->reference_bytes);
    r->reference_bytes = r->reference ? s->reference_bytes : 0;
    return r->request && r->reference;
}

static json_t *words_json(const sv_job *job) {
    json_t *list = json_array();
    for (size_t i = 0; i < job->word_count; i++) {
        const sv_word_time *w = &job->words[i];
        json_array_append_new(list, json_pack("[I, I, I, I]", (json_int_t)w->byte_begin, (json_int_t)w->byte_end,
                                              (json_int_t)w->sample_begin, (json_int_t)w->sample_end));
    }
    return list;
}

static json_t *omitted_json(const sv_job *job) {
    json_t *list = json_array();
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX; i++) {
        const sv_omitted *o = &job->omitted[i];
        json_array_append_new(list, json_pack("[I, I, s?, s?]", (json_int_t)o->byte_begin, (json_int_t)o->byte_end,
                                              o->reason, o->spoken));
    }
    return list;
}

static double since(double then, double now) { return then > 0 && now > then ? now - then : 0; }

bool sv_record_outcome(sv_record *r, const sv_job *job, sv_job_state state, const ev_error *error,
                       int32_t sample_rate) {
    static const sv_record_state states[] = {[SV_JOB_COMPLETED] = SV_RECORD_COMPLETED,
                                             [SV_JOB_FAILED] = SV_RECORD_FAILED,
                                             [SV_JOB_EXPIRED] = SV_RECORD_EXPIRED,
                                             [SV_JOB_CANCELED] = SV_RECORD_CANCELED};
    assert(sv_job_over(state) && (size_t)state < EV_ARRAY_COUNT(states) && !r->outcome);
    const sv_times *t = &job->times;
    memcpy(r->id, job->id, sizeof r->id);
    r->state = states[state];
    r->dead = job->dead && state == SV_JOB_FAILED;
    r->done_ms = ev_clock_wall_ms();
    json_t *json = json_pack("{s:I, s:i, s:i, s:f, s:f, s:f}", "samples", (json_int_t)job->count, "sample_rate",
                             sample_rate, "tries", job->tries, "started_s", since(t->arrived, t->started), "first_s",
                             since(t->arrived, t->first), "total_s", since(t->arrived, t->done));
    if (error && error->status)
        json_object_set_new(json, "error",
                            json_pack("{s:i, s:s}", "status", (int)error->status, "message", error->message));
    if (job->show_words && state == SV_JOB_COMPLETED) json_object_set_new(json, "words", words_json(job));
    if (job->omitted_count && state == SV_JOB_COMPLETED) {
        json_object_set_new(json, "omitted", omitted_json(job));
        json_object_set_new(json, "omitted_count", json_integer((json_int_t)job->omitted_count));
    }
    if (job->filed && state == SV_JOB_COMPLETED) json_object_set_new(json, "file", json_true());
    r->outcome = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return r->outcome != NULL;
}

/* ---- as it was written ---- */

static bool read_text(const json_t *json, const char *field, char **out) {
    const char *text = json_string_value(json_object_get(json, field));
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

/* false: it is out of range, which no request's is. */
static bool read_float(const json_t *json, const char *field, double low, double high, float *out) {
    const json_t *value = json_object_get(json, field);
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= low && number <= high)) return false;
    *out = (float)number;
    return true;
}

static double number_of(const json_t *json, const char *field) {
    const double number = json_number_value(json_object_get(json, field));
    return number >= 0 && number < 1e15 ? number : 0;
}

/* None is what is usual. */
static bool read_sound(const json_t *json, sv_sound *s) {
    if (!json) return true;
    s->rate = (int32_t)json_integer_value(json_object_get(json, "rate"));
    s->bitrate_kbps = (int32_t)json_integer_value(json_object_get(json, "bitrate_kbps"));
    s->normalize = json_is_true(json_object_get(json, "normalize"));
    s->trim_silence = json_is_true(json_object_get(json, "trim_silence"));
    return read_float(json, "volume_db", -40, 40, &s->volume_db) && s->rate >= 0 && s->rate <= 192000 &&
           s->bitrate_kbps >= 0 && s->bitrate_kbps <= 1000;
}

/* NULL, or what is wrong with it. */
static const char *read_speech(const json_t *json, const sv_record *r, sv_speech *s) {
    const json_t *text = json_object_get(json, "text");
    const char *format = json_string_value(json_object_get(json, "response_format"));
    const int64_t recording = json_integer_value(json_object_get(json, "recording"));
    const int64_t deadline_ms = json_integer_value(json_object_get(json, "deadline_ms"));
    if (!json_is_string(text) || !json_string_length(text)) return "it has no text";
    s->text_bytes = json_string_length(text);
    s->text = malloc(s->text_bytes + 1);
    if (!s->text || !read_text(json, "model", &s->model) || !read_text(json, "voice", &s->voice) ||
        !read_text(json, "reference_audio_url", &s->reference_url) || !read_text(json, "emotion", &s->emotion) ||
        !read_text(json, "prompt", &s->prompt) || !read_text(json, "language", &s->language) ||
        !read_text(json, "lexicon", &s->own_lexicon))
        return "out of memory";
    memcpy(s->text, json_string_value(text), s->text_bytes + 1);
    if (!read_float(json, "emotion_degree", 0, 1.5, &s->emotion_degree) ||
        !read_float(json, "speed", 0.25, 4, &s->speed) || !read_float(json, "pitch_scale", 0.5, 2, &s->pitch_scale) ||
        !read_float(json, "energy_scale", 0.25, 4, &s->energy_scale))
        return "a number is missing or out of range";
    if (!format || ev_format_parse(format, &s->format, NULL) != EV_OK) return "its format is not known";
    if (!read_sound(json_object_get(json, "sound"), &s->sound)) return "the sound of its file is out of range";
    s->markup = (ev_markup)json_integer_value(json_object_get(json, "markup"));
    s->audio_tags = (ev_audio_tags)json_integer_value(json_object_get(json, "audio_tags"));
    if ((int)s->markup < EV_MARKUP_AUTO || (int)s->markup > EV_MARKUP_SSML ||
        (int)s->audio_tags < EV_AUDIO_TAGS_SPEAK || (int)s->audio_tags > EV_AUDIO_TAGS_DROP)
        return "its markup is not known";
    s->seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
    s->priority = (int32_t)json_integer_value(json_object_get(json, "priority"));
    if (s->priority < 0 || s->priority > 2) return "its priority is not known";
    if (deadline_ms) s->deadline_us = monotonic_of(deadline_ms);
    if (!recording || r->state != SV_RECORD_ACCEPTED) return NULL;
    if (recording != (int64_t)r->reference_bytes) return "its recording is missing";
    s->reference = malloc(r->reference_bytes);
    if (!s->reference) return "out of memory";
    memcpy(s->reference, r->reference, r->reference_bytes);
    s->reference_bytes = r->reference_bytes;
    return NULL;
}

static bool read_words(sv_job *job, const json_t *list) {
    const size_t count = json_array_size(list);
    job->words = count ? calloc(count, sizeof *job->words) : NULL;
    for (size_t i = 0; job->words && i < count; i++) {
        const json_t *one = json_array_get(list, i);
        const int64_t at[4] = {json_integer_value(json_array_get(one, 0)), json_integer_value(json_array_get(one, 1)),
                               json_integer_value(json_array_get(one, 2)),
                               json_integer_value(json_array_get(one, 3))};
        if (at[0] < 0 || at[1] < at[0] || at[1] > (int64_t)job->speech.text_bytes || at[2] < 0 || at[3] < at[2])
            return false;
        job->words[i] = (sv_word_time){(size_t)at[0], (size_t)at[1], (size_t)at[2], (size_t)at[3]};
        job->word_count = i + 1;
    }
    return job->words || !count;
}

static bool read_omitted(sv_job *job, const json_t *list, double total) {
    const size_t count = json_array_size(list);
    if (count > SV_OMITTED_MAX || (count < SV_OMITTED_MAX ? total != (double)count : total < (double)count))
        return false;
    job->omitted = count ? calloc(count, sizeof *job->omitted) : NULL;
    for (size_t i = 0; job->omitted && i < count; i++) {
        const json_t *one = json_array_get(list, i);
        const int64_t begin = json_integer_value(json_array_get(one, 0)),
                      end = json_integer_value(json_array_get(one, 1));
        const char *reason = json_string_value(json_array_get(one, 2)),
                   *spoken = json_string_value(json_array_get(one, 3));
        if (begin < 0 || end < begin || end > (int64_t)job->speech.text_bytes || !reason) return false;
        job->omitted[i] = (sv_omitted){(size_t)begin, (size_t)end, strdup(reason), spoken ? strdup(spoken) : NULL};
        job->omitted_count = i + 1;
    }
    if (job->omitted) job->omitted_count = (size_t)total; /* of which the first are kept */
    return job->omitted || !count;
}

/* Times count from an arrival that is invented: only what lies between them is known, and told. */
static const char *read_outcome(sv_job *job, const sv_record *r, const json_t *json) {
    static const sv_job_state states[] = {[SV_RECORD_COMPLETED] = SV_JOB_COMPLETED,
                                          [SV_RECORD_FAILED] = SV_JOB_FAILED,
                                          [SV_RECORD_EXPIRED] = SV_JOB_EXPIRED,
                                          [SV_RECORD_CANCELED] = SV_JOB_CANCELED};
    assert(r->state != SV_RECORD_ACCEPTED && (size_t)r->state < EV_ARRAY_COUNT(states));
    const double arrived = 1, started = number_of(json, "started_s"), first = number_of(json, "first_s");
    const json_t *error = json_object_get(json, "error");
    job->times.arrived = arrived;
    job->times.started = started > 0 ? arrived + started : 0;
    job->times.first = first > 0 ? arrived + first : 0;
    job->times.done = arrived + number_of(json, "total_s");
    job->state = states[r->state];
    job->dead = r->dead;
    job->tries = (int32_t)number_of(json, "tries");
    job->count = (size_t)number_of(json, "samples");
    job->rate = (int32_t)number_of(json, "sample_rate");
    job->filed = json_is_true(json_object_get(json, "file"));
    if (error)
        ev_fail(&job->error, (ev_status)json_integer_value(json_object_get(error, "status")), "%s",
                json_string_value(json_object_get(error, "message"))
                    ? json_string_value(json_object_get(error, "message"))
                    : "");
    if (r->state == SV_RECORD_COMPLETED &&
        (job->rate <= 0 || (int64_t)(job->count * sizeof *job->samples) != r->result_bytes))
        return "its result's size is not known";
    if (!read_omitted(job, json_object_get(json, "omitted"), number_of(json, "omitted_count")))
        return "what it left out is damaged";
    return read_words(job, json_object_get(json, "words")) ? NULL : "its words' times are damaged";
}

static const char *read_job(sv_job *job, const sv_record *r, const json_t *json) {
    memcpy(job->id, r->id, sizeof job->id);
    memcpy(job->idempotency.key, r->idempotency_key, sizeof job->idempotency.key);
    memcpy(job->idempotency.body, r->idempotency_body, sizeof job->idempotency.body);
    job->times.created_ms = r->created_ms;
    job->show_words = json_is_true(json_object_get(json, "timestamps"));
    sv_trace_parse(&job->trace, json_string_value(json_object_get(json, "traceparent")));
    job->quota_s = number_of(json, "quota_s");
    job->charged_s = number_of(json, "charged_s");
    const double weight = number_of(json, "weight");
    job->weight = weight > 0 ? (float)weight : 1;
    atomic_store(&job->kept, true);
    if (!read_text(json, "webhook", &job->webhook)) return "out of memory";
    if (r->state == SV_RECORD_ACCEPTED) {
        job->times.arrived = (double)monotonic_of(r->created_ms) * 1e-6;
        return NULL;
    }
    json_t *outcome = r->outcome ? json_loads(r->outcome, 0, NULL) : NULL;
    const char *wrong = outcome ? read_outcome(job, r, outcome) : "how it ended is damaged";
    json_decref(outcome);
    return wrong;
}

ev_status sv_record_job(sv_job **out, const sv_record *r, ev_error *err) {
    sv_speech speech;
    sv_speech_init(&speech);
    *out = NULL;
    json_t *json = r->request ? json_loads(r->request, 0, NULL) : NULL;
    const char *wrong = json ? read_speech(json, r, &speech) : "it is no JSON";
    sv_job *job = wrong ? NULL : sv_job_create(&speech, r->owner);
    if (wrong)
        sv_speech_free(&speech);
    else
        wrong = job ? read_job(job, r, json) : "out of memory";
    json_decref(json);
    if (!wrong) {
        *out = job;
        return EV_OK;
    }
    sv_job_unref(&job);
    return ev_fail(err, strcmp(wrong, "out of memory") == 0 ? EV_E_MEMORY : EV_E_FORMAT,
                   "the job %s cannot be read: %s", r->id, wrong);
}

void sv_record_append(ev_buf *out, json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text) ev_buf_append(out, text, strlen(text));
    out->failed |= !text;
    free(text);
}
