/* series_shared: series of which all gateways of a queue know. One tends each of them, in its table; of the others'
 * it has what those shared last. One that is over is in no table. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/series/series.h"

#define RENEW_S   1.0  /* or a quarter of the lease */
#define PUBLISH_S 0.5  /* at most so often, and ... */
#define ITEM_S    5e-4 /* ... less often the more there is to tell */

static sv_documents *documents(const sv_server *s) { return s->backend->documents; }

bool sv_series_is_shared(const sv_server *s) { return documents(s) != NULL; }

/* ---- requests ---- */

ev_status sv_series_share(sv_server *s, sv_series *series, const ev_buf *body, sv_series_verdict *verdict,
                          char first[SV_JOB_ID + 1], ev_error *err) {
    static const sv_series_verdict verdicts[] = {[SV_DOCUMENT_TAKEN] = SV_SERIES_TAKEN,
                                                 [SV_DOCUMENT_DUPLICATE] = SV_SERIES_DUPLICATE,
                                                 [SV_DOCUMENT_CONFLICT] = SV_SERIES_CONFLICT,
                                                 [SV_DOCUMENT_MANY] = SV_SERIES_MANY,
                                                 [SV_DOCUMENT_FULL] = SV_SERIES_FULL};
    char *head = sv_series_head(s->series, series, true);
    if (!head) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const sv_document document = {.id = series->id,
                                  .account = series->client.account,
                                  .idempotency = series->keyed ? &series->idempotency : NULL,
                                  .head = head,
                                  .body = body->data,
                                  .body_bytes = body->size,
                                  .open_max = SV_SERIES_OPEN_MAX,
                                  .all_max = SV_SERIES_ALL_MAX};
    sv_document_verdict found = SV_DOCUMENT_FULL;
    const ev_status status = documents(s)->calls->put(documents(s), &document, &found, first, err);
    assert((size_t)found < EV_ARRAY_COUNT(verdicts));
    *verdict = verdicts[found];
    free(head);
    return status;
}

ev_status sv_series_fetch_remote(sv_server *s, const char *id, const char *account, sv_series **out, ev_error *err) {
    sv_document_found found;
    *out = NULL;
    ev_status status = documents(s)->calls->get(documents(s), id, account, &found, err);
    if (status == EV_OK) {
        *out = sv_series_of_head(found.head, strlen(found.head), id);
        if (!*out) status = ev_fail(err, EV_E_MEMORY, "out of memory, or what the queue knows of it is damaged");
    }
    sv_document_found_free(&found);
    return status;
}

ev_status sv_series_cancel_elsewhere(sv_server *s, const char *id, const char *account, ev_error *err) {
    return documents(s)->calls->cancel(documents(s), id, account, err);
}

void sv_series_forget_elsewhere(sv_server *s, const char *id) {
    ev_error ignored = {0};
    (void)documents(s)->calls->forget(documents(s), id, &ignored);
}

/* ---- the feeder's ---- */

static size_t count_over(const sv_series *series) {
    size_t over = 0;
    for (size_t i = 0; i < series->count; i++) over += series->items[i].state != SV_ITEM_WAITING;
    for (size_t i = 0; i < series->count; i++) over += sv_item_is_over(&series->items[i]);
    return over;
}

bool sv_series_publish(sv_server *s, sv_series *series, bool over) {
    ev_error err = {0};
    const size_t now = count_over(series);
    const double wait = fmax(PUBLISH_S, ITEM_S * (double)series->count);
    if (!over && (now == series->published_count || ev_clock_s() - series->published_at < wait)) return true;
    series->published_at = ev_clock_s();
    char *head = sv_series_head(s->series, series, true);
    if (!head) return false;
    const ev_status status = documents(s)->calls->update(documents(s), series->id, head, over, &err);
    free(head);
    if (status == EV_OK) series->published_count = now;
    if (status == EV_E_NOT_FOUND) s->series->renewed = 0; /* it is lost, or canceled */
    return status == EV_OK;
}

/* What the gateway before had sent, and what came of it. */
static void adopt_item(sv_server *s, sv_item *item, sv_item *of) {
    if (of->state == SV_ITEM_SENT) sv_item_sent(s, item, NULL, of->id);
    if (item == of || !sv_item_is_over(of)) return;
    item->state = of->state;
    memcpy(item->id, of->id, sizeof item->id);
    item->samples = of->samples;
    item->rate = of->rate;
    sv_item_fault_set(&item->fault, of->fault.code, of->fault.param, of->fault.message);
    sv_item_forget_params(item);
}

static void adopt_series(sv_server *s, const sv_document_found *found) {
    sv_series *first = NULL, *shared = sv_series_of_head(found->head, strlen(found->head), found->id);
    sv_series *series = shared && (found->canceled || !found->body)
                            ? sv_series_ref(shared)
                            : (shared ? sv_series_read_again(s, shared, found->body, found->body_bytes) : NULL);
    for (size_t i = 0; series && i < series->count && i < shared->count; i++)
        adopt_item(s, &series->items[i], &shared->items[i]);
    if (series) {
        atomic_store(&series->canceled, found->canceled);
        sv_series_put(s->series, series, &first);
    } else {
        sv_log_line(&s->log, SV_LEVEL_ERROR, found->id, "it cannot be read, and is not made");
        sv_series_forget_elsewhere(s, found->id);
    }
    sv_series_unref(&series);
    sv_series_unref(&shared);
}

static void take_all(sv_server *s) {
    sv_document_found found;
    ev_error ignored = {0};
    while (documents(s)->calls->take(documents(s), &found, &ignored) == EV_OK) {
        adopt_series(s, &found);
        sv_document_found_free(&found);
    }
}

/* What is lost is tended elsewhere, and what is canceled is forgotten. */
static void renew_leases(sv_server *s, bool let_go) {
    size_t count;
    ev_error ignored = {0};
    sv_series **all = sv_series_all(s->series, &count);
    const char *ids[SV_SERIES_ALL_MAX];
    sv_lease leases[SV_SERIES_ALL_MAX];
    const size_t some = count < SV_SERIES_ALL_MAX ? count : SV_SERIES_ALL_MAX;
    for (size_t i = 0; i < some; i++) ids[i] = all[i]->id;
    const bool renewed =
        some && documents(s)->calls->renew(documents(s), ids, some, let_go, leases, &ignored) == EV_OK;
    for (size_t i = 0; i < count; i++) {
        if (renewed && i < some && leases[i] == SV_LEASE_CANCELED) atomic_store(&all[i]->canceled, true);
        if (renewed && i < some) all[i]->lost |= leases[i] == SV_LEASE_LOST || let_go;
        sv_series_unref(&all[i]);
    }
    free(all);
}

void sv_series_renew(sv_server *s) {
    const bool draining = atomic_load(&s->draining);
    const double every = fmin(RENEW_S, documents(s)->lease_s / 4);
    if (ev_clock_s() - s->series->renewed < every) return;
    s->series->renewed = ev_clock_s();
    renew_leases(s, draining);
    if (!draining) take_all(s);
}

void sv_series_release_leases(sv_server *s) { renew_leases(s, true); }
