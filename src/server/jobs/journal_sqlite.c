/* journal_sqlite: START HERE. One thread writes. It takes all entries that wait, writes them in one transaction, and
 * calls them done when that is durable: while the disk works for some, the next gather. Between entries it keeps
 * results within their limits. Whoever asks reads on a connection of its own, beside the writer.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/jobs/journal_damage.h"

enum { BATCH_MAX = 512, PATH_MAX_OURS = 4096 };
#define CHECK_S 1.0 /* for looking through the database at start; what takes longer is found when it is met */
#define TICK_S  1   /* between two looks at the limits */

typedef struct journal {
    sv_journal journal; /* first */
    sv_journal_options options;
    char dir[PATH_MAX_OURS], path[PATH_MAX_OURS + 16];
    int lock_file;
    int64_t last; /* number of the last job that an earlier process accepted */

    sv_database writer;  /* its thread's alone */
    atomic_bool leaving; /* the sweep of results that an earlier process left without a job is to end */
    bool sweeping;
    pthread_t sweeper;

    ev_mutex reading;
    sv_database reader;

    ev_mutex lock;
    ev_cond work;
    sv_entry *first EV_GUARDED_BY(lock), **end EV_GUARDED_BY(lock);
    int busy EV_GUARDED_BY(lock); /* entries that wait, or are being written */
    bool closing EV_GUARDED_BY(lock), running;
    sv_counts counts EV_GUARDED_BY(lock);
    sv_journal_state state EV_GUARDED_BY(lock); /* but for its counts */
    pthread_t thread;
} journal;
static_assert(offsetof(journal, journal) == 0, "the one is found by the other");

/* ---- what stands in the way, and what to do ---- */

static int64_t free_bytes(const journal *j) {
    struct statvfs info;
    return statvfs(j->dir, &info) == 0 ? (int64_t)info.f_bavail * (int64_t)info.f_frsize : INT64_MAX;
}

/* The same for whoever meets it: which disk, and how to make room. */
static ev_status explain_error(const journal *j, ev_status status, ev_error *err) {
    const ev_error cause = *err;
    if (status == EV_E_LIMIT)
        return ev_fail(err, EV_E_LIMIT,
                       "the disk of %s is full (%lld MB free): delete what is not needed there, results by "
                       "DELETE /tts/{id}, or lower store_max or store_ttl",
                       j->dir, (long long)(free_bytes(j) / 1000000));
    if (status == EV_E_FORMAT)
        return ev_fail(err, EV_E_IO, "%s; a restart sets it aside and goes on with what can be read of it",
                       cause.message);
    return status;
}

static void set_problem(journal *j, ev_status status, const ev_error *err) {
    ev_mutex_lock(&j->lock);
    const bool fresh = j->state.failing != (status != EV_OK);
    j->state.failing = status != EV_OK;
    snprintf(j->state.problem, sizeof j->state.problem, "%s", status != EV_OK ? err->message : "");
    ev_mutex_unlock(&j->lock);
    if (!fresh || !j->options.log) return;
    if (status != EV_OK)
        sv_log_line(j->options.log, SV_LEVEL_ERROR, NULL, "jobs cannot be written down: %s", err->message);
    else
        sv_log_line(j->options.log, SV_LEVEL_WARN, NULL, "jobs can be written down again");
}

/* ---- one transaction; the writer's thread ---- */

static ev_status commit(journal *j, const sv_counts *change, ev_error *err) {
    const ev_status status = sv_database_run(&j->writer, SV_SQL_COMMIT, err);
    if (status != EV_OK) return status;
    ev_mutex_lock(&j->lock);
    j->counts.pending += change->pending;
    j->counts.dead += change->dead;
    j->counts.results += change->results;
    j->counts.result_bytes += change->result_bytes;
    ev_mutex_unlock(&j->lock);
    return EV_OK;
}

static void roll_back(journal *j) {
    if (!sqlite3_get_autocommit(j->writer.handle)) sv_database_run(&j->writer, SV_SQL_ROLLBACK, NULL);
}

static bool accepts(const sv_entry *e) { return e->kind == SV_ENTRY_ACCEPT || e->kind == SV_ENTRY_RETRY; }

