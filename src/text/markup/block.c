/* block: what Markdown says at the beginning of a line. A line that may as well be prose is prose: "# 5" alone
 * is a heading, "> 5" and "+5" are arithmetic, "[Ann]: Hello" is a dialogue. */
#include <assert.h>
#include <string.h>

#include "text/markup/marked.h"

enum { LINE_LOOK = 4096, NUMBER_DIGITS = 3 };

static size_t skip_blanks(const markup *m, size_t at) {
    while (markup_char(m, at) == ' ' || markup_char(m, at) == '\t') at++;
    return at;
}

static bool is_line_end(const markup *m, size_t at) {
    return at >= m->bytes || m->text[at] == '\n' || (m->text[at] == '\r' && markup_char(m, at + 1) == '\n');
}

static size_t run_of(const markup *m, size_t at, char c) {
    size_t end = at;
    while (end < m->bytes && m->text[end] == c) end++;
    return end - at;
}

/* ---- fences ---- */

static size_t past_line(const markup *m, size_t at) {
    const size_t end = markup_line_end(m, at);
    return end < m->bytes ? end + 1 : end;
}

/* "```python": the words behind the fence name a language. */
static size_t fence(markup *m, size_t at, size_t begin) {
    const char c = markup_char(m, at);
    const size_t length = c == '`' || c == '~' ? run_of(m, at, c) : 0;
    if (length < 3) return 0;
    size_t info = skip_blanks(m, at + length), end = markup_line_end(m, at), stop = end;
    if (c == '`' && memchr(m->text + info, '`', end - info)) return 0;
    while (stop > info && markup_is_space(m->text[stop - 1])) stop--;
    markup_end_paragraph(m);
    markup_end_line(m, begin);
    markup_omit(m, info, stop, "language of code");
    m->fence = c;
    m->fence_length = length;
    return past_line(m, at);
}

static size_t in_fence(markup *m, size_t at) {
    const size_t first = skip_blanks(m, at), end = markup_line_end(m, at);
    const size_t length = run_of(m, first, m->fence);
    if (length >= m->fence_length && is_line_end(m, skip_blanks(m, first + length))) {
        m->fence = 0;
        return past_line(m, at);
    }
    markup_copy(m, first, end);
    markup_end_line(m, end);
    return past_line(m, at);
}

/* ---- rules, underlines, tables ---- */

/* Only marks of one kind and blanks: a rule between paragraphs, or the line under a title. */
static bool is_rule(const markup *m, size_t at) {
    const char c = markup_char(m, at);
    size_t count = 0;
    if (!c || !strchr("-*_=", c)) return false;
    for (; at < m->bytes && (m->text[at] == c || m->text[at] == ' ' || m->text[at] == '\t'); at++)
        count += m->text[at] == c;
    return count >= 3 && is_line_end(m, at);
}

/* "|---|:-:|": the line under a table's head. */
static bool is_table_rule(const markup *m, size_t at) {
    size_t dashes = 0, bars = 0;
    for (; !is_line_end(m, at); at++) {
        const char c = m->text[at];
        if (!strchr("|-: \t", c)) return false;
        dashes += c == '-';
        bars += c == '|';
    }
    return dashes >= 1 && bars >= 1;
}

static bool has_bar(const markup *m, size_t at) {
    const size_t end = markup_line_end(m, at);
    return memchr(m->text + at, '|', (end - at < LINE_LOOK ? end - at : LINE_LOOK)) != NULL;
}

/* Begins, goes on with, or ends a table; the rule's line is taken. 0: the line is read on. */
static size_t table(markup *m, size_t at, size_t *first) {
    const size_t end = markup_line_end(m, at);
    if (m->table && is_table_rule(m, at)) return past_line(m, at);
    const bool row = has_bar(m, at);
    if (!m->table && row && end < m->bytes && is_table_rule(m, end + 1)) {
        markup_end_paragraph(m);
        markup_end_line(m, at);
        m->table = true;
    }
    m->table = m->table && row;
    m->ends_line |= m->table;
    if (m->table && markup_char(m, *first) == '|') *first = skip_blanks(m, *first + 1);
    return 0;
}

/* ---- headings, items, quotes ---- */

static size_t heading(markup *m, size_t at) {
    const size_t length = run_of(m, at, '#'), next = skip_blanks(m, at + length);
    if (length < 1 || length > 6 || next == at + length || is_line_end(m, next)) return 0;
    markup_end_paragraph(m);
    markup_end_line(m, at);
    m->ends_line = true;
    return next;
}

