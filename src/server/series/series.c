/* series: one, and the table of all. */
#include "server/series/series.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/reply.h"

/* ---- one ---- */

sv_series *sv_series_create(const sv_client *client, size_t count) {
    sv_series *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->items = calloc(count ? count : 1, sizeof *s->items);
    if (!s->items || !sv_job_make_id(s->id)) {
        free(s->items);
        free(s);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->client = *client;
    s->count = count;
    s->created_ms = ev_clock_wall_ms();
    return s;
}

sv_series *sv_series_ref(sv_series *series) {
    assert(atomic_load(&series->refs) > 0);
    atomic_fetch_add(&series->refs, 1);
    return series;
}

void sv_item_forget_params(sv_item *item) {
    if (item->params) sv_speech_params_free(item->params);
    free(item->params);
    item->params = NULL;
}

static void free_item(sv_item *item) {
    sv_item_forget_params(item);
    sv_ticket_drop(&item->ticket);
    if (item->job) sv_job_forget_waiter(item->job, &item->waiter);
    sv_job_unref(&item->job);
    free(item->name);
    sv_item_fault_set(&item->fault, 0, NULL, NULL);
}

void sv_series_unref(sv_series **held) {
    sv_series *s = *held;
    *held = NULL;
    assert(!s || atomic_load(&s->refs) > 0);
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1) return;
    for (size_t i = 0; i < s->count; i++) free_item(&s->items[i]);
    for (size_t i = 0; i < s->chapter_count; i++) free(s->chapters[i].title);
    free(s->chapters);
    free(s->text);
    sv_speech_params_free(&s->common);
    sv_claim_release(&s->claim);
    free(s->items);
    free(s);
}

bool sv_item_is_over(const sv_item *item) { return item->state >= SV_ITEM_COMPLETED; }

void sv_item_fault_set(sv_item_fault *fault, int code, const char *param, const char *message) {
    free(fault->param);
    free(fault->message);
    *fault = (sv_item_fault){code, param ? strdup(param) : NULL, message ? strdup(message) : NULL};
}

bool sv_series_chapters(sv_series *series, size_t count) {
    assert(!series->chapters);
    series->chapters = calloc(count ? count : 1, sizeof *series->chapters);
    series->chapter_count = series->chapters ? count : 0;
    return series->chapters != NULL;
}

enum { PART_PAUSE_MS = 150 }; /* as between the sentences of one text */

size_t sv_series_pause(const sv_series *series, size_t item, int32_t rate) {
    assert(item < series->count);
    const int64_t ms = series->items[item].last ? series->chapter_pause_ms : PART_PAUSE_MS;
    return item + 1 < series->count && series->items[item].samples ? (size_t)(ms * rate / 1000) : 0;
}

const sv_item *sv_series_fault(const sv_series *series) {
    const sv_item *found = NULL;
    for (size_t i = 0; i < series->count; i++)
        if (series->items[i].fault.code && (!found || found->fault.code == 499)) found = &series->items[i];
    return found;
}

int64_t sv_series_kept_bytes(const sv_series *series) {
    enum { TEXTS = 160 }; /* of names and messages */
    return (int64_t)(sizeof *series + series->count * (sizeof *series->items + TEXTS) +
                     series->chapter_count * (sizeof *series->chapters + TEXTS));
}

bool sv_series_is_over(const sv_series *series) {
    for (size_t i = 0; i < series->count; i++)
        if (!sv_item_is_over(&series->items[i])) return false;
    return true;
}

/* ---- the table ---- */

ev_status sv_series_table_create(sv_series_table **out, const char *dir, ev_error *err) {
    sv_series_table *t = *out = calloc(1, sizeof *t);
    if (!t) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_mutex_init(&t->lock);
    ev_mutex_init(&t->wake_lock);
    ev_cond_init(&t->wake);
    const ev_status status = *dir ? sv_store_directory(&t->store, dir, err) : EV_OK;
    if (status != EV_OK) sv_series_table_free(out);
    return status;
}

void sv_series_table_free(sv_series_table **table) EV_NOT_SHARED {
    sv_series_table *t = *table;
    *table = NULL;
    if (!t) return;
    assert(!t->started);
    while (t->list) {
        sv_series *series = t->list;
        t->list = series->next;
        sv_series_unref(&series);
    }
    sv_store_close(&t->store);
    ev_cond_destroy(&t->wake);
    ev_mutex_destroy(&t->wake_lock);
    ev_mutex_destroy(&t->lock);
    free(t);
}

void sv_series_wake(sv_series_table *t) {
    ev_mutex_lock(&t->wake_lock);
    t->woken = true;
    ev_cond_signal(&t->wake);
    ev_mutex_unlock(&t->wake_lock);
}

static sv_series **place_of(sv_series_table *t, const sv_series *series) {
    sv_series **at = &t->list;
    while (*at && *at != series) at = &(*at)->next;
    return at;
}

static bool is_of(const sv_series *series, const char *account) {
    return strcmp(series->client.account, account) == 0;
}

static sv_series *same_request(sv_series_table *t, const sv_series *series) EV_REQUIRES(t->lock) {
    for (sv_series *s = t->list; series->keyed && !t->shared && s; s = s->next)
        if (s->keyed && !s->canceled &&
            memcmp(s->idempotency.key, series->idempotency.key, sizeof s->idempotency.key) == 0)
            return s;
    return NULL;
}

/* The oldest that is over gives way where a client has too many of them. */
static void let_go_of_oldest(sv_series_table *t, const char *account) EV_REQUIRES(t->lock) {
    sv_series *oldest = NULL;
    size_t kept = 0;
    for (sv_series *s = t->list; s; s = s->next) {
        if (!s->done_ms || !is_of(s, account)) continue;
        kept++;
        if (!oldest || s->done_ms < oldest->done_ms) oldest = s;
    }
    assert(!kept == !oldest);
    if (kept >= SV_SERIES_KEPT_MAX) oldest->forgotten = true;
}

