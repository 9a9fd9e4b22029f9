/* golden: every network with random weights against what PyTorch computed (training/golden.py), at every instruction
 * set; a ragged batch against each utterance alone, and the vocoder in chunks against the whole: the same bytes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/acoustic.h"
#include "model/speaker.h"
#include "model/vocoder.h"

/* ---- counting allocations: none may happen while the networks run ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
enum { COUNTS_ALLOCATIONS = 0 }; /* sanitizers bring an allocator of their own */
static atomic_size_t allocations;
#else
enum { COUNTS_ALLOCATIONS = 1 };
static atomic_size_t allocations;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void *malloc(size_t n) {
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n) {
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(p, n);
}
void *aligned_alloc(size_t alignment, size_t n) {
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(alignment, n);
}
#endif

/* every test runs at every instruction set this CPU has */
static const unsigned masks[] = {0, EV_CPU_AVX2, EV_CPU_AVX2 | EV_CPU_AVX512,
                                 EV_CPU_AVX2 | EV_CPU_AVX512 | EV_CPU_AVX512_VNNI};

enum { ARENA_BYTES = 256 << 20, CASES = 3, MEL_LD = 32 };

typedef struct fixture {
    ev_container *file;
    json_t *config;
    ev_pool *pool;
    ev_compute compute;
    ev_queue *queue;
} fixture;

static void fixture_open(fixture *f, const char *name, unsigned mask) {
    char path[512];
    ev_error err = {0};
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", EV_TEST_DIR, name);
    if (ev_container_open(&f->file, path, &err) != EV_OK) fail_msg("%s", err.message);
    f->config = json_loads(ev_container_metadata(f->file, "config"), 0, NULL);
    assert_non_null(f->config);
    ev_cpu_mask(mask);
    assert_int_equal(ev_pool_create(&f->pool, 2, &err), EV_OK);
    ev_compute_init(&f->compute, f->pool);
    assert_int_equal(ev_queue_cpu(&f->queue, &f->compute, ARENA_BYTES, &err), EV_OK);
}

static void fixture_close(fixture *f) {
    ev_container_free(&f->file);
    json_decref(f->config);
    ev_queue_free(&f->queue);
    ev_pool_free(&f->pool);
    ev_cpu_mask(~0u);
}

/* golden.<name> as floats, any shape. */
static float *expected(const fixture *f, const char *name, size_t *count) {
    char full[64];
    ev_error err = {0};
    float *out = NULL;
    snprintf(full, sizeof full, "golden.%s", name);
    const ev_tensor *t = ev_container_find(f->file, full);
    if (!t) fail_msg("%s is missing", full);
    int64_t shape[EV_TENSOR_DIMS_MAX];
    memcpy(shape, t->shape, sizeof shape);
    assert_int_equal(ev_container_floats(f->file, full, t->dims, shape, &out, &err), EV_OK);
    *count = t->count;
    return out;
}

static const int32_t *integers(const fixture *f, const char *name, size_t *count) {
    char full[64];
    snprintf(full, sizeof full, "golden.%s", name);
    const ev_tensor *t = ev_container_find(f->file, full);
    assert_non_null(t);
    assert_int_equal(t->dtype, EV_DTYPE_I32);
    *count = t->count;
    return t->data;
}

static void assert_close(const char *what, float got, float want, double tolerance) {
    if (!(fabs((double)got - want) <= tolerance)) fail_msg("%s: %.7g, wanted %.7g", what, (double)got, (double)want);
}

/* ---- acoustic ---- */

typedef struct spoken { /* one golden utterance and room for its results */
    ev_utterance u;
    int32_t tokens[128], durations[128];
    float *condition, *channels, *f0;
} spoken;

