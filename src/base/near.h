/* near: "did you mean", of a word that nobody knows and those that are known. */
#ifndef EV_NEAR_H
#define EV_NEAR_H

#include "base/base.h"

#define EV_WORD_MAX 64 /* a longer word is no typing slip of one of ours */

/* How many slips lie between two words: insert, delete, replace, swap neighbours. What is longer than EV_WORD_MAX is
 * cut. Case, and '-' or '_', make no difference. */
size_t ev_edit_distance(const char *a, size_t a_size, const char *b, size_t b_size);

/* The nearest of the words offered, if one is near enough for a slip of the fingers, or begins with what was typed.
 */
typedef struct ev_near {
    const char *word;
    size_t distance;             /* only what is nearer than this is taken */
    char found[EV_WORD_MAX + 1]; /* "" while nothing near was offered */
} ev_near;

ev_near ev_near_to(const char *word);
bool ev_near_offer(ev_near *near, const char *candidate, size_t size); /* true: it is the nearest so far */

#endif
