/* config_value: see config_value.h. Numbers are read by hand up to their unit, so that "inf", "0x10" and "1e99" are
 * no numbers here, and every unit is one of a table. */
#include "server/config/config_value.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"

typedef struct unit_row {
    const char *name;
    double factor;
} unit_row;
static const unit_row time_units[] = {{"ms", 1e-3}, {"s", 1},     {"m", 60}, {"min", 60},
                                      {"h", 3600},  {"d", 86400}, {NULL, 0}};
static const unit_row size_units[] = {
    {"", 1},      {"B", 1},      {"kB", 1e3},      {"MB", 1e6},           {"GB", 1e9},
    {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
    {NULL, 0}};

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* ---- numbers ---- */

/* Digits with at most one point among them; *rest is what stands behind and behind blanks. */
static bool read_decimal(const char *text, double *number, const char **rest) {
    char digits[32];
    size_t n = strspn(text, DIGITS ".");
    if (n == 0 || n >= sizeof digits || text[0] == '.') return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    char *end = NULL;
    *number = strtod(digits, &end);
    *rest = text + n + strspn(text + n, " \t");
    return *end == '\0';
}

static const unit_row *find_unit(const unit_row *units, const char *name) {
    while (units->name && strcasecmp(units->name, name) != 0) units++;
    return units->name ? units : NULL;
}

/* A bound as one would write it in the file: in the largest unit that divides it. */
static void write_bound(const sv_config_row *row, double number, char *out, size_t size) {
    const unit_row *best = NULL;
    if (row->kind == SV_KIND_SECONDS && number > 0) {
        for (const unit_row *u = time_units; u->name; u++)
            if (fmod(number + 1e-9, u->factor) < 2e-9 && number >= u->factor) best = u;
        if (!best) best = time_units;
    }
    if (row->kind == SV_KIND_BYTES && number > 0) {
        for (const unit_row *u = size_units; u->name; u++)
            if (fmod(number, u->factor) == 0 && (!best || u->factor > best->factor)) best = u;
    }
    snprintf(out, size, "%.15g%s", best ? number / best->factor : number, best ? best->name : "");
}

static ev_status out_of_range(const sv_config_row *row, char fault[SV_FAULT_MAX]) {
    char low[48], high[48];
    write_bound(row, row->low, low, sizeof low);
    write_bound(row, row->high, high, sizeof high);
    const char *between = !row->unit[0] ? "" : row->kind == SV_KIND_BYTES ? " or " : " ";
    snprintf(fault, SV_FAULT_MAX, "is out of range: give %s..%s%s%s", low, high, between, row->unit);
    return EV_E_ARGUMENT;
}

static ev_status parse_number(const sv_config_row *row, const char *text, double *out, char fault[SV_FAULT_MAX]) {
    const char *rest = NULL;
    const unit_row *unit = NULL;
    double number = 0;
    bool minus = text[0] == '-';
    if (row->kind == SV_KIND_BYTES && row->unit[0] && strcasecmp(text, row->unit) == 0) {
        *out = 0;
        return EV_OK;
    }
    if (!read_decimal(text + minus, &number, &rest)) {
        snprintf(fault, SV_FAULT_MAX, "is no %s: give one such as %s",
                 row->kind == SV_KIND_BYTES     ? "size"
                 : row->kind == SV_KIND_SECONDS ? "duration"
                                                : "number",
                 row->fallback);
        return EV_E_ARGUMENT;
    }
    if (row->kind == SV_KIND_SECONDS) unit = find_unit(time_units, *rest || number != 0 ? rest : "s");
    if (row->kind == SV_KIND_BYTES) unit = find_unit(size_units, rest);
    if (row->kind == SV_KIND_SECONDS && !unit) {
        snprintf(fault, SV_FAULT_MAX, "has no unit of time: give ms, s, m, h or d behind the number, such as %s",
                 row->fallback);
        return EV_E_ARGUMENT;
    }
    if (row->kind == SV_KIND_BYTES && !unit) {
        snprintf(fault, SV_FAULT_MAX, "has no unit of size: give kB, MB, GB (of 1000) or KiB, MiB, GiB (of 1024)");
        return EV_E_ARGUMENT;
    }
    if (!unit && *rest) {
        snprintf(fault, SV_FAULT_MAX, "is no plain number: leave out '%.20s'", rest);
        return EV_E_ARGUMENT;
    }
    if (unit) number *= unit->factor;
    if (row->kind == SV_KIND_BYTES) number = round(number);
    if (row->kind == SV_KIND_COUNT && number != floor(number)) {
        snprintf(fault, SV_FAULT_MAX, "is no whole number: give one such as %s", row->fallback);
        return EV_E_ARGUMENT;
    }
    if (minus && number != 0) number = -number;
    if (number < row->low || number > row->high) return out_of_range(row, fault);
    *out = number;
    return EV_OK;
}

/* ---- words ---- */

const char *sv_near_key(const char *word) {
    const char *nearest = NULL;
    ev_near near = ev_near_to(word);
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        const char *key = sv_config_rows[i].key;
        if (ev_near_offer(&near, key, strlen(key))) nearest = key;
    }
    return nearest;
}

