/* input: text from an argument, standard input or a file. It is read to one byte past the engine's limit and no
 * further: the engine then says "too long" about a text of any size, and memory stays bounded. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)EV_TEXT_BYTES_MAX + 1)

static int read_failed(const char *path, int error) {
    if (path == NULL) return cli_fail(CLI_INPUT, "standard input cannot be read (%s): give TEXT", strerror(error));
    const char *hint = error == ENOENT ? "check the name" : error == EISDIR ? "give a file" : "check its permissions";
    return cli_fail(CLI_INPUT, "'%.200s' cannot be read (%s): %s", path, strerror(error), hint);
}

static int out_of_memory(ev_buf *bytes, const char *what) {
    ev_buf_free(bytes);
    return cli_fail(CLI_FAILURE, "out of memory: give %s", what);
}

/* The buffer's bytes become the text's. */
static int give(cli_text *out, const ev_buf *bytes) {
    *out = (cli_text){.bytes = (char *)bytes->data, .size = bytes->size};
    return CLI_OK;
}

/* Reads to the end or to size_max bytes. */
static int read_all(cli_text *out, int fd, const char *path, size_t size_max) {
    ev_buf bytes = {0};
    if (ev_file_read(&bytes, fd, size_max)) return give(out, &bytes);
    const int error = errno;
    if (bytes.failed) return out_of_memory(&bytes, "a shorter text");
    ev_buf_free(&bytes);
    return read_failed(path, error);
}

static int open_file(FILE **out, const char *path) {
    struct stat facts;
    *out = fopen(path, "rb");
    if (*out == NULL) return read_failed(path, errno);
    if (fstat(fileno(*out), &facts) == 0 && S_ISDIR(facts.st_mode)) { /* fopen takes one, only reading fails */
        fclose(*out);
        *out = NULL;
        return read_failed(path, EISDIR);
    }
    return CLI_OK;
}

int cli_file_read(cli_text *out, const char *path, size_t size_max) {
    *out = (cli_text){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return read_failed(path, errno);
    const int code = read_all(out, fd, path, size_max);
    close(fd);
    return code;
}

static int check_source(const char *argument, const char *file) {
    if (argument != NULL && file != NULL) {
        return cli_fail(CLI_USAGE, "both TEXT and --file were given: give one of them");
    }
    if (argument == NULL && file == NULL) {
        return cli_fail(CLI_USAGE, "there is no text: give TEXT, - for standard input, or --file FILE");
    }
    return CLI_OK;
}

int cli_text_read(cli_text *out, const char *argument, const char *file) {
    *out = (cli_text){0};
    int code = check_source(argument, file);
    if (code != CLI_OK) return code;
    if (file != NULL) return cli_file_read(out, file, TEXT_MAX);
    if (strcmp(argument, "-") == 0) return read_all(out, STDIN_FILENO, NULL, TEXT_MAX);
    out->bytes = strdup(argument);
    if (out->bytes == NULL) return cli_fail(CLI_FAILURE, "out of memory: give a shorter text");
    out->size = strlen(argument);
    return CLI_OK;
}

int cli_text_open(FILE **out, const char *argument, const char *file) {
    *out = NULL;
    int code = check_source(argument, file);
    if (code != CLI_OK) return code;
    if (file != NULL) return open_file(out, file);
    if (strcmp(argument, "-") == 0) {
        int copy = dup(STDIN_FILENO); /* so that every stream may be closed alike */
        *out = copy < 0 ? NULL : fdopen(copy, "rb");
        return *out != NULL ? CLI_OK : read_failed(NULL, errno);
    }
    /* The stream borrows the argument, which lives as long as the program; "r" never writes to it. */
    *out = fmemopen((void *)(uintptr_t)argument, strlen(argument), "r");
    return *out != NULL ? CLI_OK : cli_fail(CLI_INPUT, "the text is empty: give some words");
}

int cli_line_read(cli_text *out, FILE *in, bool *more) {
    ev_buf line = {0};
    int c = 0;
    *out = (cli_text){0};
    *more = false;
    errno = 0;
    while ((c = getc(in)) != EOF && c != '\n') {
        *more = true;
        const char byte = (char)c;
        if (line.size < TEXT_MAX) ev_buf_append(&line, &byte, 1); /* too long already: only its end is looked for */
        if (line.failed) return out_of_memory(&line, "shorter lines");
    }
    if (ferror(in)) {
        int error = errno;
        ev_buf_free(&line);
        return read_failed(NULL, error);
    }
    if (c == '\n') *more = true;
    if (line.size > 0 && line.data[line.size - 1] == '\r') line.data[--line.size] = '\0';
    return give(out, &line);
}

void cli_text_free(cli_text *text) {
    free(text->bytes);
    *text = (cli_text){0};
}
