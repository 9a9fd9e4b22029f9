/* Tests of what is done to samples before they are encoded: cut, volume, rate; of G.711 and AAC; and of loudness. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "audio/audio.h"

enum { RATE = 24000, COUNT = RATE, PAD = RATE / 50 };
#define TURN 6.283185307179586

/* A tone of 997 Hz. */
static void tone(float *out, size_t count, double rate, double size) {
    for (size_t i = 0; i < count; i++) out[i] = (float)(size * sin(TURN * 997 * (double)i / rate));
}

/* The bytes of samples written in pieces of that size. */
static ev_buf encode(ev_format format, const ev_encoder_options *o, const float *samples, size_t count,
                     size_t piece) {
    ev_encoder *e = NULL;
    ev_error err = {0};
    ev_buf all = {0};
    const void *bytes;
    size_t size;
    if (ev_encoder_create(&e, format, RATE, o, &err)) fail_msg("%s", err.message);
    const uint64_t promised = ev_encoder_size(e);
    for (size_t at = 0; at < count; at += piece) {
        const size_t now = piece < count - at ? piece : count - at;
        if (ev_encoder_write(e, samples + at, now, &bytes, &size, &err)) fail_msg("%s", err.message);
        ev_buf_append(&all, bytes ? bytes : "", size);
        /* nothing is said to be kept before it is known to be */
        if (format == EV_FORMAT_PCM && !o->file_rate) assert_int_equal(ev_encoder_kept(e), all.size / 2);
    }
    if (ev_encoder_finish(e, &bytes, &size, &err)) fail_msg("%s", err.message);
    ev_buf_append(&all, bytes ? bytes : "", size);
    assert_in_range(ev_encoder_skipped(e) + ev_encoder_kept(e), 0, count);
    if (format == EV_FORMAT_PCM && !o->file_rate) assert_int_equal(ev_encoder_kept(e), all.size / 2);
    ev_encoder_free(&e);
    if (promised) assert_int_equal(promised, all.size);
    return all;
}

static int16_t at(const ev_buf *pcm, size_t i) { return (int16_t)(pcm->data[2 * i] | pcm->data[2 * i + 1] << 8); }

/* Half a second of silence, one of tone, half a second of silence. */
static float *with_silence(size_t *count) {
    *count = 2 * COUNT;
    float *samples = calloc(*count, sizeof(float));
    tone(samples + COUNT / 2, COUNT, RATE, 0.5);
    return samples;
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    static const int32_t rates[] = {8000, 11025, 16000, 22050, 24000, 44100, 48000};
    static const size_t pieces[] = {1, 7, 2400, 4097, 2 * COUNT};
    size_t count;
    float *samples = with_silence(&count);
    for (size_t r = 0; r < EV_ARRAY_COUNT(rates); r++) {
        ev_encoder_options o;
        ev_encoder_options_init(&o);
        o.file_rate = rates[r];
        o.volume_db = 7;
        o.trim_silence = 1;
        ev_buf first = encode(EV_FORMAT_PCM, &o, samples, count, pieces[0]);
        for (size_t p = 1; p < EV_ARRAY_COUNT(pieces); p++) {
            ev_buf other = encode(EV_FORMAT_PCM, &o, samples, count, pieces[p]);
            assert_int_equal(other.size, first.size);
            assert_memory_equal(other.data, first.data, first.size);
            ev_buf_free(&other);
        }
        ev_buf_free(&first);
    }
    free(samples);
}

