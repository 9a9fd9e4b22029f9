/* encoder: sound to the bytes of a format, in pieces. WAV and PCM are written here; the others come from codec.c, and
 * what stands in front of their sound is rewritten here, because libsndfile cannot name texts freely.
 *
 *   samples -> shape.c -> ev_codec_write -> codec.made -> begin() rewrites the head, once -> out -> the caller
 *
 * Pieces of any size, joined, are the same bytes. */
#include "audio/encoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audio/codec.h"
#include "audio/files.h"
#include "audio/label.h"
#include "audio/shape.h"
#include "audio/sniff.h"

enum { RATE_LEAST = 1000, RATE_MOST = 384000, HEAD_BYTES_MAX = 4096 };
/* Sizes in a WAV are 32 bits, and many readers take them as signed. */
static const uint64_t FILE_BYTES_MAX = 0x7FFFF000 - HEAD_BYTES_MAX;
/* A size that nobody knows yet: what sox writes and takes for it, and still a positive number where readers sign it.
 */
static const uint32_t UNKNOWN_BYTES = 0x7FFFF000;

struct ev_encoder {
    ev_format format;
    int32_t rate;    /* of the file */
    ev_shape *shape; /* NULL: samples go in as they come */
    ev_buf shaped;   /* floats of this call */
    bool trims;
    uint64_t announced, given; /* samples of the sound; announced 0: not known */
    bool whole;                /* a file: bytes stay in out until they are taken */
    bool counted;              /* `count` is how many samples there will be */
    bool begun;                /* the head is written */
    bool finished, broken;
    uint64_t count, written;
    ev_buf record; /* empty: none */
    ev_buf out;    /* bytes for the caller */
    ev_codec codec;
};

/* ---- WAV and PCM ---- */

static bool is_wav(ev_format format) { return format == EV_FORMAT_WAV || format == EV_FORMAT_WAV_FLOAT; }
static bool is_g711(ev_format format) { return format == EV_FORMAT_ULAW || format == EV_FORMAT_ALAW; }
static bool has_codec(ev_format format) { return !is_wav(format) && format != EV_FORMAT_PCM; }

static uint32_t sample_bytes(ev_format format) { return format == EV_FORMAT_WAV_FLOAT ? 4 : is_g711(format) ? 1 : 2; }

static const char *record_of(const ev_encoder *e) { return e->record.size > 0 ? (const char *)e->record.data : NULL; }

static void wav_fmt(ev_buf *b, const ev_encoder *e) {
    uint32_t width = sample_bytes(e->format), encoding = e->format == EV_FORMAT_WAV_FLOAT ? 3 : 1;
    ev_buf_append(b, "fmt ", 4);
    ev_put_le32(b, 16);
    ev_put_le32(b, encoding | 1u << 16); /* one channel */
    ev_put_le32(b, (uint32_t)e->rate);
    ev_put_le32(b, (uint32_t)e->rate * width);
    ev_put_le32(b, width | 8 * width << 16);
}

/* What follows the sound of a WAV of known length. Of another, a reader would take it for sound. */
static void wav_tail(const ev_encoder *e, ev_buf *out) {
    if (e->counted && is_wav(e->format)) ev_label_info(out, record_of(e));
}

/* Many players take the 44th byte of a 16-bit WAV for the first of the sound: nothing else stands in front of it. */
static void wav_head(ev_encoder *e) {
    ev_buf chunks = {0}, tail = {0};
    uint32_t data_bytes = (uint32_t)(e->count * sample_bytes(e->format));
    wav_fmt(&chunks, e);
    if (e->format == EV_FORMAT_WAV_FLOAT) {
        ev_buf_append(&chunks, "fact\4\0\0\0", 8);
        ev_put_le32(&chunks, e->counted ? (uint32_t)e->count : UNKNOWN_BYTES / 4);
    }
    ev_buf_append(&chunks, "data", 4);
    ev_put_le32(&chunks, e->counted ? data_bytes : UNKNOWN_BYTES);
    wav_tail(e, &tail);
    ev_buf_append(&e->out, "RIFF", 4);
    ev_put_le32(&e->out, 4 + (uint32_t)chunks.size + (e->counted ? data_bytes + (uint32_t)tail.size : UNKNOWN_BYTES));
    ev_buf_append(&e->out, "WAVE", 4);
    ev_buf_append(&e->out, chunks.data, chunks.size);
    e->out.failed |= chunks.failed || tail.failed;
    ev_buf_free(&chunks);
    ev_buf_free(&tail);
}

