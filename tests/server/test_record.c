/* record: a job is the same after it was written down; what was not written by us is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/guard/guard.h"
#include "server/jobs/record.h"

static sv_job *make_job(void) {
    sv_speech s;
    sv_speech_init(&s);
    s.text = strdup("“你好”, said \"Ann\".\n\tTwice\\.");
    s.text_bytes = strlen(s.text);
    s.voice = strdup("mei");
    s.emotion = strdup("happy:0.6,sad:0.3");
    s.prompt = strdup("哭唧唧"); /* one of the two is given to a request; both are written down */
    s.language = strdup("zh");
    s.reference = malloc(5);
    memcpy(s.reference, "\0RIF\xff", 5);
    s.reference_bytes = 5;
    s.markup = EV_MARKUP_NONE;
    s.audio_tags = EV_AUDIO_TAGS_DROP;
    s.own_lexicon = strdup("gif = /JH IH1 F/\n");
    s.emotion_degree = 1.1f;
    s.speed = 0.3f;
    s.pitch_scale = 1.7f;
    s.energy_scale = 3.3f;
    s.seed = UINT64_C(9007199254740991);
    s.priority = 2;
    s.deadline_us = (int64_t)(ev_clock_s() * 1e6) + 5000000;
    s.format = EV_FORMAT_FLAC;
    s.sound = (sv_sound){.rate = 8000, .bitrate_kbps = 96, .volume_db = -3.5f, .trim_silence = true};
    sv_job *job = sv_job_create(&s, "ann");
    assert_non_null(job);
    job->webhook = strdup("https://example.org/told");
    job->show_words = true;
    job->weight = 2.5f;
    job->quota_s = 3600;
    job->charged_s = 1.25;
    memset(job->idempotency.key, 'k', sizeof job->idempotency.key);
    memset(job->idempotency.body, 'b', sizeof job->idempotency.body);
    job->listed_idempotency = true;
    return job;
}

static void what_was_asked_for_is_the_same(void **state) {
    (void)state;
    sv_job *job = make_job(), *back = NULL;
    sv_record r = {0};
    ev_error err = {0};
    job->times.created_ms -= 3001; /* a while before it is written down */
    assert_true(sv_record_request(&r, job));
    assert_string_equal(r.holder, "ann");
    assert_false(r.untrusted);
    assert_true(r.keyed);
    if (sv_record_job(&back, &r, &err) != EV_OK) fail_msg("%s", err.message);
    const sv_speech *a = &job->speech, *b = &back->speech;
    assert_string_equal(back->id, job->id);
    assert_true(back->times.created_ms == job->times.created_ms);
    assert_string_equal(back->owner, "ann");
    assert_int_equal(a->text_bytes, b->text_bytes);
    assert_memory_equal(a->text, b->text, a->text_bytes + 1);
    assert_string_equal(a->voice, b->voice);
    assert_string_equal(a->emotion, b->emotion);
    assert_string_equal(a->prompt, b->prompt);
    assert_string_equal(a->language, b->language);
    assert_string_equal(b->own_lexicon, "gif = /JH IH1 F/\n");
    assert_int_equal(b->markup, EV_MARKUP_NONE);
    assert_int_equal(b->audio_tags, EV_AUDIO_TAGS_DROP);
    assert_null(b->reference_url);
    assert_int_equal(b->reference_bytes, 5);
    assert_memory_equal(a->reference, b->reference, 5);
    assert_true(a->emotion_degree == b->emotion_degree && a->speed == b->speed && a->pitch_scale == b->pitch_scale &&
                a->energy_scale == b->energy_scale); /* to the bit: the samples depend on them */
    assert_true(a->seed == b->seed);
    assert_int_equal(b->priority, 2);
    assert_int_equal(b->format, EV_FORMAT_FLAC);
    assert_true(b->sound.rate == 8000 && b->sound.bitrate_kbps == 96 && b->sound.volume_db == -3.5f &&
                b->sound.trim_silence && !b->sound.normalize);
    assert_true(llabs(a->deadline_us - b->deadline_us) < 100000);
    assert_string_equal(back->webhook, "https://example.org/told");
    assert_true(back->show_words && atomic_load(&back->kept));
    assert_true(back->weight == 2.5f && back->quota_s == 3600 && back->charged_s == 1.25);
    assert_memory_equal(back->idempotency.key, job->idempotency.key, SV_JOB_KEY);
    assert_memory_equal(back->idempotency.body, job->idempotency.body, SV_JOB_KEY);
    assert_int_equal(back->state, SV_JOB_QUEUED);
    assert_true(ev_clock_s() - back->times.arrived < 10);
    sv_record_free(&r);
    sv_job_unref(&job);
    sv_job_unref(&back);
}