/* All of the list, or none. Those that come to nothing for reasons of their own say so themselves. */
static ev_status write_all(journal *j, sv_entry *list, ev_error *err) {
    sv_counts change = {0};
    bool some = false;
    for (sv_entry *e = list; e; e = e->next) {
        e->status = EV_OK;
        if (e->kind == SV_ENTRY_ACCEPT) e->other[0] = '\0';
        some |= e->kind != SV_ENTRY_SYNC;
    }
    if (!some) return EV_OK;
    ev_status status = sv_database_run(&j->writer, SV_SQL_BEGIN, err);
    for (sv_entry *e = list; status == EV_OK && e; e = e->next) {
        const bool spoilt = accepts(e) && e->record.request == NULL;
        status = spoilt ? ev_fail(err, EV_E_ARGUMENT, "a job without a request")
                        : sv_row_apply(&j->writer, e, &change, err);
    }
    if (status == EV_OK) status = commit(j, &change, err);
    if (status != EV_OK) roll_back(j);
    return status;
}

/* Room that is kept for how jobs end, whatever comes in. */
static bool has_reserve(const journal *j, const sv_entry *list) {
    bool some = false;
    for (; list; list = list->next) some |= accepts(list);
    return !some || free_bytes(j) >= j->options.reserve;
}

static void fail_entry(sv_entry *e, ev_status status, const ev_error *err) {
    e->status = status;
    e->error = *err;
}

/* One alone: whether it is its own fault, or the disk's. */
static ev_status write_one(journal *j, sv_entry *e, bool roomy, ev_error *err) {
    sv_entry *const next = e->next;
    e->next = NULL;
    ev_status status = !roomy && accepts(e) ? ev_fail(err, EV_E_LIMIT, "full") : write_all(j, e, err);
    e->next = next;
    if (status == EV_OK) return EV_OK;
    status = explain_error(j, status, err);
    fail_entry(e, status, err);
    return status;
}

static void write_list(journal *j, sv_entry *list) {
    ev_error err = {0};
    const bool roomy = has_reserve(j, list);
    int failed = 0;
    ev_status status = roomy ? write_all(j, list, &err) : EV_E_LIMIT;
    if (status != EV_OK) { /* some may be small enough, or need no room */
        status = EV_OK;
        for (sv_entry *e = list; e; e = e->next) {
            ev_error own = {0};
            const ev_status one = write_one(j, e, roomy, &own);
            if (one == EV_OK) continue;
            failed++;
            status = one;
            err = own;
        }
    }
    ev_mutex_lock(&j->lock);
    j->state.errors += failed;
    ev_mutex_unlock(&j->lock);
    set_problem(j, status, &err);
}

/* Results go when their jobs are gone for good: a crash between the two leaves a file, which the sweep finds. */
static void remove_result(journal *j, const char *id) {
    ev_error err = {0};
    ev_status status = j->options.store ? sv_store_remove(j->options.store, id, &err) : EV_OK;
    if (status == EV_OK && j->options.files) status = sv_store_remove(j->options.files, id, &err);
    if (status != EV_OK && j->options.log) sv_log_line(j->options.log, SV_LEVEL_WARN, NULL, "%s", err.message);
}

static void finish_list(journal *j, sv_entry *list) {
    int count = 0;
    for (sv_entry *e = list; e;) {
        sv_entry *const done = e;
        e = e->next;
        if (done->kind == SV_ENTRY_DELETE && done->status == EV_OK) remove_result(j, done->record.id);
        done->done(done);
        count++;
    }
    ev_mutex_lock(&j->lock);
    assert(j->busy >= count);
    j->busy -= count;
    ev_mutex_unlock(&j->lock);
}

/* ---- limits; the writer's thread ---- */

typedef struct victims {
    size_t count;
    char ids[200][SV_RECORD_ID + 1];
} victims;

static void add_victim(victims *v, sqlite3_stmt *s) {
    const char *id = (const char *)sqlite3_column_text(s, 0);
    if (id && strlen(id) == SV_RECORD_ID && v->count < EV_ARRAY_COUNT(v->ids))
        memcpy(v->ids[v->count++], id, SV_RECORD_ID + 1);
}

