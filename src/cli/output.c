/* output: bytes to a file, a device or a pipe. What is ours (a regular file) is removed again when it could not be
 * finished; what is not (/dev/full, a named pipe) is left where it is. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const cli_format_names[] = {"wav", "wav-float", "pcm",  "flac", "opus",
                                        "mp3", "aac",       "ulaw", "alaw", NULL};
_Static_assert(CLI_COUNT(cli_format_names) == EV_FORMAT_COUNT + 1, "a name for every format, in their order");

int cli_output_choose(const char **path, const char *what) {
    if (*path != NULL) return CLI_OK;
    if (isatty(STDOUT_FILENO)) {
        return cli_fail(CLI_USAGE, "standard output is a terminal: give -o FILE for the %s, or send it to a pipe",
                        what);
    }
    *path = "-";
    return CLI_OK;
}

/* The extension with its dot, "" if there is none. */
static const char *extension_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot != name ? dot : "";
}

int cli_output_format(ev_format *format, const char *name, const char *path) {
    *format = EV_FORMAT_WAV;
    for (size_t i = 0; name != NULL && cli_format_names[i] != NULL; i++) {
        if (strcmp(cli_format_names[i], name) == 0) *format = (ev_format)i;
    }
    if (name != NULL) return CLI_OK; /* the option table let only these names through */
    const char *extension = extension_of(path);
    if (extension[0] == '\0' || extension[1] == '\0') return CLI_OK;
    if (ev_format_parse(extension + 1, format, NULL) == EV_OK) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "'%.200s' has no extension of an audio format: name it .wav, .pcm, .flac, .opus, .mp3 or .aac, "
                    "or give --format",
                    path);
}

/* ---- a file that grows ---- */

int cli_sink_open(cli_sink *sink, const char *path) {
    struct stat facts;
    *sink = (cli_sink){.path = path};
    if (strcmp(path, "-") == 0) {
        sink->file = stdout;
        return CLI_OK;
    }
    sink->file = fopen(path, "wb");
    if (sink->file == NULL) return cli_write_failed(path, errno);
    sink->regular = fstat(fileno(sink->file), &facts) == 0 && S_ISREG(facts.st_mode);
    return CLI_OK;
}

int cli_sink_put(cli_sink *sink, const void *bytes, size_t size) {
    assert(sink->file);
    errno = 0;
    if (fwrite(bytes, 1, size, sink->file) == size && fflush(sink->file) == 0) return CLI_OK;
    return cli_write_failed(sink->path, errno);
}

int cli_sink_close(cli_sink *sink, bool keep) {
    int code = CLI_OK;
    if (sink->file == NULL) return CLI_OK;
    if (sink->file != stdout && fclose(sink->file) != 0 && keep) {
        code = cli_write_failed(sink->path, errno);
        keep = false;
    }
    if (!keep && sink->regular) unlink(sink->path);
    sink->file = NULL;
    return code;
}

int cli_output_write(const char *path, const void *bytes, size_t size) {
    cli_sink sink;
    int code = cli_sink_open(&sink, path);
    if (code != CLI_OK) return code;
    code = cli_sink_put(&sink, bytes, size);
    int closed = cli_sink_close(&sink, code == CLI_OK);
    return code != CLI_OK ? code : closed;
}

int cli_output_text(FILE *out, ev_buf *text) {
    const bool failed = text->failed;
    if (!failed) fwrite(text->data, 1, text->size, out);
    ev_buf_free(text);
    return failed ? cli_fail(CLI_FAILURE, "out of memory: free some and try again") : CLI_OK;
}

int cli_output_audio(const char *path, const ev_audio *audio, ev_format format) {
    ev_error err = {0};
    void *bytes = NULL;
    size_t size = 0;
    if (strcmp(path, "-") != 0) {
        ev_status status = ev_audio_write(path, audio, format, &err);
        if (status != EV_E_IO) return status == EV_OK ? CLI_OK : cli_engine_failed(status, &err, NULL);
        return cli_fail(CLI_FAILURE, "%s: check its directory and the free space, or write elsewhere", err.message);
    }
    ev_status status = ev_audio_encode(audio, format, &bytes, &size, &err);
    int code = status == EV_OK ? cli_output_write(path, bytes, size) : cli_engine_failed(status, &err, NULL);
    ev_bytes_free(&bytes);
    return code;
}
