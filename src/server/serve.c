/* serve: START HERE. The service's life: everything is made in the order in which it is needed and freed in the
 * opposite one. SIGHUP reads keys, words and limits again; SIGTERM lets what was accepted be finished.
 */
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/serve_inner.h"

static ev_status reload_voices(const sv_model_list *models, bool *read, ev_error *err) {
    ev_status status = EV_OK;
    for (size_t i = 0; i < models->count && status == EV_OK; i++)
        if (models->items[i]->keeps_uploads) status = sv_voices_reload(models->items[i]->voices, read, err);
    return status;
}

static void reload_settings(sv_server *s, sv_reload reload, void *user) {
    sv_config fresh = {0};
    sv_settings *settings = NULL;
    sv_model_list *models = NULL;
    sv_keys *keys = NULL;
    sv_lexicon *lexicon = NULL;
    ev_buf notes = {0};
    ev_error err = {0};
    bool read = true;
    ev_status status = reload(user, &fresh, &err);
    if (status == EV_OK) status = sv_config_keep(&fresh, &s->config, &notes, &err);
    if (status == EV_OK) status = sv_settings_create(&settings, &fresh, &err);
    if (status == EV_OK) status = sv_read_keys(&keys, &fresh, &err);
    if (status == EV_OK) status = sv_read_lexicon(&lexicon, fresh.lexicon, &err);
    if (status == EV_OK) status = sv_models_reload(s->models, &fresh, &models, &err);
    if (status == EV_OK) status = reload_voices(models, &read, &err);
    if (status == EV_OK) status = sv_settings_load_models(settings, &models, &err);
    if (status == EV_OK) { /* all was read, and nothing below can fail */
        sv_keyring_swap(s->keys, &keys);
        sv_use_lexicon(s, &lexicon);
        sv_models_use(s->models, settings->models);
        atomic_store(&s->log.level, fresh.log_level);
        atomic_store(&s->log.text, fresh.log_text);
        ev_mutex_lock(&s->lock);
        sv_settings *old = s->settings;
        s->settings = settings;
        settings = old;
        ev_mutex_unlock(&s->lock);
        sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "settings, keys, words, models and voices were read again%s%s%s",
                    read ? "" : ", but for voices that are still being read", notes.size ? ": " : "",
                    notes.size ? (const char *)notes.data : "");
    } else {
        sv_log_line(&s->log, SV_LEVEL_ERROR, NULL, "the old settings stay: %s", err.message);
    }
    sv_keys_unref(&keys);
    sv_lexicon_unref(&lexicon);
    sv_model_list_unref(&models);
    sv_settings_unref(&settings);
    sv_config_free(&fresh);
    ev_buf_free(&notes);
}

static void reload_now(sv_server *s, sv_reload reload, void *user) {
    sv_supervisor_notify("RELOADING=1\nMONOTONIC_USEC=%.0f", 1e6 * ev_clock_s());
    reload_settings(s, reload, user);
    sv_supervisor_notify("READY=1");
}

/* A lock that is never released stops the thread that ticks: it takes those of connections, jobs, metrics and engine.
 */
static void show_life(sv_server *s) {
    const double period = sv_supervisor_watchdog();
    if (period > 0 && ev_clock_s() - atomic_load(&s->ticked) < period / 2) sv_supervisor_notify("WATCHDOG=1");
}

/* A file that is written over is read as soon as it stands still; one that is wrong changes nothing, and is told
 * once. */
static void follow_lexicon(sv_server *s) {
    sv_settings *settings = sv_settings_ref(s);
    sv_lexicon *now = sv_lexicon_in_force(s);
    ev_error err = {0};
    if (*settings->config.lexicon && sv_lexicon_changed(now, &s->lexicon_seen, settings->config.lexicon)) {
        sv_lexicon *read = NULL;
        if (sv_read_lexicon(&read, settings->config.lexicon, &err) == EV_OK) {
            sv_use_lexicon(s, &read);
            sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "the lexicon was read again");
        } else {
            sv_log_line(&s->log, SV_LEVEL_ERROR, NULL, "the old lexicon stays: %s", err.message);
        }
    }
    sv_lexicon_unref(&now);
    sv_settings_unref(&settings);
}

