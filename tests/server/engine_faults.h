/* engine_faults: the service's engine with the shipped model, on a device that breaks when a test says so. Included
 * once a program.
 *
 *   device   the real calls behind a gate; a rule that decides how each batch ends; a list of the batches that ran
 *   world    what an engine stands on, and the engine
 *   jobs     made, handed in, waited for, and compared with ev_say of the same text
 *   ends     waited for and checked
 *
 * A job is known to the device by the first word of its text.
 */
#ifndef ENGINE_FAULTS_H
#define ENGINE_FAULTS_H

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/engine/engine.h"
#include "server/metrics/metrics_state.h"
#include "synth/synth.h"

/* ---- device ---- */

enum { CALLS_MAX = 4096, WORD = 16 };

static ev_work work; /* what batches of the model take */

typedef struct call { /* one batch as the device was given it */
    sv_stage stage;
    size_t count;
    int32_t size; /* tokens, or rows as the schedule counts them */
    char words[SV_BATCH_MAX][WORD];
    /* the rule's, EV_OK and so on at first */
    ev_status status;  /* what the batch ends with */
    bool late;         /* it does its work and breaks then */
    const char *spoil; /* this member's last sample becomes no number */
    const char *spill; /* this member alone runs out of memory, in a batch that is well */
} call;

static struct {
    pthread_mutex_t lock;
    bool closed; /* the gate */
    int before;  /* calls that stand before it */
    pthread_cond_t changed;
    void (*rule)(call *c); /* under the lock; NULL: nothing breaks */
    int seen;              /* for rules that count */
    call calls[CALLS_MAX];
    size_t count;
} device = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool has_word(const call *c, const char *word) {
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->words[i], word) == 0) return true;
    }
    return false;
}

static void note_member(call *c, size_t i, const ev_task *task, size_t frames) {
    ev_progress p;
    ev_task_progress(task, &p);
    const size_t most = frames < p.ready_frames ? frames : p.ready_frames;
    c->size += (int32_t)(c->stage == SV_ACOUSTIC ? p.next_tokens : most + work.slice_rows);
    snprintf(c->words[i], WORD, "%s", ev_task_phones(task)->words[0].spoken);
}

static void pass_gate(call *c) {
    pthread_mutex_lock(&device.lock);
    device.before++;
    pthread_cond_broadcast(&device.changed);
    while (device.closed) pthread_cond_wait(&device.changed, &device.lock);
    device.before--;
    if (device.rule) device.rule(c);
    pthread_mutex_unlock(&device.lock);
}

static ev_status end_call(const call *c, ev_status status, ev_error *err) {
    if (c->status != EV_OK) status = ev_fail(err, c->status, "the device broke");
    pthread_mutex_lock(&device.lock);
    if (device.count < CALLS_MAX) {
        device.calls[device.count] = *c;
        device.calls[device.count++].status = status;
    }
    pthread_mutex_unlock(&device.lock);
    return status;
}

static bool works(const call *c) { return c->status == EV_OK || c->late; }

/* A task begins with its item (task.c). */
static void hurt(const call *c, size_t i, ev_task *task) {
    ev_item *item = (ev_item *)(void *)task;
    ev_error error = {0};
    if (c->spoil && strcmp(c->words[i], c->spoil) == 0 && item->count > item->taken) {
        item->samples[item->count - 1] = NAN;
    }
    if (c->spill && strcmp(c->words[i], c->spill) == 0) {
        ev_item_fail(item, ev_fail(&error, EV_E_MEMORY, "out of memory for frames"), &error);
    }
}

static ev_status faulty_decode(ev_synth *synth, ev_task *const *tasks, size_t n, ev_error *err) {
    call c = {.stage = SV_ACOUSTIC, .count = n};
    for (size_t i = 0; i < n; i++) note_member(&c, i, tasks[i], 0);
    pass_gate(&c);
    const ev_status status = works(&c) ? ev_synth_decode(synth, tasks, n, err) : EV_OK;
    for (size_t i = 0; i < n; i++) hurt(&c, i, tasks[i]);
    return end_call(&c, status, err);
}

static ev_status faulty_vocode(ev_synth *synth, const ev_slice *slices, size_t n, ev_error *err) {
    call c = {.stage = SV_VOCODE, .count = n};
    for (size_t i = 0; i < n; i++) note_member(&c, i, slices[i].task, slices[i].frames);
    pass_gate(&c);
    const ev_status status = works(&c) ? ev_synth_vocode(synth, slices, n, err) : EV_OK;
    for (size_t i = 0; i < n; i++) hurt(&c, i, slices[i].task);
    return end_call(&c, status, err);
}

static const sv_device_calls faulty_calls = {faulty_decode, faulty_vocode};

static void set_rule(void (*rule)(call *c)) {
    pthread_mutex_lock(&device.lock);
    device.rule = rule;
    device.seen = 0;
    pthread_mutex_unlock(&device.lock);
}

