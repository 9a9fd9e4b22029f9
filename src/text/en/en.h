/* en: inside the English module.
 *
 *   en.c            START HERE: characters to ASCII classes, the matchers in order, punctuation, the way out
 *   work.c          what every matcher asks of the characters, and how it puts words
 *   net.c           addresses, file names, hashtags
 *   machine.c       paths, addresses of network cards, numbers of bank accounts
 *   money.c         money
 *   date.c          dates, times      phone.c  telephone numbers, versions, IP addresses
 *   cite.c          verses, standards, "0615 hrs"     chem.c  formulas
 *   ident.c         digits that are names: cards, codes, flights     address.c  streets, states
 *   measure.c       numbers in text: ordinals, ranges, percent, years      fraction.c  fractions, powers
 *   quantity.c      a number and its unit, rates, doses
 *   units.c         units of measure      length.c  feet and inches by their marks
 *   number.c        digits to number words
 *   abbrev.c        abbreviations, initials      roman.c  roman numerals
 *   token.c         words: contractions, acronyms, camelCase, elongation
 *   sign.c          signs between them, keys of a telephone
 *   heteronym.c     which of two pronunciations, by rules; weak forms of function words
 *   homograph.c     the same by a trained model, for which the rules are a hint
 *   words.c         a word to phones: what is known, what follows, letters
 *   phones.c        phones by name; our list and the lexicon
 *   derive.c        words made of known ones: endings, prefixes, compounds, British spellings
 *   letters.c       a word that nobody knows, by its letters
 *   lexicon.c       en.lexicon
 *   lists.c         our list of words, letter names, what is said letter by letter
 *
 * Matchers look at s (one class byte per character) from i on and answer how many characters they have put into
 * words; 0: not mine. Look-ahead is bounded or remembered, so that the whole stays linear in the text.
 */
#ifndef EV_TEXT_EN_H
#define EV_TEXT_EN_H

#include "text/text.h"

typedef struct en_lexicon en_lexicon;
typedef struct en_homographs en_homographs;

struct ev_en {
    en_lexicon *lexicon;       /* lexicon.h */
    en_homographs *homographs; /* homograph.h; NULL: rules alone */
};

/* Classes of characters that are not ASCII, in s. */
enum { EN_EM_DASH = 1, EN_EN_DASH, EN_ELLIPSIS, EN_STOP, EN_SYMBOL, EN_LEAD };

typedef struct en_word {
    uint32_t text, bytes; /* spoken form in work->text, NUL-terminated; lower case unless spelled */
    uint32_t begin, end;  /* characters */
    uint8_t before;       /* ev_break in front of it */
    bool spell;           /* letters by name: "F B I", "C P Us", "F B I's" */
    bool capital;         /* written with a capital first letter */
    bool number;          /* part of a number: no weak form */
    bool plural;          /* phones is the stem's: the ending -s is still to come */
    const char *phones;   /* pronunciation chosen by context, e.g. "R IY1 D"; NULL: look it up */
} en_word;

typedef struct en_work {
    const ev_en *en;
    const ev_char *chars;
    char *s; /* [n + EN_PAD], NUL-padded */
    size_t n;
    ev_buf words;      /* en_word */
    size_t menu_until; /* "A > B": a path of menus goes on to here */
    ev_buf text;
    ev_sink *sink;
    uint32_t span_begin, span_end; /* characters that the next words stand for */
    bool span_number, span_capital;
    uint8_t pending;      /* break before the next word */
    size_t net_checked;   /* no address starts before here */
    size_t shout_until;   /* up to here: */
    bool shouting;        /* the sentence is in capitals throughout */
    size_t sentence_from; /* index into words: first of this sentence */
    size_t line_begin;
    size_t day_open; /* a weekday that begins here ends a range */
    size_t code_end; /* a number read digit by digit ended here: what "or" adds is read so too */
} en_work;

enum { EN_PAD = 8, EN_WORD_LETTERS = 60 };

/* ---- en.c: putting words ---- */
void en_span(en_work *w, size_t begin, size_t end); /* what follows stands for chars[begin, end) */
void en_put(en_work *w, const char *phrase);        /* words separated by spaces; "," asks for a pause */
void en_put_n(en_work *w, const char *word, size_t n);
void en_put_letters(en_work *w, const char *letters, size_t n, const char *suffix); /* "FBI", "" | "s" | "'s" */
void en_break(en_work *w, ev_break kind);
en_word *en_word_at(const en_work *w, size_t index);
size_t en_word_count(const en_work *w);
const char *en_word_text(const en_work *w, const en_word *word);
const char *en_previous(const en_work *w); /* the last word of this sentence put so far, or "" */

