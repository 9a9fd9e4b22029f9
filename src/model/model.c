/* model: see model.h. */
#include "model/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/near.h"

static const char default_file[] = "emotivoice-default.safetensors";

void ev_model_options_init(ev_model_options *options) { *options = (ev_model_options){0}; }

/* $EMOTIVOICE_MODEL, else the sources' models/, else the installed data directory. */
static const char *default_path(char *buffer, size_t capacity) {
    const char *named = getenv("EMOTIVOICE_MODEL");
    if (named && *named) return named;
    snprintf(buffer, capacity, "%s/%s", EV_MODELS_SOURCE_DIR, default_file);
    if (access(buffer, R_OK) == 0) return buffer;
    snprintf(buffer, capacity, "%s/%s", EV_MODELS_INSTALL_DIR, default_file);
    return buffer;
}

static bool has_lexicons(const char *directory) {
    char path[4096 + 16];
    snprintf(path, sizeof path, "%s/zh.lexicon", directory);
    return access(path, R_OK) == 0;
}

static void directory_of(const char *path, char *out, size_t capacity) {
    const char *slash = strrchr(path, '/');
    if (slash) {
        snprintf(out, capacity, "%.*s", (int)(slash - path), path);
    } else {
        snprintf(out, capacity, ".");
    }
}

/* Beside the model; else the default voice's, which are the same for all models. */
static const char *lexicons_for(const char *directory) {
    static const char *const others[] = {EV_MODELS_SOURCE_DIR, EV_MODELS_INSTALL_DIR};
    if (has_lexicons(directory)) return directory;
    for (size_t i = 0; i < EV_ARRAY_COUNT(others); i++) {
        if (has_lexicons(others[i])) return others[i];
    }
    return directory;
}

/* Of the encoder's last layer, or of the voices where there is none: cheap, and any training changes it. */
static uint64_t encoder_id_of(const ev_model *m) {
    const size_t n = (size_t)m->config.acoustic.speaker;
    const float *rows = m->config.speaker.embedding ? m->speaker.fc_weight : m->voice_vectors;
    assert(rows && n > 0);
    return ev_hash(EV_HASH_START ^ n, rows, n * sizeof(float));
}

static ev_status load_voices(ev_model *m, const ev_container *c, ev_error *err) {
    const json_t *voices = json_object_get(m->config.json, "voices");
    m->voice_count = json_array_size(voices);
    if (!m->voice_count || m->voice_count > 10000) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"voices\" must list 1..10000 voices");
    }
    for (size_t i = 0; i < m->voice_count; i++) {
        const json_t *v = json_array_get(voices, i);
        const double pitch = json_number_value(json_object_get(v, "pitch"));
        const bool pitched = (pitch >= 30 && pitch <= 1000) || (m->acoustic.family->takes_prompts && pitch == 0);
        if (!json_is_string(json_object_get(v, "name")) || !pitched) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"voices\"[%zu] needs a name and a pitch of 30..1000 Hz",
                           i);
        }
    }
    int64_t shape[2] = {(int64_t)m->voice_count, m->config.acoustic.speaker};
    return ev_container_floats(c, "voices.vectors", 2, shape, &m->voice_vectors, err);
}

static ev_status load_all(ev_model *m, const char *path, const char *lexicons, ev_error *err) {
    ev_container *c = NULL;
    ev_status s = ev_container_open(&c, path, err);
    if (s == EV_OK) s = ev_config_read(&m->config, c, err);
    if (s == EV_OK && m->config.acoustic.tokens < EV_TOKEN_COUNT) {
        s = ev_fail(err, EV_E_FORMAT, "model has %d tokens, the text front-end makes %d", m->config.acoustic.tokens,
                    EV_TOKEN_COUNT);
    }
    if (s == EV_OK) {
        const ev_vocoder_config *v = &m->config.vocoder;
        const size_t frames = (size_t)EV_SENTENCE_MS_MAX * (size_t)v->sample_rate / 1000 / (size_t)v->hop + 1;
        s = ev_acoustic_load(&m->acoustic, c, &m->config.acoustic, frames, err);
    }
    if (s == EV_OK) s = ev_vocoder_load(&m->vocoder, c, &m->config.vocoder, err);
    if (s == EV_OK && m->config.speaker.embedding) s = ev_speaker_load(&m->speaker, c, &m->config.speaker, err);
    if (s == EV_OK) s = ev_equaliser_load(&m->equaliser, c, &m->config, err);
    if (s == EV_OK) s = load_voices(m, c, err);
    if (s == EV_OK) m->encoder_id = encoder_id_of(m);
    if (s == EV_OK) s = ev_text_open(&m->text, lexicons, err);
    ev_container_free(&c);
    return s;
}

