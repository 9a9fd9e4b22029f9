/* simulator: the scheduler in virtual time. The test fills jobs and faults; sim_run drives arrivals, batches,
 * failures, cancellations and listeners through the very functions that the service calls, and checks every plan.
 *
 * The simulated device takes a + b x size for a batch, with noise, and longer where several share it; a sentence's
 * frames come from a hash, so that two modes meet the same work. Nothing here reads a clock.
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/schedule/schedule.h"

enum { SIM_JOBS_MAX = 1200 };

typedef enum sim_state {
    SIM_COMING,
    SIM_LIVE,
    SIM_DONE,
    SIM_FAILED,
    SIM_EXPIRED,
    SIM_CANCELED,
    SIM_REFUSED
} sim_state;

typedef struct sim_job {
    /* set by the test */
    int64_t arrival_us, deadline_us, cancel_us;  /* 0: none */
    int32_t client, priority, sentences, tokens; /* tokens of each sentence, about */
    float weight;
    bool streaming;
    sv_stage poison; /* fails in this stage, always; SV_IDLE: healthy */
    /* of the run */
    sim_state state;
    int32_t sentence, tries, company_failures, ready;
    int64_t waiting_us, playback_us, ended_us, first_us;
    int64_t frames_made, frames_done;
    int64_t underrun_us;
    bool running;
} sim_job;

typedef struct sim_batch {
    sv_plan plan;
    size_t members[SV_BATCH_MAX]; /* jobs */
    bool failed, memory;
    int64_t started_us;
    double device_us, left_us; /* alone on the device: all of it, and what is still to be done */
} sim_batch;

typedef struct sim {
    sv_schedule_config config;
    double acoustic_a_us, acoustic_b_us, vocode_a_us, vocode_b_us; /* of the device */
    double noise, death;                                           /* parts: spread of times; batches that fail */
    int64_t memory_bytes;                                          /* that the device really has; 0: enough */
    double shifts; /* chance before a batch that other memory is free */
    double jumps;  /* chance before a batch that the clock jumps */
    bool admission;
    uint64_t seed;
    int64_t origin_us;
    sim_job jobs[SIM_JOBS_MAX]; /* by arrival */
    size_t job_count;
    /* of the run */
    sv_schedule schedule;
    sv_work_item items[SIM_JOBS_MAX];
    size_t item_job[SIM_JOBS_MAX];
    size_t item_count, arrived;
    size_t live[SIM_JOBS_MAX], live_count; /* jobs, by arrival */
    sim_batch running[SV_PARALLEL_MAX];
    int32_t running_count, most_running;
    uint64_t random;
    int64_t now_us;
    int64_t longest_batch_us, longest_wait_us, jumped_us;
    size_t most_live;
    uint64_t batches, vocode_batches, vocode_rows, trace;
    char fault[200]; /* the first broken rule; empty: none */
} sim;

