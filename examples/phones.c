/* phones: what a text will be spoken as, word by word. Needs no synth: the front-end is the model's.
 *
 *   example_phones OUTPUT.txt TEXT */
#include <stdio.h>
#include <string.h>

#include "emotivoice.h"

static void print_words(FILE *out, const ev_phones *phones, const char *text) {
    for (size_t w = 0; w < phones->word_count; w++) {
        const ev_word *word = &phones->words[w];
        int bytes = (int)(word->byte_end - word->byte_begin);
        fprintf(out, "%.*s\t%s\t%s\t", bytes, text + word->byte_begin, word->language, word->spoken);
        for (size_t p = word->phone_begin; p < word->phone_end; p++) fprintf(out, " %s", phones->phones[p].name);
        fputc('\n', out);
    }
    for (size_t i = 0; i < phones->omission_count; i++) {
        const ev_omission *omission = &phones->omissions[i];
        fprintf(out, "not spoken: %s at byte %zu\n", omission->reason, omission->byte_begin);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s OUTPUT.txt TEXT\n", argv[0]);
        return 2;
    }
    ev_error err = {0};
    ev_model *model = NULL;
    ev_phones *phones = NULL;
    ev_status status = ev_model_open(&model, NULL, NULL, &err);
    if (status == EV_OK) status = ev_phones_create(&phones, model, argv[2], strlen(argv[2]), NULL, &err);
    if (status != EV_OK) {
        fprintf(stderr, "%s\n", err.message);
    } else {
        FILE *out = fopen(argv[1], "w");
        if (out != NULL) print_words(out, phones, argv[2]);
        if (out == NULL || fclose(out) != 0) {
            perror(argv[1]);
            status = EV_E_IO;
        }
    }
    ev_phones_free(&phones);
    ev_model_free(&model);
    return status == EV_OK ? 0 : 1;
}
