/* sink: what the languages say, in speaking order, until the end is known and the marks can be laid between the
 * words. Only text.c and sink.c look inside; the languages use the calls in text.h. */
#ifndef EV_TEXT_SINK_H
#define EV_TEXT_SINK_H

#include "text/text.h"

/* A word longer than this many tokens goes on as a second word, so that a sentence can always be split. */
enum { EV_SINK_WORD_TOKENS = 96, EV_SINK_SENTENCE_MIN = 16 };

typedef enum ev_token_class { EV_TOKEN_MARK, EV_TOKEN_ENGLISH, EV_TOKEN_INITIAL, EV_TOKEN_FINAL } ev_token_class;
ev_token_class ev_token_classify(int token);

struct ev_sink {
    ev_buf items;     /* sink_item: words, breaks and pauses in order */
    ev_buf words;     /* sink_word */
    ev_buf tokens;    /* int16_t: the words' phones, sp0 included */
    ev_buf spoken;    /* the words' normalised forms, each with its NUL */
    ev_buf omissions; /* ev_omission; spoken: an offset into said + 1, or NULL */
    ev_buf said;      /* what is said for them, each with its NUL */
    size_t word_tokens_max;
};

void ev_sink_init(ev_sink *sink, size_t sentence_phones_max);
void ev_sink_clear(ev_sink *sink);
void ev_sink_given(ev_sink *sink); /* the last word's phones are given by hand */
size_t ev_sink_omissions(const ev_sink *sink);
void ev_sink_forget(ev_sink *sink, size_t omissions); /* those behind the first so many */
/* Lays everything out; prosodies: ev_prosody by position. EV_E_TEXT: no word. EV_E_MEMORY. */
ev_status ev_sink_finish(ev_sink *sink, ev_phones **out, const ev_buf *prosodies, const ev_buf *voices,
                         const char *text, size_t bytes, size_t sentence_phones_max, ev_error *err);

#endif
