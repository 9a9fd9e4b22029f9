/* import: published checkpoints to a model file. */
#include "options.h"

#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(import_values, field)

typedef struct import_values {
    const char *output, *type, *generator, *style_encoder, *vocabulary, *tokens, *speakers, *config;
    bool quiet;
} import_values;

static const char *const types[] = {"fp16", "fp32", NULL};

static const cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .offset = AT(output),
     .value = "FILE",
     .help = "the model file to write; without it, emotivoice-published.safetensors"},
    {.name = "type",
     .kind = CLI_CHOICE,
     .offset = AT(type),
     .choices = types,
     .help = "how weights are kept: fp16 is half as large in the file, and less memory"},
    {.name = "generator",
     .kind = CLI_STRING,
     .offset = AT(generator),
     .value = "FILE",
     .help = "g_NNN; without it, the one in DIR with the highest number"},
    {.name = "style-encoder",
     .kind = CLI_STRING,
     .offset = AT(style_encoder),
     .value = "FILE",
     .help = "checkpoint_NNN; likewise"},
    {.name = "vocabulary",
     .kind = CLI_STRING,
     .offset = AT(vocabulary),
     .value = "FILE",
     .help = "the style encoder's vocab.txt"},
    {.name = "tokens",
     .kind = CLI_STRING,
     .offset = AT(tokens),
     .value = "FILE",
     .help = "the list of phones (tokenlist)"},
    {.name = "speakers",
     .kind = CLI_STRING,
     .offset = AT(speakers),
     .value = "FILE",
     .help = "the list of speakers (speaker2), a name a line"},
    {.name = "config",
     .kind = CLI_STRING,
     .offset = AT(config),
     .value = "FILE",
     .help = "the project's joint/config.yaml; where there is none, the published sizes"},
    CLI_OPTION_QUIET(import_values),
    {.name = NULL}};

static const cli_example examples[] = {
    {"emotivoice import EmotiVoice -o emotivoice-published.safetensors",
     "from a clone of the project with its weights"},
    {"emotivoice say \"你好\" -m emotivoice-published.safetensors -v 8051 --prompt 哭唧唧 -o out.wav", "and speak"},
    {NULL, NULL}};

static void init(void *values) {
    import_values *v = values;
    v->type = types[0];
    v->output = "emotivoice-published.safetensors";
}

static void show_progress(void *user, size_t done, size_t total) {
    (void)user;
    if (done % 16 == 0 || done == total)
        fprintf(stderr, "\r%zu of %zu tensors%s", done, total, done == total ? "\n" : "");
}

static int run(const void *values, const cli_operands *operands) {
    const import_values *v = values;
    ev_import_options o;
    ev_error err = {0};
    ev_import_options_init(&o);
    o.generator = v->generator;
    o.style_encoder = v->style_encoder;
    o.vocabulary = v->vocabulary;
    o.tokens = v->tokens;
    o.speakers = v->speakers;
    o.config = v->config;
    o.half = strcmp(v->type, "fp16") == 0;
    if (!v->quiet && isatty(STDERR_FILENO)) o.progress = show_progress;
    const ev_status status = ev_model_import(operands->items[0], v->output, &o, &err);
    if (status == EV_E_IO) return cli_fail(CLI_FAILURE, "%s", err.message);
    if (status != EV_OK) return cli_fail(CLI_MODEL, "%s", err.message);
    if (!v->quiet) cli_note("%s: to be spoken with by --model, or as $EMOTIVOICE_MODEL", v->output);
    return CLI_OK;
}

const cli_command cli_import = {.name = "import",
                                .synopsis = "DIR",
                                .summary = "make a model file of the published EmotiVoice checkpoints",
                                .description =
                                    "Reads the checkpoints that the EmotiVoice project publishes, or that were "
                                    "fine-tuned from them, from DIR and the "
                                    "folders in it: generator, style encoder, its vocabulary, the lists of phones "
                                    "and speakers. Nothing in them is "
                                    "run.",
                                .options = options,
                                .examples = examples,
                                .values_size = sizeof(import_values),
                                .init = init,
                                .operands_min = 1,
                                .operands_max = 1,
                                .run = run};
