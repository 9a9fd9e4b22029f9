/* read: a sound file from an untrusted client to mono float samples. sniff.c has decided what it is and that it is
 * whole; libsndfile decodes WAV, FLAC and Ogg and libmpg123 an MP3, from memory and block by block, so that memory
 * grows with the sound that is really there and never with what a header claims. libsndfile reads MP3 too, but lets
 * libmpg123 print about damaged frames, and a library must not print. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <mpg123.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/audio.h"
#include "audio/sniff.h"

#define FAULT(...) ev_fail(err, EV_E_AUDIO, __VA_ARGS__)

enum {
    RATE_MIN = 8000,
    RATE_MAX = 192000,
    BLOCK_VALUES = 32768,    /* samples of all channels read at once */
    FEED_BYTES = 16384,      /* of an MP3 given to the decoder at once */
    FILE_BYTES_MAX = 1 << 30 /* so that an endless device is not read for ever */
};
static const float SAMPLE_MAX = 1000; /* float files may exceed 1, but 60 dB over full scale is no sound */

/* ---- what both decoders give ---- */

typedef struct mono_sink {
    ev_buf samples;     /* floats */
    int rate, channels; /* of the blocks that come */
    double seconds_max; /* 0: no limit */
    const char *label;  /* names the file in messages */
} mono_sink;

static ev_status check_format(const mono_sink *sink, ev_error *err) {
    if (sink->rate < RATE_MIN || sink->rate > RATE_MAX)
        return FAULT("%s has %d samples a second; 8000 to 192000 are read", sink->label, sink->rate);
    if (sink->channels < 1 || sink->channels > BLOCK_VALUES)
        return FAULT("%s has %d channels", sink->label, sink->channels);
    return EV_OK;
}

/* Mean of the channels. False if a sample is no number or no sound. */
static bool mix(float *mono, const float *block, size_t frames, size_t channels) {
    assert(channels >= 1);
    for (size_t i = 0; i < frames; i++) {
        float sum = 0;
        for (size_t c = 0; c < channels; c++) {
            float value = block[i * channels + c];
            if (!(fabsf(value) <= SAMPLE_MAX)) return false; /* also NaN */
            sum += value;
        }
        mono[i] = sum / (float)channels;
    }
    return true;
}

static ev_status take(mono_sink *sink, const float *block, size_t frames, ev_error *err) {
    assert(sink->channels >= 1 && sink->rate > 0);
    size_t total = sink->samples.size / sizeof(float) + frames;
    if (sink->seconds_max > 0 && (double)total > sink->seconds_max * sink->rate)
        return FAULT("%s is longer than %g s", sink->label, sink->seconds_max);
    float *mono = ev_buf_append(&sink->samples, NULL, frames * sizeof(float));
    if (!mono) return ev_fail(err, EV_E_MEMORY, "out of memory: %s", sink->label);
    if (!mix(mono, block, frames, (size_t)sink->channels))
        return FAULT("%s is damaged: a sample is not a number, or far out of range", sink->label);
    return EV_OK;
}

/* ---- WAV, FLAC, Ogg: libsndfile on a block of memory ---- */

typedef struct memory_file {
    const unsigned char *bytes;
    sf_count_t size, at;
} memory_file;

static sf_count_t memory_length(void *user) { return ((memory_file *)user)->size; }
static sf_count_t memory_tell(void *user) { return ((memory_file *)user)->at; }

static sf_count_t memory_seek(sf_count_t offset, int whence, void *user) {
    memory_file *m = user;
    sf_count_t base = whence == SEEK_CUR ? m->at : whence == SEEK_END ? m->size : 0;
    if (offset < -base || offset > m->size - base) return -1;
    return m->at = base + offset;
}

static sf_count_t memory_read(void *out, sf_count_t count, void *user) {
    memory_file *m = user;
    assert(m->at >= 0 && m->at <= m->size);
    if (count > m->size - m->at) count = m->size - m->at;
    if (count <= 0) return 0;
    memcpy(out, m->bytes + m->at, (size_t)count);
    m->at += count;
    return count;
}

