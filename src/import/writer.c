/* writer: see writer.h. */
#include "import/writer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"

struct ev_writer {
    char *path, *unfinished;
    FILE *file;
    json_t *header;
    bool half;
    size_t declared, written; /* items */
};

static ev_status no_memory(ev_error *err) { return ev_fail(err, EV_E_MEMORY, "out of memory for the model file"); }

static ev_status failed(const ev_writer *w, ev_error *err) {
    return ev_fail(err, EV_E_IO, "cannot write '%.160s': %s", w->path, strerror(errno));
}

ev_status ev_writer_create(ev_writer **out, const char *path, bool half, ev_error *err) {
    *out = NULL;
    ev_writer *w = calloc(1, sizeof *w);
    const size_t n = strlen(path) + 32;
    if (w) {
        w->half = half;
        w->path = strdup(path);
        w->unfinished = malloc(n);
        w->header = json_object();
    }
    if (!w || !w->path || !w->unfinished || !w->header) {
        ev_writer_free(&w);
        return no_memory(err);
    }
    snprintf(w->unfinished, n, "%s.%ld.part", path, (long)getpid());
    w->file = fopen(w->unfinished, "wbx");
    if (!w->file) {
        const ev_status s = failed(w, err);
        free(w->unfinished); /* not ours to remove */
        w->unfinished = NULL;
        ev_writer_free(&w);
        return s;
    }
    *out = w;
    return EV_OK;
}

ev_status ev_writer_declare(ev_writer *w, const char *name, int dims, const int64_t *shape, ev_error *err) {
    assert(dims >= 0 && !w->written);
    const size_t width = w->half ? 2 : 4;
    size_t count = 1;
    json_t *sizes = json_array();
    for (int i = 0; i < dims; i++) {
        count *= (size_t)shape[i];
        json_array_append_new(sizes, json_integer(shape[i]));
    }
    const json_int_t begin = (json_int_t)(w->declared * width);
    w->declared += count;
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", w->half ? "F16" : "F32", "shape", sizes,
                              "data_offsets", begin, (json_int_t)(w->declared * width));
    return json_object_set_new(w->header, name, entry) == 0 ? EV_OK : no_memory(err);
}

ev_status ev_writer_begin(ev_writer *w, const json_t *metadata, ev_error *err) {
    assert(w->file && !w->written);
    if (json_object_set(w->header, "__metadata__", (json_t *)metadata) != 0) return no_memory(err);
    char *text = json_dumps(w->header, JSON_COMPACT);
    if (!text) return no_memory(err);
    const size_t n = strlen(text), padded = (n + 7) / 8 * 8;
    const uint64_t size = padded;
    bool good = fwrite(&size, sizeof size, 1, w->file) == 1 && fwrite(text, 1, n, w->file) == n;
    for (size_t i = n; i < padded; i++) good = good && putc(' ', w->file) != EOF;
    free(text);
    return good ? EV_OK : failed(w, err);
}

static ev_status write_halves(ev_writer *w, const float *values, size_t count, ev_error *err) {
    uint16_t block[4096];
    for (size_t at = 0; at < count;) {
        size_t n = 0;
        for (; n < EV_ARRAY_COUNT(block) && at < count; n++, at++) {
            block[n] = ev_half_of_float(values[at]);
            if ((block[n] & 0x7C00) == 0x7C00) {
                return ev_fail(err, EV_E_FORMAT, "a weight is %g, more than 16 bits hold; import in 32",
                               (double)values[at]);
            }
        }
        if (fwrite(block, sizeof *block, n, w->file) != n) return failed(w, err);
    }
    return EV_OK;
}

ev_status ev_writer_floats(ev_writer *w, const float *values, size_t count, ev_error *err) {
    w->written += count;
    assert(w->written <= w->declared);
    if (w->half) return write_halves(w, values, count, err);
    return fwrite(values, sizeof *values, count, w->file) == count ? EV_OK : failed(w, err);
}

ev_status ev_writer_finish(ev_writer *w, ev_error *err) {
    assert(w->written == w->declared);
    FILE *file = w->file;
    w->file = NULL;
    const bool good = fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (fclose(file) != 0 || !good || rename(w->unfinished, w->path) != 0) return failed(w, err);
    free(w->unfinished);
    w->unfinished = NULL;
    return EV_OK;
}

void ev_writer_free(ev_writer **writer) {
    ev_writer *w = *writer;
    *writer = NULL;
    if (!w) return;
    if (w->file) fclose(w->file);
    if (w->unfinished) unlink(w->unfinished);
    json_decref(w->header);
    free(w->path);
    free(w->unfinished);
    free(w);
}
