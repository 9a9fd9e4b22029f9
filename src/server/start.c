/* start: the parts of the service, made in an order in which each finds what it needs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/api/fields.h"
#include "server/series/series.h"
#include "server/sockets/wyoming.h"
#include "server/models/local.h"
#include "server/redis/fallback.h"
#include "server/routes.h"
#include "server/serve_inner.h"

/* by decoder_filter */
static const char *const decoder_argv[][3] = {
    [SV_FILTER_REQUIRED] = {"/proc/self/exe", "--decode-reference"},
    [SV_FILTER_OPTIONAL] = {"/proc/self/exe", "--decode-reference-unfiltered"}};

ev_status sv_read_lexicon(sv_lexicon **out, const char *path, ev_error *err) {
    *out = NULL;
    return *path ? sv_lexicon_load(out, path, err) : EV_OK;
}

void sv_use_lexicon(sv_server *s, sv_lexicon **lexicon) {
    ev_mutex_lock(&s->lock);
    sv_lexicon *old = s->lexicon;
    s->lexicon = *lexicon;
    ev_mutex_unlock(&s->lock);
    *lexicon = NULL;
    sv_lexicon_unref(&old);
}

ev_status sv_read_keys(sv_keys **out, const sv_config *c, ev_error *err) {
    *out = NULL;
    return *c->keys_file ? sv_keys_load(out, c->keys_file, err) : EV_OK;
}

static ev_status make_front(sv_server *s, sv_role role, ev_error *err) {
    ev_status status = sv_metrics_create(&s->metrics, err);
    if (status == EV_OK && *s->config.otlp)
        status = sv_tracer_create(&s->tracer, s->config.otlp,
                                  role == SV_ROLE_WORKER ? "emotivoice-worker" : "emotivoice", &s->log, err);
    if (status == EV_OK) status = sv_limiter_create(&s->limiter, 0, err);
    if (status == EV_OK) status = sv_limiter_create(&s->key_limiter, 0, err);
    if (status == EV_OK) status = sv_ledger_create(&s->ledger, s->config.memory_max, err);
    if (status == EV_OK) status = sv_keyring_create(&s->keys, err);
    sv_keys *keys = NULL;
    if (status == EV_OK) status = sv_read_keys(&keys, &s->config, err);
    if (status == EV_OK) sv_keyring_swap(s->keys, &keys);
    if (status == EV_OK) status = sv_settings_create(&s->settings, &s->config, err);
    if (status == EV_OK) status = sv_read_lexicon(&s->lexicon, s->config.lexicon, err);
    return status == EV_E_FORMAT ? EV_E_ARGUMENT : status; /* a mistake in the lists, which are settings */
}

/* Of a job that no answer waits for; its message may quote the text, so the log has the kind of mistake alone. */
static void log_end(sv_server *s, sv_job *job) {
    sv_times times;
    ev_error error;
    size_t count;
    const sv_job_state state = sv_job_snapshot(job, &times, &count, &error);
    sv_log_line(&s->log, SV_LEVEL_INFO, job->id, "job %s after %.3f s: %.2f s of speech%s%s",
                sv_job_state_names[state], times.done - times.arrived, (double)count / sv_job_rate(s, job),
                error.status ? ", " : "", error.status ? ev_status_text(error.status) : "");
}

/* Its waiting and its making, where it was made here. */
static void trace_job(sv_server *s, sv_job *job) {
    sv_times times;
    ev_error error;
    size_t count;
    const bool elsewhere = *s->config.redis && !s->worker && !atomic_load(&job->here);
    if (!s->tracer || elsewhere || !job->trace.trace[0]) return;
    const sv_job_state state = sv_job_snapshot(job, &times, &count, &error);
    const double started = times.started > 0 ? times.started : times.done;
    sv_span wait = {.at = job->trace, .name = "queue", .begun = times.arrived, .ended = started};
    sv_span made = {.at = job->trace, .name = "synthesis", .begun = started, .ended = times.done};
    sv_span_text(&wait, "emotivoice.job_id", job->id);
    sv_tracer_add(s->tracer, &wait);
    if (times.started <= 0) return;
    sv_span_text(&made, "emotivoice.job_id", job->id);
    sv_span_text(&made, "emotivoice.state", sv_job_state_names[state]);
    sv_span_number(&made, "emotivoice.audio_s", (double)count / sv_job_rate(s, job));
    if (times.first > 0) sv_span_number(&made, "emotivoice.first_audio_s", times.first - times.started);
    if (error.status) snprintf(made.error, sizeof made.error, "%s", ev_status_text(error.status));
    sv_tracer_add(s->tracer, &made);
}

