/* melody: a question's end rises by what is asked, in its voiced frames, and nothing else changes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "synth/synth.h"

enum { FRAMES = 120, ENDING = 28 };

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double median_semitones(const float *f0, size_t n) {
    float voiced[FRAMES];
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (f0[i] > 0) voiced[count++] = f0[i];
    qsort(voiced, count, sizeof *voiced, by_value);
    return 12 * log2((double)voiced[count / 2]);
}

static double rise_of(const float *f0, size_t end) {
    const float *begin = f0 + end - ENDING;
    return median_semitones(begin + ENDING / 2, ENDING / 2) - median_semitones(begin, ENDING / 2);
}

/* From 220 Hz by so many semitones over the whole; three frames within the ending are unvoiced, and the last ten. */
static size_t contour(float *f0, double semitones) {
    for (size_t i = 0; i < FRAMES; i++) f0[i] = (float)(220 * exp2(semitones / 12 * (double)i / FRAMES));
    memset(f0 + FRAMES - 10, 0, 10 * sizeof *f0);
    memset(f0 + FRAMES - 20, 0, 3 * sizeof *f0);
    return FRAMES - 10;
}

static void a_falling_end_rises(void **state) {
    (void)state;
    for (double fall = -8; fall <= 0; fall += 2) {
        float before[FRAMES], after[FRAMES];
        const size_t end = contour(before, fall);
        memcpy(after, before, sizeof after);
        ev_melody_raise(after, FRAMES, ENDING, 3);
        const double rise = rise_of(after, end);
        if (fabs(rise - 3) > 0.7) fail_msg("a fall of %g became a rise of %g", fall, rise);
        assert_memory_equal(before, after, (end - ENDING) * sizeof *before);
        for (size_t i = end - ENDING; i < FRAMES; i++) {
            assert_true((before[i] > 0) == (after[i] > 0));
            assert_true(after[i] >= before[i]);
            if (i + 1 < end && before[i] > 0 && before[i + 1] > 0)
                assert_true(after[i + 1] >= after[i]); /* no step */
        }
    }
}

static void what_rises_stays(void **state) {
    (void)state;
    float before[FRAMES], after[FRAMES];
    contour(before, 40);
    memcpy(after, before, sizeof after);
    ev_melody_raise(after, FRAMES, ENDING, 3);
    assert_memory_equal(before, after, sizeof before);
}

static void never_beyond_speech(void **state) {
    (void)state;
    float f0[FRAMES];
    const size_t end = contour(f0, -200);
    const float last = f0[end - 1];
    ev_melody_raise(f0, FRAMES, ENDING, 12);
    assert_true(fabs(12 * log2((double)(f0[end - 1] / last)) - 14) < 0.01);
}

static void too_little_voice_stays(void **state) {
    (void)state;
    float silent[FRAMES] = {0}, one[FRAMES] = {0}, few[FRAMES] = {0};
    one[50] = 200;
    for (size_t i = 60; i < 66; i++) few[i] = 200;
    float *cases[] = {silent, one, few};
    for (size_t i = 0; i < 3; i++) {
        float before[FRAMES];
        memcpy(before, cases[i], sizeof before);
        ev_melody_raise(cases[i], FRAMES, ENDING, 3);
        assert_memory_equal(before, cases[i], sizeof before);
        ev_melody_raise(cases[i], 0, ENDING, 3);
        ev_melody_raise(cases[i], 3, ENDING, 3);
        ev_melody_raise(cases[i], FRAMES, 100000, 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_falling_end_rises), cmocka_unit_test(what_rises_stays),
                                       cmocka_unit_test(never_beyond_speech),
                                       cmocka_unit_test(too_little_voice_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
