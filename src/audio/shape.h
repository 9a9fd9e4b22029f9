/* shape: what is done to samples on their way to a file: silence at the ends cut, made louder or softer, converted to
 * another rate. In pieces: pieces of any size give the same samples. */
#ifndef EV_SHAPE_H
#define EV_SHAPE_H

#include "base/base.h"

typedef struct ev_shape_options {
    int32_t rate_in, rate_out; /* Hz */
    float volume_db;
    bool trim; /* silence before the first sound and behind the last */
} ev_shape_options;

typedef struct ev_shape ev_shape;

/* EV_E_ARGUMENT: a rate or volume out of range; EV_E_MEMORY. */
ev_status ev_shape_create(ev_shape **out, const ev_shape_options *options, ev_error *err);
/* Appends floats to out: what is ready. */
ev_status ev_shape_write(ev_shape *shape, const float *samples, size_t count, ev_buf *out, ev_error *err);
ev_status ev_shape_finish(ev_shape *shape, ev_buf *out, ev_error *err);
void ev_shape_free(ev_shape **shape);
uint64_t ev_shape_skipped(const ev_shape *shape); /* samples cut before the first */
uint64_t ev_shape_kept(const ev_shape *shape);    /* samples that were neither cut nor are held back, at rate_in */
/* How many come of so many that are not cut. */
uint64_t ev_shape_count(uint64_t count, int32_t rate_in, int32_t rate_out);

#endif
