/* limit: buckets empty and refill by the clock they are given; the table forgets who was quiet longest; threads
 * together get no token too many. */
#include <pthread.h>

#include "guard_test.h"

enum { SECOND = 1000000 };

static sv_limiter *limiter(size_t accounts) {
    sv_limiter *l = NULL;
    assert_int_equal(sv_limiter_create(&l, accounts, NULL), EV_OK);
    return l;
}

static void empties_and_refills(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    const sv_rate rate = {5, 10};
    uint64_t now = 7 * (uint64_t)SECOND;
    for (int i = 0; i < 10; i++) {
        const sv_grant g = sv_limiter_take(l, "ip:1", rate, 1, now);
        assert_true(g.ok);
        assert_true(g.remaining == 9 - i);
        assert_int_equal(g.retry_after_ms, 0);
    }
    sv_grant g = sv_limiter_take(l, "ip:1", rate, 1, now);
    assert_false(g.ok);
    assert_true(g.remaining == 0);
    assert_in_range(g.retry_after_ms, 200, 201);
    assert_false(sv_limiter_take(l, "ip:1", rate, 1, now + 199000).ok);
    assert_true(sv_limiter_take(l, "ip:1", rate, 1, now + g.retry_after_ms * 1000).ok); /* as promised */
    assert_true(sv_limiter_take(l, "ip:2", rate, 10, now).ok);                          /* another's is its own */
    now += 3600 * (uint64_t)SECOND;
    g = sv_limiter_take(l, "ip:1", rate, 4, now); /* never above the burst */
    assert_true(g.ok && g.remaining == 6);
    sv_limiter_free(&l);
    assert_null(l);
    sv_limiter_free(&l);
}

static void keeps_the_rate_over_time(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    int granted = 0;
    for (uint64_t us = 0; us < 60 * (uint64_t)SECOND; us += 7919) /* asks 126 times a second for a minute */
        granted += sv_limiter_take(l, "key:a", SV_RATE_ANONYMOUS, 1, us).ok;
    assert_in_range(granted, 309, 310); /* 10 + 60 x 5 */
    sv_limiter_free(&l);
}

/* Two tables, and what all have left is kept as the queue's store keeps it. */
static void what_is_shared_is_counted_together(void **state) {
    (void)state;
    sv_limiter *tables[2] = {limiter(0), limiter(0)};
    sv_limiter_change changes[4];
    double left = 10;
    int granted = 0;
    for (int i = 0; i < 2; i++) assert_int_equal(sv_limiter_share(tables[i], NULL), EV_OK);
    for (int ms = 0; ms < 60000; ms++) {
        const uint64_t now = (uint64_t)ms * 1000;
        left = left + 0.005 < 10 ? left + 0.005 : 10;
        if (ms % 8 == 0) granted += sv_limiter_take(tables[ms / 8 % 2], "ip:1", SV_RATE_ANONYMOUS, 1, now).ok;
        for (int i = 0; i < 2 && ms % 50 == 0; i++) {
            const size_t count = sv_limiter_changes(tables[i], changes, 4);
            if (!count) continue;
            assert_int_equal(count, 1);
            assert_string_equal(changes[0].account, "ip:1");
            left -= changes[0].taken;
            sv_limiter_clamp(tables[i], "ip:1", changes[0].rate, left, now);
        }
    }
    assert_in_range(granted, 305, 322); /* 10 + 60 x 5, and what the second grants before it is told */
    for (int i = 0; i < 2; i++) sv_limiter_free(&tables[i]);
}

