/* config: see config.h. One reader per network; every number has a range. */
#include "model/config.h"

#include <math.h>
#include <string.h>

static ev_status get_int(const json_t *o, const char *key, int low, int high, int *out, ev_error *err) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v)) return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is missing or not an integer", key);
    const json_int_t n = json_integer_value(v);
    if (n < low || n > high) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %lld, wanted %d..%d", key, (long long)n, low, high);
    }
    *out = (int)n;
    return EV_OK;
}

static ev_status get_number(const json_t *o, const char *key, double low, double high, double *out, ev_error *err) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v)) return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is missing or not a number", key);
    const double n = json_number_value(v);
    if (!(n >= low && n <= high)) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %g, wanted %g..%g", key, n, low, high);
    }
    *out = n;
    return EV_OK;
}

/* An array of min..max integers; *count is how many there are (NULL: exactly max). */
static ev_status get_ints(const json_t *array, const char *key, int low, int high, int *out, int min, int max,
                          int *count, ev_error *err) {
    const size_t n = json_array_size(array);
    if (!json_is_array(array) || n < (size_t)min || n > (size_t)max) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"%s\" must be a list of %d..%d integers", key, min, max);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(array, i);
        if (!json_is_integer(v) || json_integer_value(v) < low || json_integer_value(v) > high) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"%s\"[%zu] is not an integer in %d..%d", key, i, low, high);
        }
        out[i] = (int)json_integer_value(v);
    }
    if (count) *count = (int)n;
    return EV_OK;
}

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        const ev_status status_ = (call);                                                                              \
        if (status_ != EV_OK) return status_;                                                                          \
    } while (0)

static ev_status require_odd(const char *key, int n, ev_error *err) {
    return n % 2 ? EV_OK : ev_fail(err, EV_E_FORMAT, "model config: \"%s\" is %d, wanted an odd kernel size", key, n);
}

ev_status ev_acoustic_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    *a = (ev_acoustic_config){0};
    TRY(get_int(o, "tokens", 1, 100000, &a->tokens, err));
    TRY(get_int(o, "width", 16, 2048, &a->width, err));
    TRY(get_int(o, "heads", 1, 64, &a->heads, err));
    TRY(get_int(o, "encoder_layers", 0, 32, &a->encoder_layers, err));
    TRY(get_int(o, "decoder_layers", 0, 32, &a->decoder_layers, err));
    TRY(get_int(o, "ffn", 16, 8192, &a->ffn, err));
    TRY(get_ints(json_object_get(o, "ffn_kernels"), "ffn_kernels", 1, 31, a->ffn_kernels, 2, 2, NULL, err));
    TRY(get_int(o, "duration_layers", 1, 8, &a->duration_layers, err));
    TRY(get_int(o, "pitch_layers", 1, 8, &a->pitch_layers, err));
    TRY(get_int(o, "energy_layers", 1, 8, &a->energy_layers, err));
    TRY(get_int(o, "predictor_kernel", 1, 31, &a->predictor_kernel, err));
    TRY(get_int(o, "variance_kernel", 1, 31, &a->variance_kernel, err));
    TRY(get_int(o, "mels", 1, 512, &a->mels, err));
    TRY(get_int(o, "speaker", 1, 4096, &a->speaker, err));
    TRY(get_int(o, "emotion", 1, 4096, &a->emotion, err));
    TRY(get_number(o, "delta", 1e-4, 100, &a->delta, err));
    TRY(get_number(o, "eps", 1e-12, 1e-2, &a->eps, err));
    TRY(get_number(o, "pitch_scale", 1e-3, 100, &a->pitch_scale, err));
    TRY(get_number(o, "pitch_centre", -20, 20, &a->pitch_centre, err));
    TRY(get_number(o, "energy_std", 1e-3, 1e3, &a->energy_std, err));
    TRY(require_odd("ffn_kernels", a->ffn_kernels[0] & a->ffn_kernels[1], err));
    TRY(require_odd("predictor_kernel", a->predictor_kernel, err));
    TRY(require_odd("variance_kernel", a->variance_kernel, err));
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

static ev_status read_resblocks(ev_vocoder_config *v, const json_t *o, ev_error *err) {
    const char *kind = json_string_value(json_object_get(o, "resblock"));
    if (!kind || (strcmp(kind, "1") != 0 && strcmp(kind, "2") != 0)) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"resblock\" must be \"1\" or \"2\"");
    }
    v->resblock = kind[0] - '0';
    TRY(get_ints(json_object_get(o, "res_kernels"), "res_kernels", 1, 63, v->res_kernels, 1, EV_KINDS_MAX, &v->kinds,
                 err));
    const json_t *d = json_object_get(o, "res_dilations");
    if (json_array_size(d) != (size_t)v->kinds) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"res_dilations\" must have one list per kernel");
    }
    for (int i = 0; i < v->kinds; i++) {
        int count = 0;
        TRY(require_odd("res_kernels", v->res_kernels[i], err));
        TRY(get_ints(json_array_get(d, (size_t)i), "res_dilations", 1, 64, v->res_dilations[i], 1, EV_DILATIONS_MAX,
                     &count, err));
        if (i && count != v->dilation_count) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"res_dilations\" lists must be of one length");
        }
        v->dilation_count = count;
    }
    return EV_OK;
}

