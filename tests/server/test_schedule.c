/* What the scheduler runs next, rule by rule; test_schedule_admit.c has what it predicts and lets in.
 * test_schedule_sim.c lets it run for days. */
#include "server/schedule_rules.h"

static sv_plan plan;

static void pick(size_t n) { sv_schedule_pick(&schedule, items, n, now, &plan); }

static void assert_plan(sv_stage stage, size_t count, size_t leader) {
    assert_int_equal(plan.stage, stage);
    assert_int_equal(plan.count, count);
    assert_int_equal(plan.items[0].index, leader);
}

/* ---- side by side ---- */

static bool opens(size_t waiting, int32_t running) {
    return sv_schedule_can_start_batch(&schedule, items, waiting, now, running);
}

static void a_batch_starts_beside_others_in_a_crowd(void **state) {
    (void)state;
    for (size_t i = 0; i < 64; i++) items[i] = item(i, SV_ACOUSTIC, 40, 100);
    assert_true(opens(0, 0));
    assert_false(opens(64, 1)); /* one at a time, if nothing else is said */
    config.parallel = 3;
    config.parallel_items = 2;
    apply();
    assert_false(opens(1, 1));
    assert_true(opens(2, 1));
    assert_false(opens(3, 2));
    assert_true(opens(4, 2));
    assert_false(opens(64, 3));
    items[3].size = 0; /* has nothing to do */
    assert_false(opens(4, 2));
    assert_true(opens(5, 2));
    config.mode = SV_MODE_FIXED;
    apply();
    assert_true(opens(64, 0));
    assert_false(opens(64, 1));
}

/* A short text has the device to itself beside long ones, and beside those of a client that had more. */
static void a_short_text_does_not_share_the_device_with_long_ones(void **state) {
    (void)state;
    config.parallel = 4;
    apply();
    for (size_t i = 0; i < 9; i++) {
        items[i] = item(i, SV_VOCODE, 200, 100);
        items[i].frames_done = i ? 63 * 60 : 0; /* a minute each, but for the first */
    }
    pick(9);
    assert_plan(SV_VOCODE, 1, 0);
    assert_true(plan.foreground);
    sv_schedule_started(&schedule, &plan);
    items[0].size = 0;
    assert_false(opens(9, 1));
    for (size_t i = 1; i < 9; i++) {
        items[i].frames_done = 0;
        schedule.served[i] = 7;
    }
    items[0] = item(9, SV_VOCODE, 200, 100); /* who had nothing: the others had a second more than burst_s */
    assert_false(opens(9, 1));
    items[1] = item(10, SV_ACOUSTIC, 40, 100);
    assert_true(opens(9, 1));
    sv_schedule_done(&schedule, &plan, 5000);
    for (size_t i = 0; i < 9; i++) items[i].frames_done = 63 * 60;
    pick(9);
    assert_false(plan.foreground);
    sv_schedule_started(&schedule, &plan);
    assert_true(opens(9, 1)); /* long ones share it among them */
    sv_schedule_failed(&schedule, &plan, false);
}

/* ---- init ---- */

static void init_names_what_is_out_of_range(void **state) {
    (void)state;
    ev_error err;
    config.batch_max = 65;
    assert_int_equal(sv_schedule_init(&schedule, &config, &err), EV_E_ARGUMENT);
    assert_string_equal(err.message, "scheduler: batch_max is 65: give a number from 1 to 64");
    config.batch_max = 64;
    config.queue_s = NAN;
    assert_int_equal(sv_schedule_init(&schedule, &config, &err), EV_E_ARGUMENT);
    config.queue_s = 10;
    config.margin_rows = 310; /* leaves no room for a slice of 320 rows */
    assert_int_equal(sv_schedule_init(&schedule, &config, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "vocode_rows"));
}

/* ---- adaptive ---- */

static void nothing_waits_for_ever(void **state) {
    (void)state;
    pick(0);
    assert_int_equal(plan.stage, SV_IDLE);
    assert_true(plan.wake_us == INT64_MAX);
    items[0] = item(0, SV_ACOUSTIC, 0, 10); /* has nothing to do yet */
    pick(1);
    assert_int_equal(plan.stage, SV_IDLE);
}

static void the_older_goes_first_and_others_follow(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 100);
    items[1] = item(1, SV_ACOUSTIC, 30, 200);
    items[2] = item(2, SV_VOCODE, 10, 50);
    pick(3);
    assert_plan(SV_ACOUSTIC, 2, 1);
    assert_int_equal(plan.items[1].index, 0);
    assert_int_equal(plan.size, 70);
    assert_int_equal(plan.predicted_us, 1000 + 70 * 75);
}

