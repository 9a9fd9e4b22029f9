/* config: every setting with where it came from. The rows are the table's; values are stored by the row's kind at the
 * row's offset, so that no key is written down a second time. */
#include "server/config/config.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config_value.h"

/* ---- keys ---- */

static bool same_key(const char *given, const char *key) {
    for (; *given && *key; given++, key++)
        if (*given != *key && !(*given == '-' && *key == '_')) return false;
    return *given == *key;
}

const sv_config_row *sv_config_find(const char *key) {
    for (size_t i = 0; i < SV_KEY_COUNT; i++)
        if (same_key(key, sv_config_rows[i].key)) return &sv_config_rows[i];
    return NULL;
}

/* ---- names in messages ---- */

/* The key as it is spelt where it was given. place: "emotivoice.conf:12", of a file. */
static void spell(const char *key, sv_from from, const char *place, char *name, size_t size) {
    const char *prefix = from == SV_FROM_FLAG ? "--" : from == SV_FROM_ENVIRONMENT ? "EMOTIVOICE_" : "";
    if (from == SV_FROM_FILE)
        snprintf(name, size, "%s: %.60s", place, key);
    else
        snprintf(name, size, "%s%.60s", prefix, key);
    if (from != SV_FROM_FLAG && from != SV_FROM_ENVIRONMENT) return;
    for (char *c = name + strlen(prefix); *c; c++) {
        if (from == SV_FROM_ENVIRONMENT) *c = (char)toupper((unsigned char)*c);
        if (from == SV_FROM_FLAG && *c == '_') *c = '-';
    }
}

void sv_config_name(const sv_config *config, sv_config_key key, char *name, size_t size) {
    const sv_setting *setting = &config->settings[key];
    spell(sv_config_rows[key].key, setting->from, setting->place, name, size);
}

/* "path:line"; of a long path the end, so that the message keeps room for the fix. */
static void write_place(sv_origin origin, char place[96]) {
    size_t n = origin.file ? strlen(origin.file) : 0;
    place[0] = '\0';
    if (origin.from != SV_FROM_FILE) return;
    assert(origin.file);
    snprintf(place, 96, "%s%s:%d", n > 72 ? "..." : "", n > 72 ? origin.file + n - 72 : origin.file, origin.line);
}

/* ---- values ---- */

static bool holds_text(sv_kind kind) { return kind <= SV_KIND_FORMATS; }

static size_t field_size(sv_kind kind) {
    if (holds_text(kind)) return sizeof(char *);
    if (kind == SV_KIND_CHOICE) return sizeof(int);
    if (kind == SV_KIND_SWITCH) return sizeof(bool);
    return kind == SV_KIND_COUNT || kind == SV_KIND_BYTES ? sizeof(int64_t) : sizeof(double);
}

/* Takes fresh's text and place over; a text is its own value, of which value points to nothing. */
static void replace(sv_config *config, const sv_config_row *row, sv_setting fresh, const void *value) {
    sv_setting *setting = &config->settings[row - sv_config_rows];
    const char *borrowed = fresh.text;
    free(setting->text);
    free(setting->place);
    *setting = fresh;
    memcpy((unsigned char *)config + row->offset, holds_text(row->kind) ? (const void *)&borrowed : value,
           field_size(row->kind));
}

static void store(sv_config *config, const sv_config_row *row, sv_setting fresh, double number) {
    const int choice = row->kind == SV_KIND_CHOICE ? (int)number : 0; /* others do not fit in an int */
    const bool on = number != 0;
    const int64_t count = (int64_t)number;
    const void *value = row->kind == SV_KIND_CHOICE                                ? (const void *)&choice
                        : row->kind == SV_KIND_SWITCH                              ? (const void *)&on
                        : row->kind == SV_KIND_COUNT || row->kind == SV_KIND_BYTES ? (const void *)&count
                                                                                   : (const void *)&number;
    replace(config, row, fresh, value);
}

/* One setting as another configuration has it, with the place it came from: nothing is read a second time. */
static ev_status take_over(sv_config *to, const sv_config *from, size_t i, ev_error *err) {
    const sv_config_row *row = &sv_config_rows[i];
    const sv_setting *setting = &from->settings[i];
    sv_setting copy = {.from = setting->from, .text = strdup(setting->text)};
    if (setting->place) copy.place = strdup(setting->place);
    if (!copy.text || (setting->place && !copy.place)) {
        free(copy.text);
        free(copy.place);
        return ev_fail(err, EV_E_MEMORY, "%s: out of memory", row->key);
    }
    replace(to, row, copy, (const unsigned char *)from + row->offset);
    return EV_OK;
}

static ev_status unknown_key(const char *key, sv_origin origin, const char *place, ev_error *err) {
    char name[192], near_name[96];
    const char *near = sv_near_key(key);
    spell(key, origin.from, place, name, sizeof name);
    if (!near) return ev_fail(err, EV_E_NOT_FOUND, "%s is no setting: emotivoice serve --help lists them", name);
    spell(near, origin.from == SV_FROM_FILE ? SV_FROM_DEFAULT : origin.from, NULL, near_name, sizeof near_name);
    return ev_fail(err, EV_E_NOT_FOUND, "%s is no setting: did you mean %s?", name, near_name);
}

static ev_status refuse(const sv_config_row *row, const char *value, sv_origin origin, const char *place,
                        const char *fault, ev_error *err) {
    char name[192];
    spell(row->key, origin.from, place, name, sizeof name);
    const char *between = *value == '\0' ? "" : origin.from == SV_FROM_FLAG ? " " : " = ";
    if (row->kind == SV_KIND_SECRET) value = "***";
    return ev_fail(err, EV_E_ARGUMENT, "%s%s%.40s %s", name, between, value, fault);
}

