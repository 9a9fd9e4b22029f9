/* say --stream: audio is written as it is made, so that a listener hears the first words while the rest is spoken.
 * A wav header comes before its length is known: it says 0xFFFFFFFF, which players take as "until the end", and is
 * put right afterwards where the file can be sought in. */
#include "say.h"

#include <errno.h>
#include <string.h>

#define WAV_HEADER_BYTES 44

typedef struct stream {
    say_job *job;
    cli_sink sink;
    int32_t sample_rate;
    size_t samples;
    double start_s, first_audio_s;
    int code; /* of the write that failed */
} stream;

static void put_le(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> (8 * i));
}

/* RIFF, one "fmt " chunk for 16-bit mono, one "data" chunk; data_bytes UINT32_MAX: not known yet. */
static void wav_header(unsigned char header[WAV_HEADER_BYTES], int32_t sample_rate, uint32_t data_bytes) {
    uint32_t riff_bytes = data_bytes == UINT32_MAX ? UINT32_MAX : data_bytes + WAV_HEADER_BYTES - 8;
    memcpy(header, "RIFF....WAVEfmt ", 16);
    put_le(header + 4, riff_bytes, 4);
    put_le(header + 16, 16, 4); /* bytes of this chunk */
    put_le(header + 20, 1, 2);  /* PCM */
    put_le(header + 22, 1, 2);  /* channels */
    put_le(header + 24, (uint32_t)sample_rate, 4);
    put_le(header + 28, (uint32_t)sample_rate * 2, 4); /* bytes a second */
    put_le(header + 32, 2, 2);                         /* bytes a frame */
    put_le(header + 34, 16, 2);                        /* bits a sample */
    memcpy(header + 36, "data", 4);
    put_le(header + 40, data_bytes, 4);
}

static int on_chunk(void *user, const float *samples, size_t count, int last) {
    stream *s = user;
    (void)last;
    if (count == 0) return 0;
    if (s->first_audio_s < 0) s->first_audio_s = cli_clock_s() - s->start_s;
    /* The engine's own conversion, so that a stream has the bytes of a whole file; it only reads the samples. */
    ev_audio piece = {.samples = (float *)(uintptr_t)samples, .count = count, .sample_rate = s->sample_rate};
    void *bytes = NULL;
    size_t size = 0;
    ev_error err = {0};
    ev_status status = ev_audio_encode(&piece, EV_FORMAT_PCM, &bytes, &size, &err);
    s->code = status == EV_OK ? cli_sink_put(&s->sink, bytes, size) : cli_engine_failed(status, &err, NULL);
    ev_bytes_free(&bytes);
    s->samples += count;
    say_progress(s->job, "%.1f s spoken", (double)s->samples / s->sample_rate);
    return s->code != CLI_OK;
}

static int patch_header(stream *s) {
    unsigned char header[WAV_HEADER_BYTES];
    uint64_t data_bytes = (uint64_t)s->samples * 2;
    if (!s->sink.regular || data_bytes > UINT32_MAX - WAV_HEADER_BYTES) return CLI_OK;
    if (fseek(s->sink.file, 0, SEEK_SET) != 0) return cli_write_failed(s->sink.path, errno);
    wav_header(header, s->sample_rate, (uint32_t)data_bytes);
    return cli_sink_put(&s->sink, header, sizeof header);
}

static int speak(stream *s) {
    say_job *job = s->job;
    ev_error err = {0};
    unsigned char header[WAV_HEADER_BYTES];
    wav_header(header, s->sample_rate, UINT32_MAX);
    if (job->format == EV_FORMAT_WAV) s->code = cli_sink_put(&s->sink, header, sizeof header);
    if (s->code != CLI_OK) return s->code;
    ev_status status = ev_say_stream(job->engine.synth, &job->request, &err, on_chunk, s);
    say_progress(job, "%s", "");
    if (s->code != CLI_OK) return s->code; /* told already: the engine only knows that it was stopped */
    if (status != EV_OK) return cli_engine_say_failed(&job->engine, status, &err, job->values->emotion, NULL);
    return job->format == EV_FORMAT_WAV ? patch_header(s) : CLI_OK;
}

int say_stream(say_job *job, const cli_text *text) {
    stream s = {.job = job, .sample_rate = ev_model_sample_rate(job->engine.model), .first_audio_s = -1};
    job->request.text = text->bytes != NULL ? text->bytes : "";
    job->request.text_bytes = text->size;
    int code = cli_sink_open(&s.sink, job->output);
    if (code != CLI_OK) return code;
    s.start_s = cli_clock_s();
    code = speak(&s);
    double elapsed_s = cli_clock_s() - s.start_s;
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
