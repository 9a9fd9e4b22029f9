/* folder: finds a checkpoint's files where a clone of the project has them, or wherever they were put. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "import/import.h"

enum { DEPTH_MAX = 8, CONFIG_BYTES_MAX = 1 << 20 };

/* The number behind a prefix that is all of the rest of the name, or -1. */
static long number_behind(const char *name, const char *prefix) {
    const size_t cut = strlen(prefix);
    char *end = NULL;
    if (strncmp(name, prefix, cut) != 0 || name[cut] < '0' || name[cut] > '9') return -1;
    const long n = strtol(name + cut, &end, 10);
    return *end ? -1 : n;
}

typedef struct search {
    ev_import_files *files;
    ev_import_files given;
    long generator, style; /* the highest numbers so far */
} search;

/* The first is taken; another one elsewhere is an error, since nothing tells which is meant. */
static ev_status take_one(char *to, const char *given, const char *path, const char *option, ev_error *err) {
    if (*given) return EV_OK;
    if (*to) {
        return ev_fail(err, EV_E_NOT_FOUND, "there are '%.80s' and '%.80s': say which with %s", to, path, option);
    }
    snprintf(to, EV_PATH_MAX, "%s", path);
    return EV_OK;
}

static void take_higher(char *to, const char *given, const char *path, long number, long *highest) {
    if (*given || number <= *highest) return;
    *highest = number;
    snprintf(to, EV_PATH_MAX, "%s", path);
}

static ev_status consider(search *s, const char *name, const char *path, ev_error *err) {
    ev_import_files *f = s->files;
    take_higher(f->generator, s->given.generator, path, number_behind(name, "g_"), &s->generator);
    take_higher(f->style, s->given.style, path, number_behind(name, "checkpoint_"), &s->style);
    if (strcmp(name, "vocab.txt") == 0)
        return take_one(f->vocabulary, s->given.vocabulary, path, "--vocabulary", err);
    if (strcmp(name, "tokenlist") == 0) return take_one(f->tokens, s->given.tokens, path, "--tokens", err);
    if (strcmp(name, "speaker2") == 0) return take_one(f->speakers, s->given.speakers, path, "--speakers", err);
    if (strcmp(name, "config.yaml") == 0 && strstr(path, "joint")) {
        return take_one(f->config, s->given.config, path, "--config", err);
    }
    return EV_OK;
}

static ev_status check_found(const ev_import_files *f, const char *folder, ev_error *err) {
    const struct {
        const char *path, *what;
    } needed[] = {{f->generator, "generator (g_00140000), or name it with --generator"},
                  {f->style, "style encoder (checkpoint_163431), or name it with --style-encoder"},
                  {f->vocabulary, "vocab.txt of the style encoder, or name it with --vocabulary"},
                  {f->speakers, "list of speakers (speaker2), or name it with --speakers"},
                  {f->tokens, "list of tokens (tokenlist), or name it with --tokens"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(needed); i++) {
        if (!*needed[i].path) return ev_fail(err, EV_E_NOT_FOUND, "'%.100s' has no %s", folder, needed[i].what);
    }
    return EV_OK;
}

ev_status ev_import_find(ev_import_files *files, const char *folder, ev_error *err) {
    search s = {.files = files, .given = *files, .generator = -1, .style = -1};
    char *const roots[] = {(char *)folder, NULL};
    struct stat st;
    if (stat(folder, &st) != 0) return ev_fail(err, EV_E_IO, "cannot read '%.160s': %m", folder);
    if (!S_ISDIR(st.st_mode)) return ev_fail(err, EV_E_IO, "'%.160s' is not a folder", folder);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk) return ev_fail(err, EV_E_IO, "cannot read '%.160s': %m", folder);
    ev_status status = EV_OK;
    for (FTSENT *e; status == EV_OK && (e = fts_read(walk));) {
        if (e->fts_level > DEPTH_MAX) fts_set(walk, e, FTS_SKIP);
        if (e->fts_info == FTS_F && e->fts_pathlen < EV_PATH_MAX)
            status = consider(&s, e->fts_name, e->fts_path, err);
    }
    fts_close(walk);
    return status == EV_OK ? check_found(files, folder, err) : status;
}

