/* redis: jobs that are made elsewhere. `emotivoice serve --redis URL` is a gateway, `emotivoice worker --redis URL` a
 * worker; between them stand streams with a consumer group, and a directory or bucket that all of them have.
 *
 *   scripts.h   START HERE: what lies in Redis, and the steps that a job takes there
 *   url.h       where Redis is; connect.h: to it, over TLS, through Sentinel; link.h: what is asked over connections
 *   message.h   what is said
 *   gateway.c   a backend of jobs (jobs/backend.h): hands them in; gateway_inner.h names the files beside it
 *   worker.c    its threads, and the leases of what it has: fetch.c takes jobs for the engine of its process,
 *   forward.c   sends what that makes; sweep.c tidies the store
 *   fallback.h  a gateway that makes speech itself while Redis is away
 *   rates.h     what clients may ask for in a second, counted over all gateways
 *   documents.h what all gateways know of batches and long texts
 *   vectors.h   the vectors of recordings that voices were made from
 *   queue.h     how much waits, for observers from outside
 *
 * What is promised: a job that was accepted is finished or reported failed, as long as Redis keeps its data. At each
 * point where a process may end:
 *   gateway, before ENQUEUE was answered  the client has no 202; the same Idempotency-Key finds the job, if there is
 * one gateway, later                        nothing is lost: any gateway answers for the job; the listeners have gone
 *   worker, after it read an entry        nobody renews the lease: another worker claims it, and makes it again
 *   worker, between result and FINISH     likewise: the same samples are written over the same value
 *   worker, after FINISH                  the job is over; a second end, by whoever made it too, changes nothing
 *   worker, SIGSTOPped past its lease     its job is made elsewhere; whoever ends first counts, the samples are the
 * same A job that was being made when its worker died is made again alone, with nothing else in its process; what
 * ends three workers is a dead letter, and nothing that only stood beside it is.
 */
#ifndef SV_REDIS_H
#define SV_REDIS_H

#include "server/config/config.h"
#include "server/engine/engine.h"
#include "server/guard/guard.h"
#include "server/jobs/backend.h"
#include "server/jobs/result.h"
#include "server/metrics/log.h"
#include "server/metrics/metrics.h"
#include "server/voices/voices.h"

typedef struct sv_redis_parts { /* borrowed, must outlive the maker; ended may be NULL */
    const sv_config *config;
    sv_jobs *jobs;
    sv_metrics *metrics;
    sv_log *log;
    sv_ledger *ledger;         /* NULL: there is always enough */
    const ev_model *model;     /* that all of them have */
    sv_voices *voices;         /* whose vectors are shared; NULL: none */
    sv_limiter *limiters[2];   /* of a gateway: what all gateways count together; NULL: none */
    const sv_results *results; /* where all gateways and workers find them */
    sv_store *recordings;      /* likewise */
    /* a job is over for this process: of a gateway, one that somebody listened to; of a worker, one whose end counts
     */
    void (*ended)(void *user, sv_job *job);
    void *ended_user;
} sv_redis_parts;

/* A gateway. It starts too while Redis does not answer, and is not available then. EV_E_ARGUMENT: the URL is none, or
 * Redis is not to be trusted with jobs. */
ev_status sv_redis_gateway(sv_backend **out, const sv_redis_parts *parts, ev_error *err);

typedef struct sv_worker sv_worker;
/* A worker, which begins with sv_worker_start. prepare: whatever a job of elsewhere needs of this process. */
ev_status sv_worker_create(sv_worker **out, const sv_redis_parts *parts, ev_error *err);
ev_status sv_worker_start(sv_worker *worker, sv_engine *engine, void (*prepare)(void *user, sv_job *job), void *user,
                          ev_error *err);
void sv_worker_pause(sv_worker *worker); /* takes no more */
bool sv_worker_idle(sv_worker *worker);
bool sv_worker_available(sv_worker *worker); /* Redis answers */
/* Behind the engine's stop: gives back what was not finished. */
void sv_worker_stop(sv_worker *worker);
void sv_worker_free(sv_worker **worker);

#endif
