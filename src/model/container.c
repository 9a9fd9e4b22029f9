/* container: the strict reader of .safetensors files. A model file comes from anywhere, so nothing in it is believed:
 * the JSON header is parsed with duplicates refused, each tensor's bytes must be exactly what its shape and type
 * need, and all tensors together must cover the data without overlap or gap. After that, `data` pointers are safe to
 * read.
 *
 * The file is copied, not mapped: one that is replaced or cut short in place, while it is read, is a damaged file and
 * no end of the process. The copy lives until the weights are packed. */
#include "model/container.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are little-endian and read in place");

enum { HEADER_MAX = 16 << 20, TENSORS_MAX = 10000, NAME_MAX_BYTES = 256 };

struct ev_container {
    const unsigned char *bytes;
    size_t size;
    bool owned;         /* munmap at the end; else the bytes are the caller's */
    json_t *header;     /* owned; keeps names and metadata alive */
    ev_tensor *tensors; /* [count] owned, sorted by name */
    size_t count;
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [EV_DTYPE_F32] = {"F32", 4}, [EV_DTYPE_F16] = {"F16", 2}, [EV_DTYPE_BF16] = {"BF16", 2},
    [EV_DTYPE_I32] = {"I32", 4}, [EV_DTYPE_U8] = {"U8", 1},
};

/* Names are cut in messages, so that a long one does not push the fault out of the line. */
#define TENSOR_FAULT "tensor '%.64s': "

/* ---- one tensor ---- */

static ev_status parse_dtype(ev_tensor *t, const json_t *entry, ev_error *err) {
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    if (!text) return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "dtype is missing or no string", t->name);
    for (size_t i = 0; i < EV_ARRAY_COUNT(dtypes); i++) {
        if (strcmp(text, dtypes[i].name) != 0) continue;
        t->dtype = (ev_dtype)i;
        return EV_OK;
    }
    return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "dtype '%.32s' is none of F32, F16, BF16, I32, U8", t->name, text);
}

static ev_status parse_shape(ev_tensor *t, const json_t *entry, ev_error *err) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "shape is missing or no list", t->name);
    size_t dims = json_array_size(shape);
    if (dims > EV_TENSOR_DIMS_MAX)
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "%zu dimensions, more than %d", t->name, dims,
                       EV_TENSOR_DIMS_MAX);
    t->dims = (int)dims;
    t->count = 1;
    for (size_t i = 0; i < dims; i++) {
        const json_t *item = json_array_get(shape, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "dimension %zu is no whole number >= 0", t->name, i);
        t->shape[i] = json_integer_value(item);
        if (__builtin_mul_overflow(t->count, (size_t)t->shape[i], &t->count))
            return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "shape is too large", t->name);
    }
    return EV_OK;
}

static ev_status parse_offsets(ev_tensor *t, const json_t *entry, const unsigned char *data, size_t data_size,
                               ev_error *err) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "data_offsets is missing or not two whole numbers", t->name);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > data_size)
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "bytes %lld to %lld lie outside the %zu bytes of data", t->name,
                       (long long)begin, (long long)end, data_size);
    size_t need, have = (size_t)(end - begin);
    if (__builtin_mul_overflow(t->count, dtypes[t->dtype].bytes, &need) || need != have)
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "%zu bytes of data do not fit %zu elements of %s", t->name,
                       have, t->count, dtypes[t->dtype].name);
    t->data = data + begin;
    return EV_OK;
}

static ev_status parse_tensor(ev_tensor *t, const char *name, const json_t *entry, const unsigned char *data,
                              size_t data_size, ev_error *err) {
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES)
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "name of %zu bytes, allowed are 1 to %d", name, length,
                       NAME_MAX_BYTES);
    t->name = name;
    if (!json_is_object(entry)) return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "entry is no object", name);
    ev_status status = parse_dtype(t, entry, err);
    if (!status) status = parse_shape(t, entry, err);
    if (!status) status = parse_offsets(t, entry, data, data_size, err);
    return status;
}

/* ---- the whole file ---- */

static int by_place(const void *a, const void *b) {
    const ev_tensor *x = a, *y = b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->count > 0) - (y->count > 0); /* an empty tensor stands before the full one at the same place */
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const ev_tensor *)a)->name, ((const ev_tensor *)b)->name);
}

/* Laid in order of place, each tensor must begin where the one before ended, and the last end with the file. */
static ev_status check_coverage(ev_container *c, const unsigned char *data, ev_error *err) {
    qsort(c->tensors, c->count, sizeof(*c->tensors), by_place);
    const unsigned char *at = data;
    for (size_t i = 0; i < c->count; i++) {
        const ev_tensor *t = &c->tensors[i];
        if ((const unsigned char *)t->data != at)
            return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "%s", t->name,
                           (const unsigned char *)t->data < at ? "its data overlap another tensor's"
                                                               : "unused bytes before its data");
        at += t->count * dtypes[t->dtype].bytes;
    }
    assert(at <= c->bytes + c->size); /* each lies in the file, and they follow each other */
    size_t spare = (size_t)(c->bytes + c->size - at);
    if (spare) return ev_fail(err, EV_E_FORMAT, "%zu bytes at the end belong to no tensor", spare);
    return EV_OK;
}