#define SIM_REQUIRE(s, condition)                                                                                    \
    do {                                                                                                             \
        if (!(condition) && !(s)->fault[0])                                                                          \
            snprintf((s)->fault, sizeof(s)->fault, "line %d at %lld us: %s", __LINE__, (long long)(s)->now_us,       \
                     #condition);                                                                                    \
    } while (0)

/* ---- random ---- */

static inline uint64_t sim_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t sim_next(uint64_t *random) { return sim_mix(*random += UINT64_C(0x9e3779b97f4a7c15)); }

static inline double sim_uniform(uint64_t *random) { return (double)(sim_next(random) >> 11) * 0x1p-53; }

static inline int32_t sim_range(uint64_t *random, int32_t low, int32_t high) {
    return low + (int32_t)(sim_next(random) % (uint64_t)(high - low + 1));
}

static inline bool sim_chance(uint64_t *random, double part) { return sim_uniform(random) < part; }

/* ---- jobs ---- */

/* Deterministic per (seed, job, sentence): 3/4 to 5/4 of the job's tokens. */
static inline int32_t sim_tokens(const sim *s, size_t job, int32_t sentence) {
    const uint64_t hash = sim_mix(s->seed * 31 + job * 1009 + (uint64_t)sentence);
    const int32_t tokens = s->jobs[job].tokens * (int32_t)(192 + hash % 129) / 256;
    return tokens > 0 ? tokens : 1;
}

static inline int32_t sim_frames(const sim *s, size_t job, int32_t sentence) {
    const uint64_t hash = sim_mix(s->seed * 37 + job * 1013 + (uint64_t)sentence);
    return (int32_t)(sim_tokens(s, job, sentence) * (3.8 + (double)(hash % 190) / 100));
}

static inline void sim_end(sim *s, sim_job *j, sim_state state) {
    SIM_REQUIRE(s, j->state == SIM_LIVE);
    j->state = state;
    j->ended_us = s->now_us;
}

static inline void sim_show(sim *s, size_t job, sv_work_item *u) {
    const sim_job *j = &s->jobs[job];
    const int32_t left = j->sentences - j->sentence;
    *u = (sv_work_item){.id = job,
                        .stage = j->ready ? SV_VOCODE : SV_ACOUSTIC,
                        .size = j->ready ? j->ready : sim_tokens(s, job, j->sentence),
                        .sentences_left = left,
                        .tokens_left = left * j->tokens,
                        .client = j->client,
                        .weight = j->weight,
                        .priority = j->priority,
                        .tries = j->tries,
                        .streaming = j->streaming,
                        .arrived_us = j->arrival_us,
                        .waiting_us = j->waiting_us,
                        .deadline_us = j->deadline_us,
                        .playback_us = j->playback_us,
                        .frames_done = j->frames_done};
}

/* Views of the live jobs that wait, or of all; those that were canceled or can no longer be in time end here. */
static inline void sim_survey(sim *s, bool all) {
    size_t kept = 0;
    s->item_count = 0;
    for (size_t i = 0; i < s->live_count; i++) {
        sim_job *j = &s->jobs[s->live[i]];
        sv_work_item *u = &s->items[s->item_count];
        if (j->state == SIM_LIVE && !j->running && j->cancel_us && j->cancel_us <= s->now_us)
            sim_end(s, j, SIM_CANCELED);
        if (j->state == SIM_LIVE) {
            sim_show(s, s->live[i], u);
            if (!j->running && sv_schedule_expired(&s->schedule, u, s->now_us)) sim_end(s, j, SIM_EXPIRED);
        }
        if (j->state != SIM_LIVE) continue;
        if (all || !j->running) s->item_job[s->item_count++] = s->live[i];
        s->live[kept++] = s->live[i];
    }
    s->live_count = kept;
}

static inline void sim_arrive(sim *s) {
    for (; s->arrived < s->job_count && s->jobs[s->arrived].arrival_us <= s->now_us; s->arrived++) {
        sim_job *j = &s->jobs[s->arrived];
        const sv_admission_request request = {.tokens = j->sentences * j->tokens,
                                              .sentences = j->sentences,
                                              .client = j->client,
                                              .weight = j->weight,
                                              .deadline_us = j->deadline_us};
        sv_backlog backlog;
        sim_survey(s, true);
        sv_schedule_backlog(&s->schedule, s->items, s->item_count, &request, &backlog);
        const sv_admission answer = sv_schedule_admit(&s->schedule, &backlog, &request, s->now_us);
        const bool told_when = answer.verdict == SV_FULL || answer.verdict == SV_OVER_SHARE;
        SIM_REQUIRE(s, (answer.retry_after_ms > 0) == told_when);
        j->state = s->admission && answer.verdict != SV_ACCEPT ? SIM_REFUSED : SIM_LIVE;
        j->waiting_us = j->arrival_us;
        if (j->state == SIM_LIVE) s->live[s->live_count++] = s->arrived;
        if (s->live_count > s->most_live) s->most_live = s->live_count;
    }
}

/* ---- checks of a plan ---- */

static inline void sim_check_item(sim *s, const sv_plan *plan, const sv_plan_item *item) {
    SIM_REQUIRE(s, item->index < s->item_count);
    if (item->index >= s->item_count) return;
    const sv_work_item *u = &s->items[item->index];
    sim_job *j = &s->jobs[s->item_job[item->index]];
    SIM_REQUIRE(s, j->state == SIM_LIVE && !j->running); /* not after its end, not twice in a batch */
    SIM_REQUIRE(s, u->stage == plan->stage);
    SIM_REQUIRE(s, item->amount > 0 && item->amount <= u->size);
    if (plan->stage == SV_ACOUSTIC) SIM_REQUIRE(s, item->amount == u->size);
    if (plan->stage == SV_VOCODE) SIM_REQUIRE(s, item->amount <= s->config.slice_frames);
    if (u->tries > 0) SIM_REQUIRE(s, plan->count == 1 && plan->alone);
    if (u->streaming && !u->frames_done && plan->stage == SV_VOCODE)
        SIM_REQUIRE(s, item->amount <= s->config.first_frames + s->config.first_frames / 2);
    if (s->now_us - u->waiting_us > s->longest_wait_us) s->longest_wait_us = s->now_us - u->waiting_us;
    j->running = true;
}

static inline int64_t sim_bytes(const sim *s, const sv_plan *plan) {
    const sv_schedule_config *c = &s->config;
    if (plan->stage == SV_VOCODE) return c->vocode_bytes + plan->size * c->bytes_per_row;
    int64_t frames = (int64_t)(plan->size * s->schedule.frames / s->schedule.tokens) + 1;
    if (frames > c->acoustic_frames) frames = c->acoustic_frames;
    const int64_t encoder = plan->size * c->bytes_per_encoded, decoder = frames * c->bytes_per_frame;
    return c->decode_bytes + (int64_t)plan->count * c->bytes_per_sentence + plan->size * c->bytes_per_token +
           (encoder > decoder ? encoder : decoder);
}

/* However little memory there is, a slice is as long as a stream's first, an even part of a little more than one
 * slice, or what is left. */
static inline bool sim_has_room(const sim *s, const sv_plan *plan) {
    const sv_schedule_config *c = &s->config;
    const int32_t left = s->items[plan->items[0].index].size, first = c->first_frames * 2 / 3;
    int32_t least = first < c->vocode_rows - c->margin_rows ? first : c->vocode_rows - c->margin_rows;
    if (c->slice_frames / 2 < least) least = c->slice_frames / 2;
    return plan->items[0].amount >= (left < least ? left : least);
}

static inline void sim_check_memory(sim *s) {
    const sv_schedule *d = &s->schedule;
    const sv_schedule_config *c = &s->config;
    const int64_t first = c->vocode_bytes + (c->first_frames + c->margin_rows) * c->bytes_per_row;
    SIM_REQUIRE(s, d->memory_cap <= d->memory_limit && d->memory_cap >= first);
    SIM_REQUIRE(s, d->memory_limit <= (c->memory_bytes > first ? c->memory_bytes : first));
}

static inline void sim_check_plan(sim *s, const sv_plan *plan) {
    const sv_schedule_config *c = &s->config;
    int64_t size = 0;
    if (!plan->count) {
        SIM_REQUIRE(s, plan->stage == SV_IDLE);
        SIM_REQUIRE(s,
                    c->mode == SV_MODE_FIXED || (!s->item_count && plan->wake_us == INT64_MAX)); /* conserves work */
        SIM_REQUIRE(s, !s->item_count || (plan->wake_us > s->now_us && plan->wake_us - s->now_us <= c->window_us));
        return;
    }
    SIM_REQUIRE(s, plan->stage == SV_ACOUSTIC || plan->stage == SV_VOCODE);
    SIM_REQUIRE(s, plan->count <= (size_t)c->batch_max);
    if (c->mode == SV_MODE_OFF) SIM_REQUIRE(s, plan->count == 1);
    for (size_t i = 0; i < plan->count; i++) {
        sim_check_item(s, plan, &plan->items[i]);
        size += plan->items[i].amount + (plan->stage == SV_VOCODE ? c->margin_rows : 0);
    }
    SIM_REQUIRE(s, size == plan->size && sim_bytes(s, plan) == plan->bytes);
    if (plan->stage == SV_VOCODE) SIM_REQUIRE(s, size <= c->vocode_rows && plan->bytes <= s->schedule.memory_cap);
    if (plan->stage == SV_VOCODE) SIM_REQUIRE(s, plan->count > 1 || sim_has_room(s, plan));
    if (plan->count == 1) return; /* one sentence, however large, has to run */
    SIM_REQUIRE(s, plan->bytes <= s->schedule.memory_cap);
    if (plan->stage == SV_ACOUSTIC) {
        SIM_REQUIRE(s, size <= c->acoustic_tokens && plan->count <= (size_t)c->acoustic_sentences);
    }
    if (c->mode == SV_MODE_ADAPTIVE) SIM_REQUIRE(s, plan->predicted_us <= c->turn_us);
}

/* ---- a batch ---- */

static inline int64_t sim_batch_us(sim *s, const sv_plan *plan) {
    const bool decode = plan->stage == SV_ACOUSTIC;
    double us =
        (decode ? s->acoustic_a_us : s->vocode_a_us) + (decode ? s->acoustic_b_us : s->vocode_b_us) * plan->size;
    us *= 1 + s->noise * (2 * sim_uniform(&s->random) - 1);
    if (s->noise > 0 && sim_chance(&s->random, 0.005)) us *= 10; /* others had the cores */
    return us < 1 ? 1 : (int64_t)us;
}

static inline void sim_made(sim *s, sim_job *j, size_t job, const sv_plan *plan, int32_t amount) {
    if (plan->stage == SV_ACOUSTIC) {
        j->ready = sim_frames(s, job, j->sentence++);
        j->frames_made += j->ready;
    } else {
        SIM_REQUIRE(s, amount <= j->ready);
        j->ready -= amount;
        if (!j->frames_done) {
            j->first_us = j->playback_us = s->now_us;
        } else if (s->now_us > j->playback_us) {
            j->underrun_us += s->now_us - j->playback_us;
            j->playback_us = s->now_us;
        }
        j->playback_us += (int64_t)(amount * 1e6 / s->config.frames_per_second);
        j->frames_done += amount;
    }
    if (!j->ready && j->sentence == j->sentences) {
        SIM_REQUIRE(s, j->frames_done ==
                           j->frames_made); /* every frame once; in order, as slices are taken from the front */
        sim_end(s, j, SIM_DONE);
    }
}

static inline void sim_missed(sim *s, sim_job *j, const sv_plan *plan) {
    j->company_failures += plan->count > 1;
    SIM_REQUIRE(s, j->company_failures <= 1); /* neighbours take at most one of its lives */
    if (sv_schedule_retry(++j->tries) == SV_RETRY_DEAD) sim_end(s, j, SIM_FAILED);
}

static inline bool sim_poisoned(const sim *s, const sv_plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        if (s->jobs[s->item_job[plan->items[i].index]].poison == plan->stage) return true;
    }
    return false;
}

