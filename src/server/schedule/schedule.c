/* schedule: one pick, and what a batch leaves behind.
 *
 * A pick surveys the items (which client had least?), finds the leader, and fills its batch one item at a time: each
 * time the first in order that still fits, so that a large sentence which does not fit lets smaller ones pass and
 * leads a later batch. FIXED and OFF share the filling and differ in the leader and in what may follow.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "server/schedule/schedule.h"

enum {
    CROWD_ITEMS = 12,     /* waiting: from here on full batches matter more than the leader's own time */
    CROWD_EACH = 3,       /* of one client that are no peers of the leader: a crowd is of many */
    CUT_FRAMES_MIN = 64,  /* a slice is not cut below this only to fill a batch: its margins cost as much */
    TOKENS_BELIEVED = 320 /* decoded, that the prior of frames a token counts for */
};

/* ---- init ---- */

void sv_schedule_config_init(sv_schedule_config *config) {
    *config = (sv_schedule_config){.mode = SV_MODE_ADAPTIVE,
                                   .parallel = 1,
                                   .parallel_items = 2,
                                   .window_us = 100000,
                                   .batch_max = SV_BATCH_MAX,
                                   .acoustic_tokens = 1024,
                                   .acoustic_sentences = 64,
                                   .vocode_rows = 320,
                                   .slice_frames = 256,
                                   .first_frames = 16,
                                   .turn_us = 15000,
                                   .underrun_us = 300000,
                                   .age_us = 2000000,
                                   .aged_every = 7,
                                   .share_slack_s = 6,
                                   .burst_s = 6,
                                   .credit_s = 12,
                                   .frames_per_second = 62.5,
                                   .frames_per_token = 4.75,
                                   .memory_bytes = INT64_C(256) << 20,
                                   .acoustic_frames = 1048576,
                                   .acoustic_a_us = 1000,
                                   .acoustic_b_us = 75,
                                   .vocode_a_us = 500,
                                   .vocode_b_us = 40,
                                   .queue_s = 1200,
                                   .wait_us = 10000000};
}

static ev_status check(ev_error *err, const char *name, double value, double low, double high) {
    if (value >= low && value <= high) return EV_OK; /* not so for NaN */
    return ev_fail(err, EV_E_ARGUMENT, "scheduler: %s is %g: give a number from %g to %g", name, value, low, high);
}

static ev_status check_config(const sv_schedule_config *c, ev_error *err) {
    const double large = 1e12, tiny = 1e-6;
    const struct {
        const char *name;
        double value, low, high;
    } rows[] = {
        {"mode", (double)c->mode, SV_MODE_ADAPTIVE, SV_MODE_OFF},
        {"parallel", c->parallel, 1, SV_PARALLEL_MAX},
        {"parallel_items", c->parallel_items, 1, 1000},
        {"window_us", c->window_us, 0, 1e7},
        {"batch_max", c->batch_max, 1, SV_BATCH_MAX},
        {"acoustic_tokens", c->acoustic_tokens, 1, 1024},
        {"acoustic_sentences", c->acoustic_sentences, 1, 64},
        {"margin_rows", c->margin_rows, 0, 4096},
        {"vocode_rows", c->vocode_rows, c->margin_rows + 16.0, 1048576},
        {"slice_frames", c->slice_frames, 1, 4096},
        {"first_frames", c->first_frames, 1, c->slice_frames},
        {"turn_us", c->turn_us, 100, 1e7},
        {"underrun_us", c->underrun_us, 0, 1e7},
        {"age_us", c->age_us, 0, 1e9},
        {"aged_every", c->aged_every, 1, 1000},
        {"share_slack_s", c->share_slack_s, 0, large},
        {"burst_s", c->burst_s, 0, large},
        {"credit_s", c->credit_s, 0, large},
        {"frames_per_second", c->frames_per_second, tiny, large},
        {"frames_per_token", c->frames_per_token, tiny, large},
        {"memory_bytes", (double)c->memory_bytes, 1, 1e18},
        {"decode_bytes", (double)c->decode_bytes, 0, 1e9},
        {"bytes_per_sentence", (double)c->bytes_per_sentence, 0, 1e9},
        {"bytes_per_token", (double)c->bytes_per_token, 0, 1e9},
        {"bytes_per_encoded", (double)c->bytes_per_encoded, 0, 1e9},
        {"bytes_per_frame", (double)c->bytes_per_frame, 0, 1e9},
        {"vocode_bytes", (double)c->vocode_bytes, 0, 1e9},
        {"bytes_per_row", (double)c->bytes_per_row, 0, 1e9},
        {"acoustic_frames", c->acoustic_frames, 1, INT32_MAX},
        {"acoustic_a_us", c->acoustic_a_us, 0, large},
        {"acoustic_b_us", c->acoustic_b_us, 0, large},
        {"vocode_a_us", c->vocode_a_us, 0, large},
        {"vocode_b_us", c->vocode_b_us, 0, large},
        {"queue_s", c->queue_s, tiny, large},
        {"wait_us", (double)c->wait_us, 1, large},
    };
    ev_status status = EV_OK;
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows) && status == EV_OK; i++) {
        status = check(err, rows[i].name, rows[i].value, rows[i].low, rows[i].high);
    }
    return status;
}

