/* The engine with many at once: eight threads that ask, join, leave and set deadlines at random on a device that
 * breaks now and then, and a stop in the middle of it. Every job ends once and is counted once. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "server/engine_faults.h"
#include "server/engine/engine_inner.h"

/* ---- stop ---- */

enum { CROWD = 24 };

static void *stop_engine(void *unused) {
    (void)unused;
    sv_engine_stop(w.engine);
    return NULL;
}

static void stop_ends_all(void **state) {
    (void)state;
    sv_job *jobs[CROWD];
    pthread_t stopper;
    open_world(NULL, NULL);
    sv_job *plug = hold_device();
    for (size_t i = 0; i < CROWD; i++) {
        sv_speech speech = speech_of(texts[i % TEXTS]);
        speech.seed = i + 100;
        jobs[i] = hand_in(speech);
    }
    wait_ready(jobs[0]);
    assert_int_equal(pthread_create(&stopper, NULL, stop_engine, NULL), 0);
    usleep(20000); /* it waits for the batch that runs */
    set_gate(false);
    pthread_join(stopper, NULL);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(sv_job_snapshot(jobs[i], NULL, NULL, NULL), SV_JOB_CANCELED);
        leave(&jobs[i]);
    }
    assert_int_equal(sv_job_snapshot(plug, NULL, NULL, NULL), SV_JOB_CANCELED);
    assert_true(sv_engine_idle(w.engine));
    bool fresh;
    sv_speech speech = speech_of(texts[0]);
    sv_job *after = sv_jobs_take(w.jobs, &speech, "ann", false, NULL, &fresh);
    assert_int_not_equal(sv_engine_submit(w.engine, after, "ann").verdict, SV_ACCEPT);
    assert_int_equal(sv_job_snapshot(after, NULL, NULL, NULL), SV_JOB_FAILED);
    assert_int_equal(outcome(SV_OUTCOME_CANCELED), CROWD + 1);
    leave(&after);
    leave(&plug);
    close_world();
}

/* ---- shares ---- */

enum { EACH = 16 };

static sv_job *say_as(const char *account, float weight, const char *text, uint64_t seed) {
    bool fresh;
    sv_speech speech = speech_of(text);
    speech.seed = seed;
    sv_job *job = sv_jobs_take(w.jobs, &speech, account, false, NULL, &fresh);
    assert_non_null(job);
    job->weight = weight;
    assert_int_equal(sv_engine_submit(w.engine, job, account).verdict, SV_ACCEPT);
    return job;
}

/* One at a time, in turns as they came, until bob is ahead of a share that is a quarter of alice's: of his jobs most
 * are left when hers are done. */
static void shares_follow_weights(void **state) {
    (void)state;
    sv_job *jobs[2 * EACH];
    size_t alice = 0, bob = 0;
    open_world("batch_max", "1");
    sv_job *plug = hold_device();
    for (size_t i = 0; i < EACH; i++) {
        jobs[2 * i] = say_as("alice", 4, texts[0], i);
        jobs[2 * i + 1] = say_as("bob", 1, texts[1], i);
    }
    for (size_t i = 0; i < 2 * EACH; i++) wait_ready(jobs[i]);
    set_gate(false);
    for (size_t i = 0; i < 2 * EACH; i++) {
        assert_int_equal(wait_over(jobs[i]), SV_JOB_COMPLETED);
        leave(&jobs[i]);
    }
    end_plug(&plug);
    wait_idle();
    for (size_t i = 0; i < device.count && alice < EACH; i++) {
        alice += device.calls[i].stage == SV_VOCODE && has_word(&device.calls[i], "alpha");
        bob += device.calls[i].stage == SV_VOCODE && has_word(&device.calls[i], "bravo");
    }
    assert_in_range(bob, 1, EACH * 3 / 4);
    close_world();
}

/* ---- voices that do not come ---- */

/* A server that takes connections and says nothing: whose voice it has waits, until the test lets go. */
static struct {
    int fd, connections[SV_VOICE_THREADS];
    char url[64];
} silent;

