/* store: a value is there whole, or not at all. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/store.h"

static const char KEY[] = "00112233445566778899aabbccddeeff", OTHER[] = "00ffffffffffffffffffffffffffffff";
static char dir[64];

static int make_dir(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/emotivoice-store-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static sv_store *open_store(void) {
    sv_store *store = NULL;
    ev_error err;
    char path[80];
    snprintf(path, sizeof path, "%s/results", dir);
    assert_int_equal(sv_store_directory(&store, path, &err), EV_OK);
    return store;
}

static void what_is_put_is_read(void **state) {
    (void)state;
    sv_store *store = open_store();
    char out[8] = {0};
    ev_error err;
    assert_int_equal(sv_store_get(store, KEY, 5, out, &err), EV_E_NOT_FOUND);
    assert_int_equal(sv_store_put(store, KEY, "hello", 5, &err), EV_OK);
    assert_int_equal(sv_store_get(store, KEY, 5, out, &err), EV_OK);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(sv_store_get(store, OTHER, 5, out, &err), EV_E_NOT_FOUND);
    assert_int_equal(sv_store_put(store, KEY, "longer", 6, &err), EV_OK);
    assert_int_equal(sv_store_get(store, KEY, 6, out, &err), EV_OK);
    assert_memory_equal(out, "longer", 6);
    assert_int_equal(sv_store_remove(store, KEY, &err), EV_OK);
    assert_int_equal(sv_store_remove(store, KEY, &err), EV_OK);
    assert_int_equal(sv_store_get(store, KEY, 6, out, &err), EV_E_NOT_FOUND);
    sv_store_close(&store);
}

static void a_directory_tells_sizes(void **state) {
    (void)state;
    sv_store *store = open_store();
    size_t size = 77;
    ev_error err;
    assert_int_equal(sv_store_directory_size(store, KEY, &size, &err), EV_E_NOT_FOUND); /* nor its folder */
    assert_int_equal(sv_store_put(store, KEY, "hello", 5, &err), EV_OK);
    assert_int_equal(sv_store_directory_size(store, KEY, &size, &err), EV_OK);
    assert_int_equal(size, 5);
    assert_int_equal(sv_store_put(store, KEY, "", 0, &err), EV_OK);
    assert_int_equal(sv_store_directory_size(store, KEY, &size, &err), EV_OK);
    assert_int_equal(size, 0);
    assert_int_equal(sv_store_directory_size(store, OTHER, &size, &err), EV_E_NOT_FOUND);
    assert_int_equal(sv_store_directory_size(store, "../../../../../../etc/passwd0000", &size, &err), EV_E_ARGUMENT);
    sv_store_close(&store);
}

static void it_outlives_the_store(void **state) {
    (void)state;
    sv_store *store = open_store();
    char out[5];
    ev_error err;
    assert_int_equal(sv_store_put(store, KEY, "again", 5, &err), EV_OK);
    sv_store_close(&store);
    store = open_store();
    assert_int_equal(sv_store_get(store, KEY, 5, out, &err), EV_OK);
    assert_memory_equal(out, "again", 5);
    sv_store_close(&store);
}

static void another_size_is_never_given(void **state) {
    (void)state;
    sv_store *store = open_store();
    char out[16], path[160];
    ev_error err;
    assert_int_equal(sv_store_put(store, KEY, "0123456789", 10, &err), EV_OK);
    snprintf(path, sizeof path, "%s/results/%.2s/%s", dir, KEY, KEY);
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(sv_store_get(store, KEY, 10, out, &err), EV_E_FORMAT);
    assert_int_equal(truncate(path, 11), 0);
    assert_int_equal(sv_store_get(store, KEY, 10, out, &err), EV_E_FORMAT);
    sv_store_close(&store);
}

static void keys_name_nothing_else(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "00",
                                      "../../../../../../etc/passwd0000",
                                      "00112233445566778899AABBCCDDEEFF",
                                      "00112233445566778899aabbccddeef/",
                                      "00112233445566778899aabbccddeeff0"};
    sv_store *store = open_store();
    char out[4];
    ev_error err;
    for (size_t i = 0; i < EV_ARRAY_COUNT(bad); i++) {
        assert_int_equal(sv_store_put(store, bad[i], "x", 1, &err), EV_E_ARGUMENT);
        assert_int_equal(sv_store_get(store, bad[i], 1, out, &err), EV_E_ARGUMENT);
        assert_int_equal(sv_store_remove(store, bad[i], &err), EV_E_ARGUMENT);
    }
    sv_store_close(&store);
}

