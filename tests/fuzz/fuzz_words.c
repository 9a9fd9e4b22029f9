/* Fuzzes the word filter: any text is refused or searched, and hits lie in it at whole characters; any list is
 * refused or makes a filter that searches. The first byte chooses which. */
#include <stdlib.h>
#include <string.h>

#include "server/guard/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char LIST[] =
    "a: ass\nsex\nfuck*\n*kill*\nwhite power\nill\n3p\nhitler\n敏感词\n感词\n毒品\nхуй\nηλίος\n";

static sv_words *open_once(void) {
    static sv_words *words;
    if (!words && sv_words_parse(&words, LIST, sizeof(LIST) - 1, "list", NULL) != EV_OK) abort();
    return words;
}

static bool is_edge(const char *text, size_t bytes, size_t at) {
    return at == bytes || ((unsigned char)text[at] & 0xC0) != 0x80;
}

static void search(const sv_words *words, const char *text, size_t bytes) {
    sv_word_hit hits[8];
    size_t count = 0, again = 0, begin, end;
    if (sv_words_phones(text, bytes, &begin, &end) && (text[begin] != '[' || begin >= end || end > bytes)) abort();
    const ev_status status = sv_words_find(words, text, bytes, hits, 8, &count, NULL);
    if (status == EV_E_TEXT && count != 0) abort();
    if (status != EV_OK) return;
    for (size_t i = 0; i < count && i < 8; i++) {
        const sv_word_hit *h = &hits[i];
        if (h->byte_begin >= h->byte_end || h->byte_end > bytes) abort();
        if (!is_edge(text, bytes, h->byte_begin) || !is_edge(text, bytes, h->byte_end)) abort();
        if (strlen(h->rule) == 0 || strlen(h->rule) > 63) abort();
    }
    if (sv_words_find(words, text, bytes, hits, 8, &again, NULL) != EV_OK || again != count) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size == 0) return 0;
    const char *text = (const char *)bytes + 1;
    if (bytes[0] & 1) {
        sv_words *words = NULL;
        if (sv_words_parse(&words, text, size - 1, "list", NULL) == EV_OK) search(words, text, size - 1);
        sv_words_free(&words);
    } else {
        search(open_once(), text, size - 1);
    }
    return 0;
}