static void a_batch_ends_at_each_limit(void **state) {
    (void)state;
    for (size_t i = 0; i < 20; i++) items[i] = item(i, SV_ACOUSTIC, 40, 100);
    pick(20);
    assert_plan(SV_ACOUSTIC, 4, 0); /* 15 ms of 4 ms each */
    config.turn_us = 1000000;
    apply();
    pick(20);
    assert_int_equal(plan.count, 20);
    config.batch_max = 7;
    apply();
    pick(20);
    assert_int_equal(plan.count, 7);
    config.acoustic_sentences = 5;
    apply();
    pick(20);
    assert_int_equal(plan.count, 5);
    config.acoustic_tokens = 130;
    apply();
    pick(20);
    assert_int_equal(plan.count, 3);
    config.memory_bytes = 80 * config.bytes_per_token;
    apply();
    pick(20);
    assert_int_equal(plan.count, 2);
    items[0].size = 900; /* over every limit: has to run, but alone */
    pick(20);
    assert_plan(SV_ACOUSTIC, 1, 0);
}

static void what_does_not_fit_lets_smaller_ones_pass(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 100, 300);
    items[1] = item(1, SV_ACOUSTIC, 150, 200);
    items[2] = item(2, SV_ACOUSTIC, 50, 100);
    pick(3);
    assert_plan(SV_ACOUSTIC, 2, 0);
    assert_int_equal(plan.items[1].index, 2);
}

static void high_priority_before_normal(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 1000);
    items[1] = item(1, SV_ACOUSTIC, 40, 10);
    items[1].priority = 0;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1); /* and the normal one does not cost it time */
}

/* Fair share beyond the slack goes first: priority is for those within it, and for a client's own jobs. */
static void who_had_more_than_its_share_passes_nobody_by_priority(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 1000);
    items[0].priority = 2;
    items[1] = item(1, SV_ACOUSTIC, 40, 10);
    items[1].priority = 0;
    schedule.served[1] = config.share_slack_s - 0.1;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);
    schedule.served[1] = config.share_slack_s + config.burst_s;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 0); /* nor does it take time of the other's batch */
    items[0].size = 0;
    items[2] = item(2, SV_ACOUSTIC, 40, 2000);
    items[2].client = 1;
    pick(3);
    assert_plan(SV_ACOUSTIC, 1, 1); /* its own jobs */
    items[0].size = 40;
    schedule.served[1] = config.share_slack_s - 0.1;
    items[1].frames_done = 10 * 63; /* a long one has no slack */
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 0);
}

static void deadlines_order_the_jobs_of_a_client(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        items[i] = item(i, SV_ACOUSTIC, 40, 100);
        items[i].client = 0;
    }
    items[1].deadline_us = now + 900000;
    items[2].deadline_us = now + 800000;
    pick(3);
    assert_plan(SV_ACOUSTIC, 3, 2);
    assert_int_equal(plan.items[1].index, 1);
}

static void the_client_that_had_less_goes_first(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) { /* a third of 41 s of audio, and a little */
        items[0] = item(0, SV_ACOUSTIC, i < 3 ? 180 : 40, 1000);
        pick(1);
        sv_schedule_started(&schedule, &plan);
    }
    items[1] = item(1, SV_ACOUSTIC, 40, 10);
    schedule.config.credit_s = 0;
    pick(2);
    assert_plan(SV_ACOUSTIC, 2,
                0); /* so far client 1 was idle, not waiting: without a credit that saves up nothing */
    items[1].waiting_us = items[1].arrived_us = now;
    schedule.served[0] += 20;
    schedule.served[1] = schedule.virtual_time; /* now it has waited while the other had 20 s */
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);                   /* and does not wait for what the other still wants */
    schedule.served[0] = schedule.virtual_time + 2.5; /* less than the slack: as they come */
    pick(2);
    assert_plan(SV_ACOUSTIC, 2, 0);
    sv_schedule_client_reset(&schedule, 0);
    assert_true(schedule.served[0] == 0);
}

