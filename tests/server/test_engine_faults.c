/* The engine on a device that breaks: whoever can be served is served with the very samples that it has alone,
 * whoever cannot is told so once, and nobody pays for a neighbour. */
#include "server/engine_faults.h"

/* ---- a batch that breaks once ---- */

static sv_stage breaks_at;
static bool breaks_late;

static void break_first_company(call *c) {
    if (c->stage != breaks_at || c->count < 2 || device.seen++) return;
    c->status = EV_E_DEVICE;
    c->late = breaks_late;
}

static void assert_alone_after_failure(void) {
    size_t at = 0;
    while (at < device.count && device.calls[at].status == EV_OK) at++;
    assert_true(at < device.count);
    const call *broken = &device.calls[at];
    for (size_t i = at + 1; i < device.count; i++) {
        for (size_t k = 0; k < broken->count; k++) {
            if (has_word(&device.calls[i], broken->words[k])) assert_int_equal(device.calls[i].count, 1);
        }
    }
    for (size_t k = 0; k < broken->count; k++) assert_true(count_calls(SV_VOCODE, broken->words[k], true) > 0);
}

/* false: no batch had company, which a machine with too much to do may bring about. */
static bool breaks_and_is_made_again(int variant) {
    sv_job *jobs[TEXTS];
    open_world(NULL, NULL);
    breaks_at = variant & 1 ? SV_VOCODE : SV_ACOUSTIC;
    breaks_late = variant & 2;
    sv_job *plug = hold_device();
    say_all(jobs);
    set_rule(break_first_company);
    set_gate(false);
    end_all(jobs);
    end_plug(&plug);
    const int broken = count_calls(breaks_at, NULL, false);
    assert_in_range(broken, 0, 1);
    if (broken) {
        assert_alone_after_failure();
        assert_true(sv_metric_read(w.metrics, SV_METRIC_RETRIES, 0, 0) >= 2);
    }
    assert_int_equal(outcome(SV_OUTCOME_COMPLETED), TEXTS + 1);
    assert_int_equal(outcome(SV_OUTCOME_FAILED), 0);
    close_world();
    return broken;
}

static void a_batch_that_breaks_is_made_again(void **state) {
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        int tries = 0;
        while (!breaks_and_is_made_again(variant)) assert_true(++tries < 20);
    }
}

/* ---- a job that breaks every batch ---- */

static void break_for_poison(call *c) {
    if (has_word(c, "poison")) c->status = EV_E_DEVICE;
}

static void assert_dead_count(size_t wanted, const char *id) {
    ev_buf out = {0};
    size_t count = 0;
    sv_engine_dead_letters(w.engine, &out);
    for (const char *at = (const char *)out.data; (at = strstr(at, "\"id\"")) != NULL; at++) count++;
    assert_int_equal(count, wanted);
    if (id) assert_non_null(strstr((const char *)out.data, id));
    assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_DEAD_JOBS, 0, 0), wanted);
    ev_buf_free(&out);
}

static void poison_harms_itself_alone(void **state) {
    (void)state;
    static const char poison_text[] = "Poison tastes bad.";
    sv_job *jobs[TEXTS];
    sv_job *again;
    ev_error error;
    open_world(NULL, NULL);
    sv_job *plug = hold_device();
    sv_job *poison = say(poison_text);
    say_all(jobs);
    wait_ready(poison);
    set_rule(break_for_poison);
    set_gate(false);
    assert_int_equal(wait_over(poison), SV_JOB_FAILED);
    end_all(jobs);
    end_plug(&plug);
    wait_idle();
    sv_job_snapshot(poison, NULL, NULL, &error);
    assert_string_equal(error.message, "the device broke");
    assert_int_equal(count_calls(SV_ACOUSTIC, "poison", false), 3); /* in company, then twice alone */
    assert_int_equal(count_calls(SV_ACOUSTIC, "alpha", false), 1);
    /* tries after the first: two of the poison's, one of each neighbour's */
    assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_RETRIES, 0, 0), 2 + TEXTS);
    assert_dead_count(1, poison->id);
    assert_int_equal(outcome(SV_OUTCOME_FAILED), 1);

    int32_t later_ms;
    assert_int_equal(sv_engine_retry(w.engine, "0123456789abcdef0123456789abcdef", &again, &later_ms, &error),
                     EV_E_NOT_FOUND);
    set_rule(NULL); /* repaired */
    assert_int_equal(sv_engine_retry(w.engine, poison->id, &again, &later_ms, &error), EV_OK);
    assert_string_not_equal(again->id, poison->id);
    sv_job *second = sv_jobs_find(w.jobs, again->id, "ann");
    leave(&again);
    assert_non_null(second);
    assert_completed(second, poison_text);
    assert_dead_count(0, NULL);
    sv_job_unref(&second);
    leave(&poison);
    close_world();
}

