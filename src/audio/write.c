/* write: samples to a sound file, in memory and on disk. The encoder makes all bytes; they are then written in one
 * go, so that a format's needs (going back to the header) and a file's (pipes, full disks) never meet.
 *
 * The same samples give the same bytes: a cache may rely on it. Every format that has room for it says that this is
 * synthetic speech. */
#include <stdlib.h>

#include "audio/audio.h"
#include "audio/codec.h"
#include "audio/encoder.h"
#include "audio/files.h"

int32_t ev_format_rate(ev_format format, int32_t sample_rate, int32_t wanted) {
    const bool telephone = format == EV_FORMAT_ULAW || format == EV_FORMAT_ALAW;
    if (wanted == 0) wanted = telephone ? 8000 : sample_rate;
    return ev_format_name(format) ? ev_codec_rate(format, wanted) : wanted;
}

/* ---- in memory ---- */

static ev_status encode(const float *samples, size_t count, int32_t rate, ev_format format, ev_buf *out,
                        ev_error *err) {
    ev_encoder *e = NULL;
    const void *bytes;
    size_t size;
    ev_status status = ev_encoder_create_file(&e, format, rate, count, err);
    if (!status) status = ev_encoder_write(e, samples, count, &bytes, &size, err);
    if (!status) status = ev_encoder_finish(e, &bytes, &size, err);
    if (!status) *out = ev_encoder_take(e);
    ev_encoder_free(&e);
    return status;
}

ev_status ev_audio_encode(const ev_audio *audio, ev_format format, void **bytes, size_t *size, ev_error *err) {
    int32_t rate = ev_format_rate(format, audio->sample_rate, 0);
    float *converted = NULL;
    size_t count = audio->count;
    ev_buf made = {0};
    ev_status status = EV_OK;
    if (!audio->samples && count > 0) return ev_fail(err, EV_E_ARGUMENT, "audio has no samples");
    if (rate != audio->sample_rate)
        status = ev_resample(audio->samples, count, audio->sample_rate, rate, &converted, &count, err);
    if (!status) status = encode(converted ? converted : audio->samples, count, rate, format, &made, err);
    free(converted);
    if (status) return status;
    *bytes = made.data;
    *size = made.size;
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
