/* order: what goes first. schedule.h says the order and why; here it is a comparison of two items. */
#include <assert.h>
#include <math.h>

#include "server/schedule/schedule.h"

/* Seconds of audio after which a job moves to the next level of its client: with short ones around, a long text
 * goes behind them, and stands equal with other long ones. */
static const double level_s[] = {8, 32, 128};

bool sv_work_item_started(const sv_work_item *u) { return u->stage == SV_VOCODE || u->frames_done > 0; }

double sv_schedule_served(const sv_schedule *s, int32_t client) {
    assert(client >= 0 && client < SV_CLIENTS_MAX);
    return fmax(s->served[client], s->virtual_time - s->config.credit_s);
}

double sv_order_served(const sv_order *o, const sv_work_item *u) {
    return sv_schedule_served(o->schedule, u->client) + o->extra[u->client];
}

bool sv_order_ahead(const sv_order *o, const sv_work_item *u, double virtual_time) {
    return sv_order_served(o, u) - virtual_time > o->schedule->config.burst_s;
}

int sv_order_lane(const sv_order *o, const sv_work_item *u) {
    const sv_schedule_config *config = &o->schedule->config;
    if (!u->streaming) return 2;
    const double ahead = sv_order_served(o, u) - o->virtual_time;
    if (u->frames_done > 0)
        return u->playback_us - o->now_us < config->underrun_us && ahead <= config->burst_s + config->credit_s ? 0
                                                                                                               : 2;
    return ahead <= config->burst_s ? 1 : 2;
}

int sv_order_level(const sv_order *o, const sv_work_item *u) {
    const double seconds = (double)u->frames_done / o->schedule->config.frames_per_second;
    int i = 0;
    while (i < (int)EV_ARRAY_COUNT(level_s) && seconds >= level_s[i]) i++;
    return i;
}

bool sv_order_foreground(const sv_order *o, const sv_work_item *u) {
    return !sv_order_ahead(o, u, o->virtual_time) && (sv_order_lane(o, u) < 2 || sv_order_level(o, u) < 2);
}

/* How far ahead of those who had least the client is, beyond the slack that short jobs have. A sentence keeps the
 * place at which it was decoded: what was charged for that does not send it back behind sentences not begun. */
static double lead(const sv_order *o, const sv_work_item *u) {
    const sv_schedule_config *config = &o->schedule->config;
    const double slack = sv_order_level(o, u) ? 0 : config->share_slack_s;
    double ahead = sv_order_served(o, u) - o->virtual_time - slack;
    if (u->stage == SV_VOCODE) ahead -= SV_ACOUSTIC_CHARGE * u->size / config->frames_per_second / (double)u->weight;
    return ahead > 0 ? ahead : 0;
}

/* Negative when a comes first. */
static int compare(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int compare_arrival(const sv_work_item *u, const sv_work_item *other) {
    const int order = compare(u->arrived_us, other->arrived_us);
    if (order) return order;
    return u->id < other->id ? -1 : 1;
}

/* Two jobs of one client, or of two that had the same. */
static int compare_jobs(const sv_order *o, const sv_work_item *u, const sv_work_item *other) {
    const int at = sv_order_level(o, u);
    int order = compare(at, sv_order_level(o, other));
    if (order) return order;
    order = compare(u->deadline_us ? u->deadline_us : INT64_MAX, other->deadline_us ? other->deadline_us : INT64_MAX);
    if (order) return order;
    /* Level 0 finishes what it began; long texts take turns: the one that had the last goes to the end. */
    if (at) order = compare(u->waiting_us, other->waiting_us);
    return order ? order : compare_arrival(u, other);
}

/* Who had more than its share passes nobody by priority. */
static int compare_rest(const sv_order *o, const sv_work_item *u, const sv_work_item *other) {
    const double ahead = lead(o, u), other_ahead = lead(o, other);
    if (ahead < other_ahead) return -1;
    if (ahead > other_ahead) return 1;
    const int order = compare(u->priority, other->priority);
    return order ? order : compare_jobs(o, u, other);
}

static int compare_adaptive(const sv_order *o, const sv_work_item *u, const sv_work_item *other) {
    const int lane = sv_order_lane(o, u);
    int order = compare(lane, sv_order_lane(o, other));
    if (order) return order;
    if (lane == 2) return compare_rest(o, u, other);
    order = lane == 0 ? compare(u->playback_us, other->playback_us) : compare(u->priority, other->priority);
    return order ? order : compare_arrival(u, other);
}

bool sv_order_before(const sv_order *o, const sv_work_item *u, const sv_work_item *other) {
    if (o->schedule->config.mode == SV_MODE_ADAPTIVE) return compare_adaptive(o, u, other) < 0;
    const int order = compare(sv_work_item_started(other), sv_work_item_started(u));
    return (order ? order : compare_arrival(u, other)) < 0;
}
