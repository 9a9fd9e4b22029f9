/* jobs: speech on its way from a request to its listeners.
 *
 *   job.c    one job: what was asked for, the samples made so far, who waits for more
 *   jobs.c   all jobs: by id for those who ask later, by content so that equal requests are made once
 *   durable.h   jobs that outlive the process; journal.h, store.h: what was promised, and results, on the disk
 *
 * A job is counted: the table, the engine and every listener hold it. Its samples only grow, and a listener reads
 * them from the first at its own pace, so that one who joins late, or asks again, hears the same from the beginning.
 * What only the engine has of it, while it is being made, is in engine/active.h.
 *
 * Threads: `lock` guards what listeners see (samples, state, waiters). Lock order: jobs table, then job.
 */
#ifndef SV_JOBS_H
#define SV_JOBS_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "server/metrics/trace.h"
#include "server/jobs/lexicon.h"
#include "server/schedule/ledger.h"

enum { SV_JOB_ID = 32, SV_JOB_KEY = 32 };

typedef enum sv_job_state {
    SV_JOB_QUEUED,
    SV_JOB_RUNNING,
    SV_JOB_COMPLETED,
    SV_JOB_FAILED,
    SV_JOB_EXPIRED,
    SV_JOB_CANCELED
} sv_job_state;
extern const char *const sv_job_state_names[];
static inline bool sv_job_over(sv_job_state s) { return s >= SV_JOB_COMPLETED; }

/* What its listener wants of the file beside the format; decides no sample that is made. */
typedef struct sv_sound {
    int32_t rate;         /* Hz; 0: what is usual */
    int32_t bitrate_kbps; /* 0: what is usual */
    float volume_db;
    bool normalize, trim_silence;
} sv_sound;

/* What to say. Owned texts; what ev_request borrows, this keeps. */
typedef struct sv_speech {
    char *text;
    size_t text_bytes;
    char *model;           /* its name; NULL: the default */
    uint32_t model_number; /* ... of the file that was meant; 0: the one in force */
    int32_t model_rate;    /* Hz of its speech; 0: not known yet */
    char *voice;           /* name or id; NULL: the default, or the reference's */
    void *reference;       /* file of reference audio, or NULL */
    size_t reference_bytes;
    char *reference_url;               /* where to fetch it from, or NULL */
    char *emotion, *prompt, *language; /* NULL: as ev_request */
    ev_markup markup;
    ev_audio_tags audio_tags;
    char *own_lexicon;   /* the request's own pronunciations, as lines; NULL: none */
    sv_lexicon *lexicon; /* the service's, held; NULL: none */
    float emotion_degree, speed, pitch_scale, energy_scale;
    uint64_t seed;
    int32_t priority;    /* 0 high .. 2 low */
    int64_t deadline_us; /* monotonic; 0: none */
    bool stream;         /* somebody listens while it is made */
    bool windowed;    /* too long to be kept whole: its one listener hears it as it is made, and it is never shared */
    ev_format format; /* of its audio, where a later request names none ... */
    sv_sound sound;   /* ... and always this */
} sv_speech;
void sv_speech_init(sv_speech *speech);
void sv_speech_free(sv_speech *speech);
/* How its text is read, into a request that borrows from it. *own is the caller's (ev_dictionary_free), once the
 * request is done with. */
ev_status sv_speech_to_request(const sv_speech *speech, ev_request *request, ev_dictionary **own, ev_error *err);

/* Somebody who waits for sample `at`, or for the end. wake is called once, with the job's lock held, from the
 * engine's threads. */
typedef struct sv_waiter {
    ev_list_node node; /* among the job's */
    void (*wake)(void *user);
    void *user;
    size_t at;
} sv_waiter;
enum { SV_AT_END = INT32_MAX }; /* as `at`: waits for the end alone */

typedef struct sv_idempotency {     /* a request that may come twice, and is meant once */
    unsigned char key[SV_JOB_KEY];  /* SHA-256 of the owner and the client's Idempotency-Key */
    unsigned char body[SV_JOB_KEY]; /* ... and of the request's body */
    bool conflict;
} sv_idempotency;

typedef struct sv_word_time {    /* when a word is heard */
    size_t byte_begin, byte_end; /* of the text */
    size_t sample_begin, sample_end;
} sv_word_time;