/* A tone converted is the tone that would have been made at that rate; all files of a known length keep it. */
static void rates_keep_the_sound(void **state) {
    (void)state;
    static const int32_t rates[] = {8000, 11025, 16000, 22050, 32000, 44100, 48000};
    static float in[COUNT], want[48000];
    tone(in, COUNT, RATE, 0.5);
    for (size_t r = 0; r < EV_ARRAY_COUNT(rates); r++) {
        ev_encoder_options o;
        ev_encoder_options_init(&o);
        o.file_rate = rates[r];
        o.known_count = COUNT;
        ev_buf pcm = encode(EV_FORMAT_PCM, &o, in, COUNT, 2400), wav = encode(EV_FORMAT_WAV, &o, in, COUNT, 2400);
        assert_int_equal(pcm.size, 2 * rates[r]); /* a second */
        assert_memory_equal(wav.data + 44, pcm.data, pcm.size);
        tone(want, (size_t)rates[r], rates[r], 0.5);
        for (int i = rates[r] / 10; i < rates[r] * 9 / 10; i++)
            if (fabs(at(&pcm, (size_t)i) / 32768.0 - (double)want[i]) > 1e-3)
                fail_msg("%d Hz, sample %d", rates[r], i);
        ev_buf_free(&pcm);
        ev_buf_free(&wav);
    }
}

static void silence_is_cut_to_its_margins(void **state) {
    (void)state;
    size_t count;
    float *samples = with_silence(&count);
    ev_encoder_options o;
    ev_encoder_options_init(&o);
    o.trim_silence = 1;
    ev_buf pcm = encode(EV_FORMAT_PCM, &o, samples, count, 1000);
    /* the tone crosses zero now and then: its first and last samples may be silence themselves */
    assert_in_range(pcm.size / 2, COUNT + 2 * PAD - 4, COUNT + 2 * PAD);
    memset(samples, 0, count * sizeof(float));
    ev_buf none = encode(EV_FORMAT_PCM, &o, samples, count, 1000);
    assert_int_equal(none.size, 2 * PAD);
    ev_buf_free(&pcm);
    ev_buf_free(&none);
    free(samples);
}

/* A whole sound becomes what the pieces become, as loud as asked for, and its marks stay with their sounds. */
static void whole_sounds_are_shaped(void **state) {
    (void)state;
    ev_audio a = {.sample_rate = RATE, .mark_count = 1, .marks = calloc(1, sizeof(ev_mark))};
    a.samples = with_silence(&a.count);
    a.marks[0].sample_begin = COUNT / 2;
    a.marks[0].sample_end = COUNT + COUNT / 2;
    const ev_shape_request louder = {.normalize = 1}, shorter = {.rate = 2 * RATE, .trim_silence = 1};
    assert_int_equal(ev_audio_shape(&a, &louder, NULL), EV_OK);
    assert_int_equal(a.count, 2 * COUNT);
    ev_loudness *l = NULL;
    assert_int_equal(ev_loudness_create(&l, a.sample_rate, NULL), EV_OK);
    assert_int_equal(ev_loudness_add(l, a.samples, a.count, NULL), EV_OK);
    assert_true(fabs(ev_loudness_lufs(l) - -20) < 0.2);
    ev_loudness_free(&l);
    assert_int_equal(ev_audio_shape(&a, &shorter, NULL), EV_OK);
    assert_int_equal(a.sample_rate, 2 * RATE);
    assert_in_range(a.marks[0].sample_begin, 2 * (PAD - 2), 2 * PAD);
    assert_in_range(a.marks[0].sample_end, 2 * (COUNT + PAD - 4), 2 * (COUNT + PAD));
    ev_audio_free(&a);
}

static void volume_is_decibels_and_never_clips(void **state) {
    (void)state;
    static float in[COUNT];
    tone(in, COUNT, RATE, 0.25);
    ev_encoder_options o;
    ev_encoder_options_init(&o);
    o.volume_db = -20;
    ev_buf soft = encode(EV_FORMAT_PCM, &o, in, COUNT, 777);
    o.volume_db = 20;
    ev_buf loud = encode(EV_FORMAT_PCM, &o, in, COUNT, 777);
    int most = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(fabs(at(&soft, i) / 32768.0 - (double)in[i] / 10) < 2.0 / 32768);
        if (fabsf(in[i]) < 0.06F) assert_true(fabs(at(&loud, i) / 32768.0 - (double)in[i] * 10) < 2.0 / 32768);
        if (abs(at(&loud, i)) > most) most = abs(at(&loud, i));
    }
    assert_in_range(most, 32000, 32768);
    ev_buf_free(&soft);
    ev_buf_free(&loud);
}

