/* Tests of the model container: what a good file gives, and one named fault for each way in which a file can lie. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/container.h"

/* A file image: header length, header, data_size bytes counting up. */
static ev_buf image(const char *header, size_t data_size) {
    ev_buf b = {0};
    uint64_t n = strlen(header);
    ev_buf_append(&b, &n, 8);
    ev_buf_append(&b, header, n);
    for (size_t i = 0; i < data_size; i++) {
        unsigned char byte = (unsigned char)i;
        ev_buf_append(&b, &byte, 1);
    }
    assert_false(b.failed);
    return b;
}

static ev_container *open_good(const ev_buf *b) {
    ev_container *c = NULL;
    ev_error err = {0};
    ev_status status = ev_container_parse(&c, b->data, b->size, &err);
    if (status) fail_msg("%s", err.message);
    return c;
}

/* Parsing `header` over data_size bytes must fail with EV_E_FORMAT and a message that contains `word`. */
static void expect_fault(const char *header, size_t data_size, const char *word) {
    ev_buf b = image(header, data_size);
    ev_container *c = NULL;
    ev_error err = {0};
    ev_status status = ev_container_parse(&c, b.data, b.size, &err);
    if (status != EV_E_FORMAT) fail_msg("%s: status %d", header, status);
    assert_null(c);
    if (!strstr(err.message, word)) fail_msg("%s: '%s' has no '%s'", header, err.message, word);
    ev_buf_free(&b);
}

static const char good[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[6,30]},"
                           "\"__metadata__\":{\"family\":\"fastspeech2\",\"note\":\"\\u4f60\"},"
                           "\"a\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]},"
                           "\"s\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[30,32]},"
                           "\"e\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[30,30]}}  ";

static void good_file(void **state) {
    (void)state;
    ev_buf b = image(good, 32);
    ev_container *c = open_good(&b);
    assert_int_equal(ev_container_count(c), 4);
    assert_string_equal(ev_container_at(c, 0)->name, "a");
    assert_string_equal(ev_container_at(c, 3)->name, "s");
    assert_null(ev_container_at(c, 4));
    const ev_tensor *t = ev_container_find(c, "b");
    assert_non_null(t);
    assert_int_equal(t->dtype, EV_DTYPE_F32);
    assert_int_equal(t->dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->count, 6);
    assert_int_equal(*(const unsigned char *)t->data, 6);
    assert_int_equal(ev_container_find(c, "s")->count, 1);
    assert_int_equal(ev_container_find(c, "e")->count, 0);
    assert_null(ev_container_find(c, "c"));
    assert_null(ev_container_find(c, "__metadata__"));
    assert_string_equal(ev_container_metadata(c, "family"), "fastspeech2");
    assert_string_equal(ev_container_metadata(c, "note"), "\xe4\xbd\xa0");
    assert_null(ev_container_metadata(c, "x"));
    ev_container_free(&c);
    assert_null(c);
    ev_container_free(&c);
    ev_buf_free(&b);
}

static void empty_file(void **state) {
    (void)state;
    ev_buf b = image("{}", 0);
    ev_container *c = open_good(&b);
    assert_int_equal(ev_container_count(c), 0);
    assert_null(ev_container_find(c, "a"));
    assert_null(ev_container_metadata(c, "a"));
    ev_container_free(&c);
    ev_buf_free(&b);
}

