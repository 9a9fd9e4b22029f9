/* serve: `emotivoice serve`. Its options are the service's settings: the table is made from
 * server/config/config_table.h, so flags, environment, file and --help say the same.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "server/config/supervisor.h"
#include "server/server.h"

typedef struct serve_values {
    const char *keys[SV_KEY_COUNT]; /* as given; NULL: not given */
    const char *config;
    bool print_config, check;
} serve_values;

enum { OWN = 3 };                    /* options that are no settings, before those that are */
static char names[SV_KEY_COUNT][40]; /* "batch-max" */
static char helps[SV_KEY_COUNT][160];
static const char *const placeholders[] = {
    [SV_KIND_SECRET] = "TEXT",     [SV_KIND_TEXT] = "TEXT",          [SV_KIND_FILE] = "FILE",
    [SV_KIND_DIRECTORY] = "DIR",   [SV_KIND_MODELS] = "[NAME=]FILE", [SV_KIND_ADDRESS] = "ADDRESS",
    [SV_KIND_HOSTS] = "HOSTS",     [SV_KIND_ORIGINS] = "ORIGINS",    [SV_KIND_NETWORKS] = "NETWORKS",
    [SV_KIND_FORMATS] = "FORMATS", [SV_KIND_SWITCH] = "on|off",      [SV_KIND_COUNT] = "N",
    [SV_KIND_NUMBER] = "X",        [SV_KIND_SECONDS] = "TIME",       [SV_KIND_BYTES] = "SIZE"};
static cli_option options[SV_KEY_COUNT + OWN + 1] = {
    {.name = "config",
     .letter = 'c',
     .kind = CLI_STRING,
     .offset = offsetof(serve_values, config),
     .value = "FILE",
     .help = "file of settings; flags and environment (EMOTIVOICE_BATCH_MAX for --batch-max) come before it"},
    {.name = "print-config",
     .kind = CLI_FLAG,
     .offset = offsetof(serve_values, print_config),
     .help = "print every setting and where it comes from, and stop"},
    {.name = "check",
     .kind = CLI_FLAG,
     .offset = offsetof(serve_values, check),
     .help = "say whether it would start with these settings, keys, words and model, and stop"}};

/* Before main: the tables of all commands are read by help and man page too. */
static void __attribute__((constructor)) make_options(void) {
    for (int key = 0; key < SV_KEY_COUNT; key++) {
        const sv_config_row *row = &sv_config_rows[key];
        snprintf(names[key], sizeof names[key], "%s", row->key);
        for (char *at = names[key]; (at = strchr(at, '_')) != NULL;) *at = '-';
        snprintf(helps[key], sizeof helps[key], "%s%s%s%s", row->help, *row->fallback ? " (default " : "",
                 row->fallback, *row->fallback ? ")" : "");
        options[key + OWN] = (cli_option){.name = names[key],
                                          .kind = CLI_STRING,
                                          .offset = offsetof(serve_values, keys) + sizeof(char *) * (size_t)key,
                                          .value = row->kind == SV_KIND_CHOICE ? row->unit : placeholders[row->kind],
                                          .help = helps[key],
                                          .many = row->kind == SV_KIND_MODELS};
    }
}

static const cli_example examples[] = {
    {"emotivoice serve", "the service and its page at http://127.0.0.1:8080/"},
    {"emotivoice serve --listen 0.0.0.0:80 --keys-file keys --anonymous off", "for others, with keys"},
    {"emotivoice serve --batch-mode fixed --batch-window 100ms", "a fixed window, for comparison"},
    {"emotivoice serve --redis redis://10.0.0.5 --data-dir /srv/emotivoice", "a gateway: workers make the speech"},
    {"emotivoice serve -c emotivoice.conf --print-config", "what would be in force, and why"},
    {"emotivoice serve -c emotivoice.conf --check", "before a restart: exit status 0 says that it is good"},
    {NULL, NULL}};

/* Flags, then the environment, then the file, then sockets: each value remembers which it came from, so the order is
 * free. */
