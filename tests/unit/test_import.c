/* The reader of published checkpoints on damaged files, and numbers of 16 bits. What it makes of good ones is held to
 * PyTorch by tests/training/test_published.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "import/checkpoint.h"

static size_t read_corpus(const char *name, unsigned char *out, size_t capacity) {
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz/corpus/checkpoint/%s", EV_TEST_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(out, 1, capacity, f);
    fclose(f);
    assert_true(n > 1 && n < capacity);
    memmove(out, out + 1, n - 1); /* the fuzzer's first byte */
    return n - 1;
}

/* torch.save of {"generator": {"am.x.weight": 0..5 as [2][3], "half": 3 zeros, "turned": the first, transposed}, ...}
 */
static void test_archive(void **state) {
    (void)state;
    unsigned char bytes[8192];
    ev_checkpoint *c = NULL;
    ev_error err = {0};
    float *values = NULL;
    const size_t n = read_corpus("archive", bytes, sizeof bytes);
    if (ev_checkpoint_parse(&c, bytes, n, "generator", "am.", &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(ev_checkpoint_count(c), 3);
    size_t i = ev_checkpoint_find(c, "x.weight");
    assert_int_equal(ev_checkpoint_tensor(c, i)->shape[0], 2);
    assert_int_equal(ev_checkpoint_floats(c, i, &values, &err), EV_OK);
    for (int k = 0; k < 6; k++) assert_true(values[k] == (float)k);
    free(values);
    i = ev_checkpoint_find(c, "turned");
    assert_int_equal(ev_checkpoint_tensor(c, i)->shape[0], 3);
    assert_int_equal(ev_checkpoint_floats(c, i, &values, &err), EV_OK);
    for (int k = 0; k < 6; k++) assert_true(values[k] == (float)(k % 2 * 3 + k / 2));
    free(values);
    assert_int_equal(ev_checkpoint_tensor(c, ev_checkpoint_find(c, "half"))->type, EV_STORAGE_F16);
    assert_true(ev_checkpoint_find(c, "epoch") == SIZE_MAX);
    ev_checkpoint_free(&c);
    assert_int_equal(ev_checkpoint_parse(&c, bytes, n, "model", "", &err), EV_E_FORMAT);
    assert_non_null(strstr(err.message, "\"model\""));
}

static uint64_t seed = 17;
static uint64_t next_random(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

/* A byte changed, a stretch copied over another, an end cut off: refused with a line, or read; never worse. */
static void test_mutations(void **state) {
    (void)state;
    unsigned char good[8192];
    size_t refused = 0;
    const size_t n = read_corpus("archive", good, sizeof good);
    for (int round = 0; round < 2000; round++) {
        size_t size = n;
        unsigned char *bytes = malloc(n); /* of its own, so that a sanitizer sees its end */
        assert_non_null(bytes);
        memcpy(bytes, good, n);
        for (uint64_t k = 1 + next_random() % 4; k > 0; k--) {
            const size_t at = next_random() % n, from = next_random() % n, length = 1 + next_random() % 8;
            if (next_random() % 3 == 0 && at + length <= n && from + length <= n)
                memmove(bytes + at, bytes + from, length);
            else
                bytes[at] = (unsigned char)next_random();
        }
        if (next_random() % 8 == 0) size = next_random() % n;
        ev_checkpoint *c = NULL;
        ev_error err = {0};
        ev_status s = ev_checkpoint_parse(&c, bytes, size, "generator", "", &err);
        for (size_t i = 0; s == EV_OK && i < ev_checkpoint_count(c); i++) {
            float *values = NULL;
            s = ev_checkpoint_floats(c, i, &values, &err);
            if (s == EV_OK) free(values);
        }
        if (s != EV_OK) assert_true(err.message[0] && err.status == s);
        refused += s != EV_OK;
        ev_checkpoint_free(&c);
        free(bytes);
    }
    assert_true(refused > 1000);
}

static ev_status read_pickle(const char *bytes, size_t size, ev_error *err) {
    ev_pickle *p = NULL;
    const ev_status s = ev_pickle_read(&p, bytes, size, err);
    ev_pickle_free(&p);
    return s;
}

static void test_pickles(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } bad[] = {
#define P(text, says) {text, sizeof text - 1, says}
        P("", "cut short"),
        P("\x80\x02", "cut short"),
        P("\x80\x01}.", "protocol 1"),
        P("\x80\x02"
          "cos\nsystem\n(X\x04\0\0\0trueR.",
          "os.system"),
        P("\x80\x02"
          "cposix\nsystem\n.",
          "posix.system"),
        P("\x80\x04\x8c\x08"
          "builtins\x8c\x04"
          "eval\x93.",
          "builtins.eval"),
        P("\x80\x02"
          "i",
          "operation 0x69"),
        P("\x80\x02"
          "X\xff\xff\xff\xff"
          "ab",
          "cut short"),
        P("\x80\x02h\x05.", "never kept"),
        P("\x80\x02j\xff\xff\xff\xff.", "never kept"),
        P("\x80\x02}r\xff\xff\xff\xff.", "more than"),
        P("\x80\x02t.", "never began"),
        P("\x80\x02(.", "never gave"),
        P("\x80\x02\x85.", "never gave"),
        P("\x80\x02K\x01K\x02s.", "never gave"),
        P("\x80\x02K\x01K\x02K\x03s.", "no collection"),
        P("\x80\x02}(K\x01u.", "no collection"),
        P("\x80\x02"
          "ccollections\nOrderedDict\nK\x01R.",
          "no function"),
        P("\x80\x02"
          "ccollections\nOrderedDict\nK\x01\x85R.",
          "made of something"),
        P("\x80\x02X\x01\0\0\0aQ.", "something else"),
        P("\x80\x02\x8a\x09.", "9 bytes"),
#undef P
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ev_error err = {0};
        assert_true(read_pickle(bad[i].bytes, bad[i].size, &err) != EV_OK);
        if (!strstr(err.message, bad[i].says)) fail_msg("%zu: \"%s\", wanted \"%s\"", i, err.message, bad[i].says);
    }
    ev_error err = {0};
    assert_int_equal(read_pickle("\x80\x02}q\x00"
                                 "X\x01\0\0\0ah\x00s.",
                                 16, &err),
                     EV_OK); /* a dict in itself */
}

/* Every half, and floats about it, against what the C library rounds. */
static void test_halves(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float value = ev_float_of_half((uint16_t)h);
        const uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
        if (exponent == 31) {
            assert_true(fraction ? isnan(value) : isinf(value));
            continue;
        }
        const double want = exponent ? ldexp(1024 + fraction, (int)exponent - 25) : ldexp(fraction, -24);
        assert_true((double)value == (h & 0x8000 ? -want : want));
        assert_int_equal(ev_half_of_float(value), h);
    }
    for (uint32_t h = 0; h < 0x7BFF; h++) { /* between two: the nearest, the even one from the middle */
        const double a = (double)ev_float_of_half((uint16_t)h), b = (double)ev_float_of_half((uint16_t)(h + 1));
        assert_int_equal(ev_half_of_float((float)(a + (b - a) * 0.25)), h);
        assert_int_equal(ev_half_of_float((float)(a + (b - a) * 0.5)), h + (h & 1));
        assert_int_equal(ev_half_of_float((float)(a + (b - a) * 0.75)), h + 1);
    }
    assert_int_equal(ev_half_of_float(65519.0f), 0x7BFF);
    assert_int_equal(ev_half_of_float(65520.0f), 0x7C00);
    assert_int_equal(ev_half_of_float(-1e30f), 0xFC00);
    assert_true(isnan(ev_float_of_half(ev_half_of_float(NAN))));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_archive), cmocka_unit_test(test_mutations),
                                       cmocka_unit_test(test_pickles), cmocka_unit_test(test_halves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
