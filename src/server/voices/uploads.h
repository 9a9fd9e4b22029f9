/* uploads: voices made of recordings that clients bring to be kept. Decoding, embedding and writing one takes a
 * second and waits for others; the thread that serves everybody has no second. One thread, a bounded queue.
 *
 * Owner:   an upload is its maker's, also while it is here: it may be freed once its wake was called.
 * Threads: any. wake is called once, with the lock held, so that a thread that frees the upload waits for it.
 */
#ifndef SV_UPLOADS_H
#define SV_UPLOADS_H

#include <stdatomic.h>

#include "server/voices/voices.h"

enum { SV_UPLOADS_MAX = 8 }; /* at work or waiting: each holds its recording */

typedef enum sv_upload_state {
    SV_UPLOAD_WAITS,
    SV_UPLOAD_OVER,  /* status, and card or error, tell how */
    SV_UPLOAD_FULL,  /* too many wait */
    SV_UPLOAD_STOPS, /* the service does */
} sv_upload_state;

typedef struct sv_upload {
    struct sv_upload *next;
    sv_voices *voices; /* that keep it */
    ev_buf audio;      /* bytes of a sound file */
    char name[SV_VOICE_NAME_MAX + 1], consent[65], owner[64];
    atomic_bool left; /* nobody waits for it any more: it is not begun */
    void (*wake)(void *user);
    void *user;
    sv_upload_state state;
    ev_status status;
    sv_voice_card card;
    ev_error error;
} sv_upload;

typedef struct sv_uploads sv_uploads;
ev_status sv_uploads_create(sv_uploads **out, ev_error *err);
void sv_uploads_put(sv_uploads *uploads, sv_upload *upload);     /* never waits; what is not taken is woken at once */
void sv_uploads_remove(sv_uploads *uploads, sv_upload **upload); /* NULL is fine */
/* What is at work is ended, what waits is woken, and nothing is taken any more. */
void sv_uploads_stop(sv_uploads *uploads);
void sv_uploads_free(sv_uploads **uploads);

#endif
