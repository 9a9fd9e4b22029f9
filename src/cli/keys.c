/* keys: `emotivoice keys new` and `keys check`: the lines of a service's keys_file, made and read by the service's
 * own guard. The secret is printed and nowhere kept; a line has its hash alone. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "server/guard/guard.h"

typedef struct keys_values {
    const char *name, *scopes, *file;
    float rate, weight;
    int32_t audio_s;
    bool json;
} keys_values;

static void init(void *values) {
    keys_values *v = values;
    v->scopes = "speak,voices";
    v->weight = 1;
}

/* ---- new ---- */

static int check_values(const keys_values *v) {
    if (!v->name) return cli_fail(CLI_USAGE, "the key has no name: say with --name whose it is");
    if (!sv_key_name_valid(v->name)) {
        return cli_fail(CLI_USAGE, "'%.80s' is no name of a key: give 1 to %d letters, digits, '.', '_' or '-'",
                        v->name, SV_KEY_NAME_MAX);
    }
    if (!sv_scopes_parse(v->scopes, strlen(v->scopes))) {
        return cli_fail(CLI_USAGE, "--scopes '%.80s' are unknown: give speak, voices or speak,voices", v->scopes);
    }
    return CLI_OK;
}

/* A secret, and its line with a NUL. The service's reader must take the line, so it judges the numbers too. */
static int make(const keys_values *v, char secret[SV_KEY_SECRET + 1], ev_buf *line) {
    char prefix[SV_KEY_PREFIX + 1], hash[65];
    ev_error err = {0};
    sv_keys *keys = NULL;
    if (sv_key_make(secret, prefix, hash, &err) != EV_OK) return cli_fail(CLI_FAILURE, "%s", err.message);
    ev_buf_printf(line, "%s %s %s %s", prefix, hash, v->scopes, v->name);
    if (v->rate > 0) ev_buf_printf(line, " rate=%.7g", (double)v->rate);
    if (v->audio_s > 0) ev_buf_printf(line, " audio_s=%d", v->audio_s);
    if (v->weight != 1) ev_buf_printf(line, " weight=%.7g", (double)v->weight);
    ev_buf_append(line, "", 1);
    if (line->failed) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    const ev_status status = sv_keys_parse(&keys, (const char *)line->data, line->size - 1, "the new key", &err);
    sv_keys_unref(&keys);
    return status == EV_OK ? CLI_OK : cli_fail(CLI_USAGE, "%s", err.message);
}

static bool ends_in_a_line(int fd) {
    char last = '\n';
    return lseek(fd, -1, SEEK_END) < 0 || (read(fd, &last, 1) == 1 && last == '\n');
}

/* In one write, so that a service that reads the file meanwhile sees a whole line or none. */
static int append_line(int fd, const char *path, const char *line) {
    ev_buf text = {0};
    ev_buf_printf(&text, "%s%s\n", ends_in_a_line(fd) ? "" : "\n", line);
    int code = CLI_OK;
    if (text.failed)
        code = cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    else if (write(fd, text.data, text.size) != (ssize_t)text.size)
        code = cli_write_failed(path, errno);
    ev_buf_free(&text);
    return code;
}

/* Of a file that is wrong already nobody could use the new line. */
static int check_file(sv_keys **keys, const char *path) {
    ev_error err = {0};
    const ev_status status = sv_keys_load(keys, path, &err);
    if (status == EV_OK) return CLI_OK;
    return cli_fail(status == EV_E_FORMAT || status == EV_E_LIMIT ? CLI_CONFIG : CLI_FAILURE, "%s", err.message);
}

static int add_to_file(const char *path, const char *line) {
    sv_keys *keys = NULL;
    const int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return cli_write_failed(path, errno);
    int code = check_file(&keys, path);
    sv_keys_unref(&keys);
    if (code == CLI_OK) code = append_line(fd, path, line);
    if (close(fd) != 0 && code == CLI_OK) code = cli_write_failed(path, errno);
    return code;
}

static int print_new(const keys_values *v, const char *secret, const char *line) {
    if (v->json) {
        ev_buf text = {0};
        ev_json json = {.out = &text};
        ev_json_open(&json, NULL, '{');
        ev_json_string(&json, "key", secret);
        ev_json_string(&json, "line", line);
        ev_json_string(&json, "file", v->file);
        ev_json_close(&json, '}');
        return cli_output_text(stdout, &text);
    }
    if (v->file) {
        printf("%s\n", secret);
    } else {
        printf("key:  %s\nline: %s\n", secret, line);
    }
    return CLI_OK;
}

static int run_new(const void *values, const cli_operands *operands) {
    const keys_values *v = values;
    char secret[SV_KEY_SECRET + 1];
    ev_buf line = {0};
    (void)operands;
    int code = check_values(v);
    if (code == CLI_OK) code = make(v, secret, &line);
    if (code == CLI_OK && v->file) code = add_to_file(v->file, (const char *)line.data);
    if (code == CLI_OK) code = print_new(v, secret, (const char *)line.data);
    ev_buf_free(&line);
    return code;
}

