/* equaliser: the vocoder makes a cloned voice with the timbre that its vector tells, which is nearer to the mean of
 * all voices than the person is. What the clone's long-term average spectrum lacks of the reference's is given back,
 * most of it, as an equaliser of some bands. The clone's own spectrum need not be made to be known: it is a linear
 * function of the vector and the pitch, which training/equaliser.py fits.
 *
 *   own = bias + weight [1, log(pitch / 200 Hz), its square, the speaker's vector]      dB
 *   gain = strength (reference - own - median over the bands), within +-limit, less what makes it louder
 *
 * The person is copied, not the device: bands at either end that lack more than 12 dB were cut by a telephone or a
 * codec, and get nothing, nor does the band beside them, where the filter begins; between, the gain fades to nothing
 * from 14 to 24 dB. Below the pitch, where a voice has nothing, nothing is lifted.
 */
#ifndef EV_EQUALISER_H
#define EV_EQUALISER_H

#include "model/config.h"

typedef struct ev_equaliser {
    ev_equaliser_config config;
    int speaker;   /* floats of a vector */
    float *weight; /* [bands][3 + speaker]; owned */
    uint64_t id;   /* tells equalisers apart: gains of one mean nothing to another; 0: a model without one */
} ev_equaliser;

/* config.bands 0: a model without one. EV_E_FORMAT: weights that are no numbers. */
ev_status ev_equaliser_load(ev_equaliser *out, const ev_container *c, const ev_config *config, ev_error *err);
void ev_equaliser_free(ev_equaliser *e);
/* vector [speaker], of unit length; pitch > 0, Hz; reference_db [bands] as ev_ltas gives it -> gains_db [bands], of
 * which the clone gets neither louder nor softer. */
void ev_equaliser_fit(const ev_equaliser *e, const float *vector, float pitch, const float *reference_db,
                      float *gains_db);
/* Natural logarithms of the gains of bins 0 .. bins - 1, which are bin_hz apart: linear between the bands' centres on
 * a scale of octaves, and constant beyond them. */
void ev_equaliser_bins(const ev_equaliser *e, const float *gains_db, double bin_hz, size_t bins, float *log_gains);

#endif
