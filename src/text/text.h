/* text: what a written text is spoken as.
 *
 *   text.c       START HERE: the stages in order; the result (ev_phones)
 *   markup/      Markdown, HTML and SSML: what is read of them, and where each byte of it stood (markup/marked.h)
 *   scan*.c      UTF-8 to characters with their byte offsets; [pause:..] and [word](/phones/); what is left out
 *   dictionary.c the caller's own pronunciations      transliterate.c  scripts that are not spoken, in Latin letters
 *   notation.h   phones as people write them: the inventory's names, IPA, pinyin
 *   runs.c       which language speaks each stretch; sentence ends
 *   en/          English: normalise, words to phones (en/en.h)
 *   zh/          Mandarin: normalise, segment, readings, sandhi, phones (zh/zh.h); its dictionary (zh/lexicon.h)
 *   content.c    what a sentence says, as it is written
 *   lexicon_file.c  the container of all compiled dictionaries
 *   tokens.c     the published inventory of 502 tokens
 *
 * Data flows down that list to runs.c, then into one language per run, then into the sink, and never back.
 * A language sees characters and writes words and tokens; byte ranges ride along on the characters.
 */
#ifndef EV_TEXT_H
#define EV_TEXT_H

#include "base/base.h"

/* Everything that turning text into phones needs; immutable after open, shared by threads. */
typedef struct ev_text ev_text;

/* lexicon_dir holds zh.lexicon, zh.polyphones, en.lexicon and, for homographs, en.homographs. EV_E_IO, EV_E_FORMAT,
 * EV_E_MEMORY. */
ev_status ev_text_open(ev_text **out, const char *lexicon_dir, ev_error *err);
void ev_text_free(ev_text **text);

/* How a text is read; the fields are those of ev_request. All zero: the defaults. */
typedef struct ev_text_options {
    const char *language;
    ev_markup markup;
    ev_audio_tags audio_tags;
    const ev_dictionary *dictionaries[2];
    bool (*knows_voice)(void *user, const char *name); /* NULL: none but the request's */
    void *voices;                                      /* its user */
} ev_text_options;

/* The work of ev_phones_create(); see emotivoice.h. sentence_phones_max: a longer sentence is split at the best
 * break before that many tokens (commas first, then word boundaries); 0: 400. options NULL: the defaults. */
ev_status ev_text_phones(ev_phones **out, const ev_text *text, const char *utf8, size_t bytes,
                         const ev_text_options *options, size_t sentence_phones_max, ev_error *err);

/* content.c: what each sentence of `phones` says as it is written, without markup and controls such as [pause:1s]:
 * appended to out, sentence i from ends[i - 1] (0 for the first) to ends[i]. The text and options that gave the
 * phones. EV_E_MEMORY. */
ev_status ev_text_content(ev_buf *out, size_t *ends, const char *utf8, size_t bytes, const ev_text_options *options,
                          const ev_phones *phones, ev_error *err);

/* question.c: whether a question asks for a word (what, where, 什么), not for yes or no. */
bool ev_text_asks_for_a_word(const ev_phones *phones, size_t sentence);

/* ---- tokens.c ---- */
#define EV_TOKEN_COUNT 502
const char *ev_token_name(int id);                 /* NULL out of range */
int ev_token_find(const char *name, size_t bytes); /* -1 unknown */

/* ---- between text.c and the languages ---- */

typedef struct ev_char {
    int32_t cp;     /* code point: NFKC-folded where that keeps one character (full-width digits, letters) */
    uint32_t at;    /* byte offset in the caller's text */
    uint32_t bytes; /* length there: of all that it is said for, where it was not written so ("&amp;", an alias) */
} ev_char;

/* How text from byte_begin on is spoken: what SSML asks for. */
typedef struct ev_prosody {
    uint32_t byte_begin;
    float speed, pitch_scale, energy_scale; /* factors; 1: as the request says */
    uint32_t voice;                         /* offset of its name in ev_marked.voices, + 1; 0: the request's */
    char language;                          /* 'e', 'z': of numbers and signs; 0: as they stand */
} ev_prosody;

