/* series_routes: /v1/audio/speech/batch, many texts in one request, each a job of its own that fails alone; and
 * /v1/audio/speech/long, one text as long as a book, by its chapters. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/access.h"
#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/series/series.h"

static bool is_long(const sv_request *req) { return strncmp(req->route->path, "/v1/audio/speech/long", 21) == 0; }

/* Its state, Location naming the place. */
static int reply_state(sv_request *req, int code, sv_series *series) {
    char place[SV_PREFIX_MAX + SV_JOB_ID + 32];
    snprintf(place, sizeof place, "%s/v1/audio/speech/%s/%s", sv_prefix(req),
             series->kind == SV_SERIES_LONG ? "long" : "batch", series->id);
    json_t *body = sv_series_json(req->server->series, series);
    return sv_reply_json_at(req, code, body, code == 202 ? place : NULL);
}

/* What is in memory alone must find room there until it is asked for. */
static bool check_room(sv_request *req, const sv_series *series, const char *field, int *result) {
    const sv_server *s = req->server;
    const int32_t rate = sv_catalogue_rate(req->settings->models->items[0]->catalogue); /* others are alike */
    const double bytes = sv_series_seconds(series) * rate * 2;
    if (s->durable || sv_series_is_shared(s) || bytes <= (double)s->config.result_cache / 2) return true;
    *result =
        sv_reply_error(req, 413, field,
                       "this makes about %.0f s of speech, more than is kept in memory until it is asked for: send "
                       "less at once, or start the service with --data-dir",
                       sv_series_seconds(series));
    return false;
}

static int refuse(sv_request *req, sv_series_verdict verdict) {
    if (verdict == SV_SERIES_CONFLICT)
        return sv_reply_error(req, 422, "Idempotency-Key",
                              "this Idempotency-Key was used with another body: take a new one");
    if (verdict == SV_SERIES_MANY)
        return sv_reply_busy(req, 429, 5000,
                             "8 of your batches and long texts are not over: wait for one of them, or cancel it");
    return sv_reply_busy(req, 503, 10000, "there are too many batches and long texts here: try again later");
}

static int reply_not_now(sv_request *req, ev_status status, const ev_error *err) {
    return sv_reply_not_durable(req, status == EV_E_NOT_FOUND ? EV_E_IO : status, err);
}

/* All gateways know it, then it is promised. */
static int take_in_shared(sv_request *req, sv_series *series) {
    ev_error err = {0};
    char id[SV_JOB_ID + 1];
    sv_series *first = NULL, *before = NULL;
    sv_series_verdict verdict;
    ev_status status = sv_series_share(req->server, series, &req->body.bytes, &verdict, id, &err);
    if (status == EV_OK && verdict == SV_SERIES_DUPLICATE)
        status = sv_series_fetch_remote(req->server, id, req->client.account, &before, &err);
    if (status != EV_OK) return reply_not_now(req, status, &err);
    const bool mine = verdict == SV_SERIES_TAKEN;
    if (mine) verdict = sv_series_put(req->server->series, series, &first);
    if (mine && verdict != SV_SERIES_TAKEN) sv_series_forget_elsewhere(req->server, series->id);
    const bool good = verdict == SV_SERIES_TAKEN || verdict == SV_SERIES_DUPLICATE;
    const int result = good ? reply_state(req, 202, before ? before : series) : refuse(req, verdict);
    sv_series_unref(&before);
    sv_series_wake(req->server->series);
    return result;
}

/* Written down, then promised. */
static int take_in(sv_request *req, sv_series *series) {
    ev_error err = {0};
    sv_series *first = NULL;
    sv_series_table *table = req->server->series;
    if (sv_series_is_shared(req->server)) return take_in_shared(req, series);
    const ev_status status = sv_series_write(table, series, req->body.bytes.data, req->body.bytes.size, &err);
    if (status != EV_OK) return sv_reply_not_durable(req, status, &err);
    const sv_series_verdict verdict = sv_series_put(table, series, &first);
    if (verdict != SV_SERIES_TAKEN) sv_series_erase(table, series->id);
    int result;
    if (verdict == SV_SERIES_DUPLICATE)
        result = reply_state(req, 202, first);
    else
        result = verdict == SV_SERIES_TAKEN ? reply_state(req, 202, series) : refuse(req, verdict);
    sv_series_unref(&first);
    sv_series_wake(table);
    return result;
}

