/* settings: what a reload replaces, all at once. */
#include <assert.h>
#include <stdlib.h>

#include "server/http/http.h"

ev_status sv_settings_create(sv_settings **out, const sv_config *config, ev_error *err) {
    sv_settings *a = *out = calloc(1, sizeof *a);
    if (!a) return ev_fail(err, EV_E_MEMORY, "out of memory");
    atomic_init(&a->refs, 1);
    ev_status status = sv_config_copy(&a->config, config, err);
    if (status == EV_OK) status = sv_networks_parse(&a->proxies, a->config.trusted_proxies, err);
    if (status == EV_OK && *a->config.words_file) status = sv_words_load(&a->words, a->config.words_file, err);
    if (status != EV_OK) sv_settings_unref(out);
    return status;
}

ev_status sv_settings_load_models(sv_settings *a, sv_model_list **models, ev_error *err) {
    assert(!a->models);
    a->models = *models;
    *models = NULL;
    return a->words ? sv_sounds_create(&a->sounds, a->words, sv_model_default(a->models), err) : EV_OK;
}

sv_lexicon *sv_lexicon_in_force(sv_server *s) {
    ev_mutex_lock(&s->lock);
    sv_lexicon *lexicon = sv_lexicon_ref(s->lexicon);
    ev_mutex_unlock(&s->lock);
    return lexicon;
}

/* Of one that does not tell its own, such as one that is made elsewhere: the default model's. */
int32_t sv_job_rate(const sv_server *s, const sv_job *job) {
    if (job->rate) return job->rate;
    sv_model_list *list = sv_models_list(s->models);
    const int32_t rate = sv_catalogue_rate(list->items[0]->catalogue);
    sv_model_list_unref(&list);
    return rate;
}

sv_settings *sv_settings_ref(sv_server *s) {
    ev_mutex_lock(&s->lock);
    sv_settings *a = s->settings;
    assert(atomic_load(&a->refs) > 0); /* the server's */
    atomic_fetch_add(&a->refs, 1);
    ev_mutex_unlock(&s->lock);
    return a;
}

void sv_settings_unref(sv_settings **settings) {
    sv_settings *a = *settings;
    *settings = NULL;
    assert(!a || atomic_load(&a->refs) > 0);
    if (!a || atomic_fetch_sub(&a->refs, 1) > 1) return;
    sv_sounds_free(&a->sounds);
    sv_model_list_unref(&a->models);
    sv_words_free(&a->words);
    sv_networks_free(&a->proxies);
    sv_config_free(&a->config);
    free(a);
}
