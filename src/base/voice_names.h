/* voice_names: what other services call a voice -> what our models call one of a like kind. */
#ifndef EV_VOICE_NAMES_H
#define EV_VOICE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* "Alloy" -> "ava": OpenAI's names, and Kokoro's by language and sex ("af_heart"), in any case. NULL: it is none of
 * theirs. Whether the model has a voice of the answer's name is another question. Static storage. */
const char *ev_voice_alias(const char *name, size_t length);

/* "ava(2)+ray(1)", "ava+ray": several voices, each with a weight. */
enum { EV_VOICE_PARTS_MAX = 8, EV_VOICE_PART_SIZE = 128 };
bool ev_voice_is_mixed(const char *name);
/* Its next part; *at moves behind it, to the end of the text at last. false: that is no mixture. */
bool ev_voice_next_part(const char **at, char name[EV_VOICE_PART_SIZE], float *weight);

#endif
