/* schedule: what a device's worker runs next. Deciding is pure: no clock, lock, thread, allocation or I/O in this
 * room; time comes in as int64_t microseconds of a monotonic clock, so a test replays a million schedules.
 *
 *   schedule.c        START HERE: init, one pick, what a batch leaves behind (shares, memory cap, costs)
 *   schedule_order.c  what goes first
 *   schedule_cost.c   predicted time of a batch, learnt while running
 *   schedule_memory.c what a batch takes and may take
 *   schedule_admit.c  may a job come in, can it still be in time, may it try again
 *
 * Data flows: the caller owns the jobs and shows one sv_work_item for each that waits (not those in a running batch)
 *   -> sv_schedule_pick -> sv_plan -> sv_schedule_started -> the engine -> sv_schedule_done | sv_schedule_failed.
 *
 * A job is sentences; each goes through two stages, whose batches mix jobs:
 *   ACOUSTIC  acoustic model, one sentence of each of several jobs; cost ~ a + b x tokens. Its frames are known
 * after. VOCODE  vocoder, slices of the decoded frames of several jobs; cost ~ a + b x rows.
 *
 * Order (ADAPTIVE). Lane 0: streams whose listener underruns within underrun_us, by that moment: a gap in speech is
 * worse than a later start, if its client is at most credit_s + burst_s ahead. Lane 1: streams that have not sounded
 * yet, by priority, then arrival, as long as their client is at most burst_s ahead of its share. Lane 2: the rest,
 * the client first that had least seconds of audio for its weight (start-time fair queueing with a credit, as in
 * borrowed virtual time: a client that comes back from idleness starts credit_s before those who had all meanwhile,
 * so that one that takes less than its share need not share at all; for short jobs share_slack_s apart is as good as
 * equal, so that clients in balance are served as they come); then by priority, which so passes the jobs of equals
 * and a client's own, and never makes up for a share that was used; then the job that had least so far, in coarse
 * levels: a long text does not stand before short ones, and long ones take turns by the sentence; then deadline, then
 * arrival. No starvation: one batch in aged_every + 1 is led by whoever waits longest, if that is longer than age_us.
 * So, with N items waiting, none waits longer than age_us + ((aged_every + 1) x N + 1) x the longest batch.
 *
 * Stage (ADAPTIVE). The first in this order leads and the batch is its stage's, filled up in the same order. One
 * exception: a leader of lane 2 that would VOCODE lets sentences of its priority and level go first through ACOUSTIC
 * while the frames ready would fill less than half the vocoder's batch. So first audio never waits for a batch to
 * fill, and with work waiting the vocoder is rarely run on scraps. Followers cost the leader their time and save a
 * batch's fixed cost. A batch led by lane 0 or 1 therefore holds only such items. In lane 2 followers are whole
 * slices of the leader's peers: of its priority and level or better, of clients not further ahead than burst_s; where
 * 12 wait, of which others than peers count three a client, whatever fits. A batch ends where its predicted time
 * passes turn_us, since that is what a new first chunk waits for.
 *
 * Side by side. A device of several cores does more as parts that do not wait for each other than as one whole, which
 * is the faster to answer one. So it is one as long as few wait, and a batch starts beside `running` others where for
 * each of those parallel_items wait. Beside a batch led by a foreground item (of lane 0 or 1, or a job of less than
 * half a minute so far, of a client at most burst_s ahead) only such items count: a long text does not halve the
 * device for a short one. All costs are of the whole device: a batch that had half of it for 20 ms took 10.
 *
 * Memory. A batch keeps memory_cap, by what the engine says that its tokens, frames and rows take. The cap is the
 * budget at first; it is cut when a batch had no memory, and when less is free than it would allow; it grows back by
 * a sixteenth of the budget after every ten good batches. It never falls below what a stream's first slice takes, and
 * a sentence, which cannot be cut, is decoded alone whatever it takes.
 */
#ifndef SV_SCHEDULE_H
#define SV_SCHEDULE_H

#include "base/base.h"

enum {
    SV_BATCH_MAX = 64,     /* items in a plan */
    SV_PARALLEL_MAX = 16,  /* batches at the same time */
    SV_CLIENTS_MAX = 1024, /* accounts; the caller maps its clients to 0 .. SV_CLIENTS_MAX - 1 */
    SV_TRIES_MAX = 3
};

/* ---- what waits ---- */

typedef enum sv_stage { SV_IDLE = 0, SV_ACOUSTIC, SV_VOCODE, SV_STAGE_COUNT } sv_stage;

