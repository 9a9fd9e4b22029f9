/* config_file: `key = value` lines and the environment's variables into sv_config_set(). A file is one that people
 * edit: what looks like another format's habit (sections, colons, a doubled key) is met with the line to write. */
#include "server/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/config/config_value.h"

enum { FILE_BYTES_MAX = 1 << 20, LINE_BYTES_MAX = 16384 };

typedef struct reader {
    sv_config *config;
    const char *name;
    int line;
    int seen[SV_KEY_COUNT]; /* line that gave the key; 0: none yet */
    ev_error *err;
} reader;

static ev_status refuse(const reader *r, const char *fault) {
    size_t n = strlen(r->name);
    return ev_fail(r->err, EV_E_ARGUMENT, "%s%s:%d: %s", n > 72 ? "..." : "", n > 72 ? r->name + n - 72 : r->name,
                   r->line, fault);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Cuts blanks off both ends, in place. */
static char *trim(char *text) {
    while (is_blank(*text)) text++;
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) n--;
    text[n] = '\0';
    return text;
}

/* A value ends at a # that follows a blank, so that a # inside a word belongs to it. */
static void cut_comment(char *value) {
    for (char *c = value; *c; c++) {
        if (*c != '#' || (c > value && !is_blank(c[-1]))) continue;
        *c = '\0';
        return;
    }
}

/* "..." with \" and \\ inside, in place; behind it there may be a comment. NULL: not closed. */
static char *unquote(char *value) {
    char *out = value, *in = value + 1;
    for (; *in && *in != '"'; in++) {
        if (*in == '\\' && (in[1] == '"' || in[1] == '\\')) in++;
        *out++ = *in;
    }
    if (*in != '"') return NULL;
    cut_comment(in + 1);
    if (*trim(in + 1)) return NULL;
    *out = '\0';
    return value;
}

/* A further one, behind those of the lines before. What is in force already came from a stronger origin, or they did.
 */
static ev_status add_model(reader *r, const sv_config_row *row, const char *value) {
    const sv_setting *before = &r->config->settings[row - sv_config_rows];
    ev_buf all = {0};
    if (before->from != SV_FROM_FILE) return EV_OK;
    ev_buf_printf(&all, "%s\n%s", before->text, value);
    const ev_status status = all.failed ? ev_fail(r->err, EV_E_MEMORY, "%s: out of memory", row->key)
                                        : sv_config_set(r->config, row->key, (const char *)all.data,
                                                        (sv_origin){SV_FROM_FILE, r->name, r->line}, r->err);
    ev_buf_free(&all);
    return status;
}

static ev_status read_pair(reader *r, char *key, char *value) {
    if (*key == '\0') return refuse(r, "a key is missing: write key = value");
    if (*value == '"') {
        value = unquote(value);
    } else {
        cut_comment(value);
        value = trim(value);
    }
    if (!value) return refuse(r, "quotation marks do not pair: close them at the end of the value");
    const sv_config_row *row = sv_config_find(key);
    if (row) {
        int *seen = &r->seen[row - sv_config_rows];
        char fault[120];
        snprintf(fault, sizeof fault, "%s was given in line %d already: keep one of them", row->key, *seen);
        if (*seen && row->kind == SV_KIND_MODELS) return add_model(r, row, value);
        if (*seen) return refuse(r, fault);
        *seen = r->line;
    }
    return sv_config_set(r->config, key, value, (sv_origin){SV_FROM_FILE, r->name, r->line}, r->err);
}

static ev_status read_line(reader *r, char *line) {
    line = trim(line);
    if (*line == '\0' || *line == '#') return EV_OK;
    if (*line == '[') return refuse(r, "there are no sections: remove the line");
    char *equals = strchr(line, '='), *colon = strchr(line, ':');
    if (!equals && colon) return refuse(r, "a colon is no '=': write key = value");
    if (!equals) return refuse(r, "there is no '=': write key = value, or # before a comment");
    *equals = '\0';
    return read_pair(r, trim(line), trim(equals + 1));
}

ev_status sv_config_parse(sv_config *config, const char *name, const char *bytes, size_t size, ev_error *err) {
    reader r = {.config = config, .name = name, .err = err};
    char line[LINE_BYTES_MAX];
    size_t at = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t n = end ? (size_t)(end - bytes) - at : size - at, next = at + n + 1;
        r.line++;
        if (n >= sizeof line) return refuse(&r, "the line is too long: give at most 16 kB");
        if (memchr(bytes + at, '\0', n)) return refuse(&r, "a NUL byte: this is no text file, give another");
        memcpy(line, bytes + at, n);
        if (n > 0 && line[n - 1] == '\r') n--;
        line[n] = '\0';
        ev_status status = read_line(&r, line);
        if (status) return status;
        at = next;
    }
    return EV_OK;
}

ev_status sv_config_file(sv_config *config, const char *path, ev_error *err) {
    ev_buf text = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool read = fd >= 0 && ev_file_read(&text, fd, FILE_BYTES_MAX + 1);
    const int cause = errno;
    if (fd >= 0) close(fd);
    ev_status status = EV_OK;
    if (text.failed)
        status = ev_fail(err, EV_E_MEMORY, "configuration %.120s: out of memory", path);
    else if (!read)
        status = ev_fail(err, EV_E_IO, "configuration %.120s cannot be read: %s", path, strerror(cause));
    else if (text.size > FILE_BYTES_MAX)
        status = ev_fail(err, EV_E_LIMIT, "configuration %.120s is larger than 1 MiB: is it the right file?", path);
    else
        status = sv_config_parse(config, path, (const char *)text.data, text.size, err);
    ev_buf_free(&text);
    return status;
}

/* ---- environment ---- */

/* Variables that are the engine's or the command's, not settings of the service. */
static bool is_foreign(const char *key) { return strcmp(key, "cpu") == 0 || strcmp(key, "config") == 0; }

static void warn_near(const char *variable, const char *key, ev_buf *warnings) {
    const char *near = sv_near_key(key);
    char name[64] = "";
    if (!near || is_foreign(key)) return;
    for (size_t i = 0; near[i]; i++) name[i] = (char)toupper((unsigned char)near[i]);
    ev_buf_printf(warnings, "%s is no setting and has no effect: did you mean EMOTIVOICE_%s?\n", variable, name);
}

ev_status sv_config_environment(sv_config *config, char *const *environment, ev_buf *warnings, ev_error *err) {
    static const char prefix[] = "EMOTIVOICE_";
    for (; environment && *environment; environment++) {
        const char *variable = *environment;
        size_t length = strcspn(variable, "="), skip = sizeof prefix - 1;
        char name[64], key[64];
        if (strncmp(variable, prefix, skip) != 0 || length >= sizeof name || variable[length] != '=') continue;
        snprintf(name, sizeof name, "%.*s", (int)length, variable);
        for (size_t i = skip; i <= length; i++) key[i - skip] = (char)tolower((unsigned char)name[i]);
        if (!sv_config_find(key)) {
            warn_near(name, key, warnings);
        } else if (variable[length + 1]) {
            ev_status status =
                sv_config_set(config, key, variable + length + 1, (sv_origin){.from = SV_FROM_ENVIRONMENT}, err);
            if (status) return status;
        }
    }
    return EV_OK;
}
