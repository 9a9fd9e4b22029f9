/* access: who asks, may they, and are they too fast. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/access.h"
#include "server/http/reply.h"

static_assert(SV_KEY_NAME_MAX < SV_ACCOUNT_SIZE, "a key's name is its account");

/* A proxy may add a line of its own: together they are one list. */
static enum MHD_Result add_hops(void *hops, enum MHD_ValueKind kind, const char *name, const char *value) {
    ev_buf *list = hops;
    (void)kind;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0) ev_buf_printf(list, "%s%s", list->size ? "," : "", value);
    return MHD_YES;
}

static void find_address(sv_request *req) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    sv_address peer = {0};
    if (info) sv_address_of(&peer, info->client_addr);
    ev_buf hops = {0};
    MHD_get_connection_values(req->connection, MHD_HEADER_KIND, add_hops, &hops);
    ev_buf_append(&hops, "", 1);
    req->client.address =
        sv_address_client(&peer, hops.failed ? NULL : (const char *)hops.data, &req->settings->proxies);
    ev_buf_free(&hops);
    sv_address_account(&req->client.address, req->client.account);
}

char *sv_access_authorization(const sv_request *req) {
    const char *authorization = sv_header(req, "Authorization"), *theirs = sv_header(req, "xi-api-key");
    char bearer[128];
    if (!authorization && theirs) { /* as ElevenLabs' clients send it */
        snprintf(bearer, sizeof bearer, "Bearer %s", theirs);
        authorization = bearer;
    }
    return authorization ? strdup(authorization) : NULL;
}

/* A key is asked for only where the service has any: clients that must send one send a dummy. */
static bool find_key(sv_request *req, const char *authorization, int *result) {
    sv_keys *keys = sv_keyring_ref(req->server->keys);
    const sv_key *key = keys && authorization ? sv_keys_find(keys, authorization) : NULL;
    bool ok = true;
    req->client.weight = 1;
    if (key) {
        snprintf(req->client.account, sizeof req->client.account, "%s", key->name);
        snprintf(req->client.key_prefix, sizeof req->client.key_prefix, "%s", key->prefix);
        req->client.has_key = true;
        req->client.scopes = key->scopes;
        req->client.rate = key->rate;
        req->client.audio_s = key->audio_s;
        req->client.weight = (float)key->weight;
    } else if (keys && authorization) {
        *result = sv_reply_error(req, 401, NULL, "the API key is not known here: check the Authorization header");
        ok = false;
    } else {
        req->client.scopes = SV_SCOPE_SPEAK | SV_SCOPE_VOICES;
    }
    sv_keys_unref(&keys);
    return ok;
}

static bool check_scope(sv_request *req, int *result) {
    const unsigned wanted = req->route ? req->route->scope : 0;
    if (!wanted) return true;
    if (!req->client.has_key && !req->settings->config.anonymous) {
        *result = sv_reply_error(req, 401, NULL, "an API key is needed: send Authorization: Bearer KEY");
        return false;
    }
    if ((req->client.scopes & wanted) == wanted) return true;
    *result = sv_reply_error(req, 403, NULL, "this key may not do that: it lacks the scope '%s'",
                             wanted == SV_SCOPE_VOICES ? "voices" : "speak");
    return false;
}

/* The name of the client's bucket of one kind, "" for its requests. */
static void name_bucket(const char *owner, const char *kind, char account[SV_ACCOUNT_SIZE]) {
    assert(strlen(kind) < SV_ACCOUNT_SIZE - 1);
    snprintf(account, SV_ACCOUNT_SIZE, "%s%.*s", kind, (int)(SV_ACCOUNT_SIZE - 1 - strlen(kind)), owner);
}

static uint64_t now_us(void) { return (uint64_t)(ev_clock_s() * 1e6); }

/* However many untrusted clients come, what a key had is not forgotten for them: keys have a table of their own. */
static sv_limiter *limiter_of(const sv_request *req) {
    return req->client.has_key ? req->server->key_limiter : req->server->limiter;
}

/* A /48 is what a provider gives to one customer: its /64s together have the rate of eight. */
enum { SITE_RATE = 8 };

static sv_grant take_of_site(sv_request *req, const char *kind, sv_rate rate, double n) {
    char site[SV_ACCOUNT_SIZE], account[SV_ACCOUNT_SIZE];
    sv_account_site(req->client.account, site);
    if (strcmp(site, req->client.account) == 0) return (sv_grant){.ok = true};
    name_bucket(site, kind, account);
    rate = (sv_rate){rate.per_s * SITE_RATE, rate.burst * SITE_RATE};
    return sv_limiter_take(limiter_of(req), account, rate, n, now_us());
}

