/* scan_control: [pause:500ms], [pause:1.5s] and [word](/HH AH0 L OW1/), [重庆](/ch ong2 q ing4/).
 *
 * A control that is meant but wrong is an error with its place rather than text read aloud: silence of the wrong
 * length or a mangled name is worse than a message. "[" alone, "[1]" and Markdown links stay text.
 */
#include <string.h>

#include "text/scan_control.h"
#include "text/sink.h"

enum { WORD_BYTES_MAX = 200, PHONES_BYTES_MAX = 1000, PAUSE_BYTES_MAX = 32, PAUSE_MS_MAX = 10000 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "500ms", "1.5s": milliseconds, or 0 when it is neither or out of range. Digits after the third decimal of a second
 * are below a millisecond and ignored. */
static int parse_duration(const char *s, size_t n) {
    long whole = 0, thousandths = 0, scale = 100;
    size_t i = 0;
    for (; i < n && is_digit(s[i]); i++)
        if ((whole = whole * 10 + (s[i] - '0')) > 100000) return 0;
    if (i == 0) return 0;
    if (i < n && s[i] == '.') {
        size_t dot = i++;
        for (; i < n && is_digit(s[i]); i++, scale /= 10) thousandths += (s[i] - '0') * scale;
        if (i == dot + 1) return 0;
    }
    long ms = 0;
    bool dot = memchr(s, '.', i) != NULL;
    if (!dot && n - i == 2 && memcmp(s + i, "ms", 2) == 0)
        ms = whole;
    else if (n - i == 1 && s[i] == 's')
        ms = whole * 1000 + thousandths;
    return ms >= 1 && ms <= PAUSE_MS_MAX ? (int)ms : 0;
}

static ev_status pause_control(ev_scan *scan, const char *text, size_t bytes, size_t at, size_t *used,
                               ev_error *err) {
    size_t begin = at + strlen("[pause:"), limit = bytes - begin;
    if (limit > PAUSE_BYTES_MAX) limit = PAUSE_BYTES_MAX;
    const char *close = memchr(text + begin, ']', limit);
    int ms = close ? parse_duration(text + begin, (size_t)(close - text) - begin) : 0;
    if (!ms)
        return ev_fail(err, EV_E_TEXT, "byte %zu: a pause is 1ms to 10s and written as [pause:500ms] or [pause:1.5s]",
                       at);
    size_t end = (size_t)(close - text) + 1;
    ev_control control = {.char_at = ev_array_count(&scan->chars, ev_char), .pause_ms = ms};
    control.byte_begin = (uint32_t)at;
    control.byte_end = (uint32_t)end;
    ev_buf_append(&scan->controls, &control, sizeof(control));
    *used = end - at;
    return EV_OK;
}

/* By the inventory's name, or an English phone without its square brackets. -1: none that can be said. */
static int find_phone(const char *name, size_t n) {
    char bracketed[16] = "[";
    int token = ev_token_find(name, n);
    if (token < 0 && n + 3 < sizeof(bracketed)) {
        memcpy(bracketed + 1, name, n);
        bracketed[n + 1] = ']';
        token = ev_token_find(bracketed, n + 2);
    }
    return token >= 0 && ev_token_classify(token) != EV_TOKEN_MARK ? token : -1;
}

static ev_status parse_phones(ev_scan *scan, const char *text, size_t begin, size_t end, ev_error *err) {
    for (size_t i = begin; i < end;) {
        if (text[i] == ' ') {
            i++;
            continue;
        }
        size_t from = i;
        while (i < end && text[i] != ' ') i++;
        if (i - from == 3 && memcmp(text + from, "sp0", 3) == 0) continue; /* put between syllables anyway */
        int token = find_phone(text + from, i - from);
        int shown = i - from > 40 ? 40 : (int)(i - from);
        if (token < 0)
            return ev_fail(err, EV_E_TEXT, "byte %zu: no phone is called '%.*s' (see models/tokens.txt)", from, shown,
                           text + from);
        int16_t id = (int16_t)token;
        ev_buf_append(&scan->tokens, &id, sizeof(id));
    }
    return EV_OK;
}

/* Index of the first of `stops` in text[from, limit), or limit. */
static size_t find_stop(const char *text, size_t from, size_t limit, const char *stops) {
    size_t stop_count = strlen(stops);
    while (from < limit && !memchr(stops, text[from], stop_count)) from++;
    return from;
}

/* The searches stop at what cannot be inside ('[' in a word, '(' in phones), so hostile nesting costs nothing. */
static ev_status phones_control(ev_scan *scan, const char *text, size_t bytes, size_t at, size_t *used,
                                ev_error *err) {
    size_t word = at + 1, limit = bytes - word > WORD_BYTES_MAX ? word + WORD_BYTES_MAX : bytes;
    size_t close = find_stop(text, word, limit, "[]\n");
    if (close == limit || close == word || text[close] != ']' || bytes - close < 4) return EV_OK;
    if (memcmp(text + close, "](/", 3) != 0) return EV_OK;
    size_t begin = close + 3;
    limit = bytes - begin > PHONES_BYTES_MAX ? begin + PHONES_BYTES_MAX : bytes;
    size_t end = find_stop(text, begin, limit, "()\n");
    if (end == limit || text[end] != ')' || text[end - 1] != '/' || end - 1 <= begin) return EV_OK;
    ev_control control = {.char_at = ev_array_count(&scan->chars, ev_char)};
    control.byte_begin = (uint32_t)word;
    control.byte_end = (uint32_t)close;
    control.token_begin = ev_array_count(&scan->tokens, int16_t);
    size_t check = word;
    while (check < close)
        if (ev_utf8_next(text, close, &check) < 0)
            return ev_fail(err, EV_E_TEXT, "text is not valid UTF-8 at byte %zu", check);
    ev_status status = parse_phones(scan, text, begin, end - 1, err);
    if (status != EV_OK) return status;
    control.token_end = ev_array_count(&scan->tokens, int16_t);
    if (control.token_end == control.token_begin && !scan->tokens.failed)
        return ev_fail(err, EV_E_TEXT, "byte %zu: no phones between the slashes", begin);
    ev_buf_append(&scan->controls, &control, sizeof(control));
    *used = end + 1 - at;
    return EV_OK;
}

ev_status ev_scan_control(ev_scan *scan, const char *text, size_t bytes, size_t at, size_t *used, ev_error *err) {
    *used = 0;
    size_t keyword = strlen("[pause:");
    if (bytes - at > keyword && memcmp(text + at, "[pause:", keyword) == 0)
        return pause_control(scan, text, bytes, at, used, err);
    return phones_control(scan, text, bytes, at, used, err);
}
