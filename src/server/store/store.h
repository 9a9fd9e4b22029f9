/* store: results, recordings and files, by key. A value appears whole or not at all, and is durable when put returns.
 *
 * An interface with two makers:
 *   directory.c   files in a directory
 *   s3.h          objects in a bucket (S3, or what speaks like it); s3.c, START HERE
 * stores.h        which of them, by the configuration, and what lies in them
 *
 * Keys are hexadecimal, made here and never a client's words, so none can name anything else.
 * Threads: any; all wait for the disk or the network but remove and url of a bucket, which never wait.
 */
#ifndef SV_STORE_H
#define SV_STORE_H

#include "base/base.h"
#include "base/hex.h"

enum { SV_STORE_KEY = 32 };

typedef enum sv_sweep_decision { SV_SWEEP_KEEP, SV_SWEEP_REMOVE, SV_SWEEP_END } sv_sweep_decision;

typedef struct sv_store sv_store;
typedef struct sv_store_calls {
    ev_status (*put)(sv_store *store, const char *key, const void *bytes, size_t size, ev_error *err);
    ev_status (*get)(sv_store *store, const char *key, size_t size, void *out, ev_error *err);
    ev_status (*remove)(sv_store *store, const char *key, ev_error *err);
    void (*sweep)(sv_store *store, double age_s, sv_sweep_decision (*decide)(void *user, const char *key),
                  void *user);
    void (*close)(sv_store *store);
    /* NULL: it has none */
    ev_status (*url)(sv_store *store, const char *key, double seconds, const char *media_type, const char *file_name,
                     ev_buf *out, ev_error *err);
} sv_store_calls;
struct sv_store { /* the beginning of every maker's own */
    const sv_store_calls *calls;
};

static inline bool sv_store_is_key(const char *text) { return ev_is_hex(text, SV_STORE_KEY); }

/* Replaces what was there. EV_E_LIMIT: it is full. EV_E_IO. */
static inline ev_status sv_store_put(sv_store *s, const char *key, const void *bytes, size_t size, ev_error *err) {
    return s->calls->put(s, key, bytes, size, err);
}
/* Fills `size` bytes. EV_E_NOT_FOUND: there is none. EV_E_FORMAT: it is not of that size, or was changed. EV_E_LIMIT:
 * the store cannot be asked now. EV_E_IO. */
static inline ev_status sv_store_get(sv_store *s, const char *key, size_t size, void *out, ev_error *err) {
    return s->calls->get(s, key, size, out, err);
}
/* EV_OK too if it was not there. A bucket's value goes in a moment, by a thread of its own. */
static inline ev_status sv_store_remove(sv_store *s, const char *key, ev_error *err) {
    return s->calls->remove(s, key, err);
}
/* Asks `decide` of each value that is older: what a process left that ended between two steps. */
static inline void sv_store_sweep(sv_store *s, double age_s, sv_sweep_decision (*decide)(void *user, const char *key),
                                  void *user) {
    s->calls->sweep(s, age_s, decide, user);
}
/* Clients may be given URLs of values. */
static inline bool sv_store_has_urls(const sv_store *s) { return s && s->calls->url; }
/* Appends a URL by which anybody may read the value for so many seconds; answers then have that type and name. */
static inline ev_status sv_store_url(sv_store *s, const char *key, double seconds, const char *media_type,
                                     const char *file_name, ev_buf *out, ev_error *err) {
    return s->calls->url(s, key, seconds, media_type, file_name, out, err);
}
static inline void sv_store_close(sv_store **s) {
    if (*s) (*s)->calls->close(*s);
    *s = NULL;
}

/* ---- directory.c ---- */
/* Files <dir>/<first two of the key>/<key>. The directory is made where it is not there. EV_E_IO, EV_E_LIMIT. */
ev_status sv_store_directory(sv_store **out, const char *dir, ev_error *err);
/* Bytes of a value of such a store, for who knows its key alone: series (series.h), which never lie in a bucket.
 * EV_E_NOT_FOUND, EV_E_IO. */
ev_status sv_store_directory_size(sv_store *store, const char *key, size_t *size, ev_error *err);

#endif
