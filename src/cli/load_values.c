/* load_values: options that hold more than one value, and the growing buffer that requests are written into. */
#include "load.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

void load_put(load_bytes *out, const void *bytes, size_t size) {
    if (out->size + size + 1 > out->capacity) {
        size_t capacity = 2 * out->capacity + size + 256;
        char *grown = realloc(out->data, capacity);
        if (grown == NULL) {
            out->failed = true;
            return;
        }
        out->data = grown;
        out->capacity = capacity;
    }
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
    out->data[out->size] = '\0';
}

void load_put_text(load_bytes *out, const char *text) { load_put(out, text, strlen(text)); }

void load_put_json(load_bytes *out, const char *text) {
    load_put(out, "\"", 1);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        char escape[8];
        if (c == '"' || c == '\\') {
            load_put(out, (const char[]){'\\', (char)c}, 2);
        } else if (c < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
            load_put_text(out, escape);
        } else {
            load_put(out, at, 1);
        }
    }
    load_put(out, "\"", 1);
}

void load_bytes_free(load_bytes *bytes) {
    free(bytes->data);
    *bytes = (load_bytes){0};
}

/* ---- lists ---- */

int load_names_parse(load_names *out, const char *option, const char *given) {
    *out = (load_names){0};
    if (given == NULL) return CLI_OK;
    size_t room = 1;
    for (const char *at = given; *at != '\0'; at++) room += *at == ',';
    out->storage = strdup(given);
    out->items = calloc(room, sizeof *out->items);
    if (out->storage == NULL || out->items == NULL) {
        load_names_free(out);
        return cli_fail(CLI_FAILURE, "out of memory: give fewer --%s", option);
    }
    char *rest = out->storage;
    for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
        if (item[0] == '\0') {
            load_names_free(out);
            return cli_fail(CLI_USAGE, "--%s '%.60s' has an empty name: put one comma between two names", option,
                            given);
        }
        out->items[out->count++] = item;
    }
    return CLI_OK;
}

void load_names_free(load_names *names) {
    free(names->storage);
    free(names->items);
    *names = (load_names){0};
}

int load_numbers_parse(double *out, size_t room, size_t *count, const char *option, const char *given, double low,
                       double high) {
    const char *at = given;
    for (*count = 0;; at++) {
        char *end = NULL;
        double number = strtod(at, &end);
        bool ends = *end == ',' || *end == '\0';
        if (end == at || !ends || !isfinite(number) || number < low || number > high) {
            return cli_fail(CLI_USAGE, "--%s '%.60s': give numbers from %g to %g with commas between them", option,
                            given, low, high);
        }
        if (*count == room) return cli_fail(CLI_USAGE, "--%s has too many steps: give at most %zu", option, room);
        out[(*count)++] = number;
        at = end;
        if (*at == '\0') return CLI_OK;
    }
}

int load_addresses_parse(uint32_t *first, uint32_t *count, const char *given) {
    char text[64];
    struct in_addr low, high;
    *first = *count = 0;
    if (given == NULL) return CLI_OK;
    snprintf(text, sizeof text, "%s", given);
    char *dash = strchr(text, '-');
    if (dash != NULL) *dash = '\0';
    bool good = inet_pton(AF_INET, text, &low) == 1 && inet_pton(AF_INET, dash != NULL ? dash + 1 : text, &high) == 1;
    if (!good || ntohl(high.s_addr) < ntohl(low.s_addr) || ntohl(high.s_addr) - ntohl(low.s_addr) >= 4096) {
        return cli_fail(CLI_USAGE,
                        "--source-addresses '%.60s': give up to 4096 addresses of this machine, e.g. "
                        "127.0.0.2-127.0.0.51",
                        given);
    }
    *first = ntohl(low.s_addr);
    *count = ntohl(high.s_addr) - ntohl(low.s_addr) + 1;
    return CLI_OK;
}

/* ---- the address of the service ---- */

static bool is_http(const char *url) {
    char *scheme = NULL;
    CURLU *parts = curl_url();
    bool good = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return good;
}

int load_url_parse(char *out, size_t room, const char *given) {
    size_t length = strlen(given);
    if (length >= room || !is_http(given) || strpbrk(given, "?# ") != NULL) {
        return cli_fail(CLI_USAGE, "'%.200s' is no address of a service: give one like http://127.0.0.1:8080", given);
    }
    while (length > 0 && given[length - 1] == '/') length--;
    if (length > 3 && strncmp(given + length - 3, "/v1", 3) == 0) length -= 3; /* as client libraries write it */
    memcpy(out, given, length);
    out[length] = '\0';
    return CLI_OK;
}
