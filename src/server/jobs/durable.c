/* durable: jobs that outlive the process. Results are written by threads of their own, so that acceptances never wait
 * for them; how a job ended follows in the journal when its result is safe. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/lock.h"
#include "server/jobs/durable.h"
#include "server/jobs/journal_sqlite.h"
#include "server/jobs/record.h"
#include "server/jobs/result.h"

enum { WRITERS = 2, RESUMED_MAX = 64 };
enum { RESERVE = 16 << 20 }; /* bytes of the disk that are left for results when no more jobs are accepted */
enum { RETRY_MS = 1000 };    /* until what could not be written is tried again */
static_assert(offsetof(sv_ticket, entry) == 0, "the one is found by the other");
static_assert((int)SV_RECORD_ID == (int)SV_JOB_ID, "a record has its job's id");

typedef struct ending { /* a job whose end is being written */
    struct ending *next;
    sv_entry entry;
    sv_durable *durable;
    sv_job *job;
    sv_job_state state;
    ev_error error;
    void (*over)(void *user, sv_job *job, sv_job_state state, const ev_error *error);
    void *user;
    bool reported; /* over was called: the disk was full, and the job is ours to hold */
} ending;

struct sv_durable {
    sv_durable_options options;
    sv_journal *journal;
    ev_mutex lock;
    ev_cond work;                                                 /* for the writers */
    ev_cond turn;                                                 /* for the one that hands over */
    ending *first EV_GUARDED_BY(lock), **end EV_GUARDED_BY(lock); /* to be written */
    ending *failed EV_GUARDED_BY(lock);                           /* to be tried again */
    double retry_at EV_GUARDED_BY(lock);                          /* when */
    int endings EV_GUARDED_BY(lock);                              /* in any of these places, or at work */
    int resumed EV_GUARDED_BY(lock);                              /* handed over and not over */
    bool stopping EV_GUARDED_BY(lock), paused EV_GUARDED_BY(lock), stopped;
    pthread_t writers[WRITERS], resumer;
    int running;
    bool resuming;
    void (*prepare)(void *user, sv_job *job);
    bool (*submit)(void *user, sv_job *job);
    void *user;
};

static void wait_ms(sv_durable *d, ev_cond *cond, int ms) EV_REQUIRES(d->lock) {
    const struct timespec at = ev_clock_after(1e-3 * ms);
    ev_cond_wait_until(cond, &d->lock, &at);
}

/* ---- tickets ---- */

static sv_ticket *make_ticket(sv_durable *d, sv_entry_kind kind, sv_job *job) {
    sv_ticket *t = calloc(1, sizeof *t);
    assert(job || kind == SV_ENTRY_DELETE);
    if (t) *t = (sv_ticket){.entry = {.kind = kind}, .durable = d, .job = job ? sv_job_ref(job) : NULL};
    return t;
}

static void refuse_job(sv_durable *d, sv_job *job) {
    atomic_store(&job->durable, SV_DURABLE_REFUSED);
    sv_jobs_cancel(d->options.jobs, job);
}

sv_ticket *sv_durable_accept(sv_durable *d, sv_job *job, bool fresh, const char *again) {
    const sv_entry_kind kind = !fresh ? SV_ENTRY_SYNC : again ? SV_ENTRY_RETRY : SV_ENTRY_ACCEPT;
    sv_ticket *t = make_ticket(d, kind, job);
    if (!fresh) return t;
    if (t && !sv_record_request(&t->entry.record, job)) sv_ticket_drop(&t);
    if (!t) {
        refuse_job(d, job);
        return NULL;
    }
    if (again) snprintf(t->entry.other, sizeof t->entry.other, "%s", again);
    return t;
}

sv_ticket *sv_durable_forget(sv_durable *d, const char *id) {
    sv_ticket *t = make_ticket(d, SV_ENTRY_DELETE, NULL);
    if (t) snprintf(t->entry.record.id, sizeof t->entry.record.id, "%s", id);
    return t;
}

/* The same key brought another job first: that one counts. */
static bool was_second(const sv_entry *e) { return e->kind == SV_ENTRY_ACCEPT && e->status == EV_OK && e->other[0]; }

