/* config_check: what no key can see alone. An error is what would keep the service from doing its work, or what would
 * be unsafe by accident; a warning is a setting without effect or one that its owner should know the price of. */
#include "server/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct checker {
    const sv_config *config;
    ev_buf *warnings;
} checker;

static bool was_given(const checker *c, sv_config_key key) {
    return c->config->settings[key].from != SV_FROM_DEFAULT;
}

/* "batch_window (emotivoice.conf:7)": the setting and where to go to change it. */
static void warn(const checker *c, sv_config_key key, const char *what) {
    char name[192];
    sv_config_name(c->config, key, name, sizeof name);
    ev_buf_printf(c->warnings, "%s %s\n", name, what);
}

static ev_status refuse(const checker *c, sv_config_key key, ev_status status, const char *what, ev_error *err) {
    char name[192];
    sv_config_name(c->config, key, name, sizeof name);
    return ev_fail(err, status, "%s %s", name, what);
}

/* ---- listeners ---- */

static bool is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static bool is_everywhere(const char *host) { return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0; }

static ev_status check_listeners(const checker *c, ev_error *err) {
    const sv_config *config = c->config;
    char host[SV_LIST_ITEM_MAX], admin[SV_LIST_ITEM_MAX];
    int port = 0, admin_port = 0;
    if (!sv_address_split(config->listen, host, &port)) return EV_OK; /* cannot be: its kind was checked */
    if (config->anonymous && !is_loopback(host))
        warn(c, SV_KEY_listen, "is reachable from other machines and anonymous is on: anybody there may use it");
    if (!sv_address_split(config->admin_listen, admin, &admin_port)) return EV_OK;
    bool named = strcmp(host, "localhost") == 0 || strcmp(admin, "localhost") == 0;
    bool same_host = strcmp(host, admin) == 0 || is_everywhere(host) || is_everywhere(admin) ||
                     (named && is_loopback(host) && is_loopback(admin));
    if (port == admin_port && port != 0 && same_host)
        return refuse(c, SV_KEY_admin_listen, EV_E_ARGUMENT,
                      "is the public address: give another port, or off for no administration", err);
    if (!is_loopback(admin))
        warn(c, SV_KEY_admin_listen, "is reachable from other machines: administration asks for no key");
    return EV_OK;
}

static void check_proxies(const checker *c) {
    const char *list = c->config->trusted_proxies;
    char item[SV_LIST_ITEM_MAX];
    while (sv_list_next(&list, item)) {
        size_t n = strlen(item);
        if (n > 2 && strcmp(item + n - 2, "/0") == 0)
            warn(c, SV_KEY_trusted_proxies, "trusts every address: any client may then claim to be any other");
    }
}

/* ---- files ---- */

static ev_status check_file(const checker *c, sv_config_key key, const char *path, ev_error *err) {
    const sv_config_row *row = &sv_config_rows[key];
    bool directory = row->kind == SV_KIND_DIRECTORY;
    char fault[200];
    struct stat info;
    if (*path == '\0') return EV_OK;
    if (stat(path, &info) != 0 && errno == ENOENT && key == SV_KEY_data_dir) return EV_OK; /* it is made */
    if (stat(path, &info) != 0) {
        snprintf(fault, sizeof fault, "= %.60s cannot be found (%s): %s", path, strerror(errno),
                 directory ? "create the directory or correct the path" : "correct the path");
        return refuse(c, key, EV_E_NOT_FOUND, fault, err);
    }
    if (S_ISDIR(info.st_mode) != directory) {
        snprintf(fault, sizeof fault, "= %.60s is %s", path,
                 directory ? "no directory: give one" : "a directory: give a file");
        return refuse(c, key, EV_E_ARGUMENT, fault, err);
    }
    if (access(path, directory ? R_OK | W_OK | X_OK : R_OK) != 0) {
        snprintf(fault, sizeof fault, "= %.60s may not be %s (%s): change its owner or mode", path,
                 directory ? "written" : "read", strerror(errno));
        return refuse(c, key, EV_E_IO, fault, err);
    }
    return EV_OK;
}

