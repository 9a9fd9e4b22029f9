/* pickle: the part of Python's pickle format that torch.save writes for tables of tensors, read strictly. It comes
 * from anywhere: nothing is called or imported, names of functions are compared with the few that are known, and all
 * else is an error that names it.
 */
#ifndef EV_PICKLE_H
#define EV_PICKLE_H

#include "base/base.h"

typedef enum ev_pickle_kind {
    EV_PICKLE_NONE,
    EV_PICKLE_BOOL,
    EV_PICKLE_INT,
    EV_PICKLE_FLOAT,
    EV_PICKLE_STRING,
    EV_PICKLE_TUPLE, /* lists too */
    EV_PICKLE_DICT,
    EV_PICKLE_STORAGE, /* items of a file of the archive */
    EV_PICKLE_TENSOR,
    EV_PICKLE_GLOBAL /* one of the known names */
} ev_pickle_kind;

typedef enum ev_storage {
    EV_STORAGE_F32,
    EV_STORAGE_F16,
    EV_STORAGE_BF16,
    EV_STORAGE_F64,
    EV_STORAGE_OTHER
} ev_storage;
enum { EV_PICKLE_DIMS_MAX = 4 };

typedef struct ev_pickle_tensor {
    ev_storage type;
    const char *key; /* of the file that holds it; not terminated */
    size_t key_bytes;
    int64_t items;  /* that the storage has */
    int64_t offset; /* of the first, in items */
    int dims;
    int64_t shape[EV_PICKLE_DIMS_MAX], stride[EV_PICKLE_DIMS_MAX]; /* every item it names lies in the storage */
} ev_pickle_tensor;

typedef struct ev_pickle ev_pickle; /* what was read; strings point into the bytes */

/* bytes are borrowed and must outlive it. EV_E_FORMAT, EV_E_LIMIT (more than a checkpoint has), EV_E_MEMORY. */
ev_status ev_pickle_read(ev_pickle **out, const void *bytes, size_t size, ev_error *err);
void ev_pickle_free(ev_pickle **p);

/* Values are numbers; the whole is ev_pickle_root. */
typedef uint32_t ev_pickle_value;
ev_pickle_value ev_pickle_root(const ev_pickle *p);
ev_pickle_kind ev_pickle_kind_of(const ev_pickle *p, ev_pickle_value v);
/* Of a dict, in the order of the file: how many entries, and the i-th's key and value. */
size_t ev_pickle_count(const ev_pickle *p, ev_pickle_value dict);
void ev_pickle_entry(const ev_pickle *p, ev_pickle_value dict, size_t i, ev_pickle_value *key,
                     ev_pickle_value *value);
const char *ev_pickle_string(const ev_pickle *p, ev_pickle_value v, size_t *bytes); /* NULL if it is none */
const ev_pickle_tensor *ev_pickle_tensor_of(const ev_pickle *p, ev_pickle_value v); /* likewise */

#endif
