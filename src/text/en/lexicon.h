/* lexicon: what en.lexicon holds (training/lexicons.py writes it and describes it): words with their phones, the
 * n-grams that say what is not listed, the weights that tell homographs apart. Checked whole when it is opened; any
 * thread. */
#ifndef EV_TEXT_EN_LEXICON_H
#define EV_TEXT_EN_LEXICON_H

#include "text/en/en.h"

typedef struct en_graphone { /* letters with what they sound as */
    char letters[2];         /* [1] 0: one letter */
    uint8_t phones[2];       /* codes; EN_NO_PHONE: none */
} en_graphone;

typedef struct en_ngram { /* a node of the trie: the root, its children, theirs, each run in rising order */
    uint16_t symbol;      /* 0 beginning, 1 end, then the graphones */
    uint8_t cost;         /* sixteenths of a bit, given the nodes above; 255: never follows */
    uint8_t backoff;      /* 128 + sixteenths of a bit, where a child is missing */
    uint32_t child;       /* first; they end where the next node's begin */
} en_ngram;

enum { EN_NO_PHONE = 255, EN_CODES = 256, EN_NGRAM_ORDER = 6, EN_START = 0, EN_END = 1, EN_FIRST_GRAPHONE = 2 };

ev_status en_lexicon_open(en_lexicon **out, const char *path, ev_error *err);
void en_lexicon_free(en_lexicon **lexicon);
/* Appends the word's phones; false: not listed. Letters are lower case. */
bool en_lexicon_find(const en_lexicon *lexicon, const char *word, size_t n, en_phones *out);

/* ---- letters.c ---- */
/* Appends what the letters (a-z only) are likely to sound as. */
void en_letters_phones(const en_lexicon *lexicon, const char *word, size_t n, en_phones *out);
/* For it. */
const en_ngram *en_lexicon_ngrams(const en_lexicon *lexicon, size_t *count);
const en_graphone *en_lexicon_graphones(const en_lexicon *lexicon, size_t *count);
int16_t en_lexicon_token(const en_lexicon *lexicon, uint8_t code);

#endif
