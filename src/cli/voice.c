/* voice: make, list, show and compare speakers. A .voice file is what ev_voice_pack gives: a speaker vector, a
 * median pitch and an equaliser, a few kilobytes from which nobody can hear the reference again. */
#include "options.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(voice_values, field)

typedef struct voice_values {
    const char *output, *model;
    int32_t threads;
    bool json, quiet;
} voice_values;

_Static_assert(sizeof(voice_values) <= CLI_VALUES_MAX, "cli_values is too small");

static void init(void *values) {
    ev_synth_options synth;
    ev_synth_options_init(&synth);
    ((voice_values *)values)->threads = synth.threads;
}

/* ---- make ---- */

/* References laid end to end. They must share a sample rate: converting one here would change what is heard. */
static int read_references(ev_audio *all, const cli_operands *references) {
    *all = (ev_audio){0};
    for (int i = 0; i < references->count; i++) {
        const char *path = references->items[i];
        ev_audio one = {0};
        ev_error err = {0};
        ev_status status = ev_audio_read(&one, path, 0, &err);
        if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
        if (i > 0 && one.sample_rate != all->sample_rate) {
            int rate = one.sample_rate;
            ev_audio_free(&one);
            return cli_fail(CLI_INPUT, "'%.200s' has %d Hz and the references before it %d Hz: give all at one rate",
                            path, rate, all->sample_rate);
        }
        float *grown = realloc(all->samples, (all->count + one.count) * sizeof *grown);
        if (grown == NULL) {
            ev_audio_free(&one);
            return cli_fail(CLI_FAILURE, "out of memory: give fewer references");
        }
        memcpy(grown + all->count, one.samples, one.count * sizeof *grown);
        *all = (ev_audio){.samples = grown, .count = all->count + one.count, .sample_rate = one.sample_rate};
        ev_audio_free(&one);
    }
    return CLI_OK;
}

static int embed(ev_voice **out, cli_engine *engine, const cli_operands *references) {
    assert(references->count >= 1 && engine->synth);
    ev_audio all;
    ev_error err = {0};
    if (references->count == 1) return cli_engine_reference(out, engine, references->items[0]);
    int code = read_references(&all, references);
    if (code == CLI_OK) {
        ev_status status = ev_voice_embed(out, engine->synth, all.samples, all.count, all.sample_rate, &err);
        if (status != EV_OK) code = cli_engine_failed(status, &err, "the references together");
        if (status == EV_OK && engine->warns) cli_engine_warn(*out, "the references together");
    }
    free(all.samples); /* ours: grown here, not made by the engine */
    return code;
}

static int write_voice(const ev_voice *voice, const char *path, size_t *size) {
    ev_error err = {0};
    ev_voice_pack(voice, NULL, 0, size, NULL); /* asks for the size: its status says only that nothing fits */
    void *bytes = malloc(*size > 0 ? *size : 1);
    if (bytes == NULL) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    ev_status status = ev_voice_pack(voice, bytes, *size, size, &err);
    int code = status == EV_OK ? cli_output_write(path, bytes, *size) : cli_engine_failed(status, &err, NULL);
    free(bytes);
    return code;
}

static int report_made(const voice_values *v, const ev_voice *voice, const char *path, size_t size) {
    bool voice_on_stdout = strcmp(path, "-") == 0;
    size_t dimensions = 0;
    ev_voice_vector(voice, &dimensions);
    if (v->json) {
        ev_buf text = {0};
        ev_json json = {.out = &text};
        ev_json_open(&json, NULL, '{');
        ev_json_string(&json, "output", path);
        ev_json_integer(&json, "bytes", (int64_t)size);
        ev_json_integer(&json, "dimensions", (int64_t)dimensions);
        ev_json_number(&json, "pitch_hz", (double)ev_voice_pitch(voice));
        ev_json_close(&json, '}');
        return cli_output_text(voice_on_stdout ? stderr : stdout, &text);
    }
    if (!v->quiet && !voice_on_stdout) {
        printf("%s: %zu numbers, pitch %.0f Hz\n", path, dimensions, (double)ev_voice_pitch(voice));
    }
    return CLI_OK;
}

static int run_make(const void *values, const cli_operands *operands) {
    const voice_values *v = values;
    const char *path = v->output;
    cli_engine engine = {.warns = !v->quiet};
    ev_voice *voice = NULL;
    size_t size = 0;
    int code = cli_output_choose(&path, "voice");
    if (code == CLI_OK) code = cli_engine_open(&engine, v->model);
    if (code == CLI_OK) code = cli_engine_synth(&engine, v->threads, 0);
    if (code == CLI_OK) code = embed(&voice, &engine, operands);
    if (code == CLI_OK) code = write_voice(voice, path, &size);
    if (code == CLI_OK) code = report_made(v, voice, path, size);
    ev_voice_free(&voice);
    cli_engine_close(&engine);
    return code;
}

