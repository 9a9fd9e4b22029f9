/* zh: what the files of the Mandarin module share. The way through it:
 *
 *   zh.c            START HERE: characters to phrases; opening; what happens to each phrase
 *   expression.c    which kind of expression stands at a digit or sign
 *   date.c          dates; clock.c: times of day, scores
 *   digits.c        telephone numbers and what else is read digit by digit by its shape
 *   name.c          figures that are names: of rooms, trains, models, hot lines
 *   amount.c        a number with what it counts: percent, units, money
 *   quantity.c      amounts in company: ranges, fractions, products
 *   idiom.c         sayings with figures in them
 *   unit.c          the units; money.c: the currencies
 *   roman.c         roman numerals
 *   sign.c          signs
 *   number.c        numerals written out, and looking around in the characters
 *   segment.c       a phrase into words
 *   reading.c       words into syllables, er-hua
 *   polyphone.c     readings of characters that have several, by weights learnt from read text
 *   context.c       readings of single characters by their neighbours, by rule
 *   sandhi.c        tones that change in company
 *   syllable.c      syllables into tokens
 *
 * A phrase is what stands between two breaks. It grows while characters come in, in simplified characters with the
 * byte range that each came from, and is spoken and emptied at the break.
 */
#ifndef EV_TEXT_ZH_H
#define EV_TEXT_ZH_H

#include "text/zh/lexicon.h"
#include "text/text.h"

/* ---- syllables (syllable.c) ---- */

enum { ZH_INITIALS = 23, ZH_FINALS = 38, ZH_TONES = 5 }; /* initial 0 is none */

typedef struct zh_syllable {
    uint8_t initial, final, tone; /* tone 1..5 */
    bool retroflex;               /* er-hua */
    bool fixed;                   /* the tone is said as it stands: no sandhi for 一 */
    uint32_t at;                  /* the character it reads */
} zh_syllable;

/* What section NAME of the lexicon must say; storage of the caller. */
void zh_syllable_names(char *out, size_t capacity);
bool zh_syllable_unpack(zh_syllable *out, uint16_t packed); /* false: not a syllable */
/* Token ids of a syllable: at most 3 (initial, final, er5), at least 1. */
size_t zh_syllable_tokens(const ev_zh *zh, const zh_syllable *s, int out[3]);

typedef struct zh_polyphones zh_polyphones;

struct ev_zh {
    ev_lexicon *lexicon;
    zh_polyphones *polyphones;
    int16_t initials[ZH_INITIALS];                 /* token ids; -1 for none */
    int16_t finals[ZH_FINALS][ZH_TONES];           /* every one a token */
    int16_t retroflex_finals[ZH_FINALS][ZH_TONES]; /* -1: the inventory has none; base and er5 instead */
    int16_t er5;
};
bool zh_syllable_tables(ev_zh *zh); /* fills the tables; false: the inventory lacks a base final (our bug) */

/* ---- phrases ---- */

enum {
    ZH_START = 1, /* a word starts here */
    ZH_JOIN = 2,  /* same word as the character before */
    ZH_FIXED = 4  /* 一 keeps its first tone: digit strings, ordinals, dates */
};

typedef struct zh_char {
    int32_t cp;
    uint32_t begin, end; /* bytes in the caller's text */
    uint32_t flags;
} zh_char;

typedef struct zh_word {
    uint32_t begin, end;  /* characters */
    uint32_t first, last; /* syllables [first, last) */
    uint32_t node;        /* in the lexicon, 0: not a word of it */
    char class;           /* part of speech: n v a d m q r p c u ..., 'm' for numerals, 0 unknown */
} zh_word;

/* Growing arrays of one phrase; storage is kept between phrases. */
typedef struct zh_phrase {
    ev_buf chars, words, syllables, scratch;
} zh_phrase;

