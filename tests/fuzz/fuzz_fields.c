/* Fuzzes a request's JSON: any bytes either are refused with a field and a line, or give a params whose every number
 * is in its range and whose text is all there. The first byte chooses the route and how open the service is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { NATIVE = 1, OPEN = 2, NARROW = 4 };

static void set(sv_config *config, const char *key, const char *value) {
    if (sv_config_set(config, key, value, (sv_origin){.from = SV_FROM_FLAG}, NULL) != EV_OK) abort();
}

static const sv_config *config_of(unsigned choice) {
    static sv_config configs[8];
    sv_config *config = &configs[choice & (OPEN | NARROW)];
    if (config->listen) return config;
    if (sv_config_init(config, NULL) != EV_OK) abort();
    if (choice & OPEN) set(config, "fetch", "any");
    if (choice & OPEN) set(config, "webhook", "any");
    if (choice & NARROW) set(config, "text_chars_max", "8");
    if (choice & NARROW) set(config, "reference_bytes_max", "1024");
    return config;
}

/* The default voice, and beside it one of the published family, which takes prompts and does not clone. */
static const sv_model_list *open_once(void) {
    static const char *const files[] = {"/../models/emotivoice-default.safetensors",
                                        "/golden/tiny_prompts.safetensors"};
    static sv_model models[2] = {{.name = "emotivoice", .number = 1}, {.name = "published", .number = 2}};
    static sv_model_list *list;
    if (list) return list;
    ev_model_options options;
    ev_model_options_init(&options);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    list = calloc(1, sizeof *list + 2 * sizeof(sv_model *));
    if (!list) abort();
    for (; list->count < 2; list->count++) {
        ev_model *model = NULL;
        sv_model *m = &models[list->count];
        char path[4096];
        snprintf(path, sizeof path, "%s%s", EV_TEST_DIR, files[list->count]);
        if (ev_model_open(&model, path, &options, NULL) != EV_OK ||
            sv_catalogue_create(&m->catalogue, model, m->name, NULL) != EV_OK)
            abort();
        ev_model_free(&model);
        list->items[list->count] = m;
    }
    return list;
}

static bool within(double x, double low, double high) { return x >= low && x <= high; }

static void check_speech(const sv_fields *f, const sv_speech *s) {
    if (!s->text || !s->text_bytes || strlen(s->text) != s->text_bytes) abort();
    if (f->chars < 1 || f->chars > f->config->text_chars_max || (size_t)f->chars > s->text_bytes) abort();
    if (!within((double)s->speed, 0.25, 4) || !within((double)s->pitch_scale, 0.5, 2)) abort();
    if (!within((double)s->energy_scale, 0.25, 4) || !within((double)s->emotion_degree, 0, 1.5)) abort();
    if (s->priority < 0 || s->priority > 2 || s->deadline_us < 0) abort();
    if (s->reference && (!s->reference_bytes || s->reference_url || s->voice)) abort();
    if ((int64_t)s->reference_bytes > f->config->reference_bytes_max + 3) abort();
    void *copy = malloc(s->reference_bytes + 1); /* reads every byte that was promised */
    if (copy && s->reference) memcpy(copy, s->reference, s->reference_bytes);
    free(copy);
    if (s->reference_url && f->config->fetch == SV_REACH_OFF) abort();
    if (!s->model || strcmp(s->model, f->model->name) != 0 || s->model_number != f->model->number) abort();
    if (s->prompt && !sv_catalogue_takes_prompts(f->model->catalogue)) abort();
    if ((s->reference || s->reference_url) && !sv_catalogue_clones(f->model->catalogue)) abort();
}

static void check_params(const sv_fields *f, const sv_speech_params *w) {
    check_speech(f, &w->speech);
    if (w->format == EV_FORMAT_WAV_FLOAT || !ev_format_media_type(w->format)) abort();
    if (w->webhook && (!f->native || f->config->webhook == SV_REACH_OFF || strlen(w->webhook) > 2048)) abort();
    if (w->words && !f->native && !w->sse) abort();
}

static void check_mistake(const sv_fields *f, const sv_speech_params *w) {
    static const sv_speech_params none;
    if (!f->message[0] || memchr(f->message, '\0', sizeof f->message) == NULL) abort();
    if (f->field && !f->field[0]) abort();
    if (memcmp(w, &none, sizeof none) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    sv_speech_params params;
    sv_fields f = {
        .config = config_of(bytes[0]), .models = open_once(), .start = 1000, .native = (bytes[0] & NATIVE) != 0};
    if (sv_fields_parse(&f, bytes + 1, size - 1, &params))
        check_params(&f, &params);
    else
        check_mistake(&f, &params);
    sv_speech_params_free(&params);
    return 0;
}
