/* address: spellings, networks, forwarded clients, accounts, and which addresses are public. */
#include "guard_test.h"

static sv_address address(const char *text) {
    sv_address a;
    if (!sv_address_parse(&a, text, strlen(text))) fail_msg("'%s' is not read", text);
    return a;
}

static sv_networks networks(const char *list) {
    sv_networks n;
    assert_int_equal(sv_networks_parse(&n, list, NULL), EV_OK);
    return n;
}

static void reads_and_writes(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"192.0.2.1", "192.0.2.1"},
                                           {"192.0.2.1:8080", "192.0.2.1"},
                                           {"::ffff:192.0.2.1", "192.0.2.1"},
                                           {"::FFFF:c000:201", "192.0.2.1"},
                                           {"2001:DB8:0::1", "2001:db8::1"},
                                           {"[2001:db8::1]", "2001:db8::1"},
                                           {"[2001:db8::1]:443", "2001:db8::1"},
                                           {"[::ffff:10.0.0.1]:1", "10.0.0.1"},
                                           {"::", "::"},
                                           {"::1", "::1"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++) {
        char text[SV_ADDRESS_TEXT];
        sv_address a = address(pairs[i][0]);
        sv_address_text(&a, text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void refuses_what_is_no_address(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "unknown",
                                      "_hidden",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "0x7f.0.0.1",
                                      "0177.0.0.1",
                                      "127.1",
                                      "2130706433",
                                      "1.2.3.4:",
                                      "1.2.3.4:x",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:123456",
                                      "[1.2.3.4]",
                                      "[::1",
                                      "::1]",
                                      "[::1]x",
                                      "[::1]:",
                                      "[::1]:-1",
                                      "[]",
                                      "fe80::1%eth0",
                                      "1::2::3",
                                      ":",
                                      "12345::",
                                      "1.2.3.4 ",
                                      "2001:db8::1:2:3:4:5:6:7:8:9",
                                      "1.2.3.4/8"};
    sv_address a;
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++)
        if (sv_address_parse(&a, bad[i], strlen(bad[i]))) fail_msg("'%s' is read", bad[i]);
    assert_false(sv_address_parse(&a, "::1\0x", 5));
    char endless[4096];
    memset(endless, '1', sizeof(endless));
    assert_false(sv_address_parse(&a, endless, sizeof(endless)));
    struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    assert_false(sv_address_of(&a, &unix_peer));
    assert_false(sv_address_of(&a, NULL));
}

static void networks_contain_their_addresses(void **state) {
    (void)state;
    sv_networks n = networks(" 10.0.0.0/8,192.0.2.7\n2001:db8::/33 172.16.0.0/12, ::ffff:198.18.0.0/111 ");
    assert_int_equal(n.count, 5);
    static const char *const inside[] = {"10.0.0.0",    "10.255.255.255",       "::ffff:10.1.2.3", "192.0.2.7",
                                         "2001:db8::1", "2001:db8:7fff:ffff::", "172.31.255.255",  "198.19.255.255"};
    static const char *const outside[] = {"9.255.255.255",   "11.0.0.0",   "192.0.2.6",      "192.0.2.8",
                                          "2001:db8:8000::", "172.32.0.0", "172.15.255.255", "198.20.0.0",
                                          "::10.0.0.1",      "::1"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(inside); i++) {
        sv_address a = address(inside[i]);
        if (!sv_networks_contain(&n, &a)) fail_msg("%s is not held", inside[i]);
    }
    for (size_t i = 0; i < EV_ARRAY_COUNT(outside); i++) {
        sv_address a = address(outside[i]);
        if (sv_networks_contain(&n, &a)) fail_msg("%s is held", outside[i]);
    }
    sv_networks_free(&n);
    n = networks("0.0.0.0/0");
    sv_address four = address("8.8.8.8"), six = address("2001:db8::1");
    assert_true(sv_networks_contain(&n, &four));
    assert_false(sv_networks_contain(&n, &six));
    sv_networks_free(&n);
    n = networks("");
    assert_false(sv_networks_contain(&n, &four));
    sv_networks_free(&n);
}