static bool is_of_kind(int format, ev_sound_kind kind) {
    const int major = format & SF_FORMAT_TYPEMASK;
    if (kind == EV_SOUND_WAV) return major == SF_FORMAT_WAV || major == SF_FORMAT_WAVEX;
    return major == (kind == EV_SOUND_FLAC ? SF_FORMAT_FLAC : SF_FORMAT_OGG);
}

/* *announced: samples that the file says it has; what is decoded must not be less. */
static ev_status open_sound(SNDFILE **file, SF_VIRTUAL_IO *io, memory_file *memory, ev_sound_kind kind,
                            mono_sink *sink, sf_count_t *announced, ev_error *err) {
    SF_INFO info = {0};
    *file = sf_open_virtual(io, SFM_READ, &info, memory);
    if (!*file) return FAULT("%s is damaged: %s", sink->label, sf_strerror(NULL));
    if (!is_of_kind(info.format, kind)) return FAULT("%s is not a " EV_SOUND_READ " file", sink->label);
    sink->rate = info.samplerate;
    sink->channels = info.channels;
    *announced = info.frames < SF_COUNT_MAX ? info.frames : 0;
    return check_format(sink, err);
}

static ev_status decode_sound(mono_sink *sink, const ev_sound *sound, float *block, ev_error *err) {
    memory_file memory = {sound->bytes, (sf_count_t)sound->size, 0};
    SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, NULL, memory_tell};
    SNDFILE *file = NULL;
    sf_count_t announced = 0;
    ev_status status = open_sound(&file, &io, &memory, sound->kind, sink, &announced, err);
    sf_count_t n, frames = status ? 0 : BLOCK_VALUES / sink->channels;
    while (!status && (n = sf_readf_float(file, block, frames)) > 0) status = take(sink, block, (size_t)n, err);
    if (!status && sf_error(file)) status = FAULT("%s is damaged: %s", sink->label, sf_strerror(file));
    const sf_count_t count = (sf_count_t)(sink->samples.size / sizeof(float));
    if (!status && sound->kind != EV_SOUND_WAV && count < announced)
        status = FAULT("%s is cut short or damaged: %lld samples announced, %lld there", sink->label,
                       (long long)announced, (long long)count);
    if (file) sf_close(file);
    return status;
}

/* ---- MP3: libmpg123, fed ---- */

/* sniff.c saw every frame: nothing to look ahead for, and nothing of another kind may follow. The Info frame is kept,
 * for it says how much silence the encoder put around the sound. */
static ev_status open_mp3(mpg123_handle **out, const char *label, ev_error *err) {
    int reason = MPG123_OK;
    mpg123_handle *decoder = mpg123_new(NULL, &reason);
    if (!decoder) return ev_fail(err, EV_E_MEMORY, "cannot decode %s: %s", label, mpg123_plain_strerror(reason));
    long flags = MPG123_QUIET | MPG123_NO_FRANKENSTEIN | MPG123_NO_READAHEAD | MPG123_FORCE_FLOAT | MPG123_GAPLESS;
    bool ready = mpg123_param(decoder, MPG123_REMOVE_FLAGS, MPG123_AUTO_RESAMPLE, 0) == MPG123_OK &&
                 mpg123_param(decoder, MPG123_ADD_FLAGS, flags, 0) == MPG123_OK &&
                 mpg123_open_feed(decoder) == MPG123_OK;
    *out = decoder;
    return ready ? EV_OK : ev_fail(err, EV_E_MEMORY, "cannot decode %s: %s", label, mpg123_strerror(decoder));
}

static ev_status take_mp3_format(mono_sink *sink, mpg123_handle *decoder, ev_error *err) {
    long rate = 0;
    int channels = 0, encoding = 0;
    if (mpg123_getformat(decoder, &rate, &channels, &encoding) != MPG123_OK || encoding != MPG123_ENC_FLOAT_32)
        return FAULT("%s is damaged: %s", sink->label, mpg123_strerror(decoder));
    if (sink->rate > 0 && (rate != sink->rate || channels != sink->channels))
        return FAULT("%s is damaged: its frames change their format", sink->label);
    sink->rate = (int)rate;
    sink->channels = channels;
    return check_format(sink, err);
}

