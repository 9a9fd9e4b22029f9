/* What the guards' tests share. */
#ifndef GUARD_TEST_H
#define GUARD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/guard/guard.h"

#define assert_has(text, part)                                                                                       \
    do {                                                                                                             \
        if (!strstr((text), (part))) fail_msg("no \"%s\" in \"%s\"", (part), (text));                                \
    } while (0)

/* A socket address, IPv6 if the text has a colon. */
static inline struct sockaddr_storage sockaddr_of(const char *text) {
    struct sockaddr_storage s = {0};
    const bool six = strchr(text, ':') != NULL;
    s.ss_family = six ? AF_INET6 : AF_INET;
    void *place =
        six ? (void *)&((struct sockaddr_in6 *)&s)->sin6_addr : (void *)&((struct sockaddr_in *)&s)->sin_addr;
    assert_int_equal(inet_pton(s.ss_family, text, place), 1);
    return s;
}

#endif
