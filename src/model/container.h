/* container: a .safetensors file, read strictly. A model file is hostile input: every length is checked
 * before it is used, ranges may not overlap or leave gaps, header <= 16 MiB, and what is asked for by name must have
 * the shape that is asked for.
 *
 * Layout (huggingface/safetensors): u64 little-endian header length, JSON {name: {dtype, shape, data_offsets},
 * "__metadata__": {string: string}}, then the raw little-endian row-major tensors.
 */
#ifndef EV_CONTAINER_H
#define EV_CONTAINER_H

#include <jansson.h>

#include "base/base.h"

typedef enum ev_dtype { EV_DTYPE_F32, EV_DTYPE_F16, EV_DTYPE_BF16, EV_DTYPE_I32, EV_DTYPE_U8 } ev_dtype;
enum { EV_TENSOR_DIMS_MAX = 4 };

typedef struct ev_tensor {
    const char *name; /* lives with the container */
    ev_dtype dtype;
    int dims;
    int64_t shape[EV_TENSOR_DIMS_MAX];
    const void *data; /* in the file's copy; aligned to the element only if the file is */
    size_t count;     /* elements */
} ev_tensor;

typedef struct ev_container ev_container;

/* EV_E_IO: cannot be opened; EV_E_FORMAT: anything wrong inside, named. */
ev_status ev_container_open(ev_container **out, const char *path, ev_error *err);
/* The same from memory (borrowed): for fuzzing and tests. */
ev_status ev_container_parse(ev_container **out, const void *bytes, size_t size, ev_error *err);
void ev_container_free(ev_container **c);

const char *ev_container_metadata(const ev_container *c, const char *key);   /* NULL if absent; lives with c */
const ev_tensor *ev_container_find(const ev_container *c, const char *name); /* NULL if absent */
bool ev_container_is_half(const ev_container *c, const char *name);          /* false if absent */
/* The tensor will not be read again: its pages of the file's copy are given back. */
void ev_container_drop(const ev_container *c, const char *name);
size_t ev_container_count(const ev_container *c);
const ev_tensor *ev_container_at(const ev_container *c, size_t index);

/* Copies tensor `name` as float32 to a fresh 64-byte aligned array (caller's, free), converting F16 and BF16.
 * dims/shape: what is required; -1 in shape accepts any size and writes it back. EV_E_FORMAT names the tensor and
 * says what was wanted and found. */
ev_status ev_container_floats(const ev_container *c, const char *name, int dims, int64_t *shape, float **out,
                              ev_error *err);

/* Whether reading JSON failed for want of memory: the parser says so, or fails and finds no fault. *error was zeroed
 * before. */
bool ev_json_no_memory(const json_error_t *error);

#endif
