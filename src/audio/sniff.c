/* sniff: WAV chunks, MP3 frames and Ogg pages, walked from end to end without decoding. A FLAC says how many samples
 * it has, which read.c counts.
 *
 * A WAV is cut short if its data chunk says more bytes than follow. Programs that write to a pipe do not know the
 * size and say "almost 2 or 4 GiB": such a file is taken as it is. An MP3 has no length of its own. It is cut short
 * if its last frame is, or if it has a Xing, Info or VBRI header that counts more frames than there are. A cut
 * between two frames of a file without such a header cannot be seen. */
#include "audio/sniff.h"

#include <assert.h>
#include <string.h>

#define FAULT(...) ev_fail(err, EV_E_AUDIO, __VA_ARGS__)

static uint32_t le16(const unsigned char *b) { return (uint32_t)b[0] | (uint32_t)b[1] << 8; }
static uint32_t le32(const unsigned char *b) { return le16(b) | le16(b + 2) << 16; }
static uint32_t be32(const unsigned char *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static ev_status not_ours(const char *label, ev_error *err) {
    return FAULT("%s is not a " EV_SOUND_READ " file", label);
}

/* Known by its name, so that the message can say what it is. */
static ev_status not_read(const char *kind, const char *label, ev_error *err) {
    static const struct {
        const char *kind, *name;
    } names[] = {{"m4a", "an MP4 or M4A file"}, {"aac", "an AAC file"}, {"webm", "a WebM or Matroska file"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++)
        if (strcmp(kind, names[i].kind) == 0)
            return ev_fail(err, EV_E_FORMAT, "%s is %s, which is not read here: save it as " EV_SOUND_READ, label,
                           names[i].name);
    return ev_fail(err, EV_E_FORMAT, "%s is of the kind '%s', which is not read here: save it as " EV_SOUND_READ,
                   label, kind);
}

/* ---- WAV ---- */

enum { WAV_PCM = 1, WAV_FLOAT = 3, WAV_EXTENSIBLE = 0xFFFE };
static const uint32_t STREAMED_SIZE = 0x7FFFF000; /* from here on a size means "unknown" */

static ev_status check_wav_format(const unsigned char *chunk, uint32_t size, const char *label, ev_error *err) {
    if (size < 16) return FAULT("%s is damaged: its fmt chunk has %u bytes", label, (unsigned)size);
    uint32_t encoding = le16(chunk), bits = le16(chunk + 14);
    if (encoding == WAV_EXTENSIBLE && size >= 40) encoding = le16(chunk + 24); /* the GUID starts with it */
    bool pcm = encoding == WAV_PCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32);
    bool floating = encoding == WAV_FLOAT && (bits == 32 || bits == 64);
    if (pcm || floating) return EV_OK;
    return FAULT("%s holds WAV encoding 0x%04x with %u bits; only PCM of 8, 16, 24 or 32 bits and float are read",
                 label, (unsigned)encoding, (unsigned)bits);
}

static ev_status walk_wav(ev_sound *out, const unsigned char *bytes, size_t size, const char *label, ev_error *err) {
    assert(size >= 12); /* RIFF, a size, WAVE: what it is known by */
    *out = (ev_sound){EV_SOUND_WAV, bytes, size};
    bool have_format = false;
    size_t at = 12;
    while (size - at >= 8) {
        const unsigned char *chunk = bytes + at;
        uint32_t length = le32(chunk + 4);
        size_t left = size - at - 8;
        if (memcmp(chunk, "data", 4) == 0) {
            if (!have_format) return FAULT("%s is damaged: no fmt chunk before its data", label);
            if (length > left && length < STREAMED_SIZE)
                return FAULT("%s is cut short: %u bytes of sound announced, %zu there", label, (unsigned)length,
                             left);
            if (length == 0 || left == 0) return FAULT("%s holds no sound", label);
            return EV_OK;
        }
        if (length > left) break;
        if (memcmp(chunk, "fmt ", 4) == 0) {
            ev_status status = check_wav_format(chunk + 8, length, label, err);
            if (status) return status;
            have_format = true;
        }
        size_t step = 8 + (size_t)length + (length & 1); /* chunks are padded to an even size */
        at = step > size - at ? size : at + step;
    }
    return FAULT("%s is cut short: it ends before its sound", label);
}

/* ---- MP3 ---- */

typedef struct mp3_frame {
    size_t length;    /* bytes, header included */
    uint32_t key;     /* version, layer, sample rate, and if mono: the same in all frames of a file */
    size_t side_info; /* bytes between the header and a Xing header */
} mp3_frame;

/* Reads the header of a layer III frame. False for anything else, and for the "free" bit rate, which nobody uses. */
static bool read_frame(mp3_frame *f, const unsigned char *b) {
    static const uint16_t kbits1[15] = {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
    static const uint16_t kbits2[15] = {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
    static const uint32_t rates[3] = {44100, 48000, 32000};
    uint32_t h = be32(b), version = h >> 19 & 3, bit_rate = h >> 12 & 15, rate = h >> 10 & 3;
    bool synced = h >> 21 == 0x7FF, layer3 = (h >> 17 & 3) == 1;
    if (!synced || !layer3 || version == 1 || bit_rate == 0 || bit_rate == 15 || rate == 3) return false;
    bool first = version == 3, mono = (h >> 6 & 3) == 3;
    uint32_t hz = rates[rate] >> (first ? 0 : version == 2 ? 1 : 2);
    uint32_t bits = 1000u * (first ? kbits1[bit_rate] : kbits2[bit_rate]);
    f->length = (first ? 144 : 72) * bits / hz + (h >> 9 & 1);
    assert(f->length > 4); /* more than its header, at every rate */
    f->key = (h & 0xFFFE0C00) | mono;
    f->side_info = first ? (mono ? 17 : 32) : (mono ? 9 : 17);
    return true;
}

size_t ev_mp3_frame_bytes(const unsigned char *bytes, size_t size) {
    mp3_frame f;
    return size >= 4 && read_frame(&f, bytes) ? f.length : 0;
}

/* The number of frames, with itself, that a Xing header announces; 0 for none. It is not settled whether the number
 * in it counts the frame that it stands in: LAME and FFmpeg do not, which they sign with their name; others get the
 * benefit of one frame. */
static uint32_t xing_frames(const unsigned char *xing, size_t left) {
    if (left < 12 || (memcmp(xing, "Xing", 4) != 0 && memcmp(xing, "Info", 4) != 0)) return 0;
    uint32_t fields = be32(xing + 4), frames = be32(xing + 8);
    if (!(fields & 1) || frames == UINT32_MAX) return 0;
    bool is_signed =
        (fields & 15) == 15 && left >= 124 && (!memcmp(xing + 120, "LAME", 4) || !memcmp(xing + 120, "Lav", 3));
    return is_signed ? frames + 1 : frames;
}

/* The number of frames that the first frame announces; 0 if it announces nothing. */
static uint32_t announced_frames(const mp3_frame *f, const unsigned char *b) {
    for (size_t checksum = 0; checksum <= 2; checksum += 2) { /* some writers count in a checksum that is not there */
        size_t at = 4 + checksum + f->side_info;
        uint32_t frames = at < f->length ? xing_frames(b + at, f->length - at) : 0;
        if (frames > 0) return frames;
    }
    if (36 + 18 <= f->length && memcmp(b + 36, "VBRI", 4) == 0) return be32(b + 36 + 14);
    return 0;
}

/* Size of an ID3v2 tag at b, 0 if there is none. */
static size_t id3_size(const unsigned char *b, size_t left) {
    if (left < 10 || memcmp(b, "ID3", 3) != 0) return 0;
    size_t size = (size_t)(b[6] & 127) << 21 | (size_t)(b[7] & 127) << 14 | (size_t)(b[8] & 127) << 7 | (b[9] & 127);
    return 10 + size + (b[5] & 0x10 ? 10 : 0);
}

static bool starts(const unsigned char *b, size_t left, const char *mark) {
    size_t n = strlen(mark);
    return left >= n && memcmp(b, mark, n) == 0;
}

static size_t skip_zeros(const unsigned char *bytes, size_t size, size_t at) {
    while (at < size && bytes[at] == 0) at++;
    return at;
}

/* Where the frames begin: behind ID3v2 tags and their padding. */
static size_t frames_begin(const unsigned char *bytes, size_t size) {
    size_t at = 0, tag;
    while ((tag = id3_size(bytes + at, size - at)) > 0) {
        if (tag > size - at) return size;
        at = skip_zeros(bytes, size, at + tag);
    }
    return at;
}

/* True if what stands at b, where a frame should, is a tag or padding, which may follow the last frame. */
static bool is_trailer(const unsigned char *b, size_t left) {
    return starts(b, left, "TAG") || starts(b, left, "ID3") || starts(b, left, "APETAGEX") ||
           starts(b, left, "LYRICSBEGIN") || starts(b, left, "3DI") || skip_zeros(b, left, 0) == left;
}

static ev_status walk_mp3(ev_sound *out, const unsigned char *bytes, size_t size, const char *label, ev_error *err) {
    size_t begin = frames_begin(bytes, size), at = begin;
    mp3_frame first = {0}, f;
    uint32_t announced = 0, count = 0;
    bool cut = size - at < 4 && begin > 0; /* nothing but tags */
    while (size - at >= 4 && read_frame(&f, bytes + at)) {
        if (count > 0 && f.key != first.key) break;
        if (f.length > size - at) {
            cut = true;
            break;
        }
        if (count++ == 0) {
            first = f;
            announced = announced_frames(&f, bytes + at);
        }
        at += f.length;
    }
    size_t left = size - at;
    assert(begin <= at && at <= size);
    if (left > 0 && left < 4 && bytes[at] == 0xFF) cut = true;
    if (cut && (count > 0 || begin > 0)) return FAULT("%s is cut short: its last frame is incomplete", label);
    if (left > 0 && !is_trailer(bytes + at, left))
        return count < 2 ? not_ours(label, err) : FAULT("%s is damaged: no MP3 frame at byte %zu", label, at);
    if (count < announced)
        return FAULT("%s is cut short: %u frames announced, %u there", label, (unsigned)announced, (unsigned)count);
    if (count == 0) return not_ours(label, err);
    *out = (ev_sound){EV_SOUND_MP3, bytes + begin, at - begin};
    return EV_OK;
}

ev_status ev_sound_sniff(ev_sound *out, const unsigned char *bytes, size_t size, const char *label, ev_error *err) {
    if (size == 0) return FAULT("%s is empty", label);
    const char *kind = ev_audio_kind(bytes, size);
    if (!kind) return not_ours(label, err);
    if (strcmp(kind, "wav") == 0) return walk_wav(out, bytes, size, label, err);
    if (strcmp(kind, "mp3") == 0) return walk_mp3(out, bytes, size, label, err);
    *out = (ev_sound){strcmp(kind, "flac") == 0 ? EV_SOUND_FLAC : EV_SOUND_OGG, bytes, size};
    if (out->kind == EV_SOUND_FLAC) return EV_OK;
    if (strcmp(kind, "opus") == 0 || strcmp(kind, "vorbis") == 0) return ev_ogg_walk(bytes, size, label, err);
    return not_read(kind, label, err);
}
