/* admit: may a job come in, can it still be in time, may it try again. All from predicted work, before any is done.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "server/schedule/schedule.h"

#define NEARLY_FULL 0.8  /* of queue_s: from here on a client above its share has to wait outside */
#define JOB_PART    0.25 /* of queue_s that one job counts for at most */
enum { RETRY_MS_MIN = 100, RETRY_MS_MAX = 600000 };

/* Predicted microseconds for one job alone: sentences with tokens yet to decode, frames ready to vocode. */
static double work_us(const sv_schedule *s, double tokens, double sentences, double frames) {
    const sv_cost *acoustic = &s->cost[SV_ACOUSTIC], *vocode = &s->cost[SV_VOCODE];
    const double all = frames + tokens * sv_schedule_frames_per_token(s);
    const double slices = ceil(all / s->config.slice_frames);
    return sentences * acoustic->a_us + tokens * acoustic->b_us + slices * vocode->a_us +
           (all + slices * s->config.margin_rows) * vocode->b_us;
}

/* Time in which full batches work off a backlog: what fits a batch shares its fixed cost. */
static double drain_us(const sv_schedule *s, double tokens, double frames) {
    assert(s->config.vocode_rows > s->config.margin_rows);
    const sv_cost *acoustic = &s->cost[SV_ACOUSTIC], *vocode = &s->cost[SV_VOCODE];
    const double in_turn = acoustic->b_us > 0 ? (s->config.turn_us - acoustic->a_us) / acoustic->b_us : INFINITY;
    const double batch = fmin(fmax(in_turn, 40), s->config.acoustic_tokens); /* a sentence at least */
    const double all = frames + tokens * sv_schedule_frames_per_token(s);
    return tokens * (acoustic->b_us + acoustic->a_us / batch) +
           all * sv_cost_predict(vocode, s->config.vocode_rows) / (s->config.vocode_rows - s->config.margin_rows);
}

static double seconds_of(const sv_schedule *s, double tokens, double frames) {
    return (frames + tokens * sv_schedule_frames_per_token(s)) / s->config.frames_per_second;
}

/* At most this part of a job counts. */
static double counted_part(const sv_schedule *s, double seconds) {
    const double most = s->config.queue_s * JOB_PART;
    return seconds > most ? most / seconds : 1;
}

void sv_schedule_backlog(const sv_schedule *s, const sv_work_item *items, size_t n,
                         const sv_admission_request *request, sv_backlog *backlog) {
    assert(request->client >= 0 && request->client < SV_CLIENTS_MAX);
    bool seen[SV_CLIENTS_MAX];
    memset(seen, 0, sizeof seen);
    *backlog = (sv_backlog){.weight = request->weight};
    seen[request->client] = true;
    for (size_t i = 0; i < n; i++) {
        const sv_work_item *u = &items[i];
        assert(u->client >= 0 && u->client < SV_CLIENTS_MAX);
        const double ready = u->stage == SV_VOCODE && u->size > 0 ? u->size : 0;
        const double seconds = seconds_of(s, u->tokens_left, ready), part = counted_part(s, seconds);
        backlog->tokens += u->tokens_left * part;
        backlog->frames += ready * part;
        backlog->seconds += seconds * part;
        if (u->client == request->client) backlog->client_seconds += seconds * part;
        if (!seen[u->client]) backlog->weight += u->weight;
        seen[u->client] = true;
    }
}

/* A client waits for all that is queued, or for its own at the pace of its share, whichever ends sooner. */
static double wait_us(const sv_schedule *s, const sv_backlog *backlog, const sv_admission_request *request) {
    const double all = drain_us(s, backlog->tokens, backlog->frames);
    if (!(backlog->seconds > 0)) return 0;
    const double own = all * backlog->client_seconds / backlog->seconds;
    return fmin(all, own * backlog->weight / request->weight + 2.0 * s->config.turn_us);
}

static int32_t retry_ms(double us) {
    const double ms = ceil(us / 1000);
    return ms < RETRY_MS_MIN ? RETRY_MS_MIN : ms > RETRY_MS_MAX ? RETRY_MS_MAX : (int32_t)ms;
}

sv_admission sv_schedule_admit(const sv_schedule *s, const sv_backlog *backlog, const sv_admission_request *request,
                               int64_t now_us) {
    const double whole = seconds_of(s, request->tokens, 0), seconds = whole * counted_part(s, whole);
    const double per_second = drain_us(s, s->config.frames_per_second / sv_schedule_frames_per_token(s), 0);
    const double wait = fmax(wait_us(s, backlog, request), (double)request->ready_us), queue = s->config.queue_s;
    /* One more client of the same weight may come: so a lone client's share is a half. */
    const double slowness = (backlog->weight + request->weight) / request->weight;
    const double share = queue / slowness, total = backlog->seconds + seconds;
    sv_admission answer = {.verdict = SV_ACCEPT, .wait_us = (int64_t)wait};
    const bool holds = backlog->client_seconds > 0; /* a client with nothing in the queue does not fill it */
    if (holds && total > NEARLY_FULL * queue && backlog->client_seconds + seconds > share) {
        const double own = (backlog->client_seconds + seconds - share) * slowness;
        answer.verdict = SV_OVER_SHARE;
        answer.retry_after_ms = retry_ms(fmin(own, total - NEARLY_FULL * queue) * per_second);
    } else if (total > queue || wait > (double)s->config.wait_us) {
        answer.verdict = SV_FULL;
        answer.retry_after_ms = retry_ms(fmax((total - queue) * per_second, wait - (double)s->config.wait_us));
    } else if (request->deadline_us &&
               (double)(request->deadline_us - now_us) < wait + work_us(s, request->tokens, request->sentences, 0)) {
        answer.verdict = SV_LATE;
    }
    assert((answer.retry_after_ms > 0) == (answer.verdict == SV_FULL || answer.verdict == SV_OVER_SHARE));
    return answer;
}

bool sv_schedule_expired(const sv_schedule *s, const sv_work_item *item, int64_t now_us) {
    if (!item->deadline_us) return false;
    const double ready = item->stage == SV_VOCODE && item->size > 0 ? item->size : 0;
    const double work = work_us(s, item->tokens_left, item->sentences_left, ready);
    return (double)(item->deadline_us - now_us) < work;
}

sv_retry sv_schedule_retry(int32_t tries) { return tries >= SV_TRIES_MAX ? SV_RETRY_DEAD : SV_RETRY_ALONE; }