/* words: "adaptive|fixed|off". */
static ev_status parse_choice(const char *words, const char *text, double *out, char fault[SV_FAULT_MAX]) {
    char list[64], *rest = list, *word;
    snprintf(list, sizeof list, "%s", words);
    ev_near near = ev_near_to(text);
    for (int i = 0; (word = strsep(&rest, "|")) != NULL; i++) {
        if (strcasecmp(word, text) == 0) {
            *out = i;
            return EV_OK;
        }
        ev_near_offer(&near, word, strlen(word));
    }
    if (near.found[0])
        snprintf(fault, SV_FAULT_MAX, "is none of %s: did you mean %s?", words, near.found);
    else
        snprintf(fault, SV_FAULT_MAX, "is unknown: give %s", words);
    return EV_E_ARGUMENT;
}

static ev_status parse_switch(const char *text, double *out, char fault[SV_FAULT_MAX]) {
    static const char *const on[] = {"on", "true", "yes", "1"}, *const off[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(on); i++) {
        bool is_on = strcasecmp(text, on[i]) == 0;
        if (!is_on && strcasecmp(text, off[i]) != 0) continue;
        *out = is_on;
        return EV_OK;
    }
    snprintf(fault, SV_FAULT_MAX, "is neither on nor off: give one of them");
    return EV_E_ARGUMENT;
}

/* ---- addresses and lists ---- */

static bool is_host_name(const char *name) {
    size_t n = strlen(name);
    return n > 0 && n <= 253 && strspn(name, LETTERS DIGITS ".-") == n && name[0] != '.' && name[0] != '-';
}

static bool is_ip(const char *text, int *bits) {
    unsigned char bytes[16];
    *bits = inet_pton(AF_INET, text, bytes) == 1 ? 32 : inet_pton(AF_INET6, text, bytes) == 1 ? 128 : 0;
    return *bits != 0;
}

bool sv_address_split(const char *address, char host[SV_LIST_ITEM_MAX], int *port) {
    unsigned char v6[16];
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address) return false;
    size_t n = (size_t)(colon - address), digits = strspn(colon + 1, DIGITS);
    if (digits < 1 || digits > 5 || colon[1 + digits] != '\0' || n >= SV_LIST_ITEM_MAX) return false;
    *port = atoi(colon + 1);
    bool bracketed = address[0] == '[' && address[n - 1] == ']' && n > 2;
    snprintf(host, SV_LIST_ITEM_MAX, "%.*s", (int)(bracketed ? n - 2 : n), address + bracketed);
    if (*port > 65535) return false;
    return bracketed ? inet_pton(AF_INET6, host, v6) == 1 : is_host_name(host);
}

bool sv_list_next(const char **list, char item[SV_LIST_ITEM_MAX]) {
    size_t n = strcspn(*list, " ");
    if (n == 0 || n >= SV_LIST_ITEM_MAX) return false;
    memcpy(item, *list, n);
    item[n] = '\0';
    *list += n + ((*list)[n] == ' ');
    return true;
}

bool sv_models_next(const char **models, char name[SV_MODEL_NAME_MAX + 1], char file[4096]) {
    *models += strspn(*models, "\n");
    const size_t n = strcspn(*models, "\n"), named = strspn(*models, LETTERS DIGITS "._-");
    const bool has_name = named > 0 && named < n && named <= SV_MODEL_NAME_MAX && (*models)[named] == '=';
    const size_t skip = has_name ? named + 1 : 0;
    if (n == 0) return false;
    snprintf(name, SV_MODEL_NAME_MAX + 1, "%.*s", has_name ? (int)named : 0, *models);
    snprintf(file, 4096, "%.*s", (int)(n - skip), *models + skip);
    *models += n;
    return true;
}

/* "10.0.0.0/8", "::1". Bits behind the slash must fit the family. */
static bool is_network(const char *item) {
    char address[SV_LIST_ITEM_MAX];
    size_t n = strcspn(item, "/");
    int bits = 0;
    snprintf(address, sizeof address, "%.*s", (int)n, item);
    if (!is_ip(address, &bits)) return false;
    if (item[n] == '\0') return true;
    size_t digits = strspn(item + n + 1, DIGITS);
    return digits >= 1 && digits <= 3 && item[n + 1 + digits] == '\0' && atoi(item + n + 1) <= bits;
}

/* "example.org", "*.example.org" or an address; each but a bare IPv6 address also with a port. */
static bool is_host(const char *item) {
    char host[SV_LIST_ITEM_MAX];
    int bits = 0, port;
    if (is_ip(item, &bits)) return true;
    if (strncmp(item, "*.", 2) == 0) item += 2;
    return is_host_name(item) || sv_address_split(item, host, &port);
}

