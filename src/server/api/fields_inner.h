/* fields_inner: what the files that read a request's fields share. The first mistake ends the reading: those behind
 * it are not reported. */
#ifndef SV_API_FIELDS_INNER_H
#define SV_API_FIELDS_INNER_H

#include "server/api/fields.h"

typedef struct sv_field_reader { /* of one request */
    sv_fields *f;
    const json_t *json;
    bool failed;
} sv_field_reader;

/* field.c: one field */
void __attribute__((format(printf, 3, 4)))
sv_field_mistake(sv_field_reader *r, const char *field, const char *format, ...);
/* NULL: not there, or null. */
const json_t *sv_field_of(sv_field_reader *r, const char *field);
const char *sv_field_text(sv_field_reader *r, const char *field);
char *sv_field_copy(sv_field_reader *r, const char *field, size_t most); /* the caller's; NULL: or empty */
double sv_field_number(sv_field_reader *r, const char *field, double fallback, double low, double high);
bool sv_field_flag(sv_field_reader *r, const char *field);

/* fields_voice.c: who speaks and in which manner; f->model is known from here on */
void sv_fields_read_voice(sv_field_reader *r, sv_speech *s);

#endif