static ev_status check_models(const checker *c, ev_error *err) {
    const char *list = c->config->model;
    char name[SV_MODEL_NAME_MAX + 1], file[4096];
    while (sv_models_next(&list, name, file)) {
        const ev_status status = check_file(c, SV_KEY_model, file, err);
        if (status) return status;
    }
    return EV_OK;
}

static ev_status check_paths(const checker *c, ev_error *err) {
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        sv_kind kind = sv_config_rows[i].kind;
        if (kind != SV_KIND_FILE && kind != SV_KIND_DIRECTORY) continue;
        ev_status status = check_file(c, (sv_config_key)i, c->config->settings[i].text, err);
        if (status) return status;
    }
    return check_models(c, err);
}

/* ---- keys that only mean something together ---- */

/* A bucket that fills more slowly would answer with times that nobody waits for. */
static ev_status check_rate(const checker *c, sv_config_key key, double rate, ev_error *err) {
    if (rate <= 0 || rate >= 0.001) return EV_OK;
    return refuse(c, key, EV_E_ARGUMENT,
                  "is less than one request in 1000 seconds: give 0.001 or more, or 0 for no limit", err);
}

static ev_status check_access(const checker *c, ev_error *err) {
    const sv_config *config = c->config;
    ev_status status = check_rate(c, SV_KEY_rate_per_ip, config->rate_per_ip, err);
    if (!status) status = check_rate(c, SV_KEY_rate_per_key, config->rate_per_key, err);
    if (status) return status;
    if (!config->anonymous && config->keys_file[0] == '\0')
        return refuse(c, SV_KEY_anonymous, EV_E_ARGUMENT,
                      "is off and there is no keys_file, so nobody could use the service: set keys_file, or "
                      "anonymous = on",
                      err);
    if (config->rate_per_ip > (double)config->burst_per_ip)
        warn(c, SV_KEY_burst_per_ip, "is less than a second of rate_per_ip: short bursts below the rate get 429");
    if (config->rate_per_key > (double)config->burst_per_key)
        warn(c, SV_KEY_burst_per_key, "is less than a second of rate_per_key: short bursts below the rate get 429");
    if (config->connections_per_ip > config->connections_max)
        warn(c, SV_KEY_connections_per_ip, "is more than connections_max: it has no effect");
    return EV_OK;
}

/* What more than one process needs. */
static ev_status check_redis(const checker *c, ev_error *err) {
    const sv_config *config = c->config;
    if (config->redis[0] && !config->data_dir[0] && !config->store[0])
        return refuse(c, SV_KEY_redis, EV_E_ARGUMENT,
                      "needs data_dir: a directory that all gateways and workers share, for results, recordings and "
                      "voices; or store: a bucket for the first two",
                      err);
    if (config->settings[SV_KEY_redis].from == SV_FROM_FLAG && strchr(config->redis, '@'))
        warn(c, SV_KEY_redis,
             "on the command line is seen by every user of the machine: put it into the environment or the file");
    if (!config->redis[0] && was_given(c, SV_KEY_redis_lease))
        warn(c, SV_KEY_redis_lease, "has no effect: there is no redis");
    if (!config->redis[0] && was_given(c, SV_KEY_redis_fallback))
        warn(c, SV_KEY_redis_fallback, "has no effect: there is no redis");
    if (!config->redis[0] && was_given(c, SV_KEY_worker_jobs))
        warn(c, SV_KEY_worker_jobs, "has no effect: there is no redis");
    return EV_OK;
}

