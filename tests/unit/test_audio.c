/* Tests of sound files: what is written reads back, what is cut or foreign is refused with a reason, and a full disk
 * or a closed pipe is an error and not an accident. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sndfile.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "audio/audio.h"

static char folder[] = "/tmp/ev_test_audio_XXXXXX";

static const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static size_t folder_entries(void) {
    DIR *d = opendir(folder);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

/* A second of a decaying two-tone. */
static ev_audio tone(int rate) {
    ev_audio a = {.samples = malloc((size_t)rate * sizeof(float)), .count = (size_t)rate, .sample_rate = rate};
    for (int i = 0; i < rate; i++) {
        float t = (float)i / (float)rate;
        a.samples[i] = expf(-2 * t) * (0.5F * sinf(2764.6F * t) + 0.3F * sinf(6911.5F * t));
    }
    return a;
}

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

static bytes encode(const ev_audio *a, ev_format format) {
    void *data = NULL;
    size_t size = 0;
    ev_error err = {0};
    if (ev_audio_encode(a, format, &data, &size, &err)) fail_msg("%s", err.message);
    return (bytes){data, size};
}

static void expect_refused(const void *data, size_t size, double seconds, const char *word) {
    ev_audio a;
    ev_error err = {0};
    assert_int_equal(ev_audio_decode(&a, data, size, seconds, &err), EV_E_AUDIO);
    assert_null(a.samples);
    if (!strstr(err.message, word)) fail_msg("'%s' has no '%s'", err.message, word);
}

/* A WAV by hand: encoding, channels, rate, bits, the data size that is announced, and the data that is there. */
static ev_buf wav(unsigned encoding, unsigned channels, unsigned rate, unsigned bits, uint32_t announced,
                  const void *data, size_t size) {
    ev_buf b = {0};
    uint32_t riff = 36 + announced, sixteen = 16, bytes_s = rate * channels * bits / 8;
    uint16_t head[2] = {(uint16_t)encoding, (uint16_t)channels},
             tail[2] = {(uint16_t)(channels * bits / 8), (uint16_t)bits};
    ev_buf_append(&b, "RIFF", 4);
    ev_buf_append(&b, &riff, 4);
    ev_buf_append(&b, "WAVEfmt ", 8);
    ev_buf_append(&b, &sixteen, 4);
    ev_buf_append(&b, head, 4);
    ev_buf_append(&b, &rate, 4);
    ev_buf_append(&b, &bytes_s, 4);
    ev_buf_append(&b, tail, 4);
    ev_buf_append(&b, "data", 4);
    ev_buf_append(&b, &announced, 4);
    ev_buf_append(&b, data, size);
    return b;
}

/* ---- writing ---- */

static void formats_have_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        ev_format format;
    } good[] = {{"wav", EV_FORMAT_WAV},    {"a/b.WAV", EV_FORMAT_WAV},  {"wav-float", EV_FORMAT_WAV_FLOAT},
                {"x.pcm", EV_FORMAT_PCM},  {"flac", EV_FORMAT_FLAC},    {"my.voice.opus", EV_FORMAT_OPUS},
                {"x.ogg", EV_FORMAT_OPUS}, {"/t/x.mp3", EV_FORMAT_MP3}, {"x.aac", EV_FORMAT_AAC},
                {"mulaw", EV_FORMAT_ULAW}, {"alaw", EV_FORMAT_ALAW}};
    ev_format f = EV_FORMAT_COUNT;
    for (size_t i = 0; i < EV_ARRAY_COUNT(good); i++) {
        assert_int_equal(ev_format_parse(good[i].name, &f, NULL), EV_OK);
        assert_int_equal(f, good[i].format);
    }
    static const char *const bad[] = {"", "m4a", "x.", "wav.txt", "mp3/x", "wavx"};
    ev_error err;
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++)
        assert_int_equal(ev_format_parse(bad[i], &f, &err), EV_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "opus"));
}