typedef struct sv_omitted {      /* what was not spoken, or otherwise than it is written */
    size_t byte_begin, byte_end; /* of the text */
    char *reason;                /* owned */
    char *spoken;                /* owned; NULL: nothing */
} sv_omitted;
enum { SV_OMITTED_MAX = 100 }; /* that are kept; they are counted beyond */

typedef struct sv_times { /* monotonic seconds; 0: not yet */
    double arrived, ready, started, first, done;
    int64_t created_ms; /* wall clock, since 1970 */
} sv_times;

typedef enum sv_durability {                      /* of a job that somebody may ask for later */
                             SV_DURABLE_NO,       /* it ends with the process */
                             SV_DURABLE_WANTED,   /* it is to be written down */
                             SV_DURABLE_PENDING,  /* ... in a moment */
                             SV_DURABLE_ACCEPTED, /* it is */
                             SV_DURABLE_REFUSED   /* it could not be */
} sv_durability;

typedef struct sv_job {
    atomic_int refs;
    atomic_int listeners; /* 0 and not kept: nobody wants it any more */
    atomic_bool kept;     /* somebody may ask for it by id later */
    atomic_bool here;     /* made in this process though there is a queue, since that is away */
    atomic_int durable;   /* an sv_durability */
    bool promised;        /* an earlier process accepted it: it is not asked whether it may come in */
    bool recorded;        /* how it ended is written down, so the table need not keep it */
    bool filed;           /* completed: its file is in the store, for clients who are given a URL */

    /* what was asked for, and by whom: as it came in */
    char id[SV_JOB_ID + 1];        /* 128 random bits, hexadecimal */
    unsigned char key[SV_JOB_KEY]; /* SHA-256 of all that decides the samples */
    char owner[64];                /* account that may see it */
    sv_speech speech;
    sv_idempotency idempotency;
    char *webhook;             /* NULL: none is called */
    sv_trace trace;            /* that it belongs to; its parent is the request that asked for it */
    bool show_words;           /* to those who ask by id */
    bool comes_again;          /* where there is no room for it now, somebody sends it again */
    float weight;              /* of its share; 1 unless the request says otherwise */
    double quota_s, charged_s; /* of its owner an hour (0: any), and taken of it so far */

    /* what became of it: only its maker writes, with the lock, and reads without; what is over stays */
    ev_mutex lock;
    sv_job_state state;
    sv_times times;
    ev_error error; /* FAILED, EXPIRED */
    int32_t tries;
    bool dead;        /* a dead letter, or was one: whoever repairs needs all that was asked for */
    int32_t rate;     /* Hz of its samples; 0: not known yet */
    int16_t *samples; /* all that was made; of a windowed one, from sample `base` on */
    size_t base, count, capacity;
    size_t consumed EV_GUARDED_BY(lock); /* windowed: its listener has those before */
    ev_list waiters EV_GUARDED_BY(lock);
    sv_word_time *words; /* grow with the samples; sample_end 0: not made yet */
    size_t word_count;
    char warnings[320];  /* of its reference recording, before the first sample; "" none (sv_voice_warnings) */
    sv_omitted *omitted; /* before the first sample; NULL: nothing */
    size_t omitted_count;

    /* memory */
    sv_claim claim;               /* for all that the job may take */
    sv_claim_result claim_result; /* why submit found none */

    /* the table's alone */
    ev_map_node by_id, by_key, by_idempotency;
    ev_list_node by_age;     /* of finished ones */
    int64_t listed_bytes;    /* that it was counted with when it came there */
    bool listed_idempotency; /* not forgotten since */
} sv_job;

