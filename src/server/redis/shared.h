/* shared: what gateways and workers agree upon beside Redis. Recordings and results of more than SV_INLINE_MAX lie in
 * the stores that all of them have, by the ids of their jobs. */
#ifndef SV_REDIS_SHARED_H
#define SV_REDIS_SHARED_H

#include <stdbool.h>
#include <stddef.h>

enum { SV_INLINE_MAX = 64 << 10 }; /* bytes that go through Redis itself */

/* Bytes as hexadecimal digits, and back; false: they are none. */
void sv_hex_of(const unsigned char *bytes, size_t size, char *out);
bool sv_hex_to(const char *text, unsigned char *out, size_t size);

#endif
