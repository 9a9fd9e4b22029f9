/* Fuzzes markup in texts: any bytes either are refused or give phones whose places lie in the text, however they are
 * marked, and with a dictionary that the bytes themselves make. The first byte chooses; where it says so, what stands
 * before the first zero byte is the dictionary. */
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

static void check(const ev_phones *r, const char *text, size_t bytes) {
    for (size_t i = 0; i < r->phone_count; i++) {
        const ev_phone *p = &r->phones[i];
        if (p->byte_begin > p->byte_end || p->byte_end > bytes) abort();
        if (!(p->speed >= 0.25f && p->speed <= 4 && p->pitch_scale >= 0.5f && p->pitch_scale <= 2)) abort();
        if (!(p->energy_scale >= 0 && p->energy_scale <= 4)) abort();
    }
    for (size_t i = 0; i < r->word_count; i++)
        if (r->words[i].byte_begin > r->words[i].byte_end || r->words[i].byte_end > bytes) abort();
    for (size_t i = 0; i < r->omission_count; i++) {
        const ev_omission *o = &r->omissions[i];
        size_t at = o->byte_begin;
        if (o->byte_begin >= o->byte_end || o->byte_end > bytes) abort();
        if (ev_utf8_next(text, bytes, &at) < 0 || (o->spoken && strlen(o->spoken) > 1024)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    const uint8_t how = bytes[0];
    const char *text = (const char *)bytes + 1;
    size_t n = size - 1;
    ev_text_options options = {.markup = how % 3, .audio_tags = how & 64 ? EV_AUDIO_TAGS_DROP : EV_AUDIO_TAGS_SPEAK};
    ev_dictionary *dictionary = NULL;
    const char *zero = how & 128 ? memchr(text, 0, n) : NULL;
    if (zero) {
        ev_dictionary_parse(&dictionary, text, (size_t)(zero - text), NULL);
        n -= (size_t)(zero - text) + 1;
        text = zero + 1;
    }
    options.dictionaries[0] = dictionary;
    ev_phones *phones = NULL;
    if (ev_text_phones(&phones, open_once(), text, n, &options, 0, NULL) == EV_OK) check(phones, text, n);
    ev_phones_free(&phones);
    ev_dictionary_free(&dictionary);
    return 0;
}
