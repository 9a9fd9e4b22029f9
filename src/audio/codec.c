/* codec: samples through libsndfile into a buffer. See codec.h. */
#include "audio/codec.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 4096 };

/* rates: what the encoder takes, ascending; NULL: any. */
static const int32_t opus_rates[] = {8000, 12000, 16000, 24000, 48000, 0};
static const int32_t mp3_rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 0};
static const struct {
    int sndfile_format;
    const int32_t *rates;
} codecs[EV_FORMAT_COUNT] = {
    [EV_FORMAT_FLAC] = {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, NULL},
    [EV_FORMAT_OPUS] = {SF_FORMAT_OGG | SF_FORMAT_OPUS, opus_rates},
    [EV_FORMAT_MP3] = {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, mp3_rates},
    [EV_FORMAT_AAC] = {0, mp3_rates}, /* MPEG-4 has the same ones here */
    [EV_FORMAT_ULAW] = {SF_FORMAT_RAW | SF_FORMAT_ULAW, NULL},
    [EV_FORMAT_ALAW] = {SF_FORMAT_RAW | SF_FORMAT_ALAW, NULL},
};

int32_t ev_codec_rate(ev_format format, int32_t rate) {
    assert((size_t)format < EV_ARRAY_COUNT(codecs));
    const int32_t *rates = codecs[format].rates;
    if (!rates) return rate;
    size_t i = 0;
    while (rates[i] < rate && rates[i + 1]) i++;
    return rates[i];
}

/* ---- the file that libsndfile sees ---- */

static sf_count_t sink_length(void *user) { return ((ev_codec *)user)->end; }
static sf_count_t sink_tell(void *user) { return ((ev_codec *)user)->at; }

static sf_count_t sink_seek(sf_count_t offset, int whence, void *user) {
    ev_codec *c = user;
    sf_count_t base = whence == SEEK_CUR ? c->at : whence == SEEK_END ? c->end : 0;
    assert(c->at >= 0 && c->at <= c->end);
    if (offset < -base || offset > c->end - base) return -1;
    return c->at = base + offset;
}

static sf_count_t sink_write(const void *in, sf_count_t count, void *user) {
    ev_codec *c = user;
    if (count <= 0) return 0;
    assert(c->at <= c->end && (!c->whole || c->made.size == (size_t)c->end));
    sf_count_t over = c->end - c->at < count ? c->end - c->at : count; /* bytes that replace earlier ones */
    if (count > over && !ev_buf_append(&c->made, (const unsigned char *)in + over, (size_t)(count - over))) return 0;
    if (c->whole) memcpy(c->made.data + c->at, in, (size_t)over);
    c->at += count;
    c->end += count - over;
    return count;
}

/* ---- settings ---- */

/* A file: names in front of the sound, and nothing that changes from run to run. MP3 gets a variable rate: at a
 * constant one LAME turns the sound down by half a decibel. */
static void prepare_file(SNDFILE *file, ev_format format) {
    sf_set_string(file, SF_STR_SOFTWARE, "emotivoice");
    sf_set_string(file, SF_STR_COMMENT, "synthetic speech");
    if (format != EV_FORMAT_MP3) return;
    int variable = SF_BITRATE_MODE_VARIABLE;
    double compression = 0.2; /* near 60 kbit/s at 16 kHz */
    sf_command(file, SFC_SET_BITRATE_MODE, &variable, sizeof(variable));
    sf_command(file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof(compression));
}

static void bitrate_range(ev_format format, int32_t rate, int *low, int *high) {
    *low = format == EV_FORMAT_OPUS ? 6 : rate >= 32000 ? 32 : 8;
    *high = format == EV_FORMAT_OPUS ? 256 : rate >= 32000 ? 320 : rate >= 16000 ? 160 : 64;
}

/* libsndfile takes a bit rate as a compression from 0 to 1 over the format's range, and cuts MP3's to whole kbit/s:
 * aimed half a step higher it arrives. */
static double compression_of(ev_format format, int kbps, int low, int high) {
    assert(low < high && kbps >= low && kbps <= high);
    double aimed = format == EV_FORMAT_MP3 ? kbps + 0.5 : kbps;
    return fmax((high - aimed) / (high - low), 0);
}

/* A stream: short pages and blocks, so that bytes come soon; a constant rate of MP3, by which players without an Info
 * frame know where they are. Names are written by the encoder. */
