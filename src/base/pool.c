/* pool: the threads of one synth. They run the n tasks of one function together and then wait for the next such job,
 * which in a running model comes within microseconds: so a thread spins a little before it sleeps.
 *
 * DESIGN
 * One 64-bit word, the ticket, says everything: generation in the high half, tasks not yet taken in the low half. A
 * task is taken by compare-and-swap of the ticket to one less. Since the generation is in the word, a thread that was
 * put aside for a long time and comes back with an old ticket fails the swap and has taken nothing: nobody needs to
 * wait until sleeping threads have noticed a job, only for tasks that were really taken.
 * The job's fields are read before the swap and used only if it succeeds. The caller writes them only after it saw
 * the low half at zero, which every successful swap precedes, so a successful swap has read the right fields.
 *
 * Sleep: `sleepers` is raised under the lock before the ticket is looked at again, and the caller looks at it after
 * it has published the ticket; both orders are sequentially consistent, so one of the two sees the other. The same
 * holds between `caller_sleeps` and `done`.
 *
 * Fewer threads for a while: thread k (the caller is 0) takes tasks only while k < `working`. The others sleep apart,
 * on `allowed`, so that a job does not wake threads that it cannot use. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/lock.h"

static const double SPIN_S = 40e-6; /* longer than the gap between two layers, shorter than anyone would notice */

typedef struct worker {
    ev_pool *pool;
    int number; /* 1 .. threads - 1 */
    pthread_t thread;
} worker;

struct ev_pool {
    alignas(64) atomic_uint_least64_t ticket;
    alignas(64) atomic_size_t done; /* tasks of this job that have ended */
    alignas(64) _Atomic(void (*)(void *, size_t)) task;
    _Atomic(void *) arg;
    atomic_size_t n;
    alignas(64) atomic_int sleepers; /* on `work` */
    atomic_int working;
    atomic_bool caller_sleeps;
    atomic_bool stop;
    ev_mutex lock; /* guards nothing but going to sleep; never held while a task runs */
    ev_cond work, finished, allowed;
    double spin_s;   /* 0 where threads outnumber cores: a spinning thread would hold the core of one that works */
    int threads;     /* with the caller */
    int started;     /* entries of `workers` to join */
    worker *workers; /* [threads - 1], owned */
};

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline uint32_t untaken(uint64_t ticket) { return (uint32_t)ticket; }

/* Takes and runs tasks until none is left, or this thread has to leave the rest to others. */
static void run_tasks(ev_pool *p, int number) {
    uint64_t ticket = atomic_load(&p->ticket);
    while (untaken(ticket) > 0 && number < atomic_load_explicit(&p->working, memory_order_relaxed)) {
        void (*task)(void *, size_t) = atomic_load_explicit(&p->task, memory_order_relaxed);
        void *arg = atomic_load_explicit(&p->arg, memory_order_relaxed);
        size_t n = atomic_load_explicit(&p->n, memory_order_relaxed);
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket - 1)) continue;
        assert(untaken(ticket) <= n);
        task(arg, n - untaken(ticket));
        if (atomic_fetch_add(&p->done, 1) + 1 == n && atomic_load(&p->caller_sleeps)) {
            ev_mutex_lock(&p->lock);
            ev_cond_signal(&p->finished);
            ev_mutex_unlock(&p->lock);
        }
        ticket = atomic_load(&p->ticket);
    }
}

static bool work_waits(ev_pool *p) { return untaken(atomic_load(&p->ticket)) > 0 || atomic_load(&p->stop); }
static bool job_done(ev_pool *p) { return atomic_load(&p->done) == atomic_load(&p->n); }

/* True once ready(p); false if that took longer than the pool spins. */
static bool spin_until(ev_pool *p, bool (*ready)(ev_pool *)) {
    if (ready(p)) return true;
    if (p->spin_s <= 0) return false;
    double end = ev_clock_s() + p->spin_s;
    do {
        for (int i = 0; i < 32; i++) {
            if (ready(p)) return true;
            cpu_relax();
        }
    } while (ev_clock_s() < end);
    return false;
}

static bool may_work(const worker *w) {
    return w->number < atomic_load(&w->pool->working) || atomic_load(&w->pool->stop);
}

