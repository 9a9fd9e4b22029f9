/* codec: libsndfile's encoders of FLAC, Opus, MP3 and G.711, and vo-aacenc's of AAC, writing into a buffer instead of
 * a file.
 *
 * whole: a file. All bytes stay in `made` until the end, so that an encoder may go back and fill in its header.
 * Else a stream: the caller takes bytes out of `made` at any time (size = 0), so nothing that was written changes.
 * What an encoder puts over earlier bytes is dropped: STREAMINFO's checksum in FLAC, the Info frame in MP3. */
#ifndef EV_CODEC_H
#define EV_CODEC_H

#include <sndfile.h>

#include "audio/aac.h"
#include "base/base.h"

typedef struct ev_codec {
    SNDFILE *file; /* owned; NULL for AAC */
    ev_aac *aac;   /* owned; NULL for the others */
    ev_buf made;   /* owned; bytes that were not taken yet */
    bool whole;
    bool shorts;        /* the encoder gets 16-bit samples, else floats */
    sf_count_t at, end; /* where it writes, and how much it wrote in all */
} ev_codec;

/* The lowest rate that format takes and that keeps all of a sound at `rate`, else its highest. */
int32_t ev_codec_rate(ev_format format, int32_t rate);

/* c is zeroed, and stays where it is until it is freed. bitrate_kbps is for streams of MP3 and Opus; 0: the default.
 * EV_E_ARGUMENT: a bit rate that the format does not have. */
ev_status ev_codec_open(ev_codec *c, ev_format format, int32_t rate, int32_t bitrate_kbps, bool whole, ev_error *err);
ev_status ev_codec_write(ev_codec *c, const float *samples, size_t count, ev_error *err);
ev_status ev_codec_finish(ev_codec *c, ev_error *err); /* flushes; closes the file */
void ev_codec_free(ev_codec *c);

/* 16 bits as every decoder takes them: full scale is 32768, so +1.0 is clamped to 32767; halves go to even; NaN is
 * silence. */
int16_t ev_sample_int16(float value);
float ev_sample_finite(float value); /* NaN and infinities are silence */

#endif
