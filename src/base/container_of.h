/* container_of: from a member that others link to the structure that it lies in. */
#ifndef EV_CONTAINER_OF_H
#define EV_CONTAINER_OF_H

#include <stddef.h>

/* The owner of the member at `at`; NULL of NULL. */
#define EV_CONTAINER_OF(at, type, member) ((type *)ev_container_of((at), offsetof(type, member)))
static inline void *ev_container_of(const void *at, size_t offset) { return at ? (char *)at - offset : NULL; }

#endif
