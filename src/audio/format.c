/* format: the formats' names. */
#include <string.h>
#include <strings.h>

#include "audio/audio.h"

/* Names first, then other endings that mean the same. */
static const struct {
    const char *names[4];
    const char *media_type;
} formats[EV_FORMAT_COUNT] = {
    [EV_FORMAT_WAV] = {{"wav", "wave"}, "audio/wav"},
    [EV_FORMAT_WAV_FLOAT] = {{"wav-float", "wav_float", "f32"}, "audio/wav"},
    [EV_FORMAT_PCM] = {{"pcm", "raw", "s16"}, "audio/pcm"},
    [EV_FORMAT_FLAC] = {{"flac"}, "audio/flac"},
    [EV_FORMAT_OPUS] = {{"opus", "ogg"}, "audio/ogg"},
    [EV_FORMAT_MP3] = {{"mp3"}, "audio/mpeg"},
    [EV_FORMAT_AAC] = {{"aac", "adts"}, "audio/aac"},
    [EV_FORMAT_ULAW] = {{"ulaw", "mulaw", "pcmu"}, "audio/PCMU"},
    [EV_FORMAT_ALAW] = {{"alaw", "pcma"}, "audio/PCMA"},
};

static bool exists(ev_format format) { return (int)format >= 0 && format < EV_FORMAT_COUNT; }

const char *ev_format_name(ev_format format) { return exists(format) ? formats[format].names[0] : NULL; }
const char *ev_format_media_type(ev_format format) { return exists(format) ? formats[format].media_type : NULL; }

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
    return ev_fail(err, EV_E_NOT_FOUND,
                   "no audio format for '%.100s': use wav, wav-float, pcm, flac, opus, mp3, aac, ulaw or alaw", name);
}
