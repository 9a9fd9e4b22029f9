/* documents: batches and long texts in Redis; each call is one script. */
#include "server/redis/documents.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "server/jobs/record.h"

typedef struct documents {
    sv_documents base; /* first */
    const char *holder;
    double ttl_s;
    ev_mutex lock; /* of the link */
    sv_link link;
} documents;
static_assert(offsetof(documents, base) == 0, "the one is found by the other");

static documents *documents_of(sv_documents *d) { return (documents *)d; }

/* The answer; NULL: not now, and err says so. */
static redisReply *run_script(sv_documents *d, sv_script script, const sv_args *args, ev_error *err) {
    ev_error why = {0};
    assert(err); /* its callers return what it says */
    ev_mutex_lock(&documents_of(d)->lock);
    redisReply *reply = sv_link_script(&documents_of(d)->link, script, args, &why);
    ev_mutex_unlock(&documents_of(d)->lock);
    if (!reply && why.status == EV_E_LIMIT)
        ev_fail(err, EV_E_LIMIT, "the queue has no room for it now: try again later");
    else if (!reply)
        ev_fail(err, EV_E_IO, "the queue cannot be asked now: try again after the time in Retry-After");
    return reply;
}

/* A script that answers 1 or 0. */
static ev_status run_update(sv_documents *d, sv_script script, const sv_args *args, ev_error *err) {
    redisReply *reply = run_script(d, script, args, err);
    if (!reply) return err->status;
    const bool found = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return found ? EV_OK : ev_fail(err, EV_E_NOT_FOUND, "it is not there");
}

static ev_status put(sv_documents *d, const sv_document *document, sv_document_verdict *verdict,
                     char first[SV_JOB_ID + 1], ev_error *err) {
    static const struct {
        const char *name;
        sv_document_verdict verdict;
    } answers[] = {{"OK", SV_DOCUMENT_TAKEN},
                   {"SAME", SV_DOCUMENT_DUPLICATE},
                   {"CONFLICT", SV_DOCUMENT_CONFLICT},
                   {"MANY", SV_DOCUMENT_MANY},
                   {"FULL", SV_DOCUMENT_FULL}};
    char key[2 * SV_JOB_KEY + 1] = "", digest[2 * SV_JOB_KEY + 1] = "";
    sv_args a = {0};
    if (document->idempotency) ev_hex(document->idempotency->key, SV_JOB_KEY, key);
    if (document->idempotency) ev_hex(document->idempotency->body, SV_JOB_KEY, digest);
    sv_args_text(&a, document->id);
    sv_args_text(&a, document->account);
    sv_args_text(&a, documents_of(d)->holder);
    sv_args_text(&a, document->head);
    sv_args_bytes(&a, document->body, document->body_bytes);
    sv_args_text(&a, key);
    sv_args_text(&a, digest);
    sv_args_int(&a, (int64_t)(d->lease_s * 1000));
    sv_args_int(&a, document->open_max);
    sv_args_int(&a, document->all_max);
    redisReply *reply = run_script(d, SV_SCRIPT_SERIES_PUT, &a, err);
    if (!reply) return err->status;
    ev_status status = EV_E_FORMAT;
    for (size_t i = 0; i < EV_ARRAY_COUNT(answers); i++) {
        if (strcmp(sv_reply_text(reply, 0), answers[i].name) != 0) continue;
        *verdict = answers[i].verdict;
        status = EV_OK;
    }
    snprintf(first, SV_JOB_ID + 1, "%s", sv_reply_text(reply, 1));
    freeReplyObject(reply);
    return status == EV_OK ? EV_OK : ev_fail(err, EV_E_IO, "the queue's answer is damaged");
}

static ev_status update(sv_documents *d, const char *id, const char *head, bool over, ev_error *err) {
    sv_args a = {0};
    sv_args_text(&a, id);
    sv_args_text(&a, documents_of(d)->holder);
    sv_args_text(&a, head);
    sv_args_int(&a, over);
    sv_args_int(&a, (int64_t)documents_of(d)->ttl_s + 1);
    return run_update(d, SV_SCRIPT_SERIES_UPDATE, &a, err);
}

static ev_status copy(const redisReply *reply, size_t i, char **out, size_t *bytes) {
    const redisReply *one = sv_reply_at(reply, i);
    const size_t size = one && one->type == REDIS_REPLY_STRING ? one->len : 0;
    *out = malloc(size + 1);
    if (!*out) return EV_E_MEMORY;
    if (size) memcpy(*out, one->str, size);
    (*out)[size] = '\0';
    if (bytes) *bytes = size;
    return EV_OK;
}

