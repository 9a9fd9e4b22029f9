/* fallback: a queue, and this process while that cannot be asked. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "server/redis/fallback.h"

typedef struct fallback {
    sv_backend backend; /* first */
    sv_backend *queue, *here;
} fallback;
static_assert(offsetof(fallback, backend) == 0, "the one is found by the other");

static fallback *fallback_of(sv_backend *backend) { return (fallback *)backend; }

static bool is_away(const fallback *f) {
    sv_load load;
    sv_backend_backlog(f->queue, &load);
    return !load.available;
}

static double seconds(sv_backend *b, const sv_speech *speech) {
    return sv_backend_seconds(fallback_of(b)->queue, speech);
}

/* The queue may be back before it is submitted. */
static bool windowed(sv_backend *b, const sv_speech *speech, double length_s) {
    (void)b;
    (void)speech;
    (void)length_s;
    return false;
}

static void submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    fallback *f = fallback_of(b);
    const bool here = !atomic_load(&job->kept) && is_away(f);
    atomic_store(&job->here, here);
    sv_backend_submit(here ? f->here : f->queue, job, account, out);
}

static void join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    if (atomic_load(&job->here)) sv_backend_join(fallback_of(b)->here, job, priority, stream);
}

static void nudge(sv_backend *b) {
    sv_backend_nudge(fallback_of(b)->here);
    sv_backend_nudge(fallback_of(b)->queue);
}

static ev_status snapshot(sv_backend *b, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err) {
    return sv_backend_snapshot(fallback_of(b)->queue, id, owner, samples, out, err);
}

static ev_status cancel(sv_backend *b, sv_job *job, ev_error *err) {
    return sv_backend_cancel(fallback_of(b)->queue, job, err);
}

static ev_status retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                       int32_t *retry_after_ms, ev_error *err) {
    return sv_backend_retry(fallback_of(b)->queue, id, again, job, retry_after_ms, err);
}

static ev_status dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    return sv_backend_dead_letters(fallback_of(b)->queue, out, err);
}

static ev_status dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    return sv_backend_dead_letter(fallback_of(b)->queue, id, out, err);
}

static ev_status drop(sv_backend *b, const char *id, ev_error *err) {
    return sv_backend_drop(fallback_of(b)->queue, id, err);
}

static void backlog(sv_backend *b, sv_load *out) {
    sv_backend_backlog(fallback_of(b)->queue, out);
    if (out->available) return;
    sv_backend_backlog(fallback_of(b)->here, out);
    out->here = true;
}

static bool idle(sv_backend *b) {
    return sv_backend_idle(fallback_of(b)->queue) && sv_backend_idle(fallback_of(b)->here);
}

static void stop(sv_backend *b) {
    sv_backend_stop(fallback_of(b)->queue);
    sv_backend_stop(fallback_of(b)->here);
}

static void close_both(sv_backend *b) {
    fallback *f = fallback_of(b);
    sv_backend_close(&f->queue);
    sv_backend_close(&f->here);
    free(f);
}

ev_status sv_fallback_create(sv_backend **out, sv_backend *queue, sv_backend *here, ev_error *err) {
    static const sv_backend_calls calls = {.seconds = seconds,
                                           .windowed = windowed,
                                           .submit = submit,
                                           .join = join,
                                           .nudge = nudge,
                                           .snapshot = snapshot,
                                           .cancel = cancel,
                                           .retry = retry,
                                           .dead_letters = dead_letters,
                                           .dead_letter = dead_letter,
                                           .drop = drop,
                                           .backlog = backlog,
                                           .idle = idle,
                                           .stop = stop,
                                           .close = close_both};
    fallback *f = calloc(1, sizeof *f);
    *out = NULL;
    assert(queue && here && queue != here);
    if (!f) {
        sv_backend_close(&queue);
        sv_backend_close(&here);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    *f = (fallback){.backend = {.calls = &calls, .decides_keys = true, .documents = queue->documents},
                    .queue = queue,
                    .here = here};
    *out = &f->backend;
    return EV_OK;
}