typedef enum ev_break {                    /* the boundary before the next word; the strongest asked for wins */
                        EV_BREAK_WORD,     /* sp1 / engsp1, or eng_cn_sp between languages */
                        EV_BREAK_COMMA,    /* sp3 / engsp4: a pause */
                        EV_BREAK_FINAL,    /* ends a sentence with '.' */
                        EV_BREAK_QUESTION, /* ends a sentence with '?' */
                        EV_BREAK_EXCLAIM   /* ends a sentence with '!' */
} ev_break;

/* The sink gathers words and tokens in speaking order and puts the boundary marks between them. */
typedef struct ev_sink ev_sink;
/* Starts a word that stands at text[byte_begin, byte_end); spoken: its normalised form (copied). */
void ev_sink_word(ev_sink *sink, const char *language, uint32_t byte_begin, uint32_t byte_end, const char *spoken,
                  size_t spoken_bytes);
void ev_sink_phone(ev_sink *sink,
                   int token); /* adds to the current word; Mandarin adds sp0 between syllables itself */
void ev_sink_break(ev_sink *sink, ev_break kind);
void ev_sink_pause(ev_sink *sink, int ms, uint32_t byte_begin, uint32_t byte_end);
void ev_sink_omit(ev_sink *sink, uint32_t byte_begin, uint32_t byte_end, const char *reason);
/* The same for what is said in another way than it is written: what is said (copied). */
void ev_sink_substituted(ev_sink *sink, uint32_t byte_begin, uint32_t byte_end, const char *reason, const char *said,
                         size_t said_bytes);

/* ---- zh/zh.c: one run of characters spoken in Mandarin, punctuation inside it included ---- */
typedef struct ev_zh ev_zh;
ev_status ev_zh_open(ev_zh **out, const char *lexicon_dir, ev_error *err);
void ev_zh_free(ev_zh **zh);
/* Speaks chars[begin, end) of a text of n; what stands around is looked at, not spoken. Reports breaks for
 * punctuation (also sentence ends). Allocation failure: EV_E_MEMORY; no other error: what cannot be spoken is omitted
 * through the sink. */
ev_status ev_zh_speak(const ev_zh *zh, const ev_char *chars, size_t n, size_t begin, size_t end, ev_sink *sink,
                      ev_error *err);
/* How many characters from chars[i] on (digits, signs, symbols, unit letters: "3.5kg", "50%", "2026-11-23", "-3",
 * "19:30", "A4"? no) the Mandarin normaliser reads as one expression; 0: none. For runs.c, where a number stands
 * in Chinese surroundings. */
size_t ev_zh_claims(const ev_zh *zh, const ev_char *chars, size_t n, size_t i);
bool ev_zh_is_han(int32_t cp);

/* ---- en/en.c: the same for English ---- */
typedef struct ev_en ev_en;
ev_status ev_en_open(ev_en **out, const char *lexicon_dir, ev_error *err);
void ev_en_free(ev_en **en);
ev_status ev_en_speak(const ev_en *en, const ev_char *chars, size_t n, ev_sink *sink, ev_error *err);
size_t ev_en_formula(const ev_char *chars, size_t n, size_t i); /* en/chem.c: past the formula at i; i: none there */
/* en/machine.c: past what a machine or a bank calls something at i, an address or a path, which English reads whole
 * also in Chinese; i: nothing. kind may be NULL. */
typedef enum ev_machine_name { EV_NAME_PATH, EV_NAME_DRIVE, EV_NAME_HARDWARE, EV_NAME_ACCOUNT } ev_machine_name;
size_t ev_en_machine_name(const ev_char *chars, size_t n, size_t i, ev_machine_name *kind);
/* en/in_chinese.c: letters beside Chinese, by their names. Which are letters there, and saying them. */
bool en_letters_in_chinese(const ev_en *en, const char *letters, size_t n, bool digit_follows, bool alone);
bool en_is_chinese_slang(const char *lower, size_t n); /* "yyds": Chinese without a Chinese character */
void ev_en_letters(const ev_en *en, const ev_char *chars, size_t n, ev_sink *sink);

#endif