static void sixteen_bits_clamp_and_round_to_even(void **state) {
    (void)state;
    static const float in[] = {0,
                               1,
                               -1,
                               2,
                               -2,
                               INFINITY,
                               -INFINITY,
                               NAN,
                               0.5F / 32768,
                               1.5F / 32768,
                               2.5F / 32768,
                               -0.5F / 32768,
                               -1.5F / 32768,
                               32766.5F / 32768,
                               32767.4F / 32768,
                               0.25F};
    static const int16_t want[] = {0, 32767, -32768, 32767, -32768, 32767, -32768, 0,
                                   0, 2,     2,      0,     -2,     32766, 32767,  8192};
    ev_audio a = {.samples = (float *)(uintptr_t)in, .count = EV_ARRAY_COUNT(in), .sample_rate = 16000};
    bytes pcm = encode(&a, EV_FORMAT_PCM), file = encode(&a, EV_FORMAT_WAV);
    assert_int_equal(pcm.size, sizeof(want));
    assert_memory_equal(pcm.data, want, sizeof(want));
    assert_memory_equal(file.data + 44, want, sizeof(want)); /* where players that read no chunks begin */
    free(pcm.data);
    free(file.data);
}

static void formats_read_back(void **state) {
    (void)state;
    ev_audio a = tone(16000), b = {0};
    static const double tolerances[] = {
        [EV_FORMAT_WAV] = 0.5 / 32768 + 1e-9, [EV_FORMAT_FLAC] = 0.5 / 32768 + 1e-9, [EV_FORMAT_MP3] = 0.02};
    for (int f = 0; f < EV_FORMAT_COUNT; f++) {
        bytes one = encode(&a, (ev_format)f), two = encode(&a, (ev_format)f);
        assert_int_equal(one.size, two.size); /* the same sound is the same bytes */
        assert_memory_equal(one.data, two.data, one.size);
        bool marked = memmem(one.data, one.size, "synthetic speech", 16) != NULL;
        assert_int_equal(marked, f != EV_FORMAT_PCM && f < EV_FORMAT_AAC);
        const char *kind = ev_audio_kind(one.data, one.size);
        if (kind && strcmp(kind, "aac") != 0) {
            assert_int_equal(ev_audio_decode(&b, one.data, one.size, 1.0, NULL), EV_OK);
            assert_int_equal(b.count, 16000);
            assert_int_equal(b.sample_rate, 16000);
            for (size_t i = 0; i < b.count && f != EV_FORMAT_OPUS;
                 i++) /* of which only the energy is kept, see below */
                assert_true(fabs((double)b.samples[i] - a.samples[i]) <= tolerances[f]);
            ev_audio_free(&b);
        } else {
            assert_int_equal(ev_audio_decode(&b, one.data, one.size, 0, NULL), kind ? EV_E_FORMAT : EV_E_AUDIO);
        }
        free(one.data);
        free(two.data);
    }
    ev_audio_free(&a);
}

/* Opus and FLAC through libsndfile, which checks their checksums; odd rates through the encoders' own rates. */
static void other_readers_take_our_files(void **state) {
    (void)state;
    static const struct {
        ev_format format;
        int rate, want;
    } cases[] = {{EV_FORMAT_OPUS, 16000, 16000}, {EV_FORMAT_OPUS, 22050, 24000}, {EV_FORMAT_OPUS, 96000, 48000},
                 {EV_FORMAT_FLAC, 22050, 22050}, {EV_FORMAT_MP3, 22050, 22050},  {EV_FORMAT_MP3, 8000, 8000},
                 {EV_FORMAT_MP3, 96000, 48000}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_audio a = tone(cases[i].rate);
        assert_int_equal(ev_audio_write(in_folder("x"), &a, cases[i].format, NULL), EV_OK);
        SF_INFO info = {0};
        SNDFILE *file = sf_open(in_folder("x"), SFM_READ, &info);
        assert_non_null(file);
        assert_int_equal(info.samplerate, cases[i].want);
        float *all = calloc((size_t)cases[i].want * 2, sizeof(float));
        double frames = (double)sf_readf_float(file, all, cases[i].want * 2), energy = 0;
        for (int k = 0; k < (int)frames; k++) energy += (double)all[k] * all[k];
        assert_true(fabs(frames / cases[i].want - 1) < 0.001);
        assert_true(fabs(energy / cases[i].want - 0.0417) < 0.004); /* 0.17 * (1 - e^-4) / 4 */
        free(all);
        sf_close(file);
        ev_audio_free(&a);
    }
    unlink(in_folder("x"));
}