/* A job is over: its webhook is called. */
static void on_ended(void *server, sv_job *job) {
    sv_server *s = server;
    trace_job(s, job);
    if (atomic_load(&job->kept)) log_end(s, job);
    sv_access_settle(s, job, (double)job->count / sv_job_rate(s, job));
    if (!job->webhook) return;
    sv_webhook_send(s, job->id, job->owner, job->webhook, sv_job_json(s, job));
}

/* Voices are in the directory of the rest, unless one is given for them. */
static ev_status set_voices_dir(sv_server *s, ev_error *err) {
    const sv_config *c = &s->config;
    char voices[4096];
    if (!*c->data_dir || *c->voices_dir) return EV_OK;
    const int length = snprintf(voices, sizeof voices, "%s/voices", c->data_dir);
    if (length >= (int)sizeof voices) return ev_fail(err, EV_E_ARGUMENT, "data_dir is too long");
    if ((mkdir(c->data_dir, 0700) != 0 && errno != EEXIST) || (mkdir(voices, 0700) != 0 && errno != EEXIST))
        return ev_fail(err, EV_E_IO, "%s cannot be made: %s", voices, strerror(errno));
    return sv_config_set(&s->config, "voices_dir", voices, (sv_origin){.from = SV_FROM_DEFAULT}, err);
}

/* Where results are, and what clients are given of them. */
static ev_status open_stores(sv_server *s, ev_error *err) {
    const sv_config *c = &s->config;
    const ev_status status = sv_stores_open(&s->stores, c, s->metrics, &s->log, err);
    s->results = (sv_results){.samples = s->stores.results,
                              .files = s->stores.files,
                              .ledger = s->ledger,
                              .label = c->label,
                              .url_s = c->store_url_ttl};
    return status;
}

/* Jobs, results and dead letters in one directory, where there is one, unless they are in Redis. */
static ev_status open_durable(sv_server *s, ev_error *err) {
    const sv_config *c = &s->config;
    if (!*c->data_dir || *c->redis) return EV_OK;
    const sv_durable_options options = {.dir = c->data_dir,
                                        .results = &s->results,
                                        .ttl_s = c->store_ttl,
                                        .store_max = c->store_max,
                                        .jobs = s->jobs,
                                        .ledger = s->ledger,
                                        .log = &s->log};
    return sv_durable_open(&s->durable, &options, err);
}

enum { LEAST_FOR_REQUESTS = 64 << 20 }; /* bytes of memory_max */

static char *name_voice(void *model, const char *asked) { return sv_names_voice(model, asked); }

/* A worker's jobs are announced when their end counts, and a gateway's are made elsewhere. */
static ev_status open_models(sv_server *s, sv_role role, const sv_device_calls *device, ev_error *err)
    EV_REQUIRES(s->lock) {
    const bool worker = role == SV_ROLE_WORKER;
    const sv_models_parts parts = {.engine = {.config = &s->config,
                                              .jobs = s->jobs,
                                              .metrics = s->metrics,
                                              .log = &s->log,
                                              .ledger = s->ledger,
                                              .durable = s->durable,
                                              .device = device,
                                              .ended = worker ? NULL : on_ended,
                                              .ended_user = s,
                                              .name_voice = name_voice,
                                              .dead_elsewhere = worker},
                                   .decoder = s->decoder,
                                   .fixed_least = LEAST_FOR_REQUESTS,
                                   .no_engines =
                                       !worker && *s->config.redis && s->config.redis_fallback != SV_FALLBACK_LOCAL};
    ev_status status = sv_models_create(&s->models, &parts, err);
    if (status != EV_OK) return status;
    sv_model_list *list = sv_models_list(s->models);
    return sv_settings_load_models(s->settings, &list, err);
}

