/* names: what an untrusted client may call something that others will read in a list. */
#include <string.h>
#include <utf8proc.h>

#include "server/guard/guard.h"

static bool in(int32_t c, int32_t first, int32_t last) { return c >= first && c <= last; }

/* Marks that turn the direction of what stands about them: a name with them is read as another one. */
static bool turns_direction(int32_t c) {
    return in(c, 0x200E, 0x200F) || c == 0x061C || in(c, 0x202A, 0x202E) || in(c, 0x2066, 0x206F);
}

/* Joiners of emoji and of scripts that need them, and the forms of a character: nothing alone, but no harm. */
static bool joins(int32_t c) { return in(c, 0x200C, 0x200D) || in(c, 0xFE00, 0xFE0F) || in(c, 0xE0100, 0xE01EF); }

/* Letters and symbols by their category that show as nothing. */
static bool is_blank(int32_t c) {
    return in(c, 0x115F, 0x1160) || in(c, 0x17B4, 0x17B5) || in(c, 0x180B, 0x180F) || c == 0x2800 || c == 0x3164 ||
           c == 0xFFA0 || c == 0x034F || in(c, 0xFFFC, 0xFFFD);
}

static bool is_allowed(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_CF: return joins(c) || in(c, 0xE0020, 0xE007F); /* the flags of some regions are tags */
    default: return !turns_direction(c);
    }
}

static bool is_visible(int32_t c) {
    const utf8proc_category_t category = utf8proc_category(c);
    const bool drawn = in((int32_t)category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO) ||
                       in((int32_t)category, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_SO);
    return drawn && !is_blank(c);
}

bool sv_name_shown(const char *name) {
    const size_t bytes = strlen(name);
    bool visible = false;
    for (size_t at = 0; at < bytes;) {
        const int32_t c = ev_utf8_next(name, bytes, &at);
        if (c < 0 || !is_allowed(c)) return false;
        visible |= is_visible(c);
    }
    return visible;
}