ev_status ev_model_open(ev_model **out, const char *path, const ev_model_options *options, ev_error *err) {
    char found[4096], directory[4096];
    *out = NULL;
    if (!path) path = default_path(found, sizeof found);
    directory_of(path, directory, sizeof directory);
    ev_model *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory");
    atomic_init(&m->references, 1);
    const char *lexicons = options && options->lexicon_dir ? options->lexicon_dir : lexicons_for(directory);
    const ev_status s = load_all(m, path, lexicons, err);
    if (s != EV_OK) {
        ev_model_free(&m);
        return s;
    }
    *out = m;
    return EV_OK;
}

ev_model *ev_model_retain(ev_model *model) {
    assert(atomic_load_explicit(&model->references, memory_order_relaxed) > 0);
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

void ev_model_free(ev_model **model) {
    ev_model *m = *model;
    *model = NULL;
    if (!m || atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1) return;
    ev_text_free(&m->text);
    ev_acoustic_free(&m->acoustic);
    ev_vocoder_free(&m->vocoder);
    ev_speaker_free(&m->speaker);
    ev_equaliser_free(&m->equaliser);
    free(m->voice_vectors);
    ev_config_free(&m->config);
    free(m);
}

int32_t ev_model_sample_rate(const ev_model *model) { return model->config.vocoder.sample_rate; }

size_t ev_model_voice_count(const ev_model *model) { return model->voice_count; }

const json_t *ev_model_voice(const ev_model *model, size_t index) {
    return json_array_get(json_object_get(model->config.json, "voices"), index);
}

const char *ev_model_voice_name(const ev_model *model, size_t index) {
    return json_string_value(json_object_get(ev_model_voice(model, index), "name"));
}

const char *ev_model_voice_language(const ev_model *model, size_t index) {
    const char *language = json_string_value(json_object_get(ev_model_voice(model, index), "language"));
    return language || index >= model->voice_count ? language : "";
}

const char *ev_model_voice_note(const ev_model *model, size_t index) {
    const char *note = json_string_value(json_object_get(ev_model_voice(model, index), "note"));
    return note || index >= model->voice_count ? note : "";
}

/* As the model file says it, or as the note begins, which is how voices were described before. */
const char *ev_model_voice_sex(const ev_model *model, size_t index) {
    static const char *const sexes[] = {"female", "male"};
    const char *sex = json_string_value(json_object_get(ev_model_voice(model, index), "sex"));
    if (index >= model->voice_count) return NULL;
    const char *text = sex ? sex : ev_model_voice_note(model, index);
    for (size_t i = 0; i < EV_ARRAY_COUNT(sexes); i++) {
        const size_t length = strlen(sexes[i]);
        if (strncmp(text, sexes[i], length) == 0 && (!text[length] || text[length] == ',')) return sexes[i];
    }
    return "";
}

static const json_t *emotions_of(const ev_model *model) {
    return json_object_get(json_object_get(model->config.json, "acoustic"), "emotions");
}

size_t ev_model_emotion_count(const ev_model *model) { return json_array_size(emotions_of(model)); }

const char *ev_model_emotion_name(const ev_model *model, size_t index) {
    return json_string_value(json_array_get(emotions_of(model), index));
}

size_t ev_model_embedding_size(const ev_model *model) { return (size_t)model->config.acoustic.speaker; }

int ev_model_takes_prompts(const ev_model *model) { return model->acoustic.family->takes_prompts; }

int ev_model_clones(const ev_model *model) { return model->config.speaker.embedding > 0; }

/* ---- unknown names ---- */

static const char *name_in(const json_t *list, size_t i) {
    const json_t *item = json_array_get(list, i);
    return json_is_string(item) ? json_string_value(item) : json_string_value(json_object_get(item, "name"));
}

ev_status ev_model_unknown(const char *kind, const char *name, size_t bytes, const json_t *list, ev_error *err) {
    const char *nearest = NULL;
    size_t least = bytes / 2 + 1, n = json_array_size(list), used = 0;
    char all[160] = "";
    for (size_t i = 0; i < n; i++) {
        const char *one = name_in(list, i);
        const size_t d = ev_edit_distance(name, bytes, one, strlen(one));
        if (d < least) {
            least = d;
            nearest = one;
        }
        if (used < sizeof all - 24)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%.20s", i ? ", " : "", one);
    }
    assert(used < sizeof all);
    const int shown = bytes > 40 ? 40 : (int)bytes;
    if (nearest) {
        return ev_fail(err, EV_E_NOT_FOUND, "no %s \"%.*s\"; did you mean \"%s\"?", kind, shown, name, nearest);
    }
    return ev_fail(err, EV_E_NOT_FOUND, "no %s \"%.*s\"; there are: %s", kind, shown, name, all);
}

ev_status ev_model_upload(const ev_model *model, ev_queue *q, ev_error *err) {
    ev_acoustic_upload(&model->acoustic, q);
    ev_vocoder_upload(&model->vocoder, q);
    return ev_queue_wait(q, err);
}
