/* Memory that is not there: the n-th allocation of a call fails, alone or with all that come after, for n over the
 * whole call. Whatever n, the call says that it had no memory, or gives what it gives otherwise; it never crashes,
 * and what it took it gives back.
 *
 * malloc and its like are wrapped when the program is linked (tests/CMakeLists.txt). What libraries allocate inside
 * is theirs: jansson's is counted, so that a forgotten object is seen, and never refused, since jansson loses
 * characters of a string that it has no memory for, blames the text, and may even assert (container.c looks for room
 * before).
 */
#include <stdatomic.h>

#include <jansson.h>

#include "unit/engine_fixture.h"

#include "base/base.h"

static atomic_long count, live; /* allocations asked for since the last reset; not yet given back */
static long fail_at;            /* 0: none fails */
static bool fails_on;           /* all that come after it fail too */

static bool refused(void) {
    const long n = atomic_fetch_add(&count, 1) + 1;
    return fail_at && (n == fail_at || (fails_on && n > fail_at));
}

static void *counted(void *block) {
    if (block) atomic_fetch_add(&live, 1);
    return block;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) { return refused() ? NULL : counted(__real_malloc(size)); }
void *__wrap_calloc(size_t n, size_t size) { return refused() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_realloc(void *block, size_t size) {
    if (refused()) return NULL;
    return block ? __real_realloc(block, size) : counted(__real_realloc(block, size));
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return refused() ? NULL : counted(__real_aligned_alloc(alignment, size));
}
char *__wrap_strdup(const char *text) { return refused() ? NULL : counted(__real_strdup(text)); }
char *__wrap_strndup(const char *text, size_t n) { return refused() ? NULL : counted(__real_strndup(text, n)); }
void __wrap_free(void *block) {
    if (block) atomic_fetch_sub(&live, 1);
    __real_free(block);
}

static void *never_refused(size_t size) { return counted(__real_malloc(size)); }

/* ---- the calls; each leaves a number that stands for what it gave ---- */

typedef ev_status (*call)(uint64_t *sum, ev_error *err);

static uint64_t hash(const void *bytes, size_t n) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return h;
}

static const char text[] =
    "Dr. Smith paid $3.50 at 10:30. [pause:300ms] \xe6\x88\x91\xe4\xbb\xac 2026 "
    "\xe5\xb9\xb4\xe8\xa7\x81\xef\xbc\x8c\xe5\xa5\xbd\xe5\x90\x97\xef\xbc\x9f Yes, email me@example.org.";

static ev_status open_model(uint64_t *sum, ev_error *err) {
    ev_model *m = NULL;
    const ev_status status = ev_model_open(&m, NULL, NULL, err);
    if (status == EV_OK) *sum = ev_model_voice_count(m) * 1000 + ev_model_emotion_count(m);
    assert_true((status == EV_OK) == (m != NULL));
    ev_model_free(&m);
    return status;
}

static ev_status create_synth(uint64_t *sum, ev_error *err) {
    ev_synth *s = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = 3;
    const ev_status status = ev_synth_create(&s, model, &options, err);
    assert_true((status == EV_OK) == (s != NULL));
    *sum = 1;
    ev_synth_free(&s);
    return status;
}

static ev_status say(uint64_t *sum, ev_error *err) {
    ev_audio audio;
    ev_request r = request_of(text);
    r.emotion = "happy:0.6,surprised:0.4";
    const ev_status status = ev_say(synth, &r, &audio, err);
    *sum = hash(audio.samples, audio.count * sizeof(float));
    ev_audio_free(&audio);
    return status;
}

/* Every way of marking a text up: each writes, looks back at and takes away what it wrote. */
static ev_status read_markup(uint64_t *sum, ev_error *err) {
    static const char *const marked[] = {
        "# Head\n\n**bold** _so_ `code` [link](https://x.org) ![alt](a.png)\n\n- one\n- two\n\n| a | b "
        "|\n|---|---|\n| 1 | 2 |\n",
        "<p>CO<sub>2</sub> 10<sup>-3</sup> &amp; <script>x</script><!-- no --> <https://x.org> <b>so</b><br>on</p>",
        "<speak>A <sub alias=\"B C\">bc</sub> <say-as interpret-as=\"characters\">abc</say-as><break time=\"1s\"/>"
        "<prosody rate=\"slow\">x <phoneme alphabet=\"ipa\" ph=\"h\xc9\x99\">y</phoneme></prosody> "
        "<s>End</s></speak>"};
    *sum = 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(marked); i++) {
        ev_phones *phones = NULL;
        const ev_request r = request_of(marked[i]);
        const ev_status status = ev_phones_of(&phones, model, &r, err);
        for (size_t k = 0; phones && k < phones->phone_count; k++)
            *sum = *sum * 31 + (uint64_t)phones->phones[k].token;
        ev_phones_free(&phones);
        if (status != EV_OK) return status;
    }
    return EV_OK;
}

static int on_chunk(void *sum, const float *samples, size_t n, int last) {
    (void)last;
    *(uint64_t *)sum = *(uint64_t *)sum * 31 + hash(samples, n * sizeof *samples);
    return 0;
}

static ev_status stream(uint64_t *sum, ev_error *err) {
    const ev_request r = request_of(text);
    *sum = 0;
    return ev_say_stream(synth, &r, err, on_chunk, sum);
}

