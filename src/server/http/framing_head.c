/* framing_head: one head, strictly as RFC 9112 and 9110 have it. What two readers could take in two ways is an error,
 * also where most would take it alike. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "server/http/framing.h"

typedef struct line { /* without its CRLF */
    const char *text;
    size_t size;
} line;

typedef struct reader {
    sv_head *head;
    sv_fault fault;
    line method, target, host;
    bool old; /* HTTP/1.0 */
    int hosts, lengths, codings;
} reader;

static void fail(reader *r, int code, const char *message) {
    if (!r->fault.code) r->fault = (sv_fault){code, message};
}

static bool is_token(const char *text, size_t size) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        const bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!alnum && (c == '\0' || !strchr(others, c))) return false;
    }
    return size > 0;
}

static bool equals(line l, const char *text) {
    return l.size == strlen(text) && strncasecmp(l.text, text, l.size) == 0;
}

static line trimmed(line l) {
    while (l.size && (l.text[0] == ' ' || l.text[0] == '\t')) l.text++, l.size--;
    while (l.size && (l.text[l.size - 1] == ' ' || l.text[l.size - 1] == '\t')) l.size--;
    return l;
}

/* ---- the first line ---- */

static void read_version(reader *r, line version) {
    if (equals(version, "HTTP/1.1") && version.text[0] == 'H') return;
    r->old = equals(version, "HTTP/1.0") && version.text[0] == 'H';
    if (r->old) return;
    if (version.size == 8 && strncmp(version.text, "HTTP/", 5) == 0 && version.text[6] == '.')
        fail(r, 505, "this service speaks HTTP/1.1");
    else
        fail(r, 400, "the request line must be METHOD TARGET HTTP/1.1");
}

/* A path, or a whole URI, or * for OPTIONS; printable ASCII. */
static void read_target(reader *r) {
    const line t = r->target;
    if (t.size > SV_TARGET_MAX) fail(r, 414, "the target is too long: send at most 4096 bytes");
    for (size_t i = 0; i < t.size; i++) {
        if (t.text[i] <= ' ' || t.text[i] >= 0x7f || t.text[i] == '#') fail(r, 400, "the target must be a path");
    }
    const bool absolute = (t.size > 7 && strncasecmp(t.text, "http://", 7) == 0) ||
                          (t.size > 8 && strncasecmp(t.text, "https://", 8) == 0);
    r->head->absolute = absolute;
    if (t.size && t.text[0] == '/') return;
    if (!absolute && !(equals(t, "*") && equals(r->method, "OPTIONS"))) fail(r, 400, "the target must be a path");
}

static void read_request_line(reader *r, line l) {
    const char *first = memchr(l.text, ' ', l.size);
    const char *last = memrchr(l.text, ' ', l.size);
    if (!first || first == last) {
        fail(r, 400, "the request line must be METHOD TARGET HTTP/1.1");
        return;
    }
    r->method = (line){l.text, (size_t)(first - l.text)};
    r->target = (line){first + 1, (size_t)(last - first - 1)};
    if (!is_token(r->method.text, r->method.size) || r->method.size > 32) fail(r, 400, "the method must be a word");
    read_version(r, (line){last + 1, l.size - (size_t)(last + 1 - l.text)});
    read_target(r);
}

/* ---- fields ---- */

static void read_length(reader *r, line value) {
    uint64_t length = 0;
    if (r->lengths++) fail(r, 400, "Content-Length stands there twice: send it once");
    for (size_t i = 0; i < value.size; i++) {
        if (value.text[i] < '0' || value.text[i] > '9') fail(r, 400, "Content-Length must be a number");
        length = 10 * length + (uint64_t)(value.text[i] - '0');
    }
    if (value.size == 0) fail(r, 400, "Content-Length must be a number");
    if (value.size > 18) fail(r, 413, "the body is too large"); /* of a value that fits into 64 bits in any case */
    r->head->length = length;
}

static void read_coding(reader *r, line value) {
    if (r->codings++) fail(r, 400, "Transfer-Encoding stands there twice: send it once");
    if (!equals(value, "chunked")) fail(r, 501, "the transfer coding is not known here: send chunked, or a length");
    r->head->chunked = true;
}

/* An authority: printable ASCII without what ends one. */
static bool is_authority(line host) {
    for (size_t i = 0; i < host.size; i++) {
        const char c = host.text[i];
        if (c <= ' ' || c >= 0x7f || strchr("/?#@\\,\"<>", c)) return false;
    }
    return host.size < 256;
}

