/* lexicon_file: the container of compiled dictionaries and models, a check sum and named sections in one file
 * (training/lexicons.py writes it). What the sections hold is for their readers to check. */
#ifndef EV_TEXT_LEXICON_FILE_H
#define EV_TEXT_LEXICON_FILE_H

#include "base/base.h"

typedef struct ev_lexicon_file {
    void *map; /* private copy: the file may be written over while it is in use */
    size_t bytes;
} ev_lexicon_file;

/* Reads the file and checks its header and sum. EV_E_IO, EV_E_FORMAT, EV_E_MEMORY. */
ev_status ev_lexicon_file_open(ev_lexicon_file *file, const char *path, ev_error *err);
void ev_lexicon_file_close(ev_lexicon_file *file);

/* A section whose elements all lie inside the file; NULL: none of that name with elements of that size. */
const void *ev_lexicon_file_section(const ev_lexicon_file *file, const char *name, size_t element, size_t *count);

#endif
