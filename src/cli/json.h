/* json: a writer, one call a value, straight to a stream. Commas are its business, nesting is the caller's.
 *
 *   cli_json json = {.out = stdout};
 *   cli_json_open(&json, NULL, '{');
 *   cli_json_string(&json, "name", "f1");
 *   cli_json_close(&json, '}');             the outermost close ends the line
 *
 * `name` is NULL inside an array. Bytes that are not UTF-8 (file names) become U+FFFD. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct cli_json {
    FILE *out;
    int depth;
    bool comma; /* something stands before the next value on this level */
} cli_json;

void cli_json_open(cli_json *json, const char *name, char bracket);
void cli_json_close(cli_json *json, char bracket);
void cli_json_string(cli_json *json, const char *name, const char *text); /* NULL: null */
void cli_json_text(cli_json *json, const char *name, const char *bytes, size_t size);
void cli_json_number(cli_json *json, const char *name, double value); /* NaN and infinity: null */
void cli_json_integer(cli_json *json, const char *name, int64_t value);
void cli_json_bool(cli_json *json, const char *name, bool value);

#endif
