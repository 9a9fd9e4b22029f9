#include "server/http/framing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sv_framing_free(sv_framing *f) {
    ev_buf_free(&f->held);
    *f = (sv_framing){0};
}

static void fail(sv_framing *f, int code, const char *message) { f->fault = (sv_fault){code, message}; }

static const char *unjudged(const sv_framing *f, size_t *size) {
    assert(f->at <= f->good && f->good <= f->held.size);
    *size = f->held.size - f->good;
    return (const char *)f->held.data + f->good;
}

/* ---- heads ---- */

/* The end of a head, behind its empty line; 0: it is not there yet. A bare LF ends a line here, so that what is meant
 * to be one is judged at once, and not waited for. */
static size_t head_end(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n') continue;
        if (i + 1 < size && text[i + 1] == '\n') return i + 2;
        if (i + 2 < size && text[i + 1] == '\r' && text[i + 2] == '\n') return i + 3;
    }
    return 0;
}

/* Before the first byte of a request, an empty line is passed over: some clients send one behind a body. */
static bool skip_empty_line(sv_framing *f) {
    size_t size;
    const char *text = unjudged(f, &size);
    if (size < 2 || text[0] != '\r' || text[1] != '\n') return false;
    memmove(f->held.data + f->good, f->held.data + f->good + 2, size - 2);
    f->held.size -= 2;
    return true;
}

/* What no more bytes would mend is refused before the head is whole. */
static bool cannot_become_http(const char *text, size_t size) {
    return size && ((text[0] == '\r' && size > 1) || text[0] == '\n' || text[0] == ' ' || memchr(text, '\0', size));
}

/* The head was written anew: puts it in the old one's place. */
static void replace(sv_framing *f, size_t old, ev_buf *head) {
    const size_t rest = f->held.size - f->good - old;
    ev_buf whole = {0};
    ev_buf_append(&whole, f->held.data, f->good);
    ev_buf_append(&whole, head->data, head->size);
    ev_buf_append(&whole, f->held.data + f->good + old, rest);
    if (whole.failed) { /* what was held stays, since it is being read */
        ev_buf_free(&whole);
        fail(f, 503, "out of memory: try again later");
        return;
    }
    ev_buf_free(&f->held);
    f->held = whole;
}

static bool take_head(sv_framing *f) {
    size_t size;
    if (f->held.size > f->good && skip_empty_line(f)) return true;
    const char *text = unjudged(f, &size);
    size_t end = head_end(text, size);
    sv_head head;
    if (end > SV_HEAD_MAX || (!end && size > SV_HEAD_MAX))
        fail(f, 431, "the head is too large: send at most 16384 bytes");
    if (!end && cannot_become_http(text, size)) fail(f, 400, "this is no HTTP request");
    if (!end || f->fault.code) return false;
    ev_buf anew = {0};
    f->fault = sv_head_read(&head, text, end, &anew);
    f->absolute = head.absolute;
    if (!f->fault.code && head.absolute) replace(f, end, &anew), end = anew.size;
    ev_buf_free(&anew);
    if (f->fault.code) return false;
    assert(f->good + end <= f->held.size);
    f->heads++;
    f->good += end;
    f->left = head.length;
    f->part = head.chunked ? SV_FRAMING_CHUNK_SIZE : head.length ? SV_FRAMING_BODY : SV_FRAMING_HEAD;
    return true;
}

/* ---- bodies ---- */

static bool take_plain(sv_framing *f) {
    size_t size;
    unjudged(f, &size);
    const uint64_t now = size < f->left ? size : f->left;
    f->good += (size_t)now;
    sv_framing_skip(f, now);
    return now > 0;
}

