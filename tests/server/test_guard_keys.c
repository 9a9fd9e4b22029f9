/* keys: made, written to a file, read back, found; bad lines named; tables swapped under readers. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "guard_test.h"

/* printf %s ev_AAAAAexample | sha256sum */
#define EXAMPLE      "ev_AAAAAexample"
#define EXAMPLE_HASH "982737b8ebfe31b842958f1aa9097086cdce125168c3de319117e39ff62a2183"
#define ZERO_HASH    "0000000000000000000000000000000000000000000000000000000000000000"

static sv_keys *parse(const char *text) {
    sv_keys *keys = NULL;
    ev_error err;
    if (sv_keys_parse(&keys, text, strlen(text), "keys", &err) != EV_OK) fail_msg("%s", err.message);
    return keys;
}

static void finds_by_secret(void **state) {
    (void)state;
    sv_keys *keys = parse("# the shop\r\n\r\n"
                          "ev_AAAAA " ZERO_HASH " voices decoy\n"
                          "ev_AAAAA " EXAMPLE_HASH " speak,voices  shop rate=2.5 audio_s=600 weight=4 # since May\r\n"
                          "\tev_zzzzz " ZERO_HASH "\tvoices\troot\n");
    assert_int_equal(sv_keys_count(keys), 3);
    assert_string_equal(sv_keys_at(keys, 2)->name, "root");
    const sv_key *key = sv_keys_find(keys, "Bearer " EXAMPLE);
    assert_non_null(key);
    assert_string_equal(key->name, "shop");
    assert_string_equal(key->prefix, "ev_AAAAA");
    assert_int_equal(key->scopes, SV_SCOPE_SPEAK | SV_SCOPE_VOICES);
    assert_true(key->rate == 2.5 && key->audio_s == 600 && key->weight == 4);
    assert_ptr_equal(sv_keys_find(keys, "bearer   " EXAMPLE "  "), key);
    static const char *const unknown[] = {"",
                                          "Bearer",
                                          "Bearer ",
                                          EXAMPLE,
                                          "Basic " EXAMPLE,
                                          "Bearer ev_AAAAA",
                                          "Bearer " EXAMPLE "x",
                                          "Bearer ev_AAAAAexampl",
                                          "Bearer ev_aaaaaexample",
                                          "Bearer ev_zzzzzzzzz",
                                          "Bearer " EXAMPLE_HASH,
                                          "Bearer " ZERO_HASH,
                                          "Bearer x " EXAMPLE};
    for (size_t i = 0; i < EV_ARRAY_COUNT(unknown); i++) assert_null(sv_keys_find(keys, unknown[i]));
    assert_null(sv_keys_find(keys, NULL));
    sv_keys_unref(&keys);
    assert_null(keys);
    keys = parse("ev_AAAAA " EXAMPLE_HASH " speak shop");
    assert_true(sv_keys_find(keys, "Bearer " EXAMPLE)->weight == 1);
    sv_keys_unref(&keys);
    keys = parse("");
    assert_null(sv_keys_find(keys, "Bearer " EXAMPLE));
    sv_keys_unref(&keys);
}

static void bad_lines_are_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"ev_AAAA " ZERO_HASH " speak a", "first 8 characters"},
        {"ev_AA/AA " ZERO_HASH " speak a", "first 8 characters"},
        {"ev_AAAAA 00 speak a", "64 hexadecimal"},
        {"ev_AAAAA g" ZERO_HASH " speak a", "64 hexadecimal"},
        {"ev_AAAAA", "64 hexadecimal"},
        {"ev_AAAAA " ZERO_HASH, "scopes"},
        {"ev_AAAAA " ZERO_HASH " sing a", "scopes"},
        {"ev_AAAAA " ZERO_HASH " speak, a", "scopes"},
        {"ev_AAAAA " ZERO_HASH " admin a", "write speak, voices or speak,voices"}, /* nothing is such a key's */
        {"ev_AAAAA " ZERO_HASH " speak", "name"},
        {"ev_AAAAA " ZERO_HASH " speak sh\xc3\xb6p", "name"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=0", "rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=x", "rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=nan", "rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=-1", "rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=", "rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a rate=1e-300", "from 0.001"},
        {"ev_AAAAA " ZERO_HASH " speak a rate", "only rate=N"},
        {"ev_AAAAA " ZERO_HASH " speak a audio_s=1e99", "audio_s=N"},
        {"ev_AAAAA " ZERO_HASH " speak a audio_s=0.5", "from 1"}, /* a bucket holds one token at least */
        {"ev_AAAAA " ZERO_HASH " speak a weight=0", "weight=N"},
        {"ev_AAAAA " ZERO_HASH " speak a weight=0.09", "0.1 to 100"},
        {"ev_AAAAA " ZERO_HASH " speak a weight=101 rate=1", "0.1 to 100"},
        {"ev_AAAAA " ZERO_HASH " speak a speed=1", "rate=N"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        char text[512];
        ev_error err;
        sv_keys *keys = NULL;
        snprintf(text, sizeof(text), "# comment\nev_bbbbb " ZERO_HASH " speak b\n%s\n", bad[i][0]);
        assert_int_equal(sv_keys_parse(&keys, text, strlen(text), "conf/keys.txt", &err), EV_E_FORMAT);
        assert_null(keys);
        assert_has(err.message, "conf/keys.txt, line 3: ");
        assert_has(err.message, bad[i][1]);
    }
    static const char twice[] = "ev_AAAAA " ZERO_HASH " speak a\nev_AAAAA " ZERO_HASH " voices b\n";
    ev_error err;
    sv_keys *keys = NULL;
    assert_int_equal(sv_keys_parse(&keys, twice, strlen(twice), "keys", &err), EV_E_FORMAT);
    assert_null(keys);
    assert_has(err.message, "twice");
    assert_int_equal(sv_keys_load(&keys, "/nonexistent/keys", &err), EV_E_IO);
    assert_has(err.message, "/nonexistent/keys");
}

