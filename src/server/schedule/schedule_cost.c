/* cost: the line a + b x size through a stage's batches, by least squares over sums that fade.
 *
 * One slow batch (another process had the cores) must not move the line, a device that really became slower must:
 * a time more than three times off is not looked at, until it is the fifth in a row on the same side. That is no
 * accident: the line is scaled to it and the past forgotten.
 */
#include <assert.h>
#include <math.h>

#include "server/schedule/schedule.h"

#define FORGET  0.98 /* weight that a batch keeps when the next one comes */
#define OUTLIER 3.0  /* times off */
enum { CHANGE_RUN = 5 };

static void add(sv_cost *c, double weight, double size, double time) {
    c->w += weight;
    c->x += weight * size;
    c->y += weight * time;
    c->xx += weight * size * size;
    c->xy += weight * size * time;
}

void sv_cost_init(sv_cost *c, double a_us, double b_us, double typical) {
    assert(a_us >= 0 && b_us >= 0 && typical > 0);
    *c = (sv_cost){.a_us = a_us, .b_us = b_us};
    add(c, 4, typical / 2, a_us + b_us * typical / 2);
    add(c, 4, typical * 2, a_us + b_us * typical * 2);
}

double sv_cost_predict(const sv_cost *c, double size) {
    const double time = c->a_us + c->b_us * (size > 0 ? size : 0);
    return time > 1 ? time : 1;
}

static void fit(sv_cost *c) {
    assert(c->w > 0);
    const double x = c->x / c->w, y = c->y / c->w;
    const double variance = c->xx / c->w - x * x, covariance = c->xy / c->w - x * y;
    if (variance < 1e-3 * x * x) { /* all of one size: they say how fast, not how it divides into a and b */
        const double scale = y / sv_cost_predict(c, x);
        c->a_us *= scale;
        c->b_us *= scale;
        return;
    }
    c->b_us = covariance / variance;
    c->a_us = y - c->b_us * x;
    if (c->b_us < 0) {
        c->b_us = 0;
        c->a_us = y;
    } else if (c->a_us < 0) {
        c->a_us = 0;
        c->b_us = c->xy / c->xx;
    }
    assert(!(c->a_us < 0) && !(c->b_us < 0)); /* more work never takes less time */
}

/* The line through this point, of the same shape as before. */
static void restart(sv_cost *c, double size, double elapsed_us) {
    const double line = c->a_us + c->b_us * size, scale = line > 0 ? elapsed_us / line : 0;
    sv_cost_init(c, c->a_us * scale, line > 0 ? c->b_us * scale : elapsed_us / size, size);
}

void sv_cost_observe(sv_cost *c, double size, double elapsed_us) {
    if (!(size > 0) || !(elapsed_us > 0) || isinf(size) || isinf(elapsed_us)) return;
    const double predicted = sv_cost_predict(c, size);
    if (elapsed_us > predicted * OUTLIER) {
        c->strange = c->strange > 0 ? c->strange + 1 : 1;
    } else if (elapsed_us < predicted / OUTLIER) {
        c->strange = c->strange < 0 ? c->strange - 1 : -1;
    } else {
        c->strange = 0;
    }
    if (c->strange >= CHANGE_RUN || c->strange <= -CHANGE_RUN) {
        restart(c, size, elapsed_us);
        return;
    }
    if (c->strange) return;
    c->w *= FORGET;
    c->x *= FORGET;
    c->y *= FORGET;
    c->xx *= FORGET;
    c->xy *= FORGET;
    add(c, 1, size, elapsed_us);
    fit(c);
}