/* Idleness is worth credit_s at most, however long it was, and is used up by what is had. */
static void who_was_idle_has_a_credit(void **state) {
    (void)state;
    items[0] = item(0, SV_VOCODE, 250, 1000);
    for (int i = 0; i < 100; i++) { /* 2/3 of 4 s each */
        pick(1);
        sv_schedule_started(&schedule, &plan);
    }
    const double had = schedule.served[0];
    assert_true(fabs(had - 100 * 4 * 2.0 / 3) < 1e-6);
    items[1] = item(1, SV_VOCODE, 250, 10); /* came last */
    double got = 0;
    int batches = 0;
    for (; batches < 100; batches++) {
        pick(2);
        if (plan.items[0].index == 0) break;
        assert_plan(SV_VOCODE, 1, 1);
        got += plan.items[0].charge;
        sv_schedule_started(&schedule, &plan);
    }
    /* Until the other, who came first, is within the slack again; within the charge of a batch or two. */
    assert_true(fabs(got - (config.credit_s - config.share_slack_s)) < 2 * 4 * 2.0 / 3);
}

static void charges_follow_audio_and_weight(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 10);
    pick(1);
    assert_true(fabs(plan.items[0].charge - 40 * 4.75 / 62.5 / 3) < 1e-9);
    items[0] = item(0, SV_VOCODE, 190, 10);
    items[0].weight = 4;
    pick(1);
    assert_true(fabs(plan.items[0].charge - 190 / 62.5 * 2 / 3 / 4) < 1e-9);
}

static void long_texts_take_turns_behind_short_ones(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        items[i] = item(i, SV_ACOUSTIC, 40, 100000 * (int64_t)(3 - i));
        items[i].client = 0;
    }
    items[0].frames_done = 62 * 200; /* two long ones; the older had the last turn */
    items[0].waiting_us = now - 5;
    items[1].frames_done = 62 * 300;
    items[1].waiting_us = now - 4000;
    pick(2);
    assert_plan(SV_ACOUSTIC, 2, 1);
    pick(3);
    assert_plan(SV_ACOUSTIC, 1, 2);
}

static void a_sentence_keeps_its_place_between_stages(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 150, 100);
    pick(1);
    sv_schedule_started(&schedule, &plan);
    items[0] = item(0, SV_VOCODE, 713, 100); /* as many as expected */
    items[1] = item(1, SV_ACOUSTIC, 40, 50);
    config.share_slack_s = schedule.config.share_slack_s = 0;
    pick(2);
    assert_plan(SV_VOCODE, 1, 0);
}

/* ---- stages and streams ---- */

static void scraps_wait_for_sentences_to_decode(void **state) {
    (void)state;
    items[0] = item(0, SV_VOCODE, 100, 200);
    items[1] = item(1, SV_ACOUSTIC, 40, 100);
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);
    items[1].priority = 2; /* but not for those of less priority */
    pick(2);
    assert_plan(SV_VOCODE, 1, 0);
    items[1].priority = 1;
    items[0].size = 160; /* half a batch is none */
    pick(2);
    assert_plan(SV_VOCODE, 1, 0);
    items[0].size = 100;
    pick(1); /* nor is there anything to wait for here */
    assert_plan(SV_VOCODE, 1, 0);
}

static void slices_are_even_and_fill_when_many_wait(void **state) {
    (void)state;
    items[0] = item(0, SV_VOCODE, 300, 200);
    pick(1);
    assert_int_equal(plan.items[0].amount, 150);
    for (size_t i = 0; i < 12; i++) items[i] = item(i, SV_VOCODE, 190, 200);
    pick(2);
    assert_plan(SV_VOCODE, 1, 0); /* not half of the other's */
    pick(12);
    assert_plan(SV_VOCODE, 2, 0);
    assert_int_equal(plan.size, 320);
    config.margin_rows = 20;
    apply();
    pick(12);
    assert_int_equal(plan.items[1].amount, 320 - 190 - 2 * 20);
    assert_int_equal(plan.size, 320);
}

static void a_stream_starts_small_and_doubles(void **state) {
    (void)state;
    static const int32_t slices[] = {16, 32, 64, 128, 256, 256, 248};
    items[0] = item(0, SV_VOCODE, 1000, 10);
    items[0].streaming = true;
    for (size_t i = 0; i < EV_ARRAY_COUNT(slices); i++) {
        pick(1);
        assert_int_equal(plan.items[0].amount, slices[i]);
        items[0].size -= slices[i];
        items[0].frames_done += slices[i];
    }
    assert_int_equal(items[0].size, 0);
}