ev_status sv_config_set(sv_config *config, const char *key, const char *value, sv_origin origin, ev_error *err) {
    char fault[SV_FAULT_MAX], place[96];
    sv_value parsed;
    const sv_config_row *row = sv_config_find(key);
    write_place(origin, place);
    if (!row) return unknown_key(key, origin, place, err);
    ev_status status = sv_value_parse(row, value, &parsed, fault);
    if (status == EV_E_ARGUMENT) return refuse(row, value, origin, place, fault, err);
    if (status) return ev_fail(err, status, "%s: out of memory", row->key);
    if (origin.from < config->settings[row - sv_config_rows].from) {
        free(parsed.text);
        return EV_OK;
    }
    char *text = parsed.text ? parsed.text : strdup(value);
    char *place_copy = origin.from == SV_FROM_FILE ? strdup(place) : NULL;
    if (!text || (origin.from == SV_FROM_FILE && !place_copy)) {
        free(text);
        free(place_copy);
        return ev_fail(err, EV_E_MEMORY, "%s: out of memory", row->key);
    }
    store(config, row, (sv_setting){.from = origin.from, .text = text, .place = place_copy}, parsed.number);
    return EV_OK;
}

ev_status sv_config_init(sv_config *config, ev_error *err) {
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        const sv_config_row *row = &sv_config_rows[i];
        ev_error fault;
        ev_status status = sv_config_set(config, row->key, row->fallback, (sv_origin){0}, &fault);
        assert(status == EV_OK || status == EV_E_MEMORY); /* defaults are values */
        if (status == EV_OK) continue;
        sv_config_free(config);
        return ev_fail(err, status, "%s", fault.message);
    }
    return EV_OK;
}

ev_status sv_config_copy(sv_config *to, const sv_config *from, ev_error *err) {
    ev_status status = sv_config_init(to, err);
    for (size_t i = 0; status == EV_OK && i < SV_KEY_COUNT; i++) status = take_over(to, from, i, err);
    return status;
}

void sv_config_free(sv_config *config) {
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        free(config->settings[i].text);
        free(config->settings[i].place);
    }
    memset(config, 0, sizeof *config);
}

/* ---- reload ---- */

ev_status sv_config_keep(sv_config *fresh, const sv_config *running, ev_buf *notes, ev_error *err) {
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        const sv_config_row *row = &sv_config_rows[i];
        const sv_setting *old = &running->settings[i];
        if (row->live || strcmp(old->text, fresh->settings[i].text) == 0) continue;
        char name[192];
        sv_config_name(fresh, (sv_config_key)i, name, sizeof name);
        const bool secret = row->kind == SV_KIND_SECRET;
        ev_buf_printf(notes, "%s = %s takes effect at the next start: %s stays\n", name,
                      secret ? "***" : fresh->settings[i].text, secret ? "the old one" : old->text);
        const ev_status status = take_over(fresh, running, i, err);
        if (status != EV_OK) return status;
    }
    return EV_OK;
}

/* ---- print ---- */

/* A text that would not read back as it stands goes between quotes. */
static void put_text(ev_buf *out, const char *text) {
    if (text[0] != '"' && text[0] != ' ' && !strchr(text, '#') && (!*text || text[strlen(text) - 1] != ' ')) {
        ev_buf_printf(out, "%s", text);
        return;
    }
    ev_buf_printf(out, "\"");
    for (; *text; text++) ev_buf_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    ev_buf_printf(out, "\"");
}

static void put_origin(ev_buf *out, const sv_config *config, size_t i) {
    const sv_setting *setting = &config->settings[i];
    char name[96];
    spell(sv_config_rows[i].key, setting->from, "", name, sizeof name);
    switch (setting->from) {
    case SV_FROM_DEFAULT: ev_buf_printf(out, " # default\n"); return;
    case SV_FROM_FILE: ev_buf_printf(out, " # %s\n", setting->place); return;
    case SV_FROM_ENVIRONMENT: ev_buf_printf(out, " # environment %s\n", name); return;
    case SV_FROM_FLAG: ev_buf_printf(out, " # flag %s\n", name); return;
    case SV_FROM_SOCKET: ev_buf_printf(out, " # a socket it was started with\n"); return;
    }
}

/* A line for each, as a file has them. */
static void put_models(ev_buf *out, const sv_config *config, size_t i) {
    char name[SV_MODEL_NAME_MAX + 1], file[4096], item[SV_MODEL_NAME_MAX + 4098];
    for (const char *list = config->settings[i].text; sv_models_next(&list, name, file);) {
        snprintf(item, sizeof item, "%s%s%s", name, *name ? "=" : "", file);
        ev_buf_printf(out, "%s = ", sv_config_rows[i].key);
        put_text(out, item);
        put_origin(out, config, i);
    }
}

void sv_config_print(const sv_config *config, ev_buf *out) {
    enum { COLUMN = 48 }; /* where the origins stand, behind all but long values */
    for (size_t i = 0; i < SV_KEY_COUNT; i++) {
        const char *text = config->settings[i].text;
        if (sv_config_rows[i].kind == SV_KIND_MODELS && strchr(text, '\n')) {
            put_models(out, config, i);
            continue;
        }
        bool masked = sv_config_rows[i].kind == SV_KIND_SECRET && *text;
        size_t begin = out->size;
        ev_buf_printf(out, "%s%s = ", masked ? "#" : "", sv_config_rows[i].key);
        if (masked)
            ev_buf_printf(out, "***");
        else
            put_text(out, text);
        size_t width = out->size - begin;
        ev_buf_printf(out, "%*s", width < COLUMN ? (int)(COLUMN - width) : 0, "");
        put_origin(out, config, i);
    }
}
