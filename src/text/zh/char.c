/* char: sets of characters, and characters into a phrase. */
#include <string.h>

#include "text/zh/zh.h"

bool zh_in(int32_t cp, const char *utf8_set) {
    char member[5];
    if (cp > 0 && cp < 0x80) return strchr(utf8_set, cp) != NULL;
    member[cp > 0 ? ev_utf8_put(cp, member) : 0] = '\0'; /* no character begins inside another */
    return *member && strstr(utf8_set, member) != NULL;
}

bool ev_zh_is_han(int32_t cp) {
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x20000 && cp <= 0x323AF) || cp == 0x3005 || cp == 0x3007;
}

void zh_put_char(zh_phrase *p, int32_t cp, uint32_t begin, uint32_t end, uint32_t flags) {
    zh_char *slot = ev_array_push(&p->chars, zh_char);
    if (slot) *slot = (zh_char){cp, begin, end, flags};
}

void zh_put(zh_out *out, const char *utf8, uint32_t flags) {
    if (!out->phrase) return;
    for (size_t at = 0, bytes = strlen(utf8); at < bytes;) {
        bool first = at == 0;
        int32_t cp = ev_utf8_next(utf8, bytes, &at);
        if (cp < 0) return;
        zh_put_char(out->phrase, cp, out->begin, out->end,
                    first ? flags & ~(uint32_t)ZH_JOIN : flags & ~(uint32_t)ZH_START);
    }
}
