/* kind: what a file of sound is, by its first bytes: those that are read, and those that people send instead, so that
 * the message can say which they have. */
#include <string.h>

#include "audio/sniff.h"

typedef struct mark {
    const char *name; /* as ev_audio_kind gives it */
    size_t at;        /* where the bytes stand */
    const char *bytes;
    size_t size;
} mark;

#define MARK(name, at, bytes)                                                                                        \
    { name, at, bytes, sizeof(bytes) - 1 }

/* The first that fits; an Ogg file's first page tells what is in it behind its header of 28 bytes. */
static const mark marks[] = {
    MARK("wav", 8, "WAVE"),
    MARK("flac", 0, "fLaC"),
    MARK("opus", 28, "OpusHead"),
    MARK("vorbis", 28, "\x01vorbis"),
    MARK("m4a", 4, "ftyp"),
    MARK("webm", 0, "\x1A\x45\xDF\xA3"),
    MARK("aiff", 8, "AIFF"),
    MARK("aiff", 8, "AIFC"),
    MARK("au", 0, ".snd"),
    MARK("amr", 0, "#!AMR"),
    MARK("wma", 0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11"),
    MARK("caf", 0, "caff\0\1"),
    MARK("ogg", 0, "OggS"),
    MARK("mp3", 0, "ID3"),
};

/* Names of containers stand in front of what they hold. */
static bool is_in_its_container(const mark *m, const unsigned char *bytes) {
    if (strcmp(m->name, "wav") == 0) return memcmp(bytes, "RIFF", 4) == 0;
    if (strcmp(m->name, "aiff") == 0) return memcmp(bytes, "FORM", 4) == 0;
    return m->at < 28 || memcmp(bytes, "OggS", 4) == 0;
}

const char *ev_audio_kind(const void *file, size_t size) {
    const unsigned char *bytes = file;
    for (size_t i = 0; i < EV_ARRAY_COUNT(marks); i++) {
        const mark *m = &marks[i];
        if (size >= m->at + m->size && memcmp(bytes + m->at, m->bytes, m->size) == 0 && is_in_its_container(m, bytes))
            return m->name;
    }
    if (size < 2 || bytes[0] != 0xFF) return NULL;
    if ((bytes[1] & 0xF6) == 0xF0) return "aac";     /* ADTS: a sync word of 12 bits, and layer 0 */
    return (bytes[1] & 0xE6) == 0xE2 ? "mp3" : NULL; /* layer III */
}
