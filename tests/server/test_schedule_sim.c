/* The scheduler in virtual time: thousands of random days, each replayed by SEED=n; then what the modes do to latency
 * under loads whose answer is known. SEEDS=n sets how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "server/simulator.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 500 };
#else
enum { SEEDS = 10000 };
#endif

static sim world; /* one at a time; too large for the stack */

static void usual_device(sim *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    sv_schedule_config_init(&s->config);
    s->seed = seed;
    s->origin_us = 1000000;
    s->acoustic_a_us = 1000;
    s->acoustic_b_us = 75;
    s->vocode_a_us = 500;
    s->vocode_b_us = 40;
    s->config.bytes_per_token = s->config.bytes_per_row = 131072;
}

/* ---- random days ---- */

static sim_job random_job(uint64_t *r, int64_t arrival_us, int32_t clients) {
    sim_job j = {.arrival_us = arrival_us,
                 .client = sim_range(r, 0, clients - 1),
                 .priority = sim_chance(r, 0.7) ? 1 : sim_range(r, 0, 2),
                 .sentences = sim_chance(r, 0.6) ? 1 : sim_range(r, 2, 6),
                 .tokens = sim_range(r, 2, 90),
                 .streaming = sim_chance(r, 0.3)};
    if (sim_chance(r, 0.02)) j.tokens = sim_range(r, 200, 700);     /* one sentence without an end */
    if (sim_chance(r, 0.003)) j.sentences = sim_range(r, 150, 300); /* 20,000 characters */
    if (sim_chance(r, 0.1)) j.cancel_us = arrival_us + sim_range(r, 0, 200000);
    if (sim_chance(r, 0.15)) j.deadline_us = arrival_us + sim_range(r, 1, 2000000);
    if (sim_chance(r, 0.03)) j.poison = sim_chance(r, 0.5) ? SV_ACOUSTIC : SV_VOCODE;
    j.weight = (float)(1 + j.client % 3); /* of a client, so all its jobs have the same */
    return j;
}

static void random_limits(sv_schedule_config *c, uint64_t *r) {
    c->mode = sim_chance(r, 0.8) ? SV_MODE_ADAPTIVE : sim_chance(r, 0.6) ? SV_MODE_FIXED : SV_MODE_OFF;
    if (sim_chance(r, 0.5)) c->parallel = sim_range(r, 2, SV_PARALLEL_MAX);
    if (sim_chance(r, 0.5)) return;
    c->parallel_items = sim_range(r, 1, 5);
    c->batch_max = sim_range(r, 1, SV_BATCH_MAX);
    c->window_us = sim_range(r, 0, 150000);
    c->acoustic_tokens = sim_range(r, 1, 1024);
    c->acoustic_sentences = sim_range(r, 1, 64);
    c->margin_rows = sim_range(r, 0, 30);
    c->vocode_rows = sim_range(r, 16 + c->margin_rows, 1000);
    c->slice_frames = sim_range(r, 16, 256);
    c->first_frames = sim_range(r, 4, 16);
    c->turn_us = sim_range(r, 1000, 60000);
    c->underrun_us = sim_range(r, 0, 1000000);
    c->age_us = sim_range(r, 0, 300000);
    c->aged_every = sim_range(r, 1, 12);
    c->burst_s = sim_range(r, 0, 30);
    c->queue_s = sim_range(r, 20, 1200);
    c->wait_us = sim_range(r, 50000, 5000000);
    c->frames_per_token = 0.5 + 20 * sim_uniform(r);
    c->decode_bytes = sim_range(r, 0, 1000000);
    c->bytes_per_sentence = sim_range(r, 0, 100000);
    c->bytes_per_token = sim_range(r, 0, 10000);
    c->bytes_per_encoded = sim_range(r, 0, 20000);
    c->bytes_per_frame = sim_range(r, 0, 20000);
    c->vocode_bytes = sim_range(r, 0, 1000000);
    c->bytes_per_row = sim_range(r, 0, 150000);
    c->acoustic_frames = sim_range(r, 200, 3000);
    c->memory_bytes = sim_range(r, 1, 60000000);
}

