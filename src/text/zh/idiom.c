/* idiom: sayings with figures in them, as they are typed in haste: 3长2短, 100发100中. Only those that numbers by
 * themselves would be said otherwise in.
 */
#include <string.h>

#include "text/zh/zh.h"

enum { IDIOM_CHARS = 8 };

static const char *const idioms[] = {
    "三长两短", "三言两语", "一举两得", "一刀两断", "三三两两", "两全其美", "两败俱伤", "两面三刀", "半斤八两",
    "百发百中", "百战百胜", "百依百顺", "百折不挠", "百里挑一", "百花齐放", "百家争鸣", "百无禁忌", "百年好合",
    "千军万马", "千方百计", "千山万水", "千言万语", "千变万化", "千家万户", "千真万确", "千辛万苦", "千钧一发",
    "千奇百怪", "千疮百孔", "千里迢迢", "成千上万", "万无一失", "万众一心", "万里挑一", "万事如意"};

static long value_of(int32_t cp) {
    static const char digits[] = "零一二三四五六七八九十";
    size_t at = 0;
    for (long value = 0; at < sizeof digits - 1; value++)
        if (ev_utf8_next(digits, sizeof digits - 1, &at) == cp) return value;
    return cp == 0x4E24 ? 2 : cp == 0x767E ? 100 : cp == 0x5343 ? 1000 : cp == 0x4E07 ? 10000 : -1; /* 两百千万 */
}

/* Characters that say cp at i, which may be figures; 0: something else. */
static size_t says(const zh_view *v, size_t i, int32_t cp) {
    size_t digits = zh_count_digits(v, i);
    if (zh_at(v, i) == cp) return 1;
    return digits && digits < 6 && value_of(cp) == (long)zh_value(v, i, digits) ? digits : 0;
}

/* The same for what ends right before `end`. */
static size_t says_before(const zh_view *v, size_t end, int32_t cp) {
    size_t digits = 0;
    if (end > 0 && zh_at(v, end - 1) == cp) return 1;
    while (digits < 6 && digits < end && zh_digit(v, end - digits - 1)) digits++;
    return digits && says(v, end - digits, cp) == digits ? digits : 0;
}

/* Does the idiom's character k stand at the figures [i, end), and the others around them? */
static bool stands(const zh_view *v, size_t i, size_t end, const int32_t *idiom, size_t n, size_t k) {
    if (value_of(idiom[k]) != (long)zh_value(v, i, end - i)) return false;
    for (size_t before = k; before-- > 0;) {
        size_t length = says_before(v, i, idiom[before]);
        if (!length) return false;
        i -= length;
    }
    for (size_t after = k + 1; after < n; after++) {
        size_t length = says(v, end, idiom[after]);
        if (!length) return false;
        end += length;
    }
    return true;
}

bool zh_idiom(const zh_view *v, size_t i, size_t digits, char out[8]) {
    const uint64_t value = zh_value(v, i, digits);
    const bool one = value == 1 && zh_in(zh_at(v, i + digits), "举刀");
    if (digits > 5 || (!one && value != 2 && value != 100 && value != 1000 && value != 10000)) return false;
    for (size_t k = 0; k < EV_ARRAY_COUNT(idioms); k++) {
        int32_t idiom[IDIOM_CHARS];
        size_t n = 0;
        for (size_t at = 0, bytes = strlen(idioms[k]); at < bytes && n < IDIOM_CHARS; n++)
            idiom[n] = ev_utf8_next(idioms[k], bytes, &at);
        for (size_t c = 0; c < n; c++) {
            if (!stands(v, i, i + digits, idiom, n, c)) continue;
            out[ev_utf8_put(idiom[c], out)] = '\0';
            return true;
        }
    }
    return false;
}
