/* local: jobs that the engines of this process make, each that of the model which the job is for. Those in the table
 * come before those on the disk. */
#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/jobs/record.h"
#include "server/models/local.h"

typedef struct local {
    sv_backend backend; /* first */
    sv_models *models;
    sv_jobs *jobs;
    sv_durable *durable;
} local;

static_assert(offsetof(local, backend) == 0, "the one is found by the other");

static local *local_of(sv_backend *backend) { return (local *)backend; }

/* Until sv_model_unref. NULL: a reload took it away. */
static sv_model *hold(sv_backend *b, const sv_speech *s) {
    return sv_model_ref(local_of(b)->models, s->model, s->model_number);
}

static double seconds(sv_backend *b, const sv_speech *speech) {
    sv_model *m = hold(b, speech);
    const double length_s = m ? sv_engine_seconds(m->engine, speech) : 0;
    sv_model_unref(local_of(b)->models, &m);
    return length_s;
}

static bool windowed(sv_backend *b, const sv_speech *speech, double length_s) {
    sv_model *m = hold(b, speech);
    const bool is = m && sv_engine_windowed(m->engine, length_s);
    sv_model_unref(local_of(b)->models, &m);
    return is;
}

static void submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    sv_model *m = hold(b, &job->speech);
    out->admission = m ? sv_engine_submit(m->engine, job, account) : (sv_admission){.verdict = SV_FULL};
    out->unavailable = !m;
    if (!m) ev_fail(&out->error, EV_E_NOT_FOUND, "the model was taken away");
    sv_model_unref(local_of(b)->models, &m);
}

static void join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    sv_model *m = hold(b, &job->speech);
    if (m) sv_engine_join(m->engine, job, priority, stream);
    sv_model_unref(local_of(b)->models, &m);
}

static void nudge_one(void *user, sv_model *m) {
    (void)user;
    sv_engine_nudge(m->engine);
}

static void nudge(sv_backend *b) { sv_models_each(local_of(b)->models, nudge_one, NULL); }

static ev_status snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err) {
    *out = sv_jobs_find(local_of(b)->jobs, id, owner);
    if (*out) return EV_OK;
    if (!local_of(b)->durable) return ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    return sv_durable_find(local_of(b)->durable, id, owner, samples, out, err);
}

/* What is written down of it is its client's ticket to delete. */
static ev_status cancel(sv_backend *b, sv_job *job, ev_error *err) {
    (void)err;
    sv_jobs_cancel(local_of(b)->jobs, job);
    return EV_OK;
}

/* ---- dead letters: of the disk, which all engines share, or each engine's own ---- */

typedef struct search { /* for the engine that has it */
    const char *id;
    sv_job **job;
    int32_t *retry_after_ms;
    ev_buf *out;
    ev_error *err;
    ev_status status;
} search;

static void retry_there(void *user, sv_model *m) {
    search *s = user;
    if (s->status != EV_E_NOT_FOUND) return;
    s->status = sv_engine_retry(m->engine, s->id, s->job, s->retry_after_ms, s->err);
}

static ev_status retry_durable(sv_backend *b, const char *id, sv_job **job, int32_t *retry_after_ms, ev_error *err) {
    sv_job *dead = NULL;
    ev_status status = sv_durable_dead(local_of(b)->durable, id, false, &dead, err);
    if (status != EV_OK) return status;
    sv_model *m = hold(b, &dead->speech);
    status = m ? sv_engine_retry(m->engine, id, job, retry_after_ms, err)
               : ev_fail(err, EV_E_FORMAT, "the model %s is not served here any more", dead->speech.model);
    sv_model_unref(local_of(b)->models, &m);
    sv_job_unref(&dead);
    return status;
}

static ev_status retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                       int32_t *retry_after_ms, ev_error *err) {
    search s = {.id = id, .job = job, .retry_after_ms = retry_after_ms, .err = err, .status = EV_E_NOT_FOUND};
    if (local_of(b)->durable)
        s.status = retry_durable(b, id, job, retry_after_ms, err);
    else
        sv_models_each(local_of(b)->models, retry_there, &s);
    if (s.status == EV_OK) memcpy(again, (*job)->id, SV_JOB_ID + 1);
    return s.status;
}

