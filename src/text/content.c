/* content: what the sentences say, as it is written: for models that read the text beside its phones. Words and what
 * stands between them, without markup; what is within brackets there speaks to the engine, or of how a word is
 * spoken.
 */
#include <assert.h>
#include <string.h>

#include "text/markup/marked.h"
#include "text/sink.h"

typedef struct content {
    ev_buf *out;
    const char *text;         /* the caller's */
    const char *read;         /* without its markup */
    const ev_origin *origins; /* NULL: it has none */
    size_t size, at;          /* of what is read */
    int depth;                /* inside [..], or the /../ of [word](/../) */
} content;

static bool is_control(char c, int *depth) {
    if (c == '[' || (c == '(' && *depth < 0)) {
        *depth = 1;
        return true;
    }
    if (c == ']') {
        *depth = -1; /* a ( that follows opens a reading */
        return true;
    }
    if (*depth < 0) *depth = 0;
    if (*depth > 0 && c == ')') {
        *depth = 0;
        return true;
    }
    return *depth > 0;
}

static size_t place(const content *c) { return c->origins ? c->origins[c->at].begin : c->at; }

/* On to what stood at `end` of the caller's text or behind it. */
static void skip(content *c, size_t end) {
    while (c->at < c->size && (place(c) == EV_VOID || place(c) < end)) c->at++;
}

static void between(content *c, size_t end) {
    c->depth = 0;
    for (; c->at < c->size && (place(c) == EV_VOID || place(c) < end); c->at++) {
        if (place(c) != EV_VOID && !is_control(c->read[c->at], &c->depth)) ev_buf_append(c->out, c->read + c->at, 1);
    }
}

/* A word whose phones are given in SSML is not in what is read: there it is as the caller wrote it. */
static void word(content *c, size_t begin, size_t end) {
    assert(begin <= end);
    const size_t before = c->out->size;
    for (; c->at < c->size && (place(c) == EV_VOID || place(c) < end); c->at++) {
        if (place(c) != EV_VOID) ev_buf_append(c->out, c->read + c->at, 1);
    }
    if (c->out->size == before) ev_buf_append(c->out, c->text + begin, end - begin);
}

static void sentence(content *c, const ev_phones *phones, const ev_sentence *s) {
    size_t at = s->byte_begin;
    skip(c, at);
    for (size_t i = s->phone_begin; i < s->phone_end; i++) {
        const int32_t index = phones->phones[i].word;
        if (index < 0 || phones->words[index].byte_begin < at) continue;
        const ev_word *w = &phones->words[index];
        between(c, w->byte_begin);
        word(c, w->byte_begin, w->byte_end);
        at = w->byte_end;
    }
    if (at < s->byte_end) between(c, s->byte_end);
}

/* Paragraphs end in blank lines that nobody wrote. */
static void trim(ev_buf *out, size_t begin) {
    assert(begin <= out->size);
    while (out->size > begin && !out->failed && strchr(" \n", (char)out->data[out->size - 1])) out->size--;
}

ev_status ev_text_content(ev_buf *out, size_t *ends, const char *utf8, size_t bytes, const ev_text_options *options,
                          const ev_phones *phones, ev_error *err) {
    ev_marked marked = {0};
    ev_sink sink;
    ev_sink_init(&sink, EV_SINK_SENTENCE_MIN); /* only for what markup leaves out; nobody reads it */
    ev_status status = ev_markup_read(&marked, utf8, bytes, options, &sink, err);
    content c = {.out = out, .text = utf8, .read = utf8, .size = bytes};
    if (status == EV_OK && !marked.plain) {
        assert(marked.origins.size == marked.text.size * sizeof(ev_origin));
        c.read = (const char *)marked.text.data;
        c.origins = (const ev_origin *)(const void *)marked.origins.data;
        c.size = marked.text.size;
    }
    for (size_t i = 0; status == EV_OK && i < phones->sentence_count; i++) {
        const size_t begin = out->size;
        sentence(&c, phones, &phones->sentences[i]);
        trim(out, begin);
        ends[i] = out->size;
    }
    if (status == EV_OK && out->failed) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_marked_clear(&marked);
    ev_sink_clear(&sink);
    return status;
}
