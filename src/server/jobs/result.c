/* result: a job's samples in a store. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/try.h"
#include "server/jobs/result.h"
#include "server/jobs/sound.h"

ev_status sv_result_describe(sv_record *r, const sv_job *job, ev_error *err) {
    assert(job->base == 0 && (job->samples || !job->count)); /* all of them are there */
    const size_t bytes = job->count * sizeof *job->samples;
    r->result_bytes = (int64_t)bytes;
    if (EVP_Digest(job->samples, bytes, r->digest, NULL, EVP_sha256(), NULL)) return EV_OK;
    return ev_fail(err, EV_E_MEMORY, "out of memory");
}

/* The memory that a file takes at most: no format has more than four bytes for a sample, and a head. */
static ev_status claim_file(const sv_results *results, sv_claim *claim, const sv_file *file, size_t count,
                            ev_error *err) {
    enum { HEAD = 65536 };
    assert(file->rate > 0);
    const double bytes = 4.0 * (double)count * sv_file_rate(file) / file->rate;
    if (sv_claim_set(results->ledger, claim, NULL, (int64_t)bytes + HEAD, 1) == SV_CLAIM_OK) return EV_OK;
    return ev_fail(err, EV_E_LIMIT, "there is no memory left for a file now");
}

ev_status sv_result_write_file(const sv_results *results, sv_job *job, ev_error *err) {
    sv_claim claim = {0};
    ev_buf bytes = {0};
    if (!results->files) return EV_OK;
    const sv_file file = {.format = job->speech.format,
                          .sound = job->speech.sound,
                          .rate = job->rate,
                          .label = results->label,
                          .whole = true};
    ev_status status = claim_file(results, &claim, &file, job->count, err);
    if (status == EV_OK) status = sv_file_encode(&bytes, job, &file, err);
    if (status == EV_OK) status = sv_store_put(results->files, job->id, bytes.data, bytes.size, err);
    ev_buf_free(&bytes);
    sv_claim_release(&claim);
    return status;
}

ev_status sv_result_write(const sv_results *results, sv_record *r, sv_job *job, ev_error *err) {
    TRY(sv_result_describe(r, job, err));
    TRY(sv_result_write_file(results, job, err));
    return r->result_bytes ? sv_store_put(results->samples, job->id, job->samples, (size_t)r->result_bytes, err)
                           : EV_OK;
}

ev_status sv_result_remove(const sv_results *results, const char *id, ev_error *err) {
    TRY(sv_store_remove(results->samples, id, err));
    return results->files ? sv_store_remove(results->files, id, err) : EV_OK;
}

bool sv_result_url(const sv_results *results, const sv_job *job, ev_buf *out) {
    char name[SV_JOB_ID + 24];
    const ev_format format = job->speech.format;
    if (!results || !job->filed || !sv_store_has_urls(results->files)) return false;
    snprintf(name, sizeof name, "%s.%s", job->id, format == EV_FORMAT_WAV_FLOAT ? "wav" : ev_format_name(format));
    return sv_store_url(results->files, job->id, results->url_s, ev_format_media_type(format), name, out, NULL) ==
           EV_OK;
}

static ev_status make_room(sv_ledger *ledger, const sv_record *r, sv_job *job, int16_t **samples, ev_error *err) {
    assert((int64_t)(job->count * sizeof **samples) == r->result_bytes);
    if (sv_claim_set(ledger, &job->claim, job->owner, r->result_bytes, 1) != SV_CLAIM_OK)
        return ev_fail(err, EV_E_LIMIT, "there is no memory left for you: read the answers you have, or try later");
    *samples = sv_job_alloc_samples(job, job->count);
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

/* What is wrong with the store is for the log, which the store itself has written: clients learn what to do. */
ev_status sv_result_read(const sv_results *results, sv_ledger *ledger, const sv_record *r, sv_job *job,
                         ev_error *err) {
    int16_t *samples;
    TRY(make_room(ledger, r, job, &samples, err));
    const ev_status status =
        r->result_bytes ? sv_store_get(results->samples, r->id, (size_t)r->result_bytes, samples, err) : EV_OK;
    if (status == EV_E_LIMIT || status == EV_E_ARGUMENT)
        return ev_fail(err, EV_E_LIMIT, "the result cannot be read from its store now: try again later");
    if (status == EV_E_NOT_FOUND) return EV_E_IO; /* it should be there */
    return status == EV_OK ? check(r, samples, err) : status;
}