typedef struct sv_work_item {
    uint64_t id;            /* unique; breaks the last ties, the smaller first */
    sv_stage stage;         /* ACOUSTIC or VOCODE: the job's next step. A job has one at a time */
    int32_t size;           /* ACOUSTIC: tokens of the next sentence; VOCODE: frames ready; <= 0: nothing to do yet */
    int32_t sentences_left; /* not decoded yet, the next included */
    int32_t tokens_left;    /* of those sentences */
    int32_t client;         /* 0 .. SV_CLIENTS_MAX - 1 */
    float weight;           /* of the client's share, > 0; 1 is usual */
    int32_t priority;       /* 0 high, 1 normal, 2 low */
    int32_t tries;          /* batches of this job that failed; > 0: runs alone, to its end */
    bool streaming;
    int64_t arrived_us;  /* of the job */
    int64_t waiting_us;  /* since when this step waits: arrival, or the end of the job's last batch */
    int64_t deadline_us; /* all audio made by then; 0: none */
    int64_t playback_us; /* streaming, frames_done > 0: when the listener underruns */
    int64_t frames_done; /* vocoded so far */
} sv_work_item;

/* ---- cost: a + b x size, least squares that forget (about the last 50 batches) and mistrust outliers ---- */

typedef struct sv_cost {
    double a_us, b_us;      /* never negative */
    double w, x, y, xx, xy; /* forgetting sums: weights, sizes, times, products */
    int32_t strange;        /* observations in a row far above (> 0) or below (< 0) the prediction */
} sv_cost;

/* Starts from a prior line, believed like eight batches of sizes around `typical`. */
void sv_cost_init(sv_cost *c, double a_us, double b_us, double typical);
void sv_cost_observe(sv_cost *c, double size, double elapsed_us); /* ignores size <= 0, time <= 0 and NaN */
double sv_cost_predict(const sv_cost *c, double size);            /* microseconds, >= 1 */

/* ---- limits ---- */

typedef enum sv_mode {
    SV_MODE_ADAPTIVE = 0, /* device free: run what is there; never waits */
    SV_MODE_FIXED,        /* requests gather until window_us after the oldest or batch_max, then run to their ends */
    SV_MODE_OFF           /* one request at a time, to its end */
} sv_mode;

typedef struct sv_schedule_config { /* ranges in brackets */
    sv_mode mode;
    int32_t parallel; /* ADAPTIVE only: batches at the same time [1..SV_PARALLEL_MAX]; default 1 */
    int32_t
        parallel_items; /* that wait for each batch which runs, before one starts beside it [1..1000]; default 2 */
    int32_t window_us;  /* FIXED only [0..10 000 000]; default 100 000 */
    int32_t batch_max;  /* requests in a batch [1..64]; default 64 */
    int32_t acoustic_tokens;    /* in a batch [1..1024]; default 1024 */
    int32_t acoustic_sentences; /* in a batch [1..64]; default 64 */
    int32_t vocode_rows;        /* in a batch [margin_rows + 16 .. 1 048 576]; default 320 */
    int32_t slice_frames;       /* of one job in a batch [1..4096]; default 256 */
    int32_t first_frames;       /* first slice of a stream; then it doubles [1..slice_frames]; default 16 */
    int32_t margin_rows;        /* rows that a slice costs beside its frames (halo, gap) [0..4096]; default 0 */
    int32_t turn_us;            /* predicted time at which an ADAPTIVE batch ends [100..10 000 000]; default 15 000 */
    int32_t underrun_us;        /* a stream with less sound ahead is urgent [0..10 000 000]; default 300 000 */
    int32_t age_us;             /* what waits longer gets a turn by age [0..1 000 000 000]; default 2 000 000 */
    int32_t aged_every;         /* other batches between two turns by age [1..1000]; default 7 */
    double share_slack_s;       /* audio a client may be ahead and still count as equal [0..]; default 6 */
    double burst_s;  /* audio a client may be ahead and still be in a hurry (lane 1, foreground) [0..]; default 6 */
    double credit_s; /* audio that a client which was idle may have before the others [0..]; default 12 */
    double frames_per_second; /* of audio [> 0]; default 62.5 */
    double frames_per_token;  /* until sentences have told [> 0]; default 4.75: English 4.5, Mandarin 5.5 */
    int64_t memory_bytes;     /* the budget: work memory of a batch [> 0]; default 256 MiB */
    int64_t decode_bytes, bytes_per_sentence, bytes_per_token, bytes_per_encoded, bytes_per_frame; /* ACOUSTIC */
    int64_t vocode_bytes, bytes_per_row; /* VOCODE; all as emotivoice.h's ev_work has them [0..1e9]; default 0 */
    int32_t acoustic_frames;             /* that the acoustic model has in memory at once [1..]; default 1 048 576 */
    double acoustic_a_us, acoustic_b_us, vocode_a_us, vocode_b_us; /* priors [>= 0]; default 1000, 75, 500, 40 */
    double queue_s;                                                /* audio that may wait [> 0]; default 1200 */
    int64_t wait_us; /* predicted wait of an accepted job [> 0]; default 10 000 000 */
} sv_schedule_config;