static void networks_name_their_fault(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"10.0.0.0/33", "above 32"},         {"::/129", "above 128"},
                                         {"10.0.0.1/8", "bits set behind"},   {"2001:db8::1/64", "bits set behind"},
                                         {"proxy.example", "not an address"}, {"10.0.0.0/", "no prefix length"},
                                         {"10.0.0.0/-1", "no prefix length"}, {"10.0.0.0/8x", "no prefix length"},
                                         {"10.0.0.0/99999", "above 32"},      {"/8", "not an address"},
                                         {"10/8", "not an address"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        char list[128];
        sv_networks n;
        ev_error err;
        snprintf(list, sizeof(list), "192.0.2.0/24, %s, 10.0.0.0/8", bad[i][0]);
        assert_int_equal(sv_networks_parse(&n, list, &err), EV_E_ARGUMENT);
        assert_has(err.message, bad[i][0]);
        assert_has(err.message, bad[i][1]);
        assert_null(n.items);
    }
}

/* peer, trusted, header, client. Each row that tries to forge must end at what a trusted hop really saw. */
static void forwarded_clients(void **state) {
    (void)state;
    static const char *const rows[][4] = {
        {"203.0.113.9", "", "1.1.1.1", "203.0.113.9"}, /* default: nobody is believed */
        {"203.0.113.9", "10.0.0.0/8", "1.1.1.1", "203.0.113.9"},
        {"10.0.0.1", "", "1.1.1.1", "10.0.0.1"},
        {"127.0.0.1", "10.0.0.0/8", "1.1.1.1", "127.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", NULL, "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "1.1.1.1", "1.1.1.1"},
        {"::ffff:10.0.0.1", "10.0.0.0/8", "1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", " \t1.1.1.1 \t", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, 1.1.1.1", "1.1.1.1"}, /* the client wrote 6.6.6.6 itself */
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6,1.1.1.1,10.0.0.2", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, 1.1.1.1 , 10.0.0.2,10.0.0.3", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "10.6.6.6, 1.1.1.1", "1.1.1.1"},   /* pretends to be a proxy */
        {"10.0.0.1", "10.0.0.0/8", "10.0.0.9, 10.0.0.2", "10.0.0.9"}, /* all trusted: the leftmost */
        {"10.0.0.1", "10.0.0.0/8", "127.0.0.1, 1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "::1", "::1"},
        {"10.0.0.1", "10.0.0.0/8", "1.1.1.1:5000", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "[2001:db8::7]:5000", "2001:db8::7"},
        {"10.0.0.1", "10.0.0.0/8", "2001:db8::7", "2001:db8::7"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, ::ffff:1.1.1.1", "1.1.1.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, ::ffff:10.0.0.2", "6.6.6.6"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, unknown", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6, ", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6,,10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "10.0.0.0/8", ",", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", ",,,,", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6;1.1.1.1", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "6.6.6.6 1.1.1.1", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "\"1.1.1.1\"", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "0x06.6.6.6", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "010.0.0.2", "10.0.0.1"},
        {"10.0.0.1", "10.0.0.0/8", "1.1.1.1, 10.2", "10.0.0.1"},
        {"fd00::1", "fd00::/8", "2001:db8::7", "2001:db8::7"},
        {"fd00::1", "fd00::/8", "10.0.0.1", "10.0.0.1"},
        {"192.0.2.1", "192.0.2.1, 198.51.100.0/24", "1.1.1.1, 198.51.100.7", "1.1.1.1"},
        {"192.0.2.2", "192.0.2.1, 198.51.100.0/24", "1.1.1.1, 198.51.100.7", "192.0.2.2"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) {
        sv_networks trusted = networks(rows[i][1]);
        const sv_address peer = address(rows[i][0]);
        const sv_address client = sv_address_client(&peer, rows[i][2], &trusted);
        char text[SV_ADDRESS_TEXT];
        sv_address_text(&client, text);
        if (strcmp(text, rows[i][3]) != 0) fail_msg("row %zu: %s, not %s", i, text, rows[i][3]);
        sv_networks_free(&trusted);
    }
}

static void accounts(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"192.0.2.1", "ip:192.0.2.1"},
        {"::ffff:192.0.2.1", "ip:192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"},
        {"2001:db8:1:2:ffff::", "ip:2001:db8:1:2::/64"},
        {"2001:db8:1:3::", "ip:2001:db8:1:3::/64"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ip:ffff:ffff:ffff:ffff::/64"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pairs); i++) {
        char account[SV_ACCOUNT_SIZE];
        const sv_address a = address(pairs[i][0]);
        sv_address_account(&a, account);
        assert_string_equal(account, pairs[i][1]);
    }
}

static void check_public(const char *text, bool expected) {
    const struct sockaddr_storage s = sockaddr_of(text);
    if (sv_address_public((const struct sockaddr *)&s) != expected)
        fail_msg("%s is %spublic", text, expected ? "not " : "");
}

/* First and last of every denied block, the neighbours of those that have public ones, and each of the IPv4 ones in
 * every wrapper. */
static void public_addresses(void **state) {
    (void)state;
    static const char *const denied[] = {
        "0.0.0.0",      "0.255.255.255",  "10.0.0.0",        "10.255.255.255",  "100.64.0.0",      "100.127.255.255",
        "127.0.0.0",    "127.0.0.1",      "127.255.255.255", "169.254.0.0",     "169.254.169.254", "169.254.255.255",
        "172.16.0.0",   "172.31.255.255", "192.0.0.0",       "192.0.0.255",     "192.0.2.0",       "192.0.2.255",
        "192.88.99.0",  "192.88.99.255",  "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255",
        "198.51.100.0", "198.51.100.255", "203.0.113.0",     "203.0.113.255",   "224.0.0.0",       "239.255.255.255",
        "240.0.0.0",    "255.255.255.255"};
    static const char *const open[] = {
        "1.0.0.0",         "1.1.1.1",         "8.8.8.8",        "9.255.255.255",   "11.0.0.0",      "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "169.253.255.255", "169.255.0.0",   "172.15.255.255",
        "172.32.0.0",      "191.255.255.255", "192.0.1.0",      "192.0.3.0",       "192.88.98.255", "192.88.100.0",
        "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",      "198.51.99.255", "198.51.101.0",
        "203.0.112.255",   "203.0.114.0",     "223.255.255.255"};
    static const char *const wrappers[] = {"::ffff:%s", "::%s", "64:ff9b::%s"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(denied) + EV_ARRAY_COUNT(open); i++) {
        const bool is_open = i >= EV_ARRAY_COUNT(denied);
        const char *text = is_open ? open[i - EV_ARRAY_COUNT(denied)] : denied[i];
        char wrapped[64];
        unsigned o[4];
        check_public(text, is_open);
        for (size_t w = 0; w < EV_ARRAY_COUNT(wrappers); w++) {
            snprintf(wrapped, sizeof(wrapped), wrappers[w], text);
            check_public(wrapped, is_open);
        }
        assert_int_equal(sscanf(text, "%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]), 4);
        snprintf(wrapped, sizeof(wrapped), "2002:%x:%x::1", o[0] << 8 | o[1], o[2] << 8 | o[3]);
        check_public(wrapped, is_open);
    }
    static const char *const denied_six[] = {"::",
                                             "::1",
                                             "100::",
                                             "100::1",
                                             "64:ff9b:1::",
                                             "64:ff9b:1::8.8.8.8",
                                             "2001::",
                                             "2001:1ff:ffff::",
                                             "2001:10::1",
                                             "2001:db8::",
                                             "2001:db8:ffff::1",
                                             "3fff::1",
                                             "3fff:fff::",
                                             "fc00::",
                                             "fdff:ffff::1",
                                             "fe80::",
                                             "febf::1",
                                             "fec0::",
                                             "feff::1",
                                             "ff00::",
                                             "ff02::1",
                                             "5f00::1",
                                             "4000::",
                                             "::ffff:0:8.8.8.8",
                                             "1fff::1"};
    static const char *const open_six[] = {
        "2001:200::", "2001:4860:4860::8888", "2001:db7:ffff::", "2001:db9::", "2606:4700::1111", "2a00:1450::1",
        "3ffe::1",    "3fff:1000::",          "2003::1"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(denied_six); i++) check_public(denied_six[i], false);
    for (size_t i = 0; i < EV_ARRAY_COUNT(open_six); i++) check_public(open_six[i], true);
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(sv_address_public(&other));
}

static void own_addresses(void **state) {
    (void)state;
    const struct sockaddr_storage loopback = sockaddr_of("127.0.0.1"), other = sockaddr_of("25.0.0.2");
    const struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    assert_true(sv_address_own((const struct sockaddr *)&loopback)); /* as the system tells it */
    assert_false(sv_address_own((const struct sockaddr *)&other));
    assert_true(sv_address_own(&unix_peer));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(networks_contain_their_addresses),
        cmocka_unit_test(networks_name_their_fault),
        cmocka_unit_test(forwarded_clients),
        cmocka_unit_test(accounts),
        cmocka_unit_test(public_addresses),
        cmocka_unit_test(own_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
