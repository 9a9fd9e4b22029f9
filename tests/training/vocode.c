/* vocode: a tool of bench/published.py: the vocoder of a model file alone, asked by turns with others.
 *
 *   vocode MODEL THREADS < asked > answers
 *
 * asked:    int32 frames, then so many rows of the vocoder's channels, as floats; again and again
 * answers:  double seconds, int32 samples, then so many floats
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

typedef struct tool {
    ev_model *model;
    ev_pool *pool;
    ev_queue *queue;
    size_t longest; /* frames of a chunk, as a synth cuts them */
} tool;

static int fail(const char *what) {
    fprintf(stderr, "vocode: %s\n", what);
    return 1;
}

static ev_status open_tool(tool *t, const char *path, int threads, ev_error *err) {
    ev_model_options options;
    ev_compute compute;
    ev_model_options_init(&options);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    ev_status s = ev_model_open(&t->model, path, &options, err);
    if (s == EV_OK) s = ev_pool_create(&t->pool, threads, err);
    if (s != EV_OK) return s;
    const ev_vocoder *v = &t->model->vocoder;
    ev_compute_init(&compute, t->pool);
    t->longest = ev_frames_of_ms(t->model, EV_CHUNK_MS);
    return ev_queue_cpu(&t->queue, &compute, ev_vocoder_bytes(v, t->longest + 2 * v->halo + v->gap, 1, threads), err);
}

static void close_tool(tool *t) {
    ev_queue_free(&t->queue);
    ev_pool_free(&t->pool);
    if (t->model) ev_model_free(&t->model);
}

/* An utterance in chunks of even length; out [frames * hop]. */
static ev_status vocode(const tool *t, const float *mels, size_t frames, float *out, ev_error *err) {
    const ev_vocoder *v = &t->model->vocoder;
    const size_t parts = (frames + t->longest - 1) / t->longest;
    for (size_t i = 0; i < parts; i++) {
        const size_t begin = frames * i / parts, end = frames * (i + 1) / parts;
        const ev_chunk chunk = {
            .input = mels, .frames = frames, .begin = begin, .end = end, .out = out + begin * (size_t)v->config.hop};
        const ev_status s = ev_vocoder_run(v, t->queue, &chunk, 1, err);
        if (s != EV_OK) return s;
    }
    return EV_OK;
}

static bool answer(const tool *t, const float *mels, int32_t frames, float *out, ev_error *err) {
    const double start = ev_clock_s();
    if (vocode(t, mels, (size_t)frames, out, err) != EV_OK) return false;
    const double seconds = ev_clock_s() - start;
    const int32_t samples = frames * t->model->config.vocoder.hop;
    return fwrite(&seconds, sizeof seconds, 1, stdout) == 1 && fwrite(&samples, sizeof samples, 1, stdout) == 1 &&
           fwrite(out, sizeof *out, (size_t)samples, stdout) == (size_t)samples && fflush(stdout) == 0;
}

static int serve(const tool *t) {
    const size_t channels = (size_t)t->model->config.vocoder.inputs, ld = ev_round16(channels);
    int32_t frames;
    while (fread(&frames, sizeof frames, 1, stdin) == 1) {
        if (frames < 1 || frames > 1 << 20) return fail("that many frames cannot be");
        ev_error err = {0};
        float *mels = calloc((size_t)frames * ld, sizeof *mels);
        float *out = calloc((size_t)frames * (size_t)t->model->config.vocoder.hop, sizeof *out);
        bool good = mels && out;
        for (size_t i = 0; good && i < (size_t)frames; i++) {
            good = fread(mels + i * ld, sizeof *mels, channels, stdin) == channels;
        }
        good = good && answer(t, mels, frames, out, &err);
        free(mels);
        free(out);
        if (!good) return fail(*err.message ? err.message : "cannot read, write, or have memory");
    }
    return 0;
}

int main(int argc, char **argv) {
    tool t = {0};
    ev_error err = {0};
    if (argc != 3) return fail("give a model file and a number of threads");
    int code = 1;
    if (open_tool(&t, argv[1], atoi(argv[2]), &err) != EV_OK)
        fail(err.message);
    else if (t.model->vocoder.config.family != EV_VOCODER_HIFIGAN || t.model->vocoder.config.hifigan.harmonics)
        fail("the model's vocoder takes more than mels");
    else
        code = serve(&t);
    close_tool(&t);
    return code;
}
