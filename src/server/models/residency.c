/* residency: what of the models is in memory. One budget (memory_max) has the process itself, the loaded models with
 * their work memory, the cache of voices, and what must be left for requests. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/models/models_inner.h"

static const sv_config *config_of(const sv_models *models) { return models->parts.engine.config; }

static int64_t taken(const sv_models *models) EV_REQUIRES(models->loading) {
    int64_t bytes = models->base + config_of(models)->voice_cache;
    for (size_t i = 0; i < models->count; i++)
        if (models->all[i]->residency->model) bytes += models->all[i]->residency->bytes;
    return bytes;
}

void sv_residency_budget(sv_models *models) {
    const int64_t fixed = taken(models), rest = config_of(models)->memory_max - fixed;
    if (models->parts.engine.ledger) sv_ledger_set_reserved(models->parts.engine.ledger, fixed);
    sv_jobs_limit(models->parts.engine.jobs, rest > 0 ? rest / 2 : 0);
}

/* ---- unloading ---- */

static bool unload(sv_model *m) {
    sv_residency *r = m->residency;
    assert(r->model && !r->stays);
    if (m->engine && !sv_engine_detach(m->engine)) return false;
    sv_voices_attach(m->voices, NULL);
    atomic_store(&r->loaded, false);
    ev_model_free(&r->model);
    sv_log_line(r->models->parts.engine.log, SV_LEVEL_INFO, NULL,
                "the model %s was unloaded, since memory is short: %lld MB are free again", m->name,
                (long long)r->bytes / 1000000);
    return true;
}

static sv_model *least_used(const sv_models *models, const sv_model *except, uint64_t after) {
    sv_model *least = NULL;
    for (size_t i = 0; i < models->count; i++) {
        sv_model *m = models->all[i];
        const sv_residency *r = m->residency;
        const uint64_t used = atomic_load(&r->used);
        if (!r->model || r->stays || m == except || used <= after) continue;
        if (!least || used < atomic_load(&least->residency->used)) least = m;
    }
    return least;
}

/* Unloads what was not used for longest, but not `except`, until so many bytes more would fit. */
static bool make_room(sv_models *models, const sv_model *except, int64_t bytes) EV_REQUIRES(models->loading) {
    const int64_t most = config_of(models)->memory_max - models->parts.fixed_least - bytes;
    uint64_t after = 0; /* those that are busy are passed over */
    while (taken(models) > most) {
        sv_model *m = least_used(models, except, after);
        if (!m) return false;
        if (!unload(m)) after = atomic_load(&m->residency->used);
    }
    return true;
}

/* ---- loading ---- */

static ev_status open_file(const sv_model *m, ev_model **out, ev_error *err) {
    const sv_residency *r = m->residency;
    return ev_model_open(out, r->path, NULL, err);
}

ev_status sv_residency_load(sv_models *models, sv_model *m, ev_error *err) {
    sv_residency *r = m->residency;
    ev_model *model = NULL;
    if (r->model) return EV_OK;
    assert(r->bytes >= 0); /* measured when it was opened */
    if (!make_room(models, m, r->bytes))
        return ev_fail(err, EV_E_MEMORY, "there is no memory for the model %s now: the others are busy", m->name);
    ev_status status = open_file(m, &model, err);
    if (status == EV_OK) {
        sv_voices_attach(m->voices, model);
        if (m->engine) status = sv_engine_attach(m->engine, model, err);
        if (status != EV_OK) sv_voices_attach(m->voices, NULL);
    }
    if (status == EV_OK) {
        r->model = model;
        atomic_store(&r->loaded, true);
    } else {
        ev_model_free(&model);
        if (status != EV_E_MEMORY) ev_fail(err, EV_E_DEVICE, "the model %s cannot be loaded again", m->name);
    }
    sv_residency_budget(models);
    return status;
}

/* From a preprocess thread of the model's engine. */
static ev_status needed(void *model, ev_error *err) {
    sv_model *m = model;
    sv_models *models = m->residency->models;
    ev_mutex_lock(&models->loading);
    const ev_status status = sv_residency_load(models, m, err);
    ev_mutex_unlock(&models->loading);
    return status;
}

