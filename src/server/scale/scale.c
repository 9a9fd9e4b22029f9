/* scale: see scale.h. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/metrics/log.h"
#include "server/redis/queue.h"
#include "server/scale/scale.h"

enum { CHILDREN_MAX = 4 * SV_SCALE_MAX, ARGUMENTS_MAX = 512 };
#define AGAIN_MOST_S 30.0 /* until one that ended by itself is started again, at most */
#define STANDS_S     60.0 /* one that lived so long was no failed start */
#define GRACE_S      15.0 /* beyond drain_timeout */

typedef struct child {
    pid_t pid; /* 0: none */
    double born;
    bool leaving;
} child;

typedef struct scaler {
    const sv_scale_options *o;
    sv_log log;
    sv_redis_queue queue;
    sv_scale_looks looks;
    child children[CHILDREN_MAX]; /* by their place, which is that of their port too */
    int failures;                 /* starts in a row that came to nothing */
    double not_before;
    int wanted;
} scaler;

static int count(const scaler *s, bool leaving) {
    int n = 0;
    for (int i = 0; i < CHILDREN_MAX; i++) n += s->children[i].pid && s->children[i].leaving == leaving;
    return n;
}

/* ---- a worker ---- */

/* That of a flag is the first of as many; another port where the setting may be a gateway's too. */
static void admin_of(const scaler *s, int place, char *out, size_t size) {
    char host[SV_LIST_ITEM_MAX];
    int port;
    const sv_config *c = s->o->config;
    if (!sv_address_split(c->admin_listen, host, &port)) { /* off */
        snprintf(out, size, "off");
        return;
    }
    const bool own = c->settings[SV_KEY_admin_listen].from == SV_FROM_FLAG && port > 0 && port + place < 65536;
    snprintf(out, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, own ? port + place : 0);
}

/* In the new process: nothing of ours but the standard streams' lines. */
static void become_worker(const scaler *s, int place, pid_t parent) {
    static char name[] = "--admin-listen", address[SV_LIST_ITEM_MAX + 16];
    char *argv[ARGUMENTS_MAX + 3];
    int n = 0;
    sigset_t none;
    while (n < ARGUMENTS_MAX && s->o->worker[n]) {
        argv[n] = s->o->worker[n];
        n++;
    }
    admin_of(s, place, address, sizeof address);
    argv[n++] = name;
    argv[n++] = address;
    argv[n] = NULL;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* a terminal's Ctrl-C is for us, and we tell them */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) execv("/proc/self/exe", argv);
    _exit(127);
}

static bool start_one(scaler *s, double now) {
    int place = 0;
    while (place < CHILDREN_MAX && s->children[place].pid) place++;
    if (place == CHILDREN_MAX) return false;
    const pid_t self = getpid(), pid = fork();
    if (pid == 0) become_worker(s, place, self);
    if (pid < 0) {
        sv_log_line(&s->log, SV_LEVEL_ERROR, NULL, "a worker cannot be started: %s", strerror(errno));
        s->not_before = now + AGAIN_MOST_S;
        return false;
    }
    s->children[place] = (child){.pid = pid, .born = now};
    sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "worker %d started", (int)pid);
    return true;
}

/* The youngest: the one that has worked longest has most in its caches. */
static void end_one(scaler *s) {
    child *youngest = NULL;
    for (child *c = s->children; c < s->children + CHILDREN_MAX; c++) {
        if (c->pid && !c->leaving && (!youngest || c->born > youngest->born)) youngest = c;
    }
    if (!youngest) return;
    youngest->leaving = true;
    kill(youngest->pid, SIGTERM);
    sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "worker %d finishes what it has", (int)youngest->pid);
}

static void on_exit_of(scaler *s, const child *c, int status, double now) {
    char how[48];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    if (c->leaving) {
        const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        sv_log_line(&s->log, well ? SV_LEVEL_INFO : SV_LEVEL_ERROR, NULL, "worker %d %s", (int)c->pid, how);
        return;
    }
    s->failures = now - c->born > STANDS_S ? 0 : s->failures + 1;
    const double wait_s = fmin(ldexp(0.5, s->failures < 10 ? s->failures : 10), AGAIN_MOST_S);
    s->not_before = now + wait_s;
    sv_log_line(&s->log, SV_LEVEL_ERROR, NULL, "worker %d %s by itself: another starts in %.0f s", (int)c->pid, how,
                ceil(wait_s));
}

