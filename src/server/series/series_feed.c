/* series_feed: START HERE. One thread sends the items of all series to the backend, turn by turn, as long as what is
 * on its way is a small part of the queue; and looks how those that were sent go.
 */
#include <assert.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/http/access.h"
#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/series/series.h"

/* Of the queue's audio, that items may have in it: requests that come meanwhile find it nearly empty. One item is
 * always sent.
 */
#define QUEUE_SHARE 0.2

#define BACKOFF_S     0.25 /* until what had no room is tried again, twice as long each time ... */
#define BACKOFF_MAX_S 5.0
enum { POLL_MS = 250 }; /* nobody wakes the feeder for a job that is only known by its id, nor for the clock */

static double now_s(void) { return ev_clock_s(); }

/* ---- what items come to ---- */

static void finish_item(sv_server *s, sv_item *item, sv_item_state state, const sv_item_fault *fault) {
    assert(state >= SV_ITEM_COMPLETED);
    ev_mutex_lock(&s->series->lock);
    sv_job *job = item->job;
    item->job = NULL;
    item->state = state;
    if (fault) sv_item_fault_set(&item->fault, fault->code, fault->param, fault->message);
    ev_mutex_unlock(&s->series->lock);
    if (job) sv_job_forget_waiter(job, &item->waiter);
    sv_job_unref(&job);
    sv_item_forget_params(item);
}

/* Its job is over: what an answer would have said. */
static void finish_item_by_job(sv_server *s, const sv_series *series, sv_item *item, sv_job *job) {
    size_t count;
    ev_error error;
    sv_request req;
    sv_item_fault fault = {0};
    const sv_job_state state = sv_job_snapshot(job, NULL, &count, &error);
    assert(sv_job_over(state));
    if (state == SV_JOB_COMPLETED) {
        ev_mutex_lock(&s->series->lock);
        item->samples = count;
        item->rate = sv_job_rate(s, job);
        ev_mutex_unlock(&s->series->lock);
        finish_item(s, item, SV_ITEM_COMPLETED, NULL);
        return;
    }
    sv_series_request(&req, s, &series->client);
    if (state == SV_JOB_CANCELED)
        sv_item_fault_set(&fault, 499, NULL, "it was canceled");
    else
        sv_reply_job_error(&req, state, &error);
    if (!fault.code) sv_item_fault_of(&fault, &req, item->text_as);
    sv_series_request_end(&req);
    finish_item(s, item,
                state == SV_JOB_EXPIRED    ? SV_ITEM_EXPIRED
                : state == SV_JOB_CANCELED ? SV_ITEM_CANCELED
                                           : SV_ITEM_FAILED,
                &fault);
    sv_item_fault_set(&fault, 0, NULL, NULL);
}

/* ---- sending ---- */

typedef struct ticket_user { /* a ticket's user, until it is woken */
    sv_series_table *table;
    sv_item *item;
} ticket_user;

static void on_written(void *user) {
    ticket_user *p = user;
    sv_series_table *table = p->table;
    atomic_store(&p->item->written, true);
    free(p);
    sv_series_wake(table);
}

/* Every item has a key of its own, by which it is found after a restart. */
static bool make_key(const sv_series *series, const sv_item *item, sv_idempotency *idempotency) {
    char text[SV_JOB_ID + 32];
    const int bytes = snprintf(text, sizeof text, "series %s %zu", series->id, (size_t)(item - series->items));
    *idempotency = (sv_idempotency){0};
    return EVP_Digest(text, (size_t)bytes, idempotency->key, NULL, EVP_sha256(), NULL) == 1;
}

/* false: out of memory, and the job is canceled. */
static bool write_down(sv_server *s, sv_item *item, sv_job *job, bool fresh) {
    if (!s->durable || atomic_load(&job->durable) == SV_DURABLE_ACCEPTED) return true;
    assert(!item->ticket);
    ticket_user *p = malloc(sizeof *p);
    sv_ticket *ticket = sv_durable_accept(s->durable, job, fresh, NULL);
    if (!p || !ticket) {
        if (ticket) sv_jobs_cancel(s->jobs, job);
        sv_ticket_drop(&ticket);
        free(p);
        return false;
    }
    *p = (ticket_user){s->series, item};
    item->ticket = ticket;
    atomic_store(&item->written, false);
    sv_ticket_put(ticket, on_written, p);
    return true;
}