static void open_silent(void) {
    const struct timeval patience = {.tv_sec = 60};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char address[32];
    silent.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(silent.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(bind(silent.fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(silent.fd, 2 * SV_VOICE_THREADS), 0);
    assert_int_equal(getsockname(silent.fd, (struct sockaddr *)&at, &size), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(at.sin_port));
    snprintf(silent.url, sizeof silent.url, "http://%s/voice.wav", address);
}

/* The world may fetch from it. */
static void allow_silent(void) {
    char address[64];
    snprintf(address, sizeof address, "%s", silent.url + strlen("http://"));
    *strchr(address, '/') = '\0';
    set("fetch", "any");
    set("fetch_allow", address);
}

static void close_silent(void) {
    for (int i = 0; i < SV_VOICE_THREADS; i++) close(silent.connections[i]);
    close(silent.fd);
}

static sv_speech speech_in_no_voice(size_t n) {
    sv_speech speech = speech_of("Somebody waits for a voice here.");
    speech.reference_url = strdup(silent.url);
    speech.seed = n;
    return speech;
}

/* Every thread that makes voices waits for one, and when it has given up, as it does after seconds, for another. */
enum { HELD = 10 * SV_VOICE_THREADS };

static void hold_voices(sv_job **held, size_t count) {
    for (size_t i = 0; i < count; i++) {
        held[i] = hand_in(speech_in_no_voice(i));
        if (i >= SV_VOICE_THREADS) continue;
        silent.connections[i] = accept(silent.fd, NULL, NULL);
        assert_true(silent.connections[i] >= 0);
    }
}

static void end_voices(sv_job **held, size_t count) {
    close_silent();
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wait_over(held[i]), SV_JOB_FAILED);
        leave(&held[i]);
    }
}

static void assert_held(sv_job *job) { assert_int_equal(sv_job_snapshot(job, NULL, NULL, NULL), SV_JOB_QUEUED); }

static sv_verdict knock(size_t n, sv_job **job) {
    bool fresh;
    char account[16];
    sv_speech speech = speech_in_no_voice(n);
    snprintf(account, sizeof account, "client %zu", n);
    *job = sv_jobs_take(w.jobs, &speech, account, false, NULL, &fresh);
    assert_non_null(*job);
    return sv_engine_submit(w.engine, *job, account).verdict;
}

static void wait_for_queue(int64_t jobs) {
    const double until = ev_clock_s() + 60;
    while (sv_metric_read(w.metrics, SV_METRIC_QUEUE_JOBS, 0, 0) != jobs && ev_clock_s() < until) usleep(5000);
    assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_QUEUE_JOBS, 0, 0), jobs);
}

/* Six such jobs are what the queue takes: four with the threads, whose voices do not come, two behind them. */
static void who_waits_for_a_voice_is_counted(void **state) {
    (void)state;
    enum { BEHIND = 2 };
    sv_job *held[SV_VOICE_THREADS], *others[BEHIND + 1];
    char queue[32];
    open_silent();
    sv_speech speech = speech_in_no_voice(0);
    open_world(NULL, NULL);
    snprintf(queue, sizeof queue, "%.0fms",
             1e3 * (SV_VOICE_THREADS + BEHIND + 0.5) * sv_engine_seconds(w.engine, &speech));
    close_world();
    sv_speech_free(&speech);
    open_world("queue_audio", queue);
    allow_silent();
    hold_voices(held, SV_VOICE_THREADS);
    for (size_t i = 0; i <= BEHIND; i++) assert_int_equal(knock(i, &others[i]), i < BEHIND ? SV_ACCEPT : SV_FULL);
    wait_for_queue(SV_VOICE_THREADS + BEHIND);
    assert_false(sv_engine_idle(w.engine));
    end_voices(held, SV_VOICE_THREADS);
    wait_idle();
    for (size_t i = 0; i <= BEHIND; i++) leave(&others[i]);
    close_world();
}

static void text_does_not_wait_behind_voices(void **state) {
    (void)state;
    sv_job *held[HELD];
    open_world(NULL, NULL);
    open_silent();
    allow_silent();
    hold_voices(held, HELD);
    sv_job *text = say(texts[0]);
    assert_completed(text, texts[0]);
    assert_held(held[HELD - 1]);
    leave(&text);
    end_voices(held, HELD);
    close_world();
}

/* Behind voices that do not come, too: a deadline that is past, and a client that left. */
static void expired_or_abandoned_jobs_end_in_the_queue(void **state) {
    (void)state;
    sv_job *held[HELD];
    open_world(NULL, NULL);
    open_silent();
    allow_silent();
    hold_voices(held, HELD);
    sv_job *late = hand_in(speech_in_no_voice(HELD)), *left = hand_in(speech_in_no_voice(HELD + 1));
    ev_mutex_lock(&w.engine->lock);
    late->speech.deadline_us = 1;
    ev_mutex_unlock(&w.engine->lock);
    atomic_fetch_sub(&left->listeners, 1);
    assert_int_equal(wait_over(left), SV_JOB_CANCELED);
    assert_int_equal(wait_over(late), SV_JOB_EXPIRED);
    assert_held(held[HELD - 1]);
    sv_job_unref(&left);
    leave(&late);
    end_voices(held, HELD);
    close_world();
}

