/* desk: what HTTP has to do that takes longer than a moment, away from the thread that serves everybody: reading JSON
 * and forms, judging words, lists, files, encoding audio. An errand is done once, by a thread of its lane; lanes do
 * not wait for each other, and within one the clients take turns, so that a crowd of one client's errands delays
 * another's by one.
 *
 * Owner:   an errand is its maker's; it may be put again, or freed, from the moment that run was called.
 * Threads: put by any thread; it takes the desk's lock alone.
 */
#ifndef SV_DESK_H
#define SV_DESK_H

#include "base/base.h"

typedef enum sv_lane {
    SV_LANE_NONE,  /* the caller's own thread: done in a moment */
    SV_LANE_ASK,   /* small requests */
    SV_LANE_BULK,  /* large bodies, lists, files */
    SV_LANE_AUDIO, /* encoding, a few hundred milliseconds of speech at a time */
    SV_LANE_COUNT
} sv_lane;

typedef struct sv_errand {
    struct sv_errand *next;
    void (*run)(void *user);
    void *user;
    const char *account; /* whose turn it takes */
    uint32_t bucket;     /* of the account; the desk's */
} sv_errand;

typedef struct sv_desk sv_desk;
ev_status sv_desk_create(sv_desk **out, ev_error *err);
/* false: not now, and run will not be called: the desk stops, or the lane, or this client's part of it, is full. */
bool sv_desk_put(sv_desk *desk, sv_lane lane, sv_errand *errand);
void sv_desk_stop(sv_desk *desk); /* what is there is done; more is not taken */
void sv_desk_free(sv_desk **desk);

#endif