static sv_series_verdict verdict_of(sv_series_table *t, const sv_series *series) EV_REQUIRES(t->lock) {
    size_t open = 0, all = 0;
    for (const sv_series *s = t->list; s; s = s->next) {
        all++;
        open += !s->done_ms && is_of(s, series->client.account);
    }
    if (series->done_ms) return SV_SERIES_TAKEN; /* of before */
    return open >= SV_SERIES_OPEN_MAX ? SV_SERIES_MANY : all >= SV_SERIES_ALL_MAX ? SV_SERIES_FULL : SV_SERIES_TAKEN;
}

sv_series_verdict sv_series_put(sv_series_table *t, sv_series *series, sv_series **first) {
    ev_mutex_lock(&t->lock);
    sv_series *same = same_request(t, series);
    sv_series_verdict verdict = verdict_of(t, series);
    if (same) {
        const bool equal =
            memcmp(same->idempotency.body, series->idempotency.body, sizeof same->idempotency.body) == 0;
        verdict = equal ? SV_SERIES_DUPLICATE : SV_SERIES_CONFLICT;
        if (equal) *first = sv_series_ref(same);
    } else if (verdict == SV_SERIES_TAKEN) {
        let_go_of_oldest(t, series->client.account);
        series->next = NULL;
        *place_of(t, NULL) = sv_series_ref(series);
    }
    ev_mutex_unlock(&t->lock);
    return verdict;
}

bool sv_series_remove(sv_series_table *t, sv_series *series) {
    ev_mutex_lock(&t->lock);
    sv_series **at = place_of(t, series), *found = *at;
    if (found) *at = found->next;
    ev_mutex_unlock(&t->lock);
    const bool there = found != NULL;
    sv_series_unref(&found);
    return there;
}

sv_series *sv_series_find(sv_series_table *t, const char *id, const char *account) {
    ev_mutex_lock(&t->lock);
    sv_series *s = t->list;
    while (s && (strcmp(s->id, id) != 0 || !is_of(s, account) || s->canceled || s->forgotten)) s = s->next;
    if (s) sv_series_ref(s);
    ev_mutex_unlock(&t->lock);
    return s;
}

sv_series **sv_series_all(sv_series_table *t, size_t *count) {
    size_t n = 0;
    *count = 0;
    ev_mutex_lock(&t->lock);
    for (const sv_series *s = t->list; s; s = s->next) n++;
    sv_series **all = n ? malloc(n * sizeof *all) : NULL;
    for (sv_series *s = t->list; all && s; s = s->next) all[(*count)++] = sv_series_ref(s);
    assert(!all || *count == n);
    ev_mutex_unlock(&t->lock);
    return all;
}

void sv_series_move_to_tail(sv_series_table *t, sv_series *series) {
    ev_mutex_lock(&t->lock);
    sv_series **at = place_of(t, series);
    if (*at) {
        *at = series->next;
        series->next = NULL;
        *place_of(t, NULL) = series;
    }
    ev_mutex_unlock(&t->lock);
}

/* ---- what is on its way ---- */

#define ITEM_PART 0.25 /* of the queue's audio, that an item counts for at most, as the schedule counts it */

double sv_item_counted_s(const sv_server *s, const sv_item *item) {
    return fmin(item->seconds, s->config.queue_audio * ITEM_PART);
}

void sv_item_count_in_flight(sv_server *s, const sv_item *item, int by) {
    s->series->in_flight_s += by * sv_item_counted_s(s, item);
    s->series->in_flight += (size_t)by;
    if (!s->series->in_flight) s->series->in_flight_s = 0;
}

static void on_job(void *user) { sv_series_wake(user); }

/* One that is on its way from now on: of a job that wakes us, or that is known by its id alone. */
void sv_item_sent(sv_server *s, sv_item *item, sv_job *job, const char *id) {
    ev_mutex_lock(&s->series->lock);
    assert(!item->job);
    item->state = SV_ITEM_SENT;
    item->job = job ? sv_job_ref(job) : NULL;
    if (id != item->id) memcpy(item->id, id, sizeof item->id);
    ev_mutex_unlock(&s->series->lock);
    sv_item_count_in_flight(s, item, 1);
    item->waiter = (sv_waiter){.wake = on_job, .user = s->series, .at = SV_AT_END};
    if (job && !sv_job_wait(job, &item->waiter)) sv_series_wake(s->series);
}

/* ---- a request that nobody sent ---- */

void sv_series_request(sv_request *req, sv_server *server, const sv_client *client) {
    static const sv_route_row as_job = {.method = "POST", .path = "/tts", .counted = SV_ROUTE_TTS, .tokens = 1};
    *req = (sv_request){.server = server,
                        .route = &as_job,
                        .client = *client,
                        .start = ev_clock_s(),
                        .amount.chars = -1,
                        .comes_again = true,
                        .turn.executing = true}; /* answers are kept, not sent */
    req->settings = sv_settings_ref(server);
    sv_request_id(req->request_id);
}

void sv_series_request_end(sv_request *req) {
    sv_request_leave_job(req);
    if (req->answer.response) MHD_destroy_response(req->answer.response);
    sv_settings_unref(&req->settings);
}

void sv_item_fault_of(sv_item_fault *fault, const sv_request *req, const char *text_as) {
    const bool text = req->answer.param && strcmp(req->answer.param, "text") == 0;
    const bool answered = req->answer.code && req->answer.error[0];
    sv_item_fault_set(fault, answered ? req->answer.code : 503, text ? text_as : req->answer.param,
                      answered ? req->answer.error : "out of memory: try again later");
}