/* ---- check ---- */

static const char *scopes_text(unsigned scopes) {
    if (scopes == (SV_SCOPE_SPEAK | SV_SCOPE_VOICES)) return "speak,voices";
    return scopes == SV_SCOPE_SPEAK ? "speak" : "voices";
}

static void print_key(const sv_key *key) {
    printf("%s %s %s", key->prefix, scopes_text(key->scopes), key->name);
    if (key->rate > 0) printf(" rate=%g", key->rate);
    if (key->audio_s > 0) printf(" audio_s=%g", key->audio_s);
    if (key->weight != 1) printf(" weight=%g", key->weight);
    putchar('\n');
}

static int print_keys_json(const sv_keys *keys) {
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '[');
    for (size_t i = 0; i < sv_keys_count(keys); i++) {
        const sv_key *key = sv_keys_at(keys, i);
        ev_json_open(&json, NULL, '{');
        ev_json_string(&json, "prefix", key->prefix);
        ev_json_string(&json, "name", key->name);
        ev_json_string(&json, "scopes", scopes_text(key->scopes));
        if (key->rate > 0) ev_json_number(&json, "rate", key->rate);
        if (key->audio_s > 0) ev_json_number(&json, "audio_s", key->audio_s);
        if (key->weight != 1) ev_json_number(&json, "weight", key->weight);
        ev_json_close(&json, '}');
    }
    ev_json_close(&json, ']');
    return cli_output_text(stdout, &text);
}

static int run_check(const void *values, const cli_operands *operands) {
    const keys_values *v = values;
    sv_keys *keys = NULL;
    int code = check_file(&keys, operands->items[0]);
    if (code != CLI_OK) return code;
    if (v->json) code = print_keys_json(keys);
    for (size_t i = 0; !v->json && i < sv_keys_count(keys); i++) print_key(sv_keys_at(keys, i));
    sv_keys_unref(&keys);
    return code;
}

static const cli_option new_options[] = {
    {.name = "name",
     .letter = 'n',
     .kind = CLI_STRING,
     .offset = offsetof(keys_values, name),
     .value = "NAME",
     .help = "whose key it is; keys of one name share their limits, voices and jobs"},
    {.name = "scopes",
     .kind = CLI_STRING,
     .offset = offsetof(keys_values, scopes),
     .value = "LIST",
     .help = "what the key may do: speak, voices (upload and delete them), or both"},
    {.name = "rate",
     .kind = CLI_REAL,
     .offset = offsetof(keys_values, rate),
     .value = "N",
     .help = "requests per second; 0: the service's rate_per_key",
     .low = 0,
     .high = 1e6},
    {.name = "audio-seconds",
     .kind = CLI_INT,
     .offset = offsetof(keys_values, audio_s),
     .value = "N",
     .help = "seconds of speech per hour; 0: any",
     .low = 0,
     .high = 1e9},
    {.name = "weight",
     .kind = CLI_REAL,
     .offset = offsetof(keys_values, weight),
     .value = "N",
     .help = "of its share of the device when many wait",
     .low = 0.1,
     .high = 100},
    {.name = "file",
     .letter = 'f',
     .kind = CLI_STRING,
     .offset = offsetof(keys_values, file),
     .value = "FILE",
     .help = "add the line to this file, which is made where there is none; only the key is printed"},
    CLI_OPTION_JSON(keys_values, "print a JSON object: key, line, file"),
    {.name = NULL}};
static const cli_option check_options[] = {CLI_OPTION_JSON(keys_values, "print a JSON array"), {.name = NULL}};
static const cli_example new_examples[] = {
    {"emotivoice keys new --name ann --file keys", "prints the key, once; keys has its hash"},
    {"emotivoice keys new --name shop --scopes speak --audio-seconds 3600", "at most an hour of speech in an hour"},
    {NULL, NULL}};
static const cli_example check_examples[] = {{"emotivoice keys check keys", "before the service reads it"},
                                             {NULL, NULL}};

const cli_command cli_keys_new = {
    .name = "keys new",
    .synopsis = "",
    .summary = "make an API key for the service",
    .description =
        "Makes an API key and prints it once, with its line for the service's keys_file. A line is PREFIX SHA256 "
        "SCOPES NAME [rate=N] [audio_s=N] [weight=N]: the key's first 8 characters, its hash, and what the options "
        "say. A running service reads the file again on SIGHUP.",
    .options = new_options,
    .examples = new_examples,
    .values_size = sizeof(keys_values),
    .init = init,
    .run = run_new};

const cli_command cli_keys_check = {
    .name = "keys check",
    .synopsis = "FILE",
    .summary = "check a file of API keys, and list what it allows",
    .description = "Reads a keys_file as the service would. Prints a line for each key, its hash left out, or says "
                   "which line is wrong and what to write.",
    .options = check_options,
    .examples = check_examples,
    .values_size = sizeof(keys_values),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_check};
