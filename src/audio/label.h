/* label: how a sound file says that nobody spoke it. Two short lines stand in every file that has room for text; the
 * record is what labelling rules ask for beside them (China's GB 45438-2025): a JSON object AIGC with the mark
 * "generated", the producer and the content's number. It goes where each format keeps named text. */
#ifndef EV_LABEL_H
#define EV_LABEL_H

#include "base/base.h"

enum { EV_LABEL_TEXT_MAX = 256 }; /* bytes of a producer or content number */

/* {"AIGC":{...}}, NUL-terminated. EV_E_ARGUMENT: too long, or not UTF-8. */
ev_status ev_label_record(ev_buf *out, const char *producer, const char *content_id, ev_error *err);

/* The functions append; record NULL: the two lines alone. */
void ev_label_info(ev_buf *out, const char *record);     /* WAV: a LIST chunk of INFO texts */
void ev_label_id3(ev_buf *out, const char *record);      /* MP3: an ID3v2.4 tag */
void ev_label_comments(ev_buf *out, const char *record); /* FLAC and Opus: Vorbis comments, without framing */

#endif