static void streams_in_need_go_first_and_alone(void **state) {
    (void)state;
    items[0] = item(0, SV_VOCODE, 200, 900000);
    items[0].priority = 0;
    items[1] = item(1, SV_VOCODE, 200, 20); /* not sounded yet */
    items[1].streaming = true;
    items[2] = item(2, SV_VOCODE, 200, 500000); /* 200 ms ahead */
    items[2].streaming = true;
    items[2].frames_done = 48;
    items[2].playback_us = now + 200000;
    items[3] = items[2]; /* 100 ms ahead */
    items[3].id = 3;
    items[3].playback_us = now + 100000;
    pick(4);
    assert_plan(SV_VOCODE, 3, 3);
    assert_int_equal(plan.items[1].index, 2);
    assert_int_equal(plan.items[2].index, 1);
    items[2].playback_us = items[3].playback_us = now + 400000; /* enough ahead: they wait like others */
    pick(4);
    assert_plan(SV_VOCODE, 1, 1);
    assert_int_equal(plan.items[0].amount, 16);
}

static void streams_that_have_not_sounded_go_by_priority(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        items[i] = item(i, SV_ACOUSTIC, 40, 300 - 100 * (int64_t)i);
        items[i].streaming = true;
        items[i].priority = 2 - (int32_t)i;
    }
    pick(3);
    assert_plan(SV_ACOUSTIC, 3, 2);
    assert_int_equal(plan.items[1].index, 1);
    items[1].stage = items[2].stage = SV_VOCODE;
    items[1].frames_done = 48; /* the gap in speech is worse, whoever's it is */
    items[1].playback_us = now + 100000;
    pick(3);
    assert_plan(SV_VOCODE, 2, 1);
}

static void a_client_cannot_start_streams_without_end(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 900);
    items[0].streaming = true;
    items[1] = item(1, SV_ACOUSTIC, 40, 100);
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 0);
    schedule.served[0] = 8; /* more than burst_s ahead: as others do, and not in another's batch */
    items[1].arrived_us = now - 1000;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);
    items[0].stage = SV_VOCODE; /* and who is beyond credit_s too may even underrun */
    items[0].frames_done = 48;
    items[0].playback_us = now + 100000;
    pick(2);
    assert_plan(SV_VOCODE, 1, 0);
    schedule.served[0] = config.credit_s + config.burst_s + 0.1;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);
}

static void age_leads_one_batch_in_eight(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 3000000);
    items[0].priority = 2;
    items[1] = item(1, SV_ACOUSTIC, 40, 10);
    items[1].priority = 0;
    items[1].client = 0; /* shares are equal, whatever runs */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++) {
            pick(2);
            assert_int_equal(plan.aged, i == 7);
            assert_int_equal(plan.items[0].index, i == 7 ? 0 : 1);
            sv_schedule_started(&schedule, &plan);
        }
    }
}

/* ---- failures ---- */

static void who_failed_before_runs_alone(void **state) {
    (void)state;
    items[0] = item(0, SV_ACOUSTIC, 40, 300);
    items[1] = item(1, SV_ACOUSTIC, 40, 200);
    items[2] = item(2, SV_ACOUSTIC, 40, 100);
    items[1].tries = 1;
    pick(3);
    assert_plan(SV_ACOUSTIC, 2, 0);
    assert_int_equal(plan.items[1].index, 2);
    items[1].arrived_us = now - 1000;
    pick(3);
    assert_plan(SV_ACOUSTIC, 1, 1);
    assert_true(plan.alone);
    assert_int_equal(sv_schedule_retry(1), SV_RETRY_ALONE);
    assert_int_equal(sv_schedule_retry(2), SV_RETRY_ALONE);
    assert_int_equal(sv_schedule_retry(3), SV_RETRY_DEAD);
}

static void memory_is_halved_and_grows_back(void **state) {
    (void)state;
    config.turn_us = 1000000;
    config.memory_bytes = 640 * config.bytes_per_token;
    apply();
    for (size_t i = 0; i < 20; i++) items[i] = item(i, SV_ACOUSTIC, 32, 100);
    pick(20);
    assert_int_equal(plan.size, 640);
    sv_schedule_failed(&schedule, &plan, false);
    assert_true(schedule.memory_cap == config.memory_bytes);
    sv_schedule_failed(&schedule, &plan, true);
    assert_true(schedule.memory_cap == config.memory_bytes / 2);
    pick(20);
    assert_int_equal(plan.size, 320);
    for (int i = 0; i < 80; i++) {
        assert_true(schedule.memory_cap < config.memory_bytes);
        sv_schedule_done(&schedule, &plan, 25000);
        if (i == 8) assert_true(schedule.memory_cap == config.memory_bytes / 2);
        if (i == 9) assert_true(schedule.memory_cap == config.memory_bytes / 2 + config.memory_bytes / 16 + 1);
    }
    assert_true(schedule.memory_cap == config.memory_bytes); /* eight steps of a sixteenth */
    for (int i = 0; i < 100; i++) sv_schedule_failed(&schedule, &plan, true);
    items[0] = item(0, SV_VOCODE, 200, 100); /* frames can be cut to what there is, and always to a first slice */
    pick(1);
    assert_int_equal(plan.items[0].amount, 16);
}

