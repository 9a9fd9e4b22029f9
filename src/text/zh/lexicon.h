/* lexicon: a compiled dictionary (training/lexicons.py writes it and describes the format), read into memory.
 *
 * The file is hostile input until ev_lexicon_open() has walked all of it once: sizes, order, every index. After that
 * nothing is checked again, because nothing can be out of range. Immutable: any thread.
 */
#ifndef EV_TEXT_ZH_LEXICON_H
#define EV_TEXT_ZH_LEXICON_H

#include "base/base.h"

typedef struct ev_lexicon ev_lexicon;

typedef enum ev_lexicon_tree { EV_LEXICON_WORDS, EV_LEXICON_TRADITIONAL, EV_LEXICON_TREES } ev_lexicon_tree;

/* names: what section NAME must say, so that reader and compiler number the syllables alike.
 * EV_E_IO, EV_E_FORMAT, EV_E_MEMORY. */
ev_status ev_lexicon_open(ev_lexicon **out, const char *path, const char *names, ev_error *err);
void ev_lexicon_free(ev_lexicon **lexicon);

/* The child of a node (0 is the root) along a character; 0: none. */
uint32_t ev_lexicon_child(const ev_lexicon *lexicon, ev_lexicon_tree tree, uint32_t node, int32_t character);
/* 0: no word ends at this node; else 1 + 2048 * -ln(its frequency). */
uint32_t ev_lexicon_cost(const ev_lexicon *lexicon, ev_lexicon_tree tree, uint32_t node);
/* First letter of the word's part of speech, 0 if none. */
char ev_lexicon_class(const ev_lexicon *lexicon, uint32_t node);
/* One value per character of the word that ends at node: packed syllables, or simplified characters in the
 * traditional tree. NULL: nothing special. */
const uint16_t *ev_lexicon_values(const ev_lexicon *lexicon, ev_lexicon_tree tree, uint32_t node, size_t *count);

uint16_t ev_lexicon_default(const ev_lexicon *lexicon, int32_t character);   /* packed syllable; 0: not known */
int32_t ev_lexicon_simplified(const ev_lexicon *lexicon, int32_t character); /* itself if there is no other */
/* For tests: the entries of CHAR by place; false past the end. */
bool ev_lexicon_entry(const ev_lexicon *lexicon, size_t place, int32_t *character, uint16_t *syllable);

#endif