static void set_gate(bool closed) {
    pthread_mutex_lock(&device.lock);
    device.closed = closed;
    pthread_cond_broadcast(&device.changed);
    pthread_mutex_unlock(&device.lock);
}

static void wait_for_knocks(int calls) {
    pthread_mutex_lock(&device.lock);
    while (device.before < calls) pthread_cond_wait(&device.changed, &device.lock);
    pthread_mutex_unlock(&device.lock);
}

/* Batches that ended with OK (or did not) and had a member of this name; NULL: any. Not while the engine works. */
static inline size_t count_calls(sv_stage stage, const char *word, bool ok) {
    size_t count = 0;
    for (size_t i = 0; i < device.count; i++) {
        const call *c = &device.calls[i];
        count += c->stage == stage && (c->status == EV_OK) == ok && (!word || has_word(c, word));
    }
    return count;
}

/* ---- world ---- */

typedef struct world {
    sv_config config;
    sv_jobs *jobs;
    sv_voices *voices;
    sv_metrics *metrics;
    sv_log log;
    int log_fd;
    sv_engine *engine;
} world;

static world w; /* of the test that runs */

static ev_model *model;
static ev_synth *reference_synth;

static int open_model(void **state) {
    (void)state;
    ev_error err = {0};
    if (ev_model_open(&model, NULL, NULL, &err) == EV_OK &&
        ev_synth_create(&reference_synth, model, NULL, &err) == EV_OK) {
        ev_synth_work(reference_synth, &work);
        return 0;
    }
    print_error("%s\n", err.message);
    return -1;
}

static void set(const char *key, const char *value) {
    ev_error err = {0};
    if (sv_config_set(&w.config, key, value, (sv_origin){.from = SV_FROM_FLAG}, &err) != EV_OK)
        fail_msg("%s", err.message);
}

/* key, value NULL: the usual settings, with a queue that refuses nobody, one batch at a time, and batches that a busy
 * machine's slowness does not make smaller. */
