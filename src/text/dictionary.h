/* dictionary: the caller's own pronunciations (emotivoice.h has what they may be). */
#ifndef EV_TEXT_DICTIONARY_H
#define EV_TEXT_DICTIONARY_H

#include "text/text.h"

typedef struct ev_saying {
    size_t end;            /* in the text: behind the word */
    const int16_t *tokens; /* NULL: text */
    size_t token_count;
    const char *text; /* what it sounds like */
    size_t bytes;
} ev_saying;

/* The longest word of the dictionary that begins at text[at]. Lives with the dictionary. */
bool ev_dictionary_find(const ev_dictionary *d, const char *text, size_t bytes, size_t at, ev_saying *out);

#endif