/* One answer of the decoder, given `size` more bytes (none: what it still holds). */
static ev_status step_mp3(mono_sink *sink, mpg123_handle *decoder, const unsigned char *bytes, size_t size,
                          float *block, int *answer, ev_error *err) {
    size_t done = 0;
    *answer = mpg123_decode(decoder, bytes, size, block, BLOCK_VALUES * sizeof(float), &done);
    size_t values = done / sizeof(float);
    ev_status status = EV_OK;
    if (values > 0 && sink->channels == 0) return FAULT("%s is damaged: it has sound before its format", sink->label);
    if (values > 0) status = take(sink, block, values / (size_t)sink->channels, err);
    if (!status && *answer == MPG123_NEW_FORMAT) status = take_mp3_format(sink, decoder, err);
    if (!status && *answer == MPG123_ERR) status = FAULT("%s is damaged: %s", sink->label, mpg123_strerror(decoder));
    return status;
}

static ev_status decode_mp3(mono_sink *sink, const ev_sound *sound, float *block, ev_error *err) {
    mpg123_handle *decoder = NULL;
    ev_status status = open_mp3(&decoder, sink->label, err);
    size_t at = 0;
    int answer = MPG123_NEED_MORE;
    while (!status && answer != MPG123_DONE && !(answer == MPG123_NEED_MORE && at == sound->size)) {
        assert(at <= sound->size);
        size_t left = sound->size - at, n = answer != MPG123_NEED_MORE ? 0 : left < FEED_BYTES ? left : FEED_BYTES;
        status = step_mp3(sink, decoder, sound->bytes + at, n, block, &answer, err);
        at += n;
    }
    mpg123_delete(decoder);
    return status;
}

/* ---- decoding ---- */

static ev_status decode(ev_audio *out, const void *bytes, size_t size, double seconds_max, const char *label,
                        ev_error *err) {
    *out = (ev_audio){0};
    ev_sound sound;
    ev_status status = ev_sound_sniff(&sound, bytes, size, label, err);
    if (status) return status;
    mono_sink sink = {.seconds_max = seconds_max, .label = label};
    float *block = malloc(BLOCK_VALUES * sizeof(float));
    if (!block) return ev_fail(err, EV_E_MEMORY, "out of memory: %s", label);
    status =
        sound.kind == EV_SOUND_MP3 ? decode_mp3(&sink, &sound, block, err) : decode_sound(&sink, &sound, block, err);
    free(block);
    if (!status && sink.samples.size == 0) status = FAULT("%s holds no sound", label);
    if (status) {
        ev_buf_free(&sink.samples);
        return status;
    }
    *out = (ev_audio){.samples = (float *)(void *)sink.samples.data,
                      .count = sink.samples.size / sizeof(float),
                      .sample_rate = sink.rate};
    return EV_OK;
}

ev_status ev_audio_decode(ev_audio *out, const void *bytes, size_t size, double seconds_max, ev_error *err) {
    return decode(out, bytes, size, seconds_max, "audio", err);
}

/* ---- files ---- */

static ev_status read_file(ev_buf *b, const char *path, ev_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot open '%.200s': %m", path);
    ev_status status = EV_OK;
    if (!ev_file_read(b, fd, (size_t)FILE_BYTES_MAX + 1))
        status = b->failed ? ev_fail(err, EV_E_MEMORY, "out of memory: '%.200s'", path)
                           : ev_fail(err, EV_E_IO, "cannot read '%.200s': %m", path);
    else if (b->size > FILE_BYTES_MAX)
        status = FAULT("'%.200s' is larger than 1 GiB", path);
    close(fd);
    return status;
}

ev_status ev_audio_read(ev_audio *out, const char *path, double seconds_max, ev_error *err) {
    *out = (ev_audio){0};
    ev_buf b = {0};
    char label[208];
    snprintf(label, sizeof(label), "'%.200s'", path);
    ev_status status = read_file(&b, path, err);
    if (!status) status = decode(out, b.data, b.size, seconds_max, label, err);
    ev_buf_free(&b);
    return status;
}

void ev_audio_free(ev_audio *audio) {
    free(audio->samples);
    free(audio->marks);
    *audio = (ev_audio){0};
}
