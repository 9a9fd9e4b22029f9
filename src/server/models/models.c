/* models: the list, and a reload of it. */
#include "server/models/models.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "server/models/models_inner.h"

/* ---- what the setting says ---- */

enum { MODELS_MAX = 64 };

typedef struct spec {
    char name[SV_MODEL_NAME_MAX + 1];
    char path[4096]; /* "": the default voice */
    sv_file_identity file;
} spec;

/* "voices/My voice.safetensors" -> "My-voice" */
static void name_of(const char *path, char name[SV_MODEL_NAME_MAX + 1]) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    const size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    snprintf(name, SV_MODEL_NAME_MAX + 1, "%.*s", (int)n, base);
    for (char *c = name; *c; c++)
        if (!strchr(allowed, *c)) *c = '-';
}

static sv_file_identity identify(const char *path) {
    struct stat info;
    if (!*path || stat(path, &info) != 0) return (sv_file_identity){0}; /* opening it will say why */
    return (sv_file_identity){info.st_dev, info.st_ino, info.st_size,
                              (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
}

static ev_status add_spec(spec *specs, size_t *count, const char *name, const char *path, ev_error *err) {
    spec *s = &specs[*count];
    if (*count == MODELS_MAX) return ev_fail(err, EV_E_ARGUMENT, "model: give at most %d of them", MODELS_MAX);
    snprintf(s->name, sizeof s->name, "%s", name);
    if (!*name) name_of(path, s->name);
    snprintf(s->path, sizeof s->path, "%s", path);
    s->file = identify(path);
    for (size_t i = 0; i < *count; i++) {
        if (strcasecmp(specs[i].name, s->name) == 0)
            return ev_fail(err, EV_E_ARGUMENT,
                           "model: two models are called '%s': give one of them another name, NAME=%.100s", s->name,
                           path);
    }
    ++*count;
    return EV_OK;
}

/* *specs is the caller's (free). */
static ev_status read_specs(const sv_config *config, spec **specs, size_t *count, ev_error *err) {
    char name[SV_MODEL_NAME_MAX + 1], path[4096];
    ev_status status = EV_OK;
    *count = 0;
    *specs = calloc(MODELS_MAX, sizeof **specs);
    if (!*specs) return ev_fail(err, EV_E_MEMORY, "out of memory");
    for (const char *list = config->model; status == EV_OK && sv_models_next(&list, name, path);)
        status = add_spec(*specs, count, name, path, err);
    if (status == EV_OK && *count > 1 && *config->redis)
        status = ev_fail(err, EV_E_ARGUMENT, "model: with redis all processes serve one model: give one");
    if (status == EV_OK && !*count) status = add_spec(*specs, count, "emotivoice", "", err);
    return status;
}

ev_status sv_models_check(const sv_config *config, ev_error *err) {
    spec *specs = NULL;
    size_t count = 0;
    ev_status status = read_specs(config, &specs, &count, err);
    for (size_t i = 0; i < count && status == EV_OK; i++) {
        ev_model *model = NULL;
        status = ev_model_open(&model, specs[i].path[0] ? specs[i].path : NULL, NULL, err);
        ev_model_free(&model);
    }
    free(specs);
    return status;
}

/* ---- lists ---- */

static void hold(sv_model *m) {
    assert(m->residency->holds >= 0);
    m->residency->holds++;
}

/* Holds its items. NULL: out of memory. */
static sv_model_list *make_list(sv_models *models, sv_model *const *items, size_t count) {
    assert(count > 0 && items[0]); /* the first is the default */
    sv_model_list *list = calloc(1, sizeof *list + count * sizeof(sv_model *));
    if (!list) return NULL;
    atomic_init(&list->refs, 1);
    list->models = models;
    list->count = count;
    ev_mutex_lock(&models->lock);
    for (size_t i = 0; i < count; i++) hold(list->items[i] = items[i]);
    ev_mutex_unlock(&models->lock);
    return list;
}

sv_model_list *sv_models_list(sv_models *models) {
    ev_mutex_lock(&models->lock);
    sv_model_list *list = models->list;
    assert(atomic_load(&list->refs) > 0);
    atomic_fetch_add(&list->refs, 1);
    ev_mutex_unlock(&models->lock);
    return list;
}

void sv_model_list_unref(sv_model_list **held) {
    sv_model_list *list = *held;
    *held = NULL;
    assert(!list || atomic_load(&list->refs) > 0);
    if (!list || atomic_fetch_sub(&list->refs, 1) > 1) return;
    ev_mutex_lock(&list->models->lock);
    for (size_t i = 0; i < list->count; i++) list->items[i]->residency->holds--;
    ev_mutex_unlock(&list->models->lock);
    free(list);
}

sv_model *sv_model_find(const sv_model_list *list, const char *name, size_t length) {
    for (size_t i = 0; i < list->count; i++) {
        const char *one = list->items[i]->name;
        if (strlen(one) == length && strncasecmp(one, name, length) == 0) return list->items[i];
    }
    return NULL;
}

void sv_model_names(const sv_model_list *list, bool (*can)(const sv_catalogue *c), char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && used < size; i++) {
        if (can && !can(list->items[i]->catalogue)) continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", list->items[i]->name);
    }
}

const char *sv_model_voice(const sv_model_list *list, size_t model, size_t voice, char id[SV_VOICE_REFERENCE_SIZE]) {
    assert(model < list->count);
    const char *name = sv_catalogue_voice(list->items[model]->catalogue, voice);
    for (size_t before = 0; before < model; before++) {
        if (!sv_catalogue_find(list->items[before]->catalogue, name, strlen(name))) continue;
        snprintf(id, SV_VOICE_REFERENCE_SIZE, "%s/%s", list->items[model]->name, name);
        return id;
    }
    return name;
}

const ev_model *sv_model_default(const sv_model_list *list) { return list->items[0]->residency->model; }

/* ---- a list for a setting; under `loading` ---- */

/* The one in force that is the same file under the same name. */
static sv_model *find_same(const sv_models *models, const spec *s) EV_REQUIRES(models->loading) {
    for (size_t i = 0; models->list && i < models->list->count; i++) {
        sv_model *m = models->list->items[i];
        const sv_residency *r = m->residency;
        if (strcmp(m->name, s->name) == 0 && strcmp(r->path ? r->path : "", s->path) == 0 &&
            memcmp(&r->file, &s->file, sizeof s->file) == 0)
            return m;
    }
    return NULL;
}

/* What a kept one must be in the new list that it was not in the old one. */
static ev_status keep(sv_models *models, sv_model *m, bool first, bool keeps_uploads, ev_error *err)
    EV_REQUIRES(models->loading) {
    const sv_engine_parts *parts = &models->parts.engine;
    const bool opens = keeps_uploads && !m->keeps_uploads && sv_catalogue_clones(m->catalogue);
    ev_status status = first || opens ? sv_residency_load(models, m, err) : EV_OK;
    if (status == EV_OK && opens) status = sv_voices_open_store(m->voices, parts->config, parts->log, err);
    if (status != EV_OK) return status;
    m->keeps_uploads |= opens;
    m->residency->stays |= first || opens;
    return EV_OK;
}

static ev_status open_all(sv_models *models, const spec *specs, size_t count, sv_model **items, ev_error *err)
    EV_REQUIRES(models->loading) {
    bool uploads = *models->parts.engine.config->voices_dir != '\0'; /* nobody keeps them yet */
    for (size_t i = 0; i < count; i++) {
        const spec *s = &specs[i];
        ev_error cause = {0};
        items[i] = find_same(models, s);
        const ev_status status = items[i] ? keep(models, items[i], i == 0, uploads, &cause)
                                          : sv_residency_open(models, s->name, s->path[0] ? s->path : NULL, &s->file,
                                                              i == 0, uploads, &items[i], &cause);
        if (status != EV_OK)
            return ev_fail(err, status, "%s%s%s", count > 1 ? s->name : "", count > 1 ? ": " : "", cause.message);
        uploads &= !items[i]->keeps_uploads;
    }
    return EV_OK;
}

ev_status sv_models_reload(sv_models *models, const sv_config *config, sv_model_list **out, ev_error *err) {
    spec *specs = NULL;
    size_t count = 0;
    sv_model *items[MODELS_MAX] = {0};
    *out = NULL;
    ev_mutex_lock(&models->loading);
    ev_status status = read_specs(config, &specs, &count, err);
    if (status == EV_OK) status = open_all(models, specs, count, items, err);
    if (status == EV_OK && !(*out = make_list(models, items, count)))
        status = ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_mutex_unlock(&models->loading);
    free(specs);
    return status; /* what was opened in vain has no list, and goes */
}

void sv_models_use(sv_models *models, sv_model_list *list) {
    atomic_fetch_add(&list->refs, 1);
    ev_mutex_lock(&models->lock);
    sv_model_list *old = models->list;
    models->list = list;
    ev_mutex_unlock(&models->lock);
    sv_model_list_unref(&old);
}

/* ---- life ---- */

ev_status sv_models_create(sv_models **out, const sv_models_parts *parts, ev_error *err) {
    sv_models *models = *out = calloc(1, sizeof *models);
    sv_model_list *list = NULL;
    if (!models) return ev_fail(err, EV_E_MEMORY, "out of memory");
    models->parts = *parts;
    models->base = ev_memory_resident();
    ev_mutex_init(&models->lock);
    ev_mutex_init(&models->loading);
    const ev_status status = sv_models_reload(models, parts->engine.config, &list, err);
    if (status == EV_OK)
        sv_models_use(models, list);
    else
        sv_models_free(out);
    sv_model_list_unref(&list);
    return status;
}

void sv_models_stop(sv_models *models) {
    for (size_t i = 0; i < models->count; i++)
        if (models->all[i]->engine) sv_engine_stop(models->all[i]->engine);
}

void sv_models_free(sv_models **held) {
    sv_models *models = *held;
    *held = NULL;
    if (!models) return;
    sv_model_list_unref(&models->list);
    for (size_t i = 0; i < models->count; i++) sv_residency_close(models->all[i]);
    free(models->all);
    ev_mutex_destroy(&models->loading);
    ev_mutex_destroy(&models->lock);
    free(models);
}

/* One that nobody holds and that has nothing to do, off the list of all; NULL: none. Under `loading`. */
static sv_model *take_closed(sv_models *models) {
    sv_model *closed = NULL;
    ev_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count && !closed; i++) {
        int64_t jobs = 0, dead = 0;
        double audio_s;
        sv_engine *engine = models->all[i]->engine;
        if (models->all[i]->residency->holds) continue;
        if (engine) sv_engine_load(engine, &jobs, &dead, &audio_s);
        if (jobs || dead || (engine && !sv_engine_idle(engine))) continue;
        closed = models->all[i];
        memmove(models->all + i, models->all + i + 1, (--models->count - i) * sizeof(sv_model *));
    }
    ev_mutex_unlock(&models->lock);
    return closed;
}

