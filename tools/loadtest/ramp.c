/* ramp: the search for the highest stable rate. The rate doubles until it is too much (or halves until it is
 * not), then the gap is bisected, by ratio since rates are felt as ratios, down to five percent. */
#include "loadtest.h"

#include <math.h>

#define RATIO_MIN 1.05
#define RATE_LOW  0.01
#define RATE_HIGH 1e5

static double three_digits(double rate) { /* what is printed is what was offered */
    double unit = pow(10, floor(log10(rate)) - 2);
    return round(rate / unit) * unit;
}

static int try_rate(load_run *run, double rate, bool *stable) {
    int code = load_step_run(run, rate, 0);
    *stable = code == LOAD_EXIT_OK && run->steps[run->step_count - 1].summary.stable;
    return code;
}

int load_ramp(load_run *run, double first_rate) {
    double good = 0, bad = 0, rate = first_rate;
    while (run->step_count < LOAD_STEPS_MAX && rate >= RATE_LOW && rate <= RATE_HIGH) {
        bool stable = false;
        int code = try_rate(run, rate, &stable);
        if (code != LOAD_EXIT_OK) return code;
        if (stable) {
            good = run->stable_rate = rate;
        } else {
            bad = rate;
        }
        if (good > 0 && bad > 0 && bad / good < RATIO_MIN) break;
        double next = three_digits(bad == 0 ? 2 * good : good == 0 ? bad / 2 : sqrt(good * bad));
        if (next == good || next == bad) break;
        rate = next;
    }
    return LOAD_EXIT_OK;
}
