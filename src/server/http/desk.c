#include "server/http/desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

enum { BUCKETS = 1024, THREADS_MAX = 4 };

/* Bulk gives way to all else on the machine's cores, encoding to the making of speech. most: errands that wait, of
 * all and of one client; 0: as many as there are connections. */
static const struct lane_row {
    int threads, nice;
    uint32_t most, most_each;
} LANES[SV_LANE_COUNT] = {
    [SV_LANE_ASK] = {.threads = 2},
    [SV_LANE_BULK] = {.threads = 2, .nice = 10, .most = 256, .most_each = 16},
    [SV_LANE_AUDIO] = {.threads = 0 /* a quarter of the cores */, .nice = 5},
};

typedef struct lane {
    sv_desk *desk;
    const struct lane_row *row;
    pthread_cond_t work;
    sv_errand *first, **end;
    uint32_t count, counts[BUCKETS]; /* that wait; by account */
    uint64_t turns, last_turn[BUCKETS];
    pthread_t threads[THREADS_MAX];
    int running;
} lane;

struct sv_desk {
    pthread_mutex_t lock; /* of all below */
    lane lanes[SV_LANE_COUNT];
    uint32_t seed; /* of the hash of accounts, which strangers choose */
    bool stopping, joined;
};

/* ---- under the lock ---- */

/* The next is of the client whose last turn is longest ago. */
static sv_errand *take(lane *l) {
    sv_errand **best = &l->first;
    for (sv_errand **at = &l->first; *at; at = &(*at)->next) {
        if (l->last_turn[(*at)->bucket] < l->last_turn[(*best)->bucket]) best = at;
    }
    sv_errand *errand = *best;
    *best = errand->next;
    if (l->end == &errand->next) l->end = best;
    l->last_turn[errand->bucket] = ++l->turns;
    l->counts[errand->bucket]--;
    l->count--;
    return errand;
}

static bool has_room(const lane *l, uint32_t bucket) {
    return !l->row->most || (l->count < l->row->most && l->counts[bucket] < l->row->most_each);
}

static void add(lane *l, sv_errand *errand) {
    errand->next = NULL;
    *l->end = errand;
    l->end = &errand->next;
    l->counts[errand->bucket]++;
    l->count++;
    pthread_cond_signal(&l->work);
}

/* ---- threads ---- */

static void *serve(void *of_lane) {
    lane *l = of_lane;
    sv_desk *d = l->desk;
    /* on Linux a thread has a niceness of its own; where it cannot be had, all are equal */
    if (l->row->nice) (void)setpriority(PRIO_PROCESS, 0, l->row->nice);
    pthread_mutex_lock(&d->lock);
    while (l->first || !d->stopping) {
        if (!l->first) {
            pthread_cond_wait(&l->work, &d->lock);
            continue;
        }
        sv_errand *errand = take(l);
        pthread_mutex_unlock(&d->lock);
        errand->run(errand->user);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

bool sv_desk_put(sv_desk *d, sv_lane which, sv_errand *errand) {
    lane *l = &d->lanes[which];
    pthread_mutex_lock(&d->lock);
    errand->bucket = (uint32_t)(ev_hash(EV_HASH_START ^ d->seed, errand->account, strlen(errand->account)) % BUCKETS);
    const bool taken = !d->stopping && has_room(l, errand->bucket);
    if (taken) add(l, errand);
    pthread_mutex_unlock(&d->lock);
    return taken;
}

static int threads_of(const struct lane_row *row) {
    const int quarter = ev_cores_available() / 4;
    if (row->threads) return row->threads;
    return quarter < 1 ? 1 : quarter > THREADS_MAX ? THREADS_MAX : quarter;
}

static bool open_lane(sv_desk *d, sv_lane which) {
    lane *l = &d->lanes[which];
    for (const int wanted = threads_of(l->row); l->running < wanted; l->running++) {
        if (pthread_create(&l->threads[l->running], NULL, serve, l) != 0) return false;
    }
    return true;
}

ev_status sv_desk_create(sv_desk **out, ev_error *err) {
    sv_desk *d = *out = calloc(1, sizeof *d);
    if (!d) return ev_fail(err, EV_E_MEMORY, "out of memory");
    pthread_mutex_init(&d->lock, NULL);
    bool ok = getrandom(&d->seed, sizeof d->seed, 0) == (ssize_t)sizeof d->seed;
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) {
        lane *l = &d->lanes[i];
        *l = (lane){.desk = d, .row = &LANES[i], .end = &l->first};
        pthread_cond_init(&l->work, NULL);
    }
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT && ok; i++) ok = open_lane(d, (sv_lane)i);
    if (ok) return EV_OK;
    sv_desk_free(out);
    return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_desk_stop(sv_desk *d) {
    pthread_mutex_lock(&d->lock);
    const bool joined = d->joined;
    d->stopping = d->joined = true;
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) pthread_cond_broadcast(&d->lanes[i].work);
    pthread_mutex_unlock(&d->lock);
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT && !joined; i++) {
        for (int t = 0; t < d->lanes[i].running; t++) pthread_join(d->lanes[i].threads[t], NULL);
    }
}

void sv_desk_free(sv_desk **desk) {
    sv_desk *d = *desk;
    *desk = NULL;
    if (!d) return;
    sv_desk_stop(d);
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) pthread_cond_destroy(&d->lanes[i].work);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
