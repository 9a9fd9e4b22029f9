/* report: how the command speaks to people. An error is one line on stderr, whatever bytes it quotes: a file name
 * with a newline or an escape sequence must not forge a second line or paint the terminal. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Length of the well-formed UTF-8 sequence at text that is safe to print, 0 if the byte must be escaped. */
static size_t printable_at(const unsigned char *text) {
    if (text[0] < 0x80) return text[0] >= 0x20 && text[0] != 0x7f;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0; /* also stops at the terminating NUL */
    }
    bool c1_control = text[0] == 0xc2 && text[1] < 0xa0;
    bool line_or_direction = text[0] == 0xe2 && ((text[1] == 0x80 && text[2] >= 0xa8 && text[2] <= 0xae) ||
                                                 (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9));
    return c1_control || line_or_direction ? 0 : length;
}

static void print_line(const char *colour, const char *format, va_list arguments) {
    char text[1024], line[4 * sizeof text + 64];
    vsnprintf(text, sizeof text, format, arguments);
    bool coloured = cli_colour(stderr);
    size_t used =
        (size_t)snprintf(line, sizeof line, "%semotivoice:%s ", coloured ? colour : "", coloured ? "\033[0m" : "");
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t length = printable_at(at);
        if (length > 0) {
            memcpy(line + used, at, length);
            used += length;
        } else if (*at == '\n' || *at == '\t' || *at == '\r') {
            line[used++] = '\\';
            line[used++] = (char)(*at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
        } else {
            used += (size_t)snprintf(line + used, 5, "\\x%02x", *at);
        }
        at += length > 0 ? length : 1;
    }
    line[used++] = '\n';
    assert(used <= sizeof line);
    fwrite(line, 1, used, stderr); /* one write: lines of two processes do not mix */
}

int(cli_fail)(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("\033[1;31m", format, arguments);
    va_end(arguments);
    return code;
}

void cli_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("\033[1m", format, arguments);
    va_end(arguments);
}

static int exit_code_for(ev_status status) {
    switch (status) {
    case EV_OK: return CLI_OK;
    case EV_E_ARGUMENT:
    case EV_E_FORMAT:
    case EV_E_LIMIT:
    case EV_E_TEXT:
    case EV_E_AUDIO:
    case EV_E_NOT_FOUND:
    case EV_E_IO: return CLI_INPUT; /* what the engine reads after the model is the user's reference */
    case EV_E_MEMORY:
    case EV_E_CANCELED:
    case EV_E_DEVICE: return CLI_FAILURE;
    }
    return CLI_FAILURE;
}

/* The engine names the fault; what a person at a command line can do about it is ours to say. */
static const char *advice_for(ev_status status) {
    switch (status) {
    case EV_E_TEXT: return ": give some words, in UTF-8";
    case EV_E_AUDIO: return ": give 1 to 30 seconds of speech as .wav, .mp3, .flac, .ogg or .opus";
    case EV_E_LIMIT: return ": give less at a time";
    case EV_E_MEMORY: return ": free some, or give less at a time";
    default: return "";
    }
}

int cli_engine_failed(ev_status status, const ev_error *err, const char *subject) {
    assert(status != EV_OK);
    if (status == EV_E_CANCELED && cli_interrupted()) {
        return cli_fail(CLI_INTERRUPT, "interrupted: unfinished output was removed");
    }
    const char *message = err->message[0] != '\0' ? err->message : ev_status_text(status);
    return cli_fail(exit_code_for(status), "%s%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "",
                    message, advice_for(status));
}

int cli_write_failed(const char *path, int error) {
    if (error == EPIPE) return CLI_PIPE;
    const char *hint = error == ENOSPC || error == EDQUOT || error == EFBIG ? "free some space or write elsewhere"
                       : error == ENOENT || error == ENOTDIR                ? "make its directory first"
                       : error == EACCES || error == EPERM || error == EROFS || error == EISDIR
                           ? "choose another file"
                           : "write elsewhere";
    if (strcmp(path, "-") == 0) {
        return cli_fail(CLI_FAILURE, "standard output cannot be written (%s): %s", strerror(error), hint);
    }
    return cli_fail(CLI_FAILURE, "'%.200s' cannot be written (%s): %s", path, strerror(error), hint);
}

bool cli_colour(FILE *stream) {
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (no_colour != NULL && no_colour[0] != '\0') return false;
    if (terminal == NULL || strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(stream));
}
