/* Tests of encoding in pieces: whatever the pieces, the joined bytes are one file that untrusted clients decode to
 * the sound that went in, soon after it went in, and that says that nobody spoke it. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <sndfile.h>
#include <cmocka.h>

#include "audio/audio.h"
#include "audio/sniff.h"

enum { RATE = 24000, STEP = RATE / 100, COUNT = 2 * RATE + 77, MP3_DELAY = 1105 };

/* A voice-like sound: a gliding tone with its overtones, syllables, and a little noise. */
static const float *voice(void) {
    static float samples[COUNT];
    double phase = 0;
    uint32_t seed = 1;
    for (int i = 0; samples[COUNT - 1] == 0 && i < COUNT; i++) {
        double t = (double)i / RATE, sum = 0;
        phase += 6.283185 * (120 + 40 * sin(3 * t)) / RATE;
        for (int h = 1; h < 12; h++) sum += sin(h * phase) / h;
        seed = seed * 1664525u + 1013904223u;
        samples[i] = (float)((0.5 + 0.5 * sin(12 * t)) * 0.2 * sum + 0.02 * (seed >> 16) / 65536);
    }
    return samples;
}

/* All bytes of COUNT samples of the voice, written in pieces of first, first + step, ... and round again. */
static ev_buf encode(ev_format format, const ev_encoder_options *options, size_t first, size_t step) {
    ev_encoder *e = NULL;
    ev_error err = {0};
    ev_buf all = {0};
    const void *bytes;
    size_t size;
    if (ev_encoder_create(&e, format, RATE, options, &err)) fail_msg("%s", err.message);
    for (size_t at = 0, piece = first; at < COUNT; piece = (piece + step) % 5000) {
        size_t n = piece < COUNT - at ? piece : COUNT - at;
        if (ev_encoder_write(e, voice() + at, n, &bytes, &size, &err)) fail_msg("%s", err.message);
        ev_buf_append(&all, bytes ? bytes : "", size);
        at += n;
    }
    if (ev_encoder_finish(e, &bytes, &size, &err)) fail_msg("%s", err.message);
    ev_buf_append(&all, bytes ? bytes : "", size);
    ev_encoder_free(&e);
    assert_null(e);
    return all;
}

/* ---- an untrusted client's reader ---- */

typedef struct memory {
    const unsigned char *bytes;
    sf_count_t size, at;
} memory;

static sf_count_t memory_length(void *user) { return ((memory *)user)->size; }
static sf_count_t memory_tell(void *user) { return ((memory *)user)->at; }

static sf_count_t memory_seek(sf_count_t offset, int whence, void *user) {
    memory *m = user;
    sf_count_t to = offset + (whence == SEEK_CUR ? m->at : whence == SEEK_END ? m->size : 0);
    return to < 0 || to > m->size ? -1 : (m->at = to);
}

static sf_count_t memory_read(void *out, sf_count_t count, void *user) {
    memory *m = user;
    sf_count_t n = count < m->size - m->at ? count : m->size - m->at;
    memcpy(out, m->bytes + m->at, (size_t)n);
    m->at += n;
    return n;
}

/* Samples decoded by libsndfile into out [2 * COUNT]; *frames: how many the file says it has. */
static size_t decode(const void *bytes, size_t size, float *out, sf_count_t *frames) {
    memory m = {bytes, (sf_count_t)size, 0};
    SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, NULL, memory_tell};
    SF_INFO info = {0};
    SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &m);
    if (!file) fail_msg("%s", sf_strerror(NULL));
    assert_int_equal(info.samplerate, RATE);
    assert_int_equal(info.channels, 1);
    if (frames) *frames = info.frames;
    sf_count_t n = sf_readf_float(file, out, 2 * COUNT);
    assert_int_equal(sf_error(file), SF_ERR_NO_ERROR);
    sf_close(file);
    return (size_t)n;
}

static double correlation(const float *a, const float *b, size_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb + 1e-30);
}

/* ---- what comes out ---- */