static void random_day(sim *s, uint64_t seed) {
    usual_device(s, seed);
    uint64_t random = sim_mix(seed + 77), *r = &random;
    const int32_t jobs = sim_range(r, 3, 40), clients = sim_range(r, 1, 6);
    const double gap_us = 2000 + sim_uniform(r) * 60000;
    const double speed = exp(3 * (sim_uniform(r) - 0.7)); /* the priors are wrong by up to 8 times */
    random_limits(&s->config, r);
    s->acoustic_a_us *= speed;
    s->acoustic_b_us *= speed;
    s->vocode_a_us *= speed;
    s->vocode_b_us *= speed;
    s->noise = 0.3 * sim_uniform(r);
    s->death = sim_chance(r, 0.3) ? 0.05 * sim_uniform(r) : 0;
    s->admission = sim_chance(r, 0.8);
    if (sim_chance(r, 0.3)) s->shifts = 0.1 * sim_uniform(r);
    if (sim_chance(r, 0.2)) s->jumps = 0.05 * sim_uniform(r);
    if (sim_chance(r, 0.2)) s->memory_bytes = s->config.memory_bytes / sim_range(r, 2, 20);
    double at_us = 0;
    for (int32_t i = 0; i < jobs; i++) {
        at_us += sim_chance(r, 0.3) ? 0 : -log(1 - sim_uniform(r)) * gap_us; /* bursts */
        s->jobs[i] = random_job(r, s->origin_us + (int64_t)at_us, clients);
    }
    s->job_count = (size_t)jobs;
}

static void replay(uint64_t seed) {
    random_day(&world, seed);
    if (sim_run(&world)) return;
    fail_msg("seed %llu: %s (replay: SEED=%llu)", (unsigned long long)seed, world.fault, (unsigned long long)seed);
}

static void random_days_keep_every_rule(void **state) {
    (void)state;
    const char *one = getenv("SEED"), *many = getenv("SEEDS");
    const uint64_t seeds = many ? strtoull(many, NULL, 10) : SEEDS;
    if (one) {
        replay(strtoull(one, NULL, 10));
        return;
    }
    size_t ends[SIM_REFUSED + 1] = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        replay(seed);
        for (int i = SIM_DONE; i <= SIM_REFUSED; i++) ends[i] += sim_count(&world, (sim_state)i);
    }
    for (int i = SIM_DONE; i <= SIM_REFUSED; i++) assert_true(ends[i] > seeds / 100); /* the days hold all of it */
}

/* Decisions depend on differences of times: where the clock starts, and so where a wall clock stands, is nothing. */
static void clocks_may_start_anywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_day(&world, seed);
        assert_true(sim_run(&world));
        const uint64_t trace = world.trace;
        random_day(&world, seed);
        const int64_t shift = INT64_C(4000000000000000);
        world.origin_us += shift;
        for (size_t i = 0; i < world.job_count; i++) {
            sim_job *j = &world.jobs[i];
            j->arrival_us += shift;
            if (j->deadline_us) j->deadline_us += shift;
            if (j->cancel_us) j->cancel_us += shift;
        }
        assert_true(sim_run(&world));
        assert_true(world.trace == trace);
    }
}

/* ---- loads whose answer is known ---- */

/* 12.1 ms of work: 40 tokens, about 190 frames. */
static const double request_us = 12100;

/* Requests of one sentence, Poisson, at a part of capacity, from clients 1..clients. */
static void add_short(sim *s, double load, int32_t clients, size_t count, bool streaming) {
    uint64_t random = sim_mix(s->seed + 5), *r = &random;
    double at_us = 0;
    for (size_t i = 0; i < count; i++) {
        at_us += -log(1 - sim_uniform(r)) * request_us / load;
        s->jobs[s->job_count++] = (sim_job){.arrival_us = s->origin_us + (int64_t)at_us,
                                            .client = sim_range(r, 1, clients),
                                            .priority = 1,
                                            .sentences = 1,
                                            .tokens = 40,
                                            .weight = 1,
                                            .streaming = streaming};
    }
}

static int by_arrival(const void *a, const void *b) {
    return sim_compare_us(&((const sim_job *)a)->arrival_us, &((const sim_job *)b)->arrival_us);
}

static void run(sim *s) {
    qsort(s->jobs, s->job_count, sizeof *s->jobs, by_arrival);
    if (!sim_run(s)) fail_msg("%s", s->fault);
}

static int64_t p95_of_mode(sv_mode mode, double load) {
    usual_device(&world, 11);
    world.config.mode = mode;
    add_short(&world, load, 20, 1000, false);
    run(&world);
    assert_int_equal(sim_count(&world, SIM_DONE), 1000);
    return sim_quantile(&world, -1, 0.95, false);
}

static void adaptive_beats_fixed_and_off(void **state) {
    (void)state;
    const int64_t adaptive = p95_of_mode(SV_MODE_ADAPTIVE, 0.5), fixed = p95_of_mode(SV_MODE_FIXED, 0.5);
    print_message("P95 at 50 %% of capacity: adaptive %.1f ms, fixed window of 100 ms %.1f ms\n",
                  (double)adaptive / 1e3, (double)fixed / 1e3);
    assert_true(adaptive < fixed / 2);
    assert_true(fixed > 100000);
    const int64_t off = p95_of_mode(SV_MODE_OFF, 1.02), batched = p95_of_mode(SV_MODE_ADAPTIVE, 1.02);
    print_message("P95 at 102 %%: adaptive %.1f ms, one at a time %.1f ms\n", (double)batched / 1e3,
                  (double)off / 1e3);
    assert_true(batched < off); /* full batches pay the fixed cost less often */
}