ev_status sv_schedule_init(sv_schedule *s, const sv_schedule_config *config, ev_error *err) {
    const ev_status status = check_config(config, err);
    if (status != EV_OK) return status;
    memset(s, 0, sizeof *s);
    s->config = *config;
    assert(config->first_frames <= config->slice_frames && config->margin_rows < config->vocode_rows);
    s->tokens = TOKENS_BELIEVED;
    s->frames = TOKENS_BELIEVED * config->frames_per_token;
    s->memory_cap = INT64_MAX;
    sv_schedule_memory(s, config->memory_bytes);
    sv_cost_init(&s->cost[SV_ACOUSTIC], config->acoustic_a_us, config->acoustic_b_us, 80);
    sv_cost_init(&s->cost[SV_VOCODE], config->vocode_a_us, config->vocode_b_us, config->vocode_rows / 2.0);
    assert(s->memory_cap == s->memory_limit);
    return EV_OK;
}

void sv_schedule_client_reset(sv_schedule *s, int32_t client) {
    assert(client >= 0 && client < SV_CLIENTS_MAX);
    s->served[client] = 0;
}

/* ---- what may follow, and with how much ---- */

typedef enum sv_fill { FILL_ANY, FILL_URGENT, FILL_PEERS, FILL_STARTED, FILL_NEW } sv_fill;

typedef struct picker {
    const sv_schedule *s;
    const sv_work_item *items;
    size_t n;
    sv_order order;
    sv_plan *plan;
    bool crowded;               /* CROWD_ITEMS or more wait */
    sv_fill fill;               /* kinds of items that may be in this batch */
    const sv_work_item *leader; /* of the batch; set before it is filled */
} picker;

/* Frames that the next slice should have, if the batch were empty. */
static int32_t slice_wanted(const sv_schedule *s, const sv_work_item *u) {
    assert(u->size > 0); /* who has no frames is not looked at */
    const int32_t most = s->config.slice_frames;
    if (!u->streaming) { /* even parts, so that none is a scrap */
        const int32_t parts = (int32_t)(((int64_t)u->size + most - 1) / most);
        return (int32_t)(((int64_t)u->size + parts - 1) / parts);
    }
    const int64_t grown = u->frames_done + s->config.first_frames; /* 16, 32, 64: each as long as all before it */
    const int32_t now = grown < most ? (int32_t)grown : most;
    if (u->size > now + now / 2) return now;
    return u->size < most ? u->size : most;
}

/* Whether the batch with one more, and then of `size`, keeps the memory cap and (ADAPTIVE) the time of a turn. */
static bool affordable(const picker *p, sv_stage stage, int32_t size) {
    if (sv_schedule_bytes(p->s, stage, size, p->plan->count + 1) > p->s->memory_cap) return false;
    return p->s->config.mode != SV_MODE_ADAPTIVE || sv_schedule_predict(p->s, stage, size) <= p->s->config.turn_us;
}

static int32_t acoustic_amount(const picker *p, const sv_work_item *u) {
    const int32_t size = p->plan->size;
    if (!p->plan->count) return u->size; /* a sentence cannot be cut: the first always runs */
    if ((int32_t)p->plan->count >= p->s->config.acoustic_sentences) return 0;
    if (u->size > p->s->config.acoustic_tokens - size || !affordable(p, SV_ACOUSTIC, size + u->size)) return 0;
    return u->size;
}

