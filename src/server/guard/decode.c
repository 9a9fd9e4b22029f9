/* decode: the service's side. A helper process reads one file and ends, so that no file meets what another left
 * behind; spare ones wait ready, so that nobody waits for a start. They are started by posix_spawn from the program
 * itself, which is safe in a process with threads. A helper that hangs is killed, one that lies is not believed; both
 * are that one file's fault. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "server/guard/decode.h"

enum {
    HELPERS_MAX = 64,
    RATE_MIN = 8000,
    RATE_MAX = 192000,
    REPLY_BYTES_MAX = (int)sizeof(sv_decode_reply) + SV_DECODE_SECONDS_MAX * RATE_MAX * (int)sizeof(float)
};
static const float SAMPLE_MAX = 1000; /* as ev_audio_decode has it */

typedef struct helper {
    pid_t pid;
    int fd; /* its stdin and stdout */
} helper;

struct sv_decoder {
    ev_mutex mutex;
    ev_cond freed;
    helper spare[HELPERS_MAX] EV_GUARDED_BY(mutex);
    int spares EV_GUARDED_BY(mutex), busy EV_GUARDED_BY(mutex), helpers;
    uint64_t deaths EV_GUARDED_BY(mutex);
    char **argv; /* owned */
};

/* ---- processes ---- */

static int file_actions(posix_spawn_file_actions_t *a, int fd) {
    int bad = posix_spawn_file_actions_adddup2(a, fd, STDIN_FILENO);
    if (!bad) bad = posix_spawn_file_actions_adddup2(a, fd, STDOUT_FILENO);
    if (!bad) bad = posix_spawn_file_actions_addopen(a, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!bad) bad = posix_spawn_file_actions_addclosefrom_np(a, STDERR_FILENO + 1);
    return bad;
}

static int attributes(posix_spawnattr_t *a) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int bad = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!bad) bad = posix_spawnattr_setsigmask(a, &none);
    if (!bad) bad = posix_spawnattr_setsigdefault(a, &all);
    return bad;
}

/* 0, or errno. Its environment is empty: no secret of ours is in it. */
static int spawn(const sv_decoder *d, int fd, pid_t *pid) {
    static char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    int bad = posix_spawn_file_actions_init(&actions);
    if (bad) return bad;
    bad = posix_spawnattr_init(&how);
    if (!bad) {
        bad = file_actions(&actions, fd);
        if (!bad) bad = attributes(&how);
        if (!bad) bad = posix_spawn(pid, d->argv[0], &actions, &how, d->argv, no_environment);
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&actions);
    return bad;
}

/* The program could be started when the decoder was made: what is missing now are processes, files or memory. */
static ev_status start(const sv_decoder *d, helper *h, ev_error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ev_fail(err, EV_E_MEMORY, "no socket for a decoder: %m");
    const int bad = spawn(d, pair[1], &h->pid);
    close(pair[1]);
    h->fd = pair[0];
    if (!bad) return EV_OK;
    close(pair[0]);
    errno = bad;
    return ev_fail(err, EV_E_MEMORY, "cannot start the decoder '%.150s': %m", d->argv[0]);
}

