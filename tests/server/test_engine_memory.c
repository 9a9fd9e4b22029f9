/* The engine with too little memory: batches get smaller, everybody is served with the very samples that it has
 * alone, and batches grow again. */
#include "server/engine_faults.h"

#include "server/engine/engine_inner.h"

enum { GOOD_UNTIL_GROWTH = 10 };

/* Work memory of a vocoder's batch, and the setting that gives so much. */
static int64_t bytes_of_rows(int32_t rows) { return (int64_t)(work.vocode_bytes + (size_t)rows * work.row_bytes); }

/* A stream's first slice with its margin, which is always allowed. */
static int32_t rows_of_first_slice(void) { return (int32_t)(work.first_frames + work.slice_rows); }

static void open_world_of_rows(int32_t rows) {
    char budget[32];
    snprintf(budget, sizeof budget, "%lld", (long long)bytes_of_rows(rows));
    open_world("memory_budget", budget);
}

/* The cap as the metrics tell it, once it is in low..high; it is told when the engine looks at its queue. */
static int64_t wait_for_cap(int64_t low, int64_t high) {
    const double until = ev_clock_s() + 60;
    int64_t cap;
    do {
        usleep(1000);
        cap = sv_metric_read(w.metrics, SV_METRIC_BATCH_MEMORY, 0, 0);
    } while ((cap < low || cap > high) && ev_clock_s() < until);
    return cap;
}

static void no_memory_for_large(call *c) {
    if (c->stage == SV_VOCODE && c->size > 250 && !device.seen++) c->status = EV_E_MEMORY;
}

enum { BUDGET_ROWS = 480, GROWTH_ROWS = BUDGET_ROWS / 16 + 1 };

/* The vocoder's batches after the one that had no memory: half of it, and as much more as good batches have won. */
static void assert_halved(void) {
    size_t at = 0;
    while (at < device.count && device.calls[at].status != EV_E_MEMORY) at++;
    assert_true(at < device.count && device.calls[at].count > 1);
    for (size_t i = at + 1; i < device.count; i++) {
        const int32_t won = (int32_t)((i - at) / GOOD_UNTIL_GROWTH) * GROWTH_ROWS;
        assert_int_equal(device.calls[i].status, EV_OK);
        if (device.calls[i].stage == SV_VOCODE) assert_true(device.calls[i].size <= device.calls[at].size / 2 + won);
    }
}

static void too_little_memory_means_smaller_batches(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world_of_rows(BUDGET_ROWS);
    sv_job *plug = hold_device();
    say_all(jobs);
    set_rule(no_memory_for_large);
    set_gate(false);
    end_all(jobs);
    end_plug(&plug);
    /* who comes then gathers again, and would fill as large a batch */
    set_gate(true);
    for (size_t i = 0; i < TEXTS; i++) {
        sv_speech speech = speech_of(texts[i]);
        speech.seed = 1;
        jobs[i] = hand_in(speech);
    }
    for (size_t i = 0; i < TEXTS; i++) wait_ready(jobs[i]);
    set_gate(false);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(wait_over(jobs[i]), SV_JOB_COMPLETED);
        assert_true(sounds_like(jobs[i], alone(texts[i], 1)));
        leave(&jobs[i]);
    }
    assert_halved();
    close_world();
}

static void no_memory_once(call *c) {
    if (c->stage == SV_VOCODE && !device.seen++) c->status = EV_E_MEMORY;
}

static void the_limit_grows_back(void **state) {
    (void)state;
    static const char text[] =
        "Hotel rooms are small, and this one has neither a window nor a door that closes. We stayed there for a "
        "night, and then for another, because it rained and rained, and nobody who came by had seen the bus which "
        "was to take us over the mountains. On the third day the owner brought a map, which was older than the road, "
        "and a lamp. With these two we went down to the river, where a boat was waiting for us with all our things.";
    const int32_t rows = 2 * rows_of_first_slice();
    int32_t least = INT32_MAX, most = 0;
    size_t good = 0;
    open_world_of_rows(rows);
    set_rule(no_memory_once);
    for (size_t seed = 0; seed < 2; seed++) {
        sv_speech speech = speech_of(text);
        speech.seed = seed;
        sv_job *job = hand_in(speech);
        assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
        assert_true(sounds_like(job, alone(text, seed)));
        leave(&job);
    }
    for (size_t i = 0; i < device.count; i++) {
        const call *c = &device.calls[i];
        if (c->status == EV_OK && count_calls(SV_VOCODE, NULL, false) == 1 && i > 1) good++;
        if (c->stage != SV_VOCODE) continue;
        assert_true(c->size <= rows);
        if (c->status != EV_OK) continue;
        if (good <= GOOD_UNTIL_GROWTH) assert_true(c->size <= rows / 2);
        least = c->size < least ? c->size : least;
        most = c->size > most ? c->size : most;
    }
    assert_true(least <= rows / 2);
    assert_int_equal(most, rows); /* as large as at first */
    close_world();
}

static sv_stage spills_at;

static void spill_charlie_once(call *c) {
    if (has_word(c, "charlie") && c->stage == spills_at && !device.seen++) c->spill = "charlie";
}

/* What a task holds of its own (its frames) is no part of a batch: the batch is well, one member is not. That is how
 * the engine itself is short of memory, since what it works in was there from the start. */
