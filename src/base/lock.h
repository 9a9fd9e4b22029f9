/* lock: mutexes and conditions, and what clang's -Wthread-safety is told of them; for gcc the annotations are
 * nothing.
 *
 *   EV_GUARDED_BY(lock)   a member or variable that is touched with that lock held only
 *   EV_REQUIRES(e->lock)  a function that is called with it held; EV_EXCLUDES: with it not held
 *   EV_NOT_SHARED         a function that no other thread can meet: it makes what it touches, or is its last user
 *
 * C has no name for a member's neighbour where attributes stand, so for members the analysis knows only that some
 * lock must be held; the function that takes that one is told by EV_REQUIRES. Conditions wait by the monotonic clock.
 */
#ifndef EV_LOCK_H
#define EV_LOCK_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#if defined(__clang__)
#define EV_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define EV_THREAD_SAFETY(attribute)
#endif
#define EV_GUARDED_BY(lock) EV_THREAD_SAFETY(guarded_var)
#define EV_REQUIRES(...)    EV_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define EV_EXCLUDES(...)    EV_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
#define EV_ACQUIRE(...)     EV_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define EV_RELEASE(...)     EV_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define EV_NOT_SHARED       EV_THREAD_SAFETY(no_thread_safety_analysis)

/* ---- mutex ---- */
typedef struct EV_THREAD_SAFETY(capability("mutex")) ev_mutex {
    pthread_mutex_t pthread;
} ev_mutex;
#define EV_MUTEX_INITIALIZER                                                                                         \
    { PTHREAD_MUTEX_INITIALIZER }

/* What cannot fail unless the program is wrong is asserted. */
static inline void ev_mutex_init(ev_mutex *m) {
    const int error = pthread_mutex_init(&m->pthread, NULL);
    assert(error == 0);
    (void)error;
}
static inline void ev_mutex_destroy(ev_mutex *m) {
    const int error = pthread_mutex_destroy(&m->pthread);
    assert(error == 0);
    (void)error;
}
static inline void ev_mutex_lock(ev_mutex *m) EV_ACQUIRE(*m) EV_NOT_SHARED {
    const int error = pthread_mutex_lock(&m->pthread);
    assert(error == 0);
    (void)error;
}
static inline void ev_mutex_unlock(ev_mutex *m) EV_RELEASE(*m) EV_NOT_SHARED {
    const int error = pthread_mutex_unlock(&m->pthread);
    assert(error == 0);
    (void)error;
}
static inline bool ev_mutex_try_lock(ev_mutex *m) EV_THREAD_SAFETY(try_acquire_capability(true, *m)) EV_NOT_SHARED {
    return pthread_mutex_trylock(&m->pthread) == 0;
}

/* ---- condition ---- */
typedef struct ev_cond {
    pthread_cond_t pthread;
} ev_cond;

static inline void ev_cond_init(ev_cond *c) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    const int error = pthread_cond_init(&c->pthread, &monotonic);
    assert(error == 0);
    (void)error;
    pthread_condattr_destroy(&monotonic);
}
static inline void ev_cond_destroy(ev_cond *c) { pthread_cond_destroy(&c->pthread); }
static inline void ev_cond_signal(ev_cond *c) { pthread_cond_signal(&c->pthread); }
static inline void ev_cond_broadcast(ev_cond *c) { pthread_cond_broadcast(&c->pthread); }
static inline void ev_cond_wait(ev_cond *c, ev_mutex *m) EV_REQUIRES(*m) {
    pthread_cond_wait(&c->pthread, &m->pthread);
}
/* Monotonic, so many seconds from now: for ev_cond_wait_until. */
struct timespec ev_clock_after(double seconds);
/* false: the time came first. */
static inline bool ev_cond_wait_until(ev_cond *c, ev_mutex *m, const struct timespec *at) EV_REQUIRES(*m) {
    return pthread_cond_timedwait(&c->pthread, &m->pthread, at) == 0;
}

/* ---- readers and writers ---- */
typedef struct EV_THREAD_SAFETY(capability("mutex")) ev_rwlock {
    pthread_rwlock_t pthread;
} ev_rwlock;

static inline void ev_rwlock_init(ev_rwlock *l) { pthread_rwlock_init(&l->pthread, NULL); }
static inline void ev_rwlock_destroy(ev_rwlock *l) { pthread_rwlock_destroy(&l->pthread); }
static inline void ev_rwlock_write(ev_rwlock *l) EV_ACQUIRE(*l) EV_NOT_SHARED { pthread_rwlock_wrlock(&l->pthread); }
static inline void ev_rwlock_read(ev_rwlock *l) EV_THREAD_SAFETY(acquire_shared_capability(*l)) EV_NOT_SHARED {
    pthread_rwlock_rdlock(&l->pthread);
}
static inline void ev_rwlock_unlock(ev_rwlock *l) EV_THREAD_SAFETY(release_generic_capability(*l)) EV_NOT_SHARED {
    pthread_rwlock_unlock(&l->pthread);
}

#endif