/* Ends it, whatever it does. */
static void finish(const helper *h) {
    close(h->fd);
    kill(h->pid, SIGKILL); /* it is ours and not waited for yet, so the number is still its own */
    while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* ---- one request ---- */

static int left_ms(double deadline_s) {
    const double left = (deadline_s - ev_clock_s()) * 1e3;
    return left <= 0 ? 0 : (int)ceil(left);
}

/* Sends what fits. False when the other end is gone. */
static bool send_some(const helper *h, const char *bytes, size_t size, size_t *at) {
    assert(*at < size);
    const ssize_t n = send(h->fd, bytes + *at, size - *at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    *at += (size_t)n;
    return true;
}

/* 1: more may come; 0: the end; -1: broken, or more than any answer is. */
static int receive_some(const helper *h, ev_buf *reply) {
    unsigned char block[65536];
    const ssize_t n = recv(h->fd, block, sizeof(block), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 1 : -1;
    if (n == 0) return 0;
    if (reply->size + (size_t)n > REPLY_BYTES_MAX || !ev_buf_append(reply, block, (size_t)n)) return -1;
    return 1;
}

/* The file there, the answer back, until the helper closes its end; false on its fault or when time is up. */
static bool round_trip(const helper *h, const char *bytes, size_t size, ev_buf *reply) {
    const double deadline_s = ev_clock_s() + SV_DECODE_WALL_MS * 1e-3;
    size_t sent = 0;
    bool closed = false;
    for (int left; (left = left_ms(deadline_s)) > 0;) {
        if (sent == size && !closed) closed = shutdown(h->fd, SHUT_WR) == 0;
        struct pollfd p = {.fd = h->fd, .events = (short)(POLLIN | (sent < size ? POLLOUT : 0))};
        const int ready = poll(&p, 1, left);
        if (ready < 0 && errno != EINTR) return false;
        if (ready <= 0) continue;
        if ((p.revents & POLLOUT) && sent < size && !send_some(h, bytes, size, &sent)) return false;
        if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
            const int more = receive_some(h, reply);
            if (more <= 0) return more == 0 && sent == size;
        }
    }
    return false;
}

/* ---- judging the answer ---- */

static bool is_known_status(int32_t status) {
    return status == EV_OK || status == EV_E_AUDIO || status == EV_E_FORMAT || status == EV_E_MEMORY ||
           status == EV_E_ARGUMENT;
}

static bool are_sound(const float *samples, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(samples[i]) <= SAMPLE_MAX)) return false; /* also NaN */
    return true;
}

static bool is_sane(const sv_decode_reply *r, const ev_buf *reply) {
    if (r->magic != SV_DECODE_MAGIC || !is_known_status(r->status)) return false;
    if (r->status != EV_OK) return reply->size == sizeof(*r);
    if (r->sample_rate < RATE_MIN || r->sample_rate > RATE_MAX || r->count == 0) return false;
    if (r->count > (uint32_t)(SV_DECODE_SECONDS_MAX * r->sample_rate)) return false;
    return reply->size == sizeof(*r) + r->count * sizeof(float) &&
           are_sound((const float *)(const void *)(reply->data + sizeof(*r)), r->count);
}

static ev_status undecodable(ev_error *err) {
    return ev_fail(err, EV_E_AUDIO, "the reference audio cannot be decoded: save it again as WAV");
}

/* Turns the answer into *out, or into the file's error. *lied: no answer that an honest helper gives. */
static ev_status read_reply(ev_buf *reply, ev_audio *out, bool *lied, ev_error *err) {
    sv_decode_reply r = {0};
    if (reply->size >= sizeof(r)) memcpy(&r, reply->data, sizeof(r));
    *lied = !is_sane(&r, reply);
    if (*lied) return undecodable(err);
    if (r.status == EV_E_MEMORY) return undecodable(err); /* its own small memory, not the service's */
    if (r.status != EV_OK) return ev_fail(err, (ev_status)r.status, "%.*s", (int)sizeof(r.message), r.message);
    memmove(reply->data, reply->data + sizeof(r), r.count * sizeof(float));
    *out = (ev_audio){.samples = (float *)(void *)reply->data, .count = r.count, .sample_rate = r.sample_rate};
    *reply = (ev_buf){0}; /* the caller's now */
    return EV_OK;
}

/* ---- spares ---- */

