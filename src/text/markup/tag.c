/* tag: a tag in running text, read strictly: what is not one in every point stays text ("a < b", "x<y and
 * y>z").
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "text/markup/marked.h"

enum { DECLARATION_MAX = 1000, AUTOLINK_MAX = 2048 };

static bool is_name_char(char c) {
    return markup_is_alpha(c) || markup_is_digit(c) || c == '-' || c == '_' || c == ':' || c == '.';
}

/* Attributes that may stand without a value; in others it would be prose: "if a <b and c> d". */
static bool may_be_bare(const char *name) {
    static const char names[] = " checked disabled hidden open async defer controls autoplay loop muted required "
                                "readonly selected reversed nowrap noshade itemscope allowfullscreen download ";
    char padded[28];
    size_t n = strlen(name);
    if (n + 3 > sizeof(padded)) return false;
    padded[0] = ' ';
    memcpy(padded + 1, name, n);
    memcpy(padded + n + 1, " ", 2);
    return strstr(names, padded) != NULL;
}

/* ---- attributes ---- */

typedef struct reader {
    const markup *m;
    markup_tag *tag;
    size_t at, limit, used; /* used: of tag->values */
} reader;

static char peek(const reader *r) { return r->at < r->limit ? r->m->text[r->at] : 0; }

static void skip_space(reader *r) {
    while (markup_is_space(peek(r))) r->at++;
}

static bool keep(reader *r, char c) {
    if (r->used >= sizeof(r->tag->values)) return false;
    r->tag->values[r->used++] = c;
    return true;
}

/* A name in lower case, "xml:" gone. */
static const char *read_name(reader *r) {
    const char *name = r->tag->values + r->used;
    const size_t begin = r->at;
    while (is_name_char(peek(r))) r->at++;
    size_t from = begin;
    if (r->at - begin > 4 && strncasecmp(r->m->text + begin, "xml:", 4) == 0) from += 4;
    for (size_t i = from; i < r->at; i++) {
        const char c = r->m->text[i];
        if (!keep(r, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c)) return NULL;
    }
    return r->at > begin && keep(r, '\0') ? name : NULL;
}

/* With character references resolved. */
static const char *read_value(reader *r) {
    const char *value = r->tag->values + r->used, quote = peek(r);
    const bool quoted = quote == '"' || quote == '\'';
    r->at += quoted;
    while (r->at < r->limit) {
        const char c = r->m->text[r->at];
        char character[8];
        size_t n = 0;
        if (quoted ? c == quote : markup_is_space(c) || c == '>' || c == '/') break;
        if (c == '<' || (!quoted && strchr("\"'=`", c))) return NULL;
        const size_t reference = c == '&' ? markup_reference(r->m->text, r->limit, r->at, character, &n) : 0;
        for (size_t i = 0; i < n; i++)
            if (!keep(r, character[i])) return NULL;
        if (!reference && !keep(r, c)) return NULL;
        r->at += reference ? reference : 1;
    }
    if (quoted && peek(r) != quote) return NULL;
    r->at += quoted;
    return keep(r, '\0') ? value : NULL;
}

static bool read_attribute(reader *r) {
    const char *name = read_name(r), *value = "";
    if (!name) return false;
    const size_t behind = r->at;
    skip_space(r);
    if (peek(r) == '=') {
        r->at++;
        skip_space(r);
        if (!(value = read_value(r))) return false;
    } else {
        r->at = behind;
        if (!may_be_bare(name)) return false;
    }
    if (r->tag->attribute_count < MARKUP_ATTRIBUTES)
        r->tag->attributes[r->tag->attribute_count++] = (markup_attribute){name, value};
    return true;
}

/* ---- the tag ---- */

static bool take_name(markup_tag *tag, const char *name, size_t n) {
    if (n > 5 && strncasecmp(name, "ssml:", 5) == 0) {
        name += 5;
        n -= 5;
    }
    if (n >= sizeof(tag->name)) n = sizeof(tag->name) - 1; /* no known one is as long */
    for (size_t i = 0; i < n; i++) tag->name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    tag->name[n] = '\0';
    return n > 0;
}

