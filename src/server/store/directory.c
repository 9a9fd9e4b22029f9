/* directory: a file for each value, written beside its place, made durable, and renamed into it; then the
 * folder is made durable too. Folders by the first two characters, so that none grows long.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/store/store.h"

/* Ending of what is not whole yet, before eight random digits: several processes may write the same value. */
static const char ASIDE[] = ".part";

enum { ASIDE_DIGITS = 8, NAME_SIZE = SV_STORE_KEY + sizeof ASIDE + ASIDE_DIGITS, FOLDERS = 256 };

typedef struct directory {
    sv_store store; /* first */
    int fd;         /* everything is opened relative to it */
    char *path;     /* for messages */
} directory;
static_assert(offsetof(directory, store) == 0, "the one is found by the other");

static ev_status fault(const directory *d, const char *what, int cause, ev_error *err) {
    const bool full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
    return ev_fail(err, full ? EV_E_LIMIT : EV_E_IO, "a result cannot be %s in %s: %s", what, d->path,
                   strerror(cause));
}

/* The folder of a key; made where it is not there, if `make` says so. -1: errno tells. */
static int open_folder(const directory *d, const char *key, bool make) {
    const char name[] = {key[0], key[1], '\0'};
    if (make && mkdirat(d->fd, name, 0700) == 0 && fsync(d->fd) != 0) return -1;
    return openat(d->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* false: errno tells, and nothing is left beside. */
static bool write_file(int folder, const char *key, const void *bytes, size_t size) {
    char aside[NAME_SIZE], place[ASIDE_DIGITS + 1];
    if (!ev_random_hex(place, ASIDE_DIGITS)) return false;
    snprintf(aside, sizeof aside, "%s%s%s", key, ASIDE, place);
    const int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && ev_write_all(fd, bytes, size) && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        cause = errno;
    }
    if (ok && (renameat(folder, aside, folder, key) != 0 || fsync(folder) != 0)) {
        ok = false;
        cause = errno;
    }
    if (!ok && fd >= 0) unlinkat(folder, aside, 0);
    errno = cause;
    return ok;
}

static ev_status put(sv_store *store, const char *key, const void *bytes, size_t size, ev_error *err) {
    const directory *d = (const directory *)store;
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    const int folder = open_folder(d, key, true);
    const bool ok = folder >= 0 && write_file(folder, key, bytes, size);
    const int cause = errno;
    if (folder >= 0) close(folder);
    return ok ? EV_OK : fault(d, "written", cause, err);
}

/* false: errno tells; ENODATA: it is shorter. */
static bool read_all(int fd, char *out, size_t size) {
    while (size) {
        const ssize_t got = read(fd, out, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (!got) errno = ENODATA;
            return false;
        }
        out += got;
        size -= (size_t)got;
    }
    return true;
}

static ev_status get(sv_store *store, const char *key, size_t size, void *out, ev_error *err) {
    const directory *d = (const directory *)store;
    struct stat info = {0};
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    const int folder = open_folder(d, key, false);
    const int fd = folder >= 0 ? openat(folder, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fstat(fd, &info) == 0;
    const bool sized = ok && S_ISREG(info.st_mode) && info.st_size == (off_t)size;
    if (sized) ok = read_all(fd, out, size);
    const int cause = errno;
    if (fd >= 0) close(fd);
    if (folder >= 0) close(folder);
    if (ok && !sized)
        return ev_fail(err, EV_E_FORMAT, "the result %s in %s has %lld bytes instead of %zu: it was changed there",
                       key, d->path, (long long)info.st_size, size);
    if (!ok && cause == ENOENT) return ev_fail(err, EV_E_NOT_FOUND, "the result %s is not in %s", key, d->path);
    return ok ? EV_OK : fault(d, "read", cause, err);
}

static ev_status remove_value(sv_store *store, const char *key, ev_error *err) {
    const directory *d = (const directory *)store;
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    const int folder = open_folder(d, key, false);
    const bool ok = folder >= 0 ? unlinkat(folder, key, 0) == 0 || errno == ENOENT : errno == ENOENT;
    const int cause = errno;
    if (folder >= 0) close(folder);
    return ok ? EV_OK : fault(d, "removed", cause, err);
}

/* What has no whole name is a dead process's. */
static sv_sweep_decision decide_file(const char *name, sv_sweep_decision (*decide)(void *user, const char *key),
                                     void *user) {
    if (sv_store_is_key(name)) return decide(user, name);
    const bool aside = strncmp(name + strspn(name, "0123456789abcdef"), ASIDE, sizeof ASIDE - 1) == 0;
    return aside ? SV_SWEEP_REMOVE : SV_SWEEP_KEEP;
}

static bool is_old(int folder, const char *name, double age_s) {
    struct stat info;
    return name[0] != '.' && fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           (double)(time(NULL) - info.st_mtime) >= age_s;
}

/* false: it is to end. */
static bool sweep_folder(int folder, double age_s, sv_sweep_decision (*decide)(void *user, const char *key),
                         void *user) {
    DIR *list = fdopendir(folder);
    bool goes_on = true;
    if (!list) {
        close(folder);
        return true;
    }
    for (struct dirent *entry; goes_on && (entry = readdir(list)) != NULL;) {
        if (!is_old(folder, entry->d_name, age_s)) continue;
        const sv_sweep_decision answer = decide_file(entry->d_name, decide, user);
        if (answer == SV_SWEEP_REMOVE) unlinkat(folder, entry->d_name, 0);
        goes_on = answer != SV_SWEEP_END;
    }
    closedir(list);
    return goes_on;
}

static void sweep(sv_store *store, double age_s, sv_sweep_decision (*decide)(void *user, const char *key),
                  void *user) {
    const directory *d = (const directory *)store;
    bool goes_on = true;
    for (int i = 0; goes_on && i < FOLDERS; i++) {
        char key[3];
        snprintf(key, sizeof key, "%02x", (unsigned)i);
        const int folder = open_folder(d, key, false);
        if (folder >= 0) goes_on = sweep_folder(folder, age_s, decide, user);
    }
}

static void close_directory(sv_store *store) {
    directory *d = (directory *)store;
    if (d->fd >= 0) close(d->fd);
    free(d->path);
    free(d);
}

static const sv_store_calls calls = {put, get, remove_value, sweep, close_directory, NULL};

ev_status sv_store_directory(sv_store **out, const char *dir, ev_error *err) {
    directory *d = calloc(1, sizeof *d);
    *out = NULL;
    if (d) *d = (directory){.store = {&calls}, .fd = -1, .path = strdup(dir)};
    if (!d || !d->path) {
        free(d);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    if (mkdir(dir, 0700) == 0 || errno == EEXIST) d->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0) {
        const ev_status status = fault(d, "kept", errno, err);
        close_directory(&d->store);
        return status;
    }
    *out = &d->store;
    return EV_OK;
}

ev_status sv_store_directory_size(sv_store *store, const char *key, size_t *size, ev_error *err) {
    const directory *d = (const directory *)store;
    struct stat info;
    assert(store->calls == &calls);
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    const int folder = open_folder(d, key, false);
    const bool ok = folder >= 0 && fstatat(folder, key, &info, AT_SYMLINK_NOFOLLOW) == 0;
    const int cause = errno;
    if (folder >= 0) close(folder);
    if (!ok && cause == ENOENT) return ev_fail(err, EV_E_NOT_FOUND, "the result %s is not in %s", key, d->path);
    if (ok) *size = (size_t)info.st_size;
    return ok ? EV_OK : fault(d, "read", cause, err);
}