/* A bucket for results, and its keys. */
static ev_status check_store(const checker *c, ev_error *err) {
    static const sv_config_key keys[] = {SV_KEY_store_access_key, SV_KEY_store_secret_key, SV_KEY_store_session_token,
                                         SV_KEY_store_url_ttl};
    const sv_config *config = c->config;
    if (config->store[0] && !config->data_dir[0] && !config->redis[0])
        return refuse(c, SV_KEY_store, EV_E_ARGUMENT,
                      "has the results alone: give data_dir too, for the list of jobs, or redis", err);
    if (!config->store_access_key[0] != !config->store_secret_key[0])
        return refuse(c, config->store_access_key[0] ? SV_KEY_store_access_key : SV_KEY_store_secret_key,
                      EV_E_ARGUMENT, "is one of a pair: give store_access_key and store_secret_key, or neither", err);
    for (size_t i = 0; i < EV_ARRAY_COUNT(keys); i++) {
        if (!config->store[0] && was_given(c, keys[i])) warn(c, keys[i], "has no effect: there is no store");
    }
    if (config->settings[SV_KEY_store_secret_key].from == SV_FROM_FLAG)
        warn(c, SV_KEY_store_secret_key,
             "on the command line is seen by every user of the machine: put it into the environment or the file");
    return EV_OK;
}

static void check_effects(const checker *c) {
    const sv_config *config = c->config;
    if (was_given(c, SV_KEY_batch_window) && config->batch_mode != SV_BATCH_FIXED)
        warn(c, SV_KEY_batch_window, "has no effect: it is for batch_mode = fixed");
    if (was_given(c, SV_KEY_batch_turn) && config->batch_mode != SV_BATCH_ADAPTIVE)
        warn(c, SV_KEY_batch_turn, "has no effect on batches: it is for batch_mode = adaptive");
    if (was_given(c, SV_KEY_parallel) && config->batch_mode != SV_BATCH_ADAPTIVE)
        warn(c, SV_KEY_parallel, "has no effect: it is for batch_mode = adaptive");
    if (was_given(c, SV_KEY_batch_max) && config->batch_mode == SV_BATCH_OFF)
        warn(c, SV_KEY_batch_max, "has no effect: batch_mode is off");
    if (was_given(c, SV_KEY_store_max) && !config->data_dir[0])
        warn(c, SV_KEY_store_max, "has no effect: there is no data_dir");
    if (config->result_cache == 0 && !config->data_dir[0])
        warn(c, SV_KEY_result_cache, "is 0: the audio of /tts is gone before anybody can ask for it");
    if (config->reference_bytes_max > config->body_max)
        warn(c, SV_KEY_reference_bytes_max, "is more than body_max: an upload of that size is refused as a body");
    if (config->fetch_allow[0] && config->fetch == SV_REACH_OFF && config->webhook == SV_REACH_OFF)
        warn(c, SV_KEY_fetch_allow, "has no effect: fetch and webhook are off");
    if (was_given(c, SV_KEY_fetch_per_minute) && config->fetch == SV_REACH_OFF)
        warn(c, SV_KEY_fetch_per_minute, "has no effect: fetch is off");
    if (config->webhook_secret[0] && config->webhook == SV_REACH_OFF)
        warn(c, SV_KEY_webhook_secret, "has no effect: webhook is off");
    if (!config->webhook_secret[0] && config->webhook != SV_REACH_OFF)
        warn(c, SV_KEY_webhook, "is on without webhook_secret: receivers cannot tell our calls from forged ones");
    if (config->settings[SV_KEY_webhook_secret].from == SV_FROM_FLAG)
        warn(c, SV_KEY_webhook_secret,
             "on the command line is seen by every user of the machine: put it into the "
             "environment or the file");
    if (config->decoder_filter == SV_FILTER_OPTIONAL)
        warn(c, SV_KEY_decoder_filter,
             "is optional: where there is no seccomp, untrusted clients' files are decoded without it");
    if (config->log_text) warn(c, SV_KEY_log_text, "is on: what people let it say is written to the log");
}

ev_status sv_config_check(const sv_config *config, ev_buf *warnings, ev_error *err) {
    const checker c = {.config = config, .warnings = warnings};
    ev_status status = check_listeners(&c, err);
    if (!status) status = check_access(&c, err);
    if (!status) status = check_redis(&c, err);
    if (!status) status = check_store(&c, err);
    if (!status) status = check_paths(&c, err);
    if (status) return status;
    check_proxies(&c);
    check_effects(&c);
    return EV_OK;
}
