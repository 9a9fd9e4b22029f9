/* acoustic: see acoustic.h. The families that there are, and what the configurations of all have. */
#include "model/acoustic.h"

#include <string.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/convnext.h"
#include "model/fastspeech2.h"
#include "model/prompttts.h"

static const ev_acoustic_family *const families[] = {&ev_fastspeech2_family, &ev_convnext_family,
                                                     &ev_prompttts_family};

/* Files from before there were several name none. */
static ev_status find_family(const json_t *o, const ev_acoustic_family **out, ev_error *err) {
    const json_t *named = json_object_get(o, "family");
    ev_buf known = {0};
    *out = families[0];
    if (!named) return EV_OK;
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) {
        *out = families[i];
        if (json_is_string(named) && strcmp(json_string_value(named), families[i]->name) == 0) return EV_OK;
    }
    for (size_t i = 0; i < EV_ARRAY_COUNT(families); i++) {
        ev_buf_printf(&known, "%s\"%s\"", i ? " or " : "", families[i]->name);
    }
    const ev_status s = ev_fail(err, EV_E_FORMAT, "model config: \"family\" must be %s; a newer engine may know more",
                                known.data ? (const char *)known.data : "a known one");
    ev_buf_free(&known);
    return s;
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

ev_status ev_acoustic_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    *a = (ev_acoustic_config){0};
    TRY(find_family(o, &a->family, err));
    TRY(ev_config_int(o, "speaker", 1, 4096, &a->speaker, err));
    TRY(read_emotions(a, o, err));
    return a->family->config_read(a, o, err);
}

ev_status ev_acoustic_load(ev_acoustic *out, const ev_container *c, const ev_acoustic_config *config,
                           size_t positions_max, ev_error *err) {
    *out = (ev_acoustic){.family = config->family, .config = *config};
    out->config.table = out->config.prompts = NULL;
    return config->family->load(&out->model, c, config, positions_max, err);
}

void ev_acoustic_free(ev_acoustic *m) {
    if (m->family) m->family->free(m->model);
    *m = (ev_acoustic){0};
}