static void changes_of_accounts_that_were_forgotten_are_no_one_s(void **state) {
    (void)state;
    sv_limiter *l = limiter(2);
    sv_limiter_change changes[8];
    const char *accounts[] = {"a", "b", "c", "d", "e"};
    assert_int_equal(sv_limiter_share(l, NULL), EV_OK);
    for (int i = 0; i < 5; i++) assert_true(sv_limiter_take(l, accounts[i], SV_RATE_ANONYMOUS, 2, 0).ok);
    sv_limiter_refund(l, "e", SV_RATE_ANONYMOUS, 1, 0);
    assert_int_equal(sv_limiter_changes(l, changes, 8), 2);
    for (int i = 0; i < 2; i++) assert_true(changes[i].taken == (changes[i].account[0] == 'e' ? 1 : 2));
    assert_int_equal(sv_limiter_changes(l, changes, 8), 0);
    sv_limiter_take(l, "d", SV_RATE_ANONYMOUS, 1, 0);
    sv_limiter_clamp(l, "d", SV_RATE_ANONYMOUS, 3, 0); /* of which one is to be told still */
    assert_true(sv_limiter_take(l, "d", SV_RATE_ANONYMOUS, 2, 0).ok);
    assert_false(sv_limiter_take(l, "d", SV_RATE_ANONYMOUS, 1, 0).ok);
    sv_limiter_free(&l);
}

static void a_clock_that_runs_back_gives_nothing(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    const sv_rate rate = {1, 1};
    assert_true(sv_limiter_take(l, "a", rate, 1, 100 * (uint64_t)SECOND).ok);
    assert_false(sv_limiter_take(l, "a", rate, 1, 0).ok);
    assert_false(sv_limiter_take(l, "a", rate, 1, 50 * (uint64_t)SECOND).ok);
    assert_false(sv_limiter_take(l, "a", rate, 1, 100 * (uint64_t)SECOND + 500000).ok);
    assert_true(sv_limiter_take(l, "a", rate, 1, 101 * (uint64_t)SECOND).ok);
    sv_limiter_free(&l);
}

static void more_than_the_burst_is_paid_back(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    const sv_rate rate = {10, 20};
    sv_grant g = sv_limiter_take(l, "a", rate, 50, 0);
    assert_true(g.ok && g.remaining == -30);
    g = sv_limiter_take(l, "a", rate, 1, 0);
    assert_false(g.ok);
    assert_in_range(g.retry_after_ms, 3100, 3101);
    g = sv_limiter_take(l, "a", rate, 50, 0);
    assert_in_range(g.retry_after_ms, 5000, 5001);
    assert_true(sv_limiter_take(l, "a", rate, 50, 5 * (uint64_t)SECOND + 1000).ok);
    sv_limiter_free(&l);
}

static void what_is_given_back_may_be_had_again(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    const sv_rate rate = {1, 10};
    assert_true(sv_limiter_take(l, "a", rate, 10, 0).ok);
    assert_false(sv_limiter_take(l, "a", rate, 4, 0).ok);
    sv_limiter_refund(l, "a", rate, 4, 0);
    assert_true(sv_limiter_take(l, "a", rate, 4, 0).ok);
    sv_limiter_refund(l, "a", rate, 100, 0); /* never above the burst */
    const sv_grant g = sv_limiter_take(l, "a", rate, 10, 0);
    assert_true(g.ok && g.remaining == 0);
    sv_limiter_free(&l);
}

static void rates_may_change_and_be_zero(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    assert_true(sv_limiter_take(l, "a", (sv_rate){1, 100}, 10, 0).ok);
    const sv_grant g = sv_limiter_take(l, "a", (sv_rate){1, 5}, 1, 0); /* the burst is lower now */
    assert_true(g.ok && g.remaining == 4);
    assert_true(sv_limiter_take(l, "a", (sv_rate){0, 4}, 4, 0).ok);
    assert_true(sv_limiter_take(l, "a", (sv_rate){0, 4}, 1, 1u << 31).retry_after_ms == UINT64_MAX);
    sv_limiter_free(&l);
}