/* "[ ] " and "[x] " behind a bullet. */
static size_t check_box(markup *m, size_t at) {
    if (m->bytes - at < 4 || m->text[at] != '[' || !strchr(" xX", m->text[at + 1]) || m->text[at + 2] != ']' ||
        m->text[at + 3] != ' ')
        return at;
    markup_omit(m, at, at + 3, "check box");
    return at + 4;
}

static size_t bullet_bytes(const markup *m, size_t at) {
    if (at >= m->bytes) return 0;
    if (strchr("-*+", m->text[at])) return 1;
    if (m->bytes - at < 3) return 0;
    return !memcmp(m->text + at, "•", 3) || !memcmp(m->text + at, "▪", 3) || !memcmp(m->text + at, "●", 3) ||
                   !memcmp(m->text + at, "‣", 3) || !memcmp(m->text + at, "◦", 3)
               ? 3
               : 0;
}

static size_t item(markup *m, size_t at) {
    const size_t bullet = bullet_bytes(m, at), next = bullet ? skip_blanks(m, at + bullet) : at;
    if (!bullet || (next == at + bullet && bullet == 1) || is_line_end(m, next)) return 0;
    if (m->text[at] == '+' && markup_is_digit(markup_char(m, next))) return 0;
    markup_end_paragraph(m);
    markup_end_line(m, at);
    m->ends_line = m->item = true;
    return check_box(m, next);
}

/* "1. " and "1) " stay: the number is said. */
static bool is_numbered(const markup *m, size_t at) {
    size_t digits = 0;
    while (digits <= NUMBER_DIGITS && markup_is_digit(markup_char(m, at + digits))) digits++;
    const char mark = markup_char(m, at + digits), behind = markup_char(m, at + digits + 1);
    return digits && digits <= NUMBER_DIGITS && (mark == '.' || mark == ')') && behind == ' ';
}

/* "> " of a quotation; in front of a digit it may be arithmetic, unless the line before was quoted too. */
static size_t quote(markup *m, size_t at) {
    size_t next = at;
    while (markup_char(m, next) == '>' && markup_char(m, next + 1) && strchr(" \t>\r\n", m->text[next + 1]))
        next = skip_blanks(m, next + 1);
    if (next == at || (markup_is_digit(markup_char(m, next)) && next - at <= 2)) return 0;
    return next;
}

/* ---- definitions ---- */

static bool is_address(const markup *m, size_t at) {
    static const char *const heads[] = {"http://", "https://", "www.", "mailto:", "ftp://", "/", "./", "#", "<"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(heads); i++) {
        const size_t n = strlen(heads[i]);
        if (m->bytes - at >= n && memcmp(m->text + at, heads[i], n) == 0) return true;
    }
    return false;
}

/* "[label]: https://..." is for the links of the text; "[^1]: words" is a footnote, whose mark alone is left out. */
static size_t definition(markup *m, size_t at) {
    const size_t end = markup_line_end(m, at), look = end - at < LINE_LOOK ? end : at + LINE_LOOK;
    if (markup_char(m, at) != '[') return 0;
    const char *close = memchr(m->text + at, ']', look - at);
    const size_t colon = close ? (size_t)(close - m->text) + 1 : 0;
    if (!close || colon == at + 2 || markup_char(m, colon) != ':') return 0;
    const size_t value = skip_blanks(m, colon + 1);
    if (m->text[at + 1] == '^') {
        markup_end_line(m, at);
        markup_omit(m, at, colon + 1, "footnote mark");
        m->ends_line = true;
        return value;
    }
    if (value >= end || !is_address(m, value)) return 0;
    markup_omit(m, at, end, "link address");
    return past_line(m, at);
}

size_t markup_block(markup *m, size_t at) {
    assert(at < m->bytes);
    if (m->fence) return in_fence(m, at);
    if (m->ssml && m->depth) return at;
    size_t first = skip_blanks(m, at), taken = 0;
    m->ends_line = m->item = false;
    if (is_line_end(m, first)) {
        m->table = false;
        markup_end_paragraph(m);
        return at;
    }
    const size_t quoted = quote(m, first);
    if (quoted) first = quoted;
    if ((taken = fence(m, first, at))) return taken;
    if (is_rule(m, first) && !m->table) {
        markup_end_paragraph(m);
        markup_end_line(m, at);
        return past_line(m, at);
    }
    if ((taken = table(m, first, &first)) || (taken = definition(m, first))) return taken;
    if ((taken = heading(m, first)) || (taken = item(m, first))) return taken;
    if (is_numbered(m, first)) {
        markup_end_paragraph(m);
        markup_end_line(m, at);
        m->ends_line = m->item = true;
    }
    return first > at && !quoted && !m->table ? at : first;
}