ev_status ev_import_text(char **out, size_t *bytes, const char *path, size_t most, ev_error *err) {
    struct stat st;
    ev_buf text = {0};
    *out = NULL;
    const int fd = ev_file_open(AT_FDCWD, path, 0, &st);
    if (fd < 0 && errno == EINVAL) return ev_fail(err, EV_E_IO, "'%.160s' is not a regular file", path);
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot open '%.160s': %m", path);
    ev_status s = EV_OK;
    if ((size_t)st.st_size > most)
        s = ev_fail(err, EV_E_LIMIT, "'%.100s' has %lld bytes, more than such a list has", path,
                    (long long)st.st_size);
    else if (!ev_file_read(&text, fd, most))
        s = text.failed ? ev_fail(err, EV_E_MEMORY, "out of memory")
                        : ev_fail(err, EV_E_IO, "cannot read '%.160s': %m", path);
    else if (memchr(text.data, '\0', text.size))
        s = ev_fail(err, EV_E_FORMAT, "'%.160s' is no text", path);
    close(fd);
    if (s != EV_OK) {
        ev_buf_free(&text);
        return s;
    }
    *out = (char *)text.data;
    *bytes = text.size;
    return EV_OK;
}

/* ---- config.yaml ---- */

static const yaml_node_t *value_of(yaml_document_t *d, const yaml_node_t *map, const char *key) {
    if (!map || map->type != YAML_MAPPING_NODE) return NULL;
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *k = yaml_document_get_node(d, p->key);
        if (k && k->type == YAML_SCALAR_NODE && strcmp((const char *)k->data.scalar.value, key) == 0) {
            return yaml_document_get_node(d, p->value);
        }
    }
    return NULL;
}

static bool whole_number(const yaml_node_t *n, int low, int high, int *out) {
    if (!n || n->type != YAML_SCALAR_NODE) return false;
    char *end = NULL;
    const char *text = (const char *)n->data.scalar.value;
    const long v = strtol(text, &end, 10);
    if (end == text || *end || v < low || v > high) return false;
    *out = (int)v;
    return true;
}

static ev_status take_config(ev_import_heads *h, yaml_document_t *d, ev_error *err) {
    const yaml_node_t *root = yaml_document_get_root_node(d), *model = value_of(d, root, "model");
    const yaml_node_t *rate = value_of(d, root, "sr"), *heads = value_of(d, model, "encoder_n_heads");
    const yaml_node_t *decoder = value_of(d, model, "decoder_n_heads"), *rates = value_of(d, model, "upsample_rates");
    int other = h->encoder;
    if ((rate && !whole_number(rate, 8000, 48000, &h->sample_rate)) ||
        (heads && !whole_number(heads, 1, 64, &h->encoder)) || (decoder && !whole_number(decoder, 1, 64, &other))) {
        return ev_fail(err, EV_E_FORMAT, "config.yaml: \"sr\" or \"encoder_n_heads\" is no number in range");
    }
    if (decoder && other != h->encoder) {
        return ev_fail(err, EV_E_FORMAT, "config.yaml: encoder and decoder have %d and %d heads; wanted one number",
                       h->encoder, other);
    }
    if (!rates) return EV_OK;
    h->rate_count = 0;
    if (rates->type != YAML_SEQUENCE_NODE)
        return ev_fail(err, EV_E_FORMAT, "config.yaml: \"upsample_rates\" is no list");
    for (const yaml_node_item_t *i = rates->data.sequence.items.start; i < rates->data.sequence.items.top; i++) {
        if (h->rate_count == (int)EV_ARRAY_COUNT(h->rates) ||
            !whole_number(yaml_document_get_node(d, *i), 2, 16, &h->rates[h->rate_count++])) {
            return ev_fail(err, EV_E_FORMAT, "config.yaml: \"upsample_rates\" are not at most 6 numbers of 2..16");
        }
    }
    return EV_OK;
}

ev_status ev_import_config(ev_import_heads *out, const char *path, ev_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    yaml_parser_t parser;
    yaml_document_t document;
    ev_status s = ev_import_text(&text, &bytes, path, CONFIG_BYTES_MAX, err);
    if (s != EV_OK) return s;
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return ev_fail(err, EV_E_MEMORY, "out of memory for config.yaml");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (yaml_parser_load(&parser, &document)) {
        s = take_config(out, &document, err);
        yaml_document_delete(&document);
    } else {
        s = ev_fail(err, EV_E_FORMAT, "'%.100s' is no YAML: %s", path, parser.problem ? parser.problem : "damaged");
    }
    yaml_parser_delete(&parser);
    free(text);
    return s;
}
