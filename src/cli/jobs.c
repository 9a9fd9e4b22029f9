/* jobs: `emotivoice jobs dead`, `jobs show`, `jobs retry` and `jobs drop`, over a running service's second address.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/hex.h"
#include "options.h"

enum { ANSWER_MAX = 8 << 20 };

typedef struct jobs_values {
    const char *admin;
    bool json;
} jobs_values;

static void init(void *values) { ((jobs_values *)values)->admin = "http://127.0.0.1:9090"; }

static size_t on_body(char *bytes, size_t one, size_t n, void *user) {
    ev_buf *body = user;
    return body->size + one * n <= ANSWER_MAX && ev_buf_append(body, bytes, one * n) ? n : 0;
}

/* Asks METHOD admin/path. *answer is the JSON of the body (NULL: none), *status the HTTP status. An exit code. */
static int ask(const char *admin, const char *method, const char *path, json_t **answer, long *status) {
    ev_buf url = {0}, body = {0};
    CURLcode code = CURLE_OUT_OF_MEMORY;
    *answer = NULL;
    *status = 0;
    const size_t length = strlen(admin);
    ev_buf_printf(&url, "%.*s%s", (int)(length && admin[length - 1] == '/' ? length - 1 : length), admin, path);
    ev_buf_append(&url, "", 1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    if (curl && !url.failed) {
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    curl_easy_cleanup(curl);
    if (code == CURLE_OK && body.size) *answer = json_loadb((const char *)body.data, body.size, 0, NULL);
    ev_buf_free(&url);
    ev_buf_free(&body);
    if (code == CURLE_OK) return CLI_OK;
    return cli_fail(CLI_REMOTE, "%s cannot be asked: %s; give the service's admin_listen as --admin", admin,
                    curl_easy_strerror(code));
}

static void print_dead(const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const time_t created = (time_t)json_integer_value(json_object_get(one, "created"));
        struct tm utc;
        char when[24] = "";
        if (gmtime_r(&created, &utc)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
        const char *id = json_string_value(json_object_get(one, "id"));
        const char *error = json_string_value(json_object_get(one, "error"));
        printf("%s  %s  %d tries, %d bytes of text: %s\n", id ? id : "", when,
               (int)json_integer_value(json_object_get(one, "tries")),
               (int)json_integer_value(json_object_get(one, "text_bytes")), error ? error : "");
    }
}

static int run_dead(const void *values, const cli_operands *operands) {
    const jobs_values *v = values;
    json_t *list;
    long status;
    (void)operands;
    int code = ask(v->admin, "GET", "/admin/dead", &list, &status);
    if (code == CLI_OK && !json_is_array(list)) {
        code = cli_fail(CLI_REMOTE, "%s answered with status %ld and no list: is it the service's admin_listen?",
                        v->admin, status);
    } else if (code == CLI_OK && v->json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
    } else if (code == CLI_OK) {
        print_dead(list);
    }
    json_decref(list);
    return code;
}

/* What becomes of one dead letter; says so, or what was wrong. */
typedef struct dead_action {
    const char *method, *suffix;
    long status; /* of what went well */
    int (*print)(const json_t *answer);
} dead_action;

static int print_id(const json_t *answer) {
    const char *id = json_string_value(json_object_get(answer, "request_id"));
    return id && printf("%s\n", id) > 0 ? CLI_OK : CLI_REMOTE;
}

static int print_whole(const json_t *answer) {
    const bool printed = json_dumpf(answer, stdout, JSON_INDENT(1)) == 0;
    return printed && putchar('\n') != EOF ? CLI_OK : CLI_FAILURE;
}

static int act_on(const jobs_values *v, const char *id, const dead_action *action) {
    char path[128];
    json_t *answer;
    long status;
    if (!ev_is_hex(id, 32)) {
        return cli_fail(CLI_USAGE, "'%.40s' is no id of a job: see emotivoice jobs dead", id);
    }
    snprintf(path, sizeof path, "/admin/dead/%s%s", id, action->suffix);
    int code = ask(v->admin, action->method, path, &answer, &status);
    if (code == CLI_OK && status == action->status && answer) {
        code = action->print(answer);
    } else if (code == CLI_OK) {
        const char *message = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
        code =
            cli_fail(status == 404 ? CLI_INPUT : CLI_REMOTE, "%s: %s", id, message ? message : "the service refused");
    }
    json_decref(answer);
    return code;
}

static int act_on_all(const void *values, const cli_operands *operands, const dead_action *action) {
    int code = CLI_OK;
    for (int i = 0; i < operands->count; i++) {
        const int one = act_on(values, operands->items[i], action);
        if (code == CLI_OK) code = one;
    }
    return code;
}

static int run_show(const void *values, const cli_operands *operands) {
    return act_on_all(values, operands, &(dead_action){"GET", "", 200, print_whole});
}

static int run_retry(const void *values, const cli_operands *operands) {
    return act_on_all(values, operands, &(dead_action){"POST", "/retry", 202, print_id});
}

static int run_drop(const void *values, const cli_operands *operands) {
    return act_on_all(values, operands, &(dead_action){"DELETE", "", 200, print_id});
}

#define OPTION_ADMIN                                                                                                 \
    {                                                                                                                \
        .name = "admin", .letter = 'a', .kind = CLI_STRING, .offset = offsetof(jobs_values, admin), .value = "URL",  \
        .help = "the service's second address, its admin_listen"                                                     \
    }

static const cli_option dead_options[] = {
    OPTION_ADMIN, CLI_OPTION_JSON(jobs_values, "print a JSON array"), {.name = NULL}};
static const cli_option letter_options[] = {OPTION_ADMIN, {.name = NULL}};
static const cli_example dead_examples[] = {
    {"emotivoice jobs dead", "what failed three times, and why"},
    {"emotivoice jobs dead --json | jq -r '.[].id' | xargs emotivoice jobs retry", "all of it again"},
    {NULL, NULL}};
static const cli_example show_examples[] = {
    {"emotivoice jobs show 0123456789abcdef0123456789abcdef | jq -r .request.text", "the text that failed"},
    {NULL, NULL}};
static const cli_example drop_examples[] = {
    {"emotivoice jobs dead --json | jq -r '.[].id' | xargs emotivoice jobs drop", "all of it is forgotten"},
    {NULL, NULL}};
static const cli_example retry_examples[] = {
    {"emotivoice jobs retry 0123456789abcdef0123456789abcdef", "prints the id of the new job"}, {NULL, NULL}};

const cli_command cli_jobs_dead = {
    .name = "jobs dead",
    .synopsis = "",
    .summary = "list the jobs that a service gave up",
    .description = "Lists the dead letters of a running service: jobs that failed as often as they may. The "
                   "last thousand are kept, with data_dir beyond a restart.",
    .options = dead_options,
    .examples = dead_examples,
    .values_size = sizeof(jobs_values),
    .init = init,
    .run = run_dead};

const cli_command cli_jobs_show = {
    .name = "jobs show",
    .synopsis = "ID...",
    .summary = "show all of a job that a service gave up",
    .description = "Prints each of the dead letters as JSON: why it failed, and all that was asked for.",
    .options = letter_options,
    .examples = show_examples,
    .values_size = sizeof(jobs_values),
    .init = init,
    .operands_min = 1,
    .operands_max = 1000,
    .run = run_show};

const cli_command cli_jobs_drop = {.name = "jobs drop",
                                   .synopsis = "ID...",
                                   .summary = "forget jobs that a service gave up",
                                   .description =
                                       "Forgets each of the dead letters, with its recording, and prints its id.",
                                   .options = letter_options,
                                   .examples = drop_examples,
                                   .values_size = sizeof(jobs_values),
                                   .init = init,
                                   .operands_min = 1,
                                   .operands_max = 1000,
                                   .run = run_drop};

const cli_command cli_jobs_retry = {
    .name = "jobs retry",
    .synopsis = "ID...",
    .summary = "try jobs again that a service gave up",
    .description =
        "Makes each of the dead letters a new job of the same owner, which can be asked for at /tts/{id}, and "
        "prints its id.",
    .options = letter_options,
    .examples = retry_examples,
    .values_size = sizeof(jobs_values),
    .init = init,
    .operands_min = 1,
    .operands_max = 1000,
    .run = run_retry};
