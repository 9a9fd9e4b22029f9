/* What every backend of jobs promises, whoever makes the speech: tested against the interface alone. */
#include "engine_faults.h"

#include "server/models/local.h"

static sv_backend *backend;
static sv_models *models;

static int open_local(void **state) {
    (void)state;
    ev_error err = {0};
    open_world(NULL, NULL);
    set("memory_max", "8GB"); /* sanitizers have memory of their own */
    const sv_models_parts parts = {
        .engine = {.config = &w.config, .jobs = w.jobs, .metrics = w.metrics, .log = &w.log, .device = &faulty_calls},
        .fixed_least = 1 << 20};
    if (sv_models_create(&models, &parts, &err) != EV_OK) fail_msg("%s", err.message);
    sv_model_list *list = sv_models_list(models);
    sv_engine_free(&w.engine);
    w.engine = list->items[0]->engine; /* the one that the world holds and waits for */
    sv_model_list_unref(&list);
    return sv_backend_local(&backend, models, w.jobs, NULL, &err) == EV_OK ? 0 : -1;
}

static int close_backend(void **state) {
    set_gate(false);
    sv_backend_stop(backend);
    sv_backend_close(&backend);
    w.engine = NULL;
    sv_models_free(&models);
    return end_world(state);
}

/* Submitted, and listened to by the caller. */
static sv_job *submit(const char *text, const char *owner, bool kept, sv_submission *out) {
    bool fresh;
    sv_speech speech = speech_of(text);
    sv_job *job = sv_jobs_take(w.jobs, &speech, owner, kept, NULL, &fresh);
    assert_non_null(job);
    assert_true(fresh);
    sv_backend_submit(backend, job, owner, out);
    return job;
}

static void test_what_is_submitted_is_made(void **state) {
    (void)state;
    sv_submission s;
    sv_job *jobs[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) {
        jobs[i] = submit(texts[i], "ann", false, &s);
        assert_int_equal(s.admission.verdict, SV_ACCEPT);
        assert_string_equal(s.first, "");
        assert_false(s.unavailable || s.conflict);
    }
    end_all(jobs);
}

static void test_who_asks_later_finds_what_was_promised(void **state) {
    (void)state;
    sv_submission s;
    ev_error err = {0};
    sv_job *job = submit(texts[0], "ann", true, &s), *found = NULL;
    assert_completed(job, texts[0]);
    assert_int_equal(sv_backend_snapshot(backend, job->id, "ann", true, &found, &err), EV_OK);
    assert_int_equal(sv_job_snapshot(found, NULL, NULL, NULL), SV_JOB_COMPLETED);
    assert_true(sounds_like(found, alone(texts[0], 0)));
    sv_job_unref(&found);
    assert_int_equal(sv_backend_snapshot(backend, job->id, "bob", true, &found, &err), EV_E_NOT_FOUND);
    assert_int_equal(sv_backend_snapshot(backend, "0123456789abcdef0123456789abcdef", "ann", true, &found, &err),
                     EV_E_NOT_FOUND);
    assert_null(found);
    leave(&job);
}

static void test_what_was_canceled_is_nobody_s(void **state) {
    (void)state;
    sv_submission s;
    ev_error err = {0};
    sv_job *plug = hold_device(), *found = NULL;
    sv_job *job = submit(texts[1], "ann", true, &s);
    assert_int_equal(sv_backend_snapshot(backend, job->id, "ann", false, &found, &err), EV_OK);
    assert_int_equal(sv_job_snapshot(found, NULL, NULL, NULL), SV_JOB_QUEUED);
    sv_job_unref(&found);
    assert_int_equal(sv_backend_cancel(backend, job, &err), EV_OK);
    assert_int_equal(sv_backend_snapshot(backend, job->id, "ann", false, &found, &err), EV_E_NOT_FOUND);
    atomic_fetch_sub(&job->listeners, 1);
    sv_backend_nudge(backend);
    set_gate(false);
    assert_int_equal(wait_over(job), SV_JOB_CANCELED);
    sv_job_unref(&job);
    end_plug(&plug);
}

static void test_the_backlog_is_what_is_not_over(void **state) {
    (void)state;
    sv_submission s;
    sv_load load;
    sv_backend_backlog(backend, &load);
    assert_true(load.available);
    assert_int_equal(load.jobs, 0);
    assert_true(sv_backend_idle(backend));
    sv_job *plug = hold_device();
    sv_job *job = submit(texts[2], "ann", false, &s);
    wait_ready(job);
    sv_backend_backlog(backend, &load);
    assert_int_equal(load.jobs, 2);
    assert_true(load.audio_s > 0.3 && load.audio_s < 30);
    assert_false(sv_backend_idle(backend));
    set_gate(false);
    assert_completed(job, texts[2]);
    end_plug(&plug);
    leave(&job);
    wait_idle();
    sv_backend_backlog(backend, &load);
    assert_int_equal(load.jobs, 0);
}

static void break_all(call *c) { c->status = EV_E_DEVICE; }

static void test_a_dead_letter_is_tried_again_once(void **state) {
    (void)state;
    sv_submission s;
    sv_load load;
    ev_buf list = {0};
    ev_error err = {0};
    char again[SV_JOB_ID + 1], id[SV_JOB_ID + 1];
    sv_job *next = NULL, *none = NULL;
    int32_t retry_ms;
    set_rule(break_all);
    sv_job *job = submit(texts[3], "ann", true, &s);
    assert_int_equal(wait_over(job), SV_JOB_FAILED);
    memcpy(id, job->id, sizeof id);
    leave(&job);
    sv_backend_backlog(backend, &load);
    assert_int_equal(load.dead, 1);
    assert_int_equal(sv_backend_dead_letters(backend, &list, &err), EV_OK);
    assert_non_null(strstr((const char *)list.data, id));
    ev_buf_free(&list);
    set_rule(NULL);
    assert_int_equal(sv_backend_retry(backend, id, again, &next, &retry_ms, &err), EV_OK);
    assert_string_not_equal(again, id);
    assert_completed(next, texts[3]);
    leave(&next);
    assert_int_equal(sv_backend_retry(backend, id, again, &none, &retry_ms, &err), EV_E_NOT_FOUND);
}

static void test_nothing_comes_in_once_it_is_stopped(void **state) {
    (void)state;
    sv_submission s;
    sv_backend_stop(backend);
    sv_job *job = submit(texts[0], "ann", false, &s);
    assert_int_not_equal(s.admission.verdict, SV_ACCEPT);
    assert_true(s.admission.retry_after_ms > 0);
    assert_true(sv_job_over(sv_job_snapshot(job, NULL, NULL, NULL)));
    leave(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_submitted_is_made, open_local, close_backend),
        cmocka_unit_test_setup_teardown(test_who_asks_later_finds_what_was_promised, open_local, close_backend),
        cmocka_unit_test_setup_teardown(test_what_was_canceled_is_nobody_s, open_local, close_backend),
        cmocka_unit_test_setup_teardown(test_the_backlog_is_what_is_not_over, open_local, close_backend),
        cmocka_unit_test_setup_teardown(test_a_dead_letter_is_tried_again_once, open_local, close_backend),
        cmocka_unit_test_setup_teardown(test_nothing_comes_in_once_it_is_stopped, open_local, close_backend),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
