/* say --stream: audio is written as it is made, so that a listener hears the first words while the rest is spoken.
 * A wav header comes before its length is known, which it says, and players take as "until the end"; it is put right
 * afterwards where the file can be sought in. */
#include "say.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { WAV_HEAD = 44, WAV_RIFF_AT = 4, WAV_DATA_AT = 40 };

typedef struct stream {
    say_job *job;
    cli_sink sink;
    ev_encoder *encoder;
    int32_t sample_rate;
    size_t samples;
    uint64_t bytes; /* of the file */
    double start_s, first_audio_s;
    int code; /* of the write that failed */
} stream;

static int put(stream *s, ev_status status, const void *bytes, size_t size, const ev_error *err) {
    if (status != EV_OK) return cli_engine_failed(status, err, NULL);
    s->bytes += size;
    return size > 0 ? cli_sink_put(&s->sink, bytes, size) : CLI_OK;
}

/* The engine's own encoder, so that a stream has the samples of a whole file. */
static int on_chunk(void *user, const float *samples, size_t count, int last) {
    stream *s = user;
    const void *bytes = NULL;
    size_t size = 0;
    ev_error err = {0};
    (void)last;
    if (count == 0) return 0;
    if (s->first_audio_s < 0) s->first_audio_s = ev_clock_s() - s->start_s;
    ev_status status = ev_encoder_write(s->encoder, samples, count, &bytes, &size, &err);
    s->code = put(s, status, bytes, size, &err);
    s->samples += count;
    say_progress(s->job, "%.1f s spoken", (double)s->samples / s->sample_rate);
    return s->code != CLI_OK;
}

static int open_encoder(stream *s) {
    const say_values *v = s->job->values;
    ev_encoder_options options;
    ev_error err = {0};
    ev_encoder_options_init(&options);
    options.label = 0;
    options.file_rate = ev_format_rate(s->job->format, s->sample_rate, v->sample_rate);
    options.volume_db = v->volume;
    options.trim_silence = v->trim_silence;
    ev_status status = ev_encoder_create(&s->encoder, s->job->format, s->sample_rate, &options, &err);
    return status == EV_OK ? CLI_OK : cli_engine_failed(status, &err, NULL);
}

static int end_encoder(stream *s) {
    const void *bytes = NULL;
    size_t size = 0;
    ev_error err = {0};
    ev_status status = ev_encoder_finish(s->encoder, &bytes, &size, &err);
    return put(s, status, bytes, size, &err);
}

static int put_size(stream *s, long at, uint64_t value) {
    assert(s->sink.regular && at >= 0);
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    if (fseek(s->sink.file, at, SEEK_SET) != 0) return cli_write_failed(s->sink.path, errno);
    return cli_sink_put(&s->sink, bytes, sizeof bytes);
}

static int patch_sizes(stream *s) {
    if (!s->sink.regular || s->bytes > UINT32_MAX) return CLI_OK;
    int code = put_size(s, WAV_RIFF_AT, s->bytes - 8);
    return code == CLI_OK ? put_size(s, WAV_DATA_AT, s->bytes - WAV_HEAD) : code;
}

static int speak(stream *s) {
    say_job *job = s->job;
    ev_error err = {0};
    ev_status status = ev_say_stream(job->engine.synth, &job->request, &err, on_chunk, s);
    say_progress(job, "%s", "");
    if (s->code != CLI_OK) return s->code; /* reported already: the engine only knows that it was stopped */
    if (status != EV_OK) return cli_engine_say_failed(&job->engine, status, &err, job->values->emotion, NULL);
    int code = end_encoder(s);
    return code == CLI_OK && job->format == EV_FORMAT_WAV ? patch_sizes(s) : code;
}

int say_stream(say_job *job, const cli_text *text) {
    stream s = {.job = job, .sample_rate = ev_model_sample_rate(job->engine.model), .first_audio_s = -1};
    job->request.text = text->bytes != NULL ? text->bytes : "";
    job->request.text_bytes = text->size;
    int code = cli_sink_open(&s.sink, job->output);
    if (code != CLI_OK) return code;
    s.start_s = ev_clock_s();
    code = open_encoder(&s);
    if (code == CLI_OK) code = speak(&s);
    ev_encoder_free(&s.encoder);
    double elapsed_s = ev_clock_s() - s.start_s;
    int closed = cli_sink_close(&s.sink, code == CLI_OK);
    if (code == CLI_OK) code = closed;
    if (code != CLI_OK) return code;
    say_outcome outcome = {.output = job->output,
                           .text = job->request.text,
                           .text_bytes = text->size,
                           .samples = s.samples,
                           .elapsed_s = elapsed_s,
                           .first_audio_s = s.first_audio_s,
                           .batch_audio_s = (double)s.samples / s.sample_rate};
    say_report(job, &outcome);
    return CLI_OK;
}
