/* prompttts_load: its configuration, and the weights by their published names (prefix "am."). */
#include <stdlib.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/prompttts.h"

static ev_status read_style(ev_bert_config *b, const json_t *o, ev_error *err) {
    TRY(ev_config_int(o, "layers", 1, 48, &b->layers, err));
    TRY(ev_config_int(o, "heads", 1, 64, &b->heads, err));
    TRY(ev_config_int(o, "width", 16, 2048, &b->width, err));
    TRY(ev_config_int(o, "hidden", 16, 8192, &b->hidden, err));
    TRY(ev_config_int(o, "positions", 8, 4096, &b->positions, err));
    TRY(ev_config_int(o, "vocabulary", 4, 1000000, &b->vocabulary, err));
    return ev_config_heads("style_encoder.width", b->width, b->heads, err);
}

static ev_status read_prompts(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    const json_t *prompts = json_object_get(o, "prompts");
    if (json_array_size(prompts) != (size_t)a->emotion_count) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"prompts\" must list a text for each of %d emotions",
                       a->emotion_count);
    }
    for (int i = 0; i < a->emotion_count; i++) {
        if (!json_is_string(json_array_get(prompts, (size_t)i))) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"prompts\"[%d] is not a string", i);
        }
    }
    a->prompts = prompts;
    return EV_OK;
}

ev_status ev_prompttts_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_transformer(a, o, err));
    TRY(ev_config_number(o, "pitch_mean", 1, 1000, &a->pitch_mean, err));
    TRY(ev_config_number(o, "pitch_std", 1e-3, 1000, &a->pitch_std, err));
    TRY(ev_config_number(o, "energy_mean", 0, 1e4, &a->energy_mean, err));
    TRY(ev_config_number(o, "energy_std", 1e-3, 1e4, &a->energy_std, err));
    TRY(read_style(&a->style, json_object_get(o, "style_encoder"), err));
    TRY(read_prompts(a, o, err));
    a->condition = a->speaker + 2 * a->style.width;
    return EV_OK;
}

/* What each emotion's prompt says. */
static ev_status make_emotions(ev_prompttts *m, ev_error *err) {
    const size_t width = (size_t)m->config.style.width;
    m->emotions = malloc((size_t)m->config.emotion_count * width * sizeof *m->emotions);
    if (!m->emotions) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    for (size_t i = 0; i < (size_t)m->config.emotion_count; i++) {
        const json_t *prompt = json_array_get(m->config.prompts, i);
        TRY(ev_style_vector(m->style, NULL, "an emotion's prompt", json_string_value(prompt),
                            json_string_length(prompt), true, m->emotions + i * width, err));
    }
    return EV_OK;
}

static ev_status load_all(ev_prompttts *m, const ev_container *c, ev_error *err) {
    const ev_acoustic_config *k = &m->config;
    const int w = k->width;
    const char *vocabulary = ev_container_metadata(c, "vocabulary");
    if (!vocabulary) return ev_fail(err, EV_E_FORMAT, "model file has no \"vocabulary\" in its metadata");
    TRY(ev_phone_encoder_load(&m->phones, c, k, k->condition, err));
    TRY(ev_stack_load(&m->decoder, c, k, "decoder", k->decoder_layers, err));
    TRY(ev_weights_conv(&m->to_mel, c, "am.to_mel", k->channels, w, 1, err));
    TRY(ev_style_load(&m->style, c, &k->style, vocabulary, err));
    return make_emotions(m, err);
}

ev_status ev_prompttts_load(void **out, const ev_container *c, const ev_acoustic_config *config, size_t positions_max,
                            ev_error *err) {
    *out = NULL;
    ev_prompttts *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->config = *config;
    ev_status s = load_all(m, c, err);
    if (s == EV_OK) s = ev_positions_make(&m->positions, positions_max, m->config.width, err);
    m->config.prompts = NULL; /* they go with the file */
    if (s == EV_OK)
        *out = m;
    else
        ev_prompttts_free(m);
    return s;
}

void ev_prompttts_free(void *model) {
    ev_prompttts *m = model;
    if (!m) return;
    ev_conv_free(&m->to_mel);
    ev_phone_encoder_free(&m->phones);
    ev_stack_free(&m->decoder);
    ev_positions_free(&m->positions);
    ev_style_free(&m->style);
    free(m->emotions);
    free(m);
}

void ev_prompttts_upload(const void *model, ev_queue *q) {
    const ev_prompttts *m = model;
    ev_phone_encoder_upload(&m->phones, &m->config, q);
    ev_stack_upload(&m->decoder, m->config.width, q);
    ev_positions_upload(&m->positions, m->config.width, q);
    ev_conv_upload(&m->to_mel, q);
}
