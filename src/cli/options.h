/* options: the tables that a command is made of. One row drives parsing, --help and the man page, so they cannot
 * disagree. Defaults are not written down: they are what the command's init() leaves in its values, and that asks
 * the engine's own _init functions. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli.h"

typedef enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_STRING, /* const char *; NULL when not given */
    CLI_CHOICE, /* const char *, one of `choices` */
    CLI_INT,    /* int32_t, low..high */
    CLI_REAL,   /* float, low..high */
    CLI_SEED    /* uint64_t, any */
} cli_kind;

typedef struct cli_option {
    const char *name; /* long name, no dashes; NULL ends the table */
    char letter;      /* 0: no short form */
    cli_kind kind;
    size_t offset;     /* of the value in the command's values struct */
    const char *value; /* placeholder in the help, e.g. FILE; NULL for flags and choices */
    const char *help;  /* one phrase; range and default are added from this row */
    double low, high;
    const char *const *choices; /* NULL-terminated */
    bool many;                  /* a string that may be given again: the value has a line for each */
} cli_option;

typedef struct cli_operands {
    const char **items; /* the arguments that are not options */
    int count;
} cli_operands;

typedef struct cli_example {
    const char *command, *meaning;
} cli_example;

typedef struct cli_command {
    const char *name;        /* "say", or "voice make": a group and a member */
    const char *synopsis;    /* operands, e.g. "TEXT|-" */
    const char *summary;     /* one line, no full stop */
    const char *description; /* a paragraph */
    const cli_option *options;
    const cli_example *examples; /* ends with {NULL, NULL} */
    size_t values_size;          /* at most CLI_VALUES_MAX */
    void (*init)(void *values);  /* values are zeroed before; may be NULL */
    int operands_min, operands_max;
    int (*run)(const void *values, const cli_operands *operands);
    bool hidden; /* not in lists, not in the man page */
} cli_command;

#define CLI_VALUES_MAX 1024
typedef union cli_values { /* room for any command's values, aligned for any of them */
    unsigned char bytes[CLI_VALUES_MAX];
    max_align_t align;
} cli_values;

/* Options that several commands share; `type` is the values struct, which names its field like the option. */
#define CLI_OPTION_MODEL(type)                                                                                       \
    {                                                                                                                \
        .name = "model", .letter = 'm', .kind = CLI_STRING, .offset = offsetof(type, model), .value = "PATH",        \
        .help = "model file, in place of $EMOTIVOICE_MODEL and the default voice"                                    \
    }
#define CLI_OPTION_THREADS(type)                                                                                     \
    {                                                                                                                \
        .name = "threads", .letter = 't', .kind = CLI_INT, .offset = offsetof(type, threads), .value = "N",          \
        .help = "threads to work with; 0: one per core", .low = 0, .high = 64                                        \
    }
#define CLI_OPTION_JSON(type, what)                                                                                  \
    { .name = "json", .letter = 'j', .kind = CLI_FLAG, .offset = offsetof(type, json), .help = what }
#define CLI_OPTION_QUIET(type)                                                                                       \
    {                                                                                                                \
        .name = "quiet", .letter = 'q', .kind = CLI_FLAG, .offset = offsetof(type, quiet),                           \
        .help = "no progress and no notes, only errors"                                                              \
    }

extern const char *const cli_markups[], *const cli_audio_tags[]; /* engine.c */
#define CLI_OPTIONS_READING(type)                                                                                    \
    {.name = "markup",                                                                                               \
     .kind = CLI_CHOICE,                                                                                             \
     .offset = offsetof(type, markup),                                                                               \
     .choices = cli_markups,                                                                                         \
     .help = "what is not read: auto, Markdown and tags; none, all is read; ssml, the text must be SSML"},           \
        {.name = "audio-tags",                                                                                       \
         .kind = CLI_CHOICE,                                                                                         \
         .offset = offsetof(type, audio_tags),                                                                       \
         .choices = cli_audio_tags,                                                                                  \
         .help = "\"(laughs)\", \"[sighs]\": speak reads the word, drop leaves it out"},                             \
    {                                                                                                                \
        .name = "lexicon", .kind = CLI_STRING, .offset = offsetof(type, lexicon), .value = "FILE",                   \
        .help = "pronunciations, a line each: word = how it sounds, or phones, IPA or pinyin between slashes"        \
    }

extern const cli_command cli_say, cli_voice_make, cli_voice_list, cli_voice_show, cli_voice_compare, cli_phones,
    cli_import, cli_bench_engine, cli_serve, cli_worker, cli_scale, cli_jobs_dead, cli_jobs_show, cli_jobs_retry,
    cli_jobs_drop, cli_store_check, cli_store_lifecycle, cli_keys_new, cli_keys_check, cli_man;
/* All of them, NULL-terminated: main.c has the table, help and the manual read it. */
extern const cli_command *const *cli_commands;

/* ---- options.c ---- */
typedef enum cli_asked { CLI_ASKED_NOTHING, CLI_ASKED_HELP, CLI_ASKED_VERSION } cli_asked;
/* Fills values and operands (items has room for argc). *asked is set when --help or --version was met. An exit code.
 */
int cli_options_parse(const cli_command *command, int argc, char **argv, cli_values *values, cli_operands *operands,
                      cli_asked *asked);
/* "-o, --output FILE", into text. */
void cli_option_label(const cli_option *option, char *text, size_t size);
/* " (0.25 to 4, default 1)" or "": what the row says about values, into text. */
void cli_option_limits(const cli_command *command, const cli_option *option, char *text, size_t size);

/* ---- help.c ---- */
void cli_help_all(FILE *out);
void cli_help_group(FILE *out, const char *group);
void cli_help_command(FILE *out, const cli_command *command);

#endif
