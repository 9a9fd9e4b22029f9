/* leave: shutdown without a connection that breaks. Nothing new is accepted but the listener's backlog, every request
 * that came has its answer, which tells the client to close; idle connections are closed last. A listener that the
 * process was started with stays whole, backlog too, for the next one.
 */
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/http/connections.h"

#define BACKLOG_S 1.0 /* for connections that the system has accepted and we have not */
#define LINGER_S  0.5 /* a client that asks again within this hears it from an answer */
#define LAST_S    2.0 /* for the answers to those */

/* From now on the listener does not hear a SYN: its sender tries again, and meets a closed port then, which is no
 * broken connection. What is half-way through the handshake goes on. Where the system cannot do this, a connection
 * that comes in the very moment of the end may break. */
static void ignore_syn(int fd) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the TCP header's flags */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), /* SYN without ACK */
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    const struct sock_fprog program = {EV_ARRAY_COUNT(filter), filter};
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static void let_go(struct MHD_Daemon *daemon) {
    const int fd = MHD_quiesce_daemon(daemon);
    if (fd >= 0) close(fd);
}

void sv_http_hand_over(sv_server *s) {
    if (s->public_daemon && sv_supervisor_socket(SV_KEY_listen) >= 0) let_go(s->public_daemon);
    if (s->admin_daemon && sv_supervisor_socket(SV_KEY_admin_listen) >= 0) let_go(s->admin_daemon);
}

static void close_listener(struct MHD_Daemon *daemon, sv_config_key key) {
    const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD) : NULL;
    if (!info || info->listen_fd < 0 || sv_supervisor_socket(key) >= 0) return;
    ignore_syn(info->listen_fd);
    const double until = ev_clock_s() + BACKLOG_S;
    struct pollfd backlog = {.fd = info->listen_fd, .events = POLLIN};
    do usleep(20000);
    while (poll(&backlog, 1, 0) == 1 && ev_clock_s() < until);
    let_go(daemon);
}

static void wait_for_last(sv_server *s, double until, bool idle_too) {
    while (sv_connections_busy(s, idle_too) && ev_clock_s() < until) usleep(10000);
}

void sv_http_leave(sv_server *s) {
    close_listener(s->public_daemon, SV_KEY_listen);
    close_listener(s->admin_daemon, SV_KEY_admin_listen);
    wait_for_last(s, ev_clock_s() + LINGER_S, true);
    sv_connections_end_idle(s);
    wait_for_last(s, ev_clock_s() + LAST_S, false);
}
