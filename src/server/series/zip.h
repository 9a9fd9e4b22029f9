/* zip: an archive as it is sent. libzip writes to files and to memory alone; an answer is neither. Entries are stored
 * as they are, since sound does not shrink, and each is there whole before its head is written: so that every reader
 * takes the archive from a pipe too. */
#ifndef SV_SERIES_ZIP_H
#define SV_SERIES_ZIP_H

#include <time.h>

#include "base/base.h"

typedef struct sv_zip { /* starts as {0} */
    ev_buf directory;
    size_t entries;
    uint64_t size; /* bytes so far */
} sv_zip;
enum { SV_ZIP_ENTRIES_MAX = 65534 };
#define SV_ZIP_BYTES_MAX 4000000000.0 /* of an archive in the form that all read */

/* Onto `out`: a file, with that time; name: UTF-8, at most 255 bytes, without '/'. */
void sv_zip_add(sv_zip *zip, ev_buf *out, const char *name, const void *bytes, size_t size, time_t modified);
void sv_zip_finish(sv_zip *zip, ev_buf *out); /* the end; what it held is freed */
void sv_zip_free(sv_zip *zip);

#endif
