/* metrics: the few figures that are wanted out of a page in Prometheus' text format. Series of one metric are
 * summed; batches are those of the acoustic model where the service tells stages apart, since those hold requests. */
#include "loadtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH "emotivoice_batch_size"

/* name{labels} value: pointers into the line. */
typedef struct series {
    const char *name, *labels;
    size_t name_size, labels_size;
    double value;
} series;

static bool read_series(series *out, const char *line, size_t size) {
    char number[64];
    *out = (series){.name = line, .name_size = strcspn(line, "{ \n")};
    if (size == 0 || line[0] == '#' || out->name_size >= size) return false;
    const char *at = line + out->name_size, *end = line + size;
    if (*at == '{') {
        out->labels = at + 1;
        bool quoted = false;
        for (at++; at < end && (quoted || *at != '}'); at++) {
            if (*at == '\\' && quoted && at + 1 < end) {
                at++;
            } else if (*at == '"') {
                quoted = !quoted;
            }
        }
        if (at == end) return false;
        out->labels_size = (size_t)(at++ - out->labels);
    }
    snprintf(number, sizeof number, "%.*s", (int)(end - at < 60 ? end - at : 60), at);
    char *rest = NULL;
    out->value = strtod(number, &rest);
    return rest != number;
}

static bool is_named(const series *s, const char *name) {
    return strlen(name) == s->name_size && memcmp(s->name, name, s->name_size) == 0;
}

/* The value of a label, unescaped labels only: ours have nothing to escape. False: there is none. */
static bool label_of(const series *s, const char *label, char *out, size_t room) {
    char key[32];
    int length = snprintf(key, sizeof key, "%s=\"", label);
    for (const char *at = s->labels; at != NULL && at + length < s->labels + s->labels_size; at++) {
        bool begins = at == s->labels || at[-1] == ',' || at[-1] == ' ';
        if (!begins || strncmp(at, key, (size_t)length) != 0) continue;
        size_t size = strcspn(at + length, "\"");
        if (size >= room) return false;
        memcpy(out, at + length, size);
        out[size] = '\0';
        return true;
    }
    return false;
}

static void add_bucket(load_snapshot *out, const char *bound_text, double value) {
    double bound = strcmp(bound_text, "+Inf") == 0 ? INFINITY : strtod(bound_text, NULL);
    size_t i = 0;
    while (i < out->buckets && out->bounds[i] != bound) i++;
    if (i == LOAD_BUCKETS_MAX) return;
    if (i == out->buckets) out->bounds[out->buckets++] = bound;
    out->cumulative[i] += value;
}

static void take_series(load_snapshot *out, const series *s) {
    char label[64];
    bool other_stage = label_of(s, "stage", label, sizeof label) && strcmp(label, "decode") != 0;
    if (is_named(s, BATCH "_bucket") && !other_stage && label_of(s, "le", label, sizeof label)) {
        add_bucket(out, label, s->value);
    } else if (is_named(s, BATCH "_sum") && !other_stage) {
        out->batch_sum += s->value;
    } else if (is_named(s, BATCH "_count") && !other_stage) {
        out->batch_count += s->value;
        out->has_batch = true;
    } else if (is_named(s, "emotivoice_queue_jobs")) {
        out->queue_jobs += s->value;
        out->has_queue = true;
    } else if (is_named(s, "emotivoice_voice_cache_requests_total")) {
        out->lookups += s->value;
        out->has_cache = true;
        if (label_of(s, "result", label, sizeof label) && strcmp(label, "hit") == 0) out->hits += s->value;
    }
}

void load_snapshot_parse(load_snapshot *out, const char *text) {
    double at_s = out->at_s;
    *out = (load_snapshot){.at_s = at_s};
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        series s;
        if (read_series(&s, text, size)) take_series(out, &s);
        text += size + (text[size] == '\n');
    }
}

load_server load_server_between(const load_snapshot *snapshots, size_t count) {
    load_server server = {.mean_batch = NAN, .hit_share = NAN, .queue_max = NAN};
    if (count < 2) return server;
    const load_snapshot *first = &snapshots[0], *last = &snapshots[count - 1];
    double batches = last->batch_count - first->batch_count, lookups = last->lookups - first->lookups;
    if (last->has_batch && batches > 0) server.mean_batch = (last->batch_sum - first->batch_sum) / batches;
    if (last->has_cache && lookups > 0) server.hit_share = (last->hits - first->hits) / lookups;
    for (size_t i = 0; i < count; i++) {
        if (snapshots[i].has_queue) server.queue_max = fmax(server.queue_max, snapshots[i].queue_jobs);
    }
    return server;
}