static inline void sim_start(sim *s, const sv_plan *plan) {
    sim_batch *b = &s->running[s->running_count++];
    *b = (sim_batch){.plan = *plan, .started_us = s->now_us};
    for (size_t i = 0; i < plan->count; i++) b->members[i] = s->item_job[plan->items[i].index];
    b->memory = s->memory_bytes && plan->bytes > s->memory_bytes;
    b->failed = b->memory || sim_poisoned(s, plan) || sim_chance(&s->random, s->death);
    b->device_us = (double)sim_batch_us(s, plan);
    if (b->failed) b->device_us = floor(b->device_us / 2) + 1;
    b->left_us = b->device_us;
    sv_schedule_started(&s->schedule, plan);
    if (s->running_count > s->most_running) s->most_running = s->running_count;
    s->batches++;
    s->vocode_batches += plan->stage == SV_VOCODE;
    s->vocode_rows += plan->stage == SV_VOCODE ? (uint64_t)plan->size : 0;
}

static inline void sim_ended(sim *s, const sim_batch *b) {
    const sv_plan *plan = &b->plan;
    const int64_t cap = s->schedule.memory_cap;
    if (s->now_us - b->started_us > s->longest_batch_us) s->longest_batch_us = s->now_us - b->started_us;
    if (b->failed) {
        sv_schedule_failed(&s->schedule, plan, b->memory);
        SIM_REQUIRE(s, s->schedule.memory_cap <= cap);
    } else {
        sv_schedule_done(&s->schedule, plan, (int64_t)b->device_us);
        SIM_REQUIRE(s, s->schedule.memory_cap <= cap + s->config.memory_bytes / 16 + 1);
    }
    int64_t frames = 0;
    for (size_t i = 0; i < plan->count; i++) {
        sim_job *j = &s->jobs[b->members[i]];
        SIM_REQUIRE(s, j->running);
        j->running = false;
        j->waiting_us = s->now_us;
        s->trace =
            sim_mix(s->trace ^ (b->members[i] << 20) ^ (uint64_t)plan->items[i].amount ^ (uint64_t)plan->stage << 60);
        if (j->cancel_us && j->cancel_us <= s->now_us) {
            sim_end(s, j, SIM_CANCELED);
        } else if (b->failed) {
            sim_missed(s, j, plan);
        } else {
            frames += plan->stage == SV_ACOUSTIC ? sim_frames(s, b->members[i], j->sentence) : 0;
            sim_made(s, j, b->members[i], plan, plan->items[i].amount);
        }
    }
    if (frames) sv_schedule_decoded(&s->schedule, plan->size, frames);
    s->trace = sim_mix(s->trace ^ (uint64_t)(s->now_us - s->origin_us));
}

