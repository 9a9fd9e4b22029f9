/* scale: `emotivoice scale`: as many workers on this machine as the queue asks for. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/supervisor.h"
#include "server/scale/scale.h"
#include "server/server.h"
#include "settings.h"

typedef struct scale_values {
    cli_settings settings;
    int32_t min, max;
    float target, every, cooldown; /* seconds */
} scale_values;

static void init(void *values) {
    scale_values *v = values;
    v->min = 1;
    v->max = 4;
    v->target = v->every = 10; /* as deploy/helm has them */
    v->cooldown = 300;
}

static const cli_option own[] = {
    {.name = "min",
     .kind = CLI_INT,
     .offset = offsetof(scale_values, min),
     .value = "N",
     .help = "workers at least; 0: none while nothing waits, and streams are refused until one is there",
     .low = 0,
     .high = SV_SCALE_MAX},
    {.name = "max",
     .kind = CLI_INT,
     .offset = offsetof(scale_values, max),
     .value = "N",
     .help = "workers at most",
     .low = 1,
     .high = SV_SCALE_MAX},
    {.name = "target",
     .kind = CLI_REAL,
     .offset = offsetof(scale_values, target),
     .value = "SECONDS",
     .help = "seconds of speech that wait, for each worker",
     .low = 0.1,
     .high = 100000},
    {.name = "every",
     .kind = CLI_REAL,
     .offset = offsetof(scale_values, every),
     .value = "SECONDS",
     .help = "time between two looks at the queue",
     .low = 0.1,
     .high = 3600},
    {.name = "cooldown",
     .kind = CLI_REAL,
     .offset = offsetof(scale_values, cooldown),
     .value = "SECONDS",
     .help = "for so long fewer must be enough until there are fewer",
     .low = 0,
     .high = 86400}};

static cli_option options[CLI_COUNT(own) + CLI_SETTINGS + 1];

static void __attribute__((constructor)) make_options(void) {
    memcpy(options, own, sizeof own);
    cli_settings_options(options + CLI_COUNT(own), offsetof(scale_values, settings));
}

/* ---- a worker's arguments: the settings as they were given ---- */

enum { ARGUMENTS_MAX = 2 * SV_KEY_COUNT + 256 }; /* models may be many */

typedef struct arguments {
    char *items[ARGUMENTS_MAX + 1];
    int count;
    bool failed;
} arguments;

static void add_one(arguments *a, const char *name, const char *value, size_t length) {
    assert(a->count <= ARGUMENTS_MAX);
    char *flag = NULL;
    if (a->count == ARGUMENTS_MAX || asprintf(&flag, "--%s=%.*s", name, (int)length, value) < 0) {
        a->failed = true;
        return;
    }
    a->items[a->count++] = flag;
}

/* A value of several lines was given as often. */
static void add_given(arguments *a, const cli_option *option, const char *value) {
    while (value != NULL) {
        const char *end = option->many ? strchr(value, '\n') : NULL;
        add_one(a, option->name, value, end != NULL ? (size_t)(end - value) : strlen(value));
        value = end != NULL ? end + 1 : NULL;
    }
}

static void add_all(arguments *a, const scale_values *v) {
    static char program[] = "emotivoice", command[] = "worker";
    a->items[a->count++] = program;
    a->items[a->count++] = command;
    for (const cli_option *o = options + CLI_COUNT(own); o->name != NULL; o++) {
        const char *value = *(const char *const *)((const char *)v + o->offset);
        if (strcmp(o->name, "admin-listen") != 0) add_given(a, o, value); /* each has its own */
    }
}

static void free_all(arguments *a) {
    for (int i = 2; i < a->count; i++) free(a->items[i]);
}

/* ---- the command ---- */

static int start(const scale_values *v, const sv_config *config) {
    arguments worker = {0};
    ev_error err = {0};
    add_all(&worker, v);
    const sv_scale_options o = {.rule = {v->min, v->max, (double)v->target, (double)v->cooldown},
                                .every_s = (double)v->every,
                                .config = config,
                                .worker = worker.items};
    int code = CLI_OK;
    if (worker.failed) {
        code = cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    } else {
        cli_interrupt_stop(); /* workers' ends are signals too */
        code = cli_settings_code(sv_scale(&o, &err), &err);
    }
    free_all(&worker);
    return code;
}

static int run(const void *values, const cli_operands *operands) {
    scale_values v = *(const scale_values *)values;
    sv_config config = {0};
    ev_error err = {0};
    int code = CLI_OK;
    (void)operands;
    if (v.min > v.max) return cli_fail(CLI_USAGE, "--min %d is more than --max %d: give a smaller one", v.min, v.max);
    if (sv_supervisor_take(&err) != EV_OK || cli_settings_read(&v.settings, &config, &err) != EV_OK) {
        code = cli_fail(CLI_CONFIG, "%s", err.message);
    } else if (!*config.redis) {
        code = cli_fail(CLI_CONFIG, "scale needs --redis URL: where the gateways (emotivoice serve --redis URL) have "
                                    "their jobs");
    } else {
        code =
            cli_settings_code(sv_check(&config, &err), &err); /* what a worker would fail by, before there is one */
        if (code == CLI_OK) code = start(&v, &config);
    }
    sv_config_free(&config);
    return code;
}

_Static_assert(sizeof(scale_values) <= CLI_VALUES_MAX, "cli_values is too small");

static const cli_example examples[] = {
    {"emotivoice scale --redis redis://10.0.0.5 --data-dir /srv/emotivoice --threads 1 --max 8",
     "one to eight workers of a core each"},
    {"emotivoice scale -c emotivoice.conf --target 30 --cooldown 60", "two when more than 30 s of speech wait"},
    {NULL, NULL}};

const cli_command cli_scale = {
    .name = "scale",
    .synopsis = "",
    .summary = "as many workers on this machine as the queue asks for",
    .description =
        "Starts emotivoice worker with the settings that it is given, as often as the seconds of speech that wait in "
        "Redis go into --target, rounded up: more at once, fewer (by SIGTERM, which lets them finish) when fewer "
        "have "
        "been enough for --cooldown. The rule is that of deploy/helm's trigger for KEDA, for a machine without "
        "Kubernetes. Workers have free ports for their metrics, or those from --admin-listen on. One that dies is "
        "started again; while Redis is away their number stays. SIGTERM ends them all in the same way; SIGHUP goes "
        "on "
        "to them. Decisions are logged.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(scale_values),
    .init = init,
    .run = run};
