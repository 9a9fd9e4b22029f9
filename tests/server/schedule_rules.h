/* schedule_rules: a schedule and what waits, for the tests that look at one rule at a time. Included once a program.
 */
#ifndef SCHEDULE_RULES_H
#define SCHEDULE_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "server/schedule/schedule.h"

static const int64_t now = 50000000;

static sv_schedule_config config;
static sv_schedule schedule;
static sv_work_item items[64];

static int setup(void **state) {
    (void)state;
    sv_schedule_config_init(&config);
    config.bytes_per_token = config.bytes_per_row = 131072;
    return sv_schedule_init(&schedule, &config, NULL);
}

static void apply(void) { assert_int_equal(sv_schedule_init(&schedule, &config, NULL), EV_OK); }

/* A job that arrived `ago_us` before now and waits since. */
static sv_work_item item(uint64_t id, sv_stage stage, int32_t size, int64_t ago_us) {
    const int32_t left = stage == SV_ACOUSTIC;
    return (sv_work_item){.id = id,
                          .stage = stage,
                          .size = size,
                          .sentences_left = left,
                          .tokens_left = left * size,
                          .client = (int32_t)id,
                          .weight = 1,
                          .priority = 1,
                          .arrived_us = now - ago_us,
                          .waiting_us = now - ago_us};
}

#define RULE(name) cmocka_unit_test_setup(name, setup)

#endif