ev_status ev_vocoder_config_read(ev_vocoder_config *v, const json_t *o, ev_error *err) {
    *v = (ev_vocoder_config){0};
    int kernels = 0;
    TRY(get_int(o, "mels", 1, 512, &v->mels, err));
    TRY(get_int(o, "sample_rate", 8000, 48000, &v->sample_rate, err));
    TRY(get_int(o, "channels", 16, 2048, &v->channels, err));
    TRY(get_ints(json_object_get(o, "rates"), "rates", 2, 16, v->rates, 1, EV_STAGES_MAX, &v->stages, err));
    TRY(get_ints(json_object_get(o, "kernels"), "kernels", 2, 64, v->kernels, 1, EV_STAGES_MAX, &kernels, err));
    TRY(get_int(o, "pre_kernel", 1, 31, &v->pre_kernel, err));
    TRY(get_int(o, "post_kernel", 1, 31, &v->post_kernel, err));
    TRY(get_int(o, "harmonics", 0, 32, &v->harmonics, err));
    TRY(get_number(o, "post_slope", 0, 1, &v->post_slope, err));
    TRY(require_odd("pre_kernel", v->pre_kernel, err));
    TRY(require_odd("post_kernel", v->post_kernel, err));
    TRY(read_resblocks(v, o, err));
    if (kernels != v->stages) return ev_fail(err, EV_E_FORMAT, "model config: \"rates\" and \"kernels\" differ in length");
    int hop = 1;
    for (int i = 0; i < v->stages; i++) {
        const int u = v->rates[i], k = v->kernels[i];
        if (k % u || (k - u) % 2 || k < u || k / u > 4 || v->channels % (1 << (i + 1))) {
            return ev_fail(err, EV_E_FORMAT, "model config: upsampling %d has rate %d, kernel %d: not supported", i, u, k);
        }
        hop *= u;
    }
    if (v->harmonics && hop % 2) return ev_fail(err, EV_E_FORMAT, "model config: hop %d must be even", hop);
    if (hop > 4096) return ev_fail(err, EV_E_FORMAT, "model config: hop %d is over 4096", hop);
    v->hop = hop;
    return EV_OK;
}

ev_status ev_speaker_config_read(ev_speaker_config *s, const json_t *o, ev_error *err) {
    *s = (ev_speaker_config){0};
    int n = 0, kernels = 0, dilations = 0;
    TRY(get_int(o, "bins", 80, 80, &s->bins, err));
    TRY(get_ints(json_object_get(o, "channels"), "channels", 16, 8192, s->channels, 3, EV_ECAPA_BLOCKS_MAX + 1, &n, err));
    TRY(get_ints(json_object_get(o, "kernels"), "kernels", 1, 15, s->kernels, 3, EV_ECAPA_BLOCKS_MAX + 1, &kernels, err));
    TRY(get_ints(json_object_get(o, "dilations"), "dilations", 1, 16, s->dilations, 3, EV_ECAPA_BLOCKS_MAX + 1,
                 &dilations, err));
    TRY(get_int(o, "attention", 1, 4096, &s->attention, err));
    TRY(get_int(o, "squeeze", 1, 4096, &s->squeeze, err));
    TRY(get_int(o, "res2net_scale", 2, 16, &s->res2net_scale, err));
    TRY(get_int(o, "embedding", 16, 4096, &s->embedding, err));
    if (kernels != n || dilations != n) {
        return ev_fail(err, EV_E_FORMAT, "model config: speaker \"channels\", \"kernels\", \"dilations\" differ in length");
    }
    s->blocks = n - 1;
    for (int i = 0; i < n; i++) {
        TRY(require_odd("kernels", s->kernels[i], err));
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
    ev_status s = get_int(json, "format", 1, 1, &format, err);
    if (s == EV_OK) s = ev_acoustic_config_read(&out->acoustic, json_object_get(json, "acoustic"), err);
    if (s == EV_OK) s = ev_vocoder_config_read(&out->vocoder, json_object_get(json, "vocoder"), err);
    if (s == EV_OK) s = ev_speaker_config_read(&out->speaker, json_object_get(json, "speaker"), err);
    if (s == EV_OK && out->acoustic.mels != out->vocoder.mels) {
        s = ev_fail(err, EV_E_FORMAT, "model config: acoustic model makes %d mels, vocoder takes %d",
                    out->acoustic.mels, out->vocoder.mels);
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
