/* shared: what all gateways and workers have in common beside Redis: recordings and results of more than 64 kB, by
 * the ids of their jobs. */
#ifndef SV_REDIS_SHARED_H
#define SV_REDIS_SHARED_H

#include "server/config/config.h"
#include "server/jobs/store.h"

enum { SV_INLINE_MAX = 64 << 10 }; /* bytes that go through Redis itself */

typedef struct sv_shared {
    sv_store *results, *recordings;
} sv_shared;
ev_status sv_shared_open(sv_shared *out, const sv_config *config, ev_error *err); /* in data_dir. EV_E_IO */
void sv_shared_close(sv_shared *shared);

/* Bytes as hexadecimal digits, and back; false: they are none. */
void sv_hex_of(const unsigned char *bytes, size_t size, char *out);
bool sv_hex_to(const char *text, unsigned char *out, size_t size);

#endif
