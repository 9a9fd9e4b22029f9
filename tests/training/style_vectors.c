/* style_vectors: a tool of published_real.py: the style encoder's vector of each line that it reads, as floats.
 *
 *   style_vectors MODEL < lines > floats
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/prompttts.h"

static int fail(const char *what) {
    fprintf(stderr, "style_vectors: %s\n", what);
    return 1;
}

static int write_vectors(ev_style *style, size_t width, float *vector) {
    char line[4096];
    ev_error err = {0};
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (ev_style_vector(style, NULL, "line", line, strlen(line), true, vector, &err) != EV_OK)
            return fail(err.message);
        if (fwrite(vector, sizeof *vector, width, stdout) != width) return fail("cannot write");
    }
    return 0;
}

int main(int argc, char **argv) {
    ev_model *model = NULL;
    ev_model_options options;
    ev_error err = {0};
    if (argc != 2) return fail("give a model file");
    ev_model_options_init(&options);
    options.lexicon_dir = EV_TEST_DIR "/../models";
    if (ev_model_open(&model, argv[1], &options, &err) != EV_OK) return fail(err.message);
    int code = 1;
    if (model->acoustic.family == &ev_prompttts_family) {
        const ev_prompttts *p = model->acoustic.model;
        const size_t width = (size_t)p->config.style.width;
        float *vector = calloc(width, sizeof *vector);
        code = vector ? write_vectors(p->style, width, vector) : fail("out of memory");
        free(vector);
    } else {
        fail("the model has no style encoder");
    }
    ev_model_free(&model);
    return code;
}
