/* checkpoint: see checkpoint.h. libzip reads the archive and checks its sums. */
#include "import/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/half.h"
#include "base/try.h"

enum { PICKLE_BYTES_MAX = 64 << 20, TENSORS_MAX = 20000, NAME_BYTES_MAX = 160, PREFIX_BYTES_MAX = 200 };

typedef struct entry {
    char name[NAME_BYTES_MAX + 1];
    const ev_pickle_tensor *tensor;
} entry;

struct ev_checkpoint {
    zip_t *zip;
    char prefix[PREFIX_BYTES_MAX + 1]; /* of the archive's names */
    unsigned char *bytes;              /* of the pickle */
    ev_pickle *pickle;
    entry *entries; /* [count], in order of their names */
    size_t count;
};

/* ---- archive ---- */

/* A file of the archive whole. What is compressed may be larger than all memory: torch.save compresses nothing. */
static ev_status read_entry(zip_t *zip, zip_uint64_t index, uint64_t most, unsigned char **out, size_t *size,
                            ev_error *err) {
    zip_stat_t st;
    if (zip_stat_index(zip, index, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE) ||
        !(st.valid & ZIP_STAT_COMP_METHOD)) {
        return ev_fail(err, EV_E_FORMAT, "checkpoint: damaged archive: %s", zip_strerror(zip));
    }
    if (st.comp_method != ZIP_CM_STORE) return ev_fail(err, EV_E_FORMAT, "checkpoint: its data are compressed");
    if (st.size > most)
        return ev_fail(err, EV_E_LIMIT, "checkpoint: an entry of %llu bytes", (unsigned long long)st.size);
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    if (!file) return ev_fail(err, EV_E_FORMAT, "checkpoint: damaged archive: %s", zip_strerror(zip));
    *size = (size_t)st.size;
    *out = malloc(*size ? *size : 1);
    ev_status s = *out ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    char beyond;
    const bool whole = s == EV_OK && zip_fread(file, *out, *size) == (zip_int64_t)*size &&
                       zip_fread(file, &beyond, 1) == 0; /* at the end it compares the sum */
    if (s == EV_OK && !whole)
        s = ev_fail(err, EV_E_FORMAT, "checkpoint: damaged archive: a file in it is not what its sum says");
    zip_fclose(file);
    if (s != EV_OK) {
        free(*out);
        *out = NULL;
    }
    return s;
}

/* The archive's one folder has any name. */
static ev_status find_pickle(ev_checkpoint *c, zip_uint64_t *index, ev_error *err) {
    static const char tail[] = "data.pkl";
    const zip_int64_t n = zip_get_num_entries(c->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(c->zip, (zip_uint64_t)i, 0);
        const size_t length = name ? strlen(name) : 0, cut = sizeof tail - 1;
        if (length < cut || strcmp(name + length - cut, tail) != 0) continue;
        if (length > cut && name[length - cut - 1] != '/') continue;
        if (length - cut > PREFIX_BYTES_MAX) continue;
        memcpy(c->prefix, name, length - cut);
        *index = (zip_uint64_t)i;
        return EV_OK;
    }
    return ev_fail(err, EV_E_FORMAT, "checkpoint: no data.pkl in it; is it a file of torch.save?");
}

