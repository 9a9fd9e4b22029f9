/* Tests of the compressed kinds of recordings: read to the last sample, refused where they are cut, damaged or two in
 * one, and named where they are not read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ogg/ogg.h>
#include <sndfile.h>
#include <cmocka.h>

#include "audio/audio.h"

enum { RATE = 24000, SECONDS = 2, CHANNELS = 2 };

/* ---- a file by libsndfile, into memory ---- */

typedef struct file {
    ev_buf bytes;
    sf_count_t at;
} file;

static sf_count_t length_of(void *user) { return (sf_count_t)((file *)user)->bytes.size; }
static sf_count_t tell(void *user) { return ((file *)user)->at; }

static sf_count_t seek(sf_count_t offset, int whence, void *user) {
    file *f = user;
    const sf_count_t base = whence == SEEK_CUR ? f->at : whence == SEEK_END ? (sf_count_t)f->bytes.size : 0;
    return f->at = base + offset;
}

static sf_count_t write_bytes(const void *bytes, sf_count_t count, void *user) {
    file *f = user;
    const size_t end = (size_t)(f->at + count);
    if (end > f->bytes.size) assert_non_null(ev_buf_append(&f->bytes, NULL, end - f->bytes.size));
    memcpy(f->bytes.data + f->at, bytes, (size_t)count);
    f->at += count;
    return count;
}

static float sample(size_t i) { return 0.4F * sinf(0.2F * (float)i) * (float)(i % RATE) / RATE; }

static ev_buf stereo_file(int format) {
    file f = {0};
    SF_VIRTUAL_IO io = {length_of, seek, NULL, write_bytes, tell};
    SF_INFO info = {.samplerate = RATE, .channels = CHANNELS, .format = format};
    SNDFILE *out = sf_open_virtual(&io, SFM_WRITE, &info, &f);
    assert_non_null(out);
    for (size_t i = 0; i < RATE * SECONDS; i++) {
        const float frame[CHANNELS] = {2 * sample(i), 0};
        assert_int_equal(sf_writef_float(out, frame, 1), 1);
    }
    sf_close(out);
    return f.bytes;
}

