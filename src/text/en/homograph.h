/* homograph: which reading of a homograph, by the words around it: a linear model (training/homographs.py trains
 * it and describes the file). Immutable; any thread. */
#ifndef EV_TEXT_EN_HOMOGRAPH_H
#define EV_TEXT_EN_HOMOGRAPH_H

#include "text/en/en.h"

/* EV_E_IO, EV_E_FORMAT, EV_E_MEMORY. No file there: EV_OK and *out NULL, the rules decide alone. */
ev_status en_homographs_open(en_homographs **out, const char *path, ev_error *err);
void en_homographs_free(en_homographs **homographs);
/* The reading of words[i] in ARPAbet; NULL: none of ours. rule: what the rules would say, 0 or 1 of their pair, 2
 * another, -1 nothing. */
const char *en_homograph_reading(const en_homographs *homographs, const en_work *w, size_t i, int rule);
/* For tests: the words in order; false past the last. */
bool en_homograph_at(const en_homographs *homographs, size_t index, const char **word, const char *phones[2]);

#endif
