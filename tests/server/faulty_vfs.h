/* faulty_vfs: SQLite's own files, with a fault at a chosen call. Registered as the default, so that the journal under
 * test opens its files through it. */
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

typedef enum { FAULT_NONE, FAULT_FULL, FAULT_IO, FAULT_KILL } fault_kind;
static atomic_long fault_calls, fault_at; /* writes and syncs so far; the first that goes wrong, and all behind it */
static atomic_int fault_now;              /* a fault_kind */
static atomic_long fault_syncs;

typedef struct faulty_file {
    sqlite3_file file;
    sqlite3_file *real; /* behind this struct */
} faulty_file;

static sqlite3_file *real_of(sqlite3_file *f) { return ((faulty_file *)f)->real; }

static int faulty_call(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at) {
    const long call = atomic_fetch_add(&fault_calls, 1) + 1;
    if (atomic_load(&fault_now) == FAULT_NONE || call < atomic_load(&fault_at)) return SQLITE_OK;
    switch (atomic_load(&fault_now)) {
    case FAULT_FULL: return bytes ? SQLITE_FULL : SQLITE_OK;
    case FAULT_IO: return bytes ? SQLITE_IOERR_WRITE : SQLITE_IOERR_FSYNC;
    case FAULT_KILL:
        if (bytes) real_of(f)->pMethods->xWrite(real_of(f), bytes, size / 2, at); /* torn */
        kill(getpid(), SIGKILL);
        pause();
    }
    return SQLITE_OK;
}

static int faulty_write(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at) {
    const int code = faulty_call(f, bytes, size, at);
    return code ? code : real_of(f)->pMethods->xWrite(real_of(f), bytes, size, at);
}
static int faulty_sync(sqlite3_file *f, int flags) {
    atomic_fetch_add(&fault_syncs, 1);
    const int code = faulty_call(f, NULL, 0, 0);
    return code ? code : real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int faulty_close(sqlite3_file *f) { return real_of(f)->pMethods->xClose(real_of(f)); }
static int faulty_read(sqlite3_file *f, void *out, int size, sqlite3_int64 at) {
    return real_of(f)->pMethods->xRead(real_of(f), out, size, at);
}
static int faulty_truncate(sqlite3_file *f, sqlite3_int64 size) {
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}
static int faulty_size(sqlite3_file *f, sqlite3_int64 *size) {
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int faulty_lock(sqlite3_file *f, int kind) { return real_of(f)->pMethods->xLock(real_of(f), kind); }
static int faulty_unlock(sqlite3_file *f, int kind) { return real_of(f)->pMethods->xUnlock(real_of(f), kind); }
static int faulty_reserved(sqlite3_file *f, int *out) {
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int faulty_control(sqlite3_file *f, int what, void *arg) {
    return real_of(f)->pMethods->xFileControl(real_of(f), what, arg);
}
static int faulty_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int faulty_device(sqlite3_file *f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }
static int faulty_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int faulty_shm_lock(sqlite3_file *f, int at, int n, int flags) {
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static void faulty_barrier(sqlite3_file *f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); }
static int faulty_unmap(sqlite3_file *f, int gone) { return real_of(f)->pMethods->xShmUnmap(real_of(f), gone); }

static sqlite3_vfs *real_vfs;

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
    static const sqlite3_io_methods methods = {2,
                                               faulty_close,
                                               faulty_read,
                                               faulty_write,
                                               faulty_truncate,
                                               faulty_sync,
                                               faulty_size,
                                               faulty_lock,
                                               faulty_unlock,
                                               faulty_reserved,
                                               faulty_control,
                                               faulty_sector,
                                               faulty_device,
                                               faulty_map,
                                               faulty_shm_lock,
                                               faulty_barrier,
                                               faulty_unmap,
                                               NULL,
                                               NULL};
    (void)vfs;
    faulty_file *own = (faulty_file *)f;
    own->real = (sqlite3_file *)(own + 1);
    const int code = real_vfs->xOpen(real_vfs, name, own->real, flags, out);
    f->pMethods = own->real->pMethods ? &methods : NULL;
    return code;
}

static void faulty_register(void) {
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "faulty";
    vfs.szOsFile += (int)sizeof(faulty_file);
    vfs.xOpen = faulty_open;
    sqlite3_vfs_register(&vfs, 1);
}

static void fault_set(fault_kind kind, long at) {
    atomic_store(&fault_calls, 0);
    atomic_store(&fault_at, at);
    atomic_store(&fault_now, kind);
}

#endif