/* ---- after a part was handed out ---- */

static int break_calls[2];

static void break_at_calls(call *c) {
    const int now = ++device.seen;
    if (now == break_calls[0] || now == break_calls[1]) {
        c->status = EV_E_DEVICE;
        c->late = now == break_calls[1];
    }
}

/* Reads as a listener does, from the first sample to the last. */
static size_t listen_to_end(sv_job *job, int16_t *heard, size_t most) {
    size_t at = 0;
    for (bool over = false; !over;) {
        assert_true(await(job, at));
        const size_t count = sv_job_read(job, at, heard + at, most - at < 1000 ? most - at : 1000, &over);
        assert_true(count || over);
        at += count;
    }
    return at;
}

static void a_listener_hears_every_sample_once(void **state) {
    (void)state;
    static const char text[] = "Golf is slow. Later there is more of it. In the end everybody goes home.";
    static const int places[][2] = {{3, 0}, {0, 4}, {5, 9}, {4, 7}, {6, 0}};
    const sound *s = alone(text, 0);
    int16_t *heard = malloc((s->count + 1) * sizeof *heard);
    assert_non_null(heard);
    for (size_t i = 0; i < EV_ARRAY_COUNT(places); i++) {
        size_t broken = 0, vocoded = 0;
        open_world(NULL, NULL);
        memcpy(break_calls, places[i], sizeof break_calls);
        set_rule(break_at_calls);
        sv_speech speech = speech_of(text);
        speech.stream = true;
        sv_job *job = hand_in(speech);
        assert_int_equal(listen_to_end(job, heard, s->count + 1), s->count);
        assert_memory_equal(heard, s->samples, s->count * sizeof *heard);
        assert_completed(job, text);
        for (size_t k = 0; k < device.count; k++) {
            broken += device.calls[k].status != EV_OK;
            vocoded += !broken && device.calls[k].stage == SV_VOCODE;
        }
        assert_int_equal(broken, (places[i][0] > 0) + (places[i][1] > 0));
        assert_true(vocoded > 0); /* something had been handed out before */
        leave(&job);
        close_world();
    }
    free(heard);
}

static int64_t underruns(void) { return sv_metric_read(w.metrics, SV_METRIC_PLAYBACK_UNDERRUNS, 0, 0); }

static int64_t underruns_before;

/* The third chunk breaks, and takes so long to do it that whatever comes after it is late. */
static void break_third_late(call *c) {
    if (c->stage != SV_VOCODE || ++device.seen != 3) return;
    c->status = EV_E_DEVICE;
    underruns_before = underruns();
    usleep(2500000);
}

/* Chunks of the try after the one that broke: *again those that were handed out before, *fresh the others. */
static void count_chunks(size_t *again, size_t *fresh) {
    int32_t handed_out = 0;
    bool broke = false;
    *again = *fresh = 0;
    for (size_t i = 0; i < device.count; i++) {
        const call *c = &device.calls[i];
        if (c->stage != SV_VOCODE) continue;
        const int32_t frames = c->size - (int32_t)work.slice_rows;
        broke |= c->status != EV_OK;
        if (c->status != EV_OK) continue;
        if (broke && handed_out > 0) ++*again;
        if (broke && handed_out <= 0) ++*fresh;
        handed_out += broke ? -frames : frames;
    }
}

static void what_comes_again_is_no_underrun(void **state) {
    (void)state;
    size_t again, fresh;
    open_world(NULL, NULL);
    set_rule(break_third_late);
    sv_speech speech = speech_of("Golf is slow. So is this. And this.");
    speech.stream = true;
    speech.speed = 2;
    sv_job *job = hand_in(speech);
    assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
    count_chunks(&again, &fresh);
    assert_true(again == 2 && fresh > 0);
    assert_int_equal(underruns() - underruns_before, fresh);
    leave(&job);
    close_world();
}

/* ---- samples that are no numbers ---- */

static void spoil_bravo(call *c) {
    if (c->stage == SV_VOCODE) c->spoil = "bravo";
}

static void no_numbers_reach_nobody(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world(NULL, NULL);
    sv_job *plug = hold_device();
    say_all(jobs);
    set_rule(spoil_bravo);
    set_gate(false);
    for (size_t i = 0; i < TEXTS; i++) {
        if (i != 1) assert_completed(jobs[i], texts[i]);
    }
    size_t count;
    ev_error error;
    assert_int_equal(wait_over(jobs[1]), SV_JOB_FAILED);
    sv_job_snapshot(jobs[1], NULL, &count, &error);
    assert_int_equal(count, 0);
    assert_int_equal(error.status, EV_E_DEVICE);
    assert_dead_count(1, jobs[1]->id);
    for (size_t i = 0; i < TEXTS; i++) leave(&jobs[i]);
    end_plug(&plug);
    close_world();
}

