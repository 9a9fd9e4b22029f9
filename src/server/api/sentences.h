/* sentences: where a text that comes in pieces may be spoken up to. */
#ifndef SV_API_SENTENCES_H
#define SV_API_SENTENCES_H

#include "base/base.h"

/* Bytes of the first sentence that is closed: by a mark with a blank behind it, by one of Chinese, or by a line's
 * end; a text that goes on without any is cut where it may be. 0: none is closed yet. Text is UTF-8. */
size_t sv_sentence_first(const char *text, size_t size);
bool sv_sentence_speaks(const char *text, size_t size); /* it holds more than blanks and marks */

#endif
