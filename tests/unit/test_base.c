/* Tests of src/base: messages made safe, buffers, the arena, the thread pool under load, cores, files, cpu masks,
 * UTF-8. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/base.h"
#include "base/json.h"
#include "base/emotion_names.h"
#include "base/near.h"
#include "base/lock.h"

/* ---- error ---- */

static void status_texts_are_distinct(void **state) {
    (void)state;
    for (int a = 0; a >= EV_E_NOT_FOUND; a--)
        for (int b = 0; b > a; b--)
            assert_string_not_equal(ev_status_text((ev_status)a), ev_status_text((ev_status)b));
    assert_string_equal(ev_status_text(EV_E_CANCELED), "canceled");
    assert_string_equal(ev_status_text((ev_status)-99), "unknown status");
}

static void fail_fills_and_returns(void **state) {
    (void)state;
    ev_error err = {0};
    assert_int_equal(ev_fail(&err, EV_E_IO, "%s: %d", "voice.wav", 7), EV_E_IO);
    assert_int_equal(err.status, EV_E_IO);
    assert_string_equal(err.message, "voice.wav: 7");
    assert_int_equal(ev_fail(NULL, EV_E_TEXT, "%s", "x"), EV_E_TEXT);
    ev_fail(&err, EV_E_FORMAT, "model: %s", err.message); /* wrapping the message it replaces */
    assert_string_equal(err.message, "model: voice.wav: 7");
}

static void fail_makes_hostile_bytes_harmless(void **state) {
    (void)state;
    ev_error err;
    ev_fail(&err, EV_E_IO, "%s",
            "a\nb\x1b[2Jc\x7f"
            "d\xc2\x9b"
            "e\xff"
            "f\xe2\x80\xae"
            "g");
    assert_string_equal(err.message, "a?b?[2Jc?d?e?f?g");
}

static void fail_cuts_at_a_character(void **state) {
    (void)state;
    char text[1024];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        for (size_t i = 0; i < 300; i++) memcpy(text + lead + 3 * i, "\xe4\xbd\xa0", 4);
        ev_error err;
        ev_fail(&err, EV_E_IO, "%s", text);
        size_t n = strlen(err.message), at = 0;
        assert_in_range(n, sizeof(err.message) - 4, sizeof(err.message) - 1);
        while (at < n) {
            int32_t c = ev_utf8_next(err.message, n, &at);
            assert_true(c == 0x4F60 || c == 'x'); /* neither a '?' nor half a character at the end */
        }
    }
}

/* ---- buffer ---- */

static void buffer_grows_and_terminates(void **state) {
    (void)state;
    ev_buf b = {0};
    for (int i = 0; i < 1000; i++) ev_buf_printf(&b, "%03d,", i);
    assert_false(b.failed);
    assert_int_equal(b.size, 4000);
    assert_int_equal(strlen((char *)b.data), 4000);
    assert_memory_equal(b.data + 4 * 517, "517,", 4);
    int *zero = ev_buf_append(&b, NULL, 4);
    assert_int_equal(*zero, 0);
    ev_buf_free(&b);
    assert_null(b.data);
    for (int i = 0; i < 100; i++) *ev_array_push(&b, int) = i;
    assert_int_equal(ev_array_count(&b, int), 100);
    assert_int_equal(((int *)(void *)b.data)[99], 99);
    ev_buf_free(&b);
}

static void buffer_remembers_failure(void **state) {
    (void)state;
    ev_buf b = {0};
    ev_buf_append(&b, "abc", 3);
    assert_null(ev_buf_append(&b, NULL, SIZE_MAX - 8));
    assert_true(b.failed);
    assert_null(ev_buf_append(&b, "d", 1));
    assert_int_equal(b.size, 3);
    ev_buf_free(&b);
}

