/* series: many speeches that were asked for at once, and are made in their turn: the items of a batch, or the parts
 * of a long text, whose chapters they are.
 *
 *   series.c        a series, and the table of all
 *   series_json.c   a series as JSON, for those who ask
 *   series_record.c a series as it is written down, and back
 *   series_body.c   a body to its items; chapters.h: a long text to its parts
 *   series_feed.c   START HERE: the thread that sends items to the backend, a few at a time, each as a job of its own
 *   series_shared.c what gateways of one queue know of each other's series (jobs/documents.h)
 *   series_audio.c  its results as one answer (zip.h)
 *   series_routes.c what answers /v1/audio/speech/batch and /long
 *
 * An item becomes a job as POST /tts makes one, through the same door: words, rate, quota and admission are asked for
 * each, when its turn comes. Where there is no room now it waits; every other refusal is its own error, and its
 * neighbours go on. All series together fill a part of the queue, so that nobody else waits behind them.
 *
 * With data_dir a series is written down before it is promised, and its items are durable jobs, each with an
 * Idempotency-Key of its own: after a restart those that are made are found again by it, and the others are sent.
 *
 * Over Redis a series is a document there, which one gateway tends under a lease; its items have keys likewise. When
 * that gateway is gone another one takes it, and finds what was made. Any answers for it.
 *
 * Threads: the table's lock guards lists and what items came to; what stands under "the feeder's" is its thread's.
 * Jobs wake the feeder by a lock of its own, since they hold theirs. Lock order: table, job, wake.
 */
#ifndef SV_SERIES_H
#define SV_SERIES_H

#include "base/lock.h"
#include "server/api/fields.h"
#include "server/store/store.h"

enum {
    SV_LONG_ITEMS_MAX = 20000,
    SV_SERIES_ITEMS_MAX = 1000,
    SV_SERIES_OPEN_MAX = 8,
    SV_SERIES_KEPT_MAX = 100,
    SV_SERIES_ALL_MAX = 1024
};
enum { SV_ITEM_NAME_MAX = 64 }; /* bytes of a custom_id */

typedef enum sv_series_kind { SV_SERIES_BATCH, SV_SERIES_LONG } sv_series_kind;

typedef enum sv_item_state { /* the first two are not over */
                             SV_ITEM_WAITING,
                             SV_ITEM_SENT,
                             SV_ITEM_COMPLETED,
                             SV_ITEM_FAILED,
                             SV_ITEM_EXPIRED,
                             SV_ITEM_CANCELED
} sv_item_state;

typedef struct sv_item_fault { /* as an answer would have given it */
    int code;                  /* of HTTP; 0: none */
    char *param, *message;
} sv_item_fault;

typedef struct sv_item {
    sv_item_state state;
    char id[SV_JOB_ID + 1]; /* of its job; "": it has none yet */
    char *name;             /* the client's own; NULL: none */
    sv_item_fault fault;    /* of one that is over without sound */
    ev_format format;
    sv_sound sound;
    size_t samples; /* COMPLETED */
    int32_t rate;   /* Hz of them */
    sv_job *job;    /* held, while it is made; NULL also where it is only known by its id */

    /* the feeder's */
    sv_speech_params *params; /* of a batch, until it is over; owned */
    size_t begin, end;        /* of a long text: its part */
    int64_t chars;
    bool last;           /* of its chapter */
    double seconds;      /* of speech, a guess */
    const char *text_as; /* what the client called its text */
    sv_waiter waiter;
    sv_ticket *ticket; /* that is put; NULL: none */
    double polled_at;  /* when it was looked for by its id, last */
    atomic_bool written;
} sv_item;

typedef struct sv_part_list { /* a chapter */
    char *title;              /* "": it has none */
    size_t first, count;      /* its items */
    int64_t chars;
} sv_part_list;