static const struct kind_row {
    const char *kind;
    int format;
    double error; /* root mean square, of a sound whose own is 0.16 */
} rows[] = {{"flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1.0 / 32768},
            {"vorbis", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0.03},
            {"opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 0.03}};

static void expect_refused(const void *data, size_t size, ev_status status, const char *word) {
    ev_audio a;
    ev_error err = {0};
    assert_int_equal(ev_audio_decode(&a, data, size, 30, &err), status);
    assert_null(a.samples);
    if (!strstr(err.message, word)) fail_msg("'%s' has no '%s'", err.message, word);
}

/* ---- */

static void kinds_are_read(void **state) {
    (void)state;
    for (size_t r = 0; r < EV_ARRAY_COUNT(rows); r++) {
        ev_buf f = stereo_file(rows[r].format);
        ev_audio a;
        ev_error err = {0};
        double error = 0;
        assert_string_equal(ev_audio_kind(f.data, f.size), rows[r].kind);
        if (ev_audio_decode(&a, f.data, f.size, SECONDS, &err)) fail_msg("%s: %s", rows[r].kind, err.message);
        assert_int_equal(a.count, RATE * SECONDS);
        assert_int_equal(a.sample_rate, RATE);
        for (size_t i = 0; i < a.count; i++) error += pow((double)a.samples[i] - (double)sample(i), 2);
        assert_true(sqrt(error / (double)a.count) < rows[r].error);
        ev_audio_free(&a);
        assert_int_equal(ev_audio_decode(&a, f.data, f.size, SECONDS - 0.01, &err), EV_E_AUDIO);
        assert_non_null(strstr(err.message, "longer than 1.99 s"));
        ev_buf_free(&f);
    }
}

static void cut_ones_are_refused(void **state) {
    (void)state;
    for (size_t r = 0; r < EV_ARRAY_COUNT(rows); r++) {
        ev_buf f = stereo_file(rows[r].format);
        for (size_t n = 40; n < f.size; n += n < 200 ? 9 : 997) expect_refused(f.data, n, EV_E_AUDIO, "");
        expect_refused(f.data, f.size / 2, EV_E_AUDIO, rows[r].format & SF_FORMAT_OGG ? "cut short" : "");
        expect_refused(f.data, f.size - 1, EV_E_AUDIO, "");
        ev_buf_free(&f);
    }
}

/* Where the last page but `back` of an Ogg file begins. */
static size_t page_begin(const ev_buf *f, int back) {
    size_t found = 0;
    for (size_t at = f->size - 4; at > 0; at--) {
        if (memcmp(f->data + at, "OggS", 4) == 0 && back-- == 0) {
            found = at;
            break;
        }
    }
    assert_true(found > 0);
    return found;
}

static void damaged_and_double_ones_are_refused(void **state) {
    (void)state;
    for (size_t r = 1; r < EV_ARRAY_COUNT(rows); r++) {
        ev_buf f = stereo_file(rows[r].format), twice = {0}, holed = {0};
        f.data[f.size / 2] ^= 1; /* a page's sum is wrong */
        expect_refused(f.data, f.size, EV_E_AUDIO, "damaged: no whole Ogg page");
        f.data[f.size / 2] ^= 1;
        ev_buf_append(&twice, f.data, f.size);
        ev_buf_append(&twice, f.data, f.size);
        expect_refused(twice.data, twice.size, EV_E_AUDIO, "several streams");
        const size_t last = page_begin(&f, 0), before = page_begin(&f, 1);
        ev_buf_append(&holed, f.data, before);
        ev_buf_append(&holed, f.data + last, f.size - last);
        expect_refused(holed.data, holed.size, EV_E_AUDIO, "is missing");
        ev_buf_free(&f);
        ev_buf_free(&twice);
        ev_buf_free(&holed);
    }
}

static void others_are_named(void **state) {
    (void)state;
    static const struct {
        const char *kind, *bytes;
        size_t size;
        const char *word;
    } others[] = {
        {"m4a",
         "\0\0\0\x20"
         "ftypM4A \0\0\0\0",
         16, "an MP4 or M4A file, which is not read here: save it as WAV, MP3, FLAC"},
        {"m4a",
         "\0\0\0\x1C"
         "ftypisom\0\0\2\0",
         16, "MP4"},
        {"webm", "\x1A\x45\xDF\xA3\x9F\x42\x86\x81\1", 9, "a WebM or Matroska file"},
        {"aac", "\xFF\xF1\x50\x80\x02\x1F\xFC", 7, "an AAC file"},
        {"aac", "\xFF\xF9\x50\x80\x02\x1F\xFC", 7, "an AAC file"},
        {"aiff", "FORM\0\0\0\4AIFF", 12, "'aiff'"},
        {"amr", "#!AMR\nxx", 8, "'amr'"},
        {"ogg", "OggS\0\2\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\x50Speex   1.2", 40, "'ogg'"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(others); i++) {
        assert_string_equal(ev_audio_kind(others[i].bytes, others[i].size), others[i].kind);
        expect_refused(others[i].bytes, others[i].size, EV_E_FORMAT, others[i].word);
    }
    assert_null(ev_audio_kind("Dear diary, today", 17));
    assert_null(ev_audio_kind("RIFF\0\0\0\0AVI LIST", 16));
    assert_null(ev_audio_kind("XXXX\0\0\0\0WAVE", 12));
    assert_null(ev_audio_kind("\xFF\xFB", 1));
    assert_string_equal(ev_audio_kind("\xFF\xFB", 2), "mp3");
    assert_null(ev_audio_kind("", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_are_read), cmocka_unit_test(cut_ones_are_refused),
                                       cmocka_unit_test(damaged_and_double_ones_are_refused),
                                       cmocka_unit_test(others_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
