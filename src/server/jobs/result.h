/* result: a job's samples in a store, under its id: as they are, with no header, since their number and SHA-256 in
 * the job's record tell all. Where clients may be given URLs, its file lies beside them, in the format that was asked
 * for: what a client fetches from there is what /tts/{id}/audio answers.
 */
#ifndef SV_RESULT_H
#define SV_RESULT_H

#include "server/jobs/jobs.h"
#include "server/jobs/journal.h"
#include "server/store/store.h"

typedef struct sv_results { /* borrowed, all of it */
    sv_store *samples;
    sv_store *files;   /* NULL: clients get no URLs */
    sv_ledger *ledger; /* of the memory in which files are made; NULL: there is always enough */
    bool label;        /* files say that they are synthetic */
    double url_s;      /* seconds that a URL is good for */
} sv_results;

/* Fills in the record's size and digest. EV_E_MEMORY. */
ev_status sv_result_describe(sv_record *record, const sv_job *job, ev_error *err);
/* The file alone, where there is to be one. EV_E_LIMIT, EV_E_IO. */
ev_status sv_result_write_file(const sv_results *results, sv_job *job, ev_error *err);
/* Fills in the record, and puts the file and the samples into their stores. EV_E_LIMIT, EV_E_IO. */
ev_status sv_result_write(const sv_results *results, sv_record *record, sv_job *job, ev_error *err);
ev_status sv_result_remove(const sv_results *results, const char *id, ev_error *err);
/* Appends a URL of the file of a completed job (job->filed). false: there is none. */
bool sv_result_url(const sv_results *results, const sv_job *job, ev_buf *out);
/* The samples of a job made from its record, checked: from `bytes` where they are given (as many as the record says),
 * else from the store. EV_E_LIMIT: no memory for them now; EV_E_IO, EV_E_FORMAT: they are gone or damaged. */
ev_status sv_result_take(const void *bytes, sv_ledger *ledger, const sv_record *record, sv_job *job, ev_error *err);
ev_status sv_result_read(const sv_results *results, sv_ledger *ledger, const sv_record *record, sv_job *job,
                         ev_error *err);

#endif