#define T(dtype, shape, offsets) "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void faults_of_one_tensor(void **state) {
    (void)state;
    expect_fault(T("\"F64\"", "[1]", "[0,8]"), 8, "tensor 'w': dtype 'F64'");
    expect_fault(T("7", "[1]", "[0,8]"), 8, "tensor 'w': dtype");
    expect_fault(T("\"F32\"", "3", "[0,12]"), 12, "tensor 'w': shape");
    expect_fault(T("\"F32\"", "[1,1,1,1,1]", "[0,4]"), 4, "tensor 'w': 5 dimensions");
    expect_fault(T("\"F32\"", "[-1]", "[0,4]"), 4, "tensor 'w': dimension 0");
    expect_fault(T("\"F32\"", "[1.0]", "[0,4]"), 4, "tensor 'w': dimension 0");
    expect_fault(T("\"F32\"", "[1,\"1\"]", "[0,4]"), 4, "tensor 'w': dimension 1");
    expect_fault(T("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "tensor 'w': shape is too large");
    expect_fault(T("\"F32\"", "[4611686018427387904]", "[0,0]"), 0, "tensor 'w': 0 bytes");
    expect_fault(T("\"F32\"", "[2]", "[0,4]"), 4, "tensor 'w': 4 bytes");
    expect_fault(T("\"F32\"", "[1]", "[0,8]"), 8, "tensor 'w': 8 bytes");
    expect_fault(T("\"F32\"", "[1]", "[0]"), 4, "tensor 'w': data_offsets");
    expect_fault(T("\"F32\"", "[1]", "[0,4,4]"), 4, "tensor 'w': data_offsets");
    expect_fault(T("\"F32\"", "[1]", "[0,4.0]"), 4, "tensor 'w': data_offsets");
    expect_fault(T("\"F32\"", "[1]", "{\"0\":4}"), 4, "tensor 'w': data_offsets");
    expect_fault(T("\"F32\"", "[1]", "[-4,0]"), 4, "outside");
    expect_fault(T("\"F32\"", "[1]", "[4,0]"), 4, "outside");
    expect_fault(T("\"F32\"", "[2]", "[0,8]"), 7, "outside the 7 bytes");
    expect_fault("{\"w\":[]}", 0, "tensor 'w': entry");
    expect_fault("{\"w\":{}}", 0, "tensor 'w': dtype is missing");
    expect_fault("{\"\":{}}", 0, "name of 0 bytes");
}

#define U8(name, begin, end, n)                                                                                      \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #n "],\"data_offsets\":[" #begin "," #end "]}"

static void faults_between_tensors(void **state) {
    (void)state;
    expect_fault("{" U8("a", 0, 4, 4) "," U8("b", 3, 7, 4) "}", 7, "tensor 'b': its data overlap");
    expect_fault("{" U8("a", 0, 4, 4) "," U8("b", 0, 4, 4) "}", 4, "overlap");
    expect_fault("{" U8("a", 0, 4, 4) "," U8("b", 5, 7, 2) "}", 7, "tensor 'b': unused bytes");
    expect_fault("{" U8("a", 1, 4, 3) "}", 4, "tensor 'a': unused bytes");
    expect_fault("{" U8("a", 0, 4, 4) "}", 6, "2 bytes at the end");
    expect_fault("{" U8("a", 0, 1, 1) "," U8("a", 1, 2, 1) "}", 2, "duplicate");
    expect_fault("{}", 1, "1 bytes at the end");
}

static void faults_of_the_header(void **state) {
    (void)state;
    expect_fault("", 0, "no JSON object");
    expect_fault("[]", 0, "no JSON object");
    expect_fault("  {}", 0, "no JSON object");
    expect_fault("{\"w\":", 0, "no valid JSON");
    expect_fault("{} {}", 0, "no valid JSON");
    expect_fault("{\"\xff\":1}", 0, "no valid JSON");
    expect_fault("{\"w\\u0000\":{}}", 0, "no valid JSON");
    expect_fault("{\"__metadata__\":3}", 0, "__metadata__ is no object");
    expect_fault("{\"__metadata__\":{\"k\":3}}", 0, "__metadata__ 'k'");
    ev_container *c = NULL;
    ev_error err;
    static const unsigned char long_header[16] = {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'};
    assert_int_equal(ev_container_parse(&c, long_header, sizeof(long_header), &err), EV_E_FORMAT);
    assert_non_null(strstr(err.message, "not a safetensors file"));
    static const unsigned char cut[10] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    assert_int_equal(ev_container_parse(&c, cut, sizeof(cut), &err), EV_E_FORMAT);
    assert_non_null(strstr(err.message, "cut short"));
    for (size_t n = 0; n < 8; n++) assert_int_equal(ev_container_parse(&c, cut, n, &err), EV_E_FORMAT);
    assert_null(c);
}

static void limits(void **state) {
    (void)state;
    char name[300], header[600];
    memset(name, 'n', sizeof(name));
    name[257] = '\0';
    snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
    expect_fault(header, 0, "name of 257 bytes");
    for (int extra = 0; extra < 2; extra++) {
        ev_buf h = {0};
        for (int i = 0; i < 10000 + 2 * extra; i++)
            ev_buf_printf(&h, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "{", i);
        ev_buf_printf(&h, "}");
        if (extra) {
            expect_fault((char *)h.data, 0, "more than 10000");
        } else {
            ev_buf b = image((char *)h.data, 0);
            ev_container *c = open_good(&b);
            assert_int_equal(ev_container_count(c), 10000);
            assert_string_equal(ev_container_find(c, "t7531")->name, "t7531");
            ev_container_free(&c);
            ev_buf_free(&b);
        }
        ev_buf_free(&h);
    }
}

/* Every half there is, against the definition of the format. */
static void halves_are_exact(void **state) {
    (void)state;
    static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}";
    ev_buf b = image(header, 131072);
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i;
        memcpy(b.data + 8 + strlen(header) + 2 * i, &bits, 2);
    }
    ev_container *c = open_good(&b);
    int64_t shape[1] = {-1};
    float *v = NULL;
    assert_int_equal(ev_container_floats(c, "h", 1, shape, &v, NULL), EV_OK);
    assert_int_equal(shape[0], 65536);
    assert_int_equal((uintptr_t)v % 64, 0);
    for (int i = 0; i < 65536; i++) {
        int exponent = (i >> 10) & 31, fraction = i & 1023;
        double want = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        if (exponent == 31) want = fraction ? NAN : INFINITY;
        if (i & 0x8000) want = -want;
        if (isnan(want))
            assert_true(isnan(v[i]));
        else
            assert_true((double)v[i] == want);
        assert_int_equal(signbit(v[i]) != 0, i >= 0x8000);
    }
    free(v);
    ev_container_free(&c);
    ev_buf_free(&b);
}

