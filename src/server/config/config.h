/* config: the settings of `emotivoice serve`.
 *
 *   config_table.h   every setting, once: kind, default, range, help
 *   config.c         a value and where it came from; printing; what a reload may change
 *   config_value.c   text to a value of its kind: numbers with units, addresses, lists
 *   config_file.c    the file (`key = value` lines) and the environment
 *   config_check.c   what no key can see alone: two listeners on one port, keys without a file
 *   supervisor.h     sockets and notices of systemd, where it started the process
 *
 * Path:  sv_config_init -> sv_config_set per flag, sv_config_file, sv_config_environment, in any order: a value gives
 * way only to one of a stronger origin (socket > flag > environment > file > default) -> sv_config_check -> use
 * config->key. Owner: texts live in the configuration until it is changed or freed. Durations are seconds, sizes
 * bytes. Threads: none of its own; a reload makes a second configuration, see sv_config_keep().
 */
#ifndef SV_CONFIG_H
#define SV_CONFIG_H

#include "base/base.h"
#include "server/config/config_table.h"

/* Values of the choices, in the order of the table's words. */
enum { SV_BATCH_ADAPTIVE, SV_BATCH_FIXED, SV_BATCH_OFF };
enum { SV_REACH_OFF, SV_REACH_HTTPS, SV_REACH_ANY }; /* fetch, webhook */
enum { SV_CONSENT_OFF, SV_CONSENT_REQUIRED };
enum { SV_FALLBACK_OFF, SV_FALLBACK_LOCAL };
enum { SV_FILTER_REQUIRED, SV_FILTER_OPTIONAL };

typedef enum sv_kind {
    SV_KIND_SECRET,
    SV_KIND_TEXT,
    SV_KIND_FILE,
    SV_KIND_MODELS, /* files, a line each, perhaps "name=file" */
    SV_KIND_DIRECTORY,
    SV_KIND_ADDRESS,
    SV_KIND_HOSTS,
    SV_KIND_ORIGINS,
    SV_KIND_NETWORKS,
    SV_KIND_FORMATS,
    SV_KIND_CHOICE,
    SV_KIND_SWITCH,
    SV_KIND_COUNT,
    SV_KIND_NUMBER,
    SV_KIND_SECONDS,
    SV_KIND_BYTES
} sv_kind;

typedef enum sv_config_key {
#define SV_CONFIG_KEY(key, kind, fallback, low, high, unit, reload, help) SV_KEY_##key,
    SV_CONFIG_MAP(SV_CONFIG_KEY)
#undef SV_CONFIG_KEY
        SV_KEY_COUNT
} sv_config_key;

typedef struct sv_config_row {
    const char *key, *fallback, *unit, *help;
    sv_kind kind;
    double low, high;
    size_t offset; /* of the value in sv_config */
    bool live;     /* may change on SIGHUP */
} sv_config_row;
extern const sv_config_row sv_config_rows[SV_KEY_COUNT]; /* for flags, --help and the manual */

/* weakest first; the last: an address whose socket the process was started with */
typedef enum sv_from { SV_FROM_DEFAULT, SV_FROM_FILE, SV_FROM_ENVIRONMENT, SV_FROM_FLAG, SV_FROM_SOCKET } sv_from;
typedef struct sv_origin {
    sv_from from;
    const char *file; /* SV_FROM_FILE */
    int line;
} sv_origin;

typedef struct sv_setting {
    sv_from from;
    char *text;  /* as it was given; lists and addresses in their plain form */
    char *place; /* "emotivoice.conf:12"; NULL unless from a file */
} sv_setting;

typedef struct sv_config {
#define SV_CONFIG_FIELD(key, kind, fallback, low, high, unit, reload, help) SV_TYPE_##kind key;
    SV_CONFIG_MAP(SV_CONFIG_FIELD)
#undef SV_CONFIG_FIELD
    sv_setting settings[SV_KEY_COUNT];
} sv_config;

/* ---- config.c ---- */
ev_status sv_config_init(sv_config *config, ev_error *err); /* every key at its default; EV_E_MEMORY */
void sv_config_free(sv_config *config);                     /* takes it in any state since init, or zeroed */
/* Makes `to`, with the places that the settings came from. EV_E_MEMORY. */
ev_status sv_config_copy(sv_config *to, const sv_config *from, ev_error *err);
/* Gives one key a value, unless it has one of a stronger origin; the value is checked either way. key: with _ or -,
 * without leading dashes. EV_E_NOT_FOUND: no such key. EV_E_ARGUMENT: no such value. */
ev_status sv_config_set(sv_config *config, const char *key, const char *value, sv_origin origin, ev_error *err);
const sv_config_row *sv_config_find(const char *key); /* NULL: no such key */
/* After SIGHUP: takes over into `fresh` what `running` has and only a restart may change. A line per such difference
 * is added to notes. EV_E_MEMORY. */
ev_status sv_config_keep(sv_config *fresh, const sv_config *running, ev_buf *notes, ev_error *err);
/* Every value and where it comes from, as a file that could be read again; secrets are masked. */
void sv_config_print(const sv_config *config, ev_buf *out);
/* How messages name a setting: "emotivoice.conf:12: batch_max", "EMOTIVOICE_BATCH_MAX", "--batch-max", "batch_max".
 */
void sv_config_name(const sv_config *config, sv_config_key key, char *name, size_t size);

/* ---- config_file.c ---- */
ev_status sv_config_file(sv_config *config, const char *path, ev_error *err);
/* The same from memory; `name` is what errors call it. */
ev_status sv_config_parse(sv_config *config, const char *name, const char *bytes, size_t size, ev_error *err);
/* EMOTIVOICE_<KEY> of environ; an empty variable is as good as none. A name that is nearly a key's is a warning. */
ev_status sv_config_environment(sv_config *config, char *const *environment, ev_buf *warnings, ev_error *err);

/* ---- config_check.c ---- */
/* Keys against each other, and files against the disk. Warnings are lines. EV_E_ARGUMENT, EV_E_NOT_FOUND (a file). */
ev_status sv_config_check(const sv_config *config, ev_buf *warnings, ev_error *err);

/* ---- config_value.c ---- */
/* Walks a list: the next item into `item` (items are shorter than SV_LIST_ITEM_MAX); false behind the last. */
#define SV_LIST_ITEM_MAX 256
bool sv_list_next(const char **list, char item[SV_LIST_ITEM_MAX]);
/* Walks models: the next one's name ("" where none was given) and file into `name` and `file`; false behind the last.
 */
#define SV_MODEL_NAME_MAX 64
bool sv_models_next(const char **models, char name[SV_MODEL_NAME_MAX + 1], char file[4096]);
/* "127.0.0.1:8080" or "[::1]:8080" to host (without brackets) and port; false when it is neither. */
bool sv_address_split(const char *address, char host[SV_LIST_ITEM_MAX], int *port);

#endif
