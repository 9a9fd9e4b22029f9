/* Fuzzes the reader of published checkpoints: any bytes either are refused or give tensors whose every number was in
 * them. The first byte chooses: the pickle alone, or an archive around it. */
#include <stdlib.h>
#include <string.h>

#include "import/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_archive(const uint8_t *bytes, size_t size) {
    ev_checkpoint *c = NULL;
    ev_error err;
    if (ev_checkpoint_parse(&c, bytes, size, "generator", "module.", &err)) return;
    for (size_t i = 0; i < ev_checkpoint_count(c); i++) {
        float *values = NULL;
        if (ev_checkpoint_find(c, ev_checkpoint_name(c, i)) != i) abort();
        if (ev_checkpoint_floats(c, i, &values, &err) == EV_OK) free(values);
    }
    ev_checkpoint_free(&c);
}

static void read_pickle(const uint8_t *bytes, size_t size) {
    ev_pickle *p = NULL;
    ev_error err;
    if (ev_pickle_read(&p, bytes, size, &err)) return;
    const ev_pickle_value root = ev_pickle_root(p);
    for (size_t i = 0; i < ev_pickle_count(p, root); i++) {
        ev_pickle_value key, value;
        size_t length = 0;
        ev_pickle_entry(p, root, i, &key, &value);
        const char *text = ev_pickle_string(p, key, &length);
        if (text && (text < (const char *)bytes || text + length > (const char *)bytes + size)) abort();
        const ev_pickle_tensor *t = ev_pickle_tensor_of(p, value);
        if (t && t->dims > EV_PICKLE_DIMS_MAX) abort();
    }
    ev_pickle_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    if (bytes[0] % 2)
        read_archive(bytes + 1, size - 1);
    else
        read_pickle(bytes + 1, size - 1);
    return 0;
}