static void made_keys_are_found_from_a_file(void **state) {
    (void)state;
    char path[] = "/tmp/ev_test_keys_XXXXXX", secrets[20][SV_KEY_SECRET + 1];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    for (size_t i = 0; i < 20; i++) {
        char prefix[SV_KEY_PREFIX + 1], hash[65];
        assert_int_equal(sv_key_make(secrets[i], prefix, hash, NULL), EV_OK);
        assert_int_equal(strlen(secrets[i]), SV_KEY_SECRET);
        assert_int_equal(strspn(secrets[i] + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
                         SV_KEY_DIGITS);
        assert_memory_equal(secrets[i], "ev_", 3);
        assert_memory_equal(secrets[i], prefix, SV_KEY_PREFIX);
        assert_null(strstr(hash, secrets[i] + 3));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(secrets[i], secrets[j]);
        fprintf(file, "%s %s speak user-%zu\n", prefix, hash, i);
    }
    fclose(file);
    sv_keys *keys = NULL;
    assert_int_equal(sv_keys_load(&keys, path, NULL), EV_OK);
    for (size_t i = 0; i < 20; i++) {
        char value[100], name[16];
        snprintf(value, sizeof(value), "Bearer %.*s", SV_KEY_SECRET, secrets[i]);
        snprintf(name, sizeof(name), "user-%zu", i);
        const sv_key *key = sv_keys_find(keys, value);
        assert_non_null(key);
        assert_string_equal(key->name, name);
        value[strlen(value) - 1] ^= 1;
        assert_null(sv_keys_find(keys, value));
    }
    sv_keys_unref(&keys);
    unlink(path);
}

typedef struct reader {
    sv_keyring *ring;
    atomic_bool *stop;
    int found;
} reader;

static void *read_keys(void *user) {
    reader *r = user;
    while (!atomic_load(r->stop)) {
        sv_keys *keys = sv_keyring_ref(r->ring);
        const sv_key *key = keys ? sv_keys_find(keys, "Bearer " EXAMPLE) : NULL;
        r->found += key && strcmp(key->name, "shop") == 0;
        sv_keys_unref(&keys);
    }
    return NULL;
}

static void rings_swap_under_readers(void **state) {
    (void)state;
    sv_keyring *ring = NULL;
    atomic_bool stop = false;
    pthread_t threads[3];
    reader readers[3];
    assert_int_equal(sv_keyring_create(&ring, NULL), EV_OK);
    assert_null(sv_keyring_ref(ring));
    for (int i = 0; i < 3; i++) {
        readers[i] = (reader){.ring = ring, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_keys, &readers[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        sv_keys *keys = parse("ev_AAAAA " EXAMPLE_HASH " speak shop\n");
        sv_keyring_swap(ring, &keys);
        assert_null(keys);
        usleep(100);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].found > 0);
    }
    sv_keys *held = sv_keyring_ref(ring), *none = NULL;
    sv_keyring_swap(ring, &none);
    assert_null(sv_keyring_ref(ring));
    assert_non_null(sv_keys_find(held, "Bearer " EXAMPLE)); /* outlives its place in the ring */
    sv_keys_unref(&held);
    sv_keyring_free(&ring);
    assert_null(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_secret),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(made_keys_are_found_from_a_file),
        cmocka_unit_test(rings_swap_under_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
