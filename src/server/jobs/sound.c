/* sound: see sound.h. What follows from the whole of a result is measured when the result is there. */
#include <math.h>

#include "server/jobs/sound.h"

enum { STEP = 2400 }; /* samples */

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

/* dB that normalize adds. */
static float gain_db_of(sv_job *job, int32_t rate) {
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

/* Samples that trim_silence leaves. The encoder itself cuts, and PCM has two bytes a sample. */
static size_t trimmed_count(sv_job *job, int32_t rate) {
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

ev_status sv_file_encoder(ev_encoder **out, sv_job *job, const sv_file *f, size_t count) {
    const sv_sound *sound = &f->sound;
    const bool plain = sv_format_plain(f->format);
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    if (f->whole && sound->trim_silence && plain) count = trimmed_count(job, f->rate);
    if (f->whole && (!sound->trim_silence || plain)) options.known_count = count;
    options.label = f->label;
    options.content_id = job->id;
    options.file_rate = sv_file_rate(f);
    options.bitrate_kbps = sound->bitrate_kbps;
    options.volume_db = sound->volume_db;
    if (f->whole && sound->normalize) options.volume_db += gain_db_of(job, f->rate);
    options.volume_db = fminf(fmaxf(options.volume_db, -40), 40);
    options.trim_silence = sound->trim_silence;
    return ev_encoder_create(out, f->format, f->rate, &options, NULL);
}

typedef struct writer {
    ev_encoder *encoder;
    ev_buf *out;
} writer;

static ev_status write_piece(void *user, const float *samples, size_t count) {
    const writer *w = user;
    const void *bytes;
    size_t size = 0;
    const ev_status status = ev_encoder_write(w->encoder, samples, count, &bytes, &size, NULL);
    if (status == EV_OK && size) ev_buf_append(w->out, bytes, size);
    return status;
}

ev_status sv_file_encode(ev_buf *out, sv_job *job, const sv_file *f, ev_error *err) {
    writer w = {.out = out};
    size_t count, size = 0;
    const void *bytes = NULL;
    sv_job_snapshot(job, NULL, &count, NULL);
    ev_status status = sv_file_encoder(&w.encoder, job, f, count);
    if (status == EV_OK) status = each_piece(job, write_piece, &w);
    if (status == EV_OK) status = ev_encoder_finish(w.encoder, &bytes, &size, NULL);
    if (status == EV_OK && size) ev_buf_append(out, bytes, size);
    ev_encoder_free(&w.encoder);
    return status == EV_OK && !out->failed ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for a file");
}
