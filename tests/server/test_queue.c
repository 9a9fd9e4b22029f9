/* The queues before the pool's threads: clients take turns, and what leaves from the middle leaves no gap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/engine/queue.h"

enum { JOBS_MAX = 8 };

static sv_queue queue;
static sv_active jobs[JOBS_MAX];

/* One job of each client that is named, in this order. */
static void fill(const char *clients) {
    memset(&queue, 0, sizeof queue);
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; clients[i]; i++) {
        jobs[i].client = clients[i];
        sv_queue_add(&queue, &jobs[i]);
    }
}

/* What comes out, as digits: the place at which each came in. */
static void assert_taken(const char *places) {
    for (; *places; places++) assert_ptr_equal(sv_queue_take(&queue), &jobs[*places - '0']);
}

static void assert_empty(void) {
    assert_null(sv_queue_take(&queue));
    assert_null(queue.waiting.first);
    assert_null(queue.waiting.last);
}

static void clients_take_turns(void **state) {
    (void)state;
    fill("aaaabbc");
    assert_taken("0461523");
    assert_empty();
}

static void jobs_of_a_client_stay_in_order(void **state) {
    (void)state;
    fill("aaaa");
    assert_taken("0123");
    assert_empty();
}

/* Who comes while another's crowd waits is next; who had the last turn is not. */
static void a_turn_is_remembered(void **state) {
    (void)state;
    fill("aaab");
    assert_taken("03");
    jobs[4].client = 'b';
    jobs[5].client = 'c';
    sv_queue_add(&queue, &jobs[4]);
    sv_queue_add(&queue, &jobs[5]);
    assert_taken("5142");
    assert_empty();
}

static void another_client_on_the_same_account_begins_anew(void **state) {
    (void)state;
    fill("aba");
    assert_taken("01");
    jobs[3].client = 'b';
    sv_queue_add(&queue, &jobs[3]);
    sv_queue_client_reset(&queue, 'b');
    assert_taken("32");
    assert_empty();
}

static void what_leaves_the_queue_leaves_no_gap(void **state) {
    (void)state;
    for (int gone = 0; gone < 3; gone++) {
        static const char *const left[] = {"123", "023", "013"};
        fill("abc");
        assert_true(ev_list_remove(&jobs[gone].node));
        jobs[3].client = 'd';
        sv_queue_add(&queue, &jobs[3]);
        assert_taken(left[gone]);
        assert_empty();
    }
}

static void turns_ahead_are_counted(void **state) {
    (void)state;
    fill("aaaab");
    assert_int_equal(sv_queue_ahead(&queue, 'c'), 2);
    assert_int_equal(sv_queue_ahead(&queue, 'b'), 3);
    assert_int_equal(sv_queue_ahead(&queue, 'a'), 5);
    fill("");
    assert_int_equal(sv_queue_ahead(&queue, 'a'), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(clients_take_turns),
                                       cmocka_unit_test(jobs_of_a_client_stay_in_order),
                                       cmocka_unit_test(a_turn_is_remembered),
                                       cmocka_unit_test(another_client_on_the_same_account_begins_anew),
                                       cmocka_unit_test(what_leaves_the_queue_leaves_no_gap),
                                       cmocka_unit_test(turns_ahead_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
