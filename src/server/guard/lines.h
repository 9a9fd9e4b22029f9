/* lines: a text file from the operator, read whole and walked line by line; what keys and words share. */
#ifndef SV_GUARD_LINES_H
#define SV_GUARD_LINES_H

#include "base/base.h"

/* The whole file into *out (starts as {0}; empty on failure). EV_E_IO; EV_E_LIMIT above bytes_max; EV_E_MEMORY. */
ev_status sv_read_file(ev_buf *out, const char *path, size_t bytes_max, ev_error *err);

typedef struct sv_line {
    const char *text; /* without blanks at its ends */
    size_t bytes;
    unsigned number; /* from 1 */
} sv_line;

typedef struct sv_lines {
    const char *text;
    size_t bytes, at;
    unsigned number;
} sv_lines; /* {text, bytes, 0, 0} */

/* The next line that is neither empty nor a comment. False at the end. */
bool sv_lines_next(sv_lines *lines, sv_line *line);
/* Cuts a word off the front of the line; 0 bytes when none is left. */
sv_line sv_line_word(sv_line *line);

#endif
