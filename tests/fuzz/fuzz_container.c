/* Fuzzes the model container: any bytes either are refused or give tensors whose every byte may be read. */
#include <stdlib.h>
#include <string.h>

#include "model/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    ev_container *c = NULL;
    ev_error err;
    if (ev_container_parse(&c, bytes, size, &err)) return 0;
    for (size_t i = 0; i < ev_container_count(c); i++) {
        const ev_tensor *t = ev_container_at(c, i);
        if (ev_container_find(c, t->name) != t) abort();
        int64_t shape[EV_TENSOR_DIMS_MAX] = {-1, -1, -1, -1};
        float *values = NULL;
        if (ev_container_floats(c, t->name, t->dims, shape, &values, &err)) continue;
        float *copy = malloc(t->count * sizeof *copy + 1); /* reads every value that was promised */
        if (copy) memcpy(copy, values, t->count * sizeof *copy);
        free(copy);
        free(values);
    }
    ev_container_metadata(c, "config");
    ev_container_free(&c);
    return 0;
}
