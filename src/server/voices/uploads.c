#include "base/lock.h"
#include "server/voices/uploads.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct sv_uploads {
    ev_mutex lock;
    ev_cond work;
    sv_upload *first EV_GUARDED_BY(lock), **end EV_GUARDED_BY(lock);
    int count EV_GUARDED_BY(lock); /* waiting, and at work */
    bool stopping EV_GUARDED_BY(lock), joined;
    pthread_t thread;
};

static void end(sv_upload *u, sv_upload_state state) {
    assert(u->wake);
    ev_buf_free(&u->audio);
    u->state = state;
    u->wake(u->user);
}

static sv_upload *take(sv_uploads *q) EV_REQUIRES(q->lock) {
    sv_upload *u = q->first;
    assert(u && q->count > 0);
    q->first = u->next;
    if (!q->first) q->end = &q->first;
    return u;
}

/* ---- the thread ---- */

static void keep(sv_upload *u) {
    u->status = atomic_load(&u->left) ? ev_fail(&u->error, EV_E_CANCELED, "the client left")
                                      : sv_voices_keep(u->voices, u->audio.data, u->audio.size, u->name, u->owner,
                                                       u->consent, &u->card, &u->error);
}

static void *make_uploads(void *uploads) {
    sv_uploads *q = uploads;
    ev_mutex_lock(&q->lock);
    while (!q->stopping) {
        if (!q->first) {
            ev_cond_wait(&q->work, &q->lock);
            continue;
        }
        sv_upload *u = take(q);
        ev_mutex_unlock(&q->lock);
        keep(u);
        ev_mutex_lock(&q->lock);
        assert(q->count > 0 && q->count <= SV_UPLOADS_MAX);
        q->count--;
        end(u, SV_UPLOAD_OVER);
    }
    while (q->first) end(take(q), SV_UPLOAD_STOPS);
    ev_mutex_unlock(&q->lock);
    return NULL;
}

ev_status sv_uploads_create(sv_uploads **out, ev_error *err) EV_NOT_SHARED {
    sv_uploads *q = *out = calloc(1, sizeof *q);
    if (!q) return ev_fail(err, EV_E_MEMORY, "out of memory");
    q->end = &q->first;
    ev_mutex_init(&q->lock);
    ev_cond_init(&q->work);
    if (pthread_create(&q->thread, NULL, make_uploads, q) == 0) return EV_OK;
    q->joined = true; /* there is nothing to join */
    sv_uploads_free(out);
    return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_uploads_put(sv_uploads *q, sv_upload *u) {
    ev_mutex_lock(&q->lock);
    assert(q->count >= 0 && q->count <= SV_UPLOADS_MAX);
    if (q->stopping || q->count == SV_UPLOADS_MAX) {
        end(u, q->stopping ? SV_UPLOAD_STOPS : SV_UPLOAD_FULL);
    } else {
        u->next = NULL;
        *q->end = u;
        q->end = &u->next;
        q->count++;
        ev_cond_signal(&q->work);
    }
    ev_mutex_unlock(&q->lock);
}

void sv_uploads_remove(sv_uploads *q, sv_upload **held) {
    sv_upload *u = *held;
    *held = NULL;
    if (!u) return;
    ev_mutex_lock(&q->lock); /* its wake may not have returned yet */
    ev_mutex_unlock(&q->lock);
    ev_buf_free(&u->audio);
    free(u);
}

void sv_uploads_stop(sv_uploads *q) {
    ev_mutex_lock(&q->lock);
    const bool joined = q->joined;
    q->stopping = q->joined = true;
    ev_cond_signal(&q->work);
    ev_mutex_unlock(&q->lock);
    if (!joined) pthread_join(q->thread, NULL);
}

void sv_uploads_free(sv_uploads **uploads) {
    sv_uploads *q = *uploads;
    *uploads = NULL;
    if (!q) return;
    sv_uploads_stop(q);
    ev_cond_destroy(&q->work);
    ev_mutex_destroy(&q->lock);
    free(q);
}