static ev_status read_settings(void *values, sv_config *config, ev_error *err) {
    const serve_values *v = values;
    ev_buf warnings = {0};
    ev_status status = sv_config_init(config, err);
    for (int key = 0; status == EV_OK && key < SV_KEY_COUNT; key++) {
        if (v->keys[key] == NULL) continue;
        status = sv_config_set(config, sv_config_rows[key].key, v->keys[key], (sv_origin){.from = SV_FROM_FLAG}, err);
    }
    if (status == EV_OK) status = sv_config_environment(config, environ, &warnings, err);
    if (status == EV_OK && v->config != NULL) status = sv_config_file(config, v->config, err);
    if (status == EV_OK) status = sv_supervisor_config(config, err);
    if (status == EV_OK) status = sv_config_check(config, &warnings, err);
    for (char *line = (char *)warnings.data, *end; line != NULL && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        cli_note("%.*s", (int)(end - line), line);
    }
    ev_buf_free(&warnings);
    return status;
}

static int print_settings(const sv_config *config) {
    ev_buf text = {0};
    sv_config_print(config, &text);
    if (!text.failed) fwrite(text.data, 1, text.size, stdout);
    const int code = text.failed ? cli_fail(CLI_FAILURE, "out of memory: free some and try again") : CLI_OK;
    ev_buf_free(&text);
    return code;
}

static int code_of(ev_status status, const ev_error *err) {
    if (status == EV_OK) return CLI_OK;
    const int code = status == EV_E_FORMAT ? CLI_MODEL : status == EV_E_ARGUMENT ? CLI_CONFIG : CLI_FAILURE;
    return cli_fail(code, "%s", err->message);
}

static int check_settings(const sv_config *config) {
    ev_error err = {0};
    const int code = code_of(sv_check(config, &err), &err);
    if (code == CLI_OK) printf("the configuration is good\n");
    return code;
}

static int run_role(const void *values, sv_role role) {
    serve_values v = *(const serve_values *)values;
    sv_config config = {0};
    ev_error err = {0};
    int code = CLI_OK;
    if (sv_supervisor_take(&err) != EV_OK || read_settings(&v, &config, &err) != EV_OK) {
        code = cli_fail(CLI_CONFIG, "%s", err.message);
    } else if (role == SV_ROLE_WORKER && !*config.redis && !v.print_config) {
        code = cli_fail(CLI_CONFIG, "a worker needs --redis URL: where the gateways (emotivoice serve --redis URL) "
                                    "have their jobs");
    } else if (v.print_config) {
        code = print_settings(&config);
    } else if (v.check) {
        code = check_settings(&config);
    } else {
        cli_interrupt_stop(); /* the service waits for signals itself */
        code = code_of(sv_serve(&config, role, read_settings, &v, &err), &err);
    }
    sv_config_free(&config);
    return code;
}

static int run_serve(const void *values, const cli_operands *operands) {
    (void)operands;
    return run_role(values, SV_ROLE_SERVICE);
}

static int run_worker(const void *values, const cli_operands *operands) {
    (void)operands;
    return run_role(values, SV_ROLE_WORKER);
}

_Static_assert(sizeof(serve_values) <= CLI_VALUES_MAX, "cli_values is too small");

const cli_command cli_serve = {
    .name = "serve",
    .synopsis = "",
    .summary = "speak to many listeners at once, over HTTP",
    .description =
        "Serves speech over HTTP: OpenAI's /v1/audio/speech, jobs at /tts, voices, a page at /, metrics on a "
        "second address. SIGTERM finishes what was accepted; SIGHUP reads keys, words, voices, models and limits "
        "again.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(serve_values),
    .run = run_serve};

static const cli_example worker_examples[] = {
    {"emotivoice worker --redis redis://10.0.0.5 --data-dir /srv/emotivoice", "one more machine that makes speech"},
    {"emotivoice worker -c emotivoice.conf --check", "before a start: exit status 0 says that it would"},
    {NULL, NULL}};

const cli_command cli_worker = {
    .name = "worker",
    .synopsis = "",
    .summary = "make the speech that gateways accept, over Redis",
    .description = "Takes jobs from the Redis that gateways (emotivoice serve --redis URL) put them into, and makes "
                   "them. Settings "
                   "are those of emotivoice serve; of what listens, a worker has the second address alone. SIGTERM "
                   "finishes what "
                   "was taken; a worker that dies is missed after redis_lease, and others make its jobs.",
    .options = options,
    .examples = worker_examples,
    .values_size = sizeof(serve_values),
    .run = run_worker};
