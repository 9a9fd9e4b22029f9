/* rule: see rule.h. */
#include <math.h>
#include <string.h>

#include "server/scale/rule.h"

#define TOLERANCE 0.1 /* of the autoscaler, by default */

static int within(const sv_scale_rule *r, double wanted) { return (int)fmin(fmax(wanted, r->min), r->max); }

int sv_scale_wanted(const sv_scale_rule *r, int workers, double queued_s) {
    const double wanted = fmax(queued_s, 0) / r->target_s;
    if (workers > 0 && fabs(wanted / workers - 1) <= TOLERANCE) return within(r, workers);
    return within(r, ceil(wanted));
}

int sv_scale_decide(sv_scale_looks *l, const sv_scale_rule *r, int workers, double queued_s, double now_s) {
    const int wanted = sv_scale_wanted(r, workers, queued_s);
    int old = 0;
    while (old < l->count && l->items[old].at < now_s - r->cooldown_s) old++;
    l->count -= old;
    memmove(l->items, l->items + old, (size_t)l->count * sizeof l->items[0]);
    while (l->count && l->items[l->count - 1].wanted <= wanted) l->count--;
    l->items[l->count].at = now_s;
    l->items[l->count++].wanted = wanted;
    const int lately = l->items[0].wanted;
    return wanted >= workers ? wanted : lately < workers ? lately : workers;
}
