/* Fuzzes the reader of sound files: any bytes either are refused or give finite samples within the limit asked for,
 * and those may be trimmed, measured and written again. */
#include <math.h>
#include <stdlib.h>

#include <ogg/ogg.h>
#include <string.h>

#include "audio/audio.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
const char *__lsan_default_suppressions(void);

/* libsndfile 1.2.0 forgets a Vorbis stream's information when its headers come twice (corpus/audio/vorbis_twice). The
 * service reads recordings in a process that ends. */
const char *__lsan_default_suppressions(void) { return "leak:libvorbis.so\nleak:vorbis_info_init\n"; }

static void use(const ev_audio *a) {
    float *out = malloc(a->count * sizeof(float)), *track = NULL;
    size_t n = ev_trim_silence(a->samples, a->count, out), frames = 0;
    if (n > a->count) abort();
    if (ev_pitch_track(out, n, &track, &frames, NULL) == EV_OK) {
        for (size_t t = 0; t < frames; t++)
            if (!(track[t] == 0 || (track[t] >= 60 && track[t] <= 500))) abort();
        free(track);
    }
    if (ev_fbank(out, n, &track, &frames, NULL) == EV_OK) {
        for (size_t i = 0; i < frames * EV_FBANK_BINS; i++)
            if (!isfinite(track[i])) abort();
        free(track);
    }
    void *file = NULL;
    size_t file_size = 0;
    if (ev_audio_encode(a, EV_FORMAT_WAV, &file, &file_size, NULL)) abort();
    ev_bytes_free(&file);
    free(out);
}

/* An Ogg page whose sum is wrong is refused before anything of it is looked at: the sums are made right again, so
 * that what is changed reaches the decoders. */
static void mend_sums(uint8_t *bytes, size_t size) {
    for (size_t at = 0; at + 27 <= size && memcmp(bytes + at, "OggS", 4) == 0;) {
        const size_t head = 27 + (size_t)bytes[at + 26];
        size_t body = 0;
        if (head > size - at) return;
        for (size_t i = 27; i < head; i++) body += bytes[at + i];
        if (body > size - at - head) return;
        ogg_page page = {bytes + at, (long)head, bytes + at + head, (long)body};
        ogg_page_checksum_set(&page);
        at += head + body;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(bytes, size, most);
    if (seed % 8) mend_sums(bytes, size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    ev_audio a;
    ev_error err;
    if (ev_audio_decode(&a, bytes, size, 2.0, &err)) return 0;
    if (a.count == 0 || a.sample_rate < 8000 || a.sample_rate > 192000) abort();
    if ((double)a.count > 2.0 * a.sample_rate) abort();
    for (size_t i = 0; i < a.count; i++)
        if (!isfinite(a.samples[i])) abort();
    if (a.count <= 32000) use(&a); /* longer ones only cost time */
    ev_audio_free(&a);
    return 0;
}
