/* documents: what several processes in front of one queue must know of a batch or a long text: how far it is, and the
 * body that it came with. One process tends each of them, under a lease; any answers for it.
 *
 * An interface; redis/documents.h is its maker. Where there is one process only, the disk is enough
 * (series/series.h).
 *
 * put -> note, again and again -> note, over: kept for its time. A process that ends lets go of its leases, or they
 * run out: another takes what was there.
 *
 * Threads: any. All wait for the network, as long as calls of backend.h do. EV_E_IO, EV_E_LIMIT: not now.
 */
#ifndef SV_DOCUMENTS_H
#define SV_DOCUMENTS_H

#include <stdlib.h>

#include "server/jobs/jobs.h"

typedef struct sv_document { /* borrowed */
    const char *id, *account;
    const sv_idempotency *idempotency; /* NULL: it came without an Idempotency-Key */
    const char *head;                  /* what is known of it, as text */
    const void *body;                  /* as it came; NULL: it is over */
    size_t body_bytes;
    int open_max, all_max; /* of its account; of all */
} sv_document;

typedef enum sv_document_verdict {
    SV_DOCUMENT_TAKEN,
    SV_DOCUMENT_DUPLICATE, /* the same request again */
    SV_DOCUMENT_CONFLICT,  /* its key came with another body */
    SV_DOCUMENT_MANY,      /* too many of its account are not over */
    SV_DOCUMENT_FULL       /* too many of all */
} sv_document_verdict;

typedef struct sv_document_found { /* owned: sv_document_found_free */
    char id[SV_JOB_ID + 1];
    char *head, *body; /* body NULL: it is over */
    size_t body_bytes;
    bool canceled; /* nobody may ask for it any more: its jobs are to be canceled, and it is to be forgotten */
} sv_document_found;

typedef enum sv_lease { SV_LEASE_HELD, SV_LEASE_LOST, SV_LEASE_CANCELED } sv_lease;

typedef struct sv_documents sv_documents;
typedef struct sv_documents_calls {
    /* Written down, and this process's from now on; first: the id of the one that came before. */
    ev_status (*put)(sv_documents *d, const sv_document *document, sv_document_verdict *verdict,
                     char first[SV_JOB_ID + 1], ev_error *err);
    /* What is known of one that is held; over: its body is not needed any more. EV_E_NOT_FOUND: it is not held. */
    ev_status (*update)(sv_documents *d, const char *id, const char *head, bool over, ev_error *err);
    ev_status (*get)(sv_documents *d, const char *id, const char *account, sv_document_found *out, ev_error *err);
    /* EV_E_NOT_FOUND: there is none. Whoever holds it is told when it renews its lease. */
    ev_status (*cancel)(sv_documents *d, const char *id, const char *account, ev_error *err);
    /* One that nobody holds; EV_E_NOT_FOUND: there is none. */
    ev_status (*take)(sv_documents *d, sv_document_found *out, ev_error *err);
    /* leases[i]: how it stands with ids[i]. let_go: whoever wants may take them now. */
    ev_status (*renew)(sv_documents *d, const char *const *ids, size_t count, bool let_go, sv_lease *leases,
                       ev_error *err);
    ev_status (*forget)(sv_documents *d, const char *id, ev_error *err);
} sv_documents_calls;
struct sv_documents { /* the beginning of every maker's own */
    const sv_documents_calls *calls;
    double lease_s; /* what is held is renewed well within it */
};

static inline void sv_document_found_free(sv_document_found *found) {
    free(found->head);
    free(found->body);
    *found = (sv_document_found){0};
}

#endif
