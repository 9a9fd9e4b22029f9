/* automaton: Aho and Corasick's, which finds many patterns in one pass over a row of letters. What a letter is, and
 * what a pattern means, is its user's: words.c has glyphs, sounds.c syllables and phones. */
#ifndef SV_GUARD_AUTOMATON_H
#define SV_GUARD_AUTOMATON_H

#include "base/base.h"

enum { SV_STATE_NONE = 0, SV_STATE_START = 1 };

typedef struct sv_automaton {
    ev_buf nodes;    /* nodes[0] is not used, nodes[1] is SV_STATE_START */
    uint32_t *edges; /* [mask + 1] node numbers, hashed by parent and letter; SV_STATE_NONE: free */
    uint32_t mask;
} sv_automaton; /* starts as {0} */

/* Room for patterns of so many letters in all. False: out of memory. */
bool sv_automaton_open(sv_automaton *a, size_t letters_max);
void sv_automaton_close(sv_automaton *a);
/* The value of the pattern letters[0], letters[stride], ...: 0 when it is new, the caller's to set. NULL: out of
 * memory. It stays in place until the next call. */
uint32_t *sv_automaton_plant(sv_automaton *a, const void *letters, size_t stride, size_t count);
/* After the last pattern and before the first step. False: out of memory. */
bool sv_automaton_link(sv_automaton *a);

uint32_t sv_automaton_step(const sv_automaton *a, uint32_t state, int32_t letter);
/* Of the patterns that end in this state, the longest; then the next shorter of one: states, SV_STATE_NONE at the
 * end.
 */
uint32_t sv_automaton_ending(const sv_automaton *a, uint32_t state);
uint32_t sv_automaton_shorter(const sv_automaton *a, uint32_t ending);
uint32_t sv_automaton_value(const sv_automaton *a, uint32_t ending);

#endif