/* ld: floats of a frame */
static void spoken_open(spoken *s, const fixture *f, const ev_acoustic *m, int i, size_t ld) {
    char name[32];
    size_t n;
    snprintf(name, sizeof name, "%d.tokens", i);
    const int32_t *tokens = integers(f, name, &n);
    memcpy(s->tokens, tokens, n * sizeof *tokens);
    size_t unused;
    snprintf(name, sizeof name, "%d.speaker", i);
    float *speaker = expected(f, name, &unused);
    snprintf(name, sizeof name, "%d.emotions", i);
    float *emotions = expected(f, name, &unused);
    snprintf(name, sizeof name, "%d.numbers", i);
    float *numbers = expected(f, name, &unused);
    ev_error err = {0};
    s->condition = malloc((size_t)m->config.condition * sizeof *s->condition);
    assert_int_equal(ev_acoustic_condition(m, &(ev_conditioning){.speaker = speaker, .emotion_weights = emotions},
                                           s->condition, &err),
                     EV_OK);
    free(speaker);
    free(emotions);
    s->channels = malloc(4096 * ld * sizeof(float));
    memset(s->channels, 0x7f, 4096 * ld * sizeof(float));
    s->f0 = calloc(4096, sizeof(float));
    s->u = (ev_utterance){.tokens = s->tokens,
                          .token_count = n,
                          .condition = s->condition,
                          .median_hz = numbers[0],
                          .speed = numbers[1],
                          .pitch_scale = numbers[2],
                          .energy_scale = numbers[3],
                          .durations = s->durations,
                          .channels = s->channels,
                          .f0 = s->f0};
    free(numbers);
}

static void spoken_close(spoken *s) {
    free(s->condition);
    free(s->channels);
    free(s->f0);
}

/* Both stages, in an arena of exactly the bytes that they say they take. */
static void speak(const ev_acoustic *m, fixture *f, ev_utterance **u, size_t n) {
    ev_encoded encoded;
    ev_error err = {0};
    ev_queue *whole = f->queue;
    size_t rows = 0, frames = 0;
    for (size_t i = 0; i < n; i++) rows += ev_acoustic_rows(m, u[i]->tokens, u[i]->forced_frames, u[i]->token_count);
    assert_int_equal(ev_queue_cpu(&f->queue, &f->compute, ev_acoustic_encode_bytes(m, rows, n, 2), &err), EV_OK);
    const size_t before = atomic_load(&allocations);
    assert_int_equal(ev_acoustic_encode(m, f->queue, u, n, &encoded, &err), EV_OK);
    assert_int_equal(atomic_load(&allocations), before);
    assert_true(f->queue->arena.used <= ev_acoustic_encoded_bytes(m, rows, n));
    ev_queue_free(&f->queue);
    for (size_t i = 0; i < n; i++) frames += u[i]->frames;
    const size_t bytes = ev_acoustic_encode_bytes(m, rows, n, 2),
                 kept = ev_acoustic_encoded_bytes(m, rows, n) + ev_acoustic_decode_bytes(m, frames, n, 2);
    assert_int_equal(ev_queue_cpu(&f->queue, &f->compute, bytes > kept ? bytes : kept, &err), EV_OK);
    assert_int_equal(ev_acoustic_encode(m, f->queue, u, n, &encoded, &err), EV_OK);
    const size_t again = atomic_load(&allocations);
    assert_int_equal(ev_acoustic_decode(m, f->queue, &encoded, u, n, &err), EV_OK);
    assert_int_equal(atomic_load(&allocations), again);
    ev_queue_free(&f->queue);
    f->queue = whole;
}

static void check_spoken(const fixture *f, const spoken *s, int i, size_t channels) {
    char name[32];
    size_t n;
    snprintf(name, sizeof name, "%d.durations", i);
    const int32_t *durations = integers(f, name, &n);
    assert_memory_equal(durations, s->durations, n * sizeof *durations);
    snprintf(name, sizeof name, "%d.channels", i);
    float *want = expected(f, name, &n);
    assert_int_equal(n, s->u.frames * channels);
    for (size_t t = 0; t < s->u.frames; t++) {
        const float *row = s->channels + t * ev_round16(channels);
        for (size_t j = 0; j < channels; j++) assert_close("channels", row[j], want[t * channels + j], 1e-4);
        for (size_t j = channels; j < ev_round16(channels); j++) assert_true(row[j] == 0);
    }
    free(want);
    snprintf(name, sizeof name, "%d.f0", i);
    float *f0 = expected(f, name, &n);
    for (size_t t = 0; t < n; t++) assert_close("f0", s->f0[t], f0[t], 1e-4 * (double)f0[t]);
    free(f0);
}