/* ---- everything at once ---- */

enum { THREADS = 8, PER_THREAD = 50, SEEDS = 20 };

typedef struct client {
    uint64_t random;
    pthread_t thread;
    sv_job *jobs[PER_THREAD];
    size_t text[PER_THREAD], seed[PER_THREAD], count;
    bool left[PER_THREAD], dated[PER_THREAD];
    int accepted, refused, wrong;
} client;

static uint64_t next_random(uint64_t *state) { /* xorshift */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static uint64_t device_random;

static void break_now_and_then(call *c) {
    const uint64_t r = next_random(&device_random);
    if (r % 10 != 0) return;
    c->status = r & 1024 ? EV_E_DEVICE : EV_E_MEMORY;
    c->late = r & 2048;
}

static void client_asks(client *c) {
    const uint64_t r = next_random(&c->random);
    const size_t i = c->count;
    bool fresh;
    c->text[i] = r % TEXTS;
    c->seed[i] = (r >> 8) % SEEDS;
    c->dated[i] = (r >> 16) % 8 == 0;
    sv_speech speech;
    sv_speech_init(&speech);
    speech.text = strdup(texts[c->text[i]]);
    speech.text_bytes = strlen(texts[c->text[i]]);
    speech.seed = c->seed[i];
    speech.stream = (r >> 24) % 2;
    speech.priority = (int32_t)((r >> 26) % 3);
    if (c->dated[i]) speech.deadline_us = (int64_t)(ev_clock_s() * 1e6) + (int64_t)((r >> 32) % 4000000);
    sv_job *job = sv_jobs_take(w.jobs, &speech, "ann", (r >> 40) % 3 == 0, NULL, &fresh);
    if (!job) return;
    if (fresh) {
        const bool in = sv_engine_submit(w.engine, job, r & 1 << 20 ? "ann" : "bob").verdict == SV_ACCEPT;
        c->accepted += in;
        c->refused += !in;
    }
    c->jobs[c->count++] = job;
}

static void client_leaves(client *c) {
    const size_t i = next_random(&c->random) % c->count;
    if (c->left[i]) return;
    c->left[i] = true;
    atomic_store(&c->jobs[i]->kept, false);
    atomic_fetch_sub(&c->jobs[i]->listeners, 1);
    sv_engine_nudge(w.engine);
}

/* Who listens to the end hears all of it, or is told of a failure; never that somebody else canceled it. */
static void client_hears(client *c, size_t i) {
    sv_job *job = c->jobs[i];
    if (!c->left[i] && await(job, SV_AT_END)) {
        const sv_job_state state = sv_job_snapshot(job, NULL, NULL, NULL);
        if (state == SV_JOB_COMPLETED)
            c->wrong += !sounds_like(job, alone(texts[c->text[i]], c->seed[i]));
        else
            c->wrong += !(state == SV_JOB_FAILED || (state == SV_JOB_EXPIRED && c->dated[i]));
        atomic_fetch_sub(&job->listeners, 1);
    } else {
        c->wrong += !c->left[i];
    }
    sv_job_unref(&c->jobs[i]);
}

static void *client_main(void *arg) {
    client *c = arg;
    while (c->count < PER_THREAD) {
        client_asks(c);
        if (next_random(&c->random) % 3 == 0) client_leaves(c);
        if (next_random(&c->random) % 4 == 0) usleep((useconds_t)(next_random(&c->random) % 50000));
    }
    for (size_t i = 0; i < c->count; i++) client_hears(c, i);
    return NULL;
}

/* As many as wait for each that runs: then another batch begins beside it. */
static void batches_run_side_by_side(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world("parallel", "2");
    sv_job *plug = hold_device();
    for (size_t i = 0; i < TEXTS; i++) jobs[i] = say(texts[i]);
    wait_for_knocks(2);
    assert_int_equal(device.count, 0); /* neither has ended */
    set_gate(false);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(wait_over(jobs[i]), SV_JOB_COMPLETED);
        assert_true(sounds_like(jobs[i], alone(texts[i], 0)));
        leave(&jobs[i]);
    }
    end_plug(&plug);
    close_world();
}