/* text[at] is '<'. */
static bool read_tag(const markup *m, size_t at, markup_tag *tag) {
    assert(at < m->bytes && m->text[at] == '<');
    reader r = {.m = m, .tag = tag, .at = at + 1};
    r.limit = m->bytes - at < MARKUP_TAG_BYTES / 2 ? m->bytes : at + MARKUP_TAG_BYTES / 2;
    tag->begin = at;
    tag->closing = peek(&r) == '/';
    tag->empty = false;
    tag->attribute_count = 0;
    r.at += tag->closing;
    const size_t name = r.at;
    if (!markup_is_alpha(peek(&r))) return false;
    while (is_name_char(peek(&r))) r.at++;
    if (!take_name(tag, m->text + name, r.at - name)) return false;
    for (;;) {
        const size_t before = r.at;
        skip_space(&r);
        const char c = peek(&r);
        if (c == '>') break;
        if (c == '/' && r.at + 1 < r.limit && m->text[r.at + 1] == '>') {
            tag->empty = true;
            r.at++;
            break;
        }
        if (r.at == before || tag->closing || !read_attribute(&r)) return false;
    }
    tag->end = r.at + 1;
    assert(tag->end > at && tag->end <= m->bytes && r.used <= sizeof(tag->values));
    return true;
}

/* ---- what else begins with '<' ---- */

static size_t declaration(markup *m, size_t at) {
    const size_t left = m->bytes - at;
    if (left >= 4 && memcmp(m->text + at, "<!--", 4) == 0) {
        const char *close = at < m->no_comment ? NULL : memmem(m->text + at + 4, left - 4, "-->", 3);
        if (!close) m->no_comment = m->bytes;
        const size_t end = close ? (size_t)(close - m->text) + 3 : 0;
        if (end) markup_omit(m, at, end, "comment");
        return end;
    }
    const char next = markup_char(m, at + 1), behind = markup_char(m, at + 2);
    if (!(next == '!' || next == '?') || !markup_is_alpha(behind)) return 0;
    const char *close = memchr(m->text + at, '>', left < DECLARATION_MAX ? left : DECLARATION_MAX);
    return close ? (size_t)(close - m->text) + 1 : 0;
}

/* "<https://...>", "<ann@example.com>": the brackets alone are markup. */
static size_t autolink(markup *m, size_t at) {
    const size_t limit = m->bytes - at < AUTOLINK_MAX ? m->bytes : at + AUTOLINK_MAX;
    size_t end = at + 1;
    bool link = false;
    while (end < limit && markup_is_graphic(m->text[end]) && !strchr("<>", m->text[end])) {
        link |= m->text[end] == '@' || (m->text[end] == ':' && markup_char(m, end + 1) == '/') ||
                (m->text[end] == ':' && end - at == 7 && strncasecmp(m->text + at, "<mailto:", 8) == 0);
        end++;
    }
    if (!link || markup_char(m, end) != '>') return 0;
    markup_void(m, at, at + 1);
    markup_copy(m, at + 1, end);
    markup_void(m, end, end + 1);
    return end + 1;
}

/* <script> and the like to their ends, which are looked for by name. */
static size_t raw(markup *m, const markup_tag *tag, int index) {
    assert(index >= 0 && index < 32); /* a bit of no_raw each */
    if (tag->closing || tag->empty || m->no_raw >> index & 1) return 0;
    const size_t n = strlen(tag->name);
    for (size_t at = tag->end; at + n + 2 <= m->bytes; at++) {
        const char *close = memmem(m->text + at, m->bytes - at, "</", 2);
        if (!close) break;
        at = (size_t)(close - m->text);
        if (m->bytes - at < n + 2 || strncasecmp(close + 2, tag->name, n) != 0) continue;
        if (is_name_char(markup_char(m, at + 2 + n))) continue; /* "</scripts>" */
        const char *end = memchr(close, '>', m->bytes - at);
        if (!end) break;
        markup_omit(m, tag->begin, (size_t)(end - m->text) + 1, "script or style");
        return (size_t)(end - m->text) + 1;
    }
    m->no_raw |= 1u << index;
    return 0;
}

size_t markup_tag_at(markup *m, size_t at) {
    markup_tag tag;
    size_t used = declaration(m, at);
    if (used || (used = autolink(m, at)) || !read_tag(m, at, &tag)) return used;
    const bool known = markup_is_known(m, tag.name);
    /* "List<String>" */
    if (!known && !tag.closing && at > 0 && (markup_is_alpha(m->text[at - 1]) || markup_is_digit(m->text[at - 1])))
        return 0;
    const int index = markup_raw_index(tag.name);
    if (index >= 0) {
        if ((used = raw(m, &tag, index))) return used;
        markup_omit(m, tag.begin, tag.end, "unknown tag");
        return tag.end;
    }
    if (tag.closing)
        markup_close(m, tag.name, tag.begin, tag.end);
    else
        markup_open(m, &tag);
    return tag.end;
}