/* What is free is a fact that bounds the cap from above: at once when it falls, in steps when it rises. */
static void memory_follows_what_is_free(void **state) {
    (void)state;
    config.turn_us = 1000000;
    config.memory_bytes = 640 * config.bytes_per_token;
    apply();
    for (size_t i = 0; i < 20; i++) items[i] = item(i, SV_ACOUSTIC, 32, 100);
    sv_schedule_memory(&schedule, 200 * config.bytes_per_token);
    pick(20);
    assert_int_equal(plan.size, 192);
    for (int i = 0; i < 50; i++) sv_schedule_done(&schedule, &plan, 25000);
    pick(20);
    assert_int_equal(plan.size, 192); /* good batches win nothing where nothing is */
    sv_schedule_memory(&schedule, 10 * config.memory_bytes);
    pick(20);
    assert_int_equal(plan.size, 192);
    for (int i = 0; i < 10; i++) sv_schedule_done(&schedule, &plan, 25000);
    pick(20);
    assert_int_equal(plan.size, 224); /* 200 + 640 / 16 */
    for (int i = 0; i < 100; i++) sv_schedule_done(&schedule, &plan, 25000);
    assert_true(schedule.memory_cap == config.memory_bytes); /* the budget is the most, whatever is free */
    sv_schedule_failed(&schedule, &plan, true);
    const int64_t halved = schedule.memory_cap;
    sv_schedule_memory(&schedule, config.memory_bytes);
    assert_true(schedule.memory_cap == halved); /* and what is free does not undo what failed */
    sv_schedule_memory(&schedule, -5);
    assert_true(schedule.memory_cap == 16 * config.bytes_per_row);
}

static void memory_is_counted_by_the_engines_formulas(void **state) {
    (void)state;
    config.decode_bytes = 1000;
    config.bytes_per_sentence = 100;
    config.bytes_per_token = 10;
    config.bytes_per_frame = 1;
    config.acoustic_frames = 1000;
    config.vocode_bytes = 500;
    config.bytes_per_row = 7;
    apply();
    assert_int_equal(sv_schedule_bytes(&schedule, SV_ACOUSTIC, 40, 2), 1000 + 200 + 400 + 191);
    assert_int_equal(sv_schedule_bytes(&schedule, SV_ACOUSTIC, 400, 1), 1000 + 100 + 4000 + 1000);
    assert_int_equal(sv_schedule_bytes(&schedule, SV_VOCODE, 100, 3), 500 + 700);
    config.bytes_per_encoded = 7; /* more than the frames' of as many tokens: the encoder is the larger */
    apply();
    assert_int_equal(sv_schedule_bytes(&schedule, SV_ACOUSTIC, 40, 2), 1000 + 200 + 400 + 280);
    config.bytes_per_encoded = 0;
    apply();
    items[0] = item(0, SV_ACOUSTIC, 40, 200);
    items[1] = item(1, SV_ACOUSTIC, 40, 100);
    pick(2);
    assert_int_equal(plan.bytes, sv_schedule_bytes(&schedule, SV_ACOUSTIC, 80, 2));
    config.memory_bytes = plan.bytes; /* the second sentence's own bytes are part of it */
    apply();
    pick(2);
    assert_int_equal(plan.count, 2);
    config.memory_bytes--;
    apply();
    pick(2);
    assert_int_equal(plan.count, 1);
    items[0] = item(0, SV_VOCODE, 200, 100);
    config.memory_bytes = 500 + 7 * 60;
    apply();
    pick(1);
    assert_int_equal(plan.items[0].amount, 60);
    assert_int_equal(plan.bytes, config.memory_bytes);
}

