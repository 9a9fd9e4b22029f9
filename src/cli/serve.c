/* serve: `emotivoice serve` and `emotivoice worker`. Their options are the service's settings. */
#include <string.h>

#include "server/config/supervisor.h"
#include "server/server.h"
#include "settings.h"

typedef struct serve_values {
    cli_settings settings;
    bool print_config, check;
} serve_values;

static cli_option options[CLI_SETTINGS + 3];

/* Before main: the tables of all commands are read by help and man page too. */
static void __attribute__((constructor)) make_options(void) {
    static const cli_option own[] = {{.name = "print-config",
                                      .kind = CLI_FLAG,
                                      .offset = offsetof(serve_values, print_config),
                                      .help = "print every setting and where it comes from, and stop"},
                                     {.name = "check",
                                      .kind = CLI_FLAG,
                                      .offset = offsetof(serve_values, check),
                                      .help =
                                          "say whether it would start with these settings, keys, words and model, "
                                          "and stop"}};
    cli_option settings[CLI_SETTINGS];
    cli_settings_options(settings, offsetof(serve_values, settings));
    options[0] = settings[0];
    memcpy(options + 1, own, sizeof own);
    memcpy(options + 3, settings + 1, sizeof settings - sizeof settings[0]);
}

static const cli_example examples[] = {
    {"emotivoice serve", "the service and its page at http://127.0.0.1:8080/"},
    {"emotivoice serve --listen 0.0.0.0:80 --keys-file keys --anonymous off", "for others, with keys"},
    {"emotivoice serve --batch-mode fixed --batch-window 100ms", "a fixed window, for comparison"},
    {"emotivoice serve --redis redis://10.0.0.5 --data-dir /srv/emotivoice", "a gateway: workers make the speech"},
    {"emotivoice serve -c emotivoice.conf --print-config", "what would be in force, and why"},
    {"emotivoice serve -c emotivoice.conf --check", "before a restart: exit status 0 says that it is good"},
    {NULL, NULL}};

static int print_settings(const sv_config *config) {
    ev_buf text = {0};
    sv_config_print(config, &text);
    if (!text.failed) fwrite(text.data, 1, text.size, stdout);
    const int code = text.failed ? cli_fail(CLI_FAILURE, "out of memory: free some and try again") : CLI_OK;
    ev_buf_free(&text);
    return code;
}

static int check_settings(const sv_config *config) {
    ev_error err = {0};
    const int code = cli_settings_code(sv_check(config, &err), &err);
    if (code == CLI_OK) printf("the configuration is good\n");
    return code;
}

static int run_role(const void *values, sv_role role) {
    serve_values v = *(const serve_values *)values;
    sv_config config = {0};
    ev_error err = {0};
    int code = CLI_OK;
    if (sv_supervisor_take(&err) != EV_OK || cli_settings_read(&v.settings, &config, &err) != EV_OK) {
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
        code = cli_settings_code(sv_serve(&config, role, cli_settings_read, &v.settings, &err), &err);
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
