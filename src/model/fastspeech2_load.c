/* fastspeech2_load: binds the weights by their published names (prefix "am."). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/fastspeech2.h"

ev_status ev_fastspeech2_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_transformer(a, o, err));
    TRY(ev_config_int(o, "emotion", 1, 4096, &a->emotion, err));
    TRY(ev_config_number(o, "pitch_scale", 1e-3, 100, &a->pitch_scale, err));
    TRY(ev_config_number(o, "pitch_centre", -20, 20, &a->pitch_centre, err));
    TRY(ev_config_number(o, "energy_std", 1e-3, 1e3, &a->energy_std, err));
    a->condition = a->speaker + a->emotion_count;
    return EV_OK;
}

static ev_status load_all(ev_fastspeech2 *m, const ev_container *c, ev_error *err) {
    const ev_acoustic_config *k = &m->config;
    const int w = k->width;
    TRY(ev_weights_array(&m->emotion_embedding, c, "am.emotion_emb.weight", 2,
                         (int64_t[]){k->emotion_count, k->emotion}, err));
    TRY(ev_phone_encoder_load(&m->phones, c, k, k->speaker + k->emotion, err));
    TRY(ev_stack_load(&m->decoder, c, k, "decoder", k->decoder_layers, err));
    TRY(ev_weights_conv(&m->to_mel, c, "am.to_mel", k->channels, w, 1, err));
    return ev_weights_conv(&m->to_f0, c, "am.to_f0", 2, w, 1, err);
}

ev_status ev_fastspeech2_load(void **out, const ev_container *c, const ev_acoustic_config *config,
                              size_t positions_max, ev_error *err) {
    *out = NULL;
    ev_fastspeech2 *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->config = *config;
    ev_status s = load_all(m, c, err);
    if (s == EV_OK) s = ev_positions_make(&m->positions, positions_max, m->config.width, err);
    if (s == EV_OK)
        *out = m;
    else
        ev_fastspeech2_free(m);
    return s;
}

void ev_fastspeech2_free(void *model) {
    ev_fastspeech2 *m = model;
    if (!m) return;
    ev_positions_free(&m->positions);
    ev_phone_encoder_free(&m->phones);
    ev_stack_free(&m->decoder);
    ev_conv_free(&m->to_mel);
    ev_conv_free(&m->to_f0);
    free(m->emotion_embedding);
    free(m);
}

void ev_fastspeech2_upload(const void *model, ev_queue *q) {
    const ev_fastspeech2 *m = model;
    ev_phone_encoder_upload(&m->phones, &m->config, q);
    ev_stack_upload(&m->decoder, m->config.width, q);
    ev_positions_upload(&m->positions, m->config.width, q);
    ev_conv_upload(&m->to_mel, q);
    ev_conv_upload(&m->to_f0, q);
}
