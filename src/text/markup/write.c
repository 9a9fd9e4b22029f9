/* write: the marked text as it grows, each byte with the place it stood at; what all parts of the reader
 * share.
 */
#include <assert.h>
#include <string.h>

#include "text/markup/marked.h"

/* n bytes and room for where each came from. NULL: both have failed, and are as long as they were. */
static ev_origin *append(markup *m, const char *s, size_t n) {
    ev_buf *text = &m->out->text, *origins = &m->out->origins;
    const size_t before = text->size;
    ev_buf_append(text, s, n);
    ev_origin *added = ev_buf_append(origins, NULL, n * sizeof(*added));
    assert(text->failed || origins->failed || origins->size == text->size * sizeof(*added));
    if (!text->failed && !origins->failed) return added;
    text->failed = origins->failed = true;
    text->size = before;
    origins->size = before * sizeof(*added);
    return NULL;
}

void markup_put(markup *m, const char *s, size_t n, size_t begin, size_t end) {
    ev_origin *origins = append(m, s, n);
    for (size_t i = 0; origins && i < n; i++) origins[i] = (ev_origin){(uint32_t)begin, (uint32_t)end};
}

void markup_copy(markup *m, size_t begin, size_t end) {
    assert(begin <= end && end <= m->bytes);
    ev_origin *origins = append(m, m->text + begin, end - begin);
    for (size_t i = begin; origins && i < end; i++) origins[i - begin] = (ev_origin){(uint32_t)i, (uint32_t)i + 1};
}

void markup_void(markup *m, size_t begin, size_t end) {
    assert(begin <= end && end <= m->bytes);
    ev_origin *origins = append(m, m->text + begin, end - begin);
    for (size_t i = 0; origins && i < end - begin; i++) origins[i] = (ev_origin){EV_VOID, EV_VOID};
}

void markup_omit(markup *m, size_t begin, size_t end, const char *reason) {
    assert(begin >= end || end <= m->bytes);
    if (begin < end) ev_sink_omit(m->sink, (uint32_t)begin, (uint32_t)end, reason);
}

/* The last byte that is read, blanks of a line aside; '\n' where there is none. */
static char last_read(const markup *m) {
    const char *text = (const char *)m->out->text.data;
    const ev_origin *origins = (const ev_origin *)(const void *)m->out->origins.data;
    assert(m->out->origins.size == m->out->text.size * sizeof(*origins));
    for (size_t i = m->out->text.size; i > 0; i--) {
        if (origins[i - 1].begin == EV_VOID || text[i - 1] == ' ' || text[i - 1] == '\t') continue;
        return text[i - 1];
    }
    return '\n';
}

bool markup_at_line_start(const markup *m) { return last_read(m) == '\n'; }

void markup_end_line(markup *m, size_t at) {
    assert(at <= m->bytes);
    if (m->out->text.size &&
        (m->out->text.size < 2 || memcmp(m->out->text.data + m->out->text.size - 2, "\n\n", 2) != 0))
        markup_put(m, "\n\n", 2, at, at);
}

/* The last byte of a Chinese mark is enough to tell that one stands there: none is a letter's. */
void markup_comma(markup *m, size_t at) {
    const char last = last_read(m);
    if (last == '\n') return;
    const size_t n = m->out->text.size;
    const char *end = (const char *)m->out->text.data + n;
    const bool wide =
        n >= 3 && (!memcmp(end - 3, "。", 3) || !memcmp(end - 3, "，", 3) || !memcmp(end - 3, "！", 3) ||
                   !memcmp(end - 3, "？", 3) || !memcmp(end - 3, "；", 3) || !memcmp(end - 3, "：", 3));
    if (wide || strchr(".,;:!?", last))
        markup_put(m, " ", 1, at, at);
    else
        markup_put(m, " , ", 3, at, at);
}

void markup_pause(markup *m, int ms, size_t begin, size_t end) {
    assert(ms > 0 && begin <= end && end <= m->bytes);
    ev_insert insert = {.at = m->out->text.size, .pause_ms = ms};
    insert.byte_begin = (uint32_t)begin;
    insert.byte_end = (uint32_t)end;
    ev_buf_append(&m->out->inserts, &insert, sizeof(insert));
}

size_t markup_line_end(const markup *m, size_t at) {
    const char *found = at < m->bytes ? memchr(m->text + at, '\n', m->bytes - at) : NULL;
    return found ? (size_t)(found - m->text) : m->bytes;
}

const char *markup_attribute_of(const markup_tag *tag, const char *name) {
    for (size_t i = 0; i < tag->attribute_count; i++)
        if (strcmp(tag->attributes[i].name, name) == 0) return tag->attributes[i].value;
    return NULL;
}

void markup_end_paragraph(markup *m) { m->run_count = m->bracket_count = 0; }

void ev_marked_clear(ev_marked *marked) {
    ev_buf_free(&marked->text);
    ev_buf_free(&marked->origins);
    ev_buf_free(&marked->inserts);
    ev_buf_free(&marked->tokens);
    ev_buf_free(&marked->prosodies);
    ev_buf_free(&marked->voices);
}
