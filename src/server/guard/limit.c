/* limit: token buckets, one an account, in a table that never grows: an index (base/map.h) over a fixed array of
 * buckets, which are also a list (base/list.h) in the order of their last use. When all are taken, the one used
 * longest ago is given away; with an honest number of accounts it has long been full, so that nothing is forgotten
 * that mattered. Accounts are untrusted clients' choice, so the hash is keyed: nobody can make one chain long. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "server/guard/guard.h"

typedef struct bucket {
    double tokens;
    uint64_t filled_us; /* when tokens was right */
    ev_map_node node;   /* by account */
    ev_list_node use;   /* least recently used first */
    double taken;       /* since the change was shared, where it is */
    sv_rate rate;       /* of the last use */
    bool changed;       /* it stands among the changes */
    char account[SV_ACCOUNT_SIZE];
} bucket;

struct sv_limiter {
    ev_mutex mutex;
    bucket *buckets EV_GUARDED_BY(mutex); /* [capacity] */
    ev_map accounts EV_GUARDED_BY(mutex);
    uint32_t capacity;
    ev_list uses EV_GUARDED_BY(mutex);      /* of those that are used */
    uint32_t *changed EV_GUARDED_BY(mutex); /* [capacity] buckets that changed; NULL: it is not shared */
    uint32_t changes EV_GUARDED_BY(mutex);
};

/* ---- table ---- */

/* A bucket nobody has: an unused one, else the one used longest ago. */
static bucket *free_bucket(sv_limiter *l) EV_REQUIRES(l->mutex) {
    if (l->uses.count < l->capacity) return &l->buckets[l->uses.count];
    assert(l->uses.count == l->capacity && l->accounts.count == l->uses.count);
    bucket *b = EV_CONTAINER_OF(ev_list_pop(&l->uses), bucket, use);
    ev_map_remove(&l->accounts, &b->node);
    return b;
}

static bucket *bucket_of(sv_limiter *l, const char *account, double burst, uint64_t now_us) EV_REQUIRES(l->mutex) {
    bucket *b = EV_CONTAINER_OF(ev_map_find(&l->accounts, account, strlen(account)), bucket, node);
    if (b) {
        ev_list_renew(&b->use);
        return b;
    }
    b = free_bucket(l);
    assert(strlen(account) < sizeof b->account && !b->node.key && !b->use.list);
    /* one that is given away keeps its place among the changes, if it has one, as an account that took nothing */
    *b = (bucket){.tokens = burst, .filled_us = now_us, .changed = b->changed};
    memcpy(b->account, account, strlen(account) + 1);
    ev_map_add(&l->accounts, &b->node, b->account, strlen(account));
    ev_list_append(&l->uses, &b->use);
    return b;
}

/* ---- take ---- */

static void refill(bucket *b, sv_rate rate, uint64_t now_us) {
    if (now_us > b->filled_us) {
        b->tokens += (double)(now_us - b->filled_us) * 1e-6 * rate.per_s;
        b->filled_us = now_us;
    }
    if (b->tokens > rate.burst) b->tokens = rate.burst;
    assert(b->tokens <= rate.burst);
}

/* Whole milliseconds until `tokens` more are there, and never 0. */
static uint64_t wait_ms(double tokens, double per_s) {
    assert(tokens > 0 && per_s >= 0);
    const double ms = tokens / per_s * 1e3;
    if (!(ms < 1e15)) return UINT64_MAX; /* also a rate of zero */
    return (uint64_t)ms + 1;
}

static sv_grant take(bucket *b, sv_rate rate, double n) {
    const double need = n < rate.burst ? n : rate.burst;
    if (b->tokens < need) {
        return (sv_grant){.remaining = b->tokens, .retry_after_ms = wait_ms(need - b->tokens, rate.per_s)};
    }
    b->tokens -= n;
    return (sv_grant){.ok = true, .remaining = b->tokens};
}

/* So many tokens were taken, to be shared. */
static void add_change(sv_limiter *l, bucket *b, double n) EV_REQUIRES(l->mutex) {
    if (!l->changed) return;
    b->taken += n;
    if (b->changed) return;
    assert(l->changes < l->capacity); /* each bucket stands there once */
    b->changed = true;
    l->changed[l->changes++] = (uint32_t)(b - l->buckets);
}

/* The account's bucket, as full as it is by now. */
static bucket *open_bucket(sv_limiter *l, const char *account, sv_rate rate, uint64_t now_us) EV_REQUIRES(l->mutex) {
    char cut[SV_ACCOUNT_SIZE];
    const size_t bytes = strnlen(account, sizeof(cut) - 1);
    memcpy(cut, account, bytes);
    cut[bytes] = '\0';
    bucket *b = bucket_of(l, cut, rate.burst, now_us);
    refill(b, rate, now_us);
    b->rate = rate;
    return b;
}

