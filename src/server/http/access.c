/* access: who asks, may they, and are they too fast. */
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

/* ---- what a reload replaces ---- */

ev_status sv_access_create(sv_access **out, const sv_config *config, ev_error *err) {
    sv_access *a = *out = calloc(1, sizeof *a);
    if (!a) return ev_fail(err, EV_E_MEMORY, "out of memory");
    atomic_init(&a->holds, 1);
    ev_status status = sv_config_copy(&a->config, config, err);
    if (status == EV_OK) status = sv_networks_parse(&a->proxies, a->config.trusted_proxies, err);
    if (status == EV_OK && *a->config.words_file) status = sv_words_load(&a->words, a->config.words_file, err);
    if (status != EV_OK) sv_access_drop(out);
    return status;
}

ev_status sv_access_listen(sv_access *a, const ev_model *model, ev_error *err) {
    return a->words ? sv_sounds_create(&a->sounds, a->words, model, err) : EV_OK;
}

sv_access *sv_access_hold(sv_server *s) {
    pthread_mutex_lock(&s->lock);
    sv_access *a = s->access;
    atomic_fetch_add(&a->holds, 1);
    pthread_mutex_unlock(&s->lock);
    return a;
}

void sv_access_drop(sv_access **access) {
    sv_access *a = *access;
    *access = NULL;
    if (!a || atomic_fetch_sub(&a->holds, 1) > 1) return;
    sv_sounds_free(&a->sounds);
    sv_words_free(&a->words);
    sv_networks_free(&a->proxies);
    sv_config_free(&a->config);
    free(a);
}

/* ---- who ---- */

/* A proxy may add a line of its own: together they are one list. */
static enum MHD_Result add_hops(void *hops, enum MHD_ValueKind kind, const char *name, const char *value) {
    ev_buf *list = hops;
    (void)kind;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0) ev_buf_printf(list, "%s%s", list->size ? "," : "", value);
    return MHD_YES;
}

static void find_address(sv_exchange *x) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    sv_address peer = {0};
    if (info) sv_address_of(&peer, info->client_addr);
    ev_buf hops = {0};
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, add_hops, &hops);
    ev_buf_append(&hops, "", 1);
    x->client.address = sv_address_client(&peer, hops.failed ? NULL : (const char *)hops.data, &x->access->proxies);
    ev_buf_free(&hops);
    sv_address_account(&x->client.address, x->client.account);
}

/* A key is asked for only where the service has any: clients that must send one send a dummy. */
static bool find_key(sv_exchange *x, int *result) {
    const char *authorization = sv_header(x, "Authorization");
    sv_keys *keys = sv_keyring_hold(x->server->keys);
    const sv_key *key = keys && authorization ? sv_keys_find(keys, authorization) : NULL;
    bool ok = true;
    x->client.weight = 1;
    if (key) {
        snprintf(x->client.account, sizeof x->client.account, "%s", key->name);
        snprintf(x->client.key_prefix, sizeof x->client.key_prefix, "%s", key->prefix);
        x->client.has_key = true;
        x->client.scopes = key->scopes;
        x->client.rate = key->rate;
        x->client.audio_s = key->audio_s;
        x->client.weight = (float)key->weight;
    } else if (keys && authorization) {
        *result = sv_reply_error(x, 401, NULL, "the API key is not known here: check the Authorization header");
        ok = false;
    } else {
        x->client.scopes = SV_SCOPE_SPEAK | SV_SCOPE_VOICES;
    }
    sv_keys_free(&keys);
    return ok;
}

static bool check_scope(sv_exchange *x, int *result) {
    const unsigned wanted = x->route ? x->route->scope : 0;
    if (!wanted) return true;
    if (!x->client.has_key && !x->access->config.anonymous) {
        *result = sv_reply_error(x, 401, NULL, "an API key is needed: send Authorization: Bearer KEY");
        return false;
    }
    if ((x->client.scopes & wanted) == wanted) return true;
    *result = sv_reply_error(x, 403, NULL, "this key may not do that: it lacks the scope '%s'",
                             wanted == SV_SCOPE_VOICES ? "voices" : "speak");
    return false;
}

/* The name of the client's bucket of one kind, "" for its requests. */
static void name_bucket(const char *owner, const char *kind, char account[SV_ACCOUNT_SIZE]) {
    snprintf(account, SV_ACCOUNT_SIZE, "%s%.*s", kind, (int)(SV_ACCOUNT_SIZE - 1 - strlen(kind)), owner);
}

static uint64_t now_us(void) { return (uint64_t)(ev_clock_s() * 1e6); }

/* However many strangers come, what a key had is not forgotten for them: keys have a table of their own. */
static sv_limiter *limiter_of(const sv_exchange *x) {
    return x->client.has_key ? x->server->key_limiter : x->server->limiter;
}

/* A /48 is what a provider gives to one customer: its /64s together have the rate of eight. */
enum { SITE_RATE = 8 };

