/* stores: what lies where, by the configuration: in the bucket of `store`, or in folders of data_dir.
 *
 *   results      samples of jobs that are completed, by the ids of the jobs
 *   files        the same as the file that was asked for, for clients who are given URLs; in a bucket alone
 *   recordings   of more than 64 kB, of jobs that wait in Redis
 */
#ifndef SV_STORES_H
#define SV_STORES_H

#include "server/config/config.h"
#include "server/store/s3.h"

typedef struct sv_stores { /* those that are not needed are NULL */
    sv_s3 *s3;
    sv_store *results, *files, *recordings;
} sv_stores;

/* Asks a bucket whether it will serve us. EV_E_ARGUMENT: it will not, or the settings are wrong. EV_E_IO. One that
 * cannot be asked now is no error: it stands in the log, and what comes waits in memory. */
ev_status sv_stores_open(sv_stores *out, const sv_config *config, sv_metrics *metrics, sv_log *log, ev_error *err);
void sv_stores_close(sv_stores *stores);

/* Rules by which the bucket of that URL drops what outlives `ttl_s`, as JSON (see s3.h). */
ev_status sv_stores_lifecycle(const char *url, double ttl_s, ev_buf *out, ev_error *err);

#endif