/* By the tables of ITU-T G.711: zero, and the ends of the scale. */
static void g711_is_the_standards(void **state) {
    (void)state;
    static const float in[] = {0, 1, -1};
    ev_encoder_options o;
    ev_encoder_options_init(&o);
    ev_buf u = encode(EV_FORMAT_ULAW, &o, in, 3, 1), a = encode(EV_FORMAT_ALAW, &o, in, 3, 1);
    assert_memory_equal(u.data, "\xff\x80\x00", 3);
    assert_memory_equal(a.data, "\xd5\xaa\x2a", 3);
    assert_int_equal(ev_format_rate(EV_FORMAT_ULAW, RATE, 0), 8000);
    assert_int_equal(ev_format_rate(EV_FORMAT_ALAW, RATE, 16000), 16000);
    ev_buf_free(&u);
    ev_buf_free(&a);
}

/* ISO/IEC 13818-7: syncword, layer 0, one channel, the index of the rate; frames of 1024 samples, one behind the
 * other. */
static void aac_is_frames_of_adts(void **state) {
    (void)state;
    static const struct {
        int32_t rate;
        unsigned index;
    } rates[] = {{8000, 11}, {16000, 8}, {22050, 7}, {24000, 6}, {44100, 4}, {48000, 3}};
    static float in[COUNT];
    tone(in, COUNT, RATE, 0.5);
    for (size_t r = 0; r < EV_ARRAY_COUNT(rates); r++) {
        ev_encoder_options o;
        ev_encoder_options_init(&o);
        o.file_rate = rates[r].rate;
        ev_buf b = encode(EV_FORMAT_AAC, &o, in, COUNT, 500);
        size_t frames = 0, i = 0;
        for (; i + 7 <= b.size; frames++) {
            const unsigned char *h = b.data + i;
            assert_true(h[0] == 0xff && (h[1] & 0xf6) == 0xf0);
            assert_int_equal(h[2] >> 2 & 15, rates[r].index);
            assert_int_equal((h[2] & 1) << 2 | h[3] >> 6, 1);
            i += (size_t)(h[3] & 3) << 11 | (size_t)h[4] << 3 | h[5] >> 5;
        }
        assert_int_equal(i, b.size);
        const size_t full = ((size_t)rates[r].rate + 1023) / 1024;
        assert_in_range(frames, full, full + 2);
        ev_buf_free(&b);
    }
}

/* EBU Tech 3341, case 1 and 2: a stereo sine of 997 Hz at -23 dBFS is -23 LUFS; on one channel alone, 3 LU less. */
static void loudness_is_the_standards(void **state) {
    (void)state;
    static float in[48000];
    ev_loudness *l = NULL;
    assert_int_equal(ev_loudness_create(&l, 48000, NULL), EV_OK);
    assert_true(isinf(ev_loudness_lufs(l)));
    tone(in, 48000, 48000, pow(10, -23.0 / 20));
    for (int s = 0; s < 20; s++) assert_int_equal(ev_loudness_add(l, in, 48000, NULL), EV_OK);
    assert_true(fabs(ev_loudness_lufs(l) - -26.01) < 0.1);
    assert_true(fabs(ev_loudness_peak_db(l) - -23) < 0.05);
    ev_loudness_free(&l);
    assert_null(l);
    assert_int_equal(ev_loudness_create(&l, 1000, NULL), EV_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(rates_keep_the_sound),
        cmocka_unit_test(silence_is_cut_to_its_margins),
        cmocka_unit_test(whole_sounds_are_shaped),
        cmocka_unit_test(volume_is_decibels_and_never_clips),
        cmocka_unit_test(g711_is_the_standards),
        cmocka_unit_test(aac_is_frames_of_adts),
        cmocka_unit_test(loudness_is_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
