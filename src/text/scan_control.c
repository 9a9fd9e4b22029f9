/* scan_control: [pause:500ms], [PAUSE: 1.5 s] and [word](/HH AH0 L OW1/), [tomato](/təˈmɑːtoʊ/), [重庆](/chong2
 * qing4/).
 *
 * A control that is meant but wrong is an error with its place rather than text read aloud: silence of the wrong
 * length or a mangled name is worse than a message. "[" alone and "[1]" stay text; "[word](/path/)" may be a link,
 * whose word is read.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "text/notation.h"
#include "text/scan_control.h"
#include "text/sink.h"

enum { WORD_BYTES_MAX = 200, PHONES_BYTES_MAX = 1000, PAUSE_BYTES_MAX = 32 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "500ms", "1.5 s": milliseconds, or 0 when it is neither or out of range. Digits after the third decimal of a second
 * are below a millisecond and ignored. */
static int parse_duration(const char *s, size_t n) {
    long whole = 0, thousandths = 0, scale = 100;
    size_t i = 0;
    while (n && s[n - 1] == ' ') n--;
    while (i < n && s[i] == ' ') i++;
    const size_t first = i;
    for (; i < n && is_digit(s[i]); i++)
        if ((whole = whole * 10 + (s[i] - '0')) > 100000) return 0;
    if (i == first) return 0;
    const bool dot = i < n && s[i] == '.';
    if (dot) {
        const size_t point = i++;
        for (; i < n && is_digit(s[i]); i++, scale /= 10) thousandths += (s[i] - '0') * scale;
        if (i == point + 1) return 0;
    }
    while (i < n && s[i] == ' ') i++;
    long ms = 0;
    if (!dot && n - i == 2 && strncasecmp(s + i, "ms", 2) == 0)
        ms = whole;
    else if (n - i == 1 && (s[i] | 0x20) == 's')
        ms = whole * 1000 + thousandths;
    return ms >= 1 && ms <= EV_SCAN_PAUSE_MS_MAX ? (int)ms : 0;
}

static ev_status pause_control(const char *text, size_t bytes, size_t at, ev_scan_found *found, ev_error *err) {
    size_t begin = at + strlen("[pause:"), limit = bytes - begin;
    if (limit > PAUSE_BYTES_MAX) limit = PAUSE_BYTES_MAX;
    const char *close = memchr(text + begin, ']', limit);
    found->pause_ms = close ? parse_duration(text + begin, (size_t)(close - text) - begin) : 0;
    found->fault = at;
    if (!found->pause_ms)
        return ev_fail(err, EV_E_TEXT, "a pause is 1ms to 10s and written as [pause:500ms] or [pause:1.5s]");
    found->end = (size_t)(close - text) + 1;
    assert(found->end > at && found->end <= bytes);
    return EV_OK;
}

/* Index of the first of `stops` in text[from, limit), or limit. */
static size_t find_stop(const char *text, size_t from, size_t limit, const char *stops) {
    size_t stop_count = strlen(stops);
    while (from < limit && !memchr(stops, text[from], stop_count)) from++;
    return from;
}

static ev_status read_phones(ev_scan *scan, const char *text, size_t begin, size_t end, ev_scan_found *found,
                             ev_error *err) {
    assert(begin < end);
    size_t fault = 0;
    found->token_begin = ev_array_count(&scan->tokens, int16_t);
    found->fault = begin;
    const bool read = ev_notation_read(&scan->tokens, text + begin, end - begin, EV_NOTATION_CERTAIN, &fault);
    found->token_end = ev_array_count(&scan->tokens, int16_t);
    if (read) return EV_OK;
    bool blank = true;
    for (size_t i = begin; i < end; i++) blank &= text[i] == ' ';
    if (blank) return ev_fail(err, EV_E_TEXT, "no phones between the slashes");
    if (fault == end - begin) return EV_OK;
    found->fault = begin + fault;
    const size_t stop = find_stop(text, found->fault, end, " "), n = stop - found->fault;
    return ev_fail(err, EV_E_TEXT, "no phone is called '%.*s' (see models/tokens.txt)", n > 40 ? 40 : (int)n,
                   text + found->fault);
}

/* The searches stop at what cannot be inside ('[' in a word, '(' in phones), so hostile nesting costs nothing. */
static ev_status phones_control(ev_scan *scan, const char *text, size_t bytes, size_t at, ev_scan_found *found,
                                ev_error *err) {
    size_t word = at + 1, limit = bytes - word > WORD_BYTES_MAX ? word + WORD_BYTES_MAX : bytes;
    size_t close = find_stop(text, word, limit, "[]\n");
    if (close == limit || close == word || text[close] != ']' || bytes - close < 4) return EV_OK;
    if (memcmp(text + close, "](/", 3) != 0) return EV_OK;
    size_t begin = close + 3;
    limit = bytes - begin > PHONES_BYTES_MAX ? begin + PHONES_BYTES_MAX : bytes;
    size_t end = find_stop(text, begin, limit, "()\n");
    if (end == limit || text[end] != ')' || text[end - 1] != '/' || end - 1 <= begin) return EV_OK;
    for (size_t check = word; check < end;)
        if (ev_utf8_next(text, end, &check) < 0) {
            found->fault = check;
            return ev_fail(err, EV_E_TEXT, "the text is not valid UTF-8 here");
        }
    found->word_begin = word;
    found->word_end = close;
    found->end = end + 1;
    return read_phones(scan, text, begin, end - 1, found, err);
}

ev_status ev_scan_control(ev_scan *scan, const char *text, size_t bytes, size_t at, ev_scan_found *found,
                          ev_error *err) {
    assert(at < bytes && text[at] == '[');
    const size_t keyword = strlen("[pause:");
    *found = (ev_scan_found){0};
    if (bytes - at > keyword && strncasecmp(text + at, "[pause:", keyword) == 0)
        return pause_control(text, bytes, at, found, err);
    return phones_control(scan, text, bytes, at, found, err);
}