static void *worker_main(void *arg) {
    const worker *w = arg;
    ev_pool *p = w->pool;
    while (!atomic_load(&p->stop)) {
        run_tasks(p, w->number);
        if (may_work(w) && spin_until(p, work_waits)) continue;
        ev_mutex_lock(&p->lock);
        while (!may_work(w)) ev_cond_wait(&p->allowed, &p->lock);
        atomic_fetch_add(&p->sleepers, 1);
        while (!work_waits(p) && may_work(w)) ev_cond_wait(&p->work, &p->lock);
        atomic_fetch_sub(&p->sleepers, 1);
        ev_mutex_unlock(&p->lock);
    }
    return NULL;
}

/* Signals go to the application's own threads: its handlers must not run on ours. */
static bool start_workers(ev_pool *p) {
    assert(p->threads >= 1 && !p->started);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; p->started < p->threads - 1; p->started++) {
        worker *w = &p->workers[p->started];
        *w = (worker){.pool = p, .number = p->started + 1};
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->started == p->threads - 1;
}

ev_status ev_pool_create(ev_pool **out, int threads, ev_error *err) {
    if (threads < 1) return ev_fail(err, EV_E_ARGUMENT, "threads must be at least 1, not %d", threads);
    ev_pool *p = ev_aligned_alloc(sizeof(*p));
    if (!p) return ev_fail(err, EV_E_MEMORY, "out of memory: thread pool");
    *p = (ev_pool){.threads = threads, .spin_s = threads <= ev_cores_available() ? SPIN_S : 0};
    ev_mutex_init(&p->lock);
    ev_cond_init(&p->work);
    ev_cond_init(&p->finished);
    ev_cond_init(&p->allowed);
    atomic_init(&p->working, threads);
    p->workers = calloc((size_t)threads, sizeof(*p->workers));
    if (!p->workers || !start_workers(p)) {
        ev_pool_free(&p);
        return ev_fail(err, EV_E_MEMORY, "cannot start %d threads", threads);
    }
    *out = p;
    return EV_OK;
}

void ev_pool_free(ev_pool **pool) {
    ev_pool *p = *pool;
    if (!p) return;
    ev_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    ev_cond_broadcast(&p->work);
    ev_cond_broadcast(&p->allowed);
    ev_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
    assert(!atomic_load(&p->sleepers) && !untaken(atomic_load(&p->ticket)) && "nobody runs a job on it");
    ev_cond_destroy(&p->allowed);
    ev_cond_destroy(&p->finished);
    ev_cond_destroy(&p->work);
    ev_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
    *pool = NULL;
}

int ev_pool_threads(const ev_pool *pool) { return pool->threads; }

int ev_pool_working(const ev_pool *pool) { return atomic_load_explicit(&pool->working, memory_order_relaxed); }

void ev_pool_set_working(ev_pool *p, int working) {
    working = working < 1 ? 1 : working > p->threads ? p->threads : working;
    if (atomic_exchange(&p->working, working) == working) return;
    ev_mutex_lock(&p->lock);
    ev_cond_broadcast(&p->work); /* threads that may no longer work sleep elsewhere */
    ev_cond_broadcast(&p->allowed);
    ev_mutex_unlock(&p->lock);
}

static void wake_sleepers(ev_pool *p, size_t wanted) {
    assert(wanted >= 1);
    if (atomic_load(&p->sleepers) == 0) return;
    ev_mutex_lock(&p->lock);
    if (wanted >= (size_t)ev_pool_working(p) - 1)
        ev_cond_broadcast(&p->work);
    else
        for (size_t i = 0; i < wanted; i++) ev_cond_signal(&p->work);
    ev_mutex_unlock(&p->lock);
}

static void wait_finished(ev_pool *p) {
    if (spin_until(p, job_done)) return;
    ev_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!job_done(p)) ev_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    ev_mutex_unlock(&p->lock);
}

void ev_pool_run(ev_pool *p, size_t n, void (*task)(void *arg, size_t i), void *arg) {
    if (n <= 1 || ev_pool_working(p) == 1) {
        for (size_t i = 0; i < n; i++) task(arg, i);
        return;
    }
    assert(n <= UINT32_MAX);
    assert(!untaken(atomic_load(&p->ticket)) && job_done(p) && "a task may not run another job on its pool");
    atomic_store_explicit(&p->task, task, memory_order_relaxed);
    atomic_store_explicit(&p->arg, arg, memory_order_relaxed);
    atomic_store_explicit(&p->n, n, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    uint64_t generation = (atomic_load(&p->ticket) >> 32) + 1;
    atomic_store(&p->ticket, generation << 32 | n);
    wake_sleepers(p, n - 1);
    run_tasks(p, 0);
    wait_finished(p);
}