/* Rows left by the row budget and by memory. */
static int64_t rows_left(const picker *p) {
    const sv_schedule_config *config = &p->s->config;
    int64_t rows = config->vocode_rows;
    const int64_t bytes = p->s->memory_cap - config->vocode_bytes;
    if (config->bytes_per_row && bytes / config->bytes_per_row < rows) rows = bytes / config->bytes_per_row;
    return rows - p->plan->size - config->margin_rows;
}

static int32_t vocode_amount(const picker *p, const sv_work_item *u) {
    const int32_t wanted = slice_wanted(p->s, u);
    const int64_t room = rows_left(p);
    if (!p->plan->count) return wanted <= room ? wanted : room > 1 ? (int32_t)room : 1;
    int32_t amount = wanted;
    if (wanted > room) {
        if (room < CUT_FRAMES_MIN || !p->crowded) return 0; /* half a sentence helps no urgent client */
        amount = (int32_t)room;
    }
    return affordable(p, SV_VOCODE, p->plan->size + amount + p->s->config.margin_rows) ? amount : 0;
}

/* Tokens or frames that fit the batch as it stands; 0: none. */
static int32_t amount_of(const picker *p, const sv_work_item *u) {
    if ((int32_t)p->plan->count >= p->s->config.batch_max) return 0;
    return p->plan->stage == SV_ACOUSTIC ? acoustic_amount(p, u) : vocode_amount(p, u);
}

static bool planned(const sv_plan *plan, size_t item) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i].index == item) return true;
    }
    return false;
}

/* May u take some of the leader's time? */
static bool is_peer(const picker *p, const sv_work_item *u, const sv_work_item *leader) {
    const sv_order *o = &p->order;
    return u->priority <= leader->priority && sv_order_level(o, u) <= sv_order_level(o, leader) &&
           !sv_order_ahead(o, u, sv_order_served(o, leader));
}

static bool of_kind(const picker *p, const sv_work_item *u) {
    switch (p->fill) {
    case FILL_ANY: return true;
    case FILL_URGENT: return sv_order_lane(&p->order, u) < 2;
    case FILL_PEERS: return is_peer(p, u, p->leader);
    case FILL_STARTED: return sv_work_item_started(u);
    case FILL_NEW: return !sv_work_item_started(u);
    }
    return false;
}

/* ---- leader ---- */

#define NONE SIZE_MAX

/* First in order of the kind; SV_IDLE: either stage. Those to be run alone only where `alone` says so. */
static size_t first(const picker *p, sv_stage stage, bool alone) {
    size_t best = NONE;
    for (size_t i = 0; i < p->n; i++) {
        const sv_work_item *u = &p->items[i];
        if (u->size <= 0 || (stage && u->stage != stage) || (u->tries > 0 && !alone) || !of_kind(p, u)) continue;
        if (best == NONE || sv_order_before(&p->order, u, &p->items[best])) best = i;
    }
    return best;
}

/* Next member: like first(), of the plan's stage, and it must fit. */
static size_t next(const picker *p) {
    size_t best = NONE;
    for (size_t i = 0; i < p->n; i++) {
        const sv_work_item *u = &p->items[i];
        if (u->stage != p->plan->stage || u->size <= 0 || u->tries > 0 || !of_kind(p, u) || !amount_of(p, u))
            continue;
        if (best != NONE && !sv_order_before(&p->order, u, &p->items[best])) continue;
        if (!planned(p->plan, i)) best = i;
    }
    return best;
}

/* Whoever waits longest, if it is longer than it should be and a turn by age is due. */
static size_t longest_waiting(const picker *p) {
    if (p->s->since_aged < p->s->config.aged_every) return NONE;
    size_t best = NONE;
    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i].size <= 0) continue;
        if (best == NONE || p->items[i].waiting_us < p->items[best].waiting_us) best = i;
    }
    if (best == NONE || p->order.now_us - p->items[best].waiting_us <= p->s->config.age_us) return NONE;
    return best;
}

/* Would the frames that are ready fill half a batch of the vocoder? */
static bool worth_vocoding(const picker *p) {
    const sv_schedule_config *config = &p->s->config;
    int64_t rows = 0;
    for (size_t i = 0; i < p->n; i++) {
        const sv_work_item *u = &p->items[i];
        if (u->stage != SV_VOCODE || u->size <= 0 || u->tries > 0) continue;
        rows += slice_wanted(p->s, u) + config->margin_rows;
    }
    return 2 * rows >= config->vocode_rows;
}

