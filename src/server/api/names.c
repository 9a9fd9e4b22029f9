/* names: what clients of other services call a voice or an emotion -> what the model calls it. Names are compared
 * without regard to case. "ava(2)+ray(1)" is a mixture of voices, as Kokoro's clients write it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/emotion_names.h"
#include "base/voice_names.h"
#include "server/api/fields.h"

/* ---- voices ---- */

/* NULL: it is not one of theirs, or the model has no such voice. */
static const char *translate(const sv_catalogue *model, const char *name, size_t length) {
    const char *ours = sv_catalogue_find(model, name, length), *alias = ours ? NULL : ev_voice_alias(name, length);
    return alias ? sv_catalogue_find(model, alias, strlen(alias)) : ours;
}

/* ---- models ---- */

/* What clients call a model without knowing ours: OpenAI's, and those of the services whose clients come here. */
static bool is_anybodys(const char *name) {
    static const char *const names[] = {"emotivoice", "emoti-voice", "default", "kokoro", "tts-1", "tts-1-hd"},
                             *const beginnings[] = {"gpt-", "tts-1-", "eleven_", "gpt4o"};
    bool known = !*name;
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++) known |= strcasecmp(names[i], name) == 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(beginnings); i++)
        known |= strncasecmp(beginnings[i], name, strlen(beginnings[i])) == 0;
    return known;
}

/* The bytes of one part of "published/8051(2)+..." that are a voice's name; *model is the one named before a '/', or
 * NULL. */
static const char *part_name(const sv_model_list *models, const char *at, size_t *length, const sv_model **model) {
    *length = strcspn(at, "+( ");
    const char *slash = memchr(at, '/', *length);
    *model = slash && models ? sv_model_find(models, at, (size_t)(slash - at)) : NULL;
    if (!*model) return at;
    *length -= (size_t)(slash + 1 - at);
    return slash + 1;
}

/* Whether it has every part; uploaded voices are of the one that keeps them. */
static bool has_voice(const sv_model *m, const sv_model_list *models, const char *voice) {
    const sv_model *named;
    size_t length;
    for (const char *at = voice + strspn(voice, " +"); *at; at += strcspn(at, "+"), at += strspn(at, " +")) {
        const char *name = part_name(models, at, &length, &named);
        const bool uploaded = m->keeps_uploads && length > 6 && strncmp(name, "voice_", 6) == 0;
        if (!uploaded && !translate(m->catalogue, name, length)) return false;
    }
    return true;
}

/* NULL: none. *mixed: two. */
static const sv_model *prefixed(const sv_model_list *models, const char *voice, bool *mixed) {
    const sv_model *found = NULL, *named;
    size_t length;
    for (const char *at = voice + strspn(voice, " +"); *at; at += strcspn(at, "+"), at += strspn(at, " +")) {
        part_name(models, at, &length, &named);
        *mixed |= found && named && found != named;
        if (named) found = named;
    }
    return found;
}

const sv_model *sv_names_model(const sv_model_list *models, const char *name, const char *voice, bool *mixed) {
    *mixed = false;
    const sv_model *asked = name ? sv_model_find(models, name, strlen(name)) : NULL;
    const sv_model *meant = voice ? prefixed(models, voice, mixed) : NULL;
    if (name && !asked && models->count > 1 && !is_anybodys(name)) return NULL;
    *mixed |= asked && meant && asked != meant;
    if (*mixed) return NULL;
    if (asked || meant) return asked ? asked : meant;
    for (size_t i = 0; voice && i < models->count; i++)
        if (has_voice(models->items[i], models, voice)) return models->items[i];
    return models->items[0];
}

char *sv_names_voice(const sv_model *model, const char *asked) {
    ev_buf out = {0};
    for (const char *at = asked; *at;) {
        at += strspn(at, " ");
        const size_t part = strcspn(at, "+"), all = strcspn(at, "+( "), own = strlen(model->name);
        const bool names_model = all > own && at[own] == '/' && strncasecmp(at, model->name, own) == 0;
        const char *name = names_model ? at + own + 1 : at;
        const size_t length = all - (size_t)(name - at);
        const char *ours = translate(model->catalogue, name, length);
        ev_buf_append(&out, ours ? ours : name, ours ? strlen(ours) : length);
        for (size_t i = all; i < part; i++)
            if (at[i] != ' ') ev_buf_append(&out, at + i, 1);
        at += part;
        if (*at) ev_buf_append(&out, at++, 1);
    }
    if (!out.failed) ev_buf_append(&out, "", 0); /* the NUL also of an empty name */
    if (out.failed) ev_buf_free(&out);
    return (char *)out.data;
}

/* ---- emotions ---- */

/* Blanks around it do not count, nor does the ending of a Chinese adjective. */
static void strip(const char **name, size_t *length) {
    while (*length && isspace((unsigned char)**name)) ++*name, --*length;
    while (*length && isspace((unsigned char)(*name)[*length - 1])) --*length;
    if (*length > 3 && (memcmp(*name + *length - 3, "的", 3) == 0 || memcmp(*name + *length - 3, "地", 3) == 0))
        *length -= 3;
}

static size_t end_of(const char *text, const char *ascii, const char *chinese) {
    const char *a = strstr(text, ascii), *c = strstr(text, chinese), *end = text + strlen(text);
    if (a && a < end) end = a;
    if (c && c < end) end = c;
    return (size_t)(end - text);
}

static const char *label_of(const void *model, size_t index) { return sv_catalogue_emotion(model, index); }

static size_t mark_size(const char *at) { return (*at & 0x80) ? 3 : *at ? 1 : 0; }

char *sv_names_emotion(const sv_catalogue *model, const char *asked) {
    ev_buf out = {0};
    for (const char *at = asked; *at;) {
        const size_t part = end_of(at, ",", "，");
        size_t length = end_of(at, ":", "：");
        const char *name = at, *weight;
        if (length > part) length = part;
        weight = at + length + (length < part ? mark_size(at + length) : 0);
        strip(&name, &length);
        const int index = ev_emotion_find(name, length, sv_catalogue_emotion_count(model), label_of, model);
        if (index < 0) {
            ev_buf_free(&out);
            return NULL;
        }
        ev_buf_printf(&out, "%s%s", out.size ? "," : "", sv_catalogue_emotion(model, (size_t)index));
        if (weight < at + part) ev_buf_printf(&out, ":%.*s", (int)(at + part - weight), weight + strspn(weight, " "));
        at += part;
        at += mark_size(at);
    }
    if (out.failed) ev_buf_free(&out);
    return (char *)out.data;
}

void sv_names_emotions(const sv_catalogue *model, char *list, size_t size) {
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < sv_catalogue_emotion_count(model) && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "", sv_catalogue_emotion(model, i));
}
