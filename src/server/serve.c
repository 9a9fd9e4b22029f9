/* serve: START HERE. The service's life: everything is made in the order in which it is needed and freed in the
 * opposite one. SIGHUP reads keys, words and limits again; SIGTERM lets what was accepted be finished.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/http/fields.h"
#include "server/http/http.h"
#include "server/http/series.h"
#include "server/http/websocket.h"
#include "server/http/wyoming.h"
#include "server/models/local.h"
#include "server/redis/fallback.h"
#include "server/server.h"

/* by decoder_filter */
static const char *const decoder_argv[][3] = {
    [SV_FILTER_REQUIRED] = {"/proc/self/exe", "--decode-reference"},
    [SV_FILTER_OPTIONAL] = {"/proc/self/exe", "--decode-reference-unfiltered"}};

/* ---- ticking: what needs a clock ---- */

#define MEMORY_EVERY 3.0 /* seconds between two looks at it */

/* Batches run in this machine's memory. Those of a backend that has its own take what that has free. */
static void update_free_memory(const sv_server *s) { sv_models_tend(s->models, ev_memory_available()); }

/* It ends with its file. One that ended otherwise met a file that broke it, or a system that lets it not work. */
static void count_decoder_deaths(sv_server *s, uint64_t *known) {
    const uint64_t deaths = sv_decoder_deaths(s->decoder);
    if (deaths == *known) return;
    sv_metric_add(s->metrics, SV_METRIC_DECODER_DEATHS, 0, (double)(deaths - *known));
    sv_log_line(&s->log, SV_LEVEL_WARN, NULL, "a recording ended its decoder: %llu since the start",
                (unsigned long long)deaths);
    *known = deaths;
}

static void count_durable(sv_server *s, int64_t *errors) {
    sv_journal_state state;
    if (!s->durable) return;
    sv_durable_look(s->durable, &state);
    sv_metric_set(s->metrics, SV_METRIC_DEAD_JOBS, (double)state.dead);
    sv_metric_set(s->metrics, SV_METRIC_JOURNAL_PENDING, (double)state.pending);
    sv_metric_add(s->metrics, SV_METRIC_JOURNAL_ERRORS, 0, (double)(state.errors - *errors));
    *errors = state.errors;
    sv_metric_set(s->metrics, SV_METRIC_STORE_BYTES, (double)state.result_bytes);
}

static void *tick(void *server) {
    sv_server *s = server;
    uint64_t deaths = 0;
    int64_t errors = 0;
    double next_second = 0, next_memory = 0;
    while (!atomic_load(&s->stopping)) {
        const double now = ev_clock_s();
        sv_http_detect_disconnects(s);
        atomic_store(&s->ticked, now);
        if (now >= next_second) {
            sv_metrics_tick(s->metrics, now);
            count_decoder_deaths(s, &deaths);
            sv_jobs_sweep(s->jobs, now);
            count_durable(s, &errors);
            sv_connections_sweep(s, now);
            next_second = now + 1;
        }
        if (now >= next_memory) {
            update_free_memory(s);
            next_memory = now + MEMORY_EVERY;
        }
        usleep(50000);
    }
    return NULL;
}

/* ---- start ---- */

/* What the file says now is for who asks from now on. */
static ev_status load_lexicon(sv_server *s, const char *path, ev_error *err) {
    sv_lexicon *lexicon = NULL;
    const ev_status status = *path ? sv_lexicon_load(&lexicon, path, err) : EV_OK;
    if (status != EV_OK) return status;
    ev_mutex_lock(&s->lock);
    sv_lexicon *old = s->lexicon;
    s->lexicon = lexicon;
    ev_mutex_unlock(&s->lock);
    sv_lexicon_unref(&old);
    return EV_OK;
}

static ev_status load_keys(sv_server *s, const sv_config *c, ev_error *err) {
    sv_keys *keys = NULL;
    if (*c->keys_file) {
        const ev_status status = sv_keys_load(&keys, c->keys_file, err);
        if (status != EV_OK) return status;
    }
    sv_keyring_swap(s->keys, &keys);
    return EV_OK;
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
    if (status == EV_OK) status = load_keys(s, &s->config, err);
    if (status == EV_OK) status = sv_settings_create(&s->settings, &s->config, err);
    if (status == EV_OK) status = load_lexicon(s, s->config.lexicon, err);
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

/* A job is over: whoever wanted to be told is. */
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

/* A worker's jobs are told of when their end counts, and a gateway's are made elsewhere. */
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
    if (*s->config.redis) s->sharing = sv_model_hold(s->models, NULL, 0);
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
    update_free_memory(s);
    sv_ledger_relief(s->ledger, sv_jobs_relieve, s->jobs);
    return EV_OK;
}

