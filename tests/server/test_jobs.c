/* The table of jobs: what is kept, for how long and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/jobs/jobs.h"

enum { ROOM = 1 << 20, RESULT = 60000 }; /* samples, 120 kB: eight fit the room */

static sv_jobs *jobs;

static int open_jobs(void **state) {
    (void)state;
    return sv_jobs_create(&jobs, ROOM, 600, true, NULL) != EV_OK;
}

static int close_jobs(void **state) {
    (void)state;
    sv_jobs_free(&jobs);
    return 0;
}

static sv_job *take(uint64_t seed, bool kept, sv_idempotency *once, bool *fresh) {
    sv_speech speech;
    sv_speech_init(&speech);
    speech.text = strdup("Hello.");
    speech.text_bytes = 6;
    speech.seed = seed;
    sv_job *job = sv_jobs_take(jobs, &speech, "ann", kept, once, fresh);
    assert_non_null(job);
    return job;
}

static void leave(sv_job **job) {
    atomic_fetch_sub(&(*job)->listeners, 1);
    sv_job_unref(job);
}

/* As the engine does it, in batches of many sizes. */
static void complete(sv_job *job, size_t count) {
    static const float silence[RESULT];
    for (size_t at = 0, step = 1; at < count; at += step, step += 997) {
        if (step > count - at) step = count - at;
        assert_int_equal(sv_job_append(job, silence, step, NULL), EV_OK);
    }
    assert_true(sv_job_finish(job, SV_JOB_COMPLETED, NULL));
    sv_jobs_finish(jobs, job);
}

/* Its id, if it is kept. */
static void make(uint64_t seed, bool kept, char id[SV_JOB_ID + 1]) {
    bool fresh;
    sv_job *job = take(seed, kept, NULL, &fresh);
    assert_true(fresh);
    complete(job, RESULT);
    memcpy(id, job->id, SV_JOB_ID + 1);
    leave(&job);
}

static bool is_kept(const char *id) {
    sv_job *job = sv_jobs_find(jobs, id, "ann");
    const bool there = job != NULL;
    sv_job_unref(&job);
    return there;
}

/* Whether an equal request finds it; if not, it is forgotten again. */
static bool is_shared(uint64_t seed) {
    bool fresh;
    sv_job *job = take(seed, false, NULL, &fresh);
    if (fresh) sv_jobs_forget(jobs, job);
    leave(&job);
    return !fresh;
}

static void what_was_promised_goes_last(void **state) {
    (void)state;
    char promised[4][SV_JOB_ID + 1], id[SV_JOB_ID + 1];
    for (uint64_t i = 0; i < 4; i++) make(i, true, promised[i]);
    for (uint64_t i = 0; i < 20; i++) make(100 + i, false, id);
    for (uint64_t i = 0; i < 4; i++) assert_true(is_kept(promised[i]));
    assert_false(is_shared(100));
    assert_false(is_shared(115));
    for (uint64_t i = 116; i < 120; i++) assert_true(is_shared(i)); /* the youngest four have the rest */
}

static void promises_alone_keep_to_the_room(void **state) {
    (void)state;
    char promised[10][SV_JOB_ID + 1], id[SV_JOB_ID + 1];
    make(100, false, id);
    for (uint64_t i = 0; i < 10; i++) make(i, true, promised[i]);
    assert_false(is_shared(100));
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(is_kept(promised[i]), i >= 2); /* the oldest first */
    make(101, false, id);
    assert_false(is_shared(101)); /* there is no room for it */
    assert_true(is_kept(promised[9]));
}

static void both_end_with_their_time(void **state) {
    (void)state;
    char promised[SV_JOB_ID + 1], id[SV_JOB_ID + 1];
    make(1, true, promised);
    make(2, false, id);
    sv_jobs_sweep(jobs, ev_clock_s() + 599);
    assert_true(is_kept(promised) && is_shared(2));
    sv_jobs_sweep(jobs, ev_clock_s() + 601);
    assert_false(is_kept(promised) || is_shared(2));
}

static void samples_take_no_more_room_than_they_need(void **state) {
    (void)state;
    static const size_t counts[] = {1, 1000, 4096, 12345, RESULT};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE) / sizeof(int16_t);
    for (size_t i = 0; i < EV_ARRAY_COUNT(counts); i++) {
        bool fresh;
        sv_job *job = take(i, false, NULL, &fresh);
        complete(job, counts[i]);
        assert_int_equal(job->count, counts[i]);
        assert_in_range(job->capacity, counts[i], counts[i] + page - 1);
        leave(&job);
    }
}

/* The same POST after a DELETE is a new one, also while the engine has not dropped the old. */
static void a_canceled_job_is_no_answer(void **state) {
    (void)state;
    bool fresh;
    for (int over = 0; over < 2; over++) {
        sv_idempotency once = {.key = {1}, .body = {2}};
        sv_job *first = take(1, true, &once, &fresh);
        assert_true(fresh);
        sv_job *again = take(1, true, &once, &fresh);
        assert_false(fresh);
        assert_ptr_equal(again, first);
        leave(&again);
        if (over) complete(first, RESULT);
        sv_jobs_cancel(jobs, first);
        assert_false(is_kept(first->id));
        again = take(1, true, &once, &fresh);
        assert_true(fresh);
        assert_true(is_kept(again->id));
        sv_jobs_forget(jobs, again);
        leave(&again);
        leave(&first);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_jobs, close_jobs)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(what_was_promised_goes_last), TEST(promises_alone_keep_to_the_room),
                                       TEST(both_end_with_their_time), TEST(samples_take_no_more_room_than_they_need),
                                       TEST(a_canceled_job_is_no_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