static ev_status find_aged(journal *j, victims *v, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(&j->writer, SV_SQL_AGED);
    int code = SQLITE_ERROR;
    if (s) sqlite3_bind_int64(s, 1, (int64_t)(((double)time(NULL) - j->options.ttl_s) * 1000));
    while (s && (code = sqlite3_step(s)) == SQLITE_ROW) add_victim(v, s);
    const ev_status status = code == SQLITE_DONE ? EV_OK : sv_database_fault(&j->writer, err);
    if (s) sqlite3_reset(s);
    return status;
}

/* The oldest of the client that has most, of untrusted clients first, until so many bytes are found or there are no
 * more of its.
 */
static ev_status find_excess(journal *j, int64_t bytes, victims *v, ev_error *err) {
    assert(bytes > 0);
    sqlite3_stmt *most = sv_database_statement(&j->writer, SV_SQL_MOST);
    sqlite3_stmt *oldest = sv_database_statement(&j->writer, SV_SQL_OLDEST_OF);
    int code = most && oldest ? sqlite3_step(most) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        sqlite3_bind_int(oldest, 1, sqlite3_column_int(most, 0));
        sqlite3_bind_text(oldest, 2, (const char *)sqlite3_column_text(most, 1), -1, SQLITE_TRANSIENT);
        while (bytes > 0 && (code = sqlite3_step(oldest)) == SQLITE_ROW) {
            add_victim(v, oldest);
            bytes -= sqlite3_column_int64(oldest, 1);
        }
    }
    const ev_status status = code == SQLITE_DONE || code == SQLITE_ROW ? EV_OK : sv_database_fault(&j->writer, err);
    if (most) sqlite3_reset(most);
    if (oldest) sqlite3_reset(oldest);
    return status;
}

static ev_status delete_jobs(journal *j, const victims *v, ev_error *err) {
    assert(v->count <= EV_ARRAY_COUNT(v->ids));
    bool had_result[EV_ARRAY_COUNT(v->ids)];
    sv_counts change = {0};
    if (!v->count) return EV_OK;
    ev_status status = sv_database_run(&j->writer, SV_SQL_BEGIN, err);
    for (size_t i = 0; status == EV_OK && i < v->count; i++)
        status = sv_row_delete(&j->writer, v->ids[i], &change, &had_result[i], err);
    if (status == EV_OK) status = commit(j, &change, err);
    if (status != EV_OK) {
        roll_back(j);
        return status;
    }
    for (size_t i = 0; i < v->count; i++)
        if (had_result[i]) remove_result(j, v->ids[i]);
    return EV_OK;
}

static int64_t result_bytes(journal *j) {
    ev_mutex_lock(&j->lock);
    const int64_t bytes = j->counts.result_bytes;
    ev_mutex_unlock(&j->lock);
    return bytes;
}

/* Below the limit by a tenth, so that the search is worth its while; by steps, since the client that has most
 * changes. */
static ev_status delete_excess(journal *j, ev_error *err) {
    const int64_t limit = j->options.bytes_max, goal = limit - limit / 10;
    if (result_bytes(j) <= limit) return EV_OK;
    for (int64_t excess; (excess = result_bytes(j) - goal) > 0;) {
        victims v = {0};
        ev_status status = find_excess(j, excess / 8 + 1, &v, err);
        if (status == EV_OK) status = delete_jobs(j, &v, err);
        if (status != EV_OK || !v.count) return status;
    }
    return EV_OK;
}

static ev_status delete_dead(journal *j, ev_error *err) {
    sv_counts change = {0};
    bool was_dead = true;
    ev_status status = EV_OK;
    while (status == EV_OK && was_dead) {
        victims v = {0};
        sqlite3_stmt *s = sv_database_statement(&j->writer, SV_SQL_OLD_DEAD);
        if (s) sqlite3_bind_int(s, 1, SV_DEAD_LETTERS_MAX);
        if (s && sqlite3_step(s) == SQLITE_ROW) add_victim(&v, s);
        if (s) sqlite3_reset(s);
        if (!v.count) return EV_OK;
        change = (sv_counts){0};
        status = sv_database_run(&j->writer, SV_SQL_BEGIN, err);
        if (status == EV_OK) status = sv_row_dead_letter_take(&j->writer, v.ids[0], &change, &was_dead, err);
        if (status == EV_OK) status = commit(j, &change, err);
        if (status != EV_OK) roll_back(j);
    }
    return status;
}