static void spoil_bravo_once(call *c) {
    if (c->stage == SV_VOCODE && has_word(c, "bravo") && !device.seen++) c->spoil = "bravo";
}

/* Who has none is no more at fault than a member of a batch that failed; the others of the batch have their sound. */
static void no_numbers_are_tried_again(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world(NULL, NULL);
    sv_job *plug = hold_device();
    say_all(jobs);
    set_rule(spoil_bravo_once);
    set_gate(false);
    end_all(jobs);
    end_plug(&plug);
    assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_RETRIES, 0, 0), 1);
    assert_dead_count(0, NULL);
    close_world();
}

/* ---- recordings ---- */

/* A .wav of what a text sounds like. */
static void record(sv_speech *speech, const char *text) {
    const sound *s = alone(text, 0);
    const uint32_t bytes = (uint32_t)(s->count * sizeof *s->samples);
    const uint32_t rate = (uint32_t)ev_model_sample_rate(model);
    const uint32_t head[] = {0x46464952, bytes + 36, 0x45564157, 0x20746d66, 16,   0x00010001,
                             rate,       2 * rate,   0x00100002, 0x61746164, bytes};
    unsigned char *file = malloc(sizeof head + bytes);
    assert_non_null(file);
    memcpy(file, head, sizeof head);
    memcpy(file + sizeof head, s->samples, bytes);
    speech->reference = file;
    speech->reference_bytes = sizeof head + bytes;
}

static sv_speech speech_with_recording(const char *text) {
    sv_speech speech = speech_of(text);
    record(&speech, "The quick brown fox jumps over the lazy dog, and then it rests in the warm sun.");
    return speech;
}

/* The engine may be done before the thread of the request has copied it into the journal. */
static void a_recording_stays_until_it_is_written_down(void **state) {
    (void)state;
    open_world(NULL, NULL);
    sv_job *job = hand_in_as(speech_with_recording(texts[0]), SV_DURABLE_WANTED);
    assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
    assert_non_null(job->speech.reference);
    leave(&job);
    job = hand_in_as(speech_with_recording(texts[1]), SV_DURABLE_PENDING);
    assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
    assert_null(job->speech.reference);
    leave(&job);
    close_world();
}

/* Once its job is over it has done its work, however that ended; a dead letter may need it again. */
static void a_recording_goes_with_its_work(void **state) {
    (void)state;
    sv_job *again;
    int32_t later_ms;
    open_world(NULL, NULL);
    sv_job *job = hand_in(speech_with_recording(texts[0]));
    assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
    assert_null(job->speech.reference);
    leave(&job);
    sv_speech speech = speech_with_recording(texts[0]);
    speech.reference_bytes /= 40; /* too short */
    job = hand_in(speech);
    assert_int_equal(wait_over(job), SV_JOB_FAILED);
    assert_null(job->speech.reference);
    leave(&job);
    set_rule(break_for_poison);
    job = hand_in(speech_with_recording("Poison tastes bad."));
    assert_int_equal(wait_over(job), SV_JOB_FAILED);
    assert_non_null(job->speech.reference);
    set_rule(NULL);
    assert_int_equal(sv_engine_retry(w.engine, job->id, &again, &later_ms, NULL), EV_OK);
    leave(&job);
    job = sv_jobs_find(w.jobs, again->id, "ann");
    leave(&again);
    assert_int_equal(wait_over(job), SV_JOB_COMPLETED);
    assert_null(job->speech.reference);
    sv_job_unref(&job);
    close_world();
}

/* ---- listeners that leave ---- */

static sv_job *leaver;

static void leave_at_vocoder(call *c) {
    if (c->stage == SV_VOCODE && has_word(c, "leaver") && !device.seen++) atomic_fetch_sub(&leaver->listeners, 1);
}

static void who_left_leaves_the_batch(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world(NULL, NULL);
    sv_job *plug = hold_device(), *never = say("Never mind.");
    leaver = say("Leaver, go away. There is another sentence. And there is a third one.");
    say_all(jobs);
    wait_ready(leaver);
    wait_ready(never);
    atomic_fetch_sub(&never->listeners, 1);
    sv_engine_nudge(w.engine);
    set_rule(leave_at_vocoder);
    set_gate(false);
    end_all(jobs);
    end_plug(&plug);
    assert_int_equal(wait_over(leaver), SV_JOB_CANCELED);
    assert_int_equal(wait_over(never), SV_JOB_CANCELED);
    wait_idle();
    assert_int_equal(count_calls(SV_ACOUSTIC, "never", true), 0);
    assert_int_equal(count_calls(SV_VOCODE, "leaver", true), 1);
    assert_true(sv_metric_read(w.metrics, SV_METRIC_CANCELED_COMPUTE, 0, 0) > 0);
    assert_int_equal(outcome(SV_OUTCOME_CANCELED), 2);
    sv_job_unref(&leaver);
    sv_job_unref(&never);
    close_world();
}