static void no_sound_at_all(void **state) {
    (void)state;
    ev_audio a = {.sample_rate = 16000};
    bytes pcm = encode(&a, EV_FORMAT_PCM), file = encode(&a, EV_FORMAT_WAV);
    assert_int_equal(pcm.size, 0);
    expect_refused(file.data, file.size, 0, "holds no sound");
    void *p = file.data;
    size_t size = 0;
    ev_bytes_free(&p);
    assert_null(p);
    free(pcm.data);
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_MP3, &p, &size, NULL), EV_E_ARGUMENT);
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_FLAC, &p, &size, NULL), EV_E_ARGUMENT);
    assert_null(p);
}

static void impossible_sound_is_refused(void **state) {
    (void)state;
    float one = 0;
    void *data = NULL;
    size_t size = 0;
    ev_audio a = {.samples = &one, .count = 1, .sample_rate = 0};
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_WAV, &data, &size, NULL), EV_E_ARGUMENT);
    a.sample_rate = 16000;
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_COUNT, &data, &size, NULL), EV_E_ARGUMENT);
    a.count = (size_t)1 << 31;
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_WAV, &data, &size, NULL), EV_E_LIMIT);
    a.samples = NULL;
    assert_int_equal(ev_audio_encode(&a, EV_FORMAT_WAV, &data, &size, NULL), EV_E_ARGUMENT);
    assert_null(data);
}

/* ---- reading ---- */