/* A link that somebody put there leads nowhere. */
static void links_are_not_followed(void **state) {
    (void)state;
    sv_store *store = open_store();
    char out[4], path[160];
    ev_error err;
    assert_int_equal(sv_store_put(store, KEY, "mine", 4, &err), EV_OK);
    snprintf(path, sizeof path, "%s/results/%.2s/%s", dir, OTHER, OTHER);
    assert_int_equal(symlink(KEY, path), 0);
    assert_int_equal(sv_store_get(store, OTHER, 4, out, &err), EV_E_IO);
    sv_store_close(&store);
}

/* In a process of its own: what a file may have is a limit of the process. */
static void a_full_disk_leaves_the_old_value_and_nothing_beside_it(void **state) {
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        char out[5], path[160];
        static char large[100000];
        ev_error err;
        sv_store *store = open_store();
        signal(SIGXFSZ, SIG_IGN);
        const bool put = sv_store_put(store, KEY, "small", 5, &err) == EV_OK;
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, 50000});
        const bool full = sv_store_put(store, KEY, large, sizeof large, &err) == EV_E_LIMIT;
        const bool kept = sv_store_get(store, KEY, 5, out, &err) == EV_OK && memcmp(out, "small", 5) == 0;
        snprintf(path, sizeof path, "%s/results/%.2s/%s.part", dir, KEY, KEY);
        const bool clean = access(path, F_OK) != 0;
        const bool again = sv_store_put(store, KEY, large, 40000, &err) == EV_OK;
        _exit(put && full && kept && clean && again ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static sv_sweep_decision is_the_key(void *user, const char *key) {
    (void)user;
    return strcmp(key, KEY) == 0 ? SV_SWEEP_KEEP : SV_SWEEP_REMOVE;
}

static void the_sweep_takes_what_is_old_and_not_wanted(void **state) {
    (void)state;
    sv_store *store = open_store();
    char out[1], part[160], alien[160];
    ev_error err;
    assert_int_equal(sv_store_put(store, KEY, "k", 1, &err), EV_OK);
    assert_int_equal(sv_store_put(store, OTHER, "o", 1, &err), EV_OK);
    snprintf(part, sizeof part, "%s/results/00/%s.part", dir, KEY);
    snprintf(alien, sizeof alien, "%s/results/00/notes.txt", dir);
    close(open(part, O_CREAT | O_WRONLY, 0600));
    close(open(alien, O_CREAT | O_WRONLY, 0600));
    sv_store_sweep(store, 3600, is_the_key, NULL); /* all are young */
    assert_int_equal(sv_store_get(store, OTHER, 1, out, &err), EV_OK);
    assert_int_equal(access(part, F_OK), 0);
    sv_store_sweep(store, 0, is_the_key, NULL);
    assert_int_equal(sv_store_get(store, KEY, 1, out, &err), EV_OK);
    assert_int_equal(sv_store_get(store, OTHER, 1, out, &err), EV_E_NOT_FOUND);
    assert_int_not_equal(access(part, F_OK), 0);
    assert_int_equal(access(alien, F_OK), 0); /* not ours */
    sv_store_close(&store);
}

static void a_place_that_cannot_be_is_told(void **state) {
    (void)state;
    sv_store *store = NULL;
    ev_error err;
    assert_int_equal(sv_store_directory(&store, "/proc/no/such/place", &err), EV_E_IO);
    assert_null(store);
    assert_non_null(strstr(err.message, "/proc/no/such/place"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_directory_tells_sizes, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(it_outlives_the_store, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(another_size_is_never_given, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(keys_name_nothing_else, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(links_are_not_followed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_value_and_nothing_beside_it, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_sweep_takes_what_is_old_and_not_wanted, make_dir, remove_dir),
        cmocka_unit_test(a_place_that_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
