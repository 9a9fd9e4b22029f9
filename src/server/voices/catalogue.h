/* catalogue: what a model says of itself, as lists and searches need it: its voices, emotions, rate, and what it can
 * do. Made once when a model is opened; it does not change and does not need the model, whose weights may be gone.
 */
#ifndef SV_CATALOGUE_H
#define SV_CATALOGUE_H

#include "base/base.h"

typedef struct sv_catalogue sv_catalogue;
/* name: of the model, as voices tell it. */
ev_status sv_catalogue_create(sv_catalogue **out, const ev_model *model, const char *name, ev_error *err);
void sv_catalogue_free(sv_catalogue **catalogue);

size_t sv_catalogue_count(const sv_catalogue *catalogue); /* of voices */
const char *sv_catalogue_voice(const sv_catalogue *catalogue, size_t index);
const char *sv_catalogue_note(const sv_catalogue *catalogue, size_t index);
/* The voice of that name in the model's own spelling; compared without regard to case. NULL: none. */
const char *sv_catalogue_find(const sv_catalogue *catalogue, const char *name, size_t length);
/* EV_E_NOT_FOUND where there is no voice of exactly that name; the message has a near one. */
ev_status sv_catalogue_check(const sv_catalogue *catalogue, const char *name, ev_error *err);
size_t sv_catalogue_emotion_count(const sv_catalogue *catalogue);
const char *sv_catalogue_emotion(const sv_catalogue *catalogue, size_t index);
int32_t sv_catalogue_rate(const sv_catalogue *catalogue); /* Hz of its speech */
bool sv_catalogue_takes_prompts(const sv_catalogue *catalogue);
bool sv_catalogue_clones(const sv_catalogue *catalogue);

/* What is wanted of a voice; empty texts and NULL: anything. */
typedef struct sv_voice_query {
    char language[4]; /* "en", "zh" */
    char sex[8];      /* "female", "male" */
    const char *text; /* each is a part of its name, or begins a word of its note, sex or language; in any case */
} sv_voice_query;
bool sv_catalogue_matches(const sv_catalogue *catalogue, size_t index, const sv_voice_query *query);
/* The voice as a JSON object, as it stands in a list. id: what requests call it; NULL: its name. */
void sv_catalogue_write(const sv_catalogue *catalogue, size_t index, const char *id, ev_buf *out);

#endif
