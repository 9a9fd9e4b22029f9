/* ledger: one budget for all the memory that requests make the service take. Who wants some claims it first: a body
 * on its way, a job's recording and samples, a result that is kept. What nobody claims the ledger is told once (the
 * model, work memory, the cache of voices).
 *
 * Fairness: one holder (an account; of untrusted clients an IPv4 address or a /48) has at most a quarter of what
 * claims may have, untrusted clients together at most three quarters: so a key always finds room. What was made and
 * is kept for later (sv_claim_keep) counts in the sum alone: jobs.h has limits of its own for it.
 *
 * Where there is no room, `on_pressure` may free some: results that are kept in case somebody asks again.
 *
 * Threads: any; a claim is one thread's at a time. The ledger's lock is the last of all; on_pressure is called
 * without it, and takes the table's and jobs' locks: so never claim under one of these.
 */
#ifndef SV_LEDGER_H
#define SV_LEDGER_H

#include "base/base.h"

typedef struct sv_ledger sv_ledger;
typedef struct sv_claim { /* starts as {0}, which is none */
    sv_ledger *ledger;
    struct sv_holder *holder; /* NULL: nobody's share */
    int64_t bytes;
} sv_claim;

typedef enum sv_claim_result { SV_CLAIM_OK = 0, SV_CLAIM_LATER, SV_CLAIM_NEVER } sv_claim_result;

ev_status sv_ledger_create(sv_ledger **out, int64_t bytes_max, ev_error *err);
void sv_ledger_free(sv_ledger **ledger); /* no claim is left */
/* Bytes of the budget that are taken whatever is asked for. */
void sv_ledger_set_reserved(sv_ledger *ledger, int64_t bytes);
void sv_ledger_on_pressure(sv_ledger *ledger, void (*on_pressure)(void *user, int64_t bytes), void *user);
/* So many bytes from now on, more or fewer than before; fewer always work. part: this many of them make the holder's
 * share (1 usually). No room: the claim stays as it was. */
/* ledger NULL: there is always room. */
sv_claim_result sv_claim_set(sv_ledger *ledger, sv_claim *claim, const char *account, int64_t bytes, int part);
/* No holder's any more. */
void sv_claim_keep(sv_claim *claim);
void sv_claim_release(sv_claim *claim);

#endif
