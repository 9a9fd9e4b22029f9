/* base/hex.h: digits of bytes, bytes of digits, and what are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void all_bytes_there_and_back(void **state) {
    (void)state;
    unsigned char bytes[256], back[256];
    char digits[2 * 256 + 1], upper[2 * 256 + 1];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    memset(digits, 'x', sizeof digits);
    ev_hex(bytes, sizeof bytes, digits);
    assert_int_equal(strlen(digits), 512);
    for (unsigned i = 0; i < 256; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", i);
        assert_memory_equal(digits + 2 * i, pair, 2);
        snprintf(upper + 2 * i, 3, "%02X", i);
    }
    assert_true(ev_hex_read(digits, 512, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
    memset(back, 0, sizeof back);
    assert_true(ev_hex_read(upper, 512, back, sizeof back));
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void nothing_is_nothing(void **state) {
    (void)state;
    char digits[] = "xy";
    unsigned char byte = 7;
    ev_hex("", 0, digits);
    assert_string_equal(digits, "");
    assert_int_equal(digits[1], 'y');
    assert_true(ev_hex_read("", 0, &byte, 0));
    assert_int_equal(byte, 7);
    assert_false(ev_hex_read("", 0, &byte, 1));
    assert_false(ev_hex_read("a0", 2, &byte, 0));
}

static void the_text_ends_where_it_is_said(void **state) {
    (void)state;
    unsigned char bytes[3] = {1, 1, 1};
    assert_true(ev_hex_read("a0Ffzz", 4, bytes, 2)); /* a word of a line */
    assert_int_equal(bytes[0], 0xa0);
    assert_int_equal(bytes[1], 0xff);
    assert_int_equal(bytes[2], 1);
    assert_false(ev_hex_read("a0ff", 4, bytes, 1));
    assert_false(ev_hex_read("a0ff", 4, bytes, 3));
    assert_false(ev_hex_read("a0ffc", 5, bytes, 2)); /* half a byte more */
    assert_false(ev_hex_read("a0f", 3, bytes, 2));   /* and less */
}

static void other_characters_are_no_digits(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        const char first[] = {(char)c, '1'}, second[] = {'1', (char)c};
        unsigned char byte;
        assert_int_equal(ev_hex_read(first, 2, &byte, 1), digit);
        assert_int_equal(ev_hex_read(second, 2, &byte, 1), digit);
    }
    unsigned char bytes[2];
    static const char *const none[] = {" 1a0", "+1a0", "0x1f", "a0-1", "a\0ff"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(ev_hex_read(none[i], 4, bytes, 2));
}

static void ids_are_random(void **state) {
    (void)state;
    char id[34], other[33], longest[513];
    unsigned seen = 0;
    memset(id, 'x', sizeof id);
    assert_true(ev_random_hex(id, 32));
    assert_true(ev_is_hex(id, 32));
    assert_int_equal(id[33], 'x');
    assert_true(ev_random_hex(other, 32));
    assert_string_not_equal(id, other);
    assert_true(ev_random_hex(longest, 512));
    assert_true(ev_is_hex(longest, 512));
    for (const char *at = longest; *at; at++) seen |= 1u << (*at <= '9' ? *at - '0' : *at - 'a' + 10);
    assert_int_equal(seen, 0xFFFF); /* once in 10^13 one digit is not there */
    assert_true(ev_random_hex(id, 0));
    assert_string_equal(id, "");
}

static void what_an_id_is(void **state) {
    (void)state;
    assert_true(ev_is_hex("", 0));
    assert_true(ev_is_hex("0af9", 4));
    assert_false(ev_is_hex("0af9", 3));
    assert_false(ev_is_hex("0af9", 5));
    assert_false(ev_is_hex("0aF9", 4)); /* as they are made: names of files depend on it */
    assert_false(ev_is_hex("0ag9", 4));
    assert_false(ev_is_hex("0ag9", 2));
    assert_false(ev_is_hex("../a", 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_there_and_back),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(the_text_ends_where_it_is_said),
        cmocka_unit_test(other_characters_are_no_digits),
        cmocka_unit_test(ids_are_random),
        cmocka_unit_test(what_an_id_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
