/* buffer: a growing byte array for building JSON, lists and file images. An allocation that fails is remembered in
 * `failed` and every later append is refused, so that a builder checks once at its end instead of at each step. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Room for `more` bytes and a NUL behind them. */
static bool reserve(ev_buf *b, size_t more) {
    if (b->failed) return false;
    assert(b->size <= b->capacity && !b->data == !b->capacity);
    if (more < b->capacity - b->size) return true; /* strictly less: one byte is the NUL's */
    if (more > SIZE_MAX / 2 - b->size - 1) {
        b->failed = true;
        return false;
    }
    size_t need = b->size + more + 1;
    size_t capacity = b->capacity < 64 ? 64 : b->capacity;
    while (capacity < need) capacity *= 2;
    unsigned char *data = realloc(b->data, capacity);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

void *ev_buf_append(ev_buf *b, const void *bytes, size_t n) {
    assert(!n || !bytes || (uintptr_t)bytes + n <= (uintptr_t)b->data ||
           (uintptr_t)bytes >= (uintptr_t)b->data + b->capacity);
    if (!reserve(b, n)) return NULL;
    assert(b->size + n < b->capacity); /* the NUL has its place too */
    unsigned char *place = b->data + b->size;
    if (bytes)
        memcpy(place, bytes, n);
    else
        memset(place, 0, n);
    b->size += n;
    b->data[b->size] = 0;
    return place;
}

void ev_buf_printf(ev_buf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) b->failed = true;
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

/* The two-character escapes of JSON; 0 for characters that have none. */
static char short_escape(int32_t c) {
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

void ev_buf_json_string(ev_buf *b, const char *text, size_t bytes) {
    ev_buf_append(b, "\"", 1);
    size_t at = 0;
    while (at < bytes && !b->failed) {
        size_t begin = at;
        int32_t c = ev_utf8_next(text, bytes, &at);
        char escape = short_escape(c);
        if (c < 0) { /* JSON must be valid UTF-8 whatever came in */
            at = begin + 1;
            ev_buf_append(b, "\\ufffd", 6);
        } else if (escape) {
            char pair[2] = {'\\', escape};
            ev_buf_append(b, pair, 2);
        } else if (c < 0x20 || c == 0x7F) {
            ev_buf_printf(b, "\\u%04x", (unsigned)c);
        } else {
            ev_buf_append(b, text + begin, at - begin);
        }
    }
    ev_buf_append(b, "\"", 1);
}

void ev_buf_free(ev_buf *b) {
    free(b->data);
    *b = (ev_buf){0};
}