static void ticket_done(sv_entry *entry) {
    sv_ticket *t = (sv_ticket *)entry;
    assert(t->job || entry->kind == SV_ENTRY_DELETE);
    if (entry->kind == SV_ENTRY_SYNC && atomic_load(&t->job->durable) != SV_DURABLE_ACCEPTED &&
        entry->status == EV_OK)
        entry->status = ev_fail(&entry->error, EV_E_LIMIT, "the job could not be written down: try again");
    if (entry->kind == SV_ENTRY_ACCEPT || entry->kind == SV_ENTRY_RETRY) {
        if (entry->status == EV_OK && !was_second(entry))
            atomic_store(&t->job->durable, SV_DURABLE_ACCEPTED);
        else
            refuse_job(t->durable, t->job);
    }
    t->wake(t->user); /* and the ticket may be gone */
}

void sv_ticket_put(sv_ticket *t, void (*wake)(void *user), void *user) {
    assert(wake && !t->wake); /* put once */
    t->wake = wake;
    t->user = user;
    t->entry.done = ticket_done;
    sv_job *job = t->job && t->entry.kind != SV_ENTRY_SYNC ? sv_job_ref(t->job) : NULL;
    int wanted = SV_DURABLE_WANTED;
    sv_journal_put(t->durable->journal, &t->entry);
    if (job)
        atomic_compare_exchange_strong(&job->durable, &wanted, SV_DURABLE_PENDING); /* unless it is done already */
    sv_job_unref(&job);
}

void sv_ticket_drop(sv_ticket **ticket) {
    sv_ticket *t = *ticket;
    *ticket = NULL;
    if (!t) return;
    sv_record_free(&t->entry.record);
    sv_job_unref(&t->job);
    free(t);
}

/* ---- how jobs end ---- */

static void free_ending(ending *e) {
    sv_durable *d = e->durable;
    sv_record_free(&e->entry.record);
    if (e->reported) sv_job_unref(&e->job);
    free(e);
    ev_mutex_lock(&d->lock);
    assert(d->endings > 0);
    d->endings--;
    ev_mutex_unlock(&d->lock);
}

/* For everybody; the job is the engine's again. */
static void report_end(ending *e) { e->over(e->user, e->job, e->state, &e->error); }

/* It is over from memory, and waits for the disk. */
static void retry_later(ending *e) {
    sv_durable *d = e->durable;
    if (!e->reported) {
        sv_job_ref(e->job);
        e->reported = true;
        e->job->filed = false; /* not yet, as a client that asks now must see */
        report_end(e);
    }
    ev_mutex_lock(&d->lock);
    if (!d->failed) d->retry_at = ev_clock_s() + RETRY_MS * 1e-3;
    e->next = d->failed;
    d->failed = e;
    ev_mutex_unlock(&d->lock);
}

static void finish_ending(ending *e, ev_status status) {
    sv_durable *d = e->durable;
    if (status != EV_OK && status != EV_E_NOT_FOUND && status != EV_E_CANCELED) {
        retry_later(e);
        return;
    }
    if (status != EV_OK && e->entry.record.result_bytes) /* nobody may ask for it */
        (void)sv_result_remove(d->options.results, e->job->id, NULL);
    if (!e->reported) {
        e->job->recorded = status == EV_OK;
        report_end(e);
    }
    free_ending(e);
}

static void ending_done(sv_entry *entry) {
    ending *e = entry->user;
    finish_ending(e, entry->status);
}

/* The engine may be done before the request's thread has put what was accepted into the journal, in a moment. */
static void wait_for_acceptance(const sv_job *job) {
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 5000 && atomic_load(&job->durable) == SV_DURABLE_WANTED; i++) nanosleep(&moment, NULL);
}

static void write_ending(ending *e) {
    ev_error err = {0};
    wait_for_acceptance(e->job);
    const ev_status status = e->state == SV_JOB_COMPLETED
                                 ? sv_result_write(e->durable->options.results, &e->entry.record, e->job, &err)
                                 : EV_OK;
    if (status == EV_OK) {
        sv_journal_put(e->durable->journal, &e->entry);
        return;
    }
    if (!e->reported && e->durable->options.log)
        sv_log_line(e->durable->options.log, SV_LEVEL_ERROR, e->job->id,
                    "its result is kept in memory until it can be written: %s", err.message);
    finish_ending(e, status);
}

static void *write_endings(void *durable) {
    sv_durable *d = durable;
    ev_mutex_lock(&d->lock);
    while (d->first || !d->stopping) {
        if (d->failed && ev_clock_s() >= d->retry_at) { /* behind the others */
            *d->end = d->failed;
            while (*d->end) d->end = &(*d->end)->next;
            d->failed = NULL;
        }
        ending *e = d->first;
        if (!e) {
            wait_ms(d, &d->work, d->failed ? 100 : 1000);
            continue;
        }
        d->first = e->next;
        if (!d->first) d->end = &d->first;
        ev_mutex_unlock(&d->lock);
        write_ending(e);
        ev_mutex_lock(&d->lock);
    }
    ev_mutex_unlock(&d->lock);
    return NULL;
}

