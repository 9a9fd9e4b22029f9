/* sound: what a listener wants of the file beside its format: the rate, the volume, silence. Where that follows from
 * the whole of a result, it is measured here, when the result is there.
 */
#include <math.h>

#include "server/http/answers.h"

enum { STEP = 4096 };

/* Calls each with all samples of a result, in pieces; until it fails. */
static ev_status each_piece(sv_job *job, ev_status (*each)(void *user, const float *samples, size_t count),
                            void *user) {
    int16_t shorts[STEP];
    float floats[STEP];
    bool over = false;
    ev_status status = EV_OK;
    for (size_t at = 0, count = 1; count && !status; at += count) {
        count = sv_job_read(job, at, shorts, STEP, &over);
        for (size_t i = 0; i < count; i++) floats[i] = (float)shorts[i] / 32768.0f;
        if (count) status = each(user, floats, count);
    }
    return status;
}

static ev_status hear(void *loudness, const float *samples, size_t count) {
    return ev_loudness_add(loudness, samples, count, NULL);
}

float sv_sound_gain_db(sv_job *job, int32_t rate) {
    ev_loudness *l = NULL;
    float gain_db = 0;
    if (ev_loudness_create(&l, rate, NULL) != EV_OK) return 0;
    if (each_piece(job, hear, l) == EV_OK) gain_db = (float)ev_loudness_gain_db(l);
    ev_loudness_free(&l);
    return gain_db;
}

typedef struct counter {
    ev_encoder *encoder;
    size_t bytes;
} counter;

static ev_status count_bytes(void *user, const float *samples, size_t count) {
    counter *c = user;
    const void *bytes;
    size_t size = 0;
    const ev_status status = ev_encoder_write(c->encoder, samples, count, &bytes, &size, NULL);
    c->bytes += size;
    return status;
}

/* The encoder itself cuts, and PCM has two bytes a sample. */
size_t sv_sound_trimmed_count(sv_job *job, int32_t rate) {
    ev_encoder_options options;
    counter c = {0};
    const void *bytes;
    size_t size = 0;
    ev_encoder_options_init(&options);
    options.trim_silence = 1;
    if (ev_encoder_create(&c.encoder, EV_FORMAT_PCM, rate, &options, NULL) != EV_OK) return 0;
    ev_status status = each_piece(job, count_bytes, &c);
    if (!status) status = ev_encoder_finish(c.encoder, &bytes, &size, NULL);
    ev_encoder_free(&c.encoder);
    return status ? 0 : (c.bytes + size) / 2;
}
