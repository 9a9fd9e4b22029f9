/* Fuzzes the configuration file: any bytes either are refused with a line, or give settings that print as a file
 * which gives the same settings again. */
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_reads_back(const sv_config *config) {
    sv_config again;
    ev_buf out = {0}, warnings = {0};
    ev_error err;
    sv_config_print(config, &out);
    if (sv_config_init(&again, NULL) != EV_OK) abort();
    if (sv_config_parse(&again, "printed", (const char *)out.data, out.size, &err) != EV_OK) abort();
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        bool masked = sv_config_rows[i].kind == SV_KIND_SECRET;
        if (!masked && strcmp(again.settings[i].text, config->settings[i].text) != 0) abort();
    }
    sv_config_check(&again, &warnings, &err);
    ev_buf_free(&warnings);
    ev_buf_free(&out);
    sv_config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    sv_config config;
    ev_error err = {0};
    if (sv_config_init(&config, NULL) != EV_OK) abort();
    if (sv_config_parse(&config, "f", (const char *)bytes, size, &err) == EV_OK)
        check_reads_back(&config);
    else if (strncmp(err.message, "f:", 2) != 0)
        abort();
    sv_config_free(&config);
    return 0;
}