/* It lies on the disk as it came, blanks and all. */
static bool claim_body(sv_request *req, sv_series *series, int *result) {
    const int64_t bytes = series->claim.bytes + (req->server->durable ? (int64_t)req->body.bytes.size : 0);
    if (sv_claim_set(req->server->ledger, &series->claim, req->client.account, bytes, 1) == SV_CLAIM_OK) return true;
    *result = sv_reply_busy(req, 503, 2000, "there is no memory left for your requests: send less at once");
    return false;
}

static int answer_body(sv_request *req, json_t *body, const sv_idempotency *idempotency) {
    char message[300];
    const char *field = "requests";
    int code = 400, result = MHD_YES;
    sv_server *s = req->server;
    sv_series *series = is_long(req) ? sv_long_read(s, s->ledger, &req->client, body, &code, &field, message)
                                     : sv_batch_read(s, s->ledger, &req->client, body, &code, &field, message);
    if (!series && code == 503) return sv_reply_busy(req, code, 2000, message);
    if (!series) return sv_reply_error(req, code, field, "%s", message);
    memcpy(req->answer.ignored, series->ignored, sizeof req->answer.ignored);
    series->keyed = idempotency != NULL;
    if (idempotency) series->idempotency = *idempotency;
    for (size_t i = 0; i < series->count && series->kind == SV_SERIES_LONG; i++)
        req->amount.chars = (i ? req->amount.chars : 0) + series->items[i].chars;
    if (check_room(req, series, field, &result) && claim_body(req, series, &result)) result = take_in(req, series);
    sv_series_unref(&series);
    return result;
}

int sv_answer_batch(sv_request *req) {
    const char *key = sv_header(req, "Idempotency-Key");
    sv_idempotency idempotency;
    int result = MHD_YES;
    if (atomic_load(&req->server->draining))
        return sv_reply_busy(req, 503, 1000, "the service is stopping: ask another one");
    if (key && !sv_read_idempotency(req, key, &idempotency, &result)) return result;
    json_t *body = sv_body_of_many(req, &result);
    if (!body) return result;
    result = answer_body(req, body, key ? &idempotency : NULL);
    json_decref(body);
    return result;
}

/* The path's; NULL: answered. */
static sv_series *find(sv_request *req, int *result) {
    ev_error err = {0};
    sv_series *series = sv_series_find(req->server->series, req->head.id, req->client.account);
    if (!series && sv_series_is_shared(req->server)) {
        const ev_status status =
            sv_series_fetch_remote(req->server, req->head.id, req->client.account, &series, &err);
        if (status != EV_OK && status != EV_E_NOT_FOUND) {
            *result = reply_not_now(req, status, &err);
            return NULL;
        }
    }
    if (series && (series->kind == SV_SERIES_LONG) != is_long(req)) sv_series_unref(&series);
    if (!series)
        *result = sv_reply_error(req, 404, NULL, "there is no %s %s: it was never made here, or is too long ago",
                                 is_long(req) ? "long text" : "batch", req->head.id);
    return series;
}

int sv_answer_batch_state(sv_request *req) {
    int result = MHD_YES;
    sv_series *series = find(req, &result);
    if (series) result = reply_state(req, 200, series);
    sv_series_unref(&series);
    return result;
}

static bool is_over(sv_request *req, const sv_series *series) {
    ev_mutex_lock(&req->server->series->lock);
    const bool over = series->done_ms != 0;
    ev_mutex_unlock(&req->server->series->lock);
    return over;
}

