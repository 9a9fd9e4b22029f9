/* local: jobs that the engine of this process makes. Those in the table come before those on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/engine/local.h"

typedef struct local {
    sv_backend backend; /* first */
    sv_engine *engine;
    sv_jobs *jobs;
    sv_durable *durable;
} local;

static local *of(sv_backend *backend) { return (local *)backend; }

static double seconds(sv_backend *b, const sv_speech *speech) { return sv_engine_seconds(of(b)->engine, speech); }

static bool windowed(sv_backend *b, double length_s) { return sv_engine_windowed(of(b)->engine, length_s); }

static void submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    out->admission = sv_engine_submit(of(b)->engine, job, account);
}

static void join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    sv_engine_join(of(b)->engine, job, priority, stream);
}

static void nudge(sv_backend *b) { sv_engine_nudge(of(b)->engine); }

static ev_status snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err) {
    *out = sv_jobs_find(of(b)->jobs, id, owner);
    if (*out) return EV_OK;
    if (!of(b)->durable) return ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    return sv_durable_find(of(b)->durable, id, owner, samples, out, err);
}

/* What is written down of it is its client's ticket to delete. */
static ev_status cancel(sv_backend *b, sv_job *job, ev_error *err) {
    (void)err;
    sv_jobs_cancel(of(b)->jobs, job);
    return EV_OK;
}

static ev_status retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                       int32_t *retry_after_ms, ev_error *err) {
    const ev_status status = sv_engine_retry(of(b)->engine, id, job, retry_after_ms, err);
    if (status == EV_OK) memcpy(again, (*job)->id, SV_JOB_ID + 1);
    return status;
}

static ev_status dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    (void)err;
    sv_engine_dead_letters(of(b)->engine, out);
    return EV_OK;
}

static ev_status dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    return sv_engine_dead_letter(of(b)->engine, id, out, err);
}

static ev_status drop(sv_backend *b, const char *id, ev_error *err) {
    const ev_status status = sv_engine_drop(of(b)->engine, id, err);
    sv_job *job = status == EV_OK ? sv_jobs_find(of(b)->jobs, id, NULL) : NULL;
    if (job) sv_jobs_cancel(of(b)->jobs, job);
    sv_job_unref(&job);
    return status;
}

static void backlog(sv_backend *b, sv_load *out) {
    sv_engine_load(of(b)->engine, &out->jobs, &out->dead, &out->audio_s);
    out->available = true;
}

static bool idle(sv_backend *b) { return sv_engine_idle(of(b)->engine); }

static void stop(sv_backend *b) { sv_engine_stop(of(b)->engine); }

static void close_local(sv_backend *b) { free(b); }

ev_status sv_backend_local(sv_backend **out, sv_engine *engine, sv_jobs *jobs, sv_durable *durable, ev_error *err) {
    static const sv_backend_calls calls = {seconds,  windowed, submit, join,         nudge,
                                           snapshot, cancel,   retry,  dead_letters, dead_letter,
                                           drop,     backlog,  idle,   stop,         close_local};
    local *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *l = (local){.backend = {.calls = &calls}, .engine = engine, .jobs = jobs, .durable = durable};
    *out = &l->backend;
    return EV_OK;
}