/* ---- list ---- */

static int list_json(const cli_engine *engine) {
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_open(&json, "voices", '[');
    for (size_t i = 0; i < ev_model_voice_count(engine->model); i++) {
        ev_voice *voice = NULL;
        const char *name = ev_model_voice_name(engine->model, i);
        ev_json_open(&json, NULL, '{');
        ev_json_string(&json, "name", name);
        ev_json_string(&json, "language", ev_model_voice_language(engine->model, i));
        ev_json_string(&json, "note", ev_model_voice_note(engine->model, i));
        ev_json_bool(&json, "default", i == 0);
        if (ev_voice_named(&voice, engine->model, name, NULL) == EV_OK) {
            ev_json_number(&json, "pitch_hz", (double)ev_voice_pitch(voice));
        }
        ev_json_close(&json, '}');
        ev_voice_free(&voice);
    }
    ev_json_close(&json, ']');
    ev_json_open(&json, "emotions", '[');
    for (size_t i = 0; i < ev_model_emotion_count(engine->model); i++) {
        ev_json_string(&json, NULL, ev_model_emotion_name(engine->model, i));
    }
    ev_json_close(&json, ']');
    ev_json_integer(&json, "sample_rate", ev_model_sample_rate(engine->model));
    ev_json_integer(&json, "dimensions", (int64_t)ev_model_embedding_size(engine->model));
    ev_json_close(&json, '}');
    return cli_output_text(stdout, &text);
}

static int run_list(const void *values, const cli_operands *operands) {
    const voice_values *v = values;
    cli_engine engine = {0};
    (void)operands;
    int code = cli_engine_open(&engine, v->model);
    if (code == CLI_OK && v->json) {
        code = list_json(&engine);
    } else if (code == CLI_OK) {
        for (size_t i = 0; i < ev_model_voice_count(engine.model); i++) {
            printf("%-16s  %-4s  %s\n", ev_model_voice_name(engine.model, i),
                   ev_model_voice_language(engine.model, i), ev_model_voice_note(engine.model, i));
        }
    }
    cli_engine_close(&engine);
    return code;
}

/* ---- show ---- */

typedef struct neighbour {
    const char *name;
    float cosine;
} neighbour;

static neighbour nearest_named(const ev_voice *voice, ev_model *model) {
    neighbour best = {NULL, -2};
    for (size_t i = 0; i < ev_model_voice_count(model); i++) {
        ev_voice *other = NULL;
        const char *name = ev_model_voice_name(model, i);
        if (ev_voice_named(&other, model, name, NULL) != EV_OK) continue;
        float cosine = ev_voice_similarity(voice, other);
        if (cosine > best.cosine) best = (neighbour){name, cosine};
        ev_voice_free(&other);
    }
    return best;
}

static int show_json(const char *spec, const ev_voice *voice, neighbour near) {
    size_t count = 0;
    const float *vector = ev_voice_vector(voice, &count);
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "voice", spec);
    ev_json_number(&json, "pitch_hz", (double)ev_voice_pitch(voice));
    ev_json_string(&json, "nearest", near.name);
    ev_json_number(&json, "nearest_cosine", near.name != NULL ? (double)near.cosine : (double)NAN);
    ev_json_open(&json, "vector", '[');
    for (size_t i = 0; i < count; i++) ev_json_number(&json, NULL, (double)vector[i]);
    ev_json_close(&json, ']');
    ev_json_close(&json, '}');
    return cli_output_text(stdout, &text);
}

static int run_show(const void *values, const cli_operands *operands) {
    const voice_values *v = values;
    const char *spec = operands->items[0];
    cli_engine engine = {0};
    ev_voice *voice = NULL;
    int code = cli_engine_open(&engine, v->model);
    if (code == CLI_OK) code = cli_engine_voice(&voice, &engine, spec);
    if (code == CLI_OK) {
        size_t dimensions = 0;
        ev_voice_vector(voice, &dimensions);
        neighbour near = nearest_named(voice, engine.model);
        if (v->json) {
            code = show_json(spec, voice, near);
        } else {
            printf("voice    %s\npitch    %.1f Hz\nvector   %zu numbers\n", spec, (double)ev_voice_pitch(voice),
                   dimensions);
            if (near.name != NULL) printf("nearest  %s (cosine %.3f)\n", near.name, (double)near.cosine);
        }
    }
    ev_voice_free(&voice);
    cli_engine_close(&engine);
    return code;
}

/* ---- compare ---- */

