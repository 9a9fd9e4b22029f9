/* json: a writer into a buffer, one call a value. Commas are its business, nesting is the caller's.
 *
 *   ev_json json = {.out = &text};
 *   ev_json_open(&json, NULL, '{');
 *   ev_json_string(&json, "name", "f1");
 *   ev_json_close(&json, '}');             the outermost close ends the line
 *
 * `name` is NULL inside an array. Bytes that are not UTF-8 (file names) become U+FFFD. */
#ifndef EV_JSON_H
#define EV_JSON_H

#include "base/base.h"

typedef struct ev_json {
    ev_buf *out;
    int depth;
    bool comma; /* something stands before the next value on this level */
} ev_json;

void ev_json_open(ev_json *json, const char *name, char bracket);
void ev_json_close(ev_json *json, char bracket);
void ev_json_string(ev_json *json, const char *name, const char *text); /* NULL: null */
void ev_json_text(ev_json *json, const char *name, const char *bytes, size_t size);
void ev_json_number(ev_json *json, const char *name, double value); /* NaN and infinity: null */
void ev_json_integer(ev_json *json, const char *name, int64_t value);
void ev_json_bool(ev_json *json, const char *name, bool value);

#endif
