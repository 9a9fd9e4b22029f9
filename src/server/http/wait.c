/* wait: an answer that has nothing to send yet suspends its connection, and whoever has what it waits for wakes it;
 * and what takes longer than a moment is done by the executor. So ten thousand clients that wait need no thread. */
#include "server/http/wait.h"

#include <assert.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/http/connections.h"

static void wake(void *user) {
    sv_request *req = user;
    MHD_resume_connection(req->connection);
}

/* The system tells when a socket of the list hangs up. One that it cannot watch is seen to have left when its answer
 * is sent. With the lock, so that what epoll gives is on the list. */
static void watch(const sv_server *s, const sv_request *req, int operation) EV_REQUIRES(s->lock) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = (void *)(uintptr_t)req};
    if (info) epoll_ctl(s->hangups, operation, info->connect_fd, &event);
}

static void set_waiting(sv_request *req, bool waits) {
    sv_server *s = req->server;
    if (req->wait.suspended == waits) return;
    ev_mutex_lock(&s->lock);
    if (waits)
        ev_list_append(&s->waiting, &req->wait.node);
    else
        ev_list_remove(&req->wait.node);
    watch(s, req, waits ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
    req->wait.suspended = waits;
    sv_connection_set_waiting(s, req, waits);
    ev_mutex_unlock(&s->lock);
}

/* Before the waiter is listed anywhere: a wake that came between the two would be lost. */
static void suspend(sv_request *req) {
    assert(!req->wait.suspended);
    MHD_suspend_connection(req->connection);
    set_waiting(req, true);
}

void sv_suspend(sv_request *req, size_t at) {
    assert(req->job);
    req->wait.waiter = (sv_waiter){.wake = wake, .user = req, .at = at};
    suspend(req);
    if (!sv_job_wait(req->job, &req->wait.waiter)) MHD_resume_connection(req->connection);
}

int sv_wait_for_sample(sv_request *req, size_t at, int (*resumed)(sv_request *req)) {
    req->turn.resumed = resumed;
    req->wait.waiter.at = at;
    req->turn.next = SV_NEXT_JOB;
    return MHD_YES;
}

int sv_wait_for_upload(sv_request *req, int (*resumed)(sv_request *req)) {
    assert(req->upload);
    req->turn.resumed = resumed;
    req->upload->wake = wake;
    req->upload->user = req;
    req->turn.next = SV_NEXT_UPLOAD;
    return MHD_YES;
}

int sv_wait_for_ticket(sv_request *req, int (*resumed)(sv_request *req)) {
    assert(req->ticket);
    req->turn.resumed = resumed;
    req->turn.next = SV_NEXT_TICKET;
    return MHD_YES;
}

int sv_yield(sv_request *req, int (*resumed)(sv_request *req)) {
    req->turn.resumed = resumed;
    req->turn.next = SV_NEXT_YIELD;
    return MHD_YES;
}

/* ---- the executor ---- */

/* Of a request that is suspended. */
static void execute(sv_request *req, sv_lane lane, void (*run)(void *user)) {
    assert(lane > SV_LANE_NONE && lane < SV_LANE_COUNT);
    req->turn.task = (sv_exec_task){.run = run, .user = req, .account = req->client.account};
    if (sv_executor_put(req->server->executor, lane, &req->turn.task)) return;
    req->turn.rejected = true;
    MHD_resume_connection(req->connection);
}

/* Whether the client is still there; then nobody else looks at the request until it leaves the executor. */
static bool arrive(sv_request *req) {
    ev_mutex_lock(&req->server->lock);
    const bool there = !req->wait.disconnected;
    req->turn.executing = there;
    ev_mutex_unlock(&req->server->lock);
    if (!there) MHD_resume_connection(req->connection); /* and req may be gone with it */
    return there;
}

static void leave(sv_request *req) {
    ev_mutex_lock(&req->server->lock);
    assert(req->turn.executing);
    req->turn.executing = false;
    ev_mutex_unlock(&req->server->lock);
}

static void answer_executed(void *request);
static void wake_to_answer(void *request) {
    sv_request *req = request;
    execute(req, req->turn.audio_lane, answer_executed);
}

/* By its route, and when what that waits for is there, by what comes then. */
static void answer_executed(void *request) {
    sv_request *req = request;
    if (!arrive(req)) return;
    req->turn.next = SV_NEXT_ANSWER;
    (void)(req->turn.resumed ? req->turn.resumed(req)
                             : req->route->answer(req));  /* without an answer, the connection is closed */
    ev_buf_free(&req->body.bytes);                        /* it was read, and the answer may take minutes */
    if (!req->upload) sv_claim_release(&req->body.claim); /* an upload's recording is still there */
    leave(req);
    switch (req->turn.next) {
    case SV_NEXT_YIELD: wake_to_answer(req); return;
    case SV_NEXT_UPLOAD: sv_uploads_put(req->server->uploads, req->upload); return;
    case SV_NEXT_TICKET: sv_ticket_put(req->ticket, wake, req); return;
    case SV_NEXT_JOB:
        req->wait.waiter = (sv_waiter){.wake = wake_to_answer, .user = req, .at = req->wait.waiter.at};
        if (!sv_job_wait(req->job, &req->wait.waiter)) wake_to_answer(req);
        return;
    default: MHD_resume_connection(req->connection);
    }
}

static void work_executed(void *request);
static void wake_to_work(void *request) {
    sv_request *req = request;
    execute(req, req->turn.audio_lane, work_executed);
}

static void work_executed(void *request) {
    sv_request *req = request;
    size_t at;
    if (!arrive(req)) return;
    const bool done = req->turn.work(req, &at);
    leave(req);
    if (done) {
        MHD_resume_connection(req->connection);
        return;
    }
    req->wait.waiter = (sv_waiter){.wake = wake_to_work, .user = req, .at = at};
    if (!req->job || !sv_job_wait(req->job, &req->wait.waiter)) wake_to_work(req);
}

void sv_suspend_for(sv_request *req, bool (*work)(sv_request *req, size_t *at)) {
    req->turn.work = work;
    suspend(req);
    wake_to_work(req);
}

void sv_execute_answer(sv_request *req, sv_lane lane) {
    suspend(req);
    execute(req, lane, answer_executed);
}

void sv_request_resumed(sv_request *req) { set_waiting(req, false); }

#define HALF_CLOSED_S 1.0 /* how long one that sends no more is waited for before it is asked whether it is there */

/* A client that closed its side may have left, or wait for its answer: both look the same until something is sent.
 * The one thing that may be sent before an answer is "100 Continue"; a client that left answers it with a reset.
 * Under the lock, so that the library does not write at the same time: the connection is suspended. */
static bool has_left(sv_request *req, uint32_t events, double now) {
    static const char there[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (events & (EPOLLHUP | EPOLLERR)) return true;
    if (req->wait.half_closed_since == 0) req->wait.half_closed_since = now;
    if (!req->wait.interim || req->answer.code || now - req->wait.half_closed_since < HALF_CLOSED_S) return false;
    req->wait.interim = false;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && send(info->connect_fd, there, sizeof there - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
}

enum { HANGUPS = 256 }; /* that are looked at in one go; the system gives the others the next time */

/* A client that closed its side while it waits is seen by its socket alone: nobody reads a suspended connection. */
void sv_http_detect_disconnects(sv_server *s) {
    struct epoll_event events[HANGUPS];
    bool left = false;
    const double now = ev_clock_s();
    ev_mutex_lock(&s->lock);
    const int count = epoll_wait(s->hangups, events, HANGUPS, 0);
    for (int i = 0; i < count; i++) {
        sv_request *req = events[i].data.ptr;
        if (req->wait.disconnected || req->turn.executing || !has_left(req, events[i].events, now)) continue;
        req->wait.disconnected = left = true;
        if (req->job) atomic_fetch_sub(&req->job->listeners, 1);
        if (req->upload) atomic_store(&req->upload->left, true);
    }
    ev_mutex_unlock(&s->lock);
    if (left) sv_backend_nudge(s->backend);
}
