/* files: bytes to a file, whole or not at all; and the one thing in an Ogg file that chance decides. */
#ifndef EV_AUDIO_FILES_H
#define EV_AUDIO_FILES_H

#include "base/base.h"

/* Replaces a regular file (or makes one) by way of a temporary neighbour, so that no reader sees half of it and a
 * failure leaves what was there; writes straight into pipes and devices. EV_E_IO with the system's reason. */
ev_status ev_file_write(const char *path, const void *bytes, size_t size, ev_error *err);

/* Gives all pages of an Ogg stream the serial number 1 and new checksums: libsndfile draws the number at random, and
 * the same sound shall be the same bytes. Leaves what is no Ogg as it is. */
void ev_ogg_fix_serial(unsigned char *bytes, size_t size);

#endif
