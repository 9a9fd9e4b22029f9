/* journal: what was called durable is there after any end of the process; what could not be written is said so. */
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

static int make_dir(void **state) {
    (void)state;
    fault_set(FAULT_NONE, 0);
    /* in memory where that can be: thousands of fsyncs are no wait there, and what a process left is seen as well */
    snprintf(dir, sizeof dir, "%s/emotivoice-journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    char command[100];
    fault_set(FAULT_NONE, 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static sv_journal_options plain_options(void) {
    return (sv_journal_options){.dir = dir, .ttl_s = 86400, .bytes_max = INT64_MAX};
}

static sv_journal *open_with(const sv_journal_options *options) {
    sv_journal *j = NULL;
    ev_error err = {0};
    if (sv_journal_sqlite(&j, options, &err) != EV_OK) fail_msg("%s", err.message);
    return j;
}

static sv_journal *open_journal(void) {
    const sv_journal_options options = plain_options();
    return open_with(&options);
}

/* ---- entries ---- */

static int64_t now_ms(void) { return (int64_t)time(NULL) * 1000; }

static void name_id(char id[SV_RECORD_ID + 1], int n) { snprintf(id, SV_RECORD_ID + 1, "%032x", (unsigned)n); }

static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_cond = PTHREAD_COND_INITIALIZER;
static int done_count;
static void (*on_done)(const sv_entry *entry);

static void done(sv_entry *entry) {
    if (on_done) on_done(entry);
    pthread_mutex_lock(&done_lock);
    done_count++;
    pthread_cond_signal(&done_cond);
    pthread_mutex_unlock(&done_lock);
}

static void wait_done(int count) {
    pthread_mutex_lock(&done_lock);
    while (done_count < count) pthread_cond_wait(&done_cond, &done_lock);
    done_count = 0;
    pthread_mutex_unlock(&done_lock);
}

static sv_entry entry_of(sv_entry_kind kind, int n) {
    sv_entry e = {.kind = kind, .done = done};
    name_id(e.record.id, n);
    snprintf(e.record.owner, sizeof e.record.owner, "ann");
    snprintf(e.record.holder, sizeof e.record.holder, "ann");
    e.record.created_ms = now_ms();
    if (kind != SV_ENTRY_END) e.record.request = strdup("{\"text\": \"Hello.\"}");
    return e;
}

static ev_status write_entry(sv_journal *j, sv_entry *e) {
    sv_journal_put(j, e);
    wait_done(1);
    sv_record_free(&e->record);
    return e->status;
}

static ev_status accept_job(sv_journal *j, int n) {
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, n);
    return write_entry(j, &e);
}

static sv_entry completed(int n, int64_t bytes) {
    sv_entry e = entry_of(SV_ENTRY_END, n);
    e.record.state = SV_RECORD_COMPLETED;
    e.record.done_ms = now_ms();
    e.record.result_bytes = bytes;
    memset(e.record.digest, 7, sizeof e.record.digest);
    e.record.outcome = strdup("{}");
    return e;
}

static ev_status complete(sv_journal *j, int n, int64_t bytes) {
    sv_entry e = completed(n, bytes);
    return write_entry(j, &e);
}

static ev_status bury(sv_journal *j, int n, bool promised) {
    sv_entry e = entry_of(SV_ENTRY_END, n);
    e.record.state = SV_RECORD_FAILED;
    e.record.dead = true;
    e.record.done_ms = now_ms();
    e.record.outcome = strdup("{\"error\": \"the device broke\"}");
    if (!promised) e.record.request = strdup("{\"text\": \"Nobody waits.\"}");
    return write_entry(j, &e);
}

static ev_status forget(sv_journal *j, int n) {
    sv_entry e = entry_of(SV_ENTRY_DELETE, n);
    return write_entry(j, &e);
}

static bool is_there(sv_journal *j, int n, sv_record_state state) {
    char id[SV_RECORD_ID + 1];
    sv_record r;
    ev_error err;
    name_id(id, n);
    const ev_status status = sv_journal_find(j, id, false, &r, &err);
    const bool there = status == EV_OK && r.state == state;
    assert_true(status == EV_OK || status == EV_E_NOT_FOUND);
    sv_record_free(&r);
    return there;
}

static int count_pending(sv_journal *j) {
    sv_record r;
    int count = 0;
    for (int64_t at = 0; sv_journal_next_pending(j, at, &r, NULL) == EV_OK; count++) {
        assert_true(r.number > at);
        at = r.number;
        sv_record_free(&r);
    }
    return count;
}

static sv_journal_state look(sv_journal *j) {
    sv_journal_state state;
    sv_journal_look(j, &state);
    return state;
}

/* ---- what is written is there ---- */

static void a_job_outlives_the_process(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, 1);
    e.record.reference = malloc(3000000);
    memset(e.record.reference, 'r', 3000000);
    e.record.reference_bytes = 3000000;
    assert_int_equal(write_entry(j, &e), EV_OK);
    assert_int_equal(accept_job(j, 2), EV_OK);
    assert_int_equal(count_pending(j), 0); /* they are this process's: it knows them */
    sv_journal_close(&j);

    j = open_journal();
    sv_record r;
    ev_error err;
    assert_int_equal(sv_journal_next_pending(j, 0, &r, &err), EV_OK);
    assert_string_equal(r.id, "00000000000000000000000000000001");
    assert_string_equal(r.owner, "ann");
    assert_string_equal(r.request, "{\"text\": \"Hello.\"}");
    assert_null(r.outcome);
    assert_int_equal(r.reference_bytes, 3000000);
    for (size_t i = 0; i < r.reference_bytes; i++) assert_int_equal(((char *)r.reference)[i], 'r');
    const int64_t after = r.number;
    sv_record_free(&r);
    assert_int_equal(sv_journal_next_pending(j, after, &r, &err), EV_OK);
    assert_string_equal(r.id, "00000000000000000000000000000002");
    assert_null(r.reference);
    const int64_t last = r.number;
    sv_record_free(&r);
    assert_int_equal(sv_journal_next_pending(j, last, &r, &err), EV_E_NOT_FOUND);
    assert_int_equal(look(j).pending, 2);
    sv_journal_close(&j);
}

static void an_end_outlives_the_process(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    accept_job(j, 1);
    accept_job(j, 2);
    assert_int_equal(complete(j, 1, 1000), EV_OK);
    assert_int_equal(look(j).pending, 1);
    assert_int_equal(look(j).result_bytes, 1000);
    sv_journal_close(&j);
    j = open_journal();
    assert_true(is_there(j, 1, SV_RECORD_COMPLETED));
    assert_int_equal(count_pending(j), 1);
    assert_int_equal(look(j).results, 1);
    assert_int_equal(look(j).result_bytes, 1000);
    sv_record r;
    assert_int_equal(sv_journal_find(j, "00000000000000000000000000000001", true, &r, NULL), EV_OK);
    assert_int_equal(r.result_bytes, 1000);
    assert_int_equal(r.digest[31], 7);
    sv_record_free(&r);
    sv_journal_close(&j);
}

static void a_job_ends_once(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    accept_job(j, 1);
    assert_int_equal(complete(j, 1, 10), EV_OK);
    assert_int_equal(complete(j, 1, 20), EV_E_NOT_FOUND);
    assert_int_equal(bury(j, 1, true), EV_E_NOT_FOUND);
    assert_true(is_there(j, 1, SV_RECORD_COMPLETED));
    assert_int_equal(look(j).result_bytes, 10);
    assert_int_equal(complete(j, 2, 10), EV_E_NOT_FOUND); /* never accepted */
    sv_journal_close(&j);
}

static void what_is_deleted_stays_so(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    accept_job(j, 1);
    accept_job(j, 2);
    complete(j, 2, 5);
    assert_int_equal(forget(j, 1), EV_OK);
    assert_int_equal(forget(j, 2), EV_OK);
    assert_int_equal(forget(j, 3), EV_OK);               /* as it is not there */
    assert_int_equal(complete(j, 1, 5), EV_E_NOT_FOUND); /* the engine did not know yet */
    sv_journal_close(&j);
    j = open_journal();
    assert_int_equal(count_pending(j), 0);
    assert_false(is_there(j, 2, SV_RECORD_COMPLETED));
    assert_int_equal(look(j).result_bytes, 0);
    sv_journal_close(&j);
}

static void a_key_means_one_job(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    for (int n = 1; n <= 2; n++) {
        sv_entry e = entry_of(SV_ENTRY_ACCEPT, n);
        e.record.keyed = true;
        memset(e.record.once_key, 'k', sizeof e.record.once_key);
        memset(e.record.once_body, 'a' + n, sizeof e.record.once_body);
        assert_int_equal(write_entry(j, &e), EV_OK);
        assert_string_equal(e.other, n == 1 ? "" : "00000000000000000000000000000001");
    }
    sv_journal_close(&j);
    j = open_journal();
    assert_int_equal(count_pending(j), 1);
    unsigned char key[SV_RECORD_DIGEST];
    sv_record r;
    memset(key, 'k', sizeof key);
    assert_int_equal(sv_journal_find_key(j, key, &r, NULL), EV_OK);
    assert_string_equal(r.id, "00000000000000000000000000000001");
    assert_int_equal(r.once_body[0], 'b');
    sv_record_free(&r);
    memset(key, 'l', sizeof key);
    assert_int_equal(sv_journal_find_key(j, key, &r, NULL), EV_E_NOT_FOUND);
    forget(j, 1);
    memset(key, 'k', sizeof key);
    assert_int_equal(sv_journal_find_key(j, key, &r, NULL), EV_E_NOT_FOUND); /* free again */
    sv_journal_close(&j);
}

static void dead_letters_are_tried_again_once(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    sv_record r;
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, 1);
    e.record.reference = strdup("recording");
    e.record.reference_bytes = 9;
    write_entry(j, &e);
    assert_int_equal(bury(j, 1, true), EV_OK);
    assert_int_equal(bury(j, 2, false), EV_OK);
    sv_journal_close(&j);

    j = open_journal();
    assert_int_equal(look(j).dead, 2);
    assert_int_equal(look(j).pending, 0);
    assert_int_equal(sv_journal_next_dead(j, 0, &r, NULL), EV_OK);
    assert_string_equal(r.outcome, "{\"error\": \"the device broke\"}");
    sv_record_free(&r);
    assert_int_equal(sv_journal_find(j, "00000000000000000000000000000001", true, &r, NULL), EV_OK);
    assert_int_equal(r.reference_bytes, 9); /* whoever repairs needs all that was asked for */
    sv_record_free(&r);
    for (int n = 3; n <= 4; n++) {
        sv_entry again = entry_of(SV_ENTRY_RETRY, n);
        name_id(again.other, 1);
        assert_int_equal(write_entry(j, &again), n == 3 ? EV_OK : EV_E_NOT_FOUND);
    }
    assert_int_equal(look(j).dead, 1);
    assert_true(is_there(j, 1, SV_RECORD_FAILED)); /* who asks for it is told how it ended */
    assert_true(is_there(j, 3, SV_RECORD_ACCEPTED));
    assert_false(is_there(j, 4, SV_RECORD_ACCEPTED));
    sv_journal_close(&j);
}

