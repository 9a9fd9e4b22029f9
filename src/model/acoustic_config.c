/* acoustic_config: the reader of the acoustic model's part of a configuration, a function per family. */
#include <stdio.h>

#include "model/config_read.h"

static ev_status require_heads(const char *key, int width, int heads, ev_error *err) {
    if (width % 16 == 0 && width % heads == 0 && width / heads % 16 == 0) return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" %d must be a multiple of 16 x heads (%d)", key, width,
                   heads);
}

static ev_status read_emotions(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    const json_t *emotions = json_object_get(o, "emotions");
    const size_t n = json_array_size(emotions);
    if (n < 1 || n > EV_EMOTIONS_MAX) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"emotions\" must list 1..%d names", EV_EMOTIONS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (!json_is_string(json_array_get(emotions, i))) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"emotions\"[%zu] is not a string", i);
        }
    }
    a->emotion_count = (int)n;
    return EV_OK;
}

/* "table": what each token is spelt with. */
static ev_status read_table(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    const json_t *table = json_object_get(o, "table");
    const size_t n = json_array_size(table);
    if (n < 1 || n > 100000) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"table\" must list the symbols of 1..100000 tokens");
    }
    for (size_t i = 0; i < n; i++) {
        int symbols[EV_SPELLING_MAX], count;
        char key[32];
        snprintf(key, sizeof key, "table[%zu]", i);
        TRY(ev_config_ints(json_array_get(table, i), key, 0, a->symbols - 1, symbols, 0, EV_SPELLING_MAX, &count,
                           err));
    }
    a->tokens = (int)n;
    a->table = table;
    return EV_OK;
}

static ev_status read_convnext(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_int(o, "symbols", 1, 4096, &a->symbols, err));
    TRY(ev_config_int(o, "text_width", 16, 1024, &a->text_width, err));
    TRY(ev_config_int(o, "text_passes", 1, 16, &a->text_passes, err));
    TRY(ev_config_int(o, "width", 16, 1024, &a->width, err));
    TRY(ev_config_int(o, "passes", 1, 16, &a->passes, err));
    TRY(ev_config_int(o, "heads", 1, 16, &a->heads, err));
    TRY(ev_config_int(o, "text_kernel", 1, 31, &a->text_kernel, err));
    TRY(ev_config_int(o, "kernel", 1, 31, &a->kernel, err));
    TRY(ev_config_ints(json_object_get(o, "dilations"), "dilations", 1, 16, a->dilations, 1, EV_FRAME_BLOCKS_MAX,
                       &a->frame_blocks, err));
    TRY(ev_config_odd("text_kernel", a->text_kernel, err));
    TRY(ev_config_odd("kernel", a->kernel, err));
    TRY(require_heads("text_width", a->text_width, a->heads, err));
    TRY(require_heads("width", a->width, a->heads, err));
    TRY(read_table(a, o, err));
    if (json_object_get(o, "delay")) TRY(ev_config_int(o, "delay", 0, 40, &a->delay, err));
    a->channels = a->text_width + 1; /* features and energy */
    return EV_OK;
}

static ev_status read_fastspeech2(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_int(o, "tokens", 1, 100000, &a->tokens, err));
    TRY(ev_config_int(o, "width", 16, 2048, &a->width, err));
    TRY(ev_config_int(o, "heads", 1, 64, &a->heads, err));
    TRY(ev_config_int(o, "encoder_layers", 0, 32, &a->encoder_layers, err));
    TRY(ev_config_int(o, "decoder_layers", 0, 32, &a->decoder_layers, err));
    TRY(ev_config_int(o, "ffn", 16, 8192, &a->ffn, err));
    TRY(ev_config_ints(json_object_get(o, "ffn_kernels"), "ffn_kernels", 1, 31, a->ffn_kernels, 2, 2, NULL, err));
    TRY(ev_config_int(o, "duration_layers", 1, 8, &a->duration_layers, err));
    TRY(ev_config_int(o, "pitch_layers", 1, 8, &a->pitch_layers, err));
    TRY(ev_config_int(o, "energy_layers", 1, 8, &a->energy_layers, err));
    TRY(ev_config_int(o, "predictor_kernel", 1, 31, &a->predictor_kernel, err));
    TRY(ev_config_int(o, "variance_kernel", 1, 31, &a->variance_kernel, err));
    TRY(ev_config_int(o, "mels", 1, 512, &a->channels, err));
    TRY(ev_config_int(o, "emotion", 1, 4096, &a->emotion, err));
    TRY(ev_config_number(o, "delta", 1e-4, 100, &a->delta, err));
    TRY(ev_config_number(o, "eps", 1e-12, 1e-2, &a->eps, err));
    TRY(ev_config_number(o, "pitch_scale", 1e-3, 100, &a->pitch_scale, err));
    TRY(ev_config_number(o, "pitch_centre", -20, 20, &a->pitch_centre, err));
    TRY(ev_config_number(o, "energy_std", 1e-3, 1e3, &a->energy_std, err));
    TRY(ev_config_odd("ffn_kernels", a->ffn_kernels[0] & a->ffn_kernels[1], err));
    TRY(ev_config_odd("predictor_kernel", a->predictor_kernel, err));
    TRY(ev_config_odd("variance_kernel", a->variance_kernel, err));
    return require_heads("width", a->width, a->heads, err);
}

ev_status ev_acoustic_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    static const char *const families[] = {"fastspeech2", "convnext"};
    int family = 0;
    *a = (ev_acoustic_config){0};
    TRY(ev_config_family(o, families, 2, &family, err));
    TRY(ev_config_int(o, "speaker", 1, 4096, &a->speaker, err));
    TRY(read_emotions(a, o, err));
    a->family = (ev_acoustic_family)family;
    return a->family == EV_ACOUSTIC_CONVNEXT ? read_convnext(a, o, err) : read_fastspeech2(a, o, err);
}
