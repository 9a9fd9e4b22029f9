/* checkpoint: a file of torch.save: a zip archive with a pickle of a dict, and the tensors' data stored beside it. */
#ifndef EV_CHECKPOINT_H
#define EV_CHECKPOINT_H

#include "import/pickle.h"

typedef struct ev_checkpoint ev_checkpoint;

/* The tensors of the table that lies under `key` ("generator"), "prefix" cut from their names where it stands.
 * Entries that are no tensors are passed over. EV_E_IO, EV_E_FORMAT, EV_E_LIMIT, EV_E_MEMORY. */
ev_status ev_checkpoint_open(ev_checkpoint **out, const char *path, const char *key, const char *prefix,
                             ev_error *err);
/* The same from memory (borrowed): for fuzzing and tests. */
ev_status ev_checkpoint_parse(ev_checkpoint **out, const void *bytes, size_t size, const char *key,
                              const char *prefix, ev_error *err);
void ev_checkpoint_free(ev_checkpoint **c);

size_t ev_checkpoint_count(const ev_checkpoint *c);
const char *ev_checkpoint_name(const ev_checkpoint *c, size_t i);
const ev_pickle_tensor *ev_checkpoint_tensor(const ev_checkpoint *c, size_t i);
/* Index of a name, or SIZE_MAX. */
size_t ev_checkpoint_find(const ev_checkpoint *c, const char *name);
/* The i-th as float32, row by row whatever its strides; *out is the caller's (free). All are finite, or EV_E_FORMAT.
 */
ev_status ev_checkpoint_floats(const ev_checkpoint *c, size_t i, float **out, ev_error *err);

#endif
