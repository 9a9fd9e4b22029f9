/* dead_letters: jobs that failed as often as they may: listed, shown, and tried once more or dropped when somebody
 * asks. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/engine/engine_inner.h"
#include "server/jobs/record.h"

static json_t *describe(sv_job *job) {
    sv_times times;
    ev_error error;
    sv_job_snapshot(job, &times, NULL, &error);
    return json_pack("{s:s, s:s, s:I, s:i, s:I}", "id", job->id, "error", error.message, "created",
                     (json_int_t)(times.created_ms / 1000), "tries", job->tries, "text_bytes",
                     (json_int_t)job->speech.text_bytes);
}

static void add_dead(void *list, sv_job *job) { json_array_append_new(list, describe(job)); }

void sv_engine_dead_letters(sv_engine *e, ev_buf *out) {
    json_t *list = json_array();
    if (e->parts.durable) sv_durable_each_dead(e->parts.durable, add_dead, list);
    ev_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->dead_count; i++) add_dead(list, e->dead[i]);
    ev_mutex_unlock(&e->lock);
    sv_record_append(out, list);
}

static char *copy(const char *text) { return text ? strdup(text) : NULL; }

/* The same request as a new job, since the old one has failed for its listeners. */
static bool copy_speech(const sv_speech *from, sv_speech *to) {
    *to = *from;
    to->text = malloc(from->text_bytes + 1);
    if (to->text) memcpy(to->text, from->text, from->text_bytes + 1);
    to->model = copy(from->model);
    to->voice = copy(from->voice);
    to->emotion = copy(from->emotion);
    to->prompt = copy(from->prompt);
    to->language = copy(from->language);
    to->own_lexicon = copy(from->own_lexicon);
    to->lexicon = sv_lexicon_ref(from->lexicon);
    to->reference_url = copy(from->reference_url);
    to->reference = from->reference ? malloc(from->reference_bytes) : NULL;
    if (to->reference) memcpy(to->reference, from->reference, from->reference_bytes);
    to->deadline_us = 0;
    to->stream = false; /* nobody listens */
    const bool whole = to->text && !to->model == !from->model && !to->voice == !from->voice &&
                       !to->emotion == !from->emotion && !to->prompt == !from->prompt &&
                       !to->language == !from->language && !to->own_lexicon == !from->own_lexicon &&
                       !to->reference_url == !from->reference_url && !to->reference == !from->reference;
    if (!whole) sv_speech_free(to);
    return whole;
}

/* e->dead_count: there is none. */
static size_t find_dead(const sv_engine *e, const char *id) EV_REQUIRES(e->lock) {
    size_t i = 0;
    while (i < e->dead_count && strcmp(e->dead[i]->id, id) != 0) i++;
    return i;
}

static sv_job *dead_letter_take(sv_engine *e, const char *id) {
    sv_job *job = NULL;
    ev_mutex_lock(&e->lock);
    const size_t i = find_dead(e, id);
    if (i < e->dead_count) {
        job = e->dead[i];
        memmove(e->dead + i, e->dead + i + 1, (--e->dead_count - i) * sizeof(sv_job *));
    }
    sv_dead_letters_show(e);
    ev_mutex_unlock(&e->lock);
    return job;
}

/* A new job for an old one. NULL: out of memory. */
static sv_job *dead_letter_requeue(sv_engine *e, const sv_job *dead) {
    sv_speech speech;
    bool fresh;
    if (!copy_speech(&dead->speech, &speech)) return NULL;
    sv_job *job = sv_jobs_take(e->parts.jobs, &speech, dead->owner, true, NULL, &fresh);
    if (!job) return NULL;
    if (e->parts.durable) atomic_store(&job->durable, SV_DURABLE_WANTED);
    job->webhook = copy(dead->webhook);
    job->show_words = dead->show_words;
    job->weight = dead->weight;
    return job;
}

static ev_status no_dead_letter(const char *id, ev_error *err) {
    return ev_fail(err, EV_E_NOT_FOUND, "there is no dead letter %s", id);
}

static ev_status take_dead(sv_engine *e, const char *id, sv_job **dead, ev_error *err) {
    if (e->parts.durable) return sv_durable_dead(e->parts.durable, id, true, dead, err);
    *dead = dead_letter_take(e, id);
    return *dead ? EV_OK : no_dead_letter(id, err);
}

ev_status sv_engine_retry(sv_engine *e, const char *id, sv_job **again, int32_t *retry_after_ms, ev_error *err) {
    sv_job *dead = NULL;
    ev_status status = take_dead(e, id, &dead, err);
    *again = NULL;
    *retry_after_ms = 1000;
    if (status != EV_OK) return status;
    assert(dead);
    sv_job *job = dead_letter_requeue(e, dead);
    sv_admission admission = {.verdict = SV_FULL, .retry_after_ms = 1000};
    if (job) admission = sv_engine_submit(e, job, dead->owner);
    if (admission.verdict != SV_ACCEPT) {
        status = ev_fail(err, job ? EV_E_LIMIT : EV_E_MEMORY, "there is no room for it now");
        ev_mutex_lock(&e->lock); /* it can be asked for again */
        sv_dead_letter_add(e, dead);
        ev_mutex_unlock(&e->lock);
        sv_job_unref(&job);
    }
    *retry_after_ms = admission.retry_after_ms;
    *again = job;
    assert((status == EV_OK) == (job != NULL));
    sv_job_unref(&dead);
    return status;
}

/* As it ended, held. */
static ev_status look_at_dead(sv_engine *e, const char *id, sv_job **dead, ev_error *err) {
    if (e->parts.durable) return sv_durable_dead(e->parts.durable, id, false, dead, err);
    ev_mutex_lock(&e->lock);
    const size_t i = find_dead(e, id);
    *dead = i < e->dead_count ? sv_job_ref(e->dead[i]) : NULL;
    ev_mutex_unlock(&e->lock);
    return *dead ? EV_OK : no_dead_letter(id, err);
}

ev_status sv_engine_dead_letter(sv_engine *e, const char *id, ev_buf *out, ev_error *err) {
    sv_job *dead = NULL;
    sv_record r = {0};
    ev_status status = look_at_dead(e, id, &dead, err);
    if (status == EV_OK && !sv_record_request(&r, dead)) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    if (status == EV_OK) {
        json_t *json = describe(dead);
        json_object_set_new(json, "request", json_loads(r.request, 0, NULL));
        sv_record_append(out, json);
    }
    sv_record_free(&r);
    sv_job_unref(&dead);
    return status;
}

ev_status sv_engine_drop(sv_engine *e, const char *id, ev_error *err) {
    sv_job *dead = NULL;
    const ev_status status = e->parts.durable ? look_at_dead(e, id, &dead, err) : take_dead(e, id, &dead, err);
    sv_job_unref(&dead);
    return status;
}