static void joined_pieces_decode(void **state) {
    (void)state;
    static const struct {
        ev_format format;
        size_t delay, more_most; /* samples in front, and at most behind */
        double correlation;
    } cases[] = {{EV_FORMAT_WAV, 0, 0, 0.99999},
                 {EV_FORMAT_WAV_FLOAT, 0, 0, 0.99999},
                 {EV_FORMAT_FLAC, 0, 0, 0.99999},
                 {EV_FORMAT_OPUS, 0, 0, 0.98},
                 {EV_FORMAT_MP3, MP3_DELAY, 1152, 0.98}};
    float *out = malloc(2 * COUNT * sizeof(float));
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_buf b = encode(cases[i].format, NULL, 1, 331);
        size_t n = decode(b.data, b.size, out, NULL), least = COUNT + cases[i].delay;
        if (n < least || n > least + cases[i].more_most)
            fail_msg("%s: %zu samples of %d", ev_format_name(cases[i].format), n, COUNT);
        double c = correlation(voice(), out + cases[i].delay, COUNT);
        if (!(c > cases[i].correlation)) fail_msg("%s: correlation %f", ev_format_name(cases[i].format), c);
        ev_buf_free(&b);
    }
    free(out);
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    static const size_t pieces[][2] = {{160, 0}, {1, 7}, {4999, 1}, {576, 576}, {3, 1152}};
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_buf once = encode((ev_format)f, NULL, COUNT, 0);
        assert_true(once.size > 0);
        for (size_t i = 0; i < EV_ARRAY_COUNT(pieces); i++) {
            ev_buf b = encode((ev_format)f, NULL, pieces[i][0], pieces[i][1]);
            assert_int_equal(b.size, once.size);
            assert_memory_equal(b.data, once.data, once.size);
            ev_buf_free(&b);
        }
        ev_buf_free(&once);
    }
}

/* Without a record and with the count known, the joined pieces are what ev_audio_encode makes. */
static void plain_formats_are_the_whole_file(void **state) {
    (void)state;
    ev_audio a = {.samples = (float *)(uintptr_t)voice(), .count = COUNT, .sample_rate = RATE};
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    options.known_count = COUNT;
    options.label = 0;
    for (ev_format f = EV_FORMAT_WAV; f <= EV_FORMAT_PCM; f++) {
        void *file = NULL;
        size_t size = 0;
        assert_int_equal(ev_audio_encode(&a, f, &file, &size, NULL), EV_OK);
        ev_buf b = encode(f, &options, 7, 331);
        assert_int_equal(b.size, size);
        assert_memory_equal(b.data, file, size);
        ev_buf_free(&b);
        ev_bytes_free(&file);
    }
}

/* The shortest sounds fit into the encoders' first blocks and come at finish. */
static void short_sounds_are_whole(void **state) {
    (void)state;
    static const size_t counts[] = {1, 2, 575, 577, 1151, 1152, 1153};
    float *out = malloc(2 * COUNT * sizeof(float));
    for (int f = 0; f < EV_FORMAT_COUNT; f++)
        for (size_t i = 0; f != EV_FORMAT_PCM && f < EV_FORMAT_AAC && i < EV_ARRAY_COUNT(counts); i++) {
            ev_encoder *e = NULL;
            ev_buf b = {0};
            const void *bytes;
            size_t size;
            assert_int_equal(ev_encoder_create(&e, (ev_format)f, RATE, NULL, NULL), EV_OK);
            assert_int_equal(ev_encoder_write(e, voice(), counts[i], &bytes, &size, NULL), EV_OK);
            ev_buf_append(&b, bytes ? bytes : "", size);
            assert_int_equal(ev_encoder_finish(e, &bytes, &size, NULL), EV_OK);
            ev_buf_append(&b, bytes ? bytes : "", size);
            size_t n = decode(b.data, b.size, out, NULL);
            if (f == EV_FORMAT_MP3)
                assert_true(n >= counts[i] + MP3_DELAY && n <= counts[i] + MP3_DELAY + 1152);
            else
                assert_int_equal(n, counts[i]);
            ev_buf_free(&b);
            ev_encoder_free(&e);
        }
    free(out);
}

