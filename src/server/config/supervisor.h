/* supervisor: what systemd, or whoever speaks as it does, hands to a process that it starts, and is told by it:
 * listening sockets (LISTEN_FDS), how things stand (NOTIFY_SOCKET), that it still lives (WATCHDOG_USEC). Without them
 * nothing here does anything.
 *
 * A socket is named as the setting whose address it stands for (FileDescriptorName=listen, admin_listen or wyoming);
 * a single one of any other name is listen. The supervisor keeps it open: what connects between two processes waits
 * in its backlog and is nobody's refused connection. So a process that ends must neither spoil nor empty it.
 *
 * Threads: sv_supervisor_take() before any other is started; the rest any.
 */
#ifndef SV_CONFIG_SUPERVISOR_H
#define SV_CONFIG_SUPERVISOR_H

#include "server/config/config.h"

/* Reads the environment and takes the variables out of it, so that no child acts on them; descriptors are neither
 * inherited further nor waited on. A second call does nothing. EV_E_ARGUMENT: a socket that cannot be served from. */
ev_status sv_supervisor_take(ev_error *err);
int sv_supervisor_socket(sv_config_key key); /* that listens; -1: none was handed over for it */
enum { SV_SOCKET_HOST = 46 };                /* INET6_ADDRSTRLEN */
/* The port that a socket of either family is bound to, and its address where `host` is given. 0: errno says why. */
int sv_socket_port(int fd, char host[SV_SOCKET_HOST]);
/* The addresses of those sockets are the settings', whatever flags and files say. */
ev_status sv_supervisor_config(sv_config *config, ev_error *err);
/* "READY=1", "STATUS=...", lines as sd_notify(3) has them; one that nobody takes is lost. */
void sv_supervisor_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));
double sv_supervisor_watchdog(void); /* seconds within which it must hear WATCHDOG=1; 0: it does not ask */

#endif