/* ---- job.c ---- */
/* Takes over speech (zeroed). NULL: out of memory. Held once, by the caller. */
sv_job *sv_job_create(sv_speech *speech, const char *owner);
sv_job *sv_job_ref(sv_job *job);
bool sv_job_make_id(char id[SV_JOB_ID + 1]); /* 128 random bits; false: there are none */
void sv_job_unref(sv_job **job);
/* Engine's side: what its text leaves out, once, before any sample; short of memory, none is reported. */
void sv_job_omit(sv_job *job, const ev_phones *phones);
/* More samples; EV_E_MEMORY. Wakes the listeners. */
ev_status sv_job_append(sv_job *job, const float *samples, size_t count, ev_error *err);
/* ... that another process made, as they are. */
ev_status sv_job_append_made(sv_job *job, const int16_t *samples, size_t count, ev_error *err);
/* The end, once; later ends are ignored. false: it was over already. */
bool sv_job_finish(sv_job *job, sv_job_state state, const ev_error *err);
/* Listener's side. Copies up to `most` samples from `at`; *over says that no more will come after those copied. */
size_t sv_job_read(sv_job *job, size_t at, int16_t *out, size_t most, bool *over);
/* When the word is heard, as far as that is known; false: there is no such word yet. */
bool sv_job_word(sv_job *job, size_t index, sv_word_time *out);
/* Lists the waiter, unless what it waits for is there already: then false, and no call will come. */
bool sv_job_wait(sv_job *job, sv_waiter *waiter);
void sv_job_forget_waiter(sv_job *job, sv_waiter *waiter); /* safe also when it was not listed */
/* The listener of a windowed job has what stands before `at`, which is let go. */
void sv_job_discard_before(sv_job *job, size_t at);
enum { SV_JOB_WINDOW = 4 << 20 };        /* bytes of samples that wait for the listener of a windowed job */
bool sv_job_window_full(sv_job *job);    /* it is full: no more is to be made before some are heard */
int64_t sv_job_bytes(const sv_job *job); /* that it takes now, its engine's task not counted */
/* Pages for so many samples of a job that nobody else has yet, to be filled. NULL: out of memory, or none. */
int16_t *sv_job_alloc_samples(sv_job *job, size_t count);
sv_job_state sv_job_snapshot(sv_job *job, sv_times *times, size_t *count, ev_error *err); /* any may be NULL */

/* It was refused for want of room, and waits elsewhere: that is no refusal to be counted. */
static inline bool sv_job_comes_again(const sv_job *job) {
    return job->comes_again && job->claim_result != SV_CLAIM_NEVER;
}

/* ---- jobs.c ---- */
typedef struct sv_jobs sv_jobs;
/* results_max: bytes of finished audio kept for equal requests and for those who ask by id; ttl_s: how long at most.
 * Where there is no room, what is kept for equal requests goes first, the oldest of it before the rest; then what was
 * promised to untrusted clients; then to keys. Among equals, the client that has most gives way, with its own oldest:
 * nobody pushes out the results of one that has less, and untrusted clients never those of a key. coalesce: equal
 * requests are made once. */
ev_status sv_jobs_create(sv_jobs **out, int64_t results_max, double ttl_s, bool coalesce, ev_error *err);
void sv_jobs_free(sv_jobs **jobs);
/* The job for this speech: one that is being made or kept with equal content (*fresh false), or a new one (*fresh
 * true: the caller hands it to the engine). Whether the client may use its voice is the caller's to know. Takes over
 * speech. The result is held for the caller and counts one listener. kept: it gets an id to be asked for later, and
 * is never shared. idempotency, which may be NULL: the job that was taken with the same key before, as long as the
 * table has it; or, where the body was another then, NULL and idempotency->conflict. NULL: out of memory. */
sv_job *sv_jobs_take(sv_jobs *jobs, sv_speech *speech, const char *owner, bool kept, sv_idempotency *idempotency,
                     bool *fresh);
sv_job *sv_jobs_find(sv_jobs *jobs, const char *id, const char *owner); /* held; NULL: no such job of this owner */
/* Takes in a job that an earlier process accepted, by its id and its key. false: one of these is there already. */
bool sv_jobs_restore(sv_jobs *jobs, sv_job *job);
/* A job is over: it is kept within limits, or forgotten. What is written down is kept for equal requests alone. */
void sv_jobs_finish(sv_jobs *jobs, sv_job *job);
void sv_jobs_forget(sv_jobs *jobs, sv_job *job);
/* Nobody may ask for it any more, by its id or with its Idempotency-Key; present listeners are the last. */
void sv_jobs_cancel(sv_jobs *jobs, sv_job *job);
/* Nobody listens and nobody may ask later. Once true, nobody can join any more. */
bool sv_jobs_abandoned(sv_jobs *jobs, sv_job *job);
void sv_jobs_limit(sv_jobs *jobs, int64_t results_max); /* less room than before */
/* Frees so many bytes, if what is kept for equal requests has them. */
void sv_jobs_free_memory(void *jobs, int64_t bytes);
void sv_jobs_sweep(sv_jobs *jobs, double now_s); /* about once a second */

#endif