static ev_status make_gateway(sv_server *s, const sv_redis_parts *parts, ev_error *err) {
    sv_backend *here = NULL;
    ev_status status = sv_redis_gateway(&s->backend, parts, err);
    if (status != EV_OK || s->config.redis_fallback != SV_FALLBACK_LOCAL) return status;
    status = sv_backend_local(&here, s->models, s->jobs, s->durable, err);
    return status == EV_OK ? sv_fallback_create(&s->backend, s->backend, here, err) : status;
}

/* Who makes the speech: engines here, or workers elsewhere. */
static ev_status make_backend(sv_server *s, sv_role role, ev_error *err) EV_REQUIRES(s->lock) {
    if (*s->config.redis) s->sharing = sv_model_ref(s->models, NULL, 0);
    const sv_redis_parts parts = {.config = &s->config,
                                  .jobs = s->jobs,
                                  .metrics = s->metrics,
                                  .log = &s->log,
                                  .ledger = s->ledger,
                                  .model = sv_model_default(s->settings->models),
                                  .voices = s->sharing ? s->sharing->voices : NULL,
                                  .limiters = {s->limiter, s->key_limiter},
                                  .results = &s->results,
                                  .recordings = s->stores.recordings,
                                  .ended = on_ended,
                                  .ended_user = s};
    if (role == SV_ROLE_SERVICE && *s->config.redis) return make_gateway(s, &parts, err);
    const ev_status status = role == SV_ROLE_WORKER ? sv_worker_create(&s->worker, &parts, err) : EV_OK;
    return status == EV_OK ? sv_backend_local(&s->backend, s->models, s->jobs, s->durable, err) : status;
}

static ev_status make_back(sv_server *s, sv_role role, const sv_device_calls *device, ev_error *err)
    EV_REQUIRES(s->lock) {
    const sv_config *c = &s->config;
    ev_status status = sv_jobs_create(&s->jobs, c->result_cache, c->store_ttl, c->coalesce, err);
    if (status == EV_OK) status = open_stores(s, err);
    if (status == EV_OK) status = open_durable(s, err);
    if (status == EV_OK) status = set_voices_dir(s, err);
    if (status == EV_OK) status = sv_webhooks_create(&s->webhooks, &s->log, err);
    s->device = sv_device_open(NULL);
    if (status == EV_OK) status = open_models(s, role, device, err);
    if (status == EV_OK) status = sv_uploads_create(&s->uploads, err);
    if (status == EV_OK) status = make_backend(s, role, err);
    if (status != EV_OK) return status;
    s->backend->results = &s->results;
    sv_models_tend(s->models, ev_memory_available());
    sv_ledger_on_pressure(s->ledger, sv_jobs_free_memory, s->jobs);
    return EV_OK;
}

/* The address as configured, with the port that was bound: port 0 means any. */
void sv_url_of(char url[SV_URL_MAX], const char *address, int bound) {
    char host[SV_LIST_ITEM_MAX];
    int port;
    sv_address_split(address, host, &port);
    snprintf(url, SV_URL_MAX, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, bound);
}

/* Its requests go to the service's own address; to one that means "all", by loopback. */
static ev_status start_wyoming(sv_server *s, ev_error *err) {
    char host[SV_LIST_ITEM_MAX], url[SV_URL_MAX], speech[SV_URL_MAX + 24];
    int port;
    if (!*s->config.wyoming) return EV_OK;
    const int fd = sv_http_open_socket(SV_KEY_wyoming, s->config.wyoming, err);
    if (fd < 0) return EV_E_IO;
    sv_address_split(s->config.listen, host, &port);
    const bool all4 = strcmp(host, "0.0.0.0") == 0, all6 = strcmp(host, "::") == 0;
    sv_url_of(url, all4 ? "127.0.0.1:0" : all6 ? "[::1]:0" : s->config.listen, sv_server_port(s, false));
    snprintf(speech, sizeof speech, "%s/v1/audio/speech", url);
    return sv_wyoming_create(&s->wyoming, fd, speech, s->models, err);
}

static void set_model(sv_job *job, const sv_model *m) {
    job->speech.model_number = m->number;
    job->rate = sv_catalogue_rate(m->catalogue);
}

/* A job of before, or of elsewhere, is read with the pronunciations, and spoken with the model of that name, that are
 * in force here and now. */