static int64_t p95_beside(sim_job other, size_t copies) {
    usual_device(&world, 12);
    add_short(&world, 0.3, 1, 500, false);
    other.arrival_us = world.origin_us + 500000;
    for (size_t i = 0; i < copies; i++) world.jobs[world.job_count++] = other;
    run(&world);
    return sim_quantile(&world, 1, 0.95, false);
}

static void a_greedy_client_does_not_delay_another(void **state) {
    (void)state;
    sim_job greedy = {.client = 0, .priority = 1, .sentences = 5, .tokens = 40, .weight = 1};
    const int64_t calm = p95_beside(greedy, 0), crowded = p95_beside(greedy, 100);
    greedy.streaming = true;
    const int64_t streams = p95_beside(greedy, 100);
    print_message("another client's P95: %.1f ms; beside 100 jobs at once %.1f ms; beside 100 streams %.1f ms\n",
                  (double)calm / 1e3, (double)crowded / 1e3, (double)streams / 1e3);
    /* In both stages it may meet a batch of a turn, and before it the slack, or the burst, at 4 ms a second of audio.
     */
    assert_true(crowded < calm + 2 * 15000 + 3 * 4000);
    assert_true(streams < calm + 2 * 15000 + 6 * 4000);
}

/* What a client waits for a text of ten seconds, three sentences, that it asks for four times in a second of work:
 * alone, beside 16 of 20,000 characters, and beside short texts without end, all of one other client. */
static int64_t p95_of_ten_seconds(int32_t parallel, uint64_t seed, size_t texts, sim_job other, int64_t gap_us) {
    usual_device(&world, seed);
    world.config.parallel = parallel;
    for (size_t i = 0; i < 60; i++) {
        world.jobs[world.job_count++] = (sim_job){.arrival_us = world.origin_us + 2000000 + (int64_t)i * 250000,
                                                  .client = 1,
                                                  .priority = 1,
                                                  .sentences = 3,
                                                  .tokens = 45,
                                                  .weight = 1,
                                                  .streaming = true};
    }
    other.weight = 1;
    other.priority = 1;
    for (size_t i = 0; i < texts; i++) {
        other.arrival_us = world.origin_us + (int64_t)i * gap_us;
        world.jobs[world.job_count++] = other;
    }
    run(&world);
    return sim_quantile(&world, 1, 0.95, false);
}

static void one_clients_flood_at_most_doubles_anothers_wait(void **state) {
    (void)state;
    static const int32_t parallel[] = {1, 2, 8};
    for (size_t i = 0; i < EV_ARRAY_COUNT(parallel); i++) {
        const sim_job texts = {.sentences = 400, .tokens = 40, .streaming = true},
                      notes = {.sentences = 1, .tokens = 20};
        const int64_t alone = p95_of_ten_seconds(parallel[i], 21, 0, texts, 0);
        const int64_t beside_texts = p95_of_ten_seconds(parallel[i], 21, 16, texts, 10000);
        const int64_t beside_notes = p95_of_ten_seconds(parallel[i], 21, 1100, notes, 5000);
        print_message("%d at once: ten seconds take %.1f ms at P95; beside 16 long texts %.1f ms, "
                      "beside short ones at once %.1f ms\n",
                      parallel[i], (double)alone / 1e3, (double)beside_texts / 1e3, (double)beside_notes / 1e3);
        assert_true(beside_texts <= 2 * alone);
        assert_true(beside_notes <= 2 * alone);
    }
}

/* Mean over days: the P95 of a few hundred requests is itself uncertain by more than what is looked for. */
static void a_long_text_does_not_delay_short_ones(void **state) {
    (void)state;
    int64_t p95[2] = {0}, long_us = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (int with = 0; with < 2; with++) {
            usual_device(&world, seed);
            add_short(&world, 0.5, 20, 700, false);
            const sim_job text = {.arrival_us = world.origin_us, /* 1200 s: 20,000 characters */
                                  .client = 0,
                                  .priority = 1,
                                  .sentences = 400,
                                  .tokens = 40,
                                  .weight = 1};
            if (with) world.jobs[world.job_count++] = text;
            run(&world);
            p95[with] += sim_quantile(&world, -1, 0.95, false) / 10;
            if (with) long_us += sim_quantile(&world, 0, 1, false) / 10;
        }
    }
    print_message("P95 of short ones: %.1f ms; beside 20,000 characters %.1f ms, which take %.1f s\n",
                  (double)p95[0] / 1e3, (double)p95[1] / 1e3, (double)long_us / 1e6);
    assert_true(p95[1] * 100 <= p95[0] * 120);
    assert_true(long_us < 3 * 400 * 12100); /* and it gets what the short ones leave */
}

