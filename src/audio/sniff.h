/* sniff: what a file is, by its bytes, and whether all of it is there. libsndfile would take thirty formats and plays
 * what it gets of a cut file without a word; from untrusted clients we take a few, whole. */
#ifndef EV_AUDIO_SNIFF_H
#define EV_AUDIO_SNIFF_H

#include "base/base.h"

typedef enum ev_sound_kind { EV_SOUND_WAV, EV_SOUND_MP3, EV_SOUND_FLAC, EV_SOUND_OGG } ev_sound_kind;

#define EV_SOUND_READ "WAV, MP3, FLAC or Ogg (Opus, Vorbis)" /* what is read, for messages */

typedef struct ev_sound {
    ev_sound_kind kind;
    const unsigned char *bytes; /* what the decoder gets: of an MP3 the frames alone, without tags */
    size_t size;
} ev_sound;

/* label names the file in messages. EV_E_FORMAT: a kind that is known and not read. EV_E_AUDIO: no file of sound, an
 * encoding that is not taken, cut short, damaged. EV_E_MEMORY. */
ev_status ev_sound_sniff(ev_sound *out, const unsigned char *bytes, size_t size, const char *label, ev_error *err);

/* sniff_ogg.c: one stream, all its pages. EV_E_AUDIO, EV_E_MEMORY. */
ev_status ev_ogg_walk(const unsigned char *bytes, size_t size, const char *label, ev_error *err);

/* Bytes of the MP3 frame whose header starts at `bytes`; 0 if none does. */
size_t ev_mp3_frame_bytes(const unsigned char *bytes, size_t size);

#endif