static sv_sweep_decision sweep_decision(void *of_journal, const char *id) {
    journal *j = of_journal;
    sv_record record = {0};
    if (atomic_load(&j->leaving)) return SV_SWEEP_END;
    const ev_status status = sv_journal_find(&j->journal, id, false, &record, NULL);
    sv_record_free(&record);
    return status == EV_E_NOT_FOUND ? SV_SWEEP_REMOVE : SV_SWEEP_KEEP;
}

/* Results without a job: of one that was just deleted when the process ended. Younger ones may be those of a database
 * that was set aside, and whoever looks after that wants them. A bucket may be long and slow: in a thread of its own.
 */
static void *sweep_stores(void *of_journal) {
    journal *j = of_journal;
    if (j->options.store) sv_store_sweep(j->options.store, j->options.ttl_s, sweep_decision, j);
    if (j->options.files) sv_store_sweep(j->options.files, j->options.ttl_s, sweep_decision, j);
    return NULL;
}

static void keep_limits(journal *j) {
    victims v = {0};
    ev_error err = {0};
    ev_status status = find_aged(j, &v, &err);
    if (status == EV_OK) status = delete_jobs(j, &v, &err);
    if (status == EV_OK) status = delete_excess(j, &err);
    if (status == EV_OK) status = delete_dead(j, &err);
    if (status == EV_OK) (void)sv_database_run(&j->writer, SV_SQL_VACUUM, NULL);
    if (status != EV_OK) set_problem(j, explain_error(j, status, &err), &err);
}

/* ---- the thread ---- */

/* What waits, BATCH_MAX of it. */
static sv_entry *take_batch(journal *j) EV_REQUIRES(j->lock) {
    sv_entry *list = j->first, **at = &j->first;
    for (int i = 0; i < BATCH_MAX && *at; i++) at = &(*at)->next;
    j->first = *at;
    if (!j->first) j->end = &j->first;
    *at = NULL;
    return list;
}

static void wait_for_work(journal *j, const struct timespec *until) EV_REQUIRES(j->lock) {
    while (!j->first && !j->closing)
        if (!ev_cond_wait_until(&j->work, &j->lock, until)) break;
}

