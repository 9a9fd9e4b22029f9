/* wordpiece: text to the pieces of a BERT vocabulary, as its uncased Chinese models split it: cleaned, one token for
 * each Han character, lower case without accents, punctuation apart, then the longest pieces from the left.
 */
#ifndef EV_WORDPIECE_H
#define EV_WORDPIECE_H

#include "base/base.h"

typedef struct ev_wordpiece ev_wordpiece; /* a vocabulary; immutable after open, shared by threads */

/* vocabulary: one piece a line, its number is its id; has [UNK], [CLS] and [SEP]. Copied. EV_E_FORMAT, EV_E_MEMORY.
 */
ev_status ev_wordpiece_open(ev_wordpiece **out, const char *vocabulary, size_t bytes, ev_error *err);
void ev_wordpiece_free(ev_wordpiece **w);
size_t ev_wordpiece_count(const ev_wordpiece *w);

/* [CLS], the text's pieces, [SEP]; pieces that do not fit into capacity (at least 2) are left out. *count: how many
 * there would be with enough room. Bytes that are no UTF-8 are passed over. EV_E_MEMORY. */
ev_status ev_wordpiece_split(const ev_wordpiece *w, const char *text, size_t bytes, int32_t *ids, size_t capacity,
                             size_t *count, ev_error *err);

#endif