static void put_shorts(unsigned char *out, const float *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = (uint16_t)ev_sample_int16(samples[i]);
        out[2 * i] = (unsigned char)bits;
        out[2 * i + 1] = (unsigned char)(bits >> 8);
    }
}

static void put_floats(unsigned char *out, const float *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value = ev_sample_finite(samples[i]);
        uint32_t bits;
        memcpy(&bits, &value, sizeof(bits));
        for (int k = 0; k < 4; k++) out[4 * i + (size_t)k] = (unsigned char)(bits >> 8 * k);
    }
}

static void write_plain(ev_encoder *e, const float *samples, size_t count) {
    if (!e->begun && is_wav(e->format)) wav_head(e);
    e->begun = true;
    size_t width = sample_bytes(e->format);
    e->out.failed |= count > SIZE_MAX / 8;
    unsigned char *place = ev_buf_append(&e->out, NULL, e->out.failed ? 0 : count * width);
    if (!place) return;
    if (width == 4)
        put_floats(place, samples, count);
    else
        put_shorts(place, samples, count);
}

/* ---- heads: what stands in front of an encoder's sound ---- */

/* Each takes the head out of `made`, whose size it returns, and writes ours; 0: it is not all there yet. */

/* LAME keeps a frame of zeros for its Info header, which only a file gets back to: left where it is, it would be
 * silence. */
static size_t begin_mp3(ev_encoder *e, const unsigned char *made, size_t size) {
    size_t frame = ev_mp3_frame_bytes(made, size), i = 4;
    if (frame == 0 || frame > size) return 0;
    while (i < frame && made[i] == 0) i++;
    ev_label_id3(&e->out, record_of(e));
    return i == frame ? frame : 0;
}

/* The number of samples is known only if the caller said it; the smallest and largest frame and the checksum stay
 * zero, which is "unknown". */
static size_t begin_flac(ev_encoder *e, const unsigned char *made, size_t size) {
    enum { MAGIC = 4, BLOCK_HEAD = 4, INFO_END = MAGIC + BLOCK_HEAD + 34, COUNT_AT = INFO_END - 21 };
    ev_buf comments = {0};
    size_t at = MAGIC;
    bool last = false;
    while (!last && at + BLOCK_HEAD <= size) {
        last = made[at] & 0x80;
        at += BLOCK_HEAD + ((size_t)made[at + 1] << 16 | (size_t)made[at + 2] << 8 | made[at + 3]);
    }
    if (!last || at > size || at < INFO_END) return 0;
    ev_label_comments(&comments, record_of(e));
    unsigned char *info = ev_buf_append(&e->out, made, INFO_END);
    if (info) info[MAGIC] = 0; /* not the last block */
    for (int k = 0; info && e->counted && k < 4; k++)
        info[COUNT_AT + 1 + k] = (unsigned char)(e->count >> (24 - 8 * k));
    if (info && e->counted) info[COUNT_AT] = (unsigned char)((info[COUNT_AT] & 0xF0) | (e->count >> 32 & 15));
    unsigned char head[BLOCK_HEAD] = {0x84, (unsigned char)(comments.size >> 16), (unsigned char)(comments.size >> 8),
                                      (unsigned char)comments.size};
    ev_buf_append(&e->out, head, sizeof(head));
    ev_buf_append(&e->out, comments.data, comments.size);
    e->out.failed |= comments.failed;
    ev_buf_free(&comments);
    return at;
}

/* The first page says how to decode, and stays; the second holds the comments. Serial numbers and checksums are set
 * later, for all pages. */
