/* voice_names: what other services call a voice -> what our models call one of a like kind. */
#ifndef EV_VOICE_NAMES_H
#define EV_VOICE_NAMES_H

#include <stddef.h>

/* "Alloy" -> "ava": OpenAI's names, and Kokoro's by language and sex ("af_heart"), in any case. NULL: it is none of
 * theirs. Whether the model has a voice of the answer's name is another question. Static storage. */
const char *ev_voice_alias(const char *name, size_t length);

#endif
