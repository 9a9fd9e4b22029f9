/* What the scheduler predicts of costs, and whom it lets in, rule by rule. */
#include "server/schedule_rules.h"

/* ---- cost ---- */

static void cost_finds_the_line(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        const int32_t size = 20 + i * 37 % 400;
        sv_schedule_observe(&schedule, SV_ACOUSTIC, size, 3000 + 20 * size);
    }
    assert_true(fabs(schedule.cost[SV_ACOUSTIC].a_us - 3000) < 60);
    assert_true(fabs(schedule.cost[SV_ACOUSTIC].b_us - 20) < 0.4);
    assert_in_range(sv_schedule_predict(&schedule, SV_ACOUSTIC, 1000), 22600, 23400);
    assert_int_equal(sv_schedule_predict(&schedule, SV_VOCODE, 100), 500 + 40 * 100);
}

static void cost_mistrusts_an_outlier_and_follows_a_change(void **state) {
    (void)state;
    sv_cost *c = &schedule.cost[SV_VOCODE];
    const double before = sv_cost_predict(c, 190);
    for (int i = 0; i < 50; i++) sv_cost_observe(c, 150 + i, 500 + 40 * (150 + i));
    sv_cost_observe(c, 190, 1000 * before);
    assert_true(fabs(sv_cost_predict(c, 190) - before) < 1);
    for (int i = 0; i < 15; i++)
        sv_cost_observe(c, 150 + 10 * i, 20 * (500.0 + 40 * (150 + 10 * i))); /* 20 times slower */
    assert_true(fabs(sv_cost_predict(c, 190) / before - 20) < 0.1);
}

static void cost_is_never_negative(void **state) {
    (void)state;
    sv_cost c;
    sv_cost_init(&c, 1000, 10, 100);
    for (int i = 0; i < 200; i++) sv_cost_observe(&c, 10 + i % 100, 3000 - 20.0 * (i % 100)); /* larger is faster */
    assert_true(c.b_us >= 0 && c.a_us >= 0 && sv_cost_predict(&c, 1e6) >= 1);
    sv_cost_init(&c, 1000, 10, 100);
    for (int i = 0; i < 200; i++)
        sv_cost_observe(&c, 10 + i % 100, (10.0 + i % 100) * (10 + i % 100)); /* quadratic */
    assert_true(c.a_us >= 0 && c.b_us > 0);
    const sv_cost kept = c;
    sv_cost_observe(&c, 0, 5);
    sv_cost_observe(&c, 5, -1);
    sv_cost_observe(&c, 5, NAN);
    sv_cost_observe(&c, INFINITY, 5);
    assert_memory_equal(&c, &kept, sizeof c);
    sv_cost_init(&c, 0, 0, 100);
    assert_true(sv_cost_predict(&c, 10) >= 1);
    for (int i = 0; i < 100; i++) sv_cost_observe(&c, 64, 6400); /* one size only: how fast, at least */
    assert_true(fabs(sv_cost_predict(&c, 64) - 6400) < 100);
}

/* ---- admission ---- */

static sv_admission ask(size_t n, const sv_admission_request *request) {
    sv_backlog backlog;
    sv_schedule_backlog(&schedule, items, n, request, &backlog);
    return sv_schedule_admit(&schedule, &backlog, request, now);
}

/* n waiting jobs of 40 tokens (3.04 s) of clients 1 .. clients. */
static void queue_up(size_t n, size_t clients) {
    for (size_t i = 0; i < n; i++) {
        items[i] = item(i, SV_ACOUSTIC, 40, 100);
        items[i].client = (int32_t)(1 + i % clients);
    }
}

static void backlog_adds_up(void **state) {
    (void)state;
    const sv_admission_request request = {.tokens = 40, .sentences = 1, .client = 1, .weight = 2};
    queue_up(3, 2); /* clients 1, 2, 1 */
    items[1] = item(1, SV_VOCODE, 125, 100);
    items[1].client = 2;
    items[1].tokens_left = 20;
    sv_backlog b;
    sv_schedule_backlog(&schedule, items, 3, &request, &b);
    assert_true(fabs(b.tokens - 100) < 1e-9 && fabs(b.frames - 125) < 1e-9);
    assert_true(fabs(b.seconds - (100 * 4.75 + 125) / 62.5) < 1e-9);
    assert_true(fabs(b.client_seconds - 80 * 4.75 / 62.5) < 1e-9);
    assert_true(fabs(b.weight - 3) < 1e-9);
    items[0].tokens_left = 1000000; /* counts for a quarter of queue_s */
    sv_schedule_backlog(&schedule, items, 1, &request, &b);
    assert_true(fabs(b.seconds - 300) < 1e-6);
}

static void an_empty_queue_takes_any_job(void **state) {
    (void)state;
    const sv_admission_request request = {.tokens = 1000000, .sentences = 20000, .weight = 1};
    const sv_admission answer = ask(0, &request);
    assert_int_equal(answer.verdict, SV_ACCEPT);
    assert_int_equal(answer.wait_us, 0);
}