static void *write_entries(void *of_journal) {
    journal *j = of_journal;
    struct timespec next = ev_clock_after(0);
    ev_mutex_lock(&j->lock);
    while (j->first || !j->closing) {
        wait_for_work(j, &next);
        sv_entry *list = j->first ? take_batch(j) : NULL;
        ev_mutex_unlock(&j->lock);
        if (list) {
            write_list(j, list);
            finish_list(j, list);
        }
        if (ev_clock_after(0).tv_sec >= next.tv_sec) {
            keep_limits(j);
            next = ev_clock_after(TICK_S);
        }
        ev_mutex_lock(&j->lock);
    }
    ev_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- the interface ---- */

static void put_entry(sv_journal *self, sv_entry *entry) {
    journal *j = (journal *)self;
    entry->next = NULL;
    assert(entry->done);
    ev_mutex_lock(&j->lock);
    const bool taken = !j->closing;
    if (taken) {
        *j->end = entry;
        j->end = &entry->next;
        j->busy++;
        ev_cond_signal(&j->work);
    }
    ev_mutex_unlock(&j->lock);
    if (taken) return;
    entry->status = ev_fail(&entry->error, EV_E_CANCELED, "the service is stopping");
    entry->done(entry);
}

typedef struct query {
    sv_statement which;
    const char *id;
    const unsigned char *key;
    int64_t after, last;
    bool reference;
} query;

static ev_status run_query(sv_journal *self, const query *q, sv_record *out, ev_error *err) {
    journal *j = (journal *)self;
    *out = (sv_record){0};
    assert(!q->id || !q->key);
    ev_mutex_lock(&j->reading);
    sqlite3_stmt *s = sv_database_statement(&j->reader, q->which);
    if (s && q->id) sqlite3_bind_text(s, 1, q->id, -1, SQLITE_STATIC);
    if (s && q->key) sqlite3_bind_blob(s, 1, q->key, SV_RECORD_DIGEST, SQLITE_STATIC);
    if (s && !q->id && !q->key) sqlite3_bind_int64(s, 1, q->after);
    if (s && q->last) sqlite3_bind_int64(s, 2, q->last);
    const ev_status status =
        s ? sv_row_next(&j->reader, s, q->reference, out, err) : sv_database_fault(&j->reader, err);
    if (s) sqlite3_reset(s);
    ev_mutex_unlock(&j->reading);
    return status == EV_E_FORMAT ? EV_E_IO : status;
}

static ev_status find_id(sv_journal *j, const char *id, bool reference, sv_record *out, ev_error *err) {
    return run_query(j, &(query){.which = SV_SQL_FIND, .id = id, .reference = reference}, out, err);
}

static ev_status find_key(sv_journal *j, const unsigned char *key, sv_record *out, ev_error *err) {
    return run_query(j, &(query){.which = SV_SQL_FIND_KEY, .key = key}, out, err);
}

static ev_status next_pending(sv_journal *self, int64_t after, sv_record *out, ev_error *err) {
    const journal *j = (const journal *)self;
    if (!j->last) return ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    return run_query(self, &(query){.which = SV_SQL_NEXT_PENDING, .after = after, .last = j->last, .reference = true},
                     out, err);
}

static ev_status next_dead(sv_journal *j, int64_t after, sv_record *out, ev_error *err) {
    return run_query(j, &(query){.which = SV_SQL_NEXT_DEAD, .after = after}, out, err);
}

static void get_state(sv_journal *self, sv_journal_state *out) {
    journal *j = (journal *)self;
    ev_mutex_lock(&j->lock);
    *out = j->state;
    out->pending = j->counts.pending;
    out->dead = j->counts.dead;
    out->results = j->counts.results;
    out->result_bytes = j->counts.result_bytes;
    ev_mutex_unlock(&j->lock);
}

static bool is_idle(sv_journal *self) {
    journal *j = (journal *)self;
    ev_mutex_lock(&j->lock);
    const bool quiet = !j->busy;
    ev_mutex_unlock(&j->lock);
    return quiet;
}

static void close_journal(sv_journal *self) {
    journal *j = (journal *)self;
    ev_mutex_lock(&j->lock);
    j->closing = true;
    ev_cond_signal(&j->work);
    ev_mutex_unlock(&j->lock);
    atomic_store(&j->leaving, true);
    if (j->sweeping) pthread_join(j->sweeper, NULL);
    if (j->running) pthread_join(j->thread, NULL);
    sv_database_close(&j->reader);
    sv_database_close(&j->writer);
    if (j->lock_file >= 0) close(j->lock_file);
    ev_cond_destroy(&j->work);
    ev_mutex_destroy(&j->lock);
    ev_mutex_destroy(&j->reading);
    free(j);
}

/* ---- opening ---- */

/* The directory itself, or one above it, may be a link (systemd's StateDirectory of a dynamic user is one); nothing
 * in it may be. */
static ev_status take_directory(journal *j, ev_error *err) {
    char lock[PATH_MAX_OURS + 16];
    if (mkdir(j->dir, 0700) != 0 && errno != EEXIST)
        return ev_fail(err, EV_E_IO, "%s cannot be made: %s", j->dir, strerror(errno));
    char *real = realpath(j->dir, NULL);
    if (!real) return ev_fail(err, EV_E_IO, "%s cannot be opened: %s", j->dir, strerror(errno));
    const int length = snprintf(j->dir, sizeof j->dir, "%s", real);
    free(real);
    if (length >= PATH_MAX_OURS) return ev_fail(err, EV_E_ARGUMENT, "data_dir is too long");
    snprintf(j->path, sizeof j->path, "%s/jobs.db", j->dir);
    snprintf(lock, sizeof lock, "%s/lock", j->dir);
    j->lock_file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->lock_file < 0) return ev_fail(err, EV_E_IO, "%s cannot be written: %s", j->dir, strerror(errno));
    if (flock(j->lock_file, LOCK_EX | LOCK_NB) == 0) return EV_OK;
    return ev_fail(err, EV_E_IO, "another process keeps its jobs in %s: give each a data_dir of its own", j->dir);
}

