/* base/map.h: the hash by its authors' vectors; the table against a list that is searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

static void siphash_is_the_authors(void **state) {
    (void)state;
    static const uint64_t expected[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a};
    const uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char text[15];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)i;
    for (size_t i = 0; i < 3; i++) assert_true(ev_siphash(secret, text, i) == expected[i]);
    assert_true(ev_siphash(secret, text, 15) == 0xa129ca6149be45e5);
}

enum { OWNERS = 3000, KEYS = 1000 };
typedef struct owner {
    int number;
    ev_map_node node; /* not first */
    char key[8];
    int added; /* when; 0: it is not in the table */
} owner;

/* Of one key the last that was added, and how many there are. */
static const owner *search(const owner *all, const char *key, size_t *count) {
    const owner *last = NULL;
    *count = 0;
    for (size_t i = 0; i < OWNERS; i++) {
        if (!all[i].added || strcmp(all[i].key, key) != 0) continue;
        ++*count;
        if (!last || all[i].added > last->added) last = &all[i];
    }
    return last;
}

static void what_is_added_is_found(void **state) {
    (void)state;
    ev_map m;
    owner *all = calloc(OWNERS, sizeof *all);
    size_t in_table = 0;
    assert_true(ev_map_init(&m, 0));
    srand(7);
    for (int turn = 1; turn <= 20000; turn++) {
        owner *o = &all[rand() % OWNERS];
        o->number = (int)(o - all);
        if (o->added) {
            assert_true(ev_map_remove(&m, &o->node));
            assert_false(ev_map_remove(&m, &o->node));
            o->added = 0;
            in_table--;
        } else {
            snprintf(o->key, sizeof o->key, "%d", rand() % KEYS);
            ev_map_add(&m, &o->node, o->key, strlen(o->key));
            o->added = turn;
            in_table++;
        }
        if (turn % 20 != 0) continue;
        char key[8];
        size_t expected, count = 0, all_of_them = 0;
        snprintf(key, sizeof key, "%d", rand() % KEYS);
        const owner *last = search(all, key, &expected);
        ev_map_node *node = ev_map_find(&m, key, strlen(key));
        assert_ptr_equal(EV_CONTAINER_OF(node, owner, node), last);
        for (; node; node = ev_map_find_more(node)) count++;
        assert_int_equal(count, expected);
        for (node = NULL; (node = ev_map_next(&m, node)) != NULL;) all_of_them++;
        assert_int_equal(all_of_them, in_table);
        assert_int_equal(m.count, in_table);
    }
    ev_map_free(&m);
    free(all);
}

/* Two tables have two secrets: what is one chain in the one is not in the other. */
static void nobody_knows_the_chains(void **state) {
    (void)state;
    ev_map a, b;
    assert_true(ev_map_init(&a, 0) && ev_map_init(&b, 0));
    assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
    ev_map_free(&a);
    ev_map_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_is_the_authors),
        cmocka_unit_test(what_is_added_is_found),
        cmocka_unit_test(nobody_knows_the_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
