/* write: samples to a sound file, in memory and on disk. libsndfile encodes into a growing buffer; the buffer is then
 * written in one go, so that a format's needs (seeking back to the header) and a file's (pipes, full disks) never
 * meet.
 *
 * The same samples give the same bytes: a cache may rely on it. Every format that has room for it says that this is
 * synthetic speech. */
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/audio.h"
#include "audio/files.h"

enum { BLOCK = 4096, RATE_LEAST = 1000, RATE_MOST = 384000 };
static const uint64_t WAV_BYTES_MAX =
    0x7FFFF000; /* sizes in a WAV are 32 bits, and many readers take them as signed */

/* Names first, then other endings that mean the same. rates: what the encoder takes, ascending; NULL: any. */
static const int opus_rates[] = {8000, 12000, 16000, 24000, 48000, 0};
static const int mp3_rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 0};
static const struct {
    const char *names[4];
    int sndfile_format;
    const int *rates;
} formats[EV_FORMAT_COUNT] = {
    [EV_FORMAT_WAV] = {{"wav", "wave"}, SF_FORMAT_WAV | SF_FORMAT_PCM_16, NULL},
    [EV_FORMAT_WAV_FLOAT] = {{"wav-float", "wav_float", "f32"}, SF_FORMAT_WAV | SF_FORMAT_FLOAT, NULL},
    [EV_FORMAT_PCM] = {{"pcm", "raw", "s16"}, 0, NULL},
    [EV_FORMAT_FLAC] = {{"flac"}, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, NULL},
    [EV_FORMAT_OPUS] = {{"opus", "ogg"}, SF_FORMAT_OGG | SF_FORMAT_OPUS, opus_rates},
    [EV_FORMAT_MP3] = {{"mp3"}, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, mp3_rates},
};

ev_status ev_format_parse(const char *name, ev_format *format, ev_error *err) {
    const char *slash = strrchr(name, '/'), *ending = slash ? slash + 1 : name;
    const char *dot = strrchr(ending, '.');
    if (dot) ending = dot + 1;
    for (int f = 0; f < EV_FORMAT_COUNT; f++)
        for (size_t i = 0; i < EV_ARRAY_COUNT(formats[f].names) && formats[f].names[i]; i++) {
            if (strcasecmp(ending, formats[f].names[i]) != 0) continue;
            *format = (ev_format)f;
            return EV_OK;
        }
    return ev_fail(err, EV_E_NOT_FOUND, "no audio format for '%.100s': use wav, wav-float, pcm, flac, opus or mp3",
                   name);
}

/* ---- samples ---- */

/* 16 bits: full scale is 32768 as in every decoder, so +1.0 is clamped to 32767; halves go to even; NaN is silence.
 */
static int16_t to_int16(float value) {
    if (!(value > -1.0F)) return value <= -1.0F ? -32768 : 0;
    float scaled = value * 32768.0F;
    return scaled >= 32767.0F ? 32767 : (int16_t)lrintf(scaled);
}

static float to_finite(float value) { return isfinite(value) ? value : 0; }
static float to_unit(float value) { return fminf(fmaxf(to_finite(value), -1), 1); }

static bool encode_pcm(ev_buf *b, const float *samples, size_t count) {
    unsigned char *out = count <= SIZE_MAX / 4 ? ev_buf_append(b, NULL, 2 * count) : NULL;
    if (!out) return false;
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = (uint16_t)to_int16(samples[i]);
        out[2 * i] = (unsigned char)bits;
        out[2 * i + 1] = (unsigned char)(bits >> 8);
    }
    return true;
}

/* ---- libsndfile into a buffer ---- */

typedef struct memory_sink {
    ev_buf buf;
    sf_count_t at;
} memory_sink;

static sf_count_t sink_length(void *user) { return (sf_count_t)((memory_sink *)user)->buf.size; }
static sf_count_t sink_tell(void *user) { return ((memory_sink *)user)->at; }

static sf_count_t sink_seek(sf_count_t offset, int whence, void *user) {
    memory_sink *m = user;
    sf_count_t size = (sf_count_t)m->buf.size, base = whence == SEEK_CUR ? m->at : whence == SEEK_END ? size : 0;
    if (offset < -base || offset > size - base) return -1;
    return m->at = base + offset;
}

static sf_count_t sink_read(void *out, sf_count_t count, void *user) {
    memory_sink *m = user;
    sf_count_t left = (sf_count_t)m->buf.size - m->at;
    if (count > left) count = left;
    if (count <= 0) return 0;
    memcpy(out, m->buf.data + m->at, (size_t)count);
    m->at += count;
    return count;
}

static sf_count_t sink_write(const void *in, sf_count_t count, void *user) {
    memory_sink *m = user;
    if (count <= 0) return 0;
    size_t end = (size_t)m->at + (size_t)count;
    if (end > m->buf.size && !ev_buf_append(&m->buf, NULL, end - m->buf.size)) return 0;
    memcpy(m->buf.data + m->at, in, (size_t)count);
    m->at += count;
    return count;
}

