/* vocoder_config: the reader of the vocoder's part of a configuration, a function per family. */
#include <string.h>

#include "base/try.h"
#include "model/config_read.h"

static ev_status read_resblocks(ev_hifigan_config *g, const json_t *o, ev_error *err) {
    const char *kind = json_string_value(json_object_get(o, "resblock"));
    if (!kind || (strcmp(kind, "1") != 0 && strcmp(kind, "2") != 0)) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"resblock\" must be \"1\" or \"2\"");
    }
    g->resblock = kind[0] - '0';
    TRY(ev_config_ints(json_object_get(o, "res_kernels"), "res_kernels", 1, 63, g->res_kernels, 1, EV_KINDS_MAX,
                       &g->kinds, err));
    const json_t *d = json_object_get(o, "res_dilations");
    if (json_array_size(d) != (size_t)g->kinds) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"res_dilations\" must have one list per kernel");
    }
    for (int i = 0; i < g->kinds; i++) {
        int count = 0;
        TRY(ev_config_odd("res_kernels", g->res_kernels[i], err));
        TRY(ev_config_ints(json_array_get(d, (size_t)i), "res_dilations", 1, 64, g->res_dilations[i], 1,
                           EV_DILATIONS_MAX, &count, err));
        if (i && count != g->dilation_count) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"res_dilations\" lists must be of one length");
        }
        g->dilation_count = count;
    }
    return EV_OK;
}

/* The hop is what the rates make together. */
static ev_status check_rates(const ev_hifigan_config *g, int kernels, int *hop, ev_error *err) {
    if (kernels != g->stages) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"rates\" and \"kernels\" differ in length");
    }
    *hop = 1;
    for (int i = 0; i < g->stages; i++) {
        const int u = g->rates[i], k = g->kernels[i];
        if (k % u || (k - u) % 2 || k < u || k / u > 4 || g->channels % (1 << (i + 1))) {
            return ev_fail(err, EV_E_FORMAT, "model config: upsampling %d has rate %d, kernel %d: not supported", i,
                           u, k);
        }
        *hop *= u;
    }
    if (g->harmonics && *hop % 2) return ev_fail(err, EV_E_FORMAT, "model config: hop %d must be even", *hop);
    if (*hop > 4096) return ev_fail(err, EV_E_FORMAT, "model config: hop %d is over 4096", *hop);
    return EV_OK;
}

static ev_status read_hifigan(ev_vocoder_config *v, const json_t *o, ev_error *err) {
    ev_hifigan_config *g = &v->hifigan;
    int kernels = 0;
    TRY(ev_config_int(o, "mels", 1, 512, &v->inputs, err));
    TRY(ev_config_int(o, "channels", 16, 2048, &g->channels, err));
    TRY(ev_config_ints(json_object_get(o, "rates"), "rates", 2, 16, g->rates, 1, EV_STAGES_MAX, &g->stages, err));
    TRY(ev_config_ints(json_object_get(o, "kernels"), "kernels", 2, 64, g->kernels, 1, EV_STAGES_MAX, &kernels, err));
    TRY(ev_config_int(o, "pre_kernel", 1, 31, &g->pre_kernel, err));
    TRY(ev_config_int(o, "post_kernel", 1, 31, &g->post_kernel, err));
    TRY(ev_config_int(o, "harmonics", 0, EV_HARMONICS_MAX, &g->harmonics, err));
    TRY(ev_config_number(o, "post_slope", 0, 1, &g->post_slope, err));
    TRY(ev_config_odd("pre_kernel", g->pre_kernel, err));
    TRY(ev_config_odd("post_kernel", g->post_kernel, err));
    TRY(read_resblocks(g, o, err));
    return check_rates(g, kernels, &v->hop, err);
}

static ev_status read_spectral(ev_vocoder_config *v, const json_t *o, ev_error *err) {
    ev_spectral_config *k = &v->spectral;
    int fft = 0;
    TRY(ev_config_int(o, "hop", 16, 1024, &v->hop, err));
    TRY(ev_config_int(o, "fft", 64, 4096, &fft, err));
    TRY(ev_config_int(o, "features", 1, 512, &v->inputs, err));
    TRY(ev_config_int(o, "width", 16, 2048, &k->width, err));
    TRY(ev_config_int(o, "hidden", 16, 8192, &k->hidden, err));
    TRY(ev_config_int(o, "blocks", 1, EV_VOCODER_BLOCKS_MAX, &k->blocks, err));
    TRY(ev_config_int(o, "kernel", 3, 31, &k->kernel, err));
    TRY(ev_config_odd("kernel", k->kernel, err));
    TRY(ev_config_number(o, "highest_hz", 100, v->sample_rate / 2.0, &k->highest_hz, err));
    k->parts = 5; /* files from before there were bursts say nothing */
    if (json_object_get(o, "parts")) TRY(ev_config_int(o, "parts", 4, 5, &k->parts, err));
    TRY(ev_config_int(o, "speaker", 1, 4096, &v->speaker, err));
    TRY(ev_config_int(o, "emotions", 1, EV_EMOTIONS_MAX, &v->emotions, err));
    TRY(ev_config_int8(o, &k->int8, err));
    v->inputs++; /* and energy */
    if (fft != 4 * v->hop || v->hop % 2) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"fft\" is %d, wanted four times an even \"hop\" (%d)", fft,
                       v->hop);
    }
    if (k->width % 16 || k->hidden % 16) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"width\" %d and \"hidden\" %d must be multiples of 16",
                       k->width, k->hidden);
    }
    return EV_OK;
}

/* No family: files from before there were two. */
ev_status ev_vocoder_config_read(ev_vocoder_config *v, const json_t *o, ev_error *err) {
    const json_t *family = json_object_get(o, "family");
    const char *name = family ? json_string_value(family) : "hifigan";
    *v = (ev_vocoder_config){.family = EV_VOCODER_HIFIGAN};
    TRY(ev_config_int(o, "sample_rate", 8000, 48000, &v->sample_rate, err));
    if (name && strcmp(name, "hifigan") == 0) return read_hifigan(v, o, err);
    if (!name || strcmp(name, "istft") != 0) {
        return ev_fail(err, EV_E_FORMAT, "model config: vocoder \"family\" must be \"hifigan\" or \"istft\"");
    }
    v->family = EV_VOCODER_ISTFT;
    return read_spectral(v, o, err);
}