/* Batches that run share the device evenly until then; those that are through end. */
static inline void sim_advance(sim *s, int64_t until_us) {
    const double part = (double)(until_us - s->now_us) / (s->running_count ? s->running_count : 1);
    s->now_us = until_us;
    for (int32_t i = 0; i < s->running_count; i++) s->running[i].left_us -= part;
    for (int32_t i = 0; i < s->running_count;) {
        const sim_batch ended = s->running[i];
        if (ended.left_us > 1e-6) {
            i++;
            continue;
        }
        s->running[i] = s->running[--s->running_count];
        sim_ended(s, &ended);
    }
}

/* When the first of them ends, if nothing else happens. */
static inline int64_t sim_next_end(const sim *s) {
    int64_t next_us = INT64_MAX;
    for (int32_t i = 0; i < s->running_count; i++) {
        const int64_t end_us = s->now_us + (int64_t)ceil(s->running[i].left_us * s->running_count);
        if (end_us < next_us) next_us = end_us;
    }
    return next_us;
}

/* ---- the run ---- */

static inline void sim_check_end(sim *s) {
    /* See schedule.h. Overtaken by those who wait longer, and by aged_every batches before each of them. */
    const int64_t bound =
        s->config.age_us + ((s->config.aged_every + 1) * (int64_t)s->most_live + 1) * s->longest_batch_us;
    if (s->config.mode == SV_MODE_ADAPTIVE) SIM_REQUIRE(s, s->longest_wait_us <= bound + s->jumped_us);
    SIM_REQUIRE(s, !s->live_count);
    for (size_t i = 0; i < s->job_count; i++) {
        const sim_job *j = &s->jobs[i];
        SIM_REQUIRE(s, j->state >= SIM_DONE); /* accepted = done + failed + expired + canceled */
        if (j->state == SIM_FAILED) SIM_REQUIRE(s, j->tries == SV_TRIES_MAX);
        if (j->state == SIM_FAILED && s->death <= 0 && !s->memory_bytes) SIM_REQUIRE(s, j->poison != SV_IDLE);
        if (j->poison != SV_IDLE) SIM_REQUIRE(s, j->state != SIM_DONE);
    }
}

