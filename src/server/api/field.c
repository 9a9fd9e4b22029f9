/* field: one field of a request's JSON, checked. */
#include <stdlib.h>
#include <string.h>

#include "server/api/fields_inner.h"

void sv_field_mistake(sv_field_reader *r, const char *field, const char *format, ...) {
    va_list arguments;
    if (r->failed) return;
    va_start(arguments, format);
    vsnprintf(r->f->message, sizeof r->f->message, format, arguments);
    va_end(arguments);
    r->failed = true;
    r->f->field = field;
}

const json_t *sv_field_of(sv_field_reader *r, const char *field) {
    const json_t *value = json_object_get(r->json, field);
    return value && !json_is_null(value) ? value : NULL;
}

const char *sv_field_text(sv_field_reader *r, const char *field) {
    const json_t *value = sv_field_of(r, field);
    if (value && !json_is_string(value)) sv_field_mistake(r, field, "%s must be a string", field);
    return value && json_is_string(value) ? json_string_value(value) : NULL;
}

char *sv_field_copy(sv_field_reader *r, const char *field, size_t most) {
    const char *text = sv_field_text(r, field);
    if (!text || !*text) return NULL;
    if (strlen(text) > most) {
        sv_field_mistake(r, field, "%s is too long: give at most %zu bytes", field, most);
        return NULL;
    }
    char *copy = strdup(text);
    if (!copy) sv_field_mistake(r, field, "out of memory");
    return copy;
}

double sv_field_number(sv_field_reader *r, const char *field, double fallback, double low, double high) {
    const json_t *value = sv_field_of(r, field);
    if (!value) return fallback;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= low && number <= high)) {
        sv_field_mistake(r, field, "%s must be a number from %.16g to %.16g", field, low, high);
        return fallback;
    }
    return number;
}

bool sv_field_flag(sv_field_reader *r, const char *field) {
    const json_t *value = sv_field_of(r, field);
    if (value && !json_is_boolean(value)) sv_field_mistake(r, field, "%s must be true or false", field);
    return json_is_true(value);
}