/* Every 10 ms of sound: what was handed out so far decodes to all but the last so many milliseconds. MP3's decoder
 * holds a frame back, and its first samples are delay. */
static void bytes_come_soon(void **state) {
    (void)state;
    static const struct {
        ev_format format;
        double lag_ms, gap_ms;
    } cases[] = {
        {EV_FORMAT_WAV, 0, 10}, {EV_FORMAT_FLAC, 49, 60}, {EV_FORMAT_OPUS, 90, 60}, {EV_FORMAT_MP3, 128, 30}};
    float *out = malloc(2 * COUNT * sizeof(float));
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_encoder *e = NULL;
        ev_buf b = {0};
        const void *bytes;
        double last_ms = 0, delay = cases[i].format == EV_FORMAT_MP3 ? MP3_DELAY : 0;
        assert_int_equal(ev_encoder_create(&e, cases[i].format, RATE, NULL, NULL), EV_OK);
        for (size_t at = 0; at < RATE; at += STEP) {
            size_t size;
            assert_int_equal(ev_encoder_write(e, voice() + at, STEP, &bytes, &size, NULL), EV_OK);
            ev_buf_append(&b, bytes ? bytes : "", size);
            double ms = (double)(at + STEP) * 1000 / RATE;
            if (size > 0 && ms > 200) assert_true(ms - last_ms <= cases[i].gap_ms);
            if (size > 0) last_ms = ms;
            if (ms < 200) continue;
            double lag = ms - ((double)decode(b.data, b.size, out, NULL) - delay) * 1000 / RATE;
            if (lag > cases[i].lag_ms) fail_msg("%s lags %g ms", ev_format_name(cases[i].format), lag);
        }
        assert_true(last_ms >= 920);
        ev_encoder_free(&e); /* half-way: nothing leaks */
        ev_buf_free(&b);
    }
    free(out);
}

/* ---- sizes, bit rates, labels ---- */