enum { URL_MAX = SV_LIST_ITEM_MAX + 24 };

/* The address as configured, with the port that was bound: port 0 means any. */
static void url_of(char url[URL_MAX], const char *address, int bound) {
    char host[SV_LIST_ITEM_MAX];
    int port;
    sv_address_split(address, host, &port);
    snprintf(url, URL_MAX, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, bound);
}

/* Its requests go to the service's own address; to one that means "all", by loopback. */
static ev_status start_wyoming(sv_server *s, ev_error *err) {
    char host[SV_LIST_ITEM_MAX], url[URL_MAX], speech[URL_MAX + 24];
    int port;
    if (!*s->config.wyoming) return EV_OK;
    const int fd = sv_http_open_socket(SV_KEY_wyoming, s->config.wyoming, err);
    if (fd < 0) return EV_E_IO;
    sv_address_split(s->config.listen, host, &port);
    const bool all4 = strcmp(host, "0.0.0.0") == 0, all6 = strcmp(host, "::") == 0;
    url_of(url, all4 ? "127.0.0.1:0" : all6 ? "[::1]:0" : s->config.listen, sv_server_port(s, false));
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
    sv_model *m = sv_model_hold(s->models, job->speech.model, 0);
    if (!job->speech.lexicon) job->speech.lexicon = sv_lexicon_hold(s);
    if (m) set_model(job, m);
    sv_model_drop(s->models, &m);
}

/* The model that it was for is not served any more. */
static bool fail_job(sv_server *s, sv_job *job) {
    sv_model *first = sv_model_hold(s->models, NULL, 0);
    ev_error error = {0};
    ev_fail(&error, EV_E_NOT_FOUND, "the model %s is not served here any more", job->speech.model);
    sv_engine_fail(first->engine, job, &error);
    sv_model_drop(s->models, &first);
    return true;
}

