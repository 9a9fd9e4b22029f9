/* words_controls: what in a text is a control and not a letter, as the engine's scanner has it (text/scan_control.c;
 * test_guard_words compares them). A pause that is none, and a phone that is none, are refused there: that they count
 * as controls here lets nothing through. */
#include <string.h>
#include <strings.h>

#include "server/guard/words.h"

enum { WORD_BYTES_MAX = 200, PHONES_BYTES_MAX = 1000, PAUSE_BYTES_MAX = 32 };

size_t sv_pause_bytes(const char *text, size_t bytes, size_t at) {
    static const char BEGIN[] = "[pause:";
    const size_t begin = at + sizeof(BEGIN) - 1;
    if (begin >= bytes || strncasecmp(text + at, BEGIN, sizeof(BEGIN) - 1) != 0) return 0;
    const size_t limit = bytes - begin < PAUSE_BYTES_MAX ? bytes - begin : PAUSE_BYTES_MAX;
    const char *close = memchr(text + begin, ']', limit);
    return close ? (size_t)(close - text) + 1 - at : 0;
}

/* Index of the first of three `stops` in text[from, from + most), or of the end of these. */
static size_t find_stop(const char *text, size_t bytes, size_t from, size_t most, const char stops[3]) {
    const size_t limit = bytes - from < most ? bytes : from + most;
    while (from < limit && !memchr(stops, text[from], 3)) from++;
    return from < limit ? from : bytes;
}

size_t sv_phones_bytes(const char *text, size_t bytes, size_t at) {
    const size_t word = at + 1, close = find_stop(text, bytes, word, WORD_BYTES_MAX, "[]\n");
    if (close == word || bytes - close < 4 || memcmp(text + close, "](/", 3) != 0) return 0;
    const size_t begin = close + 3, end = find_stop(text, bytes, begin, PHONES_BYTES_MAX, "()\n");
    if (end == bytes || text[end] != ')' || text[end - 1] != '/' || end - 1 <= begin) return 0;
    return end + 1 - at;
}

bool sv_words_phones(const char *text, size_t bytes, size_t *byte_begin, size_t *byte_end) {
    for (size_t at = 0; at < bytes;) {
        const char *bracket = memchr(text + at, '[', bytes - at);
        if (!bracket) return false;
        at = (size_t)(bracket - text);
        const size_t pause = sv_pause_bytes(text, bytes, at), phones = pause ? 0 : sv_phones_bytes(text, bytes, at);
        if (phones) {
            *byte_begin = at;
            *byte_end = at + phones;
            return true;
        }
        at += pause ? pause : 1;
    }
    return false;
}
