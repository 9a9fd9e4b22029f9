/* journal_fixture: a journal in a directory of its own, and entries for it. */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "faulty_vfs.h"
#include "server/jobs/journal_sqlite.h"

/* ---- a journal in a directory of its own ---- */

static char dir[64];

static inline int make_dir(void **state) {
    (void)state;
    fault_set(FAULT_NONE, 0);
    /* in memory where that can be: thousands of fsyncs are no wait there, and what a process left is seen as well */
    snprintf(dir, sizeof dir, "%s/emotivoice-journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state) {
    (void)state;
    char command[100];
    fault_set(FAULT_NONE, 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static inline sv_journal_options plain_options(void) {
    return (sv_journal_options){.dir = dir, .ttl_s = 86400, .bytes_max = INT64_MAX};
}

static inline sv_journal *open_with(const sv_journal_options *options) {
    sv_journal *j = NULL;
    ev_error err = {0};
    if (sv_journal_sqlite(&j, options, &err) != EV_OK) fail_msg("%s", err.message);
    return j;
}

static inline sv_journal *open_journal(void) {
    const sv_journal_options options = plain_options();
    return open_with(&options);
}

/* ---- entries ---- */

static inline int64_t now_ms(void) { return (int64_t)time(NULL) * 1000; }

static inline void name_id(char id[SV_RECORD_ID + 1], int n) { snprintf(id, SV_RECORD_ID + 1, "%032x", (unsigned)n); }

static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_cond = PTHREAD_COND_INITIALIZER;
static int done_count;
static void (*on_done)(const sv_entry *entry);

static inline void done(sv_entry *entry) {
    if (on_done) on_done(entry);
    pthread_mutex_lock(&done_lock);
    done_count++;
    pthread_cond_signal(&done_cond);
    pthread_mutex_unlock(&done_lock);
}

static inline void wait_done(int count) {
    pthread_mutex_lock(&done_lock);
    while (done_count < count) pthread_cond_wait(&done_cond, &done_lock);
    done_count = 0;
    pthread_mutex_unlock(&done_lock);
}

static inline sv_entry entry_of(sv_entry_kind kind, int n) {
    sv_entry e = {.kind = kind, .done = done};
    name_id(e.record.id, n);
    snprintf(e.record.owner, sizeof e.record.owner, "ann");
    snprintf(e.record.holder, sizeof e.record.holder, "ann");
    e.record.created_ms = now_ms();
    if (kind != SV_ENTRY_END) e.record.request = strdup("{\"text\": \"Hello.\"}");
    return e;
}

static inline ev_status write_entry(sv_journal *j, sv_entry *e) {
    sv_journal_put(j, e);
    wait_done(1);
    sv_record_free(&e->record);
    return e->status;
}

static inline ev_status accept_job(sv_journal *j, int n) {
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, n);
    return write_entry(j, &e);
}

static inline sv_entry completed(int n, int64_t bytes) {
    sv_entry e = entry_of(SV_ENTRY_END, n);
    e.record.state = SV_RECORD_COMPLETED;
    e.record.done_ms = now_ms();
    e.record.result_bytes = bytes;
    memset(e.record.digest, 7, sizeof e.record.digest);
    e.record.outcome = strdup("{}");
    return e;
}

static inline ev_status complete(sv_journal *j, int n, int64_t bytes) {
    sv_entry e = completed(n, bytes);
    return write_entry(j, &e);
}

static inline ev_status bury(sv_journal *j, int n, bool promised) {
    sv_entry e = entry_of(SV_ENTRY_END, n);
    e.record.state = SV_RECORD_FAILED;
    e.record.dead = true;
    e.record.done_ms = now_ms();
    e.record.outcome = strdup("{\"error\": \"the device broke\"}");
    if (!promised) e.record.request = strdup("{\"text\": \"Nobody waits.\"}");
    return write_entry(j, &e);
}

static inline ev_status forget(sv_journal *j, int n) {
    sv_entry e = entry_of(SV_ENTRY_DELETE, n);
    return write_entry(j, &e);
}

static inline bool is_there(sv_journal *j, int n, sv_record_state state) {
    char id[SV_RECORD_ID + 1];
    sv_record r;
    ev_error err;
    name_id(id, n);
    const ev_status status = sv_journal_find(j, id, false, &r, &err);
    const bool there = status == EV_OK && r.state == state;
    if (status != EV_OK && status != EV_E_NOT_FOUND) fail_msg("%s", err.message);
    sv_record_free(&r);
    return there;
}

static inline int count_pending(sv_journal *j) {
    sv_record r;
    int count = 0;
    for (int64_t at = 0; sv_journal_next_pending(j, at, &r, NULL) == EV_OK; count++) {
        assert_true(r.number > at);
        at = r.number;
        sv_record_free(&r);
    }
    return count;
}

static inline sv_journal_state look(sv_journal *j) {
    sv_journal_state state;
    sv_journal_stats(j, &state);
    return state;
}

/* ---- the file ---- */

static inline void path_of(char path[100], const char *name) { snprintf(path, 100, "%s/%s", dir, name); }

static inline off_t size_of(const char *name) {
    char path[100];
    struct stat info;
    path_of(path, name);
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static inline void fill(int count) {
    sv_journal *j = open_journal();
    for (int i = 1; i <= count; i++) {
        sv_entry e = entry_of(SV_ENTRY_ACCEPT, i);
        free(e.record.request);
        e.record.request = calloc(1, 1001); /* four to a page */
        memset(e.record.request, 'x', 1000);
        assert_int_equal(write_entry(j, &e), EV_OK);
    }
    sv_journal_close(&j);
}

static inline void run_sql(const char *sql) {
    char path[100];
    sqlite3 *db;
    path_of(path, "jobs.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

#endif