/* ---- table ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static ev_status find_table(const ev_pickle *p, const char *key, ev_pickle_value *table, ev_error *err) {
    const ev_pickle_value root = ev_pickle_root(p);
    for (size_t i = 0; i < ev_pickle_count(p, root); i++) {
        ev_pickle_value name;
        size_t bytes;
        ev_pickle_entry(p, root, i, &name, table);
        const char *text = ev_pickle_string(p, name, &bytes);
        if (text && bytes == strlen(key) && memcmp(text, key, bytes) == 0 &&
            ev_pickle_kind_of(p, *table) == EV_PICKLE_DICT) {
            return EV_OK;
        }
    }
    return ev_fail(err, EV_E_FORMAT, "checkpoint: no \"%s\" in it", key);
}

static ev_status add_tensor(ev_checkpoint *c, const char *text, size_t bytes, const ev_pickle_tensor *t,
                            const char *prefix, ev_error *err) {
    assert(t && c->count < TENSORS_MAX);
    const size_t cut = strlen(prefix);
    if (bytes > cut && memcmp(text, prefix, cut) == 0) {
        text += cut;
        bytes -= cut;
    }
    bool plain = bytes > 0 && bytes <= NAME_BYTES_MAX;
    for (size_t i = 0; plain && i < bytes; i++) plain = text[i] > ' ' && text[i] < 127;
    if (!plain)
        return ev_fail(err, EV_E_FORMAT, "checkpoint: a tensor's name is not 1..%d plain characters", NAME_BYTES_MAX);
    entry *e = &c->entries[c->count++];
    memcpy(e->name, text, bytes);
    e->tensor = t;
    return EV_OK;
}

static ev_status list_tensors(ev_checkpoint *c, const char *key, const char *prefix, ev_error *err) {
    ev_pickle_value table;
    TRY(find_table(c->pickle, key, &table, err));
    const size_t n = ev_pickle_count(c->pickle, table);
    if (n > TENSORS_MAX) return ev_fail(err, EV_E_LIMIT, "checkpoint: %zu tensors", n);
    c->entries = calloc(n + 1, sizeof *c->entries);
    if (!c->entries) return ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    for (size_t i = 0; i < n; i++) {
        ev_pickle_value name, value;
        size_t bytes;
        ev_pickle_entry(c->pickle, table, i, &name, &value);
        const char *text = ev_pickle_string(c->pickle, name, &bytes);
        const ev_pickle_tensor *t = ev_pickle_tensor_of(c->pickle, value);
        if (!text || !t) continue;
        TRY(add_tensor(c, text, bytes, t, prefix, err));
    }
    qsort(c->entries, c->count, sizeof *c->entries, by_name);
    for (size_t i = 1; i < c->count; i++) {
        if (strcmp(c->entries[i - 1].name, c->entries[i].name) == 0) {
            return ev_fail(err, EV_E_FORMAT, "checkpoint: two tensors are named %s", c->entries[i].name);
        }
    }
    return EV_OK;
}

static ev_status read_all(ev_checkpoint *c, const char *key, const char *prefix, ev_error *err) {
    zip_uint64_t index = 0;
    size_t size = 0;
    TRY(find_pickle(c, &index, err));
    TRY(read_entry(c->zip, index, PICKLE_BYTES_MAX, &c->bytes, &size, err));
    TRY(ev_pickle_read(&c->pickle, c->bytes, size, err));
    return list_tensors(c, key, prefix, err);
}

/* Takes the source. */
static ev_status open_source(ev_checkpoint **out, zip_source_t *source, const char *key, const char *prefix,
                             ev_error *err) {
    ev_checkpoint *c = calloc(1, sizeof *c);
    zip_error_t fault;
    zip_error_init(&fault);
    *out = NULL;
    if (c && source) c->zip = zip_open_from_source(source, ZIP_RDONLY, &fault);
    ev_status s = EV_OK;
    if (!c || !source) {
        s = ev_fail(err, EV_E_MEMORY, "out of memory for the checkpoint");
    } else if (!c->zip) {
        s = ev_fail(err, EV_E_FORMAT, "checkpoint: no archive of torch.save (version 1.6 or newer): %s",
                    zip_error_strerror(&fault));
    }
    if (source && (!c || !c->zip)) zip_source_free(source);
    zip_error_fini(&fault);
    if (s == EV_OK) s = read_all(c, key, prefix, err);
    if (s == EV_OK)
        *out = c;
    else
        ev_checkpoint_free(&c);
    return s;
}

ev_status ev_checkpoint_parse(ev_checkpoint **out, const void *bytes, size_t size, const char *key,
                              const char *prefix, ev_error *err) {
    return open_source(out, zip_source_buffer_create(bytes, size, 0, NULL), key, prefix, err);
}

ev_status ev_checkpoint_open(ev_checkpoint **out, const char *path, const char *key, const char *prefix,
                             ev_error *err) {
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return ev_fail(err, EV_E_IO, "cannot open '%.160s': %m", path);
    fclose(file);
    ev_error inner = {0};
    const ev_status s = open_source(out, zip_source_file_create(path, 0, -1, NULL), key, prefix, &inner);
    return s == EV_OK ? s : ev_fail(err, s, "'%.100s': %s", path, inner.message);
}

void ev_checkpoint_free(ev_checkpoint **checkpoint) {
    ev_checkpoint *c = *checkpoint;
    *checkpoint = NULL;
    if (!c) return;
    if (c->zip) zip_discard(c->zip);
    ev_pickle_free(&c->pickle);
    free(c->bytes);
    free(c->entries);
    free(c);
}

