#include "base/lock.h"
#include "base/map.h"
#include "server/schedule/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/guard/guard.h"

enum { SHARES = 4, UNTRUSTED_PARTS = 3 /* of 4 */ };

typedef struct sv_holder {
    ev_map_node node; /* by name */
    int64_t bytes;
    int claims;
    bool untrusted;
    char name[SV_ACCOUNT_SIZE];
} sv_holder;

struct sv_ledger {
    ev_mutex lock;
    int64_t max, fixed EV_GUARDED_BY(lock);
    int64_t claimed EV_GUARDED_BY(lock), untrusted EV_GUARDED_BY(lock); /* by all; of it held by untrusted clients */
    ev_map holders EV_GUARDED_BY(lock);
    void (*on_pressure)(void *user, int64_t bytes) EV_GUARDED_BY(lock);
    void *user EV_GUARDED_BY(lock);
};

ev_status sv_ledger_create(sv_ledger **out, int64_t bytes_max, ev_error *err) EV_NOT_SHARED {
    sv_ledger *l = *out = calloc(1, sizeof *l);
    if (!l || !ev_map_init(&l->holders, 0)) {
        free(l);
        *out = NULL;
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    ev_mutex_init(&l->lock);
    l->max = bytes_max;
    return EV_OK;
}

void sv_ledger_free(sv_ledger **ledger) EV_NOT_SHARED {
    sv_ledger *l = *ledger;
    *ledger = NULL;
    if (!l) return;
    assert(l->claimed == 0);
    assert(l->untrusted == 0);
    ev_map_free(&l->holders);
    ev_mutex_destroy(&l->lock);
    free(l);
}

void sv_ledger_set_reserved(sv_ledger *l, int64_t bytes) {
    ev_mutex_lock(&l->lock);
    l->fixed = bytes;
    ev_mutex_unlock(&l->lock);
}

void sv_ledger_on_pressure(sv_ledger *l, void (*on_pressure)(void *user, int64_t bytes), void *user) {
    ev_mutex_lock(&l->lock);
    l->on_pressure = on_pressure;
    l->user = user;
    ev_mutex_unlock(&l->lock);
}

/* ---- holders ---- */

/* Made where there is none. NULL: out of memory. */
static sv_holder *find_holder(sv_ledger *l, const char *account) {
    char name[SV_ACCOUNT_SIZE];
    const bool untrusted = sv_account_site(account, name);
    sv_holder *h = EV_CONTAINER_OF(ev_map_find(&l->holders, name, strlen(name)), sv_holder, node);
    if (h || !(h = calloc(1, sizeof *h))) return h;
    memcpy(h->name, name, sizeof h->name);
    h->untrusted = untrusted;
    ev_map_add(&l->holders, &h->node, h->name, strlen(h->name));
    return h;
}

static void forget_idle(sv_ledger *l, sv_holder *h) {
    assert(h->claims >= 0 && (h->claims || h->bytes == 0)); /* who has no claim holds nothing */
    if (h->claims) return;
    ev_map_remove(&l->holders, &h->node);
    free(h);
}

/* ---- claims ---- */

static void change(sv_ledger *l, sv_holder *h, int64_t bytes) EV_REQUIRES(l->lock) {
    l->claimed += bytes;
    assert(l->claimed >= 0);
    if (!h) return;
    h->bytes += bytes;
    if (h->untrusted) l->untrusted += bytes;
    assert(h->bytes >= 0 && l->untrusted >= 0 && l->untrusted <= l->claimed);
}

static sv_claim_result claim_fits(const sv_ledger *l, const sv_holder *h, int64_t more, int64_t bytes, int part)
    EV_REQUIRES(l->lock) {
    assert(part >= 1 && bytes >= 0);
    const int64_t all = l->max - l->fixed, share = all / SHARES / part;
    if (more <= 0) return SV_CLAIM_OK;
    if (h && bytes > share) return SV_CLAIM_NEVER;
    if (l->claimed + more > all || (h && h->bytes + more > share)) return SV_CLAIM_LATER;
    return h && h->untrusted && l->untrusted + more > all / SHARES * UNTRUSTED_PARTS ? SV_CLAIM_LATER : SV_CLAIM_OK;
}

static sv_claim_result try_set(sv_ledger *l, sv_claim *claim, const char *account, int64_t bytes, int part)
    EV_REQUIRES(l->lock) {
    const bool first = !claim->ledger;
    sv_holder *h = !first ? claim->holder : account ? find_holder(l, account) : NULL;
    if (first && account && !h) return SV_CLAIM_LATER;
    const sv_claim_result room = claim_fits(l, h, bytes - claim->bytes, bytes, part);
    if (room == SV_CLAIM_OK) {
        change(l, h, bytes - claim->bytes);
        if (first && h) h->claims++;
        *claim = (sv_claim){l, h, bytes};
    } else if (first && h) {
        forget_idle(l, h);
    }
    return room;
}

/* ---- claims ---- */

sv_claim_result sv_claim_set(sv_ledger *l, sv_claim *claim, const char *account, int64_t bytes, int part) {
    int64_t missing = 0;
    if (!l) return SV_CLAIM_OK;
    assert(!claim->ledger || claim->ledger == l); /* it is changed where it was made */
    void (*on_pressure)(void *user, int64_t bytes) = NULL;
    void *user = NULL;
    ev_mutex_lock(&l->lock);
    sv_claim_result room = try_set(l, claim, account, bytes, part);
    if (room == SV_CLAIM_LATER) {
        missing = l->fixed + l->claimed + bytes - claim->bytes - l->max;
        on_pressure = l->on_pressure;
        user = l->user;
    }
    ev_mutex_unlock(&l->lock);
    if (!on_pressure || missing <= 0) return room;
    on_pressure(user, missing);
    ev_mutex_lock(&l->lock);
    room = try_set(l, claim, account, bytes, part);
    ev_mutex_unlock(&l->lock);
    return room;
}

static void let_go(sv_claim *claim, int64_t kept) {
    sv_ledger *l = claim->ledger;
    if (!l) return;
    assert(kept >= 0 && kept <= claim->bytes);
    ev_mutex_lock(&l->lock);
    change(l, claim->holder, -claim->bytes);
    if (claim->holder) {
        assert(claim->holder->claims > 0);
        claim->holder->claims--;
        forget_idle(l, claim->holder);
    }
    change(l, NULL, kept);
    ev_mutex_unlock(&l->lock);
    claim->holder = NULL;
    claim->bytes = kept;
}

void sv_claim_keep(sv_claim *claim) { let_go(claim, claim->bytes); }

void sv_claim_release(sv_claim *claim) {
    let_go(claim, 0);
    *claim = (sv_claim){0};
}