/* It, and those behind, are tried again later: the rate, the quota or the queue has no room now. */
static bool must_wait(sv_server *s, sv_series *series, const sv_request *req) {
    if (req->answer.code != 429 && req->answer.code != 503) return false;
    const double wait = series->backoff_s > 0 ? fmin(2 * series->backoff_s, BACKOFF_MAX_S) : BACKOFF_S;
    series->backoff_s = wait;
    series->retry_at = now_s() + (atomic_load(&s->draining) ? BACKOFF_MAX_S : wait);
    return true;
}

/* The job begins with a copy of what it says, which stays where there is no room. */
static bool copy_params(sv_speech_params *copy, const sv_series *series, const sv_item *item) {
    const bool part = series->kind == SV_SERIES_LONG;
    assert(part ? item->begin <= item->end : item->params != NULL);
    const sv_speech *from = part ? &series->common.speech : &item->params->speech;
    const char *text = part ? series->text + item->begin : from->text;
    *copy = part ? series->common : *item->params;
    sv_speech *to = &copy->speech;
    if (part) to->text_bytes = item->end - item->begin;
    if (part) copy->webhook = NULL; /* the whole's */
    to->lexicon = sv_lexicon_ref(from->lexicon);
    to->text = malloc(to->text_bytes + 1);
    if (to->text) memcpy(to->text, text, to->text_bytes);
    if (to->text) to->text[to->text_bytes] = '\0';
    to->reference = from->reference ? malloc(from->reference_bytes) : NULL;
    if (to->reference) memcpy(to->reference, from->reference, from->reference_bytes);
    char **const texts[] = {&to->model,  &to->voice,    &to->reference_url, &to->emotion,
                            &to->prompt, &to->language, &to->own_lexicon,   &copy->webhook};
    bool good = to->text && (to->reference || !from->reference);
    for (size_t i = 0; i < EV_ARRAY_COUNT(texts); i++) {
        if (!*texts[i]) continue;
        *texts[i] = strdup(*texts[i]);
        good &= *texts[i] != NULL;
    }
    if (!good) sv_speech_params_free(copy);
    return good;
}

/* Through the same door as a request of its own; false: it was refused, and req says how. */
static bool submit_item(sv_server *s, const sv_series *series, sv_item *item, sv_request *req, bool *fresh) {
    sv_speech_params params;
    sv_idempotency idempotency;
    int result;
    if (!sv_access_again_known(req, &result)) return false;
    if (!make_key(series, item, &idempotency) || !copy_params(&params, series, item)) {
        sv_reply_busy(req, 503, 1000, "out of memory: try again later");
        return false;
    }
    req->amount.chars = item->chars;
    const bool keyed = s->durable || sv_series_is_shared(s);
    const bool begun = sv_speech_begin(req, &params, true, keyed ? &idempotency : NULL, fresh, &result);
    sv_speech_params_free(&params);
    if (!begun || write_down(s, item, req->job, *fresh)) return begun;
    sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    return false;
}

/* The job that an earlier process made of it. */
static bool find_earlier(sv_server *s, const sv_series *series, sv_item *item) {
    char id[SV_JOB_ID + 1];
    sv_idempotency idempotency;
    sv_job *job = NULL;
    if (!s->durable || !make_key(series, item, &idempotency)) return false;
    if (sv_durable_find_idempotency(s->durable, &idempotency, id, NULL) != EV_OK) return false;
    if (sv_backend_snapshot(s->backend, id, series->client.account, false, &job, NULL) != EV_OK) return false;
    sv_item_sent(s, item, NULL, id);
    sv_job_unref(&job);
    return true;
}

