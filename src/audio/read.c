/* read: a sound file from a stranger to mono float samples. sniff.c has decided what it is and that it is whole;
 * libsndfile decodes it from memory, block by block, so that memory grows with the sound that is really there and
 * never with what a header claims. */
#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "audio/sniff.h"

#define FAULT(...) ev_fail(err, EV_E_AUDIO, __VA_ARGS__)

enum {
    RATE_MIN = 8000,
    RATE_MAX = 192000,
    BLOCK_VALUES = 32768,    /* samples of all channels read at once */
    FILE_BYTES_MAX = 1 << 30 /* so that an endless device is not read for ever */
};
static const float SAMPLE_MAX = 1000; /* float files may exceed 1, but 60 dB over full scale is no sound */

/* ---- libsndfile on a block of memory ---- */

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
    if (count > m->size - m->at) count = m->size - m->at;
    if (count <= 0) return 0;
    memcpy(out, m->bytes + m->at, (size_t)count);
    m->at += count;
    return count;
}

/* ---- decoding ---- */

/* Mean of the channels, appended to b. False if a sample is no number or no sound. */
static bool append_mono(ev_buf *b, const float *block, size_t frames, size_t channels) {
    float *mono = ev_buf_append(b, NULL, frames * sizeof(float));
    if (!mono) return true; /* b->failed tells */
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

static ev_status read_samples(ev_buf *b, SNDFILE *file, const SF_INFO *info, double seconds_max, const char *label,
                              ev_error *err) {
    size_t channels = (size_t)info->channels, block_frames = BLOCK_VALUES / channels, total = 0;
    double frames_max = seconds_max > 0 ? seconds_max * info->samplerate : INFINITY;
    float *block = malloc(block_frames * channels * sizeof(float));
    if (!block) return ev_fail(err, EV_E_MEMORY, "out of memory: %s", label);
    ev_status status = EV_OK;
    sf_count_t n;
    while (!status && (n = sf_readf_float(file, block, (sf_count_t)block_frames)) > 0) {
        total += (size_t)n;
        if ((double)total > frames_max)
            status = FAULT("%s is longer than %g s", label, seconds_max);
        else if (!append_mono(b, block, (size_t)n, channels))
            status = FAULT("%s is damaged: a sample is not a number, or far out of range", label);
        else if (b->failed)
            status = ev_fail(err, EV_E_MEMORY, "out of memory: %s", label);
    }
    free(block);
    if (!status && sf_error(file)) status = FAULT("%s is damaged: %s", label, sf_strerror(file));
    if (!status && total == 0) status = FAULT("%s holds no sound", label);
    return status;
}

static ev_status check_info(const SF_INFO *info, ev_sound_kind kind, const char *label, ev_error *err) {
    int major = info->format & SF_FORMAT_TYPEMASK;
    bool expected =
        kind == EV_SOUND_MP3 ? major == SF_FORMAT_MPEG : major == SF_FORMAT_WAV || major == SF_FORMAT_WAVEX;
    if (!expected) return FAULT("%s is not a WAV or MP3 file", label);
    if (info->samplerate < RATE_MIN || info->samplerate > RATE_MAX)
        return FAULT("%s has %d samples a second; 8000 to 192000 are read", label, info->samplerate);
    if (info->channels < 1 || info->channels > BLOCK_VALUES)
        return FAULT("%s has %d channels", label, info->channels);
    return EV_OK;
}

static ev_status decode(ev_audio *out, const void *bytes, size_t size, double seconds_max, const char *label,
                        ev_error *err) {
    *out = (ev_audio){0};
    ev_sound sound;
    ev_status status = ev_sound_sniff(&sound, bytes, size, label, err);
    if (status) return status;
    memory_file memory = {sound.bytes, (sf_count_t)sound.size, 0};
    SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, NULL, memory_tell};
    SF_INFO info = {0};
    SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &memory);
    if (!file) return FAULT("%s is damaged: %s", label, sf_strerror(NULL));
    ev_buf b = {0};
    status = check_info(&info, sound.kind, label, err);
    if (!status) status = read_samples(&b, file, &info, seconds_max, label, err);
    sf_close(file);
    if (status) {
        ev_buf_free(&b);
        return status;
    }
    *out = (ev_audio){
        .samples = (float *)(void *)b.data, .count = b.size / sizeof(float), .sample_rate = info.samplerate};
    return EV_OK;
}

ev_status ev_audio_decode(ev_audio *out, const void *bytes, size_t size, double seconds_max, ev_error *err) {
    return decode(out, bytes, size, seconds_max, "audio", err);
}

/* ---- files ---- */

static ev_status read_file(ev_buf *b, const char *path, ev_error *err) {
    FILE *file = fopen(path, "rbe");
    if (!file) return ev_fail(err, EV_E_IO, "cannot open '%.200s': %m", path);
    unsigned char block[65536];
    size_t n;
    ev_status status = EV_OK;
    while (!status && (n = fread(block, 1, sizeof(block), file)) > 0) {
        if (n > (size_t)FILE_BYTES_MAX - b->size)
            status = FAULT("'%.200s' is larger than 1 GiB", path);
        else if (!ev_buf_append(b, block, n))
            status = ev_fail(err, EV_E_MEMORY, "out of memory: '%.200s'", path);
    }
    if (!status && ferror(file)) status = ev_fail(err, EV_E_IO, "cannot read '%.200s': %m", path);
    fclose(file);
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
