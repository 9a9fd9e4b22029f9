/* interrupt: Ctrl-C. A signal handler may call next to nothing, so SIGINT and SIGTERM are blocked in every thread and
 * taken by one watcher thread, where ev_synth_cancel() is an ordinary call.
 *
 * A cancel that comes before the call it is meant for is lost by design, so the watcher repeats it until the program
 * ends. While no synth is watched there is nothing to undo, and after GRACE_S or a second signal patience is over:
 * then the program ends at once. */
#include "base/lock.h"
#include "cli.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S 3.0
#define RETIRE  SIGRTMIN /* sent to the watcher's thread alone: its work is done */

static ev_mutex watched_lock = EV_MUTEX_INITIALIZER;
static ev_synth *watched; /* under watched_lock */
static atomic_bool interrupted;
static pthread_t watching; /* the watcher, while there is one */
static bool has_watcher;

static bool cancel_watched(void) {
    ev_mutex_lock(&watched_lock);
    bool any = watched != NULL;
    if (any) ev_synth_cancel(watched);
    ev_mutex_unlock(&watched_lock);
    return any;
}

static void *watcher(void *signals) {
    int number = 0;
    sigwait(signals, &number);
    if (number == RETIRE) return NULL;
    atomic_store(&interrupted, true);
    double until_s = ev_clock_s() + GRACE_S;
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    while (cancel_watched() && ev_clock_s() < until_s) {
        if (sigtimedwait(signals, NULL, &pause) > 0) break; /* asked a second time */
    }
    _exit(CLI_INTERRUPT);
}

static void add_unless_ignored(sigset_t *signals, int number) {
    struct sigaction action; /* ignored by our parent, e.g. nohup: then it stays ignored */
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(signals, number);
}

void cli_interrupt_start(void) {
    assert(!has_watcher);
    static sigset_t signals; /* static: the watcher reads it for as long as the program runs */
    sigemptyset(&signals);
    add_unless_ignored(&signals, SIGINT);
    add_unless_ignored(&signals, SIGTERM);
    sigaddset(&signals, RETIRE);
    signal(SIGPIPE, SIG_IGN); /* a write then fails with EPIPE, and files in work are removed */
    signal(SIGXFSZ, SIG_IGN); /* likewise EFBIG */
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0) return;
    has_watcher = pthread_create(&watching, NULL, watcher, &signals) == 0;
    if (!has_watcher) pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* the signals end us as usual */
}

void cli_interrupt_stop(void) {
    if (!has_watcher) return;
    pthread_kill(watching, RETIRE);
    pthread_join(watching, NULL);
    has_watcher = false;
}

void cli_interrupt_watch(ev_synth *synth) {
    ev_mutex_lock(&watched_lock);
    watched = synth;
    ev_mutex_unlock(&watched_lock);
}

bool cli_interrupted(void) { return atomic_load(&interrupted); }