void sv_schedule_config_init(sv_schedule_config *config);

/* One device's state: a plain value, no memory behind it; one thread at a time. */
typedef struct sv_schedule {
    sv_schedule_config config;
    sv_cost cost[SV_STAGE_COUNT];
    double served[SV_CLIENTS_MAX]; /* virtual time of each client: seconds of audio / weight */
    double virtual_time;    /* the least of those that waited, so far: one that was idle joins credit_s before */
    int64_t memory_limit;   /* what the cap may grow to: the budget, or less while less is free */
    int64_t memory_cap;     /* bytes a batch may use now */
    int32_t good_batches;   /* since the cap last grew */
    double tokens, frames;  /* forgetting sums of decoded sentences */
    int32_t since_aged;     /* batches since one was led by age */
    int32_t foreground;     /* batches that run, led by a foreground item */
    double foreground_time; /* the least virtual time that one of them was picked at */
} sv_schedule;

/* EV_E_ARGUMENT: a number out of range; the message names it. */
ev_status sv_schedule_init(sv_schedule *s, const sv_schedule_config *config, ev_error *err);
/* The account goes to another client: its past is forgotten. */
void sv_schedule_client_reset(sv_schedule *s, int32_t client);

/* ---- picking ---- */

typedef struct sv_plan_item {
    size_t index;   /* into the caller's items */
    int32_t amount; /* ACOUSTIC: tokens (the sentence, whole); VOCODE: frames, from the first that is ready */
    int32_t client;
    double charge; /* what the client's virtual time will move by */
} sv_plan_item;

typedef struct sv_plan {
    sv_stage stage; /* SV_IDLE: run nothing */
    size_t count;   /* items; 0 when idle */
    sv_plan_item items[SV_BATCH_MAX];
    int32_t size;  /* ACOUSTIC: tokens; VOCODE: rows, margins included */
    int64_t bytes; /* work memory counted for it */
    int64_t predicted_us;
    int64_t wake_us;     /* idle: ask again then, or when something arrives; INT64_MAX: nothing waits */
    bool alone;          /* the one item failed before, and is kept from others */
    bool aged;           /* led by age */
    bool foreground;     /* its leader is */
    double virtual_time; /* to become the schedule's */
    double least;        /* of the virtual times of those that waited, the leader among them */
} sv_plan;

/* May a batch start beside `running` others, while these wait (those of size > 0)? Time O(n). */
bool sv_schedule_can_start_batch(const sv_schedule *s, const sv_work_item *items, size_t n, int64_t now_us,
                                 int32_t running);

/* The plan for the items that wait. Time O(n x count). The totals of a batch keep every limit; only a single sentence
 * that is larger than a limit all by itself runs, alone, whatever its size: it cannot be cut here. */
void sv_schedule_pick(const sv_schedule *s, const sv_work_item *items, size_t n, int64_t now_us, sv_plan *plan);

/* The plan was handed to the engine: clients are charged. Call once, before the next pick. */
void sv_schedule_started(sv_schedule *s, const sv_plan *plan);
/* One of the two, once, for each that was started. It went well and took elapsed_us: costs are learnt; after 10 such
 * batches a cut memory cap grows by 1/16. */
void sv_schedule_done(sv_schedule *s, const sv_plan *plan, int64_t elapsed_us);
/* It failed, or a member of it did. out_of_memory: the cap becomes half of what it asked for. The caller adds one to
 * the tries of every member that failed and asks sv_schedule_retry. */
void sv_schedule_failed(sv_schedule *s, const sv_plan *plan, bool out_of_memory);
/* A batch may take this many bytes from now on, as long as nothing else is said: the cap falls at once and grows back
 * slowly. Never more than the budget. */
