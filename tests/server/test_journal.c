/* journal: what is written is there after the process, in its order and within its limits; whose directory it is. */
#include "journal_fixture.h"

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
        memset(e.record.idempotency_key, 'k', sizeof e.record.idempotency_key);
        memset(e.record.idempotency_body, 'a' + n, sizeof e.record.idempotency_body);
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
    assert_int_equal(r.idempotency_body[0], 'b');
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

static void untrusted_clients_give_way_before_keys_and_who_has_most_first(void **state) {
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

/* ---- other hands ---- */

static ev_status try_open(ev_error *err) {
    sv_journal *j = NULL;
    const sv_journal_options options = plain_options();
    const ev_status status = sv_journal_sqlite(&j, &options, err);
    assert_true(status == EV_OK || !j);
    sv_journal_close(&j);
    return status;
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
        cmocka_unit_test_setup_teardown(what_is_old_goes_and_what_is_owed_stays, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(untrusted_clients_give_way_before_keys_and_who_has_most_first, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(a_directory_is_one_process_s, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_left_alone, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_newer_version_s_is_left_alone, make_dir, remove_dir),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
        cmocka_unit_test_setup_teardown(a_hundred_thousand_jobs_are_no_wait, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
