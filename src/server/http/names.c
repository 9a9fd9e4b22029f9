/* names: what clients of other services call a voice or an emotion -> what the model calls it. Names are compared
 * without regard to case. "ava(2)+ray(1)" is a mixture of voices, as Kokoro's clients write it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/http/fields.h"

/* ---- voices ---- */

/* OpenAI's clients must name a voice, and most name theirs; Kokoro's name a country and a sex. Each is one of ours of
 * a like kind, born to the language that its users expect; all speak both. */
static const struct alias {
    const char *theirs, *ours;
} ALIASES[] = {{"alloy", "ava"}, {"ash", "ray"},      {"ballad", "angus"}, {"cedar", "ray"}, {"coral", "ella"},
               {"echo", "ray"},  {"fable", "angus"},  {"marin", "ella"},   {"nova", "ella"}, {"onyx", "angus"},
               {"sage", "ava"},  {"shimmer", "ella"}, {"verse", "ray"}};
static const struct alias KOKORO[] = {{"af_", "ava"},   {"am_", "ray"}, {"bf_", "ella"},
                                      {"bm_", "angus"}, {"zf_", "mei"}, {"zm_", "lin"}};

/* NULL: it is not one of theirs, or the model has no such voice. */
static const char *translate(const sv_catalogue *model, const char *name, size_t length) {
    const char *ours = sv_catalogue_find(model, name, length);
    for (size_t i = 0; i < EV_ARRAY_COUNT(ALIASES) && !ours; i++) {
        if (strlen(ALIASES[i].theirs) == length && strncasecmp(ALIASES[i].theirs, name, length) == 0)
            ours = sv_catalogue_find(model, ALIASES[i].ours, strlen(ALIASES[i].ours));
    }
    for (size_t i = 0; i < EV_ARRAY_COUNT(KOKORO) && !ours; i++) {
        if (length > 3 && strncasecmp(KOKORO[i].theirs, name, 3) == 0)
            ours = sv_catalogue_find(model, KOKORO[i].ours, strlen(KOKORO[i].ours));
    }
    return ours;
}

char *sv_names_voice(const sv_catalogue *model, const char *asked) {
    ev_buf out = {0};
    for (const char *at = asked; *at;) {
        at += strspn(at, " ");
        const size_t part = strcspn(at, "+"), name = strcspn(at, "+( ");
        const char *ours = translate(model, at, name);
        ev_buf_append(&out, ours ? ours : at, ours ? strlen(ours) : name);
        for (size_t i = name; i < part; i++)
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
        const char *label = sv_emotion_label(model, name, length);
        if (!label) {
            ev_buf_free(&out);
            return NULL;
        }
        ev_buf_printf(&out, "%s%s", out.size ? "," : "", label);
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
