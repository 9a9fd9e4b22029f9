#include "base/lock.h"
#include "base/map.h"
#include "server/http/executor.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

enum { BUCKETS = 1024, THREADS_MAX = 5, AUDIO_THREADS_MAX = 4 };

/* What somebody waits for now runs beside the making of speech, as its equal; the rest of a long answer, which is
 * ahead of its listener, gives way to it, and more so what was made before, and bulk. Encoding takes as much as the
 * making, so that one client's downloads would otherwise halve the speed of everybody's speech.
 * most: tasks that wait, of all and of one client; 0: as many as there are connections. */
static const struct lane_row {
    int threads; /* 0: a quarter of the cores */
    int spare;   /* threads more, so that one client never has all */
    int nice;
    uint32_t most, most_each;
} LANES[SV_LANE_COUNT] = {
    [SV_LANE_ASK] = {.threads = 1, .spare = 1},
    [SV_LANE_BULK] = {.threads = 1, .spare = 1, .nice = 10, .most = 256, .most_each = 16},
    [SV_LANE_AUDIO_FIRST] = {.spare = 1},
    [SV_LANE_AUDIO_LONG] = {.nice = 5},
    [SV_LANE_AUDIO_MADE] = {.nice = 10},
};
static_assert(AUDIO_THREADS_MAX + 1 <= THREADS_MAX, "a lane has room for them");

typedef struct lane {
    sv_executor *executor;
    const struct lane_row *row;
    ev_cond work;
    sv_exec_task *first, **end;
    uint32_t count, counts[BUCKETS]; /* that wait; by account */
    int busy[BUCKETS];               /* threads; by account */
    uint64_t turns, last_turn[BUCKETS];
    pthread_t threads[THREADS_MAX];
    int running;
    int most_each; /* threads of one client */
} lane;

struct sv_executor {
    ev_mutex lock;
    lane lanes[SV_LANE_COUNT];
    uint64_t secret[2]; /* of the hash of accounts, which untrusted clients choose */
    bool stopping EV_GUARDED_BY(lock), joined;
};

/* ---- with the lock ---- */

/* The next is of the client whose last turn is longest ago, of those that may have one more thread. NULL: none. */
static sv_exec_task *take(lane *l) {
    sv_exec_task **best = NULL;
    for (sv_exec_task **at = &l->first; *at; at = &(*at)->next) {
        if (l->busy[(*at)->bucket] >= l->most_each) continue;
        if (!best || l->last_turn[(*at)->bucket] < l->last_turn[(*best)->bucket]) best = at;
    }
    if (!best) return NULL;
    sv_exec_task *task = *best;
    assert(l->count > 0 && l->counts[task->bucket] > 0);
    *best = task->next;
    if (l->end == &task->next) l->end = best;
    l->last_turn[task->bucket] = ++l->turns;
    l->busy[task->bucket]++;
    l->counts[task->bucket]--;
    l->count--;
    return task;
}

static bool has_room(const lane *l, uint32_t bucket) {
    return !l->row->most || (l->count < l->row->most && l->counts[bucket] < l->row->most_each);
}

static void add(lane *l, sv_exec_task *task) {
    assert(task->bucket < BUCKETS);
    task->next = NULL;
    *l->end = task;
    l->end = &task->next;
    l->counts[task->bucket]++;
    l->count++;
    ev_cond_signal(&l->work);
}

/* ---- threads ---- */

static void *serve(void *of_lane) {
    lane *l = of_lane;
    sv_executor *d = l->executor;
    /* on Linux a thread has a niceness of its own; where it cannot be had, all are equal */
    if (l->row->nice) (void)setpriority(PRIO_PROCESS, 0, l->row->nice);
    ev_mutex_lock(&d->lock);
    while (l->first || !d->stopping) {
        sv_exec_task *task = take(l);
        if (!task) {
            ev_cond_wait(&l->work, &d->lock);
            continue;
        }
        const uint32_t bucket = task->bucket; /* it may be put again, or be gone, once it has run */
        ev_mutex_unlock(&d->lock);
        task->run(task->user);
        ev_mutex_lock(&d->lock);
        assert(l->busy[bucket] > 0);
        l->busy[bucket]--; /* this thread looks again; another may sleep before the last of them when it stops */
        if (d->stopping) ev_cond_broadcast(&l->work);
    }
    ev_mutex_unlock(&d->lock);
    return NULL;
}

bool sv_executor_put(sv_executor *d, sv_lane which, sv_exec_task *task) {
    assert(which > SV_LANE_NONE && which < SV_LANE_COUNT);
    lane *l = &d->lanes[which];
    ev_mutex_lock(&d->lock);
    task->bucket = (uint32_t)(ev_siphash(d->secret, task->account, strlen(task->account)) % BUCKETS);
    const bool taken = !d->stopping && has_room(l, task->bucket);
    if (taken) add(l, task);
    ev_mutex_unlock(&d->lock);
    return taken;
}

static int threads_of(const struct lane_row *row) {
    const int quarter = ev_cores_available() / 4, most = AUDIO_THREADS_MAX;
    const int threads = row->threads ? row->threads : quarter < 1 ? 1 : quarter > most ? most : quarter;
    return threads + row->spare;
}

static bool open_lane(sv_executor *d, sv_lane which) {
    lane *l = &d->lanes[which];
    const int wanted = threads_of(l->row);
    assert(wanted >= 1 && wanted <= THREADS_MAX && l->most_each == 0);
    l->most_each = wanted > 1 ? wanted - 1 : 1;
    for (; l->running < wanted; l->running++) {
        if (pthread_create(&l->threads[l->running], NULL, serve, l) != 0) return false;
    }
    return true;
}

ev_status sv_executor_create(sv_executor **out, ev_error *err) {
    sv_executor *d = *out = calloc(1, sizeof *d);
    if (!d) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_mutex_init(&d->lock);
    bool ok = getrandom(d->secret, sizeof d->secret, 0) == (ssize_t)sizeof d->secret;
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) {
        lane *l = &d->lanes[i];
        *l = (lane){.executor = d, .row = &LANES[i], .end = &l->first};
        ev_cond_init(&l->work);
    }
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT && ok; i++) ok = open_lane(d, (sv_lane)i);
    if (ok) return EV_OK;
    sv_executor_free(out);
    return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_executor_stop(sv_executor *d) {
    ev_mutex_lock(&d->lock);
    const bool joined = d->joined;
    d->stopping = d->joined = true;
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) ev_cond_broadcast(&d->lanes[i].work);
    ev_mutex_unlock(&d->lock);
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT && !joined; i++) {
        for (int t = 0; t < d->lanes[i].running; t++) pthread_join(d->lanes[i].threads[t], NULL);
    }
}

void sv_executor_free(sv_executor **executor) {
    sv_executor *d = *executor;
    *executor = NULL;
    if (!d) return;
    sv_executor_stop(d);
    for (int i = SV_LANE_ASK; i < SV_LANE_COUNT; i++) ev_cond_destroy(&d->lanes[i].work);
    ev_mutex_destroy(&d->lock);
    free(d);
}