/* One that was handed over makes room for the next. */
static void count_resumed_over(sv_durable *d, const sv_job *job) {
    if (!job->promised) return;
    ev_mutex_lock(&d->lock);
    d->resumed--;
    ev_cond_signal(&d->turn);
    ev_mutex_unlock(&d->lock);
}

/* A job that was accepted, unless its client wants it no more or the service stops in the middle of it; and every
 * dead letter. */
static bool is_to_be_written(const sv_job *job, sv_job_state state) {
    const int durable = atomic_load(&job->durable);
    if (state == SV_JOB_CANCELED) return false;
    if (job->dead) return true;
    return atomic_load(&job->kept) && durable != SV_DURABLE_NO && durable != SV_DURABLE_REFUSED;
}

static ending *make_ending(sv_durable *d, sv_job *job, sv_job_state state, const ev_error *error) {
    const bool promised = atomic_load(&job->kept) && atomic_load(&job->durable) != SV_DURABLE_NO;
    assert(sv_job_over(state) && state != SV_JOB_CANCELED);
    ending *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    *e = (ending){
        .entry = {.kind = SV_ENTRY_END, .done = ending_done, .user = e}, .durable = d, .job = job, .state = state};
    if (error) e->error = *error;
    job->filed = promised && state == SV_JOB_COMPLETED && d->options.results->files; /* when it is announced */
    if (sv_record_outcome(&e->entry.record, job, state, error, job->rate) &&
        (promised || sv_record_request(&e->entry.record, job)))
        return e;
    sv_record_free(&e->entry.record);
    free(e);
    return NULL;
}

bool sv_durable_end(sv_durable *d, sv_job *job, sv_job_state state, const ev_error *error,
                    void (*over)(void *user, sv_job *job, sv_job_state state, const ev_error *error), void *user) {
    assert(over && sv_job_over(state));
    count_resumed_over(d, job);
    ending *e = is_to_be_written(job, state) ? make_ending(d, job, state, error) : NULL;
    if (!e) return false;
    e->over = over;
    e->user = user;
    ev_mutex_lock(&d->lock);
    const bool taken = !d->stopping;
    if (taken) {
        *d->end = e;
        d->end = &e->next;
        d->endings++;
        ev_cond_signal(&d->work);
    }
    ev_mutex_unlock(&d->lock);
    if (taken) return true;
    sv_record_free(&e->entry.record);
    free(e);
    return false;
}

bool sv_durable_idle(sv_durable *d) {
    ev_mutex_lock(&d->lock);
    const bool idle = !d->endings;
    ev_mutex_unlock(&d->lock);
    return idle && sv_journal_idle(d->journal);
}

/* ---- after a restart ---- */

static void entry_done(sv_entry *entry) {
    sv_record_free(&entry->record);
    free(entry);
}

/* One that cannot be read is reported failed. */
static void fail_record(sv_durable *d, const sv_record *r, const ev_error *why) {
    sv_entry *e = calloc(1, sizeof *e);
    sv_job failed = {.error = *why};
    if (d->options.log) sv_log_line(d->options.log, SV_LEVEL_ERROR, r->id, "%s", why->message);
    if (!e) return; /* the next start finds it again */
    memcpy(failed.id, r->id, sizeof failed.id);
    *e = (sv_entry){.kind = SV_ENTRY_END, .done = entry_done};
    if (sv_record_outcome(&e->record, &failed, SV_JOB_FAILED, why, 0))
        sv_journal_put(d->journal, e);
    else
        entry_done(e);
}

static bool wait_for_turn(sv_durable *d) {
    ev_mutex_lock(&d->lock);
    while (!d->stopping && !d->paused && d->resumed >= RESUMED_MAX) ev_cond_wait(&d->turn, &d->lock);
    const bool goes_on = !d->stopping && !d->paused;
    ev_mutex_unlock(&d->lock);
    return goes_on;
}

static bool pause_ms(sv_durable *d, int ms) {
    ev_mutex_lock(&d->lock);
    if (!d->stopping && !d->paused) wait_ms(d, &d->turn, ms);
    const bool goes_on = !d->stopping && !d->paused;
    ev_mutex_unlock(&d->lock);
    return goes_on;
}