static int print_comparison(const cli_operands *names, const ev_voice *a, const ev_voice *b, bool as_json) {
    double cosine = (double)ev_voice_similarity(a, b);
    double pitch_a = (double)ev_voice_pitch(a), pitch_b = (double)ev_voice_pitch(b);
    double semitones = pitch_a > 0 && pitch_b > 0 ? 12 * log2(pitch_b / pitch_a) : (double)NAN;
    if (!as_json) {
        printf("cosine  %.4f\npitch   %.1f Hz and %.1f Hz (%+.2f semitones)\n", cosine, pitch_a, pitch_b, semitones);
        return CLI_OK;
    }
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "a", names->items[0]);
    ev_json_string(&json, "b", names->items[1]);
    ev_json_number(&json, "cosine", cosine);
    ev_json_number(&json, "pitch_hz_a", pitch_a);
    ev_json_number(&json, "pitch_hz_b", pitch_b);
    ev_json_number(&json, "semitones", semitones);
    ev_json_close(&json, '}');
    return cli_output_text(stdout, &text);
}

static int run_compare(const void *values, const cli_operands *operands) {
    const voice_values *v = values;
    cli_engine engine = {0};
    ev_voice *a = NULL, *b = NULL;
    int code = cli_engine_open(&engine, v->model);
    if (code == CLI_OK) code = cli_engine_voice(&a, &engine, operands->items[0]);
    if (code == CLI_OK) code = cli_engine_voice(&b, &engine, operands->items[1]);
    if (code == CLI_OK) code = print_comparison(operands, a, b, v->json);
    ev_voice_free(&a);
    ev_voice_free(&b);
    cli_engine_close(&engine);
    return code;
}

/* ---- the tables ---- */

static const cli_option make_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .offset = AT(output),
     .value = "FILE",
     .help = "the .voice file to write; - is standard output, and the default when that is no terminal"},
    CLI_OPTION_MODEL(voice_values),
    CLI_OPTION_THREADS(voice_values),
    CLI_OPTION_JSON(voice_values, "report as a JSON object"),
    CLI_OPTION_QUIET(voice_values),
    {.name = NULL}};

static const cli_option look_options[] = {
    CLI_OPTION_MODEL(voice_values), CLI_OPTION_JSON(voice_values, "print a JSON object"), {.name = NULL}};

static const cli_example make_examples[] = {
    {"emotivoice voice make me.wav -o me.voice", "hear a voice once ..."},
    {"emotivoice say \"Here I am.\" --voice me.voice -o me.wav", "... and use it ever after"},
    {NULL, NULL}};

static const cli_example list_examples[] = {{"emotivoice voice list", "names and notes"}, {NULL, NULL}};

static const cli_example compare_examples[] = {
    {"emotivoice voice compare me.voice me-later.wav", "the same speaker? 1 is the same, 0 unrelated"}, {NULL, NULL}};

const cli_command cli_voice_make = {.name = "voice make",
                                    .synopsis = "REFERENCE...",
                                    .summary = "make a .voice file from recorded speech",
                                    .description = "Makes a .voice file from recordings (.wav, .mp3, .flac, .ogg, "
                                                   ".opus), 1 to 30 seconds of speech in all, one speaker, "
                                                   "little noise. Several references must share a sample rate.",
                                    .options = make_options,
                                    .examples = make_examples,
                                    .values_size = sizeof(voice_values),
                                    .init = init,
                                    .operands_min = 1,
                                    .operands_max = 64,
                                    .run = run_make};

const cli_command cli_voice_list = {
    .name = "voice list",
    .synopsis = "",
    .summary = "list the voices of the model",
    .description =
        "Lists the voices that the model carries; the first is the default. --json lists its emotions too.",
    .options = look_options,
    .examples = list_examples,
    .values_size = sizeof(voice_values),
    .init = init,
    .run = run_list};

const cli_command cli_voice_show = {.name = "voice show",
                                    .synopsis = "VOICE",
                                    .summary = "show a voice: pitch, size, nearest voice of the model",
                                    .description =
                                        "Shows a voice of the model, a .voice file, or what a recording would give.",
                                    .options = look_options,
                                    .values_size = sizeof(voice_values),
                                    .init = init,
                                    .operands_min = 1,
                                    .operands_max = 1,
                                    .run = run_show};

const cli_command cli_voice_compare = {
    .name = "voice compare",
    .synopsis = "VOICE VOICE",
    .summary = "how alike two voices are",
    .description =
        "Compares two voices (names, .voice files or references): the cosine of their speaker vectors, and "
        "their pitches.",
    .options = look_options,
    .examples = compare_examples,
    .values_size = sizeof(voice_values),
    .init = init,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_compare};