/* false: not now. */
static bool send_item(sv_server *s, sv_series *series, sv_item *item) {
    sv_request req;
    bool fresh = false;
    assert(item->state == SV_ITEM_WAITING);
    if (find_earlier(s, series, item)) return true;
    sv_series_request(&req, s, &series->client);
    const bool sent = submit_item(s, series, item, &req, &fresh), waits = !sent && must_wait(s, series, &req);
    if (sent) {
        sv_item_sent(s, item, sv_series_is_shared(s) ? NULL : req.job, req.job->id);
        series->backoff_s = series->retry_at = 0;
    } else if (!waits) {
        sv_item_fault fault = {0};
        sv_item_fault_of(&fault, &req, item->text_as);
        finish_item(s, item, SV_ITEM_FAILED, &fault);
        sv_item_fault_set(&fault, 0, NULL, NULL);
    }
    sv_series_request_end(&req);
    return !waits;
}

/* ---- looking ---- */

/* The disk has it, or has no room: then it is sent again later. */
static void check_ticket(sv_server *s, sv_series *series, sv_item *item) {
    assert(item->state == SV_ITEM_SENT && atomic_load(&item->written));
    const sv_entry *e = &item->ticket->entry;
    const bool refused = e->status != EV_OK;
    if (refused) {
        ev_mutex_lock(&s->series->lock);
        sv_job *job = item->job;
        item->job = NULL;
        item->state = SV_ITEM_WAITING;
        item->id[0] = '\0';
        ev_mutex_unlock(&s->series->lock);
        if (job) sv_job_forget_waiter(job, &item->waiter);
        sv_job_unref(&job);
        sv_item_count_in_flight(s, item, -1);
        if ((size_t)(item - series->items) < series->next_waiting)
            series->next_waiting = (size_t)(item - series->items);
        series->retry_at = now_s() + BACKOFF_MAX_S;
    }
    sv_ticket_drop(&item->ticket);
}

static void poll_item(sv_server *s, sv_series *series, sv_item *item) {
    sv_job *job = NULL;
    if (item->ticket) {
        if (!atomic_load(&item->written)) return;
        check_ticket(s, series, item);
        if (item->state != SV_ITEM_SENT) return;
    }
    ev_status status = EV_OK;
    if (!item->job && now_s() - item->polled_at < POLL_MS * 1e-3) return;
    if (!item->job) item->polled_at = now_s();
    if (item->job)
        job = sv_job_ref(item->job);
    else
        status = sv_backend_snapshot(s->backend, item->id, series->client.account, false, &job, NULL);
    const bool gone = status == EV_E_NOT_FOUND, over = job && sv_job_over(sv_job_snapshot(job, NULL, NULL, NULL));
    const sv_item_fault fault = {.code = 404, .message = (char[]){"its result is no longer kept"}};
    if (gone || over) sv_item_count_in_flight(s, item, -1);
    if (over) finish_item_by_job(s, series, item, job);
    if (gone) finish_item(s, item, SV_ITEM_FAILED, &fault);
    sv_job_unref(&job);
}

static void poll_items(sv_server *s, sv_series *series) {
    for (size_t i = series->first; i < series->count; i++) {
        if (series->items[i].state == SV_ITEM_SENT) poll_item(s, series, &series->items[i]);
        if (i == series->first && sv_item_is_over(&series->items[i])) series->first++;
    }
}

/* ---- the end of a series ---- */

static void drop_ticket(void *user) {
    sv_ticket *ticket = user;
    sv_ticket_drop(&ticket);
}

static void forget_written(sv_server *s, const char *id) {
    sv_ticket *ticket = s->durable ? sv_durable_forget(s->durable, id) : NULL;
    if (ticket) sv_ticket_put(ticket, drop_ticket, ticket);
}

/* As DELETE /tts/{id}. */
static void forget_item(sv_server *s, const sv_series *series, sv_item *item) {
    sv_job *job = NULL;
    if (item->state == SV_ITEM_SENT) sv_item_count_in_flight(s, item, -1);
    if (item->id[0] &&
        sv_backend_snapshot(s->backend, item->id, series->client.account, false, &job, NULL) == EV_OK) {
        (void)sv_backend_cancel(s->backend, job, NULL);
        forget_written(s, item->id);
        sv_job_unref(&job);
    }
    finish_item(s, item, SV_ITEM_CANCELED, NULL);
}