/* ---- many at once ---- */

static void many_acceptances_share_an_fsync(void **state) {
    (void)state;
    enum { MANY = 400 };
    sv_journal *j = open_journal();
    sv_entry *entries = calloc(MANY, sizeof *entries);
    for (int i = 0; i < MANY; i++) entries[i] = entry_of(SV_ENTRY_ACCEPT, i + 1);
    const long before = atomic_load(&fault_syncs);
    for (int i = 0; i < MANY; i++) sv_journal_put(j, &entries[i]);
    wait_done(MANY);
    const long syncs = atomic_load(&fault_syncs) - before;
    assert_true(syncs >= 1); /* and durable means that there is one */
    assert_true(syncs <= MANY / 4);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(entries[i].status, EV_OK);
        sv_record_free(&entries[i].record);
    }
    free(entries);
    sv_journal_close(&j);
    j = open_journal();
    assert_int_equal(count_pending(j), MANY);
    sv_journal_close(&j);
}

static void what_was_put_first_is_done_first(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    sv_entry entries[3] = {entry_of(SV_ENTRY_ACCEPT, 1), completed(1, 9), entry_of(SV_ENTRY_SYNC, 1)};
    for (int i = 0; i < 3; i++) sv_journal_put(j, &entries[i]);
    wait_done(3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(entries[i].status, EV_OK);
        sv_record_free(&entries[i].record);
    }
    assert_true(is_there(j, 1, SV_RECORD_COMPLETED));
    for (int i = 0; i < 1000 && !sv_journal_idle(j); i++) usleep(10000); /* done is called before it rests */
    assert_true(sv_journal_idle(j));
    sv_journal_close(&j);
}