static void acoustic_at(const char *name, unsigned mask) {
    fixture f;
    ev_error err = {0};
    ev_acoustic_config config;
    ev_acoustic m;
    fixture_open(&f, name, mask);
    assert_int_equal(ev_acoustic_config_read(&config, f.config, &err), EV_OK);
    if (ev_acoustic_load(&m, f.file, &config, 4096, &err) != EV_OK) fail_msg("%s", err.message);
    const size_t channels = (size_t)config.channels, ld = ev_round16(channels);
    spoken alone[CASES], together[CASES];
    ev_utterance *batch[CASES];
    for (int i = 0; i < CASES; i++) {
        spoken_open(&alone[i], &f, &m, i, ld);
        spoken_open(&together[i], &f, &m, i, ld);
        batch[i] = &together[i].u;
        ev_utterance *one = &alone[i].u;
        speak(&m, &f, &one, 1);
        check_spoken(&f, &alone[i], i, channels);
    }
    speak(&m, &f, batch, CASES);
    for (int i = 0; i < CASES; i++) {
        assert_int_equal(alone[i].u.frames, together[i].u.frames);
        assert_memory_equal(alone[i].channels, together[i].channels, alone[i].u.frames * ld * sizeof(float));
        assert_memory_equal(alone[i].f0, together[i].f0, alone[i].u.frames * sizeof(float));
        spoken_close(&alone[i]);
        spoken_close(&together[i]);
    }
    ev_acoustic_free(&m);
    fixture_close(&f);
}

/* Frames that are asked for are the first symbol's; a silent token gets them too, and else none. */
static void pauses_at(unsigned mask) {
    static const int32_t tokens[] = {0, 3, 2, 8, 2, 0}; /* of 2, 3, 0, 3, 0 and 2 symbols */
    static const int32_t forced[] = {-1, 9, 7, 0, -1, -1};
    fixture f;
    ev_error err = {0};
    ev_acoustic_config config;
    ev_acoustic m;
    fixture_open(&f, "acoustic_convnext", mask);
    assert_int_equal(ev_acoustic_config_read(&config, f.config, &err), EV_OK);
    assert_int_equal(ev_acoustic_load(&m, f.file, &config, 4096, &err), EV_OK);
    spoken s;
    spoken_open(&s, &f, &m, 0, ev_round16((size_t)config.channels));
    memcpy(s.tokens, tokens, sizeof tokens);
    s.u.token_count = EV_ARRAY_COUNT(tokens);
    s.u.forced_frames = forced;
    assert_int_equal(ev_acoustic_rows(&m, tokens, forced, s.u.token_count), 2 + 3 + 1 + 3 + 0 + 2);
    assert_int_equal(ev_acoustic_rows(&m, tokens, NULL, s.u.token_count), 2 + 3 + 0 + 3 + 0 + 2);
    assert_true(ev_acoustic_rows_max(&m, 6) == 18);
    ev_utterance *u = &s.u;
    speak(&m, &f, &u, 1);
    assert_true(s.durations[0] > 0 && s.durations[5] > 0);
    for (int i = 1; i < 4; i++) assert_int_equal(s.durations[i], forced[i]);
    assert_int_equal(s.durations[4], 0);
    assert_int_equal(s.u.frames, s.durations[0] + 9 + 7 + s.durations[5]);
    const size_t ld = ev_round16((size_t)config.channels), first = (size_t)s.durations[0] * ld;
    for (size_t t = 1; t < 9; t++)
        assert_memory_equal(s.channels + first, s.channels + first + t * ld, 32 * sizeof(float));
    spoken_close(&s);
    ev_acoustic_free(&m);
    fixture_close(&f);
}

