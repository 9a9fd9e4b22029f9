/* audio: the audio of an answer, looked at as it arrives and not kept. A wav header is read, whatever pieces it
 * comes in; then bytes are counted, and playback is simulated: it starts with the first audio, and when the next
 * piece comes later than what was there has been played, the listener hears a gap. */
#include "loadtest.h"

#include <string.h>

static uint32_t le32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void load_audio_start(load_audio *audio, bool wav, int32_t pcm_rate) {
    *audio = (load_audio){.wav = wav, .in_data = !wav, .declared = UINT64_MAX, .first_s = -1};
    if (!wav) audio->bytes_per_s = 2.0 * pcm_rate;
}

void load_audio_rate(load_audio *audio, const char *text, size_t size) {
    long rate = 0;
    size_t at = 0;
    while (at < size && text[at] == ' ') at++;
    for (; at < size && text[at] >= '0' && text[at] <= '9' && rate < 1000000; at++)
        rate = rate * 10 + (text[at] - '0');
    if (!audio->wav && rate >= 4000 && rate <= 384000) audio->bytes_per_s = 2.0 * (double)rate;
}

static void play(load_audio *audio, const unsigned char *bytes, size_t size, double now_s) {
    if (audio->declared - audio->bytes < size) size = (size_t)(audio->declared - audio->bytes); /* chunks behind it */
    if (size == 0) return;
    for (size_t i = 0; i < size && !audio->sounding; i++) audio->sounding = bytes[i] != 0;
    if (audio->first_s < 0) {
        audio->first_s = audio->played_s = now_s;
    } else if (now_s > audio->played_s) {
        double gap_s = now_s - audio->played_s;
        if (gap_s > audio->longest_gap_s) audio->longest_gap_s = gap_s;
        if (gap_s > LOAD_UNDERRUN_S) audio->underruns++;
        audio->played_s = now_s; /* the listener waited: the rest is heard later */
    }
    audio->played_s += (double)size / audio->bytes_per_s;
    audio->bytes += size;
}

/* The "fmt " chunk; false: not understood. */
static bool read_format(load_audio *audio, const unsigned char *chunk, uint32_t size) {
    if (size < 16) return false;
    uint32_t coding = le32(chunk) & 0xffff, channels = le32(chunk) >> 16, rate = le32(chunk + 4);
    uint32_t bits = le32(chunk + 12) >> 16;
    bool known = coding == 1 || coding == 3 || coding == 0xfffe; /* PCM, float, or said in an extension */
    if (!known || channels < 1 || channels > 8 || rate < 4000 || rate > 384000 || bits % 8 != 0 || bits < 8 ||
        bits > 64) {
        return false;
    }
    audio->bytes_per_s = (double)rate * channels * (bits / 8);
    return true;
}

/* Looks for the data chunk. Returns where the audio begins in head, 0 while that is not known. */
static size_t read_header(load_audio *audio) {
    const unsigned char *head = audio->head;
    if (audio->head_size < 12) return 0;
    if (memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0) {
        audio->fault = "the body is not wav: it has no RIFF header";
        return 0;
    }
    for (size_t at = 12; at + 8 <= audio->head_size;) {
        uint32_t size = le32(head + at + 4);
        bool format = memcmp(head + at, "fmt ", 4) == 0;
        if (memcmp(head + at, "data", 4) == 0) {
            if (audio->bytes_per_s <= 0) audio->fault = "the wav header does not say the format before the data";
            /* a stream's length is not known when its header is written: 0 or a huge number stands there */
            if (size != 0 && size < 0x7ffff000) audio->declared = size;
            return at + 8;
        }
        if (size > LOAD_HEAD_BYTES) break;
        if (format && at + 8 + size > audio->head_size) return 0;
        if (format && !read_format(audio, head + at + 8, size)) {
            audio->fault = "the wav header has an unknown format";
            return 0;
        }
        at += 8 + size + size % 2;
    }
    if (audio->head_size == LOAD_HEAD_BYTES) audio->fault = "the wav header has no data chunk";
    return 0;
}

void load_audio_take(load_audio *audio, const void *bytes, size_t size, double now_s) {
    const unsigned char *at = bytes;
    if (audio->fault != NULL) return;
    if (!audio->in_data) {
        size_t room = LOAD_HEAD_BYTES - audio->head_size, taken = size < room ? size : room;
        size_t before = audio->head_size;
        memcpy(audio->head + before, at, taken);
        audio->head_size += taken;
        size_t begin = read_header(audio);
        if (begin == 0 || audio->fault != NULL) return;
        audio->in_data = true;
        at += begin - before; /* the header ended in this piece, or it would have been found before */
        size -= begin - before;
    }
    play(audio, at, size, now_s);
}

const char *load_audio_end(load_audio *audio) {
    if (audio->fault != NULL) return audio->fault;
    if (!audio->in_data) return "the body is not wav: it ends before the header does";
    if (audio->bytes == 0) return "the body holds no audio";
    if (audio->declared != UINT64_MAX && audio->bytes < audio->declared) return "the audio is shorter than it says";
    if (!audio->sounding) return "the audio is nothing but zeros";
    return NULL;
}

double load_audio_seconds(const load_audio *audio) {
    return audio->bytes_per_s > 0 ? (double)audio->bytes / audio->bytes_per_s : 0;
}
