/* shared: what all gateways and workers have in common beside Redis. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/redis/shared.h"

static ev_status open_one(sv_store **out, const char *dir, const char *name, ev_error *err) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return sv_store_directory(out, path, err);
}

ev_status sv_shared_open(sv_shared *out, const sv_config *config, ev_error *err) {
    *out = (sv_shared){0};
    if (mkdir(config->data_dir, 0700) != 0 && errno != EEXIST)
        return ev_fail(err, EV_E_IO, "data_dir = %s cannot be made: %s", config->data_dir, strerror(errno));
    ev_status status = open_one(&out->results, config->data_dir, "results", err);
    if (status == EV_OK) status = open_one(&out->recordings, config->data_dir, "recordings", err);
    if (status != EV_OK) sv_shared_close(out);
    return status;
}

void sv_shared_close(sv_shared *s) {
    sv_store_close(&s->results);
    sv_store_close(&s->recordings);
}

void sv_hex_of(const unsigned char *bytes, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool sv_hex_to(const char *text, unsigned char *out, size_t size) {
    if (strlen(text) != 2 * size) return false;
    for (size_t i = 0; i < size; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