/* ---- en.c: looking at characters ---- */
static inline bool en_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool en_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool en_is_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline bool en_is_alpha(char c) { return en_is_upper(c) || en_is_lower(c); }
static inline bool en_is_alnum(char c) { return en_is_alpha(c) || en_is_digit(c); }
/* The figure of one above the line, "²"; 0: it is none. */
static inline char en_raised(int32_t cp) {
    if (cp == 0xB9 || cp == 0xB2 || cp == 0xB3) return cp == 0xB9 ? '1' : cp == 0xB2 ? '2' : '3';
    return (char)(cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079) ? '0' + cp - 0x2070 : 0);
}
static inline bool en_is_space(char c) { return c == ' ' || c == '\n'; }
static inline char en_lower(char c) { return (char)(en_is_upper(c) ? c + 32 : c); }
static inline bool en_is_dash(char c) { return c == '-' || c == EN_EN_DASH || c == EN_EM_DASH; }
size_t en_digits_end(const en_work *w, size_t i);    /* past the digits at i */
size_t en_letters_end(const en_work *w, size_t i);   /* past the letters at i (at most EN_WORD_LETTERS + 1) */
size_t en_skip_spaces(const en_work *w, size_t i);   /* past at most 4 spaces, no newline */
size_t en_before_spaces(const en_work *w, size_t i); /* the character before i, at most 4 spaces skipped; 0 at 0 */
bool en_starts(const en_work *w, size_t i, const char *lower);  /* s[i..] is this, case aside */
bool en_word_is(const en_work *w, size_t i, const char *lower); /* the same, and no letter or digit follows */
bool en_ends_sentence(const en_work *w, size_t i); /* after an abbreviation's '.': does a new sentence start at i? */
bool en_starts_sentence(const en_work *w, size_t i);           /* a word that likes to begin one, in any case */
bool en_in_list(const char *list, const char *word, size_t n); /* list: " word word word " */
bool en_word_in(const en_work *w, size_t i, const char *list); /* the letters at i are one of its words */
bool en_previous_in(const en_work *w, const char *list);       /* the word that was put last is, in this sentence */
bool en_shouting(en_work *w, size_t i);
bool en_vowel_letter(char c);

/* ---- matchers: characters used, 0 for none ---- */
size_t en_match_net(en_work *w, size_t i);
size_t en_match_money(en_work *w, size_t i);
size_t en_say_per(en_work *w, size_t end); /* what "/month", "/kg" at `end` asks for; returns its end, or `end` */
size_t en_match_phone(en_work *w, size_t i);
size_t en_match_dotted_number(en_work *w, size_t i);
size_t en_match_address(en_work *w, size_t i);
/* Behind a street that ends at `end`: "NW", "N.", but no initial ("Main St. E. Johnson"). Its word, its first
 * character, and *stop past it; NULL: none. */
const char *en_compass_behind(const en_work *w, size_t end, size_t *begin, size_t *stop);
size_t en_match_machine(en_work *w, size_t i);
size_t en_match_identifier(en_work *w, size_t i);
size_t en_match_citation(en_work *w, size_t i);
size_t en_match_formula(en_work *w, size_t i);
size_t en_match_date(en_work *w, size_t i);
size_t en_match_time(en_work *w, size_t i);
size_t en_match_number(en_work *w, size_t i);
size_t en_match_abbreviation(en_work *w, size_t i);
size_t en_match_roman(en_work *w, size_t i);
size_t en_match_word(en_work *w, size_t i);
size_t en_match_symbol(en_work *w, size_t i);
size_t en_match_chat(en_work *w, size_t i);
size_t en_match_key(en_work *w, size_t i);
size_t en_match_rate(en_work *w, size_t i); /* "km/h" without a number */
size_t en_match_dose(en_work *w, size_t i); /* "q8h" */

/* ---- number.c ---- */
typedef struct en_number {
    size_t begin, end;           /* characters */
    size_t whole_end;            /* past the integer part, commas included */
    size_t fraction, fraction_n; /* decimals; fraction_n 0: none */
    char digits[20];             /* integer part without commas, NUL-terminated when it fits */
    size_t digit_count;          /* may exceed the array: then it is said digit by digit */
    bool grouped;                /* had commas */
} en_number;
bool en_parse_number(const en_work *w, size_t i, en_number *out); /* "1,234.5", ".5"; no sign */
void en_say_number(en_work *w, const en_number *number);
void en_say_cardinal(en_work *w, const char *digits, size_t n);
void en_say_ordinal(en_work *w, const char *digits, size_t n, const char *suffix); /* "", "s" */
void en_say_digits(en_work *w, size_t begin, size_t end);                          /* digits of s, one by one */
void en_say_year(en_work *w, long year);
void en_say_integer(en_work *w, long value);
bool en_is_one(const en_number *number);       /* exactly 1: singular */
long en_number_value(const en_number *number); /* integer part; LONG_MAX where it is too large */

