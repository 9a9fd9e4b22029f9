/* record: a job as it is written down, and back. Monotonic times stay inside; what is written is wall clock. */
#ifndef SV_RECORD_H
#define SV_RECORD_H

#include <jansson.h>

#include "server/jobs/jobs.h"
#include "server/jobs/journal.h"

/* All that was asked for, the recording copied. false: out of memory. The record is the caller's either way. */
bool sv_record_request(sv_record *record, const sv_job *job);
/* How it ended, with the words' times where they were asked for; sample_rate is its samples'. The result's size and
 * digest are the caller's to fill in. */
bool sv_record_outcome(sv_record *record, const sv_job *job, sv_job_state state, const ev_error *error,
                       int32_t sample_rate);
/* A job of its own, held once: queued, or over and still without its samples. It may be of another version, or
 * damaged. EV_E_FORMAT, EV_E_MEMORY. */
ev_status sv_record_job(sv_job **out, const sv_record *record, ev_error *err);
/* Appends the text of a value, which is taken over; NULL, or no memory: out has failed. */
void sv_record_append(ev_buf *out, json_t *json);

#endif