/* A machine that slept, or a clock that was set: back by up to a second, ahead by up to five. */
static inline void sim_jump(sim *s) {
    const int64_t jump = (int64_t)(6e6 * sim_uniform(&s->random)) - 1000000;
    s->now_us += jump;
    s->jumped_us += llabs(jump);
}

/* What the schedule wants to run now; idle where it wants to wait. */
static inline void sim_pick(sim *s, sv_plan *plan) {
    plan->count = 0;
    plan->wake_us = INT64_MAX;
    sim_survey(s, false);
    if (s->shifts > 0 && sim_chance(&s->random, s->shifts))
        sv_schedule_memory(&s->schedule, (int64_t)(2 * sim_uniform(&s->random) * (double)s->config.memory_bytes));
    sim_check_memory(s);
    const bool opens =
        sv_schedule_can_start_batch(&s->schedule, s->items, s->item_count, s->now_us, s->running_count);
    SIM_REQUIRE(s, opens || s->running_count);
    if (!opens) return;
    SIM_REQUIRE(s, s->running_count < (s->config.mode == SV_MODE_ADAPTIVE ? s->config.parallel : 1));
    sv_schedule_pick(&s->schedule, s->items, s->item_count, s->now_us, plan);
    sim_check_plan(s, plan);
}

/* Runs to the last job's end. False: s->fault says which rule broke. */
static inline bool sim_run(sim *s) {
    sv_plan plan;
    ev_error err;
    if (sv_schedule_init(&s->schedule, &s->config, &err) != EV_OK) {
        snprintf(s->fault, sizeof s->fault, "%.190s", err.message);
        return false;
    }
    s->random = s->seed;
    s->now_us = s->origin_us;
    for (uint64_t steps = 0; !s->fault[0]; steps++) {
        SIM_REQUIRE(s, steps < 2000000); /* it ends */
        if (s->jumps > 0 && sim_chance(&s->random, s->jumps)) sim_jump(s);
        sim_arrive(s);
        sim_pick(s, &plan);
        if (s->fault[0]) break;
        if (plan.count) {
            sim_start(s, &plan);
            continue;
        }
        int64_t next_us = sim_next_end(s);
        if (plan.wake_us < next_us) next_us = plan.wake_us;
        if (s->arrived < s->job_count && s->jobs[s->arrived].arrival_us < next_us)
            next_us = s->jobs[s->arrived].arrival_us;
        if (next_us == INT64_MAX) break;
        sim_advance(s, next_us);
    }
    sim_check_end(s);
    return !s->fault[0];
}

/* ---- what came out ---- */

static inline int sim_compare_us(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Quantile of arrival-to-end (or to first audio) over the finished jobs of a client, or of all (-1); microseconds. */
static inline int64_t sim_quantile(const sim *s, int32_t client, double q, bool first_audio) {
    static int64_t values[SIM_JOBS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < s->job_count; i++) {
        const sim_job *j = &s->jobs[i];
        if (j->state != SIM_DONE || (client >= 0 && j->client != client)) continue;
        values[count++] = (first_audio ? j->first_us : j->ended_us) - j->arrival_us;
    }
    if (!count) return -1;
    qsort(values, count, sizeof *values, sim_compare_us);
    return values[(size_t)((double)(count - 1) * q)];
}

static inline size_t sim_count(const sim *s, sim_state state) {
    size_t count = 0;
    for (size_t i = 0; i < s->job_count; i++) count += s->jobs[i].state == state;
    return count;
}

#endif
