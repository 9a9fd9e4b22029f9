/* Fuzzes the model container: any bytes either are refused or give tensors whose every byte may be read, and a
 * configuration whose numbers are in range. */
#include <stdlib.h>
#include <string.h>

#include "model/acoustic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_config(const ev_container *c) {
    ev_config config;
    ev_acoustic acoustic;
    ev_error err;
    if (ev_config_read(&config, c, &err)) return;
    const ev_acoustic_config *a = &config.acoustic;
    if (a->channels != config.vocoder.inputs || (config.speaker.embedding && a->speaker != config.speaker.embedding))
        abort();
    if (strcmp(a->family->name, "convnext") == 0 && json_array_size(a->table) != (size_t)a->tokens) abort();
    if (ev_acoustic_load(&acoustic, c, a, 16, &err) == EV_OK) ev_acoustic_free(&acoustic);
    ev_config_free(&config);
}

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
    read_config(c);
    ev_container_free(&c);
    return 0;
}
