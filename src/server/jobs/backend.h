/* backend: who makes the speech of jobs, as HTTP sees it.
 *
 * An interface with three makers; the calls below go to the one that was made.
 *   models/local.c     the engines of this process, with their table of jobs and its journal
 *   redis/gateway.c    workers elsewhere, behind Redis
 *   redis/fallback.c   the second while Redis is there, the first while it is not
 *
 * submit -> samples and the end in the job, for its listeners; snapshot for clients that ask later; cancel, where
 * nobody will
 *
 * Threads: any. submit, snapshot, cancel and retry may wait for a disk or a network, at most about half a second:
 * not on a thread that serves everybody. The others never wait.
 */
#ifndef SV_BACKEND_H
#define SV_BACKEND_H

#include "server/jobs/documents.h"
#include "server/jobs/jobs.h"
#include "server/jobs/result.h"
#include "server/schedule/schedule.h"

typedef struct sv_backend sv_backend;

typedef struct sv_submission { /* what became of a job that was submitted */
    sv_admission admission;    /* other than SV_ACCEPT: the job is over, and nothing is queued */
    bool unavailable;          /* ... since nobody can be asked now, which `error` tells for the log */
    bool conflict;             /* ... since its Idempotency-Key came with another body before */
    bool over_quota;           /* ... since its owner has had its seconds of speech, counted over all */
    char first[SV_JOB_ID + 1]; /* accepted: the job that came with the same key before, and counts; "": this one */
    ev_error error;
} sv_submission;

typedef struct sv_load { /* all that was accepted and is not over, wherever it is made */
    bool available;      /* jobs can be submitted */
    bool here;           /* ... to this process alone, since the queue is away */
    int64_t jobs, dead;
    double audio_s;
    int64_t workers; /* processes that make speech; 0: this one */
} sv_load;

typedef struct sv_backend_calls { /* what a maker has to bring */
    double (*seconds)(sv_backend *backend, const sv_speech *speech);
    bool (*windowed)(sv_backend *backend, const sv_speech *speech, double seconds);
    void (*submit)(sv_backend *backend, sv_job *job, const char *account, sv_submission *out);
    void (*join)(sv_backend *backend, sv_job *job, int32_t priority, bool stream);
    void (*nudge)(sv_backend *backend);
    ev_status (*snapshot)(sv_backend *backend, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err);
    ev_status (*cancel)(sv_backend *backend, sv_job *job, ev_error *err);
    ev_status (*retry)(sv_backend *backend, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                       int32_t *retry_after_ms, ev_error *err);
    ev_status (*dead_letters)(sv_backend *backend, ev_buf *out, ev_error *err);
    ev_status (*dead_letter)(sv_backend *backend, const char *id, ev_buf *out, ev_error *err);
    ev_status (*drop)(sv_backend *backend, const char *id, ev_error *err);
    void (*backlog)(sv_backend *backend, sv_load *out);
    bool (*idle)(sv_backend *backend);
    void (*stop)(sv_backend *backend);
    void (*close)(sv_backend *backend);
} sv_backend_calls;

struct sv_backend { /* the beginning of every maker's own */
    const sv_backend_calls *calls;
    const sv_results *results; /* with whose URLs clients may be served; NULL: none */
    sv_documents *documents; /* what all gateways know of batches and long texts; NULL: there is this process alone */
    bool decides_keys; /* Idempotency-Keys are its to compare, since others use the same queue: not the table's */
};

/* Rough, before the phones are known: seconds of audio that a speech will have, its pauses included. */
static inline double sv_backend_seconds(sv_backend *b, const sv_speech *speech) {
    return b->calls->seconds(b, speech);
}
/* A stream of so many seconds is not kept whole (speech.windowed): it would take more memory than its listener needs.
 */
static inline bool sv_backend_windowed(sv_backend *b, const sv_speech *speech, double seconds) {
    return b->calls->windowed(b, speech, seconds);
}
/* May this job come in, and is it? account decides the fair share. Refused for want of memory: SV_FULL, and job->room
 * says whether it will ever be enough. */
