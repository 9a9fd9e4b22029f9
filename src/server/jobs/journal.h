/* journal: what was promised, written down, so that it outlives the process: accepted jobs, how they ended, the
 * Idempotency-Keys they came with, dead letters. It knows records and nothing of how speech is made.
 *
 * An interface with room for several makers; the calls below go to the one that was opened. journal_sqlite.h: a
 * database in a directory.
 *
 * put -> the maker's thread: all that waits is written together, and made durable at once -> done, for each
 *
 * Owner:   an entry, and all that its record points to, is its maker's, and is left alone until done was called.
 *          What find and the like fill in is the caller's, to be freed by sv_record_free().
 * Threads: any. put never waits; the others read, which takes a moment: not on a thread that serves everybody.
 */
#ifndef SV_JOURNAL_H
#define SV_JOURNAL_H

#include "base/base.h"

enum { SV_RECORD_ID = 32, SV_RECORD_DIGEST = 32, SV_RECORD_NAME = 64 };

/* The numbers are written down: they never change their meaning. */
typedef enum sv_record_state {
    SV_RECORD_ACCEPTED = 0, /* not over */
    SV_RECORD_COMPLETED = 1,
    SV_RECORD_FAILED = 2,
    SV_RECORD_EXPIRED = 3,
    SV_RECORD_CANCELED = 4
} sv_record_state;

typedef struct sv_record {       /* a job, as it is written down; starts as {0} */
    char id[SV_RECORD_ID + 1];   /* hexadecimal */
    char owner[SV_RECORD_NAME];  /* account that may see it */
    char holder[SV_RECORD_NAME]; /* what its result's bytes count for: the account, or of untrusted
                                    clients a whole /48 */
    bool untrusted;              /* that is an address's, whose results give way before a key's */
    sv_record_state state;
    bool dead;  /* FAILED as often as it may: a dead letter */
    bool keyed; /* it came with an Idempotency-Key, whose digests follow: of owner and key, of body */
    unsigned char idempotency_key[SV_RECORD_DIGEST], idempotency_body[SV_RECORD_DIGEST];
    int64_t created_ms, done_ms;            /* wall clock, since 1970; done 0: not over */
    int64_t result_bytes;                   /* COMPLETED: what the store holds under the id ... */
    unsigned char digest[SV_RECORD_DIGEST]; /* ... and its SHA-256 */
    char *request;                          /* owned: JSON, all that was asked for but the recording */
    char *outcome;                          /* owned: JSON, how it ended; NULL: it has not */
    void *reference; /* owned: the recording that came with it, or NULL; read where it says so */
    size_t reference_bytes;
    int64_t number; /* in the order of acceptance; the journal's */
} sv_record;
void sv_record_free(sv_record *record);

typedef enum sv_entry_kind {
    SV_ENTRY_ACCEPT, /* a new job */
    SV_ENTRY_RETRY,  /* the same, in place of the dead letter `other`. EV_E_NOT_FOUND: there is none (any more) */
    SV_ENTRY_END,    /* how it ended; a dead letter that nobody was promised has no earlier entry, and needs none.
                      * EV_E_NOT_FOUND: it was deleted meanwhile */
    SV_ENTRY_DELETE, /* it is forgotten, its result too */
    SV_ENTRY_SYNC    /* nothing: done when all that was put before it is */
} sv_entry_kind;

typedef struct sv_entry {
    struct sv_entry *next; /* the journal's */
    sv_entry_kind kind;
    sv_record record;
    char other[SV_RECORD_ID + 1]; /* RETRY: see there. ACCEPT: filled in when that job came with the same key first:
                                   * then this one was not accepted, and status is EV_OK */
    bool same_body;               /* ... and whether the bodies are the same */
    ev_status status; /* EV_OK: it is durable. EV_E_LIMIT: the disk is full, and error says what to free */
    ev_error error;
    /* Called once, from the journal's thread, without locks; may put the entry again, or free it. */
    void (*done)(struct sv_entry *entry);
    void *user;
} sv_entry;

typedef struct sv_journal_state { /* for whoever operates it */
    int64_t pending, dead;        /* jobs accepted and not over, as of the last entry; dead letters */
    int64_t results, result_bytes;
    int64_t errors;      /* entries that could not be written when they came */
    bool failing;        /* the last entries could not be written; `problem` says why and what to do */
    char problem[256];   /* "": none */
    char set_aside[256]; /* a damaged database that was found at start was moved there; "": none was */
    int64_t recovered;   /* jobs that could be read from that one */
} sv_journal_state;

typedef struct sv_journal sv_journal;

typedef struct sv_journal_calls { /* what a maker has to bring */
    void (*put)(sv_journal *journal, sv_entry *entry);
    ev_status (*find)(sv_journal *journal, const char *id, bool reference, sv_record *out, ev_error *err);
    ev_status (*find_key)(sv_journal *journal, const unsigned char *key, sv_record *out, ev_error *err);
    ev_status (*next_pending)(sv_journal *journal, int64_t after, sv_record *out, ev_error *err);
    ev_status (*next_dead)(sv_journal *journal, int64_t after, sv_record *out, ev_error *err);
    void (*state)(sv_journal *journal, sv_journal_state *out);
    bool (*idle)(sv_journal *journal);
    void (*close)(sv_journal *journal);
} sv_journal_calls;

struct sv_journal { /* the beginning of every maker's own */
    const sv_journal_calls *calls;
};

static inline void sv_journal_put(sv_journal *j, sv_entry *entry) { j->calls->put(j, entry); }
/* One job, the recording too where `reference` says so. EV_E_NOT_FOUND, EV_E_IO, EV_E_MEMORY. */
static inline ev_status sv_journal_find(sv_journal *j, const char *id, bool reference, sv_record *out,
                                        ev_error *err) {
    return j->calls->find(j, id, reference, out, err);
}
/* The job that came with this key (SV_RECORD_DIGEST bytes); errors as above. */
static inline ev_status sv_journal_find_key(sv_journal *j, const unsigned char *key, sv_record *out, ev_error *err) {
    return j->calls->find_key(j, key, out, err);
}
/* The first job behind that number which an earlier process accepted and did not end, with its recording; of dead
 * letters, the first behind that number, without. Start with 0. EV_E_NOT_FOUND: no more. */
static inline ev_status sv_journal_next_pending(sv_journal *j, int64_t after, sv_record *out, ev_error *err) {
    return j->calls->next_pending(j, after, out, err);
}
static inline ev_status sv_journal_next_dead(sv_journal *j, int64_t after, sv_record *out, ev_error *err) {
    return j->calls->next_dead(j, after, out, err);
}
static inline void sv_journal_stats(sv_journal *j, sv_journal_state *out) { j->calls->state(j, out); }
static inline bool sv_journal_idle(sv_journal *j) { return j->calls->idle(j); } /* all that was put is done */
/* What was put is written first; what is put later is done with EV_E_CANCELED. NULL is fine. */
static inline void sv_journal_close(sv_journal **j) {
    if (*j) (*j)->calls->close(*j);
    *j = NULL;
}

#endif