static uint32_t le32(const unsigned char *b) {
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void only_wav_ends_at_two_gigabytes(void **state) {
    (void)state;
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    options.known_count = 16ull * 3600 * RATE * 4; /* 64 hours */
    for (ev_format f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_encoder *e = NULL;
        const bool sized = f == EV_FORMAT_WAV || f == EV_FORMAT_WAV_FLOAT;
        options.file_rate = ev_format_rate(f, RATE, 0);
        assert_int_equal(ev_encoder_create(&e, f, RATE, &options, NULL), sized ? EV_E_LIMIT : EV_OK);
        ev_encoder_free(&e);
    }
}

static void known_counts_are_in_the_head(void **state) {
    (void)state;
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    float *out = malloc(2 * COUNT * sizeof(float));
    for (int known = 0; known < 2; known++) {
        options.known_count = known ? COUNT : 0;
        sf_count_t frames = 0;
        ev_buf w = encode(EV_FORMAT_WAV, &options, 160, 0), f = encode(EV_FORMAT_FLAC, &options, 160, 0);
        const unsigned char *data = memmem(w.data, w.size, "data", 4);
        assert_int_equal(le32(w.data + 4), known ? w.size - 8 : 0x7FFFF024);
        assert_int_equal(le32(data + 4), known ? 2 * COUNT : 0x7FFFF000); /* sox's own mark of a stream */
        assert_int_equal(data - w.data, 36);
        if (!known) assert_int_equal(w.size, 44 + 2 * COUNT); /* nothing behind that would be heard */
        ev_audio a;
        assert_int_equal(ev_audio_decode(&a, w.data, w.size, 0, NULL), EV_OK); /* our own reader takes both */
        assert_int_equal(a.count, COUNT);
        ev_audio_free(&a);
        assert_int_equal(decode(f.data, f.size, out, &frames), COUNT);
        if (known) assert_int_equal(frames, COUNT);
        ev_buf_free(&w);
        ev_buf_free(&f);
    }
    free(out);
}

/* Our strict reader walks every frame: the first is sound and not an empty Info frame, and the bit rate is as asked.
 */
static void bit_rates_are_kept(void **state) {
    (void)state;
    static const int32_t mp3[] = {0, 32, 64, 160};
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    for (size_t i = 0; i < EV_ARRAY_COUNT(mp3); i++) {
        options.bitrate_kbps = mp3[i];
        ev_buf b = encode(EV_FORMAT_MP3, &options, 331, 1);
        ev_audio a;
        ev_sound sound;
        assert_int_equal(ev_audio_decode(&a, b.data, b.size, 0, NULL), EV_OK);
        assert_int_equal(ev_sound_sniff(&sound, b.data, b.size, "b", NULL), EV_OK);
        assert_int_equal(sound.bytes + sound.size - b.data, b.size); /* nothing behind the frames */
        double want = (mp3[i] ? mp3[i] : 64) * 125.0 * (double)a.count / RATE;
        assert_true(fabs((double)sound.size / want - 1) < 0.02);
        assert_true(a.count >= COUNT + MP3_DELAY && a.count <= COUNT + MP3_DELAY + 1152);
        ev_audio_free(&a);
        ev_buf_free(&b);
    }
    options.bitrate_kbps = 12;
    ev_buf low = encode(EV_FORMAT_OPUS, &options, 331, 1);
    options.bitrate_kbps = 96;
    ev_buf high = encode(EV_FORMAT_OPUS, &options, 331, 1);
    assert_true(high.size > 4 * low.size);
    ev_buf_free(&low);
    ev_buf_free(&high);
}

/* The record's JSON, found where a reader of the format would look for it: behind `before`. */
static void expect_record(const ev_buf *b, const char *before, size_t before_bytes, const char *content_id) {
    const unsigned char *at = memmem(b->data, b->size, before, before_bytes);
    assert_non_null(at);
    at += before_bytes;
    json_error_t fault;
    json_t *json = json_loadb((const char *)at, b->size - (size_t)(at - b->data), JSON_DISABLE_EOF_CHECK, &fault);
    json_t *record = json_object_get(json, "AIGC");
    assert_string_equal(json_string_value(json_object_get(record, "Label")), "1");
    assert_string_equal(json_string_value(json_object_get(record, "ContentProducer")), "somebody");
    assert_string_equal(json_string_value(json_object_get(record, "ProduceID")), content_id);
    json_decref(json);
}

static void files_say_what_they_are(void **state) {
    (void)state;
    static const char odd[] = "id \"7\"\n\xe5\x8f\xb7";
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    options.producer = "somebody";
    options.content_id = odd;
    options.known_count = COUNT;
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_buf b = encode((ev_format)f, &options, 500, 1);
        bool has_room = f != EV_FORMAT_PCM && f < EV_FORMAT_AAC;
        assert_int_equal(memmem(b.data, b.size, "synthetic speech", 16) != NULL, has_room);
        if (f == EV_FORMAT_MP3) expect_record(&b, "\3AIGC\0", 6, odd);
        if (f == EV_FORMAT_FLAC || f == EV_FORMAT_OPUS) expect_record(&b, "AIGC=", 5, odd);
        const unsigned char *info = f <= EV_FORMAT_WAV_FLOAT ? memmem(b.data, b.size, "AIGC", 4) : NULL;
        if (info) expect_record(&b, (const char *)info, 8, odd);
        assert_int_equal(info != NULL, f <= EV_FORMAT_WAV_FLOAT);
        options.label = 0;
        ev_buf plain = encode((ev_format)f, &options, 500, 1);
        assert_null(memmem(plain.data, plain.size, "AIGC", 4));
        assert_int_equal(memmem(plain.data, plain.size, "synthetic speech", 16) != NULL, has_room);
        options.label = 1;
        ev_buf_free(&b);
        ev_buf_free(&plain);
    }
}

/* libsndfile finds the texts, so the tags are well formed and not only there. */
static void others_find_the_texts(void **state) {
    (void)state;
    static const ev_format formats[] = {EV_FORMAT_WAV, EV_FORMAT_FLAC, EV_FORMAT_OPUS, EV_FORMAT_MP3};
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    options.known_count = COUNT;
    for (size_t i = 0; i < EV_ARRAY_COUNT(formats); i++) {
        ev_buf b = encode(formats[i], &options, 500, 1);
        memory m = {b.data, (sf_count_t)b.size, 0};
        SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, NULL, memory_tell};
        SF_INFO info = {0};
        SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &m);
        assert_non_null(file);
        const char *comment = sf_get_string(file, SF_STR_COMMENT);
        if (!comment) fail_msg("%s has no comment", ev_format_name(formats[i]));
        assert_string_equal(comment, "synthetic speech");
        sf_close(file);
        ev_buf_free(&b);
    }
}

