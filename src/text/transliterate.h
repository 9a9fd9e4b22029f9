/* transliterate: words in scripts that are not spoken, in plain Latin letters: "Иван" is "Ivan". By ICU, whose rules
 * are opened when the first such word is met; any thread. */
#ifndef EV_TEXT_TRANSLITERATE_H
#define EV_TEXT_TRANSLITERATE_H

#include "base/base.h"

enum { EV_TRANSLITERATED_MAX = 512 }; /* bytes */

/* One word of UTF-8 to ASCII letters and apostrophes; out is NUL-terminated. 0: no letters come of it, or ICU has no
 * rules for them here. A word that is too long for `out` is cut. */
size_t ev_transliterate(const char *word, size_t bytes, char out[EV_TRANSLITERATED_MAX]);

/* A decimal digit of any script; -1: none. */
int ev_digit_value(int32_t c);

#endif
