/* config: see config.h. One reader per network; every number has a range. */
#include "model/config_read.h"

#include "base/try.h"

ev_status ev_speaker_config_read(ev_speaker_config *s, const json_t *o, ev_error *err) {
    *s = (ev_speaker_config){0};
    int n = 0, kernels = 0, dilations = 0;
    TRY(ev_config_int(o, "bins", 80, 80, &s->bins, err));
    TRY(ev_config_ints(json_object_get(o, "channels"), "channels", 16, 8192, s->channels, 3, EV_ECAPA_BLOCKS_MAX + 1,
                       &n, err));
    TRY(ev_config_ints(json_object_get(o, "kernels"), "kernels", 1, 15, s->kernels, 3, EV_ECAPA_BLOCKS_MAX + 1,
                       &kernels, err));
    TRY(ev_config_ints(json_object_get(o, "dilations"), "dilations", 1, 16, s->dilations, 3, EV_ECAPA_BLOCKS_MAX + 1,
                       &dilations, err));
    TRY(ev_config_int(o, "attention", 1, 4096, &s->attention, err));
    TRY(ev_config_int(o, "squeeze", 1, 4096, &s->squeeze, err));
    TRY(ev_config_int(o, "res2net_scale", 2, 16, &s->res2net_scale, err));
    TRY(ev_config_int(o, "embedding", 16, 4096, &s->embedding, err));
    if (kernels != n || dilations != n) {
        return ev_fail(err, EV_E_FORMAT,
                       "model config: speaker \"channels\", \"kernels\", \"dilations\" differ in length");
    }
    s->blocks = n - 1;
    for (int i = 0; i < n; i++) {
        TRY(ev_config_odd("kernels", s->kernels[i], err));
        if (s->kernels[i] / 2 * s->dilations[i] > EV_SPEAKER_REACH_MAX)
            return ev_fail(err, EV_E_FORMAT,
                           "model config: speaker \"kernels\" and \"dilations\" reach over %d frames",
                           EV_SPEAKER_REACH_MAX);
        if (s->channels[i] % (16 * (i && i < n - 1 ? s->res2net_scale : 1)) ||
            (i < n - 1 && s->channels[i] != s->channels[0])) {
            return ev_fail(err, EV_E_FORMAT, "model config: speaker \"channels\"[%d] = %d is not supported", i,
                           s->channels[i]);
        }
    }
    return EV_OK;
}

static ev_status read_equaliser(ev_config *c, const json_t *o, ev_error *err) {
    ev_equaliser_config *k = &c->equaliser;
    if (!o || json_is_null(o)) return EV_OK;
    TRY(ev_config_ints(json_object_get(o, "bands_hz"), "bands_hz", 50, 7500, k->hz, 3, EV_EQUALISER_BANDS_MAX,
                       &k->bands, err));
    for (int b = 1; b < k->bands; b++) {
        /* A sixth of an octave is as much as two lines of the spectrum at 250 Hz. */
        if (k->hz[b] * 8 < k->hz[b - 1] * 9)
            return ev_fail(err, EV_E_FORMAT, "model config: \"bands_hz\"[%d] must be 9/8 of the one before at least",
                           b);
    }
    TRY(ev_config_number(o, "strength", 0, 1, &k->strength, err));
    TRY(ev_config_number(o, "limit_db", 0, 20, &k->limit_db, err));
    if (c->speaker.embedding && c->vocoder.family == EV_VOCODER_ISTFT) return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "model config: an \"equaliser\" needs a speaker encoder and an istft vocoder");
}

/* What one network gives is what the next one takes. */
static ev_status check_seams(const ev_config *c, ev_error *err) {
    const ev_acoustic_config *a = &c->acoustic;
    const ev_vocoder_config *v = &c->vocoder;
    if (a->channels != v->inputs) {
        return ev_fail(err, EV_E_FORMAT,
                       "model config: the acoustic model makes %d channels a frame, the vocoder takes %d",
                       a->channels, v->inputs);
    }
    if (c->speaker.embedding && a->speaker != c->speaker.embedding) {
        return ev_fail(err, EV_E_FORMAT, "model config: speaker vectors have %d floats, the acoustic model takes %d",
                       c->speaker.embedding, a->speaker);
    }
    /* A vocoder that takes a condition takes the acoustic model's. */
    if (v->speaker + v->emotions > 0 && (v->speaker != a->speaker || v->emotions != a->emotion_count)) {
        return ev_fail(
            err, EV_E_FORMAT,
            "model config: the acoustic model takes %d floats of a speaker and %d emotions, the vocoder %d and %d",
            a->speaker, a->emotion_count, v->speaker, v->emotions);
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
    if (s == EV_OK && !json_is_null(json_object_get(json, "speaker"))) {
        s = ev_speaker_config_read(&out->speaker, json_object_get(json, "speaker"), err);
    }
    if (s == EV_OK) s = read_equaliser(out, json_object_get(json, "equaliser"), err);
    if (s == EV_OK) s = check_seams(out, err);
    if (s != EV_OK) ev_config_free(out);
    return s;
}

void ev_config_free(ev_config *config) {
    json_decref(config->json);
    *config = (ev_config){0};
}