/* ---- the end of the process, at every write ---- */

enum { SCENARIO_JOBS = 6 };
static int told_fd;

static void tell(const sv_entry *e) {
    if (e->status != EV_OK) return;
    char line[64];
    const int length = snprintf(line, sizeof line, "%d %s\n", e->kind, e->record.id);
    if (write(told_fd, line, (size_t)length) != length) _exit(3);
}

/* Accepts, completes the odd ones, deletes the third: and tells what was called durable. */
static void run_scenario(fault_kind kind, long at) {
    fault_set(kind, at);
    on_done = tell;
    const sv_journal_options options = plain_options();
    sv_journal *j = NULL;
    if (sv_journal_sqlite(&j, &options, NULL) != EV_OK) _exit(2);
    for (int n = 1; n <= SCENARIO_JOBS; n++) {
        accept_job(j, n);
        if (n % 2) complete(j, n, 100);
    }
    forget(j, 3);
    sv_journal_close(&j);
    _exit(0);
}

/* Exit status of a process that runs it and meets the fault; what it told. */
static int run_in_child(fault_kind kind, long at, char *told, size_t size) {
    int fds[2], status;
    size_t length = 0;
    assert_int_equal(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        told_fd = fds[1];
        run_scenario(kind, at);
    }
    close(fds[1]);
    for (ssize_t got; length < size - 1 && (got = read(fds[0], told + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    told[length] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool was_told(const char *told, sv_entry_kind kind, int n) {
    char line[64], id[SV_RECORD_ID + 1];
    name_id(id, n);
    snprintf(line, sizeof line, "%d %s\n", kind, id);
    return strstr(told, line) != NULL;
}

/* What was called durable is there; what is there beside it may have been written without a word. */
static void check_scenario(const char *told) {
    sv_journal *j = open_journal();
    for (int n = 1; n <= SCENARIO_JOBS; n++) {
        const bool ended = was_told(told, SV_ENTRY_END, n), deleted = was_told(told, SV_ENTRY_DELETE, n);
        if (deleted)
            assert_false(is_there(j, n, SV_RECORD_COMPLETED) || is_there(j, n, SV_RECORD_ACCEPTED));
        else if (ended && n != 3)
            assert_true(is_there(j, n, SV_RECORD_COMPLETED));
        else if (was_told(told, SV_ENTRY_ACCEPT, n) && n != 3)
            assert_true(is_there(j, n, SV_RECORD_ACCEPTED) || is_there(j, n, SV_RECORD_COMPLETED));
    }
    assert_string_equal(look(j).set_aside, ""); /* it is not damaged */
    assert_int_equal(accept_job(j, 99), EV_OK); /* and goes on */
    sv_journal_close(&j);
}

static void clean_dir(void) {
    remove_dir(NULL);
    make_dir(NULL);
}

static void nothing_told_is_lost_wherever_it_is_killed(void **state) {
    (void)state;
    char told[4096];
    long at = 1;
    for (;; at++) {
        const int status = run_in_child(FAULT_KILL, at, told, sizeof told);
        fault_set(FAULT_NONE, 0);
        check_scenario(told);
        clean_dir();
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    printf("killed at each of %ld writes and syncs\n", at - 1);
    assert_true(at > 40); /* 10 commits, and the making of the file */
}

static void nothing_told_is_lost_whichever_write_fails(void **state) {
    (void)state;
    static const fault_kind kinds[] = {FAULT_FULL, FAULT_IO};
    char told[4096];
    for (size_t k = 0; k < 2; k++) {
        int started = 0;
        for (long at = 1; at < 60; at++) {
            const int status = run_in_child(kinds[k], at, told, sizeof told);
            assert_true(WIFEXITED(status)); /* it never crashes */
            started += WEXITSTATUS(status) == 0;
            fault_set(FAULT_NONE, 0);
            check_scenario(told);
            clean_dir();
        }
        assert_true(started > 10);
    }
}

/* ---- the disk ---- */

static void a_full_disk_refuses_and_recovers(void **state) {
    (void)state;
    sv_journal *j = open_journal();
    assert_int_equal(accept_job(j, 1), EV_OK);
    fault_set(FAULT_FULL, 1);
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, 2);
    assert_int_equal(write_entry(j, &e), EV_E_LIMIT);
    assert_non_null(strstr(e.error.message, dir));
    assert_non_null(strstr(e.error.message, "store_max"));
    assert_int_equal(complete(j, 1, 10), EV_E_LIMIT);
    assert_true(look(j).failing);
    assert_int_equal(look(j).errors, 2);
    assert_true(is_there(j, 1, SV_RECORD_ACCEPTED));
    fault_set(FAULT_NONE, 0);
    assert_int_equal(accept_job(j, 3), EV_OK);
    assert_int_equal(complete(j, 1, 10), EV_OK);
    assert_false(look(j).failing);
    assert_int_equal(look(j).pending, 1);
    sv_journal_close(&j);
    j = open_journal();
    assert_int_equal(count_pending(j), 1);
    sv_journal_close(&j);
}

static void the_reserve_is_for_ends(void **state) {
    (void)state;
    sv_journal_options options = plain_options();
    sv_journal *j = open_with(&options);
    accept_job(j, 1);
    sv_journal_close(&j);
    options.reserve = INT64_MAX;
    j = open_with(&options);
    assert_int_equal(accept_job(j, 2), EV_E_LIMIT);
    assert_int_equal(complete(j, 1, 10), EV_OK);
    sv_journal_close(&j);
}

/* ---- limits ---- */

static void accept_for(sv_journal *j, int n, const char *holder, bool untrusted, int64_t bytes, int64_t done_ms) {
    sv_entry e = entry_of(SV_ENTRY_ACCEPT, n);
    snprintf(e.record.holder, sizeof e.record.holder, "%s", holder);
    e.record.untrusted = untrusted;
    assert_int_equal(write_entry(j, &e), EV_OK);
    if (!bytes) return;
    sv_entry end = completed(n, bytes);
    end.record.done_ms = done_ms;
    assert_int_equal(write_entry(j, &end), EV_OK);
}

/* The writer looks at its limits about once a second. */
static bool goes(sv_journal *j, int n) {
    for (int i = 0; i < 500 && is_there(j, n, SV_RECORD_COMPLETED); i++) usleep(10000);
    return !is_there(j, n, SV_RECORD_COMPLETED);
}

static void what_is_old_goes_and_what_is_owed_stays(void **state) {
    (void)state;
    sv_journal_options options = plain_options();
    sv_store *store = NULL;
    char results[80];
    snprintf(results, sizeof results, "%s/results", dir);
    assert_int_equal(sv_store_directory(&store, results, NULL), EV_OK);
    options.ttl_s = 60;
    options.store = store;
    sv_journal *j = open_with(&options);
    char byte, id[SV_RECORD_ID + 1];
    name_id(id, 1);
    assert_int_equal(sv_store_put(store, id, "x", 1, NULL), EV_OK);
    sv_entry owed = entry_of(SV_ENTRY_ACCEPT, 3);
    owed.record.created_ms = now_ms() - 86400000; /* waits for a day, and is still to be made */
    assert_int_equal(write_entry(j, &owed), EV_OK);
    accept_for(j, 2, "ann", false, 1, now_ms());
    accept_for(j, 1, "ann", false, 1, now_ms() - 61000);
    assert_true(goes(j, 1));
    assert_int_equal(sv_store_get(store, id, 1, &byte, NULL), EV_E_NOT_FOUND); /* and its result with it */
    assert_true(is_there(j, 2, SV_RECORD_COMPLETED));
    assert_true(is_there(j, 3, SV_RECORD_ACCEPTED));
    sv_journal_close(&j);
    sv_store_close(&store);
}

static void strangers_give_way_before_keys_and_who_has_most_first(void **state) {
    (void)state;
    sv_journal_options options = plain_options();
    options.bytes_max = 1000;
    sv_journal *j = open_with(&options);
    accept_for(j, 1, "ann", false, 400, now_ms() - 9000); /* a key's, and the oldest */
    accept_for(j, 2, "192.0.2.1", true, 200, now_ms() - 8000);
    accept_for(j, 3, "192.0.2.2", true, 200, now_ms() - 7000);
    accept_for(j, 4, "192.0.2.1", true, 150, now_ms() - 6000);
    accept_for(j, 5, "bob", false, 0, 0); /* not made yet */
    usleep(1500000);
    assert_true(is_there(j, 2, SV_RECORD_COMPLETED)); /* 950: all fit */
    accept_for(j, 6, "192.0.2.2", true, 60, now_ms());
    assert_true(goes(j, 2)); /* 1010: the untrusted client with most (350), his oldest; 810 are left */
    assert_true(is_there(j, 1, SV_RECORD_COMPLETED));
    assert_true(is_there(j, 3, SV_RECORD_COMPLETED));
    assert_true(is_there(j, 4, SV_RECORD_COMPLETED));
    accept_for(j, 7, "bob", false, 900, now_ms());
    assert_true(goes(j, 6)); /* untrusted clients have nothing left before a key loses anything */
    assert_true(goes(j, 3) && goes(j, 4));
    assert_true(goes(j, 7)); /* 1300 of keys: bob has most */
    assert_true(is_there(j, 1, SV_RECORD_COMPLETED));
    assert_true(is_there(j, 5, SV_RECORD_ACCEPTED));
    assert_int_equal(look(j).result_bytes, 400);
    sv_journal_close(&j);
}

/* ---- damage ---- */

static void path_of(char path[100], const char *name) { snprintf(path, 100, "%s/%s", dir, name); }

static void fill(int count) {
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

static void overwrite(off_t at, size_t size) {
    char path[100], noise[4096];
    path_of(path, "jobs.db");
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)(i * 151 + 17);
    for (size_t done_bytes = 0; done_bytes < size; done_bytes += sizeof noise)
        assert_int_equal(pwrite(fd, noise, sizeof noise, at + (off_t)done_bytes), sizeof noise);
    close(fd);
}

static off_t size_of(const char *name) {
    char path[100];
    struct stat info;
    path_of(path, name);
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void check_set_aside(sv_journal *j, off_t size) {
    const sv_journal_state s = look(j);
    struct stat info;
    assert_true(strncmp(s.set_aside, dir, strlen(dir)) == 0);
    assert_int_equal(stat(s.set_aside, &info), 0); /* it is there still, as it was */
    assert_int_equal(info.st_size, size);
    assert_int_equal(s.pending, s.recovered);
    assert_int_equal(count_pending(j), s.recovered);
    assert_int_equal(accept_job(j, 1000), EV_OK);
}

static void damage_in_the_middle_costs_what_stood_there(void **state) {
    (void)state;
    fill(200);
    const off_t size = size_of("jobs.db");
    overwrite(size / 2 / 4096 * 4096, 4096);
    sv_journal *j = open_journal();
    check_set_aside(j, size);
    assert_true(look(j).recovered >= 150);
    assert_true(is_there(j, 1, SV_RECORD_ACCEPTED) && is_there(j, 200, SV_RECORD_ACCEPTED));
    sv_journal_close(&j);
    j = open_journal(); /* the new one is whole */
    assert_string_equal(look(j).set_aside, "");
    sv_journal_close(&j);
}

static void a_file_that_was_cut_keeps_what_is_left(void **state) {
    (void)state;
    char path[100];
    fill(200);
    const off_t size = size_of("jobs.db") / 2 / 4096 * 4096;
    path_of(path, "jobs.db");
    assert_int_equal(truncate(path, size), 0);
    sv_journal *j = open_journal();
    check_set_aside(j, size);
    sv_journal_close(&j);
}

static void a_file_of_noise_is_set_aside(void **state) {
    (void)state;
    fill(50);
    const off_t size = size_of("jobs.db");
    overwrite(0, (size_t)size);
    sv_journal *j = open_journal();
    check_set_aside(j, size_of("jobs.db") < 0 ? size : size);
    assert_int_equal(look(j).recovered, 0);
    sv_journal_close(&j);
    fill(1);
    overwrite(0, 4096); /* a second one gets a name of its own */
    j = open_journal();
    assert_true(strlen(look(j).set_aside) > 0);
    sv_journal_close(&j);
    char command[120];
    snprintf(command, sizeof command, "test $(ls %s | grep -c 'damaged-[^-]*\\(-[0-9]*\\)\\?$') = 2", dir);
    assert_int_equal(system(command), 0);
}

/* Any page, not only one that a test's author thought of: it starts, and tells, or was not concerned. */
static void no_damaged_page_ends_the_service_or_passes_unseen(void **state) {
    (void)state;
    fill(40);
    const off_t size = size_of("jobs.db");
    char copy[300];
    snprintf(copy, sizeof copy, "cp %s/jobs.db %s/copy", dir, dir);
    assert_int_equal(system(copy), 0);
    for (off_t at = 0; at < size; at += 4096) {
        snprintf(copy, sizeof copy, "rm -f %s/jobs.db*; cp %s/copy %s/jobs.db", dir, dir, dir);
        assert_int_equal(system(copy), 0);
        overwrite(at, 4096);
        sv_journal *j = open_journal();
        const sv_journal_state s = look(j);
        assert_true(s.set_aside[0] ? s.pending == s.recovered : s.pending == 40);
        assert_int_equal(count_pending(j), s.pending);
        sv_journal_close(&j);
    }
}

/* ---- other hands ---- */

static ev_status try_open(ev_error *err) {
    sv_journal *j = NULL;
    const sv_journal_options options = plain_options();
    const ev_status status = sv_journal_sqlite(&j, &options, err);
    assert_true(status == EV_OK || !j);
    sv_journal_close(&j);
    return status;
}

static void run_sql(const char *sql) {
    char path[100];
    sqlite3 *db;
    path_of(path, "jobs.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_directory_is_one_process_s(void **state) {
    (void)state;
    ev_error err;
    sv_journal *j = open_journal();
    assert_int_equal(try_open(&err), EV_E_IO);
    assert_non_null(strstr(err.message, "another process"));
    assert_int_equal(accept_job(j, 1), EV_OK);
    sv_journal_close(&j);
    assert_int_equal(try_open(&err), EV_OK);
}

static void what_is_not_ours_is_left_alone(void **state) {
    (void)state;
    ev_error err;
    run_sql("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
    assert_int_equal(try_open(&err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "another program"));
    run_sql("SELECT x FROM theirs");
}

static void a_newer_version_s_is_left_alone(void **state) {
    (void)state;
    ev_error err;
    fill(1);
    run_sql("PRAGMA user_version = 77");
    assert_int_equal(try_open(&err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "newer version (77"));
    assert_true(size_of("jobs.db") > 0);
}

static void a_place_that_cannot_be_written_is_told(void **state) {
    (void)state;
    ev_error err;
    sv_journal *j = NULL;
    const sv_journal_options options = {.dir = "/proc/nowhere"};
    assert_int_equal(sv_journal_sqlite(&j, &options, &err), EV_E_IO);
    assert_non_null(strstr(err.message, "/proc/nowhere"));
}

/* ---- size ---- */

/* Of the process: what a busy machine takes besides is not the journal's. */
static double cpu_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void a_hundred_thousand_jobs_are_no_wait(void **state) {
    (void)state;
    fill(1);
    run_sql("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
            "INSERT INTO job(id, owner, holder, untrusted, state, dead, created_ms, done_ms, result_bytes, digest, "
            "request) SELECT printf('%032x', i), 'ann', 'ann', 0, i % 2, 0, 1, 9000000000000, (i % 2) * 1000, "
            "zeroblob(32), '{\"text\": \"' || printf('%.*c', 300, 'x') || '\"}' FROM n");
    const double start = cpu_s();
    sv_journal *j = open_journal();
    sv_record r;
    assert_int_equal(sv_journal_next_pending(j, 0, &r, NULL), EV_OK);
    sv_record_free(&r);
    const double seconds = cpu_s() - start;
    assert_int_equal(look(j).pending, 50001);
    assert_int_equal(look(j).result_bytes, 49999000);
    assert_int_equal(accept_job(j, 200000), EV_OK);
    printf("opened in %.3f s of a core\n", seconds);
    assert_true(seconds < 2);
    sv_journal_close(&j);
}

int main(void) {
    faulty_register();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_outlives_the_process, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(an_end_outlives_the_process, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_job_ends_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_deleted_stays_so, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_key_means_one_job, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(dead_letters_are_tried_again_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(many_acceptances_share_an_fsync, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_was_put_first_is_done_first, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(nothing_told_is_lost_wherever_it_is_killed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(nothing_told_is_lost_whichever_write_fails, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_recovers, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_reserve_is_for_ends, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_old_goes_and_what_is_owed_stays, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(strangers_give_way_before_keys_and_who_has_most_first, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(damage_in_the_middle_costs_what_stood_there, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_file_that_was_cut_keeps_what_is_left, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_file_of_noise_is_set_aside, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(no_damaged_page_ends_the_service_or_passes_unseen, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_directory_is_one_process_s, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_left_alone, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_newer_version_s_is_left_alone, make_dir, remove_dir),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
        cmocka_unit_test_setup_teardown(a_hundred_thousand_jobs_are_no_wait, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