static void kept_jobs_need_no_listener(void **state) {
    (void)state;
    bool fresh;
    open_world(NULL, NULL);
    sv_speech speech = speech_of(texts[0]);
    sv_job *job = sv_jobs_take(w.jobs, &speech, "ann", true, NULL, &fresh);
    atomic_fetch_sub(&job->listeners, 1);
    assert_int_equal(sv_engine_submit(w.engine, job, "ann").verdict, SV_ACCEPT);
    assert_completed(job, texts[0]);
    sv_job_unref(&job);
    close_world();
}

/* ---- deadlines ---- */

static void too_late_is_not_computed(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    ev_error error;
    open_world(NULL, NULL);
    sv_job *plug = hold_device();
    sv_speech speech = speech_of("Late trains never come.");
    speech.deadline_us = (int64_t)(ev_clock_s() * 1e6) + 1000000;
    sv_job *late = hand_in(speech);
    say_all(jobs);
    wait_ready(late);
    while ((int64_t)(ev_clock_s() * 1e6) < late->speech.deadline_us) usleep(20000);
    set_gate(false);
    assert_int_equal(wait_over(late), SV_JOB_EXPIRED);
    sv_job_snapshot(late, NULL, NULL, &error);
    assert_string_equal(error.message, "the deadline cannot be met");
    end_all(jobs);
    end_plug(&plug);
    assert_int_equal(count_calls(SV_ACOUSTIC, "late", true), 0);
    assert_int_equal(outcome(SV_OUTCOME_EXPIRED), 1);
    leave(&late);
    close_world();
}

/* ---- equal requests ---- */

static void equal_requests_are_made_once(void **state) {
    (void)state;
    bool fresh;
    open_world(NULL, NULL);
    sv_job *plug = hold_device(), *first = say(texts[0]), *others[3];
    for (size_t i = 0; i < 3; i++) {
        sv_speech speech = speech_of(texts[0]);
        if (i == 2) set_gate(false);
        if (i == 2) assert_completed(first, texts[0]); /* the last comes when it is made already */
        others[i] = sv_jobs_take(w.jobs, &speech, "bob", false, NULL, &fresh);
        assert_ptr_equal(others[i], first);
        assert_false(fresh);
    }
    sv_speech other = speech_of(texts[0]);
    other.seed = 1;
    sv_job *different = hand_in(other);
    assert_ptr_not_equal(different, first);
    assert_int_equal(wait_over(different), SV_JOB_COMPLETED);
    assert_true(sounds_like(different, alone(texts[0], 1)));
    end_plug(&plug);
    assert_int_equal(count_calls(SV_ACOUSTIC, "alpha", true), 2);
    for (size_t i = 0; i < 3; i++) leave(&others[i]);
    leave(&first);
    leave(&different);
    close_world();
}

/* One of two listeners leaves: the other hears all. */
static void a_shared_job_lives_for_its_last_listener(void **state) {
    (void)state;
    bool fresh;
    open_world(NULL, NULL);
    sv_job *plug = hold_device(), *first = say(texts[2]);
    sv_speech speech = speech_of(texts[2]);
    sv_job *second = sv_jobs_take(w.jobs, &speech, "bob", false, NULL, &fresh);
    leave(&first);
    sv_engine_nudge(w.engine);
    set_gate(false);
    assert_completed(second, texts[2]);
    leave(&second);
    end_plug(&plug);
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_batch_that_breaks_is_made_again, end_world),
        cmocka_unit_test_teardown(poison_harms_itself_alone, end_world),
        cmocka_unit_test_teardown(a_listener_hears_every_sample_once, end_world),
        cmocka_unit_test_teardown(what_comes_again_is_no_underrun, end_world),
        cmocka_unit_test_teardown(no_numbers_reach_nobody, end_world),
        cmocka_unit_test_teardown(no_numbers_are_tried_again, end_world),
        cmocka_unit_test_teardown(a_recording_stays_until_it_is_written_down, end_world),
        cmocka_unit_test_teardown(a_recording_goes_with_its_work, end_world),
        cmocka_unit_test_teardown(who_left_leaves_the_batch, end_world),
        cmocka_unit_test_teardown(kept_jobs_need_no_listener, end_world),
        cmocka_unit_test_teardown(too_late_is_not_computed, end_world),
        cmocka_unit_test_teardown(equal_requests_are_made_once, end_world),
        cmocka_unit_test_teardown(a_shared_job_lives_for_its_last_listener, end_world)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