static void read_host(reader *r, line value) {
    if (r->hosts++) fail(r, 400, "Host stands there twice: send it once");
    if (!is_authority(value)) fail(r, 400, "Host must be a name, perhaps with a port");
    r->host = value;
}

/* Text, tabs, and bytes of other encodings; no control characters. */
static bool is_value(line value) {
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char c = (unsigned char)value.text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static void read_field(reader *r, line l) {
    const char *colon = memchr(l.text, ':', l.size);
    if (l.text[0] == ' ' || l.text[0] == '\t') {
        fail(r, 400, "a header is folded over two lines: write it in one");
        return;
    }
    if (!colon || !is_token(l.text, (size_t)(colon - l.text))) {
        fail(r, 400, "a header must be NAME: VALUE, without blanks before the colon");
        return;
    }
    const line name = {l.text, (size_t)(colon - l.text)};
    const line value = trimmed((line){colon + 1, l.size - name.size - 1});
    if (!is_value(value)) fail(r, 400, "a header holds a control character");
    const bool is_length = equals(name, "Content-Length"), is_coding = equals(name, "Transfer-Encoding");
    const bool is_host = equals(name, "Host");
    if ((is_length || is_coding || is_host) && value.text + value.size != l.text + l.size)
        fail(r, 400, "a header that says for whom, or how long, ends in a blank");
    if (is_length) read_length(r, value);
    if (is_coding) read_coding(r, value);
    if (is_host) read_host(r, value);
}

/* ---- the whole ---- */

static void check_framing(reader *r) {
    if (r->codings && r->lengths) fail(r, 400, "a body is chunked or has a length, not both");
    if (r->codings && r->old) fail(r, 400, "HTTP/1.0 has no chunks: send a length");
    if (!r->hosts && !r->old) fail(r, 400, "Host is missing");
}

/* Every line ends in CRLF; one that ends in LF alone is the end of a line to some readers and none to others. */
static void read_lines(reader *r, const char *bytes, size_t size) {
    int fields = -1;
    for (size_t at = 0; at < size && !r->fault.code;) {
        const char *end = memchr(bytes + at, '\n', size - at);
        const line l = {bytes + at, end ? (size_t)(end - bytes - at) - 1 : 0};
        if (!end || end == bytes + at || end[-1] != '\r' || memchr(l.text, '\r', l.size)) {
            fail(r, 400, "a line must end in CR and LF");
            return;
        }
        at += l.size + 2;
        if (fields < 0)
            read_request_line(r, l);
        else if (l.size)
            read_field(r, l);
        fields += fields < 0 || l.size;
        if (fields > SV_FIELDS_MAX) fail(r, 431, "too many headers: send at most 100");
    }
}

/* The same head with a path as its target, and its authority as Host; Connection and the like stay. */
static void write_anew(reader *r, const char *bytes, size_t size, ev_buf *out) {
    const char *authority = memchr(r->target.text, ':', r->target.size);
    const char *end = r->target.text + r->target.size, *path;
    assert(authority && authority + 3 <= end); /* as read_target saw it */
    authority += 3;
    for (path = authority; path < end && *path != '/' && *path != '?'; path++) {
    }
    const line host = {authority, (size_t)(path - authority)};
    if (!host.size || !is_authority(host)) {
        fail(r, 400, "the target's host must be a name, perhaps with a port");
        return;
    }
    ev_buf_append(out, bytes, (size_t)(r->target.text - bytes));
    if (path == end || *path == '?') ev_buf_append(out, "/", 1);
    ev_buf_append(out, path, (size_t)(end - path));
    const char *rest = memchr(end, '\n', size - (size_t)(end - bytes)) + 1;
    ev_buf_append(out, end, (size_t)(rest - end));
    ev_buf_printf(out, "Host: %.*s\r\n", (int)host.size, host.text);
    while (rest < bytes + size) {
        const char *next = (const char *)memchr(rest, '\n', size - (size_t)(rest - bytes)) + 1;
        if (strncasecmp(rest, "Host:", 5) != 0) ev_buf_append(out, rest, (size_t)(next - rest));
        rest = next;
    }
    if (out->failed) fail(r, 503, "out of memory: try again later");
}

sv_fault sv_head_read(sv_head *head, const char *bytes, size_t size, ev_buf *out) {
    reader r = {.head = head};
    *head = (sv_head){0};
    read_lines(&r, bytes, size);
    check_framing(&r);
    if (!r.fault.code && head->absolute) write_anew(&r, bytes, size, out);
    return r.fault;
}
