/* file: files read whole, and bytes written whole. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

bool ev_file_text(const char *path, char *text, size_t capacity) {
    assert(capacity > 0);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t n = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[n] = '\0';
    return n > 0;
}

int ev_file_open(int dir, const char *path, int flags, struct stat *facts) {
    const int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (fd < 0) return -1;
    const int cause = fstat(fd, facts) != 0 ? errno : S_ISREG(facts->st_mode) ? 0 : EINVAL;
    if (!cause) return fd;
    close(fd);
    errno = cause;
    return -1;
}

bool ev_file_read(ev_buf *out, int fd, size_t most) {
    unsigned char block[16384];
    ev_buf_append(out, "", 0);
    while (most && !out->failed) {
        const ssize_t got = read(fd, block, most < sizeof(block) ? most : sizeof(block));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        ev_buf_append(out, block, (size_t)got);
        most -= (size_t)got;
    }
    if (out->failed) errno = ENOMEM;
    return !out->failed;
}

void *ev_file_copy(int fd, size_t bytes) {
    assert(bytes > 0);
    unsigned char *copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return NULL;
    for (size_t at = 0; at < bytes;) {
        const ssize_t got = pread(fd, copy + at, bytes - at, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            const int cause = got < 0 ? errno : ENODATA;
            munmap(copy, bytes);
            errno = cause;
            return NULL;
        }
        at += (size_t)got;
    }
    mprotect(copy, bytes, PROT_READ); /* nobody writes to it; a refusal costs only that */
    return copy;
}

bool ev_write_all(int fd, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t done = write(fd, (const char *)bytes + at, size - at);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = ENOSPC;
        if (done <= 0) return false;
        at += (size_t)done;
    }
    return true;
}
