/* rule: how many workers there should be, as KEDA and the autoscaler behind it decide (deploy/helm,
 * autoscaling.yaml): seconds of speech that wait over what one worker may have waiting, rounded up, within min and
 * max; no change while that is within a tenth of what there is; more at once, fewer only when no look of the last
 * cooldown wanted more. Pure: no clock and no process.
 */
#ifndef SV_SCALE_RULE_H
#define SV_SCALE_RULE_H

enum { SV_SCALE_MAX = 256 };

typedef struct sv_scale_rule {
    int min, max;
    double target_s;   /* seconds of speech that wait, for each worker */
    double cooldown_s; /* until fewer are enough */
} sv_scale_rule;

/* What looks of the last cooldown wanted, as far as a later one did not want as much: so numbers fall. Starts as {0}.
 */
typedef struct sv_scale_looks {
    struct {
        double at;
        int wanted;
    } items[SV_SCALE_MAX + 1];
    int count;
} sv_scale_looks;

/* By what waits alone. */
int sv_scale_wanted(const sv_scale_rule *rule, int workers, double queued_s);
/* ... and by what was wanted lately: notes this look, and says how many there should be. */
int sv_scale_decide(sv_scale_looks *looks, const sv_scale_rule *rule, int workers, double queued_s, double now_s);

#endif