static void prepare_job(void *server, sv_job *job) {
    sv_server *s = server;
    sv_model *m = sv_model_ref(s->models, job->speech.model, 0);
    if (!job->speech.lexicon) job->speech.lexicon = sv_lexicon_in_force(s);
    if (m) set_model(job, m);
    sv_model_unref(s->models, &m);
}

/* The model that it was for is not served any more. */
static bool fail_job(sv_server *s, sv_job *job) {
    sv_model *first = sv_model_ref(s->models, NULL, 0);
    ev_error error = {0};
    ev_fail(&error, EV_E_NOT_FOUND, "the model %s is not served here any more", job->speech.model);
    sv_engine_fail(first->engine, job, &error);
    sv_model_unref(s->models, &first);
    return true;
}

static bool resume_job(void *server, sv_job *job) {
    sv_server *s = server;
    sv_model *m = sv_model_ref(s->models, job->speech.model, job->speech.model_number);
    if (!m) m = sv_model_ref(s->models, job->speech.model, 0); /* a reload read its file again */
    if (m && m->number != job->speech.model_number) set_model(job, m);
    const bool resumed = m ? sv_engine_resume(m->engine, job) : fail_job(s, job);
    sv_model_unref(s->models, &m);
    return resumed;
}

ev_status sv_server_start(sv_server **out, const sv_config *config, sv_role role, const sv_device_calls *device,
                          ev_error *err) EV_NOT_SHARED {
    sv_server *s = *out = calloc(1, sizeof *s);
    if (!s || !ev_map_init(&s->callers, 0)) {
        free(s);
        *out = NULL;
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    ev_mutex_init(&s->lock);
    sv_log_init(&s->log, STDERR_FILENO, (sv_level)config->log_level, config->log_text);
    /* The helpers that decode untrusted clients' files are started first, while this process is small and has one
     * thread. */
    ev_status status = sv_decoder_create(&s->decoder, decoder_argv[config->decoder_filter], SV_VOICE_THREADS, err);
    if (status == EV_OK) status = sv_config_copy(&s->config, config, err);
    if (status == EV_OK) status = make_front(s, role, err);
    if (status == EV_OK) status = make_back(s, role, device, err);
    if (status == EV_OK) status = sv_executor_create(&s->executor, err);
    if (status == EV_OK && !s->worker) status = sv_series_start(s, err);
    if (status == EV_OK) status = sv_http_listen(s, sv_route_find, err);
    if (status == EV_OK && !s->worker) status = start_wyoming(s, err);
    if (status == EV_OK && s->worker)
        status = sv_worker_start(s->worker, s->settings->models->items[0]->engine, prepare_job, s, err);
    if (status == EV_OK) {
        if (s->durable) sv_durable_resume(s->durable, prepare_job, resume_job, s);
        s->ticking = pthread_create(&s->ticker, NULL, sv_tick, s) == 0;
        if (!s->ticking)
            status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status != EV_OK) sv_server_stop(out);
    return status;
}

/* What a start would read, without one: no port is opened and no process started; a bucket is asked. */
ev_status sv_check(const sv_config *config, ev_error *err) {
    sv_settings *settings = NULL;
    sv_keys *keys = NULL;
    sv_lexicon *lexicon = NULL;
    sv_stores stores = {0};
    ev_status status = sv_settings_create(&settings, config, err);
    if (status == EV_OK && *config->lexicon) status = sv_lexicon_load(&lexicon, config->lexicon, err);
    sv_lexicon_unref(&lexicon);
    if (status == EV_OK && *config->keys_file) status = sv_keys_load(&keys, config->keys_file, err);
    if (status == EV_E_FORMAT) status = EV_E_ARGUMENT; /* in lists, which are settings */
    if (status == EV_OK) status = sv_models_check(config, err);
    if (status == EV_OK && *config->store) status = sv_stores_open(&stores, config, NULL, NULL, err);
    sv_stores_close(&stores);
    sv_keys_unref(&keys);
    sv_settings_unref(&settings);
    return status;
}

int sv_server_port(const sv_server *s, bool admin) {
    struct MHD_Daemon *daemon = admin ? s->admin_daemon : s->public_daemon;
    const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD) : NULL;
    return info ? sv_socket_port(info->listen_fd, NULL) : 0;
}
