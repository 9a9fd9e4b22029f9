/* arena: the work memory of a synth. One block, sized once from the declared maxima, handed out by moving a mark; so
 * that synthesis neither allocates nor fragments, and `peak` says how good the size plan was. Not thread-safe: one
 * arena belongs to one synth, and its threads get slices that the calling thread took for them. */
#include <assert.h>
#include <stdlib.h>

#include "base/base.h"

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector register */

static bool round_up(size_t bytes, size_t *rounded) {
    if (bytes > SIZE_MAX - ALIGNMENT) return false;
    *rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return true;
}

void *ev_aligned_alloc(size_t bytes) {
    size_t rounded;
    if (!round_up(bytes ? bytes : 1, &rounded)) return NULL;
    return aligned_alloc(ALIGNMENT, rounded);
}

ev_status ev_arena_create(ev_arena *a, size_t capacity, ev_error *err) {
    *a = (ev_arena){0};
    size_t rounded = 0;
    if (round_up(capacity ? capacity : 1, &rounded)) a->block = aligned_alloc(ALIGNMENT, rounded);
    if (!a->block) return ev_fail(err, EV_E_MEMORY, "out of memory: work memory of %zu bytes", capacity);
    assert(rounded >= capacity && rounded % ALIGNMENT == 0);
    a->capacity = rounded;
    return EV_OK;
}

void ev_arena_destroy(ev_arena *a) {
    free(a->block);
    *a = (ev_arena){0};
}

void *ev_arena_take(ev_arena *a, size_t bytes) {
    assert(a->used <= a->capacity && a->used % ALIGNMENT == 0);
    size_t rounded;
    if (!round_up(bytes, &rounded) || rounded > a->capacity - a->used) return NULL;
    void *place = a->block + a->used;
    a->used += rounded;
    if (a->used > a->peak) a->peak = a->used;
    assert(a->used <= a->capacity && (uintptr_t)place % ALIGNMENT == 0);
    return place;
}