/* The leader of lane 2, or the sentence that is decoded before it so that the vocoder's batch fills. */
static size_t leader_or_filler(const picker *p, size_t leader) {
    const sv_work_item *u = &p->items[leader];
    if (u->stage != SV_VOCODE || u->tries > 0 || worth_vocoding(p)) return leader;
    const size_t filler = first(p, SV_ACOUSTIC, false);
    return filler != NONE && is_peer(p, &p->items[filler], u) ? filler : leader;
}

/* ---- filling ---- */

static void put(picker *p, size_t item) {
    const sv_schedule_config *config = &p->s->config;
    const sv_work_item *u = &p->items[item];
    sv_plan *plan = p->plan;
    assert(plan->count < SV_BATCH_MAX && u->stage == plan->stage);
    const int32_t amount = amount_of(p, u);
    assert(amount > 0 && u->weight > 0);
    const double frames = plan->stage == SV_ACOUSTIC ? amount * sv_schedule_frames_per_token(p->s) : amount;
    const double part = plan->stage == SV_ACOUSTIC ? SV_ACOUSTIC_CHARGE : 1 - SV_ACOUSTIC_CHARGE;
    const double charge = frames / config->frames_per_second * part / (double)u->weight;
    plan->items[plan->count++] =
        (sv_plan_item){.index = item, .amount = amount, .client = u->client, .charge = charge};
    plan->size += amount + (plan->stage == SV_VOCODE ? config->margin_rows : 0);
    p->order.extra[u->client] += charge;
}

static void fill(picker *p, size_t leader, sv_fill kind, bool one) {
    sv_plan *plan = p->plan;
    assert(plan->count == 0);
    plan->stage = p->items[leader].stage;
    plan->alone = p->items[leader].tries > 0;
    p->fill = kind;
    p->leader = &p->items[leader];
    put(p, leader);
    for (size_t i; !plan->alone && !one && (i = next(p)) != NONE;) put(p, i);
    assert(plan->count >= 1 && (!plan->alone || plan->count == 1));
    plan->bytes = sv_schedule_bytes(p->s, plan->stage, plan->size, plan->count);
    plan->predicted_us = sv_schedule_predict(p->s, plan->stage, plan->size);
}

static bool has_crowd(const picker *p, const sv_work_item *leader) {
    unsigned char others[SV_CLIENTS_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < p->n && count < CROWD_ITEMS; i++) {
        const sv_work_item *u = &p->items[i];
        if (u->size <= 0) continue;
        const bool peer = is_peer(p, u, leader);
        count += peer || others[u->client] < CROWD_EACH;
        others[u->client] += !peer && others[u->client] < CROWD_EACH;
    }
    return count >= CROWD_ITEMS;
}

static void pick_adaptive(picker *p) {
    size_t leader = longest_waiting(p);
    p->plan->aged = leader != NONE;
    if (leader == NONE) leader = first(p, SV_IDLE, true);
    if (leader == NONE) return;
    const bool urgent = sv_order_lane(&p->order, &p->items[leader]) < 2;
    if (!urgent && !p->plan->aged) leader = leader_or_filler(p, leader);
    p->plan->foreground = sv_order_foreground(&p->order, &p->items[leader]);
    p->crowded = has_crowd(p, &p->items[leader]);
    fill(p, leader, urgent ? FILL_URGENT : p->crowded ? FILL_ANY : FILL_PEERS, false);
}

/* Those that run go to their ends together; then the next batch forms, when it is complete or has waited enough. */
static void pick_fixed(picker *p) {
    p->fill = FILL_STARTED;
    size_t leader = first(p, SV_VOCODE, true);
    if (leader == NONE) leader = first(p, SV_ACOUSTIC, true);
    if (leader != NONE) {
        fill(p, leader, FILL_STARTED, false);
        return;
    }
    p->fill = FILL_NEW;
    leader = first(p, SV_ACOUSTIC, true);
    if (leader == NONE) return;
    int32_t gathered = 0;
    for (size_t i = 0; i < p->n; i++) gathered += p->items[i].size > 0;
    const int64_t arrived_us = p->items[leader].arrived_us, now_us = p->order.now_us;
    const int64_t ready_us =
        (arrived_us < now_us ? arrived_us : now_us) + p->s->config.window_us; /* clocks may be set */
    if (gathered >= p->s->config.batch_max || now_us >= ready_us) {
        fill(p, leader, FILL_NEW, false);
    } else {
        p->plan->wake_us = ready_us;
    }
}