static inline zh_char *zh_chars(const zh_phrase *p) { return (zh_char *)(void *)p->chars.data; }
static inline size_t zh_char_count(const zh_phrase *p) { return ev_array_count(&p->chars, zh_char); }
static inline zh_word *zh_words(const zh_phrase *p) { return (zh_word *)(void *)p->words.data; }
static inline size_t zh_word_count(const zh_phrase *p) { return ev_array_count(&p->words, zh_word); }
static inline zh_syllable *zh_syllables(const zh_phrase *p) { return (zh_syllable *)(void *)p->syllables.data; }
static inline size_t zh_syllable_count(const zh_phrase *p) { return ev_array_count(&p->syllables, zh_syllable); }

void zh_segment(const ev_zh *zh, zh_phrase *p);             /* chars -> words */
void zh_read(const ev_zh *zh, zh_phrase *p, ev_sink *sink); /* words -> syllables */
/* polyphone.c. What the weights say of the character at i of a word, given what the lexicon says (packed
 * syllables); `lexical` where they do not know better. listed: the lexicon has a reading of the whole word. EV_E_IO,
 * EV_E_FORMAT, EV_E_MEMORY. */
ev_status zh_polyphones_open(zh_polyphones **out, const char *path, const char *names, ev_error *err);
void zh_polyphones_free(zh_polyphones **polyphones);
uint16_t zh_polyphone(const ev_zh *zh, const zh_phrase *p, size_t word, size_t i, uint16_t lexical, bool listed);
zh_syllable zh_read_alone(const ev_zh *zh, const zh_phrase *p, size_t word, zh_syllable usual); /* context.c */
void zh_sandhi(const ev_zh *zh, zh_phrase *p);                                                  /* tones in place */

/* Character of a phrase, 0 outside it; i may be SIZE_MAX (before the first). */
static inline int32_t zh_cp(const zh_phrase *p, size_t i) { return i < zh_char_count(p) ? zh_chars(p)[i].cp : 0; }
bool zh_in(int32_t cp, const char *utf8_set); /* cp is one of the characters of a UTF-8 string; false for 0 */
bool zh_is_numeral(int32_t cp);               /* 零〇一二两三...九十百千万亿 */

/* ---- normalising ---- */

/* Where written-out expressions go: a phrase, or nowhere when only the length is asked for. */
typedef struct zh_out {
    zh_phrase *phrase;   /* NULL: measure only */
    uint32_t begin, end; /* bytes that the next characters stand for */
} zh_out;

void zh_put_char(zh_phrase *p, int32_t cp, uint32_t begin, uint32_t end, uint32_t flags);
void zh_put(zh_out *out, const char *utf8,
            uint32_t flags); /* the flags are those of each; ZH_JOIN: from the second on */

/* The characters given to the normaliser. Reading past either end gives 0. */
typedef struct zh_view {
    const ev_char *chars;
    size_t n;
} zh_view;
static inline int32_t zh_at(const zh_view *v, size_t i) { return i < v->n ? v->chars[i].cp : 0; }
static inline bool zh_digit(const zh_view *v, size_t i) { return zh_at(v, i) >= '0' && zh_at(v, i) <= '9'; }

/* Looking around (number.c). Every look is bounded, so that hostile text costs no more than its length. */
enum { ZH_DIGITS_MAX = 64, ZH_LOOK_BACK = 10 };
size_t zh_count_digits(const zh_view *v, size_t i);           /* at most ZH_DIGITS_MAX */
uint64_t zh_value(const zh_view *v, size_t i, size_t digits); /* at most 18 digits */
bool zh_letter(int32_t cp);                                   /* A-Z a-z */
bool zh_is_range_mark(int32_t cp);                            /* - ~ and the like */
/* Characters of utf8 if it stands at i, else 0. */
size_t zh_follows(const zh_view *v, size_t i, const char *utf8);
/* utf8 ends right before i; stands within ZH_LOOK_BACK characters before i. */
bool zh_precedes(const zh_view *v, size_t i, const char *utf8);
/* The same for the first of a list "高校|院校|大学" that does. */
size_t zh_follows_any(const zh_view *v, size_t i, const char *list);
bool zh_precedes_any(const zh_view *v, size_t i, const char *list);
bool zh_mentioned(const zh_view *v, size_t i, const char *utf8);
/* What is put next stands for the characters [begin, end). */
void zh_range(zh_out *out, const zh_view *v, size_t begin, size_t end);

