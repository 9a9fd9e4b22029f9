/* base/list.h against an array that is shifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"

enum { NODES = 40 };
typedef struct owner {
    int number;
    ev_list_node node; /* not first */
} owner;

static owner owners[NODES];
static ev_list list;
static int model[NODES]; /* numbers, first to last */
static size_t count;

static void take_out(int number) {
    size_t at = 0;
    while (model[at] != number) at++;
    memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
}

/* Both ways. */
static void assert_as_model(void) {
    size_t i = 0;
    for (const ev_list_node *n = list.first; n; n = n->next, i++) {
        assert_true(i < count);
        assert_int_equal(EV_CONTAINER_OF(n, owner, node)->number, model[i]);
        assert_ptr_equal(n->list, &list);
    }
    assert_int_equal(i, count);
    for (const ev_list_node *n = list.last; n; n = n->previous)
        assert_int_equal(EV_CONTAINER_OF(n, owner, node)->number, model[--i]);
    assert_int_equal(i, 0);
    assert_int_equal(list.count, count);
}

static void turn(owner *o) {
    const bool in = o->node.list != NULL;
    switch (rand() % 3) {
    case 0:
        assert_true(ev_list_remove(&o->node) == in);
        if (in) take_out(o->number);
        return;
    case 1:
        if (in) {
            ev_list_renew(&o->node);
            take_out(o->number);
        } else {
            ev_list_append(&list, &o->node);
        }
        model[count++] = o->number;
        return;
    default: {
        const owner *first = EV_CONTAINER_OF(rand() % 8 ? NULL : ev_list_pop(&list), owner, node);
        if (!first) return;
        assert_int_equal(first->number, model[0]);
        assert_null(first->node.list);
        take_out(first->number);
    }
    }
}

static void a_list_is_in_order(void **state) {
    (void)state;
    srand(3);
    for (int i = 0; i < NODES; i++) owners[i].number = i;
    for (int i = 0; i < 20000; i++) {
        turn(&owners[rand() % NODES]);
        assert_as_model();
    }
    while (ev_list_pop(&list)) count--;
    assert_int_equal(count, 0);
    assert_null(list.last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