/* A model whose symbols come late says the same; its tokens are told that much earlier, and last as long in all. */
static void delayed_at(unsigned mask) {
    static const int32_t tokens[] = {0, 3, 8, 5, 0};
    enum { COUNT = EV_ARRAY_COUNT(tokens), DELAY = 3 };
    int32_t durations[2][COUNT];
    float *channels[2];
    size_t frames[2], ld = 0;
    for (int late = 0; late < 2; late++) {
        fixture f;
        ev_error err = {0};
        ev_acoustic_config config;
        ev_acoustic m;
        spoken s;
        fixture_open(&f, "acoustic_convnext", mask);
        assert_int_equal(ev_acoustic_config_read(&config, f.config, &err), EV_OK);
        config.delay = late ? DELAY : 0;
        assert_int_equal(ev_acoustic_load(&m, f.file, &config, 4096, &err), EV_OK);
        ld = ev_round16((size_t)config.channels);
        spoken_open(&s, &f, &m, 0, ld);
        memcpy(s.tokens, tokens, sizeof tokens);
        s.u.token_count = COUNT;
        ev_utterance *u = &s.u;
        speak(&m, &f, &u, 1);
        frames[late] = s.u.frames;
        memcpy(durations[late], s.durations, sizeof durations[late]);
        channels[late] = malloc(s.u.frames * ld * sizeof(float));
        assert_non_null(channels[late]);
        memcpy(channels[late], s.channels, s.u.frames * ld * sizeof(float));
        spoken_close(&s);
        ev_acoustic_free(&m);
        fixture_close(&f);
    }
    assert_int_equal(frames[0], frames[1]);
    assert_memory_equal(channels[0], channels[1], frames[0] * ld * sizeof(float));
    int32_t end[2] = {0, 0};
    for (size_t i = 0; i + 1 < COUNT; i++) {
        for (int late = 0; late < 2; late++) end[late] += durations[late][i];
        assert_int_equal(end[1], end[0] > DELAY ? end[0] - DELAY : 0);
    }
    assert_int_equal(end[1] + durations[1][COUNT - 1], frames[1]);
    for (int late = 0; late < 2; late++) free(channels[late]);
}

/* ---- vocoder ---- */

typedef struct vocoded {
    fixture f;
    ev_vocoder v;
    float *input, *f0, *want;
    float *condition; /* NULL for a family that takes none */
    double phase[64];
    size_t frames, samples;
} vocoded;

static void vocoded_open_as(vocoded *o, const char *name, unsigned mask, bool int8) {
    ev_error err = {0};
    ev_vocoder_config config;
    size_t n;
    fixture_open(&o->f, name, mask);
    assert_int_equal(ev_vocoder_config_read(&config, o->f.config, &err), EV_OK);
    const bool spectral = config.family == EV_VOCODER_ISTFT;
    if (spectral) config.spectral.int8 = int8;
    if (ev_vocoder_load(&o->v, o->f.file, &config, &err) != EV_OK) fail_msg("%s", err.message);
    float *dense = expected(&o->f, spectral ? "input" : "mel", &n);
    o->condition = spectral ? expected(&o->f, "condition", &o->samples) : NULL;
    o->frames = n / (size_t)config.inputs;
    o->input = calloc(o->frames * MEL_LD, sizeof(float));
    for (size_t t = 0; t < o->frames; t++) {
        memcpy(o->input + t * MEL_LD, dense + t * (size_t)config.inputs, (size_t)config.inputs * sizeof(float));
    }
    free(dense);
    o->f0 = expected(&o->f, "f0", &n);
    o->want = expected(&o->f, "wave", &o->samples);
    ev_vocoder_phase(&o->v, o->f0, o->frames, o->phase);
}

static void vocoded_open(vocoded *o, const char *name, unsigned mask) { vocoded_open_as(o, name, mask, false); }

static void vocoded_close(vocoded *o) {
    free(o->input);
    free(o->condition);
    free(o->f0);
    free(o->want);
    ev_vocoder_free(&o->v);
    fixture_close(&o->f);
}

static ev_chunk chunk_of(const vocoded *o, size_t begin, size_t end, float *out) {
    return (ev_chunk){.input = o->input,
                      .f0 = o->f0,
                      .phase = o->phase,
                      .condition = o->condition,
                      .frames = o->frames,
                      .begin = begin,
                      .end = end,
                      .seed = 7,
                      .out = out + begin * (size_t)o->v.config.hop};
}