static void an_untrusted_client_s_counts_for_its_site(void **state) {
    (void)state;
    sv_speech s;
    sv_speech_init(&s);
    s.text = strdup("Hello.");
    s.text_bytes = 6;
    char account[SV_ACCOUNT_SIZE];
    sv_address address;
    assert_true(sv_address_parse(&address, "2001:db8:1:2::3", 15));
    sv_address_account(&address, account);
    sv_job *job = sv_job_create(&s, account);
    sv_record r = {0};
    assert_true(sv_record_request(&r, job));
    assert_true(r.untrusted);
    assert_string_equal(r.owner, account);
    assert_string_not_equal(r.holder, r.owner); /* the /48 */
    assert_false(r.keyed);
    sv_record_free(&r);
    sv_job_unref(&job);
}

static void how_it_ended_is_the_same(void **state) {
    (void)state;
    sv_job *job = make_job(), *back = NULL;
    sv_record r = {0};
    job->times.started = job->times.arrived + 0.25;
    job->times.first = job->times.arrived + 0.5;
    job->times.done = job->times.arrived + 2;
    job->count = 48000;
    job->words = calloc(2, sizeof *job->words);
    job->words[0] = (sv_word_time){0, 9, 100, 2000};
    job->words[1] = (sv_word_time){10, 14, 2000, 48000};
    job->word_count = 2;
    assert_true(sv_record_request(&r, job));
    assert_true(sv_record_outcome(&r, job, SV_JOB_COMPLETED, NULL, 16000));
    assert_int_equal(r.state, SV_RECORD_COMPLETED);
    r.result_bytes = 96000;
    assert_int_equal(sv_record_job(&back, &r, NULL), EV_OK);
    assert_int_equal(back->state, SV_JOB_COMPLETED);
    assert_int_equal(back->count, 48000);
    assert_int_equal(back->rate, 16000);
    assert_int_equal(back->word_count, 2);
    assert_memory_equal(back->words, job->words, 2 * sizeof *job->words);
    assert_true(back->times.started - back->times.arrived > 0.2499 &&
                back->times.started - back->times.arrived < 0.2501);
    assert_true(back->times.done - back->times.arrived > 1.9999 && back->times.done - back->times.arrived < 2.0001);
    assert_null(back->speech.reference); /* it has done its work */
    sv_job_unref(&back);
    r.result_bytes = 95998; /* not what was made */
    assert_int_equal(sv_record_job(&back, &r, NULL), EV_E_FORMAT);
    assert_null(back);
    sv_record_free(&r);
    sv_job_unref(&job);
}

/* As many as are kept, and the count of all; and a range outside the text is not ours. */
static void what_was_left_out_is_the_same(void **state) {
    (void)state;
    static const size_t totals[] = {2, SV_OMITTED_MAX, SV_OMITTED_MAX + 50};
    for (size_t n = 0; n < 3; n++) {
        sv_job *job = make_job(), *back = NULL;
        sv_record r = {0}, wrong = {0};
        const size_t kept = totals[n] < SV_OMITTED_MAX ? totals[n] : SV_OMITTED_MAX;
        job->omitted = calloc(kept, sizeof *job->omitted);
        for (size_t i = 0; i < kept; i++)
            job->omitted[i] = (sv_omitted){i % 2 ? 9 : 0, 11, strdup(i % 2 ? "transliterated" : "emoji"),
                                           i % 2 ? strdup("said \"so\"") : NULL};
        job->omitted_count = totals[n];
        assert_true(sv_record_request(&r, job));
        assert_true(sv_record_outcome(&r, job, SV_JOB_COMPLETED, NULL, 24000));
        assert_int_equal(sv_record_job(&back, &r, NULL), EV_OK);
        assert_int_equal(back->omitted_count, totals[n]);
        for (size_t i = 0; i < kept; i++) {
            const sv_omitted *a = &job->omitted[i], *b = &back->omitted[i];
            assert_true(a->byte_begin == b->byte_begin && a->byte_end == b->byte_end);
            assert_string_equal(a->reason, b->reason);
            assert_true(!a->spoken == !b->spoken);
            if (a->spoken) assert_string_equal(a->spoken, b->spoken);
        }
        sv_job_unref(&back);
        job->omitted[1].byte_end = job->speech.text_bytes + 1;
        assert_true(sv_record_request(&wrong, job));
        assert_true(sv_record_outcome(&wrong, job, SV_JOB_COMPLETED, NULL, 24000));
        assert_int_equal(sv_record_job(&back, &wrong, NULL), EV_E_FORMAT);
        sv_record_free(&r);
        sv_record_free(&wrong);
        sv_job_unref(&job);
    }
}