/* ---- units.c, fraction.c ---- */
typedef struct en_unit {
    size_t end;           /* past the unit */
    const char *singular; /* NULL: none */
    const char *plural;
    bool per; /* "/" and another unit or word follows */
} en_unit;
en_unit en_unit_at(const en_work *w, size_t i); /* what stands right after a number, "kg" or " km/h" */
void en_say_unit(en_work *w, const en_unit *unit, bool singular);
const char *en_scale_at(const en_work *w, size_t i, size_t *end); /* " million", "bn", "M": spoken, or NULL */
size_t en_match_fraction(en_work *w, const en_number *first,
                         size_t begin); /* past it; 0: none. "3/4", "2 1/3", "2½" */

size_t en_match_measured(en_work *w, const en_number *n, size_t begin); /* "5 kg", "12V battery"; past it, 0: none */
size_t en_match_power(en_work *w, const en_number *n, size_t begin);    /* 10⁶, 3 × 10⁸ m/s; past it, 0: none */
size_t en_match_scientific(en_work *w, const en_number *n, size_t begin); /* 1e-5 */

/* ---- length.c: past what is said; 0: none ---- */
bool en_join_eras(en_work *w, size_t i); /* the dash of "753 BC – 476 AD" at i, as "to" */
size_t en_match_length(en_work *w, const en_number *n, size_t begin); /* 6'2", 12" */
size_t en_behind_fraction(en_work *w, size_t begin, size_t end);      /* the mark and the x behind 8 1/2 */

/* ---- net.c ---- */
void en_say_address(en_work *w, size_t begin, size_t end, bool file);

/* ---- ident.c ---- */
void en_say_pairs(en_work *w, size_t begin, size_t end); /* digits: "twelve thirty four" */
void en_say_each(en_work *w, size_t i, size_t end);      /* figures and letters, one by one */
bool en_code_near(const en_work *w);                     /* ... of a code */
bool en_flight_near(const en_work *w);                   /* the last words speak of a flight */

/* ---- date.c ---- */
void en_say_date(en_work *w, long year, int month, int day); /* year 0: none */
bool en_valid_day(long month, long day);
bool en_behind_date(const en_work *w); /* "or" and the like was put last, and a date in front of it */
int en_month_at(const en_work *w, size_t i, size_t *end); /* 1..12 where a month name or abbreviation stands */
/* ---- token.c ---- */
void en_say_token(en_work *w, size_t begin, size_t end); /* letters and apostrophes s[begin, end) as a word */

/* ---- heteronym.c ---- */
void en_choose(en_work *w); /* sets en_word.phones where the neighbours decide */
bool en_heteronym_at(size_t index, const char **word, const char *phones[2]); /* for tests; false past the last */

/* ---- words.c ---- */
enum { EN_PHONES_MAX = 256 };
typedef struct en_phones {
    int16_t tokens[EN_PHONES_MAX];
    size_t count;
} en_phones;
void en_pronounce(const ev_en *en, const char *word, size_t n, en_phones *out);
void en_spell(const char *text, en_phones *out);                  /* "F B I", "C P Us" */
void en_parse_phones(const char *arpabet, en_phones *out);        /* "HH AH0 L OW1" */
void en_add_s(en_phones *phones);                                 /* the ending -s: [S], [Z] or [IH0] [Z] */
bool en_last_phone_is(const en_phones *phones, const char *list); /* one of "[S][Z]" */
bool en_known_phones(const ev_en *en, const char *word, size_t n, en_phones *out); /* our list or the lexicon */
bool en_known(const ev_en *en, const char *word, size_t n);                        /* in our list or the lexicon */

/* ---- derive.c ---- */
/* A word (letters a-z) that is made of known ones: appends its phones, or false and nothing. */
bool en_derive(const ev_en *en, const char *word, size_t n, en_phones *out);

/* ---- lists.c ---- */
const char *en_list_phones(const char *word, size_t n);    /* our own list, NULL */
bool en_list_is_letters(const char *lower, size_t n);      /* said by its letters whatever it looks like: "usa" */
bool en_list_is_acronym_word(const char *lower, size_t n); /* said as a word though in capitals: "nasa" */
bool en_list_is_common(const char *lower, size_t n);       /* an everyday short word, also when shouted: "not" */
size_t en_list_count(void);                                /* for tests, with the next */
const char *en_list_word(size_t index);
extern const char *const en_letter_names[26];

#endif
