/* utf8: one strict decoder for all text that enters the engine (RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF). Strict, because two readers that disagree on a bad byte are how checks get bypassed. */
#include "base/base.h"

static bool is_tail(unsigned char c) { return (c & 0xC0) == 0x80; }

int32_t ev_utf8_next(const char *text, size_t bytes, size_t *at) {
    if (*at >= bytes) return -1;
    const unsigned char *s = (const unsigned char *)text + *at;
    size_t left = bytes - *at;
    if (s[0] < 0x80) {
        *at += 1;
        return s[0];
    }
    size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || left < length) return -1;
    int32_t c = s[0] & (0x7F >> length);
    for (size_t i = 1; i < length; i++) {
        if (!is_tail(s[i])) return -1;
        c = (c << 6) | (s[i] & 0x3F);
    }
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return -1;
    *at += length;
    return c;
}

size_t ev_utf8_put(int32_t c, char out[4]) {
    if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[length] | (unsigned)c);
    return length;
}
