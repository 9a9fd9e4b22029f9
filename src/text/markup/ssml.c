/* ssml: a document of SSML. expat reads it, so that what is well-formed is understood as everywhere; what it means is
 * markup_element's to know. No DTD is read, so entities cannot grow. */
#include <assert.h>
#include <expat.h>
#include <string.h>
#include <strings.h>

#include "text/markup/marked.h"
#include "text/sink.h"

typedef struct ssml {
    markup *m;
    XML_Parser parser;
    size_t shift; /* what was put in front of the caller's text: "<speak>" */
    bool refused; /* a DTD */
    markup_tag tag;
} ssml;

static const char wrapper[] = "<speak>", wrapper_end[] = "</speak>";

/* Where the event stands in the caller's text. */
static void place(const ssml *s, size_t *begin, size_t *end) {
    const XML_Index at = XML_GetCurrentByteIndex(s->parser);
    const size_t n = (size_t)XML_GetCurrentByteCount(s->parser), index = at < 0 ? 0 : (size_t)at;
    *begin = index > s->shift ? index - s->shift : 0;
    *end = index + n > s->shift ? index + n - s->shift : 0;
    if (*begin > s->m->bytes) *begin = s->m->bytes;
    if (*end > s->m->bytes) *end = s->m->bytes;
    assert(*begin <= *end);
}

/* Without its prefix, if that is SSML's or XML's own; in lower case. */
static void plain_name(char *out, size_t capacity, const char *name) {
    assert(capacity > 0);
    if (strncasecmp(name, "ssml:", 5) == 0) name += 5;
    if (strncasecmp(name, "xml:", 4) == 0) name += 4;
    size_t n = 0;
    for (; name[n] && n + 1 < capacity; n++)
        out[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] | 0x20) : name[n];
    out[n] = '\0';
}

static const char *kept(markup_tag *tag, size_t *used, const char *s) {
    assert(*used <= sizeof(tag->values));
    const size_t n = strlen(s) + 1;
    if (n > sizeof(tag->values) - *used) return NULL;
    char *copy = tag->values + *used;
    memcpy(copy, s, n);
    *used += n;
    return copy;
}

static void XMLCALL on_open(void *user, const XML_Char *name, const XML_Char **attributes) {
    ssml *s = user;
    markup_tag *tag = &s->tag;
    size_t used = 0;
    place(s, &tag->begin, &tag->end);
    plain_name(tag->name, sizeof(tag->name), name);
    tag->closing = tag->empty = false;
    tag->attribute_count = 0;
    for (; attributes[0]; attributes += 2) {
        char plain[24];
        plain_name(plain, sizeof(plain), attributes[0]);
        const char *key = kept(tag, &used, plain), *value = key ? kept(tag, &used, attributes[1]) : NULL;
        if (!value || tag->attribute_count == MARKUP_ATTRIBUTES) {
            markup_omit(s->m, tag->begin, tag->end, "value that is too long");
            break;
        }
        tag->attributes[tag->attribute_count++] = (markup_attribute){key, value};
    }
    markup_open(s->m, tag);
}

static void XMLCALL on_close(void *user, const XML_Char *name) {
    ssml *s = user;
    char plain[24];
    size_t begin, end;
    place(s, &begin, &end);
    plain_name(plain, sizeof(plain), name);
    markup_close(s->m, plain, begin, end);
}

/* expat gives a reference, a line end and what stands between them each in a call of its own. */
static void XMLCALL on_text(void *user, const XML_Char *text, int length) {
    ssml *s = user;
    const size_t n = (size_t)length;
    size_t begin, end;
    place(s, &begin, &end);
    if (n == 1 && *text == '\n')
        markup_put(s->m, " ", 1, begin, end);
    else if (end - begin == n && memcmp(s->m->text + begin, text, n) == 0)
        markup_copy(s->m, begin, end);
    else
        markup_put(s->m, text, n, begin, end);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int internal) {
    ssml *s = user;
    (void)name, (void)system, (void)public, (void)internal;
    s->refused = true;
    XML_StopParser(s->parser, XML_FALSE);
}

static bool has_root(const char *text, size_t bytes) {
    size_t at = 0;
    while (at < bytes && markup_is_space(text[at])) at++;
    return bytes - at >= 6 && (memcmp(text + at, "<!", 2) == 0 || strncasecmp(text + at, "<speak", 6) == 0 ||
                               strncasecmp(text + at, "<?xml", 5) == 0 || strncasecmp(text + at, "<ssml:", 6) == 0);
}

/* A text without a root is put into one. */
static bool parse(ssml *s) {
    const markup *m = s->m;
    const bool root = has_root(m->text, m->bytes);
    if (!root) {
        if (XML_Parse(s->parser, wrapper, (int)sizeof(wrapper) - 1, 0) != XML_STATUS_OK) return false;
        s->shift = sizeof(wrapper) - 1;
    }
    if (XML_Parse(s->parser, m->text, (int)m->bytes, root) != XML_STATUS_OK) return false;
    return root || XML_Parse(s->parser, wrapper_end, (int)sizeof(wrapper_end) - 1, 1) == XML_STATUS_OK;
}

static ev_status refuse(const ssml *s, ev_error *err) {
    size_t begin, end;
    place(s, &begin, &end);
    if (s->refused)
        return ev_fail(err, EV_E_TEXT, "byte %zu: SSML with a document type is not read: leave it out", begin);
    return ev_fail(err, EV_E_TEXT, "byte %zu: the text is not well-formed SSML: %s", begin,
                   XML_ErrorString(XML_GetErrorCode(s->parser)));
}

/* What was written before the fault is taken back. */
static void start_anew(markup *m, size_t omissions) {
    ev_marked_clear(m->out);
    *m->out = (ev_marked){0};
    m->values.size = 0;
    m->depth = 0;
    m->ssml = false;
    m->prosody = (ev_prosody){.speed = 1, .pitch_scale = 1, .energy_scale = 1};
    ev_sink_forget(m->sink, omissions);
}

ev_status markup_ssml(markup *m, bool *well_formed, ev_error *err) {
    ssml s = {.m = m};
    const size_t omissions = ev_sink_omissions(m->sink);
    ev_status status = EV_OK;
    s.parser = XML_ParserCreate("UTF-8");
    if (!s.parser) return ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    XML_SetUserData(s.parser, &s);
    XML_SetElementHandler(s.parser, on_open, on_close);
    XML_SetCharacterDataHandler(s.parser, on_text);
    XML_SetStartDoctypeDeclHandler(s.parser, on_doctype);
    *well_formed = parse(&s);
    if (!*well_formed && m->options->markup == EV_MARKUP_SSML) {
        status = refuse(&s, err);
    } else if (!*well_formed) {
        size_t begin, end;
        place(&s, &begin, &end);
        start_anew(m, omissions);
        if (begin == m->bytes && begin) begin--;
        markup_omit(m, begin, begin + 1, "SSML that is not well-formed here");
    }
    markup_close_all(m);
    XML_ParserFree(s.parser);
    return status;
}
