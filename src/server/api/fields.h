/* fields: a request's JSON. */
#ifndef SV_API_FIELDS_H
#define SV_API_FIELDS_H

#include "server/http/request.h"
#include "server/voices/catalogue.h"

typedef struct sv_speech_params { /* a request's JSON, checked */
    sv_speech speech;
    ev_format format;
    sv_sound sound;
    bool sse, stream, words;
    char *webhook;
} sv_speech_params;
void sv_speech_params_free(sv_speech_params *params);
typedef struct sv_fields { /* how a body is read, and what is wrong with it */
    const sv_config *config;
    const sv_model_list *models;
    const sv_model *model; /* that is meant: while a body is read */
    double start;          /* deadlines count from here */
    bool native;
    int64_t chars;                 /* of the text; -1: it was not reached */
    char ignored[SV_IGNORED_SIZE]; /* names of fields that mean nothing here, as far as they fit; with commas */
    const char *field;             /* of the first mistake; NULL: the whole body. Static */
    int code;                      /* that it is answered with; 0: 400 */
    char message[300];
} sv_fields;
/* Bytes to params; false: f says why, and params is empty. */
bool sv_fields_parse(sv_fields *f, const void *body, size_t size, sv_speech_params *params);
#define SV_NO_SPEAKER_ENCODER                                                                                        \
    "has no speaker encoder, so it speaks in its own voices alone: name one of them as voice"
/* The request's body. native: /tts's names (text) instead of OpenAI's (input). Or answers and returns false. */
bool sv_fields_read(sv_request *req, sv_speech_params *params, bool native, int *result);

/* The body as an object, the caller's (json_decref); an object read, with OpenAI's names. Or answered. */
json_t *sv_body_object(sv_request *req, int *result);
json_t *sv_body_of_many(sv_request *req, int *result); /* that may hold many more values than one request has */
bool sv_fields_take(sv_request *req, const json_t *body, sv_speech_params *params, int *result);
bool sv_fields_take_job(sv_request *req, const json_t *body, sv_speech_params *params,
                        int *result); /* /tts's names */

/* names.c: the caller's (free). NULL: out of memory; of an emotion, also that it is not known. */
/* In the model's own names, without the name of the model. */
char *sv_names_voice(const sv_model *model, const char *asked);
/* Which of several models speaks: `name` (NULL: not given) and the parts of the voice (NULL: none) before a '/' say
 * it; else the default, unless another alone has the voice. NULL: `name` is none here, or (*mixed) they say different
 * ones. */
const sv_model *sv_names_model(const sv_model_list *models, const char *name, const char *voice, bool *mixed);
char *sv_names_emotion(const sv_catalogue *model, const char *asked);
void sv_names_emotions(const sv_catalogue *model, char *list, size_t size); /* "neutral, calm, ..." */

/* instructions.c: the label of the emotion that the text asks for; NULL: of none. */
const char *sv_instructions_emotion(const sv_catalogue *model, const char *instructions);

#endif