static ev_status prepare_stream(SNDFILE *file, ev_format format, int32_t rate, int kbps, ev_error *err) {
    double compression = 0.25, page_ms = 50; /* of FLAC: the highest level with blocks of 1152 samples */
    if (format == EV_FORMAT_ULAW || format == EV_FORMAT_ALAW) return EV_OK;
    if (format != EV_FORMAT_FLAC) {
        int low, high;
        bitrate_range(format, rate, &low, &high);
        if (kbps == 0) kbps = format == EV_FORMAT_OPUS ? 32 : 64;
        if (kbps < low || kbps > high)
            return ev_fail(err, EV_E_ARGUMENT, "bitrate_kbps %d is not in %d to %d, which %s has at %d Hz", kbps, low,
                           high, ev_format_name(format), (int)rate);
        compression = compression_of(format, kbps, low, high);
    }
    int constant = SF_BITRATE_MODE_CONSTANT;
    if (format == EV_FORMAT_MP3) sf_command(file, SFC_SET_BITRATE_MODE, &constant, sizeof(constant));
    if (format == EV_FORMAT_OPUS) sf_command(file, SFC_SET_OGG_PAGE_LATENCY, &page_ms, sizeof(page_ms));
    if (sf_command(file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof(compression)) == SF_TRUE) return EV_OK;
    return ev_fail(err, EV_E_ARGUMENT, "cannot set up %s at %d Hz", ev_format_name(format), (int)rate);
}

ev_status ev_codec_open(ev_codec *c, ev_format format, int32_t rate, int32_t bitrate_kbps, bool whole,
                        ev_error *err) {
    assert((size_t)format < EV_ARRAY_COUNT(codecs) && !c->file && !c->aac);
    SF_VIRTUAL_IO io = {sink_length, sink_seek, NULL, sink_write, sink_tell};
    SF_INFO info = {.samplerate = rate, .channels = 1, .format = codecs[format].sndfile_format};
    c->whole = whole;
    c->shorts = format == EV_FORMAT_FLAC;
    if (format == EV_FORMAT_AAC) return ev_aac_create(&c->aac, rate, bitrate_kbps, err);
    c->file = sf_open_virtual(&io, SFM_WRITE, &info, c);
    if (!c->file)
        return ev_fail(err, EV_E_ARGUMENT, "cannot encode %s at %d Hz: %s", ev_format_name(format), (int)rate,
                       sf_strerror(NULL));
    if (!whole) return prepare_stream(c->file, format, rate, bitrate_kbps, err);
    prepare_file(c->file, format);
    return EV_OK;
}

/* ---- samples ---- */

int16_t ev_sample_int16(float value) {
    if (!(value > -1.0F)) return value <= -1.0F ? -32768 : 0;
    float scaled = value * 32768.0F;
    return (int16_t)(scaled >= 32767.0F ? 32767 : lrintf(scaled));
}

float ev_sample_finite(float value) { return isfinite(value) ? value : 0; }

static bool write_block(ev_codec *c, const float *samples, size_t count) {
    assert(count <= BLOCK);
    float floats[BLOCK];
    short shorts[BLOCK];
    for (size_t i = 0; i < count; i++) {
        shorts[i] = ev_sample_int16(samples[i]);
        floats[i] = fminf(fmaxf(ev_sample_finite(samples[i]), -1), 1);
    }
    sf_count_t n = (sf_count_t)count;
    return (c->shorts ? sf_write_short(c->file, shorts, n) : sf_write_float(c->file, floats, n)) == n;
}

static ev_status write_aac(ev_codec *c, const float *samples, size_t count, ev_error *err) {
    int16_t block[BLOCK];
    ev_status status = EV_OK;
    for (size_t at = 0; at < count && !status; at += BLOCK) {
        const size_t now = count - at < BLOCK ? count - at : BLOCK;
        for (size_t i = 0; i < now; i++) block[i] = ev_sample_int16(samples[at + i]);
        status = ev_aac_write(c->aac, block, now, &c->made, err);
    }
    c->end = (sf_count_t)c->made.size;
    return status;
}

static ev_status failure(const ev_codec *c, ev_error *err) {
    if (c->made.failed) return ev_fail(err, EV_E_MEMORY, "out of memory: encoded sound");
    return ev_fail(err, EV_E_IO, "the encoder failed: %s", sf_strerror(c->file));
}

ev_status ev_codec_write(ev_codec *c, const float *samples, size_t count, ev_error *err) {
    assert(!c->file != !c->aac);
    if (c->aac) {
        ev_status status = write_aac(c, samples, count, err);
        return !status && c->made.failed ? failure(c, err) : status;
    }
    for (size_t at = 0; at < count; at += BLOCK)
        if (!write_block(c, samples + at, count - at < BLOCK ? count - at : BLOCK)) return failure(c, err);
    return c->made.failed ? failure(c, err) : EV_OK;
}

ev_status ev_codec_finish(ev_codec *c, ev_error *err) {
    assert(!c->file != !c->aac);
    if (c->aac) {
        ev_status status = ev_aac_finish(c->aac, &c->made, err);
        return !status && c->made.failed ? failure(c, err) : status;
    }
    bool closed = sf_close(c->file) == 0;
    c->file = NULL;
    return closed && !c->made.failed ? EV_OK : failure(c, err);
}

void ev_codec_free(ev_codec *c) {
    if (c->file) sf_close(c->file);
    ev_aac_free(&c->aac);
    ev_buf_free(&c->made);
}
