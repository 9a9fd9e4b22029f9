/* say: the shortest way from text to a file.
 *
 *   example_say hello.wav "Hello there." [emotion] */
#include <stdio.h>
#include <string.h>

#include "emotivoice.h"

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s OUTPUT.wav TEXT [EMOTION]\n", argv[0]);
        return 2;
    }
    ev_error err = {0};
    ev_model *model = NULL;
    ev_synth *synth = NULL;
    ev_audio audio = {0};

    ev_synth_options options;
    ev_synth_options_init(&options);

    /* A NULL path: $EMOTIVOICE_MODEL, else the voice that came with the library. */
    ev_status status = ev_model_open(&model, NULL, NULL, &err);
    if (status == EV_OK) status = ev_synth_create(&synth, model, &options, &err);
    if (status == EV_OK) {
        ev_request request;
        ev_request_init(&request); /* every number at its default */
        request.text = argv[2];
        request.text_bytes = strlen(argv[2]);
        request.emotion = argc > 3 ? argv[3] : "happy:0.7";
        status = ev_say(synth, &request, &audio, &err);
    }
    if (status == EV_OK) status = ev_wav_write(argv[1], &audio, &err);
    if (status == EV_OK) {
        printf("%s: %.2f s\n", argv[1], (double)audio.count / audio.sample_rate);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }

    ev_audio_free(&audio); /* the frees take what was never made */
    ev_synth_free(&synth);
    ev_model_free(&model);
    return status == EV_OK ? 0 : 1;
}
