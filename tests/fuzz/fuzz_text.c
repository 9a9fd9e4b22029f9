/* Fuzzes the way from text to phones: any bytes either are refused or give phones whose places lie in the text. The
 * first byte chooses the language hint and the sentence limit. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static ev_text *open_once(void) {
    static ev_text *text;
    ev_error err;
    if (!text && ev_text_open(&text, EV_TEST_DIR "/../models", &err) != EV_OK) abort();
    return text;
}

static void check(const ev_phones *r, size_t bytes, size_t phones_max) {
    for (size_t i = 0; i < r->phone_count; i++) {
        const ev_phone *p = &r->phones[i];
        if (p->byte_begin > p->byte_end || p->byte_end > bytes || p->name != ev_token_name(p->token)) abort();
        if (p->word >= 0 && (size_t)p->word >= r->word_count) abort();
    }
    for (size_t i = 0; i < r->word_count; i++) {
        const ev_word *w = &r->words[i];
        if (w->byte_begin > w->byte_end || w->byte_end > bytes || w->phone_begin >= w->phone_end) abort();
        if (strlen(w->spoken) > EV_TEXT_BYTES_MAX) abort();
    }
    for (size_t i = 0; i < r->sentence_count; i++)
        if (r->sentences[i].phone_end - r->sentences[i].phone_begin > phones_max) abort();
    for (size_t i = 0; i < r->omission_count; i++)
        if (r->omissions[i].byte_begin > r->omissions[i].byte_end || r->omissions[i].byte_end > bytes) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const languages[] = {NULL, "en", "zh", "auto"};
    if (size == 0) return 0;
    const char *language = languages[bytes[0] & 3];
    size_t phones_max = bytes[0] & 4 ? 16 : 400;
    ev_phones *phones = NULL;
    ev_error err;
    const ev_text_options options = {.language = language, .markup = bytes[0] >> 3 & 1};
    if (ev_text_phones(&phones, open_once(), (const char *)bytes + 1, size - 1, &options, phones_max, &err) == EV_OK)
        check(phones, size - 1, phones_max);
    ev_phones_free(&phones);
    return 0;
}
