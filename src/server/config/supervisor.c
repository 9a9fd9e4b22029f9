/* supervisor: the protocols of sd_listen_fds(3) and sd_notify(3), which are a few environment variables and a
 * datagram: no library is needed for them. */
#include "server/config/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, LISTENERS = 3 };

static const sv_config_key keys[LISTENERS] = {SV_KEY_listen, SV_KEY_admin_listen, SV_KEY_wyoming};

/* Of the process, as the environment is: set once, before there are threads. */
static struct {
    bool taken;
    int sockets[LISTENERS]; /* 0: none; standard input is no listener */
    int notify;             /* 0: none */
    struct sockaddr_un to;
    socklen_t to_size;
    double watchdog;
} given;

/* ---- sockets ---- */

static bool is_listener(int fd) {
    int type = 0, listens = 0, domain = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && (domain == AF_INET || domain == AF_INET6);
}

/* Which of keys a socket is for; -1: none. */
static int place_of(const char *name, size_t length, bool single) {
    for (int i = 0; i < LISTENERS; i++) {
        const char *key = sv_config_rows[keys[i]].key;
        if (strlen(key) == length && strncmp(key, name, length) == 0) return i;
    }
    return single ? 0 : -1;
}

static ev_status take_socket(int fd, const char *name, size_t length, bool single, ev_error *err) {
    const int place = place_of(name, length, single), length_shown = length < 40 ? (int)length : 40;
    if (place < 0)
        return ev_fail(
            err, EV_E_ARGUMENT,
            "the socket '%.*s' is for no listener: set FileDescriptorName= to listen, admin_listen or wyoming",
            length_shown, name);
    if (given.sockets[place])
        return ev_fail(err, EV_E_ARGUMENT, "two sockets were handed over for %s: give one",
                       sv_config_rows[keys[place]].key);
    if (!is_listener(fd))
        return ev_fail(err, EV_E_ARGUMENT,
                       "the socket for %s does not listen for TCP: set ListenStream= to an address and a port, and "
                       "Accept=no",
                       sv_config_rows[keys[place]].key);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    given.sockets[place] = fd;
    return EV_OK;
}

static ev_status take_sockets(ev_error *err) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    ev_status status = EV_OK;
    if (!pid || !count || strtol(pid, NULL, 10) != getpid()) return EV_OK; /* meant for another */
    const long n = strtol(count, NULL, 10);
    if (n < 0 || n > LISTENERS)
        return ev_fail(err, EV_E_ARGUMENT,
                       "%ld sockets were handed over: there are at most %d, for listen, "
                       "admin_listen and wyoming",
                       n, LISTENERS);
    for (long i = 0; i < n && status == EV_OK; i++) {
        const size_t length = names ? strcspn(names, ":") : 0;
        status = take_socket(FIRST_FD + (int)i, names ? names : "", length, n == 1, err);
        if (names) names = names[length] ? names + length + 1 : NULL;
    }
    return status;
}

int sv_supervisor_socket(sv_config_key key) {
    for (int i = 0; i < LISTENERS; i++)
        if (keys[i] == key && given.sockets[i]) return given.sockets[i];
    return -1;
}

int sv_socket_port(int fd, char host[SV_SOCKET_HOST]) {
    union { /* of either family */
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0) return 0;
    const bool six = address.any.sa_family == AF_INET6;
    if (host && six) inet_ntop(AF_INET6, &address.v6.sin6_addr, host, SV_SOCKET_HOST);
    if (host && !six) inet_ntop(AF_INET, &address.v4.sin_addr, host, SV_SOCKET_HOST);
    return ntohs(six ? address.v6.sin6_port : address.v4.sin_port);
}

ev_status sv_supervisor_config(sv_config *config, ev_error *err) {
    ev_status status = EV_OK;
    for (int i = 0; i < LISTENERS && status == EV_OK; i++) {
        char host[SV_SOCKET_HOST], text[SV_SOCKET_HOST + 16];
        if (!given.sockets[i]) continue;
        const int port = sv_socket_port(given.sockets[i], host);
        if (!port)
            return ev_fail(err, EV_E_IO, "the socket for %s has no address: %s", sv_config_rows[keys[i]].key,
                           strerror(errno));
        snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
        status = sv_config_set(config, sv_config_rows[keys[i]].key, text, (sv_origin){.from = SV_FROM_SOCKET}, err);
    }
    return status;
}

/* ---- notices ---- */

/* A path, or @ and a name that is in no file system. */
static void take_notify(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof given.to.sun_path || (*path != '/' && *path != '@')) return;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    given.to.sun_family = AF_UNIX;
    memcpy(given.to.sun_path, path, length);
    if (*path == '@') given.to.sun_path[0] = '\0';
    given.to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    given.notify = fd;
}

static void take_watchdog(void) {
    const char *pid = getenv("WATCHDOG_PID"), *period = getenv("WATCHDOG_USEC");
    if (period && (!pid || strtol(pid, NULL, 10) == getpid())) given.watchdog = strtod(period, NULL) / 1e6;
}

void sv_supervisor_notify(const char *format, ...) {
    char text[512];
    va_list arguments;
    if (!given.notify) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)!sendto(given.notify, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&given.to,
                  given.to_size);
}

double sv_supervisor_watchdog(void) { return given.watchdog; }

ev_status sv_supervisor_take(ev_error *err) {
    static const char *const variables[] = {"LISTEN_PID",    "LISTEN_FDS",   "LISTEN_FDNAMES",
                                            "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"};
    if (given.taken) return EV_OK;
    given.taken = true;
    const ev_status status = take_sockets(err);
    take_notify();
    take_watchdog();
    for (size_t i = 0; i < EV_ARRAY_COUNT(variables); i++) unsetenv(variables[i]);
    return status;
}