typedef struct letters {
    json_t *all;
    bool shared, failed; /* shared: every engine would tell the same */
} letters;

static void add_letters(void *user, sv_model *m) {
    letters *l = user;
    ev_buf text = {0};
    if (l->shared && json_array_size(l->all)) return;
    sv_engine_dead_letters(m->engine, &text);
    json_t *list = text.failed ? NULL : json_loadb((const char *)text.data, text.size, 0, NULL);
    l->failed |= !list || json_array_extend(l->all, list) != 0;
    json_decref(list);
    ev_buf_free(&text);
}

static int by_age(const void *a, const void *b) {
    const json_t *const *x = a, *const *y = b;
    const json_int_t i = json_integer_value(json_object_get(*x, "created")),
                     j = json_integer_value(json_object_get(*y, "created"));
    return (i > j) - (i < j);
}

/* Oldest first, as each engine tells them. */
static json_t *in_order(json_t *list) {
    const size_t n = json_array_size(list);
    json_t **items = calloc(n + 1, sizeof(json_t *)), *sorted = items ? json_array() : NULL;
    for (size_t i = 0; sorted && i < n; i++) items[i] = json_array_get(list, i);
    if (sorted) qsort(items, n, sizeof(json_t *), by_age);
    for (size_t i = 0; sorted && i < n; i++) json_array_append(sorted, items[i]);
    free(items);
    json_decref(list);
    return sorted;
}

static ev_status dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    letters l = {.all = json_array(), .shared = local_of(b)->durable != NULL};
    (void)err;
    sv_models_each(local_of(b)->models, add_letters, &l);
    json_t *sorted = in_order(l.all);
    sv_record_append(out, sorted);
    out->failed |= l.failed;
    return EV_OK;
}

static void show_there(void *user, sv_model *m) {
    search *s = user;
    if (s->status == EV_E_NOT_FOUND) s->status = sv_engine_dead_letter(m->engine, s->id, s->out, s->err);
}

static ev_status dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    search s = {.id = id, .out = out, .err = err, .status = EV_E_NOT_FOUND};
    sv_models_each(local_of(b)->models, show_there, &s);
    return s.status;
}

static void drop_there(void *user, sv_model *m) {
    search *s = user;
    if (s->status == EV_E_NOT_FOUND) s->status = sv_engine_drop(m->engine, s->id, s->err);
}

static ev_status drop(sv_backend *b, const char *id, ev_error *err) {
    search s = {.id = id, .err = err, .status = EV_E_NOT_FOUND};
    sv_models_each(local_of(b)->models, drop_there, &s);
    sv_job *job = s.status == EV_OK ? sv_jobs_find(local_of(b)->jobs, id, NULL) : NULL;
    if (job) sv_jobs_cancel(local_of(b)->jobs, job);
    sv_job_unref(&job);
    return s.status;
}

/* ---- all together ---- */

static void add_load(void *user, sv_model *m) {
    sv_load *sum = user;
    int64_t jobs, dead;
    double audio_s;
    sv_engine_load(m->engine, &jobs, &dead, &audio_s);
    sum->jobs += jobs;
    sum->dead += dead;
    sum->audio_s += audio_s;
}

static void backlog(sv_backend *b, sv_load *out) {
    sv_models_each(local_of(b)->models, add_load, out);
    out->available = true;
}

static void look_idle(void *user, sv_model *m) { *(bool *)user &= sv_engine_idle(m->engine); }

static bool idle(sv_backend *b) {
    bool all = true;
    sv_models_each(local_of(b)->models, look_idle, &all);
    return all;
}

static void stop(sv_backend *b) { sv_models_stop(local_of(b)->models); }

static void close_local(sv_backend *b) { free(b); }

ev_status sv_backend_local(sv_backend **out, sv_models *models, sv_jobs *jobs, sv_durable *durable, ev_error *err) {
    static const sv_backend_calls calls = {seconds,  windowed, submit, join,         nudge,
                                           snapshot, cancel,   retry,  dead_letters, dead_letter,
                                           drop,     backlog,  idle,   stop,         close_local};
    local *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *l = (local){.backend = {.calls = &calls}, .models = models, .jobs = jobs, .durable = durable};
    *out = &l->backend;
    return EV_OK;
}
