/* s3: a bucket as stores: Amazon's S3, or what speaks like it (MinIO, Garage, SeaweedFS, RustFS, Ceph, R2).
 *
 *   s3.c           START HERE: put, get, remove, sweep as requests; the thread that removes
 *   s3_location.c  s3://bucket/prefix?region=...: where that is
 *   s3_request.c   one request: libcurl signs and sends it, again where that may help; what its failure means
 *   s3_sign.c      a URL that is signed (libcurl signs headers alone)
 *   s3_answer.c    what is read of XML
 *
 * Objects are <prefix><name>/<key>, all of them hexadecimal keys. Each carries its SHA-256 (x-amz-meta-sha256), which
 * get compares, whoever stored it how; on its way there it is checked by the server (x-amz-content-sha256, which is
 * signed, and Content-MD5). What is larger than 8 MB goes in parts, and is there only when all are.
 *
 * A request is tried four times, with pauses that are random up to a bound which doubles. When the bucket cannot be
 * reached, reads and writes fail at once for two seconds, so that no thread waits for it again and again.
 *
 * Threads: any. remove puts the key into a bounded queue for one thread; what does not fit, or fails, is left for the
 * sweep and for the bucket's own rules (emotivoice store lifecycle).
 */
#ifndef SV_S3_H
#define SV_S3_H

#include "server/metrics/log.h"
#include "server/metrics/metrics.h"
#include "server/store/store.h"

typedef struct sv_s3 sv_s3;
typedef struct sv_s3_options {
    const char *url; /* s3://bucket[/prefix][?region=,endpoint=,public=,style=path|virtual] */
    const char *access_key, *secret_key, *session_token; /* "": AWS_ACCESS_KEY_ID ... of the environment */
    sv_metrics *metrics;                                 /* borrowed; NULL: none */
    sv_log *log;                                         /* likewise */
} sv_s3_options;

/* EV_E_ARGUMENT: the URL is none, or there are no credentials. Asks nobody. */
ev_status sv_s3_open(sv_s3 **out, const sv_s3_options *options, ev_error *err);
/* Lists, writes, reads and removes. EV_E_ARGUMENT: it answers, and will not serve us; err says what to change.
 * EV_E_LIMIT, EV_E_IO: it cannot be asked now. */
ev_status sv_s3_check(sv_s3 *s3, ev_error *err);
void sv_s3_close(sv_s3 **s3); /* behind its stores; waits a moment for what is to be removed */
/* One of its stores; name is ours, of [a-z]. */
ev_status sv_store_s3(sv_store **out, sv_s3 *s3, const char *name, ev_error *err);
/* Where it is, for people: "the bucket media at https://...". */
const char *sv_s3_name(const sv_s3 *s3);

/* Rules for the bucket's owner, as JSON for `aws s3api put-bucket-lifecycle-configuration`: objects of the named
 * stores end after `days`, and uploads that were broken off after one. EV_E_ARGUMENT: the URL is none. */
ev_status sv_s3_lifecycle(const char *url, const char *const *names, size_t count, int days, ev_buf *out,
                          ev_error *err);

#endif