/* Its client may have deleted it between our reading and now. */
static bool is_still_wanted(sv_durable *d, const char *id) {
    sv_record r;
    const ev_status status = sv_journal_find(d->journal, id, false, &r, NULL);
    const bool wanted = status != EV_E_NOT_FOUND && !(status == EV_OK && r.state != SV_RECORD_ACCEPTED);
    sv_record_free(&r);
    return wanted;
}

static void hand_over(sv_durable *d, sv_job *job) {
    job->promised = true;
    atomic_store(&job->durable, SV_DURABLE_ACCEPTED);
    d->prepare(d->user, job);
    if (!sv_jobs_restore(d->options.jobs, job)) {
        sv_job_unref(&job);
        return;
    }
    if (!is_still_wanted(d, job->id)) {
        sv_jobs_cancel(d->options.jobs, job);
        sv_jobs_forget(d->options.jobs, job);
        sv_job_unref(&job);
        return;
    }
    ev_mutex_lock(&d->lock);
    d->resumed++;
    ev_mutex_unlock(&d->lock);
    bool goes_on = true;
    while (goes_on && !d->submit(d->user, job)) goes_on = pause_ms(d, 200);
    if (goes_on) return;                  /* the engine has it */
    sv_jobs_forget(d->options.jobs, job); /* the next process takes it */
    sv_job_unref(&job);
}

/* EV_E_NOT_FOUND: there are no more. */
static ev_status hand_over_next(sv_durable *d, int64_t *after) {
    sv_record r;
    sv_job *job = NULL;
    ev_error err = {0};
    ev_status status = sv_journal_next_pending(d->journal, *after, &r, &err);
    if (status == EV_E_NOT_FOUND) return status;
    if (status != EV_OK) {
        if (d->options.log) sv_log_line(d->options.log, SV_LEVEL_ERROR, NULL, "%s", err.message);
        return status;
    }
    status = sv_record_job(&job, &r, &err);
    if (status == EV_E_FORMAT) fail_record(d, &r, &err);
    if (status != EV_E_MEMORY) *after = r.number;
    sv_record_free(&r);
    if (status == EV_OK) hand_over(d, job);
    return status == EV_E_FORMAT ? EV_OK : status;
}

static void *resumer_main(void *durable) {
    sv_durable *d = durable;
    int64_t after = 0;
    while (wait_for_turn(d)) {
        const ev_status status = hand_over_next(d, &after);
        if (status == EV_E_NOT_FOUND || (status != EV_OK && !pause_ms(d, RETRY_MS))) break;
    }
    return NULL;
}

void sv_durable_resume(sv_durable *d, void (*prepare)(void *user, sv_job *job),
                       bool (*submit)(void *user, sv_job *job), void *user) {
    assert(!d->resuming); /* once */
    d->prepare = prepare;
    d->submit = submit;
    d->user = user;
    d->resuming = pthread_create(&d->resumer, NULL, resumer_main, d) == 0;
    if (!d->resuming && d->options.log)
        sv_log_line(d->options.log, SV_LEVEL_ERROR, NULL,
                    "jobs of before wait for the next start: no thread for them");
}

void sv_durable_pause(sv_durable *d) {
    ev_mutex_lock(&d->lock);
    d->paused = true;
    ev_cond_broadcast(&d->turn);
    ev_mutex_unlock(&d->lock);
}

/* ---- what was written ---- */

ev_status sv_durable_find(sv_durable *d, const char *id, const char *owner, bool samples, sv_job **out,
                          ev_error *err) {
    sv_record r;
    *out = NULL;
    ev_status status = sv_journal_find(d->journal, id, false, &r, err);
    if (status != EV_OK) return status;
    /* a dead letter that nobody was promised is the operator's alone; ids of others are no secret to be leaked */
    if (owner && strcmp(owner, r.owner) != 0) status = ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    const bool waits = r.state == SV_RECORD_ACCEPTED; /* its recording was left where it is */
    if (status == EV_OK && waits) r.state = SV_RECORD_CANCELED;
    if (status == EV_OK && waits && !r.outcome) r.outcome = strdup("{}");
    if (status == EV_OK) status = sv_record_job(out, &r, err);
    if (status == EV_OK && waits) {
        (*out)->state = SV_JOB_QUEUED;
        (*out)->times = (sv_times){.arrived = ev_clock_s() - (double)(ev_clock_wall_ms() - r.created_ms) * 1e-3,
                                   .created_ms = r.created_ms};
    }
    if (status == EV_OK && samples && r.state == SV_RECORD_COMPLETED)
        status = sv_result_read(d->options.results, d->options.ledger, &r, *out, err);
    sv_record_free(&r);
    if (status != EV_OK) sv_job_unref(out);
    return status;
}