/* A line with its CRLF; 0: it is not there yet, or is wrong. */
static size_t take_line(sv_framing *f, size_t most) {
    size_t size;
    const char *text = unjudged(f, &size);
    const char *end = memchr(text, '\n', size);
    if (end ? end == text || end[-1] != '\r' || memchr(text, '\r', (size_t)(end - text - 1)) != NULL : size > most) {
        fail(f, 400, "a chunk is not as it should be");
        return 0;
    }
    return end ? (size_t)(end - text) + 1 : 0;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Hexadecimal digits alone: extensions are nobody's use, and readers differ in where they end. */
static bool take_chunk_size(sv_framing *f) {
    size_t size;
    const char *text = unjudged(f, &size);
    const size_t length = size ? take_line(f, 18) : 0;
    uint64_t chunk = 0;
    if (!length) return false;
    bool good = length > 2 && length <= 2 + 15;
    for (size_t i = 0; good && i + 2 < length; i++) {
        good = digit_of(text[i]) >= 0;
        if (good) chunk = 16 * chunk + (uint64_t)digit_of(text[i]);
    }
    if (!good) {
        fail(f, 400, "a chunk's size must be hexadecimal digits");
        return false;
    }
    f->good += length;
    f->left = chunk;
    f->part = chunk ? SV_FRAMING_CHUNK : SV_FRAMING_TRAILER;
    return true;
}

static bool take_chunk_end(sv_framing *f) {
    size_t size;
    const char *text = unjudged(f, &size);
    if ((size > 0 && text[0] != '\r') || (size > 1 && text[1] != '\n'))
        fail(f, 400, "a chunk is not as it should be");
    if (size < 2 || f->fault.code) return false;
    f->good += 2;
    f->part = SV_FRAMING_CHUNK_SIZE;
    return true;
}

/* Fields behind a body are read by nobody here, and some readers take them for a head's: there may be none. */
static bool take_trailer(sv_framing *f) {
    size_t size;
    const char *text = unjudged(f, &size);
    if ((size > 0 && text[0] != '\r') || (size > 1 && text[1] != '\n'))
        fail(f, 400, "fields behind a chunked body are not taken here");
    if (size < 2 || f->fault.code) return false;
    f->good += 2;
    f->part = SV_FRAMING_HEAD;
    return true;
}

static bool step(sv_framing *f) {
    switch (f->part) {
    case SV_FRAMING_HEAD: return take_head(f);
    case SV_FRAMING_CHUNK_SIZE: return take_chunk_size(f);
    case SV_FRAMING_CHUNK_END: return take_chunk_end(f);
    case SV_FRAMING_TRAILER: return take_trailer(f);
    default: return take_plain(f);
    }
}

bool sv_framing_write(sv_framing *f, const void *bytes, size_t size) {
    if (f->fault.code) return true;
    ev_buf_append(&f->held, bytes, size);
    if (f->held.failed) return false;
    while (!f->fault.code && step(f)) {
    }
    return true;
}

size_t sv_framing_read(sv_framing *f, void *out, size_t most) {
    assert(f->at <= f->good);
    const size_t left = f->good - f->at, now = left < most ? left : most;
    if (now) memcpy(out, f->held.data + f->at, now);
    f->at += now;
    if (f->at < f->good || !f->at) return now;
    if (f->at == f->held.size || f->fault.code) {
        ev_buf_free(&f->held); /* it is empty most of the time */
    } else {
        memmove(f->held.data, f->held.data + f->at, f->held.size - f->at);
        f->held.size -= f->at;
    }
    f->at = f->good = 0;
    return now;
}

uint64_t sv_framing_body_bytes(const sv_framing *f) {
    const bool body = f->part == SV_FRAMING_BODY || f->part == SV_FRAMING_CHUNK;
    return body && f->held.size == 0 && !f->fault.code ? f->left : 0;
}

void sv_framing_skip(sv_framing *f, uint64_t size) {
    assert(f->part == SV_FRAMING_BODY || f->part == SV_FRAMING_CHUNK);
    assert(size <= f->left);
    f->left -= size;
    if (f->left) return;
    if (f->part == SV_FRAMING_BODY) f->part = SV_FRAMING_HEAD;
    if (f->part == SV_FRAMING_CHUNK) f->part = SV_FRAMING_CHUNK_END;
}