/* ---- errors ---- */

static void expect_no_encoder(ev_format format, int32_t rate, const ev_encoder_options *options, ev_status want,
                              const char *word) {
    ev_encoder *e = NULL;
    ev_error err = {0};
    assert_int_equal(ev_encoder_create(&e, format, rate, options, &err), want);
    assert_null(e);
    if (!strstr(err.message, word)) fail_msg("'%s' has no '%s'", err.message, word);
}

static void impossible_encoders_are_refused(void **state) {
    (void)state;
    static char long_text[300];
    memset(long_text, 'x', sizeof(long_text) - 1);
    ev_encoder_options o;
    ev_encoder_options_init(&o);
    expect_no_encoder(EV_FORMAT_COUNT, RATE, NULL, EV_E_ARGUMENT, "does not exist");
    expect_no_encoder((ev_format)-1, RATE, NULL, EV_E_ARGUMENT, "does not exist");
    expect_no_encoder(EV_FORMAT_WAV, 999, NULL, EV_E_ARGUMENT, "999 Hz is not in 1000 to 384000");
    expect_no_encoder(EV_FORMAT_OPUS, 22050, NULL, EV_E_ARGUMENT, "convert the sound to 24000 Hz");
    expect_no_encoder(EV_FORMAT_MP3, 96000, NULL, EV_E_ARGUMENT, "convert the sound to 48000 Hz");
    o.bitrate_kbps = 161;
    expect_no_encoder(EV_FORMAT_MP3, RATE, &o, EV_E_ARGUMENT, "161 is not in 8 to 160");
    o.bitrate_kbps = 5;
    expect_no_encoder(EV_FORMAT_OPUS, RATE, &o, EV_E_ARGUMENT, "5 is not in 6 to 256");
    o.bitrate_kbps = 0;
    o.known_count = (uint64_t)1 << 40;
    expect_no_encoder(EV_FORMAT_WAV, RATE, &o, EV_E_LIMIT, "do not fit");
    o.known_count = 0;
    o.content_id = long_text;
    expect_no_encoder(EV_FORMAT_FLAC, RATE, &o, EV_E_ARGUMENT, "content_id has 299 bytes");
    o.content_id = "ab\xff";
    expect_no_encoder(EV_FORMAT_MP3, RATE, &o, EV_E_ARGUMENT, "content_id is not UTF-8 at byte 2");
}

static void calls_out_of_order_are_refused(void **state) {
    (void)state;
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_encoder *e = NULL;
        const void *bytes = "";
        size_t size = 1;
        ev_error err;
        assert_int_equal(ev_encoder_create(&e, (ev_format)f, RATE, NULL, NULL), EV_OK);
        assert_int_equal(ev_encoder_write(e, NULL, 1, &bytes, &size, NULL), EV_E_ARGUMENT);
        assert_int_equal(ev_encoder_write(e, NULL, 0, &bytes, &size, NULL), EV_OK);
        assert_int_equal(ev_encoder_write(e, voice(), 3000, &bytes, &size, NULL), EV_OK);
        assert_int_equal(ev_encoder_finish(e, &bytes, &size, NULL), EV_OK);
        assert_int_equal(ev_encoder_finish(e, &bytes, &size, &err), EV_E_ARGUMENT);
        assert_non_null(strstr(err.message, "is finished"));
        assert_true(bytes == NULL && size == 0);
        bytes = "";
        size = 1;
        assert_int_equal(ev_encoder_write(e, voice(), 10, &bytes, &size, NULL), EV_E_ARGUMENT);
        assert_true(bytes == NULL && size == 0);
        ev_encoder_free(&e);
        ev_encoder_free(&e); /* NULL is fine */
    }
}