static void frames_of_a_token_are_learnt(void **state) {
    (void)state;
    assert_true(fabs(sv_schedule_frames_per_token(&schedule) - 4.75) < 1e-12);
    for (int i = 0; i < 300; i++) sv_schedule_decoded(&schedule, 20 + i % 50, 7 * (20 + i % 50));
    assert_true(fabs(sv_schedule_frames_per_token(&schedule) - 7) < 0.02);
    items[0] = item(0, SV_ACOUSTIC, 40, 100);
    pick(1);
    assert_true(fabs(plan.items[0].charge - 40 * 7 / 62.5 / 3) < 0.02); /* and all predictions follow */
    sv_backlog b;
    const sv_admission_request request = {.tokens = 1, .sentences = 1, .client = 1, .weight = 1};
    sv_schedule_backlog(&schedule, items, 1, &request, &b);
    assert_true(fabs(b.seconds - 40 * 7 / 62.5) < 0.02);
    for (int i = 0; i < 1000; i++)
        sv_schedule_decoded(&schedule, 20, i % 2 ? 0 : 1000000); /* nobody speaks like that */
    assert_true(sv_schedule_frames_per_token(&schedule) <= 8 * 4.75);
    for (int i = 0; i < 1000; i++) sv_schedule_decoded(&schedule, 20, 0);
    assert_true(sv_schedule_frames_per_token(&schedule) >= 4.75 / 8 - 1e-9);
    sv_schedule_decoded(&schedule, 0, 5);
    sv_schedule_decoded(&schedule, 5, -1);
    assert_true(sv_schedule_frames_per_token(&schedule) > 0);
}

/* ---- fixed, off ---- */

static void fixed_waits_for_the_window_or_the_batch(void **state) {
    (void)state;
    config.mode = SV_MODE_FIXED;
    config.batch_max = 3;
    apply();
    items[0] = item(0, SV_ACOUSTIC, 40, 60000);
    items[1] = item(1, SV_ACOUSTIC, 40, 10000);
    pick(2);
    assert_int_equal(plan.stage, SV_IDLE);
    assert_true(plan.wake_us == now + 40000);
    items[2] = item(2, SV_ACOUSTIC, 40, 0);
    pick(3);
    assert_plan(SV_ACOUSTIC, 3, 0);
    sv_schedule_pick(&schedule, items, 2, now + 40000, &plan);
    assert_plan(SV_ACOUSTIC, 2, 0);
    items[0] = item(0, SV_VOCODE, 190, 60000); /* those that began go on at once, without the newcomers */
    items[1] = item(1, SV_ACOUSTIC, 40, 500000);
    pick(2);
    assert_plan(SV_VOCODE, 1, 0);
    items[0] = item(0, SV_ACOUSTIC, 40, 60000);
    items[0].frames_done = 190;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 0);
}

static void off_finishes_one_before_the_next(void **state) {
    (void)state;
    config.mode = SV_MODE_OFF;
    apply();
    items[0] = item(0, SV_ACOUSTIC, 40, 900);
    items[1] = item(1, SV_ACOUSTIC, 40, 100);
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 0);
    items[1].frames_done = 10;
    pick(2);
    assert_plan(SV_ACOUSTIC, 1, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(a_batch_starts_beside_others_in_a_crowd),
        RULE(a_short_text_does_not_share_the_device_with_long_ones),
        RULE(who_was_idle_has_a_credit),
        RULE(init_names_what_is_out_of_range),
        RULE(nothing_waits_for_ever),
        RULE(the_older_goes_first_and_others_follow),
        RULE(a_batch_ends_at_each_limit),
        RULE(what_does_not_fit_lets_smaller_ones_pass),
        RULE(high_priority_before_normal),
        RULE(who_had_more_than_its_share_passes_nobody_by_priority),
        RULE(deadlines_order_the_jobs_of_a_client),
        RULE(the_client_that_had_less_goes_first),
        RULE(charges_follow_audio_and_weight),
        RULE(long_texts_take_turns_behind_short_ones),
        RULE(a_sentence_keeps_its_place_between_stages),
        RULE(scraps_wait_for_sentences_to_decode),
        RULE(slices_are_even_and_fill_when_many_wait),
        RULE(a_stream_starts_small_and_doubles),
        RULE(streams_in_need_go_first_and_alone),
        RULE(streams_that_have_not_sounded_go_by_priority),
        RULE(a_client_cannot_start_streams_without_end),
        RULE(age_leads_one_batch_in_eight),
        RULE(who_failed_before_runs_alone),
        RULE(memory_is_halved_and_grows_back),
        RULE(memory_follows_what_is_free),
        RULE(memory_is_counted_by_the_engines_formulas),
        RULE(frames_of_a_token_are_learnt),
        RULE(fixed_waits_for_the_window_or_the_batch),
        RULE(off_finishes_one_before_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