static void floats_of_each_type(void **state) {
    (void)state;
    static const char header[] = "{\"f\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[1,9]},"
                                 "\"g\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[9,13]},"
                                 "\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    ev_buf b = image(header, 13);
    const float f[2] = {1.5F, -0.0F};
    const uint16_t g[2] = {0x3FC0, 0x0001}; /* 1.5 and the smallest subnormal */
    memcpy(b.data + b.size - 12, f, 8);
    memcpy(b.data + b.size - 4, g, 4);
    ev_container *c = open_good(&b);
    int64_t two[2] = {1, -1}, one[1] = {2};
    float *v = NULL;
    assert_int_equal(ev_container_floats(c, "f", 2, two, &v, NULL), EV_OK);
    assert_int_equal(two[1], 2);
    assert_memory_equal(v, f, 8);
    free(v);
    assert_int_equal(ev_container_floats(c, "g", 1, one, &v, NULL), EV_OK);
    assert_true(v[0] == 1.5F && v[1] == 0x1p-133F);
    free(v);
    ev_container_free(&c);
    ev_buf_free(&b);
}

static void floats_of_the_wrong_shape(void **state) {
    (void)state;
    ev_buf b = image(good, 32);
    ev_container *c = open_good(&b);
    ev_error err;
    float *v = NULL;
    int64_t shape[4] = {-1, 4, -1, -1};
    assert_int_equal(ev_container_floats(c, "b", 2, shape, &v, &err), EV_E_FORMAT);
    assert_string_equal(err.message, "tensor 'b': wanted shape [*, 4], found [2, 3]");
    assert_int_equal(shape[0], -1);
    assert_int_equal(ev_container_floats(c, "b", 1, shape, &v, &err), EV_E_FORMAT);
    assert_string_equal(err.message, "tensor 'b': wanted shape [*], found [2, 3]");
    assert_int_equal(ev_container_floats(c, "no", 1, shape, &v, &err), EV_E_FORMAT);
    assert_string_equal(err.message, "tensor 'no': missing; wanted floats [*]");
    assert_int_equal(ev_container_floats(c, "a", 1, shape, &v, &err), EV_E_FORMAT);
    assert_string_equal(err.message, "tensor 'a': wanted floats, found U8");
    assert_null(v);
    assert_int_equal(ev_container_floats(c, "s", 0, NULL, &v, &err), EV_OK);
    free(v);
    ev_container_free(&c);
    ev_buf_free(&b);
}