static void pick_off(picker *p) {
    const size_t leader = first(p, SV_IDLE, true);
    if (leader != NONE) fill(p, leader, FILL_ANY, true);
}

/* The least virtual time of a client that waits. */
static double least_served(const sv_schedule *s, const sv_work_item *items, size_t n) {
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        assert(items[i].client >= 0 && items[i].client < SV_CLIENTS_MAX);
        if (items[i].size > 0) least = fmin(least, sv_schedule_served(s, items[i].client));
    }
    return isinf(least) ? s->virtual_time : least;
}

bool sv_schedule_can_start_batch(const sv_schedule *s, const sv_work_item *items, size_t n, int64_t now_us,
                                 int32_t running) {
    if (!running) return true;
    if (s->config.mode != SV_MODE_ADAPTIVE || running >= s->config.parallel) return false;
    size_t waiting = 0;
    const double least = least_served(s, items, n);
    const sv_order order = {
        .schedule = s, .now_us = now_us, .virtual_time = s->foreground ? fmin(least, s->foreground_time) : least};
    for (size_t i = 0; i < n; i++)
        waiting += items[i].size > 0 && (!s->foreground || sv_order_foreground(&order, &items[i]));
    return waiting >= (size_t)s->config.parallel_items * (size_t)running;
}

void sv_schedule_pick(const sv_schedule *s, const sv_work_item *items, size_t n, int64_t now_us, sv_plan *plan) {
    plan->stage = SV_IDLE;
    plan->count = 0;
    plan->size = 0;
    plan->bytes = plan->predicted_us = 0;
    plan->wake_us = INT64_MAX;
    plan->alone = plan->aged = plan->foreground = false;
    picker p = {.s = s, .items = items, .n = n, .plan = plan};
    p.order.schedule = s;
    p.order.now_us = now_us;
    p.order.virtual_time = least_served(s, items, n);
    plan->least = p.order.virtual_time;
    plan->virtual_time = fmax(s->virtual_time, plan->least);
    switch (s->config.mode) {
    case SV_MODE_ADAPTIVE: pick_adaptive(&p); break;
    case SV_MODE_FIXED: pick_fixed(&p); break;
    case SV_MODE_OFF: pick_off(&p); break;
    }
    assert((plan->stage == SV_IDLE) == (plan->count == 0));
}

/* ---- what a batch leaves behind ---- */

void sv_schedule_started(sv_schedule *s, const sv_plan *plan) {
    assert(plan->stage != SV_IDLE && plan->count > 0 && plan->count <= SV_BATCH_MAX);
    for (size_t i = 0; i < plan->count; i++) {
        const int32_t client = plan->items[i].client;
        s->served[client] = sv_schedule_served(s, client) + plan->items[i].charge;
    }
    s->virtual_time = plan->virtual_time;
    if (plan->aged) {
        s->since_aged = 0;
    } else if (s->since_aged < s->config.aged_every) {
        s->since_aged++;
    }
    if (!plan->foreground) return;
    s->foreground_time = s->foreground++ ? fmin(s->foreground_time, plan->least) : plan->least;
}

static void batch_ended(sv_schedule *s, const sv_plan *plan) {
    if (plan->foreground && s->foreground > 0) s->foreground--;
}

void sv_schedule_done(sv_schedule *s, const sv_plan *plan, int64_t elapsed_us) {
    batch_ended(s, plan);
    sv_schedule_observe(s, plan->stage, plan->size, elapsed_us);
    sv_memory_grow(s);
}

void sv_schedule_failed(sv_schedule *s, const sv_plan *plan, bool out_of_memory) {
    batch_ended(s, plan);
    if (out_of_memory) sv_memory_shrink(s, plan->bytes);
}

void sv_schedule_observe(sv_schedule *s, sv_stage stage, int32_t size, int64_t elapsed_us) {
    if (stage == SV_ACOUSTIC || stage == SV_VOCODE) sv_cost_observe(&s->cost[stage], size, (double)elapsed_us);
}

int64_t sv_schedule_predict(const sv_schedule *s, sv_stage stage, int32_t size) {
    assert(stage == SV_ACOUSTIC || stage == SV_VOCODE);
    return (int64_t)sv_cost_predict(&s->cost[stage], size);
}