static void open_world(const char *key, const char *value) {
    ev_error err = {0};
    w = (world){.log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
    assert_true(w.log_fd >= 0);
    sv_log_init(&w.log, w.log_fd, SV_LEVEL_DEBUG, false);
    assert_int_equal(sv_config_init(&w.config, &err), EV_OK);
    set("queue_wait", "3600s");
    set("queue_audio", "86400s");
    set("threads", "2");
    set("parallel", "1");
    set("batch_turn", "1s");
    if (key) set(key, value);
    assert_int_equal(sv_metrics_create(&w.metrics, &err), EV_OK);
    assert_int_equal(sv_jobs_create(&w.jobs, 1 << 20, 600, w.config.coalesce, &err), EV_OK);
    assert_int_equal(sv_voices_create(&w.voices, model, NULL, &w.config, w.metrics, NULL, &err), EV_OK);
    const sv_engine_parts parts = {.config = &w.config,
                                   .model = model,
                                   .jobs = w.jobs,
                                   .voices = w.voices,
                                   .metrics = w.metrics,
                                   .log = &w.log,
                                   .device = &faulty_calls};
    pthread_mutex_lock(&device.lock);
    device.rule = NULL;
    device.closed = false;
    device.count = 0;
    pthread_mutex_unlock(&device.lock);
    assert_int_equal(sv_engine_create(&w.engine, &parts, &err), EV_OK);
}

static void close_world(void) {
    set_gate(false);
    sv_engine_free(&w.engine);
    sv_jobs_free(&w.jobs);
    sv_voices_free(&w.voices);
    sv_metrics_free(&w.metrics);
    sv_config_free(&w.config);
    if (w.log_fd > 0) close(w.log_fd);
    w = (world){0};
}

/* Also after a test that failed: the next one has the device for itself. */
static int end_world(void **state) {
    (void)state;
    close_world();
    return 0;
}

static inline int64_t outcome(sv_outcome which) { return sv_metric_read(w.metrics, SV_METRIC_JOBS, which, 0); }

static void wait_idle(void) {
    const double until = ev_clock_s() + 300;
    while (!sv_engine_idle(w.engine) && ev_clock_s() < until) usleep(1000);
    assert_true(sv_engine_idle(w.engine));
}

/* ---- jobs ---- */

static const char *const texts[] = {"Alpha has a cat.", "Bravo went home.", "Charlie sings.", "Delta sleeps well."};
enum { TEXTS = 4 };

static sv_speech speech_of(const char *text) {
    sv_speech s;
    sv_speech_init(&s);
    s.text = strdup(text);
    assert_non_null(s.text);
    s.text_bytes = strlen(text);
    return s;
}

/* Handed in and accepted; the caller listens. */
static sv_job *hand_in_as(sv_speech speech, sv_durability durable) {
    bool fresh;
    sv_job *job = sv_jobs_take(w.jobs, &speech, "ann", false, NULL, &fresh);
    assert_non_null(job);
    assert_true(fresh);
    atomic_store(&job->durable, durable);
    assert_int_equal(sv_engine_submit(w.engine, job, "ann").verdict, SV_ACCEPT);
    return job;
}

static sv_job *hand_in(sv_speech speech) { return hand_in_as(speech, SV_DURABLE_NO); }

static sv_job *say(const char *text) { return hand_in(speech_of(text)); }

static void leave(sv_job **job) {
    atomic_fetch_sub(&(*job)->listeners, 1);
    sv_job_unref(job);
}

static void wait_ready(sv_job *job) {
    const double until = ev_clock_s() + 300;
    sv_times times;
    do {
        usleep(500);
        sv_job_snapshot(job, &times, NULL, NULL);
    } while (times.ready <= 0 && ev_clock_s() < until);
    assert_true(times.ready > 0);
}

static void post(void *state) {
    pthread_mutex_lock(&device.lock);
    *(bool *)state = true;
    pthread_cond_broadcast(&device.changed);
    pthread_mutex_unlock(&device.lock);
}

/* As a listener of the service waits; false: five minutes were not enough. */
static bool await(sv_job *job, size_t at) {
    bool woken = false;
    sv_waiter waiter = {.wake = post, .user = &woken, .at = at};
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 300;
    if (!sv_job_wait(job, &waiter)) return true;
    pthread_mutex_lock(&device.lock);
    while (!woken && pthread_cond_timedwait(&device.changed, &device.lock, &until) == 0) {
    }
    const bool in_time = woken;
    pthread_mutex_unlock(&device.lock);
    sv_job_forget_waiter(job, &waiter);
    return in_time;
}

/* The device is held with a job of its own in it, so that what is handed in gathers. */
static sv_job *hold_device(void) {
    static uint64_t seed; /* not the same work as before, which would be there already */
    sv_speech speech = speech_of("Plug.");
    speech.seed = seed++;
    set_gate(true);
    sv_job *plug = hand_in(speech);
    wait_for_knocks(1);
    return plug;
}

/* ---- what a text sounds like alone ---- */

typedef struct sound {
    const char *text;
    uint64_t seed;
    int16_t *samples;
    size_t count;
} sound;

static sound sounds[128];
static size_t sound_count;

static const sound *alone(const char *text, uint64_t seed) {
    for (size_t i = 0; i < sound_count; i++) {
        if (sounds[i].seed == seed && strcmp(sounds[i].text, text) == 0) return &sounds[i];
    }
    assert_true(sound_count < EV_ARRAY_COUNT(sounds));
    ev_request r;
    ev_request_init(&r);
    r.text = text;
    r.text_bytes = strlen(text);
    r.seed = seed;
    ev_audio audio = {0};
    ev_error err = {0};
    if (ev_say(reference_synth, &r, &audio, &err) != EV_OK) fail_msg("%s", err.message);
    sound *s = &sounds[sound_count++];
    *s = (sound){text, seed, malloc(audio.count * sizeof *s->samples), audio.count};
    assert_non_null(s->samples);
    for (size_t i = 0; i < audio.count; i++) {
        const float x = audio.samples[i] * 32768.0f;
        s->samples[i] = (int16_t)lrintf(x < -32768.0f ? -32768.0f : x > 32767.0f ? 32767.0f : x);
    }
    ev_audio_free(&audio);
    return s;
}

/* Any thread, for a job that is over. */
static bool sounds_like(sv_job *job, const sound *s) {
    int16_t *heard = malloc((s->count + 1) * sizeof *heard);
    bool over = false;
    const size_t count = heard ? sv_job_read(job, 0, heard, s->count + 1, &over) : 0;
    const bool same = over && count == s->count && memcmp(heard, s->samples, count * sizeof *heard) == 0;
    free(heard);
    return same;
}

/* ---- ends ---- */

static inline sv_job_state wait_over(sv_job *job) {
    assert_true(await(job, SV_AT_END));
    return sv_job_snapshot(job, NULL, NULL, NULL);
}

static inline void assert_completed(sv_job *job, const char *text) {
    ev_error error = {0};
    if (wait_over(job) != SV_JOB_COMPLETED) {
        sv_job_snapshot(job, NULL, NULL, &error);
        fail_msg("'%s' did not complete: %s", text, error.message);
    }
    if (!sounds_like(job, alone(text, 0))) fail_msg("'%s' sounds otherwise than alone", text);
}

static inline void end_plug(sv_job **plug) {
    assert_int_equal(wait_over(*plug), SV_JOB_COMPLETED);
    leave(plug);
}

static inline void say_all(sv_job *jobs[TEXTS]) {
    for (size_t i = 0; i < TEXTS; i++) jobs[i] = say(texts[i]);
    for (size_t i = 0; i < TEXTS; i++) wait_ready(jobs[i]);
}

static inline void end_all(sv_job *jobs[TEXTS]) {
    for (size_t i = 0; i < TEXTS; i++) {
        assert_completed(jobs[i], texts[i]);
        leave(&jobs[i]);
    }
}

static int close_model(void **state) {
    (void)state;
    while (sound_count) free(sounds[--sound_count].samples);
    ev_synth_free(&reference_synth);
    ev_model_free(&model);
    return 0;
}

#endif