void sv_models_tend(sv_models *models, int64_t free_bytes) {
    ev_mutex_lock(&models->loading);
    size_t loaded = 0;
    for (sv_model *m; (m = take_closed(models)) != NULL;) {
        sv_log_line(models->parts.engine.log, SV_LEVEL_INFO, NULL, "the model %s was closed", m->name);
        sv_residency_close(m);
        sv_residency_budget(models);
    }
    for (size_t i = 0; i < models->count; i++) loaded += models->all[i]->residency->model != NULL;
    for (size_t i = 0; i < models->count; i++)
        if (models->all[i]->engine)
            sv_engine_memory(models->all[i]->engine, free_bytes / (int64_t)(loaded ? loaded : 1));
    ev_mutex_unlock(&models->loading);
}

/* ---- for a job ---- */

static bool is_meant(const sv_model *m, const char *name, uint32_t number) {
    return number ? m->number == number : strcasecmp(m->name, name) == 0;
}

sv_model *sv_model_ref(sv_models *models, const char *name, uint32_t number) {
    sv_model *found = NULL;
    ev_mutex_lock(&models->lock);
    assert(models->list->items[0]);
    if (!number && !name) found = models->list->items[0];
    for (size_t i = 0; i < models->list->count && !found; i++)
        if (is_meant(models->list->items[i], name, number)) found = models->list->items[i];
    for (size_t i = 0; number && i < models->count && !found; i++)
        if (models->all[i]->number == number) found = models->all[i];
    if (found) hold(found);
    ev_mutex_unlock(&models->lock);
    if (found) atomic_store(&found->residency->used, atomic_fetch_add(&models->turns, 1) + 1);
    return found;
}

void sv_model_unref(sv_models *models, sv_model **model) {
    if (!*model) return;
    ev_mutex_lock(&models->lock);
    assert((*model)->residency->holds > 0);
    (*model)->residency->holds--;
    ev_mutex_unlock(&models->lock);
    *model = NULL;
}

void sv_models_each(sv_models *models, void (*each)(void *user, sv_model *m), void *user) {
    sv_model *held[2 * MODELS_MAX];
    size_t count = 0;
    ev_mutex_lock(&models->lock);
    for (; count < models->count && count < EV_ARRAY_COUNT(held); count++) hold(held[count] = models->all[count]);
    ev_mutex_unlock(&models->lock);
    for (size_t i = 0; i < count; i++) {
        each(user, held[i]);
        sv_model_unref(models, &held[i]);
    }
}