ev_status sv_durable_find_idempotency(sv_durable *d, const sv_idempotency *idempotency, char id[SV_JOB_ID + 1],
                                      ev_error *err) {
    sv_record r;
    ev_status status = sv_journal_find_key(d->journal, idempotency->key, &r, err);
    if (status != EV_OK) return status;
    if (memcmp(r.idempotency_body, idempotency->body, sizeof r.idempotency_body) != 0)
        status = ev_fail(err, EV_E_ARGUMENT, "this Idempotency-Key was used with another body: take a new one");
    memcpy(id, r.id, sizeof r.id);
    sv_record_free(&r);
    return status;
}

ev_status sv_durable_dead(sv_durable *d, const char *id, bool again, sv_job **out, ev_error *err) {
    sv_record r;
    *out = NULL;
    ev_status status = sv_journal_find(d->journal, id, true, &r, err);
    if (status != EV_OK) return status;
    if (!r.dead) status = ev_fail(err, EV_E_NOT_FOUND, "there is no dead letter %s", id);
    if (again) r.state = SV_RECORD_ACCEPTED; /* what was asked for, as if it came now */
    if (status == EV_OK) status = sv_record_job(out, &r, err);
    sv_record_free(&r);
    return status;
}

void sv_durable_each_dead(sv_durable *d, void (*each)(void *user, sv_job *dead), void *user) {
    sv_record r;
    for (int64_t after = 0; sv_journal_next_dead(d->journal, after, &r, NULL) == EV_OK; sv_record_free(&r)) {
        sv_job *job = NULL;
        after = r.number;
        if (sv_record_job(&job, &r, NULL) == EV_OK) each(user, job);
        sv_job_unref(&job);
    }
}

void sv_durable_stats(sv_durable *d, sv_journal_state *state) { sv_journal_stats(d->journal, state); }

/* ---- life ---- */

static ev_status open_parts(sv_durable *d, ev_error *err) {
    const sv_durable_options *o = &d->options;
    if (mkdir(o->dir, 0700) != 0 && errno != EEXIST)
        return ev_fail(err, EV_E_IO, "data_dir = %s cannot be made: %s", o->dir, strerror(errno));
    const sv_journal_options options = {.dir = o->dir,
                                        .store = o->results->samples,
                                        .files = o->results->files,
                                        .log = o->log,
                                        .ttl_s = o->ttl_s,
                                        .bytes_max = o->store_max,
                                        .reserve = RESERVE};
    return sv_journal_sqlite(&d->journal, &options, err);
}

ev_status sv_durable_open(sv_durable **out, const sv_durable_options *options, ev_error *err) EV_NOT_SHARED {
    sv_durable *d = *out = calloc(1, sizeof *d);
    if (!d) return ev_fail(err, EV_E_MEMORY, "out of memory");
    d->options = *options;
    d->end = &d->first;
    ev_mutex_init(&d->lock);
    ev_cond_init(&d->work);
    ev_cond_init(&d->turn);
    ev_status status = open_parts(d, err);
    for (; status == EV_OK && d->running < WRITERS; d->running++) {
        if (pthread_create(&d->writers[d->running], NULL, write_endings, d) == 0) continue;
        status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
        break;
    }
    if (status != EV_OK) sv_durable_free(out);
    return status;
}

void sv_durable_stop(sv_durable *d) {
    ev_mutex_lock(&d->lock);
    const bool first = !d->stopped;
    d->stopping = d->stopped = true;
    ev_cond_broadcast(&d->work);
    ev_cond_broadcast(&d->turn);
    ev_mutex_unlock(&d->lock);
    if (!first) return;
    if (d->resuming) pthread_join(d->resumer, NULL);
    for (int i = 0; i < d->running; i++) pthread_join(d->writers[i], NULL);
    const struct timespec moment = {.tv_nsec = 1000000};
    while (d->journal && !sv_journal_idle(d->journal)) nanosleep(&moment, NULL);
}

void sv_durable_free(sv_durable **durable) EV_NOT_SHARED {
    sv_durable *d = *durable;
    *durable = NULL;
    if (!d) return;
    sv_durable_stop(d);
    sv_journal_close(&d->journal);
    while (d->failed) { /* a full disk kept them out to the last; they are made again */
        ending *e = d->failed;
        d->failed = e->next;
        free_ending(e);
    }
    ev_cond_destroy(&d->work);
    ev_cond_destroy(&d->turn);
    ev_mutex_destroy(&d->lock);
    free(d);
}
