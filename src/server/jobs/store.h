/* store: results, by key. A value appears whole or not at all, and is durable when put returns.
 *
 * An interface with room for several makers. store_directory.c: files in a directory.
 *
 * Keys are hexadecimal, made here and never a client's words, so none can name anything else.
 * Threads: any; all wait for the disk.
 */
#ifndef SV_STORE_H
#define SV_STORE_H

#include "base/base.h"

enum { SV_STORE_KEY = 32 };

typedef struct sv_store sv_store;
typedef struct sv_store_calls {
    ev_status (*put)(sv_store *store, const char *key, const void *bytes, size_t size, ev_error *err);
    ev_status (*get)(sv_store *store, const char *key, size_t size, void *out, ev_error *err);
    ev_status (*remove)(sv_store *store, const char *key, ev_error *err);
    void (*sweep)(sv_store *store, double age_s, bool (*wanted)(void *user, const char *key), void *user);
    void (*close)(sv_store *store);
} sv_store_calls;
struct sv_store { /* the beginning of every maker's own */
    const sv_store_calls *calls;
};

/* Replaces what was there. EV_E_LIMIT: it is full. EV_E_IO. */
static inline ev_status sv_store_put(sv_store *s, const char *key, const void *bytes, size_t size, ev_error *err) {
    return s->calls->put(s, key, bytes, size, err);
}
/* Fills `size` bytes. EV_E_NOT_FOUND: there is none. EV_E_FORMAT: it is not of that size. EV_E_IO. */
static inline ev_status sv_store_get(sv_store *s, const char *key, size_t size, void *out, ev_error *err) {
    return s->calls->get(s, key, size, out, err);
}
static inline ev_status sv_store_remove(sv_store *s, const char *key,
                                        ev_error *err) { /* EV_OK too if it was not there */
    return s->calls->remove(s, key, err);
}
/* Removes what is older and not wanted: what a process left that ended between two steps. */
static inline void sv_store_sweep(sv_store *s, double age_s, bool (*wanted)(void *user, const char *key),
                                  void *user) {
    s->calls->sweep(s, age_s, wanted, user);
}
static inline void sv_store_close(sv_store **s) {
    if (*s) (*s)->calls->close(*s);
    *s = NULL;
}

/* ---- store_directory.c ---- */
/* Files <dir>/<first two of the key>/<key>. The directory is made where it is not there. EV_E_IO, EV_E_LIMIT. */
ev_status sv_store_directory(sv_store **out, const char *dir, ev_error *err);

#endif