static void json_strings_read_back(void **state) {
    (void)state;
    char all[128];
    for (int i = 0; i < 127; i++) all[i] = (char)(i + 1);
    memcpy(all + 120, "\xe4\xbd\xa0\xf0\x9f\x98\x80", 7);
    ev_buf b = {0};
    ev_buf_json_string(&b, all, 127);
    json_t *value = json_loads((char *)b.data, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    assert_int_equal(json_string_length(value), 127);
    assert_memory_equal(json_string_value(value), all, 127);
    json_decref(value);
    ev_buf_free(&b);
    ev_buf_json_string(&b, "a\xff\xc0z\0y", 6);
    assert_string_equal(b.data, "\"a\\ufffd\\ufffdz\\u0000y\"");
    ev_buf_free(&b);
}

static void json_is_written_with_its_commas(void **state) {
    (void)state;
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "name", "a\tb");
    ev_json_string(&json, "none", NULL);
    ev_json_text(&json, "cut", "abc", 2);
    ev_json_open(&json, "empty", '[');
    ev_json_close(&json, ']');
    ev_json_open(&json, "list", '[');
    ev_json_integer(&json, NULL, INT64_MIN);
    ev_json_number(&json, NULL, 0.1);
    ev_json_number(&json, NULL, (double)NAN);
    ev_json_open(&json, NULL, '{');
    ev_json_close(&json, '}');
    ev_json_bool(&json, NULL, true);
    ev_json_close(&json, ']');
    ev_json_close(&json, '}');
    assert_string_equal(text.data, "{\"name\": \"a\\tb\", \"none\": null, \"cut\": \"ab\", \"empty\": [], "
                                   "\"list\": [-9223372036854775808, 0.1, null, {}, true]}\n");
    ev_json_open(&json, NULL, '['); /* a line of its own, with no comma before it */
    ev_json_close(&json, ']');
    assert_string_equal(text.data + text.size - 5, "}\n[]\n");
    ev_buf_free(&text);
}

/* ---- near ---- */

static void slips_are_counted(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {{"", "", 0},
                 {"", "abc", 3},
                 {"abc", "abc", 0},
                 {"say", "sya", 1},
                 {"fixd", "fixed", 1},
                 {"kitten", "sitting", 3},
                 {"Batch-Max", "batch_max", 0},
                 {"ca", "abc", 3}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        const char *a = cases[i].a, *b = cases[i].b;
        assert_int_equal(ev_edit_distance(a, strlen(a), b, strlen(b)), cases[i].distance);
        assert_int_equal(ev_edit_distance(b, strlen(b), a, strlen(a)), cases[i].distance);
    }
    char longer[2 * EV_WORD_MAX];
    memset(longer, 'x', sizeof longer);
    assert_int_equal(ev_edit_distance(longer, sizeof longer, "", 0), EV_WORD_MAX);
}

static void the_nearest_is_offered(void **state) {
    (void)state;
    ev_near near = ev_near_to("hapy");
    assert_false(ev_near_offer(&near, "angry", 5));
    assert_string_equal(near.found, "");
    assert_true(ev_near_offer(&near, "harpy", 5));
    assert_false(ev_near_offer(&near, "happy", 5)); /* as near: the first one stays */
    assert_string_equal(near.found, "harpy");
    near = ev_near_to("conc");
    assert_true(ev_near_offer(&near, "concurrency", 11));
    near = ev_near_to("");
    assert_false(ev_near_offer(&near, "a", 1));
    char longer[EV_WORD_MAX + 2] = {0};
    memset(longer, 'x', EV_WORD_MAX + 1);
    near = ev_near_to(longer);
    assert_false(ev_near_offer(&near, longer, EV_WORD_MAX));
    near = ev_near_to(longer + 1);
    assert_false(ev_near_offer(&near, longer, EV_WORD_MAX + 1));
    assert_true(ev_near_offer(&near, longer, EV_WORD_MAX));
}

/* ---- emotion_names ---- */

static const char *label_at(const void *of, size_t index) { return ((const char *const *)of)[index]; }