/* Its catalogue, voices and engine, which stay when it is unloaded. */
static ev_status open_parts(sv_models *models, sv_model *m, bool keeps_uploads, ev_error *err) {
    sv_config config = *config_of(models); /* borrowed texts */
    sv_engine_parts parts = models->parts.engine;
    if (!keeps_uploads) config.voices_dir = "";
    ev_status status = sv_catalogue_create(&m->catalogue, m->residency->model, m->name, err);
    if (status == EV_OK)
        status = sv_voices_create(&m->voices, m->residency->model, models->parts.decoder, &config, parts.metrics,
                                  parts.log, err);
    parts.model = m->residency->model;
    parts.voices = m->voices;
    parts.busy = &models->busy;
    parts.needed = needed;
    parts.needed_user = m;
    parts.name_user = m;
    if (status == EV_OK && !models->parts.no_engines) status = sv_engine_create(&m->engine, &parts, err);
    return status;
}

static ev_status measure(sv_models *models, sv_model *m, int64_t before, ev_error *err) {
    sv_residency *r = m->residency;
    const int64_t grown = ev_memory_resident() - before;
    r->bytes = (grown > r->file.size ? grown : r->file.size) + (m->engine ? sv_engine_reserve(m->engine) : 0);
    int64_t always = models->base + config_of(models)->voice_cache + models->parts.fixed_least + r->bytes;
    for (size_t i = 0; i < models->count; i++)
        if (models->all[i]->residency->stays) always += models->all[i]->residency->bytes;
    if (always <= config_of(models)->memory_max) return EV_OK;
    return ev_fail(
        err, EV_E_ARGUMENT,
        "memory_max is %lld MB, and %lld MB go for the model, work memory and voice_cache: give %lld MB or "
        "more, or lower parallel or voice_cache",
        (long long)config_of(models)->memory_max / 1000000, (long long)(always - models->parts.fixed_least) / 1000000,
        (long long)always / 1000000 + 1);
}

static bool make_place(sv_models *models) {
    if (models->count < models->room) return true;
    const size_t room = models->room ? 2 * models->room : 8;
    sv_model **grown = realloc(models->all, room * sizeof(sv_model *));
    if (!grown) return false;
    models->all = grown;
    models->room = room;
    return true;
}

static bool list_it(sv_models *models, sv_model *m) {
    ev_mutex_lock(&models->lock);
    const bool fits = make_place(models);
    if (fits) models->all[models->count++] = m;
    assert(models->count <= models->room);
    ev_mutex_unlock(&models->lock);
    return fits;
}

static sv_model *make_empty(sv_models *models, const char *name, const char *path, const sv_file_identity *file)
    EV_REQUIRES(models->loading) {
    sv_model *m = calloc(1, sizeof *m);
    sv_residency *r = calloc(1, sizeof *r);
    char *copy = path ? strdup(path) : NULL;
    if (!m || !r || (path && !copy)) {
        free(m);
        free(r);
        free(copy);
        return NULL;
    }
    *r = (sv_residency){.models = models, .path = copy, .file = *file};
    snprintf(m->name, sizeof m->name, "%s", name);
    m->number = ++models->numbers;
    m->residency = r;
    atomic_init(&r->used, atomic_fetch_add(&models->turns, 1) + 1);
    return m;
}

ev_status sv_residency_open(sv_models *models, const char *name, const char *path, const sv_file_identity *file,
                            bool stays, bool keeps_uploads, sv_model **out, ev_error *err) {
    sv_model *m = make_empty(models, name, path, file);
    *out = NULL;
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory");
    make_room(models, NULL, file->size); /* at least; what it takes is known when it is there */
    const int64_t before = ev_memory_resident();
    ev_status status = open_file(m, &m->residency->model, err);
    m->keeps_uploads = keeps_uploads && status == EV_OK && ev_model_clones(m->residency->model);
    m->residency->stays = stays || m->keeps_uploads;
    if (status == EV_OK) status = open_parts(models, m, m->keeps_uploads, err);
    if (status == EV_OK) status = measure(models, m, before, err);
    if (status == EV_OK && !list_it(models, m)) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    if (status != EV_OK) {
        sv_residency_close(m);
        return status;
    }
    atomic_store(&m->residency->loaded, true);
    make_room(models, m, 0);
    sv_residency_budget(models);
    *out = m;
    return EV_OK;
}

void sv_residency_close(sv_model *m) {
    sv_engine_free(&m->engine);
    sv_voices_free(&m->voices);
    sv_catalogue_free(&m->catalogue);
    ev_model_free(&m->residency->model);
    free(m->residency->path);
    free(m->residency);
    free(m);
}

bool sv_model_loaded(const sv_model *m) { return atomic_load(&m->residency->loaded); }
