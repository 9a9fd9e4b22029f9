/* say_prepare: what is the same for every text of a run. */
#include "say.h"

#include <string.h>

int say_prepare(say_job *job) {
    const say_values *v = job->values;
    job->engine.warns = !v->quiet;
    int code = cli_engine_open(&job->engine, v->model);
    if (code == CLI_OK) code = cli_engine_synth(&job->engine, v->threads, v->lines ? v->batch : 0);
    if (code == CLI_OK && v->voice != NULL) code = cli_engine_voice(&job->voice, &job->engine, v->voice);
    if (code == CLI_OK && v->reference != NULL) code = cli_engine_reference(&job->voice, &job->engine, v->reference);
    if (code != CLI_OK) return code;
    ev_request_init(&job->request);
    job->request.voice = job->voice;
    job->request.language = strcmp(v->language, "auto") == 0 ? NULL : v->language;
    job->request.emotion = v->emotion;
    job->request.prompt = v->prompt;
    job->request.emotion_degree = v->emotion_degree;
    job->request.speed = v->speed;
    job->request.pitch_scale = v->pitch_scale;
    job->request.energy_scale = v->energy_scale;
    job->request.seed = v->seed;
    return cli_engine_reading(&job->engine, &job->request, v->markup, v->audio_tags, v->lexicon);
}

int say_shape(const say_job *job, ev_audio *audio) {
    const say_values *v = job->values;
    ev_error err = {0};
    const ev_shape_request wanted = {.rate = ev_format_rate(job->format, audio->sample_rate, v->sample_rate),
                                     .volume_db = v->volume,
                                     .normalize = v->normalize,
                                     .trim_silence = v->trim_silence};
    if (wanted.rate == audio->sample_rate && wanted.volume_db == 0 && !v->normalize && !v->trim_silence)
        return CLI_OK;
    ev_status status = ev_audio_shape(audio, &wanted, &err);
    return status == EV_OK ? CLI_OK : cli_engine_failed(status, &err, NULL);
}
