/* marked: the text as it is to be read once its markup is understood, and where each byte of that came from.
 *
 *   markup.c        START HERE: which kind of markup
 *   block.c         Markdown at the beginning of a line: headings, lists, quotes, tables, fences, definitions
 *   inline.c        Markdown in a line: emphasis, links, code, escapes; audio tags
 *   math.c          formulas as LaTeX writes them
 *   reference.c     character references
 *   write.c         the marked text as it grows, what all of these share
 *   tag.c           one tag of HTML or SSML in running text
 *   element.c       what an element means, whoever found it
 *   value.c         the values of SSML's attributes; <say-as>
 *   ssml.c          a document <speak>: expat finds its elements
 *
 * Every pass is linear in the text whatever it holds: nothing looks ahead without a bound or a memory of having
 * looked. Without memory for more, text and origins stop growing together, at the same byte: whoever looks back at
 * what was written needs no check, and ev_markup_read reports it at the end.
 */
#ifndef EV_TEXT_MARKUP_MARKED_H
#define EV_TEXT_MARKUP_MARKED_H

#include "text/text.h"

/* The bytes of the caller's text that a byte of the marked text stands for. EV_VOID: markup that is not read. */
typedef struct ev_origin {
    uint32_t begin, end;
} ev_origin;
#define EV_VOID UINT32_MAX

/* Something between the bytes: a pause, or phones for the word that stood there. */
typedef struct ev_insert {
    size_t at;                     /* in the marked text */
    uint32_t byte_begin, byte_end; /* in the caller's */
    int pause_ms;                  /* 0: phones */
    size_t token_begin, token_end; /* into tokens */
} ev_insert;

typedef struct ev_marked {
    ev_buf text;      /* UTF-8 */
    ev_buf origins;   /* ev_origin, one a byte */
    ev_buf inserts;   /* ev_insert, by position */
    ev_buf tokens;    /* int16_t */
    ev_buf prosodies; /* ev_prosody, by position */
    ev_buf voices;    /* names that they refer to, NUL-terminated */
    bool plain;       /* text and origins are empty: the caller's bytes are the text */
} ev_marked;

/* Reads the markup. What is left out goes to the sink. EV_E_TEXT: SSML was asked for and the text is not well-formed;
 * the message gives the byte. EV_E_MEMORY. Whatever it returns, ev_marked_clear. */
ev_status ev_markup_read(ev_marked *marked, const char *text, size_t bytes, const ev_text_options *options,
                         ev_sink *sink, ev_error *err);
void ev_marked_clear(ev_marked *marked);

/* ---- inside ---- */

enum {
    MARKUP_DEPTH = 32,
    MARKUP_ATTRIBUTES = 16,
    MARKUP_TAG_BYTES = 4096,
    MARKUP_RUNS = 32,
    MARKUP_VOICE_MAX = 128,
    MARKUP_TICKS = 16
};

typedef struct markup_attribute {
    const char *name, *value; /* NUL-terminated; names lower case, without prefix but "xml:lang" is "lang" */
} markup_attribute;

typedef struct markup_tag {
    char name[24]; /* lower case; a prefix "ssml:" is gone */
    size_t begin, end;
    bool closing, empty; /* </name>, <name/> */
    size_t attribute_count;
    markup_attribute attributes[MARKUP_ATTRIBUTES];
    char values[MARKUP_TAG_BYTES];
} markup_tag;

/* What stands open, from its tag to its end. */
typedef struct markup_element {
    char name[24];
    int what;                      /* element.c */
    size_t begin, content;         /* in the caller's text: the tag, what follows it */
    size_t out, inserts;           /* what was written before it */
    size_t value;                  /* into values: an alias, or what <say-as> asks for; NUL-terminated */
    size_t format;                 /* likewise: how a date is written */
    size_t token_begin, token_end; /* phones */
    ev_prosody outer;              /* how it was spoken before */
} markup_element;

typedef struct markup_run { /* marks of emphasis that may open */
    size_t out, left;
    char c;
} markup_run;

