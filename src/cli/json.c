/* json: the writer behind --json. The program never calls setlocale, so a decimal point is a point. */
#include "json.h"

#include <math.h>
#include <string.h>

static size_t sequence_at(const unsigned char *at, size_t left) { /* well-formed UTF-8 of 2..4 bytes, else 0 */
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || length > left) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xed && at[1] >= 0xa0;
    bool beyond = at[0] == 0xf4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

static void put_quoted(FILE *out, const char *bytes, size_t size) {
    putc('"', out);
    for (size_t i = 0; i < size;) {
        const unsigned char *at = (const unsigned char *)bytes + i;
        size_t length = 1;
        if (*at == '"' || *at == '\\') {
            fprintf(out, "\\%c", *at);
        } else if (*at == '\n') {
            fputs("\\n", out);
        } else if (*at < 0x20 || *at == 0x7f) {
            fprintf(out, "\\u%04x", *at);
        } else if (*at < 0x80) {
            putc(*at, out);
        } else if ((length = sequence_at(at, size - i)) > 0) {
            fwrite(at, 1, length, out);
        } else {
            fputs("\xef\xbf\xbd", out); /* U+FFFD */
            length = 1;
        }
        i += length;
    }
    putc('"', out);
}

static void begin_value(cli_json *json, const char *name) {
    if (json->comma) fputs(", ", json->out);
    json->comma = true;
    if (name == NULL) return;
    put_quoted(json->out, name, strlen(name));
    fputs(": ", json->out);
}

void cli_json_open(cli_json *json, const char *name, char bracket) {
    begin_value(json, name);
    putc(bracket, json->out);
    json->comma = false;
    json->depth++;
}

void cli_json_close(cli_json *json, char bracket) {
    putc(bracket, json->out);
    json->comma = true;
    if (--json->depth == 0) {
        putc('\n', json->out);
        json->comma = false;
    }
}

void cli_json_text(cli_json *json, const char *name, const char *bytes, size_t size) {
    begin_value(json, name);
    put_quoted(json->out, bytes, size);
}

void cli_json_string(cli_json *json, const char *name, const char *text) {
    if (text != NULL) {
        cli_json_text(json, name, text, strlen(text));
        return;
    }
    begin_value(json, name);
    fputs("null", json->out);
}

void cli_json_number(cli_json *json, const char *name, double value) {
    begin_value(json, name);
    if (isfinite(value)) {
        fprintf(json->out, "%.9g", value);
    } else {
        fputs("null", json->out);
    }
}

void cli_json_integer(cli_json *json, const char *name, int64_t value) {
    begin_value(json, name);
    fprintf(json->out, "%lld", (long long)value);
}

void cli_json_bool(cli_json *json, const char *name, bool value) {
    begin_value(json, name);
    fputs(value ? "true" : "false", json->out);
}
