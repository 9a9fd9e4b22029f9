/* error: one line that names a fault. The line may carry bytes from hostile input (file names, tensor names, text),
 * so it is made safe here, once: valid UTF-8, no control characters, no line breaks, always terminated. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

const char *ev_status_text(ev_status status) {
    switch (status) {
#define EV_STATUS_CASE(name, value, text)                                                                            \
    case EV_##name: return text;
        EV_STATUS_MAP(EV_STATUS_CASE)
#undef EV_STATUS_CASE
    }
    return "unknown status";
}

/* Characters that move the cursor, break the line or turn the reading direction would let input forge output. */
static bool is_unsafe(int32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* Copies at most capacity-1 bytes of line, whole characters only; what is unsafe or no UTF-8 becomes '?'. */
static void copy_safe(char *out, size_t capacity, const char *line, size_t bytes) {
    assert(capacity > 0);
    size_t at = 0, used = 0;
    while (at < bytes) {
        size_t begin = at;
        int32_t c = ev_utf8_next(line, bytes, &at);
        bool bad = c < 0 || is_unsafe(c);
        if (c < 0) at = begin + 1;
        size_t n = bad ? 1 : at - begin;
        if (used + n >= capacity) break;
        if (bad)
            out[used] = '?';
        else
            memcpy(out + used, line + begin, n);
        used += n;
    }
    assert(used < capacity);
    out[used] = '\0';
}

ev_status(ev_fail)(ev_error *err, ev_status status, const char *format, ...) {
    if (!err) return status;
    /* Longer than the message, so that the cut falls in copy_safe; and apart from it, since an argument may be the
     * very message that is being replaced: ev_fail(err, s, "voice: %s", err->message). */
    char line[sizeof(err->message) + 8];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n <= 0) snprintf(line, sizeof(line), "%s", ev_status_text(status));
    err->status = status;
    copy_safe(err->message, sizeof(err->message), line, strnlen(line, sizeof(line)));
    return status;
}
