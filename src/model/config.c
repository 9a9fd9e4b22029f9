/* config: see config.h. One reader per network; every number has a range. */
#include "model/config_read.h"

ev_status ev_acoustic_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    *a = (ev_acoustic_config){0};
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
    TRY(ev_config_int(o, "mels", 1, 512, &a->mels, err));
    TRY(ev_config_int(o, "speaker", 1, 4096, &a->speaker, err));
    TRY(ev_config_int(o, "emotion", 1, 4096, &a->emotion, err));
    TRY(ev_config_number(o, "delta", 1e-4, 100, &a->delta, err));
    TRY(ev_config_number(o, "eps", 1e-12, 1e-2, &a->eps, err));
    TRY(ev_config_number(o, "pitch_scale", 1e-3, 100, &a->pitch_scale, err));
    TRY(ev_config_number(o, "pitch_centre", -20, 20, &a->pitch_centre, err));
    TRY(ev_config_number(o, "energy_std", 1e-3, 1e3, &a->energy_std, err));
    TRY(ev_config_odd("ffn_kernels", a->ffn_kernels[0] & a->ffn_kernels[1], err));
    TRY(ev_config_odd("predictor_kernel", a->predictor_kernel, err));
    TRY(ev_config_odd("variance_kernel", a->variance_kernel, err));
    if (a->width % 16 || a->width % a->heads || (a->width / a->heads) % 16) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"width\" %d must be a multiple of 16 x heads (%d)", a->width,
                       a->heads);
    }
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

ev_status ev_speaker_config_read(ev_speaker_config *s, const json_t *o, ev_error *err) {
    *s = (ev_speaker_config){0};
    int n = 0, kernels = 0, dilations = 0;
    TRY(ev_config_int(o, "bins", 80, 80, &s->bins, err));
    TRY(ev_config_ints(json_object_get(o, "channels"), "channels", 16, 8192, s->channels, 3, EV_ECAPA_BLOCKS_MAX + 1, &n, err));
    TRY(ev_config_ints(json_object_get(o, "kernels"), "kernels", 1, 15, s->kernels, 3, EV_ECAPA_BLOCKS_MAX + 1, &kernels, err));
    TRY(ev_config_ints(json_object_get(o, "dilations"), "dilations", 1, 16, s->dilations, 3, EV_ECAPA_BLOCKS_MAX + 1,
                 &dilations, err));
    TRY(ev_config_int(o, "attention", 1, 4096, &s->attention, err));
    TRY(ev_config_int(o, "squeeze", 1, 4096, &s->squeeze, err));
    TRY(ev_config_int(o, "res2net_scale", 2, 16, &s->res2net_scale, err));
    TRY(ev_config_int(o, "embedding", 16, 4096, &s->embedding, err));
    if (kernels != n || dilations != n) {
        return ev_fail(err, EV_E_FORMAT, "model config: speaker \"channels\", \"kernels\", \"dilations\" differ in length");
    }
    s->blocks = n - 1;
    for (int i = 0; i < n; i++) {
        TRY(ev_config_odd("kernels", s->kernels[i], err));
        if (s->channels[i] % (16 * (i && i < n - 1 ? s->res2net_scale : 1)) ||
            (i < n - 1 && s->channels[i] != s->channels[0])) {
            return ev_fail(err, EV_E_FORMAT, "model config: speaker \"channels\"[%d] = %d is not supported", i,
                           s->channels[i]);
        }
    }
    return EV_OK;
}

ev_status ev_config_read(ev_config *out, const ev_container *c, ev_error *err) {
    *out = (ev_config){0};
    const char *text = ev_container_metadata(c, "emotivoice");
    if (!text) return ev_fail(err, EV_E_FORMAT, "not an emotivoice model: no \"emotivoice\" in its metadata");
    json_error_t je = {0};
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &je);
    if (!json && ev_json_no_memory(&je)) return ev_fail(err, EV_E_MEMORY, "out of memory for the model config");
    if (!json) return ev_fail(err, EV_E_FORMAT, "model config is not valid JSON: %s", je.text);
    out->json = json;
    int format = 0;
    ev_status s = ev_config_int(json, "format", 1, 1, &format, err);
    if (s == EV_OK) s = ev_acoustic_config_read(&out->acoustic, json_object_get(json, "acoustic"), err);
    if (s == EV_OK) s = ev_vocoder_config_read(&out->vocoder, json_object_get(json, "vocoder"), err);
    if (s == EV_OK) s = ev_speaker_config_read(&out->speaker, json_object_get(json, "speaker"), err);
    if (s == EV_OK && out->acoustic.mels != out->vocoder.inputs) {
        s = ev_fail(err, EV_E_FORMAT, "model config: acoustic model makes %d channels a frame, vocoder takes %d",
                    out->acoustic.mels, out->vocoder.inputs);
    }
    if (s == EV_OK && out->acoustic.speaker != out->speaker.embedding) {
        s = ev_fail(err, EV_E_FORMAT, "model config: speaker vectors have %d floats, the acoustic model takes %d",
                    out->speaker.embedding, out->acoustic.speaker);
    }
    if (s != EV_OK) ev_config_free(out);
    return s;
}

void ev_config_free(ev_config *config) {
    json_decref(config->json);
    *config = (ev_config){0};
}
