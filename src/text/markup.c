/* markup: a written text to the text that is read, each byte with the place it stood at.
 *
 * Prose stays as it is, byte for byte: what is not certainly markup is text. SSML that is well-formed goes through
 * expat; everything else (Markdown, tags of HTML, pieces of SSML) is found here, in one pass.
 */
#include <string.h>
#include <strings.h>

#include "text/marked.h"

/* ---- writing ---- */

void markup_put(markup *m, const char *s, size_t n, size_t begin, size_t end) {
    const ev_origin origin = {(uint32_t)begin, (uint32_t)end};
    ev_buf_append(&m->out->text, s, n);
    for (size_t i = 0; i < n; i++) ev_buf_append(&m->out->origins, &origin, sizeof(origin));
}

void markup_copy(markup *m, size_t begin, size_t end) {
    ev_buf_append(&m->out->text, m->text + begin, end - begin);
    ev_origin *origins = ev_buf_append(&m->out->origins, NULL, (end - begin) * sizeof(*origins));
    for (size_t i = begin; origins && i < end; i++) origins[i - begin] = (ev_origin){(uint32_t)i, (uint32_t)i + 1};
}

void markup_void(markup *m, size_t begin, size_t end) {
    const ev_origin none = {EV_VOID, EV_VOID};
    ev_buf_append(&m->out->text, m->text + begin, end - begin);
    for (size_t i = begin; i < end; i++) ev_buf_append(&m->out->origins, &none, sizeof(none));
}

void markup_omit(markup *m, size_t begin, size_t end, const char *reason) {
    if (begin < end) ev_sink_omit(m->sink, (uint32_t)begin, (uint32_t)end, reason);
}

/* The last byte that is read, blanks of a line aside; '\n' where there is none. */
static char last_read(const markup *m) {
    const char *text = (const char *)m->out->text.data;
    const ev_origin *origins = (const ev_origin *)(const void *)m->out->origins.data;
    for (size_t i = m->out->text.size; i > 0; i--) {
        if (origins[i - 1].begin == EV_VOID || text[i - 1] == ' ' || text[i - 1] == '\t') continue;
        return text[i - 1];
    }
    return '\n';
}

bool markup_at_line_start(const markup *m) { return last_read(m) == '\n'; }

void markup_end_line(markup *m, size_t at) {
    if (m->out->text.size && (m->out->text.size < 2 || memcmp(m->out->text.data + m->out->text.size - 2, "\n\n", 2)))
        markup_put(m, "\n\n", 2, at, at);
}

/* The last byte of a Chinese mark is enough to tell that one stands there: none is a letter's. */
void markup_comma(markup *m, size_t at) {
    const char last = last_read(m);
    const size_t n = m->out->text.size;
    const char *end = (const char *)m->out->text.data + n;
    const bool wide =
        n >= 3 && (!memcmp(end - 3, "。", 3) || !memcmp(end - 3, "，", 3) || !memcmp(end - 3, "！", 3) ||
                   !memcmp(end - 3, "？", 3) || !memcmp(end - 3, "；", 3) || !memcmp(end - 3, "：", 3));
    if (last == '\n') return;
    if (wide || strchr(".,;:!?", last))
        markup_put(m, " ", 1, at, at);
    else
        markup_put(m, " , ", 3, at, at);
}

void markup_pause(markup *m, int ms, size_t begin, size_t end) {
    ev_insert insert = {.at = m->out->text.size, .pause_ms = ms};
    insert.byte_begin = (uint32_t)begin;
    insert.byte_end = (uint32_t)end;
    ev_buf_append(&m->out->inserts, &insert, sizeof(insert));
}

size_t markup_line_end(const markup *m, size_t at) {
    const char *found = at < m->bytes ? memchr(m->text + at, '\n', m->bytes - at) : NULL;
    return found ? (size_t)(found - m->text) : m->bytes;
}