/* A number as written: digits, thousands commas, a decimal part. */
typedef struct zh_number {
    char digits[ZH_DIGITS_MAX + 1], decimals[ZH_DIGITS_MAX + 1];
    size_t begin, end;
    bool commas;
} zh_number;

bool zh_number_parse(const zh_view *v, size_t i, zh_number *out); /* false: no digit at i */
/* 1005 一千零五. two: the lone number 2 is 两. More than 16 digits are read one by one. */
void zh_put_cardinal(zh_out *out, const char *digits, bool two, uint32_t flags);
void zh_put_digits(zh_out *out, const char *digits, size_t group, bool yao);   /* one by one, in words of `group` */
void zh_put_number(zh_out *out, const zh_number *n, bool two, uint32_t flags); /* with the decimal part */

/* Each: the characters of such an expression at i, written out; 0: none there. */
size_t zh_date(const zh_view *v, size_t i, zh_out *out);
size_t zh_clock(const zh_view *v, size_t i, zh_out *out);
size_t zh_score(const zh_view *v, size_t i, zh_out *out);
/* The list of results with this mark that the one at i stands in (score.c): how many, where it ends; some first
 * figure is above its second; some cannot be a time of day. */
typedef struct zh_results {
    size_t count, begin, end;
    bool falls, no_times;
} zh_results;
zh_results zh_results_around(const zh_view *v, size_t i, int32_t mark);
size_t zh_digit_string(const zh_view *v, size_t i, zh_out *out);
size_t zh_quantity(const zh_view *v, size_t i, zh_out *out);
size_t zh_sign(const zh_view *v, size_t i, zh_out *out);
size_t zh_name(const zh_view *v, size_t i, zh_out *out);
size_t zh_standard(const zh_view *v, size_t i, zh_out *out); /* GB/T 7714-2015; name.c */
const char *zh_dash(const zh_view *v, size_t i); /* 到 where a dash at i joins what is counted alike, else NULL */
size_t zh_roman(const zh_view *v, size_t i, zh_out *out);
/* Figures [at, at + count) one by one, in groups as they are dictated. */
void zh_put_name(const zh_view *v, size_t at, size_t count, zh_out *out, bool yao);
size_t zh_expression(const zh_view *v, size_t i, zh_out *out);

/* A unit at i ("km/h"), also past one space: its characters; 0: none. Each by `per`: 公里 每 小时; NULL: alone. */
typedef struct zh_measure {
    const char *name, *per;
} zh_measure;
size_t zh_unit(const zh_view *v, size_t i, zh_measure *out);
size_t zh_unit_below(const zh_view *v, size_t i, const char **name); /* what may stand behind '/' */
/* "HK$" of "HK$20", the space after it too; "USD" of "20 USD": characters, 0: none. */
size_t zh_currency_before(const zh_view *v, size_t i, const char **name);
size_t zh_currency_after(const zh_view *v, size_t i, const char **name);

/* A number and what it counts (amount.c). Parsed whole before anything is written, since Mandarin turns the order
 * around: 50% is 百分之五十, ¥3.5万 is 三点五万元. */
typedef struct zh_amount {
    zh_number number;
    bool negative, plus;
    const char *prefix;   /* 百分之 and the like */
    const char *scale;    /* 万 of "300w" */
    zh_measure unit;      /* name NULL: none */
    const char *currency; /* that stood before the number or after it */
    size_t han;           /* characters of 万, 亿 ... after the number, when the currency stood before it */
    size_t begin, end;
} zh_amount;

bool zh_amount_take(const zh_view *v, size_t i, zh_amount *out);
/* context: where what it counts stands, for 2 as 两. */
void zh_amount_put(const zh_view *v, zh_out *out, const zh_amount *a, size_t context);
bool zh_amount_plain(const zh_amount *a); /* digits alone: no point, unit, currency, percent */
/* The numeral as the saying has it around the figures [i, i + digits); false: none there (idiom.c). */
bool zh_idiom(const zh_view *v, size_t i, size_t digits, char out[8]);
bool zh_calls_a_year(const zh_view *v, const zh_number *n);

#endif