static void streams_do_not_underrun(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        usual_device(&world, seed);
        add_short(&world, 0.27, 10, 500, true); /* with the next line, 1.5 sentences each */
        for (size_t i = 0; i < world.job_count; i += 10) world.jobs[i].sentences = 6;
        const size_t streams = world.job_count;
        add_short(&world, 0.1, 10, 200, false);
        for (size_t i = streams; i < world.job_count; i++) world.jobs[i].priority = 0;
        run(&world);
        for (size_t i = 0; i < world.job_count; i++) {
            if (world.jobs[i].streaming) assert_int_equal(world.jobs[i].underrun_us, 0);
        }
    }
    print_message("first audio at 50 %%: P50 %.1f ms, P95 %.1f ms\n",
                  (double)sim_quantile(&world, -1, 0.5, true) / 1e3,
                  (double)sim_quantile(&world, -1, 0.95, true) / 1e3);
}

/* Streams at a quarter of capacity while another client's 300 jobs of high priority keep the device full. */
static void streams_do_not_underrun_in_a_crowd(void **state) {
    (void)state;
    usual_device(&world, 17);
    add_short(&world, 0.05, 10, 40, true);
    for (size_t i = 0; i < world.job_count; i++) world.jobs[i].sentences = 5;
    for (size_t i = 0; i < 300; i++) {
        world.jobs[world.job_count++] = (sim_job){
            .arrival_us = world.origin_us + 1000000, .client = 11, .sentences = 1, .tokens = 40, .weight = 1};
    }
    run(&world);
    for (size_t i = 0; i < world.job_count; i++) {
        if (world.jobs[i].streaming) assert_int_equal(world.jobs[i].underrun_us, 0);
    }
}

static void the_vocoder_runs_full_under_load(void **state) {
    (void)state;
    usual_device(&world, 14);
    add_short(&world, 4, 20, 1000, false);
    run(&world);
    const double rows = (double)world.vocode_rows / (double)world.vocode_batches;
    print_message("rows in a vocoder batch at four times capacity: %.0f of %d\n", rows, world.config.vocode_rows);
    assert_true(rows > 0.9 * world.config.vocode_rows);
}

static void shares_follow_weights(void **state) {
    (void)state;
    usual_device(&world, 15);
    for (size_t i = 0; i < 600; i++) {
        world.jobs[world.job_count++] = (sim_job){.arrival_us = world.origin_us,
                                                  .client = (int32_t)(i % 2),
                                                  .priority = 1,
                                                  .sentences = 1,
                                                  .tokens = 40,
                                                  .weight = i % 2 ? 3 : 1};
    }
    run(&world);
    const int64_t heavy_end = sim_quantile(&world, 1, 1, false);
    size_t light = 0;
    for (size_t i = 0; i < world.job_count; i++) {
        const sim_job *j = &world.jobs[i];
        light += j->client == 0 && j->ended_us - j->arrival_us <= heavy_end;
    }
    assert_in_range(light, 90, 110); /* of 300, when the client of weight 3 had all its 300 */
}

static void low_priority_is_not_starved(void **state) {
    (void)state;
    usual_device(&world, 16);
    add_short(&world, 1.5, 3, 1000, false);
    for (size_t i = 0; i < world.job_count; i++) world.jobs[i].priority = 0;
    sim_job *low = &world.jobs[world.job_count++]; /* of a client that has high ones, too */
    *low = (sim_job){.arrival_us = world.origin_us + 100000,
                     .client = 1,
                     .priority = 2,
                     .sentences = 1,
                     .tokens = 40,
                     .weight = 1};
    run(&world); /* the high ones alone keep the device busy for about 12 s */
    assert_int_equal(low->state, SIM_DONE);
    assert_in_range(low->ended_us - low->arrival_us, 2000000,
                    6000000); /* two steps, each after age_us and a few turns */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_days_keep_every_rule),
        cmocka_unit_test(clocks_may_start_anywhere),
        cmocka_unit_test(adaptive_beats_fixed_and_off),
        cmocka_unit_test(a_greedy_client_does_not_delay_another),
        cmocka_unit_test(one_clients_flood_at_most_doubles_anothers_wait),
        cmocka_unit_test(a_long_text_does_not_delay_short_ones),
        cmocka_unit_test(streams_do_not_underrun),
        cmocka_unit_test(streams_do_not_underrun_in_a_crowd),
        cmocka_unit_test(the_vocoder_runs_full_under_load),
        cmocka_unit_test(shares_follow_weights),
        cmocka_unit_test(low_priority_is_not_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