typedef struct sv_series {
    atomic_int refs;
    struct sv_series *next;
    sv_series_kind kind;
    char id[SV_JOB_ID + 1];
    sv_client client; /* who asked */
    bool keyed;       /* it came with an Idempotency-Key */
    sv_idempotency idempotency;
    int64_t created_ms, done_ms; /* wall clock; done 0: not over */
    size_t count;
    sv_item *items;
    atomic_bool canceled, forgotten; /* nobody may ask for it any more */
    /* of a long text */
    size_t chapter_count;
    sv_part_list *chapters;
    char *text;              /* until it is over; items are parts of it */
    sv_speech_params common; /* likewise: all but the text */
    ev_format format;
    sv_sound sound;
    int32_t chapter_pause_ms;
    char ignored[SV_IGNORED_SIZE]; /* fields for all that mean nothing here: reported once, and not kept */

    /* the feeder's */
    sv_claim claim;             /* of memory, for what its items are to say */
    size_t first, next_waiting; /* items before are over; this one and those behind wait */
    double retry_at, backoff_s; /* where there was no room: when it is tried again, and what is waited then */
    bool lost;                  /* another gateway tends it now */
    size_t published_count;     /* items that were over when others were notified last ... */
    double published_at;        /* ... and when that was */
} sv_series;

typedef struct sv_series_table {
    ev_mutex lock;                       /* of the list, and of what items came to */
    sv_series *list EV_GUARDED_BY(lock); /* each is held */
    sv_store *store;                     /* a directory always; NULL: they end with the process */
    bool shared;                         /* they are known to all gateways, which tell which came first */

    /* the feeder's */
    ev_mutex wake_lock;
    ev_cond wake;
    bool woken, stopping, started;
    double in_flight_s; /* of speech that was sent and is not over */
    size_t in_flight;
    double renewed; /* the leases, last */
    pthread_t thread;
} sv_series_table;

/* ---- series.c ---- */
ev_status sv_series_table_create(sv_series_table **out, const char *dir, ev_error *err); /* dir "": nothing is kept */
void sv_series_table_free(sv_series_table **table); /* its thread has ended, and no job will wake it */
void sv_series_wake(sv_series_table *table);

sv_series *sv_series_create(const sv_client *client, size_t count); /* held once; NULL: out of memory */
sv_series *sv_series_ref(sv_series *series);
void sv_series_unref(sv_series **series);
bool sv_item_is_over(const sv_item *item);
void sv_item_fault_set(sv_item_fault *fault, int code, const char *param, const char *message);
void sv_item_forget_params(sv_item *item);
bool sv_series_chapters(sv_series *series, size_t count); /* room for them; false: out of memory */
/* Samples of silence behind a part of a long text. */
size_t sv_series_pause(const sv_series *series, size_t item, int32_t rate);
/* With the lock: the first item that is over without sound, for which a long text has failed; NULL: none. */
const sv_item *sv_series_fault(const sv_series *series);
int64_t sv_series_kept_bytes(const sv_series *series); /* of memory, when it is over */
/* With the lock, or of one that is not listed: all its items are over. */
bool sv_series_is_over(const sv_series *series);

typedef enum sv_series_verdict {
    SV_SERIES_TAKEN,
    SV_SERIES_DUPLICATE, /* the same request again: *first is held */
    SV_SERIES_CONFLICT,  /* the key came with another body */
    SV_SERIES_MANY,      /* too many of this client are not over */
    SV_SERIES_FULL       /* too many of all */
} sv_series_verdict;
/* Into the table, which holds it too. */
sv_series_verdict sv_series_put(sv_series_table *table, sv_series *series, sv_series **first);
/* Out of it; false: it was not there. */
bool sv_series_remove(sv_series_table *table, sv_series *series);
sv_series *sv_series_find(sv_series_table *table, const char *id, const char *account); /* held; NULL: none */
/* All that are in the table, each held, the feeder's turn by turn. NULL: out of memory, or none. */
sv_series **sv_series_all(sv_series_table *table, size_t *count);
void sv_series_move_to_tail(sv_series_table *table, sv_series *series); /* the others have their turn first */

/* The feeder's: an item's part of the queue, as long as it is on its way; by: 1, or -1 when it is over. */
double sv_item_counted_s(const sv_server *server, const sv_item *item);
void sv_item_count_in_flight(sv_server *server, const sv_item *item, int by);
/* ... and one that is on its way from now on: of a job that wakes the feeder, or that is known by its id alone. */
void sv_item_sent(sv_server *server, sv_item *item, sv_job *job, const char *id);

/* A request on behalf of a client whose own is answered: what it is answered stays in it. */
void sv_series_request(sv_request *req, sv_server *server, const sv_client *client);
void sv_series_request_end(sv_request *req);
void sv_item_fault_of(sv_item_fault *fault, const sv_request *req, const char *text_as);