static void reap(scaler *s, double now) {
    for (child *c = s->children; c < s->children + CHILDREN_MAX; c++) {
        int status;
        if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid) continue;
        on_exit_of(s, c, status, now);
        c->pid = 0;
    }
}

static void signal_all(const scaler *s, int signal) {
    for (int i = 0; i < CHILDREN_MAX; i++) {
        if (s->children[i].pid) kill(s->children[i].pid, signal);
    }
}

/* ---- the rule applied ---- */

static void decide_wanted(scaler *s, double now) {
    double queued_s;
    if (!sv_redis_queue_seconds(&s->queue, &queued_s)) return;
    const int wanted = sv_scale_decide(&s->looks, &s->o->rule, s->wanted, queued_s, now);
    if (wanted != s->wanted)
        sv_log_line(&s->log, SV_LEVEL_INFO, NULL, "%.1f s of speech wait: from %d to %d workers", queued_s, s->wanted,
                    wanted);
    s->wanted = wanted;
}

static void follow(scaler *s, double now) {
    int workers = count(s, false);
    while (workers < s->wanted && now >= s->not_before && start_one(s, now)) workers++;
    while (workers > s->wanted) {
        end_one(s);
        workers--;
    }
}

static void run(scaler *s, const sigset_t *signals) {
    double next = ev_clock_s();
    for (;;) {
        const double now = ev_clock_s();
        reap(s, now);
        if (now >= next) {
            decide_wanted(s, now);
            next = now + s->o->every_s;
        }
        follow(s, now);
        sv_supervisor_notify("WATCHDOG=1\nSTATUS=%d workers of %d", count(s, false), s->wanted);
        const double wait_s = fmin(fmax(fmin(next, now + 1) - ev_clock_s(), 0.01), 1);
        const int got = sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = (long)(wait_s * 999999999)});
        if (got == SIGHUP) signal_all(s, SIGHUP);
        if (got == SIGTERM || got == SIGINT) return;
    }
}

/* All finish what they have; a second signal ends them at once, as it would end one. */
static void leave(scaler *s, const sigset_t *signals) {
    const double patience_s = s->o->config->drain_timeout + GRACE_S, until = ev_clock_s() + patience_s;
    sv_log_line(&s->log, SV_LEVEL_INFO, NULL,
                "stopping: workers finish what they have; a second signal ends them at once");
    sv_supervisor_notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%.0f", 1e6 * (patience_s + 5));
    while (count(s, false)) end_one(s);
    for (;;) {
        const double now = ev_clock_s();
        reap(s, now);
        if (!count(s, true)) return;
        if (now > until) signal_all(s, SIGKILL);
        const int got = sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = 200000000});
        if (got == SIGTERM || got == SIGINT) signal_all(s, SIGTERM);
    }
}

static void wait_for(sigset_t *signals) {
    static const int of_ours[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigemptyset(signals);
    for (size_t i = 0; i < EV_ARRAY_COUNT(of_ours); i++) sigaddset(signals, of_ours[i]);
    sigprocmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

ev_status sv_scale(const sv_scale_options *options, ev_error *err) {
    sigset_t signals;
    scaler *s = calloc(1, sizeof *s);
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory");
    s->o = options;
    s->wanted = options->rule.min;
    sv_log_init(&s->log, STDERR_FILENO, (sv_level)options->config->log_level, false);
    wait_for(&signals);
    const ev_status status = sv_redis_queue_open(&s->queue, options->config->redis, &s->log, err);
    if (status == EV_OK) {
        fprintf(stderr, "%d to %d workers follow the queue: one for each %g s of speech that wait\n",
                options->rule.min, options->rule.max, options->rule.target_s);
        sv_supervisor_notify("READY=1");
        run(s, &signals);
        leave(s, &signals);
    }
    sv_redis_queue_close(&s->queue);
    free(s);
    return status;
}
