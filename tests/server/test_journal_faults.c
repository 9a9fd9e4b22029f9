/* journal: what was called durable is there wherever the process ends or a write fails; damage is told and set aside.
 */
#include "journal_fixture.h"

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

/* ---- damage ---- */

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

int main(void) {
    faulty_register();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_told_is_lost_wherever_it_is_killed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(nothing_told_is_lost_whichever_write_fails, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_recovers, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_reserve_is_for_ends, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(damage_in_the_middle_costs_what_stood_there, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_file_that_was_cut_keeps_what_is_left, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_file_of_noise_is_set_aside, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(no_damaged_page_ends_the_service_or_passes_unseen, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
