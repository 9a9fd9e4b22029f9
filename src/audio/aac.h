/* aac: AAC-LC in ADTS frames, by vo-aacenc (VisualOn's encoder as Android had it; Apache-2.0). One channel. */
#ifndef EV_AAC_H
#define EV_AAC_H

#include "base/base.h"

typedef struct ev_aac ev_aac;

/* rate: one that MPEG-4 has from 8000 to 48000 Hz. kbps 0: 64, or what the rate allows. EV_E_ARGUMENT, EV_E_MEMORY.
 */
ev_status ev_aac_create(ev_aac **out, int32_t rate, int32_t kbps, ev_error *err);
/* Appends the frames that are full to made. */
ev_status ev_aac_write(ev_aac *aac, const int16_t *samples, size_t count, ev_buf *made, ev_error *err);
/* The last frame, and as many of silence as the encoder holds back. */
ev_status ev_aac_finish(ev_aac *aac, ev_buf *made, ev_error *err);
void ev_aac_free(ev_aac **aac);

#endif
