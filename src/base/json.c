/* json: the writer. Nothing is kept but whether a comma is due, so that a value costs what its text costs. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

static void begin_value(ev_json *json, const char *name) {
    if (json->comma) ev_buf_append(json->out, ", ", 2);
    json->comma = true;
    if (!name) return;
    ev_buf_json_string(json->out, name, strlen(name));
    ev_buf_append(json->out, ": ", 2);
}

void ev_json_open(ev_json *json, const char *name, char bracket) {
    assert(bracket == '{' || bracket == '[');
    begin_value(json, name);
    ev_buf_append(json->out, &bracket, 1);
    json->comma = false;
    json->depth++;
}

void ev_json_close(ev_json *json, char bracket) {
    assert(json->depth > 0 && (bracket == '}' || bracket == ']'));
    ev_buf_append(json->out, &bracket, 1);
    json->comma = --json->depth > 0;
    if (!json->comma) ev_buf_append(json->out, "\n", 1);
}

void ev_json_text(ev_json *json, const char *name, const char *bytes, size_t size) {
    begin_value(json, name);
    ev_buf_json_string(json->out, bytes, size);
}

void ev_json_string(ev_json *json, const char *name, const char *text) {
    begin_value(json, name);
    if (text) {
        ev_buf_json_string(json->out, text, strlen(text));
    } else {
        ev_buf_append(json->out, "null", 4);
    }
}

void ev_json_number(ev_json *json, const char *name, double value) {
    begin_value(json, name);
    if (isfinite(value)) {
        ev_buf_printf(json->out, "%.9g", value);
    } else {
        ev_buf_append(json->out, "null", 4);
    }
}

void ev_json_integer(ev_json *json, const char *name, int64_t value) {
    begin_value(json, name);
    ev_buf_printf(json->out, "%lld", (long long)value);
}

void ev_json_bool(ev_json *json, const char *name, bool value) {
    begin_value(json, name);
    ev_buf_printf(json->out, "%s", value ? "true" : "false");
}
