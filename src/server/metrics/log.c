/* log: see log.h. A line grows in a fixed buffer from which the room for its end is set apart, so every field is
 * either whole, cut inside its quotation marks, or left out, and the line is always one valid object. */
#include "server/metrics/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = PIPE_BUF, END_BYTES = 32 /* what end_line() adds */ };

typedef struct line {
    char bytes[LINE_MAX_BYTES];
    size_t size;
} line;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* ---- building a line ---- */

/* All of it or nothing. */
static bool put(line *l, const char *bytes, size_t n) {
    assert(l->size <= LINE_MAX_BYTES - END_BYTES);
    if (n > LINE_MAX_BYTES - END_BYTES - l->size) return false;
    memcpy(l->bytes + l->size, bytes, n);
    l->size += n;
    return true;
}

__attribute__((format(printf, 2, 3))) static void put_printf(line *l, const char *format, ...) {
    char field[128];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(field, sizeof field, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof field) put(l, field, (size_t)n);
}

/* Control characters of both ranges, line separators, and what turns the reading direction. */
static bool is_unsafe(int32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

/* One character as JSON, into out; its length. c < 0: bytes that are no UTF-8. */
static size_t escape(int32_t c, const char *bytes, size_t n, char out[8]) {
    if (c == '"' || c == '\\') return (size_t)snprintf(out, 8, "\\%c", (int)c);
    if (c == '\n') return (size_t)snprintf(out, 8, "\\n");
    if (c < 0) return (size_t)snprintf(out, 8, "\\ufffd");
    if (is_unsafe(c)) return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)c & 0xFFFF);
    memcpy(out, bytes, n);
    return n;
}

/* "name":"text", cut between characters where the line is full; then an ellipsis says so. */
static void put_text(line *l, const char *name, const char *text, size_t bytes) {
    static const char cut[] = "\xe2\x80\xa6\"";
    size_t at = 0, end = LINE_MAX_BYTES - END_BYTES - sizeof cut;
    if (l->size + strlen(name) + 16 > end) return;
    put_printf(l, ",\"%s\":\"", name);
    while (at < bytes) {
        char escaped[8];
        size_t begin = at;
        int32_t c = ev_utf8_next(text, bytes, &at);
        if (c < 0) at = begin + 1;
        size_t n = escape(c, text + begin, at - begin, escaped);
        if (l->size + n > end) {
            put(l, cut, sizeof cut - 1);
            return;
        }
        put(l, escaped, n);
    }
    put(l, "\"", 1);
}

static void put_number(line *l, const char *name, double value, int decimals) {
    if (value >= 0 && value < 1e15) put_printf(l, ",\"%s\":%.*f", name, decimals, value);
}

static void begin_line(line *l, sv_level level) {
    struct timespec now;
    struct tm utc;
    char date[32];
    l->size = 0;
    assert((size_t)level < EV_ARRAY_COUNT(level_names));
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    put_printf(l, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"", date, now.tv_nsec / 1000000, level_names[level]);
}

/* A line that cannot be written now (a full disk, a reader that left, a full pipe that must not block) is lost; how
 * many were is said by the next one that can. */
static void end_line(sv_log *log, line *l) {
    unsigned lost = atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed);
    ssize_t written;
    if (lost > 0) l->size += (size_t)snprintf(l->bytes + l->size, END_BYTES, ",\"lost\":%u", lost);
    assert(l->size + 2 <= LINE_MAX_BYTES); /* END_BYTES were kept for this */
    memcpy(l->bytes + l->size, "}\n", 2);
    l->size += 2;
    do written = write(log->fd, l->bytes, l->size);
    while (written < 0 && errno == EINTR);
    if (written < 0) atomic_fetch_add_explicit(&log->lost, lost + 1, memory_order_relaxed);
}

/* ---- lines ---- */

void sv_log_init(sv_log *log, int fd, sv_level level, bool text) {
    log->fd = fd;
    atomic_init(&log->level, (int)level);
    atomic_init(&log->text, text);
    atomic_init(&log->lost, 0);
}

static bool is_wanted(sv_log *log, sv_level level) {
    return (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

bool sv_log_id_valid(const char *id) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = id ? strnlen(id, SV_ID_MAX + 1) : 0;
    return n >= 1 && n <= SV_ID_MAX && strspn(id, allowed) == n;
}

static void put_id(line *l, const char *name, const char *id) {
    if (sv_log_id_valid(id)) put_printf(l, ",\"%s\":\"%s\"", name, id);
}

void sv_log_line(sv_log *log, sv_level level, const char *request_id, const char *format, ...) {
    char message[1024];
    line l;
    va_list args;
    if (!is_wanted(log, level)) return;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    begin_line(&l, level);
    put_id(&l, "request_id", request_id);
    put_text(&l, "msg", message, n > 0 ? strlen(message) : 0);
    end_line(log, &l);
}

static sv_level level_of(int code) {
    if (code == 503 || code == 429) return SV_LEVEL_WARN;
    return code >= 500 ? SV_LEVEL_ERROR : SV_LEVEL_INFO;
}

/* What is logged of a client's mistake may quote its text, or the bytes of a body that is no JSON; of its haste (429)
 * and of its leaving (499) it does not. */
static bool may_quote(int code) { return code < 500 && code != 429 && code != 499; }

void sv_log_request_done(sv_log *log, const sv_log_request *r) {
    line l;
    const bool text = atomic_load_explicit(&log->text, memory_order_relaxed);
    sv_level level = level_of(r->code);
    if (!is_wanted(log, level)) return;
    begin_line(&l, level);
    put_printf(&l, ",\"msg\":\"request\"");
    put_id(&l, "request_id", r->request_id);
    put_id(&l, "trace_id", r->trace_id);
    put_id(&l, "parent_id", r->parent_id);
    if (r->route) put_text(&l, "route", r->route, strnlen(r->route, 64));
    put_printf(&l, ",\"code\":%d", r->code);
    put_number(&l, "ms", r->duration_s * 1000, 1);
    put_number(&l, "queue_ms", r->queue_s * 1000, 1);
    put_number(&l, "audio_s", r->audio_s, 3);
    put_number(&l, "chars", (double)r->chars, 0);
    if (r->account) put_text(&l, "account", r->account, strnlen(r->account, 64));
    put_id(&l, "key", r->key_prefix);
    if (r->param) put_text(&l, "param", r->param, strnlen(r->param, 64));
    if (r->error && (text || !may_quote(r->code))) put_text(&l, "error", r->error, strnlen(r->error, 256));
    if (r->text && text) put_text(&l, "text", r->text, r->text_bytes);
    end_line(log, &l);
}
