/* files: what is read and written, and the one line on standard error that says what went wrong. */
#include "loadtest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ev_fail() makes the line safe: what a service says must not forge lines or paint the terminal. */
static void put_line(const char *format, va_list arguments) {
    char text[1024];
    ev_error line;
    vsnprintf(text, sizeof text, format, arguments);
    ev_fail(&line, EV_E_IO, "%s", text);
    fprintf(stderr, "loadtest: %s\n", line.message);
}

int load_fail(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_line(format, arguments);
    va_end(arguments);
    return code;
}

void load_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_line(format, arguments);
    va_end(arguments);
}

int load_file_read(ev_buf *out, const char *path, size_t size_max) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool read = fd >= 0 && ev_file_read(out, fd, size_max), out_of_memory = out->failed;
    const int error = errno;
    if (fd >= 0) close(fd);
    if (read) return LOAD_EXIT_OK;
    ev_buf_free(out);
    if (out_of_memory) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give smaller files");
    return load_fail(LOAD_EXIT_INPUT, "'%.100s' cannot be read (%s): check its name and permissions", path,
                     strerror(error));
}

int load_file_write(const char *path, const ev_buf *bytes) {
    const bool to_stdout = strcmp(path, "-") == 0;
    if (bytes->failed) return load_fail(LOAD_EXIT_FAILURE, "out of memory: free some and try again");
    errno = 0;
    FILE *out = to_stdout ? stdout : fopen(path, "wb");
    bool good = out != NULL && fwrite(bytes->data, 1, bytes->size, out) == bytes->size && fflush(out) == 0;
    int error = errno;
    if (out != NULL && !to_stdout && fclose(out) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good) return LOAD_EXIT_OK;
    if (error == EPIPE) return LOAD_EXIT_PIPE; /* a reader that left is no news */
    return load_fail(LOAD_EXIT_FAILURE, "'%.100s' cannot be written (%s): write elsewhere", path, strerror(error));
}
