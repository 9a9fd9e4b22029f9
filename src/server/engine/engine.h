/* engine: from a job to its samples.
 *
 *   engine.c         START HERE: jobs come in; start and stop
 *   dead_letters.c   the list of them, and another try
 *   device_worker.c  the threads that run the device, asking schedule.h what is next
 *   preprocess.c     a few threads that make a job ready: its voice (named, uploaded, or from its reference), its
 *                    phones; requests with a recording have a queue (queue.h) and threads apart
 *   active.h         a job while it is here; active.c: what waits, as the schedule sees it, and how it ends
 *   memory.c         memory that jobs take, claimed before they do
 *   estimate.c       what a text will come to
 *   engine_limits.c  what the schedule is told of settings, memory and this machine
 *
 * sv_engine_submit -> admission -> a pool's queue -> pool thread -> engine's list -> batches -> samples, end
 *
 * What can go wrong stays with the job that it concerns: a text or voice that cannot be used fails its own job; a
 * batch that fails sends its members to run alone, three times in all; what still fails is a dead letter.
 *
 * Threads: submit, join and nudge by any thread. Lock order: engine, jobs table, job.
 */
#ifndef SV_ENGINE_H
#define SV_ENGINE_H

#include "server/config/config.h"
#include "server/guard/guard.h"
#include "server/jobs/durable.h"
#include "server/jobs/jobs.h"
#include "server/metrics/log.h"
#include "server/metrics/metrics.h"
#include "server/schedule/schedule.h"
#include "server/voices/voices.h"

/* The device, so that tests can put a failing one in its place. */
typedef struct sv_device_calls {
    ev_status (*decode)(ev_synth *synth, ev_task *const *tasks, size_t n, ev_error *err);
    ev_status (*vocode)(ev_synth *synth, const ev_slice *slices, size_t n, ev_error *err);
} sv_device_calls;

/* Recordings that are made into voices at once, and processes that decode them. */
enum { SV_VOICE_THREADS = 4 };

typedef struct sv_engine sv_engine;

typedef struct sv_engine_parts { /* borrowed, must outlive the engine */
    const sv_config *config;
    ev_model *model; /* as it is at create */
    sv_jobs *jobs;
    sv_voices *voices;
    sv_metrics *metrics;
    sv_log *log;
    sv_ledger *ledger;             /* of memory; NULL: there is always enough */
    sv_durable *durable;           /* NULL: jobs and dead letters end with the process */
    const sv_device_calls *device; /* NULL: the engine itself */
    atomic_int *busy;              /* engines that run batches on these cores now; NULL: this one alone */
    /* A job needs the model, which was detached: sv_engine_attach, or an error for the job. From a preprocess thread,
     * without locks. NULL: it is never detached. */
    ev_status (*needed)(void *user, ev_error *err);
    void *needed_user;
    void (*ended)(void *user, sv_job *job); /* a job is over; from the engine's threads, without locks; may be NULL */
    void *ended_user;
    /* What we call the voice that a text names so: the caller's (free), NULL: out of memory. May be NULL. */
    char *(*name_voice)(void *user, const char *asked);
    void *name_user;
    bool dead_elsewhere; /* dead letters are kept by whoever handed the jobs in */
} sv_engine_parts;

ev_status sv_engine_create(sv_engine **out, const sv_engine_parts *parts, ev_error *err);
/* Runs nothing more; what is not over is canceled. What is submitted later is refused. */
void sv_engine_stop(sv_engine *engine);
void sv_engine_free(sv_engine **engine);

/* Gives up the model and the work memory, which attach makes again; false: it has jobs, and keeps them. What it has
 * learnt of the model's costs stays, and jobs may be submitted. */
bool sv_engine_detach(sv_engine *engine);
ev_status sv_engine_attach(sv_engine *engine, ev_model *model, ev_error *err); /* the same model, opened again */

/* The same without an engine, which has learnt how long this model's tokens are. */
double sv_estimate_seconds(const sv_speech *speech);
/* Rough, before the phones are known: seconds of audio that a speech will have, its pauses included. */
double sv_engine_seconds(sv_engine *engine, const sv_speech *speech);
/* A stream of so many seconds is not kept whole (speech.windowed): it would take more memory than its listener needs.
 */
bool sv_engine_windowed(sv_engine *engine, double seconds);
/* May this job come in, and is it? Refused: the job is over already, nothing is queued. account decides the fair
 * share. Refused for want of memory: SV_FULL, and job->room says whether it will ever be enough. */
sv_admission sv_engine_submit(sv_engine *engine, sv_job *job, const char *account);
/* The same for a job that an earlier process accepted, with the caller's hold: it comes in, or false: there is no
 * memory for it now. What there will never be memory for fails. */
bool sv_engine_resume(void *engine, sv_job *job);
/* Ends one that was never submitted. Takes over the caller's hold. */
void sv_engine_fail(sv_engine *engine, sv_job *job, const ev_error *error);
/* Another client hears a job that was submitted, perhaps with a higher priority. */
void sv_engine_join(sv_engine *engine, sv_job *job, int32_t priority, bool stream);
/* Something about jobs changed from outside (a listener left): look again soon. */
void sv_engine_nudge(sv_engine *engine);
/* Bytes that are free where batches run: the batches' part of it is a quarter, unless memory_budget says otherwise.
 * To be told again whenever somebody has looked. Any thread. */
void sv_engine_memory(sv_engine *engine, int64_t free_bytes);
/* Bytes that batches will take at most and that have not been touched yet. */
int64_t sv_engine_reserve(const sv_engine *engine);
/* No job is waiting or running. */
bool sv_engine_idle(sv_engine *engine);
/* Jobs that wait or run, dead letters in memory, predicted seconds of audio of the former. */
void sv_engine_load(sv_engine *engine, int64_t *jobs, int64_t *dead, double *audio_s);
/* A dead letter, to be tried again after a repair, as a new job of the same owner, held for the caller and listened
 * to by it. Where jobs are durable, the caller writes it down, which ends the dead letter.
 * EV_E_NOT_FOUND: there is no such dead letter. EV_E_LIMIT, EV_E_MEMORY: no room now; it stays, and may be asked for
 * again in *retry_after_ms. EV_E_IO, EV_E_FORMAT: it cannot be read. */
ev_status sv_engine_retry(sv_engine *engine, const char *id, sv_job **again, int32_t *retry_after_ms, ev_error *err);
/* Dead letters as a JSON array. */
void sv_engine_dead_letters(sv_engine *engine, ev_buf *out);
/* One of them as a JSON object, with what was asked for. EV_E_NOT_FOUND, EV_E_IO, EV_E_FORMAT, EV_E_MEMORY. */
ev_status sv_engine_dead_letter(sv_engine *engine, const char *id, ev_buf *out, ev_error *err);
/* Forgets one; where jobs are durable, the caller has that written down. EV_E_NOT_FOUND, EV_E_IO, EV_E_FORMAT. */
ev_status sv_engine_drop(sv_engine *engine, const char *id, ev_error *err);

#endif
