/* estimate: what a text will come to, before its phones are known. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/engine/engine_inner.h"

enum { PAUSE_MS_MAX = 10000 }; /* the longest that the text may ask for */

/* One [pause:..] at the beginning of the text: its bytes, 0 where there is none. A mistaken one fails its job later.
 */
static size_t pause_at(const char *text, size_t bytes, double *ms) {
    static const char head[] = "[pause:";
    const size_t n = sizeof head - 1, most = bytes < 64 ? bytes : 64;
    char number[64];
    const char *close = most > n && strncasecmp(text, head, n) == 0 ? memchr(text, ']', most) : NULL;
    if (!close) return 0;
    const size_t length = (size_t)(close - text) - n;
    assert(length < sizeof number);
    memcpy(number, text + n, length);
    number[length] = '\0';
    char *unit;
    const double value = strtod(number, &unit);
    while (*unit == ' ') unit++;
    *ms = value > 0 && value <= PAUSE_MS_MAX ? value * ((*unit | 0x20) == 's' ? 1000 : 1) : 0;
    if (*ms > PAUSE_MS_MAX) *ms = 0;
    return n + length + 1;
}

/* One <break time="500ms"/>, likewise; a name of how strong it is says at most 1.2 s. */
static size_t break_at(const char *text, size_t bytes, double *ms) {
    const size_t most = bytes < 256 ? bytes : 256;
    const char *close = most > 7 && strncasecmp(text, "<break", 6) == 0 ? memchr(text, '>', most) : NULL;
    char attributes[256];
    if (!close) return 0;
    memcpy(attributes, text + 6, (size_t)(close - text) - 6);
    attributes[close - text - 6] = '\0';
    const char *time = strstr(attributes, "time");
    char *unit = NULL;
    *ms = 1200;
    if (time && time[4 + strspn(time + 4, " =\"'")]) {
        const double value = strtod(time + 4 + strspn(time + 4, " =\"'"), &unit);
        *ms = value * ((*unit | 0x20) == 's' ? 1000 : 1);
        if (!(*ms >= 0 && *ms <= PAUSE_MS_MAX)) *ms = PAUSE_MS_MAX;
    }
    return (size_t)(close - text) + 1;
}

static size_t silence_at(const char *text, size_t bytes, double *ms) {
    const size_t pause = *text == '[' ? pause_at(text, bytes, ms) : 0;
    return pause ? pause : *text == '<' ? break_at(text, bytes, ms) : 0;
}

/* Milliseconds of all [pause:..] together. */
static int64_t pauses_of(const sv_speech *speech) {
    double all = 0, ms;
    const char *at = speech->text, *end = at + speech->text_bytes;
    while (at < end) {
        const size_t used = silence_at(at, (size_t)(end - at), &ms);
        all += used ? ms : 0;
        at += used ? used : 1;
        if (!used) at += strcspn(at, "[<"); /* the text ends in a NUL */
    }
    return (int64_t)all;
}

static bool is_capital(int32_t c) { return c >= 'A' && c <= 'Z'; }

/* Tokens that a character becomes: a digit is a word, a Han character an initial, a final and a boundary, five
 * letters with their space four phones and a boundary; letters that are spelled and signs that are read are words. */
static double tokens_of(int32_t c, int32_t before) {
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0; /* wide ones are read as the narrow ones */
    if (c >= '0' && c <= '9') return 3.0;
    if (c >= 0x3400 && c <= 0x9fff) return 2.6;
    if (c < 0x80 && strchr("#$%&*+/<=>@^_|~\\", c) && c) return 5.0;
    if (c < 0x80) return is_capital(c) && is_capital(before) ? 3.0 : 0.95;
    if ((c >= 0x2030 && c <= 0x2bff) || (c >= 0x3200 && c <= 0x33ff)) return 6.0;
    if (c >= 0xac00 && c <= 0xd7a3) return 5.0; /* other scripts are said by their Latin letters */
    if (c >= 0x370 && c <= 0x30ff) return 2.5;
    return c >= 0xa2 && c <= 0xbe ? 5.0 : 0.5;
}

int32_t sv_estimate_tokens(const sv_speech *speech) {
    double tokens = 4, ms; /* the marks around */
    int32_t before = 0;
    for (size_t at = 0; at < speech->text_bytes;) {
        const size_t pause = silence_at(speech->text + at, speech->text_bytes - at, &ms);
        if (pause) {
            tokens += 2 * (double)speech->speed; /* the mark and a few frames, at any speed */
            at += pause;
            continue;
        }
        const int32_t c = ev_utf8_next(speech->text, speech->text_bytes, &at);
        if (c < 0) break;
        tokens += tokens_of(c, before);
        before = c;
    }
    tokens = tokens / (double)speech->speed + 1;
    return tokens < 1e9 ? (int32_t)tokens : 1000000000;
}

double sv_estimate_seconds(const sv_speech *speech) {
    sv_schedule_config usual;
    sv_schedule_config_init(&usual);
    return sv_estimate_tokens(speech) * usual.frames_per_token / usual.frames_per_second +
           (double)pauses_of(speech) / 1000;
}

double sv_engine_seconds(sv_engine *e, const sv_speech *speech) {
    ev_mutex_lock(&e->lock);
    const double per_token = sv_schedule_frames_per_token(&e->schedule) / e->schedule.config.frames_per_second;
    ev_mutex_unlock(&e->lock);
    return sv_estimate_tokens(speech) * per_token + (double)pauses_of(speech) / 1000;
}