static size_t begin_opus(ev_encoder *e, const unsigned char *made, size_t size) {
    size_t first = ev_ogg_page_bytes(made, size), second = ev_ogg_page_bytes(made + first, size - first);
    if (first == 0 || second == 0) return 0;
    ev_buf tags = {0};
    ev_buf_append(&tags, "OpusTags", 8);
    ev_label_comments(&tags, record_of(e));
    ev_buf_append(&e->out, made, first);
    ev_ogg_append_page(&e->out, 1, tags.data, tags.size);
    e->out.failed |= tags.failed;
    ev_buf_free(&tags);
    return first + second;
}

/* What the codec made starts with the sound, or its head is rewritten; false: more of it must come first. */
static bool begin(ev_encoder *e, size_t *head) {
    const ev_buf *made = &e->codec.made;
    const size_t before = e->out.size;
    if (e->format == EV_FORMAT_AAC || is_g711(e->format)) return true;
    *head = e->format == EV_FORMAT_MP3    ? begin_mp3(e, made->data, made->size)
            : e->format == EV_FORMAT_FLAC ? begin_flac(e, made->data, made->size)
                                          : begin_opus(e, made->data, made->size);
    return e->out.size > before;
}

/* Moves what the codec made to the caller's bytes. */
static void collect(ev_encoder *e) {
    ev_buf *made = &e->codec.made;
    size_t head = 0;
    if (made->size == 0) return;
    if (!e->begun) e->begun = begin(e, &head);
    if (!e->begun) return;
    assert(head <= made->size && !e->whole);
    ev_buf_append(&e->out, made->data + head, made->size - head);
    made->size = 0;
    if (e->format == EV_FORMAT_OPUS) ev_ogg_fix_serial(e->out.data, e->out.size);
}

/* ---- making ---- */

void ev_encoder_options_init(ev_encoder_options *options) {
    *options = (ev_encoder_options){.label = 1, .producer = "emotivoice", .content_id = ""};
}

static ev_status check(ev_format format, int32_t rate, uint64_t count, ev_error *err) {
    if ((int)format < 0 || format >= EV_FORMAT_COUNT)
        return ev_fail(err, EV_E_ARGUMENT, "audio format %d does not exist", (int)format);
    if (rate < RATE_LEAST || rate > RATE_MOST)
        return ev_fail(err, EV_E_ARGUMENT, "sample rate %d Hz is not in 1000 to 384000", (int)rate);
    if (ev_codec_rate(format, rate) != rate)
        return ev_fail(err, EV_E_ARGUMENT, "%s has no rate of %d Hz: convert the sound to %d Hz",
                       ev_format_name(format), (int)rate, (int)ev_codec_rate(format, rate));
    const bool sized = format == EV_FORMAT_WAV || format == EV_FORMAT_WAV_FLOAT; /* others have no size in them */
    if (sized && count > FILE_BYTES_MAX / sample_bytes(format))
        return ev_fail(err, EV_E_LIMIT, "%llu samples do not fit into one file", (unsigned long long)count);
    return EV_OK;
}

/* Whatever is to be done to the samples before they are encoded. */
static ev_status prepare_shape(ev_encoder *e, const ev_encoder_options *o, int32_t rate, ev_error *err) {
    assert(!e->shape);
    const ev_shape_options shape = {
        .rate_in = rate, .rate_out = e->rate, .volume_db = o->volume_db, .trim = o->trim_silence != 0};
    if (shape.rate_in == shape.rate_out && shape.volume_db == 0 && !shape.trim) return EV_OK;
    return ev_shape_create(&e->shape, &shape, err);
}

/* e is filled in as far as it goes; options NULL: a file. */
static ev_status prepare(ev_encoder *e, const ev_encoder_options *options, ev_error *err) {
    ev_status status = check(e->format, e->rate, e->count, err);
    if (!status && options && options->label)
        status = ev_label_record(&e->record, options->producer ? options->producer : "emotivoice",
                                 options->content_id ? options->content_id : "", err);
    if (!status && has_codec(e->format))
        status = ev_codec_open(&e->codec, e->format, e->rate, options ? options->bitrate_kbps : 0, e->whole, err);
    return status;
}