sv_grant sv_limiter_take(sv_limiter *l, const char *account, sv_rate rate, double n, uint64_t now_us) {
    assert(rate.burst >= 1 && rate.per_s >= 0 && n > 0);
    ev_mutex_lock(&l->mutex);
    bucket *b = open_bucket(l, account, rate, now_us);
    const sv_grant grant = take(b, rate, n);
    if (grant.ok) add_change(l, b, n);
    ev_mutex_unlock(&l->mutex);
    return grant;
}

void sv_limiter_refund(sv_limiter *l, const char *account, sv_rate rate, double n, uint64_t now_us) {
    assert(rate.burst >= 1 && rate.per_s >= 0 && n > 0);
    ev_mutex_lock(&l->mutex);
    bucket *b = open_bucket(l, account, rate, now_us);
    b->tokens = b->tokens + n < rate.burst ? b->tokens + n : rate.burst;
    add_change(l, b, -n);
    ev_mutex_unlock(&l->mutex);
}

void sv_limiter_charge(sv_limiter *l, const char *account, sv_rate rate, double n, uint64_t now_us) {
    assert(rate.burst >= 1 && rate.per_s >= 0 && n > 0);
    ev_mutex_lock(&l->mutex);
    bucket *b = open_bucket(l, account, rate, now_us);
    b->tokens -= n;
    add_change(l, b, n);
    ev_mutex_unlock(&l->mutex);
}

/* ---- together with others ---- */

ev_status sv_limiter_share(sv_limiter *l, ev_error *err) {
    ev_mutex_lock(&l->mutex);
    if (!l->changed) l->changed = calloc(l->capacity, sizeof *l->changed);
    const bool shared = l->changed != NULL;
    ev_mutex_unlock(&l->mutex);
    return shared ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory: list of accounts");
}

size_t sv_limiter_changes(sv_limiter *l, sv_limiter_change *out, size_t most) {
    size_t count = 0;
    ev_mutex_lock(&l->mutex);
    while (l->changes && count < most) {
        bucket *b = &l->buckets[l->changed[--l->changes]];
        sv_limiter_change *change = &out[count++];
        *change = (sv_limiter_change){.rate = b->rate, .taken = b->taken};
        memcpy(change->account, b->account, sizeof b->account);
        b->changed = false;
        b->taken = 0;
    }
    ev_mutex_unlock(&l->mutex);
    return count;
}

void sv_limiter_clamp(sv_limiter *l, const char *account, sv_rate rate, double tokens, uint64_t now_us) {
    ev_mutex_lock(&l->mutex);
    bucket *b = open_bucket(l, account, rate, now_us);
    if (b->tokens > tokens - b->taken) b->tokens = tokens - b->taken;
    ev_mutex_unlock(&l->mutex);
}

size_t sv_limiter_accounts(sv_limiter *l) {
    ev_mutex_lock(&l->mutex);
    const size_t used = l->uses.count;
    ev_mutex_unlock(&l->mutex);
    return used;
}

/* ---- life ---- */

ev_status sv_limiter_create(sv_limiter **out, size_t accounts_max, ev_error *err) EV_NOT_SHARED {
    if (accounts_max == 0) accounts_max = SV_ACCOUNTS_MAX;
    if (accounts_max > 1 << 30)
        return ev_fail(err, EV_E_ARGUMENT, "a table of %zu accounts is too large: at most %d", accounts_max, 1 << 30);
    sv_limiter *l = calloc(1, sizeof(*l));
    if (!l) return ev_fail(err, EV_E_MEMORY, "out of memory: table of accounts");
    l->capacity = (uint32_t)accounts_max;
    l->buckets = calloc(accounts_max, sizeof(*l->buckets)); /* pages come as accounts do */
    if (!l->buckets || !ev_map_init(&l->accounts, accounts_max)) {
        free(l->buckets);
        free(l);
        return ev_fail(err, EV_E_MEMORY, "out of memory: table of %zu accounts", accounts_max);
    }
    ev_mutex_init(&l->mutex);
    *out = l;
    return EV_OK;
}

void sv_limiter_free(sv_limiter **limiter) EV_NOT_SHARED {
    if (!limiter || !*limiter) return;
    ev_mutex_destroy(&(*limiter)->mutex);
    free((*limiter)->buckets);
    ev_map_free(&(*limiter)->accounts);
    free((*limiter)->changed);
    free(*limiter);
    *limiter = NULL;
}
