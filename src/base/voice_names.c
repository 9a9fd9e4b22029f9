/* voice_names: the table. */
#include "base/voice_names.h"

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