/* Single file behind the plug: what was asked for with patience, by its second listener's hurry. */
static void who_joins_brings_the_hurry(void **state) {
    (void)state;
    sv_job *jobs[TEXTS];
    open_world("batch_max", "1");
    sv_job *plug = hold_device();
    for (size_t i = 0; i < TEXTS; i++) {
        sv_speech speech = speech_of(texts[i]);
        speech.priority = i == TEXTS - 1 ? 2 : 1;
        jobs[i] = hand_in(speech);
    }
    for (size_t i = 0; i < TEXTS; i++) wait_ready(jobs[i]);
    sv_engine_join(w.engine, jobs[TEXTS - 1], 0, false);
    set_gate(false);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(wait_over(jobs[i]), SV_JOB_COMPLETED);
        leave(&jobs[i]);
    }
    end_plug(&plug);
    wait_idle();
    size_t at = 0;
    while (at < device.count && (device.calls[at].stage != SV_ACOUSTIC || has_word(&device.calls[at], "plug"))) at++;
    assert_true(at < device.count && has_word(&device.calls[at], "delta"));
    close_world();
}

static void assert_accounted(int accepted, int refused) {
    const int64_t completed = outcome(SV_OUTCOME_COMPLETED), failed = outcome(SV_OUTCOME_FAILED),
                  expired = outcome(SV_OUTCOME_EXPIRED), canceled = outcome(SV_OUTCOME_CANCELED),
                  full = outcome(SV_OUTCOME_REJECTED_FULL), quota = outcome(SV_OUTCOME_REJECTED_QUOTA);
    print_message("%d accepted, %d refused: %lld completed, %lld failed, %lld expired, %lld canceled; %zu batches\n",
                  accepted, refused, (long long)completed, (long long)failed, (long long)expired, (long long)canceled,
                  device.count);
    /* a job whose deadline is past when it comes has expired as well */
    assert_int_equal(completed + failed + expired + canceled + full + quota, accepted + refused);
    assert_true(full + quota == 0 && refused <= expired);
    assert_true(completed > 0 && canceled > 0 && count_calls(SV_VOCODE, NULL, false) > 0);
}

static void a_storm_leaves_nothing_behind(void **state) {
    (void)state;
    static client clients[THREADS];
    int accepted = 0, refused = 0;
    for (size_t t = 0; t < TEXTS * SEEDS; t++) alone(texts[t % TEXTS], t / TEXTS);
    open_world("parallel", "2");
    device_random = 88172645463325252u;
    set_rule(break_now_and_then);
    for (size_t i = 0; i < THREADS; i++) {
        clients[i] = (client){.random = 0x9e3779b97f4a7c15u * (i + 1)};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(clients[i].wrong, 0);
        accepted += clients[i].accepted;
        refused += clients[i].refused;
    }
    wait_idle();
    const double until = ev_clock_s() + 60; /* the gauge is set at the engine's next look */
    while (sv_metric_read(w.metrics, SV_METRIC_QUEUE_JOBS, 0, 0) && ev_clock_s() < until) usleep(1000);
    assert_int_equal(sv_metric_read(w.metrics, SV_METRIC_QUEUE_JOBS, 0, 0), 0);
    sv_engine_stop(w.engine); /* its thread has counted the last end */
    assert_accounted(accepted, refused);
    close_world();
}

/* Clients ask while the service stops: each job ends, whoever wins. */
static void asking_while_it_stops(void **state) {
    (void)state;
    static client clients[THREADS];
    for (size_t t = 0; t < TEXTS * SEEDS; t++) alone(texts[t % TEXTS], t / TEXTS);
    for (int round = 0; round < 4; round++) {
        open_world(round % 2 ? "text_threads" : "parallel", round % 2 ? "4" : "2");
        for (size_t i = 0; i < THREADS; i++) {
            clients[i] = (client){.random = 0x9e3779b97f4a7c15u * (i + 1 + (size_t)round * THREADS)};
            assert_int_equal(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
        }
        usleep(30000 + 20000 * (useconds_t)round);
        sv_engine_stop(w.engine);
        for (size_t i = 0; i < THREADS; i++) pthread_join(clients[i].thread, NULL);
        assert_true(sv_engine_idle(w.engine));
        close_world();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stop_ends_all, end_world),
        cmocka_unit_test_teardown(shares_follow_weights, end_world),
        cmocka_unit_test_teardown(who_waits_for_a_voice_is_counted, end_world),
        cmocka_unit_test_teardown(text_does_not_wait_behind_voices, end_world),
        cmocka_unit_test_teardown(expired_or_abandoned_jobs_end_in_the_queue, end_world),
        cmocka_unit_test_teardown(batches_run_side_by_side, end_world),
        cmocka_unit_test_teardown(who_joins_brings_the_hurry, end_world),
        cmocka_unit_test_teardown(a_storm_leaves_nothing_behind, end_world),
        cmocka_unit_test_teardown(asking_while_it_stops, end_world)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