/* From the bucket, or answers with the message. */
static bool take(sv_request *req, const char *kind, sv_rate rate, double n, const char *message, int *result) {
    char account[SV_ACCOUNT_SIZE];
    name_bucket(req->client.account, kind, account);
    sv_grant grant = sv_limiter_take(limiter_of(req), account, rate, n, now_us());
    if (grant.ok && !req->client.has_key) grant = take_of_site(req, kind, rate, n);
    if (grant.ok) return true;
    if (!req->comes_again) sv_metric_add(req->server->metrics, SV_METRIC_JOBS, SV_OUTCOME_REJECTED_QUOTA, 1);
    *result = sv_reply_busy(req, 429, (int64_t)grant.retry_after_ms, message);
    return false;
}

/* Of requests that make something. */
static sv_rate making_rate(const sv_request *req) {
    const sv_config *c = &req->settings->config;
    sv_rate rate = {c->rate_per_ip, (double)c->burst_per_ip};
    if (req->client.has_key) {
        rate = (sv_rate){c->rate_per_key, (double)c->burst_per_key};
        if (req->client.rate > 0) rate = (sv_rate){req->client.rate, req->client.rate > 1 ? 2 * req->client.rate : 2};
    }
    return rate;
}

/* What makes nothing costs little, and a page or a client asks for several such things to make one: ten times the
 * rate, from a bucket of its own, so that a client that polls too often can still speak. Probes have one more, since
 * a balancer must not be told that a service is ill because somebody beside it is curious. The admin listener counts
 * nobody. */
enum { READS_PER_MAKE = 10 };

static bool check_rate(sv_request *req, int *result) {
    static const char message[] = "too many requests: slow down, or ask for a key with a higher rate";
    const sv_route_row *route = req->route; /* NULL: no such path */
    sv_rate rate = making_rate(req);
    if (rate.per_s <= 0 || (route && route->admin)) return true;
    if (route && !route->reads) return take(req, "", rate, route->tokens, message, result);
    const bool probe = route && (route->counted == SV_ROUTE_HEALTH || route->counted == SV_ROUTE_READY);
    rate = (sv_rate){READS_PER_MAKE * rate.per_s, READS_PER_MAKE * rate.burst};
    return take(req, probe ? "probe/" : "read/", rate, route ? route->tokens : 1, message, result);
}

static void give(sv_request *req, const char *kind, sv_rate rate, double n) {
    char account[SV_ACCOUNT_SIZE];
    name_bucket(req->client.account, kind, account);
    sv_limiter_refund(limiter_of(req), account, rate, n, now_us());
}

static sv_rate audio_rate(const sv_request *req) {
    return (sv_rate){req->client.audio_s / 3600, req->client.audio_s};
}

static sv_rate fetch_rate(const sv_request *req) {
    const double minutely = (double)req->settings->config.fetch_per_minute;
    return (sv_rate){minutely / 60, minutely};
}

/* Without what nobody counts. */
static sv_charge counted(const sv_request *req, sv_charge c) {
    return (sv_charge){.audio_s = audio_rate(req).per_s > 0 ? c.audio_s : 0,
                       .fetch = c.fetch && fetch_rate(req).per_s > 0};
}

bool sv_access_charge(sv_request *req, sv_charge charge, int *result) {
    static const char audio[] = "this key has had its seconds of speech for now: wait for the time in Retry-After";
    static const char fetch[] =
        "too many references by URL: wait for the time in Retry-After, or send the recording itself";
    const sv_charge c = counted(req, charge);
    if (c.fetch && !take(req, "fetch/", fetch_rate(req), 1, fetch, result)) return false;
    if (c.audio_s <= 0 || take(req, "audio/", audio_rate(req), c.audio_s, audio, result)) return true;
    if (c.fetch) give(req, "fetch/", fetch_rate(req), 1);
    return false;
}

void sv_access_refund(sv_request *req, sv_charge charge) {
    const sv_charge c = counted(req, charge);
    if (c.fetch) give(req, "fetch/", fetch_rate(req), 1);
    if (c.audio_s > 0) give(req, "audio/", audio_rate(req), c.audio_s);
}

void sv_access_settle(sv_server *s, const sv_job *job, double made_s) {
    char account[SV_ACCOUNT_SIZE];
    const sv_rate rate = {job->quota_s / 3600, job->quota_s};
    const double more = made_s - job->charged_s;
    if (job->quota_s <= 0) return;
    name_bucket(job->owner, "audio/", account);
    if (more > 0) sv_limiter_charge(s->key_limiter, account, rate, more, now_us());
    if (more < 0) sv_limiter_refund(s->key_limiter, account, rate, -more, now_us());
}

bool sv_access_check(sv_request *req, int *result) {
    find_address(req);
    char *authorization = sv_access_authorization(req);
    const bool known = find_key(req, authorization, result);
    free(authorization);
    return known && check_scope(req, result) && check_rate(req, result);
}

bool sv_access_again(sv_request *req, const char *authorization, int *result) {
    req->client = (sv_client){.address = req->client.address};
    sv_address_account(&req->client.address, req->client.account);
    return find_key(req, authorization, result) && check_scope(req, result) && check_rate(req, result);
}

bool sv_access_again_known(sv_request *req, int *result) { return check_rate(req, result); }
