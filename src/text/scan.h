/* scan: the caller's bytes as characters with their places, and the inline controls between them. */
#ifndef EV_TEXT_SCAN_H
#define EV_TEXT_SCAN_H

#include "text/markup/marked.h"

enum { EV_SCAN_PAUSE_MS_MAX = 10000 };

/* [pause:500ms], or [word](/phones/), or phones from elsewhere, standing before chars[char_at]. */
typedef struct ev_control {
    size_t char_at;
    uint32_t byte_begin, byte_end; /* pause: the whole control; phones: the written word inside the brackets */
    int pause_ms;                  /* 0: phones */
    size_t token_begin, token_end; /* into tokens */
} ev_control;

typedef struct ev_scan {
    ev_buf chars;    /* ev_char */
    ev_buf controls; /* ev_control */
    ev_buf tokens;   /* int16_t */
} ev_scan;

/* The marked text of text[0, bytes) to characters. Reports what is left out to the sink. EV_E_TEXT: invalid UTF-8, a
 * bad control, an unknown phone (with its offset). EV_E_LIMIT: the dictionaries make too much of the text. Whatever
 * it returns, ev_scan_clear. */
ev_status ev_scan_text(ev_scan *scan, const ev_marked *marked, const char *text, size_t bytes,
                       const ev_dictionary *const dictionaries[2], ev_sink *sink, ev_error *err);
void ev_scan_clear(ev_scan *scan);

bool ev_is_latin(int32_t cp); /* a letter of the Latin script, accented or not */

/* runs.c: hands each stretch to its language. hint: 'e', 'z', or 0, for numbers among no words. */
ev_status ev_runs_speak(const ev_scan *scan, const ev_marked *marked, const ev_en *en, const ev_zh *zh, char hint,
                        const char *text, ev_sink *sink, ev_error *err);

#endif
