/* files: how the bytes of a sound file reach the disk. See files.h. */
#include "audio/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- writing ---- */

static bool write_bytes(int fd, const unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* A reader that has gone makes write() raise SIGPIPE, which ends the program; a library turns that into an error. */
static bool write_quietly(int fd, const void *bytes, size_t size) {
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    bool written = write_bytes(fd, bytes, size);
    int reason = errno;
    if (!written && reason == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec now = {0};
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = reason;
    return written;
}

static ev_status fail_at(const char *path, ev_error *err) {
    return ev_fail(err, EV_E_IO, "cannot write '%.200s': %m", path);
}

/* Writes and closes fd. A delayed failure may show only in close(). */
static bool write_and_close(int fd, const void *bytes, size_t size) {
    bool written = write_quietly(fd, bytes, size);
    int reason = errno;
    bool closed = close(fd) == 0 || errno == EINTR;
    if (!written) errno = reason;
    return written && closed;
}

/* ---- replacing ---- */

/* A name beside `path` that nobody has; the file is made with the mode that the user's umask gives, as open() would
 * have made the real one. The descriptor, or -1. */
static int open_beside(const char *path, char *name, size_t capacity) {
    static atomic_uint serial;
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash + 1 - path) : 0;
    for (int attempt = 0; attempt < 100; attempt++) {
        unsigned number = atomic_fetch_add(&serial, 1);
        int n = snprintf(name, capacity, "%.*s.emotivoice-%ld-%u.tmp", directory, path, (long)getpid(), number);
        if (n < 0 || (size_t)n >= capacity) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

static ev_status replace(const char *path, const struct stat *old, const void *bytes, size_t size, ev_error *err) {
    char name[PATH_MAX];
    int fd = open_beside(path, name, sizeof(name));
    if (fd < 0) return fail_at(path, err);
    if (old) (void)!fchmod(fd, old->st_mode & 07777); /* a file system without modes is no reason to fail */
    if (write_and_close(fd, bytes, size) && rename(name, path) == 0) return EV_OK;
    ev_status status = fail_at(path, err);
    unlink(name);
    return status;
}

static ev_status write_straight(const char *path, const void *bytes, size_t size, ev_error *err) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || !write_and_close(fd, bytes, size)) return fail_at(path, err);
    return EV_OK;
}

ev_status ev_file_write(const char *path, const void *bytes, size_t size, ev_error *err) {
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (!exists && errno != ENOENT) return fail_at(path, err);
    /* What lies under /dev is a descriptor or a device even where it looks like a file. */
    if (strncmp(path, "/dev/", 5) == 0 || (exists && !S_ISREG(info.st_mode)))
        return write_straight(path, bytes, size, err);
    char *target = exists ? realpath(path, NULL) : NULL; /* replace what a link points to, not the link */
    ev_status status = replace(target ? target : path, exists ? &info : NULL, bytes, size, err);
    free(target);
    return status;
}

/* ---- Ogg ---- */

enum { PAGE_HEADER = 27, PAGE_SERIAL = 14, PAGE_NUMBER = 18, PAGE_CHECKSUM = 22, PAGE_SEGMENTS = 26 };

/* CRC-32 with polynomial 0x04C11DB7, not reflected, starting from 0 (RFC 3533). */
static uint32_t ogg_checksum(const uint32_t table[256], const unsigned char *bytes, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) sum = sum << 8 ^ table[(sum >> 24) ^ bytes[i]];
    return sum;
}

static void put32(unsigned char *out, uint32_t value) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(value >> 8 * i);
}

void ev_put_le32(ev_buf *b, uint32_t value) {
    unsigned char bytes[4];
    put32(bytes, value);
    ev_buf_append(b, bytes, sizeof(bytes));
}

size_t ev_ogg_page_bytes(const unsigned char *bytes, size_t size) {
    if (size < PAGE_HEADER || memcmp(bytes, "OggS", 4) != 0) return 0;
    size_t segments = bytes[PAGE_SEGMENTS], page = PAGE_HEADER + segments;
    if (page > size) return 0;
    for (size_t i = 0; i < segments; i++) page += bytes[PAGE_HEADER + i];
    return page <= size ? page : 0;
}

/* A packet is segments of 255 bytes and a last one that is shorter. */
void ev_ogg_append_page(ev_buf *b, uint32_t number, const unsigned char *packet, size_t size) {
    size_t full = size / 255;
    assert(full < 255);
    unsigned char head[PAGE_HEADER + 255] = "OggS";
    put32(head + PAGE_NUMBER, number);
    head[PAGE_SEGMENTS] = (unsigned char)(full + 1);
    memset(head + PAGE_HEADER, 255, full);
    head[PAGE_HEADER + full] = (unsigned char)(size % 255);
    ev_buf_append(b, head, PAGE_HEADER + full + 1);
    ev_buf_append(b, packet, size);
}

void ev_ogg_fix_serial(unsigned char *bytes, size_t size) {
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i << 24;
        for (int bit = 0; bit < 8; bit++) table[i] = table[i] << 1 ^ (table[i] >> 31 ? 0x04C11DB7u : 0);
    }
    for (size_t page; (page = ev_ogg_page_bytes(bytes, size)) > 0; bytes += page, size -= page) {
        put32(bytes + PAGE_SERIAL, 1);
        put32(bytes + PAGE_CHECKSUM, 0);
        put32(bytes + PAGE_CHECKSUM, ogg_checksum(table, bytes, page));
    }
}
