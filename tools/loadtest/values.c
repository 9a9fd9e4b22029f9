/* values: options that hold more than one value, and the address of the service. */
#include "loadtest.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void load_put_text(ev_buf *out, const char *text) { ev_buf_append(out, text, strlen(text)); }

/* ---- lists ---- */

int load_names_parse(load_names *out, const char *option, const char *given) {
    *out = (load_names){0};
    if (given == NULL) return LOAD_EXIT_OK;
    size_t room = 1;
    for (const char *at = given; *at != '\0'; at++) room += *at == ',';
    out->storage = strdup(given);
    out->items = calloc(room, sizeof *out->items);
    if (out->storage == NULL || out->items == NULL) {
        load_names_free(out);
        return load_fail(LOAD_EXIT_FAILURE, "out of memory: give fewer --%s", option);
    }
    char *rest = out->storage;
    for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
        if (item[0] == '\0') {
            load_names_free(out);
            return load_fail(LOAD_EXIT_USAGE, "--%s '%.60s' has an empty name: put one comma between two names",
                             option, given);
        }
        out->items[out->count++] = item;
    }
    return LOAD_EXIT_OK;
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
            return load_fail(LOAD_EXIT_USAGE, "--%s '%.60s': give numbers from %g to %g with commas between them",
                             option, given, low, high);
        }
        if (*count == room)
            return load_fail(LOAD_EXIT_USAGE, "--%s has too many steps: give at most %zu", option, room);
        out[(*count)++] = number;
        at = end;
        if (*at == '\0') return LOAD_EXIT_OK;
    }
}

int load_addresses_parse(uint32_t *first, uint32_t *count, const char *given) {
    char text[64];
    struct in_addr low, high;
    *first = *count = 0;
    if (given == NULL) return LOAD_EXIT_OK;
    snprintf(text, sizeof text, "%s", given);
    char *dash = strchr(text, '-');
    if (dash != NULL) *dash = '\0';
    bool good = inet_pton(AF_INET, text, &low) == 1 && inet_pton(AF_INET, dash != NULL ? dash + 1 : text, &high) == 1;
    if (!good || ntohl(high.s_addr) < ntohl(low.s_addr) || ntohl(high.s_addr) - ntohl(low.s_addr) >= 4096) {
        return load_fail(LOAD_EXIT_USAGE,
                         "--source-addresses '%.60s': give up to 4096 addresses of this machine, e.g. "
                         "127.0.0.2-127.0.0.51",
                         given);
    }
    *first = ntohl(low.s_addr);
    *count = ntohl(high.s_addr) - ntohl(low.s_addr) + 1;
    return LOAD_EXIT_OK;
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
        return load_fail(LOAD_EXIT_USAGE, "'%.100s' is no address of a service: give one like http://127.0.0.1:8080",
                         given);
    }
    while (length > 0 && given[length - 1] == '/') length--;
    if (length > 3 && strncmp(given + length - 3, "/v1", 3) == 0) length -= 3; /* as client libraries write it */
    memcpy(out, given, length);
    out[length] = '\0';
    return LOAD_EXIT_OK;
}