static sv_grant take_of_site(sv_exchange *x, const char *kind, sv_rate rate, double n) {
    char site[SV_ACCOUNT_SIZE], account[SV_ACCOUNT_SIZE];
    sv_account_site(x->client.account, site);
    if (strcmp(site, x->client.account) == 0) return (sv_grant){.ok = true};
    name_bucket(site, kind, account);
    rate = (sv_rate){rate.per_s * SITE_RATE, rate.burst * SITE_RATE};
    return sv_limiter_take(limiter_of(x), account, rate, n, now_us());
}

/* From the bucket, or answers with the message. */
static bool take(sv_exchange *x, const char *kind, sv_rate rate, double n, const char *message, int *result) {
    char account[SV_ACCOUNT_SIZE];
    name_bucket(x->client.account, kind, account);
    sv_grant grant = sv_limiter_take(limiter_of(x), account, rate, n, now_us());
    if (grant.ok && !x->client.has_key) grant = take_of_site(x, kind, rate, n);
    if (grant.ok) return true;
    sv_metric_add(x->server->metrics, SV_METRIC_JOBS, SV_OUTCOME_REJECTED_QUOTA, 1);
    *result = sv_reply_busy(x, 429, (int64_t)grant.retry_after_ms, message);
    return false;
}

/* Of requests that make something. */
static sv_rate making_rate(const sv_exchange *x) {
    const sv_config *c = &x->access->config;
    sv_rate rate = {c->rate_per_ip, (double)c->burst_per_ip};
    if (x->client.has_key) {
        rate = (sv_rate){c->rate_per_key, (double)c->burst_per_key};
        if (x->client.rate > 0) rate = (sv_rate){x->client.rate, x->client.rate > 1 ? 2 * x->client.rate : 2};
    }
    return rate;
}

/* What makes nothing costs little, and a page or a client asks for several such things to make one: ten times the
 * rate, from a bucket of its own, so that who looks too often can still speak. Probes have one more, since a balancer
 * must not be told that a service is ill because somebody beside it is curious. The admin listener counts nobody. */
enum { READS_PER_MAKE = 10 };

static bool check_rate(sv_exchange *x, int *result) {
    static const char message[] = "too many requests: slow down, or ask for a key with a higher rate";
    const sv_route_row *route = x->route; /* NULL: no such path */
    sv_rate rate = making_rate(x);
    if (rate.per_s <= 0 || (route && route->admin)) return true;
    if (route && !route->reads) return take(x, "", rate, route->tokens, message, result);
    const bool probe = route && (route->counted == SV_ROUTE_HEALTH || route->counted == SV_ROUTE_READY);
    rate = (sv_rate){READS_PER_MAKE * rate.per_s, READS_PER_MAKE * rate.burst};
    return take(x, probe ? "probe/" : "read/", rate, route ? route->tokens : 1, message, result);
}

static void give(sv_exchange *x, const char *kind, sv_rate rate, double n) {
    char account[SV_ACCOUNT_SIZE];
    name_bucket(x->client.account, kind, account);
    sv_limiter_give(limiter_of(x), account, rate, n, now_us());
}

static sv_rate audio_rate(const sv_exchange *x) { return (sv_rate){x->client.audio_s / 3600, x->client.audio_s}; }

static sv_rate fetch_rate(const sv_exchange *x) {
    const double minutely = (double)x->access->config.fetch_per_minute;
    return (sv_rate){minutely / 60, minutely};
}

/* Without what nobody counts. */
static sv_charge counted(const sv_exchange *x, sv_charge c) {
    return (sv_charge){.audio_s = audio_rate(x).per_s > 0 ? c.audio_s : 0,
                       .fetch = c.fetch && fetch_rate(x).per_s > 0};
}

bool sv_access_charge(sv_exchange *x, sv_charge charge, int *result) {
    static const char audio[] = "this key has had its seconds of speech for now: wait for the time in Retry-After";
    static const char fetch[] =
        "too many references by URL: wait for the time in Retry-After, or send the recording itself";
    const sv_charge c = counted(x, charge);
    if (c.fetch && !take(x, "fetch/", fetch_rate(x), 1, fetch, result)) return false;
    if (c.audio_s <= 0 || take(x, "audio/", audio_rate(x), c.audio_s, audio, result)) return true;
    if (c.fetch) give(x, "fetch/", fetch_rate(x), 1);
    return false;
}

void sv_access_give_back(sv_exchange *x, sv_charge charge) {
    const sv_charge c = counted(x, charge);
    if (c.fetch) give(x, "fetch/", fetch_rate(x), 1);
    if (c.audio_s > 0) give(x, "audio/", audio_rate(x), c.audio_s);
}

void sv_access_settle(sv_server *s, const sv_job *job, double made_s) {
    char account[SV_ACCOUNT_SIZE];
    const sv_rate rate = {job->quota_s / 3600, job->quota_s};
    const double more = made_s - job->charged_s;
    if (job->quota_s <= 0) return;
    name_bucket(job->owner, "audio/", account);
    if (more > 0) sv_limiter_owe(s->key_limiter, account, rate, more, now_us());
    if (more < 0) sv_limiter_give(s->key_limiter, account, rate, -more, now_us());
}

bool sv_access_check(sv_exchange *x, int *result) {
    find_address(x);
    return find_key(x, result) && check_scope(x, result) && check_rate(x, result);
}