static void a_failure_is_told_in_its_words(void **state) {
    (void)state;
    sv_job *job = make_job(), *back = NULL;
    sv_record r = {0};
    ev_error error = {0}, found;
    ev_fail(&error, EV_E_NOT_FOUND, "there is no voice 'mei'");
    job->tries = 3;
    job->dead = true;
    assert_true(sv_record_request(&r, job));
    assert_true(sv_record_outcome(&r, job, SV_JOB_FAILED, &error, 24000));
    assert_true(r.dead);
    assert_int_equal(sv_record_job(&back, &r, NULL), EV_OK);
    assert_int_equal(sv_job_snapshot(back, NULL, NULL, &found), SV_JOB_FAILED);
    assert_int_equal(found.status, EV_E_NOT_FOUND);
    assert_string_equal(found.message, "there is no voice 'mei'");
    assert_int_equal(back->tries, 3);
    sv_record_free(&r);
    sv_job_unref(&job);
    sv_job_unref(&back);
}

/* Each byte of what was written, changed or cut: a job, or an error; never a crash, and never a number out of range.
 */
static void what_is_damaged_is_refused_or_harmless(void **state) {
    (void)state;
    sv_job *job = make_job(), *back;
    sv_record r = {0};
    ev_error err;
    assert_true(sv_record_request(&r, job));
    assert_true(sv_record_outcome(&r, job, SV_JOB_FAILED, NULL, 24000));
    r.state = SV_RECORD_ACCEPTED;
    char *const whole = strdup(r.request);
    const size_t length = strlen(whole);
    int refused = 0;
    for (size_t i = 0; i < 2 * length; i++) {
        memcpy(r.request, whole, length + 1);
        if (i < length)
            r.request[i] ^= 0x15;
        else
            r.request[i - length] = '\0';
        if (sv_record_job(&back, &r, &err) != EV_OK) {
            refused++;
            assert_non_null(strstr(err.message, r.id));
            continue;
        }
        const sv_speech *s = &back->speech;
        assert_true(s->speed >= 0.25f && s->speed <= 4 && s->priority >= 0 && s->priority <= 2 && s->text_bytes > 0);
        sv_job_unref(&back);
    }
    assert_true(refused > (int)length);
    free(whole);
    sv_record_free(&r);
    sv_job_unref(&job);
}

static void a_missing_recording_is_a_failure_and_not_another_voice(void **state) {
    (void)state;
    sv_job *job = make_job(), *back;
    sv_record r = {0};
    ev_error err;
    assert_true(sv_record_request(&r, job));
    free(r.reference);
    r.reference = NULL;
    r.reference_bytes = 0;
    assert_int_equal(sv_record_job(&back, &r, &err), EV_E_FORMAT);
    assert_non_null(strstr(err.message, "recording"));
    sv_record_free(&r);
    sv_job_unref(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_is_the_same),
        cmocka_unit_test(an_untrusted_client_s_counts_for_its_site),
        cmocka_unit_test(how_it_ended_is_the_same),
        cmocka_unit_test(what_was_left_out_is_the_same),
        cmocka_unit_test(a_failure_is_told_in_its_words),
        cmocka_unit_test(what_is_damaged_is_refused_or_harmless),
        cmocka_unit_test(a_missing_recording_is_a_failure_and_not_another_voice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
