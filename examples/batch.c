/* batch: several texts in one call, which costs less than one call each and gives the same samples. Every item has
 * its own status: the second text here is wrong on purpose, and harms nobody.
 *
 *   example_batch PREFIX      writes PREFIX0.wav, PREFIX2.wav */
#include <stdio.h>
#include <string.h>

#include "emotivoice.h"

#define COUNT 3

static ev_status speak_all(ev_synth *synth, const char *prefix, ev_error *err) {
    static const char *const texts[COUNT] = {"The first sentence.", "", "第三句话。"};
    ev_request requests[COUNT];
    const ev_request *pointers[COUNT];
    ev_result results[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        ev_request_init(&requests[i]);
        requests[i].text = texts[i];
        requests[i].text_bytes = strlen(texts[i]);
        pointers[i] = &requests[i];
    }
    ev_status status = ev_say_batch(synth, pointers, COUNT, results, err);
    for (int i = 0; i < COUNT && status == EV_OK; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%d.wav", prefix, i);
        if (results[i].status != EV_OK) {
            printf("text %d: %s\n", i, results[i].error.message);
        } else if ((status = ev_wav_write(path, &results[i].audio, err)) == EV_OK) {
            printf("%s: %.2f s\n", path, (double)results[i].audio.count / results[i].audio.sample_rate);
        }
    }
    for (int i = 0; i < COUNT; i++) ev_audio_free(&results[i].audio);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s PREFIX\n", argv[0]);
        return 2;
    }
    ev_error err = {0};
    ev_model *model = NULL;
    ev_synth *synth = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    ev_status status = ev_model_open(&model, NULL, NULL, &err);
    if (status == EV_OK) status = ev_synth_create(&synth, model, &options, &err);
    if (status == EV_OK) status = speak_all(synth, argv[1], &err);
    if (status != EV_OK) fprintf(stderr, "%s\n", err.message);
    ev_synth_free(&synth);
    ev_model_free(&model);
    return status == EV_OK ? 0 : 1;
}