typedef struct markup {
    const char *text;
    size_t bytes;
    const ev_text_options *options;
    ev_marked *out;
    ev_sink *sink;
    ev_buf values; /* of the open elements */
    markup_element elements[MARKUP_DEPTH];
    size_t depth;
    ev_prosody prosody;
    bool ssml; /* between <speak> and </speak> */
    /* Markdown */
    markup_run runs[MARKUP_RUNS];
    size_t run_count;
    size_t brackets[MARKUP_RUNS]; /* places of '[' in the marked text that may open a link */
    size_t bracket_count;
    bool definitions; /* the text defines link addresses */
    bool ends_line;   /* the line is a sentence by itself: a heading, a row, an item */
    bool item;        /* an item, which goes on in an indented line */
    bool table;
    char fence; /* '`', '~' inside a fenced block */
    size_t fence_length;
    /* memory of failed searches: the other half is not there before these places */
    size_t no_code[MARKUP_TICKS]; /* by the length of the run of backticks */
    size_t no_address, no_comment;
    size_t no_math[4]; /* by how a formula closes: "\\)", "\\]", "$", "$$" */
    uint32_t no_raw;   /* bit i: the closing tag of raw element i is not in the rest of the text */
} markup;

/* write.c */
void markup_copy(markup *m, size_t begin, size_t end);                         /* as it stands */
void markup_put(markup *m, const char *s, size_t n, size_t begin, size_t end); /* s, for text[begin, end) */
void markup_void(markup *m, size_t begin, size_t end);                         /* kept in place, not read */
void markup_end_line(markup *m, size_t at);                                    /* what is before is a sentence */
void markup_comma(markup *m, size_t at);                                       /* unless a mark stands there */
void markup_pause(markup *m, int ms, size_t begin, size_t end);
void markup_omit(markup *m, size_t begin, size_t end, const char *reason);
bool markup_at_line_start(const markup *m); /* nothing was written since the last line end */
static inline char markup_char(const markup *m, size_t at) { return (char)(at < m->bytes ? m->text[at] : 0); }
const char *markup_attribute_of(const markup_tag *tag, const char *name); /* NULL: none */
void markup_end_paragraph(markup *m);               /* emphasis and brackets do not reach over it */
size_t markup_line_end(const markup *m, size_t at); /* its '\n', or the end */
static inline bool markup_is_graphic(char c) { return c > ' ' && c < 0x7F; } /* ASCII, whatever sign char has */
static inline bool markup_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static inline bool markup_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool markup_is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

/* block.c: at the beginning of a line; where reading goes on. */
size_t markup_block(markup *m, size_t at);
/* inline.c: one step; where reading goes on. */
size_t markup_inline(markup *m, size_t at);
/* math.c: a formula at '$' or '\\': where reading goes on, 0: there is none. */
size_t markup_math(markup *m, size_t at);
/* reference.c: "&amp;" at `at`: its bytes, 0 for none; the character's UTF-8 in out. */
size_t markup_reference(const char *text, size_t bytes, size_t at, char out[8], size_t *n);
/* tag.c: a tag, a comment or "<https://...>" at '<': where reading goes on, 0: it is text. */
size_t markup_tag_at(markup *m, size_t at);
/* element.c */
bool markup_is_known(const markup *m, const char *name);
int markup_raw_index(const char *name); /* of an element whose content is no text (<script>), 0..31; -1: not one */
void markup_open(markup *m, const markup_tag *tag);
void markup_close(markup *m, const char *name, size_t begin, size_t end); /* the closing tag's bytes */
void markup_close_all(markup *m); /* at the end: what was never closed changes nothing */
/* value.c */
int markup_break_ms(const char *time, const char *strength);     /* -1: not understood */
bool markup_prosody(ev_prosody *prosody, const markup_tag *tag); /* false: a value is not understood */
/* Writes `content` (with its origins) as interpret-as asks for; false: it is not understood, and as it was. */
bool markup_say_as(markup *m, const char *as, const char *format, const char *content, const ev_origin *origins,
                   size_t n);
/* ssml.c: *well_formed: it is, and was read. EV_E_TEXT where SSML was asked for and it is not. */
ev_status markup_ssml(markup *m, bool *well_formed, ev_error *err);

#endif