void sv_schedule_memory(sv_schedule *s, int64_t bytes);
/* Sentences of so many tokens in all became so many frames. */
void sv_schedule_decoded(sv_schedule *s, int32_t tokens, int64_t frames);
double sv_schedule_frames_per_token(const sv_schedule *s); /* as learnt so far */
/* Work memory counted for a batch: tokens of `count` sentences, or rows. */
int64_t sv_schedule_bytes(const sv_schedule *s, sv_stage stage, int32_t size, size_t count);
void sv_schedule_observe(sv_schedule *s, sv_stage stage, int32_t size, int64_t elapsed_us);
int64_t sv_schedule_predict(const sv_schedule *s, sv_stage stage, int32_t size); /* microseconds */

/* ---- retry ---- */

/* A job fails at most once in company: then it runs alone, can harm nobody, and can be harmed by nobody. */
typedef enum sv_retry { SV_RETRY_ALONE = 0, SV_RETRY_DEAD } sv_retry;
sv_retry sv_schedule_retry(int32_t tries); /* DEAD from SV_TRIES_MAX failures on */

/* ---- admission ---- */

/* What waits and runs. A job counts for a quarter of queue_s at most: fresh jobs do not wait for the end of a long
 * text, and so it must not shut the door on them. */
typedef struct sv_backlog {
    double tokens;         /* not decoded yet */
    double frames;         /* decoded, not vocoded */
    double seconds;        /* of audio, both */
    double client_seconds; /* of the asking client */
    double weight;         /* of all clients that have work, and the asking one */
} sv_backlog;

typedef struct sv_admission_request {
    int32_t tokens, sentences; /* estimates, >= 1 */
    int32_t client;
    float weight;
    int64_t ready_us;    /* predicted until it is ready for the device, its voice and phones made; 0: at once */
    int64_t deadline_us; /* 0: none */
} sv_admission_request;

typedef enum sv_verdict {
    SV_ACCEPT = 0,
    SV_FULL,       /* more audio than queue_s would wait, or the job longer than wait_us */
    SV_OVER_SHARE, /* the queue is nearly full (4/5), and this client has more of it than its share */
    SV_LATE        /* the deadline would be missed */
} sv_verdict;

typedef struct sv_admission {
    sv_verdict verdict;
    int64_t wait_us; /* predicted, before its first batch */
    int32_t
        retry_after_ms; /* FULL, OVER_SHARE: until there is room, as predicted [100..600 000]; else 0. No jitter */
} sv_admission;

/* Sums of all live items, for a request of a client. */
void sv_schedule_backlog(const sv_schedule *s, const sv_work_item *items, size_t n,
                         const sv_admission_request *request, sv_backlog *backlog);
sv_admission sv_schedule_admit(const sv_schedule *s, const sv_backlog *backlog, const sv_admission_request *request,
                               int64_t now_us);
/* Even alone, from now on, the item would miss its deadline: drop it before it costs anything more. */
bool sv_schedule_expired(const sv_schedule *s, const sv_work_item *item, int64_t now_us);

/* ---- inside the room ---- */

/* Part of a sentence's seconds that is charged when it is decoded, about what it costs; the rest with its frames. */
#define SV_ACOUSTIC_CHARGE (1.0 / 3)

typedef struct sv_order { /* what an ordering depends on */
    const sv_schedule *schedule;
    int64_t now_us;
    double virtual_time;          /* the least of those that wait now */
    double extra[SV_CLIENTS_MAX]; /* what the batch being formed will charge */
} sv_order;

int sv_order_level(const sv_order *o, const sv_work_item *u);     /* 0 (short so far) .. 3 */
int sv_order_lane(const sv_order *o, const sv_work_item *u);      /* 0, 1, 2 */
double sv_schedule_served(const sv_schedule *s, int32_t client);  /* its virtual time */
double sv_order_served(const sv_order *o, const sv_work_item *u); /* ... after the batch being formed */
/* Its client had more than burst_s beyond `virtual_time`, another item's client's or the least. */
bool sv_order_ahead(const sv_order *o, const sv_work_item *u, double virtual_time);
bool sv_order_foreground(const sv_order *o, const sv_work_item *u); /* somebody waits for it now */
bool sv_order_before(const sv_order *o, const sv_work_item *u, const sv_work_item *other); /* total; by the mode */
bool sv_work_item_started(const sv_work_item *u);     /* something of it is made */
void sv_memory_grow(sv_schedule *s);                  /* after a good batch */
void sv_memory_shrink(sv_schedule *s, int64_t bytes); /* after one of so many that did not fit */

#endif
