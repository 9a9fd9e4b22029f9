/* settings: see settings.h. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "settings.h"

static char names[SV_KEY_COUNT][40]; /* "batch-max" */
static char helps[SV_KEY_COUNT][160];
static const char *const placeholders[] = {
    [SV_KIND_SECRET] = "TEXT",     [SV_KIND_TEXT] = "TEXT",          [SV_KIND_FILE] = "FILE",
    [SV_KIND_DIRECTORY] = "DIR",   [SV_KIND_MODELS] = "[NAME=]FILE", [SV_KIND_ADDRESS] = "ADDRESS",
    [SV_KIND_HOSTS] = "HOSTS",     [SV_KIND_ORIGINS] = "ORIGINS",    [SV_KIND_NETWORKS] = "NETWORKS",
    [SV_KIND_FORMATS] = "FORMATS", [SV_KIND_SWITCH] = "on|off",      [SV_KIND_COUNT] = "N",
    [SV_KIND_NUMBER] = "X",        [SV_KIND_SECONDS] = "TIME",       [SV_KIND_BYTES] = "SIZE"};

static void make_texts(sv_config_key key) {
    assert(key < SV_KEY_COUNT && strlen(sv_config_rows[key].key) < sizeof names[key]);
    const sv_config_row *row = &sv_config_rows[key];
    snprintf(names[key], sizeof names[key], "%s", row->key);
    for (char *at = names[key]; (at = strchr(at, '_')) != NULL;) *at = '-';
    snprintf(helps[key], sizeof helps[key], "%s%s%s%s", row->help, *row->fallback ? " (default " : "", row->fallback,
             *row->fallback ? ")" : "");
}

void cli_settings_options(cli_option *rows, size_t offset) {
    rows[0] =
        (cli_option){.name = "config",
                     .letter = 'c',
                     .kind = CLI_STRING,
                     .offset = offset + offsetof(cli_settings, config),
                     .value = "FILE",
                     .help = "file of settings; flags and environment (EMOTIVOICE_BATCH_MAX for --batch-max) come "
                             "before it"};
    for (int key = 0; key < SV_KEY_COUNT; key++) {
        const sv_config_row *row = &sv_config_rows[key];
        make_texts(key);
        rows[key + 1] = (cli_option){.name = names[key],
                                     .kind = CLI_STRING,
                                     .offset = offset + offsetof(cli_settings, keys) + sizeof(char *) * (size_t)key,
                                     .value = row->kind == SV_KIND_CHOICE ? row->unit : placeholders[row->kind],
                                     .help = helps[key],
                                     .many = row->kind == SV_KIND_MODELS};
    }
}

/* Flags, then the environment, then the file, then sockets: each value remembers which it came from, so the order is
 * free. */
ev_status cli_settings_read(void *settings, sv_config *config, ev_error *err) {
    const cli_settings *v = settings;
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

int cli_settings_code(ev_status status, const ev_error *err) {
    if (status == EV_OK) return CLI_OK;
    const int code = status == EV_E_FORMAT ? CLI_MODEL : status == EV_E_ARGUMENT ? CLI_CONFIG : CLI_FAILURE;
    return cli_fail(code, "%s", err->message);
}
