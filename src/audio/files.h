/* files: bytes to a file, whole or not at all; and pages of Ogg, of which chance decides one thing. */
#ifndef EV_AUDIO_FILES_H
#define EV_AUDIO_FILES_H

#include "base/base.h"

/* Replaces a regular file (or makes one) by way of a temporary neighbour, so that no reader sees half of it and a
 * failure leaves what was there; writes straight into pipes and devices. EV_E_IO with the system's reason. */
ev_status ev_file_write(const char *path, const void *bytes, size_t size, ev_error *err);

void ev_put_le32(ev_buf *b, uint32_t value); /* appends it, lowest byte first */

/* Bytes of the Ogg page at `bytes`; 0: there is none, or not all of it. */
size_t ev_ogg_page_bytes(const unsigned char *bytes, size_t size);
/* Appends a page that holds one whole packet of at most 65024 bytes, at time 0; ev_ogg_fix_serial must follow. */
void ev_ogg_append_page(ev_buf *b, uint32_t number, const unsigned char *packet, size_t size);
/* Gives all pages of an Ogg stream the serial number 1 and new checksums: libsndfile draws the number at random, and
 * the same sound shall be the same bytes. Leaves what is no Ogg as it is. */
void ev_ogg_fix_serial(unsigned char *bytes, size_t size);

#endif