/* ---- reading ---- */

/* Does any line begin with "[label]:"? Only then can "[text][label]" be a link. */
static bool has_definitions(const char *text, size_t bytes) {
    for (size_t at = 0; at < bytes;) {
        const char *close = memchr(text + at, ']', bytes - at);
        if (!close || (size_t)(close - text) + 1 >= bytes) return false;
        at = (size_t)(close - text) + 1;
        if (text[at] == ':') return true;
    }
    return false;
}

static void read_line(markup *m, size_t *at) {
    const size_t begin = *at;
    *at = markup_block(m, begin);
    if (*at > begin && m->text[*at - 1] == '\n') return; /* it had the whole line */
    while (*at < m->bytes) {
        const bool last = m->text[*at] == '\n';
        *at = markup_inline(m, *at);
        if (last) break;
    }
}

static bool begins_ssml(const char *text, size_t bytes) {
    size_t at = bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < bytes && markup_is_space(text[at])) at++;
    const char *s = text + at;
    const size_t left = bytes - at;
    if (left >= 5 && memcmp(s, "<?xml", 5) == 0) return true;
    if (left >= 7 && strncasecmp(s, "<speak", 6) == 0) return markup_is_space(s[6]) || s[6] == '>' || s[6] == '/';
    return left >= 11 && strncasecmp(s, "<ssml:speak", 11) == 0;
}

/* Nothing that any markup begins with, and no line that could be one. */
static bool is_plain(const char *text, size_t bytes) {
    static const char marks[] = "<&[*_`~=|\\#>-+\n(";
    for (size_t i = 0; i < bytes; i++)
        if (memchr(marks, text[i], sizeof(marks) - 1) || (unsigned char)text[i] >= 0xE2) {
            if ((unsigned char)text[i] < 0xE2) return false;
            /* bullets and wide brackets; other characters of three bytes are prose */
            if (i + 3 <= bytes &&
                (!memcmp(text + i, "•", 3) || !memcmp(text + i, "（", 3) || !memcmp(text + i, "【", 3)))
                return false;
        }
    return true;
}

ev_status ev_markup_read(ev_marked *marked, const char *text, size_t bytes, const ev_text_options *options,
                         ev_sink *sink, ev_error *err) {
    markup m = {.text = text, .bytes = bytes, .options = options, .out = marked, .sink = sink};
    m.manner = (ev_prosody){.speed = 1, .pitch_scale = 1, .energy_scale = 1};
    ev_status status = EV_OK;
    bool read = false;
    *marked = (ev_marked){0};
    if (options->markup == EV_MARKUP_NONE || (options->markup == EV_MARKUP_AUTO && is_plain(text, bytes))) {
        marked->plain = true;
        return EV_OK;
    }
    for (size_t at = 0; at < bytes;) /* what is left out is shown to the caller too */
        if (ev_utf8_next(text, bytes, &at) < 0)
            return ev_fail(err, EV_E_TEXT, "text is not valid UTF-8 at byte %zu", at);
    if (options->markup == EV_MARKUP_SSML || begins_ssml(text, bytes)) status = markup_ssml(&m, &read, err);
    if (status == EV_OK && !read) {
        m.definitions = has_definitions(text, bytes);
        for (size_t at = 0; at < bytes && status == EV_OK;) read_line(&m, &at);
        markup_end_paragraph(&m);
        markup_close_all(&m);
    }
    if (status == EV_OK && (marked->text.failed || marked->origins.failed || marked->inserts.failed ||
                            marked->tokens.failed || marked->manners.failed || m.values.failed))
        status = ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    ev_buf_free(&m.values);
    return status;
}

void ev_marked_clear(ev_marked *marked) {
    ev_buf_free(&marked->text);
    ev_buf_free(&marked->origins);
    ev_buf_free(&marked->inserts);
    ev_buf_free(&marked->tokens);
    ev_buf_free(&marked->manners);
}