/* Those that other gateways took in or deleted. */
static void follow_voices(sv_server *s) {
    enum { EVERY = 5 }; /* seconds */
    static time_t looked;
    bool read;
    const time_t now = time(NULL);
    if (!*s->config.redis || (now >= looked && now - looked < EVERY)) return;
    looked = now;
    sv_model_list *models = sv_models_list(s->models);
    (void)reload_voices(models, &read, NULL);
    sv_model_list_unref(&models);
}

/* Whether what is accepted outlives the process. */
static void greet_jobs(const sv_server *s) {
    sv_journal_state state;
    const char *results = s->stores.s3 ? sv_s3_name(s->stores.s3) : s->config.data_dir;
    if (*s->config.redis) {
        fprintf(stderr, "jobs are in Redis, and results in %s, for all gateways and workers\n", results);
        return;
    }
    if (!s->durable) {
        fprintf(stderr, "jobs and results are in memory and end with this process: --data-dir DIR keeps them\n");
        return;
    }
    sv_durable_stats(s->durable, &state);
    fprintf(stderr, "jobs %s kept in %s%s%s: %lld to be made, %lld results\n",
            s->stores.s3 ? "are" : "and results are", s->config.data_dir, s->stores.s3 ? ", results in " : "",
            s->stores.s3 ? results : "", (long long)state.pending, (long long)state.results);
}

static void greet(const sv_server *s) {
    char url[SV_URL_MAX], admin[SV_URL_MAX];
    greet_jobs(s);
    sv_url_of(url, s->config.listen, sv_server_port(s, false));
    if (s->worker)
        fprintf(stderr, "emotivoice %s works for the gateways\n", ev_version());
    else
        fprintf(stderr, "emotivoice %s serves at %s/\n", ev_version(), url);
    if (s->wyoming) fprintf(stderr, "wyoming: tcp://%s\n", s->config.wyoming);
    if (s->admin_daemon) {
        sv_url_of(admin, s->config.admin_listen, sv_server_port(s, true));
        fprintf(stderr, "metrics: %s/metrics\n", admin);
    }
    if (!s->worker) fprintf(stderr, "try: curl %s/v1/audio/speech -d '{\"input\":\"Hello.\"}' -o hello.mp3\n", url);
}

/* Work of all lengths comes and goes for months. Left alone, glibc keeps it in a heap per thread, and each grows by
 * what lies between (docs/speed-log.md): here large blocks are mapped one by one where no hole fits, and two heaps
 * are enough for the rest. A process's choice, so the library does not make it. */
static void keep_memory_together(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    mallopt(M_ARENA_MAX, 2);
#endif
}

ev_status sv_serve(const sv_config *config, sv_role role, sv_reload reload, void *user, ev_error *err) {
    sv_server *s = NULL;
    sigset_t set;
    int got = 0;
    keep_memory_together();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, not the end */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    const ev_status status = sv_server_start(&s, config, role, NULL, err);
    if (status != EV_OK) return status;
    greet(s);
    if (s->worker)
        sv_supervisor_notify("READY=1\nSTATUS=makes speech for the gateways");
    else
        sv_supervisor_notify("READY=1\nSTATUS=serves on port %d", sv_server_port(s, false));
    for (;;) {
        const struct timespec second = {.tv_sec = 1};
        got = sigtimedwait(&set, NULL, &second);
        if (got == SIGHUP) reload_now(s, reload, user);
        if (got < 0) follow_lexicon(s);
        if (got < 0) follow_voices(s);
        show_life(s);
        if (got == SIGTERM || got == SIGINT) break;
    }
    /* Patience may end before the drain does: a second signal does what signals do. */
    sigdelset(&set, SIGHUP);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    sv_log_line(&s->log, SV_LEVEL_INFO, NULL,
                "stopping: what was accepted is finished first; a second signal ends it at once");
    sv_server_drain(s, got == SIGINT);
    sv_server_stop(&s);
    return EV_OK;
}
