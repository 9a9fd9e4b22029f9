/* hex: see hex.h. */
#include "base/hex.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

static const char DIGITS[] = "0123456789abcdef";

/* From the last to the first, so that the bytes may lie where the digits come (ev_random_hex). */
void ev_hex(const void *bytes, size_t size, char *out) {
    const unsigned char *from = bytes;
    out[2 * size] = '\0';
    for (size_t i = size; i-- > 0;) {
        const unsigned char byte = from[i];
        out[2 * i] = DIGITS[byte >> 4];
        out[2 * i + 1] = DIGITS[byte & 15];
    }
}

static int value_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool ev_hex_read(const char *text, size_t length, void *out, size_t size) {
    unsigned char *to = out;
    if (length % 2 || length / 2 != size) return false;
    for (size_t i = 0; i < size; i++) {
        const int high = value_of(text[2 * i]), low = value_of(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool ev_random_hex(char *out, size_t digits) {
    assert(digits % 2 == 0 && digits <= 512); /* getrandom gives 256 bytes at once, or none */
    const size_t size = digits / 2;
    const bool ok = getrandom(out, size, 0) == (ssize_t)size;
    ev_hex(out, ok ? size : 0, out);
    return ok;
}

bool ev_is_hex(const char *text, size_t digits) { return strspn(text, DIGITS) == digits && text[digits] == '\0'; }
