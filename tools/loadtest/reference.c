/* reference: reference audio that goes with a request, in base64. A recording that the service must not have
 * heard before is one of the given ones with the lowest bits of 32 samples replaced: 90 dB down, nobody hears it, but
 * neither the file nor its samples are found in a cache. Base64 keeps threes of bytes apart, so only the stretch with
 * those samples is encoded again. */
#include "loadtest.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (8u << 20)
#define MARKED_SAMPLES 32 /* one bit each: a serial */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(char *out, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i += 3, out += 4) {
        size_t left = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        out[0] = alphabet[three >> 18];
        out[1] = alphabet[three >> 12 & 63];
        out[2] = left > 1 ? alphabet[three >> 6 & 63] : '=';
        out[3] = left > 2 ? alphabet[three & 63] : '=';
    }
}

/* Where the samples of a 16-bit wav begin, 0 if it is none or is too short to be marked. */
static size_t samples_of(const unsigned char *wav, size_t size) {
    bool pcm16 = false;
    if (size < 12 || memcmp(wav, "RIFF", 4) != 0 || memcmp(wav + 8, "WAVE", 4) != 0) return 0;
    for (size_t at = 12; at + 8 <= size;) {
        size_t chunk =
            (size_t)wav[at + 4] | (size_t)wav[at + 5] << 8 | (size_t)wav[at + 6] << 16 | (size_t)wav[at + 7] << 24;
        size_t left = size - at - 8;
        if (memcmp(wav + at, "data", 4) == 0) return pcm16 && left >= 4 * MARKED_SAMPLES ? at + 8 : 0;
        if (chunk > left) return 0;
        if (memcmp(wav + at, "fmt ", 4) == 0 && chunk >= 16) pcm16 = wav[at + 8] == 1 && wav[at + 22] == 16;
        at += 8 + chunk + chunk % 2;
    }
    return 0;
}

static int read_one(load_reference *out, const char *directory, const char *name) {
    char path[4096];
    ev_buf *file = &out->wav;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int code = load_file_read(file, path, FILE_BYTES_MAX + 1);
    if (code != LOAD_EXIT_OK) return code;
    out->samples_at = file->size <= FILE_BYTES_MAX ? samples_of(file->data, file->size) : 0;
    if (out->samples_at == 0) {
        return load_fail(LOAD_EXIT_INPUT,
                         "'%.100s' cannot be varied: give references as 16-bit .wav, at most 8 MB each", path);
    }
    out->base64_size = (file->size + 2) / 3 * 4;
    out->base64 = malloc(out->base64_size);
    if (out->base64 == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --references");
    encode(out->base64, file->data, file->size);
    return LOAD_EXIT_OK;
}

static int is_wav(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".wav") == 0;
}

int load_references_read(load_reference **out, size_t *count, const char *directory) {
    struct dirent **entries = NULL;
    int code = LOAD_EXIT_OK;
    *out = NULL;
    *count = 0;
    if (directory == NULL) return LOAD_EXIT_OK;
    int found = scandir(directory, &entries, is_wav, alphasort);
    if (found > 0) *out = calloc((size_t)found, sizeof **out);
    if (found <= 0) {
        code = load_fail(LOAD_EXIT_INPUT, "'%.100s' has no .wav files: give a directory with references", directory);
    } else if (*out == NULL) {
        code = load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --references");
    }
    for (int i = 0; i < found; i++) {
        if (code == LOAD_EXIT_OK) code = read_one(&(*out)[(*count)++], directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return code;
}

void load_put_reference(ev_buf *out, const load_reference *reference, bool fresh, uint32_t serial) {
    unsigned char marked[2 * MARKED_SAMPLES + 4];
    char encoded[sizeof marked / 3 * 4 + 8];
    size_t begin = reference->samples_at / 3 * 3, lead = reference->samples_at - begin;
    size_t size = (lead + 2 * MARKED_SAMPLES + 2) / 3 * 3, encoded_at = begin / 3 * 4, encoded_size = size / 3 * 4;
    if (!fresh) {
        ev_buf_append(out, reference->base64, reference->base64_size);
        return;
    }
    memcpy(marked, reference->wav.data + begin, size); /* the data is at least twice as long */
    for (size_t i = 0; i < MARKED_SAMPLES; i++) {
        unsigned char *low = &marked[lead + 2 * i];
        *low = (unsigned char)((*low & ~1u) | (serial >> i & 1u));
    }
    encode(encoded, marked, size);
    ev_buf_append(out, reference->base64, encoded_at);
    ev_buf_append(out, encoded, encoded_size);
    ev_buf_append(out, reference->base64 + encoded_at + encoded_size,
                  reference->base64_size - encoded_at - encoded_size);
}

void load_references_free(load_reference *references, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ev_buf_free(&references[i].wav);
        free(references[i].base64);
    }
    free(references);
}
