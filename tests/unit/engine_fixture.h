/* engine_fixture: the default model and a synth of two threads, for the tests that speak. Included once a program. */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "emotivoice.h"

static ev_model *model;
static ev_synth *synth;

static int setup(void **state) {
    (void)state;
    ev_error err = {0};
    ev_synth_options options;
    ev_synth_options_init(&options);
    options.threads = 2;
    if (ev_model_open(&model, NULL, NULL, &err) != EV_OK || ev_synth_create(&synth, model, &options, &err) != EV_OK) {
        print_error("%s\n", err.message);
        return -1;
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ev_model_free(&model); /* any order: the synth holds its own reference */
    ev_synth_free(&synth);
    return 0;
}

static ev_request request_of(const char *text) {
    ev_request r;
    ev_request_init(&r);
    r.text = text;
    r.text_bytes = strlen(text);
    return r;
}

#endif
