/* settings: the service's settings as options of a command, for all commands that have them: the table is made from
 * server/config/config_table.h, so flags, environment, file and --help say the same. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "options.h"
#include "server/config/config.h"

typedef struct cli_settings {       /* a part of a command's values */
    const char *keys[SV_KEY_COUNT]; /* as given; NULL: not given */
    const char *config;
} cli_settings;

enum { CLI_SETTINGS = SV_KEY_COUNT + 1 }; /* options: --config, then every setting */

/* Fills CLI_SETTINGS rows for settings at that offset of the values. Before main: help and man page read them too. */
void cli_settings_options(cli_option *rows, size_t offset);
/* What is in force, by an sv_reload's signature; settings: a cli_settings. Warnings are notes. */
ev_status cli_settings_read(void *settings, sv_config *config, ev_error *err);
/* Of an error that a start may end with: says it. */
int cli_settings_code(ev_status status, const ev_error *err);

#endif