static void what_is_no_sound(void **state) {
    (void)state;
    expect_refused("", 0, 0, "is empty");
    expect_refused("Dear diary, today", 17, 0, "audio is not a WAV, MP3, FLAC or Ogg (Opus, Vorbis) file");
    expect_refused("RIFF\0\0\0\0AVI LIST", 16, 0, "is not a WAV, MP3, FLAC or Ogg");
    expect_refused("RIFF\4\0\0\0WAVE", 12, 0, "ends before its sound");
    expect_refused("RIFF\4\0\0\0WAVEdata\1\0\0\0x", 21, 0, "no fmt chunk");
    expect_refused("ID3\4\0\0\0\0\1\0 and a lot of text", 30, 0, "cut short");
    expect_refused("ID3\4\0\0\0\0\0\4tag.then text instead of frames", 40, 0, "is not a WAV, MP3, FLAC or Ogg");
    expect_refused("\xff\xfb\x90\x00 not a frame", 16, 0, "is not a WAV, MP3, FLAC or Ogg");
    expect_refused("fLaC\0\0\0\x22", 8, 0, "is damaged");
    ev_audio a;
    ev_error err;
    assert_int_equal(ev_audio_read(&a, in_folder("none.wav"), 0, &err), EV_E_IO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(ev_audio_read(&a, folder, 0, &err), EV_E_IO);
    assert_int_equal(ev_audio_read(&a, EV_TEST_DIR "/CMakeLists.txt", 0, &err), EV_E_AUDIO);
    assert_non_null(strstr(err.message, "CMakeLists.txt' is not a WAV, MP3, FLAC or Ogg (Opus, Vorbis) file"));
}

static void wav_widths_and_channels(void **state) {
    (void)state;
    static const unsigned char eight[] = {128, 192, 64, 0}, wide[] = {0, 0, 0x40, 0, 0, 0xC0};
    static const int16_t stereo[] = {16384, 0, -32768, 16384};
    static const int32_t full[] = {1 << 30, -(1 << 30)};
    static const double doubles[] = {0.25, -0.75};
    const struct {
        unsigned encoding, channels, bits;
        const void *data;
        size_t size;
        float want[4];
        size_t count;
    } cases[] = {{1, 1, 8, eight, 4, {0, 0.5F, -0.5F, -1}, 4},
                 {1, 1, 24, wide, 6, {0.5F, -0.5F}, 2},
                 {1, 2, 16, stereo, 8, {0.25F, -0.25F}, 2},
                 {1, 1, 32, full, 8, {0.5F, -0.5F}, 2},
                 {3, 1, 64, doubles, 16, {0.25F, -0.75F}, 2}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++)
        for (int streamed = 0; streamed < 2; streamed++) { /* the second time with the size of an endless stream */
            ev_buf b = wav(cases[i].encoding, cases[i].channels, 48000, cases[i].bits,
                           streamed ? 0xFFFFFFFF : (uint32_t)cases[i].size, cases[i].data, cases[i].size);
            ev_audio a;
            ev_error err = {0};
            if (ev_audio_decode(&a, b.data, b.size, 0, &err)) fail_msg("case %zu: %s", i, err.message);
            assert_int_equal(a.count, cases[i].count);
            for (size_t k = 0; k < a.count; k++) assert_true(a.samples[k] == cases[i].want[k]);
            ev_audio_free(&a);
            ev_buf_free(&b);
        }
}

static void wavs_that_lie(void **state) {
    (void)state;
    static const unsigned char zeros[64] = {0};
    static const float nan_value[4] = {0, 0, NAN, 0}, huge_value[2] = {0, 1e30F};
    const struct {
        ev_buf file;
        const char *word;
    } cases[] = {{wav(1, 1, 16000, 16, 66, zeros, 64), "cut short: 66 bytes of sound announced, 64 there"},
                 {wav(1, 1, 16000, 16, 0x7FFFEFFF, zeros, 64), "cut short"},
                 {wav(1, 1, 16000, 16, 0, zeros, 0), "holds no sound"},
                 {wav(1, 1, 16000, 12, 64, zeros, 64), "12 bits"},
                 {wav(6, 1, 16000, 8, 64, zeros, 64), "WAV encoding 0x0006"},
                 {wav(0x55, 1, 16000, 16, 64, zeros, 64), "WAV encoding 0x0055"},
                 {wav(1, 1, 7999, 16, 64, zeros, 64), "7999 samples a second"},
                 {wav(1, 1, 192001, 16, 64, zeros, 64), "192001 samples a second"},
                 {wav(1, 0, 16000, 16, 64, zeros, 64), ""},
                 {wav(1, 65535, 16000, 16, 64, zeros, 64), ""},
                 {wav(3, 1, 16000, 32, 16, nan_value, 16), "not a number"},
                 {wav(3, 1, 16000, 32, 8, huge_value, 8), "out of range"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_buf b = cases[i].file;
        expect_refused(b.data, b.size, 0, cases[i].word);
        ev_buf_free(&b);
    }
}

static void too_long_is_refused(void **state) {
    (void)state;
    ev_audio a = tone(16000), b;
    bytes files[2] = {encode(&a, EV_FORMAT_WAV), encode(&a, EV_FORMAT_MP3)};
    for (int i = 0; i < 2; i++) {
        expect_refused(files[i].data, files[i].size, 0.999, "longer than 0.999 s");
        assert_int_equal(ev_audio_decode(&b, files[i].data, files[i].size, 1.0, NULL), EV_OK);
        ev_audio_free(&b);
        free(files[i].data);
    }
    ev_audio_free(&a);
}

/* Cut anywhere, a WAV or MP3 is an error that says so: no shorter voice passes for a whole one. */
static void cut_files_are_refused(void **state) {
    (void)state;
    ev_audio a = tone(16000);
    bytes w = encode(&a, EV_FORMAT_WAV), m = encode(&a, EV_FORMAT_MP3);
    const size_t sound_end = 44 + 2 * 16000; /* behind it stand texts */
    for (size_t n = 12; n < sound_end; n += n < 200 ? 1 : 997)
        expect_refused(w.data, n, 0, n == 36 ? "" : "cut short");
    size_t sound = m.size - 128; /* an ID3v1 tag stands behind */
    assert_memory_equal(m.data + sound, "TAG", 3);
    const unsigned char *second = memmem(m.data + 4, sound - 4, m.data, 2); /* one frame alone may be anything */
    size_t first = (size_t)(second - m.data);
    for (size_t n = 1; n < sound; n++) expect_refused(m.data, n, 0, n < first ? "" : "cut short");
    ev_buf tagged = {0};
    ev_buf_append(&tagged,
                  "ID3\4\0\0\0\0\0\x14"
                  "and a tag before it.\0\0\0",
                  33);
    ev_buf_append(&tagged, m.data, m.size);
    ev_audio b;
    assert_int_equal(ev_audio_decode(&b, tagged.data, tagged.size, 0, NULL), EV_OK);
    assert_int_equal(b.count, 16000);
    ev_audio_free(&b);
    for (size_t n = 10; n < tagged.size - 128; n += 7) expect_refused(tagged.data, n, 0, "cut short");
    memmove(m.data + 2000, m.data + 2100, m.size - 2100); /* 100 bytes missing in the middle */
    expect_refused(m.data, m.size - 100, 0, "damaged");
    ev_buf_free(&tagged);
    free(w.data);
    free(m.data);
    ev_audio_free(&a);
}

/* Changes bytes between the frames' headers, which stay whole, so that only the decoder can see the damage. */
static void spoil(unsigned char *mp3, size_t size, size_t begin, unsigned seed) {
    unsigned char mark[2] = {mp3[0], mp3[1]};
    for (size_t i = begin; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (i + 4 <= size && memcmp(mp3 + i, mark, 2) == 0)
            i += 3;
        else if (seed >> 28 == 0)
            mp3[i] = (unsigned char)(seed >> 20 & 0x7F);
    }
}

/* Nobody but the program may write to its standard error: whatever is printed below lands in a file that must stay
 * empty. Damage inside the frames is heard, or an error; it is never a crash or another length. */
static void damaged_mp3s_are_read_quietly(void **state) {
    (void)state;
    ev_audio a = tone(16000), b;
    bytes m = encode(&a, EV_FORMAT_MP3);
    unsigned char *copy = malloc(m.size);
    size_t sound = m.size - 128, decoded = 0, refused = 0, changed = 0;
    fflush(stderr);
    int before = dup(2), file = open(in_folder("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(before >= 0 && file >= 0 && dup2(file, 2) == 2);
    for (unsigned round = 0; round < 60; round++) {
        memcpy(copy, m.data, m.size);
        spoil(copy, sound, 400, round);
        changed += memcmp(copy, m.data, m.size) != 0;
        ev_error err = {0};
        ev_status status = ev_audio_decode(&b, copy, m.size, 0, &err);
        if (status == EV_OK && b.count == 16000) decoded++;
        if (status == EV_E_AUDIO && strstr(err.message, "is damaged: a sample is not a number, or far out of range"))
            refused++;
        ev_audio_free(&b);
    }
    fflush(stderr);
    off_t printed = lseek(file, 0, SEEK_END);
    dup2(before, 2);
    close(before);
    close(file);
    unlink(in_folder("stderr"));
    assert_int_equal(changed, 60);
    assert_int_equal(printed, 0);
    assert_int_equal(decoded + refused, 60);
    assert_true(decoded > 0);
    free(copy);
    free(m.data);
    ev_audio_free(&a);
}

/* A file that goes on with frames of two channels is not cut to its first part. */
static void mp3s_that_change_are_refused(void **state) {
    (void)state;
    ev_audio a = tone(16000);
    bytes m = encode(&a, EV_FORMAT_MP3);
    ev_buf both = {0};
    size_t sound = m.size - 128, second = 0;
    for (size_t i = sound / 2; second == 0 && i < sound; i++)
        if (memcmp(m.data + i, m.data, 2) == 0 && (m.data[i + 3] & 0xC0) == 0xC0) second = i;
    ev_buf_append(&both, m.data, sound);
    both.data[second + 3] &= 0x3F; /* mono to stereo */
    expect_refused(both.data, both.size, 0, "damaged: no MP3 frame at byte");
    ev_buf_free(&both);
    free(m.data);
    ev_audio_free(&a);
}

/* ---- files ---- */

static void files_are_replaced_whole(void **state) {
    (void)state;
    ev_audio a = tone(16000), b;
    char link[256];
    snprintf(link, sizeof(link), "%s", in_folder("link.wav"));
    assert_int_equal(ev_wav_write(in_folder("a.wav"), &a, NULL), EV_OK);
    assert_int_equal(chmod(in_folder("a.wav"), 0640), 0);
    assert_int_equal(symlink("a.wav", link), 0);
    a.count = 100;
    assert_int_equal(ev_wav_write(link, &a, NULL), EV_OK);
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(in_folder("a.wav"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(ev_audio_read(&b, in_folder("a.wav"), 1, NULL), EV_OK);
    assert_int_equal(b.count, 100);
    assert_int_equal(folder_entries(), 2); /* no temporary file left */
    ev_audio_free(&b);
    unlink(link);
    unlink(in_folder("a.wav"));
    ev_audio_free(&a);
}

static void failures_leave_nothing(void **state) {
    (void)state;
    ev_audio a = tone(16000), b;
    ev_error err;
    assert_int_equal(ev_wav_write("/dev/full", &a, &err), EV_E_IO);
    assert_non_null(strstr(err.message, "'/dev/full': No space left on device"));
    assert_int_equal(ev_wav_write(in_folder("no/such/place.wav"), &a, &err), EV_E_IO);
    assert_int_equal(ev_wav_write(folder, &a, &err), EV_E_IO);
    assert_int_equal(ev_wav_write("", &a, &err), EV_E_IO);
    a.count = 50;
    assert_int_equal(ev_wav_write(in_folder("old.wav"), &a, NULL), EV_OK);
    a.count = 16000;
    /* A file that may not grow beyond 4 KiB fails half-way, as on a full disk. */
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){4096, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    ev_status old_status = ev_wav_write(in_folder("old.wav"), &a, &err);
    ev_status new_status = ev_wav_write(in_folder("new.wav"), &a, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(old_status, EV_E_IO);
    assert_int_equal(new_status, EV_E_IO);
    assert_non_null(strstr(err.message, "File too large"));
    assert_int_equal(folder_entries(), 1);
    assert_int_equal(ev_audio_read(&b, in_folder("old.wav"), 1, NULL), EV_OK); /* what was there still is */
    assert_int_equal(b.count, 50);
    ev_audio_free(&b);
    unlink(in_folder("old.wav"));
    ev_audio_free(&a);
}

static void pipes_are_written_straight(void **state) {
    (void)state;
    ev_audio a = tone(16000), b;
    a.count = 200; /* fits a pipe's buffer */
    int ends[2];
    char path[64];
    unsigned char got[4096];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
    assert_int_equal(ev_wav_write(path, &a, NULL), EV_OK);
    close(ends[1]);
    ssize_t n = read(ends[0], got, sizeof(got));
    close(ends[0]);
    assert_int_equal(ev_audio_decode(&b, got, (size_t)n, 1, NULL), EV_OK);
    assert_int_equal(b.count, 200);
    ev_audio_free(&b);
    ev_audio_free(&a);
}

/* The reader of a named pipe leaves after ten bytes: an error, though SIGPIPE would end the program. */
static void broken_pipes_are_errors(void **state) {
    (void)state;
    ev_audio a = tone(96000); /* more than a pipe holds */
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    signal(SIGPIPE, SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
        char some[10];
        int fd = open(in_folder("pipe"), O_RDONLY);
        _exit(read(fd, some, sizeof(some)) == sizeof(some) ? 0 : 1);
    }
    ev_error err;
    assert_int_equal(ev_wav_write(in_folder("pipe"), &a, &err), EV_E_IO);
    assert_non_null(strstr(err.message, "Broken pipe"));
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    sigset_t pending;
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    unlink(in_folder("pipe"));
    ev_audio_free(&a);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(sixteen_bits_clamp_and_round_to_even),
        cmocka_unit_test(formats_read_back),
        cmocka_unit_test(other_readers_take_our_files),
        cmocka_unit_test(no_sound_at_all),
        cmocka_unit_test(impossible_sound_is_refused),
        cmocka_unit_test(what_is_no_sound),
        cmocka_unit_test(wav_widths_and_channels),
        cmocka_unit_test(wavs_that_lie),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(pipes_are_written_straight),
        cmocka_unit_test(broken_pipes_are_errors),
        cmocka_unit_test(damaged_mp3s_are_read_quietly),
        cmocka_unit_test(mp3s_that_change_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
