/* wheel: a hashed timing wheel (Varghese and Lauck) of timers that lie in what they belong to. To set, move or clear
 * one costs the same whatever their number, and so does a tick at which none is due; most of them never are.
 * A zeroed wheel and a zeroed timer are ready. Time is the caller's, in ticks, and does not go back.
 */
#ifndef EV_WHEEL_H
#define EV_WHEEL_H

#include <stdint.h>

#include "base/list.h"

enum { EV_WHEEL_SLOTS = 1024 };

typedef struct ev_timer {
    ev_list_node node; /* in the slot of its tick; one that is not due in this turn of the wheel is passed over */
    int64_t due;
} ev_timer;

typedef struct ev_wheel {
    ev_list slots[EV_WHEEL_SLOTS];
    int64_t now;
} ev_wheel;

void ev_wheel_set(ev_wheel *w, ev_timer *timer, int64_t due); /* moves one that was set; past: the next tick */
void ev_wheel_clear(ev_timer *timer);                         /* safe also where it was not set */
/* It is `now`: what became due is appended to the list, by `node`. */
void ev_wheel_advance(ev_wheel *w, int64_t now, ev_list *expired);

#endif
