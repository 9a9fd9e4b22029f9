/* markup: a written text to the text that is read, each byte with the place it stood at.
 *
 * Prose stays as it is, byte for byte: what is not certainly markup is text. SSML that is well-formed goes through
 * expat; everything else (Markdown, tags of HTML, pieces of SSML) is found here, in one pass.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "text/markup/marked.h"

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
    assert(*at >= begin && *at <= m->bytes);
    if (*at > begin && m->text[*at - 1] == '\n') return; /* it had the whole line */
    while (*at < m->bytes) {
        const bool last = m->text[*at] == '\n';
        const size_t next = markup_inline(m, *at);
        assert(next > *at && next <= m->bytes);
        *at = next;
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
    static const char marks[] = "<&[*_`~=|\\#>-+\n($";
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
    m.prosody = (ev_prosody){.speed = 1, .pitch_scale = 1, .energy_scale = 1};
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
    if (status == EV_OK &&
        (marked->text.failed || marked->origins.failed || marked->inserts.failed || marked->tokens.failed ||
         marked->prosodies.failed || marked->voices.failed || m.values.failed))
        status = ev_fail(err, EV_E_MEMORY, "out of memory while reading the text");
    ev_buf_free(&m.values);
    return status;
}
