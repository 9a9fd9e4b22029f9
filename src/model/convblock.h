/* convblock: a ConvNeXt block in one dimension (Liu et al. 2022, arXiv 2201.03545), as training/convnext.py has it:
 *
 *   x += gamma * linear2(gelu(linear1(film(layer norm(depthwise convolution(x))))))
 *
 * film scales and shifts what the norm gives, by a condition that is one for an utterance: it becomes that span's own
 * parameters of the norm. gamma is folded into linear2.
 */
#ifndef EV_CONVBLOCK_H
#define EV_CONVBLOCK_H

#include "model/axis.h"
#include "model/weights.h"

typedef struct ev_convblock {
    int width, hidden, dilation;
    ev_depthwise dw;
    ev_norm norm;
    ev_conv pw1, pw2;
    ev_conv film; /* [2 width][condition]: scale, shift; taps 0 where there is none */
} ev_convblock;

/* prefix: "am.pn.pro.0". width and hidden are multiples of 16. condition 0: no film. */
ev_status ev_convblock_load(ev_convblock *out, const ev_container *c, const char *prefix, int width, int hidden,
                            int kernel, int dilation, int condition, ev_error *err);
void ev_convblock_free(ev_convblock *b);
void ev_convblock_upload(const ev_convblock *b, ev_queue *q);

/* film [n][2 width]: the norm's gamma and beta for each of n conditions. */
void ev_convblock_film(const ev_convblock *b, ev_queue *q, ev_rows condition, size_t n, ev_rows film);
/* x [rows][width] in place; its gaps are zero. film.at 0: none. norm [rows][width] and hidden [rows][hidden] are
 * work. */
void ev_convblock_run(const ev_convblock *b, ev_queue *q, const ev_axis *a, ev_rows film, ev_rows x, ev_rows norm,
                      ev_rows hidden);

#endif