static ev_status get(sv_documents *d, const char *id, const char *account, sv_document_found *out, ev_error *err) {
    sv_args a = {0};
    *out = (sv_document_found){0};
    sv_args_text(&a, id);
    sv_args_text(&a, account);
    redisReply *reply = run_script(d, SV_SCRIPT_SERIES_GET, &a, err);
    if (!reply) return err->status;
    ev_status status = EV_E_NOT_FOUND;
    snprintf(out->id, sizeof out->id, "%s", id);
    if (sv_reply_at(reply, 0)) status = copy(reply, 0, &out->head, NULL);
    freeReplyObject(reply);
    return status == EV_OK ? EV_OK : ev_fail(err, status, "it is not there");
}

static ev_status cancel(sv_documents *d, const char *id, const char *account, ev_error *err) {
    sv_args a = {0};
    sv_args_text(&a, id);
    sv_args_text(&a, account);
    return run_update(d, SV_SCRIPT_SERIES_CANCEL, &a, err);
}

static ev_status take(sv_documents *d, sv_document_found *out, ev_error *err) {
    sv_args a = {0};
    *out = (sv_document_found){0};
    sv_args_text(&a, documents_of(d)->holder);
    sv_args_int(&a, (int64_t)(d->lease_s * 1000));
    redisReply *reply = run_script(d, SV_SCRIPT_SERIES_TAKE, &a, err);
    if (!reply) return err->status;
    ev_status status = sv_reply_at(reply, 3) ? EV_OK : EV_E_NOT_FOUND;
    if (status == EV_OK) {
        const redisReply *body = sv_reply_at(reply, 2);
        snprintf(out->id, sizeof out->id, "%s", sv_reply_text(reply, 0));
        out->canceled = *sv_reply_text(reply, 3) != '\0';
        status = copy(reply, 1, &out->head, NULL);
        if (status == EV_OK && body->type == REDIS_REPLY_STRING && body->len)
            status = copy(reply, 2, &out->body, &out->body_bytes);
    }
    freeReplyObject(reply);
    if (status != EV_OK) sv_document_found_free(out);
    return status == EV_OK ? EV_OK : ev_fail(err, status, "there is none");
}

enum { RENEWED_AT_ONCE = SV_ARGS_MAX - 6 }; /* the script has two more, and its call four */

static ev_status renew(sv_documents *d, const char *const *ids, size_t count, bool let_go, sv_lease *leases,
                       ev_error *err) {
    for (size_t first = 0; first < count; first += RENEWED_AT_ONCE) {
        const size_t end = count - first < RENEWED_AT_ONCE ? count : first + RENEWED_AT_ONCE;
        sv_args a = {0};
        sv_args_text(&a, documents_of(d)->holder);
        sv_args_int(&a, let_go ? 0 : (int64_t)(d->lease_s * 1000));
        for (size_t i = first; i < end; i++) sv_args_text(&a, ids[i]);
        assert((size_t)a.count == 2 + end - first);
        redisReply *reply = run_script(d, SV_SCRIPT_SERIES_RENEW, &a, err);
        if (!reply) return err->status;
        for (size_t i = first; i < end; i++) {
            const int64_t answer = sv_reply_int(reply, i - first, SV_LEASE_LOST);
            leases[i] = answer == SV_LEASE_HELD || answer == SV_LEASE_CANCELED ? (sv_lease)answer : SV_LEASE_LOST;
        }
        freeReplyObject(reply);
    }
    return EV_OK;
}

static ev_status forget(sv_documents *d, const char *id, ev_error *err) {
    sv_args a = {0};
    sv_args_text(&a, id);
    sv_args_text(&a, documents_of(d)->holder);
    return run_update(d, SV_SCRIPT_SERIES_FORGET, &a, err);
}

ev_status sv_redis_documents(sv_documents **out, sv_redis *redis, const char *holder, const sv_config *config,
                             ev_error *err) {
    static const sv_documents_calls calls = {put, update, get, cancel, take, renew, forget};
    documents *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) return ev_fail(err, EV_E_MEMORY, "out of memory");
    d->base = (sv_documents){&calls, config->redis_lease};
    d->holder = holder;
    d->ttl_s = config->store_ttl;
    d->link.redis = redis;
    ev_mutex_init(&d->lock);
    *out = &d->base;
    return EV_OK;
}

void sv_redis_documents_close(sv_documents **closed) {
    if (!*closed) return;
    documents *d = documents_of(*closed);
    *closed = NULL;
    sv_link_close(&d->link);
    ev_mutex_destroy(&d->lock);
    free(d);
}
