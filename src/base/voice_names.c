/* voice_names: the table. */
#include "base/voice_names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

/* OpenAI's clients must name a voice, and most name theirs; Kokoro's name a country and a sex. Each is one of ours of
 * a like kind, born to the language that its users expect; all speak both. */
static const struct alias {
    const char *theirs, *ours;
} ALIASES[] = {{"alloy", "ava"}, {"ash", "ray"},      {"ballad", "angus"}, {"cedar", "ray"}, {"coral", "ella"},
               {"echo", "ray"},  {"fable", "angus"},  {"marin", "ella"},   {"nova", "ella"}, {"onyx", "angus"},
               {"sage", "ava"},  {"shimmer", "ella"}, {"verse", "ray"}};
static const struct alias KOKORO[] = {{"af_", "ava"},   {"am_", "ray"}, {"bf_", "ella"},
                                      {"bm_", "angus"}, {"zf_", "mei"}, {"zm_", "lin"}};

const char *ev_voice_alias(const char *name, size_t length) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(ALIASES); i++)
        if (strlen(ALIASES[i].theirs) == length && strncasecmp(ALIASES[i].theirs, name, length) == 0)
            return ALIASES[i].ours;
    for (size_t i = 0; i < EV_ARRAY_COUNT(KOKORO); i++)
        if (length > 3 && strncasecmp(KOKORO[i].theirs, name, 3) == 0) return KOKORO[i].ours;
    return NULL;
}

bool ev_voice_is_mixed(const char *name) { return strpbrk(name, "+(") != NULL; }

bool ev_voice_next_part(const char **at, char name[EV_VOICE_PART_SIZE], float *weight) {
    const size_t length = strcspn(*at, "+(");
    char *end = NULL;
    if (length == 0 || length >= EV_VOICE_PART_SIZE) return false;
    snprintf(name, EV_VOICE_PART_SIZE, "%.*s", (int)length, *at);
    *at += length;
    *weight = 1;
    if (**at == '(') {
        *weight = strtof(*at + 1, &end);
        if (end == *at + 1 || *end != ')' || !(*weight > 0 && *weight <= 1000)) return false;
        *at = end + 1;
    }
    assert(*weight > 0 && *weight <= 1000);
    if (**at && (**at != '+' || !(*at)[1])) return false;
    if (**at) ++*at;
    return true;
}