static ev_status check_metadata(const json_t *metadata, ev_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) return ev_fail(err, EV_E_FORMAT, "__metadata__ is no object");
    json_object_foreach((json_t *)metadata, key, value) {
        if (!json_is_string(value)) return ev_fail(err, EV_E_FORMAT, "__metadata__ '%.64s' is no string", key);
    }
    return EV_OK;
}

static ev_status parse_entries(ev_container *c, const unsigned char *data, ev_error *err) {
    size_t entries = json_object_size(c->header), data_size = (size_t)(c->bytes + c->size - data);
    if (entries > TENSORS_MAX + 1)
        return ev_fail(err, EV_E_FORMAT, "%zu tensors, more than %d", entries, TENSORS_MAX);
    c->tensors = calloc(entries ? entries : 1, sizeof(*c->tensors));
    if (!c->tensors) return ev_fail(err, EV_E_MEMORY, "out of memory: table of %zu tensors", entries);
    const char *name;
    json_t *entry;
    json_object_foreach(c->header, name, entry) {
        ev_status status = strcmp(name, "__metadata__") == 0
                               ? check_metadata(entry, err)
                               : parse_tensor(&c->tensors[c->count++], name, entry, data, data_size, err);
        if (status) return status;
    }
    ev_status status = check_coverage(c, data, err);
    qsort(c->tensors, c->count, sizeof(*c->tensors), by_name);
    return status;
}

/* Room for the tree of a JSON text of n bytes. jansson asserts where memory ends in the middle of a string. */
static bool json_has_room(size_t n) {
    void *volatile room = malloc(16 * n + 65536); /* volatile: a block that nobody uses need not be there */
    free(room);
    return room != NULL;
}

bool ev_json_no_memory(const json_error_t *error) {
    return !*error->text || json_error_code(error) == json_error_out_of_memory;
}

static ev_status parse(ev_container *c, ev_error *err) {
    if (c->size < 8) return ev_fail(err, EV_E_FORMAT, "%zu bytes are too few for a model file", c->size);
    uint64_t header_size;
    memcpy(&header_size, c->bytes, 8);
    if (header_size > HEADER_MAX)
        return ev_fail(err, EV_E_FORMAT, "not a safetensors file, or damaged: its header would be %llu bytes",
                       (unsigned long long)header_size);
    if (header_size > c->size - 8)
        return ev_fail(err, EV_E_FORMAT, "cut short: its header is %llu bytes, %zu are left",
                       (unsigned long long)header_size, c->size - 8);
    const unsigned char *text = c->bytes + 8;
    if (header_size == 0 || text[0] != '{') return ev_fail(err, EV_E_FORMAT, "header is no JSON object");
    if (!json_has_room((size_t)header_size)) return ev_fail(err, EV_E_MEMORY, "out of memory for the header");
    json_error_t where = {0};
    c->header = json_loadb((const char *)text, (size_t)header_size, JSON_REJECT_DUPLICATES, &where);
    if (!c->header && ev_json_no_memory(&where)) return ev_fail(err, EV_E_MEMORY, "out of memory for the header");
    if (!c->header)
        return ev_fail(err, EV_E_FORMAT, "header is no valid JSON: %s at byte %d", where.text, where.position);
    return parse_entries(c, text + header_size, err);
}

ev_status ev_container_parse(ev_container **out, const void *bytes, size_t size, ev_error *err) {
    ev_container *c = calloc(1, sizeof(*c));
    if (!c) return ev_fail(err, EV_E_MEMORY, "out of memory: container");
    c->bytes = bytes;
    c->size = size;
    ev_status status = parse(c, err);
    if (status)
        ev_container_free(&c);
    else
        *out = c;
    return status;
}

/* Reads a file whole. EV_E_IO and *bytes NULL on failure. */
static ev_status read_file(const char *path, void **bytes, size_t *size, ev_error *err) {
    *bytes = NULL;
    *size = 0;
    struct stat info;
    const int fd = ev_file_open(AT_FDCWD, path, 0, &info);
    if (fd < 0 && errno == EINVAL) return ev_fail(err, EV_E_IO, "model file '%.160s' is not a regular file", path);
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot open model file '%.160s': %m", path);
    ev_status status = EV_OK;
    if (info.st_size < 8)
        status =
            ev_fail(err, EV_E_FORMAT, "model file '%.160s': %lld bytes are too few", path, (long long)info.st_size);
    if (!status) {
        *bytes = ev_file_copy(fd, (size_t)info.st_size);
        if (*bytes)
            *size = (size_t)info.st_size;
        else
            status =
                ev_fail(err, errno == ENOMEM ? EV_E_MEMORY : EV_E_IO, "cannot read model file '%.160s': %m", path);
    }
    close(fd);
    return status;
}

