/* words, inside: text as a row of glyphs, which is what listed words and spoken text are compared as. */
#ifndef SV_GUARD_WORDS_H
#define SV_GUARD_WORDS_H

#include "server/guard/guard.h"

typedef enum sv_script {
    SV_ALPHA,    /* an alphabet's letter: words have spaces about them */
    SV_UNSPACED, /* Han, kana, Hangul, Thai ...: a word may begin anywhere */
    SV_DIGIT,
    SV_SIGN /* '@' and its like, which may stand for a letter */
} sv_script;

/* What stood between a glyph and the one before. */
typedef enum sv_gap {
    SV_GAP_NONE,
    SV_GAP_SIGN,  /* signs: s-e-x */
    SV_GAP_MARK,  /* punctuation, as it stands between words: "he'll", "one,two" */
    SV_GAP_BLANK, /* blanks and new lines, with or without signs */
    SV_GAP_WIDE   /* punctuation and a blank: what follows is another word */
} sv_gap;

typedef struct sv_glyph {
    int32_t letter;      /* folded */
    uint8_t script, gap; /* sv_script; sv_gap before it */
    bool stands_in;      /* a digit or sign read as a letter */
    bool after_pause;    /* a pause that is not looked at stood before it */
    uint32_t byte_begin, byte_end;
} sv_glyph;

/* How a text may be read. The first reading takes it as it stands, the others take digits and signs that stand among
 * letters for letters; the last reads '1' as l, not i, and a capital by its small form, not by its looks. */
typedef enum sv_reading { SV_READ_PLAIN, SV_READ_DIGITS, SV_READ_OTHER, SV_READINGS } sv_reading;

typedef struct sv_folder { /* the look-alikes, sorted */
    struct sv_look {
        int32_t looks, letter;
    } * looks; /* owned */
    size_t count;
} sv_folder;

typedef struct sv_word { /* of a list */
    const char *rule;
    const char *text; /* without its stars; not terminated */
    size_t bytes;
    bool open_begin, open_end;
} sv_word;

sv_word sv_words_at(const sv_words *words, size_t i);

ev_status sv_folder_init(sv_folder *folder, ev_error *err);
void sv_folder_free(sv_folder *folder);
/* Bytes of the control that begins with the '[' at text[at]: [pause:500ms]; [word](/phones/). 0: there is none. */
size_t sv_pause_bytes(const char *text, size_t bytes, size_t at);
size_t sv_phones_bytes(const char *text, size_t bytes, size_t at);
/* Appends the text's sv_glyphs to *glyphs (starts as {0}), pauses passed over if it is read as spoken.
 * *readings: how many of the readings could differ, 1..3.
 * EV_E_TEXT with the byte, EV_E_MEMORY, EV_E_LIMIT. */
ev_status sv_fold(const sv_folder *folder, const char *text, size_t bytes, sv_reading reading, bool spoken,
                  ev_buf *glyphs, unsigned *readings, ev_error *err);

#endif
