/* writer: a .safetensors file, tensor by tensor. What is in it is declared first; then the data come in that order.
 */
#ifndef EV_WRITER_H
#define EV_WRITER_H

#include <jansson.h>

#include "base/base.h"

typedef struct ev_writer ev_writer;

/* The file appears under its name when all is written; until then, and after a failure, there is none or the old one.
 */
ev_status ev_writer_create(ev_writer **out, const char *path, bool half, ev_error *err);
ev_status ev_writer_declare(ev_writer *w, const char *name, int dims, const int64_t *shape, ev_error *err);
/* After the last is declared. metadata: an object of strings; borrowed. */
ev_status ev_writer_begin(ev_writer *w, const json_t *metadata, ev_error *err);
/* The next tensor's, `count` floats; EV_E_FORMAT: one is beyond what 16 bits hold. */
ev_status ev_writer_floats(ev_writer *w, const float *values, size_t count, ev_error *err);
ev_status ev_writer_finish(ev_writer *w, ev_error *err);
void ev_writer_free(ev_writer **w); /* removes what is unfinished */

#endif
