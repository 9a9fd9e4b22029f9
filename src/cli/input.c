/* input: text from an argument, standard input or a file. It is read to one byte past the engine's limit and no
 * further: the engine then says "too long" about a text of any size, and memory stays bounded. */
#include "cli.h"

#include <errno.h>
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

/* Reads to the end or to size_max bytes; doubles its buffer, since most texts are short. */
static int read_all(cli_text *out, FILE *in, const char *path, size_t size_max) {
    size_t capacity = 0;
    *out = (cli_text){0};
    while (out->size < size_max) {
        if (out->size == capacity) {
            capacity = capacity == 0 ? 4096 : capacity * 2;
            char *grown = realloc(out->bytes, capacity + 1);
            if (grown == NULL) {
                cli_text_free(out);
                return cli_fail(CLI_FAILURE, "out of memory: give a shorter text");
            }
            out->bytes = grown;
        }
        size_t room = capacity - out->size, left = size_max - out->size;
        errno = 0;
        size_t got = fread(out->bytes + out->size, 1, room < left ? room : left, in);
        out->size += got;
        if (got == 0) break;
    }
    if (ferror(in)) {
        int error = errno;
        cli_text_free(out);
        return read_failed(path, error);
    }
    if (out->bytes != NULL) out->bytes[out->size] = '\0';
    return CLI_OK;
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
    FILE *in = NULL;
    *out = (cli_text){0};
    int code = open_file(&in, path);
    if (code != CLI_OK) return code;
    code = read_all(out, in, path, size_max);
    fclose(in);
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
    if (strcmp(argument, "-") == 0) return read_all(out, stdin, NULL, TEXT_MAX);
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
    size_t capacity = 0;
    int c = 0;
    *out = (cli_text){0};
    *more = false;
    errno = 0;
    while ((c = getc(in)) != EOF && c != '\n') {
        *more = true;
        if (out->size == TEXT_MAX) continue; /* already too long: only find its end */
        if (out->size == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            char *grown = realloc(out->bytes, capacity + 1);
            if (grown == NULL) {
                cli_text_free(out);
                return cli_fail(CLI_FAILURE, "out of memory: give shorter lines");
            }
            out->bytes = grown;
        }
        out->bytes[out->size++] = (char)c;
    }
    if (ferror(in)) {
        int error = errno;
        cli_text_free(out);
        return read_failed(NULL, error);
    }
    if (c == '\n') *more = true;
    if (out->size > 0 && out->bytes[out->size - 1] == '\r') out->size--;
    if (out->bytes != NULL) out->bytes[out->size] = '\0';
    return CLI_OK;
}

void cli_text_free(cli_text *text) {
    free(text->bytes);
    *text = (cli_text){0};
}