static const char *meant(const char *name, const char *const *labels, size_t count) {
    const int index = ev_emotion_find(name, strlen(name), count, label_at, labels);
    return index < 0 ? "none" : labels[index];
}

static void emotions_have_other_names(void **state) {
    (void)state;
    static const char *const labels[] = {"neutral", "happy", "sad", "angry", "disgusted"};
    static const struct {
        const char *name, *meant;
    } cases[] = {{"happy", "happy"},       {"Sad", "sad"},        {"JOYFUL", "happy"}, {"高兴", "happy"},
                 {"unhappy", "sad"},       {"normal", "neutral"}, {"普通", "neutral"}, {"难过", "sad"},
                 {"disgust", "disgusted"}, {"厌恶", "disgusted"}, {"fearful", "none"}, {"害怕", "none"},
                 {"joy happy", "none"},    {"happi", "none"},     {"", "none"},        {" ", "none"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++)
        assert_string_equal(meant(cases[i].name, labels, EV_ARRAY_COUNT(labels)), cases[i].meant);
    /* a model without disgust */
    assert_string_equal(meant("disgust", labels, 4), "angry");
    assert_string_equal(meant("Disgusted", labels, 4), "angry");
    assert_string_equal(meant("happiness", labels, 1), "none");
    assert_int_equal(ev_emotion_find("joyless", 3, EV_ARRAY_COUNT(labels), label_at, labels), 1); /* its 3 bytes */
}

static void words_for_emotions_fit(void **state) {
    (void)state;
    static const char *const labels[] = {"disgusted", "happy",     "excited", "sad",
                                         "angry",     "surprised", "fearful", "calm"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(labels); i++) {
        const char *at = ev_emotion_words(labels[i]);
        assert_true(*at);
        for (; *at; at += strspn(at, " ")) {
            const size_t length = strcspn(at, " ");
            assert_in_range(length, 1, EV_EMOTION_WORD_SIZE - 1);
            const int index = ev_emotion_find(at, length, EV_ARRAY_COUNT(labels), label_at, labels);
            assert_int_equal(index, i);
            at += length;
        }
    }
    assert_string_equal(ev_emotion_words("neutral"), ""); /* what nobody asks for in free text */
    assert_string_equal(ev_emotion_words("bored"), "");
}

/* ---- clock ---- */

static void moments_are_whole(void **state) {
    (void)state;
    static const double waits[] = {0, 0.25, 0.999999, 1, 3600.5};
    for (size_t i = 0; i < EV_ARRAY_COUNT(waits); i++) {
        const double before = ev_clock_s();
        const struct timespec at = ev_clock_after(waits[i]);
        const double after = ev_clock_s(), moment = (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
        assert_true(at.tv_nsec >= 0 && at.tv_nsec < 1000000000L);
        assert_true(moment >= before + waits[i] - 1e-6 && moment <= after + waits[i] + 1e-6);
    }
}

/* ---- arena ---- */

static void arena_aligns_fills_and_releases(void **state) {
    (void)state;
    ev_arena a;
    assert_int_equal(ev_arena_create(&a, 1000, NULL), EV_OK);
    char *first = ev_arena_take(&a, 1);
    size_t mark = ev_arena_mark(&a);
    char *second = ev_arena_take(&a, 900);
    assert_non_null(second);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_int_equal((uintptr_t)second % 64, 0);
    assert_ptr_equal(second, first + 64);
    memset(second, 1, 900);
    assert_null(ev_arena_take(&a, 64));
    assert_null(ev_arena_take(&a, SIZE_MAX - 1));
    ev_arena_release(&a, mark);
    assert_ptr_equal(ev_arena_take(&a, 64), second);
    assert_int_equal(a.peak, 1024);
    ev_arena_destroy(&a);
    ev_arena_destroy(&a);
}

static void arena_too_large_is_an_error(void **state) {
    (void)state;
    ev_arena a;
    ev_error err;
    assert_int_equal(ev_arena_create(&a, SIZE_MAX - 8, &err), EV_E_MEMORY);
    assert_int_equal(err.status, EV_E_MEMORY);
    assert_null(ev_aligned_alloc(SIZE_MAX));
    void *p = ev_aligned_alloc(3);
    assert_int_equal((uintptr_t)p % 64, 0);
    free(p);
}

/* ---- pool ---- */

typedef struct job {
    unsigned char seen[300];
    unsigned *sums; /* plain memory written by the tasks, read by the caller: what a data race would show in */
} job;

static void count_task(void *arg, size_t i) {
    job *j = arg;
    j->seen[i]++;
    j->sums[i] += (unsigned)i + 1;
}

static void pool_runs_each_task_once(void **state) {
    (void)state;
    static unsigned sums[300];
    for (int threads = 1; threads <= 9; threads += 2) {
        ev_pool *pool = NULL;
        assert_int_equal(ev_pool_create(&pool, threads, NULL), EV_OK);
        assert_int_equal(ev_pool_threads(pool), threads);
        for (size_t round = 0; round < 2000; round++) {
            size_t n = round * 7 % 300;
            job j = {.sums = sums};
            memset(sums, 0, sizeof(sums));
            ev_pool_run(pool, n, count_task, &j);
            for (size_t i = 0; i < 300; i++) {
                assert_int_equal(j.seen[i], i < n);
                assert_int_equal(sums[i], i < n ? i + 1 : 0);
            }
            if (round % 500 == 499) usleep(2000); /* so that the threads fall asleep in between */
        }
        ev_pool_free(&pool);
        assert_null(pool);
        ev_pool_free(&pool);
    }
}

static void sleep_task(void *arg, size_t i) {
    usleep(i == 0 ? 3000 : 100); /* one straggler: the caller must sleep for it, and be woken */
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void pool_waits_for_stragglers(void **state) {
    (void)state;
    ev_pool *pool = NULL;
    assert_int_equal(ev_pool_create(&pool, 4, NULL), EV_OK);
    atomic_int ended = 0;
    for (int round = 1; round <= 30; round++) {
        ev_pool_run(pool, 5, sleep_task, &ended);
        assert_int_equal(ended, 5 * round);
    }
    ev_pool_free(&pool);
}

typedef struct census { /* which threads work */
    pthread_t caller;
    atomic_int others, tasks;
} census;

static void count_threads(void *arg, size_t i) {
    census *c = arg;
    (void)i;
    usleep(20); /* long enough for another thread to come */
    atomic_fetch_add(&c->tasks, 1);
    if (!pthread_equal(pthread_self(), c->caller)) atomic_fetch_add(&c->others, 1);
}

static void pool_works_with_fewer(void **state) {
    (void)state;
    ev_pool *pool = NULL;
    assert_int_equal(ev_pool_create(&pool, 3, NULL), EV_OK);
    assert_int_equal(ev_pool_working(pool), 3);
    ev_pool_set_working(pool, 0);
    assert_int_equal(ev_pool_working(pool), 1);
    assert_int_equal(ev_pool_threads(pool), 3);
    census alone = {.caller = pthread_self()};
    for (int round = 0; round < 20; round++) ev_pool_run(pool, 50, count_threads, &alone);
    assert_int_equal(alone.tasks, 1000);
    assert_int_equal(alone.others, 0);
    ev_pool_set_working(pool, 9);
    assert_int_equal(ev_pool_working(pool), 3);
    census all = {.caller = pthread_self()};
    for (int round = 0; round < 100 && !all.others; round++) ev_pool_run(pool, 50, count_threads, &all);
    assert_true(all.others > 0);
    ev_pool_free(&pool);
}

typedef struct wavering {
    ev_pool *pool;
    atomic_bool stop;
} wavering;

static void *waver(void *arg) {
    wavering *w = arg;
    for (int i = 0; !atomic_load(&w->stop); i++) {
        ev_pool_set_working(w->pool, i % 4 + 1);
        if (i % 16 == 0) usleep(100);
    }
    return NULL;
}

static void pool_may_waver_while_it_runs(void **state) {
    (void)state;
    static unsigned sums[300];
    wavering w = {0};
    pthread_t thread;
    assert_int_equal(ev_pool_create(&w.pool, 4, NULL), EV_OK);
    assert_int_equal(pthread_create(&thread, NULL, waver, &w), 0);
    for (size_t round = 0; round < 2000; round++) {
        job j = {.sums = sums};
        memset(sums, 0, sizeof sums);
        ev_pool_run(w.pool, 300, count_task, &j);
        for (size_t i = 0; i < 300; i++) {
            assert_int_equal(j.seen[i], 1);
            assert_int_equal(sums[i], i + 1);
        }
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    ev_pool_free(&w.pool); /* also with threads that may not work */
}

static void pool_refuses_no_threads(void **state) {
    (void)state;
    ev_pool *pool = NULL;
    ev_error err;
    assert_int_equal(ev_pool_create(&pool, 0, &err), EV_E_ARGUMENT);
    assert_null(pool);
}

/* ---- cores ---- */

static void put(const char *directory, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make(const char *directory, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void drop(const char *directory, const char *const *names) {
    char path[512];
    for (; *names; names++) {
        snprintf(path, sizeof(path), "%s/%s", directory, *names);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
}

static void quota_of_groups(void **state) {
    (void)state;
    char root[] = "/tmp/ev_test_base_XXXXXX", file[256];
    assert_non_null(mkdtemp(root));
    snprintf(file, sizeof(file), "%s/self", root);
    make(root, "a");
    make(root, "a/b");
    put(root, "self", "0::/a/b\n");
    assert_int_equal(ev_cores_quota(file, root), INT_MAX);
    put(root, "a/b/cpu.max", "max 100000\n");
    assert_int_equal(ev_cores_quota(file, root), INT_MAX);
    put(root, "a/cpu.max", "250000 100000\n"); /* a parent binds too; 2.5 cores keep 3 threads busy */
    assert_int_equal(ev_cores_quota(file, root), 3);
    put(root, "self", "0::/not/mounted\n");
    put(root, "cpu.max", "50000 100000\n");
    assert_int_equal(ev_cores_quota(file, root), 1);
    put(root, "self", "3:memory:/a\n2:cpu,cpuacct:/g\n"); /* version 1 */
    assert_int_equal(ev_cores_quota(file, root), INT_MAX);
    make(root, "cpu");
    make(root, "cpu/g");
    put(root, "cpu/g/cpu.cfs_quota_us", "400000\n");
    put(root, "cpu/g/cpu.cfs_period_us", "100000\n");
    assert_int_equal(ev_cores_quota(file, root), 4);
    put(root, "cpu/g/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(ev_cores_quota(file, root), INT_MAX);
    assert_int_equal(ev_cores_quota("/nonexistent", root), INT_MAX);
    static const char *const names[] = {"cpu/g/cpu.cfs_quota_us",
                                        "cpu/g/cpu.cfs_period_us",
                                        "cpu/g",
                                        "cpu",
                                        "a/b/cpu.max",
                                        "a/b",
                                        "a/cpu.max",
                                        "a",
                                        "cpu.max",
                                        "self",
                                        NULL};
    drop(root, names);
    assert_in_range(ev_cores_available(), 1, 100000);
}

/* ---- memory ---- */

#define MEMINFO "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    2000000 kB\n"
enum { AVAILABLE = 2000000 }; /* kB */

static int64_t memory_free(const char *root, const char *meminfo) {
    char info[512], self[512];
    snprintf(info, sizeof(info), "%s/%s", root, meminfo);
    snprintf(self, sizeof(self), "%s/self", root);
    return ev_memory_free(info, self, root);
}

static void memory_of_the_machine(void **state) {
    (void)state;
    char root[] = "/tmp/ev_test_base_XXXXXX";
    assert_non_null(mkdtemp(root));
    put(root, "meminfo", MEMINFO);
    assert_true(memory_free(root, "meminfo") == INT64_C(1024) * AVAILABLE); /* no group tells anything */
    assert_true(memory_free(root, "none") == INT64_MAX);
    put(root, "old", "MemTotal: 5 kB\nMemFree: 3 kB\n"); /* kernels before 3.14 */
    assert_true(memory_free(root, "old") == INT64_MAX);
    put(root, "odd", "XMemAvailable: 1 kB\nMemAvailable: much\nMemAvailable");
    assert_true(memory_free(root, "odd") == INT64_MAX);
    put(root, "none left", "MemAvailable: 0 kB\n");
    assert_true(memory_free(root, "none left") == 0);
    static const char *const names[] = {"meminfo", "old", "odd", "none left", NULL};
    drop(root, names);
    assert_true(ev_memory_available() > 0);
}

static void memory_of_groups(void **state) {
    (void)state;
    char root[] = "/tmp/ev_test_base_XXXXXX";
    assert_non_null(mkdtemp(root));
    make(root, "a");
    make(root, "a/b");
    put(root, "meminfo", MEMINFO);
    put(root, "self", "0::/a/b\n");
    put(root, "a/b/memory.max", "max\n");
    put(root, "a/b/memory.current", "700000000\n");
    assert_true(memory_free(root, "meminfo") == INT64_C(1024) * AVAILABLE);
    put(root, "a/memory.max", "1000000000\n"); /* a parent binds too */
    put(root, "a/memory.current", "800000000\n");
    assert_true(memory_free(root, "meminfo") == 200000000);
    put(root, "a/memory.stat", "anon 600000000\nactive_file 50000000\ninactive_file 150000000\n");
    assert_true(memory_free(root, "meminfo") == 350000000); /* what may be dropped is free */
    put(root, "a/b/memory.max", "500000000\n");
    assert_true(memory_free(root, "meminfo") == 0); /* over its limit already */
    put(root, "self", "5:memory:/g\n3:cpu:/a\n");   /* version 1 */
    assert_true(memory_free(root, "meminfo") == INT64_C(1024) * AVAILABLE);
    make(root, "memory");
    make(root, "memory/g");
    put(root, "memory/g/memory.usage_in_bytes", "300000000\n");
    put(root, "memory/g/memory.limit_in_bytes", "9223372036854771712\n"); /* no limit */
    assert_true(memory_free(root, "meminfo") == INT64_C(1024) * AVAILABLE);
    put(root, "memory/g/memory.limit_in_bytes", "1000000000\n");
    put(root, "memory/g/memory.stat", "inactive_file 1\ntotal_inactive_file 100000000\n");
    assert_true(memory_free(root, "meminfo") == 800000000);
    static const char *const names[] = {"memory/g/memory.usage_in_bytes",
                                        "memory/g/memory.limit_in_bytes",
                                        "memory/g/memory.stat",
                                        "memory/g",
                                        "memory",
                                        "a/b/memory.max",
                                        "a/b/memory.current",
                                        "a/b",
                                        "a/memory.max",
                                        "a/memory.current",
                                        "a/memory.stat",
                                        "a",
                                        "self",
                                        "meminfo",
                                        NULL};
    drop(root, names);
}

/* ---- file ---- */

static void files_are_read_to_their_end_or_so_far(void **state) {
    (void)state;
    enum { SIZE = 40000 }; /* several reads */
    char root[] = "/tmp/ev_test_base_XXXXXX", path[256];
    unsigned char bytes[SIZE];
    static const size_t mosts[] = {0, 1, 16384, 16385, SIZE - 1, SIZE, SIZE + 1, SIZE_MAX};
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof(path), "%s/file", root);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(ev_write_all(fd, bytes, SIZE));
    for (size_t i = 0; i < EV_ARRAY_COUNT(mosts); i++) {
        const size_t size = mosts[i] < SIZE ? mosts[i] : SIZE;
        ev_buf b = {0};
        ev_buf_append(&b, "ab", 2); /* they come behind what is there, which does not count */
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_true(ev_file_read(&b, fd, mosts[i]));
        assert_int_equal(b.size, 2 + size);
        assert_memory_equal(b.data, "ab", 2);
        assert_memory_equal(b.data + 2, bytes, size);
        assert_int_equal(b.data[b.size], 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), size); /* and nothing behind them was taken */
        ev_buf_free(&b);
    }
    ev_buf none = {0};
    assert_true(ev_file_read(&none, fd, 10)); /* at its end */
    assert_int_equal(none.size, 0);
    assert_string_equal((const char *)none.data, "");
    ev_buf_free(&none);
    void *copy = ev_file_copy(fd, SIZE); /* from the beginning, wherever it stands */
    assert_non_null(copy);
    assert_memory_equal(copy, bytes, SIZE);
    munmap(copy, SIZE);
    assert_null(ev_file_copy(fd, SIZE + 1));
    assert_int_equal(errno, ENODATA);
    close(fd);
    static const char *const names[] = {"file", NULL};
    drop(root, names);
}

static void a_pipe_is_read_in_pieces(void **state) {
    (void)state;
    int ends[2];
    ev_buf b = {0};
    assert_int_equal(pipe(ends), 0);
    assert_true(ev_write_all(ends[1], "one, two", 8));
    assert_true(ev_file_read(&b, ends[0], 5)); /* does not wait for more than it may take */
    assert_string_equal((const char *)b.data, "one, ");
    close(ends[1]);
    assert_true(ev_file_read(&b, ends[0], 100));
    assert_string_equal((const char *)b.data, "one, two");
    close(ends[0]);
    assert_false(ev_file_read(&b, ends[0], 100));
    assert_int_equal(errno, EBADF);
    assert_false(b.failed);
    b.failed = true; /* as after an allocation that failed */
    assert_false(ev_file_read(&b, STDIN_FILENO, 100));
    assert_int_equal(errno, ENOMEM);
    ev_buf_free(&b);
}

static void only_files_are_opened(void **state) {
    (void)state;
    char root[] = "/tmp/ev_test_base_XXXXXX", path[256];
    struct stat facts;
    assert_non_null(mkdtemp(root));
    put(root, "file", "hello");
    make(root, "folder");
    const int dir = open(root, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
    assert_int_equal(symlinkat("file", dir, "link"), 0);
    int fd = ev_file_open(dir, "file", O_NOFOLLOW, &facts);
    assert_true(fd >= 0);
    assert_int_equal(facts.st_size, 5);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    fd = ev_file_open(dir, "link", 0, &facts);
    assert_true(fd >= 0);
    close(fd);
    snprintf(path, sizeof(path), "%s/file", root);
    fd = ev_file_open(AT_FDCWD, path, 0, &facts);
    assert_true(fd >= 0);
    close(fd);
    static const struct {
        const char *name;
        int flags, error;
    } refused[] = {{"pipe", 0, EINVAL}, /* and is not waited for */
                   {"folder", 0, EINVAL},
                   {"/dev/null", 0, EINVAL},
                   {"link", O_NOFOLLOW, ELOOP},
                   {"none", 0, ENOENT}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(refused); i++) {
        const int before = dup(dir); /* the lowest free descriptor: none is left open */
        close(before);
        assert_int_equal(ev_file_open(dir, refused[i].name, refused[i].flags, &facts), -1);
        assert_int_equal(errno, refused[i].error);
        const int after = dup(dir);
        close(after);
        assert_int_equal(before, after);
    }
    close(dir);
    static const char *const names[] = {"file", "folder", "pipe", "link", NULL};
    drop(root, names);
}

/* ---- cpu ---- */

static void cpu_masks(void **state) {
    (void)state;
    ev_cpu_mask(~0u);
    unsigned all = ev_cpu_flags();
    if (all & EV_CPU_AVX512) assert_true(all & EV_CPU_AVX2);
    ev_cpu_mask(0);
    assert_int_equal(ev_cpu_flags(), 0);
    ev_cpu_mask(EV_CPU_AVX512); /* a mask with a hole: no level without the one below */
    assert_int_equal(ev_cpu_flags(), 0);
    ev_cpu_mask(EV_CPU_AVX2 | EV_CPU_AVX512_BF16);
    assert_int_equal(ev_cpu_flags(), all & EV_CPU_AVX2);
    ev_cpu_mask(~0u);
    assert_int_equal(ev_cpu_flags(), all);
    assert_string_equal(ev_cpu_name(0), "ref");
    assert_string_equal(ev_cpu_name(EV_CPU_AVX2), "avx2");
    assert_string_equal(ev_cpu_name(EV_CPU_AVX2 | EV_CPU_AVX512), "avx512");
}

/* ---- clock, utf8 ---- */

static void clock_advances(void **state) {
    (void)state;
    double begin = ev_clock_s();
    usleep(2000);
    double passed = ev_clock_s() - begin;
    assert_true(passed >= 0.002 && passed < 5);
}

static void utf8_round_trip(void **state) {
    (void)state;
    for (int32_t c = -1; c < 0x110010; c++) {
        char bytes[4];
        size_t n = ev_utf8_put(c, bytes), at = 0;
        bool valid = c >= 0 && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        assert_int_equal(n, !valid ? 0 : c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        if (!valid) continue;
        assert_int_equal(ev_utf8_next(bytes, n, &at), c);
        assert_int_equal(at, n);
        for (size_t cut = 0; cut < n; cut++) { /* every truncation is an error that moves nothing */
            at = 0;
            assert_int_equal(ev_utf8_next(bytes, cut, &at), -1);
            assert_int_equal(at, 0);
        }
    }
}

static void utf8_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",         "\xbf",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",         "\xc3(",
        "\xe2\x82(",    "\xf0\x9f\x98("};
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        size_t at = 0;
        assert_int_equal(ev_utf8_next(bad[i], strlen(bad[i]), &at), -1);
        assert_int_equal(at, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_texts_are_distinct),
        cmocka_unit_test(fail_fills_and_returns),
        cmocka_unit_test(fail_makes_hostile_bytes_harmless),
        cmocka_unit_test(fail_cuts_at_a_character),
        cmocka_unit_test(buffer_grows_and_terminates),
        cmocka_unit_test(buffer_remembers_failure),
        cmocka_unit_test(json_strings_read_back),
        cmocka_unit_test(json_is_written_with_its_commas),
        cmocka_unit_test(slips_are_counted),
        cmocka_unit_test(the_nearest_is_offered),
        cmocka_unit_test(emotions_have_other_names),
        cmocka_unit_test(words_for_emotions_fit),
        cmocka_unit_test(moments_are_whole),
        cmocka_unit_test(arena_aligns_fills_and_releases),
        cmocka_unit_test(arena_too_large_is_an_error),
        cmocka_unit_test(pool_runs_each_task_once),
        cmocka_unit_test(pool_waits_for_stragglers),
        cmocka_unit_test(pool_works_with_fewer),
        cmocka_unit_test(pool_may_waver_while_it_runs),
        cmocka_unit_test(pool_refuses_no_threads),
        cmocka_unit_test(quota_of_groups),
        cmocka_unit_test(memory_of_the_machine),
        cmocka_unit_test(memory_of_groups),
        cmocka_unit_test(files_are_read_to_their_end_or_so_far),
        cmocka_unit_test(a_pipe_is_read_in_pieces),
        cmocka_unit_test(only_files_are_opened),
        cmocka_unit_test(cpu_masks),
        cmocka_unit_test(clock_advances),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(utf8_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
