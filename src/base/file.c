/* file: small files read at once, and bytes written whole. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base.h"

bool ev_file_text(const char *path, char *text, size_t capacity) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t n = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[n] = '\0';
    return n > 0;
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