static inline void sv_backend_submit(sv_backend *b, sv_job *job, const char *account, sv_submission *out) {
    *out = (sv_submission){0};
    b->calls->submit(b, job, account, out);
}
/* Another client hears a job that was submitted, perhaps with a higher priority. */
static inline void sv_backend_join(sv_backend *b, sv_job *job, int32_t priority, bool stream) {
    b->calls->join(b, job, priority, stream);
}
/* Something about jobs changed from outside (a listener left): look again soon. */
static inline void sv_backend_nudge(sv_backend *b) { b->calls->nudge(b); }
/* A job that was promised to this owner (NULL: any), as it is now, held for the caller; samples: those too, where it
 * is completed. EV_E_NOT_FOUND; EV_E_LIMIT: not now, `err` says why; EV_E_IO, EV_E_FORMAT: its result is gone or
 * damaged. */
static inline ev_status sv_backend_snapshot(sv_backend *b, const char *id, const char *owner, bool samples,
                                            sv_job **out, ev_error *err) {
    *out = NULL;
    return b->calls->snapshot(b, id, owner, samples, out, err);
}
/* Nobody may ask for it any more; what still waits is not made. EV_E_LIMIT: not now. */
static inline ev_status sv_backend_cancel(sv_backend *b, sv_job *job, ev_error *err) {
    return b->calls->cancel(b, job, err);
}
/* A dead letter, to be tried again after a repair, as a new job of the same owner, whose id goes to `again`. *job,
 * where there is one, is held for the caller and listened to by it; where jobs are durable here, the caller writes it
 * down, which ends the dead letter. EV_E_NOT_FOUND: there is no such dead letter. EV_E_LIMIT, EV_E_MEMORY: no room
 * now; it stays, and may be asked for again in *retry_after_ms. EV_E_IO, EV_E_FORMAT: it cannot be read. */
static inline ev_status sv_backend_retry(sv_backend *b, const char *id, char again[SV_JOB_ID + 1], sv_job **job,
                                         int32_t *retry_after_ms, ev_error *err) {
    *job = NULL;
    *retry_after_ms = 1000;
    again[0] = '\0';
    return b->calls->retry(b, id, again, job, retry_after_ms, err);
}
/* Dead letters as a JSON array, oldest first. EV_E_LIMIT: not now. */
static inline ev_status sv_backend_dead_letters(sv_backend *b, ev_buf *out, ev_error *err) {
    return b->calls->dead_letters(b, out, err);
}
/* One of them as a JSON object, with what was asked for. EV_E_NOT_FOUND: there is no such dead letter. EV_E_LIMIT:
 * not now. EV_E_IO, EV_E_FORMAT: it cannot be read. */
static inline ev_status sv_backend_dead_letter(sv_backend *b, const char *id, ev_buf *out, ev_error *err) {
    return b->calls->dead_letter(b, id, out, err);
}
/* Nobody will repair it: it is forgotten, with its recording. Where jobs are durable here, the caller has it written
 * down (sv_durable_forget), which ends it. Errors as of dead_letter. */
static inline ev_status sv_backend_drop(sv_backend *b, const char *id, ev_error *err) {
    return b->calls->drop(b, id, err);
}
static inline void sv_backend_backlog(sv_backend *b, sv_load *out) {
    *out = (sv_load){0};
    b->calls->backlog(b, out);
}
/* No job is waiting or running here, nor is one waited for. */
static inline bool sv_backend_idle(sv_backend *b) { return b->calls->idle(b); }
/* What is not over is canceled; what is submitted later is refused. */
static inline void sv_backend_stop(sv_backend *b) {
    if (b) b->calls->stop(b);
}
static inline void sv_backend_close(sv_backend **b) {
    if (*b) (*b)->calls->close(*b);
    *b = NULL;
}

#endif
