/* base/wheel.h against timers that are all looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/wheel.h"

enum { TIMERS = 300, SPAN = 3 * EV_WHEEL_SLOTS };
static struct {
    ev_timer timer;
    int64_t due; /* 0: not set */
} timers[TIMERS];
static ev_wheel wheel;

/* Those that fire at `now` are those that should, each once. */
static void assert_fires(int64_t now) {
    ev_list expired = {0};
    ev_wheel_advance(&wheel, now, &expired);
    for (ev_list_node *n; (n = ev_list_pop(&expired)) != NULL;) {
        const size_t i = (size_t)((char *)n - (char *)timers) / sizeof timers[0];
        assert_ptr_equal(EV_CONTAINER_OF(n, ev_timer, node), &timers[i].timer);
        assert_true(timers[i].due && timers[i].due <= now);
        timers[i].due = 0;
    }
    for (size_t i = 0; i < TIMERS; i++) assert_true(!timers[i].due || timers[i].due > now);
}

static void timers_fire_when_they_are_due(void **state) {
    (void)state;
    int64_t now = 1000000; /* the first step is longer than a turn */
    srand(5);
    for (int i = 0; i < 20000; i++) {
        const size_t k = (size_t)rand() % TIMERS;
        if (rand() % 4) {
            const int64_t due = wheel.now + rand() % SPAN - 10; /* some are late already: the next tick */
            ev_wheel_set(&wheel, &timers[k].timer, due);
            timers[k].due = due > wheel.now ? due : wheel.now + 1;
        } else {
            ev_wheel_clear(&timers[k].timer);
            timers[k].due = 0;
        }
        if (rand() % 8) continue;
        assert_fires(now);
        now += rand() % 100 ? rand() % 5 : rand() % (2 * SPAN); /* also not at all, and more than a turn */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_when_they_are_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