static ev_status create(ev_encoder **out, const ev_encoder *start, const ev_encoder_options *options, ev_error *err) {
    ev_encoder *e = malloc(sizeof(*e));
    if (!e) return ev_fail(err, EV_E_MEMORY, "out of memory: encoder");
    *e = *start;
    ev_status status = prepare(e, options, err);
    if (status)
        ev_encoder_free(&e);
    else
        *out = e;
    return status;
}

ev_status ev_encoder_create(ev_encoder **out, ev_format format, int32_t sample_rate,
                            const ev_encoder_options *options, ev_error *err) {
    ev_encoder_options defaults;
    ev_encoder_options_init(&defaults);
    if (!options) options = &defaults;
    const int32_t rate = options->file_rate ? options->file_rate : sample_rate;
    ev_encoder start = {.format = format,
                        .rate = rate,
                        .trims = options->trim_silence != 0,
                        .announced = options->known_count,
                        .counted = options->known_count > 0};
    if (sample_rate < RATE_LEAST || sample_rate > RATE_MOST)
        return ev_fail(err, EV_E_ARGUMENT, "sample rate %d Hz is not in 1000 to 384000", (int)sample_rate);
    if (rate > 0) start.count = ev_shape_count(options->known_count, sample_rate, rate);
    ev_encoder *e = NULL;
    ev_status status = create(&e, &start, options, err);
    if (!status) status = prepare_shape(e, options, sample_rate, err);
    if (status && e) ev_encoder_free(&e);
    if (!status) *out = e;
    return status;
}

ev_status ev_encoder_create_file(ev_encoder **out, ev_format format, int32_t sample_rate, size_t count,
                                 ev_error *err) {
    ev_encoder start = {
        .format = format, .rate = sample_rate, .whole = true, .counted = true, .count = count, .announced = count};
    return create(out, &start, NULL, err);
}

void ev_encoder_free(ev_encoder **e) {
    if (!*e) return;
    ev_codec_free(&(*e)->codec);
    ev_shape_free(&(*e)->shape);
    ev_buf_free(&(*e)->shaped);
    ev_buf_free(&(*e)->record);
    ev_buf_free(&(*e)->out);
    free(*e);
    *e = NULL;
}

/* ---- encoding ---- */

/* Before a call does anything: forgets the bytes of the one before. */
static ev_status start_call(ev_encoder *e, const void **bytes, size_t *size, ev_error *err) {
    *bytes = NULL;
    *size = 0;
    if (e->finished) return ev_fail(err, EV_E_ARGUMENT, "the encoder is finished: make a new one");
    if (e->broken) return ev_fail(err, EV_E_ARGUMENT, "the encoder failed before: make a new one");
    if (!e->whole) e->out.size = 0;
    return EV_OK;
}

static ev_status end_call(ev_encoder *e, ev_status status, const void **bytes, size_t *size, ev_error *err) {
    if (!status && e->out.failed) status = ev_fail(err, EV_E_MEMORY, "out of memory: encoded sound");
    e->broken = status != EV_OK;
    if (status || e->out.size == 0) return status;
    *bytes = e->out.data;
    *size = e->out.size;
    return EV_OK;
}

/* Samples of the file. */
static ev_status encode(ev_encoder *e, const float *samples, size_t count, ev_error *err) {
    ev_status status = EV_OK;
    assert(!e->counted || e->written <= e->count);
    if (e->counted && count > e->count - e->written) count = (size_t)(e->count - e->written); /* rounding */
    if (has_codec(e->format))
        status = ev_codec_write(&e->codec, samples, count, err);
    else
        write_plain(e, samples, count);
    if (!status && has_codec(e->format) && !e->whole) collect(e);
    e->written += count;
    return status;
}

static ev_status encode_shaped(ev_encoder *e, ev_error *err) {
    assert(e->shape);
    return encode(e, (const float *)(const void *)e->shaped.data, e->shaped.size / sizeof(float), err);
}

