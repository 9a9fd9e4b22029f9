/* clone: a few seconds of somebody's speech become a voice, and the voice speaks. A voice can be packed into bytes
 * and kept (ev_voice_pack), so that the reference is heard only once.
 *
 *   example_clone OUTPUT.wav REFERENCE.wav|.mp3 TEXT */
#include <stdio.h>
#include <string.h>

#include "emotivoice.h"

static ev_status speak_as(ev_synth *synth, const ev_voice *voice, const char *text, const char *path, ev_error *err) {
    ev_audio audio = {0};
    ev_request request;
    ev_request_init(&request);
    request.text = text;
    request.text_bytes = strlen(text);
    request.voice = voice; /* borrowed for the call */
    ev_status status = ev_say(synth, &request, &audio, err);
    if (status == EV_OK) status = ev_wav_write(path, &audio, err);
    ev_audio_free(&audio);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s OUTPUT.wav REFERENCE TEXT\n", argv[0]);
        return 2;
    }
    ev_error err = {0};
    ev_model *model = NULL;
    ev_synth *synth = NULL;
    ev_voice *voice = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    ev_status status = ev_model_open(&model, NULL, NULL, &err);
    if (status == EV_OK) status = ev_synth_create(&synth, model, &options, &err);
    if (status == EV_OK) status = ev_voice_from_file(&voice, synth, argv[2], &err);
    if (status == EV_OK) {
        printf("%s: a voice of %.0f Hz\n", argv[2], (double)ev_voice_pitch(voice));
        status = speak_as(synth, voice, argv[3], argv[1], &err);
    }
    if (status != EV_OK) fprintf(stderr, "%s\n", err.message);
    ev_voice_free(&voice); /* in any order: objects keep what they need */
    ev_synth_free(&synth);
    ev_model_free(&model);
    return status == EV_OK ? 0 : 1;
}
