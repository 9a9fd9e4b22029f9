/* wheel: see wheel.h. */
#include "base/wheel.h"

#include <assert.h>

void ev_wheel_set(ev_wheel *w, ev_timer *timer, int64_t due) {
    ev_list_remove(&timer->node);
    timer->due = due > w->now ? due : w->now + 1;
    assert(timer->due > w->now); /* its slot is looked at once more */
    ev_list_append(&w->slots[(uint64_t)timer->due % EV_WHEEL_SLOTS], &timer->node);
}

void ev_wheel_clear(ev_timer *timer) { ev_list_remove(&timer->node); }

static void take_due(ev_list *slot, int64_t now, ev_list *expired) {
    for (ev_list_node *at = slot->first, *next; at; at = next) {
        next = at->next;
        if (EV_CONTAINER_OF(at, ev_timer, node)->due > now) continue;
        ev_list_remove(at);
        ev_list_append(expired, at);
    }
}

void ev_wheel_advance(ev_wheel *w, int64_t now, ev_list *expired) {
    const int64_t turn = now - EV_WHEEL_SLOTS; /* each slot once, however long ago it was */
    if (w->now < turn) w->now = turn;
    while (w->now < now) take_due(&w->slots[(uint64_t)++w->now % EV_WHEEL_SLOTS], now, expired);
}