/* Those whose tickets are with the journal wait for them. */
static void forget_series(sv_server *s, sv_series *series) {
    bool all = true;
    for (size_t i = 0; i < series->count; i++) {
        sv_item *item = &series->items[i];
        if (item->ticket && !atomic_load(&item->written)) {
            all = false;
            continue;
        }
        sv_ticket_drop(&item->ticket);
        if (series->canceled && item->state != SV_ITEM_CANCELED) forget_item(s, series, item);
    }
    if (!all) return;
    sv_series_erase(s->series, series->id);
    if (sv_series_is_shared(s)) sv_series_forget_elsewhere(s, series->id);
    sv_series_remove(s->series, series);
}

/* Another gateway tends it: what was sent goes on. */
static void leave_series(sv_server *s, sv_series *series) {
    for (size_t i = 0; i < series->count; i++) {
        if (series->items[i].state != SV_ITEM_SENT) continue;
        sv_item_count_in_flight(s, &series->items[i], -1);
        finish_item(s, &series->items[i], SV_ITEM_CANCELED, NULL);
    }
    sv_series_remove(s->series, series);
}

/* The webhook of a long text's end; items of a batch tell of their own. */
static void call_webhook(sv_server *s, sv_series *series) {
    if (!series->common.webhook) return;
    sv_webhook_send(s, series->id, series->client.account, series->common.webhook, sv_series_json(s->series, series));
}

static void set_done(sv_server *s, sv_series *series, int64_t done_ms) {
    ev_mutex_lock(&s->series->lock);
    series->done_ms = done_ms;
    ev_mutex_unlock(&s->series->lock);
}

static void log_end(sv_server *s, const sv_series *series) {
    sv_log_line(&s->log, SV_LEVEL_INFO, series->id, "all %zu %s are over", series->count,
                series->kind == SV_SERIES_LONG ? "parts of a long text" : "of a batch");
}

/* All gateways know it first; from then on it is in no table. */
static void finish_shared(sv_server *s, sv_series *series) {
    assert(series->first == series->count);
    if (now_s() < series->retry_at) return;
    set_done(s, series, ev_clock_wall_ms());
    if (!sv_series_publish(s, series, true)) {
        set_done(s, series, 0);
        series->retry_at = now_s() + BACKOFF_S;
        return;
    }
    if (series->lost) return;
    call_webhook(s, series);
    log_end(s, series);
    sv_series_remove(s->series, series);
}

static void finish_series(sv_server *s, sv_series *series) {
    assert(series->first == series->count && !series->done_ms);
    ev_error err = {0};
    set_done(s, series, ev_clock_wall_ms());
    call_webhook(s, series);
    (void)sv_claim_set(s->ledger, &series->claim, series->client.account, sv_series_kept_bytes(series), 1);
    sv_speech_params_free(&series->common);
    free(series->text);
    series->text = NULL;
    if (sv_series_write(s->series, series, NULL, 0, &err) != EV_OK)
        sv_log_line(&s->log, SV_LEVEL_WARN, series->id, "how it ended is not written down, and is found again: %s",
                    err.message);
    log_end(s, series);
}

/* A long text that lacks a part is none: nothing more is begun of it. */
static void give_up(sv_server *s, sv_series *series) {
    ev_mutex_lock(&s->series->lock);
    const bool failed = series->kind == SV_SERIES_LONG && sv_series_fault(series) != NULL;
    ev_mutex_unlock(&s->series->lock);
    for (size_t i = series->first; failed && i < series->count; i++) {
        sv_item *item = &series->items[i];
        if (item->state == SV_ITEM_WAITING) finish_item(s, item, SV_ITEM_CANCELED, NULL);
    }
}

static bool is_old(const sv_server *s, const sv_series *series) {
    return series->forgotten ||
           (series->done_ms && (double)(ev_clock_wall_ms() - series->done_ms) / 1000 > s->config.store_ttl);
}

/* ---- the thread ---- */