/* Before the first sample: strings go in front of the sound, and nothing that changes from run to run goes in. */
static void prepare(SNDFILE *file, ev_format format) {
    sf_set_string(file, SF_STR_SOFTWARE, "emotivoice");
    sf_set_string(file, SF_STR_COMMENT, "synthetic speech");
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it carries the time of writing */
    if (format == EV_FORMAT_MP3) { /* variable rate: at a constant one LAME turns the sound down by half a decibel */
        int variable = SF_BITRATE_MODE_VARIABLE;
        double compression = 0.2; /* near 60 kbit/s at 16 kHz */
        sf_command(file, SFC_SET_BITRATE_MODE, &variable, sizeof(variable));
        sf_command(file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof(compression));
    }
}

static bool write_samples(SNDFILE *file, ev_format format, const float *samples, size_t count) {
    float floats[BLOCK];
    short shorts[BLOCK];
    bool pcm = format == EV_FORMAT_WAV || format == EV_FORMAT_FLAC;
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        for (size_t i = 0; i < n; i++) {
            float value = samples[at + i];
            shorts[i] = to_int16(value);
            floats[i] = format == EV_FORMAT_WAV_FLOAT ? to_finite(value) : to_unit(value);
        }
        sf_count_t done =
            pcm ? sf_write_short(file, shorts, (sf_count_t)n) : sf_write_float(file, floats, (sf_count_t)n);
        if (done != (sf_count_t)n) return false;
    }
    return true;
}

static ev_status encode_file(memory_sink *sink, const float *samples, size_t count, int rate, ev_format format,
                             ev_error *err) {
    SF_VIRTUAL_IO io = {sink_length, sink_seek, sink_read, sink_write, sink_tell};
    SF_INFO info = {.samplerate = rate, .channels = 1, .format = formats[format].sndfile_format};
    SNDFILE *file = sf_open_virtual(&io, SFM_WRITE, &info, sink);
    if (!file)
        return ev_fail(err, EV_E_ARGUMENT, "cannot encode %s at %d Hz: %s", formats[format].names[0], rate,
                       sf_strerror(NULL));
    prepare(file, format);
    bool written = write_samples(file, format, samples, count);
    bool closed = sf_close(file) == 0;
    if (sink->buf.failed)
        return ev_fail(err, EV_E_MEMORY, "out of memory: %s of %zu samples", formats[format].names[0], count);
    if (count == 0 && sink->buf.size == 0)
        return ev_fail(err, EV_E_ARGUMENT, "there is no %s of no sound", formats[format].names[0]);
    if (!written || !closed) return ev_fail(err, EV_E_IO, "cannot encode %s", formats[format].names[0]);
    return EV_OK;
}

/* The lowest rate of the encoder that keeps all of the sound, else its highest. */
static int encoder_rate(int rate, const int *rates) {
    if (!rates) return rate;
    size_t i = 0;
    while (rates[i] < rate && rates[i + 1]) i++;
    return rates[i];
}

static ev_status check(const ev_audio *audio, ev_format format, ev_error *err) {
    if ((int)format < 0 || format >= EV_FORMAT_COUNT)
        return ev_fail(err, EV_E_ARGUMENT, "audio format %d does not exist", (int)format);
    if (!audio->samples && audio->count > 0) return ev_fail(err, EV_E_ARGUMENT, "audio has no samples");
    if (audio->sample_rate < RATE_LEAST || audio->sample_rate > RATE_MOST)
        return ev_fail(err, EV_E_ARGUMENT, "sample rate %d Hz is not in 1000 to 384000", audio->sample_rate);
    size_t width = format == EV_FORMAT_WAV_FLOAT ? 4 : 2;
    if (format != EV_FORMAT_PCM && audio->count > (WAV_BYTES_MAX - BLOCK) / width)
        return ev_fail(err, EV_E_LIMIT, "%zu samples do not fit into one file", audio->count);
    return EV_OK;
}

ev_status ev_audio_encode(const ev_audio *audio, ev_format format, void **bytes, size_t *size, ev_error *err) {
    ev_status status = check(audio, format, err);
    if (status) return status;
    memory_sink sink = {0};
    const float *samples = audio->samples;
    size_t count = audio->count;
    float *converted = NULL;
    int rate = encoder_rate(audio->sample_rate, formats[format].rates);
    if (rate != audio->sample_rate) {
        status = ev_resample(samples, count, audio->sample_rate, rate, &converted, &count, err);
        samples = converted;
    }
    if (!status && format == EV_FORMAT_PCM) {
        if (!encode_pcm(&sink.buf, samples, count))
            status = ev_fail(err, EV_E_MEMORY, "out of memory: %zu samples", count);
    } else if (!status) {
        status = encode_file(&sink, samples, count, rate, format, err);
        if (!status && format == EV_FORMAT_OPUS) ev_ogg_fix_serial(sink.buf.data, sink.buf.size);
    }
    free(converted);
    if (status) {
        ev_buf_free(&sink.buf);
        return status;
    }
    *bytes = sink.buf.data;
    *size = sink.buf.size;
    return EV_OK;
}

void ev_bytes_free(void **bytes) {
    free(*bytes);
    *bytes = NULL;
}

/* ---- to disk ---- */

ev_status ev_audio_write(const char *path, const ev_audio *audio, ev_format format, ev_error *err) {
    void *bytes = NULL;
    size_t size = 0;
    ev_status status = ev_audio_encode(audio, format, &bytes, &size, err);
    if (!status) status = ev_file_write(path, bytes, size, err);
    ev_bytes_free(&bytes);
    return status;
}

ev_status ev_wav_write(const char *path, const ev_audio *audio, ev_error *err) {
    return ev_audio_write(path, audio, EV_FORMAT_WAV, err);
}
