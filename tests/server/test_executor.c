/* The executor: lanes do not wait for each other, clients take turns, and one client never has all threads of a lane.
 * Each rule is forced: tasks that hold their threads are let go by the test alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "server/http/executor.h"

enum { TASKS_MAX = 600 };

static sv_executor *executor;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int begun, done, order[TASKS_MAX]; /* numbers of tasks, as they began */
static bool open_gate;

typedef struct task {
    sv_exec_task exec;
    int number;
    bool held; /* ends only once the gate is open */
} task;

static task tasks[TASKS_MAX];

static void run(void *user) {
    const task *t = user;
    pthread_mutex_lock(&lock);
    order[begun++] = t->number;
    pthread_cond_broadcast(&changed);
    while (t->held && !open_gate) pthread_cond_wait(&changed, &lock);
    done++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static bool put(sv_lane lane, int number, const char *account, bool held) {
    task *t = &tasks[number];
    *t = (task){.number = number, .held = held};
    t->exec = (sv_exec_task){.run = run, .user = t, .account = account};
    return sv_executor_put(executor, lane, &t->exec);
}

/* Until so many have begun or ended; a test that waits in vain fails. */
static void await(const int *count, int wanted) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    pthread_mutex_lock(&lock);
    while (*count < wanted) assert_int_equal(pthread_cond_timedwait(&changed, &lock, &end), 0);
    pthread_mutex_unlock(&lock);
}

static void open_the_gate(void) {
    pthread_mutex_lock(&lock);
    open_gate = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int setup(void **state) {
    (void)state;
    begun = done = 0;
    open_gate = false;
    return sv_executor_create(&executor, NULL);
}

static int teardown(void **state) {
    (void)state;
    open_the_gate();
    sv_executor_free(&executor);
    return 0;
}

/* In the lanes with a spare thread. */
static void a_crowd_leaves_a_thread_to_others(void **state) {
    (void)state;
    static const sv_lane lanes[] = {SV_LANE_ASK, SV_LANE_BULK, SV_LANE_AUDIO_FIRST};
    for (size_t i = 0; i < EV_ARRAY_COUNT(lanes); i++) {
        for (int n = 0; n < 12; n++) assert_true(put(lanes[i], n, "crowd", true));
        await(&begun, 1);
        assert_true(put(lanes[i], 12, "other", false));
        await(&done, 1); /* while all that run of the crowd are held */
        open_the_gate();
        await(&done, 13);
        teardown(state);
        assert_int_equal(setup(state), 0);
    }
}

/* Whatever the number of threads, another's task is not behind the crowd that came before it. */
static void clients_take_turns(void **state) {
    (void)state;
    static const char *const blockers[] = {"a", "b", "c", "d"};
    const int quarter = ev_cores_available() / 4, threads = quarter < 1 ? 1 : quarter > 4 ? 4 : quarter;
    for (int n = 0; n < threads; n++) assert_true(put(SV_LANE_AUDIO_MADE, n, blockers[n], true));
    await(&begun, threads);
    for (int n = threads; n < 100; n++) assert_true(put(SV_LANE_AUDIO_MADE, n, "crowd", false));
    assert_true(put(SV_LANE_AUDIO_MADE, 100, "other", false));
    open_the_gate();
    await(&done, 101);
    int place = 0;
    while (order[place] != 100) place++;
    assert_in_range(place, threads, 2 * threads + 1);
}

static void every_task_is_done_once(void **state) {
    (void)state;
    static const char *const accounts[] = {"a", "b", "c"};
    static const sv_lane lanes[] = {SV_LANE_ASK, SV_LANE_AUDIO_FIRST, SV_LANE_AUDIO_LONG, SV_LANE_AUDIO_MADE};
    for (int n = 0; n < TASKS_MAX; n++) assert_true(put(lanes[n % 4], n, accounts[n % 3 * (n % 2)], false));
    sv_executor_stop(executor); /* what is there is done */
    assert_int_equal(done, TASKS_MAX);
    bool seen[TASKS_MAX] = {false};
    for (int i = 0; i < done; i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
    }
    assert_false(put(SV_LANE_ASK, 0, "late", false));
}

static void bulk_has_room_for_a_part_of_each(void **state) {
    (void)state;
    assert_true(put(SV_LANE_BULK, 0, "crowd", true));
    await(&begun, 1);
    for (int n = 1; n <= 16; n++) assert_true(put(SV_LANE_BULK, n, "crowd", false));
    assert_false(put(SV_LANE_BULK, 17, "crowd", false));
    assert_true(put(SV_LANE_BULK, 17, "other", false));
    await(&done, 1);
    open_the_gate();
    await(&done, 18);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(a_crowd_leaves_a_thread_to_others),
        RULE(clients_take_turns),
        RULE(every_task_is_done_once),
        RULE(bulk_has_room_for_a_part_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