static void a_full_queue_says_when(void **state) {
    (void)state;
    config.queue_s = 100;
    apply();
    const sv_admission_request request = {.tokens = 40, .sentences = 1, .client = 1000, .weight = 1};
    queue_up(31, 31);
    assert_int_equal(ask(31, &request).verdict, SV_ACCEPT); /* 31 x 3.04 s and one more are 97.3 s */
    queue_up(64, 64);
    const sv_admission answer = ask(64, &request); /* 97.6 s too much, at about 3.9 ms a second */
    assert_int_equal(answer.verdict, SV_FULL);
    assert_in_range(answer.retry_after_ms, 300, 450);
    sv_cost_init(&schedule.cost[SV_ACOUSTIC], 10000, 750,
                 80); /* a device ten times slower: its answer is ten times later */
    sv_cost_init(&schedule.cost[SV_VOCODE], 5000, 400, 160);
    assert_in_range(ask(64, &request).retry_after_ms, 3000, 4700);
}

static void a_long_predicted_wait_is_refused(void **state) {
    (void)state;
    config.wait_us = 50000;
    apply();
    const sv_admission_request request = {.tokens = 40, .sentences = 1, .client = 1, .weight = 1};
    queue_up(20, 1);
    const sv_admission answer = ask(20, &request);
    assert_int_equal(answer.verdict, SV_FULL);
    assert_in_range(answer.wait_us, 200000, 260000);
    assert_in_range(answer.retry_after_ms, 150, 210);
    const sv_admission_request other = {.tokens = 40, .sentences = 1, .client = 2, .weight = 1};
    assert_int_equal(ask(20, &other).verdict, SV_ACCEPT); /* who does not wait behind them */
}

/* The device is idle, but the voice is not made in time. */
static void a_long_way_to_the_device_is_a_wait(void **state) {
    (void)state;
    sv_admission_request request = {.tokens = 40, .sentences = 1, .weight = 1, .ready_us = config.wait_us};
    assert_int_equal(ask(0, &request).verdict, SV_ACCEPT);
    assert_int_equal(ask(0, &request).wait_us, config.wait_us);
    request.ready_us = config.wait_us + 3000000;
    assert_int_equal(ask(0, &request).verdict, SV_FULL);
    assert_int_equal(ask(0, &request).retry_after_ms, 3000);
    request.ready_us = 1000000;
    request.deadline_us = now + 1000000;
    assert_int_equal(ask(0, &request).verdict, SV_LATE);
    request.deadline_us = now + 1012200;
    assert_int_equal(ask(0, &request).verdict, SV_ACCEPT);
}

static void a_greedy_client_leaves_room_for_others(void **state) {
    (void)state;
    config.queue_s = 100;
    apply();
    const sv_admission_request greedy = {.tokens = 40, .sentences = 1, .client = 1, .weight = 1};
    const sv_admission_request other = {.tokens = 40, .sentences = 1, .client = 2, .weight = 1};
    queue_up(25, 1);
    assert_int_equal(ask(25, &greedy).verdict, SV_ACCEPT); /* alone it may have four fifths */
    queue_up(26, 1);
    const sv_admission answer = ask(26, &greedy);
    assert_int_equal(answer.verdict, SV_OVER_SHARE);
    assert_true(answer.retry_after_ms >= 100);
    assert_int_equal(ask(26, &other).verdict, SV_ACCEPT);
}

static void deadlines_that_cannot_be_met_cost_nothing(void **state) {
    (void)state;
    sv_admission_request request = {.tokens = 40, .sentences = 1, .client = 2, .weight = 1};
    request.deadline_us = now + 12000; /* alone: 4 ms and 190 frames, 8.1 ms */
    assert_int_equal(ask(0, &request).verdict, SV_LATE);
    assert_int_equal(ask(0, &request).retry_after_ms, 0);
    request.deadline_us = now + 12200;
    assert_int_equal(ask(0, &request).verdict, SV_ACCEPT);
    queue_up(20, 20);
    assert_int_equal(ask(20, &request).verdict, SV_LATE);
    sv_work_item u = item(0, SV_ACOUSTIC, 40, 10);
    assert_false(sv_schedule_expired(&schedule, &u, now));
    u.deadline_us = now + 12200;
    assert_false(sv_schedule_expired(&schedule, &u, now));
    assert_true(sv_schedule_expired(&schedule, &u, now + 200));
    u = item(0, SV_VOCODE, 190, 10);
    u.deadline_us = now + 8200;
    assert_false(sv_schedule_expired(&schedule, &u, now));
    assert_true(sv_schedule_expired(&schedule, &u, now + 200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(cost_finds_the_line),
        RULE(cost_mistrusts_an_outlier_and_follows_a_change),
        RULE(cost_is_never_negative),
        RULE(backlog_adds_up),
        RULE(an_empty_queue_takes_any_job),
        RULE(a_full_queue_says_when),
        RULE(a_long_predicted_wait_is_refused),
        RULE(a_long_way_to_the_device_is_a_wait),
        RULE(a_greedy_client_leaves_room_for_others),
        RULE(deadlines_that_cannot_be_met_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