static bool resume_job(void *server, sv_job *job) {
    sv_server *s = server;
    sv_model *m = sv_model_hold(s->models, job->speech.model, job->speech.model_number);
    if (!m) m = sv_model_hold(s->models, job->speech.model, 0); /* a reload read its file again */
    if (m && m->number != job->speech.model_number) set_model(job, m);
    const bool resumed = m ? sv_engine_resume(m->engine, job) : fail_job(s, job);
    sv_model_drop(s->models, &m);
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
    /* The helper that decodes untrusted clients' files is started first, while this process is small and has one
     * thread. */
    ev_status status = sv_decoder_create(&s->decoder, decoder_argv[config->decoder_filter], 1, err);
    if (status == EV_OK) status = sv_config_copy(&s->config, config, err);
    if (status == EV_OK) status = make_front(s, role, err);
    if (status == EV_OK) status = make_back(s, role, device, err);
    if (status == EV_OK) status = sv_executor_create(&s->executor, err);
    if (status == EV_OK && !s->worker) status = sv_series_start(s, err);
    if (status == EV_OK) status = sv_http_start(s, err);
    if (status == EV_OK && !s->worker) status = start_wyoming(s, err);
    if (status == EV_OK && s->worker)
        status = sv_worker_start(s->worker, s->settings->models->items[0]->engine, prepare_job, s, err);
    if (status == EV_OK) {
        if (s->durable) sv_durable_resume(s->durable, prepare_job, resume_job, s);
        s->ticking = pthread_create(&s->ticker, NULL, tick, s) == 0;
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
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (!info || getsockname(info->listen_fd, (struct sockaddr *)&address, &size) != 0) return 0;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* ---- stop ---- */

enum { PROBED_S = 60 };   /* who asked /readyz within this asks again */
#define HANDED_OVER_S 0.5 /* who asks on an open connection within this is told to open another one */

static bool is_written(const sv_server *s) {
    return (!s->durable || sv_durable_idle(s->durable)) && (!s->worker || sv_worker_idle(s->worker));
}

void sv_server_drain(sv_server *s, bool at_once) {
    const double start = ev_clock_s(), probed = atomic_load(&s->probed);
    const bool watched = probed > 0 && start - probed < PROBED_S;
    const bool handed_over = sv_supervisor_socket(SV_KEY_listen) >= 0;
    const double delay = watched ? s->config.drain_delay : handed_over ? HANDED_OVER_S : 0;
    sv_supervisor_notify("STOPPING=1\nSTATUS=finishing what was accepted\nEXTEND_TIMEOUT_USEC=%.0f",
                         1e6 * (delay + s->config.drain_timeout + 15));
    atomic_store(&s->leaving, true);
    sv_http_hand_over(s);
    while (!at_once && ev_clock_s() < start + delay) usleep(20000);
    atomic_store(&s->draining, true);
    if (s->durable) sv_durable_pause(s->durable);
    if (s->worker) sv_worker_pause(s->worker);
    const double until = ev_clock_s() + s->config.drain_timeout;
    while (ev_clock_s() < until && (!sv_backend_idle(s->backend) || !is_written(s) ||
                                    atomic_load(&s->in_flight) > 0 || !sv_webhooks_idle(s->webhooks))) {
        usleep(20000);
    }
    sv_http_leave(s);
}

void sv_server_stop(sv_server **server) {
    sv_server *s = *server;
    *server = NULL;
    if (!s) return;
    atomic_store(&s->draining, true);
    atomic_store(&s->stopping, true);
    if (s->ticking) pthread_join(s->ticker, NULL);
    sv_series_stop(s);
    /* Ends all jobs, uploads and tasks, which wakes every suspended request: the library must find none when it
     * stops. They are freed behind HTTP, whose last requests may still speak of them. */
    if (s->durable) sv_durable_pause(s->durable);
    if (s->worker) sv_worker_pause(s->worker);
    sv_backend_stop(s->backend);
    if (s->worker) sv_worker_stop(s->worker);
    if (s->uploads) sv_uploads_stop(s->uploads);
    if (s->executor) sv_executor_stop(s->executor);
    if (s->durable) sv_durable_stop(s->durable);
    sv_websockets_stop(s);
    sv_http_stop(s);
    sv_wyoming_free(&s->wyoming);
    sv_executor_free(&s->executor);
    sv_durable_free(&s->durable);
    sv_series_table_free(&s->series);
    sv_webhooks_free(&s->webhooks);
    sv_backend_close(&s->backend);
    sv_worker_free(&s->worker);
    sv_model_drop(s->models, &s->sharing);
    sv_settings_unref(&s->settings); /* and its models with them */
    sv_models_free(&s->models);
    sv_stores_close(&s->stores);
    sv_jobs_free(&s->jobs);
    sv_uploads_free(&s->uploads);
    sv_decoder_free(&s->decoder);
    sv_lexicon_unref(&s->lexicon);
    sv_keyring_free(&s->keys);
    sv_limiter_free(&s->limiter);
    sv_limiter_free(&s->key_limiter);
    sv_ledger_free(&s->ledger);
    sv_device_free(&s->device);
    sv_tracer_free(&s->tracer);
    sv_metrics_free(&s->metrics);
    sv_config_free(&s->config);
    ev_map_free(&s->callers);
    ev_mutex_destroy(&s->lock);
    free(s);
}

/* ---- the command's loop ---- */

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
    ev_buf notes = {0};
    ev_error err = {0};
    bool read = true;
    ev_status status = reload(user, &fresh, &err);
    if (status == EV_OK) status = sv_config_keep(&fresh, &s->config, &notes, &err);
    if (status == EV_OK) status = sv_settings_create(&settings, &fresh, &err);
    if (status == EV_OK) status = sv_models_reload(s->models, &fresh, &models, &err);
    if (status == EV_OK) status = reload_voices(models, &read, &err);
    if (status == EV_OK) status = sv_settings_load_models(settings, &models, &err);
    if (status == EV_OK) status = load_keys(s, &fresh, &err);
    if (status == EV_OK) status = load_lexicon(s, fresh.lexicon, &err);
    if (status == EV_OK) {
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
    sv_lexicon *now = sv_lexicon_hold(s);
    ev_error err = {0};
    if (*settings->config.lexicon && sv_lexicon_changed(now, &s->lexicon_seen, settings->config.lexicon)) {
        if (load_lexicon(s, settings->config.lexicon, &err) == EV_OK)
            sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "the lexicon was read again");
        else
            sv_log_line(&s->log, SV_LEVEL_ERROR, NULL, "the old lexicon stays: %s", err.message);
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
    sv_durable_look(s->durable, &state);
    fprintf(stderr, "jobs %s kept in %s%s%s: %lld to be made, %lld results\n",
            s->stores.s3 ? "are" : "and results are", s->config.data_dir, s->stores.s3 ? ", results in " : "",
            s->stores.s3 ? results : "", (long long)state.pending, (long long)state.results);
}

static void greet(const sv_server *s) {
    char url[URL_MAX], admin[URL_MAX];
    greet_jobs(s);
    url_of(url, s->config.listen, sv_server_port(s, false));
    if (s->worker)
        fprintf(stderr, "emotivoice %s works for the gateways\n", ev_version());
    else
        fprintf(stderr, "emotivoice %s serves at %s/\n", ev_version(), url);
    if (s->wyoming) fprintf(stderr, "wyoming: tcp://%s\n", s->config.wyoming);
    if (s->admin_daemon) {
        url_of(admin, s->config.admin_listen, sv_server_port(s, true));
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