/* ---- series_json.c ---- */
/* {"id", "status", "request_counts", "items", ...}, or of a long text {"id", "status", "chapters", ...}; takes the
 * lock. */
json_t *sv_series_json(sv_series_table *table, sv_series *series);

/* ---- series_record.c ---- */
/* On the disk: with the body that it came with, or, when it is over, with what came of it (body NULL). Does nothing
 * where nothing is kept. EV_E_IO, EV_E_LIMIT (full), EV_E_MEMORY. */
ev_status sv_series_write(sv_series_table *table, sv_series *series, const void *body, size_t size, ev_error *err);
void sv_series_erase(sv_series_table *table, const char *id);
/* What is known of it as text of one line, with the outcome of each item where those are known; NULL: out of memory.
 */
char *sv_series_head(sv_series_table *table, const sv_series *series, bool items);
sv_series *sv_series_of_head(const char *text, size_t size, const char *id); /* held; NULL: it is none */
/* What an earlier process left: each with its body (NULL: it is over), which `each` turns into a series that is put.
 */
void sv_series_read_all(sv_series_table *table,
                        void (*each)(void *user, sv_series *series, const char *body, size_t size), void *user);

/* ---- series_body.c ---- */
/* The items of a batch's body, {"requests": [...], what they share}, their memory claimed of the ledger (NULL: there
 * is always room). NULL: `code`, `field` (static) and `message` say what is wrong. */
sv_series *sv_batch_read(sv_server *server, sv_ledger *ledger, const sv_client *client, json_t *body, int *code,
                         const char **field, char message[300]);
/* The parts of a long text's body, {"text" or "chapters", ...}, likewise; `field` (static) says what is wrong. */
sv_series *sv_long_read(sv_server *server, sv_ledger *ledger, const sv_client *client, json_t *body, int *code,
                        const char **field, char message[300]);
double sv_series_seconds(const sv_series *series); /* of speech, a guess */
/* What an earlier process or another one left, its items read again from the body as it came; held. NULL: they cannot
 * be. */
sv_series *sv_series_read_again(sv_server *server, const sv_series *found, const char *body, size_t size);

/* ---- series_feed.c ---- */
ev_status sv_series_start(sv_server *server, ev_error *err); /* what an earlier process left goes on */
void sv_series_stop(sv_server *server);                      /* sends no more */

/* ---- series_shared.c: where there are other gateways ---- */
bool sv_series_is_shared(const sv_server *server);
/* Known to all of them, and this one's; first: the id of the one that came before. Errors as of documents.h. */
ev_status sv_series_share(sv_server *server, sv_series *series, const ev_buf *body, sv_series_verdict *verdict,
                          char first[SV_JOB_ID + 1], ev_error *err);
/* As it was shared last; held, and in no table. Errors as of documents.h. */
ev_status sv_series_fetch_remote(sv_server *server, const char *id, const char *account, sv_series **out,
                                 ev_error *err);
ev_status sv_series_cancel_elsewhere(sv_server *server, const char *id, const char *account, ev_error *err);
/* The feeder's: leases are renewed, what nobody tends is taken, now and then. */
void sv_series_renew(sv_server *server);
/* The feeder's: others are notified how it goes, when that is worth it; over: at once. false: not now. */
bool sv_series_publish(sv_server *server, sv_series *series, bool over);
void sv_series_release_leases(sv_server *server); /* of all series that are tended here */
void sv_series_forget_elsewhere(sv_server *server, const char *id);

/* ---- series_routes.c ---- */
int sv_answer_batch(sv_request *req);
int sv_answer_batch_state(sv_request *req);
int sv_answer_batch_audio(sv_request *req);
int sv_answer_long_audio(sv_request *req);
int sv_answer_batch_cancel(sv_request *req);

/* ---- series_audio.c ---- */
/* All results in one archive; format: of all, or EV_FORMAT_COUNT, each in its own. The series is over. */
int sv_series_archive(sv_request *req, sv_series *series, ev_format format);
/* One file of the parts [first, end) of a long text, all of which are made. */
int sv_series_sound(sv_request *req, sv_series *series, size_t first, size_t end, ev_format format);

#endif
