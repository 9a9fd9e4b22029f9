/* weights: layers bound by name from a container, in the packed form that compute takes. */
#ifndef EV_WEIGHTS_H
#define EV_WEIGHTS_H

#include "compute/queue.h"
#include "model/container.h"

typedef struct ev_norm {
    float *gamma, *beta;
} ev_norm; /* owned, [channels rounded up to 16] */

/* Conv1d <prefix>.weight [co][ci][taps] or, with taps 1, Linear [co][ci] (either shape is taken); <prefix>.bias [co].
 * Weight norm is folded where the file has <prefix>.weight_g/weight_v or ...parametrizations.weight.original0/1. */
ev_status ev_weights_conv(ev_conv *out, const ev_container *c, const char *prefix, int co, int ci, int taps,
                          ev_error *err);
/* The same; where the file has the weights in 16 bits they stay so (ev_conv_halve). Of networks that are large and
 * are run for few rows. The tensor cannot be read again. */
ev_status ev_weights_conv_as_stored(ev_conv *out, const ev_container *c, const char *prefix, int co, int ci, int taps,
                                    ev_error *err);
/* The dense weight behind it, [co][ci][taps], weight norm folded; *weight is the caller's (free). bias_out may be
 * NULL. */
ev_status ev_weights_dense(float **weight, float **bias_out, const ev_container *c, const char *prefix, int first,
                           int second, int taps, int bias_count, ev_error *err);
ev_status ev_weights_norm(ev_norm *out, const ev_container *c, const char *prefix, int channels, ev_error *err);
/* Batch norm folded to v * gamma + beta from <prefix>.{weight,bias,running_mean,running_var}. eps 1e-5. */
ev_status ev_weights_batch_norm(ev_norm *out, const ev_container *c, const char *prefix, int channels, ev_error *err);
/* A plain array of exactly `count` floats of the given shape. */
ev_status ev_weights_array(float **out, const ev_container *c, const char *name, int dims, const int64_t *shape,
                           ev_error *err);
void ev_norm_free(ev_norm *n);

/* To a queue that will run them. */
static inline void ev_conv_upload(const ev_conv *conv, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_CONV, conv, 0);
}
void ev_norm_upload(const ev_norm *n, int channels, ev_queue *q);

#endif