static void files(void **state) {
    (void)state;
    ev_container *c = NULL;
    ev_error err;
    assert_int_equal(ev_container_open(&c, "/nonexistent/m.safetensors", &err), EV_E_IO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(ev_container_open(&c, "/", &err), EV_E_IO);
    char path[] = "/tmp/ev_test_container_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ev_container_open(&c, path, &err), EV_E_FORMAT); /* empty */
    ev_buf b = image(good, 32);
    assert_int_equal(write(fd, b.data, b.size), b.size);
    assert_int_equal(ev_container_open(&c, path, &err), EV_OK);
    assert_int_equal(ev_container_count(c), 4);
    ev_container_free(&c);
    for (size_t n = 0; n < b.size; n++) { /* cut short anywhere */
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        assert_int_equal(ev_container_open(&c, path, &err), EV_E_FORMAT);
        assert_non_null(strstr(err.message, path));
        assert_null(c);
    }
    close(fd);
    unlink(path);
    ev_buf_free(&b);
}

/* Three tensors of a few pages, each of its own number: what is dropped reads as zeros, its neighbours as before. */
static void dropped_pages(void **state) {
    (void)state;
    enum { HALVES = 10000, BYTES = 2 * HALVES };
    static const char header[] = "{\"a\":{\"dtype\":\"F16\",\"shape\":[10000],\"data_offsets\":[0,20000]},"
                                 "\"b\":{\"dtype\":\"F16\",\"shape\":[10000],\"data_offsets\":[20000,40000]},"
                                 "\"c\":{\"dtype\":\"F16\",\"shape\":[10000],\"data_offsets\":[40000,60000]}}";
    ev_buf file = image(header, 3 * BYTES);
    for (int i = 0; i < 3; i++) memset(file.data + 8 + strlen(header) + i * BYTES, i + 1, BYTES);
    char path[] = "/tmp/ev_test_container_XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, file.data, file.size), file.size);
    ev_container *c = NULL;
    assert_int_equal(ev_container_open(&c, path, NULL), EV_OK);
    ev_container_drop(c, "b");
    ev_container_drop(c, "none");
    const unsigned char *a = ev_container_find(c, "a")->data, *b = a + BYTES, *after = b + BYTES;
    int zeros = 0;
    for (int i = 0; i < BYTES; i++) {
        assert_int_equal(a[i], 1);
        assert_int_equal(after[i], 3);
        zeros += b[i] == 0;
    }
    assert_in_range(zeros, BYTES - 2 * 4096, BYTES);
    assert_true(ev_container_is_half(c, "a") && !ev_container_is_half(c, "none"));
    ev_container_free(&c);
    c = open_good(&file); /* borrowed bytes are not ours to drop */
    ev_container_drop(c, "b");
    for (int i = 0; i < BYTES; i++) assert_int_equal(((const unsigned char *)ev_container_find(c, "b")->data)[i], 2);
    ev_container_free(&c);
    close(fd);
    unlink(path);
    ev_buf_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file),
        cmocka_unit_test(empty_file),
        cmocka_unit_test(faults_of_one_tensor),
        cmocka_unit_test(faults_between_tensors),
        cmocka_unit_test(faults_of_the_header),
        cmocka_unit_test(limits),
        cmocka_unit_test(halves_are_exact),
        cmocka_unit_test(floats_of_each_type),
        cmocka_unit_test(floats_of_the_wrong_shape),
        cmocka_unit_test(files),
        cmocka_unit_test(dropped_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
