/* catalogue: see catalogue.h. A voice's JSON is made once, so that a list of thousands is a few copies. */
#include "server/voices/catalogue.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include "base/near.h"

typedef struct entry { /* texts are owned */
    char *name, *language, *sex, *note;
    char *folded, *about; /* what a search looks through, folded: the name, and what is known of it */
    char *json;
    size_t json_bytes;
} entry;

struct sv_catalogue {
    entry *voices; /* [count] */
    size_t count;
    const entry **by_name; /* [count], sorted without regard to case */
    char **emotions;       /* [emotion_count] */
    size_t emotion_count;
    int32_t rate;
    bool takes_prompts, clones;
};

/* Case and width folded, composed; NULL: out of memory. What is no UTF-8 stays as it is. */
static char *fold(const char *text) {
    utf8proc_uint8_t *folded = NULL;
    const utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
                     UTF8PROC_NULLTERM | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    return n >= 0 ? (char *)folded : n == UTF8PROC_ERROR_NOMEM ? NULL : strdup(text);
}

static bool fill(entry *e, const ev_model *model, const char *model_name, size_t i) {
    const char *note = ev_model_voice_note(model, i);
    ev_buf about = {0};
    e->name = strdup(ev_model_voice_name(model, i));
    e->language = strdup(ev_model_voice_language(model, i));
    e->sex = strdup(ev_model_voice_sex(model, i));
    e->note = strdup(note);
    if (!e->name || !e->language || !e->sex || !e->note) return false;
    ev_buf_printf(&about, "%s %s %s", e->sex, e->language, note);
    e->folded = fold(e->name);
    e->about = about.failed ? NULL : fold((const char *)about.data);
    ev_buf_free(&about);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", e->name, "category", "premade",
                             "object", "voice", "kind", "named", "model", model_name, "language", e->language, "sex",
                             e->sex, "note", note);
    e->json = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    e->json_bytes = e->json ? strlen(e->json) : 0;
    return e->folded && e->about && e->json;
}

static int by_name(const void *a, const void *b) {
    const entry *const *x = a, *const *y = b;
    const int order = strcasecmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y); /* of two that differ in case alone, the model's first */
}

static bool fill_all(sv_catalogue *c, const ev_model *model, const char *name) {
    c->voices = calloc(c->count, sizeof *c->voices);
    c->by_name = calloc(c->count, sizeof(entry *));
    c->emotions = calloc(c->emotion_count, sizeof(char *));
    if (!c->voices || !c->by_name || !c->emotions) return false;
    for (size_t i = 0; i < c->count; i++) {
        if (!fill(&c->voices[i], model, name, i)) return false;
        c->by_name[i] = &c->voices[i];
    }
    qsort(c->by_name, c->count, sizeof(entry *), by_name);
    for (size_t i = 0; i < c->emotion_count; i++) {
        if (!(c->emotions[i] = strdup(ev_model_emotion_name(model, i)))) return false;
    }
    return true;
}

ev_status sv_catalogue_create(sv_catalogue **out, const ev_model *model, const char *name, ev_error *err) {
    sv_catalogue *c = *out = calloc(1, sizeof *c);
    if (c) {
        c->count = ev_model_voice_count(model);
        c->emotion_count = ev_model_emotion_count(model);
        c->rate = ev_model_sample_rate(model);
        c->takes_prompts = ev_model_takes_prompts(model) != 0;
        c->clones = ev_model_clones(model) != 0;
        if (fill_all(c, model, name)) return EV_OK;
    }
    sv_catalogue_free(out);
    return ev_fail(err, EV_E_MEMORY, "out of memory for the list of voices");
}

void sv_catalogue_free(sv_catalogue **catalogue) {
    sv_catalogue *c = *catalogue;
    *catalogue = NULL;
    if (!c) return;
    for (size_t i = 0; c->voices && i < c->count; i++) {
        free(c->voices[i].name);
        free(c->voices[i].language);
        free(c->voices[i].sex);
        free(c->voices[i].note);
        free(c->voices[i].folded);
        free(c->voices[i].about);
        free(c->voices[i].json);
    }
    for (size_t i = 0; c->emotions && i < c->emotion_count; i++) free(c->emotions[i]);
    free(c->voices);
    free(c->by_name);
    free(c->emotions);
    free(c);
}

