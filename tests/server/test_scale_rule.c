/* How many workers there should be: as KEDA's trigger and the autoscaler behind it say, by looks at made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "server/scale/rule.h"

static const sv_scale_rule rule = {.min = 1, .max = 8, .target_s = 10, .cooldown_s = 300};

static void what_waits_alone(void **state) {
    (void)state;
    static const struct {
        int workers;
        double queued_s;
        int wanted;
    } cases[] = {{1, 0, 1},   {1, 5, 1},   {1, 10, 1}, {1, 10.9, 1}, /* within a tenth */
                 {1, 12, 2},  {2, 21, 2},  {2, 25, 3}, {1, 80, 8},
                 {1, 1e9, 8}, {4, 31, 4},  {4, 38, 4}, {4, 35, 4}, /* rounded up */
                 {4, 29, 3},  {10, 98, 8},                         /* there are more than may be */
                 {0, 0, 1},   {0, 25, 3},  {3, -1, 1}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++)
        assert_int_equal(sv_scale_wanted(&rule, cases[i].workers, cases[i].queued_s), cases[i].wanted);
    const sv_scale_rule to_none = {.min = 0, .max = 8, .target_s = 10};
    assert_int_equal(sv_scale_wanted(&to_none, 1, 0), 0);
    assert_int_equal(sv_scale_wanted(&to_none, 0, 0.1), 1); /* anything at all wakes one */
}

static void more_at_once_fewer_when_that_held(void **state) {
    (void)state;
    sv_scale_looks looks = {0};
    assert_int_equal(sv_scale_decide(&looks, &rule, 1, 75, 0), 8);
    assert_int_equal(sv_scale_decide(&looks, &rule, 8, 40, 100), 8);
    assert_int_equal(sv_scale_decide(&looks, &rule, 8, 0, 200), 8);
    assert_int_equal(sv_scale_decide(&looks, &rule, 8, 0, 300), 8); /* the look at 0 still counts */
    assert_int_equal(sv_scale_decide(&looks, &rule, 8, 0, 301), 4); /* the most since: that at 100 */
    assert_int_equal(sv_scale_decide(&looks, &rule, 4, 60, 310), 6);
    assert_int_equal(sv_scale_decide(&looks, &rule, 6, 0, 610), 6);
    assert_int_equal(sv_scale_decide(&looks, &rule, 6, 0, 611), 1);
    const sv_scale_rule at_once = {.min = 1, .max = 8, .target_s = 10};
    assert_int_equal(sv_scale_decide(&looks, &at_once, 8, 35, 700), 4);
    assert_int_equal(sv_scale_decide(&looks, &at_once, 4, 0, 701), 1);
}

/* Against the rule as it is written down: all looks are kept, and the most of the last cooldown counts. */
static void as_with_all_looks_kept(void **state) {
    (void)state;
    enum { LOOKS = 5000, KEPT = 40 };
    const sv_scale_rule wide = {.min = 0, .max = SV_SCALE_MAX, .target_s = 1, .cooldown_s = KEPT};
    static int wanted[LOOKS];
    sv_scale_looks looks = {0};
    uint32_t seed = 1;
    int workers = 0;
    for (int t = 0; t < LOOKS; t++) {
        seed = seed * 1664525u + 1013904223u;
        const double queued_s = (seed >> 24) * ((seed >> 10) % 3) / 2.0; /* often none, sometimes more than may be */
        int most = wanted[t] = sv_scale_wanted(&wide, workers, queued_s);
        for (int i = t < KEPT ? 0 : t - KEPT; i < t; i++) most = wanted[i] > most ? wanted[i] : most;
        const int should = wanted[t] >= workers ? wanted[t] : most < workers ? most : workers;
        assert_int_equal(sv_scale_decide(&looks, &wide, workers, queued_s, t), should);
        assert_in_range(looks.count, 1, SV_SCALE_MAX + 1);
        workers = should;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_waits_alone),
                                       cmocka_unit_test(more_at_once_fewer_when_that_held),
                                       cmocka_unit_test(as_with_all_looks_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
