/* durable: jobs that outlive the process, between the table of jobs, the journal and the store.
 *
 *   accepted     sv_durable_accept writes it down; the client is told when its ticket is woken
 *   over         sv_durable_end keeps the samples, then how it ended; only then it is over for everybody
 *   asked for    sv_durable_find, where the table has it no more
 *   restart      sv_durable_resume hands what was accepted and is not over to the engine, a few at a time and in
 *                order, so that a hundred thousand take no more memory than sixty-four, and no time at start
 *
 * A disk that is full refuses new jobs. What is already made is answered from memory meanwhile, and written when
 * there is room again; if the process ends before that, it is made again: the same request gives the same samples.
 *
 * Threads: any. Two write results; the journal has its own, which wakes tickets and ends jobs.
 */
#ifndef SV_DURABLE_H
#define SV_DURABLE_H

#include "server/jobs/journal.h"
#include "server/jobs/jobs.h"
#include "server/jobs/result.h"
#include "server/metrics/log.h"

typedef struct sv_durable sv_durable;
typedef struct sv_durable_options {
    const char *dir;           /* made where it is not there */
    const sv_results *results; /* borrowed */
    double ttl_s;              /* what is over is kept so long */
    int64_t store_max;         /* bytes of results on the disk */
    sv_jobs *jobs;             /* borrowed, as the rest */
    sv_ledger *ledger;         /* NULL: there is always memory */
    sv_log *log;               /* NULL: none */
} sv_durable_options;

ev_status sv_durable_open(sv_durable **out, const sv_durable_options *options, ev_error *err);
/* Writes what is still to be written; wakes all tickets. What is put later comes to nothing. */
void sv_durable_stop(sv_durable *durable);
void sv_durable_free(sv_durable **durable);

/* ---- what a client waits for ---- */

typedef struct sv_ticket {
    sv_entry entry; /* status, error and other tell how it went */
    sv_durable *durable;
    sv_job *job;              /* held; NULL: of SV_ENTRY_DELETE */
    void (*wake)(void *user); /* called once, from the journal's thread; the ticket may be dropped from then on */
    void *user;
} sv_ticket;
/* Writes down that the job was accepted; again: in place of that dead letter. A job that was not accepted, or came
 * with the key of another, is canceled before the ticket is woken. fresh false: it was put already, by a request with
 * the same key, and the ticket waits for that. NULL: out of memory, and the job is canceled. */
sv_ticket *sv_durable_accept(sv_durable *durable, sv_job *job, bool fresh, const char *again);
/* The job is forgotten, with its result. NULL: out of memory. */
sv_ticket *sv_durable_forget(sv_durable *durable, const char *id);
void sv_ticket_put(sv_ticket *ticket, void (*wake)(void *user), void *user);
void sv_ticket_drop(sv_ticket **ticket); /* one that was woken, or never put; NULL is fine */

/* ---- the engine's side ---- */

/* Before a job is over for its listeners: true, and `over` is called when it is written down, or cannot be; false:
 * there is nothing to be written. Takes no hold of the job: the caller's lasts until over. */
bool sv_durable_end(sv_durable *durable, sv_job *job, sv_job_state state, const ev_error *error,
                    void (*over)(void *user, sv_job *job, sv_job_state state, const ev_error *error), void *user);
/* Starts handing over jobs that were accepted earlier. prepare: whatever such a job needs of this process, before
 * anybody can find it. submit: takes it with the caller's hold; false: no room now. */
void sv_durable_resume(sv_durable *durable, void (*prepare)(void *user, sv_job *job),
                       bool (*submit)(void *user, sv_job *job), void *user);
void sv_durable_pause(sv_durable *durable); /* hands over no more */
bool sv_durable_idle(sv_durable *durable);  /* nothing is still to be written */

/* ---- what was written ---- */

/* A job of this owner (NULL: any), held, in no table. samples: those too, checked against their digest.
 * EV_E_NOT_FOUND: there is none. EV_E_LIMIT: no memory for its samples now. EV_E_IO, EV_E_FORMAT: what was written is
 * gone or damaged. */
ev_status sv_durable_find(sv_durable *durable, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err);
/* The id of the job that came with the key. EV_E_ARGUMENT: with another body. EV_E_NOT_FOUND, EV_E_IO. */
ev_status sv_durable_find_idempotency(sv_durable *durable, const sv_idempotency *idempotency, char id[SV_JOB_ID + 1],
                                      ev_error *err);
/* A dead letter as it ended; again: its request, as a new one. EV_E_NOT_FOUND, EV_E_FORMAT, EV_E_IO. */
ev_status sv_durable_dead(sv_durable *durable, const char *id, bool again, sv_job **out, ev_error *err);
/* Each dead letter, oldest first. */
void sv_durable_each_dead(sv_durable *durable, void (*each)(void *user, sv_job *dead), void *user);
void sv_durable_stats(sv_durable *durable, sv_journal_state *state);

#endif