static void vocoder_at(const char *name, unsigned mask) {
    vocoded o;
    vocoded_open(&o, name, mask);
    float *whole = calloc(o.samples, sizeof(float)), *pieces = calloc(o.samples, sizeof(float));
    ev_chunk one = chunk_of(&o, 0, o.frames, whole);
    assert_true(ev_vocoder_bytes(&o.v, ev_vocoder_chunk_rows(&o.v, &one), 1, 2) <= ARENA_BYTES);
    const size_t before = atomic_load(&allocations);
    assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, &one, 1, NULL), EV_OK);
    assert_int_equal(atomic_load(&allocations), before);
    for (size_t i = 0; i < o.samples; i++) assert_close(name, whole[i], o.want[i], 1e-4);
    /* the same in chunks of uneven length, out of order, sharing one batch */
    const size_t cuts[] = {0, 1, 4, 12, 29, o.frames};
    ev_chunk chunks[5];
    for (size_t i = 0; i < 5; i++) chunks[i] = chunk_of(&o, cuts[4 - i], cuts[5 - i], pieces);
    assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, chunks, 5, NULL), EV_OK);
    assert_memory_equal(whole, pieces, o.samples * sizeof(float));
    free(whole);
    free(pieces);
    vocoded_close(&o);
}

/* Samples without noise: the parts that scale it are made vanishingly small. In float and quantised, whole and in
 * chunks. */
static void istft_at(const char *name, unsigned mask, bool int8) {
    vocoded o;
    size_t n;
    vocoded_open_as(&o, name, mask, int8);
    assert_int_equal(o.v.spectral.head.w8 != NULL, int8);
    const ev_istft *stft = &o.v.spectral.stft;
    for (int i = 0; i < stft->bins; i++) {
        o.v.spectral.head.bias[ev_istft_column(stft, 2, i)] -= 1000;
        if (stft->parts == EV_ISTFT_PARTS_BURSTS) o.v.spectral.head.bias[ev_istft_column(stft, 3, i)] -= 1000;
    }
    float *whole = calloc(o.samples, sizeof(float));
    float *still = expected(&o.f, int8 ? "still_int8" : "still", &n), *pieces = calloc(o.samples, sizeof(float));
    assert_int_equal(n, o.samples);
    const ev_chunk one = chunk_of(&o, 0, o.frames, whole);
    assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, &one, 1, NULL), EV_OK);
    for (size_t i = 0; i < n; i++) assert_close("istft without noise", whole[i], still[i], 1e-4);
    ev_chunk chunks[2] = {chunk_of(&o, 11, o.frames, pieces), chunk_of(&o, 0, 11, pieces)};
    assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, chunks, 2, NULL), EV_OK);
    assert_memory_equal(whole, pieces, n * sizeof(float));
    free(still);
    free(pieces);
    free(whole);
    vocoded_close(&o);
}

/* Two utterances of their own speakers, lengths and noise in one batch: each as it is alone, and not the same. */
static void company_at(unsigned mask) {
    vocoded o;
    vocoded_open(&o, "istft", mask);
    const size_t hop = (size_t)o.v.config.hop;
    float other[64] = {0}, *alone = calloc(2 * o.samples, sizeof(float)),
          *together = calloc(2 * o.samples, sizeof(float));
    for (int i = 0; i < o.v.config.speaker; i++) other[i] = -o.condition[i];
    other[o.v.config.speaker] = 1;
    for (int batch = 0; batch < 2; batch++) {
        float *out = batch ? together : alone;
        ev_chunk chunks[2] = {chunk_of(&o, 0, o.frames, out), chunk_of(&o, 0, o.frames - 7, out + o.samples)};
        chunks[1].frames -= 7;
        chunks[1].condition = other;
        chunks[1].seed = 8;
        for (size_t i = 0; i < 2; i += batch ? 2 : 1) {
            assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, chunks + i, batch ? 2 : 1, NULL), EV_OK);
        }
    }
    assert_memory_equal(alone, together, 2 * o.samples * sizeof(float));
    assert_memory_not_equal(alone, alone + o.samples, 4 * hop * sizeof(float));
    free(alone);
    free(together);
    vocoded_close(&o);
}

static void test_company(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) company_at(masks[i]);
}

static void test_istft(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) {
        for (int int8 = 0; int8 < 2; int8++) {
            istft_at("istft", masks[i], int8);
            istft_at("istft_free", masks[i], int8);
        }
    }
}

/* What one run takes of the arena is what ev_vocoder_bytes says of its rows, or a little less: alignment, and what a
 * few chunks' lists would take. */
