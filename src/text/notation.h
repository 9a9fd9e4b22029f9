/* notation: phones as people write them, to tokens.
 *
 *   the inventory's names   "T AH0 M EY1 T OW0", "ch ong2 q ing4" (models/tokens.txt)
 *   pinyin                  "chong2 qing4", "chóngqìng"; every syllable but a neutral one with its tone
 *   IPA                     "təˈmeɪtoʊ", also as misaki and Kokoro write it ("təmˈATO")
 */
#ifndef EV_TEXT_NOTATION_H
#define EV_TEXT_NOTATION_H

#include "base/base.h"

typedef enum ev_notation {
    EV_NOTATION_NONE,    /* an alphabet that is not read here */
    EV_NOTATION_ANY,     /* the first of the three that reads all of it */
    EV_NOTATION_CERTAIN, /* the same, where it could also be a word or a path: IPA must hold a character that is not
                            ASCII */
    EV_NOTATION_TOKENS,
    EV_NOTATION_PINYIN,
    EV_NOTATION_IPA
} ev_notation;

/* SSML's name of an alphabet ("ipa", "x-arpabet", "pinyin", ...); NULL: EV_NOTATION_ANY. */
ev_notation ev_notation_of(const char *alphabet);
/* Appends the tokens (int16_t) of s[0, n). false: it is not understood, and nothing was appended. fault (may be
 * NULL): where the first name stands that the inventory does not have, if others are its; n: nothing like the
 * inventory. */
bool ev_notation_read(ev_buf *tokens, const char *s, size_t n, ev_notation notation, size_t *fault);

/* notation_ipa.c, notation_pinyin.c: the same for one of them. */
bool ev_ipa_read(ev_buf *tokens, const char *s, size_t n);
bool ev_pinyin_read(ev_buf *tokens, const char *s, size_t n);

#endif