static void one_member_without_memory_is_made_again(void **state) {
    (void)state;
    for (spills_at = SV_ACOUSTIC; spills_at <= SV_VOCODE; spills_at++) {
        sv_job *jobs[TEXTS];
        open_world(NULL, NULL);
        const int64_t budget = wait_for_cap(1, INT64_MAX);
        sv_job *plug = hold_device();
        say_all(jobs);
        set_rule(spill_charlie_once);
        set_gate(false);
        end_all(jobs);
        end_plug(&plug);
        assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_RETRIES, 0, 0), 1);
        wait_idle();
        const int64_t most = budget / 2 + (int64_t)(device.count / GOOD_UNTIL_GROWTH) * (budget / 16 + 1);
        assert_in_range(wait_for_cap(1, most), 1, most); /* and batches are half as large for a while */
        close_world();
    }
}

/* Jobs of all texts that gather before the device runs them. */
static void say_together(uint64_t seed) {
    sv_job *jobs[TEXTS], *plug = hold_device();
    for (size_t i = 0; i < TEXTS; i++) {
        sv_speech speech = speech_of(texts[i]);
        speech.seed = seed;
        jobs[i] = hand_in(speech);
    }
    for (size_t i = 0; i < TEXTS; i++) wait_ready(jobs[i]);
    set_gate(false);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(wait_over(jobs[i]), SV_JOB_COMPLETED);
        assert_true(sounds_like(jobs[i], alone(texts[i], seed)));
        leave(&jobs[i]);
    }
    end_plug(&plug);
    wait_idle();
}

static int32_t largest_vocoded(size_t from) {
    int32_t rows = 0;
    for (size_t i = from; i < device.count; i++) {
        if (device.calls[i].stage == SV_VOCODE && device.calls[i].size > rows) rows = device.calls[i].size;
    }
    return rows;
}

static void batches_follow_the_memory_that_is_free(void **state) {
    (void)state;
    open_world(NULL, NULL);
    const int32_t first_slice = rows_of_first_slice(), rows = first_slice + first_slice / 8;
    assert_in_range(wait_for_cap(1, INT64_MAX), bytes_of_rows((int32_t)work.rows_max),
                    work.bytes); /* what the largest batch takes */
    sv_engine_memory(w.engine, 4 * bytes_of_rows(rows));
    assert_int_equal(wait_for_cap(1, bytes_of_rows(rows)), bytes_of_rows(rows));
    say_together(0);
    assert_in_range(largest_vocoded(0), rows / 2, rows);
    const size_t before = device.count;
    sv_engine_memory(w.engine, INT64_MAX);
    for (uint64_t seed = 1; seed < 3; seed++) say_together(seed);
    assert_true(largest_vocoded(before) > rows);
    assert_true(wait_for_cap(bytes_of_rows(rows) + 1, INT64_MAX) <
                bytes_of_rows((int32_t)work.rows_max)); /* bit by bit */
    sv_engine_memory(w.engine, 0);
    const int64_t first = bytes_of_rows(first_slice);
    assert_int_equal(wait_for_cap(1, first), first); /* a stream's first slice always */
    say_together(3);
    close_world();
}

static void a_budget_that_was_given_is_kept(void **state) {
    (void)state;
    open_world_of_rows(100);
    sv_engine_memory(w.engine, 0);
    say_together(0);
    assert_int_equal(wait_for_cap(1, INT64_MAX), bytes_of_rows(100));
    assert_in_range(largest_vocoded(0), 50, 100);
    close_world();
}

/* ---- what is learnt ---- */

static sv_schedule schedule_now(void) {
    ev_mutex_lock(&w.engine->lock);
    const sv_schedule now = w.engine->schedule;
    ev_mutex_unlock(&w.engine->lock);
    return now;
}

/* Before the first request it has spoken a sentence to itself; then it learns from those of others. */
static void the_engine_learns_by_speaking(void **state) {
    (void)state;
    open_world(NULL, NULL);
    const sv_schedule fresh = schedule_now();
    const double prior = fresh.config.frames_per_token, warm = sv_schedule_frames_per_token(&fresh);
    for (int stage = SV_ACOUSTIC; stage <= SV_VOCODE;
         stage++) { /* the prior weighs eight; a slow one was looked at too */
        assert_true(fresh.cost[stage].w > 8 || fresh.cost[stage].strange);
    }
    assert_true(warm > prior / 2 && warm < prior * 2 && (warm > prior || warm < prior));
    const sv_speech speech = {.text = (char *)(uintptr_t)texts[0], .text_bytes = strlen(texts[0]), .speed = 1};
    const double before = sv_engine_seconds(w.engine, &speech) / warm;
    say_together(7);
    const sv_schedule then = schedule_now();
    assert_true(then.tokens > fresh.tokens); /* forgets less than it hears */
    const double learnt = sv_schedule_frames_per_token(&then);
    assert_true(learnt > prior / 2 && learnt < prior * 2 && (learnt > warm || learnt < warm));
    assert_true(fabs(sv_engine_seconds(w.engine, &speech) - before * learnt) < 1e-9); /* and predicts by it */
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(too_little_memory_means_smaller_batches, end_world),
                                       cmocka_unit_test_teardown(the_limit_grows_back, end_world),
                                       cmocka_unit_test_teardown(one_member_without_memory_is_made_again, end_world),
                                       cmocka_unit_test_teardown(batches_follow_the_memory_that_is_free, end_world),
                                       cmocka_unit_test_teardown(a_budget_that_was_given_is_kept, end_world),
                                       cmocka_unit_test_teardown(the_engine_learns_by_speaking, end_world)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
