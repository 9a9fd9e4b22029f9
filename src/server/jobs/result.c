/* result: a job's samples in a store. */
#include <openssl/evp.h>
#include <string.h>

#include "server/jobs/result.h"

ev_status sv_result_describe(sv_record *r, const sv_job *job, ev_error *err) {
    const size_t bytes = job->count * sizeof *job->samples;
    r->result_bytes = (int64_t)bytes;
    if (EVP_Digest(job->samples, bytes, r->digest, NULL, EVP_sha256(), NULL)) return EV_OK;
    return ev_fail(err, EV_E_MEMORY, "out of memory");
}

ev_status sv_result_write(sv_store *store, sv_record *r, const sv_job *job, ev_error *err) {
    const ev_status status = sv_result_describe(r, job, err);
    if (status != EV_OK || !r->result_bytes) return status;
    return sv_store_put(store, job->id, job->samples, (size_t)r->result_bytes, err);
}

static ev_status make_room(sv_ledger *ledger, const sv_record *r, sv_job *job, int16_t **samples, ev_error *err) {
    if (sv_claim_set(ledger, &job->claim, job->owner, r->result_bytes, 1) != SV_CLAIM_OK)
        return ev_fail(err, EV_E_LIMIT, "there is no memory left for you: read the answers you have, or try later");
    *samples = sv_job_room(job, job->count);
    if (!*samples && r->result_bytes) return ev_fail(err, EV_E_LIMIT, "out of memory: try again later");
    return EV_OK;
}

static ev_status check(const sv_record *r, const int16_t *samples, ev_error *err) {
    unsigned char digest[SV_RECORD_DIGEST];
    if (EVP_Digest(samples, (size_t)r->result_bytes, digest, NULL, EVP_sha256(), NULL) &&
        memcmp(digest, r->digest, sizeof digest) == 0)
        return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "the result %s was changed where it is kept", r->id);
}

ev_status sv_result_take(const void *bytes, sv_ledger *ledger, const sv_record *r, sv_job *job, ev_error *err) {
    int16_t *samples;
    const ev_status status = make_room(ledger, r, job, &samples, err);
    if (status != EV_OK) return status;
    if (r->result_bytes) memcpy(samples, bytes, (size_t)r->result_bytes);
    return check(r, samples, err);
}

ev_status sv_result_read(sv_store *store, sv_ledger *ledger, const sv_record *r, sv_job *job, ev_error *err) {
    int16_t *samples;
    ev_status status = make_room(ledger, r, job, &samples, err);
    if (status == EV_OK && r->result_bytes)
        status = sv_store_get(store, r->id, (size_t)r->result_bytes, samples, err);
    if (status == EV_E_NOT_FOUND) status = EV_E_IO; /* it should be there */
    return status == EV_OK ? check(r, samples, err) : status;
}