static int reply_not_ready(sv_request *req, const char *kind) {
    return sv_reply_error(req, 409, NULL, "not all is made: ask /v1/audio/speech/%s/%s until its status is completed",
                          kind, req->head.id);
}

/* false: answered. */
static bool read_format(sv_request *req, ev_format *format, int *result) {
    const char *name = sv_query(req, "format");
    ev_error err;
    if (!name || ev_format_parse(name, format, &err) == EV_OK) return true;
    *result = sv_reply_error(req, 400, "format", "%s", err.message);
    return false;
}

int sv_answer_batch_audio(sv_request *req) {
    int result = MHD_YES;
    ev_format format = EV_FORMAT_COUNT;
    sv_series *series = find(req, &result);
    if (!series) return result;
    if (read_format(req, &format, &result))
        result = is_over(req, series) ? sv_series_archive(req, series, format) : reply_not_ready(req, "batch");
    sv_series_unref(&series);
    return result;
}

/* The parts of the query's chapter, or all; false: answered. */
static bool read_chapter(sv_request *req, const sv_series *series, size_t *first, size_t *end, int *result) {
    const char *name = sv_query(req, "chapter");
    char *rest = NULL;
    const unsigned long chapter = name ? strtoul(name, &rest, 10) : 0;
    *first = 0;
    *end = series->count;
    if (!name) return true;
    if (*name < '0' || *name > '9' || *rest || chapter >= series->chapter_count) {
        *result =
            sv_reply_error(req, 400, "chapter", "chapter must be a number from 0 to %zu", series->chapter_count - 1);
        return false;
    }
    *first = series->chapters[chapter].first;
    *end = *first + series->chapters[chapter].count;
    assert(*first <= *end && *end <= series->count);
    return true;
}

/* Samples that are there; false: not all are. */
static bool is_made(sv_request *req, const sv_series *series, size_t first, size_t end, size_t *samples) {
    bool made = true;
    *samples = 0;
    ev_mutex_lock(&req->server->series->lock);
    for (size_t i = first; i < end; i++) {
        made &= series->items[i].state == SV_ITEM_COMPLETED;
        *samples += series->items[i].samples;
    }
    ev_mutex_unlock(&req->server->series->lock);
    return made;
}

int sv_answer_long_audio(sv_request *req) {
    int result = MHD_YES;
    size_t first, end, samples;
    sv_series *series = find(req, &result);
    if (!series) return result;
    ev_format format = series->format;
    if (read_format(req, &format, &result) && read_chapter(req, series, &first, &end, &result)) {
        if (!is_made(req, series, first, end, &samples))
            result = reply_not_ready(req, "long");
        else if (!samples)
            result = sv_reply_error(req, 400, "chapter", "this chapter holds nothing that can be spoken");
        else
            result = sv_series_sound(req, series, first, end, format);
    }
    sv_series_unref(&series);
    return result;
}

/* false: answered. */
static bool cancel_elsewhere(sv_request *req, int *result) {
    ev_error err = {0};
    const ev_status status = sv_series_cancel_elsewhere(req->server, req->head.id, req->client.account, &err);
    if (status == EV_OK || status == EV_E_NOT_FOUND) return true;
    *result = reply_not_now(req, status, &err);
    return false;
}

/* Nobody finds it any more; the feeder cancels what is on its way, and drops what was made. */
int sv_answer_batch_cancel(sv_request *req) {
    int result = MHD_YES;
    sv_series *series = find(req, &result);
    if (!series) return result;
    if (sv_series_is_shared(req->server) && !cancel_elsewhere(req, &result)) {
        sv_series_unref(&series);
        return result;
    }
    sv_series_erase(req->server->series, series->id);
    atomic_store(&series->canceled, true);
    sv_series_wake(req->server->series);
    result = sv_reply_json(req, 200, json_pack("{s:s, s:s}", "id", series->id, "status", "canceled"));
    sv_series_unref(&series);
    return result;
}