ev_status ev_encoder_write(ev_encoder *e, const float *samples, size_t count, const void **bytes, size_t *size,
                           ev_error *err) {
    ev_status status = start_call(e, bytes, size, err);
    if (status) return status;
    if (!samples && count > 0) return ev_fail(err, EV_E_ARGUMENT, "audio has no samples");
    if (e->counted && !e->trims && count > e->announced - e->given)
        return ev_fail(err, EV_E_ARGUMENT, "more than the %llu samples that were announced",
                       (unsigned long long)e->announced);
    e->given += count;
    e->shaped.size = 0;
    if (e->shape) status = ev_shape_write(e->shape, samples, count, &e->shaped, err);
    if (!status) status = e->shape ? encode_shaped(e, err) : encode(e, samples, count, err);
    return end_call(e, status, bytes, size, err);
}

static ev_status finish_codec(ev_encoder *e, ev_error *err) {
    assert(has_codec(e->format));
    ev_status status = ev_codec_finish(&e->codec, err);
    if (status || (e->written == 0 && is_g711(e->format))) return status;
    if (e->written == 0 && e->codec.end == 0)
        return ev_fail(err, EV_E_ARGUMENT, "there is no %s of no sound", ev_format_name(e->format));
    if (!e->whole) {
        collect(e);
        return e->begun ? EV_OK : ev_fail(err, EV_E_IO, "the encoder made no %s", ev_format_name(e->format));
    }
    e->out = e->codec.made;
    e->codec.made = (ev_buf){0};
    if (e->format == EV_FORMAT_OPUS) ev_ogg_fix_serial(e->out.data, e->out.size);
    return EV_OK;
}

/* What shaping held back. A converter's last sample may be rounded away, and is made up for. */
static ev_status finish_shape(ev_encoder *e, ev_error *err) {
    static const float silence[2] = {0};
    if (!e->shape) return EV_OK;
    e->shaped.size = 0;
    ev_status status = ev_shape_finish(e->shape, &e->shaped, err);
    if (!status) status = encode_shaped(e, err);
    if (!status && e->counted && e->written < e->count) {
        const uint64_t short_by = e->count - e->written;
        if (short_by > EV_ARRAY_COUNT(silence))
            return ev_fail(err, EV_E_ARGUMENT, "%llu samples of the file were announced, and %llu written",
                           (unsigned long long)e->count, (unsigned long long)e->written);
        status = encode(e, silence, (size_t)short_by, err);
    }
    return status;
}

ev_status ev_encoder_finish(ev_encoder *e, const void **bytes, size_t *size, ev_error *err) {
    ev_status status = start_call(e, bytes, size, err);
    if (status) return status;
    if (e->counted && e->given < e->announced)
        return ev_fail(err, EV_E_ARGUMENT, "%llu samples were announced, and %llu written",
                       (unsigned long long)e->announced, (unsigned long long)e->given);
    status = finish_shape(e, err);
    if (status) return end_call(e, status, bytes, size, err);
    if (has_codec(e->format))
        status = finish_codec(e, err);
    else
        write_plain(e, NULL, 0);
    wav_tail(e, &e->out);
    e->finished = status == EV_OK;
    return end_call(e, status, bytes, size, err);
}

uint64_t ev_encoder_size(const ev_encoder *e) {
    ev_buf tail = {0};
    if (!e->counted || (has_codec(e->format) && !is_g711(e->format))) return 0;
    wav_tail(e, &tail);
    const uint64_t head = e->format == EV_FORMAT_WAV ? 44 : e->format == EV_FORMAT_WAV_FLOAT ? 56 : 0;
    const uint64_t all = head + e->count * sample_bytes(e->format) + tail.size;
    const bool failed = tail.failed;
    ev_buf_free(&tail);
    return failed ? 0 : all;
}

uint64_t ev_encoder_skipped(const ev_encoder *e) { return e->shape ? ev_shape_skipped(e->shape) : 0; }
uint64_t ev_encoder_kept(const ev_encoder *e) { return e->shape ? ev_shape_kept(e->shape) : e->given; }

ev_buf ev_encoder_take(ev_encoder *e) {
    assert(e->whole && e->finished);
    ev_buf taken = e->out;
    e->out = (ev_buf){0};
    return taken;
}
