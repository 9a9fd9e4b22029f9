/* stream: samples as they are made, so that playing can begin before the text is finished. Here they go to a raw
 * file, 32-bit floats in the machine's order: play it with `aplay -f FLOAT_LE -r 24000 OUTPUT` (the rate is the
 * model's).
 *
 *   example_stream OUTPUT TEXT */
#include <stdio.h>
#include <string.h>

#include "emotivoice.h"

/* Called on our own thread; the samples are ours until we return. Non-zero stops the speaking. */
static int on_chunk(void *user, const float *samples, size_t count, int last) {
    FILE *out = user;
    printf("%zu samples%s\n", count, last ? ", the last" : "");
    return fwrite(samples, sizeof *samples, count, out) != count;
}

static ev_status speak(ev_synth *synth, const char *text, FILE *out, ev_error *err) {
    ev_request request;
    ev_request_init(&request);
    request.text = text;
    request.text_bytes = strlen(text);
    return ev_say_stream(synth, &request, err, on_chunk, out);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s OUTPUT TEXT\n", argv[0]);
        return 2;
    }
    ev_error err = {0};
    ev_model *model = NULL;
    ev_synth *synth = NULL;
    ev_synth_options options;
    ev_synth_options_init(&options);
    FILE *out = fopen(argv[1], "wb");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    ev_status status = ev_model_open(&model, NULL, NULL, &err);
    if (status == EV_OK) status = ev_synth_create(&synth, model, &options, &err);
    if (status == EV_OK) status = speak(synth, argv[2], out, &err);
    if (status != EV_OK) fprintf(stderr, "%s\n", err.message);
    if (fclose(out) != 0 && status == EV_OK) {
        perror(argv[1]);
        status = EV_E_IO;
    }
    ev_synth_free(&synth);
    ev_model_free(&model);
    return status == EV_OK ? 0 : 1;
}