/* SQLite would let others read what people want to be said; its other files get this one's mode. */
static ev_status make_private(const char *path, ev_error *err) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return ev_fail(err, EV_E_IO, "%s cannot be written: %s", path, strerror(errno));
    close(fd);
    return EV_OK;
}

static ev_status open_database(journal *j, ev_error *err) {
    const ev_status status = make_private(j->path, err);
    return status == EV_OK ? sv_database_open(&j->writer, j->path, err) : status;
}

/* A damaged one is reported and set aside; what it still says is not lost. */
static ev_status replace_damaged(journal *j, const ev_error *cause, ev_error *err) {
    sv_journal_state *state = &j->state;
    char aside[PATH_MAX_OURS + 64];
    ev_status status = sv_damage_set_aside(j->path, aside, sizeof aside, err);
    if (status == EV_OK) status = open_database(j, err);
    if (status == EV_OK) status = sv_damage_recover(aside, &j->writer, &state->recovered, err);
    if (status != EV_OK) return status;
    ev_error line; /* cut to its room */
    ev_fail(&line, EV_E_FORMAT, "%s", aside);
    snprintf(state->set_aside, sizeof state->set_aside, "%s", line.message);
    if (j->options.log)
        sv_log_line(j->options.log, SV_LEVEL_ERROR, NULL, "%s; it was moved to %s, and %lld jobs of it are kept",
                    cause->message, aside, (long long)state->recovered);
    return EV_OK;
}

static ev_status open_writer(journal *j, ev_error *err) {
    ev_status status = open_database(j, err);
    if (status == EV_OK) {
        status = sv_database_check(&j->writer, CHECK_S, err);
        if (status != EV_OK) sv_database_close(&j->writer);
    }
    if (status != EV_E_FORMAT) return status;
    const ev_error cause = err ? *err : (ev_error){0};
    return replace_damaged(j, &cause, err);
}

static ev_status open_all(journal *j, ev_error *err) {
    ev_status status = take_directory(j, err);
    if (status == EV_OK) status = open_writer(j, err);
    if (status == EV_OK) status = sv_database_open_reader(&j->reader, j->path, err);
    if (status == EV_OK) status = sv_row_count(&j->writer, &j->counts, &j->last, err);
    if (status == EV_OK) {
        j->running = pthread_create(&j->thread, NULL, write_entries, j) == 0;
        if (!j->running)
            status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status == EV_OK && j->options.store) j->sweeping = pthread_create(&j->sweeper, NULL, sweep_stores, j) == 0;
    return status;
}

ev_status sv_journal_sqlite(sv_journal **out, const sv_journal_options *options, ev_error *err) EV_NOT_SHARED {
    static const sv_journal_calls calls = {put_entry, find_id,   find_key, next_pending,
                                           next_dead, get_state, is_idle,  close_journal};
    journal *j = calloc(1, sizeof *j);
    ev_error fault = {0};
    *out = NULL;
    if (!j) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *j = (journal){.journal = {&calls}, .options = *options, .lock_file = -1};
    j->end = &j->first;
    ev_cond_init(&j->work);
    ev_mutex_init(&j->lock);
    ev_mutex_init(&j->reading);
    const int length = snprintf(j->dir, sizeof j->dir, "%s", options->dir);
    ev_status status = length > 0 && length < PATH_MAX_OURS
                           ? open_all(j, &fault)
                           : ev_fail(&fault, EV_E_ARGUMENT, "data_dir is empty or too long");
    if (status == EV_OK) {
        *out = &j->journal;
        return EV_OK;
    }
    status = explain_error(j, status, &fault);
    close_journal(&j->journal);
    return ev_fail(err, status, "%s", fault.message);
}