ev_status ev_container_open(ev_container **out, const char *path, ev_error *err) {
    void *bytes;
    size_t size;
    ev_status status = read_file(path, &bytes, &size, err);
    if (status) return status;
    ev_error inner = {0};
    status = ev_container_parse(out, bytes, size, &inner);
    if (status) {
        munmap(bytes, size);
        return ev_fail(err, status, "model file '%.100s': %s", path, inner.message);
    }
    (*out)->owned = true;
    return EV_OK;
}

void ev_container_free(ev_container **container) {
    ev_container *c = *container;
    if (!c) return;
    if (c->owned) munmap((void *)c->bytes, c->size);
    json_decref(c->header);
    free(c->tensors);
    free(c);
    *container = NULL;
}

/* ---- looking things up ---- */

const char *ev_container_metadata(const ev_container *c, const char *key) {
    return json_string_value(json_object_get(json_object_get(c->header, "__metadata__"), key));
}

const ev_tensor *ev_container_find(const ev_container *c, const char *name) {
    ev_tensor key = {.name = name};
    return bsearch(&key, c->tensors, c->count, sizeof(key), by_name);
}

bool ev_container_is_half(const ev_container *c, const char *name) {
    const ev_tensor *t = ev_container_find(c, name);
    return t && t->dtype == EV_DTYPE_F16;
}

void ev_container_drop(const ev_container *c, const char *name) {
    const ev_tensor *t = ev_container_find(c, name);
    if (!t || !c->owned) return;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), begin = (size_t)((const unsigned char *)t->data - c->bytes);
    const size_t first = (begin + page - 1) / page * page,
                 end = (begin + t->count * dtypes[t->dtype].bytes) / page * page;
    assert(begin <= c->size && end <= c->size);
    if (end > first) madvise((void *)(c->bytes + first), end - first, MADV_DONTNEED);
}

size_t ev_container_count(const ev_container *c) { return c->count; }

const ev_tensor *ev_container_at(const ev_container *c, size_t index) {
    return index < c->count ? &c->tensors[index] : NULL;
}

/* ---- to floats ---- */

/* memcpy for each element, since the file need not be aligned. */
static void convert(float *out, const ev_tensor *t) {
    assert(t->dtype == EV_DTYPE_F32 || t->dtype == EV_DTYPE_F16 || t->dtype == EV_DTYPE_BF16);
    const unsigned char *in = t->data;
    if (t->dtype == EV_DTYPE_F32) {
        memcpy(out, in, t->count * sizeof(float));
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        uint16_t bits;
        memcpy(&bits, in + 2 * i, 2);
        out[i] = t->dtype == EV_DTYPE_F16 ? ev_float_of_half(bits) : ev_float_of_bits((uint32_t)bits << 16);
    }
}

/* "[512, *, 7]" */
static void print_shape(char *text, size_t capacity, int dims, const int64_t *shape) {
    assert(capacity > 0 && dims >= 0 && dims <= EV_TENSOR_DIMS_MAX);
    ev_buf b = {0};
    ev_buf_printf(&b, "[");
    for (int i = 0; i < dims; i++) {
        if (i > 0) ev_buf_printf(&b, ", ");
        if (shape[i] < 0)
            ev_buf_printf(&b, "*");
        else
            ev_buf_printf(&b, "%lld", (long long)shape[i]);
    }
    ev_buf_printf(&b, "]");
    size_t n = b.size < capacity ? b.size : capacity - 1;
    if (n) memcpy(text, b.data, n);
    text[n] = '\0';
    ev_buf_free(&b);
}

static bool shape_fits(const ev_tensor *t, int dims, const int64_t *shape) {
    if (t->dims != dims) return false;
    for (int i = 0; i < dims; i++)
        if (shape[i] >= 0 && shape[i] != t->shape[i]) return false;
    return true;
}

ev_status ev_container_floats(const ev_container *c, const char *name, int dims, int64_t *shape, float **out,
                              ev_error *err) {
    assert(dims >= 0 && dims <= EV_TENSOR_DIMS_MAX);
    const ev_tensor *t = ev_container_find(c, name);
    char wanted[96], found[96];
    print_shape(wanted, sizeof(wanted), dims, shape);
    if (!t) return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "missing; wanted floats %s", name, wanted);
    print_shape(found, sizeof(found), t->dims, t->shape);
    if (!shape_fits(t, dims, shape))
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "wanted shape %s, found %s", name, wanted, found);
    if (t->dtype != EV_DTYPE_F32 && t->dtype != EV_DTYPE_F16 && t->dtype != EV_DTYPE_BF16)
        return ev_fail(err, EV_E_FORMAT, TENSOR_FAULT "wanted floats, found %s", name, dtypes[t->dtype].name);
    float *values = t->count <= SIZE_MAX / sizeof(float) ? ev_aligned_alloc(t->count * sizeof(float)) : NULL;
    if (!values) return ev_fail(err, EV_E_MEMORY, "out of memory: " TENSOR_FAULT "%zu floats", name, t->count);
    convert(values, t);
    for (int i = 0; i < dims; i++) shape[i] = t->shape[i];
    *out = values;
    return EV_OK;
}