static bool has_room(const sv_server *s, const sv_item *item) {
    const sv_series_table *t = s->series;
    return !t->in_flight || t->in_flight_s + sv_item_counted_s(s, item) <= QUEUE_SHARE * s->config.queue_audio;
}

/* Sends one; false: none, or not now. */
static bool send_next(sv_server *s, sv_series *series) {
    while (series->next_waiting < series->count && series->items[series->next_waiting].state != SV_ITEM_WAITING)
        series->next_waiting++;
    assert(series->first <= series->count && series->next_waiting <= series->count);
    if (series->next_waiting == series->count || series->canceled || now_s() < series->retry_at) return false;
    if (atomic_load(&s->draining)) return false;
    return has_room(s, &series->items[series->next_waiting]) &&
           send_item(s, series, &series->items[series->next_waiting]);
}

static void tend_series(sv_server *s, sv_series *series) {
    const bool shared = sv_series_is_shared(s);
    if (series->lost) {
        leave_series(s, series);
    } else if (series->canceled || is_old(s, series)) {
        forget_series(s, series);
    } else if (!series->done_ms) {
        poll_items(s, series);
        give_up(s, series);
        if (shared) (void)sv_series_publish(s, series, false);
        if (series->first == series->count) (shared ? finish_shared : finish_series)(s, series);
    }
}

/* true: something was sent. */
static bool feed_round(sv_server *s) {
    size_t count;
    bool sent = false;
    if (sv_series_is_shared(s)) sv_series_renew(s);
    sv_series **all = sv_series_all(s->series, &count);
    for (size_t i = 0; i < count; i++) {
        tend_series(s, all[i]);
        const bool one = !all[i]->done_ms && !all[i]->lost && send_next(s, all[i]);
        if (one) sv_series_move_to_tail(s->series, all[i]);
        sent |= one;
        sv_series_unref(&all[i]);
    }
    free(all);
    return sent;
}

static void wait_to_be_woken(sv_series_table *t) {
    const struct timespec at = ev_clock_after(1e-3 * POLL_MS);
    ev_mutex_lock(&t->wake_lock);
    if (!t->woken && !t->stopping) ev_cond_wait_until(&t->wake, &t->wake_lock, &at);
    t->woken = false;
    ev_mutex_unlock(&t->wake_lock);
}

static bool is_stopping(sv_series_table *t) {
    ev_mutex_lock(&t->wake_lock);
    const bool stopping = t->stopping;
    ev_mutex_unlock(&t->wake_lock);
    return stopping;
}

static void *feeder_main(void *server) {
    sv_server *s = server;
    while (!is_stopping(s->series))
        if (!feed_round(s)) wait_to_be_woken(s->series);
    return NULL;
}

/* ---- start and stop ---- */

static void take_earlier(void *server, sv_series *found, const char *body, size_t size) {
    sv_server *s = server;
    sv_series *first = NULL, *series = body ? sv_series_read_again(s, found, body, size) : sv_series_ref(found);
    if (series) sv_series_put(s->series, series, &first);
    sv_series_unref(&first);
    sv_series_unref(&series);
}

ev_status sv_series_start(sv_server *s, ev_error *err) {
    char dir[4096] = "";
    assert(!s->series);
    if (s->durable) snprintf(dir, sizeof dir, "%s/series", s->config.data_dir);
    const ev_status status = sv_series_table_create(&s->series, dir, err);
    if (status != EV_OK) return status;
    s->series->shared = sv_series_is_shared(s);
    sv_series_read_all(s->series, take_earlier, s);
    s->series->started = pthread_create(&s->series->thread, NULL, feeder_main, s) == 0;
    return s->series->started ? EV_OK
                              : ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_series_stop(sv_server *s) {
    sv_series_table *t = s->series;
    if (!t || !t->started) return;
    ev_mutex_lock(&t->wake_lock);
    t->stopping = true;
    ev_cond_signal(&t->wake);
    ev_mutex_unlock(&t->wake_lock);
    pthread_join(t->thread, NULL);
    t->started = false;
    if (t->shared) sv_series_release_leases(s);
}