size_t ev_checkpoint_count(const ev_checkpoint *c) { return c->count; }

const char *ev_checkpoint_name(const ev_checkpoint *c, size_t i) {
    assert(i < c->count);
    return c->entries[i].name;
}

const ev_pickle_tensor *ev_checkpoint_tensor(const ev_checkpoint *c, size_t i) {
    assert(i < c->count);
    return c->entries[i].tensor;
}

size_t ev_checkpoint_find(const ev_checkpoint *c, const char *name) {
    size_t low = 0, high = c->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(name, c->entries[middle].name);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}

/* ---- data ---- */

static const size_t item_bytes[] = {
    [EV_STORAGE_F32] = 4, [EV_STORAGE_F16] = 2, [EV_STORAGE_BF16] = 2, [EV_STORAGE_F64] = 8};

static_assert(sizeof item_bytes / sizeof *item_bytes == EV_STORAGE_OTHER, "a size for every type that is read");

static float number_at(ev_storage type, const unsigned char *data, size_t index) {
    const unsigned char *from = data + index * item_bytes[type];
    uint16_t half;
    float single;
    double wide;
    switch (type) {
    case EV_STORAGE_F16: memcpy(&half, from, 2); return ev_float_of_half(half);
    case EV_STORAGE_BF16: memcpy(&half, from, 2); return ev_float_of_bits((uint32_t)half << 16);
    case EV_STORAGE_F64: memcpy(&wide, from, 8); return (float)wide;
    default: memcpy(&single, from, 4); return single;
    }
}

static bool gather(const ev_pickle_tensor *t, const unsigned char *data, float *out, size_t count) {
    assert(t->type < EV_STORAGE_OTHER && t->dims >= 0 && t->dims <= EV_PICKLE_DIMS_MAX);
    int64_t at[EV_PICKLE_DIMS_MAX] = {0}, index = t->offset;
    for (size_t i = 0; i < count; i++) {
        out[i] = number_at(t->type, data, (size_t)index);
        if (!isfinite(out[i])) return false;
        for (int d = t->dims - 1; d >= 0; d--) {
            index += t->stride[d];
            if (++at[d] < t->shape[d]) break;
            index -= t->stride[d] * t->shape[d];
            at[d] = 0;
        }
    }
    return true;
}

static ev_status read_storage(const ev_checkpoint *c, const ev_pickle_tensor *t, const char *name,
                              unsigned char **data, ev_error *err) {
    char path[PREFIX_BYTES_MAX + 64];
    uint64_t wanted;
    size_t size;
    if (t->type == EV_STORAGE_OTHER)
        return ev_fail(err, EV_E_FORMAT, "tensor %s is not of floating-point numbers", name);
    if (t->key_bytes > 32 || __builtin_mul_overflow((uint64_t)t->items, item_bytes[t->type], &wanted)) {
        return ev_fail(err, EV_E_FORMAT, "tensor %s: its data's name or size make no sense", name);
    }
    snprintf(path, sizeof path, "%sdata/%.*s", c->prefix, (int)t->key_bytes, t->key);
    const zip_int64_t index = zip_name_locate(c->zip, path, ZIP_FL_ENC_RAW);
    if (index < 0) return ev_fail(err, EV_E_FORMAT, "tensor %s: its data are missing", name);
    TRY(read_entry(c->zip, (zip_uint64_t)index, wanted, data, &size, err));
    if (size == wanted) return EV_OK;
    free(*data);
    return ev_fail(err, EV_E_FORMAT, "tensor %s: its data have %zu bytes, wanted %llu", name, size,
                   (unsigned long long)wanted);
}

ev_status ev_checkpoint_floats(const ev_checkpoint *c, size_t i, float **out, ev_error *err) {
    assert(i < c->count);
    const ev_pickle_tensor *t = c->entries[i].tensor;
    const char *name = c->entries[i].name;
    unsigned char *data = NULL;
    size_t count = 1;
    for (int d = 0; d < t->dims; d++) count *= (size_t)t->shape[d]; /* bounded by its storage (pickle.c) */
    TRY(read_storage(c, t, name, &data, err));
    *out = malloc(count ? count * sizeof **out : 1);
    ev_status s = *out ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for tensor %s", name);
    if (s == EV_OK && !gather(t, data, *out, count)) {
        s = ev_fail(err, EV_E_FORMAT, "tensor %s has a number that is not finite", name);
        free(*out);
        *out = NULL;
    }
    free(data);
    return s;
}
