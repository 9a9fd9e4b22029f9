/* result: a job's samples in a store, under its id: as they are, with no header, since their number and SHA-256 in
 * the job's record tell all. */
#ifndef SV_RESULT_H
#define SV_RESULT_H

#include "server/jobs/jobs.h"
#include "server/jobs/journal.h"
#include "server/jobs/store.h"

/* Fills in the record's size and digest. EV_E_MEMORY. */
ev_status sv_result_describe(sv_record *record, const sv_job *job, ev_error *err);
/* The same, and puts them into the store. EV_E_LIMIT, EV_E_IO. */
ev_status sv_result_write(sv_store *store, sv_record *record, const sv_job *job, ev_error *err);
/* The samples of a job made from its record, checked: from `bytes` where they are given (as many as the record says),
 * else from the store. EV_E_LIMIT: no memory for them now; EV_E_IO, EV_E_FORMAT: they are gone or damaged. */
ev_status sv_result_take(const void *bytes, sv_ledger *ledger, const sv_record *record, sv_job *job, ev_error *err);
ev_status sv_result_read(sv_store *store, sv_ledger *ledger, const sv_record *record, sv_job *job, ev_error *err);

#endif