static void forgets_the_quietest(void **state) {
    (void)state;
    sv_limiter *l = limiter(3);
    const sv_rate rate = {0, 1};
    assert_true(sv_limiter_take(l, "a", rate, 1, 0).ok);
    assert_true(sv_limiter_take(l, "b", rate, 1, 0).ok);
    assert_true(sv_limiter_take(l, "c", rate, 1, 0).ok);
    assert_false(sv_limiter_take(l, "a", rate, 1, 0).ok); /* now b is the quietest */
    assert_true(sv_limiter_take(l, "d", rate, 1, 0).ok);
    assert_int_equal(sv_limiter_accounts(l), 3);
    assert_false(sv_limiter_take(l, "a", rate, 1, 0).ok);
    assert_false(sv_limiter_take(l, "c", rate, 1, 0).ok);
    assert_false(sv_limiter_take(l, "d", rate, 1, 0).ok);
    assert_true(sv_limiter_take(l, "b", rate, 1, 0).ok); /* forgotten, so new; a goes */
    assert_false(sv_limiter_take(l, "c", rate, 1, 0).ok);
    sv_limiter_free(&l);
}

/* Against a plain list of all accounts in the order of their use. */
static void table_equals_a_list(void **state) {
    (void)state;
    enum { SIZE = 50, NAMES = 120 };
    sv_limiter *l = limiter(SIZE);
    int order[SIZE], count = 0; /* newest first */
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525u + 1013904223u;
        const int name = (int)(random >> 16) % NAMES;
        int at = 0;
        while (at < count && order[at] != name) at++;
        const bool known = at < count;
        if (!known && count < SIZE) count++;
        if (at == count) at = count - 1;
        memmove(order + 1, order, (size_t)at * sizeof(*order));
        order[0] = name;
        char account[16];
        snprintf(account, sizeof(account), "k%d", name);
        assert_int_equal(sv_limiter_take(l, account, (sv_rate){0, 1}, 1, 0).ok, !known);
        assert_int_equal(sv_limiter_accounts(l), count);
    }
    sv_limiter_free(&l);
}

static void long_accounts_are_cut(void **state) {
    (void)state;
    sv_limiter *l = limiter(0);
    char name[200];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_true(sv_limiter_take(l, name, (sv_rate){0, 1}, 1, 0).ok);
    name[SV_ACCOUNT_SIZE - 1] = '\0';
    assert_false(sv_limiter_take(l, name, (sv_rate){0, 1}, 1, 0).ok);
    assert_int_equal(sv_limiter_accounts(l), 1);
    sv_limiter_free(&l);
    ev_error err;
    assert_int_equal(sv_limiter_create(&l, SIZE_MAX / 2, &err), EV_E_ARGUMENT);
}

typedef struct taker {
    sv_limiter *limiter;
    int granted, number;
} taker;

static void *take_many(void *user) {
    taker *t = user;
    for (int i = 0; i < 5000; i++) {
        char own[16];
        snprintf(own, sizeof(own), "%d-%d", t->number, i % 300); /* forces the table to forget all the time */
        sv_limiter_take(t->limiter, own, (sv_rate){1, 1}, 1, (uint64_t)i);
        t->granted += sv_limiter_take(t->limiter, "shared", (sv_rate){0, 1000}, 1, (uint64_t)i).ok;
    }
    return NULL;
}

static void threads_share_a_bucket(void **state) {
    (void)state;
    sv_limiter *l = limiter(100);
    pthread_t threads[4];
    taker takers[4];
    int granted = 0;
    for (int i = 0; i < 4; i++) {
        takers[i] = (taker){.limiter = l, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        granted += takers[i].granted;
    }
    assert_int_equal(granted, 1000);
    assert_int_equal(sv_limiter_accounts(l), 100);
    sv_limiter_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empties_and_refills),
        cmocka_unit_test(what_is_shared_is_counted_together),
        cmocka_unit_test(changes_of_accounts_that_were_forgotten_are_no_one_s),
        cmocka_unit_test(keeps_the_rate_over_time),
        cmocka_unit_test(a_clock_that_runs_back_gives_nothing),
        cmocka_unit_test(more_than_the_burst_is_paid_back),
        cmocka_unit_test(what_is_given_back_may_be_had_again),
        cmocka_unit_test(rates_may_change_and_be_zero),
        cmocka_unit_test(forgets_the_quietest),
        cmocka_unit_test(table_equals_a_list),
        cmocka_unit_test(long_accounts_are_cut),
        cmocka_unit_test(threads_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