size_t sv_catalogue_count(const sv_catalogue *c) { return c->count; }
const char *sv_catalogue_voice(const sv_catalogue *c, size_t index) {
    assert(index < c->count);
    return c->voices[index].name;
}
const char *sv_catalogue_note(const sv_catalogue *c, size_t index) {
    assert(index < c->count);
    return c->voices[index].note;
}
size_t sv_catalogue_emotion_count(const sv_catalogue *c) { return c->emotion_count; }
const char *sv_catalogue_emotion(const sv_catalogue *c, size_t index) {
    assert(index < c->emotion_count);
    return c->emotions[index];
}
int32_t sv_catalogue_rate(const sv_catalogue *c) { return c->rate; }
bool sv_catalogue_takes_prompts(const sv_catalogue *c) { return c->takes_prompts; }
bool sv_catalogue_clones(const sv_catalogue *c) { return c->clones; }

const char *sv_catalogue_find(const sv_catalogue *c, const char *name, size_t length) {
    size_t low = 0, high = c->count;
    while (low < high) { /* the first that is not before it */
        const size_t middle = low + (high - low) / 2;
        const char *one = c->by_name[middle]->name;
        const int order = strncasecmp(one, name, length);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->count && strncasecmp(c->by_name[low]->name, name, length) == 0; low++)
        if (strlen(c->by_name[low]->name) == length) return c->by_name[low]->name;
    return NULL;
}

static bool is_inside(const char *text, const char *at) {
    return at > text && isalnum((unsigned char)*at) && isalnum((unsigned char)at[-1]);
}

ev_status sv_catalogue_check(const sv_catalogue *c, const char *name, ev_error *err) {
    const size_t length = strlen(name);
    const char *same = sv_catalogue_find(c, name, length), *nearest = NULL;
    size_t least = length / 2 + 1;
    if (same && strcmp(same, name) == 0) return EV_OK;
    for (size_t i = 0; i < c->count; i++) {
        const char *one = c->voices[i].name;
        const size_t distance = ev_edit_distance(name, length, one, strlen(one));
        if (distance >= least) continue;
        least = distance;
        nearest = one;
    }
    if (nearest) return ev_fail(err, EV_E_NOT_FOUND, "no voice \"%.40s\"; did you mean \"%s\"?", name, nearest);
    return ev_fail(err, EV_E_NOT_FOUND, "no voice \"%.40s\"; /v1/voices lists those there are", name);
}

/* A word begins so: "male" is not in "female". Chinese words have no ends. */
static bool has_word(const char *text, const char *word) {
    const char *at = strstr(text, word);
    while (at && is_inside(text, at)) at = strstr(at + 1, word);
    return at != NULL;
}

/* Each word of the text is a part of the name, or the beginning of a word that is known of it. */
static bool has_words(const entry *e, const char *text) {
    char *folded = fold(text), *rest = folded, *word;
    bool all = folded != NULL;
    while (all && (word = strsep(&rest, " ")) != NULL) all = strstr(e->folded, word) || has_word(e->about, word);
    free(folded);
    return all;
}

bool sv_catalogue_matches(const sv_catalogue *c, size_t index, const sv_voice_query *q) {
    assert(index < c->count);
    const entry *e = &c->voices[index];
    return (!q->language[0] || strcmp(e->language, q->language) == 0) &&
           (!q->sex[0] || strcmp(e->sex, q->sex) == 0) && (!q->text || has_words(e, q->text));
}

void sv_catalogue_write(const sv_catalogue *c, size_t index, const char *id, ev_buf *out) {
    assert(index < c->count);
    const entry *e = &c->voices[index];
    if (!id) id = e->name;
    ev_buf_append(out, "{\"id\":", 6);
    ev_buf_json_string(out, id, strlen(id));
    ev_buf_append(out, ",\"voice_id\":", 12);
    ev_buf_json_string(out, id, strlen(id));
    ev_buf_append(out, ",", 1);
    ev_buf_append(out, e->json + 1, e->json_bytes - 1); /* without its brace */
}
