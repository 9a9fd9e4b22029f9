/* cli: the command `emotivoice`. It turns arguments into the engine's structs, calls the engine through
 * emotivoice.h alone, and turns statuses into exit codes. No synthesis happens here. Of the engine's inside it uses
 * base.h: the buffer, the JSON writer, "did you mean", the clock.
 *
 *   main.c       the table of commands, and the way from argv to one of them
 *   options.c    one table of options per command drives parsing ...
 *   help.c man.c ... and --help and the man page
 *   report.c     one-line errors, exit codes, what a terminal allows
 *   interrupt.c  Ctrl-C becomes ev_synth_cancel
 *   input.c      text from the command line, standard input or a file; output.c bytes to a file or a pipe
 *   engine.c     model, synth and voice as the options ask for them
 *   say.c say_lines.c say_stream.c voice.c phones.c import.c bench.c serve.c jobs.c keys.c   the commands
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "base/json.h"
#include "base/near.h"

/* X(name, code, meaning): the enum, the man page and --help are made from this table. */
#define CLI_EXIT_MAP(X)                                                                                              \
    X(OK, 0, "success")                                                                                              \
    X(FAILURE, 1, "failure, e.g. an output file cannot be written")                                                  \
    X(USAGE, 2, "the command line is wrong")                                                                         \
    X(CONFIG, 3, "the configuration is wrong")                                                                       \
    X(INPUT, 4, "the text, voice, emotion or reference audio was rejected")                                          \
    X(MODEL, 5, "the model file is missing or damaged")                                                              \
    X(REMOTE, 6, "a remote service is unavailable")                                                                  \
    X(INTERRUPT, 130, "interrupted (SIGINT or SIGTERM)")                                                             \
    X(PIPE, 141, "the reader of standard output went away (nothing is printed)")

typedef enum cli_exit {
#define CLI_EXIT_ENUM(name, code, meaning) CLI_##name = code,
    CLI_EXIT_MAP(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
} cli_exit;

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- report.c ---- */
/* Prints "emotivoice: LINE" on stderr, control characters escaped, and returns `code`. The line names the fault
 * and, after a colon, what to change. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* the same line, not an error */
/* What the engine said, and the exit code for it. `subject` (may be NULL) names the line or file in hand. */
int cli_engine_failed(ev_status status, const ev_error *err, const char *subject);
/* A write to `path` ("-": standard output) failed with errno `error`. A reader that left is no news: silent. */
int cli_write_failed(const char *path, int error);
bool cli_colour(FILE *stream); /* a terminal that wants colour: neither NO_COLOR nor TERM=dumb */

/* ---- interrupt.c ---- */
void cli_interrupt_start(void); /* first thing in main: later threads inherit the blocked signals */
void cli_interrupt_stop(void);  /* for a command that waits for signals itself; they stay blocked, and pending */
void cli_interrupt_watch(ev_synth *synth); /* from now on a signal cancels this synth; NULL: none any more */
bool cli_interrupted(void);

/* ---- input.c ---- */
typedef struct cli_text {
    char *bytes; /* owned: cli_text_free */
    size_t size;
} cli_text;
/* Exactly one of `argument` ("-": standard input) and `file` is given, else a usage error. Reads at most one byte
 * more than the engine allows, so that the engine can refuse a text of any size. An exit code. */
int cli_text_read(cli_text *out, const char *argument, const char *file);
/* The same source as a stream, for line by line; *out is the caller's (fclose). */
int cli_text_open(FILE **out, const char *argument, const char *file);
/* Next line without its end, cut like the text above; *more is false behind the last. */
int cli_line_read(cli_text *out, FILE *in, bool *more);
void cli_text_free(cli_text *text);
/* A whole file of at most `size_max` bytes, e.g. a packed voice. */
int cli_file_read(cli_text *out, const char *path, size_t size_max);

/* ---- output.c ---- */
/* `path` NULL means standard output, which must then not be a terminal; *path becomes "-". */
int cli_output_choose(const char **path, const char *what);
/* Replaces a file, which is removed again on failure; a device or pipe is written to and left in place. */
int cli_output_write(const char *path, const void *bytes, size_t size);
/* Prints a text that was built, and frees it. Whether it arrived is seen when the program ends. An exit code. */
int cli_output_text(FILE *out, ev_buf *text);
int cli_output_audio(const char *path, const ev_audio *audio, ev_format format);
extern const char *const cli_format_names[]; /* in the order of ev_format; NULL-terminated */
/* From --format (one of these names or NULL), else from the path's extension, else wav. */
int cli_output_format(ev_format *format, const char *name, const char *path);

/* A file that grows as audio is made. */
typedef struct cli_sink {
    const char *path;
    FILE *file;
    bool regular; /* ours to remove on failure, and to seek in */
} cli_sink;
int cli_sink_open(cli_sink *sink, const char *path);
int cli_sink_put(cli_sink *sink, const void *bytes, size_t size); /* writes through: the listener is waiting */
int cli_sink_close(cli_sink *sink, bool keep);                    /* keep false: remove what was written */

/* ---- engine.c ---- */
typedef struct cli_engine { /* starts zeroed; cli_engine_close takes it in any state */
    ev_model *model;
    ev_synth *synth;           /* NULL until cli_engine_synth */
    ev_dictionary *dictionary; /* NULL until cli_engine_lexicon */
    double load_s;
    bool warns; /* of a recording that makes a worse voice, in a line on standard error */
} cli_engine;
int cli_engine_open(cli_engine *engine, const char *model_path);
int cli_engine_synth(cli_engine *engine, int32_t threads, int32_t batch_max);
void cli_engine_close(cli_engine *engine);
/* How a text is read: names from cli_markups and cli_audio_tags; lexicon: a file, NULL: none. Fills the request. */
int cli_engine_reading(cli_engine *engine, ev_request *request, const char *markup, const char *audio_tags,
                       const char *lexicon);
/* A named voice, a .voice file, or reference audio (for which the synth is made if there is none). */
int cli_engine_voice(ev_voice **out, cli_engine *engine, const char *spec);
int cli_engine_reference(ev_voice **out, cli_engine *engine, const char *path);
/* What is wrong with the recording that a voice was made from, and what to do, as the service tells it; path: its
 * name. */
void cli_engine_warn(const ev_voice *voice, const char *path);
/* EV_E_NOT_FOUND from speaking: names the emotion label at fault and the nearest one, else what the engine said. */
int cli_engine_say_failed(const cli_engine *engine, ev_status status, const ev_error *err, const char *emotion,
                          const char *subject);

#ifdef __clang_analyzer__ /* as for ev_fail */
static inline int cli_returns(int call, int code) { return (void)call, code; }
#define cli_fail(code, ...) cli_returns((cli_fail)(code, __VA_ARGS__), code)
#endif

#endif