static void announced_counts_are_held_to(void **state) {
    (void)state;
    ev_encoder_options o;
    ev_encoder_options_init(&o);
    o.known_count = 100;
    ev_encoder *e = NULL;
    const void *bytes;
    size_t size;
    ev_error err;
    assert_int_equal(ev_encoder_create(&e, EV_FORMAT_WAV, RATE, &o, NULL), EV_OK);
    assert_int_equal(ev_encoder_write(e, voice(), 60, &bytes, &size, NULL), EV_OK);
    assert_int_equal(ev_encoder_finish(e, &bytes, &size, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "100 samples were announced, and 60 written"));
    assert_int_equal(ev_encoder_write(e, voice(), 41, &bytes, &size, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "more than the 100 samples"));
    assert_int_equal(ev_encoder_write(e, voice(), 40, &bytes, &size, NULL), EV_OK);
    assert_int_equal(ev_encoder_finish(e, &bytes, &size, NULL), EV_OK);
    ev_encoder_free(&e);
}

static void no_sound_at_all(void **state) {
    (void)state;
    static const bool possible[EV_FORMAT_COUNT] = {true, true, true, false, true, false, false, true, true};
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_encoder *e = NULL;
        const void *bytes;
        size_t size;
        assert_int_equal(ev_encoder_create(&e, (ev_format)f, RATE, NULL, NULL), EV_OK);
        assert_int_equal(ev_encoder_finish(e, &bytes, &size, NULL), possible[f] ? EV_OK : EV_E_ARGUMENT);
        assert_int_equal(size > 0, possible[f] && f != EV_FORMAT_PCM && f < EV_FORMAT_AAC);
        ev_encoder_free(&e);
    }
}

static void formats_have_names_and_types(void **state) {
    (void)state;
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        ev_format parsed = EV_FORMAT_COUNT;
        assert_int_equal(ev_format_parse(ev_format_name((ev_format)f), &parsed, NULL), EV_OK);
        assert_int_equal(parsed, f);
        assert_int_equal(strncmp(ev_format_media_type((ev_format)f), "audio/", 6), 0);
    }
    assert_string_equal(ev_format_media_type(EV_FORMAT_MP3), "audio/mpeg");
    assert_string_equal(ev_format_media_type(EV_FORMAT_OPUS), "audio/ogg");
    assert_null(ev_format_name(EV_FORMAT_COUNT));
    assert_null(ev_format_media_type((ev_format)-1));
}

/* ---- threads ---- */

static void *encode_all(void *user) {
    ev_buf *made = user;
    for (int f = 0; f < EV_FORMAT_COUNT; f++) made[f] = encode((ev_format)f, NULL, 160, 1);
    return NULL;
}

static void encoders_do_not_share(void **state) {
    (void)state;
    ev_buf made[2][EV_FORMAT_COUNT];
    pthread_t threads[2];
    voice(); /* made once, before there are two */
    for (int t = 0; t < 2; t++) assert_int_equal(pthread_create(&threads[t], NULL, encode_all, made[t]), 0);
    for (int t = 0; t < 2; t++) pthread_join(threads[t], NULL);
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        assert_int_equal(made[0][f].size, made[1][f].size);
        assert_memory_equal(made[0][f].data, made[1][f].data, made[0][f].size);
        for (int t = 0; t < 2; t++) ev_buf_free(&made[t][f]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_pieces_decode),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(plain_formats_are_the_whole_file),
        cmocka_unit_test(short_sounds_are_whole),
        cmocka_unit_test(bytes_come_soon),
        cmocka_unit_test(only_wav_ends_at_two_gigabytes),
        cmocka_unit_test(known_counts_are_in_the_head),
        cmocka_unit_test(bit_rates_are_kept),
        cmocka_unit_test(files_say_what_they_are),
        cmocka_unit_test(others_find_the_texts),
        cmocka_unit_test(impossible_encoders_are_refused),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(announced_counts_are_held_to),
        cmocka_unit_test(no_sound_at_all),
        cmocka_unit_test(formats_have_names_and_types),
        cmocka_unit_test(encoders_do_not_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