static void bytes_of(const char *name, size_t chunk_count) {
    vocoded o;
    vocoded_open(&o, name, ~0u);
    float *out = calloc(o.samples, sizeof(float)), *log_gains = calloc(ev_vocoder_bins(&o.v) + 1, sizeof(float));
    ev_chunk chunks[5];
    size_t rows = 0;
    for (size_t i = 0; i < chunk_count; i++) {
        const size_t begin = o.frames * i / chunk_count, end = o.frames * (i + 1) / chunk_count;
        chunks[i] = chunk_of(&o, begin, end, out);
        chunks[i].log_gains = ev_vocoder_bins(&o.v) ? log_gains : NULL;
        rows += ev_vocoder_chunk_rows(&o.v, &chunks[i]);
    }
    o.f.queue->arena.peak = 0;
    assert_int_equal(ev_vocoder_run(&o.v, o.f.queue, chunks, chunk_count, NULL), EV_OK);
    const size_t told = ev_vocoder_bytes(&o.v, rows, chunk_count, 2), taken = o.f.queue->arena.peak;
    if (taken > told || told > taken + 8192) fail_msg("%s: told %zu bytes, took %zu", name, told, taken);
    const size_t slope =
        ev_vocoder_bytes(&o.v, rows + 16, chunk_count, 2) - told; /* work.c counts on a straight line */
    assert_int_equal(ev_vocoder_bytes(&o.v, rows + 32, chunk_count, 2) - told, 2 * slope);
    free(log_gains);
    free(out);
    vocoded_close(&o);
}

static void test_bytes(void **state) {
    (void)state;
    for (size_t n = 1; n <= 5; n++) {
        bytes_of("istft", n);
        bytes_of("istft_free", n);
        bytes_of("vocoder_ours", n);
        bytes_of("vocoder_v1", n);
    }
}

/* ---- speaker ---- */

static void speaker_at(unsigned mask) {
    fixture f;
    ev_error err = {0};
    ev_speaker_config config;
    ev_speaker s;
    size_t n, dims;
    fixture_open(&f, "speaker", mask);
    assert_int_equal(ev_speaker_config_read(&config, f.config, &err), EV_OK);
    if (ev_speaker_load(&s, f.file, &config, &err) != EV_OK) fail_msg("%s", err.message);
    float *bank = expected(&f, "fbank", &n), *want = expected(&f, "vector", &dims), got[64];
    assert_true(ev_speaker_bytes(&s, n / 80) <= ARENA_BYTES);
    ev_speaker_run(&s, &f.compute, &f.queue->arena, bank, n / 80, got);
    for (size_t i = 0; i < dims; i++) assert_close("speaker", got[i], want[i], 1e-5);
    free(bank);
    free(want);
    ev_speaker_free(&s);
    fixture_close(&f);
}

/* ---- all ---- */

static void test_acoustic(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) {
        acoustic_at("acoustic", masks[i]);
        acoustic_at("acoustic_convnext", masks[i]);
    }
}

static void test_pauses(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) pauses_at(masks[i]);
}

static void test_delay(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) delayed_at(masks[i]);
}

static void test_vocoders(void **state) {
    (void)state;
    static const char *const names[] = {"vocoder_ours", "vocoder_v1", "vocoder_v3", "istft", "istft_free"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) {
        for (size_t j = 0; j < EV_ARRAY_COUNT(names); j++) vocoder_at(names[j], masks[i]);
    }
}

static void test_speaker(void **state) {
    (void)state;
    for (size_t i = 0; i < EV_ARRAY_COUNT(masks); i++) speaker_at(masks[i]);
}

/* The counter itself works, or the tests above could not fail. */
static void test_counter(void **state) {
    (void)state;
    const size_t before = atomic_load(&allocations);
    void *volatile p = malloc(10);
    free(p);
    if (COUNTS_ALLOCATIONS) assert_true(atomic_load(&allocations) > before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter), cmocka_unit_test(test_acoustic), cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_delay),   cmocka_unit_test(test_vocoders), cmocka_unit_test(test_istft),
        cmocka_unit_test(test_company), cmocka_unit_test(test_bytes),    cmocka_unit_test(test_speaker)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