/* As a browser writes it: "https://example.org:8443", without a path. Or any. */
static bool is_origin(const char *item) {
    char host[SV_LIST_ITEM_MAX];
    int port;
    if (strcmp(item, "*") == 0) return true;
    const size_t scheme = strncasecmp(item, "https://", 8) == 0 ? 8 : strncasecmp(item, "http://", 7) == 0 ? 7 : 0;
    return scheme && (is_host_name(item + scheme) || sv_address_split(item + scheme, host, &port));
}

/* Of sound files, as ev_audio_kind names those that are read. */
static bool is_read_format(const char *item) {
    static const char *const names[] = {"wav", "mp3", "flac", "opus", "vorbis"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++)
        if (strcmp(item, names[i]) == 0) return true;
    return false;
}

typedef struct list_row {
    bool (*is_item)(const char *item);
    const char *give;
} list_row;
static const list_row lists[] = {
    [SV_KIND_HOSTS] = {is_host, "host names such as media.example.org, *.example.org or media.example.org:8443"},
    [SV_KIND_ORIGINS] = {is_origin, "origins such as https://app.example.org or http://localhost:3000, or *"},
    [SV_KIND_NETWORKS] = {is_network, "addresses or networks such as 10.0.0.0/8 or ::1"},
    [SV_KIND_FORMATS] = {is_read_format, "some of wav, mp3, flac, opus, vorbis"},
};

/* Items stand between commas and blanks; they come out with one blank between them. */
static ev_status parse_list(const sv_config_row *row, char *list, char fault[SV_FAULT_MAX]) {
    char *out = list, *rest = list, *item;
    while ((item = strsep(&rest, ", \t")) != NULL) {
        size_t n = strlen(item);
        if (n == 0) continue;
        if (n >= SV_LIST_ITEM_MAX || !lists[row->kind].is_item(item)) {
            snprintf(fault, SV_FAULT_MAX, "holds '%.40s': give %s", item, lists[row->kind].give);
            return EV_E_ARGUMENT;
        }
        if (out != list) *out++ = ' ';
        memmove(out, item, n + 1);
        out += n;
    }
    *out = '\0';
    return EV_OK;
}

static ev_status parse_address(const sv_config_row *row, char *text, char fault[SV_FAULT_MAX]) {
    char host[SV_LIST_ITEM_MAX];
    int port = 0;
    if (row->low == 0 && strcasecmp(text, "off") == 0) *text = '\0';
    if (*text == '\0' || sv_address_split(text, host, &port)) return EV_OK;
    snprintf(fault, SV_FAULT_MAX, "is no address: give host:port such as %s or [::1]:8080%s", row->fallback,
             row->low == 0 ? ", or off" : "");
    return EV_E_ARGUMENT;
}

static ev_status check_text(const sv_config_row *row, const char *text, char fault[SV_FAULT_MAX]) {
    size_t n = strlen(text), at = 0;
    if (n < (size_t)row->low) {
        snprintf(fault, SV_FAULT_MAX, "is empty: give %s", row->fallback[0] ? row->fallback : row->help);
        return EV_E_ARGUMENT;
    }
    if (n > (size_t)row->high) {
        snprintf(fault, SV_FAULT_MAX, "is too long: give at most %.0f bytes", row->high);
        return EV_E_ARGUMENT;
    }
    while (at < n) {
        int32_t c = ev_utf8_next(text, n, &at);
        if (c >= 0x20 && !(c >= 0x7F && c < 0xA0)) continue;
        if (c == '\n' && row->kind == SV_KIND_MODELS) continue;
        snprintf(fault, SV_FAULT_MAX, "%s: remove it", c < 0 ? "is not UTF-8" : "holds a control character");
        return EV_E_ARGUMENT;
    }
    return EV_OK;
}

static ev_status parse_text(const sv_config_row *row, const char *text, char **out, char fault[SV_FAULT_MAX]) {
    ev_status status = check_text(row, text, fault);
    if (status) return status;
    char *copy = strdup(text);
    if (!copy) return EV_E_MEMORY;
    if (row->kind == SV_KIND_ADDRESS) status = parse_address(row, copy, fault);
    if (row->kind >= SV_KIND_HOSTS && row->kind <= SV_KIND_FORMATS) status = parse_list(row, copy, fault);
    if (status)
        free(copy);
    else
        *out = copy;
    return status;
}

ev_status sv_value_parse(const sv_config_row *row, const char *text, sv_value *value, char fault[SV_FAULT_MAX]) {
    *value = (sv_value){0};
    switch (row->kind) {
    case SV_KIND_CHOICE: return parse_choice(row->unit, text, &value->number, fault);
    case SV_KIND_SWITCH: return parse_switch(text, &value->number, fault);
    case SV_KIND_COUNT:
    case SV_KIND_NUMBER:
    case SV_KIND_SECONDS:
    case SV_KIND_BYTES: return parse_number(row, text, &value->number, fault);
    default: return parse_text(row, text, &value->text, fault);
    }
}
