/* hex: bytes as hexadecimal digits, digits as bytes, and ids, which are random digits. */
#ifndef EV_HEX_H
#define EV_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* 2 * size lower-case digits and a NUL. */
void ev_hex(const void *bytes, size_t size, char *out);
/* And back, of either case; nothing behind the text is looked at. false: it is not 2 * size digits, and what is in
 * *out means nothing. */
bool ev_hex_read(const char *text, size_t length, void *out, size_t size);

/* So many random digits, an even number up to 512, and a NUL. false: the system has none, and out is "". */
bool ev_random_hex(char *out, size_t digits);
/* Just so many lower-case digits, as ids are. */
bool ev_is_hex(const char *text, size_t digits);

#endif
