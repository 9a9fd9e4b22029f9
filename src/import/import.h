/* import: published checkpoints to a model file.
 *
 *   import.c      START HERE: ev_model_import
 *   folder.c      where in a folder the files lie
 *   layout.c      which tensors a checkpoint must have, by sizes read from itself
 *   checkpoint.c  files of torch.save; pickle.c the language they are written in
 *   writer.c      the model file
 */
#ifndef EV_IMPORT_H
#define EV_IMPORT_H

#include <jansson.h>

#include "import/checkpoint.h"

enum { EV_PATH_MAX = 4096, EV_LAYOUT_NAME_MAX = 128 };

/* ---- folder.c ---- */
typedef struct ev_import_files { /* paths; "": none */
    char generator[EV_PATH_MAX], style[EV_PATH_MAX], vocabulary[EV_PATH_MAX], tokens[EV_PATH_MAX],
        speakers[EV_PATH_MAX], config[EV_PATH_MAX];
} ev_import_files;
/* g_NNN, checkpoint_NNN (of several the highest number), vocab.txt, tokenlist, speaker2, config.yaml, however deep.
 * EV_E_IO; EV_E_NOT_FOUND names what is missing, or of what there are two. Those set already are not looked for. */
ev_status ev_import_find(ev_import_files *files, const char *folder, ev_error *err);
/* A text file whole, NUL-terminated; the caller's (free). */
ev_status ev_import_text(char **out, size_t *bytes, const char *path, size_t most, ev_error *err);
/* What the project's config.yaml says of heads and rates; left as they are where it says nothing. */
typedef struct ev_import_heads {
    int encoder, rates[6], rate_count, sample_rate;
} ev_import_heads;
ev_status ev_import_config(ev_import_heads *out, const char *path, ev_error *err);

/* ---- layout.c ---- */
typedef struct ev_wanted { /* a tensor of the model file */
    char name[EV_LAYOUT_NAME_MAX];
    int dims;
    int64_t shape[EV_PICKLE_DIMS_MAX];
    size_t source, gain; /* in the checkpoint; gain SIZE_MAX: no weight norm */
} ev_wanted;

typedef struct ev_layout {
    ev_buf wanted; /* ev_wanted */
    size_t surplus;
} ev_layout;
/* Sizes from the checkpoint, as the "acoustic" and "vocoder" of a model's configuration; and every tensor.
 * EV_E_FORMAT names what is missing, surplus or of another shape. */
ev_status ev_layout_generator(ev_layout *out, const ev_checkpoint *c, const ev_import_heads *heads, json_t *acoustic,
                              json_t *vocoder, ev_error *err);
/* heads: 0 for the published 64 numbers a head. */
ev_status ev_layout_style(ev_layout *out, const ev_checkpoint *c, int heads, size_t vocabulary, json_t *config,
                          ev_error *err);
void ev_layout_free(ev_layout *l);

#endif