static ev_status say_batch(uint64_t *sum, ev_error *err) {
    const ev_request a = request_of(text), b = request_of("Good morning.");
    const ev_request *const requests[] = {&a, &b};
    ev_result results[2] = {0};
    ev_status status = ev_say_batch(synth, requests, 2, results, err);
    *sum = 0;
    for (size_t i = 0; i < 2; i++) {
        *sum = *sum * 31 + hash(results[i].audio.samples, results[i].audio.count * sizeof(float));
        if (status == EV_OK && results[i].status != EV_OK) { /* one may have what the other lacks */
            status = results[i].status;
            *err = results[i].error;
        }
        ev_audio_free(&results[i].audio);
    }
    return status;
}

static ev_status run_task(uint64_t *sum, ev_error *err) {
    ev_task *task = NULL;
    ev_progress p = {0};
    const ev_request r = request_of(text);
    ev_status status = ev_task_create(&task, model, &r, 0, err);
    *sum = 0;
    while (status == EV_OK && !p.done) {
        const ev_slice slice = {task, 100};
        ev_task_progress(task, &p);
        if (!p.done)
            status = p.ready_frames ? ev_synth_vocode(synth, &slice, 1, err) : ev_synth_decode(synth, &task, 1, err);
        const float *samples;
        size_t n;
        ev_task_take(task, &samples, &n);
        *sum = *sum * 31 + hash(samples, n * sizeof *samples);
    }
    if (status == EV_OK) status = ev_task_status(task, err); /* a batch is well where a member of it is not */
    ev_task_free(&task);
    return status;
}

static ev_status embed(uint64_t *sum, ev_error *err) {
    ev_voice *voice = NULL;
    const ev_status status = ev_voice_from_file(&voice, synth, EV_TEST_DIR "/golden/speech.wav", err);
    assert_true((status == EV_OK) == (voice != NULL));
    size_t n = 0;
    if (voice) *sum = hash(ev_voice_vector(voice, &n), n * sizeof(float));
    ev_voice_free(&voice);
    return status;
}

static ev_status name_voice(uint64_t *sum, ev_error *err) {
    ev_voice *voice = NULL;
    const ev_status status = ev_voice_named(&voice, model, ev_model_voice_name(model, 1), err);
    *sum = status == EV_OK;
    ev_voice_free(&voice);
    return status;
}

static ev_status encode(uint64_t *sum, ev_error *err) {
    float samples[4000] = {0};
    const ev_audio audio = {.samples = samples, .count = 4000, .sample_rate = 16000};
    ev_status status = EV_OK;
    *sum = 0;
    for (int format = 0; status == EV_OK && format < EV_FORMAT_COUNT; format++) {
        void *bytes = NULL;
        size_t size = 0;
        status = ev_audio_encode(&audio, (ev_format)format, &bytes, &size, err);
        *sum += status == EV_OK && size > 0; /* an Ogg stream has a number of its own */
        ev_bytes_free(&bytes);
    }
    return status;
}

/* ---- what is asserted ---- */

/* One run whose n-th allocation fails. */
static void fail_one(const char *name, call run, long n, bool on, uint64_t wanted) {
    uint64_t sum = 0;
    ev_error err = {0};
    const long before = atomic_load(&live);
    atomic_store(&count, 0);
    fails_on = on;
    fail_at = n;
    const ev_status status = run(&sum, &err);
    fail_at = 0;
    if (status != EV_OK && status != EV_E_MEMORY)
        fail_msg("%s, allocation %ld%s: %s (%s)", name, n, on ? " and on" : "", ev_status_text(status), err.message);
    if (status == EV_E_MEMORY && !*err.message) fail_msg("%s, allocation %ld: no message", name, n);
    if (status == EV_OK && sum != wanted)
        fail_msg("%s, allocation %ld: it went well, and gave something else", name, n);
    /* fewer: some is freed here that a library took; the leak sanitizer sees what such a one could hide */
    if (atomic_load(&live) > before) fail_msg("%s, allocation %ld: %ld leaked", name, n, atomic_load(&live) - before);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 5 }; /* times slower and more: fewer n */
#else
enum { SANITIZED = 1 };
#endif

/* Some n of the call's, the first and the last among them. */
static void fail_each(const char *name, call run, long most) {
    uint64_t wanted = 0, again = 0;
    most /= SANITIZED;
    ev_error err = {0};
    if (run(&wanted, &err) != EV_OK) fail_msg("%s: %s", name, err.message); /* what is made once is there now */
    atomic_store(&count, 0);
    assert_int_equal(run(&again, &err), EV_OK);
    assert_true(wanted == again);
    const long all = atomic_load(&count), step = all / most + 1;
    bool on = false;
    for (long n = 1; n <= all; n += n < 8 ? 1 : step, on = !on) {
        fail_one(name, run, n, on, wanted);
        if (all <= most) fail_one(name, run, n, !on, wanted);
    }
    fail_one(name, run, all, false, wanted);
    print_message("%s: %ld allocations, one in %ld failed\n", name, all, step);
}

#define CALL(run, most)                                                                                              \
    static void test_##run(void **state) {                                                                           \
        (void)state;                                                                                                 \
        fail_each(#run, run, most);                                                                                  \
    }
CALL(open_model, 80)
CALL(create_synth, 60)
CALL(read_markup, 600)
CALL(say, 100)
CALL(stream, 20)
CALL(say_batch, 20)
CALL(run_task, 40)
CALL(embed, 40)
CALL(name_voice, 20)
CALL(encode, 200)

int main(void) {
    json_set_alloc_funcs(never_refused, __wrap_free);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open_model),  cmocka_unit_test(test_create_synth),
                                       cmocka_unit_test(test_read_markup), cmocka_unit_test(test_say),
                                       cmocka_unit_test(test_stream),      cmocka_unit_test(test_say_batch),
                                       cmocka_unit_test(test_run_task),    cmocka_unit_test(test_embed),
                                       cmocka_unit_test(test_name_voice),  cmocka_unit_test(test_encode)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
