/* encoder: what write.c needs of encoder.c beside the public functions. */
#ifndef EV_ENCODER_H
#define EV_ENCODER_H

#include "base/base.h"

/* A file that is made at once, of exactly `count` samples: its bytes stay inside until ev_encoder_take, so headers
 * may be filled in at the end. No record. EV_E_LIMIT: too many samples for one file. */
ev_status ev_encoder_create_file(ev_encoder **out, ev_format format, int32_t sample_rate, size_t count,
                                 ev_error *err);
/* After ev_encoder_finish: the bytes, now the caller's (ev_buf_free). */
ev_buf ev_encoder_take(ev_encoder *e);

#endif