/* It waits for its file: had it died meanwhile, that would not be the file's fault. */
static bool is_waiting(const helper *h) {
    struct pollfd p = {.fd = h->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* Waits for a turn; a ready helper, or one started now. */
static ev_status take_helper(sv_decoder *d, helper *h, ev_error *err) {
    ev_mutex_lock(&d->mutex);
    while (d->busy == d->helpers) ev_cond_wait(&d->freed, &d->mutex);
    d->busy++;
    const bool ready = d->spares > 0;
    if (ready) *h = d->spare[--d->spares];
    assert(d->busy + d->spares <= d->helpers);
    const bool died = ready && !is_waiting(h);
    d->deaths += died;
    ev_mutex_unlock(&d->mutex);
    if (ready && !died) return EV_OK;
    if (ready) finish(h);
    return start(d, h, err);
}

/* Ends a turn, with a new spare for the next. Without one (fresh NULL) the next will start its own. */
static void end_turn(sv_decoder *d, const helper *fresh, bool died) {
    ev_mutex_lock(&d->mutex);
    assert(d->busy > 0 && d->busy + d->spares <= d->helpers);
    if (fresh) d->spare[d->spares++] = *fresh; /* never more than helpers: each turn takes one or starts its own */
    d->busy--;
    d->deaths += died;
    ev_cond_signal(&d->freed);
    ev_mutex_unlock(&d->mutex);
}

static ev_status decode_by(const helper *h, const void *bytes, size_t size, ev_audio *out, bool *died,
                           ev_error *err) {
    ev_buf reply = {0};
    const bool answered = round_trip(h, bytes, size, &reply);
    finish(h);
    ev_status status = answered ? read_reply(&reply, out, died, err) : undecodable(err);
    if (!answered) *died = true;
    if (reply.failed) status = ev_fail(err, EV_E_MEMORY, "out of memory: decoding audio");
    ev_buf_free(&reply);
    return status;
}

ev_status sv_decode_audio(sv_decoder *d, const void *bytes, size_t size, ev_audio *out, ev_error *err) {
    *out = (ev_audio){0};
    if (size > SV_DECODE_BYTES_MAX)
        return ev_fail(err, EV_E_AUDIO, "the reference audio has %zu bytes: at most %d are read", size,
                       SV_DECODE_BYTES_MAX);
    helper h, fresh;
    bool died = false;
    const ev_status started = take_helper(d, &h, err);
    const ev_status status = started ? started : decode_by(&h, bytes, size, out, &died, err);
    const bool spare = started == EV_OK && start(d, &fresh, NULL) == EV_OK;
    end_turn(d, spare ? &fresh : NULL, died);
    return status;
}

uint64_t sv_decoder_deaths(sv_decoder *d) {
    ev_mutex_lock(&d->mutex);
    const uint64_t deaths = d->deaths;
    ev_mutex_unlock(&d->mutex);
    return deaths;
}

/* ---- life ---- */

static char **copy_argv(const char *const *argv) {
    size_t count = 0;
    while (argv[count]) count++;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        if ((copy[i] = strdup(argv[i]))) continue;
        while (i > 0) free(copy[--i]);
        free(copy);
        return NULL;
    }
    return copy;
}

/* An empty file must come back as one, and not as a process that did something else. */
static ev_status try_one(sv_decoder *d, ev_error *err) {
    ev_audio audio;
    ev_error why = {0};
    const ev_status status = sv_decode_audio(d, "", 0, &audio, &why);
    if (status == EV_E_AUDIO && sv_decoder_deaths(d) == 0) return EV_OK;
    ev_audio_free(&audio);
    if (status == EV_E_MEMORY) return ev_fail(err, EV_E_IO, "%s", why.message);
    return ev_fail(
        err, EV_E_IO,
        "the decoder '%.100s' does not answer: let the service start processes of itself and use seccomp, or "
        "set decoder_filter = optional to decode untrusted clients' files without a filter",
        d->argv[0]);
}

ev_status sv_decoder_create(sv_decoder **out, const char *const *argv, int helpers, ev_error *err) EV_NOT_SHARED {
    if (!argv || !argv[0] || helpers < 1 || helpers > HELPERS_MAX)
        return ev_fail(err, EV_E_ARGUMENT, "a decoder needs a program and 1 to %d helpers", HELPERS_MAX);
    sv_decoder *d = calloc(1, sizeof(*d));
    if (d) d->argv = copy_argv(argv);
    if (!d || !d->argv) {
        free(d);
        return ev_fail(err, EV_E_MEMORY, "out of memory: decoder");
    }
    ev_mutex_init(&d->mutex);
    ev_cond_init(&d->freed);
    d->helpers = helpers;
    ev_status status = try_one(d, err);
    while (!status && d->spares < helpers) {
        status = start(d, &d->spare[d->spares], err);
        if (!status) d->spares++;
    }
    if (status)
        sv_decoder_free(&d);
    else
        *out = d;
    return status;
}

void sv_decoder_free(sv_decoder **decoder) EV_NOT_SHARED {
    if (!decoder || !*decoder) return;
    sv_decoder *d = *decoder;
    assert(!d->busy && d->spares <= d->helpers);
    while (d->spares > 0) finish(&d->spare[--d->spares]);
    for (char **arg = d->argv; *arg; arg++) free(*arg);
    free(d->argv);
    ev_cond_destroy(&d->freed);
    ev_mutex_destroy(&d->mutex);
    free(d);
    *decoder = NULL;
}
